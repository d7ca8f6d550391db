//! `lateship ledger`: look at what is remembered of accepted shipments, and put it right.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::values::{flag, parse_set};
use super::{Surroundings, print};
use crate::Error;
use crate::endpoint::Endpoint;
use crate::error::exit;
use crate::inputs::Inputs;
use crate::ledger::{self, Archive, Decision, Forget, Key, Remembered, Scope};
use crate::outcome::Status;
use crate::results::{self, Summary};
use crate::row::Row;
use crate::secret::EMAIL_VARIABLE;
use crate::settings::{self, Environment, Input};
use crate::shipment::Field;
use crate::text;

const LONG_ABOUT: &str = "\
Look at what is remembered of accepted shipments, and put it right.

The ledger remembers, per endpoint and account, which payloads of which shipments were accepted and which may have been, \
so that the same import again sends only what is new or has changed. It is a file of yours alone. What changes it waits \
for no run: where one is under way for the same endpoint and account, the command says so and does nothing.";

const AFTER_LONG_HELP: &str = "\
Examples:
  lateship ledger path                              where it lies
  lateship ledger stats                             how much is in it, by endpoint and account
  lateship ledger doubts                            what may have been accepted without an answer
  lateship ledger resolve 1007 1012 --sent          they have arrived: remembered as accepted
  lateship ledger resolve 1007 --resend             it has not: the next run sends it
  lateship ledger forget 1007                       the next run sends it whatever was accepted
  lateship ledger forget --older-than 400d          not seen by any run for so long
  lateship ledger export > ledger.csv
  lateship ledger adopt orders.csv -m shop.toml     sent by another tool: remembered as accepted
  lateship ledger adopt orders.results.csv          what these results say was accepted

Environment: LATESHIP_LEDGER, and LATESHIPMENT_EMAIL for adopt.

Exit codes: 0 done, 2 something is in the way and nothing was changed (where an adopt breaks off midway, as on a full \
disk, what came before stays remembered).";

/// Look at what is remembered of accepted shipments, and put it right
#[derive(Debug, Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub(super) struct Flags {
    #[arg(long, global = true, value_name = "PATH", help = flag("The ledger", "ledger.db in your state folder", "LEDGER"))]
    ledger: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print where the ledger lies
    Path,
    /// Print how much is in it, by endpoint and account
    Stats,
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

#[derive(Debug, Args)]
struct Adopt {
    /// An export (with -m), or the results of a run (without): of these what was accepted
    #[arg(value_name = "INPUT|RESULTS")]
    input: PathBuf,
    /// The mapping of the export: a file, or the name of a built-in one
    #[arg(short, long, value_name = "MAPPING")]
    mapping: Option<String>,
    /// Where they were sent [default: the webhook's address, or that of the results]
    #[arg(long, value_name = "URL")]
    endpoint: Option<Endpoint>,
    #[arg(
        long,
        value_name = "EMAIL",
        help = format!("The account's e-mail address [default: {EMAIL_VARIABLE} in the environment]")
    )]
    account: Option<String>,
    /// A constant for one field, over the mapping; may be given several times
    #[arg(long, value_name = "FIELD=VALUE", value_parser = parse_set)]
    set: Vec<(Field, String)>,
}

impl Flags {
    pub(super) fn run(self, around: &Surroundings<'_>) -> Result<u8, Error> {
        let path = match self.ledger.or_else(|| around.environment.path("LATESHIP_LEDGER")) {
            Some(path) => path,
            None => ledger::default_path()?,
        };
        match self.what {
            What::Path => print(&format!("{}\n", path.display()))?,
            What::Stats => print(&stats(&Archive::open(&path)?)?)?,
            What::Export => {
                print(&results::csv_line(&COLUMNS))?;
                Archive::open(&path)?.export(|remembered| print(&line(&remembered)))?;
            }
            What::Forget { orders, older_than, run } => {
                let forget = match (older_than, run) {
                    (Some(days), _) => Forget::NotSeenSince(days_ago(days)),
                    (None, Some(run)) => Forget::Run(run),
                    (None, None) => Forget::Orders(orders),
                };
                let forgotten = Archive::open(&path)?.forget(&forget)?;
                print(&format!("forgotten: {}\n", text::counted(forgotten, "shipment")))?;
            }
            What::Doubts => print(&doubts(&Archive::open(&path)?.doubts()?))?,
            What::Resolve { orders, sent, .. } => {
                let decision = if sent { Decision::Sent } else { Decision::Resend };
                let counts = Archive::open(&path)?.resolve(&orders, decision)?;
                for (order, count) in orders.iter().zip(counts) {
                    print(&format!("order {}: {}\n", text::printable(order), text::counted(count, "doubt")))?;
                }
            }
            What::Adopt(adopt) => {
                let adopted = adopt.run(&path, around.environment)?;
                print(&format!("remembered as accepted: {}\n", text::counted(adopted, "shipment")))?;
            }
        }
        Ok(exit::OK)
    }
}

const COLUMNS: [&str; 7] =
    ["endpoint", "account", "order_no", "trackingnumber", "accepted_at", "in_doubt_since", "payload"];

fn line(remembered: &Remembered) -> String {
    let accepted = remembered.accepted.map(|accepted| accepted.at.to_string()).unwrap_or_default();
    let doubt = remembered.in_doubt.map(|since| since.to_string()).unwrap_or_default();
    results::csv_line(&[
        &remembered.scope.endpoint,
        &remembered.scope.account,
        &remembered.order_no,
        &remembered.trackingnumber,
        &accepted,
        &doubt,
        &format!("{:032x}", remembered.key.payload),
    ])
}

fn stats(archive: &Archive) -> Result<String, Error> {
    let stats = archive.stats()?;
    let mut told = format!("{}: {} bytes\n", archive.path().display(), text::thousands(stats.bytes));
    for scope in stats.scopes {
        _ = writeln!(told, "{} for {}", text::printable(&scope.scope.endpoint), text::printable(&scope.scope.account));
        let counts = [
            text::counted(scope.shipments, "shipment"),
            text::counted(scope.payloads, "payload"),
            format!("{} in doubt", text::thousands(scope.doubts)),
            text::counted(scope.runs, "run"),
        ];
        _ = writeln!(told, "  {}", counts.join(", "));
        if let (Some(first), Some(last)) = (scope.first, scope.last) {
            _ = writeln!(told, "  accepted from {first:.0} to {last:.0}");
        }
    }
    Ok(told)
}

fn doubts(doubts: &[Remembered]) -> String {
    if doubts.is_empty() {
        return "nothing is in doubt\n".to_owned();
    }
    let one = |doubt: &Remembered| {
        let since = doubt.in_doubt.map(|since| format!("{since:.0}")).unwrap_or_default();
        let (order, tracking) = (text::printable(&doubt.order_no), text::printable(&doubt.trackingnumber));
        format!("order {order}, {tracking}: since {since}, at {}\n", text::printable(&doubt.scope.endpoint))
    };
    let mut told: String = doubts.iter().map(one).collect();
    told.push_str(
        "\nThey may have been accepted: look for them at LateShipment, then\n  lateship ledger resolve ORDER… --sent     where they \
         arrived\n  lateship ledger resolve ORDER… --resend   where they did not\n",
    );
    told
}

impl Adopt {
    fn run(self, ledger: &Path, environment: &Environment<'_>) -> Result<u64, Error> {
        let account = match self.account {
            Some(account) => account,
            None => environment
                .read(EMAIL_VARIABLE, |text| Ok::<_, std::convert::Infallible>(text.to_owned()))?
                .ok_or(settings::Error::NoAccount)?,
        };
        let Some(mapping) = &self.mapping else {
            return adopt_results(ledger, &self.input, self.endpoint, account);
        };
        let mapping = Arc::new(settings::load_mapping(mapping)?);
        let inputs = Inputs::prepare(&[Input::Path(self.input)], mapping, self.set, None, &std::env::temp_dir())?;
        let scope = Scope { endpoint: self.endpoint.unwrap_or_default().shown(), account };
        remember(ledger, &scope, &inputs, |_, _| true)
    }
}

/// Adopts what the results at `path` say was accepted; the shipments are made anew from the inputs, for the results do
/// not say all that tells one shipment from another.
fn adopt_results(ledger: &Path, path: &Path, endpoint: Option<Endpoint>, account: String) -> Result<u64, Error> {
    let summary_path = path.with_extension("json");
    let summary = Summary::read(&summary_path)?;
    let folder = summary_path.parent().unwrap_or(Path::new(""));
    let inputs: Vec<Input> = summary
        .inputs
        .iter()
        .filter_map(|input| input.path.as_ref())
        .map(|path| Input::Path(folder.join(path)))
        .collect();
    let mapping = match &summary.mapping.path {
        Some(path) => folder.join(path).to_string_lossy().into_owned(),
        None => summary.mapping.name.clone(),
    };
    let set = summary.set.iter().filter_map(|(field, value)| Some((Field::by_name(field)?, value.clone()))).collect();
    let join = summary.join.as_ref().and_then(|join| join.path.as_ref()).map(|path| folder.join(path));
    let mapping = Arc::new(settings::load_mapping(&mapping)?);
    let inputs = Inputs::prepare(&inputs, mapping, set, join.as_deref(), &std::env::temp_dir())?;
    let mut accepted = std::collections::HashSet::new();
    for entry in results::Reader::open(path)? {
        let entry = entry?;
        if matches!(entry.outcome.status, Status::Sent | Status::AlreadySent)
            && let Some(payload) = entry.payload
        {
            accepted.insert((entry.fingerprint, payload));
        }
    }
    let scope = Scope { endpoint: endpoint.map_or(summary.endpoint, |endpoint| endpoint.shown()), account };
    remember(ledger, &scope, &inputs, |row, key| accepted.contains(&(row.fingerprint, key.payload)))
}

/// Remembers the shipments of `inputs` that are `wanted`; gives how many. All is read twice: nothing is remembered before
/// it is known that it can be read to its end, and it is never all in memory.
fn remember(ledger: &Path, scope: &Scope, inputs: &Inputs, wanted: impl Fn(&Row, Key) -> bool) -> Result<u64, Error> {
    let mut row = Row::default();
    for index in 0..inputs.len() {
        let (mut source, _) = inputs.open(index)?;
        while source.read(&mut row)? {}
    }
    let archive = Archive::open_or_make(ledger)?;
    let adopted = archive.adopt(scope, "lateship ledger adopt", |adoption| {
        for index in 0..inputs.len() {
            let mut units = inputs.units(index)?;
            while let Some(unit) = units.read()? {
                for shipment in unit.shipments() {
                    let key = Key { identity: shipment.identity, payload: shipment.payload };
                    if unit.participants().all(|row| wanted(row, key)) {
                        adoption.add(key, &shipment.order_no, &shipment.trackingnumber)?;
                    }
                }
            }
        }
        Ok::<(), Error>(())
    })?;
    archive.close()?;
    Ok(adopted)
}

fn days_ago(days: i64) -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second() - days * 24 * 3600).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Reads a number of days: `400d`.
fn parse_days(text: &str) -> Result<i64, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok()).filter(|days| (0..=36_500).contains(days));
    days.ok_or_else(|| "expected a number of days like 400d".to_owned())
}
