//! The rules: what a ledger entry says, and how an event changes it.
//!
//! Pure functions over values; the caller reads and writes the rows.

use super::{History, Key, RunStamp};
use crate::outcome::Conclusion;

/// The most bytes kept of an order number or a tracking number, which are for people only.
const MAX_NAME: usize = 100;

/// A payload of a shipment, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LedgerEntry {
    /// The row; `None` until it is inserted.
    pub(super) id: Option<i64>,
    pub(super) scope: u64,
    /// Shipment and payload.
    pub key: Key,
    /// The order's number, cut to 100 bytes.
    pub order_no: String,
    /// The tracking number, cut to 100 bytes.
    pub trackingnumber: String,
    /// When it was last accepted.
    pub accepted: Option<RunStamp>,
    /// The last run that found it already sent, or had it accepted; 0 for none.
    pub(super) seen_run: u64,
    /// The last run that looked it up or tried to send it, whatever the result; 0 for none.
    pub(super) touched_run: u64,
    /// The last run that may have had it accepted without knowing, and since when it is in doubt.
    pub doubt: Option<RunStamp>,
}

/// Something that happens to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// It was looked up and not found already sent.
    LookedUp,
    /// It was looked up and found already sent.
    FoundSent,
    /// An attempt begins.
    Begun,
    /// An attempt ended, or a person decides the doubt; what was in doubt before the attempt.
    Ended(Conclusion, Option<RunStamp>),
}

/// The part of an order number or tracking number that is kept.
pub(super) fn cut_name(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME)]
}

impl LedgerEntry {
    /// An entry for a payload of which nothing is known yet.
    pub(super) fn new(scope: u64, key: Key, order_no: &str, trackingnumber: &str) -> Self {
        let [order_no, trackingnumber] =
            [order_no, trackingnumber].map(|name| cut_name(name).to_owned());
        Self { scope, key, order_no, trackingnumber, ..Self::default() }
    }

    /// The entry after `event`, which happens at `now`.
    pub(super) fn after(mut self, event: Event, now: RunStamp) -> Self {
        // A person decides about an attempt that may be older than the last look-up.
        self.touched_run = self.touched_run.max(now.run);
        match event {
            // Not seen: if the run were killed before it is accepted, the next one would take a
            // superseded payload for sent.
            Event::LookedUp => {}
            Event::FoundSent => self.seen_run = now.run,
            Event::Begun => {
                let at = self.doubt.map_or(now.at, |doubt| doubt.at);
                self.doubt = Some(RunStamp { run: now.run, at });
            }
            Event::Ended(Conclusion::Accepted, _) => {
                self.accepted = Some(now);
                self.seen_run = self.seen_run.max(now.run);
                self.doubt = None;
            }
            Event::Ended(Conclusion::NotAccepted, before) => self.doubt = before,
            // The doubt keeps its run: this attempt brought nothing that could supersede another
            // payload.
            Event::Ended(Conclusion::StillInDoubt, before) => self.doubt = before.or(Some(now)),
            Event::Ended(Conclusion::InDoubt, _) => self.doubt = self.doubt.or(Some(now)),
        }
        self
    }

    /// The last run that had it accepted, or may have; 0 for none.
    fn arrived_run(&self) -> u64 {
        [self.accepted, self.doubt].iter().flatten().map(|stamp| stamp.run).max().unwrap_or(0)
    }
}

/// What a look-up of `key` in `run` answers, given all entries of its shipment, and the event it is
/// for the entry of `key`, if there is one that it changes.
pub(super) fn look_up(
    shipment: &[LedgerEntry],
    key: Key,
    run: u64,
) -> (History, Option<(&LedgerEntry, Event)>) {
    let others = || shipment.iter().filter(|entry| entry.key != key);
    let mut history = History {
        other_payload: others().any(|other| other.accepted.is_some()),
        other_in_this_run: others().any(|other| other.touched_run == run),
        ..History::default()
    };
    let Some(entry) = shipment.iter().find(|entry| entry.key == key) else {
        return (history, None);
    };
    // Another payload arrived, or may have, since this one was seen last: the endpoint has that one.
    let is_superseded = others().any(|other| other.arrived_run() > entry.seen_run);
    history.accepted = entry.accepted.filter(|_| !is_superseded);
    history.in_doubt = entry.doubt.map(|doubt| doubt.at);
    history.seen_in_this_run = entry.touched_run == run;
    let event = if history.accepted.is_some() { Event::FoundSent } else { Event::LookedUp };
    let is_new = entry.touched_run != run || (event == Event::FoundSent && entry.seen_run != run);
    (history, is_new.then_some((entry, event)))
}
