//! The body of a request as the webhook sees it: a JSON object of strings, three of which it needs.
//!
//! The three are borrowed from the body where they stand without escapes; the others are only
//! looked at, so that a request costs no allocation here.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// What the webhook needs of a payload. A field that is missing is empty; of one that stands twice
/// the last counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Essentials<'a> {
    pub(super) order_no: Cow<'a, str>,
    pub(super) trackingnumber: Cow<'a, str>,
    carrier_type: Cow<'a, str>,
}

impl<'a> Essentials<'a> {
    /// Reads a body; `None` unless it is a JSON object of strings and nothing else.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// Whether none of the three is empty.
    pub(super) fn is_complete(&self) -> bool {
        !(self.order_no.is_empty()
            || self.trackingnumber.is_empty()
            || self.carrier_type.is_empty())
    }
}

impl<'de> Deserialize<'de> for Essentials<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Essentials<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Essentials<'de>, A::Error> {
                let mut found = Essentials::default();
                while let Some(name) = map.next_key()? {
                    match name {
                        Name::OrderNo => found.order_no = map.next_value::<Text>()?.0,
                        Name::TrackingNumber => found.trackingnumber = map.next_value::<Text>()?.0,
                        Name::CarrierType => found.carrier_type = map.next_value::<Text>()?.0,
                        Name::Other => {
                            map.next_value::<AnyText>()?;
                        }
                    }
                }
                Ok(found)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A field's name, as far as it matters.
#[derive(Deserialize)]
#[serde(field_identifier)]
enum Name {
    #[serde(rename = "order_no")]
    OrderNo,
    #[serde(rename = "trackingnumber")]
    TrackingNumber,
    #[serde(rename = "carrier_type")]
    CarrierType,
    #[serde(other)]
    Other,
}

/// A string that is kept.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kept;

        impl<'de> Visitor<'de> for Kept {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Kept)
    }
}

/// A string that is not kept, and nothing but a string.
struct AnyText;

impl<'de> Deserialize<'de> for AnyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Passed;

        impl Visitor<'_> for Passed {
            type Value = AnyText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<AnyText, E> {
                Ok(AnyText)
            }
        }

        deserializer.deserialize_str(Passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_of_strings_is_read_without_copies() {
        let body = br#" {"order_no":"1001","product":"Caf\u00e9","trackingnumber":"1Z","carrier_type":"UPS"} "#;
        let order = Essentials::read(body).expect("the three");
        assert!(order.is_complete());
        assert!(matches!(order.order_no, Cow::Borrowed("1001")));
    }

    #[test]
    fn names_and_values_are_compared_as_what_their_escapes_mean() {
        let order = Essentials::read(
            br#"{"order\u005fno":"a\"b","trackingnumber":"t","carrier_type":"c"}"#,
        )
        .expect("the three");
        assert_eq!(order.order_no, r#"a"b"#);
    }

    #[test]
    fn each_of_the_three_fields_is_needed_and_the_last_of_two_counts() {
        let complete =
            |body: &str| Essentials::read(body.as_bytes()).map(|order| order.is_complete());
        assert_eq!(
            complete(r#"{"order_no":"1","trackingnumber":"2","carrier_type":"3"}"#),
            Some(true)
        );
        assert_eq!(
            complete(r#"{"order_no":"","trackingnumber":"2","carrier_type":"3"}"#),
            Some(false)
        );
        assert_eq!(complete(r#"{"order_no":"1","carrier_type":"3"}"#), Some(false));
        assert_eq!(complete(r#"{"order_no":"1","trackingnumber":"2"}"#), Some(false));
        assert_eq!(complete("{}"), Some(false));
        assert_eq!(
            complete(r#"{"order_no":"1","trackingnumber":"2","carrier_type":"3","order_no":""}"#),
            Some(false)
        );
    }

    #[test]
    fn anything_but_an_object_of_strings_is_invalid() {
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
            assert_eq!(Essentials::read(body.as_bytes()), None, "{body}");
        }
        assert_eq!(Essentials::read(b"{\"product\":\"\xe9\"}"), None, "Latin-1");
    }
}
