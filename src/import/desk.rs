//! The desk between reading, delivery and results: hands shipments out in the order of the input, and takes outcomes
//! in. Rows that make no shipment are settled on the way.

use std::cell::RefCell;
use std::collections::VecDeque;

use tokio::sync::{Mutex, Notify};

use super::reader::{Findings, Item, Reader};
use crate::delivery;
use crate::error::Error;
use crate::mapping::Made;
use crate::outcome::{Outcome, Status, Ticket};
use crate::problem::{self, Problem};
use crate::results::{self, Labels, Results};
use crate::shipment::Shipment;

/// What came over from the reading thread and is not handed out yet. One caller at a time.
struct Tray {
    reader: Reader,
    items: VecDeque<Item>,
}

/// See the module.
pub(super) struct Desk {
    tray: Mutex<Tray>,
    results: RefCell<Results>,
    /// Rung when the window of the results may have room again.
    room: Notify,
    /// Why something could not be recorded while rows were handed out.
    error: RefCell<Option<results::Error>>,
}

impl Desk {
    pub(super) fn new(reader: Reader, results: Results) -> Self {
        Self {
            tray: Mutex::new(Tray { reader, items: VecDeque::new() }),
            results: RefCell::new(results),
            room: Notify::new(),
            error: RefCell::new(None),
        }
    }

    /// A look at the results so far.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Results) -> T) -> T {
        look(&self.results.borrow())
    }

    /// Hands what is recorded over to the operating system; `false` when that failed, which [`Desk::close`] tells.
    pub(super) fn flush(&self) -> bool {
        let flushed = self.results.borrow_mut().flush();
        if let Err(error) = flushed {
            self.error.borrow_mut().get_or_insert(error);
            return false;
        }
        true
    }

    /// Bytes of the inputs read so far, if nobody waits for rows just now.
    pub(super) fn bytes(&self) -> Option<u64> {
        self.tray.try_lock().ok().map(|tray| tray.reader.bytes())
    }

    /// Records every row that is left as not attempted, for `reason`, and gives back what the reading found (or why it
    /// could not go on) and the results.
    ///
    /// # Errors
    /// When something could not be recorded.
    pub(super) async fn close(self, reason: &str) -> Result<(Result<Findings, Error>, Results), results::Error> {
        let mut tray = self.tray.into_inner();
        let mut results = self.results.into_inner();
        if let Some(error) = self.error.into_inner() {
            return Err(error);
        }
        loop {
            while let Some(item) = tray.items.pop_front() {
                if let Some((ticket, _)) = place(&mut results, item)? {
                    results.settle(ticket, &Outcome::unsent(Status::NotAttempted, reason), None)?;
                }
            }
            match tray.reader.next().await {
                Some(batch) => tray.items.extend(batch),
                None => break,
            }
        }
        Ok((tray.reader.finish(), results))
    }
}

impl delivery::Desk for Desk {
    type Error = results::Error;

    async fn next(&self) -> Option<(Ticket, Shipment)> {
        let mut tray = self.tray.lock().await;
        loop {
            while !self.results.borrow().has_room() {
                self.room.notified().await;
            }
            let Some(item) = tray.items.pop_front() else {
                let batch = tray.reader.next().await?;
                tray.items.extend(batch);
                continue;
            };
            match place(&mut self.results.borrow_mut(), item) {
                Ok(None) => {}
                Ok(shipment) => return shipment,
                Err(error) => {
                    self.error.borrow_mut().get_or_insert(error);
                    return None;
                }
            }
        }
    }

    fn settle(&self, ticket: Ticket, outcome: &Outcome) -> Result<(), results::Error> {
        let mut results = self.results.borrow_mut();
        results.settle(ticket, outcome, None)?;
        if results.has_room() {
            self.room.notify_one();
        }
        Ok(())
    }
}

/// Gives an item its line in the results: settled at once where it makes no shipment.
fn place(results: &mut Results, item: Item) -> Result<Option<(Ticket, Shipment)>, results::Error> {
    let Item { row, made, order_no, trackingnumber } = item;
    let labels = |payload| Labels { order_no: &order_no, trackingnumber: &trackingnumber, payload };
    match made {
        Made::Shipment(shipment) => {
            let ticket = results.expect(row, labels(Some(shipment.payload)), 1);
            Ok(Some((ticket, shipment)))
        }
        Made::Skipped(reason) => {
            let ticket = results.expect(row, labels(None), 0);
            results.settle(ticket, &Outcome::unsent(Status::Skipped, &reason), Some(&reason))?;
            Ok(None)
        }
        Made::Invalid(problems) => {
            let ticket = results.expect(row, labels(None), 0);
            let reason = problems.first().map(Problem::kind);
            results.settle(ticket, &Outcome::unsent(Status::Invalid, problem::join(&problems)), reason.as_deref())?;
            Ok(None)
        }
    }
}
