//! What a retry is to do: what the summary of the earlier run says, under what was typed.
//!
//! The summary says what the run was about (inputs, mapping, endpoint, constants); how fast and how
//! patiently a retry sends comes from the options, as for an import. A retry that would make the
//! results wrong is refused here: shipments that only a rehearsal accepted never appear beside real
//! ones.

use std::path::{Path, PathBuf};

use super::command_line::{CommandLine, Environment};
use super::delivery::load_mapping;
use super::run::RunSettings;
use super::{ImportArgs, InputOptions, RetryArgs, RunOptions};
use crate::endpoint::{Endpoint, Unusable};
use crate::error::Error;
use crate::inputs::InputPath;
use crate::mapping::Mapping;
use crate::results::summary::Source;
use crate::results::{Paths, Reader, Summary, partial_of};
use crate::shipment::Field;
use crate::text;

/// What an earlier run was about, its paths as they are reached from here.
pub struct EarlierRun {
    /// Its summary.
    pub summary: Summary,
    /// Its inputs, under the names that they had.
    pub inputs: Vec<InputPath>,
    /// Its constants.
    pub set: Vec<(Field, String)>,
    /// The mapping: the given one, else that of the run as it is now.
    pub mapping: Mapping,
    /// The export that was joined, unless the mapping joins nothing any more.
    pub join: Option<PathBuf>,
}

impl EarlierRun {
    /// Reads the summary at `path`, and loads the mapping of that name, else the one of the run.
    ///
    /// # Errors
    /// A summary that cannot be used or was edited, or what is wrong with the mapping.
    pub fn read(path: &Path, mapping: Option<String>) -> Result<Self, Error> {
        let summary = Summary::read(path)?;
        let known = |source: &Source| {
            let path = path.with_file_name(source.path.as_ref()?);
            Some(InputPath::Known { path, name: source.name.clone() })
        };
        let inputs = summary.inputs.iter().map(known).collect::<Option<Vec<_>>>();
        let inputs = inputs
            .filter(|inputs| !inputs.is_empty())
            .ok_or_else(|| edited(path, "it names no input, or one without its path"))?;
        let constant = |(name, value): (&String, &String)| Ok((name.parse()?, value.clone()));
        let set = summary.set.iter().map(constant).collect::<Result<_, String>>();
        let set = set.map_err(|unknown| edited(path, &unknown))?;
        let name = mapping.unwrap_or_else(|| mapping_name(&summary.mapping, path));
        // Several inputs may have several encodings, and each is detected anew.
        let encoding = summary.form.as_ref().filter(|_| inputs.len() == 1);
        let encoding = encoding.and_then(|form| form.encoding.as_ref()?.parse().ok());
        let mut mapping = load_mapping(&name, None)?;
        mapping.assume_encoding(encoding);
        let join = summary.join.as_ref().filter(|_| mapping.joins());
        let join = join.and_then(|join| Some(path.with_file_name(join.path.as_ref()?)));
        Ok(Self { summary, inputs, set, mapping, join })
    }
}

impl RunSettings {
    /// Fits together what was typed, the environment, and the summary of the earlier run.
    ///
    /// # Errors
    /// Everything that can be known to be wrong before an input or the results are opened.
    pub fn retry(line: CommandLine, environment: &Environment<'_>) -> Result<Self, Error> {
        let typed: RetryArgs = line.parse(environment, &[])?;
        let results = typed.results;
        if !results.exists() && partial_of(&results).exists() {
            let results = shown(&results);
            return Err(Error::settings(
                format!(
                    "{results} does not exist yet: the run that writes it is under way, or was killed"
                ),
                Some("if it was killed, run the same import again; it says what it needs"),
            ));
        }
        let path =
            typed.run.summary.clone().unwrap_or_else(|| Paths::from_results(&results).summary);
        // First of all: the input may have been given in place of the results.
        drop(Reader::open(&results)?);
        if !path.exists() {
            let message = format!(
                "the summary of the earlier run, {}, does not exist, and only it says what was \
                 imported, and how",
                shown(&path)
            );
            let hint = "if it is elsewhere, say where with --summary; else fix the failed-rows \
                        file and import that";
            return Err(Error::settings(message, Some(hint)));
        }
        let EarlierRun { summary, inputs, set, mapping, join } =
            EarlierRun::read(&path, typed.mapping)?;
        let mut run = line.parse::<RetryArgs>(environment, &mapping.delivery().options)?.run;
        choose_endpoint(&mut run, line.has("endpoint"), &summary, &results, &path)?;
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
        let is_typed = |field: &Field| typed.run.set.iter().any(|(typed, _)| typed == field);
        run.set.extend(set.into_iter().filter(|(field, _)| !is_typed(field)));
        run.join = run.join.or(join);
        run.failed_rows = run.failed_rows.or_else(|| summary.files.failed_rows.map(from_here));
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
        Self::new(args, inputs, mapping, Some(typed.only), line, environment)
    }
}

fn mapping_name(source: &Source, summary: &Path) -> String {
    match &source.path {
        Some(path) if Mapping::is_path(&source.name) => {
            let path = summary.with_file_name(path).to_string_lossy().into_owned();
            if Mapping::is_path(&path) { path } else { format!("./{path}") }
        }
        _ => source.name.clone(),
    }
}

/// Sends to where the earlier run sent, unless to a sandbox or to an endpoint that was typed.
///
/// # Errors
/// What the earlier run sent, or what this one sends, is only a rehearsal.
fn choose_endpoint(
    run: &mut RunOptions,
    is_typed: bool,
    earlier: &Summary,
    results: &Path,
    summary: &Path,
) -> Result<(), Error> {
    let results = shown(results);
    if earlier.dry_run {
        let message = format!(
            "{results} is of a dry run, which sent nothing: there is nothing to be sent again"
        );
        return Err(Error::settings(message, Some("import the input without --dry-run")));
    }
    let unusable = |error: Unusable| format!("its endpoint cannot be used ({error})");
    let endpoint: Result<Endpoint, _> = earlier.endpoint.parse();
    let endpoint = endpoint.map_err(|error| edited(summary, &unusable(error)))?;
    let is_rehearsal = run.sandbox || (is_typed && run.endpoint.is_loopback());
    let (message, hint) = match (endpoint.is_loopback(), is_rehearsal) {
        (false, true) => (
            format!(
                "the run of {results} sent to {endpoint}, and a rehearsal would record shipments \
                 as sent that never reached it"
            ),
            "retry without --sandbox and --endpoint; to rehearse, import a copy",
        ),
        (true, false) if is_typed => (
            format!(
                "the run of {results} was a rehearsal on this machine: what it records as sent \
                 never reached {}",
                run.endpoint
            ),
            "import the input to send it in earnest",
        ),
        (_, false) if !is_typed && earlier.sandbox => (
            format!(
                "{results} is of a rehearsal with --sandbox, and that sandbox ended with its run"
            ),
            "retry with --sandbox as well, or import without it to send in earnest",
        ),
        (_, is_rehearsal) => {
            // The summary leaves out the query, in which a key may be; the environment may have it.
            if !is_typed && !is_rehearsal && run.endpoint.shown() != endpoint.shown() {
                run.endpoint = endpoint;
            }
            return Ok(());
        }
    };
    Err(Error::settings(message, Some(hint)))
}

fn edited(summary: &Path, what: &str) -> Error {
    let message = format!("the summary {} was edited: {what}", shown(summary));
    Error::settings(message, Some("correct it, or import the failed-rows file instead"))
}

fn shown(path: &Path) -> String {
    text::printable(&path.to_string_lossy())
}
