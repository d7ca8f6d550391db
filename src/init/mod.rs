//! Proposes a mapping from a header and the first rows: a built-in one that fits, else one of its
//! own.
//!
//! ```text
//! header, rows ─ recognise ─▶ a built-in layout ────────────────────────────────┐
//!             └─ candidates ─ words, shapes ─ fit ─ assign ─▶ Plan ─ write ─▶ TOML
//! ```
//!
//! Pure: strings in, text out. What cannot be told is written as what it is, a guess or a gap, and
//! the three fields that the webhook insists on are always left to be confirmed. `lateship init`
//! calls it.

mod assign;
mod candidates;
mod dates;
mod fit;
mod names;
mod preview;
mod propose;
mod recognise;
mod shapes;
#[cfg(test)]
mod tests;
mod words;
mod write;

pub use fit::Confidence;
pub use preview::{Preview, preview};
pub use recognise::{Layout, columns_of, recognise};

use crate::packed::Watch;
use crate::row::Row;
use crate::shipment::{Field, tracking};
use crate::text;
use propose::Plan;

/// Rows that are looked at.
pub const SAMPLE_ROWS: usize = 1_000;

/// What a proposal is made from.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// The input's name.
    pub input: &'a str,
    /// How it was read, in words.
    pub found: &'a str,
    /// The names of its columns.
    pub header: &'a [String],
    /// Its first rows, some hundred at best.
    pub rows: &'a [Vec<String>],
}

/// A proposed mapping.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The mapping's text.
    pub text: String,
    /// The built-in layout that was recognised.
    pub layout: Option<Layout>,
    /// The fields that are filled from the file, with how sure that is; empty for a built-in
    /// layout.
    pub fields: Vec<(Field, Confidence)>,
    /// What a person should know, a sentence each.
    pub remarks: Vec<String>,
}

impl Proposal {
    /// Says in the mapping by which encoding (its label) the file is read.
    pub fn pin_encoding(&mut self, label: &str) {
        let line = format!("encoding = {}\n", write::quoted(label));
        self.text = match self.text.split_once("\n[source]\n") {
            Some((before, after)) => format!("{before}\n[source]\n{line}{after}"),
            None => match self.text.find("\n[") {
                Some(at) => format!("{}\n[source]\n{line}{}", &self.text[..at], &self.text[at..]),
                None => format!("{}\n[source]\n{line}", self.text),
            },
        };
    }
}

/// Why nothing can be proposed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproposable {
    /// The first line holds data.
    #[error("{} has no header: its first line holds data like {}", text::printable(.0), text::quoted(.1))]
    NoHeader(String, String),
}

/// Proposes a mapping.
///
/// # Errors
/// The file has no header, so that nothing tells its columns apart.
pub fn propose(sample: &Sample<'_>) -> Result<Proposal, Unproposable> {
    let Sample { input, found, header, rows } = *sample;
    if let Some(datum) = datum_in(header) {
        return Err(Unproposable::NoHeader(input.to_owned(), datum.to_owned()));
    }
    let mut remarks = packed(header, rows);
    if let Some(layout) = recognise(header) {
        let text = write::extension(input, &layout, header);
        return Ok(Proposal { text, layout: Some(layout), fields: Vec::new(), remarks });
    }
    let plan = Plan::new(header, rows);
    if plan.of(Field::TRACKINGNUMBER).is_none() {
        remarks
            .push("no column holds tracking numbers: they stand in another export, which [join] brings in".to_owned());
    }
    if plan.of(Field::CARRIER_TYPE).is_none() {
        remarks.push(
            "no column names the carrier: some tracking numbers tell it, for the others the mapping must say it"
                .to_owned(),
        );
    }
    let text = write::mapping(input, found, &plan, header, &remarks);
    let fields = plan.choices.iter().map(|choice| (choice.field, choice.confidence)).collect();
    Ok(Proposal { text, layout: None, fields, remarks })
}

/// A cell of the header that is surely data.
fn datum_in(header: &[String]) -> Option<&str> {
    let certain = |name: &&String| {
        let email = name
            .split_once('@')
            .is_some_and(|(_, domain)| domain.contains('.') && !name.contains(' '));
        email || tracking::infer(name).is_some()
    };
    let number = |name: &&String| {
        !name.is_empty()
            && name.bytes().all(|byte| {
                byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'-' | b':' | b'/')
            })
    };
    if let Some(datum) = header.iter().find(certain) {
        return Some(datum);
    }
    let numbers: Vec<&String> = header.iter().filter(number).collect();
    (numbers.len() * 3 >= header.len() && !numbers.is_empty()).then(|| numbers[0].as_str())
}

fn packed(header: &[String], rows: &[Vec<String>]) -> Vec<String> {
    let mut watch = Watch::new(header);
    for cells in rows {
        let mut row = Row::default();
        for cell in cells {
            row.push(cell);
        }
        watch.look(&row);
    }
    watch.remarks()
}
