//! Why a run cannot be set up, with what to do about it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::shipment::Field;
use crate::{ledger, mapping, results, secret, text};

/// Why a run cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The mapping cannot be used.
    #[error(transparent)]
    Mapping(#[from] mapping::Error),
    /// There are no credentials.
    #[error(transparent)]
    Credentials(#[from] secret::Error),
    /// Two files of the run are one, or one of them is an input.
    #[error(transparent)]
    Results(#[from] results::Error),
    /// Options do not fit together.
    #[error("{}", .0.to_string().trim_start_matches("error: ").trim_end())]
    Options(#[from] clap::Error),
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
    /// Standard input has no folder for the results.
    #[error(
        "results of standard input have no place of their own: say where they go with --results PATH"
    )]
    NoResults,
    /// One field set twice.
    #[error("--set gives {0} two values: leave one of them out")]
    SetTwice(Field),
    /// The connection may take longer than the whole request.
    #[error("the connect timeout ({}) is longer than the timeout of the whole request ({})", text::spoken(*connect), text::spoken(*whole))]
    Timeouts {
        /// Time for connecting.
        connect: Duration,
        /// Time for the whole request.
        whole: Duration,
    },
    /// There is no folder for the ledger.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// Only a ledger knows in the next run what is in doubt.
    #[error("--in-doubt hold needs a ledger, which remembers what is in doubt")]
    HoldWithoutLedger,
    /// No account for `ledger adopt`.
    #[error(
        "it is not known whose shipments these are: give the account's e-mail address with --account, or in LATESHIPMENT_EMAIL"
    )]
    NoAccount,
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
    /// A real run (with its endpoint), to be retried at a rehearsal's endpoint.
    #[error("the run of {} sent to {}, and a rehearsal would record shipments as sent that never reached it", shown(.0), .1)]
    Rehearsal(PathBuf, String),
    /// A rehearsal, to be retried at a real endpoint.
    #[error("the run of {} was a rehearsal on this machine: what it records as sent never reached {}", shown(.0), .1)]
    Real(PathBuf, String),
    /// The summary has something that cannot be used.
    #[error("the summary {} was edited: {}", shown(.0), .1)]
    Edited(PathBuf, String),
}

impl Error {
    /// What to do about it, where the message does not say so itself.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Credentials(error) => return error.hint(),
            Self::HoldWithoutLedger => {
                "give one with --ledger PATH, or leave out --no-ledger and --in-doubt"
            }
            Self::Timeouts { .. } => "lower --connect-timeout, or raise --timeout",
            Self::Killed(_) => "if it was killed, run the same import again; it says what it needs",
            Self::NoSummary(_) => {
                "if it is elsewhere, say where with --summary; else fix the failed-rows file and import that"
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
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn shown(path: &Path) -> String {
    text::printable(&path.to_string_lossy())
}
