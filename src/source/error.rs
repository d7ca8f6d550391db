//! Why an input cannot be read at all, in words for the person who has to mend it.
//!
//! Each error's display says what and where, [`Error::hint`] what to do next. File names in it are
//! printable already.

use std::io;
use std::path::Path;

use super::first::Kind;
use crate::text;

/// An input (or the copy made of it) that cannot be used; the run ends before anything is sent,
/// unless the file broke while it was read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing of that name.
    #[error("{file}: no such file")]
    Missing {
        /// The file's name.
        file: String,
    },
    /// A folder.
    #[error("{file}: is a folder, not a file")]
    Folder {
        /// Its name.
        file: String,
    },
    /// A pipe or a device was to be read without having been copied.
    #[error("{file}: is a pipe or a device, not a file")]
    NoFile {
        /// Its name.
        file: String,
    },
    /// The file's permissions forbid reading it.
    #[error("{file}: may not be read by this user (permission denied)")]
    Denied {
        /// The file's name.
        file: String,
    },
    /// The system failed to open the file.
    #[error("{file}: cannot be opened: {cause}")]
    Unopened {
        /// The file's name.
        file: String,
        /// What the system said.
        cause: io::Error,
    },
    /// The system failed to read the file.
    #[error("{file}: cannot be read beyond line {line}: {cause}")]
    Broken {
        /// The file's name.
        file: String,
        /// The physical line that was reached.
        line: u64,
        /// What the system said.
        cause: io::Error,
    },
    /// No byte in it.
    #[error("{file}: the file is empty")]
    Empty {
        /// The file's name.
        file: String,
    },
    /// Nothing but a byte order mark, blank lines, or lines that were to be skipped.
    #[error("{file}: the file is empty but for {but_for}: there is no header")]
    NoHeader {
        /// The file's name.
        file: String,
        /// What there is.
        but_for: &'static str,
    },
    /// Known by its first bytes as something else than a table of text.
    #[error("{file}: this is {kind}, and no table of text")]
    Other {
        /// The file's name.
        file: String,
        /// What it is.
        kind: Kind,
    },
    /// The header has a quote that is never closed.
    #[error("{file}: the quote opened in line {line} of the header is never closed")]
    OpenHeader {
        /// The file's name.
        file: String,
        /// The physical line at which the quote opened.
        line: u64,
    },
    /// The header does not end within the longest record.
    #[error("{file}: the header in line {line} is longer than 1 MiB")]
    LongHeader {
        /// The file's name.
        file: String,
        /// The physical line at which it starts.
        line: u64,
    },
    /// Data from the first line on.
    #[error(
        "{file}: line {line} looks like data, and so does what follows: the file has no header"
    )]
    NoNames {
        /// The file's name.
        file: String,
        /// The physical line of the first record, from 1.
        line: u64,
    },
    /// The results of an earlier run.
    #[error("{file}: this is the results file of an earlier run, not an export")]
    Results {
        /// The file's name.
        file: String,
    },
    /// A delimiter or a quote that cannot cut cells.
    #[error("{file}: {what}; mend it in the mapping's [source], or leave it out to have it found")]
    Form {
        /// The file's name.
        file: String,
        /// Which one, and why.
        what: &'static str,
    },
    /// Standard input (or a pipe) failed while it was copied.
    #[error("standard input cannot be read after {bytes} bytes: {cause}")]
    SpoolRead {
        /// Bytes copied so far.
        bytes: u64,
        /// What the system said.
        cause: io::Error,
    },
    /// A packed file or a workbook that does not hold one text.
    #[error("{file} {what}")]
    Archive {
        /// The file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// A temporary copy of an input cannot be written or read.
    #[error("{file}: the temporary copy of the input cannot be written or read: {cause}")]
    SpoolWrite {
        /// The copy's name.
        file: String,
        /// What the system said.
        cause: io::Error,
    },
}

impl Error {
    /// A file that cannot be opened, for what the system says.
    pub fn unopened(path: &Path, cause: io::Error) -> Self {
        Self::of_system(&path.to_string_lossy(), 0, cause)
    }

    /// What to do next; `None` where the error itself says it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing { .. } => {
                "check the name and the folder; a relative name starts at the current folder"
            }
            Self::Folder { .. } => "name the file in it that is to be imported",
            Self::NoFile { .. } => "give it as standard input, with - as the input",
            Self::Denied { .. } => {
                "let this user read it (chmod u+r), or run as the user who owns it"
            }
            Self::Unopened { .. } | Self::Broken { .. } => {
                "check the disk or the network drive, copy the file to a local disk, and run again"
            }
            Self::Empty { .. } | Self::NoHeader { .. } => {
                "make the export again: it may have failed, or still be being written"
            }
            Self::Other { kind, .. } => return Some(advice(*kind).to_owned()),
            Self::OpenHeader { .. } => {
                "close the quote in the header; where quotes are plain characters, set quote = \"\" in the \
                 mapping's [source]"
            }
            Self::LongHeader { .. } => "check that this is a CSV file with line ends",
            Self::Results { .. } => {
                "name the export itself; to send what an earlier run left, name its failed-rows file (….failed.csv)"
            }
            Self::NoNames { .. } => {
                "add a first line with the columns' names; if that line does hold them, set skip_lines in the \
                 mapping's [source] to the number of lines above it"
            }
            Self::Form { .. } => return None,
            Self::Archive { .. } => "unpack it, and import the file that holds the orders",
            Self::SpoolRead { .. } => {
                "check the command that writes to the pipe, or save its output and import the file"
            }
            Self::SpoolWrite { cause, .. } if cause.kind() == io::ErrorKind::AlreadyExists => {
                "it was left by an earlier run: move it away, or write the results to another place with -o"
            }
            Self::SpoolWrite { .. } => {
                "check the folder and the free space, or write the results elsewhere with -o"
            }
        };
        Some(hint.to_owned())
    }

    /// The error of the system at opening or reading `file`, with the physical line that was
    /// reached (0: none).
    pub(super) fn of_system(file: &str, line: u64, cause: io::Error) -> Self {
        let file = text::printable(file);
        match cause.kind() {
            io::ErrorKind::NotFound => Self::Missing { file },
            io::ErrorKind::PermissionDenied => Self::Denied { file },
            io::ErrorKind::IsADirectory => Self::Folder { file },
            _ if line == 0 => Self::Unopened { file, cause },
            _ => Self::Broken { file, line, cause },
        }
    }
}

const fn advice(kind: Kind) -> &'static str {
    match kind {
        Kind::Gzip => "unpack it first (gunzip), and import the CSV in it",
        Kind::Zstd => "unpack it first (unzstd), and import the CSV in it",
        Kind::Bzip2 => "unpack it first (bunzip2), and import the CSV in it",
        Kind::Xz => "unpack it first (unxz), and import the CSV in it",
        Kind::Zip | Kind::Archive => "unpack it first, and import the CSV in it",
        Kind::Workbook | Kind::OldWorkbook => {
            "open it in the spreadsheet and save the sheet as \"CSV UTF-8\"; format number columns as text first, \
             or long tracking numbers are destroyed"
        }
        Kind::Html => {
            "open it in a browser: it may be a login or an error page that was saved in place of the export"
        }
        Kind::Pdf | Kind::Xml | Kind::Json => "export the orders as CSV",
        Kind::Utf16 | Kind::Utf32 => {
            "save it as CSV in UTF-8 (in Excel: Save As, \"CSV UTF-8 (Comma delimited)\"; iconv -t UTF-8 does it too)"
        }
        Kind::Binary => "check that it is the export, and that it was transferred whole",
    }
}
