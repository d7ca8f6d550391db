//! `[join]` at work: the rows of another table that belong to a group, each of which makes its
//! shipments.

use std::sync::Arc;

use super::cells::Cells;
use super::table::{Found, Table};
use super::unit::Made;
use crate::problem::Problem;
use crate::text;

/// The most rows that are joined to one order; more were surely not meant.
pub(super) const MAX_MATCHES: usize = 1_000;

/// A join, bound to both headers.
#[derive(Debug)]
pub(super) struct BoundJoin {
    pub(super) table: Arc<Table>,
    /// The input's columns that are compared.
    pub(super) columns: Vec<usize>,
    /// What joined columns begin with.
    pub(super) alias: String,
    /// Whether an order without a match is invalid, not skipped.
    pub(super) must_match: bool,
    /// Where the tracking number stands among the cells that are kept, if nothing else gives one: a
    /// row of the table without any is not shipped yet.
    pub(super) tracking: Vec<usize>,
}

impl BoundJoin {
    /// The rows that belong to one with these cells, or what becomes of it where there are none.
    pub(super) fn find(
        &self,
        cells: &Cells<'_>,
        header: &[String],
    ) -> Result<Vec<Found<'_>>, Made> {
        let key: Vec<&str> = self.columns.iter().map(|column| cells.get(*column)).collect();
        let mut found = self.table.find(&key, MAX_MATCHES + 1);
        if found.len() > MAX_MATCHES {
            let (most, file) = (text::thousands(MAX_MATCHES as u64), self.table.file());
            let reason = format!(
                "more than {most} rows of {file} belong to it; does [join] on name the right columns?"
            );
            return Err(Made::Invalid(vec![self.problem(&key, header, &reason)]));
        }
        let reason = if found.is_empty() {
            let names: Vec<String> =
                self.columns.iter().map(|place| text::printable(&header[*place])).collect();
            format!("no row of {} has its {}", self.table.file(), names.join(" and "))
        } else {
            found.retain(|row| self.is_shipped(row));
            if !found.is_empty() {
                return Ok(found);
            }
            format!("no row of {} has a tracking number for it yet", self.table.file())
        };
        Err(if self.must_match {
            Made::Invalid(vec![self.problem(&key, header, &reason)])
        } else {
            Made::Skipped(reason)
        })
    }

    fn is_shipped(&self, row: &Found<'_>) -> bool {
        self.tracking.is_empty() || self.tracking.iter().any(|slot| !row.cells[*slot].is_empty())
    }

    fn problem(&self, key: &[&str], header: &[String], reason: &str) -> Problem {
        let column = self.columns.first().map(|place| (header[*place].clone(), *place));
        Problem { column, value: key.join(", "), ..Problem::of_row(format!("[join]: {reason}")) }
    }
}
