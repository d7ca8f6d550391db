//! A mapping bound to a header, at work: rows in, units out.
//!
//! A row's way is `fill_down` → `keep` and `drop` → group → split → fields → the three fields that
//! must not be empty → the body. Rows go in by [`Bound::push`] and come out in units by
//! [`Bound::pop`], all of them, in their order.

use std::collections::VecDeque;

use smallvec::smallvec;

use super::cells::{Cells, Group};
use super::fill::FillDown;
use super::group::{Grouping, Joined, Members};
use super::make::{Maker, Parts};
use super::unit::{Made, Member, Unit, Worked};
use crate::problem::Problem;
use crate::row::{Reading, Row};
use crate::shipment::Field;

/// A mapping bound to a header: it looks up no name and keeps its buffers from row to row.
#[derive(Debug)]
pub struct Bound {
    parts: Parts,
    fill: FillDown,
    grouping: Option<Grouping>,
    maker: Maker,
    ready: VecDeque<Unit>,
}

impl Bound {
    pub(super) fn new(parts: Parts, fill: FillDown, grouping: Option<Grouping>) -> Self {
        Self { parts, fill, grouping, maker: Maker::default(), ready: VecDeque::new() }
    }

    /// Takes the next row.
    pub fn push(&mut self, mut row: Row) {
        match &row.reading {
            Reading::Data => {}
            Reading::Skip(reason) => {
                let worked = Worked::of(Made::Skipped(reason.clone()));
                return self.put_aside(row, worked);
            }
            Reading::Flawed(reason) => {
                // What it stood for is not known: no row after it inherits from before, or belongs
                // to what was before.
                self.fill.forget();
                let worked = Worked::of(Made::Invalid(vec![Problem::of_row(reason.as_str())]));
                self.finish();
                self.ready.push_back(Unit::single(row, worked));
                return;
            }
        }
        self.fill.fill(&mut row, &self.parts.empty);
        let cells = Cells::new(&row, &self.parts.empty);
        if let Some(reason) = self.parts.left_out(&cells) {
            let worked = self.maker.left_out(&self.parts, &cells, reason);
            return self.put_aside(row, worked);
        }
        let Some(grouping) = &mut self.grouping else {
            return self.work(smallvec![Member { row, own: None }]);
        };
        match grouping.join(row, &self.parts.empty) {
            Joined::Group(None) => {}
            Joined::Group(Some(closed)) => self.work(closed),
            Joined::Alone(closed, row) => {
                if let Some(closed) = closed {
                    self.work(closed);
                }
                self.work(smallvec![Member { row, own: None }]);
            }
            Joined::Overfull(unit) => self.ready.push_back(unit),
        }
    }

    /// Ends what is open, at the end of an input.
    pub fn finish(&mut self) {
        if let Some(members) = self.grouping.as_mut().and_then(Grouping::close) {
            self.work(members);
        }
    }

    /// The key of the group that `row` belongs to, with what it inherits filled in; `None` where it
    /// stands for itself.
    pub fn key(&mut self, row: &mut Row) -> Option<u128> {
        match &row.reading {
            Reading::Data => {}
            Reading::Skip(_) => return None,
            Reading::Flawed(_) => {
                self.fill.forget();
                return None;
            }
        }
        self.fill.fill(row, &self.parts.empty);
        if self.parts.left_out(&Cells::new(row, &self.parts.empty)).is_some() {
            return None;
        }
        self.grouping.as_mut()?.key(row, &self.parts.empty)
    }

    /// The same mapping for rows that were arranged by their [keys](Self::key): they inherit
    /// nothing any more.
    #[must_use]
    pub fn arranged(self) -> Self {
        Self { fill: FillDown::new(Vec::new(), None), ..self }
    }

    /// Whether rows that come next may belong to those that came last.
    pub fn is_open(&self) -> bool {
        self.grouping.as_ref().is_some_and(Grouping::is_open)
    }

    /// Whether `row` belongs to the rows that came last; `None` where it takes no part itself and
    /// those after it may.
    pub fn continues(&mut self, row: &mut Row) -> Option<bool> {
        let Some(grouping) = self.grouping.as_mut().filter(|grouping| grouping.is_open()) else {
            return Some(false);
        };
        match row.reading {
            Reading::Data => {}
            Reading::Skip(_) => return None,
            Reading::Flawed(_) => return Some(false),
        }
        self.fill.fill(row, &self.parts.empty);
        if self.parts.left_out(&Cells::new(row, &self.parts.empty)).is_some() {
            return None;
        }
        Some(grouping.continues(row, &self.parts.empty))
    }

    /// Ends what is open where the input broke: rows of which others may be missing make nothing.
    pub fn break_off(&mut self) {
        if let Some(members) = self.grouping.as_mut().and_then(Grouping::close) {
            let problem = Problem::of_row(
                "the input could not be read to the end of the rows that belong together here",
            );
            self.ready.push_back(Unit {
                members,
                made: smallvec![Worked::of(Made::Invalid(vec![problem]))],
            });
        }
    }

    /// The next unit that is whole.
    pub fn pop(&mut self) -> Option<Unit> {
        self.ready.pop_front()
    }

    /// The columns of the header that nothing reads, from left to right.
    pub fn unused_columns(&self) -> Vec<&str> {
        self.parts.unused.iter().map(|place| self.parts.header[*place].as_str()).collect()
    }

    /// The fields that have no source, in the order of the wire.
    pub fn unmapped_fields(&self) -> Vec<Field> {
        Field::all()
            .filter(|field| !self.parts.plan.iter().any(|(mapped, _)| mapped == field))
            .collect()
    }

    fn put_aside(&mut self, row: Row, worked: Worked) {
        if let Some(grouping) = self.grouping.as_mut().filter(|grouping| grouping.takes_aside(&row))
        {
            return grouping.put_aside(row, worked);
        }
        self.finish();
        self.ready.push_back(Unit::single(row, worked));
    }

    fn work(&mut self, members: Members) {
        let mut unit = Unit { members, made: smallvec![] };
        let Self { parts, maker, .. } = self;
        maker.make_all(parts, Group::new(&unit.members, &parts.empty), |worked| {
            unit.made.push(worked);
        });
        self.ready.push_back(unit);
    }
}
