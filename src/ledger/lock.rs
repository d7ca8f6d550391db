//! The lock of one scope: a file beside the ledger that a run holds by the kernel's own lock as
//! long as it lives.
//!
//! ```text
//! 00000000000000004711 00000000000000004242   so many transactions were there for good, and so many of them in the file itself
//! 12345                                       who holds it: process,
//! 2026-02-03T01:00:00Z                        since when,
//! orders.csv                                  and what it does
//! ```
//!
//! The file stays when the run ends, since removing it could give two holders, and since its marks
//! are what tells that a ledger has lost something: they never go beyond what a sync has made to
//! last, whatever crashes.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use super::store::Marks;
use super::{Error, Scope};
use crate::text;

/// The most of a lock file that is read.
const MAX_BYTES: u64 = 4096;

/// Who holds a lock, as its file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A run that has written its name into it.
    Known {
        /// Its process.
        pid: u32,
        /// When it took the lock.
        since: Timestamp,
        /// What it does: its inputs.
        what: String,
    },
    /// The file cannot be read, or its holder has not written it yet.
    Unknown,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known { pid, since, what } => {
                write!(f, "process {pid}, since {since:.0}, with {}", text::printable(what))
            }
            Self::Unknown => f.write_str("its process is not known"),
        }
    }
}

/// The lock of a scope, held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
    /// How far the ledger was, as an earlier holder or this one saw it.
    marks: Marks,
}

impl Lock {
    /// Takes the lock of `scope` beside the ledger at `ledger`, for a run that does `what`.
    ///
    /// # Errors
    /// [`Error::Locked`] when another run has it, and what the operating system says.
    pub(super) fn take(ledger: &Path, scope: &Scope, what: &str) -> Result<Self, Error> {
        let path = path_of(ledger, scope);
        let told = |error: &io::Error| Error::io(&path, error);
        loop {
            let mut file = open(&path).map_err(|error| told(&error))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let holder = read(&mut file).1.unwrap_or(Holder::Unknown);
                    return Err(Error::Locked { path: ledger.to_owned(), holder });
                }
                Err(TryLockError::Error(error)) => return Err(told(&error)),
            }
            // Somebody may have removed the file between opening and locking; then this lock would
            // keep nobody out.
            if !is_at(&file, &path) {
                continue;
            }
            let (marks, _) = read(&mut file);
            let lock = Self { file, path, marks };
            lock.write(what).map_err(|error| Error::io(&lock.path, &error))?;
            return Ok(lock);
        }
    }

    /// How far the ledger must be at least.
    pub(super) fn marks(&self) -> Marks {
        self.marks
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Remembers how far the ledger is. Needs no sync of its own: it may lag.
    pub(super) fn remember(&mut self, marks: Marks) -> Result<(), Error> {
        self.marks = marks;
        let written = self.file.rewind().and_then(|()| self.file.write_all(self.line().as_bytes()));
        written.map_err(|error| Error::io(&self.path, &error))
    }

    fn line(&self) -> String {
        format!("{:020} {:020}\n", self.marks.lasting, self.marks.filed)
    }

    fn write(&self, what: &str) -> io::Result<()> {
        let (pid, since) = (std::process::id(), Timestamp::now());
        let content = format!("{}{pid}\n{since:.0}\n{}\n", self.line(), text::printable(what));
        let mut file = &self.file;
        file.rewind()?;
        file.write_all(content.as_bytes())?;
        file.set_len(u64::try_from(content.len()).unwrap_or(MAX_BYTES))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        unlock(&self.file);
    }
}

/// Gives a lock back at once. Closing alone would leave it to a child process that is just being
/// started, which holds a copy of every open file until it runs its own program.
fn unlock(file: &File) {
    // It goes with the process in any case.
    let _ = file.unlock();
}

/// A ledger's door, closed to others until it is dropped.
#[derive(Debug)]
pub(super) struct Door(File);

impl Drop for Door {
    fn drop(&mut self) {
        unlock(&self.0);
    }
}

/// Keeps others from opening the ledger at `ledger` while it is made, checked and brought to this
/// version.
pub(super) fn door(ledger: &Path) -> Result<Door, Error> {
    let path = beside(ledger, ".lock");
    let file = open(&path).map_err(|error| Error::io(&path, &error))?;
    file.lock().map_err(|error| Error::io(&path, &error))?;
    Ok(Door(file))
}

/// The lock file of `scope` beside the ledger at `ledger`.
pub(super) fn path_of(ledger: &Path, scope: &Scope) -> PathBuf {
    let name = xxh3_64(format!("{}\n{}", scope.endpoint, scope.account).as_bytes());
    beside(ledger, &format!(".{name:016x}.lock"))
}

fn beside(ledger: &Path, ending: &str) -> PathBuf {
    let mut name = ledger.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    ledger.with_file_name(name)
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    owner_only(&mut options);
    options.open(path)
}

/// New files are for their owner alone.
#[cfg(unix)]
pub(super) fn owner_only(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
pub(super) fn owner_only(_: &mut OpenOptions) {}

/// The marks and the holder in a lock file; what cannot be read is not there.
fn read(file: &mut File) -> (Marks, Option<Holder>) {
    let mut content = String::new();
    if file.rewind().and_then(|()| file.take(MAX_BYTES).read_to_string(&mut content)).is_err() {
        return (Marks::default(), None);
    }
    let mut lines = content.lines();
    let mut marks =
        lines.next().unwrap_or_default().split(' ').map(|mark| mark.parse().unwrap_or(0));
    let marks = Marks { lasting: marks.next().unwrap_or(0), filed: marks.next().unwrap_or(0) };
    let mut holder = || {
        let pid = lines.next()?.parse().ok()?;
        let since = lines.next()?.parse().ok()?;
        Some(Holder::Known { pid, since, what: lines.next()?.to_owned() })
    };
    (marks, holder())
}

/// What tells a file from every other one.
pub(super) type FileId = (u64, u64);

/// The file at `path`, if there is one; on systems that do not tell, all files are one.
pub(super) fn id_of(path: &Path) -> Option<FileId> {
    fs::metadata(path).ok().map(|found| id(&found))
}

#[cfg(unix)]
fn id(found: &fs::Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt;
    (found.dev(), found.ino())
}

#[cfg(not(unix))]
fn id(_: &fs::Metadata) -> FileId {
    (0, 0)
}

/// Whether `file` is still the one at `path`.
fn is_at(file: &File, path: &Path) -> bool {
    file.metadata().is_ok_and(|held| Some(id(&held)) == id_of(path))
}
