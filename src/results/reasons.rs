//! Why rows were not sent, counted by reason, with the first row of each to look at.
//!
//! Bounded: at most [`MAX_REASONS`] different ones are kept, so that a file in which each row fails
//! in its own way costs no more memory than another; what comes after them is counted under
//! [`OTHER_REASONS`].

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64;

use super::figures::ReasonCount;
use crate::outcome::{Outcome, Status};
use crate::row::Row;

/// Different reasons that are kept apart.
pub const MAX_REASONS: usize = 1_000;

/// Under which all further reasons are counted, for each status.
pub const OTHER_REASONS: &str = "other reasons";

#[derive(Debug)]
struct Counted {
    status: Status,
    text: String,
    count: u64,
    input: usize,
    row: u64,
    line: u64,
}

/// The reasons met so far.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    counted: HashMap<(Status, Option<u16>, u64), Counted>,
    folded: Vec<u8>,
}

impl Reasons {
    /// Counts an outcome that needs one. Equal `reason`s are one; without a reason, messages are
    /// that differ only in their numbers and in what stands between double quotes. A skipped row's
    /// message is its reason.
    pub(super) fn add(&mut self, outcome: &Outcome, reason: Option<&str>, row: &Row) {
        // An acceptance has a message only where something is to be known of it: it may have
        // arrived twice.
        if outcome.status == Status::AlreadySent
            || outcome.status == Status::Sent && outcome.message.is_empty()
        {
            return;
        }
        let is_skipped = outcome.status == Status::Skipped;
        let reason = reason.or_else(|| is_skipped.then_some(&outcome.message));
        let hash = if let Some(reason) = reason {
            xxh3_64(reason.as_bytes())
        } else {
            fold(&outcome.message, &mut self.folded);
            xxh3_64(&self.folded)
        };
        let mut key = (outcome.status, outcome.http_status, hash);
        let mut text = reason.unwrap_or(&outcome.message);
        if self.counted.len() >= MAX_REASONS && !self.counted.contains_key(&key) {
            text = OTHER_REASONS;
            key = (outcome.status, None, xxh3_64(OTHER_REASONS.as_bytes()));
        }
        let counted = self.counted.entry(key).or_insert_with(|| Counted {
            status: outcome.status,
            text: text.to_owned(),
            count: 0,
            input: row.input,
            row: row.number,
            line: row.line,
        });
        counted.count += 1;
        if (row.input, row.number) < (counted.input, counted.row) {
            text.clone_into(&mut counted.text);
            (counted.input, counted.row, counted.line) = (row.input, row.number, row.line);
        }
    }

    /// The reasons, most frequent first, and of equally frequent ones the earlier first. `names`
    /// are the inputs'.
    pub(super) fn sorted(&self, names: &[String]) -> Vec<ReasonCount> {
        let mut counted: Vec<&Counted> = self.counted.values().collect();
        counted.sort_by(|a, b| {
            b.count.cmp(&a.count).then_with(|| {
                (a.input, a.row, a.status, &a.text).cmp(&(b.input, b.row, b.status, &b.text))
            })
        });
        let reason = |counted: &Counted| ReasonCount {
            status: counted.status.as_str().to_owned(),
            reason: counted.text.clone(),
            count: counted.count,
            file: names.get(counted.input).cloned().unwrap_or_default(),
            row: counted.row,
            line: counted.line,
        };
        counted.into_iter().map(reason).collect()
    }
}

/// Writes `message` with each number as `#` and each quoted text as `"`.
fn fold(message: &str, out: &mut Vec<u8>) {
    out.clear();
    let mut quoted = false;
    for byte in message.bytes() {
        match byte {
            b'"' => {
                quoted = !quoted;
                out.push(b'"');
            }
            _ if quoted => {}
            b'0'..=b'9' if out.last() == Some(&b'#') => {}
            b'0'..=b'9' => out.push(b'#'),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u64) -> Row {
        let mut row = Row::default();
        (row.number, row.line) = (number, number + 1);
        row
    }

    fn shown(reasons: &Reasons) -> Vec<(Status, String, u64, u64)> {
        let sorted = reasons.sorted(&["orders.csv".to_owned()]);
        sorted
            .into_iter()
            .map(|reason| {
                (reason.status.parse().expect("a status"), reason.reason, reason.count, reason.row)
            })
            .collect()
    }

    #[test]
    fn reasons_are_counted_with_their_first_row() {
        let mut reasons = Reasons::default();
        for number in [9, 4, 7] {
            let message = format!("order_date: \"{number}.13.2026\" is not a date");
            reasons.add(&Outcome::unsent(Status::Invalid, message), None, &row(number));
        }
        for number in [2, 1] {
            reasons.add(
                &Outcome::unsent(Status::Invalid, format!("x {number}")),
                Some("is empty"),
                &row(number),
            );
        }
        reasons.add(&Outcome::unsent(Status::Skipped, "empty row"), None, &row(3));
        reasons.add(&Outcome::unsent(Status::Sent, "sent again"), None, &row(5));
        reasons.add(&Outcome::unsent(Status::Sent, ""), None, &row(6));
        assert_eq!(
            shown(&reasons),
            [
                (Status::Invalid, "order_date: \"4.13.2026\" is not a date".to_owned(), 3, 4),
                (Status::Invalid, "is empty".to_owned(), 2, 1),
                (Status::Skipped, "empty row".to_owned(), 1, 3),
                (Status::Sent, "sent again".to_owned(), 1, 5),
            ]
        );
    }

    #[test]
    fn two_answers_with_the_same_words_stay_apart_by_their_status_lines() {
        let mut reasons = Reasons::default();
        for status in [502, 503] {
            let outcome = Outcome {
                http_status: Some(status),
                ..Outcome::unsent(Status::Failed, format!("HTTP {status}"))
            };
            reasons.add(&outcome, None, &row(u64::from(status)));
        }
        assert_eq!(shown(&reasons).len(), 2);
    }

    #[test]
    fn endlessly_many_reasons_take_bounded_memory() {
        let mut reasons = Reasons::default();
        let letters = |number: u64| {
            number.to_string().bytes().map(|b| char::from(b - b'0' + b'a')).collect::<String>()
        };
        for number in 1..=3_000 {
            reasons.add(&Outcome::unsent(Status::Failed, letters(number)), None, &row(number));
        }
        let shown = shown(&reasons);
        assert_eq!(shown.len(), MAX_REASONS + 1);
        assert_eq!(shown[0], (Status::Failed, OTHER_REASONS.to_owned(), 2_000, 1_001));
        assert_eq!(shown.iter().map(|reason| reason.2).sum::<u64>(), 3_000);
    }
}
