//! Where a field's value comes from: what is taken, and what is done to it, as the mapping file
//! says it.
//!
//! `parse` makes sources over column names; `bind` turns each into a `work::Source` over places,
//! which shares the steps.

use std::sync::Arc;

use regex::Regex;
use toml::Spanned;

use super::case::Case;
use super::combine::Combine;
use super::condition::Condition;
use super::date::DateRule;
use super::number::NumberRule;
use super::spec::Lookup;
use super::template::Template;
use super::toml_tree::Name;

/// One source of a field.
#[derive(Debug)]
pub(super) struct Source {
    /// It gives nothing unless this holds.
    pub(super) when: Option<Condition<Name>>,
    /// What is taken.
    pub(super) take: Take,
    /// What is done to it.
    pub(super) steps: Arc<Steps>,
    /// Whether it is left out where the header lacks what it takes.
    pub(super) optional: bool,
}

/// What a source takes.
#[derive(Debug)]
pub(super) enum Take {
    /// A cell.
    Column(Name),
    /// Several cells in a text.
    Template(Spanned<Template>),
    /// A constant.
    Value(String),
    /// The carrier whose tracking number a cell surely holds.
    Carrier(Name),
}

/// What is done to a value, in this order.
#[derive(Debug, Default)]
pub(super) struct Steps {
    /// Values that count as empty.
    pub(super) empty: Vec<String>,
    /// The part that is taken: the first group that took part, or the whole match where there is
    /// none.
    pub(super) extract: Option<Regex>,
    /// Replacements, one after the other.
    pub(super) replace: Vec<(Regex, String)>,
    /// A table in which the value is looked up.
    pub(super) lookup: Option<LookUp>,
    /// Upper, lower or title case.
    pub(super) case: Option<Case>,
    /// A date or a number in a shape of its own, brought into the webhook's.
    pub(super) shape: Option<Shape>,
    /// Filled up on the left.
    pub(super) pad_left: Option<Pad>,
    /// How the values of a group's rows become one.
    pub(super) combine: Combine,
    /// What stands between values that are joined.
    pub(super) separator: Option<String>,
    /// The most characters.
    pub(super) max_length: Option<usize>,
    /// What stands for an empty value.
    pub(super) default: Option<String>,
    /// Whether an empty value makes the row invalid.
    pub(super) required: bool,
}

impl Steps {
    /// Whether a value passes as it was taken.
    pub(super) fn are_none(&self) -> bool {
        self.empty.is_empty()
            && self.extract.is_none()
            && self.replace.is_empty()
            && self.lookup.is_none()
            && self.case.is_none()
            && self.shape.is_none()
            && self.pad_left.is_none()
            && self.combine == Combine::First
            && self.max_length.is_none()
            && self.default.is_none()
            && !self.required
    }
}

/// How a date or a number is read.
#[derive(Debug)]
pub(super) enum Shape {
    Date(DateRule),
    Number(NumberRule),
}

/// A look-up.
#[derive(Debug)]
pub(super) struct LookUp {
    pub(super) table: Arc<Lookup>,
    pub(super) ignore_case: bool,
    /// Whether a value that the table does not have is looked for among the carriers that are
    /// known.
    pub(super) carriers: bool,
    pub(super) otherwise: Otherwise,
}

/// What becomes of a value that the table does not have.
#[derive(Debug)]
pub(super) enum Otherwise {
    Keep,
    Empty,
    Error,
    Value(String),
}

/// A length to which values are filled up on the left.
#[derive(Debug)]
pub(super) struct Pad {
    pub(super) to: usize,
    pub(super) with: char,
}
