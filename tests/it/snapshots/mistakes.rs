//! The answers to typical mistakes: exit code 2 and a message that says what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{MAPPING, orders, shown, transcript, workdir};
use crate::support::Workdir;
use crate::support::golden::Golden;

const IMPORT: [&str; 4] = ["import", "orders.csv", "-m", "map.toml"];

/// Adds the transcript of a command.
fn add(golden: &mut Golden, name: &str, workdir: &Workdir, arguments: &[&str]) {
    golden.add(format!("{name}.txt"), shown(workdir, arguments));
}

#[test]
fn wrong_flags_get_the_answers_kept() {
    let mut golden = Golden::new("tests/snapshots/mistakes-flags");
    for (name, flags) in [
        ("rate", &["--rate", "fast"][..]),
        ("timeout-without-unit", &["--timeout", "30"]),
        ("connect-timeout-above-timeout", &["--timeout", "1s", "--connect-timeout", "2s"]),
        ("concurrency", &["--concurrency", "0"]),
        ("max-failures", &["--max-failures", "120%"]),
        ("stop-at", &["--stop-at", "25:00"]),
        ("in-doubt", &["--in-doubt", "maybe"]),
        ("encoding", &["--encoding", "klingon"]),
        ("set-unknown-field", &["--set", "productt=x"]),
        ("set-without-value", &["--set", "product"]),
        ("unknown-flag", &["--concurency", "4"]),
        ("min-shipments", &["--min-shipments", "100"]),
        ("endpoint-http", &["--endpoint", "http://shop.example.com/hook"]),
        ("endpoint-with-password", &["--endpoint", "https://user:pw@shop.example.com/"]),
        ("endpoint-no-url", &["--endpoint", "shop"]),
        ("results-in-missing-folder", &["-o", "missing/out.csv"]),
        ("results-over-the-input", &["-o", "orders.csv"]),
        ("quiet-and-verbose", &["-q", "-v"]),
    ] {
        let target: &[&str] = if flags[0] == "--endpoint" { &[] } else { &["--sandbox"] };
        add(&mut golden, name, &workdir(), &[&IMPORT[..], target, flags].concat());
    }
    let folder = workdir();
    folder.write("orders.results.csv.partial", "");
    for (name, arguments) in [
        ("no-command", &[][..]),
        ("unknown-command", &["imprt", "orders.csv"]),
        ("no-mapping", &["import", "orders.csv"]),
        ("no-input", &["import", "-m", "map.toml"]),
        ("stdin-without-results", &["import", "-", "-m", "map.toml", "--sandbox"]),
        ("retry-without-results", &["retry", "missing.results.csv"]),
        ("retry-of-no-results", &["retry", "orders.csv"]),
        ("init-over-a-mapping", &["init", "orders.csv", "-o", "map.toml"]),
        ("mappings-unknown", &["mappings", "shopfy"]),
        ("sandbox-share", &["sandbox", "--errors", "150%"]),
        ("ledger-resolve-undecided", &["ledger", "resolve", "7"]),
        ("ledger-missing", &["ledger", "stats", "--ledger", "missing.db"]),
    ] {
        add(&mut golden, name, &folder, arguments);
    }
    let run = folder.launch(&[&IMPORT[..], &["--sandbox"]].concat()).env("LATESHIP_RATE", "fast");
    golden.add("environment.txt", transcript(&folder, &IMPORT, &run.run()));
    golden.check();
}

#[test]
fn wrong_inputs_get_the_answers_kept() {
    let mut golden = Golden::new("tests/snapshots/mistakes-inputs");
    let sandbox = [&IMPORT[..], &["--sandbox"]].concat();
    for (name, content) in [
        ("empty", &b""[..]),
        ("picture", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
        ("broken-gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00"),
        ("missing-columns", b"Ordr,Tracking No,Date\n1,T1,24.11.2026\n"),
        ("duplicate-column", b"Order,Tracking,Date,Order\n1,T1,24.11.2026,2\n"),
        (
            "results-as-input",
            b"file,row,line,order_no,trackingnumber,status,http_status,attempts,message,finished_at,duration_ms,fingerprint,shipment,payload\n",
        ),
    ] {
        let folder = workdir();
        folder.write("orders.csv", content);
        add(&mut golden, name, &folder, &sandbox);
    }
    let folder = workdir();
    fs::create_dir(folder.path("folder.csv")).expect("a folder");
    folder.write("other.csv", "Order,Tracking No,Date\n1,T1,24.11.2026\n");
    for (name, inputs) in [
        ("missing", &["missing.csv"][..]),
        ("folder", &["folder.csv"]),
        ("same-twice", &["orders.csv", "./orders.csv"]),
        ("different-columns", &["orders.csv", "other.csv"]),
    ] {
        let arguments = [&["import"], inputs, &["-m", "map.toml", "--sandbox"]].concat();
        add(&mut golden, name, &folder, &arguments);
    }
    let join = [&sandbox[..], &["--join", "shipments.csv"]].concat();
    add(&mut golden, "join-without-a-join", &folder, &join);
    golden.check();
}

#[test]
fn wrong_mappings_get_the_answers_kept() {
    let mut golden = Golden::new("tests/snapshots/mistakes-mappings");
    let lookup = "[lookups.t]\nfile = \"t.csv\"\nkey = \"K\"\nvalue = \"V\"\n";
    let join = "[join]\nfile = \"s.csv\"\non = { \"Order\" = \"Order\" }\n";
    let with = |more: &str| format!("{MAPPING}{more}\n");
    for (name, mapping) in [
        ("broken-toml", "[fields\norder_no = ".to_owned()),
        ("required-fields", "[fields]\norder_no = \"Order\"\n".to_owned()),
        ("unknown-section", with("[payloads]\nsend_empty = true")),
        ("unknown-field", with("custmer_name = \"Order\"")),
        ("unknown-key", with("product = { column = \"Order\", mx_length = 3 }")),
        ("unknown-column", with("product = \"Trcking\"")),
        ("unknown-lookup", with("product = { column = \"Order\", lookup = \"colours\" }")),
        ("bad-regex", with("product = { column = \"Order\", extract = \"(\" }")),
        ("bad-date", with("payment_status = { column = \"Date\", date = \"%Q\" }")),
        (
            "bad-timezone",
            with("product = { column = \"Date\", date = \"%F\", timezone = \"Mars\" }"),
        ),
        ("delivery-rate", with("[delivery]\nrate = \"fast\"")),
        ("delivery-unknown", with("[delivery]\nendpoint = \"https://shop.example.com/\"")),
        ("delivery-number", with("[delivery]\nmax_attempts = \"5\"")),
        ("lookup-file-missing", with(lookup)),
        ("join-file-missing", with(join)),
        ("extends-unknown", "extends = \"shopfy\"\n".to_owned()),
        ("extends-itself", "extends = \"map.toml\"\n".to_owned()),
    ] {
        let folder = workdir();
        folder.write("map.toml", mapping);
        add(&mut golden, name, &folder, &[&IMPORT[..], &["--sandbox"]].concat());
    }
    let built_in = ["import", "orders.csv", "-m", "order", "--sandbox"];
    add(&mut golden, "unknown-built-in", &workdir(), &built_in);
    golden.check();
}

#[test]
fn wrong_credentials_get_the_answers_kept() {
    let mut golden = Golden::new("tests/snapshots/mistakes-credentials");
    let folder = workdir();
    folder.write("orders.csv", orders(1));
    // Nothing listens there, and nothing is to be sent.
    let import = [&IMPORT[..], &["--endpoint", "http://127.0.0.1:9/"]].concat();
    let run = folder.launch(&import).run();
    run.assert_code(2);
    golden.add("none.txt", transcript(&folder, &import, &run));
    for (name, email, key) in [
        ("email-alone", "ops@example.com", ""),
        ("key-in-quotes", "ops@example.com", "\"SECRETKEY\""),
        ("key-with-blank", "ops@example.com", "Bearer SECRETKEY"),
    ] {
        let run = folder.launch(&import).credentials(email, key).run();
        let text = transcript(&folder, &import, &run);
        assert!(!text.contains("SECRETKEY"), "{text}");
        golden.add(format!("{name}.txt"), text);
    }
    let path = folder.write("keys.toml", "email = \"ops@example.com\"\napi_key = \"SECRETKEY\n");
    let with_file = [&import[..], &["--credentials", "keys.toml"]].concat();
    for (name, mode) in [("file-of-others", 0o644), ("file-broken", 0o600)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changed");
        add(&mut golden, name, &folder, &with_file);
    }
    let missing = [&import[..], &["--credentials", "missing.toml"]].concat();
    add(&mut golden, "file-missing", &folder, &missing);
    golden.check();
}
