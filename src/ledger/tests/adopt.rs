//! Adopting: it counts as accepted, stays within bounds, and keeps what came before an error.

use super::*;
use crate::ledger::adopt::GROUP;

const MANY: u128 = GROUP as u128;

#[test]
fn adopt_counts_as_accepted() {
    let fixture = Fixture::new();
    let admin = LedgerAdmin::open_or_create(&fixture.path()).expect("a ledger");
    let many = admin.adopt(&fixture.scope, "adopt", |adoption| {
        (0..2500).try_for_each(|shipment| adoption.add(key(shipment, 1), "A1", "1Z999"))
    });
    assert_eq!(many, Ok(2500));
    let broken = admin.adopt(&fixture.scope, "adopt", |adoption| {
        adoption.add(key(1, 2), "A1", "1Z999")?;
        Err(Error::NoHome)
    });
    assert_eq!(broken, Err(Error::NoHome));
    admin.close().expect("closed");
    let run = fixture.open();
    assert_eq!(run.0.run(), 3);
    assert!(run.knows(key(0, 1)) && run.knows(key(2499, 1)) && run.knows(key(1, 2)));
    assert!(!run.knows(key(1, 1)), "the endpoint has the later one");
    assert!(run.knows(key(2, 1)));
}

#[test]
fn adopt_takes_the_same_payload_twice() {
    let fixture = Fixture::new();
    let admin = LedgerAdmin::open_or_create(&fixture.path()).expect("a ledger");
    for _ in 0..2 {
        let adopted = admin.adopt(&fixture.scope, "adopt", |adoption| {
            adoption.add(key(1, 1), "A1", "1Z999")?;
            adoption.add(key(1, 1), "A1", "1Z999")
        });
        assert_eq!(adopted, Ok(2));
    }
    assert_eq!(admin.stats().expect("counted").scopes[0].payloads, 1);
}

#[test]
fn adopt_keeps_whole_groups_before_an_error_which_is_final() {
    let fixture = Fixture::new();
    let admin = LedgerAdmin::open_or_create(&fixture.path()).expect("a ledger");
    let failed = admin.adopt(&fixture.scope, "adopt", |adoption| {
        for shipment in 0..MANY {
            adoption.add(key(shipment, 1), "A1", "1Z999")?;
        }
        admin.store.connection.execute_batch("PRAGMA max_page_count = 1").expect("set");
        let error = (0..10 * MANY)
            .find_map(|shipment| adoption.add(key(shipment, 2), "A1", "1Z999").err())
            .expect("full in the end");
        admin.store.connection.execute_batch("PRAGMA max_page_count = 4294967294").expect("set");
        assert_eq!(adoption.add(key(1, 3), "A1", "1Z999"), Err(error));
        // The error is returned even if the caller ignores it here.
        Ok::<(), Error>(())
    });
    assert!(matches!(failed, Err(Error::NoSpace { .. })), "{failed:?}");
    admin.close().expect("closed");
    let run = fixture.open();
    assert!((0..MANY).all(|shipment| run.knows(key(shipment, 1))));
    assert_eq!(run.history(key(1, 3)).expect("a history").in_doubt, None);
    assert_eq!(run.history(key(MANY, 1)), Ok(History::default()));
}
