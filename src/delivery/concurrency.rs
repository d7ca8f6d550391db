//! The limit on requests in flight: additive increase, multiplicative decrease.
//!
//! The limit starts at `--concurrency`. Pushback (429, 503, a timeout) halves it, at most once per
//! round trip. A round trip with a good response and with the limit reached adds one, at most every
//! two seconds: a step too far can cost every request in flight. When an outage is over, the limit
//! that had proven itself before is restored, once. Pure but for the instants it is given.

use std::time::Duration;

use tokio::time::Instant;

/// The least time between two steps up.
const STEP: Duration = Duration::from_secs(2);

/// Rounds without pushback after which a limit is proven.
const PROVEN_AFTER: u32 = 8;

/// What a response says about the endpoint's load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoadSignal {
    /// It did the work.
    Fine,
    /// It has too much to do.
    Pushback,
    /// It responds again after an outage.
    Recovered,
    /// Nothing.
    None,
}

/// The limit and what decides about its changes.
#[derive(Debug)]
pub(crate) struct ConcurrencyLimit {
    cap: usize,
    limit: usize,
    /// The last limit that proved itself by [`PROVEN_AFTER`] rounds without pushback.
    proven: Option<usize>,
    /// Rounds at the present limit without pushback.
    clean_rounds: u32,
    /// When the limit last grew or fell.
    changed: Instant,
    /// Requests started.
    started: u64,
    /// The last request started before the limit fell: up to it, pushback is accounted for.
    lowered_after: u64,
    /// The last request started before the present round. A good response to a later one ends it.
    round_after: u64,
    /// Whether the limit was reached in this round.
    reached: bool,
}

impl ConcurrencyLimit {
    /// At most `cap` requests in flight, at least 1.
    pub(crate) fn new(cap: usize, now: Instant) -> Self {
        let cap = cap.max(1);
        Self {
            cap,
            limit: cap,
            proven: None,
            clean_rounds: 0,
            changed: now,
            started: 0,
            lowered_after: 0,
            round_after: 0,
            reached: false,
        }
    }

    /// The present limit.
    pub(crate) fn get(&self) -> usize {
        self.limit
    }

    /// Takes the start of a request into account; `in_flight` counts it. Returns its number.
    pub(crate) fn start(&mut self, in_flight: usize) -> u64 {
        self.reached |= in_flight >= self.limit;
        self.started += 1;
        self.started
    }

    /// Takes the response at `now` to a request into account.
    pub(crate) fn record(&mut self, signal: LoadSignal, request: u64, now: Instant) {
        match signal {
            LoadSignal::Recovered => {
                let proven = self.proven.take().unwrap_or(1);
                self.begin_round(self.limit.max(proven), now);
            }
            LoadSignal::Pushback if request > self.lowered_after => {
                self.lowered_after = self.started;
                self.begin_round((self.limit / 2).max(1), now);
            }
            LoadSignal::Fine if request > self.round_after => {
                self.clean_rounds = self.clean_rounds.saturating_add(1);
                if self.clean_rounds >= PROVEN_AFTER {
                    self.proven = Some(self.limit);
                }
                let is_due = now - self.changed >= STEP;
                let grows = self.reached && is_due && self.limit < self.cap;
                self.begin_round(self.limit + usize::from(grows), now);
            }
            _ => {}
        }
    }

    fn begin_round(&mut self, limit: usize, now: Instant) {
        if limit != self.limit {
            self.limit = limit;
            self.changed = now;
            self.clean_rounds = 0;
        }
        self.round_after = self.started;
        self.reached = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const TRIP: Duration = Duration::from_millis(20);

    /// A full round: as many requests as the limit allows start together and get this response.
    fn round(limit: &mut ConcurrencyLimit, signal: LoadSignal, now: &mut Instant) {
        let requests: Vec<_> = (1..=limit.get()).map(|in_flight| limit.start(in_flight)).collect();
        *now += TRIP;
        for request in requests {
            limit.record(signal, request, *now);
        }
    }

    #[test]
    fn pushback_halves_the_limit_once_per_round_trip_and_never_below_one() {
        let mut now = Instant::now();
        let mut limit = ConcurrencyLimit::new(16, now);
        let mut limits = Vec::new();
        for _ in 0..6 {
            round(&mut limit, LoadSignal::Pushback, &mut now);
            limits.push(limit.get());
        }
        assert_eq!(limits, [8, 4, 2, 1, 1, 1]);
    }

    #[test]
    fn good_rounds_add_one_each_step_up_to_the_cap() {
        let mut now = Instant::now();
        let mut limit = ConcurrencyLimit::new(6, now);
        round(&mut limit, LoadSignal::Pushback, &mut now);
        let mut limits = Vec::new();
        for _ in 0..5 {
            round(&mut limit, LoadSignal::Fine, &mut now);
            round(&mut limit, LoadSignal::Fine, &mut now);
            limits.push(limit.get());
            now += STEP;
        }
        assert_eq!(limits, [3, 4, 5, 6, 6]);
    }

    #[test]
    fn pushback_counts_after_a_good_response_of_the_same_round() {
        let mut now = Instant::now();
        let mut limit = ConcurrencyLimit::new(16, now);
        round(&mut limit, LoadSignal::Pushback, &mut now);
        let requests: Vec<_> = (1..=8).map(|in_flight| limit.start(in_flight)).collect();
        now += TRIP;
        limit.record(LoadSignal::Fine, requests[0], now);
        let replacement = limit.start(8);
        limit.record(LoadSignal::Pushback, requests[1], now);
        limit.record(LoadSignal::Pushback, requests[2], now);
        assert_eq!(limit.get(), 4);
        now += TRIP;
        limit.record(LoadSignal::Pushback, replacement, now);
        assert_eq!(limit.get(), 4, "it was sent before the limit fell");
    }

    #[test]
    fn limit_that_is_not_reached_does_not_grow() {
        let mut now = Instant::now();
        let mut limit = ConcurrencyLimit::new(16, now);
        round(&mut limit, LoadSignal::Pushback, &mut now);
        for _ in 0..10 {
            let request = limit.start(1);
            now += STEP;
            limit.record(LoadSignal::Fine, request, now);
        }
        assert_eq!(limit.get(), 8);
    }

    #[test]
    fn outage_restores_the_limit_that_was_proven_before_once() {
        let mut now = Instant::now();
        let mut limit = ConcurrencyLimit::new(16, now);
        for _ in 0..PROVEN_AFTER {
            round(&mut limit, LoadSignal::Fine, &mut now);
        }
        for restored in [16, 4] {
            round(&mut limit, LoadSignal::Pushback, &mut now);
            round(&mut limit, LoadSignal::Pushback, &mut now);
            assert_eq!(limit.get(), 4);
            let request = limit.start(1);
            now += TRIP;
            limit.record(LoadSignal::Recovered, request, now);
            assert_eq!(limit.get(), restored);
        }
    }
}
