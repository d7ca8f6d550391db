//! What rows that belong together need: their lines in the results, and the tasks they make.
//!
//! Pure. The reader makes items; the dispatcher opens their lines and hands their tasks out.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::delivery::Task;
use crate::inputs::Ahead;
use crate::mapping::{Line, Made, Unit};
use crate::outcome::{Outcome, Status};
use crate::problem::Problem;
use crate::results::{Entry, Labels};
use crate::row::Row;
use crate::shipment::Shipment;

/// Rows that belong together, mapped.
#[derive(Debug, Default)]
pub(super) struct WorkItem {
    /// Their lines in the results, in order.
    pub(super) lines: SmallVec<[PlannedLine; 1]>,
    /// What they send; the lines are added when they are opened.
    pub(super) tasks: SmallVec<[Task; 1]>,
}

/// A line of the results.
#[derive(Debug)]
pub(super) struct PlannedLine {
    pub(super) row: Arc<Row>,
    /// The shipment's number within its row, from 1; 0 where the row makes none.
    pub(super) shipment: u32,
    pub(super) end: LineEnd,
}

/// How a line gets its outcome.
#[derive(Debug)]
pub(super) enum LineEnd {
    /// With the task at this index of the item.
    WithTask(usize),
    /// At once: nothing is sent for it.
    Settled(Box<SettledLine>),
}

/// A line for which nothing is sent: skipped, invalid, or carried over from an earlier run.
#[derive(Debug)]
pub(super) struct SettledLine {
    pub(super) outcome: Outcome,
    /// Why, without what belongs to this row alone, for counting.
    pub(super) reason: Option<String>,
    order_no: String,
    trackingnumber: String,
    payload: Option<u128>,
    is_carried: bool,
}

impl SettledLine {
    pub(super) fn labels(&self) -> Labels<'_> {
        Labels {
            order_no: &self.order_no,
            trackingnumber: &self.trackingnumber,
            payload: self.payload,
        }
    }
}

impl From<Entry> for SettledLine {
    fn from(entry: Entry) -> Self {
        let is_skipped = entry.outcome.status == Status::Skipped;
        Self {
            reason: is_skipped.then(|| entry.outcome.message.clone()),
            outcome: entry.outcome,
            order_no: entry.order_no,
            trackingnumber: entry.trackingnumber,
            payload: entry.payload,
            is_carried: true,
        }
    }
}

impl WorkItem {
    /// The item of a unit without an earlier run.
    pub(super) fn mapped(unit: &Unit) -> Self {
        let mut item = Self::default();
        unit.lines().for_each(|line| item.add_mapped(unit, line, None));
        item
    }

    /// Adds a line as the mapping makes it now; `previous` is its shipment's outcome in an earlier
    /// run.
    pub(super) fn add_mapped(&mut self, unit: &Unit, line: Line<'_>, previous: Option<&Outcome>) {
        let number = line.made.map_or(0, |made| u32::try_from(made + 1).unwrap_or(u32::MAX));
        let (outcome, reason) = match (&line.worked.made, line.made) {
            (Made::Shipment(shipment), Some(_)) => {
                let index = self.task_of(shipment, previous);
                self.add_line(line.row, number, LineEnd::WithTask(index));
                return;
            }
            // A row that takes no part makes no shipment.
            (Made::Shipment(_), None) => return,
            (Made::Skipped(reason), _) => {
                (Outcome::unsent(Status::Skipped, reason), Some(reason.clone()))
            }
            (Made::Invalid(problems), _) => {
                let message = unit.explain(problems);
                (Outcome::unsent(Status::Invalid, message), problems.first().map(Problem::kind))
            }
        };
        let settled = SettledLine {
            outcome,
            reason,
            order_no: line.worked.order_no.clone(),
            trackingnumber: line.worked.trackingnumber.clone(),
            payload: None,
            is_carried: false,
        };
        let number = if unit.made.len() > 1 { number } else { 0 };
        self.add_line(line.row, number, LineEnd::Settled(Box::new(settled)));
    }

    /// Adds a line as an earlier run left it. It keeps the hash of the cells that it is about.
    pub(super) fn add_carried(&mut self, row: &Row, entry: Entry) {
        let (number, fingerprint) = (entry.shipment, entry.fingerprint);
        self.add_line(row, number, LineEnd::Settled(Box::new(entry.into())));
        if let Some(line) = self.lines.last_mut().filter(|_| fingerprint != row.fingerprint) {
            Arc::make_mut(&mut line.row).fingerprint = fingerprint;
        }
    }

    /// Sorts the lines by their rows, and by the shipments within them.
    pub(super) fn sort(&mut self) {
        self.lines.sort_by_key(|line| (line.row.number, line.shipment));
    }

    /// Counts what it does.
    pub(super) fn count(&self, ahead: &mut Ahead) {
        ahead.shipments += self.tasks.len() as u64;
        for line in self.settled_lines() {
            match line.outcome.status {
                _ if line.is_carried => ahead.carried += 1,
                Status::Skipped => ahead.skipped += 1,
                _ => ahead.invalid += 1,
            }
        }
    }

    /// Whether it has nothing but lines of an earlier run.
    pub(super) fn is_carried(&self) -> bool {
        self.tasks.is_empty() && self.settled_lines().all(|line| line.is_carried)
    }

    /// The row of a carried line that says this payload was accepted.
    pub(super) fn accepted_row(&self, payload: u128) -> Option<&Row> {
        let found = self.lines.iter().find(|line| {
            matches!(&line.end, LineEnd::Settled(line) if line.is_carried
                && line.outcome.status.is_accepted()
                && line.payload == Some(payload))
        });
        found.map(|line| line.row.as_ref())
    }

    fn settled_lines(&self) -> impl Iterator<Item = &SettledLine> {
        self.lines.iter().filter_map(|line| match &line.end {
            LineEnd::Settled(line) => Some(line.as_ref()),
            LineEnd::WithTask(_) => None,
        })
    }

    /// The index of the task that sends `shipment`.
    fn task_of(&mut self, shipment: &Shipment, previous: Option<&Outcome>) -> usize {
        let is_same = |task: &Task| Arc::ptr_eq(&task.shipment.body, &shipment.body);
        self.tasks.iter().position(is_same).unwrap_or_else(|| {
            let previous = previous.cloned().map(Box::new);
            let shipment = shipment.clone();
            self.tasks.push(Task { shipment, lines: SmallVec::new(), previous });
            self.tasks.len() - 1
        })
    }

    /// Adds a line; lines of one row that follow each other share it.
    fn add_line(&mut self, row: &Row, shipment: u32, end: LineEnd) {
        let place = |row: &Row| (row.input, row.number, row.fingerprint);
        let last = self.lines.last().map(|line| &line.row);
        let row = match last.filter(|last| place(last) == place(row)) {
            Some(last) => Arc::clone(last),
            None => Arc::new(row.clone()),
        };
        self.lines.push(PlannedLine { row, shipment, end });
    }
}
