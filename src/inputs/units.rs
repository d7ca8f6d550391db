//! The units of one input: its rows read, mapped and grouped, in their order.

use std::io;
use std::sync::Arc;

use super::arranged::{self, Arranged};
use crate::error::Error;
use crate::mapping::{Bound, Unit};
use crate::row::Row;
use crate::source::{self, About, Ahead, Digest, Source};

/// Rows that take no part, within which the last group of a limited reading may go on.
const MOST_BETWEEN: usize = 1_000;

/// An input that is being read and mapped.
#[derive(Debug)]
pub struct Units {
    about: About,
    rows: Rows,
    bound: Bound,
    /// Rows that may still be read.
    left: u64,
    /// Rows beyond those that take no part themselves: read with the next that belongs to the last
    /// group, or not at all.
    between: Vec<Row>,
    ended: bool,
    /// Why reading ended before the end; told once what was read before is handed out.
    broken: Option<Error>,
}

/// Where the rows come from.
#[derive(Debug)]
enum Rows {
    /// As they stand in the input.
    Read(Box<Source>),
    /// The same, read on a thread of their own.
    Ahead(Ahead),
    /// In another order.
    Arranged(arranged::Rows, Arc<Arranged>),
}

impl Units {
    pub(super) fn new(source: Source, bound: Bound) -> Self {
        Self {
            about: source.about().clone(),
            rows: Rows::Read(Box::new(source)),
            bound,
            left: u64::MAX,
            between: Vec::new(),
            ended: false,
            broken: None,
        }
    }

    /// The same of an input whose rows were arranged.
    pub(super) fn arranged(
        source: Source,
        bound: Bound,
        arranged: Arc<Arranged>,
    ) -> io::Result<Self> {
        let rows = Rows::Arranged(arranged.open()?, arranged);
        Ok(Self { rows, ..Self::new(source, bound.arranged()) })
    }

    /// Reads no more than `rows` rows, but for those that belong to the last of them: no shipment
    /// is made of a part of its rows.
    #[must_use]
    pub fn limited(self, rows: u64) -> Self {
        Self { left: rows, ..self }
    }

    /// The same with the rows read by a thread of its own.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn ahead(self) -> Result<Self, Error> {
        Ok(match self.rows {
            Rows::Read(source) => Self { rows: Rows::Ahead(source.ahead()?), ..self },
            Rows::Ahead(_) | Rows::Arranged(..) => self,
        })
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
        match self.next_row() {
            Ok(Some(row)) if self.left > 0 => {
                self.left -= 1;
                self.bound.push(row);
                if self.left == 0 && !self.bound.is_open() {
                    self.ended = true;
                }
            }
            Ok(Some(mut row)) if self.between.len() < MOST_BETWEEN => {
                match self.bound.continues(&mut row) {
                    Some(true) => {
                        self.between.drain(..).for_each(|row| self.bound.push(row));
                        self.bound.push(row);
                    }
                    Some(false) => self.end(),
                    None => self.between.push(row),
                }
            }
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

    fn next_row(&mut self) -> Result<Option<Row>, Error> {
        Ok(match &mut self.rows {
            Rows::Read(source) => source.read_new()?,
            Rows::Ahead(ahead) => ahead.read()?,
            Rows::Arranged(rows, _) => {
                let file = self.about.name();
                rows.read()
                    .map_err(|cause| source::Error::SpoolWrite { file: file.to_owned(), cause })?
            }
        })
    }

    /// Bytes of the input worked so far; for progress.
    pub fn position(&self) -> u64 {
        match &self.rows {
            Rows::Read(source) => source.position(),
            Rows::Ahead(ahead) => ahead.position(),
            Rows::Arranged(rows, _) => rows.position(self.about.size()),
        }
    }

    /// What is odd about the end of the input, once all was read.
    pub(super) fn remark_at_end(&self) -> Option<String> {
        let ends_without_line_end = match &self.rows {
            Rows::Read(source) => source.ends_without_line_end(),
            Rows::Ahead(ahead) => ahead.ends_without_line_end(),
            Rows::Arranged(_, arranged) => arranged.ends_without_line_end,
        };
        ends_without_line_end.then(|| {
            format!(
                "{}: the last row has no line end; if the file was cut off while it was written, \
                 its last cell is not whole",
                self.about.name()
            )
        })
    }

    /// Rows that may still be read of those that [`limited`](Self::limited) allows.
    pub(super) const fn left(&self) -> u64 {
        self.left
    }

    /// Whether the input was read to its end.
    pub(super) fn is_at_end(&self) -> bool {
        self.ended && self.left > 0
    }

    /// What the input is.
    pub const fn about(&self) -> &About {
        &self.about
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
        match self.rows {
            Rows::Read(source) => Ok(source.finish()?),
            Rows::Ahead(ahead) => Ok(ahead.finish()?),
            Rows::Arranged(_, arranged) => Ok(arranged.digest.clone()),
        }
    }
}
