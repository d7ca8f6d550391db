//! From candidates to a plan: which field is filled from what, which rows are left out, and which
//! belong together.

use std::collections::BTreeSet;

use super::assign::assign;
use super::candidates::{Candidate, PLACEHOLDERS, gather};
use super::dates::Dates;
use super::fit::{Confidence, LEAST, score};
use super::shapes::DEAD;
use crate::mapping::guard;
use crate::shipment::Field;

/// A field with its proposed source.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// The field.
    pub(super) field: Field,
    /// The place of its candidate.
    pub(super) candidate: usize,
    /// How sure it is.
    pub(super) confidence: Confidence,
}

/// How rows belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Grouping {
    /// Columns that take the value of the row above, by their places among the candidates.
    pub(super) fill_down: Vec<usize>,
    /// Whether several rows make one shipment.
    pub(super) grouped: bool,
    /// Whether such rows do not all stand together.
    pub(super) anywhere: bool,
    /// Columns whose values differ among the rows of an order, by their places among the
    /// candidates.
    per_row: BTreeSet<usize>,
}

impl Grouping {
    /// Whether the column's values belong to rows, not to the order.
    pub(super) fn is_per_row(&self, candidate: usize) -> bool {
        self.per_row.contains(&candidate)
    }
}

/// All that a mapping is written from.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Columns and what is put together of them.
    pub(super) candidates: Vec<Candidate>,
    /// The fields that are filled, in the order of the wire.
    pub(super) choices: Vec<Choice>,
    /// How rows belong together.
    pub(super) grouping: Grouping,
    /// What separates several tracking numbers in one cell, as a regular expression.
    pub(super) split: Option<&'static str>,
    /// A column whose rows of these values will never be shipped.
    pub(super) dead: Option<(usize, Vec<String>)>,
    /// A line of totals at the end: its order number matches this.
    pub(super) totals: bool,
    /// Cells that stand for nothing.
    pub(super) placeholders: Vec<&'static str>,
}

impl Plan {
    /// Plans a mapping for a header and the first rows.
    pub(super) fn new(header: &[String], rows: &[Vec<String>]) -> Self {
        let mut candidates = gather(header, rows, true);
        // What the clear columns say of day and month holds for the others, too.
        let orders: Vec<bool> =
            candidates.iter().filter_map(|one| one.shape.dates.as_ref()?.is_day_first()).collect();
        let comma = candidates
            .iter()
            .filter_map(|one| one.shape.style)
            .any(|style| style.decimal == ',' && !style.ambiguous);
        let day_first = if orders.is_empty() {
            comma
        } else {
            orders.iter().filter(|first| **first).count() * 2 >= orders.len()
        };
        if !day_first {
            for one in candidates
                .iter_mut()
                .filter(|one| one.shape.dates.as_ref().is_some_and(|dates| dates.ambiguous))
            {
                one.shape.dates = Dates::of(&one.values, false);
            }
        }
        settle_numbers(&mut candidates, comma);
        let choices = choose(&candidates);
        let mut plan = Self {
            candidates,
            choices,
            grouping: Grouping::default(),
            split: None,
            dead: None,
            totals: false,
            placeholders: PLACEHOLDERS.into_iter().filter(|text| stands_in(rows, text)).collect(),
        };
        plan.grouping = plan.group();
        plan.split = plan.separator();
        plan.dead = plan.dead_rows();
        plan.totals = plan.has_totals();
        plan
    }

    /// The candidate that fills the field of that name.
    pub(super) fn of(&self, field: Field) -> Option<&Candidate> {
        self.choices
            .iter()
            .find(|choice| choice.field == field)
            .map(|choice| &self.candidates[choice.candidate])
    }

    fn place_of(&self, field: Field) -> Option<usize> {
        self.choices.iter().find(|choice| choice.field == field).map(|choice| choice.candidate)
    }

    fn group(&self) -> Grouping {
        let Some(order) = self.place_of(Field::ORDER_NO) else { return Grouping::default() };
        let tracking = self.place_of(Field::TRACKINGNUMBER);
        let groups = self.orders(order);
        let number =
            |row: &usize| tracking.map_or("", |place| self.candidates[place].values[*row].as_str());
        let mut grouping = Grouping::default();
        let (mut order_blank, mut tracking_blank, mut summary) = (false, false, false);
        let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
        for group in &groups {
            let mut current = "";
            let mut here: BTreeSet<(&str, &str)> = BTreeSet::new();
            for row in group {
                order_blank |= self.candidates[order].values[*row].is_empty();
                tracking_blank |= number(row).is_empty() && !current.is_empty();
                grouping.grouped |=
                    *row != group[0] && (number(row).is_empty() || number(row) == current);
                if !number(row).is_empty() {
                    current = number(row);
                }
                here.insert((self.candidates[order].values[group[0]].as_str(), current));
            }
            // Buyer and address stand in a first row that has no parcel itself.
            summary |= number(&group[0]).is_empty() && !current.is_empty();
            here.retain(|(order, number)| !order.is_empty() && !number.is_empty());
            grouping.anywhere |= here.iter().any(|key| seen.contains(key));
            seen.extend(here);
        }
        grouping.grouped |= grouping.anywhere;
        let several: Vec<&Vec<usize>> = groups.iter().filter(|group| group.len() > 1).collect();
        for (place, candidate) in
            self.candidates.iter().enumerate().filter(|(_, one)| !one.is_template())
        {
            let values = |group: &[usize]| {
                group.iter().map(|row| candidate.values[*row].as_str()).collect::<Vec<_>>()
            };
            let blank_later =
                |group: &&Vec<usize>| values(&group[1..]).iter().all(|value| value.is_empty());
            let headed = several.iter().any(|group| !candidate.values[group[0]].is_empty());
            if place == order && order_blank
                || Some(place) == tracking && tracking_blank
                || summary
                    && headed
                    && !candidate.source.is_empty()
                    && several.iter().all(blank_later)
            {
                grouping.fill_down.push(place);
            }
            let differs = |group: &&&Vec<usize>| {
                let values = values(group);
                values.iter().all(|value| !value.is_empty())
                    && values.iter().any(|value| *value != values[0])
            };
            if several.iter().any(|group| differs(&group)) {
                grouping.per_row.insert(place);
            }
        }
        grouping
    }

    /// The rows of each order that stand together: a row goes on with an order where it names none,
    /// or the same one again.
    fn orders(&self, order: usize) -> Vec<Vec<usize>> {
        let values = &self.candidates[order].values;
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (row, order_no) in values.iter().enumerate() {
            // One that names no order and has all that an order has is an order without a number.
            let filled = |group: &[usize]| {
                let first = self.candidates.iter().filter(|one| !one.values[group[0]].is_empty());
                let (had, has) = first.fold((0, 0), |(had, has), one| {
                    (had + 1, has + usize::from(!one.values[row].is_empty()))
                });
                has > 0 && has * 3 < had * 2
            };
            match groups.last_mut() {
                Some(group)
                    if !values[group[0]].is_empty()
                        && (order_no.is_empty() && filled(group)
                            || *order_no == values[group[0]]) =>
                {
                    group.push(row);
                }
                _ => groups.push(vec![row]),
            }
        }
        groups
    }

    fn separator(&self) -> Option<&'static str> {
        let tracking = self.of(Field::TRACKINGNUMBER)?;
        if tracking.extract.is_some() {
            return Some(";");
        }
        let values = &tracking.values;
        let several = |signs: &[char]| {
            values.iter().any(|value| {
                let parts: Vec<&str> =
                    value.split(signs).map(str::trim).filter(|part| !part.is_empty()).collect();
                parts.len() > 1
                    && parts.iter().all(|part| {
                        part.len() >= 8 && part.bytes().any(|byte| byte.is_ascii_digit())
                    })
            })
        };
        several(&[',', ';', '|', '/', '\n']).then_some(r"\s*[,;|/\n]\s*")
    }

    fn dead_rows(&self) -> Option<(usize, Vec<String>)> {
        self.candidates.iter().enumerate().filter(|(_, one)| !one.is_template()).find_map(
            |(place, one)| {
                let few = one.shape.filled > 0 && one.shape.shipped.max(one.shape.paid) > 0.5;
                let mut dead: Vec<String> =
                    one.values.iter().filter(|value| DEAD.have(value)).cloned().collect();
                dead.sort_unstable();
                dead.dedup();
                (few && !dead.is_empty()).then_some((place, dead))
            },
        )
    }

    fn has_totals(&self) -> bool {
        let Some(order) = self.of(Field::ORDER_NO) else { return false };
        let last = order
            .values
            .iter()
            .rev()
            .find(|value| !value.is_empty())
            .map(|value| value.to_lowercase());
        last.is_some_and(|last| {
            ["total", "sum", "gesamt", "suma", "totaal"].iter().any(|word| last.starts_with(word))
        })
    }
}

fn stands_in(rows: &[Vec<String>], text: &str) -> bool {
    rows.iter().flatten().any(|cell| guard::peel(cell) == text)
}

/// Where a column's numbers can be read in two ways, the columns that are clear decide.
fn settle_numbers(candidates: &mut [Candidate], comma: bool) {
    let clear: Vec<_> = candidates
        .iter()
        .filter_map(|one| one.shape.style)
        .filter(|style| !style.ambiguous)
        .collect();
    let decided: Vec<_> = candidates
        .iter()
        .filter(|one| one.shape.money > 0.5)
        .filter_map(|one| one.shape.style)
        .filter(|style| !style.ambiguous)
        .collect();
    let model = decided
        .first()
        .or(if comma { clear.iter().find(|style| style.decimal == ',') } else { None })
        .copied();
    for one in candidates {
        if let (Some(style), Some(model)) = (&mut one.shape.style, model)
            && style.ambiguous
        {
            *style = model;
        }
    }
}

/// Each field's source: the best assignment as a whole, then what names may serve two fields.
fn choose(candidates: &[Candidate]) -> Vec<Choice> {
    let fields: Vec<Field> = Field::all().collect();
    let scores: Vec<Vec<f64>> = fields
        .iter()
        .map(|field| candidates.iter().map(|one| weighed(one, *field)).collect())
        .collect();
    let assigned = assign(&scores, LEAST);
    let mut chosen: Vec<Option<(usize, f64)>> = assigned
        .iter()
        .enumerate()
        .map(|(row, place)| place.map(|place| (place, scores[row][place])))
        .collect();
    // A template's parts serve no other field.
    let templates: Vec<usize> = chosen
        .iter()
        .flatten()
        .filter(|(place, _)| candidates[*place].is_template())
        .flat_map(|(place, _)| candidates[*place].parts.clone())
        .collect();
    for choice in &mut chosen {
        *choice = choice
            .filter(|(place, _)| candidates[*place].is_template() || !templates.contains(place));
    }
    let index = |name: &str| Field::by_name(name).map_or(0, Field::index);
    let mut lend = |to: &str, from: &[&str], most: f64| {
        if chosen[index(to)].is_none() {
            chosen[index(to)] = from
                .iter()
                .find_map(|from| chosen[index(from)])
                .map(|(place, score)| (place, score.min(most)));
        }
    };
    lend("customer_name", &["shipping_name", "billing_name"], 0.7);
    lend("shipping_name", &["customer_name"], 0.7);
    lend("Number_of_items", &["quantity"], 0.7);
    let choice = |(field, choice): (Field, Option<(usize, f64)>)| {
        let (candidate, score) = choice?;
        Some(Choice { field, candidate, confidence: Confidence::of(score) })
    };
    fields.into_iter().zip(chosen).filter_map(choice).collect()
}

/// A required field is worth more than another that would like the same column.
fn weighed(candidate: &Candidate, field: Field) -> f64 {
    if candidate.source.is_empty() || candidate.source == crate::row::ERROR_COLUMN {
        return 0.0;
    }
    let plain = score(candidate, field);
    if field.spec().required && plain >= LEAST { plain + 0.03 } else { plain }
}
