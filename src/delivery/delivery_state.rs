//! What a delivery under way knows: the policies' states, and where its tasks are.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::backoff;
use super::circuit_breaker::{AttemptKind, CircuitBreaker};
use super::concurrency::ConcurrencyLimit;
use super::failures::Failures;
use super::pacer::Pacer;
use super::pending::PendingTask;
use super::serial::SerialByIdentity;
use crate::limits::Limits;
use crate::outcome::Ticket;

/// See the module. `E` is why something could not be recorded.
pub(super) struct DeliveryState<E> {
    pub(super) breaker: CircuitBreaker,
    pub(super) concurrency: ConcurrencyLimit,
    pub(super) failures: Failures,
    pub(super) pacer: Pacer,
    /// Tasks that wait for another attempt, by when it is due.
    pub(super) retries: BTreeMap<(Instant, Ticket), PendingTask>,
    pub(super) serial: SerialByIdentity,
    /// Tasks taken from the queue and not settled.
    pub(super) open: usize,
    pub(super) in_flight: usize,
    /// Whether the queue is empty.
    pub(super) drained: bool,
    /// Why the engine stopped the run.
    pub(super) stopped: Option<String>,
    pub(super) error: Option<E>,
    random: fastrand::Rng,
}

impl<E> DeliveryState<E> {
    pub(super) fn new(limits: &Limits, seed: u64) -> Self {
        Self {
            breaker: CircuitBreaker::new(limits.give_up_after),
            concurrency: ConcurrencyLimit::new(limits.concurrency.get(), Instant::now()),
            failures: Failures::new(limits.max_failures),
            pacer: Pacer::new(limits.rate),
            retries: BTreeMap::new(),
            serial: SerialByIdentity::default(),
            open: 0,
            in_flight: 0,
            drained: false,
            stopped: None,
            error: None,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// When the earliest retry is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        Some(self.retries.first_key_value()?.0.0)
    }

    /// The earliest retry, due or not.
    pub(super) fn take_retry(&mut self) -> Option<PendingTask> {
        Some(self.retries.pop_first()?.1)
    }

    /// A task to work on: a retry that is due, else a parked task whose turn has come. In an outage
    /// parked ones come first, and the one attempted longest ago when the queue is empty.
    pub(super) fn take_waiting(&mut self, now: Instant) -> Option<PendingTask> {
        let is_open = self.breaker.is_open();
        if !is_open && self.next_due().is_some_and(|due| due <= now) {
            return self.take_retry();
        }
        let free = self.serial.next_free();
        if free.is_none() && is_open && self.drained { self.take_retry() } else { free }
    }

    /// Whether every task that is left waits for a retry to come due.
    pub(super) fn is_backing_off(&self) -> bool {
        self.drained && self.open == self.retries.len() + self.serial.parked()
    }

    /// Different shipments that can show an outage.
    pub(super) fn shipments_left(&self) -> usize {
        if self.drained { self.open } else { usize::MAX }
    }

    /// How the next attempt for a task is made.
    pub(super) fn attempt_kind(&self, pending: &PendingTask) -> AttemptKind {
        match self.breaker.is_open() {
            false => AttemptKind::Normal,
            true if self.drained && pending.attempts() > 0 => AttemptKind::ChargedProbe,
            true => AttemptKind::Probe,
        }
    }

    /// When the next attempt for a task is due: after a backoff where the last one was charged,
    /// else as soon as the breaker lets it.
    pub(super) fn retry_due(&mut self, pending: &PendingTask, now: Instant) -> Instant {
        if pending.kind == AttemptKind::Normal && !self.breaker.is_holding() {
            now + backoff::wait(pending.charged, self.random.f64())
        } else {
            now
        }
    }
}
