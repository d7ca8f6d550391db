//! The language of a mapping file as plain data, after parsing and before it meets a header.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use regex::Regex;

use super::condition::Condition;
use super::source::{Source, Take};
use super::toml_tree::Name;
use crate::limits::AnswerRule;
use crate::row::Form;
use crate::shipment::Field;

/// All that a mapping file says.
#[derive(Debug, Default)]
pub(super) struct Spec {
    /// `[source]`, but for `empty`.
    pub(super) form: Form,
    /// `[source] empty`: cells that count as empty.
    pub(super) empty: Vec<String>,
    /// `[rows]`.
    pub(super) rows: Rows,
    /// `[join]`.
    pub(super) join: Option<Join>,
    /// The lookups that are files, by name.
    pub(super) filed: Vec<(String, FromFile)>,
    /// `[fields]`: the sources of each field, the first that gives a value wins.
    pub(super) fields: Vec<(Field, Vec<Source>)>,
    /// `[payload] send_empty`.
    pub(super) send_empty: bool,
    /// `[payload] rename`.
    pub(super) rename: Vec<(Field, String)>,
    /// `[delivery]`.
    pub(super) delivery: Delivery,
}

/// A column's name without the number behind `#`.
fn unnumbered(name: &str) -> &str {
    name.rsplit_once('#').filter(|(base, _)| !base.trim().is_empty()).map_or(name, |(base, _)| base)
}

impl Spec {
    /// The names of all columns that are read, without the number behind `#`.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut note = |name: &str| {
            names.insert(unnumbered(name).to_owned());
        };
        for source in self.fields.iter().flat_map(|(_, sources)| sources) {
            match &source.take {
                Take::Column(name) | Take::Carrier(name) => note(name.get_ref()),
                Take::Template(template) => template.get_ref().columns().for_each(&mut note),
                Take::Value(_) => {}
            }
        }
        let conditions = self.rows.keep.iter().chain(&self.rows.drop);
        for condition in conditions {
            condition.bind(&mut |name| {
                note(name.get_ref());
                Some(())
            });
        }
        self.rows.fill_down.iter().chain(&self.rows.group_by).for_each(|name| note(name.get_ref()));
        self.join.iter().flat_map(|join| &join.on).for_each(|(ours, _)| note(ours.get_ref()));
        names
    }

    /// The names of the columns that are read of the joined export.
    pub(super) fn joined_names(&self) -> BTreeSet<String> {
        let Some(join) = &self.join else { return BTreeSet::new() };
        let on = join.on.iter().map(|(_, theirs)| unnumbered(theirs.get_ref()).to_owned());
        on.chain(self.names().iter().filter_map(|name| join.column(name)).map(str::to_owned))
            .collect()
    }
}

/// `[rows]`: which rows are data, and what they inherit.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// All must hold.
    pub(super) keep: Vec<Condition<Name>>,
    /// None must hold.
    pub(super) drop: Vec<Condition<Name>>,
    /// Columns whose empty cells take the value of the row above.
    pub(super) fill_down: Vec<Name>,
    /// Columns of which rows with the same values are one shipment.
    pub(super) group_by: Vec<Name>,
    /// Whether such rows are looked for in the whole file, and not only one after the other.
    pub(super) anywhere: bool,
    /// A column whose cells hold several values, and the expression that stands between them.
    pub(super) split: Option<(Name, Regex)>,
    /// The fields that tell a shipment from others; the usual ones where it says nothing.
    pub(super) identity: Option<Vec<Field>>,
    /// The age of the oldest orders that are sent, in days, and how the file says it.
    pub(super) not_older_than: Option<(i64, String)>,
}

/// `[join]`: another export, in which the rest of an order stands.
#[derive(Debug)]
pub(super) struct Join {
    /// Where the table stands in the file.
    pub(super) span: Range<usize>,
    /// Its path, relative to the mapping's; `None` where only `--join` says it.
    pub(super) file: Option<Name>,
    /// The columns that are compared: the input's, and its.
    pub(super) on: Vec<(Name, Name)>,
    /// What its columns begin with, before a dot.
    pub(super) alias: String,
    /// What becomes of rows without a match.
    pub(super) missing: Missing,
}

/// What becomes of a row to which nothing can be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Skip,
    Invalid,
}

impl Join {
    /// What stands behind the dot, where `name` is one of its columns: `shipment.Tracking`.
    pub(super) fn column<'n>(&self, name: &'n str) -> Option<&'n str> {
        let (alias, column) = name.split_at_checked(self.alias.len())?;
        let column = column.strip_prefix('.').filter(|column| !column.is_empty())?;
        alias.eq_ignore_ascii_case(&self.alias).then_some(column)
    }
}

/// `[delivery]`: defaults for the flags of the same name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The options and their values as a command line takes them, in the order of the file.
    pub options: Vec<(String, String)>,
    /// Answers taken for something else than usual, first match first.
    pub answers: Vec<AnswerRule>,
}

/// What `[delivery]` takes besides `answers`: the options, as their own module defines them.
#[derive(Debug, Clone)]
pub struct DeliveryKeys {
    /// The keys.
    pub names: Vec<String>,
    /// Whether a key takes a value, a text or (the last argument false) a number without quotes; if
    /// not, what it expects.
    pub check: fn(&str, &str, bool) -> Result<(), String>,
}

/// `[lookups.NAME]`: what is written instead of what stands in a cell.
#[derive(Debug)]
pub(super) struct Lookup {
    /// Its name in the file.
    pub(super) name: String,
    /// Cell to value.
    pub(super) entries: HashMap<String, String>,
    /// The same in lower case, for `ignore_case`; `None` stands for two entries that are then alike
    /// and differ.
    pub(super) folded: HashMap<String, Option<String>>,
    /// The file that is asked for what the entries do not have.
    pub(super) from: Option<FromFile>,
}

/// Two columns of a file, as a lookup.
#[derive(Debug, Clone)]
pub(super) struct FromFile {
    /// Its path, relative to the mapping's.
    pub(super) file: Name,
    /// The column in which a value is looked for.
    pub(super) key: Name,
    /// The column of what is written instead.
    pub(super) value: Name,
}

impl Lookup {
    /// An empty one.
    pub(super) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), entries: HashMap::new(), folded: HashMap::new(), from: None }
    }
}

/// All lookups by name.
pub(super) type Lookups = HashMap<String, Arc<Lookup>>;
