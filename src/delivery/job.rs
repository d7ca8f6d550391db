//! A shipment on its way: what was tried, what came back, and the queue of those that go again.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::course::Sent;
use crate::outcome::{Outcome, Status, Ticket};
use crate::shipment::Shipment;

/// What the last attempt showed.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) http_status: Option<u16>,
    pub(super) finished_at: Timestamp,
    pub(super) duration: Duration,
}

/// One shipment between the desk and its outcome.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) ticket: Ticket,
    pub(super) shipment: Shipment,
    /// How its present or next request goes out.
    pub(super) sent: Sent,
    /// Requests made for it.
    pub(super) attempts: u32,
    /// Those of them that count towards the most there may be.
    pub(super) charged: u32,
    /// Whether the desk said that it is to be sent.
    pub(super) admitted: bool,
    /// Whether an answer was lost once, so that it may have been accepted already.
    pub(super) tainted: bool,
    /// Why the last attempt did not settle it.
    pub(super) reason: String,
    pub(super) seen: Option<Seen>,
}

impl Job {
    pub(super) fn new(ticket: Ticket, shipment: Shipment) -> Self {
        Self {
            ticket,
            shipment,
            sent: Sent::Plainly,
            attempts: 0,
            charged: 0,
            admitted: false,
            tainted: false,
            reason: String::new(),
            seen: None,
        }
    }

    /// Ends it in `status`; one lost answer makes every end but an acceptance `in_doubt`.
    pub(super) fn end(&self, status: Status, message: impl Into<String>) -> Outcome {
        let message: String = message.into();
        let (status, message) = match status {
            Status::Sent if self.tainted => (
                Status::Sent,
                "accepted; sent again since the answer to an earlier attempt was lost, so it may have arrived twice"
                    .to_owned(),
            ),
            Status::Sent | Status::InDoubt => (status, message),
            _ if self.tainted => (
                Status::InDoubt,
                format!("{message}; the answer to an earlier attempt was lost, so it may have been accepted"),
            ),
            _ => (status, message),
        };
        Outcome {
            status,
            http_status: self.seen.as_ref().and_then(|seen| seen.http_status),
            attempts: self.attempts,
            message,
            finished_at: self.seen.as_ref().map(|seen| seen.finished_at),
            duration: self.seen.as_ref().map(|seen| seen.duration),
        }
    }

    /// Ends it because the run ends: `failed` where it was tried, `not_attempted` where it was not,
    /// `in_doubt` where an answer was lost; `because` is the message of those that were not
    /// reached.
    pub(super) fn give_back(&self, because: &str) -> Outcome {
        if self.attempts == 0 {
            self.end(Status::NotAttempted, because)
        } else {
            self.end(
                Status::Failed,
                format!("{}; the run stopped before another attempt", self.reason),
            )
        }
    }
}

/// Jobs waiting for another attempt, the earliest due first; among equals the one that waits
/// longest.
#[derive(Debug, Default)]
pub(super) struct Retries {
    heap: BinaryHeap<Reverse<Due>>,
    order: u64,
}

#[derive(Debug)]
struct Due {
    at: Instant,
    order: u64,
    job: Job,
}

impl Retries {
    pub(super) fn push(&mut self, at: Instant, job: Job) {
        self.order += 1;
        self.heap.push(Reverse(Due { at, order: self.order, job }));
    }

    /// When the earliest is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(due)| due.at)
    }

    /// The earliest, if it is due at `now`.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Job> {
        if self.next_due()? <= now { self.take_first() } else { None }
    }

    /// The earliest, due or not.
    pub(super) fn take_first(&mut self) -> Option<Job> {
        self.heap.pop().map(|Reverse(due)| due.job)
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

impl Due {
    fn key(&self) -> (Instant, u64) {
        (self.at, self.order)
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}
