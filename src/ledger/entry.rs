//! Reads and writes ledger entries as rows, each with its checksum.
//!
//! SQLite does not check what it reads, so the checksum is compared whenever a row is read and
//! renewed whenever one is written, and only here.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use xxhash_rust::xxh3::Xxh3;

use super::Key;
use super::error::StoreError;
use super::rules::{LedgerEntry, RunStamp};

/// All rows in the order of arrival, with the columns that [`read`] expects.
pub(super) const SELECT_ALL: &str = "SELECT scope, identity, payload, order_no, trackingnumber, accepted_run, \
     accepted_at, seen_run, touched_run, doubt_run, doubt_since, check_sum, id FROM payload ORDER BY id";

// Scope and identity are compared after the checksum: if one of them is damaged, the row must not be
// taken for another one.
const SELECT_SHIPMENT: &str = "SELECT scope, identity, payload, order_no, trackingnumber, accepted_run, \
     accepted_at, seen_run, touched_run, doubt_run, doubt_since, check_sum, id FROM payload \
     INDEXED BY payload_identity WHERE substr(identity, 1, 8) = substr(?1, 1, 8)";

const INSERT: &str = "INSERT INTO payload (scope, identity, payload, order_no, trackingnumber, accepted_run, \
     accepted_at, seen_run, touched_run, doubt_run, doubt_since, check_sum, id) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";

const UPDATE: &str = "UPDATE payload SET accepted_run = ?6, accepted_at = ?7, seen_run = ?8, touched_run = ?9, \
     doubt_run = ?10, doubt_since = ?11, check_sum = ?12 WHERE id = ?13";

/// All entries of a shipment in `scope`.
pub(super) fn find_shipment(
    connection: &Connection,
    scope: i64,
    identity: u128,
) -> Result<Vec<LedgerEntry>, StoreError> {
    let mut statement = connection.prepare_cached(SELECT_SHIPMENT)?;
    let mut rows = statement.query([identity.to_be_bytes()])?;
    let mut found: Vec<LedgerEntry> = Vec::new();
    while let Some(row) = rows.next()? {
        let entry = read(row)?;
        if (entry.scope, entry.key.identity) != (scope, identity) {
            continue;
        }
        if found.iter().any(|other| other.key == entry.key) {
            return Err(StoreError::Damaged("a payload is there twice".to_owned()));
        }
        found.push(entry);
    }
    Ok(found)
}

/// The entry that is like `new` in scope and key, or `new`.
pub(super) fn find_or(
    connection: &Connection,
    new: LedgerEntry,
) -> Result<LedgerEntry, StoreError> {
    let shipment = find_shipment(connection, new.scope, new.key.identity)?;
    Ok(shipment.into_iter().find(|entry| entry.key == new.key).unwrap_or(new))
}

/// Reads a row of [`SELECT_ALL`].
pub(super) fn read(row: &Row<'_>) -> Result<LedgerEntry, StoreError> {
    let id: i64 = row.get(12)?;
    let damaged = || StoreError::Damaged(format!("row {id} of payload is not what was written"));
    let stamp = |run: usize, at: usize| match (row.get(run)?, row.get(at)?) {
        (Some(run), Some(at)) => {
            let at = Timestamp::from_second(at).map_err(|_| damaged())?;
            Ok(Some(RunStamp { run: i64::cast_unsigned(run), at }))
        }
        (None, None) => Ok(None),
        _ => Err(damaged()),
    };
    let entry = LedgerEntry {
        id: Some(id),
        scope: row.get(0)?,
        key: Key {
            identity: u128::from_be_bytes(row.get(1)?),
            payload: u128::from_be_bytes(row.get(2)?),
        },
        order_no: row.get(3)?,
        trackingnumber: row.get(4)?,
        accepted: stamp(5, 6)?,
        seen_run: row.get::<_, i64>(7)?.cast_unsigned(),
        touched_run: row.get::<_, i64>(8)?.cast_unsigned(),
        doubt: stamp(9, 10)?,
    };
    if check_sum(&entry) == row.get::<_, i64>(11)? { Ok(entry) } else { Err(damaged()) }
}

/// Writes an entry: a new row where it has none yet.
pub(super) fn write(connection: &Connection, entry: &mut LedgerEntry) -> Result<(), StoreError> {
    let run = |stamp: Option<RunStamp>| stamp.map(|stamp| stamp.run.cast_signed());
    let at = |stamp: Option<RunStamp>| stamp.map(|stamp| stamp.at.as_second());
    let sql = if entry.id.is_some() { UPDATE } else { INSERT };
    let changed = connection.prepare_cached(sql)?.execute(params![
        entry.scope,
        entry.key.identity.to_be_bytes(),
        entry.key.payload.to_be_bytes(),
        entry.order_no,
        entry.trackingnumber,
        run(entry.accepted),
        at(entry.accepted),
        entry.seen_run.cast_signed(),
        entry.touched_run.cast_signed(),
        run(entry.doubt),
        at(entry.doubt),
        check_sum(entry),
        entry.id,
    ])?;
    if changed != 1 {
        return Err(StoreError::Damaged("a row of payload is gone".to_owned()));
    }
    entry.id.get_or_insert_with(|| connection.last_insert_rowid());
    Ok(())
}

/// The checksum over everything but the row's number: 32 bits, so that it takes four bytes.
fn check_sum(entry: &LedgerEntry) -> i64 {
    let stamp = |stamp: Option<RunStamp>| {
        stamp.map_or([u64::MAX; 2], |stamp| [stamp.run, stamp.at.as_second().cast_unsigned()])
    };
    let ([accepted_run, accepted_at], [doubt_run, doubt_since]) =
        (stamp(entry.accepted), stamp(entry.doubt));
    let runs =
        [accepted_run, accepted_at, entry.seen_run, entry.touched_run, doubt_run, doubt_since];
    let mut hash = Xxh3::new();
    hash.update(&entry.key.identity.to_be_bytes());
    hash.update(&entry.key.payload.to_be_bytes());
    hash.update(&entry.scope.to_be_bytes());
    for number in runs {
        hash.update(&number.to_be_bytes());
    }
    for name in [&entry.order_no, &entry.trackingnumber] {
        hash.update(name.as_bytes());
        hash.update(&[0xFF]);
    }
    fold(hash.digest())
}

/// A hash as a checksum column holds it.
pub(super) fn fold(hash: u64) -> i64 {
    i64::from(((hash >> 32) as u32).cast_signed())
}
