//! How a sandbox behaves: healthy unless told otherwise.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::{Error, Script};

/// The port of `lateship sandbox`, unless told otherwise. (`--sandbox` takes any free one.)
pub const DEFAULT_PORT: u16 = 8765;
/// The time from a request's end to its answer, unless told otherwise.
pub const DEFAULT_LATENCY: Duration = Duration::ZERO;
/// What is added to the latency at most, unless told otherwise.
pub const DEFAULT_JITTER: Duration = Duration::ZERO;
/// The share of requests answered with 500, unless told otherwise.
pub const DEFAULT_ERRORS: f64 = 0.0;
/// The share of requests answered with 429, unless told otherwise.
pub const DEFAULT_THROTTLED: f64 = 0.0;
/// The share of requests whose connection is reset, unless told otherwise.
pub const DEFAULT_RESETS: f64 = 0.0;
/// Where the drawing of faults starts, unless told otherwise.
pub const DEFAULT_SEED: u64 = 1;

/// How a sandbox behaves. The default is a healthy endpoint that answers at once and takes any
/// credentials.
///
/// The three shares are fractions from 0 to 1 and exclude each other (a request meets one fault at
/// most), so they make 1 together at most. Faults stand before the webhook's own checks, as a
/// gateway's would, and only on its path.
#[derive(Clone)]
pub struct Settings {
    /// The time from a request's end to its answer. Timers are good to about a millisecond.
    pub latency: Duration,
    /// What is added to `latency` at most; drawn for each request, evenly from zero.
    pub jitter: Duration,
    /// The share of requests answered with 500; they are not accepted.
    pub errors: f64,
    /// The share of requests answered with 429 and `Retry-After: 1`; they are not accepted.
    pub throttled: f64,
    /// The share of requests whose connection is reset (RST) in place of an answer, after they were
    /// read whole. Every second of them, by chance, is looked at before, so that it may be accepted
    /// and only its answer is lost.
    pub resets: f64,
    /// Requests let through in any one second; those above are answered with 429 and
    /// `Retry-After: 1`.
    pub rate_limit: Option<NonZeroU32>,
    /// The e-mail and the API key that are wanted; without them any that are not empty will do.
    pub credentials: Option<(String, String)>,
    /// Where the drawing of faults starts: the n-th request meets the same fault in each sandbox of
    /// the same seed.
    pub seed: u64,
    /// A file to which a line of JSON is added for each request; see [`Entry`](super::Entry).
    pub log: Option<PathBuf>,
    /// Faults by number, time or order. What meets none of them meets the rate limit and the shares
    /// above.
    pub script: Option<Script>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            latency: DEFAULT_LATENCY,
            jitter: DEFAULT_JITTER,
            errors: DEFAULT_ERRORS,
            throttled: DEFAULT_THROTTLED,
            resets: DEFAULT_RESETS,
            rate_limit: None,
            credentials: None,
            seed: DEFAULT_SEED,
            log: None,
            script: None,
        }
    }
}

/// Without the credentials' values, which may be real ones.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("latency", &self.latency)
            .field("jitter", &self.jitter)
            .field("errors", &self.errors)
            .field("throttled", &self.throttled)
            .field("resets", &self.resets)
            .field("rate_limit", &self.rate_limit)
            .field("credentials", &self.credentials.as_ref().map(|_| "(redacted)"))
            .field("seed", &self.seed)
            .field("log", &self.log)
            .field("script", &self.script)
            .finish()
    }
}

impl Settings {
    /// Looks whether the shares are fractions that fit together.
    pub(super) fn check(&self) -> Result<(), Error> {
        let shares =
            [("errors", self.errors), ("throttled", self.throttled), ("resets", self.resets)];
        if let Some((name, share)) =
            shares.into_iter().find(|(_, share)| !(0.0..=1.0).contains(share))
        {
            return Err(Error::Share { name, share });
        }
        for fault in self.script.iter().flat_map(Script::faults) {
            let shares = [
                ("a scripted fault", fault.when.share),
                ("a scripted fault's judged requests", fault.judged),
            ];
            if let Some((name, share)) =
                shares.into_iter().find(|(_, share)| !(0.0..=1.0).contains(share))
            {
                return Err(Error::Share { name, share });
            }
        }
        let sum: f64 = shares.iter().map(|(_, share)| share).sum();
        // Shares like 0.1 have no exact binary form: ten of them may make a hair more than 1.
        if sum > 1.0 + 1e-9 { Err(Error::Shares { sum }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_fractions_and_make_one_together_at_most() {
        let with = |errors, throttled, resets| {
            Settings { errors, throttled, resets, ..Settings::default() }.check()
        };
        assert!(with(0.0, 0.0, 0.0).is_ok());
        assert!(with(0.1, 0.2, 0.7).is_ok());
        assert!(matches!(with(0.0, 1.5, 0.0), Err(Error::Share { name: "throttled", .. })));
        assert!(matches!(with(0.0, 0.0, f64::NAN), Err(Error::Share { name: "resets", .. })));
        assert!(matches!(with(-0.1, 0.0, 0.0), Err(Error::Share { name: "errors", .. })));
        assert!(matches!(with(0.5, 0.5, 0.5), Err(Error::Shares { .. })));
    }

    #[test]
    fn credentials_are_not_shown() {
        let credentials = Some(("ops@example.com".to_owned(), "hush-hush".to_owned()));
        let shown = format!("{:?}", Settings { credentials, ..Settings::default() });
        assert!(!shown.contains("hush") && !shown.contains("ops@"), "{shown}");
    }
}
