//! Retries in other circumstances: elsewhere, of results that a spreadsheet saved, broken off, with
//! a ledger.

use std::fs;

use super::*;
use crate::support::Answer;

#[test]
fn a_copied_folder_is_retried_on_another_machine() {
    let workdir = workdir("");
    fs::create_dir_all(workdir.path("job/in")).expect("made");
    fs::rename(workdir.path("map.toml"), workdir.path("job/map.toml")).expect("moved");
    workdir.write("job/in/orders.csv", orders(3));
    let server = refusing(&["2"]);
    let endpoint = server.url();
    let arguments = [
        "import",
        "job/in/orders.csv",
        "-m",
        "job/map.toml",
        "-o",
        "job/out.csv",
        "--endpoint",
        &endpoint,
    ];
    launch(&workdir, &arguments).run().assert_code(1);
    fs::rename(workdir.path("job"), workdir.path("elsewhere")).expect("moved");
    let lines = |path: &str| workdir.read(path).lines().map(str::to_owned).collect::<Vec<_>>();
    let before = lines("elsewhere/out.csv");
    launch(&workdir, &["retry", "elsewhere/out.csv"]).run().assert_code(1);
    assert_eq!(arrived(&server, 3), ["2"]);
    let after = lines("elsewhere/out.csv");
    assert_eq!((&after[..2], &after[3]), (&before[..2], &before[3]));
    assert!(after[2].starts_with("job/in/orders.csv,2,3,2,T2,rejected,409,1,"), "{}", after[2]);
    assert!(
        workdir.names() == ["elsewhere", "map.toml", "orders.csv"] || !workdir.path("job").exists()
    );
}

#[test]
fn standard_input_is_kept_until_no_row_is_left() {
    let workdir = workdir("");
    let first = refusing(&["1", "3"]);
    let endpoint = first.url();
    let piped = launch(
        &workdir,
        &["import", "-", "-m", "map.toml", "-o", "night.csv", "--endpoint", &endpoint],
    );
    piped.stdin(orders(3)).run().assert_code(1);
    let second = refusing(&["3"]);
    launch(&workdir, &["retry", "night.csv", "--endpoint", &second.url()]).run().assert_code(1);
    assert_eq!(sorted(arrived(&second, 0)), ["1", "3"]);
    assert_eq!(workdir.read("night.csv.input"), orders(3));
    let third = TestServer::new([]);
    launch(&workdir, &["retry", "night.csv", "--endpoint", &third.url()]).run().assert_code(0);
    assert_eq!(arrived(&third, 0), ["3"]);
    assert_eq!(workdir.results("night.csv")[0]["file"], "standard input");
    assert!(!workdir.names().contains(&"night.csv.input".to_owned()), "{:?}", workdir.names());
}

#[test]
fn standard_input_is_kept_for_the_rows_behind_a_limit() {
    let workdir = workdir("");
    let first = TestServer::new([]);
    let endpoint = first.url();
    let arguments = ["import", "-", "-m", "map.toml", "-o", "night.csv", "--endpoint", &endpoint];
    let limited = [&arguments[..], &["--limit", "1"]].concat();
    launch(&workdir, &limited).stdin(orders(3)).run().assert_code(0);
    let second = TestServer::new([]);
    launch(&workdir, &["retry", "night.csv", "--endpoint", &second.url()]).run().assert_code(0);
    assert_eq!(sorted(arrived(&second, 0)), ["2", "3"]);
    assert!(!workdir.names().contains(&"night.csv.input".to_owned()), "{:?}", workdir.names());
}

#[test]
fn a_users_own_file_is_never_taken_for_a_copy() {
    let workdir = workdir("");
    workdir.write("night.csv.input", orders(2));
    let server = refusing(&["2"]);
    let endpoint = server.url();
    let arguments =
        ["import", "night.csv.input", "-m", "map.toml", "-o", "night.csv", "--endpoint", &endpoint];
    launch(&workdir, &arguments).run().assert_code(1);
    launch(
        &workdir,
        &["retry", "night.csv", "--endpoint", &TestServer::new([]).url(), "--only", "failed"],
    )
    .run();
    let server = TestServer::new([]);
    launch(&workdir, &["retry", "night.csv", "--endpoint", &server.url()]).run().assert_code(0);
    assert!(workdir.names().contains(&"night.csv.input".to_owned()));
}

#[test]
fn results_that_a_spreadsheet_saved_are_read_and_any_number_of_rounds_ends_well() {
    let workdir = workdir(&orders(6));
    import(&workdir, &refusing(&["2", "3", "4", "6"]), &[]).assert_code(1);
    let before = workdir.read("orders.results.csv");
    assert!(!before.contains(';'), "or the delimiters could not be replaced");
    workdir.write(
        "orders.results.csv",
        format!("\u{feff}{}", before.replace(',', ";").replace('\n', "\r\n")),
    );
    let rounds: [(&'static [&'static str], i32, &[&str]); 4] = [
        (&["2", "3", "4", "6"], 1, &["2", "3", "4", "6"]),
        (&["3", "6"], 1, &["2", "3", "4", "6"]),
        (&["6"], 1, &["3", "6"]),
        (&[], 0, &["6"]),
    ];
    for (refused, code, expected) in rounds {
        let server = refusing(refused);
        retry(&workdir, &["--endpoint", &server.url()]).assert_code(code);
        assert_eq!(sorted(arrived(&server, 0)), expected);
        let after = workdir.read("orders.results.csv");
        assert_eq!(after.lines().nth(1), before.lines().nth(1));
        assert_eq!(after.lines().nth(5), before.lines().nth(5));
        let failed = workdir.names().contains(&"orders.failed.csv".to_owned());
        assert_eq!(failed, !refused.is_empty());
    }
    let server = TestServer::new([]);
    let before = workdir.read("orders.results.csv");
    retry(&workdir, &["--endpoint", &server.url()]).assert_code(0);
    assert_eq!((server.requests().len(), workdir.read("orders.results.csv")), (0, before));
}

#[test]
fn several_inputs_are_matched_by_their_names() {
    let workdir = workdir(&orders(2));
    workdir.write("more.csv", "Order;Tracking;Date\n4;T4;\n5;T5;\n6;;\n");
    let server = refusing(&["2", "5"]);
    import(&workdir, &server, &["more.csv"]).assert_code(1);
    assert_eq!(
        statuses(&workdir, "orders.results.csv"),
        ["sent", "rejected", "sent", "rejected", "invalid"]
    );
    replace(&workdir, "more.csv", "6;;", "6;T6;");
    let sent = server.requests().len();
    retry(&workdir, &[]).assert_code(1);
    assert_eq!(sorted(arrived(&server, sent)), ["2", "5", "6"]);
    workdir.write("orders.csv", orders(3));
    let before = state(&workdir);
    let says = ["a line for row 1 of more.csv where that of row 3 of orders.csv belongs"];
    assert_refused(&workdir, &retry(&workdir, &[]), &before, &says);
}

#[test]
fn a_rehearsal_and_a_real_run_never_stand_in_one_file() {
    let workdir = workdir(&orders(2).replace("2,T2", "2,"));
    workdir.lateship(&["import", "orders.csv", "-m", "map.toml", "--sandbox"]).assert_code(1);
    let before = state(&workdir);
    let run = retry(&workdir, &[]);
    assert_refused(
        &workdir,
        &run,
        &before,
        &["a rehearsal with --sandbox", "retry with --sandbox"],
    );
    let run = retry(&workdir, &["--endpoint", "https://hook.example.com/"]);
    assert_refused(&workdir, &run, &before, &["was a rehearsal", "import the input"]);
    replace(&workdir, "orders.csv", "2,,", "2,T2,");
    workdir.lateship(&["retry", "orders.results.csv", "--sandbox"]).assert_code(0);

    let mut summary: serde_json::Value =
        serde_json::from_str(&workdir.read("orders.results.json")).expect("JSON");
    (summary["endpoint"], summary["sandbox"]) = ("https://hook.example.com/".into(), false.into());
    workdir.write("orders.results.json", summary.to_string());
    let before = state(&workdir);
    let run = retry(&workdir, &["--sandbox"]);
    assert_refused(
        &workdir,
        &run,
        &before,
        &["sent to https://hook.example.com/", "never reached it"],
    );
}

#[test]
fn a_summary_whose_in_doubt_is_no_such_word_is_refused() {
    let workdir = workdir(&orders(2));
    import(&workdir, &refusing(&["2"]), &[]).assert_code(1);
    let mut summary: serde_json::Value =
        serde_json::from_str(&workdir.read("orders.results.json")).expect("JSON");
    summary["in_doubt"] = "Hold".into();
    workdir.write("orders.results.json", summary.to_string());
    let before = state(&workdir);
    let run = retry(&workdir, &[]);
    assert_refused(&workdir, &run, &before, &["its in_doubt cannot be used", "resend or hold"]);
}

#[test]
fn what_cannot_be_retried_says_what_to_do_instead() {
    let workdir = workdir(&orders(2).replace("2,T2", "2,"));
    let run = retry(&workdir, &[]);
    assert!(
        run.assert_code(2).stderr.contains("cannot read orders.results.csv: it does not exist"),
        "{}",
        run.stderr
    );
    let run = launch(&workdir, &["retry", "orders.csv"]).run();
    assert!(run.assert_code(2).stderr.contains("no results of an import"), "{}", run.stderr);
    workdir.write("orders.results.csv.partial", "file,row,line\n");
    let run = retry(&workdir, &[]);
    assert!(run.assert_code(2).stderr.contains("run the same import again"), "{}", run.stderr);
    fs::remove_file(workdir.path("orders.results.csv.partial")).expect("removed");

    workdir.lateship(&["import", "orders.csv", "-m", "map.toml", "--dry-run"]).assert_code(1);
    let run = launch(&workdir, &["retry", "orders.dry-run.csv"]).run();
    assert!(run.assert_code(2).stderr.contains("without --dry-run"), "{}", run.stderr);

    let server = TestServer::new([]);
    import(&workdir, &server, &[]).assert_code(1);
    fs::copy(workdir.path("orders.results.csv"), workdir.path("orders.results.csv.partial"))
        .expect("copied");
    let run = retry(&workdir, &[]);
    assert!(run.assert_code(2).stderr.contains("was killed"), "{}", run.stderr);
    assert_eq!(server.requests().len(), 1);
    fs::remove_file(workdir.path("orders.results.csv.partial")).expect("removed");
    fs::remove_file(workdir.path("orders.results.json")).expect("removed");
    let run = retry(&workdir, &[]);
    assert!(run.assert_code(2).stderr.contains("say where with --summary"), "{}", run.stderr);
}

#[test]
fn an_input_that_breaks_off_in_the_middle_of_a_retry_costs_no_line() {
    let (start, blank) = (orders(1), format!(",{},\n", " ".repeat(80)));
    let cut_at = start.len() + 39_000 * blank.len();
    let text = start + &blank.repeat(40_000) + "2,T2,24.11.2026\n3,T3,24.11.2026\n";
    let workdir = workdir(&text);
    import(&workdir, &refusing(&["1"]), &[]).assert_code(1);
    let before = workdir.read("orders.results.csv");
    let input = workdir.path("orders.csv");
    // The reading waits for this answer, far from the end of the input.
    let server = TestServer::answering(move |_| {
        let file = fs::OpenOptions::new().write(true).open(&input).expect("there");
        file.set_len(cut_at as u64).expect("cut");
        Answer::accepted()
    });
    let run = retry(&workdir, &["--endpoint", &server.url()]);
    assert!(run.assert_code(3).stderr.contains("where the input ends"), "{}", run.stderr);
    let after = workdir.read("orders.results.csv");
    assert!(
        after.lines().skip(2).eq(before.lines().skip(2)),
        "and all lines behind the break are kept"
    );
    assert!(after.lines().nth(1).is_some_and(|line| line.contains(",sent,")));
}

#[test]
fn accepted_row_that_changes_in_the_middle_of_a_retry_keeps_its_line() {
    let (start, blank) = (orders(1), format!(",{},\n", " ".repeat(80)));
    let text = start + &blank.repeat(40_000) + "2,T2,24.11.2026\n3,T3,24.11.2026\n";
    let workdir = workdir(&text);
    import(&workdir, &refusing(&["1"]), &[]).assert_code(1);
    let before = workdir.read("orders.results.csv");
    let input = workdir.path("orders.csv");
    // The reading waits for this answer, far from the end of the input.
    let server = TestServer::answering(move |_| {
        fs::write(&input, text.replace("2,T2", "2,T9")).expect("written");
        Answer::accepted()
    });
    let run = retry(&workdir, &["--endpoint", &server.url()]);
    assert!(run.assert_code(3).stderr.contains("row 40002 of orders.csv"), "{}", run.stderr);
    let after = workdir.read("orders.results.csv");
    assert!(after.lines().skip(2).eq(before.lines().skip(2)));
}

#[test]
fn a_repetition_is_left_out_only_behind_an_accepted_shipment() {
    let workdir = workdir("Order,Tracking,Date\n1,T1,\n2,T2,\n1,T1,\n2,T2,\n");
    import(&workdir, &refusing(&["2"]), &[]).assert_code(1);
    assert_eq!(
        statuses(&workdir, "orders.results.csv"),
        ["sent", "rejected", "skipped", "skipped"]
    );
    replace(&workdir, "orders.csv", "\n2,T2,\n1,", "\n3,T2,\n1,");
    let server = TestServer::new([]);
    retry(&workdir, &["--endpoint", &server.url()]).assert_code(0);
    assert_eq!(sorted(arrived(&server, 0)), ["2", "3"]);
    assert_eq!(statuses(&workdir, "orders.results.csv"), ["sent", "sent", "skipped", "sent"]);
}

#[test]
fn only_sends_a_repetition_whose_original_was_mended() {
    let workdir = workdir("Order,Tracking,Date\n1,T1,\n2,T2,\n2,T2,\n,,\n");
    import(&workdir, &refusing(&["2"]), &[]).assert_code(1);
    assert_eq!(
        statuses(&workdir, "orders.results.csv"),
        ["sent", "rejected", "skipped", "skipped"]
    );
    workdir.write("orders.csv", "Order,Tracking,Date\n1,T1,\n3,T3,\n2,T2,\n4,T4,\n");
    let server = TestServer::new([]);
    retry(&workdir, &["--only", "rejected", "--endpoint", &server.url()]).assert_code(0);
    assert_eq!(sorted(arrived(&server, 0)), ["2", "3"], "and row 4 was not asked for");
    retry(&workdir, &["--endpoint", &server.url()]).assert_code(0);
    assert_eq!(sorted(arrived(&server, 0)), ["2", "3", "4"]);
    assert_eq!(statuses(&workdir, "orders.results.csv"), ["sent"; 4]);
}

#[test]
fn mended_mapping_sends_what_is_a_repetition_no_more() {
    let workdir = workdir("Order,Tracking,Date,Item\n1,T1,,mug\n1,T1,,cup\n2,T2,,lid\n2,T2,,lid\n");
    let server = TestServer::new([]);
    import(&workdir, &server, &[]).assert_code(0);
    assert_eq!(statuses(&workdir, "orders.results.csv"), ["sent", "skipped", "sent", "skipped"]);
    workdir.write("map.toml", format!("{MAPPING}product = \"Item\"\n"));
    retry(&workdir, &[]).assert_code(0);
    let requests = server.requests();
    let products = requests[2..].iter().map(|request| request.field("product"));
    assert_eq!(sorted(products.collect()), ["cup", "lid", "mug"]);
    assert_eq!(statuses(&workdir, "orders.results.csv"), ["sent", "sent", "sent", "skipped"]);
}

#[test]
fn an_input_that_a_spreadsheet_saved_with_other_delimiters_is_the_same() {
    let workdir = workdir(&orders(3).replace("2,T2", "2,"));
    let server = TestServer::new([]);
    import(&workdir, &server, &[]).assert_code(1);
    workdir.write(
        "orders.csv",
        format!("\u{feff}{}", orders(3).replace(',', ";").replace('\n', "\r\n")),
    );
    retry(&workdir, &[]).assert_code(0);
    assert_eq!(arrived(&server, 2), ["2"]);
}

#[test]
fn what_was_sent_meanwhile_is_known_from_the_ledger_and_without_it_the_lines_are_enough() {
    let workdir = workdir(&orders(3));
    let server = refusing(&["2", "3"]);
    import(&workdir, &server, &["--ledger", "l.db"]).assert_code(1);
    let accepting = TestServer::answering(|request| match request.field("order_no").as_str() {
        "3" => Answer::json(409, r#"{"message":"no"}"#),
        _ => Answer::accepted(),
    });
    let (first, second) = (server.url(), accepting.url());
    // The ledger remembers by endpoint, so the mended file goes to the one of the retry.
    let mended = [
        "import",
        "orders.failed.csv",
        "-m",
        "map.toml",
        "--ledger",
        "l.db",
        "--endpoint",
        &second,
    ];
    launch(&workdir, &mended).run().assert_code(1);
    assert_eq!(sorted(arrived(&accepting, 0)), ["2", "3"]);
    retry(&workdir, &["--endpoint", &second]).assert_code(1);
    assert_eq!(sorted(arrived(&accepting, 2)), ["3"]);
    assert_eq!(statuses(&workdir, "orders.results.csv"), ["sent", "already_sent", "rejected"]);

    for file in ["l.db", "l.db-wal", "l.db-shm"] {
        let _ = fs::remove_file(workdir.path(file));
    }
    let run = retry(&workdir, &["--endpoint", &first]);
    run.assert_code(1);
    assert_eq!(sorted(arrived(&server, 3)), ["3"]);
    assert_eq!(statuses(&workdir, "orders.results.csv"), ["sent", "already_sent", "rejected"]);
}

#[test]
fn a_killed_retry_is_started_again_with_a_ledger_and_refused_without() {
    let silent = || {
        TestServer::answering(|request| match request.field("order_no").as_str() {
            "1" | "2" => Answer::accepted(),
            _ => Answer::none(End::Mute),
        })
    };
    for (ledger, code) in [(true, 0), (false, 2)] {
        let workdir = workdir(&orders(4));
        let memory: &[&str] = if ledger { &["--ledger", "l.db"] } else { &["--no-ledger"] };
        import(&workdir, &refusing(&["2", "3", "4"]), memory).assert_code(1);
        let server = silent();
        let endpoint = server.url();
        let running =
            launch(&workdir, &["retry", "orders.results.csv", "--endpoint", &endpoint]).spawn();
        server.wait_for_requests(3);
        running.kill();
        let server = TestServer::new([]);
        let run = retry(&workdir, &["--endpoint", &server.url()]);
        run.assert_code(code);
        if ledger {
            assert_eq!(statuses(&workdir, "orders.results.csv"), ["sent"; 4]);
        } else {
            assert!(run.stderr.contains("was killed"), "{}", run.stderr);
            assert_eq!(server.requests().len(), 0);
        }
    }
}

#[test]
fn endpoint_query_is_kept_from_the_environment_or_the_typed_flag_and_never_written_down() {
    let workdir = workdir(&orders(2).replace("2,T2", "2,"));
    let server = TestServer::new([]);
    let url = format!("{}?key=SECRETKEY", server.url());
    let path = |index: usize| server.requests()[index].line.clone();
    let run = launch(&workdir, &["import", "orders.csv", "-m", "map.toml"]);
    let run = run.env("LATESHIP_ENDPOINT", &url).run();
    let stderr = &run.assert_code(1).stderr;
    assert!(stderr.contains("  lateship retry orders.results.csv\n"), "{stderr}");
    assert!(!stderr.contains("SECRETKEY"), "{stderr}");
    assert!(!workdir.read("orders.results.json").contains("SECRETKEY"));
    assert!(path(0).contains("?key=SECRETKEY"), "{}", path(0));

    replace(&workdir, "orders.csv", "2,,", "2,T2,");
    workdir.write("map.toml", MAPPING.replace("UPS", "DHL"));
    let rest = ["retry", "orders.results.csv", "--only", "invalid"];
    launch(&workdir, &rest).env("LATESHIP_ENDPOINT", &url).run().assert_code(0);
    assert!(path(1).contains("?key=SECRETKEY"), "{}", path(1));
    workdir.write("map.toml", MAPPING.replace("UPS", "GLS"));
    let elsewhere = "http://127.0.0.1:9/?key=SECRETKEY";
    let all = ["retry", "orders.results.csv"];
    launch(&workdir, &all).env("LATESHIP_ENDPOINT", elsewhere).run().assert_code(0);
    assert!(!path(2).contains("SECRETKEY"), "the earlier run's address: {}", path(2));

    workdir.write("orders.csv", orders(3).replace("3,T3", "3,"));
    let run = launch(&workdir, &all).args(&["--endpoint", &url]).run();
    let shown = format!("retry orders.results.csv --endpoint '{url}'\n");
    assert!(run.assert_code(1).stderr.contains(&shown), "{}", run.stderr);
}
