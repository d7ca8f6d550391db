//! The first room: the bytes of an input become rows.
//!
//! A file is opened, unpacked and decoded, or refused by name when it is no table; its delimiter,
//! its quoting and its header are found from its content, and its records are read one after the
//! other, each with its number and its physical line. What is wrong with one row stays with that
//! row ([`crate::row::Reading`]); an [`Error`] says that the whole file cannot be used. Memory does
//! not grow with the file: a record is held up to 1 MiB, a row's memory is reused.

mod about;
mod ahead;
mod dialect;
mod encoding;
mod error;
mod first;
mod footer;
mod found;
mod header;
mod open;
mod record;
mod rows;
mod shape;
mod sheet;
mod spool;
#[cfg(test)]
mod tests;
mod unpack;
mod window;

pub use about::About;
pub use ahead::Ahead;
pub use error::Error;
pub use first::Kind;
pub use found::{Found, Packing};
pub use rows::{Digest, Source};
pub use spool::{Readable, STANDARD_INPUT};
