//! What is remembered of shipments from run to run: which payloads were accepted, and which are in
//! doubt.
//!
//! ```text
//! delivery's desk ─ Ledger ─▶ Post (with the Journal) ─▶ the keeper's thread ─ Book ─▶ Store (`SQLite`)
//!                                                       lateship ledger … ─ Archive ─▶ Store
//! ```
//!
//! A payload of a shipment is *already sent* when it was accepted, and since the run that last saw
//! it no later run had another payload of that shipment accepted (or perhaps accepted). So a status
//! that goes back is sent again, and two rows of one shipment that stand in every night's file do
//! not chase each other.
//!
//! Invariants:
//! - What a run told is in the journal before its next request goes out and before it waits for
//!   anything, and in the tables some seconds later. After a kill everything written is known;
//!   after a power cut all but the last second.
//! - An intent is written before its request, so what was in flight at a kill is in doubt, and
//!   nothing else is.
//! - Either the ledger's memory is right or there is an error. Every row carries a check, a
//!   shipment is found by two indexes that must agree or by a row that says under its check that it
//!   is the only one, and a sequence number beside the ledger tells when writes went missing. One
//!   damaged place can never make an accepted shipment look unknown.
//! - The first failure is the last: a write or a sync that failed is never tried again.
//! - One run at a time for an endpoint and an account; other shops use the same ledger meanwhile.
//!
//! `import` opens a [`Ledger`]; the `ledger` command an [`Archive`]. `SQLite` lives here alone.

mod adopt;
mod archive;
mod book;
mod entry;
mod error;
mod handle;
mod journal;
mod keeper;
mod lock;
mod neighbours;
mod place;
mod post;
mod record;
mod sieve;
mod store;
#[cfg(test)]
mod tests;

pub use adopt::Adoption;
pub use archive::{Archive, Decision, Forget, Remembered, ScopeStats, Stats};
pub use book::{Accepted as Acceptance, Accepted, Memory as History, Memory};
pub use entry::Key;
pub use error::Error;
pub use handle::{Ledger, LookUp};
pub use lock::Holder;
pub use place::default_path;

/// Whose shipments are remembered: runs of one scope know each other's, and no other's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// The endpoint's address.
    pub endpoint: String,
    /// The account at the endpoint: the e-mail.
    pub account: String,
}
