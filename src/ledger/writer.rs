//! Writes a run's changes to the ledger, grouped into transactions.
//!
//! Callers queue requests and wait; one thread takes all that wait, works them in one transaction,
//! commits, and answers. So what was answered survives the end of the process. Once a second and at
//! the end everything committed is synced, and the locks are checked. The first error is final:
//! every later call returns it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{fmt, mem, thread};

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::entry::{self, find_or_new, find_shipment};
use super::error::StoreError;
use super::lock::Lock;
use super::rules::{self, Event, LedgerEntry, RunStamp};
use super::store::{Durability, RunId, Store};
use super::{Error, History, Key, Scope};
use crate::outcome::Conclusion;

/// How often everything committed is synced, and the locks are checked.
const TICK: Duration = Duration::from_secs(1);

/// What a caller asks for.
#[derive(Debug)]
enum LedgerRequest {
    History(Key),
    Begin { key: Key, order_no: String, trackingnumber: String },
    End { key: Key, conclusion: Conclusion },
}

/// A request, and where its answer goes; the caller may have stopped waiting. Only a look-up's answer
/// means something.
#[derive(Debug)]
struct Queued {
    request: LedgerRequest,
    reply: oneshot::Sender<Result<History, Error>>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Queued>,
    /// Whether the thread sleeps.
    is_idle: bool,
    is_closed: bool,
    failure: Option<Error>,
}

/// Shared by a run and its ledger's thread.
#[derive(Debug, Default)]
struct SharedQueue {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

impl SharedQueue {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, queued: Queued) -> Result<(), Error> {
        let mut queue = self.lock();
        queue.failure.clone().map_or(Ok(()), Err)?;
        queue.waiting.push(queued);
        if mem::take(&mut queue.is_idle) {
            self.arrived.notify_one();
        }
        Ok(())
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.arrived.notify_one();
    }

    fn failure(&self) -> Option<Error> {
        self.lock().failure.clone()
    }

    /// Refuses everything from now on with `error`, unless there was an error before.
    fn fail(&self, error: &Error) -> Vec<Queued> {
        let mut queue = self.lock();
        queue.failure.get_or_insert_with(|| error.clone());
        mem::take(&mut queue.waiting)
    }

    /// Waits for requests until `deadline` and moves them into `group`, which is empty; returns
    /// whether the run is over.
    fn take(&self, group: &mut Vec<Queued>, deadline: Instant) -> bool {
        let mut queue = self.lock();
        while queue.waiting.is_empty() && !queue.is_closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            queue.is_idle = true;
            let woken = self.arrived.wait_timeout(queue, left);
            queue = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.is_idle = false;
        mem::swap(&mut queue.waiting, group);
        queue.is_closed
    }

    /// Waits until the run is over.
    fn wait_for_close(&self) {
        let queue = self.lock();
        drop(self.arrived.wait_while(queue, |queue| !queue.is_closed));
    }
}

/// A run's ledger: open and locked for its endpoint and account until it is closed or dropped.
///
/// After the first error every further call returns the same one; nothing is tried again. Futures
/// may be dropped while they wait; a dropped look-up may still have marked what it found as seen.
pub struct Ledger {
    /// `None` once it was joined.
    thread: Option<JoinHandle<Result<(), Error>>>,
    queue: Arc<SharedQueue>,
    run: u64,
    path: PathBuf,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("path", &self.path)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

impl Ledger {
    /// Opens the ledger at `path` (an empty one where there is none, for its owner alone), takes
    /// the lock of `scope`, and registers a new run, which `inputs` describes to people.
    ///
    /// # Errors
    /// Everything that can be wrong with a ledger; [`Error::Locked`] while another run of the scope
    /// goes on.
    pub fn open(path: &Path, scope: &Scope, inputs: &str) -> Result<Self, Error> {
        let store = Store::open_or_create(path)?;
        let lock = Lock::take(store.path(), scope, inputs)?;
        let run = store.register(scope, inputs, Timestamp::now().as_second())?;
        Self::start(store, lock, run)
    }

    /// The ledger of a run that is registered in `store`.
    pub(super) fn start(store: Store, lock: Lock, id: RunId) -> Result<Self, Error> {
        let path = store.path().to_owned();
        let queue = Arc::new(SharedQueue::default());
        let writer = Writer {
            store,
            lock,
            id,
            queue: Arc::clone(&queue),
            attempts: HashMap::new(),
            is_synced: true,
        };
        let spawned = thread::Builder::new().name("ledger".to_owned()).spawn(move || writer.run());
        let thread = spawned.map_err(|error| Error::io(&path, &error))?;
        Ok(Self { thread: Some(thread), queue, run: id.run, path })
    }

    /// The number of this run, from 1.
    pub fn run(&self) -> u64 {
        self.run
    }

    /// What is known of `key`. Marks it as seen in this run.
    ///
    /// # Errors
    /// When the ledger cannot be read or written.
    pub async fn history(&self, key: Key) -> Result<History, Error> {
        self.ask(LedgerRequest::History(key)).await
    }

    /// Records that `key` is about to be sent: from here on it is in doubt until [`end`](Self::end)
    /// says more. Only when this has returned may the first byte of a request go out. The two
    /// numbers are for people.
    ///
    /// # Errors
    /// When the ledger cannot be read or written: then the request must not be sent.
    pub async fn begin(&self, key: Key, order_no: &str, trackingnumber: &str) -> Result<(), Error> {
        let order_no = rules::cut_name(order_no).to_owned();
        let trackingnumber = rules::cut_name(trackingnumber).to_owned();
        self.ask(LedgerRequest::Begin { key, order_no, trackingnumber }).await.map(drop)
    }

    /// Records how the attempt for `key` ended. Only when this has returned is its slot free.
    ///
    /// # Errors
    /// When the ledger cannot be written: then `key` stays in doubt.
    pub async fn end(&self, key: Key, conclusion: Conclusion) -> Result<(), Error> {
        self.ask(LedgerRequest::End { key, conclusion }).await.map(drop)
    }

    /// Makes everything safe from a power cut, and releases the lock.
    ///
    /// # Errors
    /// The first error of the run, also if a call has returned it.
    pub fn close(mut self) -> Result<(), Error> {
        self.join()
    }

    async fn ask(&self, request: LedgerRequest) -> Result<History, Error> {
        let (reply, answer) = oneshot::channel();
        self.queue.push(Queued { request, reply })?;
        let ended = || self.queue.failure().unwrap_or(Error::Ended { path: self.path.clone() });
        answer.await.unwrap_or_else(|_| Err(ended()))
    }

    fn join(&mut self) -> Result<(), Error> {
        self.queue.close();
        let ended = match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            Some(Err(_)) => Err(Error::Ended { path: self.path.clone() }),
            None => Ok(()),
        };
        self.queue.failure().map_or(ended, Err)
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // A run that ends by an error has reported it already.
        let _ = self.join();
    }
}

/// An attempt that is under way.
#[derive(Debug)]
struct OpenAttempt {
    entry: LedgerEntry,
    /// What was in doubt before it; comes back if it surely was not accepted.
    doubt_before: Option<RunStamp>,
}

/// The thread's state.
struct Writer {
    store: Store,
    lock: Lock,
    id: RunId,
    queue: Arc<SharedQueue>,
    attempts: HashMap<Key, OpenAttempt>,
    /// Whether nothing was committed since the last sync.
    is_synced: bool,
}

impl Writer {
    /// Works until the run is over, then closes the ledger.
    fn run(mut self) -> Result<(), Error> {
        let _guard =
            PanicGuard { queue: Arc::clone(&self.queue), path: self.store.path().to_owned() };
        let mut group = Vec::new();
        let mut next_tick = Instant::now() + TICK;
        loop {
            let is_closed = self.queue.take(&mut group, next_tick);
            let mut worked = self.work(&mut group);
            if worked.is_ok() && (Instant::now() >= next_tick) {
                worked = self.tick();
                next_tick = Instant::now() + TICK;
            }
            if let Err(error) = worked {
                return self.fail(error);
            }
            if is_closed {
                self.store.end_run(self.id.run, Timestamp::now().as_second())?;
                return self.store.close();
            }
        }
    }

    /// Works a group in one transaction, and answers.
    fn work(&mut self, group: &mut Vec<Queued>) -> Result<(), Error> {
        if group.is_empty() {
            return Ok(());
        }
        let Self { store, attempts, id, .. } = self;
        let at = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
        let mut work = GroupWork { attempts, scope: id.scope, now: RunStamp { run: id.run, at } };
        let answers = store.transaction(Durability::Crash, |connection| {
            group
                .iter()
                .map(|queued| work.answer(connection, &queued.request))
                .collect::<Result<Vec<_>, _>>()
        });
        match answers {
            Ok(answers) => {
                self.is_synced = false;
                for (queued, answer) in group.drain(..).zip(answers) {
                    _ = queued.reply.send(Ok(answer));
                }
                Ok(())
            }
            Err(error) => {
                // First the failure, so that nothing is sent on the strength of a failed ledger.
                let later = self.queue.fail(&error);
                for queued in group.drain(..).chain(later) {
                    _ = queued.reply.send(Err(error.clone()));
                }
                Err(error)
            }
        }
    }

    fn tick(&mut self) -> Result<(), Error> {
        self.lock.check()?;
        self.store.check_file()?;
        if !mem::replace(&mut self.is_synced, true) {
            self.store.sync(self.id.run)?;
        }
        Ok(())
    }

    /// Refuses everything until the run is over. The lock is held, since the run's requests are
    /// still in flight; the database is closed, since an open transaction would block other runs.
    fn fail(self, error: Error) -> Result<(), Error> {
        for queued in self.queue.fail(&error) {
            _ = queued.reply.send(Err(error.clone()));
        }
        let Self { store, lock, queue, .. } = self;
        drop(store);
        queue.wait_for_close();
        drop(lock);
        Err(error)
    }
}

/// What a request of a group needs.
struct GroupWork<'a> {
    attempts: &'a mut HashMap<Key, OpenAttempt>,
    scope: i64,
    now: RunStamp,
}

impl GroupWork<'_> {
    fn answer(
        &mut self,
        connection: &Connection,
        request: &LedgerRequest,
    ) -> Result<History, StoreError> {
        match request {
            LedgerRequest::History(key) => return self.look_up(connection, *key),
            LedgerRequest::Begin { key, order_no, trackingnumber } => {
                let mut attempt = self.attempt(connection, *key, order_no, trackingnumber)?;
                attempt.entry = attempt.entry.after(Event::Begun, self.now);
                entry::write(connection, &mut attempt.entry)?;
                self.attempts.insert(*key, attempt);
            }
            LedgerRequest::End { key, conclusion } => {
                let attempt = self.attempt(connection, *key, "", "")?;
                let event = Event::Ended(*conclusion, attempt.doubt_before);
                entry::write(connection, &mut attempt.entry.after(event, self.now))?;
            }
        }
        Ok(History::default())
    }

    fn look_up(&mut self, connection: &Connection, key: Key) -> Result<History, StoreError> {
        let shipment = find_shipment(connection, self.scope, key.identity)?;
        let (history, change) = rules::look_up(&shipment, key, self.now.run);
        if let Some((entry, event)) = change {
            let mut entry = entry.clone().after(event, self.now);
            entry::write(connection, &mut entry)?;
            if let Some(attempt) = self.attempts.get_mut(&key) {
                attempt.entry = entry;
            }
        }
        Ok(history)
    }

    /// Takes the attempt for `key` that is under way, or one that begins now.
    fn attempt(
        &mut self,
        connection: &Connection,
        key: Key,
        order_no: &str,
        trackingnumber: &str,
    ) -> Result<OpenAttempt, StoreError> {
        if let Some(attempt) = self.attempts.remove(&key) {
            return Ok(attempt);
        }
        let entry = find_or_new(connection, self.scope, key, order_no, trackingnumber)?;
        Ok(OpenAttempt { doubt_before: entry.doubt, entry })
    }
}

/// Tells the run when the thread panics.
struct PanicGuard {
    queue: Arc<SharedQueue>,
    path: PathBuf,
}

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if thread::panicking() {
            drop(self.queue.fail(&Error::Ended { path: self.path.clone() }));
        }
    }
}
