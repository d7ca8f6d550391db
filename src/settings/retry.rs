//! What a retry is to do: the settings of the earlier run, as its summary tells them, under what
//! was typed.
//!
//! The summary says what the run was about (inputs, mapping, endpoint, constants); how fast and how
//! patiently a retry works is typed, set or mapped anew, as for an import. Whatever would make the
//! results lie is refused here: shipments that only a rehearsal accepted never stand beside real
//! ones.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Environment, Error, Import, Input, Rerun, Target, Typed};
use crate::endpoint::{Endpoint, Unusable};
use crate::limits::InDoubt;
use crate::mapping::Mapping;
use crate::outcome::Status;
use crate::results::summary::{FormUsed, Source};
use crate::results::{Paths, Reader, Summary};
use crate::row::{Form, Quote};
use crate::shipment::Field;
use crate::text;

/// Bytes of an input that are looked at for its header.
const MOST_LOOKED_AT: u64 = 64 * 1024;

/// What stands between cells as a rule.
const DELIMITERS: &[u8] = b",;\t|";

/// What stood on the command line of `retry`.
#[derive(Debug, Default)]
pub struct Retry {
    /// The results of the earlier run.
    pub results: PathBuf,
    /// `--only`: the statuses to be sent; all that are left where there is none.
    pub only: Vec<Status>,
    /// `--in-doubt`
    pub in_doubt: Option<InDoubt>,
    /// The flags that it shares with `import`; what the summary tells stands behind them. It has
    /// neither inputs nor results, limit or dry run.
    pub typed: Typed,
}

/// The earlier run whose lines a retry carries over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// Its results.
    pub results: PathBuf,
    /// The statuses to be sent; all that are left where it is empty.
    pub only: Vec<Status>,
}

/// Why an earlier run cannot be retried.
#[derive(Debug, thiserror::Error)]
pub enum Unretryable {
    /// The run that was to write the results was killed, or is still at work.
    #[error("{} does not exist yet: the run that writes it is under way, or was killed", shown(.0))]
    Killed(PathBuf),
    /// There is no summary.
    #[error("the summary of the earlier run, {}, does not exist, and only it says what was imported, and how", shown(.0))]
    NoSummary(PathBuf),
    /// A dry run sent nothing.
    #[error("{} is of a dry run, which sent nothing: there is nothing to be sent again", shown(.0))]
    DryRun(PathBuf),
    /// The sandbox of the earlier run is gone.
    #[error("{} is of a rehearsal with --sandbox, and that sandbox ended with its run", shown(.0))]
    SandboxGone(PathBuf),
    /// A real run, to be retried at a rehearsal's endpoint.
    #[error("the run of {} sent to {from}, and a rehearsal would record shipments as sent that never reached it", shown(.results))]
    Rehearsal {
        /// The results.
        results: PathBuf,
        /// Where the run sent.
        from: String,
    },
    /// A rehearsal, to be retried at a real endpoint.
    #[error("the run of {} was a rehearsal on this machine: what it records as sent never reached {to}", shown(.results))]
    Real {
        /// The results.
        results: PathBuf,
        /// Where the retry would send.
        to: String,
    },
    /// The summary names something that there is not.
    #[error("the summary {} was edited: {what}", shown(.path))]
    Edited {
        /// The summary.
        path: PathBuf,
        /// What is wrong with it.
        what: Edit,
    },
}

/// What is wrong with a summary.
#[derive(Debug, thiserror::Error)]
pub enum Edit {
    /// No endpoint.
    #[error("its endpoint cannot be used ({0})")]
    Endpoint(Unusable),
    /// No field.
    #[error("{} is no field of the payload", text::quoted(.0))]
    Field(String),
    /// No input.
    #[error("it names no input, or one without its path")]
    Inputs,
}

impl Unretryable {
    /// What to do about it.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Killed(_) => "if it was killed, run the same import again; it says what it needs".to_owned(),
            Self::NoSummary(_) => {
                "if it lies elsewhere, say where with --summary; else mend the failed-rows file and import that"
                    .to_owned()
            }
            Self::DryRun(_) => "import the input without --dry-run".to_owned(),
            Self::SandboxGone(_) => "retry with --sandbox as well, or import without it to send in earnest".to_owned(),
            Self::Rehearsal { .. } => "retry without --sandbox and --endpoint; to rehearse, import a copy".to_owned(),
            Self::Real { .. } => "import the input to send it in earnest".to_owned(),
            Self::Edited { .. } => "mend it, or import the failed-rows file instead".to_owned(),
        }
    }
}

impl Import {
    /// Fits together what was typed, what the environment says, and what the summary of the earlier
    /// run says.
    ///
    /// # Errors
    /// Everything that can be known to be wrong before an input or the results are opened.
    pub fn retry(retry: Retry, environment: &Environment<'_>, rerun: Rerun) -> Result<Self, Error> {
        let Retry { results, only, in_doubt, mut typed } = retry;
        if !results.exists() && partial_of(&results).exists() {
            return Err(Unretryable::Killed(results).into());
        }
        let summary_path =
            typed.summary.clone().unwrap_or_else(|| Paths::from_results(&results).summary);
        // Before anything else is said: it may be the input that was given.
        drop(Reader::open(&results)?);
        if !summary_path.exists() {
            return Err(Unretryable::NoSummary(summary_path).into());
        }
        let summary = Summary::read(&summary_path)?;
        if summary.dry_run {
            return Err(Unretryable::DryRun(results).into());
        }
        let edited = |what| Unretryable::Edited { path: summary_path.clone(), what };
        let inputs = inputs(&summary.inputs, &summary_path).ok_or_else(|| edited(Edit::Inputs))?;
        typed.inputs = inputs.iter().filter_map(Input::path).map(OsString::from).collect();
        if typed.mapping.is_empty() {
            typed.mapping = mapping(&summary.mapping, &summary_path);
        }
        let join_was_typed = typed.join.is_some();
        if !join_was_typed {
            let joined = summary.join.as_ref().and_then(|join| join.path.as_deref());
            typed.join = joined.map(|path| from_summary(path, &summary_path));
        }
        typed.endpoint = target(&typed, &summary, &results, environment, &edited)?;
        typed.set = constants(typed.set, &summary.set).map_err(edited)?;
        if typed.failed_rows.is_none() {
            typed.failed_rows =
                summary.files.failed_rows.as_deref().map(|path| from_summary(path, &summary_path));
        }
        remember(&mut typed, summary.ledger.as_deref(), &summary_path);
        // Here the results themselves know what is in doubt, so that it can be held without a
        // ledger.
        typed.delivery.in_doubt = Some(InDoubt::Resend);
        (typed.summary, typed.results) = (Some(summary_path), Some(results.clone()));

        let mut import = Self::new(typed, environment, rerun)?;
        // Several inputs may be cut in several ways, and each finds its own again.
        if let ([Input::Known { path, .. }], Some(used)) = (&inputs[..], &summary.form)
            && let Some(mapping) = Arc::get_mut(&mut import.mapping)
        {
            mapping.assume(&form_used(used, path));
        }
        // Another mapping may join nothing.
        if !join_was_typed && !import.mapping.joins() {
            import.join = None;
        }
        import.inputs = inputs;
        import.limits.in_doubt =
            in_doubt.or_else(|| summary.in_doubt.parse().ok()).unwrap_or_default();
        // Few are left as a rule; it is for whole exports.
        import.min_shipments = 0;
        import.carried = Some(Carried { results, only });
        Ok(import)
    }
}

impl Import {
    /// The command that sends what this run leaves, as a shell takes it.
    pub fn retry_command(&self) -> String {
        // The summary does not know an address's query, in which a key may stand.
        let has_query = matches!(&self.target, Target::Endpoint { endpoint, .. } if endpoint.url().query().is_some());
        let mut command =
            self.rerun.retrying(&self.paths.results, if has_query { &["--endpoint"] } else { &[] });
        if self.paths.summary != Paths::from_results(&self.paths.results).summary {
            command.add_missing("--summary", &self.paths.summary.to_string_lossy());
        }
        command.to_string()
    }
}

/// A path of the summary, as it is reached from here.
fn from_summary(path: &str, summary: &Path) -> PathBuf {
    summary.parent().unwrap_or(Path::new("")).join(path)
}

fn inputs(sources: &[Source], summary: &Path) -> Option<Vec<Input>> {
    let known = |source: &Source| {
        let path = from_summary(source.path.as_deref()?, summary);
        // A file of that name is no standard input.
        let path = if path.as_os_str() == "-" { PathBuf::from("./-") } else { path };
        Some(Input::Known { path, name: source.name.clone() })
    };
    sources.iter().map(known).collect::<Option<Vec<_>>>().filter(|inputs| !inputs.is_empty())
}

fn mapping(source: &Source, summary: &Path) -> String {
    match &source.path {
        Some(path) if Mapping::is_path(&source.name) => {
            let path = from_summary(path, summary).to_string_lossy().into_owned();
            if Mapping::is_path(&path) { path } else { format!("./{path}") }
        }
        _ => source.name.clone(),
    }
}

/// Where the retry sends, if not to a sandbox: what was typed, or where the earlier run sent.
fn target(
    typed: &Typed,
    summary: &Summary,
    results: &Path,
    environment: &Environment<'_>,
    edited: &impl Fn(Edit) -> Unretryable,
) -> Result<Option<Endpoint>, Error> {
    let results = results.to_owned();
    let earlier: Endpoint =
        summary.endpoint.parse().map_err(|error| edited(Edit::Endpoint(error)))?;
    if typed.sandbox {
        let refused = Unretryable::Rehearsal { results, from: earlier.shown() };
        return if earlier.is_loopback() { Ok(None) } else { Err(refused.into()) };
    }
    let Some(endpoint) = &typed.endpoint else {
        if summary.sandbox {
            return Err(Unretryable::SandboxGone(results).into());
        }
        // The summary leaves out the address's query, in which a key may stand; the environment may
        // know it.
        let whole = environment.read("LATESHIP_ENDPOINT", str::parse::<Endpoint>)?;
        return Ok(Some(whole.filter(|whole| whole.shown() == earlier.shown()).unwrap_or(earlier)));
    };
    match (earlier.is_loopback(), endpoint.is_loopback()) {
        (false, true) => Err(Unretryable::Rehearsal { results, from: earlier.shown() }.into()),
        (true, false) => Err(Unretryable::Real { results, to: endpoint.shown() }.into()),
        _ => Ok(Some(endpoint.clone())),
    }
}

/// Remembers where the earlier run did; on another machine, where that place does not exist, as an
/// import does.
fn remember(typed: &mut Typed, earlier: Option<&str>, summary: &Path) {
    if typed.ledger.is_some() || typed.no_ledger || typed.sandbox {
        return;
    }
    match earlier.map(|path| from_summary(path, summary)) {
        None => typed.no_ledger = true,
        Some(path) if path.exists() => typed.ledger = Some(path),
        Some(_) => {}
    }
}

/// The constants that were typed, and those of the earlier run for all other fields.
fn constants(
    mut typed: Vec<(Field, String)>,
    earlier: &BTreeMap<String, String>,
) -> Result<Vec<(Field, String)>, Edit> {
    let over = typed.len();
    for (name, value) in earlier {
        let field = Field::by_name(name).ok_or_else(|| Edit::Field(name.clone()))?;
        if !typed[..over].iter().any(|(known, _)| *known == field) {
            typed.push((field, value.clone()));
        }
    }
    Ok(typed)
}

/// How the earlier run cut the input at `path`; without its delimiter where a spreadsheet saved it
/// with another one.
pub fn form_used(used: &FormUsed, path: &Path) -> Form {
    let byte = |c: char| u8::try_from(c).ok().filter(u8::is_ascii);
    let mut start = Vec::new();
    // What cannot be read is told by whoever reads the whole of it.
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
        // Without lines that are skipped the header is found again as it was.
        skip_lines: Some(used.skip_lines).filter(|lines| *lines > 0),
        wanted: Vec::new(),
        encoding: used.encoding.as_deref().and_then(|label| label.parse().ok()),
    }
}

fn partial_of(results: &Path) -> PathBuf {
    let mut name = results.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

fn shown(path: &Path) -> String {
    text::printable(&path.to_string_lossy())
}
