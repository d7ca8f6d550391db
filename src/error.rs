//! Everything that ends the program before or in the middle of its work, and the code it exits
//! with.
//!
//! A row's own trouble is never here: it is an `Outcome`. Each room has its own error; this one
//! gathers them, decides the exit code (here and nowhere else), and hands out the hint. `main`
//! prints it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::delivery::{HttpError, Signal};
use crate::endpoint::Endpoint;
use crate::shipment::Field;
use crate::text;
use crate::{endpoint, init, ledger, mapping, results, sandbox, secret, source};

/// The exit codes; those of a signal are 128 and its number.
pub mod exit {
    /// Every row is `sent`, `already_sent` or `skipped`; or all rows are valid, where nothing was
    /// to be sent.
    pub const OK: u8 = 0;
    /// The run reached its end, and some rows were not accepted, or are not valid.
    pub const SOME_ROWS: u8 = 1;
    /// Something is in the way, and nothing was sent.
    pub const NOTHING_SENT: u8 = 2;
    /// Stopped before the end.
    pub const STOPPED: u8 = 3;
    /// Interrupted by SIGHUP: the terminal went away.
    pub const HANGUP: u8 = 129;
    /// Interrupted by SIGINT: Ctrl-C.
    pub const INTERRUPT: u8 = 130;
    /// Interrupted by SIGTERM.
    pub const TERMINATE: u8 = 143;
}

/// Why the program ends without having done its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line, as `clap` says it.
    #[error("{}", .0.trim_start_matches("error: ").trim_end())]
    Usage(String),
    /// An environment variable has a value that its option does not take.
    #[error("the variable {name} in the environment: {reason}")]
    Variable {
        /// Its name.
        name: String,
        /// What was expected.
        reason: String,
    },
    /// The same input twice.
    #[error("the input {0} is given twice, and its shipments would be sent twice")]
    SameInput(String),
    /// Standard input beside files.
    #[error("standard input (-) cannot be read together with files: give one or the other")]
    StdinAmongFiles,
    /// One field set twice.
    #[error("--set gives {0} two values: leave one of them out")]
    SetTwice(Field),
    /// Standard input has no folder for the results.
    #[error(
        "results of standard input have no place of their own: say where they go with --results PATH"
    )]
    NoResults,
    /// The connection may take longer than the whole request.
    #[error("the connect timeout ({}) is longer than the timeout of the whole request ({})", text::spoken(*connect), text::spoken(*whole))]
    Timeouts {
        /// Time for connecting.
        connect: Duration,
        /// Time for the whole request.
        whole: Duration,
    },
    /// Only a ledger knows in the next run what is in doubt.
    #[error("--in-doubt hold needs a ledger, which remembers what is in doubt")]
    HoldWithoutLedger,
    /// No account for `ledger adopt`.
    #[error(
        "it is not known whose shipments these are: give the account's e-mail address with --account, or in LATESHIPMENT_EMAIL"
    )]
    NoAccount,
    /// The run that was to write the results to be retried was killed, or is still at work.
    #[error("{} does not exist yet: the run that writes it is under way, or was killed", shown(.0))]
    Killed(PathBuf),
    /// There is no summary for a retry.
    #[error("the summary of the earlier run, {}, does not exist, and only it says what was imported, and how", shown(.0))]
    NoSummary(PathBuf),
    /// A dry run, which sent nothing, is to be retried.
    #[error("{} is of a dry run, which sent nothing: there is nothing to be sent again", shown(.0))]
    DryRun(PathBuf),
    /// The sandbox of the run to be retried is gone.
    #[error("{} is of a rehearsal with --sandbox, and that sandbox ended with its run", shown(.0))]
    SandboxGone(PathBuf),
    /// A real run (with its endpoint), to be retried at a rehearsal's endpoint.
    #[error("the run of {} sent to {}, and a rehearsal would record shipments as sent that never reached it", shown(.0), .1)]
    Rehearsal(PathBuf, Endpoint),
    /// A rehearsal, to be retried at a real endpoint.
    #[error("the run of {} was a rehearsal on this machine: what it records as sent never reached {}", shown(.0), .1)]
    Real(PathBuf, Endpoint),
    /// The summary of an earlier run has something that cannot be used.
    #[error("the summary {} was edited: {}", shown(.0), .1)]
    Edited(PathBuf, String),
    /// An input cannot be read.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// The mapping cannot be used, or does not fit the input.
    #[error(transparent)]
    Mapping(#[from] mapping::Error),
    /// The files of a run cannot be opened.
    #[error(transparent)]
    Results(#[from] results::Error),
    /// What a run sends can no longer be recorded, or its files not be put in their places.
    #[error(transparent)]
    Unrecorded(results::Error),
    /// The ledger cannot be opened.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The ledger failed in the middle of a run.
    #[error(transparent)]
    Forgetful(ledger::Error),
    /// What would hold a copy of standard input is there already, and no run of ours wrote it.
    #[error("{} exists and was not written by lateship, and the copy of standard input belongs there", text::quoted(&.0.to_string_lossy()))]
    CopyInTheWay(PathBuf),
    /// An input changed while it was read.
    #[error("{} changed while it was read: what was sent may be of both versions", text::printable(.0))]
    Changed(String),
    /// The sandbox cannot start.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
    /// There are no credentials, or they cannot be read.
    #[error(transparent)]
    Credentials(#[from] secret::Error),
    /// A text cannot be a credential.
    #[error("a credential {0}")]
    Secret(#[from] secret::Flaw),
    /// An address cannot be sent to.
    #[error("the endpoint's address: {0}")]
    Endpoint(#[from] endpoint::Unusable),
    /// The connection to the endpoint cannot be prepared.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Two inputs have different columns, so that their rows do not fit into one file of failed
    /// rows.
    #[error("{} and {} have different columns", text::printable(first), text::printable(other))]
    HeadersDiffer {
        /// The first input.
        first: String,
        /// The one that differs from it.
        other: String,
    },
    /// The inputs make suspiciously few shipments.
    #[error("the inputs make {}, and at least {} are wanted (--min-shipments): nothing was sent", text::counted(*found, "shipment"), text::thousands(*wanted))]
    TooFewShipments {
        /// Shipments found.
        found: u64,
        /// Shipments wanted.
        wanted: u64,
    },
    /// An export to be joined was given, and the mapping joins none.
    #[error("the mapping has no [join], so it is not known how {} is to be joined", shown(.0))]
    NothingToJoin(PathBuf),
    /// Nothing can be joined to any row.
    #[error("no row of {file} belongs to any row of the inputs: nothing was sent")]
    NothingJoined {
        /// The joined file, printable.
        file: String,
        /// Its columns that are compared.
        column: String,
        /// What the first row of the inputs has there.
        ours: String,
        /// What its own first row has; `None` where it has no row.
        theirs: Option<String>,
    },
    /// A second signal came while the run finished what was in flight.
    #[error(
        "ended at once by a second signal: what was in flight may have been accepted, and is not in the results"
    )]
    EndedAtOnce(Signal),
    /// Nothing can be proposed for an input.
    #[error(transparent)]
    Unproposable(#[from] init::Unproposable),
    /// A proposed mapping would replace a file.
    #[error("{} exists, and the proposal would replace it", text::quoted(&.0.to_string_lossy()))]
    MappingExists(PathBuf),
    /// A proposed mapping cannot be written.
    #[error("cannot write the mapping {}: {source}", text::quoted(&path.to_string_lossy()))]
    MappingUnwritable {
        /// Where it was to go.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Standard output takes nothing more (a full disk, say; a reader that went away is no error).
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
    /// The system refuses a runtime, signals, or a temporary file.
    #[error("cannot start: {0}")]
    Runtime(#[source] io::Error),
}

impl Error {
    /// Whether another run is in the way, so that waiting may help.
    pub fn is_locked(&self) -> bool {
        match self {
            Self::Results(results::Error::Partial { holder, .. }) => {
                *holder == results::Holder::Running
            }
            Self::Ledger(error) => error.is_locked(),
            _ => false,
        }
    }

    /// The code to exit with.
    pub fn exit_code(&self) -> u8 {
        match self {
            // They arise in the middle of a run; all other errors come before the first request.
            Self::Unrecorded(_) | Self::Forgetful(_) | Self::Changed(_) => exit::STOPPED,
            Self::EndedAtOnce(Signal::Hangup) => exit::HANGUP,
            Self::EndedAtOnce(Signal::Interrupt) => exit::INTERRUPT,
            Self::EndedAtOnce(Signal::Terminate) => exit::TERMINATE,
            _ => exit::NOTHING_SENT,
        }
    }

    /// What to do about it, where the message does not say so itself.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Source(error) => return error.hint(),
            Self::Results(error) => return error.hint(),
            Self::Credentials(error) => return error.hint(),
            Self::NothingJoined { column, ours, theirs, .. } => {
                let (ours, theirs) = (text::quoted(ours), theirs.as_deref().map(text::quoted));
                let theirs = theirs
                    .map_or_else(|| "has no row".to_owned(), |key| format!("begins with {key}"));
                return Some(format!(
                    "the first row looks for {ours}, and its {column} {theirs}: do [join] on and \
                     --join name what belongs together?"
                ));
            }
            Self::HoldWithoutLedger => {
                "give one with --ledger PATH, or leave out --no-ledger and --in-doubt"
            }
            Self::Timeouts { .. } => "lower --connect-timeout, or raise --timeout",
            Self::Killed(_) => "if it was killed, run the same import again; it says what it needs",
            Self::NoSummary(_) => {
                "if it is elsewhere, say where with --summary; else fix the failed-rows file and \
                 import that"
            }
            Self::DryRun(_) => "import the input without --dry-run",
            Self::SandboxGone(_) => {
                "retry with --sandbox as well, or import without it to send in earnest"
            }
            Self::Rehearsal(..) => {
                "retry without --sandbox and --endpoint; to rehearse, import a copy"
            }
            Self::Real(..) => "import the input to send it in earnest",
            Self::Edited(..) => "correct it, or import the failed-rows file instead",
            Self::CopyInTheWay(_) => {
                "move it away, or give the results another place with --results"
            }
            Self::Unrecorded(_) => {
                "make room or mend what is wrong; the lines written so far are in the .partial \
                 file beside the results, and what was sent after them may have been accepted \
                 without a line"
            }
            Self::Unproposable(_) => {
                "put a line with the names of the columns above the data (an export has an option \
                 for it, as a rule), or say in [source] skip_lines where the header is"
            }
            Self::MappingExists(_) => {
                "give another place with -o, or --force to replace it; -o - prints the mapping"
            }
            Self::HeadersDiffer { .. } => "import them one after the other",
            Self::TooFewShipments { .. } => {
                "look whether the export is whole and the mapping's [rows] keep what they should: \
                 lateship check"
            }
            Self::NothingToJoin(_) => {
                "add [join] with on = { … } to the mapping, or leave --join out"
            }
            Self::EndedAtOnce(_) => {
                "the lines written so far are in the .partial file beside the results"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// Whether the message shows several troubles, each under a heading of its own.
    pub fn has_headings(&self) -> bool {
        matches!(self, Self::Mapping(_))
    }
}

fn shown(path: &Path) -> String {
    text::printable(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_before_the_first_request_exits_2_with_the_hint_of_its_room() {
        let error = Error::from(secret::Error::Missing);
        assert_eq!(error.exit_code(), 2);
        assert!(error.hint().is_some_and(|hint| hint.contains("--credentials")));
        assert!(!error.has_headings());
    }

    #[test]
    fn a_disk_that_fills_up_in_the_middle_exits_3() {
        let error = results::Error::Write {
            path: "out.csv".into(),
            source: io::ErrorKind::StorageFull.into(),
        };
        assert_eq!(Error::Unrecorded(error).exit_code(), 3);
    }
}
