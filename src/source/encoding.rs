//! Which encoding the text of an input is in, and its decoding to UTF-8 on the way in.
//!
//! The ladder: a byte order mark; what was pinned; NULs at every other place (UTF-16); bytes that
//! are UTF-8; else windows-1252. As much of the text as [`LOOKED_AT`] is looked at once, before
//! anything is read in earnest. `unpack` calls it.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs::{CoderResult, Decoder};

use super::first::looks_like_utf16;
use super::record::line_ends;
use crate::row::Encoding;

/// How much text is looked at for its encoding, in bytes.
pub(super) const LOOKED_AT: u64 = 64 << 20;

/// What a look at the text told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Looked {
    pub(super) encoding: Encoding,
    /// Whether a character stands there that says that others were lost (U+FFFD).
    pub(super) replaced: bool,
}

/// Finds the encoding of a text by its first bytes and, where they are no help, by much more of it.
///
/// # Errors
/// It cannot be read; the line that was reached stands beside.
pub(super) fn look(
    mut text: impl Read,
    pinned: Option<Encoding>,
) -> Result<Looked, (u64, io::Error)> {
    let mut buffer = vec![0; 256 * 1024];
    let mut filled = 0;
    let mut lines = 1;
    while filled < buffer.len() {
        match text.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(cause) => return Err((lines + line_ends(&buffer[..filled]), cause)),
        }
    }
    let certain =
        marked(&buffer[..filled]).or(pinned).or_else(|| unmarked_utf16(&buffer[..filled]));
    let mut decoder = certain.filter(|encoding| *encoding != Encoding::UTF8).map(Encoding::decoder);
    let mut tally = Tally::default();
    let mut decoded = String::new();
    let mut replaced = false;
    let mut seen = 0;
    loop {
        let chunk = &buffer[..filled];
        if let Some(decoder) = &mut decoder {
            decoded.clear();
            decoded.reserve(
                decoder.max_utf8_buffer_length(chunk.len()).unwrap_or(chunk.len() * 3 + 16),
            );
            let _ = decoder.decode_to_string(chunk, &mut decoded, filled == 0);
            replaced |= decoded.contains('\u{FFFD}');
            lines += line_ends(decoded.as_bytes());
        } else {
            tally.add(chunk);
            lines += line_ends(chunk);
        }
        seen += filled as u64;
        if filled == 0 || seen >= LOOKED_AT {
            break;
        }
        filled = loop {
            match text.read(&mut buffer) {
                Ok(count) => break count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err((lines, cause)),
            }
        };
    }
    let encoding = certain.unwrap_or_else(|| tally.encoding());
    Ok(Looked { encoding, replaced: replaced || tally.replaced && encoding == Encoding::UTF8 })
}

fn marked(start: &[u8]) -> Option<Encoding> {
    match start {
        [0xEF, 0xBB, 0xBF, ..] => Some(Encoding::UTF8),
        [0xFF, 0xFE, 0, 0, ..] => None,
        [0xFF, 0xFE, ..] => Some(Encoding::UTF16LE),
        [0xFE, 0xFF, ..] => Some(Encoding::UTF16BE),
        _ => None,
    }
}

fn unmarked_utf16(start: &[u8]) -> Option<Encoding> {
    let start = &start[..start.len().min(4096)];
    let nuls =
        |first: usize| start.iter().skip(first).step_by(2).filter(|&&byte| byte == 0).count();
    looks_like_utf16(start)
        .then(|| if nuls(1) > nuls(0) { Encoding::UTF16LE } else { Encoding::UTF16BE })
}

/// What speaks for UTF-8 and what against it.
#[derive(Debug, Default)]
struct Tally {
    /// Characters of more than one byte.
    valid: u64,
    /// Bytes that UTF-8 does not have there.
    invalid: u64,
    binary: bool,
    replaced: bool,
    /// The start of a character whose end comes with the next bytes.
    cut: Vec<u8>,
}

impl Tally {
    fn add(&mut self, chunk: &[u8]) {
        if self.cut.is_empty() && chunk.is_ascii() {
            self.binary |= memchr::memchr(0, chunk).is_some();
            return;
        }
        let cut = std::mem::take(&mut self.cut);
        let joined = if cut.is_empty() { None } else { Some([&cut[..], chunk].concat()) };
        let mut rest = joined.as_deref().unwrap_or(chunk);
        let last = chunk.is_empty();
        self.binary |= memchr::memchr(0, rest).is_some();
        loop {
            let (valid, error) = match std::str::from_utf8(rest) {
                Ok(text) => (text, None),
                Err(error) => {
                    let at = error.valid_up_to();
                    (
                        std::str::from_utf8(&rest[..at]).unwrap_or_default(),
                        Some((at, error.error_len())),
                    )
                }
            };
            self.valid += valid.bytes().filter(|byte| *byte >= 0xC0).count() as u64;
            self.replaced |= valid.contains('\u{FFFD}');
            match error {
                None => return,
                Some((at, None)) if !last => {
                    self.cut = rest[at..].to_vec();
                    return;
                }
                Some((at, len)) => {
                    self.invalid += 1;
                    rest = &rest[at + len.unwrap_or(rest.len() - at)..];
                }
            }
        }
    }

    /// UTF-8 even where some rows are spoilt, as long as most of it is.
    fn encoding(&self) -> Encoding {
        if self.invalid <= self.valid || self.binary {
            Encoding::UTF8
        } else {
            Encoding::WINDOWS_1252
        }
    }
}

/// Text in UTF-8 from text in another encoding; what cannot be decoded becomes U+FFFD.
pub(super) struct Decoded<R> {
    from: R,
    decoder: Decoder,
    raw: Vec<u8>,
    text: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: Read> Decoded<R> {
    pub(super) fn new(from: R, encoding: Encoding) -> Self {
        Self {
            from,
            decoder: encoding.decoder(),
            raw: vec![0; 32 * 1024],
            text: Vec::new(),
            at: 0,
            ended: false,
        }
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() && !self.ended {
            let count = self.from.read(&mut self.raw)?;
            self.ended = count == 0;
            let room = self.decoder.max_utf8_buffer_length(count).unwrap_or(count * 3 + 16);
            self.text.resize(room, 0);
            let (result, _, written, _) =
                self.decoder.decode_to_utf8(&self.raw[..count], &mut self.text, self.ended);
            debug_assert_eq!(result, CoderResult::InputEmpty);
            self.text.truncate(written);
            self.at = 0;
        }
        let count = out.len().min(self.text.len() - self.at);
        out[..count].copy_from_slice(&self.text[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// Counts what is read of a file.
pub(super) struct Metered<R> {
    pub(super) from: R,
    pub(super) read: Arc<AtomicU64>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(out)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
