//! Cuts one record of cells out of bytes.
//!
//! On well-formed input it reads what the `csv` crate reads (flexible, quotes doubled): a quote
//! opens only at the start of a cell, text after a closing quote belongs to the cell, LF, CR LF and
//! a lone CR end a record. Beyond that it counts physical lines, and it finds a quote that is never
//! closed: not closed within [`MAX_RECORD`] bytes, [`MAX_LINES`] line ends or the file, or closed
//! lines later in front of text, which is how it looks when it met the opening quote of a later
//! row. Then only the line in which it opened is taken, so that the rows after it are not
//! swallowed. Pure; `rows` and `dialect` call it.

use memchr::{memchr, memchr_iter, memchr2, memchr2_iter, memchr3};

use crate::row::{Dialect, Quote};

/// The longest record, its line end included, in bytes.
pub(super) const MAX_RECORD: usize = 1 << 20;
/// The most line ends that a quoted cell may hold.
pub(super) const MAX_LINES: u64 = 200;

/// Where a quote opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opening {
    /// The quote's place, in bytes from the record's start.
    pub(super) at: usize,
    /// Line ends between the record's start and the quote.
    pub(super) lines: u64,
    /// The cell that it opened, from 0.
    pub(super) cell: usize,
}

/// A record's place in the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// Its length in bytes, without its line end.
    pub(super) len: usize,
    /// Where the next one starts.
    pub(super) next: usize,
    /// Line ends in it, its own included.
    pub(super) lines: u64,
    /// Whether a line end closes it, and not the end of the file.
    pub(super) ended: bool,
    /// Whether no cell is quoted: then its cells are what stands between delimiters, and the cutter
    /// holds none.
    pub(super) plain: bool,
    /// The quote in it that is never closed.
    pub(super) unclosed: Option<Opening>,
}

/// What stands at the start of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// The start of a record; more bytes are needed to see its end.
    More,
    /// A record.
    Record(Extent),
    /// A line that does not end within [`MAX_RECORD`] bytes.
    TooLong,
}

/// Cuts records in one dialect, and keeps the cells of the last one that was not plain.
#[derive(Debug)]
pub(super) struct Cutter {
    delimiter: u8,
    quote: Option<u8>,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Cutter {
    pub(super) fn new(dialect: Dialect) -> Self {
        let quote = match dialect.quote {
            Quote::By(quote) => Some(quote),
            Quote::Never => None,
        };
        Self { delimiter: dialect.delimiter, quote, text: Vec::new(), ends: Vec::new() }
    }

    /// Cuts the record at the start of `data`, which does not start with a line end; `last` says
    /// that nothing follows.
    pub(super) fn cut(&mut self, data: &[u8], last: bool) -> Cut {
        let Some(quote) = self.quote else {
            let end = memchr2(b'\n', b'\r', data);
            return plain(data, end, last);
        };
        let mut from = 0;
        while let Some(found) = memchr3(quote, b'\n', b'\r', &data[from..]) {
            let at = from + found;
            if data[at] != quote {
                return plain(data, Some(at), last);
            }
            if at == 0 || data[at - 1] == self.delimiter {
                return self.quoted(data, quote, last);
            }
            from = at + 1;
        }
        plain(data, None, last)
    }

    /// The cells of a record that is not plain.
    pub(super) fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let cell = &self.text[start..end];
            start = end;
            cell
        })
    }

    /// The cells as text; `None` where one of them is no UTF-8.
    pub(super) fn texts(&self) -> Option<impl Iterator<Item = &str>> {
        let text = std::str::from_utf8(&self.text)
            .ok()
            .filter(|text| self.ends.iter().all(|&at| text.is_char_boundary(at)))?;
        let mut start = 0;
        Some(self.ends.iter().map(move |&end| {
            let cell = &text[start..end];
            start = end;
            cell
        }))
    }

    /// Cuts a plain record, or whatever else is to be cut with quotes as data, into
    /// [`Cutter::cells`].
    pub(super) fn split(&mut self, record: &[u8]) {
        self.truncate(0);
        self.append(record);
    }

    fn append(&mut self, bytes: &[u8]) {
        let mut start = 0;
        for end in memchr_iter(self.delimiter, bytes) {
            self.push(&bytes[start..end]);
            start = end + 1;
        }
        self.push(&bytes[start..]);
    }

    fn push(&mut self, cell: &[u8]) {
        self.text.extend_from_slice(cell);
        self.ends.push(self.text.len());
    }

    fn truncate(&mut self, cells: usize) {
        self.ends.truncate(cells);
        self.text.truncate(self.ends.last().copied().unwrap_or(0));
    }

    fn quoted(&mut self, data: &[u8], quote: u8, last: bool) -> Cut {
        self.truncate(0);
        let mut lines = 0;
        let mut at = 0;
        loop {
            let mut from = at;
            let mut opening = None;
            if data.get(at) == Some(&quote) {
                let opened = Opening { at, lines, cell: self.ends.len() };
                from = match self.inside(&data[at + 1..], quote, last) {
                    Inside::Closed { len, lines: within } => {
                        lines += within;
                        if within > 0 {
                            opening = Some(opened);
                        }
                        at + 1 + len
                    }
                    Inside::More if data.len() < MAX_RECORD => return Cut::More,
                    Inside::More | Inside::Unclosed => return self.unclosed(data, opened, last),
                };
            }
            let found = if data.get(from) == Some(&self.delimiter) {
                Some(0)
            } else {
                memchr3(self.delimiter, b'\n', b'\r', &data[from..])
            };
            let end = match found {
                Some(found) => from + found,
                None if last => data.len(),
                None => return more(data),
            };
            let rest = &data[from..end];
            if let Some(opened) = opening
                && !is_blank(rest)
            {
                return self.unclosed(data, opened, last);
            }
            self.push(rest);
            if data.get(end) == Some(&self.delimiter) {
                at = end + 1;
                continue;
            }
            let Some((next, ended)) = line_end(data, end, last) else { return more(data) };
            let lines = lines + u64::from(ended);
            return Cut::Record(Extent {
                len: end,
                next,
                lines,
                ended,
                plain: false,
                unclosed: None,
            });
        }
    }

    /// Takes what stands in quotes, from behind the opening one.
    fn inside(&mut self, data: &[u8], quote: u8, last: bool) -> Inside {
        let mut lines = 0;
        let mut from = 0;
        loop {
            let Some(found) = memchr(quote, &data[from..]) else {
                let rest = data[from..].strip_suffix(b"\r").unwrap_or(&data[from..]);
                let unclosed = last || lines + line_ends(rest) > MAX_LINES;
                return if unclosed { Inside::Unclosed } else { Inside::More };
            };
            let piece = &data[from..from + found];
            lines += line_ends(piece);
            if lines > MAX_LINES {
                return Inside::Unclosed;
            }
            self.text.extend_from_slice(piece);
            from += found + 1;
            match data.get(from) {
                Some(&next) if next == quote => {
                    self.text.push(quote);
                    from += 1;
                }
                None if !last => return Inside::More,
                _ => return Inside::Closed { len: from, lines },
            }
        }
    }

    /// Takes the cells before an unclosed quote, and the rest of its line with quotes as data.
    fn unclosed(&mut self, data: &[u8], opening: Opening, last: bool) -> Cut {
        self.truncate(opening.cell);
        let end = match memchr2(b'\n', b'\r', &data[opening.at..]) {
            Some(found) => opening.at + found,
            None if last => data.len(),
            None => return more(data),
        };
        let Some((next, ended)) = line_end(data, end, last) else { return more(data) };
        self.append(&data[opening.at..end]);
        let lines = opening.lines + u64::from(ended);
        Cut::Record(Extent { len: end, next, lines, ended, plain: false, unclosed: Some(opening) })
    }
}

enum Inside {
    More,
    Closed { len: usize, lines: u64 },
    Unclosed,
}

/// The bytes and the line ends of the blank lines at the start of `data`. A CR at its end is left
/// there unless `last`, since an LF may follow.
pub(super) fn blank_lines(data: &[u8], last: bool) -> (usize, u64) {
    let (mut at, mut lines) = (0, 0);
    while let Some(b'\n' | b'\r') = data.get(at) {
        let Some((next, _)) = line_end(data, at, last) else { break };
        at = next;
        lines += 1;
    }
    (at, lines)
}

/// How many line ends stand in `bytes`; CR LF is one.
pub(super) fn line_ends(bytes: &[u8]) -> u64 {
    let ends = memchr2_iter(b'\n', b'\r', bytes)
        .filter(|&at| bytes[at] == b'\n' || bytes.get(at + 1) != Some(&b'\n'));
    ends.count() as u64
}

fn plain(data: &[u8], end: Option<usize>, last: bool) -> Cut {
    let len = match end {
        Some(end) => end,
        None if last => data.len(),
        None => return more(data),
    };
    match line_end(data, len, last) {
        Some((next, ended)) => Cut::Record(Extent {
            len,
            next,
            lines: u64::from(ended),
            ended,
            plain: true,
            unclosed: None,
        }),
        None => more(data),
    }
}

/// What comes behind the line end at `at`, and whether there is one; `None` where that cannot be
/// seen yet.
fn line_end(data: &[u8], at: usize, last: bool) -> Option<(usize, bool)> {
    match (data.get(at), data.get(at + 1)) {
        (None, _) => Some((at, false)),
        (Some(b'\r'), Some(b'\n')) => Some((at + 2, true)),
        (Some(b'\r'), None) if !last => None,
        _ => Some((at + 1, true)),
    }
}

const fn more(data: &[u8]) -> Cut {
    if data.len() < MAX_RECORD { Cut::More } else { Cut::TooLong }
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' ' | b'\t'))
}
