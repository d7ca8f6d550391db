//! Full and read-only disks: an error that says so and is final, and nothing forgotten of what was
//! answered.

use super::*;
use crate::ledger::lock::Lock;

/// Sends until an error comes; gives how many were accepted.
fn fill(run: &Run) -> (u128, Error) {
    for shipment in 0.. {
        let done = run
            .begin(key(shipment, 1))
            .and_then(|()| run.end(key(shipment, 1), Conclusion::Accepted));
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
fn ledger_that_cannot_grow_says_no_space_and_keeps_what_it_has() {
    let fixture = Fixture::new();
    let store = Store::open_or_create(&fixture.path()).expect("a ledger");
    let lock = Lock::take(store.path(), &fixture.scope, "test").expect("free");
    let id = store.register(&fixture.scope, "test", 0).expect("registered");
    store.connection.execute_batch("PRAGMA max_page_count = 14").expect("set");
    let run = Run(Ledger::start(store, lock, id).expect("started"));
    let (failed, error) = fill(&run);
    assert!(matches!(error, Error::NoSpace { .. }), "{error}");
    assert!(error.to_string().contains("no space"));
    assert_eq!(run.history(key(0, 1)), Err(error.clone()), "the first error is final");
    assert!(failed > 5, "it held {failed}");
    assert_eq!(run.close(), Err(error));
    verify(&fixture.open(), failed);
}

#[test]
fn first_error_is_final_even_if_its_cause_is_gone() {
    let fixture = Fixture::new();
    let run = fixture.open();
    run.send(key(1, 1));
    fixture.execute("ALTER TABLE payload RENAME TO hidden");
    let first = run.history(key(9, 1)).expect_err("there is no such table");
    assert!(matches!(first, Error::Damaged { .. }), "{first}");
    fixture.execute("ALTER TABLE hidden RENAME TO payload");
    assert_eq!(run.begin(key(2, 1)), Err(first.clone()));
    assert_eq!(run.end(key(2, 1), Conclusion::Accepted), Err(first.clone()));
    assert_eq!(run.close(), Err(first));
}

#[cfg(target_os = "linux")]
mod disks {
    use std::process::{Command, Stdio};

    use super::*;

    /// A small disk, where mounting is allowed.
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
    fn full_disk_says_no_space_and_more_room_is_enough() {
        let fixture = Fixture::new();
        for size in ["64k", "160k", "400k", "1m"] {
            let Some(disk) = Disk::mount(fixture.folder.path(), size) else { return };
            match Run::open(&fixture.path(), &fixture.scope) {
                Err(error) => assert!(matches!(error, Error::NoSpace { .. }), "{size}: {error}"),
                Ok(run) => {
                    let (failed, error) = fill(&run);
                    assert!(matches!(error, Error::NoSpace { .. }), "{size}: {error}");
                    assert_eq!(run.close(), Err(error));
                    disk.remount("size=8m");
                    verify(&fixture.open(), failed);
                }
            }
        }
    }

    #[test]
    fn read_only_disk_is_refused() {
        let fixture = Fixture::new();
        let Some(disk) = Disk::mount(fixture.folder.path(), "4m") else { return };
        disk.remount("ro");
        let error = Run::open(&fixture.path(), &fixture.scope).err().expect("nothing can be made");
        assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
        disk.remount("rw");
        let run = fixture.open();
        run.send(key(1, 1));
        run.close().expect("closed");
        disk.remount("ro");
        let error =
            Run::open(&fixture.path(), &fixture.scope).err().expect("nothing can be written");
        assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
        disk.remount("rw");
        assert!(fixture.open().knows(key(1, 1)));
    }
}
