//! The engine: takes shipments from the desk, sends them, and hands their outcomes back.
//!
//! As many worker loops as requests may be in flight run on one thread. One worker at a time stands in the gate and
//! chooses the next piece of work: a retry that is due, else the next shipment of the desk; it pays the pace, looks at
//! the course once more, and leaves with it. So order, rate and holds are decided in one place, and whoever waits
//! holds no slot. Transport, clock and stop signal are parameters, and time is tokio's, so that a scripted transport
//! under a paused clock can prove all of it.
//!
//! Invariants: every shipment taken from the desk is settled exactly once; attempts that count never exceed the
//! most allowed; the engine ends once the desk is empty, a stop is wished, or every shipment would fare the same.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use super::concurrency::{Answer, Concurrency};
use super::course::{Course, Permit, Sent};
use super::failures::Failures;
use super::gauge::{Gauge, Waiting};
use super::job::{Job, Retries, Seen};
use super::pace::Pacer;
use super::stop::{Stop, Wish};
use super::verdict::{self, Verdict};
use super::{Reply, Transport, Trouble, backoff};
use crate::limits::Limits;
use crate::outcome::{Outcome, Status, Ticket};
use crate::shipment::Shipment;
use crate::text;

/// Where shipments are fetched and outcomes handed in.
pub trait Desk {
    /// Why an outcome could not be recorded; it stops the run.
    type Error;

    /// The next shipment, once there is one and room for it; `None` at the end. Dropping the future loses nothing.
    fn next(&self) -> impl Future<Output = Option<(Ticket, Shipment)>>;

    /// Records how a shipment ended.
    ///
    /// # Errors
    /// When it could not be recorded. No shipment is sent after that.
    fn settle(&self, ticket: Ticket, outcome: &Outcome) -> Result<(), Self::Error>;
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
    /// Delivers until the desk is empty or the run has to stop. What was taken from the desk is settled by then; what
    /// was not taken is still there.
    ///
    /// # Errors
    /// The desk's own, when an outcome could not be recorded. Requests in flight are waited for all the same.
    pub async fn run(self) -> Result<Ending, D::Error> {
        let run = Run {
            pacer: Pacer::new(self.limits.rate),
            state: RefCell::new(State {
                course: Course::new(self.shipments, self.limits.give_up_after),
                concurrency: Concurrency::new(self.limits.concurrency.get(), Instant::now()),
                failures: Failures::new(self.limits.max_failures),
                retries: Retries::default(),
                returned: VecDeque::new(),
                in_flight: 0,
                drained: false,
                stopped: None,
                error: None,
                random: fastrand::Rng::with_seed(self.seed),
            }),
            changed: Notify::new(),
            gate: Mutex::new(()),
            engine: self,
        };
        run.engine.gauge.set_limit(run.engine.limits.concurrency.get());
        let workers = (0..run.engine.limits.concurrency.get()).map(|_| run.work());
        futures::future::join_all(workers).await;
        run.close()
    }
}

/// A delivery under way.
struct Run<'a, T, D: Desk, C> {
    engine: Engine<'a, T, D, C>,
    pacer: Pacer,
    /// Never borrowed across an await.
    state: RefCell<State<D::Error>>,
    /// Rung when an answer came or the run was stopped; only the worker in the gate listens.
    changed: Notify,
    /// Whoever holds it chooses the next piece of work.
    gate: Mutex<()>,
}

struct State<E> {
    course: Course,
    concurrency: Concurrency,
    failures: Failures,
    retries: Retries,
    /// Chosen, but kept from going by a hold that began meanwhile; they go first.
    returned: VecDeque<Job>,
    in_flight: usize,
    /// Whether the desk has nothing more.
    drained: bool,
    stopped: Option<String>,
    error: Option<E>,
    random: fastrand::Rng,
}

impl<E> State<E> {
    /// Keeps the first reason.
    fn stop(&mut self, reason: String) {
        self.stopped.get_or_insert(reason);
    }
}

impl<T: Transport, D: Desk, C: Clock> Run<'_, T, D, C> {
    async fn work(&self) {
        while let Some(job) = self.next_job().await {
            self.attempt(job).await;
        }
    }

    /// The next piece of work, once it may go; `None` when there is none and none will come.
    async fn next_job(&self) -> Option<Job> {
        let _gate = self.gate.lock().await;
        while !self.is_over() {
            if !self.may_go().await {
                continue;
            }
            let Some(mut job) = self.choose().await else { continue };
            let paid = self.pay_the_pace().await;
            // While the pace was waited for the course may have changed: look once more.
            let mut state = self.state.borrow_mut();
            let in_flight = state.in_flight;
            if !paid
                || state.course.permit(Instant::now(), in_flight) != Permit::Go
                || !state.concurrency.permit(in_flight)
            {
                state.returned.push_front(job);
                continue;
            }
            job.sent = if state.course.in_outage() {
                Sent::AsProbe { charged: state.drained && job.attempts > 0 && state.returned.is_empty() }
            } else {
                Sent::Plainly
            };
            state.in_flight += 1;
            state.concurrency.started(in_flight + 1);
            self.engine.gauge.started();
            return Some(job);
        }
        None
    }

    fn is_over(&self) -> bool {
        let state = self.state.borrow();
        let exhausted = state.drained && state.in_flight == 0 && state.retries.is_empty() && state.returned.is_empty();
        exhausted || state.stopped.is_some() || state.error.is_some() || self.engine.stop.is_wished()
    }

    /// Whether the course lets a request go, and the concurrency; if not, waits until that may have changed.
    async fn may_go(&self) -> bool {
        let permit = {
            let mut state = self.state.borrow_mut();
            let in_flight = state.in_flight;
            match state.course.permit(Instant::now(), in_flight) {
                Permit::Go if !state.concurrency.permit(in_flight) => Permit::AfterAnswer,
                permit => permit,
            }
        };
        match permit {
            Permit::Go => return true,
            Permit::At(until, reason) => {
                self.engine.gauge.wait_for(Waiting::Hold { reason, until });
                self.pause(Some(until)).await;
            }
            Permit::AfterAnswer => {
                if !self.state.borrow().course.in_outage() {
                    self.engine.gauge.wait_for(Waiting::Canary);
                }
                self.pause(None).await;
            }
            Permit::GiveUp(reason) => self.state.borrow_mut().stop(reason),
        }
        false
    }

    /// A retry that is due, else the next shipment; in an outage untried shipments first, then whichever was tried
    /// longest ago. `None` after waiting for one.
    async fn choose(&self) -> Option<Job> {
        let (in_outage, next_due) = {
            let mut state = self.state.borrow_mut();
            let in_outage = state.course.in_outage();
            // What was chosen before and kept back goes first, or its turn would be lost.
            if let Some(job) = state.returned.pop_front() {
                return Some(job);
            }
            if !in_outage && let Some(job) = state.retries.take_due(Instant::now()) {
                return Some(job);
            }
            if in_outage && state.drained {
                return state.retries.take_first();
            }
            (in_outage, state.retries.next_due())
        };
        if !self.state.borrow().drained {
            return tokio::select! {
                biased;
                next = self.engine.desk.next() => {
                    self.state.borrow_mut().drained = next.is_none();
                    next.map(|(ticket, shipment)| Job::new(ticket, shipment))
                }
                // No shipment yet, but an outage to be probed: with one that was tried before.
                () = std::future::ready(()), if in_outage && next_due.is_some() => self.state.borrow_mut().retries.take_first(),
                // A retry came due, an answer came, or a stop is wished: choose anew.
                () = self.pause(next_due) => None,
            };
        }
        if let Some(until) = next_due {
            let shipments = self.state.borrow().retries.len();
            self.engine.gauge.wait_for(Waiting::Backoff { shipments, until });
        }
        self.pause(next_due).await;
        None
    }

    /// Waits for the rate limit; `false` when the run was over before.
    async fn pay_the_pace(&self) -> bool {
        while let Err(wait) = self.pacer.take() {
            self.engine.gauge.wait_for(Waiting::Pace);
            self.pause(Some(Instant::now() + wait)).await;
            if self.is_over() {
                return false;
            }
        }
        true
    }

    /// Waits until `until`, an answer, or a wish to stop, whichever comes first.
    async fn pause(&self, until: Option<Instant>) {
        tokio::select! {
            () = self.changed.notified() => {}
            () = self.engine.stop.wished() => {}
            () = async { tokio::time::sleep_until(until.unwrap_or_else(Instant::now)).await }, if until.is_some() => {}
        }
    }

    async fn attempt(&self, mut job: Job) {
        let engine = &self.engine;
        let started = Instant::now();
        let exchange = engine.transport.send(job.shipment.body.clone()).await;
        let now = Instant::now();
        let finished_at = engine.clock.now();
        job.attempts += 1;
        job.seen = Some(Seen { http_status: status_of(&exchange), finished_at, duration: now - started });
        let verdict = verdict::judge(&exchange, &engine.limits.answers, dated(finished_at));
        engine.gauge.ended();
        tracing::debug!(order = %text::printable(&job.shipment.order_no), attempt = job.attempts, ?verdict, "answered");
        let outcome = {
            let mut state = self.state.borrow_mut();
            state.in_flight -= 1;
            let held = state.course.is_held();
            let stop = state.course.note(job.ticket, &verdict, job.sent, now);
            tell_of_a_hold(held, &state.course);
            state.concurrency.answered(Answer::of(&verdict, job.sent, job.attempts), started, now);
            engine.gauge.set_limit(state.concurrency.limit());
            let outcome = self.weigh(&mut job, verdict, stop.is_some());
            if let Some(reason) = stop.or_else(|| outcome.as_ref().and_then(|outcome| state.failures.note(outcome))) {
                state.stop(reason);
            }
            outcome
        };
        match outcome {
            Some(outcome) => self.settle(job.ticket, &outcome),
            None => self.put_off(job, now),
        }
        self.changed.notify_one();
    }

    /// The job's outcome, or `None` when it goes again; then its `reason` says why. `stops` says that the verdict
    /// ends the run.
    fn weigh(&self, job: &mut Job, verdict: Verdict, stops: bool) -> Option<Outcome> {
        let (reason, lost) = match verdict {
            Verdict::Accepted => return Some(job.end(Status::Sent, "")),
            Verdict::Rejected(reason) => return Some(job.end(Status::Rejected, reason)),
            Verdict::Undocumented(reason) => {
                return Some(job.end(Status::InDoubt, format!("{reason}, so it is not known to be accepted")));
            }
            Verdict::TurnedAway(reason) if !stops => return Some(job.end(Status::Rejected, reason)),
            Verdict::TurnedAway(reason) | Verdict::Stop(reason) => return Some(job.end(Status::NotAttempted, reason)),
            Verdict::Throttled { reason, .. } | Verdict::Unreachable { reason, .. } => {
                job.reason = reason;
                return None;
            }
            Verdict::Failed(reason) => (reason, false),
            Verdict::Lost(reason) => (reason, true),
        };
        if job.sent != (Sent::AsProbe { charged: false }) {
            job.charged += 1;
        }
        if job.charged < self.engine.limits.max_attempts.get() {
            job.tainted |= lost;
            job.reason = reason;
            return None;
        }
        let attempts = text::counted(job.attempts.into(), "attempt");
        Some(if lost {
            job.end(Status::InDoubt, format!("{reason}, so it may have been accepted ({attempts})"))
        } else {
            job.end(Status::Failed, format!("{reason} ({attempts})"))
        })
    }

    /// Queues a job for its next attempt: after a backoff where the attempt counted, else as soon as the course lets it.
    fn put_off(&self, job: Job, now: Instant) {
        let mut state = self.state.borrow_mut();
        let counted = job.sent == Sent::Plainly && !state.course.is_held();
        let wait = if counted { backoff::wait(job.charged, state.random.f64()) } else { Duration::ZERO };
        state.retries.push(now + wait, job);
    }

    fn settle(&self, ticket: Ticket, outcome: &Outcome) {
        if let Err(error) = self.engine.desk.settle(ticket, outcome) {
            self.state.borrow_mut().error.get_or_insert(error);
        }
    }

    /// Settles what was taken from the desk and is still waiting, and says how it all ended.
    fn close(self) -> Result<Ending, D::Error> {
        let left: Vec<Job> = {
            let mut state = self.state.borrow_mut();
            let mut left: Vec<Job> = state.returned.drain(..).collect();
            left.extend(std::iter::from_fn(|| state.retries.take_first()));
            left
        };
        for job in &left {
            self.settle(job.ticket, &job.give_back());
        }
        let state = self.state.into_inner();
        // A wish that came when all was done already changes nothing.
        let wish = self.engine.stop.wish().filter(|_| !state.drained || !left.is_empty());
        match (state.error, state.stopped, wish) {
            (Some(error), ..) => Err(error),
            (None, Some(reason), _) => Ok(Ending::Stopped(reason)),
            (None, None, Some(wish)) => Ok(Ending::Wished(wish)),
            (None, None, None) => Ok(Ending::Complete),
        }
    }
}

/// Logs the beginning and the end of a time in which everybody waits.
fn tell_of_a_hold(held_before: bool, course: &Course) {
    match (held_before, course.held_because()) {
        (false, Some(reason)) => tracing::warn!("waiting for the endpoint: {reason}"),
        (true, None) => tracing::warn!("the endpoint answers again"),
        _ => {}
    }
}

/// A point in time as the standard library has it.
fn dated(timestamp: Timestamp) -> SystemTime {
    SystemTime::try_from(timestamp).unwrap_or_else(|_| SystemTime::now())
}

fn status_of(exchange: &Result<Reply, Trouble>) -> Option<u16> {
    match exchange {
        Ok(reply) => Some(reply.status),
        Err(Trouble::Lost { status, .. }) => *status,
        Err(_) => None,
    }
}
