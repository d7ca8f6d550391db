//! The journal of a scope: what its run has changed since the tables were last written, appended with one write for all
//! that is answered at once.
//!
//! A commit costs several pages for each row and a record here some bytes, so a run answers as soon as its records are
//! with the operating system, and writes the rows in large transactions ([`Book::flush`](super::book::Book::flush)). After a kill the
//! records are written into the tables by whoever opens the ledger next ([`recover`]). A record is a whole row, so that
//! writing it twice does no harm.
//!
//! ```text
//! header: lateship, format, run, its start, generation, check      record: length, check, row      record …
//! ```
//!
//! Each time the tables are written a generation ends, the tables say so in the same transaction, and the file begins
//! anew. So after a power cut, which may leave an old file beside new tables, no old record is taken for a new one, nor
//! one of another ledger. The lock of the scope is held by whoever writes here.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, params};
use xxhash_rust::xxh3::xxh3_64;

use super::entry::Entry;
use super::error::Fault;
use super::lock::{self, Lock};
use super::store::{Lasting, Store};
use super::{Error, Scope, book};

/// What the file begins with: whose it is, and the form of what follows.
const MAGIC: &[u8; 8] = b"lateshj1";

/// Bytes of the header.
const HEADER: usize = 8 + 3 * 8 + 8;

/// Bytes before a record's row: its length and its check.
const BEFORE: usize = 2 + 8;

/// A run's journal.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    run: i64,
    started: i64,
    /// The generation of what is written now, from 1.
    generation: i64,
    /// Whether the file holds the header of this generation.
    is_open: bool,
    /// Records that are not in the file yet.
    pending: Vec<u8>,
}

impl Journal {
    /// An empty one for `run`, which started then (seconds since 1970), beside its lock.
    pub(super) fn begin(lock: &Lock, run: i64, started: i64) -> Result<Self, Error> {
        let path = path_of(lock.path());
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        lock::owner_only(&mut options);
        let opened = options.open(&path).and_then(|file| file.set_len(0).map(|()| file));
        let file = opened.map_err(|error| Error::io(&path, &error))?;
        Ok(Self { file, path, run, started, generation: 1, is_open: false, pending: Vec::new() })
    }

    /// Notes a row as it is now.
    pub(super) fn note(&mut self, entry: &Entry) {
        let start = self.pending.len();
        self.pending.extend_from_slice(&[0; BEFORE]);
        entry.pack(&mut self.pending);
        let row = &self.pending[start + BEFORE..];
        let (length, check) = (u16::try_from(row.len()).unwrap_or(u16::MAX), xxh3_64(row));
        self.pending[start..start + 2].copy_from_slice(&length.to_le_bytes());
        self.pending[start + 2..start + BEFORE].copy_from_slice(&check.to_le_bytes());
    }

    /// Hands all that is noted over to the operating system: from then on it survives the end of the process.
    pub(super) fn write(&mut self) -> Result<(), Error> {
        if self.pending.is_empty() {
            return Ok(());
        }
        if !self.is_open {
            let header = self.header();
            self.pending.splice(..0, header);
        }
        self.file.write_all(&self.pending).map_err(|error| Error::io(&self.path, &error))?;
        self.is_open = true;
        self.pending.clear();
        Ok(())
    }

    /// The generation that ends with the transaction under way, which must say so.
    pub(super) fn generation(&self) -> i64 {
        self.generation
    }

    /// Begins the next generation, now that the tables hold this one.
    pub(super) fn turn(&mut self) -> Result<(), Error> {
        self.generation += 1;
        self.pending.clear();
        if self.is_open {
            self.is_open = false;
            self.file.set_len(0).map_err(|error| Error::io(&self.path, &error))?;
        }
        Ok(())
    }

    /// Takes the file away, now that the tables hold everything.
    pub(super) fn end(self) {
        // Where it stays it is empty, or of a generation that is over.
        let _ = fs::remove_file(&self.path);
    }

    fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(MAGIC);
        for (place, number) in [self.run, self.started, self.generation].into_iter().enumerate() {
            header[8 + place * 8..][..8].copy_from_slice(&number.to_le_bytes());
        }
        let check = xxh3_64(&header[..HEADER - 8]);
        header[HEADER - 8..].copy_from_slice(&check.to_le_bytes());
        header
    }
}

/// Writes into the tables what a run of this scope left in its journal when it was killed.
pub(super) fn recover(store: &Store, lock: &mut Lock) -> Result<(), Error> {
    let path = path_of(lock.path());
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        read => read.map_err(|error| Error::io(&path, &error))?,
    };
    if let Some(left) = Left::read(&bytes).map_err(|fault| fault.at(&path))? {
        store.refuse_older(lock)?;
        store.begin(Lasting::Power)?;
        left.file(store).map_err(|fault| store.told(fault))?;
        lock.remember(store.commit(Lasting::Power)?)?;
    }
    remove(&path)
}

fn remove(path: &Path) -> Result<(), Error> {
    let removed = fs::remove_file(path);
    removed.or_else(gone).map_err(|error| Error::io(path, &error))
}

fn gone(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Whether a run of `scope` has a journal beside the ledger at `ledger`.
pub(super) fn is_left(ledger: &Path, scope: &Scope) -> bool {
    path_of(&lock::path_of(ledger, scope)).exists()
}

fn path_of(lock: &Path) -> PathBuf {
    lock.with_extension("journal")
}

/// What a killed run has left.
struct Left {
    run: i64,
    started: i64,
    generation: i64,
    entries: Vec<Entry>,
}

impl Left {
    /// What `bytes` hold: all records up to one that is not whole, which nobody was answered for. `None` without a whole
    /// header.
    fn read(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let Some((header, mut rest)) = bytes.split_first_chunk::<HEADER>() else { return Ok(None) };
        let (numbers, check) = header[8..].as_chunks::<8>().0.split_at(3);
        let is_whole = header.starts_with(MAGIC) && u64::from_le_bytes(check[0]) == xxh3_64(&header[..HEADER - 8]);
        let number = |place: usize| i64::from_le_bytes(numbers[place]);
        let mut left = Self { run: number(0), started: number(1), generation: number(2), entries: Vec::new() };
        while let Some((before, behind)) = rest.split_first_chunk::<BEFORE>() {
            let [low, high, check @ ..] = *before;
            let length = usize::from(u16::from_le_bytes([low, high]));
            let Some((row, next)) = behind.split_at_checked(length) else { break };
            if xxh3_64(row) != u64::from_le_bytes(check) {
                break;
            }
            left.entries.push(Entry::unpack(row).ok_or(Fault::Damaged("a record of its journal"))?);
            rest = next;
        }
        Ok(is_whole.then_some(left))
    }

    /// Writes what the tables do not hold yet.
    fn file(self, store: &Store) -> Result<(), Fault> {
        let connection = &store.connection;
        let sql = "SELECT filed FROM run WHERE id = ?1 AND started_at = ?2";
        let filed =
            connection.query_row(sql, params![self.run, self.started], |row| row.get::<_, i64>(0)).optional()?;
        // Of another ledger, or of a generation that is over.
        if filed.is_none_or(|filed| filed >= self.generation) {
            return Ok(());
        }
        for mut entry in self.entries {
            let found = book::shipment(connection, entry.key.identity)?;
            let known = found.iter().find(|known| known.scope == entry.scope && known.key == entry.key);
            entry.id = known.map_or(0, |known| known.id);
            entry.write(connection)?;
        }
        store.filed(self.run, self.generation)
    }
}
