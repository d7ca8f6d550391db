//! What goes out to a client: bodies that end and one that doesn't, and the answers that only a
//! script gives.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{Response, StatusCode};

/// A piece of an endless body.
static ENDLESS: [u8; 8192] = [b' '; 8192];

/// A page as a gateway or a parked domain shows it.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Welcome</title></head>\n<body><p>This page is under \
                    construction.</p></body></html>\n";

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Content {
    /// These bytes; `None` once they are out, or where there are none.
    Whole(Option<Bytes>),
    /// Blanks, for as long as somebody takes them.
    Endless,
}

impl Content {
    pub(super) fn text(text: impl Into<Bytes>) -> Self {
        Self::Whole(Some(text.into()).filter(|bytes| !bytes.is_empty()))
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match self.get_mut() {
            Self::Whole(bytes) => bytes.take(),
            Self::Endless => Some(Bytes::from_static(&ENDLESS)),
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Endless => SizeHint::new(),
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

fn reply(status: StatusCode, kind: HeaderValue, content: Content) -> Response<Content> {
    let mut response = Response::new(content);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// An answer of a scripted status; a body that begins with `{` is JSON, any other HTML.
pub(super) fn status(
    status: u16,
    retry_after: Option<&str>,
    to: Option<&str>,
    body: Option<&str>,
) -> Response<Content> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let text = body.map_or_else(
        || {
            let message = status.canonical_reason().unwrap_or("Fault");
            format!(r#"{{"message":"{message}","status":"Error"}}"#)
        },
        str::to_owned,
    );
    let kind = if text.starts_with('{') { JSON } else { HTML };
    let mut response = reply(status, kind, Content::text(text));
    let mut set = |name: HeaderName, value: Option<&str>| {
        // A text that no header can hold is left out; a script's file is refused for it.
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            response.headers_mut().insert(name, value);
        }
    };
    set(RETRY_AFTER, retry_after);
    set(LOCATION, to);
    response
}

/// 200 with a page.
pub(super) fn html() -> Response<Content> {
    reply(StatusCode::OK, HTML, Content::text(PAGE))
}

/// 200 with nothing.
pub(super) fn empty() -> Response<Content> {
    Response::new(Content::Whole(None))
}

/// 200 with a body that never ends.
pub(super) fn endless() -> Response<Content> {
    reply(StatusCode::OK, JSON, Content::Endless)
}
