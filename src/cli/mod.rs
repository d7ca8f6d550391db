//! What a user types: the parser, and one file for each command. clap lives here alone.
//!
//! A command turns its flags into values of the right types and hands them to `settings`; it
//! decides nothing that the environment or a mapping could decide as well. Standard output takes
//! what was asked for (a table, a payload, an address), standard error everything else.

mod check;
mod fields;
mod import;
mod init;
mod json;
mod ledger;
mod mappings;
mod pretty;
mod report;
mod retry;
mod sandbox;
#[cfg(test)]
mod tests;
mod values;

use std::ffi::OsString;
use std::io::{self, Write};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand};

use crate::Error;
use crate::error::exit;
use crate::log::{self, Format, Level};
use crate::progress::{Mode, Screen};
use crate::settings::{Environment, Rerun};

/// The heading of the flags that say what is told while a command runs.
const MESSAGES: &str = "Messages (standard error only)";

const LONG_ABOUT: &str = "\
Delivers order exports (CSV) to LateShipment.com's custom-store webhook.

Every row of an export is mapped to a payload, sent at a steady pace, and recorded with what became of it. A mapping \
file says which column is which field; `lateship mappings` lists those that come with it, `lateship check` tries a mapping without \
sending anything, and `--sandbox` sends to a local endpoint that answers as the webhook does.";

const AFTER_HELP: &str = "\
Start here:
  lateship init orders.csv                            propose a mapping for an export
  lateship check orders.csv -m shop.toml              does the mapping fit?
  lateship import orders.csv -m shop.toml --sandbox   a rehearsal: nothing leaves this machine
  lateship import orders.csv -m shop.toml             the real thing

`lateship help COMMAND` is the manual of a command.

Exit codes:
  0    all rows are done (or valid)
  1    the end was reached, and some rows were not accepted (or are invalid)
  2    something was in the way; nothing was sent
  3    stopped before the end
  129, 130, 143   interrupted (SIGHUP, SIGINT, SIGTERM)";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "lateship",
    version,
    about = "Delivers order exports (CSV) to LateShipment.com's webhook"
)]
#[command(long_about = LONG_ABOUT, after_help = AFTER_HELP, propagate_version = true, disable_help_subcommand = false)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    voice: Voice,
}

#[derive(Debug, Subcommand)]
enum Command {
    Import(Box<import::Flags>),
    Retry(Box<retry::Flags>),
    Check(check::Flags),
    Init(init::Flags),
    Mappings(mappings::Flags),
    Fields(fields::Flags),
    Sandbox(sandbox::Flags),
    Ledger(ledger::Flags),
}

/// How much is told on standard error; the same for every command.
#[derive(Debug, Args)]
#[command(next_help_heading = MESSAGES)]
struct Voice {
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say more; twice for every attempt
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        hide_possible_values = true,
        value_parser = parser_of::<Format>(&["text", "json"]),
        help = values::flag("How log lines are written: text or json", "text", "LOG_FORMAT")
    )]
    log_format: Option<Format>,
}

/// What a command is given beside its own flags.
struct Surroundings<'a> {
    environment: &'a Environment<'a>,
    screen: Screen,
    rerun: Rerun,
}

/// Runs the command in `args` (the program's name first) and returns the exit code.
///
/// # Errors
/// What stands in the way of the command; `main` prints it. Help, the version and what is wrong
/// with the command line itself are printed here.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Result<u8, Error> {
    let args: Vec<OsString> = args.into_iter().collect();
    match Cli::try_parse_from(&args) {
        Ok(cli) => cli.run(args, &Environment::of_process()),
        Err(told) => {
            // A reader that went away has seen enough.
            let _ = told.print();
            Ok(if told.use_stderr() { exit::NOTHING_SENT } else { exit::OK })
        }
    }
}

impl Cli {
    fn run(self, args: Vec<OsString>, environment: &Environment<'_>) -> Result<u8, Error> {
        let format = self
            .voice
            .log_format
            .map_or_else(|| environment.read("LATESHIP_LOG_FORMAT", str::parse), |f| Ok(Some(f)));
        let format = format?.unwrap_or_default();
        let progress = match &self.command {
            Command::Import(flags) => Some(flags.progress),
            Command::Retry(flags) => Some(flags.progress),
            Command::Check(_)
            | Command::Init(_)
            | Command::Mappings(_)
            | Command::Fields(_)
            | Command::Sandbox(_)
            | Command::Ledger(_) => None,
        };
        let progress = match progress {
            Some(None) => environment.read("LATESHIP_PROGRESS", str::parse)?,
            typed => typed.flatten(),
        };
        // A program that reads the log as JSON would stumble over a line of progress that nobody
        // asked for.
        let usual = if format == Format::Json { Mode::Never } else { Mode::Auto };
        let screen = Screen::new(progress.unwrap_or(usual), self.voice.quiet);
        let screen = if format == Format::Json { screen.in_json() } else { screen };
        log::start(Level::typed(self.voice.quiet, self.voice.verbose), format, &screen);
        let around = Surroundings { environment, screen, rerun: Rerun::new(args) };
        match self.command {
            Command::Import(flags) => flags.run(around),
            Command::Retry(flags) => flags.run(around),
            Command::Check(flags) => flags.run(&around),
            Command::Init(flags) => flags.run(&around),
            Command::Mappings(flags) => flags.run(),
            Command::Fields(flags) => flags.run(),
            Command::Sandbox(flags) => flags.run(&around),
            Command::Ledger(flags) => flags.run(&around),
        }
    }
}

/// A parser for one of `words`, each of which is a value of its type.
fn parser_of<T>(words: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>
        + Clone
        + Send
        + Sync
        + 'static,
{
    PossibleValuesParser::new(words).try_map(|word| word.parse())
}

/// Writes what was asked for to standard output. A reader that went away has seen enough.
fn print(text: &str) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
        _ => Ok(()),
    }
}
