//! When too much is not accepted (`--max-failures`): counts what ended, says when it is enough.

use crate::limits::MaxFailures;
use crate::outcome::{Outcome, Status};

/// Shares are looked at only once so many shipments were answered.
const LEAST_ANSWERED: u64 = 100;

/// What ended so far.
#[derive(Debug)]
pub(crate) struct Failures {
    max: MaxFailures,
    in_a_row: u32,
    failed: u64,
    answered: u64,
}

impl Failures {
    pub(crate) fn new(max: MaxFailures) -> Self {
        Self { max, in_a_row: 0, failed: 0, answered: 0 }
    }

    /// Counts how a shipment ended; says why the run must stop, if it must. What was not attempted
    /// does not count.
    pub(crate) fn note(&mut self, outcome: &Outcome) -> Option<String> {
        match outcome.status {
            Status::Sent => {
                self.accepted();
                None
            }
            Status::Rejected | Status::Failed | Status::InDoubt => self.failed(&outcome.message),
            _ => None,
        }
    }

    fn accepted(&mut self) {
        self.in_a_row = 0;
        self.answered += 1;
    }

    fn failed(&mut self, reason: &str) -> Option<String> {
        self.in_a_row += 1;
        self.failed += 1;
        self.answered += 1;
        match self.max {
            MaxFailures::InARow(max) if self.in_a_row >= max.get() => Some(format!(
                "{} shipments in a row were not accepted (--max-failures), the last one: {reason}",
                self.in_a_row
            )),
            MaxFailures::Percent(share)
                if self.answered >= LEAST_ANSWERED
                    && self.failed * 100 >= u64::from(share) * self.answered =>
            {
                Some(format!(
                    "{} of {} shipments were not accepted (--max-failures {share}%), the last one: {reason}",
                    self.failed, self.answered
                ))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(max: &str) -> Failures {
        Failures::new(max.parse().expect("a limit"))
    }

    #[test]
    fn a_number_counts_in_a_row_only() {
        let mut failures = failures("3");
        assert!(failures.failed("x").is_none());
        assert!(failures.failed("x").is_none());
        failures.accepted();
        assert!(failures.failed("x").is_none());
        assert!(failures.failed("x").is_none());
        assert!(failures.failed("HTTP 409: no").is_some_and(|why| {
            why.contains("3 shipments in a row") && why.contains("HTTP 409: no")
        }));
    }

    #[test]
    fn a_share_waits_for_a_hundred_answers() {
        let mut failures = failures("20%");
        assert!((0..19).all(|_| failures.failed("x").is_none()));
        (0..80).for_each(|_| failures.accepted());
        assert!(failures.failed("x").is_some(), "the hundredth answer makes it twenty per cent");
    }

    #[test]
    fn never_is_never() {
        let mut failures = failures("0");
        assert!((0..10_000).all(|_| failures.failed("x").is_none()));
    }
}
