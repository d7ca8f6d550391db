//! The mapping: a TOML file, parsed with spans, bound once to an input's header, then applied row
//! by row.
//!
//! ```text
//! text ─ parse ─▶ Spec ─ bind (header, --set) ─▶ Bound ─ Row … ─▶ Unit: Shipment | skipped | invalid
//! ```
//!
//! Pure but for [`Mapping::load`], which reads the file and those that it extends. Everything that
//! can be wrong with the file or with its fit to the header is found before the first row, and
//! shown together; what is wrong with a row is a `Problem` of that row.

mod bind;
mod bound;
pub mod builtin;
pub mod case;
mod cells;
mod columns;
mod combine;
mod condition;
pub mod date;
mod error;
mod file;
mod fill;
mod group;
pub mod guard;
mod join;
mod layers;
mod make;
pub mod number;
mod parse;
mod source;
mod spec;
mod table;
pub mod template;
mod toml_tree;
mod unit;
mod work;

pub use bound::Bound;
pub use error::Error;
pub use file::Mapping;
pub use spec::{Delivery, DeliveryKeys};
pub use table::{Table, TableBuilder, Tables, Unmatched};
pub use unit::{Line, Made, Member, Unit, Worked};

#[cfg(test)]
mod tests;
