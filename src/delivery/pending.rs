//! A task in the engine's hands with its attempts so far.

use std::time::Duration;

use jiff::Timestamp;

use super::Task;
use super::circuit_breaker::AttemptKind;
use crate::outcome::{Outcome, Status};

/// A task and its attempts so far.
#[derive(Debug)]
pub(super) struct PendingTask {
    pub(super) task: Task,
    /// Of the present or next attempt.
    pub(super) kind: AttemptKind,
    /// The number of the present request.
    pub(super) request: u64,
    /// Attempts that count towards `--max-attempts`.
    pub(super) charged: u32,
    /// Whether a response was lost, so that the shipment may have been accepted.
    pub(super) tainted: bool,
    /// What the attempts so far leave in its outcome; the message says why the last one did not
    /// settle it.
    pub(super) last: Outcome,
}

impl PendingTask {
    pub(super) fn new(task: Task) -> Self {
        Self {
            tainted: task.was_in_doubt(),
            task,
            kind: AttemptKind::Normal,
            request: 0,
            charged: 0,
            last: Outcome::unsent(Status::NotAttempted, ""),
        }
    }

    pub(super) fn identity(&self) -> u128 {
        self.task.shipment.identity
    }

    /// Requests made.
    pub(super) fn attempts(&self) -> u32 {
        self.last.attempts
    }

    /// Counts an attempt that ended at `finished_at`.
    pub(super) fn count_attempt(
        &mut self,
        http_status: Option<u16>,
        finished_at: Timestamp,
        duration: Duration,
    ) {
        self.last.attempts += 1;
        self.last.http_status = http_status;
        self.last.finished_at = Some(finished_at);
        self.last.duration = Some(duration);
    }

    /// The outcome with `status`. One lost response makes every status but `sent` `in_doubt`.
    pub(super) fn outcome(&self, status: Status, message: impl Into<String>) -> Outcome {
        let message: String = message.into();
        let (status, message) = match status {
            Status::Sent if self.tainted => (
                status,
                "accepted; sent again since the answer to an earlier attempt was lost, so it may \
                 have arrived twice"
                    .to_owned(),
            ),
            Status::Sent | Status::InDoubt => (status, message),
            _ if self.tainted => (
                Status::InDoubt,
                format!(
                    "{message}; the answer to an earlier attempt was lost, so it may have been \
                     accepted"
                ),
            ),
            _ => (status, message),
        };
        Outcome { status, message, ..self.last.clone() }
    }

    /// The outcome when the run ends before another attempt: `failed` where it was attempted, else
    /// that of a task whose turn did not come. What an earlier run said is not true any more where
    /// the ledger knows that it may have been accepted since.
    pub(super) fn outcome_at_stop(&mut self, not_attempted: &str) -> Outcome {
        if self.attempts() > 0 {
            let message = format!("{}; the run stopped before another attempt", self.last.message);
            self.outcome(Status::Failed, message)
        } else if self.task.previous.is_some() && self.tainted == self.task.was_in_doubt() {
            self.task.unattempted(not_attempted)
        } else {
            self.outcome(Status::NotAttempted, not_attempted)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubt_of_the_ledger_counts_more_than_an_earlier_outcome() {
        let stopped = |previous, tainted| {
            let previous = Some(Box::new(Outcome::unsent(previous, "earlier")));
            let mut pending = PendingTask::new(Task { previous, ..Task::default() });
            pending.tainted |= tainted;
            let outcome = pending.outcome_at_stop("stopped");
            (outcome.status, outcome.message)
        };
        assert_eq!(stopped(Status::Failed, false), (Status::Failed, "earlier".to_owned()));
        assert_eq!(stopped(Status::InDoubt, false), (Status::InDoubt, "earlier".to_owned()));
        let (status, message) = stopped(Status::Failed, true);
        assert_eq!(status, Status::InDoubt);
        assert!(message.starts_with("stopped; "), "{message}");
    }
}
