//! `lateship` reads order exports, maps every row to the payload of LateShipment.com's custom-store
//! webhook, delivers it, and records the outcome of every row.
//!
//! # The pipeline
//!
//! ```text
//! INPUT ─ source ─▶ Row ─ mapping ─▶ Task ─ delivery ─▶ (Task, Outcome) ─ results ─▶ RESULTS
//!                                             │      ▲
//!                                       begin │      │ history
//!                                       end   ▼      │
//!                                              ledger
//! ```
//!
//! One value travels: a `Task` holds all that is known of a shipment, is created once and passed
//! on. A stage knows the value on its left and the one on its right, never another stage; only
//! [`pipeline`] sees the whole. Values are plain data, mapping is pure, and input, network, ledger
//! and files are at the edges. A test holds these rules.
//!
//! | values | | stages | |
//! |---|---|---|---|
//! | [`row`] | a record as it was read | [`source`] | bytes to rows |
//! | [`shipment`] | the payload's fields, its JSON | [`mapping`] | the TOML language, bound to a header |
//! | [`outcome`] | how a shipment ended | [`delivery`] | one task to one outcome |
//! | [`problem`] | what is wrong with a row | [`results`] | outcomes to files, in input order |
//! | [`limits`] | rate, attempts, times | [`ledger`] | what was accepted, from run to run |
//!
//! Around them: [`cli`] (a file a command), [`options`] (every option once: flag, environment,
//! `[delivery]`, default, help), [`secret`] and [`endpoint`] (credentials and address, checked),
//! [`inputs`] (files checked against the mapping), [`mod@init`] (a mapping proposed from a header
//! and rows), [`survey`] (rows counted, problems grouped), [`packed`] (tables within a cell,
//! recognised), [`progress`] and [`log`] (standard error), [`closing`] (the words before and after a
//! run), [`sandbox`] (a local test server), [`error`] (every way to end, and its exit code),
//! [`text`] (foreign text made safe to show), [`sorter`] (more records than memory holds).
//!
//! # Guarantees
//!
//! Everything that can be wrong is found before the first request. Then each row of the input ends
//! in the results exactly once, in the order of the input, whatever happens. A shipment is
//! delivered at least once: when a response is lost it is sent again, since a lost shipment is
//! worse than a repeated one, and its message says so; without an acceptance it ends `in_doubt`,
//! never `failed`.

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
