//! The ledger's tables and what is asked of them, in SQL; called on one thread, within its transactions.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Error, Key, Scope};

/// The form of the tables; older ones are brought up to it when the ledger is opened.
pub(super) const SCHEMA: i64 = 1;

/// How long another program that has the file locked is waited for.
const BUSY: Duration = Duration::from_secs(5);

const TABLES: &str = "
CREATE TABLE scope (id INTEGER PRIMARY KEY, endpoint TEXT NOT NULL, account TEXT NOT NULL, UNIQUE (endpoint, account));
CREATE TABLE run (id INTEGER PRIMARY KEY AUTOINCREMENT, scope INTEGER NOT NULL REFERENCES scope, started_at INTEGER NOT NULL, what TEXT NOT NULL);
CREATE TABLE payload (
    scope INTEGER NOT NULL, identity BLOB NOT NULL, payload BLOB NOT NULL,
    order_no TEXT NOT NULL, trackingnumber TEXT NOT NULL,
    accepted_run INTEGER, accepted_at INTEGER,   -- when it was last accepted
    seen_run INTEGER NOT NULL DEFAULT 0,         -- the last run that found it already sent, or had it accepted
    touched_run INTEGER NOT NULL DEFAULT 0,      -- the last run that met it, whatever came of it
    doubt_since INTEGER,                         -- since when it may have been accepted without an answer
    PRIMARY KEY (scope, identity, payload)
) WITHOUT ROWID;
CREATE INDEX doubt ON payload (scope, order_no) WHERE doubt_since IS NOT NULL;
";

/// What the ledger remembers of a payload.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// When this very payload was accepted, if that still stands: then it is already sent.
    pub accepted: Option<Accepted>,
    /// Whether this or another payload of the shipment was ever accepted.
    pub accepted_before: bool,
    /// Whether another payload of the shipment was ever accepted.
    pub other_payload: bool,
    /// Since when it may have been accepted without an answer.
    pub in_doubt: Option<Timestamp>,
    /// Whether this run met the same shipment with the same payload before.
    pub seen_in_this_run: bool,
}

/// An acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// When.
    pub at: Timestamp,
    /// In which run.
    pub run: u64,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// The shipment is accepted.
    Accepted,
    /// Surely not accepted, by this attempt or an earlier one.
    NotAccepted,
    /// It may have been accepted.
    InDoubt,
}

/// The open database.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
}

impl Book {
    /// Opens the ledger, its owner's alone, and brings its tables up to date.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        make(path).map_err(|error| Error::of_system(path, &error))?;
        let failed = |error: rusqlite::Error| Error::of_sqlite(path, &error);
        let connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        let set = |name: &str, value: &str| connection.pragma_update(None, name, value).map_err(failed);
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(failed)?;
        set("synchronous", "NORMAL")?;
        set("cell_size_check", "ON")?;
        // In KiB where it is negative.
        set("cache_size", "-8192")?;
        connection.set_prepared_statement_cache_capacity(32);
        let book = Self { connection, path: path.to_owned() };
        book.migrate()?;
        Ok(book)
    }

    fn migrate(&self) -> Result<(), Error> {
        let failed = |error: rusqlite::Error| Error::of_sqlite(&self.path, &error);
        self.connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
        let found: i64 = self.connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
        let migrated = match found {
            SCHEMA => Ok(()),
            0 => self
                .connection
                .execute_batch(TABLES)
                .and_then(|()| self.connection.pragma_update(None, "user_version", SCHEMA)),
            _ => {
                let _ = self.connection.execute_batch("ROLLBACK");
                return Err(Error::Newer { path: self.path.clone(), found, known: SCHEMA });
            }
        };
        migrated.and_then(|()| self.connection.execute_batch("COMMIT")).map_err(failed)
    }

    /// Registers a run; gives the scope's and the run's numbers.
    pub(super) fn register(&self, scope: &Scope, what: &str) -> rusqlite::Result<(i64, i64)> {
        self.connection.execute(
            "INSERT OR IGNORE INTO scope (endpoint, account) VALUES (?1, ?2)",
            params![scope.endpoint, scope.account],
        )?;
        let id: i64 = self.connection.query_row(
            "SELECT id FROM scope WHERE endpoint = ?1 AND account = ?2",
            params![scope.endpoint, scope.account],
            |row| row.get(0),
        )?;
        self.connection.execute(
            "INSERT INTO run (scope, started_at, what) VALUES (?1, ?2, ?3)",
            params![id, Timestamp::now().as_second(), what],
        )?;
        Ok((id, self.connection.last_insert_rowid()))
    }

    /// What is remembered of `key`; and whether [`see`](Self::see) has to follow.
    ///
    /// A payload that is the only one of its shipment need not be marked: nothing can supersede it but another one, and
    /// whoever sends that one marks this one then.
    pub(super) fn look_up(&self, scope: i64, run: i64, key: Key) -> rusqlite::Result<(Memory, bool)> {
        let mut select = self.connection.prepare_cached(
            "SELECT payload, accepted_run, accepted_at, seen_run, touched_run, doubt_since FROM payload \
             WHERE scope = ?1 AND identity = ?2",
        )?;
        let identity = key.identity.to_be_bytes();
        let mut rows = select.query(params![scope, identity])?;
        let (mut own, mut others) = (None, None::<i64>);
        while let Some(row) = rows.next()? {
            let accepted_run: Option<i64> = row.get(1)?;
            if u128::from_be_bytes(row.get(0)?) == key.payload {
                let accepted_at: Option<i64> = row.get(2)?;
                let (seen_run, touched_run): (i64, i64) = (row.get(3)?, row.get(4)?);
                own = Some((accepted_run.zip(accepted_at), seen_run, touched_run, row.get::<_, Option<i64>>(5)?));
            } else {
                others = others.max(accepted_run);
            }
        }
        let mut memory =
            Memory { other_payload: others.is_some(), accepted_before: others.is_some(), ..Memory::default() };
        let Some((accepted, seen_run, touched_run, doubt_since)) = own else { return Ok((memory, false)) };
        memory.accepted_before |= accepted.is_some();
        memory.seen_in_this_run = touched_run == run;
        memory.in_doubt = doubt_since.map(moment);
        memory.accepted = accepted
            .filter(|_| others.is_none_or(|other| other <= seen_run))
            .map(|(run, at)| Accepted { at: moment(at), run: run.cast_unsigned() });
        let see = memory.accepted.is_some() && others.is_some() && seen_run != run;
        Ok((memory, see))
    }

    /// Marks a payload that is already sent as seen, and met, by `run`.
    pub(super) fn see(&self, scope: i64, run: i64, key: Key) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "UPDATE payload SET seen_run = ?4, touched_run = ?4 \
                 WHERE scope = ?1 AND identity = ?2 AND payload = ?3 AND accepted_run IS NOT NULL",
            )?
            .execute(params![scope, key.identity.to_be_bytes(), key.payload.to_be_bytes(), run])
            .map(drop)
    }

    /// Records that a request with `key` is about to go out.
    pub(super) fn intend(
        &self,
        scope: i64,
        run: i64,
        key: Key,
        order_no: &str,
        trackingnumber: &str,
    ) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO payload (scope, identity, payload, order_no, trackingnumber, touched_run, doubt_since) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
                 ON CONFLICT DO UPDATE SET touched_run = excluded.touched_run, \
                 doubt_since = coalesce(doubt_since, excluded.doubt_since)",
            )?
            .execute(params![
                scope,
                key.identity.to_be_bytes(),
                key.payload.to_be_bytes(),
                order_no,
                trackingnumber,
                run,
                Timestamp::now().as_second()
            ])
            .map(drop)
    }

    /// Records how an attempt ended.
    pub(super) fn conclude(&self, scope: i64, run: i64, key: Key, conclusion: Conclusion) -> rusqlite::Result<()> {
        let (identity, payload) = (key.identity.to_be_bytes(), key.payload.to_be_bytes());
        let changed = match conclusion {
            Conclusion::Accepted => self
                .connection
                .prepare_cached(
                    "UPDATE payload SET accepted_run = ?4, accepted_at = ?5, seen_run = ?4, doubt_since = NULL \
                     WHERE scope = ?1 AND identity = ?2 AND payload = ?3",
                )?
                .execute(params![scope, identity, payload, run, Timestamp::now().as_second()])?,
            Conclusion::NotAccepted => self
                .connection
                .prepare_cached(
                    "UPDATE payload SET doubt_since = NULL WHERE scope = ?1 AND identity = ?2 AND payload = ?3",
                )?
                .execute(params![scope, identity, payload])?,
            // The intent stands.
            Conclusion::InDoubt => 1,
        };
        // Whoever concludes has intended; a row that is not there was taken away by somebody else.
        if changed == 1 { Ok(()) } else { Err(rusqlite::Error::QueryReturnedNoRows) }
    }

    /// The scope's number, if it is known.
    pub(super) fn scope(&self, scope: &Scope) -> rusqlite::Result<Option<i64>> {
        self.connection
            .query_row(
                "SELECT id FROM scope WHERE endpoint = ?1 AND account = ?2",
                params![scope.endpoint, scope.account],
                |row| row.get(0),
            )
            .optional()
    }
}

/// Makes the file and its folder, the owner's alone, unless they are there.
fn make(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

pub(super) fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
