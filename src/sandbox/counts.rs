//! What a sandbox has seen so far: counted on its thread, read from any other.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a sandbox has seen since it started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections taken.
    pub connections: u64,
    /// Requests whose head came, on any path.
    pub requests: u64,
    /// Payloads accepted, also those whose answer was then lost by a reset.
    pub accepted: u64,
    /// Answers by status, also those that a script cut, without those lost by a reset.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests whose connection was ended in place of an answer.
    pub resets: u64,
    /// Requests between their head and their answer right now.
    pub in_flight: u64,
    /// The most that were in flight at once.
    pub peak_in_flight: u64,
    /// The most requests that came within any one second.
    pub peak_per_second: u64,
    /// Lines that could not be written to the log.
    pub log_lines_lost: u64,
}

impl Counts {
    /// How many answers had that status.
    pub fn status(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or(0)
    }
}

/// Counts, and lets through what the rate limit allows.
#[derive(Debug)]
pub(super) struct Meter {
    rate_limit: Option<NonZeroU32>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    counts: Counts,
    /// When the requests of the last second came.
    recent: VecDeque<Instant>,
    /// When those of them came that the rate limit let through.
    passed: VecDeque<Instant>,
}

const SECOND: Duration = Duration::from_secs(1);

impl Meter {
    pub(super) fn new(rate_limit: Option<NonZeroU32>) -> Self {
        Self { rate_limit, state: Mutex::default() }
    }

    pub(super) fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    /// Counts a connection.
    pub(super) fn connected(&self) {
        self.lock().counts.connections += 1;
    }

    /// Counts a request whose head came at `now`. It is in flight until the returned value is
    /// dropped.
    pub(super) fn begin(&self, now: Instant) -> InFlight<'_> {
        let mut state = self.lock();
        let counts = &mut state.counts;
        counts.requests += 1;
        counts.in_flight += 1;
        counts.peak_in_flight = counts.peak_in_flight.max(counts.in_flight);
        forget_before(&mut state.recent, now);
        state.recent.push_back(now);
        state.counts.peak_per_second = state.counts.peak_per_second.max(state.recent.len() as u64);
        InFlight(self)
    }

    /// Whether the rate limit lets one more request through at `now`.
    pub(super) fn passes(&self, now: Instant) -> bool {
        let Some(limit) = self.rate_limit else { return true };
        let mut state = self.lock();
        forget_before(&mut state.passed, now);
        let free = (state.passed.len() as u64) < u64::from(limit.get());
        if free {
            state.passed.push_back(now);
        }
        free
    }

    /// Counts an answer; `accepted` when it says that the payload was.
    pub(super) fn answered(&self, status: u16, accepted: bool) {
        let mut state = self.lock();
        *state.counts.statuses.entry(status).or_default() += 1;
        state.counts.accepted += u64::from(accepted);
    }

    /// Counts an end in place of an answer; `accepted` when the payload was before.
    pub(super) fn reset(&self, accepted: bool) {
        let mut state = self.lock();
        state.counts.resets += 1;
        state.counts.accepted += u64::from(accepted);
    }

    /// Counts a request that is never answered; `accepted` when the payload was.
    pub(super) fn unanswered(&self, accepted: bool) {
        self.lock().counts.accepted += u64::from(accepted);
    }

    /// Counts a line that could not be written.
    pub(super) fn log_line_lost(&self) {
        self.lock().counts.log_lines_lost += 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Plain numbers are whole at any time, also after a panic elsewhere.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct InFlight<'a>(&'a Meter);

/// Also when the client leaves before its answer, which drops the exchange.
impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.lock().counts.in_flight -= 1;
    }
}

/// Takes away the times that are a second or more before `now`.
fn forget_before(times: &mut VecDeque<Instant>, now: Instant) {
    while times.front().is_some_and(|&time| now.saturating_duration_since(time) >= SECOND) {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_are_those_of_any_second_and_any_moment() {
        let meter = Meter::new(None);
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let first = meter.begin(at(0));
        let second = meter.begin(at(600));
        assert_eq!(meter.counts().in_flight, 2);
        drop((first, second));
        for ms in [999, 1_000, 1_500] {
            drop(meter.begin(at(ms)));
        }
        let counts = meter.counts();
        // 0, 600, 999 and 600, 999, 1000, 1500 lie within a second; 0 and 1000 do not.
        assert_eq!((counts.requests, counts.peak_per_second), (5, 4));
        assert_eq!((counts.in_flight, counts.peak_in_flight), (0, 2));
    }

    #[test]
    fn the_rate_limit_lets_so_many_through_in_any_second() {
        let meter = Meter::new(NonZeroU32::new(2));
        let start = Instant::now();
        let passes = [0, 10, 20, 999, 1_000, 1_009, 1_010]
            .map(|ms| meter.passes(start + Duration::from_millis(ms)));
        assert_eq!(passes, [true, true, false, false, true, false, true]);
    }
}
