//! Q11 to Q13, Q15, Q20, Q21, Q29 and Q31: what spreadsheets and shops do to numbers, dates and
//! formulas.

use super::{check, plain};

#[test]
fn q11_the_armour_of_spreadsheets_is_taken_off_every_cell() {
    let fields = "billing_zip = \"Zip\"\ncustomer_phoneno = \"Phone\"";
    let input = "Order,Tracking,Zip,Phone\n1,T1,'1630,'+32 468 13 39 23\n2,T2,B1040,+32477209813\n\
                 3,T3,\"=\"\"0000100\"\"\",\"\"\"015224260416\"\"\"\n4,\"T4\t\",\"=\"\"\"\"\",'-5\n\
                 5,\"=\"\"\"\"\",1,1\n6,T6,'tis,'s-Hertogenbosch\n";
    let checked = check(input, &plain(fields));
    assert_eq!(checked.all("billing_zip"), ["1630", "B1040", "0000100", "-", "'tis"]);
    assert_eq!(
        checked.all("customer_phoneno"),
        ["+32 468 13 39 23", "+32477209813", "015224260416", "-5", "'s-Hertogenbosch"]
    );
    assert_eq!(checked.all("trackingnumber"), ["T1", "T2", "T3", "T4", "T6"]);
    checked.assert_reason("errors", &["trackingnumber: gives no value", "row 5"]);
}

#[test]
fn q12_a_number_that_a_spreadsheet_destroyed_is_never_sent() {
    let input =
        "Order;Tracking;Phone\n1;9,4001E+21;1\n2;1.23E+17;1\n5,43514E+11;T3;1\n4;T4;5,43514E+11\n";
    let checked = check(input, &plain("customer_phoneno = \"Phone\""));
    assert_eq!(checked.all("order_no"), ["4"]);
    checked.assert_reason("errors", &["trackingnumber", "spreadsheet", "row 1"]);
    checked.assert_reason("errors", &["order_no", "spreadsheet", "row 3"]);
}

#[test]
fn q12_a_number_of_which_only_fifteen_digits_are_left_is_never_sent_in_silence() {
    let checked = check("Order,Tracking\n1,9400110000000000000000\n", &plain(""));
    let told = [checked.reasons("errors"), checked.reasons("warnings")].concat();
    assert!(told.iter().any(|reason| reason.starts_with("trackingnumber")), "{:#}", checked.report);
}

#[test]
fn q13_lost_zeros_are_put_back_where_the_mapping_says_so() {
    let field = "billing_zip = { column = \"Zip\", pad_left = { to = 5, with = \"0\" } }";
    let checked = check("Order,Tracking,Zip\n1,T1,2482\n2,T2,10115\n3,T3,\n", &plain(field));
    assert_eq!(checked.all("billing_zip"), ["02482", "10115", "-"]);
}

#[test]
fn q13_a_short_zip_of_the_united_states_is_warned_of() {
    let fields = "shipping_zip = \"Zip\"\nshipping_country = \"Country\"";
    let checked = check("Order,Tracking,Zip,Country\n1,T1,2482,US\n2,T2,2482,BE\n", &plain(fields));
    checked.assert_reason("warnings", &["shipping_zip", "row 1"]);
    assert_eq!(checked.report["warnings"][0]["count"], 1);
}

#[test]
fn q15_placeholders_count_as_empty() {
    let mapping = format!(
        "[source]\nempty = [\"-\", \"--\", \"N/A\", \"No informado\", \"not-provided\"]\n\n{}",
        plain("billing_zip = \"Zip\"\ncustomer_name = \"Name\"")
    );
    let checked = check(
        "Order,Tracking,Zip,Name\n1,T1,-,--\n2,T2,N/A,No informado\n3,not-provided,1,Ada\n",
        &mapping,
    );
    assert_eq!(
        (checked.all("billing_zip"), checked.all("customer_name")),
        (vec!["-", "-"], vec!["-", "-"])
    );
    assert!(checked.report["payloads"][0].get("billing_zip").is_none(), "{:#}", checked.report);
    checked.assert_reason("errors", &["trackingnumber: gives no value", "row 3"]);
}

#[test]
fn q20_money_of_the_line_is_summed_and_that_of_the_order_taken_once() {
    let input = "Order,Tracking,Line total,Total\n1,T1,53.98,60.00\n1,T1,1.02,60.00\n";
    let fields = "subtotal_amount = { column = \"Line total\", number = { decimal = \".\" }, decimals = 2, combine = \"sum\" }\n\
                  amount = \"Total\"";
    let checked = check(input, &format!("[rows]\ngroup_by = [\"Order\"]\n\n{}", plain(fields)));
    assert_eq!(
        (checked.all("subtotal_amount"), checked.all("amount")),
        (vec!["55.00"], vec!["60.00"])
    );
}

#[test]
fn q21_currencies_signs_and_brackets_are_taken_off_amounts() {
    let dotted = "amount = { column = \"Total\", number = { decimal = \".\", thousands = \",\" } }";
    let input =
        "Order;Tracking;Total\n1;T1;$24.97\n2;T2;$1,433.66\n3;T3;155.22-\n4;T4;(3.00)\n5;T5;40\n";
    assert_eq!(
        check(input, &plain(dotted)).all("amount"),
        ["24.97", "1433.66", "-155.22", "-3.00", "40"]
    );
    let comma = "amount = { column = \"Total\", number = { decimal = \",\", thousands = \".\" } }";
    let input = "Order;Tracking;Total\n1;T1;116,99 €\n2;T2;1.234,50\u{a0}€\n3;T3;155,22-\n";
    assert_eq!(check(input, &plain(comma)).all("amount"), ["116.99", "1234.50", "-155.22"]);
}

#[test]
fn q29_a_date_and_a_time_in_two_columns_are_one_value() {
    let field = "order_date = { template = \"{Day} {Time}\", date = [\"%b %d, %Y %I:%M:%S %p\", \"%b %d, %Y\"] }";
    let checked = check(
        "Order,Tracking,Day,Time\n1,T1,\"Dec 11, 2024\",2:10:40 PM\n2,T2,\"Dec 1, 2024\",\n",
        &plain(field),
    );
    assert_eq!(checked.all("order_date"), ["2024-12-11 14:10:40", "2024-12-01 00:00:00"]);
}

#[test]
fn q31_a_formula_is_text_and_only_the_exact_armour_comes_off() {
    let cell = "\"=HYPERLINK(\"\"https://example.com\"\",\"\"x\"\")\"";
    let checked = check(
        format!("Order,Tracking,Item\n1,T1,{cell}\n2,T2,=1+1\n3,T3,\"=\"\"7\"\"\"\n"),
        &plain("product = \"Item\""),
    );
    assert_eq!(checked.all("product"), ["=HYPERLINK(\"https://example.com\",\"x\")", "=1+1", "7"]);
}
