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
    CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue, LOCATION,
    RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Url};

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
#[error("cannot set up HTTPS: {0}")]
pub struct HttpError(String);

impl Http {
    /// A client for `endpoint` that sends these credentials, within the timeouts and the concurrency
    /// of `limits`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(
        endpoint: &Endpoint,
        credentials: Credentials,
        limits: &Limits,
    ) -> Result<Self, HttpError> {
        let headers = headers(&credentials).map_err(|error| HttpError(error.to_string()))?;
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
        let client = client.map_err(|error| HttpError(innermost(&error)))?;
        Ok(Self { client, url, credentials })
    }

    /// What of a response is wanted, or why it is not complete.
    async fn read(&self, mut response: reqwest::Response) -> Result<Response, TransportError> {
        let status = response.status().as_u16();
        let header = |name: HeaderName| Some(self.decode(response.headers().get(name)?.as_bytes()));
        let (retry_after, location) = (header(RETRY_AFTER), header(LOCATION));
        let date = retry_after.as_ref().and_then(|_| header(DATE));
        let mut body = Vec::new();
        let lost = |error| self.response_lost(Some(status), &error, "within the answer");
        while body.len() <= MAX_BODY
            && let Some(chunk) = response.chunk().await.map_err(lost)?
        {
            body.extend_from_slice(&chunk);
        }
        let truncated = body.len() > MAX_BODY;
        body.truncate(MAX_BODY);
        let body = self.decode(&body);
        Ok(Response { status, retry_after, date, location, body, truncated })
    }

    /// Foreign text with every secret in it covered: an endpoint that echoes its request must not
    /// put the key into a file.
    fn decode(&self, foreign: &[u8]) -> String {
        self.credentials.redact(&String::from_utf8_lossy(foreign))
    }

    fn error(&self, error: &reqwest::Error) -> TransportError {
        let bad_certificate = causes(error)
            .filter_map(|cause| cause.downcast_ref::<rustls::Error>())
            .find(|cause| matches!(cause, rustls::Error::InvalidCertificate(_)));
        // hyper-util keeps the type of a tunnel's error to itself; its words are all there is.
        let wants_login = |cause: Cause| cause.to_string().contains("proxy authorization required");
        if let Some(reason) = bad_certificate {
            let (host, reason) = (self.host(), text::printable(&reason.to_string()));
            let detail = format!("the certificate of {host} is not valid: {reason}");
            TransportError::Fatal { detail }
        } else if causes(error).any(wants_login) {
            let detail = "the proxy on the way asks for a login (HTTP 407)".to_owned();
            TransportError::Fatal { detail }
        } else if error.is_connect() || error.is_dns() || error.is_builder() {
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
        let io_errors = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>());
        match io_errors.map(io::Error::kind).last() {
            Some(io::ErrorKind::ConnectionRefused) => {
                let port = self.url.port_or_known_default().unwrap_or_default();
                format!("{}:{port} refuses connections", self.host())
            }
            Some(io::ErrorKind::ConnectionReset) => format!("the connection was reset {when}"),
            Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) => {
                format!("no network route to {}", self.host())
            }
            _ => {
                let cause = self.credentials.redact(&innermost(error));
                format!("{} ({when})", text::printable(&cause))
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

fn headers(credentials: &Credentials) -> Result<HeaderMap, InvalidHeaderValue> {
    let mut headers = HeaderMap::new();
    let Credentials { email, api_key, .. } = credentials;
    for (name, secret) in [("x-auth-email", email), ("x-auth-key", api_key)] {
        let mut value = HeaderValue::from_str(secret.expose())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(headers)
}

fn bundled_roots() -> Result<Vec<Certificate>, reqwest::Error> {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    roots.map(|root| Certificate::from_der(root)).collect()
}

type Cause<'a> = &'a (dyn std::error::Error + 'static);

/// The causes behind an error, without the outermost: reqwest's own sentence names the URL with its
/// query. An I/O error does not count the error it was made of among its sources.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = Cause<'_>> {
    std::iter::successors(error.source(), |&cause: &Cause| {
        let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map_or_else(|| cause.source(), |wrapped| Some(wrapped))
    })
}

fn innermost(error: &reqwest::Error) -> String {
    causes(error).last().map_or_else(|| "unknown cause".to_owned(), ToString::to_string)
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
        assert_eq!(http().decode(b"you sent SECRETKEY-7f3a!"), "you sent (redacted)!");
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
