//! The machine-readable summary of a run, which `retry`, `report` and monitoring read.
//!
//! Written when the run starts (`running`) and again at its end, each time whole or not at all.
//! Paths in it are relative to its own folder where they can be, so that a folder may be moved as
//! one. No credentials, and nothing of an endpoint's address in which some could stand. Keys are
//! only ever added; [`SCHEMA`] grows if one must change.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::Error;
use super::draft::{folder_of, inspect, sync_folder_of, target_of};
pub use super::figures::{Counts, LimitsUsed, ReasonCount};
use crate::row::{Dialect, Encoding, Quote};

/// The version of the summary's form.
pub const SCHEMA: u32 = 1;

/// A run, from its inputs to its end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    /// Whether that was a sandbox of the run's own, which is gone.
    #[serde(default)]
    pub sandbox: bool,
    /// The constants of `--set`: field and value.
    pub set: BTreeMap<String, String>,
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
    /// Requests per second over the time in which there were some; `None` where there were too few
    /// to tell.
    pub requests_per_second: Option<f64>,
    /// The files of the run.
    pub files: Files,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Under way, or killed.
    #[default]
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
    /// The name of the encoding.
    #[serde(default)]
    pub encoding: Option<String>,
}

impl FormUsed {
    /// How rows of this dialect and encoding were cut below `skip_lines` lines.
    pub fn new(dialect: Dialect, skip_lines: Option<u64>, encoding: Encoding) -> Self {
        Self {
            delimiter: dialect.delimiter.into(),
            quote: match dialect.quote {
                Quote::By(byte) => Some(byte.into()),
                Quote::Never => None,
            },
            skip_lines: skip_lines.unwrap_or(0),
            encoding: Some(encoding.name().to_owned()),
        }
    }
}

impl Source {
    /// The file of this name at `path`, in the summary at `summary`.
    pub fn new(name: impl Into<String>, path: &Path, summary: &Path) -> Self {
        Self { name: name.into(), path: Some(relative(path, summary)), ..Self::default() }
    }

    /// The same with the size and the hash of all that was read.
    #[must_use]
    pub fn with_content(self, bytes: u64, sha256: &str) -> Self {
        Self { bytes: Some(bytes), sha256: Some(sha256.to_owned()), ..self }
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
    /// Writes the summary in the place of `path`, whole or not at all, with the rights that the
    /// umask leaves.
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

    /// Reads the summary of an earlier run.
    ///
    /// # Errors
    /// [`Error::Read`] when it is not there, not allowed, or no summary that this version knows.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let unreadable = |source: std::io::Error| Error::Read { path: path.to_owned(), source };
        let json = fs::read(path).map_err(unreadable)?;
        let summary: Self =
            serde_json::from_slice(&json).map_err(|error| unreadable(error.into()))?;
        if summary.schema > SCHEMA {
            return Err(Error::Newer { path: path.to_owned(), version: summary.lateship });
        }
        Ok(summary)
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
    start.trim_ascii_start().starts_with(b"{")
        && memchr::memmem::find(start, b"\"lateship\"").is_some()
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

/// `path` as it is reached from the folder of the summary; the absolute path where the two share no
/// root.
pub fn relative(path: &Path, summary: &Path) -> String {
    let real = |path: &Path| {
        fs::canonicalize(path)
            .or_else(|_| {
                fs::canonicalize(folder_of(path))
                    .map(|folder| folder.join(path.file_name().unwrap_or_default()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::outcome::{Status, Tally};

    fn summary() -> Summary {
        let mut tally = Tally::default();
        tally.add(Status::Sent);
        tally.add(Status::InDoubt);
        let reason = ReasonCount {
            status: Status::InDoubt.as_str().to_owned(),
            reason: "the answer was lost".to_owned(),
            count: 1,
            file: "orders.csv".to_owned(),
            row: 2,
            line: 3,
        };
        Summary {
            lateship: Summary::version().to_owned(),
            schema: SCHEMA,
            state: State::Finished,
            exit_code: Some(1),
            stop_reason: None,
            started_at: moment(Timestamp::UNIX_EPOCH),
            finished_at: Some(moment("2026-11-24T03:41:07.5Z".parse().expect("a time"))),
            inputs: vec![Source {
                name: "orders.csv".to_owned(),
                bytes: Some(12),
                ..Source::default()
            }],
            mapping: Source::default(),
            join: None,
            form: Some(FormUsed { delimiter: '\t', quote: None, skip_lines: 0, encoding: None }),
            endpoint: "https://hook.example.com/".to_owned(),
            sandbox: false,
            set: BTreeMap::from([("payment_status".to_owned(), "paid".to_owned())]),
            in_doubt: "resend".to_owned(),
            ledger: None,
            dry_run: false,
            limits: LimitsUsed::from(&Limits::default()),
            rows: 2,
            counts: Counts::from(&tally),
            reasons: vec![reason],
            requests: 3,
            requests_per_second: Some(9.5),
            files: Files { results: "orders.results.csv".to_owned(), ..Files::default() },
        }
    }

    #[test]
    fn a_summary_is_read_back_as_it_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out.json");
        let mut written = summary();
        written.state = State::Running;
        written.write(&path).expect("written");
        written.state = State::Finished;
        written.write(&path).expect("written again");
        assert_eq!(Summary::read(&path).expect("readable"), written);
        assert_eq!(
            fs::read_dir(folder.path()).expect("a folder").count(),
            1,
            "no temporary file stays"
        );

        written.schema = SCHEMA + 1;
        written.write(&path).expect("written");
        assert!(matches!(Summary::read(&path), Err(Error::Newer { .. })));
        assert!(check_path(&path).is_ok());
        fs::write(&path, "{\"name\": \"a package\"}").expect("written");
        assert!(matches!(check_path(&path), Err(Error::Foreign { .. })));
        assert!(matches!(Summary::read(&path), Err(Error::Read { .. })));
    }

    #[test]
    fn programs_find_every_status_and_every_limit_by_its_name() {
        let json = serde_json::to_value(summary()).expect("JSON");
        assert_eq!(json["state"], "finished");
        assert_eq!(json["finished_at"], "2026-11-24T03:41:07.500Z");
        for status in Status::ALL {
            let expected = u64::from(matches!(status, Status::Sent | Status::InDoubt));
            assert_eq!(json["counts"][status.as_str()], expected, "{status}");
        }
        assert_eq!(json["limits"]["rate"], "10/s");
        assert_eq!(json["limits"]["give_up_after_ms"], 7_200_000);
        assert_eq!(json["limits"]["stop_at"], serde_json::Value::Null);
        assert_eq!(json["reasons"][0]["status"], "in_doubt");
    }

    #[cfg(unix)]
    #[test]
    fn a_summary_has_the_rights_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let (path, other) = (folder.path().join("out.json"), folder.path().join("other"));
        summary().write(&path).expect("written");
        fs::write(&other, "").expect("written");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode();
        assert_eq!(mode(&path), mode(&other));
    }

    #[test]
    fn paths_are_told_from_the_summarys_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("out/deep")).expect("made");
        fs::write(at("orders.csv"), "").expect("written");
        assert_eq!(relative(&at("orders.csv"), &at("orders.json")), "orders.csv");
        assert_eq!(relative(&at("orders.csv"), &at("out/deep/orders.json")), "../../orders.csv");
        assert_eq!(relative(&at("out/not-yet.csv"), &at("orders.json")), "out/not-yet.csv");
    }

    #[test]
    fn an_endpoint_is_shown_without_what_could_be_secret() {
        let shown = |text: &str| public_endpoint(&Url::parse(text).expect("an address"));
        assert_eq!(
            shown("https://me:pw@hook.example.com:8443/a?key=1#x"),
            "https://hook.example.com:8443/a"
        );
    }
}
