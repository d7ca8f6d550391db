//! What a delivery under way knows: the policies' states, and where its tasks are.

use tokio::time::Instant;

use super::backoff;
use super::circuit_breaker::{AttemptKind, CircuitBreaker, Permit};
use super::concurrency::ConcurrencyLimit;
use super::failures::Failures;
use super::metrics::WaitingFor;
use super::pacer::Pacer;
use super::pending::{PendingTask, RetryQueue};
use super::serial::SerialByIdentity;
use super::verdict::Verdict;
use crate::limits::Limits;

/// See the module. `E` is why something could not be recorded.
pub(super) struct DeliveryState<E> {
    pub(super) breaker: CircuitBreaker,
    pub(super) concurrency: ConcurrencyLimit,
    pub(super) failures: Failures,
    pacer: Pacer,
    pub(super) retries: RetryQueue,
    pub(super) serial: SerialByIdentity,
    /// Tasks that workers hold: looked up, at the gate or in flight.
    pub(super) held: usize,
    pub(super) in_flight: usize,
    /// Shipments of the run that were not known from before, where that is known.
    pub(super) shipments: Option<u64>,
    /// Whether the queue is empty.
    pub(super) drained: bool,
    /// Whether the log has the beginning of a hold and not yet its end.
    hold_logged: bool,
    /// Why the engine stopped the run.
    pub(super) stopped: Option<String>,
    pub(super) error: Option<E>,
    random: fastrand::Rng,
}

impl<E> DeliveryState<E> {
    pub(super) fn new(limits: &Limits, shipments: Option<u64>, seed: u64) -> Self {
        Self {
            breaker: CircuitBreaker::new(limits.give_up_after),
            concurrency: ConcurrencyLimit::new(limits.concurrency.get(), Instant::now()),
            failures: Failures::new(limits.max_failures),
            pacer: Pacer::new(limits.rate),
            retries: RetryQueue::default(),
            serial: SerialByIdentity::default(),
            held: 0,
            in_flight: 0,
            shipments,
            drained: false,
            hold_logged: false,
            stopped: None,
            error: None,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// A task to work on: a retry that is due, else a parked task whose turn has come. In an outage
    /// parked ones come first, and the one attempted longest ago when the queue is empty.
    pub(super) fn take_waiting(&mut self, now: Instant) -> Option<PendingTask> {
        let is_open = self.breaker.is_open();
        let due = if is_open { None } else { self.retries.take_due(now) };
        due.or_else(|| self.serial.next_free())
            .or_else(|| if is_open && self.drained { self.retries.take_first() } else { None })
    }

    /// Whether no task is left to work on, now or later.
    pub(super) fn is_exhausted(&self) -> bool {
        self.drained && self.held == 0 && self.retries.is_empty() && !self.serial.has_free()
    }

    /// How many shipments can show an outage: those that are left, or while more may come all.
    pub(super) fn shipments_left(&self) -> Option<u64> {
        let left = self.held + self.retries.len() + self.serial.len();
        if self.drained { Some(left as u64) } else { self.shipments }
    }

    /// Counts a shipment out that is not sent.
    pub(super) fn forget_known(&mut self) {
        self.shipments = self.shipments.map(|all| all.saturating_sub(1));
    }

    /// What keeps the next request back, and until when; `None` when it may go, and then it is
    /// counted against the rate.
    pub(super) fn obstacle(&mut self, now: Instant) -> Option<(WaitingFor, Option<Instant>)> {
        match self.breaker.permit(now, self.in_flight) {
            Permit::Now if self.concurrency.allows(self.in_flight) => {
                let wait = self.pacer.take().err()?;
                Some((WaitingFor::Rate, Some(now + wait)))
            }
            Permit::Now | Permit::AfterResponse => Some((WaitingFor::Response, None)),
            Permit::At(until, reason) => {
                Some((WaitingFor::Endpoint { reason, until }, Some(until)))
            }
            Permit::GiveUp(reason) => {
                self.stopped.get_or_insert(reason);
                Some((WaitingFor::Nothing, Some(now)))
            }
        }
    }

    /// How the next attempt for a task is made.
    pub(super) fn attempt_kind(&self, pending: &PendingTask) -> AttemptKind {
        if self.breaker.is_open() {
            AttemptKind::Probe { charged: self.drained && pending.attempts > 0 }
        } else {
            AttemptKind::Normal
        }
    }

    /// Logs the beginning of a hold, and its end with the first usable response.
    pub(super) fn log_holds(&mut self, verdict: &Verdict) {
        match self.breaker.hold_reason() {
            Some(reason) if !self.hold_logged => {
                tracing::warn!("waiting for the endpoint: {reason}");
                self.hold_logged = true;
            }
            None if self.hold_logged && verdict.is_usable() => {
                tracing::warn!("the endpoint answers again");
                self.hold_logged = false;
            }
            _ => {}
        }
    }

    /// Queues a task for its next attempt: after a backoff where the attempt was charged, else as
    /// soon as the breaker lets it.
    pub(super) fn schedule_retry(&mut self, pending: PendingTask, now: Instant) {
        let backs_off = pending.kind == AttemptKind::Normal && self.breaker.hold_reason().is_none();
        let unit = if backs_off { self.random.f64() } else { 0.0 };
        self.retries.push(now + backoff::wait(pending.charged, unit), pending);
        self.held -= 1;
    }
}
