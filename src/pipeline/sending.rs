//! What works together while a run sends: the engine between dispatcher and recorder, the signals
//! and the clock that stop it, and the progress display.
//!
//! `run` makes a [`Sending`] of what it opened, and closes its parts afterwards.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::deadline::{self, Deadline};
use super::dispatcher::Dispatcher;
use super::recorder::RunRecorder;
use super::target::OpenTarget;
use super::{open_files, signals};
use crate::closing;
use crate::delivery::{Ending, Engine, Metrics, StopHandle, StopReason, StopSignal, stop_channel};
use crate::error::Error;
use crate::inputs::Ahead;
use crate::options::run::RunSettings;
use crate::progress::{Progress, ProgressView, Screen};

/// How often the display is renewed.
const TICK: Duration = Duration::from_millis(250);

/// How often the results so far are handed to the operating system.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// The message of a valid row in a dry run.
const DRY_RUN: &str = "valid; not sent in a dry run";

/// See the module.
pub(super) struct Sending<'a> {
    pub(super) settings: &'a RunSettings,
    /// `None` where nothing is sent.
    pub(super) target: Option<&'a OpenTarget>,
    /// Bytes of the inputs read so far.
    pub(super) position: Arc<AtomicU64>,
    pub(super) dispatcher: Dispatcher,
    pub(super) recorder: RunRecorder,
    pub(super) metrics: Metrics,
    pub(super) ahead: Ahead,
    pub(super) screen: &'a Screen,
}

impl Sending<'_> {
    /// Sends and records everything; the first signal stops it cleanly, the second ends it at once
    /// and leaves the partial results.
    pub(super) async fn run(&self, deadline: Option<Deadline>) -> Result<Ending, Error> {
        let (handle, stop) = stop_channel();
        let ending = tokio::select! {
            biased;
            // The first of all, to listen before anything is sent.
            signal = signals::second(&handle) => {
                Err(self.dispatcher.flush().err().unwrap_or(Error::EndedAtOnce(signal)))
            }
            ending = self.send_all(stop) => ending,
            // These only request the stop; the delivery ends then.
            never = self.flush_results(&handle) => match never {},
            never = deadline::watch(deadline, &handle) => match never {},
        };
        if ending.is_err() {
            self.screen.say(&closing::counts(&self.dispatcher.counts()));
        }
        ending
    }

    /// Delivers until the end or until something ends the run; then settles what is left.
    async fn send_all(&self, stop: StopSignal) -> Result<Ending, Error> {
        let Some(target) = self.target else {
            self.dispatcher.settle_rest(DRY_RUN).await?;
            return Ok(Ending::Complete);
        };
        let engine = Engine {
            limits: &open_files::limits(self.settings),
            transport: &target.http,
            queue: &self.dispatcher,
            recorder: &self.recorder,
            stop,
            metrics: &self.metrics,
            seed: fastrand::u64(..),
        };
        let ending = tokio::select! {
            biased;
            ending = engine.run() => ending,
            never = self.show_progress() => match never {},
        };
        let ending = match ending {
            // The results can still say what was sent and what was not.
            Err(Error::Forgetful(error)) => Ending::Stopped(error.to_string()),
            ending => ending?,
        };
        self.dispatcher.settle_rest(&ending.not_attempted_message()).await?;
        Ok(ending)
    }

    /// Hands the results so far to the operating system, again and again. Requests a stop when they
    /// cannot be written: nothing may be sent that could not be recorded.
    async fn flush_results(&self, stop: &StopHandle) -> Infallible {
        loop {
            sleep(FLUSH_EVERY).await;
            if let Err(error) = self.dispatcher.flush() {
                // The delivery meets the same error with its next outcome; here it only ends sooner.
                tracing::error!("{error}");
                stop.request(StopReason::RecordingFailed);
                pending::<()>().await;
            }
        }
    }

    async fn show_progress(&self) -> Infallible {
        let mut progress = Progress::start(self.screen, Instant::now());
        loop {
            let (rows, counts) = (self.ahead.scaled(self.ahead.rows), self.dispatcher.counts());
            let rows_left = rows.saturating_sub(counts.total());
            let shipments_left = rows_left * self.ahead.shipments / self.ahead.rows.max(1);
            let view = ProgressView {
                rows,
                exact: self.ahead.exact,
                bytes_done: self.position.load(Ordering::Relaxed),
                bytes_total: self.ahead.bytes_total,
                counts,
                requests: self.metrics.requests(),
                least_time_left: self.settings.limits.rate.time_for(shipments_left),
                waiting: self.metrics.waiting(),
            };
            progress.update(&view, Instant::now());
            sleep(TICK).await;
        }
    }
}
