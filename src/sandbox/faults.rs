//! How a sandbox behaves, and which fault a request meets.
//!
//! Faults are drawn from the seed and the request's number, so the n-th request meets the same
//! fault in each sandbox with the same settings. A request meets one random fault at most.

use std::num::NonZeroU32;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::SetOnce;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::error::Error;
use crate::secret::Credentials;

/// How a sandbox behaves. The default responds at once and accepts any credentials.
///
/// Shares are fractions from 0 to 1, and 1 together at most. Faults come before the webhook's own
/// checks, as a gateway's would, and only on its path.
#[derive(Debug, Clone, Default)]
pub struct SandboxSettings {
    /// The time from the end of a request to its response.
    pub latency: Duration,
    /// The share of requests answered with 500; they are not accepted.
    pub errors: f64,
    /// The share of requests answered with 429 and `Retry-After: 1`; they are not accepted.
    pub throttled: f64,
    /// The share of requests that are read and then reset. Half of them, by chance, are checked
    /// first, so they may be accepted while their response is lost.
    pub resets: f64,
    /// The share of responses that come late.
    pub slow: Option<SlowResponses>,
    /// Requests allowed within any one second; more get 429 and `Retry-After: 1`.
    pub rate_limit: Option<NonZeroU32>,
    /// When connections are refused.
    pub outage: Option<OutageWindow>,
    /// The credentials are wrong from the request after this one.
    pub revoke_after: Option<u64>,
    /// The credentials that are accepted; without them any that are not empty.
    pub credentials: Option<Credentials>,
    /// Selects which requests meet a random fault.
    pub seed: u64,
    /// A file to which a line of JSON is added for each request; see
    /// [`LogEntry`](super::LogEntry).
    pub log: Option<PathBuf>,
}

/// Responses that come late; their payloads are checked and accepted as always.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlowResponses {
    /// The share of requests.
    pub share: f64,
    /// How much later than the others.
    pub time: Duration,
}

/// A time in which the sandbox does not listen: connections are refused, and a request on an open
/// one is reset before its body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutageWindow {
    /// When it begins.
    pub start: OutageStart,
    /// How long it lasts.
    pub duration: Duration,
}

/// When an outage begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutageStart {
    /// So long after the first request.
    Time(Duration),
    /// With the request after so many.
    Requests(u64),
}

impl SandboxSettings {
    /// Checks that the shares are fractions and at most 1 together.
    pub(super) fn check(&self) -> Result<(), Error> {
        let slow = self.slow.map_or(0.0, |slow| slow.share);
        let shares = [
            ("errors", self.errors),
            ("throttled", self.throttled),
            ("resets", self.resets),
            ("slow", slow),
        ];
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(Error::Share { name, share });
            }
        }
        let sum: f64 = shares.iter().map(|(_, share)| share).sum();
        // The sum of fractions like 0.1 may exceed 1 by a rounding error.
        if sum > 1.0 + 1e-9 { Err(Error::Shares { sum }) } else { Ok(()) }
    }
}

/// A fault that a request meets by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RandomFault {
    Error,
    Throttle,
    /// `checked`: the webhook's checks come first.
    Reset {
        checked: bool,
    },
    Slow(Duration),
}

/// The faults of a running sandbox.
#[derive(Debug)]
pub(super) struct Faults {
    settings: SandboxSettings,
    requests: AtomicU64,
    outage_start: SetOnce<Instant>,
}

impl Faults {
    pub(super) fn new(settings: SandboxSettings) -> Self {
        Self { settings, requests: AtomicU64::new(0), outage_start: SetOnce::new() }
    }

    /// Numbers a request that arrived at `now`, from 1. It may begin the outage.
    pub(super) fn count_request(&self, now: Instant) -> u64 {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let delay = match self.settings.outage.map(|outage| outage.start) {
            Some(OutageStart::Time(delay)) => Some(delay),
            Some(OutageStart::Requests(count)) => (number > count).then_some(Duration::ZERO),
            None => None,
        };
        if let Some(delay) = delay {
            // Only the first one sets it.
            let _ = self.outage_start.set(now + delay);
        }
        number
    }

    fn outage_from(&self, start: Instant) -> Range<Instant> {
        start..start + self.settings.outage.map_or(Duration::ZERO, |outage| outage.duration)
    }

    /// Whether the outage is on.
    pub(super) fn is_outage(&self, now: Instant) -> bool {
        self.outage_start.get().is_some_and(|start| self.outage_from(*start).contains(&now))
    }

    /// Waits for the outage to begin; returns its end.
    pub(super) async fn wait_for_outage(&self) -> Instant {
        let outage = self.outage_from(*self.outage_start.wait().await);
        tokio::time::sleep_until(outage.start.into()).await;
        outage.end
    }

    /// Whether the credentials are revoked for this request.
    pub(super) fn is_revoked(&self, number: u64) -> bool {
        self.settings.revoke_after.is_some_and(|count| number > count)
    }

    /// The random fault of this request.
    pub(super) fn draw(&self, number: u64) -> Option<RandomFault> {
        let SandboxSettings { resets, throttled, errors, slow, seed, .. } = self.settings;
        let hash = xxh3_64_with_seed(&number.to_le_bytes(), seed);
        let mut rng = fastrand::Rng::with_seed(hash);
        let drawn = rng.f64();
        if drawn < resets {
            Some(RandomFault::Reset { checked: rng.bool() })
        } else if drawn < resets + throttled {
            Some(RandomFault::Throttle)
        } else if drawn < resets + throttled + errors {
            Some(RandomFault::Error)
        } else {
            slow.filter(|slow| drawn < resets + throttled + errors + slow.share)
                .map(|slow| RandomFault::Slow(slow.time))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(settings: &SandboxSettings, count: u64) -> Vec<Option<RandomFault>> {
        let faults = Faults::new(settings.clone());
        (1..=count).map(|number| faults.draw(number)).collect()
    }

    #[test]
    fn shares_are_fractions_and_at_most_one_together() {
        let check = |errors, throttled, resets, slow| {
            let slow = Some(SlowResponses { share: slow, time: Duration::ZERO });
            SandboxSettings { errors, throttled, resets, slow, ..SandboxSettings::default() }
                .check()
        };
        assert!(check(0.0, 0.0, 0.0, 0.0).is_ok());
        assert!(check(0.1, 0.2, 0.6, 0.1).is_ok());
        assert!(matches!(check(0.0, 1.5, 0.0, 0.0), Err(Error::Share { name: "throttled", .. })));
        assert!(matches!(check(0.0, 0.0, f64::NAN, 0.0), Err(Error::Share { name: "resets", .. })));
        assert!(matches!(check(-0.1, 0.0, 0.0, 0.0), Err(Error::Share { name: "errors", .. })));
        assert!(matches!(check(0.0, 0.0, 0.0, 2.0), Err(Error::Share { name: "slow", .. })));
        assert!(matches!(check(0.3, 0.3, 0.3, 0.3), Err(Error::Shares { .. })));
    }

    #[test]
    fn faults_come_in_their_shares() {
        let time = Duration::from_secs(1);
        let settings = SandboxSettings {
            resets: 0.1,
            throttled: 0.2,
            errors: 0.3,
            slow: Some(SlowResponses { share: 0.1, time }),
            seed: 7,
            ..SandboxSettings::default()
        };
        let drawn = draw(&settings, 100_000);
        let count = |wanted: Option<RandomFault>| drawn.iter().filter(|f| **f == wanted).count();
        assert!((4_600..5_400).contains(&count(Some(RandomFault::Reset { checked: true }))));
        assert!((4_600..5_400).contains(&count(Some(RandomFault::Reset { checked: false }))));
        assert!((19_300..20_700).contains(&count(Some(RandomFault::Throttle))));
        assert!((29_200..30_800).contains(&count(Some(RandomFault::Error))));
        assert!((9_500..10_500).contains(&count(Some(RandomFault::Slow(time)))));
        assert!((29_200..30_800).contains(&count(None)));
        let all = SandboxSettings { throttled: 1.0, ..SandboxSettings::default() };
        assert!(draw(&all, 10_000).iter().all(|f| *f == Some(RandomFault::Throttle)));
        assert!(draw(&SandboxSettings::default(), 10_000).iter().all(Option::is_none));
    }

    #[test]
    fn seed_selects_the_same_faults_again() {
        let settings = SandboxSettings { errors: 0.5, seed: 3, ..SandboxSettings::default() };
        assert_eq!(draw(&settings, 100), draw(&settings, 100));
        assert_ne!(draw(&settings, 100), draw(&SandboxSettings { seed: 4, ..settings }, 100));
    }

    #[test]
    fn outage_begins_by_time_or_by_number_and_ends() {
        let start = Instant::now();
        let second = |seconds| start + Duration::from_secs(seconds);
        let outage = |start| {
            let outage = Some(OutageWindow { start, duration: Duration::from_secs(3) });
            Faults::new(SandboxSettings { outage, ..SandboxSettings::default() })
        };
        let faults = outage(OutageStart::Time(Duration::from_secs(5)));
        assert!(!faults.is_outage(second(6)), "no request yet");
        faults.count_request(second(0));
        faults.count_request(second(2));
        let on = |faults: &Faults| [4, 5, 7, 8].map(|at| faults.is_outage(second(at)));
        assert_eq!(on(&faults), [false, true, true, false]);

        let faults = outage(OutageStart::Requests(2));
        for (at, number) in [(1, 1), (2, 2), (5, 3), (7, 4)] {
            assert_eq!(faults.count_request(second(at)), number);
        }
        assert_eq!(on(&faults), [false, true, true, false]);
    }
}
