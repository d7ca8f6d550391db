//! What every answer of the webhook means for a row and for the run, over real sockets: the
//! documented ones, and those that any real endpoint gives sooner or later.

use std::fmt::Write;
use std::time::Duration;

use crate::support::server::{Refusing, TestServer, refusing};
use crate::support::tls::self_signed;
use crate::support::workdir::Run;
use crate::support::{Answer, End, Workdir};

const KEY: &str = "SECRETKEY-7f3a";
const MAPPING: &str = r#"
[fields]
order_no = "Order"
trackingnumber = "Tracking"
carrier_type = { value = "UPS" }
"#;

/// A run over so many rows, with what it left.
struct Ran {
    workdir: Workdir,
    run: Run,
}

fn workdir(rows: usize) -> Workdir {
    let workdir = Workdir::new();
    let mut orders = "Order,Tracking\n".to_owned();
    for row in 1..=rows {
        let _ = writeln!(orders, "{row},T{row}");
    }
    workdir.write("orders.csv", orders);
    workdir.write("map.toml", MAPPING);
    workdir
}

fn import(rows: usize, url: &str, flags: &[&str]) -> Ran {
    let workdir = workdir(rows);
    let mut arguments =
        vec!["import", "orders.csv", "-m", "map.toml", "--endpoint", url, "--rate", "unlimited"];
    arguments.extend(flags);
    let run = workdir.launch(&arguments).credentials("ops@example.com", KEY).run();
    for name in workdir.names() {
        assert!(!workdir.read(&name).contains(KEY), "the key stands in {name}");
    }
    assert!(
        !run.stdout.contains(KEY) && !run.stderr.contains(KEY),
        "the key was printed:\n{}",
        run.stderr
    );
    Ran { workdir, run }
}

impl Ran {
    fn code(&self, code: i32) -> &Self {
        self.run.assert_code(code);
        self
    }

    /// Status, HTTP status and attempts of each row, in order.
    fn rows(&self) -> Vec<(String, String, String)> {
        let cell = |row: &std::collections::HashMap<String, String>, name: &str| row[name].clone();
        let rows = self.workdir.results("orders.results.csv");
        rows.iter()
            .map(|row| (cell(row, "status"), cell(row, "http_status"), cell(row, "attempts")))
            .collect()
    }

    fn statuses(&self) -> Vec<String> {
        self.rows().into_iter().map(|(status, ..)| status).collect()
    }

    fn message(&self, row: usize) -> String {
        self.workdir.results("orders.results.csv")[row]["message"].clone()
    }
}

fn triple(status: &str, http: &str, attempts: &str) -> (String, String, String) {
    (status.to_owned(), http.to_owned(), attempts.to_owned())
}

#[test]
fn an_acceptance_is_sent_with_the_headers_and_the_body_of_the_guide() {
    let server = TestServer::new([]);
    let ran = import(2, &server.url(), &[]);
    ran.code(0);
    assert_eq!(ran.rows(), vec![triple("sent", "200", "1"); 2]);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    let first = &requests[0];
    assert_eq!(first.line, "POST /Genericwebhook/webhookapi.php HTTP/1.1");
    assert_eq!(first.header("x-auth-email"), Some("ops@example.com"));
    assert_eq!(first.header("x-auth-key"), Some(KEY));
    assert_eq!(first.header("content-type"), Some("application/json"));
    assert_eq!(
        String::from_utf8_lossy(&first.body),
        r#"{"order_no":"1","trackingnumber":"T1","carrier_type":"UPS"}"#
    );
}

#[test]
fn the_two_documented_409s_reject_their_row_alone() {
    for message in
        ["Order Number, Tracking Number, Carrier Type must not be empty", "Invalid JSON format"]
    {
        let server = TestServer::new([Answer::json(
            409,
            &format!(r#"{{"message":"{message}","status":"Error"}}"#),
        )]);
        let ran = import(3, &server.url(), &[]);
        ran.code(1);
        assert_eq!(
            ran.rows(),
            [
                triple("rejected", "409", "1"),
                triple("sent", "200", "1"),
                triple("sent", "200", "1")
            ]
        );
        assert_eq!(ran.message(0), message);
    }
}

#[test]
fn refused_credentials_and_headers_cost_one_request_and_stop_the_run() {
    for (status, message) in [
        (401, "Authorization Header Error. Check your email and API key"),
        (400, "Only application/json content-type is accepted"),
        (400, "Authorization Email and API Key are required"),
    ] {
        let server = TestServer::with_last(
            [],
            Answer::json(status, &format!(r#"{{"message":"{message}"}}"#)),
        );
        let ran = import(50, &server.url(), &[]);
        ran.code(3);
        assert_eq!(server.requests().len(), 1);
        assert_eq!(ran.statuses(), vec!["not_attempted"; 50]);
        assert!(ran.message(0).contains(message), "{}", ran.message(0));
        assert!(ran.run.stderr.contains(message), "{}", ran.run.stderr);
    }
}

#[test]
fn a_2xx_with_an_error_in_it_is_rejected_with_its_message() {
    for body in [r#"{"status":"Error","message":"unknown shop"}"#, r#"{"error":"unknown shop"}"#] {
        let server = TestServer::new([Answer::json(200, body)]);
        let ran = import(2, &server.url(), &[]);
        ran.code(1);
        assert_eq!(ran.statuses(), ["rejected", "sent"]);
        assert_eq!(ran.message(0), "unknown shop");
    }
}

#[test]
fn a_2xx_that_is_not_the_webhooks_is_in_doubt_and_three_in_a_row_stop_the_run() {
    for odd in [
        Answer::json(200, ""),
        Answer::html(200, "<!DOCTYPE html><title>Maintenance</title>"),
        Answer::json(202, "queued"),
        Answer::json(200, "[]"),
        Answer::endless(),
    ] {
        let server = TestServer::new([Answer::accepted(), odd.clone()]);
        let ran = import(3, &server.url(), &["--concurrency", "1"]);
        ran.code(1);
        assert_eq!(ran.statuses(), ["sent", "in_doubt", "sent"], "{odd:?}");

        let server = TestServer::with_last([], odd);
        let ran = import(9, &server.url(), &[]);
        ran.code(3);
        assert_eq!(server.requests().len(), 3);
        assert_eq!(ran.statuses().iter().filter(|status| *status == "in_doubt").count(), 3);
    }
}

#[test]
fn slow_refused_connection_holds_the_run_and_sends_nothing() {
    let nobody: Refusing = refusing();
    let ran = import(3, &nobody.url(), &["--give-up-after", "2s"]);
    ran.code(3);
    assert!(ran.run.stderr.contains("refuses connections"), "{}", ran.run.stderr);
    assert!(
        ran.statuses().iter().all(|status| status == "failed" || status == "not_attempted"),
        "{:?}",
        ran.rows()
    );
}

#[test]
fn slow_lost_answer_is_tried_again_and_says_so() {
    let whole = Answer::accepted();
    for (lost, what) in [
        (Answer::none(End::Fin), "closed before the answer"),
        (Answer::none(End::Reset), "reset before the answer"),
        (whole.clone().cut(20, End::Reset), "reset within the head"),
        (whole.clone().cut(100, End::Fin), "closed within the body"),
        (whole.clone().cut(100, End::Reset), "reset within the body"),
        (Answer::json(504, ""), "a gateway's time-out"),
        (Answer::json(520, ""), "an unknown error of a content network"),
        (Answer::json(524, ""), "a time-out of a content network"),
        (Answer::raw("nonsense\r\n\r\n").end(End::Fin), "no HTTP"),
    ] {
        let server = TestServer::new([Answer::accepted(), lost]);
        let ran = import(2, &server.url(), &["--concurrency", "1"]);
        ran.code(0);
        assert_eq!(ran.rows(), [triple("sent", "200", "1"), triple("sent", "200", "2")], "{what}");
        assert!(ran.message(1).contains("twice"), "{what}: {}", ran.message(1));
        assert_eq!(server.requests().len(), 3, "{what}");
    }
}

#[test]
fn an_answer_that_never_comes_leaves_the_row_in_doubt() {
    let server = TestServer::answering(|request| match request.field("order_no").as_str() {
        "2" => Answer::none(End::Mute),
        _ => Answer::accepted(),
    });
    let flags = ["--timeout", "300ms", "--connect-timeout", "300ms", "--max-attempts", "2"];
    let ran = import(3, &server.url(), &flags);
    ran.code(1);
    assert_eq!(ran.statuses(), ["sent", "in_doubt", "sent"]);
    assert!(ran.message(1).contains("timed out"), "{}", ran.message(1));
}

#[test]
fn a_body_that_drips_is_cut_at_the_timeout() {
    let server = TestServer::answering(|request| match request.field("order_no").as_str() {
        "2" => Answer::accepted().dripping(Duration::from_millis(100)),
        _ => Answer::accepted(),
    });
    let flags = ["--timeout", "400ms", "--connect-timeout", "400ms", "--max-attempts", "1"];
    let ran = import(2, &server.url(), &flags);
    ran.code(1);
    assert_eq!(ran.statuses(), ["sent", "in_doubt"]);
}

#[test]
fn slow_passing_troubles_are_tried_again() {
    for status in [408, 425, 500, 502, 503, 507] {
        let server =
            TestServer::new([Answer::accepted(), Answer::json(status, r#"{"message":"later"}"#)]);
        let ran = import(2, &server.url(), &["--concurrency", "1"]);
        ran.code(0);
        assert_eq!(ran.rows()[1], triple("sent", "200", "2"), "{status}");
    }
}

#[test]
fn a_row_that_always_gets_500_ends_failed_after_its_attempts() {
    let server = TestServer::answering(|request| match request.field("order_no").as_str() {
        "2" => Answer::json(500, r#"{"message":"boom"}"#),
        _ => Answer::accepted(),
    });
    let ran = import(5, &server.url(), &["--max-attempts", "3"]);
    ran.code(1);
    assert_eq!(ran.rows()[1], triple("failed", "500", "3"));
    assert!(ran.message(1).contains("boom"), "{}", ran.message(1));
}

#[test]
fn slow_throttling_waits_and_is_not_charged() {
    for (status, retry_after) in [(429, "1"), (503, "1"), (429, "Mon, 23 Nov 2026 12:00:01 GMT")] {
        let throttle = Answer::json(status, "")
            .header("Retry-After", retry_after)
            .header("Date", "Mon, 23 Nov 2026 12:00:00 GMT");
        let server = TestServer::new([Answer::accepted(), throttle]);
        let ran = import(2, &server.url(), &["--concurrency", "1", "--max-attempts", "1"]);
        ran.code(0);
        assert_eq!(ran.rows()[1], triple("sent", "200", "2"));
        let requests = server.requests();
        assert!(
            requests[2].at - requests[1].at >= Duration::from_millis(990),
            "{status} {retry_after}"
        );
    }
}

#[test]
fn a_retry_after_beyond_patience_stops_the_run() {
    let server = TestServer::with_last([], Answer::json(429, "").header("Retry-After", "86400"));
    let ran = import(9, &server.url(), &[]);
    ran.code(3);
    assert_eq!(server.requests().len(), 1);
    assert!(ran.run.stderr.contains("--give-up-after"), "{}", ran.run.stderr);
}

#[test]
fn nonsense_in_retry_after_is_ignored() {
    let server =
        TestServer::new([Answer::accepted(), Answer::json(429, "").header("Retry-After", "soon")]);
    let ran = import(2, &server.url(), &["--concurrency", "1"]);
    ran.code(0);
    assert_eq!(ran.statuses(), ["sent", "sent"]);
}

#[test]
fn other_refusals_reject_their_row_alone() {
    for status in [400, 409, 413, 415, 422, 501, 505, 402, 418, 451] {
        let server = TestServer::new([
            Answer::accepted(),
            Answer::json(status, r#"{"message":"not this one"}"#),
        ]);
        let ran = import(3, &server.url(), &["--concurrency", "1"]);
        ran.code(1);
        assert_eq!(ran.rows()[1], triple("rejected", &status.to_string(), "1"), "{status}");
        assert!(ran.message(1).contains("not this one"), "{}", ran.message(1));
    }
}

#[test]
fn a_redirect_is_never_followed_and_its_target_is_shown() {
    let elsewhere = TestServer::new([]);
    for status in [301, 302, 303, 307, 308] {
        let moved = Answer::json(status, "").header("Location", &elsewhere.url());
        let server = TestServer::with_last([], moved);
        let ran = import(9, &server.url(), &[]);
        ran.code(3);
        assert_eq!((server.requests().len(), elsewhere.requests().len()), (1, 0));
        assert!(ran.run.stderr.contains(&elsewhere.url()), "{}", ran.run.stderr);
    }
}

#[test]
fn a_proxys_login_stops_the_run() {
    let server = TestServer::with_last([], Answer::json(407, ""));
    let ran = import(9, &server.url(), &[]);
    ran.code(3);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_login_that_the_proxy_of_an_https_endpoint_wants_stops_the_run() {
    let proxy = TestServer::with_last([], Answer::json(407, ""));
    let workdir = workdir(3);
    let endpoint = "https://shop.example/hook";
    let run = workdir
        .launch(&["import", "orders.csv", "-m", "map.toml", "--endpoint", endpoint])
        .credentials("ops@example.com", KEY)
        .env("HTTPS_PROXY", proxy.url())
        .run();
    run.assert_code(3);
    assert!(run.stderr.contains("the proxy on the way asks for a login"), "{}", run.stderr);
    let statuses = workdir.results("orders.results.csv");
    assert!(statuses.iter().all(|row| row["status"] == "not_attempted"), "{statuses:?}");
}

#[test]
fn a_bad_certificate_stops_the_run_and_nothing_is_sent() {
    let server = self_signed();
    let ran = import(9, &server.url(), &[]);
    ran.code(3);
    assert_eq!(server.requests(), 0);
    assert!(ran.run.stderr.contains("certificate"), "{}", ran.run.stderr);
    assert_eq!(ran.statuses(), vec!["not_attempted"; 9]);
}

#[test]
fn a_wrong_address_stops_the_run_at_the_first_request() {
    for status in [403, 404, 405, 410] {
        let server =
            TestServer::with_last([], Answer::html(status, "<html><title>No</title></html>"));
        let ran = import(9, &server.url(), &[]);
        ran.code(3);
        assert_eq!(server.requests().len(), 1);
        assert_eq!(ran.statuses(), vec!["not_attempted"; 9]);
    }
}

#[test]
fn one_row_that_a_firewall_dislikes_is_rejected_and_three_in_a_row_stop_the_run() {
    let server = TestServer::new([Answer::accepted(), Answer::html(403, "<html>blocked</html>")]);
    let ran = import(4, &server.url(), &["--concurrency", "1"]);
    ran.code(1);
    assert_eq!(ran.statuses(), ["sent", "rejected", "sent", "sent"]);

    let server =
        TestServer::with_last([Answer::accepted()], Answer::html(403, "<html>blocked</html>"));
    let ran = import(9, &server.url(), &["--concurrency", "1"]);
    ran.code(3);
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_key_that_the_endpoint_echoes_stands_nowhere() {
    let echo = Answer::json(409, &format!(r#"{{"message":"you sent {KEY}"}}"#));
    let ran = import(2, &TestServer::new([echo]).url(), &[]);
    ran.code(1);
    assert!(ran.message(0).contains("you sent (redacted)"), "{}", ran.message(0));
}

#[test]
fn terminal_escapes_in_an_answer_reach_neither_terminal_nor_results() {
    let hostile = Answer::json(409, "{\"message\":\"\\u001b]52;c;ZXZpbA==\\u0007 gone\"}");
    let ran = import(2, &TestServer::new([hostile]).url(), &[]);
    ran.code(1);
    assert!(
        !ran.run.stderr.contains('\u{1b}')
            && !ran.workdir.read("orders.results.csv").contains('\u{1b}')
    );
}

#[test]
fn an_answer_rule_of_the_mapping_comes_before_the_table() {
    let server = TestServer::new([Answer::json(409, r#"{"message":"Already known"}"#)]);
    let workdir = workdir(2);
    workdir.write(
        "map.toml",
        format!("{MAPPING}\n[delivery]\nanswers = [{{ status = 409, message = \"already\", is = \"sent\" }}]\n"),
    );
    let run = workdir
        .launch(&["import", "orders.csv", "-m", "map.toml", "--endpoint", &server.url()])
        .credentials("ops@example.com", KEY)
        .run();
    run.assert_code(0);
}

#[test]
fn too_many_failures_stop_the_run() {
    let server = TestServer::with_last([], Answer::json(409, r#"{"message":"no"}"#));
    let ran = import(200, &server.url(), &["--max-failures", "20", "--concurrency", "1"]);
    ran.code(3);
    assert_eq!(server.requests().len(), 20);
    let ran = import(150, &server.url(), &["--max-failures", "0"]);
    ran.code(1);
    assert_eq!(ran.statuses(), vec!["rejected"; 150]);
}

#[test]
fn never_more_requests_are_in_flight_than_the_concurrency() {
    let server = TestServer::answering(|_| Answer::accepted().delayed(Duration::from_millis(50)));
    let ran = import(70, &server.url(), &["--concurrency", "7"]);
    ran.code(0);
    assert_eq!(server.peak_in_flight(), 7);
    assert!(server.connections() <= 8, "connections are kept: {}", server.connections());
}
