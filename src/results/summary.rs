//! The machine-readable summary of a run, which `retry`, `report` and monitoring read.
//!
//! Written when the run starts (`running`) and again at its end, each time whole or not at all. Paths in it are
//! relative to its own folder where they can be, so that a folder may be moved as one. No credentials, and nothing of
//! an endpoint's address in which some could stand. Keys are only ever added; [`SCHEMA`] grows if one must change.

use std::fs;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::draft::{folder_of, inspect, sync_folder_of, target_of};
use super::{Error, Reason};
use crate::limits::Limits;
use crate::outcome::{Status, Tally};

/// The version of the summary's form.
pub const SCHEMA: u32 = 1;

/// A run, from its inputs to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The version of the program that wrote it.
    pub lateship: String,
    /// The version of its form, [`SCHEMA`].
    pub schema: u32,
    /// How far the run is.
    pub state: State,
    /// The code with which the program ended; `None` while it runs.
    pub exit_code: Option<u8>,
    /// Why the run ended before the end of its inputs.
    pub stop_reason: Option<String>,
    /// When it started, RFC 3339 in UTC.
    pub started_at: String,
    /// When it ended; `None` while it runs.
    pub finished_at: Option<String>,
    /// Its inputs, in order.
    pub inputs: Vec<Source>,
    /// Its mapping.
    pub mapping: Source,
    /// The file joined to the inputs.
    pub join: Option<Source>,
    /// How the inputs were read, so that another run reads them alike.
    pub form: Option<FormUsed>,
    /// Where shipments were sent, see [`public_endpoint`].
    pub endpoint: String,
    /// The constants of `--set`, as `[field, value]`, in order.
    pub set: Vec<(String, String)>,
    /// `resend` or `hold`.
    pub in_doubt: String,
    /// The ledger's path; `None` without one.
    pub ledger: Option<String>,
    /// Whether nothing was to be sent at all.
    pub dry_run: bool,
    /// What bounded the delivery.
    pub limits: LimitsUsed,
    /// Rows of the inputs.
    pub rows: u64,
    /// Lines of the results by status; more than rows where a row makes several shipments.
    pub counts: Counts,
    /// Why rows were skipped or not accepted, most frequent first.
    pub reasons: Vec<ReasonCount>,
    /// Requests made, repeated ones included.
    pub requests: u64,
    /// Requests per second over the time in which there were some; `None` where there were too few to tell.
    pub requests_per_second: Option<f64>,
    /// The files of the run.
    pub files: Files,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Under way, or killed.
    Running,
    /// At the end of its inputs.
    Finished,
    /// Stopped before the end by itself.
    Stopped,
    /// Stopped before the end by a signal.
    Interrupted,
}

/// A file that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its name, as it stands in the results or was typed.
    pub name: String,
    /// Its path, see [`relative`]; `None` for standard input and for a built-in mapping.
    pub path: Option<String>,
    /// Its size in bytes, where it is known.
    pub bytes: Option<u64>,
    /// Its SHA-256 in hex digits, where all of it was read.
    pub sha256: Option<String>,
}

/// How inputs were cut into cells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormUsed {
    /// The character between two cells.
    pub delimiter: char,
    /// The character around cells; `None` where quotes are data.
    pub quote: Option<char>,
    /// Physical lines before the header.
    pub skip_lines: u64,
}

/// The limits of a run, as numbers and in the words of the flags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is named like its flag")]
pub struct LimitsUsed {
    pub concurrency: usize,
    pub rate: String,
    pub max_attempts: u32,
    pub timeout_ms: u64,
    pub connect_timeout_ms: u64,
    pub give_up_after_ms: u64,
    pub max_failures: String,
    pub stop_at: Option<String>,
    pub max_duration_ms: Option<u64>,
}

impl From<&Limits> for LimitsUsed {
    fn from(limits: &Limits) -> Self {
        let ms = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            concurrency: limits.concurrency.get(),
            rate: limits.rate.to_string(),
            max_attempts: limits.max_attempts.get(),
            timeout_ms: ms(limits.timeout),
            connect_timeout_ms: ms(limits.connect_timeout),
            give_up_after_ms: ms(limits.give_up_after),
            max_failures: limits.max_failures.to_string(),
            stop_at: limits.stop_at.map(|time| time.strftime("%H:%M").to_string()),
            max_duration_ms: limits.max_duration.map(ms),
        }
    }
}

/// Lines of the results by status, zeros too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is named like its status, where it is explained")]
pub struct Counts {
    pub sent: u64,
    pub already_sent: u64,
    pub skipped: u64,
    pub invalid: u64,
    pub rejected: u64,
    pub failed: u64,
    pub in_doubt: u64,
    pub not_attempted: u64,
}

impl From<&Tally> for Counts {
    fn from(tally: &Tally) -> Self {
        Self {
            sent: tally.get(Status::Sent),
            already_sent: tally.get(Status::AlreadySent),
            skipped: tally.get(Status::Skipped),
            invalid: tally.get(Status::Invalid),
            rejected: tally.get(Status::Rejected),
            failed: tally.get(Status::Failed),
            in_doubt: tally.get(Status::InDoubt),
            not_attempted: tally.get(Status::NotAttempted),
        }
    }
}

impl Counts {
    /// The lines that ended so.
    pub fn get(&self, status: Status) -> u64 {
        match status {
            Status::Sent => self.sent,
            Status::AlreadySent => self.already_sent,
            Status::Skipped => self.skipped,
            Status::Invalid => self.invalid,
            Status::Rejected => self.rejected,
            Status::Failed => self.failed,
            Status::InDoubt => self.in_doubt,
            Status::NotAttempted => self.not_attempted,
        }
    }

    /// All lines.
    pub fn total(&self) -> u64 {
        Status::ALL.into_iter().map(|status| self.get(status)).sum()
    }

    /// The lines for which something is left to do.
    pub fn unsettled(&self) -> u64 {
        Status::ALL.into_iter().filter(|status| !status.is_settled()).map(|status| self.get(status)).sum()
    }
}

/// A reason with its count and a row to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonCount {
    /// The status of its rows, in the results' word.
    pub status: String,
    /// Why.
    pub reason: String,
    /// Lines of the results that ended so.
    pub count: u64,
    /// The input of the first such row.
    pub file: String,
    /// That row's number, from 1.
    pub row: u64,
    /// The physical line at which it starts, from 1.
    pub line: u64,
}

impl From<Reason> for ReasonCount {
    fn from(Reason { status, why, count, example }: Reason) -> Self {
        let status = status.as_str().to_owned();
        Self { status, reason: why, count, file: example.file, row: example.row, line: example.line }
    }
}

/// The files of a run, see [`relative`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// One line per row.
    pub results: String,
    /// The rows that were not accepted; `None` where there are none.
    pub failed_rows: Option<String>,
    /// How many rows stand in it.
    pub failed_rows_count: u64,
}

impl Summary {
    /// Writes the summary in the place of `path`, whole or not at all, with the rights that the umask leaves.
    ///
    /// # Errors
    /// The same as [`check_path`]'s, and [`Error::Write`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let target = target_of("--summary", path)?;
        let write = |source| Error::Write { path: target.clone(), source };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".lateship-").suffix(".json");
        allow_usual_rights(&mut builder);
        let mut file = builder.tempfile_in(folder_of(&target)).map_err(write)?;
        if let Ok(earlier) = fs::metadata(&target) {
            file.as_file().set_permissions(earlier.permissions()).map_err(write)?;
        }
        let mut json = serde_json::to_vec_pretty(self).map_err(|error| write(error.into()))?;
        json.push(b'\n');
        file.write_all(&json).and_then(|()| file.as_file().sync_data()).map_err(write)?;
        file.persist(&target).map_err(|error| write(error.error))?;
        sync_folder_of(&target)
    }

    /// The version of this program, for [`Summary::lateship`].
    pub const fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

/// A temporary file is its owner's alone unless told otherwise.
#[cfg(unix)]
fn allow_usual_rights(builder: &mut tempfile::Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o666));
}

#[cfg(not(unix))]
fn allow_usual_rights(_: &mut tempfile::Builder<'_, '_>) {}

/// Looks whether a summary may be written at `path`.
///
/// # Errors
/// Whatever keeps a file from being written there, or a file there that is no summary.
pub fn check_path(path: &Path) -> Result<(), Error> {
    let target = target_of("--summary", path)?;
    inspect("--summary", &target, is_summary)?;
    Ok(())
}

fn is_summary(start: &[u8]) -> bool {
    start.trim_ascii_start().starts_with(b"{") && memchr::memmem::find(start, b"\"lateship\"").is_some()
}

/// A point in time as it stands in the summary: RFC 3339 in UTC, with milliseconds.
pub fn moment(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// An endpoint's address without user, password, query and fragment, in which secrets could stand.
pub fn public_endpoint(endpoint: &Url) -> String {
    let mut public = endpoint.clone();
    // Both fail only for addresses that cannot have user and password at all.
    let _ = public.set_username("");
    let _ = public.set_password(None);
    public.set_query(None);
    public.set_fragment(None);
    public.into()
}

/// `path` as it is reached from the folder of the summary; the absolute path where the two share no root.
pub fn relative(path: &Path, summary: &Path) -> String {
    let real = |path: &Path| {
        fs::canonicalize(path)
            .or_else(|_| {
                fs::canonicalize(folder_of(path)).map(|folder| folder.join(path.file_name().unwrap_or_default()))
            })
            .unwrap_or_else(|_| path.to_owned())
    };
    let (path, folder) = (real(path), real(folder_of(summary)));
    let shared = path.components().zip(folder.components()).take_while(|(a, b)| a == b).count();
    if shared == 0 {
        return path.to_string_lossy().into_owned();
    }
    let up = folder.components().skip(shared).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(path.components().skip(shared)).collect();
    way.to_string_lossy().into_owned()
}
