//! The machine-readable summaries of runs.

use super::{MAPPING, orders, workdir};
use crate::support::golden::{Golden, lasting};
use crate::support::server::TestServer;
use crate::support::workdir::Launch;
use crate::support::{Answer, Workdir, shipped};

fn summary(workdir: &Workdir, launch: Launch, code: i32, name: &str) -> String {
    launch.run().assert_code(code);
    lasting(workdir, &workdir.read(name))
}

#[test]
fn summaries_are_as_kept() {
    let mut golden = Golden::new("tests/snapshots/summaries");
    for (name, example) in [
        ("sandbox", "orders"),
        ("faults", "orders-with-faults"),
        ("join", "odoo-orders"),
        ("groups", "shopify"),
    ] {
        let example =
            shipped::examples().find(|shipped| shipped.name == example).expect("an example");
        let workdir = Workdir::new();
        example.put_into(&workdir);
        let flags = ["--sandbox", "-o", "out.csv"];
        let import = workdir.launch(&example.arguments("import", example.mapping, &flags));
        golden.add(format!("{name}.json"), summary(&workdir, import, example.code, "out.json"));
    }

    let folder = workdir();
    let dry_run = folder.launch(&["import", "orders.csv", "-m", "map.toml", "--dry-run"]);
    golden.add("dry-run.json", summary(&folder, dry_run, 0, "orders.dry-run.json"));

    folder.write("more.csv", orders(2).replace("TRACK", "OTHER"));
    let several = ["import", "orders.csv", "more.csv", "-m", "map.toml", "--sandbox"];
    let several = folder.launch(&several).args(&["-o", "out.csv"]);
    golden.add("several-inputs.json", summary(&folder, several, 0, "out.json"));

    let set = ["--set", "product=Mug", "--limit", "2", "-o", "out.csv", "--max-duration", "1h"];
    let limits = folder.launch(&["import", "orders.csv", "-m", "map.toml", "--sandbox"]).args(&set);
    golden.add("flags.json", summary(&folder, limits, 0, "out.json"));
    golden.check();
}

#[test]
fn summaries_of_retries_and_stopped_runs_are_as_kept() {
    let mut golden = Golden::new("tests/snapshots/summaries-of-trouble");
    let workdir = Workdir::new();
    workdir.write("map.toml", MAPPING);
    workdir.write("orders.csv", orders(4).replace("3,TRACK00003,24.11.2026", "3,TRACK00003,soon"));
    let server = TestServer::new([
        Answer::accepted(),
        Answer::json(409, r#"{"message":"Invalid JSON format","status":"Failure"}"#),
    ]);
    let url = server.url();
    let flags = ["--endpoint", &url, "--concurrency", "1", "--rate", "unlimited"];
    let launch = |arguments: &[&str]| {
        workdir.launch(&[arguments, &flags].concat()).credentials("ops@example.com", "key-1")
    };
    let import = launch(&["import", "orders.csv", "-m", "map.toml"]);
    golden.add("rejected.json", summary(&workdir, import, 1, "orders.results.json"));
    workdir.write("orders.csv", orders(4));
    let retry = launch(&["retry", "orders.results.csv"]);
    golden.add("retry.json", summary(&workdir, retry, 0, "orders.results.json"));

    let refusing = TestServer::with_last(
        [],
        Answer::json(401, r#"{"message":"Authorization Header Error","status":"Failure"}"#),
    );
    let url = refusing.url();
    let import = workdir.launch(&["import", "orders.csv", "-m", "map.toml", "--endpoint", &url]);
    let import = import.args(&["-o", "stopped.csv"]).credentials("ops@example.com", "key-1");
    golden.add("stopped.json", summary(&workdir, import, 3, "stopped.json"));
    golden.check();
}
