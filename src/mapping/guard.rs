//! Cells as spreadsheets leave them: the armour around a value is taken off, and a destroyed number
//! is known.
//!
//! Nothing is ever evaluated: a formula is text like any other. Peeling is idempotent and borrows
//! from the cell. Called for every cell of a row before any other part of the mapping looks at it.

pub use crate::shipment::check::{is_rounded, is_scientific};

/// The value inside a cell: trimmed, and without what a spreadsheet (or a tool that feared one) put
/// around it.
///
/// Taken off, in any nesting: `="00123"`, a `'` before a digit or one of `+ - = @`, and a pair of
/// quotes around the whole cell. A formula that is not exactly `="text"` stays as it is.
pub fn peel(cell: &str) -> &str {
    let mut value = trim(cell);
    loop {
        let inner = match value.as_bytes().first() {
            Some(b'=') => {
                value.strip_prefix('=').filter(|text| !text.starts_with('=')).and_then(armoured)
            }
            Some(b'"') => unquoted(value, '"'),
            Some(b'\'') => after_apostrophe(value),
            _ => None,
        };
        match inner {
            Some(inner) => value = trim(inner),
            None => return value,
        }
    }
}

/// `text` without blanks at its ends: Unicode's spaces, tabs and line ends, and the invisible
/// characters that web pages and messengers leave there (zero-width spaces, direction marks, a byte
/// order mark).
pub fn trim(text: &str) -> &str {
    match text.as_bytes() {
        [] => text,
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim_matches(is_blank),
    }
}

/// Whether `c` shows nothing at the end of a cell.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}')
}

/// The text of `"text"` in `="text"`; `None` where more than one text stands there, which is a
/// formula.
fn armoured(quoted: &str) -> Option<&str> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains('"')).then_some(inner)
}

/// The inside of a pair of quotes around the whole of `value`: `"a"`, also `""a""`, but neither
/// `"a" or "b"` nor `5"`.
fn unquoted(value: &str, quote: char) -> Option<&str> {
    let inner = trim(value.strip_prefix(quote)?.strip_suffix(quote)?);
    let nested = inner.len() > 1 && inner.starts_with(quote) && inner.ends_with(quote);
    (nested || !inner.contains(quote)).then_some(inner)
}

/// What follows an apostrophe that only tells a spreadsheet "this is text"; the one of
/// `'s-Hertogenbosch` is part of it.
fn after_apostrophe(value: &str) -> Option<&str> {
    let rest = value.strip_prefix('\'')?;
    if !matches!(rest.as_bytes().first(), Some(b'0'..=b'9' | b'+' | b'-' | b'=' | b'@')) {
        return None;
    }
    Some(unquoted(value, '\'').unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn armour_is_taken_off_in_any_nesting() {
        for (cell, value) in [
            ("  00123\u{A0}\t", "00123"),
            ("\u{FEFF}Order\u{200B}", "Order"),
            ("Alsemberg ", "Alsemberg"),
            ("=\"00123\"", "00123"),
            ("=\"\"", ""),
            ("=\"\" ", ""),
            ("'1630", "1630"),
            ("'+32 468 00 00 00", "+32 468 00 00 00"),
            ("'-5.00", "-5.00"),
            ("'@handle", "@handle"),
            ("'=1+1", "=1+1"),
            ("'=\"007\"", "007"),
            ("\"015224260416\"", "015224260416"),
            ("\" \"\"7\"\" \"", "7"),
            ("\"=\"\"", "\"=\"\""),
            ("'00123'", "00123"),
            ("\"\"", ""),
            ("\"", "\""),
            ("", ""),
            (" \r\n", ""),
        ] {
            assert_eq!(peel(cell), value, "{cell:?}");
        }
    }

    #[test]
    fn what_is_no_armour_stays_as_it_is() {
        for cell in [
            "='Sheet 1'!A1",
            "=1+1",
            "=\"A\"&\"B\"",
            "=HYPERLINK(\"https://example.com\")",
            "==\"1\"",
            "'s-Hertogenbosch",
            "''5",
            "\"Blue\" mug \"XL\"",
            "5\"",
            "\"5",
            "O'Neil",
            "-",
            "+49 30 000000",
            "1=\"2\"",
        ] {
            assert_eq!(peel(cell), cell);
        }
    }

    proptest! {
        #[test]
        fn peeling_twice_is_peeling_once(cell in "[='\" a0+\\-\u{A0}\u{FEFF}]{0,12}") {
            prop_assert_eq!(peel(peel(&cell)), peel(&cell));
        }

        #[test]
        fn a_plain_value_comes_back_out_of_every_armour(value in "[0-9][0-9A-Z]{0,20}") {
            for armoured in [format!("=\"{value}\""), format!("'{value}"), format!("\"{value}\""), format!(" '=\"{value}\" ")] {
                prop_assert_eq!(peel(&armoured), value.as_str());
            }
        }
    }
}
