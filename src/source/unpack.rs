//! The text inside an input: as it is, unpacked (gzip, Zstandard, one member of a zip archive), or
//! taken out of the first sheet of a workbook. By content, never by the file's name.
//!
//! Expansion is bounded: what grows beyond [`MOST_TIMES`] of its packed size, or beyond
//! [`MOST_BYTES`], is refused while it is read. `open` calls it.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::{DeflateDecoder, MultiGzDecoder};
use zip::{CompressionMethod, ZipArchive};

use super::Error;
use super::encoding::Metered;
use super::first::{Kind, kind};
use super::found::Packing;
use super::sheet;
use crate::text;

/// How much larger than its packed form a text may be, once it has [`FREE_BYTES`].
const MOST_TIMES: u64 = 1_000;
/// Up to here a text may be any number of times larger, in bytes.
const FREE_BYTES: u64 = 64 << 20;
/// The most bytes of unpacked text.
const MOST_BYTES: u64 = 64 << 30;

/// A text that can be read, and where it was found.
pub(super) struct Unpacked {
    pub(super) text: Box<dyn Read + Send>,
    pub(super) packing: Packing,
    /// The sheet of a workbook, whose text is comma-separated with quotes.
    pub(super) sheet: Option<String>,
    /// What an operator should know.
    pub(super) remark: Option<String>,
}

/// Opens the text inside the file at `path`; `read` counts the bytes of the file that were read.
///
/// # Errors
/// The file cannot be read, or holds no single text.
pub(super) fn unpack(path: &Path, shown: &str, read: &Arc<AtomicU64>) -> Result<Unpacked, Error> {
    let of_system = |cause| Error::of_system(shown, 0, cause);
    let mut file = File::open(path).map_err(of_system)?;
    let mut start = Vec::new();
    (&mut file).take(4096).read_to_end(&mut start).map_err(of_system)?;
    file.rewind().map_err(of_system)?;
    let plain = |text, packing| Unpacked { text, packing, sheet: None, remark: None };
    let metered = |file| Metered { from: file, read: Arc::clone(read) };
    Ok(match kind(&start) {
        Some(Kind::Gzip) => {
            let text = MultiGzDecoder::new(BufReader::with_capacity(256 * 1024, metered(file)));
            plain(bounded(text, read), Packing::Gzip)
        }
        Some(Kind::Zstd) => {
            let text = zstd::stream::read::Decoder::new(metered(file)).map_err(of_system)?;
            plain(bounded(text, read), Packing::Zstd)
        }
        Some(Kind::Zip) => {
            let member = only_member(&file, shown)?;
            file.seek(SeekFrom::Start(member.start)).map_err(of_system)?;
            let packed = metered(file).take(member.packed);
            let text: Box<dyn Read + Send> = if member.deflated {
                Box::new(DeflateDecoder::new(packed))
            } else {
                Box::new(packed)
            };
            plain(bounded(Whole { text, left: member.size }, read), Packing::Zip(member.name))
        }
        Some(Kind::Workbook | Kind::OldWorkbook) => {
            let size = file.metadata().map_err(of_system)?.len();
            let sheet = sheet::read(file, shown)?;
            read.store(size, Ordering::Relaxed);
            Unpacked {
                text: Box::new(Cursor::new(sheet.text)),
                packing: Packing::Plain,
                sheet: Some(sheet.name),
                remark: sheet.remark,
            }
        }
        _ => plain(Box::new(metered(file)), Packing::Plain),
    })
}

/// The only file in a zip archive.
struct Member {
    name: String,
    start: u64,
    packed: u64,
    size: u64,
    deflated: bool,
}

fn only_member(file: &File, shown: &str) -> Result<Member, Error> {
    let refuse = |what: String| Error::Archive { file: text::printable(shown), what };
    let broken = |error: zip::result::ZipError| {
        refuse(format!("is a zip archive that cannot be read: {error}"))
    };
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(broken)?;
        let name = member.name().map_err(broken)?.into_owned();
        let hidden = name.starts_with("__MACOSX/")
            || name.rsplit('/').next().is_some_and(|name| name.starts_with('.'));
        if !member.is_dir() && !hidden {
            members.push((index, name));
        }
    }
    let (index, name) = match &members[..] {
        [member] => member.clone(),
        [] => return Err(refuse("is a zip archive without a file in it".to_owned())),
        several => {
            let names: Vec<String> =
                several.iter().take(5).map(|(_, name)| text::quoted(name)).collect();
            let more = if several.len() > 5 {
                format!(" and {} more", several.len() - 5)
            } else {
                String::new()
            };
            return Err(refuse(format!(
                "is a zip archive with several files, and it is not known which one is meant: {}{more}",
                names.join(", ")
            )));
        }
    };
    let member = archive.by_index_raw(index).map_err(broken)?;
    if member.encrypted() {
        return Err(refuse("is a zip archive with a password".to_owned()));
    }
    let deflated = match member.compression() {
        CompressionMethod::Stored => false,
        CompressionMethod::DEFLATE => true,
        other => {
            return Err(refuse(format!("is a zip archive packed by {other}, which is not served")));
        }
    };
    let start = member
        .data_start()
        .ok_or_else(|| refuse("is a zip archive that cannot be read".to_owned()))?;
    Ok(Member { name, start, packed: member.compressed_size(), size: member.size(), deflated })
}

/// A text whose length is known, so that one that was cut off is told.
struct Whole {
    text: Box<dyn Read + Send>,
    left: u64,
}

impl Read for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.text.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other("the archive is damaged"))?;
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the archive is cut off or damaged",
            ));
        }
        Ok(count)
    }
}

/// A text that ends with an error where it grows out of all proportion.
struct Bounded<R> {
    text: R,
    packed: Arc<AtomicU64>,
    bytes: u64,
}

fn bounded(text: impl Read + Send + 'static, packed: &Arc<AtomicU64>) -> Box<dyn Read + Send> {
    Box::new(Bounded { text, packed: Arc::clone(packed), bytes: 0 })
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.text.read(buffer)?;
        self.bytes += count as u64;
        let times = self.bytes / self.packed.load(Ordering::Relaxed).max(1);
        if self.bytes > MOST_BYTES || self.bytes > FREE_BYTES && times > MOST_TIMES {
            return Err(io::Error::other(format!(
                "it unpacks to more than {} bytes, {times} times its size: this is no export",
                text::thousands(self.bytes)
            )));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_out_of_all_proportion_is_refused_while_it_is_read() {
        let packed = Arc::new(AtomicU64::new(1000));
        let mut text = bounded(io::repeat(b'x'), &packed);
        let mut buffer = vec![0; 1 << 20];
        let reads = (0..100).take_while(|_| text.read(&mut buffer).is_ok()).count();
        assert_eq!(reads, 64, "64 MiB are free");
    }
}
