//! Sources at work: a row's cells to a field's value.
//!
//! A bound source knows columns by their places, and its buffers are the caller's [`Desk`], so that a row neither looks
//! up a name nor allocates. An empty value passes every step untouched until `default`.

use std::borrow::Cow;
use std::sync::Arc;

use super::cells::Cells;
use super::condition::Condition;
use super::guard;
use super::source::{LookUp, Otherwise, Shape, Steps};
use super::template::BoundTemplate;
use crate::text;

/// One source of a field, bound to a header.
#[derive(Debug)]
pub(super) struct Source {
    /// It gives nothing unless this holds.
    pub(super) when: Option<Condition<usize>>,
    /// What is taken.
    pub(super) take: Take,
    /// What is done to it; `None` where the value passes as it was taken.
    pub(super) steps: Option<Arc<Steps>>,
}

/// What a bound source takes.
#[derive(Debug)]
pub(super) enum Take {
    Column(usize),
    Template(BoundTemplate),
    Value(String),
}

/// The buffers in which values are worked.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// The value.
    pub(super) value: String,
    /// Where the next step writes.
    spare: String,
}

/// Why a source gives no value that can be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// What was taken.
    pub(super) value: String,
    /// Why, without the value.
    pub(super) reason: String,
}

impl Source {
    /// The places that what is taken comes from.
    pub(super) fn columns(&self) -> impl Iterator<Item = usize> {
        let (one, many) = match &self.take {
            Take::Column(column) => (Some(*column), None),
            Take::Template(template) => (None, Some(template.columns())),
            Take::Value(_) => (None, None),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// The cell that is the value, where nothing is asked of it or done to it.
    pub(super) fn plain(&self) -> Option<usize> {
        match self {
            Self { when: None, take: Take::Column(column), steps: None } => Some(*column),
            _ => None,
        }
    }

    /// Leaves the source's value on the desk: empty where it gives none.
    pub(super) fn work(&self, cells: &Cells<'_>, desk: &mut Desk) -> Result<(), Trouble> {
        desk.value.clear();
        if self.when.as_ref().is_some_and(|when| !when.holds(cells)) {
            return Ok(());
        }
        self.take.put(cells, &mut desk.value);
        let Some(steps) = &self.steps else { return Ok(()) };
        steps.run(desk).map_err(|reason| {
            let mut value = String::new();
            self.take.put(cells, &mut value);
            Trouble { value, reason: reason.into_owned() }
        })
    }
}

impl Take {
    fn put(&self, cells: &Cells<'_>, out: &mut String) {
        match self {
            Self::Column(column) => out.push_str(cells.get(*column)),
            Self::Template(template) => template.render(|column| cells.get(column), out),
            Self::Value(value) => out.push_str(value),
        }
    }
}

impl Desk {
    /// Takes what a step wrote as the value.
    fn turn(&mut self) {
        std::mem::swap(&mut self.value, &mut self.spare);
    }

    fn replace_value(&mut self, value: &str) {
        self.value.clear();
        self.value.push_str(value);
    }

    fn trim(&mut self) {
        let trimmed = guard::trim(&self.value);
        if trimmed.len() < self.value.len() {
            self.spare.clear();
            self.spare.push_str(trimmed);
            self.turn();
        }
    }
}

impl Steps {
    fn run(&self, desk: &mut Desk) -> Result<(), Cow<'static, str>> {
        if !desk.value.is_empty() {
            self.shape_value(desk)?;
        }
        if desk.value.is_empty() {
            if let Some(default) = &self.default {
                desk.value.push_str(default);
            }
            if self.required && desk.value.is_empty() {
                return Err("gives no value, and the mapping requires one".into());
            }
        }
        Ok(())
    }

    fn shape_value(&self, desk: &mut Desk) -> Result<(), Cow<'static, str>> {
        if self.empty.contains(&desk.value) {
            desk.value.clear();
        }
        if let Some(regex) = &self.extract {
            extract(regex, desk);
        }
        for (regex, with) in &self.replace {
            replace(regex, with, desk);
        }
        if desk.value.is_empty() {
            return Ok(());
        }
        if let Some(lookup) = &self.lookup {
            lookup.run(desk)?;
            if desk.value.is_empty() {
                return Ok(());
            }
        }
        if let Some(case) = self.case {
            case.apply(&desk.value, &mut desk.spare);
            desk.turn();
        }
        match &self.shape {
            None => {}
            Some(Shape::Date(rule)) => {
                rule.apply(&desk.value, &mut desk.spare).map_err(|trouble| trouble.to_string())?;
                desk.turn();
            }
            Some(Shape::Number(rule)) => {
                rule.apply(&desk.value, &mut desk.spare).map_err(|trouble| trouble.to_string())?;
                desk.turn();
            }
        }
        if let Some(pad) = &self.pad_left {
            let missing = pad.to.saturating_sub(desk.value.chars().count());
            if missing > 0 {
                desk.spare.clear();
                desk.spare.extend(std::iter::repeat_n(pad.with, missing));
                desk.spare.push_str(&desk.value);
                desk.turn();
            }
        }
        if let Some(length) = self.max_length.filter(|length| *length < desk.value.len())
            && let Some((end, _)) = desk.value.char_indices().nth(length)
        {
            desk.value.truncate(desk.value[..end].trim_end().len());
        }
        Ok(())
    }
}

/// The first group that took part, or the whole match where the expression has no group; nothing where it is not found.
fn extract(regex: &regex::Regex, desk: &mut Desk) {
    let found = if regex.captures_len() == 1 {
        regex.find(&desk.value)
    } else {
        regex.captures(&desk.value).and_then(|groups| groups.iter().skip(1).flatten().next())
    };
    desk.spare.clear();
    if let Some(found) = found {
        desk.spare.push_str(guard::trim(found.as_str()));
    }
    desk.turn();
}

/// Every match replaced, `$1` standing for the first group; blanks that are then at the ends are taken off.
fn replace(regex: &regex::Regex, with: &str, desk: &mut Desk) {
    desk.spare.clear();
    let mut end = 0;
    if with.contains('$') {
        for groups in regex.captures_iter(&desk.value) {
            let Some(found) = groups.get(0) else { continue };
            desk.spare.push_str(&desk.value[end..found.start()]);
            groups.expand(with, &mut desk.spare);
            end = found.end();
        }
    } else {
        for found in regex.find_iter(&desk.value) {
            desk.spare.push_str(&desk.value[end..found.start()]);
            desk.spare.push_str(with);
            end = found.end();
        }
    }
    desk.spare.push_str(&desk.value[end..]);
    desk.turn();
    desk.trim();
}

impl LookUp {
    fn run(&self, desk: &mut Desk) -> Result<(), Cow<'static, str>> {
        let found = if self.ignore_case {
            desk.spare.clear();
            if desk.value.is_ascii() {
                desk.spare.push_str(&desk.value);
                desk.spare.make_ascii_lowercase();
            } else {
                desk.spare.extend(desk.value.chars().flat_map(char::to_lowercase));
            }
            self.table.folded.get(desk.spare.as_str()).and_then(Option::as_ref)
        } else {
            self.table.entries.get(desk.value.as_str())
        };
        match (found, &self.otherwise) {
            (Some(value), _) | (None, Otherwise::Value(value)) => desk.replace_value(value),
            (None, Otherwise::Keep) => {}
            (None, Otherwise::Empty) => desk.value.clear(),
            (None, Otherwise::Error) => {
                let name = text::printable(&self.table.name);
                return Err(format!(
                    "is not in [lookups.{name}]; add it there, or say in the mapping what to do otherwise"
                )
                .into());
            }
        }
        Ok(())
    }
}
