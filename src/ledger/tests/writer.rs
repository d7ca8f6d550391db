//! The writer's thread: groups, syncs, checks of the locks, and callers that stop waiting.

use std::time::Duration;

use futures::future::join_all;

use super::*;
use crate::ledger::entry;
use crate::ledger::rules::LedgerEntry;

/// The number of syncs of the last run so far.
fn sync_count(fixture: &Fixture) -> i64 {
    let connection = rusqlite::Connection::open(fixture.path()).expect("opened");
    let sql = "SELECT sync_count FROM run ORDER BY id DESC LIMIT 1";
    connection.query_row(sql, [], |row| row.get(0)).expect("a run")
}

/// Repeats `attempt` until it gives something.
fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1_000 {
        if let Some(found) = attempt() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("never came: {what}")
}

#[test]
fn sync_changes_the_run_row_each_second_while_something_is_written() {
    let fixture = Fixture::new();
    let run = fixture.open();
    assert_eq!(sync_count(&fixture), 0);
    for count in 1..=2 {
        let mut shipment = 100 * u128::try_from(count).expect("positive");
        eventually("a sync", || {
            run.send(key(shipment, 1));
            shipment += 1;
            (sync_count(&fixture) >= count).then_some(())
        });
    }
    run.close().expect("closed");
}

#[test]
fn wal_is_bounded_by_syncs_also_while_another_run_writes() {
    let fixture = Fixture::new();
    let stores = [scope("ann@example.com"), scope("bob@example.com")].map(|scope| {
        let store = Store::open_or_create(&fixture.path()).expect("a ledger");
        let id = store.register(&scope, "test", 0).expect("registered");
        (store, id)
    });
    let mut shipments = 0..;
    let mut largest = 0;
    for round in 0..10 {
        for (store, id) in &stores {
            for shipment in shipments.by_ref().take(200) {
                let new = LedgerEntry::new(id.scope, key(shipment, 1), "A1", "1Z999");
                let write = |connection: &_| entry::write(connection, &mut new.clone());
                store.transaction(write).expect("written");
            }
            store.sync(id.run, None).expect("synced");
        }
        let wal = stores[0].0.bytes();
        assert!(round == 0 || wal <= 2 * largest, "{wal} bytes after {largest}");
        if round == 0 {
            largest = wal;
        }
    }
    for (store, id) in stores {
        store.close(id.run).expect("closed");
    }
}

#[test]
fn group_of_many_callers_is_answered_in_their_order() {
    let fixture = Fixture::new();
    let run = fixture.open();
    let keys: Vec<Key> = (0..64).map(|shipment| key(shipment, 1)).collect();
    wait(async {
        let begun = join_all(keys.iter().map(|key| run.0.begin(*key, "A1", "1Z999"))).await;
        assert!(begun.iter().all(Result::is_ok));
        let ends = keys.iter().map(|key| run.0.end(*key, Conclusion::Accepted));
        assert!(join_all(ends).await.iter().all(Result::is_ok));
        let histories = join_all(keys.iter().map(|key| run.0.history(*key))).await;
        assert!(histories.iter().flatten().all(|history| history.accepted.is_some()));
    });
}

#[test]
fn payload_found_unknown_by_two_callers_is_inserted_once() {
    let fixture = Fixture::new();
    let run = fixture.open();
    let (a, b) = (key(1, 1), key(1, 2));
    for key in [a, b, a] {
        assert_eq!(run.history(key), Ok(History::default()));
    }
    for key in [a, b, a] {
        run.send(key);
        assert!(run.knows(key));
    }
    assert!(run.history(b).expect("a history").other_payload);
    run.close().expect("closed");
    assert_eq!(fixture.admin().verify(), Ok(2));
}

#[test]
fn look_up_during_an_attempt_changes_nothing_of_it() {
    let fixture = Fixture::new();
    let run = fixture.open();
    run.begin(key(1, 1)).expect("recorded");
    let first = run.history(key(1, 1)).expect("a history");
    assert!(first.in_doubt.is_some() && first.seen_in_this_run, "{first:?}");
    run.end(key(1, 1), Conclusion::NotAccepted).expect("recorded");
    assert_eq!(run.history(key(1, 1)).expect("a history").in_doubt, None);
    run.close().expect("closed");
    let run = fixture.open();
    run.begin(key(1, 1)).expect("recorded");
    run.close().expect("closed");
    // Now the look-up marks the entry, and what was in doubt before comes back all the same.
    let run = fixture.open();
    let since = run.history(key(1, 1)).expect("a history").in_doubt;
    run.begin(key(1, 1)).expect("recorded");
    run.history(key(1, 1)).expect("a history");
    run.end(key(1, 1), Conclusion::NotAccepted).expect("recorded");
    assert!(since.is_some());
    assert_eq!(run.history(key(1, 1)).expect("a history").in_doubt, since);
}

#[test]
fn dropped_futures_break_nothing() {
    let fixture = Fixture::new();
    let run = fixture.open();
    wait(async {
        for shipment in 0..100 {
            // Polled once, so that it is queued, then dropped.
            let mut begun = Box::pin(run.0.begin(key(shipment, 1), "A1", "1Z999"));
            drop(futures::poll!(begun.as_mut()));
        }
    });
    run.send(key(7, 1));
    assert!(run.knows(key(7, 1)));
    run.close().expect("closed");
    assert!(fixture.admin().doubts().expect("listed").len() <= 99);
}

#[cfg(unix)]
#[test]
fn lock_file_removed_or_replaced_stops_the_run() {
    for replaced in [false, true] {
        let fixture = Fixture::new();
        let run = fixture.open();
        run.send(key(1, 1));
        let path = run_lock(&fixture);
        std::fs::remove_file(&path).expect("removed");
        if replaced {
            std::fs::write(&path, "1\n").expect("written");
        }
        let error = eventually("the error", || run.history(key(2, 1)).err());
        assert!(matches!(error, Error::LockLost { .. }), "{error}");
        assert_eq!(run.begin(key(3, 1)), Err(error.clone()), "the first error is final");
        assert_eq!(run.close(), Err(error));
    }
}

#[cfg(unix)]
#[test]
fn ledger_moved_or_replaced_stops_the_run() {
    let fixture = Fixture::new();
    let run = fixture.open();
    run.send(key(1, 1));
    std::fs::rename(fixture.path(), fixture.folder.path().join("away.db")).expect("moved");
    let error = eventually("the error", || run.history(key(2, 1)).err());
    assert!(matches!(error, Error::Vanished { .. }), "{error}");
}

fn run_lock(fixture: &Fixture) -> PathBuf {
    crate::ledger::lock::lock_path(&fixture.path(), &fixture.scope)
}
