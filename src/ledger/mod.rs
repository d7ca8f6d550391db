//! What is remembered of shipments from run to run, per endpoint and account: which payloads were accepted, and which
//! may have been.
//!
//! ```text
//! import's desk ─ Ledger ─▶ keeper (a thread: group commit) ─▶ book (SQLite)      lateship ledger … ─ Archive ─▶ book
//! ```
//!
//! A payload is *already sent* when it was accepted, and no other payload of its shipment was accepted in a run after
//! the last that saw this one. So a status that goes back is sent again, and two rows of one shipment that stand in
//! every night's file do not chase each other.
//!
//! Invariants: what was answered is written, so that after a kill everything answered is known, and after a power loss
//! all but the last second. An intent is written before its request: what was in flight at a kill is in doubt, and
//! nothing else is. The first failure is the last: a write that failed is never tried again, and everything after it
//! fails too. One run at a time for an endpoint and an account; other shops use the same ledger meanwhile.

mod archive;
mod book;
mod error;
mod keeper;
mod lock;
mod place;
#[cfg(test)]
mod tests;

pub use archive::{Archive, Doubt, Remembered, ScopeStats, Which};
pub use book::{Accepted, Conclusion, Memory};
pub use error::Error;
pub use keeper::{Ledger, LookUp};
pub use place::default_path;

/// Whose shipments are remembered: runs of one scope know each other's, and no other's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// The endpoint's address.
    pub endpoint: String,
    /// The account there: the e-mail.
    pub account: String,
}

/// A shipment and what is sent of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// A hash of what makes the shipment this one and no other.
    pub identity: u128,
    /// A hash of the request's body.
    pub payload: u128,
}
