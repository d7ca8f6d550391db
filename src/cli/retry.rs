//! `lateship retry`: what an earlier run left. Its long help says what is sent, and what is carried
//! over.

use clap::{Arg, Args};

use super::Surroundings;
use crate::Error;
use crate::options::RetryArgs;
use crate::options::run::RunSettings;

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

const ENDPOINT: &str = "Another address for the shipments; https, or http on this machine [default: the one of the \
                        earlier run]";

const JOIN: &str = "The export that is joined [default: the one of the earlier run]";

const SET: &str = "A constant for one field, over the mapping and those of the earlier run; may be given several times";

const FAILED_ROWS: &str =
    "Where the rows go that are still not accepted [default: where they were]";

const SUMMARY: &str =
    "The summary of the earlier run, which is replaced [default: RESULTS with .json]";

const SANDBOX: &str =
    "Send to a sandbox of the run's own; only for what was sent to one [default: off]";

const IN_DOUBT: &str = "What becomes of rows that are in_doubt, or of which an answer is lost now: resend (the message says \
                        so then) or hold (they stay in_doubt for a person); hold needs no ledger here [default: as before]";

const LEDGER: &str = "Where accepted shipments are remembered [default: where the earlier run remembered them, if that is on \
                      this machine, else as for import]";

const PROGRESS: &str =
    "When progress is shown: auto, always or never [default: auto; never with --log-format json]";

/// Send what an earlier run left: the rows that were not accepted
#[derive(Debug, Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
#[command(mut_args(for_retry))]
pub(super) struct Flags {
    #[command(flatten)]
    args: RetryArgs,
}

/// The option as a retry has it: the summary of the earlier run lies under it.
fn for_retry(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "endpoint" => arg.help(ENDPOINT).hide_env(true).hide_default_value(true),
        "in_doubt" => arg.help(IN_DOUBT).hide_env(true).hide_default_value(true),
        "sandbox" => arg.help(SANDBOX),
        "ledger" => arg.help(LEDGER),
        "progress" => arg.help(PROGRESS),
        "failed_rows" => arg.help(FAILED_ROWS),
        "summary" => arg.help(SUMMARY),
        "join" => arg.help(JOIN).help_heading(None),
        "set" => arg.help(SET).help_heading(None),
        _ => arg,
    }
}

pub(super) fn run(around: Surroundings<'_>) -> Result<u8, Error> {
    let settings = RunSettings::retry(around.line, around.environment)?;
    crate::pipeline::run(&settings, &around.screen)
}
