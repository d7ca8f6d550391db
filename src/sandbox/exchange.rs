//! One request and its answer.
//!
//! A request is read whole, judged, counted and logged, and only then waits for its latency: a client that gives up
//! waiting doesn't undo an acceptance, here as on a real server.

use std::sync::Arc;
use std::time::Instant;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use xxhash_rust::xxh3::xxh3_128;

use super::answer::Answer;
use super::body::Essentials;
use super::counts::Meter;
use super::dice::{Dice, Fate};
use super::line::Cut;
use super::log::{Entry, Log};
use super::server::PATH;

/// The largest body that is looked at, in bytes; a payload has some hundreds.
const MAX_BODY: usize = 1 << 20;

/// What all exchanges of a sandbox share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) meter: Meter,
    pub(super) dice: Dice,
    pub(super) log: Option<Log>,
    /// E-mail and API key, where they are to be compared.
    pub(super) credentials: Option<(String, String)>,
}

/// Answers a request, or orders the cut of its connection and answers into the void.
pub(super) async fn exchange(
    shared: Arc<Shared>,
    cut: Arc<Cut>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let now = Instant::now();
    let _in_flight = shared.meter.begin(now);
    let (head, body) = request.into_parts();
    let body = read(body).await?;

    let (answer, is_reset) = match (misplaced(&head), &body) {
        (Some(answer), _) => (Some(answer), false),
        (None, None) => (Some(Answer::TooLarge), false),
        (None, Some(_)) if !shared.meter.passes(now) => (Some(Answer::Throttled), false),
        (None, Some(body)) => match shared.dice.fate() {
            Fate::Answer => (Some(shared.judge(&head.headers, body)), false),
            Fate::Fail => (Some(Answer::Failed), false),
            Fate::Throttle => (Some(Answer::Throttled), false),
            Fate::Reset { seen: true } => (Some(shared.judge(&head.headers, body)), true),
            Fate::Reset { seen: false } => (None, true),
        },
    };
    let is_accepted = answer == Some(Answer::Accepted);
    shared.log(answer, !is_reset, body.as_deref().unwrap_or_default());
    let answer = answer.unwrap_or(Answer::Failed);
    if is_reset {
        shared.meter.reset(is_accepted);
    } else {
        shared.meter.answered(answer.status(), is_accepted);
    }

    let delay = shared.dice.delay();
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    if is_reset {
        cut.after(0);
    }
    Ok(answer.response())
}

/// Reads a body; `None` when it is larger than [`MAX_BODY`]. It is read to its end all the same: closing a connection
/// with bytes unread would take the answer away from the client.
async fn read(mut body: Incoming) -> Result<Option<Bytes>, hyper::Error> {
    let mut whole = Some(Bytes::new());
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame?.into_data() else { continue };
        whole = match whole {
            Some(so_far) if so_far.len() + piece.len() > MAX_BODY => None,
            // A payload comes in one piece, as a rule, and is then not copied.
            Some(so_far) if so_far.is_empty() => Some(piece),
            Some(so_far) => Some([so_far, piece].concat().into()),
            None => None,
        };
        if body.is_end_stream() {
            break;
        }
    }
    Ok(whole)
}

/// The answer to a request that is not for the webhook.
fn misplaced(head: &Parts) -> Option<Answer> {
    if head.uri.path() != PATH {
        Some(Answer::NotFound)
    } else if head.method != Method::POST {
        Some(Answer::NotAllowed)
    } else {
        None
    }
}

impl Shared {
    /// The webhook's own checks, in its order.
    fn judge(&self, headers: &HeaderMap, body: &[u8]) -> Answer {
        if !headers.get(CONTENT_TYPE).is_some_and(is_json) {
            return Answer::WrongContentType;
        }
        let given = |name| headers.get(name).map_or(&b""[..], |value| value.as_bytes().trim_ascii());
        let (email, key) = (given("x-auth-email"), given("x-auth-key"));
        if email.is_empty() || key.is_empty() {
            return Answer::NoCredentials;
        }
        if self
            .credentials
            .as_ref()
            .is_some_and(|(wanted, secret)| wanted.as_bytes() != email || secret.as_bytes() != key)
        {
            return Answer::WrongCredentials;
        }
        match Essentials::read(body) {
            None => Answer::InvalidJson,
            Some(found) if found.is_complete() => Answer::Accepted,
            Some(_) => Answer::FieldsEmpty,
        }
    }

    fn log(&self, answer: Option<Answer>, answered: bool, body: &[u8]) {
        let Some(log) = &self.log else { return };
        let found = Essentials::read(body).unwrap_or_default();
        let entry = Entry {
            time_us: Entry::now_us(),
            order_no: found.order_no.into_owned(),
            trackingnumber: found.trackingnumber.into_owned(),
            status: answer.map(Answer::status),
            answered,
            payload: format!("{:032x}", xxh3_128(body)),
        };
        if log.write(&entry).is_err() {
            self.meter.log_line_lost();
        }
    }
}

/// Whether a `Content-Type` says `application/json`, with or without parameters.
fn is_json(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    let essence = bytes.split(|&byte| byte == b';').next().unwrap_or(bytes);
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}
