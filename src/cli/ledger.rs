//! `lateship ledger`: look at what is remembered of accepted shipments, and put it right.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use self::adopt::Adopt;
use super::{Surroundings, print};
use crate::Error;
use crate::error::exit;
use crate::ledger::{self, Forget, LedgerEntry, Scope, Store};
use crate::options::command_line::variable;
use crate::outcome::Conclusion;
use crate::results;
use crate::text;

mod adopt;

/// The variable behind `--ledger`.
const VARIABLE: &str = "LATESHIP_LEDGER";

const LONG_ABOUT: &str = "\
Look at what is remembered of accepted shipments, and put it right.

The ledger remembers, per endpoint and account, which payloads of which shipments were accepted and which may have been, \
so that the same import again sends only what is new or has changed. It is a file of yours alone; while a run goes on, or after one was killed, part \
of it is in files beside it whose names begin with its name: move or copy them together. What changes it waits \
for no run: where one is under way for the same endpoint and account, the command says so and does nothing.";

const AFTER_LONG_HELP: &str = "\
Examples:
  lateship ledger path                              where it lies
  lateship ledger stats                             how much is in it, by endpoint and account
  lateship ledger stats --verify                    the same, after checking every row and the index
  lateship ledger doubts                            what may have been accepted without an answer
  lateship ledger resolve 1007 1012 --sent          they have arrived: remembered as accepted
  lateship ledger resolve 1007 --resend             it has not: the next run sends it
  lateship ledger forget 1007                       the next run sends it whatever was accepted
  lateship ledger forget --older-than 400d          not seen by any run for so long
  lateship ledger export > ledger.csv
  lateship ledger adopt orders.csv -m shop.toml     sent by another tool: remembered as accepted
  lateship ledger adopt orders.csv -m shopify --join shipments.csv
  lateship ledger adopt orders.results.csv          what these results say was accepted

Environment: LATESHIP_LEDGER, and LATESHIPMENT_EMAIL for adopt.

Exit codes: 0 done, 2 something is in the way and nothing was changed (where an adopt breaks off midway, as on a full \
disk, what came before stays remembered).";

/// Look at what is remembered of accepted shipments, and put it right
#[derive(Debug, Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub(super) struct Flags {
    /// The ledger [default: ledger.db in your state folder]
    #[arg(long, global = true, value_name = "PATH", env = VARIABLE, hide_env_values = true)]
    ledger: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print where the ledger lies
    Path,
    /// Print how much is in it, by endpoint and account
    Stats {
        /// Check every row and the index first
        #[arg(long)]
        verify: bool,
    },
    /// Print everything in it as CSV
    Export,
    /// Forget shipments, so that they are sent again when they come again
    #[command(group = clap::ArgGroup::new("which").required(true).multiple(false))]
    Forget {
        /// Orders, by their numbers
        #[arg(value_name = "ORDER", group = "which")]
        orders: Vec<String>,
        /// What no run has seen for so many days, like 400d
        #[arg(long, value_name = "DAYS", group = "which", value_parser = parse_days)]
        older_than: Option<i64>,
        /// What this run was the last to have accepted
        #[arg(long, value_name = "N", group = "which")]
        run: Option<u64>,
    },
    /// List what may have been accepted without an answer
    Doubts,
    /// Decide doubts
    #[command(group = clap::ArgGroup::new("decision").required(true).multiple(false))]
    Resolve {
        /// Orders, by their numbers
        #[arg(value_name = "ORDER", required = true)]
        orders: Vec<String>,
        /// They have arrived: remember them as accepted
        #[arg(long, group = "decision")]
        sent: bool,
        /// They have not arrived: the next run sends them
        #[arg(long, group = "decision")]
        resend: bool,
    },
    /// Remember shipments as accepted without sending them
    Adopt(Adopt),
}

impl Flags {
    pub(super) fn run(self, around: &Surroundings<'_>) -> Result<u8, Error> {
        let path =
            match self.ledger.or_else(|| variable(around.environment, VARIABLE).map(PathBuf::from))
            {
                Some(path) => path,
                None => ledger::default_path()?,
            };
        match self.what {
            What::Path => print(&format!("{}\n", path.display()))?,
            What::Stats { verify } => {
                let ledger = Store::open(&path)?;
                if verify {
                    let rows = text::counted(ledger.verify()?, "row");
                    print(&format!("verified: {rows}, no damage\n"))?;
                }
                print(&stats(&ledger)?)?;
            }
            What::Export => {
                print(&results::csv_line(&COLUMNS))?;
                Store::open(&path)?.export(|scope, entry| print(&line(scope, &entry)))?;
            }
            What::Forget { orders, older_than, run } => {
                let forget = match (older_than, run) {
                    (Some(days), _) => Forget::NotSeenSince(days_ago(days)),
                    (None, Some(run)) => Forget::Run(run),
                    (None, None) => Forget::Orders(orders),
                };
                let forgotten = Store::open(&path)?.forget(&forget)?;
                print(&format!("forgotten: {}\n", text::counted(forgotten, "shipment")))?;
            }
            What::Doubts => print(&doubts(&Store::open(&path)?.doubts()?))?,
            What::Resolve { orders, sent, .. } => {
                let decision = if sent { Conclusion::Accepted } else { Conclusion::NotAccepted };
                let counts = Store::open(&path)?.resolve(&orders, decision)?;
                for (order, count) in orders.iter().zip(counts) {
                    print(&format!(
                        "order {}: {}\n",
                        text::printable(order),
                        text::counted(count, "doubt")
                    ))?;
                }
            }
            What::Adopt(adopt) => {
                let adopted = adopt.run(&path, around.environment)?;
                print(&format!(
                    "remembered as accepted: {}\n",
                    text::counted(adopted, "shipment")
                ))?;
            }
        }
        Ok(exit::OK)
    }
}

const COLUMNS: [&str; 7] = [
    "endpoint",
    "account",
    "order_no",
    "trackingnumber",
    "accepted_at",
    "in_doubt_since",
    "payload",
];

fn line(scope: &Scope, entry: &LedgerEntry) -> String {
    let [accepted, doubt] = [entry.accepted, entry.doubt]
        .map(|stamp| stamp.map(|stamp| stamp.at.to_string()).unwrap_or_default());
    results::csv_line(&[
        &scope.endpoint,
        &scope.account,
        &entry.order_no,
        &entry.trackingnumber,
        &accepted,
        &doubt,
        &format!("{:032x}", entry.key.payload),
    ])
}

fn stats(ledger: &Store) -> Result<String, Error> {
    let mut output =
        format!("{}: {} bytes\n", ledger.path().display(), text::thousands(ledger.bytes()));
    for scope in ledger.stats()? {
        _ = writeln!(
            output,
            "{} for {}",
            text::printable(&scope.scope.endpoint),
            text::printable(&scope.scope.account)
        );
        let counts = [
            text::counted(scope.shipments, "shipment"),
            text::counted(scope.payloads, "payload"),
            format!("{} in doubt", text::thousands(scope.doubts)),
            text::counted(scope.runs, "run"),
        ];
        _ = writeln!(output, "  {}", counts.join(", "));
        if let (Some(first), Some(last)) = (scope.first, scope.last) {
            _ = writeln!(output, "  accepted from {first:.0} to {last:.0}");
        }
    }
    Ok(output)
}

fn doubts(doubts: &[(Scope, LedgerEntry)]) -> String {
    if doubts.is_empty() {
        return "nothing is in doubt\n".to_owned();
    }
    let one = |(scope, entry): &(Scope, LedgerEntry)| {
        let since = entry.doubt.map(|doubt| format!("{:.0}", doubt.at)).unwrap_or_default();
        let [order, tracking, endpoint] = [&entry.order_no, &entry.trackingnumber, &scope.endpoint]
            .map(|name| text::printable(name));
        format!("order {order}, {tracking}: since {since}, at {endpoint}\n")
    };
    let mut output: String = doubts.iter().map(one).collect();
    output.push_str(
        "\nThey may have been accepted: look for them at LateShipment, then\n  lateship ledger resolve ORDER… --sent     where they \
         arrived\n  lateship ledger resolve ORDER… --resend   where they did not\n",
    );
    output
}

fn days_ago(days: i64) -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second() - days * 24 * 3600)
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Reads a number of days: `400d`.
fn parse_days(text: &str) -> Result<i64, String> {
    let days = text
        .strip_suffix('d')
        .and_then(|days| days.parse().ok())
        .filter(|days| (0..=36_500).contains(days));
    days.ok_or_else(|| "expected a number of days like 400d".to_owned())
}
