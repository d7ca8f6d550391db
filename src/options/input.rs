//! What a run reads: files and standard input.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::source::STANDARD_INPUT;
use crate::text;

/// Something to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputPath {
    /// A file.
    File(PathBuf),
    /// Standard input (`-`).
    Stdin,
    /// A file that an earlier run knew by this name, as its results have it.
    Known {
        /// Where it is now.
        path: PathBuf,
        /// The name.
        name: String,
    },
}

impl InputPath {
    /// The input that was typed: `-` is standard input, everything else a path.
    pub fn from_typed(text: &OsStr) -> Self {
        if text == "-" { Self::Stdin } else { Self::File(text.into()) }
    }

    /// Its path; `None` for standard input.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::Known { path, .. } => Some(path),
            Self::Stdin => None,
        }
    }
}

/// As it is named in messages: the path, or `standard input`.
impl fmt::Display for InputPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.pad(&text::printable(&path.to_string_lossy())),
            Self::Stdin => f.pad(STANDARD_INPUT),
            Self::Known { name, .. } => f.pad(&text::printable(name)),
        }
    }
}
