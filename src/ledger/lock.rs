//! Locks: files beside the ledger that a process locks, one for each scope and one for opening.
//!
//! A scope's lock file names its holder: process, since when, and what it does. It stays when the
//! run ends, since removing it could give two holders. The operating system releases the lock with
//! the process.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use super::error::printable;
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
        let mut lock = Self::open(lock_path(ledger, scope))?;
        match lock.file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked(printable(ledger), read_holder(&mut lock.file)));
            }
            Err(TryLockError::Error(error)) => return Err(Error::io(&lock.path, &error)),
        }
        // The file may have been removed between opening and locking.
        lock.check()?;
        lock.write_holder(what).map_err(|error| Error::io(&lock.path, &error))?;
        Ok(lock)
    }

    /// Keeps other processes from opening the ledger while it is created and checked.
    pub(super) fn for_opening(ledger: &Path) -> Result<Self, Error> {
        let lock = Self::open(ledger.with_added_extension("lock"))?;
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
        let is_held = self.file.metadata().is_ok_and(is_at_path);
        if is_held { Ok(()) } else { Err(Error::LockLost(printable(&self.path))) }
    }

    fn write_holder(&mut self, what: &str) -> io::Result<()> {
        let (pid, since) = (std::process::id(), Timestamp::now());
        self.file.rewind()?;
        self.file.set_len(0)?;
        writeln!(self.file, "process {pid}, since {since:.0}, with {}", text::printable(what))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would leave the lock to a child process that is just being started, which
        // holds a copy of every open file until it runs its program.
        let _ = self.file.unlock();
    }
}

/// Names the lock file of `scope`, and is the checksum of its row.
pub(super) fn hash(scope: &Scope) -> u64 {
    let Scope { endpoint, query_hash, account } = scope;
    let query = query_hash.map(|hash| format!("\n{hash:032x}")).unwrap_or_default();
    xxh3_64(format!("{endpoint}\n{account}{query}").as_bytes())
}

/// The lock file of `scope` beside the ledger at `ledger`.
pub(super) fn lock_path(ledger: &Path, scope: &Scope) -> PathBuf {
    ledger.with_added_extension(format!("{:016x}.lock", hash(scope)))
}

/// The holder in a lock file, as far as it can be read and is written yet.
fn read_holder(file: &mut File) -> String {
    let mut content = String::new();
    match file.take(MAX_BYTES).read_to_string(&mut content) {
        Ok(1..) => text::printable(&content),
        _ => "its process is not known".to_owned(),
    }
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
