//! A damaged, foreign, newer or outdated ledger: right memory or an error, never a shipment that
//! looks unknown.

use std::fs;

use super::*;

/// Shipments in the ledger that is damaged; those with an odd number have two payloads.
const SHIPMENTS: u128 = 400;

fn damaged_shelf() -> (Shelf, Vec<u8>) {
    let shelf = Shelf::new();
    for payload in 1..=2 {
        let run = shelf.open();
        for shipment in (0..SHIPMENTS).filter(|shipment| payload == 1 || shipment % 2 == 1) {
            run.send(key(shipment, payload));
        }
        run.close().expect("closed");
    }
    let whole = fs::read(shelf.path()).expect("there");
    (shelf, whole)
}

/// Opens the ledger as it now is, and looks at everything. Gives whether it came to an error.
fn examine(shelf: &Shelf, what: &str) -> bool {
    let run = match Run::open(&shelf.path(), &shelf.scope) {
        Ok(run) => run,
        Err(error) => {
            assert!(!matches!(error, Error::Ended { .. } | Error::Busy { .. }), "{what}: {error}");
            return true;
        }
    };
    for shipment in 0..SHIPMENTS {
        for payload in 1..=3 {
            let Ok(memory) = run.look_up(key(shipment, payload)) else { return true };
            let sent = payload == 1 + shipment % 2;
            assert_eq!(
                memory.accepted.is_some(),
                sent,
                "{what}: shipment {shipment}, payload {payload}"
            );
            assert!(memory.accepted_before && memory.in_doubt.is_none(), "{what}");
            assert!(!memory.seen_in_this_run, "{what}");
        }
    }
    let new = run.look_up(key(SHIPMENTS, 1));
    new.map(|memory| assert_eq!(memory, Memory::default(), "{what}")).is_err()
}

/// Examines the ledger after `harm`, with the lock files as they were.
fn harmed(shelf: &Shelf, whole: &[u8], what: &str, harm: impl FnOnce(&mut Vec<u8>)) -> bool {
    let mut bytes = whole.to_vec();
    harm(&mut bytes);
    for entry in fs::read_dir(shelf.folder.path()).expect("a folder") {
        fs::remove_file(entry.expect("a file").path()).expect("removed");
    }
    fs::write(shelf.path(), &bytes).expect("written");
    examine(shelf, what)
}

#[test]
fn a_damaged_byte_anywhere_never_makes_a_shipment_look_unsent() {
    let (shelf, whole) = damaged_shelf();
    let mut random = fastrand::Rng::with_seed(0x1a7e);
    // How many places; all of the header are among them.
    let places: usize =
        std::env::var("LATESHIP_TEST_DAMAGES").ok().and_then(|n| n.parse().ok()).unwrap_or(150);
    let mut errors = 0;
    for turn in 0..places {
        let at = if turn < 100 { turn } else { random.usize(..whole.len()) };
        let with = 1 << random.u8(..8);
        errors += u32::from(harmed(&shelf, &whole, &format!("byte {at} ^ {with}"), |bytes| {
            bytes[at] ^= with;
        }));
    }
    assert!(errors > 10, "something was noticed");
}

#[test]
fn a_damaged_page_never_makes_a_shipment_look_unsent() {
    let (shelf, whole) = damaged_shelf();
    assert!(!harmed(&shelf, &whole, "nothing", |_| {}));
    let pages = whole.len() / 4096;
    let page = |number: usize| number * 4096..(number + 1) * 4096;
    for number in 0..pages {
        harmed(&shelf, &whole, &format!("page {number} is empty"), |bytes| {
            bytes[page(number)].fill(0);
        });
        let other = (number + pages / 2) % pages;
        let swapped = |bytes: &mut Vec<u8>| bytes.copy_within(page(other), number * 4096);
        harmed(&shelf, &whole, &format!("page {number} is page {other}"), swapped);
        harmed(&shelf, &whole, &format!("it ends at page {number}"), |bytes| {
            bytes.truncate(number.max(1) * 4096 - 7);
        });
    }
}

#[test]
fn what_is_no_ledger_is_left_alone() {
    let shelf = Shelf::new();
    let open = || Run::open(&shelf.path(), &shelf.scope);
    fs::write(shelf.path(), "order,tracking\n".repeat(100)).expect("written");
    assert!(matches!(open(), Err(Error::Foreign { .. })));
    fs::remove_file(shelf.path()).expect("removed");
    rusqlite::Connection::open(shelf.path())
        .and_then(|c| c.execute_batch("CREATE TABLE mine (a)"))
        .expect("made");
    assert!(matches!(open(), Err(Error::Foreign { .. })));
    assert!(matches!(Run::open(shelf.folder.path(), &shelf.scope), Err(Error::Foreign { .. })));
}

#[test]
fn a_ledger_of_a_newer_version_is_left_alone() {
    let shelf = Shelf::new();
    shelf.open().close().expect("closed");
    let connection = rusqlite::Connection::open(shelf.path()).expect("opened");
    connection.execute_batch("PRAGMA user_version = 4").expect("set");
    drop(connection);
    let error = Run::open(&shelf.path(), &shelf.scope).err();
    assert!(matches!(error, Some(Error::Newer { version: 4, known: 3, .. })), "{error:?}");
}

#[test]
fn an_older_copy_a_deleted_ledger_or_a_lost_log_is_noticed_until_the_lock_is_deleted() {
    let shelf = Shelf::new();
    let run = shelf.open();
    run.send(key(1, 1));
    wait(run.0.sync()).expect("synced");
    let lost_log = fs::read(shelf.path()).expect("there");
    run.close().expect("closed");
    let older = fs::read(shelf.path()).expect("there");
    let run = shelf.open();
    run.send(key(2, 1));
    run.close().expect("closed");

    let run = shelf.open();
    run.send(key(3, 1));
    wait(run.0.sync()).expect("synced");
    let log = shelf.folder.path().join("ledger.db-wal");
    let foreign_log = fs::read(&log).expect("there");
    run.close().expect("closed");

    for (copy, its_log) in [(&lost_log, None), (&older, None), (&older, Some(&foreign_log))] {
        fs::write(shelf.path(), copy).expect("written");
        if let Some(its_log) = its_log {
            fs::write(&log, its_log).expect("written");
        }
        let error = Run::open(&shelf.path(), &shelf.scope).err().expect("it has lost something");
        assert!(matches!(error, Error::Older { .. }), "{error}");
        fs::remove_file(&log).expect("removed");
    }
    fs::remove_file(shelf.path()).expect("removed");
    let Err(Error::Older { lock, .. }) = Run::open(&shelf.path(), &shelf.scope) else {
        panic!("it is gone")
    };
    fs::write(shelf.path(), &older).expect("written");
    fs::remove_file(lock).expect("removed");
    let run = shelf.open();
    assert!(run.knows(key(1, 1)) && !run.knows(key(2, 1)));
}
