//! The inputs as they are named: files and standard input.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::source::{self, Readable, STANDARD_INPUT};
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

    /// All inputs of a command line, none of them twice.
    ///
    /// # Errors
    /// An input that is given twice, or standard input beside files.
    pub fn from_args(typed: &[OsString]) -> Result<Vec<Self>, Error> {
        let inputs: Vec<Self> = typed.iter().map(|text| Self::from_typed(text)).collect();
        let real = |input: &Self| {
            input.path().map(|path| path.canonicalize().unwrap_or_else(|_| path.to_owned()))
        };
        for (index, input) in inputs.iter().enumerate() {
            if inputs[..index].iter().any(|other| real(other) == real(input)) {
                return Err(Error::SameInput(input.to_string()));
            }
        }
        if inputs.len() > 1 && inputs.contains(&Self::Stdin) {
            return Err(Error::StdinAmongFiles);
        }
        Ok(inputs)
    }

    /// Makes it readable; what can be read only once is copied to `folder`.
    ///
    /// # Errors
    /// It is not there, or cannot be read or copied.
    pub fn open(&self, folder: &Path) -> Result<Readable, source::Error> {
        Ok(match self {
            Self::Stdin => Readable::standard_input(folder)?,
            Self::File(path) => Readable::file(path, folder)?,
            Self::Known { path, name } => Readable::file(path, folder)?.called(name),
        })
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
