//! How long a shipment waits before its next attempt: full jitter over a capped exponential.
//!
//! After the n-th charged attempt (n from 1) the wait is drawn evenly from
//! `0 ..= min(CAP, BASE · 2ⁿ⁻¹)`. The jitter keeps shipments that failed together from coming back
//! together.

use std::time::Duration;

/// The upper end of the wait after the first attempt.
pub(crate) const BASE: Duration = Duration::from_secs(1);
/// The upper end of every wait.
pub(crate) const CAP: Duration = Duration::from_secs(60);

/// The longest wait after the `attempt`-th attempt (from 1).
pub(crate) fn ceiling(attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    (BASE * 2u32.pow(doublings)).min(CAP)
}

/// A wait after the `attempt`-th attempt (from 1); `unit` is a number drawn evenly from
/// `0.0 ..= 1.0`.
pub(crate) fn wait(attempt: u32, unit: f64) -> Duration {
    ceiling(attempt).mul_f64(unit.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let seconds: Vec<_> = (0..=9).map(|attempt| ceiling(attempt).as_secs()).collect();
        assert_eq!(seconds, [1, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(ceiling(u32::MAX), CAP);
    }

    proptest! {
        #[test]
        fn every_wait_lies_between_nothing_and_its_ceiling(attempt in any::<u32>(), unit in 0.0..=1.0) {
            prop_assert!(wait(attempt, unit) <= ceiling(attempt));
        }
    }

    #[test]
    fn both_ends_of_the_range_are_reached() {
        assert_eq!(wait(4, 0.0), Duration::ZERO);
        assert_eq!(wait(4, 1.0), Duration::from_secs(8));
    }
}
