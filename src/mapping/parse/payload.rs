//! `[payload]`: how the payload is written.

use std::collections::HashMap;

use crate::mapping::error::Faults;
use crate::mapping::toml_tree::Table;
use crate::shipment::Field;
use crate::text;

use super::fields;

/// `send_empty` and `rename`.
pub(super) fn parse(table: &Table<'_>, faults: &mut Faults) -> (bool, Vec<(Field, String)>) {
    table.check_keys(&["send_empty", "rename"], faults);
    let send_empty = table.get("send_empty").and_then(|node| node.flag(faults)).unwrap_or(false);
    let rename = table
        .get("rename")
        .and_then(|node| {
            node.table(r#"a table, as { Number_of_items = "number_of_items" }"#, faults)
        })
        .map(|table| rename(&table, faults))
        .unwrap_or_default();
    (send_empty, rename)
}

fn rename(table: &Table<'_>, faults: &mut Faults) -> Vec<(Field, String)> {
    let mut renamed = Vec::new();
    let mut spans = HashMap::new();
    for (key, key_span, node) in table.entries() {
        let field = fields::known(key, &key_span, table.path(), faults);
        let name = node.name("the name on the wire", faults);
        if let (Some(field), Some(name)) = (field, name) {
            spans.insert(field.index(), name.span());
            renamed.push((field, name.into_inner()));
        }
    }
    // What a name collides with can be a field that keeps its own name or another one that takes
    // the same.
    for (field, name) in &renamed {
        let span = spans.get(&field.index()).cloned().unwrap_or_default();
        let other =
            renamed.iter().find(|(other, theirs)| other.index() < field.index() && theirs == name);
        if let Some((other, _)) = other {
            let title = format!(
                "{}: {field} and {other} cannot both be called {}",
                table.path(),
                text::quoted(name)
            );
            faults.at(span, title, "taken already");
            continue;
        }
        let owner = Field::by_name(name).filter(|owner| owner != field);
        if let Some(owner) = owner
            && !renamed.iter().any(|(moved, _)| *moved == owner)
        {
            let title =
                format!("{}: {field} cannot take the name of another field, {owner}", table.path());
            faults
                .at(span, title, "taken by a field")
                .advise(format!("to fill {owner} from this column, map it in [fields]"));
        }
    }
    renamed
}
