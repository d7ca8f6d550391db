//! What a sandbox has seen, and the rate limit. Written on its thread, read from any other.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a sandbox has seen since it started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SandboxCounts {
    /// Connections accepted.
    pub connections: u64,
    /// Requests on any path, counted when their head arrived.
    pub requests: u64,
    /// Payloads accepted, also those whose response was lost.
    pub accepted: u64,
    /// Responses by status, without lost ones.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests whose connection was reset instead of a response.
    pub resets: u64,
    /// Requests without a response yet.
    pub in_flight: u64,
    /// The most requests in flight at once.
    pub peak_in_flight: u64,
    /// The most requests within any one second.
    pub peak_per_second: u64,
    /// Lines that could not be written to the log.
    pub log_lines_lost: u64,
}

/// Counts requests, and limits their rate.
#[derive(Debug)]
pub(super) struct Meter {
    rate_limit: Option<NonZeroU32>,
    tally: Mutex<MeterState>,
}

#[derive(Debug, Default)]
struct MeterState {
    counts: SandboxCounts,
    /// Arrivals of the last second.
    recent: VecDeque<Instant>,
    /// Arrivals of the last second that the rate limit allowed.
    allowed: VecDeque<Instant>,
}

const SECOND: Duration = Duration::from_secs(1);

impl Meter {
    pub(super) fn new(rate_limit: Option<NonZeroU32>) -> Self {
        Self { rate_limit, tally: Mutex::default() }
    }

    pub(super) fn counts(&self) -> SandboxCounts {
        self.lock().counts.clone()
    }

    pub(super) fn count_connection(&self) {
        self.lock().counts.connections += 1;
    }

    /// Counts a request that arrived at `now`. It is in flight until the guard is dropped.
    pub(super) fn begin_request(&self, now: Instant) -> InFlight<'_> {
        let mut tally = self.lock();
        let MeterState { counts, recent, .. } = &mut *tally;
        counts.requests += 1;
        counts.in_flight += 1;
        counts.peak_in_flight = counts.peak_in_flight.max(counts.in_flight);
        forget_before(recent, now);
        recent.push_back(now);
        counts.peak_per_second = counts.peak_per_second.max(recent.len() as u64);
        InFlight(self)
    }

    /// Whether the rate limit allows a request that arrived at `now`.
    pub(super) fn allows(&self, now: Instant) -> bool {
        let Some(limit) = self.rate_limit else { return true };
        let mut tally = self.lock();
        forget_before(&mut tally.allowed, now);
        let is_allowed = (tally.allowed.len() as u64) < u64::from(limit.get());
        if is_allowed {
            tally.allowed.push_back(now);
        }
        is_allowed
    }

    /// Counts a response, or a reset where there is no status.
    pub(super) fn count_response(&self, status: Option<u16>, is_accepted: bool) {
        let counts = &mut self.lock().counts;
        counts.accepted += u64::from(is_accepted);
        match status {
            Some(status) => *counts.statuses.entry(status).or_default() += 1,
            None => counts.resets += 1,
        }
    }

    pub(super) fn count_lost_log_line(&self) {
        self.lock().counts.log_lines_lost += 1;
    }

    fn lock(&self) -> MutexGuard<'_, MeterState> {
        // The numbers are valid at any time, also after a panic elsewhere.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct InFlight<'a>(&'a Meter);

/// Also runs when the client leaves early.
impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.lock().counts.in_flight -= 1;
    }
}

/// Removes the times that are a second or more before `now`.
fn forget_before(times: &mut VecDeque<Instant>, now: Instant) {
    while times.front().is_some_and(|&time| now.saturating_duration_since(time) >= SECOND) {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_cover_any_second_and_any_moment() {
        let meter = Meter::new(None);
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let first = meter.begin_request(at(0));
        let second = meter.begin_request(at(600));
        assert_eq!(meter.counts().in_flight, 2);
        drop((first, second));
        for ms in [999, 1_000, 1_500] {
            drop(meter.begin_request(at(ms)));
        }
        let counts = meter.counts();
        // 0, 600, 999 and 600, 999, 1000, 1500 lie within a second; 0 and 1000 do not.
        assert_eq!((counts.requests, counts.peak_per_second), (5, 4));
        assert_eq!((counts.in_flight, counts.peak_in_flight), (0, 2));
    }

    #[test]
    fn rate_limit_allows_so_many_in_any_second() {
        let meter = Meter::new(NonZeroU32::new(2));
        let start = Instant::now();
        let allowed = [0, 10, 20, 999, 1_000, 1_009, 1_010]
            .map(|ms| meter.allows(start + Duration::from_millis(ms)));
        assert_eq!(allowed, [true, true, false, false, true, false, true]);
    }
}
