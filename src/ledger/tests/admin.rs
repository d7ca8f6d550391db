//! The `ledger` command's part: counting, forgetting, deciding.

use jiff::{Timestamp, ToSpan};

use super::*;
use crate::ledger::Forget;

fn named(run: &Run, key: Key, order_no: &str) {
    wait(run.0.begin(key, order_no, "1Z999")).expect("recorded");
}

fn accepted(run: &Run, key: Key, order_no: &str) {
    named(run, key, order_no);
    run.end(key, Conclusion::Accepted).expect("recorded");
}

#[test]
fn stats_count_and_export_lists_every_row() {
    let fixture = Fixture::new();
    assert!(matches!(Store::open(&fixture.path()), Err(Error::Missing { .. })));
    let run = fixture.open();
    accepted(&run, key(1, 1), "A1");
    accepted(&run, key(1, 2), "A1");
    named(&run, key(2, 1), &"ü".repeat(80));
    run.close().expect("closed");
    let admin = Store::open(&fixture.path()).expect("a ledger");
    let stats = admin.stats().expect("counted");
    assert!(admin.bytes() > 4096);
    let [ours] = &stats[..] else { panic!("{stats:?}") };
    assert_eq!(
        (&ours.scope, ours.shipments, ours.payloads, ours.doubts, ours.runs),
        (&fixture.scope, 2, 3, 1, 1)
    );
    assert!(ours.first.is_some() && ours.first <= ours.last);
    let mut all = Vec::new();
    let gather = |scope: &Scope, entry| {
        all.push((scope.clone(), entry));
        Ok::<_, Error>(())
    };
    admin.export(gather).expect("listed");
    assert_eq!(
        all.iter().map(|(_, entry)| entry.key).collect::<Vec<_>>(),
        [key(1, 1), key(1, 2), key(2, 1)]
    );
    assert_eq!(
        (all[0].1.order_no.as_str(), all[0].1.trackingnumber.as_str(), all[0].1.touched_run),
        ("A1", "1Z999", 1)
    );
    assert_eq!(all[2].1.order_no, "ü".repeat(50), "no cell may bloat the ledger");
    assert_eq!(admin.doubts().expect("listed"), all[2..]);
}

#[test]
fn forget_removes_all_payloads_of_a_shipment() {
    let fixture = Fixture::new();
    for (payload, order) in [(1, "A1"), (2, "A1"), (3, "A1")] {
        let run = fixture.open();
        accepted(&run, key(1, payload), order);
        accepted(&run, key(payload + 1, payload), "B2");
        run.close().expect("closed");
    }
    let admin = Store::open(&fixture.path()).expect("a ledger");
    assert_eq!(admin.forget(&Forget::Orders(vec!["unknown".to_owned()])), Ok(0));
    assert_eq!(admin.forget(&Forget::Run(2)), Ok(2));
    assert_eq!(admin.forget(&Forget::Run(2)), Ok(0));
    let run = fixture.open();
    for payload in 1..=3 {
        assert_eq!(run.history(key(1, payload)), Ok(History::default()));
    }
    assert!(run.knows(key(2, 1)) && !run.knows(key(3, 2)) && run.knows(key(4, 3)));
    run.close().expect("closed");
    assert_eq!(admin.forget(&Forget::Orders(vec!["B2".to_owned()])), Ok(2));
    assert_eq!(admin.stats().expect("counted")[0].payloads, 0);
}

#[test]
fn forget_not_seen_since_keeps_what_was_seen_or_is_in_doubt() {
    let fixture = Fixture::new();
    let run = fixture.open();
    accepted(&run, key(1, 1), "old");
    accepted(&run, key(2, 1), "seen again");
    named(&run, key(3, 1), "in doubt");
    accepted(&run, key(4, 1), "old, with a young payload");
    run.close().expect("closed");
    // The first run was long ago.
    let long_ago = Timestamp::now() - 2400.hours();
    let connection = rusqlite::Connection::open(fixture.path()).expect("opened");
    connection.execute("UPDATE run SET started_at = ?1", [long_ago.as_second()]).expect("set");
    drop(connection);
    let run = fixture.open();
    assert!(run.knows(key(2, 1)));
    accepted(&run, key(4, 2), "old, with a young payload");
    run.close().expect("closed");

    let admin = Store::open(&fixture.path()).expect("a ledger");
    assert_eq!(admin.forget(&Forget::NotSeenSince(long_ago)), Ok(0));
    assert_eq!(admin.forget(&Forget::NotSeenSince(long_ago + 1.hour())), Ok(1));
    let run = fixture.open();
    assert_eq!(run.history(key(1, 1)), Ok(History::default()));
    assert!(run.knows(key(2, 1)) && run.knows(key(4, 2)));
    assert!(run.history(key(3, 1)).expect("a history").in_doubt.is_some());
}

#[test]
fn resolve_decides_what_is_in_doubt() {
    let fixture = Fixture::new();
    let run = fixture.open();
    for (shipment, order) in [(1, "A1"), (2, "B2"), (3, "B2"), (4, "C3")] {
        named(&run, key(shipment, 1), order);
    }
    run.end(key(4, 1), Conclusion::Accepted).expect("recorded");
    run.close().expect("closed");
    let admin = Store::open(&fixture.path()).expect("a ledger");
    let orders = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        admin.resolve(&orders(&["A1", "C3", "nobody"]), Conclusion::NotAccepted),
        Ok(vec![1, 0, 0])
    );
    assert_eq!(admin.resolve(&orders(&["B2"]), Conclusion::Accepted), Ok(vec![2]));
    assert_eq!(admin.doubts(), Ok(Vec::new()));
    let run = fixture.open();
    let history = run.history(key(1, 1)).expect("a history");
    assert_eq!((history.accepted, history.in_doubt), (None, None));
    assert_eq!(run.history(key(2, 1)).expect("a history").accepted.map(|a| a.run), Some(1));
    assert!(run.knows(key(3, 1)) && run.knows(key(4, 1)));
}

#[test]
fn resolve_keeps_what_a_later_run_saw() {
    let fixture = Fixture::new();
    let (a, b) = (key(1, 1), key(1, 2));
    let run = fixture.open();
    accepted(&run, a, "A1");
    run.close().expect("closed");
    let run = fixture.open();
    named(&run, a, "A1");
    run.close().expect("closed");
    let run = fixture.open();
    assert!(run.knows(a));
    accepted(&run, b, "A1");
    run.close().expect("closed");
    assert_eq!(fixture.admin().resolve(&["A1".to_owned()], Conclusion::Accepted), Ok(vec![1]));
    let run = fixture.open();
    assert!(run.knows(a) && run.knows(b), "the third run saw both");
}
