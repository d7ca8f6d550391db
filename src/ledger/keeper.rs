//! The ledger's thread: takes what waits, works all of it in one transaction, commits, and only then answers.
//!
//! So many requests share a commit when many are under way, and none waits for others to come. Once a second, and at the
//! end, a commit is made to last through a power cut. The first failure is the last: from then on every question is
//! answered with it, and nothing is written any more.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::book::{Book, Memory};
use super::lock::Lock;
use super::store::{Lasting, Store};
use super::{Error, Key};
use crate::outcome::Conclusion;

/// How long a commit may wait until it survives a power cut.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// The most messages in one transaction, so that no answer waits for ever.
const MAX_GROUP: usize = 1024;

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
            let lasting = if due { Lasting::Power } else { Lasting::Process };
            let mut answers = Vec::with_capacity(group.len());
            let worked = self.work(group, lasting, &mut answers);
            match &worked {
                Ok(_) if due => unsynced = None,
                Ok(true) => unsynced = unsynced.or_else(|| Some(Instant::now())),
                Ok(false) | Err(_) => {}
            }
            let committed = worked.map(drop);
            for answer in answers {
                answer.give(committed.clone());
            }
            if let Err(error) = committed {
                // A transaction left open would block other shops' runs; the lock stays, since this run's shipments are
                // still in flight.
                drop(self.store);
                refuse(messages, &error);
                return Err(error);
            }
        }
        self.close()
    }

    /// Works a group in one transaction; gives whether anything was written. Every message has its answer
    /// in `answers`, also when this fails.
    fn work(&mut self, group: Vec<Message>, lasting: Lasting, answers: &mut Vec<Answer>) -> Result<bool, Error> {
        let mut result = self.store.begin(lasting).map(|()| lasting == Lasting::Power);
        for message in group {
            let (answer, done) = match &result {
                Ok(_) => self.one(message),
                Err(_) => (unworked(message), Ok(false)),
            };
            answers.push(answer);
            if let Ok(changed) = &mut result {
                match done {
                    Ok(wrote) => *changed |= wrote,
                    Err(error) => result = Err(error),
                }
            }
        }
        let changed = result?;
        if !changed {
            self.store.leave()?;
            return Ok(false);
        }
        let marks = self.store.commit(lasting)?;
        if lasting == Lasting::Power {
            self.lock.remember(marks)?;
        }
        Ok(true)
    }

    fn one(&mut self, message: Message) -> (Answer, Result<bool, Error>) {
        let now = Timestamp::now().as_second();
        let connection = &self.store.connection;
        let (answer, done) = match message {
            Message::LookUp(keys, reply) => {
                let mut changed = false;
                let memories = keys.into_iter().map(|key| {
                    let (memory, wrote) = self.book.look_up(connection, key)?;
                    changed |= wrote;
                    Ok(memory)
                });
                match memories.collect() {
                    Ok(memories) => (Answer::Memories(reply, memories), Ok(changed)),
                    Err(fault) => (Answer::Memories(reply, Vec::new()), Err(fault)),
                }
            }
            Message::Intend { key, order_no, trackingnumber, reply } => {
                let done = self.book.intend(connection, key, (&order_no, &trackingnumber), now);
                (Answer::Done(reply), done.map(|()| true))
            }
            Message::Conclude(key, conclusion, reply) => {
                (Answer::Done(reply), self.book.conclude(connection, key, conclusion, now).map(|()| true))
            }
            Message::Sync(reply) => (Answer::Done(reply), Ok(true)),
        };
        (answer, done.map_err(|fault| self.store.told(fault)))
    }

    fn close(mut self) -> Result<(), Error> {
        self.store.begin(Lasting::Power)?;
        let ended = self.store.end_run(self.book.run(), Timestamp::now().as_second());
        ended.map_err(|fault| self.store.told(fault))?;
        self.lock.remember(self.store.commit(Lasting::Power)?)?;
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
