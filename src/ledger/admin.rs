//! The ledger for the `ledger` command: all scopes, read and changed between runs.
//!
//! Reading waits for no run. A change takes the locks of the scopes it touches first, so that
//! nothing is changed while a run relies on it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::entry::{self, SELECT_ALL};
use super::error::StoreError;
use super::lock::Lock;
use super::rules::{Event, LedgerEntry, RunStamp, cut_name};
use super::store::Store;
use super::{Acceptance, Error, Key, Scope};

/// A ledger outside of a run.
#[derive(Debug)]
pub struct LedgerAdmin {
    store: Store,
}

/// A payload as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRow {
    /// Whose it is.
    pub scope: Scope,
    /// Shipment and payload.
    pub key: Key,
    /// The order's number, cut to 100 bytes.
    pub order_no: String,
    /// The tracking number, cut to 100 bytes.
    pub trackingnumber: String,
    /// When it was last accepted.
    pub accepted: Option<Acceptance>,
    /// The last run that looked it up or sent it.
    pub last_run: u64,
    /// Since when it is in doubt.
    pub in_doubt: Option<Timestamp>,
}

/// How much is in a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerStats {
    /// Bytes on the disk.
    pub bytes: u64,
    /// One for each endpoint and account, in the order in which they came.
    pub scopes: Vec<ScopeStats>,
}

/// How much a ledger holds for one endpoint and account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeStats {
    /// Whose it is.
    pub scope: Scope,
    /// Known shipments.
    pub shipments: u64,
    /// Their payloads.
    pub payloads: u64,
    /// Payloads in doubt.
    pub doubts: u64,
    /// Runs so far.
    pub runs: u64,
    /// The first acceptance that is remembered.
    pub first: Option<Timestamp>,
    /// The last one.
    pub last: Option<Timestamp>,
}

/// What to forget. A shipment is forgotten with all its payloads, so that no older one of them
/// counts as what the endpoint has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forget {
    /// The shipments of these orders.
    Orders(Vec<String>),
    /// The shipments that no run has seen since; those in doubt stay.
    NotSeenSince(Timestamp),
    /// The shipments of which a payload was last accepted in this run.
    Run(u64),
}

/// What a person decides about a shipment in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// It was accepted, and is not sent again.
    Sent,
    /// It was not: the next run sends it.
    Resend,
}

impl LedgerAdmin {
    /// Opens the ledger at `path`.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is none, and everything that can be wrong with one.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { store: Store::open(path)? })
    }

    /// The ledger's path, all symbolic links followed.
    pub fn path(&self) -> &Path {
        self.store.path()
    }

    /// Counts what is remembered.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn stats(&self) -> Result<LedgerStats, Error> {
        let scopes = self.scope_stats().map_err(|error| self.store.error(error))?;
        Ok(LedgerStats { bytes: self.store.bytes(), scopes })
    }

    fn scope_stats(&self) -> Result<Vec<ScopeStats>, StoreError> {
        let sql = "SELECT count(DISTINCT identity), count(*), count(doubt_run), \
                   (SELECT count(*) FROM run WHERE scope = ?1), min(accepted_at), max(accepted_at) \
                   FROM payload WHERE scope = ?1";
        let mut statement = self.store.connection.prepare(sql)?;
        let time = |at: Option<i64>| at.and_then(|at| Timestamp::from_second(at).ok());
        let mut count = |(id, scope)| {
            statement.query_row([id], |row| {
                let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
                Ok(ScopeStats {
                    scope,
                    shipments: number(0)?,
                    payloads: number(1)?,
                    doubts: number(2)?,
                    runs: number(3)?,
                    first: time(row.get(4)?),
                    last: time(row.get(5)?),
                })
            })
        };
        Ok(self.store.scopes()?.into_iter().map(&mut count).collect::<Result<_, _>>()?)
    }

    /// Passes everything that is remembered to `each`, in the order in which it came.
    ///
    /// # Errors
    /// When the ledger cannot be read, and what `each` returns.
    pub fn export<E: From<Error>>(
        &self,
        mut each: impl FnMut(LedgerRow) -> Result<(), E>,
    ) -> Result<(), E> {
        self.scan(|scope, entry| each(LedgerRow::new(scope, &entry)))
    }

    /// Everything in doubt.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn doubts(&self) -> Result<Vec<LedgerRow>, Error> {
        let doubts = self.in_doubt(|_| true)?;
        Ok(doubts.iter().map(|(scope, entry, _)| LedgerRow::new(scope, entry)).collect())
    }

    /// Forgets shipments; returns how many. They are sent again when they come again.
    ///
    /// # Errors
    /// [`Error::Locked`] while a run of their scope goes on, and when the ledger cannot be read or
    /// written.
    pub fn forget(&self, what: &Forget) -> Result<u64, Error> {
        // A damaged row could be chosen by mistake.
        self.scan(|_, _| Ok::<(), Error>(()))?;
        let (condition, value) = match what {
            Forget::Orders(orders) => {
                let orders: Vec<&str> = orders.iter().map(|order| cut_name(order)).collect();
                let orders = serde_json::to_string(&orders).unwrap_or_default();
                ("max(order_no IN (SELECT value FROM json_each(?1)))", Value::Text(orders))
            }
            Forget::Run(run) => ("max(accepted_run = ?1)", Value::Integer(run.cast_signed())),
            Forget::NotSeenSince(time) => (
                "count(doubt_run) = 0 AND max((SELECT started_at FROM run \
                 WHERE id = max(seen_run, touched_run))) < ?1",
                Value::Integer(time.as_second()),
            ),
        };
        let chosen = format!(
            "SELECT scope, identity FROM payload GROUP BY scope, identity HAVING {condition}"
        );
        let scopes = || -> Result<BTreeSet<Scope>, StoreError> {
            let sql = format!("SELECT DISTINCT scope FROM ({chosen})");
            let mut statement = self.store.connection.prepare(&sql)?;
            let ids = statement.query_map([&value], |row| row.get(0))?;
            let ids: Vec<i64> = ids.collect::<Result<_, _>>()?;
            let scopes = self.store.scopes()?.into_iter().filter(|(id, _)| ids.contains(id));
            Ok(scopes.map(|(_, scope)| scope).collect())
        };
        let scopes = scopes().map_err(|error| self.store.error(error))?;
        self.change(&scopes, "lateship ledger forget", |connection| {
            let count = format!("SELECT count(*) FROM ({chosen})");
            let count: i64 = connection.query_row(&count, [&value], |row| row.get(0))?;
            let delete = format!("DELETE FROM payload WHERE (scope, identity) IN ({chosen})");
            connection.execute(&delete, [&value])?;
            Ok(count.cast_unsigned())
        })
    }

    /// Decides everything in doubt of these orders; returns for each order how many payloads that
    /// were.
    ///
    /// # Errors
    /// [`Error::Locked`] while a run of their scope goes on, and when the ledger cannot be read or
    /// written.
    pub fn resolve(&self, orders: &[String], resolution: Resolution) -> Result<Vec<u64>, Error> {
        let is_one =
            |entry: &LedgerEntry| orders.iter().any(|order| cut_name(order) == entry.order_no);
        let scopes = self.in_doubt(is_one)?.into_iter().map(|(scope, ..)| scope).collect();
        let event = match resolution {
            Resolution::Sent => Event::Accepted,
            Resolution::Resend => Event::NotAccepted,
        };
        self.change(&scopes, "lateship ledger resolve", |connection| {
            let mut counts = vec![0; orders.len()];
            for (_, entry, attempt) in self.in_doubt(is_one)? {
                for (order, count) in orders.iter().zip(&mut counts) {
                    *count += u64::from(cut_name(order) == entry.order_no);
                }
                entry::write(connection, &mut entry.after(event, attempt))?;
            }
            Ok(counts)
        })
    }

    /// Checks everything; returns the number of payloads.
    ///
    /// # Errors
    /// [`Error::Damaged`] with the first damage found, and when the ledger cannot be read.
    pub fn verify(&self) -> Result<u64, Error> {
        let verify = || -> Result<u64, StoreError> {
            let moment = self.store.connection.unchecked_transaction()?;
            // Includes that the index and the table hold the same.
            let check = "PRAGMA integrity_check(1)";
            let found: String = moment.query_row(check, [], |row| row.get(0))?;
            if found != "ok" {
                return Err(StoreError::Damaged(found));
            }
            let last_run = "SELECT coalesce(max(id), 0) FROM run";
            let last_run: i64 = moment.query_row(last_run, [], |row| row.get(0))?;
            let mut count = 0;
            self.scan(|_, entry| {
                count += 1;
                if entry.touched_run <= last_run.cast_unsigned() {
                    return Ok(());
                }
                Err(StoreError::Damaged(format!("run {} is missing", entry.touched_run)))
            })?;
            Ok(count)
        };
        verify().map_err(|error| self.store.error(error))
    }

    /// Passes every entry and its scope to `each`.
    fn scan<E: From<Error>>(
        &self,
        mut each: impl FnMut(&Scope, LedgerEntry) -> Result<(), E>,
    ) -> Result<(), E> {
        let store = &self.store;
        let failed = |error| store.error(error);
        let mut scopes = BTreeMap::new();
        let mut statement = store.connection.prepare(SELECT_ALL).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let entry = entry::read(row).map_err(|error| store.error(error))?;
            // Read in the moment of the rows, since runs register scopes meanwhile.
            if scopes.is_empty() {
                scopes.extend(store.scopes().map_err(|error| store.error(error))?);
            }
            let missing = || StoreError::Damaged(format!("scope {} is missing", entry.scope));
            let scope = scopes.get(&entry.scope).ok_or_else(|| store.error(missing()))?;
            each(scope, entry)?;
        }
        Ok(())
    }

    /// Everything in doubt that is `wanted`, each with its last attempt.
    fn in_doubt(
        &self,
        wanted: impl Fn(&LedgerEntry) -> bool,
    ) -> Result<Vec<(Scope, LedgerEntry, RunStamp)>, Error> {
        let mut found = Vec::new();
        self.scan(|scope, entry| {
            if let Some(doubt) = entry.doubt.filter(|_| wanted(&entry)) {
                found.push((scope.clone(), entry, doubt));
            }
            Ok::<(), Error>(())
        })?;
        Ok(found)
    }

    /// Makes `change` while no run of these scopes goes on.
    fn change<T>(
        &self,
        scopes: &BTreeSet<Scope>,
        what: &str,
        change: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, Error> {
        let lock = |scope| Lock::take(self.path(), scope, what);
        let _locks = scopes.iter().map(lock).collect::<Result<Vec<_>, _>>()?;
        let changed = self.store.transaction(change)?;
        self.store.checkpoint("FULL")?;
        Ok(changed)
    }
}

impl LedgerRow {
    fn new(scope: &Scope, entry: &LedgerEntry) -> Self {
        Self {
            scope: scope.clone(),
            key: entry.key,
            accepted: entry.accepted.map(|RunStamp { run, at }| Acceptance { at, run }),
            last_run: entry.touched_run,
            in_doubt: entry.doubt.map(|doubt| doubt.at),
            order_no: entry.order_no.clone(),
            trackingnumber: entry.trackingnumber.clone(),
        }
    }
}
