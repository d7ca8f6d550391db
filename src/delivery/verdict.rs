//! The table that decides what a response means.
//!
//! Pure: an answer (or why there is none) and the user's own rules in, a [`Verdict`] with its
//! reason out. What follows from a verdict (another attempt, a hold, the end of the run) is the
//! engine's affair. Source of the documented answers: LateShipment.com's guide to the custom-store
//! webhook; the others follow RFC 9110 and what proxies and content networks in front of such an
//! endpoint are known to answer.

use std::time::{Duration, SystemTime};

use super::exchange::{Response, TransportError};
use super::response_body::{self, Body};
use super::retry_after;
use crate::limits::{AnswerIs, AnswerRule};
use crate::outcome::Conclusion;
use crate::text;

/// What an exchange means for its shipment and for the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The shipment is accepted.
    Accepted,
    /// The endpoint refused this payload; another would fare differently.
    Rejected(String),
    /// A whole answer in the 2xx range that is not the documented acceptance.
    Undocumented(String),
    /// Worth another attempt, the shipment surely not accepted.
    Failed {
        /// What it said.
        reason: String,
        /// How long it wants to be left alone, where it says so; then everybody waits.
        after: Option<Duration>,
    },
    /// Worth another attempt, but the shipment may have been accepted.
    ResponseLost(String),
    /// The endpoint asks for less: everybody waits, and the attempt does not count.
    Throttled {
        /// What it said.
        reason: String,
        /// How long it wants to be left alone, where it says so.
        after: Option<Duration>,
    },
    /// The endpoint could not be reached; nothing was sent.
    Unreachable {
        /// Whether it is the host's name that could not be resolved.
        dns: bool,
        /// What went wrong.
        reason: String,
    },
    /// The address, or a firewall before it, turns requests away: of the run or of this payload, as
    /// its neighbours show.
    TurnedAway(String),
    /// Every shipment would fare the same: the run stops.
    Stop(String),
}

impl Verdict {
    /// What it shows of whether the shipment is accepted; `tainted` where an earlier attempt may
    /// have been.
    pub(crate) fn conclusion(&self, tainted: bool) -> Conclusion {
        match self {
            Self::Accepted => Conclusion::Accepted,
            Self::Undocumented(_) | Self::ResponseLost(_) => Conclusion::InDoubt,
            _ if tainted => Conclusion::StillInDoubt,
            _ => Conclusion::NotAccepted,
        }
    }
}

/// What `exchange` means. `rules` are looked at first, the first that fits decides. `now` dates an
/// undated `Retry-After`.
pub(crate) fn judge(
    exchange: &Result<Response, TransportError>,
    rules: &[AnswerRule],
    now: SystemTime,
) -> Verdict {
    match exchange {
        Ok(response) => by_rule(response, rules).unwrap_or_else(|| by_table(response, now)),
        Err(TransportError::Unreachable { dns, detail }) => {
            Verdict::Unreachable { dns: *dns, reason: detail.clone() }
        }
        Err(TransportError::ResponseLost { detail, .. }) => {
            Verdict::ResponseLost(format!("the answer was lost: {detail}"))
        }
        Err(TransportError::Fatal { detail }) => Verdict::Stop(detail.clone()),
    }
}

/// Whether the endpoint has too much to do: 429, 503, or a timeout on either side.
pub(crate) fn is_pushback(exchange: &Result<Response, TransportError>) -> bool {
    match exchange {
        Ok(response) => matches!(response.status, 429 | 503 | 504),
        Err(TransportError::ResponseLost { timed_out, .. }) => *timed_out,
        Err(_) => false,
    }
}

fn by_rule(response: &Response, rules: &[AnswerRule]) -> Option<Verdict> {
    if rules.is_empty() {
        return None;
    }
    let body = response.body.to_lowercase();
    let rule = rules.iter().find(|rule| {
        rule.status == response.status
            && rule.message.as_ref().is_none_or(|part| body.contains(&part.to_lowercase()))
    })?;
    let said = said(response);
    Some(match rule.is {
        AnswerIs::Sent => Verdict::Accepted,
        AnswerIs::Rejected => Verdict::Rejected(said),
        AnswerIs::Retry => Verdict::Failed { reason: said, after: None },
        AnswerIs::Stop => Verdict::Stop(format!(
            "{said}, for which the mapping's [delivery] answers stop the run"
        )),
    })
}

fn by_table(response: &Response, now: SystemTime) -> Verdict {
    let after = || {
        response
            .retry_after
            .as_deref()
            .and_then(|value| retry_after::parse(value, response.date.as_deref(), now))
    };
    match response.status {
        200..=299 => match response_body::read(response) {
            Body::Success => Verdict::Accepted,
            Body::Refusal(message) => Verdict::Rejected(message),
            Body::Unknown(what) => Verdict::Undocumented(format!(
                "HTTP {} with {what} is not the webhook's acceptance",
                response.status
            )),
        },
        300..=399 => {
            let to =
                response.location.as_deref().map_or_else(|| "nowhere".to_owned(), text::quoted);
            Verdict::Stop(format!(
                "the endpoint redirects (HTTP {}) to {to}; redirects are not followed, since that would send your key there",
                response.status
            ))
        }
        401 => Verdict::Stop(format!("the endpoint refused the credentials: {}", said(response))),
        407 => Verdict::Stop(format!("a proxy asks for a login: {}", said(response))),
        400 => {
            let message = response_body::message(&response.body);
            let lower = message.to_lowercase();
            if lower.contains("content-type is accepted")
                || lower.contains("authorization email and api key")
            {
                Verdict::Stop(format!(
                    "the endpoint did not take the request's headers: {}",
                    said(response)
                ))
            } else {
                Verdict::Rejected(message)
            }
        }
        403 | 404 | 405 | 410 => Verdict::TurnedAway(said(response)),
        408 | 425 => Verdict::Failed { reason: said(response), after: after() },
        429 => Verdict::Throttled { reason: said(response), after: after() },
        503 => match after() {
            Some(wait) => Verdict::Throttled { reason: said(response), after: Some(wait) },
            None => Verdict::Failed { reason: said(response), after: None },
        },
        504 | 520 | 524 => {
            Verdict::ResponseLost(format!("a gateway lost the answer: {}", said(response)))
        }
        501 | 505 => Verdict::Rejected(said(response)),
        402..=499 => Verdict::Rejected(response_body::message(&response.body)),
        500..=599 => Verdict::Failed { reason: said(response), after: after() },
        _ => Verdict::Undocumented(format!(
            "HTTP {} is not an answer that the webhook gives",
            response.status
        )),
    }
}

/// `HTTP 503: Service Unavailable`
fn said(response: &Response) -> String {
    let message = response_body::message(&response.body);
    format!("HTTP {}: {message}", response.status)
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
    fn the_documented_answers_mean_what_the_guide_says() {
        assert_eq!(
            table(response(
                200,
                r#"{"message":"Request Received Successfully","status":"Success"}"#
            )),
            Verdict::Accepted
        );
        let missing = "Order Number, Tracking Number, Carrier Type must not be empty";
        for message in [missing, "Invalid JSON format"] {
            let verdict =
                table(response(409, &format!(r#"{{"message":"{message}","status":"Error"}}"#)));
            assert_eq!(verdict, Verdict::Rejected(message.to_owned()));
        }
        for (status, message) in [
            (401, "Authorization Header Error. Check your email and API key"),
            (400, "Only application/json content-type is accepted"),
            (400, "Authorization Email and API Key are required"),
        ] {
            let verdict = table(response(status, &format!(r#"{{"message":"{message}"}}"#)));
            assert!(
                matches!(&verdict, Verdict::Stop(reason) if reason.contains(message)),
                "{verdict:?}"
            );
        }
    }

    #[test]
    fn what_is_not_documented_is_judged_by_its_status() {
        let kind = |status| match table(response(status, "")) {
            Verdict::Accepted => "accepted",
            Verdict::Rejected(_) => "rejected",
            Verdict::Undocumented(_) => "undocumented",
            Verdict::Failed { .. } => "failed",
            Verdict::ResponseLost(_) => "lost",
            Verdict::Throttled { .. } => "throttled",
            Verdict::Unreachable { .. } => "unreachable",
            Verdict::TurnedAway(_) => "turned away",
            Verdict::Stop(_) => "stop",
        };
        for (statuses, expected) in [
            (&[200, 201, 202, 204, 101, 999][..], "undocumented"),
            (&[301, 302, 303, 307, 308, 304], "stop"),
            (&[401, 407], "stop"),
            (&[400, 402, 406, 409, 411, 413, 414, 415, 422, 431, 451, 501, 505], "rejected"),
            (&[403, 404, 405, 410], "turned away"),
            (&[408, 425, 500, 502, 503, 507, 521, 522, 523, 599], "failed"),
            (&[504, 520, 524], "lost"),
            (&[429], "throttled"),
        ] {
            for status in statuses {
                assert_eq!(kind(*status), expected, "{status}");
            }
        }
    }

    #[test]
    fn a_503_holds_everybody_only_when_it_says_for_how_long() {
        let busy = Response { retry_after: Some("7".to_owned()), ..response(503, "") };
        assert!(
            matches!(table(busy), Verdict::Throttled { after: Some(wait), .. } if wait == Duration::from_secs(7))
        );
        let nonsense = Response { retry_after: Some("soon".to_owned()), ..response(503, "") };
        assert!(matches!(table(nonsense), Verdict::Failed { .. }));
    }

    #[test]
    fn other_passing_troubles_may_ask_for_a_pause_too() {
        for status in [408, 425, 500, 502, 507] {
            let asking = Response { retry_after: Some("7".to_owned()), ..response(status, "") };
            let wait = Some(Duration::from_secs(7));
            assert!(
                matches!(table(asking), Verdict::Failed { after, .. } if after == wait),
                "{status}"
            );
        }
    }

    #[test]
    fn an_acceptance_with_an_error_in_it_is_a_rejection() {
        assert_eq!(
            table(response(200, r#"{"status":"Error","message":"no"}"#)),
            Verdict::Rejected("no".to_owned())
        );
    }

    #[test]
    fn the_users_own_rules_come_first() {
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
        let judge = |response: Response| judge(&Ok(response), &rules, SystemTime::UNIX_EPOCH);
        assert_eq!(judge(response(409, r#"{"message":"Already known"}"#)), Verdict::Accepted);
        assert!(matches!(judge(response(409, "other")), Verdict::Stop(_)));
        assert!(matches!(judge(response(200, r#"{"status":"Success"}"#)), Verdict::Failed { .. }));
        assert!(matches!(judge(response(500, "")), Verdict::Failed { .. }));
    }

    #[test]
    fn without_an_answer_it_matters_whether_the_request_left() {
        let judge = |trouble| judge(&Err(trouble), &[], SystemTime::UNIX_EPOCH);
        let detail = || "connection refused".to_owned();
        assert!(matches!(
            judge(TransportError::Unreachable { dns: false, detail: detail() }),
            Verdict::Unreachable { .. }
        ));
        assert!(matches!(
            judge(TransportError::ResponseLost {
                status: None,
                timed_out: false,
                detail: detail()
            }),
            Verdict::ResponseLost(_)
        ));
        assert!(matches!(judge(TransportError::Fatal { detail: detail() }), Verdict::Stop(_)));
    }

    #[test]
    fn a_redirect_shows_where_it_pointed() {
        let moved = Response {
            location: Some("https://elsewhere.example.com/x".to_owned()),
            ..response(302, "")
        };
        assert!(
            matches!(table(moved), Verdict::Stop(reason) if reason.contains("https://elsewhere.example.com/x"))
        );
    }
}
