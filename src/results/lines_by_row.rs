//! The lines of an earlier run's results, met in the order of the rows.
//!
//! Where rows come in the order of the input, lines and rows are read side by side. Where grouping
//! brings them into another order, an index on disk says where the lines of each row begin.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::error::{Error, RowName};
use super::reader::{Entry, Reader, Spot};
use crate::row::Row;

/// An input, from 0, and a row of it, from 1.
type RowPlace = (usize, u64);

/// The lines that were not taken yet.
#[derive(Debug)]
pub struct LinesByRow {
    path: PathBuf,
    /// The names of the inputs.
    inputs: Vec<String>,
    reader: Reader,
    /// The next line, read already.
    next: Option<(RowPlace, Entry)>,
    index: Option<LineIndex>,
}

/// Where the lines of each row begin: 16 bytes a row in a temporary file, input after input.
#[derive(Debug)]
struct LineIndex {
    file: File,
    /// For each input the number of records before its first row, and the end.
    starts: Vec<u64>,
    /// Lines that were not taken yet.
    left: u64,
}

impl LinesByRow {
    /// The lines of the results at `path`, which are about `inputs`. `reordered` says that rows
    /// come in another order than the inputs have them.
    ///
    /// # Errors
    /// They cannot be read, or the index cannot be written.
    pub fn open(path: &Path, inputs: Vec<String>, reordered: bool) -> Result<Self, Error> {
        let reader = Reader::open(path)?;
        let mut lines = Self { path: path.to_owned(), inputs, reader, next: None, index: None };
        if reordered {
            lines.index = Some(lines.build_index()?);
        } else {
            lines.advance()?;
        }
        Ok(lines)
    }

    /// Takes the lines of `row`; none where the earlier run did not come to it.
    ///
    /// # Errors
    /// A line that cannot be read, is about another row, or is accepted and its row has changed
    /// since; then it is still there.
    pub fn take(&mut self, row: &Row) -> Result<Vec<Entry>, Error> {
        let place = (row.input, row.number);
        if let Some(index) = &mut self.index
            && self.next.as_ref().is_none_or(|(next, _)| *next != place)
        {
            let spot = index.look_up(place).map_err(|source| self.read_error(source))?;
            let Some(spot) = spot else { return Ok(Vec::new()) };
            self.reader.seek(spot)?;
            self.advance()?;
        }
        let mut lines = Vec::new();
        while let Some((_, line)) = self.next.as_ref().filter(|(next, _)| *next == place) {
            if line.outcome.status.is_accepted() && line.fingerprint != row.fingerprint {
                let (path, at) = (self.path.clone(), self.name_of(row));
                return Err(Error::AcceptedRowChanged { path, at, line: row.line });
            }
            lines.extend(self.next.take().map(|(_, line)| line));
            self.advance()?;
        }
        if let Some(index) = &mut self.index {
            index.left -= lines.len() as u64;
        } else if let Some((found, _)) = self.next.as_ref().filter(|_| lines.is_empty()) {
            return Err(self.differs(*found, Some(self.name_of(row))));
        }
        Ok(lines)
    }

    /// Checks that all lines were taken.
    ///
    /// # Errors
    /// There is another one.
    pub fn check_end(&self) -> Result<(), Error> {
        let found = self.next.as_ref().map(|(place, _)| *place);
        match &self.index {
            Some(index) if index.left == 0 => Ok(()),
            Some(_) => Err(self.differs(found.unwrap_or((0, 0)), None)),
            None => found.map_or(Ok(()), |found| Err(self.differs(found, None))),
        }
    }

    /// The lines that were not taken, with their inputs, behind `first`; none where rows are
    /// reordered.
    pub fn rest(self, first: Vec<Entry>) -> impl Iterator<Item = (usize, Entry)> {
        let Self { reader, inputs, index, next, .. } = self;
        let input_of = move |entry: &Entry| inputs.iter().position(|name| *name == entry.file);
        let rest = reader.map_while(Result::ok);
        let all = first.into_iter().chain(next.map(|(_, entry)| entry)).chain(rest);
        let in_order = index.is_none();
        all.take_while(move |_| in_order).map(move |entry| (input_of(&entry).unwrap_or(0), entry))
    }

    /// A row's name, for people.
    pub fn name_of(&self, row: &Row) -> RowName {
        RowName { file: self.inputs[row.input].clone(), row: row.number }
    }

    fn advance(&mut self) -> Result<(), Error> {
        self.next = match self.reader.next().transpose()? {
            Some(entry) => Some((self.place_of(&entry)?, entry)),
            None => None,
        };
        Ok(())
    }

    /// Reads all lines once, and writes down where those of each row begin.
    fn build_index(&self) -> Result<LineIndex, Error> {
        let read_error = |source| self.read_error(source);
        let mut out = BufWriter::new(tempfile::tempfile().map_err(read_error)?);
        let mut index_ends = vec![0; self.inputs.len()];
        let (mut written, mut left, mut last) = (0, 0, None);
        let mut reader = Reader::open(&self.path)?;
        while let Some(entry) = reader.next().transpose()? {
            let (input, row) = self.place_of(&entry)?;
            left += 1;
            if last == Some((input, row)) {
                continue;
            }
            if last.is_some_and(|last| last > (input, row)) {
                return Err(self.differs((input, row), None));
            }
            let before = last.filter(|(last, _)| *last == input).map_or(0, |(_, row)| row);
            last = Some((input, row));
            for number in before + 1..=row {
                let Spot { byte, line } =
                    if number == row { reader.spot() } else { Spot { byte: 0, line: 0 } };
                let record = (u128::from(line) << 64 | u128::from(byte)).to_le_bytes();
                out.write_all(&record).map_err(read_error)?;
                written += 1;
            }
            index_ends[input..].fill(written);
        }
        let file = out.into_inner().map_err(|error| read_error(error.into_error()))?;
        Ok(LineIndex { file, starts: [&[0], &index_ends[..]].concat(), left })
    }

    fn place_of(&self, entry: &Entry) -> Result<RowPlace, Error> {
        let input = self.inputs.iter().position(|name| *name == entry.file);
        let (file, path) = (entry.file.clone(), self.path.clone());
        Ok((input.ok_or(Error::OtherInput { path, file })?, entry.row))
    }

    fn read_error(&self, source: io::Error) -> Error {
        Error::Read { path: self.path.clone(), source }
    }

    fn differs(&self, (input, row): RowPlace, expected: Option<RowName>) -> Error {
        let found = RowName { file: self.inputs[input].clone(), row };
        Error::LinesDiffer { path: self.path.clone(), found, expected }
    }
}

impl LineIndex {
    fn look_up(&mut self, (input, row): RowPlace) -> io::Result<Option<Spot>> {
        let record = self.starts[input] + row - 1;
        if record >= self.starts[input + 1] {
            return Ok(None);
        }
        let mut bytes = [0; 16];
        self.file.seek(SeekFrom::Start(record * 16))?;
        match self.file.read_exact(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let both = u128::from_le_bytes(bytes);
        #[expect(clippy::cast_possible_truncation, reason = "each half has 64 bits")]
        let spot = Spot { byte: both as u64, line: (both >> 64) as u64 };
        Ok((spot.byte > 0).then_some(spot))
    }
}
