//! The recipe of a run: what is opened before the first request, what works while it sends, and what
//! is closed after the last.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use jiff::{Timestamp, ZonedDateTime};
use tokio::runtime::Builder;

use super::deadline::{self, Deadline};
use super::dedup::ResendPolicy;
use super::dispatcher::Dispatcher;
use super::reader::Reader;
use super::recorder::RunRecorder;
use super::run_summary::RunSummary;
use super::signals::Signals;
use super::target::OpenTarget;
use super::ticker::ProgressTicker;
use super::{open_files, previous_run};
use crate::closing;
use crate::delivery::{Ending, Engine, Metrics, StopHandle, StopSignal, SystemClock, stop_channel};
use crate::error::Error;
use crate::inputs::{Ahead, OtherFile};
use crate::options::run::RunSettings;
use crate::progress::Screen;

/// How often a lock of another run is tried again.
const RETRY_LOCK: Duration = Duration::from_millis(500);

/// The message of a valid row in a dry run.
const DRY_RUN: &str = "valid; not sent in a dry run";

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
    let wait = settings.args.run.delivery.wait;
    let results = wait_for_lock(wait, || open_files::results(settings, &inputs))?;
    let ledger = wait_for_lock(wait, || open_files::ledger(settings))?;
    // Under the lock of the results: no other run replaces what is carried over, or the copies.
    let (ahead, previous) = previous_run::verify(settings, &inputs, ahead)?;
    let copies = open_files::keep_copies(settings, &mut inputs)?;
    let summary = RunSummary::begin(settings, &inputs, target.as_ref(), started)?;
    screen.say(&summary.forecast(&ahead));

    let (inputs, position) = (Arc::new(inputs), Arc::new(AtomicU64::new(0)));
    let reader =
        Reader::start(Arc::clone(&inputs), settings.args.limit, Arc::clone(&position), previous);
    let policy = ResendPolicy {
        in_doubt: settings.limits.in_doubt,
        changed: settings.args.run.delivery.changed,
        resend: settings.args.run.resend,
    };
    let sending = Sending {
        settings,
        target: target.as_ref(),
        dispatcher: Dispatcher::new(reader, results),
        recorder: RunRecorder::new(ledger, policy),
        metrics: Metrics::default(),
        ahead,
        position: &position,
        screen,
    };
    let ending = runtime.block_on(sending.until_signalled_twice(deadline));
    // A name look-up may hang on a thread of the runtime's; nothing waits for it any more.
    runtime.shutdown_background();

    let ending = ending?;
    let (mut findings, results) = sending.dispatcher.into_parts();
    if let Err(error) = sending.recorder.close() {
        findings.broken.get_or_insert(Error::Forgetful(error));
    }
    let joined =
        inputs.joined().filter(|_| settings.args.limit.is_none() && findings.broken.is_none());
    if let Some(unmatched) = joined.and_then(OtherFile::unmatched) {
        tracing::warn!("{unmatched}");
    }
    if let Some(input) = inputs.changed() {
        findings.broken.get_or_insert(Error::Changed(input.to_owned()));
    }
    let (exit_code, left) = summary.close(ending, findings, results, &sending.metrics, screen)?;
    if left == 0 {
        remove(&copies);
    }
    Ok(exit_code)
}

/// What works together while a run sends.
struct Sending<'a> {
    settings: &'a RunSettings,
    /// `None` where nothing is sent.
    target: Option<&'a OpenTarget>,
    dispatcher: Dispatcher,
    recorder: RunRecorder,
    metrics: Metrics,
    ahead: Ahead,
    position: &'a AtomicU64,
    screen: &'a Screen,
}

impl Sending<'_> {
    /// Sends and records everything; the first signal stops it cleanly, the second ends it at once
    /// and leaves the partial results.
    async fn until_signalled_twice(&self, deadline: Option<Deadline>) -> Result<Ending, Error> {
        let (handle, stop) = stop_channel();
        let ending = tokio::select! {
            biased;
            ending = self.send_all(deadline, &handle, stop) => ending,
            signal = Signals::listen().second(&handle) => {
                self.dispatcher.flush().map_err(Error::Unrecorded)?;
                Err(Error::EndedAtOnce(signal))
            }
        };
        if ending.is_err() {
            let counts = self.dispatcher.with_results(|results| *results.tally());
            self.screen.say(&closing::counts(&counts));
        }
        ending
    }

    /// Delivers until the end or until something ends the run; then settles what is left.
    async fn send_all(
        &self,
        deadline: Option<Deadline>,
        handle: &StopHandle,
        stop: StopSignal,
    ) -> Result<Ending, Error> {
        let Some(target) = self.target else {
            self.dispatcher.settle_rest(DRY_RUN).await.map_err(Error::recording)?;
            return Ok(Ending::Complete);
        };
        let limits = open_files::limits(self.settings);
        let engine = Engine {
            limits: &limits,
            shipments: self.ahead.exact.then_some(self.ahead.shipments),
            transport: &target.http,
            queue: &self.dispatcher,
            recorder: &self.recorder,
            clock: &SystemClock,
            stop,
            metrics: &self.metrics,
            seed: fastrand::u64(..),
        };
        let ticker = ProgressTicker {
            dispatcher: &self.dispatcher,
            metrics: &self.metrics,
            rate: limits.rate,
            ahead: self.ahead,
            position: self.position,
        };
        let ending = tokio::select! {
            biased;
            ending = engine.run() => ending.map_err(Error::recording),
            // These only request the stop; the delivery ends then.
            never = ticker.run(self.screen, handle) => match never {},
            never = deadline::watch(deadline, handle) => match never {},
        };
        let ending = match ending {
            // The results can still say what was sent and what was not.
            Err(Error::Forgetful(error)) => Ending::Stopped(error.to_string()),
            ending => ending?,
        };
        let message = ending.not_attempted_message();
        self.dispatcher.settle_rest(&message).await.map_err(Error::recording)?;
        Ok(ending)
    }
}

/// Opens something, and tries again for at most `wait` as long as another run holds its lock.
fn wait_for_lock<T>(wait: Duration, open: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
    let begun = Instant::now();
    loop {
        match open() {
            Err(error) if error.is_locked() && begun.elapsed() < wait => {
                tracing::info!("waiting for another run: {error}");
                std::thread::sleep(RETRY_LOCK.min(wait));
            }
            opened => return opened,
        }
    }
}

/// Removes the copies of standard input, since nothing is left to do with them.
fn remove(copies: &[PathBuf]) {
    for copy in copies {
        if let Err(error) = std::fs::remove_file(copy) {
            tracing::warn!("{}: the copy of the input cannot be removed: {error}", copy.display());
        }
    }
}
