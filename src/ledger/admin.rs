//! The ledger for the `ledger` command: all scopes, read and changed between runs.
//!
//! Reading waits for no run. A change takes the locks of the scopes it touches first, so that
//! nothing is changed while a run relies on it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use rusqlite::Connection;

use super::entry::{self, SELECT_ALL, find_shipment};
use super::error::StoreError;
use super::lock::Lock;
use super::rules::{Event, LedgerEntry, RunStamp, cut_name};
use super::store::{Durability, Store};
use super::{Acceptance, Error, Key, Scope};

/// A ledger outside of a run.
#[derive(Debug)]
pub struct LedgerAdmin {
    pub(super) store: Store,
    scopes: BTreeMap<i64, Scope>,
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
        Self::from_store(Store::open(path)?)
    }

    /// Opens the ledger at `path`; creates an empty one if there is none.
    ///
    /// # Errors
    /// Everything that can be wrong with a ledger.
    pub fn open_or_create(path: &Path) -> Result<Self, Error> {
        Self::from_store(Store::open_or_create(path)?)
    }

    fn from_store(store: Store) -> Result<Self, Error> {
        let scopes = store.scopes().map_err(|error| store.error(error))?;
        Ok(Self { store, scopes: scopes.into_iter().collect() })
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
        let time = |at: Option<i64>| {
            let out_of_range = |_| StoreError::Damaged("a time is out of range".to_owned());
            at.map(|at| Timestamp::from_second(at).map_err(out_of_range)).transpose()
        };
        let mut all = Vec::new();
        for (id, scope) in self.store.scopes()? {
            let (counts, first, last): ([i64; 4], _, _) = statement.query_row([id], |row| {
                let counts = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?];
                Ok((counts, row.get(4)?, row.get(5)?))
            })?;
            let [shipments, payloads, doubts, runs] = counts.map(i64::cast_unsigned);
            let (first, last) = (time(first)?, time(last)?);
            all.push(ScopeStats { scope, shipments, payloads, doubts, runs, first, last });
        }
        Ok(all)
    }

    /// Passes everything that is remembered to `each`, in the order in which it came.
    ///
    /// # Errors
    /// When the ledger cannot be read, and what `each` returns.
    pub fn export<E: From<Error>>(
        &self,
        mut each: impl FnMut(LedgerRow) -> Result<(), E>,
    ) -> Result<(), E> {
        self.scan(|entry| each(self.row(entry)?))
    }

    /// Everything in doubt.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn doubts(&self) -> Result<Vec<LedgerRow>, Error> {
        let mut doubts = Vec::new();
        self.scan(|entry| {
            if entry.doubt.is_some() {
                doubts.push(self.row(entry)?);
            }
            Ok::<(), Error>(())
        })?;
        Ok(doubts)
    }

    /// Forgets shipments; returns how many. They are sent again when they come again.
    ///
    /// # Errors
    /// [`Error::Locked`] while a run of their scope goes on, and when the ledger cannot be read or
    /// written.
    pub fn forget(&self, what: &Forget) -> Result<u64, Error> {
        let scopes = self.select(what).map_err(|error| self.store.error(error))?.scopes;
        self.change(&scopes, "lateship ledger forget", |connection| {
            let Selection { ids, shipments, .. } = self.select(what)?;
            let mut delete = connection.prepare("DELETE FROM payload WHERE id = ?1")?;
            ids.iter().try_for_each(|id| delete.execute([id]).map(drop))?;
            Ok(shipments)
        })
    }

    /// Decides everything in doubt of these orders; returns for each order how many payloads that
    /// were.
    ///
    /// # Errors
    /// [`Error::Locked`] while a run of their scope goes on, and when the ledger cannot be read or
    /// written.
    pub fn resolve(&self, orders: &[String], resolution: Resolution) -> Result<Vec<u64>, Error> {
        let scopes = self.in_doubt(orders)?.iter().map(|(entry, _)| entry.scope).collect();
        let event = match resolution {
            Resolution::Sent => Event::Accepted,
            Resolution::Resend => Event::NotAccepted,
        };
        self.change(&scopes, "lateship ledger resolve", |connection| {
            let mut counts = vec![0; orders.len()];
            for (entry, attempt) in self.in_doubt(orders)? {
                for (order, count) in orders.iter().zip(&mut counts) {
                    *count += u64::from(cut_name(order) == entry.order_no);
                }
                entry::write(connection, &mut entry.after(event, attempt))?;
            }
            Ok(counts)
        })
    }

    /// Closes the ledger, everything in its one file.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn close(self) -> Result<(), Error> {
        self.store.close()
    }

    /// The scope of a row; also one that a run has registered since the ledger was opened.
    fn scope(&self, id: i64) -> Result<Scope, StoreError> {
        if let Some(scope) = self.scopes.get(&id) {
            return Ok(scope.clone());
        }
        let found = self.store.scopes()?.into_iter().find(|(known, _)| *known == id);
        let missing = || StoreError::Damaged(format!("scope {id} is missing"));
        found.map(|(_, scope)| scope).ok_or_else(missing)
    }

    /// Passes every entry to `each`.
    fn scan<E: From<Error>>(
        &self,
        mut each: impl FnMut(LedgerEntry) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = |error| self.store.error(error);
        let mut statement = self.store.connection.prepare(SELECT_ALL).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            each(entry::read(row).map_err(|error| self.store.error(error))?)?;
        }
        Ok(())
    }

    fn row(&self, entry: LedgerEntry) -> Result<LedgerRow, Error> {
        Ok(LedgerRow {
            scope: self.scope(entry.scope).map_err(|error| self.store.error(error))?,
            key: entry.key,
            accepted: entry.accepted.map(|RunStamp { run, at }| Acceptance { at, run }),
            last_run: entry.touched_run,
            in_doubt: entry.doubt.map(|doubt| doubt.at),
            order_no: entry.order_no,
            trackingnumber: entry.trackingnumber,
        })
    }

    /// Everything in doubt of these orders, each with its last attempt.
    fn in_doubt(&self, orders: &[String]) -> Result<Vec<(LedgerEntry, RunStamp)>, Error> {
        let orders: BTreeSet<&str> = orders.iter().map(|order| cut_name(order)).collect();
        let mut found = Vec::new();
        self.scan(|entry| {
            if let Some(doubt) = entry.doubt.filter(|_| orders.contains(entry.order_no.as_str())) {
                found.push((entry, doubt));
            }
            Ok::<(), Error>(())
        })?;
        Ok(found)
    }

    /// The entries to forget.
    fn select(&self, what: &Forget) -> Result<Selection, StoreError> {
        let connection = &self.store.connection;
        let mut statement = connection.prepare("SELECT id, started_at FROM run")?;
        let started = statement.query_map([], |row| {
            Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?))
        })?;
        let started: BTreeMap<u64, i64> = started.collect::<Result<_, _>>()?;
        let orders: BTreeSet<&str> = match what {
            Forget::Orders(orders) => orders.iter().map(|order| cut_name(order)).collect(),
            _ => BTreeSet::new(),
        };
        let is_selected = |entry: &LedgerEntry| match what {
            Forget::Orders(_) => orders.contains(entry.order_no.as_str()),
            Forget::Run(run) => entry.accepted.is_some_and(|accepted| accepted.run == *run),
            Forget::NotSeenSince(time) => {
                let last_seen = started.get(&entry.touched_run.max(entry.seen_run));
                entry.doubt.is_none() && last_seen.is_some_and(|seen| *seen < time.as_second())
            }
        };
        let mut selection = Selection::default();
        self.scan(|entry| {
            if !is_selected(&entry) || entry.id.is_some_and(|id| selection.ids.contains(&id)) {
                return Ok(());
            }
            let shipment = find_shipment(connection, entry.scope, entry.key.identity)?;
            if matches!(what, Forget::NotSeenSince(_)) && !shipment.iter().all(is_selected) {
                return Ok(());
            }
            selection.scopes.insert(entry.scope);
            selection.ids.extend(shipment.iter().filter_map(|entry| entry.id));
            selection.shipments += 1;
            Ok::<(), StoreError>(())
        })?;
        Ok(selection)
    }

    /// Makes `change` while no run of these scopes goes on.
    fn change<T>(
        &self,
        scopes: &BTreeSet<i64>,
        what: &str,
        change: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, Error> {
        let lock = |id: &i64| Ok(Lock::take(self.path(), &self.scope(*id)?, what)?);
        let locks = scopes.iter().map(lock).collect::<Result<Vec<_>, StoreError>>();
        let _locks = locks.map_err(|error| self.store.error(error))?;
        self.store.transaction(Durability::PowerLoss, change)
    }
}

/// What is to be forgotten.
#[derive(Debug, Default)]
struct Selection {
    scopes: BTreeSet<i64>,
    ids: BTreeSet<i64>,
    shipments: u64,
}
