//! What a retry is to do: what the summary of the earlier run says, under what was typed.
//!
//! The summary says what the run was about (inputs, mapping, endpoint, constants); how fast and how
//! patiently a retry sends comes from the options, as for an import. A retry that would make the
//! results wrong is refused here: shipments that only a rehearsal accepted never appear beside real
//! ones.

use std::path::Path;

use super::command_line::{CommandLine, Environment};
use super::delivery::load_mapping;
use super::run::RunSettings;
use super::{ImportArgs, InputOptions, RetryArgs, RunOptions};
use crate::endpoint::{Endpoint, Unusable};
use crate::error::Error;
use crate::inputs::EarlierRun;
use crate::results::{Paths, Reader, partial_of};
use crate::shipment::Field;

impl RunSettings {
    /// Fits together what was typed, the environment, and the summary of the earlier run.
    ///
    /// # Errors
    /// Everything that can be known to be wrong before an input or the results are opened.
    pub fn retry(line: CommandLine, environment: &Environment<'_>) -> Result<Self, Error> {
        let RetryArgs { results, only, mapping, run } = line.parse(environment, &[])?;
        if !results.exists() && partial_of(&results).exists() {
            return Err(Error::Killed(results));
        }
        let path = run.summary.unwrap_or_else(|| Paths::from_results(&results).summary);
        // First of all: the input may have been given in place of the results.
        drop(Reader::open(&results)?);
        if !path.exists() {
            return Err(Error::NoSummary(path));
        }
        let earlier = EarlierRun::read(&path)?;
        if earlier.summary.dry_run {
            return Err(Error::DryRun(results));
        }
        let mut mapping = load_mapping(&mapping.unwrap_or(earlier.mapping), None)?;
        mapping.assume_encoding(earlier.encoding);
        let mut run = line.parse::<RetryArgs>(environment, &mapping.delivery().options)?.run;
        let summary = earlier.summary;
        let endpoint = summary.endpoint.parse().map_err(|error: Unusable| {
            Error::Edited(path.clone(), format!("its endpoint cannot be used ({error})"))
        })?;
        choose_endpoint(&mut run, line.has("endpoint"), endpoint, summary.sandbox, &results)?;
        let from_here = |relative: String| path.with_file_name(relative);
        if !line.has("ledger") {
            let earlier = summary.ledger.map(from_here);
            run.no_ledger |= earlier.is_none();
            // On another machine, where that file does not exist, the one of an import.
            run.ledger = earlier.filter(|path| path.exists()).or(run.ledger);
        }
        if !line.has("in_doubt") {
            run.delivery.in_doubt = summary.in_doubt.parse().unwrap_or_default();
        }
        let typed = run.set.clone();
        let is_typed = |field: &Field| typed.iter().any(|(typed, _)| typed == field);
        run.set.extend(earlier.set.into_iter().filter(|(field, _)| !is_typed(field)));
        // Another mapping may join nothing.
        run.join = run.join.or(earlier.join.filter(|_| mapping.joins()));
        run.failed_rows = run.failed_rows.or(summary.files.failed_rows.map(from_here));
        run.summary = Some(path);
        let args = ImportArgs {
            inputs: Vec::new(),
            mapping: mapping.name().to_owned(),
            encoding: None,
            results: Some(results),
            run,
            limit: None,
            dry_run: false,
            // Few are left as a rule; a minimum is for whole exports.
            input: InputOptions { min_shipments: 0 },
        };
        Self::new(args, earlier.inputs, mapping, Some(only), line, environment)
    }
}

/// Sends to where the earlier run sent, unless to a sandbox or to an endpoint that was typed.
fn choose_endpoint(
    run: &mut RunOptions,
    is_typed: bool,
    earlier: Endpoint,
    was_sandbox: bool,
    results: &Path,
) -> Result<(), Error> {
    let (typed, results) = (&run.endpoint, results.to_owned());
    let is_rehearsal = run.sandbox || (is_typed && typed.is_loopback());
    match (earlier.is_loopback(), is_rehearsal) {
        (false, true) => Err(Error::Rehearsal(results, earlier)),
        (true, false) if is_typed => Err(Error::Real(results, typed.clone())),
        (_, false) if !is_typed && was_sandbox => Err(Error::SandboxGone(results)),
        (_, is_rehearsal) => {
            // The summary leaves out the query, in which a key may be; the environment may have it.
            if !is_typed && !is_rehearsal && typed.shown() != earlier.shown() {
                run.endpoint = earlier;
            }
            Ok(())
        }
    }
}
