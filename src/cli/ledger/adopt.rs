//! `lateship ledger adopt`: what was accepted without the ledger's knowledge, remembered from an
//! export or from results.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use crate::Error;
use crate::endpoint::Endpoint;
use crate::inputs::{EarlierRun, InputPath, Inputs};
use crate::ledger::{Key, Ledger, Scope};
use crate::options::command_line::{Environment, variable};
use crate::options::delivery::load_mapping;
use crate::options::parse_set;
use crate::outcome::Status;
use crate::results;
use crate::row::{Encoding, Row};
use crate::secret::EMAIL_VARIABLE;
use crate::shipment::Field;

/// Shipments that are remembered at once: so many are in memory.
const GROUP: usize = 10_000;

#[derive(Debug, Args)]
pub(super) struct Adopt {
    /// An export (with -m), or the results of a run (without): of these what was accepted
    #[arg(value_name = "INPUT|RESULTS")]
    input: PathBuf,
    /// The mapping of the export: a file, or the name of a built-in one
    #[arg(short, long, value_name = "MAPPING")]
    mapping: Option<String>,
    /// The export that is joined, in place of the one that the mapping names [default: the file of
    /// [join]]
    #[arg(long, value_name = "PATH", requires = "mapping")]
    join: Option<PathBuf>,
    /// The encoding of the export, over the mapping [default: found by looking at it]
    #[arg(long, value_name = "LABEL", requires = "mapping")]
    encoding: Option<Encoding>,
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

impl Adopt {
    pub(super) fn run(self, ledger: &Path, environment: &Environment<'_>) -> Result<u64, Error> {
        let set = || variable(environment, EMAIL_VARIABLE)?.into_string().ok();
        let account = self.account.or_else(set).ok_or(Error::NoAccount)?.trim().to_owned();
        let Some(mapping) = &self.mapping else {
            return adopt_results(ledger, &self.input, self.endpoint, account);
        };
        let mapping = load_mapping(mapping, self.encoding)?;
        let (input, folder) = (InputPath::File(self.input), std::env::temp_dir());
        let inputs =
            Inputs::prepare(&[input], Arc::new(mapping), self.set, self.join.as_deref(), &folder)?;
        let scope = Scope {
            endpoint: self.endpoint.unwrap_or_default().shown(),
            query_hash: None,
            account,
        };
        remember(ledger, &scope, &inputs, |_, _| true)
    }
}

/// Adopts what the results at `path` say was accepted; the shipments are made anew from the inputs,
/// for the results do not say all that tells one shipment from another.
fn adopt_results(
    ledger: &Path,
    path: &Path,
    endpoint: Option<Endpoint>,
    account: String,
) -> Result<u64, Error> {
    let EarlierRun { summary, inputs, mapping, set, join, encoding } =
        EarlierRun::read(&path.with_extension("json"))?;
    let mut mapping = load_mapping(&mapping, None)?;
    mapping.assume_encoding(encoding);
    let folder = std::env::temp_dir();
    let inputs = Inputs::prepare(&inputs, Arc::new(mapping), set, join.as_deref(), &folder)?;
    let mut accepted = std::collections::HashSet::new();
    for entry in results::Reader::open(path)? {
        let entry = entry?;
        if matches!(entry.outcome.status, Status::Sent | Status::AlreadySent)
            && let Some(payload) = entry.payload
        {
            accepted.insert((entry.fingerprint, payload));
        }
    }
    let scope = Scope {
        endpoint: endpoint.map_or(summary.endpoint, |endpoint| endpoint.shown()),
        query_hash: None,
        account,
    };
    remember(ledger, &scope, &inputs, |row, key| accepted.contains(&(row.fingerprint, key.payload)))
}

/// Remembers the shipments of `inputs` that are `wanted`; gives how many. All is read twice:
/// nothing is remembered before it is known that it can be read to its end, and it is never all in
/// memory.
fn remember(
    ledger: &Path,
    scope: &Scope,
    inputs: &Inputs,
    wanted: impl Fn(&Row, Key) -> bool,
) -> Result<u64, Error> {
    let mut row = Row::default();
    for index in 0..inputs.len() {
        let (mut source, _) = inputs.open(index)?;
        while source.read(&mut row)? {}
    }
    let ledger = Ledger::open(ledger, scope, "lateship ledger adopt")?;
    let (mut group, mut adopted) = (Vec::with_capacity(GROUP), 0);
    for index in 0..inputs.len() {
        let mut units = inputs.units(index)?;
        while let Some(unit) = units.read()? {
            for shipment in unit.shipments() {
                let key = Key { identity: shipment.identity, payload: shipment.payload };
                if unit.participants().all(|row| wanted(row, key)) {
                    group.push((key, shipment.order_no.clone(), shipment.trackingnumber.clone()));
                    adopted += 1;
                }
            }
            if group.len() >= GROUP {
                ledger.adopt(std::mem::take(&mut group))?;
            }
        }
    }
    ledger.adopt(group)?;
    ledger.close()?;
    Ok(adopted)
}
