//! The built-in mappings: each is parsed, bound to its own layout and run.

use super::*;

/// A built-in mapping bound to the columns that its own head comment lists.
fn built_in(name: &str, delimiter: char) -> (Bound, Vec<String>) {
    let mapping = Mapping::load(name).unwrap_or_else(|error| panic!("{error}"));
    let text = crate::mapping::builtin::text(name).expect("built in");
    let columns: String =
        text.lines().filter_map(|line| line.strip_prefix("#   ")).collect::<Vec<_>>().concat();
    let header: Vec<String> = columns.split(delimiter).map(str::to_owned).collect();
    let bound = mapping.bind("orders.csv", &header, &[]).unwrap_or_else(|error| panic!("{error}"));
    (bound, header)
}

fn payload(bound: &mut Bound, cells: &[&str]) -> serde_json::Value {
    match worked(bound, row(cells)).made {
        Made::Shipment(shipment) => serde_json::from_slice(&shipment.body).expect("JSON"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_built_in_mapping_parses() {
    for (name, text) in crate::mapping::builtin::all() {
        assert!(text.starts_with(&format!("# {name}: ")), "{name} opens with what it is");
        assert_eq!(Mapping::load(name).unwrap_or_else(|error| panic!("{error}")).name(), name);
    }
}

#[test]
fn every_built_in_mapping_without_a_join_fits_the_header_that_its_comment_shows() {
    for (name, text) in crate::mapping::builtin::all() {
        let head = crate::mapping::builtin::head(text);
        assert!(
            head.from.is_some() || matches!(name, "orders" | "erp-de"),
            "{name} says where its file comes from"
        );
        if head.join.is_some() {
            continue;
        }
        let delimiter =
            [';', '\t'].into_iter().find(|other| head.header.contains(*other)).unwrap_or(',');
        let (_, header) = built_in(name, delimiter);
        assert!(header.len() > 1, "{name}");
    }
}

#[test]
fn orders_makes_a_payload_of_a_plain_row() {
    let (mut bound, header) = built_in("orders", ',');
    assert_eq!(header.len(), 23);
    assert_eq!(bound.unused_columns(), Vec::<&str>::new());
    let cells = [
        "1001",
        "2026-11-02 14:05:00",
        "Ada",
        "Example",
        "Ada@Example.com",
        "+15550100",
        "1Z999AA10123456784",
        "united parcel service",
        "Blue mug",
        "MUG-BLUE",
        "2",
        "$12.5",
        "25",
        "4.9",
        "1,029.90",
        "12 Example Street",
        "-",
        "Springfield",
        "IL",
        "62701",
        "USA",
        "Paid",
        "Shipped",
    ];
    let sent = payload(&mut bound, &cells);
    for (field, value) in [
        ("order_date", "2026-11-02 14:05:00"),
        ("customer_name", "Ada Example"),
        ("customer_email", "ada@example.com"),
        ("carrier_type", "UPS"),
        ("product_price", "12.50"),
        ("amount", "1029.90"),
        ("payment_status", "paid"),
    ] {
        assert_eq!(sent[field], value, "{field}");
    }
    assert_eq!(sent.get("shipping_street1"), None);
    assert_eq!(worked(&mut bound, row(&cells)).warnings, []);
    let mut waiting = cells;
    waiting[6] = "";
    assert!(
        matches!(worked(&mut bound, row(&waiting)).made, Made::Skipped(reason) if reason.contains("Tracking Number is empty"))
    );
}

#[test]
fn erp_de_makes_a_payload_of_a_german_row() {
    let (mut bound, header) = built_in("erp-de", ';');
    assert_eq!(header.len(), 18);
    assert_eq!(bound.unused_columns(), Vec::<&str>::new());
    let cells = [
        "B-1001",
        "02.11.2026",
        "Erika Beispiel",
        "erika@example.com",
        "+4930123456",
        "0034 0434 1234 5678 9012",
        "DHL Paket",
        "Becher, blau",
        "BE-1",
        "2",
        "1.234,50 €",
        "4,90",
        "2.473,90 €",
        "Beispielweg 1",
        "D-1067",
        "Dresden",
        "DE",
        "Versandt",
    ];
    let sent = payload(&mut bound, &cells);
    for (field, value) in [
        ("order_date", "2026-11-02 00:00:00"),
        ("trackingnumber", "00340434123456789012"),
        ("carrier_type", "DHL"),
        ("product_price", "1234.50"),
        ("amount", "2473.90"),
        ("shipping_zip", "01067"),
        ("shipping_country", "Germany"),
        ("payment_status", "paid"),
    ] {
        assert_eq!(sent[field], value, "{field}");
    }
    let mut unknown = cells;
    unknown[6] = "Brieftaube";
    assert_eq!(
        payload(&mut bound, &unknown)["carrier_type"],
        "Brieftaube",
        "an unlisted method is sent as it stands"
    );
}
