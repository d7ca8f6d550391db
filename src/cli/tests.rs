//! The command line as a whole: what is taken, what is refused, and what help says.

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;
use crate::options;

fn parse(line: &str) -> Result<(Cli, CommandLine), clap::Error> {
    super::parse(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
}

fn refused(line: &str) -> clap::Error {
    parse(line).expect_err(line)
}

fn long_help(command: &str) -> String {
    Cli::command().find_subcommand_mut(command).expect("a command").render_long_help().to_string()
}

#[test]
fn the_parser_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn only_commands_that_exist_are_listed() {
    let command = Cli::command();
    let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    assert_eq!(
        names,
        ["import", "retry", "check", "init", "mappings", "fields", "sandbox", "ledger"]
    );
}

#[test]
fn flags_arrive_with_their_types() {
    let line = "lateship import a.csv - -m shop.toml -o out.csv --failed-rows f.csv --summary s.json \
                --endpoint http://127.0.0.1:8765/hook --credentials c.toml --concurrency 4 --rate 90/m --max-attempts 2 \
                --timeout 5s --connect-timeout 500ms --give-up-after 10m --max-failures 20% --min-shipments 3 \
                --stop-at 06:30 --max-duration 8h --set product=a=b --set amount= --limit 7 --dry-run \
                --progress never -vv --log-format json";
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, line) = parse(&line).unwrap_or_else(|error| panic!("{error}"));
    let nothing = |_: &str| None;
    let messages: MessageOptions = line.parse(&nothing, &[]).expect("options");
    assert_eq!((messages.quiet, messages.verbose, messages.log_format), (false, 2, Format::Json));
    let args: options::ImportArgs = line.parse(&nothing, &[]).expect("options");
    assert_eq!(args.run.progress, Some(Mode::Never));
    assert_eq!(args.inputs, ["a.csv", "-"]);
    assert_eq!(args.limit, Some(7));
    assert_eq!(args.run.delivery.rate.to_string(), "90/m");
    assert_eq!(args.run.delivery.max_failures.to_string(), "20%");
    assert_eq!(args.run.set.len(), 2);
    assert!(args.run.endpoint.is_loopback());
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_was_expected() {
    for (line, says) in [
        ("lateship import -m m.toml", "INPUT"),
        ("lateship import a.csv", "--mapping"),
        ("lateship import a.csv -m m.toml --rate 0/s", "10/s"),
        ("lateship import a.csv -m m.toml --rate 10", "10/s"),
        ("lateship import a.csv -m m.toml --timeout 30", "30s"),
        ("lateship import a.csv -m m.toml --stop-at 25:00", "06:30"),
        ("lateship import a.csv -m m.toml --concurrency 0", "a whole number"),
        ("lateship import a.csv -m m.toml --concurrency many", "a whole number"),
        ("lateship import a.csv -m m.toml --max-failures 101%", "20%"),
        ("lateship import a.csv -m m.toml --endpoint http://shop.example.com/", "https://"),
        ("lateship import a.csv -m m.toml --endpoint ftp://shop.example.com/", "https://"),
        ("lateship import a.csv -m m.toml --set orderno=1", "did you mean order_no?"),
        ("lateship import a.csv -m m.toml --set order_no", "FIELD=VALUE"),
        ("lateship import a.csv -m m.toml --limit 0", "a whole number"),
        ("lateship import a.csv -m m.toml --progress sometimes", "never"),
        (
            "lateship import a.csv -m m.toml --sandbox --endpoint https://shop.example.com/",
            "--sandbox",
        ),
        ("lateship import a.csv -m m.toml --sandbox --ledger l.db", "--ledger"),
        ("lateship retry a.csv --sandbox --ledger l.db", "--ledger"),
        ("lateship import a.csv -m m.toml --timeout 0s", "more than 0"),
        ("lateship import a.csv -m m.toml -q -v", "--verbose"),
        ("lateship retry", "RESULTS"),
        ("lateship retry a.csv --only failed,sent", "not_attempted"),
        ("lateship retry a.csv --in-doubt maybe", "maybe"),
        ("lateship retry a.csv --sandbox --endpoint https://shop.example.com/", "--sandbox"),
        ("lateship sandbox --errors 2", "10%"),
        ("lateship sandbox --port 70000", "70000"),
        ("lateship import a.csv -m m.toml --api-key SECRETKEY", "--api-key"),
        ("lateship", "Usage"),
        ("lateship imprt", "import"),
    ] {
        let error = refused(line);
        assert!(error.use_stderr() && error.exit_code() == 2, "{line}");
        assert!(error.to_string().contains(says), "{line}: {error}");
    }
}

#[test]
fn an_endpoint_that_is_refused_does_not_show_its_password() {
    let error =
        refused("lateship import a.csv -m m.toml --endpoint https://ops:hunter2@shop.example.com/");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn help_and_version_go_to_standard_output() {
    for (line, kind) in [
        ("lateship --version", ErrorKind::DisplayVersion),
        ("lateship --help", ErrorKind::DisplayHelp),
        ("lateship help import", ErrorKind::DisplayHelp),
        ("lateship check --help", ErrorKind::DisplayHelp),
    ] {
        let told = refused(line);
        assert_eq!((told.kind(), told.use_stderr()), (kind, false), "{line}");
    }
}

#[test]
fn help_of_every_flag_says_its_default_and_its_variable() {
    let command = Cli::command();
    let import = command.find_subcommand("import").expect("a command");
    for arg in import.get_arguments().chain(command.get_arguments()) {
        let Some(name) = arg.get_long() else { continue };
        let help = arg.get_help().expect(name).to_string();
        let by_clap = arg.get_action().takes_values() && !arg.get_default_values().is_empty();
        // An option that gives nothing unless it is typed has no default.
        if !["mapping", "set", "quiet", "verbose"].contains(&name) {
            assert!(help.contains("[default: ") != by_clap, "--{name}: {help}");
        }
    }
    let help = long_help("import");
    for part in
        ["[default: 10/s]", "[env: LATESHIP_RATE]", "[default: 2h]", "[env: LATESHIP_STOP_AT]"]
    {
        assert!(help.contains(part), "{part}");
    }
    let retry = long_help("retry");
    for part in ["[env: LATESHIP_ENDPOINT]", "[env: LATESHIP_IN_DOUBT]", "[default: resend]"] {
        assert!(!retry.contains(part), "{part}");
    }
    let printed = refused("lateship import --help").to_string();
    assert!(printed.contains("[env: LATESHIP_RATE]"), "{printed}");
}

#[test]
fn variable_with_nonsense_is_named_by_every_command_that_reads_it() {
    for (line, variable) in [
        ("lateship fields", "LATESHIP_LOG_FORMAT"),
        ("lateship import a.csv -m orders", "LATESHIP_PROGRESS"),
        ("lateship import a.csv -m orders", "LATESHIP_MAX_ATTEMPTS"),
        ("lateship retry a.csv", "LATESHIP_WAIT"),
    ] {
        let environment =
            |asked: &str| (asked == variable).then(|| OsString::from("no such thing"));
        let (cli, line) = parse(line).expect("a command");
        match cli.run(line, &environment).expect_err(variable) {
            Error::Variable { name, .. } => assert_eq!(name, variable),
            other => panic!("{variable}: {other}"),
        }
    }
}

#[test]
fn every_command_has_a_manual() {
    for command in ["import", "retry", "check", "init", "mappings", "fields", "sandbox"] {
        let help = long_help(command);
        for part in ["Examples:", "Exit codes:", "lateship "] {
            assert!(help.contains(part), "{command} without {part}");
        }
    }
    let import = long_help("import");
    for part in [
        "Sending again:",
        "The ledger remembers",
        "Environment:",
        "Files written",
        "LATESHIPMENT_API_KEY",
        "143",
    ] {
        assert!(import.contains(part), "{part}");
    }
    let retry = long_help("retry");
    // Lines written by hand fit the width that help is wrapped to.
    let import = import.lines().skip_while(|line| !line.starts_with("Examples:"));
    for line in import.chain(retry.lines().skip_while(|line| !line.starts_with("Examples:"))) {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn no_help_shows_a_credential_of_the_environment() {
    for command in ["import", "retry", "check", "init", "mappings", "fields", "sandbox"] {
        assert!(!long_help(command).contains("[env: LATESHIPMENT_"), "{command}");
    }
}
