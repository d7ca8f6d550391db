//! An opened input, and the reading of its rows.
//!
//! Invariants: rows are numbered from 1 behind the header without a gap, whatever is wrong with
//! them; `line` is the physical line at which the window stands. `open` makes a [`Source`]; whoever
//! reads an input calls it.

use std::io;

use memchr::{memchr, memchr_iter, memchr2};

use super::Error;
use super::about::About;
use super::footer::{is_footer, is_header};
use super::record::{Cut, Cutter, Extent, MAX_RECORD, Opening, blank_lines};
use super::window::Window;
use crate::row::{ERROR_COLUMN, LEFT, Reading, Row, UNREADABLE};
use crate::text;

/// An input whose header was read, and whose rows come one after the other.
#[derive(Debug)]
pub struct Source {
    pub(super) about: About,
    /// Whether the last row had no line end.
    pub(super) unended: bool,
    pub(super) window: Window,
    pub(super) cutter: Cutter,
    pub(super) line: u64,
    pub(super) number: u64,
    /// The bytes of text and the cells that the last row had: the next one will have about as many.
    pub(super) room: (usize, usize),
}

/// What the bytes of an input were, so that a later run knows whether they are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// How many there were.
    pub bytes: u64,
    /// Their SHA-256 as 64 hex digits.
    pub sha256: String,
}

impl Source {
    /// What it is.
    pub const fn about(&self) -> &About {
        &self.about
    }

    /// Bytes consumed so far, those of the header included; for progress.
    pub fn position(&self) -> u64 {
        self.window.position()
    }

    /// The next record as a row of its own; `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read any further.
    pub fn read_new(&mut self) -> Result<Option<Row>, Error> {
        let (bytes, cells) = self.room;
        let mut row = Row::with_room(bytes + bytes / 4, cells);
        let is_read = self.read(&mut row)?;
        self.room = (row.bytes(), row.len());
        Ok(is_read.then_some(row))
    }

    /// Fills `row` with the next record, padded to the header's width; `false` at the end, with
    /// `row` empty.
    ///
    /// # Errors
    /// The file cannot be read any further.
    pub fn read(&mut self, row: &mut Row) -> Result<bool, Error> {
        row.clear();
        let step =
            self.step().map_err(|cause| Error::of_system(&self.about.name, self.line, cause))?;
        let (extent, too_long) = match step {
            Step::End => return Ok(false),
            Step::Record(extent) => (extent, false),
            Step::TooLong(extent) => (extent, true),
        };
        let data = self.window.data();
        let raw = &data[..extent.len];
        if !extent.ended && is_end_mark(raw)
            || is_end_mark(raw) && self.window.ended() && extent.next == data.len()
        {
            self.window.consume(extent.next);
            return Ok(false);
        }
        self.number += 1;
        self.unended = !extent.ended;
        row.input = self.about.index;
        row.number = self.number;
        row.line = self.line;
        let mut filler = Filler { row, header: &self.about.header, seen: 0, not_utf8: None };
        let text = if extent.plain { std::str::from_utf8(raw).ok() } else { None };
        if let Some(text) = text {
            filler.split(text, self.about.dialect.delimiter);
        } else {
            if extent.plain {
                self.cutter.split(raw);
            }
            match self.cutter.texts() {
                Some(cells) => cells.for_each(|cell| filler.cell(cell)),
                None => self.cutter.cells().for_each(|cell| filler.bytes(cell)),
            }
        }
        let (seen, not_utf8) = (filler.seen, filler.not_utf8);
        row.width = seen;
        row.reading = if too_long {
            Reading::Flawed(format!(
                "this line is longer than {} MiB; is a line end or a quote missing?",
                MAX_RECORD >> 20
            ))
        } else if let Some(opening) = extent.unclosed {
            self.unclosed(opening)
        } else if let Some(cell) = not_utf8 {
            Reading::Flawed(format!(
                "{} is not UTF-8; mend it, or set encoding in the mapping's [source] if all of the file is in another one",
                self.column(cell)
            ))
        } else {
            self.judge(raw, extent.ended, row)
        };
        for _ in row.len()..self.about.header.len() {
            row.push("");
        }
        row.fingerprint = row.hash_cells();
        if too_long {
            self.skip_line()
                .map_err(|cause| Error::of_system(&self.about.name, self.line, cause))?;
        } else {
            self.window.consume(extent.next);
            self.line += extent.lines;
        }
        Ok(true)
    }

    /// Reads what is left, and tells what all bytes of the file were.
    ///
    /// # Errors
    /// The file cannot be read any further.
    pub fn finish(self) -> Result<Digest, Error> {
        let (name, line) = (self.about.name, self.line);
        let (bytes, sha256) =
            self.window.drain().map_err(|cause| Error::of_system(&name, line, cause))?;
        Ok(Digest { bytes, sha256 })
    }

    /// Finds the next record; it stays in the window.
    pub(super) fn step(&mut self) -> io::Result<Step> {
        loop {
            let (bytes, lines) = blank_lines(self.window.data(), self.window.ended());
            self.window.consume(bytes);
            self.line += lines;
            let (data, last) = (self.window.data(), self.window.ended());
            if data.is_empty() && last {
                return Ok(Step::End);
            }
            match self.cutter.cut(data, last) {
                Cut::Record(extent) => {
                    // A sheet's rows are counted, not the lines in its cells.
                    let lines = if self.about.sheet.is_some() { 1 } else { extent.lines };
                    return Ok(Step::Record(Extent { lines, ..extent }));
                }
                Cut::TooLong => {
                    let len = memchr2(b'\n', b'\r', data).unwrap_or(data.len());
                    let extent = Extent {
                        len,
                        next: len,
                        lines: 0,
                        ended: true,
                        plain: true,
                        unclosed: None,
                    };
                    return Ok(Step::TooLong(extent));
                }
                Cut::More => self.window.fill()?,
            }
        }
    }

    /// Consumes the line at the window's start, however long it is, but for its line end, which
    /// then counts as a blank line's.
    pub(super) fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let data = self.window.data();
            if let Some(end) = memchr2(b'\n', b'\r', data) {
                self.window.consume(end);
                return Ok(());
            }
            self.window.consume(data.len());
            if self.window.ended() {
                return Ok(());
            }
            self.window.fill()?;
        }
    }

    /// What reading says of a row whose cells are all there.
    fn judge(&self, raw: &[u8], line_end: bool, row: &Row) -> Reading {
        let (cells, columns) = (row.width, self.about.header.len());
        if memchr(0, raw).is_some() {
            return Reading::Flawed(
                "this row holds NUL bytes: was the file transferred whole?".to_owned(),
            );
        }
        if row.cells().all(|cell| cell.trim_ascii().is_empty()) {
            return Reading::Skip("empty row".to_owned());
        }
        if is_header(row.cells(), &self.about.header) {
            return Reading::Skip("the header again".to_owned());
        }
        if self.about.describing == Some(row.number) {
            return Reading::Skip("describes the columns".to_owned());
        }
        if is_footer(row.cells(), columns) {
            return Reading::Skip("a footer of the report".to_owned());
        }
        if let Some(flaw) = self.about.error_column.and_then(|column| unmended(row.get(column))) {
            return Reading::Flawed(flaw);
        }
        if row.len() > columns {
            return Reading::Flawed(format!(
                "has {cells} cells, the header has {columns}: an unquoted delimiter?"
            ));
        }
        if line_end {
            return Reading::Data;
        }
        if cells < columns {
            return Reading::Flawed(format!(
                "the file ends in the middle of this row ({cells} of {columns} cells, no line end): \
                 it may have been cut off while it was written"
            ));
        }
        if raw.ends_with(&[END_MARK]) {
            return Reading::Flawed(
                "an end-of-file mark (Ctrl-Z) stands in the last cell of this row".to_owned(),
            );
        }
        Reading::Data
    }

    /// Whether the last row had no line end: then nothing tells whether its last cell is whole.
    pub const fn ends_without_line_end(&self) -> bool {
        self.unended
    }

    fn unclosed(&self, opening: Opening) -> Reading {
        let line = self.line + opening.lines;
        Reading::Flawed(format!(
            "the quote opened in line {line} ({}) is never closed",
            self.column(opening.cell)
        ))
    }

    fn column(&self, index: usize) -> String {
        let letter = text::column_letter(index);
        self.about.header.get(index).map_or_else(
            || format!("column {letter}"),
            |name| format!("column {}, {letter}", text::quoted(name)),
        )
    }
}

/// What comes next in a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// Nothing.
    End,
    /// A record at the window's start.
    Record(Extent),
    /// A line that is too long, of which so much is in the window.
    TooLong(Extent),
}

/// What old systems write behind the end of a text: Ctrl-Z.
const END_MARK: u8 = 0x1A;

fn is_end_mark(raw: &[u8]) -> bool {
    raw.first() == Some(&END_MARK) && raw.iter().all(|&byte| byte == END_MARK)
}

/// Fills a row with cells, without empty ones beyond the header's width.
struct Filler<'a> {
    row: &'a mut Row,
    header: &'a [String],
    seen: usize,
    not_utf8: Option<usize>,
}

impl Filler<'_> {
    fn split(&mut self, text: &str, delimiter: u8) {
        let mut start = 0;
        for end in memchr_iter(delimiter, text.as_bytes()) {
            self.cell(&text[start..end]);
            start = end + 1;
        }
        self.cell(&text[start..]);
    }

    fn bytes(&mut self, cell: &[u8]) {
        if let Ok(text) = std::str::from_utf8(cell) {
            self.cell(text);
        } else {
            self.not_utf8 = self.not_utf8.or(Some(self.seen));
            self.cell(&String::from_utf8_lossy(cell));
        }
    }

    fn cell(&mut self, text: &str) {
        if self.seen < self.header.len() {
            self.row.push(text);
        } else if !text.trim_ascii().is_empty() {
            while self.row.len() < self.seen {
                self.row.push("");
            }
            self.row.push(text);
        }
        self.seen += 1;
    }
}

/// Why a row of a failed-rows file is not to be sent as it stands, by what its last column says.
fn unmended(error: &str) -> Option<String> {
    let error = error.trim();
    if error.starts_with(UNREADABLE) {
        return Some(format!(
            "this row is not mended: its {ERROR_COLUMN} still says why it could not be read"
        ));
    }
    let ours = |left: &&str| error.strip_prefix(*left).is_some_and(|rest| rest.starts_with(": "));
    let foreign = !error.is_empty() && !LEFT.iter().any(ours);
    foreign.then(|| {
        format!("the column {ERROR_COLUMN} holds what lateship never wrote there: does the row have a cell too many?")
    })
}
