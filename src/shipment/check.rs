//! Looks at a payload's values by the kind of their field, and warns of those that look wrong.
//!
//! A warning never blocks: the webhook documents no rule for them, and only a person knows whether
//! "N/A" is meant. Called once per shipment by `mapping`; allocates nothing but for a warning, and
//! compiles nothing.

use std::borrow::Cow;

use super::{Field, Kind, Payload, carrier, tracking};

/// Calls `warn` for each value that does not look like what its field holds, with the reason,
/// worded to follow the value: `is not a whole number`. Empty values are never warned of.
pub fn warnings(payload: &Payload, mut warn: impl FnMut(Field, Cow<'static, str>)) {
    for field in Field::all() {
        let kind = field.spec().kind;
        if kind == Kind::Text {
            continue;
        }
        let value = payload.value(field);
        if !value.is_empty()
            && let Some(reason) = trouble(kind, value)
        {
            warn(field, reason);
        }
    }
    if tracking::is_misprint(
        payload.value(Field::CARRIER_TYPE),
        payload.value(Field::TRACKINGNUMBER),
    ) {
        warn(
            Field::TRACKINGNUMBER,
            "has a wrong check digit for its carrier: is it copied right?".into(),
        );
    }
}

/// What is wrong with `value`, if something is; it is not empty.
fn trouble(kind: Kind, value: &str) -> Option<Cow<'static, str>> {
    let (fine, reason) = match kind {
        Kind::Text | Kind::Country => return None,
        Kind::Carrier => return carrier_trouble(value),
        Kind::DateTime => (is_date_time(value), "is not a date and time like 2026-12-31 18:30:00"),
        Kind::Email => (is_email(value), "does not look like one e-mail address"),
        Kind::Amount => (is_amount(value), "is not a plain amount like 12.50"),
        Kind::Count => (is_digits(value), "is not a whole number"),
        Kind::Url => (is_url(value), "is not a web address that starts with https:// or http://"),
        Kind::Phone | Kind::OrderNumber | Kind::TrackingNumber if is_scientific(value) => {
            (false, SHORTENED)
        }
        Kind::Phone => (
            value.bytes().any(|byte| byte.is_ascii_digit()),
            "has no digits, so it is no telephone number",
        ),
        Kind::PostalCode => (!is_scientific(value), SHORTENED),
        Kind::OrderNumber | Kind::TrackingNumber => (
            !ends_in_zeros(value, 16),
            "ends in zeros after its 15th digit, as a number does that a spreadsheet has rounded",
        ),
    };
    (!fine).then_some(Cow::Borrowed(reason))
}

/// What is odd about a carrier's name. The reason of an unknown one tells the nearest, but not the
/// name itself, so that the rows of a column that holds something else are one trouble.
fn carrier_trouble(value: &str) -> Option<Cow<'static, str>> {
    let Some(name) = carrier::fold(value) else {
        return Some(carrier::nearest(value).map_or(UNKNOWN.into(), |name| {
            format!(
                "is no carrier that lateship knows (did you mean {name}?); it is sent as it stands"
            )
            .into()
        }));
    };
    (name != value).then(|| {
        format!("is usually written {name}; lookup = \"carriers\" in the mapping does that").into()
    })
}

const UNKNOWN: &str = "is no carrier that lateship knows; it is sent as it stands";

const SHORTENED: &str = "is a number that a spreadsheet has shortened: export it again as text";

/// Whether `value` is a number as spreadsheets shorten it, `1.23E+17` or `5,43514E+11`: its digits
/// are lost.
///
/// Without the `+` only a mantissa with a fraction counts (`1.23E17`), for `7E12` may well be an
/// order's number.
pub fn is_scientific(value: &str) -> bool {
    let value = value.strip_prefix(['-', '+']).unwrap_or(value);
    if !value.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return false;
    }
    let Some(at) = value.bytes().position(|byte| matches!(byte, b'E' | b'e')) else { return false };
    let (mantissa, exponent) = (&value[..at], &value[at + 1..]);
    let (whole, fraction) =
        mantissa.split_once(['.', ',']).map_or((mantissa, None), |(a, b)| (a, Some(b)));
    let power = exponent.strip_prefix('+');
    is_digits(whole)
        && whole.len() <= 3
        && fraction.is_none_or(is_digits)
        && (power.is_some() || fraction.is_some())
        && is_digits(power.unwrap_or(exponent))
        && exponent.len() <= 4
}

/// Whether `value` is a number of 18 or more digits of which all after the 15th are zeros: a
/// spreadsheet keeps 15, and the others are lost.
pub fn is_rounded(value: &str) -> bool {
    ends_in_zeros(value, 18)
}

/// Whether `value` is all digits, so many at least, and all after the 15th are zeros.
fn ends_in_zeros(value: &str, digits: usize) -> bool {
    value.len() >= digits
        && is_digits(value)
        && value.as_bytes()[15..].iter().all(|&byte| byte == b'0')
}

fn is_digits(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_amount(value: &str) -> bool {
    let value = value.strip_prefix('-').unwrap_or(value);
    match value.bytes().position(|byte| byte == b'.') {
        None => is_digits(value),
        Some(at) => is_digits(&value[..at]) && is_digits(&value[at + 1..]),
    }
}

fn is_email(value: &str) -> bool {
    let bytes = value.as_bytes();
    let Some(at) = bytes.iter().position(|&byte| byte == b'@') else { return false };
    let (local, domain) = (&bytes[..at], &bytes[at + 1..]);
    let odd =
        |byte: &u8| *byte <= b' ' || matches!(byte, b'@' | b',' | b';' | b'<' | b'>' | b'"' | 0x7F);
    !local.is_empty()
        && local[0] != b'.'
        && local[at - 1] != b'.'
        && !local.iter().chain(domain).any(odd)
        && domain.contains(&b'.')
        && domain
            .split(|&byte| byte == b'.')
            .all(|label| !matches!(label, [] | [b'-', ..] | [.., b'-']))
}

fn is_url(value: &str) -> bool {
    let scheme =
        |scheme: &str| value.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme));
    let Some(start) = scheme("https://").or_else(|| scheme("http://")) else { return false };
    let host = value[start.len()..].split(['/', '?', '#']).next().unwrap_or("");
    !host.is_empty() && !value.bytes().any(|byte| byte <= b' ' || byte == 0x7F)
}

/// Whether `value` is a moment of the calendar in the form of the wire, `%Y-%m-%d %H:%M:%S`.
fn is_date_time(value: &str) -> bool {
    let bytes = value.as_bytes();
    if bytes.len() != 19 {
        return false;
    }
    let shaped = bytes.iter().zip(b"dddd-dd-dd dd:dd:dd").all(|(byte, form)| match form {
        b'd' => byte.is_ascii_digit(),
        form => byte == form,
    });
    let two = |at: usize| (bytes[at] - b'0') * 10 + (bytes[at + 1] - b'0');
    shaped && two(11) < 24 && two(14) < 60 && two(17) < 60 && {
        let year = u32::from(two(0)) * 100 + u32::from(two(2));
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match two(5) {
            2 => 28 + u8::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        (1..=days).contains(&two(8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a value of that field is warned of.
    fn warned(name: &str, value: &str) -> bool {
        let field = Field::by_name(name).expect("a field");
        let mut payload = Payload::default();
        payload.set(field, value);
        let mut found = Vec::new();
        warnings(&payload, |field, reason| found.push((field, reason)));
        assert!(found.iter().all(|(of, reason)| *of == field && !reason.is_empty()));
        !found.is_empty()
    }

    #[test]
    fn the_examples_of_the_table_and_empty_values_are_warned_of_never() {
        for spec in Field::TABLE {
            assert!(!warned(spec.name, spec.example), "{}", spec.name);
            assert!(!warned(spec.name, ""), "{}", spec.name);
        }
    }

    #[test]
    fn values_that_do_not_look_like_their_field_are_warned_of() {
        for (field, values) in [
            (
                "customer_email",
                &[
                    "ada",
                    "@example.com",
                    "ada@",
                    "ada@example",
                    "a@b.c, d@e.f",
                    "a b@c.d",
                    "a@-b.c",
                    "a@b..c",
                ][..],
            ),
            ("amount", &["12,50", "$12", "12.", ".5", "--1", "1e5", "NaN", "1.234.5"]),
            ("quantity", &["2.0", "-1", "two", "1,000"]),
            (
                "order_date",
                &[
                    "2026-02-29 00:00:00",
                    "2026-13-01 00:00:00",
                    "2026-01-00 00:00:00",
                    "2026-01-01",
                    "2026-01-01T00:00:00",
                    "2026-01-01 24:00:00",
                    "2026-01-01 00:60:00",
                    "2026-01-01 0é:00:0",
                ],
            ),
            (
                "image_url",
                &[
                    "www.example.com/a.jpg",
                    "ftp://example.com",
                    "https://",
                    "https:///a",
                    "http://a b",
                ],
            ),
            ("customer_phoneno", &["n/a", "5,43514E+11"]),
            ("shipping_zip", &["1.2E+05"]),
            ("trackingnumber", &["1.23E+17", "9400110000000000000000"]),
        ] {
            for value in values {
                assert!(warned(field, value), "{field}: {value}");
            }
        }
    }

    #[test]
    fn unusual_values_that_are_right_pass() {
        for (field, value) in [
            ("customer_email", "ada.b+shop@mail.example.co.uk"),
            ("customer_email", "jürgen@exämple.de"),
            ("amount", "-3.00"),
            ("amount", "0"),
            ("order_date", "2024-02-29 23:59:59"),
            ("image_url", "HTTP://shop.example.com?x=1"),
            ("customer_phoneno", "(030) 000-00 ext. 4"),
            ("shipping_zip", "SW1A 1AA"),
            ("trackingnumber", "9400110200881234567890"),
            ("trackingnumber", "1000000000"),
        ] {
            assert!(!warned(field, value), "{field}: {value}");
        }
    }

    /// The reasons for which a payload with these two values is warned of.
    fn reasons(carrier: &str, number: &str) -> Vec<(&'static str, String)> {
        let mut payload = Payload::default();
        payload.set(Field::CARRIER_TYPE, carrier);
        payload.set(Field::TRACKINGNUMBER, number);
        let mut found = Vec::new();
        warnings(&payload, |field, reason| found.push((field.name(), reason.into_owned())));
        found
    }

    #[test]
    fn an_unknown_carrier_is_sent_as_it_stands_and_the_one_that_may_be_meant_is_named() {
        let reason =
            |carrier| reasons(carrier, "").pop().map(|(_, reason)| reason).unwrap_or_default();
        assert_eq!(reason("Pigeon"), "is no carrier that lateship knows; it is sent as it stands");
        assert_eq!(
            reason("Fedx"),
            "is no carrier that lateship knows (did you mean FedEx?); it is sent as it stands"
        );
        assert_eq!(
            reason("ups ground"),
            "is usually written UPS; lookup = \"carriers\" in the mapping does that"
        );
        for carrier in ["UPS", "Other", "sync", "Yurtiçi Kargo", "Correos Chile", "4-72", ""] {
            assert_eq!(reason(carrier), "", "{carrier}");
        }
    }

    #[test]
    fn a_wrong_check_digit_is_told_where_the_stated_carrier_has_one() {
        let warned = |carrier, number| !reasons(carrier, number).is_empty();
        assert!(warned("UPS", "1Z999AA10123456785") && !warned("UPS", "1Z999AA10123456784"));
        assert!(warned("Royal Mail", "RB123456784GB"));
        for carrier in [
            "DHL",
            "Asendia",
            "Yanwen",
            "SF Express",
            "Landmark",
            "UPS Mail Innovations",
            "FedEx SmartPost",
        ] {
            assert!(
                !warned(carrier, "RB123456784GB") && !warned(carrier, "9400111206213642173008"),
                "{carrier}"
            );
        }
    }

    #[test]
    fn a_number_that_a_spreadsheet_shortened_is_known_by_its_shape() {
        for value in
            ["1.23E+17", "5,43514E+11", "1E+05", "1.23e+17", "1.23457E12", "-1.5E+10", "123.4E+15"]
        {
            assert!(is_scientific(value), "{value}");
        }
        for value in [
            "",
            "E",
            "E+05",
            "1E",
            "1E+",
            "7E12",
            "1.E+05",
            "1.2E-05",
            "12345E+10",
            "1Z999",
            "2E+05X",
            "1.2.3E+05",
            "1.5E+99999",
        ] {
            assert!(!is_scientific(value), "{value}");
        }
    }
}
