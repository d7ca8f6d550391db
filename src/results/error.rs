//! What can stand in the way of the files of a run, in words for an operator.
//!
//! All but [`Error::Write`] and [`Error::Replace`] arise before the first request, or when earlier
//! results are read.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::draft::Holder;
use crate::text;

/// Why the files of a run cannot be opened, written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two of the files of a run are one and the same.
    #[error("{first} and {second} are the same file, {}: give one of them another path", shown(.path))]
    Clash {
        /// The one, by the flag that names it.
        first: &'static str,
        /// The other, by the flag that names it.
        second: &'static str,
        /// Where both would stand.
        path: PathBuf,
    },
    /// A file of the run would overwrite one of its inputs.
    #[error("{what} would overwrite the input {}: give another path with {what}", shown(.path))]
    IsInput {
        /// The flag that names the file.
        what: &'static str,
        /// The input.
        path: PathBuf,
    },
    /// The folder for a file does not exist.
    #[error("the folder {} does not exist: make it, or give another path with {what}", shown(.folder))]
    NoFolder {
        /// The flag that names the file.
        what: &'static str,
        /// The folder.
        folder: PathBuf,
    },
    /// The path is a folder, a device, or a link to nothing.
    #[error("{} is {is}, not a file: give another path with {what}", shown(.path))]
    NotAFile {
        /// The flag that names the file.
        what: &'static str,
        /// The path as given.
        path: PathBuf,
        /// What it is instead: `a folder`.
        is: &'static str,
    },
    /// The path holds something that no earlier run wrote.
    #[error(
        "{} exists and was not written by lateship, so it is not overwritten: move it away, or give another path with {what}",
        shown(.path)
    )]
    Foreign {
        /// The flag that names the file.
        what: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// The file cannot be made.
    #[error("cannot write {}: {}; give another path with {what}, or have it allowed", shown(.path), plain(.source))]
    Open {
        /// The flag that names the file.
        what: &'static str,
        /// The file that was tried.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// What another run writes, or was writing when it was killed, is in the way.
    #[error("{}", in_the_way(.partial, .results, *.holder))]
    Partial {
        /// The file that is in the way.
        partial: PathBuf,
        /// The file it was to become.
        results: PathBuf,
        /// Whether that run still lives.
        holder: Holder,
    },
    /// A write failed in the middle of the run.
    #[error("{} while writing {}", plain(.source), shown(.path))]
    Write {
        /// The file being written.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The results or the summary of an earlier run cannot be read.
    #[error("cannot read {}: {}", shown(.path), plain(.source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// A line of earlier results is not as it was written.
    #[error("{}, line {line}: {what}; results must not be edited where they are to be read again", shown(.path))]
    Altered {
        /// The results.
        path: PathBuf,
        /// The physical line, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A row that an earlier run had accepted is another one now.
    #[error("{at} (line {line}) was accepted and has changed since: by {} it would stand for what was never sent", shown(.path))]
    AcceptedRowChanged {
        /// The results of the earlier run.
        path: PathBuf,
        /// The row.
        at: RowName,
        /// The physical line at which it starts, from 1.
        line: u64,
    },
    /// Earlier results and inputs do not belong together.
    #[error("{} has a line for {found} where {}", shown(.path), expected_line(.expected.as_ref()))]
    LinesDiffer {
        /// The results.
        path: PathBuf,
        /// The row for which there is a line.
        found: RowName,
        /// The row whose line belongs there; `None` where the inputs end.
        expected: Option<RowName>,
    },
    /// Earlier results name another input.
    #[error("{} has lines for {}, which is no input of that run", shown(.path), text::quoted(.file))]
    OtherInput {
        /// The results.
        path: PathBuf,
        /// The name in the results.
        file: String,
    },
    /// A newer version of the program wrote the summary.
    #[error("{} was written by lateship {version}, which is newer than this one: use that version", shown(.path))]
    Newer {
        /// The summary.
        path: PathBuf,
        /// The version that wrote it.
        version: String,
    },
    /// All is written, but the file cannot take its final name.
    #[error("all is written in {}, but it cannot be named {}: {}", shown(.from), shown(.to), plain(.source))]
    Replace {
        /// Where it lies.
        from: PathBuf,
        /// Where it belongs.
        to: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// A row of an input, in words: `row 17 of orders.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowName {
    /// The input's name.
    pub file: String,
    /// The row's number, from 1.
    pub row: u64,
}

impl fmt::Display for RowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} of {}", self.row, text::printable(&self.file))
    }
}

impl Error {
    /// What to do about it, where the message does not say so itself.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::AcceptedRowChanged { .. } => {
                "put the row back as it was, and retry; to send it as it is now as well, import it \
                 from a file of its own"
            }
            Self::LinesDiffer { .. } => {
                "rows were put into the input or removed, or lines of the results sorted or \
                 removed: put them back and retry, or mend the failed-rows file and import that one"
            }
            Self::OtherInput { .. } => {
                "results and summary are not of one run: give the right summary with --summary"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn expected_line(expected: Option<&RowName>) -> String {
    expected.map_or_else(|| "the input ends".to_owned(), |row| format!("that of {row} belongs"))
}

fn shown(path: &Path) -> String {
    text::printable(&path.to_string_lossy())
}

fn in_the_way(partial: &Path, results: &Path, holder: Holder) -> String {
    let (partial, results) = (shown(partial), shown(results));
    match holder {
        Holder::Running => format!(
            "another run is writing {results} right now ({partial} is locked): wait until it ends, \
             or give this run another file with --results"
        ),
        Holder::Killed => format!(
            "an earlier run into {results} was killed and left {partial}: some of its shipments may have been sent, \
             also such as have no line in it, and without a ledger this run would send them again. \
             Compare that file's sent lines with your input, take out what was sent, move {partial} away, and start again"
        ),
    }
}

/// What the operating system says, in plain words where it says something usual.
fn plain(error: &io::Error) -> String {
    let words = match error.kind() {
        ErrorKind::StorageFull => "no space left on the device",
        ErrorKind::QuotaExceeded => "the disk quota is used up",
        ErrorKind::FileTooLarge => "the file is larger than this system allows",
        ErrorKind::PermissionDenied => "permission denied",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        ErrorKind::IsADirectory => "it is a folder",
        ErrorKind::NotFound => "it does not exist",
        _ => return text::printable(&error.to_string()),
    };
    words.to_owned()
}
