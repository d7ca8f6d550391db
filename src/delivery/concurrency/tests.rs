//! Tests of the limit on requests in flight.

mod swinging;

use super::*;
use proptest::prelude::*;

const TRIP: Duration = Duration::from_millis(100);

/// A controller at work: as many as it permits are in flight, all with the same round trip.
struct Work {
    concurrency: Concurrency,
    now: Instant,
}

impl Work {
    fn new(cap: usize) -> Self {
        let now = Instant::now();
        Self { concurrency: Concurrency::new(cap, now), now }
    }

    fn limit(&self) -> usize {
        self.concurrency.limit()
    }

    /// Sends as many as may go, and has the first `pushed` of them pushed back after a round trip,
    /// the others not.
    fn round(&mut self, pushed: usize) {
        let (sent, limit) = (self.now, self.limit());
        (1..=limit).for_each(|in_flight| self.concurrency.started(in_flight));
        self.now += TRIP;
        for number in 0..limit {
            let answer = if number < pushed { Answer::Pushback } else { Answer::Good };
            self.concurrency.answered(answer, sent, self.now);
        }
        self.now += Duration::from_millis(1);
    }

    fn rounds(&mut self, count: usize) {
        (0..count).for_each(|_| self.round(0));
    }
}

#[test]
fn the_cap_comes_first_and_nothing_goes_beyond_the_limit() {
    let work = Work::new(3);
    assert_eq!(
        (0..5).map(|in_flight| work.concurrency.permit(in_flight)).collect::<Vec<_>>(),
        [true, true, true, false, false]
    );
    assert_eq!(Work::new(0).limit(), 1);
}

#[test]
fn each_pushback_takes_one_off_and_those_sent_together_half_at_most() {
    let mut work = Work::new(16);
    work.round(3);
    assert_eq!(work.limit(), 13);
    work.round(12);
    assert_eq!(work.limit(), 7);
    (0..5).for_each(|_| work.round(9));
    assert_eq!(work.limit(), 1);
}

#[test]
fn a_round_trip_without_pushback_adds_one_if_the_limit_was_reached() {
    let mut work = Work::new(16);
    work.round(6);
    assert_eq!(work.limit(), 10);
    work.rounds(4);
    assert_eq!(work.limit(), 14);
    for _ in 0..10 {
        let sent = work.now;
        work.concurrency.started(2);
        work.now += TRIP;
        work.concurrency.answered(Answer::Good, sent, work.now);
    }
    assert_eq!(work.limit(), 14, "two in flight ask for no more");
    work.rounds(20);
    assert_eq!(work.limit(), 16);
}

#[test]
fn a_request_that_was_alone_tells_nothing() {
    let mut work = Work::new(16);
    work.concurrency.started(1);
    work.concurrency.answered(Answer::Pushback, work.now, work.now + TRIP);
    assert_eq!(work.limit(), 16);
}

#[test]
fn a_limit_that_is_too_much_is_tried_again_seldom_and_more_seldom() {
    let mut work = Work::new(16);
    let mut tries = Vec::new();
    for round in 0..2000 {
        let too_many = work.limit().saturating_sub(5);
        if too_many > 0 {
            tries.push(round);
        }
        work.round(too_many);
    }
    let pauses: Vec<_> =
        tries.windows(2).map(|two| two[1] - two[0]).filter(|pause| *pause > 10).collect();
    assert!((5..=8).contains(&pauses.len()), "{pauses:?}");
    assert!(pauses.windows(2).all(|two| two[0] < two[1]), "{pauses:?}");
}

#[test]
fn after_an_outage_the_proven_limit_is_back_but_not_twice_in_a_row() {
    let mut work = Work::new(16);
    work.rounds(10);
    for expected in [16, 8, 4] {
        work.round(work.limit());
        assert!(work.limit() < 16);
        work.concurrency.answered(Answer::Back, work.now, work.now);
        assert_eq!(work.limit(), expected);
    }
    work.rounds(40);
    assert_eq!(work.limit(), 16);
}

#[test]
fn what_an_answer_tells() {
    let failed = || Verdict::Failed { reason: "HTTP 500".to_owned(), after: None };
    let probe = Sent::AsProbe { charged: true };
    for (verdict, sent, attempt, expected) in [
        (Verdict::Accepted, Sent::Plainly, 1, Answer::Good),
        (Verdict::Accepted, probe, 1, Answer::Back),
        (Verdict::Rejected("no".to_owned()), Sent::Plainly, 1, Answer::Neutral),
        (
            Verdict::Throttled { reason: "HTTP 429".to_owned(), after: None },
            Sent::Plainly,
            9,
            Answer::Pushback,
        ),
        (Verdict::Lost("reset".to_owned()), Sent::Plainly, 2, Answer::Pushback),
        (failed(), Sent::Plainly, 1, Answer::Pushback),
        (failed(), Sent::Plainly, 3, Answer::Neutral),
        (failed(), probe, 1, Answer::Neutral),
        (
            Verdict::Unreachable { name: false, reason: "refused".to_owned() },
            Sent::Plainly,
            1,
            Answer::Neutral,
        ),
    ] {
        assert_eq!(
            Answer::of(&verdict, sent, attempt),
            expected,
            "{verdict:?}, {sent:?}, attempt {attempt}"
        );
    }
}

proptest! {
    #[test]
    fn whatever_comes_back_the_limit_lies_between_one_and_the_cap(
        cap in 1usize..40,
        answers in prop::collection::vec((0usize..4, 0u64..500, 0usize..40), 0..400),
    ) {
        let mut now = Instant::now() + Duration::from_secs(1);
        let mut concurrency = Concurrency::new(cap, now);
        for (kind, millis, in_flight) in answers {
            let answer = [Answer::Good, Answer::Pushback, Answer::Back, Answer::Neutral][kind];
            concurrency.started(in_flight);
            let trip = Duration::from_millis(millis);
            now += trip / 2;
            concurrency.answered(answer, now - trip, now);
            prop_assert!((1..=cap).contains(&concurrency.limit()));
            prop_assert!(concurrency.permit(0));
        }
    }
}
