//! What a retry is to do: what the summary of the earlier run says, under what was typed.
//!
//! The summary says what the run was about (inputs, mapping, endpoint, constants); how fast and how
//! patiently a retry sends comes from the options, as for an import. A retry that would make the
//! results wrong is refused here: shipments that only a rehearsal accepted never appear beside real
//! ones.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::command_line::{CommandLine, Environment};
use super::delivery::load_mapping;
use super::error::Error;
use super::input::InputPath;
use super::run::{PreviousRunOptions, RunSettings};
use super::{ImportArgs, InputOptions, RetryArgs, TargetOptions};
use crate::endpoint::{Endpoint, Unusable};
use crate::mapping::Mapping;
use crate::results::summary::{FormUsed, Source};
use crate::results::{Paths, Reader, Summary, partial_of};
use crate::row::{Form, Quote};
use crate::shipment::Field;
use crate::text;

/// Bytes of an input that are looked at for its header.
const MOST_LOOKED_AT: u64 = 64 * 1024;

/// The usual delimiters.
const DELIMITERS: &[u8] = b",;\t|";

impl RunSettings {
    /// Fits together what was typed, the environment, and the summary of the earlier run.
    ///
    /// # Errors
    /// Everything that can be known to be wrong before an input or the results are opened.
    pub fn retry(line: CommandLine, environment: &Environment<'_>) -> Result<Self, Error> {
        let typed: RetryArgs = line.parse(environment, &[])?;
        let results = typed.results;
        if !results.exists() && partial_of(&results).exists() {
            return Err(Error::Killed(results));
        }
        let path = typed.summary.unwrap_or_else(|| Paths::from_results(&results).summary);
        // First of all: the input may have been given in place of the results.
        drop(Reader::open(&results)?);
        if !path.exists() {
            return Err(Error::NoSummary(path));
        }
        let summary = Summary::read(&path)?;
        if summary.dry_run {
            return Err(Error::DryRun(results));
        }
        let edited = |what: &str| Error::Edited(path.clone(), what.to_owned());
        let inputs = inputs(&summary.inputs, &path)
            .ok_or_else(|| edited("it names no input, or one without its path"))?;
        let set = constants(typed.set, &summary.set).map_err(|name| {
            edited(&format!("{} is no field of the payload", text::quoted(name)))
        })?;
        let earlier = summary
            .endpoint
            .parse()
            .map_err(|error: Unusable| edited(&format!("its endpoint cannot be used ({error})")))?;

        let name = typed.mapping.unwrap_or_else(|| mapping_name(&summary.mapping, &path));
        let mut mapping = load_mapping(&name)?;
        // Several inputs may have several formats, and each is detected anew.
        if let ([InputPath::Known { path, .. }], Some(used)) = (&inputs[..], &summary.form) {
            mapping.assume(&form_used(used, path));
        }
        let mut run = line.parse::<RetryArgs>(environment, &mapping.delivery().options)?.run;
        let (was_sandbox, results_path) = (summary.sandbox, results.clone());
        run.target.endpoint =
            endpoint(&run.target, line.has("endpoint"), earlier, was_sandbox, results_path)?;
        if !line.has("ledger") {
            set_ledger(&mut run.target, summary.ledger.as_deref(), &path);
        }
        if !line.has("in_doubt") {
            run.delivery.in_doubt = summary.in_doubt.parse().unwrap_or_default();
        }
        let earlier_path = |relative: &String| from_summary(relative, &path);
        // Another mapping may join nothing.
        let join = summary.join.as_ref().and_then(|join| join.path.as_ref());
        let join = join.filter(|_| mapping.joins()).map(earlier_path);
        let failed_rows = summary.files.failed_rows.as_ref().map(earlier_path);
        let args = ImportArgs {
            inputs: Vec::new(),
            mapping: name,
            encoding: None,
            results: Some(results.clone()),
            failed_rows: typed.failed_rows.or(failed_rows),
            join: typed.join.or(join),
            summary: Some(path),
            set,
            limit: None,
            dry_run: false,
            run,
            // Few are left as a rule; a minimum is for whole exports.
            input: InputOptions { min_shipments: 0 },
        };
        let previous_run = PreviousRunOptions { results, only: typed.only };
        Self::new(args, inputs, mapping, Some(previous_run), line, environment)
    }
}

/// A path of the summary, as it is reached from here.
fn from_summary(path: &str, summary: &Path) -> PathBuf {
    summary.parent().unwrap_or(Path::new("")).join(path)
}

fn inputs(sources: &[Source], summary: &Path) -> Option<Vec<InputPath>> {
    let known = |source: &Source| {
        let path = from_summary(source.path.as_deref()?, summary);
        // A file of that name is not standard input.
        let path = if path.as_os_str() == "-" { PathBuf::from("./-") } else { path };
        Some(InputPath::Known { path, name: source.name.clone() })
    };
    sources.iter().map(known).collect::<Option<Vec<_>>>().filter(|inputs| !inputs.is_empty())
}

fn mapping_name(source: &Source, summary: &Path) -> String {
    match &source.path {
        Some(path) if Mapping::is_path(&source.name) => {
            let path = from_summary(path, summary).to_string_lossy().into_owned();
            if Mapping::is_path(&path) { path } else { format!("./{path}") }
        }
        _ => source.name.clone(),
    }
}

/// Where the retry sends, if not to a sandbox: to the endpoint that was typed, or to the one of the
/// earlier run.
fn endpoint(
    target: &TargetOptions,
    typed: bool,
    earlier: Endpoint,
    was_sandbox: bool,
    results: PathBuf,
) -> Result<Endpoint, Error> {
    let is_rehearsal = target.sandbox || (typed && target.endpoint.is_loopback());
    match (earlier.is_loopback(), is_rehearsal) {
        (false, true) => Err(Error::Rehearsal(results, earlier.shown())),
        (true, false) if typed => Err(Error::Real(results, target.endpoint.shown())),
        (_, false) if !typed && was_sandbox => Err(Error::SandboxGone(results)),
        // The summary leaves out the query, in which a key may be; the environment may have it.
        (_, false) if !typed && target.endpoint.shown() != earlier.shown() => Ok(earlier),
        _ => Ok(target.endpoint.clone()),
    }
}

/// Uses the ledger of the earlier run; on another machine, where that file does not exist, the one
/// that an import would use.
fn set_ledger(target: &mut TargetOptions, earlier: Option<&str>, summary: &Path) {
    match earlier.map(|path| from_summary(path, summary)) {
        None => target.no_ledger = true,
        Some(path) if path.exists() => target.ledger = Some(path),
        Some(_) => {}
    }
}

/// The constants that were typed, and those of the earlier run for all other fields; or the name of
/// one that is no field.
fn constants(
    mut typed: Vec<(Field, String)>,
    earlier: &BTreeMap<String, String>,
) -> Result<Vec<(Field, String)>, &str> {
    let over = typed.clone();
    for (name, value) in earlier {
        let field = Field::by_name(name).ok_or(name.as_str())?;
        if over.iter().all(|(known, _)| *known != field) {
            typed.push((field, value.clone()));
        }
    }
    Ok(typed)
}

/// The format in which the earlier run read the input at `path`; without its delimiter where a
/// spreadsheet saved the file with another one.
pub fn form_used(used: &FormUsed, path: &Path) -> Form {
    let byte = |c: char| u8::try_from(c).ok().filter(u8::is_ascii);
    let mut start = Vec::new();
    // A file that cannot be read is reported when it is read as a whole.
    let _ = File::open(path).and_then(|file| file.take(MOST_LOOKED_AT).read_to_end(&mut start));
    let header = start
        .split(|byte| *byte == b'\n')
        .skip(usize::try_from(used.skip_lines).unwrap_or(usize::MAX))
        .find(|line| !line.trim_ascii().is_empty())
        .unwrap_or_default();
    let delimiter = byte(used.delimiter);
    let elsewhere = delimiter.is_some_and(|own| !header.contains(&own))
        && DELIMITERS.iter().any(|b| header.contains(b));
    Form {
        delimiter: delimiter.filter(|_| !elsewhere),
        quote: used.quote.map_or(Some(Quote::Never), |quote| byte(quote).map(Quote::By)),
        // Without skipped lines the header is found again as before.
        skip_lines: Some(used.skip_lines).filter(|lines| *lines > 0),
        wanted: Vec::new(),
        encoding: used.encoding.as_deref().and_then(|label| label.parse().ok()),
    }
}
