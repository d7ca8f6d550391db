//! A request as the test server reads it, and what the server remembers of it.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A request that was read whole.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Its number by arrival of the head, from 1.
    pub(crate) number: u64,
    /// Its connection, from 0.
    pub(crate) connection: usize,
    /// When it was read whole.
    pub(crate) at: Instant,
    /// The first line: method, path, version.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// A field of the payload; empty where it has none.
    pub(crate) fn field(&self, name: &str) -> String {
        let payload: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        payload[name].as_str().unwrap_or_default().to_owned()
    }
}

/// A line of the server's log, written before anything of the answer is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoggedRequest {
    /// Microseconds since 1970.
    pub(crate) time_us: u64,
    /// Empty where the body was not read.
    pub(crate) order_no: String,
    /// Whether the payload was accepted, whatever the client learns of it.
    pub(crate) accepted: bool,
    /// Whether the answer is whole and hides no acceptance.
    pub(crate) answered: bool,
}

/// The current time in the clock of the log.
pub(crate) fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The head of a request.
pub(super) struct Head {
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
    /// Where it ends in the received bytes.
    end: usize,
}

/// Reads the head of a request; `None` when the client has closed the connection instead. Received
/// bytes stay where they are.
pub(super) fn read_head(
    mut stream: &TcpStream,
    received: &mut Vec<u8>,
) -> io::Result<Option<Head>> {
    let end = loop {
        if let Some(at) = received.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if received.first().is_some_and(|byte| !byte.is_ascii_uppercase()) {
            // Usually a TLS handshake: answered as a plain server answers it.
            stream.write_all(
                b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            )?;
            return Ok(None);
        }
        if receive(stream, received)? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(&received[..end]).into_owned();
    let mut lines = text.lines();
    let line = lines.next().unwrap_or_default().to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Ok(Some(Head { line, headers, end }))
}

/// Reads the body that follows a head, and removes both from the received bytes.
pub(super) fn read_body(
    stream: &TcpStream,
    received: &mut Vec<u8>,
    head: &Head,
) -> io::Result<Vec<u8>> {
    let length =
        head.headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| {
            value.parse::<usize>().expect("a content-length that is a number")
        });
    let end = head.end + length;
    while received.len() < end {
        if receive(stream, received)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let body = received[head.end..end].to_vec();
    received.drain(..end);
    Ok(body)
}

fn receive(mut stream: &TcpStream, received: &mut Vec<u8>) -> io::Result<usize> {
    let mut piece = [0; 16 * 1024];
    let count = stream.read(&mut piece)?;
    received.extend_from_slice(&piece[..count]);
    Ok(count)
}
