//! What can be wrong with a ledger, in words for an operator.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::text;

/// Why the ledger cannot be used, or no longer be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No home folder is known.
    #[error(
        "the ledger has no place, since neither XDG_STATE_HOME nor HOME is set: say where it lies with --ledger PATH, or remember nothing with --no-ledger"
    )]
    NoPlace,
    /// Another run uses the ledger for the same endpoint and account.
    #[error(
        "another run sends for the same endpoint and account: {holder}. Wait until it ends, or let this one wait (--wait 2h)"
    )]
    Locked {
        /// What it wrote about itself.
        holder: String,
    },
    /// What is in the file is no ledger, or not what was written.
    #[error(
        "the ledger {} is damaged or no ledger: {what}. Move it away and put a good copy back; or start a new one and \
         teach it what was sent: lateship ledger adopt RESULTS",
        shown(.path)
    )]
    Damaged {
        /// The ledger.
        path: PathBuf,
        /// What `SQLite` says.
        what: String,
    },
    /// A later version of the program wrote it.
    #[error("the ledger {} was written by a newer version of lateship (its form is {found}, this version knows {known}): use that version", shown(.path))]
    Newer {
        /// The ledger.
        path: PathBuf,
        /// Its form.
        found: i64,
        /// The newest form this version knows.
        known: i64,
    },
    /// Another program keeps it locked.
    #[error("another program keeps the ledger {} locked: close what has it open (a database browser, a backup) and start again", shown(.path))]
    Busy {
        /// The ledger.
        path: PathBuf,
    },
    /// It cannot be written: rights, a read-only disk, or no space.
    #[error("the ledger {} cannot be written: {what}. Make it writable or make room, or put it elsewhere with --ledger PATH", shown(.path))]
    Unwritable {
        /// The ledger or its folder.
        path: PathBuf,
        /// What the system says.
        what: String,
    },
    /// The disk or `SQLite` failed.
    #[error("the ledger {} failed: {what}", shown(.path))]
    Failed {
        /// The ledger.
        path: PathBuf,
        /// What happened.
        what: String,
    },
}

fn shown(path: &Path) -> String {
    text::printable(&path.to_string_lossy())
}

impl Error {
    /// Whether waiting may help: another run will end.
    pub const fn is_locked(&self) -> bool {
        matches!(self, Self::Locked { .. })
    }

    pub(super) fn of_system(path: &Path, error: &io::Error) -> Self {
        Self::Unwritable { path: path.to_owned(), what: error.to_string() }
    }

    pub(super) fn of_sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        let what = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { path, what },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            Some(ErrorCode::DiskFull) => Self::Unwritable { path, what: "no space left on the device".to_owned() },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::Unwritable { path, what }
            }
            _ => Self::Failed { path, what },
        }
    }
}
