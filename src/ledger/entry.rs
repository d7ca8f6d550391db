//! Reads and writes ledger entries as rows, each with its checksum.
//!
//! SQLite does not check what it reads, so the checksum is compared whenever a row is read and
//! renewed whenever one is written, and only here.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use xxhash_rust::xxh3::Xxh3;

use super::error::{Result, StoreError};
use super::rules::LedgerEntry;
use super::{Key, RunStamp};

// Scope and identity are compared after the checksum: if one of them is damaged, the row must not be
// taken for another one.
const SELECT_SHIPMENT: &str = "SELECT * FROM payload INDEXED BY payload_identity \
     WHERE substr(identity, 1, 8) = substr(?1, 1, 8)";

/// The columns in the order of the schema.
const INSERT: &str =
    "INSERT INTO payload VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";

const UPDATE: &str = "UPDATE payload SET accepted_run = ?7, accepted_at = ?8, seen_run = ?9, touched_run = ?10, \
     doubt_run = ?11, doubt_since = ?12, check_sum = ?13 WHERE id = ?1";

/// All entries of a shipment in `scope`.
pub(super) fn find_shipment(
    connection: &Connection,
    scope: u64,
    identity: u128,
) -> Result<Vec<LedgerEntry>> {
    let mut statement = connection.prepare_cached(SELECT_SHIPMENT)?;
    let mut rows = statement.query([identity.to_be_bytes()])?;
    let mut found: Vec<LedgerEntry> = Vec::new();
    while let Some(row) = rows.next()? {
        let entry = read(row)?;
        if (entry.scope, entry.key.identity) == (scope, identity) {
            if found.iter().any(|other| other.key == entry.key) {
                return Err(StoreError::Damaged("a payload is there twice".to_owned()));
            }
            found.push(entry);
        }
    }
    Ok(found)
}

/// Reads a row of the table.
pub(super) fn read(row: &Row<'_>) -> Result<LedgerEntry> {
    let id: i64 = row.get(0)?;
    let damaged = || StoreError::Damaged(format!("row {id} of payload is not what was written"));
    let stamp = |run: usize, at: usize| match (row.get(run)?, row.get(at)?) {
        (Some(run), Some(at)) => {
            let at = Timestamp::from_second(at).map_err(|_| damaged())?;
            Ok(Some(RunStamp { at, run }))
        }
        (None, None) => Ok(None),
        _ => Err(damaged()),
    };
    let [identity, payload] = [row.get(2)?, row.get(3)?].map(u128::from_be_bytes);
    let entry = LedgerEntry {
        id: Some(id),
        scope: row.get(1)?,
        key: Key { identity, payload },
        order_no: row.get(4)?,
        trackingnumber: row.get(5)?,
        accepted: stamp(6, 7)?,
        seen_run: row.get(8)?,
        touched_run: row.get(9)?,
        doubt: stamp(10, 11)?,
    };
    if row.get(12) == Ok(check_sum(&entry)) { Ok(entry) } else { Err(damaged()) }
}

/// Writes an entry: a new row where it has none yet.
pub(super) fn write(connection: &Connection, entry: &mut LedgerEntry) -> Result<()> {
    let run = |stamp: Option<RunStamp>| stamp.map(|stamp| stamp.run);
    let at = |stamp: Option<RunStamp>| stamp.map(|stamp| stamp.at.as_second());
    let sql = if entry.id.is_some() { UPDATE } else { INSERT };
    let changed = connection.prepare_cached(sql)?.execute(params![
        entry.id,
        entry.scope,
        entry.key.identity.to_be_bytes(),
        entry.key.payload.to_be_bytes(),
        entry.order_no,
        entry.trackingnumber,
        run(entry.accepted),
        at(entry.accepted),
        entry.seen_run,
        entry.touched_run,
        run(entry.doubt),
        at(entry.doubt),
        check_sum(entry),
    ])?;
    if changed != 1 {
        return Err(StoreError::Damaged("a row of payload is gone".to_owned()));
    }
    entry.id.get_or_insert_with(|| connection.last_insert_rowid());
    Ok(())
}

/// The checksum over everything but the row's number: 32 bits, so that it takes four bytes.
fn check_sum(entry: &LedgerEntry) -> u32 {
    let stamp = |stamp: Option<RunStamp>| {
        stamp.map_or([u64::MAX; 2], |stamp| [stamp.run, stamp.at.as_second().cast_unsigned()])
    };
    let mut hash = Xxh3::new();
    for half in [entry.key.identity, entry.key.payload] {
        hash.update(&half.to_be_bytes());
    }
    let runs = [entry.scope, entry.seen_run, entry.touched_run];
    for number in [stamp(entry.accepted), stamp(entry.doubt)].as_flattened().iter().chain(&runs) {
        hash.update(&number.to_be_bytes());
    }
    for name in [&entry.order_no, &entry.trackingnumber] {
        hash.update(name.as_bytes());
        hash.update(&[0xFF]);
    }
    (hash.digest() >> 32) as u32
}
