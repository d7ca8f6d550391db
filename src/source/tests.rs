//! Whole inputs, read from their first byte to their last; properties are held against the `csv`
//! crate.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use proptest::prelude::*;

use super::window::Window;
use super::{Error, Kind, Source};
use crate::row::{Dialect, Encoding, Form, Quote, Reading, Row};

/// Gives its bytes in small pieces, so that every record meets the edge of what was read.
struct Trickle {
    bytes: Vec<u8>,
    at: usize,
    step: usize,
}

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.step.min(buffer.len()).min(self.bytes.len() - self.at);
        buffer[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

fn open_in_pieces(bytes: &[u8], form: &Form, step: usize) -> Result<Source, Error> {
    let size = bytes.len() as u64;
    let trickle = Trickle { bytes: bytes.to_vec(), at: 0, step };
    Source::start(0, Window::with_capacity(Box::new(trickle), step), size, "orders.csv", form)
}

fn open(bytes: &[u8]) -> Result<Source, Error> {
    open_in_pieces(bytes, &Form::default(), 1 << 20)
}

fn rows_of(source: &mut Source) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = Row::default();
    while source.read(&mut row).expect("no input breaks here") {
        rows.push(row.clone());
    }
    rows
}

fn rows(bytes: &[u8]) -> Vec<Row> {
    rows_of(&mut open(bytes).expect("a readable file"))
}

fn cells(row: &Row) -> Vec<&str> {
    row.cells().collect()
}

/// Each row as `number@line`, its cells, and what reading says of it.
fn shown(bytes: &[u8]) -> Vec<String> {
    rows(bytes).iter().map(show).collect()
}

fn show(row: &Row) -> String {
    let said = match &row.reading {
        Reading::Data => String::new(),
        Reading::Skip(reason) => format!(" skip: {reason}"),
        Reading::Flawed(reason) => format!(" flawed: {reason}"),
    };
    format!("{}@{} {}{said}", row.number, row.line, cells(row).join("|"))
}

#[test]
fn rows_are_numbered_by_record_and_placed_by_physical_line_with_every_line_end() {
    let text = "a,b\n1,2\n\n\n3,\"x\ny\"\n,\n5,6";
    for end in ["\n", "\r\n", "\r"] {
        let expected = [
            "1@2 1|2".to_owned(),
            format!("2@5 3|x{end}y"),
            "3@7 | skip: empty row".into(),
            "4@8 5|6".into(),
        ];
        assert_eq!(shown(text.replace('\n', end).as_bytes()), expected, "{end:?}");
    }
    assert_eq!(
        shown(b"a,b\r1,2\n3,4\r\n\r5,6\r\r\n7,8"),
        ["1@2 1|2", "2@3 3|4", "3@5 5|6", "4@7 7|8"]
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_header_even_before_a_quote_or_twice() {
    let source = open(b"\xEF\xBB\xBF\xEF\xBB\xBF\"Order no\", Name ,\n1,2,3\n").unwrap();
    assert_eq!(source.about().header(), ["Order no", "Name", ""]);
    assert_eq!(source.about().header_line(), 1);
}

#[test]
fn what_is_no_csv_is_refused_by_its_name_with_advice() {
    let cases: [(&[u8], &str); 8] = [
        (b"", "orders.csv: the file is empty"),
        (b"\xEF\xBB\xBF", "orders.csv: the file is empty but for a byte order mark: there is no header"),
        (b"\n\r\n,,\n", "orders.csv: the file is empty but for blank lines: there is no header"),
        (b"\x1F\x8B\x08\0", "orders.csv: this is a file compressed by gzip, and no table of text"),
        (b"Or\0der,b\n1,2\n", "orders.csv: this is binary data, and no table of text"),
        (b"\xFF\xFEO\0", "orders.csv: this is text in UTF-16, and no table of text"),
        (b"a,\"b\n1,2\n", "orders.csv: the quote opened in line 1 of the header is never closed"),
        (
            b"file,row,line,order_no,trackingnumber,status,http_status,attempts,message,finished_at,duration_ms,fingerprint,shipment,payload\n",
            "orders.csv: this is the results file of an earlier run, not an export",
        ),
    ];
    for (bytes, expected) in cases {
        let error = open(bytes).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().is_some_and(|hint| !hint.is_empty()));
    }
    assert!(matches!(open(b"%PDF-1.7\n"), Err(Error::Other { kind: Kind::Pdf, .. })));
}

#[test]
fn text_is_read_in_the_encoding_that_it_is_in_or_that_is_pinned() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.csv");
    let utf16 =
        |mark: &str, encoding: Encoding| encoding.encode(&format!("{mark}No;Name\n1;Café\n"));
    let pinned = |label: &str| Some(label.parse::<Encoding>().unwrap());
    for (bytes, pin, name, cell) in [
        ("No;Name\n1;Café\n".as_bytes().to_vec(), None, "UTF-8", "Café"),
        (b"No;Name\n1;Caf\xE9\n".to_vec(), None, "windows-1252", "Café"),
        (b"No;Name\n1;Caf\xE9\n".to_vec(), pinned("windows-1251"), "windows-1251", "Cafй"),
        (utf16("\u{FEFF}", Encoding::UTF16LE), None, "UTF-16LE", "Café"),
        (utf16("\u{FEFF}", Encoding::UTF16BE), None, "UTF-16BE", "Café"),
        (utf16("", Encoding::UTF16LE), None, "UTF-16LE", "Café"),
        (utf16("", Encoding::UTF16BE), None, "UTF-16BE", "Café"),
        (b"No;Name\n1;\x8E\x52\n".to_vec(), pinned("shift_jis"), "Shift_JIS", "山"),
    ] {
        fs::write(&path, &bytes).unwrap();
        let form = Form { encoding: pin, ..Form::default() };
        let mut source = Source::open(0, &path, "orders.csv", &form).unwrap();
        assert_eq!(
            (source.about().found().encoding.name(), source.about().header()),
            (name, &["No".to_owned(), "Name".to_owned()][..])
        );
        let rows = rows_of(&mut source);
        assert_eq!((rows.len(), rows[0].get(1), rows[0].line), (1, cell, 2), "{name}");
        assert_eq!(source.position(), bytes.len() as u64);
        assert_eq!(source.finish().unwrap().bytes, bytes.len() as u64);
    }
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &Path| Source::open(0, path, "orders.csv", &Form::default()).unwrap_err();
    assert!(matches!(at(&folder.path().join("none.csv")), Error::Missing { .. }));
    assert!(matches!(at(folder.path()), Error::Folder { .. }));
    #[cfg(unix)]
    assert!(matches!(at(Path::new("/dev/null")), Error::NoFile { .. }));
    assert!(matches!(
        Error::of_system("x", 0, io::ErrorKind::PermissionDenied.into()),
        Error::Denied { .. }
    ));
}

#[test]
fn a_file_tells_its_size_its_progress_and_its_digest_wherever_reading_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.csv");
    fs::write(&path, "abc\n1\n2\n").unwrap();
    let open = || Source::open(3, &path, "orders.csv", &Form::default()).unwrap();
    let mut source = open();
    assert_eq!(
        (source.about().size(), source.position(), source.about().name()),
        (8, 4, "orders.csv")
    );
    let mut row = Row::default();
    assert!(source.read(&mut row).unwrap());
    assert_eq!((row.input, source.position()), (3, 6));
    let digest = source.finish().unwrap();
    assert_eq!(digest.bytes, 8);
    assert_eq!(digest.sha256, "6d9ecfa7dc8898c38efcaeff29df2026f8e4b86500e625cfc520ea332c633aa9");
    let mut source = open();
    rows_of(&mut source);
    assert_eq!(source.finish().unwrap(), digest);
}

#[test]
fn the_separator_line_of_a_spreadsheet_is_obeyed_and_is_no_row() {
    let mut source = open(b"\xEF\xBB\xBFsep=;\r\na,b;c\r\n1;2\r\n").unwrap();
    assert_eq!(
        (source.about().header(), source.about().header_line()),
        (&["a,b".to_owned(), "c".to_owned()][..], 2)
    );
    assert_eq!(rows_of(&mut source).iter().map(show).collect::<Vec<_>>(), ["1@3 1|2"]);
    assert_eq!(open(b"\"sep=^\"\na^b\n").unwrap().about().header(), ["a", "b"]);
}

#[test]
fn pinned_lines_before_the_header_are_skipped() {
    let form = Form { skip_lines: Some(2), ..Form::default() };
    let mut source = open_in_pieces(b"\"Title\r\n\r\na;b\r\n1;2\r\n", &form, 5).unwrap();
    assert_eq!((source.about().header_line(), source.about().header()[1].as_str()), (3, "b"));
    assert_eq!(rows_of(&mut source)[0].line, 4);
    assert!(matches!(open_in_pieces(b"a\nb\n", &form, 5), Err(Error::NoHeader { .. })));
}

#[test]
fn a_form_that_cannot_cut_cells_is_refused() {
    for (delimiter, quote) in [(b'\n', b'"'), (0xE9, b'"'), (b',', b','), (b',', b'\r')] {
        let form =
            Form { delimiter: Some(delimiter), quote: Some(Quote::By(quote)), ..Form::default() };
        assert!(matches!(open_in_pieces(b"a,b\n", &form, 9), Err(Error::Form { .. })));
    }
}

#[test]
fn one_column_is_accepted_with_a_remark_where_another_delimiter_is_likely() {
    let form = Form { delimiter: Some(b','), ..Form::default() };
    let source = open_in_pieces(b"Order;Name\n1;Ada\n", &form, 1000).unwrap();
    assert_eq!(
        source.about().remarks(),
        [
            "only one column found, \"Order;Name\"; is the delimiter a semicolon? Then set delimiter = \";\" in the \
          mapping's [source]"
        ]
    );
    assert!(open(b"Order\n1\n").unwrap().about().remarks().is_empty());
    assert!(open(b"Order;Name\n1;Ada\n").unwrap().about().remarks().is_empty());
}

#[test]
fn short_rows_are_padded_empty_surplus_is_dropped_and_other_surplus_is_a_flaw() {
    let rows = rows(b"a,b,c\n1\n1,,\n1,2,3,, \n1,2,3,,5\n");
    assert_eq!(rows.iter().map(cells).map(|cells| cells.len()).collect::<Vec<_>>(), [3, 3, 3, 5]);
    assert_eq!(rows.iter().map(|row| row.width).collect::<Vec<_>>(), [1, 3, 5, 5]);
    assert_eq!(rows[0].fingerprint, rows[1].fingerprint);
    assert_eq!(rows[2].reading, Reading::Data);
    assert_eq!(
        rows[3].reading,
        Reading::Flawed("has 5 cells, the header has 3: an unquoted delimiter?".into())
    );
}

#[test]
fn a_last_row_without_its_line_end_is_good_when_it_is_whole_and_a_flaw_when_it_is_short() {
    assert_eq!(rows(b"a,b\n1,2")[0].reading, Reading::Data);
    assert_eq!(
        shown(b"a,b\n1,2\n3"),
        [
            "1@2 1|2",
            "2@3 3| flawed: the file ends in the middle of this row (1 of 2 cells, no line end): it may have been cut \
             off while it was written"
        ]
    );
}

#[test]
fn an_end_of_file_mark_is_no_row_but_one_inside_a_row_is_a_flaw_and_so_is_a_nul() {
    assert_eq!(shown(b"a,b\r\n1,2\r\n\x1A"), ["1@2 1|2"]);
    assert_eq!(shown(b"a,b\n1,2\n\x1A\x1A\n"), ["1@2 1|2"]);
    assert!(
        matches!(&rows(b"a,b\n1,2\x1A")[0].reading, Reading::Flawed(why) if why.contains("Ctrl-Z"))
    );
    let rows = rows(b"a,b\n1,2\n\0\0\0\0\0\0");
    assert_eq!(rows[0].reading, Reading::Data);
    assert!(matches!(&rows[1].reading, Reading::Flawed(why) if why.contains("NUL")));
}

#[test]
fn bytes_that_are_no_utf8_deep_in_the_file_spoil_their_row_alone_and_name_the_column() {
    let mut bytes = b"a,Name\n".to_vec();
    bytes.extend(b"1,Ada\n".repeat(60_000));
    bytes.extend(b"1,Caf\xE9\n2,\"Caf\xE9\"\n3,Bob\n");
    let rows = rows(&bytes);
    for row in &rows[60_000..60_002] {
        assert!(
            matches!(&row.reading, Reading::Flawed(why) if why.starts_with("column \"Name\", B is not UTF-8"))
        );
        assert_eq!(row.get(1), "Caf\u{FFFD}");
    }
    assert_eq!(show(&rows[60_002]), "60003@60004 3|Bob");
}

#[test]
fn a_quote_that_is_never_closed_costs_its_own_line_and_no_other() {
    let flaw = |line, column| {
        format!("flawed: the quote opened in line {line} (column \"{column}\") is never closed")
            .replace("a\"", "a\", A")
            .replace("b\"", "b\", B")
            .replace("c\"", "c\", C")
    };
    // To the end of the file; in front of the opening quote of a later row.
    assert_eq!(
        shown(b"a,b,c\n1,\"x,y\n2,x,y\n"),
        [format!("1@2 1|\"x|y {}", flaw(2, "b")), "2@3 2|x|y".into()]
    );
    assert_eq!(
        shown(b"a,b,c\n1,\"x,y\n2,x,y\n3,\"ok, fine\",y\n"),
        [format!("1@2 1|\"x|y {}", flaw(2, "b")), "2@3 2|x|y".into(), "3@4 3|ok, fine|y".into()]
    );
    // The quote that opened in the record's second line.
    assert_eq!(
        shown(b"a,b,c\n1,\"two\nlines\",\"y\n2,x,y\n"),
        [format!("1@2 1|two\nlines|\"y {}", flaw(3, "c")), "2@4 2|x|y".into()]
    );
}

#[test]
fn a_cell_of_several_lines_with_cells_to_spare_stays_one_row_and_is_not_sent_in_pieces() {
    assert_eq!(
        shown(b"a,b,c\n1,\"two\nlines\",x,y\n2,x,y\n"),
        [
            "1@2 1|two\nlines|x|y flawed: has 4 cells, the header has 3: an unquoted delimiter?",
            "2@4 2|x|y"
        ]
    );
}

#[test]
fn a_quote_may_span_many_lines_but_not_without_end() {
    let cell = |lines: usize| format!("\"{}\"", "x\r\n".repeat(lines));
    let text = format!("a,b\r\n1,{}\r\n2,y\r\n", cell(200));
    let rows = rows(text.as_bytes());
    assert_eq!((rows.len(), rows[0].reading.clone(), rows[1].line), (2, Reading::Data, 203));
    let text = format!("a,b\r\n1,{}\r\n2,y\r\n", cell(201));
    let source = &mut open_in_pieces(text.as_bytes(), &Form::default(), 7).unwrap();
    let rows = rows_of(source);
    assert!(matches!(&rows[0].reading, Reading::Flawed(why) if why.contains("line 2")));
    assert_eq!(
        rows.last().map(|row| (row.line, row.get(0).to_owned())),
        Some((204, "2".to_owned()))
    );
}

#[test]
fn a_line_without_end_is_one_flawed_row_and_is_not_kept_in_memory() {
    for start in ["1,", "1,\""] {
        let mut bytes = format!("a,b\n{start}").into_bytes();
        bytes.extend(std::iter::repeat_n(b'x', 3 << 20));
        bytes.extend(b"\r\n2,y\n");
        let rows = rows(&bytes);
        assert_eq!(rows.len(), 2);
        assert!(
            matches!(&rows[0].reading, Reading::Flawed(why) if why.contains("longer than 1 MiB"))
        );
        assert_eq!(show(&rows[1]), "2@3 2|y");
    }
}

/// A table: all records as wide as the first, whose cells are never all empty.
fn tables() -> impl Strategy<Value = Vec<Vec<String>>> {
    let cell = prop_oneof![
        4 => "[a-z0-9 ]{0,8}",
        2 => "[\",;|\t'a]{0,6}",
        1 => "[\"\r\na,]{0,6}",
        1 => any::<String>().prop_map(|text| text.replace(['\0', '\u{1A}', '\u{FEFF}'], "")),
    ];
    (1_usize..6, 0_usize..6).prop_flat_map(move |(width, count)| {
        let names = prop::collection::vec("[A-Z][a-z,;\" ]{0,6}[a-z]", width);
        let records = prop::collection::vec(prop::collection::vec(cell.clone(), width), count);
        (names, records)
            .prop_map(|(names, records)| std::iter::once(names).chain(records).collect())
    })
}

proptest! {
    #[test]
    fn any_table_reads_back_as_it_was_written(
        table in tables(),
        delimiter in prop::sample::select(b",;\t|".to_vec()),
        quote in prop::sample::select(b"\"'".to_vec()),
        ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r\n", "\r"]), 1..4),
        blanks in prop::collection::vec(0_usize..3, 1..4),
        always in any::<bool>(),
        closed in any::<bool>(),
        step in 1_usize..40,
    ) {
        let mut text = Vec::new();
        let mut lines = Vec::new();
        let mut line = 1;
        for (index, record) in table.iter().enumerate() {
            lines.push(line);
            let style = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
            let mut writer = csv::WriterBuilder::new();
            writer.delimiter(delimiter).quote(quote).quote_style(style).terminator(csv::Terminator::Any(b'\n'));
            let mut writer = writer.from_writer(Vec::new());
            writer.write_record(record).unwrap();
            let mut written = writer.into_inner().unwrap();
            written.pop();
            line += ends_in(&written);
            text.extend(written);
            let end = ends[index % ends.len()];
            if index + 1 < table.len() || closed {
                text.extend(end.as_bytes());
                line += 1;
                // A CR and the LF of a blank line would be one line end.
                if end != "\r" {
                    let blank = blanks[index % blanks.len()];
                    text.extend(end.repeat(blank).as_bytes());
                    line += blank as u64;
                }
            }
        }
        let mut reader = csv::ReaderBuilder::new();
        reader.delimiter(delimiter).quote(quote).flexible(true).has_headers(false);
        let oracle: Vec<Vec<String>> =
            reader.from_reader(&text[..]).deserialize().collect::<Result<_, _>>().unwrap();
        // Of arbitrary texts nobody could say which is the header.
        let form = Form {
            delimiter: Some(delimiter),
            quote: Some(Quote::By(quote)),
            skip_lines: Some(0),
            ..Form::default()
        };
        let mut source = open_in_pieces(&text, &form, step).unwrap();
        prop_assert_eq!(source.about().dialect(), Dialect { delimiter, quote: Quote::By(quote) });
        prop_assert_eq!(source.about().header(), &table[0][..]);
        let rows = rows_of(&mut source);
        let found: Vec<_> = rows.iter().map(|row| row.cells().map(str::to_owned).collect::<Vec<_>>()).collect();
        prop_assert_eq!(&found[..], &oracle[1..]);
        prop_assert_eq!(&found[..], &table[1..]);
        for (index, row) in rows.iter().enumerate() {
            prop_assert_eq!((row.number, row.line), (index as u64 + 1, lines[index + 1]));
            let empty = table[index + 1].iter().all(|cell| cell.trim_ascii().is_empty());
            prop_assert_eq!(&row.reading, &if empty { Reading::Skip("empty row".into()) } else { Reading::Data });
        }
    }

    #[test]
    fn any_table_whose_columns_are_wanted_is_found_below_any_titles(
        rows in prop::collection::vec(prop::collection::vec("[a-z0-9 ,;|\"\n]{0,9}", 4), 0..6),
        titles in prop::collection::vec("[A-Za-z0-9 :.]{0,20}", 0..6),
        delimiter in prop::sample::select(b",;\t|".to_vec()),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        step in 1_usize..40,
    ) {
        let names = ["Order Number", "Tracking-No", "Ship To / Name", "E-Mail"];
        let mut text: String = titles.iter().flat_map(|title| [title.as_str(), end]).collect();
        let mut line = titles.len() as u64 + 1;
        let mut lines = Vec::new();
        let header: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        for record in std::iter::once(&header).chain(&rows) {
            let cells: Vec<String> = record.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
            let written = cells.join(&char::from(delimiter).to_string());
            lines.push(line);
            line += ends_in(written.as_bytes()) + 1;
            text += &(written + end);
        }
        let wanted = names[..3].iter().map(|name| crate::text::fold(name)).collect();
        let form = Form { delimiter: Some(delimiter), quote: Some(Quote::By(b'"')), wanted, ..Form::default() };
        let mut source = open_in_pieces(text.as_bytes(), &form, step).unwrap();
        prop_assert_eq!((source.about().header(), source.about().header_line()), (&header[..], lines[0]));
        let found = rows_of(&mut source);
        prop_assert_eq!(found.iter().map(|row| row.line).collect::<Vec<_>>(), &lines[1..]);
        for (row, cells) in found.iter().zip(&rows) {
            prop_assert_eq!(row.cells().collect::<Vec<_>>(), cells.iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn records_without_line_ends_in_quotes_are_cut_as_the_oracle_cuts_them(
        lines in prop::collection::vec("[a\" ,]{0,9}|\"[a,]{0,5}\"", 0..6), step in 1_usize..9,
    ) {
        // A header wide enough for every record, so that none has cells to spare; quotes in pairs
        // on each line.
        let pair = |line: &String| format!("{line}{}\n", "\"".repeat(line.matches('"').count() % 2));
        let text = format!("h,,,,,,,,,\n{}", lines.iter().map(pair).collect::<String>());
        let form = Form { delimiter: Some(b','), skip_lines: Some(0), ..Form::default() };
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let oracle: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
        // A quote can still span lines, since one inside a cell is data: such records the oracle
        // itself shows.
        prop_assume!(oracle.iter().flatten().all(|cell| !cell.contains('\n')));
        prop_assume!(oracle.len() == text.lines().skip(1).filter(|line| !line.is_empty()).count());
        let rows = rows_of(&mut open_in_pieces(text.as_bytes(), &form, step).unwrap());
        prop_assert_eq!(rows.len(), oracle.len());
        for (row, record) in rows.iter().zip(&oracle) {
            prop_assert_eq!(row.width, record.len());
            prop_assert_eq!(row.cells().take(row.width).collect::<Vec<_>>(), record.iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn arbitrary_bytes_end_and_lose_no_line(
        bytes in prop::collection::vec(prop_oneof![3 => prop::sample::select(b"\"\"\n\r,;a\x1A\0".to_vec()), 1 => any::<u8>()], 0..400),
        step in 1_usize..40,
    ) {
        for quote in [None, Some(Quote::Never)] {
            let form = Form { quote, ..Form::default() };
            let Ok(mut source) = open_in_pieces(&bytes, &form, step) else { continue };
            let whole = open_in_pieces(&bytes, &form, 1000).map(|mut source| rows_of(&mut source));
            let rows = rows_of(&mut source);
            prop_assert_eq!(Some(&rows), whole.as_ref().ok());
            prop_assert!(rows.windows(2).all(|two| two[0].line < two[1].line && two[0].number + 1 == two[1].number));
            prop_assert_eq!(source.position(), bytes.len() as u64);
        }
    }
}

fn ends_in(bytes: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
    text.matches('\n').count() as u64
}
