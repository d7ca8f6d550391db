//! What a killed run has left in its journal is known to whoever opens the ledger next, and nothing
//! else is.

use std::fs;

use super::*;
use crate::ledger::Archive;

/// Where the journal of the shelf's scope lies.
fn journal(shelf: &Shelf) -> PathBuf {
    let files = fs::read_dir(shelf.folder.path())
        .expect("a folder")
        .map(|file| file.expect("a file").path());
    files
        .into_iter()
        .find(|path| path.extension().is_some_and(|ending| ending == "journal"))
        .expect("a journal")
}

/// Copies of all files of a run as they are at this moment: what a kill would leave.
fn killed(shelf: &Shelf) -> Shelf {
    let left = Shelf {
        folder: tempfile::tempdir().expect("a folder"),
        name: shelf.name,
        scope: shelf.scope.clone(),
    };
    for file in fs::read_dir(shelf.folder.path()).expect("a folder") {
        let file = file.expect("a file");
        fs::copy(file.path(), left.folder.path().join(file.file_name())).expect("copied");
    }
    left
}

#[test]
fn what_was_answered_is_in_the_journal_and_a_person_sees_it_before_the_next_run() {
    let shelf = Shelf::new();
    let run = shelf.open();
    run.send(key(1, 1));
    run.intend(key(2, 1)).expect("recorded");
    let left = killed(&shelf);
    let doubts = Archive::open(&left.path()).and_then(|archive| archive.doubts()).expect("told");
    assert_eq!(doubts.iter().map(|doubt| doubt.key).collect::<Vec<_>>(), [key(2, 1)]);
    let next = left.open();
    assert!(next.knows(key(1, 1)) && !next.knows(key(2, 1)));
    next.close().expect("closed");
    run.close().expect("closed");
    assert!(!fs::read_dir(shelf.folder.path()).expect("a folder").any(|file| {
        file.expect("a file").path().extension().is_some_and(|ending| ending == "journal")
    }));
}

#[test]
fn a_record_that_was_cut_off_ends_the_journal_and_costs_nothing_before_it() {
    let shelf = Shelf::new();
    let run = shelf.open();
    run.send(key(1, 1));
    let whole = fs::metadata(journal(&shelf)).expect("a file").len();
    run.send(key(2, 1));
    let all = fs::metadata(journal(&shelf)).expect("a file").len();
    let both = killed(&shelf);
    for length in whole..all {
        let left = killed(&both);
        let file = fs::OpenOptions::new().write(true).open(journal(&left)).expect("opened");
        file.set_len(length).expect("cut");
        let next = left.open();
        assert!(next.knows(key(1, 1)) && !next.knows(key(2, 1)), "cut at {length}");
    }
}

#[test]
fn a_journal_of_a_generation_that_is_over_brings_nothing_back() {
    let shelf = Shelf::new();
    let run = shelf.open();
    run.intend(key(1, 1)).expect("recorded");
    let old = fs::read(journal(&shelf)).expect("read");
    wait(run.0.sync()).expect("in the tables");
    run.conclude(key(1, 1), Conclusion::Accepted).expect("recorded");
    wait(run.0.sync()).expect("in the tables");
    let left = killed(&shelf);
    fs::write(journal(&left), &old).expect("an old file came back");
    assert!(left.open().knows(key(1, 1)), "it is in doubt no more");
}

#[test]
fn a_journal_of_another_ledger_brings_nothing_in() {
    let shelf = Shelf::new();
    let run = shelf.open();
    run.send(key(1, 1));
    let foreign = fs::read(journal(&shelf)).expect("read");
    let other = Shelf::new();
    let fresh = other.open();
    let path = journal(&other);
    fresh.close().expect("closed");
    // Another run of the same number, begun at another time.
    let connection = rusqlite::Connection::open(other.path()).expect("opened");
    connection.execute_batch("UPDATE run SET started_at = 1").expect("set");
    drop(connection);
    fs::write(path, foreign).expect("written");
    assert!(!other.open().knows(key(1, 1)));
}
