//! What a proposed mapping makes of the sample: the first payload, or why there is none.

use crate::mapping::{Bound, Made, Mapping};
use crate::row::Row;

/// What comes of the sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preview {
    /// The body of the first shipment.
    Payload(Vec<u8>),
    /// There is none, for this reason.
    Nothing(String),
}

/// Works the rows of a sample by the mapping `text`.
pub fn preview(input: &str, text: &str, header: &[String], rows: &[Vec<String>]) -> Preview {
    let mapping = match Mapping::parse("mapping.toml", text) {
        Ok(mapping) => mapping,
        Err(error) => return Preview::Nothing(error.to_string()),
    };
    if mapping.joins() {
        return Preview::Nothing(
            "the tracking numbers come from another file: give it with --join".to_owned(),
        );
    }
    match mapping.bind(input, header, &[]) {
        Ok(bound) => first(bound, rows),
        Err(error) => Preview::Nothing(error.to_string()),
    }
}

fn first(mut bound: Bound, rows: &[Vec<String>]) -> Preview {
    for (number, cells) in (1..).zip(rows) {
        let mut row = Row::at(0, number, number + 1);
        for cell in cells {
            row.push(cell);
        }
        row.width = cells.len();
        bound.push(row);
    }
    bound.finish();
    let (mut skipped, mut invalid) = (None, None);
    while let Some(unit) = bound.pop() {
        for worked in &unit.made {
            match &worked.made {
                Made::Shipment(shipment) => return Preview::Payload(shipment.body.to_vec()),
                Made::Skipped(reason) => skipped = skipped.or_else(|| Some(reason.clone())),
                Made::Invalid(problems) => {
                    invalid = invalid.or_else(|| Some(unit.explain(problems)));
                }
            }
        }
    }
    Preview::Nothing(invalid.or(skipped).unwrap_or_else(|| "the file has no rows".to_owned()))
}
