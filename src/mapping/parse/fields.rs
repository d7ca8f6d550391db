//! `[fields]`: where each payload field's value comes from.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;

use super::{condition, steps};
use crate::mapping::error::Faults;
use crate::mapping::source::{Source, Steps, Take};
use crate::mapping::spec::Lookups;
use crate::mapping::template::Template;
use crate::mapping::toml_tree::{Node, Table};
use crate::shipment::Field;
use crate::text;

const EXPECTED: &str = "a column's name, a template, a table, or a list of them";

const TAKES: &[&str] = &["column", "template", "value", "infer_carrier"];

/// Reads the table: the sources of each field, in the order of the wire.
pub(super) fn parse(
    table: &Table<'_>,
    lookups: &Lookups,
    faults: &mut Faults,
) -> Vec<(Field, Vec<Source>)> {
    let mut fields = Vec::new();
    for (key, span, node) in table.entries() {
        let field = known(key, &span, table.path(), faults);
        let sources = sources(&node, lookups, faults);
        fields.extend(field.map(|field| (field, sources)));
    }
    fields.sort_by_key(|(field, _)| *field);
    fields
}

/// The field of that name; an unknown one is noted as a trouble.
pub(super) fn known(
    key: &str,
    span: &Range<usize>,
    path: &str,
    faults: &mut Faults,
) -> Option<Field> {
    let field = Field::by_name(key);
    if field.is_none() {
        let names: Vec<&str> = Field::all().map(Field::name).collect();
        faults
            .at(
                span.clone(),
                format!("{path}: the payload has no field {}", text::quoted(key)),
                "unknown field",
            )
            .nearest(key, &names, "its fields are");
    }
    field
}

fn sources(node: &Node<'_>, lookups: &Lookups, faults: &mut Faults) -> Vec<Source> {
    let Some(members) = node.members() else {
        return one(node, lookups, faults).into_iter().collect();
    };
    if members.is_empty() {
        faults
            .at(node.span(), format!("{}: a list of sources needs at least one", node.path()), "")
            .advise("leave the field out, or write { value = \"…\" } for a constant");
    }
    let mut sources = Vec::new();
    let mut settled = false;
    for member in &members {
        if settled {
            faults
                .at(member.span(), format!("{}: this source is never used", member.path()), "never used")
                .advise("the one before it always gives a value, or makes the row invalid: put that one last, or give it a when");
            break;
        }
        if let Some(source) = one(member, lookups, faults) {
            settled = source.settles();
            sources.push(source);
        }
    }
    sources
}

fn one(node: &Node<'_>, lookups: &Lookups, faults: &mut Faults) -> Option<Source> {
    if let Some(text) = node.as_text() {
        let take = if text.contains(['{', '}']) {
            template(node, text, faults)
        } else {
            column(node, faults)
        };
        return Some(Source {
            when: None,
            take: take?,
            steps: Arc::new(Steps::default()),
            optional: false,
        });
    }
    let table = node.table(EXPECTED, faults)?;
    let known: Vec<&str> =
        ["when", "optional"].iter().chain(TAKES).chain(steps::KEYS).copied().collect();
    let all_known = table.check_keys(&known, faults);
    let when = table.get("when").map(|node| condition::one(&node, faults));
    let take = take(&table, all_known, faults);
    let steps = steps::parse(&table, lookups, faults);
    let optional = table.get("optional").and_then(|node| node.flag(faults)).unwrap_or_default();
    Some(Source { when: when.flatten(), take: take?, steps: Arc::new(steps), optional })
}

fn take(table: &Table<'_>, all_known: bool, faults: &mut Faults) -> Option<Take> {
    let present: Vec<&str> = TAKES.iter().copied().filter(|key| table.has(key)).collect();
    match present[..] {
        [key] => {
            let node = table.get(key)?;
            match key {
                "column" => column(&node, faults),
                "infer_carrier" => node.name("a column's name", faults).map(Take::Carrier),
                "template" => template(&node, node.text(faults)?, faults),
                _ => Some(Take::Value(node.text(faults)?.trim().to_owned())),
            }
        }
        [] if !all_known => None,
        [] => {
            faults
                .at(
                    table.span(),
                    format!("{}: a source needs one of column, template, value, infer_carrier", table.path()),
                    "",
                )
                .advise(
                    r#"as { column = "Order ID" }, { template = "{First Name} {Last Name}" } or { value = "paid" }"#,
                );
            None
        }
        _ => {
            let title =
                format!("{}: a source takes only one of {}", table.path(), present.join(", "));
            faults
                .at(table.span(), title, "")
                .advise("write a list of sources where one stands in for another: the first that gives a value wins");
            None
        }
    }
}

fn column(node: &Node<'_>, faults: &mut Faults) -> Option<Take> {
    node.name("a column's name", faults).map(Take::Column)
}

fn template(node: &Node<'_>, text: &str, faults: &mut Faults) -> Option<Take> {
    match Template::parse(text) {
        Ok(template) => Some(Take::Template(Spanned::new(node.span(), template))),
        Err(error) => {
            let title =
                format!("{}: not a template like \"{{First Name}} {{Last Name}}\"", node.path());
            let added = faults.at(node.span(), title, error.to_string());
            added.advise("a column whose name has braces is written { column = \"…\" }");
            None
        }
    }
}

impl Source {
    /// Whether no source after it is ever asked.
    fn settles(&self) -> bool {
        let always = match &self.take {
            Take::Value(value) => !value.is_empty(),
            _ => {
                self.steps.required
                    || self.steps.default.as_ref().is_some_and(|default| !default.is_empty())
            }
        };
        self.when.is_none() && always
    }
}
