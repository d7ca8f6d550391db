//! The engine: takes shipments from the desk, sends them, and hands their outcomes back. Here is
//! what it needs and what it promises; `work` is how.
//!
//! As many worker loops as requests may be in flight run on one thread. One worker at a time stands
//! in the gate and chooses the next piece of work: a retry that is due, else the next shipment of
//! the desk; it pays the pace, looks at the course once more, and leaves with it. So order, rate
//! and holds are decided in one place, and whoever waits holds no slot. Transport, clock and stop
//! signal are parameters, and time is tokio's, so that a scripted transport under a paused clock
//! can prove all of it.
//!
//! Invariants: every shipment taken from the desk is settled exactly once; attempts that count
//! never exceed the most allowed; the engine ends once the desk is empty, a stop is wished, or
//! every shipment would fare the same.

use std::future::Future;

use jiff::Timestamp;

use super::Transport;
use super::gauge::Gauge;
use super::stop::{Stop, Wish};
use super::work::Run;
use crate::limits::Limits;
use crate::outcome::{Conclusion, Outcome, Ticket};
use crate::shipment::Shipment;

/// Where shipments are fetched, and where what becomes of them is recorded.
///
/// The engine calls in this order: [`next`](Self::next); once no other shipment of the same
/// identity is under way [`admit`](Self::admit); for each attempt [`intend`](Self::intend) before
/// its first byte and [`attempted`](Self::attempted) after its answer; and once it does not go
/// again [`settle`](Self::settle). What is recorded when `intend` returns survives the program's
/// death, what `attempted` was told at the latest when the next `intend` returns: so never more
/// than is in flight is in doubt after that.
pub trait Desk {
    /// Why something could not be recorded; it stops the run.
    type Error;

    /// The next shipment, once there is one and room for it; `None` at the end. Dropping the future
    /// loses nothing.
    ///
    /// # Errors
    /// When a row on the way could not be recorded. No shipment is sent after that.
    fn next(&self) -> impl Future<Output = Result<Option<(Ticket, Shipment)>, Self::Error>>;

    /// Whether the shipment is to be sent at all; if not, the desk has settled it.
    ///
    /// # Errors
    /// When that cannot be found out or recorded. No shipment is sent after that.
    fn admit(
        &self,
        ticket: Ticket,
        shipment: &Shipment,
    ) -> impl Future<Output = Result<Admission, Self::Error>>;

    /// Records that an attempt begins: from now on the shipment may have been accepted.
    ///
    /// # Errors
    /// When it could not be recorded. The attempt is not made then.
    fn intend(&self, shipment: &Shipment) -> impl Future<Output = Result<(), Self::Error>>;

    /// Records what an attempt showed.
    ///
    /// # Errors
    /// When it could not be recorded. No shipment is sent after that.
    fn attempted(
        &self,
        shipment: &Shipment,
        conclusion: Conclusion,
    ) -> impl Future<Output = Result<(), Self::Error>>;

    /// Records how a shipment ended.
    ///
    /// # Errors
    /// When it could not be recorded. No shipment is sent after that.
    fn settle(
        &self,
        ticket: Ticket,
        shipment: &Shipment,
        outcome: &Outcome,
    ) -> Result<(), Self::Error>;
}

/// What becomes of a shipment whose turn has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is sent.
    Send {
        /// Whether it may have been accepted already, by an attempt of an earlier run.
        tainted: bool,
    },
    /// It is not sent, and its outcome is recorded.
    Settled,
}

/// The time of day, for what is recorded.
pub trait Clock {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Every shipment of the desk was settled.
    Complete,
    /// It stopped itself, for this reason.
    Stopped(String),
    /// It stopped because somebody wished it.
    Wished(Wish),
}

impl Ending {
    /// The message of the shipments that were not sent.
    pub fn left_because(&self) -> String {
        match self {
            Self::Complete => "not sent".to_owned(),
            Self::Stopped(reason) | Self::Wished(Wish::Deadline(reason)) => {
                format!("the run stopped before its turn: {reason}")
            }
            Self::Wished(Wish::Interrupt(_)) => {
                "the run was interrupted before its turn".to_owned()
            }
            Self::Wished(Wish::Unrecorded) => {
                "the run stopped before its turn: what is sent could no longer be recorded"
                    .to_owned()
            }
        }
    }
}

/// A delivery and all it needs. See [`Engine::run`].
#[derive(Debug)]
pub struct Engine<'a, T, D, C> {
    /// The bounds of the run.
    pub limits: &'a Limits,
    /// How many shipments the run has, where that is known.
    pub shipments: Option<u64>,
    /// What requests travel on.
    pub transport: &'a T,
    /// Where shipments come from and outcomes go.
    pub desk: &'a D,
    /// The time of day.
    pub clock: &'a C,
    /// The wish to stop.
    pub stop: Stop,
    /// What others may watch.
    pub gauge: &'a Gauge,
    /// Seeds the jitter.
    pub seed: u64,
}

impl<T: Transport, D: Desk, C: Clock> Engine<'_, T, D, C> {
    /// Delivers until the desk is empty or the run has to stop. What was taken from the desk is
    /// settled by then; what was not taken is still there.
    ///
    /// # Errors
    /// The desk's own, when an outcome could not be recorded. Requests in flight are waited for all
    /// the same.
    pub async fn run(self) -> Result<Ending, D::Error> {
        self.gauge.set_limit(self.limits.concurrency.get());
        let run = Run::new(self);
        let workers = (0..run.concurrency()).map(|_| run.work());
        futures::future::join_all(workers).await;
        run.close()
    }
}
