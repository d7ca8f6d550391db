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

    /// Counts how a shipment ended. Returns why the run must stop, if it must. What was not
    /// attempted does not count.
    pub(crate) fn note(&mut self, outcome: &Outcome) -> Option<String> {
        match outcome.status {
            Status::Sent => self.in_a_row = 0,
            Status::Rejected | Status::Failed | Status::InDoubt => {
                self.in_a_row += 1;
                self.failed += 1;
            }
            _ => return None,
        }
        self.answered += 1;
        let Self { in_a_row, failed, answered, .. } = *self;
        let (too_many, limit) = match self.max {
            MaxFailures::InARow(max) if in_a_row >= max.get() => {
                (format!("{in_a_row} shipments in a row"), String::new())
            }
            MaxFailures::Percent(share)
                if answered >= LEAST_ANSWERED && failed * 100 >= u64::from(share) * answered =>
            {
                (format!("{failed} of {answered} shipments"), format!(" {share}%"))
            }
            _ => return None,
        };
        let last = &outcome.message;
        Some(format!("{too_many} were not accepted (--max-failures{limit}), the last one: {last}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(max: &str) -> Failures {
        Failures::new(max.parse().expect("a limit"))
    }

    fn note(failures: &mut Failures, status: Status, message: &str) -> Option<String> {
        failures.note(&Outcome::unsent(status, message))
    }

    #[test]
    fn max_failures_as_a_number_counts_in_a_row() {
        let mut failures = failures("3");
        assert!(note(&mut failures, Status::Failed, "x").is_none());
        assert!(note(&mut failures, Status::Failed, "x").is_none());
        assert_eq!(note(&mut failures, Status::Sent, ""), None);
        assert!(note(&mut failures, Status::Failed, "x").is_none());
        assert!(note(&mut failures, Status::Failed, "x").is_none());
        assert!(note(&mut failures, Status::Failed, "HTTP 409: no").is_some_and(|why| {
            why.contains("3 shipments in a row") && why.contains("HTTP 409: no")
        }));
    }

    #[test]
    fn max_failures_as_a_share_waits_for_a_hundred_responses() {
        let mut failures = failures("20%");
        assert!((0..19).all(|_| note(&mut failures, Status::Failed, "x").is_none()));
        assert!((0..80).all(|_| note(&mut failures, Status::Sent, "").is_none()));
        assert!(
            note(&mut failures, Status::Failed, "x").is_some(),
            "the hundredth answer makes it twenty per cent"
        );
    }

    #[test]
    fn max_failures_0_never_stops() {
        let mut failures = failures("0");
        assert!((0..10_000).all(|_| note(&mut failures, Status::Failed, "x").is_none()));
    }
}
