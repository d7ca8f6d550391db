//! Bad input of every kind: exit code 2, one clear message, nothing sent, nothing written.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::Workdir;
use crate::support::server::TestServer;
use crate::support::workdir::Run;

const ORDERS: &str = "Order,Tracking,Date\n1,T1,24.11.2026\n";
const MAPPING: &str = r#"
[fields]
order_no = "Order"
trackingnumber = "Tracking"
carrier_type = { value = "UPS" }
"#;

struct Case {
    workdir: Workdir,
    server: TestServer,
}

impl Case {
    fn new() -> Self {
        let workdir = Workdir::new();
        workdir.write("orders.csv", ORDERS);
        workdir.write("map.toml", MAPPING);
        Self { workdir, server: TestServer::new([]) }
    }

    fn with(name: &str, content: impl AsRef<[u8]>) -> Self {
        let case = Self::new();
        case.workdir.write(name, content);
        case
    }

    fn import(&self, flags: &[&str]) -> Run {
        let url = self.server.url();
        let mut arguments = vec!["import", "orders.csv", "-m", "map.toml"];
        if !flags.contains(&"--endpoint") {
            arguments.extend(["--endpoint", &url]);
        }
        arguments.extend(flags);
        self.workdir.launch(&arguments).credentials("ops@example.com", "key-1").run()
    }

    /// Fails unless the run was refused with all of `words`, without a request, a results file or a
    /// panic.
    #[track_caller]
    fn refused(&self, run: &Run, words: &[&str]) {
        run.assert_code(2);
        assert_eq!(self.server.requests().len(), 0);
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        for word in words {
            assert!(run.stderr.contains(word), "no {word:?} in:\n{}", run.stderr);
        }
        let left: Vec<_> =
            self.workdir.names().into_iter().filter(|name| name.contains("results")).collect();
        assert_eq!(left, [""; 0]);
    }

    #[track_caller]
    fn import_is_refused(&self, words: &[&str]) {
        self.refused(&self.import(&[]), words);
    }
}

#[test]
fn inputs_that_are_no_exports_are_refused_by_name() {
    for (content, words) in [
        (&b""[..], &["orders.csv", "empty"][..]),
        (b"\xEF\xBB\xBF", &["orders.csv", "empty"]),
        (b"PK\x03\x04\x14\x00\x06\x00", &["orders.csv"]),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", &["orders.csv"]),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", &["orders.csv"]),
        (
            b"file,row,line,order_no,trackingnumber,status,http_status,attempts,message,finished_at,duration_ms,fingerprint,shipment,payload\n",
            &["orders.csv", "results"],
        ),
    ] {
        Case::with("orders.csv", content).import_is_refused(words);
    }
}

#[test]
fn a_file_that_is_not_there_or_may_not_be_read_is_refused() {
    let case = Case::new();
    fs::remove_file(case.workdir.path("orders.csv")).expect("removed");
    case.import_is_refused(&["orders.csv", "no such file"]);
    fs::create_dir(case.workdir.path("orders.csv")).expect("a folder");
    case.import_is_refused(&["orders.csv", "folder"]);
}

#[test]
fn a_mapping_with_errors_shows_all_of_them_with_their_places() {
    let case = Case::with(
        "map.toml",
        "[fields]\norder_no = \"Order\"\ntrackingnumbr = \"Tracking\"\ncarrier_type = { value = \"UPS\", colour = 1 }\n\
         order_date = { column = \"Date\", date = \"%Q\" }\nproduct = { column = \"Date\", extract = \"(\" }\n",
    );
    case.import_is_refused(&[
        "map.toml:3",
        "trackingnumber",
        "map.toml:4",
        "colour",
        "map.toml:5",
        "%Q",
        "map.toml:6",
        "^",
    ]);
}

#[test]
fn broken_toml_and_missing_mappings_are_refused() {
    Case::with("map.toml", "[fields\norder_no = ").import_is_refused(&["map.toml:1"]);
    Case::with("map.toml", b"\xff\xfe").import_is_refused(&["map.toml"]);
    Case::with("map.toml", "[fields]\norder_no = \"Order\"\n")
        .import_is_refused(&["trackingnumber", "carrier_type"]);
    let case = Case::new();
    fs::remove_file(case.workdir.path("map.toml")).expect("removed");
    case.import_is_refused(&["map.toml"]);
    let run = case.workdir.lateship(&["import", "orders.csv", "-m", "order", "--sandbox"]);
    case.refused(&run, &["order", "orders"]);
}

#[test]
fn a_column_that_the_file_lacks_is_named_with_the_nearest_ones() {
    let mapping =
        MAPPING.replace("\"Tracking\"", "\"Tracking No\"").replace("\"Order\"", "\"Ordr\"");
    Case::with("map.toml", mapping).import_is_refused(&[
        "Tracking No",
        "\"Tracking\"",
        "Ordr",
        "\"Order\"",
    ]);
}

#[test]
fn a_lookup_whose_file_is_not_there_or_lacks_its_columns_is_refused_before_anything_is_sent() {
    let lookup = "[lookups.t]\nfile = \"t.csv\"\nkey = \"K\"\nvalue = \"V\"\n";
    Case::with("map.toml", format!("{MAPPING}{lookup}"))
        .import_is_refused(&["t.csv", "no such file"]);
    let lacking = Case::with("map.toml", format!("{MAPPING}{lookup}"));
    lacking.workdir.write("t.csv", "Key,V\na,b\n");
    lacking.import_is_refused(&["map.toml:8", "\"K\"", "t.csv"]);
}

#[test]
fn a_mapping_may_not_say_where_shipments_go() {
    for key in ["endpoint = \"https://elsewhere.example.com\"", "api_key = \"x\"", "ledger = \"x\""]
    {
        Case::with("map.toml", format!("{MAPPING}[delivery]\n{key}\n"))
            .import_is_refused(&["map.toml:7"]);
    }
}

#[test]
fn a_secret_in_what_is_taken_for_a_mapping_is_not_shown() {
    for text in [
        "api_key = \"SECRETKEY\"\n",
        "api_key = \"SECRETKEY",
        "[delivery]\napi_key = \"SECRETKEY\"\n",
    ] {
        let case = Case::with("map.toml", text);
        let run = case.import(&[]);
        case.refused(&run, &["map.toml"]);
        assert!(!run.stderr.contains("SECRETKEY"), "{}", run.stderr);
    }
    let case = Case::new();
    let run = case.import(&["--endpoint", "https://user:SECRETKEY@shop.example.com/"]);
    assert!(!run.stderr.contains("SECRETKEY"), "{}", run.stderr);
}

#[test]
fn damaged_rows_are_not_sent_by_importing_the_failed_rows_as_they_are() {
    let case =
        Case::with("orders.csv", "Order,Tracking,Date\n1,T1,x\n2,T2,x,surplus\n3,\"T3,x\n4,T4");
    case.import(&[]).assert_code(1);
    assert_eq!(case.server.requests().len(), 1);
    let url = case.server.url();
    let again = |name: &str| {
        let arguments = ["import", name, "-m", "map.toml", "--endpoint", &url];
        case.workdir.launch(&arguments).credentials("ops@example.com", "key-1").run()
    };
    again("orders.failed.csv").assert_code(1);
    assert_eq!(case.server.requests().len(), 1, "none of them went out");
    // Without the reason alone the surplus cell would stand where the reason stood.
    let failed = case.workdir.read("orders.failed.csv");
    let reason = failed
        .lines()
        .nth(1)
        .and_then(|line| line.split_once(",\"unreadable"))
        .expect("a reason")
        .0
        .to_owned();
    case.workdir.write("mended.csv", format!("Order,Tracking,Date,lateship_error\n{reason}\n"));
    again("mended.csv").assert_code(1);
    assert_eq!(case.server.requests().len(), 1);
    case.workdir.write("mended.csv", "Order,Tracking,Date,lateship_error\n2,T2,x,\n4,T4,x,\n");
    again("mended.csv").assert_code(0);
    assert_eq!(case.server.requests().len(), 3);
}

#[test]
fn one_file_under_two_names_is_given_twice() {
    let case = Case::new();
    std::os::unix::fs::symlink("orders.csv", case.workdir.path("link.csv")).expect("a link");
    for other in ["./orders.csv", "link.csv"] {
        let run =
            case.workdir.lateship(&["import", "orders.csv", other, "-m", "map.toml", "--sandbox"]);
        case.refused(&run, &["twice"]);
    }
}

#[test]
fn credentials_are_needed_whole_and_never_shown() {
    let case = Case::new();
    let url = case.server.url();
    let arguments = ["import", "orders.csv", "-m", "map.toml", "--endpoint", &url];
    let run = case.workdir.lateship(&arguments);
    case.refused(&run, &["LATESHIPMENT_EMAIL", "LATESHIPMENT_API_KEY", "--credentials"]);
    for key in
        ["SECRET\nKEY", "SECRET\u{e9}KEY", "", "\"SECRETKEY\"", "Bearer SECRETKEY", "SECRET KEY"]
    {
        let run = case.workdir.launch(&arguments).credentials("ops@example.com", key).run();
        case.refused(&run, &["LATESHIPMENT_API_KEY"]);
        assert!(!run.stderr.contains("SECRET"), "{}", run.stderr);
    }
}

#[test]
fn a_credentials_file_must_be_its_owners_alone_and_is_never_quoted() {
    let case =
        Case::with("keys.toml", "email = \"ops@example.com\"\napi_key = \"SECRETKEY-7f3a\"\n");
    let path = case.workdir.path("keys.toml");
    let allow =
        |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changed");
    allow(0o644);
    case.refused(&case.import(&["--credentials", "keys.toml"]), &["keys.toml", "chmod 600"]);
    allow(0o600);
    case.import(&["--credentials", "keys.toml"]).assert_code(0);
    assert_eq!(case.server.requests()[0].header("x-auth-key"), Some("SECRETKEY-7f3a"));

    let case = Case::with("keys.toml", "email = \"ops@example.com\"\napi_key = \"SECRETKEY-7f3a\n");
    fs::set_permissions(case.workdir.path("keys.toml"), fs::Permissions::from_mode(0o600))
        .expect("changed");
    let run = case.import(&["--credentials", "keys.toml"]);
    case.refused(&run, &["keys.toml", "line 2"]);
    assert!(!run.stderr.contains("SECRETKEY"), "{}", run.stderr);
}

#[test]
fn plain_http_goes_to_this_machine_alone() {
    let case = Case::new();
    for endpoint in [
        "http://shop.example.com/hook",
        "http://127.0.0.1@evil.example.com/",
        "http://localhost.evil.example.com/",
        "ftp://127.0.0.1/",
        "https://user:pw@shop.example.com/",
        "not a url",
        "",
    ] {
        case.refused(&case.import(&["--endpoint", endpoint]), &["endpoint"]);
    }
}

#[test]
fn results_that_cannot_be_written_are_found_out_first() {
    let case = Case::new();
    case.refused(&case.import(&["-o", "missing/out.csv"]), &["missing"]);
    fs::create_dir(case.workdir.path("folder")).expect("a folder");
    case.refused(&case.import(&["-o", "folder"]), &["folder"]);
    case.refused(&case.import(&["-o", "orders.csv"]), &["orders.csv"]);
    case.refused(&case.import(&["-o", "map.toml"]), &["map.toml"]);
    case.refused(&case.import(&["-o", "/dev/full"]), &["/dev/full"]);
    case.workdir.write("notes.txt", "not ours");
    case.refused(&case.import(&["-o", "notes.txt"]), &["notes.txt"]);
    assert_eq!(case.workdir.read("notes.txt"), "not ours");
}

#[test]
fn flags_are_checked_with_a_word_on_what_was_expected() {
    let case = Case::new();
    for (flags, words) in [
        (&["--rate", "fast"][..], &["--rate", "10/s"][..]),
        (&["--timeout", "30"], &["--timeout", "30s"]),
        (&["--concurrency", "0"], &["--concurrency"]),
        (&["--max-failures", "120%"], &["--max-failures"]),
        (&["--stop-at", "25:00"], &["--stop-at", "06:30"]),
        (&["--set", "productt=x"], &["--set", "product"]),
        (&["--set", "product"], &["--set"]),
        (&["--nonsense"], &["--nonsense"]),
        (&["--timeout", "1s", "--connect-timeout", "2s"], &["timeout"]),
    ] {
        case.refused(&case.import(flags), words);
    }
    let run = case
        .workdir
        .launch(&["import", "orders.csv", "-m", "map.toml", "--sandbox"])
        .env("LATESHIP_RATE", "fast")
        .run();
    case.refused(&run, &["LATESHIP_RATE"]);
}

#[test]
fn a_bad_cell_costs_its_row_alone() {
    let mut orders = b"Order,Tracking,Date\n1,T1,x\n".to_vec();
    orders.extend(b"2,1.23E+17,x\n");
    orders.extend(b"3,,x\n");
    orders.extend(b"4,\"T4,x\n");
    orders.extend(b"5,T5,x,surplus\n");
    orders.extend(b",,\n");
    orders.extend(b"7,T7\n");
    orders.extend(b"8,T8\x00,x\n");
    orders.extend(b"9,T9,x\n");
    orders.extend(b"10,T1");
    let case = Case::with("orders.csv", orders);
    let run = case.import(&[]);
    run.assert_code(1);
    let rows = case.workdir.results("orders.results.csv");
    let statuses: Vec<_> = rows.iter().map(|row| row["status"].as_str()).collect();
    assert_eq!(
        statuses,
        [
            "sent", "invalid", "invalid", "invalid", "invalid", "skipped", "sent", "invalid",
            "sent", "invalid"
        ]
    );
    assert!(rows[1]["message"].contains("spreadsheet"), "{}", rows[1]["message"]);
    assert!(
        rows[3]["message"].contains("line 5") && rows[3]["message"].contains("never closed"),
        "{}",
        rows[3]["message"]
    );
    assert!(rows[9]["message"].contains("cut"), "{}", rows[9]["message"]);
    let lines: Vec<_> = rows.iter().map(|row| row["line"].as_str()).collect();
    assert_eq!(lines, ["2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]);
}

#[test]
fn escapes_in_cells_never_reach_the_terminal() {
    let case = Case::with("orders.csv", "Order,Tracking,Date\n\u{1b}]0;owned\u{7},,x\n");
    let run = case.import(&[]);
    run.assert_code(1);
    assert!(!run.stderr.contains('\u{1b}'), "{:?}", run.stderr);
    let check = case.workdir.lateship(&["check", "orders.csv", "-m", "map.toml", "--show", "1"]);
    assert!(!check.stdout.contains('\u{1b}') && !check.stderr.contains('\u{1b}'));
}

#[test]
fn a_closed_output_is_no_reason_to_panic() {
    let case = Case::new();
    let program = env!("CARGO_BIN_EXE_lateship");
    let piped = format!(
        "'{program}' check orders.csv -m map.toml --show 1 | true; '{program}' fields | head -n 1; '{program}' import orders.csv -m map.toml --sandbox 2>&-"
    );
    let ran = std::process::Command::new("sh")
        .args(["-c", &piped])
        .current_dir(case.workdir.path(""))
        .output()
        .expect("a shell");
    assert!(
        !String::from_utf8_lossy(&ran.stderr).contains("panicked"),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    assert_eq!(ran.status.code(), Some(0));
}
