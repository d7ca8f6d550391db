//! The rules: what is remembered of a payload, and what an intent and an answer change in it.
//!
//! What was asked for lately is held, as it is in the tables or will be once they are written:
//! [`Book::flush`] brings all changes into them at once. Until then the journal knows what led to
//! them.

use std::sync::LazyLock;

use jiff::Timestamp;
use rusqlite::Connection;
use smallvec::SmallVec;

use super::Key;
use super::entry::{COLUMNS, Entry, Moment, halves};
use super::error::Fault;
use super::neighbours::Neighbours;
use super::record::Record;
use super::sieve::Sieve;
use crate::outcome::Conclusion;
use std::collections::HashMap as HashedMap;

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
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Memory {
    /// This very payload is already sent: when it was last accepted.
    pub accepted: Option<Accepted>,
    /// This payload or another of the shipment was accepted once.
    pub accepted_before: bool,
    /// Another payload of the shipment was accepted once.
    pub other_payload: bool,
    /// Another payload of the shipment was looked up (if it was known) or sent in this run already.
    pub other_in_this_run: bool,
    /// It may have been accepted: an answer was lost, or a run was killed while it waited for one.
    /// Since when.
    pub in_doubt: Option<Timestamp>,
    /// The same shipment with the same payload was looked up (if it was known) or sent in this run
    /// already.
    pub seen_in_this_run: bool,
}

/// Finds rows by the first half of an identity.
static BY_HEAD: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {COLUMNS} FROM payload INDEXED BY payload_head WHERE identity_head = ?1")
});

/// Finds the numbers of rows by its other half.
const BY_TAIL: &str = "SELECT id FROM payload INDEXED BY payload_tail WHERE identity_tail = ?1";

/// A payload as it is in the tables, or will be.
#[derive(Debug)]
struct Kept {
    entry: Entry,
    changed: bool,
}

/// The payloads of a shipment.
#[derive(Debug, Default)]
struct Held {
    payloads: SmallVec<[Kept; 1]>,
    /// Whether the tables lack something of it.
    changed: bool,
}

/// The ledger of one scope, as one run sees it.
#[derive(Debug)]
pub(super) struct Book {
    scope: i64,
    run: i64,
    /// What was in doubt before the attempts that are under way; it comes back when such an attempt
    /// surely was not accepted.
    attempts: HashedMap<Key, Option<Moment>>,
    /// The shipments that were asked for lately, by their identities.
    held: HashedMap<u128, Held>,
    /// Those of which the tables lack something, in the order in which that came.
    changed: Vec<u128>,
    /// What this run has put into the tables, where there was nothing of the scope before.
    first: Option<Sieve>,
    neighbours: Neighbours,
}

impl Held {
    /// The rows of all payloads.
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.payloads.iter().map(|kept| &kept.entry)
    }
}

impl Book {
    pub(super) fn new(scope: i64, run: i64) -> Self {
        Self {
            scope,
            run,
            attempts: HashedMap::default(),
            held: HashedMap::default(),
            changed: Vec::new(),
            first: None,
            neighbours: Neighbours::default(),
        }
    }

    /// The same for the first run of a scope, of which the tables hold nothing yet.
    pub(super) fn first(scope: i64, run: i64) -> Self {
        Self { first: Some(Sieve::new()), ..Self::new(scope, run) }
    }

    pub(super) fn run(&self) -> i64 {
        self.run
    }

    /// How many shipments have changed since the tables were last written.
    pub(super) fn changed(&self) -> usize {
        self.changed.len()
    }

    /// Works a record of the journal.
    pub(super) fn enter(&mut self, connection: &Connection, record: &Record) -> Result<(), Fault> {
        match record {
            Record::LookUp(keys) => {
                keys.iter().try_for_each(|key| self.look_up(connection, *key).map(drop))
            }
            Record::Intend { key, names, at } => {
                self.intend(connection, *key, (&names.0, &names.1), *at)
            }
            Record::Conclude { key, conclusion, at } => {
                self.conclude(connection, *key, *conclusion, *at)
            }
        }
    }

    /// What is remembered of `key`; marks it as seen in this run.
    pub(super) fn look_up(&mut self, connection: &Connection, key: Key) -> Result<Memory, Fault> {
        let run = self.run;
        let held = self.hold(connection, key.identity)?;
        let others = || held.entries().filter(|entry| entry.key != key);
        let other_payload = others().any(|other| other.accepted.is_some());
        let other_in_this_run = others().any(|other| other.touched_run == run);
        let Some(this) = held.entries().find(|entry| entry.key == key) else {
            return Ok(Memory {
                accepted_before: other_payload,
                other_payload,
                other_in_this_run,
                ..Memory::default()
            });
        };
        // Another payload came, or may have come, since this one was seen last: the endpoint has
        // that one now.
        let superseded = others().any(|other| other.arrived_run() > this.seen_run);
        let accepted = this.accepted.filter(|_| !superseded);
        let memory = Memory {
            accepted: accepted.map(Accepted::of).transpose()?,
            accepted_before: other_payload || this.accepted.is_some(),
            other_payload,
            other_in_this_run,
            in_doubt: this.doubt.map(|doubt| time(doubt.at)).transpose()?,
            seen_in_this_run: this.touched_run == run,
        };
        let seen_run = if accepted.is_some() { run } else { this.seen_run };
        if (seen_run, run) != (this.seen_run, this.touched_run) {
            // A superseded payload is only touched: were it seen, and the run killed before it is
            // accepted, then the next run would take it for sent.
            self.change(key, ("", ""), |entry| {
                (entry.seen_run, entry.touched_run) = (seen_run, run);
            });
        }
        Ok(memory)
    }

    /// Notes that `key` is about to be sent.
    fn intend(
        &mut self,
        connection: &Connection,
        key: Key,
        names: (&str, &str),
        now: i64,
    ) -> Result<(), Fault> {
        let before = self.attempt(connection, key)?;
        let run = self.run;
        self.change(key, names, |entry| {
            entry.touched_run = run;
            entry.doubt = Some(Moment { run, at: entry.doubt.map_or(now, |doubt| doubt.at) });
        });
        self.attempts.insert(key, before);
        Ok(())
    }

    /// Notes how the attempt for `key` ended.
    fn conclude(
        &mut self,
        connection: &Connection,
        key: Key,
        conclusion: Conclusion,
        now: i64,
    ) -> Result<(), Fault> {
        let before = self.attempt(connection, key)?;
        let moment = Moment { run: self.run, at: now };
        self.change(key, ("", ""), |entry| {
            entry.touched_run = moment.run;
            match conclusion {
                Conclusion::Accepted => accept(entry, moment),
                Conclusion::NotAccepted => entry.doubt = before,
                // The doubt keeps its run: this attempt brought nothing that could supersede
                // another payload.
                Conclusion::StillInDoubt => entry.doubt = before.or(Some(moment)),
                Conclusion::InDoubt => entry.doubt = entry.doubt.or(Some(moment)),
            }
        });
        Ok(())
    }

    /// Writes into the tables, in the transaction under way, what they lack; of what is held only
    /// the attempts under way stay.
    pub(super) fn flush(&mut self, connection: &Connection) -> Result<(), Fault> {
        for identity in self.changed.drain(..) {
            let Some(held) = self.held.get_mut(&identity) else { continue };
            if let Some(sieve) = &mut self.first {
                sieve.add(identity);
            }
            for kept in held.payloads.iter_mut().filter(|kept| kept.changed) {
                kept.entry.write(connection)?;
                kept.changed = false;
            }
            held.changed = false;
        }
        let Self { held, attempts, neighbours, .. } = self;
        neighbours.forget();
        held.retain(|_, held| held.entries().any(|entry| attempts.contains_key(&entry.key)));
        Ok(())
    }

    /// Changes the row of `key`, a new one with these names where there is none; the shipment is
    /// held.
    fn change(&mut self, key: Key, names: (&str, &str), change: impl FnOnce(&mut Entry)) {
        let held = self.held.entry(key.identity).or_default();
        let place = held
            .payloads
            .iter()
            .position(|kept| kept.entry.key == key)
            .unwrap_or(held.payloads.len());
        if place == held.payloads.len() {
            held.payloads.push(Kept { entry: Entry::new(self.scope, key, names), changed: true });
        }
        change(&mut held.payloads[place].entry);
        held.payloads[place].changed = true;
        let alone = held.payloads.len() == 1;
        for Kept { entry, changed } in
            held.payloads.iter_mut().filter(|kept| kept.changed || kept.entry.alone)
        {
            *changed |= entry.alone != alone;
            entry.alone = alone;
        }
        if !std::mem::replace(&mut held.changed, true) {
            self.changed.push(key.identity);
        }
    }

    /// What was in doubt before the attempt for `key` that is under way, or before one that begins;
    /// the shipment is held then.
    fn attempt(&mut self, connection: &Connection, key: Key) -> Result<Option<Moment>, Fault> {
        let held = self.hold(connection, key.identity)?;
        let doubt = held.entries().find(|entry| entry.key == key).and_then(|entry| entry.doubt);
        Ok(self.attempts.remove(&key).unwrap_or(doubt))
    }

    /// The shipment's payloads, read from the tables unless they are held already.
    fn hold(&mut self, connection: &Connection, identity: u128) -> Result<&Held, Fault> {
        if !self.held.contains_key(&identity) {
            let held = self.find(connection, identity)?;
            self.held.insert(identity, held);
        }
        Ok(&self.held[&identity])
    }

    /// The shipment's payloads as the tables have them.
    fn find(&mut self, connection: &Connection, identity: u128) -> Result<Held, Fault> {
        let mut held = Held::default();
        if self.first.as_ref().is_some_and(|sieve| !sieve.may_hold(identity)) {
            return Ok(held);
        }
        if let Some(entry) = self.neighbours.take(connection, self.scope, identity)? {
            held.payloads.push(Kept { entry, changed: false });
            return Ok(held);
        }
        for entry in
            shipment(connection, identity)?.into_iter().filter(|entry| entry.scope == self.scope)
        {
            if held.entries().any(|known| known.key == entry.key) {
                return Err(Fault::Damaged("a row stands twice"));
            }
            held.payloads.push(Kept { entry, changed: false });
        }
        if let Some(first) = held.entries().next() {
            self.neighbours.found(first.id);
        }
        Ok(held)
    }

    /// Remembers `key` as accepted at `now` without an attempt.
    pub(super) fn adopt(
        &self,
        connection: &Connection,
        key: Key,
        names: (&str, &str),
        now: i64,
    ) -> Result<(), Fault> {
        let mut found = shipment(connection, key.identity)?;
        found.retain(|entry| entry.scope == self.scope);
        let place = found.iter().position(|entry| entry.key == key).unwrap_or(found.len());
        if place == found.len() {
            found.push(Entry::new(self.scope, key, names));
        }
        found[place].touched_run = self.run;
        accept(&mut found[place], Moment { run: self.run, at: now });
        let alone = found.len() == 1;
        for (at, entry) in found.iter_mut().enumerate() {
            if at == place || entry.alone != alone {
                entry.alone = alone;
                entry.write(connection)?;
            }
        }
        Ok(())
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

/// All rows of a shipment, in any scope: those that the index of the identity's first half finds,
/// after the index of its other half has found the same.
pub(super) fn shipment(connection: &Connection, identity: u128) -> Result<Vec<Entry>, Fault> {
    let (head, tail) = halves(identity);
    let mut statement = connection.prepare_cached(&BY_HEAD)?;
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
    let mut statement = connection.prepare_cached(BY_TAIL)?;
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
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM payload WHERE id = ?1"))?;
    let mut rows = statement.query([id])?;
    let row = rows.next()?.ok_or(Fault::Damaged("an index leads astray"))?;
    let entry = Entry::read(row)?;
    let (its, wanted) = (halves(entry.key.identity), halves(identity));
    Ok(its.0 != wanted.0 && its.1 == wanted.1)
}
