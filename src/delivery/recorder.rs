//! What the engine needs from its caller: a source of tasks, and a memory of attempts.

use super::Task;
use crate::outcome::{Conclusion, Outcome};
use crate::shipment::Shipment;

/// Where tasks come from and where their outcomes go.
#[expect(async_fn_in_trait, reason = "everything runs on one thread")]
pub trait TaskQueue {
    /// Why an outcome could not be recorded; it stops the run.
    type Error;

    /// The next task in the order of the input, once there is one and room for it; `None` at the
    /// end. Cancel safe: a dropped future loses no task.
    ///
    /// # Errors
    /// When a row on the way could not be recorded. No request is sent after that.
    async fn next(&self) -> Result<Option<Task>, Self::Error>;

    /// Records the outcome of a task. Each task is settled exactly once.
    ///
    /// # Errors
    /// When it could not be recorded. No request is sent after that.
    fn settle(&self, task: Task, outcome: &Outcome) -> Result<(), Self::Error>;
}

/// The memory of what was accepted and what may have been.
///
/// The engine calls [`admit`](Self::admit) once, when no other shipment of the same identity is in
/// its hands, and for each attempt [`begin`](Self::begin) and [`end`](Self::end).
#[expect(async_fn_in_trait, reason = "everything runs on one thread")]
pub trait Recorder {
    /// Why nothing more can be remembered; it stops the run.
    type Error;

    /// Looks the shipment's history up and decides whether it is sent.
    ///
    /// # Errors
    /// When the history cannot be read. No request is sent after that.
    async fn admit(&self, shipment: &Shipment) -> Result<Admission, Self::Error>;

    /// Records that an attempt begins. When this returns the record survives the death of the
    /// process; only then the first byte of the request is sent.
    ///
    /// # Errors
    /// When it could not be recorded. The attempt is not made then.
    async fn begin(&self, shipment: &Shipment) -> Result<(), Self::Error>;

    /// Records how an attempt ended. When this returns the record survives the death of the
    /// process; only then another request may take its place.
    ///
    /// # Errors
    /// When it could not be recorded. No request is sent after that.
    async fn end(&self, shipment: &Shipment, conclusion: Conclusion) -> Result<(), Self::Error>;
}

/// Whether a shipment is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It is sent.
    Send {
        /// Whether an attempt of an earlier run may have been accepted.
        tainted: bool,
    },
    /// It is not sent, and this is its outcome.
    Settled(Outcome),
}
