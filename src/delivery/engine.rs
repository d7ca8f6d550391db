//! The engine: takes tasks, sends them, and hands them back with their outcomes.
//!
//! As many workers as requests may be in flight run on one thread. A worker takes a retry that is
//! due, else a task that was parked behind another of its identity, else the next of the queue; it
//! looks the history up, waits for the circuit breaker, the concurrency limit and the rate, and
//! makes one attempt. Time is tokio's and the transport a parameter, so that tests prove all of it
//! under a paused clock.
//!
//! Invariants: every task taken from the queue is settled exactly once; charged attempts never
//! exceed `--max-attempts`; of one identity only one task is in the engine's hands; the engine ends
//! when the queue is empty, a stop is requested, or every shipment would fare the same.

use std::cell::RefCell;
use std::time::SystemTime;

use jiff::Timestamp;
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use super::circuit_breaker::{AttemptKind, Permit};
use super::concurrency::LoadSignal;
use super::delivery_state::DeliveryState;
use super::metrics::{Metrics, WaitingFor};
use super::pending::PendingTask;
use super::recorder::{Admission, Recorder, TaskQueue};
use super::stop::{Ending, StopSignal};
use super::verdict::{self, Meaning, Verdict};
use super::{Response, Task, Transport, TransportError};
use crate::limits::{InDoubt, Limits};
use crate::outcome::{Outcome, Status};
use crate::text;

/// A delivery and all it needs. See [`Engine::run`].
#[derive(Debug)]
pub struct Engine<'a, T, Q, R> {
    /// The bounds of the run.
    pub limits: &'a Limits,
    /// Sends requests.
    pub transport: &'a T,
    /// Where tasks come from and outcomes go.
    pub queue: &'a Q,
    /// Remembers attempts.
    pub recorder: &'a R,
    /// Requests to stop.
    pub stop: StopSignal,
    /// Figures for the progress display.
    pub metrics: &'a Metrics,
    /// Seeds the jitter.
    pub seed: u64,
}

impl<T: Transport, Q: TaskQueue, R: Recorder<Error = Q::Error>> Engine<'_, T, Q, R> {
    /// Delivers until the queue is empty or the run has to stop. Every task taken from the queue is
    /// settled by then; the others are still in the queue.
    ///
    /// # Errors
    /// The queue's or the recorder's, when something could not be recorded. Requests in flight are
    /// completed first.
    pub async fn run(self) -> Result<Ending, Q::Error> {
        let concurrency = self.limits.concurrency.get();
        self.metrics.set_limit(concurrency);
        let delivery = ActiveDelivery {
            state: RefCell::new(DeliveryState::new(self.limits, self.seed)),
            turn: Mutex::default(),
            gate: Mutex::default(),
            changed: Notify::new(),
            engine: self,
        };
        futures::future::join_all((0..concurrency).map(|_| delivery.work())).await;
        delivery.close()
    }
}

/// A delivery under way.
struct ActiveDelivery<'a, T, Q: TaskQueue, R> {
    engine: Engine<'a, T, Q, R>,
    /// Never borrowed across an await.
    state: RefCell<DeliveryState<Q::Error>>,
    /// Held by the worker that takes the next task.
    turn: Mutex<()>,
    /// Held by the worker whose request goes next.
    gate: Mutex<()>,
    /// Wakes the holders of both: a request ended, or a task was freed, settled or put back.
    changed: Notify,
}

impl<T: Transport, Q: TaskQueue, R: Recorder<Error = Q::Error>> ActiveDelivery<'_, T, Q, R> {
    /// Delivers one task after the other until none is left or the run is over.
    async fn work(&self) {
        while let Some(pending) = self.next_task().await {
            if let Some(pending) = self.admit(pending).await
                && let Some(pending) = self.pass_gate(pending).await
            {
                self.attempt(pending).await;
            }
        }
    }

    /// The next task; `None` when there is none and none will come.
    async fn next_task(&self) -> Option<PendingTask> {
        let _turn = self.turn.lock().await;
        while !self.is_over() {
            let (next_due, drained, probes) = {
                let mut state = self.state.borrow_mut();
                if let Some(pending) = state.take_waiting(Instant::now()) {
                    return Some(pending);
                }
                if state.is_backing_off() {
                    let shipments = state.retries.len();
                    self.engine.metrics.wait_for(WaitingFor::Backoff { shipments });
                }
                let next_due = state.next_due();
                (next_due, state.drained, state.breaker.is_open() && next_due.is_some())
            };
            let taken = tokio::select! {
                biased;
                next = self.engine.queue.next(), if !drained => self.accept(next),
                // No task yet, but an outage to be probed: with one that was attempted before.
                () = std::future::ready(()), if probes => self.state.borrow_mut().take_retry(),
                // A retry came due, a task was freed, or a stop is requested: look again.
                () = self.pause(next_due) => None,
            };
            if taken.is_some() {
                return taken;
            }
        }
        None
    }

    /// The task that the queue gave, if it is its turn.
    fn accept(&self, next: Result<Option<Task>, Q::Error>) -> Option<PendingTask> {
        match next {
            Ok(Some(task)) => {
                let mut state = self.state.borrow_mut();
                state.open += 1;
                return state.serial.enter(PendingTask::new(task));
            }
            Ok(None) => self.state.borrow_mut().drained = true,
            Err(error) => self.fail(error),
        }
        None
    }

    /// Looks the history of a new task up. `None` if it is not sent; then it is settled.
    async fn admit(&self, mut pending: PendingTask) -> Option<PendingTask> {
        if pending.attempts() > 0 {
            return Some(pending);
        }
        match self.engine.recorder.admit(&pending.task.shipment).await {
            Ok(Admission::Send { tainted }) => {
                pending.tainted |= tainted;
                return Some(pending);
            }
            Ok(Admission::Settled(outcome)) => self.settle(pending, &outcome),
            Err(error) => {
                self.fail(error);
                self.put_back(pending, Instant::now());
            }
        }
        None
    }

    /// Waits until circuit breaker, concurrency limit and rate let the task's request go. `None`
    /// when the run is over before; then the task is put back.
    async fn pass_gate(&self, mut pending: PendingTask) -> Option<PendingTask> {
        let _gate = self.gate.lock().await;
        while !self.is_over() {
            let (waiting, until) = {
                let (mut state, now) = (self.state.borrow_mut(), Instant::now());
                let in_flight = state.in_flight;
                match state.breaker.permit(now, in_flight) {
                    Permit::Now if in_flight < state.concurrency.get() => {
                        match state.pacer.take() {
                            Ok(()) => {
                                pending.kind = state.attempt_kind(&pending);
                                state.in_flight += 1;
                                pending.request = state.concurrency.start(in_flight + 1);
                                self.engine.metrics.wait_for(WaitingFor::Nothing);
                                return Some(pending);
                            }
                            Err(wait) => (WaitingFor::Nothing, Some(now + wait)),
                        }
                    }
                    Permit::Now | Permit::AfterResponse => (WaitingFor::Nothing, None),
                    Permit::At(until, reason) => {
                        (WaitingFor::Endpoint { reason, until }, Some(until))
                    }
                    Permit::GiveUp(reason) => {
                        state.stopped.get_or_insert(reason);
                        continue;
                    }
                }
            };
            self.engine.metrics.wait_for(waiting);
            self.pause(until).await;
        }
        self.put_back(pending, Instant::now());
        None
    }

    /// Makes one attempt, and settles the task or queues it for another one.
    async fn attempt(&self, mut pending: PendingTask) {
        let engine = &self.engine;
        if let Err(error) = engine.recorder.begin(&pending.task.shipment).await {
            self.state.borrow_mut().in_flight -= 1;
            self.fail(error);
            self.put_back(pending, Instant::now());
            return;
        }
        engine.metrics.count_start();
        let started = Instant::now();
        let exchange = engine.transport.send(pending.task.shipment.body.clone()).await;
        let now = Instant::now();
        pending.count_attempt(status_of(&exchange), Timestamp::now(), now - started);
        let verdict = verdict::judge(&exchange, &engine.limits.answers, SystemTime::now());
        tracing::debug!(
            order = %text::printable(&pending.task.shipment.order_no),
            attempt = pending.attempts(),
            meaning = ?verdict.meaning,
            "answered"
        );
        let conclusion = verdict.conclusion(pending.tainted);
        let outcome = {
            let mut state = self.state.borrow_mut();
            let (ticket, left) = (pending.task.ticket(), state.shipments_left());
            let stop = state.breaker.record(ticket, &verdict, pending.kind, left, now);
            let signal = load_signal(&exchange, &verdict, &pending);
            state.concurrency.record(signal, pending.request, now);
            engine.metrics.set_limit(state.concurrency.get());
            let outcome = self.decide(&mut pending, verdict, stop.is_some());
            let stop = stop.or_else(|| state.failures.note(outcome.as_ref()?));
            state.stopped = state.stopped.take().or(stop);
            outcome
        };
        // Recorded before the slot is free: so what is unknown is never more than what is in
        // flight. The outcome goes to the results even where the record fails.
        if let Err(error) = engine.recorder.end(&pending.task.shipment, conclusion).await {
            self.fail(error);
        }
        self.state.borrow_mut().in_flight -= 1;
        if let Some(outcome) = outcome {
            self.settle(pending, &outcome);
        } else {
            let due = self.state.borrow_mut().retry_due(&pending, now);
            self.put_back(pending, due);
        }
    }

    /// The outcome that follows from a verdict, or `None` when the task is attempted again.
    /// `stops` says that the verdict ends the run.
    fn decide(&self, pending: &mut PendingTask, verdict: Verdict, stops: bool) -> Option<Outcome> {
        let Verdict { meaning, reason, .. } = verdict;
        let holds = self.engine.limits.in_doubt == InDoubt::Hold;
        let (status, message) = match meaning {
            Meaning::Accepted => (Status::Sent, String::new()),
            Meaning::Stop => (Status::NotAttempted, reason),
            Meaning::TurnedAway if stops => (Status::NotAttempted, reason),
            Meaning::Rejected | Meaning::TurnedAway => (Status::Rejected, reason),
            Meaning::Undocumented => {
                (Status::InDoubt, format!("{reason}, so it is not known to be accepted"))
            }
            Meaning::Throttled | Meaning::Unreachable | Meaning::UnknownHost => {
                pending.last.message = reason;
                return None;
            }
            Meaning::ResponseLost if holds => {
                let held = "so it may have been accepted; held (--in-doubt hold)";
                (Status::InDoubt, format!("{reason}, {held}"))
            }
            Meaning::Failed | Meaning::ResponseLost => {
                let is_lost = meaning == Meaning::ResponseLost;
                pending.charged += u32::from(pending.kind != AttemptKind::Probe);
                if pending.charged < self.engine.limits.max_attempts.get() {
                    pending.tainted |= is_lost;
                    pending.last.message = reason;
                    return None;
                }
                let attempts = text::counted(pending.attempts().into(), "attempt");
                if is_lost {
                    let message = format!("{reason}, so it may have been accepted ({attempts})");
                    (Status::InDoubt, message)
                } else {
                    (Status::Failed, format!("{reason} ({attempts})"))
                }
            }
        };
        Some(pending.outcome(status, message))
    }

    /// Settles a task that a worker holds.
    fn settle(&self, pending: PendingTask, outcome: &Outcome) {
        {
            let mut state = self.state.borrow_mut();
            state.open -= 1;
            state.serial.leave(pending.identity());
        }
        if let Err(error) = self.engine.queue.settle(pending.task, outcome) {
            self.fail(error);
        }
        self.changed.notify_waiters();
    }

    /// Queues a task that a worker holds for another attempt; when the run is over before,
    /// [`close`](Self::close) settles it.
    fn put_back(&self, pending: PendingTask, due: Instant) {
        let key = (due, pending.task.ticket());
        self.state.borrow_mut().retries.insert(key, pending);
        self.changed.notify_waiters();
    }

    /// Ends the run, since something could not be recorded. The first error counts.
    fn fail(&self, error: Q::Error) {
        self.state.borrow_mut().error.get_or_insert(error);
        self.changed.notify_waiters();
    }

    /// Whether nothing is left to do, or nothing more is to be done.
    fn is_over(&self) -> bool {
        let state = self.state.borrow();
        let is_done = state.drained && state.open == 0;
        let is_stopped = state.stopped.is_some() || self.engine.stop.borrow().is_some();
        is_done || is_stopped || state.error.is_some()
    }

    /// Waits for a change, a request to stop, or `until`, whichever comes first.
    async fn pause(&self, until: Option<Instant>) {
        let due = async { tokio::time::sleep_until(until.unwrap_or_else(Instant::now)).await };
        let mut stop = self.engine.stop.clone();
        tokio::select! {
            // Nothing runs between the caller's look at the state and the first poll of this.
            () = self.changed.notified() => {}
            // Without a handle there is no request, and an error at once.
            Ok(_) = stop.wait_for(Option::is_some) => {}
            () = due, if until.is_some() => {}
        }
    }

    /// Settles the tasks that are left, and returns how the delivery ended.
    fn close(self) -> Result<Ending, Q::Error> {
        let mut state = self.state.into_inner();
        let mut left: Vec<PendingTask> = state.retries.into_values().collect();
        left.extend(state.serial.drain());
        // A request to stop that came after everything was settled changes nothing.
        let reason =
            self.engine.stop.borrow().clone().filter(|_| !state.drained || !left.is_empty());
        let ending = match (state.stopped, reason) {
            (Some(reason), _) => Ending::Stopped(reason),
            (None, Some(reason)) => Ending::Requested(reason),
            (None, None) => Ending::Complete,
        };
        let message = ending.not_attempted_message();
        for mut pending in left {
            let outcome = pending.outcome_at_stop(&message);
            if let Err(error) = self.engine.queue.settle(pending.task, &outcome) {
                state.error.get_or_insert(error);
            }
        }
        state.error.map_or(Ok(ending), Err)
    }
}

fn status_of(exchange: &Result<Response, TransportError>) -> Option<u16> {
    match exchange {
        Ok(response) => Some(response.status),
        Err(TransportError::ResponseLost { status, .. }) => *status,
        Err(_) => None,
    }
}

/// What the exchange says about the endpoint's load. A shipment that is pushed back again and again
/// is to blame itself, but for 429.
fn load_signal(
    exchange: &Result<Response, TransportError>,
    verdict: &Verdict,
    pending: &PendingTask,
) -> LoadSignal {
    let is_probe = pending.kind != AttemptKind::Normal;
    let is_first = !is_probe && pending.attempts() == 1;
    match verdict.meaning {
        _ if is_probe && verdict.is_usable() => LoadSignal::Recovered,
        Meaning::Accepted => LoadSignal::Fine,
        Meaning::Throttled => LoadSignal::Pushback,
        _ if is_first && verdict::is_pushback(exchange) => LoadSignal::Pushback,
        _ => LoadSignal::None,
    }
}
