//! The rate limit: one pacer in front of all workers, which starts requests evenly and never a
//! burst.
//!
//! A request costs [`CELLS`] cells of governor's bucket, so that the bucket can hold a little more
//! than one request: a late timer then loses nothing, and no window of the rate's unit ever sees
//! more starts than the limit. With a limit of `L` a unit, one cell comes back every
//! `1.0102 / (CELLS · L)` units and the bucket holds `CELLS + max(1, 0.6 · L)` cells: the request
//! that would be one too many comes due 1.004 units after the first, so that the endpoint, which
//! requests reach a little sooner or later, does not see one too many either.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use crate::limits::Rate;

/// Cells a request costs.
const CELLS: NonZeroU32 = NonZeroU32::new(100).expect("100 is not zero");

/// By how much a request is dearer than the limit says; keeps the bucket's own size from ever
/// breaking the limit.
const MARGIN: f64 = 1.0102;

/// tokio's clock for governor, so that it stands still where tokio's does.
#[derive(Debug, Clone, Copy)]
struct TokioClock;

impl Clock for TokioClock {
    type Instant = std::time::Instant;

    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }
}

/// Lets requests start no faster than a [`Rate`].
#[derive(Debug)]
pub(crate) struct Pacer {
    limiter: Option<
        RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<std::time::Instant>>,
    >,
}

impl Pacer {
    pub(crate) fn new(rate: Rate) -> Self {
        let limiter = match rate {
            Rate::Unlimited => None,
            Rate::Per(count, unit) => {
                let cells = f64::from(CELLS.get()) * f64::from(count.get());
                let nanosecond = Duration::from_nanos(1);
                let period = unit.duration().mul_f64(MARGIN / cells) + nanosecond;
                let burst = CELLS.saturating_add((count.get() / 5).saturating_mul(3).max(1));
                Quota::with_period(period).map(|quota| {
                    RateLimiter::direct_with_clock(quota.allow_burst(burst), TokioClock)
                })
            }
        };
        Self { limiter }
    }

    /// Takes the next start if it is due, else says how long that still is.
    pub(crate) fn take(&self) -> Result<(), Duration> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        match limiter.check_n(CELLS) {
            // The bucket holds more than one request's cells, so "never" cannot come.
            Ok(Ok(())) | Err(_) => Ok(()),
            Ok(Err(not_yet)) => {
                let wait = not_yet.wait_time_from(TokioClock.now());
                // tokio's timers have milliseconds; waiting for less would be asking again and
                // again.
                Err(wait.max(Duration::from_millis(1)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn starts(rate: &str, count: usize) -> Vec<Duration> {
        let pacer = Pacer::new(rate.parse().expect("a rate"));
        let begin = Instant::now();
        let mut starts = Vec::with_capacity(count);
        while starts.len() < count {
            match pacer.take() {
                Ok(()) => starts.push(begin.elapsed()),
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
        starts
    }

    fn busiest(starts: &[Duration], unit: Duration) -> usize {
        let mut first = 0;
        let mut busiest = 0;
        for (last, start) in starts.iter().enumerate() {
            while *start >= starts[first] + unit {
                first += 1;
            }
            busiest = busiest.max(last + 1 - first);
        }
        busiest
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_ever_sees_more_starts_than_the_limit_and_hardly_any_is_wasted() {
        for limit in [1, 2, 7, 10, 50, 100, 1000, 5000] {
            let starts = starts(&format!("{limit}/s"), limit * 30).await;
            // 3 ms more than a second: so late or early a request may arrive.
            let most = busiest(&starts, Duration::from_millis(if limit > 2 { 1003 } else { 1000 }));
            assert!(most <= limit, "{limit}/s: {most}");
            let last = starts.last().expect("some starts").as_secs_f64();
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let reached = (limit * 30 - 1) as f64 / last / limit as f64;
            assert!((0.97..=1.03).contains(&reached), "{limit}/s: {reached}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn minutes_and_hours_are_kept_as_seconds_are() {
        let minutes = starts("90/m", 270).await;
        assert!(busiest(&minutes, Duration::from_secs(60)) <= 90);
        assert!(busiest(&minutes, Duration::from_secs(1)) <= 3, "smooth within the minute");
        let hours = starts("120/h", 240).await;
        assert!(busiest(&hours, Duration::from_secs(3600)) <= 120);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_earns_no_burst() {
        let pacer = Pacer::new("50/s".parse().expect("a rate"));
        tokio::time::sleep(Duration::from_secs(60)).await;
        let mut at_once = 0;
        while pacer.take().is_ok() {
            at_once += 1;
        }
        assert_eq!(at_once, 1);
    }

    #[tokio::test]
    async fn without_a_limit_nothing_waits() {
        let pacer = Pacer::new(Rate::Unlimited);
        assert!((0..10_000).all(|_| pacer.take().is_ok()));
    }
}
