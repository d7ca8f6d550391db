//! `lateship import`: the main job. Its long help is the manual of a run.

use std::ffi::OsString;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::civil::Time;

use super::values::{EndpointParser, flag, parse_set, typed};
use super::{Surroundings, parser_of};
use crate::Error;
use crate::endpoint::{DEFAULT_ENDPOINT, Endpoint};
use crate::limits::{
    Changed, DEFAULT_CONCURRENCY, DEFAULT_CONNECT_TIMEOUT, DEFAULT_GIVE_UP_AFTER,
    DEFAULT_MAX_ATTEMPTS, DEFAULT_MAX_FAILURES, DEFAULT_RATE, DEFAULT_TIMEOUT, InDoubt,
    MaxFailures, Rate, parse_duration, parse_time_of_day,
};
use crate::mapping::Delivery;
use crate::progress::Mode;
use crate::row::Encoding;
use crate::secret::{API_KEY_VARIABLE, EMAIL_VARIABLE};
use crate::settings::{DEFAULT_MIN_SHIPMENTS, Import, Typed, parse_count};
use crate::shipment::Field;

const LONG_ABOUT: &str = "\
Send every shipment of an export to the webhook.

Each row is mapped to a payload and validated; valid ones are sent one by one at a steady rate, with several requests \
in flight. The first request goes alone: a wrong key or a wrong address costs one request, not thousands. What is worth \
another try is tried again, with growing pauses; when the endpoint is down, the run waits for it. Every row ends in the \
results, in the order of the input, with what became of it.";

/// The heading of the flags for which a mapping's `[delivery]` has keys.
const PACE: &str =
    "Pace and patience (flag, else environment, else the mapping's [delivery], else default)";

/// Send every shipment of an export to the webhook
#[derive(Debug, Args)]
#[command(long_about = LONG_ABOUT, after_long_help = after_long_help())]
pub(super) struct Flags {
    /// Exports, in this order: CSV, packed or not, or a workbook; - for standard input, which is
    /// read to its end before anything is sent
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<OsString>,
    /// The mapping: a file (with a / in its name or ending in .toml), or the name of a built-in one
    #[arg(short, long, value_name = "MAPPING")]
    mapping: String,
    /// The encoding of the inputs, over the mapping: windows-1252, utf-16le or any other label of
    /// the web [default: found from the content]
    #[arg(long, value_name = "LABEL")]
    encoding: Option<Encoding>,

    /// Where the results go [default: <input>.results.csv beside the first input; needed for -]
    #[arg(short = 'o', long, value_name = "PATH", help_heading = "Files")]
    results: Option<PathBuf>,
    /// Where the rows go that were not accepted, to be mended and imported [default: like the
    /// results, with .failed.csv]
    #[arg(long, value_name = "PATH", help_heading = "Files")]
    failed_rows: Option<PathBuf>,
    /// Where the machine-readable summary goes [default: like the results, with .json]
    #[arg(long, value_name = "PATH", help_heading = "Files")]
    summary: Option<PathBuf>,
    /// The export that is joined, in place of the one that the mapping names [default: the file of
    /// [join]]
    #[arg(long, value_name = "PATH", help_heading = "Files")]
    join: Option<PathBuf>,
    /// A constant for one field, over the mapping; may be given several times
    #[arg(long, value_name = "FIELD=VALUE", value_parser = parse_set, help_heading = "Payload")]
    set: Vec<(Field, String)>,
    /// Only the first N rows; the others have no line in the results [default: all rows]
    #[arg(long, value_name = "N", value_parser = parse_count::<NonZeroU64>, help_heading = "Payload")]
    limit: Option<NonZeroU64>,
    /// Map and validate only, and send nothing; the results go to <input>.dry-run.csv [default:
    /// off]
    #[arg(long, help_heading = "Payload")]
    dry_run: bool,

    #[arg(
        long,
        value_name = "URL",
        help_heading = "Target",
        value_parser = EndpointParser,
        help = flag("Where shipments go; https, or http on this machine", DEFAULT_ENDPOINT, "ENDPOINT")
    )]
    endpoint: Option<Endpoint>,
    /// Send to an endpoint of the run's own that answers as the webhook does; needs no credentials
    /// [default: off]
    #[arg(long, conflicts_with = "endpoint", help_heading = "Target")]
    sandbox: bool,
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Target",
        help = flag(
            "A TOML file with email and api_key, readable by its owner alone",
            format!("{EMAIL_VARIABLE} and {API_KEY_VARIABLE} in the environment"),
            "CREDENTIALS"
        )
    )]
    credentials: Option<PathBuf>,

    #[command(flatten)]
    memory: Memory,

    #[command(flatten)]
    pace: Pace,
    #[arg(
        long,
        value_name = "N",
        help_heading = PACE,
        value_parser = parse_count::<u64>,
        help = flag(
            "Send nothing where the inputs make fewer shipments: then the export or the mapping is wrong",
            DEFAULT_MIN_SHIPMENTS,
            "MIN_SHIPMENTS"
        )
    )]
    min_shipments: Option<u64>,

    #[arg(
        long,
        value_name = "WHEN",
        help_heading = super::MESSAGES,
        hide_possible_values = true,
        value_parser = parser_of::<Mode>(&["auto", "always", "never"]),
        help = flag(
            "When progress is shown: auto (a bar on a terminal, else a line every 30 s), always (with -q as well) or never",
            "auto; never with --log-format json",
            "PROGRESS"
        )
    )]
    pub(super) progress: Option<Mode>,
}

/// What is remembered from run to run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Memory")]
pub(super) struct Memory {
    #[arg(
        long,
        value_name = "PATH",
        help = flag(
            "Where accepted shipments are remembered, so that the same command again sends only what is new, changed or \
             was not accepted",
            "ledger.db in your state folder; none for an endpoint on this machine",
            "LEDGER"
        )
    )]
    pub(super) ledger: Option<PathBuf>,
    /// Remember nothing and look nothing up: then a run that is started again sends everything
    /// again, what is in doubt cannot be held, and the .partial file of a killed run is in the way
    /// of the next one [default: off]
    #[arg(long, conflicts_with = "ledger")]
    pub(super) no_ledger: bool,
    #[arg(
        long,
        value_name = "WHAT",
        help = flag(
            "What becomes of a shipment that may have been accepted, since its answer was lost or the run was killed: \
             resend (its message says so then) or hold (it stays in_doubt for a person)",
            InDoubt::default(),
            "IN_DOUBT"
        )
    )]
    pub(super) in_doubt: Option<InDoubt>,
    #[arg(
        long,
        value_name = "WHAT",
        help = flag(
            "What becomes of a shipment that was accepted with another payload: send or skip", Changed::default(), "CHANGED"
        )
    )]
    pub(super) changed: Option<Changed>,
    /// Send also what the ledger says was accepted [default: off]
    #[arg(long)]
    pub(super) resend: bool,
    #[arg(
        long,
        value_name = "TIME",
        value_parser = parse_duration,
        help = flag(
            "How long to wait for another run that writes the same results or sends for the same account",
            "0s, not at all",
            "WAIT"
        )
    )]
    pub(super) wait: Option<Duration>,
}

/// The flags for which a mapping's `[delivery]` has keys.
#[derive(Debug, Args)]
#[command(next_help_heading = PACE)]
pub(super) struct Pace {
    #[arg(
        long,
        value_name = "RATE",
        help = flag(
            "Requests started per second, minute or hour, repeated ones included: 10/s, 90/m, 5000/h or unlimited",
            format!("{DEFAULT_RATE}; unlimited with --sandbox"),
            "RATE"
        )
    )]
    rate: Option<Rate>,
    #[arg(
        long,
        value_name = "N",
        value_parser = parse_count::<NonZeroUsize>,
        help = flag(
            "Requests in flight at most; fewer while the endpoint asks for it", DEFAULT_CONCURRENCY, "CONCURRENCY"
        )
    )]
    concurrency: Option<NonZeroUsize>,
    #[arg(
        long,
        value_name = "N",
        value_parser = parse_count::<NonZeroU32>,
        help = flag("Attempts per shipment for answers worth another one", DEFAULT_MAX_ATTEMPTS, "MAX_ATTEMPTS")
    )]
    max_attempts: Option<NonZeroU32>,
    #[arg(
        long,
        value_name = "TIME",
        value_parser = parse_duration,
        help = flag("For one request, from its start to the end of its answer", typed(DEFAULT_TIMEOUT), "TIMEOUT")
    )]
    timeout: Option<Duration>,
    #[arg(
        long,
        value_name = "TIME",
        value_parser = parse_duration,
        help = flag(
            "For connecting; not longer than --timeout",
            format!("{}, or --timeout where that is shorter", typed(DEFAULT_CONNECT_TIMEOUT)),
            "CONNECT_TIMEOUT"
        )
    )]
    connect_timeout: Option<Duration>,
    #[arg(
        long,
        value_name = "TIME",
        value_parser = parse_duration,
        help = flag(
            "How long an endpoint that answers nothing useful is waited for before the run stops",
            typed(DEFAULT_GIVE_UP_AFTER),
            "GIVE_UP_AFTER"
        )
    )]
    give_up_after: Option<Duration>,
    #[arg(
        long,
        value_name = "N|N%",
        help = flag(
            "Stop after N shipments in a row that were not accepted (0: never), or once N% of at least 100 answered \
             ones were not",
            DEFAULT_MAX_FAILURES,
            "MAX_FAILURES"
        )
    )]
    max_failures: Option<MaxFailures>,
    #[arg(
        long,
        value_name = "HH:MM",
        value_parser = parse_time_of_day,
        help = flag("Stop cleanly at this time of day, like 06:30", "at the end", "STOP_AT")
    )]
    stop_at: Option<Time>,
    #[arg(
        long,
        value_name = "TIME",
        value_parser = parse_duration,
        help = flag("Stop cleanly after this time, like 90m", "at the end", "MAX_DURATION")
    )]
    max_duration: Option<Duration>,
}

impl Pace {
    pub(super) fn into_delivery(self) -> Delivery {
        Delivery {
            rate: self.rate,
            concurrency: self.concurrency,
            max_attempts: self.max_attempts,
            timeout: self.timeout,
            connect_timeout: self.connect_timeout,
            give_up_after: self.give_up_after,
            max_failures: self.max_failures,
            stop_at: self.stop_at,
            max_duration: self.max_duration,
            ..Delivery::default()
        }
    }
}

impl Flags {
    pub(super) fn run(self, around: Surroundings<'_>) -> Result<u8, Error> {
        let import = Import::new(self.into_typed(), around.environment, around.rerun)?;
        crate::pipeline::run(&import, &around.screen)
    }

    pub(super) fn into_typed(self) -> Typed {
        Typed {
            inputs: self.inputs,
            mapping: self.mapping,
            join: self.join,
            results: self.results,
            failed_rows: self.failed_rows,
            summary: self.summary,
            endpoint: self.endpoint,
            sandbox: self.sandbox,
            credentials: self.credentials,
            delivery: Delivery {
                min_shipments: self.min_shipments,
                in_doubt: self.memory.in_doubt,
                changed: self.memory.changed,
                wait: self.memory.wait,
                ..self.pace.into_delivery()
            },
            ledger: self.memory.ledger,
            no_ledger: self.memory.no_ledger,
            resend: self.memory.resend,
            set: self.set,
            limit: self.limit.map(NonZeroU64::get),
            encoding: self.encoding,
            dry_run: self.dry_run,
        }
    }
}

fn after_long_help() -> String {
    format!(
        "\
Examples:
  lateship import orders.csv -m shop.toml --dry-run        map and validate, send nothing
  lateship import orders.csv -m shop.toml --sandbox        a rehearsal on this machine
  lateship import orders.csv -m shop.toml --limit 5        the first five rows
  lateship import orders.csv -m shop.toml                  all of it
  lateship import may.csv june.csv -m shop.toml --rate 5/s --stop-at 06:30
  export-orders | lateship import - -m shop.toml -o night.results.csv

Sending again:
  The ledger remembers, per endpoint and account, every payload that was accepted. So the same
  command again, after a crash, an interrupt, or with an export that overlaps with last night's,
  sends only what is new, what has changed and what was not accepted. To send what is left, mend the
  mapping or the export and retry, or mend the failed rows and import them:
  lateship retry orders.results.csv
  lateship import orders.failed.csv -m shop.toml

Files written (for orders.csv; never over an input):
  orders.results.csv    one line per row, in the order of the input, with its status;
                        orders.results.csv.partial while the run goes on
  orders.failed.csv     the rows that were not accepted, as they stood in the input, with the
                        reason in the last column; only when there are some
  orders.results.json   the summary, for programs

What becomes of a row:
  sent            accepted by the webhook
  already_sent    this very payload was accepted earlier; not sent again
  skipped         left out by the mapping's [rows], or no data (an empty row, say)
  invalid         no valid payload can be made of it; not sent
  rejected        refused by the webhook: this payload, not the others
  failed          not accepted after the last attempt, and surely not
  in_doubt        perhaps accepted: the answer was lost, or is none that the webhook gives
  not_attempted   the run stopped before its turn

Environment:
  {EMAIL_VARIABLE}, {API_KEY_VARIABLE}
      the account's e-mail address and API key; they never stand in arguments, which every
      user of a machine can list
  LATESHIP_…
      stands behind a flag, as the flag's help says; set to nothing, it counts as not set
  HTTPS_PROXY, NO_PROXY, NO_COLOR
      are obeyed as usual

Exit codes:
  0    every row is sent or skipped (with --dry-run: valid or skipped)
  1    the run reached its end, and some rows were not accepted (with --dry-run: are invalid)
  2    usage, mapping, input, files or credentials are in the way; nothing was sent
  3    stopped before the end: credentials refused, endpoint gone or wrong, too many
       failures, time up, disk full
  129, 130, 143
       interrupted (SIGHUP, SIGINT, SIGTERM): what was in flight was finished, and
       everything is recorded; a second signal ends at once"
    )
}
