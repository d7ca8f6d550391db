//! The real transport: one HTTP POST per call, through reqwest. The only file that knows HTTP.
//!
//! The client is built so that attempts are ours alone to count and secrets go nowhere else: no
//! redirects, no repeats of its own, no referrer, no compression, HTTP/1.1 with connections kept
//! for less time than the usual server does, no proxy for a loopback endpoint, bodies read up to a
//! bound. Where the machine has no CA certificates the bundled roots of Mozilla's programme stand
//! in.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{
    CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Url};

use super::response_body::ACCEPTANCE;
use super::{MAX_BODY, Response, Transport, TransportError};
use crate::endpoint::Endpoint;
use crate::limits::Limits;
use crate::secret::Credentials;
use crate::text;

/// How long an idle connection is kept; shorter than Apache's 5 s, for a request on a connection
/// that the server is just closing costs a lost answer.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(3);

/// How the endpoint is reached.
#[derive(Debug)]
pub struct Http {
    client: Client,
    url: Url,
    credentials: Credentials,
}

/// Why no HTTP client could be made.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// A credential has characters that a header cannot hold.
    #[error("the {0} cannot stand in a header")]
    Credential(&'static str),
    /// The TLS library or the resolver could not be set up.
    #[error("cannot set up HTTPS: {0}")]
    Client(String),
}

impl Http {
    /// A client for `endpoint` that sends these credentials, within the time-outs and the concurrency of
    /// `limits`.
    ///
    /// # Errors
    /// When a credential does not fit a header, or TLS cannot be set up.
    pub fn new(
        endpoint: &Endpoint,
        credentials: Credentials,
        limits: &Limits,
    ) -> Result<Self, HttpError> {
        let headers = headers(&credentials)?;
        let (url, loopback) = (endpoint.url().clone(), endpoint.is_loopback());
        let builder = || {
            let builder = Client::builder()
                .default_headers(headers.clone())
                .user_agent(concat!("lateship/", env!("CARGO_PKG_VERSION")))
                .redirect(Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .http1_only()
                .https_only(!loopback)
                .timeout(limits.timeout)
                .connect_timeout(limits.connect_timeout)
                .pool_idle_timeout(POOL_IDLE_TIMEOUT)
                .pool_max_idle_per_host(limits.concurrency.get())
                .tcp_nodelay(true);
            if loopback { builder.no_proxy() } else { builder }
        };
        let client =
            builder().build().or_else(|_| builder().tls_certs_only(bundled_roots()?).build());
        let client = client.map_err(|error| HttpError::Client(chain(&error)))?;
        Ok(Self { client, url, credentials })
    }

    /// What of an answer is wanted, or why it is not whole.
    async fn read(&self, mut response: reqwest::Response) -> Result<Response, TransportError> {
        let status = response.status().as_u16();
        // What is accepted is not put off or sent elsewhere, so its headers say nothing.
        let is_telling = !response.status().is_success();
        let header = |name: HeaderName| {
            let value = response.headers().get(name).filter(|_| is_telling)?;
            Some(self.without_secrets(&String::from_utf8_lossy(value.as_bytes())))
        };
        let mut reply = Response {
            status,
            retry_after: header(RETRY_AFTER),
            date: header(DATE),
            location: header(LOCATION),
            ..Response::default()
        };
        let mut body = Vec::new();
        let lost = |error| self.response_lost(Some(status), &error, "within the answer");
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BODY {
                body.truncate(MAX_BODY);
                reply.truncated = true;
                break;
            }
        }
        reply.body = if body == ACCEPTANCE.as_bytes() {
            ACCEPTANCE.to_owned()
        } else {
            self.without_secrets(&String::from_utf8_lossy(&body))
        };
        Ok(reply)
    }

    /// Foreign text with every secret in it covered: an endpoint that echoes its request must not
    /// put the key into a file.
    fn without_secrets(&self, foreign: &str) -> String {
        self.credentials.redact(foreign)
    }

    fn error(&self, error: &reqwest::Error) -> TransportError {
        let fatal = |detail| TransportError::Fatal { detail };
        if let Some(reason) = certificate(error) {
            let (host, reason) = (self.host(), text::printable(&reason));
            fatal(format!("the certificate of {host} is not valid: {reason}"))
        } else if wants_proxy_login(error) {
            fatal("the proxy on the way asks for a login (HTTP 407)".to_owned())
        } else if error.is_builder() {
            fatal(format!("the request cannot be made: {}", self.explain(error, "")))
        } else if error.is_connect() || error.is_dns() {
            let detail = self.explain(error, "while connecting");
            TransportError::Unreachable { dns: error.is_dns(), detail }
        } else {
            self.response_lost(None, error, "while waiting for the answer")
        }
    }

    fn response_lost(
        &self,
        status: Option<u16>,
        error: &reqwest::Error,
        when: &str,
    ) -> TransportError {
        let detail = self.explain(error, when);
        TransportError::ResponseLost { status, timed_out: error.is_timeout(), detail }
    }

    fn host(&self) -> String {
        text::printable(self.url.host_str().unwrap_or_default())
    }

    /// What went wrong, in plain words where the cause is a common one.
    fn explain(&self, error: &reqwest::Error, when: &str) -> String {
        if error.is_dns() {
            return format!("the host name {} cannot be resolved", text::quoted(&self.host()));
        }
        if error.is_timeout() {
            return format!("timed out {when}");
        }
        match io_kind(error) {
            Some(io::ErrorKind::ConnectionRefused) => {
                let port = self.url.port_or_known_default().unwrap_or_default();
                format!("{}:{port} refuses connections", self.host())
            }
            Some(io::ErrorKind::ConnectionReset) => format!("the connection was reset {when}"),
            Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) => {
                format!("no network route to {}", self.host())
            }
            _ => {
                let cause = text::printable(&self.without_secrets(&chain(error)));
                if when.is_empty() { cause } else { format!("{cause} ({when})") }
            }
        }
    }
}

impl Transport for Http {
    async fn send(&self, body: Arc<[u8]>) -> Result<Response, TransportError> {
        let request = self.client.post(self.url.clone()).body(Bytes::from_owner(body));
        match request.send().await {
            Ok(response) => self.read(response).await,
            Err(error) => Err(self.error(&error)),
        }
    }
}

fn headers(credentials: &Credentials) -> Result<HeaderMap, HttpError> {
    let mut headers = HeaderMap::new();
    let Credentials { email, api_key, .. } = credentials;
    for (name, secret, what) in
        [("x-auth-email", email, "e-mail"), ("x-auth-key", api_key, "API key")]
    {
        let mut value =
            HeaderValue::from_str(secret.expose()).map_err(|_| HttpError::Credential(what))?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(name), value);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(headers)
}

fn bundled_roots() -> Result<Vec<Certificate>, reqwest::Error> {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    roots.map(|root| Certificate::from_der(root)).collect()
}

/// The causes behind an error, outermost left out: reqwest's own sentence names the URL with its
/// query.
fn causes<'a>(
    error: &'a reqwest::Error,
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |&cause: &&'a (dyn std::error::Error + 'static)| {
        cause.source()
    })
}

fn chain(error: &reqwest::Error) -> String {
    causes(error).last().map_or_else(|| "unknown cause".to_owned(), ToString::to_string)
}

fn io_kind(error: &reqwest::Error) -> Option<io::ErrorKind> {
    causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind).last()
}

fn certificate(error: &reqwest::Error) -> Option<String> {
    causes(error)
        .flat_map(within)
        .filter_map(|cause| cause.downcast_ref::<rustls::Error>())
        .find(|cause| matches!(cause, rustls::Error::InvalidCertificate(_)))
        .map(ToString::to_string)
}

/// A cause and what it wraps: an I/O error does not count the error it was made of among its
/// causes.
fn within<'a>(
    cause: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(cause), |cause| {
        let wrapped: &'a (dyn std::error::Error + 'static) =
            cause.downcast_ref::<io::Error>()?.get_ref()?;
        Some(wrapped)
    })
}

/// hyper-util keeps the type of a tunnel's error to itself, so its words are all there is to know
/// it by.
fn wants_proxy_login(error: &reqwest::Error) -> bool {
    causes(error).any(|cause| cause.to_string().contains("proxy authorization required"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn http() -> Http {
        let endpoint: Endpoint = "http://127.0.0.1:9/".parse().expect("an endpoint");
        let secret = |text| Secret::new(text).expect("a secret");
        let credentials = Credentials::new(secret("ops@example.com"), secret("SECRETKEY-7f3a"));
        Http::new(&endpoint, credentials, &Limits::default()).expect("a client")
    }

    #[test]
    fn the_key_shows_in_no_debug_output_of_the_client() {
        assert!(!format!("{:?}", http().client).contains("SECRETKEY-7f3a"));
    }

    #[test]
    fn an_echoed_key_is_covered() {
        assert_eq!(http().without_secrets("you sent SECRETKEY-7f3a!"), "you sent (redacted)!");
    }

    #[tokio::test]
    async fn a_refused_connection_is_surely_not_sent() {
        let trouble = http().send(Arc::from(&b"{}"[..])).await.expect_err("port 9 refuses");
        assert_eq!(
            trouble,
            TransportError::Unreachable {
                dns: false,
                detail: "127.0.0.1:9 refuses connections".to_owned()
            }
        );
    }
}
