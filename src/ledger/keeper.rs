//! The ledger's thread: answers look-ups from the tables, and writes into them what the run has told the journal.
//!
//! A run tells the journal itself and waits for nothing else, so the thread sleeps until a look-up comes or a moment has
//! passed, and takes up all that came meanwhile. Once a second the journal is made to survive a power cut. The tables are
//! written in one transaction at the end, after a while, and whenever much has changed: shipments lie on pages all over their
//! indexes, so that a page costs the less for each the more they are. The first failure is the last: from then on every
//! question is answered with it, the journal takes nothing any more, and nothing is written.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::book::{Book, Memory};
use super::journal::Journal;
use super::lock::Lock;
use super::record::Record;
use super::store::Store;
use super::{Error, Key};

/// How long what was told may wait until it survives a power cut.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// How long what was told may wait for this thread: it is woken for look-ups alone, since waking costs more than a record.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long the tables may lack what was told; others than this run see them alone.
const FILE_EVERY: Duration = Duration::from_secs(5);

/// Shipments that have changed, after which the tables are written at once: some MiB of memory.
const MAX_CHANGED: usize = if cfg!(test) { 500 } else { 16_384 };

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
    /// Shared with the run, which writes it and sends here whatever it writes, in one step.
    pub(super) journal: Arc<Mutex<Journal>>,
    pub(super) lock: Lock,
}

/// What came since it was looked last.
#[derive(Default)]
struct Mail {
    messages: Vec<Message>,
    /// Whether nobody can send any more.
    ended: bool,
}

impl Mail {
    fn take(&mut self, from: &Receiver<Message>) {
        loop {
            match from.try_recv() {
                Ok(message) => self.messages.push(message),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.ended = true;
                    return;
                }
            }
        }
    }
}

impl Keeper {
    /// Works until nobody can send any more, then closes the ledger.
    pub(super) fn run(mut self, messages: &Receiver<Message>) -> Result<(), Error> {
        // When the first of what a power cut could still undo was taken up.
        let mut unsynced: Option<Instant> = None;
        // When the tables were written last.
        let mut filed = Instant::now();
        loop {
            let mut mail = Mail::default();
            mail.take(messages);
            let ended = mail.ended;
            let waits = unsynced.is_none_or(|since| since.elapsed() < SYNC_EVERY)
                && (self.book.changed() == 0 || filed.elapsed() < FILE_EVERY);
            if mail.messages.is_empty() && !ended && waits {
                thread::park_timeout(LOOK_EVERY);
                continue;
            }
            let came = !mail.messages.is_empty();
            let mut syncs = Vec::new();
            let mut worked = self.work(mail.messages, &mut syncs);
            if came {
                unsynced = unsynced.or_else(|| Some(Instant::now()));
            }
            let is_late = self.book.changed() > 0 && filed.elapsed() >= FILE_EVERY;
            if worked.is_ok() && (is_late || ended || !syncs.is_empty() || self.book.changed() >= MAX_CHANGED) {
                worked = self.file(messages, &mut syncs);
                filed = Instant::now();
                unsynced = None;
            } else if worked.is_ok() && unsynced.is_some_and(|since| since.elapsed() >= SYNC_EVERY) {
                worked = self.sync();
                unsynced = None;
            }
            if let Err(error) = &worked {
                locked(&self.journal).fail(error);
            }
            for sync in syncs {
                _ = sync.send(worked.clone());
            }
            if let Err(error) = worked {
                // A transaction left open would block other shops' runs; the lock stays, since this run's shipments are
                // still in flight.
                drop(self.store);
                refuse(messages, &error);
                return Err(error);
            }
            if ended {
                return self.close();
            }
        }
    }

    /// Works messages, in one look at the tables; those that wait for more than that are left in `syncs`. Every look-up has
    /// its answer, also when this fails.
    fn work(&mut self, messages: Vec<Message>, syncs: &mut Vec<Reply<()>>) -> Result<(), Error> {
        let mut answers = Vec::new();
        let mut result = self.store.look();
        for message in messages {
            let done = match (message, &result) {
                (Message::Sync(reply), _) => {
                    syncs.push(reply);
                    Ok(())
                }
                (Message::LookUp(keys, reply), Ok(())) => {
                    let memories: Result<Vec<_>, _> =
                        keys.into_iter().map(|key| self.book.look_up(&self.store.connection, key)).collect();
                    let memories = memories.map_err(|fault| self.store.told(fault));
                    let done = memories.as_ref().map(drop).map_err(Clone::clone);
                    answers.push((reply, memories));
                    done
                }
                (Message::LookUp(_, reply), Err(error)) => {
                    answers.push((reply, Err(error.clone())));
                    Ok(())
                }
                (Message::Told(record), Ok(())) => {
                    self.book.enter(&self.store.connection, &record).map_err(|fault| self.store.told(fault))
                }
                (Message::Told(_), Err(_)) => Ok(()),
            };
            result = result.and(done);
        }
        let result = result.and_then(|()| self.store.leave());
        if let Err(error) = &result {
            // Before anybody hears of it, so that nothing is sent on the strength of a ledger that failed.
            locked(&self.journal).fail(error);
        }
        for (reply, memories) in answers {
            _ = reply.send(memories.and_then(|memories| result.clone().map(|()| memories)));
        }
        result
    }

    /// Makes what the journal holds survive a power cut, and looks whether the ledger is still there.
    fn sync(&self) -> Result<(), Error> {
        let file = locked(&self.journal).file()?;
        file.sync_data().map_err(|error| Error::io(self.store.path(), &error))?;
        self.store.refuse_vanished()
    }

    /// Writes all that the journal was told into the tables, and lets it begin anew.
    fn file(&mut self, messages: &Receiver<Message>, syncs: &mut Vec<Reply<()>>) -> Result<(), Error> {
        let mut mail = Mail::default();
        let generation = {
            let mut journal = locked(&self.journal);
            // What is in the file that ends now was sent by now.
            mail.take(messages);
            journal.turn()
        };
        self.work(mail.messages, syncs)?;
        self.store.begin()?;
        let Self { book, store, .. } = self;
        let flushed = book.flush(&store.connection).and_then(|()| store.filed(book.run(), generation));
        flushed.map_err(|fault| store.told(fault))?;
        self.lock.remember(self.store.commit()?)?;
        locked(&self.journal).forget()
    }

    fn close(mut self) -> Result<(), Error> {
        self.store.begin()?;
        let ended = self.store.end_run(self.book.run(), Timestamp::now().as_second());
        ended.map_err(|fault| self.store.told(fault))?;
        self.lock.remember(self.store.commit()?)?;
        locked(&self.journal).end();
        self.lock.remember(self.store.close()?)
    }
}

/// The journal, which is whole whatever has become of whoever held it before.
pub(super) fn locked(journal: &Mutex<Journal>) -> std::sync::MutexGuard<'_, Journal> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers everything that still comes with `error`.
fn refuse(messages: &Receiver<Message>, error: &Error) {
    for message in messages {
        match message {
            Message::LookUp(_, reply) => _ = reply.send(Err(error.clone())),
            Message::Sync(reply) => _ = reply.send(Err(error.clone())),
            Message::Told(_) => {}
        }
    }
}
