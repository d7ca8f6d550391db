//! `lateship` reads order exports, maps every row to the payload of LateShipment.com's custom-store webhook, delivers
//! it, and records what became of it.
//!
//! ```text
//! INPUT ─ source ─▶ Row ─ mapping ─▶ Shipment ─ delivery ─▶ Outcome ─ results ─▶ RESULTS
//! ```
//!
//! Data goes one way: stage, value, stage, value. A stage knows the value on its left and the one on its right, never
//! another stage; only `import` sees the whole corridor.

pub mod cli;
pub mod closing;
pub mod delivery;
pub mod endpoint;
pub mod error;
pub mod import;
pub mod limits;
pub mod log;
pub mod mapping;
pub mod outcome;
pub mod problem;
pub mod progress;
pub mod results;
pub mod row;
pub mod sandbox;
pub mod secret;
pub mod settings;
pub mod shipment;
pub mod source;
pub mod survey;
pub mod text;

pub use error::Error;
