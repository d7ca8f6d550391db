//! Finds how a text is cut into cells: every delimiter is tried on the first records, and the one
//! that gives the most constant width wins.
//!
//! The trial is aware of quotes, and the width of the header is the measure, wherever `header`
//! finds it, so that commas inside the header or the cells of a semicolon file do not win, nor
//! lines above or below the table. Pure; `open` calls it once per file.

use memchr::memchr_iter;

use super::header::find;
use super::record::{MAX_LINES, line_ends};
use super::shape::{RECORDS, records};
use crate::row::{Dialect, Form, Quote};

/// The delimiters that are looked for; where two fit alike, the earlier one is taken, since a comma
/// is often data.
const DELIMITERS: [u8; 4] = [b'\t', b';', b'|', b','];

/// The dialect of the text that starts with `sample`, as far as `form` leaves it open; `last` says
/// that nothing follows.
pub(super) fn detect(sample: &[u8], last: bool, form: &Form) -> Dialect {
    let with_quote = |delimiter| {
        let quoted = || {
            if delimiter == b'\t' && !quotes_enclose(sample, last) {
                Quote::Never
            } else {
                Quote::By(b'"')
            }
        };
        Dialect { delimiter, quote: form.quote.unwrap_or_else(quoted) }
    };
    if let Some(delimiter) = form.delimiter {
        return with_quote(delimiter);
    }
    let mut best = (0.0, with_quote(b','));
    for dialect in DELIMITERS.map(with_quote) {
        let fit = find(&records(sample, last, dialect), form).fit;
        if fit > best.0 {
            best = (fit, dialect);
        }
    }
    best.1
}

/// Whether quotes in a tab file stand around cells, and are not inches or words in quotes: every
/// cell that starts with one must end with one, and there must be a reason for them.
fn quotes_enclose(sample: &[u8], last: bool) -> bool {
    let is_edge = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r');
    let header = memchr::memchr2(b'\n', b'\r', sample).unwrap_or(sample.len());
    let (mut enclosed, mut reason) = (0_u64, false);
    let mut from = 0;
    'cells: for at in memchr_iter(b'"', sample) {
        if at < from || !(at == 0 || is_edge(&sample[at - 1])) {
            continue;
        }
        let mut close = at + 1;
        let mut doubled = false;
        loop {
            let Some(found) = memchr::memchr(b'"', &sample[close..]) else {
                if last || line_ends(&sample[at..]) > MAX_LINES {
                    return false;
                }
                break 'cells;
            };
            close += found + 1;
            if sample.get(close) != Some(&b'"') {
                break;
            }
            doubled = true;
            close += 1;
        }
        if !sample.get(close).is_none_or(is_edge) {
            return false;
        }
        let cell = &sample[at + 1..close - 1];
        let (lines, tabs) = (line_ends(cell), cell.contains(&b'\t'));
        if lines > MAX_LINES || (lines > 0 && tabs) {
            return false;
        }
        enclosed += 1;
        reason |= doubled || lines > 0 || tabs || at < header;
        from = close;
        if reason && enclosed >= RECORDS as u64 {
            break;
        }
    }
    enclosed > 0 && (reason || 4 * enclosed >= line_ends(sample))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sample: &str) -> (char, bool) {
        let dialect = detect(sample.as_bytes(), true, &Form::default());
        (char::from(dialect.delimiter), dialect.quote != Quote::Never)
    }

    #[test]
    fn each_delimiter_is_found_from_the_content() {
        for delimiter in [",", ";", "\t", "|"] {
            let sample = "Order|Name|Price\n1|Ada|2.50\n2|Bob|3\n".replace('|', delimiter);
            assert_eq!(found(&sample).0.to_string(), delimiter);
        }
    }

    #[test]
    fn commas_inside_a_semicolon_file_do_not_win() {
        assert_eq!(
            found("Order;Price, EUR;Email (needed, must be valid, always)\n1;2,50;a\n2;3,50;b\n").0,
            ';'
        );
        assert_eq!(found("Order;Price\n1;2,50\n2;3,50\n").0, ';');
        assert_eq!(
            found("Order,\"Name; first; last\",Note\n1,\"a;b;c\",x;y\n2,d,\"e;f\"\n").0,
            ','
        );
    }

    #[test]
    fn short_rows_footers_and_a_header_alone_do_not_mislead() {
        assert_eq!(found("Order,Name,City\n1,Ada\n2,Bob\n3\n").0, ',');
        assert_eq!(found("Order,Name;x,City\n").0, ',');
        assert_eq!(found(",,\nOrder,Name,City\n1,Ada,Ulm\n\n3,record(s) downloaded; bye\n").0, ',');
        assert_eq!(found("Order;Name;\n1;Ada;\n").0, ';');
    }

    #[test]
    fn a_file_of_one_column_is_taken_as_a_comma_file() {
        assert_eq!(found("Order\n1\n2\n"), (',', true));
        assert_eq!(found(""), (',', true));
    }

    #[test]
    fn a_tab_file_is_unquoted_unless_quotes_enclose_its_cells() {
        assert_eq!(found("Order\tItem\n1\t7\" tablet\n"), ('\t', false));
        assert_eq!(found("Order\tItem\n1\t\"Deluxe\" mug\n"), ('\t', false));
        assert_eq!(found("Order\tItem\n1\t\"Deluxe\n2\tscreen 7\"\n"), ('\t', false));
        assert_eq!(found("\"Order\"\t\"Item\"\n\"1\"\t\"mug\"\n"), ('\t', true));
        assert_eq!(found("Order\tItem\n1\t\"two\nlines\"\n2\t\"a \"\"b\"\"\"\n"), ('\t', true));
    }

    #[test]
    fn what_the_user_says_is_not_looked_for() {
        let form = Form { delimiter: Some(b'|'), quote: Some(Quote::By(b'\'')), ..Form::default() };
        assert_eq!(
            detect(b"a,b\n1,2\n", true, &form),
            Dialect { delimiter: b'|', quote: Quote::By(b'\'') }
        );
    }
}
