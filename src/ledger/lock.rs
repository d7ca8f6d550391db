//! The lock of one scope: a file beside the ledger, which a run locks as long as it lives.
//!
//! The file names its holder in three lines: process, since when, and what it does. It stays when
//! the run ends, since removing it could give two holders. The operating system releases the lock
//! with the process.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use super::{Error, Scope};
use crate::text;

/// The most bytes of a lock file that are read.
const MAX_BYTES: u64 = 4096;

/// The lock of a scope, held until it is dropped.
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
        let io_error = |error: &io::Error| Error::io(&path, error);
        loop {
            let mut file = open(&path).map_err(|error| io_error(&error))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let holder = read_holder(&mut file)
                        .unwrap_or_else(|| "its process is not known".to_owned());
                    return Err(Error::Locked { path: ledger.to_owned(), holder });
                }
                Err(TryLockError::Error(error)) => return Err(io_error(&error)),
            }
            let lock = Self { file, path: path.clone() };
            // The file may have been removed between opening and locking.
            if lock.check().is_ok() {
                lock.write_holder(what).map_err(|error| io_error(&error))?;
                return Ok(lock);
            }
        }
    }

    /// Checks that the lock file is still there and still the one that is locked.
    pub(super) fn check(&self) -> Result<(), Error> {
        let held = self.file.metadata().ok().map(|held| file_id(&held));
        if held.is_some() && held == file_id_at(&self.path) {
            Ok(())
        } else {
            Err(Error::LockLost { lock: self.path.clone() })
        }
    }

    fn write_holder(&self, what: &str) -> io::Result<()> {
        let (pid, since) = (std::process::id(), Timestamp::now());
        let holder = format!("{pid}\n{since:.0}\n{}\n", text::printable(&without_queries(what)));
        let mut file = &self.file;
        file.rewind()?;
        file.set_len(0)?;
        file.write_all(holder.as_bytes())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        unlock(&self.file);
    }
}

/// Unlocks at once. Closing alone would leave the lock to a child process that is just being
/// started, which holds a copy of every open file until it runs its program.
fn unlock(file: &File) {
    // The lock goes with the process in any case.
    let _ = file.unlock();
}

/// Keeps other processes from opening the ledger while it is created and checked.
#[derive(Debug)]
pub(super) struct OpenLock(File);

impl OpenLock {
    pub(super) fn wait(ledger: &Path) -> Result<Self, Error> {
        let path = beside(ledger, ".lock");
        let file = open(&path).map_err(|error| Error::io(&path, &error))?;
        file.lock().map_err(|error| Error::io(&path, &error))?;
        Ok(Self(file))
    }
}

impl Drop for OpenLock {
    fn drop(&mut self) {
        unlock(&self.0);
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

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    for_owner_only(&mut options);
    options.open(path)
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

/// New files are for their owner alone.
#[cfg(unix)]
pub(super) fn for_owner_only(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
pub(super) fn for_owner_only(_: &mut OpenOptions) {}

/// The holder in a lock file; `None` when it cannot be read or is not written yet.
fn read_holder(file: &mut File) -> Option<String> {
    let mut content = String::new();
    file.rewind().ok()?;
    file.take(MAX_BYTES).read_to_string(&mut content).ok()?;
    let mut lines = content.lines();
    let pid: u32 = lines.next()?.parse().ok()?;
    let since: Timestamp = lines.next()?.parse().ok()?;
    let what = text::printable(lines.next()?);
    Some(format!("process {pid}, since {since:.0}, with {what}"))
}

/// Device and inode, which tell a file from every other one.
pub(super) type FileId = (u64, u64);

/// The file at `path`, if there is one; on systems without such numbers all files are equal.
pub(super) fn file_id_at(path: &Path) -> Option<FileId> {
    fs::metadata(path).ok().map(|found| file_id(&found))
}

#[cfg(unix)]
fn file_id(found: &fs::Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt;
    (found.dev(), found.ino())
}

#[cfg(not(unix))]
fn file_id(_: &fs::Metadata) -> FileId {
    (0, 0)
}
