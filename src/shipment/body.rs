//! A payload as the JSON that goes over the wire.

use super::{Field, Payload};

/// How a payload is written: which names, and whether empty values stand in it. Fixed once per run.
#[derive(Debug, Clone)]
pub struct Wire {
    /// For each field its name as JSON with the colon: `"order_no":`.
    keys: [String; Field::COUNT],
    send_empty: bool,
}

impl Wire {
    /// The webhook's own spelling, but for the fields in `rename`; `send_empty` sends fields
    /// without a value as `""`.
    pub fn new(send_empty: bool, rename: &[(Field, String)]) -> Self {
        let keys = std::array::from_fn(|index| {
            let own = Field::TABLE[index].name;
            let name = rename
                .iter()
                .find(|(field, _)| field.index() == index)
                .map_or(own, |(_, name)| name);
            let mut key = Vec::with_capacity(name.len() + 3);
            push_json_string(&mut key, name);
            key.push(b':');
            String::from_utf8_lossy(&key).into_owned()
        });
        Self { keys, send_empty }
    }

    /// Writes `payload` behind what `body` already holds: one JSON object, all values strings,
    /// fields in table order.
    pub fn encode(&self, payload: &Payload, body: &mut Vec<u8>) {
        body.push(b'{');
        let mut first = true;
        for field in Field::all() {
            let value = payload.value(field);
            if value.is_empty() && !self.send_empty {
                continue;
            }
            if !first {
                body.push(b',');
            }
            first = false;
            body.extend_from_slice(self.keys[field.index()].as_bytes());
            push_json_string(body, value);
        }
        body.push(b'}');
    }
}

/// Writes `text` as a JSON string (RFC 8259, section 7): quotes, backslashes and control characters
/// escaped, the rest as it is.
fn push_json_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = to_escape(rest) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// The place of the first byte that a JSON string cannot hold as it is. Eight bytes at a time:
/// values are short, and few hold such a byte.
fn to_escape(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const QUOTES: u64 = ONES * b'"' as u64;
    const BACKSLASHES: u64 = ONES * b'\\' as u64;
    // The high bit of each byte that is zero; bytes above one that is may be taken for zero too,
    // which the first is not.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let (words, last) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = control | zeros(word ^ QUOTES) | zeros(word ^ BACKSLASHES);
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let place = last.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\')?;
    Some(words.len() * 8 + place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_becomes_json_that_reads_back_as_the_same_text(text in any::<String>()) {
            let mut out = Vec::new();
            push_json_string(&mut out, &text);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).ok(), Some(text));
        }

        #[test]
        fn the_first_byte_to_be_escaped_is_found_wherever_it_stands(text in "[a\"\\\\\u{0}-\u{21}é\u{7f}]{0,40}") {
            let one_by_one = text.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\');
            prop_assert_eq!(to_escape(text.as_bytes()), one_by_one);
        }
    }

    #[test]
    fn empty_values_are_left_out_or_sent_as_the_wire_says_and_names_can_be_changed() {
        let mut payload = Payload::default();
        payload.set(Field::ORDER_NO, "1001");
        payload.set(Field::TRACKINGNUMBER, "");
        let mut body = Vec::new();
        Wire::new(false, &[(Field::ORDER_NO, "order \"no\"".to_owned())])
            .encode(&payload, &mut body);
        assert_eq!(String::from_utf8_lossy(&body), r#"{"order \"no\"":"1001"}"#);

        body.clear();
        Wire::new(true, &[]).encode(&payload, &mut body);
        let sent: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&body).expect("a JSON object");
        assert_eq!(sent.len(), Field::COUNT);
        assert!(sent.values().all(serde_json::Value::is_string));
    }
}
