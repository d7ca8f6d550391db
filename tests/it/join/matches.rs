//! Which rows belong together, and what an order makes of those that do: pairs of columns, keys as
//! people write them, cells with several numbers, groups, and orders with none or far too many.

use std::fmt::Write;

use super::{MAPPING, arrived, import, lines, workdir};
use crate::support::Answer;
use crate::support::server::TestServer;

fn accepting() -> TestServer {
    TestServer::answering(|_| Answer::accepted())
}

#[test]
fn with_several_columns_in_on_all_of_them_must_match() {
    let mapping = MAPPING.replace(r#""Name" = "Order""#, r#""Name" = "Order", "Part" = "Package""#);
    let (workdir, server) = (workdir(&mapping), accepting());
    workdir.write("orders.csv", "Part,Name\n1,#1001\n2,#1001\n1,#1002\n,#1003\n");
    workdir.write(
        "shipments.csv",
        "Package,Order,Tracking\n2,1001,T1-2\n1,1001,T1-1\n3,1001,T1-3\n2,1002,T2-2\n1001,1,T0\n",
    );
    let run = import(&workdir, &server, &[]);
    run.assert_code(0);
    assert_eq!(arrived(&server), ["T1-1", "T1-2"]);
    assert_eq!(
        lines(&workdir, "orders.results.csv"),
        ["1 1 T1-1 sent", "2 1 T1-2 sent", "3   skipped", "4   skipped"]
    );
    assert_eq!(
        workdir.results("orders.results.csv")[2]["message"],
        "no row of shipments.csv has its Name and Part"
    );
    assert!(
        run.stderr.contains(
            "3 rows of shipments.csv matched no order, the first: row 3 (Order 1001, Package 3)"
        ),
        "{}",
        run.stderr
    );
}

#[test]
fn keys_are_compared_without_case_spaces_and_a_leading_number_sign() {
    let (workdir, server) = (workdir(MAPPING), accepting());
    workdir.write("orders.csv", "Name\n # 1001 \nex-7a\nÄ 12\n10#02\n01003\n1004.0\n");
    workdir.write(
        "shipments.csv",
        "Order,Tracking\n1001,T1\n\"#EX-7 A\",T2\n#ä12,T3\n1002,T4\n1003,T5\n1004,T6\n",
    );
    let run = import(&workdir, &server, &[]);
    run.assert_code(0);
    assert_eq!(
        arrived(&server),
        ["T1", "T2", "T3"],
        "a # within, zeros in front and .0 are part of a key"
    );
    assert!(run.stderr.contains("3 rows of shipments.csv matched no order"), "{}", run.stderr);
}

#[test]
fn a_joined_cell_with_several_numbers_makes_a_shipment_of_each_and_a_retry_knows_which_was_refused()
{
    let mapping = MAPPING.replace(
        "[fields]",
        "[rows]\nsplit = { column = \"shipment.Tracking\", at = '; *' }\n[fields]",
    );
    let workdir = workdir(&mapping);
    workdir.write("orders.csv", "Name\n#1001\n#1002\n");
    workdir.write("shipments.csv", "Order,Tracking\n1001,T1; T2\n1002,T4\n1001,T3\n");
    let refusing =
        TestServer::answering(|request| match request.field("trackingnumber").as_str() {
            "T2" => Answer::json(409, r#"{"message":"not today"}"#),
            _ => Answer::accepted(),
        });
    import(&workdir, &refusing, &[]).assert_code(1);
    assert_eq!(arrived(&refusing), ["T1", "T2", "T3", "T4"]);
    assert_eq!(
        lines(&workdir, "orders.results.csv"),
        ["1 1 T1 sent", "1 2 T2 rejected", "1 3 T3 sent", "2 1 T4 sent"]
    );

    let server = accepting();
    let retry = ["retry", "orders.results.csv", "--rate", "unlimited", "--endpoint", &server.url()];
    workdir.launch(&retry).credentials("ops@example.com", "key-1").run().assert_code(0);
    assert_eq!(arrived(&server), ["T2"]);
}

#[test]
fn rows_of_an_order_that_stand_apart_are_joined_once_and_each_has_a_line_for_each_shipment() {
    let mapping = MAPPING.replace(
        "[fields]",
        "[rows]\ngroup_by = \"Name\"\ngroup = \"anywhere\"\n[fields]\nproduct = { column = \"Item\", combine = \"join\" }",
    );
    let (workdir, server) = (workdir(&mapping), accepting());
    workdir
        .write("orders.csv", "Name,Item\n#1001,Mug\n#1002,Pot\n#1001,Cup\n#1003,Lid\n#1002,Pan\n");
    workdir.write("shipments.csv", "Order,Tracking\n1001,T1\n1002,T2\n1001,T3\n");
    import(&workdir, &server, &["--concurrency", "1"]).assert_code(0);
    let sent: Vec<String> = server
        .requests()
        .iter()
        .map(|request| {
            ["order_no", "trackingnumber", "product"].map(|field| request.field(field)).join(" ")
        })
        .collect();
    assert_eq!(sent, ["#1001 T1 Mug, Cup", "#1001 T3 Mug, Cup", "#1002 T2 Pot, Pan"]);
    assert_eq!(
        lines(&workdir, "orders.results.csv"),
        [
            "1 1 T1 sent",
            "1 2 T3 sent",
            "2 1 T2 sent",
            "3 1 T1 sent",
            "3 2 T3 sent",
            "4   skipped",
            "5 1 T2 sent"
        ]
    );
}

#[test]
fn an_order_with_more_than_a_thousand_rows_is_refused_by_name_and_the_others_are_sent() {
    let (workdir, server) = (workdir(MAPPING), accepting());
    workdir.write("orders.csv", "Name\n#1001\n#1002\n#1001\n");
    let mut shipments = "Order,Tracking\n1002,T\n".to_owned();
    for number in 0..=1_000 {
        let _ = writeln!(shipments, "1001,T{number}");
    }
    workdir.write("shipments.csv", &shipments);
    let run = import(&workdir, &server, &[]);
    run.assert_code(1);
    assert_eq!(arrived(&server), ["T"]);
    assert_eq!(lines(&workdir, "orders.results.csv"), ["1   invalid", "2 1 T sent", "3   invalid"]);
    for row in [0, 2] {
        let line = &workdir.results("orders.results.csv")[row];
        assert_eq!(line["order_no"], "#1001");
        for part in [
            "\"#1001\"",
            "more than 1,000 rows of shipments.csv belong to it",
            "does [join] on name the right columns?",
        ] {
            assert!(line["message"].contains(part), "{part}: {}", line["message"]);
        }
    }
    assert!(
        !run.stderr.contains("matched no order"),
        "its rows are not said to belong to none: {}",
        run.stderr
    );

    // One less is served.
    workdir.write("shipments.csv", shipments.trim_end().rsplit_once('\n').expect("lines").0);
    let run = workdir.lateship(&["check", "orders.csv", "-m", "map.toml"]);
    run.assert_code(0);
    assert!(run.stdout.contains("2,001 shipments, 0 invalid"), "{}", run.stdout);
}

#[test]
fn where_every_order_must_have_a_row_one_without_is_invalid_and_both_sides_are_named() {
    let mapping = MAPPING.replace("[fields]", "missing = \"invalid\"\n[fields]");
    let (workdir, server) = (workdir(&mapping), accepting());
    let run = import(&workdir, &server, &[]);
    run.assert_code(1);
    assert_eq!(arrived(&server), ["T1", "T2", "T3"]);
    assert_eq!(
        lines(&workdir, "orders.results.csv"),
        ["1 1 T1 sent", "2 1 T2 sent", "2 2 T3 sent", "3   invalid"]
    );
    let line = &workdir.results("orders.results.csv")[3];
    assert_eq!(line["order_no"], "#1003");
    assert!(
        line["message"].contains("\"#1003\" [join]: no row of shipments.csv has its Name"),
        "{line:?}"
    );
    assert!(
        run.stderr
            .contains("1 row of shipments.csv matched no order, the first: row 1 (Order 1042)"),
        "{}",
        run.stderr
    );
    assert!(workdir.read("orders.failed.csv").contains("#1003"));
}

#[test]
fn a_large_input_of_which_nothing_matches_is_read_to_its_end_before_anything_is_sent() {
    let (workdir, server) = (workdir(MAPPING), accepting());
    let mut orders = "Name\n".to_owned();
    for number in 2_000..5_000 {
        let _ = writeln!(orders, "{number}");
    }
    workdir.write("orders.csv", &orders);
    import(&workdir, &server, &[]).assert_code(2);
    assert!(server.requests().is_empty());
    assert!(!workdir.path("orders.results.csv").exists());

    // One match, in its last row, is enough.
    workdir.write("orders.csv", orders + "1042\n");
    import(&workdir, &server, &[]).assert_code(0);
    assert_eq!(arrived(&server), ["T42"]);
}

#[test]
fn a_row_without_a_tracking_number_counts_as_none_beside_one_that_has_it_and_alone() {
    for (missing, status, code) in [("skip", "skipped", 0), ("invalid", "invalid", 1)] {
        let mapping = MAPPING.replace("[fields]", &format!("missing = \"{missing}\"\n[fields]"));
        let (workdir, server) = (workdir(&mapping), accepting());
        workdir.write("shipments.csv", "Order,Tracking\n1001,T1\n1001,\n1002,T2\n1003,\n");
        import(&workdir, &server, &[]).assert_code(code);
        assert_eq!(arrived(&server), ["T1", "T2"]);
        let results = workdir.results("orders.results.csv");
        assert_eq!((results.len(), results[2]["status"].as_str()), (3, status));
        assert!(
            results[2]["message"].contains("has a tracking number for it yet"),
            "{:?}",
            results[2]
        );
    }
}
