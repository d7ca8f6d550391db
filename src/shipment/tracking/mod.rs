//! Tracking numbers: which carrier's format a number has, and whether its check digit is right.
//!
//! Formats and check digits after the public collection `tracking_number_data` (MIT) and the
//! carriers' own documents. Many formats are so wide that a tenth of all numbers pass them, so a
//! carrier is inferred from a few alone. A number is looked at without spaces and dashes, in
//! capitals. Pure, without a regular expression and without the heap. `mapping` infers carriers,
//! `check` warns of misprints, `init` knows columns of tracking numbers by them.

mod digits;
mod formats;
mod judge;
mod posts;
#[cfg(test)]
mod tests;

pub use judge::{infer, is_misprint, possible};
