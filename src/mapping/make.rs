//! The fields of one shipment, worked over the rows of a group: from cells to a payload, and from
//! there to a shipment or to what is wrong.
//!
//! All buffers live in the [`Maker`] and are used again for the next shipment.

use std::sync::Arc;

use jiff::civil::Date;
use regex::Regex;
use xxhash_rust::xxh3::xxh3_128;

use super::cells::{Cells, Group};
use super::combine::Combine;
use super::condition::Condition;
use super::guard;
use super::join::BoundJoin;
use super::unit::{Made, Worked};
use super::work::{Buffers, Source, Trouble};
use crate::problem::Problem;
use crate::shipment::{Field, Payload, Shipment, Wire, check};

/// What binding found out.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) header: Vec<String>,
    pub(super) empty: Vec<String>,
    pub(super) keep: Vec<Condition<usize>>,
    pub(super) drop: Vec<Condition<usize>>,
    /// The sources of each field that has some, in the order of the wire.
    pub(super) plan: Vec<(Field, Vec<Source>)>,
    pub(super) split: Option<Split>,
    /// What tells a shipment from others.
    pub(super) identity: Vec<Field>,
    pub(super) join: Option<BoundJoin>,
    pub(super) oldest: Option<Oldest>,
    pub(super) wire: Wire,
    /// The places that nothing reads.
    pub(super) unused: Vec<usize>,
}

/// `[rows] split`: a cell with several values, of which each makes a shipment.
#[derive(Debug)]
pub(super) struct Split {
    pub(super) column: usize,
    pub(super) at: Regex,
}

/// `[rows] not_older_than`: orders from before a day are left out.
#[derive(Debug)]
pub(super) struct Oldest {
    /// The first day that is sent.
    pub(super) from: Date,
    /// How the mapping says it: `90d`.
    pub(super) said: String,
}

/// The buffers in which shipments are made.
#[derive(Debug, Default)]
pub(super) struct Maker {
    buffers: Buffers,
    payload: Payload,
    body: Vec<u8>,
}

impl Maker {
    /// What the rows of a group make: one shipment, or one for each row that is joined and each
    /// piece of a cell that is split.
    pub(super) fn make_all(
        &mut self,
        parts: &Parts,
        group: Group<'_>,
        mut done: impl FnMut(Worked),
    ) {
        let Some(join) = &parts.join else { return self.make_pieces(parts, group, &mut done) };
        let (_, cells) = group.rows().next().unwrap_or_else(|| (0, group.row(0)));
        match join.find(&cells, &parts.header) {
            Err(made) => done(self.without_match(parts, &cells, made)),
            Ok(found) => {
                for row in &found {
                    self.make_pieces(
                        parts,
                        group.joined(parts.header.len(), &row.cells),
                        &mut done,
                    );
                }
            }
        }
    }

    /// One shipment, or one for each piece of a cell that is split.
    fn make_pieces(&mut self, parts: &Parts, group: Group<'_>, done: &mut impl FnMut(Worked)) {
        let Some(split) = &parts.split else { return done(self.make(parts, group)) };
        let pieces = split.pieces(group);
        match pieces[..] {
            [] => done(self.make(parts, group)),
            [piece] => done(self.make(parts, group.with(split.column, piece))),
            _ => {
                for piece in &pieces {
                    let mut worked = self.make(parts, group.with(split.column, piece));
                    worked.warnings.push(Problem {
                        column: Some(parts.column(split.column)),
                        ..Problem::of_row("holds several values, and a shipment is made for each")
                    });
                    done(worked);
                }
            }
        }
    }

    /// What a row is called that `[rows]` leaves out: the numbers are for people who read the
    /// results; what is wrong with it is of no interest.
    pub(super) fn left_out(&mut self, parts: &Parts, cells: &Cells<'_>, reason: String) -> Worked {
        self.without_match(parts, cells, Made::Skipped(reason))
    }

    /// What is made of a row whose fields are not worked, with the numbers that people know it by.
    fn without_match(&mut self, parts: &Parts, cells: &Cells<'_>, made: Made) -> Worked {
        self.payload.clear();
        for (field, sources) in
            parts.plan.iter().filter(|(field, _)| is_number_of_a_shipment(*field))
        {
            for source in sources {
                if source.work_row(0, cells, &mut self.buffers).is_ok()
                    && !self.buffers.value.is_empty()
                {
                    self.payload.set(*field, &self.buffers.value);
                    break;
                }
            }
        }
        self.named(made, Vec::new())
    }

    fn make(&mut self, parts: &Parts, group: Group<'_>) -> Worked {
        self.payload.clear();
        let (mut problems, mut warnings) = (Vec::new(), Vec::new());
        for (field, sources) in &parts.plan {
            if let Err(problem) = self.work(parts, *field, sources, group, &mut warnings) {
                problems.push(problem);
            }
        }
        if let Some(oldest) = &parts.oldest {
            match oldest.holds(self.payload.value(Field::ORDER_DATE)) {
                Some(true) => {}
                Some(false) => {
                    let reason = format!(
                        "the order is older than [rows] not_older_than allows ({})",
                        oldest.said
                    );
                    return self.named(Made::Skipped(reason), Vec::new());
                }
                None => warnings.push(Problem {
                    field: Some(Field::ORDER_DATE.name()),
                    value: self.payload.value(Field::ORDER_DATE).to_owned(),
                    ..Problem::of_row(
                        "gives no date, so not_older_than does not know the order's age",
                    )
                }),
            }
        }
        for (member, cells) in group.rows() {
            if cells.width() < parts.header.len() {
                warnings.push(Problem {
                    member,
                    ..Problem::of_row(
                        "has fewer cells than the header; the missing ones are taken as empty",
                    )
                });
            }
        }
        if !problems.is_empty() {
            return self.named(Made::Invalid(problems), warnings);
        }
        self.mend_zips(parts, &mut warnings);
        self.check(parts, &mut warnings);
        let shipment = self.shipment(parts);
        self.look_for_lost_letters(parts, &mut warnings);
        Worked { warnings, ..Worked::of(Made::Shipment(shipment)) }
    }

    /// Gives a field its value, and looks at what the webhook or common sense asks of it.
    fn work(
        &mut self,
        parts: &Parts,
        field: Field,
        sources: &[Source],
        group: Group<'_>,
        warnings: &mut Vec<Problem>,
    ) -> Result<(), Problem> {
        let source = match self.fill(parts, field, sources, group, warnings) {
            Ok(source) => source,
            Err((source, Trouble { member, value, reason })) => {
                if is_number_of_a_shipment(field) {
                    // For people who read the results; an invalid row is never sent.
                    self.payload.set(field, &value);
                }
                let column = source.columns().next().map(|column| parts.column(column));
                return Err(Problem { member, field: Some(field.name()), column, value, reason });
            }
        };
        if is_number_of_a_shipment(field) {
            let member = self.buffers.member;
            let cells = group.row(member);
            let cell = source
                .into_iter()
                .flat_map(Source::columns)
                .find(|column| is_destroyed(cells.get(*column)));
            if cell.is_some() || is_destroyed(self.payload.value(field)) {
                let value = cell
                    .map_or_else(|| self.payload.value(field), |column| cells.get(column))
                    .to_owned();
                let column = cell.map(|column| parts.column(column));
                return Err(Problem {
                    member,
                    field: Some(field.name()),
                    column,
                    value,
                    reason: ROUNDED.to_owned(),
                });
            }
        }
        if field.spec().required && self.payload.value(field).is_empty() {
            let column = sources.iter().find_map(|source| source.columns().next());
            let (member, cells) = group.rows().next().unwrap_or_else(|| (0, group.row(0)));
            let value = column.map_or("", |column| cells.raw(column)).trim().to_owned();
            let reason = if value.is_empty() { IS_EMPTY } else { GIVES_NOTHING }.to_owned();
            let column = column.map(|column| parts.column(column));
            return Err(Problem { member, field: Some(field.name()), column, value, reason });
        }
        Ok(())
    }

    /// Gives a field the value of the first source that has one; returns that source.
    fn fill<'s>(
        &mut self,
        parts: &Parts,
        field: Field,
        sources: &'s [Source],
        group: Group<'_>,
        warnings: &mut Vec<Problem>,
    ) -> Result<Option<&'s Source>, (&'s Source, Trouble)> {
        let single = group.single();
        for source in sources {
            if let (Some(column), Some((member, cells))) = (source.plain(), &single) {
                let cell = cells.get(column);
                if !cell.is_empty() {
                    self.buffers.member = *member;
                    self.payload.set(field, cell);
                    return Ok(Some(source));
                }
                continue;
            }
            let gathered =
                source.work(group, &mut self.buffers).map_err(|trouble| (source, trouble))?;
            if self.buffers.value.is_empty() {
                continue;
            }
            self.payload.set(field, &self.buffers.value);
            if single.is_none() {
                let column = source.columns().next().map(|column| parts.column(column));
                let member = self.buffers.member;
                let odd = |value: String, reason: &str| Problem {
                    member,
                    field: Some(field.name()),
                    column,
                    value,
                    reason: reason.to_owned(),
                };
                if source.combine() == Combine::Sum
                    && gathered.is_some_and(|gathered| gathered.all_equal())
                {
                    let value = self.payload.value(field).to_owned();
                    warnings.push(odd(value, ALL_EQUAL));
                } else if source.combine() == Combine::First
                    && let Some(other) = self.another(source, group)
                {
                    warnings
                        .push(odd(format!("{} / {other}", self.payload.value(field)), DISAGREE));
                }
                self.buffers.member = member;
            }
            return Ok(Some(source));
        }
        Ok(None)
    }

    /// A value that a later row of the group gives for the same source, and that differs from the
    /// first one, which is on the buffers.
    fn another(&mut self, source: &Source, group: Group<'_>) -> Option<String> {
        let mut first: Option<String> = None;
        for (member, cells) in group.rows() {
            source.work_row(member, &cells, &mut self.buffers).ok()?;
            match &first {
                _ if self.buffers.value.is_empty() => {}
                None => first = Some(self.buffers.value.clone()),
                Some(first) if *first != self.buffers.value => {
                    return Some(self.buffers.value.clone());
                }
                Some(_) => {}
            }
        }
        None
    }

    /// Gives postal codes of the United States the zeros back that a spreadsheet took from their
    /// front.
    fn mend_zips(&mut self, parts: &Parts, warnings: &mut Vec<Problem>) {
        for (zip, country) in ZIPS {
            let value = self.payload.value(zip);
            if !matches!(value.len(), 3 | 4 | 8 | 9) {
                continue;
            }
            let (short, rest) = value
                .split_once('-')
                .map_or((value, ""), |(short, _)| (short, &value[short.len()..]));
            let is_short =
                matches!(short.len(), 3 | 4) && short.bytes().all(|byte| byte.is_ascii_digit());
            let is_plus_4 = rest.is_empty()
                || rest.len() == 5 && rest[1..].bytes().all(|byte| byte.is_ascii_digit());
            if is_short && is_plus_4 && is_united_states(self.payload.value(country)) {
                let (mended, value) = (format!("{short:0>5}{rest}"), value.to_owned());
                self.payload.set(zip, &mended);
                warnings.push(Problem {
                    field: Some(zip.name()),
                    column: parts.column_of(zip),
                    value,
                    ..Problem::of_row(
                        "had lost the zeros at its front, as in a spreadsheet; they are sent again",
                    )
                });
            }
        }
    }

    fn check(&self, parts: &Parts, warnings: &mut Vec<Problem>) {
        check::warnings(&self.payload, |field, reason| {
            warnings.push(Problem {
                member: 0,
                field: Some(field.name()),
                column: parts.column_of(field),
                value: self.payload.value(field).to_owned(),
                reason: reason.into_owned(),
            });
        });
    }

    /// Warns of values whose letters were lost before the export; the body, which is written by
    /// now, tells whether there are any.
    fn look_for_lost_letters(&self, parts: &Parts, warnings: &mut Vec<Problem>) {
        let mut mark = [0; 3];
        if memchr::memmem::find(
            &self.body,
            char::REPLACEMENT_CHARACTER.encode_utf8(&mut mark).as_bytes(),
        )
        .is_none()
        {
            return;
        }
        let lost = |field: &Field| self.payload.value(*field).contains(char::REPLACEMENT_CHARACTER);
        warnings.extend(Field::all().filter(lost).map(|field| Problem {
            field: Some(field.name()),
            column: parts.column_of(field),
            value: self.payload.value(field).to_owned(),
            ..Problem::of_row(
                "holds letters that were lost before it was exported (\u{FFFD}); they are sent as they stand",
            )
        }));
    }

    fn shipment(&mut self, parts: &Parts) -> Shipment {
        self.body.clear();
        parts.wire.encode(&self.payload, &mut self.body);
        Shipment {
            order_no: self.payload.value(Field::ORDER_NO).to_owned(),
            trackingnumber: self.payload.value(Field::TRACKINGNUMBER).to_owned(),
            identity: self.payload.identity(&parts.identity),
            body: Arc::from(self.body.as_slice()),
            payload: xxh3_128(&self.body),
        }
    }

    /// What was made, with the numbers that people know it by.
    fn named(&self, made: Made, warnings: Vec<Problem>) -> Worked {
        let order_no = self.payload.value(Field::ORDER_NO).to_owned();
        Worked {
            made,
            order_no,
            trackingnumber: self.payload.value(Field::TRACKINGNUMBER).to_owned(),
            warnings,
        }
    }
}

impl Parts {
    /// Why `[rows]` leaves the row out.
    pub(super) fn left_out(&self, cells: &Cells<'_>) -> Option<String> {
        if let Some(condition) = self.keep.iter().find(|condition| !condition.holds(cells)) {
            return Some(condition.not_kept(cells, &self.header));
        }
        let condition = self.drop.iter().find(|condition| condition.holds(cells))?;
        Some(condition.dropped(cells, &self.header))
    }

    /// The first column that a field reads.
    fn column_of(&self, field: Field) -> Option<(String, usize)> {
        let (_, sources) = self.plan.iter().find(|(mapped, _)| *mapped == field)?;
        sources.iter().find_map(|source| source.columns().next()).map(|column| self.column(column))
    }

    fn column(&self, place: usize) -> (String, usize) {
        if let (Some(join), Some(slot)) = (&self.join, place.checked_sub(self.header.len())) {
            let place = join.table.kept()[slot];
            return (format!("{}.{}", join.alias, join.table.header()[place]), place);
        }
        (self.header[place].clone(), place)
    }
}

impl Split {
    /// The different values of the cell in all rows of the group, in their order.
    fn pieces<'a>(&self, group: Group<'a>) -> Vec<&'a str> {
        let mut pieces = Vec::new();
        for (_, cells) in group.rows() {
            for piece in self.at.split(cells.get(self.column)).map(guard::peel) {
                if !piece.is_empty() && !pieces.contains(&piece) {
                    pieces.push(piece);
                }
            }
        }
        pieces
    }
}

impl Oldest {
    /// Whether an order of that date is young enough; `None` where it is no date.
    fn holds(&self, date: &str) -> Option<bool> {
        let day: Date = date.get(..10)?.parse().ok()?;
        Some(day >= self.from)
    }
}

const ROUNDED: &str = "was rounded by a spreadsheet, and its last digits are lost: export the file again and do not save \
                       it from the spreadsheet, or format this column as text there before the file is opened";
const IS_EMPTY: &str = "is empty, and the webhook takes no shipment without it";
const GIVES_NOTHING: &str = "gives no value, and the webhook takes no shipment without one";
const DISAGREE: &str = "rows of one shipment have different values, and the first is taken";
const ALL_EQUAL: &str = "is added up over rows that all have the same value; if it is a total that stands in each row, take it by \
     combine = \"first\"";

/// The fields of postal codes, each with that of its country.
const ZIPS: [(Field, Field); 2] = [
    (Field::named("shipping_zip"), Field::named("shipping_country")),
    (Field::named("billing_zip"), Field::named("billing_country")),
];

/// Whether a spreadsheet took digits from the number that cannot be known any more.
fn is_destroyed(value: &str) -> bool {
    guard::is_scientific(value) || guard::is_rounded(value)
}

fn is_united_states(country: &str) -> bool {
    let country = country.trim().trim_end_matches('.');
    ["US", "USA", "U.S", "U.S.A", "United States", "United States of America"]
        .iter()
        .any(|name| country.eq_ignore_ascii_case(name))
}

/// Order and tracking number: what a person knows a shipment by, and what spreadsheets destroy.
fn is_number_of_a_shipment(field: Field) -> bool {
    field == Field::ORDER_NO || field == Field::TRACKINGNUMBER
}
