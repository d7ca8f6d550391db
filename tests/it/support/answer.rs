//! What the test server does with a request: some bytes, in some time, and an end.

use std::time::Duration;

/// What is done with one request, once it was read whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The wait before the first byte.
    pub(super) delay: Duration,
    /// What is written.
    pub(super) bytes: Vec<u8>,
    /// The wait before each byte; all at once where there is none.
    pub(super) drip: Option<Duration>,
    /// What comes after the bytes.
    pub(super) end: End,
    /// Whether the payload counts as accepted.
    pub(super) accepted: bool,
    /// Whether it is whole and hides no acceptance.
    pub(super) answered: bool,
}

/// What happens to a connection after the bytes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The next request is read.
    KeepAlive,
    /// It is closed in good order.
    Fin,
    /// It is reset.
    Reset,
    /// Nothing more is sent; it stays open until the client leaves or the server is dropped.
    Mute,
    /// Bytes come for as long as the client takes them.
    Endless,
    /// It is reset, and for so long the server doesn't listen.
    Refuse(Duration),
}

impl Answer {
    /// The webhook's acceptance.
    pub(crate) fn accepted() -> Self {
        let body = r#"{"message":"Request Received Successfully","status":"Success"}"#;
        Self { accepted: true, ..Self::json(200, body) }
    }

    /// A whole answer with a JSON body.
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::whole(status, "application/json", body)
    }

    /// A whole answer with an HTML body.
    pub(crate) fn html(status: u16, body: &str) -> Self {
        Self::whole(status, "text/html", body)
    }

    fn whole(status: u16, kind: &str, body: &str) -> Self {
        let length = body.len();
        Self::raw(format!(
            "HTTP/1.1 {status} As Told\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    }

    /// These bytes, whatever they are.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            delay: Duration::ZERO,
            bytes: bytes.into(),
            drip: None,
            end: End::KeepAlive,
            accepted: false,
            answered: true,
        }
    }

    /// No answer; the connection ends.
    pub(crate) fn none(end: End) -> Self {
        Self { answered: false, ..Self::raw([]).end(end) }
    }

    /// A 200 whose body never ends.
    pub(crate) fn endless() -> Self {
        Self::raw("HTTP/1.1 200 As Told\r\ncontent-type: application/json\r\n\r\n")
            .end(End::Endless)
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let line_end = self
            .bytes
            .windows(2)
            .position(|pair| pair == b"\r\n")
            .expect("an answer with a status line")
            + 2;
        self.bytes.splice(line_end..line_end, format!("{name}: {value}\r\n").into_bytes());
        self
    }

    /// After a wait.
    pub(crate) fn delayed(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Byte by byte, with a wait before each.
    pub(crate) fn dripping(self, pause: Duration) -> Self {
        Self { drip: Some(pause), ..self }
    }

    /// Only the first `count` bytes (of head and body together), and then the end.
    pub(crate) fn cut(mut self, count: usize, end: End) -> Self {
        assert!(
            count < self.bytes.len(),
            "the answer has {} bytes: nothing would be cut",
            self.bytes.len()
        );
        self.bytes.truncate(count);
        self.answered = false;
        self.end(end)
    }

    /// With another end.
    pub(crate) fn end(self, end: End) -> Self {
        let is_whole = matches!(end, End::KeepAlive | End::Fin);
        Self { end, answered: self.answered && is_whole, ..self }
    }

    /// The same bytes for a payload that is accepted, or not.
    pub(crate) fn accepting(self, accepted: bool) -> Self {
        Self { accepted, answered: self.answered && accepted == self.accepted, ..self }
    }
}
