//! Locks: files beside the ledger that a process locks, one for each scope and one for opening.
//!
//! A scope's lock file names its holder in three lines: process, since when, and what it does. It
//! stays when the run ends, since removing it could give two holders. The operating system releases
//! the lock with the process.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use super::{Error, Scope};
use crate::text;

/// The most bytes of a lock file that are read.
const MAX_BYTES: u64 = 4096;

/// A lock, held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock of `scope` beside the ledger at `ledger`, for a run that does `what`.
    ///
    /// # Errors
    /// [`Error::Locked`] when another run has it, and what the operating system says.
    pub(super) fn take(ledger: &Path, scope: &Scope, what: &str) -> Result<Self, Error> {
        let path = lock_path(ledger, scope);
        loop {
            let mut lock = Self::open(path.clone())?;
            match lock.file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let holder = read_holder(&mut lock.file);
                    let holder = holder.unwrap_or_else(|| "its process is not known".to_owned());
                    return Err(Error::Locked(ledger.to_owned(), holder));
                }
                Err(TryLockError::Error(error)) => return Err(Error::io(&path, &error)),
            }
            // The file may have been removed between opening and locking.
            if lock.check().is_ok() {
                lock.write_holder(what).map_err(|error| Error::io(&path, &error))?;
                return Ok(lock);
            }
        }
    }

    /// Keeps other processes from opening the ledger while it is created and checked.
    pub(super) fn for_opening(ledger: &Path) -> Result<Self, Error> {
        let lock = Self::open(beside(ledger, ".lock"))?;
        lock.file.lock().map_err(|error| Error::io(&lock.path, &error))?;
        Ok(lock)
    }

    fn open(path: PathBuf) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let opened = for_owner_only(&mut options).open(&path);
        let file = opened.map_err(|error| Error::io(&path, &error))?;
        Ok(Self { file, path })
    }

    /// Checks that the lock file is still there and still the one that is locked.
    pub(super) fn check(&self) -> Result<(), Error> {
        let is_at_path = |held| file_id_at(&self.path) == Some(file_id(&held));
        if self.file.metadata().is_ok_and(is_at_path) {
            Ok(())
        } else {
            Err(Error::LockLost(self.path.clone()))
        }
    }

    fn write_holder(&mut self, what: &str) -> io::Result<()> {
        let (pid, since) = (std::process::id(), Timestamp::now());
        let holder = format!("{pid}\n{since:.0}\n{}\n", text::printable(&without_queries(what)));
        self.file.rewind()?;
        self.file.set_len(0)?;
        self.file.write_all(holder.as_bytes())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would leave the lock to a child process that is just being started, which
        // holds a copy of every open file until it runs its program.
        let _ = self.file.unlock();
    }
}

/// The lock file of `scope` beside the ledger at `ledger`.
pub(super) fn lock_path(ledger: &Path, scope: &Scope) -> PathBuf {
    let Scope { endpoint, query_hash, account } = scope;
    let query = query_hash.map(|hash| format!("\n{hash:032x}")).unwrap_or_default();
    let name = xxh3_64(format!("{endpoint}\n{account}{query}").as_bytes());
    beside(ledger, &format!(".{name:016x}.lock"))
}

fn beside(ledger: &Path, ending: &str) -> PathBuf {
    let mut name = ledger.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    ledger.with_file_name(name)
}

/// `text` with the query of every address in it replaced by `…`, since a query may hold secrets.
pub(super) fn without_queries(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '\'' | '"');
    let word = |word: &str| match word.split_once('?') {
        Some((address, query)) if address.contains("://") => {
            format!("{address}?…{}", &query[query.find(is_end).unwrap_or(query.len())..])
        }
        _ => word.to_owned(),
    };
    text.split_inclusive(char::is_whitespace).map(word).collect()
}

/// The holder in a lock file; `None` when it cannot be read or is not written yet.
fn read_holder(file: &mut File) -> Option<String> {
    let mut content = String::new();
    file.take(MAX_BYTES).read_to_string(&mut content).ok()?;
    let mut lines = content.lines();
    let pid: u32 = lines.next()?.parse().ok()?;
    let since: Timestamp = lines.next()?.parse().ok()?;
    Some(format!("process {pid}, since {since:.0}, with {}", text::printable(lines.next()?)))
}

/// New files are for their owner alone.
pub(super) fn for_owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Device and inode, which tell a file from every other one.
pub(super) type FileId = (u64, u64);

/// The file at `path`, if there is one.
pub(super) fn file_id_at(path: &Path) -> Option<FileId> {
    fs::metadata(path).ok().map(|found| file_id(&found))
}

#[cfg(unix)]
fn file_id(found: &fs::Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt;
    (found.dev(), found.ino())
}

/// Systems that have no such numbers do not let an open file be replaced.
#[cfg(not(unix))]
fn file_id(_: &fs::Metadata) -> FileId {
    (0, 0)
}
