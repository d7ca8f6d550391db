//! A mapping and a header to a [`Bound`] mapping: every name is looked up here, once, and what does not fit is noted.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use jiff::{ToSpan, ZonedDateTime};

use super::bound::Bound;
use super::columns::{Columns, NoColumn};
use super::condition::Condition;
use super::error::{Faults, proposal};
use super::fill::FillDown;
use super::group::Grouping;
use super::make::{Oldest, Parts, Split};
use super::source::{self, Steps};
use super::spec::Spec;
use super::toml_tree::Name;
use super::work::{Source, Take};
use crate::shipment::{Field, Wire};
use crate::text;

/// Binds a mapping to the header of `file`; `set` gives constants that override sources, the last one of a field wins.
pub(super) fn bind(
    spec: &Spec,
    name: &str,
    (file, header): (&str, &[String]),
    set: &[(Field, String)],
    faults: &mut Faults,
) -> Bound {
    let mut names = Names { columns: Columns::new(file, header), used: HashSet::new(), faults };
    let keep = names.conditions(&spec.rows.keep);
    let drop = names.conditions(&spec.rows.drop);
    let filled: Vec<usize> = spec.rows.fill_down.iter().filter_map(|name| names.find(name)).collect();

    let mut plan: Vec<(Field, Vec<Source>)> = Vec::new();
    for field in Field::all() {
        if let Some((_, value)) = set.iter().rev().find(|(set, _)| *set == field) {
            plan.push((field, vec![Source { when: None, take: Take::Value(value.trim().to_owned()), steps: None }]));
        } else if let Some((_, sources)) = spec.fields.iter().find(|(mapped, _)| *mapped == field) {
            let bound = names.sources(sources);
            if bound.is_empty() && field.spec().required && sources.iter().all(|source| source.optional) {
                names.without_source(name, file, header, field);
            }
            plan.push((field, bound));
        } else if field.spec().required {
            names.without_source(name, file, header, field);
        }
    }

    let key = plan
        .iter()
        .find(|(field, _)| *field == Field::ORDER_NO)
        .and_then(|(_, sources)| sources.iter().find_map(|source| source.columns().next()));
    let grouped: Vec<usize> = spec.rows.group_by.iter().filter_map(|name| names.find(name)).collect();
    let split =
        spec.rows.split.as_ref().and_then(|(column, at)| Some(Split { column: names.find(column)?, at: at.clone() }));
    let key = grouped.first().copied().or(key);
    let used = names.used;
    let parts = Parts {
        header: header.to_vec(),
        empty: spec.empty.clone(),
        keep,
        drop,
        plan,
        split,
        identity: spec.rows.identity.clone().unwrap_or_else(|| Field::IDENTITY.to_vec()),
        oldest: spec.rows.not_older_than.as_ref().map(|(days, said)| Oldest {
            from: (ZonedDateTime::now().date().saturating_sub(days.days())),
            said: said.clone(),
        }),
        wire: Wire::new(spec.send_empty, &spec.rename),
        unused: (0..header.len()).filter(|place| !used.contains(place)).collect(),
    };
    Bound::new(parts, FillDown::new(filled, key), (!grouped.is_empty()).then(|| Grouping::new(grouped)))
}

/// Names looked up, with what came of it.
struct Names<'a> {
    columns: Columns<'a>,
    /// The places that something reads.
    used: HashSet<usize>,
    faults: &'a mut Faults,
}

impl Names<'_> {
    /// The place of a column; a name that leads to none is noted.
    fn find(&mut self, name: &Name) -> Option<usize> {
        self.place(name.get_ref(), name.span())
    }

    fn place(&mut self, name: &str, span: Range<usize>) -> Option<usize> {
        match self.columns.find(name) {
            Ok(place) => {
                self.used.insert(place);
                Some(place)
            }
            Err(trouble) => {
                self.columns.complain(name, &trouble, span, self.faults);
                None
            }
        }
    }

    fn condition(&mut self, condition: &Condition<Name>) -> Option<Condition<usize>> {
        condition.bind(&mut |name| self.find(name))
    }

    fn conditions(&mut self, conditions: &[Condition<Name>]) -> Vec<Condition<usize>> {
        conditions.iter().filter_map(|condition| self.condition(condition)).collect()
    }

    /// Sources in their order. One whose column the header lacks is left out as long as another one reads a column that
    /// it has: lists of alternatives serve files of which each has one of the names. An optional one always is.
    fn sources(&mut self, sources: &[source::Source]) -> Vec<Source> {
        let present = sources.iter().any(|source| self.reads_a_present_column(source));
        let mut bound = Vec::with_capacity(sources.len());
        for source in sources {
            if (present || source.optional) && self.is_missing(source) {
                continue;
            }
            let when = match &source.when {
                Some(when) => self.condition(when).map(Some),
                None => Some(None),
            };
            let take = match &source.take {
                source::Take::Column(name) => self.find(name).map(Take::Column),
                source::Take::Value(value) => Some(Take::Value(value.clone())),
                source::Take::Template(template) => {
                    let span = template.span();
                    // All columns first, so that each that is missing is noted.
                    let known =
                        template.get_ref().columns().filter(|name| self.place(name, span.clone()).is_none()).count()
                            == 0;
                    let bound = template.get_ref().bind(|name| self.columns.find(name)).ok();
                    bound.filter(|_| known).map(Take::Template)
                }
            };
            if let (Some(when), Some(take)) = (when, take) {
                bound.push(Source { when, take, steps: some_steps(&source.steps) });
            }
        }
        bound
    }

    fn reads_a_present_column(&self, source: &source::Source) -> bool {
        !matches!(source.take, source::Take::Value(_)) && !self.is_missing(source)
    }

    /// Whether some column that the source takes is not in the header at all.
    fn is_missing(&self, source: &source::Source) -> bool {
        let missing = |name: &str| matches!(self.columns.find(name), Err(NoColumn::Missing | NoColumn::TooFew(_)));
        match &source.take {
            source::Take::Column(name) => missing(name.get_ref()),
            source::Take::Template(template) => template.get_ref().columns().any(missing),
            source::Take::Value(_) => false,
        }
    }

    fn without_source(&mut self, name: &str, file: &str, header: &[String], field: Field) {
        let names: Vec<&str> = header.iter().map(String::as_str).collect();
        let title = format!("the mapping {} has no source for {field}", text::printable(name));
        let added = self.faults.whole(title).advise(format!(
            "the webhook takes no shipment without it: add a line {field} = \"…\" to [fields], or give --set \
                 {field}=VALUE"
        ));
        if let Some(advice) = proposal(field.name(), &names, &format!("the columns of {} are", text::printable(file))) {
            added.advise(advice);
        }
    }
}

fn some_steps(steps: &Arc<Steps>) -> Option<Arc<Steps>> {
    (!steps.are_none()).then(|| Arc::clone(steps))
}
