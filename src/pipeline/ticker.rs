//! A few times a second: renews the progress display, and hands the results so far to the operating
//! system.

use std::collections::VecDeque;
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
/// Ticks over which the request rate is measured.
const TICKS_FOR_RATE: usize = 20;

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
        let begun = Instant::now();
        let mut progress = Progress::start(screen, begun.into_std());
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut requests = VecDeque::with_capacity(TICKS_FOR_RATE + 1);
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
            requests.push_back((Instant::now(), self.metrics.requests()));
            if requests.len() > TICKS_FOR_RATE {
                requests.pop_front();
            }
            let view = self.view(per_second(&requests), begun.elapsed());
            progress.update(&view, Instant::now().into_std());
        }
    }

    fn view(&self, requests_per_second: f64, elapsed: Duration) -> ProgressView {
        let counts = self.dispatcher.with_results(|results| *results.tally());
        let (rows, done) = (self.ahead.scaled(self.ahead.rows), counts.total());
        let exact = self.ahead.exact;
        ProgressView {
            rows_done: done,
            rows_known: if exact {
                RowTotal::Exactly(rows)
            } else {
                RowTotal::About(rows.max(done))
            },
            bytes_done: self.position.load(Ordering::Relaxed),
            bytes_total: Some(self.ahead.bytes_total),
            counts,
            requests_per_second,
            eta: self.eta(rows.saturating_sub(done), done, elapsed),
            waiting: self.metrics.waiting(),
        }
    }

    /// The time for `left` rows: what the rate allows at best, or what the rows so far took,
    /// whichever is longer.
    fn eta(&self, left: u64, done: u64, elapsed: Duration) -> Option<Duration> {
        if done == 0 {
            return None;
        }
        let shipments = left * self.ahead.shipments / self.ahead.rows.max(1);
        #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
        let seconds = elapsed.as_secs_f64() * left as f64 / done as f64;
        Some(Duration::try_from_secs_f64(seconds).ok()?.max(self.rate.time_for(shipments)))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn per_second(requests: &VecDeque<(Instant, u64)>) -> f64 {
    let (Some((from, before)), Some((to, now))) = (requests.front(), requests.back()) else {
        return 0.0;
    };
    let seconds = to.duration_since(*from).as_secs_f64();
    if seconds > 0.0 { (now - before) as f64 / seconds } else { 0.0 }
}
