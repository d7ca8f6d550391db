//! The journal of a run: what it was told since the tables were last written, record after record,
//! with the operating system before a request goes out for it.
//!
//! A commit costs several pages for each shipment and a record here some bytes, so a run goes on as
//! soon as its records are written, by one write for all that came together, and its tables get
//! everything at once later ([`keeper`](super::keeper)). After a kill whoever opens the ledger next
//! brings the records in ([`recover`]), by the same rules ([`Book`]).
//!
//! ```text
//! header: lateship, run, its start, its scope, generation, check      record: length, check, what      record …
//! ```
//!
//! There are two files, and one is written at a time. When the tables are to be written a
//! generation ends and the other file takes over; the tables say in the same transaction which
//! generation they hold ([`Store::filed`]), and only then the file of it is emptied. So no record
//! is brought in twice, nor one of another ledger, not even after a power cut, which may leave an
//! old file beside new tables. The lock of the scope is held by whoever writes here.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, params};
use xxhash_rust::xxh3::xxh3_64;

use super::book::Book;
use super::error::Fault;
use super::lock::{self, Lock};
use super::record::Record;
use super::store::Store;
use super::{Error, Scope};

/// What a file begins with: whose it is, and the form of what follows.
const MAGIC: &[u8; 8] = b"lateshj1";

/// Bytes of the header.
const HEADER: usize = 8 + 4 * 8 + 8;

/// Bytes before a record: its length and its check.
const BEFORE: usize = 4 + 8;

/// The files' endings, in the place of the lock's.
const ENDINGS: [&str; 2] = ["journal", "journal2"];

/// A run's journal.
#[derive(Debug)]
pub(super) struct Journal {
    files: [File; 2],
    paths: [PathBuf; 2],
    /// Which of the two is written.
    current: usize,
    /// Whether it has its header.
    is_open: bool,
    run: Run,
    /// The generation of what is written now, from 1.
    generation: i64,
    /// What was noted and not written yet.
    noted: Vec<u8>,
    /// The first failure, of this or of the tables: it is the last.
    failed: Option<Error>,
}

/// The run that a journal is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Its number.
    pub(super) id: i64,
    /// When it began, in seconds since 1970.
    pub(super) started: i64,
    /// The number of its scope.
    pub(super) scope: i64,
}

impl Journal {
    /// An empty one for `run`, beside its lock.
    pub(super) fn begin(lock: &Lock, run: Run) -> Result<Self, Error> {
        let paths = ENDINGS.map(|ending| lock.path().with_extension(ending));
        let open = |path: &Path| {
            let mut options = OpenOptions::new();
            options.append(true).create(true);
            lock::owner_only(&mut options);
            let opened = options.open(path).and_then(|file| file.set_len(0).map(|()| file));
            opened.map_err(|error| Error::io(path, &error))
        };
        let files = [open(&paths[0])?, open(&paths[1])?];
        keep_names(lock.path())?;
        Ok(Self {
            files,
            paths,
            current: 0,
            is_open: false,
            run,
            generation: 1,
            noted: Vec::new(),
            failed: None,
        })
    }

    /// Notes a record, to be written with the next one or by [`write`](Self::write).
    pub(super) fn note(&mut self, record: &Record) -> Result<(), Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if !self.is_open {
            self.noted.extend_from_slice(&header(self.run, self.generation));
            self.is_open = true;
        }
        let start = self.noted.len();
        self.noted.extend_from_slice(&[0; BEFORE]);
        record.encode(&mut self.noted);
        let body = &self.noted[start + BEFORE..];
        let (length, check) = (u32::try_from(body.len()).unwrap_or(u32::MAX), xxh3_64(body));
        self.noted[start..start + 4].copy_from_slice(&length.to_le_bytes());
        self.noted[start + 4..start + BEFORE].copy_from_slice(&check.to_le_bytes());
        Ok(())
    }

    /// Writes what was noted, at once: from then on it survives the end of the process.
    pub(super) fn write(&mut self) -> Result<(), Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.noted.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.files[self.current].write_all(&self.noted) {
            let error = Error::io(&self.paths[self.current], &error);
            self.failed = Some(error.clone());
            return Err(error);
        }
        self.noted.clear();
        Ok(())
    }

    /// The file that is written, with all that was noted: whoever syncs it makes that survive a
    /// power cut, and nobody has to wait meanwhile.
    pub(super) fn file(&mut self) -> Result<File, Error> {
        self.write()?;
        self.files[self.current]
            .try_clone()
            .map_err(|error| Error::io(&self.paths[self.current], &error))
    }

    /// Takes nothing any more, and gives this error from now on, unless there was one before.
    pub(super) fn fail(&mut self, error: &Error) {
        self.failed.get_or_insert_with(|| error.clone());
    }

    /// The first failure.
    pub(super) fn failure(&self) -> Option<Error> {
        self.failed.clone()
    }

    /// Ends the generation, whose number it gives; the other file takes over.
    pub(super) fn turn(&mut self) -> Result<i64, Error> {
        self.write()?;
        self.current = 1 - self.current;
        self.is_open = false;
        self.generation += 1;
        Ok(self.generation - 1)
    }

    /// Empties the file of the generation that ended last, now that the tables hold it.
    pub(super) fn forget(&mut self) -> Result<(), Error> {
        let last = 1 - self.current;
        self.files[last].set_len(0).map_err(|error| Error::io(&self.paths[last], &error))
    }

    /// Takes the files away, now that the tables hold everything.
    pub(super) fn end(&self) {
        for path in &self.paths {
            // Where one stays it is empty, or of a generation that is over.
            let _ = fs::remove_file(path);
        }
    }
}

fn header(run: Run, generation: i64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(MAGIC);
    for (place, number) in [run.id, run.started, run.scope, generation].into_iter().enumerate() {
        header[8 + place * 8..][..8].copy_from_slice(&number.to_le_bytes());
    }
    let check = xxh3_64(&header[..HEADER - 8]);
    header[HEADER - 8..].copy_from_slice(&check.to_le_bytes());
    header
}

/// Brings into the tables what a run of this scope left in its journal when it was killed.
pub(super) fn recover(store: &Store, lock: &mut Lock) -> Result<(), Error> {
    let paths = ENDINGS.map(|ending| lock.path().with_extension(ending));
    let mut left = Vec::new();
    for path in &paths {
        let read = fs::read(path).or_else(|error| gone(error).map(|()| Vec::new()));
        let bytes = read.map_err(|error| Error::io(path, &error))?;
        left.extend(Left::read(&bytes).map_err(|fault| fault.at(path))?);
    }
    left.sort_by_key(|left| left.generation);
    if !left.is_empty() {
        store.refuse_older(lock)?;
        store.begin()?;
        for generation in left {
            generation.bring_in(store).map_err(|fault| store.told(fault))?;
        }
        lock.remember(store.commit()?)?;
    }
    for path in &paths {
        fs::remove_file(path).or_else(gone).map_err(|error| Error::io(path, &error))?;
    }
    Ok(())
}

/// Makes the names of new files beside `path` survive a power cut: a synced file that nobody finds
/// is lost.
fn keep_names(path: &Path) -> Result<(), Error> {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Elsewhere a folder cannot be opened, and the file's own sync does it.
    if cfg!(unix) {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| Error::io(folder, &error))?;
    }
    Ok(())
}

fn gone(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Whether a run of `scope` has a journal beside the ledger at `ledger`.
pub(super) fn is_left(ledger: &Path, scope: &Scope) -> bool {
    let lock = lock::path_of(ledger, scope);
    ENDINGS.iter().any(|ending| lock.with_extension(ending).exists())
}

/// What a killed run has left of a generation.
struct Left {
    run: Run,
    generation: i64,
    records: Vec<Record>,
}

impl Left {
    /// What `bytes` hold: all records up to one that is not whole, whose answer nobody has. `None`
    /// without a whole header.
    fn read(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let Some((header, mut rest)) = bytes.split_first_chunk::<HEADER>() else { return Ok(None) };
        let (numbers, check) = header[8..].as_chunks::<8>().0.split_at(4);
        if !header.starts_with(MAGIC)
            || u64::from_le_bytes(check[0]) != xxh3_64(&header[..HEADER - 8])
        {
            return Ok(None);
        }
        let number = |place: usize| i64::from_le_bytes(numbers[place]);
        let run = Run { id: number(0), started: number(1), scope: number(2) };
        let mut left = Self { run, generation: number(3), records: Vec::new() };
        while let Some((before, behind)) = rest.split_first_chunk::<BEFORE>() {
            let [l0, l1, l2, l3, check @ ..] = *before;
            let length =
                usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
            let Some((body, next)) = behind.split_at_checked(length) else { break };
            if xxh3_64(body) != u64::from_le_bytes(check) {
                break;
            }
            left.records
                .push(Record::decode(body).ok_or(Fault::Damaged("a record of its journal"))?);
            rest = next;
        }
        Ok(Some(left))
    }

    /// Brings in what the tables do not hold yet.
    fn bring_in(self, store: &Store) -> Result<(), Fault> {
        let (connection, run) = (&store.connection, self.run);
        let sql = "SELECT filed FROM run WHERE id = ?1 AND started_at = ?2 AND scope = ?3";
        let filed = connection
            .query_row(sql, params![run.id, run.started, run.scope], |row| row.get::<_, i64>(0));
        // Of another ledger, or of a generation that is over.
        if filed.optional()?.is_none_or(|filed| filed >= self.generation) {
            return Ok(());
        }
        let mut book = Book::new(run.scope, run.id);
        for record in &self.records {
            book.enter(connection, record)?;
        }
        book.flush(connection)?;
        store.filed(run.id, self.generation)
    }
}
