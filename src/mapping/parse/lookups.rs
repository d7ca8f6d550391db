//! `[lookups.NAME]`: tables of what is written instead of what stands in a cell, in the mapping or
//! in a file.

use std::collections::HashMap;
use std::sync::Arc;

use crate::mapping::error::Faults;
use crate::mapping::spec::{FromFile, Lookup, Lookups};
use crate::mapping::toml_tree::Table;

/// The keys of a lookup that is a file; together they are no entries.
const FILE_KEYS: [&str; 3] = ["file", "key", "value"];

/// Reads all lookups.
pub(super) fn parse(table: &Table<'_>, faults: &mut Faults) -> Lookups {
    let mut lookups = HashMap::new();
    for (name, _, node) in table.entries() {
        let Some(entries) =
            node.table("a table of texts, as \"United Parcel Service\" = \"UPS\"", faults)
        else {
            continue;
        };
        lookups.insert(name.to_owned(), Arc::new(lookup(name, &entries, faults)));
    }
    lookups
}

fn lookup(name: &str, table: &Table<'_>, faults: &mut Faults) -> Lookup {
    let mut lookup = Lookup::named(name);
    let is_file = table.has("file") && (table.has("key") || table.has("value"));
    if is_file {
        lookup.from = from_file(table, faults);
    }
    for (key, span, node) in table.entries() {
        if is_file && FILE_KEYS.contains(&key) {
            continue;
        }
        let Some(value) = node.text(faults) else { continue };
        let key = key.trim();
        if key.is_empty() {
            faults
                .at(span, format!("{}: an empty cell is never looked up", table.path()), "")
                .advise("say what stands for an empty cell with default, beside lookup");
            continue;
        }
        let value = value.trim();
        lookup
            .folded
            .entry(key.chars().flat_map(char::to_lowercase).collect())
            .and_modify(|known| {
                if known.as_deref() != Some(value) {
                    *known = None;
                }
            })
            .or_insert_with(|| Some(value.to_owned()));
        lookup.entries.insert(key.to_owned(), value.to_owned());
    }
    lookup
}

fn from_file(table: &Table<'_>, faults: &mut Faults) -> Option<FromFile> {
    let [file, key, value] = FILE_KEYS.map(|name| {
        if let Some(node) = table.get(name) {
            return node.name("a text: the path of a file, and two of its columns", faults);
        }
        faults.at(table.span(), format!("{}: {name} is missing", table.path()), "").advise(
            "a lookup in a file says file, key and value: its path, the column that is searched, the column that is taken",
        );
        None
    });
    Some(FromFile { file: file?, key: key?, value: value? })
}
