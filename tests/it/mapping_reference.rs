//! The reference of the mapping language (`mappings/README.md`), run as it is written.
//!
//! A block of TOML is parsed. Behind it stands an input as CSV and what comes of each of its rows
//! as JSON (a payload, or `skipped` or `invalid` with the message), or the error that the mapping
//! gives as text.

use std::sync::Arc;

use lateship::mapping::{self, Made, Mapping, TableBuilder, Tables};
use lateship::problem;
use lateship::row::Row;
use lateship::shipment::Field;
use serde_json::{Map, Value, json};

const README: &str = include_str!("../../mappings/README.md");

/// A fenced block of the page.
struct Block {
    language: String,
    line: usize,
    text: String,
}

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (line, text) in README.lines().zip(1..).map(|(text, line)| (line, text)) {
        match (&mut open, text.strip_prefix("```")) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(language)) => {
                open = Some(Block { language: language.to_owned(), line, text: String::new() });
            }
            (Some(block), None) => {
                block.text.push_str(text);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

#[test]
fn every_example_of_the_reference_gives_what_it_says() {
    let blocks = blocks();
    let mut rest = blocks.as_slice();
    let mut run = 0;
    while let [toml, after @ ..] = rest {
        assert_eq!(toml.language, "toml", "line {}: an example begins with a mapping", toml.line);
        rest = match after {
            [csv, json, after @ ..] if csv.language == "csv" && json.language == "json" => {
                run_rows(toml, None, csv, json);
                after
            }
            [other, csv, json, after @ ..]
                if other.language == "csv shipments.csv" && json.language == "json" =>
            {
                run_rows(toml, Some(other), csv, json);
                after
            }
            [text, after @ ..] if text.language == "text" => {
                let error = Mapping::parse("shop.toml", &toml.text)
                    .expect_err("the example shows an error");
                assert_eq!(
                    error.to_string().trim_end(),
                    text.text.trim_end(),
                    "line {}",
                    text.line
                );
                after
            }
            _ => {
                let parsed = Mapping::parse("shop.toml", &toml.text);
                parsed.unwrap_or_else(|error| panic!("line {}: {error}", toml.line));
                after
            }
        };
        run += 1;
    }
    assert!(run >= 25, "only {run} examples were found");
}

fn run_rows(toml: &Block, other: Option<&Block>, csv: &Block, json: &Block) {
    let mapping = Mapping::parse("shop.toml", &toml.text)
        .unwrap_or_else(|error| panic!("line {}: {error}", toml.line));
    let delimiter = mapping.form().delimiter.unwrap_or(b',');
    let mut tables = Tables::default();
    if let Some(other) = other {
        let (header, rows) = rows_of(other, b',');
        let filled = |table: Result<TableBuilder, mapping::Error>| {
            let mut table = table.unwrap_or_else(|error| panic!("{error}"));
            for row in &rows {
                table.push(row);
            }
            Arc::new(table.finish())
        };
        tables.join = mapping.joins().then(|| filled(mapping.table("shipments.csv", &header)));
        for (name, _) in mapping.lookup_files() {
            tables.lookups.insert(
                name.to_owned(),
                filled(mapping.lookup_table(name, "shipments.csv", &header)),
            );
        }
    }
    let (header, rows) = rows_of(csv, delimiter);

    // The required fields that an example leaves out are given by hand, and not compared.
    let given: Vec<(Field, String)> = Field::all()
        .filter(|field| field.spec().required && !toml.text.contains(&format!("{field} = ")))
        .map(|field| (field, field.spec().example.to_owned()))
        .collect();
    let bound = mapping.bind_with("orders.csv", &header, &given, &tables);
    let mut bound = bound.unwrap_or_else(|error| panic!("line {}: {error}", toml.line));
    for row in rows {
        bound.push(row);
    }
    bound.finish();
    let made: Vec<Value> = std::iter::from_fn(|| bound.pop())
        .flat_map(|unit| unit.made)
        .map(|worked| match worked.made {
            Made::Shipment(shipment) => {
                let mut sent: Map<String, Value> =
                    serde_json::from_slice(&shipment.body).expect("a JSON object");
                for (field, _) in &given {
                    sent.remove(field.name());
                }
                Value::Object(sent)
            }
            Made::Skipped(reason) => json!({ "skipped": reason }),
            Made::Invalid(problems) => json!({ "invalid": problem::join(&problems) }),
        })
        .collect();
    let expected: Vec<Value> = json
        .text
        .lines()
        .map(|line| serde_json::from_str(line).expect("an example is JSON"))
        .collect();
    assert_eq!(made, expected, "line {}", json.line);
}

/// The header and the rows of a block.
fn rows_of(csv: &Block, delimiter: u8) -> (Vec<String>, Vec<Row>) {
    let mut records = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(csv.text.as_bytes())
        .into_records()
        .map(|record| record.expect("an example is CSV"));
    let header = records.next().expect("a header").iter().map(str::to_owned).collect();
    let row = |(number, record): (u64, csv::StringRecord)| {
        let mut row = Row::at(0, number, number + 1);
        row.width = record.len();
        record.iter().for_each(|cell| row.push(cell));
        row
    };
    (header, (1..).zip(records).map(row).collect())
}

#[test]
fn every_key_of_the_language_has_an_example() {
    let examples: String = blocks()
        .into_iter()
        .filter(|block| block.language == "toml")
        .map(|block| block.text)
        .collect();
    for key in [
        "delimiter",
        "quote",
        "skip_lines",
        "empty",
        "encoding",
        "keep",
        "drop",
        "fill_down",
        "infer_carrier",
        "group_by",
        "group",
        "split",
        "identity",
        "file",
        "on",
        "as",
        "missing",
        "not_older_than",
        "combine",
        "separator",
        "column",
        "is",
        "is_not",
        "matches",
        "any",
        "template",
        "value",
        "when",
        "extract",
        "replace",
        "lookup",
        "otherwise",
        "ignore_case",
        "case",
        "date",
        "timezone",
        "to",
        "number",
        "decimal",
        "thousands",
        "decimals",
        "pad_left",
        "with",
        "max_length",
        "default",
        "required",
        "optional",
        "extends",
        "send_empty",
        "rename",
        "rate",
        "concurrency",
        "max_attempts",
        "timeout",
        "connect_timeout",
        "give_up_after",
        "max_failures",
        "stop_at",
        "max_duration",
        "min_shipments",
        "in_doubt",
        "changed",
        "wait",
        "answers",
        "status",
        "message",
    ] {
        let shown = [format!(" {key} = "), format!("\n{key} = ")]
            .iter()
            .any(|written| examples.contains(written));
        assert!(shown, "{key} stands in no example");
    }
}
