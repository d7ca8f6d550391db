//! What an input turned out to be, in the words of whoever wrote its mapping.

use std::fmt;

use crate::row::{Dialect, Encoding};
use crate::text;

/// How the bytes of an input are packed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    #[default]
    Plain,
    /// By gzip.
    Gzip,
    /// By Zstandard.
    Zstd,
    /// As this member of a zip archive.
    Zip(String),
}

/// The form of an input as it was found or pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How its bytes are packed.
    pub packing: Packing,
    /// The sheet of a workbook that is read.
    pub sheet: Option<String>,
    /// The encoding of its text; UTF-8 for a workbook.
    pub encoding: Encoding,
    /// Whether characters were lost before it was exported (U+FFFD stands in their place).
    pub lost_characters: bool,
    /// How the text is cut into cells.
    pub dialect: Dialect,
    /// The physical line at which the header starts, from 1.
    pub header_line: u64,
}

/// As in `gzip, windows-1252, cut at ;, header in line 3`.
impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.packing {
            Packing::Plain => {}
            Packing::Gzip => f.write_str("gzip, ")?,
            Packing::Zstd => f.write_str("Zstandard, ")?,
            Packing::Zip(member) => write!(f, "{} in a zip, ", text::quoted(member))?,
        }
        if let Some(sheet) = &self.sheet {
            return write!(f, "sheet {}, header in row {}", text::quoted(sheet), self.header_line);
        }
        let delimiter = match self.dialect.delimiter {
            b'\t' => "tabs".to_owned(),
            byte => char::from(byte).to_string(),
        };
        write!(f, "{}, cut at {delimiter}, header in line {}", self.encoding, self.header_line)
    }
}
