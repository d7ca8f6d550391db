//! The commands, one file each, with their help; the options of a run are in `options`.
//!
//! Standard output takes what was asked for (a table, a payload, an address), standard error
//! everything else.

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

use std::ffi::OsString;
use std::io::{self, Write};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::Error;
use crate::error::exit;
use crate::log::{self, Format, Level};
use crate::options::command_line::{CommandLine, Environment, without_environment};
use crate::options::{MessageOptions, RunOptions};
use crate::progress::{Mode, Screen};

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
    messages: MessageOptions,
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

/// What a command is given beside its own flags.
struct Surroundings<'a> {
    environment: &'a Environment<'a>,
    screen: Screen,
    line: CommandLine,
}

/// Runs the command in `args` (the program's name first) and returns the exit code.
///
/// # Errors
/// What stands in the way of the command; `main` prints it. Help, the version and what is wrong
/// with the command line itself are printed here.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Result<u8, Error> {
    let args: Vec<OsString> = args.into_iter().collect();
    match parse(&args) {
        Ok((cli, line)) => cli.run(line, &|name: &str| std::env::var_os(name)),
        Err(error) => {
            // A reader that went away has seen enough.
            let _ = error.print();
            Ok(if error.use_stderr() { exit::NOTHING_SENT } else { exit::OK })
        }
    }
}

/// Parses the command line alone; the environment comes later, beneath what was typed.
fn parse(args: &[OsString]) -> Result<(Cli, CommandLine), clap::Error> {
    let mut command = without_environment(Cli::command());
    command.build();
    let matches =
        command.try_get_matches_from_mut(args).map_err(|mut error| match error.kind() {
            // Help names the variables.
            ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                Cli::command().try_get_matches_from(args).err().unwrap_or(error)
            }
            // An address that is refused may hold a password.
            _ if error
                .get(ContextKind::InvalidArg)
                .is_some_and(|arg| arg.to_string().starts_with("--endpoint")) =>
            {
                error.insert(ContextKind::InvalidValue, ContextValue::String("…".to_owned()));
                error
            }
            _ => error,
        })?;
    let line = CommandLine::from_matches(&command, &matches);
    Ok((Cli::from_arg_matches(&matches)?, line))
}

impl Cli {
    fn run(self, line: CommandLine, environment: &Environment<'_>) -> Result<u8, Error> {
        let MessageOptions { quiet, verbose, log_format } = line.parse(environment, &[])?;
        let progress = match &self.command {
            Command::Import(_) | Command::Retry(_) => {
                line.parse::<RunOptions>(environment, &[])?.progress
            }
            _ => None,
        };
        // A program that reads the log as JSON would stumble over a line of progress that nobody
        // asked for.
        let usual = if log_format == Format::Json { Mode::Never } else { Mode::Auto };
        let screen = Screen::new(progress.unwrap_or(usual), quiet);
        let screen = if log_format == Format::Json { screen.in_json() } else { screen };
        log::start(Level::typed(quiet, verbose), log_format, &screen);
        let around = Surroundings { environment, screen, line };
        match self.command {
            Command::Import(_) => import::run(around),
            Command::Retry(_) => retry::run(around),
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
