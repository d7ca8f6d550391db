//! A local test server that responds like the webhook, with faults on request.
//!
//! `lateship sandbox` and `lateship import --sandbox` start one. It listens on loopback addresses
//! only, on its own thread, and keeps nothing after it stops (except the log file).
//! A request passes the outage window (`faults`), the rate limit (`counts`) and the random faults
//! (`faults`), then the webhook's own checks (`answers`). It is counted and logged before its
//! response is sent.

mod answers;
mod counts;
mod error;
mod faults;
mod log;
mod server;
#[cfg(test)]
mod tests;

pub use answers::PATH;
pub use counts::SandboxCounts;
pub use error::Error;
pub use faults::{OutageStart, OutageWindow, SandboxSettings, SlowResponses};
pub use log::LogEntry;
pub use server::Sandbox;
