//! A retry as its user sees it: what is left is sent, what was accepted keeps its line, and nothing
//! else happens.

mod rounds;

use std::fmt::Write;

use crate::support::server::TestServer;
use crate::support::workdir::{Launch, Run};
use crate::support::{Answer, End, Workdir};

const MAPPING: &str = r#"
[fields]
order_no = "Order"
trackingnumber = "Tracking"
carrier_type = { value = "UPS" }
order_date = { column = "Date", date = "%d.%m.%Y" }
"#;

fn orders(rows: usize) -> String {
    let mut orders = "Order,Tracking,Date\n".to_owned();
    for row in 1..=rows {
        let _ = writeln!(orders, "{row},T{row},24.11.2026");
    }
    orders
}

fn workdir(orders: &str) -> Workdir {
    let workdir = Workdir::new();
    workdir.write("orders.csv", orders);
    workdir.write("map.toml", MAPPING);
    workdir
}

fn launch(workdir: &Workdir, arguments: &[&str]) -> Launch {
    workdir.launch(arguments).credentials("ops@example.com", "key-1")
}

fn import(workdir: &Workdir, server: &TestServer, flags: &[&str]) -> Run {
    let url = server.url();
    let mut arguments =
        vec!["import", "orders.csv", "-m", "map.toml", "--rate", "unlimited", "--endpoint", &url];
    arguments.extend(flags);
    launch(workdir, &arguments).run()
}

fn retry(workdir: &Workdir, flags: &[&str]) -> Run {
    let mut arguments = vec!["retry", "orders.results.csv", "--rate", "unlimited"];
    arguments.extend(flags);
    launch(workdir, &arguments).run()
}

/// A server that refuses these orders, every time.
fn refusing(orders: &'static [&'static str]) -> TestServer {
    TestServer::answering(move |request| {
        if orders.contains(&request.field("order_no").as_str()) {
            Answer::json(409, r#"{"message":"no, \"thanks\""}"#)
        } else {
            Answer::accepted()
        }
    })
}

/// The orders that arrived, in order of their coming, from the request `from` (from 0) on.
fn arrived(server: &TestServer, from: usize) -> Vec<String> {
    server.requests()[from..].iter().map(|request| request.field("order_no")).collect()
}

fn sorted(mut orders: Vec<String>) -> Vec<String> {
    orders.sort();
    orders
}

fn statuses(workdir: &Workdir, name: &str) -> Vec<String> {
    workdir
        .results(name)
        .into_iter()
        .map(|mut row| row.remove("status").expect("a status"))
        .collect()
}

fn replace(workdir: &Workdir, name: &str, from: &str, to: &str) {
    let text = workdir.read(name);
    assert!(text.contains(from), "{name} has no {from:?}: {text}");
    workdir.write(name, text.replace(from, to));
}

/// Fails unless the retry was refused in these words and left all files as they were.
#[track_caller]
fn assert_refused(workdir: &Workdir, run: &Run, before: &(Vec<String>, String), says: &[&str]) {
    run.assert_code(2);
    for part in says {
        assert!(run.stderr.contains(part), "without {part:?}: {}", run.stderr);
    }
    assert_eq!(workdir.names(), before.0);
    assert_eq!(workdir.read("orders.results.csv"), before.1);
}

fn state(workdir: &Workdir) -> (Vec<String>, String) {
    (workdir.names(), workdir.read("orders.results.csv"))
}

#[test]
fn only_what_is_left_is_sent_and_all_other_lines_stay_as_they_are() {
    let workdir =
        workdir(&orders(6).replace("3,T3,24.11.2026", "3,,").replace("5,T5,24.11.2026", ",,"));
    let first = refusing(&["2", "6"]);
    let run = import(&workdir, &first, &[]);
    run.assert_code(1);
    assert!(
        run.stderr.contains("  lateship retry orders.results.csv --rate unlimited\n"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("  lateship import orders.failed.csv -m map.toml "),
        "{}",
        run.stderr
    );
    let before = workdir.read("orders.results.csv");
    assert_eq!(arrived(&first, 0).len(), 4);

    let second = refusing(&["6"]);
    let run = retry(&workdir, &["--endpoint", &second.url()]);
    run.assert_code(1);
    assert_eq!(sorted(arrived(&second, 0)), ["2", "6"]);
    assert!(run.stderr.contains("2 shipments, 1 invalid, 3 carried over"), "{}", run.stderr);
    assert!(
        run.stderr.contains("  lateship retry orders.results.csv --rate unlimited\n"),
        "{}",
        run.stderr
    );
    let after = workdir.read("orders.results.csv");
    for (index, (old, new)) in before.lines().zip(after.lines()).enumerate() {
        assert!(old == new || [2, 6].contains(&index), "line {index}: {old} → {new}");
    }
    assert_eq!(
        statuses(&workdir, "orders.results.csv"),
        ["sent", "sent", "invalid", "sent", "skipped", "rejected"]
    );
    let failed = workdir.read("orders.failed.csv");
    assert!(
        failed.contains("\n3,,,") && failed.contains("\n6,T6,") && failed.lines().count() == 3,
        "{failed}"
    );
}

#[test]
fn after_a_stop_the_rest_is_sent_and_what_was_refused_before_keeps_its_reason_until_its_turn() {
    let workdir = workdir(&orders(5));
    let server = TestServer::answering(|request| match request.header("x-auth-key") {
        Some("key-1") if request.field("order_no") == "2" => {
            Answer::json(409, r#"{"message":"no"}"#)
        }
        Some("key-1") if request.field("order_no").as_str() > "3" => Answer::json(
            401,
            r#"{"message":"Authorization Header Error. Check your email and API key"}"#,
        ),
        Some("key-1" | "key-2") => Answer::accepted(),
        _ => Answer::json(
            401,
            r#"{"message":"Authorization Header Error. Check your email and API key"}"#,
        ),
    });
    import(&workdir, &server, &["--concurrency", "1"]).assert_code(3);
    assert_eq!(
        statuses(&workdir, "orders.results.csv"),
        ["sent", "rejected", "sent", "not_attempted", "not_attempted"]
    );
    let rejected = workdir.read("orders.results.csv").lines().nth(2).map(str::to_owned);

    let wrong = workdir.launch(&["retry", "orders.results.csv", "--only", "not_attempted"]);
    wrong.credentials("ops@example.com", "wrong").run().assert_code(3);
    assert_eq!(
        statuses(&workdir, "orders.results.csv"),
        ["sent", "rejected", "sent", "not_attempted", "not_attempted"]
    );
    let wrong = workdir.launch(&["retry", "orders.results.csv", "--concurrency", "1"]);
    wrong.credentials("ops@example.com", "wrong").run().assert_code(3);
    let lines = workdir.read("orders.results.csv");
    assert_ne!(
        lines.lines().nth(2).map(str::to_owned),
        rejected,
        "its own answer stopped that run"
    );

    let sent = server.requests().len();
    workdir
        .launch(&["retry", "orders.results.csv"])
        .credentials("ops@example.com", "key-2")
        .run()
        .assert_code(0);
    assert_eq!(sorted(arrived(&server, sent)), ["2", "4", "5"]);
    assert_eq!(statuses(&workdir, "orders.results.csv"), ["sent"; 5]);
    assert!(!workdir.names().contains(&"orders.failed.csv".to_owned()));
}

#[test]
fn a_refused_row_whose_turn_does_not_come_keeps_its_line() {
    let workdir = workdir(&orders(3));
    import(&workdir, &refusing(&["1", "3"]), &[]).assert_code(1);
    let before = workdir.read("orders.results.csv");
    let denying = TestServer::with_last(
        [],
        Answer::json(401, r#"{"message":"Authorization Header Error."}"#),
    );
    retry(&workdir, &["--endpoint", &denying.url()]).assert_code(3);
    assert_eq!(arrived(&denying, 0), ["1"]);
    let after = workdir.read("orders.results.csv");
    assert_eq!(after.lines().nth(3), before.lines().nth(3));
    assert_eq!(statuses(&workdir, "orders.results.csv"), ["not_attempted", "sent", "rejected"]);
}

#[test]
fn a_mended_mapping_makes_invalid_rows_shipments() {
    let workdir = workdir(&orders(3).replace("2,T2,24.11.2026", "2,T2,2026-11-25"));
    let server = TestServer::new([]);
    import(&workdir, &server, &[]).assert_code(1);
    workdir.write(
        "map.toml",
        MAPPING.replace(r#"date = "%d.%m.%Y""#, r#"date = ["%d.%m.%Y", "%Y-%m-%d"]"#),
    );
    retry(&workdir, &[]).assert_code(0);
    assert_eq!(sorted(arrived(&server, 0)), ["1", "2", "3"]);
    assert_eq!(server.requests()[2].field("order_date"), "2026-11-25 00:00:00");
    assert_eq!(statuses(&workdir, "orders.results.csv"), ["sent"; 3]);
}

#[test]
fn what_was_accepted_is_sent_again_only_as_another_payload_and_with_a_warning() {
    let workdir = workdir(&orders(3).replace("3,T3", "3,"));
    let server = TestServer::new([]);
    import(&workdir, &server, &["--set", "product=Mug"]).assert_code(1);
    retry(&workdir, &["--set", "product=Cup", "--only", "invalid"]).assert_code(1);
    assert_eq!(server.requests().len(), 2, "the accepted rows are left alone");
    let run = retry(&workdir, &["--set", "product=Mug"]);
    assert!(
        run.assert_code(1).stderr.contains("3 rows, 0 shipments, 1 invalid, 2 carried over"),
        "{}",
        run.stderr
    );
    let run = retry(&workdir, &["--set", "product=Cup"]);
    assert!(
        run.assert_code(1).stderr.contains("2 shipments, accepted earlier with another payload"),
        "{}",
        run.stderr
    );
    let products: Vec<_> =
        server.requests().iter().map(|request| request.field("product")).collect();
    assert_eq!(products, ["Mug", "Mug", "Cup", "Cup"]);
    retry(&workdir, &[]).assert_code(1);
    assert_eq!(server.requests().len(), 4, "and the constant is known from then on");
}

#[test]
fn rows_are_mended_where_they_stand() {
    let workdir = workdir(&orders(4).replace("2,T2", "2,").replace("4,T4,24", "4,T4,99"));
    let server = TestServer::new([]);
    import(&workdir, &server, &[]).assert_code(1);
    replace(&workdir, "orders.csv", "\n2,,", "\n2,T2,");
    retry(&workdir, &[]).assert_code(1);
    replace(&workdir, "orders.csv", "4,T4,99", "4,T4,24");
    retry(&workdir, &[]).assert_code(0);
    assert_eq!(arrived(&server, 2), ["2", "4"]);
    assert_eq!(statuses(&workdir, "orders.results.csv"), ["sent"; 4]);
}

#[test]
fn a_changed_row_that_was_accepted_stops_everything_before_it_starts() {
    let workdir = workdir(&orders(4).replace("3,T3", "3,"));
    let server = TestServer::new([]);
    import(&workdir, &server, &[]).assert_code(1);
    let before = state(&workdir);
    replace(&workdir, "orders.csv", "3,,", "3,T3,");
    replace(&workdir, "orders.csv", "4,T4,24", "4,T4,25");
    let run = retry(&workdir, &[]);
    assert_refused(
        &workdir,
        &run,
        &before,
        &["row 4 of orders.csv (line 5) was accepted", "put the row back"],
    );
    replace(&workdir, "orders.csv", "4,T4,25", "4,T4,24");
    retry(&workdir, &[]).assert_code(0);
    assert_eq!(arrived(&server, 0).len(), 4);
}

#[test]
fn inputs_and_results_that_are_not_of_each_other_are_refused() {
    let workdir = workdir(&orders(4).replace("4,T4", "4,"));
    let server = TestServer::new([]);
    import(&workdir, &server, &[]).assert_code(1);
    let before = state(&workdir);
    let refused = |says: &[&str]| assert_refused(&workdir, &retry(&workdir, &[]), &before, says);

    workdir.write("orders.csv", orders(3));
    refused(&["has a line for row 4 of orders.csv where the input ends"]);
    workdir.write("orders.csv", orders(4).replace("\n2,T2,24.11.2026", ""));
    refused(&["row 2 of orders.csv (line 3) was accepted"]);
    workdir.write("orders.csv", orders(4));

    let lines: Vec<&str> = before.1.lines().collect();
    let edited = |lines: &[&str], says: &[&str]| {
        workdir.write("orders.results.csv", lines.join("\n") + "\n");
        let before = state(&workdir);
        assert_refused(&workdir, &retry(&workdir, &[]), &before, says);
    };
    edited(
        &[lines[0], lines[1], lines[3], lines[4]],
        &["a line for row 3 of orders.csv where that of row 2"],
    );
    edited(
        &[lines[0], lines[4], lines[2], lines[3], lines[1]],
        &["a line for row 4 of orders.csv where that of row 1"],
    );
    edited(
        &[lines[0], &lines[1].replace("orders.csv", "other.csv")],
        &["\"other.csv\"", "--summary"],
    );
    edited(&[lines[0], &lines[1].replace("sent", "gone")], &["line 2", "\"gone\" is no status"]);
    edited(&["Order,Tracking", "1,T1"], &["no results of an import"]);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn rows_without_a_line_are_sent_unless_others_are_asked_for() {
    let workdir = workdir(&orders(5).replace("2,T2", "2,"));
    let server = TestServer::new([]);
    let run = import(&workdir, &server, &["--limit", "2"]);
    run.assert_code(1);
    assert!(
        !run.stderr.contains("lateship retry"),
        "it would send more than the limit: {}",
        run.stderr
    );
    replace(&workdir, "orders.csv", "2,,", "2,T2,");
    retry(&workdir, &["--only", "invalid"]).assert_code(0);
    assert_eq!(arrived(&server, 0), ["1", "2"]);
    assert_eq!(statuses(&workdir, "orders.results.csv").len(), 2);
    retry(&workdir, &[]).assert_code(0);
    assert_eq!(sorted(arrived(&server, 0)), ["1", "2", "3", "4", "5"]);
    assert_eq!(statuses(&workdir, "orders.results.csv"), ["sent"; 5]);
}

#[test]
fn only_some_statuses_can_be_asked_for() {
    let workdir = workdir(&orders(4).replace("4,T4", "4,"));
    import(&workdir, &refusing(&["1", "3"]), &[]).assert_code(1);
    replace(&workdir, "orders.csv", "4,,", "4,T4,");
    let before = workdir.read("orders.results.csv");
    let server = TestServer::new([]);
    let endpoint = server.url();
    retry(&workdir, &["--only", "failed,in_doubt", "--endpoint", &endpoint]).assert_code(1);
    assert_eq!(workdir.read("orders.results.csv"), before);
    assert!(
        workdir.read("orders.failed.csv").contains("4,T4,24.11.2026,\"invalid: "),
        "mended, but not sent"
    );
    retry(&workdir, &["--only", "failed,invalid"]).assert_code(1);
    assert_eq!(arrived(&server, 0), ["4"]);
    retry(&workdir, &["--only", "rejected"]).assert_code(0);
    assert_eq!(sorted(arrived(&server, 0)), ["1", "3", "4"]);
    let run = retry(&workdir, &["--only", "sent"]);
    assert!(run.assert_code(2).stderr.contains("not_attempted"), "{}", run.stderr);
}

#[test]
fn a_lost_answer_stays_in_doubt_until_it_is_accepted_or_is_held() {
    let workdir = workdir(&orders(2));
    let odd = TestServer::answering(|request| match request.field("order_no").as_str() {
        "1" => Answer::accepted(),
        _ => Answer::html(200, "<p>welcome</p>"),
    });
    import(&workdir, &odd, &[]).assert_code(1);
    assert_eq!(statuses(&workdir, "orders.results.csv"), ["sent", "in_doubt"]);
    let before = workdir.read("orders.results.csv");
    let run = retry(&workdir, &["--in-doubt", "hold"]);
    run.assert_code(1);
    assert_eq!(workdir.read("orders.results.csv"), before);
    assert!(
        !workdir.names().contains(&"orders.failed.csv".to_owned()),
        "what is held is not to be sent"
    );
    retry(&workdir, &[]).assert_code(1);
    assert_eq!(odd.requests().len(), 2, "the summary remembers it");

    let broken = refusing(&["2"]);
    retry(&workdir, &["--in-doubt", "resend", "--endpoint", &broken.url()]).assert_code(1);
    let row = &workdir.results("orders.results.csv")[1];
    assert_eq!(
        row["status"], "in_doubt",
        "a refusal does not tell that the first was not accepted: {row:?}"
    );
    retry(&workdir, &["--endpoint", &TestServer::new([]).url(), "--only", "failed"]).assert_code(1);
    let server = TestServer::new([]);
    retry(&workdir, &["--endpoint", &server.url()]).assert_code(0);
    assert!(workdir.results("orders.results.csv")[1]["message"].contains("arrived twice"));
}

#[test]
fn what_is_held_in_doubt_is_not_sent_by_way_of_its_repetition() {
    let once = orders(1);
    let row = once.lines().last().expect("a row");
    let workdir = workdir(&format!("{once}{row}\n"));
    let odd = TestServer::answering(|_| Answer::html(200, "<p>welcome</p>"));
    import(&workdir, &odd, &[]).assert_code(1);
    assert_eq!(statuses(&workdir, "orders.results.csv"), ["in_doubt", "skipped"]);
    let before = workdir.read("orders.results.csv");
    let server = TestServer::new([]);
    let endpoint = server.url();
    retry(&workdir, &["--in-doubt", "hold", "--endpoint", &endpoint]).assert_code(1);
    assert_eq!(arrived(&server, 0), [""; 0]);
    assert_eq!(workdir.read("orders.results.csv"), before);
    retry(&workdir, &["--in-doubt", "resend", "--endpoint", &endpoint]).assert_code(0);
    assert_eq!(arrived(&server, 0), ["1"]);
}
