//! `[join]`: another export that is joined to the input.

use crate::mapping::error::Faults;
use crate::mapping::spec::{Join, Missing};
use crate::mapping::toml_tree::{Name, Table};

const KEYS: &[&str] = &["file", "on", "as", "missing"];
const EXPECTED_ON: &str =
    r#"a table of columns, as { "Name" = "Order" }: the input's = the other's"#;

/// What joined columns begin with where the mapping does not say it.
const DEFAULT_ALIAS: &str = "join";

/// Reads the table.
pub(super) fn parse(table: &Table<'_>, faults: &mut Faults) -> Option<Join> {
    let all_known = table.check_keys(KEYS, faults);
    let on = table.get("on").map(|node| {
        let pairs = node.table(EXPECTED_ON, faults)?;
        if pairs.entries().is_empty() {
            faults.at(
                node.span(),
                format!("{}: it needs at least one pair of columns", node.path()),
                "",
            );
        }
        let mut on: Vec<(Name, Name)> = Vec::new();
        for (ours, span, theirs) in pairs.entries() {
            on.push((
                Name::new(span, ours.to_owned()),
                theirs.name("a column of the other export", faults)?,
            ));
        }
        Some(on)
    });
    if on.is_none() && all_known {
        faults
            .at(table.span(), "[join]: on is missing", "")
            .advise(format!("write on = {EXPECTED_ON}"));
    }
    let alias = table.get("as").and_then(|node| node.name("what its columns begin with", faults));
    let missing = match table.get("missing").map(|node| (node.as_text(), node)) {
        None | Some((Some("skip"), _)) => Missing::Skip,
        Some((Some("invalid"), _)) => Missing::Invalid,
        Some((_, node)) => {
            node.expected_one_of(r#"one of "skip", "invalid""#, faults);
            Missing::Skip
        }
    };
    Some(Join {
        span: table.span(),
        file: table.get("file").and_then(|node| node.name("the path of the other export", faults)),
        on: on.flatten()?,
        alias: alias
            .map_or_else(|| DEFAULT_ALIAS.to_owned(), |alias| alias.into_inner().trim().to_owned()),
        missing,
    })
}
