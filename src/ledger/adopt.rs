//! Adopting: what another tool sent is remembered as accepted, however much it is.
//!
//! It is never all in memory, nor in one transaction: group by group is written for good, and the
//! write-ahead log moved into the ledger after each, so that it stays as small as the pages that
//! one group changes. Between two groups runs of other scopes have their turn. What was added
//! before an error stays remembered; adopting the same again does no harm.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::archive::Archive;
use super::book::Book;
use super::journal;
use super::lock::Lock;
use super::store::{Entered, Store};
use super::{Error, Key, Scope};

/// The most payloads in one transaction. Their places in the two indexes are anywhere, so the first
/// ones of a group change a page each, and only a group with more payloads than an index has pages
/// writes less than that.
pub(super) const GROUP: u64 = if cfg!(test) { 500 } else { 500_000 };

/// How long one transaction may take up payloads: runs of other scopes wait until it is committed,
/// and not for ever.
const GROUP_TIME: Duration = Duration::from_secs(4);

/// At most 512 MiB of the ledger are kept in memory meanwhile: both indexes of ten million
/// payloads.
const CACHE: &str = "PRAGMA cache_size = -524288";

/// Takes what is to be remembered, one payload after the other.
#[derive(Debug)]
pub struct Adoption<'a> {
    store: &'a Store,
    book: Book,
    lock: Lock,
    now: i64,
    /// How many were added so far.
    adopted: u64,
    /// How many of them are in the transaction under way; there is one if there is any.
    pending: u64,
    /// When it was begun.
    begun: Instant,
    /// The first failure, which is the last.
    failed: Option<Error>,
}

impl Adoption<'_> {
    /// Remembers `key` as accepted now. The two numbers are for people.
    ///
    /// # Errors
    /// When the ledger cannot be read or written; every further call gives the same error then.
    pub fn add(&mut self, key: Key, order_no: &str, trackingnumber: &str) -> Result<(), Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let added = self.try_add(key, (order_no, trackingnumber));
        if let Err(error) = &added {
            self.failed = Some(error.clone());
            // Where even that fails, the end of the connection does it.
            let _ = self.store.connection.execute_batch("ROLLBACK");
        }
        added
    }

    fn try_add(&mut self, key: Key, names: (&str, &str)) -> Result<(), Error> {
        if self.pending == 0 {
            self.store.begin()?;
            self.begun = Instant::now();
        }
        let added = self.book.adopt(&self.store.connection, key, names, self.now);
        added.map_err(|fault| self.store.told(fault))?;
        self.pending += 1;
        self.adopted += 1;
        if self.pending == GROUP || self.begun.elapsed() >= GROUP_TIME {
            self.commit()
        } else {
            Ok(())
        }
    }

    /// Makes what was added last.
    fn commit(&mut self) -> Result<(), Error> {
        if self.pending > 0 {
            self.lock.remember(self.store.commit()?)?;
            self.pending = 0;
        }
        Ok(())
    }

    fn end_run(&mut self) -> Result<(), Error> {
        self.store.begin()?;
        let ended = self.store.end_run(self.book.run(), Timestamp::now().as_second());
        ended.map_err(|fault| self.store.told(fault))?;
        self.lock.remember(self.store.commit()?)
    }
}

impl Archive {
    /// Remembers as accepted for `scope`, without sending it, whatever `feed` adds; gives how many
    /// payloads that were. `what` describes it to people.
    ///
    /// # Errors
    /// [`Error::Locked`] while a run of the scope goes on, when the ledger cannot be read or
    /// written, and whatever `feed` gives; what it added before is remembered then.
    pub fn adopt<E: From<Error>>(
        &self,
        scope: &Scope,
        what: &str,
        feed: impl FnOnce(&mut Adoption<'_>) -> Result<(), E>,
    ) -> Result<u64, E> {
        let store = &self.store;
        store.connection.execute_batch(CACHE).map_err(|error| store.told(error))?;
        let now = Timestamp::now().as_second();
        let mut lock = Lock::take(self.path(), scope, what)?;
        journal::recover(store, &mut lock)?;
        let Entered { scope, run, .. } = store.register(scope, what, now, &mut lock)?;
        let book = Book::new(scope, run);
        let mut adoption = Adoption {
            store,
            book,
            lock,
            now,
            adopted: 0,
            pending: 0,
            begun: Instant::now(),
            failed: None,
        };
        let fed = feed(&mut adoption);
        if let Some(error) = adoption.failed {
            return Err(error.into());
        }
        adoption.commit()?;
        fed?;
        adoption.end_run()?;
        Ok(adoption.adopted)
    }
}
