//! The log: a line of JSON for each request, so that another process can see what the server saw.
//!
//! A line is one write to a file opened for appending, before the response is sent. So every
//! response a client has got is in the log, and a killed sandbox leaves whole lines only.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A request in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When it was read: microseconds since 1970-01-01T00:00:00Z.
    pub time_us: u64,
    /// Empty where the body was not read or has none.
    pub order_no: String,
    /// Empty where the body was not read or has none.
    pub trackingnumber: String,
    /// The status of the response, also of a lost one; `None` where the connection was reset
    /// before the webhook's checks.
    pub status: Option<u16>,
    /// Whether the payload was accepted.
    pub accepted: bool,
    /// Whether a response was sent. The sender of a request that is accepted and not answered
    /// can't know that it was accepted. (A client that leaves earlier is not noticed.)
    pub answered: bool,
    /// A hash of the body (XXH3, 128 bits, as 32 hex digits).
    pub payload: String,
}

impl LogEntry {
    /// Reads a log without an unfinished last line.
    ///
    /// # Errors
    /// The file can't be read, or a line is not an entry.
    pub fn read_all(path: &Path) -> io::Result<Vec<Self>> {
        let text = std::fs::read_to_string(path)?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).map_err(io::Error::from)).collect()
    }

    /// The current time for an entry.
    pub(super) fn now_us() -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }
}

/// An open log.
#[derive(Debug)]
pub(super) struct RequestLog(File);

impl RequestLog {
    /// Opens or creates the file; lines are added to what it contains.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        OpenOptions::new().append(true).create(true).open(path).map(Self)
    }

    pub(super) fn write(&self, entry: &LogEntry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        (&self.0).write_all(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_is_read_back_without_a_torn_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let entry = LogEntry {
            time_us: LogEntry::now_us(),
            order_no: "10\"01\n".to_owned(),
            trackingnumber: "1Z".to_owned(),
            status: None,
            accepted: true,
            answered: false,
            payload: format!("{:032x}", 7),
        };
        RequestLog::open(&path).and_then(|log| log.write(&entry)).expect("written");
        RequestLog::open(&path).and_then(|log| log.write(&entry)).expect("added");
        OpenOptions::new()
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(b"{\"time_us\":1"))
            .expect("torn");
        assert_eq!(LogEntry::read_all(&path).expect("entries"), [entry.clone(), entry]);
    }
}
