//! A row's cells as the mapping sees them: trimmed, freed of spreadsheet guards, and empty where `[source] empty` says so.

use super::guard;
use crate::row::Row;

/// The cells of one row.
pub(super) struct Cells<'a> {
    row: &'a Row,
    empty: &'a [String],
}

impl<'a> Cells<'a> {
    /// The cells of `row`; those equal to one of `empty` count as empty.
    pub(super) fn new(row: &'a Row, empty: &'a [String]) -> Self {
        Self { row, empty }
    }

    /// The cell at `index` (from 0); beyond the last one the empty string.
    pub(super) fn get(&self, index: usize) -> &'a str {
        let cell = guard::peel(self.row.get(index));
        if self.empty.iter().any(|empty| empty == cell) { "" } else { cell }
    }

    /// The cell as it stands in the row.
    pub(super) fn raw(&self, index: usize) -> &'a str {
        self.row.get(index)
    }
}
