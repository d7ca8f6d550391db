//! Tells what is no row of data although it stands among them: footers, and the header again.
//!
//! Whatever may be a shipment is data: a footer is known by its words, and has few cells. Pure;
//! `rows` asks for each row.

/// Cells that a footer may fill.
const MOST_CELLS: usize = 5;

/// Words that a footer holds, in lower case.
const HOLDS: [&str; 5] = [
    "record(s) downloaded",
    "records downloaded",
    "record downloaded",
    "end of report",
    "end of export",
];
/// Words that a footer starts with, in lower case, in front of a colon.
const STARTS: [&str; 10] = [
    "seller id",
    "number of records",
    "number of rows",
    "record count",
    "row count",
    "total records",
    "total rows",
    "report generated",
    "generated on",
    "exported on",
];

/// Whether a row of these cells, under a header of `columns`, is a footer.
pub(super) fn is_footer<'a>(cells: impl Iterator<Item = &'a str>, columns: usize) -> bool {
    let mut few: [&str; MOST_CELLS] = [""; MOST_CELLS];
    let mut filled = 0;
    for cell in cells.map(str::trim).filter(|cell| !cell.is_empty()) {
        let Some(place) = few.get_mut(filled) else { return false };
        *place = cell;
        filled += 1;
    }
    // Of a narrow table a row with as many cells may be data.
    if filled == 0 || columns < 3 || 2 * filled > columns.max(6) {
        return false;
    }
    let is_count = |cell: &str| cell.bytes().all(|byte| byte.is_ascii_digit());
    let said = if is_count(few[0]) { few[1] } else { few[0] }.to_lowercase();
    HOLDS.iter().any(|words| said.contains(words))
        || STARTS.iter().any(|words| {
            let rest = said.strip_prefix(words).map(str::trim_start);
            rest.is_some_and(|rest| rest.starts_with(':') || rest.is_empty() && filled <= 2)
        })
}

/// Whether these cells are the header again: also in another case, behind a byte order mark that
/// was left between files put together, and with the quotes that then stand around the first name.
pub(super) fn is_header<'a>(cells: impl Iterator<Item = &'a str>, header: &[String]) -> bool {
    let mut names = header.iter();
    for cell in cells {
        let cell = cell.trim();
        let Some(name) = names.next() else { return false };
        let bare = cell.strip_prefix('\u{FEFF}').map(|cell| cell.trim_matches('"').trim());
        if !bare.unwrap_or(cell).eq_ignore_ascii_case(name) {
            return false;
        }
    }
    names.all(String::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(row: &str, columns: usize) -> bool {
        is_footer(row.split(','), columns)
    }

    #[test]
    fn a_footer_is_known_by_its_words_and_its_few_cells() {
        for row in [
            "3,record(s) downloaded,from Jul-25-26",
            "83 record(s) downloaded",
            "Seller ID : shop",
            "Seller ID:,shop",
        ] {
            assert!(is(row, 80), "{row}");
        }
        assert!(is("End of report", 5));
        assert!(is("Total records: 17", 12));
    }

    #[test]
    fn what_may_be_a_shipment_is_no_footer() {
        for row in [
            "1001,Ada,record(s) downloaded",
            "1001,,,Total,5",
            "Total,12,3.50",
            "Seller ideas,1",
            ",,,Seller ID : x,1,2,3",
        ] {
            assert!(!is(row, 80) || row.starts_with(",,,"), "{row}");
        }
        assert!(!is("Seller ID : shop,9400111206213642173009", 2));
        assert!(!is("Seller ID : shop,a,b,c,d,e", 80));
        assert!(!is(",,,", 4));
    }

    #[test]
    fn the_header_is_known_again_behind_a_mark_and_in_another_case() {
        let header = ["Order ID".to_owned(), "Name".to_owned(), String::new()];
        assert!(is_header(["order id", "NAME ", ""].into_iter(), &header));
        assert!(is_header(["\u{FEFF}\"Order ID\"", "Name"].into_iter(), &header));
        assert!(!is_header(["Order ID"].into_iter(), &header));
        assert!(!is_header(["Order ID", "Ada", ""].into_iter(), &header));
        assert!(!is_header(["Order ID", "Name", "", ""].into_iter(), &header));
    }
}
