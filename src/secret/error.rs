//! Why there are no credentials to use. No message quotes a value, nor the line of a file that may
//! hold one.

use std::io;
use std::path::{Path, PathBuf};

use super::{API_KEY_VARIABLE, EMAIL_VARIABLE, Flaw};
use crate::text;

/// Why there are no credentials to use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither variable is set, and no file is named.
    #[error("no credentials: the variables {EMAIL_VARIABLE} and {API_KEY_VARIABLE} are not set")]
    Missing,
    /// One variable is set and the other is not.
    #[error("no credentials: the variable {missing} is not set, only {set} is")]
    Half {
        /// The variable that is missing.
        missing: &'static str,
        /// The one that is set.
        set: &'static str,
    },
    /// A variable holds something that cannot be a credential.
    #[error("the variable {variable} {flaw}")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// The file cannot be opened or read.
    #[error("credentials file {}: {source}", shown(path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others than the file's owner can read or change it.
    #[error("credentials file {} is open to others than its owner (mode {mode:04o})", shown(path))]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is larger than any credentials file, or not UTF-8 text.
    #[error("credentials file {} is not a small text file", shown(path))]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// It is not TOML. The parser's own message would quote the line, and with it the key.
    #[error("credentials file {}, line {line}, column {column}: this is not TOML", shown(path))]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line of the fault, from 1.
        line: usize,
        /// Its column in characters, from 1.
        column: usize,
    },
    /// It holds something else than `email` and `api_key`. What is not shown: a key may stand on
    /// the wrong side.
    #[error("credentials file {}, line {line}: only email and api_key may stand here", shown(path))]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A value is a number, a list or the like.
    #[error("credentials file {}, line {line}: {key} is not a text in quotes", shown(path))]
    NotAString {
        /// The file.
        path: PathBuf,
        /// `email` or `api_key`.
        key: &'static str,
        /// The line, from 1.
        line: usize,
    },
    /// `email` or `api_key` is not in it.
    #[error("credentials file {} has no {key}", shown(path))]
    Absent {
        /// The file.
        path: PathBuf,
        /// What is missing.
        key: &'static str,
    },
    /// A value cannot be a credential.
    #[error("credentials file {}: {key} {flaw}", shown(path))]
    Value {
        /// The file.
        path: PathBuf,
        /// `email` or `api_key`.
        key: &'static str,
        /// What is wrong with it.
        flaw: Flaw,
    },
}

impl Error {
    /// What to do about it, where the message does not say so itself.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing | Self::Half { .. } => Some(format!(
                "set {EMAIL_VARIABLE} and {API_KEY_VARIABLE}, or name a file with --credentials FILE; --sandbox needs none"
            )),
            Self::Exposed { path, .. } => {
                Some(format!("close it to others: chmod 600 {}", shown(path)))
            }
            Self::Syntax { .. }
            | Self::UnknownKey { .. }
            | Self::NotAString { .. }
            | Self::Absent { .. } => Some(
                "the file has two lines: email = \"you@example.com\" and api_key = \"your key\""
                    .to_owned(),
            ),
            Self::Variable { .. }
            | Self::Unreadable { .. }
            | Self::NotText { .. }
            | Self::Value { .. } => None,
        }
    }
}

fn shown(path: &Path) -> String {
    text::printable(&path.to_string_lossy())
}
