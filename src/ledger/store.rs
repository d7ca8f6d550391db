//! The ledger's file: made for its owner alone, brought to this version, checked, and opened as
//! `SQLite` needs it.
//!
//! Whoever writes does so between [`Store::begin`] and [`Store::commit`]. A commit survives a kill
//! and a power cut. `SQLite`'s checkpoints are done here and looked at, since on its own it does
//! them in silence.

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, params};
use xxhash_rust::xxh3::xxh3_64;

use super::entry::mark;
use super::error::Fault;
use super::lock::{self, Lock};
use super::{Error, Scope};

/// Each step brings the schema from the version of its index to the next.
const STEPS: [&str; 3] =
    [include_str!("schema_1.sql"), include_str!("schema_2.sql"), include_str!("schema_3.sql")];

/// The newest schema, which this program writes.
pub(super) const VERSION: i64 = 3;

/// Stands in the file's header and says whose it is: `late`.
const APPLICATION: i64 = 0x6C61_7465;

/// How long another program's lock is waited for. The runs of other scopes hold it for
/// milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes of the write-ahead log beyond which it is moved into the ledger.
pub(super) const MAX_LOG: u64 = 8 * 1024 * 1024;

/// The log of a large ledger may also grow to this part of it. New shipments lie on pages all over
/// its indexes, so that moving them costs the more for each the fewer they are, and everyone waits
/// meanwhile.
const LOG_PART: u64 = 8;

const SEQUENCE: &str = "SELECT sequence FROM state WHERE id = 1";

/// How far the ledger is: numbers of transactions, of which each includes all before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Marks {
    /// The last that is there for good.
    pub(super) lasting: u64,
    /// The last that is in the ledger's own file and no longer only in its log.
    pub(super) filed: u64,
}

/// A run that was entered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entered {
    /// The number of its scope.
    pub(super) scope: i64,
    /// Its own number.
    pub(super) run: i64,
    /// Whether no run of the scope was before it.
    pub(super) is_first: bool,
}

/// An open ledger.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) connection: Connection,
    path: PathBuf,
    /// The file at the path when it was opened. No open file stands for it: closing one would take
    /// `SQLite`'s locks away.
    file: Option<lock::FileId>,
    marks: Cell<Marks>,
}

impl Store {
    /// Opens the ledger at `path`, an empty one where there is none.
    pub(super) fn open_or_make(path: &Path) -> Result<Self, Error> {
        make(path).map_err(|error| Error::io(path, &error))?;
        Self::open(path)
    }

    /// Opens the ledger at `path`.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let told = |error| Error::io(path, &error);
        // Locks lie beside the ledger itself, so that all links to it lead to the same ones.
        let path = match fs::canonicalize(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Error::Missing { path: path.to_owned() });
            }
            found => found.map_err(told)?,
        };
        if !fs::metadata(&path).map_err(told)?.is_file() {
            return Err(Error::Foreign { path });
        }
        let _door = lock::door(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let marks = Cell::new(Marks::default());
        let connection = Connection::open_with_flags(&path, flags)
            .map_err(|error| Fault::from(error).at(&path))?;
        let store = Self { connection, file: lock::id_of(&path), path, marks };
        store.prepare()?;
        Ok(store)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the ledger's file and its log.
    pub(super) fn bytes(&self) -> u64 {
        self.file_bytes() + self.log_bytes()
    }

    fn file_bytes(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |file| file.len())
    }

    /// The error for people.
    pub(super) fn told(&self, fault: impl Into<Fault>) -> Error {
        fault.into().at(&self.path)
    }

    fn prepare(&self) -> Result<(), Error> {
        let connection = &self.connection;
        connection.busy_timeout(PATIENCE).map_err(|error| self.told(error))?;
        if connection.is_readonly("main").map_err(|error| self.told(error))? {
            return Err(Error::ReadOnly { path: self.path.clone() });
        }
        let version = self.version()?;
        let setup = || -> Result<String, Fault> {
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
            connection.execute_batch(&format!(
                "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA cache_size = -8192; \
                 PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = {MAX_LOG}; PRAGMA synchronous = FULL"
            ))?;
            Ok(connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?)
        };
        if setup().map_err(|fault| self.told(fault))? != "wal" {
            let reason = "its disk does not allow SQLite's write-ahead log (a network disk?); give a path on a local one with --ledger";
            return Err(Error::Io { path: self.path.clone(), reason: reason.to_owned() });
        }
        if version < VERSION {
            self.migrate(version)?;
        }
        self.check().map_err(|fault| self.told(fault))
    }

    /// The schema's version; 0 for a new file.
    fn version(&self) -> Result<i64, Error> {
        let look = |sql: &str| self.connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        let look = |sql: &str| {
            look(sql).map_err(|error| match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::NotADatabase) => {
                    Error::Foreign { path: self.path.clone() }
                }
                _ => self.told(error),
            })
        };
        let (application, version) = (look("PRAGMA application_id")?, look("PRAGMA user_version")?);
        let tables = look("SELECT count(*) FROM sqlite_schema")?;
        match (application, version) {
            (APPLICATION, version) if version > VERSION => {
                Err(Error::Newer { path: self.path.clone(), version, known: VERSION })
            }
            (APPLICATION, version) if version > 0 => Ok(version),
            (0, 0) if tables == 0 => Ok(0),
            (APPLICATION, _) => Err(self.told(Fault::Damaged("its header"))),
            _ => Err(Error::Foreign { path: self.path.clone() }),
        }
    }

    fn migrate(&self, from: i64) -> Result<(), Error> {
        let steps = || -> Result<(), Fault> {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            for step in STEPS.iter().skip(usize::try_from(from).unwrap_or(0)) {
                self.connection.execute_batch(step)?;
            }
            if from == 0 {
                State { last_run: 0, scopes: 0 }.write(&self.connection)?;
            }
            self.connection.execute_batch(&format!(
                "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT"
            ))?;
            Ok(())
        };
        steps().map_err(|fault| self.told(fault))?;
        // The file itself must hold the tables before anything else is looked for in it.
        self.checkpoint("TRUNCATE")
    }

    /// Looks at what everything else hangs on: the scopes and the runs' numbers.
    ///
    /// All of it in one moment, for other shops' runs enter themselves meanwhile.
    fn check(&self) -> Result<(), Fault> {
        let moment = self.connection.unchecked_transaction()?;
        let state = State::read(&self.connection)?;
        let (runs, last_run): (i64, i64) = self.connection.query_row(
            "SELECT count(*), coalesce(max(id), 0) FROM run",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        if runs != last_run || last_run != state.last_run {
            return Err(Fault::Damaged("its list of runs"));
        }
        let scopes = self.scopes()?;
        if i64::try_from(scopes.len()) != Ok(state.scopes) {
            return Err(Fault::Damaged("its list of scopes"));
        }
        moment.commit()?;
        Ok(())
    }

    /// All scopes and their numbers, checked.
    pub(super) fn scopes(&self) -> Result<Vec<(i64, Scope)>, Fault> {
        let mut statement =
            self.connection.prepare("SELECT id, endpoint, account, mark FROM scope ORDER BY id")?;
        let mut rows = statement.query([])?;
        let mut scopes = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, scope) = (row.get(0)?, Scope { endpoint: row.get(1)?, account: row.get(2)? });
            if scope_mark(id, &scope) != row.get::<_, i64>(3)? {
                return Err(Fault::Damaged("a scope's check fails"));
            }
            scopes.push((id, scope));
        }
        Ok(scopes)
    }

    /// Enters a run that does `what` for `scope`, for good.
    pub(super) fn register(
        &self,
        scope: &Scope,
        what: &str,
        now: i64,
        lock: &mut Lock,
    ) -> Result<Entered, Error> {
        self.refuse_older(lock)?;
        self.begin()?;
        let enter = || -> Result<Entered, Fault> {
            let mut state = State::read(&self.connection)?;
            let known = self.scopes()?.into_iter().find(|(_, known)| known == scope);
            let is_first = known.is_none();
            let scope_id = if let Some((id, _)) = known {
                id
            } else {
                state.scopes += 1;
                self.connection.execute(
                    "INSERT INTO scope (id, endpoint, account, mark) VALUES (?1, ?2, ?3, ?4)",
                    params![
                        state.scopes,
                        scope.endpoint,
                        scope.account,
                        scope_mark(state.scopes, scope)
                    ],
                )?;
                state.scopes
            };
            state.last_run += 1;
            self.connection.execute(
                "INSERT INTO run (id, scope, what, started_at) VALUES (?1, ?2, ?3, ?4)",
                params![state.last_run, scope_id, what, now],
            )?;
            state.write(&self.connection)?;
            Ok(Entered { scope: scope_id, run: state.last_run, is_first })
        };
        let entered = enter().map_err(|fault| self.told(fault))?;
        lock.remember(self.commit()?)?;
        Ok(entered)
    }

    /// Notes, in the transaction under way, that with it the tables hold a run's journal up to that
    /// generation.
    pub(super) fn filed(&self, run: i64, generation: i64) -> Result<(), Fault> {
        let sql = "UPDATE run SET filed = ?2 WHERE id = ?1";
        self.connection.prepare_cached(sql)?.execute(params![run, generation])?;
        Ok(())
    }

    /// Begins a transaction that only reads; [`Store::leave`] ends it.
    pub(super) fn look(&self) -> Result<(), Error> {
        let begin = || self.connection.prepare_cached("BEGIN")?.execute([]);
        begin().map(drop).map_err(|error| self.told(error))
    }

    /// Notes when a run ended.
    pub(super) fn end_run(&self, run: i64, now: i64) -> Result<(), Fault> {
        self.connection.execute("UPDATE run SET ended_at = ?2 WHERE id = ?1", params![run, now])?;
        Ok(())
    }

    /// Begins a transaction that writes.
    pub(super) fn begin(&self) -> Result<(), Error> {
        self.connection.execute_batch("BEGIN IMMEDIATE").map_err(|error| self.told(error))
    }

    /// Ends the transaction, for good; gives how far the ledger is.
    pub(super) fn commit(&self) -> Result<Marks, Error> {
        let commit = || -> Result<i64, Fault> {
            let sql = "UPDATE state SET sequence = sequence + 1 WHERE id = 1 RETURNING sequence";
            let sequence = self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
            self.connection.prepare_cached("COMMIT")?.execute([])?;
            Ok(sequence)
        };
        let sequence = commit().map_err(|fault| self.told(fault))?;
        self.marks.set(Marks { lasting: sequence.cast_unsigned(), ..self.marks.get() });
        self.refuse_vanished()?;
        if self.log_bytes() > MAX_LOG.max(self.file_bytes() / LOG_PART) {
            self.checkpoint("PASSIVE")?;
        }
        Ok(self.marks.get())
    }

    /// Looks whether the ledger still is the file that was opened.
    pub(super) fn refuse_vanished(&self) -> Result<(), Error> {
        if lock::id_of(&self.path) == self.file {
            Ok(())
        } else {
            Err(Error::Vanished { path: self.path.clone() })
        }
    }

    /// Ends a transaction that wrote nothing.
    pub(super) fn leave(&self) -> Result<(), Error> {
        let end = || self.connection.prepare_cached("COMMIT")?.execute([]);
        end().map(drop).map_err(|error| self.told(error))
    }

    /// Looks whether the ledger holds all that an earlier holder of `lock` made to last in it.
    pub(super) fn refuse_older(&self, lock: &Lock) -> Result<(), Error> {
        let sequence = self.connection.query_row(SEQUENCE, [], |row| row.get::<_, i64>(0));
        let lasting = sequence.map_err(|error| self.told(error))?.cast_unsigned();
        // The log of a newer ledger beside an older one would pass for a whole one, were it not for
        // the file's own mark.
        self.marks.set(Marks { lasting, filed: filed(&self.path) });
        if lasting < lock.marks().lasting || self.marks.get().filed < lock.marks().filed {
            return Err(Error::Older { path: self.path.clone(), lock: lock.path().to_owned() });
        }
        Ok(())
    }

    pub(super) fn log_bytes(&self) -> u64 {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        fs::metadata(log).map_or(0, |log| log.len())
    }

    /// Moves the log into the ledger, as far as nobody reads an older state.
    fn checkpoint(&self, how: &str) -> Result<(), Error> {
        let moved =
            self.connection.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |row| {
                Ok(row.get::<_, i64>(1)? == row.get::<_, i64>(2)?)
            });
        match moved.map_err(|error| self.told(error)) {
            Ok(whole) => {
                if whole {
                    let Marks { lasting, filed } = self.marks.get();
                    self.marks.set(Marks { lasting, filed: filed.max(lasting) });
                }
                Ok(())
            }
            // Another run is in the way, and will do it.
            Err(Error::Busy { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Puts everything into the one file, and closes it; gives how far it is.
    pub(super) fn close(self) -> Result<Marks, Error> {
        self.connection.busy_timeout(Duration::ZERO).map_err(|error| self.told(error))?;
        self.checkpoint("TRUNCATE")?;
        // Now `SQLite` may tidy up: the log is empty.
        let tidy = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
        tidy.map_err(|error| self.told(error))?;
        self.connection.close().map_err(|(_, error)| Fault::from(error).at(&self.path))?;
        Ok(self.marks.get())
    }
}

/// The number of transactions in the file at `path` without its log; 0 where it cannot be told.
fn filed(path: &Path) -> u64 {
    // `immutable` is what makes SQLite pass over the log.
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        _ = write!(uri, "%{byte:02x}");
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let read = || -> rusqlite::Result<i64> {
        Connection::open_with_flags(&uri, flags)?.query_row(SEQUENCE, [], |row| row.get(0))
    };
    // Another shop's run may be writing just this page.
    let sequence = (0..5).find_map(|_| read().ok()).unwrap_or(0);
    sequence.cast_unsigned()
}

/// What the ledger must hold at least.
#[derive(Debug, Clone, Copy)]
struct State {
    last_run: i64,
    scopes: i64,
}

impl State {
    fn read(connection: &Connection) -> Result<Self, Fault> {
        let found = connection.query_row(
            "SELECT last_run, scopes, mark FROM state WHERE id = 1",
            [],
            |row| Ok((Self { last_run: row.get(0)?, scopes: row.get(1)? }, row.get::<_, i64>(2)?)),
        );
        let (state, mark) = found?;
        if state.mark() == mark {
            Ok(state)
        } else {
            Err(Fault::Damaged("its state's check fails"))
        }
    }

    fn write(self, connection: &Connection) -> Result<(), Fault> {
        let sql = "INSERT INTO state (id, last_run, scopes, sequence, mark) VALUES (1, ?1, ?2, 0, ?3) \
                   ON CONFLICT (id) DO UPDATE SET last_run = ?1, scopes = ?2, mark = ?3";
        connection.execute(sql, params![self.last_run, self.scopes, self.mark()])?;
        Ok(())
    }

    fn mark(self) -> i64 {
        mark(xxh3_64(format!("state {} {}", self.last_run, self.scopes).as_bytes()))
    }
}

fn scope_mark(id: i64, scope: &Scope) -> i64 {
    mark(xxh3_64(format!("scope {id}\n{}\n{}", scope.endpoint, scope.account).as_bytes()))
}

/// Makes an empty file for its owner alone, and the folders to it, where there is none.
fn make(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    lock::owner_only(&mut options);
    match options.open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
