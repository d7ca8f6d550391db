//! A local endpoint that answers as the webhook does, to the letter of status and message, with
//! faults on request.
//!
//! `--sandbox` and `lateship sandbox` start one, and the tests do. It lives on loopback addresses
//! only, on a thread of its own, and forgets everything when it stops.
//!
//! ```text
//! connection ─ line ─▶ exchange ─┬─ play: does it meet a fault of the script?
//!                                ├─ dice: does it meet one by chance?
//!                                ├─ body: is it what the webhook wants?
//!                                ├─ answer: the webhook's table
//!                                └─ counts, log: what happened, for those who watch
//! ```
//!
//! hyper is used here and nowhere else.

mod answer;
mod body;
mod counts;
mod course;
mod dice;
mod error;
mod exchange;
mod line;
mod log;
mod play;
mod reply;
mod script;
mod script_error;
mod script_file;
#[cfg(test)]
mod script_tests;
mod server;
mod settings;
#[cfg(test)]
mod tests;

pub use counts::Counts;
pub use error::Error;
pub use log::Entry;
pub use script::{Does, End, Fault, MAX_HALF, Script};
pub use script_error::{Flaw, ScriptError, Trouble};
pub use server::{PATH, Sandbox};
pub use settings::{
    DEFAULT_ERRORS, DEFAULT_JITTER, DEFAULT_LATENCY, DEFAULT_PORT, DEFAULT_RESETS, DEFAULT_SEED,
    DEFAULT_THROTTLED, Settings,
};
