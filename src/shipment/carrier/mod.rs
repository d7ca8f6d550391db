//! Carriers: the many ways in which shops and shipping systems write them, folded to one name each.
//!
//! A name is looked at by its letters and digits alone, in lower case and without accents. A
//! service of a carrier (`FedEx Ground`) is that carrier, but those that somebody else delivers
//! (`SmartPost`) have their own names. A sign must start where a word starts, so that
//! `Contract couriers` is not `OnTrac`; where several signs are found, the longest one decides.
//! Pure. `mapping` looks names up here, `check` warns of those that are not known, `tracking` asks
//! whose number it looks at.

mod fold;
mod names;
mod posts;
#[cfg(test)]
mod tests;

pub use fold::{fold, nearest};
pub(super) use posts::POSTS;
