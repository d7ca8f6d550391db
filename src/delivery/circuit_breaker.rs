//! The circuit breaker: whether the next request may be sent, judged by the responses so far.
//!
//! It starts as a canary: one request at a time until a response shows that credentials and address
//! are right. Then it is closed: requests go. A 429 throttles everybody. An endpoint that is
//! unreachable, or fails for five different shipments in a row, opens it: one probe at a time
//! (half-open) with growing pauses, not charged to shipments, until a response of another kind
//! comes. It also says when the run must stop: no usable response for `--give-up-after`, or a wrong
//! address. Pure but for the instants it is given; `engine` asks and obeys.

use std::time::Duration;

use tokio::time::Instant;

use super::verdict::{Meaning, Verdict};
use crate::outcome::Ticket;
use crate::text;

/// Different shipments in a row that must fail before it is the endpoint's trouble.
const OPENS_AFTER: u64 = 5;
/// The first pause between probes, and of a throttle without `Retry-After`; it doubles from there.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between probes.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The longest pause between charged probes, so that a few hopeless shipments end soon.
const LONGEST_CHARGED_PAUSE: Duration = Duration::from_secs(8);
/// The shortest pause of a throttle, whatever `Retry-After` says.
const SHORTEST_THROTTLE: Duration = Duration::from_millis(100);
/// How long a host name that never resolved is tried.
const DNS_PATIENCE: Duration = Duration::from_secs(30);
/// Different shipments in a row answered with 403, 404, 405 or 410 that show a wrong address.
const WRONG_ADDRESS_AFTER: usize = 3;
/// Undocumented responses in a row that show a wrong address.
const UNDOCUMENTED_AFTER: u32 = 3;

/// Whether a request may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Permit {
    /// Now.
    Now,
    /// Not before this instant, for this reason.
    At(Instant, String),
    /// Not before a response to what is in flight.
    AfterResponse,
    /// Never: there was no usable response for too long.
    GiveUp(String),
}

/// How a request is sent, as far as it matters for what follows from its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttemptKind {
    /// A regular attempt.
    Normal,
    /// A probe of an open circuit; `charged` when only shipments that were attempted are left.
    Probe { charged: bool },
}

impl AttemptKind {
    /// Whether the attempt counts towards `--max-attempts`.
    pub(crate) fn is_charged(self) -> bool {
        self != Self::Probe { charged: false }
    }
}

#[derive(Debug, Default)]
enum BreakerState {
    /// No usable response yet: one request at a time.
    #[default]
    Canary,
    /// Requests go.
    Closed,
    /// The endpoint asked for a pause; then the state is `Closed` or `Canary` again.
    Throttled { reason: String, until: Instant },
    /// An outage: nothing goes before the next probe.
    Open { reason: String, next_probe: Instant, pause: Duration },
    /// The next probe may go, or is in flight.
    HalfOpen { reason: String, pause: Duration },
}

/// The state and what decides about its changes.
#[derive(Debug, Default)]
pub(crate) struct CircuitBreaker {
    give_up_after: Duration,
    /// Shipments that can show an outage, where known: fewer than [`OPENS_AFTER`] open it too.
    shipments: Option<u64>,
    state: BreakerState,
    /// Whether a response showed that credentials and address are right.
    proven: bool,
    /// Whether any response came.
    reached: bool,
    throttles_in_a_row: u32,
    /// Since when there was no usable response, only throttles and outages.
    unusable_since: Option<Instant>,
    failed: Vec<Ticket>,
    turned_away: Vec<Ticket>,
    undocumented: u32,
}

impl CircuitBreaker {
    /// A breaker that waits at most `give_up_after` for a usable response.
    pub(crate) fn new(give_up_after: Duration) -> Self {
        Self { give_up_after, ..Self::default() }
    }

    /// Sets how many shipments can show an outage, where that is known.
    pub(crate) fn set_shipments(&mut self, shipments: Option<u64>) {
        self.shipments = shipments;
    }

    /// Whether there is an outage, so that probes go instead of tasks in their order.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, BreakerState::Open { .. } | BreakerState::HalfOpen { .. })
    }

    /// Why everybody waits, if so.
    pub(crate) fn hold_reason(&self) -> Option<&str> {
        match &self.state {
            BreakerState::Canary | BreakerState::Closed => None,
            BreakerState::Throttled { reason, .. }
            | BreakerState::Open { reason, .. }
            | BreakerState::HalfOpen { reason, .. } => Some(reason),
        }
    }

    /// Whether a request may start at `now`, with `in_flight` others without a response.
    pub(crate) fn permit(&mut self, now: Instant, in_flight: usize) -> Permit {
        if let Some(reason) = self.hold_reason() {
            let give_up_at = self.give_up_at();
            if give_up_at.is_some_and(|at| at <= now) {
                return Permit::GiveUp(format!(
                    "the endpoint gave no useful answer for {} (--give-up-after): {reason}",
                    text::spoken(self.give_up_after)
                ));
            }
            if let Some(until) = self.holds_until().filter(|until| now < *until) {
                let until = give_up_at.map_or(until, |at| at.min(until));
                return Permit::At(until, reason.to_owned());
            }
            self.end_hold();
        }
        let one_at_a_time = self.is_open() || !self.proven;
        if one_at_a_time && in_flight > 0 { Permit::AfterResponse } else { Permit::Now }
    }

    /// Takes a verdict about `ticket` into account. Returns why the run must stop, if it must.
    pub(crate) fn record(
        &mut self,
        ticket: Ticket,
        verdict: &Verdict,
        kind: AttemptKind,
        now: Instant,
    ) -> Option<String> {
        let Verdict { meaning, reason, retry_after } = verdict;
        if *meaning != Meaning::TurnedAway {
            self.turned_away.clear();
        }
        if *meaning != Meaning::Undocumented {
            self.undocumented = 0;
        }
        match meaning {
            Meaning::Stop => return Some(reason.clone()),
            Meaning::Failed | Meaning::ResponseLost => self.fail(ticket, reason, kind, now),
            Meaning::Unreachable | Meaning::UnknownHost => {
                let since = *self.unusable_since.get_or_insert(now);
                let unknown = *meaning == Meaning::UnknownHost && !self.reached;
                if unknown && now.duration_since(since) >= DNS_PATIENCE {
                    let advice = "is the address right, and is this machine on the network?";
                    return Some(format!("{reason}; {advice}"));
                }
                self.open(reason, kind, now);
            }
            _ => self.close(),
        }
        match meaning {
            Meaning::Accepted | Meaning::Rejected => {
                self.proven = true;
                self.close();
                self.unusable_since = None;
                self.throttles_in_a_row = 0;
                None
            }
            Meaning::Undocumented => {
                self.undocumented += 1;
                (self.undocumented >= UNDOCUMENTED_AFTER).then(|| {
                    format!(
                        "{UNDOCUMENTED_AFTER} answers in a row were not the webhook's; is the \
                         address right? The last one: {reason}"
                    )
                })
            }
            Meaning::TurnedAway => {
                push_new(&mut self.turned_away, ticket);
                self.wrong_address(reason)
            }
            Meaning::Throttled => self.throttle(reason, *retry_after, now),
            _ => retry_after.and_then(|after| self.throttle(reason, Some(after), now)),
        }
    }

    fn give_up_at(&self) -> Option<Instant> {
        self.unusable_since?.checked_add(self.give_up_after)
    }

    fn holds_until(&self) -> Option<Instant> {
        match self.state {
            BreakerState::Throttled { until, .. } => Some(until),
            BreakerState::Open { next_probe, .. } => Some(next_probe),
            _ => None,
        }
    }

    /// Goes on after a throttle or the pause before a probe has passed.
    fn end_hold(&mut self) {
        match &mut self.state {
            BreakerState::Throttled { .. } => self.state = self.unheld(),
            BreakerState::Open { reason, pause, .. } => {
                self.state =
                    BreakerState::HalfOpen { reason: std::mem::take(reason), pause: *pause };
            }
            _ => {}
        }
    }

    fn unheld(&self) -> BreakerState {
        if self.proven { BreakerState::Closed } else { BreakerState::Canary }
    }

    /// The endpoint responds. A throttle goes on until its end.
    fn close(&mut self) {
        self.reached = true;
        self.failed.clear();
        if !matches!(self.state, BreakerState::Throttled { .. }) {
            self.state = self.unheld();
        }
    }

    fn wrong_address(&self, reason: &str) -> Option<String> {
        if !self.proven {
            return Some(format!(
                "the endpoint turned the first request away ({reason}); is the address right?"
            ));
        }
        (self.turned_away.len() >= WRONG_ADDRESS_AFTER).then(|| {
            format!(
                "the endpoint turned {WRONG_ADDRESS_AFTER} shipments in a row away, the last one: \
                 {reason}"
            )
        })
    }

    fn fail(&mut self, ticket: Ticket, reason: &str, kind: AttemptKind, now: Instant) {
        push_new(&mut self.failed, ticket);
        let enough = self.shipments.map_or(OPENS_AFTER, |all| all.clamp(2, OPENS_AFTER));
        if self.is_open() || self.failed.len() as u64 >= enough {
            self.open(reason, kind, now);
        }
    }

    /// Opens the circuit, or after a failed probe doubles its pause. Requests that were in flight
    /// when it opened change nothing.
    fn open(&mut self, reason: &str, kind: AttemptKind, now: Instant) {
        let longest = match kind {
            AttemptKind::Probe { charged: true } => LONGEST_CHARGED_PAUSE,
            _ => LONGEST_PAUSE,
        };
        let (pause, not_before) = match &self.state {
            BreakerState::Open { .. } | BreakerState::HalfOpen { .. }
                if kind == AttemptKind::Normal =>
            {
                return;
            }
            BreakerState::Open { pause, .. } | BreakerState::HalfOpen { pause, .. } => {
                ((*pause * 2).min(longest), now)
            }
            BreakerState::Throttled { until, .. } => (FIRST_PAUSE, *until),
            BreakerState::Canary | BreakerState::Closed => (FIRST_PAUSE, now),
        };
        self.unusable_since.get_or_insert(now);
        let next_probe = (now + pause).max(not_before);
        self.state = BreakerState::Open { reason: reason.to_owned(), next_probe, pause };
    }

    /// Pauses everybody for what `Retry-After` says, else for a growing time. Returns why the run
    /// must stop when that is longer than its patience.
    fn throttle(&mut self, reason: &str, after: Option<Duration>, now: Instant) -> Option<String> {
        self.unusable_since.get_or_insert(now);
        // Responses to what was in flight when the throttle began belong to its round.
        let is_running = matches!(self.state, BreakerState::Throttled { until, .. } if until > now);
        if after.is_none() && is_running {
            return None;
        }
        let growing = FIRST_PAUSE * 2u32.pow(self.throttles_in_a_row.min(6));
        let wait = after.unwrap_or(growing.min(LONGEST_PAUSE)).max(SHORTEST_THROTTLE);
        self.throttles_in_a_row += u32::from(!is_running);
        let Some(until) = now.checked_add(wait).filter(|_| wait <= self.give_up_after) else {
            let asked = match wait {
                Duration::MAX => "for ever".to_owned(),
                wait => format!("for {}", text::spoken(wait)),
            };
            return Some(format!(
                "the endpoint asks to be left alone {asked}, longer than --give-up-after: {reason}"
            ));
        };
        match &mut self.state {
            BreakerState::Open { next_probe, .. } => *next_probe = until.max(*next_probe),
            BreakerState::Throttled { until: running, .. } => *running = until.max(*running),
            state => *state = BreakerState::Throttled { reason: reason.to_owned(), until },
        }
        None
    }
}

fn push_new(tickets: &mut Vec<Ticket>, ticket: Ticket) {
    if !tickets.contains(&ticket) {
        tickets.push(ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(7200);

    fn open_breaker(shipments: Option<u64>) -> (CircuitBreaker, Instant) {
        let mut breaker = CircuitBreaker::new(PATIENCE);
        breaker.set_shipments(shipments);
        let now = Instant::now();
        assert_eq!(breaker.record(Ticket(0), &usable(), AttemptKind::Normal, now), None);
        (breaker, now)
    }

    fn usable() -> Verdict {
        Verdict::new(Meaning::Accepted, "")
    }

    fn throttled(retry_after: Option<Duration>) -> Verdict {
        Verdict { retry_after, ..Verdict::new(Meaning::Throttled, "429") }
    }

    fn failed() -> Verdict {
        Verdict::new(Meaning::Failed, "HTTP 500: no")
    }

    #[tokio::test(start_paused = true)]
    async fn breaker_opens_after_five_different_shipments_in_a_row_and_one_response_closes_it() {
        let (mut breaker, now) = open_breaker(None);
        for ticket in [1, 2, 3, 4, 4, 4, 4] {
            breaker.record(Ticket(ticket), &failed(), AttemptKind::Normal, now);
        }
        assert!(!breaker.is_open(), "four shipments, however often");
        breaker.record(Ticket(5), &usable(), AttemptKind::Normal, now);
        for ticket in 6..=9 {
            breaker.record(Ticket(ticket), &failed(), AttemptKind::Normal, now);
        }
        assert!(!breaker.is_open(), "something else came back between");
        breaker.record(
            Ticket(10),
            &Verdict::new(Meaning::ResponseLost, "reset"),
            AttemptKind::Normal,
            now,
        );
        assert!(breaker.is_open());
        assert!(matches!(breaker.permit(now, 0), Permit::At(at, _) if at == now + FIRST_PAUSE));
        breaker.record(Ticket(11), &usable(), AttemptKind::Probe { charged: false }, now);
        assert_eq!(breaker.permit(now, 9), Permit::Now);
    }

    #[tokio::test(start_paused = true)]
    async fn breaker_opens_for_fewer_shipments_in_a_small_run_but_never_for_one() {
        for (shipments, needed) in [(1, 2), (2, 2), (3, 3), (100, 5)] {
            let (mut breaker, now) = open_breaker(Some(shipments));
            let begun = (1..=5).find(|ticket| {
                breaker.record(Ticket(*ticket), &failed(), AttemptKind::Normal, now);
                breaker.is_open()
            });
            assert_eq!(begun, Some(needed), "of {shipments} shipments");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn breaker_doubles_the_pause_between_probes_and_ignores_what_was_in_flight() {
        let (mut breaker, mut now) = open_breaker(None);
        let refused = Verdict::new(Meaning::Unreachable, "refused");
        breaker.record(Ticket(1), &refused, AttemptKind::Normal, now);
        let mut pauses = Vec::new();
        for ticket in 2..10 {
            breaker.record(Ticket(100 + ticket), &refused, AttemptKind::Normal, now);
            let Permit::At(at, _) = breaker.permit(now, 0) else { panic!("a pause") };
            pauses.push((at - now).as_secs());
            now = at;
            breaker.record(Ticket(ticket), &refused, AttemptKind::Probe { charged: false }, now);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[tokio::test(start_paused = true)]
    async fn throttle_lasts_as_long_as_the_longest_retry_after() {
        let (mut breaker, now) = open_breaker(None);
        let throttle = |seconds| throttled(Some(Duration::from_secs(seconds)));
        breaker.record(Ticket(1), &throttle(30), AttemptKind::Normal, now);
        breaker.record(Ticket(2), &throttle(5), AttemptKind::Normal, now);
        breaker.record(Ticket(3), &usable(), AttemptKind::Normal, now);
        assert!(
            matches!(breaker.permit(now, 0), Permit::At(at, _) if at == now + Duration::from_secs(30))
        );
        assert_eq!(breaker.permit(now + Duration::from_secs(30), 0), Permit::Now);
    }

    #[tokio::test(start_paused = true)]
    async fn throttle_counts_parallel_429s_once() {
        let (mut breaker, now) = open_breaker(None);
        for ticket in 0..16 {
            let throttled = throttled(None);
            breaker.record(Ticket(ticket), &throttled, AttemptKind::Normal, now);
        }
        assert!(matches!(breaker.permit(now, 0), Permit::At(at, _) if at == now + FIRST_PAUSE));
    }

    #[tokio::test(start_paused = true)]
    async fn give_up_after_counts_from_the_first_hold_and_not_from_a_failure_before() {
        let (mut breaker, now) = open_breaker(None);
        breaker.record(Ticket(1), &failed(), AttemptKind::Normal, now);
        let later = now + PATIENCE * 2;
        let throttled = throttled(None);
        assert_eq!(breaker.record(Ticket(2), &throttled, AttemptKind::Normal, later), None);
        assert!(matches!(breaker.permit(later, 0), Permit::At(..)));
        // Holds that follow one another without a useful answer between them count as one.
        for hours in 1..=2 {
            let then = later + PATIENCE / 2 * hours;
            breaker.record(Ticket(3), &throttled, AttemptKind::Normal, then);
        }
        assert!(matches!(breaker.permit(later + PATIENCE, 0), Permit::GiveUp(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_of_a_500_pauses_everybody() {
        let (mut breaker, now) = open_breaker(None);
        let wait = Duration::from_secs(9);
        breaker.record(
            Ticket(1),
            &Verdict { retry_after: Some(wait), ..failed() },
            AttemptKind::Normal,
            now,
        );
        assert!(matches!(breaker.permit(now, 0), Permit::At(at, _) if at == now + wait));
        let too_long = Verdict { retry_after: Some(PATIENCE * 2), ..failed() };
        assert!(
            breaker
                .record(Ticket(2), &too_long, AttemptKind::Normal, now)
                .is_some_and(|why| why.contains("--give-up-after"))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn throttle_without_retry_after_grows() {
        let (mut breaker, mut now) = open_breaker(None);
        let mut waits = Vec::new();
        for ticket in 1..9 {
            breaker.record(Ticket(ticket), &throttled(None), AttemptKind::Normal, now);
            let Permit::At(at, _) = breaker.permit(now, 0) else { panic!("a pause") };
            waits.push((at - now).as_secs());
            now = at;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
