//! A task in the engine's hands with its attempts so far, and the queue of those that wait for
//! their next attempt.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

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
    /// Requests made.
    pub(super) attempts: u32,
    /// Attempts that count towards `--max-attempts`.
    pub(super) charged: u32,
    /// Whether a response was lost, so that the shipment may have been accepted.
    pub(super) tainted: bool,
    /// Why the last attempt did not settle it.
    pub(super) reason: String,
    /// The last response's status.
    pub(super) http_status: Option<u16>,
    /// When the last attempt ended, and how long it took.
    pub(super) finished: Option<(Timestamp, Duration)>,
}

impl PendingTask {
    pub(super) fn new(task: Task) -> Self {
        Self {
            tainted: task.was_in_doubt(),
            task,
            kind: AttemptKind::Normal,
            request: 0,
            attempts: 0,
            charged: 0,
            reason: String::new(),
            http_status: None,
            finished: None,
        }
    }

    pub(super) fn identity(&self) -> u128 {
        self.task.shipment.identity
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
        Outcome {
            status,
            http_status: self.http_status,
            attempts: self.attempts,
            message,
            finished_at: self.finished.map(|(at, _)| at),
            duration: self.finished.map(|(_, duration)| duration),
        }
    }

    /// The outcome when the run ends before another attempt: `failed` where it was attempted, else
    /// that of a task whose turn did not come.
    pub(super) fn outcome_at_stop(&mut self, not_attempted: &str) -> Outcome {
        if self.attempts > 0 {
            let message = format!("{}; the run stopped before another attempt", self.reason);
            self.outcome(Status::Failed, message)
        } else if self.task.previous.is_some() {
            self.task.unattempted(not_attempted)
        } else {
            self.outcome(Status::NotAttempted, not_attempted)
        }
    }
}

/// Tasks that wait for another attempt, the earliest due first, then the one that waits longest.
#[derive(Debug, Default)]
pub(super) struct RetryQueue {
    tasks: BTreeMap<(Instant, u64), PendingTask>,
    pushed: u64,
}

impl RetryQueue {
    pub(super) fn push(&mut self, due: Instant, pending: PendingTask) {
        self.pushed += 1;
        self.tasks.insert((due, self.pushed), pending);
    }

    /// When the earliest is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.tasks.first_key_value().map(|((due, _), _)| *due)
    }

    /// The earliest, if it is due at `now`.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<PendingTask> {
        if self.next_due()? <= now { self.take_first() } else { None }
    }

    /// The earliest, due or not.
    pub(super) fn take_first(&mut self) -> Option<PendingTask> {
        self.tasks.pop_first().map(|(_, pending)| pending)
    }

    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}
