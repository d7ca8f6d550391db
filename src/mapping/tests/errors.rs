//! Errors of a mapping file: each has its place, all are shown, and the nearest name is proposed.

use super::*;
use proptest::prelude::*;

fn error(text: &str) -> String {
    Mapping::parse("shop.toml", text).expect_err("an error").to_string()
}

fn bind_error(fields: &str, columns: &str) -> String {
    let text = format!("[fields]\n{fields}");
    let mapping = Mapping::parse("shop.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    mapping.bind("orders.csv", &header(columns), &[]).expect_err("an error").to_string()
}

fn assert_shows(shown: &str, parts: &[&str]) {
    for part in parts {
        assert!(shown.contains(part), "{part:?} is missing in:\n{shown}");
    }
}

#[test]
fn all_troubles_are_shown_with_file_line_and_place() {
    let shown = error("[fields]\norder_no = 7\ntrackingnumer = \"T\"\n\n[rows]\nkep = []\n");
    assert_shows(
        &shown,
        &[
            "shop.toml:2:12",
            "[fields] order_no: expected a column's name",
            "shop.toml:3:1",
            "the payload has no field \"trackingnumer\"",
            "did you mean \"trackingnumber\"",
            "shop.toml:6:1",
            "did you mean \"keep\"",
        ],
    );
}

#[test]
fn broken_toml_is_shown_where_it_breaks() {
    assert_shows(&error("[fields]\norder_no = \"Order\n"), &["not valid TOML", "shop.toml:2"]);
    assert_shows(
        &error("[fields]\na = \"x\"\na = \"y\"\n"),
        &["duplicate key", "shop.toml:3", "a list of them"],
    );
}

#[test]
fn a_lookup_in_a_file_says_file_key_and_value() {
    let text = "[lookups.t]\nfile = \"a.csv\"\nkey = \"K\"";
    assert_shows(
        &error(text),
        &["[lookups.t]: value is missing", "the column that is taken", "shop.toml:1"],
    );
}

#[test]
fn a_mapping_decides_neither_endpoint_nor_credentials_nor_ledger() {
    for key in ["endpoint", "credentials", "email", "api_key", "ledger"] {
        assert_shows(
            &error(&format!("[delivery]\n{key} = \"x\"")),
            &["a mapping does not decide", "not allowed here"],
        );
    }
}

#[test]
fn delivery_hands_on_options_as_text() {
    let text = "[delivery]\nrate = \"20/s\"\nconcurrency = 0x8\n\
                answers = [{ status = 409, message = \"already\", is = \"sent\" }]";
    let mapping = Mapping::parse("m", text).unwrap_or_else(|error| panic!("{error}"));
    let delivery = mapping.delivery();
    let options = [("rate", "20/s"), ("concurrency", "8")];
    assert_eq!(delivery.options, options.map(|(key, value)| (key.to_owned(), value.to_owned())));
    assert_eq!(delivery.answers[0].message.as_deref(), Some("already"));
    assert_shows(
        &error("[delivery]\nanswers = [{ status = 409, is = \"fine\" }]"),
        &["m", "one of \"sent\""],
    );
}

#[test]
fn sources_that_make_no_sense_are_refused() {
    for (source, part) in [
        ("{ column = \"A\", value = \"x\" }", "takes only one of column, value"),
        ("{ case = \"upper\" }", "needs one of column, template, value"),
        ("[]", "needs at least one"),
        ("\"{A\"", "never closed"),
        ("\"\"", "this is empty"),
        ("{ column = \"A\", extract = \"(\" }", "unclosed group"),
        ("{ column = \"A\", extract = '\\w{1000}{1000}' }", "too large"),
        ("{ column = \"A\", date = \"%d.%m\" }", "is not a date format"),
        ("{ column = \"A\", date = \"%Y-%m-%d\", timezone = \"Europe/Berln\" }", "Europe/Berlin"),
        ("{ column = \"A\", timezone = \"UTC\" }", "means nothing without date"),
        ("{ column = \"A\", date = \"%Y-%m-%d\", decimals = 2 }", "not as both"),
        ("{ column = \"A\", number = { decimal = \",\", thousands = \",\" } }", "must differ"),
        ("{ column = \"A\", number = { decimal = \"dot\" } }", "a single character"),
        ("{ column = \"A\", case = \"small\" }", "one of \"upper\", \"lower\", \"title\""),
        ("{ column = \"A\", pad_left = 5 }", "{ to = 5, with = \"0\" }"),
        ("{ column = \"A\", max_length = 0 }", "a whole number from 1"),
        ("{ column = \"A\", lookup = \"carrie\" }", "did you mean \"carrier\""),
        ("{ column = \"A\", otherwise = \"keep\" }", "means nothing without lookup"),
        (
            "{ column = \"A\", lookup = \"carrier\", otherwise = \"drop\" }",
            "one of \"keep\", \"empty\", \"error\"",
        ),
        (
            "{ column = \"A\", lookup = \"carrier\", ignore_case = true }",
            "different things for \"ups\"",
        ),
        ("{ column = \"A\", replace = [\"x\"] }", "a list of pairs"),
        ("{ column = \"A\", replace = [[\"(x)\", \"$1y\"]] }", "no group \"1y\""),
        ("{ colum = \"A\" }", "did you mean \"column\""),
        ("[{ value = \"x\" }, \"A\"]", "never used"),
        ("[{ column = \"A\", required = true }, \"A\"]", "never used"),
        ("[[\"A\"]]", "expected a column's name"),
        ("{ when = { is = \"x\" }, value = \"y\" }", "a condition needs a column"),
        ("{ when = { column = \"A\" }, value = \"y\" }", "needs one of is, is_not, matches, empty"),
        (
            "{ when = { column = \"A\", is = \"x\", empty = true }, value = \"y\" }",
            "takes only one of is, empty",
        ),
        ("{ when = { any = [] }, value = \"y\" }", "at least one"),
    ] {
        let text =
            format!("[fields]\nproduct = {source}\n[lookups.carrier]\nUPS = \"a\"\nups = \"b\"\n");
        let shown = error(&text);
        assert_shows(&shown, &[part, "shop.toml:2:"]);
    }
}

#[test]
fn names_on_the_wire_do_not_collide() {
    assert_shows(
        &error("[payload]\nrename = { product = \"x\", productid = \"x\" }"),
        &["cannot both be called \"x\"", "taken already"],
    );
    assert_shows(
        &error("[payload]\nrename = { product = \"amount\" }"),
        &["the name of another field, amount"],
    );
    assert!(
        Mapping::parse(
            "m",
            "[payload]\nrename = { product = \"productid\", productid = \"product\" }"
        )
        .is_ok()
    );
}

#[test]
fn columns_that_the_header_lacks_are_all_shown() {
    let shown = bind_error(
        "order_no = \"Ordr\"\ntrackingnumber = [\"Trk\", \"Parcel\"]\ncarrier_type = \"{Carier} {Other}\"\nproduct = [\"Gone\", \
         { value = \"x\" }]",
        "Order,Tracking,Carrier",
    );
    assert_shows(
        &shown,
        &[
            "orders.csv has no column \"Ordr\"",
            "did you mean \"Order\"",
            "no column \"Trk\"",
            "no column \"Parcel\"",
            "no column \"Carier\"",
            "no column \"Other\"",
            "no column \"Gone\"",
            "shop.toml:2:12",
        ],
    );
}

#[test]
fn a_required_field_needs_a_source() {
    let shown = bind_error("order_no = \"Order\"", "Order,Tracking Number,Carrier");
    assert_shows(
        &shown,
        &[
            "the mapping shop.toml has no source for trackingnumber",
            "did you mean \"Tracking Number\"",
            "no source for carrier_type",
            "--set carrier_type=VALUE",
        ],
    );
}

#[test]
fn a_column_asked_in_a_condition_must_exist() {
    let fields = format!(
        "{REQUIRED}product = [{{ when = {{ column = \"Stat\", is = \"x\" }}, value = \"y\" }}, \"Order\"]"
    );
    assert_shows(
        &bind_error(&fields, "Order,Tracking,Carrier,Status"),
        &["no column \"Stat\"", "\"Status\""],
    );
}

#[test]
fn a_built_in_name_that_is_none_lists_what_there_is() {
    let shown = Mapping::load("ordrs").expect_err("no such mapping").to_string();
    assert_shows(
        &shown,
        &[
            "there is no built-in mapping \"ordrs\"",
            "did you mean orders? lateship mappings lists the built-in ones",
        ],
    );
    let shown = Mapping::load("./no/such.toml").expect_err("no such file").to_string();
    assert_shows(&shown, &["cannot read the mapping \"./no/such.toml\""]);
}

#[test]
fn what_stands_in_a_mapping_cannot_reach_the_terminal_as_an_escape() {
    let shown = error("[fields]\norder_no = 7 # \u{202E}\n\"\\u001b[31m\" = \"x\"\n");
    assert!(!shown.contains(['\u{1b}', '\u{202E}']), "{shown}");
}

proptest! {
    #[test]
    fn a_mapping_that_lost_or_won_something_is_refused_or_read_and_never_a_panic(
        at in 0usize..6000, taken in 0usize..40, put in "(\\PC|[\\[\\]{}\"'=,\n]){0,6}", german in any::<bool>()
    ) {
        let text = crate::mapping::builtin::text(if german { "erp-de" } else { "orders" }).expect("built in");
        let start = text.floor_char_boundary(at.min(text.len()));
        let end = text.floor_char_boundary((start + taken).min(text.len())).max(start);
        let changed = format!("{}{put}{}", &text[..start], &text[end..]);
        match Mapping::parse("shop.toml", &changed) {
            Ok(mapping) => drop(mapping.bind("orders.csv", &header("Order ID,Bestellnummer"), &[]).map_err(|error| error.to_string())),
            Err(error) => prop_assert!(error.to_string().contains("shop.toml:")),
        }
    }
}

#[test]
fn a_mapping_is_known_by_the_hash_of_its_text() {
    let mapping = Mapping::parse("m", "").expect("an empty mapping");
    assert_eq!(
        mapping.sha256(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}
