//! One row of the ledger: one payload of one shipment, with a check over all that it says.
//!
//! The check is what tells a damaged row from a true one, since `SQLite` itself has none. It is
//! looked at whenever a row is read and renewed whenever one is written, here alone.

use rusqlite::{Connection, Row, params};
use xxhash_rust::xxh3::Xxh3;

use super::error::Fault;

/// The columns that [`Entry::read`] expects, in its order.
pub(super) const COLUMNS: &str = "id, scope, identity_head, identity_tail, payload, order_no, trackingnumber, \
     accepted_run, accepted_at, seen_run, touched_run, doubt_run, doubt_since, mark, alone";

/// The most bytes kept of an order's or a tracking number: they are for people, and no cell may
/// bloat the ledger.
const MAX_NAME: usize = 100;

const INSERT: &str = "INSERT INTO payload (scope, identity_head, identity_tail, payload, order_no, trackingnumber, \
     accepted_run, accepted_at, seen_run, touched_run, doubt_run, doubt_since, mark, alone) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

const UPDATE: &str = "UPDATE payload SET accepted_run = ?2, accepted_at = ?3, seen_run = ?4, touched_run = ?5, \
     doubt_run = ?6, doubt_since = ?7, mark = ?8, alone = ?9 WHERE id = ?1";

/// A shipment and what is sent of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// A hash of what makes the shipment this one and no other.
    pub identity: u128,
    /// A hash of the request's body.
    pub payload: u128,
}

/// When something happened: the run's number, and seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) run: i64,
    pub(super) at: i64,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The row's number; 0 until it is inserted.
    pub(super) id: i64,
    pub(super) scope: i64,
    pub(super) key: Key,
    pub(super) order_no: String,
    pub(super) trackingnumber: String,
    /// When it was last accepted.
    pub(super) accepted: Option<Moment>,
    /// The last run that found it already sent, or had it accepted; 0 for none. What the rule looks
    /// at.
    pub(super) seen_run: i64,
    /// The last run that looked it up or tried to send it, whatever came of it.
    pub(super) touched_run: i64,
    /// The last run that may have had it accepted without knowing, and since when it is in doubt.
    pub(super) doubt: Option<Moment>,
    /// Whether it is known that no other payload of its shipment stands in its scope.
    pub(super) alone: bool,
}

/// The two halves of an identity, by which the two indexes find it.
pub(super) fn halves(identity: u128) -> (i64, i64) {
    let bytes = identity.to_be_bytes();
    let (halves, _) = bytes.as_chunks::<8>();
    (i64::from_be_bytes(halves[0]), i64::from_be_bytes(halves[1]))
}

fn whole(head: i64, tail: i64) -> u128 {
    u128::from(head.cast_unsigned()) << 64 | u128::from(tail.cast_unsigned())
}

/// `name` as far as it is kept.
pub(super) fn kept(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME)]
}

impl Entry {
    /// A row for what nothing is known of yet, with the order's and the tracking number.
    pub(super) fn new(scope: i64, key: Key, (order_no, trackingnumber): (&str, &str)) -> Self {
        Self {
            id: 0,
            scope,
            key,
            order_no: kept(order_no).to_owned(),
            trackingnumber: kept(trackingnumber).to_owned(),
            accepted: None,
            seen_run: 0,
            touched_run: 0,
            doubt: None,
            alone: false,
        }
    }

    /// The row of [`COLUMNS`].
    pub(super) fn read(row: &Row<'_>) -> Result<Self, Fault> {
        let moment = |run: Option<i64>, at: Option<i64>| match (run, at) {
            (Some(run), Some(at)) => Ok(Some(Moment { run, at })),
            (None, None) => Ok(None),
            _ => Err(Fault::Damaged("a row is half written")),
        };
        let entry = Self {
            id: row.get(0)?,
            scope: row.get(1)?,
            key: Key {
                identity: whole(row.get(2)?, row.get(3)?),
                payload: u128::from_be_bytes(row.get(4)?),
            },
            order_no: row.get(5)?,
            trackingnumber: row.get(6)?,
            accepted: moment(row.get(7)?, row.get(8)?)?,
            seen_run: row.get(9)?,
            touched_run: row.get(10)?,
            doubt: moment(row.get(11)?, row.get(12)?)?,
            alone: row.get(14)?,
        };
        if entry.mark() == row.get::<_, i64>(13)? {
            Ok(entry)
        } else {
            Err(Fault::Damaged("a row's check fails"))
        }
    }

    /// Writes the row: a new one where it has no number yet.
    pub(super) fn write(&mut self, connection: &Connection) -> Result<(), Fault> {
        let (accepted, doubt) = (self.accepted, self.doubt);
        let (accepted_run, accepted_at) = (accepted.map(|a| a.run), accepted.map(|a| a.at));
        let (doubt_run, doubt_since) = (doubt.map(|d| d.run), doubt.map(|d| d.at));
        let mark = self.mark();
        if self.id == 0 {
            let (head, tail) = halves(self.key.identity);
            self.id = connection.prepare_cached(INSERT)?.insert(params![
                self.scope,
                head,
                tail,
                self.key.payload.to_be_bytes(),
                self.order_no,
                self.trackingnumber,
                accepted_run,
                accepted_at,
                self.seen_run,
                self.touched_run,
                doubt_run,
                doubt_since,
                mark,
                self.alone,
            ])?;
            return Ok(());
        }
        let changed = connection.prepare_cached(UPDATE)?.execute(params![
            self.id,
            accepted_run,
            accepted_at,
            self.seen_run,
            self.touched_run,
            doubt_run,
            doubt_since,
            mark,
            self.alone,
        ])?;
        if changed == 1 { Ok(()) } else { Err(Fault::Damaged("a row is gone")) }
    }

    /// The last run that had it accepted, or may have; 0 for none.
    pub(super) fn arrived_run(&self) -> i64 {
        self.accepted
            .map_or(0, |accepted| accepted.run)
            .max(self.doubt.map_or(0, |doubt| doubt.run))
    }

    /// The check over everything but the row's number: 32 bits, so that it takes four bytes.
    fn mark(&self) -> i64 {
        let mut hash = Xxh3::new();
        hash.update(&self.key.identity.to_be_bytes());
        hash.update(&self.key.payload.to_be_bytes());
        let moment =
            |moment: Option<Moment>| moment.map_or([-1, -1], |moment| [moment.run, moment.at]);
        let ([accepted_run, accepted_at], [doubt_run, doubt_since]) =
            (moment(self.accepted), moment(self.doubt));
        let runs = [self.seen_run, self.touched_run];
        for number in
            [self.scope, accepted_run, accepted_at, doubt_run, doubt_since].into_iter().chain(runs)
        {
            hash.update(&number.to_be_bytes());
        }
        for name in [&self.order_no, &self.trackingnumber] {
            hash.update(name.as_bytes());
            hash.update(&[0xFF]);
        }
        // Rows from before it was known have a check without it.
        if self.alone {
            hash.update(b"alone");
        }
        mark(hash.digest())
    }
}

/// A hash as a check is kept.
pub(super) fn mark(hash: u64) -> i64 {
    let bytes = hash.to_be_bytes();
    let (halves, _) = bytes.as_chunks::<4>();
    i64::from(i32::from_be_bytes(halves[0]))
}
