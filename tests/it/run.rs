//! A run as its user sees it: what is written, in which order, with which exit code.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::time::Duration;

use lateship::sandbox::{LogEntry, Sandbox, SandboxSettings};

use crate::support::server::TestServer;
use crate::support::workdir::{Launch, Run};
use crate::support::{Answer, Workdir};

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

fn import(workdir: &Workdir, flags: &[&str]) -> Launch {
    let mut arguments = vec!["import", "orders.csv", "-m", "map.toml"];
    arguments.extend(flags);
    workdir.launch(&arguments).credentials("ops@example.com", "key-1")
}

fn statuses(rows: &[HashMap<String, String>]) -> Vec<&str> {
    rows.iter().map(|row| row["status"].as_str()).collect()
}

fn summary(workdir: &Workdir, name: &str) -> serde_json::Value {
    serde_json::from_str(&workdir.read(name)).expect("a JSON summary")
}

#[test]
fn slow_ten_thousand_rows_end_in_input_order_with_what_the_endpoint_gave_them() {
    let workdir = workdir(&orders(10_000));
    let log = workdir.path("arrived.log");
    let faults = SandboxSettings {
        errors: 0.01,
        throttled: 0.001,
        resets: 0.01,
        seed: 7,
        log: Some(log.clone()),
        ..SandboxSettings::default()
    };
    let sandbox = Sandbox::start(([127, 0, 0, 1], 0).into(), faults).expect("a sandbox");
    let run = import(
        &workdir,
        &["--endpoint", &sandbox.url(), "--rate", "unlimited", "--concurrency", "32"],
    )
    .run();
    run.assert_code(0);
    let rows = workdir.results("orders.results.csv");
    assert_eq!(rows.len(), 10_000);
    let mut accepted: HashMap<String, usize> = HashMap::new();
    let arrived = LogEntry::read_all(&log).expect("the sandbox's log");
    for entry in &arrived {
        *accepted.entry(entry.order_no.clone()).or_default() +=
            usize::from(entry.status == Some(200));
    }
    for (index, row) in rows.iter().enumerate() {
        let number = (index + 1).to_string();
        assert_eq!(
            (row["row"].as_str(), row["order_no"].as_str()),
            (number.as_str(), number.as_str())
        );
        assert_eq!(row["line"], (index + 2).to_string());
        assert_eq!(row["status"], "sent");
        assert!(accepted[&number] >= 1, "row {number} never arrived");
        // A second acceptance can only follow a lost answer, and then the message says so.
        assert!(
            accepted[&number] == 1 || row["message"].contains("twice"),
            "row {number}: {row:?}"
        );
    }
    let counts = sandbox.stop();
    let summary = summary(&workdir, "orders.results.json");
    assert_eq!(summary["requests"], counts.requests);
    assert_eq!(summary["counts"]["sent"], 10_000);
    assert_eq!(summary["exit_code"], 0);
    assert_eq!(summary["state"], "finished");
}

#[test]
fn the_summary_tells_a_program_what_a_person_reads() {
    let workdir = workdir("Order,Tracking,Date\n1,T1,24.11.2026\n2,T2,31.02.2026\n");
    let server = TestServer::new([]);
    let run = import(&workdir, &["--endpoint", &server.url(), "--set", "product=Mug"]).run();
    run.assert_code(1);
    let summary = summary(&workdir, "orders.results.json");
    assert_eq!(summary["counts"]["sent"], 1);
    assert_eq!(summary["counts"]["invalid"], 1);
    assert_eq!(summary["counts"]["in_doubt"], 0);
    assert_eq!(summary["rows"], 2);
    assert_eq!(summary["endpoint"], server.url());
    assert_eq!(summary["set"]["product"], "Mug");
    let input = &summary["inputs"][0];
    assert_eq!((input["name"].as_str(), input["bytes"].as_u64()), (Some("orders.csv"), Some(52)));
    assert_eq!(input["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(summary["reasons"][0]["row"], 2);
    assert_eq!(summary["limits"]["rate"], "10/s");
    assert_eq!(summary["exit_code"], 1);
    assert_eq!(summary["files"]["failed_rows"], "orders.failed.csv");
    assert!(run.stderr.contains("row 2, line 3 of orders.csv"), "{}", run.stderr);
    assert!(run.stderr.contains("lateship import orders.failed.csv -m map.toml"), "{}", run.stderr);
}

#[test]
fn failed_rows_are_mended_and_imported_with_the_same_mapping() {
    let workdir = workdir("Order,Tracking,Date\n1,T1,24.11.2026\n2,,24.11.2026\n3,T3,soon\n");
    let server = TestServer::new([]);
    let endpoint = server.url();
    import(&workdir, &["--endpoint", &endpoint]).run().assert_code(1);
    let failed = workdir.read("orders.failed.csv");
    let lines: Vec<_> = failed.lines().collect();
    assert_eq!(lines[0], "Order,Tracking,Date,lateship_error");
    assert!(
        lines[1].starts_with("2,,24.11.2026,") && lines[1].contains("trackingnumber"),
        "{}",
        lines[1]
    );
    assert!(lines[2].starts_with("3,T3,soon,"), "{}", lines[2]);
    workdir
        .write("orders.failed.csv", failed.replace("2,,", "2,T2,").replace("soon", "25.11.2026"));
    let again =
        workdir.launch(&["import", "orders.failed.csv", "-m", "map.toml", "--endpoint", &endpoint]);
    again.credentials("ops@example.com", "key-1").run().assert_code(0);
    let sent: Vec<_> = server.requests().iter().map(|request| request.field("order_no")).collect();
    assert_eq!(sent, ["1", "2", "3"]);
    assert!(!workdir.names().contains(&"orders.failed.failed.csv".to_owned()));
}

#[test]
fn a_stale_failed_rows_file_goes_when_nothing_failed() {
    let workdir = workdir("Order,Tracking,Date\n1,T1,\n2,,\n");
    import(&workdir, &["--sandbox"]).run().assert_code(1);
    assert!(workdir.names().contains(&"orders.failed.csv".to_owned()));
    workdir.write("orders.csv", "Order,Tracking,Date\n1,T1,\n2,T2,\n");
    import(&workdir, &["--sandbox"]).run().assert_code(0);
    assert!(!workdir.names().contains(&"orders.failed.csv".to_owned()), "{:?}", workdir.names());
}

#[test]
fn standard_input_needs_a_place_for_its_results_and_is_kept_while_rows_are_left() {
    let workdir = workdir("");
    let piped = |orders: &str, flags: &[&str]| -> Run {
        let mut arguments = vec!["import", "-", "-m", "map.toml", "--sandbox"];
        arguments.extend(flags);
        workdir.launch(&arguments).stdin(orders).run()
    };
    let run = piped("Order,Tracking,Date\n1,T1,\n", &[]);
    run.assert_code(2);
    assert!(run.stderr.contains("--results"), "{}", run.stderr);
    piped("Order,Tracking,Date\n1,T1,\n2,,\n", &["-o", "night.csv"]).assert_code(1);
    assert_eq!(statuses(&workdir.results("night.csv")), ["sent", "invalid"]);
    assert_eq!(workdir.results("night.csv")[0]["file"], "standard input");
    assert_eq!(workdir.read("night.csv.input"), "Order,Tracking,Date\n1,T1,\n2,,\n");
    piped("Order,Tracking,Date\n1,T1,\n", &["-o", "night.csv"]).assert_code(0);
    assert!(!workdir.names().contains(&"night.csv.input".to_owned()));
}

#[cfg(unix)]
#[test]
fn a_pipe_with_a_name_is_read_like_standard_input() {
    let workdir = workdir("");
    let pipe = workdir.path("pipe.csv");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .is_ok_and(|status| status.success())
    );
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::write(pipe, "Order,Tracking,Date\n1,T1,\n2,T2,\n")
    });
    workdir.lateship(&["import", "pipe.csv", "-m", "map.toml", "--sandbox"]).assert_code(0);
    writer.join().expect("a thread").expect("written");
    assert_eq!(statuses(&workdir.results("pipe.results.csv")), ["sent", "sent"]);
}

#[test]
fn several_inputs_make_one_run_and_rows_count_anew_in_each() {
    let workdir = workdir(&orders(3));
    workdir.write("more.csv", orders(2));
    let run =
        workdir.lateship(&["import", "orders.csv", "more.csv", "-m", "map.toml", "--sandbox"]);
    run.assert_code(0);
    let rows = workdir.results("orders.results.csv");
    let places: Vec<_> =
        rows.iter().map(|row| (row["file"].as_str(), row["row"].as_str())).collect();
    assert_eq!(
        places,
        [
            ("orders.csv", "1"),
            ("orders.csv", "2"),
            ("orders.csv", "3"),
            ("more.csv", "1"),
            ("more.csv", "2")
        ]
    );

    workdir.write("more.csv", "Order,Number,Date\n1,T1,\n");
    let run =
        workdir.lateship(&["import", "orders.csv", "more.csv", "-m", "map.toml", "--sandbox"]);
    run.assert_code(2);
}

#[test]
fn a_header_without_rows_is_a_quiet_night() {
    let workdir = workdir("Order,Tracking,Date\n");
    let run = import(&workdir, &["--sandbox"]).run();
    run.assert_code(0);
    assert!(run.stderr.contains("no rows"), "{}", run.stderr);
    assert_eq!(workdir.results("orders.results.csv").len(), 0);
    assert!(workdir.read("orders.results.csv").starts_with("file,row,line,order_no,"));
}

#[test]
fn too_few_shipments_stop_the_run_before_it_starts() {
    let workdir = workdir(&orders(20));
    let server = TestServer::new([]);
    let run = import(&workdir, &["--endpoint", &server.url(), "--min-shipments", "21"]).run();
    run.assert_code(2);
    assert!(run.stderr.contains("20 shipments") && run.stderr.contains("21"), "{}", run.stderr);
    assert_eq!(server.requests().len(), 0);
    assert_eq!(workdir.names(), ["map.toml", "orders.csv"]);
    import(
        &workdir,
        &["--endpoint", &server.url(), "--min-shipments", "20", "--rate", "unlimited"],
    )
    .run()
    .assert_code(0);
}

#[test]
fn a_limit_leaves_the_other_rows_out_of_the_results() {
    let workdir = workdir(&orders(20));
    import(&workdir, &["--sandbox", "--limit", "5"]).run().assert_code(0);
    assert_eq!(workdir.results("orders.results.csv").len(), 5);
}

#[test]
fn a_dry_run_maps_everything_and_sends_nothing() {
    let workdir = workdir("Order,Tracking,Date\n1,T1,24.11.2026\n2,,24.11.2026\n");
    let run = workdir.lateship(&["import", "orders.csv", "-m", "map.toml", "--dry-run"]);
    run.assert_code(1);
    let rows = workdir.results("orders.dry-run.csv");
    assert_eq!(statuses(&rows), ["not_attempted", "invalid"]);
    assert_eq!(rows[0]["attempts"], "0");
    workdir.write("orders.csv", orders(3));
    workdir.lateship(&["import", "orders.csv", "-m", "map.toml", "--dry-run"]).assert_code(0);
}

#[test]
fn a_run_that_meets_its_time_stops_cleanly() {
    let workdir = workdir(&orders(2000));
    let server = TestServer::answering(|_| Answer::accepted().delayed(Duration::from_millis(20)));
    let run =
        import(&workdir, &["--endpoint", &server.url(), "--rate", "20/s", "--max-duration", "1s"])
            .run();
    run.assert_code(3);
    assert!(run.stderr.contains("--max-duration"), "{}", run.stderr);
    let rows = workdir.results("orders.results.csv");
    let sent = rows.iter().filter(|row| row["status"] == "sent").count();
    assert_eq!(sent, server.requests().len());
    assert!(
        rows[1999]["message"].contains("--max-duration") && rows[1999]["status"] == "not_attempted"
    );
}

#[test]
fn a_killed_run_leaves_what_it_knows_and_the_next_one_does_not_run_over_it() {
    let workdir = workdir(&orders(500));
    let server = TestServer::answering(|_| Answer::accepted());
    let flags = ["--endpoint", &server.url(), "--rate", "100/s"];
    let running = import(&workdir, &flags).spawn();
    server.wait_for_requests(150);
    running.kill();
    assert!(!workdir.names().contains(&"orders.results.csv".to_owned()));
    let partial = workdir.read("orders.results.csv.partial");
    assert!(partial.lines().count() > 1, "a second's worth was handed to the system");
    assert_eq!(summary(&workdir, "orders.results.json")["state"], "running");
    let before = server.requests().len();
    let run = import(&workdir, &flags).run();
    run.assert_code(2);
    assert!(run.stderr.contains("orders.results.csv.partial"), "{}", run.stderr);
    assert_eq!(server.requests().len(), before, "nothing was sent");
    assert_eq!(workdir.read("orders.results.csv.partial"), partial);
}

#[test]
fn slow_input_that_is_written_to_while_it_is_read_stops_the_run() {
    let workdir = workdir(&orders(400));
    let server = TestServer::answering(|_| Answer::accepted());
    let running = import(&workdir, &["--endpoint", &server.url(), "--rate", "100/s"]).spawn();
    server.wait_for_requests(20);
    workdir.write("orders.csv", orders(10));
    let run = running.wait();
    run.assert_code(3);
    assert!(run.stderr.contains("changed while it was read"), "{}", run.stderr);
    assert_eq!(summary(&workdir, "orders.results.json")["state"], "stopped");
}

#[test]
fn changed_input_is_named_also_when_the_run_stops_for_another_reason() {
    let workdir = workdir(&orders(400));
    let input = workdir.path("orders.csv");
    let server = TestServer::answering(move |_| {
        fs::write(&input, orders(10)).expect("written");
        Answer::json(401, r#"{"message":"Authorization Header Error."}"#)
    });
    let run = import(&workdir, &["--endpoint", &server.url()]).run();
    run.assert_code(3);
    assert!(run.stderr.contains("Stopped before the end: "), "{}", run.stderr);
    assert!(run.stderr.contains("401"), "{}", run.stderr);
    assert!(run.stderr.contains("changed while it was read"), "{}", run.stderr);
}

#[test]
fn two_runs_never_write_the_same_results() {
    let workdir = workdir(&orders(500));
    let server = TestServer::answering(|_| Answer::accepted());
    let flags = ["--endpoint", &server.url(), "--rate", "20/s"];
    let first = import(&workdir, &flags).spawn();
    server.wait_for_requests(1);
    let second = import(&workdir, &flags).run();
    second.assert_code(2);
    assert!(second.stderr.contains("another run is writing"), "{}", second.stderr);
    first.signal("TERM");
    first.wait().assert_code(143);
}

#[test]
fn precedence_is_flag_environment_mapping_default() {
    let workdir = workdir(&orders(1));
    workdir.write(
        "map.toml",
        format!("{MAPPING}\n[delivery]\nrate = \"33/s\"\nmax_attempts = 2\nconcurrency = 3\n"),
    );
    let run = import(&workdir, &["--sandbox", "--rate", "77/s"])
        .env("LATESHIP_RATE", "55/s")
        .env("LATESHIP_CONCURRENCY", "5");
    run.run().assert_code(0);
    let limits = &summary(&workdir, "orders.results.json")["limits"];
    assert_eq!(limits["rate"], "77/s");
    assert_eq!(limits["concurrency"], 5);
    assert_eq!(limits["max_attempts"], 2);
    assert_eq!(limits["give_up_after_ms"], 7_200_000);
}

#[test]
fn without_a_terminal_progress_and_report_are_plain_lines_on_standard_error() {
    let workdir = workdir(&orders(30));
    let run = import(&workdir, &["--sandbox"]).run();
    run.assert_code(0);
    assert_eq!(run.stdout, "");
    assert!(!run.stderr.contains('\u{1b}'), "{:?}", run.stderr);
    assert!(run.stderr.contains("30 rows, 30 shipments"), "{}", run.stderr);
    let quiet = import(&workdir, &["--sandbox", "-q"]).run();
    quiet.assert_code(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn logs_in_json_are_one_object_a_line() {
    let workdir = workdir("Order,Tracking,Date\n");
    let run = import(&workdir, &["--sandbox", "--log-format", "json"]).run();
    run.assert_code(0);
    assert!(run.stderr.lines().count() >= 3, "a warning, the forecast, the report: {}", run.stderr);
    for line in run.stderr.lines() {
        serde_json::from_str::<serde_json::Value>(line)
            .unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}

#[test]
fn check_groups_what_is_wrong_with_a_row_to_look_at() {
    let mut orders = orders(10_000);
    for row in (50..=10_000).step_by(50) {
        let date = if row % 200 == 0 { "20261124" } else { "31.02.2026" };
        orders = orders.replacen(
            &format!("\n{row},T{row},24.11.2026"),
            &format!("\n{row},T{row},{date}"),
            1,
        );
    }
    let workdir = workdir(&orders);
    let run = workdir.lateship(&["check", "orders.csv", "-m", "map.toml"]);
    run.assert_code(1);
    assert!(run.stdout.contains("10,000 rows: 9,800 shipments, 200 invalid"), "{}", run.stdout);
    let (many, few) = (
        run.stdout.find("150 ×").expect("the frequent"),
        run.stdout.find("50 ×").expect("the other"),
    );
    assert!(many < few || run.stdout.find(" 50 ×").is_some_and(|few| many < few), "{}", run.stdout);
    assert!(
        run.stdout.contains("row 50 (line 51)") && run.stdout.contains("row 200 (line 201)"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("\"31.02.2026\"") && run.stdout.contains("(C)"), "{}", run.stdout);
}

#[test]
fn check_shows_payloads_that_can_be_piped() {
    let workdir = workdir(&orders(3));
    let run = workdir.lateship(&["check", "orders.csv", "-m", "map.toml", "--show", "1"]);
    run.assert_code(0);
    let payload: serde_json::Value =
        serde_json::from_str(&run.stdout).expect("JSON alone on standard output");
    assert_eq!(payload["order_date"], "2026-11-24 00:00:00");
}

#[test]
fn slow_memory_stays_flat_however_many_rows_there_are() {
    let mut peaks = Vec::new();
    for rows in [10_000, 60_000] {
        let workdir = workdir(&orders(rows));
        for command in [
            &["check", "orders.csv", "-m", "map.toml"][..],
            &["import", "orders.csv", "-m", "map.toml", "--sandbox"],
        ] {
            let running = workdir.launch(command).limit(Duration::from_secs(300)).spawn();
            let peak = running.peak_memory_kib();
            running.wait().assert_code(0);
            assert!(peak < 64 * 1024, "{command:?} of {rows} rows took {peak} KiB");
            peaks.push(peak);
        }
    }
    assert!(peaks.iter().all(|peak| *peak > 0), "memory was measured: {peaks:?}");
}
