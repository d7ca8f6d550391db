//! Conditions on cells: what `keep`, `drop` and `when` ask.
//!
//! A condition is parsed over column names and bound once to their places; then it only compares.
//! `C` is the name while it is parsed and the place afterwards.

use regex::Regex;

use super::cells::Cells;
use crate::text;

/// A condition over columns that are known as `C`.
#[derive(Debug, Clone)]
pub(super) enum Condition<C> {
    /// What one cell must be.
    Test(Test<C>),
    /// One is enough.
    Any(Vec<Condition<C>>),
    /// All must hold.
    All(Vec<Condition<C>>),
}

/// What one cell must be.
#[derive(Debug, Clone)]
pub(super) struct Test<C> {
    pub(super) column: C,
    pub(super) ask: Ask,
}

/// What is asked of a cell.
#[derive(Debug, Clone)]
pub(super) enum Ask {
    /// It is one of these.
    Is(Vec<String>),
    /// It is none of these.
    IsNot(Vec<String>),
    /// The expression is found in it.
    Matches(Regex),
    /// It is empty, or is not.
    Empty(bool),
}

impl<C> Condition<C> {
    /// The condition over the places that `find` gives; `None` where it gives none for some column.
    /// All are looked up.
    pub(super) fn bind<D>(&self, find: &mut dyn FnMut(&C) -> Option<D>) -> Option<Condition<D>> {
        let mut all = |conditions: &[Self]| {
            let bound: Vec<_> = conditions.iter().map(|condition| condition.bind(find)).collect();
            bound.into_iter().collect::<Option<Vec<_>>>()
        };
        Some(match self {
            Self::Test(test) => {
                Condition::Test(Test { column: find(&test.column)?, ask: test.ask.clone() })
            }
            Self::Any(conditions) => Condition::Any(all(conditions)?),
            Self::All(conditions) => Condition::All(all(conditions)?),
        })
    }
}

impl Condition<usize> {
    /// Whether it holds for a row.
    pub(super) fn holds(&self, cells: &Cells<'_>) -> bool {
        match self {
            Self::Test(test) => test.holds(cells.get(test.column)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(cells)),
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(cells)),
        }
    }

    /// Why `[rows] keep` leaves the row out; for a condition that does not hold.
    pub(super) fn not_kept(&self, cells: &Cells<'_>, header: &[String]) -> String {
        match self {
            Self::Test(test) => {
                let asked = match &test.ask {
                    Ask::Is(_) => "not among those that [rows] keep asks for",
                    Ask::IsNot(_) => "[rows] keep asks for another one",
                    Ask::Matches(_) => "does not match what [rows] keep asks for",
                    Ask::Empty(true) => "[rows] keep asks for an empty cell",
                    Ask::Empty(false) => "[rows] keep asks for a value",
                };
                format!("{}: {asked}", test.found(cells, header))
            }
            Self::All(conditions) => conditions
                .iter()
                .find(|condition| !condition.holds(cells))
                .map_or_else(String::new, |condition| condition.not_kept(cells, header)),
            Self::Any(_) => {
                "none of the conditions holds of which [rows] keep asks for one".to_owned()
            }
        }
    }

    /// Why `[rows] drop` leaves the row out; for a condition that holds.
    pub(super) fn dropped(&self, cells: &Cells<'_>, header: &[String]) -> String {
        match self {
            Self::Test(test) => format!("{}: left out by [rows] drop", test.found(cells, header)),
            Self::Any(conditions) => conditions
                .iter()
                .find(|condition| condition.holds(cells))
                .map_or_else(String::new, |condition| condition.dropped(cells, header)),
            Self::All(conditions) => {
                let found: Vec<String> = conditions
                    .iter()
                    .filter_map(|condition| match condition {
                        Self::Test(test) => Some(test.found(cells, header)),
                        _ => None,
                    })
                    .collect();
                format!("{}: left out by [rows] drop", found.join(" and "))
            }
        }
    }
}

impl Test<usize> {
    fn holds(&self, cell: &str) -> bool {
        match &self.ask {
            Ask::Is(values) => values.iter().any(|value| value == cell),
            Ask::IsNot(values) => values.iter().all(|value| value != cell),
            Ask::Matches(regex) => regex.is_match(cell),
            Ask::Empty(empty) => cell.is_empty() == *empty,
        }
    }

    /// `Status is "Cancelled"`, `Tracking is empty`.
    fn found(&self, cells: &Cells<'_>, header: &[String]) -> String {
        let name = text::printable(header.get(self.column).map_or("", String::as_str));
        match cells.get(self.column) {
            "" => format!("{name} is empty"),
            cell => format!("{name} is {}", text::quoted(cell)),
        }
    }
}
