//! What can be wrong with a ledger, for an operator.
//!
//! Before the first request each of these exits 2, in the middle of a run 3. Nothing is tried again
//! on the same connection.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::text;

/// Why the ledger cannot be used, or no longer be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file does not hold what was written.
    #[error(
        "the ledger {} is damaged ({what}): its history can't be trusted, and without it shipments would be sent again. \
         Move it and all files whose names begin with its name away. Put a good copy of all of them back, or start a new ledger \
         and tell it what was sent: lateship ledger adopt",
        printable(.path)
    )]
    Damaged {
        /// The ledger.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Another run uses the ledger for the same endpoint and account.
    #[error(
        "another run for this endpoint and account uses the ledger {}: {holder}. Wait until it ends (--wait)",
        printable(.path)
    )]
    Locked {
        /// The ledger.
        path: PathBuf,
        /// Which run that is.
        holder: String,
    },
    /// The lock file was removed or replaced in the middle of the run.
    #[error(
        "the lock file {} was removed or replaced while this run held it, so another run may send the same shipments: \
         make sure that no other run is going on, then start again",
        printable(.lock)
    )]
    LockLost {
        /// The lock file.
        lock: PathBuf,
    },
    /// The file has several names, and each name would have locks of its own.
    #[error(
        "the ledger {} has {links} names (hard links), so two runs could use it without seeing each other's lock: \
         remove the other names (find / -samefile shows them), or give the path of a copy with --ledger",
        printable(.path)
    )]
    HardLinked {
        /// The ledger.
        path: PathBuf,
        /// How many names it has.
        links: u64,
    },
    /// Another program holds SQLite's lock for longer than the busy timeout.
    #[error(
        "another program keeps the ledger {} locked: close what has it open (a database browser, a backup) and start again",
        printable(.path)
    )]
    Busy {
        /// The ledger.
        path: PathBuf,
    },
    /// Another version of the program wrote it.
    #[error(
        "the ledger {} was written by another version of lateship (schema {version}; this one reads {known}): use that version, \
         or move the ledger away and tell a new one what was sent: lateship ledger adopt",
        printable(.path)
    )]
    OtherVersion {
        /// The ledger.
        path: PathBuf,
        /// The schema version in the file.
        version: i64,
        /// The schema version of this program.
        known: i64,
    },
    /// The path holds something else.
    #[error("{} is not a lateship ledger, so it is not touched: give another path with --ledger", printable(.path))]
    Foreign {
        /// The path.
        path: PathBuf,
    },
    /// It can be read, but not written.
    #[error(
        "the ledger {} cannot be written (read-only file, folder or disk): allow it, or give another path with --ledger",
        printable(.path)
    )]
    ReadOnly {
        /// The ledger.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("no space left on the device for the ledger {}: make room, and start again", printable(.path))]
    NoSpace {
        /// The ledger.
        path: PathBuf,
    },
    /// The file was moved, replaced or deleted in the middle of the run.
    #[error(
        "the ledger {} was moved, replaced or deleted while it was in use: put it back before you start again, \
         or shipments will be sent again",
        printable(.path)
    )]
    Vanished {
        /// The ledger.
        path: PathBuf,
    },
    /// There is none.
    #[error("there is no ledger at {}: nothing is remembered yet", printable(.path))]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refuses something.
    #[error("cannot use the ledger {}: {reason}; fix that, or give another path with --ledger", printable(.path))]
    Io {
        /// The ledger, or the file beside it.
        path: PathBuf,
        /// The operating system's message.
        reason: String,
    },
    /// The ledger's thread panicked.
    #[error("the ledger {} stopped working, which is a bug in lateship: start again", printable(.path))]
    Ended {
        /// The ledger.
        path: PathBuf,
    },
    /// No folder for the user's state is known.
    #[error(
        "no home folder is known, so there is no place for the ledger: set HOME, or give a path with --ledger"
    )]
    NoHome,
}

fn printable(path: &Path) -> String {
    text::printable(&path.to_string_lossy())
}

impl Error {
    /// Whether another run is in the way, so that waiting may help.
    pub const fn is_locked(&self) -> bool {
        matches!(self, Self::Locked { .. })
    }

    /// What the operating system says of `path`.
    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::NoSpace { path },
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            ErrorKind::PermissionDenied => {
                Self::Io { path, reason: "permission denied".to_owned() }
            }
            ErrorKind::IsADirectory => Self::Io { path, reason: "it is a folder".to_owned() },
            _ => Self::Io { path, reason: text::printable(&error.to_string()) },
        }
    }
}

/// An error inside the ledger, before its path is added.
#[derive(Debug)]
pub(super) enum StoreError {
    Sqlite(rusqlite::Error),
    Damaged(String),
    /// One that has its path.
    Complete(Error),
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        Self::Complete(error)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl StoreError {
    /// The error for people.
    pub(super) fn with_path(self, path: &Path) -> Error {
        let path = path.to_owned();
        let error = match self {
            Self::Damaged(what) => return Error::Damaged { path, what },
            Self::Complete(error) => return error,
            Self::Sqlite(error) => error,
        };
        let what = text::printable(&error.to_string());
        let Some(code) = error.sqlite_error_code() else {
            // A value of another type than the one that was written, or none where there must be
            // one.
            return Error::Damaged { path, what };
        };
        let extended = error.sqlite_error().map_or(0, |error| error.extended_code);
        match code {
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed => Error::Busy { path },
            ErrorCode::ReadOnly if extended == rusqlite::ffi::SQLITE_READONLY_DBMOVED => {
                Error::Vanished { path }
            }
            ErrorCode::ReadOnly => Error::ReadOnly { path },
            ErrorCode::DiskFull => Error::NoSpace { path },
            ErrorCode::SystemIoFailure if extended == rusqlite::ffi::SQLITE_IOERR_SHMSIZE => {
                Error::NoSpace { path }
            }
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::OutOfMemory => Error::Io { path, reason: what },
            // The statements are always the same: if one of them does not fit, the schema is not
            // what was written.
            _ => Error::Damaged { path, what },
        }
    }
}
