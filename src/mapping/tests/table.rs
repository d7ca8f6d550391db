//! Tables of other exports: keys, repetitions, and what nothing asked for.

use crate::mapping::table::{Table, TableBuilder, Unmatched};
use crate::row::Row;

fn table(rows: &[[&str; 3]]) -> Table {
    let header = ["Order", "Note", "Tracking"].map(str::to_owned);
    let mut builder = TableBuilder::new("shipments.csv", &header, &[0], &[2, 0], &["-".to_owned()]);
    for (number, cells) in (1..).zip(rows) {
        let mut row = Row::at(0, number, number + 1);
        for cell in cells {
            row.push(cell);
        }
        builder.push(&row);
    }
    builder.finish()
}

fn found(table: &Table, key: &str) -> Vec<String> {
    let slot = table.slot(2).expect("kept");
    table.find(&[key], 9).iter().map(|row| row.cells[slot].to_owned()).collect()
}

#[test]
fn keys_match_without_case_spaces_and_a_leading_number_sign() {
    let table =
        table(&[["#1001", "", "T1"], ["ab 7", "", "T2"], ["1001", "", "T3"], ["", "", "T4"]]);
    assert_eq!(found(&table, " #1001"), ["T1", "T3"]);
    assert_eq!(found(&table, "AB7"), ["T2"]);
    assert_eq!(found(&table, "100"), Vec::<String>::new());
    assert_eq!(found(&table, ""), Vec::<String>::new());
    assert_eq!(table.remarks(), ["shipments.csv: 1 row left out, since Order is empty there"]);
}

#[test]
fn rows_that_say_the_same_count_once_whatever_else_they_hold() {
    let table = table(&[["1", "a", "T1"], ["1", "b", "T1"], ["1", "", "-"], ["2", "", "T2"]]);
    assert_eq!(table.len(), 3);
    assert_eq!(found(&table, "1"), ["T1", ""]);
}

#[test]
fn of_many_rows_with_a_key_only_some_are_given_and_all_count_as_found() {
    let numbers: Vec<String> = (0..200).map(|number| format!("T{number}")).collect();
    let rows: Vec<[&str; 3]> = numbers.iter().map(|number| ["1", "", number.as_str()]).collect();
    let table = table(&[&rows[..], &[["2", "", "T"]]].concat());
    for _ in 0..2 {
        assert_eq!(found(&table, "1"), numbers[..9]);
        assert_eq!(table.unmatched().map(|rows| (rows.count, rows.row)), Some((1, 201)));
    }
}

#[test]
fn what_nothing_asked_for_is_counted_with_the_first_of_it() {
    let table = table(&[["1", "", "T1"], ["3", "", "T3"], ["2", "", "T2"]]);
    assert!(!table.is_found());
    found(&table, "1");
    assert_eq!(table.unmatched(), Some(Unmatched { count: 2, row: 2, key: "Order 3".to_owned() }));
    found(&table, "2");
    found(&table, "3");
    assert_eq!(table.unmatched(), None);
    assert_eq!((table.first_asked(), table.first_key().as_deref()), (Some("1"), Some("1")));
}
