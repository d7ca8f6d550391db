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

use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use super::circuit_breaker::AttemptKind;
use super::concurrency::LoadSignal;
use super::delivery_state::DeliveryState;
use super::metrics::{Metrics, WaitingFor};
use super::pending::PendingTask;
use super::recorder::{Admission, Clock, Recorder, TaskQueue};
use super::stop::{Ending, StopSignal};
use super::verdict::{self, Meaning, Verdict};
use super::{Response, Task, Transport, TransportError};
use crate::limits::{InDoubt, Limits};
use crate::outcome::{Outcome, Status};
use crate::text;

/// A delivery and all it needs. See [`Engine::run`].
#[derive(Debug)]
pub struct Engine<'a, T, Q, R, C> {
    /// The bounds of the run.
    pub limits: &'a Limits,
    /// How many shipments the run has, where that is known.
    pub shipments: Option<u64>,
    /// Sends requests.
    pub transport: &'a T,
    /// Where tasks come from and outcomes go.
    pub queue: &'a Q,
    /// Remembers attempts.
    pub recorder: &'a R,
    /// The time of day.
    pub clock: &'a C,
    /// Requests to stop.
    pub stop: StopSignal,
    /// Figures for the progress display.
    pub metrics: &'a Metrics,
    /// Seeds the jitter.
    pub seed: u64,
}

impl<T, Q, R, C, E> Engine<'_, T, Q, R, C>
where
    T: Transport,
    Q: TaskQueue<Error = E>,
    R: Recorder<Error = E>,
    C: Clock,
{
    /// Delivers until the queue is empty or the run has to stop. Every task taken from the queue is
    /// settled by then; the others are still in the queue.
    ///
    /// # Errors
    /// The queue's or the recorder's, when something could not be recorded. Requests in flight are
    /// completed first.
    pub async fn run(self) -> Result<Ending, E> {
        let concurrency = self.limits.concurrency.get();
        self.metrics.set_limit(concurrency);
        let delivery = Delivery {
            state: RefCell::new(DeliveryState::new(self.limits, self.shipments, self.seed)),
            turn: Mutex::new(()),
            gate: Mutex::new(()),
            task_freed: Notify::new(),
            slot_freed: Notify::new(),
            engine: self,
        };
        futures::future::join_all((0..concurrency).map(|_| delivery.work())).await;
        delivery.close()
    }
}

/// A delivery under way.
struct Delivery<'a, T, Q, R, C, E> {
    engine: Engine<'a, T, Q, R, C>,
    /// Never borrowed across an await.
    state: RefCell<DeliveryState<E>>,
    /// Held by the worker that takes the next task.
    turn: Mutex<()>,
    /// Held by the worker whose request goes next.
    gate: Mutex<()>,
    /// Wakes the worker that takes the next task: one may be there, or none will come.
    task_freed: Notify,
    /// Wakes the worker at the gate: a request ended.
    slot_freed: Notify,
}

impl<T, Q, R, C, E> Delivery<'_, T, Q, R, C, E>
where
    T: Transport,
    Q: TaskQueue<Error = E>,
    R: Recorder<Error = E>,
    C: Clock,
{
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
        while !self.is_over() && !self.state.borrow().is_exhausted() {
            let (next_due, drained, probes) = {
                let mut state = self.state.borrow_mut();
                if let Some(pending) = state.take_waiting(Instant::now()) {
                    state.held += 1;
                    return Some(pending);
                }
                if state.drained && state.held == 0 {
                    let shipments = state.retries.len();
                    self.engine.metrics.wait_for(WaitingFor::Backoff { shipments });
                }
                let next_due = state.retries.next_due();
                (next_due, state.drained, state.breaker.is_open() && next_due.is_some())
            };
            let taken = tokio::select! {
                biased;
                next = self.engine.queue.next(), if !drained => self.accept(next),
                // No task yet, but an outage to be probed: with one that was attempted before.
                () = std::future::ready(()), if probes => self.state.borrow_mut().retries.take_first(),
                // A retry came due, a task was freed, or a stop is requested: look again.
                () = self.pause(&self.task_freed, next_due) => None,
            };
            if taken.is_some() {
                self.state.borrow_mut().held += 1;
                return taken;
            }
        }
        None
    }

    /// The task that the queue gave, if it is its turn.
    fn accept(&self, next: Result<Option<Task>, E>) -> Option<PendingTask> {
        let mut state = self.state.borrow_mut();
        match next {
            Ok(Some(task)) => return state.serial.enter(PendingTask::new(task)),
            Ok(None) => state.drained = true,
            Err(error) => {
                state.error.get_or_insert(error);
                self.wake_up();
            }
        }
        None
    }

    /// Looks the history of a new task up. `None` if it is not sent; then it is settled.
    async fn admit(&self, mut pending: PendingTask) -> Option<PendingTask> {
        if pending.attempts > 0 {
            return Some(pending);
        }
        match self.engine.recorder.admit(&pending.task.shipment).await {
            Ok(Admission::Send { tainted }) => {
                pending.tainted |= tainted;
                return Some(pending);
            }
            Ok(Admission::Settled(outcome)) => {
                self.state.borrow_mut().forget_known();
                self.settle(pending, &outcome);
            }
            Err(error) => self.fail(error, pending),
        }
        None
    }

    /// Waits until circuit breaker, concurrency limit and rate let the task's request go. `None`
    /// when the run is over before; then the task is put back.
    async fn pass_gate(&self, mut pending: PendingTask) -> Option<PendingTask> {
        let _gate = self.gate.lock().await;
        while !self.is_over() {
            let obstacle = self.state.borrow_mut().obstacle(Instant::now());
            if let Some((waiting, until)) = obstacle {
                self.engine.metrics.wait_for(waiting);
                self.pause(&self.slot_freed, until).await;
                continue;
            }
            let mut state = self.state.borrow_mut();
            pending.kind = state.attempt_kind(&pending);
            state.in_flight += 1;
            let in_flight = state.in_flight;
            pending.request = state.concurrency.start(in_flight);
            self.engine.metrics.wait_for(WaitingFor::Nothing);
            return Some(pending);
        }
        self.put_back(pending);
        None
    }

    /// Makes one attempt, and settles the task or queues it for another one.
    async fn attempt(&self, mut pending: PendingTask) {
        let engine = &self.engine;
        if let Err(error) = engine.recorder.begin(&pending.task.shipment).await {
            self.end_request();
            self.fail(error, pending);
            return;
        }
        engine.metrics.count_start();
        let started = Instant::now();
        let exchange = engine.transport.send(pending.task.shipment.body.clone()).await;
        let now = Instant::now();
        let finished_at = engine.clock.now();
        pending.attempts += 1;
        pending.http_status = status_of(&exchange);
        pending.finished = Some((finished_at, now - started));
        let date = SystemTime::try_from(finished_at).unwrap_or_else(|_| SystemTime::now());
        let verdict = verdict::judge(&exchange, &engine.limits.answers, date);
        let order = text::printable(&pending.task.shipment.order_no);
        tracing::debug!(%order, attempt = pending.attempts, meaning = ?verdict.meaning, "answered");
        let conclusion = verdict.conclusion(pending.tainted);
        let outcome = {
            let mut state = self.state.borrow_mut();
            let left = state.shipments_left();
            state.breaker.set_shipments(left);
            let ticket = pending.task.ticket();
            let stop = state.breaker.record(ticket, &verdict, pending.kind, now);
            state.log_holds(&verdict);
            state.concurrency.record(
                load_signal(&exchange, &verdict, &pending),
                pending.request,
                now,
            );
            engine.metrics.set_limit(state.concurrency.get());
            let outcome = self.decide(&mut pending, verdict, stop.is_some());
            let stop = stop.or_else(|| state.failures.note(outcome.as_ref()?));
            state.stopped = state.stopped.take().or(stop);
            outcome
        };
        // Recorded before the slot is free: so what is unknown is never more than what is in
        // flight. The outcome goes to the results even where the record fails.
        let recorded = engine.recorder.end(&pending.task.shipment, conclusion).await;
        if let Err(error) = recorded {
            self.state.borrow_mut().error.get_or_insert(error);
        }
        if let Some(outcome) = outcome {
            self.settle(pending, &outcome);
        } else {
            self.state.borrow_mut().schedule_retry(pending, now);
        }
        self.end_request();
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
                pending.reason = reason;
                return None;
            }
            Meaning::ResponseLost if holds => {
                let held = "so it may have been accepted; held (--in-doubt hold)";
                (Status::InDoubt, format!("{reason}, {held}"))
            }
            Meaning::Failed | Meaning::ResponseLost => {
                let is_lost = meaning == Meaning::ResponseLost;
                pending.charged += u32::from(pending.kind.is_charged());
                if pending.charged < self.engine.limits.max_attempts.get() {
                    pending.tainted |= is_lost;
                    pending.reason = reason;
                    return None;
                }
                let attempts = text::counted(pending.attempts.into(), "attempt");
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

    /// Ends a request in flight.
    fn end_request(&self) {
        self.state.borrow_mut().in_flight -= 1;
        self.wake_up();
    }

    /// Settles a task that a worker holds.
    fn settle(&self, pending: PendingTask, outcome: &Outcome) {
        let mut state = self.state.borrow_mut();
        state.held -= 1;
        state.serial.leave(pending.identity());
        if let Err(error) = self.engine.queue.settle(pending.task, outcome) {
            state.error.get_or_insert(error);
        }
        drop(state);
        self.wake_up();
    }

    /// Ends the run, since something could not be recorded.
    fn fail(&self, error: E, pending: PendingTask) {
        self.state.borrow_mut().error.get_or_insert(error);
        self.put_back(pending);
    }

    /// Puts a task back that is not attempted any more; [`close`](Self::close) settles it.
    fn put_back(&self, pending: PendingTask) {
        let mut state = self.state.borrow_mut();
        state.held -= 1;
        state.retries.push(Instant::now(), pending);
        drop(state);
        self.wake_up();
    }

    fn wake_up(&self) {
        self.task_freed.notify_one();
        self.slot_freed.notify_one();
    }

    fn is_over(&self) -> bool {
        let state = self.state.borrow();
        state.stopped.is_some() || state.error.is_some() || self.engine.stop.borrow().is_some()
    }

    /// Waits for a wake-up, a request to stop, or `until`, whichever comes first.
    async fn pause(&self, wake_up: &Notify, until: Option<Instant>) {
        let due = async { tokio::time::sleep_until(until.unwrap_or_else(Instant::now)).await };
        let mut stop = self.engine.stop.clone();
        tokio::select! {
            () = wake_up.notified() => {}
            // Without a handle there is no request, and an error at once.
            Ok(_) = stop.wait_for(Option::is_some) => {}
            () = due, if until.is_some() => {}
        }
    }

    /// Settles the tasks that are left, and returns how the delivery ended.
    fn close(self) -> Result<Ending, E> {
        let mut state = self.state.into_inner();
        let mut left: Vec<PendingTask> =
            std::iter::from_fn(|| state.retries.take_first()).collect();
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
    let is_first = !is_probe && pending.attempts == 1;
    match verdict.meaning {
        _ if is_probe && verdict.is_usable() => LoadSignal::Recovered,
        Meaning::Accepted => LoadSignal::Fine,
        Meaning::Throttled => LoadSignal::Pushback,
        _ if is_first && verdict::is_pushback(exchange) => LoadSignal::Pushback,
        _ => LoadSignal::None,
    }
}
