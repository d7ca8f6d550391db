//! `[rows] group_by`: rows of the same key that lie one after the other make their shipments
//! together.
//!
//! Rows that take no part (footers, empty rows, what `[rows]` leaves out) end no group. Memory is
//! bounded: a key that goes on for more than [`MAX_ROWS`] rows is surely not meant, and its rows
//! become invalid; more than [`MAX_ASIDE`] rows that take no part end a group.

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_128;

use super::cells::Cells;
use super::unit::{Made, Member, Unit, Worked};
use crate::problem::Problem;
use crate::row::Row;

/// The most rows of one group.
pub(super) const MAX_ROWS: usize = 10_000;

/// The most rows in a group that take no part and follow one another.
const MAX_ASIDE: usize = 1_000;

/// The rows of a group, with those that lie among them.
pub(super) type Members = SmallVec<[Member; 1]>;

/// Collects groups.
#[derive(Debug)]
pub(super) struct Grouping {
    columns: Vec<usize>,
    open: Option<Open>,
    /// The key whose rows were too many.
    overfull: Option<String>,
    /// Where keys are made.
    key: String,
}

#[derive(Debug)]
struct Open {
    key: String,
    input: usize,
    members: Members,
    rows: usize,
    aside: usize,
}

/// What becomes of a row that takes part.
#[derive(Debug)]
pub(super) enum Joined {
    /// It is in the group that is open; the rows of one that was closed by it.
    Group(Option<Members>),
    /// It has a key of its own, since its key is empty; with the rows of the group that it closed.
    Alone(Option<Members>, Row),
    /// Its key has too many rows; these are they, as far as they were not given yet.
    Overfull(Unit),
}

impl Grouping {
    /// Groups by the cells in `columns`.
    pub(super) fn new(columns: Vec<usize>) -> Self {
        Self { columns, open: None, overfull: None, key: String::new() }
    }

    /// Whether a group is open.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// A hash of the row's key; `None` where that is empty.
    pub(super) fn key(&mut self, row: &Row, empty: &[String]) -> Option<u128> {
        self.make_key(row, empty).then(|| xxh3_128(self.key.as_bytes()))
    }

    /// Whether a row has the key of the open group.
    pub(super) fn continues(&mut self, row: &Row, empty: &[String]) -> bool {
        let filled = self.make_key(row, empty);
        filled
            && self
                .open
                .as_ref()
                .is_some_and(|open| open.key == self.key && open.input == row.input)
    }

    /// Makes the row's key; whether any of its cells is filled.
    fn make_key(&mut self, row: &Row, empty: &[String]) -> bool {
        self.key.clear();
        let cells = Cells::new(row, empty);
        let mut filled = false;
        for &column in &self.columns {
            let cell = cells.get(column);
            filled |= !cell.is_empty();
            self.key.push_str(cell);
            self.key.push('\u{1F}');
        }
        filled
    }

    /// Takes a row that takes part.
    pub(super) fn join(&mut self, row: Row, empty: &[String]) -> Joined {
        if !self.make_key(&row, empty) {
            return Joined::Alone(self.close(), row);
        }
        if self.overfull.as_deref() == Some(&self.key) {
            return Joined::Overfull(too_many([Member { row, own: None }].into_iter().collect()));
        }
        self.overfull = None;
        if let Some(open) =
            self.open.as_mut().filter(|open| open.key == self.key && open.input == row.input)
        {
            open.members.push(Member { row, own: None });
            open.rows += 1;
            open.aside = 0;
            if open.rows <= MAX_ROWS {
                return Joined::Group(None);
            }
            self.overfull = Some(self.key.clone());
            return Joined::Overfull(too_many(self.close().unwrap_or_default()));
        }
        let closed = self.close();
        let (key, input) = (self.key.clone(), row.input);
        let members = [Member { row, own: None }].into_iter().collect();
        self.open = Some(Open { key, input, members, rows: 1, aside: 0 });
        Joined::Group(closed)
    }

    /// Whether a row that takes no part lies in the open group.
    pub(super) fn takes_aside(&self, row: &Row) -> bool {
        self.open.as_ref().is_some_and(|open| open.aside < MAX_ASIDE && open.input == row.input)
    }

    /// Takes such a row.
    pub(super) fn put_aside(&mut self, row: Row, worked: Worked) {
        if let Some(open) = &mut self.open {
            open.aside += 1;
            open.members.push(Member { row, own: Some(Box::new(worked)) });
        }
    }

    /// Ends the open group.
    pub(super) fn close(&mut self) -> Option<Members> {
        self.open.take().map(|open| open.members)
    }
}

fn too_many(members: Members) -> Unit {
    let problem = Problem::of_row(format!(
        "more than {} rows have the same values in the columns of group_by; are these the right columns?",
        crate::text::thousands(MAX_ROWS as u64)
    ));
    let mut unit = Unit { members, made: SmallVec::new() };
    unit.made.push(Worked::of(Made::Invalid(vec![problem])));
    unit
}
