//! Looks at a running delivery a few times a second: shows it, and hands what is recorded to the
//! operating system at least every second.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::desk::Desk;
use crate::delivery::{self, Gauge, StopSender, Wish};
use crate::inputs::Ahead;
use crate::limits::Limits;
use crate::outcome::Status;
use crate::progress::{Known, Progress, Screen, View, Waiting};

/// How often the display is renewed.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Looks between two flushes.
const LOOKS_PER_FLUSH: u32 = 4;
/// Looks over which the request rate is taken.
const LOOKS_FOR_RATE: usize = 20;

/// What the display needs to know of a run.
pub(super) struct Watch<'a> {
    pub(super) desk: &'a Desk,
    pub(super) gauge: &'a Gauge,
    pub(super) limits: &'a Limits,
    pub(super) ahead: Ahead,
    /// Bytes of the inputs read so far.
    pub(super) position: &'a AtomicU64,
}

impl Watch<'_> {
    /// Watches until the returned future is dropped. When recording fails it wishes the stop:
    /// nothing may be sent that could not be recorded.
    pub(super) async fn run(&self, screen: &Screen, stop: &StopSender) {
        let mut progress = Progress::start(screen, Instant::now().into_std());
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut requests = VecDeque::with_capacity(LOOKS_FOR_RATE + 1);
        let begun = Instant::now();
        for look in (1u32..).cycle() {
            ticks.tick().await;
            if look.is_multiple_of(LOOKS_PER_FLUSH)
                && let Err(error) = self.desk.flush()
            {
                // The results stay broken, so the delivery meets the error itself; here it only
                // ends sooner.
                tracing::error!("{error}");
                stop.send(Wish::Unrecorded);
            }
            requests.push_back((Instant::now(), self.gauge.requests()));
            if requests.len() > LOOKS_FOR_RATE {
                requests.pop_front();
            }
            let view = self.view(per_second(&requests), begun.elapsed());
            progress.update(&view, Instant::now().into_std());
        }
    }

    fn view(&self, requests_per_second: f64, since: Duration) -> View {
        let tally = self.desk.look(|results| *results.tally());
        let rows = self.ahead.scaled(self.ahead.rows);
        let done = tally.total();
        View {
            rows_done: done,
            rows_known: if self.ahead.exact {
                Known::Exactly(rows)
            } else {
                Known::About(rows.max(done))
            },
            bytes_done: self.position.load(Ordering::Relaxed),
            bytes_total: Some(self.ahead.bytes_total),
            sent: tally.get(Status::Sent),
            rejected: tally.get(Status::Rejected),
            failed: tally.get(Status::Failed),
            invalid: tally.get(Status::Invalid),
            skipped: tally.get(Status::Skipped),
            in_doubt: tally.get(Status::InDoubt),
            requests_per_second,
            eta: self.eta(rows.saturating_sub(done), done, since),
            waiting: self.waiting(),
        }
    }

    /// The time for `left` rows: what the rate allows at best, or what the rows so far took,
    /// whichever is longer.
    fn eta(&self, left: u64, done: u64, since: Duration) -> Option<Duration> {
        if done == 0 {
            return None;
        }
        let shipments = left * self.ahead.shipments / self.ahead.rows.max(1);
        #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
        let observed =
            Duration::try_from_secs_f64(since.as_secs_f64() * left as f64 / done as f64).ok()?;
        Some(observed.max(self.limits.rate.time_for(shipments)))
    }

    fn waiting(&self) -> Waiting {
        match self.gauge.waiting() {
            delivery::Waiting::Pace => Waiting::Pace,
            delivery::Waiting::Hold { reason, until } => {
                Waiting::Hold { reason, for_: until.saturating_duration_since(Instant::now()) }
            }
            delivery::Waiting::Backoff { shipments, .. } => Waiting::Backoff { shipments },
            delivery::Waiting::Canary => Waiting::Answer,
            delivery::Waiting::Nothing if self.gauge.in_flight() > 0 => Waiting::Answer,
            delivery::Waiting::Nothing => Waiting::Nothing,
        }
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
