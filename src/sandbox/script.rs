//! A script of faults: which requests meet which fault, as it stands in a file or is put together
//! in code.
//!
//! A script is a list of [`Fault`]s, plain data; `play` runs it and `script_file` reads it from
//! TOML. Faults that come before a request is read (`refuse`, `reset-unread`) are looked at first,
//! then the others in their order; a request meets one fault at most.

use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::time::Duration;

use regex::Regex;

use super::script_error::ScriptError;
use super::script_file;

/// The most bytes of a half answer: the shortest whole one has a few more.
pub const MAX_HALF: u64 = 160;

/// The faults of a sandbox, in order.
#[derive(Debug, Clone, Default)]
pub struct Script {
    faults: Vec<Fault>,
}

impl Script {
    /// These faults; of those that fit a request the first one counts.
    pub fn new(faults: impl Into<Vec<Fault>>) -> Self {
        Self { faults: faults.into() }
    }

    /// Reads a script from a TOML file.
    ///
    /// # Errors
    /// The file can't be read, or is not a script; then every trouble is named with its line.
    pub fn load(path: &Path) -> Result<Self, ScriptError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ScriptError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&path.to_string_lossy(), &text)
    }

    /// Reads a script from TOML; `name` stands in errors.
    ///
    /// # Errors
    /// The text is not a script; every trouble is named with its line.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScriptError> {
        script_file::parse(name, text).map(Self::new)
    }

    /// Its faults.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

/// A fault, and the requests that meet it: all of them unless narrowed.
#[derive(Debug, Clone)]
pub struct Fault {
    pub(super) does: Does,
    pub(super) when: When,
    /// The share of those that meet it at which the webhook looks all the same, so that it may
    /// accept them.
    pub(super) judged: f64,
    /// The wait before the answer, or before the connection's end.
    pub(super) latency: Duration,
    /// The wait before each byte of the answer.
    pub(super) drip: Option<Duration>,
}

/// What a fault does to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Does {
    /// An answer of this status.
    Status {
        /// From 200 to 599.
        status: u16,
        /// `Retry-After`, as it stands there.
        retry_after: Option<String>,
        /// `Location`, for a redirect.
        to: Option<String>,
        /// The body; a message that fits the status where it is `None`. It is JSON where it begins
        /// with `{`.
        body: Option<String>,
    },
    /// 200 with a page of HTML, as a gateway in the way gives it.
    Html,
    /// 200 without a body.
    Empty,
    /// The webhook's answer to wrong credentials (401).
    Revoked,
    /// The connection is reset in place of an answer, after the request was read whole.
    Reset,
    /// The connection is reset before the request's body is read. Never judged.
    ResetUnread,
    /// New connections are refused, and requests on open ones reset unread. Never judged.
    Refuse,
    /// Nothing comes until the client leaves.
    Mute,
    /// The webhook's answer, cut.
    Half {
        /// Bytes that arrive, head and body together; [`MAX_HALF`] at most.
        bytes: u64,
        /// What comes then.
        end: End,
    },
    /// 200 with a body that never ends.
    Endless,
    /// The webhook's answer, late or byte by byte. Always judged.
    Slow,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Closed in good order.
    Fin,
    /// Reset.
    Reset,
}

impl Does {
    /// Whether it comes before the request is read, so that neither order nor tries can be known.
    pub(super) fn is_unread(&self) -> bool {
        matches!(self, Self::Refuse | Self::ResetUnread)
    }
}

/// Which requests meet a fault.
#[derive(Debug, Clone)]
pub(super) struct When {
    /// By number, from 1.
    pub(super) requests: RangeInclusive<u64>,
    /// By the time since the first request.
    pub(super) seconds: Range<Duration>,
    /// How long it goes on once it was met; `requests` and `seconds` then only say where it may
    /// begin.
    pub(super) lasts: Option<Duration>,
    /// By the order's number.
    pub(super) order: Option<Order>,
    /// By the number of the try of that order, from 1.
    pub(super) tries: RangeInclusive<u64>,
    /// The share of those requests, by chance.
    pub(super) share: f64,
}

/// All requests.
pub(super) const ALL: RangeInclusive<u64> = 1..=u64::MAX;

/// An order's number.
#[derive(Debug, Clone)]
pub(super) enum Order {
    /// This one.
    Is(String),
    /// Each in which the pattern is found.
    Matches(Regex),
}

impl Order {
    fn fits(&self, order_no: &str) -> bool {
        match self {
            Self::Is(wanted) => wanted == order_no,
            Self::Matches(pattern) => pattern.is_match(order_no),
        }
    }
}

/// A request, as a fault looks at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    /// Its number, from 1.
    pub(super) number: u64,
    /// The time since the first request.
    pub(super) at: Duration,
    /// A fraction drawn for this request and this fault.
    pub(super) drawn: f64,
    /// When the fault was first met, by the same clock as `at`.
    pub(super) begun: Option<Duration>,
    /// The order's number and the number of this try of it, from 1, where the request was read.
    pub(super) order: Option<(&'a str, u64)>,
}

impl When {
    /// Whether the request meets the fault.
    pub(super) fn holds(&self, seen: &Seen<'_>) -> bool {
        let in_window = match (self.lasts, seen.begun) {
            (Some(lasts), Some(begun)) => seen.at.saturating_sub(begun) < lasts,
            _ => self.requests.contains(&seen.number) && self.seconds.contains(&seen.at),
        };
        let of_order = match (&self.order, seen.order) {
            (Some(order), Some((order_no, _))) => order.fits(order_no),
            (Some(_), None) => false,
            (None, _) => true,
        };
        let of_try = match seen.order {
            Some((_, tried)) => self.tries.contains(&tried),
            None => self.tries == ALL,
        };
        in_window && of_order && of_try && seen.drawn < self.share
    }

    /// Whether nothing but the clock decides.
    pub(super) fn is_by_clock_alone(&self) -> bool {
        self.lasts.is_none() && self.requests == ALL && self.share >= 1.0
    }
}

/// Putting faults together in code.
impl Fault {
    /// What it does, to all requests.
    pub fn new(does: Does) -> Self {
        let judged = match does {
            // The answer is the webhook's own, or was begun.
            Does::Half { .. } | Does::Slow => 1.0,
            _ => 0.0,
        };
        let when = When {
            requests: ALL,
            seconds: Duration::ZERO..Duration::MAX,
            lasts: None,
            order: None,
            tries: ALL,
            share: 1.0,
        };
        Self { does, when, judged, latency: Duration::ZERO, drip: None }
    }

    /// An answer of a status, with a body that fits it.
    pub fn status(status: u16) -> Self {
        Self::new(Does::Status { status, retry_after: None, to: None, body: None })
    }

    /// An answer of a status, with `Retry-After`.
    pub fn status_with_retry_after(status: u16, retry_after: impl Into<String>) -> Self {
        Self::new(Does::Status {
            status,
            retry_after: Some(retry_after.into()),
            to: None,
            body: None,
        })
    }

    /// Only requests of these numbers, from 1.
    #[must_use]
    pub fn requests(mut self, numbers: RangeInclusive<u64>) -> Self {
        self.when.requests = numbers;
        self
    }

    /// Only requests that come so long after the first.
    #[must_use]
    pub fn seconds(mut self, window: Range<f64>) -> Self {
        let at = |seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        self.when.seconds = at(window.start)..at(window.end);
        self
    }

    /// All requests for so long, once the first has met it.
    #[must_use]
    pub fn lasts(mut self, lasts: Duration) -> Self {
        self.when.lasts = Some(lasts);
        self
    }

    /// Only requests of this order.
    #[must_use]
    pub fn order(mut self, order_no: impl Into<String>) -> Self {
        self.when.order = Some(Order::Is(order_no.into()));
        self
    }

    /// Only requests of orders in whose number the pattern is found.
    #[must_use]
    pub fn order_matches(mut self, pattern: Regex) -> Self {
        self.when.order = Some(Order::Matches(pattern));
        self
    }

    /// Only these tries of each order, from 1.
    #[must_use]
    pub fn tries(mut self, tries: RangeInclusive<u64>) -> Self {
        self.when.tries = tries;
        self
    }

    /// Only a share of the requests, as a fraction from 0 to 1; drawn by the sandbox's seed.
    #[must_use]
    pub fn share(mut self, share: f64) -> Self {
        self.when.share = share;
        self
    }

    /// The share of them (a fraction from 0 to 1) that the webhook judges all the same: what it
    /// accepts then is accepted, though the answer hides it.
    #[must_use]
    pub fn judged(mut self, share: f64) -> Self {
        self.judged = share;
        self
    }

    /// With a wait before the answer.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// With a wait before each byte of the answer.
    #[must_use]
    pub fn drip(mut self, pause: Duration) -> Self {
        self.drip = Some(pause);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(number: u64, at: f64) -> Seen<'static> {
        Seen {
            number,
            at: Duration::from_secs_f64(at),
            drawn: 0.5,
            begun: None,
            order: Some(("1007", 2)),
        }
    }

    #[test]
    fn a_window_is_by_number_with_its_end_and_by_seconds_without() {
        let fault = Fault::status(503).requests(10..=20).seconds(1.0..2.0);
        let holds = |number, at| fault.when.holds(&seen(number, at));
        assert!(holds(10, 1.0) && holds(20, 1.999));
        assert!(!holds(9, 1.5) && !holds(21, 1.5) && !holds(15, 0.999) && !holds(15, 2.0));
        assert!(Fault::status(503).when.holds(&seen(1, 0.0)));
    }

    #[test]
    fn what_lasts_goes_on_from_the_first_that_met_it_and_comes_once() {
        let fault = Fault::new(Does::Refuse).requests(10..=u64::MAX).lasts(Duration::from_secs(3));
        let holds = |number, at, begun| fault.when.holds(&Seen { begun, ..seen(number, at) });
        let begun = Some(Duration::from_secs(5));
        assert!(!holds(9, 4.9, None) && holds(10, 5.0, None));
        assert!(holds(11, 7.9, begun) && !holds(12, 8.0, begun) && !holds(5000, 100.0, begun));
    }

    #[test]
    fn orders_tries_and_shares_narrow() {
        let holds = |fault: Fault| fault.when.holds(&seen(1, 0.0));
        let all = || Fault::new(Does::Reset);
        assert!(holds(all().order("1007")) && !holds(all().order("100")));
        let pattern = |text| Regex::new(text).expect("a pattern");
        assert!(
            holds(all().order_matches(pattern("^10")))
                && !holds(all().order_matches(pattern("^7")))
        );
        assert!(holds(all().tries(1..=2)) && !holds(all().tries(1..=1)));
        assert!(holds(all().share(0.6)) && !holds(all().share(0.5)) && !holds(all().share(0.0)));
        let unread = Seen { order: None, ..seen(1, 0.0) };
        assert!(all().when.holds(&unread));
        assert!(
            !all().order("1007").when.holds(&unread) && !all().tries(1..=1).when.holds(&unread)
        );
    }
}
