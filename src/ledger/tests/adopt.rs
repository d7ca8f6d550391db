//! Adopting: it counts as accepted, and keeps what came before an error.

use super::*;
use crate::ledger::NamedKey;
use crate::ledger::lock::Lock;

fn adopted(shipments: std::ops::Range<u128>, payload: u128) -> Vec<NamedKey> {
    shipments
        .map(|shipment| (key(shipment, payload), "A1".to_owned(), "1Z999".to_owned()))
        .collect()
}

#[test]
fn adopt_counts_as_accepted() {
    let fixture = Fixture::new();
    for (shipments, payload) in [(0..2500, 1), (1..2, 2)] {
        let run = fixture.open();
        run.0.adopt(adopted(shipments, payload)).expect("adopted");
        run.close().expect("closed");
    }
    let run = fixture.open();
    assert!(run.knows(key(0, 1)) && run.knows(key(2499, 1)) && run.knows(key(1, 2)));
    assert!(!run.knows(key(1, 1)), "the endpoint has the later one");
    assert!(run.knows(key(2, 1)));
}

#[test]
fn adopt_takes_the_same_payload_again() {
    let fixture = Fixture::new();
    for _ in 0..2 {
        let run = fixture.open();
        run.0.adopt([adopted(1..2, 1), adopted(1..2, 1)].concat()).expect("adopted");
        run.close().expect("closed");
    }
    assert_eq!(fixture.admin().stats().expect("counted")[0].payloads, 1);
}

#[test]
fn adopt_settles_a_doubt() {
    let fixture = Fixture::new();
    let run = fixture.open();
    run.begin(key(1, 1)).expect("recorded");
    run.close().expect("closed");
    let run = fixture.open();
    run.0.adopt(adopted(1..2, 1)).expect("adopted");
    run.close().expect("closed");
    assert_eq!(fixture.admin().doubts(), Ok(Vec::new()));
    assert!(fixture.open().knows(key(1, 1)));
}

#[test]
fn adopt_keeps_groups_before_an_error_which_is_final() {
    let fixture = Fixture::new();
    let store = Store::open_or_create(&fixture.path()).expect("a ledger");
    let lock = Lock::take(store.path(), &fixture.scope, "test").expect("free");
    let id = store.register(&fixture.scope, "test", 0).expect("registered");
    store.connection.execute_batch("PRAGMA max_page_count = 40").expect("set");
    let run = Run(Ledger::start(store, lock, id).expect("started"));
    run.0.adopt(adopted(0..100, 1)).expect("adopted");
    let error = run.0.adopt(adopted(100..5_000, 1)).expect_err("no space");
    assert!(matches!(error, Error::NoSpace { .. }), "{error}");
    assert_eq!(run.0.adopt(adopted(0..1, 1)), Err(error.clone()));
    assert_eq!(run.close(), Err(error));
    let run = fixture.open();
    assert!((0..100).all(|shipment| run.knows(key(shipment, 1))));
    assert_eq!(run.history(key(100, 1)), Ok(History::default()), "no part of the second group");
}
