//! Q9 and Q10: orders of several items, and of several parcels.

use super::{check, plain};
use crate::support::server::TestServer;

/// Rows of one order and parcel are one shipment.
fn grouped(rows: &str) -> String {
    let fields = "product = { column = \"Item\", combine = \"join\", separator = \"+\" }\n\
                  quantity = { column = \"Qty\", combine = \"sum\" }\ncustomer_name = \"Name\"\namount = \"Total\"";
    format!("[rows]\n{rows}\n\n{}", plain(fields))
}

#[test]
fn q09a_columns_that_repeat_on_each_item_row_are_taken_once() {
    let input =
        "Order,Name,Total,Tracking,Item,Qty\n1,Ada,9,T1,mug,1\n1,Ada,9,T1,lid,2\n2,Bo,5,T2,cup,1\n";
    let checked = check(input, &grouped("group_by = [\"Order\", \"Tracking\"]"));
    assert_eq!(checked.all("product"), ["mug+lid", "cup"]);
    assert_eq!((checked.all("quantity"), checked.all("amount")), (vec!["3", "1"], vec!["9", "5"]));
}

#[test]
fn q09b_blank_columns_of_further_item_rows_come_from_the_first_row_of_their_order() {
    let input = "Order,Name,Total,Tracking,Item,Qty\n1,Ada,9,T1,mug,1\n1,,,,lid,2\n2,,,T2,cup,1\n";
    let rows =
        "fill_down = [\"Name\", \"Total\", \"Tracking\"]\ngroup_by = [\"Order\", \"Tracking\"]";
    let checked = check(input, &grouped(rows));
    assert_eq!(checked.all("product"), ["mug+lid", "cup"]);
    assert_eq!(
        checked.all("customer_name"),
        ["Ada", "-"],
        "nothing is inherited from another order"
    );
    assert_eq!(checked.all("amount"), ["9", "-"]);
}

#[test]
fn q09c_a_new_order_begins_where_the_order_number_stands() {
    let input = "Activities,Order,Name,Total,Tracking,Item,Qty\nCall,1,Ada,9,T1,mug,1\n,,,,,lid,2\n,2,Bo,5,T2,cup,1\n,,,,,jug,1\n";
    let rows = "fill_down = [\"Order\", \"Name\", \"Total\", \"Tracking\"]\ngroup_by = [\"Order\", \"Tracking\"]";
    let checked = check(input, &grouped(rows));
    assert_eq!(
        (checked.all("order_no"), checked.all("product")),
        (vec!["1", "2"], vec!["mug+lid", "cup+jug"])
    );
    assert_eq!(checked.all("customer_name"), ["Ada", "Bo"]);
}

#[test]
fn q09d_a_summary_row_gives_buyer_and_money_and_the_item_rows_the_parcel() {
    let input = "Order,Name,Total,Tracking,Item,Qty\n1,Ada,9,,,3\n1,,4,T1,mug,1\n1,,5,T1,lid,2\n2,Bo,5,T2,cup,1\n";
    let mapping = grouped("group_by = [\"Order\"]").replace(
        "quantity = { column = \"Qty\", combine = \"sum\" }",
        "quantity = [{ when = { column = \"Item\", empty = false }, column = \"Qty\", combine = \"last\" }]",
    );
    let checked = check(input, &mapping);
    assert_eq!(
        (checked.all("product"), checked.all("trackingnumber")),
        (vec!["mug+lid", "cup"], vec!["T1", "T2"])
    );
    assert_eq!(
        (checked.all("customer_name"), checked.all("amount")),
        (vec!["Ada", "Bo"], vec!["9", "5"])
    );
}

#[test]
fn q09e_items_packed_into_one_cell_are_recognised_and_named() {
    for (packed, extract, first) in [
        (
            "Product ID: 7, Product Qty: 2, Product SKU: MUG, Product Name: Mug, blue, Product Weight: 1.00|Product ID: 8, \
             Product Qty: 1, Product SKU: LID, Product Name: Lid, Product Weight: 0.10",
            "Product Name: (.*?), Product",
            "Mug, blue",
        ),
        (
            "id:1|name:Mug|sku:MUG|quantity:2;id:2|name:Lid|sku:LID|quantity:1",
            "name:([^|;]*)",
            "Mug",
        ),
    ] {
        let input = format!("Order,Tracking,Items\n1,T1,\"{packed}\"\n");
        let checked = check(
            input,
            &plain(&format!("product = {{ column = \"Items\", extract = '{extract}' }}")),
        );
        assert_eq!(checked.all("product"), [first]);
        let remarks = checked.remarks();
        assert!(remarks.contains("\\\"Items\\\" (C)") && remarks.contains("extract"), "{remarks}");
    }
}

#[test]
fn q09f_numbered_item_columns_are_recognised_and_named() {
    let checked = check(
        "Order,Tracking,order_item_1,order_item_2,order_item_3\n1,T1,mug,lid,\n2,T2,cup,,\n",
        &plain("product = \"{order_item_1} {order_item_2} {order_item_3}\""),
    );
    assert_eq!(checked.all("product"), ["mug lid", "cup"]);
    let remarks = checked.remarks();
    assert!(
        remarks.contains("order_item_1")
            && remarks.contains("order_item_3")
            && remarks.contains("(E)"),
        "{remarks}"
    );
}

#[test]
fn q09g_rows_of_several_kinds_give_one_shipment_of_each_fulfilment() {
    let input = "Name,Line: Type,Buyer,Item,Tracking,Company\n#1,Line Item,Ada,mug,,\n#1,Transaction,,,,\n\
                 #1,Fulfillment Line,,,T1,UPS\n#2,Line Item,Bo,cup,,\n#2,Fulfillment Line,,,T2,FedEx\n";
    let mapping = "[rows]\ndrop = [{ column = \"Line: Type\", is = \"Transaction\" }]\ngroup_by = [\"Name\"]\n\n\
                   [fields]\norder_no = \"Name\"\ntrackingnumber = \"Tracking\"\ncarrier_type = \"Company\"\n\
                   customer_name = \"Buyer\"\nproduct = \"Item\"\n";
    let checked = check(input, mapping);
    assert_eq!(
        (checked.all("trackingnumber"), checked.all("carrier_type")),
        (vec!["T1", "T2"], vec!["UPS", "FedEx"])
    );
    assert_eq!(
        (checked.all("customer_name"), checked.all("product")),
        (vec!["Ada", "Bo"], vec!["mug", "cup"])
    );
    assert_eq!(checked.counts(), [2, 0, 1]);
}

#[test]
fn q09h_a_file_without_a_header_never_sends_its_first_row_as_names() {
    let (_, run) =
        super::attempt("\"OH\",\"1\",\"DHL\",\"T1\"\n\"OI\",\"1\",\"mug\"\n", &plain(""));
    run.assert_code(2);
    assert!(run.stderr.contains("\"Order\"") && run.stderr.contains("OH"), "{}", run.stderr);
}

#[test]
fn q10_several_numbers_in_a_cell_or_in_rows_are_a_shipment_each() {
    let split = |at: &str| {
        format!("[rows]\nsplit = {{ column = \"Tracking\", at = '{at}' }}\n\n{}", plain(""))
    };
    let checked = check("Order,Tracking\n1,T1 T2\n2,\"T3, T4;\"\n", &split("[;,\\s]+"));
    assert_eq!(checked.all("trackingnumber"), ["T1", "T2", "T3", "T4"]);
    assert_eq!(checked.all("order_no"), ["1", "1", "2", "2"]);

    let cell = "tracking_provider:ups|custom_tracking_provider:|tracking_number:T1|date_shipped:2019-07-25|;\
                tracking_provider:fedex|custom_tracking_provider:|tracking_number:T2|date_shipped:2019-07-26|;";
    let mapping = split(";").replace("\"Tracking\"\ncarrier_type = { value = \"UPS\" }", "{ column = \"Tracking\", extract = 'tracking_number:([^|;]+)' }\ncarrier_type = { column = \"Tracking\", extract = 'tracking_provider:([^|;]+)' }");
    let checked = check(format!("Order,Tracking\n1,{cell}\n"), &mapping);
    assert_eq!(
        (checked.all("trackingnumber"), checked.all("carrier_type")),
        (vec!["T1", "T2"], vec!["ups", "fedex"])
    );
    assert!(checked.remarks().contains("makes a shipment of each"), "{}", checked.remarks());

    // An order that stands twice with two parcels is two shipments.
    let checked = check("Order,Tracking,Total\n1,T1,5\n1,T2,7\n", &plain("amount = \"Total\""));
    assert_eq!(checked.all("amount"), ["5", "7"]);
    let server = TestServer::new([]);
    let url = server.url();
    let import =
        ["import", "orders.csv", "-m", "map.toml", "--rate", "unlimited", "--endpoint", &url];
    checked.workdir.launch(&import).credentials("ops@example.com", "key-1").run().assert_code(0);
    assert_eq!(server.requests().len(), 2);
}
