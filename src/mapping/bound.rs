//! A mapping bound to a header, at work: a row in, a shipment (or the reason why there is none) out.
//!
//! The row's way is `fill_down` → `keep` and `drop` → fields → the three fields that must not be empty → the body.
//! All buffers live here and are used again for the next row.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use super::cells::Cells;
use super::condition::Condition;
use super::fill::FillDown;
use super::guard;
use super::work::{Buffers, Source};
use crate::problem::Problem;
use crate::row::{Reading, Row};
use crate::shipment::{Field, Payload, Shipment, Wire, check};

/// What a mapping makes of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// A shipment that can be sent.
    Shipment(Shipment),
    /// Nothing, on purpose; with the reason.
    Skipped(String),
    /// Nothing that could be sent; with every problem found, at least one.
    Invalid(Vec<Problem>),
}

/// What a row is called: its order and tracking numbers as far as they are known, else empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Labels<'a> {
    /// The order's number.
    pub order_no: &'a str,
    /// The parcel's tracking number.
    pub trackingnumber: &'a str,
}

/// A mapping bound to a header: it looks up no name and keeps its buffers from row to row.
#[derive(Debug)]
pub struct Bound {
    parts: Parts,
    buffers: Buffers,
    payload: Payload,
    body: Vec<u8>,
    warnings: Vec<Problem>,
}

/// What binding found out.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) header: Vec<String>,
    pub(super) empty: Vec<String>,
    pub(super) keep: Vec<Condition<usize>>,
    pub(super) drop: Vec<Condition<usize>>,
    pub(super) fill: FillDown,
    /// The sources of each field that has some, in the order of the wire.
    pub(super) plan: Vec<(Field, Vec<Source>)>,
    pub(super) wire: Wire,
    /// The places that nothing reads.
    pub(super) unused: Vec<usize>,
}

impl Bound {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            parts,
            buffers: Buffers::default(),
            payload: Payload::default(),
            body: Vec::with_capacity(1024),
            warnings: Vec::new(),
        }
    }

    /// Makes a shipment of a row. `fill_down` writes what the row inherits into its cells.
    pub fn map(&mut self, row: &mut Row) -> Made {
        self.warnings.clear();
        self.payload.clear();
        match &row.reading {
            Reading::Data => {}
            Reading::Skip(reason) => return Made::Skipped(reason.clone()),
            Reading::Flawed(reason) => {
                self.parts.fill.forget();
                return Made::Invalid(vec![Problem::of_row(reason.as_str())]);
            }
        }
        self.parts.fill.fill(row, &self.parts.empty);
        let Self { parts, buffers, payload, .. } = self;
        let cells = Cells::new(row, &parts.empty);
        if let Some(reason) = parts.left_out(&cells) {
            // The numbers are for people who read the results; what is wrong with a skipped row is of no interest.
            for (field, sources) in parts.plan.iter().filter(|(field, _)| is_number_of_a_shipment(*field)) {
                let _ = fill_field(*field, sources, &cells, buffers, payload);
            }
            return Made::Skipped(reason);
        }

        let mut problems = Vec::new();
        for (field, sources) in &parts.plan {
            if let Err(problem) = parts.work(*field, sources, &cells, buffers, payload) {
                problems.push(problem);
            }
        }
        if row.width < parts.header.len() {
            self.warnings.push(Problem::of_row("has fewer cells than the header; the missing ones are taken as empty"));
        }
        if !problems.is_empty() {
            return Made::Invalid(problems);
        }
        self.check();
        Made::Shipment(self.shipment())
    }

    /// What is odd about the last row, though it was no reason not to send it.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// What the last row is called, also where it made no shipment.
    pub fn labels(&self) -> Labels<'_> {
        Labels {
            order_no: self.payload.value(Field::ORDER_NO),
            trackingnumber: self.payload.value(Field::TRACKINGNUMBER),
        }
    }

    /// The columns of the header that nothing reads, from left to right.
    pub fn unused_columns(&self) -> Vec<&str> {
        self.parts.unused.iter().map(|place| self.parts.header[*place].as_str()).collect()
    }

    /// The fields that have no source, in the order of the wire.
    pub fn unmapped_fields(&self) -> Vec<Field> {
        Field::all().filter(|field| !self.parts.plan.iter().any(|(mapped, _)| mapped == field)).collect()
    }

    fn check(&mut self) {
        let Self { parts, payload, warnings, .. } = self;
        check::warnings(payload, |field, reason| {
            let column = parts
                .plan
                .iter()
                .find(|(mapped, _)| *mapped == field)
                .and_then(|(_, sources)| sources.iter().find_map(|source| source.columns().next()));
            warnings.push(Problem {
                field: Some(field.name()),
                column: column.map(|column| parts.column(column)),
                value: payload.value(field).to_owned(),
                reason: reason.to_owned(),
            });
        });
    }

    fn shipment(&mut self) -> Shipment {
        self.body.clear();
        self.parts.wire.encode(&self.payload, &mut self.body);
        let labels = self.labels();
        Shipment {
            order_no: labels.order_no.to_owned(),
            trackingnumber: labels.trackingnumber.to_owned(),
            identity: self.payload.identity(&Field::IDENTITY),
            body: Arc::from(self.body.as_slice()),
            payload: xxh3_128(&self.body),
        }
    }
}

impl Parts {
    /// Why `[rows]` leaves the row out.
    fn left_out(&self, cells: &Cells<'_>) -> Option<String> {
        if let Some(condition) = self.keep.iter().find(|condition| !condition.holds(cells)) {
            return Some(condition.not_kept(cells, &self.header));
        }
        let condition = self.drop.iter().find(|condition| condition.holds(cells))?;
        Some(condition.dropped(cells, &self.header))
    }

    /// Gives a field its value, and looks at what the webhook or common sense asks of it.
    fn work(
        &self,
        field: Field,
        sources: &[Source],
        cells: &Cells<'_>,
        buffers: &mut Buffers,
        payload: &mut Payload,
    ) -> Result<(), Problem> {
        let problem = |column: Option<usize>, value: String, reason: String| Problem {
            field: Some(field.name()),
            column: column.map(|column| self.column(column)),
            value,
            reason,
        };
        let source = match fill_field(field, sources, cells, buffers, payload) {
            Ok(source) => source,
            Err((source, trouble)) => {
                if is_number_of_a_shipment(field) {
                    // For people who read the results; an invalid row is never sent.
                    payload.set(field, &trouble.value);
                }
                return Err(problem(source.columns().next(), trouble.value, trouble.reason));
            }
        };
        if is_number_of_a_shipment(field) {
            let cell =
                source.into_iter().flat_map(Source::columns).find(|column| guard::is_scientific(cells.get(*column)));
            if cell.is_some() || guard::is_scientific(payload.value(field)) {
                let value = cell.map_or_else(|| payload.value(field), |column| cells.get(column));
                return Err(problem(cell, value.to_owned(), ROUNDED.to_owned()));
            }
        }
        if field.spec().required && payload.value(field).is_empty() {
            let column = sources.iter().find_map(|source| source.columns().next());
            let cell = column.map_or("", |column| cells.raw(column));
            let reason = if cell.trim().is_empty() { IS_EMPTY } else { GIVES_NOTHING };
            return Err(problem(column, cell.trim().to_owned(), reason.to_owned()));
        }
        Ok(())
    }

    fn column(&self, place: usize) -> (String, usize) {
        (self.header[place].clone(), place)
    }
}

const ROUNDED: &str = "was rounded by a spreadsheet, and its last digits are lost: export the file again and do not save \
                       it from the spreadsheet, or format this column as text there before the file is opened";
const IS_EMPTY: &str = "is empty, and the webhook takes no shipment without it";
const GIVES_NOTHING: &str = "gives no value, and the webhook takes no shipment without one";

/// Order and tracking number: what a person knows a shipment by, and what spreadsheets destroy.
fn is_number_of_a_shipment(field: Field) -> bool {
    field == Field::ORDER_NO || field == Field::TRACKINGNUMBER
}

/// Gives a field the value of the first source that has one; returns that source.
fn fill_field<'s>(
    field: Field,
    sources: &'s [Source],
    cells: &Cells<'_>,
    buffers: &mut Buffers,
    payload: &mut Payload,
) -> Result<Option<&'s Source>, (&'s Source, super::work::Trouble)> {
    for source in sources {
        if let Some(column) = source.plain() {
            let cell = cells.get(column);
            if !cell.is_empty() {
                payload.set(field, cell);
                return Ok(Some(source));
            }
            continue;
        }
        source.work(cells, buffers).map_err(|trouble| (source, trouble))?;
        if !buffers.value.is_empty() {
            payload.set(field, &buffers.value);
            return Ok(Some(source));
        }
    }
    Ok(None)
}
