//! The recipe of a run: what is opened before the first request, and what is closed after the last.

use std::sync::Arc;

use jiff::{Timestamp, ZonedDateTime};
use tokio::runtime::Builder;

use super::deadline::Deadline;
use super::dispatcher::Dispatcher;
use super::reader::Reader;
use super::recorder::RunRecorder;
use super::sending::Sending;
use super::target::OpenTarget;
use super::{open_files, previous_run, run_summary};
use crate::delivery::Metrics;
use crate::error::{Error, exit};
use crate::options::run::RunSettings;
use crate::progress::Screen;

/// Runs an import or a retry. Returns the exit code.
///
/// # Errors
/// Before the first request whatever is in the way; after it, when a file could not be written to
/// its end.
pub fn run(settings: &RunSettings, screen: &Screen) -> Result<u8, Error> {
    let deadline = Deadline::from_limits(&settings.limits, &ZonedDateTime::now());
    let started = Timestamp::now();
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;

    let (mut inputs, ahead) = open_files::inputs(settings)?;
    let target = OpenTarget::open(settings)?;
    let results = open_files::results(settings, &inputs)?;
    let ledger = open_files::ledger(settings)?;
    // Under the lock of the results: no other run replaces what is carried over, or the copies.
    let (ahead, previous) = previous_run::verify(settings, &inputs, ahead)?;
    let copies = open_files::keep_copies(settings, &mut inputs)?;
    let summary = run_summary::begin(settings, &inputs, target.as_ref(), started)?;
    screen.say(&run_summary::forecast(settings, &summary, &ahead));

    let reader = Reader::start(inputs, settings.args.limit, previous);
    let sending = Sending {
        settings,
        target: target.as_ref(),
        position: Arc::clone(&reader.position),
        dispatcher: Dispatcher::new(reader, results),
        recorder: RunRecorder::new(ledger, settings),
        metrics: Metrics::default(),
        ahead,
        screen,
    };
    let ending = runtime.block_on(sending.run(deadline));
    // A name look-up may hang on a thread of the runtime's; nothing waits for it any more.
    runtime.shutdown_background();

    let ending = ending?;
    let (mut findings, results) = sending.dispatcher.into_parts();
    if let Err(error) = sending.recorder.close() {
        match findings.broken {
            // The summary names the first.
            Some(_) => tracing::error!("{error}"),
            None => findings.broken = Some(Error::Forgetful(error)),
        }
    }
    let metrics = &sending.metrics;
    let exit_code =
        run_summary::close(settings, summary, ending, findings, results, metrics, screen)?;
    // Every row was read and none is left.
    if exit_code == exit::OK && settings.args.limit.is_none() {
        open_files::remove_copies(&copies);
    }
    Ok(exit_code)
}
