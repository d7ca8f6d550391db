//! `lateship retry`: what an earlier run left. Its long help says what is sent, and what is carried
//! over.

use std::path::PathBuf;

use clap::Args;

use super::import::{Memory, Pace};
use super::values::{EndpointParser, flag, parse_set};
use super::{Surroundings, parser_of};
use crate::Error;
use crate::endpoint::Endpoint;
use crate::mapping::Delivery;
use crate::outcome::Status;
use crate::progress::Mode;
use crate::secret::{API_KEY_VARIABLE, EMAIL_VARIABLE};
use crate::settings::{Import, Retry, Typed};
use crate::shipment::Field;

const LONG_ABOUT: &str = "\
Send what an earlier run left: the rows that were not accepted, and no other.

What was imported, with which mapping, to where and with which constants stands in the summary beside the results. The \
shipments are made anew, so mend the mapping or the rows first, in the input itself. Every row that was accepted keeps \
its line as it is, and the results are replaced at the end, so that they always show the present state of every row.";

const AFTER_LONG_HELP: &str = "\
Examples:
  lateship retry orders.results.csv                        all that is left
  lateship retry orders.results.csv --only failed,rejected
  lateship retry orders.results.csv -m mended.toml --rate 2/s
  lateship retry night.results.csv --credentials ops.toml

What is sent:
  Rows that are invalid, rejected, failed, in_doubt or not_attempted, as the mapping makes them now,
  and rows for which the earlier run wrote no line (it had a --limit, or the input has grown). What
  was accepted is sent again only if the mapping or --set now make another payload of it; a warning
  says how many such rows there are, and --only leaves them as they are. Rows that were left out
  (skipped) stay so until they change in the input.

Before anything is sent, all rows are held against their lines:
  - a row that was accepted and is another one now: nothing is sent, and the row is named;
  - rows put in or removed, lines sorted or removed: nothing is sent, and the place is named.
  Mend rows where they stand; results may be saved by a spreadsheet, but not edited.

Needs the results, the summary (RESULTS with .json), the input and the mapping, where they stood from
the summary's folder: that folder can be copied to another machine. Standard input was kept in
RESULTS.input, which goes once no row is left.

A rehearsal (--sandbox, or an endpoint on this machine) can only be retried as one, and a real run
only in earnest: else the results would record as sent what was never sent.

Exit codes: (all rows count, those carried over as well)
  0    every row is sent, already_sent or skipped
  1    the run reached its end, and some rows were not accepted
  2    something is in the way; nothing was sent, and the results are as they were
  3    stopped before the end
  129, 130, 143   interrupted; everything is recorded";

const IN_DOUBT: &str = "What becomes of rows that are in_doubt, or of which an answer is lost now: resend (the message says \
                        so then) or hold (they stay in_doubt for a person); hold needs no ledger here [default: as before]";

const LEDGER: &str = "Where accepted shipments are remembered [default: where the earlier run remembered them, if that is on \
                      this machine, else as for import] [env: LATESHIP_LEDGER]";

/// Send what an earlier run left: the rows that were not accepted
#[derive(Debug, Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
#[command(mut_arg("in_doubt", |flag| flag.help(IN_DOUBT)), mut_arg("ledger", |flag| flag.help(LEDGER)))]
pub(super) struct Flags {
    /// The results of the earlier run
    #[arg(value_name = "RESULTS")]
    results: PathBuf,
    #[arg(
        long,
        value_name = "STATUS,…",
        value_delimiter = ',',
        value_parser = parse_left,
        help = "Only rows with one of these statuses: invalid, rejected, failed, in_doubt, not_attempted [default: all of them]"
    )]
    only: Vec<Status>,
    /// Another mapping: a file, or the name of a built-in one [default: the one of the earlier run,
    /// as it is now]
    #[arg(short, long, value_name = "MAPPING")]
    mapping: Option<String>,
    /// The export that is joined [default: the one of the earlier run]
    #[arg(long, value_name = "PATH")]
    join: Option<PathBuf>,
    /// A constant for one field, over the mapping and those of the earlier run; may be given
    /// several times
    #[arg(long, value_name = "FIELD=VALUE", value_parser = parse_set)]
    set: Vec<(Field, String)>,

    /// Where the rows go that are still not accepted [default: where they were]
    #[arg(long, value_name = "PATH", help_heading = "Files")]
    failed_rows: Option<PathBuf>,
    /// The summary of the earlier run, which is replaced [default: RESULTS with .json]
    #[arg(long, value_name = "PATH", help_heading = "Files")]
    summary: Option<PathBuf>,

    /// Another address for the shipments; https, or http on this machine [default: the one of the
    /// earlier run]
    #[arg(long, value_name = "URL", help_heading = "Target", value_parser = EndpointParser)]
    endpoint: Option<Endpoint>,
    /// Send to a sandbox of the run's own; only for what was sent to one [default: off]
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
        value_name = "WHEN",
        help_heading = super::MESSAGES,
        hide_possible_values = true,
        value_parser = parser_of::<Mode>(&["auto", "always", "never"]),
        help = flag("When progress is shown: auto, always or never", "auto; never with --log-format json", "PROGRESS")
    )]
    pub(super) progress: Option<Mode>,
}

/// A word that names nothing that could be left.
#[derive(Debug, thiserror::Error)]
#[error("expected invalid, rejected, failed, in_doubt or not_attempted")]
struct NotLeft;

fn parse_left(word: &str) -> Result<Status, NotLeft> {
    word.trim().parse::<Status>().ok().filter(|status| !status.is_settled()).ok_or(NotLeft)
}

impl Flags {
    pub(super) fn run(self, around: Surroundings<'_>) -> Result<u8, Error> {
        let import = Import::retry(self.into_retry(), around.environment, around.rerun)?;
        crate::pipeline::run(&import, &around.screen)
    }

    fn into_retry(self) -> Retry {
        Retry {
            results: self.results,
            only: self.only,
            in_doubt: self.memory.in_doubt,
            typed: Typed {
                encoding: None,
                mapping: self.mapping.unwrap_or_default(),
                join: self.join,
                failed_rows: self.failed_rows,
                summary: self.summary,
                endpoint: self.endpoint,
                sandbox: self.sandbox,
                credentials: self.credentials,
                delivery: Delivery {
                    changed: self.memory.changed,
                    wait: self.memory.wait,
                    ..self.pace.into_delivery()
                },
                ledger: self.memory.ledger,
                no_ledger: self.memory.no_ledger,
                resend: self.memory.resend,
                set: self.set,
                ..Typed::default()
            },
        }
    }
}
