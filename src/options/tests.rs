//! Options as a user gives them: typed, set in the environment, or written into a mapping.

use std::ffi::OsString;
use std::io::Write;
use std::num::NonZeroU32;
use std::path::Path;

use clap::{Args, Command};
use tempfile::TempDir;

use super::command_line::{CommandLine, without_environment};
use super::run::RunSettings;
use super::*;
use crate::error::Error;
use crate::inputs::InputPath;
use crate::limits::{Limits, Unit};
use crate::{results, secret};

/// A mapping with the least that is needed, and what the test adds.
fn mapping(folder: &TempDir, delivery: &str) -> String {
    let path = folder.path().join("shop.toml");
    let mut file = std::fs::File::create(&path).expect("a mapping");
    write!(
        file,
        "[fields]\norder_no = \"A\"\ntrackingnumber = \"B\"\ncarrier_type = \"C\"\n{delivery}"
    )
    .expect("written");
    path.to_str().expect("a plain path").to_owned()
}

const ACCOUNT: &[(&str, &str)] =
    &[("LATESHIPMENT_EMAIL", "ops@example.com"), ("LATESHIPMENT_API_KEY", "SECRETKEY-7f3a")];

/// An environment of these variables and no other.
fn environment(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
    |name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
    }
}

/// The account and these variables.
fn with_account<'a>(variables: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [ACCOUNT, variables].concat()
}

fn parse(words: &[&str]) -> Result<CommandLine, clap::Error> {
    let import = ImportArgs::augment_args(Command::new("import"));
    let retry = RetryArgs::augment_args(Command::new("retry"));
    let command = MessageOptions::augment_args(Command::new("lateship"));
    let mut command = without_environment(command.subcommand(import).subcommand(retry));
    command.build();
    command.try_get_matches_from_mut(words).map(|m| CommandLine::from_matches(&command, &m))
}

fn typed(words: &[&str]) -> CommandLine {
    parse(words).unwrap_or_else(|error| panic!("{error}"))
}

/// The settings of an import of `orders.csv` with these flags.
fn import(
    delivery: &str,
    variables: &[(&str, &str)],
    flags: &[&str],
) -> Result<RunSettings, Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let (input, mapping) = (folder.path().join("orders.csv"), mapping(&folder, delivery));
    let input = input.to_str().expect("a plain path");
    let mut words = vec!["lateship", "import", input, "-m", &mapping];
    words.extend(flags);
    RunSettings::import(typed(&words), &environment(variables))
}

fn per_second(requests: u32) -> Rate {
    Rate::Per(NonZeroU32::new(requests).expect("not 0"), Unit::Second)
}

#[test]
fn precedence_is_flag_environment_mapping_default() {
    let set = with_account(&[("LATESHIP_RATE", "5/s"), ("LATESHIP_MIN_SHIPMENTS", " 7 ")]);
    let mapped = "[delivery]\nrate = \"3/s\"\nconcurrency = 2\nmin_shipments = 9\nwait = \"1m\"\n";
    let rate = |mapped, set: &[(&str, &str)], flags: &[&str]| {
        import(mapped, set, flags).expect("settings").limits.rate
    };
    assert_eq!(rate(mapped, &set, &["--rate", "1/s"]), per_second(1));
    assert_eq!(rate(mapped, &set, &[]), per_second(5));
    assert_eq!(rate(mapped, ACCOUNT, &[]), per_second(3));
    assert_eq!(rate("", ACCOUNT, &[]), per_second(10));

    let settings = import(mapped, &set, &[]).expect("settings");
    assert_eq!(settings.limits.concurrency.get(), 2);
    let args = settings.args;
    assert_eq!(args.input.min_shipments, 7);
    assert_eq!(args.run.delivery.wait, Duration::from_secs(60));
    let settings = import(mapped, ACCOUNT, &["--min-shipments", "0"]).expect("settings");
    assert_eq!(settings.args.input.min_shipments, 0, "typed, though it is the default");
}

#[test]
fn variable_that_is_empty_is_not_set() {
    let set =
        with_account(&[("LATESHIP_RATE", ""), ("LATESHIP_ENDPOINT", ""), ("LATESHIP_LEDGER", "")]);
    let settings = import("[delivery]\nrate = \"3/s\"\n", &set, &[]).expect("settings");
    assert_eq!(settings.limits.rate, per_second(3));
}

#[test]
fn variable_that_its_option_does_not_take_is_named_and_not_shown() {
    let refused =
        |name, value| import("", &with_account(&[(name, value)]), &[]).expect_err(name).to_string();
    assert_eq!(
        refused("LATESHIP_TIMEOUT", "30"),
        "the variable LATESHIP_TIMEOUT in the environment: expected a length of time like 500ms, 30s, \
         10m or 2h"
    );
    let shown = refused("LATESHIP_ENDPOINT", "http://shop.example.com/?key=SECRETKEY");
    assert!(shown.starts_with("the variable LATESHIP_ENDPOINT"), "{shown}");
    assert!(shown.contains("https://") && !shown.contains("SECRETKEY"), "{shown}");
    assert!(
        import("", &with_account(&[("LATESHIP_TIMEOUT", "30")]), &["--timeout", "1m"]).is_ok(),
        "it is overridden"
    );
}

#[test]
fn delivery_keys_are_checked_by_the_parsers_of_their_flags() {
    let refused = |delivery: &str| import(delivery, ACCOUNT, &[]).expect_err(delivery).to_string();
    let shown = refused(
        "[delivery]\nrate = \"fast\"\nconcurrency = 0\ntimeout = 30\nmax_attempts = \"5\"\nwait = true\n\
         rat = 1\nendpoint = \"x\"\nanswers = [{ status = 409, is = \"fine\" }]",
    );
    for part in [
        "shop.toml:6:8",
        "[delivery] rate: expected a rate like 10/s",
        "from 1 to 10000",
        "30s, 10m or 2h, in quotes",
        "from 1 to 1000, without quotes",
        "this is true or false",
        "did you mean \"rate\"",
        "a mapping does not decide where shipments are sent",
        "one of \"sent\"",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let negative = refused("[delivery]\nconcurrency = -1\n");
    assert!(
        !negative.contains(", in quotes") && !negative.contains("without quotes"),
        "{negative}"
    );
    for zero in ["max_failures = 0", "max_failures = \"0\"", "min_shipments = 0x0"] {
        import(&format!("[delivery]\n{zero}\n"), ACCOUNT, &[]).expect(zero);
    }
}

#[test]
fn delivery_has_a_key_for_each_of_its_options_and_no_other() {
    let names = delivery::keys().names;
    for name in ["rate", "concurrency", "in_doubt", "min_shipments", "stop_at"] {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
    for name in ["endpoint", "credentials", "ledger", "no_ledger", "resend", "sandbox", "progress"]
    {
        assert!(names.iter().all(|known| known != name), "{name}");
    }
}

#[test]
fn sandbox_needs_no_credentials_and_sets_no_rate() {
    let set = [
        ("LATESHIP_ENDPOINT", "https://shop.example.com/hook"),
        ("LATESHIP_LEDGER", "/tmp/ledger.db"),
    ];
    let settings = import("", &set, &["--sandbox"]).expect("settings");
    assert!(settings.credentials.is_none());
    assert_eq!((settings.limits.rate, settings.ledger), (Rate::Unlimited, None));
    let slow = import("[delivery]\nrate = \"3/s\"\n", &[], &["--sandbox"]).expect("settings");
    assert_eq!(slow.limits.rate, per_second(3));
}

#[test]
fn credentials_are_needed_unless_nothing_is_sent() {
    let missing = import("", &[], &[]).expect_err("no credentials");
    assert!(matches!(missing, Error::Credentials(secret::Error::Missing)), "{missing}");
    let dry = import("", &[], &["--dry-run"]).expect("settings");
    assert!(dry.credentials.is_none() && dry.args.dry_run);
    assert!(dry.paths.results.ends_with("orders.dry-run.csv"), "{:?}", dry.paths);
}

#[test]
fn credentials_file_beats_the_environment() {
    let missing = |flags: &[&str], set: &[(&str, &str)]| {
        let error = import("", set, flags).expect_err("no such file");
        assert!(matches!(error, Error::Credentials(secret::Error::Unreadable { .. })), "{error}");
    };
    missing(&["--credentials", "/no/such.toml"], ACCOUNT);
    missing(&[], &with_account(&[("LATESHIP_CREDENTIALS", "/no/such.toml")]));
}

#[test]
fn endpoint_is_the_webhook_by_default_and_settings_show_no_secret() {
    let settings = import("", ACCOUNT, &[]).expect("settings");
    assert_eq!(settings.args.run.endpoint, Endpoint::default());
    let credentials = settings.credentials.as_ref().expect("credentials");
    assert_eq!(credentials.api_key.expose(), "SECRETKEY-7f3a");
    let shown = format!("{settings:?}");
    assert!(!shown.contains("SECRETKEY") && !shown.contains("ops@example.com"), "{shown}");
}

#[test]
fn ledger_is_kept_for_a_loopback_endpoint_only_where_it_is_given() {
    let set = with_account(&[("LATESHIP_ENDPOINT", "http://127.0.0.1:8080/hook")]);
    let ledger = |set: &[(&str, &str)], flags: &[&str]| {
        let settings = import("", set, flags).expect("settings");
        assert!(settings.args.run.endpoint.is_loopback());
        settings.ledger
    };
    assert_eq!(ledger(&set, &[]), None);
    assert_eq!(ledger(&set, &["--ledger", "l.db"]), Some("l.db".into()));
    let both = [set.as_slice(), &[("LATESHIP_LEDGER", "e.db")]].concat();
    assert_eq!(ledger(&both, &[]), Some("e.db".into()));
    assert_eq!(ledger(&both, &["--no-ledger"]), None);
}

#[test]
fn in_doubt_hold_needs_a_ledger() {
    let hold = import("", ACCOUNT, &["--in-doubt", "hold", "--no-ledger"]);
    assert!(matches!(hold, Err(Error::HoldWithoutLedger)));
    let hold = import("[delivery]\nin_doubt = \"hold\"\n", ACCOUNT, &["--ledger", "l.db"]);
    assert_eq!(hold.expect("settings").limits.in_doubt, InDoubt::Hold);
    assert!(import("", ACCOUNT, &["--in-doubt", "hold", "--dry-run"]).is_ok());
}

#[test]
fn connect_timeout_follows_a_shorter_timeout() {
    let times = |flags: &[&str]| import("", ACCOUNT, flags).map(|run| run.limits.connect_timeout);
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(times(&[]).ok(), seconds(10));
    assert_eq!(times(&["--timeout", "3s"]).ok(), seconds(3));
    assert_eq!(times(&["--timeout", "3s", "--connect-timeout", "3s"]).ok(), seconds(3));
    for longer in
        [&["--timeout", "3s", "--connect-timeout", "4s"][..], &["--connect-timeout", "31s"]]
    {
        assert!(matches!(times(longer), Err(Error::Timeouts { .. })), "{longer:?}");
    }
    for flag in ["--timeout", "--connect-timeout", "--max-duration"] {
        let line = ["lateship", "import", "a.csv", "-m", "m.toml", flag, "0s"];
        let refused = parse(&line).expect_err(flag).to_string();
        assert!(refused.contains("of more than 0"), "{refused}");
    }
}

#[test]
fn limits_default_to_the_defaults_of_the_options() {
    let settings = import("", ACCOUNT, &[]).expect("settings");
    assert_eq!(settings.limits, Limits::default());
}

#[test]
fn standard_input_comes_alone_and_needs_results() {
    let with = |inputs: &[&str], flags: &[&str]| {
        let folder = tempfile::tempdir().expect("a folder");
        let mapping = mapping(&folder, "");
        let words = [&["lateship", "import"], inputs, &["-m", &mapping], flags].concat();
        RunSettings::import(typed(&words), &environment(ACCOUNT))
    };
    assert!(matches!(with(&["-"], &[]), Err(Error::NoResults)));
    let stdin = with(&["-"], &["-o", "night.csv"]).expect("settings");
    assert_eq!(stdin.inputs, [InputPath::Stdin]);
    assert!(matches!(with(&["-", "a.csv"], &["-o", "night.csv"]), Err(Error::StdinAmongFiles)));
    assert!(matches!(with(&["a.csv", "a.csv"], &[]), Err(Error::SameInput(_))));
    let over_input = with(&["a.csv"], &["-o", "a.csv"]);
    assert!(matches!(over_input, Err(Error::Results(results::Error::IsInput { .. }))));
    let dashed = typed(&["lateship", "import", "-m", "m.toml", "--", "-x.csv"]);
    let args: ImportArgs = dashed.parse(&environment(&[]), &[]).expect("options");
    assert_eq!(args.inputs, ["-x.csv"]);
}

#[test]
fn set_names_a_field_and_takes_any_value() {
    assert_eq!(
        parse_set("product=a=b"),
        Ok((Field::by_name("product").expect("a field"), "a=b".to_owned()))
    );
    assert_eq!(parse_set("order_no="), Ok((Field::ORDER_NO, String::new())));
    let refused = |text| parse_set(text).expect_err(text).to_string();
    assert!(refused("order_no").contains("FIELD=VALUE"));
    assert!(refused("tracking_number=1").contains("did you mean trackingnumber?"));
}

#[test]
fn command_line_is_shown_as_a_shell_takes_it() {
    let show = |words: &[&str]| typed(&[&["lateship", "import"], words].concat()).to_string();
    assert_eq!(
        show(&[
            "May orders.csv",
            "--mapping",
            "m.toml",
            "--set=product=a'b",
            "--dry-run",
            "-qo",
            "r.csv"
        ]),
        r"lateship import 'May orders.csv' -m m.toml --set 'product=a'\''b' --dry-run -q -o r.csv"
    );
    assert_eq!(
        show(&["a\u{1b}[31m'", "-m", "$(reboot)", "-v", "-v", "--ledger=-l"]),
        r"lateship import $'a\x1b[31m\'' -m '$(reboot)' -vv --ledger=-l"
    );
    assert_eq!(show(&["-m", "m", "--", "-a.csv", ""]), "lateship import -m m ./-a.csv ''");
}

#[test]
fn command_line_with_another_input_leaves_out_what_belongs_to_one_run() {
    let line = typed(&[
        "lateship",
        "import",
        "a.csv",
        "b.csv",
        "-o",
        "out.csv",
        "--summary=s.json",
        "--failed-rows",
        "f.csv",
        "--limit",
        "3",
        "--min-shipments",
        "5",
        "-m",
        "m.toml",
        "--rate=5/s",
        "--sandbox",
    ]);
    assert_eq!(
        line.with_input(Path::new("a b.failed.csv")),
        "lateship import 'a b.failed.csv' -m m.toml --rate 5/s --sandbox"
    );
}

#[test]
fn command_line_that_retries_keeps_what_the_summary_does_not_hold() {
    let words = "lateship import a.csv -m m.toml -o r.csv --set product=Mug --rate 5/s --credentials=c.toml -v \
                 --endpoint https://x.example.com/?k=1 --limit 3 --resend --in-doubt hold --progress never \
                 --log-format json --ledger l.db --changed skip --stop-at 06:30";
    let line = typed(&words.split_whitespace().collect::<Vec<_>>());
    let kept = "--rate 5/s --credentials c.toml -v";
    let rest = "--progress never --log-format json --changed skip --stop-at 06:30";
    let results = Path::new("my r.csv");
    assert_eq!(
        line.retrying(results),
        format!("lateship retry 'my r.csv' {kept} --endpoint 'https://x.example.com/?k=1' {rest}")
    );
    let line =
        typed(&["lateship", "import", "a.csv", "-m", "m", "--endpoint", "https://x.example"]);
    assert_eq!(line.retrying(results), "lateship retry 'my r.csv'");
    let again = typed(&["lateship", "retry", "r.csv", "--only", "failed,in_doubt", "--sandbox"]);
    assert_eq!(again.to_string(), "lateship retry r.csv --only failed,in_doubt --sandbox");
    assert_eq!(again.retrying(Path::new("r.csv")), "lateship retry r.csv --sandbox");
}

#[test]
fn variable_of_each_option_is_named_after_its_flag_read_and_never_shown() {
    let command = MessageOptions::augment_args(ImportArgs::augment_args(Command::new("x")));
    let line = typed(&["lateship", "import", "a.csv", "-m", "m.toml"]);
    let mut named = 0;
    for arg in command.get_arguments() {
        let Some(variable) = arg.get_env().and_then(|name| name.to_str()) else { continue };
        let flag = arg.get_long().expect("a flag").replace('-', "_").to_uppercase();
        assert_eq!(variable, format!("LATESHIP_{flag}"));
        assert!(arg.is_hide_env_values_set(), "{flag}");
        let set = [(variable, "/no/such thing")];
        let import = line.parse::<ImportArgs>(&environment(&set), &[]);
        let messages = line.parse::<MessageOptions>(&environment(&set), &[]);
        match (import, messages) {
            (Err(Error::Variable { name, .. }), Ok(_))
            | (Ok(_), Err(Error::Variable { name, .. })) => assert_eq!(name, variable),
            (Ok(args), Ok(_)) => {
                let paths = [args.run.credentials, args.run.ledger];
                assert!(paths.contains(&Some("/no/such thing".into())), "{variable}");
            }
            other => panic!("{variable}: {other:?}"),
        }
        named += 1;
    }
    assert_eq!(named, 18);
}
