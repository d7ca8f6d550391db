//! One request and what came of it: the seam between the engine and the wire.
//!
//! The engine knows only [`Transport`]; the real one speaks HTTP (`transport.rs`), tests put a
//! scripted one here.

use std::future::Future;
use std::sync::Arc;

/// The most bytes of an answer's body that are read.
pub const MAX_BODY: usize = 64 * 1024;

/// An answer of which the status line and the headers arrived, and the body as far as it is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The `Retry-After` header as it came.
    pub retry_after: Option<String>,
    /// The `Date` header as it came.
    pub date: Option<String>,
    /// The `Location` header as it came.
    pub location: Option<String>,
    /// The body, decoded as UTF-8 with replacement, without secrets.
    pub body: String,
    /// Whether the body went on beyond [`MAX_BODY`] bytes.
    pub endless: bool,
}

/// Why no whole answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The endpoint could not be reached: surely nothing was sent.
    Unreachable {
        /// Whether it is the host's name that could not be resolved.
        name: bool,
        /// What went wrong, for a person.
        detail: String,
    },
    /// The request left, wholly or in part, and no whole answer came back: it may have been
    /// accepted.
    Lost {
        /// The status, where at least the head of the answer arrived.
        status: Option<u16>,
        /// What went wrong, for a person.
        detail: String,
    },
    /// No request can succeed from here (a bad certificate, a proxy that wants a login): surely
    /// nothing was sent.
    Barred {
        /// What went wrong, for a person.
        detail: String,
    },
}

/// Sends one request with this body and waits for its answer.
pub trait Transport {
    /// Sends `body` once; never repeats, never follows a redirect, ends within its time-outs.
    fn send(&self, body: Arc<[u8]>) -> impl Future<Output = Result<Reply, Trouble>>;
}
