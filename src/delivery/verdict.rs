//! The table that decides what a response means.
//!
//! Pure: a response (or why there is none) and the user's rules in, a [`Verdict`] with its reason
//! out. What follows from it is the engine's business. Source of the documented responses:
//! LateShipment.com's guide to the custom-store webhook; the others follow RFC 9110 and what proxies
//! and content networks in front of such an endpoint are known to answer.

use std::time::{Duration, SystemTime};

use super::exchange::{Response, TransportError};
use super::response_body::{self, Body};
use super::retry_after;
use crate::limits::{AnswerIs, AnswerRule};
use crate::outcome::Conclusion;
use crate::text;

/// What an exchange means for its shipment and for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The shipment is accepted.
    Accepted,
    /// The endpoint refused this payload; another would fare differently.
    Rejected,
    /// A complete response that the webhook is not documented to give.
    Undocumented,
    /// Worth another attempt; the shipment is certainly not accepted.
    Failed,
    /// Worth another attempt; the shipment may have been accepted.
    ResponseLost,
    /// The endpoint asks for less: everybody waits, and the attempt does not count.
    Throttled,
    /// The endpoint could not be reached: nothing was sent.
    Unreachable,
    /// The host's name could not be resolved: nothing was sent.
    UnknownHost,
    /// The address, or a firewall before it, turns requests away: of the run or of this payload, as
    /// its neighbours show.
    TurnedAway,
    /// Every shipment would fare the same: the run stops.
    Stop,
}

/// A meaning with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) meaning: Meaning,
    /// What the endpoint said or what went wrong, for an operator.
    pub(crate) reason: String,
    /// How long the endpoint wants to be left alone, where it says so; then everybody waits.
    pub(crate) retry_after: Option<Duration>,
}

impl Verdict {
    pub(crate) fn new(meaning: Meaning, reason: impl Into<String>) -> Self {
        Self { meaning, reason: reason.into(), retry_after: None }
    }

    /// Whether the endpoint did its work: it accepted the shipment or refused its payload.
    pub(crate) fn is_usable(&self) -> bool {
        matches!(self.meaning, Meaning::Accepted | Meaning::Rejected)
    }

    /// What it shows of whether the shipment is accepted; `tainted` where an earlier attempt may
    /// have been.
    pub(crate) fn conclusion(&self, tainted: bool) -> Conclusion {
        match self.meaning {
            Meaning::Accepted => Conclusion::Accepted,
            Meaning::Undocumented | Meaning::ResponseLost => Conclusion::InDoubt,
            _ if tainted => Conclusion::StillInDoubt,
            _ => Conclusion::NotAccepted,
        }
    }
}

/// What `exchange` means. `rules` are looked at first, the first that fits decides. `now` dates a
/// `Retry-After` without a `Date`.
pub(crate) fn judge(
    exchange: &Result<Response, TransportError>,
    rules: &[AnswerRule],
    now: SystemTime,
) -> Verdict {
    match exchange {
        Ok(response) => by_rule(response, rules).unwrap_or_else(|| by_table(response, now)),
        Err(TransportError::Unreachable { dns, detail }) => {
            let meaning = if *dns { Meaning::UnknownHost } else { Meaning::Unreachable };
            Verdict::new(meaning, detail)
        }
        Err(TransportError::ResponseLost { detail, .. }) => {
            Verdict::new(Meaning::ResponseLost, format!("the answer was lost: {detail}"))
        }
        Err(TransportError::Fatal { detail }) => Verdict::new(Meaning::Stop, detail),
    }
}

/// Whether the endpoint has too much to do: 429, 503, or a timeout on either side.
pub(crate) fn is_pushback(exchange: &Result<Response, TransportError>) -> bool {
    match exchange {
        Ok(response) => matches!(response.status, 429 | 503 | 504),
        Err(error) => matches!(error, TransportError::ResponseLost { timed_out: true, .. }),
    }
}

fn by_rule(response: &Response, rules: &[AnswerRule]) -> Option<Verdict> {
    let rule = rules.iter().find(|rule| {
        let part = rule.message.as_ref().map(|part| part.to_lowercase());
        rule.status == response.status
            && part.is_none_or(|part| response.body.to_lowercase().contains(&part))
    })?;
    let said = said(response);
    Some(match rule.is {
        AnswerIs::Sent => Verdict::new(Meaning::Accepted, ""),
        AnswerIs::Rejected => Verdict::new(Meaning::Rejected, said),
        AnswerIs::Retry => Verdict::new(Meaning::Failed, said),
        AnswerIs::Stop => {
            let why = "for which the mapping's [delivery] answers stop the run";
            Verdict::new(Meaning::Stop, format!("{said}, {why}"))
        }
    })
}

fn by_table(response: &Response, now: SystemTime) -> Verdict {
    let retry_after = response.retry_after.as_deref();
    let retry_after =
        retry_after.and_then(|value| retry_after::parse(value, response.date.as_deref(), now));
    let (meaning, reason) = match response.status {
        200..=299 => match response_body::read(response) {
            Body::Success => (Meaning::Accepted, String::new()),
            Body::Refusal(message) => (Meaning::Rejected, message),
            Body::Unknown(what) => {
                let status = response.status;
                let reason = format!("HTTP {status} with {what} is not the webhook's acceptance");
                (Meaning::Undocumented, reason)
            }
        },
        300..=399 => (Meaning::Stop, redirected(response)),
        401 => (Meaning::Stop, format!("the endpoint refused the credentials: {}", said(response))),
        407 => (Meaning::Stop, format!("a proxy asks for a login: {}", said(response))),
        400 if refuses_headers(response) => {
            let said = said(response);
            (Meaning::Stop, format!("the endpoint did not take the request's headers: {said}"))
        }
        403 | 404 | 405 | 410 => (Meaning::TurnedAway, said(response)),
        429 => (Meaning::Throttled, said(response)),
        503 if retry_after.is_some() => (Meaning::Throttled, said(response)),
        504 | 520 | 524 => {
            (Meaning::ResponseLost, format!("a gateway lost the answer: {}", said(response)))
        }
        501 | 505 => (Meaning::Rejected, said(response)),
        408 | 425 | 500..=599 => (Meaning::Failed, said(response)),
        400..=499 => (Meaning::Rejected, response_body::message(&response.body)),
        status => (
            Meaning::Undocumented,
            format!("HTTP {status} is not an answer that the webhook gives"),
        ),
    };
    let waits = matches!(meaning, Meaning::Throttled | Meaning::Failed);
    Verdict { meaning, reason, retry_after: retry_after.filter(|_| waits) }
}

fn redirected(response: &Response) -> String {
    let to = response.location.as_deref().map_or_else(|| "nowhere".to_owned(), text::quoted);
    let status = response.status;
    format!(
        "the endpoint redirects (HTTP {status}) to {to}; redirects are not followed, since that \
         would send your key there"
    )
}

fn refuses_headers(response: &Response) -> bool {
    let message = response_body::message(&response.body).to_lowercase();
    message.contains("content-type is accepted")
        || message.contains("authorization email and api key")
}

/// `HTTP 503: Service Unavailable`
fn said(response: &Response) -> String {
    format!("HTTP {}: {}", response.status, response_body::message(&response.body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response { status, body: body.to_owned(), ..Response::default() }
    }

    fn table(response: Response) -> Verdict {
        judge(&Ok(response), &[], SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn verdict_of_documented_responses_is_what_the_guide_says() {
        assert_eq!(
            table(response(
                200,
                r#"{"message":"Request Received Successfully","status":"Success"}"#
            )),
            Verdict::new(Meaning::Accepted, "")
        );
        let missing = "Order Number, Tracking Number, Carrier Type must not be empty";
        for message in [missing, "Invalid JSON format"] {
            let verdict =
                table(response(409, &format!(r#"{{"message":"{message}","status":"Error"}}"#)));
            assert_eq!(verdict, Verdict::new(Meaning::Rejected, message));
        }
        for (status, message) in [
            (401, "Authorization Header Error. Check your email and API key"),
            (400, "Only application/json content-type is accepted"),
            (400, "Authorization Email and API Key are required"),
        ] {
            let verdict = table(response(status, &format!(r#"{{"message":"{message}"}}"#)));
            assert!(
                verdict.meaning == Meaning::Stop && verdict.reason.contains(message),
                "{verdict:?}"
            );
        }
    }

    #[test]
    fn verdict_of_undocumented_responses_follows_the_status() {
        for (statuses, expected) in [
            (&[200, 201, 202, 204, 101, 999][..], Meaning::Undocumented),
            (&[301, 302, 303, 307, 308, 304], Meaning::Stop),
            (&[401, 407], Meaning::Stop),
            (&[400, 402, 406, 409, 411, 413, 414, 415, 422, 431, 451, 501, 505], Meaning::Rejected),
            (&[403, 404, 405, 410], Meaning::TurnedAway),
            (&[408, 425, 500, 502, 503, 507, 521, 522, 523, 599], Meaning::Failed),
            (&[504, 520, 524], Meaning::ResponseLost),
            (&[429], Meaning::Throttled),
        ] {
            for status in statuses {
                assert_eq!(table(response(*status, "")).meaning, expected, "{status}");
            }
        }
    }

    #[test]
    fn verdict_of_503_is_throttled_only_with_retry_after() {
        let busy = Response { retry_after: Some("7".to_owned()), ..response(503, "") };
        let verdict = table(busy);
        assert_eq!(verdict.meaning, Meaning::Throttled);
        assert_eq!(verdict.retry_after, Some(Duration::from_secs(7)));
        let nonsense = Response { retry_after: Some("soon".to_owned()), ..response(503, "") };
        let verdict = table(nonsense);
        assert_eq!((verdict.meaning, verdict.retry_after), (Meaning::Failed, None));
    }

    #[test]
    fn verdict_keeps_retry_after_of_other_failures() {
        for status in [408, 425, 500, 502, 507] {
            let asking = Response { retry_after: Some("7".to_owned()), ..response(status, "") };
            let verdict = table(asking);
            assert_eq!(verdict.meaning, Meaning::Failed, "{status}");
            assert_eq!(verdict.retry_after, Some(Duration::from_secs(7)), "{status}");
        }
    }

    #[test]
    fn verdict_of_an_acceptance_with_an_error_is_rejected() {
        assert_eq!(
            table(response(200, r#"{"status":"Error","message":"no"}"#)),
            Verdict::new(Meaning::Rejected, "no")
        );
    }

    #[test]
    fn answers_rules_come_before_the_table() {
        let rule = |status, message: Option<&str>, is| AnswerRule {
            status,
            message: message.map(str::to_owned),
            is,
        };
        let rules = [
            rule(409, Some("ALREADY"), AnswerIs::Sent),
            rule(409, None, AnswerIs::Stop),
            rule(200, None, AnswerIs::Retry),
        ];
        let judge =
            |response: Response| judge(&Ok(response), &rules, SystemTime::UNIX_EPOCH).meaning;
        assert_eq!(judge(response(409, r#"{"message":"Already known"}"#)), Meaning::Accepted);
        assert_eq!(judge(response(409, "other")), Meaning::Stop);
        assert_eq!(judge(response(200, r#"{"status":"Success"}"#)), Meaning::Failed);
        assert_eq!(judge(response(500, "")), Meaning::Failed);
    }

    #[test]
    fn verdict_without_a_response_depends_on_whether_the_request_was_sent() {
        let judge = |error| judge(&Err(error), &[], SystemTime::UNIX_EPOCH).meaning;
        let detail = || "connection refused".to_owned();
        let unreachable = |dns| TransportError::Unreachable { dns, detail: detail() };
        assert_eq!(judge(unreachable(false)), Meaning::Unreachable);
        assert_eq!(judge(unreachable(true)), Meaning::UnknownHost);
        let lost =
            TransportError::ResponseLost { status: None, timed_out: false, detail: detail() };
        assert_eq!(judge(lost), Meaning::ResponseLost);
        assert_eq!(judge(TransportError::Fatal { detail: detail() }), Meaning::Stop);
    }

    #[test]
    fn verdict_of_a_redirect_shows_its_target() {
        let moved = Response {
            location: Some("https://elsewhere.example.com/x".to_owned()),
            ..response(302, "")
        };
        let verdict = table(moved);
        assert_eq!(verdict.meaning, Meaning::Stop);
        assert!(verdict.reason.contains("https://elsewhere.example.com/x"), "{verdict:?}");
    }
}
