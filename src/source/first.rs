//! What the first bytes of a file say of it, so that what is packed is unpacked, and what is no
//! table is refused by its name.
//!
//! Pure; `open` calls it once per file.

use std::fmt;

/// What a file is, where it is no text in UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Compressed by gzip.
    Gzip,
    /// Compressed by Zstandard.
    Zstd,
    /// Compressed by bzip2.
    Bzip2,
    /// Compressed by xz.
    Xz,
    /// A zip archive.
    Zip,
    /// A 7z or RAR archive.
    Archive,
    /// A workbook of a spreadsheet: xlsx, ods.
    Workbook,
    /// A workbook of an old Excel: xls.
    OldWorkbook,
    /// A PDF.
    Pdf,
    /// A web page, often a login page that was saved in place of the export.
    Html,
    /// XML, which older spreadsheets write too.
    Xml,
    /// JSON.
    Json,
    /// Text in UTF-16.
    Utf16,
    /// Text in UTF-32.
    Utf32,
    /// Bytes that are no text.
    Binary,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "a file compressed by gzip",
            Self::Zstd => "a file compressed by Zstandard",
            Self::Bzip2 => "a file compressed by bzip2",
            Self::Xz => "a file compressed by xz",
            Self::Zip => "a zip archive",
            Self::Archive => "a 7z or RAR archive",
            Self::Workbook => "a spreadsheet's workbook (xlsx or ods)",
            Self::OldWorkbook => "an old Excel workbook (xls)",
            Self::Pdf => "a PDF",
            Self::Html => "a web page",
            Self::Xml => "XML",
            Self::Json => "JSON",
            Self::Utf16 => "text in UTF-16",
            Self::Utf32 => "text in UTF-32",
            Self::Binary => "binary data",
        })
    }
}

const MAGIC: [(&[u8], Kind); 13] = [
    (b"\x1F\x8B", Kind::Gzip),
    (b"\x28\xB5\x2F\xFD", Kind::Zstd),
    (b"BZh91AY&SY", Kind::Bzip2),
    (b"\xFD7zXZ\0", Kind::Xz),
    (b"7z\xBC\xAF\x27\x1C", Kind::Archive),
    (b"Rar!\x1A\x07", Kind::Archive),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", Kind::OldWorkbook),
    (b"%PDF-", Kind::Pdf),
    (b"\xFF\xFE\0\0", Kind::Utf32),
    (b"\0\0\xFE\xFF", Kind::Utf32),
    (b"\xFF\xFE", Kind::Utf16),
    (b"\xFE\xFF", Kind::Utf16),
    (b"\x89PNG", Kind::Binary),
];

/// How many bytes the guess at UTF-16 and at markup looks at.
const LOOKED_AT: usize = 4096;

/// The byte order mark of UTF-8.
pub(super) const BOM: &[u8] = b"\xEF\xBB\xBF";

/// What `start` (the first bytes of a file) says the file is; `None` where it may be text in UTF-8.
pub(super) fn kind(start: &[u8]) -> Option<Kind> {
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Some(*kind);
    }
    let start = &start[..start.len().min(LOOKED_AT)];
    if [b"PK\x03\x04", b"PK\x05\x06"].iter().any(|magic| start.starts_with(*magic)) {
        let names: [&[u8]; 4] =
            [b"[Content_Types].xml", b"_rels/", b"xl/", b"opendocument.spreadsheet"];
        let workbook = names.iter().any(|name| memchr::memmem::find(start, name).is_some());
        return Some(if workbook { Kind::Workbook } else { Kind::Zip });
    }
    if looks_like_utf16(start) {
        return Some(Kind::Utf16);
    }
    markup(start)
}

/// Whether every other byte is NUL, as in Western text in UTF-16 without a byte order mark.
pub(super) fn looks_like_utf16(start: &[u8]) -> bool {
    let nuls =
        |first: usize| start.iter().skip(first).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd) = (nuls(0), nuls(1));
    let half = start.len() / 2;
    half >= 4 && even.max(odd) * 2 > half && even.min(odd) * 20 < half
}

fn markup(start: &[u8]) -> Option<Kind> {
    let start = start.strip_prefix(BOM).unwrap_or(start).trim_ascii_start();
    let opens = |prefix: &[u8]| {
        start.get(..prefix.len()).is_some_and(|text| text.eq_ignore_ascii_case(prefix))
    };
    if opens(b"<!doctype html") || opens(b"<html") {
        return Some(Kind::Html);
    }
    if opens(b"<?xml") {
        return Some(Kind::Xml);
    }
    let (first, rest) = start.split_first()?;
    let then = *rest.trim_ascii_start().first()?;
    matches!((first, then), (b'{', b'"' | b'}') | (b'[', b'{' | b']')).then_some(Kind::Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_csv_is_known_by_its_first_bytes() {
        let utf16: Vec<u8> =
            "Order,Tracking\r\n1,2\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big_endian: Vec<u8> =
            "Order,Tracking\r\n1,2\r\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let cases: [(&[u8], Kind); 16] = [
            (b"\x1F\x8B\x08\0", Kind::Gzip),
            (b"\x28\xB5\x2F\xFD\x04", Kind::Zstd),
            (b"PK\x03\x04\x14\0[Content_Types].xml", Kind::Workbook),
            (b"PK\x03\x04\x14\0orders.csv", Kind::Zip),
            (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", Kind::OldWorkbook),
            (b"%PDF-1.7", Kind::Pdf),
            (b"\xFF\xFEO\0", Kind::Utf16),
            (b"\xFE\xFF\0O", Kind::Utf16),
            (b"\xFF\xFE\0\0O\0\0\0", Kind::Utf32),
            (&utf16, Kind::Utf16),
            (&big_endian, Kind::Utf16),
            (b"\r\n<!DOCTYPE HTML>", Kind::Html),
            (b"<html lang=", Kind::Html),
            (b"\xEF\xBB\xBF<?xml version", Kind::Xml),
            (b"[\n  {\"order\": 1}]", Kind::Json),
            (b"{\"orders\": []}", Kind::Json),
        ];
        for (start, expected) in cases {
            assert_eq!(kind(start), Some(expected), "{}", String::from_utf8_lossy(start));
        }
    }

    #[test]
    fn text_is_not_taken_for_anything_else() {
        let texts = [
            "",
            "a",
            "Order,Tracking\n1,2\n",
            "PK,Name\n",
            "[Order],x\n",
            "{Order},x\n",
            "<Order>;x\n",
            "BZh,1\n",
            "7z\n",
        ];
        for text in texts {
            assert_eq!(kind(text.as_bytes()), None, "{text}");
        }
        assert_eq!(kind(b"Order,Tracking\n1,2\n\0\0\0\0\0\0\0\0\0"), None);
    }
}
