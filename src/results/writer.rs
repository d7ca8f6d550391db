//! The results of a run: a bounded window that brings outcomes back into the order of the input,
//! and the files behind it. `import` is its only caller.
//!
//! Of a settled row only its encoded line is kept, and its failed-rows line where it has one; cells
//! go back to be reused. Each expected row is written exactly once: [`Results::finish`] gives those
//! that nobody settled an outcome.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::draft::{Draft, Leftover};
use super::failed::{self, FailedFile, FailedRows, Failure, Layout};
use super::line::{self, Labels};
use super::reasons::Reasons;
use super::summary::{self, Counts, ReasonCount, Summary};
use super::{Error, Paths};
use crate::outcome::{Outcome, Status, Tally, Ticket};
use crate::row::{Dialect, Encoding, Row};
use crate::sorter::Sorter;

/// Lines between the first that waits for its outcome and the last that was expected, at most.
pub const WINDOW: usize = 16_384;

/// Bytes of rows in the window, at most, but for the last that was expected.
pub(super) const WINDOW_BYTES: usize = 16 << 20;

/// Lines kept for reuse, and the largest in bytes.
const SPARE_LINES: usize = 1_024;
const SPARE_LINE: usize = 4_096;

/// The outcome of a row that nobody settled before the end.
const STOPPED: &str = "the run stopped before its turn";

/// What a run does with the files of an earlier one, and which rows it writes out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// The encoding of the failed rows: the input's, which a mapping or a flag may have pinned.
    pub encoding: Encoding,
    /// What becomes of the partial results of a killed run.
    pub leftover: Leftover,
    /// Which rows go to the failed-rows file.
    pub failed_rows: FailedRows,
    /// Physical lines before the header that the mapping skips: the failed rows get as many, to be
    /// read again by it.
    pub skip_lines: u64,
    /// Whether rows come in another order than the inputs have them: then the lines are brought
    /// into that order at the end.
    pub unordered: bool,
}

/// A line of the window.
#[derive(Debug)]
enum Slot {
    /// Begun, without its outcome.
    Waiting { line: Vec<u8>, row: Arc<Row>, shipment: u32, payload: Option<u128> },
    /// Whole, and waiting only for those before it.
    Settled { line: Vec<u8>, place: (usize, u64), failure: Option<Failure> },
}

/// The files of a run that is under way.
#[derive(Debug)]
pub struct Results {
    draft: Draft,
    failed: FailedFile,
    failed_rows: FailedRows,
    inputs: Vec<String>,
    /// The inputs' names as they stand in a line.
    encoded_inputs: Vec<Vec<u8>>,
    slots: VecDeque<Slot>,
    /// The number of the first slot's ticket.
    first: u64,
    tally: Tally,
    reasons: Reasons,
    rows: u64,
    last_place: Option<(usize, u64)>,
    /// The lines by input, row and arrival, where they do not come in the input's order.
    sorter: Option<Sorter<20>>,
    /// Lines handed on so far.
    handed_on: u64,
    /// Bytes of rows and failed rows in the window.
    held: usize,
    spare_lines: Vec<Vec<u8>>,
}

/// What a finished run has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Where the results are.
    pub results: PathBuf,
    /// Where the rows are that were not accepted, and how many; `None` where there are none.
    pub failed_rows: Option<(PathBuf, u64)>,
    /// How many lines ended in each status.
    pub tally: Tally,
    /// Rows of the inputs; fewer than lines where a row makes several shipments.
    pub rows: u64,
    /// The reasons, most frequent first.
    pub reasons: Vec<ReasonCount>,
}

impl Finished {
    /// Enters all that into a summary at `path`.
    pub fn enter_into(&self, summary: &mut Summary, path: &Path) {
        summary.rows = self.rows;
        summary.counts = Counts::from(&self.tally);
        summary.reasons.clone_from(&self.reasons);
        if let Some((failed_rows, count)) = &self.failed_rows {
            summary.files.failed_rows = Some(summary::relative(failed_rows, path));
            summary.files.failed_rows_count = *count;
        }
    }
}

impl Results {
    /// Opens and locks the files of a run, beside the paths they take at its end, and writes their
    /// headers.
    ///
    /// `header`, `dialect` are the input's, for the failed rows; `inputs` the names for the column
    /// `file`, by [`Row::input`]. Call [`Paths::check`] first.
    ///
    /// # Errors
    /// [`Error::Partial`] when another run writes here, or was killed and [`Terms::leftover`]
    /// refuses that; else whatever would keep one of the three files from being written at the end.
    /// Then nothing has changed.
    pub fn create(
        paths: &Paths,
        header: &[String],
        dialect: Dialect,
        inputs: &[String],
        terms: Terms,
    ) -> Result<Self, Error> {
        summary::check_path(&paths.summary)?;
        let draft = Draft::open("--results", &paths.results, terms.leftover, line::is_results)?;
        // Taken over in any case: the results' partial file is the one that tells of a killed run.
        let failed = Draft::open(
            "--failed-rows",
            &paths.failed_rows,
            Leftover::Replace,
            failed::is_failed_rows,
        )?;
        Self::begin(draft, failed, header, dialect, inputs, terms)
    }

    fn begin(
        mut draft: Draft,
        failed: Draft,
        header: &[String],
        dialect: Dialect,
        inputs: &[String],
        terms: Terms,
    ) -> Result<Self, Error> {
        draft.push(line::header().as_bytes())?;
        // At once, so that a run killed before its first flush is known by a partial file that is
        // not empty.
        draft.flush()?;
        let sorter = terms.unordered.then(|| Sorter::new(draft.folder()));
        let layout = Layout::new(header, dialect);
        let failed = FailedFile::begin(failed, layout, terms.encoding, header, terms.skip_lines)?;
        Ok(Self {
            draft,
            failed,
            failed_rows: terms.failed_rows,
            inputs: inputs.to_vec(),
            encoded_inputs: inputs.iter().map(|name| line::encoded(name)).collect(),
            slots: VecDeque::new(),
            first: 0,
            tally: Tally::default(),
            reasons: Reasons::default(),
            rows: 0,
            last_place: None,
            sorter,
            handed_on: 0,
            held: 0,
            spare_lines: Vec::new(),
        })
    }

    /// Begins the line of a row; rows come in the input's order, and a row that makes several
    /// shipments comes once for each (share it as an `Arc` then). `shipment` counts them from 1; 0
    /// where the row makes none.
    pub fn expect(
        &mut self,
        row: impl Into<Arc<Row>>,
        labels: Labels<'_>,
        shipment: u32,
    ) -> Ticket {
        let row = row.into();
        let place = Some((row.input, row.number));
        if self.last_place != place {
            self.last_place = place;
            self.rows += 1;
            if self.rows == 1 {
                self.draft.keep();
                self.failed.keep();
            }
        }
        let mut line = self.spare_lines.pop().unwrap_or_default();
        let file = self.encoded_inputs.get(row.input).map_or(&[][..], Vec::as_slice);
        line::begin(&mut line, file, &row, labels);
        self.held += row.bytes();
        self.slots.push_back(Slot::Waiting { line, row, shipment, payload: labels.payload });
        Ticket(self.first + self.slots.len() as u64 - 1)
    }

    /// Ends the line of `ticket`, in any order, and hands on all that is next in the input's order.
    /// `reason` is why, without what belongs to this row alone, for counting; without it the
    /// message is taken, its numbers and quoted texts left aside. A ticket that was settled already
    /// changes nothing.
    ///
    /// # Errors
    /// [`Error::Write`], after which nothing is written any more: the run must stop.
    pub fn settle(
        &mut self,
        ticket: Ticket,
        outcome: &Outcome,
        reason: Option<&str>,
    ) -> Result<(), Error> {
        let Some(slot) = ticket
            .0
            .checked_sub(self.first)
            .and_then(|index| self.slots.get_mut(usize::try_from(index).ok()?))
        else {
            return Ok(());
        };
        let Slot::Waiting { line, row, shipment, payload } = slot else { return Ok(()) };
        line::end(line, outcome, row.fingerprint, *shipment, *payload);
        self.tally.add(outcome.status);
        self.reasons.add(outcome, reason, row);
        let failure = self.failed_rows.holds(outcome.status).then(|| {
            let mut cells = self.spare_lines.pop().unwrap_or_default();
            self.failed.layout().push_row(row, &mut cells);
            Failure {
                place: (row.input, row.number),
                cells,
                message: failed::error_cell(row, outcome),
            }
        });
        self.held -= row.bytes();
        self.held += failure.as_ref().map_or(0, |failure| failure.cells.len());
        let (line, place) = (std::mem::take(line), (row.input, row.number));
        *slot = Slot::Settled { line, place, failure };
        self.hand_on()
    }

    /// Settles every line that still waits as `not_attempted`, when a run stops.
    ///
    /// # Errors
    /// As [`Results::settle`].
    pub fn settle_rest(&mut self, message: &str) -> Result<(), Error> {
        let outcome = Outcome::unsent(Status::NotAttempted, message);
        let left: Vec<Ticket> = self.unsettled().collect();
        left.into_iter().try_for_each(|ticket| self.settle(ticket, &outcome, None))
    }

    /// Whether another row may be expected; else reading waits until the first line of the window
    /// is settled.
    pub fn has_room(&self) -> bool {
        self.slots.len() < WINDOW && self.held < WINDOW_BYTES
    }

    /// The tickets that wait for their outcome, in the input's order.
    pub fn unsettled(&self) -> impl Iterator<Item = Ticket> {
        let waiting = |(ticket, slot): (u64, &Slot)| {
            matches!(slot, Slot::Waiting { .. }).then_some(Ticket(ticket))
        };
        (self.first..).zip(&self.slots).filter_map(waiting)
    }

    /// How many lines ended in each status so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Rows of the inputs so far; fewer than lines where a row makes several shipments.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Why rows were skipped or not accepted so far, most frequent first.
    pub fn reasons(&self) -> Vec<ReasonCount> {
        self.reasons.sorted(&self.inputs)
    }

    /// Hands all settled lines that are next in order to the operating system; each second and at
    /// each hold.
    ///
    /// # Errors
    /// As [`Results::settle`].
    pub fn flush(&mut self) -> Result<(), Error> {
        self.draft.flush()?;
        self.failed.flush()
    }

    /// Writes all to the disk and puts the files in their places, RESULTS last; a failed-rows file
    /// of an earlier run goes when no row failed. What nobody settled ends `not_attempted`.
    ///
    /// # Errors
    /// [`Error::Write`] and [`Error::Replace`]; the partial files stay then.
    pub fn finish(mut self) -> Result<Finished, Error> {
        self.settle_rest(STOPPED)?;
        let (results, reasons) = (self.draft.target().to_owned(), self.reasons());
        self.draft.sync()?;
        let failed_rows = self.failed.finish()?;
        match self.sorter {
            None => self.draft.publish()?,
            Some(sorter) => self.draft.publish_sorted(line::header().as_bytes(), sorter)?,
        }
        Ok(Finished { results, failed_rows, tally: self.tally, rows: self.rows, reasons })
    }

    /// Writes the lines at the front of the window that are whole.
    fn hand_on(&mut self) -> Result<(), Error> {
        while let Some(Slot::Settled { line, place, failure }) = self.slots.front_mut() {
            let (mut line, place, failure) = (std::mem::take(line), *place, failure.take());
            self.slots.pop_front();
            self.first += 1;
            self.draft.push(&line)?;
            if let Some(sorter) = &mut self.sorter {
                let sorted = sorter.push(key(place, self.handed_on), &line);
                self.draft.told(sorted)?;
            }
            self.handed_on += 1;
            if self.spare_lines.len() < SPARE_LINES && line.capacity() <= SPARE_LINE {
                line.clear();
                self.spare_lines.push(line);
            }
            if let Some(failure) = failure {
                self.held -= failure.cells.len();
                self.failed.add(failure)?;
            }
        }
        Ok(())
    }
}

/// The key of a line: its input, its row, and when it came.
fn key((input, row): (usize, u64), arrival: u64) -> [u8; 20] {
    let mut key = [0; 20];
    key[..4].copy_from_slice(&u32::try_from(input).unwrap_or(u32::MAX).to_be_bytes());
    key[4..12].copy_from_slice(&row.to_be_bytes());
    key[12..].copy_from_slice(&arrival.to_be_bytes());
    key
}
