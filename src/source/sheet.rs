//! The first sheet of a workbook as text: comma-separated, a line for each row of the sheet.
//!
//! Numbers are written with all their digits and never in scientific notation, dates as
//! `2026-11-24 00:00:00`, so that a cell reads as the shop meant it and not as a spreadsheet would
//! show it. `unpack` calls it.

use std::fs::File;
use std::io::{Cursor, Read};

use calamine::{Data, Reader, open_workbook_auto_from_rs};

use super::Error;
use crate::text;

/// The most bytes of a workbook; Excel's own largest sheets are smaller.
const MOST_BYTES: u64 = 512 << 20;

/// A sheet.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) name: String,
    pub(super) text: Vec<u8>,
    /// Whether there are others.
    pub(super) remark: Option<String>,
}

/// Reads the first sheet of the workbook in `file`.
///
/// # Errors
/// It is no workbook that can be read, or has no sheet.
pub(super) fn read(mut file: File, shown: &str) -> Result<Sheet, Error> {
    let refuse = |what: String| Error::Archive { file: text::printable(shown), what };
    let mut bytes = Vec::new();
    (&mut file)
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|cause| Error::of_system(shown, 0, cause))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(refuse("is too large for a workbook".to_owned()));
    }
    let broken = |error: calamine::Error| {
        refuse(format!(
            "is a workbook that cannot be read ({}); is it protected by a password?",
            text::printable(&error.to_string())
        ))
    };
    let mut workbook = open_workbook_auto_from_rs(Cursor::new(bytes)).map_err(broken)?;
    let names = workbook.sheet_names();
    let Some(name) = names.first().cloned() else {
        return Err(refuse("is a workbook without a sheet".to_owned()));
    };
    let range = workbook.worksheet_range(&name).map_err(broken)?;
    let mut out = Vec::new();
    let (top, left) = range.start().unwrap_or((0, 0));
    // Lines are the sheet's rows, those above the first filled one too.
    out.resize(top as usize, b'\n');
    for row in range.rows() {
        out.resize(out.len() + left as usize, b',');
        for (index, cell) in row.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            push(&mut out, &shown_as(cell));
        }
        out.push(b'\n');
    }
    let remark = (names.len() > 1).then(|| {
        format!(
            "the workbook has {}, and the first is read: {}",
            text::counted(names.len() as u64, "sheet"),
            text::quoted(&name)
        )
    });
    Ok(Sheet { name, text: out, remark })
}

/// A cell as text.
fn shown_as(cell: &Data) -> String {
    match cell {
        Data::Empty | Data::Error(_) => String::new(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Int(number) => number.to_string(),
        // Rust writes all digits, and no fraction where there is none.
        Data::Float(number) => format!("{number}"),
        Data::Bool(true) => "TRUE".to_owned(),
        Data::Bool(false) => "FALSE".to_owned(),
        Data::DateTime(moment) if moment.is_duration() => format!("{}", moment.as_f64()),
        Data::DateTime(moment) => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
        }
    }
}

/// Writes a cell, in quotes where it needs them.
fn push(out: &mut Vec<u8>, cell: &str) {
    if !cell.contains(['"', ',', '\n', '\r']) {
        return out.extend_from_slice(cell.as_bytes());
    }
    out.push(b'"');
    out.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}
