//! `[delivery]`: defaults for options, whose values are handed on as text, and `answers`.
//!
//! A mapping can come from somebody else, so it decides neither where shipments are sent, nor with
//! whose key, nor what is remembered of them.

use crate::limits::{AnswerIs, AnswerRule};
use crate::mapping::error::Faults;
use crate::mapping::spec::{Delivery, DeliveryKeys};
use crate::mapping::toml_tree::{Node, Table};

/// Keys that no version will serve, with the reason.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("endpoint", "where shipments are sent", "give it by --endpoint or LATESHIP_ENDPOINT"),
    ("url", "where shipments are sent", "give it by --endpoint or LATESHIP_ENDPOINT"),
    ("sandbox", "where shipments are sent", "give --sandbox"),
    (
        "credentials",
        "the credentials",
        "give them by LATESHIPMENT_EMAIL and LATESHIPMENT_API_KEY, or by --credentials",
    ),
    ("email", "the credentials", "give it by LATESHIPMENT_EMAIL, or by --credentials"),
    ("api_key", "the credentials", "give it by LATESHIPMENT_API_KEY, or by --credentials"),
    ("ledger", "what is remembered of a run", "give --ledger or --no-ledger"),
    ("resend", "that what was accepted is sent again", "give --resend"),
    ("no_ledger", "what is remembered of a run", "give --no-ledger"),
];

/// Reads the table; `keys` says which options there are and what they take. Without it, they are
/// taken as they are.
pub(super) fn parse(
    table: &Table<'_>,
    keys: Option<&DeliveryKeys>,
    faults: &mut Faults,
) -> Delivery {
    let mut delivery = Delivery::default();
    for (key, span, node) in table.entries() {
        if let Some((_, what, instead)) = FORBIDDEN.iter().find(|(name, _, _)| *name == key) {
            faults
                .at(span, format!("[delivery] {key}: a mapping does not decide {what}"), "not allowed here")
                .advise("a mapping is passed from hand to hand, so it says only how rows become shipments")
                .advise(*instead);
        } else if key == "answers" {
            let what = "a list, as [{ status = 409, message = \"already\", is = \"sent\" }]";
            let rules = node.list(what, faults);
            delivery.answers = rules.iter().filter_map(|node| answer(node, faults)).collect();
        } else {
            delivery.options.extend(option(key, &node, keys, faults));
        }
    }
    if let Some(keys) = keys {
        let known: Vec<&str> = keys.names.iter().map(String::as_str).chain(["answers"]).collect();
        table.check_keys_but(
            |key| FORBIDDEN.iter().any(|(name, _, _)| *name == key),
            &known,
            faults,
        );
    }
    delivery
}

/// An option with its value; one that does not fit is noted.
fn option(
    key: &str,
    node: &Node<'_>,
    keys: Option<&DeliveryKeys>,
    faults: &mut Faults,
) -> Option<(String, String)> {
    let value = node.as_scalar();
    let keys = keys.filter(|keys| keys.names.iter().any(|name| name == key));
    let checked = keys.map_or(Ok(()), |keys| {
        (keys.check)(key, value.as_deref().unwrap_or_default(), node.is_text())
    });
    if let Err(expected) = checked {
        let what = expected.strip_prefix("expected ").unwrap_or(&expected);
        if value.is_some() {
            faults.at(node.span(), format!("{}: expected {what}", node.path()), "");
        } else {
            node.expected(what, faults);
        }
        return None;
    }
    Some((key.to_owned(), value?))
}

fn answer(node: &Node<'_>, faults: &mut Faults) -> Option<AnswerRule> {
    let table =
        node.table("a table, as { status = 409, message = \"already\", is = \"sent\" }", faults)?;
    table.check_keys(&["status", "message", "is"], faults);
    for key in ["status", "is"] {
        if !table.has(key) {
            faults.at(table.span(), format!("{}: {key} is missing", table.path()), "");
        }
    }
    let status = table.get("status").and_then(|node| node.whole(100..=599, faults));
    let message = table.get("message").and_then(|node| node.name("a part of the message", faults));
    let is = table.get("is").and_then(|node| {
        let is = match node.as_text() {
            Some("sent") => Some(AnswerIs::Sent),
            Some("rejected") => Some(AnswerIs::Rejected),
            Some("retry") => Some(AnswerIs::Retry),
            Some("stop") => Some(AnswerIs::Stop),
            _ => None,
        };
        if is.is_none() {
            node.expected_one_of("one of \"sent\", \"rejected\", \"retry\", \"stop\"", faults);
        }
        is
    });
    Some(AnswerRule {
        status: u16::try_from(status?).ok()?,
        message: message.map(toml::Spanned::into_inner),
        is: is?,
    })
}
