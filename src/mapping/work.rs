//! Sources at work: a row's cells to a field's value.
//!
//! A bound source knows columns by their places, and its buffers are the caller's [`Buffers`], so
//! that a row neither looks up a name nor allocates. An empty value passes every step untouched
//! until `default`.

use std::borrow::Cow;
use std::sync::Arc;

use super::cells::{Cells, Group};
use super::combine::{Combine, Gathered};
use super::condition::Condition;
use super::guard;
use super::join::MAX_MATCHES;
use super::source::{LookUp, Otherwise, Shape, Steps};
use super::table::Table;
use super::template::BoundTemplate;
use crate::shipment::{carrier, tracking};
use crate::text;

/// What stands between joined values where the mapping does not say it.
const DEFAULT_SEPARATOR: &str = ", ";

/// One source of a field, bound to a header.
#[derive(Debug)]
pub(super) struct Source {
    /// It gives nothing unless this holds.
    pub(super) when: Option<Condition<usize>>,
    /// What is taken.
    pub(super) take: Take,
    /// What is done to it; `None` where the value passes as it was taken.
    pub(super) steps: Option<Arc<Steps>>,
    /// The file of the lookup among the steps, where it is one.
    pub(super) filed: Option<Arc<Table>>,
}

/// What a bound source takes.
#[derive(Debug)]
pub(super) enum Take {
    Column(usize),
    Template(BoundTemplate),
    Value(String),
    Carrier(usize),
}

/// The buffers in which values are worked.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// The value.
    pub(super) value: String,
    /// Where the next step writes.
    spare: String,
    /// The row that gave the value, as its place among the unit's members.
    pub(super) member: usize,
}

/// Why a source gives no value that can be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// In which row, as its place among the unit's members.
    pub(super) member: usize,
    /// What was taken.
    pub(super) value: String,
    /// Why, without the value.
    pub(super) reason: String,
}

impl Source {
    /// The places that what is taken comes from.
    pub(super) fn columns(&self) -> impl Iterator<Item = usize> {
        let (one, many) = match &self.take {
            Take::Column(column) | Take::Carrier(column) => (Some(*column), None),
            Take::Template(template) => (None, Some(template.columns())),
            Take::Value(_) => (None, None),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// The cell that is the value, where nothing is asked of it or done to it.
    pub(super) fn plain(&self) -> Option<usize> {
        match self {
            Self { when: None, take: Take::Column(column), steps: None, filed: _ } => Some(*column),
            _ => None,
        }
    }

    /// How the rows' values become one.
    pub(super) fn combine(&self) -> Combine {
        self.steps.as_ref().map_or(Combine::First, |steps| steps.combine)
    }

    /// Leaves the value that the source has for a group on the buffers: empty where it gives none.
    /// Gives what was gathered, where several rows were asked.
    pub(super) fn work(
        &self,
        group: Group<'_>,
        buffers: &mut Buffers,
    ) -> Result<Option<Gathered>, Trouble> {
        let combine = self.combine();
        let gathered = match combine {
            Combine::First => {
                self.first_of(group.rows(), buffers)?;
                None
            }
            Combine::Last => {
                self.first_of(group.rows().rev(), buffers)?;
                None
            }
            _ => Some(self.gather(group, combine, buffers)?),
        };
        if let Some(steps) = &self.steps {
            steps.finish(buffers).map_err(|reason| {
                let member = group.rows().next().map_or(0, |(member, _)| member);
                self.trouble(member, group, reason.into())
            })?;
        }
        Ok(gathered)
    }

    /// The value of the first of these rows that has one.
    fn first_of<'a>(
        &self,
        rows: impl Iterator<Item = (usize, Cells<'a>)>,
        buffers: &mut Buffers,
    ) -> Result<(), Trouble> {
        for (member, cells) in rows {
            buffers.member = member;
            self.work_row(member, &cells, buffers)?;
            if !buffers.value.is_empty() {
                break;
            }
        }
        Ok(())
    }

    fn gather(
        &self,
        group: Group<'_>,
        combine: Combine,
        buffers: &mut Buffers,
    ) -> Result<Gathered, Trouble> {
        let mut gathered = Gathered::default();
        let mut from = Vec::new();
        for (member, cells) in group.rows() {
            self.work_row(member, &cells, buffers)?;
            if !buffers.value.is_empty() {
                gathered.add(&buffers.value);
                from.push(member);
            }
        }
        buffers.member = from.first().copied().unwrap_or(0);
        let separator = self
            .steps
            .as_ref()
            .and_then(|steps| steps.separator.as_deref())
            .unwrap_or(DEFAULT_SEPARATOR);
        gathered.write(combine, separator, &mut buffers.value).map_err(|place| {
            let reason = "is not a number that could be added up; say in the mapping how it is written, with number";
            self.trouble(from.get(place).copied().unwrap_or(0), group, reason.into())
        })?;
        Ok(gathered)
    }

    /// Leaves the value for one row on the buffers, before it is combined with those of others.
    pub(super) fn work_row(
        &self,
        member: usize,
        cells: &Cells<'_>,
        buffers: &mut Buffers,
    ) -> Result<(), Trouble> {
        buffers.value.clear();
        if self.when.as_ref().is_some_and(|when| !when.holds(cells)) {
            return Ok(());
        }
        self.take.put(cells, &mut buffers.value);
        let Some(steps) = &self.steps else { return Ok(()) };
        if buffers.value.is_empty() {
            return Ok(());
        }
        steps.shape_value(buffers, self.filed.as_deref()).map_err(|reason| {
            let mut value = String::new();
            self.take.put(cells, &mut value);
            Trouble { member, value, reason: reason.into_owned() }
        })
    }

    fn trouble(&self, member: usize, group: Group<'_>, reason: Cow<'static, str>) -> Trouble {
        let mut value = String::new();
        self.take.put(&group.row(member), &mut value);
        Trouble { member, value, reason: reason.into_owned() }
    }
}

impl Take {
    fn put(&self, cells: &Cells<'_>, out: &mut String) {
        match self {
            Self::Column(column) => out.push_str(cells.get(*column)),
            Self::Template(template) => template.render(|column| cells.get(column), out),
            Self::Value(value) => out.push_str(value),
            Self::Carrier(column) => {
                out.push_str(tracking::infer(cells.get(*column)).unwrap_or_default());
            }
        }
    }
}

impl Buffers {
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
    /// What follows once the rows' values are one.
    fn finish(&self, buffers: &mut Buffers) -> Result<(), &'static str> {
        if let Some(length) = self.max_length.filter(|length| *length < buffers.value.len())
            && let Some((end, _)) = buffers.value.char_indices().nth(length)
        {
            buffers.value.truncate(buffers.value[..end].trim_end().len());
        }
        if buffers.value.is_empty() {
            if let Some(default) = &self.default {
                buffers.value.push_str(default);
            }
            if self.required && buffers.value.is_empty() {
                return Err("gives no value, and the mapping requires one");
            }
        }
        Ok(())
    }

    fn shape_value(
        &self,
        buffers: &mut Buffers,
        filed: Option<&Table>,
    ) -> Result<(), Cow<'static, str>> {
        if self.empty.contains(&buffers.value) {
            buffers.value.clear();
        }
        if let Some(regex) = &self.extract {
            extract(regex, buffers);
        }
        for (regex, with) in &self.replace {
            replace(regex, with, buffers);
        }
        if buffers.value.is_empty() {
            return Ok(());
        }
        if let Some(lookup) = &self.lookup {
            lookup.run(buffers, filed)?;
            if buffers.value.is_empty() {
                return Ok(());
            }
        }
        if let Some(case) = self.case {
            case.apply(&buffers.value, &mut buffers.spare);
            buffers.turn();
        }
        match &self.shape {
            None => {}
            Some(Shape::Date(rule)) => {
                rule.apply(&buffers.value, &mut buffers.spare)
                    .map_err(|trouble| trouble.to_string())?;
                buffers.turn();
            }
            Some(Shape::Number(rule)) => {
                rule.apply(&buffers.value, &mut buffers.spare)
                    .map_err(|trouble| trouble.to_string())?;
                buffers.turn();
            }
        }
        if let Some(pad) = &self.pad_left {
            let missing = pad.to.saturating_sub(buffers.value.chars().count());
            if missing > 0 {
                buffers.spare.clear();
                buffers.spare.extend(std::iter::repeat_n(pad.with, missing));
                buffers.spare.push_str(&buffers.value);
                buffers.turn();
            }
        }
        Ok(())
    }
}

/// The first group that took part, or the whole match where the expression has no group; nothing
/// where it is not found.
fn extract(regex: &regex::Regex, buffers: &mut Buffers) {
    let found = if regex.captures_len() == 1 {
        regex.find(&buffers.value)
    } else {
        regex.captures(&buffers.value).and_then(|groups| groups.iter().skip(1).flatten().next())
    };
    buffers.spare.clear();
    if let Some(found) = found {
        buffers.spare.push_str(guard::trim(found.as_str()));
    }
    buffers.turn();
}

/// Every match replaced, `$1` standing for the first group; blanks that are then at the ends are
/// taken off.
fn replace(regex: &regex::Regex, with: &str, buffers: &mut Buffers) {
    buffers.spare.clear();
    let mut end = 0;
    if with.contains('$') {
        for groups in regex.captures_iter(&buffers.value) {
            let Some(found) = groups.get(0) else { continue };
            buffers.spare.push_str(&buffers.value[end..found.start()]);
            groups.expand(with, &mut buffers.spare);
            end = found.end();
        }
    } else {
        for found in regex.find_iter(&buffers.value) {
            buffers.spare.push_str(&buffers.value[end..found.start()]);
            buffers.spare.push_str(with);
            end = found.end();
        }
    }
    buffers.spare.push_str(&buffers.value[end..]);
    buffers.turn();
    buffers.trim();
}

/// What the file of a lookup (its key, then its value) says of `value`: empty where all its rows
/// are, `None` where it has no row of that key. Several values would lose all but one of them.
fn look_in<'t>(table: &'t Table, value: &str) -> Result<Option<&'t str>, Cow<'static, str>> {
    let found = table.find(&[value], MAX_MATCHES);
    let mut filled = found.iter().filter_map(|row| {
        let value = row.cells.last().copied().unwrap_or_default();
        (!value.is_empty()).then_some((row.number, value))
    });
    let Some((row, value)) = filled.next() else { return Ok(found.first().map(|_| "")) };
    if let Some((other, another)) = filled.find(|(_, other)| *other != value) {
        let (file, value, another) = (table.file(), text::quoted(value), text::quoted(another));
        let rows = format!("{value} (row {row}) and {another} (row {other})");
        return Err(format!(
            "stands in {file} with different values, {rows}; leave one of them there, or take [join], which makes a \
             shipment for each"
        )
        .into());
    }
    Ok(Some(value))
}

impl LookUp {
    fn run(&self, buffers: &mut Buffers, filed: Option<&Table>) -> Result<(), Cow<'static, str>> {
        let found = if self.ignore_case {
            buffers.spare.clear();
            if buffers.value.is_ascii() {
                buffers.spare.push_str(&buffers.value);
                buffers.spare.make_ascii_lowercase();
            } else {
                buffers.spare.extend(buffers.value.chars().flat_map(char::to_lowercase));
            }
            self.table.folded.get(buffers.spare.as_str()).and_then(Option::as_ref)
        } else {
            self.table.entries.get(buffers.value.as_str())
        };
        let found = match (found, filed) {
            (None, Some(table)) => look_in(table, &buffers.value)?,
            (found, _) => found.map(String::as_str),
        };
        let folded =
            if self.carriers && found.is_none() { carrier::fold(&buffers.value) } else { None };
        match (found.or(folded), &self.otherwise) {
            (Some(value), _) => buffers.replace_value(value),
            (None, Otherwise::Value(value)) => buffers.replace_value(value),
            (None, Otherwise::Keep) => {}
            (None, Otherwise::Empty) => buffers.value.clear(),
            (None, Otherwise::Error) => {
                let name = text::printable(&self.table.name);
                let place = match filed {
                    Some(table) => format!("{} ([lookups.{name}])", table.file()),
                    None => format!("[lookups.{name}]"),
                };
                return Err(format!(
                    "is not in {place}; add it there, or say in the mapping what to do otherwise"
                )
                .into());
            }
        }
        Ok(())
    }
}
