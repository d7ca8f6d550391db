//! A few times a second: renews the progress display, and hands the results so far to the operating
//! system.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::dispatcher::Dispatcher;
use crate::delivery::{Metrics, StopHandle, StopReason};
use crate::inputs::Ahead;
use crate::limits::Rate;
use crate::progress::{Progress, ProgressView, RowTotal, Screen};

/// How often the display is renewed.
const TICK: Duration = Duration::from_millis(250);
/// Ticks between two flushes of the results.
const TICKS_PER_FLUSH: u32 = 4;

/// What the display shows of a run.
pub(super) struct ProgressTicker<'a> {
    pub(super) dispatcher: &'a Dispatcher,
    pub(super) metrics: &'a Metrics,
    pub(super) rate: Rate,
    pub(super) ahead: Ahead,
    /// Bytes of the inputs read so far.
    pub(super) position: &'a AtomicU64,
}

impl ProgressTicker<'_> {
    /// Ticks until the returned future is dropped. Requests a stop when the results cannot be
    /// written: nothing may be sent that could not be recorded.
    pub(super) async fn run(&self, screen: &Screen, stop: &StopHandle) -> Infallible {
        let mut progress = Progress::start(screen, Instant::now().into_std());
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tick = 0_u32;
        loop {
            ticks.tick().await;
            tick = tick.wrapping_add(1);
            if tick.is_multiple_of(TICKS_PER_FLUSH)
                && let Err(error) = self.dispatcher.flush()
            {
                // The delivery meets the same error with its next outcome; here it only ends sooner.
                tracing::error!("{error}");
                stop.request(StopReason::RecordingFailed);
            }
            progress.update(&self.view(), Instant::now().into_std());
        }
    }

    fn view(&self) -> ProgressView {
        let counts = self.dispatcher.with_results(|results| *results.tally());
        let (rows, done) = (self.ahead.scaled(self.ahead.rows), counts.total());
        let shipments_left =
            rows.saturating_sub(done) * self.ahead.shipments / self.ahead.rows.max(1);
        let exact = self.ahead.exact;
        let rows_known =
            if exact { RowTotal::Exactly(rows) } else { RowTotal::About(rows.max(done)) };
        ProgressView {
            rows_done: done,
            rows_known,
            bytes_done: self.position.load(Ordering::Relaxed),
            bytes_total: Some(self.ahead.bytes_total),
            counts,
            requests: self.metrics.requests(),
            least_time_left: self.rate.time_for(shipments_left),
            waiting: self.metrics.waiting(),
        }
    }
}
