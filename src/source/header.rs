//! Finds the header among a file's first records, and a row under it that describes the columns.
//!
//! The strongest evidence is what the mapping wants; then what stands in the records: a header is
//! made of names, nearly all its cells are filled, and the rows below it are as wide and look
//! otherwise. In doubt it is the first record, so that no row of data is ever taken for a header.
//! Pure; `dialect` tries it with each delimiter, `open` calls it last.

use std::collections::HashSet;

use super::shape::{Class, Record};
use crate::row::{ERROR_COLUMN, Form, RESULTS_COLUMNS};
use crate::text;

/// Records among which the header is looked for.
const RANGE: usize = 30;
/// Records below a header that are compared with it.
const BELOW: usize = 60;
/// Records as wide as the header that may stand above it.
const MOST_ABOVE: usize = 3;

/// Where the header is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    /// Records above it, bare delimiters among them.
    pub(super) above: usize,
    /// The number of the row (from 1, behind the header) that describes the columns.
    pub(super) describing: Option<u64>,
    /// Whether all of the file looks like data, and this is only its first record.
    pub(super) is_data: bool,
    /// How well records fit to it: up to 1, and more where it is sure.
    pub(super) fit: f64,
}

/// The place of the header in `records`.
pub(super) fn find(records: &[Record], form: &Form) -> Place {
    let first = records.iter().position(|record| record.filled > 0).unwrap_or(0);
    let (above, fit, is_data) = if form.skip_lines.is_some() {
        (first, fit(records, first), false)
    } else if let Some((above, matched)) = own(records).or_else(|| wanted(records, &form.wanted)) {
        (above, 1.0 + share(matched, 1), false)
    } else {
        let candidates = (first..records.len().min(RANGE))
            .filter(|&at| at == first || may_be_header(records, first, at));
        let mut best = (first, 0.0);
        for (at, fit) in candidates.map(|at| (at, fit(records, at))) {
            if fit > best.1 {
                best = (at, fit);
            }
        }
        (the_real_one(records, best.0), best.1, best.0 == first && is_data(records, first))
    };
    Place { above, describing: describing(records, above), is_data, fit }
}

/// Our own files are known by their columns.
fn own(records: &[Record]) -> Option<(usize, usize)> {
    let ours = |record: &Record| {
        let last = record.cells.iter().rfind(|cell| !cell.is_empty());
        last.is_some_and(|cell| cell == ERROR_COLUMN)
            || record.cells.len() >= 6
                && record.cells.iter().zip(RESULTS_COLUMNS).take(6).all(|(a, b)| a == b)
    };
    records.iter().take(RANGE).position(ours).map(|at| (at, records[at].filled))
}

/// The record that holds most of the columns that are wanted, and how many it holds.
fn wanted(records: &[Record], wanted: &[String]) -> Option<(usize, usize)> {
    let set: HashSet<&str> = wanted.iter().map(String::as_str).collect();
    let mut best = (0, 0);
    for (at, record) in records.iter().take(RANGE).enumerate() {
        let held: HashSet<String> = record
            .texts()
            .map(|(_, cell)| text::fold(cell))
            .filter(|name| set.contains(name.as_str()))
            .collect();
        if held.len() > best.1 {
            best = (at, held.len());
        }
    }
    (best.1 >= 2.min(set.len().max(1))).then_some(best)
}

/// Whether the record at `at`, below others, is surely a header and no row of data.
fn may_be_header(records: &[Record], first: usize, at: usize) -> bool {
    let record = &records[at];
    let above = records[first..at].iter().filter(|above| is_as_wide(above, record));
    if record.filled < 2 || 2 * record.filled < record.cells.len() || likeness(record) < 0.6 {
        return false;
    }
    let mut count = 0;
    for above in above {
        count += 1;
        if count > MOST_ABOVE || is_plainly_data(above) {
            return false;
        }
    }
    let data = data_columns(&records[at + 1..]);
    if data.is_empty() {
        // Nothing tells it from the rows below: only a single title above it can be no header.
        return record.filled > 2 && records[first..at].iter().all(|above| above.filled <= 1);
    }
    // What stands above must not look like the rows below: then it is one of them, or heads them
    // with numbers.
    let is_like_them = |above: &Record| {
        let alike = data.iter().filter(|&&column| above.class(column).is_data()).count();
        is_as_wide(above, record) && 2 * alike > data.len()
    };
    if records[first..at].iter().any(is_like_them) {
        return false;
    }
    data.iter().all(|&column| record.class(column) != Class::Empty || column >= record.cells.len())
        && data.iter().any(|&column| record.class(column) == Class::Words)
        && data.iter().all(|&column| !record.class(column).is_data())
}

/// Where two lines of names follow each other: the one for machines, else the last, if it surely is
/// no data.
fn the_real_one(records: &[Record], mut at: usize) -> usize {
    for _ in 0..2 {
        let Some(next) = next(records, at) else { break };
        let (upper, lower) = (&records[at], &records[next]);
        let data = data_columns(&records[next + 1..]);
        let contrast =
            data.len() >= 2 && data.iter().all(|&column| lower.class(column) == Class::Words);
        if !contrast
            || lower.count(Class::is_data) > 0
            || likeness(upper) < 0.6
            || !are_alike(upper.filled, lower.filled)
        {
            break;
        }
        if lower.is_for_machines() && !upper.is_for_machines() && are_names(lower) {
            at = next;
            continue;
        }
        // Without that sign much must speak for it: a row of data above the others must not go.
        let alike = data.len() >= 3
            && are_names(lower)
            && records[next + 1..].iter().filter(|row| row.filled > 1).count() > 1;
        if !alike
            || upper.is_for_machines()
            || explains(upper, lower)
            || words(lower) > words(upper) + 0.5
        {
            break;
        }
        at = next;
    }
    at
}

/// Whether all cells are words, each another one.
fn are_names(record: &Record) -> bool {
    let has_letters = |cell: &str| cell.chars().filter(|c| c.is_alphabetic()).count() >= 2;
    let names: HashSet<&str> =
        record.texts().map(|(_, cell)| cell).filter(|cell| has_letters(cell)).collect();
    names.len() == record.filled
}

/// The number behind the header of the row that describes the columns: words where all rows below
/// it hold data, which explain the names, or are names in another language.
fn describing(records: &[Record], header: usize) -> Option<u64> {
    let next = next(records, header)?;
    let (names, row) = (&records[header], &records[next]);
    if row.count(Class::is_data) > 0 || row.width > names.cells.len() + 1 {
        return None;
    }
    let same = row
        .texts()
        .all(|(at, cell)| names.cells.get(at).is_some_and(|name| name.eq_ignore_ascii_case(cell)));
    let data = data_columns(&records[next + 1..]);
    let contrast = data.iter().filter(|&&column| row.class(column) == Class::Words).count();
    let full = are_alike(names.filled, row.filled);
    let explained = contrast >= 1 && explains(names, row)
        || contrast >= 2
            && full
            && (words(row) >= 2.5 || names.is_for_machines() != row.is_for_machines());
    (!same && explained).then_some((next - header) as u64)
}

/// The next record that is not empty.
fn next(records: &[Record], at: usize) -> Option<usize> {
    (at + 1..records.len()).find(|&next| records[next].filled > 0)
}

/// Whether the texts of `row` speak of the names above them: at least half of them take up one of
/// its words.
fn explains(names: &Record, row: &Record) -> bool {
    let words = |text: &str| -> HashSet<String> {
        let long = |word: &&str| word.chars().count() > 2;
        text.split(|c: char| !c.is_alphanumeric()).filter(long).map(str::to_lowercase).collect()
    };
    let taken_up = |(at, cell): &(usize, &str)| {
        names
            .cells
            .get(*at)
            .is_some_and(|name| !name.is_empty() && !words(name).is_disjoint(&words(cell)))
    };
    let found = row.texts().filter(taken_up).count();
    found > 0 && 2 * found >= row.filled
}

/// Words in a cell, on the average.
fn words(record: &Record) -> f64 {
    let words: usize = record.texts().map(|(_, cell)| cell.split_whitespace().count()).sum();
    share(words, record.filled.max(1))
}

/// The columns that hold data wherever they are filled.
fn data_columns(rows: &[Record]) -> Vec<usize> {
    let rows = || rows.iter().take(BELOW).filter(|row| row.filled > 1);
    let width = rows().map(|row| row.cells.len()).max().unwrap_or(0);
    let holds_data = |&column: &usize| {
        let classes = || rows().map(|row| row.class(column)).filter(|class| *class != Class::Empty);
        let (all, data) = (classes().count(), classes().filter(|class| class.is_data()).count());
        all > 0 && 5 * data >= 4 * all
    };
    (0..width).filter(holds_data).collect()
}

/// Whether the file starts with data: values of several kinds, or of the kinds that stand in the
/// rows below as well.
fn is_data(records: &[Record], first: usize) -> bool {
    let Some(record) = records.get(first).filter(|record| is_plainly_data(record)) else {
        return false;
    };
    let kinds: HashSet<Class> =
        record.classes.iter().copied().filter(|class| class.is_plainly_data()).collect();
    let below = records.get(first + 1);
    let again = |column: usize| {
        record.class(column).is_plainly_data()
            && below.is_some_and(|row| row.class(column) == record.class(column))
    };
    kinds.len() >= 2 || (0..record.cells.len()).filter(|&column| again(column)).count() >= 2
}

fn is_plainly_data(record: &Record) -> bool {
    let plainly = record.count(Class::is_plainly_data);
    10 * record.count(Class::is_data) >= 3 * record.filled && plainly >= 2
}

/// How well the record at `at` fits as the header: the share of records as wide as it, more for a
/// wide one, one of names and one without gaps. A record that is too short counts half at best, one
/// with cells to spare not at all.
fn fit(records: &[Record], at: usize) -> f64 {
    let Some(header) = records.get(at).filter(|header| header.cells.len() > 1) else { return 0.0 };
    let width = header.cells.len();
    let (mut all, mut fits, mut trust) = (1.0, 1.0, 1.0);
    for above in records[..at].iter().filter(|above| above.filled > 0) {
        if is_as_wide(above, header) {
            all += 1.0;
            trust *= 0.9;
        } else {
            trust *= 0.99;
        }
    }
    for row in &records[at + 1..] {
        let own = if row.width > width { row.width } else { width.min(row.cells.len()) };
        all += 1.0;
        if own == width {
            fits += 1.0;
        } else if own > 1 && own < width {
            fits += 0.5 * share(own, width);
        }
    }
    let names = 0.1 + 0.9 * likeness(header);
    fits / all * (1.0 - share(1, width)) * share(header.filled, width) * names * trust
}

/// How much a record looks like names, from 0 to 1; a value outweighs three names.
fn likeness(record: &Record) -> f64 {
    let (names, data) = (record.count(|class| class == Class::Words), record.count(Class::is_data));
    share(names.saturating_sub(3 * data), record.filled.max(1))
}

const fn is_as_wide(one: &Record, other: &Record) -> bool {
    one.filled > 1 && 10 * one.filled >= 6 * other.filled
}

const fn are_alike(one: usize, other: usize) -> bool {
    10 * one >= 9 * other && 10 * other >= 9 * one
}

#[expect(clippy::cast_precision_loss, reason = "there are few cells")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(lines: &[&str], wanted: &[&str]) -> Place {
        let record = |line: &&str| Record::new(line.split(',').map(str::to_owned).collect());
        let records: Vec<Record> = lines.iter().map(record).collect();
        let wanted = wanted.iter().map(|name| text::fold(name)).collect();
        find(&records, &Form { wanted, ..Form::default() })
    }

    #[test]
    fn the_header_is_found_behind_whatever_stands_above_it() {
        for (lines, expected) in [
            (&["Order,Tracking,City", "1,T1,Ulm"][..], 0),
            (&[",,", "Order,Tracking,City", ",,", "1,T1,Ulm"], 1),
            (&["Sales report", "from 1 to 2,x", "Order,Tracking,City", "1,T1,Ulm"], 2),
            (&["Template=1,Version=2", "numero,envio", "order,tracking", "1,T1"], 2),
        ] {
            assert_eq!(place(lines, &["Order", "Tracking"]).above, expected, "{lines:?}");
        }
    }

    #[test]
    fn without_a_mapping_the_shapes_of_the_cells_tell_the_header() {
        let machines = [
            "a=1,b=2",
            "Nummer,Sendung,Ort,Land,Plz",
            "order-id,ship_to,city-name,land,zip_code",
            "10001,T1,Ulm,DE,10115",
            "10002,T2,Bonn,DE,53111",
        ];
        for (lines, expected) in [
            (&["Order,Tracking,City", "1,T1,Ulm", "2,T2,Bonn"][..], 0),
            (&["Report", "Order,Tracking,City", "1,T1,Ulm", "2,T2,Bonn"], 1),
            (&machines, 2),
            (&["Order,Name,City", "1,Ada", "2,Bob", "3"], 0),
            (&["Order", "1", "2"], 0),
        ] {
            assert_eq!(place(lines, &[]).above, expected, "{lines:?}");
        }
    }

    #[test]
    fn a_row_of_data_is_never_taken_for_the_header_in_doubt() {
        for lines in [
            &["Order,Name,,,", "a,b,c,d,e", "f,g,h,i,j"][..],
            &["Order,Name,City", "x-1,Ada,Ulm", "x-2,Bob,Bonn"],
            &["Name,City", "Ada,Ulm"],
            &["10,20,30", "mug,cup,tea", "10,20,30"],
            &["Aa,Aa,Aa,Aa", ";,a,;,b", "00,,,00"],
            &[
                "Order,Tracking,Carrier,Name",
                "TEST,pending,UPS,Ada",
                "1001,94001112,UPS,Bob",
                "1002,94001113,UPS,Cy",
            ],
            &["Order,2026-11,2026-12", "1001,mug,12.50", "1002,cup,9.00"],
        ] {
            assert_eq!(place(lines, &[]).above, 0, "{lines:?}");
            assert!(!place(lines, &[]).is_data, "{lines:?}");
        }
    }

    #[test]
    fn a_description_is_words_over_data_and_a_row_of_data_is_never_one() {
        let header = "Order number,Status,Item,Tracking";
        let data = ["57600001,paid,mug,94001112", "57600002,paid,tea,94001113"];
        let described = |row: &str| place(&[header, row, data[0], data[1]], &[]).describing;
        assert_eq!(
            described(
                "The order's number.,The status of it.,Name of the item.,The tracking number."
            ),
            Some(1)
        );
        assert_eq!(described("Platform unique order number.,Order status,,"), Some(1));
        assert_eq!(
            place(&[header, ",,,", "Number of the order,,,", data[0]], &[]).describing,
            Some(2)
        );
        for row in [
            data[0],
            "57600003,paid by Ada,big blue mug,",
            ",paid,a big blue mug,",
            "Order number,Status,Item,Tracking",
            "see note,open,big mug,none yet",
        ] {
            assert_eq!(described(row), None, "{row}");
        }
        // Nothing below tells what is data.
        assert_eq!(place(&[header, "Number of the order,Status of it,,"], &[]).describing, None);
    }

    #[test]
    fn a_file_that_starts_with_data_has_no_header_unless_its_names_are_wanted() {
        let lines = [
            "OH,100045,2026-09-22,Ada,ada@example.com,DHL",
            "OI,SKU-1,Mug,2",
            "OH,100046,2026-09-22,Bob,bob@example.com,DHL",
        ];
        assert!(place(&lines, &[]).is_data);
        assert!(!place(&lines, &["OH", "Ada"]).is_data);
        let pinned = Form { skip_lines: Some(0), ..Form::default() };
        let records: Vec<Record> = lines
            .iter()
            .map(|line| Record::new(line.split(',').map(str::to_owned).collect()))
            .collect();
        assert!(!find(&records, &pinned).is_data);
    }
}
