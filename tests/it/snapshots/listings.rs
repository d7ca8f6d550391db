//! What commands print on standard output: checks, mappings, fields, proposals, the ledger.

use super::{orders, shown, transcript, workdir};
use crate::support::golden::{Golden, lasting};
use crate::support::server::TestServer;
use crate::support::{Answer, Workdir, shipped};

#[test]
fn checks_of_the_shipped_examples_are_as_kept() {
    let mut golden = Golden::new("tests/snapshots/check");
    for example in shipped::examples() {
        let workdir = Workdir::new();
        example.put_into(&workdir);
        let json = ["--format", "json"];
        let run = workdir.lateship(&example.arguments("check", example.mapping, &json));
        run.assert_code(example.code);
        golden.add(format!("{}.json", example.name), lasting(&workdir, &run.stdout));
        if ["orders", "orders-with-faults", "odoo-orders"].contains(&example.name) {
            let arguments = example.arguments("check", example.mapping, &["--show", "1"]);
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            golden.add(format!("{}.txt", example.name), shown(&workdir, &arguments));
        }
    }
    golden.check();
}

#[test]
fn lists_and_proposals_are_as_kept() {
    let mut golden = Golden::new("tests/snapshots/lists");
    let workdir = Workdir::new();
    for (name, arguments) in [
        ("mappings.txt", &["mappings"][..]),
        ("mappings-xentral.txt", &["mappings", "xentral"]),
        ("fields.txt", &["fields"]),
    ] {
        golden.add(name, shown(&workdir, arguments));
    }
    for name in ["shopify", "bestellungen", "orders"] {
        let input = format!("{name}.csv");
        workdir.write(&input, shipped::bytes(&format!("examples/{input}")));
        golden.add(format!("init-{name}.txt"), shown(&workdir, &["init", &input, "-o", "-"]));
    }
    workdir.write(
        "plain.csv",
        "Order,Tracking,Shipped by,When\n1,1Z999AA10123456784,UPS,24.11.2026\n",
    );
    golden.add("init-plain.txt", shown(&workdir, &["init", "plain.csv", "-o", "-"]));
    golden.check();
}

#[test]
fn ledger_commands_after_a_run_are_as_kept() {
    let mut golden = Golden::new("tests/snapshots/ledger");
    let workdir = workdir();
    let server = TestServer::answering(|request| match request.field("order_no").as_str() {
        "2" => Answer::html(200, "<p>Welcome</p>"),
        _ => Answer::accepted(),
    });
    let url = server.url();
    let import = ["import", "orders.csv", "-m", "map.toml", "--endpoint", &url];
    let flags = ["--ledger", "l.db", "--concurrency", "1", "--rate", "unlimited"];
    golden.add("1-import.txt", shown(&workdir, &[&import[..], &flags].concat()));
    workdir.write("more.csv", orders(7).replace("24.11.2026", "25.11.2026"));
    let size = regex::Regex::new(r"[\d,]+ bytes").expect("a pattern");
    let adopt = ["adopt", "more.csv", "-m", "map.toml", "--endpoint", &url];
    for (name, arguments) in [
        ("2-path.txt", &["path"][..]),
        ("3-stats.txt", &["stats"]),
        ("4-export.txt", &["export"]),
        ("5-doubts.txt", &["doubts"]),
        ("6-resolve.txt", &["resolve", "2", "--sent"]),
        ("7-doubts.txt", &["doubts"]),
        ("8-forget.txt", &["forget", "3"]),
        ("9-adopt.txt", &adopt),
    ] {
        let arguments = [&["ledger"], arguments, &["--ledger", "l.db"]].concat();
        let run = workdir.launch(&arguments).credentials("ops@example.com", "key-1").run();
        let text = transcript(&workdir, &arguments, &run);
        golden.add(name, size.replace_all(&text, "<N> bytes"));
    }
    golden.check();
}
