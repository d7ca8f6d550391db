//! The ledger's thread: answers look-ups from the tables, and writes into them what the run has
//! told the journal.
//!
//! A run tells the journal itself and waits for nothing else, so the thread sleeps until a look-up
//! comes or a moment has passed, and takes up all that came meanwhile. Once a second the journal is
//! made to survive a power cut. The tables are written in one transaction at the end, after a
//! while, and whenever much has changed: shipments lie on pages all over their indexes, so that a
//! page costs the less for each the more they are. The first failure is the last: from then on
//! every question is answered with it, the journal takes nothing any more, and nothing is written.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::book::{Book, Memory};
use super::lock::Lock;
use super::post::Post;
use super::record::Record;
use super::store::Store;
use super::{Error, Key};

/// How long what was told may wait until it survives a power cut.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// How long what was told may wait for this thread: it is woken for look-ups alone, since waking
/// costs more than a record.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long the tables may lack what was told; others than this run see them alone.
const FILE_EVERY: Duration = Duration::from_secs(5);

/// Shipments that have changed, after which the tables are written at once: some MiB of memory.
const MAX_CHANGED: usize = if cfg!(test) { 500 } else { 8_192 };

/// Where an answer goes. Whoever asked may be gone.
pub(super) type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// Something to be done.
#[derive(Debug)]
pub(super) enum Message {
    /// To be answered; it is in the journal by then.
    LookUp(Vec<Key>, Reply<Vec<Memory>>),
    /// What is in the journal, and asks for no answer.
    Told(Record),
    /// To be answered once everything lasts.
    Sync(Reply<()>),
}

/// The thread's own things.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) store: Store,
    pub(super) book: Book,
    pub(super) post: Arc<Post>,
    pub(super) lock: Lock,
}

impl Keeper {
    /// Works until nobody tells any more, then closes the ledger.
    pub(super) fn run(mut self) -> Result<(), Error> {
        let _fallen = Fallen { post: Arc::clone(&self.post), path: self.store.path().to_owned() };
        // When the first of what a power cut could still undo was taken up.
        let mut unsynced: Option<Instant> = None;
        // When the tables were written last.
        let mut filed = Instant::now();
        let mut mail = Vec::new();
        loop {
            let ended = self.post.take(&mut mail);
            let waits = unsynced.is_none_or(|since| since.elapsed() < SYNC_EVERY)
                && (self.book.changed() == 0 || filed.elapsed() < FILE_EVERY);
            if mail.is_empty() && !ended && waits {
                thread::park_timeout(LOOK_EVERY);
                continue;
            }
            let came = !mail.is_empty();
            let mut syncs = Vec::new();
            let mut worked = self.work(&mut mail, &mut syncs);
            if came {
                unsynced = unsynced.or_else(|| Some(Instant::now()));
            }
            let is_late = self.book.changed() > 0 && filed.elapsed() >= FILE_EVERY;
            if worked.is_ok()
                && (is_late || ended || !syncs.is_empty() || self.book.changed() >= MAX_CHANGED)
            {
                worked = self.file(&mut mail, &mut syncs);
                filed = Instant::now();
                unsynced = None;
            } else if worked.is_ok() && unsynced.is_some_and(|since| since.elapsed() >= SYNC_EVERY)
            {
                worked = self.sync();
                unsynced = None;
            }
            let left = worked.as_ref().err().map(|error| self.post.fail(error));
            for sync in syncs {
                _ = sync.send(worked.clone());
            }
            if let Err(error) = worked {
                // A transaction left open would block other shops' runs; the lock stays, since this
                // run's shipments are still in flight.
                drop(self.store);
                refuse(mail.drain(..).chain(left.into_iter().flatten()), &error);
                while !self.post.take(&mut mail) {
                    thread::park();
                }
                return Err(error);
            }
            if ended {
                return self.close();
            }
        }
    }

    /// Works messages, in one look at the tables; those that wait for more than that are left in
    /// `syncs`. Every look-up has its answer, also when this fails.
    fn work(
        &mut self,
        messages: &mut Vec<Message>,
        syncs: &mut Vec<Reply<()>>,
    ) -> Result<(), Error> {
        let mut answers = Vec::new();
        let mut result = self.store.look();
        for message in messages.drain(..) {
            let done = match (message, &result) {
                (Message::Sync(reply), _) => {
                    syncs.push(reply);
                    Ok(())
                }
                (Message::LookUp(keys, reply), Ok(())) => {
                    let memories: Result<Vec<_>, _> = keys
                        .into_iter()
                        .map(|key| self.book.look_up(&self.store.connection, key))
                        .collect();
                    let memories = memories.map_err(|fault| self.store.told(fault));
                    let done = memories.as_ref().map(drop).map_err(Clone::clone);
                    answers.push((reply, memories));
                    done
                }
                (Message::LookUp(_, reply), Err(error)) => {
                    answers.push((reply, Err(error.clone())));
                    Ok(())
                }
                (Message::Told(record), Ok(())) => self
                    .book
                    .enter(&self.store.connection, &record)
                    .map_err(|fault| self.store.told(fault)),
                (Message::Told(_), Err(_)) => Ok(()),
            };
            result = result.and(done);
        }
        let result = result.and_then(|()| self.store.leave());
        if let Err(error) = &result {
            // Before anybody hears of it, so that nothing is sent on the strength of a ledger that
            // failed.
            refuse(self.post.fail(error), error);
        }
        for (reply, memories) in answers {
            _ = reply.send(memories.and_then(|memories| result.clone().map(|()| memories)));
        }
        result
    }

    /// Makes what the journal holds survive a power cut, and looks whether the ledger is still
    /// there.
    fn sync(&self) -> Result<(), Error> {
        let file = self.post.file()?;
        file.sync_data().map_err(|error| Error::io(self.store.path(), &error))?;
        self.store.refuse_vanished()
    }

    /// Writes all that the journal was told into the tables, and lets it begin anew.
    fn file(&mut self, mail: &mut Vec<Message>, syncs: &mut Vec<Reply<()>>) -> Result<(), Error> {
        let generation = self.post.turn(mail)?;
        self.work(mail, syncs)?;
        self.store.begin()?;
        let Self { book, store, .. } = self;
        let flushed =
            book.flush(&store.connection).and_then(|()| store.filed(book.run(), generation));
        flushed.map_err(|fault| store.told(fault))?;
        self.lock.remember(self.store.commit()?)?;
        self.post.forget()
    }

    fn close(mut self) -> Result<(), Error> {
        self.store.begin()?;
        let ended = self.store.end_run(self.book.run(), Timestamp::now().as_second());
        ended.map_err(|fault| self.store.told(fault))?;
        self.lock.remember(self.store.commit()?)?;
        self.post.end();
        self.lock.remember(self.store.close()?)
    }
}

/// Answers `messages` with `error`.
fn refuse(messages: impl IntoIterator<Item = Message>, error: &Error) {
    for message in messages {
        match message {
            Message::LookUp(_, reply) => _ = reply.send(Err(error.clone())),
            Message::Sync(reply) => _ = reply.send(Err(error.clone())),
            Message::Told(_) => {}
        }
    }
}

/// Lets the run know when the thread falls over its own fault.
struct Fallen {
    post: Arc<Post>,
    path: PathBuf,
}

impl Drop for Fallen {
    fn drop(&mut self) {
        if thread::panicking() {
            drop(self.post.fail(&Error::Ended { path: self.path.clone() }));
        }
    }
}
