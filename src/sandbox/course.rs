//! What becomes of one request, decided before anything of it happens, so that the log can tell it
//! first.

use std::time::Duration;

use hyper::Response;

use super::End;
use super::answer::Answer;
use super::play::Met;
use super::reply::{self, Content};
use super::script::Does;

/// What becomes of a request.
#[derive(Debug)]
pub(super) struct Course {
    /// The answer, also where nothing of it goes out.
    pub(super) response: Response<Content>,
    pub(super) way: Way,
    /// The wait before it, besides the sandbox's own.
    pub(super) latency: Duration,
    /// Whether the webhook accepted the payload.
    pub(super) accepted: bool,
    /// For the log: the status, whether the answer was given, and the fault's number.
    pub(super) status: Option<u16>,
    pub(super) answered: bool,
    pub(super) fault: Option<usize>,
}

/// How the answer goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It does.
    Answer {
        /// Where it is cut, in bytes, and the connection's end then.
        cut: Option<(u64, End)>,
        /// The wait before each byte.
        drip: Option<Duration>,
    },
    /// The connection ends in its place.
    Lost(End),
    /// Nothing comes, and the connection stays.
    Mute,
}

/// The webhook's own answer, in full.
impl From<Answer> for Course {
    fn from(answer: Answer) -> Self {
        Self {
            response: answer.response(),
            way: Way::Answer { cut: None, drip: None },
            latency: Duration::ZERO,
            accepted: answer == Answer::Accepted,
            status: Some(answer.status()),
            answered: true,
            fault: None,
        }
    }
}

impl Course {
    /// A reset, after the webhook judged the request or not.
    pub(super) fn reset(judged: Option<Answer>) -> Self {
        Self::without_answer(judged, Way::Lost(End::Reset))
    }

    fn without_answer(judged: Option<Answer>, way: Way) -> Self {
        Self {
            way,
            status: judged.map(Answer::status),
            answered: false,
            ..judged.unwrap_or(Answer::Failed).into()
        }
        .accepting(judged)
    }

    /// What the fault does; `judged` is the webhook's own answer, where it looked.
    pub(super) fn faulty(met: &Met<'_>, judged: Option<Answer>) -> Self {
        let fault = met.fault;
        let instead = |response: Response<Content>| {
            let accepted = judged == Some(Answer::Accepted);
            let status = Some(response.status().as_u16());
            Self { response, status, answered: !accepted, ..Answer::Failed.into() }
                .accepting(judged)
        };
        let course = match &fault.does {
            Does::Status { status, retry_after, to, body } => instead(reply::status(
                *status,
                retry_after.as_deref(),
                to.as_deref(),
                body.as_deref(),
            )),
            Does::Html => instead(reply::html()),
            Does::Empty => instead(reply::empty()),
            Does::Revoked => Answer::WrongCredentials.into(),
            Does::Endless => Self { answered: false, ..instead(reply::endless()) },
            Does::Reset | Does::ResetUnread | Does::Refuse => Self::reset(judged),
            Does::Mute => Self::without_answer(judged, Way::Mute),
            Does::Half { bytes, end } => {
                Self::without_answer(judged, Way::Answer { cut: Some((*bytes, *end)), drip: None })
            }
            Does::Slow => judged.unwrap_or(Answer::Failed).into(),
        };
        let way = match course.way {
            Way::Answer { cut, .. } => Way::Answer { cut, drip: fault.drip },
            way => way,
        };
        Self { way, latency: fault.latency, fault: Some(met.number), ..course }
    }

    fn accepting(self, judged: Option<Answer>) -> Self {
        Self { accepted: judged == Some(Answer::Accepted), ..self }
    }
}
