//! Where shipments are sent: a web address that was judged once and is safe to send secrets to.
//!
//! Everything is decided on the parsed address, never on its text:
//! `http://127.0.0.1@shop.example.com` names `shop.example.com`. Made from what the user typed
//! (flag or environment); `delivery` sends there, messages and results show it without its query,
//! which may hold a key.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

use crate::text;

/// LateShipment.com's custom-store webhook.
pub const DEFAULT_ENDPOINT: &str = "https://smart.lateshipment.com/Genericwebhook/webhookapi.php";

/// An address to which credentials may be sent: `https`, or `http` on this very machine.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    url: Url,
}

/// Why an address cannot be an endpoint. The address itself is never shown: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It does not begin with a scheme that is known, or is no address at all.
    #[error("expected a web address like {DEFAULT_ENDPOINT} ({0})")]
    NotAnAddress(String),
    /// A scheme other than `https` and `http`.
    #[error("expected an address that starts with https://, not {}://", text::printable(.0))]
    Scheme(String),
    /// `http` to another machine: the API key would travel readable for everybody.
    #[error("expected https://: plain http would show the API key to everybody on the way to {}", text::printable(.0))]
    Plain(String),
    /// A user name or a password before the host.
    #[error(
        "expected an address without user name and password (the part before @); credentials are given apart"
    )]
    UserInfo,
    /// A `#…` at the end, which is never sent.
    #[error("expected an address without a # part, which would not be sent")]
    Fragment,
    /// A line break, a tab or another control character within.
    #[error("expected an address without spaces, line breaks and control characters")]
    ControlCharacter,
}

impl Endpoint {
    /// Whether it is this very machine: 127.0.0.0/8, `::1` or `localhost`.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// The whole address, query included: to send to, never to show.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The address as it may be shown and written down: without its query.
    pub fn shown(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        text::printable(url.as_str())
    }

    /// The host, with its port where it is not the scheme's own: `smart.lateshipment.com`,
    /// `127.0.0.1:8089`.
    pub fn authority(&self) -> String {
        text::printable(self.url.authority())
    }
}

impl Default for Endpoint {
    /// [`DEFAULT_ENDPOINT`].
    fn default() -> Self {
        DEFAULT_ENDPOINT
            .parse()
            .expect("the webhook's address is https and has a host; a test holds it")
    }
}

impl FromStr for Endpoint {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        let text = text.trim();
        // The parser drops tabs and line breaks in silence: what was typed and where it goes would
        // differ.
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(Unusable::ControlCharacter);
        }
        let url = Url::parse(text).map_err(|error| Unusable::NotAnAddress(error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Unusable::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(Unusable::Fragment);
        }
        match url.scheme() {
            "https" => Ok(Self { url }),
            "http" if is_loopback(&url) => Ok(Self { url }),
            "http" => Err(Unusable::Plain(url.host_str().unwrap_or_default().to_owned())),
            other => Err(Unusable::Scheme(other.to_owned())),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.shown())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.shown()).finish()
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_webhook_over_https() {
        let endpoint = Endpoint::default();
        assert_eq!(endpoint.shown(), DEFAULT_ENDPOINT);
        assert_eq!(endpoint.authority(), "smart.lateshipment.com");
        assert!(!endpoint.is_loopback());
    }

    #[test]
    fn https_goes_anywhere_and_http_only_to_this_machine() {
        for (text, loopback) in [
            ("https://shop.example.com/hook", false),
            ("https://localhost:8443/", true),
            ("http://127.0.0.1:8089/hook", true),
            ("http://127.9.9.9/", true),
            ("http://127.1/", true),
            ("http://2130706433/", true),
            ("http://LOCALHOST/", true),
            ("http://[::1]:8080/", true),
            ("https://bücher.example/", false),
            (" https://shop.example.com/\n", false),
        ] {
            let endpoint: Endpoint = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(endpoint.is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn loopback_is_judged_on_the_parsed_host_alone() {
        for text in [
            "http://shop.example.com/",
            "http://localhost.evil.example/",
            "http://127.0.0.1.evil.example/",
            "http://128.0.0.1/",
            "http://0.0.0.0/",
            "http://[::2]/",
            "http://10.0.0.1/",
            "http://evil.example/?host=127.0.0.1",
            "http://evil.example\\@127.0.0.1/",
        ] {
            assert!(matches!(text.parse::<Endpoint>(), Err(Unusable::Plain(_))), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_or_holds_more_than_one_is_refused() {
        let reasons: Vec<Unusable> = [
            "http://127.0.0.1@evil.example/",
            "https://user:pass@shop.example.com/",
            "https://shop.example.com/#top",
            "ftp://shop.example.com/",
            "https://shop.exam\tple.com/",
            "https://shop.example.com/a b",
        ]
        .into_iter()
        .map(|text| text.parse::<Endpoint>().expect_err(text))
        .collect();
        assert_eq!(
            reasons,
            [
                Unusable::UserInfo,
                Unusable::UserInfo,
                Unusable::Fragment,
                Unusable::Scheme("ftp".to_owned()),
                Unusable::ControlCharacter,
                Unusable::ControlCharacter,
            ]
        );
        for text in ["", "shop.example.com/hook", "/hook", "https://", "https://shop example/"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_query_is_sent_but_never_shown() {
        let endpoint: Endpoint =
            "https://bücher.example/hook?key=SECRETKEY".parse().expect("an endpoint");
        assert_eq!(endpoint.url().query(), Some("key=SECRETKEY"));
        for shown in
            [endpoint.shown(), endpoint.to_string(), format!("{endpoint:?}"), endpoint.authority()]
        {
            assert!(!shown.contains("SECRETKEY"), "{shown}");
        }
        assert_eq!(endpoint.shown(), "https://xn--bcher-kva.example/hook");
    }

    #[test]
    fn no_refusal_shows_a_password() {
        for text in [
            "https://user:hunter2@shop.example.com/",
            "hunter2",
            "ftp://u:hunter2@x.example/",
            "https://:hunter2@",
        ] {
            let refusal = text.parse::<Endpoint>().expect_err(text);
            assert!(!format!("{refusal} {refusal:?}").contains("hunter2"), "{refusal}");
        }
    }
}
