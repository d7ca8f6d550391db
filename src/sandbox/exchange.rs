//! One request and its answer.
//!
//! A request is read whole, judged, counted and logged, and only then waits for its latency: a
//! client that gives up waiting doesn't undo an acceptance, here as on a real server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use xxhash_rust::xxh3::xxh3_128;

use super::answer::Answer;
use super::body::Essentials;
use super::counts::Meter;
use super::course::{Course, Way};
use super::dice::{Dice, Fate};
use super::line::Cut;
use super::log::{Entry, Log};
use super::play::Play;
use super::reply::Content;
use super::server::PATH;

/// The largest body that is looked at, in bytes; a payload has some hundreds.
const MAX_BODY: usize = 1 << 20;

/// What all exchanges of a sandbox share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) meter: Meter,
    pub(super) dice: Dice,
    pub(super) play: Option<Play>,
    pub(super) log: Option<Log>,
    /// E-mail and API key, where they are to be compared.
    pub(super) credentials: Option<(String, String)>,
}

/// Answers a request, or orders the cut of its connection and answers into the void.
pub(super) async fn exchange(
    shared: Arc<Shared>,
    cut: Arc<Cut>,
    request: Request<Incoming>,
) -> Result<Response<Content>, hyper::Error> {
    let now = Instant::now();
    let _in_flight = shared.meter.begin(now);
    let (head, body) = request.into_parts();
    let misplaced = misplaced(&head);
    let (turn, unread) = match &shared.play {
        Some(play) if misplaced.is_none() => {
            cut.drip(None);
            let (turn, unread) = play.arrived(now);
            (Some((play, turn)), unread)
        }
        _ => (None, None),
    };
    if let Some(met) = unread {
        let course = Course::faulty(&met, None);
        shared.record(&course, b"");
        return Ok(shared.follow(course, &cut).await);
    }
    let body = read(body).await?;

    let course = match (misplaced, &body) {
        (Some(answer), _) => answer.into(),
        (None, None) => Answer::TooLarge.into(),
        (None, Some(body)) => {
            let judge = || shared.judge(&head.headers, body);
            match turn.and_then(|(play, turn)| play.was_read(turn, &order_no(body))) {
                Some(met) => Course::faulty(&met, met.judged.then(judge)),
                None if !shared.meter.passes(now) => Answer::Throttled.into(),
                None => match shared.dice.fate() {
                    Fate::Answer => judge().into(),
                    Fate::Fail => Answer::Failed.into(),
                    Fate::Throttle => Answer::Throttled.into(),
                    Fate::Reset { seen } => Course::reset(seen.then(judge)),
                },
            }
        }
    };
    shared.record(&course, body.as_deref().unwrap_or_default());
    Ok(shared.follow(course, &cut).await)
}

/// The order's number; empty where the body has none.
fn order_no(body: &[u8]) -> String {
    Essentials::read(body).unwrap_or_default().order_no.into_owned()
}

/// Reads a body; `None` when it is larger than [`MAX_BODY`]. It is read to its end all the same:
/// closing a connection with bytes unread would take the answer away from the client.
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
        let given =
            |name| headers.get(name).map_or(&b""[..], |value| value.as_bytes().trim_ascii());
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

    /// Counts a request and writes it to the log, before anything of its answer goes out.
    fn record(&self, course: &Course, body: &[u8]) {
        match course.way {
            Way::Lost(_) => self.meter.reset(course.accepted),
            Way::Mute => self.meter.unanswered(course.accepted),
            Way::Answer { .. } => {
                self.meter.answered(course.response.status().as_u16(), course.accepted);
            }
        }
        let Some(log) = &self.log else { return };
        let found = Essentials::read(body).unwrap_or_default();
        let entry = Entry {
            time_us: Entry::now_us(),
            order_no: found.order_no.into_owned(),
            trackingnumber: found.trackingnumber.into_owned(),
            status: course.status,
            accepted: course.accepted,
            answered: course.answered,
            fault: course.fault,
            payload: format!("{:032x}", xxh3_128(body)),
        };
        if log.write(&entry).is_err() {
            self.meter.log_line_lost();
        }
    }

    /// Waits as long as it should, and orders what becomes of the answer's bytes.
    async fn follow(&self, course: Course, cut: &Cut) -> Response<Content> {
        let delay = self.dice.delay().saturating_add(course.latency);
        if delay > Duration::ZERO {
            tokio::time::sleep(delay).await;
        }
        match course.way {
            // Ends when the client leaves, which drops the exchange.
            Way::Mute => std::future::pending().await,
            Way::Lost(end) => cut.after(0, end),
            Way::Answer { cut: end, drip } => {
                if drip.is_some() {
                    cut.drip(drip);
                }
                if let Some((bytes, end)) = end {
                    cut.after(bytes, end);
                }
            }
        }
        course.response
    }
}

/// Whether a `Content-Type` says `application/json`, with or without parameters.
fn is_json(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    let essence = bytes.split(|&byte| byte == b';').next().unwrap_or(bytes);
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}
