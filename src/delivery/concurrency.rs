//! How many requests may be in flight just now: the cap, and less while the endpoint asks for less.
//!
//! Additive increase, multiplicative decrease. The limit starts at the cap. *Pushback* (429, 5xx, a
//! lost answer) takes one off it for each such answer, and no more than half of it for all that was
//! sent before the first was heard of: so what the endpoint can take is soon left, and a single
//! failure costs one. A *round* (about a mean round trip) with the limit reached and nothing wrong
//! adds one. A limit that is pushed back as soon as it is tried is a *ceiling*: it is left alone
//! for a while, longer each time. An outage is the [course](super::course)'s affair: when a probe
//! ends it, the limit that had proven itself before is back at once, and full speed with it, unless
//! another outage followed before it could prove itself again. What slow answers mean, see
//! [`latency`].
//!
//! Invariants: the limit is never below 1 and never above the cap; only an answer changes it. Pure
//! but for the instants it is given; the engine asks and obeys.

mod latency;

use std::time::Duration;

use tokio::time::Instant;

use self::latency::{Advice, Latency};
use super::course::Sent;
use super::verdict::Verdict;

/// The shortest round, in mean round trips.
const ROUND: f64 = 0.8;
/// Rounds without pushback after which a limit has proven itself.
const PROVEN_AFTER: u32 = 8;
/// Rounds without pushback after which another comes out of the blue.
const CALM: u32 = 2;
/// For how many round trips after a growth requests are telling of it: when they are pushed back,
/// it was too much.
const TELLING_TRIPS: f64 = 2.0;
/// The least time before a ceiling is tried again, in seconds and in round trips; it doubles each
/// time.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);
const LEAST_PATIENCE_TRIPS: u32 = 32;
/// How often the least, at most.
const MOST_PATIENCE: u32 = 32;
/// Attempts of one shipment that tell of the endpoint; when it fails more often than that, the
/// shipment is to blame.
const TELLING_ATTEMPTS: u32 = 2;

/// What an answer tells of the endpoint's strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It did the work.
    Good,
    /// It has too much to do.
    Pushback,
    /// It is back after an outage.
    Back,
    /// Nothing.
    Neutral,
}

impl Answer {
    /// What `verdict` tells, on the so-many-th attempt (from 1) of a shipment that was `sent` so.
    pub(crate) fn of(verdict: &Verdict, sent: Sent, attempt: u32) -> Self {
        match (verdict, sent) {
            (Verdict::Accepted | Verdict::Rejected(_), Sent::AsProbe { .. }) => Self::Back,
            (Verdict::Accepted, Sent::Plainly) => Self::Good,
            (Verdict::Throttled { .. }, _) => Self::Pushback,
            (Verdict::Failed { .. } | Verdict::Lost(_), Sent::Plainly)
                if attempt <= TELLING_ATTEMPTS =>
            {
                Self::Pushback
            }
            _ => Self::Neutral,
        }
    }
}

/// A limit that was too much when it was tried.
#[derive(Debug)]
struct Ceiling {
    level: usize,
    /// When it may be tried again, and how often the least patience that is.
    until: Instant,
    patience: u32,
}

/// The limit on requests in flight. See the [module](self).
#[derive(Debug)]
pub(crate) struct Concurrency {
    cap: usize,
    limit: usize,
    /// Rounds without pushback since the limit last changed.
    rounds_here: u32,
    /// When it last changed otherwise than by growth, and when it grew by one since.
    settled: Instant,
    growths: Vec<Instant>,
    /// When pushback was first heard of; requests sent before take the limit no lower than `floor`.
    pushed_back: Option<Instant>,
    floor: usize,
    ceiling: Option<Ceiling>,
    /// When this round began, the most in flight in it and in the one before, and whether pushback
    /// came.
    round: Instant,
    busiest: usize,
    busiest_before: usize,
    pushed: bool,
    /// Rounds in a row without pushback, and the last limit that proved itself.
    calm: u32,
    proven: Option<usize>,
    latency: Latency,
    /// Round trips of requests sent before tell nothing of the present limit; `None` in the round
    /// of a change, when many start together.
    telling_since: Option<Instant>,
}

impl Concurrency {
    /// At most `cap` (at least 1) at a time.
    pub(crate) fn new(cap: usize, now: Instant) -> Self {
        Self {
            cap,
            limit: cap.max(1),
            rounds_here: 0,
            settled: now,
            growths: Vec::new(),
            pushed_back: None,
            floor: 1,
            ceiling: None,
            round: now,
            busiest: 0,
            busiest_before: 0,
            pushed: false,
            calm: 0,
            proven: None,
            latency: Latency::new(),
            telling_since: Some(now),
        }
    }

    /// The present limit.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether one more may go beside the `in_flight` others.
    pub(crate) fn permit(&self, in_flight: usize) -> bool {
        in_flight < self.limit
    }

    /// Takes note of a start; `in_flight` counts it.
    pub(crate) fn started(&mut self, in_flight: usize) {
        self.busiest = self.busiest.max(in_flight);
    }

    /// Takes note of an answer at `now` to a request that started at `sent`.
    pub(crate) fn answered(&mut self, answer: Answer, sent: Instant, now: Instant) {
        match answer {
            Answer::Good => {
                if self.telling_since.is_some_and(|since| sent >= since) {
                    self.latency.add((now - sent).as_secs_f64());
                }
                if sent >= self.round
                    && (now - self.round).as_secs_f64() >= ROUND * self.latency.mean()
                {
                    self.end_round(now);
                }
            }
            Answer::Pushback => self.give_way(sent, now),
            Answer::Back => self.recover(now),
            Answer::Neutral => {}
        }
    }

    fn give_way(&mut self, sent: Instant, now: Instant) {
        if self.pushed_back.is_none_or(|heard| sent > heard) {
            self.pushed_back = Some(now);
            self.floor = self.limit.div_ceil(2);
        }
        // What was in flight at most is what was too much, if anything was; a request that was
        // alone tells nothing.
        let busiest = self.limit.min(self.busiest.max(self.busiest_before));
        let mut limit = busiest.saturating_sub(1);
        let ceiling = self.ceiling.as_ref().map(|ceiling| ceiling.level);
        match self.blamed(sent) {
            Some(level) if ceiling.is_none_or(|ceiling| level >= ceiling) => {
                let near = self.ceiling.as_ref().filter(|ceiling| level - ceiling.level <= 1);
                let patience = near.map_or(1, |ceiling| (ceiling.patience * 2).min(MOST_PATIENCE));
                self.shun(level, patience, now);
                limit = limit.min(level - 1);
            }
            // Out of the blue and below the ceiling: so it is not the ceiling.
            blamed
                if self.calm >= CALM
                    && ceiling.is_some_and(|ceiling| blamed.unwrap_or(self.limit) < ceiling) =>
            {
                self.ceiling = None;
            }
            _ => {}
        }
        self.pushed = true;
        self.calm = 0;
        self.latency.disturb();
        if busiest > 1 {
            self.set(limit.max(self.floor).min(self.limit), now);
        }
    }

    /// The limit that is to blame when a request was pushed back: the one it was sent under, if
    /// that had just been grown to, or the next that was tried while it was in flight.
    fn blamed(&self, sent: Instant) -> Option<usize> {
        if sent < self.settled {
            return None;
        }
        let before = self.growths.partition_point(|growth| *growth <= sent);
        let level = self.limit + before - self.growths.len();
        let grown = before.checked_sub(1).and_then(|last| self.growths.get(last));
        let telling =
            |grown: &Instant| (sent - *grown).as_secs_f64() <= TELLING_TRIPS * self.latency.mean();
        if grown.is_some_and(telling) {
            Some(level)
        } else {
            (before < self.growths.len()).then_some(level + 1)
        }
    }

    fn recover(&mut self, now: Instant) {
        if let Some(proven) = self.proven.take() {
            self.set(self.limit.max(proven), now);
        }
        self.calm = 0;
        self.latency.disturb();
        self.begin_round(now);
    }

    fn end_round(&mut self, now: Instant) {
        let reached = self.busiest >= self.limit;
        let pushed = self.pushed;
        self.begin_round(now);
        self.telling_since.get_or_insert(now);
        if pushed {
            return;
        }
        self.calm = self.calm.saturating_add(1);
        self.rounds_here = self.rounds_here.saturating_add(1);
        if self.rounds_here >= PROVEN_AFTER {
            self.proven = Some(self.limit);
        }
        match self.latency.end_round(self.limit, reached) {
            Advice::Well if reached => self.grow(now),
            Advice::Well | Advice::Wait => {}
            Advice::Try(limit) | Advice::Back(limit) => self.set(limit, now),
            Advice::Stay => self.shun(self.limit + 1, 1, now),
            Advice::Relief => self.ceiling = None,
        }
    }

    fn begin_round(&mut self, now: Instant) {
        self.round = now;
        self.busiest_before = std::mem::take(&mut self.busiest);
        self.pushed = false;
    }

    fn grow(&mut self, now: Instant) {
        let is_kept_back = self.ceiling.as_ref().is_some_and(|ceiling| {
            let too_early = self.limit + 1 >= ceiling.level && now < ceiling.until;
            let unproven = self.limit == ceiling.level && self.rounds_here < PROVEN_AFTER;
            too_early || unproven
        });
        if self.limit < self.cap && !is_kept_back {
            self.limit += 1;
            self.rounds_here = 0;
            self.growths.push(now);
            self.telling_since = Some(now);
            self.latency.grown();
        }
    }

    /// Leaves `level` alone for `patience` times the least patience.
    fn shun(&mut self, level: usize, patience: u32, now: Instant) {
        let trips = Duration::try_from_secs_f64(self.latency.mean()).unwrap_or_default()
            * LEAST_PATIENCE_TRIPS;
        self.ceiling =
            Some(Ceiling { level, until: now + trips.max(LEAST_PATIENCE) * patience, patience });
    }

    /// Changes the limit otherwise than by growth.
    fn set(&mut self, limit: usize, now: Instant) {
        if limit != self.limit {
            self.limit = limit;
            self.rounds_here = 0;
            self.settled = now;
            self.growths.clear();
            self.telling_since = None;
        }
    }
}

#[cfg(test)]
mod tests;
