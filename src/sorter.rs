//! Sorts more records than memory should hold: runs of a bounded size go to unnamed temporary files
//! and are merged.
//!
//! A record is a key of a fixed length, by which it is sorted, and a value. Keys that are equal
//! come in no certain order, so whoever cares puts a counter at their end. A leaf:
//! [`inputs`](crate::inputs) brings the rows of a group together by it, and
//! [`results`](crate::results) brings their lines back into the order of the input.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Bytes of values in memory before a run is written.
const RUN: usize = 16 << 20;

/// Records with keys of `K` bytes, to be sorted.
#[derive(Debug)]
pub struct Sorter<const K: usize> {
    folder: PathBuf,
    run: usize,
    values: Vec<u8>,
    entries: Vec<([u8; K], usize, usize)>,
    runs: Vec<File>,
}

impl<const K: usize> Sorter<K> {
    /// An empty one, whose temporary files lie in `folder`: nobody else can open them, and they go
    /// with the program.
    pub fn new(folder: &Path) -> Self {
        Self::with_run(folder, RUN)
    }

    fn with_run(folder: &Path, run: usize) -> Self {
        Self {
            folder: folder.to_owned(),
            run,
            values: Vec::new(),
            entries: Vec::new(),
            runs: Vec::new(),
        }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// A temporary file cannot be written.
    pub fn push(&mut self, key: [u8; K], value: &[u8]) -> io::Result<()> {
        let start = self.values.len();
        self.values.extend_from_slice(value);
        self.entries.push((key, start, value.len()));
        let entry = size_of::<([u8; K], usize, usize)>();
        if self.values.len() + self.entries.len() * entry >= self.run {
            self.spill()
        } else {
            Ok(())
        }
    }

    /// All records in the order of their keys.
    ///
    /// # Errors
    /// A temporary file cannot be written or read.
    pub fn sort(mut self) -> io::Result<Sorted<K>> {
        if !self.runs.is_empty() && !self.entries.is_empty() {
            self.spill()?;
        }
        self.entries.sort_unstable();
        let mut sorted = Sorted {
            next: 0,
            sorter: self,
            readers: Vec::new(),
            heads: BinaryHeap::new(),
            value: Vec::new(),
        };
        for (index, mut file) in std::mem::take(&mut sorted.sorter.runs).into_iter().enumerate() {
            file.rewind()?;
            sorted.readers.push(BufReader::with_capacity(64 * 1024, file));
            sorted.advance(index)?;
        }
        Ok(sorted)
    }

    fn spill(&mut self) -> io::Result<()> {
        self.entries.sort_unstable();
        let mut out = BufWriter::with_capacity(256 * 1024, tempfile::tempfile_in(&self.folder)?);
        for (key, start, length) in self.entries.drain(..) {
            out.write_all(&key)?;
            let short =
                u32::try_from(length).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
            out.write_all(&short.to_le_bytes())?;
            out.write_all(&self.values[start..start + length])?;
        }
        self.values.clear();
        self.runs.push(out.into_inner().map_err(io::IntoInnerError::into_error)?);
        Ok(())
    }
}

/// Records in the order of their keys.
#[derive(Debug)]
pub struct Sorted<const K: usize> {
    sorter: Sorter<K>,
    /// The next of the entries, where all are in memory.
    next: usize,
    readers: Vec<BufReader<File>>,
    /// The next key of each run.
    heads: BinaryHeap<Reverse<([u8; K], usize)>>,
    value: Vec<u8>,
}

impl<const K: usize> Sorted<K> {
    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// A temporary file cannot be read.
    pub fn read(&mut self) -> io::Result<Option<([u8; K], &[u8])>> {
        if self.readers.is_empty() {
            let Some((key, start, length)) = self.sorter.entries.get(self.next).copied() else {
                return Ok(None);
            };
            self.next += 1;
            return Ok(Some((key, &self.sorter.values[start..start + length])));
        }
        let Some(Reverse((key, run))) = self.heads.pop() else { return Ok(None) };
        let reader = &mut self.readers[run];
        let mut length = [0; 4];
        reader.read_exact(&mut length)?;
        self.value.resize(u32::from_le_bytes(length) as usize, 0);
        reader.read_exact(&mut self.value)?;
        self.advance(run)?;
        Ok(Some((key, &self.value)))
    }

    /// Reads the next key of a run, if it has one.
    fn advance(&mut self, run: usize) -> io::Result<()> {
        let mut key = [0; K];
        match self.readers[run].read_exact(&mut key) {
            Ok(()) => self.heads.push(Reverse((key, run))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn records_come_out_sorted_and_whole_however_many_runs_they_take(
            records in prop::collection::vec((0_u16..500, prop::collection::vec(any::<u8>(), 0..40)), 0..300),
            run in 1_usize..4_000,
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let mut sorter = Sorter::<6>::with_run(folder.path(), run);
            let mut expected = Vec::new();
            for (place, (number, value)) in records.into_iter().enumerate() {
                let mut key = [0; 6];
                key[..2].copy_from_slice(&number.to_be_bytes());
                key[2..].copy_from_slice(&u32::try_from(place).expect("small").to_be_bytes());
                sorter.push(key, &value).expect("written");
                expected.push((key, value));
            }
            expected.sort();
            let mut sorted = sorter.sort().expect("sorted");
            let mut found = Vec::new();
            while let Some((key, value)) = sorted.read().expect("read") {
                found.push((key, value.to_vec()));
            }
            prop_assert_eq!(found, expected);
            prop_assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "no file has a name");
        }
    }
}
