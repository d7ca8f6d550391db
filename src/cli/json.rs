//! The report of `lateship check` as one JSON object, for programs; harmless to a terminal all the
//! same.
//!
//! The help of `check` documents the names. They stay; new ones may come.

use std::fmt::Write as _;

use serde::Serialize;

use super::pretty::Members;
use super::report::Columns;
use crate::row::Quote;
use crate::source::{Found, Packing};
use crate::survey::{Example, Group, Groups, Survey};
use crate::text;

#[derive(Serialize)]
struct Report<'a> {
    rows: u64,
    shipments: u64,
    shipping_rows: u64,
    invalid: u64,
    skipped: u64,
    errors: Vec<Trouble<'a>>,
    warnings: Vec<Trouble<'a>>,
    skips: Vec<Trouble<'a>>,
    errors_beyond: u64,
    warnings_beyond: u64,
    skips_beyond: u64,
    unused_columns: &'a [String],
    unmapped_fields: Vec<&'static str>,
    inputs: Vec<Input<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    payloads: Vec<Members>,
}

#[derive(Serialize)]
struct Trouble<'a> {
    field: Option<&'static str>,
    reason: &'a str,
    count: u64,
    examples: Vec<Place<'a>>,
}

#[derive(Serialize)]
struct Place<'a> {
    file: Option<&'a str>,
    row: u64,
    line: u64,
    column: Option<&'a str>,
    letter: Option<String>,
    value: &'a str,
}

#[derive(Serialize)]
struct Input<'a> {
    file: &'a str,
    bytes: u64,
    packing: &'static str,
    member: Option<&'a str>,
    sheet: Option<&'a str>,
    encoding: &'static str,
    delimiter: char,
    quote: Option<char>,
    header_line: u64,
    columns: usize,
    remarks: &'a [String],
}

/// The whole report; `names` are those of the inputs, `payloads` the bodies to be shown with it.
pub(super) fn whole(
    survey: &Survey,
    columns: &[Columns],
    names: &[String],
    payloads: &[Vec<u8>],
) -> String {
    // All inputs have one header.
    let fit = columns.first();
    let report = Report {
        rows: survey.rows,
        shipments: survey.shipments,
        shipping_rows: survey.shipping,
        invalid: survey.invalid,
        skipped: survey.skipped,
        errors: troubles(&survey.problems, names),
        warnings: troubles(&survey.warnings, names),
        skips: troubles(&survey.skips, names),
        errors_beyond: survey.problems.beyond(),
        warnings_beyond: survey.warnings.beyond(),
        skips_beyond: survey.skips.beyond(),
        unused_columns: fit.map_or(&[], |fit| &fit.unused),
        unmapped_fields: fit
            .map_or_else(Vec::new, |fit| fit.unmapped.iter().map(|field| field.name()).collect()),
        inputs: columns.iter().map(input).collect(),
        payloads: payloads.iter().filter_map(|body| Members::of(body)).collect(),
    };
    let written = serde_json::to_string_pretty(&report).unwrap_or_default();
    let mut harmless = String::with_capacity(written.len() + 1);
    for c in written.chars() {
        // Outside of strings JSON has no such character but line ends, and within them it may be
        // escaped.
        if c != '\n' && text::is_unprintable(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                _ = write!(harmless, "\\u{unit:04x}");
            }
        } else {
            harmless.push(c);
        }
    }
    harmless.push('\n');
    harmless
}

fn troubles<'a>(groups: &'a Groups, names: &'a [String]) -> Vec<Trouble<'a>> {
    let trouble = |group: &'a Group| Trouble {
        field: group.field,
        reason: &group.reason,
        count: group.count,
        examples: group.examples.iter().map(|example| place(example, names)).collect(),
    };
    groups.by_count().into_iter().map(trouble).collect()
}

fn place<'a>(example: &'a Example, names: &'a [String]) -> Place<'a> {
    let Example { input, row, line, column, value } = example;
    Place {
        file: names.get(*input).map(String::as_str),
        row: *row,
        line: *line,
        column: column.as_ref().map(|(name, _)| name.as_str()),
        letter: column.as_ref().map(|(_, index)| text::column_letter(*index)),
        value,
    }
}

fn input(columns: &Columns) -> Input<'_> {
    // Lost characters stand among the remarks.
    let Found { packing, sheet, encoding, dialect, header_line, lost_characters: _ } =
        &columns.found;
    let (packing, member) = match packing {
        Packing::Plain => ("plain", None),
        Packing::Gzip => ("gzip", None),
        Packing::Zstd => ("zstd", None),
        Packing::Zip(member) => ("zip", Some(member.as_str())),
    };
    Input {
        file: &columns.input,
        bytes: columns.bytes,
        packing,
        member,
        sheet: sheet.as_deref(),
        encoding: encoding.name(),
        delimiter: char::from(dialect.delimiter),
        quote: match dialect.quote {
            Quote::By(quote) => Some(char::from(quote)),
            Quote::Never => None,
        },
        header_line: *header_line,
        columns: columns.width,
        remarks: &columns.remarks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{Made, Unit, Worked};
    use crate::problem::Problem;
    use crate::row::{Dialect, Encoding, Row};

    #[test]
    fn a_program_finds_each_trouble_with_its_rows_and_payloads_keep_their_order() {
        let mut survey = Survey::default();
        let problem = Problem {
            member: 0,
            field: Some("order_date"),
            column: Some(("Datum".to_owned(), 2)),
            value: "soon\u{202E}".to_owned(),
            reason: "is not a date".to_owned(),
        };
        let made = Made::Invalid(vec![problem]);
        let worked = Worked {
            made,
            order_no: String::new(),
            trackingnumber: String::new(),
            warnings: Vec::new(),
        };
        survey.add(&Unit::single(Row::at(0, 7, 9), worked));
        let columns = Columns {
            input: "orders\u{9b}.csv".to_owned(),
            bytes: 10,
            found: Found {
                packing: Packing::Plain,
                sheet: None,
                encoding: Encoding::UTF8,
                lost_characters: false,
                dialect: Dialect::default(),
                header_line: 2,
            },
            width: 3,
            remarks: Vec::new(),
            unused: vec!["Notes".to_owned()],
            unmapped: Vec::new(),
        };
        let names = ["orders.csv".to_owned()];
        let body = br#"{"order_no":"1","amount":"2"}"#.to_vec();
        let shown = whole(&survey, &[columns], &names, &[body]);
        assert!(shown.chars().all(|c| c == '\n' || !text::is_unprintable(c)), "{shown}");
        assert!(shown.find("order_no") < shown.find("amount"), "{shown}");
        let report: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
        let example = &report["errors"][0]["examples"][0];
        assert_eq!(
            (&example["row"], &example["line"], &example["letter"]),
            (&serde_json::json!(7), &serde_json::json!(9), &serde_json::json!("C"))
        );
        assert_eq!(report["unused_columns"], serde_json::json!(["Notes"]));
        assert_eq!(report["inputs"][0]["quote"], "\"");
    }
}
