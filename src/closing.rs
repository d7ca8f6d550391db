//! What a run says before its first request and after its last: two pure texts for an operator who
//! has little time.
//!
//! `import` prints them; every figure comes from its caller, and foreign text in them is made
//! printable here.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use jiff::civil::DateTime;

use crate::inputs::Ahead;
use crate::limits::{Limits, Rate};
use crate::outcome::{Status, Tally};
use crate::results::RowName;
use crate::results::summary::{ReasonCount, Source, State, Summary};
use crate::survey::{Group, Groups};
use crate::text;

/// Reasons of rows that were not accepted, at most.
const REASONS_SHOWN: usize = 5;

/// Kinds of warnings, at most.
const WARNINGS_SHOWN: usize = 5;

/// Reasons of rows that were left out on purpose, at most.
const SKIPPED_SHOWN: usize = 2;

/// `about 12,400 rows, 12,310 shipments, 38 invalid so far → https://… at 10/s: at best 21 min,
/// until 03:41`: what a run is about to do. `endpoint` is where shipments go, without what could be
/// secret, and `None` where nothing is sent; `now` is the operator's clock.
pub fn forecast(ahead: &Ahead, limits: &Limits, endpoint: Option<&str>, now: DateTime) -> String {
    let shipments = ahead.scaled(ahead.shipments);
    let (about, so_far) = if ahead.exact { ("", "") } else { ("about ", " so far") };
    let mut line = format!("{about}{}", text::counted(ahead.scaled(ahead.rows), "row"));
    put(&mut line, format_args!(", {}", text::counted(shipments, "shipment")));
    for (count, word) in [(ahead.invalid, "invalid"), (ahead.skipped, "skipped")] {
        if count > 0 {
            put(&mut line, format_args!(", {} {word}{so_far}", text::thousands(count)));
        }
    }
    if ahead.carried > 0 {
        put(&mut line, format_args!(", {} carried over", text::thousands(ahead.carried)));
    }
    let Some(endpoint) = endpoint else {
        line.push_str("; a dry run, nothing is sent");
        return line;
    };
    put(&mut line, format_args!(" → {}", text::printable(endpoint)));
    if limits.rate == Rate::Unlimited {
        let most = limits.concurrency;
        put(&mut line, format_args!(" as fast as it answers, at most {most} at a time"));
        return line;
    }
    put(&mut line, format_args!(" at {}", limits.rate));
    let at_best = limits.rate.time_for(shipments);
    if !at_best.is_zero() {
        put(&mut line, format_args!(": at best {}", text::spoken(at_best)));
        if let Ok(end) = now.checked_add(at_best) {
            let is_today = at_best < Duration::from_secs(24 * 3600);
            let form = if is_today { "%H:%M" } else { "%Y-%m-%d %H:%M" };
            put(&mut line, format_args!(", until {}", end.strftime(form)));
        }
    }
    line
}

/// What is odd about rows that were sent all the same, the most frequent first.
pub fn warnings(warnings: &Groups, inputs: &[Source]) -> Vec<String> {
    let groups = warnings.by_count();
    let line = |group: &&Group| {
        let (field, at) =
            (group.field.map_or(String::new(), |field| format!("{field} ")), &group.examples[0]);
        let file = inputs.get(at.input).map_or("", |source| source.name.as_str());
        format!(
            "{}: {field}{}, first in row {} (line {}) of {}",
            text::counted(group.count, "row"),
            group.reason,
            at.row,
            at.line,
            text::printable(file)
        )
    };
    let mut lines: Vec<String> = groups.iter().take(WARNINGS_SHOWN).map(line).collect();
    if let Some(more @ 1..) = groups.len().checked_sub(WARNINGS_SHOWN) {
        let more = text::counted(more as u64, "more kind of warning");
        lines.push(format!("{more}; lateship check shows them all"));
    }
    lines
}

/// What is odd about a retry: the number of accepted payloads below another one of the same
/// shipment that is sent now, the row of the first, and the number of shipments that were accepted
/// with another payload.
pub fn retry_warnings(overtaken: u64, first: Option<&RowName>, remade: u64) -> Vec<String> {
    let overtaken = first.map(|first| {
        format!(
            "{} below another payload of the same shipment that is sent now (the first: {first}): \
             the endpoint gets the older one last; run the import again afterwards to put that \
             right",
            text::counted(overtaken, "accepted payload")
        )
    });
    let remade = (remade > 0).then(|| {
        format!(
            "{}, accepted earlier with another payload than the mapping and --set make now: sent \
             again; --only says which rows are to be sent alone",
            text::counted(remade, "shipment")
        )
    });
    overtaken.into_iter().chain(remade).collect()
}

/// What the operator can do with what a run has left.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hints<'a> {
    /// The results, as the operator reaches them.
    pub results: Option<&'a Path>,
    /// The rows that were not accepted.
    pub failed_rows: Option<&'a Path>,
    /// The summary.
    pub summary: Option<&'a Path>,
    /// The command that sends what is left, ready to be pasted into a shell.
    pub retry: Option<&'a str>,
    /// The command that imports the rows that were not accepted, once they are mended in their own
    /// file.
    pub mended: Option<&'a str>,
}

/// How a run went: why it ended, how many rows ended in which status, the most frequent reasons
/// with a row to look at, the files, and the command that sends what is left. Several lines, with a
/// line end after the last.
pub fn report(summary: &Summary, hints: &Hints<'_>) -> String {
    let mut report = headline(summary);
    report.push('\n');
    push_table(&mut report, summary);
    push_reasons(&mut report, summary);
    push_files(&mut report, summary, hints);
    let first = if summary.state == State::Stopped {
        "Mend first what stopped it, if it is a fault. To"
    } else {
        "To"
    };
    let commands = [
        (hints.retry, "send what is left, the mapping or the rows mended in their places or not:"),
        (hints.mended, "send the rows mended in the file of those that were not accepted:"),
    ];
    let commands = commands.into_iter().filter_map(|(command, what)| Some((command?, what)));
    for ((command, what), word) in commands.zip([first, "Or, to"]) {
        // Not cut to a length like other foreign text: half a command is none.
        let command: String =
            command.chars().map(|c| if text::is_unprintable(c) { '\u{FFFD}' } else { c }).collect();
        put(&mut report, format_args!("\n{word} {what}\n  {command}\n"));
    }
    report
}

fn headline(summary: &Summary) -> String {
    let (all, left) = (summary.counts.total(), summary.counts.unsettled());
    let noun = if all == summary.rows { "row" } else { "line" };
    let of_all = format!("of {}", text::counted(all, noun));
    let reason =
        summary.stop_reason.as_deref().map(text::printable).filter(|reason| !reason.is_empty());
    let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
    match summary.state {
        State::Running => format!("Not finished: the run is under way, or was killed{reason}"),
        State::Stopped => format!("Stopped before the end{reason}"),
        State::Interrupted => {
            format!("Interrupted{reason}; what was under way has been finished and recorded")
        }
        State::Finished if summary.dry_run => match summary.counts.invalid {
            0 => format!(
                "Dry run, nothing was sent: {} checked, none invalid",
                text::counted(all, noun)
            ),
            invalid => {
                format!("Dry run, nothing was sent: {} {of_all} invalid", text::thousands(invalid))
            }
        },
        State::Finished if left == 0 => {
            format!("Done: {}, nothing is left to do", text::counted(all, noun))
        }
        State::Finished => format!("Done, with {} {of_all} not accepted", text::thousands(left)),
    }
}

fn push_table(report: &mut String, summary: &Summary) {
    let ended = |status: &Status| summary.counts.get(*status) > 0;
    let width = Status::ALL
        .iter()
        .map(|status| text::thousands(summary.counts.get(*status)).len())
        .max()
        .unwrap_or(0);
    if Status::ALL.iter().any(ended) {
        report.push('\n');
    }
    for status in Status::ALL.into_iter().filter(ended) {
        let count = text::thousands(summary.counts.get(status));
        put(
            report,
            format_args!("  {status:<13}  {count:>width$}  {}\n", gloss(status, summary.dry_run)),
        );
    }
}

/// How many rows ended in which status, for a run whose files could not be finished.
pub fn counts(tally: &Tally) -> String {
    let counted = Status::ALL.into_iter().filter(|status| tally.get(*status) > 0);
    let counts: Vec<_> =
        counted.map(|status| format!("{} {status}", text::thousands(tally.get(status)))).collect();
    format!(
        "Before it broke: {}",
        if counts.is_empty() { "nothing was done".to_owned() } else { counts.join(", ") }
    )
}

fn gloss(status: Status, dry_run: bool) -> &'static str {
    match status {
        Status::Sent => "accepted by the endpoint",
        Status::AlreadySent => "accepted in an earlier run, not sent again",
        Status::Skipped => "left out on purpose",
        Status::Invalid => "no valid payload could be made",
        Status::Rejected => "refused by the endpoint",
        Status::Failed => "not accepted after the last attempt",
        Status::InDoubt => "perhaps accepted: no clear answer came",
        Status::NotAttempted if dry_run => "valid, not sent in a dry run",
        Status::NotAttempted => "not sent: the run stopped first",
    }
}

fn push_reasons(report: &mut String, summary: &Summary) {
    // Rows that were never tried fail for the reason that stands in the headline.
    let told = |reason: &&ReasonCount| reason.status != Status::NotAttempted.as_str();
    let (skipped, left): (Vec<_>, Vec<_>) = summary
        .reasons
        .iter()
        .filter(told)
        .partition(|reason| reason.status == Status::Skipped.as_str());
    let more = left.len().saturating_sub(REASONS_SHOWN);
    let shown: Vec<_> = left
        .into_iter()
        .take(REASONS_SHOWN)
        .chain(skipped.into_iter().take(SKIPPED_SHOWN))
        .collect();
    if shown.is_empty() {
        return;
    }
    report.push_str("\nMost frequent reasons:\n");
    let width = shown.iter().map(|reason| text::thousands(reason.count).len()).max().unwrap_or(0);
    for ReasonCount { status, reason, count, file, row, line } in shown {
        let (count, status) = (text::thousands(*count), text::printable(status));
        put(report, format_args!("  {count:>width$} {status}: {}\n", text::printable(reason)));
        let such_as =
            format_args!("row {row}, line {line} of {}", text::printable(file)).to_string();
        put(report, format_args!("  {:width$} such as {such_as}\n", ""));
    }
    if more > 0 {
        put(report, format_args!("  and {}\n", text::counted(more as u64, "more reason")));
    }
}

fn push_files(report: &mut String, summary: &Summary, hints: &Hints<'_>) {
    let to_mend = format!(
        "{} not accepted, to be mended and imported",
        text::counted(summary.files.failed_rows_count, "row")
    );
    let files = [
        (hints.results, "every row with its outcome"),
        (hints.failed_rows, to_mend.as_str()),
        (hints.summary, "the same figures for programs"),
    ];
    let files: Vec<_> = files
        .into_iter()
        .filter_map(|(path, what)| Some((text::printable(&path?.to_string_lossy()), what)))
        .collect();
    if !files.is_empty() {
        report.push_str("\nFiles:\n");
    }
    let width = files.iter().map(|(path, _)| path.chars().count()).max().unwrap_or(0);
    for (path, what) in files {
        put(report, format_args!("  {path:<width$}  {what}\n"));
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::summary::Counts;
    use jiff::civil::date;

    fn summary(state: State, counts: Counts, reasons: Vec<ReasonCount>) -> Summary {
        Summary { state, rows: counts.total(), counts, reasons, ..Summary::default() }
    }

    fn reason(status: Status, count: u64, why: &str) -> ReasonCount {
        let (status, reason) = (status.as_str().to_owned(), why.to_owned());
        ReasonCount { status, reason, count, file: "orders.csv".to_owned(), row: 17, line: 19 }
    }

    #[test]
    fn a_run_that_left_something_ends_with_the_command_that_sends_it() {
        let counts =
            Counts { sent: 12_204, skipped: 58, invalid: 38, rejected: 2, ..Counts::default() };
        let reasons = vec![
            reason(Status::Skipped, 58, "an empty row"),
            reason(Status::Invalid, 38, "is not a date like 31.12.2026"),
            reason(Status::Rejected, 2, "409: \u{1b}[31mInvalid JSON format"),
        ];
        let mut summary = summary(State::Finished, counts, reasons);
        summary.files.failed_rows_count = 40;
        let hints = Hints {
            results: Some(Path::new("orders.results.csv")),
            failed_rows: Some(Path::new("orders.failed.csv")),
            summary: Some(Path::new("orders.results.json")),
            retry: Some("lateship retry orders.results.csv"),
            mended: Some("lateship import orders.failed.csv -m mappings/orders.toml"),
        };
        assert_eq!(
            report(&summary, &hints),
            "\
Done, with 40 of 12,302 rows not accepted

  sent           12,204  accepted by the endpoint
  skipped            58  left out on purpose
  invalid            38  no valid payload could be made
  rejected            2  refused by the endpoint

Most frequent reasons:
  38 invalid: is not a date like 31.12.2026
     such as row 17, line 19 of orders.csv
   2 rejected: 409: \u{FFFD}[31mInvalid JSON format
     such as row 17, line 19 of orders.csv
  58 skipped: an empty row
     such as row 17, line 19 of orders.csv

Files:
  orders.results.csv   every row with its outcome
  orders.failed.csv    40 rows not accepted, to be mended and imported
  orders.results.json  the same figures for programs

To send what is left, the mapping or the rows mended in their places or not:
  lateship retry orders.results.csv

Or, to send the rows mended in the file of those that were not accepted:
  lateship import orders.failed.csv -m mappings/orders.toml
"
        );
    }

    #[test]
    fn a_stopped_run_says_why_first_and_does_not_repeat_it_as_a_reason() {
        let counts = Counts { sent: 1, not_attempted: 1_000, ..Counts::default() };
        let reasons = vec![reason(Status::NotAttempted, 1_000, "the run stopped before its turn")];
        let mut summary = summary(State::Stopped, counts, reasons);
        summary.stop_reason = Some("the endpoint refused the credentials (401)".to_owned());
        assert_eq!(
            report(&summary, &Hints::default()),
            "\
Stopped before the end: the endpoint refused the credentials (401)

  sent               1  accepted by the endpoint
  not_attempted  1,000  not sent: the run stopped first
"
        );
        summary.state = State::Interrupted;
        summary.stop_reason = None;
        let shown = report(&summary, &Hints::default());
        assert!(
            shown.starts_with("Interrupted; what was under way has been finished and recorded\n"),
            "{shown}"
        );
    }

    #[test]
    fn a_run_without_trouble_is_short() {
        let done = summary(State::Finished, Counts { sent: 1, ..Counts::default() }, Vec::new());
        let expected =
            "Done: 1 row, nothing is left to do\n\n  sent           1  accepted by the endpoint\n";
        assert_eq!(report(&done, &Hints::default()), expected);
        let empty = summary(State::Finished, Counts::default(), Vec::new());
        assert_eq!(report(&empty, &Hints::default()), "Done: 0 rows, nothing is left to do\n");
    }

    #[test]
    fn a_dry_run_never_sounds_as_if_something_was_sent() {
        let counts = Counts { invalid: 2, not_attempted: 8, ..Counts::default() };
        let mut summary = summary(State::Finished, counts, Vec::new());
        summary.dry_run = true;
        assert_eq!(
            report(&summary, &Hints::default()),
            "\
Dry run, nothing was sent: 2 of 10 rows invalid

  invalid        2  no valid payload could be made
  not_attempted  8  valid, not sent in a dry run
"
        );
    }

    #[test]
    fn only_the_most_frequent_reasons_are_shown() {
        let reasons = (0..9)
            .map(|count| reason(Status::Invalid, 20 - count, &format!("reason {count}")))
            .collect();
        let shown =
            report(&summary(State::Finished, Counts::default(), reasons), &Hints::default());
        assert!(shown.contains("reason 4\n") && !shown.contains("reason 5"), "{shown}");
        assert!(shown.ends_with("  and 4 more reasons\n"), "{shown}");
    }

    #[test]
    fn a_forecast_is_one_line_and_says_what_is_guessed() {
        let limits = Limits::default();
        let ahead = Ahead {
            rows: 6_200,
            shipments: 6_155,
            invalid: 38,
            bytes: 1_000,
            bytes_total: 2_000,
            ..Ahead::default()
        };
        let now = date(2026, 11, 24).at(3, 20, 36, 0);
        let endpoint = Some("https://hook.example.com/");
        assert_eq!(
            forecast(&ahead, &limits, endpoint, now),
            "about 12,400 rows, 12,310 shipments, 38 invalid so far → https://hook.example.com/ at 10/s: \
             at best 21 min, until 03:41"
        );
        let ahead = Ahead { exact: true, skipped: 1, rows: 999_999, shipments: 1_000_000, ..ahead };
        assert_eq!(
            forecast(&ahead, &limits, endpoint, now),
            "999,999 rows, 1,000,000 shipments, 38 invalid, 1 skipped → https://hook.example.com/ at 10/s: \
             at best 27 h 46 min, until 2026-11-25 07:07"
        );
        let limits = Limits { rate: Rate::Unlimited, ..Limits::default() };
        let ahead = Ahead { rows: 1, shipments: 1, invalid: 0, ..ahead };
        assert_eq!(
            forecast(&ahead, &limits, endpoint, now),
            "1 row, 1 shipment, 1 skipped → https://hook.example.com/ as fast as it answers, at most 16 at a time"
        );
    }
}
