//! One run at a time for an endpoint and an account: a kernel lock on a file beside the ledger, which ends with its
//! process and is never stale. The file itself stays, or two runs could lock two files of one name.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use super::{Error, Scope};
use crate::text;

/// Held as long as the run lives.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of `scope`, and writes who has it: `what` is this run.
    pub(super) fn take(ledger: &Path, scope: &Scope, what: &str) -> Result<Self, Error> {
        let path = path_of(ledger, scope);
        let failed = |error| Error::of_system(&path, &error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Only for the message; an unreadable file leaves it empty.
                let _ = (&mut file).take(1000).read_to_string(&mut holder);
                return Err(Error::Locked { holder: text::printable(&holder) });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let holder = format!("process {} since {:.0}, {what}\n", std::process::id(), Timestamp::now());
        file.rewind()
            .and_then(|()| file.set_len(0))
            .and_then(|()| file.write_all(holder.as_bytes()))
            .map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn path_of(ledger: &Path, scope: &Scope) -> PathBuf {
    let mut name = ledger.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}.lock", xxh3_64(format!("{}\n{}", scope.endpoint, scope.account).as_bytes())));
    ledger.with_file_name(name)
}
