//! The desk between reading, delivery and results: hands shipments out in the order of the input, and takes outcomes
//! in. Rows that make no shipment are settled on the way.

use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use tokio::sync::{Mutex, Notify};

use super::carry::Met;
use super::memory::{Known, Memory, key};
use super::reader::{Findings, Item, Reader};
use crate::delivery::{self, Admission};
use crate::error::Error;
use crate::ledger::{self, Key, LookUp};
use crate::mapping::Made;
use crate::outcome::{Conclusion, Outcome, Status, Ticket};
use crate::problem::{self, Problem};
use crate::results::{self, Labels, Results};
use crate::shipment::Shipment;

/// See the module.
pub(super) struct Desk {
    tray: Mutex<Tray>,
    results: RefCell<Results>,
    memory: Memory,
    /// How many shipments of each identity came over and have no outcome yet: what the ledger says of another of them
    /// may be different by the time of its turn.
    under_way: RefCell<HashMap<u128, usize>>,
    /// What an earlier run left of the shipments that are under way, for a retry.
    earlier: RefCell<HashMap<Ticket, results::Entry>>,
    /// What was looked up, by ticket, until the shipment's turn.
    known: RefCell<HashMap<Ticket, Known>>,
    /// Rung when the window of the results may have room again.
    room: Notify,
}

/// What came over from the reading thread and is not handed out yet.
struct Tray {
    reader: Reader,
    items: VecDeque<(Item, Known)>,
    looking_up: Option<LookingUp>,
}

/// A batch that the ledger is asked about.
struct LookingUp {
    batch: Vec<Item>,
    /// Whether no other of its identity is under way, so that it was asked about.
    alone: Vec<bool>,
    answer: Option<LookUp>,
}

impl LookingUp {
    /// Waits for the answer; may be dropped and called again.
    async fn wait(&mut self) -> Result<Vec<ledger::Memory>, ledger::Error> {
        match &mut self.answer {
            Some(answer) => answer.await,
            None => Ok(Vec::new()),
        }
    }

    fn with(self, memories: Vec<ledger::Memory>) -> impl Iterator<Item = (Item, Known)> {
        let mut memories = memories.into_iter();
        self.batch.into_iter().zip(self.alone).map(move |(item, alone)| {
            let memory = if alone { memories.next() } else { None };
            (item, memory.map_or(Known::NotYet, Known::Memory))
        })
    }
}

impl Desk {
    pub(super) fn new(reader: Reader, results: Results, memory: Memory) -> Self {
        Self {
            tray: Mutex::new(Tray { reader, items: VecDeque::new(), looking_up: None }),
            results: RefCell::new(results),
            memory,
            under_way: RefCell::default(),
            earlier: RefCell::default(),
            known: RefCell::default(),
            room: Notify::new(),
        }
    }

    /// A look at the results so far.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Results) -> T) -> T {
        look(&self.results.borrow())
    }

    /// Hands what is recorded over to the operating system.
    pub(super) fn flush(&self) -> Result<(), results::Error> {
        self.results.borrow_mut().flush()
    }

    /// Records every row that is left as not attempted, for `reason`. Dropping the future leaves the rest without a
    /// line.
    ///
    /// # Errors
    /// When something could not be recorded.
    pub(super) async fn settle_rest(&self, reason: &str) -> Result<(), Error> {
        let mut tray = self.tray.lock().await;
        if let Some(looking_up) = tray.looking_up.take() {
            tray.items.extend(looking_up.with(Vec::new()));
        }
        loop {
            while let Some((item, _)) = tray.items.pop_front() {
                let mut results = self.results.borrow_mut();
                if let Some((ticket, _, earlier)) = place(&mut results, item)? {
                    let outcome = Outcome::unsent(Status::NotAttempted, reason);
                    results.settle(ticket, &earlier.map_or(outcome, |line| line.outcome), None)?;
                }
            }
            match tray.reader.next().await {
                Some(batch) => tray.items.extend(batch.into_iter().map(|item| (item, Known::NotYet))),
                None => return Ok(()),
            }
            // Millions of rows may be left; whoever wants to end this must be heard in between.
            tokio::task::yield_now().await;
        }
    }

    /// What the reading found, the results, and what is remembered.
    pub(super) fn into_parts(self) -> (Findings, Results, Memory) {
        (self.tray.into_inner().reader.finish(), self.results.into_inner(), self.memory)
    }

    /// What of a batch to look up, all at once: all but those of which another is under way, whose turn will come after
    /// that one's outcome.
    fn prepare_look_up(&self, batch: Vec<Item>) -> (LookingUp, Vec<Key>) {
        let mut under_way = self.under_way.borrow_mut();
        let mut keys = Vec::with_capacity(batch.len());
        let mut alone = Vec::with_capacity(batch.len());
        for item in &batch {
            let (Made::Shipment(shipment), Met::Anew | Met::Again(_)) = (&item.made, &item.met) else {
                alone.push(false);
                continue;
            };
            let others = under_way.entry(shipment.identity).or_default();
            alone.push(*others == 0);
            if *others == 0 {
                keys.push(key(shipment));
            }
            *others += 1;
        }
        (LookingUp { batch, alone, answer: None }, keys)
    }

    /// Records how a shipment ended, in the results.
    fn record(&self, ticket: Ticket, shipment: &Shipment, outcome: &Outcome) -> Result<(), Error> {
        if let Entry::Occupied(mut others) = self.under_way.borrow_mut().entry(shipment.identity) {
            *others.get_mut() -= 1;
            if *others.get() == 0 {
                others.remove();
            }
        }
        let mut results = self.results.borrow_mut();
        results.settle(ticket, outcome, None)?;
        if results.has_room() {
            self.room.notify_one();
        }
        Ok(())
    }
}

impl delivery::Desk for Desk {
    type Error = Error;

    async fn next(&self) -> Result<Option<(Ticket, Shipment)>, Error> {
        let mut tray = self.tray.lock().await;
        loop {
            while !self.results.borrow().has_room() {
                self.room.notified().await;
            }
            if let Some((item, known)) = tray.items.pop_front() {
                if let Some((ticket, shipment, earlier)) = place(&mut self.results.borrow_mut(), item)? {
                    self.earlier.borrow_mut().extend(earlier.map(|line| (ticket, line)));
                    self.known.borrow_mut().insert(ticket, known);
                    return Ok(Some((ticket, shipment)));
                }
                continue;
            }
            // Both waits may be interrupted: what was taken from the reader stays in the tray.
            if tray.looking_up.is_none() {
                let Some(batch) = tray.reader.next().await else { return Ok(None) };
                // In the tray before anything is asked: where that fails, the rows still get their lines.
                let (looking_up, keys) = self.prepare_look_up(batch);
                tray.looking_up.insert(looking_up).answer = self.memory.start_look_up(keys)?;
            }
            if let Some(looking_up) = &mut tray.looking_up {
                let memories = looking_up.wait().await?;
                if let Some(looked_up) = tray.looking_up.take() {
                    tray.items.extend(looked_up.with(memories));
                }
            }
        }
    }

    async fn admit(&self, ticket: Ticket, shipment: &Shipment) -> Result<Admission, Error> {
        let known = self.known.borrow_mut().remove(&ticket).unwrap_or(Known::NotYet);
        let (admission, outcome) = self.memory.admit(shipment, known).await?;
        if let Some(outcome) = outcome {
            self.earlier.borrow_mut().remove(&ticket);
            self.record(ticket, shipment, &outcome)?;
        }
        let doubtful = |line: &results::Entry| line.outcome.status == Status::InDoubt;
        Ok(match admission {
            // What an earlier run left in doubt stays so until it is accepted, with and without a ledger.
            Admission::Send { .. } if self.earlier.borrow().get(&ticket).is_some_and(doubtful) => {
                Admission::Send { tainted: true }
            }
            admission => admission,
        })
    }

    async fn intend(&self, shipment: &Shipment) -> Result<(), Error> {
        Ok(self.memory.intend(shipment).await?)
    }

    async fn attempted(&self, shipment: &Shipment, conclusion: Conclusion) -> Result<(), Error> {
        Ok(self.memory.conclude(shipment, conclusion).await?)
    }

    fn settle(&self, ticket: Ticket, shipment: &Shipment, outcome: &Outcome) -> Result<(), Error> {
        // Where its turn did not come, what the earlier run left of it is still true.
        let earlier = self.earlier.borrow_mut().remove(&ticket).map(|line| line.outcome);
        let earlier = earlier.filter(|earlier| {
            outcome.attempts == 0 && (outcome.status == Status::NotAttempted || earlier.status == Status::InDoubt)
        });
        self.record(ticket, shipment, earlier.as_ref().unwrap_or(outcome))
    }
}

/// Gives an item its line in the results: settled at once where it makes no shipment, or its line is carried over. With
/// a shipment comes what an earlier run left of it.
fn place(
    results: &mut Results,
    item: Item,
) -> Result<Option<(Ticket, Shipment, Option<results::Entry>)>, results::Error> {
    let Item { mut row, made, labels: (order_no, trackingnumber), met } = item;
    let earlier = match met {
        Met::Anew | Met::Unlisted => None,
        Met::Again(line) => Some(line),
        Met::Carried(line) => {
            row.fingerprint = line.fingerprint;
            let ticket = results.expect(row, line.labels(), line.shipment);
            let Outcome { status, message, .. } = &line.outcome;
            results.settle(ticket, &line.outcome, (*status == Status::Skipped).then_some(message))?;
            return Ok(None);
        }
    };
    let unsent = Labels { order_no: &order_no, trackingnumber: &trackingnumber, payload: None };
    match made {
        Made::Shipment(shipment) => {
            let labels = Labels {
                order_no: &shipment.order_no,
                trackingnumber: &shipment.trackingnumber,
                payload: Some(shipment.payload),
            };
            let ticket = results.expect(row, labels, 1);
            Ok(Some((ticket, shipment, earlier)))
        }
        Made::Skipped(reason) => {
            let ticket = results.expect(row, unsent, 0);
            results.settle(ticket, &Outcome::unsent(Status::Skipped, &reason), Some(&reason))?;
            Ok(None)
        }
        Made::Invalid(problems) => {
            let ticket = results.expect(row, unsent, 0);
            let reason = problems.first().map(Problem::kind);
            results.settle(ticket, &Outcome::unsent(Status::Invalid, problem::join(&problems)), reason.as_deref())?;
            Ok(None)
        }
    }
}
