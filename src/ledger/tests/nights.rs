//! The rule, by examples and against a model that keeps the whole history and reads it by the
//! rule's own words.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Sends all of a night's payloads that are not already sent; gives those.
fn night(shelf: &Shelf, file: &[Key]) -> Vec<Key> {
    let run = shelf.open();
    let sent: Vec<Key> =
        file.iter().copied().filter(|key| !run.knows(*key)).inspect(|key| run.send(*key)).collect();
    run.close().expect("closed");
    sent
}

const NOTHING: Vec<Key> = Vec::new();

#[test]
fn what_was_accepted_is_not_sent_again() {
    let shelf = Shelf::new();
    let before = jiff::Timestamp::now().as_second();
    assert_eq!(night(&shelf, &[key(1, 1), key(2, 1)]), [key(1, 1), key(2, 1)]);
    assert_eq!(night(&shelf, &[key(1, 1), key(2, 1), key(3, 1)]), [key(3, 1)]);
    let run = shelf.open();
    let accepted = run.look_up(key(3, 1)).expect("a memory").accepted.expect("accepted");
    assert_eq!((accepted.run, run.0.run()), (2, 3));
    assert!((before..=jiff::Timestamp::now().as_second()).contains(&accepted.at.as_second()));
}

#[test]
fn a_status_that_goes_back_is_sent_again() {
    let (shelf, a, b) = (Shelf::new(), key(1, 1), key(1, 2));
    for _ in 0..3 {
        assert_eq!(night(&shelf, &[a]), [a]);
        assert_eq!(night(&shelf, &[a]), NOTHING);
        assert_eq!(night(&shelf, &[b]), [b]);
        assert_eq!(night(&shelf, &[b]), NOTHING);
    }
}

#[test]
fn two_rows_of_one_shipment_in_every_nights_file_are_sent_once_each() {
    let (shelf, a, b, c) = (Shelf::new(), key(1, 1), key(1, 2), key(1, 3));
    assert_eq!(night(&shelf, &[a, b]), [a, b]);
    for _ in 0..3 {
        assert_eq!(night(&shelf, &[a, b]), NOTHING);
    }
    assert_eq!(night(&shelf, &[a, c]), [c]);
    assert_eq!(night(&shelf, &[a, c]), NOTHING);
    assert_eq!(night(&shelf, &[a, b]), [b], "it went back");
}

#[test]
fn a_payload_that_went_back_stays_unsent_until_it_is_accepted() {
    let (shelf, a, b) = (Shelf::new(), key(1, 1), key(1, 2));
    night(&shelf, &[a]);
    night(&shelf, &[b]);
    let run = shelf.open();
    let memory = run.look_up(a).expect("a memory");
    assert!(
        memory.accepted.is_none()
            && memory.accepted_before
            && memory.other_payload
            && !memory.seen_in_this_run
    );
    drop(run); // killed before it was sent
    let run = shelf.open();
    assert!(!run.knows(a));
    run.intend(a).expect("recorded");
    run.conclude(a, Conclusion::NotAccepted).expect("recorded");
    run.close().expect("closed");
    assert_eq!(night(&shelf, &[a]), [a]);
    assert_eq!(night(&shelf, &[a]), NOTHING);
}

#[test]
fn another_payload_that_may_have_arrived_makes_the_first_be_sent_again() {
    let (shelf, a, b) = (Shelf::new(), key(1, 1), key(1, 2));
    night(&shelf, &[a]);
    let run = shelf.open();
    run.intend(b).expect("recorded");
    run.conclude(b, Conclusion::InDoubt).expect("recorded");
    run.close().expect("closed");
    assert_eq!(night(&shelf, &[a]), [a], "the endpoint may have the other one");
    assert_eq!(night(&shelf, &[a]), NOTHING);
}

#[test]
fn a_refused_repeat_of_what_is_in_doubt_supersedes_nothing() {
    let (shelf, a, b) = (Shelf::new(), key(1, 1), key(1, 2));
    let run = shelf.open();
    run.intend(a).expect("recorded");
    run.conclude(a, Conclusion::InDoubt).expect("recorded");
    run.send(b);
    run.close().expect("closed");
    for _ in 0..2 {
        let run = shelf.open();
        assert!(run.look_up(a).expect("a memory").in_doubt.is_some());
        run.intend(a).expect("recorded");
        run.conclude(a, Conclusion::StillInDoubt).expect("recorded");
        assert!(run.knows(b), "the endpoint still has it");
        run.close().expect("closed");
    }
}

#[test]
fn a_night_in_whatever_order_finds_what_is_known_and_another_payload_of_it() {
    let shelf = Shelf::new();
    let sent = |shipment: u128| 1 + u128::from(shipment.is_multiple_of(7));
    let run = shelf.open();
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
        let run = shelf.open();
        for shipment in (0..1_000).map(order) {
            let memory = run.look_up(key(shipment, 1)).expect("a memory");
            let other = shipment < 1_000 && sent(shipment) == 2;
            assert_eq!(memory.accepted.is_some(), shipment < 1_000, "{shipment}: {memory:?}");
            assert_eq!(
                (memory.other_payload, memory.seen_in_this_run),
                (other, false),
                "{shipment}"
            );
            if shipment < 1_000 {
                let again = run.look_up(key(shipment, 1)).expect("a memory");
                assert!(again.seen_in_this_run, "{shipment}");
            }
        }
        // What one night has written stands at another place in the next.
        run.close().expect("closed");
    }
}

#[test]
fn a_ledger_of_the_version_before_is_brought_to_this_one_and_knows_what_it_knew() {
    let shelf = Shelf::new();
    let run = shelf.open();
    for shipment in 0..50 {
        run.send(key(shipment, 1));
        run.send(key(shipment, 2));
    }
    run.close().expect("closed");
    // Rows of a shipment with two payloads are what they were before there was a column for being
    // alone.
    let connection = rusqlite::Connection::open(shelf.path()).expect("opened");
    connection
        .execute_batch("ALTER TABLE payload DROP COLUMN alone; PRAGMA user_version = 2")
        .expect("taken back");
    drop(connection);
    for _ in 0..2 {
        let run = shelf.open();
        for shipment in 0..51 {
            let memory = run.look_up(key(shipment, 2)).expect("a memory");
            assert_eq!(
                (memory.accepted.is_some(), memory.other_payload),
                (shipment < 50, shipment < 50),
                "{shipment}"
            );
        }
        run.close().expect("closed");
    }
}

#[test]
fn a_shipment_that_gets_another_payload_is_no_longer_taken_for_the_only_one() {
    let shelf = Shelf::new();
    let run = shelf.open();
    (0..10).for_each(|shipment| run.send(key(shipment, 1)));
    run.close().expect("closed");
    let run = shelf.open();
    run.send(key(5, 2));
    run.close().expect("closed");
    let run = shelf.open();
    for shipment in 0..10 {
        let memory = run.look_up(key(shipment, 1)).expect("a memory");
        assert_eq!(memory.other_payload, shipment == 5, "{shipment}");
    }
}

#[test]
fn a_first_run_knows_what_it_has_written_into_the_tables_and_nothing_else() {
    let shelf = Shelf::new();
    let run = shelf.open();
    // More than are held before the tables are written.
    (0..1_200).for_each(|shipment| run.send(key(shipment, 1)));
    wait(run.0.sync()).expect("written");
    assert!((0..1_200).all(|shipment| run.knows(key(shipment, 1))));
    assert!(!(1_200..2_400).any(|shipment| run.knows(key(shipment, 1))));
}

#[test]
fn the_same_payload_twice_in_one_run_is_noticed() {
    let (shelf, a) = (Shelf::new(), key(1, 1));
    let run = shelf.open();
    for _ in 0..2 {
        assert!(
            !run.look_up(a).expect("a memory").seen_in_this_run,
            "a look at something unknown leaves no trace"
        );
    }
    run.intend(a).expect("recorded");
    run.conclude(a, Conclusion::NotAccepted).expect("recorded");
    assert!(run.look_up(a).expect("a memory").seen_in_this_run);
    run.close().expect("closed");
    night(&shelf, &[a]);
    let run = shelf.open();
    let seen: Vec<bool> = wait(run.0.look_up(vec![a, a]))
        .expect("memories")
        .iter()
        .map(|m| m.seen_in_this_run)
        .collect();
    assert_eq!(seen, [false, true]);
}

#[test]
fn a_doubt_stays_until_it_is_accepted_whatever_else_is_answered() {
    let (shelf, a, b) = (Shelf::new(), key(1, 1), key(2, 1));
    let run = shelf.open();
    for conclusion in [Conclusion::InDoubt, Conclusion::NotAccepted] {
        run.intend(a).expect("recorded");
        run.conclude(a, conclusion).expect("recorded");
    }
    run.intend(b).expect("recorded");
    run.intend(b).expect("recorded again, by an attempt whose answer was an honest no");
    run.conclude(b, Conclusion::NotAccepted).expect("recorded");
    run.close().expect("closed");
    let run = shelf.open();
    let since = run.look_up(a).expect("a memory").in_doubt.expect("in doubt");
    assert_eq!(run.look_up(b).expect("a memory").in_doubt, None);
    run.intend(a).expect("recorded");
    run.conclude(a, Conclusion::NotAccepted).expect("recorded");
    assert_eq!(run.look_up(a).expect("a memory").in_doubt, Some(since));
    run.send(a);
    let memory = run.look_up(a).expect("a memory");
    assert!(memory.in_doubt.is_none() && memory.accepted.is_some());
}

#[test]
fn shops_do_not_know_each_others_shipments() {
    let shelf = Shelf::new();
    night(&shelf, &[key(1, 1)]);
    let other = Run::open(&shelf.path(), &scope("bob@example.com")).expect("a ledger");
    assert!(!other.knows(key(1, 1)));
    other.send(key(1, 2));
    other.close().expect("closed");
    assert_eq!(night(&shelf, &[key(1, 1)]), NOTHING);
}

#[test]
fn shipments_that_share_half_of_their_identity_are_kept_apart() {
    let shelf = Shelf::new();
    let keys = [(7, 1), (7, 2), (8, 1)]
        .map(|(head, tail)| Key { identity: head << 64 | tail, payload: 5 });
    for count in 1..=keys.len() {
        assert_eq!(night(&shelf, &keys[..count]), keys[count - 1..count]);
    }
    assert_eq!(night(&shelf, &keys), NOTHING);
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
struct History(Vec<(u64, Key, Event)>);

impl History {
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
    fn the_ledger_remembers_what_the_whole_history_says(nights in prop::collection::vec(file(), 1..8)) {
        let shelf = Shelf::new();
        let mut history = History::default();
        let mut known = BTreeSet::new();
        for file in nights {
            let run = shelf.open();
            let number = run.0.run();
            // What was looked up, if it was known, or sent in this run.
            let mut touched = BTreeSet::new();
            for (identity, payload, fate) in file {
                let key = key(identity, payload);
                let memory = run.look_up(key).expect("a memory");
                prop_assert_eq!(memory.accepted.is_some(), history.already_sent(key));
                prop_assert_eq!(memory.in_doubt.is_some(), history.in_doubt(key));
                let accepted = |which: &dyn Fn(Key) -> bool| history.last(|k, e| which(k) && e == Event::Accepted);
                let other = accepted(&|k| k.identity == key.identity && k != key).is_some();
                prop_assert_eq!(memory.other_payload, other);
                let met = |k: &Key| k.identity == key.identity && *k != key;
                prop_assert_eq!(memory.other_in_this_run, touched.iter().any(met));
                touched.extend(known.get(&key));
                prop_assert_eq!(memory.accepted_before, other || accepted(&|k| k == key).is_some());
                if let Some(of) = memory.accepted {
                    prop_assert_eq!(of.run, history.run(accepted(&|k| k == key)));
                    history.0.push((number, key, Event::Seen));
                    if !matches!(fate, Fate::Forced) {
                        continue;
                    }
                }
                run.intend(key).expect("recorded");
                known.insert(key);
                touched.insert(key);
                let (conclusion, event) = match fate {
                    Fate::Accepted | Fate::Forced => (Some(Conclusion::Accepted), Some(Event::Accepted)),
                    Fate::NotAccepted => (Some(Conclusion::NotAccepted), None),
                    Fate::StillInDoubt => {
                        (Some(Conclusion::StillInDoubt), (!history.in_doubt(key)).then_some(Event::Lost))
                    }
                    Fate::InDoubt => (Some(Conclusion::InDoubt), Some(Event::Lost)),
                    Fate::Killed => (None, Some(Event::Lost)),
                };
                history.0.extend(event.map(|event| (number, key, event)));
                match conclusion {
                    Some(conclusion) => run.conclude(key, conclusion).expect("recorded"),
                    None => break,
                }
            }
        }
    }

    #[test]
    fn the_same_file_again_sends_nothing_and_one_row_a_shipment_leaves_the_endpoint_up_to_date(
        nights in prop::collection::vec(prop::collection::vec((0..3_u128, 0..3_u128), 0..6), 1..8),
        single in any::<bool>(),
    ) {
        let shelf = Shelf::new();
        let mut endpoint = std::collections::BTreeMap::new();
        for mut file in nights {
            if single {
                let mut shipments = BTreeSet::new();
                file.retain(|(identity, _)| shipments.insert(*identity));
            }
            let file: Vec<Key> = file.into_iter().map(|(identity, payload)| key(identity, payload)).collect();
            for sent in night(&shelf, &file) {
                prop_assert!(endpoint.insert(sent.identity, sent.payload) != Some(sent.payload), "it had that already");
            }
            prop_assert_eq!(night(&shelf, &file), NOTHING);
            if single {
                for key in file {
                    prop_assert_eq!(endpoint.get(&key.identity), Some(&key.payload));
                }
            }
        }
    }
}
