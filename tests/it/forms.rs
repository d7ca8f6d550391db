//! Files as other systems write them: encodings, packed files and workbooks, read as they are or
//! refused by name.

use std::io::{Cursor, Write};

use encoding_rs::{SHIFT_JIS, WINDOWS_1252};
use flate2::Compression;
use flate2::write::GzEncoder;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::support::Workdir;
use crate::support::workdir::Run;

const TEXT: &str = "Order;Tracking;Ciudad\n1001;T1;Málaga\n1002;T2;\"Köln; Süd\"\n";
const MAPPING: &str = "[fields]\norder_no = \"Order\"\ntrackingnumber = \"Tracking\"\ncarrier_type = { value = \"UPS\" }\n\
                       shipping_city = \"Ciudad\"\n";

fn check(name: &str, bytes: &[u8], flags: &[&str]) -> Run {
    let workdir = Workdir::new();
    workdir.write(name, bytes);
    workdir.write("map.toml", MAPPING);
    let mut arguments = vec!["check", name, "-m", "map.toml", "--show", "9"];
    arguments.extend(flags);
    workdir.lateship(&arguments)
}

/// The cities of all payloads.
fn cities(run: &Run) -> Vec<String> {
    run.assert_code(0);
    let payloads = serde_json::Deserializer::from_str(&run.stdout).into_iter::<serde_json::Value>();
    payloads
        .map(|payload| payload.expect("JSON")["shipping_city"].as_str().expect("a city").to_owned())
        .collect()
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2], mark: bool) -> Vec<u8> {
    let mark = if mark { "\u{FEFF}" } else { "" };
    format!("{mark}{text}").encode_utf16().flat_map(bytes).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes).expect("packed");
    out.finish().expect("packed")
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        out.start_file(
            *name,
            SimpleFileOptions::default().compression_method(CompressionMethod::Stored),
        )
        .expect("begun");
        out.write_all(bytes).expect("packed");
    }
    out.finish().expect("packed").into_inner()
}

#[test]
fn every_rung_of_the_ladder_gives_the_same_text() {
    let latin = WINDOWS_1252.encode(TEXT).0.into_owned();
    let mut marked = vec![0xEF, 0xBB, 0xBF];
    marked.extend(TEXT.as_bytes());
    let forms: [(&str, Vec<u8>); 7] = [
        ("utf-8", TEXT.into()),
        ("utf-8 with a mark", marked),
        ("windows-1252", latin.clone()),
        ("utf-16le with a mark", utf16(TEXT, u16::to_le_bytes, true)),
        ("utf-16be with a mark", utf16(TEXT, u16::to_be_bytes, true)),
        ("utf-16le", utf16(TEXT, u16::to_le_bytes, false)),
        ("windows-1252 in gzip", gzip(&latin)),
    ];
    for (form, bytes) in forms {
        assert_eq!(cities(&check("orders.csv", &bytes, &[])), ["Málaga", "Köln; Süd"], "{form}");
    }
}

#[test]
fn other_encodings_are_pinned_by_a_flag_or_by_the_mapping() {
    let text = "Order,Tracking,Ciudad\n1001,T1,東京\n";
    let bytes = SHIFT_JIS.encode(text).0.into_owned();
    assert_eq!(cities(&check("orders.csv", &bytes, &["--encoding", "sjis"])), ["東京"]);
    let workdir = Workdir::new();
    workdir.write("orders.csv", &bytes);
    workdir.write("map.toml", format!("[source]\nencoding = \"Shift_JIS\"\n{MAPPING}"));
    assert_eq!(
        cities(&workdir.lateship(&["check", "orders.csv", "-m", "map.toml", "--show", "1"])),
        ["東京"]
    );
    let wrong = check("orders.csv", &bytes, &["--encoding", "shift-jsi"]);
    wrong.assert_code(2);
    assert!(wrong.stderr.contains("shift_jis"), "{}", wrong.stderr);
}

#[test]
fn failed_rows_have_the_encoding_of_the_input_and_go_in_again_with_the_same_command() {
    type Encode = fn(&str) -> Vec<u8>;
    let forms: [(Encode, &[u8], &[&str], &str); 4] = [
        (|text| SHIFT_JIS.encode(text).0.into_owned(), b"", &["--encoding", "sjis"], "東京"),
        (|text| utf16(text, u16::to_le_bytes, false), b"\xFF\xFE", &[], "東京"),
        (|text| utf16(text, u16::to_be_bytes, false), b"\xFE\xFF", &[], "東京"),
        (|text| WINDOWS_1252.encode(text).0.into_owned(), b"", &[], "Málaga"),
    ];
    for (encode, mark, flags, city) in forms {
        let workdir = Workdir::new();
        let text = encode(&format!("Order,Tracking,Ciudad\n1001,,{city}\n1002,T2,{city}\n"));
        workdir.write("orders.csv", [mark, &text].concat());
        workdir.write("map.toml", MAPPING);
        let import = |input: &str| {
            workdir.lateship(&[&["import", input, "-m", "map.toml", "--sandbox"], flags].concat())
        };
        let failed = |name: &str| std::fs::read(workdir.path(name)).expect("failed rows");
        import("orders.csv").assert_code(1);
        let first = failed("orders.failed.csv");
        let row =
            [mark, &encode("Order,Tracking,Ciudad,lateship_error\n1001,,"), &encode(city)].concat();
        assert!(first.starts_with(&row), "{city}: {first:?}");
        // Invalid for the same reason, so everything was read as before.
        import("orders.failed.csv").assert_code(1);
        assert_eq!(failed("orders.failed.failed.csv"), first, "{city}");
    }
}

#[test]
fn packed_files_are_read_by_their_content_whatever_their_names() {
    let mut twice = gzip(&TEXT.as_bytes()[..22]);
    twice.extend(gzip(&TEXT.as_bytes()[22..]));
    let zstd = zstd::encode_all(TEXT.as_bytes(), 3).expect("packed");
    let forms = [
        ("gzip", gzip(TEXT.as_bytes())),
        ("gzip in two members", twice),
        ("zstd", zstd),
        ("zip", zip(&[("export/orders.csv", TEXT.as_bytes()), ("__MACOSX/._orders.csv", b"x")])),
    ];
    for (form, bytes) in forms {
        assert_eq!(cities(&check("orders.csv", &bytes, &[])), ["Málaga", "Köln; Süd"], "{form}");
    }
}

#[test]
fn packed_files_that_hold_no_single_text_are_refused_by_name() {
    let two = zip(&[("may.csv", TEXT.as_bytes()), ("june.csv", TEXT.as_bytes())]);
    let packed = gzip(TEXT.repeat(2000).as_bytes());
    for (bytes, words) in [
        (two, ["may.csv", "several files"]),
        (zip(&[]), ["without a file", "zip"]),
        (packed[..packed.len() / 2].to_vec(), ["orders.csv", "cannot be read"]),
        (gzip(&gzip(TEXT.as_bytes())), ["orders.csv", "gzip"]),
    ] {
        let run = check("orders.csv", &bytes, &[]);
        run.assert_code(2);
        assert!(words.iter().all(|word| run.stderr.contains(word)), "{words:?}: {}", run.stderr);
    }
}

/// A workbook with these rows of XML cells in its first sheet.
fn workbook(rows: &str) -> Vec<u8> {
    let parts = [
        (
            "[Content_Types].xml",
            r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>"#
                .to_owned(),
        ),
        (
            "_rels/.rels",
            r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
                .to_owned(),
        ),
        (
            "xl/workbook.xml",
            r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Orders" sheetId="1" r:id="r1"/><sheet name="Notes" sheetId="2" r:id="r1"/></sheets></workbook>"#
                .to_owned(),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#
                .to_owned(),
        ),
        (
            "xl/styles.xml",
            r#"<?xml version="1.0"?><styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>"#
                .to_owned(),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!(
                r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>"#
            ),
        ),
    ];
    let parts: Vec<(&str, &[u8])> =
        parts.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    zip(&parts)
}

#[test]
fn the_first_sheet_of_a_workbook_is_read_with_all_digits_and_real_dates() {
    let text = |cell: &str, text: &str| {
        format!(r#"<c r="{cell}" t="inlineStr"><is><t>{text}</t></is></c>"#)
    };
    let number = |cell: &str, number: &str| format!(r#"<c r="{cell}"><v>{number}</v></c>"#);
    let date = |cell: &str, serial: &str| format!(r#"<c r="{cell}" s="1"><v>{serial}</v></c>"#);
    let rows = [
        format!(
            r#"<row r="3">{}{}{}{}</row>"#,
            text("A3", "Order"),
            text("B3", "Tracking"),
            text("C3", "Ciudad"),
            text("D3", "Date")
        ),
        format!(
            r#"<row r="4">{}{}{}{}</row>"#,
            number("A4", "100100000000001"),
            text("B4", "00340434123456789012"),
            text("C4", "Köln\nSüd, links"),
            date("D4", "45384.34789351852")
        ),
        format!(
            r#"<row r="6">{}{}{}</row>"#,
            number("A6", "1002.5"),
            number("B6", "9.40011120621e11"),
            text("C6", "Málaga")
        ),
    ];
    let workdir = Workdir::new();
    workdir.write("orders.xlsx", workbook(&rows.concat()));
    workdir.write("map.toml", format!("{MAPPING}order_date = \"Date\"\n"));
    let run = workdir.lateship(&["import", "orders.xlsx", "-m", "map.toml", "--sandbox"]);
    run.assert_code(0);
    assert!(run.stderr.contains("2 sheets") && run.stderr.contains("Orders"), "{}", run.stderr);
    let lines = workdir.results("orders.results.csv");
    let told: Vec<String> = lines
        .iter()
        .map(|line| {
            format!(
                "{} {} {} {} {}",
                line["row"], line["line"], line["order_no"], line["trackingnumber"], line["status"]
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "1 4 100100000000001 00340434123456789012 sent",
            "2 5   skipped",
            "3 6 1002.5 940011120621 sent"
        ]
    );
    let shown = workdir.lateship(&["check", "orders.xlsx", "-m", "map.toml", "--show", "1"]);
    assert!(shown.stdout.contains("\"2024-04-02 08:20:58\""), "{}", shown.stdout);
}
