//! The ledger's thread: takes what waits, works all of it, hands the journal over to the operating system, and only then
//! answers.
//!
//! So many requests share a write when many are under way, and none waits for others to come. Once a second, at the end,
//! and whenever much has changed the tables are written in one transaction, which lasts through a power cut but for the
//! latter. The first failure is the last: from then on every question is answered with it, and nothing is written any
//! more.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::book::{Book, Memory};
use super::journal::Journal;
use super::lock::Lock;
use super::store::{Lasting, Store};
use super::{Error, Key};
use crate::outcome::Conclusion;

/// How long a commit may wait until it survives a power cut.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// The most messages that are worked before they are answered, so that no answer waits for ever.
const MAX_GROUP: usize = 1024;

/// Shipments that have changed, after which the tables are written though no second has passed.
const MAX_CHANGED: usize = 8192;

/// Where an answer goes. Whoever asked may be gone.
pub(super) type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// Something to be done.
#[derive(Debug)]
pub(super) enum Message {
    LookUp(Vec<Key>, Reply<Vec<Memory>>),
    Intend { key: Key, order_no: String, trackingnumber: String, reply: Reply<()> },
    Conclude(Key, Conclusion, Reply<()>),
    Sync(Reply<()>),
}

/// An answer that waits for its commit.
enum Answer {
    Memories(Reply<Vec<Memory>>, Vec<Memory>),
    Done(Reply<()>),
}

impl Answer {
    fn give(self, committed: Result<(), Error>) {
        // Nobody may be waiting any more: a run that was interrupted.
        match self {
            Self::Memories(reply, memories) => _ = reply.send(committed.map(|()| memories)),
            Self::Done(reply) => _ = reply.send(committed),
        }
    }
}

/// The thread's own things.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) store: Store,
    pub(super) book: Book,
    pub(super) journal: Journal,
    pub(super) lock: Lock,
}

impl Keeper {
    /// Works until nobody can send any more, then closes the ledger.
    pub(super) fn run(mut self, messages: &Receiver<Message>) -> Result<(), Error> {
        // When the first of the commits that a power cut could still undo was made.
        let mut unsynced: Option<Instant> = None;
        loop {
            let received = match unsynced {
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(since) => messages.recv_timeout((since + SYNC_EVERY).saturating_duration_since(Instant::now())),
            };
            let group: Vec<Message> = match received {
                Ok(first) => std::iter::once(first).chain(messages.try_iter().take(MAX_GROUP - 1)).collect(),
                Err(RecvTimeoutError::Timeout) => Vec::new(),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let wanted = group.is_empty() || group.iter().any(|message| matches!(message, Message::Sync(_)));
            let due = wanted || unsynced.is_some_and(|since| since.elapsed() >= SYNC_EVERY);
            let mut answers = Vec::with_capacity(group.len());
            let mut syncs = Vec::new();
            let mut worked = self.work(group, &mut answers, &mut syncs);
            for answer in answers {
                answer.give(worked.clone());
            }
            if worked.is_ok() && due {
                worked = self.file(Lasting::Power);
                unsynced = None;
            } else if worked.is_ok() && self.book.changed() >= MAX_CHANGED {
                worked = self.file(Lasting::Process);
                unsynced = unsynced.or_else(|| Some(Instant::now()));
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
            if self.book.changed() > 0 {
                unsynced = unsynced.or_else(|| Some(Instant::now()));
            }
        }
        self.close()
    }

    /// Works a group and writes what it changed into the journal. Every message has its answer in `answers`, also when
    /// this fails, but those that wait for more than that.
    fn work(
        &mut self,
        group: Vec<Message>,
        answers: &mut Vec<Answer>,
        syncs: &mut Vec<Reply<()>>,
    ) -> Result<(), Error> {
        let mut result = self.store.look();
        for message in group {
            let message = match message {
                Message::Sync(reply) => {
                    syncs.push(reply);
                    continue;
                }
                message => message,
            };
            let (answer, done) = match &result {
                Ok(()) => self.one(message),
                Err(_) => (unworked(message), Ok(())),
            };
            answers.push(answer);
            if result.is_ok() {
                result = done;
            }
        }
        result?;
        self.store.leave()?;
        self.journal.write()
    }

    /// Writes what has changed into the tables, and begins the journal anew.
    fn file(&mut self, lasting: Lasting) -> Result<(), Error> {
        self.store.begin(lasting)?;
        let Self { book, journal, store, .. } = self;
        let flushed = book.flush(&store.connection).and_then(|()| store.filed(book.run(), journal.generation()));
        flushed.map_err(|fault| store.told(fault))?;
        let marks = store.commit(lasting)?;
        if lasting == Lasting::Power {
            self.lock.remember(marks)?;
        }
        self.journal.turn()
    }

    fn one(&mut self, message: Message) -> (Answer, Result<(), Error>) {
        let now = Timestamp::now().as_second();
        let Self { store, book, journal, .. } = self;
        let connection = &store.connection;
        let (answer, done) = match message {
            Message::LookUp(keys, reply) => {
                let memories = keys.into_iter().map(|key| book.look_up(connection, key, journal));
                match memories.collect() {
                    Ok(memories) => (Answer::Memories(reply, memories), Ok(())),
                    Err(fault) => (Answer::Memories(reply, Vec::new()), Err(fault)),
                }
            }
            Message::Intend { key, order_no, trackingnumber, reply } => {
                let done = book.intend(connection, key, (&order_no, &trackingnumber), (now, journal));
                (Answer::Done(reply), done)
            }
            Message::Conclude(key, conclusion, reply) => {
                (Answer::Done(reply), book.conclude(connection, key, conclusion, (now, journal)))
            }
            Message::Sync(reply) => (Answer::Done(reply), Ok(())),
        };
        (answer, done.map_err(|fault| store.told(fault)))
    }

    fn close(mut self) -> Result<(), Error> {
        self.file(Lasting::Power)?;
        self.store.begin(Lasting::Power)?;
        let ended = self.store.end_run(self.book.run(), Timestamp::now().as_second());
        ended.map_err(|fault| self.store.told(fault))?;
        self.lock.remember(self.store.commit(Lasting::Power)?)?;
        self.journal.end();
        self.lock.remember(self.store.close()?)
    }
}

/// The answer to a message that was not worked any more.
fn unworked(message: Message) -> Answer {
    match message {
        Message::LookUp(_, reply) => Answer::Memories(reply, Vec::new()),
        Message::Intend { reply, .. } | Message::Conclude(_, _, reply) | Message::Sync(reply) => Answer::Done(reply),
    }
}

/// Answers everything that still comes with `error`.
fn refuse(messages: &Receiver<Message>, error: &Error) {
    for message in messages {
        unworked(message).give(Err(error.clone()));
    }
}
