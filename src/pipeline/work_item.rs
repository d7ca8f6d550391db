//! What rows that belong together need: their lines in the results, and the tasks they make.
//!
//! Pure. The reader makes items; the dispatcher opens their lines and hands their tasks out.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::delivery::Task;
use crate::inputs::Ahead;
use crate::mapping::{Line, Made, Unit, Worked};
use crate::outcome::{Outcome, Status};
use crate::problem::Problem;
use crate::results::{Entry, Labels};
use crate::row::Row;

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
    /// The hash of the cells that it is about, where it is carried over.
    fingerprint: Option<u64>,
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
            fingerprint: Some(entry.fingerprint),
        }
    }
}

impl WorkItem {
    /// The item of a line of an earlier run whose row was not read.
    pub(super) fn from_entry(mut row: Row, entry: Entry) -> Self {
        row.fingerprint = entry.fingerprint;
        let line = PlannedLine {
            row: Arc::new(row),
            shipment: entry.shipment,
            end: LineEnd::Settled(Box::new(entry.into())),
        };
        Self { lines: [line].into_iter().collect(), tasks: SmallVec::new() }
    }
}

/// An item in the making, beside the unit it is made of.
#[derive(Debug)]
pub(super) struct ItemPlan {
    /// Lines by their row's index in the unit, with the shipment's number.
    lines: SmallVec<[(usize, u32, LineEnd); 1]>,
    /// For each that the unit makes: its index among the tasks.
    task_of: SmallVec<[Option<usize>; 1]>,
    /// The tasks: what of the unit they send, and the outcome in an earlier run.
    tasks: SmallVec<[(usize, Option<Box<Outcome>>); 1]>,
    /// Lines that are carried over, and those whose rows are skipped or invalid.
    carried: u64,
    skipped: u64,
    invalid: u64,
}

impl ItemPlan {
    pub(super) fn new(unit: &Unit) -> Self {
        Self {
            lines: SmallVec::new(),
            task_of: std::iter::repeat_n(None, unit.made.len()).collect(),
            tasks: SmallVec::new(),
            carried: 0,
            skipped: 0,
            invalid: 0,
        }
    }

    /// The plan of a unit without an earlier run.
    pub(super) fn mapped(unit: &Unit) -> Self {
        let mut plan = Self::new(unit);
        unit.lines().for_each(|line| plan.add_mapped(unit, line, None));
        plan
    }

    /// Adds a line as the mapping makes it now; `previous` is its shipment's outcome in an earlier
    /// run.
    pub(super) fn add_mapped(&mut self, unit: &Unit, line: Line<'_>, previous: Option<&Outcome>) {
        let number = line.made.map_or(0, |made| u32::try_from(made + 1).unwrap_or(u32::MAX));
        let (outcome, reason) = match (&line.worked.made, line.made) {
            (Made::Shipment(_), Some(made)) => {
                let task = *self.task_of[made].get_or_insert_with(|| {
                    self.tasks.push((made, previous.cloned().map(Box::new)));
                    self.tasks.len() - 1
                });
                self.lines.push((line.member, number, LineEnd::WithTask(task)));
                return;
            }
            // A row that takes no part makes no shipment.
            (Made::Shipment(_), None) => return,
            (Made::Skipped(reason), _) => {
                self.skipped += 1;
                (Outcome::unsent(Status::Skipped, reason), Some(reason.clone()))
            }
            (Made::Invalid(problems), _) => {
                self.invalid += 1;
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
            fingerprint: None,
        };
        let number = if unit.made.len() > 1 { number } else { 0 };
        self.lines.push((line.member, number, LineEnd::Settled(Box::new(settled))));
    }

    /// Adds a line as an earlier run left it.
    pub(super) fn add_carried(&mut self, member: usize, entry: Entry) {
        self.carried += 1;
        let number = entry.shipment;
        self.lines.push((member, number, LineEnd::Settled(Box::new(entry.into()))));
    }

    /// Sorts the lines by their rows, and by the shipments within them.
    pub(super) fn sort(&mut self) {
        self.lines.sort_by_key(|(member, shipment, _)| (*member, *shipment));
    }

    /// Counts what it does.
    pub(super) fn count(&self, ahead: &mut Ahead) {
        ahead.shipments += self.tasks.len() as u64;
        ahead.carried += self.carried;
        ahead.skipped += self.skipped;
        ahead.invalid += self.invalid;
    }

    /// The row's index of a carried line that says this payload was accepted.
    pub(super) fn accepted_line(&self, payload: u128) -> Option<usize> {
        let is_accepted = |line: &SettledLine| {
            line.fingerprint.is_some()
                && line.outcome.status.is_accepted()
                && line.payload == Some(payload)
        };
        self.lines.iter().find_map(|(member, _, end)| match end {
            LineEnd::Settled(line) if is_accepted(line) => Some(*member),
            _ => None,
        })
    }

    /// Whether all lines are carried over.
    pub(super) fn is_carried(&self) -> bool {
        self.carried == self.lines.len() as u64 && self.carried > 0
    }

    pub(super) fn into_item(self, unit: Unit) -> WorkItem {
        let rows: SmallVec<[Arc<Row>; 1]> =
            unit.members.into_iter().map(|member| Arc::new(member.row)).collect();
        let mut made: SmallVec<[Option<Worked>; 1]> = unit.made.into_iter().map(Some).collect();
        let task = |(index, previous): (usize, _)| match made[index].take()?.made {
            Made::Shipment(shipment) => Some(Task { shipment, lines: SmallVec::new(), previous }),
            Made::Skipped(_) | Made::Invalid(_) => None,
        };
        let tasks = self.tasks.into_iter().filter_map(task).collect();
        let line = |(member, shipment, end): (usize, _, _)| PlannedLine {
            row: row_of(&rows[member], &end),
            shipment,
            end,
        };
        WorkItem { lines: self.lines.into_iter().map(line).collect(), tasks }
    }
}

/// The row of a line: one that is carried over keeps the hash of the cells that it is about.
fn row_of(row: &Arc<Row>, end: &LineEnd) -> Arc<Row> {
    let mut row = Arc::clone(row);
    if let LineEnd::Settled(line) = end
        && let Some(fingerprint) = line.fingerprint.filter(|own| *own != row.fingerprint)
    {
        Arc::make_mut(&mut row).fingerprint = fingerprint;
    }
    row
}
