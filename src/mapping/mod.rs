//! mapping

pub mod case;
pub mod date;
pub mod guard;
pub mod number;
pub mod template;
