//! Opens the ledger's file: created for its owner alone, checked, and set up as SQLite needs it.
//!
//! Everything is written in [`Store::transaction`]. SQLite's own checkpoints are off, since it does
//! not report their errors; [`Store::checkpoint`] does.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, params};
use xxhash_rust::xxh3::xxh3_64;

use super::entry::fold;
use super::error::StoreError;
use super::lock::{FileId, Lock, file_id_at, for_owner_only, without_queries};
use super::{Error, Scope};

const SCHEMA: &str = include_str!("schema.sql");

/// The schema's version, in the file's header.
pub(super) const VERSION: i64 = 4;

/// Marks the file as a ledger, in its header: `late`.
const APPLICATION: i64 = 0x6C61_7465;

/// How long other processes are waited for. Another account's run holds the lock for milliseconds
/// a commit, an adopt for a second, a slow disk for longer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(if cfg!(test) { 10 } else { 60 });

/// How long a checkpoint waits for other processes before it leaves some of the log to the next one.
const CHECKPOINT_TIMEOUT: Duration = Duration::from_millis(100);

/// A run that was registered.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunId {
    /// The row of its scope.
    pub(super) scope: i64,
    /// Its number.
    pub(super) run: u64,
}

/// An open ledger.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) connection: Connection,
    path: PathBuf,
    /// The file at the path when it was opened. Not an open file: closing one would release SQLite's
    /// locks.
    file: Option<FileId>,
}

impl Store {
    /// Opens the ledger at `path`; creates an empty one if there is none.
    pub(super) fn open_or_create(path: &Path) -> Result<Self, Error> {
        create(path).map_err(|error| Error::io(path, &error))?;
        Self::open(path)
    }

    /// Opens the ledger at `path`.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let io_error = |error| Error::io(path, &error);
        // Lock files are beside the ledger itself, so that all symbolic links lead to the same ones.
        let path = match fs::canonicalize(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Error::Missing(path.to_owned()));
            }
            found => found.map_err(io_error)?,
        };
        let metadata = fs::metadata(&path).map_err(io_error)?;
        if !metadata.is_file() {
            return Err(Error::Foreign(path));
        }
        // A second name in another folder would have locks of its own.
        #[cfg(unix)]
        match std::os::unix::fs::MetadataExt::nlink(&metadata) {
            0 | 1 => {}
            links => return Err(Error::HardLinked(path, links)),
        }
        let _lock = Lock::for_opening(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags)
            .map_err(|error| StoreError::from(error).with_path(&path))?;
        let store = Self { connection, file: file_id_at(&path), path };
        store.prepare().map_err(|error| store.error(error))?;
        Ok(store)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the ledger's file and its write-ahead log.
    pub(super) fn bytes(&self) -> u64 {
        let mut wal = self.path.clone().into_os_string();
        wal.push("-wal");
        let bytes = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        bytes(&self.path) + bytes(wal.as_ref())
    }

    /// The error for people.
    pub(super) fn error(&self, error: impl Into<StoreError>) -> Error {
        error.into().with_path(&self.path)
    }

    fn prepare(&self) -> Result<(), StoreError> {
        let connection = &self.connection;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        if connection.is_readonly("main")? {
            return Err(Error::ReadOnly(self.path.clone()).into());
        }
        let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        let header = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
        let is_new = header == (0, 0) && number("SELECT count(*) FROM sqlite_schema")? == 0;
        match header {
            _ if is_new => {}
            (APPLICATION, VERSION) => {}
            (APPLICATION, other) => {
                return Err(Error::OtherVersion(self.path.clone(), other).into());
            }
            _ => return Err(Error::Foreign(self.path.clone()).into()),
        }
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.execute_batch(
            "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA cache_size = -16384; \
             PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = NORMAL",
        )?;
        let mode = "PRAGMA journal_mode = WAL";
        if connection.query_row(mode, [], |row| row.get::<_, String>(0))? != "wal" {
            let reason = "its disk does not allow SQLite's write-ahead log (a network disk?); give a path on a local one with --ledger";
            return Err(Error::Io(self.path.clone(), reason.to_owned()).into());
        }
        if is_new {
            self.transaction(|connection| {
                connection.execute_batch(SCHEMA)?;
                connection.pragma_update(None, "application_id", APPLICATION)?;
                Ok(connection.pragma_update(None, "user_version", VERSION)?)
            })?;
            self.checkpoint("TRUNCATE")?;
        }
        self.check_lists()
    }

    /// Checks that no scope and no run is lost: everything else refers to them.
    fn check_lists(&self) -> Result<(), StoreError> {
        let moment = self.connection.unchecked_transaction()?;
        for table in ["scope", "run"] {
            let sql = format!(
                "SELECT count(*) = coalesce(max(id), 0) AND count(*) = \
                 coalesce((SELECT seq FROM sqlite_sequence WHERE name = '{table}'), 0) FROM {table}"
            );
            if !moment.query_row(&sql, [], |row| row.get::<_, bool>(0))? {
                return Err(StoreError::Damaged(format!("rows of {table} are missing")));
            }
        }
        self.scopes()?;
        Ok(moment.commit()?)
    }

    /// All scopes with their row numbers.
    pub(super) fn scopes(&self) -> Result<Vec<(i64, Scope)>, StoreError> {
        let sql = "SELECT id, endpoint, query_hash, account, check_sum FROM scope ORDER BY id";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let mut scopes = Vec::new();
        while let Some(row) = rows.next()? {
            let scope = Scope {
                endpoint: row.get(1)?,
                query_hash: row.get::<_, Option<[u8; 16]>>(2)?.map(u128::from_be_bytes),
                account: row.get(3)?,
            };
            if check_sum(&scope) != row.get::<_, i64>(4)? {
                return Err(StoreError::Damaged("a row of scope is not what was written".into()));
            }
            scopes.push((row.get(0)?, scope));
        }
        Ok(scopes)
    }

    /// Registers a run that does `what` for `scope`.
    pub(super) fn register(&self, scope: &Scope, what: &str, now: i64) -> Result<RunId, Error> {
        let sum = check_sum(scope);
        let (query_hash, what) = (scope.query_hash.map(u128::to_be_bytes), without_queries(what));
        self.transaction(|connection| {
            let known = self.scopes()?.into_iter().find(|(_, known)| known == scope);
            let insert = "INSERT INTO scope (endpoint, query_hash, account, check_sum) VALUES (?1, ?2, ?3, ?4)";
            let id = known.map_or_else(
                || {
                    let columns = params![scope.endpoint, query_hash, scope.account, sum];
                    connection.prepare(insert)?.insert(columns)
                },
                |(id, _)| Ok(id),
            )?;
            let insert = "INSERT INTO run (scope, what, started_at) VALUES (?1, ?2, ?3)";
            let run = connection.prepare(insert)?.insert(params![id, what, now])?;
            Ok(RunId { scope: id, run: run.cast_unsigned() })
        })
    }

    /// Records when a run ended; with it everything before is safe from a power cut.
    pub(super) fn end_run(&self, run: u64, now: i64) -> Result<(), Error> {
        self.update_run("UPDATE run SET ended_at = ?2 WHERE id = ?1", run, now)
    }

    /// Makes all commits so far safe from a power cut, and moves the write-ahead log into the file.
    pub(super) fn sync(&self, run: u64) -> Result<(), Error> {
        // A commit without changes would not sync.
        self.update_run("UPDATE run SET sync_count = sync_count + ?2 WHERE id = ?1", run, 1)?;
        self.checkpoint("FULL")
    }

    fn update_run(&self, sql: &str, run: u64, value: i64) -> Result<(), Error> {
        let synchronous = |level: &str| {
            let set = self.connection.pragma_update(None, "synchronous", level);
            set.map_err(|error| self.error(error))
        };
        synchronous("FULL")?;
        self.transaction(|connection| {
            connection.prepare_cached(sql)?.execute([run.cast_signed(), value])?;
            Ok(())
        })?;
        synchronous("NORMAL")
    }

    /// Makes `change` in one transaction, which survives the end of the process.
    pub(super) fn transaction<T>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, Error> {
        let execute = |sql| self.connection.prepare_cached(sql)?.execute([]);
        let run = || -> Result<T, StoreError> {
            execute("BEGIN IMMEDIATE")?;
            let changed = change(&self.connection)?;
            execute("COMMIT")?;
            Ok(changed)
        };
        run().map_err(|error| {
            // Where there is nothing to roll back, or that fails, closing the connection does it.
            let _ = execute("ROLLBACK");
            self.error(error)
        })
    }

    /// Checks that the file at the path is still the one that was opened.
    pub(super) fn check_file(&self) -> Result<(), Error> {
        let is_there = file_id_at(&self.path) == self.file;
        if is_there { Ok(()) } else { Err(Error::Vanished(self.path.clone())) }
    }

    /// Moves the write-ahead log into the file, as far as no reader needs it.
    ///
    /// Other writers wait meanwhile: a log that two runs write would never come to its end.
    pub(super) fn checkpoint(&self, mode: &str) -> Result<(), Error> {
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        let checkpoint = || {
            self.connection.busy_timeout(CHECKPOINT_TIMEOUT)?;
            let done = self.connection.query_row(&sql, [], |_| Ok(()));
            self.connection.busy_timeout(BUSY_TIMEOUT).and(done)
        };
        match checkpoint().map_err(|error| self.error(error)) {
            // Another run is doing it.
            Err(Error::Busy(_)) => Ok(()),
            done => done,
        }
    }

    /// Moves everything into the one file, and closes it.
    pub(super) fn close(self) -> Result<(), Error> {
        self.checkpoint("TRUNCATE")?;
        // Now SQLite may remove the empty log.
        let tidy = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
        tidy.map_err(|error| self.error(error))?;
        self.connection.close().map_err(|(_, error)| StoreError::from(error).with_path(&self.path))
    }
}

fn check_sum(scope: &Scope) -> i64 {
    let Scope { endpoint, query_hash, account } = scope;
    fold(xxh3_64(format!("{endpoint}\n{query_hash:?}\n{account}").as_bytes()))
}

/// Creates an empty file for its owner alone, and the folders above it, if there is none.
fn create(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = OpenOptions::new();
    match for_owner_only(options.write(true).create_new(true)).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
