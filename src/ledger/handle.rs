//! The handle by which a run speaks with the ledger's thread.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread::JoinHandle;
use std::{fmt, thread};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::book::{Book, Memory};
use super::journal::{self, Journal, Run};
use super::keeper::{Keeper, Message};
use super::lock::Lock;
use super::post::Post;
use super::record::Record;
use super::store::{Entered, Store};
use super::{Error, Key, Scope};
use crate::outcome::Conclusion;

/// A look-up that was begun; may be waited for in pieces.
#[derive(Debug)]
pub struct LookUp {
    answer: oneshot::Receiver<Result<Vec<Memory>, Error>>,
    path: PathBuf,
}

impl Future for LookUp {
    type Output = Result<Vec<Memory>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.answer).poll(context));
        Poll::Ready(answer.unwrap_or_else(|_| Err(Error::Ended { path: self.path.clone() })))
    }
}

/// A run's ledger: open and locked for its endpoint and account until it is closed or dropped.
///
/// After the first error every further call gives the same one; nothing is tried again.
pub struct Ledger {
    /// `None` once it was waited for.
    thread: Option<JoinHandle<Result<(), Error>>>,
    /// What is told goes there.
    post: Arc<Post>,
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
    /// the lock of `scope`, and enters a new run, which `inputs` describes to people.
    ///
    /// # Errors
    /// Everything that can be wrong with a ledger; [`Error::Locked`] while another run of the scope
    /// goes on.
    pub fn open(path: &Path, scope: &Scope, inputs: &str) -> Result<Self, Error> {
        let store = Store::open_or_make(path)?;
        let mut lock = Lock::take(store.path(), scope, inputs)?;
        journal::recover(&store, &mut lock)?;
        let started = Timestamp::now().as_second();
        let Entered { scope, run, is_first } = store.register(scope, inputs, started, &mut lock)?;
        let book = if is_first { Book::first(scope, run) } else { Book::new(scope, run) };
        Self::begin(store, lock, Run { id: run, started, scope }, book)
    }

    /// The ledger of a run that is entered in `store`.
    pub(super) fn begin(store: Store, lock: Lock, run: Run, book: Book) -> Result<Self, Error> {
        let path = store.path().to_owned();
        let post = Arc::new(Post::new(Journal::begin(&lock, run)?));
        let keeper = Keeper { store, book, post: Arc::clone(&post), lock };
        let spawned = thread::Builder::new().name("ledger".to_owned()).spawn(move || keeper.run());
        let thread = spawned.map_err(|error| Error::io(&path, &error))?;
        Ok(Self { thread: Some(thread), post, run: run.id.cast_unsigned(), path })
    }

    /// The number of this run, from 1.
    pub fn run(&self) -> u64 {
        self.run
    }

    /// What is remembered of `keys`, in their order. Marks what it knows as seen in this run.
    ///
    /// # Errors
    /// When the ledger cannot be read or written.
    pub async fn look_up(&self, keys: Vec<Key>) -> Result<Vec<Memory>, Error> {
        self.start_look_up(keys)?.await
    }

    /// The same, begun at once: what was asked is marked as seen even if nobody waits for the
    /// answer, so a look-up that may be interrupted is kept and waited for again, and never asked
    /// twice.
    ///
    /// # Errors
    /// When the ledger has ended.
    pub fn start_look_up(&self, keys: Vec<Key>) -> Result<LookUp, Error> {
        let (reply, answer) = oneshot::channel();
        self.post.tell(Record::LookUp(keys.clone()), |_| Message::LookUp(keys, reply))?;
        self.wake();
        Ok(LookUp { answer, path: self.path.clone() })
    }

    /// Notes that `key` is about to be sent. From here on it is in doubt until
    /// [`conclude`](Self::conclude) says more. The two numbers are for people.
    ///
    /// What is noted is written at once, however much that is, by [`write`](Self::write): only then
    /// the first byte of a request may go out.
    ///
    /// # Errors
    /// When the ledger cannot be read or written: then the request must not be sent.
    pub fn intend(&self, key: Key, order_no: &str, trackingnumber: &str) -> Result<(), Error> {
        let record = Record::intend(key, (order_no, trackingnumber), Timestamp::now().as_second());
        self.post.note(record, Message::Told)
    }

    /// Notes how the attempt for `key` ended. Until that is written a killed run leaves `key` in
    /// doubt.
    ///
    /// # Errors
    /// When the ledger cannot be written: then `key` stays in doubt.
    pub fn conclude(&self, key: Key, conclusion: Conclusion) -> Result<(), Error> {
        let record = Record::Conclude { key, conclusion, at: Timestamp::now().as_second() };
        self.post.note(record, Message::Told)
    }

    /// Writes what was noted: from then on it survives the end of the process.
    ///
    /// # Errors
    /// When the ledger cannot be written; every further call gives the same error.
    pub fn write(&self) -> Result<(), Error> {
        self.post.write()
    }

    /// Shim.
    pub async fn history(&self, key: Key) -> Result<Memory, Error> {
        let found = self.look_up(vec![key]).await?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    /// Shim.
    pub async fn begin_attempt(&self, key: Key, o: &str, t: &str) -> Result<(), Error> {
        self.intend(key, o, t)?;
        self.write()
    }

    /// Shim.
    pub async fn end_attempt(&self, key: Key, conclusion: Conclusion) -> Result<(), Error> {
        self.conclude(key, conclusion)?;
        self.write()
    }

    /// Makes everything recorded so far survive a power cut; this happens by itself every second
    /// and at the end.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn sync(&self) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.post.send(Message::Sync(reply))?;
        self.wake();
        answer.await.map_err(|_| Error::Ended { path: self.path.clone() })?
    }

    /// Makes everything last, and gives the lock back.
    ///
    /// # Errors
    /// What went wrong at any time, unless it was told before.
    pub fn close(mut self) -> Result<(), Error> {
        self.end()
    }

    /// Lets the thread look at once.
    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    /// Lets the thread end, and waits for it.
    fn end(&mut self) -> Result<(), Error> {
        self.post.close();
        self.wake();
        let ended = match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            Some(Err(_)) => Err(Error::Ended { path: self.path.clone() }),
            None => Ok(()),
        };
        self.post.failure().map_or(ended, Err)
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // A run that ends by an error has told it already.
        let _ = self.end();
    }
}
