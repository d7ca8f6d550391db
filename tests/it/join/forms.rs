//! A joined export as other systems write it, and one that a flag names.

use std::io::{Cursor, Write};

use encoding_rs::WINDOWS_1252;
use flate2::Compression;
use flate2::write::GzEncoder;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{MAPPING, arrived, import, workdir};
use crate::support::Answer;
use crate::support::server::TestServer;

const SHIPMENTS: &str = "Order;Tracking;Stadt\n1001;T1;Köln\n1002;T2;\"Münster; Süd\"\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes).expect("packed");
    out.finish().expect("packed")
}

fn utf16(text: &str) -> Vec<u8> {
    format!("\u{FEFF}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A workbook with these rows of texts in its only sheet; a number stands in it as a number.
fn workbook(rows: &[[&str; 3]]) -> Vec<u8> {
    let mut sheet = String::new();
    for cells in rows {
        sheet += "<row>";
        for cell in cells {
            let is_number = cell.bytes().all(|byte| byte.is_ascii_digit());
            let [before, after] = if is_number {
                ["<c><v>", "</v></c>"]
            } else {
                [r#"<c t="inlineStr"><is><t>"#, "</t></is></c>"]
            };
            sheet.extend([before, cell, after]);
        }
        sheet += "</row>";
    }
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let parts = [
        (
            "_rels/.rels",
            format!(
                r#"<Relationships xmlns="{package}"><Relationship Id="r1" Type="{relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                r#"<workbook xmlns="{main}" xmlns:r="{relations}"><sheets><sheet name="Parcels" sheetId="1" r:id="r1"/></sheets></workbook>"#
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                r#"<Relationships xmlns="{package}"><Relationship Id="r1" Type="{relations}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!(r#"<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData></worksheet>"#),
        ),
    ];
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        out.start_file(
            name,
            SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored),
        )
        .expect("begun");
        out.write_all(text.as_bytes()).expect("packed");
    }
    out.finish().expect("packed").into_inner()
}

#[test]
fn the_joined_export_is_read_in_every_form_in_which_an_input_is() {
    let mapping = format!("{MAPPING}shipping_city = \"shipment.Stadt\"\n");
    let latin = WINDOWS_1252.encode(SHIPMENTS).0.into_owned();
    let forms = [
        ("semicolons", SHIPMENTS.into()),
        ("windows-1252", latin.clone()),
        (
            "UTF-16",
            utf16(
                &SHIPMENTS
                    .replace("\"Münster; Süd\"", "Münster, Süd")
                    .replace(';', "\t")
                    .replace(", ", "; "),
            ),
        ),
        ("gzip", gzip(SHIPMENTS.as_bytes())),
        ("windows-1252 in gzip", gzip(&latin)),
        ("Zstandard", zstd::encode_all(SHIPMENTS.as_bytes(), 3).expect("packed")),
        ("lines above", format!("Versandliste 11/2026\n\n{SHIPMENTS}").into()),
        (
            "a workbook",
            workbook(&[
                ["Order", "Tracking", "Stadt"],
                ["1001", "T1", "Köln"],
                ["1002", "T2", "Münster; Süd"],
            ]),
        ),
    ];
    for (form, bytes) in forms {
        let (workdir, server) = (workdir(&mapping), TestServer::answering(|_| Answer::accepted()));
        workdir.write("shipments.csv", bytes);
        let run = import(&workdir, &server, &[]);
        assert_eq!(run.code, Some(0), "{form}: {}", run.stderr);
        assert_eq!(arrived(&server), ["T1", "T2"], "{form}");
        let mut cities: Vec<String> =
            server.requests().iter().map(|request| request.field("shipping_city")).collect();
        cities.sort();
        assert_eq!(cities, ["Köln", "Münster; Süd"], "{form}");
    }
}

#[test]
fn a_workbook_is_joined_by_the_flag_whatever_its_name() {
    let (workdir, server) = (workdir(MAPPING), TestServer::answering(|_| Answer::accepted()));
    workdir.write("parcels.xlsx", workbook(&[["Order", "Tracking", "Note"], ["1003", "T9", "-"]]));
    import(&workdir, &server, &["--join", "parcels.xlsx"]).assert_code(0);
    assert_eq!(arrived(&server), ["T9"]);
    assert_eq!(
        workdir.results("orders.results.csv")[0]["message"],
        "no row of parcels.xlsx has its Name",
        "it is named as it was given"
    );
}

#[test]
fn the_flag_wins_over_the_mapping_whose_file_need_not_exist() {
    let (workdir, server) = (workdir(MAPPING), TestServer::answering(|_| Answer::accepted()));
    workdir.write("other.csv", "Order,Tracking\n1002,T7\n");
    import(&workdir, &server, &["--join", "other.csv"]).assert_code(0);
    assert_eq!(arrived(&server), ["T7"], "not T1 to T3 of shipments.csv");

    std::fs::remove_file(workdir.path("shipments.csv")).expect("removed");
    let check = ["check", "orders.csv", "-m", "map.toml"];
    let run = workdir.launch(&check).args(&["--join", "other.csv"]).run();
    run.assert_code(0);
    assert!(run.stdout.contains("1 shipment,"), "{}", run.stdout);
    let run = workdir.lateship(&check);
    run.assert_code(2);
    assert!(run.stderr.contains("shipments.csv"), "{}", run.stderr);
}
