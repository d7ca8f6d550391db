//! A payload as JSON for people, in the order of the wire; harmless to a terminal and still the
//! same JSON.

use std::fmt::{self, Write as _};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::text;

/// The body of a request over several lines.
pub(super) fn payload(body: &[u8]) -> String {
    let Some(Members(members)) = Members::of(body) else {
        // A body is made by this program from a map of strings; should that ever change, it is
        // shown as it is.
        return format!("{}\n", text::printable(&String::from_utf8_lossy(body)));
    };
    let lines: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("  {}: {}", string(name), string(value)))
        .collect();
    if lines.is_empty() { "{}\n".to_owned() } else { format!("{{\n{}\n}}\n", lines.join(",\n")) }
}

/// A JSON string in which everything that a terminal could obey is escaped.
fn string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            _ if text::is_unprintable(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    _ = write!(quoted, "\\u{unit:04x}");
                }
            }
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The members of an object in their order, which a map would lose.
pub(super) struct Members(pub(super) Vec<(String, String)>);

impl Members {
    /// Those of a request's body.
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_keeps_its_order_and_its_meaning_and_holds_no_escape() {
        let body = r#"{"order_no":"1","amount":"a\u001b\"\\\u202eZürich\n"}"#;
        let shown = payload(body.as_bytes());
        assert_eq!(
            shown,
            "{\n  \"order_no\": \"1\",\n  \"amount\": \"a\\u001b\\\"\\\\\\u202eZürich\\u000a\"\n}\n"
        );
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(value(&shown), value(body));
        assert_eq!(payload(b"{}"), "{}\n");
    }
}
