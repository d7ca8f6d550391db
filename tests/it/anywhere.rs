//! `group = "anywhere"`: rows of one shipment that stand apart in the file go out together, and
//! every row keeps its line in the order of the file.

use std::fmt::Write;

use crate::support::server::TestServer;
use crate::support::workdir::Run;
use crate::support::{Answer, Workdir};

const MAPPING: &str = r#"
[rows]
fill_down = ["Order", "Tracking"]
group_by = ["Order", "Tracking"]
group = "anywhere"
drop = [{ column = "Item", is = "void" }]

[fields]
order_no = "Order"
trackingnumber = "Tracking"
carrier_type = { value = "UPS" }
product = { column = "Item", combine = "join", separator = "+" }
"#;

fn workdir(orders: &str) -> Workdir {
    let workdir = Workdir::new();
    workdir.write("orders.csv", orders);
    workdir.write("map.toml", MAPPING);
    workdir
}

fn run(workdir: &Workdir, server: &TestServer, words: &[&str]) -> Run {
    let url = server.url();
    let mut arguments = words.to_vec();
    arguments.extend(["--rate", "unlimited"]);
    if words[0] == "import" {
        arguments.extend(["-m", "map.toml", "--endpoint", &url]);
    }
    workdir.launch(&arguments).credentials("ops@example.com", "key-1").run()
}

/// Row, order and status of each line.
fn lines(workdir: &Workdir) -> Vec<String> {
    let rows = workdir.results("orders.results.csv");
    rows.iter().map(|row| format!("{} {} {}", row["row"], row["order_no"], row["status"])).collect()
}

const ORDERS: &str =
    "Order,Tracking,Item\n1,T1,mug\n2,T2,tray\n,,lid\n1,T1,void\n1,T1,cup\n3,T3,lamp\n2,T2,cloth\n";

#[test]
fn rows_that_stand_apart_are_one_shipment_and_keep_their_lines_in_the_order_of_the_file() {
    let server = TestServer::answering(|_| Answer::accepted());
    let workdir = workdir(ORDERS);
    run(&workdir, &server, &["import", "orders.csv", "--concurrency", "1"]).assert_code(0);
    let sent: Vec<String> =
        server.requests().iter().map(|request| request.field("product")).collect();
    assert_eq!(sent, ["mug+cup", "tray+lid+cloth", "lamp"], "in the order of their first rows");
    assert_eq!(
        lines(&workdir),
        ["1 1 sent", "2 2 sent", "3 2 sent", "4 1 skipped", "5 1 sent", "6 3 sent", "7 2 sent"]
    );
    assert!(!workdir.path("orders.results.csv.partial").exists());
    let left: Vec<_> = std::fs::read_dir(workdir.path(".")).expect("a folder").flatten().collect();
    assert!(
        left.iter().all(|entry| !entry.file_name().to_string_lossy().starts_with(".lateship-")),
        "{left:?}"
    );
}

#[test]
fn a_retry_sends_the_shipments_that_are_left_and_keeps_all_other_lines() {
    let refusing = TestServer::answering(|request| match request.field("order_no").as_str() {
        "2" => Answer::json(409, ""),
        _ => Answer::accepted(),
    });
    let workdir = workdir(ORDERS);
    run(&workdir, &refusing, &["import", "orders.csv"]).assert_code(1);
    let before = workdir.read("orders.results.csv");
    assert_eq!(
        lines(&workdir),
        [
            "1 1 sent",
            "2 2 rejected",
            "3 2 rejected",
            "4 1 skipped",
            "5 1 sent",
            "6 3 sent",
            "7 2 rejected"
        ]
    );
    let failed = workdir.read("orders.failed.csv");
    assert_eq!(failed.lines().count(), 4, "{failed}");

    let server = TestServer::answering(|_| Answer::accepted());
    let url = server.url();
    run(&workdir, &server, &["retry", "orders.results.csv", "--endpoint", &url]).assert_code(0);
    let sent: Vec<String> =
        server.requests().iter().map(|request| request.field("product")).collect();
    assert_eq!(sent, ["tray+lid+cloth"]);
    assert_eq!(
        lines(&workdir),
        ["1 1 sent", "2 2 sent", "3 2 sent", "4 1 skipped", "5 1 sent", "6 3 sent", "7 2 sent"]
    );
    let after = workdir.read("orders.results.csv");
    let kept = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.contains(",2,T2,")).map(str::to_owned).collect()
    };
    assert_eq!(kept(&before), kept(&after), "the other lines are the same to the byte");

    workdir.write("orders.csv", ORDERS.replace("cup", "jug"));
    let refused = run(&workdir, &server, &["retry", "orders.results.csv", "--endpoint", &url]);
    refused.assert_code(2);
    assert!(refused.stderr.contains("row 5"), "{}", refused.stderr);
}

#[test]
fn ten_thousand_rows_in_a_bad_order_make_their_shipments() {
    let server = TestServer::answering(|_| Answer::accepted());
    let mut orders = "Order,Tracking,Item\n".to_owned();
    for row in 0..10_000 {
        let order = row % 2_000;
        let _ = writeln!(orders, "{order},T{order},i{}", row / 2_000);
    }
    let workdir = workdir(&orders);
    run(&workdir, &server, &["import", "orders.csv", "--limit", "5"]).assert_code(0);
    let rows = workdir.results("orders.results.csv");
    assert_eq!(rows.len(), 5, "a limit takes whole shipments");
    let checked = workdir.lateship(&["check", "orders.csv", "-m", "map.toml"]);
    checked.assert_code(0);
    assert!(checked.stdout.contains("10,000 rows: 2,000 shipments"), "{}", checked.stdout);
    run(&workdir, &server, &["import", "orders.csv", "--concurrency", "32"]).assert_code(0);
    let rows = workdir.results("orders.results.csv");
    assert!(
        rows.iter()
            .zip(1..)
            .all(|(row, number)| row["row"] == number.to_string() && row["status"] == "sent")
    );
    assert_eq!(server.requests().len(), 2_001);
}
