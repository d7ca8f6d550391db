//! One request and its response: the interface between the engine and the network.
//!
//! The engine knows only [`Transport`]. `transport.rs` implements it over HTTP; tests implement it
//! with scripted responses.

use std::sync::Arc;

/// Bytes of a response's body that are read at most.
pub const MAX_BODY: usize = 64 * 1024;

/// A response whose status line, headers and body (up to [`MAX_BODY`]) arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The `Retry-After` header, unparsed.
    pub retry_after: Option<String>,
    /// The `Date` header, unparsed; read only beside a `Retry-After`.
    pub date: Option<String>,
    /// The `Location` header, unparsed.
    pub location: Option<String>,
    /// The body, decoded as UTF-8 with replacement, with secrets redacted.
    pub body: String,
    /// Whether the body is longer than [`MAX_BODY`].
    pub truncated: bool,
}

/// Why there is no complete response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportError {
    /// No connection to the endpoint: the request was certainly not sent.
    Unreachable {
        /// Whether the host name could not be resolved.
        dns: bool,
        /// What went wrong, for an operator.
        detail: String,
    },
    /// The request was sent, completely or in part, and no complete response arrived: the shipment
    /// may have been accepted.
    ResponseLost {
        /// The status, where at least the head of the response arrived.
        status: Option<u16>,
        /// Whether a timeout ended the wait.
        timed_out: bool,
        /// What went wrong, for an operator.
        detail: String,
    },
    /// No request can succeed from this machine (an invalid certificate, a proxy that wants a
    /// login): the request was certainly not sent.
    Fatal {
        /// What went wrong, for an operator.
        detail: String,
    },
}

/// Sends one request with a body and waits for the response.
#[expect(async_fn_in_trait, reason = "everything runs on one thread")]
pub trait Transport {
    /// Sends `body` once. Never repeats, never follows a redirect, ends within its timeouts.
    async fn send(&self, body: Arc<[u8]>) -> Result<Response, TransportError>;
}
