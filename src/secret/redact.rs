//! The forms in which a secret comes back in foreign text: escaped for URLs, JSON or HTML, or
//! within base64.
//!
//! Called once, when credentials are made; `Credentials::redact` then only searches.

/// `secret` (ASCII) and what it turns into when an answer repeats it in an escaped form.
pub(super) fn forms(secret: &str) -> Vec<String> {
    let escaped = |escape: fn(u8) -> Option<String>| -> String {
        secret
            .bytes()
            .map(|byte| escape(byte).unwrap_or_else(|| char::from(byte).to_string()))
            .collect()
    };
    let url_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let mut forms = vec![
        secret.to_owned(),
        escaped(|byte| matches!(byte, b'"' | b'\\').then(|| format!("\\{}", char::from(byte)))),
        // PHP's json_encode escapes the slash as well.
        escaped(|byte| {
            matches!(byte, b'"' | b'\\' | b'/').then(|| format!("\\{}", char::from(byte)))
        }),
        escaped(|byte| {
            let name = match byte {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                b'\'' => "&#039;",
                _ => return None,
            };
            Some(name.to_owned())
        }),
        secret
            .bytes()
            .map(|b| if url_safe(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect(),
        secret
            .bytes()
            .map(|b| if url_safe(b) { char::from(b).to_string() } else { format!("%{b:02x}") })
            .collect(),
    ];
    // Within a longer text base64 depends on where the secret starts, modulo 3; at the ends only
    // those characters are looked for that stand for the secret alone.
    for shift in 0..3 {
        let bytes: Vec<u8> = std::iter::repeat_n(0, shift).chain(secret.bytes()).collect();
        let own = (shift * 8).div_ceil(6)..bytes.len() * 8 / 6;
        if own.len() < 6 {
            continue;
        }
        let encoded = base64(&bytes)[own].to_owned();
        forms.push(encoded.replace('+', "-").replace('/', "_"));
        forms.push(encoded.replace('/', "\\/"));
        forms.push(encoded);
    }
    forms
}

/// `bytes` in base64 (RFC 4648, section 4) without padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .zip([16, 8, 0])
            .fold(0u32, |group, (&byte, shift)| group | u32::from(byte) << shift);
        for index in 0..=chunk.len() {
            encoded.push(char::from(LETTERS[(group >> (18 - 6 * index)) as usize & 63]));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(secret: &str, text: &str) -> bool {
        forms(secret).iter().any(|form| text.contains(form.as_str()))
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        for (text, encoded) in
            [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(text.as_bytes()), encoded);
        }
    }

    #[test]
    fn a_secret_is_found_in_each_escaped_form() {
        let secret = "K/e+y\"&'=1";
        for text in [
            "k=K/e+y\"&'=1;",
            r#"{"k":"K/e+y\"&'=1"}"#,
            r#"{"k":"K\/e+y\"&'=1"}"#,
            "k=K%2Fe%2By%22%26%27%3D1",
            "k=K%2fe%2by%22%26%27%3d1",
            "<b>K/e+y&quot;&amp;&#039;=1</b>",
        ] {
            assert!(holds(secret, text), "{text}");
        }
        assert!(!holds(secret, "another key"));
    }

    proptest! {
        #[test]
        fn a_secret_is_found_in_base64_wherever_it_starts(
            secret in "[!-~]{8,40}", before in "[ -~]{0,9}", after in "[ -~]{0,9}"
        ) {
            let answer = base64(format!("{before}{secret}{after}").as_bytes());
            prop_assert!(holds(&secret, &answer));
        }
    }
}
