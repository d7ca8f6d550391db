//! Orders in one export, their shipments in another.

mod forms;
mod matches;

use crate::support::Answer;
use crate::support::Workdir;
use crate::support::server::TestServer;
use crate::support::workdir::Run;

const MAPPING: &str = r#"
[join]
file = "shipments.csv"
on = { "Name" = "Order" }
as = "shipment"

[fields]
order_no = "Name"
trackingnumber = "shipment.Tracking"
carrier_type = { value = "UPS" }
"#;

fn workdir(mapping: &str) -> Workdir {
    let workdir = Workdir::new();
    workdir.write("map.toml", mapping);
    workdir.write("orders.csv", "Name,Item\n#1001,Mug\n#1002,Cup\n#1003,Pot\n");
    workdir
        .write("shipments.csv", "Order,Tracking\n1042,T42\n1001,T1\n1002,T2\n1002,T3\n1002,T3\n");
    workdir
}

/// Imports `orders.csv` to `server`.
fn import(workdir: &Workdir, server: &TestServer, flags: &[&str]) -> Run {
    let url = server.url();
    let mut arguments =
        vec!["import", "orders.csv", "-m", "map.toml", "--rate", "unlimited", "--endpoint", &url];
    arguments.extend(flags);
    workdir.launch(&arguments).credentials("ops@example.com", "key-1").run()
}

/// The tracking numbers that arrived, sorted.
fn arrived(server: &TestServer) -> Vec<String> {
    let mut arrived: Vec<String> =
        server.requests().iter().map(|request| request.field("trackingnumber")).collect();
    arrived.sort();
    arrived
}

/// Row, shipment, tracking number and status of each line of the results.
fn lines(workdir: &Workdir, name: &str) -> Vec<String> {
    let columns = ["row", "shipment", "trackingnumber", "status"];
    workdir
        .results(name)
        .iter()
        .map(|line| columns.map(|column| line[column].as_str()).join(" "))
        .collect()
}

#[test]
fn each_joined_row_is_a_shipment_and_what_matches_nothing_is_named_on_both_sides() {
    let (workdir, server) = (workdir(MAPPING), TestServer::answering(|_| Answer::accepted()));
    let run = import(&workdir, &server, &[]);
    run.assert_code(0);
    assert_eq!(arrived(&server), ["T1", "T2", "T3"]);
    assert!(
        run.stderr
            .contains("1 row of shipments.csv matched no order, the first: row 1 (Order 1042)"),
        "{}",
        run.stderr
    );
    let results = workdir.results("orders.results.csv");
    let shipments: Vec<&str> = results.iter().map(|line| line["trackingnumber"].as_str()).collect();
    assert_eq!(shipments, ["T1", "T2", "T3", ""]);
    assert_eq!(results[3]["message"], "no row of shipments.csv has its Name");
    assert!(workdir.read("orders.results.json").contains("\"name\": \"shipments.csv\""));
}

#[test]
fn where_nothing_matches_nothing_is_sent() {
    let (workdir, server) = (workdir(MAPPING), TestServer::answering(|_| Answer::accepted()));
    workdir.write("shipments.csv", "Order,Tracking\nA-1,T1\n");
    for run in [
        import(&workdir, &server, &[]),
        workdir.lateship(&["check", "orders.csv", "-m", "map.toml"]),
    ] {
        run.assert_code(2);
        for part in [
            "no row of shipments.csv belongs to any row",
            "looks for \"#1001\"",
            "Order begins with \"A-1\"",
        ] {
            assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
        }
    }
    assert!(server.requests().is_empty());
}

#[test]
fn a_retry_joins_the_same_export_again_whichever_was_given() {
    let mapping = MAPPING.replace("file = \"shipments.csv\"\n", "missing = \"invalid\"\n");
    let (workdir, server) = (workdir(&mapping), TestServer::answering(|_| Answer::accepted()));
    let run = import(&workdir, &server, &[]);
    run.assert_code(2);
    assert!(run.stderr.contains("--join"), "{}", run.stderr);
    workdir.write("other.csv", "Order;Tracking\n1001;T1\n1002;T2\n");
    import(&workdir, &server, &["--join", "other.csv"]).assert_code(1);
    workdir.write("other.csv", "Order;Tracking\n1001;T1\n1002;T2\n1003;T9\n");
    let retry = ["retry", "orders.results.csv", "--rate", "unlimited"];
    workdir.launch(&retry).credentials("ops@example.com", "key-1").run().assert_code(0);
    assert_eq!(arrived(&server), ["T1", "T2", "T9"]);
}

#[test]
fn a_group_is_joined_once_and_a_joined_column_is_refused_before_the_join() {
    let grouped = MAPPING.replace(
        "[fields]",
        "[rows]\ngroup_by = \"Name\"\n[fields]\nproduct = { column = \"Item\", combine = \"join\" }",
    );
    let (workdir, server) = (workdir(&grouped), TestServer::answering(|_| Answer::accepted()));
    workdir.write("orders.csv", "Name,Item\n#1001,Mug\n#1001,Cup\n");
    import(&workdir, &server, &[]).assert_code(0);
    assert_eq!(
        server.requests().iter().map(|request| request.field("product")).collect::<Vec<_>>(),
        ["Mug, Cup"]
    );

    workdir.write(
        "map.toml",
        grouped.replace("group_by = \"Name\"", "group_by = \"shipment.Tracking\""),
    );
    let run = workdir.lateship(&["check", "orders.csv", "-m", "map.toml"]);
    run.assert_code(2);
    assert!(
        run.stderr.contains("is a joined column, and rows are joined only later"),
        "{}",
        run.stderr
    );
}

#[test]
fn what_was_sent_before_is_adopted_from_orders_with_their_shipments() {
    let (workdir, server) = (workdir(MAPPING), TestServer::answering(|_| Answer::accepted()));
    workdir.write("other.csv", "Order;Tracking\n1001;T1\n1002;T2\n1003;T3\n");
    let url = server.url();
    let adopt = [
        "ledger",
        "--ledger",
        "l.db",
        "adopt",
        "orders.csv",
        "-m",
        "map.toml",
        "--join",
        "other.csv",
    ];
    let run = workdir
        .launch(&[&adopt[..], &["--endpoint", &url]].concat())
        .credentials("ops@example.com", "key-1")
        .run();
    run.assert_code(0);
    assert_eq!(run.stdout, "remembered as accepted: 3 shipments\n");
    import(&workdir, &server, &["--ledger", "l.db", "--join", "other.csv"]).assert_code(0);
    assert!(arrived(&server).is_empty());
}

#[test]
fn the_header_of_a_joined_export_is_found_among_other_lines_by_its_columns() {
    let (workdir, server) = (workdir(MAPPING), TestServer::answering(|_| Answer::accepted()));
    let preamble =
        "Shop;Example Ltd;;\nOrder;Note;Tracking;Depot\nBestellung;Notiz;Sendung;Lager\n";
    workdir.write(
        "shipments.csv",
        format!("{preamble}1001;;T1;North\n1002;;T2;South\n1003;;T3;North\n"),
    );
    import(&workdir, &server, &[]).assert_code(0);
    assert_eq!(arrived(&server), ["T1", "T2", "T3"]);
}
