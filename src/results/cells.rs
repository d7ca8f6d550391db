//! Cells and messages as bytes of a CSV line; called for each line of RESULTS and of the failed
//! rows.
//!
//! Written by hand and not by the csv crate, whose writer owns its buffer: a line is begun when its
//! row is expected and ended when it is settled, in the same recycled memory. Tests hold it against
//! the crate's reader.

use std::borrow::Cow;

use crate::row::{Dialect, Quote};
use crate::text;

/// The most characters of a message that are written; what is longer is cut.
pub(super) const MAX_MESSAGE: usize = 1_000;

/// Writes `cell` so that a reader of this dialect gets it back: quoted where it must be (RFC 4180,
/// section 2).
///
/// Under [`Quote::Never`] it is written as it is, since there is no way to shield a delimiter in
/// it.
pub(super) fn push_cell(out: &mut Vec<u8>, cell: &str, dialect: Dialect) {
    let bytes = cell.as_bytes();
    let Quote::By(quote) = dialect.quote else {
        out.extend_from_slice(bytes);
        return;
    };
    if memchr::memchr3(dialect.delimiter, quote, b'\n', bytes).is_none()
        && memchr::memchr(b'\r', bytes).is_none()
    {
        out.extend_from_slice(bytes);
        return;
    }
    out.push(quote);
    let mut start = 0;
    for end in memchr::memchr_iter(quote, bytes) {
        out.extend_from_slice(&bytes[start..=end]);
        out.push(quote);
        start = end + 1;
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(quote);
}

/// `message` on one line, without what could act on a terminal, with a leading apostrophe where a
/// spreadsheet would run it as a formula (`=`, `+`, `-`, `@`, tab or carriage return in front), cut
/// to [`MAX_MESSAGE`] characters.
pub(super) fn safe_message(message: &str) -> Cow<'_, str> {
    let formula = message.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let short = message.len() <= MAX_MESSAGE || message.chars().nth(MAX_MESSAGE).is_none();
    if !formula && short && !message.chars().any(text::is_unprintable) {
        return Cow::Borrowed(message);
    }
    let mut safe = String::with_capacity(message.len().min(4 * MAX_MESSAGE) + 4);
    if formula {
        safe.push('\'');
    }
    safe.extend(message.chars().take(MAX_MESSAGE).map(|c| match c {
        '\t' | '\n' | '\r' => ' ',
        c if text::is_unprintable(c) => '\u{FFFD}',
        c => c,
    }));
    if !short {
        safe.push('…');
    }
    Cow::Owned(safe)
}

/// Cells as a line of CSV with commas, its line end included.
pub fn csv_line(cells: &[&str]) -> String {
    let mut line = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            line.push(b',');
        }
        push_cell(&mut line, cell, Dialect::default());
    }
    line.push(b'\n');
    String::from_utf8_lossy(&line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_cells_are_read_back_by_the_csv_crate(
            cells in prop::collection::vec("[a-z,;'\"\r\n \u{e4}=]{0,8}", 2..6),
            delimiter in prop::sample::select(vec![b',', b';', b'\t', b'|']),
            quote in prop::sample::select(vec![b'"', b'\'']),
        ) {
            let mut out = Vec::new();
            for (index, cell) in cells.iter().enumerate() {
                if index > 0 { out.push(delimiter); }
                push_cell(&mut out, cell, Dialect { delimiter, quote: Quote::By(quote) });
            }
            out.push(b'\n');
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false).delimiter(delimiter).quote(quote).from_reader(&out[..]);
            let read: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("readable CSV");
            prop_assert_eq!(read.len(), 1);
            prop_assert_eq!(read[0].iter().collect::<Vec<_>>(), cells);
        }
    }

    #[test]
    fn a_message_that_a_spreadsheet_would_run_gets_an_apostrophe() {
        for formula in ["=HYPERLINK(\"x\")", "+1", "-1", "@x"] {
            assert_eq!(safe_message(formula), format!("'{formula}"));
        }
        assert_eq!(safe_message("\tx"), "' x");
        assert_eq!(safe_message("\rx"), "' x");
        assert_eq!(safe_message("'=1"), "'=1", "guarding twice changes nothing");
        assert!(matches!(safe_message("refused: a=b"), Cow::Borrowed("refused: a=b")));
    }

    #[test]
    fn a_message_is_one_bounded_line_without_escapes() {
        assert_eq!(safe_message("a\u{1b}[2Jb\nc"), "a\u{FFFD}[2Jb c");
        assert_eq!(safe_message(&"é".repeat(MAX_MESSAGE)).chars().count(), MAX_MESSAGE);
        assert_eq!(safe_message(&"é".repeat(MAX_MESSAGE + 1)), "é".repeat(MAX_MESSAGE) + "…");
    }
}
