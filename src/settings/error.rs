//! Why a run cannot be set up, in an operator's words, with what to do about it.

use std::time::Duration;

use super::{Input, Unretryable};
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
    /// An earlier run cannot be retried.
    #[error(transparent)]
    Retry(#[from] Unretryable),
    /// An environment variable has a value that its flag would not take.
    #[error("the variable {name} in the environment: {reason}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// What was expected.
        reason: String,
    },
    /// The same input twice: its shipments would be sent twice.
    #[error("the input {0} is given twice, and its shipments would be sent twice")]
    SameInput(Input),
    /// Standard input beside files.
    #[error("standard input (-) cannot be read together with files: give one or the other")]
    StdinAmongFiles,
    /// Results of standard input have no place of their own.
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
    /// The ledger has no place.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// What may have been accepted cannot be held without a ledger, which alone knows of it in the
    /// next run.
    #[error("--in-doubt hold needs a ledger, which remembers what is in doubt")]
    HoldWithoutLedger,
    /// Nobody said whose shipments are meant.
    #[error(
        "it is not known whose shipments these are: give the account's e-mail address with --account, or in LATESHIPMENT_EMAIL"
    )]
    NoAccount,
    /// The embedded sandbox is another endpoint in every run.
    #[error("the sandbox of a run is never remembered: leave out --ledger or --sandbox")]
    SandboxRemembered,
    /// A length of time in which nothing can be done.
    #[error("{flag} is 0, in which nothing can be done: give a length of time like 30s")]
    NoTime {
        /// The flag.
        flag: &'static str,
    },
}

impl Error {
    /// What to do about it, where the message does not say so itself.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Credentials(error) => error.hint(),
            Self::Retry(error) => Some(error.hint()),
            Self::HoldWithoutLedger => Some(
                "give one with --ledger PATH, or leave out --no-ledger and --in-doubt".to_owned(),
            ),
            Self::Timeouts { .. } => Some("lower --connect-timeout, or raise --timeout".to_owned()),
            _ => None,
        }
    }
}
