//! The rules: what is remembered of a payload, and what an intent and an answer change in it.
//!
//! Works inside a transaction that its caller has begun. The one state of its own is what was in doubt before the attempts
//! that are under way, of which there are never more than requests in flight.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::Connection;

use super::Key;
use super::entry::{COLUMNS, Entry, Moment, halves};
use super::error::Fault;
use crate::outcome::Conclusion;

/// An acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// When, to the second.
    pub at: Timestamp,
    /// In which run.
    pub run: u64,
}

impl Accepted {
    pub(super) fn of(moment: Moment) -> Result<Self, Fault> {
        Ok(Self { at: time(moment.at)?, run: moment.run.cast_unsigned() })
    }
}

/// What is remembered of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// This very payload is already sent: when it was last accepted.
    pub accepted: Option<Accepted>,
    /// This payload or another of the shipment was accepted once.
    pub accepted_before: bool,
    /// Another payload of the shipment was accepted once.
    pub other_payload: bool,
    /// It may have been accepted: an answer was lost, or a run was killed while it waited for one. Since when.
    pub in_doubt: Option<Timestamp>,
    /// The same shipment with the same payload was looked up (if it was known) or sent in this run already.
    pub seen_in_this_run: bool,
}

/// An attempt under way.
#[derive(Debug)]
struct Attempt {
    /// The row as it was written with the intent.
    entry: Entry,
    /// What was in doubt before; comes back when this attempt surely was not accepted.
    before: Option<Moment>,
}

/// The ledger of one scope, as one run sees it.
#[derive(Debug)]
pub(super) struct Book {
    scope: i64,
    run: i64,
    attempts: HashMap<Key, Attempt>,
}

impl Book {
    pub(super) fn new(scope: i64, run: i64) -> Self {
        Self { scope, run, attempts: HashMap::new() }
    }

    pub(super) fn run(&self) -> i64 {
        self.run
    }

    /// What is remembered of `key`, and whether that look wrote anything.
    pub(super) fn look_up(&self, connection: &Connection, key: Key) -> Result<(Memory, bool), Fault> {
        let (this, others) = self.find(connection, key)?;
        let other_payload = others.iter().any(|other| other.accepted.is_some());
        let Some(mut this) = this else {
            return Ok((Memory { accepted_before: other_payload, other_payload, ..Memory::default() }, false));
        };
        // Another payload came, or may have come, since this one was seen last: the endpoint has that one now.
        let superseded = others.iter().any(|other| other.arrived_run() > this.seen_run);
        let accepted = this.accepted.filter(|_| !superseded);
        let memory = Memory {
            accepted: accepted.map(Accepted::of).transpose()?,
            accepted_before: other_payload || this.accepted.is_some(),
            other_payload,
            in_doubt: this.doubt.map(|doubt| time(doubt.at)).transpose()?,
            seen_in_this_run: this.touched_run == self.run,
        };
        let seen_run = if accepted.is_some() { self.run } else { this.seen_run };
        let changed = (seen_run, self.run) != (this.seen_run, this.touched_run);
        if changed {
            // A superseded payload is only touched: were it seen, and the run killed before it is accepted, then the
            // next run would take it for sent.
            (this.seen_run, this.touched_run) = (seen_run, self.run);
            this.write(connection)?;
        }
        Ok((memory, changed))
    }

    /// Notes that `key` is about to be sent.
    pub(super) fn intend(
        &mut self,
        connection: &Connection,
        key: Key,
        names: (&str, &str),
        now: i64,
    ) -> Result<(), Fault> {
        let Attempt { mut entry, before } = self.attempt(connection, key, names)?;
        entry.touched_run = self.run;
        entry.doubt = Some(Moment { run: self.run, at: entry.doubt.map_or(now, |doubt| doubt.at) });
        entry.write(connection)?;
        self.attempts.insert(key, Attempt { entry, before });
        Ok(())
    }

    /// Notes how the attempt for `key` ended.
    pub(super) fn conclude(
        &mut self,
        connection: &Connection,
        key: Key,
        conclusion: Conclusion,
        now: i64,
    ) -> Result<(), Fault> {
        let Attempt { mut entry, before } = self.attempt(connection, key, ("", ""))?;
        entry.touched_run = self.run;
        match conclusion {
            Conclusion::Accepted => accept(&mut entry, Moment { run: self.run, at: now }),
            Conclusion::NotAccepted => entry.doubt = before,
            // The doubt keeps its run: this attempt brought nothing that could supersede another payload.
            Conclusion::StillInDoubt => entry.doubt = before.or(Some(Moment { run: self.run, at: now })),
            Conclusion::InDoubt => entry.doubt = entry.doubt.or(Some(Moment { run: self.run, at: now })),
        }
        entry.write(connection)
    }

    /// The attempt for `key` that is under way, or one that begins.
    fn attempt(&mut self, connection: &Connection, key: Key, names: (&str, &str)) -> Result<Attempt, Fault> {
        if let Some(attempt) = self.attempts.remove(&key) {
            return Ok(attempt);
        }
        let entry = self.find(connection, key)?.0.unwrap_or_else(|| Entry::new(self.scope, key, names));
        Ok(Attempt { before: entry.doubt, entry })
    }

    /// Remembers `key` as accepted at `now` without an attempt.
    pub(super) fn adopt(&self, connection: &Connection, key: Key, names: (&str, &str), now: i64) -> Result<(), Fault> {
        let found = self.find(connection, key)?.0;
        let mut entry = found.unwrap_or_else(|| Entry::new(self.scope, key, names));
        entry.touched_run = self.run;
        accept(&mut entry, Moment { run: self.run, at: now });
        entry.write(connection)
    }

    /// The row of `key`, and those of the shipment's other payloads.
    fn find(&self, connection: &Connection, key: Key) -> Result<(Option<Entry>, Vec<Entry>), Fault> {
        let mut this = None;
        let mut others = Vec::new();
        for entry in shipment(connection, key.identity)? {
            if entry.scope != self.scope {
                continue;
            }
            if entry.key == key {
                if this.replace(entry).is_some() {
                    return Err(Fault::Damaged("a row stands twice"));
                }
            } else {
                others.push(entry);
            }
        }
        Ok((this, others))
    }
}

/// Makes `entry` one that was accepted in `moment`.
pub(super) fn accept(entry: &mut Entry, moment: Moment) {
    entry.accepted = Some(moment);
    entry.seen_run = moment.run;
    entry.doubt = None;
}

pub(super) fn time(seconds: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_second(seconds).map_err(|_| Fault::Damaged("a time is out of range"))
}

/// All rows of a shipment, in any scope: those that the index of the identity's first half finds, after the
/// index of its other half has found the same.
pub(super) fn shipment(connection: &Connection, identity: u128) -> Result<Vec<Entry>, Fault> {
    let (head, tail) = halves(identity);
    let mut statement = connection.prepare_cached(&by("payload_head", "identity_head", COLUMNS))?;
    let mut rows = statement.query([head])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let entry = Entry::read(row)?;
        let (its_head, its_tail) = halves(entry.key.identity);
        if its_head != head {
            return Err(Fault::Damaged("an index leads astray"));
        }
        if its_tail == tail {
            found.push(entry);
        }
    }
    let mut statement = connection.prepare_cached(&by("payload_tail", "identity_tail", "id"))?;
    let mut rows = statement.query([tail])?;
    let mut agreed = 0;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        if found.iter().any(|entry| entry.id == id) {
            agreed += 1;
        } else if !is_stranger(connection, id, identity)? {
            return Err(Fault::Damaged("its indexes disagree"));
        }
    }
    if agreed == found.len() { Ok(found) } else { Err(Fault::Damaged("its indexes disagree")) }
}

/// Whether row `id` truly is another shipment's, which happens to share half of the identity.
fn is_stranger(connection: &Connection, id: i64, identity: u128) -> Result<bool, Fault> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM payload WHERE id = ?1"))?;
    let mut rows = statement.query([id])?;
    let row = rows.next()?.ok_or(Fault::Damaged("an index leads astray"))?;
    let entry = Entry::read(row)?;
    let (its, wanted) = (halves(entry.key.identity), halves(identity));
    Ok(its.0 != wanted.0 && its.1 == wanted.1)
}

fn by(index: &str, column: &str, columns: &str) -> String {
    format!("SELECT {columns} FROM payload INDEXED BY {index} WHERE {column} = ?1")
}
