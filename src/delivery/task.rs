//! The value that travels through a run: one shipment with all that is known of it.
//!
//! The pipeline creates a task once, the engine delivers it, and it comes back with its outcome.

use smallvec::SmallVec;

use crate::outcome::{Outcome, Status, Ticket};
use crate::shipment::Shipment;

/// A shipment to deliver.
#[derive(Debug, Clone, Default)]
pub struct Task {
    /// What is sent.
    pub shipment: Shipment,
    /// Its lines in the results; several where it is made of several rows. Never empty.
    pub lines: SmallVec<[Ticket; 1]>,
    /// Its outcome in an earlier run, for a retry.
    pub previous: Option<Box<Outcome>>,
}

impl Task {
    /// The task's number: the ticket of its first line.
    pub fn ticket(&self) -> Ticket {
        self.lines.first().copied().unwrap_or_default()
    }

    /// Whether an earlier run left it in doubt.
    pub fn was_in_doubt(&self) -> bool {
        self.previous.as_ref().is_some_and(|previous| previous.status == Status::InDoubt)
    }

    /// The outcome of a task whose turn did not come: that of the earlier run where there is one,
    /// since it is still true, else `not_attempted` with this message.
    pub fn unattempted(&mut self, message: &str) -> Outcome {
        let previous = self.previous.take().map(|previous| *previous);
        previous.unwrap_or_else(|| Outcome::unsent(Status::NotAttempted, message))
    }
}
