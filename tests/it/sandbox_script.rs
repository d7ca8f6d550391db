//! `lateship sandbox --script`: the real program as a lying endpoint, and a run that meets its
//! lies.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use lateship::sandbox::{Entry, Fault, Sandbox, Script, Settings};

use crate::support::Workdir;

const MAPPING: &str = "[fields]\norder_no = \"Order\"\ntrackingnumber = \"Tracking\"\ncarrier_type = { value = \"UPS\" }\n";

/// A folder with a mapping and an export of so many orders from 1001.
fn folder(rows: usize) -> Workdir {
    let workdir = Workdir::new();
    workdir.write("map.toml", MAPPING);
    let mut orders = "Order,Tracking\n".to_owned();
    for order in 1001..1001 + rows {
        let _ = writeln!(orders, "{order},T{order}");
    }
    workdir.write("orders.csv", orders);
    workdir
}

/// A program that ends with the test.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_script_is_obeyed_and_its_log_tells_what_a_run_could_not_know() {
    let workdir = folder(12);
    workdir.write(
        "faults.toml",
        "[[fault]]\nanswer = 500\norder = \"1007\"\n\n[[fault]]\nanswer = \"reset\"\njudged = true\norder = \"1009\"\ntries = 1\n",
    );
    let mut sandbox = Command::new(env!("CARGO_BIN_EXE_lateship"));
    sandbox
        .args(["sandbox", "--port", "0", "--script", "faults.toml", "--log", "log"])
        .current_dir(workdir.path(""));
    let sandbox = sandbox.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started");
    let mut sandbox = Ending(sandbox);
    let mut url = String::new();
    BufReader::new(sandbox.0.stdout.take().expect("a pipe"))
        .read_line(&mut url)
        .expect("its address");

    let arguments =
        ["import", "orders.csv", "-m", "map.toml", "--endpoint", url.trim(), "--rate", "unlimited"];
    workdir
        .launch(&arguments)
        .args(&["--max-attempts", "2"])
        .credentials("ops@example.com", "k")
        .run()
        .assert_code(1);

    for row in workdir.results("orders.results.csv") {
        let wanted = if row["order_no"] == "1007" { "failed" } else { "sent" };
        assert_eq!(row["status"], wanted, "{row:?}");
    }
    let log = Entry::read_all(&workdir.path("log")).expect("a log");
    let told = |order: &str| {
        let own = log.iter().filter(|entry| entry.order_no == order);
        own.map(|entry| (entry.status, entry.accepted, entry.answered, entry.fault))
            .collect::<Vec<_>>()
    };
    assert_eq!(told("1007"), [(Some(500), false, true, Some(1)); 2]);
    assert_eq!(told("1009"), [(Some(200), true, false, Some(2)), (Some(200), true, true, None)]);
    assert_eq!(told("1001"), [(Some(200), true, true, None)]);
}

#[test]
fn a_script_with_mistakes_stops_the_sandbox_before_it_starts() {
    let workdir = Workdir::new();
    workdir.write(
        "faults.toml",
        "[[fault]]\nanswer = 503\nsecnds = \"5-17\"\n\n[[fault]]\nanswer = \"rest\"\n",
    );
    let run = workdir.lateship(&["sandbox", "--port", "0", "--script", "faults.toml"]);
    run.assert_code(2);
    for part in [
        "faults.toml, line 3",
        "did you mean \"seconds\"",
        "faults.toml, line 6",
        "did you mean \"reset\"",
    ] {
        assert!(run.stderr.contains(part), "{part} in {}", run.stderr);
    }
    let run = workdir.lateship(&["sandbox", "--script", "nowhere.toml"]);
    assert!(run.assert_code(2).stderr.contains("nowhere.toml"), "{}", run.stderr);
}

#[test]
fn credentials_that_are_revoked_midway_stop_a_run_with_what_was_sent_recorded() {
    let workdir = folder(200);
    let revoked =
        Script::new([Fault::new(lateship::sandbox::Does::Revoked).requests(101..=u64::MAX)]);
    let settings = Settings { script: Some(revoked), ..Settings::default() };
    let sandbox = Sandbox::start(([127, 0, 0, 1], 0).into(), settings).expect("a sandbox");
    let url = sandbox.url();
    let arguments =
        ["import", "orders.csv", "-m", "map.toml", "--endpoint", &url, "--rate", "unlimited"];
    workdir.launch(&arguments).credentials("ops@example.com", "k").run().assert_code(3);
    let rows = workdir.results("orders.results.csv");
    let sent = rows.iter().filter(|row| row["status"] == "sent").count();
    assert_eq!((rows.len(), sent), (200, 100));
    assert_eq!(sandbox.stop().accepted, 100);
}
