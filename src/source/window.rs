//! The part of a file that is in memory: a buffer that is refilled from the front, counts and
//! hashes what it read.
//!
//! Invariants: `start..end` is what was read and not consumed; every byte read was hashed once, in
//! order. It grows only when a record does not fit, and never beyond [`MAX_RECORD`]. `rows` and
//! `open` call it.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use super::record::MAX_RECORD;

/// What is read at once at first, in bytes; also how far detection looks ahead.
pub(super) const LOOK_AHEAD: usize = 256 * 1024;

/// A moving view of the bytes of `from`.
pub(super) struct Window {
    from: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    read: u64,
    hash: Sha256,
    raw: Option<Raw>,
}

/// The file behind a text that is not the file's own bytes: its digest and the progress are told of
/// the file.
pub(super) struct Raw {
    pub(super) file: File,
    /// Bytes of it read so far.
    pub(super) read: Arc<AtomicU64>,
}

impl Window {
    pub(super) fn new(from: Box<dyn Read + Send>) -> Self {
        Self::with_capacity(from, LOOK_AHEAD)
    }

    /// A window that holds `capacity` bytes (at least one) until a record needs more.
    pub(super) fn with_capacity(from: Box<dyn Read + Send>, capacity: usize) -> Self {
        Self {
            from,
            buffer: vec![0; capacity.max(1)],
            start: 0,
            end: 0,
            ended: false,
            read: 0,
            hash: Sha256::new(),
            raw: None,
        }
    }

    /// A view of a text that was made of `raw`.
    pub(super) fn over(text: Box<dyn Read + Send>, raw: Raw) -> Self {
        Self { raw: Some(raw), ..Self::new(text) }
    }

    /// Bytes of the file that were consumed; where the text was made of it, the same part of the
    /// bytes read so far.
    pub(super) fn position(&self) -> u64 {
        let Some(raw) = &self.raw else { return self.consumed() };
        let read = raw.read.load(Ordering::Relaxed);
        let part = u128::from(read) * u128::from(self.consumed()) / u128::from(self.read.max(1));
        if self.ended && self.start == self.end {
            read
        } else {
            u64::try_from(part).unwrap_or(read)
        }
    }

    /// The bytes that were read and not consumed.
    pub(super) fn data(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Whether nothing comes after [`Window::data`].
    pub(super) const fn ended(&self) -> bool {
        self.ended
    }

    /// Bytes consumed since the file's start.
    pub(super) const fn consumed(&self) -> u64 {
        self.read - (self.end - self.start) as u64
    }

    /// Gives up the first `count` bytes of the data.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Reads more, once; afterwards there is more data, or the file has ended.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            let larger = (self.buffer.len() * 2).min(MAX_RECORD.max(self.buffer.len() + 1));
            self.buffer.resize(larger, 0);
        }
        let count = loop {
            match self.from.read(&mut self.buffer[self.end..]) {
                Ok(count) => break count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        if self.raw.is_none() {
            self.hash.update(&self.buffer[self.end..self.end + count]);
        }
        self.end += count;
        self.read += count as u64;
        self.ended = count == 0;
        Ok(())
    }

    /// Reads until `count` bytes are there, or the file has ended.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn fill_to(&mut self, count: usize) -> io::Result<()> {
        while !self.ended && self.end - self.start < count {
            self.fill()?;
        }
        Ok(())
    }

    /// Reads the file to its end, and gives its size in bytes and its SHA-256.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn drain(mut self) -> io::Result<(u64, String)> {
        if let Some(raw) = self.raw {
            let mut file = raw.file;
            file.rewind()?;
            return Self::new(Box::new(file)).drain();
        }
        while !self.ended {
            self.start = self.end;
            self.fill()?;
        }
        Ok((self.read, format!("{:x}", self.hash.finalize())))
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window")
            .field("read", &self.read)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
