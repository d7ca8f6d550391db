//! A row's cells as the mapping sees them: trimmed, freed of spreadsheet guards, and empty where
//! `[source] empty` says so. Over them lies the piece of a cell that a split works just now.

use super::guard;
use super::unit::Member;
use crate::row::Row;

/// The cells of one row.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a> {
    row: &'a Row,
    empty: &'a [String],
    /// What stands in the place of one cell.
    over: Option<(usize, &'a str)>,
    joined: Option<Joined<'a>>,
}

/// The cells of a row of another table, which stand behind the row's own.
#[derive(Clone, Copy)]
struct Joined<'a> {
    /// The place of the first.
    from: usize,
    cells: &'a [&'a str],
}

impl<'a> Cells<'a> {
    /// The cells of `row`; those equal to one of `empty` count as empty.
    pub(super) fn new(row: &'a Row, empty: &'a [String]) -> Self {
        Self { row, empty, over: None, joined: None }
    }

    /// The cell at `index` (from 0); beyond the last one the empty string.
    pub(super) fn get(&self, index: usize) -> &'a str {
        if let Some((_, piece)) = self.over.filter(|(place, _)| *place == index) {
            return piece;
        }
        if let Some(joined) = self.joined.filter(|joined| index >= joined.from) {
            return joined.cells.get(index - joined.from).copied().unwrap_or_default();
        }
        let cell = guard::peel(self.row.get(index));
        if self.empty.iter().any(|empty| empty == cell) { "" } else { cell }
    }

    /// How many cells the record had.
    pub(super) fn width(&self) -> usize {
        self.row.width
    }

    /// The cell as it stands in the row.
    pub(super) fn raw(&self, index: usize) -> &'a str {
        match self.joined {
            Some(joined) if index >= joined.from => self.get(index),
            _ => self.row.get(index),
        }
    }
}

/// The rows that make shipments together: those of the members that take part.
#[derive(Clone, Copy)]
pub(super) struct Group<'a> {
    members: &'a [Member],
    empty: &'a [String],
    over: Option<(usize, &'a str)>,
    joined: Option<Joined<'a>>,
}

impl<'a> Group<'a> {
    pub(super) fn new(members: &'a [Member], empty: &'a [String]) -> Self {
        Self { members, empty, over: None, joined: None }
    }

    /// The same with `piece` in the place of the cell at `place`, in every row.
    pub(super) fn with(self, place: usize, piece: &'a str) -> Self {
        Self { over: Some((place, piece)), ..self }
    }

    /// The same with the cells of another table's row behind each row's own, from the place `from`
    /// on.
    pub(super) fn joined(self, from: usize, cells: &'a [&'a str]) -> Self {
        Self { joined: Some(Joined { from, cells }), ..self }
    }

    /// The cells of each row that takes part, with its place among the members.
    pub(super) fn rows(self) -> impl DoubleEndedIterator<Item = (usize, Cells<'a>)> {
        let part = self.members.iter().enumerate().filter(|(_, member)| member.own.is_none());
        part.map(move |(place, member)| (place, self.cells(member)))
    }

    /// The cells of one member.
    pub(super) fn row(self, place: usize) -> Cells<'a> {
        self.cells(&self.members[place])
    }

    fn cells(self, member: &'a Member) -> Cells<'a> {
        Cells { over: self.over, joined: self.joined, ..Cells::new(&member.row, self.empty) }
    }

    /// The cells of the row that takes part, with its place among the members; `None` where several
    /// do.
    pub(super) fn single(self) -> Option<(usize, Cells<'a>)> {
        if let [member] = self.members {
            return Some((0, self.cells(member)));
        }
        let mut rows = self.rows();
        let first = rows.next().unwrap_or_else(|| (0, self.row(0)));
        rows.next().is_none().then_some(first)
    }
}
