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
use crate::results::Entry;
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
    Settled {
        entry: Box<Entry>,
        /// Why, without what belongs to this row alone, for counting.
        reason: Option<String>,
        /// Whether an earlier run left it so.
        is_carried: bool,
    },
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
        let Line { row, worked, .. } = line;
        let number = line.made.map_or(0, |made| u32::try_from(made + 1).unwrap_or(u32::MAX));
        let (outcome, reason) = match &worked.made {
            Made::Shipment(shipment) => {
                let index = self.task_of(shipment, previous);
                self.add_line(row, row.fingerprint, number, LineEnd::WithTask(index));
                return;
            }
            Made::Skipped(reason) => (Outcome::unsent(Status::Skipped, reason), None),
            Made::Invalid(problems) => {
                let outcome = Outcome::unsent(Status::Invalid, unit.explain(problems));
                (outcome, problems.first().map(Problem::kind))
            }
        };
        let entry = Entry {
            file: String::new(),
            row: row.number,
            line: row.line,
            order_no: worked.order_no.clone(),
            trackingnumber: worked.trackingnumber.clone(),
            outcome,
            fingerprint: row.fingerprint,
            shipment: if unit.made.len() > 1 { number } else { 0 },
            payload: None,
        };
        self.add_settled(row, entry, reason, false);
    }

    /// Adds a line as an earlier run left it. It keeps the hash of the cells that it is about.
    pub(super) fn add_carried(&mut self, row: &Row, entry: Entry) {
        self.add_settled(row, entry, None, true);
    }

    /// Counts what it does.
    pub(super) fn count(&self, ahead: &mut Ahead) {
        ahead.shipments += self.tasks.len() as u64;
        for line in &self.lines {
            let LineEnd::Settled { entry, is_carried, .. } = &line.end else { continue };
            match entry.outcome.status {
                _ if *is_carried => ahead.carried += 1,
                Status::Skipped => ahead.skipped += 1,
                _ => ahead.invalid += 1,
            }
        }
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

    fn add_settled(&mut self, row: &Row, entry: Entry, reason: Option<String>, is_carried: bool) {
        let (fingerprint, shipment) = (entry.fingerprint, entry.shipment);
        let end = LineEnd::Settled { entry: Box::new(entry), reason, is_carried };
        self.add_line(row, fingerprint, shipment, end);
    }

    /// Adds a line; lines of one row that follow each other share it.
    fn add_line(&mut self, row: &Row, fingerprint: u64, shipment: u32, end: LineEnd) {
        let place = (row.input, row.number, fingerprint);
        let is_same = |last: &&Arc<Row>| (last.input, last.number, last.fingerprint) == place;
        let last = self.lines.last().map(|line| &line.row).filter(is_same);
        let row = last.cloned().unwrap_or_else(|| {
            let mut row = row.clone();
            row.fingerprint = fingerprint;
            Arc::new(row)
        });
        self.lines.push(PlannedLine { row, shipment, end });
    }
}
