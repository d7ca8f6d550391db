//! The ledger's thread: takes what waits, works it in one transaction, and answers when that is committed.
//!
//! So the commit of many requests in flight costs one write, and nobody waits for company: a message that comes alone
//! is committed alone. Commits reach the operating system, which survives a kill; at least every second, and at the
//! end, they reach the disk as well.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::task::{Context, Poll, ready};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::book::{Book, Conclusion, Memory};
use super::lock::Lock;
use super::{Error, Key, Scope};

/// Messages worked in one transaction, at most.
const GROUP: usize = 4096;
/// How long a commit may be known to the operating system alone.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// What is asked of the thread.
enum Ask {
    LookUp(Vec<Key>, oneshot::Sender<Result<Vec<Memory>, Error>>),
    Intend(Key, Box<(String, String)>, oneshot::Sender<Result<(), Error>>),
    Conclude(Key, Conclusion, oneshot::Sender<Result<(), Error>>),
    See(Key, oneshot::Sender<Result<(), Error>>),
}

/// An answer that waits for its commit.
enum Answer {
    Memories(Vec<Memory>, oneshot::Sender<Result<Vec<Memory>, Error>>),
    Done(oneshot::Sender<Result<(), Error>>),
}

impl Answer {
    // Whoever asked may have been dropped meanwhile; then nobody is told.
    fn give(self) {
        match self {
            Self::Memories(memories, to) => drop(to.send(Ok(memories))),
            Self::Done(to) => drop(to.send(Ok(()))),
        }
    }

    fn refuse(self, error: &Error) {
        match self {
            Self::Memories(_, to) => drop(to.send(Err(error.clone()))),
            Self::Done(to) => drop(to.send(Err(error.clone()))),
        }
    }
}

/// A look-up that was begun.
#[derive(Debug)]
pub struct LookUp {
    answer: oneshot::Receiver<Result<Vec<Memory>, Error>>,
    gone: Error,
}

impl Future for LookUp {
    type Output = Result<Vec<Memory>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.answer).poll(context));
        Poll::Ready(answer.unwrap_or_else(|_| Err(self.gone.clone())))
    }
}

/// The ledger of one run, open for its endpoint and account.
#[derive(Debug)]
pub struct Ledger {
    asks: Option<mpsc::Sender<Ask>>,
    thread: Option<JoinHandle<Result<(), Error>>>,
    run: u64,
    path: PathBuf,
}

impl Ledger {
    /// Opens the ledger at `path`, takes the lock of `scope`, and registers this run; `what` says what it does, for
    /// those who find it in their way.
    ///
    /// # Errors
    /// Another run has the lock; the file is damaged, newer, locked by another program, or cannot be written.
    pub fn open(path: &Path, scope: &Scope, what: &str) -> Result<Self, Error> {
        let book = Book::open(path)?;
        let lock = Lock::take(path, scope, what)?;
        let failed = |error: rusqlite::Error| Error::of_sqlite(path, &error);
        let (scope, run) = book.register(scope, what).map_err(failed)?;
        let (asks, asked) = mpsc::channel();
        let keeper = Keeper { book, scope, run, broken: None, synced: Instant::now(), dirty: false, _lock: lock };
        let thread = thread::spawn(move || keeper.work(&asked));
        Ok(Self { asks: Some(asks), thread: Some(thread), run: run.cast_unsigned(), path: path.to_owned() })
    }

    /// The run's number.
    pub const fn run(&self) -> u64 {
        self.run
    }

    /// What is remembered of each of `keys`, in their order; marks what is known as met by this run.
    ///
    /// # Errors
    /// The ledger failed; it stays so.
    pub async fn look_up(&self, keys: Vec<Key>) -> Result<Vec<Memory>, Error> {
        self.start_look_up(keys)?.await
    }

    /// The same, begun at once: what was asked is marked as met even if nobody waits for the answer, so a look-up that
    /// may be interrupted is kept and waited for again, and never asked twice.
    ///
    /// # Errors
    /// The ledger failed; it stays so.
    pub fn start_look_up(&self, keys: Vec<Key>) -> Result<LookUp, Error> {
        let (send, answer) = oneshot::channel();
        self.send(Ask::LookUp(keys, send))?;
        Ok(LookUp { answer, gone: self.gone() })
    }

    /// Records that a request is about to go out; to be awaited before its first byte.
    ///
    /// # Errors
    /// The ledger failed; it stays so.
    pub async fn intend(&self, key: Key, order_no: &str, trackingnumber: &str) -> Result<(), Error> {
        let names = Box::new((order_no.to_owned(), trackingnumber.to_owned()));
        self.ask(|answer| Ask::Intend(key, names, answer)).await
    }

    /// Records how an attempt ended.
    ///
    /// # Errors
    /// The ledger failed; it stays so.
    pub async fn conclude(&self, key: Key, conclusion: Conclusion) -> Result<(), Error> {
        self.ask(|answer| Ask::Conclude(key, conclusion, answer)).await
    }

    /// Marks a payload that is already sent as seen by this run; to be awaited before another payload of its shipment is
    /// sent in the same run, or the two would chase each other in the next.
    ///
    /// # Errors
    /// The ledger failed; it stays so.
    pub async fn see(&self, key: Key) -> Result<(), Error> {
        self.ask(|answer| Ask::See(key, answer)).await
    }

    async fn ask(&self, ask: impl FnOnce(oneshot::Sender<Result<(), Error>>) -> Ask) -> Result<(), Error> {
        let (send, answer) = oneshot::channel();
        self.send(ask(send))?;
        answer.await.map_err(|_| self.gone())?
    }

    fn send(&self, ask: Ask) -> Result<(), Error> {
        self.asks.as_ref().and_then(|asks| asks.send(ask).ok()).ok_or_else(|| self.gone())
    }

    fn gone(&self) -> Error {
        Error::Failed {
            path: self.path.clone(),
            what: "it broke at another request, or its thread has ended".to_owned(),
        }
    }

    /// Brings everything to the disk and ends.
    ///
    /// # Errors
    /// The ledger failed, now or before.
    pub fn close(mut self) -> Result<(), Error> {
        self.end()
    }

    fn end(&mut self) -> Result<(), Error> {
        drop(self.asks.take());
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(closed)) => closed,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(()),
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // Whoever wants to know how it ended closes it.
        let _ = self.end();
    }
}

struct Keeper {
    book: Book,
    scope: i64,
    run: i64,
    /// The first failure, with which everything after it is answered.
    broken: Option<Error>,
    /// When the disk last had everything.
    synced: Instant,
    /// Whether something was committed since.
    dirty: bool,
    _lock: Lock,
}

impl Keeper {
    fn work(mut self, asked: &mpsc::Receiver<Ask>) -> Result<(), Error> {
        loop {
            let patience = if self.dirty { SYNC_EVERY.saturating_sub(self.synced.elapsed()) } else { Duration::MAX };
            match asked.recv_timeout(patience) {
                Ok(ask) => self.group(ask, asked),
                Err(RecvTimeoutError::Timeout) => self.sync(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if self.dirty && self.broken.is_none() {
            self.sync();
        }
        self.broken.map_or(Ok(()), Err)
    }

    /// Works `first` and all that waits behind it in one transaction.
    fn group(&mut self, first: Ask, asked: &mpsc::Receiver<Ask>) {
        let asks = std::iter::once(first).chain(asked.try_iter()).take(GROUP);
        if let Some(broken) = &self.broken {
            for ask in asks {
                refuse(ask, broken);
            }
            return;
        }
        let asks: Vec<Ask> = asks.collect();
        if asks.iter().all(|ask| matches!(ask, Ask::LookUp(..))) {
            self.look_up_alone(asks);
            return;
        }
        let durable = self.synced.elapsed() >= SYNC_EVERY;
        match self.transact(asks, durable) {
            Ok(answers) => {
                self.dirty = !durable;
                if durable {
                    self.synced = Instant::now();
                }
                answers.into_iter().for_each(Answer::give);
            }
            Err(error) => self.broken = Some(error),
        }
    }

    /// Answers look-ups that wait for no commit.
    fn look_up_alone(&mut self, asks: Vec<Ask>) {
        for ask in asks {
            match &self.broken {
                Some(broken) => refuse(ask, broken),
                None => match self.work_one(ask) {
                    Ok(answer) => answer.give(),
                    Err((error, answer)) => {
                        let error = Error::of_sqlite(&self.book.path, &error);
                        answer.refuse(&error);
                        self.broken = Some(error);
                    }
                },
            }
        }
    }

    /// Looks up without a transaction, which would write even where nothing changed.
    fn look_up(&self, keys: &[Key]) -> rusqlite::Result<Vec<Memory>> {
        let mut seen = Vec::new();
        let mut memories = Vec::with_capacity(keys.len());
        for key in keys {
            let (memory, see) = self.book.look_up(self.scope, self.run, *key)?;
            memories.push(memory);
            if see {
                seen.push(*key);
            }
        }
        seen.into_iter().try_for_each(|key| self.book.see(self.scope, self.run, key))?;
        Ok(memories)
    }

    /// All of `asks`, or none: on failure everybody is told why.
    fn transact(&self, asks: Vec<Ask>, durable: bool) -> Result<Vec<Answer>, Error> {
        let failed = |error: rusqlite::Error| Error::of_sqlite(&self.book.path, &error);
        let connection = &self.book.connection;
        let begin = if durable { "PRAGMA synchronous = FULL; BEGIN IMMEDIATE" } else { "BEGIN IMMEDIATE" };
        let mut broken = connection.execute_batch(begin).map_err(failed).err();
        let mut answers = Vec::with_capacity(asks.len());
        for ask in asks {
            if let Some(error) = &broken {
                refuse(ask, error);
                continue;
            }
            match self.work_one(ask) {
                Ok(answer) => answers.push(answer),
                Err((error, answer)) => {
                    let error = failed(error);
                    answer.refuse(&error);
                    broken = Some(error);
                }
            }
        }
        let end = if durable { "COMMIT; PRAGMA synchronous = NORMAL" } else { "COMMIT" };
        let broken = broken.or_else(|| connection.execute_batch(end).map_err(failed).err());
        let Some(error) = broken else { return Ok(answers) };
        // Where the transaction did not even begin, or SQLite has undone it itself, there is nothing to undo.
        let _ = connection.execute_batch("ROLLBACK");
        for answer in answers {
            answer.refuse(&error);
        }
        Err(error)
    }

    /// Works one ask; on failure its asker is still to be told.
    fn work_one(&self, ask: Ask) -> Result<Answer, (rusqlite::Error, Answer)> {
        let (worked, to) = match ask {
            Ask::LookUp(keys, to) => {
                return match self.look_up(&keys) {
                    Ok(memories) => Ok(Answer::Memories(memories, to)),
                    Err(error) => Err((error, Answer::Memories(Vec::new(), to))),
                };
            }
            Ask::Intend(key, names, to) => (self.book.intend(self.scope, self.run, key, &names.0, &names.1), to),
            Ask::Conclude(key, conclusion, to) => (self.book.conclude(self.scope, self.run, key, conclusion), to),
            Ask::See(key, to) => (self.book.see(self.scope, self.run, key), to),
        };
        match worked {
            Ok(()) => Ok(Answer::Done(to)),
            Err(error) => Err((error, Answer::Done(to))),
        }
    }

    /// Brings what was committed to the disk.
    fn sync(&mut self) {
        let synced = self.book.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = synced {
            self.broken.get_or_insert(Error::of_sqlite(&self.book.path, &error));
        }
        self.synced = Instant::now();
        self.dirty = false;
    }
}

fn refuse(ask: Ask, error: &Error) {
    match ask {
        Ask::LookUp(_, to) => drop(to.send(Err(error.clone()))),
        Ask::Intend(_, _, to) | Ask::Conclude(_, _, to) | Ask::See(_, to) => drop(to.send(Err(error.clone()))),
    }
}
