//! `lateship` reads order exports, maps every row to the payload of LateShipment.com's custom-store
//! webhook, delivers it, and records what became of it.
//!
//! # The corridor
//!
//! ```text
//! INPUT ─ source ─▶ Row ─ mapping ─▶ Shipment ─ delivery ─▶ Outcome ─ results ─▶ RESULTS
//! ```
//!
//! Data goes one way: stage, value, stage, value. A stage knows the value on its left and the one
//! on its right, never another stage; only [`pipeline`] sees the whole corridor. Values are plain
//! data, mapping is pure, and input, network and files stand at the edges. No module needs itself
//! through another; a test holds all of this.
//!
//! | values | | stages | |
//! |---|---|---|---|
//! | [`row`] | a record as it was read | [`source`] | bytes to rows |
//! | [`shipment`] | the payload's fields, its JSON | [`mapping`] | the TOML language, bound to a header |
//! | [`outcome`] | what became of a shipment | [`delivery`] | one shipment to one outcome |
//! | [`problem`] | what is wrong with a row | [`results`] | outcomes to files, in input order |
//! | [`limits`] | rate, attempts, times | | |
//!
//! Around it: [`cli`] (the commands), [`options`] (every option once; flag over environment over
//! mapping over default), [`secret`] and [`endpoint`] (credentials and address, checked), [`inputs`] (files
//! proved against the mapping), [`mod@init`] (a mapping proposed from a header and rows),
//! [`survey`] (rows counted, troubles grouped), [`packed`] (tables within a cell, recognised),
//! [`progress`] and [`log`] (standard error), [`closing`] (the words before and after a run),
//! [`sandbox`] (a local test server), [`error`] (every way to end, and its exit code), `hashed`
//! (maps by hashes), [`text`] (foreign text made fit to be shown), [`sorter`] (more records than
//! memory holds).
//!
//! # What a run guarantees
//!
//! Everything that can be wrong is found before the first request. Then each row of the input ends
//! in the results exactly once, in the order of the input, whatever happens. A shipment is
//! delivered at least once: when an answer is lost it is sent again, since a lost shipment is worse
//! than a repeated one, and its message says so; without an acceptance it ends `in_doubt`, never
//! `failed`.

pub mod cli;
pub mod closing;
pub mod delivery;
pub mod endpoint;
pub mod error;
pub mod init;
pub mod inputs;
pub mod ledger;
pub mod limits;
pub mod log;
pub mod mapping;
pub mod options;
pub mod outcome;
pub mod packed;
pub mod pipeline;
pub mod problem;
pub mod progress;
pub mod results;
pub mod row;
pub mod sandbox;
pub mod secret;
pub mod shipment;
pub mod sorter;
pub mod source;
pub mod survey;
pub mod text;

pub use error::Error;
