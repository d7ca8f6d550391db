//! The ledger as the `ledger` command sees it: all scopes, looked through and mended between runs.
//!
//! Reading never waits for a run. Whatever changes something takes the locks of the scopes it
//! touches first, so that no run goes by a memory that is changed beneath it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use rusqlite::Connection;

use super::book::{self, Accepted, time};
use super::entry::{COLUMNS, Entry, Moment, kept};
use super::error::Fault;
use super::journal;
use super::lock::Lock;
use super::store::Store;
use super::{Error, Key, Scope};

/// A ledger outside of a run.
#[derive(Debug)]
pub struct Archive {
    pub(super) store: Store,
    scopes: BTreeMap<i64, Scope>,
    account: Option<String>,
}

/// A payload as the ledger remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Whose it is.
    pub scope: Scope,
    /// What it is.
    pub key: Key,
    /// The order's number, cut to 100 bytes.
    pub order_no: String,
    /// The tracking number, cut to 100 bytes.
    pub trackingnumber: String,
    /// When it was last accepted.
    pub accepted: Option<Accepted>,
    /// The last run that looked at it or sent it.
    pub last_run: u64,
    /// Since when it is in doubt.
    pub in_doubt: Option<Timestamp>,
}

/// What is in a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Bytes on the disk.
    pub bytes: u64,
    /// One for each endpoint and account, in the order in which they came.
    pub scopes: Vec<ScopeStats>,
}

/// What a ledger remembers for one endpoint and account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeStats {
    /// Whose it is.
    pub scope: Scope,
    /// Shipments of which something is remembered.
    pub shipments: u64,
    /// Their payloads.
    pub payloads: u64,
    /// Payloads in doubt.
    pub doubts: u64,
    /// Runs so far.
    pub runs: u64,
    /// The first of the acceptances that are remembered.
    pub first: Option<Timestamp>,
    /// The last of them.
    pub last: Option<Timestamp>,
}

/// What to forget. A shipment is forgotten with all its payloads, so that no older one of them
/// counts as the endpoint's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forget {
    /// The shipments of these orders.
    Orders(Vec<String>),
    /// The shipments that no run has seen since; those in doubt stay.
    NotSeenSince(Timestamp),
    /// The shipments of which a payload was last accepted in this run.
    Run(u64),
}

/// What a person has found out about a shipment in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It was accepted, and is not sent again.
    Sent,
    /// It was not: the next run sends it.
    Resend,
}

impl Archive {
    /// Opens the ledger at `path`.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is none, and everything that can be wrong with one.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::of(Store::open(path)?)
    }

    /// Opens the ledger at `path`, an empty one where there is none.
    ///
    /// # Errors
    /// Everything that can be wrong with a ledger.
    pub fn open_or_make(path: &Path) -> Result<Self, Error> {
        Self::of(Store::open_or_make(path)?)
    }

    fn of(store: Store) -> Result<Self, Error> {
        let scopes = store.scopes().map_err(|fault| store.told(fault))?;
        // Of a run under way the last seconds are missing; of one that was killed nothing must be.
        for (_, scope) in scopes.iter().filter(|(_, scope)| journal::is_left(store.path(), scope)) {
            match Lock::take(store.path(), scope, "lateship ledger") {
                Err(Error::Locked { .. }) => {}
                lock => journal::recover(&store, &mut lock?)?,
            }
        }
        Ok(Self { store, scopes: scopes.into_iter().collect(), account: None })
    }

    /// From now on only the shipments of `account` are looked at, at whatever endpoint.
    #[must_use]
    pub fn of_account(mut self, account: String) -> Self {
        self.account = Some(account);
        self
    }

    /// Where the ledger lies, all links followed.
    pub fn path(&self) -> &Path {
        self.store.path()
    }

    /// Counts what is remembered.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn stats(&self) -> Result<Stats, Error> {
        let count = || -> Result<Vec<ScopeStats>, Fault> {
            let sql = "SELECT scope, count(DISTINCT identity_head), count(*), count(doubt_run), min(accepted_at), \
                       max(accepted_at) FROM payload GROUP BY scope";
            let mut counted = BTreeMap::new();
            let mut statement = self.store.connection.prepare(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let counts: [i64; 3] = [row.get(1)?, row.get(2)?, row.get(3)?];
                let times: [Option<i64>; 2] = [row.get(4)?, row.get(5)?];
                counted.insert(row.get::<_, i64>(0)?, (counts.map(i64::cast_unsigned), times));
            }
            let mut of_scope = Vec::new();
            for (id, scope) in &self.scopes {
                let ([shipments, payloads, doubts], [first, last]) =
                    counted.remove(id).unwrap_or_default();
                let runs = "SELECT count(*) FROM run WHERE scope = ?1";
                let runs: i64 = self.store.connection.query_row(runs, [id], |row| row.get(0))?;
                of_scope.push(ScopeStats {
                    scope: scope.clone(),
                    shipments,
                    payloads,
                    doubts,
                    runs: runs.cast_unsigned(),
                    first: first.map(time).transpose()?,
                    last: last.map(time).transpose()?,
                });
            }
            Ok(of_scope)
        };
        let scopes = count().map_err(|fault| self.store.told(fault))?;
        let scopes = scopes.into_iter().filter(|stats| self.wants(&stats.scope)).collect();
        Ok(Stats { bytes: self.store.bytes(), scopes })
    }

    /// Hands everything that is remembered to `each`, in the order in which it came.
    ///
    /// # Errors
    /// When the ledger cannot be read, and whatever `each` gives.
    pub fn export<E: From<Error>>(
        &self,
        mut each: impl FnMut(Remembered) -> Result<(), E>,
    ) -> Result<(), E> {
        self.scan(|entry| {
            let remembered = self.remembered(entry).map_err(|fault| self.store.told(fault))?;
            each(remembered)
        })
    }

    /// What is in doubt.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn doubts(&self) -> Result<Vec<Remembered>, Error> {
        let mut doubts = Vec::new();
        self.scan(|entry| {
            if entry.doubt.is_some() {
                doubts.push(self.remembered(entry).map_err(|fault| self.store.told(fault))?);
            }
            Ok::<(), Error>(())
        })?;
        Ok(doubts)
    }

    /// Forgets shipments; gives how many. They are sent again when they stand in an input again.
    ///
    /// # Errors
    /// [`Error::Locked`] while a run of theirs goes on, and when the ledger cannot be read or
    /// written.
    pub fn forget(&self, what: &Forget) -> Result<u64, Error> {
        let (scopes, _, _) = self.chosen(what)?;
        self.change(&scopes, "lateship ledger forget", |connection| {
            let (_, ids, shipments) = self.chosen(what)?;
            let delete = || -> Result<(), Fault> {
                let mut delete = connection.prepare("DELETE FROM payload WHERE id = ?1")?;
                for id in ids {
                    delete.execute([id])?;
                }
                Ok(())
            };
            delete().map_err(|fault| self.store.told(fault))?;
            Ok(shipments)
        })
    }

    /// Decides about all that is in doubt of these orders; gives for each order how many payloads
    /// that were.
    ///
    /// # Errors
    /// [`Error::Locked`] while a run of theirs goes on, and when the ledger cannot be read or
    /// written.
    pub fn resolve(&self, orders: &[String], decision: Decision) -> Result<Vec<u64>, Error> {
        let scopes = self.in_doubt_of(orders)?.iter().map(|(entry, _)| entry.scope).collect();
        self.change(&scopes, "lateship ledger resolve", |connection| {
            let mut counts = vec![0; orders.len()];
            for (mut entry, doubt) in self.in_doubt_of(orders)? {
                match decision {
                    Decision::Sent => book::accept(&mut entry, doubt),
                    Decision::Resend => entry.doubt = None,
                }
                entry.write(connection).map_err(|fault| self.store.told(fault))?;
                let of_it = orders
                    .iter()
                    .zip(&mut counts)
                    .filter(|(order, _)| kept(order) == entry.order_no);
                of_it.for_each(|(_, count)| *count += 1);
            }
            Ok(counts)
        })
    }

    /// Closes the ledger, everything in its one file.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn close(self) -> Result<(), Error> {
        self.store.close().map(drop)
    }

    fn wants(&self, scope: &Scope) -> bool {
        self.account.as_ref().is_none_or(|account| *account == scope.account)
    }

    fn scope(&self, id: i64) -> Result<&Scope, Fault> {
        self.scopes.get(&id).ok_or(Fault::Damaged("a row belongs to nobody"))
    }

    /// Hands every row to `each`.
    fn scan<E: From<Error>>(&self, mut each: impl FnMut(Entry) -> Result<(), E>) -> Result<(), E> {
        let told = |error| E::from(self.store.told(error));
        let sql = format!("SELECT {COLUMNS} FROM payload ORDER BY id");
        let mut statement =
            self.store.connection.prepare(&sql).map_err(Fault::from).map_err(told)?;
        let mut rows = statement.query([]).map_err(Fault::from).map_err(told)?;
        while let Some(row) = rows.next().map_err(Fault::from).map_err(told)? {
            let entry = Entry::read(row).map_err(told)?;
            if self.wants(self.scope(entry.scope).map_err(told)?) {
                each(entry)?;
            }
        }
        Ok(())
    }

    fn remembered(&self, entry: Entry) -> Result<Remembered, Fault> {
        Ok(Remembered {
            scope: self.scope(entry.scope)?.clone(),
            key: entry.key,
            accepted: entry.accepted.map(Accepted::of).transpose()?,
            last_run: entry.touched_run.cast_unsigned(),
            in_doubt: entry.doubt.map(|doubt| time(doubt.at)).transpose()?,
            order_no: entry.order_no,
            trackingnumber: entry.trackingnumber,
        })
    }

    /// What is in doubt of these orders.
    fn in_doubt_of(&self, orders: &[String]) -> Result<Vec<(Entry, Moment)>, Error> {
        let orders: BTreeSet<&str> = orders.iter().map(|order| kept(order)).collect();
        let mut found = Vec::new();
        self.scan(|entry| {
            if let Some(doubt) = entry.doubt.filter(|_| orders.contains(entry.order_no.as_str())) {
                found.push((entry, doubt));
            }
            Ok::<(), Error>(())
        })?;
        Ok(found)
    }

    /// The rows to be forgotten: whose they are, their numbers, and how many shipments they make.
    fn chosen(&self, what: &Forget) -> Result<(BTreeSet<i64>, BTreeSet<i64>, u64), Error> {
        let started = self.starts().map_err(|fault| self.store.told(fault))?;
        let orders: BTreeSet<&str> = match what {
            Forget::Orders(orders) => orders.iter().map(|order| kept(order)).collect(),
            _ => BTreeSet::new(),
        };
        let fits = |entry: &Entry| match what {
            Forget::Orders(_) => orders.contains(entry.order_no.as_str()),
            Forget::Run(run) => {
                entry.accepted.is_some_and(|accepted| accepted.run.cast_unsigned() == *run)
            }
            Forget::NotSeenSince(time) => {
                let last = started
                    .get(&entry.touched_run.max(entry.seen_run))
                    .copied()
                    .unwrap_or(i64::MAX);
                entry.doubt.is_none() && last < time.as_second()
            }
        };
        let (mut scopes, mut ids, mut shipments) = (BTreeSet::new(), BTreeSet::new(), 0);
        self.scan(|entry| {
            if !fits(&entry) || ids.contains(&entry.id) {
                return Ok::<(), Error>(());
            }
            let all = book::shipment(&self.store.connection, entry.key.identity);
            let mut all = all.map_err(|fault| self.store.told(fault))?;
            all.retain(|other| other.scope == entry.scope);
            if matches!(what, Forget::NotSeenSince(_)) && !all.iter().all(fits) {
                return Ok(());
            }
            scopes.insert(entry.scope);
            ids.extend(all.iter().map(|entry| entry.id));
            shipments += 1;
            Ok(())
        })?;
        Ok((scopes, ids, shipments))
    }

    /// When each run began.
    fn starts(&self) -> Result<BTreeMap<i64, i64>, Fault> {
        let mut statement = self.store.connection.prepare("SELECT id, started_at FROM run")?;
        let starts = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(starts.collect::<Result<_, _>>()?)
    }

    /// Does `change` for good, while no run of these scopes goes on.
    fn change<T>(
        &self,
        scopes: &BTreeSet<i64>,
        what: &str,
        change: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut locks = Vec::new();
        for id in scopes {
            let scope = self.scope(*id).map_err(|fault| self.store.told(fault))?;
            let mut lock = Lock::take(self.path(), scope, what)?;
            self.store.refuse_older(&lock)?;
            journal::recover(&self.store, &mut lock)?;
            locks.push(lock);
        }
        self.store.begin()?;
        let changed = change(&self.store.connection)?;
        let marks = self.store.commit()?;
        for mut lock in locks {
            lock.remember(marks)?;
        }
        Ok(changed)
    }
}
