//! The units of one input: its rows read, mapped and grouped, in their order.

use crate::error::Error;
use crate::mapping::{Bound, Unit};
use crate::row::Row;
use crate::source::{Digest, Source};

/// An input that is being read and mapped.
#[derive(Debug)]
pub struct Units {
    source: Source,
    bound: Bound,
    /// Rows that may still be read.
    left: u64,
    ended: bool,
    /// Why reading ended before the end; told once what was read before is handed out.
    broken: Option<Error>,
}

impl Units {
    pub(super) fn new(source: Source, bound: Bound) -> Self {
        Self { source, bound, left: u64::MAX, ended: false, broken: None }
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
        let mut row = Row::default();
        match self.source.read(&mut row) {
            Ok(true) if self.left > 0 => {
                self.left -= 1;
                self.bound.push(row);
                if self.left == 0 && !self.bound.is_open() {
                    self.ended = true;
                }
            }
            Ok(true) if self.bound.continues(&mut row) => self.bound.push(row),
            Ok(_) => {
                self.ended = true;
                self.bound.finish();
            }
            Err(error) => {
                self.ended = true;
                self.broken = Some(error.into());
                self.bound.break_off();
            }
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
        Ok(self.source.finish()?)
    }
}
