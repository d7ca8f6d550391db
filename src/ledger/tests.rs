//! The ledger against real files: its rule over many nights, kills, and what breaks.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::book::Book;
use super::*;

struct Home {
    _folder: TempDir,
    path: PathBuf,
}

fn home() -> Home {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state/ledger.db");
    Home { _folder: folder, path }
}

fn scope(account: &str) -> Scope {
    Scope { endpoint: "https://shop.example.com/hook".to_owned(), account: account.to_owned() }
}

fn key(identity: u128, payload: u128) -> Key {
    Key { identity, payload }
}

impl Home {
    fn open(&self) -> Ledger {
        Ledger::open(&self.path, &scope("ops@example.com"), "a test").expect("a ledger")
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

fn memory(ledger: &Ledger, key: Key) -> Memory {
    wait(ledger.look_up(vec![key])).expect("readable").remove(0)
}

/// Sends what is not remembered as sent; says whether it was sent.
fn deliver(ledger: &Ledger, key: Key) -> bool {
    let memory = memory(ledger, key);
    if memory.accepted.is_some() || memory.seen_in_this_run {
        return false;
    }
    wait(ledger.intend(key, "1001", "1Z")).expect("written");
    wait(ledger.conclude(key, Conclusion::Accepted)).expect("written");
    true
}

#[test]
fn what_was_accepted_is_already_sent_in_the_next_run_and_nothing_else_is() {
    let home = home();
    let first = home.open();
    assert_eq!(memory(&first, key(1, 1)), Memory::default());
    assert!(deliver(&first, key(1, 1)));
    wait(first.intend(key(2, 1), "1002", "1Z")).expect("written");
    wait(first.conclude(key(2, 1), Conclusion::NotAccepted)).expect("written");
    assert!(memory(&first, key(2, 1)).seen_in_this_run);
    first.close().expect("written");
    let second = home.open();
    assert_eq!(second.run(), 2);
    let known = memory(&second, key(1, 1));
    assert_eq!(known.accepted.map(|accepted| accepted.run), Some(1));
    assert!(!known.seen_in_this_run && known.in_doubt.is_none());
    let failed = memory(&second, key(2, 1));
    assert!(failed.accepted.is_none() && failed.in_doubt.is_none());
    let changed = memory(&second, key(1, 2));
    assert!(changed.accepted.is_none() && changed.other_payload);
}

#[test]
fn an_intent_without_a_conclusion_is_in_doubt_even_if_the_program_was_killed() {
    let home = home();
    let ledger = home.open();
    wait(ledger.intend(key(1, 1), "1001", "1Z")).expect("written");
    wait(ledger.intend(key(2, 1), "1002", "1Z")).expect("written");
    wait(ledger.conclude(key(2, 1), Conclusion::InDoubt)).expect("written");
    wait(ledger.intend(key(3, 1), "1003", "1Z")).expect("written");
    wait(ledger.conclude(key(3, 1), Conclusion::Accepted)).expect("written");
    // As a killed process leaves it: nothing closed, the lock gone.
    let copy = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(home.path.parent().expect("a folder")).expect("readable") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("copied");
    }
    let again = Ledger::open(&copy.path().join("ledger.db"), &scope("ops@example.com"), "again").expect("a ledger");
    assert!(memory(&again, key(1, 1)).in_doubt.is_some());
    assert!(memory(&again, key(2, 1)).in_doubt.is_some());
    assert!(memory(&again, key(3, 1)).accepted.is_some());
    assert!(memory(&again, key(3, 1)).in_doubt.is_none());
}

#[test]
fn a_status_that_goes_back_is_sent_again_and_an_interrupted_night_changes_nothing() {
    let home = home();
    let night = |payloads: &[u128]| -> Vec<bool> {
        let ledger = home.open();
        let sent = payloads.iter().map(|payload| deliver(&ledger, key(1, *payload))).collect();
        ledger.close().expect("written");
        sent
    };
    assert_eq!(night(&[1]), [true]);
    assert_eq!(night(&[2]), [true]);
    // Looked up, but not sent: the run was interrupted before its turn.
    let ledger = home.open();
    assert!(memory(&ledger, key(1, 1)).accepted.is_none());
    ledger.close().expect("written");
    assert_eq!(night(&[1]), [true], "it went back");
    assert_eq!(night(&[1]), [false]);
    assert_eq!(night(&[2]), [true], "and forth");
}

#[test]
fn one_run_at_a_time_for_an_account_and_others_go_on() {
    let home = home();
    let first = home.open();
    let second = Ledger::open(&home.path, &scope("ops@example.com"), "the second").expect_err("locked");
    assert!(
        second.is_locked() && second.to_string().contains("a test") && second.to_string().contains("process"),
        "{second}"
    );
    let other = Ledger::open(&home.path, &scope("else@example.com"), "another shop").expect("not in its way");
    assert!(deliver(&other, key(1, 1)) && deliver(&first, key(1, 1)), "each has its own memory");
    first.close().expect("written");
    home.open();
}

#[cfg(unix)]
#[test]
fn the_ledger_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = home();
    drop(home.open());
    let mode = |path: &std::path::Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&home.path), 0o600);
    assert_eq!(mode(home.path.parent().expect("a folder")), 0o700);
}

#[test]
fn a_ledger_that_cannot_be_trusted_is_refused_with_what_to_do() {
    let home = home();
    drop(home.open());
    let good = fs::read(&home.path).expect("readable");
    let open = || Ledger::open(&home.path, &scope("ops@example.com"), "x").map(drop);
    fs::write(&home.path, "no database at all, but some text that is long enough").expect("written");
    assert!(open().expect_err("damaged").to_string().contains("adopt"));
    fs::write(&home.path, &good).expect("written");
    Book::open(&home.path).expect("good").connection.pragma_update(None, "user_version", 99).expect("written");
    assert!(open().expect_err("newer").to_string().contains("newer version"));
}

#[test]
fn doubts_are_listed_and_decided_and_shipments_forgotten_and_adopted() {
    let home = home();
    let ledger = home.open();
    for (identity, order) in [(1, "1001"), (2, "1002")] {
        wait(ledger.intend(key(identity, 1), order, "1Z")).expect("written");
    }
    assert!(deliver(&ledger, key(3, 1)));
    let archive = Archive::open(&home.path).expect("readable");
    assert!(archive.resolve("1001", Doubt::Sent).expect_err("a run is in the way").is_locked());
    drop(ledger);
    let doubts = || {
        let mut orders = Vec::new();
        archive
            .each(true, |doubt| {
                orders.push(doubt.order_no);
                Ok::<_, ()>(())
            })
            .expect("readable")
            .expect("taken");
        orders
    };
    assert_eq!(doubts(), ["1001", "1002"]);
    assert_eq!(archive.resolve("1001", Doubt::Sent).expect("written"), 1);
    assert_eq!(archive.resolve("1002", Doubt::Resend).expect("written"), 1);
    assert_eq!(doubts(), [""; 0]);
    let stats = archive.stats().expect("readable").remove(0);
    assert_eq!((stats.shipments, stats.doubts, stats.runs), (2, 0, 1));
    let adopted = [
        Ok::<_, ()>((key(9, 1), "1009".to_owned(), "T9".to_owned())),
        Ok((key(1, 1), "1001".to_owned(), "1Z".to_owned())),
    ];
    assert_eq!(Archive::adopt(&home.path, &scope("ops@example.com"), adopted.into_iter()).expect("written"), Ok(1));
    let ledger = home.open();
    assert!(memory(&ledger, key(1, 1)).accepted.is_some() && memory(&ledger, key(9, 1)).accepted.is_some());
    assert!(memory(&ledger, key(2, 1)).accepted.is_none());
    drop(ledger);
    assert_eq!(archive.forget(&Which::Order("1009".to_owned())).expect("written"), 1);
    assert_eq!(archive.forget(&Which::Run(1)).expect("written"), 2);
    assert!(memory(&home.open(), key(1, 1)).accepted.is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nights of rows (shipment, payload) against the rule in plain words: a payload is sent when it was never accepted,
    /// or when another of its shipment was accepted in a night after the last that had this one.
    #[test]
    fn the_rule_holds_over_any_nights(nights in prop::collection::vec(prop::collection::vec((0u128..3, 0u128..3), 0..8), 1..8)) {
        let home = home();
        let mut accepted: HashMap<(u128, u128), usize> = HashMap::new();
        let mut seen: HashMap<(u128, u128), usize> = HashMap::new();
        for (night, rows) in nights.iter().enumerate() {
            let night = night + 1;
            let ledger = home.open();
            let mut met = Vec::new();
            for row in rows {
                let (identity, payload) = *row;
                if let Some((_, before)) = met.iter().rev().find(|(other, before)| *other == identity && *before != payload) {
                    wait(ledger.see(key(identity, *before))).expect("written");
                }
                let superseded = accepted.iter().any(|((other_identity, other), at)| {
                    *other_identity == identity && *other != payload && *at > seen.get(row).copied().unwrap_or(0)
                });
                let expected = !met.contains(row) && (!accepted.contains_key(row) || superseded);
                prop_assert_eq!(deliver(&ledger, key(identity, payload)), expected, "night {} row {:?}", night, row);
                met.push(*row);
                if expected {
                    accepted.insert(*row, night);
                }
                seen.insert(*row, night);
            }
            ledger.close().expect("written");
        }
    }
}
