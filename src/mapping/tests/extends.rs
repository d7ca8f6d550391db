//! Mappings that start from another one.

use super::*;

/// Writes mappings into a folder of their own and reads the first.
fn loaded(files: &[(&str, &str)]) -> Result<Mapping, String> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    let path = folder.path().join(files[0].0);
    Mapping::load(path.to_str().expect("UTF-8"))
        .map_err(|error| error.to_string().replace(folder.path().to_str().expect("UTF-8"), "F"))
}

const BASE: &str = "[source]\nempty = [\"-\"]\n[rows]\ndrop = [{ column = \"Tracking\", empty = true }]\n[fields]\n\
    order_no = \"Order\"\ntrackingnumber = \"Tracking\"\ncarrier_type = { column = \"Carrier\", lookup = \"c\" }\n\
    product = \"Item\"\nquantity = \"Qty\"\n[lookups.c]\nups = \"UPS\"\ngls = \"GLS\"\n";

#[test]
fn tables_go_over_those_of_the_base_key_by_key() {
    let own = "extends = \"base.toml\"\n[rows]\nkeep = [{ column = \"Item\", empty = false }]\n[fields]\n\
        product = \"{Item}!\"\nquantity = []\n[lookups.c]\ngls = \"General\"\ndpd = \"DPD\"\n";
    let mapping = loaded(&[("own.toml", own), ("base.toml", BASE)]).expect("a mapping");
    let mut bound =
        mapping.bind("o.csv", &header("Order,Tracking,Carrier,Item"), &[]).expect("bound");
    for (carrier, sent) in [("ups", "UPS"), ("gls", "General"), ("dpd", "DPD")] {
        let Made::Shipment(shipment) = worked(&mut bound, row(&["1", "T1", carrier, "Mug"])).made
        else {
            panic!()
        };
        let body: serde_json::Value = serde_json::from_slice(&shipment.body).expect("JSON");
        assert_eq!(
            (body["carrier_type"].as_str(), body["product"].as_str()),
            (Some(sent), Some("Mug!"))
        );
    }
    let skipped = |made: Made| matches!(made, Made::Skipped(_));
    assert!(skipped(worked(&mut bound, row(&["1", "T1", "ups", ""])).made), "its own keep");
    assert!(
        skipped(worked(&mut bound, row(&["1", "-", "ups", "Mug"])).made),
        "the base's drop and empty"
    );
}

#[test]
fn a_base_can_be_built_in() {
    let mapping = Mapping::parse("own.toml", "extends = \"orders\"\n").expect("a mapping");
    assert_ne!(mapping.sha256(), Mapping::load("orders").expect("built in").sha256());
    let error =
        Mapping::parse("own.toml", "extends = \"ordres\"\n").expect_err("unknown").to_string();
    for part in ["own.toml:1:11", "no built-in mapping \"ordres\"", "did you mean orders?"] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn an_error_in_the_base_shows_the_base_and_its_place() {
    let own = "extends = \"base.toml\"\n[fields]\nquantity = 7\n";
    let error =
        loaded(&[("own.toml", own), ("base.toml", "[fields]\norder_no = 1\n\n[rows]\nkep = 1\n")])
            .expect_err("three faults");
    for part in ["F/own.toml:3:12", "F/base.toml:2:12", "F/base.toml:5:1", "did you mean \"keep\""]
    {
        assert!(error.contains(part), "{part} in {error}");
    }
    let mapping = loaded(&[("own.toml", "extends = \"base.toml\"\n"), ("base.toml", BASE)])
        .expect("a mapping");
    let error = mapping
        .bind("o.csv", &header("Order,Tracking,Carrier,Item"), &[])
        .expect_err("no Qty")
        .to_string();
    assert!(error.contains("base.toml:10:12") && error.contains("\"Qty\""), "{error}");
}

#[test]
fn circles_and_towers_are_refused() {
    let error =
        loaded(&[("a.toml", "extends = \"b.toml\"\n"), ("b.toml", "\nextends = \"./a.toml\"\n")])
            .expect_err("a circle");
    for part in ["F/b.toml:2:11", "in a circle: F/a.toml -> F/b.toml -> F/./a.toml"] {
        assert!(error.contains(part), "{part} in {error}");
    }
    let names: Vec<String> = (0..9).map(|level| format!("{level}.toml")).collect();
    let texts: Vec<String> = (1..10).map(|level| format!("extends = \"{level}.toml\"\n")).collect();
    let files: Vec<(&str, &str)> =
        names.iter().map(String::as_str).zip(texts.iter().map(String::as_str)).collect();
    let error = loaded(&files).expect_err("too many");
    assert!(error.contains("F/7.toml:1:11") && error.contains("at most 8 layers"), "{error}");
}

#[test]
fn an_optional_source_is_left_out_where_the_header_lacks_its_column() {
    let fields = "product = { column = \"Item\", optional = true }\nquantity = [{ column = \"Qty\", optional = true }, \
                  { value = \"1\" }]\n";
    let mut bound = bound("Other", fields, "");
    assert_eq!(made(&mut bound, &[""]).expect("valid").get("product"), None);
    assert_eq!(made(&mut bound, &[""]).expect("valid")["quantity"], "1");
    let text = format!(
        "[fields]\n{}",
        REQUIRED.replace("\"Carrier\"", "{ column = \"Carrier\", optional = true }")
    );
    let mapping = Mapping::parse("test.toml", &text).expect("a mapping");
    let error =
        mapping.bind("o.csv", &header("Order,Tracking"), &[]).expect_err("no carrier").to_string();
    assert!(
        error.contains("no source for carrier_type") && error.contains("--set carrier_type=VALUE"),
        "{error}"
    );
    assert!(
        mapping.bind("o.csv", &header("Order,Tracking"), &[set("carrier_type", "UPS")]).is_ok()
    );
}
