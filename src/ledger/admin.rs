//! The ledger for the `ledger` command: all scopes, read and changed between runs.
//!
//! Reading waits for no run. A change takes the locks of the scopes it touches before it is
//! committed, so that nothing is changed while a run relies on it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::entry;
use super::error::{Result, StoreError};
use super::lock::Lock;
use super::rules::{Event, LedgerEntry, cut_name};
use super::store::Store;
use super::{Error, Scope};
use crate::outcome::Conclusion;

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

impl Store {
    /// Counts what is remembered for each endpoint and account, in the order in which they came.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn stats(&self) -> Result<Vec<ScopeStats>, Error> {
        let sql = "SELECT count(DISTINCT identity), count(*), count(doubt_run), \
                   (SELECT count(*) FROM run WHERE scope = ?1), min(accepted_at), max(accepted_at) \
                   FROM payload WHERE scope = ?1";
        let time = |at: Option<i64>| at.and_then(|at| Timestamp::from_second(at).ok());
        let count = |(id, scope)| {
            self.connection.query_one(sql, [id], |row| {
                Ok(ScopeStats {
                    scope,
                    shipments: row.get(0)?,
                    payloads: row.get(1)?,
                    doubts: row.get(2)?,
                    runs: row.get(3)?,
                    first: time(row.get(4)?),
                    last: time(row.get(5)?),
                })
            })
        };
        let scopes = self.scopes().map_err(|error| self.error(error))?;
        let stats = scopes.into_iter().map(count).collect::<Result<_, _>>();
        stats.map_err(|error| self.error(error))
    }

    /// Passes everything that is remembered to `each`, in the order in which it came.
    ///
    /// # Errors
    /// When the ledger cannot be read, and what `each` returns.
    pub fn export<E: From<Error>>(
        &self,
        each: impl FnMut(&Scope, LedgerEntry) -> Result<(), E>,
    ) -> Result<(), E> {
        self.scan(each).map_err(|error| self.error(error))?
    }

    /// Everything in doubt.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn doubts(&self) -> Result<Vec<(Scope, LedgerEntry)>, Error> {
        let mut doubts = Vec::new();
        self.export(|scope, entry| {
            doubts.extend(entry.doubt.is_some().then(|| (scope.clone(), entry)));
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
        // A damaged row could be chosen by mistake.
        self.export(|_, _| Ok::<(), Error>(()))?;
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
        self.change(|connection| {
            let sql = format!("SELECT scope, count(*) FROM ({chosen}) GROUP BY scope");
            let mut statement = connection.prepare(&sql)?;
            let counts = statement.query_map([&value], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let counts = counts.collect::<Result<BTreeMap<u64, u64>, _>>()?;
            let scopes = self.scopes()?;
            let scopes = counts.keys().filter_map(|id| scopes.get(id)).collect();
            let locks = self.lock(scopes, "lateship ledger forget")?;
            let delete = format!("DELETE FROM payload WHERE (scope, identity) IN ({chosen})");
            connection.execute(&delete, [&value])?;
            Ok((counts.values().sum(), locks))
        })
    }

    /// Decides everything in doubt of these orders: accepted or not, as `decision` says. Returns
    /// for each order how many payloads that were.
    ///
    /// # Errors
    /// [`Error::Locked`] while a run of their scope goes on, and when the ledger cannot be read or
    /// written.
    pub fn resolve(&self, orders: &[String], decision: Conclusion) -> Result<Vec<u64>, Error> {
        let is_of = |order: &String, entry: &LedgerEntry| cut_name(order) == entry.order_no;
        self.change(|connection| {
            let mut doubts = self.doubts()?;
            doubts.retain(|(_, entry)| orders.iter().any(|order| is_of(order, entry)));
            let scopes = doubts.iter().map(|(scope, _)| scope).collect();
            let locks = self.lock(scopes, "lateship ledger resolve")?;
            let count =
                |order| doubts.iter().map(|(_, entry)| u64::from(is_of(order, entry))).sum();
            let counts = orders.iter().map(count).collect();
            for (_, entry) in doubts {
                // It was accepted at its last attempt, if it was.
                let Some(attempt) = entry.doubt else { continue };
                let event = Event::Ended(decision, None);
                entry::write(connection, &mut entry.after(event, attempt))?;
            }
            Ok((counts, locks))
        })
    }

    /// Checks everything; returns the number of payloads.
    ///
    /// # Errors
    /// [`Error::Damaged`] with the first damage found, and when the ledger cannot be read.
    pub fn verify(&self) -> Result<u64, Error> {
        let verify = || -> Result<u64> {
            let moment = self.connection.unchecked_transaction()?;
            // Includes that the index and the table hold the same.
            let found =
                moment
                    .query_row::<String, _, _>("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
            if found != "ok" {
                return Err(StoreError::Damaged(found));
            }
            let runs: u64 = moment.query_one("SELECT count(*) FROM run", [], |row| row.get(0))?;
            let mut count = 0;
            self.scan(|_, entry| {
                count += 1;
                let missing =
                    || StoreError::Damaged(format!("run {} is missing", entry.touched_run));
                (entry.touched_run <= runs).then_some(()).ok_or_else(missing)
            })??;
            Ok(count)
        };
        verify().map_err(|error| self.error(error))
    }

    /// Passes every entry and its scope to `each`, until that fails.
    fn scan<E>(
        &self,
        mut each: impl FnMut(&Scope, LedgerEntry) -> Result<(), E>,
    ) -> Result<Result<(), E>> {
        let mut statement = self.connection.prepare("SELECT * FROM payload ORDER BY id")?;
        let mut rows = statement.query([])?;
        let mut scopes = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let entry = entry::read(row)?;
            // Read in the moment of the rows, since runs register scopes meanwhile.
            if scopes.is_empty() {
                scopes = self.scopes()?;
            }
            let missing = || StoreError::Damaged(format!("scope {} is missing", entry.scope));
            if let Err(error) = each(scopes.get(&entry.scope).ok_or_else(missing)?, entry) {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }

    /// Makes `change` in one transaction; the locks that it takes are released afterwards.
    fn change<T>(
        &self,
        change: impl FnOnce(&Connection) -> Result<(T, Vec<Lock>)>,
    ) -> Result<T, Error> {
        let changed = self.transaction(change);
        let changed = changed.and_then(|(value, _locks)| self.checkpoint("FULL").map(|()| value));
        changed.map_err(|error| self.error(error))
    }

    fn lock(&self, scopes: BTreeSet<&Scope>, what: &str) -> Result<Vec<Lock>, Error> {
        scopes.into_iter().map(|scope| Lock::take(self.path(), scope, what)).collect()
    }
}
