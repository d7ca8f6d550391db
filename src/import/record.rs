//! The record of a run: its results and its summary, begun before the first request and closed after the last.

use std::path::Path;

use jiff::{Timestamp, ZonedDateTime};

use super::inputs::{Ahead, Inputs};
use super::reader::Findings;
use super::site::Site;
use crate::closing::{self, Forecast, Hints};
use crate::delivery::{Signal, Wish};
use crate::error::{Error, exit};
use crate::limits::Rate;
use crate::outcome::Status;
use crate::progress::Screen;
use crate::results::summary::{self, Counts, Files, FormUsed, LimitsUsed, ReasonCount, Source, State, Summary};
use crate::results::{FailedRows, Leftover, Results, Terms};
use crate::row::Quote;
use crate::settings::Import;
use crate::survey::Groups;
use crate::text;

/// Kinds of warnings that a run shows at its end.
const WARNINGS_SHOWN: usize = 5;

/// How a run came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// At the end of its inputs.
    Complete,
    /// It stopped itself, for this reason.
    Stopped(String),
    /// Somebody wished it.
    Wished(Wish),
}

impl End {
    /// The message of the rows that were not reached.
    pub(super) fn left_because(&self) -> String {
        match self {
            Self::Complete => "not sent".to_owned(),
            Self::Stopped(reason) => format!("the run stopped before its turn: {reason}"),
            Self::Wished(Wish::Interrupt(_)) => "the run was interrupted before its turn".to_owned(),
            Self::Wished(Wish::Deadline(says)) => format!("the run stopped before its turn: {says}"),
            Self::Wished(Wish::Unrecorded) => {
                "the run stopped before its turn: what is sent can no longer be recorded".to_owned()
            }
        }
    }

    fn state(&self) -> State {
        match self {
            Self::Complete => State::Finished,
            Self::Stopped(_) | Self::Wished(Wish::Deadline(_) | Wish::Unrecorded) => State::Stopped,
            Self::Wished(Wish::Interrupt(_)) => State::Interrupted,
        }
    }

    fn reason(&self) -> Option<String> {
        match self {
            Self::Complete => None,
            Self::Stopped(reason) | Self::Wished(Wish::Deadline(reason)) => Some(reason.clone()),
            Self::Wished(Wish::Unrecorded) => Some("what is sent can no longer be recorded".to_owned()),
            Self::Wished(Wish::Interrupt(signal)) => Some(format!("{} came", signal.name())),
        }
    }

    /// The exit code of a run that ended so, with `unsettled` rows left to do.
    fn exit_code(&self, unsettled: u64) -> u8 {
        match self {
            Self::Complete if unsettled == 0 => exit::OK,
            Self::Complete => exit::SOME_ROWS,
            Self::Stopped(_) | Self::Wished(Wish::Deadline(_) | Wish::Unrecorded) => exit::STOPPED,
            Self::Wished(Wish::Interrupt(Signal::Hangup)) => exit::HANGUP,
            Self::Wished(Wish::Interrupt(Signal::Interrupt)) => exit::INTERRUPT,
            Self::Wished(Wish::Interrupt(Signal::Terminate)) => exit::TERMINATE,
        }
    }
}

/// A run's summary, as far as it is known.
pub(super) struct Record<'a> {
    settings: &'a Import,
    summary: Summary,
}

impl<'a> Record<'a> {
    /// Opens the results and writes the first summary, so that a killed run can be understood.
    ///
    /// # Errors
    /// When one of the files cannot be written, or another run was killed while it wrote them.
    pub(super) fn begin(
        settings: &'a Import,
        inputs: &Inputs,
        site: Option<&Site>,
        started: Timestamp,
    ) -> Result<(Self, Results), Error> {
        let paths = &settings.paths;
        let skip_lines = inputs.mapping().form().skip_lines.unwrap_or(0);
        let terms = if settings.dry_run {
            Terms { leftover: Leftover::Replace, failed_rows: FailedRows::OnlyInvalid, skip_lines }
        } else {
            Terms { skip_lines, ..Terms::default() }
        };
        let results = Results::create(paths, inputs.header(), inputs.dialect(), &inputs.names(), terms)?;
        let dialect = inputs.dialect();
        let summary = Summary {
            lateship: Summary::version().to_owned(),
            schema: summary::SCHEMA,
            state: State::Running,
            exit_code: None,
            stop_reason: None,
            started_at: summary::moment(started),
            finished_at: None,
            inputs: inputs.sources(&paths.summary),
            mapping: mapping(inputs, &paths.summary),
            form: Some(FormUsed {
                delimiter: dialect.delimiter.into(),
                quote: match dialect.quote {
                    Quote::By(byte) => Some(byte.into()),
                    Quote::Never => None,
                },
                skip_lines: terms.skip_lines,
            }),
            endpoint: site.map_or_else(|| "nowhere (dry run)".to_owned(), |site| site.shown.clone()),
            join: None,
            in_doubt: "resend".to_owned(),
            ledger: None,
            set: settings.set.iter().map(|(field, value)| (field.name().to_owned(), value.clone())).collect(),
            dry_run: settings.dry_run,
            limits: LimitsUsed::from(&settings.limits),
            rows: 0,
            counts: Counts::default(),
            reasons: Vec::new(),
            requests: 0,
            requests_per_second: None,
            files: Files { results: summary::relative(&paths.results, &paths.summary), ..Files::default() },
        };
        summary.write(&paths.summary)?;
        Ok((Self { settings, summary }, results))
    }

    /// What the run is about to do, in a line.
    pub(super) fn forecast(&self, ahead: &Ahead, bytes: u64) -> String {
        let limits = &self.settings.limits;
        let shipments = ahead.scaled(ahead.shipments, bytes);
        let at_best = limits.rate.time_for(shipments);
        closing::forecast(&Forecast {
            rows: ahead.scaled(ahead.rows, bytes),
            exact: ahead.exact,
            shipments,
            invalid: ahead.invalid,
            skipped: ahead.skipped,
            endpoint: &self.summary.endpoint,
            rate: limits.rate,
            concurrency: limits.concurrency.get(),
            at_best,
            ends_at: match limits.rate {
                Rate::Unlimited => None,
                Rate::Per(..) => ZonedDateTime::now().checked_add(at_best).ok().map(|at| at.datetime()),
            },
        })
    }

    /// Puts the results in their places, writes the last summary, reports, and gives the exit code.
    ///
    /// # Errors
    /// When one of the files could not be written to its end.
    pub(super) fn close(
        mut self,
        end: &End,
        findings: &Findings,
        results: Results,
        requests: Requests,
        screen: &Screen,
    ) -> Result<Closed, Error> {
        let finished = results.finish()?;
        warn(&findings.survey.warnings, &self.summary.inputs);
        let exit_code = if self.settings.dry_run {
            if finished.tally.get(Status::Invalid) == 0 { exit::OK } else { exit::SOME_ROWS }
        } else {
            end.exit_code(finished.tally.unsettled())
        };
        let paths = &self.settings.paths;
        let summary = &mut self.summary;
        summary.state = end.state();
        summary.exit_code = Some(exit_code);
        summary.stop_reason = end.reason();
        summary.finished_at = Some(summary::moment(Timestamp::now()));
        for (source, digest) in summary.inputs.iter_mut().zip(&findings.digests) {
            source.bytes = Some(digest.bytes);
            source.sha256 = Some(digest.sha256.clone());
        }
        summary.rows = finished.rows;
        summary.counts = Counts::from(&finished.tally);
        summary.reasons = finished.reasons.into_iter().map(ReasonCount::from).collect();
        summary.requests = requests.made;
        summary.requests_per_second = requests.per_second();
        summary.files.failed_rows =
            finished.failed_rows.as_ref().map(|(path, _)| summary::relative(path, &paths.summary));
        summary.files.failed_rows_count = finished.failed_rows.as_ref().map_or(0, |(_, count)| *count);
        summary.write(&paths.summary)?;
        let failed_rows = finished.failed_rows.as_ref().map(|(path, _)| path.as_path());
        let next = failed_rows
            .filter(|_| !self.settings.dry_run)
            .map(|path| self.settings.rerun.with_input(&self.settings.inputs, path).to_string());
        screen.say(&closing::report(
            &self.summary,
            &Hints {
                results: Some(&finished.results),
                failed_rows,
                summary: Some(&paths.summary),
                next: next.as_deref(),
            },
        ));
        Ok(Closed { exit_code, left: finished.tally.unsettled() })
    }
}

/// A run whose record is closed.
pub(super) struct Closed {
    pub(super) exit_code: u8,
    /// Rows for which something is left to do.
    pub(super) left: u64,
}

/// Requests made, and the time between the first and the last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Requests {
    pub(super) made: u64,
    pub(super) within: std::time::Duration,
}

impl Requests {
    /// Requests per second, where there were enough to tell.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    fn per_second(self) -> Option<f64> {
        let seconds = self.within.as_secs_f64();
        (self.made > 1 && seconds > 0.0).then(|| ((self.made - 1) as f64 / seconds * 100.0).round() / 100.0)
    }
}

/// Says what is odd about rows that were sent all the same, the most frequent first.
fn warn(warnings: &Groups, inputs: &[Source]) {
    let groups = warnings.by_count();
    for group in groups.iter().take(WARNINGS_SHOWN) {
        let (field, at) = (group.field.map_or_else(String::new, |field| format!("{field} ")), &group.first);
        let file = inputs.get(at.input).map_or("", |source| source.name.as_str());
        tracing::warn!(
            "{}: {field}{}, first in row {} (line {}) of {}",
            text::counted(group.count, "row"),
            group.reason,
            at.row,
            at.line,
            text::printable(file)
        );
    }
    if let Some(more @ 1..) = groups.len().checked_sub(WARNINGS_SHOWN) {
        tracing::warn!("{}; lateship check shows them all", text::counted(more as u64, "more kind of warning"));
    }
}

fn mapping(inputs: &Inputs, summary: &Path) -> Source {
    let mapping = inputs.mapping();
    let path = Path::new(mapping.name());
    Source {
        name: mapping.name().to_owned(),
        path: path.exists().then(|| summary::relative(path, summary)),
        bytes: None,
        sha256: Some(mapping.sha256().to_owned()),
    }
}
