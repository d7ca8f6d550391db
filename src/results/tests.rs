//! The files of a run as a whole: what is written can be read again, in order, and nothing is lost
//! or left over.

use std::fs::{self, OpenOptions};
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::draft::{Draft, partial_of};
use super::failed::{FailedFile, Layout};
use super::*;
use crate::outcome::{Outcome, Status};
use crate::row::{Dialect, Encoding, Quote, RESULTS_COLUMNS, Reading, Row};

struct Desk {
    folder: TempDir,
    paths: Paths,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = Paths::beside(&folder.path().join("orders.csv"));
        Self { folder, paths }
    }

    fn open(&self, terms: Terms) -> Result<Results, Error> {
        let names = ["orders.csv".to_owned(), "more, orders.csv".to_owned()];
        Results::create(&self.paths, &header(), dialect(), &names, terms)
    }

    fn results(&self) -> Results {
        self.open(Terms::default()).expect("nothing is in the way")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("a folder");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
            .collect();
        names.sort();
        names
    }
}

fn header() -> Vec<String> {
    ["Order", "Note"].map(str::to_owned).to_vec()
}

fn dialect() -> Dialect {
    Dialect { delimiter: b';', quote: Quote::By(b'"') }
}

fn row(number: u64, cells: &[&str]) -> Row {
    let mut row = Row::default();
    (row.number, row.line) = (number, number + 1);
    for cell in cells {
        row.push(cell);
    }
    row.fingerprint = row.hash_cells();
    row
}

fn outcome(status: Status, message: &str) -> Outcome {
    Outcome::unsent(status, message)
}

fn records(path: &Path, delimiter: u8) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(delimiter)
        .from_path(path)
        .expect("a file");
    reader
        .records()
        .map(|record| record.expect("a record").iter().map(str::to_owned).collect())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_row_is_read_back_once_and_in_order_whatever_the_order_of_settling(
        rows in prop::collection::vec(
            (0..Status::ALL.len(), "[a-z=;,\"\n \u{fc}]{0,9}", "[-=a-z;,\"\n]{0,9}", 1..3_u32),
            1..40,
        ),
        order in any::<prop::sample::Index>(),
        step in 1..7_usize,
    ) {
        let desk = Desk::new();
        let mut results = desk.results();
        let mut tickets = Vec::new();
        for (number, (status, note, message, shipments)) in (1..).zip(&rows) {
            let shared = std::sync::Arc::new(row(number, &["1001", note]));
            for shipment in 1..=*shipments {
                let labels = Labels { order_no: note, trackingnumber: "1Z", payload: Some(u128::from(number)) };
                tickets.push((results.expect(shared.clone(), labels, shipment), Status::ALL[*status], message));
            }
        }
        let lines = tickets.len();
        tickets.rotate_left(order.index(lines));
        let mut early = 0;
        while !tickets.is_empty() {
            let (ticket, status, message) = tickets.remove(step * 31 % tickets.len());
            // Some are left to `finish`, as when a run stops.
            if status == Status::NotAttempted { continue; }
            results.settle(ticket, &outcome(status, message), None).expect("room on the disk");
            early += 1;
        }
        prop_assert_eq!(results.tally().total(), early);
        let finished = results.finish().expect("room on the disk");
        prop_assert_eq!(finished.tally.total(), lines as u64);
        prop_assert_eq!(finished.rows, rows.len() as u64);

        let mut read = records(&desk.paths.results, b',').into_iter();
        prop_assert_eq!(read.next().expect("a header"), RESULTS_COLUMNS);
        let mut failed = Vec::new();
        for (number, (status, note, message, shipments)) in (1_u64..).zip(&rows) {
            let status = Status::ALL[*status];
            for shipment in 1..=*shipments {
                let line = read.next().expect("a line for each");
                prop_assert_eq!(&line[..6], [
                    "orders.csv", &number.to_string(), &(number + 1).to_string(), note, "1Z", status.as_str(),
                ]);
                if status != Status::NotAttempted {
                    let shown = message.replace('\n', " ");
                    prop_assert_eq!(line[8].trim_start_matches('\''), shown);
                    prop_assert!(!line[8].starts_with(['=', '-']));
                }
                prop_assert_eq!(&line[12..], [shipment.to_string(), format!("{number:032x}")]);
            }
            if !status.is_settled() { failed.push(vec!["1001".to_owned(), note.clone()]); }
        }
        prop_assert_eq!(read.next(), None);

        prop_assert_eq!(finished.failed_rows.as_ref().map_or(0, |(_, rows)| *rows), failed.len() as u64);
        let read = if failed.is_empty() { Vec::new() } else { records(&desk.paths.failed_rows, b';').split_off(1) };
        prop_assert_eq!(read.into_iter().map(|line| line[..2].to_vec()).collect::<Vec<_>>(), failed);
    }
}

#[test]
fn the_window_is_bounded_and_opens_when_its_first_line_is_settled() {
    let desk = Desk::new();
    let mut results = desk.results();
    let mut tickets = Vec::new();
    while results.has_room() {
        tickets.push(results.expect(row(tickets.len() as u64 + 1, &["1"]), Labels::default(), 1));
    }
    assert_eq!(tickets.len(), WINDOW);
    results.settle(tickets[1], &outcome(Status::Sent, ""), None).expect("written");
    assert!(!results.has_room(), "the first one still waits");
    assert_eq!(results.unsettled().count(), WINDOW - 1);
    results.settle(tickets[0], &outcome(Status::Sent, ""), None).expect("written");
    assert!(results.has_room());
    assert_eq!(results.unsettled().count(), WINDOW - 2);
    results.settle(tickets[0], &outcome(Status::Failed, "late"), None).expect("ignored");
    assert_eq!(results.tally().get(Status::Failed), 0, "a settled ticket changes nothing");
    results.settle_rest("stopped").expect("written");
    assert_eq!(results.tally().get(Status::NotAttempted), WINDOW as u64 - 2);
}

#[test]
fn failed_rows_can_be_imported_again_with_one_line_per_row_and_all_reasons() {
    let desk = Desk::new();
    let mut results = desk.open(Terms { skip_lines: 2, ..Terms::default() }).expect("opened");
    let twice = std::sync::Arc::new(row(1, &["1001", "a;\"b\""]));
    let mut flawed = row(2, &["1002", "x", "y"]);
    flawed.reading = Reading::Flawed("too many cells".to_owned());
    let tickets = [
        results.expect(twice.clone(), Labels::default(), 1),
        results.expect(twice.clone(), Labels::default(), 2),
        results.expect(twice, Labels::default(), 3),
        results.expect(flawed, Labels::default(), 0),
        results.expect(row(3, &["1003"]), Labels::default(), 1),
    ];
    let settled = [
        (3, Status::Invalid, "too many cells"),
        (2, Status::Failed, "=later"),
        (1, Status::Sent, ""),
        (0, Status::Rejected, "refused"),
        (4, Status::AlreadySent, ""),
    ];
    for (index, status, message) in settled {
        results.settle(tickets[index], &outcome(status, message), None).expect("written");
    }
    let finished = results.finish().expect("written");
    assert_eq!(finished.failed_rows, Some((desk.paths.failed_rows.clone(), 2)));
    assert_eq!(
        fs::read_to_string(&desk.paths.failed_rows).expect("there"),
        "\n\nOrder;Note;lateship_error\n1001;\"a;\"\"b\"\"\";\"rejected: refused; failed: =later\"\n\
         1002;x;y;\"unreadable: too many cells; mend the row and empty this cell\"\n"
    );
}

#[test]
fn which_rows_fail_follows_the_terms_and_a_stale_file_goes_when_none_did() {
    let desk = Desk::new();
    fs::write(&desk.paths.failed_rows, "Order;Note;lateship_error\n1;2;old\n").expect("written");
    let mut results = desk
        .open(Terms { failed_rows: FailedRows::ButInDoubt, ..Terms::default() })
        .expect("opened");
    let ticket = results.expect(row(1, &["1001"]), Labels::default(), 1);
    results.settle(ticket, &outcome(Status::InDoubt, "no answer"), None).expect("written");
    assert!(desk.paths.failed_rows.exists(), "until the end the earlier run's file stands");
    assert_eq!(results.finish().expect("written").failed_rows, None);
    assert_eq!(desk.names(), ["orders.results.csv"]);
}

#[test]
fn an_earlier_runs_results_stand_until_the_end() {
    let desk = Desk::new();
    let old = format!("{}old\n", line::header());
    fs::write(&desk.paths.results, &old).expect("written");
    let mut results = desk.results();
    let ticket = results.expect(row(1, &["1001"]), Labels::default(), 1);
    results.settle(ticket, &outcome(Status::Sent, "fine"), None).expect("written");
    results.flush().expect("written");
    assert_eq!(fs::read_to_string(&desk.paths.results).expect("there"), old);
    assert_eq!(
        records(&partial_of(&desk.paths.results), b',').len(),
        2,
        "and the partial file has the line"
    );
    results.finish().expect("named");
    assert_eq!(records(&desk.paths.results, b',')[1][5], "sent");
    assert_eq!(desk.names(), ["orders.results.csv"]);
}

#[test]
fn a_second_run_is_told_whether_the_first_still_runs_or_was_killed() {
    let desk = Desk::new();
    let mut first = desk.results();
    first.expect(row(1, &["1001"]), Labels::default(), 1);
    let told = desk.open(Terms::default()).expect_err("the first one writes").to_string();
    assert!(told.starts_with("another run is writing "), "{told}");

    drop(first);
    let told = desk.open(Terms::default()).expect_err("the first one left its file").to_string();
    assert!(
        told.contains(" was killed and left ") && told.contains("may have been sent"),
        "{told}"
    );
    assert!(partial_of(&desk.paths.results).exists());

    let trusting = Terms { leftover: Leftover::Replace, ..Terms::default() };
    drop(desk.open(trusting).expect("a ledger knows what was sent"));
    assert_eq!(
        desk.names(),
        Vec::<String>::new(),
        "and a run that ends before its start leaves nothing"
    );
}

#[test]
fn what_would_fail_at_the_end_fails_before_the_start() {
    let desk = Desk::new();
    for path in [&desk.paths.results, &desk.paths.failed_rows, &desk.paths.summary] {
        fs::create_dir(path).expect("made");
        assert!(
            matches!(desk.open(Terms::default()), Err(Error::NotAFile { is: "a folder", .. })),
            "{path:?}"
        );
        fs::remove_dir(path).expect("removed");
        fs::write(path, "somebody's own work\n").expect("written");
        assert!(matches!(desk.open(Terms::default()), Err(Error::Foreign { .. })), "{path:?}");
        fs::write(path, "").expect("written");
        drop(desk.open(Terms::default()).expect("an empty file is nobody's work"));
        fs::remove_file(path).expect("removed");
    }
    assert_eq!(desk.names(), Vec::<String>::new());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_the_run_and_is_told_in_plain_words() {
    let desk = Desk::new();
    let full = |name: &str| {
        let file = OpenOptions::new().write(true).open("/dev/full").expect("a full device");
        let mut draft =
            Draft::onto(file, desk.folder.path().join(name), desk.folder.path().join(name));
        draft.keep();
        draft
    };
    let mut draft = full("out.csv");
    draft.push(b"gathered").expect("not written yet");
    let told = draft.flush().expect_err("the device is full").to_string();
    assert!(
        told.starts_with("no space left on the device while writing ") && told.ends_with("out.csv"),
        "{told}"
    );
    assert!(
        matches!(draft.publish(), Err(Error::Write { .. })),
        "a broken file never takes its place"
    );

    let failed = FailedFile::begin(
        full("failed.csv"),
        Layout::new(&header(), dialect()),
        Encoding::UTF8,
        &header(),
        0,
    );
    assert!(
        matches!(failed.expect("gathered").finish(), Ok(None)),
        "without a row nothing is to be written"
    );
}
