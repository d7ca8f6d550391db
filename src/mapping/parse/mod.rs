//! A mapping file's text to its [`Spec`]: one file for each of its tables.
//!
//! Nothing stops at the first trouble; all are noted, and the caller shows them together.

mod condition;
mod delivery;
mod fields;
mod join;
mod lookups;
mod merge;
mod payload;
mod rows;
mod source;
mod steps;

use toml::de::DeTable;

use super::error::Faults;
use super::layers::{Layer, Layers};
use super::spec::{DeliveryKeys, Spec};
use super::toml_tree::Table;

const KEYS: &[&str] =
    &["extends", "source", "rows", "join", "fields", "lookups", "payload", "delivery"];

/// Reads a mapping of one or several layers: the tables of each, merged over those that it extends.
/// Options in `[delivery]` are checked where `keys` says what they take.
pub(super) fn parse(layers: &Layers, keys: Option<&DeliveryKeys>, faults: &mut Faults) -> Spec {
    let texts: Vec<String> = layers.iter().map(Layer::placed).collect();
    let mut merged: Option<DeTable<'_>> = None;
    for text in texts.iter().rev() {
        let (tree, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let message = error.message();
            let span = error.span().unwrap_or(0..0);
            let added = faults.at(span, format!("not valid TOML: {message}"), "");
            if message.contains("duplicate key") {
                added.advise(
                    "a key can stand once in a table: a field has one source, or a list of them",
                );
            } else if message.contains("escape") {
                added.advise("write a text that holds backslashes between single quotes: '\\d+'");
            }
        }
        let own = tree.into_inner();
        merged = Some(match merged {
            Some(base) => merge::over(base, own),
            None => own,
        });
    }
    let Some(tree) = merged.filter(|_| faults.is_empty()) else { return Spec::default() };

    let root = Table::root(&tree);
    root.check_keys(KEYS, faults);
    let (form, empty) = root
        .section("source", faults)
        .map(|table| source::parse(&table, faults))
        .unwrap_or_default();
    let rows =
        root.section("rows", faults).map(|table| rows::parse(&table, faults)).unwrap_or_default();
    let join = root.section("join", faults).and_then(|table| join::parse(&table, faults));
    let lookups = root
        .section("lookups", faults)
        .map(|table| lookups::parse(&table, faults))
        .unwrap_or_default();
    let fields = root
        .section("fields", faults)
        .map(|table| fields::parse(&table, &lookups, faults))
        .unwrap_or_default();
    let (send_empty, rename) = root
        .section("payload", faults)
        .map(|table| payload::parse(&table, faults))
        .unwrap_or_default();
    let delivery = root
        .section("delivery", faults)
        .map(|table| delivery::parse(&table, keys, faults))
        .unwrap_or_default();
    let mut filed: Vec<_> = lookups
        .values()
        .filter_map(|lookup| Some((lookup.name.clone(), lookup.from.clone()?)))
        .collect();
    filed.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    Spec { form, empty, rows, join, filed, fields, send_empty, rename, delivery }
}
