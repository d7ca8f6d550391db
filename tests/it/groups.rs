//! Rows that belong together, and rows that make several shipments, in an import and its retry:
//! each row has its line with the outcome of its shipment, and what was accepted is not sent again.

use crate::support::server::TestServer;
use crate::support::workdir::Run;
use crate::support::{Answer, Workdir};

const GROUPED: &str = r#"
[rows]
group_by = ["Order", "Tracking"]
drop = [{ column = "Item", is = "void" }]

[fields]
order_no = "Order"
trackingnumber = "Tracking"
carrier_type = { value = "UPS" }
product = { column = "Item", combine = "join", separator = "+" }
quantity = { column = "Qty", combine = "sum" }
"#;

const SPLIT: &str = r#"
[rows]
split = { column = "Tracking", at = '[;\s]+' }

[fields]
order_no = "Order"
trackingnumber = "Tracking"
carrier_type = { value = "UPS" }
product = "Item"
"#;

const ORDERS: &str = "Order,Tracking,Item,Qty\n1,T1,mug,1\n1,T1,void,9\n1,T1,cup,2\n2,T2,tray,1\n2,T2,lid,4\n3,T3,lamp,1\n";

fn workdir(mapping: &str, orders: &str) -> Workdir {
    let workdir = Workdir::new();
    workdir.write("orders.csv", orders);
    workdir.write("map.toml", mapping);
    workdir
}

fn run(workdir: &Workdir, server: &TestServer, words: &[&str]) -> Run {
    let url = server.url();
    let mut arguments = words.to_vec();
    arguments.extend(["--rate", "unlimited", "--endpoint", &url]);
    if words[0] == "import" {
        arguments.extend(["-m", "map.toml"]);
    }
    workdir.launch(&arguments).credentials("ops@example.com", "key-1").run()
}

/// A server that refuses the shipments with these tracking numbers.
fn refusing(refused: &'static [&'static str]) -> TestServer {
    TestServer::answering(move |request| {
        if refused.contains(&request.field("trackingnumber").as_str()) {
            Answer::json(409, r#"{"message":"not today"}"#)
        } else {
            Answer::accepted()
        }
    })
}

/// Row, shipment, order, tracking number and status of each line.
fn lines(workdir: &Workdir, name: &str) -> Vec<String> {
    let line = |row: &std::collections::HashMap<String, String>| {
        ["row", "shipment", "order_no", "trackingnumber", "status"]
            .map(|column| row[column].as_str())
            .join(" ")
    };
    workdir.results(name).iter().map(line).collect()
}

/// What arrived, sorted: order, tracking number, product, quantity.
fn arrived(server: &TestServer) -> Vec<String> {
    let one = |request: &crate::support::request::Request| {
        ["order_no", "trackingnumber", "product", "quantity"]
            .map(|field| request.field(field))
            .join(" ")
    };
    let mut arrived: Vec<String> = server.requests().iter().map(one).collect();
    arrived.sort();
    arrived
}

#[test]
fn each_row_of_a_group_has_its_line_with_the_outcome_of_the_shipment() {
    let server = refusing(&["T2"]);
    let workdir = workdir(GROUPED, ORDERS);
    run(&workdir, &server, &["import", "orders.csv"]).assert_code(1);
    assert_eq!(arrived(&server), ["1 T1 mug+cup 3", "2 T2 tray+lid 5", "3 T3 lamp 1"]);
    assert_eq!(
        lines(&workdir, "orders.results.csv"),
        [
            "1 1 1 T1 sent",
            "2  1 T1 skipped",
            "3 1 1 T1 sent",
            "4 1 2 T2 rejected",
            "5 1 2 T2 rejected",
            "6 1 3 T3 sent"
        ]
    );
    let rows = workdir.results("orders.results.csv");
    assert_eq!(rows[0]["payload"], rows[2]["payload"]);
    assert_ne!(rows[0]["fingerprint"], rows[2]["fingerprint"]);
    assert_eq!((&rows[3]["attempts"], &rows[4]["message"]), (&"1".to_owned(), &rows[3]["message"]));
}

#[test]
fn a_rejected_group_is_imported_again_from_the_failed_rows_as_one_shipment() {
    let workdir = workdir(GROUPED, ORDERS);
    run(&workdir, &refusing(&["T2"]), &["import", "orders.csv"]).assert_code(1);
    let failed = workdir.read("orders.failed.csv");
    assert_eq!(failed.lines().count(), 3, "{failed}");
    assert!(failed.contains("2,T2,tray,1,") && failed.contains("2,T2,lid,4,"), "{failed}");
    let server = refusing(&[]);
    run(&workdir, &server, &["import", "orders.failed.csv"]).assert_code(0);
    assert_eq!(arrived(&server), ["2 T2 tray+lid 5"]);
    assert_eq!(lines(&workdir, "orders.failed.results.csv"), ["1 1 2 T2 sent", "2 1 2 T2 sent"]);
}

#[test]
fn a_retry_sends_the_rejected_group_alone_and_carries_the_others_over_as_they_are() {
    let workdir = workdir(GROUPED, ORDERS);
    run(&workdir, &refusing(&["T2"]), &["import", "orders.csv"]).assert_code(1);
    let before = workdir.read("orders.results.csv");
    let server = refusing(&[]);
    run(&workdir, &server, &["retry", "orders.results.csv"]).assert_code(0);
    assert_eq!(arrived(&server), ["2 T2 tray+lid 5"]);
    let after = workdir.read("orders.results.csv");
    assert_eq!(before.lines().count(), after.lines().count());
    for (number, (old, new)) in before.lines().zip(after.lines()).enumerate() {
        assert!(old == new || [4, 5].contains(&number), "line {number}: {old} → {new}");
    }
    assert_eq!(lines(&workdir, "orders.results.csv")[3..5], ["4 1 2 T2 sent", "5 1 2 T2 sent"]);
    assert!(!workdir.path("orders.failed.csv").exists());
}

#[test]
fn an_accepted_group_of_which_one_row_changed_is_refused_with_the_name_of_that_row() {
    let workdir = workdir(GROUPED, ORDERS);
    run(&workdir, &refusing(&["T2"]), &["import", "orders.csv"]).assert_code(1);
    let before = workdir.read("orders.results.csv");
    workdir.write("orders.csv", ORDERS.replace("1,T1,cup,2", "1,T1,cup,7"));
    let server = refusing(&[]);
    let refused = run(&workdir, &server, &["retry", "orders.results.csv"]);
    refused.assert_code(2);
    assert!(
        refused.stderr.contains("row 3") && refused.stderr.contains("line 4"),
        "{}",
        refused.stderr
    );
    assert_eq!(arrived(&server), [""; 0]);
    assert_eq!(workdir.read("orders.results.csv"), before);
}

#[test]
fn a_rejected_group_may_be_mended_before_the_retry() {
    let workdir = workdir(GROUPED, ORDERS);
    run(&workdir, &refusing(&["T2"]), &["import", "orders.csv"]).assert_code(1);
    workdir.write("orders.csv", ORDERS.replace("2,T2,lid,4", "2,T2,lid,6"));
    let server = refusing(&[]);
    run(&workdir, &server, &["retry", "orders.results.csv"]).assert_code(0);
    assert_eq!(arrived(&server), ["2 T2 tray+lid 7"]);
}

#[test]
fn skipped_group_of_which_its_last_row_changed_is_sent() {
    let orders = "Order,Tracking,Item,Qty\n1,T1,mug,1\n1,T1,cup,2\n2,T2,lid,1\n";
    let repeated = "1,T1,mug,1\n1,T1,cup,2\n";
    let workdir = workdir(GROUPED, &format!("{orders}{repeated}"));
    run(&workdir, &refusing(&[]), &["import", "orders.csv"]).assert_code(0);
    assert_eq!(
        lines(&workdir, "orders.results.csv")[3..],
        ["4 1 1 T1 skipped", "5 1 1 T1 skipped"]
    );
    let server = refusing(&[]);
    run(&workdir, &server, &["retry", "orders.results.csv"]).assert_code(0);
    assert_eq!(arrived(&server), [""; 0]);
    workdir.write("orders.csv", format!("{orders}{}", repeated.replace("cup", "bowl")));
    run(&workdir, &server, &["retry", "orders.results.csv"]).assert_code(0);
    assert_eq!(arrived(&server), ["1 T1 mug+bowl 3"]);
    assert_eq!(lines(&workdir, "orders.results.csv")[3..], ["4 1 1 T1 sent", "5 1 1 T1 sent"]);
}

#[test]
fn accepted_lines_of_a_row_that_takes_part_no_more_are_all_kept() {
    let mapping =
        GROUPED.replace("[fields]", "split = { column = \"Tracking\", at = ';' }\n\n[fields]");
    let workdir =
        workdir(&mapping, "Order,Tracking,Item,Qty\n1,T1;T2,mug,1\n1,T1;T2,cup,2\n2,T3,lid,1\n");
    run(&workdir, &refusing(&["T3"]), &["import", "orders.csv"]).assert_code(1);
    let before = lines(&workdir, "orders.results.csv");
    assert_eq!(before[2..4], ["2 1 1 T1 sent", "2 2 1 T2 sent"]);
    workdir.write("map.toml", mapping.replace("is = \"void\"", "is = \"cup\""));
    let server = refusing(&["T3"]);
    run(&workdir, &server, &["retry", "orders.results.csv", "--only", "rejected"]).assert_code(1);
    assert_eq!(arrived(&server), ["2 T3 lid 1"]);
    assert_eq!(lines(&workdir, "orders.results.csv"), before);
}

#[test]
fn of_a_row_with_two_shipments_a_retry_sends_the_one_that_was_not_accepted() {
    let workdir = workdir(SPLIT, "Order,Tracking,Item\n1,T1;T2,mug\n2,T3,lamp\n3,T4 T5,cup\n");
    let first = refusing(&["T2", "T4"]);
    run(&workdir, &first, &["import", "orders.csv"]).assert_code(1);
    assert_eq!(arrived(&first).len(), 5);
    assert_eq!(
        lines(&workdir, "orders.results.csv"),
        [
            "1 1 1 T1 sent",
            "1 2 1 T2 rejected",
            "2 1 2 T3 sent",
            "3 1 3 T4 rejected",
            "3 2 3 T5 sent"
        ]
    );
    let before = workdir.read("orders.results.csv");
    let second = refusing(&[]);
    run(&workdir, &second, &["retry", "orders.results.csv"]).assert_code(0);
    assert_eq!(arrived(&second), ["1 T2 mug ", "3 T4 cup "]);
    let after = workdir.read("orders.results.csv");
    for (number, (old, new)) in before.lines().zip(after.lines()).enumerate() {
        assert!(old == new || [2, 4].contains(&number), "line {number}: {old} → {new}");
    }
    assert_eq!(before.lines().count(), after.lines().count());
}

#[test]
fn a_group_that_is_split_has_a_line_for_each_row_and_shipment() {
    let mapping =
        GROUPED.replace("[fields]", "split = { column = \"Tracking\", at = ';' }\n\n[fields]");
    let workdir = workdir(
        &mapping,
        "Order,Tracking,Item,Qty\n1,T1;T2,mug,1\n1,T1;T2,void,9\n1,T1;T2,cup,2\n",
    );
    run(&workdir, &refusing(&["T2"]), &["import", "orders.csv"]).assert_code(1);
    assert_eq!(
        lines(&workdir, "orders.results.csv"),
        [
            "1 1 1 T1 sent",
            "1 2 1 T2 rejected",
            "2  1 T1;T2 skipped",
            "3 1 1 T1 sent",
            "3 2 1 T2 rejected"
        ]
    );
    let server = refusing(&[]);
    run(&workdir, &server, &["retry", "orders.results.csv"]).assert_code(0);
    assert_eq!(arrived(&server), ["1 T2 mug+cup 3"]);
    assert!(lines(&workdir, "orders.results.csv").iter().all(|line| !line.ends_with("rejected")));
}

#[test]
fn a_limit_never_cuts_a_group() {
    for (limit, rows, sent) in [
        ("1", 3, vec!["1 T1 mug+cup 3"]),
        ("4", 5, vec!["1 T1 mug+cup 3", "2 T2 tray+lid 5"]),
        ("9", 6, vec![]),
    ] {
        let server = refusing(&[]);
        let workdir = workdir(GROUPED, ORDERS);
        run(&workdir, &server, &["import", "orders.csv", "--limit", limit]).assert_code(0);
        assert_eq!(lines(&workdir, "orders.results.csv").len(), rows, "--limit {limit}");
        assert!(
            sent.is_empty() || arrived(&server) == sent,
            "--limit {limit}: {:?}",
            arrived(&server)
        );
    }
}

#[test]
fn an_invalid_group_says_which_of_its_rows_is_wrong_and_counts_as_one_trouble() {
    let mapping = GROUPED.replace(
        "quantity = { column = \"Qty\", combine = \"sum\" }",
        "quantity = { column = \"Qty\", number = { decimal = \".\" }, combine = \"sum\" }",
    );
    let workdir = workdir(&mapping, &ORDERS.replace("2,T2,lid,4", "2,T2,lid,four"));
    let server = refusing(&[]);
    run(&workdir, &server, &["import", "orders.csv"]).assert_code(1);
    assert_eq!(arrived(&server), ["1 T1 mug+cup 3", "3 T3 lamp 1"]);
    let rows = workdir.results("orders.results.csv");
    for row in &rows[3..5] {
        assert_eq!(row["status"], "invalid");
        assert!(
            row["message"].contains("row 5") && row["message"].contains("four"),
            "{}",
            row["message"]
        );
    }
    let check = workdir.lateship(&["check", "orders.csv", "-m", "map.toml", "--format", "json"]);
    let report: serde_json::Value =
        serde_json::from_str(&check.assert_code(1).stdout).expect("JSON");
    assert_eq!(
        (&report["rows"], &report["shipments"], &report["shipping_rows"]),
        (&6.into(), &2.into(), &3.into())
    );
    assert_eq!((&report["invalid"], &report["errors"][0]["count"]), (&2.into(), &1.into()));
    let example = &report["errors"][0]["examples"][0];
    assert_eq!(
        (&example["row"], &example["letter"], &example["value"]),
        (&5.into(), &"D".into(), &"four".into())
    );
}

#[test]
fn a_row_stands_once_among_the_failed_rows_however_many_of_its_shipments_were_refused() {
    let mapping =
        GROUPED.replace("[fields]", "split = { column = \"Tracking\", at = ';' }\n\n[fields]");
    let workdir =
        workdir(&mapping, "Order,Tracking,Item,Qty\n1,T1;T2,mug,1\n1,T1;T2,cup,2\n2,T3;T4,lid,1\n");
    run(&workdir, &refusing(&["T1", "T2", "T4"]), &["import", "orders.csv"]).assert_code(1);
    let failed = workdir.read("orders.failed.csv");
    let rows: Vec<&str> = failed.lines().skip(1).map(|line| &line[..12]).collect();
    assert_eq!(rows, ["1,T1;T2,mug,", "1,T1;T2,cup,", "2,T3;T4,lid,"], "{failed}");
    let server = refusing(&[]);
    run(&workdir, &server, &["import", "orders.failed.csv"]).assert_code(0);
    assert_eq!(arrived(&server), ["1 T1 mug+cup 3", "1 T2 mug+cup 3", "2 T3 lid 1", "2 T4 lid 1"]);
}

#[test]
fn a_stop_within_the_file_leaves_whole_groups_for_the_retry() {
    let workdir = workdir(GROUPED, ORDERS);
    let stopping = TestServer::answering(|request| match request.field("order_no").as_str() {
        "1" => Answer::accepted(),
        _ => Answer::json(
            401,
            r#"{"message":"Authorization Header Error. Check your email and API key"}"#,
        ),
    });
    run(&workdir, &stopping, &["import", "orders.csv", "--concurrency", "1"]).assert_code(3);
    assert_eq!(
        lines(&workdir, "orders.results.csv"),
        [
            "1 1 1 T1 sent",
            "2  1 T1 skipped",
            "3 1 1 T1 sent",
            "4 1 2 T2 not_attempted",
            "5 1 2 T2 not_attempted",
            "6 1 3 T3 not_attempted"
        ]
    );
    let server = refusing(&[]);
    run(&workdir, &server, &["retry", "orders.results.csv"]).assert_code(0);
    assert_eq!(arrived(&server), ["2 T2 tray+lid 5", "3 T3 lamp 1"]);
}

#[test]
fn a_group_that_grew_since_a_limited_import_is_met_whole_by_the_retry() {
    let workdir = workdir(GROUPED, ORDERS);
    run(&workdir, &refusing(&["T1"]), &["import", "orders.csv", "--limit", "2"]).assert_code(1);
    let server = refusing(&[]);
    run(&workdir, &server, &["retry", "orders.results.csv"]).assert_code(0);
    assert_eq!(arrived(&server), ["1 T1 mug+cup 3", "2 T2 tray+lid 5", "3 T3 lamp 1"]);
    assert_eq!(lines(&workdir, "orders.results.csv").len(), 6);
}
