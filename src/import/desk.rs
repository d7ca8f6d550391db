//! The desk between reading, delivery and results: hands shipments out in the order of the input, and takes outcomes
//! in. Rows that make no shipment are settled on the way.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};

use tokio::sync::{Mutex, Notify};

use super::carry::Met;
use super::reader::{Findings, Item, Reader};
use crate::delivery::{self, Admission};
use crate::mapping::Made;
use crate::outcome::{Outcome, Status, Ticket};
use crate::problem::{self, Problem};
use crate::results::{self, Entry, Labels, Results};
use crate::shipment::Shipment;

/// See the module.
pub(super) struct Desk {
    tray: Mutex<Tray>,
    results: RefCell<Results>,
    /// What an earlier run left of the shipments that are under way.
    earlier: RefCell<HashMap<Ticket, Entry>>,
    /// Rung when the window of the results may have room again.
    room: Notify,
}

/// What came over from the reading thread and is not handed out yet.
struct Tray {
    reader: Reader,
    items: VecDeque<Item>,
}

impl Desk {
    pub(super) fn new(reader: Reader, results: Results) -> Self {
        Self {
            tray: Mutex::new(Tray { reader, items: VecDeque::new() }),
            results: RefCell::new(results),
            earlier: RefCell::default(),
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
    pub(super) async fn settle_rest(&self, reason: &str) -> Result<(), results::Error> {
        let mut tray = self.tray.lock().await;
        loop {
            while let Some(item) = tray.items.pop_front() {
                let mut results = self.results.borrow_mut();
                if let Some((ticket, _, earlier)) = place(&mut results, item)? {
                    let outcome = Outcome::unsent(Status::NotAttempted, reason);
                    results.settle(ticket, &earlier.map_or(outcome, |line| line.outcome), None)?;
                }
            }
            match tray.reader.next().await {
                Some(batch) => tray.items.extend(batch),
                None => return Ok(()),
            }
            // Millions of rows may be left; whoever wants to end this must be heard in between.
            tokio::task::yield_now().await;
        }
    }

    /// What the reading found, and the results.
    pub(super) fn into_parts(self) -> (Findings, Results) {
        (self.tray.into_inner().reader.finish(), self.results.into_inner())
    }
}

impl delivery::Desk for Desk {
    type Error = results::Error;

    async fn next(&self) -> Result<Option<(Ticket, Shipment)>, results::Error> {
        let mut tray = self.tray.lock().await;
        loop {
            while !self.results.borrow().has_room() {
                self.room.notified().await;
            }
            if let Some(item) = tray.items.pop_front() {
                if let Some((ticket, shipment, earlier)) = place(&mut self.results.borrow_mut(), item)? {
                    self.earlier.borrow_mut().extend(earlier.map(|line| (ticket, line)));
                    return Ok(Some((ticket, shipment)));
                }
            } else if let Some(batch) = tray.reader.next().await {
                tray.items.extend(batch);
            } else {
                return Ok(None);
            }
        }
    }

    async fn admit(&self, ticket: Ticket, _: &Shipment) -> Result<Admission, results::Error> {
        // What an earlier run left in doubt stays so until it is accepted.
        let earlier = self.earlier.borrow();
        let tainted = earlier.get(&ticket).is_some_and(|line| line.outcome.status == Status::InDoubt);
        Ok(Admission::Send { tainted })
    }

    async fn intend(&self, _: &Shipment) -> Result<(), results::Error> {
        Ok(())
    }

    async fn attempted(&self, _: &Shipment, _: bool) -> Result<(), results::Error> {
        Ok(())
    }

    async fn settle(&self, ticket: Ticket, _: &Shipment, outcome: &Outcome) -> Result<(), results::Error> {
        let earlier = self.earlier.borrow_mut().remove(&ticket);
        // Its turn did not come, so that what the earlier run left of it is still true.
        let earlier = earlier.filter(|_| outcome.attempts == 0 && !outcome.status.is_settled());
        let mut results = self.results.borrow_mut();
        results.settle(ticket, earlier.as_ref().map_or(outcome, |line| &line.outcome), None)?;
        if results.has_room() {
            self.room.notify_one();
        }
        Ok(())
    }
}

/// Gives an item its line in the results: settled at once where it makes no shipment, or its line is carried over. With
/// a shipment comes what an earlier run left of it.
fn place(results: &mut Results, item: Item) -> Result<Option<(Ticket, Shipment, Option<Entry>)>, results::Error> {
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
