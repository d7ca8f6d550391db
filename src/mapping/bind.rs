//! A mapping and a header to a [`Bound`] mapping: every name is looked up here, once, and what does
//! not fit is noted.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use jiff::{ToSpan, ZonedDateTime};

use super::bound::Bound;
use super::columns::{Columns, NoColumn};
use super::condition::Condition;
use super::error::{Faults, proposal};
use super::fill::FillDown;
use super::group::Grouping;
use super::join::BoundJoin;
use super::make::{Oldest, Parts, Split};
use super::source::{self, Steps};
use super::spec::{Join, Missing, Spec};
use super::table::{Table, TableBuilder, Tables};
use super::toml_tree::Name;
use super::work::{Source, Take};
use crate::shipment::{Field, Wire};
use crate::text;

/// Binds a mapping to the header of `file`; `set` gives constants that override sources, the last
/// one of a field wins.
pub(super) fn bind(
    spec: &Spec,
    name: &str,
    (file, header): (&str, &[String]),
    tables: &Tables,
    set: &[(Field, String)],
    faults: &mut Faults,
) -> Bound {
    let table = tables.join.as_ref();
    let joined = spec.join.as_ref().map(|join| Joined {
        join,
        table: table.map(|table| (table.as_ref(), Columns::new(table.file(), table.header()))),
    });
    if let Some(Joined { join, table: None }) = &joined {
        faults
            .at(join.span.clone(), "[join]: the other export is not given", "no file")
            .advise("give its path with --join, or as file in [join], relative to the mapping");
    }
    for (lookup, from) in
        spec.filed.iter().filter(|(lookup, _)| !tables.lookups.contains_key(lookup))
    {
        let title = format!("[lookups.{}]: its file was not read", text::printable(lookup));
        faults.at(from.file.span(), title, "no table");
    }
    let columns = Columns::new(file, header);
    let mut names =
        Names { columns, joined, lookups: &tables.lookups, used: HashSet::new(), faults };
    let keep = names.conditions(&spec.rows.keep);
    let drop = names.conditions(&spec.rows.drop);
    let filled: Vec<usize> =
        spec.rows.fill_down.iter().filter_map(|name| names.find_own(name)).collect();

    let mut plan: Vec<(Field, Vec<Source>)> = Vec::new();
    for field in Field::all() {
        if let Some((_, value)) = set.iter().rev().find(|(set, _)| *set == field) {
            plan.push((
                field,
                vec![Source {
                    when: None,
                    take: Take::Value(value.trim().to_owned()),
                    steps: None,
                    filed: None,
                }],
            ));
        } else if let Some((_, sources)) = spec.fields.iter().find(|(mapped, _)| *mapped == field) {
            let bound = names.sources(sources);
            if bound.is_empty()
                && field.spec().required
                && sources.iter().all(|source| source.optional)
            {
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
    let grouped: Vec<usize> =
        spec.rows.group_by.iter().filter_map(|name| names.find_own(name)).collect();
    let split = spec
        .rows
        .split
        .as_ref()
        .and_then(|(column, at)| Some(Split { column: names.find(column)?, at: at.clone() }));
    let key = grouped.first().copied().or(key.filter(|place| *place < header.len()));
    let join = spec.join.as_ref().and_then(|join| {
        let columns: Vec<usize> =
            join.on.iter().filter_map(|(ours, _)| names.find_own(ours)).collect();
        Some(BoundJoin {
            table: Arc::clone(table?),
            columns,
            alias: join.alias.clone(),
            must_match: join.missing == Missing::Invalid,
            tracking: joined_only(&plan, Field::TRACKINGNUMBER, header.len()),
        })
    });
    let used = names.used;
    let parts = Parts {
        header: header.to_vec(),
        empty: spec.empty.clone(),
        keep,
        drop,
        plan,
        split,
        identity: spec.rows.identity.clone().unwrap_or_else(|| Field::IDENTITY.to_vec()),
        join,
        oldest: spec.rows.not_older_than.as_ref().map(|(days, said)| Oldest {
            from: (ZonedDateTime::now().date().saturating_sub(days.days())),
            said: said.clone(),
        }),
        wire: Wire::new(spec.send_empty, &spec.rename),
        unused: (0..header.len()).filter(|place| !used.contains(place)).collect(),
    };
    Bound::new(
        parts,
        FillDown::new(filled, key),
        (!grouped.is_empty()).then(|| Grouping::new(grouped)),
    )
}

/// The places behind those of the input's own `columns` that a field reads, if it reads nothing
/// else.
fn joined_only(plan: &[(Field, Vec<Source>)], field: Field, columns: usize) -> Vec<usize> {
    let sources =
        plan.iter().find(|(mapped, _)| *mapped == field).map_or(&[][..], |(_, sources)| sources);
    let slots = |source: &Source| {
        source.columns().map(|place| place.checked_sub(columns)).collect::<Vec<_>>()
    };
    let slots: Vec<Option<usize>> = sources.iter().flat_map(slots).collect();
    let has_constant = sources.iter().any(|source| source.columns().next().is_none());
    slots.into_iter().collect::<Option<Vec<usize>>>().filter(|_| !has_constant).unwrap_or_default()
}

/// The table that `[join]` wants of `file`: the columns that are compared, and all that some source
/// reads.
pub(super) fn table(
    spec: &Spec,
    (file, header): (&str, &[String]),
    faults: &mut Faults,
) -> TableBuilder {
    let columns = Columns::new(file, header);
    let (mut keys, mut read) = (Vec::new(), Vec::new());
    if let Some(join) = &spec.join {
        for (_, theirs) in &join.on {
            match columns.find(theirs.get_ref()) {
                Ok(place) => keys.push(place),
                Err(trouble) => columns.complain(theirs.get_ref(), &trouble, theirs.span(), faults),
            }
        }
        // Those that are not there are told when sources are bound, for another source may stand
        // in.
        let mut note = |name: &str| {
            read.extend(join.column(name).and_then(|column| columns.find(column).ok()));
        };
        for source in spec.fields.iter().flat_map(|(_, sources)| sources) {
            match &source.take {
                source::Take::Column(name) | source::Take::Carrier(name) => note(name.get_ref()),
                source::Take::Template(template) => {
                    template.get_ref().columns().for_each(&mut note);
                }
                source::Take::Value(_) => {}
            }
            if let Some(when) = &source.when {
                when.bind(&mut |name| {
                    note(name.get_ref());
                    Some(())
                });
            }
        }
        if let Some((column, _)) = &spec.rows.split {
            note(column.get_ref());
        }
    }
    TableBuilder::new(file, header, &keys, &read, &spec.empty)
}

/// The table that the lookup of that name wants of `file`: its key, then its value.
pub(super) fn lookup_table(
    spec: &Spec,
    name: &str,
    (file, header): (&str, &[String]),
    faults: &mut Faults,
) -> TableBuilder {
    let columns = Columns::new(file, header);
    let (mut keys, mut read) = (Vec::new(), Vec::new());
    if let Some((_, from)) = spec.filed.iter().find(|(lookup, _)| lookup == name) {
        for (column, places) in [(&from.key, &mut keys), (&from.value, &mut read)] {
            match columns.find(column.get_ref()) {
                Ok(place) => places.push(place),
                Err(trouble) => columns.complain(column.get_ref(), &trouble, column.span(), faults),
            }
        }
    }
    TableBuilder::new(file, header, &keys, &read, &spec.empty)
}

/// The other table of a join.
struct Joined<'a> {
    join: &'a Join,
    /// With its columns; `None` where it is not given.
    table: Option<(&'a Table, Columns<'a>)>,
}

impl Joined<'_> {
    /// The place of a column among those that are kept; `None` where the table is not given.
    fn find(&self, column: &str) -> Result<Option<usize>, NoColumn> {
        let Some((table, columns)) = &self.table else { return Ok(None) };
        Ok(table.slot(columns.find(column)?))
    }
}

/// Names looked up, with what came of it.
struct Names<'a> {
    columns: Columns<'a>,
    joined: Option<Joined<'a>>,
    /// The lookups that are files, by name.
    lookups: &'a HashMap<String, Arc<Table>>,
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
        match self.look(name) {
            Ok(Some(place)) => {
                self.used.insert(place);
                Some(place)
            }
            // It was said already that there is no other table.
            Ok(None) => None,
            Err(trouble) => {
                match self
                    .joined
                    .as_ref()
                    .and_then(|joined| Some((joined.join.column(name)?, joined.table.as_ref()?)))
                {
                    Some((column, (_, columns))) => {
                        columns.complain(column, &trouble, span, self.faults);
                    }
                    None => self.columns.complain(name, &trouble, span, self.faults),
                }
                None
            }
        }
    }

    /// The place of a column of the input, or behind them of the other table; `None` where that is
    /// not given.
    fn look(&self, name: &str) -> Result<Option<usize>, NoColumn> {
        match self.joined.as_ref().and_then(|joined| Some((joined, joined.join.column(name)?))) {
            Some((joined, column)) => {
                Ok(joined.find(column)?.map(|slot| self.columns.len() + slot))
            }
            None => self.columns.find(name).map(Some),
        }
    }

    /// The place of a column that must be the input's own.
    fn find_own(&mut self, name: &Name) -> Option<usize> {
        if self.joined.as_ref().is_some_and(|joined| joined.join.column(name.get_ref()).is_some()) {
            let title = format!(
                "{} is a joined column, and rows are joined only later",
                text::quoted(name.get_ref())
            );
            self.faults.at(name.span(), title, "not known here").advise(
                "[rows] keep, drop, fill_down and group_by, and [join] on, take columns of the input; in [fields] a source \
                 can have a when",
            );
            return None;
        }
        self.find(name)
    }

    fn condition(&mut self, condition: &Condition<Name>) -> Option<Condition<usize>> {
        condition.bind(&mut |name| self.find(name))
    }

    /// Conditions on columns of the input.
    fn conditions(&mut self, conditions: &[Condition<Name>]) -> Vec<Condition<usize>> {
        conditions
            .iter()
            .filter_map(|condition| condition.bind(&mut |name| self.find_own(name)))
            .collect()
    }

    /// Sources in their order. One whose column the header lacks is left out as long as another one
    /// reads a column that it has: lists of alternatives serve files of which each has one of the
    /// names. An optional one always is.
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
                source::Take::Carrier(name) => self.find(name).map(Take::Carrier),
                source::Take::Value(value) => Some(Take::Value(value.clone())),
                source::Take::Template(template) => {
                    let span = template.span();
                    // All columns first, so that each that is missing is noted.
                    let known = template
                        .get_ref()
                        .columns()
                        .filter(|name| self.place(name, span.clone()).is_none())
                        .count()
                        == 0;
                    let bound = template
                        .get_ref()
                        .bind(|name| self.look(name).ok().flatten().ok_or(()))
                        .ok();
                    bound.filter(|_| known).map(Take::Template)
                }
            };
            if let (Some(when), Some(take)) = (when, take) {
                let lookup =
                    source.steps.lookup.as_ref().filter(|lookup| lookup.table.from.is_some());
                let filed =
                    lookup.and_then(|lookup| self.lookups.get(&lookup.table.name)).map(Arc::clone);
                bound.push(Source { when, take, steps: some_steps(&source.steps), filed });
            }
        }
        bound
    }

    fn reads_a_present_column(&self, source: &source::Source) -> bool {
        !matches!(source.take, source::Take::Value(_)) && !self.is_missing(source)
    }

    /// Whether some column that the source takes is not in the header at all.
    fn is_missing(&self, source: &source::Source) -> bool {
        let missing =
            |name: &str| matches!(self.look(name), Err(NoColumn::Missing | NoColumn::TooFew(_)));
        match &source.take {
            source::Take::Column(name) | source::Take::Carrier(name) => missing(name.get_ref()),
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
        if let Some(advice) =
            proposal(field.name(), &names, &format!("the columns of {} are", text::printable(file)))
        {
            added.advise(advice);
        }
    }
}

fn some_steps(steps: &Arc<Steps>) -> Option<Arc<Steps>> {
    (!steps.are_none()).then(|| Arc::clone(steps))
}
