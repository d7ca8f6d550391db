//! Between reading, delivery and results: hands tasks out in the order of the input and takes their
//! outcomes. Rows that make no shipment are settled on the way.

use std::cell::RefCell;
use std::collections::VecDeque;

use tokio::sync::{Mutex, Notify};

use super::reader::{Findings, Reader};
use super::work_item::{LineEnd, PlannedLine, WorkItem};
use crate::delivery::{Task, TaskQueue};
use crate::error::Error;
use crate::outcome::{Outcome, Tally};
use crate::results::{Labels, Results};

/// The source of tasks and the place of their outcomes. See the module.
pub(super) struct Dispatcher {
    queues: Mutex<Queues>,
    results: RefCell<Results>,
    /// Notified when the window of the results may have room again.
    room: Notify,
}

/// What came from the reader and was not handed out.
struct Queues {
    reader: Reader,
    items: VecDeque<WorkItem>,
    /// Tasks whose lines are open in the results.
    tasks: VecDeque<Task>,
}

impl Dispatcher {
    pub(super) fn new(reader: Reader, results: Results) -> Self {
        let queues = Queues { reader, items: VecDeque::new(), tasks: VecDeque::new() };
        Self { queues: Mutex::new(queues), results: RefCell::new(results), room: Notify::new() }
    }

    /// How many lines ended in each status so far.
    pub(super) fn counts(&self) -> Tally {
        *self.results.borrow().tally()
    }

    /// Hands the lines so far to the operating system.
    ///
    /// # Errors
    /// When they could not be written.
    pub(super) fn flush(&self) -> Result<(), Error> {
        self.results.borrow_mut().flush().map_err(Error::Unrecorded)
    }

    /// Settles every task that is left, for a run that sends nothing more.
    ///
    /// # Errors
    /// When a line could not be recorded.
    pub(super) async fn settle_rest(&self, message: &str) -> Result<(), Error> {
        while let Some(mut task) = self.next().await? {
            let outcome = task.unattempted(message);
            self.settle(task, &outcome)?;
        }
        Ok(())
    }

    /// What the reading found, and the results.
    pub(super) fn into_parts(self) -> (Findings, Results) {
        (self.queues.into_inner().reader.finish(), self.results.into_inner())
    }

    /// Opens the lines of an item in the results. Its tasks are ready then.
    fn open_lines(&self, item: WorkItem, ready: &mut VecDeque<Task>) -> Result<(), Error> {
        let WorkItem { lines, mut tasks } = item;
        let mut results = self.results.borrow_mut();
        for PlannedLine { row, shipment: number, end } in lines {
            match end {
                LineEnd::WithTask(index) => {
                    let Task { shipment, lines, .. } = &mut tasks[index];
                    let labels = Labels {
                        order_no: &shipment.order_no,
                        trackingnumber: &shipment.trackingnumber,
                        payload: Some(shipment.payload),
                    };
                    lines.push(results.expect(row, labels, number));
                }
                LineEnd::Settled { entry, reason, .. } => {
                    let ticket = results.expect(row, entry.labels(), number);
                    let settled = results.settle(ticket, &entry.outcome, reason.as_deref());
                    settled.map_err(Error::Unrecorded)?;
                }
            }
        }
        ready.extend(tasks);
        Ok(())
    }
}

impl TaskQueue for Dispatcher {
    type Error = Error;

    async fn next(&self) -> Result<Option<Task>, Error> {
        let mut queues = self.queues.lock().await;
        loop {
            if let Some(task) = queues.tasks.pop_front() {
                return Ok(Some(task));
            }
            while !self.results.borrow().has_room() {
                self.room.notified().await;
            }
            if let Some(item) = queues.items.pop_front() {
                self.open_lines(item, &mut queues.tasks)?;
            } else if let Some(batch) = queues.reader.next().await {
                queues.items.extend(batch);
            } else {
                return Ok(None);
            }
        }
    }

    fn settle(&self, task: Task, outcome: &Outcome) -> Result<(), Error> {
        let mut results = self.results.borrow_mut();
        for ticket in task.lines {
            results.settle(ticket, outcome, None).map_err(Error::Unrecorded)?;
        }
        if results.has_room() {
            self.room.notify_one();
        }
        Ok(())
    }
}
