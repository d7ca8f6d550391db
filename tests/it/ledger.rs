//! The ledger through the binary: nothing lost, nothing sent twice for no reason.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::time::Duration;

use crate::support::server::TestServer;
use crate::support::workdir::{Launch, Run};
use crate::support::{Answer, End, Workdir};

const MAPPING: &str = "[fields]\norder_no = \"Order\"\ntrackingnumber = \"Tracking\"\ncarrier_type = { value = \"UPS\" }\n\
                       package_status = \"Status\"\n";

struct Shop {
    workdir: Workdir,
    server: TestServer,
}

impl Shop {
    fn new(server: TestServer) -> Self {
        let workdir = Workdir::new();
        workdir.write("map.toml", MAPPING);
        Self { workdir, server }
    }

    fn export(&self, rows: impl IntoIterator<Item = (usize, &'static str)>) {
        let mut orders = "Order,Tracking,Status\n".to_owned();
        for (order, status) in rows {
            let _ = writeln!(orders, "{order},T{order},{status}");
        }
        self.workdir.write("orders.csv", orders);
    }

    fn launch(&self, flags: &[&str]) -> Launch {
        let url = self.server.url();
        let mut arguments = vec!["import", "orders.csv", "-m", "map.toml", "--endpoint", &url];
        if !flags.contains(&"--no-ledger") {
            arguments.extend(["--ledger", "state/ledger.db"]);
        }
        if !flags.contains(&"--rate") {
            arguments.extend(["--rate", "unlimited"]);
        }
        arguments.extend(flags);
        self.workdir.launch(&arguments).credentials("ops@example.com", "key-1")
    }

    fn import(&self, flags: &[&str]) -> Run {
        self.launch(flags).run()
    }

    fn statuses(&self) -> Vec<String> {
        self.workdir.results("orders.results.csv").iter().map(|row| row["status"].clone()).collect()
    }

    fn count(&self, status: &str) -> usize {
        self.statuses().iter().filter(|found| *found == status).count()
    }
}

fn accepting() -> Shop {
    Shop::new(TestServer::new([]))
}

#[test]
fn the_second_night_sends_only_what_is_new_or_has_changed() {
    let shop = accepting();
    shop.export((1..=500).map(|order| (order, "shipped")));
    shop.import(&[]).assert_code(0);
    assert_eq!(shop.server.requests().len(), 500);
    // 399 as they were, one changed, 100 new.
    shop.export(
        (101..=600).map(|order| (order, if order == 250 { "delivered" } else { "shipped" })),
    );
    shop.import(&[]).assert_code(0);
    assert_eq!(shop.server.requests().len(), 500 + 101);
    assert_eq!((shop.count("already_sent"), shop.count("sent")), (399, 101));
    let row = &shop.workdir.results("orders.results.csv")[0];
    assert!(row["message"].contains("run 1") && row["attempts"].is_empty(), "{row:?}");
}

#[test]
fn two_payloads_of_one_shipment_in_every_nights_file_are_sent_once_each() {
    let shop = accepting();
    for night in 0..4 {
        shop.export([(1, "shipped"), (1, "delivered"), (2, "shipped")]);
        let run = shop.import(&[]);
        run.assert_code(0);
        assert_eq!(shop.server.requests().len(), 3, "night {night}");
        assert!(run.stderr.contains("different payloads"), "{}", run.stderr);
    }
    let order: Vec<_> =
        shop.server.requests().iter().map(|request| request.field("package_status")).collect();
    let first = order.iter().position(|status| status == "shipped").expect("sent");
    assert!(
        order.iter().position(|status| status == "delivered").expect("sent") > first,
        "in the order of the file"
    );
}

#[test]
fn a_status_that_goes_back_is_sent_again() {
    let shop = accepting();
    for (status, requests) in [("shipped", 1), ("delivered", 2), ("shipped", 3), ("shipped", 3)] {
        shop.export([(1, status)]);
        shop.import(&[]).assert_code(0);
        assert_eq!(shop.server.requests().len(), requests);
    }
}

#[test]
fn the_same_shipment_again_in_one_run_is_skipped_with_and_without_a_ledger() {
    for flags in [&[][..], &["--no-ledger"]] {
        let shop = accepting();
        shop.export([(1, "shipped"), (2, "shipped"), (1, "shipped")]);
        shop.import(flags).assert_code(0);
        assert_eq!(shop.statuses(), ["sent", "sent", "skipped"]);
        assert_eq!(shop.server.requests().len(), 2);
    }
}

#[test]
fn what_changed_can_be_left_out_and_what_was_accepted_sent_again() {
    let shop = accepting();
    shop.export([(1, "shipped"), (2, "shipped")]);
    shop.import(&[]).assert_code(0);
    shop.export([(1, "delivered"), (2, "shipped")]);
    shop.import(&["--changed", "skip"]).assert_code(0);
    assert_eq!(shop.statuses(), ["skipped", "already_sent"]);
    assert_eq!(shop.server.requests().len(), 2);
    shop.import(&["--resend"]).assert_code(0);
    assert_eq!(
        (shop.statuses(), shop.server.requests().len()),
        (vec!["sent".to_owned(), "sent".to_owned()], 4)
    );
}

#[test]
fn endpoints_and_accounts_have_memories_of_their_own() {
    let shop = accepting();
    shop.export([(1, "shipped")]);
    shop.import(&[]).assert_code(0);
    shop.launch(&[]).credentials("else@example.com", "key-2").run().assert_code(0);
    assert_eq!(shop.server.requests().len(), 2);
    shop.import(&[]).assert_code(0);
    assert_eq!(shop.server.requests().len(), 2);
}

#[test]
fn a_loopback_endpoint_is_remembered_only_when_that_is_said() {
    let shop = accepting();
    shop.export([(1, "shipped")]);
    let url = shop.server.url();
    let plain = ["import", "orders.csv", "-m", "map.toml", "--endpoint", &url];
    for requests in 1..=2 {
        shop.workdir.launch(&plain).credentials("ops@example.com", "key-1").run().assert_code(0);
        assert_eq!(shop.server.requests().len(), requests);
    }
}

#[test]
fn a_killed_run_is_finished_by_the_same_command_and_only_what_was_in_flight_is_in_doubt() {
    let shop =
        Shop::new(TestServer::answering(|_| Answer::accepted().delayed(Duration::from_millis(3))));
    shop.export((1..=600).map(|order| (order, "shipped")));
    let concurrency = 8;
    let mut kills = 0;
    for requests in [1, 60, 200, 350, 500] {
        let running = shop.launch(&["--concurrency", "8"]).spawn();
        shop.server.wait_for_requests(requests);
        running.kill();
        kills += 1;
    }
    shop.import(&["--concurrency", "8"]).assert_code(0);
    let mut arrived: HashMap<String, usize> = HashMap::new();
    for request in shop.server.requests() {
        *arrived.entry(request.field("order_no")).or_default() += 1;
    }
    assert_eq!(arrived.len(), 600, "every row arrived");
    let twice: usize = arrived.values().map(|times| times - 1).sum();
    assert!(twice <= kills * concurrency, "{twice} sent again after {kills} kills");
    let rows = shop.workdir.results("orders.results.csv");
    assert!(rows.iter().all(|row| row["status"] == "sent" || row["status"] == "already_sent"));
}

#[test]
fn what_was_in_flight_at_a_kill_is_held_by_name_when_that_is_wished() {
    let shop =
        Shop::new(TestServer::answering(|request| match request.field("order_no").as_str() {
            "7" | "8" => Answer::none(End::Mute),
            _ => Answer::accepted(),
        }));
    shop.export((1..=20).map(|order| (order, "shipped")));
    let running = shop.launch(&["--in-doubt", "hold"]).spawn();
    shop.server.wait_for_requests(20);
    // All but the two are answered; give their outcomes no time of ours: what is not recorded is in
    // doubt as well.
    running.kill();
    let run = shop.import(&["--in-doubt", "hold"]);
    run.assert_code(1);
    let held: HashSet<_> = shop
        .workdir
        .results("orders.results.csv")
        .iter()
        .filter(|row| row["status"] == "in_doubt")
        .map(|row| row["order_no"].clone())
        .collect();
    assert!(held.contains("7") && held.contains("8"), "{held:?}");
    let requests = shop.server.requests();
    let orders: HashSet<_> = requests.iter().map(|request| request.field("order_no")).collect();
    assert_eq!(requests.len(), orders.len(), "nothing was sent twice");
    let hold = shop.import(&["--in-doubt", "hold", "--no-ledger"]);
    hold.assert_code(2);
}

#[test]
fn one_lost_answer_taints_a_shipment_over_the_runs() {
    let shop = Shop::new(TestServer::with_last(
        [
            Answer::accepted(),
            Answer::none(End::Reset),
            Answer::json(500, ""),
            Answer::json(500, ""),
        ],
        Answer::accepted(),
    ));
    shop.export([(1, "shipped"), (2, "shipped")]);
    let flags = ["--concurrency", "1", "--max-attempts", "2"];
    shop.import(&flags).assert_code(1);
    assert_eq!(shop.statuses(), ["sent", "in_doubt"], "a lost answer, then a 500");
    shop.import(&["--concurrency", "1", "--max-attempts", "1"]).assert_code(1);
    assert_eq!(
        shop.statuses(),
        ["already_sent", "in_doubt"],
        "a 500 in the next run makes it no less in doubt"
    );
    shop.import(&flags).assert_code(0);
    let row = &shop.workdir.results("orders.results.csv")[1];
    assert!(row["status"] == "sent" && row["message"].contains("twice"), "{row:?}");
}

#[test]
fn a_payload_that_stays_in_doubt_does_not_make_the_shipments_other_one_go_out_every_night() {
    let shop = Shop::new(TestServer::with_last(
        [Answer::none(End::Reset), Answer::accepted(), Answer::json(409, "")],
        Answer::json(409, ""),
    ));
    shop.export([(1, "packed"), (1, "shipped")]);
    let flags = ["--concurrency", "1", "--max-attempts", "1"];
    shop.import(&flags).assert_code(1);
    assert_eq!(shop.statuses(), ["in_doubt", "sent"]);
    for _ in 0..2 {
        shop.import(&flags).assert_code(1);
        assert_eq!(
            shop.statuses(),
            ["in_doubt", "already_sent"],
            "the refused one surely did not supersede it"
        );
    }
}

#[test]
fn a_payload_that_stands_once_more_in_a_file_is_sent_once_with_a_ledger_and_without() {
    for flags in [&[][..], &["--no-ledger"]] {
        let shop = accepting();
        shop.export([(1, "packed"), (1, "shipped"), (1, "packed"), (1, "shipped")]);
        shop.import(flags).assert_code(0);
        assert_eq!(shop.statuses(), ["sent", "sent", "skipped", "skipped"], "{flags:?}");
    }
}

#[test]
fn a_retry_warns_where_the_endpoint_gets_an_older_payload_last() {
    let shop = Shop::new(TestServer::with_last([Answer::json(409, "")], Answer::accepted()));
    shop.export([(1, "packed"), (1, "shipped"), (2, "shipped")]);
    shop.import(&["--concurrency", "1"]).assert_code(1);
    assert_eq!(shop.statuses(), ["rejected", "sent", "sent"]);
    let arguments = ["retry", "orders.results.csv", "--ledger", "state/ledger.db"];
    let retry = shop.workdir.launch(&arguments).credentials("ops@example.com", "key-1").run();
    retry.assert_code(0);
    assert!(
        retry.stderr.contains("1 accepted payload below another payload")
            && retry.stderr.contains("row 2 of orders.csv"),
        "{}",
        retry.stderr
    );
    shop.import(&[]).assert_code(0);
    assert_eq!(
        shop.statuses(),
        ["already_sent", "sent", "already_sent"],
        "the import puts it right"
    );
    shop.import(&[]).assert_code(0);
    assert_eq!(shop.count("already_sent"), 3);
}

#[test]
fn slow_second_run_for_an_account_is_told_of_the_first_or_waits() {
    let shop =
        Shop::new(TestServer::answering(|_| Answer::accepted().delayed(Duration::from_millis(40))));
    shop.export((1..=40).map(|order| (order, "shipped")));
    let first = shop.launch(&["--concurrency", "1"]).spawn();
    shop.server.wait_for_requests(2);
    let second = shop.import(&["-o", "other.csv"]);
    second.assert_code(2);
    assert!(
        second.stderr.contains("this endpoint and account") && second.stderr.contains("process"),
        "{}",
        second.stderr
    );
    let waiting = shop.launch(&["-o", "other.csv", "--wait", "1m"]).spawn();
    first.wait().assert_code(0);
    waiting.wait().assert_code(0);
    assert_eq!(
        shop.server.requests().len(),
        40,
        "what the first sent is already sent for the second"
    );
}

#[test]
fn a_ledger_that_cannot_be_used_stops_the_run_before_anything_is_sent() {
    let shop = accepting();
    shop.export([(1, "shipped")]);
    shop.workdir.write(
        "broken.db",
        "this is no database but a text that is long enough to be looked at as one",
    );
    let url = shop.server.url();
    for (path, word) in
        [("broken.db", "--ledger"), (".", "ledger"), ("/dev/null/x/ledger.db", "--ledger")]
    {
        let arguments =
            ["import", "orders.csv", "-m", "map.toml", "--endpoint", &url, "--ledger", path];
        let run = shop.workdir.launch(&arguments).credentials("ops@example.com", "key-1").run();
        run.assert_code(2);
        assert!(run.stderr.contains(word), "{}", run.stderr);
    }
    assert_eq!(shop.server.requests().len(), 0);
    let sandbox = shop.workdir.lateship(&[
        "import",
        "orders.csv",
        "-m",
        "map.toml",
        "--sandbox",
        "--ledger",
        "x.db",
    ]);
    sandbox.assert_code(2);
}

#[test]
fn the_ledger_is_looked_at_and_put_right_by_its_command() {
    let shop =
        Shop::new(TestServer::answering(|request| match request.field("order_no").as_str() {
            "3" => Answer::none(End::Reset),
            _ => Answer::accepted(),
        }));
    shop.export((1..=3).map(|order| (order, "shipped")));
    shop.import(&["--max-attempts", "1"]).assert_code(1);
    let ledger = |words: &[&str]| {
        let mut arguments = vec!["ledger", "--ledger", "state/ledger.db"];
        arguments.extend(words);
        let run =
            shop.workdir.launch(&arguments).env("LATESHIPMENT_EMAIL", "ops@example.com").run();
        run.assert_code(0);
        run.stdout
    };
    assert!(ledger(&["path"]).contains("state/ledger.db"));
    let stats = ledger(&["stats"]);
    assert!(
        stats.contains("ops@example.com")
            && stats.contains("1 in doubt")
            && stats.contains("1 run"),
        "{stats}"
    );
    let doubts = ledger(&["doubts"]);
    assert!(doubts.contains("order 3, T3") && doubts.contains("resolve"), "{doubts}");
    assert_eq!(ledger(&["resolve", "3", "--sent"]), "order 3: 1 doubt\n");
    assert!(ledger(&["doubts"]).contains("nothing"));
    let export = ledger(&["export"]);
    assert!(
        export.starts_with("endpoint,account,order_no,") && export.lines().count() == 4,
        "{export}"
    );
    shop.import(&[]).assert_code(0);
    assert_eq!(shop.statuses(), ["already_sent"; 3]);
    assert_eq!(ledger(&["forget", "1"]), "forgotten: 1 shipment\n");
    assert_eq!(ledger(&["forget", "--older-than", "400d"]), "forgotten: 0 shipments\n");
    let before = shop.server.requests().len();
    shop.import(&[]).assert_code(0);
    assert_eq!(shop.statuses(), ["sent", "already_sent", "already_sent"]);
    assert_eq!(shop.server.requests().len(), before + 1);
}

#[test]
fn what_another_tool_sent_is_adopted_from_the_export_or_from_results() {
    let shop = accepting();
    shop.export((1..=5).map(|order| (order, "shipped")));
    let url = shop.server.url();
    let adopt = |words: &[&str]| {
        let mut arguments = vec!["ledger", "--ledger", "state/ledger.db", "adopt"];
        arguments.extend(words);
        let run =
            shop.workdir.launch(&arguments).env("LATESHIPMENT_EMAIL", "ops@example.com").run();
        run.assert_code(0);
        run.stdout
    };
    assert_eq!(
        adopt(&["orders.csv", "-m", "map.toml", "--endpoint", &url]),
        "remembered as accepted: 5 shipments\n"
    );
    shop.import(&[]).assert_code(0);
    assert_eq!(
        (shop.statuses(), shop.server.requests().len()),
        (vec!["already_sent".to_owned(); 5], 0)
    );
    // A lost ledger, of which the results know.
    std::fs::remove_dir_all(shop.workdir.path("state")).expect("removed");
    assert_eq!(adopt(&["orders.results.csv"]), "remembered as accepted: 5 shipments\n");
    shop.import(&[]).assert_code(0);
    assert_eq!(shop.server.requests().len(), 0);
}

#[test]
fn stats_verify_finds_damage_in_a_row() {
    let shop = accepting();
    shop.export((1..=5).map(|order| (order, "shipped")));
    shop.import(&[]).assert_code(0);
    let verify = || {
        let arguments = ["ledger", "--ledger", "state/ledger.db", "stats", "--verify"];
        shop.workdir.launch(&arguments).run()
    };
    let run = verify();
    run.assert_code(0);
    assert!(run.stdout.starts_with("verified: 5 rows, no damage\n"), "{}", run.stdout);
    let path = shop.workdir.path("state/ledger.db");
    let mut bytes = std::fs::read(&path).expect("a ledger");
    // An earlier state of the row may be left in the page's free space.
    let places: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(b"T3")).collect();
    assert!(!places.is_empty(), "a tracking number");
    for at in places {
        bytes[at] = b'S';
    }
    std::fs::write(&path, bytes).expect("written");
    let run = verify();
    run.assert_code(2);
    assert!(run.stderr.contains("is damaged (row 3 of payload"), "{}", run.stderr);
}
