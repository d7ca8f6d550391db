//! What a ledger must hold: the rule of what is already sent, crashes, damage, full disks, locks.

mod adopt;
mod archive;
mod damage;
mod journal;
mod kill;
mod locks;
mod nights;
mod trouble;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Error, Key, Ledger, Memory, Scope};
use crate::outcome::Conclusion;

/// A folder with a ledger in it, and the scope that its runs use.
struct Shelf {
    folder: TempDir,
    name: &'static str,
    scope: Scope,
}

impl Shelf {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            name: "ledger.db",
            scope: scope("ann@example.com"),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(self.name)
    }

    fn open(&self) -> Run {
        Run::open(&self.path(), &self.scope).expect("a ledger")
    }
}

fn scope(account: &str) -> Scope {
    Scope { endpoint: "https://api.example.com/hook".to_owned(), account: account.to_owned() }
}

fn key(identity: u128, payload: u128) -> Key {
    // Spread like hashes, as the real ones are.
    let spread =
        |number: u128| (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    Key { identity: spread(identity), payload: spread(payload) }
}

/// A run whose questions wait for their answers.
struct Run(Ledger);

impl Run {
    fn open(path: &Path, scope: &Scope) -> Result<Self, Error> {
        Ledger::open(path, scope, "orders.csv").map(Self)
    }

    fn look_up(&self, key: Key) -> Result<Memory, Error> {
        wait(self.0.look_up(vec![key])).map(|memories| memories[0])
    }

    fn intend(&self, key: Key) -> Result<(), Error> {
        self.0.intend(key, &format!("#{:04x}", key.identity >> 112), "1Z999")?;
        self.0.write()
    }

    fn conclude(&self, key: Key, conclusion: Conclusion) -> Result<(), Error> {
        self.0.conclude(key, conclusion)?;
        self.0.write()
    }

    /// Sends `key` and has it accepted.
    fn send(&self, key: Key) {
        self.intend(key).expect("recorded");
        self.conclude(key, Conclusion::Accepted).expect("recorded");
    }

    fn knows(&self, key: Key) -> bool {
        self.look_up(key).expect("a memory").accepted.is_some()
    }

    fn close(self) -> Result<(), Error> {
        self.0.close()
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(future)
}
