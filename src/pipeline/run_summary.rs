//! The summary of a run: written before the first request, and again after the last, when the
//! results are in their place.

use std::path::Path;

use jiff::{Timestamp, ZonedDateTime};

use super::reader::Findings;
use super::target::OpenTarget;
use crate::closing::{self, Forecast, Hints};
use crate::delivery::{Ending, Metrics, Signal, StopReason};
use crate::error::{Error, exit};
use crate::inputs::{Ahead, Inputs};
use crate::options::run::RunSettings;
use crate::outcome::Status;
use crate::progress::Screen;
use crate::results::Results;
use crate::results::summary::{
    self, Counts, Files, FormUsed, LimitsUsed, ReasonCount, Source, State, Summary,
};

/// What the summary calls the endpoint of a dry run.
const NOWHERE: &str = "nowhere (dry run)";

/// A run's summary as far as it is known.
pub(super) struct RunSummary<'a> {
    settings: &'a RunSettings,
    summary: Summary,
}

impl<'a> RunSummary<'a> {
    /// Writes the first summary, so that a killed run can be understood.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn begin(
        settings: &'a RunSettings,
        inputs: &Inputs,
        target: Option<&OpenTarget>,
        started: Timestamp,
    ) -> Result<Self, Error> {
        let (paths, mapping) = (&settings.paths, inputs.mapping());
        let at = paths.summary.as_path();
        let names = inputs.names().into_iter().zip(inputs.paths());
        let set = settings
            .args
            .run
            .set
            .iter()
            .map(|(field, value)| (field.name().to_owned(), value.clone()));
        let skip_lines = mapping.form().skip_lines;
        let file = Some(Path::new(mapping.name())).filter(|path| path.exists());
        let summary = Summary {
            lateship: Summary::version().to_owned(),
            schema: summary::SCHEMA,
            started_at: summary::moment(started),
            inputs: names.map(|(name, path)| Source::new(name, path, at)).collect(),
            mapping: Source {
                path: file.map(|path| summary::relative(path, at)),
                name: mapping.name().to_owned(),
                sha256: Some(mapping.sha256().to_owned()),
                bytes: None,
            },
            form: Some(FormUsed::new(inputs.dialect(), skip_lines, inputs.encoding())),
            sandbox: settings.args.run.sandbox && !settings.args.dry_run,
            endpoint: target.map_or(NOWHERE, |target| &target.shown).to_owned(),
            join: inputs.joined().map(|joined| Source {
                bytes: Some(joined.digest().bytes),
                sha256: Some(joined.digest().sha256.clone()),
                ..Source::new(joined.table().file(), joined.path(), at)
            }),
            in_doubt: settings.limits.in_doubt.to_string(),
            ledger: settings.ledger.as_ref().map(|path| summary::relative(path, at)),
            set: set.collect(),
            dry_run: settings.args.dry_run,
            limits: LimitsUsed::from(&settings.limits),
            files: Files { results: summary::relative(&paths.results, at), ..Files::default() },
            ..Summary::default()
        };
        summary.write(at)?;
        Ok(Self { settings, summary })
    }

    /// What the run is about to do, in a line.
    pub(super) fn forecast(&self, ahead: &Ahead) -> String {
        closing::forecast(&Forecast {
            ahead: *ahead,
            limits: &self.settings.limits,
            endpoint: Some(self.summary.endpoint.as_str()).filter(|_| !self.settings.args.dry_run),
            now: ZonedDateTime::now().datetime(),
        })
    }

    /// Puts the results in their place, writes the last summary, and reports. Returns the exit code
    /// and the number of rows for which something is left to do.
    ///
    /// # Errors
    /// When one of the files could not be written to its end.
    pub(super) fn close(
        mut self,
        ending: Ending,
        findings: Findings,
        results: Results,
        metrics: &Metrics,
        screen: &Screen,
    ) -> Result<(u8, u64), Error> {
        let tally = *results.tally();
        let finished = results.finish().map_err(|error| {
            screen.say(&closing::counts(&tally));
            Error::Unrecorded(error)
        })?;
        for warning in closing::warnings(&findings.survey.warnings, &self.summary.inputs) {
            tracing::warn!("{warning}");
        }
        let left = finished.tally.unsettled();
        let ending = match (ending, findings.broken) {
            // The rows behind the broken place are not known; all before it are in the results.
            (Ending::Complete, Some(broken)) => Ending::Stopped(broken.to_string()),
            // A request to stop that came after everything was settled changes nothing.
            (Ending::Requested(_), None) if left == 0 => Ending::Complete,
            (ending, _) => ending,
        };
        let (settings, paths) = (self.settings, &self.settings.paths);
        let is_valid = settings.args.dry_run && finished.tally.get(Status::Invalid) == 0;
        let (state, reason, exit_code) = conclude(ending, left == 0 || is_valid);
        let (failed_rows, failed_rows_count) = finished.failed_rows.unzip();
        let summary = &mut self.summary;
        (summary.state, summary.stop_reason) = (state, reason);
        summary.exit_code = Some(exit_code);
        summary.finished_at = Some(summary::moment(Timestamp::now()));
        for (source, digest) in summary.inputs.iter_mut().zip(&findings.digests) {
            source.bytes = Some(digest.bytes);
            source.sha256 = Some(digest.sha256.clone());
        }
        summary.rows = finished.rows;
        summary.counts = Counts::from(&finished.tally);
        summary.reasons = finished.reasons.into_iter().map(ReasonCount::from).collect();
        summary.requests = metrics.requests();
        summary.requests_per_second = metrics.requests_per_second();
        summary.files.failed_rows =
            failed_rows.as_ref().map(|path| summary::relative(path, &paths.summary));
        summary.files.failed_rows_count = failed_rows_count.unwrap_or(0);
        let written = summary.write(&paths.summary);

        let to_send = failed_rows.as_ref().filter(|_| !settings.args.dry_run);
        let retry = to_send
            .filter(|_| settings.args.limit.is_none())
            .map(|_| settings.command.retrying(&paths.results));
        // A retry does not know how its inputs were typed.
        let fixed = to_send.filter(|_| settings.retry_only.is_none());
        let fixed = fixed.map(|path| settings.command.with_input(path));
        screen.say(&closing::report(
            &self.summary,
            &Hints {
                results: Some(&finished.results),
                failed_rows: failed_rows.as_deref(),
                summary: Some(&paths.summary),
                retry: retry.as_deref(),
                mended: fixed.as_deref(),
            },
        ));
        written.map_err(Error::Unrecorded)?;
        Ok((exit_code, left))
    }
}

/// The state, the reason and the exit code of a run that ended so; `is_done` says that nothing is
/// left to do.
fn conclude(ending: Ending, is_done: bool) -> (State, Option<String>, u8) {
    let (state, reason, code) = match ending {
        Ending::Complete if is_done => return (State::Finished, None, exit::OK),
        Ending::Complete => return (State::Finished, None, exit::SOME_ROWS),
        Ending::Stopped(reason) | Ending::Requested(StopReason::Deadline(reason)) => {
            (State::Stopped, reason, exit::STOPPED)
        }
        Ending::Requested(StopReason::RecordingFailed) => {
            let reason = "what is sent can no longer be recorded".to_owned();
            (State::Stopped, reason, exit::STOPPED)
        }
        Ending::Requested(StopReason::Interrupt(signal)) => {
            let (name, code) = match signal {
                Signal::Hangup => ("SIGHUP", exit::HANGUP),
                Signal::Interrupt => ("SIGINT (Ctrl-C)", exit::INTERRUPT),
                Signal::Terminate => ("SIGTERM", exit::TERMINATE),
            };
            (State::Interrupted, format!("{name} came"), code)
        }
    };
    (state, Some(reason), code)
}
