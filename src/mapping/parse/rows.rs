//! `[rows]`: which rows are data, what they inherit, and which of them belong together.

use regex::Regex;

use super::{condition, fields};
use crate::mapping::error::Faults;
use crate::mapping::spec::Rows;
use crate::mapping::toml_tree::{Name, Node, Table};
use crate::shipment::Field;

const KEYS: &[&str] =
    &["keep", "drop", "fill_down", "group_by", "group", "split", "identity", "not_older_than"];

/// The most days that an order may be old, about a hundred years.
const MOST_DAYS: i64 = 36_500;

/// Reads the table.
pub(super) fn parse(table: &Table<'_>, faults: &mut Faults) -> Rows {
    table.check_keys(KEYS, faults);
    let group_by = names(table, "group_by", faults);
    Rows {
        keep: table.get("keep").map(|node| condition::list(&node, faults)).unwrap_or_default(),
        drop: table.get("drop").map(|node| condition::list(&node, faults)).unwrap_or_default(),
        fill_down: names(table, "fill_down", faults),
        anywhere: table.get("group").is_some_and(|node| anywhere(&node, table, faults)),
        group_by,
        split: table.get("split").and_then(|node| split(&node, faults)),
        identity: table.get("identity").map(|node| identity(&node, faults)),
        not_older_than: table.get("not_older_than").and_then(|node| age(&node, faults)),
    }
}

fn names(table: &Table<'_>, key: &str, faults: &mut Faults) -> Vec<Name> {
    let nodes = table.get(key).map(|node| node.one_or_more()).unwrap_or_default();
    nodes.iter().filter_map(|node| node.name("a column's name", faults)).collect()
}

fn anywhere(node: &Node<'_>, table: &Table<'_>, faults: &mut Faults) -> bool {
    if !table.has("group_by") {
        faults.at(node.span(), format!("{}: it means nothing without group_by", node.path()), "");
    }
    match node.as_text() {
        Some("adjacent") => {}
        Some("anywhere") => return true,
        _ => node.expected_one_of(r#"one of "adjacent", "anywhere""#, faults),
    }
    false
}

fn split(node: &Node<'_>, faults: &mut Faults) -> Option<(Name, Regex)> {
    const EXPECTED: &str = r#"a table, as { column = "Tracking", at = '[;,\s]+' }"#;
    let table = node.table(EXPECTED, faults)?;
    let all_known = table.check_keys(&["column", "at"], faults);
    let column = table.get("column").map(|node| node.name("a column's name", faults));
    let at = table.get("at").map(|node| condition::regex(&node, faults));
    if (column.is_none() || at.is_none()) && all_known {
        let missing = if column.is_none() { "column" } else { "at" };
        let title = format!("{}: {missing} is missing", node.path());
        faults.at(table.span(), title, "").advise(format!("write {EXPECTED}"));
    }
    let at = at.flatten()?;
    if at.is_match("") {
        let title = format!(
            "{}: the expression must not match nothing, or every letter would be a piece",
            node.path()
        );
        faults.at(node.span(), title, "").advise("write + for once or more, where * is");
        return None;
    }
    Some((column.flatten()?, at))
}

fn identity(node: &Node<'_>, faults: &mut Faults) -> Vec<Field> {
    let mut identity = Vec::new();
    for member in node.one_or_more() {
        let Some(name) = member.text(faults) else { continue };
        let Some(field) = fields::known(name, &member.span(), member.path(), faults) else {
            continue;
        };
        if !identity.contains(&field) {
            identity.push(field);
        }
    }
    if node.members().is_some_and(|members| members.is_empty()) {
        let title = format!("{}: without any field all shipments would be one", node.path());
        faults
            .at(node.span(), title, "")
            .advise(r#"the usual ones are ["order_no", "trackingnumber", "productid"]"#);
    }
    identity
}

fn age(node: &Node<'_>, faults: &mut Faults) -> Option<(i64, String)> {
    let text = node.as_text().unwrap_or_default();
    let days = text
        .strip_suffix('d')
        .and_then(|days| days.parse().ok())
        .filter(|days| (1..=MOST_DAYS).contains(days));
    if days.is_none() {
        node.expected_one_of(r#"a number of days, as "90d""#, faults);
    }
    Some((days?, text.to_owned()))
}
