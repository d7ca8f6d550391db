//! Opens an input: looks at its first bytes, refuses what cannot be read, finds the dialect and
//! reads the header.
//!
//! Everything that makes a whole file useless is found here, before a row is read and anything is
//! sent.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use memchr::memchr;

use super::Error;
use super::about::About;
use super::dialect::detect;
use super::encoding::{Decoded, Looked, look};
use super::first::{BOM, Kind, kind};
use super::found::{Found, Packing};
use super::header::{Place, find};
use super::record::Cutter;
use super::rows::{Source, Step};
use super::shape::records;
use super::unpack::{Unpacked, unpack};
use super::window::{LOOK_AHEAD, Raw, Window};
use crate::row::{Dialect, ERROR_COLUMN, Encoding, Form, Quote, RESULTS_COLUMNS};
use crate::text;

impl Source {
    /// Opens the file at `path` as the input `index` (from 0) and reads its header; `shown` is its
    /// name in messages, and `form` what is known of its form.
    ///
    /// # Errors
    /// The file is missing, unreadable, empty, no table of text, a results file, or has no header
    /// that can be read.
    pub fn open(index: usize, path: &Path, shown: &str, form: &Form) -> Result<Self, Error> {
        Self::open_again(index, path, shown, form, None)
    }

    /// The same of a file that was opened before: what was `found` then by looking through it is
    /// not looked for again.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub fn open_again(
        index: usize,
        path: &Path,
        shown: &str,
        form: &Form,
        found: Option<&Found>,
    ) -> Result<Self, Error> {
        let of_system = |cause| Error::of_system(shown, 0, cause);
        let meta = fs::metadata(path).map_err(of_system)?;
        if meta.is_dir() {
            return Err(Error::Folder { file: text::printable(shown) });
        }
        if !meta.is_file() {
            return Err(Error::NoFile { file: text::printable(shown) });
        }
        let broken = |(line, cause)| Error::of_system(shown, line, cause);
        let mut read = Arc::default();
        let mut unpacked = unpack(path, shown, &read)?;
        // The text of a sheet is made here, and is UTF-8.
        let known =
            found.map(|found| Looked { encoding: found.encoding, replaced: found.lost_characters });
        let of_sheet =
            unpacked.sheet.as_ref().map(|_| Looked { encoding: Encoding::UTF8, replaced: false });
        let looked = if let Some(known) = known.or(of_sheet) {
            known
        } else {
            let looked = look(unpacked.text, form.encoding).map_err(broken)?;
            read = Arc::default();
            unpacked = unpack(path, shown, &read)?;
            looked
        };
        let Unpacked { text, packing, sheet, remark } = unpacked;
        let file = File::open(path).map_err(of_system)?;
        let window =
            if looked.encoding == Encoding::UTF8 && packing == Packing::Plain && sheet.is_none() {
                Window::new(Box::new(file))
            } else {
                let decoded: Box<dyn Read + Send> = if looked.encoding == Encoding::UTF8 {
                    text
                } else {
                    Box::new(Decoded::new(text, looked.encoding))
                };
                Window::over(decoded, Raw { file, read })
            };
        let form = match &sheet {
            Some(_) => {
                &Form { delimiter: Some(b','), quote: Some(Quote::By(b'"')), ..form.clone() }
            }
            None => form,
        };
        let mut source = Self::start_with(index, window, meta.len(), shown, form, sheet)?;
        (source.about.encoding, source.about.packing) = (looked.encoding, packing);
        source.about.lost_characters = looked.replaced;
        source.about.remarks.extend(remark);
        if looked.replaced {
            source.about.remarks.push(
                "some characters were lost before (they read \u{FFFD}): look at the names, or set another encoding"
                    .to_owned(),
            );
        }
        Ok(source)
    }

    /// Reads up to the first row of a text.
    #[cfg(test)]
    pub(super) fn start(
        index: usize,
        window: Window,
        size: u64,
        shown: &str,
        form: &Form,
    ) -> Result<Self, Error> {
        Self::start_with(index, window, size, shown, form, None)
    }

    /// Reads up to the first row, of a text or of a sheet.
    fn start_with(
        index: usize,
        window: Window,
        size: u64,
        shown: &str,
        form: &Form,
        sheet: Option<String>,
    ) -> Result<Self, Error> {
        let dialect = Dialect::default();
        let about = About {
            index,
            name: text::printable(shown),
            size,
            header: Vec::new(),
            header_line: 1,
            error_column: None,
            dialect,
            remarks: Vec::new(),
            describing: None,
            packing: Packing::Plain,
            sheet,
            encoding: Encoding::UTF8,
            lost_characters: false,
        };
        let mut source = Self {
            about,
            unended: false,
            window,
            cutter: Cutter::new(dialect),
            line: 1,
            number: 0,
            room: (0, 0),
        };
        source.look_ahead()?;
        source.check_first_bytes()?;
        let form = source.skip_to_header(form)?;
        source.check_encoding()?;
        let (sample, last) = source.sample();
        source.about.dialect = detect(sample, last, &form);
        source.check_dialect()?;
        source.cutter = Cutter::new(source.about.dialect);
        let (sample, last) = source.sample();
        let place = find(&records(sample, last, source.about.dialect), &form);
        source.read_header(place)?;
        source.remark_on_one_column();
        Ok(source)
    }

    fn file(&self) -> String {
        self.about.name.clone()
    }

    fn look_ahead(&mut self) -> Result<(), Error> {
        self.window
            .fill_to(LOOK_AHEAD)
            .map_err(|cause| Error::of_system(&self.about.name, self.line, cause))
    }

    /// The text that is looked at, and whether it is all there is.
    fn sample(&self) -> (&[u8], bool) {
        let data = self.window.data();
        (&data[..data.len().min(LOOK_AHEAD)], self.window.ended() && data.len() <= LOOK_AHEAD)
    }

    fn check_first_bytes(&mut self) -> Result<(), Error> {
        let start = self.window.data();
        if start.is_empty() {
            return Err(Error::Empty { file: self.file() });
        }
        if let Some(kind) = kind(start) {
            return Err(Error::Other { file: self.file(), kind });
        }
        let marked = start.starts_with(BOM);
        while self.window.data().starts_with(BOM) {
            self.window.consume(BOM.len());
        }
        if marked && self.window.data().is_empty() {
            return Err(Error::NoHeader { file: self.file(), but_for: "a byte order mark" });
        }
        Ok(())
    }

    /// Skips the lines before the header, a `sep=;` of Excel's among them, and gives the form that
    /// is known then.
    fn skip_to_header(&mut self, form: &Form) -> Result<Form, Error> {
        let mut form = form.clone();
        let named = separator(self.window.data());
        form.delimiter = form.delimiter.or(named);
        let skipped = form.skip_lines.unwrap_or(0).max(u64::from(named.is_some()));
        while self.line <= skipped {
            self.skip_line()
                .and_then(|()| self.skip_line_end())
                .map_err(|cause| Error::of_system(&self.about.name, self.line, cause))?;
            if self.window.data().is_empty() && self.window.ended() {
                return Err(Error::NoHeader {
                    file: self.file(),
                    but_for: "lines that are skipped",
                });
            }
        }
        self.look_ahead()?;
        Ok(form)
    }

    fn skip_line_end(&mut self) -> std::io::Result<()> {
        self.window.fill_to(2)?;
        let count = if self.window.data().starts_with(b"\r\n") { 2 } else { 1 };
        self.window.consume(count);
        self.window.fill_to(1)?;
        self.line += 1;
        Ok(())
    }

    fn check_encoding(&self) -> Result<(), Error> {
        let (sample, _) = self.sample();
        let Err(error) = std::str::from_utf8(sample) else { return Ok(()) };
        if error.error_len().is_none() {
            // Only cut short: by the end of what was read, or of the file, and then the last row
            // will say so.
            return Ok(());
        }
        if memchr(0, sample).is_some() {
            return Err(Error::Other { file: self.file(), kind: Kind::Binary });
        }
        // Which rows it spoils is told with each of them.
        Ok(())
    }

    fn check_dialect(&self) -> Result<(), Error> {
        let cuts = |byte: u8| byte.is_ascii() && !matches!(byte, 0 | b'\n' | b'\r');
        let refuse = |what| Err(Error::Form { file: self.file(), what });
        if !cuts(self.about.dialect.delimiter) {
            return refuse("the delimiter must be one ASCII character, and no line end");
        }
        match self.about.dialect.quote {
            Quote::By(quote) if !cuts(quote) => {
                refuse("the quote must be one ASCII character, and no line end")
            }
            Quote::By(quote) if quote == self.about.dialect.delimiter => {
                refuse("delimiter and quote are the same character")
            }
            Quote::By(_) | Quote::Never => Ok(()),
        }
    }

    /// Reads the header in its place, or the first record behind it that is not empty.
    fn read_header(&mut self, place: Place) -> Result<(), Error> {
        let mut above = place.above;
        let mut left_out = false;
        loop {
            let step = self
                .step()
                .map_err(|cause| Error::of_system(&self.about.name, self.line, cause))?;
            let extent = match step {
                Step::End => {
                    return Err(Error::NoHeader { file: self.file(), but_for: "blank lines" });
                }
                Step::TooLong(_) => {
                    return Err(Error::LongHeader { file: self.file(), line: self.line });
                }
                Step::Record(extent) => extent,
            };
            if above > 0 {
                above -= 1;
                left_out |= self.window.data()[..extent.len].iter().any(u8::is_ascii_alphanumeric);
                self.window.consume(extent.next);
                self.line += extent.lines;
                continue;
            }
            if let Some(opening) = extent.unclosed {
                return Err(Error::OpenHeader {
                    file: self.file(),
                    line: self.line + opening.lines,
                });
            }
            let raw = &self.window.data()[..extent.len];
            if memchr(0, raw).is_some() {
                return Err(Error::Other { file: self.file(), kind: Kind::Binary });
            }
            if extent.plain {
                self.cutter.split(raw);
            }
            let names: Vec<_> = self
                .cutter
                .cells()
                .map(|name| String::from_utf8_lossy(name).trim().to_owned())
                .collect();
            let header_line = self.line;
            self.window.consume(extent.next);
            self.line += extent.lines;
            if names.iter().all(String::is_empty) {
                continue;
            }
            if names.len() >= 6
                && names.iter().zip(RESULTS_COLUMNS).take(6).all(|(name, ours)| name == ours)
            {
                return Err(Error::Results { file: self.file() });
            }
            if place.is_data {
                return Err(Error::NoNames { file: self.file(), line: header_line });
            }
            if left_out {
                self.about.remarks.push(format!(
                    "the header was found in line {header_line}; set skip_lines = {} in the mapping's [source] to pin it",
                    header_line - 1
                ));
            }
            self.about.describing = place.describing;
            self.about.error_column = names.iter().position(|name| name == ERROR_COLUMN);
            self.about.header = names;
            self.about.header_line = header_line;
            return Ok(());
        }
    }

    fn remark_on_one_column(&mut self) {
        let [name] = self.about.header.as_slice() else { return };
        let others = [(b';', "a semicolon"), (b',', "a comma"), (b'\t', "a tab"), (b'|', "a bar")];
        let ahead = self.window.data();
        let ahead = &ahead[..ahead.len().min(4096)];
        let used =
            |byte: u8| memchr(byte, name.as_bytes()).is_some() || memchr(byte, ahead).is_some();
        let other =
            others.iter().find(|(byte, _)| *byte != self.about.dialect.delimiter && used(*byte));
        if let Some((byte, spoken)) = other {
            self.about.remarks.push(format!(
                "only one column found, {}; is the delimiter {spoken}? Then set delimiter = {:?} in the mapping's \
                 [source]",
                text::quoted(name),
                char::from(*byte).to_string(),
            ));
        }
    }
}

/// The delimiter that a first line `sep=;` names.
fn separator(start: &[u8]) -> Option<u8> {
    let line = start.split(|byte| matches!(byte, b'\n' | b'\r')).next()?;
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let (name, rest) = line.split_at_checked(4)?;
    match rest {
        [delimiter] if name.eq_ignore_ascii_case(b"sep=") => {
            Some(*delimiter).filter(|byte| !byte.is_ascii_alphanumeric())
        }
        _ => None,
    }
}
