//! What a field can be filled from: the columns of the header, and columns that belong together
//! (first and last name, street and house number, day and time).

use super::shapes::Shape;
use super::words::{Concept as C, Meaning};
use regex::Regex;

use crate::mapping::guard;
use crate::packed::Packed;

/// A column, or several put together by a template.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Its source as a mapping names it: a column's name or a template.
    pub(super) source: String,
    /// The expression that takes it out of its column's cells.
    pub(super) extract: Option<&'static str>,
    /// The columns it takes, from 0.
    pub(super) parts: Vec<usize>,
    /// What its name means.
    pub(super) meaning: Meaning,
    /// What its values look like.
    pub(super) shape: Shape,
    /// Its values over the sample, trimmed and unguarded.
    pub(super) values: Vec<String>,
}

impl Candidate {
    /// Whether it is a template.
    pub(super) fn is_template(&self) -> bool {
        self.parts.len() > 1
    }
}

/// Cells that stand for nothing.
pub(super) const PLACEHOLDERS: [&str; 12] = [
    "-",
    "--",
    "N/A",
    "n/a",
    "NULL",
    "null",
    "None",
    "- None -",
    "k.A.",
    "No informado",
    "not-provided",
    "NA",
];

/// All candidates of a header, the columns first, each at its place.
pub(super) fn gather(header: &[String], rows: &[Vec<String>], day_first: bool) -> Vec<Candidate> {
    let mut all: Vec<Candidate> =
        (0..header.len()).map(|place| column(header, rows, place, day_first)).collect();
    for place in 0..header.len() {
        if all[place].values.iter().any(|value| Packed::of(value) == Some(Packed::Parcels)) {
            let parts =
                PARCEL.map(|(concept, pattern)| unpacked(&all[place], concept, pattern, day_first));
            all.extend(parts.into_iter().flatten());
            // The cell as a whole is none of it.
            all[place].meaning = Meaning { unknown: 1, trust: 1.0, ..Meaning::default() };
        }
    }
    let mut put_together = Vec::new();
    for (first, one) in all.iter().enumerate().take(header.len()) {
        if header[first].is_empty() {
            continue;
        }
        for (second, two) in all
            .iter()
            .enumerate()
            .take(header.len())
            .filter(|(second, _)| *second != first && !header[*second].is_empty())
        {
            if let Some(meaning) = together((first, one), (second, two)) {
                put_together.push((first, second, meaning));
            }
        }
    }
    for (first, second, meaning) in put_together {
        let values: Vec<String> = all[first]
            .values
            .iter()
            .zip(&all[second].values)
            .map(|(a, b)| format!("{a} {b}").trim().to_owned())
            .collect();
        let source = format!("{{{}}} {{{}}}", all[first].source, all[second].source);
        let shape = Shape::of(&values, day_first);
        all.push(Candidate {
            source,
            extract: None,
            parts: vec![first, second],
            meaning,
            shape,
            values,
        });
    }
    all
}

fn column(header: &[String], rows: &[Vec<String>], place: usize, day_first: bool) -> Candidate {
    let name = &header[place];
    let value = |row: &Vec<String>| {
        let value = row.get(place).map_or("", |cell| guard::peel(cell));
        if PLACEHOLDERS.contains(&value) { String::new() } else { value.to_owned() }
    };
    let values: Vec<String> = rows.iter().map(value).collect();
    let same = header.iter().filter(|other| *other == name).count();
    let occurrence = header[..=place].iter().filter(|other| *other == name).count();
    let source = if same > 1 { format!("{name}#{occurrence}") } else { name.clone() };
    let mut meaning = Meaning::of(name);
    // A second address of the same names: what comes again belongs to the other one.
    if occurrence == 2 && !meaning.has(C::Ship) && !meaning.has(C::Bill) {
        meaning.concepts.insert(C::Bill, 1);
    }
    let shape = Shape::of(&values, day_first);
    Candidate { source, extract: None, parts: vec![place], meaning, shape, values }
}

/// What a cell of parcels holds of one (`tracking_provider:ups|tracking_number:1Z…;`), and how it
/// is taken out.
const PARCEL: [(C, &str); 2] =
    [(C::Tracking, "tracking_number:([^|;]+)"), (C::Carrier, "tracking_provider:([^|;]+)")];

fn unpacked(
    whole: &Candidate,
    concept: C,
    pattern: &'static str,
    day_first: bool,
) -> Option<Candidate> {
    let expression = Regex::new(pattern).ok()?;
    let first = |value: &String| {
        expression.captures(value).map_or(String::new(), |found| found[1].to_owned())
    };
    let values: Vec<String> = whole.values.iter().map(first).collect();
    let mut meaning = Meaning { trust: 1.0, ..Meaning::default() };
    meaning.concepts.insert(concept, 1);
    let shape = Shape::of(&values, day_first);
    Some(Candidate {
        source: whole.source.clone(),
        extract: Some(pattern),
        parts: whole.parts.clone(),
        meaning,
        shape,
        values,
    })
}

/// What two columns mean together, where they belong together in this order.
fn together(
    (first, one): (usize, &Candidate),
    (second, two): (usize, &Candidate),
) -> Option<Meaning> {
    if one.source.contains(['{', '}']) || two.source.contains(['{', '}']) {
        return None;
    }
    let owner = |candidate: &Candidate| {
        [C::Ship, C::Bill]
            .into_iter()
            .filter(|concept| candidate.meaning.has(*concept))
            .collect::<Vec<_>>()
    };
    let same_owner = owner(one) == owner(two);
    let has = |candidate: &Candidate, concept| candidate.meaning.has(concept);
    if has(one, C::First) && has(two, C::Last) && same_owner && !has(one, C::Last) {
        let mut meaning = Meaning { trust: 1.0, ..Meaning::default() };
        meaning.concepts.insert(C::Name, 1);
        let owners = owner(one);
        let owners = if owners.is_empty() { vec![C::Customer] } else { owners };
        meaning.concepts.extend(owners.into_iter().map(|concept| (concept, 1)));
        return Some(meaning);
    }
    let next = second == first + 1;
    let only = |candidate: &Candidate, concept| {
        has(candidate, concept) && candidate.meaning.concepts.len() == 1
    };
    let short = two.shape.digit > 0.6 && two.values.iter().all(|value| value.len() <= 8);
    let number = has(two, C::HouseNumber) && same_owner || next && only(two, C::Number);
    if has(one, C::Street)
        && !has(one, C::HouseNumber)
        && !has(one, C::Two)
        && number
        && short
        && one.shape.digit < 0.5
    {
        return Some(one.meaning.clone());
    }
    let day = one.shape.dates.as_ref().is_some_and(super::dates::Dates::lacks_time);
    if day && two.shape.time > 0.9 && (next || has(two, C::Time)) && !has(one, C::Other) {
        return Some(one.meaning.clone());
    }
    None
}
