//! `init`: how good its proposals are (in small; `examples/proposals.rs` does it at length), and
//! the command.

use std::path::Path;

use crate::support::{Workdir, proposals};

const ORDERS: &str = "Auftrag;Datum;Kunde;Sendungsnummer;Zusteller;Artikel;Menge;Preis\n\
    B-1;03.11.2026;Erika Beispiel;1Z999AA10123456784;UPS;Becher;2;12,50\n\
    B-2;25.11.2026;Max Muster;1Z5R89390357567127;UPS;Kanne;1;4,90\n";

#[test]
fn slow_proposals_recognise_examples_and_nine_fields_in_ten_in_three_languages() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let score = proposals::score(&folder, 1, 3);
    assert!(score.layouts.0 >= 60, "the examples were found");
    assert_eq!(score.layouts.0, score.layouts.1, "{:#?}", score.misses);
    assert!(score.fields_right() >= 0.9, "{score}\n{:#?}", score.misses);
    assert_eq!(score.required_unmarked, 0, "{score}");
}

#[test]
fn a_proposed_mapping_is_written_beside_the_input_and_can_be_checked_at_once() {
    let workdir = Workdir::new();
    workdir.write("orders.csv", ORDERS);
    let init = workdir.lateship(&["init", "orders.csv"]);
    init.assert_code(0);
    assert!(init.stdout.contains("\"order_date\": \"2026-11-03 00:00:00\""), "{}", init.stdout);
    assert!(init.stderr.contains("lateship check orders.csv -m orders.toml"), "{}", init.stderr);
    workdir.lateship(&["check", "orders.csv", "-m", "orders.toml"]).assert_code(0);
}

#[test]
fn a_mapping_that_is_there_is_replaced_by_force_alone() {
    let workdir = Workdir::new();
    workdir.write("orders.csv", ORDERS);
    workdir.write("orders.toml", "# mine\n");
    let init = workdir.lateship(&["init", "orders.csv"]);
    init.assert_code(2);
    assert!(init.stderr.contains("--force"), "{}", init.stderr);
    assert_eq!(workdir.read("orders.toml"), "# mine\n");
    workdir.lateship(&["init", "orders.csv", "--force"]).assert_code(0);
    assert!(workdir.read("orders.toml").contains("[fields]"));
}

#[test]
fn standard_output_takes_the_mapping_alone() {
    let workdir = Workdir::new();
    workdir.write("orders.csv", ORDERS);
    let init = workdir.lateship(&["init", "orders.csv", "-o", "-"]);
    init.assert_code(0);
    assert!(init.stdout.starts_with("# A mapping proposed for orders.csv"), "{}", init.stdout);
    assert!(!workdir.names().contains(&"orders.toml".to_owned()));
    let piped = workdir.launch(&["init", "-"]).stdin(ORDERS).run();
    piped.assert_code(0);
    assert!(piped.stdout.contains("[fields]"), "{}", piped.stdout);
}

#[test]
fn what_a_mapping_cannot_serve_is_named() {
    let workdir = Workdir::new();
    workdir.write("plain.csv", "1001,ada@example.com,Mug\n1002,bo@example.com,Tray\n");
    let init = workdir.lateship(&["init", "plain.csv"]);
    init.assert_code(2);
    workdir.write(
        "packed.csv",
        "Order,Tracking,Carrier,Details\n\
         1001,1Z999AA10123456784,UPS,\"Product ID: 1, Product Qty: 2, Product Name: Mug|Product ID: 2, Product Qty: 1\"\n",
    );
    let init = workdir.lateship(&["init", "packed.csv"]);
    init.assert_code(0);
    assert!(init.stderr.contains("holds the items of an order in one cell"), "{}", init.stderr);
    assert!(workdir.read("packed.toml").contains("# Mind: column"));
}
