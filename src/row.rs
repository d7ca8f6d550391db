//! A row: one record of an input as it was read, with its place in the file.
//!
//! Plain data between `source` (which fills it) and `mapping` and `results` (which read it). Cells
//! lie in one string with their ends beside it, so that a row of common width costs one allocation,
//! and none once it is reused.

use std::ops::Range;

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64_with_seed;

mod encoding;

pub use encoding::{Encoding, UnknownEncoding};

/// How the text of a table is cut into cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// The byte between two cells: `,` `;` tab or `|`.
    pub delimiter: u8,
    /// Whether cells are quoted, and by what.
    pub quote: Quote,
}

/// Whether a cell may stand in quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quote {
    /// This byte around a cell lets it hold delimiters, line ends and, doubled, the byte itself.
    By(u8),
    /// Quotes are data like any other character.
    Never,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { delimiter: b',', quote: Quote::By(b'"') }
    }
}

/// The last column of a failed-rows file, which says why the row is there.
pub const ERROR_COLUMN: &str = "lateship_error";

/// What stands in front of the reason of a row that could not even be read: until it is mended and
/// the cell emptied, such a row must not be sent, for its cells are not what they seem.
pub const UNREADABLE: &str = "unreadable: ";

/// The words in front of all other reasons: the row's status.
pub const LEFT: [&str; 5] = ["invalid", "rejected", "failed", "in_doubt", "not_attempted"];

/// The columns of the results; new ones come at the end.
pub const RESULTS_COLUMNS: [&str; 14] = [
    "file",
    "row",
    "line",
    "order_no",
    "trackingnumber",
    "status",
    "http_status",
    "attempts",
    "message",
    "finished_at",
    "duration_ms",
    "fingerprint",
    "shipment",
    "payload",
];

/// What the user says of an input's form (a mapping's `[source]`); what is not said is detected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// The byte between two cells.
    pub delimiter: Option<u8>,
    /// Whether cells are quoted, and by what.
    pub quote: Option<Quote>,
    /// Physical lines before the header.
    pub skip_lines: Option<u64>,
    /// The encoding of the text.
    pub encoding: Option<Encoding>,
    /// The folded names of the columns that are read, by which the header is found.
    pub wanted: Vec<String>,
}

/// What reading says of a row, before any mapping looks at it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reading {
    /// A row of data.
    #[default]
    Data,
    /// Not data (an empty row, say): `skipped`, with this reason.
    Skip(String),
    /// Data that cannot be trusted (a quote that is never closed, a row cut short): `invalid`, with
    /// this reason.
    Flawed(String),
}

/// One record after the header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// Which input it came from, from 0 in the order they were given.
    pub input: usize,
    /// Its number among the records after the header, from 1, anew in each input.
    pub number: u64,
    /// The physical line at which it starts, from 1.
    pub line: u64,
    /// Whether it is data at all.
    pub reading: Reading,
    /// A hash over the cells as they were read, whatever becomes of them later.
    pub fingerprint: u64,
    /// How many cells the record had; fewer than the header's are taken as empty ones on the right.
    pub width: usize,
    text: String,
    /// Where each cell ends in the text. A record has at most 1 MiB, so that this is far below what
    /// fits.
    ends: SmallVec<[u32; 32]>,
}

impl Row {
    /// An empty row with its place: input (from 0), number and physical line (both from 1).
    pub fn at(input: usize, number: u64, line: u64) -> Self {
        Self { input, number, line, ..Self::default() }
    }

    /// An empty row with room for so many bytes of text and so many cells.
    pub fn with_room(bytes: usize, cells: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            ends: SmallVec::with_capacity(cells),
            ..Self::default()
        }
    }

    /// Empties the row and keeps its memory.
    pub fn clear(&mut self) {
        self.input = 0;
        self.number = 0;
        self.line = 0;
        self.reading = Reading::Data;
        self.fingerprint = 0;
        self.width = 0;
        self.text.clear();
        self.ends.clear();
    }

    /// Adds a cell on the right.
    pub fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.end());
    }

    /// The number of cells held.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the row holds no cell.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The cell at `index` (from 0); beyond the last one the empty string.
    pub fn get(&self, index: usize) -> &str {
        self.span(index).map_or("", |span| &self.text[span])
    }

    /// The bytes of text that it holds.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The cells from left to right.
    pub fn cells(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Replaces the cell at `index` (from 0), adding empty cells up to it where there are fewer.
    pub fn set(&mut self, index: usize, cell: &str) {
        while self.len() <= index {
            self.ends.push(self.end());
        }
        let Some(span) = self.span(index) else { return };
        let before = self.end();
        self.text.replace_range(span, cell);
        let after = self.end();
        for end in &mut self.ends[index..] {
            *end = *end + after - before;
        }
    }

    /// Writes the row behind `out`, to be read again by [`Row::read`].
    pub fn write(&self, out: &mut Vec<u8>) {
        let (kind, reason) = match &self.reading {
            Reading::Data => (0, ""),
            Reading::Skip(reason) => (1, reason.as_str()),
            Reading::Flawed(reason) => (2, reason.as_str()),
        };
        out.push(kind);
        for number in
            [self.input as u64, self.number, self.line, self.fingerprint, self.width as u64]
        {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for part in std::iter::once(reason).chain(self.cells()) {
            out.extend_from_slice(&(part.len() as u64).to_le_bytes());
            out.extend_from_slice(part.as_bytes());
        }
    }

    /// Reads a row that [`Row::write`] wrote; `None` for anything else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        fn number(bytes: &mut &[u8]) -> Option<u64> {
            let (number, rest) = bytes.split_first_chunk::<8>()?;
            *bytes = rest;
            Some(u64::from_le_bytes(*number))
        }
        fn part<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
            let length = usize::try_from(number(bytes)?).ok()?;
            let (part, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            std::str::from_utf8(part).ok()
        }
        let (kind, mut rest) = bytes.split_first()?;
        let mut row = Self {
            input: usize::try_from(number(&mut rest)?).ok()?,
            number: number(&mut rest)?,
            line: number(&mut rest)?,
            fingerprint: number(&mut rest)?,
            width: usize::try_from(number(&mut rest)?).ok()?,
            ..Self::default()
        };
        let reason = part(&mut rest)?;
        row.reading = match kind {
            0 => Reading::Data,
            1 => Reading::Skip(reason.to_owned()),
            2 => Reading::Flawed(reason.to_owned()),
            _ => return None,
        };
        while !rest.is_empty() {
            row.push(part(&mut rest)?);
        }
        Some(row)
    }

    /// The hash of the cells as they are now; reading stores it in [`Row::fingerprint`].
    ///
    /// XXH3 (64 bits) over the text of all cells, seeded by where they end, so that moving a
    /// character to the next cell changes it.
    pub fn hash_cells(&self) -> u64 {
        let seed = self.ends.iter().fold(0xcbf2_9ce4_8422_2325, |seed: u64, end| {
            (seed ^ u64::from(*end)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        xxh3_64_with_seed(self.text.as_bytes(), seed)
    }

    /// The end of the text.
    fn end(&self) -> u32 {
        u32::try_from(self.text.len()).unwrap_or(u32::MAX)
    }

    fn span(&self, index: usize) -> Option<Range<usize>> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(start as usize..end as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Row {
        let mut row = Row::default();
        for cell in cells {
            row.push(cell);
        }
        row
    }

    #[test]
    fn a_cell_can_be_replaced_by_a_longer_or_a_shorter_one() {
        let mut row = row(&["a", "bcd", "", "e"]);
        row.set(1, "");
        row.set(2, "long text");
        assert_eq!(row.cells().collect::<Vec<_>>(), ["a", "", "long text", "e"]);
        row.set(5, "x");
        assert_eq!(row.cells().collect::<Vec<_>>(), ["a", "", "long text", "e", "", "x"]);
        assert_eq!(row.get(9), "");
    }

    #[test]
    fn a_row_that_was_written_is_read_again() {
        let mut row = row(&["a", "", "straße", "x\ny"]);
        (row.input, row.number, row.line, row.width, row.fingerprint) = (3, 17, 40, 4, u64::MAX);
        for reading in
            [Reading::Data, Reading::Skip("a footer".to_owned()), Reading::Flawed("cut".to_owned())]
        {
            row.reading = reading;
            let mut bytes = Vec::new();
            row.write(&mut bytes);
            assert_eq!(Row::read(&bytes), Some(row.clone()));
            assert_eq!(Row::read(&bytes[..bytes.len() - 1]), None);
        }
    }

    #[test]
    fn a_fingerprint_tells_apart_what_only_concatenates_alike() {
        assert_ne!(row(&["ab", "c"]).hash_cells(), row(&["a", "bc"]).hash_cells());
        assert_eq!(row(&["ab", "c"]).hash_cells(), row(&["ab", "c"]).hash_cells());
    }
}
