//! The rule, by examples and against a model that keeps the whole history and reads it by the
//! rule's own words.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Sends all of a night's payloads that are not already sent; gives those.
fn night(fixture: &Fixture, file: &[Key]) -> Vec<Key> {
    let run = fixture.open();
    let sent: Vec<Key> =
        file.iter().copied().filter(|key| !run.knows(*key)).inspect(|key| run.send(*key)).collect();
    run.close().expect("closed");
    sent
}

const NOTHING: Vec<Key> = Vec::new();

#[test]
fn payload_accepted_is_already_sent() {
    let fixture = Fixture::new();
    let before = jiff::Timestamp::now().as_second();
    assert_eq!(night(&fixture, &[key(1, 1), key(2, 1)]), [key(1, 1), key(2, 1)]);
    assert_eq!(night(&fixture, &[key(1, 1), key(2, 1), key(3, 1)]), [key(3, 1)]);
    let run = fixture.open();
    let accepted = run.history(key(3, 1)).expect("a history").accepted.expect("accepted");
    assert_eq!(accepted.run, 2);
    assert!((before..=jiff::Timestamp::now().as_second()).contains(&accepted.at.as_second()));
}

#[test]
fn status_that_goes_back_is_sent_again() {
    let (fixture, a, b) = (Fixture::new(), key(1, 1), key(1, 2));
    for _ in 0..3 {
        assert_eq!(night(&fixture, &[a]), [a]);
        assert_eq!(night(&fixture, &[a]), NOTHING);
        assert_eq!(night(&fixture, &[b]), [b]);
        assert_eq!(night(&fixture, &[b]), NOTHING);
    }
}

#[test]
fn shipment_with_two_rows_each_night_is_sent_once_each() {
    let (fixture, a, b, c) = (Fixture::new(), key(1, 1), key(1, 2), key(1, 3));
    assert_eq!(night(&fixture, &[a, b]), [a, b]);
    for _ in 0..3 {
        assert_eq!(night(&fixture, &[a, b]), NOTHING);
    }
    assert_eq!(night(&fixture, &[a, c]), [c]);
    assert_eq!(night(&fixture, &[a, c]), NOTHING);
    assert_eq!(night(&fixture, &[a, b]), [b], "it went back");
}

#[test]
fn payload_that_went_back_is_unsent_until_accepted() {
    let (fixture, a, b) = (Fixture::new(), key(1, 1), key(1, 2));
    night(&fixture, &[a]);
    night(&fixture, &[b]);
    let run = fixture.open();
    let history = run.history(a).expect("a history");
    assert!(history.accepted.is_none() && history.other_payload && !history.seen_in_this_run);
    drop(run); // killed before it was sent
    let run = fixture.open();
    assert!(!run.knows(a));
    run.begin(a).expect("recorded");
    run.end(a, Conclusion::NotAccepted).expect("recorded");
    run.close().expect("closed");
    assert_eq!(night(&fixture, &[a]), [a]);
    assert_eq!(night(&fixture, &[a]), NOTHING);
}

#[test]
fn payload_in_doubt_supersedes_the_first() {
    let (fixture, a, b) = (Fixture::new(), key(1, 1), key(1, 2));
    night(&fixture, &[a]);
    let run = fixture.open();
    run.begin(b).expect("recorded");
    run.end(b, Conclusion::InDoubt).expect("recorded");
    run.close().expect("closed");
    assert_eq!(night(&fixture, &[a]), [a], "the endpoint may have the other one");
    assert_eq!(night(&fixture, &[a]), NOTHING);
}

#[test]
fn refused_repeat_supersedes_nothing() {
    let (fixture, a, b) = (Fixture::new(), key(1, 1), key(1, 2));
    let run = fixture.open();
    run.begin(a).expect("recorded");
    run.end(a, Conclusion::InDoubt).expect("recorded");
    run.send(b);
    run.close().expect("closed");
    for _ in 0..2 {
        let run = fixture.open();
        assert!(run.history(a).expect("a history").in_doubt.is_some());
        run.begin(a).expect("recorded");
        run.end(a, Conclusion::StillInDoubt).expect("recorded");
        assert!(run.knows(b), "the endpoint still has it");
        run.close().expect("closed");
    }
}

#[test]
fn history_is_the_same_in_every_order_of_the_file() {
    let fixture = Fixture::new();
    let sent = |shipment: u128| 1 + u128::from(shipment.is_multiple_of(7));
    let run = fixture.open();
    for payload in 1..=2 {
        (0..1_000)
            .filter(|shipment| sent(*shipment) >= payload)
            .for_each(|shipment| run.send(key(shipment, payload)));
    }
    run.close().expect("closed");
    let orders: [&dyn Fn(u128) -> u128; 4] =
        [&|at| at, &|at| 999 - at, &|at| at * 617 % 1_000, &|at| {
            if at % 3 == 0 { at + 2_000 } else { at }
        }];
    for order in orders {
        let run = fixture.open();
        for shipment in (0..1_000).map(order) {
            let history = run.history(key(shipment, 1)).expect("a history");
            let other = shipment < 1_000 && sent(shipment) == 2;
            assert_eq!(history.accepted.is_some(), shipment < 1_000, "{shipment}: {history:?}");
            assert_eq!(
                (history.other_payload, history.seen_in_this_run),
                (other, false),
                "{shipment}"
            );
            if shipment < 1_000 {
                let again = run.history(key(shipment, 1)).expect("a history");
                assert!(again.seen_in_this_run, "{shipment}");
            }
        }
        // Each night marks rows as seen, which the next one must not notice.
        run.close().expect("closed");
    }
}

#[test]
fn history_notices_the_same_payload_again_in_one_run() {
    let (fixture, a) = (Fixture::new(), key(1, 1));
    let run = fixture.open();
    for _ in 0..2 {
        assert!(
            !run.history(a).expect("a history").seen_in_this_run,
            "a look at something unknown leaves no trace"
        );
    }
    run.begin(a).expect("recorded");
    run.end(a, Conclusion::NotAccepted).expect("recorded");
    assert!(run.history(a).expect("a history").seen_in_this_run);
    run.close().expect("closed");
    night(&fixture, &[a]);
    let run = fixture.open();
    let both = wait(async { tokio::join!(run.0.history(a), run.0.history(a)) });
    let seen = [both.0, both.1].map(|history| history.expect("a history").seen_in_this_run);
    assert_eq!(seen, [false, true]);
}

#[test]
fn doubt_stays_until_accepted() {
    let (fixture, a, b) = (Fixture::new(), key(1, 1), key(2, 1));
    let run = fixture.open();
    for conclusion in [Conclusion::InDoubt, Conclusion::NotAccepted] {
        run.begin(a).expect("recorded");
        run.end(a, conclusion).expect("recorded");
    }
    run.begin(b).expect("recorded");
    run.begin(b).expect("recorded again, by an attempt whose answer was an honest no");
    run.end(b, Conclusion::NotAccepted).expect("recorded");
    run.close().expect("closed");
    let run = fixture.open();
    let since = run.history(a).expect("a history").in_doubt.expect("in doubt");
    assert_eq!(run.history(b).expect("a history").in_doubt, None);
    run.begin(a).expect("recorded");
    run.end(a, Conclusion::NotAccepted).expect("recorded");
    assert_eq!(run.history(a).expect("a history").in_doubt, Some(since));
    run.send(a);
    let history = run.history(a).expect("a history");
    assert!(history.in_doubt.is_none() && history.accepted.is_some());
}

#[test]
fn scopes_do_not_share_shipments() {
    let fixture = Fixture::new();
    night(&fixture, &[key(1, 1)]);
    let other = Run::open(&fixture.path(), &scope("bob@example.com")).expect("a ledger");
    assert!(!other.knows(key(1, 1)));
    other.send(key(1, 2));
    other.close().expect("closed");
    assert_eq!(night(&fixture, &[key(1, 1)]), NOTHING);
}

#[test]
fn identities_that_begin_alike_are_kept_apart() {
    let fixture = Fixture::new();
    let keys = [(7, 1), (7, 2), (8, 1)]
        .map(|(head, tail)| Key { identity: head << 64 | tail, payload: 5 });
    for count in 1..=keys.len() {
        assert_eq!(night(&fixture, &keys[..count]), keys[count - 1..count]);
    }
    assert_eq!(night(&fixture, &keys), NOTHING);
}

/// What happens to a payload in a night.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Accepted,
    NotAccepted,
    /// Refused, of a shipment that somebody else knows to be in doubt.
    StillInDoubt,
    InDoubt,
    /// The run is killed while the request is under way.
    Killed,
    /// It is sent even if it is already sent.
    Forced,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// Found already sent.
    Seen,
    Accepted,
    /// An attempt whose end is not known.
    Lost,
}

/// All that ever happened, in its order: the run, the payload, the event.
#[derive(Default)]
struct Log(Vec<(u64, Key, Event)>);

impl Log {
    fn last(&self, mut which: impl FnMut(Key, Event) -> bool) -> Option<usize> {
        self.0.iter().rposition(|(_, key, event)| which(*key, *event))
    }

    fn run(&self, index: Option<usize>) -> u64 {
        index.map_or(0, |index| self.0[index].0)
    }

    /// An attempt got lost, and none was accepted since.
    fn in_doubt(&self, key: Key) -> bool {
        self.last(|k, e| k == key && e == Event::Lost)
            > self.last(|k, e| k == key && e == Event::Accepted)
    }

    /// Accepted, and no other payload arrived, or may have, in a run after the last that saw this
    /// one.
    fn already_sent(&self, key: Key) -> bool {
        let accepted = self.last(|k, e| k == key && e == Event::Accepted).is_some();
        let seen =
            self.run(self.last(|k, e| k == key && matches!(e, Event::Accepted | Event::Seen)));
        let others: BTreeSet<Key> = self
            .0
            .iter()
            .map(|(_, other, _)| *other)
            .filter(|o| o.identity == key.identity && *o != key)
            .collect();
        let arrived = others.into_iter().any(|other| {
            let lost = if self.in_doubt(other) {
                self.last(|k, e| k == other && e == Event::Lost)
            } else {
                None
            };
            self.run(self.last(|k, e| k == other && e == Event::Accepted).max(lost)) > seen
        });
        accepted && !arrived
    }
}

/// A night's file: shipment, payload, and what becomes of it.
fn file() -> impl Strategy<Value = Vec<(u128, u128, Fate)>> {
    let fate = prop_oneof![
        6 => Just(Fate::Accepted),
        1 => Just(Fate::NotAccepted),
        1 => Just(Fate::StillInDoubt),
        1 => Just(Fate::InDoubt),
        1 => Just(Fate::Killed),
        1 => Just(Fate::Forced),
    ];
    prop::collection::vec((0..2_u128, 0..3_u128, fate), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ledger_agrees_with_a_model_of_all_events(nights in prop::collection::vec(file(), 1..8)) {
        let fixture = Fixture::new();
        let mut log = Log::default();
        let mut known = BTreeSet::new();
        for (number, file) in (1..).zip(nights) {
            let run = fixture.open();
            // What was looked up, if it was known, or sent in this run.
            let mut touched = BTreeSet::new();
            for (identity, payload, fate) in file {
                let key = key(identity, payload);
                let history = run.history(key).expect("a history");
                prop_assert_eq!(history.accepted.is_some(), log.already_sent(key));
                prop_assert_eq!(history.in_doubt.is_some(), log.in_doubt(key));
                let accepted = |which: &dyn Fn(Key) -> bool| log.last(|k, e| which(k) && e == Event::Accepted);
                let other = accepted(&|k| k.identity == key.identity && k != key).is_some();
                prop_assert_eq!(history.other_payload, other);
                let met = |k: &Key| k.identity == key.identity && *k != key;
                prop_assert_eq!(history.other_in_this_run, touched.iter().any(met));
                touched.extend(known.get(&key));
                if let Some(of) = history.accepted {
                    prop_assert_eq!(of.run, log.run(accepted(&|k| k == key)));
                    log.0.push((number, key, Event::Seen));
                    if !matches!(fate, Fate::Forced) {
                        continue;
                    }
                }
                run.begin(key).expect("recorded");
                known.insert(key);
                touched.insert(key);
                let (conclusion, event) = match fate {
                    Fate::Accepted | Fate::Forced => (Some(Conclusion::Accepted), Some(Event::Accepted)),
                    Fate::NotAccepted => (Some(Conclusion::NotAccepted), None),
                    Fate::StillInDoubt => {
                        (Some(Conclusion::StillInDoubt), (!log.in_doubt(key)).then_some(Event::Lost))
                    }
                    Fate::InDoubt => (Some(Conclusion::InDoubt), Some(Event::Lost)),
                    Fate::Killed => (None, Some(Event::Lost)),
                };
                log.0.extend(event.map(|event| (number, key, event)));
                match conclusion {
                    Some(conclusion) => run.end(key, conclusion).expect("recorded"),
                    None => break,
                }
            }
        }
    }

    #[test]
    fn same_file_again_sends_nothing(
        nights in prop::collection::vec(prop::collection::vec((0..3_u128, 0..3_u128), 0..6), 1..8),
        single in any::<bool>(),
    ) {
        let fixture = Fixture::new();
        let mut endpoint = std::collections::BTreeMap::new();
        for mut file in nights {
            if single {
                let mut shipments = BTreeSet::new();
                file.retain(|(identity, _)| shipments.insert(*identity));
            }
            let file: Vec<Key> = file.into_iter().map(|(identity, payload)| key(identity, payload)).collect();
            for sent in night(&fixture, &file) {
                prop_assert!(endpoint.insert(sent.identity, sent.payload) != Some(sent.payload), "it had that already");
            }
            prop_assert_eq!(night(&fixture, &file), NOTHING);
            if single {
                for key in file {
                    prop_assert_eq!(endpoint.get(&key.identity), Some(&key.payload));
                }
            }
        }
    }
}
