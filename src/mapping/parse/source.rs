//! `[source]`: what a mapping says of its input's form.

use crate::mapping::error::Faults;
use crate::mapping::toml_tree::{Node, Table};
use crate::row::{Encoding, Form, Quote, UnknownEncoding};

const KEYS: &[&str] = &["delimiter", "encoding", "quote", "skip_lines", "empty"];

/// The form, and the cells that count as empty.
pub(super) fn parse(table: &Table<'_>, faults: &mut Faults) -> (Form, Vec<String>) {
    table.check_keys(KEYS, faults);
    let form = Form {
        wanted: Vec::new(),
        delimiter: table.get("delimiter").and_then(|node| delimiter(&node, faults)),
        quote: table.get("quote").and_then(|node| quote(&node, faults)),
        skip_lines: table.get("skip_lines").and_then(|node| node.whole(0..=1_000_000, faults)),
        encoding: table.get("encoding").and_then(|node| encoding(&node, faults)),
    };
    let empty = table.get("empty").map(|node| texts(&node, faults)).unwrap_or_default();
    if let (Some(delimiter), Some(Quote::By(quote)), Some(node)) =
        (form.delimiter, form.quote, table.get("quote"))
        && delimiter == quote
    {
        faults.at(
            node.span(),
            format!("{}: the delimiter cannot be the quote too", node.path()),
            "",
        );
    }
    (form, empty)
}

/// A text or a list of texts, trimmed as cells are.
pub(super) fn texts(node: &Node<'_>, faults: &mut Faults) -> Vec<String> {
    node.one_or_more()
        .iter()
        .filter_map(|member| {
            let text = member.as_text();
            if text.is_none() {
                member.expected("a text in quotes, or a list of texts", faults);
            }
            text.map(|text| text.trim().to_owned())
        })
        .collect()
}

fn delimiter(node: &Node<'_>, faults: &mut Faults) -> Option<u8> {
    match node.as_text() {
        Some("," | ";" | "|" | "\t") => node.as_text().and_then(|text| text.bytes().next()),
        Some("tab" | "\\t") => Some(b'\t'),
        _ => {
            node.expected_one_of(
                r#"the character between two cells: "," or ";" or "|" or "\t""#,
                faults,
            );
            None
        }
    }
}

fn quote(node: &Node<'_>, faults: &mut Faults) -> Option<Quote> {
    match node.as_text().map(str::as_bytes) {
        Some([]) => Some(Quote::Never),
        Some(&[byte]) if byte.is_ascii_punctuation() => Some(Quote::By(byte)),
        _ => {
            node.expected_one_of(
                r#"the character around a cell, as '"', or "" where quotes are data"#,
                faults,
            );
            None
        }
    }
}

fn encoding(node: &Node<'_>, faults: &mut Faults) -> Option<Encoding> {
    let Some(label) = node.as_text() else {
        node.expected(r#"the name of an encoding, as "windows-1252""#, faults);
        return None;
    };
    match label.parse() {
        Ok(encoding) => Some(encoding),
        Err(UnknownEncoding { nearest }) => {
            faults
                .at(node.span(), format!("{}: no encoding of this name", node.path()), "not known")
                .advise(format!("the nearest is {nearest:?}; every label of the WHATWG's Encoding Standard is known"));
            None
        }
    }
}
