//! Delimiter, header and table of invented exports are found; and of one small file in each real
//! layout.

use std::path::{Path, PathBuf};

use lateship::row::{Form, Reading, Row};
use lateship::source::Source;

use crate::support::exports;

#[test]
fn slow_detection_finds_delimiter_header_and_table_of_realistic_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let score = exports::score(folder.path(), 1, 320);
    assert!(score.share() >= 0.99, "{:.3}: {:#?}", score.share(), score.wrong);
}

/// A layout: its file, and what stands in it: delimiter, line of the header, columns, the first of
/// them, rows of data, and rows that are left out.
type Layout = (&'static str, char, u64, usize, &'static str, usize, usize);

const LAYOUTS: [Layout; 21] = [
    ("amazon-orders.txt", '\t', 1, 36, "order-id", 3, 0),
    ("amazon-unshipped.txt", '\t', 1, 27, "order-id", 3, 0),
    ("amazon-jp-confirmation.txt", '\t', 3, 9, "order-id", 2, 0),
    ("ebay.csv", ',', 2, 82, "Sales Record Number", 3, 3),
    // The empty row, both footers, the bare delimiters and the header of the second report, and its
    // own three again.
    ("ebay-put-together.csv", ',', 2, 82, "Sales Record Number", 6, 8),
    ("parcellab.csv", ',', 1, 8, "tracking_number", 2, 0),
    ("matrixify.csv", ',', 1, 39, "ID", 2, 0),
    ("walmart.csv", ',', 1, 37, "PO#", 2, 0),
    ("wix.csv", ',', 1, 52, "Order number", 2, 0),
    ("odoo-order-lines.csv", ',', 1, 11, "Activities", 4, 0),
    ("tiktok.csv", ',', 1, 57, "Order ID", 3, 1),
    ("tiktok-few-descriptions.csv", ',', 1, 57, "Order ID", 3, 1),
    ("title-lines.csv", ';', 4, 5, "Auftrag", 2, 0),
    ("headers/bigcommerce.csv", ',', 1, 56, "Order ID", 0, 0),
    ("headers/linnworks-processed.csv", ',', 1, 47, "Order Id", 0, 0),
    ("headers/magento2-orders-grid.csv", ',', 1, 22, "ID", 0, 0),
    ("headers/pirateship.csv", ',', 1, 35, "Created Date", 0, 0),
    ("headers/prestashop.csv", ';', 1, 9, "ID", 0, 0),
    ("headers/woocommerce-advanced-order-export.csv", ',', 1, 41, "Order Number", 0, 0),
    ("headers/woocommerce-skyverge-default.csv", ',', 1, 47, "order_id", 0, 0),
    ("headers/xentral-tracking.csv", ';', 1, 9, "lieferscheinnummer", 0, 0),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exports").join(name)
}

#[test]
fn the_layout_of_each_real_export_is_found() {
    for (name, delimiter, line, columns, first, data, left_out) in LAYOUTS {
        let mut source = Source::open(0, &fixture(name), name, &Form::default()).expect(name);
        let header = (
            char::from(source.about().dialect().delimiter),
            source.about().header_line(),
            source.about().header().len(),
        );
        assert_eq!(header, (delimiter, line, columns), "{name}");
        assert_eq!(source.about().header()[0], first, "{name}");
        let (mut row, mut counts) = (Row::default(), (0, 0));
        while source.read(&mut row).expect(name) {
            match &row.reading {
                Reading::Data => counts.0 += 1,
                Reading::Skip(_) => counts.1 += 1,
                Reading::Flawed(why) => panic!("{name}, row {}: {why}", row.number),
            }
        }
        assert_eq!(counts, (data, left_out), "{name}");
    }
}

#[test]
fn a_file_without_a_header_is_refused_unless_its_columns_are_named_or_pinned() {
    let open =
        |form: &Form| Source::open(0, &fixture("records-without-header.csv"), "orders.csv", form);
    let error = open(&Form::default()).expect_err("no header");
    assert_eq!(
        error.to_string(),
        "orders.csv: line 1 looks like data, and so does what follows: the file has no header"
    );
    assert!(
        error.hint().is_some_and(|hint| hint.contains("add a first line with the columns' names"))
    );
    assert!(open(&Form { skip_lines: Some(0), ..Form::default() }).is_ok());
}
