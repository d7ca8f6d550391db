//! One run for an endpoint and an account at a time, and no shop in another's way.

use super::*;
use crate::ledger::Forget;

#[test]
fn second_run_of_a_scope_is_refused_by_name() {
    let fixture = Fixture::new();
    let first = fixture.open();
    let refused = Run::open(&fixture.path(), &fixture.scope).err().expect("refused");
    assert!(refused.is_locked(), "{refused}");
    let text = refused.to_string();
    assert!(
        text.contains("orders.csv") && text.contains(&std::process::id().to_string()),
        "{text}"
    );
    first.close().expect("closed");
    drop(fixture.open());
    fixture.open().close().expect("a run that was dropped gave its lock back, too");
}

#[cfg(unix)]
#[test]
fn symbolic_link_leads_to_the_same_lock() {
    let fixture = Fixture::new();
    let _first = fixture.open();
    let link = fixture.folder.path().join("link.db");
    std::os::unix::fs::symlink(fixture.path(), &link).expect("linked");
    assert!(matches!(Run::open(&link, &fixture.scope), Err(Error::Locked(..))));
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mut fixture = Fixture::new();
    fixture.name = "state/lateship/ledger.db";
    let run = fixture.open();
    run.send(key(1, 1));
    let folder = fixture.path().parent().expect("a folder").to_owned();
    let rights = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(rights(&folder), 0o700);
    let files: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("a folder").map(|e| e.expect("a file").path()).collect();
    assert_eq!(files.len(), 5, "the ledger, its log, the log's index, two locks: {files:?}");
    for file in files {
        assert_eq!(rights(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn runs_of_many_scopes_write_at_the_same_time() {
    let fixture = Fixture::new();
    let path = fixture.path();
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
    let stats = Store::open(&path).and_then(|admin| admin.stats()).expect("counted");
    assert_eq!(stats.len(), 4);
    assert!(stats.iter().all(|shop| (shop.shipments, shop.doubts, shop.runs) == (100, 0, 1)));
}

#[test]
fn changes_wait_for_no_run_and_are_refused() {
    let fixture = Fixture::new();
    let run = fixture.open();
    run.send(key(1, 1));
    let bob = scope("bob@example.com");
    let other = Run::open(&fixture.path(), &bob).expect("a ledger");
    other.send(key(2, 1));
    other.close().expect("closed");

    let admin = Store::open(&fixture.path()).expect("a ledger");
    let all = Forget::Run(1);
    assert!(matches!(admin.forget(&all), Err(Error::Locked(..))));
    assert_eq!(
        admin.forget(&Forget::Run(2)),
        Ok(1),
        "another shop's shipments may be forgotten meanwhile"
    );
    assert!(run.knows(key(1, 1)));
    run.close().expect("closed");
    assert_eq!(admin.forget(&all), Ok(1));
}

#[test]
fn program_that_holds_the_ledger_is_reported() {
    let fixture = Fixture::new();
    fixture.open().close().expect("closed");
    let browser = rusqlite::Connection::open(fixture.path()).expect("opened");
    browser.execute_batch("BEGIN IMMEDIATE").expect("held");
    let store = Store::open(&fixture.path()).expect("opened");
    store.connection.busy_timeout(std::time::Duration::ZERO).expect("impatient");
    let busy = store.error(store.transaction(|_| Ok(())).expect_err("held"));
    assert!(matches!(busy, Error::Busy { .. }), "{busy}");
}

#[test]
fn reader_of_an_old_moment_hinders_no_run() {
    let fixture = Fixture::new();
    fixture.open().close().expect("closed");
    let browser = rusqlite::Connection::open(fixture.path()).expect("opened");
    let begin = "BEGIN; SELECT count(*) FROM payload";
    browser.execute_batch(begin).expect("a moment");
    let run = fixture.open();
    run.send(key(1, 1));
    run.close().expect("closed, though the log could not be moved into the file");
    let run = fixture.open();
    assert!(run.knows(key(1, 1)));
    drop(browser);
    run.close().expect("closed");
    assert_eq!(fixture.admin().verify(), Ok(1));
}

#[cfg(unix)]
#[test]
fn hard_link_is_refused() {
    let fixture = Fixture::new();
    fixture.open().close().expect("closed");
    std::fs::create_dir(fixture.folder.path().join("other")).expect("made");
    let link = fixture.folder.path().join("other/ledger.db");
    std::fs::hard_link(fixture.path(), &link).expect("linked");
    for path in [&fixture.path(), &link] {
        let error = Run::open(path, &fixture.scope).err().expect("refused");
        assert!(matches!(error, Error::HardLinked(_, 2)), "{error}");
        assert!(error.to_string().contains("remove the other names"), "{error}");
    }
    std::fs::remove_file(link).expect("removed");
    fixture.open().close().expect("closed");
}

#[test]
fn lock_file_and_run_table_show_no_query() {
    let fixture = Fixture::new();
    let what =
        "lateship import orders.csv --endpoint 'https://a.example.com/hook?key=s3cret' -m shop";
    let run = Ledger::open(&fixture.path(), &fixture.scope, what).expect("a ledger");
    let refused = Run::open(&fixture.path(), &fixture.scope).err().expect("refused").to_string();
    assert!(refused.contains("'https://a.example.com/hook?…' -m shop"), "{refused}");
    run.close().expect("closed");
    for file in std::fs::read_dir(fixture.folder.path()).expect("a folder") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("read");
        assert!(!bytes.windows(6).any(|bytes| bytes == b"s3cret"));
    }
}

#[test]
fn scope_with_another_query_is_another_scope() {
    let fixture = Fixture::new();
    let run = fixture.open();
    run.send(key(1, 1));
    let with_query = Scope { query_hash: Some(7), ..fixture.scope.clone() };
    let other = Run::open(&fixture.path(), &with_query).expect("a lock for each");
    assert!(!other.knows(key(1, 1)));
    other.close().expect("closed");
    run.close().expect("closed");
    let scopes = fixture.admin().stats().expect("counted");
    assert_eq!(scopes[1].scope, with_query);
}
