//! What a run is to do: flag over environment over the mapping's `[delivery]` over default, all of
//! it checked.
//!
//! `cli` says what was [typed](Typed); here the environment is asked once, the mapping read, and
//! everything fitted together. Nothing raw goes further: [`Import`] is what `import` obeys.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::ledger;
use crate::limits::{Changed, InDoubt, Limits};
use crate::mapping::{Delivery, Mapping};
use crate::results::{Ending, Paths};
use crate::row::Encoding;
use crate::secret::Credentials;
use crate::shipment::Field;
use crate::source::STANDARD_INPUT;
use crate::text;

mod environment;
mod error;
mod layers;
mod rerun;
mod retry;
#[cfg(test)]
mod tests;

pub use environment::{Environment, NotACount, parse_count};
pub use error::Error;
pub use rerun::Rerun;
pub use retry::{Carried, Edit, Retry, Unretryable, form_used};

/// How long another run in the way is waited for, unless told otherwise.
pub const DEFAULT_WAIT: Duration = Duration::ZERO;

/// The fewest shipments that inputs must make, unless told otherwise.
pub const DEFAULT_MIN_SHIPMENTS: u64 = 0;

/// All that an import needs to know.
#[derive(Debug)]
pub struct Import {
    /// What is read, in this order.
    pub inputs: Vec<Input>,
    /// The mapping, not yet bound to a header.
    pub mapping: Arc<Mapping>,
    /// The export that is joined in place of the one that the mapping names.
    pub join: Option<PathBuf>,
    /// Constants over the mapping.
    pub set: Vec<(Field, String)>,
    /// Where the files of the run lie.
    pub paths: Paths,
    /// Where shipments go.
    pub target: Target,
    /// What bounds the delivery.
    pub limits: Limits,
    /// What is remembered of shipments from run to run.
    pub memory: Memory,
    /// How long another run that is in the way is waited for.
    pub wait: Duration,
    /// The fewest shipments that the inputs must make.
    pub min_shipments: u64,
    /// Only so many rows (of all inputs together) are looked at; all of them where it is `None`.
    pub limit: Option<u64>,
    /// Whether rows are mapped and validated only, and nothing is sent; then `target` is
    /// [`Target::Nowhere`].
    pub dry_run: bool,
    /// The earlier run whose lines are carried over, for a retry.
    pub carried: Option<Carried>,
    /// The command as it was typed, for messages.
    pub rerun: Rerun,
}

/// What a run remembers, and what it makes of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// Where accepted shipments are remembered; nowhere where it is `None`.
    pub ledger: Option<PathBuf>,
    /// What becomes of shipments that were accepted with another payload.
    pub changed: Changed,
    /// Whether what was accepted is sent all the same.
    pub resend: bool,
}

/// Something to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file.
    Path(PathBuf),
    /// Standard input (`-`).
    Stdin,
    /// A file that an earlier run knew by this name, as it stands in its results.
    Known {
        /// Where it is now.
        path: PathBuf,
        /// The name.
        name: String,
    },
}

impl Input {
    /// The input that was typed: `-` is standard input, everything else a path.
    pub fn typed(text: &OsStr) -> Self {
        if text == "-" { Self::Stdin } else { Self::Path(text.into()) }
    }

    /// Its path; `None` for standard input.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) | Self::Known { path, .. } => Some(path),
            Self::Stdin => None,
        }
    }
}

/// As it is named in messages: the path, or `standard input`.
impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.pad(&text::printable(&path.to_string_lossy())),
            Self::Stdin => f.pad(STANDARD_INPUT),
            Self::Known { name, .. } => f.pad(&text::printable(name)),
        }
    }
}

/// Where shipments go.
#[derive(Debug, Clone)]
pub enum Target {
    /// To an endpoint, with these credentials.
    Endpoint {
        /// Its address.
        endpoint: Endpoint,
        /// The account.
        credentials: Credentials,
    },
    /// To a sandbox of the run's own.
    Sandbox,
    /// Nowhere: a dry run maps and validates only.
    Nowhere,
}

/// What stood on the command line of `import`, already of the right types.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own, as it was typed")]
pub struct Typed {
    /// The inputs.
    pub inputs: Vec<OsString>,
    /// The mapping: a path, or a built-in name.
    pub mapping: String,
    /// `--encoding`
    pub encoding: Option<Encoding>,
    /// `--join`
    pub join: Option<PathBuf>,
    /// `--results`
    pub results: Option<PathBuf>,
    /// `--failed-rows`
    pub failed_rows: Option<PathBuf>,
    /// `--summary`
    pub summary: Option<PathBuf>,
    /// `--endpoint`
    pub endpoint: Option<Endpoint>,
    /// `--sandbox`
    pub sandbox: bool,
    /// `--credentials`
    pub credentials: Option<PathBuf>,
    /// The flags that `[delivery]` has keys for.
    pub delivery: Delivery,
    /// `--ledger`
    pub ledger: Option<PathBuf>,
    /// `--no-ledger`
    pub no_ledger: bool,
    /// `--resend`
    pub resend: bool,
    /// `--set`
    pub set: Vec<(Field, String)>,
    /// `--limit`
    pub limit: Option<u64>,
    /// `--dry-run`
    pub dry_run: bool,
}

impl Import {
    /// Fits together what was typed, what the environment says, and what the mapping says.
    ///
    /// # Errors
    /// Everything that can be known to be wrong before an input is opened.
    pub fn new(typed: Typed, environment: &Environment<'_>, rerun: Rerun) -> Result<Self, Error> {
        let inputs = inputs(&typed.inputs)?;
        let mut mapping = load_mapping(&typed.mapping)?;
        if let Some(encoding) = typed.encoding {
            mapping.pin_encoding(encoding);
        }
        check_set(&typed.set)?;
        let paths = paths(&typed, &inputs)?;
        let target = target(&typed, environment)?;
        let asked = layers::layer(
            layers::layer(typed.delivery, environment.delivery()?),
            mapping.delivery().clone(),
        );
        let min_shipments = asked.min_shipments.unwrap_or(DEFAULT_MIN_SHIPMENTS);
        let wait = asked.wait.unwrap_or(DEFAULT_WAIT);
        let changed = asked.changed.unwrap_or_default();
        let limits = layers::limits(asked, matches!(target, Target::Sandbox))?;
        let ledger = ledger_of(&target, typed.ledger, typed.no_ledger, environment)?;
        if limits.in_doubt == InDoubt::Hold && ledger.is_none() && !typed.dry_run {
            return Err(Error::HoldWithoutLedger);
        }
        Ok(Self {
            memory: Memory { ledger, changed, resend: typed.resend },
            wait,
            inputs,
            mapping: Arc::new(mapping),
            join: typed.join,
            set: typed.set,
            paths,
            target,
            limits,
            min_shipments,
            limit: typed.limit,
            dry_run: typed.dry_run,
            carried: None,
            rerun,
        })
    }

    /// The command that does the same with another input, as a shell takes it; with the endpoint,
    /// wherever it was said, so that it sends to the same one in another shell.
    pub fn command_for(&self, input: &Path) -> String {
        let mut command = self.rerun.with_input(&self.inputs, input);
        if let Target::Endpoint { endpoint, .. } = &self.target
            && *endpoint != Endpoint::default()
        {
            command.add_missing("--endpoint", endpoint.url().as_str());
        }
        if self.min_shipments > 0 {
            command.add_missing("--min-shipments", "0");
        }
        command.to_string()
    }
}

/// Reads a mapping: a path where it has a `/` or ends in `.toml`, else a built-in name.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_mapping(typed: &str) -> Result<Mapping, Error> {
    Ok(Mapping::load(typed)?)
}

/// The inputs, none of them twice.
///
/// # Errors
/// An input that is given twice, or standard input beside files.
pub fn inputs(typed: &[OsString]) -> Result<Vec<Input>, Error> {
    let inputs: Vec<Input> = typed.iter().map(|text| Input::typed(text)).collect();
    let real = |input: &Input| {
        input.path().map(|path| path.canonicalize().unwrap_or_else(|_| path.to_owned()))
    };
    for (index, input) in inputs.iter().enumerate() {
        if inputs[..index].iter().any(|other| real(other) == real(input)) {
            return Err(Error::SameInput(input.clone()));
        }
    }
    if inputs.len() > 1 && inputs.contains(&Input::Stdin) {
        return Err(Error::StdinAmongFiles);
    }
    Ok(inputs)
}

/// Looks whether `--set` gives a field one value at most.
///
/// # Errors
/// A field with two.
pub fn check_set(set: &[(Field, String)]) -> Result<(), Error> {
    let twice = set
        .iter()
        .enumerate()
        .find(|(index, (field, _))| set[..*index].iter().any(|(other, _)| other == field));
    twice.map_or(Ok(()), |(_, (field, _))| Err(Error::SetTwice(*field)))
}

fn paths(typed: &Typed, inputs: &[Input]) -> Result<Paths, Error> {
    let ending = if typed.dry_run { Ending::DryRun } else { Ending::Results };
    let mut paths = match (&typed.results, inputs.first()) {
        (Some(results), _) if typed.dry_run => Paths::of_dry_run(results),
        (Some(results), _) => Paths::from_results(results),
        (None, Some(Input::Path(input) | Input::Known { path: input, .. })) => {
            Paths::beside(input, ending)
        }
        (None, Some(Input::Stdin) | None) => return Err(Error::NoResults),
    };
    if let Some(path) = &typed.failed_rows {
        paths.failed_rows.clone_from(path);
    }
    if let Some(path) = &typed.summary {
        paths.summary.clone_from(path);
    }
    let mut read: Vec<&Path> = inputs.iter().filter_map(Input::path).collect();
    read.push(Path::new(&typed.mapping));
    read.extend(typed.credentials.as_deref());
    read.extend(typed.join.as_deref());
    paths.check(&read)?;
    Ok(paths)
}

fn target(typed: &Typed, environment: &Environment<'_>) -> Result<Target, Error> {
    if typed.dry_run {
        return Ok(Target::Nowhere);
    }
    if typed.sandbox {
        return Ok(Target::Sandbox);
    }
    let endpoint = match &typed.endpoint {
        Some(endpoint) => endpoint.clone(),
        None => environment.read("LATESHIP_ENDPOINT", str::parse::<Endpoint>)?.unwrap_or_default(),
    };
    let file = typed.credentials.clone().or_else(|| environment.path("LATESHIP_CREDENTIALS"));
    let credentials = match file {
        Some(path) => Credentials::from_file(&path)?,
        None => environment.credentials()?,
    };
    Ok(Target::Endpoint { endpoint, credentials })
}

/// Where accepted shipments are remembered: where it was said, else in the user's own place; a
/// loopback endpoint only where it was said, since it is a rehearsal as a rule.
fn ledger_of(
    target: &Target,
    typed: Option<PathBuf>,
    none: bool,
    environment: &Environment<'_>,
) -> Result<Option<PathBuf>, Error> {
    match target {
        Target::Sandbox if typed.is_some() => Err(Error::SandboxRemembered),
        Target::Nowhere | Target::Sandbox => Ok(None),
        Target::Endpoint { .. } if none => Ok(None),
        Target::Endpoint { .. } if typed.is_some() => Ok(typed),
        Target::Endpoint { endpoint, .. } => match environment.path("LATESHIP_LEDGER") {
            Some(path) => Ok(Some(path)),
            None if endpoint.is_loopback() => Ok(None),
            None => Ok(Some(ledger::default_path()?)),
        },
    }
}
