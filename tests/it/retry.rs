//! A retry as its user sees it: what is left is sent, what was accepted keeps its line, and nothing else happens.

use std::fmt::Write;
use std::fs;

use crate::support::server::Scripted;
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

fn launch(workdir: &Workdir, arguments: &[&str]) -> Launch {
    workdir.launch(arguments).credentials("ops@example.com", "key-1")
}

fn import(workdir: &Workdir, server: &Scripted, flags: &[&str]) -> Run {
    let url = server.url();
    let mut arguments = vec!["import", "orders.csv", "-m", "map.toml", "--rate", "unlimited", "--endpoint", &url];
    arguments.extend(flags);
    launch(workdir, &arguments).run()
}

fn retry(workdir: &Workdir, flags: &[&str]) -> Run {
    let mut arguments = vec!["retry", "orders.results.csv", "--rate", "unlimited"];
    arguments.extend(flags);
    launch(workdir, &arguments).run()
}

/// A server that refuses these orders, every time.
fn refusing(orders: &'static [&'static str]) -> Scripted {
    Scripted::answering(move |request| {
        if orders.contains(&request.field("order_no").as_str()) {
            Answer::json(409, r#"{"message":"no, \"thanks\""}"#)
        } else {
            Answer::accepted()
        }
    })
}

/// The orders that arrived, in order of their coming, from the request `from` (from 0) on.
fn arrived(server: &Scripted, from: usize) -> Vec<String> {
    server.requests()[from..].iter().map(|request| request.field("order_no")).collect()
}

fn sorted(mut orders: Vec<String>) -> Vec<String> {
    orders.sort();
    orders
}

fn statuses(workdir: &Workdir, name: &str) -> Vec<String> {
    workdir.results(name).into_iter().map(|mut row| row.remove("status").expect("a status")).collect()
}

fn replace(workdir: &Workdir, name: &str, from: &str, to: &str) {
    let text = workdir.read(name);
    assert!(text.contains(from), "{name} has no {from:?}: {text}");
    workdir.write(name, text.replace(from, to));
}

/// Fails unless the retry sent nothing and left everything as it was.
#[track_caller]
fn assert_refused(workdir: &Workdir, server: &Scripted, run: &Run, before: &(Vec<String>, String), says: &[&str]) {
    run.assert_code(2);
    for part in says {
        assert!(run.stderr.contains(part), "without {part:?}: {}", run.stderr);
    }
    assert_eq!(workdir.names(), before.0);
    assert_eq!(workdir.read("orders.results.csv"), before.1);
    let sent = arrived(server, 0).len();
    assert_eq!(sent, server.requests().len());
}

fn state(workdir: &Workdir) -> (Vec<String>, String) {
    (workdir.names(), workdir.read("orders.results.csv"))
}

#[test]
fn only_what_is_left_is_sent_and_all_other_lines_stay_as_they_are() {
    let workdir = workdir(&orders(6).replace("3,T3,24.11.2026", "3,,").replace("5,T5,24", "\n5,T5,24"));
    let first = refusing(&["2", "6"]);
    let run = import(&workdir, &first, &[]);
    run.assert_code(1);
    assert!(run.stderr.contains("  lateship retry orders.results.csv --rate unlimited\n"), "{}", run.stderr);
    assert!(run.stderr.contains("  lateship import orders.failed.csv -m map.toml "), "{}", run.stderr);
    let before = workdir.read("orders.results.csv");
    assert_eq!(arrived(&first, 0).len(), 5);

    let second = refusing(&["6"]);
    let run = retry(&workdir, &["--endpoint", &second.url()]);
    run.assert_code(1);
    assert_eq!(sorted(arrived(&second, 0)), ["2", "6"]);
    assert!(run.stderr.contains("2 shipments, 1 invalid, 4 carried over"), "{}", run.stderr);
    assert!(run.stderr.contains("  lateship retry orders.results.csv --rate unlimited\n"), "{}", run.stderr);
    let after = workdir.read("orders.results.csv");
    for (index, (old, new)) in before.lines().zip(after.lines()).enumerate() {
        assert!(old == new || [2, 7].contains(&index), "line {index}: {old} → {new}");
    }
    assert_eq!(statuses(&workdir, "orders.results.csv"), ["sent", "sent", "invalid", "sent", "skipped", "sent", "rejected"]);
    let failed = workdir.read("orders.failed.csv");
    assert!(failed.contains("\n3,,,") && failed.contains("\n6,T6,") && failed.lines().count() == 3, "{failed}");

    replace(&workdir, "orders.csv", "3,,", "3,T3,24.11.2026");
    retry(&workdir, &["--endpoint", &Scripted::new([]).url(), "--timeout", "5s", "--only", "rejected"]);
    assert_eq!(statuses(&workdir, "orders.results.csv").len(), 7);
}
