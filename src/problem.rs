//! What is wrong with a row, in parts, so that it can be shown in one line and counted by its
//! reason.
//!
//! `source` and `mapping` make problems; `results` shows them, `check` groups them.

use std::fmt;

use crate::text;

/// One thing wrong with a row: an error where it makes the row `invalid`, else a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which row of those that belong together is meant, as its place among them, from 0.
    pub member: usize,
    /// The payload field (or, where there is none, the part of the mapping) that asked for the
    /// value.
    pub field: Option<&'static str>,
    /// The header's name of the column the value came from, with its place (from 0).
    pub column: Option<(String, usize)>,
    /// The value as it stood in the cell; empty where it is the absence that is wrong.
    pub value: String,
    /// Why, without row, column or value, so that equal troubles have equal reasons:
    /// `is not a date like 31.12.2026`.
    pub reason: String,
}

impl Problem {
    /// A problem that belongs to the whole row.
    pub fn of_row(reason: impl Into<String>) -> Self {
        Self { member: 0, field: None, column: None, value: String::new(), reason: reason.into() }
    }
}

impl Problem {
    /// What it has in common with others of its kind: the field and the reason.
    pub fn kind(&self) -> String {
        self.field.map_or_else(|| self.reason.clone(), |field| format!("{field}: {}", self.reason))
    }
}

/// `order_date: column "Datum" (C): "31.02.2026" is not a date like 31.12.2026`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = self.field {
            write!(f, "{field}: ")?;
        }
        if let Some((name, index)) = &self.column {
            write!(f, "column {} ({}): ", text::quoted(name), text::column_letter(*index))?;
        }
        if !self.value.is_empty() {
            write!(f, "{} ", text::quoted(&self.value))?;
        }
        f.write_str(&self.reason)
    }
}

/// Several problems in one line, as they stand in the results.
pub fn join(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
