//! The ledger as a person looks at it and puts it right: figures, export, forgetting, doubts, adoption.
//!
//! What changes something takes the locks of all scopes it touches, so that no run is in the middle of it.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::params;

use super::book::{Book, moment};
use super::lock::Lock;
use super::{Error, Key, Scope};

/// The ledger, open for administration.
#[derive(Debug)]
pub struct Archive {
    book: Book,
}

/// Figures of one endpoint and account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeStats {
    /// Which.
    pub scope: Scope,
    /// Shipments that were accepted.
    pub shipments: u64,
    /// Payloads that were accepted; more than shipments where some had several.
    pub payloads: u64,
    /// Payloads in doubt.
    pub doubts: u64,
    /// Runs.
    pub runs: u64,
    /// The first and the last acceptance.
    pub accepted: Option<(Timestamp, Timestamp)>,
}

/// One payload that is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Whose.
    pub scope: Scope,
    /// The order's number.
    pub order_no: String,
    /// The parcel's tracking number.
    pub trackingnumber: String,
    /// When it was last accepted, and in which run.
    pub accepted: Option<(Timestamp, u64)>,
    /// Since when it is in doubt.
    pub doubt_since: Option<Timestamp>,
    /// The hash of the payload.
    pub payload: u128,
}

/// What a person decides of a doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It arrived: it is remembered as accepted.
    Sent,
    /// It did not arrive: it is sent again as if it had never been.
    Resend,
}

/// What is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Everything of this order.
    Order(String),
    /// Everything accepted before this moment.
    AcceptedBefore(Timestamp),
    /// Everything accepted last in this run.
    Run(u64),
}

impl Archive {
    /// Opens the ledger at `path`.
    ///
    /// # Errors
    /// There is none, or it cannot be used.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if !path.exists() {
            return Err(Error::Unwritable { path: path.to_owned(), what: "there is no such file".to_owned() });
        }
        Ok(Self { book: Book::open(path)? })
    }

    fn failed(&self, error: &rusqlite::Error) -> Error {
        Error::of_sqlite(&self.book.path, error)
    }

    fn locked(&self) -> Result<Vec<Lock>, Error> {
        self.scopes()?.iter().map(|scope| Lock::take(&self.book.path, scope, "lateship ledger")).collect()
    }

    fn scopes(&self) -> Result<Vec<Scope>, Error> {
        let read = || -> rusqlite::Result<Vec<Scope>> {
            let mut select = self.book.connection.prepare("SELECT endpoint, account FROM scope ORDER BY id")?;
            select.query_map([], |row| Ok(Scope { endpoint: row.get(0)?, account: row.get(1)? }))?.collect()
        };
        read().map_err(|error| self.failed(&error))
    }

    /// Figures by endpoint and account.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn stats(&self) -> Result<Vec<ScopeStats>, Error> {
        let one = |scope: Scope| -> rusqlite::Result<ScopeStats> {
            let id = self.book.scope(&scope)?.unwrap_or_default();
            let count = |sql: &str| -> rusqlite::Result<u64> {
                self.book.connection.query_row(sql, [id], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
            };
            let accepted = self.book.connection.query_row(
                "SELECT min(accepted_at), max(accepted_at) FROM payload WHERE scope = ?1",
                [id],
                |row| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get::<_, Option<i64>>(1)?)),
            )?;
            Ok(ScopeStats {
                scope,
                shipments: count(
                    "SELECT count(DISTINCT identity) FROM payload WHERE scope = ?1 AND accepted_run IS NOT NULL",
                )?,
                payloads: count("SELECT count(*) FROM payload WHERE scope = ?1 AND accepted_run IS NOT NULL")?,
                doubts: count("SELECT count(*) FROM payload WHERE scope = ?1 AND doubt_since IS NOT NULL")?,
                runs: count("SELECT count(*) FROM run WHERE scope = ?1")?,
                accepted: accepted.map(|(first, last)| (moment(first), moment(last))),
            })
        };
        self.scopes()?.into_iter().map(|scope| one(scope).map_err(|error| self.failed(&error))).collect()
    }

    /// Gives every payload that is remembered to `each`, by order; only those in doubt where `doubts` is set.
    ///
    /// # Errors
    /// The ledger cannot be read, or `each` fails.
    pub fn each<E>(
        &self,
        doubts: bool,
        mut each: impl FnMut(Remembered) -> Result<(), E>,
    ) -> Result<Result<(), E>, Error> {
        let failed = |error: rusqlite::Error| self.failed(&error);
        let filter =
            if doubts { "doubt_since IS NOT NULL" } else { "accepted_run IS NOT NULL OR doubt_since IS NOT NULL" };
        let sql = format!(
            "SELECT endpoint, account, order_no, trackingnumber, accepted_at, accepted_run, doubt_since, payload \
             FROM payload JOIN scope ON scope.id = payload.scope WHERE {filter} ORDER BY scope.id, order_no, trackingnumber"
        );
        let mut select = self.book.connection.prepare(&sql).map_err(failed)?;
        let mut rows = select.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let read = || -> rusqlite::Result<Remembered> {
                let (at, run): (Option<i64>, Option<i64>) = (row.get(4)?, row.get(5)?);
                Ok(Remembered {
                    scope: Scope { endpoint: row.get(0)?, account: row.get(1)? },
                    order_no: row.get(2)?,
                    trackingnumber: row.get(3)?,
                    accepted: at.zip(run).map(|(at, run)| (moment(at), run.cast_unsigned())),
                    doubt_since: row.get::<_, Option<i64>>(6)?.map(moment),
                    payload: u128::from_be_bytes(row.get(7)?),
                })
            };
            if let Err(error) = each(read().map_err(failed)?) {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }

    /// Forgets; gives how many payloads. Forgotten shipments are sent again when they come again.
    ///
    /// # Errors
    /// A run is in the middle of it, or the ledger cannot be written.
    pub fn forget(&self, which: &Which) -> Result<u64, Error> {
        let _locks = self.locked()?;
        let connection = &self.book.connection;
        let forgotten = match which {
            Which::Order(order) => connection.execute("DELETE FROM payload WHERE order_no = ?1", [order]),
            Which::AcceptedBefore(moment) => connection
                .execute("DELETE FROM payload WHERE accepted_at < ?1 AND doubt_since IS NULL", [moment.as_second()]),
            Which::Run(run) => connection.execute("DELETE FROM payload WHERE accepted_run = ?1", [run.cast_signed()]),
        };
        forgotten.map(|count| count as u64).map_err(|error| self.failed(&error))
    }

    /// Decides all doubts of an order; gives how many there were.
    ///
    /// # Errors
    /// A run is in the middle of it, or the ledger cannot be written.
    pub fn resolve(&self, order_no: &str, decision: Doubt) -> Result<u64, Error> {
        let _locks = self.locked()?;
        let sql = match decision {
            Doubt::Sent => {
                "UPDATE payload SET accepted_run = touched_run, seen_run = touched_run, accepted_at = doubt_since, \
                 doubt_since = NULL WHERE order_no = ?1 AND doubt_since IS NOT NULL"
            }
            Doubt::Resend => "UPDATE payload SET doubt_since = NULL WHERE order_no = ?1 AND doubt_since IS NOT NULL",
        };
        let decided = self.book.connection.execute(sql, params![order_no]);
        decided.map(|count| count as u64).map_err(|error| self.failed(&error))
    }

    /// Remembers shipments as accepted without sending them; gives how many were new. Their run is one of its own.
    ///
    /// # Errors
    /// A run is in the middle of it, the ledger cannot be written, or `shipments` fails.
    pub fn adopt<E>(
        path: &Path,
        scope: &Scope,
        shipments: impl Iterator<Item = Result<(Key, String, String), E>>,
    ) -> Result<Result<u64, E>, Error> {
        let book = Book::open(path)?;
        let _lock = Lock::take(path, scope, "lateship ledger adopt")?;
        let failed = |error: rusqlite::Error| Error::of_sqlite(path, &error);
        book.connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
        let (scope, run) = book.register(scope, "adopt").map_err(failed)?;
        let mut new = 0;
        for shipment in shipments {
            let (key, order_no, trackingnumber) = match shipment {
                Ok(shipment) => shipment,
                Err(error) => {
                    book.connection.execute_batch("ROLLBACK").map_err(failed)?;
                    return Ok(Err(error));
                }
            };
            let adopted = book.connection.prepare_cached(
                "INSERT INTO payload (scope, identity, payload, order_no, trackingnumber, accepted_run, accepted_at, seen_run, touched_run) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?6, ?6) ON CONFLICT DO UPDATE SET doubt_since = NULL, \
                 accepted_run = coalesce(accepted_run, excluded.accepted_run), accepted_at = coalesce(accepted_at, excluded.accepted_at), \
                 seen_run = excluded.seen_run WHERE accepted_run IS NULL OR doubt_since IS NOT NULL",
            );
            let now = Timestamp::now().as_second();
            let (identity, payload) = (key.identity.to_be_bytes(), key.payload.to_be_bytes());
            let changed = adopted
                .and_then(|mut adopted| {
                    adopted.execute(params![scope, identity, payload, order_no, trackingnumber, run, now])
                })
                .map_err(failed)?;
            new += changed as u64;
        }
        book.connection.execute_batch("COMMIT").map_err(failed)?;
        Ok(Ok(new))
    }
}
