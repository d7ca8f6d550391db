//! What an input turned out to be when it was opened: nothing of it changes while its rows are
//! read.

use super::found::{Found, Packing};
use crate::row::{Dialect, Encoding};

/// An opened input but for its rows.
#[derive(Debug, Clone)]
pub struct About {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) header: Vec<String>,
    pub(super) header_line: u64,
    /// Where a failed-rows file says why a row is in it.
    pub(super) error_column: Option<usize>,
    pub(super) dialect: Dialect,
    pub(super) remarks: Vec<String>,
    /// The number of the row that only describes the columns.
    pub(super) describing: Option<u64>,
    pub(super) packing: Packing,
    pub(super) sheet: Option<String>,
    pub(super) encoding: Encoding,
    pub(super) lost_characters: bool,
}

impl About {
    /// The names of the columns as they stand in the file, without byte order mark and surrounding
    /// spaces.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// How the text is cut into cells.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What the input turned out to be.
    pub fn found(&self) -> Found {
        Found {
            packing: self.packing.clone(),
            sheet: self.sheet.clone(),
            encoding: self.encoding,
            lost_characters: self.lost_characters,
            dialect: self.dialect,
            header_line: self.header_line,
        }
    }

    /// The file's name, as messages show it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file's size in bytes when it was opened.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The physical line at which the header starts, from 1.
    pub const fn header_line(&self) -> u64 {
        self.header_line
    }

    /// What an operator should know before the rows are trusted, a sentence each.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }
}
