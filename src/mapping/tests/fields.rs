//! Sources and what is done to their values.

use super::*;

#[test]
fn columns_templates_and_constants_give_their_values() {
    assert_eq!(product("\"A\"", [" mug ", ""]).as_deref(), Ok("mug"));
    assert_eq!(product("\"{A} {B}\"", ["blue", "mug"]).as_deref(), Ok("blue mug"));
    assert_eq!(product("\"{A} {B}\"", ["", "mug"]).as_deref(), Ok("mug"));
    assert_eq!(product("{ template = \"{A}/{B}\" }", ["x", "y"]).as_deref(), Ok("x/y"));
    assert_eq!(product("{ value = \"gift\" }", ["", ""]).as_deref(), Ok("gift"));
    assert_eq!(product("\"A\"", ["=\"00123\"", ""]).as_deref(), Ok("00123"));
}

#[test]
fn the_first_source_that_gives_a_value_wins() {
    assert_eq!(product("[\"A\", \"B\"]", ["", "b"]).as_deref(), Ok("b"));
    assert_eq!(product("[\"A\", \"B\"]", ["a", "b"]).as_deref(), Ok("a"));
    assert_eq!(
        product("[\"A\", { column = \"B\", empty = \"n/a\" }, { value = \"c\" }]", ["", "n/a"])
            .as_deref(),
        Ok("c")
    );
    let chosen =
        r#"[{ when = { column = "B", is = ["x", "y"] }, value = "one" }, { value = "other" }]"#;
    assert_eq!(product(chosen, ["", "y"]).as_deref(), Ok("one"));
    assert_eq!(product(chosen, ["", "z"]).as_deref(), Ok("other"));
}

#[test]
fn conditions_are_asked_of_cells_as_the_mapping_sees_them() {
    let holds = |condition: &str, cells| {
        product(
            &format!("[{{ when = {condition}, value = \"yes\" }}, {{ value = \"no\" }}]"),
            cells,
        )
        .as_deref()
            == Ok("yes")
    };
    assert!(holds(r#"{ column = "A", is = "x" }"#, [" x ", ""]));
    assert!(!holds(r#"{ column = "A", is = "x" }"#, ["X", ""]));
    assert!(holds(r#"{ column = "A", is_not = ["x", "y"] }"#, ["z", ""]));
    assert!(!holds(r#"{ column = "A", is_not = ["x", "y"] }"#, ["y", ""]));
    assert!(
        holds(r#"{ column = "A", matches = "^a+$" }"#, ["'aa'", ""])
            || !holds(r#"{ column = "A", matches = "^b" }"#, ["a", ""])
    );
    assert!(holds(r#"{ column = "A", empty = true }"#, ["  ", ""]));
    assert!(holds(r#"{ column = "A", empty = false }"#, ["0", ""]));
    assert!(holds(r#"[{ column = "A", is = "x" }, { column = "B", is = "y" }]"#, ["x", "y"]));
    assert!(!holds(r#"[{ column = "A", is = "x" }, { column = "B", is = "y" }]"#, ["x", "z"]));
    assert!(holds(
        r#"{ any = [{ column = "A", is = "x" }, { column = "B", is = "y" }] }"#,
        ["z", "y"]
    ));
    assert!(!holds(
        r#"{ any = [{ column = "A", is = "x" }, { column = "B", is = "y" }] }"#,
        ["z", "z"]
    ));
}

#[test]
fn a_value_is_worked_in_the_order_of_the_language() {
    assert_eq!(
        product(r#"{ column = "A", extract = '(\d+)-(\d+)' }"#, ["no 12-34", ""]).as_deref(),
        Ok("12")
    );
    assert_eq!(
        product(r#"{ column = "A", extract = '(?:a(\d+)|b(\d+))' }"#, ["b7", ""]).as_deref(),
        Ok("7")
    );
    assert_eq!(product(r#"{ column = "A", extract = '\d+' }"#, ["no 12", ""]).as_deref(), Ok("12"));
    assert_eq!(product(r#"{ column = "A", extract = '\d+' }"#, ["none", ""]).as_deref(), Ok(""));
    assert_eq!(
        product(
            r#"{ column = "A", replace = [['Hermes', ""], ['(\d)(\d)', "$2$1"]] }"#,
            ["Hermes 12", ""]
        )
        .as_deref(),
        Ok("21")
    );
    assert_eq!(
        product(r#"{ column = "A", case = "upper", max_length = 3 }"#, ["äöüß", ""]).as_deref(),
        Ok("ÄÖÜ")
    );
    assert_eq!(
        product(r#"{ column = "A", max_length = 4 }"#, ["abc def", ""]).as_deref(),
        Ok("abc")
    );
    assert_eq!(
        product(r#"{ column = "A", pad_left = { to = 5 } }"#, ["123", ""]).as_deref(),
        Ok("00123")
    );
    assert_eq!(
        product(r#"{ column = "A", pad_left = { to = 5, with = "x" } }"#, ["123456", ""])
            .as_deref(),
        Ok("123456")
    );
    assert_eq!(product(r#"{ column = "A", pad_left = { to = 5 } }"#, ["", ""]).as_deref(), Ok(""));
    assert_eq!(
        product(r#"{ column = "A", default = "d", max_length = 1 }"#, ["", ""]).as_deref(),
        Ok("d")
    );
    assert_eq!(
        product(
            r#"{ column = "A", replace = [["mugs", "mug"]], lookup = "names", case = "upper" }"#,
            ["mugs", ""]
        )
        .as_deref(),
        Ok("MUG")
    );
}

#[test]
fn a_lookup_does_otherwise_what_it_is_told() {
    let look = |rest: &str, cell| {
        product(&format!("{{ column = \"A\", lookup = \"names\"{rest} }}"), [cell, ""])
    };
    assert_eq!(look("", "mug").as_deref(), Ok("Mug"));
    assert_eq!(look(", ignore_case = true", "cup").as_deref(), Ok("Cup"));
    assert_eq!(look(", otherwise = \"keep\"", "cup").as_deref(), Ok("cup"));
    assert_eq!(look(", otherwise = \"empty\"", "cup").as_deref(), Ok(""));
    assert_eq!(look(", otherwise = { value = \"other\" }", "cup").as_deref(), Ok("other"));
    assert_eq!(look(", otherwise = \"empty\", default = \"none\"", "cup").as_deref(), Ok("none"));
    assert_eq!(look("", "").as_deref(), Ok(""));
    let error = look("", "cup").expect_err("not in the table");
    assert!(
        error.starts_with("product: column \"A\" (D): \"cup\" is not in [lookups.names]"),
        "{error}"
    );
}

#[test]
fn dates_and_numbers_are_brought_into_the_form_of_the_wire() {
    let date = r#"{ column = "A", date = ["%d.%m.%Y", "%Y-%m-%d %H:%M"] }"#;
    assert_eq!(product(date, ["31.12.2026", ""]).as_deref(), Ok("2026-12-31 00:00:00"));
    assert_eq!(product(date, ["2026-12-31 10:20", ""]).as_deref(), Ok("2026-12-31 10:20:00"));
    let error = product(date, ["31/12/2026", ""]).expect_err("not a date");
    assert!(error.contains("column \"A\" (D): \"31/12/2026\" is not a date"), "{error}");
    let number = r#"{ column = "A", number = { decimal = ",", thousands = "." }, decimals = 2 }"#;
    assert_eq!(product(number, ["1.234,5", ""]).as_deref(), Ok("1234.50"));
    assert_eq!(product(r#"{ column = "A", decimals = 1 }"#, ["2", ""]).as_deref(), Ok("2.0"));
    let zone =
        r#"{ column = "A", date = "%Y-%m-%d %H:%M", timezone = "Europe/Berlin", to = "UTC" }"#;
    assert_eq!(product(zone, ["2026-07-01 10:00", ""]).as_deref(), Ok("2026-07-01 08:00:00"));
}

#[test]
fn a_required_value_that_is_empty_makes_the_row_invalid() {
    assert_eq!(product(r#"{ column = "A", required = true }"#, ["a", ""]).as_deref(), Ok("a"));
    let error = product(r#"{ column = "A", required = true }"#, [" ", ""]).expect_err("empty");
    assert!(error.contains("product: column \"A\" (D): gives no value"), "{error}");
    assert_eq!(
        product(r#"{ column = "A", default = "d", required = true }"#, [" ", ""]).as_deref(),
        Ok("d")
    );
}

#[test]
fn an_alternative_that_the_header_lacks_is_left_out() {
    let source = "[\"Gone\", \"B\", \"{Gone} {A}\"]";
    assert_eq!(product(source, ["a", "b"]).as_deref(), Ok("b"));
    assert_eq!(product(source, ["a", ""]).as_deref(), Ok(""));
}

#[test]
fn the_body_is_written_as_the_payload_table_says() {
    let mut all = bound(
        "A",
        "product = \"A\"",
        "[payload]\nsend_empty = true\nrename = { Number_of_items = \"number_of_items\" }",
    );
    let payload = made(&mut all, &[""]).expect("a shipment");
    assert_eq!(payload.as_object().map(serde_json::Map::len), Some(Field::COUNT));
    assert_eq!(payload["number_of_items"], "");
}
