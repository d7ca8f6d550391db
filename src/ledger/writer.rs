//! Writes a run's changes to the ledger, grouped into transactions.
//!
//! Callers queue requests and wait; one thread takes all that wait, works them in one transaction,
//! commits, and answers. So what was answered survives the end of the process. Once a second and at
//! the end everything committed is synced, and the locks are checked. The first error is final:
//! every later call returns it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use regex::Regex;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::entry::{self, find_shipment};
use super::error::{Result, printable};
use super::lock::Lock;
use super::rules::{self, Event, LedgerEntry};
use super::store::{RunId, Store};
use super::{Error, History, Key, RunStamp, Scope};
use crate::outcome::Conclusion;

/// How often everything committed is synced, and the locks are checked.
const TICK: Duration = Duration::from_secs(1);

/// What a caller asks for.
#[derive(Debug)]
enum LedgerRequest {
    History(Key),
    Begin(NamedKey),
    End(Key, Conclusion),
    Adopt(Vec<NamedKey>),
}

/// A payload with its order number and its tracking number, which are for people.
pub type NamedKey = (Key, String, String);

/// A request, and where its answer goes; the caller may have stopped waiting. Only a look-up's
/// answer holds anything.
type Queued = (LedgerRequest, oneshot::Sender<Result<History, Error>>);

/// A run's ledger: open and locked for its endpoint and account until it is closed or dropped.
///
/// After the first error every further call returns the same one; nothing is tried again. Futures
/// may be dropped while they wait; a dropped look-up may still have marked what it found as seen.
#[derive(Debug)]
pub struct Ledger {
    /// `None` once the run is over.
    queue: Option<Sender<Queued>>,
    thread: Option<JoinHandle<Result<(), Error>>>,
    path: PathBuf,
}

impl Ledger {
    /// Opens the ledger at `path` (an empty one where there is none, for its owner alone), takes
    /// the lock of `scope`, and registers a new run, which `inputs` describes to people.
    ///
    /// # Errors
    /// Everything that can be wrong with a ledger; [`Error::Locked`] while another run of the scope
    /// goes on.
    pub fn open(path: &Path, scope: &Scope, inputs: &str) -> Result<Self, Error> {
        let inputs = without_queries(inputs);
        let store = Store::open_or_create(path)?;
        let lock = Lock::take(store.path(), scope, &inputs)?;
        let run = store.register(scope, &inputs, Timestamp::now().as_second())?;
        Self::start(store, lock, run)
    }

    /// The ledger of a run that is registered in `store`.
    pub(super) fn start(store: Store, lock: Lock, id: RunId) -> Result<Self, Error> {
        let path = store.path().to_owned();
        let (queue, requests) = mpsc::channel();
        let (scope, now) = (id.scope, RunStamp { run: id.run, at: Timestamp::now() });
        let attempts = Attempts { scope, now, open: HashMap::new(), unknown: HashSet::new() };
        let writer = Writer { store, lock, attempts };
        let thread = thread::Builder::new().name("ledger".to_owned());
        let spawned = thread.spawn(move || writer.run(&requests));
        let thread = Some(spawned.map_err(|error| Error::io(&path, &error))?);
        Ok(Self { queue: Some(queue), thread, path })
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
        let named = (key, order_no.to_owned(), trackingnumber.to_owned());
        self.ask(LedgerRequest::Begin(named)).await.map(drop)
    }

    /// Records how the attempt for `key` ended. Only when this has returned is its slot free.
    ///
    /// # Errors
    /// When the ledger cannot be written: then `key` stays in doubt.
    pub async fn end(&self, key: Key, conclusion: Conclusion) -> Result<(), Error> {
        self.ask(LedgerRequest::End(key, conclusion)).await.map(drop)
    }

    /// Remembers payloads as accepted now, without sending them; adopting one again does no harm.
    ///
    /// # Errors
    /// When the ledger cannot be read or written: then nothing of `group` is remembered.
    pub fn adopt(&self, group: Vec<NamedKey>) -> Result<(), Error> {
        let answer = self.queue(LedgerRequest::Adopt(group));
        answer.blocking_recv().unwrap_or_else(|_| Err(self.ended())).map(drop)
    }

    /// Makes everything safe from a power cut, and releases the lock.
    ///
    /// # Errors
    /// The first error of the run, also if a call has returned it.
    pub fn close(mut self) -> Result<(), Error> {
        self.join()
    }

    async fn ask(&self, request: LedgerRequest) -> Result<History, Error> {
        self.queue(request).await.unwrap_or_else(|_| Err(self.ended()))
    }

    /// Queues a request; if the thread has panicked, its answer never comes and is an error.
    fn queue(&self, request: LedgerRequest) -> oneshot::Receiver<Result<History, Error>> {
        let (reply, answer) = oneshot::channel();
        _ = self.queue.as_ref().map(|queue| queue.send((request, reply)));
        answer
    }

    fn ended(&self) -> Error {
        Error::Ended(printable(&self.path))
    }

    fn join(&mut self) -> Result<(), Error> {
        self.queue = None;
        let joined = self.thread.take().map_or(Ok(Ok(())), JoinHandle::join);
        joined.unwrap_or_else(|_| Err(self.ended()))
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // A run that ends by an error has reported it already.
        let _ = self.join();
    }
}

/// `text` with the query of every address in it replaced by `…`, since a query may hold secrets.
fn without_queries(text: &str) -> String {
    let query = Regex::new(r#"(://[^\s?]*\?)[^\s'"]*"#).expect("a valid pattern");
    query.replace_all(text, "${1}…").into_owned()
}

/// The thread's state.
struct Writer {
    store: Store,
    lock: Lock,
    attempts: Attempts,
}

impl Writer {
    /// Works until the run is over, then closes the ledger.
    fn run(mut self, requests: &Receiver<Queued>) -> Result<(), Error> {
        let worked = self.work_all(requests).map_err(|error| self.store.error(error));
        let Err(error) = worked else { return self.store.close(self.attempts.now.run) };
        // An open connection could block other runs. The lock is held until the run is over, since
        // its requests are still in flight.
        drop(self.store);
        for (_, reply) in requests {
            _ = reply.send(Err(error.clone()));
        }
        Err(error)
    }

    fn work_all(&mut self, requests: &Receiver<Queued>) -> Result<()> {
        let (mut next_tick, mut is_synced) = (Instant::now() + TICK, true);
        loop {
            match requests.recv_timeout(next_tick.saturating_duration_since(Instant::now())) {
                Ok(first) => {
                    self.work([first].into_iter().chain(requests.try_iter()).collect())?;
                    is_synced = false;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            if Instant::now() >= next_tick {
                self.lock.check()?;
                self.store.check_file()?;
                if !is_synced {
                    self.store.sync(self.attempts.now.run, None)?;
                }
                (next_tick, is_synced) = (Instant::now() + TICK, true);
            }
        }
    }

    /// Works a group in one transaction, and answers.
    fn work(&mut self, group: Vec<Queued>) -> Result<(), Error> {
        let Self { store, attempts, .. } = self;
        attempts.now.at = Timestamp::now();
        let (requests, replies): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        let answers = store.transaction(|connection| {
            let answer = |request| attempts.answer(connection, request);
            requests.into_iter().map(answer).collect::<Result<Vec<_>>>()
        });
        let answers = answers.map_err(|error| store.error(error));
        for (number, reply) in replies.into_iter().enumerate() {
            _ = reply.send(answers.as_ref().map(|answers| answers[number]).map_err(Clone::clone));
        }
        answers.map(drop)
    }
}

/// What was in doubt before an attempt (it comes back if that surely was not accepted), and the
/// entry since it began.
type OpenAttempt = (Option<RunStamp>, LedgerEntry);

/// What is known of a run's attempts without looking it up.
struct Attempts {
    scope: u64,
    now: RunStamp,
    open: HashMap<Key, OpenAttempt>,
    /// Looked up, of shipments that are not known. They are few: each is begun soon, since an
    /// unknown shipment is sent. Only this run adds to its scope, so no second look-up is needed.
    unknown: HashSet<Key>,
}

impl Attempts {
    fn answer(&mut self, connection: &Connection, request: LedgerRequest) -> Result<History> {
        match request {
            LedgerRequest::History(key) => return self.look_up(connection, key),
            LedgerRequest::Begin(named) => {
                let (before, entry) = self.take(connection, named)?;
                let mut entry = entry.after(Event::Begun, self.now);
                entry::write(connection, &mut entry)?;
                self.open.insert(entry.key, (before, entry));
            }
            LedgerRequest::End(key, conclusion) => {
                let (before, entry) = self.take(connection, (key, String::new(), String::new()))?;
                let event = Event::Ended(conclusion, before);
                entry::write(connection, &mut entry.after(event, self.now))?;
            }
            LedgerRequest::Adopt(group) => {
                for named in group {
                    let (_, entry) = self.take(connection, named)?;
                    let event = Event::Ended(Conclusion::Accepted, None);
                    entry::write(connection, &mut entry.after(event, self.now))?;
                }
            }
        }
        Ok(History::default())
    }

    fn look_up(&mut self, connection: &Connection, key: Key) -> Result<History> {
        let shipment = find_shipment(connection, self.scope, key.identity)?;
        if shipment.is_empty() {
            self.unknown.insert(key);
        }
        let (history, change) = rules::look_up(&shipment, key, self.now.run);
        if let Some((entry, event)) = change {
            let mut entry = entry.clone().after(event, self.now);
            entry::write(connection, &mut entry)?;
            if let Some((_, open)) = self.open.get_mut(&key) {
                *open = entry;
            }
        }
        Ok(history)
    }

    /// Takes the attempt that is under way, or one that begins now.
    fn take(&mut self, connection: &Connection, named: NamedKey) -> Result<OpenAttempt> {
        let (key, order_no, trackingnumber) = named;
        if let Some(open) = self.open.remove(&key) {
            return Ok(open);
        }
        let mut entry = LedgerEntry::new(self.scope, key, &order_no, &trackingnumber);
        if !self.unknown.remove(&key) {
            let shipment = find_shipment(connection, self.scope, key.identity)?;
            entry = shipment.into_iter().find(|known| known.key == key).unwrap_or(entry);
        }
        Ok((entry.doubt, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_of_the_thread_is_a_final_error() {
        let (queue, requests) = mpsc::channel::<Queued>();
        let thread = thread::spawn(move || {
            let _first = requests.recv();
            panic!("on purpose")
        });
        let path = PathBuf::from("ledger.db");
        let ledger = Ledger { queue: Some(queue), thread: Some(thread), path };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let key = Key { identity: 1, payload: 1 };
        for _ in 0..2 {
            let answer = runtime.block_on(ledger.history(key));
            assert!(matches!(answer, Err(Error::Ended(_))), "{answer:?}");
        }
        assert!(matches!(ledger.close(), Err(Error::Ended(_))));
    }
}
