//! The command line as a whole: what is taken, what is refused, and what help says.

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;
use crate::limits::{
    DEFAULT_CONCURRENCY, DEFAULT_CONNECT_TIMEOUT, DEFAULT_GIVE_UP_AFTER, DEFAULT_MAX_ATTEMPTS,
    DEFAULT_MAX_FAILURES, DEFAULT_RATE, DEFAULT_TIMEOUT,
};
use crate::settings;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split(' '))
}

fn refused(line: &str) -> clap::Error {
    parse(line).expect_err(line)
}

fn long_help(command: &str) -> String {
    Cli::command().find_subcommand_mut(command).expect("a command").render_long_help().to_string()
}

/// The help of each flag of `import` without line breaks, behind its name.
fn flags() -> Vec<(String, String)> {
    let command = Cli::command();
    let import = command.find_subcommand("import").expect("a command");
    let mut flags = Vec::new();
    for flag in import.get_arguments().chain(command.get_arguments()) {
        if let Some(name) = flag.get_long() {
            flags.push((name.to_owned(), flag.get_help().expect(name).to_string()));
        }
    }
    flags
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
    let cli = parse(&line).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        (cli.voice.quiet, cli.voice.verbose, cli.voice.log_format),
        (false, 2, Some(Format::Json))
    );
    let Command::Import(flags) = cli.command else { panic!("{line}") };
    assert_eq!(flags.progress, Some(Mode::Never));
    let typed = flags.into_typed();
    assert_eq!(typed.inputs, ["a.csv", "-"]);
    assert_eq!(typed.limit, Some(7));
    assert_eq!(typed.delivery.rate.map(|rate| rate.to_string()).as_deref(), Some("90/m"));
    assert_eq!(typed.delivery.max_failures.map(|max| max.to_string()).as_deref(), Some("20%"));
    assert_eq!(typed.set.len(), 2);
    assert!(typed.endpoint.is_some_and(|endpoint| endpoint.is_loopback()));
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
fn every_flag_says_its_default() {
    for (name, default) in [
        ("rate", format!("[default: {DEFAULT_RATE};")),
        ("concurrency", format!("[default: {DEFAULT_CONCURRENCY}]")),
        ("max-attempts", format!("[default: {DEFAULT_MAX_ATTEMPTS}]")),
        ("max-failures", format!("[default: {DEFAULT_MAX_FAILURES}]")),
        ("timeout", format!("[default: {}]", values::typed(DEFAULT_TIMEOUT))),
        ("connect-timeout", format!("[default: {},", values::typed(DEFAULT_CONNECT_TIMEOUT))),
        ("give-up-after", format!("[default: {}]", values::typed(DEFAULT_GIVE_UP_AFTER))),
    ] {
        assert!(flags().contains_help(name, &default), "--{name} without {default}");
    }
    for (name, help) in flags() {
        // What is not given, is not there; it has no default.
        if !["mapping", "set", "quiet", "verbose"].contains(&name.as_str()) {
            assert!(help.contains("[default: "), "--{name}: {help}");
        }
    }
}

trait ContainsHelp {
    fn contains_help(&self, name: &str, part: &str) -> bool;
}

impl ContainsHelp for Vec<(String, String)> {
    fn contains_help(&self, name: &str, part: &str) -> bool {
        self.iter().any(|(flag, help)| flag == name && help.contains(part))
    }
}

#[test]
fn every_variable_that_help_names_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("shop.toml");
    std::fs::write(
        &path,
        "[fields]\norder_no = \"A\"\ntrackingnumber = \"B\"\ncarrier_type = \"C\"\n",
    )
    .expect("a mapping");
    let mapping = path.to_str().expect("a plain path");
    let mut named = 0;
    for (name, help) in flags() {
        let Some((_, variable)) = help.split_once("[env: ") else { continue };
        let variable = variable.trim_end_matches(']');
        assert_eq!(variable, format!("LATESHIP_{}", name.replace('-', "_").to_uppercase()));
        named += 1;
        let account = ["LATESHIPMENT_EMAIL", "LATESHIPMENT_API_KEY"];
        let environment = Environment::of_function(move |asked| {
            (asked == variable)
                .then(|| "/no/such thing".into())
                .or_else(|| account.contains(&asked).then(|| "x".into()))
        });
        let args: Vec<OsString> =
            ["lateship", "import", "a.csv", "-m", mapping].map(OsString::from).into();
        let error = Cli::try_parse_from(&args)
            .expect("a command")
            .run(args, &environment)
            .expect_err(variable);
        match error {
            Error::Settings(settings::Error::Variable { name, .. }) => assert_eq!(name, variable),
            Error::Settings(settings::Error::Credentials(_)) => {
                assert_eq!(variable, "LATESHIP_CREDENTIALS");
            }
            // A path that is not there is one for a ledger; what fails is the input.
            Error::Source(_) => assert_eq!(variable, "LATESHIP_LEDGER"),
            other => panic!("{variable}: {other}"),
        }
    }
    assert_eq!(named, 18);
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
