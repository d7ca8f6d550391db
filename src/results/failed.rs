//! The rows that were not accepted, as they stood in the input, with the reason in a last column.
//!
//! The file can be mended and imported with the same mapping: it has the input's columns,
//! delimiter, quotes and encoding, and as many lines before its header as the mapping skips. A row
//! stands in it once, however many of its shipments were not accepted; those that were are known to
//! the ledger.

use std::path::PathBuf;

use super::Error;
use super::cells::{push_cell, safe_message};
use super::draft::Draft;
use crate::outcome::{Outcome, Status};
use crate::row::{Dialect, ERROR_COLUMN, Encoding, Quote, Reading, Row, UNREADABLE};

/// Which rows are worth another file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailedRows {
    /// All that `retry` would send.
    #[default]
    All,
    /// All but those in doubt, which wait for a person (`--in-doubt hold`).
    ButInDoubt,
    /// The invalid ones alone: after a dry run the others are not attempted by design.
    OnlyInvalid,
}

impl FailedRows {
    /// Whether a row that ended so is one of them.
    pub fn holds(self, status: Status) -> bool {
        match self {
            Self::All => !status.is_settled(),
            Self::ButInDoubt => !status.is_settled() && status != Status::InDoubt,
            Self::OnlyInvalid => status == Status::Invalid,
        }
    }
}

/// A row that was not accepted, ready to be written.
#[derive(Debug)]
pub(super) struct Failure {
    /// Its input, from 0, and its number there.
    pub(super) place: (usize, u64),
    /// Its cells, encoded.
    pub(super) cells: Vec<u8>,
    /// Why.
    pub(super) message: String,
}

/// How the rows of an input are written again.
#[derive(Debug)]
pub(super) struct Layout {
    columns: usize,
    left_out: Vec<usize>,
    dialect: Dialect,
}

impl Layout {
    pub(super) fn new(header: &[String], dialect: Dialect) -> Self {
        let old = |(index, name): (usize, &String)| (name.trim() == ERROR_COLUMN).then_some(index);
        Self {
            columns: header.len(),
            left_out: header.iter().enumerate().filter_map(old).collect(),
            dialect,
        }
    }

    /// Writes the row's cells, at least as many as the header has: a row that is too long keeps
    /// what is too much, so that it can be seen and is not taken for a whole one.
    pub(super) fn push_row(&self, row: &Row, out: &mut Vec<u8>) {
        self.push_cells((0..self.columns.max(row.len())).map(|index| row.get(index)), out);
    }

    fn push_cells<'a>(&self, cells: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
        for (index, cell) in cells.enumerate() {
            if !self.left_out.contains(&index) {
                push_cell(out, cell, self.dialect);
                out.push(self.dialect.delimiter);
            }
        }
    }

    /// Writes the last column and the line's end.
    fn push_error(&self, message: &str, out: &mut Vec<u8>) {
        let message = safe_message(message);
        if self.dialect.quote == Quote::Never {
            // Nothing could shield a delimiter, and the message's exact wording matters less than
            // its column.
            let other = if self.dialect.delimiter == b',' { ";" } else { "," };
            push_cell(
                out,
                &message.replace(char::from(self.dialect.delimiter), other),
                self.dialect,
            );
        } else {
            push_cell(out, &message, self.dialect);
        }
        out.push(b'\n');
    }
}

/// What stands in a failed row's last column: its status (or that it could not be read) and the
/// message.
pub(super) fn error_cell(row: &Row, outcome: &Outcome) -> String {
    match &row.reading {
        Reading::Flawed(_) => {
            format!("{UNREADABLE}{}; mend the row and empty this cell", outcome.message)
        }
        _ => format!("{}: {}", outcome.status, outcome.message),
    }
}

/// The failed-rows file of a run.
#[derive(Debug)]
pub(super) struct FailedFile {
    draft: Draft,
    layout: Layout,
    encoding: Encoding,
    /// The row last added, which waits for the failures of its other shipments.
    pending: Option<Failure>,
    rows: u64,
}

impl FailedFile {
    /// Writes the header, behind as many empty lines as the mapping has skipped.
    pub(super) fn begin(
        draft: Draft,
        layout: Layout,
        encoding: Encoding,
        header: &[String],
        skipped: u64,
    ) -> Result<Self, Error> {
        let mut file = Self { draft, layout, encoding, pending: None, rows: 0 };
        // UTF-16 without a mark is a guess for whoever opens it.
        let mark = if encoding.is_utf16() { "\u{FEFF}" } else { "" };
        let mut line =
            format!("{mark}{}", "\n".repeat(usize::try_from(skipped).unwrap_or(0))).into_bytes();
        file.layout.push_cells(header.iter().map(String::as_str), &mut line);
        file.layout.push_error(ERROR_COLUMN, &mut line);
        file.push(&line)?;
        Ok(file)
    }

    fn push(&mut self, line: &[u8]) -> Result<(), Error> {
        if self.encoding == Encoding::UTF8 {
            return self.draft.push(line);
        }
        // Lines are made of text, so nothing is replaced.
        self.draft.push(&self.encoding.encode(&String::from_utf8_lossy(line)))
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Adds a row, or another failure of the row added last.
    pub(super) fn add(&mut self, failure: Failure) -> Result<(), Error> {
        if let Some(pending) = &mut self.pending
            && pending.place == failure.place
        {
            if pending.message != failure.message {
                pending.message.push_str("; ");
                pending.message.push_str(&failure.message);
            }
            return Ok(());
        }
        self.write_pending()?;
        self.pending = Some(failure);
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), Error> {
        self.draft.flush()
    }

    /// From now on the file stays, whatever ends the run.
    pub(super) fn keep(&mut self) {
        self.draft.keep();
    }

    /// Puts the file in its place, or takes away that of an earlier run where no row failed; gives
    /// its path and the number of rows in it.
    pub(super) fn finish(mut self) -> Result<Option<(PathBuf, u64)>, Error> {
        self.write_pending()?;
        if self.rows == 0 {
            self.draft.discard()?;
            return Ok(None);
        }
        let path = self.draft.target().to_owned();
        self.draft.publish()?;
        Ok(Some((path, self.rows)))
    }

    fn write_pending(&mut self) -> Result<(), Error> {
        let Some(Failure { mut cells, message, .. }) = self.pending.take() else { return Ok(()) };
        self.layout.push_error(&message, &mut cells);
        self.rows += 1;
        self.push(&cells)
    }
}

/// Whether a file that starts so holds failed rows.
pub(super) fn is_failed_rows(start: &[u8]) -> bool {
    // In UTF-16 there is a zero beside each of its letters.
    let letters: Vec<u8> = start.iter().copied().filter(|byte| *byte != 0).collect();
    memchr::memmem::find(&letters, ERROR_COLUMN.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(header: &[&str], dialect: Dialect, cells: &[&str], message: &str) -> String {
        let header: Vec<String> = header.iter().map(ToString::to_string).collect();
        let layout = Layout::new(&header, dialect);
        let mut row = Row::default();
        for cell in cells {
            row.push(cell);
        }
        let mut out = Vec::new();
        layout.push_row(&row, &mut out);
        layout.push_error(message, &mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn a_row_keeps_its_cells_and_gets_the_reason_in_the_last_column() {
        let dialect = Dialect { delimiter: b';', quote: Quote::By(b'"') };
        assert_eq!(
            text(&["a", "b"], dialect, &["x;y", "\"z\""], "=no"),
            "\"x;y\";\"\"\"z\"\"\";'=no\n"
        );
        assert_eq!(
            text(&["a", "b", "c"], dialect, &["x"], "no"),
            "x;;;no\n",
            "a short row is filled up"
        );
        assert_eq!(
            text(&["a"], dialect, &["x", "y"], "no"),
            "x;y;no\n",
            "a long row stays too long"
        );
    }

    #[test]
    fn an_old_reason_is_replaced_wherever_it_stood() {
        let dialect = Dialect::default();
        assert_eq!(
            text(&["a", " lateship_error ", "b"], dialect, &["x", "old", "y"], "new"),
            "x,y,new\n"
        );
        assert_eq!(text(&["lateship_error"], dialect, &["old"], "new"), "new\n");
    }

    #[test]
    fn without_quotes_a_reason_cannot_break_out_of_its_column() {
        let tabs = Dialect { delimiter: b'\t', quote: Quote::Never };
        assert_eq!(text(&["a"], tabs, &["\"x"], "one\ttwo"), "\"x\tone two\n");
        let commas = Dialect { delimiter: b',', quote: Quote::Never };
        assert_eq!(text(&["a"], commas, &["x"], "one, two"), "x,one; two\n");
    }

    #[test]
    fn which_rows_fail_depends_on_the_run() {
        let held = |rows: FailedRows| {
            Status::ALL.into_iter().filter(move |status| rows.holds(*status)).collect::<Vec<_>>()
        };
        assert_eq!(
            held(FailedRows::All),
            [
                Status::Invalid,
                Status::Rejected,
                Status::Failed,
                Status::InDoubt,
                Status::NotAttempted
            ]
        );
        assert_eq!(
            held(FailedRows::ButInDoubt),
            [Status::Invalid, Status::Rejected, Status::Failed, Status::NotAttempted]
        );
        assert_eq!(held(FailedRows::OnlyInvalid), [Status::Invalid]);
    }
}
