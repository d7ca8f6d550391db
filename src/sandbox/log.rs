//! The log: a line of JSON for each request, so that another process can count what the server's
//! side saw.
//!
//! A line is one write to a file opened for appending, before the answer goes out: whoever has an
//! answer finds its line, and a sandbox that is killed leaves whole lines only.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// A request, as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was read whole: microseconds since 1970-01-01T00:00:00Z.
    pub time_us: u64,
    /// The order's number; empty where the body has none or is unreadable.
    pub order_no: String,
    /// The tracking number; likewise.
    pub trackingnumber: String,
    /// The status of the answer, or of the one that was lost; `None` where the connection ended
    /// before the webhook looked at the request.
    pub status: Option<u16>,
    /// Whether the payload was accepted, whatever the answer says of it.
    #[serde(default)]
    pub accepted: bool,
    /// Whether an answer was given that is whole and hides no acceptance: `false` where the
    /// connection was reset, cut or left mute, where the body is endless, and where an accepted
    /// payload got another answer. An entry that is accepted and not answered is one whose sender
    /// can't know it. (A client that leaves before its answer comes is not noticed here.)
    pub answered: bool,
    /// The number of the script's fault that it met, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<usize>,
    /// A hash of the body (XXH3, 128 bits, as 32 hex digits), which tells equal payloads.
    pub payload: String,
}

impl Entry {
    /// Reads a log; a last line that has no end yet is left out.
    ///
    /// # Errors
    /// The file can't be read, or a line of it is no entry.
    pub fn read_all(path: &Path) -> io::Result<Vec<Self>> {
        let text = std::fs::read_to_string(path)?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).map_err(io::Error::from)).collect()
    }

    /// The time of now, as it stands in an entry.
    pub(super) fn now_us() -> u64 {
        let since =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }
}

/// An open log.
#[derive(Debug)]
pub(super) struct Log(File);

impl Log {
    /// Opens the file, or makes it; what stands in it stays.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        OpenOptions::new().append(true).create(true).open(path).map(Self)
    }

    pub(super) fn write(&self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        (&self.0).write_all(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_back_and_a_torn_line_is_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let entry = Entry {
            time_us: Entry::now_us(),
            order_no: "10\"01\n".to_owned(),
            trackingnumber: "1Z".to_owned(),
            status: None,
            accepted: true,
            answered: false,
            fault: Some(2),
            payload: format!("{:032x}", 7),
        };
        Log::open(&path).and_then(|log| log.write(&entry)).expect("written");
        Log::open(&path).and_then(|log| log.write(&entry)).expect("added");
        OpenOptions::new()
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(b"{\"time_us\":1"))
            .expect("torn");
        assert_eq!(Entry::read_all(&path).expect("entries"), [entry.clone(), entry]);
    }
}
