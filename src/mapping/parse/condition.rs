//! Conditions as they stand in `keep`, `drop` and `when`.

use regex::{Regex, RegexBuilder};

use super::source::texts;
use crate::mapping::condition::{Ask, Condition, Test};
use crate::mapping::error::Faults;
use crate::mapping::toml_tree::{Name, Node, Table};

const KEYS: &[&str] = &["column", "is", "is_not", "matches", "empty", "any"];
const EXPECTED: &str = r#"a condition, as { column = "Status", is = "Shipped" }"#;

/// The most bytes that a compiled expression may take.
const MOST_REGEX_BYTES: usize = 1 << 20;

/// A list of conditions, or a single one.
pub(super) fn list(node: &Node<'_>, faults: &mut Faults) -> Vec<Condition<Name>> {
    node.one_or_more().iter().filter_map(|member| one(member, faults)).collect()
}

/// A condition: a table, or a list of which all must hold.
pub(super) fn one(node: &Node<'_>, faults: &mut Faults) -> Option<Condition<Name>> {
    if let Some(members) = node.members() {
        if members.is_empty() {
            faults.at(
                node.span(),
                format!("{}: a list of conditions needs at least one", node.path()),
                "",
            );
        }
        return Some(Condition::All(
            members.iter().filter_map(|member| one(member, faults)).collect(),
        ));
    }
    let table = node.table(EXPECTED, faults)?;
    let all_known = table.check_keys(KEYS, faults);
    if let Some(any) = table.get("any") {
        return any_of(&table, &any, faults);
    }
    let column = table.get("column").map(|node| node.name("a column's name", faults));
    if column.is_none() && all_known {
        faults
            .at(table.span(), format!("{}: a condition needs a column", table.path()), "")
            .advise(EXPECTED);
    }
    let asks: Vec<&str> =
        ["is", "is_not", "matches", "empty"].into_iter().filter(|key| table.has(key)).collect();
    let ask = match asks[..] {
        [key] => table.get(key).and_then(|node| ask(key, &node, faults)),
        [] if !all_known => None,
        [] => {
            let title =
                format!("{}: a condition needs one of is, is_not, matches, empty", table.path());
            faults.at(table.span(), title, "").advise(EXPECTED);
            None
        }
        _ => {
            let title =
                format!("{}: a condition takes only one of {}", table.path(), asks.join(", "));
            faults
                .at(table.span(), title, "")
                .advise("write a condition for each of them: all in a list must hold");
            None
        }
    };
    Some(Condition::Test(Test { column: column.flatten()?, ask: ask? }))
}

fn any_of(table: &Table<'_>, any: &Node<'_>, faults: &mut Faults) -> Option<Condition<Name>> {
    if table.entries().len() > 1 {
        let title = format!("{}: any stands alone in its table", table.path());
        faults
            .at(table.span(), title, "")
            .advise("put the other conditions beside it, in the list around");
    }
    let members = any.list("a list of conditions", faults);
    if members.is_empty() {
        if any.is_list() {
            faults.at(
                any.span(),
                format!("{}: a list of conditions needs at least one", any.path()),
                "",
            );
        }
        return None;
    }
    Some(Condition::Any(members.iter().filter_map(|member| one(member, faults)).collect()))
}

fn ask(key: &str, node: &Node<'_>, faults: &mut Faults) -> Option<Ask> {
    Some(match key {
        "is" => Ask::Is(texts(node, faults)),
        "is_not" => Ask::IsNot(texts(node, faults)),
        "matches" => Ask::Matches(regex(node, faults)?),
        _ => Ask::Empty(node.flag(faults)?),
    })
}

/// A regular expression, compiled.
pub(super) fn regex(node: &Node<'_>, faults: &mut Faults) -> Option<Regex> {
    let pattern = node.text(faults)?;
    match RegexBuilder::new(pattern).size_limit(MOST_REGEX_BYTES).build() {
        Ok(regex) => Some(regex),
        Err(error) => {
            let reason = match error {
                regex::Error::CompiledTooBig(_) => "too large".to_owned(),
                other => {
                    let reason = other.to_string();
                    reason.rsplit("error: ").next().unwrap_or_default().trim().to_owned()
                }
            };
            faults.at(node.span(), format!("{}: not a regular expression", node.path()), reason);
            None
        }
    }
}
