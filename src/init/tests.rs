//! Proposals as a whole.

use super::*;

fn table(text: &str, delimiter: char) -> (Vec<String>, Vec<Vec<String>>) {
    let mut lines =
        text.lines().map(|line| line.split(delimiter).map(|cell| cell.trim().to_owned()).collect());
    (lines.next().unwrap_or_default(), lines.collect())
}

fn proposed(text: &str, delimiter: char) -> (Proposal, Preview) {
    let (header, rows) = table(text, delimiter);
    let sample = Sample { input: "orders.csv", found: "UTF-8", header: &header, rows: &rows };
    let proposal = propose(&sample).unwrap_or_else(|error| panic!("{error}"));
    let preview = preview("orders.csv", &proposal.text, &header, &rows);
    (proposal, preview)
}

fn payload(preview: &Preview) -> serde_json::Value {
    match preview {
        Preview::Payload(body) => serde_json::from_slice(body).expect("JSON"),
        Preview::Nothing(reason) => panic!("{reason}"),
    }
}

#[test]
fn a_german_order_list_is_understood_with_its_dates_and_amounts() {
    let (proposal, preview) = proposed(
        "Auftragsnr.;Datum;Vorname;Nachname;E-Mail-Adresse;Paketnummer;Zusteller;Bezeichnung;Stückzahl;Stückpreis;Gesamtbetrag;\
         Strasse;Hausnummer;Postleitzahl;Wohnort;Staat\n\
         B-1;03.11.2026;Erika;Beispiel;erika@example.com;00340434161094015902;DHL Paket;Becher;2;1.234,50;2.469,00;Beispielweg;1;01067;Dresden;DE\n\
         B-2;25.11.2026;Max;Muster;max@example.com;00340434161094015919;DHL Paket;Kanne;1;4,90;4,90;Musterstraße;3a;20095;Hamburg;DE",
        ';',
    );
    let sent = payload(&preview);
    for (field, value) in [
        ("order_no", "B-1"),
        ("trackingnumber", "00340434161094015902"),
        ("carrier_type", "DHL"),
        ("order_date", "2026-11-03 00:00:00"),
        ("customer_name", "Erika Beispiel"),
        ("shipping_name", "Erika Beispiel"),
        ("customer_email", "erika@example.com"),
        ("product", "Becher"),
        ("quantity", "2"),
        ("product_price", "1234.50"),
        ("amount", "2469.00"),
        ("shipping_street", "Beispielweg 1"),
        ("shipping_zip", "01067"),
        ("shipping_city", "Dresden"),
        ("shipping_country", "DE"),
    ] {
        assert_eq!(sent[field], value, "{field}\n{}", proposal.text);
    }
    assert!(proposal.text.contains("date = \"%d.%m.%Y\""));
    assert!(proposal.text.contains("please confirm"));
    assert!(proposal.text.contains("empty = true }"), "{}", proposal.text);
}

#[test]
fn rows_that_go_on_with_an_order_are_put_together() {
    let (proposal, preview) = proposed(
        "Order,Customer,Tracking,Carrier,Item,Qty\n\
         1001,Ada Example,1Z999AA10123456784,UPS,Blue mug,2\n\
         ,,,,Tray,1\n\
         1002,Bo Example,1Z5R89390357567127,UPS,Lamp,1",
        ',',
    );
    let sent = payload(&preview);
    assert_eq!(sent["product"], "Blue mug, Tray", "{}", proposal.text);
    assert_eq!(sent["quantity"], "3");
    assert!(proposal.text.contains("fill_down = [\"Order\", \"Tracking\"]"));
}

#[test]
fn name_and_status_are_decided_by_their_values() {
    let (proposal, _) = proposed(
        "Name,Status,Tracking\n#1001,paid,1Z999AA10123456784\n#1002,paid,1Z5R89390357567127",
        ',',
    );
    assert!(proposal.text.contains("order_no         = \"Name\""), "{}", proposal.text);
    assert!(proposal.text.contains("payment_status   = \"Status\""), "{}", proposal.text);
    let (proposal, _) = proposed(
        "ID,Name,Status,Tracking\n7001,Ada Example,delivered,1Z999AA10123456784\n7002,Bo Example,shipped,1Z5R89390357567127",
        ',',
    );
    assert!(proposal.text.contains("customer_name    = \"Name\""), "{}", proposal.text);
    assert!(proposal.text.contains("order_no         = \"ID\""), "{}", proposal.text);
    assert!(proposal.text.contains("package_status   = \"Status\""), "{}", proposal.text);
}

#[test]
fn what_cannot_be_told_is_marked_and_never_guessed_in_silence() {
    let (proposal, preview) = proposed(
        "Order number,Ordered on,Buyer\n1001,03/04/2026,Ada Example\n1002,05/04/2026,Bo Example",
        ',',
    );
    assert!(proposal.text.contains("whether day or month comes first"), "{}", proposal.text);
    assert!(proposal.text.contains("# [join]"), "{}", proposal.text);
    assert!(proposal.remarks.iter().any(|remark| remark.contains("another export")));
    assert!(matches!(preview, Preview::Nothing(reason) if reason.contains("trackingnumber")));
}

#[test]
fn a_missing_carrier_is_told_from_the_numbers() {
    let (proposal, preview) = proposed("Order,Tracking\n1001,1Z999AA10123456784", ',');
    assert_eq!(payload(&preview)["carrier_type"], "UPS", "{}", proposal.text);
}

#[test]
fn a_file_without_a_header_is_refused() {
    let header = ["1001".to_owned(), "ada@example.com".to_owned(), "Mug".to_owned()];
    let sample = Sample { input: "orders.csv", found: "UTF-8", header: &header, rows: &[] };
    assert!(propose(&sample).is_err_and(|error| error.to_string().contains("no header")));
}

#[test]
fn a_built_in_layout_is_extended() {
    let body = crate::mapping::builtin::text("wix").expect("built in");
    let header = columns_of(body);
    let proposal =
        propose(&Sample { input: "wix.csv", found: "UTF-8", header: &header, rows: &[] })
            .expect("a header");
    assert!(proposal.text.contains("extends = \"wix\""), "{}", proposal.text);
    assert!(crate::mapping::Mapping::parse("x.toml", &proposal.text).is_ok());
}

#[test]
fn names_that_toml_and_templates_could_stumble_over_are_written_safely() {
    let (proposal, _) = proposed("Order \"No\",Track\\ing,Qty\n1001,1Z999AA10123456784,1", ',');
    assert!(crate::mapping::Mapping::parse("x.toml", &proposal.text).is_ok(), "{}", proposal.text);
}
