//! The rows of an input in another order: those of one group together, at the place of the first of
//! them (`group = "anywhere"`).
//!
//! Made once before the first request, by sorting on the disk, in bounded memory; then read as
//! often as needed. Rows have inherited what `fill_down` gives them by then, since that goes by the
//! order of the file.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::Path;

use tempfile::TempPath;

use crate::error::Error;
use crate::mapping::Bound;
use crate::row::Row;
use crate::sorter::Sorter;
use crate::source::{self, Digest, Source};

/// The rows of one input, arranged.
#[derive(Debug)]
pub(super) struct Arranged {
    /// For its owner alone, since it holds names and addresses; goes when this is dropped.
    rows: TempPath,
    bytes: u64,
    pub(super) digest: Digest,
    pub(super) ends_without_line_end: bool,
}

impl Arranged {
    /// Reads all of `source` and arranges its rows; temporary files lie in `folder`.
    ///
    /// # Errors
    /// The input cannot be read to its end, or a temporary file cannot be written.
    pub(super) fn new(mut source: Source, mut bound: Bound, folder: &Path) -> Result<Self, Error> {
        let name = source.about().name().to_owned();
        let unwritten = |cause| source::Error::SpoolWrite {
            file: folder.to_string_lossy().into_owned(),
            cause,
        };
        let mut by_key = Sorter::<24>::new(folder);
        let mut by_place = Sorter::<16>::new(folder);
        let (mut row, mut place, mut bytes) = (Row::default(), 0_u64, Vec::new());
        while source.read(&mut row)? {
            let key = bound.key(&mut row);
            bytes.clear();
            row.write(&mut bytes);
            match key {
                Some(key) => by_key.push(joined(&key.to_be_bytes(), place), &bytes),
                None => by_place.push(joined(&place.to_be_bytes(), place), &bytes),
            }
            .map_err(unwritten)?;
            place += 1;
        }
        let ends_without_line_end = source.ends_without_line_end();
        let digest = source.finish()?;
        let arrange = || -> io::Result<(TempPath, u64)> {
            let mut groups = by_key.sort()?;
            let mut group: Option<([u8; 16], u64)> = None;
            while let Some((key, row)) = groups.read()? {
                let (of, place) = taken(&key);
                let first = match group {
                    Some((open, first)) if open == of => first,
                    _ => place,
                };
                group = Some((of, first));
                by_place.push(joined(&first.to_be_bytes(), place), row)?;
            }
            let mut builder = tempfile::Builder::new();
            let (file, path) =
                builder.prefix(".lateship-").suffix(".rows").tempfile_in(folder)?.into_parts();
            let mut out = BufWriter::with_capacity(256 * 1024, file);
            let mut rows = by_place.sort()?;
            let mut bytes = 0;
            while let Some((_, row)) = rows.read()? {
                let length = u32::try_from(row.len())
                    .map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
                out.write_all(&length.to_le_bytes())?;
                out.write_all(row)?;
                bytes += u64::from(length) + 4;
            }
            out.flush()?;
            Ok((path, bytes))
        };
        let (rows, bytes) = arrange().map_err(unwritten)?;
        tracing::debug!("{name}: {place} rows brought together by their groups");
        Ok(Self { rows, bytes, digest, ends_without_line_end })
    }

    /// The rows from the first on.
    pub(super) fn open(&self) -> io::Result<Rows> {
        let file = BufReader::with_capacity(256 * 1024, File::open(&self.rows)?);
        Ok(Rows { file, buffer: Vec::new(), read: 0, bytes: self.bytes })
    }
}

/// Arranged rows that are being read.
#[derive(Debug)]
pub(super) struct Rows {
    file: BufReader<File>,
    buffer: Vec<u8>,
    read: u64,
    bytes: u64,
}

impl Rows {
    /// The next one; `None` at the end.
    pub(super) fn read(&mut self) -> io::Result<Option<Row>> {
        let mut length = [0; 4];
        match self.file.read_exact(&mut length) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        self.buffer.resize(u32::from_le_bytes(length) as usize, 0);
        self.file.read_exact(&mut self.buffer)?;
        self.read += self.buffer.len() as u64 + 4;
        Row::read(&self.buffer).map(Some).ok_or_else(|| io::Error::from(ErrorKind::InvalidData))
    }

    /// The share of the rows that was read, in bytes of an input of `size` bytes.
    pub(super) fn position(&self, size: u64) -> u64 {
        u64::try_from(u128::from(size) * u128::from(self.read) / u128::from(self.bytes.max(1)))
            .unwrap_or(size)
    }
}

fn joined<const N: usize, const K: usize>(first: &[u8; N], place: u64) -> [u8; K] {
    let mut key = [0; K];
    key[..N].copy_from_slice(first);
    key[N..].copy_from_slice(&place.to_be_bytes());
    key
}

/// The group's key and the row's place.
fn taken(key: &[u8; 24]) -> ([u8; 16], u64) {
    let (mut of, mut place) = ([0; 16], [0; 8]);
    of.copy_from_slice(&key[..16]);
    place.copy_from_slice(&key[16..]);
    (of, u64::from_be_bytes(place))
}
