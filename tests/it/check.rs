//! `lateship check` as its user sees it: what is wrong with a file, with rows to look at, in words
//! and for programs.

use crate::support::Workdir;

const MAPPING: &str = "[fields]\norder_no = \"Order\"\ntrackingnumber = \"Tracking\"\ncarrier_type = { value = \"UPS\" }\n\
                       order_date = { column = \"Date\", date = \"%d.%m.%Y\" }\ncustomer_email = \"Mail\"\n";

fn workdir(orders: &str) -> Workdir {
    let workdir = Workdir::new();
    workdir.write("orders.csv", orders);
    workdir.write("map.toml", MAPPING);
    workdir
}

const ORDERS: &str = "Order,Tracking,Date,Mail,Notes\n1,T1,24.11.2026,ada@example.com,\n2,T2,31.02.2026,,\n\
                      3,,24.11.2026,bo@example,\n4,T4,2026-11-24,,\n,,,,\n5,T5,32.01.2026,,\n6,T6,soon,,\n7,T7,24.11.2026,nobody,\n";

#[test]
fn each_trouble_shows_its_first_rows_with_line_column_letter_and_value() {
    let workdir = workdir(ORDERS);
    let run = workdir.lateship(&["check", "orders.csv", "-m", "map.toml"]);
    run.assert_code(1);
    for part in [
        "row 2 (line 3), column \"Date\" (C): \"31.02.2026\"",
        "row 3 (line 4), column \"Tracking\" (B)\n",
        "Warnings (these rows would be sent):",
        "\"nobody\"",
        "Skipped:",
        "row 5 (line 6)",
        "Columns that nothing reads: \"Notes\"",
        "try a few with --limit 5",
    ] {
        assert!(run.stdout.contains(part), "without {part:?}: {}", run.stdout);
    }
}

#[test]
fn a_program_gets_one_object_with_payloads_and_the_same_exit_code() {
    let workdir = workdir(ORDERS);
    let run = workdir.lateship(&[
        "check",
        "orders.csv",
        "-m",
        "map.toml",
        "--format",
        "json",
        "--show",
        "1",
    ]);
    run.assert_code(1);
    assert_eq!(run.stderr, "");
    let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("one object");
    let errors = report["errors"].as_array().expect("a list");
    let counted: u64 = errors.iter().filter_map(|group| group["count"].as_u64()).sum();
    assert_eq!(
        (counted, &report["invalid"], &report["skipped"]),
        (5, &5.into(), &1.into()),
        "{report:#}"
    );
    let missing =
        errors.iter().find(|group| group["field"] == "trackingnumber").expect("a missing number");
    assert_eq!(
        missing["examples"],
        serde_json::json!([{"file": "orders.csv", "row": 3, "line": 4, "column": "Tracking", "letter": "B", "value": ""}])
    );
    let dates = errors.iter().filter(|group| group["field"] == "order_date");
    let mut examples = dates.flat_map(|group| group["examples"].as_array().expect("a list"));
    assert!(
        examples.any(|example| example["letter"] == "C" && example["value"] == "31.02.2026"),
        "{report:#}"
    );
    assert_eq!(report["warnings"][0]["field"], "customer_email");
    assert_eq!(report["payloads"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["payloads"][0]["trackingnumber"], "T1");
    assert_eq!(report["unused_columns"], serde_json::json!(["Notes"]));
    let input = &report["inputs"][0];
    assert_eq!(
        (&input["delimiter"], &input["header_line"], &input["columns"]),
        (&",".into(), &1.into(), &5.into())
    );
    assert_eq!((&input["encoding"], &input["packing"]), (&"UTF-8".into(), &"plain".into()));

    let unusable =
        workdir.lateship(&["check", "missing.csv", "-m", "map.toml", "--format", "json"]);
    unusable.assert_code(2);
    assert_eq!(unusable.stdout, "");
}

#[test]
fn rows_that_make_fewer_shipments_are_counted_apart() {
    let workdir = workdir("Order,Tracking,Date,Mail\n1,T1,,\n1,T1,,\n2,T2,,\n");
    workdir.write("map.toml", format!("[rows]\ngroup_by = [\"Order\"]\n\n{MAPPING}"));
    let run = workdir.lateship(&["check", "orders.csv", "-m", "map.toml"]);
    assert!(run.assert_code(0).stdout.contains("\n3 rows make 2 shipments\n"), "{}", run.stdout);
}

#[test]
fn what_was_found_in_the_file_is_told_on_request() {
    let workdir = workdir(&ORDERS.replace(',', ";"));
    let run = workdir.lateship(&["check", "orders.csv", "-m", "map.toml", "-v"]);
    assert!(
        run.stderr.contains("5 columns")
            && run.stderr.contains("UTF-8, cut at ;, header in line 1"),
        "{}",
        run.stderr
    );
}
