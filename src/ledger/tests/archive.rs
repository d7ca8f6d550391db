//! The `ledger` command's part: counting, forgetting, deciding.

use jiff::{Timestamp, ToSpan};

use super::*;
use crate::ledger::{Archive, Decision, Forget};

fn named(run: &Run, key: Key, order_no: &str) {
    run.0.intend(key, order_no, "1Z999").expect("recorded");
}

fn accepted(run: &Run, key: Key, order_no: &str) {
    named(run, key, order_no);
    run.conclude(key, Conclusion::Accepted).expect("recorded");
}

#[test]
fn a_ledger_is_counted_and_told_row_by_row() {
    let shelf = Shelf::new();
    assert!(matches!(Archive::open(&shelf.path()), Err(Error::Missing { .. })));
    let run = shelf.open();
    accepted(&run, key(1, 1), "A1");
    accepted(&run, key(1, 2), "A1");
    named(&run, key(2, 1), &"ü".repeat(80));
    run.close().expect("closed");
    let archive = Archive::open(&shelf.path()).expect("a ledger");
    let stats = archive.stats().expect("counted");
    assert!(stats.bytes > 4096);
    let [ours] = &stats.scopes[..] else { panic!("{stats:?}") };
    assert_eq!(
        (&ours.scope, ours.shipments, ours.payloads, ours.doubts, ours.runs),
        (&shelf.scope, 2, 3, 1, 1)
    );
    assert!(ours.first.is_some() && ours.first <= ours.last);
    let mut all = Vec::new();
    let gather = |remembered| {
        all.push(remembered);
        Ok::<_, Error>(())
    };
    archive.export(gather).expect("told");
    assert_eq!(all.iter().map(|r| r.key).collect::<Vec<_>>(), [key(1, 1), key(1, 2), key(2, 1)]);
    assert_eq!(
        (all[0].order_no.as_str(), all[0].trackingnumber.as_str(), all[0].last_run),
        ("A1", "1Z999", 1)
    );
    assert_eq!(all[2].order_no, "ü".repeat(50), "no cell may bloat the ledger");
    assert_eq!(archive.doubts().expect("told"), all[2..]);
    let strangers = archive.of_account("bob@example.com".to_owned());
    assert_eq!(
        (strangers.stats().expect("counted").scopes.len(), strangers.doubts().expect("told").len()),
        (0, 0)
    );
}

#[test]
fn a_forgotten_shipment_is_forgotten_with_all_its_payloads() {
    let shelf = Shelf::new();
    for (payload, order) in [(1, "A1"), (2, "A1"), (3, "A1")] {
        let run = shelf.open();
        accepted(&run, key(1, payload), order);
        accepted(&run, key(payload + 1, payload), "B2");
        run.close().expect("closed");
    }
    let archive = Archive::open(&shelf.path()).expect("a ledger");
    assert_eq!(archive.forget(&Forget::Orders(vec!["unknown".to_owned()])), Ok(0));
    assert_eq!(archive.forget(&Forget::Run(2)), Ok(2));
    assert_eq!(archive.forget(&Forget::Run(2)), Ok(0));
    let run = shelf.open();
    for payload in 1..=3 {
        assert_eq!(run.look_up(key(1, payload)), Ok(Memory::default()));
    }
    assert!(run.knows(key(2, 1)) && !run.knows(key(3, 2)) && run.knows(key(4, 3)));
    run.close().expect("closed");
    assert_eq!(archive.forget(&Forget::Orders(vec!["B2".to_owned()])), Ok(2));
    assert_eq!(archive.stats().expect("counted").scopes[0].payloads, 0);
}

#[test]
fn only_what_no_run_has_seen_for_long_and_is_not_in_doubt_is_old() {
    let shelf = Shelf::new();
    let run = shelf.open();
    accepted(&run, key(1, 1), "old");
    accepted(&run, key(2, 1), "seen again");
    named(&run, key(3, 1), "in doubt");
    accepted(&run, key(4, 1), "old, with a young payload");
    run.close().expect("closed");
    // The first run was long ago.
    let long_ago = Timestamp::now() - 2400.hours();
    let connection = rusqlite::Connection::open(shelf.path()).expect("opened");
    connection.execute("UPDATE run SET started_at = ?1", [long_ago.as_second()]).expect("set");
    drop(connection);
    let run = shelf.open();
    assert!(run.knows(key(2, 1)));
    accepted(&run, key(4, 2), "old, with a young payload");
    run.close().expect("closed");

    let archive = Archive::open(&shelf.path()).expect("a ledger");
    assert_eq!(archive.forget(&Forget::NotSeenSince(long_ago)), Ok(0));
    assert_eq!(archive.forget(&Forget::NotSeenSince(long_ago + 1.hour())), Ok(1));
    let run = shelf.open();
    assert_eq!(run.look_up(key(1, 1)), Ok(Memory::default()));
    assert!(run.knows(key(2, 1)) && run.knows(key(4, 2)));
    assert!(run.look_up(key(3, 1)).expect("a memory").in_doubt.is_some());
}

#[test]
fn a_person_decides_what_is_in_doubt() {
    let shelf = Shelf::new();
    let run = shelf.open();
    for (shipment, order) in [(1, "A1"), (2, "B2"), (3, "B2"), (4, "C3")] {
        named(&run, key(shipment, 1), order);
    }
    run.conclude(key(4, 1), Conclusion::Accepted).expect("recorded");
    run.close().expect("closed");
    let archive = Archive::open(&shelf.path()).expect("a ledger");
    let orders = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        archive.resolve(&orders(&["A1", "C3", "nobody"]), Decision::Resend),
        Ok(vec![1, 0, 0])
    );
    assert_eq!(archive.resolve(&orders(&["B2"]), Decision::Sent), Ok(vec![2]));
    assert_eq!(archive.doubts(), Ok(Vec::new()));
    let run = shelf.open();
    let memory = run.look_up(key(1, 1)).expect("a memory");
    assert_eq!((memory.accepted, memory.accepted_before, memory.in_doubt), (None, false, None));
    assert_eq!(run.look_up(key(2, 1)).expect("a memory").accepted.map(|a| a.run), Some(1));
    assert!(run.knows(key(3, 1)) && run.knows(key(4, 1)));
}
