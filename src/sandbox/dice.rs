//! Chance that can be repeated: which request meets which fault, and how late its answer is.
//!
//! `SplitMix64` over a counter, so that drawing needs no lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Settings;

/// What becomes of a request, but for the webhook's own checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The webhook looks at it and answers.
    Answer,
    /// 500.
    Fail,
    /// 429.
    Throttle,
    /// The connection is reset; `seen` when the webhook looked at the request before.
    Reset { seen: bool },
}

/// Draws fates and delays, each from its own sequence: an added jitter doesn't change which
/// requests meet a fault.
#[derive(Debug)]
pub(super) struct Dice {
    fates: Sequence,
    delays: Sequence,
    /// Upper ends of the three shares, in this order: resets, throttled, errors.
    ends: [f64; 3],
    latency: Duration,
    jitter: Duration,
}

impl Dice {
    pub(super) fn new(settings: &Settings) -> Self {
        let Settings { resets, throttled, errors, latency, jitter, seed, .. } = *settings;
        Self {
            fates: Sequence::new(seed),
            delays: Sequence::new(!seed),
            ends: [resets, resets + throttled, resets + throttled + errors],
            latency,
            jitter,
        }
    }

    /// The next request's fate.
    pub(super) fn fate(&self) -> Fate {
        let drawn = self.fates.next();
        let at = fraction(drawn);
        // The lowest bit has no part in the fraction.
        let [resets, throttled, errors] = self.ends;
        if at < resets {
            Fate::Reset { seen: drawn & 1 == 1 }
        } else if at < throttled {
            Fate::Throttle
        } else if at < errors {
            Fate::Fail
        } else {
            Fate::Answer
        }
    }

    /// How long the next answer waits.
    pub(super) fn delay(&self) -> Duration {
        if self.jitter.is_zero() {
            return self.latency;
        }
        self.latency.saturating_add(self.jitter.mul_f64(fraction(self.delays.next())))
    }
}

#[derive(Debug)]
struct Sequence(AtomicU64);

impl Sequence {
    /// The golden ratio's fraction in 64 bits: an odd step that visits every value.
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

    fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    fn next(&self) -> u64 {
        mixed(self.0.fetch_add(Self::STEP, Ordering::Relaxed).wrapping_add(Self::STEP))
    }
}

/// `SplitMix64`'s finish: each bit of the result hangs on each bit of `z`.
fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A fraction from 0 up to, but not including, 1 that belongs to these numbers alone: which
/// requests meet a scripted fault doesn't change with those that met another.
pub(super) fn drawn_for(seed: u64, numbers: [u64; 3]) -> f64 {
    let drawn = numbers.iter().fold(mixed(seed ^ Sequence::STEP), |so_far, number| {
        mixed(so_far.wrapping_add(Sequence::STEP) ^ number.wrapping_mul(Sequence::STEP))
    });
    fraction(drawn)
}

/// The upper 53 bits as a fraction from 0 up to, but not including, 1.
fn fraction(drawn: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    let numerator = (drawn >> 11) as f64;
    numerator / 9_007_199_254_740_992.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(settings: &Settings, count: usize) -> Vec<Fate> {
        let dice = Dice::new(settings);
        (0..count).map(|_| dice.fate()).collect()
    }

    #[test]
    fn fates_come_in_their_shares_and_half_of_the_resets_are_seen() {
        let settings =
            Settings { resets: 0.1, throttled: 0.2, errors: 0.3, seed: 7, ..Settings::default() };
        let fates = draw(&settings, 100_000);
        let count = |wanted: fn(&Fate) -> bool| fates.iter().filter(|fate| wanted(fate)).count();
        assert!((9_500..10_500).contains(&count(|fate| matches!(fate, Fate::Reset { .. }))));
        assert!((4_600..5_400).contains(&count(|fate| matches!(fate, Fate::Reset { seen: true }))));
        assert!((19_300..20_700).contains(&count(|fate| *fate == Fate::Throttle)));
        assert!((29_200..30_800).contains(&count(|fate| *fate == Fate::Fail)));
        assert!((39_200..40_800).contains(&count(|fate| *fate == Fate::Answer)));
    }

    #[test]
    fn a_seed_gives_the_same_fates_again_whatever_the_jitter() {
        let settings = Settings { errors: 0.5, seed: 3, ..Settings::default() };
        let shaken = Settings { jitter: Duration::from_secs(1), ..settings.clone() };
        let dice = Dice::new(&shaken);
        let fates: Vec<_> = (0..100)
            .map(|_| {
                assert!(dice.delay() < Duration::from_secs(1));
                dice.fate()
            })
            .collect();
        assert_eq!(fates, draw(&settings, 100));
        assert_ne!(fates, draw(&Settings { seed: 4, ..settings }, 100));
    }

    #[test]
    fn all_and_none_are_kept_exactly() {
        assert!(draw(&Settings::default(), 10_000).iter().all(|fate| *fate == Fate::Answer));
        let settings = Settings { throttled: 1.0, ..Settings::default() };
        assert!(draw(&settings, 10_000).iter().all(|fate| *fate == Fate::Throttle));
    }
}
