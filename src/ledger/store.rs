//! Opens the ledger's file: created for its owner alone, checked, and set up as SQLite needs it.
//!
//! SQLite's own checkpoints are off, since it does not report their errors; [`Store::checkpoint`]
//! does. Errors get the ledger's path by [`Store::error`].

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior, params};

use super::error::{Result, StoreError, printable};
use super::lock::{self, FileId, Lock, file_id_at, for_owner_only};
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
    pub(super) scope: u64,
    /// Its number.
    pub(super) run: u64,
}

/// An open ledger.
#[derive(Debug)]
pub struct Store {
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
    ///
    /// # Errors
    /// [`Error::Missing`] where there is none, and everything that can be wrong with one.
    pub fn open(path: &Path) -> Result<Self, Error> {
        // Lock files are beside the ledger itself, so that all symbolic links lead to the same ones.
        let path = fs::canonicalize(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::Missing(printable(path)),
            _ => Error::io(path, &error),
        })?;
        let metadata = fs::metadata(&path).map_err(|error| Error::io(&path, &error))?;
        if !metadata.is_file() {
            return Err(Error::Foreign(printable(&path)));
        }
        // A second name in another folder would have locks of its own.
        #[cfg(unix)]
        if let links @ 2.. = std::os::unix::fs::MetadataExt::nlink(&metadata) {
            return Err(Error::HardLinked(printable(&path), links));
        }
        let _lock = Lock::for_opening(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags)
            .map_err(|error| StoreError::from(error).with_path(&path))?;
        let store = Self { connection, file: file_id_at(&path), path };
        store.prepare().map_err(|error| store.error(error))?;
        Ok(store)
    }

    /// The ledger's path, all symbolic links followed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the ledger's file and its write-ahead log.
    pub fn bytes(&self) -> u64 {
        let wal = OsString::from_iter([self.path.as_os_str(), "-wal".as_ref()]);
        let bytes = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        bytes(&self.path) + bytes(wal.as_ref())
    }

    /// The error for people.
    pub(super) fn error(&self, error: impl Into<StoreError>) -> Error {
        error.into().with_path(&self.path)
    }

    fn prepare(&self) -> Result<()> {
        let connection = &self.connection;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let path = printable(&self.path);
        if connection.is_readonly("main")? {
            return Err(Error::ReadOnly(path).into());
        }
        let tables = "SELECT count(*) FROM sqlite_schema";
        let header = |name| connection.pragma_query_one::<i64>(None, name);
        let is_new = match (header("application_id")?, header("user_version")?) {
            (APPLICATION, VERSION) => false,
            (APPLICATION, other) => return Err(Error::OtherVersion(path, other).into()),
            (0, 0) if connection.query_one(tables, [], |row| row.get::<_, u64>(0))? == 0 => true,
            _ => return Err(Error::Foreign(path).into()),
        };
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.execute_batch(
            "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA cache_size = -16384; \
             PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = NORMAL; PRAGMA journal_mode = WAL",
        )?;
        if connection.pragma_query_one::<String>(None, "journal_mode")? != "wal" {
            let reason = "its disk does not allow SQLite's write-ahead log (a network disk?); give a path on a local one with --ledger";
            return Err(Error::Io(path, reason.to_owned()).into());
        }
        if is_new {
            self.transaction(|connection| {
                connection.execute_batch(SCHEMA)?;
                connection.pragma_update(None, "application_id", APPLICATION)?;
                Ok(connection.pragma_update(None, "user_version", VERSION)?)
            })?;
            self.checkpoint("TRUNCATE")?;
        }
        // Everything else refers to the scopes and the runs.
        for table in ["scope", "run"] {
            let sql = format!(
                "SELECT count(*) = coalesce(max(id), 0) AND count(*) = \
                 coalesce((SELECT seq FROM sqlite_sequence WHERE name = '{table}'), 0) FROM {table}"
            );
            if !self.connection.query_one(&sql, [], |row| row.get::<_, bool>(0))? {
                return Err(StoreError::Damaged(format!("rows of {table} are missing")));
            }
        }
        self.scopes().map(drop)
    }

    /// All scopes by their row numbers.
    pub(super) fn scopes(&self) -> Result<BTreeMap<u64, Scope>> {
        let mut statement = self.connection.prepare("SELECT * FROM scope")?;
        let mut rows = statement.query([])?;
        let mut scopes = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let query_hash = row.get::<_, Option<[u8; 16]>>(2)?.map(u128::from_be_bytes);
            let scope = Scope { endpoint: row.get(1)?, query_hash, account: row.get(3)? };
            if row.get(4) != Ok(lock::hash(&scope).cast_signed()) {
                return Err(StoreError::Damaged("a row of scope is not what was written".into()));
            }
            scopes.insert(row.get(0)?, scope);
        }
        Ok(scopes)
    }

    /// Registers a run that does `what` for `scope`, and began at `now`.
    pub(super) fn register(&self, scope: &Scope, what: &str, now: i64) -> Result<RunId, Error> {
        let query_hash = scope.query_hash.map(u128::to_be_bytes);
        let sum = lock::hash(scope).cast_signed();
        let registered = self.transaction(|connection| {
            let mut scopes = self.scopes()?.into_iter();
            let id = if let Some((id, _)) = scopes.find(|(_, known)| known == scope) {
                id
            } else {
                let columns = params![scope.endpoint, query_hash, scope.account, sum];
                connection.execute("INSERT INTO scope VALUES (NULL, ?1, ?2, ?3, ?4)", columns)?;
                connection.last_insert_rowid().cast_unsigned()
            };
            let insert = "INSERT INTO run (scope, what, started_at) VALUES (?1, ?2, ?3)";
            connection.execute(insert, params![id, what, now])?;
            Ok(RunId { scope: id, run: connection.last_insert_rowid().cast_unsigned() })
        });
        registered.map_err(|error| self.error(error))
    }

    /// Makes all commits so far safe from a power cut, and moves the write-ahead log into the file.
    /// Records when the run ended, if it did.
    pub(super) fn sync(&self, run: u64, ended_at: Option<i64>) -> Result<()> {
        // A commit without changes would not sync.
        let sql = "UPDATE run SET sync_count = sync_count + 1, ended_at = ?2 WHERE id = ?1";
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        self.connection.execute(sql, params![run, ended_at])?;
        self.connection.pragma_update(None, "synchronous", "NORMAL")?;
        self.checkpoint("FULL")
    }

    /// Makes `change` in one transaction, which survives the end of the process.
    pub(super) fn transaction<T>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        let immediate = TransactionBehavior::Immediate;
        // It is rolled back when it is dropped, which is after an error.
        let transaction = Transaction::new_unchecked(&self.connection, immediate)?;
        let changed = change(&transaction)?;
        transaction.commit()?;
        Ok(changed)
    }

    /// Checks that the file at the path is still the one that was opened.
    pub(super) fn check_file(&self) -> Result<(), Error> {
        let is_there = file_id_at(&self.path) == self.file;
        if is_there { Ok(()) } else { Err(Error::Vanished(printable(&self.path))) }
    }

    /// Moves the write-ahead log into the file, as far as no reader needs it.
    ///
    /// Other writers wait meanwhile: a log that two runs write would never come to its end.
    pub(super) fn checkpoint(&self, mode: &str) -> Result<()> {
        self.connection.busy_timeout(CHECKPOINT_TIMEOUT)?;
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        let done = self.connection.query_one(&sql, [], |_| Ok(()));
        self.connection.busy_timeout(BUSY_TIMEOUT)?;
        match done {
            // Another run is doing it.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(()),
            done => Ok(done?),
        }
    }

    /// Records that the run ended now, moves everything into the one file, and closes it.
    pub(super) fn close(self, run: u64) -> Result<(), Error> {
        let synced = self.sync(run, Some(Timestamp::now().as_second()));
        let moved = synced.and_then(|()| self.checkpoint("TRUNCATE"));
        moved.map_err(|error| self.error(error))?;
        // Now SQLite may remove the empty log.
        let tidy = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
        tidy.map_err(|error| self.error(error))?;
        self.connection.close().map_err(|(_, error)| StoreError::from(error).with_path(&self.path))
    }
}

/// Creates an empty file for its owner alone, and the folders above it, if there is none.
fn create(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(folder)?;
    }
    match for_owner_only(OpenOptions::new().write(true).create_new(true)).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
