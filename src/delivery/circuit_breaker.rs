//! The circuit breaker: whether the next request may be sent, judged by the responses so far.
//!
//! It starts as a canary: one request at a time until a response shows that credentials and address
//! are right. Then it is closed: requests go. A 429 throttles everybody. An endpoint that is
//! unreachable, or fails for five different shipments in a row, opens it: one probe at a time
//! (half-open) with growing pauses, not charged to shipments, until a response of another kind
//! comes. It also says when the run must stop: no usable response for `--give-up-after`, or a wrong
//! address. Pure but for the instants it is given and two lines of the log; `engine` obeys.

use std::time::Duration;

use tokio::time::Instant;

use super::backoff;
use super::verdict::{Meaning, Verdict};
use crate::outcome::Ticket;
use crate::text;

/// Different shipments in a row that must fail before it is the endpoint's trouble.
const OPENS_AFTER: usize = 5;
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
    /// A probe of an open circuit; it does not count towards `--max-attempts`.
    Probe,
    /// One that counts, when only shipments that were attempted are left.
    ChargedProbe,
}

/// Why everybody waits.
#[derive(Debug)]
struct Hold {
    reason: String,
    /// When the next request may go.
    until: Instant,
    /// The pause before the next probe of an outage; `None` for a throttle.
    pause: Option<Duration>,
}

/// The state and what decides about its changes.
#[derive(Debug, Default)]
pub(crate) struct CircuitBreaker {
    give_up_after: Duration,
    hold: Option<Hold>,
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

    /// Whether there is an outage, so that probes go instead of tasks in their order.
    pub(crate) fn is_open(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.pause.is_some())
    }

    /// Whether everybody waits.
    pub(crate) fn is_holding(&self) -> bool {
        self.hold.is_some()
    }

    /// Whether a request may start at `now`, with `in_flight` others without a response.
    pub(crate) fn permit(&mut self, now: Instant, in_flight: usize) -> Permit {
        if let Some(Hold { reason, until, pause }) = &self.hold {
            let since = self.unusable_since;
            let give_up_at = since.and_then(|since| since.checked_add(self.give_up_after));
            if give_up_at.is_some_and(|at| at <= now) {
                return Permit::GiveUp(format!(
                    "the endpoint gave no useful answer for {} (--give-up-after): {reason}",
                    text::spoken(self.give_up_after)
                ));
            }
            if now < *until {
                let until = give_up_at.map_or(*until, |at| at.min(*until));
                return Permit::At(until, reason.clone());
            }
            if pause.is_none() {
                self.hold = None;
            }
        }
        let one_at_a_time = self.is_open() || !self.proven;
        if one_at_a_time && in_flight > 0 { Permit::AfterResponse } else { Permit::Now }
    }

    /// Takes a verdict about `ticket` into account, when so many shipments are `left`: fewer than
    /// [`OPENS_AFTER`] can show an outage too. Returns why the run must stop, if it must.
    pub(crate) fn record(
        &mut self,
        ticket: Ticket,
        verdict: &Verdict,
        kind: AttemptKind,
        left: usize,
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
            Meaning::Failed | Meaning::ResponseLost => {
                push_new(&mut self.failed, ticket);
                if self.is_open() || self.failed.len() >= left.clamp(2, OPENS_AFTER) {
                    self.open(reason, kind, now);
                }
            }
            Meaning::Unreachable | Meaning::UnknownHost => {
                let since = self.begin_unusable(reason, now);
                let unknown = *meaning == Meaning::UnknownHost && !self.reached;
                if unknown && now.duration_since(since) >= DNS_PATIENCE {
                    let advice = "is the address right, and is this machine on the network?";
                    return Some(format!("{reason}; {advice}"));
                }
                self.open(reason, kind, now);
            }
            // The endpoint responds. A throttle goes on until its end.
            _ => {
                self.reached = true;
                self.failed.clear();
                self.hold.take_if(|hold| hold.pause.is_some() || hold.until <= now);
            }
        }
        match meaning {
            Meaning::Accepted | Meaning::Rejected => {
                self.proven = true;
                if self.hold.is_none() && self.unusable_since.take().is_some() {
                    self.throttles_in_a_row = 0;
                    tracing::warn!("the endpoint answers again");
                }
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
            Meaning::TurnedAway if !self.proven => Some(format!(
                "the endpoint turned the first request away ({reason}); is the address right?"
            )),
            Meaning::TurnedAway => {
                push_new(&mut self.turned_away, ticket);
                (self.turned_away.len() >= WRONG_ADDRESS_AFTER).then(|| {
                    format!(
                        "the endpoint turned {WRONG_ADDRESS_AFTER} shipments in a row away, the \
                         last one: {reason}"
                    )
                })
            }
            Meaning::Throttled => self.throttle(reason, *retry_after, now),
            _ => retry_after.and_then(|after| self.throttle(reason, Some(after), now)),
        }
    }

    /// Since when there is no usable response: `now`, where there was one before.
    fn begin_unusable(&mut self, reason: &str, now: Instant) -> Instant {
        *self.unusable_since.get_or_insert_with(|| {
            tracing::warn!("waiting for the endpoint: {reason}");
            now
        })
    }

    /// Opens the circuit, or after a failed probe doubles its pause. Requests that were in flight
    /// when it opened change nothing.
    fn open(&mut self, reason: &str, kind: AttemptKind, now: Instant) {
        let charged = kind == AttemptKind::ChargedProbe;
        let longest = if charged { LONGEST_CHARGED_PAUSE } else { backoff::CAP };
        let (pause, not_before) = match &self.hold {
            Some(Hold { pause: Some(_), .. }) if kind == AttemptKind::Normal => return,
            Some(Hold { pause: Some(pause), .. }) => ((*pause * 2).min(longest), now),
            Some(throttle) => (backoff::BASE, throttle.until),
            None => (backoff::BASE, now),
        };
        self.begin_unusable(reason, now);
        let until = (now + pause).max(not_before);
        self.hold = Some(Hold { reason: reason.to_owned(), until, pause: Some(pause) });
    }

    /// Pauses everybody for what `Retry-After` says, else for a growing time. Returns why the run
    /// must stop when that is longer than its patience.
    fn throttle(&mut self, reason: &str, after: Option<Duration>, now: Instant) -> Option<String> {
        // Responses to what was in flight when the throttle began belong to its round.
        let is_running = !self.is_open() && self.hold.as_ref().is_some_and(|hold| hold.until > now);
        if after.is_none() && is_running {
            return None;
        }
        self.throttles_in_a_row += u32::from(!is_running);
        let growing = backoff::ceiling(self.throttles_in_a_row);
        let wait = after.unwrap_or(growing).max(SHORTEST_THROTTLE);
        let Some(until) = now.checked_add(wait).filter(|_| wait <= self.give_up_after) else {
            let asked = match wait {
                Duration::MAX => "for ever".to_owned(),
                wait => format!("for {}", text::spoken(wait)),
            };
            return Some(format!(
                "the endpoint asks to be left alone {asked}, longer than --give-up-after: {reason}"
            ));
        };
        self.begin_unusable(reason, now);
        match &mut self.hold {
            Some(hold) => hold.until = until.max(hold.until),
            None => self.hold = Some(Hold { reason: reason.to_owned(), until, pause: None }),
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

    impl CircuitBreaker {
        /// Takes a verdict of a regular attempt into account, in the middle of a long run.
        fn note(&mut self, ticket: u64, verdict: &Verdict, now: Instant) -> Option<String> {
            self.record(Ticket(ticket), verdict, AttemptKind::Normal, usize::MAX, now)
        }
    }

    fn proven_breaker() -> (CircuitBreaker, Instant) {
        let (mut breaker, now) = (CircuitBreaker::new(PATIENCE), Instant::now());
        assert_eq!(breaker.note(0, &usable(), now), None);
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
        let (mut breaker, now) = proven_breaker();
        for ticket in [1, 2, 3, 4, 4, 4, 4] {
            breaker.note(ticket, &failed(), now);
        }
        assert!(!breaker.is_open(), "four shipments, however often");
        breaker.note(5, &usable(), now);
        for ticket in 6..=9 {
            breaker.note(ticket, &failed(), now);
        }
        assert!(!breaker.is_open(), "something else came back between");
        breaker.note(10, &Verdict::new(Meaning::ResponseLost, "reset"), now);
        assert!(breaker.is_open());
        assert!(matches!(breaker.permit(now, 0), Permit::At(at, _) if at == now + backoff::BASE));
        breaker.record(Ticket(11), &usable(), AttemptKind::Probe, usize::MAX, now);
        assert_eq!(breaker.permit(now, 9), Permit::Now);
    }

    #[tokio::test(start_paused = true)]
    async fn breaker_opens_for_fewer_shipments_in_a_small_run_but_never_for_one() {
        for (left, needed) in [(1, 2), (2, 2), (3, 3), (100, 5)] {
            let (mut breaker, now) = proven_breaker();
            let begun = (1..=5).find(|ticket| {
                breaker.record(Ticket(*ticket), &failed(), AttemptKind::Normal, left, now);
                breaker.is_open()
            });
            assert_eq!(begun, Some(needed), "of {left} shipments");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn breaker_doubles_the_pause_between_probes_and_ignores_what_was_in_flight() {
        let (mut breaker, mut now) = proven_breaker();
        let refused = Verdict::new(Meaning::Unreachable, "refused");
        breaker.note(1, &refused, now);
        let mut pauses = Vec::new();
        for ticket in 2..10 {
            breaker.note(100 + ticket, &refused, now);
            let Permit::At(at, _) = breaker.permit(now, 0) else { panic!("a pause") };
            pauses.push((at - now).as_secs());
            now = at;
            breaker.record(Ticket(ticket), &refused, AttemptKind::Probe, usize::MAX, now);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[tokio::test(start_paused = true)]
    async fn throttle_lasts_as_long_as_the_longest_retry_after() {
        let (mut breaker, now) = proven_breaker();
        let throttle = |seconds| throttled(Some(Duration::from_secs(seconds)));
        breaker.note(1, &throttle(30), now);
        breaker.note(2, &throttle(5), now);
        breaker.note(3, &usable(), now);
        assert!(
            matches!(breaker.permit(now, 0), Permit::At(at, _) if at == now + Duration::from_secs(30))
        );
        assert_eq!(breaker.permit(now + Duration::from_secs(30), 0), Permit::Now);
    }

    #[tokio::test(start_paused = true)]
    async fn throttle_counts_parallel_429s_once() {
        let (mut breaker, now) = proven_breaker();
        for ticket in 0..16 {
            let throttled = throttled(None);
            breaker.note(ticket, &throttled, now);
        }
        assert!(matches!(breaker.permit(now, 0), Permit::At(at, _) if at == now + backoff::BASE));
    }

    #[tokio::test(start_paused = true)]
    async fn give_up_after_counts_from_the_first_hold_and_not_from_a_failure_before() {
        let (mut breaker, now) = proven_breaker();
        breaker.note(1, &failed(), now);
        let later = now + PATIENCE * 2;
        let throttled = throttled(None);
        assert_eq!(breaker.note(2, &throttled, later), None);
        assert!(matches!(breaker.permit(later, 0), Permit::At(..)));
        // Holds that follow one another without a useful answer between them count as one.
        for hours in 1..=2 {
            let then = later + PATIENCE / 2 * hours;
            breaker.note(3, &throttled, then);
        }
        assert!(matches!(breaker.permit(later + PATIENCE, 0), Permit::GiveUp(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_of_a_500_pauses_everybody() {
        let (mut breaker, now) = proven_breaker();
        let wait = Duration::from_secs(9);
        breaker.note(1, &Verdict { retry_after: Some(wait), ..failed() }, now);
        assert!(matches!(breaker.permit(now, 0), Permit::At(at, _) if at == now + wait));
        let too_long = Verdict { retry_after: Some(PATIENCE * 2), ..failed() };
        assert!(breaker.note(2, &too_long, now).is_some_and(|why| why.contains("--give-up-after")));
    }

    #[tokio::test(start_paused = true)]
    async fn throttle_without_retry_after_grows() {
        let (mut breaker, mut now) = proven_breaker();
        let mut waits = Vec::new();
        for ticket in 1..9 {
            breaker.note(ticket, &throttled(None), now);
            let Permit::At(at, _) = breaker.permit(now, 0) else { panic!("a pause") };
            waits.push((at - now).as_secs());
            now = at;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
