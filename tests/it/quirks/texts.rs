//! Q14, Q16 to Q19, Q22 to Q28 and Q30: rows, columns and texts that are not as one expects.

use super::{attempt, check, plain};
use crate::support::server::TestServer;

#[test]
fn q14_line_ends_within_a_cell_end_no_row_and_lines_are_counted_on() {
    let input = "Order,Tracking,Notes\r\n1,T1,\"ring twice\r\nat the\r\nback\"\r\n2,,x\r\n";
    let checked = check(input, &plain("product = \"Notes\""));
    assert_eq!(checked.all("product"), ["ring twice\r\nat the\r\nback"]);
    checked.assert_reason("errors", &["trackingnumber", "row 2 (line 5)"]);
}

#[test]
fn q16_short_rows_are_filled_up_and_a_row_with_too_many_cells_is_told() {
    let checked =
        check("Order;Tracking;Name;\n1;T1;Ada;\n2;T2\n", &plain("customer_name = \"Name\""));
    assert_eq!(checked.all("customer_name"), ["Ada", "-"]);
    let checked = check(
        "Order,Tracking,Name\n1,T1,Ada\n2,T2,Bo, the second\n3,T3,Cy,,\n",
        &plain("customer_name = \"Name\""),
    );
    let told =
        [checked.reasons("errors"), checked.reasons("warnings"), checked.reasons("skips")].concat();
    assert!(told.iter().any(|reason| reason.contains("row 2 (line 3)")), "{:#}", checked.report);
    assert!(!told.iter().any(|reason| reason.contains("row 3")), "{:#}", checked.report);
}

#[test]
fn q16_a_row_that_describes_the_columns_is_skipped_by_name() {
    let input = "Order ID,Tracking ID,Product Name,Quantity\nPlatform unique order ID.,Unique tracking ID.,Name of the product.,Sold quantity.,\n\
                 576000000000000001,T1,mug,1\n576000000000000002,T2,cup,2\n";
    let mapping =
        plain("").replace("\"Order\"", "\"Order ID\"").replace("\"Tracking\"", "\"Tracking ID\"");
    let checked = check(input, &mapping);
    assert_eq!(checked.all("trackingnumber"), ["T1", "T2"]);
    checked.assert_reason("skips", &["row 1 (line 2)"]);
}

#[test]
fn q17_a_column_that_stands_twice_is_asked_for_by_its_place() {
    let input = "Order,Tracking,Item Cost,Item Cost\n1,T1,5,9\n";
    assert_eq!(check(input, &plain("product_price = \"Item Cost#2\"")).all("product_price"), ["9"]);
    let (_, run) = attempt(input, &plain("product_price = \"Item Cost\""));
    run.assert_code(2);
    assert!(run.stderr.contains("Item Cost#2") || run.stderr.contains("#2"), "{}", run.stderr);
}

#[test]
fn q18_case_spaces_and_punctuation_of_column_names_do_not_matter() {
    let mapping = "[fields]\norder_no = \"order - id\"\ntrackingnumber = \"TRACKING#\"\ncarrier_type = { value = \"UPS\" }\n\
                   shipping_name = \"Delivery Instructions\"\n";
    let checked = check(" Order-ID ,tracking,delivery-Instructions\n1,T1,ring\n", mapping);
    assert_eq!((checked.all("order_no"), checked.all("shipping_name")), (vec!["1"], vec!["ring"]));
}

#[test]
fn q19_of_two_order_numbers_the_mapped_one_is_sent_with_or_without_its_mark() {
    let fields = "[fields]\norder_no = { column = \"Order#\", replace = [['^#', '']] }\ntrackingnumber = \"Tracking\"\n\
                  carrier_type = { value = \"UPS\" }\n";
    assert_eq!(
        check("PO#,Order#,Tracking\n77,#1001,T1\n78,1002,T2\n", fields).all("order_no"),
        ["1001", "1002"]
    );
}

#[test]
fn q22_entities_are_decoded_by_the_mapping_in_text_fields() {
    let field = "product = { column = \"Item\", replace = [['&#8217;', '’'], ['&quot;', '\"'], ['&amp;', '&']] }";
    let checked = check(
        "Order,Tracking,Item\n1,T1,Ada&#8217;s mug &amp; lid\n2,T2,&amp;quot;\n",
        &plain(field),
    );
    assert_eq!(checked.all("product"), ["Ada’s mug & lid", "&quot;"]);
}

#[test]
fn q23_rows_of_a_status_that_must_not_be_sent_are_skipped_with_the_reason() {
    let rows = "[rows]\nkeep = [{ column = \"Status\", is = [\"paid\", \"Completed\"] }]\n\
                drop = [{ column = \"Cancelled at\", empty = false }, { column = \"Void\", is = \"Y\" }]\n\n";
    let input = "Order,Tracking,Status,Cancelled at,Void\n1,T1,paid,,\n2,T2,refunded,,\n3,T3,paid,2026-01-01,\n4,T4,Completed,,Y\n,,paid,,N\n";
    let checked = check(input, &format!("{rows}{}", plain("")));
    assert_eq!(checked.counts(), [1, 1, 3]);
    checked.assert_reason("skips", &["Status", "row 2"]);
    checked.assert_reason("skips", &["Cancelled at", "row 3"]);
    checked.assert_reason("skips", &["Void", "row 4"]);
}

#[test]
fn q24_spaces_around_a_value_are_taken_off() {
    let fields = "shipping_city = \"City\"";
    let checked = check(
        "Order,Tracking,City\n1, T1 ,Alsemberg \n2,\u{a0}T2\u{a0},\u{a0}San Diego\u{a0}\n",
        &plain(fields),
    );
    assert_eq!(checked.all("trackingnumber"), ["T1", "T2"]);
    assert_eq!(checked.all("shipping_city"), ["Alsemberg", "San Diego"]);
}

#[test]
fn q25_a_number_within_an_address_of_the_web_is_taken_out_of_it() {
    let mapping = plain("").replace(
        "trackingnumber = \"Tracking\"",
        "trackingnumber = { column = \"Tracking\", extract = '(\\w+)-?$' }",
    );
    let input = "Order,Tracking\n1,https://parcels.example.com/M1/648603546\n2,https://parcels.example.com/M1/648603547-\n";
    assert_eq!(check(input, &mapping).all("trackingnumber"), ["648603546", "648603547"]);
}

#[test]
fn q26_an_address_in_one_cell_gives_its_parts_by_extract() {
    let fields = "shipping_street = { column = \"Address\", extract = '^(.*?),' }\n\
                  shipping_zip = { column = \"Address\", extract = '\\b\\d{5}\\b' }\n\
                  shipping_city = { column = \"Address\", extract = '\\d{5} ([^,]+)' }";
    let checked = check(
        "Order,Tracking,Address\n1,T1,\"\"\"Street 10, 75001 Paris, France\"\"\"\n",
        &plain(fields),
    );
    let part = |field| checked.all(field)[0].to_owned();
    assert_eq!(
        ["shipping_street", "shipping_zip", "shipping_city"].map(part),
        ["Street 10".to_owned(), "75001".to_owned(), "Paris".to_owned()]
    );
}

#[test]
fn q27_parts_of_a_name_are_put_together_without_dangling_spaces() {
    let checked = check(
        "Order,Tracking,First,Last\n1,T1,Ada,Example\n2,T2,,Example\n3,T3,Bo,\n",
        &plain("customer_name = \"{First} {Last}\""),
    );
    assert_eq!(checked.all("customer_name"), ["Ada Example", "Example", "Bo"]);
}

#[test]
fn q28_countries_go_out_as_they_stand_or_by_a_table() {
    let fields = "billing_country = \"Country\"\n\
                  shipping_country = { column = \"Country\", lookup = \"countries\", otherwise = \"keep\" }\n\n\
                  [lookups.countries]\nDEU = \"Germany\"\nUS = \"United States\"";
    let checked =
        check("Order,Tracking,Country\n1,T1,DEU\n2,T2,US\n3,T3,Argentina\n", &plain(fields));
    assert_eq!(checked.all("billing_country"), ["DEU", "US", "Argentina"]);
    assert_eq!(checked.all("shipping_country"), ["Germany", "United States", "Argentina"]);
}

#[test]
fn q30_an_order_of_an_overlapping_export_is_not_sent_again() {
    let checked = check("Order,Tracking\n1,T1\n2,T2\n1,T1\n", &plain(""));
    let workdir = checked.workdir;
    let server = TestServer::new([]);
    let url = server.url();
    let import = |input: &str| {
        let words = [
            "import",
            input,
            "-m",
            "map.toml",
            "--rate",
            "unlimited",
            "--endpoint",
            &url,
            "--ledger",
            "seen.db",
        ];
        workdir.launch(&words).credentials("ops@example.com", "key-1").run().assert_code(0);
    };
    let statuses = |name: &str| {
        workdir.results(name).iter().map(|row| row["status"].clone()).collect::<Vec<_>>()
    };
    import("orders.csv");
    assert_eq!(statuses("orders.results.csv"), ["sent", "sent", "skipped"]);
    workdir.write("later.csv", "Order,Tracking\n2,T2\n3,T3\n");
    import("later.csv");
    assert_eq!(statuses("later.results.csv"), ["already_sent", "sent"]);
    assert_eq!(server.requests().len(), 3);
}
