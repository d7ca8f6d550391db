//! Rows: which are left out, what makes one invalid, and what is said of it.

use super::*;
use crate::row::Reading;

#[test]
fn keep_and_drop_leave_rows_out_with_a_reason() {
    let rest = "[rows]\nkeep = [{ column = \"Status\", is = [\"Shipped\", \"Completed\"] }]\ndrop = [{ column = \"Note\", \
                matches = \"(?i)test\" }, { column = \"Note\", empty = true }]";
    let mut bound = bound("Status,Note", "", rest);
    assert!(made(&mut bound, &["Shipped", "x"]).is_ok());
    let left_out = worked(&mut bound, row(&["1001", "T1", "UPS", "Cancelled", "x"]));
    let reason = "Status is \"Cancelled\": not among those that [rows] keep asks for";
    assert_eq!(left_out.made, Made::Skipped(reason.to_owned()));
    assert_eq!((left_out.order_no.as_str(), left_out.trackingnumber.as_str()), ("1001", "T1"));
    assert_eq!(
        made(&mut bound, &["Shipped", "a Test"]),
        Err("skipped: Note is \"a Test\": left out by [rows] drop".to_owned())
    );
    assert_eq!(
        made(&mut bound, &["Shipped", ""]),
        Err("skipped: Note is empty: left out by [rows] drop".to_owned())
    );
}

#[test]
fn what_reading_says_of_a_row_stands() {
    let mut bound = bound("A", "", "");
    let mut row = row(&["1", "2", "3", "4"]);
    row.reading = Reading::Skip("an empty row".to_owned());
    assert_eq!(worked(&mut bound, row.clone()).made, Made::Skipped("an empty row".to_owned()));
    row.reading = Reading::Flawed("a quote is never closed".to_owned());
    let flawed = worked(&mut bound, row);
    assert_eq!(
        flawed.made,
        Made::Invalid(vec![crate::problem::Problem::of_row("a quote is never closed")])
    );
    assert_eq!(flawed.order_no, "");
}

#[test]
fn rows_inherit_within_an_order_and_show_it_in_their_cells() {
    let rest = "[rows]\nfill_down = [\"Order\", \"Carrier\"]";
    let mut bound = bound("A", "", rest);
    assert!(matches!(worked(&mut bound, row(&["1001", "T1", "UPS", ""])).made, Made::Shipment(_)));
    let second = unit(&mut bound, row(&["", "T2", "", ""]));
    assert!(second.shipments().all(|shipment| shipment.order_no == "1001"));
    assert_eq!(second.members[0].row.cells().collect::<Vec<_>>(), ["1001", "T2", "UPS", ""]);
    assert!(matches!(worked(&mut bound, row(&["1002", "T3", "", ""])).made, Made::Invalid(_)));
}

#[test]
fn the_three_required_fields_must_not_be_empty() {
    let text = "[source]\nempty = [\"-\"]\n[fields]\norder_no = \"Order\"\ntrackingnumber = \"Tracking\"\ncarrier_type = \
                { column = \"Carrier\", extract = \"UPS\" }";
    let mapping = Mapping::parse("m", text).expect("a mapping");
    let mut bound = mapping.bind("f", &header("Order,Tracking,Carrier"), &[]).expect("bound");
    let Made::Invalid(problems) = worked(&mut bound, row(&["", " - ", "TNT"])).made else {
        panic!("not invalid")
    };
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "order_no: column \"Order\" (A): is empty, and the webhook takes no shipment without it",
            "trackingnumber: column \"Tracking\" (B): \"-\" gives no value, and the webhook takes no shipment without one",
            "carrier_type: column \"Carrier\" (C): \"TNT\" gives no value, and the webhook takes no shipment without one",
        ]
    );
}

#[test]
fn a_number_that_a_spreadsheet_rounded_makes_the_row_invalid() {
    let text = "[fields]\norder_no = \"X-{Order}\"\ntrackingnumber = { column = \"Tracking\", extract = '\\d' }\ncarrier_type = \
                { value = \"UPS\" }";
    let mut bound = Mapping::parse("m", text)
        .expect("a mapping")
        .bind("f", &header("Order,Tracking"), &[])
        .expect("bound");
    let Made::Invalid(problems) = worked(&mut bound, row(&["1.23457E+17", "9,40011E+21"])).made
    else {
        panic!("not invalid")
    };
    assert_eq!(problems.len(), 2);
    assert_eq!(
        (problems[0].value.as_str(), problems[1].value.as_str()),
        ("1.23457E+17", "9,40011E+21")
    );
    assert!(problems.iter().all(|problem| problem.reason.contains("spreadsheet")));
    assert!(problems.iter().all(|problem| !problem.reason.contains("E+")));
}

#[test]
fn what_is_odd_is_said_and_does_not_stop_the_row() {
    let mut bound = bound("Mail,A", "customer_email = \"Mail\"", "");
    assert_eq!(worked(&mut bound, row(&["1001", "T1", "UPS", "ada@example.com", ""])).warnings, []);
    let odd = worked(&mut bound, row(&["1001", "T1", "UPS", "no address"]));
    assert!(matches!(odd.made, Made::Shipment(_)));
    let reasons: Vec<_> = odd.warnings.iter().map(|warning| warning.reason.as_str()).collect();
    assert_eq!(reasons[0], "has fewer cells than the header; the missing ones are taken as empty");
    assert!(odd.warnings.iter().any(|warning| {
        warning.field == Some("customer_email")
            && warning.column == Some(("Mail".to_owned(), 3))
            && warning.value == "no address"
    }));
}

#[test]
fn constants_given_by_hand_override_the_mapping_and_its_columns() {
    let mapping = Mapping::parse("m", "[fields]\norder_no = \"Order\"\ncarrier_type = \"Gone\"")
        .expect("a mapping");
    let given =
        [set("carrier_type", "UPS"), set("trackingnumber", "T0"), set("trackingnumber", " T1 ")];
    let mut bound = mapping.bind("f", &header("Order,Extra"), &given).expect("bound");
    let Made::Shipment(shipment) = worked(&mut bound, row(&["7", ""])).made else {
        panic!("no shipment")
    };
    assert_eq!(
        shipment.body.as_ref(),
        br#"{"order_no":"7","trackingnumber":"T1","carrier_type":"UPS"}"#
    );
    assert_eq!(shipment.payload, xxhash_rust::xxh3::xxh3_128(&shipment.body));
    assert_eq!(bound.unused_columns(), ["Extra"]);
    assert_eq!(bound.unmapped_fields().len(), Field::COUNT - 3);
}

#[test]
fn a_bound_mapping_can_move_to_another_thread() {
    fn sent<T: Send>() {}
    sent::<Bound>();
}

#[test]
fn nothing_of_a_row_stays_for_the_next() {
    let mut bound = bound("A", "product = \"A\"", "");
    assert_eq!(made(&mut bound, &["mug"]).expect("a shipment")["product"], "mug");
    assert_eq!(made(&mut bound, &[""]).expect("a shipment").get("product"), None);
}

#[test]
fn a_postal_code_of_the_united_states_gets_its_zeros_back_and_no_other_does() {
    let mut bound =
        bound("Zip,Country", "shipping_zip = \"Zip\"\nshipping_country = \"Country\"", "");
    for (zip, country, sent) in [
        ("2482", "US", "02482"),
        ("2482-1234", "United States", "02482-1234"),
        ("501", "usa", "00501"),
        ("2482-AB", "US", "2482-AB"),
        ("12", "US", "12"),
        ("2482", "BE", "2482"),
    ] {
        let worked = worked(&mut bound, row(&["1001", "T1", "UPS", zip, country]));
        let warned = worked.warnings.iter().any(|warning| warning.field == Some("shipping_zip"));
        let Made::Shipment(shipment) = worked.made else { panic!("no shipment") };
        let payload: serde_json::Value = serde_json::from_slice(&shipment.body).expect("JSON");
        assert_eq!(
            (payload["shipping_zip"].as_str(), warned),
            (Some(sent), sent != zip),
            "{zip} {country}"
        );
    }
}
