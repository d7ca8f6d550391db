//! Every option of `import`, `retry` and `check` that has more than one source, defined once.
//!
//! An option is a field here. It names the flag, the environment variable, the help, the default
//! and the parser; a field of [`DeliveryOptions`] or [`InputOptions`] is a key of the mapping's
//! `[delivery]` as well. [`command_line`] fits the sources together (flag, else environment, else
//! `[delivery]`, else default) and writes options back to a command line; [`run`] and [`retry`]
//! check what belongs together. Called by `cli`.

#![expect(clippy::doc_markdown, reason = "the comments of options are their help")]
#![expect(rustdoc::broken_intra_doc_links, reason = "the comments of options are their help")]

use std::ffi::OsString;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};
use jiff::civil::Time;

use crate::endpoint::{DEFAULT_ENDPOINT, Endpoint};
use crate::limits::{
    Changed, InDoubt, MaxFailures, Rate, Unfit, parse_duration, parse_time_limit,
    parse_time_of_day, whole_number,
};
use crate::log::Format;
use crate::outcome::Status;
use crate::progress::Mode;
use crate::row::Encoding;
use crate::shipment::Field;

pub mod command_line;
pub mod delivery;
pub mod retry;
pub mod run;
#[cfg(test)]
mod tests;

/// The heading of the options for which a mapping's `[delivery]` has keys.
const PACE: &str =
    "Pace and patience (flag, else environment, else the mapping's [delivery], else default)";
/// The heading of the options that say what is shown while a command runs.
const MESSAGES: &str = "Messages (standard error only)";

/// The time for connecting, unless given; never longer than that for the whole request.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The command line of `import`.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// Exports, in this order: CSV, packed or not, or a workbook; - for standard input, which is
    /// read to its end before anything is sent
    #[arg(value_name = "INPUT", required = true)]
    pub inputs: Vec<OsString>,
    /// The mapping: a file (with a / in its name or ending in .toml), or the name of a built-in one
    #[arg(short, long, value_name = "MAPPING")]
    pub mapping: String,
    /// The encoding of the inputs, over the mapping: windows-1252, utf-16le or any other label of
    /// the web [default: found from the content]
    #[arg(long, value_name = "LABEL")]
    pub encoding: Option<Encoding>,

    /// Where the results go [default: <input>.results.csv beside the first input; needed for -]
    #[arg(short = 'o', long, value_name = "PATH", help_heading = "Files")]
    pub results: Option<PathBuf>,
    /// What `retry` has as well
    #[command(flatten)]
    pub run: RunOptions,
    /// Only the first N rows; the others have no line in the results [default: all rows]
    #[arg(long, value_name = "N", value_parser = whole_number::<u64>(1..=u64::MAX))]
    #[arg(help_heading = "Payload")]
    pub limit: Option<u64>,
    /// Map and validate only, and send nothing; the results go to <input>.dry-run.csv [default:
    /// off]
    #[arg(long, help_heading = "Payload")]
    pub dry_run: bool,
    /// What is expected of the inputs
    #[command(flatten)]
    pub input: InputOptions,
}

/// The command line of `retry`.
#[derive(Debug, Clone, Args)]
pub struct RetryArgs {
    /// The results of the earlier run
    #[arg(value_name = "RESULTS")]
    pub results: PathBuf,
    /// Only rows with one of these statuses: invalid, rejected, failed, in_doubt, not_attempted
    /// [default: all of them]
    #[arg(long, value_name = "STATUS,…", value_delimiter = ',', value_parser = parse_left)]
    pub only: Vec<Status>,
    /// Another mapping: a file, or the name of a built-in one [default: the one of the earlier run,
    /// as it is now]
    #[arg(short, long, value_name = "MAPPING")]
    pub mapping: Option<String>,
    /// What `import` has as well
    #[command(flatten)]
    pub run: RunOptions,
}

/// The options that `import` and `retry` share. A mapping decides none of them but those of
/// [`DeliveryOptions`].
#[derive(Debug, Clone, Args)]
#[command(mut_args(|arg| arg.hide_env_values(true)))]
pub struct RunOptions {
    /// Where the rows go that were not accepted, to be mended and imported [default: like the
    /// results, with .failed.csv]
    #[arg(long, value_name = "PATH", help_heading = "Files")]
    pub failed_rows: Option<PathBuf>,
    /// Where the machine-readable summary goes [default: like the results, with .json]
    #[arg(long, value_name = "PATH", help_heading = "Files")]
    pub summary: Option<PathBuf>,
    /// The export that is joined, in place of the one that the mapping names [default: the file of
    /// [join]]
    #[arg(long, value_name = "PATH", help_heading = "Files")]
    pub join: Option<PathBuf>,
    /// A constant for one field, over the mapping; may be given several times
    #[arg(long, value_name = "FIELD=VALUE", value_parser = parse_set, help_heading = "Payload")]
    pub set: Vec<(Field, String)>,

    /// Where shipments go; https, or http on this machine
    #[arg(long, value_name = "URL", help_heading = "Target", conflicts_with = "sandbox")]
    #[arg(env = "LATESHIP_ENDPOINT", default_value = DEFAULT_ENDPOINT)]
    pub endpoint: Endpoint,
    /// Send to an endpoint of the run's own that answers as the webhook does; needs no credentials
    /// [default: off]
    #[arg(long, help_heading = "Target")]
    pub sandbox: bool,
    /// A TOML file with email and api_key, readable by its owner alone [default:
    /// LATESHIPMENT_EMAIL and LATESHIPMENT_API_KEY in the environment]
    #[arg(long, value_name = "FILE", help_heading = "Target", env = "LATESHIP_CREDENTIALS")]
    pub credentials: Option<PathBuf>,

    /// Where accepted shipments are remembered, so that the same command again sends only what is
    /// new, changed or was not accepted [default: ledger.db in your state folder; none for an
    /// endpoint on this machine]
    #[arg(long, value_name = "PATH", help_heading = "Memory", env = "LATESHIP_LEDGER")]
    #[arg(conflicts_with_all = ["no_ledger", "sandbox"])]
    pub ledger: Option<PathBuf>,
    /// Remember nothing and look nothing up: then a run that is started again sends everything
    /// again, what is in doubt cannot be held, and the .partial file of a killed run is in the way
    /// of the next one [default: off]
    #[arg(long, help_heading = "Memory")]
    pub no_ledger: bool,
    /// Send also what the ledger says was accepted [default: off]
    #[arg(long, help_heading = "Memory")]
    pub resend: bool,

    /// How they go there
    #[command(flatten)]
    pub delivery: DeliveryOptions,
    /// When progress is shown: auto (a bar on a terminal, else a line every 30 s), always (with -q
    /// as well) or never [default: auto; never with --log-format json]
    #[arg(long, value_name = "WHEN", help_heading = MESSAGES, env = "LATESHIP_PROGRESS")]
    pub progress: Option<Mode>,
}

/// How shipments are sent. Each option is also a key of the mapping's `[delivery]`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = PACE)]
pub struct DeliveryOptions {
    /// What becomes of a shipment that may have been accepted, since its answer was lost or the run
    /// was killed: resend (its message says so then) or hold (it stays in_doubt for a person)
    #[arg(long, value_name = "WHAT", help_heading = "Memory")]
    #[arg(env = "LATESHIP_IN_DOUBT", default_value = "resend")]
    pub in_doubt: InDoubt,
    /// What becomes of a shipment that was accepted with another payload: send or skip
    #[arg(long, value_name = "WHAT", help_heading = "Memory")]
    #[arg(env = "LATESHIP_CHANGED", default_value = "send")]
    pub changed: Changed,
    /// How long to wait for another run that writes the same results or sends for the same account
    #[arg(long, value_name = "TIME", help_heading = "Memory", value_parser = parse_duration)]
    #[arg(env = "LATESHIP_WAIT", default_value = "0s")]
    pub wait: Duration,

    /// Requests started per second, minute or hour, repeated ones included: 10/s, 90/m, 5000/h or
    /// unlimited, which is the default with --sandbox
    #[arg(long, value_name = "RATE", env = "LATESHIP_RATE", default_value = "10/s")]
    #[arg(default_value_if("sandbox", "true", "unlimited"))]
    pub rate: Rate,
    /// Requests in flight at most; fewer while the endpoint asks for it
    #[arg(long, value_name = "N", value_parser = whole_number::<NonZeroUsize>(1..=10_000))]
    #[arg(env = "LATESHIP_CONCURRENCY", default_value = "16")]
    pub concurrency: NonZeroUsize,
    /// Attempts per shipment for answers worth another one
    #[arg(long, value_name = "N", value_parser = whole_number::<NonZeroU32>(1..=1000))]
    #[arg(env = "LATESHIP_MAX_ATTEMPTS", default_value = "5")]
    pub max_attempts: NonZeroU32,
    /// For one request, from its start to the end of its answer
    #[arg(long, value_name = "TIME", value_parser = parse_time_limit)]
    #[arg(env = "LATESHIP_TIMEOUT", default_value = "30s")]
    pub timeout: Duration,
    /// For connecting; not longer than --timeout [default: 10s, or --timeout where that is shorter]
    #[arg(long, value_name = "TIME", value_parser = parse_time_limit)]
    #[arg(env = "LATESHIP_CONNECT_TIMEOUT")]
    pub connect_timeout: Option<Duration>,
    /// How long an endpoint that answers nothing useful is waited for before the run stops
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    #[arg(env = "LATESHIP_GIVE_UP_AFTER", default_value = "2h")]
    pub give_up_after: Duration,
    /// Stop after N shipments in a row that were not accepted (0: never), or once N% of at least
    /// 100 answered ones were not
    #[arg(long, value_name = "N|N%", env = "LATESHIP_MAX_FAILURES", default_value = "100")]
    pub max_failures: MaxFailures,
    /// Stop cleanly at this time of day, like 06:30 [default: at the end]
    #[arg(long, value_name = "HH:MM", value_parser = parse_time_of_day, env = "LATESHIP_STOP_AT")]
    pub stop_at: Option<Time>,
    /// Stop cleanly after this time, like 90m [default: at the end]
    #[arg(long, value_name = "TIME", value_parser = parse_time_limit)]
    #[arg(env = "LATESHIP_MAX_DURATION")]
    pub max_duration: Option<Duration>,
}

/// What is expected of the inputs of an import. Each option is also a key of `[delivery]`.
#[derive(Debug, Clone, Args)]
pub struct InputOptions {
    /// Send nothing where the inputs make fewer shipments: then the export or the mapping is wrong
    #[arg(long, value_name = "N", help_heading = PACE, value_parser = whole_number::<u64>(0..=u64::MAX))]
    #[arg(env = "LATESHIP_MIN_SHIPMENTS", hide_env_values = true, default_value = "0")]
    pub min_shipments: u64,
}

/// How much is written to standard error; the same for every command.
#[derive(Debug, Clone, Args)]
pub struct MessageOptions {
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = MESSAGES)]
    pub quiet: bool,
    /// Say more; twice for every attempt
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = MESSAGES)]
    pub verbose: u8,
    /// How log lines are written: text or json
    #[arg(long, value_name = "FORMAT", global = true, help_heading = MESSAGES)]
    #[arg(env = "LATESHIP_LOG_FORMAT", hide_env_values = true, default_value = "text")]
    pub log_format: Format,
}

/// Reads `FIELD=VALUE`; the value may be empty, and hold further `=`.
///
/// # Errors
/// No `=`, or no field of that name.
pub fn parse_set(typed: &str) -> Result<(Field, String), Unfit> {
    let unfit = || Unfit::new("expected FIELD=VALUE, like package_status=shipped");
    let (name, value) = typed.split_once('=').ok_or_else(unfit)?;
    Ok((name.trim().parse()?, value.to_owned()))
}

/// Reads the status of rows that a retry can send.
fn parse_left(word: &str) -> Result<Status, Unfit> {
    let left = word.trim().parse::<Status>().ok().filter(|status| !status.is_settled());
    left.ok_or_else(|| Unfit::new("expected invalid, rejected, failed, in_doubt or not_attempted"))
}
