//! What can be wrong with a ledger, in words for an operator.
//!
//! Before the first request every one of them exits 2, and in the middle of a run 3. None is ever
//! got over by trying again on the same connection.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::lock::Holder;
use crate::text;

/// Why the ledger cannot be used, or no longer be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// What is in the file is not what was written.
    #[error(
        "the ledger {} is damaged ({what}): what it remembers can't be trusted, and without it shipments would be sent again. \
         Move it and all files away whose names begin with its own, and put a good copy of all of them back, or start a new one and teach it what was sent: \
         lateship ledger adopt",
        shown(.path)
    )]
    Damaged {
        /// The ledger.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The file is a whole one, but older than an earlier run left it.
    #[error(
        "the ledger {} has lost what an earlier run wrote: it was deleted, or replaced by an older copy, or a file beside it (-wal, .journal) is missing. \
         Shipments accepted since would be sent again. Put the newest copy back (and take a -wal file away that isn't its own); \
         or, to go on with what it holds, teach it what was sent (lateship ledger adopt) after deleting {}",
        shown(.path), shown(.lock)
    )]
    Older {
        /// The ledger.
        path: PathBuf,
        /// The file that remembers how far it was.
        lock: PathBuf,
    },
    /// Another run uses the ledger for the same endpoint and account.
    #[error(
        "another run for this endpoint and account uses the ledger {}: {holder}. Wait until it ends (--wait)",
        shown(.path)
    )]
    Locked {
        /// The ledger.
        path: PathBuf,
        /// Who has it.
        holder: Holder,
    },
    /// Another program holds `SQLite`'s own lock, for longer than it was waited.
    #[error(
        "another program keeps the ledger {} locked: close what has it open (a database browser, a backup) and start again",
        shown(.path)
    )]
    Busy {
        /// The ledger.
        path: PathBuf,
    },
    /// A newer version of the program wrote it.
    #[error(
        "the ledger {} was written by a newer lateship (its schema is {version}, and this program knows {known}): \
         use that version",
        shown(.path)
    )]
    Newer {
        /// The ledger.
        path: PathBuf,
        /// The schema's version in the file.
        version: i64,
        /// The newest version that is known here.
        known: i64,
    },
    /// The path holds something else.
    #[error("{} is not a ledger of lateship, so it is left alone: give another path with --ledger", shown(.path))]
    Foreign {
        /// The path.
        path: PathBuf,
    },
    /// It can be read, but not written.
    #[error(
        "the ledger {} cannot be written (read-only file, folder or disk): have it allowed, or give another path with --ledger",
        shown(.path)
    )]
    ReadOnly {
        /// The ledger.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("no space left on the device for the ledger {}: make room, and start again", shown(.path))]
    NoSpace {
        /// The ledger.
        path: PathBuf,
    },
    /// It vanished while it was in use.
    #[error(
        "the ledger {} was moved, replaced or deleted while it was in use: put it back before you start again, \
         or shipments will be sent again",
        shown(.path)
    )]
    Vanished {
        /// The ledger.
        path: PathBuf,
    },
    /// There is none.
    #[error("there is no ledger at {}: nothing is remembered yet", shown(.path))]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refuses something.
    #[error("cannot use the ledger {}: {reason}; mend that, or give another path with --ledger", shown(.path))]
    Io {
        /// The ledger, or the file beside it.
        path: PathBuf,
        /// What it says.
        reason: String,
    },
    /// The ledger's thread is gone, which only a defect of the program brings about.
    #[error("the ledger {} stopped working, which is a defect of this program: start again", shown(.path))]
    Ended {
        /// The ledger.
        path: PathBuf,
    },
    /// No folder for the user's state is known.
    #[error(
        "no home folder is known, so there is no place for the ledger: set HOME, or give a path with --ledger"
    )]
    NoPlace,
}

fn shown(path: &Path) -> String {
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

/// What went wrong inside, before it is known which ledger it was.
#[derive(Debug)]
pub(super) enum Fault {
    /// `SQLite` says so.
    Sqlite(rusqlite::Error),
    /// Something is not as it was written.
    Damaged(&'static str),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Fault {
    /// The error for people.
    pub(super) fn at(self, path: &Path) -> Error {
        let path = path.to_owned();
        let error = match self {
            Self::Damaged(what) => return Error::Damaged { path, what: what.to_owned() },
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
            // The statements are always the same: when one of them does not fit, the schema is not
            // what was written.
            _ => Error::Damaged { path, what },
        }
    }
}
