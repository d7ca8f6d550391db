//! Reads and writes ledger entries as rows, each with its checksum.
//!
//! SQLite does not check what it reads, so the checksum is compared whenever a row is read and
//! renewed whenever one is written, and only here.

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, Row, params};
use xxhash_rust::xxh3::Xxh3;

use super::Key;
use super::error::StoreError;
use super::rules::{LedgerEntry, RunStamp};

/// Rows in the order of arrival; [`read`] expects these columns.
pub(super) const SELECT_ALL: &str = "SELECT id, scope, identity, payload, order_no, trackingnumber, accepted_run, \
     accepted_at, seen_run, touched_run, doubt_run, doubt_since, check_sum FROM payload ORDER BY id";

// Not by scope: a damaged scope would make a row look like another account's before its checksum is
// compared.
const SELECT_SHIPMENT: &str = "SELECT id, scope, identity, payload, order_no, trackingnumber, accepted_run, \
     accepted_at, seen_run, touched_run, doubt_run, doubt_since, check_sum FROM payload \
     INDEXED BY payload_identity WHERE identity = ?1";

const INSERT: &str = "INSERT INTO payload (scope, identity, payload, order_no, trackingnumber, accepted_run, \
     accepted_at, seen_run, touched_run, doubt_run, doubt_since, check_sum) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

const UPDATE: &str = "UPDATE payload SET accepted_run = ?2, accepted_at = ?3, seen_run = ?4, touched_run = ?5, \
     doubt_run = ?6, doubt_since = ?7, check_sum = ?8 WHERE id = ?1";

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
        if entry.key.identity != identity {
            return Err(StoreError::Damaged("an index points to another row".to_owned()));
        }
        if entry.scope != scope {
            continue;
        }
        if found.iter().any(|other| other.key == entry.key) {
            return Err(StoreError::Damaged("a payload is there twice".to_owned()));
        }
        found.push(entry);
    }
    Ok(found)
}

/// The entry of `key` in `scope`, or a new one with these names.
pub(super) fn find_or_new(
    connection: &Connection,
    scope: i64,
    key: Key,
    order_no: &str,
    trackingnumber: &str,
) -> Result<LedgerEntry, StoreError> {
    let shipment = find_shipment(connection, scope, key.identity)?;
    Ok(shipment
        .into_iter()
        .find(|entry| entry.key == key)
        .unwrap_or_else(|| LedgerEntry::new(scope, key, order_no, trackingnumber)))
}

/// Reads a row of [`SELECT_ALL`].
pub(super) fn read(row: &Row<'_>) -> Result<LedgerEntry, StoreError> {
    let id: i64 = row.get(0)?;
    let damaged = || StoreError::Damaged(format!("row {id} of payload is not what was written"));
    let stamp = |run: usize, at: usize| match (row.get(run)?, row.get::<_, Option<i64>>(at)?) {
        (Some(run), Some(at)) => {
            let at = Timestamp::from_second(at).map_err(|_| damaged())?;
            Ok(Some(RunStamp { run: i64::cast_unsigned(run), at }))
        }
        (None, None) => Ok(None),
        _ => Err(damaged()),
    };
    let entry = LedgerEntry {
        id: Some(id),
        scope: row.get(1)?,
        key: Key {
            identity: u128::from_be_bytes(row.get(2)?),
            payload: u128::from_be_bytes(row.get(3)?),
        },
        order_no: row.get(4)?,
        trackingnumber: row.get(5)?,
        accepted: stamp(6, 7)?,
        seen_run: row.get::<_, i64>(8)?.cast_unsigned(),
        touched_run: row.get::<_, i64>(9)?.cast_unsigned(),
        doubt: stamp(10, 11)?,
    };
    if check_sum(&entry) == row.get::<_, i64>(12)? { Ok(entry) } else { Err(damaged()) }
}

/// Writes an entry: a new row where it has none yet.
pub(super) fn write(connection: &Connection, entry: &mut LedgerEntry) -> Result<(), StoreError> {
    let columns = |stamp: Option<RunStamp>| {
        (stamp.map(|stamp| stamp.run.cast_signed()), stamp.map(|stamp| stamp.at.as_second()))
    };
    let ((accepted_run, accepted_at), (doubt_run, doubt_since)) =
        (columns(entry.accepted), columns(entry.doubt));
    let (seen_run, touched_run) = (entry.seen_run.cast_signed(), entry.touched_run.cast_signed());
    let check_sum = check_sum(entry);
    let prepare = |sql| -> Result<CachedStatement<'_>, _> { connection.prepare_cached(sql) };
    let Some(id) = entry.id else {
        let id = prepare(INSERT)?.insert(params![
            entry.scope,
            entry.key.identity.to_be_bytes(),
            entry.key.payload.to_be_bytes(),
            entry.order_no,
            entry.trackingnumber,
            accepted_run,
            accepted_at,
            seen_run,
            touched_run,
            doubt_run,
            doubt_since,
            check_sum,
        ])?;
        entry.id = Some(id);
        return Ok(());
    };
    let changed = prepare(UPDATE)?.execute(params![
        id,
        accepted_run,
        accepted_at,
        seen_run,
        touched_run,
        doubt_run,
        doubt_since,
        check_sum,
    ])?;
    if changed == 1 {
        Ok(())
    } else {
        Err(StoreError::Damaged(format!("row {id} of payload is gone")))
    }
}

/// The checksum over everything but the row's number: 32 bits, so that it takes four bytes.
fn check_sum(entry: &LedgerEntry) -> i64 {
    let mut hash = Xxh3::new();
    hash.update(&entry.key.identity.to_be_bytes());
    hash.update(&entry.key.payload.to_be_bytes());
    hash.update(&entry.scope.to_be_bytes());
    for stamp in [entry.accepted, entry.doubt] {
        let (run, at) = stamp.map_or((u64::MAX, -1), |stamp| (stamp.run, stamp.at.as_second()));
        hash.update(&run.to_be_bytes());
        hash.update(&at.to_be_bytes());
    }
    hash.update(&entry.seen_run.to_be_bytes());
    hash.update(&entry.touched_run.to_be_bytes());
    for name in [&entry.order_no, &entry.trackingnumber] {
        hash.update(name.as_bytes());
        hash.update(&[0xFF]);
    }
    fold(hash.digest())
}

/// A hash as a checksum column holds it.
pub(super) fn fold(hash: u64) -> i64 {
    let bytes = hash.to_be_bytes();
    let (halves, _) = bytes.as_chunks::<4>();
    i64::from(i32::from_be_bytes(halves[0]))
}
