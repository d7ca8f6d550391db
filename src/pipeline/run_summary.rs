//! The summary of a run: written before the first request, and again after the last, when the
//! results are in their place.

use std::path::Path;

use jiff::{Timestamp, ZonedDateTime};

use super::reader::Findings;
use super::target::OpenTarget;
use crate::closing::{self, Hints};
use crate::delivery::{Ending, Metrics, Signal, StopReason};
use crate::error::{Error, exit};
use crate::inputs::{Ahead, Inputs};
use crate::options::run::RunSettings;
use crate::outcome::Status;
use crate::progress::Screen;
use crate::results::Results;
use crate::results::summary::{self, Files, FormUsed, LimitsUsed, Source, State, Summary};

/// What the summary calls the endpoint of a dry run.
const NOWHERE: &str = "nowhere (dry run)";

/// Writes the first summary, so that a killed run can be understood.
///
/// # Errors
/// When it cannot be written.
pub(super) fn begin(
    settings: &RunSettings,
    inputs: &Inputs,
    target: Option<&OpenTarget>,
    started: Timestamp,
) -> Result<Summary, Error> {
    let (paths, mapping) = (&settings.paths, inputs.mapping());
    let at = paths.summary.as_path();
    let relative = |path: &Path| summary::relative(path, at);
    let names = inputs.names().into_iter().zip(inputs.paths());
    let set =
        settings.args.run.set.iter().map(|(field, value)| (field.name().to_owned(), value.clone()));
    let skip_lines = mapping.form().skip_lines;
    let file = Some(Path::new(mapping.name())).filter(|path| path.exists());
    let summary = Summary {
        lateship: Summary::version().to_owned(),
        schema: summary::SCHEMA,
        started_at: summary::moment(started),
        inputs: names.map(|(name, path)| Source::new(name, path, at)).collect(),
        mapping: Source {
            path: file.map(relative),
            name: mapping.name().to_owned(),
            sha256: Some(mapping.sha256().to_owned()),
            bytes: None,
        },
        form: Some(FormUsed::new(inputs.dialect(), skip_lines, inputs.encoding())),
        sandbox: settings.args.run.sandbox && !settings.args.dry_run,
        endpoint: target.map_or(NOWHERE, |target| &target.shown).to_owned(),
        join: inputs.joined().map(|joined| {
            let digest = joined.digest();
            Source::new(joined.table().file(), joined.path(), at)
                .with_content(digest.bytes, &digest.sha256)
        }),
        in_doubt: settings.limits.in_doubt.to_string(),
        ledger: settings.ledger.as_deref().map(relative),
        set: set.collect(),
        dry_run: settings.args.dry_run,
        limits: LimitsUsed::from(&settings.limits),
        files: Files { results: relative(&paths.results), ..Files::default() },
        ..Summary::default()
    };
    summary.write(at)?;
    Ok(summary)
}

/// What the run is about to do, in a line.
pub(super) fn forecast(settings: &RunSettings, summary: &Summary, ahead: &Ahead) -> String {
    let endpoint = Some(summary.endpoint.as_str()).filter(|_| !settings.args.dry_run);
    let now = ZonedDateTime::now().datetime();
    closing::forecast(ahead, &settings.limits, endpoint, now)
}

/// Puts the results in their place, writes the last summary, and reports. Returns the exit
/// code.
///
/// # Errors
/// When one of the files could not be written to its end.
pub(super) fn close(
    settings: &RunSettings,
    mut summary: Summary,
    ending: Ending,
    findings: Findings,
    results: Results,
    metrics: &Metrics,
    screen: &Screen,
) -> Result<u8, Error> {
    let tally = *results.tally();
    let finished = results.finish().map_err(|error| {
        screen.say(&closing::counts(&tally));
        Error::Unrecorded(error)
    })?;
    for warning in closing::warnings(&findings.survey.warnings, &summary.inputs) {
        tracing::warn!("{warning}");
    }
    let left = finished.tally.unsettled();
    let broken = findings.broken.map(|broken| broken.to_string());
    let ending = match (ending, broken) {
        // The rows behind the broken place are not known; all before it are in the results.
        (Ending::Complete, Some(broken)) => Ending::Stopped(broken),
        // A request to stop that came after everything was settled changes nothing.
        (Ending::Requested(_), None) if left == 0 => Ending::Complete,
        (ending, broken) => {
            if let Some(broken) = broken.filter(|text| ending != Ending::Stopped(text.clone())) {
                tracing::error!("{broken}");
            }
            ending
        }
    };
    let is_valid = settings.args.dry_run && finished.tally.get(Status::Invalid) == 0;
    let (state, stop_reason, exit_code) = conclude(ending, left == 0 || is_valid);
    (summary.state, summary.stop_reason) = (state, stop_reason);
    summary.exit_code = Some(exit_code);
    summary.finished_at = Some(summary::moment(Timestamp::now()));
    for (input, digest) in summary.inputs.iter_mut().zip(&findings.digests) {
        *input = input.clone().with_content(digest.bytes, &digest.sha256);
    }
    summary.requests = metrics.requests();
    summary.requests_per_second = metrics.requests_per_second();
    let path = &settings.paths.summary;
    finished.enter_into(&mut summary, path);
    let written = summary.write(path);

    let failed_rows = finished.failed_rows.as_ref().map(|(path, _)| path.as_path());
    let to_send = failed_rows.filter(|_| !settings.args.dry_run);
    let retry = to_send
        .filter(|_| settings.args.limit.is_none())
        .map(|_| settings.command.retrying(&settings.paths.results));
    // A retry does not know how its inputs were typed.
    let fixed = to_send.filter(|_| settings.retry_only.is_none());
    let fixed = fixed.map(|path| settings.command.with_input(path));
    let hints = Hints {
        results: Some(&finished.results),
        failed_rows,
        summary: Some(path),
        retry: retry.as_deref(),
        mended: fixed.as_deref(),
    };
    screen.say(&closing::report(&summary, &hints));
    written.map_err(Error::Unrecorded)?;
    Ok(exit_code)
}

/// The state, the reason and the exit code of a run that ended so; `is_done` says that nothing is
/// left to do.
fn conclude(ending: Ending, is_done: bool) -> (State, Option<String>, u8) {
    let stopped = |reason| (State::Stopped, Some(reason), exit::STOPPED);
    match ending {
        Ending::Complete if is_done => (State::Finished, None, exit::OK),
        Ending::Complete => (State::Finished, None, exit::SOME_ROWS),
        Ending::Stopped(reason) | Ending::Requested(StopReason::Deadline(reason)) => {
            stopped(reason)
        }
        Ending::Requested(StopReason::RecordingFailed) => {
            stopped("what is sent can no longer be recorded".to_owned())
        }
        Ending::Requested(StopReason::Interrupt(signal)) => {
            let (name, code) = match signal {
                Signal::Hangup => ("SIGHUP", exit::HANGUP),
                Signal::Interrupt => ("SIGINT (Ctrl-C)", exit::INTERRUPT),
                Signal::Terminate => ("SIGTERM", exit::TERMINATE),
            };
            (State::Interrupted, Some(format!("{name} came")), code)
        }
    }
}
