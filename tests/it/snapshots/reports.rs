//! What a run says on standard error, from its first line to the closing report.

use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use super::{orders, shown, transcript, workdir};
use crate::support::Answer;
use crate::support::golden::Golden;
use crate::support::server::TestServer;

#[test]
fn reports_of_runs_are_as_kept() {
    let mut golden = Golden::new("tests/snapshots/reports");
    let answering = |status: u16, message: &'static str| {
        TestServer::answering(move |request| match request.field("order_no").as_str() {
            "2" => {
                Answer::json(status, &format!(r#"{{"message":"{message}","status":"Failure"}}"#))
            }
            _ => Answer::accepted(),
        })
    };
    for (name, server, flags) in [
        ("good", TestServer::new([]), &["--rate", "unlimited"][..]),
        ("paced", TestServer::new([]), &[]),
        ("rejected", answering(409, "Invalid JSON format"), &[]),
        ("stopped", answering(401, "Authorization Header Error. Check your email"), &[]),
        ("wrong-address", TestServer::with_last([], Answer::html(404, "<h1>Not Found</h1>")), &[]),
        ("verbose", TestServer::new([]), &["-vv", "--limit", "1"]),
        ("json-log", TestServer::new([]), &["--log-format", "json"]),
    ] {
        let workdir = workdir();
        let url = server.url();
        let import = ["import", "orders.csv", "-m", "map.toml", "--endpoint", &url];
        let arguments = [&import[..], &["--concurrency", "1"], flags].concat();
        golden.add(format!("{name}.txt"), shown(&workdir, &arguments));
    }

    let folder = workdir();
    let rows = orders(5).replace("2,TRACK00002,24", "2,,24").replace("4,TRACK00004,24", "4,x,31.2");
    folder.write("orders.csv", rows);
    let import = ["import", "orders.csv", "-m", "map.toml"];
    golden.add("dry-run.txt", shown(&folder, &[&import[..], &["--dry-run"]].concat()));
    let rehearsal = [&import[..], &["--sandbox", "-o", "night.csv"]].concat();
    golden.add("invalid.txt", shown(&folder, &rehearsal));
    folder.write("orders.csv", orders(5));
    golden.add("retry.txt", shown(&folder, &["retry", "night.csv", "--sandbox"]));
    let missing = ["import", "orders.csv", "-m", "shop.toml", "--sandbox"];
    golden.add("refused-missing-mapping.txt", shown(&folder, &missing));
    folder.write("shop.toml", "[fields]\norder_no = \"Ordr\"\ntrackingnumbr = \"Tracking\"\n");
    golden.add("refused-bad-mapping.txt", shown(&folder, &missing));
    golden.check();
}

#[test]
fn report_of_an_interrupted_run_is_as_kept() {
    let mut golden = Golden::new("tests/snapshots/reports-of-interrupts");
    let workdir = workdir();
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    // The second request is answered once the program has said that it stops.
    let server = TestServer::answering(move |request| {
        if request.field("order_no") == "2" {
            let _ = held.lock().expect("no holder panics").recv_timeout(Duration::from_secs(30));
        }
        Answer::accepted()
    });
    let url = server.url();
    let arguments = ["import", "orders.csv", "-m", "map.toml", "--endpoint", &url];
    let arguments = [&arguments[..], &["--concurrency", "1", "--rate", "unlimited"]].concat();
    let running = workdir
        .launch_with_signals(None, &arguments)
        .credentials("ops@example.com", "key-1")
        .spawn();
    server.wait_for_requests(2);
    running.signal("INT");
    while !running.is_draining() {
        std::thread::sleep(Duration::from_millis(5));
    }
    release.send(()).expect("the server waits");
    golden.add("interrupted.txt", transcript(&workdir, &arguments, &running.wait()));
    golden.check();
}
