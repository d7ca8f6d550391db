//! The webhook's checks and its documented responses.
//!
//! Status and message match the webhook's guide exactly, because verdicts and tests compare them.

use std::collections::BTreeMap;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use crate::secret::Credentials;

/// The webhook's path.
pub const PATH: &str = "/Genericwebhook/webhookapi.php";

/// A response of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseKind {
    Accepted,
    FieldsEmpty,
    InvalidJson,
    WrongCredentials,
    WrongContentType,
    NoCredentials,
    TooLarge,
    NotFound,
    NotAllowed,
    /// Over the rate limit, or a random fault.
    Throttled,
    /// A random fault.
    Failed,
}

impl ResponseKind {
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

    pub(super) const fn status(self) -> u16 {
        self.parts().0.as_u16()
    }

    pub(super) fn response(self) -> Response<Full<Bytes>> {
        let (status, body) = self.parts();
        let mut response = Response::new(Full::from(body));
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

/// The response to a request with another path or method than the webhook's.
pub(super) fn check_path(head: &Parts) -> Option<ResponseKind> {
    if head.uri.path() != PATH {
        Some(ResponseKind::NotFound)
    } else if head.method != Method::POST {
        Some(ResponseKind::NotAllowed)
    } else {
        None
    }
}

/// The fields of a payload by name.
pub(super) type PayloadFields = BTreeMap<String, String>;

/// Reads a body; `None` unless it is a JSON object of strings. Of a repeated name the last value
/// counts.
pub(super) fn parse_fields(body: &[u8]) -> Option<PayloadFields> {
    serde_json::from_slice(body).ok()
}

/// The webhook's own checks, in its order.
pub(super) fn check_request(
    headers: &HeaderMap,
    fields: Option<&PayloadFields>,
    credentials: Option<&Credentials>,
    is_revoked: bool,
) -> ResponseKind {
    if !headers.get(CONTENT_TYPE).is_some_and(is_json) {
        return ResponseKind::WrongContentType;
    }
    let given = |name| headers.get(name).map_or(&b""[..], |value| value.as_bytes().trim_ascii());
    let (email, key) = (given("x-auth-email"), given("x-auth-key"));
    if email.is_empty() || key.is_empty() {
        return ResponseKind::NoCredentials;
    }
    let is_other = credentials.is_some_and(|wanted| {
        wanted.email.expose().as_bytes() != email || wanted.api_key.expose().as_bytes() != key
    });
    if is_revoked || is_other {
        return ResponseKind::WrongCredentials;
    }
    let Some(fields) = fields else { return ResponseKind::InvalidJson };
    let is_given = |name| fields.get(name).is_some_and(|value: &String| !value.is_empty());
    if ["order_no", "trackingnumber", "carrier_type"].into_iter().all(is_given) {
        ResponseKind::Accepted
    } else {
        ResponseKind::FieldsEmpty
    }
}

/// Whether a `Content-Type` is `application/json`, with or without parameters.
fn is_json(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    let essence = bytes.split(|&byte| byte == b';').next().unwrap_or(bytes);
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_with_escapes_is_read_by_meaning() {
        let body = br#" {"order\u005fno":"a\"b","product":"Caf\u00e9"} "#;
        let fields = parse_fields(body).expect("an object of strings");
        assert_eq!((fields["order_no"].as_str(), fields["product"].as_str()), ("a\"b", "Café"));
    }

    #[test]
    fn body_with_a_repeated_name_counts_the_last_value() {
        let fields = parse_fields(br#"{"order_no":"1","order_no":""}"#).expect("an object");
        assert_eq!(fields["order_no"], "");
    }

    #[test]
    fn body_that_is_no_object_of_strings_is_invalid() {
        for body in [
            "",
            " ",
            "null",
            "[]",
            r#""text""#,
            r#"{"order_no":1001}"#,
            r#"{"quantity":2}"#,
            r#"{"quantity":null}"#,
            r#"{"quantity":true}"#,
            r#"{"product":["a"]}"#,
            r#"{"product":{"a":"b"}}"#,
            r#"{"product":"a",}"#,
            r#"{"product":"a"} x"#,
            r#"{"product":"a""#,
            r#"{product:"a"}"#,
            r#"{"product":"\ud800"}"#,
            "\u{FEFF}{}",
            "{\"product\":\"a\nb\"}",
        ] {
            assert_eq!(parse_fields(body.as_bytes()), None, "{body}");
        }
        assert_eq!(parse_fields(b"{\"product\":\"\xe9\"}"), None, "Latin-1");
    }
}
