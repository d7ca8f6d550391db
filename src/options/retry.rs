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
use super::{ImportArgs, InputOptions, RetryArgs};
use crate::endpoint::{Endpoint, Unusable};
use crate::error::Error;
use crate::inputs::EarlierRun;
use crate::limits::Unfit;
use crate::results::{Paths, Reader, partial_of};

impl RunSettings {
    /// Fits together what was typed, the environment, and the summary of the earlier run.
    ///
    /// # Errors
    /// Everything that can be known to be wrong before an input or the results are opened.
    pub fn retry(line: CommandLine, environment: &Environment<'_>) -> Result<Self, Error> {
        let RetryArgs { results, only, mapping, run } = line.parse(environment, &[])?;
        let path = run.summary.unwrap_or_else(|| Paths::from_results(&results).summary);
        let mut earlier = read_earlier(&results, &path)?;
        let mut mapping = load_mapping(&mapping.unwrap_or(earlier.mapping), None)?;
        mapping.assume_encoding(earlier.encoding);
        let mut run = line.parse::<RetryArgs>(environment, &mapping.delivery().options)?.run;
        let summary = earlier.summary;
        let edited = |error| Error::Edited(path.clone(), error);
        let endpoint: Endpoint = (summary.endpoint.parse())
            .map_err(|error: Unusable| edited(format!("its endpoint cannot be used ({error})")))?;
        let is_typed = line.has("endpoint");
        let is_rehearsal = run.sandbox || (is_typed && run.endpoint.is_loopback());
        match (endpoint.is_loopback(), is_rehearsal) {
            (false, true) => return Err(Error::Rehearsal(results, endpoint)),
            (true, false) if is_typed => return Err(Error::Real(results, run.endpoint)),
            (_, false) if !is_typed && summary.sandbox => return Err(Error::SandboxGone(results)),
            // The summary leaves out the query, in which a key may be; the environment may have it.
            (_, false) if !is_typed && run.endpoint.shown() != endpoint.shown() => {
                run.endpoint = endpoint;
            }
            _ => {}
        }
        let from_here = |relative: String| path.with_file_name(relative);
        if !line.has("ledger") {
            let earlier = summary.ledger.map(from_here);
            run.no_ledger |= earlier.is_none();
            // On another machine, where that file does not exist, the one of an import.
            run.ledger = earlier.filter(|path| path.exists()).or(run.ledger);
        }
        if !line.has("in_doubt") {
            run.delivery.in_doubt = (summary.in_doubt.parse())
                .map_err(|error: Unfit| edited(format!("its in_doubt cannot be used ({error})")))?;
        }
        earlier.set.retain(|(field, _)| run.set.iter().all(|(typed, _)| typed != field));
        run.set.append(&mut earlier.set);
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

/// The run that wrote `results`, which sent something.
fn read_earlier(results: &Path, summary: &Path) -> Result<EarlierRun, Error> {
    if !results.exists() && partial_of(results).exists() {
        return Err(Error::Killed(results.to_owned()));
    }
    // First of all: the input may have been given in place of the results.
    drop(Reader::open(results)?);
    if !summary.exists() {
        return Err(Error::NoSummary(summary.to_owned()));
    }
    let earlier = EarlierRun::read(summary)?;
    if earlier.summary.dry_run { Err(Error::DryRun(results.to_owned())) } else { Ok(earlier) }
}
