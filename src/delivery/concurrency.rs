//! The limit on requests in flight: additive increase, multiplicative decrease.
//!
//! The limit starts at `--concurrency`. Pushback (429, 503, a timeout) halves it, at most once per
//! round trip. A round trip without pushback and with the limit reached adds one; from the level
//! that was pushed back last, at most one per second. When an outage is over, the limit that had
//! proven itself before is restored, once. Pure but for the instants it is given.

use std::time::Duration;

use tokio::time::Instant;

/// The time between two steps above a level that is known to work.
const SLOW_STEP: Duration = Duration::from_secs(1);

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
    /// The highest limit below the last that was pushed back.
    known_good: usize,
    /// When the limit last grew or fell.
    changed: Instant,
    /// When the present round began: requests sent before say nothing about the present limit.
    round: Instant,
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
            known_good: cap,
            changed: now,
            round: now,
            reached: false,
        }
    }

    /// The present limit.
    pub(crate) fn get(&self) -> usize {
        self.limit
    }

    /// Whether one more request may go beside `in_flight` others.
    pub(crate) fn allows(&self, in_flight: usize) -> bool {
        in_flight < self.limit
    }

    /// Takes the start of a request into account; `in_flight` counts it.
    pub(crate) fn started(&mut self, in_flight: usize) {
        self.reached |= in_flight >= self.limit;
    }

    /// Takes the response at `now` to a request sent at `sent` into account.
    pub(crate) fn record(&mut self, signal: LoadSignal, sent: Instant, now: Instant) {
        match signal {
            LoadSignal::Recovered => {
                let proven = self.proven.take().unwrap_or(1);
                self.begin_round(self.limit.max(proven), now);
            }
            // Sent before the limit changed, or in a round that is already accounted for.
            _ if sent < self.round => {}
            LoadSignal::Pushback => {
                self.known_good = (self.limit - 1).max(1);
                self.begin_round((self.limit / 2).max(1), now);
            }
            LoadSignal::Fine => {
                self.clean_rounds = self.clean_rounds.saturating_add(1);
                if self.clean_rounds >= PROVEN_AFTER {
                    self.proven = Some(self.limit);
                }
                let is_due = self.limit < self.known_good || now - self.changed >= SLOW_STEP;
                let grows = self.reached && is_due && self.limit < self.cap;
                self.begin_round(self.limit + usize::from(grows), now);
            }
            LoadSignal::None => {}
        }
    }

    fn begin_round(&mut self, limit: usize, now: Instant) {
        if limit != self.limit {
            self.limit = limit;
            self.changed = now;
            self.clean_rounds = 0;
        }
        self.round = now;
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
        let (sent, count) = (*now, limit.get());
        (1..=count).for_each(|in_flight| limit.started(in_flight));
        *now += TRIP;
        (0..count).for_each(|_| limit.record(signal, sent, *now));
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
    fn clean_rounds_add_one_each_and_above_the_last_good_level_one_per_second() {
        let mut now = Instant::now();
        let mut limit = ConcurrencyLimit::new(12, now);
        round(&mut limit, LoadSignal::Pushback, &mut now);
        let mut limits = Vec::new();
        for _ in 0..7 {
            round(&mut limit, LoadSignal::Fine, &mut now);
            limits.push(limit.get());
        }
        assert_eq!(limits, [7, 8, 9, 10, 11, 11, 11]);
        now += SLOW_STEP;
        round(&mut limit, LoadSignal::Fine, &mut now);
        assert_eq!(limit.get(), 12);
        now += SLOW_STEP;
        round(&mut limit, LoadSignal::Fine, &mut now);
        assert_eq!(limit.get(), 12, "the cap");
    }

    #[test]
    fn limit_that_is_not_reached_does_not_grow() {
        let mut now = Instant::now();
        let mut limit = ConcurrencyLimit::new(16, now);
        round(&mut limit, LoadSignal::Pushback, &mut now);
        for _ in 0..10 {
            limit.started(1);
            now += TRIP;
            limit.record(LoadSignal::Fine, now - TRIP, now);
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
            now += TRIP;
            limit.record(LoadSignal::Recovered, now - TRIP, now);
            assert_eq!(limit.get(), restored);
        }
    }
}
