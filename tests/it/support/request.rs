//! A request as a plain server reads it: whole, with a length that is known.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

/// A request, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The connection it came on, from 0.
    pub(crate) connection: usize,
    /// When it was read whole.
    pub(crate) at: Instant,
    /// The first line: method, path, version.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body's bytes.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// A field of the payload; empty where it has none.
    pub(crate) fn field(&self, name: &str) -> String {
        let payload: serde_json::Value = serde_json::from_slice(&self.body).expect("a JSON body");
        payload[name].as_str().unwrap_or_default().to_owned()
    }
}

/// Reads a request; `None` when the client has closed the connection between two. What came beyond
/// it stays.
pub(super) fn read_request(
    mut stream: &TcpStream,
    beyond: &mut Vec<u8>,
    connection: usize,
) -> io::Result<Option<Request>> {
    let mut more = |bytes: &mut Vec<u8>| {
        let mut piece = [0; 16 * 1024];
        let count = stream.read(&mut piece)?;
        bytes.extend_from_slice(&piece[..count]);
        Ok::<_, io::Error>(count > 0)
    };
    let head_end = loop {
        if let Some(at) = beyond.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if beyond.first().is_some_and(|byte| !byte.is_ascii_uppercase()) {
            // A TLS handshake, as a rule: answered as a plain server answers it.
            stream.write_all(
                b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            )?;
            return Ok(None);
        }
        if !more(beyond)? {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&beyond[..head_end]).into_owned();
    let mut lines = head.lines();
    let line = lines.next().unwrap_or_default().to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse::<usize>().expect("a content-length that is a number"));
    let end = head_end + length;
    while beyond.len() < end {
        if !more(beyond)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let body = beyond[head_end..end].to_vec();
    beyond.drain(..end);
    Ok(Some(Request { connection, at: Instant::now(), line, headers, body }))
}
