//! `lateship import`: the main job. Its long help is the manual of a run.

use clap::Args;

use super::Surroundings;
use crate::Error;
use crate::options::ImportArgs;
use crate::options::run::RunSettings;
use crate::secret::{API_KEY_VARIABLE, EMAIL_VARIABLE};

const LONG_ABOUT: &str = "\
Send every shipment of an export to the webhook.

Each row is mapped to a payload and validated; valid ones are sent one by one at a steady rate, with several requests \
in flight. The first request goes alone: a wrong key or a wrong address costs one request, not thousands. What is worth \
another try is tried again, with growing pauses; when the endpoint is down, the run waits for it. Every row ends in the \
results, in the order of the input, with what became of it.";

/// Send every shipment of an export to the webhook
#[derive(Debug, Args)]
#[command(long_about = LONG_ABOUT, after_long_help = after_long_help())]
pub(super) struct Flags {
    #[command(flatten)]
    args: ImportArgs,
}

pub(super) fn run(around: Surroundings<'_>) -> Result<u8, Error> {
    let settings = RunSettings::import(around.line, around.environment)?;
    crate::pipeline::run(&settings, &around.screen)
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
