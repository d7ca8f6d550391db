//! Rows that belong together: which do, what they make, and what is said of it.

use super::*;
use crate::row::Reading;

/// A mapping over `Order,Tracking,Carrier,Item,Qty,Total,Status` that groups by the first two.
fn shop(rows: &str) -> Bound {
    let fields = "product = { column = \"Item\", combine = \"join\", separator = \" + \" }\n\
                  quantity = { column = \"Qty\", combine = \"sum\" }\namount = \"Total\"\n";
    bound(
        "Item,Qty,Total,Status",
        fields,
        &format!("[rows]\ngroup_by = [\"Order\", \"Tracking\"]\n{rows}"),
    )
}

fn push(bound: &mut Bound, number: u64, line: &str) {
    let cells: Vec<&str> = line.split(',').collect();
    let mut row = row(&cells);
    (row.number, row.line) = (number, number + 1);
    bound.push(row);
}

/// The rows of each unit, and the products of its shipments (or what else became of them).
fn units(bound: &mut Bound) -> Vec<(Vec<u64>, Vec<String>)> {
    bound.finish();
    let told = |worked: Worked| match worked.made {
        Made::Shipment(shipment) => {
            let sent: serde_json::Value = serde_json::from_slice(&shipment.body).expect("JSON");
            format!("{} {} {}", sent["trackingnumber"], sent["product"], sent["quantity"])
                .replace('"', "")
        }
        Made::Skipped(reason) => format!("skipped: {reason}"),
        Made::Invalid(problems) => format!("invalid: {}", crate::problem::join(&problems)),
    };
    let one = |unit: Unit| {
        let rows = unit.members.iter().map(|member| member.row.number).collect();
        (rows, unit.made.into_iter().map(told).collect())
    };
    std::iter::from_fn(|| bound.pop()).map(one).collect()
}

#[test]
fn adjacent_rows_of_one_key_are_one_shipment_and_what_lies_among_them_comes_along() {
    let mut bound = shop("drop = [{ column = \"Status\", is = \"void\" }]");
    for (number, line) in (1..).zip([
        "1,T1,UPS,mug,2,30,",
        "1,T1,UPS,gift,1,,void",
        "1,T1,UPS,cup,1,30,",
        "2,T2,UPS,tray,1,9,",
        "1,T1,UPS,late,1,30,",
    ]) {
        push(&mut bound, number, line);
    }
    let made = units(&mut bound);
    assert_eq!(
        made,
        [
            (vec![1, 2, 3], vec!["T1 mug + cup 3".to_owned()]),
            (vec![4], vec!["T2 tray 1".to_owned()]),
            (vec![5], vec!["T1 late 1".to_owned()]),
        ]
    );
}

#[test]
fn an_empty_key_is_a_group_of_its_own_and_a_flawed_row_ends_one() {
    let text = "[fields]\norder_no = { value = \"x\" }\ntrackingnumber = { value = \"t\" }\ncarrier_type = { value = \"UPS\" }\n\
                product = { column = \"Item\", combine = \"count\" }\n[rows]\ngroup_by = [\"Order\"]";
    let mapping = Mapping::parse("m", text).expect("a mapping");
    let mut bound = mapping.bind("f", &header("Order,Item"), &[]).expect("bound");
    for cells in [["", "a"], ["", "b"], ["1", "c"]] {
        bound.push(row(&cells));
    }
    let mut flawed = row(&["1", "d"]);
    flawed.reading = Reading::Flawed("a quote is never closed".to_owned());
    bound.push(flawed);
    bound.push(row(&["1", "e"]));
    bound.finish();
    let sizes: Vec<usize> =
        std::iter::from_fn(|| bound.pop()).map(|unit| unit.members.len()).collect();
    assert_eq!(sizes, [1; 5]);
}

#[test]
fn rows_that_disagree_and_sums_of_equal_values_are_told_once_a_group() {
    let mut bound = shop("");
    for (number, line) in
        (1..).zip(["1,T1,UPS,mug,2,30,", "1,T1,UPS,cup,2,31,", "1,T1,UPS,tray,2,32,"])
    {
        push(&mut bound, number, line);
    }
    bound.finish();
    let unit = bound.pop().expect("a unit");
    let told: Vec<_> = unit.made[0].warnings.iter().map(|w| (w.field, w.value.as_str())).collect();
    assert_eq!(told, [(Some("quantity"), "6"), (Some("amount"), "30 / 31")]);
}

#[test]
fn what_is_wrong_in_a_group_is_told_with_its_row() {
    let mut bound = shop("");
    push(&mut bound, 7, "1,T1,UPS,mug,2,30,");
    push(&mut bound, 8, "1,T1,UPS,cup,two,30,");
    bound.finish();
    let unit = bound.pop().expect("a unit");
    let Made::Invalid(problems) = &unit.made[0].made else { panic!("not invalid") };
    let told = unit.explain(problems);
    assert!(
        told.starts_with("row 8: quantity: column \"Qty\" (E): \"two\" is not a number"),
        "{told}"
    );
    assert_eq!(unit.lines().count(), 2);
}

#[test]
fn a_key_without_end_is_not_kept_in_memory() {
    let mut bound = shop("");
    for number in 1..=10_003 {
        push(&mut bound, number, "1,T1,UPS,mug,1,30,");
    }
    push(&mut bound, 10_004, "2,T2,UPS,mug,1,30,");
    let made = units(&mut bound);
    let rows: usize = made.iter().map(|(rows, _)| rows.len()).sum();
    assert_eq!((made.len(), rows), (4, 10_004));
    assert!(
        made[..3].iter().all(|(_, told)| told[0].contains("more than 10,000 rows")),
        "{:?}",
        made[1].1
    );
    assert_eq!(made[3].1, ["T2 mug 1"]);
}

#[test]
fn a_cell_with_several_values_makes_a_shipment_for_each_and_warns() {
    let mut bound = shop("split = { column = \"Tracking\", at = '[; ]+' }");
    push(&mut bound, 1, "1,T1; T2 ;T1,UPS,mug,1,30,");
    push(&mut bound, 2, "1,T1; T2 ;T1,UPS,cup,1,30,");
    push(&mut bound, 3, "2,T3;,UPS,tray,1,9,");
    bound.finish();
    let unit = bound.pop().expect("a unit");
    let numbers: Vec<_> =
        unit.shipments().map(|shipment| shipment.trackingnumber.as_str()).collect();
    assert_eq!(numbers, ["T1", "T2"]);
    assert_eq!(unit.lines().count(), 4, "each row has a line for each shipment");
    assert!(
        unit.made[0]
            .warnings
            .iter()
            .any(|warning| warning.reason.contains("a shipment is made for each"))
    );
    let single = bound.pop().expect("a unit");
    assert_eq!(
        single.shipments().map(|shipment| shipment.trackingnumber.as_str()).collect::<Vec<_>>(),
        ["T3"]
    );
    assert!(single.made[0].warnings.is_empty());
}

#[test]
fn a_shipment_is_known_by_the_fields_that_the_mapping_names() {
    let identity = |rows: &str, item: &str| {
        let mut bound = bound("Item", "productid = \"Item\"", rows);
        let unit = unit(&mut bound, row(&["1", "T1", "UPS", item]));
        unit.shipments().next().expect("a shipment").identity
    };
    assert_ne!(identity("", "mug"), identity("", "cup"));
    let rows = "[rows]\nidentity = [\"order_no\", \"trackingnumber\"]";
    assert_eq!(identity(rows, "mug"), identity(rows, "cup"));
}

#[test]
fn old_orders_are_left_out_by_their_date() {
    let mut bound = bound("Date", "order_date = \"Date\"", "[rows]\nnot_older_than = \"90d\"");
    let today = jiff::ZonedDateTime::now().date().to_string();
    assert!(made(&mut bound, &[&format!("{today} 08:00:00")]).is_ok());
    assert!(
        made(&mut bound, &["2015-12-24"])
            .expect_err("left out")
            .contains("older than [rows] not_older_than")
    );
    let undated = worked(&mut bound, row(&["1001", "T1", "UPS", "soon"]));
    assert!(
        matches!(undated.made, Made::Shipment(_)) && undated.warnings[0].reason.contains("age")
    );
}
