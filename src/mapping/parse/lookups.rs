//! `[lookups.NAME]`: tables of what is written instead of what stands in a cell.

use std::collections::HashMap;
use std::sync::Arc;

use crate::mapping::error::Faults;
use crate::mapping::spec::{Lookup, Lookups};
use crate::mapping::toml_tree::{Table, not_served_title};

/// Reads all lookups.
pub(super) fn parse(table: &Table<'_>, faults: &mut Faults) -> Lookups {
    let mut lookups = HashMap::new();
    for (name, _, node) in table.entries() {
        let Some(entries) = node.table("a table of texts, as \"United Parcel Service\" = \"UPS\"", faults) else {
            continue;
        };
        lookups.insert(name.to_owned(), Arc::new(lookup(name, &entries, faults)));
    }
    lookups
}

fn lookup(name: &str, table: &Table<'_>, faults: &mut Faults) -> Lookup {
    let mut lookup = Lookup { name: name.to_owned(), entries: HashMap::new(), folded: HashMap::new() };
    if table.has("file") && (table.has("key") || table.has("value")) {
        faults
            .at(table.span(), not_served_title("a lookup in a file"), "not served yet")
            .advise("write its lines into this table: \"as in the cell\" = \"as sent\"");
        return lookup;
    }
    for (key, span, node) in table.entries() {
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
