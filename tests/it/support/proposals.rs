//! How good the proposals of `init` are: the shipped examples with their columns in another order,
//! with columns added and left out, and under names in eight languages, of which the dictionary of
//! `init` knows many and not all.
//!
//! The truth is what the built-in mapping of each example makes of it: a field is right where the
//! proposed mapping makes the same of half of the rows at least. (The others are where a platform's
//! own knowledge comes in: a second column that stands in, a cell with two addresses. A wrong
//! column gives nearly no row rightly.)

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

#[path = "proposals/names.rs"]
mod names;

use lateship::init::{Sample, propose};
use lateship::mapping::{Mapping, builtin};
use lateship::row::Row;
use lateship::shipment::{Field, carrier};
use lateship::source::Source;

/// Examples that are called otherwise than their mapping.
const CALLED: [(&str, &str); 1] = [("bestellungen", "erp-de")];

/// A table: its header and its rows.
#[derive(Debug, Clone)]
struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// What each row makes: its number, and the fields of its shipment.
type Payloads = BTreeMap<u64, BTreeMap<String, String>>;

/// An example and the mapping that is its truth.
struct Example {
    name: String,
    mapping: Mapping,
    table: Table,
    truth: Payloads,
    /// For each column the fields that it fills.
    columns: Vec<BTreeSet<String>>,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Score {
    /// Inputs in a built-in layout: all, and those of which the layout was named.
    pub(crate) layouts: (usize, usize),
    /// Fields that a built-in mapping fills under other names: all, and those that the proposal
    /// fills rightly.
    pub(crate) fields: (usize, usize),
    /// Proposals under other names.
    pub(crate) proposals: usize,
    /// Required fields among them that were filled wrongly, though said to be sure.
    pub(crate) required_wrong: usize,
    /// Required fields that are filled wrongly without a mark to confirm them.
    pub(crate) required_unmarked: usize,
    /// What went wrong, a line each.
    pub(crate) misses: Vec<String>,
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |(all, right): (usize, usize)| percent(right, all);
        writeln!(
            f,
            "layouts named rightly                        {:6.1} %  ({} of {})",
            share(self.layouts),
            self.layouts.1,
            self.layouts.0
        )?;
        writeln!(
            f,
            "fields filled rightly under other names      {:6.1} %  ({} of {}, in {} proposals)",
            share(self.fields),
            self.fields.1,
            self.fields.0,
            self.proposals
        )?;
        writeln!(f, "required fields wrong                        {:6}", self.required_wrong)?;
        write!(f, "required fields wrong without a mark         {:6}", self.required_unmarked)
    }
}

#[expect(clippy::cast_precision_loss, reason = "they are some thousands")]
fn percent(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

impl Score {
    /// The share of fields that are right, from 0 to 1.
    pub(crate) fn fields_right(&self) -> f64 {
        percent(self.fields.1, self.fields.0) / 100.0
    }
}

/// Scores `init` over the examples in `folder`, with so many renamings of each, which come of
/// `seed`.
pub(crate) fn score(folder: &Path, seed: u64, rounds: usize) -> Score {
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut score = Score::default();
    for (mapping, _) in builtin::all() {
        let stem =
            CALLED.iter().find(|(_, name)| *name == mapping).map_or(mapping, |(stem, _)| stem);
        let path = folder.join(format!("{stem}.csv"));
        if path.exists() {
            let example = Example::read(mapping, &path);
            example.as_it_comes(&mut chance, &mut score);
            if !example.mapping.joins() && !example.truth.is_empty() {
                for round in 0..rounds {
                    example.renamed(round, &mut chance, &mut score);
                }
            }
        }
    }
    score
}

impl Example {
    fn read(name: &str, path: &Path) -> Self {
        let mapping = Mapping::load(name).unwrap_or_else(|error| panic!("{error}"));
        let table = read(path, &mapping);
        let truth = payloads(&mapping, &table, &[]);
        let mut example =
            Self { name: name.to_owned(), mapping, table, truth, columns: Vec::new() };
        example.columns =
            (0..example.table.header.len()).map(|place| example.filled_by(place)).collect();
        example
    }

    /// The fields that change when the column is emptied, and the required ones of which it has the
    /// values.
    fn filled_by(&self, place: usize) -> BTreeSet<String> {
        let required = |field: &Field| {
            let share = self.likeness(*field, place);
            let best = (0..self.table.header.len()).map(|other| self.likeness(*field, other)).max();
            share * 2 >= self.truth.len() && Some(share) == best
        };
        let filled: BTreeSet<String> = Field::all()
            .filter(|field| field.spec().required)
            .filter(required)
            .map(|field| field.name().to_owned())
            .collect();
        if !filled.is_empty() {
            return filled;
        }
        let mut filled = BTreeSet::new();
        let mut emptied = self.table.clone();
        emptied.rows.iter_mut().filter_map(|row| row.get_mut(place)).for_each(String::clear);
        for (number, payload) in payloads(&self.mapping, &emptied, &[]) {
            let Some(before) = self.truth.get(&number) else { continue };
            let changed = before.iter().filter(|(field, value)| payload.get(*field) != Some(value));
            filled.extend(changed.map(|(field, _)| field.clone()));
        }
        filled.retain(|field| Field::by_name(field).is_some_and(|field| !field.spec().required));
        filled
    }

    /// Rows in which the column has the field's value.
    fn likeness(&self, field: Field, place: usize) -> usize {
        let same = |(number, payload): &(&u64, &BTreeMap<String, String>)| {
            let row = usize::try_from(**number - 1).ok().and_then(|row| self.table.rows.get(row));
            let cell = row.and_then(|row| row.get(place)).map_or("", String::as_str);
            let value = payload.get(field.name()).map_or("", String::as_str);
            !cell.is_empty()
                && (alike(cell, value)
                    || field == Field::CARRIER_TYPE
                        && carrier::fold(cell).is_some_and(|carrier| alike(carrier, value)))
        };
        self.truth.iter().filter(same).count()
    }

    /// The example as it is, in another order, and with columns more and less.
    fn as_it_comes(&self, chance: &mut fastrand::Rng, score: &mut Score) {
        let mut tables = vec![self.table.clone()];
        let mut order: Vec<usize> = (0..self.table.header.len()).collect();
        chance.shuffle(&mut order);
        tables.push(self.table.columns(&order));
        // Columns that nothing reads come and go.
        let unread: Vec<String> = match self.mapping.bind("", &self.table.header, &[]) {
            Ok(bound) => bound.unused_columns().into_iter().map(str::to_owned).collect(),
            Err(_) => Vec::new(),
        };
        let spare: Vec<usize> = order
            .iter()
            .copied()
            .filter(|place| unread.contains(&self.table.header[*place]))
            .collect();
        let gone: BTreeSet<usize> = spare.into_iter().take(order.len() / 6).collect();
        let kept: Vec<usize> = (0..order.len()).filter(|place| !gone.contains(place)).collect();
        let mut changed = self.table.columns(&kept);
        changed
            .header
            .extend(["Basket colour".to_owned(), "Internal remark of the warehouse".to_owned()]);
        changed.rows.iter_mut().for_each(|row| row.extend(["green".to_owned(), String::new()]));
        tables.push(changed);
        for (kind, table) in
            ["as it is", "in another order", "with other columns"].into_iter().zip(&tables)
        {
            score.layouts.0 += 1;
            let proposal =
                propose(&table.sample()).unwrap_or_else(|error| panic!("{}: {error}", self.name));
            match proposal.layout {
                Some(layout) if layout.name == self.name => score.layouts.1 += 1,
                other => score.misses.push(format!(
                    "{} {kind}: layout {}",
                    self.name,
                    other.map_or("not recognised", |layout| layout.name)
                )),
            }
        }
    }

    /// The example under other names.
    fn renamed(&self, round: usize, chance: &mut fastrand::Rng, score: &mut Score) {
        let language = round % 8;
        let mut table = self.table.clone();
        let mut taken = BTreeSet::new();
        for place in 0..table.header.len() {
            let Some(field) = self.meant_by(place) else { continue };
            let partners: Vec<usize> = (0..table.header.len())
                .filter(|other| self.meant_by(*other) == Some(field))
                .collect();
            let pair = names::pair(field, language).filter(|_| partners.len() == 2);
            let name = match pair {
                Some((first, _)) if partners[0] == place => first,
                Some((_, second)) => second,
                None => names::of(field, language).unwrap_or(field),
            };
            // Several columns for one field (alternatives): the first one is it.
            if taken.insert(name.to_owned()) {
                table.header[place] = cased(name, chance);
            }
        }
        score.proposals += 1;
        let proposal =
            propose(&table.sample()).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let mapping = Mapping::parse("proposed.toml", &proposal.text)
            .unwrap_or_else(|error| panic!("{}: {error}\n{}", self.name, proposal.text));
        let has = |field: &Field| {
            proposal.layout.is_some() || proposal.fields.iter().any(|(filled, _)| filled == field)
        };
        let missing: Vec<(Field, String)> = Field::all()
            .filter(|field| field.spec().required && !has(field))
            .map(|field| (field, "?".to_owned()))
            .collect();
        let made = payloads(&mapping, &table, &missing);
        for field in Field::all() {
            let depends = self.columns.iter().any(|fields| fields.contains(field.name()));
            let expected: Vec<(u64, &String)> = self
                .truth
                .iter()
                .filter_map(|(number, payload)| Some((*number, payload.get(field.name())?)))
                .collect();
            if !depends || expected.is_empty() {
                continue;
            }
            let found =
                |number: &u64| made.get(number).and_then(|payload| payload.get(field.name()));
            let wrong: Vec<&(u64, &String)> = expected
                .iter()
                .filter(|(number, value)| !found(number).is_some_and(|found| alike(found, value)))
                .collect();
            score.fields.0 += 1;
            if wrong.len() * 2 <= expected.len() {
                score.fields.1 += 1;
                continue;
            }
            let (number, value) = wrong[0];
            let found = found(number);
            let columns: Vec<&String> = (0..table.header.len())
                .filter(|place| self.columns[*place].contains(field.name()))
                .map(|place| &table.header[place])
                .collect();
            score.misses.push(format!(
                "{} in language {language}: {field} from {columns:?} in row {number} is {found:?}, should be {value:?}",
                self.name
            ));
            if field.spec().required && has(&field) && found.is_some() {
                score.required_wrong += 1;
                let line = proposal
                    .text
                    .lines()
                    .find(|line| line.starts_with(field.name()))
                    .unwrap_or_default();
                score.required_unmarked +=
                    usize::from(!line.contains("please confirm") && proposal.layout.is_none());
            }
        }
    }

    /// The field after which the column is called: the first that it fills.
    fn meant_by(&self, place: usize) -> Option<&'static str> {
        Field::all().map(Field::name).find(|field| self.columns[place].contains(*field))
    }
}

impl Table {
    fn sample(&self) -> Sample<'_> {
        Sample { input: "orders.csv", found: "UTF-8", header: &self.header, rows: &self.rows }
    }

    fn columns(&self, places: &[usize]) -> Self {
        let pick = |row: &Vec<String>| {
            places.iter().map(|place| row.get(*place).cloned().unwrap_or_default()).collect()
        };
        Self { header: pick(&self.header), rows: self.rows.iter().map(pick).collect() }
    }
}

fn read(path: &Path, mapping: &Mapping) -> Table {
    let mut source = Source::open(0, path, &path.to_string_lossy(), mapping.form())
        .unwrap_or_else(|error| panic!("{error}"));
    let header = source.about().header().to_vec();
    let (mut rows, mut row) = (Vec::new(), Row::default());
    while source.read(&mut row).unwrap_or_else(|error| panic!("{error}")) {
        if row.reading == lateship::row::Reading::Data {
            rows.push(row.cells().map(str::to_owned).collect());
        }
    }
    Table { header, rows }
}

fn payloads(mapping: &Mapping, table: &Table, set: &[(Field, String)]) -> Payloads {
    let Ok(mut bound) = mapping.bind("orders.csv", &table.header, set) else {
        return Payloads::new();
    };
    for (number, cells) in (1..).zip(&table.rows) {
        let mut row = Row::at(0, number, number + 1);
        for cell in cells {
            row.push(cell);
        }
        row.width = cells.len();
        bound.push(row);
    }
    bound.finish();
    let mut made = Payloads::new();
    while let Some(unit) = bound.pop() {
        let Some(shipment) = unit.shipments().next() else { continue };
        let payload: BTreeMap<String, String> =
            serde_json::from_slice(&shipment.body).unwrap_or_default();
        for row in unit.participants() {
            made.insert(row.number, payload.clone());
        }
    }
    made
}

/// Whether two values say the same: capitals and spaces aside, and zeros behind a number.
fn alike(a: &str, b: &str) -> bool {
    let bare = |text: &str| {
        text.trim_start_matches('#')
            .chars()
            .filter(|c| !c.is_whitespace())
            .flat_map(char::to_lowercase)
            .collect::<String>()
    };
    let number = |text: &str| text.trim().parse::<f64>().ok();
    bare(a) == bare(b) || number(a).is_some_and(|one| number(b) == Some(one)) && a.len() < 15
}

/// As exports write their names: as they are, in capitals, or with underscores.
fn cased(name: &str, chance: &mut fastrand::Rng) -> String {
    match chance.u8(0..4) {
        0 => name.to_uppercase(),
        1 => name.to_lowercase().replace(' ', "_"),
        _ => name.to_owned(),
    }
}
