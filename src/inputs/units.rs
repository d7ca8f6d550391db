//! The units of one input: its rows read, mapped and grouped, in their order.

use std::io;
use std::sync::Arc;

use super::arranged::{Arranged, Rows};
use crate::error::Error;
use crate::mapping::{Bound, Unit};
use crate::row::Row;
use crate::source::{self, Digest, Source};

/// Rows that take no part, within which the last group of a limited reading may go on.
const MOST_BETWEEN: usize = 1_000;

/// An input that is being read and mapped.
#[derive(Debug)]
pub struct Units {
    source: Source,
    /// The rows in another order than the source has them.
    arranged: Option<(Rows, Arc<Arranged>)>,
    bound: Bound,
    /// The bytes of text and the cells that the last row had: the next one will have about as many.
    room: (usize, usize),
    /// Rows that may still be read.
    left: u64,
    /// Rows beyond those that take no part themselves: read with the next that belongs to the last group, or not at all.
    between: Vec<Row>,
    ended: bool,
    /// Why reading ended before the end; told once what was read before is handed out.
    broken: Option<Error>,
}

impl Units {
    pub(super) fn new(source: Source, bound: Bound) -> Self {
        Self {
            source,
            arranged: None,
            bound,
            room: (0, 0),
            left: u64::MAX,
            between: Vec::new(),
            ended: false,
            broken: None,
        }
    }

    /// The same of an input whose rows were arranged.
    pub(super) fn arranged(source: Source, bound: Bound, arranged: Arc<Arranged>) -> io::Result<Self> {
        let rows = arranged.open()?;
        Ok(Self { arranged: Some((rows, arranged)), ..Self::new(source, bound.arranged()) })
    }

    /// Reads no more than `rows` rows, but for those that belong to the last of them: no shipment is made of a part of its
    /// rows.
    #[must_use]
    pub fn limited(self, rows: u64) -> Self {
        Self { left: rows, ..self }
    }

    /// The next unit; `None` at the end.
    ///
    /// # Errors
    /// The input cannot be read any further; all that was read before it is handed out by then.
    pub fn read(&mut self) -> Result<Option<Unit>, Error> {
        loop {
            if let Some(unit) = self.bound.pop() {
                return Ok(Some(unit));
            }
            if let Some(broken) = self.broken.take() {
                return Err(broken);
            }
            if self.ended {
                return Ok(None);
            }
            self.more();
        }
    }

    /// Reads one more row.
    fn more(&mut self) {
        let (bytes, cells) = self.room;
        let mut row = Row::with_room(bytes + bytes / 4, cells);
        let read = self.next_row(&mut row);
        self.room = (row.bytes(), row.len());
        match read {
            Ok(true) if self.left > 0 => {
                self.left -= 1;
                self.bound.push(row);
                if self.left == 0 && !self.bound.is_open() {
                    self.ended = true;
                }
            }
            Ok(true) if self.between.len() < MOST_BETWEEN => match self.bound.continues(&mut row) {
                Some(true) => {
                    self.between.drain(..).for_each(|row| self.bound.push(row));
                    self.bound.push(row);
                }
                Some(false) => self.end(),
                None => self.between.push(row),
            },
            Ok(_) => self.end(),
            Err(error) => {
                self.ended = true;
                self.broken = Some(error);
                self.bound.break_off();
            }
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.between.clear();
        self.bound.finish();
    }

    fn next_row(&mut self, row: &mut Row) -> Result<bool, Error> {
        match &mut self.arranged {
            None => Ok(self.source.read(row)?),
            Some((rows, _)) => {
                let file = self.source.name().to_owned();
                rows.read(row).map_err(|cause| Error::from(source::Error::SpoolWrite { file, cause }))
            }
        }
    }

    /// Bytes of the input worked so far; for progress.
    pub fn position(&self) -> u64 {
        match &self.arranged {
            None => self.source.position(),
            Some((rows, _)) => rows.position(self.source.size()),
        }
    }

    /// Whether the last row had no line end, once all was read.
    pub fn ends_without_line_end(&self) -> bool {
        match &self.arranged {
            None => self.source.ends_without_line_end(),
            Some((_, arranged)) => arranged.ends_without_line_end,
        }
    }

    /// Rows that may still be read of those that [`limited`](Self::limited) allows.
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// Whether the input was read to its end.
    pub fn is_at_end(&self) -> bool {
        self.ended && self.left > 0
    }

    /// The input as it is read.
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// The mapping as it is bound.
    pub const fn bound(&self) -> &Bound {
        &self.bound
    }

    /// Reads what is left, and tells what all bytes of the input were.
    ///
    /// # Errors
    /// The input cannot be read any further.
    pub fn finish(self) -> Result<Digest, Error> {
        match self.arranged {
            None => Ok(self.source.finish()?),
            Some((_, arranged)) => Ok(arranged.digest.clone()),
        }
    }
}
