//! Adopting: what another tool sent is remembered as accepted, however much it is.
//!
//! Group by group is written in a transaction, so memory stays bounded and runs of other accounts
//! have their turn in between. What was added before an error stays remembered; adopting the same
//! again does no harm.

use std::mem;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::admin::LedgerAdmin;
use super::entry::{self, find_or_new};
use super::lock::Lock;
use super::rules::{Event, LedgerEntry, RunStamp};
use super::store::{Durability, RunId, Store};
use super::{Error, Key, Scope};

/// Payloads in one transaction.
pub(super) const GROUP: usize = if cfg!(test) { 500 } else { 10_000 };

/// How often what was adopted is synced.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Takes what is to be remembered, one payload after the other.
#[derive(Debug)]
pub struct Adoption<'a> {
    store: &'a Store,
    lock: Lock,
    id: RunId,
    now: RunStamp,
    adopted: u64,
    group: Vec<LedgerEntry>,
    synced: Instant,
    /// The first error, which is final.
    failure: Option<Error>,
}

impl Adoption<'_> {
    /// Remembers `key` as accepted now. The two numbers are for people.
    ///
    /// # Errors
    /// When the ledger cannot be read or written; every further call returns the same error.
    pub fn add(&mut self, key: Key, order_no: &str, trackingnumber: &str) -> Result<(), Error> {
        self.failure.clone().map_or(Ok(()), Err)?;
        self.group.push(LedgerEntry::new(self.id.scope, key, order_no, trackingnumber));
        if self.group.len() < GROUP {
            return Ok(());
        }
        self.commit().inspect_err(|error| self.failure = Some(error.clone()))
    }

    /// Writes the group.
    fn commit(&mut self) -> Result<(), Error> {
        let group = mem::take(&mut self.group);
        let (scope, now) = (self.id.scope, self.now);
        self.store.transaction(Durability::Crash, |connection| {
            for new in &group {
                let (order_no, trackingnumber) = (&new.order_no, &new.trackingnumber);
                let known = find_or_new(connection, scope, new.key, order_no, trackingnumber)?;
                let known = known.after(Event::LookedUp, now);
                entry::write(connection, &mut known.after(Event::Accepted, now))?;
            }
            Ok(())
        })?;
        self.adopted += group.len() as u64;
        if self.synced.elapsed() >= SYNC_EVERY {
            self.lock.check()?;
            self.store.check_file()?;
            self.store.sync(self.id.run)?;
            self.synced = Instant::now();
        }
        Ok(())
    }
}

impl LedgerAdmin {
    /// Remembers as accepted for `scope`, without sending it, everything that `feed` adds; returns
    /// how many payloads that were. `what` describes it to people.
    ///
    /// # Errors
    /// [`Error::Locked`] while a run of the scope goes on, when the ledger cannot be read or
    /// written, and what `feed` returns; what it added before is remembered then.
    pub fn adopt<E: From<Error>>(
        &self,
        scope: &Scope,
        what: &str,
        feed: impl FnOnce(&mut Adoption<'_>) -> Result<(), E>,
    ) -> Result<u64, E> {
        let store = &self.store;
        let now = Timestamp::now().as_second();
        let lock = Lock::take(self.path(), scope, what)?;
        let id = store.register(scope, what, now)?;
        let now = RunStamp { run: id.run, at: Timestamp::from_second(now).unwrap_or_default() };
        let mut adoption = Adoption {
            store,
            lock,
            id,
            now,
            adopted: 0,
            group: Vec::with_capacity(GROUP),
            synced: Instant::now(),
            failure: None,
        };
        let fed = feed(&mut adoption);
        if let Some(error) = adoption.failure {
            return Err(error.into());
        }
        adoption.commit()?;
        store.end_run(id.run, Timestamp::now().as_second())?;
        fed?;
        Ok(adoption.adopted)
    }
}
