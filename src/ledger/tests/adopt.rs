//! Adopting: it counts as accepted, stays within bounds, and keeps what came before an error.

use super::*;
use crate::ledger::Archive;
use crate::ledger::adopt::GROUP;
use crate::ledger::store::MAX_LOG;

#[test]
fn adopted_shipments_count_as_accepted() {
    let shelf = Shelf::new();
    let archive = Archive::open_or_make(&shelf.path()).expect("a ledger");
    let many = archive.adopt(&shelf.scope, "adopt", |adoption| {
        (0..2500).try_for_each(|shipment| adoption.add(key(shipment, 1), "A1", "1Z999"))
    });
    assert_eq!(many, Ok(2500));
    let broken = archive.adopt(&shelf.scope, "adopt", |adoption| {
        adoption.add(key(1, 2), "A1", "1Z999")?;
        Err(Error::NoPlace)
    });
    assert_eq!(broken, Err(Error::NoPlace));
    archive.close().expect("closed");
    let run = shelf.open();
    assert_eq!(run.0.run(), 3);
    assert!(run.knows(key(0, 1)) && run.knows(key(2499, 1)) && run.knows(key(1, 2)));
    assert!(!run.knows(key(1, 1)), "the later one is the endpoint's");
    assert!(run.knows(key(2, 1)));
}

/// It once grew to many times the ledger's own size, since nothing moved it before the end.
#[test]
fn the_log_stays_as_small_as_a_group_however_much_is_adopted() {
    let shelf = Shelf::new();
    let archive = Archive::open_or_make(&shelf.path()).expect("a ledger");
    let (mut largest, mut grown, mut before) = (0, 0, 0);
    let adopted = archive.adopt(&shelf.scope, "adopt", |adoption| {
        for shipment in 0..60 * u128::from(GROUP) {
            adoption.add(key(shipment, 1), "A1", "1Z999")?;
            let log = archive.store.log_bytes();
            largest = log.max(largest);
            grown += log.saturating_sub(before);
            before = log;
        }
        Ok::<(), Error>(())
    });
    assert_eq!(adopted, Ok(60 * GROUP));
    let bytes = archive.store.bytes();
    // Pages of each row of a group: one of each index, and their share of the table.
    let bound = MAX_LOG + 3 * GROUP * 4096;
    assert!(largest <= bound, "{largest} bytes of log, of {bound}; {grown} grown, {bytes} in all");
    archive.close().expect("closed");
    assert_eq!(
        std::fs::metadata(shelf.path().with_extension("db-wal")).map_or(0, |log| log.len()),
        0
    );
}

#[test]
fn a_failure_in_the_midst_is_the_last_word_and_whole_groups_stay() {
    let shelf = Shelf::new();
    let archive = Archive::open_or_make(&shelf.path()).expect("a ledger");
    let failed = archive.adopt(&shelf.scope, "adopt", |adoption| {
        for shipment in 0..u128::from(GROUP) {
            adoption.add(key(shipment, 1), "A1", "1Z999")?;
        }
        archive.store.connection.execute_batch("PRAGMA max_page_count = 1").expect("set");
        let error = (0..10 * u128::from(GROUP))
            .find_map(|shipment| adoption.add(key(shipment, 2), "A1", "1Z999").err())
            .expect("full at last");
        archive.store.connection.execute_batch("PRAGMA max_page_count = 4294967294").expect("set");
        assert_eq!(adoption.add(key(1, 3), "A1", "1Z999"), Err(error));
        // Even one who does not listen is told in the end.
        Ok::<(), Error>(())
    });
    assert!(matches!(failed, Err(Error::NoSpace { .. })), "{failed:?}");
    archive.close().expect("closed");
    let run = shelf.open();
    assert!(
        (0..u128::from(GROUP))
            .all(|shipment| run.look_up(key(shipment, 1)).expect("a memory").accepted_before)
    );
    assert!(!run.look_up(key(1, 3)).expect("a memory").seen_in_this_run);
}
