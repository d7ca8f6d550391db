//! The desk between reading, delivery and results: hands shipments out in the order of the input,
//! and takes outcomes in. Rows that make no shipment are settled on the way.

use std::cell::RefCell;
use std::collections::VecDeque;

use smallvec::SmallVec;
use tokio::sync::{Mutex, Notify};

use super::memory::Memory;
use super::plan::{self, Item, Wanted};
use super::reader::{Findings, Reader};
use crate::delivery::{self, Admission};
use crate::error::Error;
use crate::hashed::HashedMap;
use crate::outcome::{Conclusion, Outcome, Status, Ticket};
use crate::results::{self, Results};
use crate::shipment::Shipment;

/// See the module.
pub(super) struct Desk {
    tray: Mutex<Tray>,
    results: RefCell<Results>,
    memory: Memory,
    /// What an earlier run left of the shipments that are under way, for a retry.
    earlier: RefCell<HashedMap<Ticket, Box<results::Entry>>>,
    /// The other lines of a shipment that is made of several rows, by the ticket of its first.
    others: RefCell<HashedMap<Ticket, Vec<Ticket>>>,
    /// Rung when the window of the results may have room again.
    room: Notify,
}

/// What came over from the reading thread and is not handed out yet.
struct Tray {
    reader: Reader,
    items: VecDeque<Item>,
    /// Shipments that have their lines, and are not handed out yet.
    ready: VecDeque<(Ticket, Wanted)>,
}

impl Desk {
    pub(super) fn new(reader: Reader, results: Results, memory: Memory) -> Self {
        Self {
            tray: Mutex::new(Tray { reader, items: VecDeque::new(), ready: VecDeque::new() }),
            results: RefCell::new(results),
            memory,
            earlier: RefCell::default(),
            others: RefCell::default(),
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

    /// Records every row that is left as not attempted, for `reason`. Dropping the future leaves
    /// the rest without a line.
    ///
    /// # Errors
    /// When something could not be recorded.
    pub(super) async fn settle_rest(&self, reason: &str) -> Result<(), Error> {
        let mut tray = self.tray.lock().await;
        loop {
            while let Some(item) = tray.items.pop_front() {
                self.place(item, &mut tray.ready)?;
            }
            while let Some((ticket, wanted)) = tray.ready.pop_front() {
                let outcome = Outcome::unsent(Status::NotAttempted, reason);
                self.settle_lines(ticket, &wanted.earlier.map_or(outcome, |line| line.outcome))?;
            }
            match tray.reader.next().await {
                Some(batch) => tray.items.extend(batch),
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

    /// Records how a shipment ended, in the results.
    fn record(&self, ticket: Ticket, outcome: &Outcome) -> Result<(), Error> {
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
        ready: &mut VecDeque<(Ticket, Wanted)>,
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
        let placed = tickets.into_iter().zip(wanted);
        ready.extend(placed.filter_map(|(ticket, wanted)| Some((ticket?, wanted))));
        Ok(())
    }
}

impl delivery::Desk for Desk {
    type Error = Error;

    async fn next(&self) -> Result<Option<(Ticket, Shipment)>, Error> {
        let mut tray = self.tray.lock().await;
        loop {
            if let Some((ticket, Wanted { shipment, earlier })) = tray.ready.pop_front() {
                self.earlier.borrow_mut().extend(earlier.map(|line| (ticket, line)));
                return Ok(Some((ticket, shipment)));
            }
            while !self.results.borrow().has_room() {
                self.room.notified().await;
            }
            if let Some(item) = tray.items.pop_front() {
                self.place(item, &mut tray.ready)?;
                continue;
            }
            let Some(batch) = tray.reader.next().await else { return Ok(None) };
            tray.items.extend(batch);
        }
    }

    async fn admit(&self, ticket: Ticket, shipment: &Shipment) -> Result<Admission, Error> {
        let (admission, outcome) = self.memory.admit(shipment).await?;
        if let Some(outcome) = outcome {
            self.earlier.borrow_mut().remove(&ticket);
            self.record(ticket, &outcome)?;
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
        Ok(self.memory.conclude(shipment, conclusion).await?)
    }

    fn settle(&self, ticket: Ticket, _: &Shipment, outcome: &Outcome) -> Result<(), Error> {
        // Where its turn did not come, what the earlier run left of it is still true.
        let earlier = self.earlier.borrow_mut().remove(&ticket).map(|line| line.outcome);
        let earlier = earlier.filter(|earlier| {
            outcome.attempts == 0
                && (outcome.status == Status::NotAttempted || earlier.status == Status::InDoubt)
        });
        self.record(ticket, earlier.as_ref().unwrap_or(outcome))
    }
}
