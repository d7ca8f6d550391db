//! The record of a run: its results and its summary, begun before the first request and closed
//! after the last.

use std::path::{Path, PathBuf};

use jiff::{Timestamp, ZonedDateTime};

use super::reader::Findings;
use super::site::Site;
use crate::closing::{self, Forecast, Hints};
use crate::delivery::{Ending, Gauge, Signal, Wish};
use crate::error::{Error, exit};
use crate::inputs::{Ahead, Inputs, OtherFile};
use crate::ledger::{Ledger, Scope};
use crate::limits::{InDoubt, Rate};
use crate::options::input::InputPath;
use crate::options::run::{RunSettings, RunTarget};
use crate::outcome::Status;
use crate::progress::Screen;
use crate::results::summary::{
    self, Counts, Files, FormUsed, LimitsUsed, ReasonCount, Source, State, Summary,
};
use crate::results::{FailedRows, Leftover, Results, Terms};
use crate::row::Quote;
use crate::survey::Groups;
use crate::text;

/// Kinds of warnings that a run shows at its end.
const WARNINGS_SHOWN: usize = 5;

/// What an ending is in the summary, with its reason.
fn state(ending: &Ending) -> (State, Option<String>) {
    match ending {
        Ending::Complete => (State::Finished, None),
        Ending::Stopped(reason) | Ending::Wished(Wish::Deadline(reason)) => {
            (State::Stopped, Some(reason.clone()))
        }
        Ending::Wished(Wish::Unrecorded) => {
            (State::Stopped, Some("what is sent can no longer be recorded".to_owned()))
        }
        Ending::Wished(Wish::Interrupt(signal)) => {
            (State::Interrupted, Some(format!("{} came", signal.name())))
        }
    }
}

/// The exit code of a run that ended so, with `left` rows left to do.
fn exit_code(ending: &Ending, left: u64) -> u8 {
    match ending {
        Ending::Complete if left == 0 => exit::OK,
        Ending::Complete => exit::SOME_ROWS,
        Ending::Stopped(_) | Ending::Wished(Wish::Deadline(_) | Wish::Unrecorded) => exit::STOPPED,
        Ending::Wished(Wish::Interrupt(Signal::Hangup)) => exit::HANGUP,
        Ending::Wished(Wish::Interrupt(Signal::Interrupt)) => exit::INTERRUPT,
        Ending::Wished(Wish::Interrupt(Signal::Terminate)) => exit::TERMINATE,
    }
}

/// Keeps the copies of what could be read only once beside the results, in place of those that an
/// earlier run kept; a retry has them from that run.
///
/// # Errors
/// When something else lies there, or a copy cannot be moved there.
pub(super) fn keep_copies(
    settings: &RunSettings,
    inputs: &mut Inputs,
) -> Result<Vec<PathBuf>, Error> {
    let place = settings.paths.input();
    if inputs.has_copies() && place.exists() {
        let folder = settings.paths.summary.parent().unwrap_or(Path::new(""));
        let ours = |earlier: Summary| {
            let named =
                |path: &String| folder.join(path).canonicalize().ok() == place.canonicalize().ok();
            earlier.inputs.iter().filter_map(|input| input.path.as_ref()).any(named)
        };
        if !Summary::read(&settings.paths.summary).is_ok_and(ours) {
            return Err(Error::CopyInTheWay(place));
        }
    }
    let mut kept = inputs.keep_copies(&place)?;
    kept.extend(
        settings
            .inputs
            .iter()
            .filter(|input| is_copy(input, &place))
            .filter_map(InputPath::path)
            .map(Path::to_owned),
    );
    Ok(kept)
}

/// Whether an input is the copy that an earlier run kept: a user's own file is known by its own
/// name.
fn is_copy(input: &InputPath, place: &Path) -> bool {
    let InputPath::Known { path, name } = input else { return false };
    let file = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder =
        |path: &Path| path.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned));
    file(path).starts_with(&file(place))
        && file(path) != file(Path::new(name))
        && folder(path) == folder(place)
}

/// Opens the ledger of the endpoint and the account, if there is one.
///
/// # Errors
/// When it cannot be used, or another run uses it.
pub(super) fn open_ledger(settings: &RunSettings) -> Result<Option<Ledger>, Error> {
    let (Some(path), RunTarget::Endpoint { endpoint, credentials }) =
        (&settings.ledger.path, &settings.target)
    else {
        return Ok(None);
    };
    let scope =
        Scope { endpoint: endpoint.shown(), account: credentials.email.expose().to_owned() };
    Ok(Some(Ledger::open(path, &scope, &settings.command.to_string())?))
}

/// Opens and locks the results.
///
/// # Errors
/// When one of the files cannot be written, or another run writes them or was killed while it did.
pub(super) fn open_results(settings: &RunSettings, inputs: &Inputs) -> Result<Results, Error> {
    let read: Vec<&Path> = inputs.paths().collect();
    let read: Vec<&Path> = read.into_iter().chain(inputs.others().map(OtherFile::path)).collect();
    settings.paths.check(&read)?;
    let skip_lines = inputs.mapping().form().skip_lines.unwrap_or(0);
    let unordered = inputs.are_arranged();
    let encoding = inputs.encoding();
    let terms = if settings.dry_run {
        Terms {
            encoding,
            leftover: Leftover::Replace,
            failed_rows: FailedRows::OnlyInvalid,
            skip_lines,
            unordered,
        }
    } else {
        // A ledger knows what a killed run sent; without one its partial results are all there is.
        let leftover =
            if settings.ledger.path.is_some() { Leftover::Replace } else { Leftover::Refuse };
        let failed_rows = match settings.limits.in_doubt {
            InDoubt::Resend => FailedRows::All,
            InDoubt::Hold => FailedRows::ButInDoubt,
        };
        Terms { encoding, leftover, failed_rows, skip_lines, unordered }
    };
    Ok(Results::create(&settings.paths, inputs.header(), inputs.dialect(), &inputs.names(), terms)?)
}

/// A run's summary, as far as it is known.
pub(super) struct Record<'a> {
    settings: &'a RunSettings,
    summary: Summary,
}

impl<'a> Record<'a> {
    /// Writes the first summary, so that a killed run can be understood.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn begin(
        settings: &'a RunSettings,
        inputs: &Inputs,
        site: Option<&Site>,
        started: Timestamp,
    ) -> Result<Self, Error> {
        let paths = &settings.paths;
        let dialect = inputs.dialect();
        let summary = Summary {
            lateship: Summary::version().to_owned(),
            schema: summary::SCHEMA,
            state: State::Running,
            exit_code: None,
            stop_reason: None,
            started_at: summary::moment(started),
            finished_at: None,
            inputs: sources(inputs, &paths.summary),
            mapping: mapping(inputs, &paths.summary),
            form: Some(FormUsed {
                delimiter: dialect.delimiter.into(),
                quote: match dialect.quote {
                    Quote::By(byte) => Some(byte.into()),
                    Quote::Never => None,
                },
                skip_lines: inputs.mapping().form().skip_lines.unwrap_or(0),
                encoding: Some(inputs.encoding().name().to_owned()),
            }),
            sandbox: matches!(settings.target, RunTarget::Sandbox),
            endpoint: site
                .map_or_else(|| "nowhere (dry run)".to_owned(), |site| site.shown.clone()),
            join: inputs.joined().map(|joined| Source {
                name: joined.table().file().to_owned(),
                path: Some(summary::relative(joined.path(), &paths.summary)),
                bytes: Some(joined.digest().bytes),
                sha256: Some(joined.digest().sha256.clone()),
            }),
            in_doubt: settings.limits.in_doubt.to_string(),
            ledger: settings
                .ledger
                .path
                .as_ref()
                .map(|path| summary::relative(path, &paths.summary)),
            set: settings
                .set
                .iter()
                .map(|(field, value)| (field.name().to_owned(), value.clone()))
                .collect(),
            dry_run: settings.dry_run,
            limits: LimitsUsed::from(&settings.limits),
            rows: 0,
            counts: Counts::default(),
            reasons: Vec::new(),
            requests: 0,
            requests_per_second: None,
            files: Files {
                results: summary::relative(&paths.results, &paths.summary),
                ..Files::default()
            },
        };
        summary.write(&paths.summary)?;
        Ok(Self { settings, summary })
    }

    /// What the run is about to do, in a line.
    pub(super) fn forecast(&self, ahead: &Ahead) -> String {
        let limits = &self.settings.limits;
        let shipments = ahead.scaled(ahead.shipments);
        let at_best = limits.rate.time_for(shipments);
        closing::forecast(&Forecast {
            rows: ahead.scaled(ahead.rows),
            dry_run: self.settings.dry_run,
            exact: ahead.exact,
            shipments,
            invalid: ahead.invalid,
            skipped: ahead.skipped,
            carried: ahead.carried,
            endpoint: &self.summary.endpoint,
            rate: limits.rate,
            concurrency: limits.concurrency.get(),
            at_best,
            ends_at: match limits.rate {
                Rate::Unlimited => None,
                Rate::Per(..) => {
                    ZonedDateTime::now().checked_add(at_best).ok().map(|at| at.datetime())
                }
            },
        })
    }

    /// Puts the results in their places, writes the last summary, reports, and gives the exit code.
    ///
    /// # Errors
    /// When one of the files could not be written to its end.
    pub(super) fn close(
        mut self,
        ending: Ending,
        findings: Findings,
        results: Results,
        gauge: &Gauge,
        screen: &Screen,
    ) -> Result<Closed, Error> {
        let tally = *results.tally();
        let finished = results.finish().map_err(|error| {
            screen.say(&closing::counts(&tally));
            Error::Unrecorded(error)
        })?;
        warn(&findings.survey.warnings, &self.summary.inputs);
        let left = finished.tally.unsettled();
        let ending = match (ending, findings.broken) {
            // The rows behind the broken place are not known; all before it are in the results.
            (Ending::Complete, Some(broken)) => Ending::Stopped(broken.to_string()),
            // A wish that came when all was done already changes nothing.
            (Ending::Wished(_), None) if left == 0 => Ending::Complete,
            (ending, _) => ending,
        };
        let exit_code = match (self.settings.dry_run, &ending) {
            (true, Ending::Complete) if finished.tally.get(Status::Invalid) == 0 => exit::OK,
            _ => exit_code(&ending, left),
        };
        let paths = &self.settings.paths;
        let summary = &mut self.summary;
        (summary.state, summary.stop_reason) = state(&ending);
        summary.exit_code = Some(exit_code);
        summary.finished_at = Some(summary::moment(Timestamp::now()));
        for (source, digest) in summary.inputs.iter_mut().zip(&findings.digests) {
            source.bytes = Some(digest.bytes);
            source.sha256 = Some(digest.sha256.clone());
        }
        summary.rows = finished.rows;
        summary.counts = Counts::from(&finished.tally);
        summary.reasons = finished.reasons.into_iter().map(ReasonCount::from).collect();
        summary.requests = gauge.requests();
        summary.requests_per_second = gauge.requests_per_second();
        summary.files.failed_rows =
            finished.failed_rows.as_ref().map(|(path, _)| summary::relative(path, &paths.summary));
        summary.files.failed_rows_count =
            finished.failed_rows.as_ref().map_or(0, |(_, count)| *count);
        let written = summary.write(&paths.summary);
        let failed_rows = finished.failed_rows.as_ref().map(|(path, _)| path.as_path());
        let settings = self.settings;
        let to_send = failed_rows.filter(|_| !settings.dry_run);
        let retry = to_send.filter(|_| settings.limit.is_none()).map(|_| settings.retry_command());
        // A retry does not know how its inputs were typed.
        let mended = to_send.filter(|_| settings.previous_run.is_none());
        let mended = mended.map(|path| settings.command.with_input(path).to_string());
        screen.say(&closing::report(
            &self.summary,
            &Hints {
                results: Some(&finished.results),
                failed_rows,
                summary: Some(&paths.summary),
                retry: retry.as_deref(),
                mended: mended.as_deref(),
            },
        ));
        written.map_err(Error::Unrecorded)?;
        Ok(Closed { exit_code, left })
    }
}

/// A run whose record is closed.
pub(super) struct Closed {
    pub(super) exit_code: u8,
    /// Rows for which something is left to do.
    pub(super) left: u64,
}

/// The inputs as the summary names them, without what is known only at their ends.
fn sources(inputs: &Inputs, summary: &Path) -> Vec<Source> {
    let one = |(name, path)| Source {
        name,
        path: Some(summary::relative(path, summary)),
        ..Source::default()
    };
    inputs.names().into_iter().zip(inputs.paths()).map(one).collect()
}

/// Says what is odd about rows that were sent all the same, the most frequent first.
fn warn(warnings: &Groups, inputs: &[Source]) {
    let groups = warnings.by_count();
    for group in groups.iter().take(WARNINGS_SHOWN) {
        let (field, at) =
            (group.field.map_or_else(String::new, |field| format!("{field} ")), &group.examples[0]);
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
        tracing::warn!(
            "{}; lateship check shows them all",
            text::counted(more as u64, "more kind of warning")
        );
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
