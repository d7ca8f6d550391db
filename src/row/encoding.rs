//! The encodings of text: by which bytes of an input become characters, and a failed row's
//! characters become bytes again.
//!
//! A value beside `source` and `results`; the mapping's `[source] encoding` and `--encoding` are
//! read here.

use std::fmt;
use std::str::FromStr;

use encoding_rs::{Decoder, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Labels that are offered where one is not known.
const KNOWN: [&str; 24] = [
    "utf-8",
    "utf-16le",
    "utf-16be",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-15",
    "latin1",
    "macintosh",
    "shift_jis",
    "euc-jp",
    "euc-kr",
    "gbk",
    "gb18030",
    "big5",
    "koi8-r",
];

/// An encoding of text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Encoding(&'static encoding_rs::Encoding);

impl Default for Encoding {
    /// UTF-8.
    fn default() -> Self {
        Self::UTF8
    }
}

impl Encoding {
    /// UTF-8.
    pub const UTF8: Self = Self(UTF_8);
    /// UTF-16, the lower byte first.
    pub const UTF16LE: Self = Self(UTF_16LE);
    /// UTF-16, the higher byte first.
    pub const UTF16BE: Self = Self(UTF_16BE);
    /// What Windows uses in Western Europe and America; ISO-8859-1 and ASCII are parts of it.
    pub const WINDOWS_1252: Self = Self(WINDOWS_1252);

    /// Its usual name, as `windows-1252`.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Whether it is UTF-16, in either order.
    pub fn is_utf16(self) -> bool {
        self == Self::UTF16LE || self == Self::UTF16BE
    }

    /// A decoder that leaves out the byte order mark of this encoding, and no other.
    pub(crate) fn decoder(self) -> Decoder {
        self.0.new_decoder_with_bom_removal()
    }

    /// `text` in this encoding; characters that it lacks become `?`.
    pub fn encode(self, text: &str) -> Vec<u8> {
        if self.is_utf16() {
            let bytes = |unit: u16| {
                if self == Self::UTF16LE { unit.to_le_bytes() } else { unit.to_be_bytes() }
            };
            return text.encode_utf16().flat_map(bytes).collect();
        }
        let mut encoder = self.0.new_encoder();
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        loop {
            let room = encoder
                .max_buffer_length_from_utf8_without_replacement(rest.len())
                .unwrap_or(rest.len() * 4 + 16);
            out.reserve(room + 4);
            let (result, read) =
                encoder.encode_from_utf8_to_vec_without_replacement(rest, &mut out, true);
            rest = &rest[read..];
            match result {
                encoding_rs::EncoderResult::InputEmpty => return out,
                encoding_rs::EncoderResult::OutputFull => {}
                encoding_rs::EncoderResult::Unmappable(_) => out.push(b'?'),
            }
        }
    }
}

impl fmt::Debug for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A label that no encoding has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no encoding of this name; the nearest is {nearest}")]
pub struct UnknownEncoding {
    /// A label that is known.
    pub nearest: &'static str,
}

/// By any label of the WHATWG's Encoding Standard, in any case.
impl FromStr for Encoding {
    type Err = UnknownEncoding;

    fn from_str(label: &str) -> Result<Self, UnknownEncoding> {
        encoding_rs::Encoding::for_label_no_replacement(label.as_bytes()).map(Self).ok_or_else(
            || {
                let label = label.trim().to_ascii_lowercase();
                let likeness = |known: &str| strsim::jaro_winkler(known, &label);
                let nearest = KNOWN.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
                UnknownEncoding { nearest: nearest.unwrap_or("utf-8") }
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_of_the_standard_is_known_and_the_nearest_is_offered_for_others() {
        for (label, name) in [
            ("UTF8", "UTF-8"),
            ("latin1", "windows-1252"),
            (" ISO-8859-1 ", "windows-1252"),
            ("cp1252", "windows-1252"),
            ("Shift_JIS", "Shift_JIS"),
            ("utf-16", "UTF-16LE"),
        ] {
            assert_eq!(label.parse::<Encoding>().map(Encoding::name), Ok(name), "{label}");
        }
        assert_eq!("windows1252x".parse::<Encoding>().unwrap_err().nearest, "windows-1252");
        assert_eq!("shiftjs".parse::<Encoding>().unwrap_err().nearest, "shift_jis");
    }

    #[test]
    fn what_an_encoding_lacks_becomes_a_question_mark() {
        assert_eq!(Encoding::WINDOWS_1252.encode("Café € 漢"), b"Caf\xE9 \x80 ?");
        assert_eq!(Encoding::UTF16LE.encode("é"), [0xE9, 0]);
        assert_eq!(Encoding::UTF16BE.encode("é"), [0, 0xE9]);
    }
}
