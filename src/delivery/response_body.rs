//! What an answer's body says: the webhook's `{"message": …, "status": …}`, or whatever came
//! instead of it.
//!
//! A `.php` endpoint labels everything `text/html`, so the content type tells nothing; only the
//! body is looked at.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::Response;
use crate::text;

static TITLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)<title[^>]*>\s*([^<\s][^<]*?)\s*<").expect("a valid pattern")
});

/// What the body of a 2xx answer amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// The documented acceptance.
    Success,
    /// JSON that says, in a status or an error, that it was not accepted; with its message.
    Refusal(String),
    /// Nothing that the webhook is documented to give; with a word on what it is.
    Unknown(String),
}

/// Reads the body of a 2xx answer.
pub(crate) fn read(response: &Response) -> Body {
    if response.truncated {
        return Body::Unknown("a body without end".to_owned());
    }
    let body = bare(&response.body);
    let Ok(Value::Object(object)) = serde_json::from_str(body) else {
        return Body::Unknown(describe(body));
    };
    let has_error =
        ["error", "errors"].iter().filter_map(|name| object.get(*name)).any(is_something)
            || object.get("success") == Some(&Value::Bool(false));
    match object.get("status") {
        Some(Value::String(status))
            if status.trim().eq_ignore_ascii_case("success") && !has_error =>
        {
            Body::Success
        }
        None if !has_error => Body::Unknown(describe(body)),
        _ => Body::Refusal(message(body)),
    }
}

/// The message in a body, or what else there is to see of it; printable and short.
pub(crate) fn message(body: &str) -> String {
    let body = bare(body);
    let Ok(Value::Object(object)) = serde_json::from_str(body) else { return describe(body) };
    let found = ["message", "error", "errors", "status"]
        .into_iter()
        .filter_map(|name| object.get(name))
        .find_map(|value| match value {
            Value::String(said) if !said.trim().is_empty() => Some(text::printable(said)),
            Value::Object(inner) => {
                inner.get("message").and_then(Value::as_str).map(text::printable)
            }
            value if is_something(value) => Some(text::printable(&value.to_string())),
            _ => None,
        });
    found.unwrap_or_else(|| describe(body))
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Bool(true) => true,
    }
}

/// A body that is no JSON object, in a few words.
fn describe(body: &str) -> String {
    if body.is_empty() {
        return "an empty body".to_owned();
    }
    let start = body.get(..body.len().min(512)).unwrap_or(body).to_ascii_lowercase();
    if start.starts_with("<!doctype") || start.contains("<html") || start.contains("<head") {
        return match TITLE.captures(body) {
            Some(title) => format!("an HTML page titled {}", text::quoted(&title[1])),
            None => "an HTML page".to_owned(),
        };
    }
    text::quoted(body)
}

fn bare(body: &str) -> &str {
    body.trim_start_matches('\u{FEFF}').trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Body {
        read(&Response { status: 200, body: text.to_owned(), ..Response::default() })
    }

    #[test]
    fn only_the_documented_acceptance_is_a_success() {
        assert_eq!(
            body(r#"{"message":"Request Received Successfully","status":"Success"}"#),
            Body::Success
        );
        assert_eq!(body("\u{FEFF} {\"status\":\"success\",\"error\":null}\n"), Body::Success);
        for refusal in [
            r#"{"status":"Error","message":"nope"}"#,
            r#"{"message":"nope","success":false}"#,
            r#"{"error":"nope"}"#,
            r#"{"status":"Success","error":{"message":"nope"}}"#,
            r#"{"status":"Success","status":"Error","message":"nope"}"#,
        ] {
            assert!(matches!(body(refusal), Body::Refusal(_)), "{refusal}");
        }
        for unknown in [
            "",
            "  ",
            "OK",
            "[]",
            "1",
            "{}",
            r#"{"message":"hello"}"#,
            "<html>",
            r#"{"status":"Suc"#,
        ] {
            assert!(matches!(body(unknown), Body::Unknown(_)), "{unknown}");
        }
    }

    #[test]
    fn a_message_is_found_wherever_it_stands() {
        assert_eq!(message(r#"{"message":"Invalid\u001b[31m JSON"}"#), "Invalid\u{FFFD}[31m JSON");
        assert_eq!(message(r#"{"error":{"message":"no"}}"#), "no");
        assert_eq!(message(r#"{"errors":["a","b"]}"#), r#"["a","b"]"#);
        assert_eq!(
            message("<!DOCTYPE html><head><title>Down for\nrepair</title>"),
            r#"an HTML page titled "Down for repair""#
        );
        assert_eq!(message("<html><TITLE class=a> \n</TITLE>"), "an HTML page");
        assert_eq!(message(" plain "), r#""plain""#);
        assert_eq!(message(""), "an empty body");
    }
}
