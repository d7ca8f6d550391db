//! The desk between reading, delivery and results: hands shipments out in the order of the input,
//! and takes outcomes in. Rows that make no shipment are settled on the way.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::collections::hash_map::Entry;

use smallvec::SmallVec;
use tokio::sync::{Mutex, Notify};

use super::memory::{Known, Memory, key};
use super::plan::{self, Item, Wanted};
use super::reader::{Findings, Reader};
use crate::delivery::{self, Admission};
use crate::error::Error;
use crate::hashed::HashedMap;
use crate::ledger::{self, Key, LookUp};
use crate::outcome::{Conclusion, Outcome, Status, Ticket};
use crate::results::{self, Results};
use crate::shipment::Shipment;

/// Batches that the ledger is asked about ahead of those that are handed out.
const LOOKED_UP_AHEAD: usize = 2;

/// See the module.
pub(super) struct Desk {
    tray: Mutex<Tray>,
    results: RefCell<Results>,
    memory: Memory,
    /// How many shipments of each identity came over and have no outcome yet: what the ledger says
    /// of another of them may be different by the time of its turn.
    under_way: RefCell<HashedMap<u128, usize>>,
    /// What an earlier run left of the shipments that are under way, for a retry.
    earlier: RefCell<HashedMap<Ticket, Box<results::Entry>>>,
    /// What was looked up, by ticket, until the shipment's turn.
    known: RefCell<HashedMap<Ticket, Known>>,
    /// The other lines of a shipment that is made of several rows, by the ticket of its first.
    others: RefCell<HashedMap<Ticket, Vec<Ticket>>>,
    /// Rung when the window of the results may have room again.
    room: Notify,
}

/// What is known of the shipments of an item.
type AllKnown = SmallVec<[Known; 1]>;

/// What came over from the reading thread and is not handed out yet.
struct Tray {
    reader: Reader,
    items: VecDeque<(Item, AllKnown)>,
    /// Shipments that have their lines, and are not handed out yet.
    ready: VecDeque<(Ticket, Wanted, Known)>,
    /// Batches that the ledger is asked about, in their order.
    looking_up: VecDeque<LookingUp>,
}

/// A batch that the ledger is asked about.
struct LookingUp {
    batch: Vec<Item>,
    /// For each shipment whether no other of its identity is under way, so that it was asked about.
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

    fn with(self, memories: Vec<ledger::Memory>) -> impl Iterator<Item = (Item, AllKnown)> {
        let (mut memories, mut alone) = (memories.into_iter(), self.alone.into_iter());
        self.batch.into_iter().map(move |item| {
            let asked = alone.by_ref().take(item.wanted.len());
            let known = asked.map(|alone| if alone { memories.next() } else { None });
            let known = known.map(|memory| memory.map_or(Known::NotYet, Known::Memory)).collect();
            (item, known)
        })
    }
}

impl Desk {
    pub(super) fn new(reader: Reader, results: Results, memory: Memory) -> Self {
        Self {
            tray: Mutex::new(Tray {
                reader,
                items: VecDeque::new(),
                ready: VecDeque::new(),
                looking_up: VecDeque::new(),
            }),
            results: RefCell::new(results),
            memory,
            under_way: RefCell::default(),
            earlier: RefCell::default(),
            known: RefCell::default(),
            others: RefCell::default(),
            room: Notify::new(),
        }
    }

    /// A look at the results so far.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Results) -> T) -> T {
        look(&self.results.borrow())
    }

    /// Lets the ledger keep what it was told; whoever is about to send waits for it.
    /// [`flush`](Self::flush) does the same for the results.
    ///
    /// # Errors
    /// When it cannot; the next attempt meets the same error.
    pub(super) fn keep(&self) -> Result<(), Error> {
        Ok(self.memory.write()?)
    }

    /// Hands what is recorded over to the operating system.
    pub(super) fn flush(&self) -> Result<(), results::Error> {
        self.results.borrow_mut().flush()
    }

    /// Records every row that is left as not attempted, for `reason`. Dropping the future leaves
    /// the rest without a line.
    ///
    /// # Errors
    /// When something could not be recorded.
    pub(super) async fn settle_rest(&self, reason: &str) -> Result<(), Error> {
        let mut tray = self.tray.lock().await;
        while let Some(looking_up) = tray.looking_up.pop_front() {
            tray.items.extend(looking_up.with(Vec::new()));
        }
        loop {
            while let Some((item, _)) = tray.items.pop_front() {
                self.place(item, AllKnown::new(), &mut tray.ready)?;
            }
            while let Some((ticket, wanted, _)) = tray.ready.pop_front() {
                let outcome = Outcome::unsent(Status::NotAttempted, reason);
                self.settle_lines(ticket, &wanted.earlier.map_or(outcome, |line| line.outcome))?;
            }
            match tray.reader.next().await {
                Some(batch) => {
                    tray.items.extend(batch.into_iter().map(|item| (item, AllKnown::new())))
                }
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

    /// What of a batch to look up, all at once: all but those of which another is under way, whose
    /// turn will come after that one's outcome.
    fn prepare_look_up(&self, batch: Vec<Item>) -> (LookingUp, Vec<Key>) {
        let mut under_way = self.under_way.borrow_mut();
        let mut keys = Vec::with_capacity(batch.len());
        let mut alone = Vec::with_capacity(batch.len());
        for Wanted { shipment, .. } in batch.iter().flat_map(|item| &item.wanted) {
            let others = under_way.entry(shipment.identity).or_default();
            alone.push(*others == 0);
            if *others == 0 {
                keys.push(key(shipment));
            }
            *others += 1;
        }
        (LookingUp { batch, alone, answer: None }, keys)
    }

    /// Begins to look a batch up. It is in the tray before anything is asked: where that fails, the
    /// rows still get their lines.
    fn look_up(&self, batch: Vec<Item>, looking_up: &mut VecDeque<LookingUp>) -> Result<(), Error> {
        let (prepared, keys) = self.prepare_look_up(batch);
        looking_up.push_back(prepared);
        let answer = self.memory.start_look_up(keys)?;
        if let Some(last) = looking_up.back_mut() {
            last.answer = answer;
        }
        Ok(())
    }

    /// Records how a shipment ended, in the results.
    fn record(&self, ticket: Ticket, shipment: &Shipment, outcome: &Outcome) -> Result<(), Error> {
        if let Entry::Occupied(mut others) = self.under_way.borrow_mut().entry(shipment.identity) {
            *others.get_mut() -= 1;
            if *others.get() == 0 {
                others.remove();
            }
        }
        self.settle_lines(ticket, outcome)?;
        if self.results.borrow().has_room() {
            self.room.notify_one();
        }
        Ok(())
    }

    /// Ends all lines of a shipment.
    fn settle_lines(&self, ticket: Ticket, outcome: &Outcome) -> Result<(), results::Error> {
        let mut results = self.results.borrow_mut();
        results.settle(ticket, outcome, None)?;
        let others = self.others.borrow_mut().remove(&ticket).unwrap_or_default();
        others.into_iter().try_for_each(|other| results.settle(other, outcome, None))
    }

    /// Gives an item its lines in the results; what is to be sent is `ready` then.
    fn place(
        &self,
        item: Item,
        known: AllKnown,
        ready: &mut VecDeque<(Ticket, Wanted, Known)>,
    ) -> Result<(), results::Error> {
        let Item { lines, wanted } = item;
        let mut tickets: SmallVec<[Option<Ticket>; 1]> = wanted.iter().map(|_| None).collect();
        let mut results = self.results.borrow_mut();
        for line in lines {
            let Some((place, ticket)) = plan::expect(&mut results, line, &wanted)? else {
                continue;
            };
            match tickets[place] {
                None => tickets[place] = Some(ticket),
                Some(first) => self.others.borrow_mut().entry(first).or_default().push(ticket),
            }
        }
        let known = known.into_iter().chain(std::iter::repeat(Known::NotYet));
        let placed = tickets.into_iter().zip(wanted).zip(known);
        ready.extend(placed.filter_map(|((ticket, wanted), known)| Some((ticket?, wanted, known))));
        Ok(())
    }
}

impl delivery::Desk for Desk {
    type Error = Error;

    async fn next(&self) -> Result<Option<(Ticket, Shipment)>, Error> {
        let mut tray = self.tray.lock().await;
        loop {
            if let Some((ticket, Wanted { shipment, earlier }, known)) = tray.ready.pop_front() {
                self.earlier.borrow_mut().extend(earlier.map(|line| (ticket, line)));
                self.known.borrow_mut().insert(ticket, known);
                return Ok(Some((ticket, shipment)));
            }
            while !self.results.borrow().has_room() {
                self.room.notified().await;
            }
            if let Some((item, known)) = tray.items.pop_front() {
                self.place(item, known, &mut tray.ready)?;
                continue;
            }
            // Both waits may be interrupted: what was taken from the reader stays in the tray.
            if tray.looking_up.is_empty() {
                let Some(batch) = tray.reader.next().await else { return Ok(None) };
                self.look_up(batch, &mut tray.looking_up)?;
            }
            if let Some(looking_up) = tray.looking_up.front_mut() {
                let memories = looking_up.wait().await?;
                if let Some(looked_up) = tray.looking_up.pop_front() {
                    tray.items.extend(looked_up.with(memories));
                }
            }
            // What comes next is looked up while this is handed out.
            while tray.looking_up.len() < LOOKED_UP_AHEAD
                && let Some(batch) = tray.reader.try_next()
            {
                self.look_up(batch, &mut tray.looking_up)?;
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
        Ok(match admission {
            // What an earlier run left in doubt stays so until it is accepted, with and without a
            // ledger.
            Admission::Send { .. }
                if self
                    .earlier
                    .borrow()
                    .get(&ticket)
                    .is_some_and(|line| line.outcome.status == Status::InDoubt) =>
            {
                Admission::Send { tainted: true }
            }
            admission => admission,
        })
    }

    async fn intend(&self, shipment: &Shipment) -> Result<(), Error> {
        Ok(self.memory.intend(shipment).await?)
    }

    async fn attempted(&self, shipment: &Shipment, conclusion: Conclusion) -> Result<(), Error> {
        Ok(self.memory.conclude(shipment, conclusion)?)
    }

    fn settle(&self, ticket: Ticket, shipment: &Shipment, outcome: &Outcome) -> Result<(), Error> {
        // Where its turn did not come, what the earlier run left of it is still true.
        let earlier = self.earlier.borrow_mut().remove(&ticket).map(|line| line.outcome);
        let earlier = earlier.filter(|earlier| {
            outcome.attempts == 0
                && (outcome.status == Status::NotAttempted || earlier.status == Status::InDoubt)
        });
        self.record(ticket, shipment, earlier.as_ref().unwrap_or(outcome))
    }
}
