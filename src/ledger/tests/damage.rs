//! A damaged, foreign or newer ledger: a damaged row is found when it is read, all damage by verify.

use std::fs;

use futures::future::join_all;

use super::*;

/// Shipments in the ledger that is damaged; those with an odd number have two payloads.
const SHIPMENTS: u128 = 400;

fn damaged_fixture() -> (Fixture, Vec<u8>) {
    let fixture = Fixture::new();
    for payload in 1..=2 {
        let run = fixture.open();
        for shipment in (0..SHIPMENTS).filter(|shipment| payload == 1 || shipment % 2 == 1) {
            run.send(key(shipment, payload));
        }
        run.close().expect("closed");
    }
    let whole = fs::read(fixture.path()).expect("there");
    (fixture, whole)
}

/// What looking at all of a ledger showed.
#[derive(Debug, PartialEq, Eq)]
enum Findings {
    Right,
    /// Opening or reading it was an error.
    Error,
    /// Something was wrong without an error.
    Wrong(String),
}

/// Opens the ledger as it now is, and looks everything up.
fn examine(fixture: &Fixture) -> Findings {
    let run = match Run::open(&fixture.path(), &fixture.scope) {
        Ok(run) => run,
        Err(error) => {
            assert!(!matches!(error, Error::Ended { .. } | Error::Busy { .. }), "{error}");
            return Findings::Error;
        }
    };
    let all = (0..SHIPMENTS).flat_map(|shipment| (1..=3).map(move |payload| (shipment, payload)));
    let histories =
        join_all(all.clone().map(|(shipment, payload)| run.0.history(key(shipment, payload))));
    for ((shipment, payload), history) in all.zip(wait(histories)) {
        let Ok(history) = history else { return Findings::Error };
        let last = 1 + shipment % 2;
        let expected = (payload == last, payload != 1 || last != 1);
        let found = (history.accepted.is_some(), history.other_payload);
        if found != expected || history.in_doubt.is_some() || history.seen_in_this_run {
            return Findings::Wrong(format!("{shipment}, {payload}: {history:?}"));
        }
    }
    match run.history(key(SHIPMENTS, 1)) {
        Ok(history) if history == History::default() => Findings::Right,
        Ok(history) => Findings::Wrong(format!("{history:?}")),
        Err(_) => Findings::Error,
    }
}

/// Puts `bytes` in the place of the ledger; nothing else of it is left.
fn replace(fixture: &Fixture, bytes: &[u8]) {
    for entry in fs::read_dir(fixture.folder.path()).expect("a folder") {
        fs::remove_file(entry.expect("a file").path()).expect("removed");
    }
    fs::write(fixture.path(), bytes).expect("written");
}

/// What verify says of the ledger as it now is.
fn verify(fixture: &Fixture) -> Result<u64, Error> {
    Store::open(&fixture.path()).and_then(|admin| admin.verify())
}

/// Harms the ledger, and checks that verify finds what reading alone does not. Returns whether
/// verify found anything.
fn harmed(fixture: &Fixture, whole: &[u8], what: &str, harm: impl FnOnce(&mut Vec<u8>)) -> bool {
    let mut bytes = whole.to_vec();
    harm(&mut bytes);
    replace(fixture, &bytes);
    let verified = verify(fixture);
    replace(fixture, &bytes);
    let findings = examine(fixture);
    if let Findings::Wrong(wrong) = &findings {
        assert!(verified.is_err(), "{what}: verify found nothing, but {wrong}");
    }
    verified.is_err()
}

/// The pages of a table or an index that hold rows.
fn pages(fixture: &Fixture, name: &str) -> Vec<usize> {
    let connection = rusqlite::Connection::open(fixture.path()).expect("opened");
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let root: u32 = connection.query_row(sql, [name], |row| row.get(0)).expect("a root");
    let bytes = fs::read(fixture.path()).expect("there");
    let start = (root as usize - 1) * PAGE;
    let is_leaf = matches!(bytes[start], 10 | 13);
    assert!(!is_leaf, "the ledger is large enough");
    let cells = usize::from(u16::from_be_bytes([bytes[start + 3], bytes[start + 4]]));
    let child = |cell: usize| {
        let at = start + 12 + 2 * cell;
        let cell = start + usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        u32::from_be_bytes(bytes[cell..cell + 4].try_into().expect("four bytes")) as usize
    };
    (0..cells).map(child).collect()
}

const PAGE: usize = 4096;

#[test]
fn damaged_byte_is_found_when_read_or_by_verify() {
    let (fixture, whole) = damaged_fixture();
    let mut random = fastrand::Rng::with_seed(0x1a7e);
    // How many places; all of the header are among them.
    let places: usize =
        std::env::var("LATESHIP_TEST_DAMAGES").ok().and_then(|n| n.parse().ok()).unwrap_or(150);
    let mut found = 0;
    for turn in 0..places {
        let at = if turn < 100 { turn } else { random.usize(..whole.len()) };
        let with = 1 << random.u8(..8);
        found += u32::from(harmed(&fixture, &whole, &format!("byte {at} ^ {with}"), |bytes| {
            bytes[at] ^= with;
        }));
    }
    assert!(found > 10, "verify found {found} of {places}");
}

#[test]
fn damaged_page_is_found_when_read_or_by_verify() {
    let (fixture, whole) = damaged_fixture();
    assert!(!harmed(&fixture, &whole, "nothing", |_| {}));
    assert_eq!(examine(&fixture), Findings::Right);
    let count = whole.len() / PAGE;
    let page = |number: usize| number * PAGE..(number + 1) * PAGE;
    for number in 0..count {
        harmed(&fixture, &whole, &format!("page {number} is empty"), |bytes| {
            bytes[page(number)].fill(0);
        });
        let other = (number + count / 2) % count;
        harmed(&fixture, &whole, &format!("page {number} is page {other}"), |bytes| {
            bytes.copy_within(page(other), number * PAGE);
        });
        harmed(&fixture, &whole, &format!("it ends at page {number}"), |bytes| {
            bytes.truncate(number.max(1) * PAGE - 7);
        });
    }
}

#[test]
fn damaged_row_is_found_when_read() {
    let (fixture, whole) = damaged_fixture();
    let Key { identity, payload } = key(7, 2);
    let needle = [identity.to_be_bytes(), payload.to_be_bytes()].concat();
    let at = whole.windows(32).position(|bytes| bytes == needle).expect("in the table");
    // In the identity and in the payload.
    for offset in [0, 15, 16, 31] {
        let mut bytes = whole.clone();
        bytes[at + offset] ^= 1;
        replace(&fixture, &bytes);
        let run = fixture.open();
        assert!(run.knows(key(6, 1)), "other rows are read");
        let error = run.history(key(7, 2)).expect_err("the row is damaged");
        assert!(matches!(error, Error::Damaged { .. }), "{offset}: {error}");
        assert_eq!(run.history(key(6, 1)), Err(error), "the first error is final");
    }
}

#[test]
fn damaged_scope_of_a_row_is_found_when_read() {
    let (fixture, _) = damaged_fixture();
    fixture.execute("UPDATE payload SET scope = 2 WHERE id = 1");
    let error = fixture.open().history(key(0, 1)).expect_err("the row is damaged");
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}

#[test]
fn lost_runs_and_scopes_are_found_when_opened() {
    for sql in
        ["DELETE FROM run WHERE id = 2", "DELETE FROM scope", "UPDATE scope SET account = 'x'"]
    {
        let (fixture, _) = damaged_fixture();
        fixture.execute(sql);
        let error = Run::open(&fixture.path(), &fixture.scope).err().expect("damaged");
        assert!(matches!(error, Error::Damaged { .. }), "{sql}: {error}");
    }
}

#[test]
fn verify_finds_a_flipped_bit_in_a_row_and_in_the_index() {
    let (fixture, whole) = damaged_fixture();
    assert_eq!(verify(&fixture), Ok(u64::try_from(SHIPMENTS + SHIPMENTS / 2).expect("few")));
    for name in ["payload", "payload_identity"] {
        // Cells fill a page from its end, so its last byte belongs to one.
        let last = pages(&fixture, name)[0] * PAGE - 1;
        let mut bytes = whole.clone();
        bytes[last] ^= 4;
        replace(&fixture, &bytes);
        let found = verify(&fixture);
        assert!(matches!(found, Err(Error::Damaged { .. })), "{name}: {found:?}");
        replace(&fixture, &whole);
    }
}

#[test]
fn verify_finds_rows_without_their_scope() {
    let (fixture, _) = damaged_fixture();
    fixture.execute(
        "INSERT INTO scope SELECT 2, endpoint, query_hash, account || 'x', check_sum FROM scope",
    );
    assert!(verify(&fixture).is_err());
}

#[test]
fn file_that_is_no_ledger_is_refused() {
    let fixture = Fixture::new();
    let open = || Run::open(&fixture.path(), &fixture.scope);
    fs::write(fixture.path(), "order,tracking\n".repeat(100)).expect("written");
    assert!(matches!(open(), Err(Error::Foreign { .. })));
    fs::remove_file(fixture.path()).expect("removed");
    rusqlite::Connection::open(fixture.path())
        .and_then(|c| c.execute_batch("CREATE TABLE mine (a)"))
        .expect("made");
    assert!(matches!(open(), Err(Error::Foreign { .. })));
    assert!(matches!(Run::open(fixture.folder.path(), &fixture.scope), Err(Error::Foreign { .. })));
}

#[test]
fn ledger_of_another_version_is_refused() {
    let fixture = Fixture::new();
    fixture.open().close().expect("closed");
    for other in [3, 5] {
        fixture.execute(&format!("PRAGMA user_version = {other}"));
        let error = Run::open(&fixture.path(), &fixture.scope).err();
        let Some(Error::OtherVersion(_, version)) = error else { panic!("{error:?}") };
        assert_eq!(version, other);
    }
}
