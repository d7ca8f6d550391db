//! Full, read-only and vanishing disks: an error that says so, once and for ever, and nothing
//! forgotten of what was answered.

use super::*;
use crate::ledger::book::Book;
use crate::ledger::journal;
use crate::ledger::lock::Lock;
use crate::ledger::store::{Entered, Store};

/// Sends until an error comes; gives how many were accepted.
fn fill(run: &Run) -> (u128, Error) {
    for shipment in 0.. {
        let done = run
            .intend(key(shipment, 1))
            .and_then(|()| run.conclude(key(shipment, 1), Conclusion::Accepted));
        if let Err(error) = done {
            return (shipment, error);
        }
    }
    unreachable!("there is no end of numbers")
}

/// Holds the ledger against what was answered before it failed at `failed`.
fn verify(run: &Run, failed: u128) {
    assert!((0..failed).all(|shipment| run.knows(key(shipment, 1))));
    assert!(!run.knows(key(failed, 1)));
    assert!(!run.knows(key(failed + 1, 1)));
}

#[test]
fn a_ledger_that_can_grow_no_more_says_no_space_and_keeps_what_it_has() {
    let shelf = Shelf::new();
    let store = Store::open_or_make(&shelf.path()).expect("a ledger");
    let mut lock = Lock::take(store.path(), &shelf.scope, "test").expect("free");
    let Entered { scope, run, .. } =
        store.register(&shelf.scope, "test", 0, &mut lock).expect("entered");
    store.connection.execute_batch("PRAGMA max_page_count = 14").expect("set");
    let ledger = Ledger::begin(
        store,
        lock,
        journal::Run { id: run, started: 0, scope },
        Book::first(scope, run),
    )
    .expect("begun");
    let mut failed = 0;
    let error = loop {
        let key = key(failed, 1);
        let done = ledger
            .intend(key, "A1", "1Z999")
            .and_then(|()| ledger.conclude(key, Conclusion::Accepted));
        let done = done.and_then(|()| ledger.write());
        match done {
            Ok(()) => failed += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::NoSpace { .. }), "{error}");
    assert!(error.to_string().contains("no space"));
    assert_eq!(wait(ledger.sync()), Err(error.clone()), "the first failure is the last");
    assert!(failed > 5, "it held {failed}");
    assert_eq!(ledger.close(), Err(error));
    verify(&shelf.open(), failed);
}

#[test]
fn a_failure_is_never_got_over_even_if_its_cause_is() {
    let shelf = Shelf::new();
    // A scope's first run would not look for what it did not write.
    shelf.open().close().expect("closed");
    let run = shelf.open();
    run.send(key(1, 1));
    let connection = rusqlite::Connection::open(shelf.path()).expect("opened");
    connection.execute_batch("ALTER TABLE payload RENAME TO hidden").expect("renamed");
    let first = run.look_up(key(9, 1)).expect_err("there is no such table");
    assert!(matches!(first, Error::Damaged { .. }), "{first}");
    connection.execute_batch("ALTER TABLE hidden RENAME TO payload").expect("renamed");
    assert_eq!(run.intend(key(2, 1)), Err(first.clone()));
    assert_eq!(run.conclude(key(2, 1), Conclusion::Accepted), Err(first.clone()));
    assert_eq!(wait(run.0.sync()), Err(first.clone()));
    assert_eq!(run.close(), Err(first));
}

#[cfg(unix)]
#[test]
fn a_ledger_that_is_deleted_or_replaced_while_it_is_used_is_missed() {
    let shelf = Shelf::new();
    let run = shelf.open();
    run.send(key(1, 1));
    std::fs::rename(shelf.path(), shelf.folder.path().join("away.db")).expect("moved");
    let error = wait(run.0.sync()).expect_err("it is gone");
    assert!(matches!(error, Error::Vanished { .. }), "{error}");
}

#[cfg(target_os = "linux")]
mod disks {
    use std::process::{Command, Stdio};

    use super::*;

    /// A small disk of its own, where that is allowed.
    struct Disk<'a>(&'a Path);

    impl<'a> Disk<'a> {
        fn mount(at: &'a Path, size: &str) -> Option<Self> {
            let options = format!("size={size}");
            mount(&["-t", "tmpfs", "-o", &options, "lateship-test"], at).then_some(Self(at))
        }

        fn remount(&self, options: &str) {
            assert!(mount(&["-o", &format!("remount,{options}")], self.0));
        }
    }

    impl Drop for Disk<'_> {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg("-l").arg(self.0).status();
        }
    }

    fn mount(options: &[&str], at: &Path) -> bool {
        let status = Command::new("mount").args(options).arg(at).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    #[test]
    fn a_full_disk_says_no_space_and_more_room_is_all_it_takes() {
        let shelf = Shelf::new();
        for size in ["64k", "160k", "400k", "1m"] {
            let Some(disk) = Disk::mount(shelf.folder.path(), size) else { return };
            match Run::open(&shelf.path(), &shelf.scope) {
                Err(error) => assert!(matches!(error, Error::NoSpace { .. }), "{size}: {error}"),
                Ok(run) => {
                    let (failed, error) = fill(&run);
                    assert!(matches!(error, Error::NoSpace { .. }), "{size}: {error}");
                    assert_eq!(run.close(), Err(error));
                    disk.remount("size=8m");
                    verify(&shelf.open(), failed);
                }
            }
        }
    }

    #[test]
    fn a_read_only_disk_is_refused_before_anything_is_sent() {
        let shelf = Shelf::new();
        let Some(disk) = Disk::mount(shelf.folder.path(), "4m") else { return };
        disk.remount("ro");
        let error = Run::open(&shelf.path(), &shelf.scope).err().expect("nothing can be made");
        assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
        disk.remount("rw");
        let run = shelf.open();
        run.send(key(1, 1));
        run.close().expect("closed");
        disk.remount("ro");
        let error = Run::open(&shelf.path(), &shelf.scope).err().expect("nothing can be written");
        assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
        disk.remount("rw");
        assert!(shelf.open().knows(key(1, 1)));
    }
}
