//! Any table, written in any dialect and any encoding, is read as it was: cell by cell, with the
//! number and the physical line of every row. What no content can tell (how arbitrary texts are
//! quoted, which legacy encoding they are in) a mapping's `[source]` says; what it can tell is
//! found.

use encoding_rs::Encoding;
use lateship::mapping::Mapping;
use lateship::row::{Dialect, Quote, Reading, Row};
use lateship::source::Source;
use proptest::prelude::*;

/// A label of every encoding of the WHATWG's Encoding Standard that a file can be in.
const LABELS: &str = "utf-8 utf-16le utf-16be ibm866 iso-8859-2 iso-8859-3 iso-8859-4 iso-8859-5 iso-8859-6 iso-8859-7 \
                      iso-8859-8 iso-8859-8-i iso-8859-10 iso-8859-13 iso-8859-14 iso-8859-15 iso-8859-16 koi8-r koi8-u \
                      macintosh windows-874 windows-1250 windows-1251 windows-1252 windows-1253 windows-1254 windows-1255 \
                      windows-1256 windows-1257 windows-1258 x-mac-cyrillic gbk gb18030 big5 euc-jp iso-2022-jp shift_jis \
                      euc-kr x-user-defined";

/// Texts of which each encoding has some; `表` and `ソ` hold a backslash's byte in `Shift_JIS`, `－`
/// and `｜` bars in others.
const TEXTS: &str = "Köln ñandú Łódź čeština ğış Ελλάδα Привет Україна עברית عربى ไทย Việt 東京 表ソ－｜ ｶﾅ 臺北許功蓋 中文 서울 \
                     € £ ¥ — “” ½ ■ \u{A0}\u{AD} 🎉 𠮷 \u{F7A5}";

/// How cells are quoted.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Quoting {
    /// Quotes are data, and no cell holds a delimiter or a line end.
    Never,
    /// Where a reader needs it.
    Least,
    /// And where a cell holds a quote anywhere.
    Needed,
    Always,
}

/// How a table is written.
#[derive(Debug, Clone, Copy)]
struct Form {
    delimiter: char,
    quoting: Quoting,
    end: &'static str,
    /// Whether the last record has a line end.
    closed: bool,
}

fn forms() -> impl Strategy<Value = Form> {
    let quoting = prop::sample::select(vec![Quoting::Least, Quoting::Needed, Quoting::Always]);
    let end = prop::sample::select(vec!["\n", "\r\n", "\r"]);
    (prop::sample::select(vec![',', ';', '\t', '|']), quoting, end, any::<bool>()).prop_map(
        |(delimiter, quoting, end, closed)| {
            let quoting = if delimiter == '\t' { Quoting::Never } else { quoting };
            Form { delimiter, quoting, end, closed }
        },
    )
}

type Records = Vec<Vec<String>>;

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

/// The table's text, and the line at which each record starts.
fn write(table: &Records, form: Form) -> (String, Vec<u64>) {
    let (mut text, mut lines, mut line) = (String::new(), Vec::new(), 1);
    for (index, record) in table.iter().enumerate() {
        lines.push(line);
        for (column, cell) in record.iter().enumerate() {
            if column > 0 {
                text.push(form.delimiter);
            }
            let needed = cell.starts_with('"')
                || cell.contains(form.delimiter)
                || cell.contains(is_line_end);
            let quoted = match form.quoting {
                Quoting::Never => false,
                // A record of a single empty cell would be a blank line.
                Quoting::Least => needed || record.len() == 1 && cell.is_empty(),
                Quoting::Needed => {
                    needed || cell.contains('"') || record.len() == 1 && cell.is_empty()
                }
                Quoting::Always => true,
            };
            if quoted {
                text.extend(["\"", &cell.replace('"', "\"\""), "\""]);
            } else {
                text += cell;
            }
            line += cell.replace("\r\n", "\n").matches(is_line_end).count() as u64;
        }
        if form.closed || index + 1 < table.len() {
            text += form.end;
            line += 1;
        }
    }
    (text, lines)
}

/// The text's bytes; an encoder for UTF-16 the standard does not have.
fn encode(text: &str, label: &str) -> Vec<u8> {
    match label {
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        _ => Encoding::for_label(label.as_bytes()).expect("a label").encode(text).0.into_owned(),
    }
}

/// Whether the encoding has this character, and gives it back: some have look-alikes written as
/// one.
fn holds(label: &str, c: char) -> bool {
    let encoding = Encoding::for_label(label.as_bytes()).expect("a label");
    let mut bytes = [0; 4];
    let text = &*c.encode_utf8(&mut bytes);
    let (encoded, _, lost) = encoding.encode(text);
    label.starts_with("utf-16") || !lost && encoding.decode_without_bom_handling(&encoded).0 == text
}

/// A table that this form and encoding can hold: characters that are not in it become some that
/// are.
fn fit(mut table: Records, form: Form, label: &str) -> Records {
    let is_plain = form.quoting == Quoting::Never;
    let held: Vec<char> = TEXTS.chars().filter(|c| !c.is_ascii() && holds(label, *c)).collect();
    let fitting = |c: char| match c {
        '\n' | '\r' | '\t' if is_plain => ' ',
        _ if holds(label, c) => c,
        _ => held[c as usize % held.len()],
    };
    for (index, record) in table.iter_mut().enumerate() {
        let is_alone = is_plain && record.len() == 1;
        for cell in &mut *record {
            *cell = cell.chars().map(fitting).collect();
            if index == 0 {
                *cell = cell.trim().to_owned();
            } else if is_alone && cell.is_empty() {
                cell.push('x');
            }
        }
    }
    table
}

/// Tables of arbitrary texts: all records as wide as the header, whose names tell no type of file.
fn tables() -> impl Strategy<Value = Records> {
    let texts = || prop::sample::select(TEXTS.chars().collect::<Vec<_>>());
    let cell = prop_oneof![
        3 => "[a-z0-9 ]{0,8}",
        2 => "[\",;|\t'a]{0,6}",
        2 => "[\"\r\na,]{0,6}",
        1 => " {0,2}[a-z]{0,2}[ \t\u{A0}]{0,2}",
        3 => prop::collection::vec(texts(), 0..9).prop_map(String::from_iter),
        2 => prop::collection::vec(prop_oneof![texts(), prop::sample::select(vec!['"', ',', '|', '\r', '\n', 'a'])], 0..9)
            .prop_map(String::from_iter),
        // NUL and Ctrl-Z mean that the file is damaged, or at its end.
        1 => any::<String>().prop_map(|text| text.replace(['\0', '\u{1A}'], "")),
    ];
    (1_usize..6, 0_usize..7).prop_flat_map(move |(width, count)| {
        let names = prop::collection::vec(cell.clone(), width);
        let records = prop::collection::vec(prop::collection::vec(cell.clone(), width), count);
        (names, records).prop_map(|(names, records)| {
            let names =
                names.iter().enumerate().map(|(at, name)| format!("Name {at} {name}")).collect();
            std::iter::once(names).chain(records).collect()
        })
    })
}

/// Reads `bytes` as a mapping with this `[source]` and these columns does.
fn read(bytes: &[u8], source: &str, columns: &[&str]) -> Result<(Source, Vec<Row>), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("orders.csv");
    std::fs::write(&path, bytes).expect("written");
    let fields: Vec<String> = ["product", "productid"]
        .iter()
        .zip(columns)
        .map(|(field, name)| format!("{field} = {name:?}"))
        .collect();
    let mapping = Mapping::parse("map.toml", &format!("{source}\n[fields]\n{}", fields.join("\n")))
        .map_err(|error| error.to_string())?;
    let mut source =
        Source::open(0, &path, "orders.csv", mapping.form()).map_err(|error| error.to_string())?;
    let (mut row, mut rows) = (Row::default(), Vec::new());
    while source.read(&mut row).map_err(|error| error.to_string())? {
        rows.push(row.clone());
    }
    Ok((source, rows))
}

/// Fails unless `source` and its `rows` are the `table` that was written at these `lines`.
fn compare(
    source: &Source,
    rows: &[Row],
    table: &Records,
    lines: &[u64],
) -> Result<(), TestCaseError> {
    prop_assert_eq!(source.about().header(), &table[0][..]);
    prop_assert_eq!(source.about().header_line(), 1);
    let cells: Records = rows.iter().map(|row| row.cells().map(str::to_owned).collect()).collect();
    prop_assert_eq!(&cells[..], &table[1..]);
    for (index, (row, record)) in rows.iter().zip(&table[1..]).enumerate() {
        prop_assert_eq!((row.number, row.line), (index as u64 + 1, lines[index + 1]));
        let is_empty = record.iter().all(|cell| cell.trim_ascii().is_empty());
        prop_assert_eq!(
            &row.reading,
            &if is_empty { Reading::Skip("empty row".into()) } else { Reading::Data }
        );
    }
    Ok(())
}

const fn dialect(form: Form) -> Dialect {
    let quote = if matches!(form.quoting, Quoting::Never) { Quote::Never } else { Quote::By(b'"') };
    Dialect { delimiter: form.delimiter as u8, quote }
}

/// The `[source]` that says all of it.
fn pinned(form: Form, encoding: Option<&str>) -> String {
    let quote = if form.quoting == Quoting::Never { "''" } else { "'\"'" };
    let encoding = encoding.map(|label| format!("encoding = {label:?}\n")).unwrap_or_default();
    let delimiter = form.delimiter.to_string();
    format!("[source]\nskip_lines = 0\ndelimiter = {delimiter:?}\nquote = {quote}\n{encoding}")
}

/// A table as shops export them, and as nothing but its content tells how it is written.
fn exports() -> impl Strategy<Value = Records> {
    let parts = [
        "é-", "ü.", "ß ", "ñ'", "€ ", "ab", "xyz", "No ", "7", " ", ", ", ";", "|", "\"", "7\" ",
        "\n", "\r\n",
    ];
    let cell = move || {
        prop::collection::vec(prop::sample::select(parts.to_vec()), 0..6)
            .prop_map(|parts| parts.concat())
    };
    let row = move |extra: usize| {
        ("[0-9]{4}", "[0-9A-Z]{12}", prop::collection::vec(cell(), extra))
            .prop_map(|(order, tracking, others)| [vec![order, tracking], others].concat())
    };
    (0_usize..5).prop_flat_map(move |extra| {
        let header = ["Order Number", "Tracking Number", "Customer", "Straße", "City", "Remark"];
        let header: Vec<String> =
            header[..2 + extra].iter().map(|name| (*name).to_owned()).collect();
        prop::collection::vec(row(extra), 1..12)
            .prop_map(move |rows| std::iter::once(header.clone()).chain(rows).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_table_in_any_dialect_and_encoding_reads_back_as_it_was_written(
        table in tables(), form in forms(), mark in any::<bool>(),
        label in prop::sample::select(LABELS.split(' ').collect::<Vec<_>>()),
    ) {
        let table = fit(table, form, label);
        let (text, lines) = write(&table, form);
        let mark = mark && label.starts_with("utf-");
        let bytes = encode(&format!("{}{text}", if mark { "\u{FEFF}" } else { "" }), label);
        // What a byte order mark says, and UTF-8 itself, nobody has to pin.
        let source = pinned(form, Some(label).filter(|label| !mark && *label != "utf-8"));
        let (source, rows) = read(&bytes, &source, &[]).map_err(TestCaseError::fail)?;
        prop_assert_eq!(source.about().dialect(), dialect(form));
        compare(&source, &rows, &table, &lines)?;
        prop_assert_eq!(source.about().found().encoding.name(), Encoding::for_label(label.as_bytes()).expect("a label").name());
    }

    #[test]
    fn an_export_of_which_nothing_is_said_is_read_in_every_dialect_and_encoding_that_can_be_told(
        table in exports(), form in forms(), mark in any::<bool>(),
        label in prop::sample::select(vec!["utf-8", "utf-16le", "utf-16be", "windows-1252"]),
    ) {
        let mut table = fit(table, form, label);
        // Quotes around the cells of a tab file are taken for what they look like.
        let is_data = form.quoting == Quoting::Never;
        table.iter_mut().flatten().filter(|cell| is_data && cell.starts_with('"')).for_each(|cell| cell.insert(0, 'x'));
        let (text, lines) = write(&table, form);
        let mark = mark && label.starts_with("utf-");
        let bytes = encode(&format!("{}{text}", if mark { "\u{FEFF}" } else { "" }), label);
        let (source, rows) =
            read(&bytes, "", &["Order Number", "Tracking Number"]).map_err(TestCaseError::fail)?;
        prop_assert_eq!(source.about().dialect(), dialect(form));
        compare(&source, &rows, &table, &lines)?;
        if !text.is_ascii() {
            prop_assert_eq!(source.about().found().encoding.name().to_ascii_lowercase(), label);
        }
    }
}

#[test]
fn no_encoding_loses_a_character_where_one_piece_of_a_file_ends_and_the_next_begins() {
    let form = Form { delimiter: '|', quoting: Quoting::Least, end: "\r\n", closed: true };
    for label in LABELS.split(' ') {
        let texts: String = TEXTS.chars().filter(|c| holds(label, *c)).collect();
        let mut table = vec![vec!["Name".to_owned(), "Text".to_owned()]];
        // 100 KiB and more, each row longer by one than the last, so that pieces end anywhere in a
        // character.
        for number in 1..=250 {
            let text: String = texts.chars().cycle().skip(number % 7).take(number + 300).collect();
            table.push(vec![number.to_string(), text]);
        }
        let (text, lines) = write(&table, form);
        let bytes = encode(&text, label);
        assert!(bytes.len() > 100 << 10 && !texts.is_ascii(), "{label}");
        let (source, rows) = read(&bytes, &pinned(form, Some(label)), &[])
            .unwrap_or_else(|error| panic!("{label}: {error}"));
        compare(&source, &rows, &table, &lines).unwrap_or_else(|error| panic!("{label}: {error}"));
    }
}
