//! What a run says before its first request and after its last: two pure texts for an operator who has little time.
//!
//! `import` prints them; every figure comes from its caller, and foreign text in them is made printable here.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use jiff::civil::DateTime;

use crate::limits::Rate;
use crate::outcome::Status;
use crate::results::summary::{ReasonCount, State, Summary};
use crate::text;

/// Reasons of rows that were not accepted, at most.
const REASONS_SHOWN: usize = 5;

/// Reasons of rows that were left out on purpose, at most.
const SKIPPED_SHOWN: usize = 2;

/// What a run is about to do.
#[derive(Debug, Clone)]
pub struct Forecast<'a> {
    /// Rows of the inputs.
    pub rows: u64,
    /// Whether all rows were looked at; else `rows` and `shipments` are guessed from the inputs' sizes, and `invalid`
    /// and `skipped` are those among the first rows.
    pub exact: bool,
    /// Shipments to be sent.
    pub shipments: u64,
    /// Rows of which no valid payload can be made.
    pub invalid: u64,
    /// Rows left out.
    pub skipped: u64,
    /// Where shipments go, without what could be secret.
    pub endpoint: &'a str,
    /// Requests started per unit of time.
    pub rate: Rate,
    /// Requests in flight at most.
    pub concurrency: usize,
    /// How long it takes if nothing fails; zero where nobody can tell.
    pub at_best: Duration,
    /// When it ends then, on the operator's clock.
    pub ends_at: Option<DateTime>,
}

/// `about 12,400 rows, 12,310 shipments, 38 invalid so far → https://… at 10/s: at best 21 min, until 03:41`
pub fn forecast(forecast: &Forecast<'_>) -> String {
    let (about, so_far) = if forecast.exact { ("", "") } else { ("about ", " so far") };
    let mut line = format!("{about}{}", text::counted(forecast.rows, "row"));
    put(&mut line, format_args!(", {}", text::counted(forecast.shipments, "shipment")));
    for (count, word) in [(forecast.invalid, "invalid"), (forecast.skipped, "skipped")] {
        if count > 0 {
            put(&mut line, format_args!(", {} {word}{so_far}", text::thousands(count)));
        }
    }
    put(&mut line, format_args!(" → {}", text::printable(forecast.endpoint)));
    match forecast.rate {
        Rate::Unlimited => {
            put(&mut line, format_args!(" as fast as it answers, at most {} at a time", forecast.concurrency));
        }
        rate @ Rate::Per(..) => put(&mut line, format_args!(" at {rate}")),
    }
    if !forecast.at_best.is_zero() {
        put(&mut line, format_args!(": at best {}", text::spoken(forecast.at_best)));
        if let Some(end) = forecast.ends_at {
            let form = if forecast.at_best < Duration::from_secs(24 * 3600) { "%H:%M" } else { "%Y-%m-%d %H:%M" };
            put(&mut line, format_args!(", until {}", end.strftime(form)));
        }
    }
    line
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
    pub next: Option<&'a str>,
}

/// How a run went: why it ended, how many rows ended in which status, the most frequent reasons with a row to look
/// at, the files, and the command that sends what is left. Several lines, with a line end after the last.
pub fn report(summary: &Summary, hints: &Hints<'_>) -> String {
    let mut report = headline(summary);
    report.push('\n');
    push_table(&mut report, summary);
    push_reasons(&mut report, summary);
    push_files(&mut report, summary, hints);
    if let Some(next) = hints.next {
        // Not cut to a length like other foreign text: half a command is none.
        let next: String = next.chars().map(|c| if text::is_unprintable(c) { '\u{FFFD}' } else { c }).collect();
        put(&mut report, format_args!("\nTo send what is left:\n  {next}\n"));
    }
    report
}

fn headline(summary: &Summary) -> String {
    let (all, left) = (summary.counts.total(), summary.counts.unsettled());
    let noun = if all == summary.rows { "row" } else { "line" };
    let of_all = format!("of {}", text::counted(all, noun));
    let reason = summary.stop_reason.as_deref().map(text::printable).filter(|reason| !reason.is_empty());
    let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
    match summary.state {
        State::Running => format!("Not finished: the run is under way, or was killed{reason}"),
        State::Stopped => format!("Stopped before the end{reason}"),
        State::Interrupted => format!("Interrupted{reason}; what was under way has been finished and recorded"),
        State::Finished if summary.dry_run => match summary.counts.invalid {
            0 => format!("Dry run, nothing was sent: {} checked, none invalid", text::counted(all, noun)),
            invalid => format!("Dry run, nothing was sent: {} {of_all} invalid", text::thousands(invalid)),
        },
        State::Finished if left == 0 => format!("Done: {}, nothing is left to do", text::counted(all, noun)),
        State::Finished => format!("Done, but {} {of_all} not accepted", text::thousands(left)),
    }
}

fn push_table(report: &mut String, summary: &Summary) {
    let ended = |status: &Status| summary.counts.get(*status) > 0;
    let width = Status::ALL.iter().map(|status| text::thousands(summary.counts.get(*status)).len()).max().unwrap_or(0);
    if Status::ALL.iter().any(ended) {
        report.push('\n');
    }
    for status in Status::ALL.into_iter().filter(ended) {
        let count = text::thousands(summary.counts.get(status));
        put(report, format_args!("  {status:<13}  {count:>width$}  {}\n", gloss(status, summary.dry_run)));
    }
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
    let (skipped, left): (Vec<_>, Vec<_>) =
        summary.reasons.iter().filter(told).partition(|reason| reason.status == Status::Skipped.as_str());
    let more = left.len().saturating_sub(REASONS_SHOWN);
    let shown: Vec<_> = left.into_iter().take(REASONS_SHOWN).chain(skipped.into_iter().take(SKIPPED_SHOWN)).collect();
    if shown.is_empty() {
        return;
    }
    report.push_str("\nMost frequent reasons:\n");
    let width = shown.iter().map(|reason| text::thousands(reason.count).len()).max().unwrap_or(0);
    for ReasonCount { status, reason, count, file, row, line } in shown {
        let (count, status) = (text::thousands(*count), text::printable(status));
        put(report, format_args!("  {count:>width$} {status}: {}\n", text::printable(reason)));
        let such_as = format_args!("row {row}, line {line} of {}", text::printable(file)).to_string();
        put(report, format_args!("  {:width$}   such as {such_as}\n", ""));
    }
    if more > 0 {
        put(report, format_args!("  and {}\n", text::counted(more as u64, "more reason")));
    }
}

fn push_files(report: &mut String, summary: &Summary, hints: &Hints<'_>) {
    let to_mend =
        format!("{} not accepted, to be mended and imported", text::counted(summary.files.failed_rows_count, "row"));
    let files = [
        (hints.results, "every row with its outcome"),
        (hints.failed_rows, to_mend.as_str()),
        (hints.summary, "the same figures for programs"),
    ];
    let files: Vec<_> =
        files.into_iter().filter_map(|(path, what)| Some((text::printable(&path?.to_string_lossy()), what))).collect();
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
