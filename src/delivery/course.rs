//! The run's course: whether the next request may go at all, seen from what came back so far.
//!
//! Three things keep requests back. The *canary*: until an answer shows that credentials and
//! address are right, one request goes at a time. A *throttle*: the endpoint asked to be left
//! alone, so everybody waits. An *outage*: the endpoint is away or answers nothing but errors, so
//! one probe goes at a time with growing pauses, and attempts are not charged to the shipments.
//! Besides it tells when the run must stop: nothing useful came for too long, or the address is
//! plainly wrong. Pure but for the instants it is given; the engine asks and obeys.

use std::time::Duration;

use tokio::time::Instant;

use super::verdict::Verdict;
use crate::outcome::Ticket;
use crate::text;

/// Different shipments in a row that must go wrong before it is the endpoint's trouble.
const OUTAGE_AFTER: u64 = 5;
/// The first pause between probes; it doubles from there.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between probes.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The longest pause between probes that are charged, so that a few hopeless shipments end soon.
const LONGEST_CHARGED_PAUSE: Duration = Duration::from_secs(8);
/// How long a host name that never resolved is tried.
const NAME_PATIENCE: Duration = Duration::from_secs(30);
/// Turned away so often in a row, the address is wrong.
const WRONG_ADDRESS_AFTER: usize = 3;
/// So many answers in a row that the webhook does not give, and something else answers in its
/// place.
const UNDOCUMENTED_AFTER: u32 = 3;

/// Whether a request may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Permit {
    /// Now.
    Go,
    /// Not before this instant, for this reason.
    At(Instant, String),
    /// Not before an answer to what is in flight.
    AfterAnswer,
    /// Never: it was waited for long enough.
    GiveUp(String),
}

/// How a request was sent, as far as it matters for what comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// In the ordinary course.
    Plainly,
    /// As a probe of an outage; `charged` where only shipments that were tried before are left.
    AsProbe { charged: bool },
}

#[derive(Debug)]
struct Outage {
    reason: String,
    next_probe: Instant,
    pause: Duration,
}

#[derive(Debug)]
struct Throttle {
    reason: String,
    until: Instant,
}

/// What came back so far, as far as it bears on the next request.
#[derive(Debug)]
pub(crate) struct Course {
    give_up_after: Duration,
    shipments: Option<u64>,
    open: bool,
    answered: bool,
    outage: Option<Outage>,
    throttle: Option<Throttle>,
    throttled_in_a_row: u32,
    /// When the first of the holds and throttles began since which nothing useful came.
    useless_since: Option<Instant>,
    troubled: Vec<Ticket>,
    turned_away: Vec<Ticket>,
    undocumented: u32,
}

impl Course {
    /// A run that waits at most `give_up_after` for a useful answer.
    pub(crate) fn new(give_up_after: Duration) -> Self {
        Self {
            give_up_after,
            shipments: None,
            open: false,
            answered: false,
            outage: None,
            throttle: None,
            throttled_in_a_row: 0,
            useless_since: None,
            troubled: Vec::new(),
            turned_away: Vec::new(),
            undocumented: 0,
        }
    }

    /// Tells how many shipments there are at most that can show an outage, where that is known.
    pub(crate) fn expect(&mut self, shipments: Option<u64>) {
        self.shipments = shipments;
    }

    /// Whether probes go instead of shipments in their order.
    pub(crate) fn in_outage(&self) -> bool {
        self.outage.is_some()
    }

    /// Whether something keeps everybody back, an outage or a throttle.
    pub(crate) fn is_held(&self) -> bool {
        self.held_because().is_some()
    }

    /// Why everybody is kept back, if so.
    pub(crate) fn held_because(&self) -> Option<&str> {
        let throttle = self.throttle.as_ref().map(|throttle| &throttle.reason);
        throttle.or(self.outage.as_ref().map(|outage| &outage.reason)).map(String::as_str)
    }

    /// Whether a request may start at `now`, with `in_flight` others still without an answer.
    pub(crate) fn permit(&mut self, now: Instant, in_flight: usize) -> Permit {
        if self.throttle.as_ref().is_some_and(|throttle| throttle.until <= now) {
            self.throttle = None;
        }
        let hold = match (&self.throttle, &self.outage) {
            (Some(throttle), _) => Some((throttle.until, &throttle.reason)),
            (None, Some(outage)) => Some((outage.next_probe, &outage.reason)),
            (None, None) => None,
        };
        if let Some((until, reason)) = hold {
            let give_up_at =
                self.useless_since.and_then(|since| since.checked_add(self.give_up_after));
            if give_up_at.is_some_and(|at| at <= now) {
                return Permit::GiveUp(self.gave_up(reason));
            }
            if now < until {
                return Permit::At(give_up_at.map_or(until, |at| at.min(until)), reason.clone());
            }
        }
        if in_flight > 0 && (self.outage.is_some() || !self.open) {
            Permit::AfterAnswer
        } else {
            Permit::Go
        }
    }

    /// Takes note of what came back for `ticket`; says why the run must stop, if it must.
    pub(crate) fn note(
        &mut self,
        ticket: Ticket,
        verdict: &Verdict,
        sent: Sent,
        now: Instant,
    ) -> Option<String> {
        if !matches!(verdict, Verdict::TurnedAway(_)) {
            self.turned_away.clear();
        }
        if !matches!(verdict, Verdict::Undocumented(_)) {
            self.undocumented = 0;
        }
        match verdict {
            Verdict::Accepted | Verdict::Rejected(_) => {
                self.came_back();
                self.open = true;
                self.useless_since = None;
                self.throttled_in_a_row = 0;
                None
            }
            Verdict::Undocumented(reason) => {
                self.came_back();
                self.undocumented += 1;
                (self.undocumented >= UNDOCUMENTED_AFTER).then(|| {
                    format!("{UNDOCUMENTED_AFTER} answers in a row were not the webhook's; is the address right? The last one: {reason}")
                })
            }
            Verdict::TurnedAway(reason) => {
                self.came_back();
                note_once(&mut self.turned_away, ticket);
                if !self.open {
                    Some(format!(
                        "the endpoint turned the first request away ({reason}); is the address right?"
                    ))
                } else if self.turned_away.len() >= WRONG_ADDRESS_AFTER {
                    Some(format!(
                        "the endpoint turned {WRONG_ADDRESS_AFTER} shipments in a row away, the last one: {reason}"
                    ))
                } else {
                    None
                }
            }
            Verdict::Throttled { reason, after } => {
                self.came_back();
                self.throttle(reason, *after, now)
            }
            Verdict::Failed { reason, after } => {
                self.trouble(ticket, reason, sent, now);
                after.and_then(|after| self.throttle(reason, Some(after), now))
            }
            Verdict::Lost(reason) => {
                self.trouble(ticket, reason, sent, now);
                None
            }
            Verdict::Unreachable { name, reason } => {
                let since = *self.useless_since.get_or_insert(now);
                if *name && !self.answered && now.duration_since(since) >= NAME_PATIENCE {
                    return Some(format!(
                        "{reason}; is the address right, and is this machine on the network?"
                    ));
                }
                self.hold(reason, sent, now);
                None
            }
            Verdict::Stop(reason) => Some(reason.clone()),
        }
    }

    fn came_back(&mut self) {
        self.answered = true;
        self.outage = None;
        self.troubled.clear();
    }

    fn trouble(&mut self, ticket: Ticket, reason: &str, sent: Sent, now: Instant) {
        note_once(&mut self.troubled, ticket);
        let enough = self.shipments.map_or(OUTAGE_AFTER, |all| all.clamp(2, OUTAGE_AFTER));
        if self.outage.is_some() || self.troubled.len() as u64 >= enough {
            self.hold(reason, sent, now);
        }
    }

    fn throttle(&mut self, reason: &str, after: Option<Duration>, now: Instant) -> Option<String> {
        self.useless_since.get_or_insert(now);
        // Answers to what was in flight when a throttle began are of its round, and draw no pause
        // out.
        let first_of_round = self.throttle.as_ref().is_none_or(|running| running.until <= now);
        if after.is_none() && !first_of_round {
            return None;
        }
        let wait = after.unwrap_or_else(|| {
            (FIRST_PAUSE * 2u32.pow(self.throttled_in_a_row.min(6))).min(LONGEST_PAUSE)
        });
        let wait = wait.max(FIRST_PAUSE / 10);
        self.throttled_in_a_row += u32::from(first_of_round);
        let until = now.checked_add(wait);
        let too_long = wait > self.give_up_after;
        match until {
            Some(until) if !too_long => {
                let until =
                    self.throttle.as_ref().map_or(until, |running| running.until.max(until));
                self.throttle = Some(Throttle { reason: reason.to_owned(), until });
                None
            }
            _ => {
                let asked = if wait == Duration::MAX {
                    "for ever".to_owned()
                } else {
                    format!("for {}", text::spoken(wait))
                };
                Some(format!(
                    "the endpoint asks to be left alone {asked}, longer than --give-up-after: {reason}"
                ))
            }
        }
    }

    /// Begins an outage, or after a probe of one draws its pause out. Requests that were in flight
    /// when it began change nothing.
    fn hold(&mut self, reason: &str, sent: Sent, now: Instant) {
        match (&mut self.outage, sent) {
            (None, _) => {
                self.useless_since.get_or_insert(now);
                self.outage = Some(Outage {
                    reason: reason.to_owned(),
                    next_probe: now + FIRST_PAUSE,
                    pause: FIRST_PAUSE,
                });
            }
            (Some(outage), Sent::AsProbe { charged }) => {
                let longest = if charged { LONGEST_CHARGED_PAUSE } else { LONGEST_PAUSE };
                outage.pause = (outage.pause * 2).min(longest);
                outage.next_probe = now + outage.pause;
                reason.clone_into(&mut outage.reason);
            }
            (Some(_), Sent::Plainly) => {}
        }
    }

    fn gave_up(&self, reason: &str) -> String {
        format!(
            "the endpoint gave no useful answer for {} (--give-up-after): {reason}",
            text::spoken(self.give_up_after)
        )
    }
}

fn note_once(tickets: &mut Vec<Ticket>, ticket: Ticket) {
    if !tickets.contains(&ticket) {
        tickets.push(ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(7200);

    fn open_course(shipments: Option<u64>) -> (Course, Instant) {
        let mut course = Course::new(PATIENCE);
        course.expect(shipments);
        let now = Instant::now();
        assert_eq!(course.note(Ticket(0), &Verdict::Accepted, Sent::Plainly, now), None);
        (course, now)
    }

    fn failed() -> Verdict {
        Verdict::Failed { reason: "HTTP 500: no".to_owned(), after: None }
    }

    #[tokio::test(start_paused = true)]
    async fn five_different_shipments_in_a_row_make_an_outage_and_one_answer_ends_it() {
        let (mut course, now) = open_course(None);
        for ticket in [1, 2, 3, 4, 4, 4, 4] {
            course.note(Ticket(ticket), &failed(), Sent::Plainly, now);
        }
        assert!(!course.in_outage(), "four shipments, however often");
        course.note(Ticket(5), &Verdict::Rejected("no".to_owned()), Sent::Plainly, now);
        for ticket in 6..=9 {
            course.note(Ticket(ticket), &failed(), Sent::Plainly, now);
        }
        assert!(!course.in_outage(), "something else came back between");
        course.note(Ticket(10), &Verdict::Lost("reset".to_owned()), Sent::Plainly, now);
        assert!(course.in_outage());
        assert!(matches!(course.permit(now, 0), Permit::At(at, _) if at == now + FIRST_PAUSE));
        course.note(Ticket(11), &Verdict::Accepted, Sent::AsProbe { charged: false }, now);
        assert_eq!(course.permit(now, 9), Permit::Go);
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_run_needs_fewer_shipments_for_an_outage_but_never_one() {
        for (shipments, needed) in [(1, 2), (2, 2), (3, 3), (100, 5)] {
            let (mut course, now) = open_course(Some(shipments));
            let begun = (1..=5).find(|ticket| {
                course.note(Ticket(*ticket), &failed(), Sent::Plainly, now);
                course.in_outage()
            });
            assert_eq!(begun, Some(needed), "of {shipments} shipments");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn probes_draw_apart_up_to_a_minute_and_what_was_in_flight_does_not_count() {
        let (mut course, mut now) = open_course(None);
        let refused = Verdict::Unreachable { name: false, reason: "refused".to_owned() };
        course.note(Ticket(1), &refused, Sent::Plainly, now);
        let mut pauses = Vec::new();
        for ticket in 2..10 {
            course.note(Ticket(100 + ticket), &refused, Sent::Plainly, now);
            let Permit::At(at, _) = course.permit(now, 0) else { panic!("a pause") };
            pauses.push((at - now).as_secs());
            now = at;
            course.note(Ticket(ticket), &refused, Sent::AsProbe { charged: false }, now);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttle_holds_for_the_longest_that_was_asked() {
        let (mut course, now) = open_course(None);
        let throttle = |seconds| Verdict::Throttled {
            reason: "429".to_owned(),
            after: Some(Duration::from_secs(seconds)),
        };
        course.note(Ticket(1), &throttle(30), Sent::Plainly, now);
        course.note(Ticket(2), &throttle(5), Sent::Plainly, now);
        course.note(Ticket(3), &Verdict::Accepted, Sent::Plainly, now);
        assert!(
            matches!(course.permit(now, 0), Permit::At(at, _) if at == now + Duration::from_secs(30))
        );
        assert_eq!(course.permit(now + Duration::from_secs(30), 0), Permit::Go);
    }

    #[tokio::test(start_paused = true)]
    async fn a_round_of_parallel_throttles_counts_once() {
        let (mut course, now) = open_course(None);
        for ticket in 0..16 {
            let throttled = Verdict::Throttled { reason: "429".to_owned(), after: None };
            course.note(Ticket(ticket), &throttled, Sent::Plainly, now);
        }
        assert!(matches!(course.permit(now, 0), Permit::At(at, _) if at == now + FIRST_PAUSE));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_begins_with_the_first_hold_and_not_with_a_failure_long_before() {
        let (mut course, now) = open_course(None);
        course.note(Ticket(1), &failed(), Sent::Plainly, now);
        let later = now + PATIENCE * 2;
        let throttled = Verdict::Throttled { reason: "429".to_owned(), after: None };
        assert_eq!(course.note(Ticket(2), &throttled, Sent::Plainly, later), None);
        assert!(matches!(course.permit(later, 0), Permit::At(..)));
        // Holds that follow one another without a useful answer between them count as one.
        for hours in 1..=2 {
            let then = later + PATIENCE / 2 * hours;
            course.note(Ticket(3), &throttled, Sent::Plainly, then);
        }
        assert!(matches!(course.permit(later + PATIENCE, 0), Permit::GiveUp(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_500_that_asks_for_a_pause_holds_everybody() {
        let (mut course, now) = open_course(None);
        let wait = Duration::from_secs(9);
        course.note(
            Ticket(1),
            &Verdict::Failed { reason: "500".to_owned(), after: Some(wait) },
            Sent::Plainly,
            now,
        );
        assert!(matches!(course.permit(now, 0), Permit::At(at, _) if at == now + wait));
        let too_long = Verdict::Failed { reason: "500".to_owned(), after: Some(PATIENCE * 2) };
        assert!(
            course
                .note(Ticket(2), &too_long, Sent::Plainly, now)
                .is_some_and(|why| why.contains("--give-up-after"))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttle_without_a_time_grows() {
        let (mut course, mut now) = open_course(None);
        let mut waits = Vec::new();
        for ticket in 1..9 {
            course.note(
                Ticket(ticket),
                &Verdict::Throttled { reason: "429".to_owned(), after: None },
                Sent::Plainly,
                now,
            );
            let Permit::At(at, _) = course.permit(now, 0) else { panic!("a pause") };
            waits.push((at - now).as_secs());
            now = at;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
