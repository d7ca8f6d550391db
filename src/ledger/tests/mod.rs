//! What a ledger guarantees: the rule of what is already sent, crashes, damage, full disks, locks.

mod admin;
mod adopt;
mod damage;
mod failures;
mod history;
mod kill;
mod locks;
mod writer;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::store::Store;
use super::{Error, History, Key, Ledger, Scope};
use crate::outcome::Conclusion;

/// A folder with a ledger in it, and the scope that its runs use.
struct Fixture {
    folder: TempDir,
    name: &'static str,
    scope: Scope,
}

impl Fixture {
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

    fn admin(&self) -> Store {
        Store::open(&self.path()).expect("a ledger")
    }

    /// Changes the file behind the ledger's back.
    fn execute(&self, sql: &str) {
        let connection = rusqlite::Connection::open(self.path()).expect("opened");
        connection.execute_batch(sql).expect("executed");
    }
}

fn scope(account: &str) -> Scope {
    Scope {
        endpoint: "https://api.example.com/hook".to_owned(),
        query_hash: None,
        account: account.to_owned(),
    }
}

fn key(identity: u128, payload: u128) -> Key {
    // Spread like hashes, as the real ones are.
    let spread =
        |number: u128| (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    Key { identity: spread(identity), payload: spread(payload) }
}

/// A run whose calls wait for their answers.
struct Run(Ledger);

impl Run {
    fn open(path: &Path, scope: &Scope) -> Result<Self, Error> {
        Ledger::open(path, scope, "orders.csv").map(Self)
    }

    fn history(&self, key: Key) -> Result<History, Error> {
        wait(self.0.history(key))
    }

    fn begin(&self, key: Key) -> Result<(), Error> {
        wait(self.0.begin(key, &format!("#{:04x}", key.identity >> 112), "1Z999"))
    }

    fn end(&self, key: Key, conclusion: Conclusion) -> Result<(), Error> {
        wait(self.0.end(key, conclusion))
    }

    /// Sends `key` and has it accepted.
    fn send(&self, key: Key) {
        self.begin(key).expect("recorded");
        self.end(key, Conclusion::Accepted).expect("recorded");
    }

    fn knows(&self, key: Key) -> bool {
        self.history(key).expect("a history").accepted.is_some()
    }

    fn close(self) -> Result<(), Error> {
        self.0.close()
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(future)
}
