//! One run for an endpoint and an account at a time, and no shop in another's way.

use super::*;
use crate::ledger::{Archive, Forget, Holder};

#[test]
fn a_second_run_of_the_same_shop_is_refused_and_told_by_whom() {
    let shelf = Shelf::new();
    let first = shelf.open();
    let refused = Run::open(&shelf.path(), &shelf.scope).err().expect("refused");
    let told = refused.to_string();
    let Error::Locked { holder: Holder::Known { pid, what, .. }, .. } = refused else {
        panic!("{told}")
    };
    assert_eq!((pid, what.as_str()), (std::process::id(), "orders.csv"));
    assert!(told.contains("orders.csv") && told.contains(&pid.to_string()), "{told}");
    first.close().expect("closed");
    drop(shelf.open());
    shelf.open().close().expect("a run that was dropped gave its lock back, too");
}

#[cfg(unix)]
#[test]
fn all_links_to_a_ledger_lead_to_the_same_lock() {
    let shelf = Shelf::new();
    let _first = shelf.open();
    let link = shelf.folder.path().join("link.db");
    std::os::unix::fs::symlink(shelf.path(), &link).expect("linked");
    assert!(matches!(Run::open(&link, &shelf.scope), Err(Error::Locked { .. })));
}

#[cfg(unix)]
#[test]
fn everything_is_made_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mut shelf = Shelf::new();
    shelf.name = "state/lateship/ledger.db";
    let run = shelf.open();
    run.send(key(1, 1));
    let folder = shelf.path().parent().expect("a folder").to_owned();
    let rights = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(rights(&folder), 0o700);
    let files: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("a folder").map(|e| e.expect("a file").path()).collect();
    assert_eq!(
        files.len(),
        7,
        "the ledger, its log, its index, its door, a lock and a journal of two: {files:?}"
    );
    for file in files {
        assert_eq!(rights(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn the_runs_of_many_shops_start_and_write_at_the_same_time() {
    let shelf = Shelf::new();
    let path = shelf.path();
    std::thread::scope(|threads| {
        for shop in 0..4 {
            let path = &path;
            threads.spawn(move || {
                let run = Run::open(path, &scope(&format!("{shop}@example.com")))
                    .expect("a ledger of its own");
                for shipment in 0..100 {
                    run.send(key(shipment, 1));
                }
                run.close().expect("closed");
            });
        }
    });
    let stats = Archive::open(&path).and_then(|archive| archive.stats()).expect("counted");
    assert_eq!(stats.scopes.len(), 4);
    assert!(
        stats.scopes.iter().all(|shop| (shop.shipments, shop.doubts, shop.runs) == (100, 0, 1))
    );
}

#[test]
fn what_a_run_goes_by_is_not_changed_beneath_it() {
    let shelf = Shelf::new();
    let run = shelf.open();
    run.send(key(1, 1));
    wait(run.0.sync()).expect("in the tables");
    let bob = scope("bob@example.com");
    let other = Run::open(&shelf.path(), &bob).expect("a ledger");
    other.send(key(2, 1));
    other.close().expect("closed");

    let archive = Archive::open(&shelf.path()).expect("a ledger");
    let all = Forget::Run(1);
    assert!(matches!(archive.forget(&all), Err(Error::Locked { .. })));
    let adopted = archive.adopt(&shelf.scope, "adopt", |adoption| adoption.add(key(9, 9), "", ""));
    assert!(matches!(adopted, Err(Error::Locked { .. })));
    assert_eq!(
        archive.forget(&Forget::Run(2)),
        Ok(1),
        "another shop's shipments may be forgotten meanwhile"
    );
    assert!(run.knows(key(1, 1)));
    run.close().expect("closed");
    assert_eq!(archive.forget(&all), Ok(1));
}

#[test]
fn another_program_that_holds_the_ledger_is_named_as_such() {
    let shelf = Shelf::new();
    shelf.open().close().expect("closed");
    let browser = rusqlite::Connection::open(shelf.path()).expect("opened");
    browser.execute_batch("BEGIN IMMEDIATE").expect("held");
    let store = crate::ledger::store::Store::open(&shelf.path()).expect("opened");
    store.connection.busy_timeout(std::time::Duration::ZERO).expect("impatient");
    let busy = store.begin().expect_err("held");
    assert!(matches!(busy, Error::Busy { .. }), "{busy}");
}
