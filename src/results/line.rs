//! One line of RESULTS: begun when its row is expected, ended when its outcome is known.
//!
//! UTF-8, comma, quoted by RFC 4180; lines end in LF alone, since results are searched, compared
//! and cut with tools to which a carriage return is part of the last column, and every CSV reader
//! and spreadsheet takes LF. What was not measured is empty.

use jiff::fmt::StdIoWrite;
use jiff::fmt::temporal::DateTimePrinter;

use super::cells::{push_cell, safe_message};
use crate::outcome::{Outcome, Status};
use crate::row::{Dialect, Quote, RESULTS_COLUMNS, Row};

const DIALECT: Dialect = Dialect { delimiter: b',', quote: Quote::By(b'"') };
const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// What is known of a shipment before it is sent; empty where nothing is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Labels<'a> {
    /// The order's number, as it would be sent.
    pub order_no: &'a str,
    /// The parcel's tracking number, as it would be sent.
    pub trackingnumber: &'a str,
    /// The payload's hash; `None` where no payload could be made.
    pub payload: Option<u128>,
}

/// The header line.
pub(super) fn header() -> String {
    RESULTS_COLUMNS.join(",") + "\n"
}

/// Whether a file that starts so was written as RESULTS, be it that a spreadsheet saved it again.
pub(super) fn is_results(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start);
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut cells = line.split(|byte| b",;\t".contains(byte)).map(<[u8]>::trim_ascii);
    RESULTS_COLUMNS[..6]
        .iter()
        .all(|column| cells.next().is_some_and(|cell| trim_quotes(cell) == column.as_bytes()))
}

fn trim_quotes(cell: &[u8]) -> &[u8] {
    cell.strip_prefix(b"\"").and_then(|cell| cell.strip_suffix(b"\"")).unwrap_or(cell)
}

/// A cell as it stands in RESULTS.
pub(super) fn encoded(cell: &str) -> Vec<u8> {
    let mut out = Vec::new();
    push_cell(&mut out, cell, DIALECT);
    out
}

/// Writes the columns from `file` to `trackingnumber`; `file` is encoded already.
pub(super) fn begin(out: &mut Vec<u8>, file: &[u8], row: &Row, labels: Labels<'_>) {
    out.extend_from_slice(file);
    out.push(b',');
    push_number(out, row.number);
    out.push(b',');
    push_number(out, row.line);
    out.push(b',');
    push_cell(out, labels.order_no, DIALECT);
    out.push(b',');
    push_cell(out, labels.trackingnumber, DIALECT);
}

/// Writes the columns from `status` on, and the line's end. `shipment` counts from 1; 0 leaves it
/// empty.
pub(super) fn end(
    out: &mut Vec<u8>,
    outcome: &Outcome,
    fingerprint: u64,
    shipment: u32,
    payload: Option<u128>,
) {
    out.push(b',');
    out.extend_from_slice(outcome.status.as_str().as_bytes());
    out.push(b',');
    if let Some(status) = outcome.http_status {
        push_number(out, status.into());
    }
    out.push(b',');
    if outcome.attempts > 0 || was_due(outcome.status) {
        push_number(out, outcome.attempts.into());
    }
    out.push(b',');
    push_cell(out, &safe_message(&outcome.message), DIALECT);
    out.push(b',');
    if let Some(finished_at) = &outcome.finished_at {
        PRINTER
            .print_timestamp(finished_at, StdIoWrite(&mut *out))
            .expect("a vector takes everything");
    }
    out.push(b',');
    if let Some(duration) = outcome.duration {
        push_number(out, u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    }
    out.push(b',');
    push_hex(out, &fingerprint.to_be_bytes());
    out.push(b',');
    if shipment > 0 {
        push_number(out, shipment.into());
    }
    out.push(b',');
    if let Some(payload) = payload {
        push_hex(out, &payload.to_be_bytes());
    }
    out.push(b'\n');
}

/// Whether a request was due for a row of that status, so that none made is a number and not a
/// blank.
fn was_due(status: Status) -> bool {
    !matches!(status, Status::Skipped | Status::Invalid | Status::AlreadySent)
}

/// Writes `number` in decimal digits; by hand, since `fmt` is the larger part of a line's cost.
fn push_number(out: &mut Vec<u8>, mut number: u64) {
    let start = out.len();
    loop {
        out.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out[start..].reverse();
}

fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn line(outcome: &Outcome, shipment: u32, payload: Option<u128>) -> String {
        let mut row = Row::default();
        (row.number, row.line, row.fingerprint) = (17, 19, 0xAB);
        row.push("x");
        let mut out = Vec::new();
        let labels = Labels { order_no: "=1001, \"b\"", trackingnumber: "1Z", payload };
        begin(&mut out, &encoded("in/orders.csv"), &row, labels);
        end(&mut out, outcome, row.fingerprint, shipment, payload);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn the_header_is_the_contracts() {
        assert_eq!(
            header(),
            "file,row,line,order_no,trackingnumber,status,http_status,attempts,message,finished_at,duration_ms,\
             fingerprint,shipment,payload\n"
        );
        assert!(is_results(header().as_bytes()));
        assert!(is_results(
            b"\xEF\xBB\xBF\"file\";\"row\";line;order_no;trackingnumber;status;more\r\n"
        ));
        assert!(!is_results(b"file,row,column\n"));
        assert!(!is_results(b"Order ID,Name\n"));
    }

    #[test]
    fn a_sent_row_has_all_its_columns() {
        let outcome = Outcome {
            status: Status::Sent,
            http_status: Some(200),
            attempts: 2,
            message: "Request Received Successfully".to_owned(),
            finished_at: Some("2026-11-24T03:41:07.0425Z".parse().expect("a time")),
            duration: Some(Duration::from_micros(142_900)),
        };
        assert_eq!(
            line(&outcome, 1, Some(0xCD)),
            "in/orders.csv,17,19,\"=1001, \"\"b\"\"\",1Z,sent,200,2,Request Received Successfully,\
             2026-11-24T03:41:07.042Z,142,00000000000000ab,1,000000000000000000000000000000cd\n"
        );
    }

    #[test]
    fn what_was_not_measured_is_empty() {
        let end_of = |status, shipment| {
            let line = line(&Outcome::unsent(status, "-why"), shipment, None);
            line.split_once(",1Z,").expect("the labels").1.to_owned()
        };
        assert_eq!(end_of(Status::Skipped, 0), "skipped,,,'-why,,,00000000000000ab,,\n");
        assert_eq!(end_of(Status::Invalid, 1), "invalid,,,'-why,,,00000000000000ab,1,\n");
        assert_eq!(
            end_of(Status::NotAttempted, 2),
            "not_attempted,,0,'-why,,,00000000000000ab,2,\n"
        );
    }

    #[test]
    fn numbers_are_written_with_all_their_digits() {
        for number in [0, 7, 10, 1_205, u64::MAX] {
            let mut out = Vec::new();
            push_number(&mut out, number);
            push_hex(&mut out, &number.to_be_bytes());
            assert_eq!(String::from_utf8_lossy(&out), format!("{number}{number:016x}"));
        }
    }
}
