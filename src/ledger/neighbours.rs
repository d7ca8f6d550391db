//! The rows that stand behind the one that was found last. The next night's file has shipments in
//! nearly the same order, so that what is looked for next mostly stands there, and reading on costs
//! a fraction of looking into two indexes.
//!
//! A row tells whether its shipment has another ([`Entry::alone`]), under its check: only where it
//! has none the row is all there is to know.

use std::collections::VecDeque;
use std::sync::LazyLock;

use rusqlite::Connection;

use super::entry::{COLUMNS, Entry};
use super::error::Fault;

/// The most rows that are read at once.
const MOST: u32 = 64;
/// Rows that may be passed over: shipments that have left the file since.
const PASSED: usize = 16;
/// Shipments in a row that may be found elsewhere before it is tried more seldom, and how seldom
/// then.
const VAIN: u32 = 4;
const SELDOM: u32 = 16;

static BEHIND: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {COLUMNS} FROM payload WHERE id > ?1 ORDER BY id LIMIT ?2"));

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    /// Those that were read and not taken.
    rows: VecDeque<Entry>,
    /// The number of the row that was found or taken last.
    last: Option<i64>,
    /// Whether none stands behind it.
    at_end: bool,
    /// How many are read the next time, but for one.
    reach: u32,
    /// How often in a row a shipment was found elsewhere.
    elsewhere: u32,
}

impl Neighbours {
    /// The row of `identity` in `scope`, if it stands there and is the only one of its shipment.
    pub(super) fn take(
        &mut self,
        connection: &Connection,
        scope: i64,
        identity: u128,
    ) -> Result<Option<Entry>, Fault> {
        if self.elsewhere > VAIN && !self.elsewhere.is_multiple_of(SELDOM) {
            return Ok(None);
        }
        if self.rows.is_empty() && !self.at_end {
            self.read(connection)?;
        }
        let is_it = |entry: &Entry| entry.scope == scope && entry.key.identity == identity;
        let Some(place) = self.rows.iter().take(PASSED).position(is_it) else { return Ok(None) };
        self.elsewhere = 0;
        self.reach = (2 * self.reach + 1).min(MOST - 1);
        let entry = self.rows.drain(..=place).next_back();
        self.last = entry.as_ref().map(|entry| entry.id);
        Ok(entry.filter(|entry| entry.alone))
    }

    /// Begins anew behind row `id`, which was found in the indexes, unless it is the one that was
    /// met last.
    pub(super) fn found(&mut self, id: i64) {
        if self.last == Some(id) {
            return;
        }
        self.forget();
        self.last = Some(id);
        self.elsewhere = self.elsewhere.wrapping_add(1);
        self.reach = 0;
    }

    /// Forgets the rows, since some were written; they are read again.
    pub(super) fn forget(&mut self) {
        self.rows.clear();
        self.at_end = false;
    }

    fn read(&mut self, connection: &Connection) -> Result<(), Fault> {
        let Some(last) = self.last else { return Ok(()) };
        let mut statement = connection.prepare_cached(&BEHIND)?;
        let mut rows = statement.query((last, self.reach + 1))?;
        while let Some(row) = rows.next()? {
            self.rows.push_back(Entry::read(row)?);
        }
        self.at_end = self.rows.is_empty();
        Ok(())
    }
}
