//! What can be wrong with a ledger, for an operator.
//!
//! Before the first request each of these exits 2, in the middle of a run 3. Nothing is tried again
//! on the same connection.

use std::io::{self, ErrorKind};
use std::path::Path;

use rusqlite::{ErrorCode as Code, ffi};

use crate::text;

/// Why the ledger cannot be used, or no longer be used. Each has the path first, printable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file does not hold what was written; what is wrong.
    #[error(
        "the ledger {0} is damaged ({1}): its history can't be trusted, and without it shipments would be sent again. \
         Move it and all files whose names begin with its name away. Put a good copy of all of them back, or start a new ledger \
         and tell it what was sent: lateship ledger adopt"
    )]
    Damaged(String, String),
    /// Another run uses the ledger for the same endpoint and account; which run that is.
    #[error(
        "another run for this endpoint and account uses the ledger {0}: {1}. Wait until it ends (--wait)"
    )]
    Locked(String, String),
    /// The lock file (not the ledger) was removed or replaced in the middle of the run.
    #[error(
        "the lock file {0} was removed or replaced while this run held it, so another run may send the same shipments: \
         make sure that no other run is going on, then start again"
    )]
    LockLost(String),
    /// The file has so many names, and each name would have locks of its own.
    #[error(
        "the ledger {0} has {1} names (hard links), so two runs could use it without seeing each other's lock: \
         remove the other names (find / -samefile shows them), or give the path of a copy with --ledger"
    )]
    HardLinked(String, u64),
    /// Another program holds SQLite's lock for longer than the busy timeout.
    #[error(
        "another program keeps the ledger {0} locked: close what has it open (a database browser, a backup) and start again"
    )]
    Busy(String),
    /// Another version of the program wrote it; the schema's version in the file.
    #[error(
        "the ledger {0} was written by another version of lateship (its schema is {1}): use that version, \
         or move the ledger away and tell a new one what was sent: lateship ledger adopt"
    )]
    OtherVersion(String, i64),
    /// The path holds something else.
    #[error("{0} is not a lateship ledger, so it is not touched: give another path with --ledger")]
    Foreign(String),
    /// It can be read, but not written.
    #[error(
        "the ledger {0} cannot be written (read-only file, folder or disk): allow it, or give another path with --ledger"
    )]
    ReadOnly(String),
    /// The disk is full.
    #[error("no space left on the device for the ledger {0}: make room, and start again")]
    NoSpace(String),
    /// The file was moved, replaced or deleted in the middle of the run.
    #[error(
        "the ledger {0} was moved, replaced or deleted while it was in use: put it back before you start again, \
         or shipments will be sent again"
    )]
    Vanished(String),
    /// There is none.
    #[error("there is no ledger at {0}: nothing is remembered yet")]
    Missing(String),
    /// The operating system refuses something, of the ledger or a file beside it; its message.
    #[error("cannot use the ledger {0}: {1}; fix that, or give another path with --ledger")]
    Io(String, String),
    /// The ledger's thread panicked.
    #[error("the ledger {0} stopped working, which is a bug in lateship: start again")]
    Ended(String),
    /// No folder for the user's state is known.
    #[error(
        "no home folder is known, so there is no place for the ledger: set HOME, or give a path with --ledger"
    )]
    NoHome,
}

/// The path as errors show it.
pub(super) fn printable(path: &Path) -> String {
    text::printable(&path.to_string_lossy())
}

impl Error {
    /// Whether another run is in the way, so that waiting may help.
    pub const fn is_locked(&self) -> bool {
        matches!(self, Self::Locked(..))
    }

    /// What the operating system says of `path`.
    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        let path = printable(path);
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::NoSpace(path),
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly(path),
            ErrorKind::PermissionDenied => Self::Io(path, "permission denied".to_owned()),
            ErrorKind::IsADirectory => Self::Io(path, "it is a folder".to_owned()),
            _ => Self::Io(path, text::printable(&error.to_string())),
        }
    }
}

/// What the parts of the ledger return to each other.
pub(super) type Result<T, E = StoreError> = std::result::Result<T, E>;

/// An error inside the ledger, before its path is added.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("{0}")]
    Damaged(String),
    /// One that has its path.
    #[error(transparent)]
    Complete(#[from] Error),
}

impl StoreError {
    /// The error for people.
    pub(super) fn with_path(self, path: &Path) -> Error {
        let path = printable(path);
        let error = match self {
            Self::Damaged(what) => return Error::Damaged(path, what),
            Self::Complete(error) => return error,
            Self::Sqlite(error) => error,
        };
        let what = text::printable(&error.to_string());
        let codes = |error: &ffi::Error| (error.code, error.extended_code);
        match error.sqlite_error().map_or((Code::Unknown, 0), codes) {
            (Code::DatabaseBusy | Code::FileLockingProtocolFailed, _) => Error::Busy(path),
            (Code::NotADatabase, _) => Error::Foreign(path),
            (_, ffi::SQLITE_READONLY_DBMOVED) => Error::Vanished(path),
            (Code::ReadOnly, _) => Error::ReadOnly(path),
            (Code::DiskFull, _) | (_, ffi::SQLITE_IOERR_SHMSIZE) => Error::NoSpace(path),
            (Code::SystemIoFailure | Code::CannotOpen | Code::OutOfMemory, _) => {
                Error::Io(path, what)
            }
            // The statements and the types are always the same: if one does not fit, the file does
            // not hold what was written.
            _ => Error::Damaged(path, what),
        }
    }
}
