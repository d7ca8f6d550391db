//! The answers that the sandbox gives: the webhook's documented table, and those of the machinery
//! before it.
//!
//! The messages of the webhook are kept to the letter, since verdicts and tests compare them.

use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

use super::reply::Content;

/// An answer that the sandbox gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The payload was accepted.
    Accepted,
    /// One of the three required fields is missing or empty.
    FieldsEmpty,
    /// The body is no JSON object of strings.
    InvalidJson,
    /// The credentials are not the wanted ones.
    WrongCredentials,
    /// The body is not announced as JSON.
    WrongContentType,
    /// One of the two headers is missing or empty.
    NoCredentials,
    /// The body is larger than any payload.
    TooLarge,
    /// Another path than the webhook's.
    NotFound,
    /// Another method than POST.
    NotAllowed,
    /// Too many requests; wanted by the settings.
    Throttled,
    /// A fault; wanted by the settings.
    Failed,
}

impl Answer {
    /// Status and body.
    const fn parts(self) -> (StatusCode, &'static str) {
        match self {
            Self::Accepted => (
                StatusCode::OK,
                r#"{"message":"Request Received Successfully","status":"Success"}"#,
            ),
            Self::FieldsEmpty => (
                StatusCode::CONFLICT,
                r#"{"message":"Order Number, Tracking Number, Carrier Type must not be empty","status":"Error"}"#,
            ),
            Self::InvalidJson => {
                (StatusCode::CONFLICT, r#"{"message":"Invalid JSON format","status":"Error"}"#)
            }
            Self::WrongCredentials => (
                StatusCode::UNAUTHORIZED,
                r#"{"message":"Authorization Header Error. Check your email and API key","status":"Error"}"#,
            ),
            Self::WrongContentType => (
                StatusCode::BAD_REQUEST,
                r#"{"message":"Only application/json content-type is accepted","status":"Error"}"#,
            ),
            Self::NoCredentials => (
                StatusCode::BAD_REQUEST,
                r#"{"message":"Authorization Email and API Key are required","status":"Error"}"#,
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                r#"{"message":"The request is too large","status":"Error"}"#,
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                r#"{"message":"Not found. The webhook is at /Genericwebhook/webhookapi.php","status":"Error"}"#,
            ),
            Self::NotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                r#"{"message":"Only POST is accepted","status":"Error"}"#,
            ),
            Self::Throttled => (
                StatusCode::TOO_MANY_REQUESTS,
                r#"{"message":"Too many requests","status":"Error"}"#,
            ),
            Self::Failed => (
                StatusCode::INTERNAL_SERVER_ERROR,
                r#"{"message":"Internal server error","status":"Error"}"#,
            ),
        }
    }

    /// The number in its status line.
    pub(super) const fn status(self) -> u16 {
        self.parts().0.as_u16()
    }

    /// The whole answer; its body is static.
    pub(super) fn response(self) -> Response<Content> {
        let (status, body) = self.parts();
        let mut response = Response::new(Content::text(Bytes::from_static(body.as_bytes())));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self {
            Self::Throttled => headers.insert(RETRY_AFTER, HeaderValue::from_static("1")),
            Self::NotAllowed => headers.insert(ALLOW, HeaderValue::from_static("POST")),
            _ => None,
        };
        response
    }
}
