//! The lines of an earlier run as a retry meets them: in the order of the inputs, or, where the
//! rows that belong together stand anywhere in them, by the rows' places.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::iter::Peekable;
use std::path::{Path, PathBuf};

use crate::error::{Error, Place};
use crate::results::{self, Entry, Reader, Spot};
use crate::row::Row;

/// Bytes of a place in the index.
const SPOT: usize = 16;

/// The lines that are not met yet.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    /// The names of the inputs.
    inputs: Vec<String>,
    reader: Peekable<Reader>,
    index: Option<Index>,
}

/// Where the lines of each row begin, on the disk: for each input a table by the row's number.
#[derive(Debug)]
struct Index {
    tables: Vec<File>,
    /// The row whose first line the reader stands at.
    at: Option<(usize, u64)>,
    /// Lines that are not met yet.
    left: u64,
}

impl Lines {
    /// The lines of the results at `path`, which are of `inputs`.
    ///
    /// # Errors
    /// They cannot be read, or the index cannot be written.
    pub(super) fn open(path: &Path, inputs: Vec<String>, scattered: bool) -> Result<Self, Error> {
        let mut lines = Self {
            path: path.to_owned(),
            inputs,
            reader: Reader::open(path)?.peekable(),
            index: None,
        };
        if scattered {
            lines.index = Some(lines.index()?);
        }
        Ok(lines)
    }

    /// The lines of `row`, none where the earlier run did not come to it. After an error they are
    /// still there.
    ///
    /// # Errors
    /// A line that cannot be read, or is of another row.
    pub(super) fn of(&mut self, row: &Row) -> Result<Vec<Entry>, Error> {
        let here = (row.input, row.number);
        if let Some(mut index) = self.index.take() {
            let found = self.go_to(&mut index, here);
            self.index = Some(index);
            if !found? {
                return Ok(Vec::new());
            }
        }
        let mut lines = Vec::new();
        while let Some(found) = self.next_place()? {
            if found != here {
                if lines.is_empty() {
                    return Err(self.differs(found, Some(self.place(row))));
                }
                break;
            }
            lines.extend(self.reader.next().transpose()?);
        }
        let next = if self.index.is_some() { self.next_place()? } else { None };
        if let Some(index) = &mut self.index {
            index.at = next;
            index.left -= lines.len() as u64;
        }
        Ok(lines)
    }

    /// Whether lines are left that are not met yet.
    pub(super) fn is_at_end(&mut self) -> Result<bool, Error> {
        match &self.index {
            Some(index) => Ok(index.left == 0),
            None => Ok(self.next_place()?.is_none()),
        }
    }

    /// Looks whether all lines were met.
    ///
    /// # Errors
    /// There is another one.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        if self.is_at_end()? {
            return Ok(());
        }
        let found = self.next_place()?.unwrap_or((0, 0));
        Err(self.differs(found, None))
    }

    /// The lines that were not met, in the order of the inputs; only where they are met in that
    /// order.
    pub(super) fn rest(self) -> impl Iterator<Item = (usize, Entry)> {
        let Self { reader, inputs, index, .. } = self;
        let in_order = index.is_none();
        reader
            .map_while(Result::ok)
            .take_while(move |_| in_order)
            .map(move |line| (inputs.iter().position(|name| *name == line.file).unwrap_or(0), line))
    }

    /// A row's place, for people.
    pub(super) fn place(&self, row: &Row) -> Place {
        Place { file: self.inputs[row.input].clone(), row: row.number }
    }

    /// Goes to the first line of a row; whether it has one.
    fn go_to(&mut self, index: &mut Index, (input, row): (usize, u64)) -> Result<bool, Error> {
        if index.at == Some((input, row)) {
            return Ok(true);
        }
        let told = |path: &Path, source| {
            Error::from(results::Error::Read { path: path.to_owned(), source })
        };
        let Some(spot) = index.look_up(input, row).map_err(|error| told(&self.path, error))? else {
            return Ok(false);
        };
        let mut reader = Reader::open(&self.path)?;
        reader.seek(spot)?;
        self.reader = reader.peekable();
        Ok(true)
    }

    /// Reads all lines once, and writes down where those of each row begin.
    fn index(&self) -> Result<Index, Error> {
        let told = |source| Error::from(results::Error::Read { path: self.path.clone(), source });
        let table = |_| tempfile::tempfile().map(|file| BufWriter::with_capacity(64 * 1024, file));
        let mut tables =
            self.inputs.iter().map(table).collect::<io::Result<Vec<_>>>().map_err(told)?;
        let mut written = vec![0_u64; tables.len()];
        let mut reader = Reader::open(&self.path)?;
        let (mut left, mut last) = (0, None);
        while let Some(line) = reader.next().transpose()? {
            let spot = reader.spot();
            let input = self.input_of(&line)?;
            left += 1;
            if last == Some((input, line.row)) {
                continue;
            }
            if last.is_some_and(|last| last > (input, line.row)) {
                return Err(self.differs((input, line.row), None));
            }
            last = Some((input, line.row));
            for row in written[input] + 1..=line.row {
                let Spot { byte, line: at } =
                    if row == line.row { spot } else { Spot { byte: 0, line: 0 } };
                let put = |out: &mut BufWriter<File>| {
                    out.write_all(&byte.to_le_bytes())
                        .and_then(|()| out.write_all(&at.to_le_bytes()))
                };
                put(&mut tables[input]).map_err(told)?;
            }
            written[input] = line.row;
        }
        let file =
            |table: BufWriter<File>| table.into_inner().map_err(io::IntoInnerError::into_error);
        let tables = tables.into_iter().map(file).collect::<io::Result<Vec<_>>>().map_err(told)?;
        Ok(Index { tables, at: None, left })
    }

    fn input_of(&self, line: &Entry) -> Result<usize, Error> {
        let unknown =
            || Error::UnknownInput { file: line.file.clone(), results: self.path.clone() };
        self.inputs.iter().position(|name| *name == line.file).ok_or_else(unknown)
    }

    /// The input (from 0) and the row of the next line.
    fn next_place(&mut self) -> Result<Option<(usize, u64)>, Error> {
        let (file, row) = match self.reader.peek() {
            None => return Ok(None),
            Some(Ok(line)) => (line.file.clone(), line.row),
            Some(Err(_)) => {
                return self.reader.next().transpose().map(|_| None).map_err(Error::from);
            }
        };
        let input = self.inputs.iter().position(|name| *name == file);
        Ok(Some((input.ok_or(Error::UnknownInput { file, results: self.path.clone() })?, row)))
    }

    fn differs(&self, (input, row): (usize, u64), expected: Option<Place>) -> Error {
        let found = Place { file: self.inputs[input].clone(), row };
        Error::LinesDiffer { found, expected, results: self.path.clone() }
    }
}

impl Index {
    fn look_up(&mut self, input: usize, row: u64) -> io::Result<Option<Spot>> {
        let Some(table) = self.tables.get_mut(input) else { return Ok(None) };
        let mut bytes = [0; SPOT];
        table.seek(SeekFrom::Start((row - 1) * SPOT as u64))?;
        match table.read_exact(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let number = |at: usize| {
            let mut number = [0; 8];
            number.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(number)
        };
        let spot = Spot { byte: number(0), line: number(8) };
        Ok((spot.byte > 0).then_some(spot))
    }
}
