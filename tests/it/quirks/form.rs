//! Q1 to Q8 and Q32: bytes, delimiters, lines before the header and behind the last row.

use super::{attempt, check, plain};

#[test]
fn q01_a_byte_order_mark_is_no_part_of_the_first_column() {
    for mark in ["\u{FEFF}", "\u{FEFF}\u{FEFF}"] {
        let checked = check(format!("{mark}Order,Tracking\r\n1,T1\r\n"), &plain(""));
        assert_eq!(checked.all("order_no"), ["1"]);
    }
}

#[test]
fn q02_windows_1252_is_read_without_being_declared() {
    let checked = check(
        b"Order;Tracking;Name\n1;T1;Nu\xf1ez \x92 \x80\n",
        &plain("customer_name = \"Name\""),
    );
    assert_eq!(checked.all("customer_name"), ["Nuñez ’ €"]);
    assert_eq!(checked.report["inputs"][0]["encoding"], "windows-1252");
}

#[test]
fn q03_a_destroyed_letter_in_the_header_stands_for_any() {
    let mapping = "[fields]\norder_no = \"Número de orden\"\ntrackingnumber = \"Tracking\"\n\
                   carrier_type = { value = \"UPS\" }\ncustomer_name = \"Name\"\n";
    let checked = check("N\u{FFFD}mero de orden;Tracking;Name\n7;T1;Nu\u{FFFD}ez\n", mapping);
    assert_eq!(
        (checked.all("order_no"), checked.all("customer_name")),
        (vec!["7"], vec!["Nu\u{FFFD}ez"])
    );
    assert!(checked.remarks().contains("lost"), "{}", checked.remarks());
    let warning = &checked.report["warnings"][0];
    assert_eq!(
        (&warning["field"], &warning["examples"][0]["row"]),
        (&"customer_name".into(), &1.into())
    );
    assert_eq!(warning["examples"][0]["letter"], "C");
    // A look-alike in an intact header is another column.
    let (_, run) = attempt("Nomero de orden;Tracking;Name\n7;T1;Ada\n", mapping);
    run.assert_code(2);
}

#[test]
fn q04_utf_16_with_tabs_is_read() {
    for big in [false, true] {
        let text = "\u{FEFF}Order\tTracking\tName\r\n1\tT1\tNuñez €\r\n";
        let units = text.encode_utf16();
        let bytes: Vec<u8> = units
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect();
        let checked = check(bytes, &plain("customer_name = \"Name\""));
        assert_eq!(checked.all("customer_name"), ["Nuñez €"]);
    }
}

#[test]
fn q05_shift_jis_is_read_where_the_mapping_names_it() {
    let mapping =
        format!("[source]\nencoding = \"shift_jis\"\n\n{}", plain("customer_name = \"Name\""));
    let checked = check(b"Order\tTracking\tName\r\n1\tT1\t\x8e\x52\x93\x63\r\n", &mapping);
    assert_eq!(checked.all("customer_name"), ["山田"]);
}

#[test]
fn q06_commas_in_the_header_of_a_semicolon_file_and_inches_in_a_tab_file_are_data() {
    let input = "Order;mail(required, one, valid, address);Tracking\n1;a@example.com;T1\n2;b@example.com;T2\n";
    let checked = check(input, &plain("customer_email = \"mail(required, one, valid, address)\""));
    assert_eq!(checked.all("customer_email"), ["a@example.com", "b@example.com"]);

    let input =
        "Order\tTracking\tItem\n1\tT1\t7\" tablet\n2\tT2\t\"Big\" 9\" tablet\n3\tT3\tcable\n";
    let checked = check(input, &plain("product = \"Item\""));
    assert_eq!(checked.all("product"), ["7\" tablet", "\"Big\" 9\" tablet", "cable"]);
}

#[test]
fn q07_a_preamble_is_skipped_where_the_mapping_counts_it() {
    let input =
        "TemplateType=OrderFulfillment\tVersion=2011.1102\nnumero\tenvio\nOrder\tTracking\n1\tT1\n";
    let checked = check(input, &format!("[source]\nskip_lines = 2\n\n{}", plain("")));
    assert_eq!(checked.all("order_no"), ["1"]);
    assert_eq!(checked.report["inputs"][0]["header_line"], 3);
}

#[test]
fn q07_a_preamble_is_found_and_rows_keep_their_lines() {
    let jp = "TemplateType=OrderFulfillment\tVersion=2011.1102\nnumero\tenvio\nOrder\tTracking\n1\tT1\n2\t\n";
    let checked = check(jp, &plain(""));
    assert_eq!(checked.all("order_no"), ["1"]);
    checked.assert_reason("errors", &["trackingnumber", "row 2 (line 5)"]);
    for first in [",,", ""] {
        let input = format!("{first}\nOrder,Tracking,Name\n,,\n1,T1,Ada\n2,T2,Bo\n");
        assert_eq!(check(input, &plain("")).all("order_no"), ["1", "2"], "{first:?}");
    }
}

#[test]
fn q08_footers_are_skipped_by_name_at_the_end_and_in_the_middle() {
    let input = "Order,Tracking,Name,City,Zip,Total\n1,T1,Ada,Ulm,1,2\n\n\
                 \"2,record(s) downloaded, from Jul-1-26\"\nSeller ID : shop\n\
                 2,T2,Bo,Ulm,1,2\n83 record(s) downloaded\n";
    let checked = check(input, &plain(""));
    assert_eq!(checked.all("order_no"), ["1", "2"]);
    assert_eq!(checked.counts()[1], 0, "{:#}", checked.report);
    assert!(checked.counts()[2] >= 3, "{:#}", checked.report);
}

#[test]
fn q32_line_ends_of_an_old_mac_and_a_missing_last_one_are_read() {
    let checked = check("Order,Tracking\r1,T1\r2,T2\r", &plain(""));
    assert_eq!(checked.all("order_no"), ["1", "2"]);
    let checked = check("Order,Tracking\r\n1,T1\r\n2,T2", &plain(""));
    assert_eq!(checked.all("trackingnumber"), ["T1", "T2"]);
}
