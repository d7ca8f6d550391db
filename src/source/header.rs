//! Finds the header among the first records of a text: behind title lines, behind a line of bare delimiters, below a
//! localised line that stands over the real one; and tells a row that only describes the columns.
//!
//! The columns that the mapping reads are the best sign: the record that has most of them is the header. Where they are no
//! help, it is the first record with at least half as many
//! names as the data has columns. A row is never taken for a header or a description in doubt,
//! since it may be a shipment. Pure; `open` calls it once per file.

use super::record::{Cut, Cutter, blank_lines};
use crate::row::Dialect;
use crate::text;

/// Records among which the header is looked for.
const SEARCHED: usize = 30;

/// The first records of a text as cells, the blank lines between them left out.
pub(super) fn records(sample: &[u8], last: bool, dialect: Dialect, most: usize) -> Vec<Vec<String>> {
    let mut cutter = Cutter::new(dialect);
    let mut records = Vec::new();
    let mut rest = sample;
    while records.len() < most {
        rest = &rest[blank_lines(rest, last).0..];
        if rest.is_empty() {
            break;
        }
        let Cut::Record(extent) = cutter.cut(rest, last) else { break };
        if extent.plain {
            cutter.split(&rest[..extent.len]);
        }
        records.push(cutter.cells().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect());
        rest = &rest[extent.next..];
    }
    records
}

/// How many records stand before the header; `wanted` are the folded names of the columns that the mapping reads.
pub(super) fn before(records: &[Vec<String>], wanted: &[String]) -> usize {
    let records = &records[..records.len().min(SEARCHED)];
    let matches = |record: &Vec<String>| {
        let folded: Vec<String> = record.iter().filter(|cell| !cell.is_empty()).map(|cell| text::fold(cell)).collect();
        wanted.iter().filter(|name| folded.contains(name)).count()
    };
    let counts: Vec<usize> = records.iter().map(matches).collect();
    if let Some(most) = counts.iter().copied().max().filter(|most| *most > 0) {
        return counts.iter().position(|count| *count == most).unwrap_or(0);
    }
    let width = usual_width(records);
    let wide = |record: &Vec<String>| filled(record) >= 2 && filled(record) * 2 >= width;
    let Some(first) = records.iter().position(wide) else { return 0 };
    // A localised line may stand over the one that machines read.
    match (records.get(first), records.get(first + 1)) {
        (Some(one), Some(next)) if wide(next) && is_for_machines(next) && !is_for_machines(one) => first + 1,
        _ => first,
    }
}

/// The width that most of the records have, those of one cell left aside.
fn usual_width(records: &[Vec<String>]) -> usize {
    let count = |width: usize| records.iter().filter(|record| record.len() == width).count();
    records.iter().map(Vec::len).filter(|width| *width > 1).max_by_key(|width| (count(*width), *width)).unwrap_or(1)
}

fn filled(record: &[String]) -> usize {
    record.iter().filter(|cell| !cell.is_empty()).count()
}

/// Whether all cells are names as programs write them: `order-id`, `item_name`.
fn is_for_machines(record: &[String]) -> bool {
    let name = |cell: &String| {
        cell.starts_with(|c: char| c.is_ascii_lowercase())
            && cell
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
    };
    record.iter().all(name) && record.iter().any(|cell| cell.contains(['-', '_']))
}

/// Whether the first record after the header only describes the columns: words without any digit, with a phrase where the
/// next record has a number, and digits in several columns of that. A shipment always has digits somewhere.
pub(super) fn describes(record: &[String], next: &[String]) -> bool {
    let has_digits = |cell: &&String| cell.bytes().any(|byte| byte.is_ascii_digit());
    let (Some(first), Some(below)) = (record.first(), next.first()) else { return false };
    first.contains(' ')
        && !record.iter().any(|cell| has_digits(&cell) || cell.contains('@'))
        && has_digits(&below)
        && !below.contains(' ')
        && next.iter().filter(has_digits).count() >= 2
}

/// Whether a short row is what a report writes below its data: how many records it has, or whose it is.
pub(super) fn is_footer<'a>(cells: impl Iterator<Item = &'a str>) -> bool {
    let text = cells.filter(|cell| !cell.trim().is_empty()).collect::<Vec<_>>().join(" ").to_lowercase();
    let text = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ' || c == ',');
    ["record(s) downloaded", "records downloaded", "seller id", "end of report", "report generated"]
        .iter()
        .any(|start| text.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(lines: &[&str]) -> Vec<Vec<String>> {
        lines.iter().map(|line| line.split(',').map(str::to_owned).collect()).collect()
    }

    fn wanted(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| text::fold(name)).collect()
    }

    #[test]
    fn the_header_is_found_behind_whatever_stands_before_it() {
        let names = wanted(&["Order", "Tracking"]);
        for (lines, expected) in [
            (&["Order,Tracking,City", "1,T1,Ulm"][..], 0),
            (&[",,", "Order,Tracking,City", ",,", "1,T1,Ulm"], 1),
            (&["Sales report", "from 1 to 2,x", "Order,Tracking,City", "1,T1,Ulm"], 2),
            (&["Template=1,Version=2", "numero,envio", "order,tracking", "1,T1"], 2),
        ] {
            assert_eq!(before(&table(lines), &names), expected, "{lines:?}");
        }
    }

    #[test]
    fn without_a_mapping_the_first_record_as_wide_as_the_data_is_the_header() {
        for (lines, expected) in [
            (&["Order,Tracking,City", "1,T1,Ulm", "2,T2,Bonn"][..], 0),
            (&["Report", "Order,Tracking,City", "1,T1,Ulm", "2,T2,Bonn"], 1),
            (
                &[
                    "a=1,b=2",
                    "Nummer,Sendung,Ort,Land,Plz",
                    "order-id,ship_to,city,land,zip",
                    "1,T1,Ulm,DE,1",
                    "2,T2,Bonn,DE,2",
                ],
                2,
            ),
            (&["Order,Name,City", "1,Ada", "2,Bob", "3"], 0),
            (&["Order", "1", "2"], 0),
        ] {
            assert_eq!(before(&table(lines), &[]), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_description_is_prose_over_data_and_a_row_of_data_is_never_one() {
        let row = |line: &str| table(&[line]).remove(0);
        assert!(describes(&row("The order's number.,The parcel's number.,Name of it."), &row("5760,T1,mug")));
        assert!(describes(&row("Platform unique order ID.,Order status,,"), &row("5760,paid,,T1")));
        for (record, next) in [
            ("a b,c d,e f", "a b,c d,e f"),
            ("17,T1,blue mug", "18,T2,cup"),
            ("blue mug,T1,x", "18,T2,cup"),
            ("mug,a b,c", "18,T2,cup"),
            (",a b,c d", "18,T2,cup"),
            ("Ada Example,x,ada@example.com", "18,T2,cup"),
        ] {
            assert!(!describes(&row(record), &row(next)), "{record}");
        }
    }

    #[test]
    fn footers_are_known_by_their_words() {
        for (cells, footer) in [
            (&["83 record(s) downloaded"][..], true),
            (&["2", "record(s) downloaded, from Jul-1-26"], true),
            (&["Seller ID : shop"], true),
            (&["1001", "T1"], false),
            (&["Records of Ada", "T1"], false),
        ] {
            assert_eq!(is_footer(cells.iter().copied()), footer, "{cells:?}");
        }
    }
}
