//! What a run is to do: the options of `import`, fitted together and checked.
//!
//! Nothing raw goes further: the pipeline obeys [`RunSettings`]. A retry makes the same settings
//! from its summary.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::command_line::{CommandLine, Environment};
use super::delivery::load_mapping;
use super::{CONNECT_TIMEOUT, DeliveryOptions, ImportArgs, RunOptions};
use crate::error::Error;
use crate::inputs::InputPath;
use crate::ledger;
use crate::limits::{AnswerRule, InDoubt, Limits};
use crate::mapping::Mapping;
use crate::outcome::Status;
use crate::results::Paths;
use crate::secret::Credentials;

/// All that a run needs to know.
#[derive(Debug)]
pub struct RunSettings {
    /// The options, from whatever source; a retry has some of them from its summary.
    pub args: ImportArgs,
    /// What is read, in this order.
    pub inputs: Vec<InputPath>,
    /// The mapping, not yet bound to a header.
    pub mapping: Arc<Mapping>,
    /// The files that the run writes.
    pub paths: Paths,
    /// The account; `None` for a dry run and for a sandbox.
    pub credentials: Option<Credentials>,
    /// What bounds the delivery.
    pub limits: Limits,
    /// Where accepted shipments are remembered; nowhere where it is `None`.
    pub ledger: Option<PathBuf>,
    /// For a retry, the statuses to be sent; all that are left where it is empty.
    pub retry_only: Option<Vec<Status>>,
    /// The command as it was typed, for messages.
    pub command: CommandLine,
}

impl RunSettings {
    /// Fits together what was typed, the environment, and the mapping's `[delivery]`.
    ///
    /// # Errors
    /// Everything that can be known to be wrong before an input is opened.
    pub fn import(line: CommandLine, environment: &Environment<'_>) -> Result<Self, Error> {
        let typed: ImportArgs = line.parse(environment, &[])?;
        let inputs = InputPath::from_args(&typed.inputs)?;
        let mapping = load_mapping(&typed.mapping, typed.encoding)?;
        let args = line.parse(environment, &mapping.delivery().options)?;
        Self::new(args, inputs, mapping, None, line, environment)
    }

    pub(super) fn new(
        args: ImportArgs,
        inputs: Vec<InputPath>,
        mapping: Mapping,
        retry_only: Option<Vec<Status>>,
        command: CommandLine,
        environment: &Environment<'_>,
    ) -> Result<Self, Error> {
        let (run, input) = (&args.run, inputs.first().and_then(InputPath::path));
        let paths = Paths::new(args.results.as_deref(), input, args.dry_run);
        let mut paths = paths.ok_or(Error::NoResults)?;
        paths.failed_rows = run.failed_rows.clone().unwrap_or(paths.failed_rows);
        paths.summary = run.summary.clone().unwrap_or(paths.summary);
        let files = [Some(args.mapping.as_ref()), run.credentials.as_deref(), run.join.as_deref()];
        let read: Vec<&Path> = inputs.iter().map(InputPath::path).chain(files).flatten().collect();
        paths.check(&read)?;
        let credentials = match &run.credentials {
            _ if args.dry_run || run.sandbox => None,
            Some(path) => Some(Credentials::from_file(path)?),
            None => Some(Credentials::from_variables(environment)?),
        };
        let limits = limits(&args.run.delivery, mapping.delivery().answers.clone())?;
        let ledger = match &run.ledger {
            _ if credentials.is_none() || run.no_ledger => None,
            // A rehearsal, as a rule.
            None if run.endpoint.is_loopback() => None,
            None => Some(ledger::default_path()?),
            path => path.clone(),
        };
        // The results that a retry reads say themselves what is in doubt.
        let is_held = limits.in_doubt == InDoubt::Hold && retry_only.is_none() && !args.dry_run;
        if is_held && ledger.is_none() {
            return Err(Error::HoldWithoutLedger);
        }
        let mapping = Arc::new(mapping);
        Ok(Self { args, inputs, mapping, paths, credentials, limits, ledger, retry_only, command })
    }
}

/// The bounds of the delivery, checked against each other.
fn limits(options: &DeliveryOptions, answers: Vec<AnswerRule>) -> Result<Limits, Error> {
    let connect_timeout = options.connect_timeout.unwrap_or(CONNECT_TIMEOUT.min(options.timeout));
    if connect_timeout > options.timeout {
        return Err(Error::Timeouts { connect: connect_timeout, whole: options.timeout });
    }
    Ok(Limits {
        concurrency: options.concurrency,
        rate: options.rate,
        max_attempts: options.max_attempts,
        timeout: options.timeout,
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
        let options = CommandLine::default().parse::<RunOptions>(&|_: &str| None, &[]);
        let limits = options.and_then(|options| limits(&options.delivery, Vec::new()));
        limits.expect("the defaults fit together; a test holds it")
    }
}
