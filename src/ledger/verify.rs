//! Checks a whole ledger: SQLite's own check, every row's checksum, and what rows refer to.

use std::collections::HashSet;

use super::Error;
use super::admin::LedgerAdmin;
use super::entry::{self, SELECT_ALL};
use super::error::StoreError;

impl LedgerAdmin {
    /// Checks everything; returns the number of payloads.
    ///
    /// # Errors
    /// [`Error::Damaged`] with the first damage found, and when the ledger cannot be read.
    pub fn verify(&self) -> Result<u64, Error> {
        self.check_all().map_err(|error| self.store.error(error))
    }

    fn check_all(&self) -> Result<u64, StoreError> {
        let moment = self.store.connection.unchecked_transaction()?;
        // Includes that index and table hold the same.
        let found: String = moment.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if found != "ok" {
            return Err(StoreError::Damaged(found));
        }
        let scopes: HashSet<i64> = self.store.scopes()?.into_iter().map(|(id, _)| id).collect();
        let last_run: i64 =
            moment.query_row("SELECT coalesce(max(id), 0) FROM run", [], |row| row.get(0))?;
        let mut count = 0;
        let mut statement = moment.prepare(SELECT_ALL)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let entry = entry::read(row)?;
            if !scopes.contains(&entry.scope) || entry.touched_run > last_run.cast_unsigned() {
                let id = entry.id.unwrap_or_default();
                let what = format!("row {id} of payload refers to a scope or run that is missing");
                return Err(StoreError::Damaged(what));
            }
            count += 1;
        }
        Ok(count)
    }
}
