//! A run from its inputs to its results: the only code that knows every stage.
//!
//! ```text
//! inputs ─▶ reader (a thread) ─▶ dispatcher ─▶ engine ─▶ dispatcher ─▶ results ─▶ summary
//!                                                ▲│
//!                                       recorder └┴▶ ledger
//! ```
//!
//! `run` is the recipe. Everything that can be wrong is found before the first request; from then
//! on every row ends in the results, whatever happens.

mod deadline;
mod dedup;
mod dispatcher;
mod open_files;
mod previous_run;
mod reader;
mod recorder;
mod run;
mod run_summary;
mod sending;
mod signals;
mod target;
mod work_item;

pub use run::run;
