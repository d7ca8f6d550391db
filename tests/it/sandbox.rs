//! `lateship sandbox`: the real program as a faulty endpoint, a flag at a time, and a run that
//! meets the fault.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use lateship::sandbox::LogEntry;

use crate::support::Workdir;
use crate::support::workdir::Run;

const MAPPING: &str = "[fields]\norder_no = \"Order\"\ntrackingnumber = \"Tracking\"\ncarrier_type = { value = \"UPS\" }\n";

/// A folder with a mapping and an export, and a sandbox that writes a log there.
struct Rehearsal {
    workdir: Workdir,
    sandbox: Child,
    url: String,
}

impl Rehearsal {
    fn new(rows: usize, flags: &[&str]) -> Self {
        let workdir = Workdir::new();
        workdir.write("map.toml", MAPPING);
        let mut orders = "Order,Tracking\n".to_owned();
        for order in 1001..1001 + rows {
            let _ = writeln!(orders, "{order},T{order}");
        }
        workdir.write("orders.csv", orders);
        let mut sandbox = Command::new(env!("CARGO_BIN_EXE_lateship"))
            .args(["sandbox", "--port", "0", "--log", "log"])
            .args(flags)
            .current_dir(workdir.path(""))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let mut url = String::new();
        BufReader::new(sandbox.stdout.take().expect("a pipe"))
            .read_line(&mut url)
            .expect("its address");
        Self { workdir, sandbox, url: url.trim().to_owned() }
    }

    fn import(&self, flags: &[&str]) -> Run {
        let arguments = ["import", "orders.csv", "-m", "map.toml"];
        let launch = self.workdir.launch(&arguments).args(&["--endpoint", &self.url]).args(flags);
        launch.env("LATESHIP_RATE", "unlimited").credentials("ops@example.com", "key-1").run()
    }

    /// Imports, and checks that every row is sent.
    fn import_all(&self, flags: &[&str]) -> Run {
        let run = self.import(flags);
        run.assert_code(0);
        let rows = self.workdir.results("orders.results.csv");
        assert!(rows.iter().all(|row| row["status"] == "sent"), "{}", run.stderr);
        run
    }

    fn durations(&self) -> Vec<u64> {
        let rows = self.workdir.results("orders.results.csv");
        rows.iter().map(|row| row["duration_ms"].parse().expect("a number")).collect()
    }

    fn log(&self) -> Vec<LogEntry> {
        LogEntry::read_all(&self.workdir.path("log")).expect("a log")
    }

    fn count(&self, is_wanted: impl Fn(&LogEntry) -> bool) -> usize {
        self.log().iter().filter(|entry| is_wanted(entry)).count()
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        let _ = self.sandbox.kill();
        let _ = self.sandbox.wait();
    }
}

#[test]
fn outage_after_a_number_of_requests_is_waited_out() {
    let rehearsal = Rehearsal::new(60, &["--outage", "20:2s"]);
    let run = rehearsal.import_all(&["--concurrency", "1"]);
    assert!(run.stderr.contains("answers again"), "{}", run.stderr);
    let log = rehearsal.log();
    assert!(log[..20].iter().all(|entry| entry.status == Some(200)), "{log:?}");
    assert_eq!((log[20].status, log[20].answered, log[20].order_no.as_str()), (None, false, ""));
    assert_eq!(rehearsal.count(|entry| entry.accepted), 60);
}

#[test]
fn outage_after_a_time_is_waited_out() {
    let rehearsal = Rehearsal::new(100, &["--outage", "200ms:2s"]);
    let run = rehearsal.import_all(&["--rate", "100/s"]);
    assert!(run.stderr.contains("answers again"), "{}", run.stderr);
    assert_eq!(rehearsal.log()[0].status, Some(200), "it begins after the first request");
    assert_eq!(rehearsal.count(|entry| entry.accepted && entry.answered), 100);
}

#[test]
fn revoke_after_stops_a_run_with_what_was_sent_recorded() {
    let rehearsal = Rehearsal::new(200, &["--revoke-after", "100"]);
    rehearsal.import(&[]).assert_code(3);
    let rows = rehearsal.workdir.results("orders.results.csv");
    let sent = rows.iter().filter(|row| row["status"] == "sent").count();
    assert_eq!((rows.len(), sent), (200, 100));
    assert_eq!(rehearsal.count(|entry| entry.accepted), 100);
    assert!(rehearsal.log()[100..].iter().all(|entry| entry.status == Some(401)));
}

#[test]
fn errors_are_answered_with_500_and_retried() {
    let rehearsal = Rehearsal::new(20, &["--errors", "20%"]);
    rehearsal.import_all(&["--max-attempts", "50"]);
    assert!(rehearsal.count(|entry| entry.status == Some(500)) > 0);
    assert_eq!(rehearsal.count(|entry| entry.accepted), 20);
}

#[test]
fn throttled_requests_are_answered_with_429_and_retried() {
    let rehearsal = Rehearsal::new(10, &["--throttled", "0.2"]);
    rehearsal.import_all(&["--max-attempts", "50", "--concurrency", "1"]);
    assert!(rehearsal.count(|entry| entry.status == Some(429)) > 0);
    assert_eq!(rehearsal.count(|entry| entry.accepted), 10);
}

#[test]
fn rate_limit_answers_429_to_what_exceeds_it() {
    let rehearsal = Rehearsal::new(12, &["--rate-limit", "5"]);
    rehearsal.import_all(&["--max-attempts", "50"]);
    assert!(rehearsal.count(|entry| entry.status == Some(429)) > 0);
    assert_eq!(rehearsal.count(|entry| entry.accepted), 12);
}

#[test]
fn resets_may_lose_the_response_to_an_accepted_payload() {
    let rehearsal = Rehearsal::new(30, &["--resets", "20%"]);
    rehearsal.import_all(&["--max-attempts", "50"]);
    assert!(rehearsal.count(|entry| entry.accepted && !entry.answered) > 0);
    assert!(rehearsal.count(|entry| entry.status.is_none()) > 0);
    let rows = rehearsal.workdir.results("orders.results.csv");
    assert!(rows.iter().any(|row| row["message"].contains("twice")));
}

#[test]
fn latency_delays_every_response() {
    let rehearsal = Rehearsal::new(4, &["--latency", "300ms"]);
    rehearsal.import_all(&[]);
    assert!(rehearsal.durations().iter().all(|ms| *ms >= 299), "{:?}", rehearsal.durations());
}

#[test]
fn slow_responses_are_waited_for_and_accepted_once() {
    let rehearsal = Rehearsal::new(4, &["--slow", "100%:500ms"]);
    rehearsal.import_all(&[]);
    assert!(rehearsal.durations().iter().all(|ms| *ms >= 499), "{:?}", rehearsal.durations());
    assert_eq!(rehearsal.count(|entry| entry.accepted && entry.answered), 4);
}

#[test]
fn seed_gives_the_same_faults_again() {
    let statuses = |seed| {
        let rehearsal = Rehearsal::new(40, &["--errors", "0.3", "--seed", seed]);
        rehearsal.import(&["--concurrency", "1", "--max-attempts", "1"]).assert_code(1);
        rehearsal.log().iter().map(|entry| entry.status).collect::<Vec<_>>()
    };
    let five = statuses("5");
    assert_eq!(five, statuses("5"));
    assert_ne!(five, statuses("6"));
}

#[test]
fn credentials_of_a_file_are_the_only_ones_accepted() {
    for (key, code) in [("key-1", 0), ("key-2", 3)] {
        let folder = Workdir::new();
        let text = format!("email = \"ops@example.com\"\napi_key = \"{key}\"\n");
        let file = folder.write("credentials.toml", text);
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .expect("permissions");
        let rehearsal = Rehearsal::new(3, &["--credentials", &file.to_string_lossy()]);
        rehearsal.import(&[]).assert_code(code);
    }
}

#[test]
fn log_has_the_order_the_outcome_and_the_payload_of_each_request() {
    let rehearsal = Rehearsal::new(3, &[]);
    rehearsal.import_all(&["--concurrency", "1"]);
    let text = rehearsal.workdir.read("log");
    let first: serde_json::Value =
        serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
    let names: Vec<&str> = first.as_object().expect("an object").keys().map(|k| &**k).collect();
    let wanted =
        ["accepted", "answered", "order_no", "payload", "status", "time_us", "trackingnumber"];
    assert_eq!(names, wanted);
    assert_eq!((&first["order_no"], &first["trackingnumber"]), (&"1001".into(), &"T1001".into()));
}

#[test]
fn port_that_is_taken_is_refused() {
    let rehearsal = Rehearsal::new(0, &[]);
    let port = rehearsal.url.split([':', '/']).nth(4).expect("a port");
    let run = rehearsal.workdir.lateship(&["sandbox", "--port", port]);
    assert!(run.assert_code(2).stderr.contains("choose another port"), "{}", run.stderr);
}

#[test]
fn bad_values_are_refused_with_what_was_expected() {
    let workdir = Workdir::new();
    for (flags, says) in [
        (&["--outage", "5"][..], "30s:2m"),
        (&["--outage", "soon:2m"], "30s:2m"),
        (&["--outage", "5:2"], "a length of time"),
        (&["--slow", "2:1s"], "10%"),
        (&["--slow", "10%"], "SHARE:TIME"),
        (&["--slow", "10%:1"], "a length of time"),
        (&["--revoke-after", "-1"], "-1"),
        (&["--revoke-after", "many"], "a whole number"),
        (&["--errors", "1.5"], "10%"),
        (&["--throttled", "101%"], "10%"),
        (&["--resets", "-1"], "-1"),
        (&["--errors", "0.6", "--resets", "0.6"], "lower them to 1"),
        (&["--errors", "0.6", "--slow", "50%:1s"], "lower them to 1"),
        (&["--rate-limit", "0"], "a whole number"),
        (&["--latency", "5"], "a length of time"),
        (&["--script", "faults.toml"], "--script"),
    ] {
        let run = workdir.lateship(&[&["sandbox", "--port", "0"], flags].concat());
        run.assert_code(2);
        assert!(run.stderr.contains(says), "{flags:?}: {}", run.stderr);
    }
}
