//! Signals: the first drains, the second ends at once.

use std::fmt::Write;
use std::time::Duration;

use crate::support::server::TestServer;
use crate::support::workdir::Running;
use crate::support::{Answer, End, Workdir};

fn start(server: &TestServer, program: &[&str]) -> (Workdir, Running) {
    let workdir = Workdir::new();
    let mut orders = "Order,Tracking\n".to_owned();
    for row in 1..=2000 {
        let _ = writeln!(orders, "{row},T{row}");
    }
    workdir.write("orders.csv", orders);
    workdir.write(
        "map.toml",
        "[fields]\norder_no = \"Order\"\ntrackingnumber = \"Tracking\"\ncarrier_type = { value = \"UPS\" }\n",
    );
    let url = server.url();
    let mut arguments =
        vec!["import", "orders.csv", "-m", "map.toml", "--endpoint", &url, "--rate", "200/s"];
    arguments.extend(program);
    let running = workdir
        .launch_with_signals(None, &arguments)
        .credentials("ops@example.com", "key-1")
        .spawn();
    (workdir, running)
}

#[test]
fn the_first_signal_finishes_what_is_in_flight_and_records_everything() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let server =
            TestServer::answering(|_| Answer::accepted().delayed(Duration::from_millis(100)));
        let (workdir, running) = start(&server, &[]);
        server.wait_for_requests(30);
        running.signal(signal);
        let run = running.wait();
        run.assert_code(code);
        let rows = workdir.results("orders.results.csv");
        assert_eq!(rows.len(), 2000);
        let sent = rows.iter().filter(|row| row["status"] == "sent").count();
        assert_eq!(sent, server.requests().len(), "every request was waited for and recorded");
        assert!(sent < 2000 && rows[1999]["status"] == "not_attempted");
        assert!(rows[1999]["message"].contains("interrupted"), "{}", rows[1999]["message"]);
        let names = workdir.names();
        assert!(!names.iter().any(|name| name.ends_with(".partial")), "{names:?}");
        assert!(workdir.read("orders.failed.csv").lines().count() == 2000 - sent + 1);
        assert!(run.stderr.contains("Interrupted"), "{}", run.stderr);
        let summary: serde_json::Value =
            serde_json::from_str(&workdir.read("orders.results.json")).expect("JSON");
        assert_eq!(
            (&summary["state"], &summary["exit_code"]),
            (&"interrupted".into(), &code.into())
        );
    }
}

#[test]
fn a_run_that_was_started_to_outlive_its_terminal_does() {
    let workdir = Workdir::new();
    workdir.write("orders.csv", "Order,Tracking\n1,T1\n2,T2\n");
    workdir.write(
        "map.toml",
        "[fields]\norder_no = \"Order\"\ntrackingnumber = \"Tracking\"\ncarrier_type = { value = \"UPS\" }\n",
    );
    let server = TestServer::answering(|_| Answer::accepted().delayed(Duration::from_millis(300)));
    let arguments = ["import", "orders.csv", "-m", "map.toml", "--endpoint", &server.url()];
    let running = workdir
        .launch_with_signals(Some("HUP"), &arguments)
        .credentials("ops@example.com", "key-1")
        .spawn();
    server.wait_for_requests(1);
    running.signal("HUP");
    running.wait().assert_code(0);
}

#[test]
fn the_second_signal_ends_at_once() {
    let server = TestServer::answering(|request| match request.field("order_no").as_str() {
        "1" => Answer::accepted(),
        _ => Answer::none(End::Mute),
    });
    let (workdir, running) = start(&server, &[]);
    server.wait_for_requests(3);
    running.signal("INT");
    // The run waits for its requests now, which are never answered; it says so before the second
    // signal comes.
    while !running.is_draining() {
        std::thread::sleep(Duration::from_millis(5));
    }
    running.signal("INT");
    running.wait().assert_code(130);
    assert!(
        workdir.names().contains(&"orders.results.csv.partial".to_owned()),
        "{:?}",
        workdir.names()
    );
}
