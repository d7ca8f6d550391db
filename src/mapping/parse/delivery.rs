//! `[delivery]`: defaults for flags. Where it is sent, with whose key, and what is remembered of it
//! is not a mapping's affair: a mapping can come from somebody else.

use std::num::{NonZeroU32, NonZeroUsize};

use crate::limits::{AnswerIs, AnswerRule, MaxFailures, Unfit, parse_duration, parse_time_of_day};
use crate::mapping::error::Faults;
use crate::mapping::spec::Delivery;
use crate::mapping::toml_tree::{Node, Table};

const KEYS: &[&str] = &[
    "rate",
    "concurrency",
    "max_attempts",
    "timeout",
    "connect_timeout",
    "give_up_after",
    "max_failures",
    "stop_at",
    "max_duration",
    "min_shipments",
    "in_doubt",
    "changed",
    "wait",
    "answers",
];

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

/// Reads the table.
pub(super) fn parse(table: &Table<'_>, faults: &mut Faults) -> Delivery {
    for (key, span, _) in table.entries() {
        if let Some((_, what, instead)) = FORBIDDEN.iter().find(|(name, _, _)| *name == key) {
            faults
                .at(span, format!("[delivery] {key}: a mapping does not decide {what}"), "not allowed here")
                .advise("a mapping is passed from hand to hand, so it says only how rows become shipments")
                .advise(*instead);
        }
    }
    table.check_keys_but(|key| FORBIDDEN.iter().any(|(name, _, _)| *name == key), KEYS, faults);

    let mut duration =
        |key: &str| table.get(key).and_then(|node| read(&node, parse_duration, faults));
    let [timeout, connect_timeout, give_up_after, max_duration, wait] =
        ["timeout", "connect_timeout", "give_up_after", "max_duration", "wait"].map(&mut duration);
    Delivery {
        rate: table.get("rate").and_then(|node| read(&node, str::parse, faults)),
        concurrency: table
            .get("concurrency")
            .and_then(|node| node.whole(1..=10_000, faults))
            .and_then(|number| NonZeroUsize::new(usize::try_from(number).ok()?)),
        max_attempts: table
            .get("max_attempts")
            .and_then(|node| node.whole(1..=1000, faults))
            .and_then(|number| NonZeroU32::new(u32::try_from(number).ok()?)),
        timeout,
        connect_timeout,
        give_up_after,
        max_failures: table.get("max_failures").and_then(|node| max_failures(&node, faults)),
        stop_at: table.get("stop_at").and_then(|node| read(&node, parse_time_of_day, faults)),
        max_duration,
        min_shipments: table.get("min_shipments").and_then(|node| node.whole(0..=u64::MAX, faults)),
        in_doubt: table.get("in_doubt").and_then(|node| read(&node, str::parse, faults)),
        changed: table.get("changed").and_then(|node| read(&node, str::parse, faults)),
        wait,
        answers: table
            .get("answers")
            .map(|node| {
                node.list(
                    "a list, as [{ status = 409, message = \"already\", is = \"sent\" }]",
                    faults,
                )
            })
            .unwrap_or_default()
            .iter()
            .filter_map(|node| answer(node, faults))
            .collect(),
    }
}

/// A text that one of the values of `limits` is read from; what that expects stands beside the
/// caret.
fn read<T>(
    node: &Node<'_>,
    parse: impl Fn(&str) -> Result<T, Unfit>,
    faults: &mut Faults,
) -> Option<T> {
    match parse(node.as_text().unwrap_or_default()) {
        Ok(value) => Some(value),
        Err(unfit) => {
            let unfit = unfit.to_string();
            let what = unfit.strip_prefix("expected ").unwrap_or(&unfit);
            let quotes = if node.is_text() { "" } else { ", in quotes" };
            node.expected_one_of(&format!("{what}{quotes}"), faults);
            None
        }
    }
}

fn max_failures(node: &Node<'_>, faults: &mut Faults) -> Option<MaxFailures> {
    if node.is_text() {
        return read(node, str::parse, faults);
    }
    let count = node.whole(0..=u64::from(u32::MAX), faults)?;
    Some(
        NonZeroU32::new(u32::try_from(count).ok()?).map_or(MaxFailures::Never, MaxFailures::InARow),
    )
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
