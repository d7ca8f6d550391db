//! What a run is to do: the options of `import`, fitted together and checked.
//!
//! Nothing raw goes further: `import` obeys [`RunSettings`]. A retry makes the same settings from
//! its summary.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::command_line::{CommandLine, Environment};
use super::delivery::load_mapping;
use super::error::Error;
use super::input::InputPath;
use super::{CONNECT_TIMEOUT, DeliveryOptions, ImportArgs, RunOptions, TargetOptions};
use crate::endpoint::Endpoint;
use crate::ledger;
use crate::limits::{AnswerRule, Changed, InDoubt, Limits};
use crate::mapping::Mapping;
use crate::outcome::Status;
use crate::results::{Ending, Paths};
use crate::secret::Credentials;
use crate::shipment::Field;

/// All that a run needs to know.
#[derive(Debug)]
pub struct RunSettings {
    /// What is read, in this order.
    pub inputs: Vec<InputPath>,
    /// The mapping, not yet bound to a header.
    pub mapping: Arc<Mapping>,
    /// The export that is joined in place of the one that the mapping names.
    pub join: Option<PathBuf>,
    /// Constants over the mapping.
    pub set: Vec<(Field, String)>,
    /// The files that the run writes.
    pub paths: Paths,
    /// Where shipments go.
    pub target: RunTarget,
    /// What bounds the delivery.
    pub limits: Limits,
    /// What is remembered of shipments from run to run.
    pub ledger: LedgerOptions,
    /// How long to wait for another run that holds a lock.
    pub wait: Duration,
    /// The fewest shipments that the inputs must make.
    pub min_shipments: u64,
    /// Only so many rows (of all inputs together) are looked at; all of them where it is `None`.
    pub limit: Option<u64>,
    /// Whether rows are mapped and validated only; then `target` is [`RunTarget::Nowhere`].
    pub dry_run: bool,
    /// The earlier run whose lines are carried over, for a retry.
    pub previous_run: Option<PreviousRunOptions>,
    /// The command as it was typed, for messages.
    pub command: CommandLine,
    /// The options behind `limits`, `ledger` and `wait`, as they were given.
    pub options: DeliveryOptions,
}

/// What a run remembers, and what it makes of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerOptions {
    /// Where accepted shipments are remembered; nowhere where it is `None`.
    pub path: Option<PathBuf>,
    /// What becomes of shipments that were accepted with another payload.
    pub changed: Changed,
    /// Whether accepted shipments are sent again.
    pub resend: bool,
}

/// The earlier run whose lines a retry carries over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousRunOptions {
    /// Its results.
    pub results: PathBuf,
    /// The statuses to be sent; all that are left where it is empty.
    pub only: Vec<Status>,
}

/// Where shipments go.
#[derive(Debug, Clone)]
pub enum RunTarget {
    /// To an endpoint, with these credentials.
    Endpoint {
        /// Its address.
        endpoint: Endpoint,
        /// The account.
        credentials: Credentials,
    },
    /// To a sandbox that lives as long as the run.
    Sandbox,
    /// Nowhere: a dry run maps and validates only.
    Nowhere,
}

impl RunSettings {
    /// Fits together what was typed, the environment, and the mapping's `[delivery]`.
    ///
    /// # Errors
    /// Everything that can be known to be wrong before an input is opened.
    pub fn import(line: CommandLine, environment: &Environment<'_>) -> Result<Self, Error> {
        let typed: ImportArgs = line.parse(environment, &[])?;
        let inputs = inputs(&typed.inputs)?;
        let mapping = load_mapping(&typed.mapping)?;
        let args = line.parse(environment, &mapping.delivery().options)?;
        Self::new(args, inputs, mapping, None, line, environment)
    }

    pub(super) fn new(
        args: ImportArgs,
        inputs: Vec<InputPath>,
        mut mapping: Mapping,
        previous_run: Option<PreviousRunOptions>,
        command: CommandLine,
        environment: &Environment<'_>,
    ) -> Result<Self, Error> {
        if let Some(encoding) = args.encoding {
            mapping.pin_encoding(encoding);
        }
        check_set(&args.set)?;
        let paths = paths(&args, &inputs)?;
        let RunOptions { target: options, delivery, .. } = args.run;
        let target = target(&options, args.dry_run, environment)?;
        let limits = limits(&delivery, mapping.delivery().answers.clone())?;
        let ledger = LedgerOptions {
            path: ledger_path(&target, &options)?,
            changed: delivery.changed,
            resend: options.resend,
        };
        // The results that a retry reads say themselves what is in doubt.
        let needs_ledger = limits.in_doubt == InDoubt::Hold && previous_run.is_none();
        if needs_ledger && ledger.path.is_none() && !args.dry_run {
            return Err(Error::HoldWithoutLedger);
        }
        Ok(Self {
            inputs,
            mapping: Arc::new(mapping),
            join: args.join,
            set: args.set,
            paths,
            target,
            limits,
            ledger,
            wait: delivery.wait,
            min_shipments: args.input.min_shipments,
            limit: args.limit,
            dry_run: args.dry_run,
            previous_run,
            command,
            options: delivery,
        })
    }

    /// The command that sends what this run leaves, as a shell takes it.
    pub fn retry_command(&self) -> String {
        // The summary does not know an address's query, in which a key may be.
        let has_query = matches!(&self.target, RunTarget::Endpoint { endpoint, .. } if endpoint.url().query().is_some());
        let mut command = self.command.retrying(&self.paths.results, has_query);
        if self.paths.summary != Paths::from_results(&self.paths.results).summary {
            command.push("--summary", self.paths.summary.as_os_str());
        }
        command.to_string()
    }
}

/// The inputs, none of them twice.
///
/// # Errors
/// An input that is given twice, or standard input beside files.
pub fn inputs(typed: &[OsString]) -> Result<Vec<InputPath>, Error> {
    let inputs: Vec<InputPath> = typed.iter().map(|text| InputPath::from_typed(text)).collect();
    let real = |input: &InputPath| {
        input.path().map(|path| path.canonicalize().unwrap_or_else(|_| path.to_owned()))
    };
    for (index, input) in inputs.iter().enumerate() {
        if inputs[..index].iter().any(|other| real(other) == real(input)) {
            return Err(Error::SameInput(input.to_string()));
        }
    }
    if inputs.len() > 1 && inputs.contains(&InputPath::Stdin) {
        return Err(Error::StdinAmongFiles);
    }
    Ok(inputs)
}

/// Looks whether `--set` gives a field one value at most.
///
/// # Errors
/// A field with two.
pub fn check_set(set: &[(Field, String)]) -> Result<(), Error> {
    let earlier =
        |index: usize, field: &Field| set[..index].iter().any(|(other, _)| other == field);
    match set.iter().enumerate().find(|(index, (field, _))| earlier(*index, field)) {
        Some((_, (field, _))) => Err(Error::SetTwice(*field)),
        None => Ok(()),
    }
}

fn paths(args: &ImportArgs, inputs: &[InputPath]) -> Result<Paths, Error> {
    let ending = if args.dry_run { Ending::DryRun } else { Ending::Results };
    let mut paths = match (&args.results, inputs.first().and_then(InputPath::path)) {
        (Some(results), _) if args.dry_run => Paths::of_dry_run(results),
        (Some(results), _) => Paths::from_results(results),
        (None, Some(input)) => Paths::beside(input, ending),
        (None, None) => return Err(Error::NoResults),
    };
    paths.failed_rows = args.failed_rows.clone().unwrap_or(paths.failed_rows);
    paths.summary = args.summary.clone().unwrap_or(paths.summary);
    let mut read: Vec<&Path> = inputs.iter().filter_map(InputPath::path).collect();
    read.push(Path::new(&args.mapping));
    read.extend(args.run.target.credentials.as_deref());
    read.extend(args.join.as_deref());
    paths.check(&read)?;
    Ok(paths)
}

fn target(
    options: &TargetOptions,
    dry_run: bool,
    environment: &Environment<'_>,
) -> Result<RunTarget, Error> {
    if dry_run {
        return Ok(RunTarget::Nowhere);
    }
    if options.sandbox {
        return Ok(RunTarget::Sandbox);
    }
    let credentials = match &options.credentials {
        Some(path) => Credentials::from_file(path)?,
        None => Credentials::from_variables(environment)?,
    };
    Ok(RunTarget::Endpoint { endpoint: options.endpoint.clone(), credentials })
}

/// Where accepted shipments are remembered: in the given file, else in the user's state folder; a
/// loopback endpoint, which is a rehearsal as a rule, only in a given file.
fn ledger_path(target: &RunTarget, options: &TargetOptions) -> Result<Option<PathBuf>, Error> {
    match (target, &options.ledger) {
        (RunTarget::Nowhere | RunTarget::Sandbox, _) => Ok(None),
        (RunTarget::Endpoint { .. }, _) if options.no_ledger => Ok(None),
        (RunTarget::Endpoint { .. }, Some(path)) => Ok(Some(path.clone())),
        (RunTarget::Endpoint { endpoint, .. }, None) if endpoint.is_loopback() => Ok(None),
        (RunTarget::Endpoint { .. }, None) => Ok(Some(ledger::default_path()?)),
    }
}

/// The bounds of the delivery, checked against each other.
fn limits(options: &DeliveryOptions, answers: Vec<AnswerRule>) -> Result<Limits, Error> {
    let timeout = options.timeout;
    let connect_timeout = options.connect_timeout.unwrap_or(CONNECT_TIMEOUT.min(timeout));
    if connect_timeout > timeout {
        return Err(Error::Timeouts { connect: connect_timeout, whole: timeout });
    }
    Ok(Limits {
        concurrency: options.concurrency,
        rate: options.rate,
        max_attempts: options.max_attempts,
        timeout,
        connect_timeout,
        give_up_after: options.give_up_after,
        max_failures: options.max_failures,
        stop_at: options.stop_at,
        max_duration: options.max_duration,
        in_doubt: options.in_doubt,
        answers,
    })
}

/// The defaults of the options.
impl Default for Limits {
    fn default() -> Self {
        let line = CommandLine::default();
        line.parse::<RunOptions>(&|_: &str| None, &[])
            .and_then(|options| limits(&options.delivery, Vec::new()))
            .expect("the defaults fit together; a test holds it")
    }
}
