//! What is done to a value: the keys of a source table but for `when` and what it takes.

use std::sync::Arc;

use super::condition::regex;
use super::source::texts;
use crate::mapping::combine::Combine;
use crate::mapping::date::{DateFormat, DateRule};
use crate::mapping::error::Faults;
use crate::mapping::number::NumberRule;
use crate::mapping::source::{LookUp, Otherwise, Pad, Shape, Steps};
use crate::mapping::spec::{Lookup, Lookups};
use crate::mapping::toml_tree::{Node, Table};
use crate::text;

/// The keys, in the order in which they are worked.
pub(super) const KEYS: &[&str] = &[
    "empty",
    "extract",
    "replace",
    "lookup",
    "otherwise",
    "ignore_case",
    "case",
    "date",
    "timezone",
    "to",
    "number",
    "decimals",
    "pad_left",
    "combine",
    "separator",
    "max_length",
    "default",
    "required",
];

/// The lookup that knows all carriers, besides what the mapping's own table of that name says.
const CARRIERS: &str = "carriers";

/// The longest that a value is filled up to.
const MOST_PADDED: u64 = 255;

/// Reads the steps of a source.
pub(super) fn parse(table: &Table<'_>, lookups: &Lookups, faults: &mut Faults) -> Steps {
    Steps {
        empty: table.get("empty").map(|node| texts(&node, faults)).unwrap_or_default(),
        extract: table.get("extract").and_then(|node| regex(&node, faults)),
        replace: table.get("replace").map(|node| replace(&node, faults)).unwrap_or_default(),
        lookup: lookup(table, lookups, faults),
        case: table.get("case").and_then(|node| {
            let case = node.as_text().and_then(|text| text.parse().ok());
            if case.is_none() {
                node.expected_one_of(r#"one of "upper", "lower", "title""#, faults);
            }
            case
        }),
        shape: shape(table, faults),
        pad_left: table.get("pad_left").and_then(|node| pad_left(&node, faults)),
        combine: combine(table, faults),
        separator: table.get("separator").and_then(|node| node.text(faults)).map(str::to_owned),
        max_length: table
            .get("max_length")
            .and_then(|node| node.whole(1..=1_000_000, faults))
            .and_then(|length| usize::try_from(length).ok()),
        default: table
            .get("default")
            .and_then(|node| node.text(faults))
            .map(|text| text.trim().to_owned()),
        required: table.get("required").and_then(|node| node.flag(faults)).unwrap_or(false),
    }
}

fn replace(node: &Node<'_>, faults: &mut Faults) -> Vec<(regex::Regex, String)> {
    const EXPECTED: &str =
        r#"a list of pairs, as [['\s+', " "]]: an expression, and what to write instead"#;
    let mut pairs = Vec::new();
    for pair in node.list(EXPECTED, faults) {
        match pair.members().as_deref() {
            Some([from, with]) => {
                let (regex, text) = (regex(from, faults), with.text(faults));
                if let (Some(regex), Some(text)) = (regex, text) {
                    check_groups(&regex, text, with, faults);
                    pairs.push((regex, text.to_owned()));
                }
            }
            _ => pair.expected(EXPECTED, faults),
        }
    }
    pairs
}

/// Notes groups that the expression does not have: they would be replaced by nothing, in silence.
/// `$1x` is the group `1x`.
fn check_groups(regex: &regex::Regex, with: &str, node: &Node<'_>, faults: &mut Faults) {
    let mut rest = with;
    while let Some((_, after)) = rest.split_once('$') {
        let end =
            after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
        let (name, next) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some(braced) => braced,
            None => (&after[..end], &after[end..]),
        };
        let known = match name.parse::<usize>() {
            Ok(number) => number < regex.captures_len(),
            Err(_) => name.is_empty() || regex.capture_names().flatten().any(|known| known == name),
        };
        if !known {
            let title =
                format!("{}: the expression has no group {}", node.path(), text::quoted(name));
            faults
                .at(node.span(), title, "no such group")
                .advise("write ${1}x for the first group before an x, $$ for a dollar");
        }
        rest = if name.is_empty() { next.strip_prefix('$').unwrap_or(next) } else { next };
    }
}

fn lookup(table: &Table<'_>, lookups: &Lookups, faults: &mut Faults) -> Option<LookUp> {
    let Some(node) = table.get("lookup") else {
        needs(table, &["otherwise", "ignore_case"], "lookup", faults);
        return None;
    };
    let ignore_case = table.get("ignore_case").and_then(|node| node.flag(faults)).unwrap_or(false);
    let carriers = node.as_text() == Some(CARRIERS);
    // A carrier that is not known is sent as it stands; `check` and the run warn of it.
    let usual = if carriers { Otherwise::Keep } else { Otherwise::Error };
    let otherwise = table.get("otherwise").map_or(usual, |node| otherwise(&node, faults));
    let none = Lookups::from([(CARRIERS.to_owned(), Arc::new(Lookup::named(CARRIERS)))]);
    let Some(name) = node.as_text() else {
        node.expected("the name of a table [lookups.NAME], in quotes", faults);
        return None;
    };
    let Some(found) = lookups.get(name).or_else(|| none.get(name)) else {
        let names: Vec<&str> = lookups.keys().map(String::as_str).collect();
        let title =
            format!("{}: there is no table [lookups.{}]", node.path(), text::printable(name));
        faults.at(node.span(), title, "no such lookup").nearest(name, &names, "the lookups are");
        return None;
    };
    if ignore_case {
        let mut unclear: Vec<&str> = found
            .folded
            .iter()
            .filter(|(_, value)| value.is_none())
            .map(|(key, _)| key.as_str())
            .collect();
        unclear.sort_unstable();
        for key in unclear {
            let title = format!(
                "{}: [lookups.{}] says different things for {} when case is ignored",
                node.path(),
                text::printable(name),
                text::quoted(key)
            );
            faults
                .at(node.span(), title, "")
                .advise("take one of them out, or leave ignore_case out");
        }
    }
    Some(LookUp { table: Arc::clone(found), ignore_case, carriers, otherwise })
}

fn otherwise(node: &Node<'_>, faults: &mut Faults) -> Otherwise {
    const EXPECTED: &str = r#"one of "keep", "empty", "error", { value = "…" }"#;
    match node.as_text() {
        Some("keep") => return Otherwise::Keep,
        Some("empty") => return Otherwise::Empty,
        Some("error") => return Otherwise::Error,
        Some(_) => node.expected_one_of(EXPECTED, faults),
        None => {
            let Some(table) = node.table(EXPECTED, faults) else { return Otherwise::Error };
            table.check_keys(&["value"], faults);
            match table.get("value") {
                Some(value) => {
                    return Otherwise::Value(
                        value.text(faults).unwrap_or_default().trim().to_owned(),
                    );
                }
                None => node.expected(EXPECTED, faults),
            }
        }
    }
    Otherwise::Error
}

fn shape(table: &Table<'_>, faults: &mut Faults) -> Option<Shape> {
    if table.has("date") && (table.has("number") || table.has("decimals")) {
        let title =
            format!("{}: a value is read as a date or as a number, not as both", table.path());
        faults.at(table.span(), title, "");
        return None;
    }
    if let Some(node) = table.get("date") {
        return date(table, &node, faults).map(Shape::Date);
    }
    needs(table, &["timezone", "to"], "date", faults);
    if table.has("number") || table.has("decimals") {
        number(table, faults).map(Shape::Number)
    } else {
        None
    }
}

fn date(table: &Table<'_>, node: &Node<'_>, faults: &mut Faults) -> Option<DateRule> {
    const EXPECTED: &str = r#"a date format like "%d.%m.%Y", or a list of them"#;
    let members = node.one_or_more();
    if members.is_empty() {
        node.expected(EXPECTED, faults);
    }
    let mut formats = Vec::new();
    for member in &members {
        let Some(text) = member.as_text() else {
            member.expected(EXPECTED, faults);
            continue;
        };
        match DateFormat::parse(text) {
            Ok(format) => formats.push(format),
            Err(error) => {
                let title =
                    format!("{}: {} is not a date format", member.path(), text::quoted(text));
                faults.at(member.span(), title, "").advise(error.to_string());
            }
        }
    }
    let mut zone = |key: &str| {
        let node = table.get(key)?;
        let name = node.text(faults)?;
        match DateRule::new(Vec::new(), Some(name), None) {
            Ok(_) => Some(name),
            Err(error) => {
                faults.at(node.span(), format!("{}: {error}", node.path()), "");
                None
            }
        }
    };
    let (timezone, to) = (zone("timezone"), zone("to"));
    if formats.len() < members.len() || formats.is_empty() {
        return None;
    }
    match DateRule::new(formats, timezone, to) {
        Ok(rule) => Some(rule),
        Err(error) => {
            faults.at(table.span(), format!("{}: {error}", table.path()), "");
            None
        }
    }
}

fn number(table: &Table<'_>, faults: &mut Faults) -> Option<NumberRule> {
    let decimals = table
        .get("decimals")
        .and_then(|node| node.whole(0..=9, faults))
        .and_then(|decimals| u8::try_from(decimals).ok());
    let (mut decimal, mut thousands, mut span) = ('.', None, table.span());
    if let Some(node) = table.get("number") {
        span = node.span();
        let inner = node.table(r#"a table, as { decimal = ",", thousands = "." }"#, faults)?;
        inner.check_keys(&["decimal", "thousands"], faults);
        decimal = inner.get("decimal").map_or(Some('.'), |node| character(&node, faults))?;
        thousands = match inner.get("thousands") {
            Some(node) => Some(character(&node, faults)?),
            None => None,
        };
    }
    match NumberRule::new(decimal, thousands, decimals) {
        Ok(rule) => Some(rule),
        Err(error) => {
            faults.at(span, format!("{} number: {error}", table.path()), "");
            None
        }
    }
}

fn combine(table: &Table<'_>, faults: &mut Faults) -> Combine {
    let Some(node) = table.get("combine") else {
        needs(table, &["separator"], "combine", faults);
        return Combine::First;
    };
    let Some(combine) = node.as_text().and_then(|word| word.parse().ok()) else {
        node.expected_one_of(Combine::WORDS, faults);
        return Combine::First;
    };
    if let (Some(separator), false) =
        (table.get("separator"), matches!(combine, Combine::Join | Combine::Unique))
    {
        let title = format!(
            "{}: it stands between values that are joined, and these are not",
            separator.path()
        );
        faults
            .at(separator.span(), title, "")
            .advise("write combine = \"join\" or \"unique\", or leave it out");
    }
    combine
}

fn pad_left(node: &Node<'_>, faults: &mut Faults) -> Option<Pad> {
    const EXPECTED: &str = r#"a table, as { to = 5, with = "0" }"#;
    let table = node.table(EXPECTED, faults)?;
    table.check_keys(&["to", "with"], faults);
    let with = table.get("with").map_or(Some('0'), |node| character(&node, faults));
    let Some(to) = table.get("to") else {
        faults
            .at(table.span(), format!("{}: to is missing", table.path()), "")
            .advise(format!("write {EXPECTED}"));
        return None;
    };
    let to = to.whole(1..=MOST_PADDED, faults)?;
    Some(Pad { to: usize::try_from(to).ok()?, with: with? })
}

fn character(node: &Node<'_>, faults: &mut Faults) -> Option<char> {
    let mut characters = node.as_text().unwrap_or_default().chars();
    let character = characters.next().filter(|_| characters.next().is_none());
    if character.is_none() {
        node.expected_one_of("a single character in quotes", faults);
    }
    character
}

/// Notes keys that mean nothing without another one.
fn needs(table: &Table<'_>, keys: &[&str], other: &str, faults: &mut Faults) {
    for key in keys {
        if let Some(node) = table.get(key) {
            faults.at(
                node.span(),
                format!("{}: {key} means nothing without {other}", table.path()),
                "",
            );
        }
    }
}
