//! Remembers from run to run which payloads were accepted and which are in doubt.
//!
//! A payload is *already sent* when it was accepted, and no other payload of its shipment was
//! accepted, or may have been, in a run after the last that saw it.
//!
//! - `begin` is committed before the first byte of a request, `end` before its slot is free. After a
//!   kill everything committed is known, and in doubt is exactly what was in flight. After a power
//!   cut at most the last second is lost.
//! - Every row carries a checksum. A damaged row is found when it is read, and stops the run.
//! - The first error is final. One run at a time for an endpoint and account.
//!
//! `import` opens a [`Ledger`], the `ledger` command a [`Store`]. SQLite is used only here.

mod admin;
mod default_path;
mod entry;
mod error;
mod lock;
mod rules;
mod store;
#[cfg(test)]
mod tests;
mod writer;

use jiff::Timestamp;

pub use admin::{Forget, ScopeStats};
pub use default_path::default_path;
pub use error::Error;
pub use rules::LedgerEntry;
pub use store::Store;
pub use writer::{Ledger, NamedKey};

/// Whose shipments are remembered: runs of one scope know each other's, and no other's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// The endpoint's host and path.
    pub endpoint: String,
    /// A hash of the endpoint's query; `None` without one.
    pub query_hash: Option<u128>,
    /// The account at the endpoint: the e-mail.
    pub account: String,
}

/// A shipment and what is sent of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Key {
    /// A hash of the fields that identify the shipment.
    pub identity: u128,
    /// A hash of the request's body.
    pub payload: u128,
}

/// A time, kept to the second, and the run in which it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunStamp {
    /// The time.
    pub at: Timestamp,
    /// The number of the run.
    pub run: u64,
}

/// When a payload was accepted.
pub type Acceptance = RunStamp;

/// What the ledger knows of a payload and its shipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    /// This payload is already sent: its last acceptance.
    pub accepted: Option<Acceptance>,
    /// Another payload of the shipment was accepted at some time.
    pub other_payload: bool,
    /// Another payload of the shipment was looked up (if it was known) or sent in this run.
    pub other_in_this_run: bool,
    /// Since when this payload may have been accepted: a response was lost, or a run was killed
    /// while it waited for one.
    pub in_doubt: Option<Timestamp>,
    /// This payload was looked up (if it was known) or sent in this run.
    pub seen_in_this_run: bool,
}
