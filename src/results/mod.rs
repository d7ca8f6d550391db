//! Outcomes to files: RESULTS in input order, the rows that were not accepted, and the summary of
//! the run.
//!
//! `import` expects each row in the order of the input and settles it whenever its outcome is
//! known; the window between the two is bounded. Everything is written beside its target first and
//! takes the target's place at the end, so that a target is always a whole run's.

mod cells;
mod draft;
mod error;
mod failed;
mod figures;
mod line;
mod lines_by_row;
mod paths;
mod reader;
mod reasons;
mod sink;
pub mod summary;
#[cfg(test)]
mod tests;
mod writer;

pub use cells::csv_line;
pub use draft::{Holder, Leftover, partial_of, refuse_leftover};
pub use error::{Error, RowName};
pub use failed::FailedRows;
pub use line::Labels;
pub use lines_by_row::LinesByRow;
pub use paths::Paths;
pub use reader::{Entry, Reader};
pub use reasons::{MAX_REASONS, OTHER_REASONS};
pub use summary::Summary;
pub use writer::{Finished, Results, Terms, WINDOW};
