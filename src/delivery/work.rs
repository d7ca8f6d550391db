//! The engine at work: who goes next, and what follows from what came back. The rules are in
//! `course`, `turn`, `verdict`, `backoff`, `pace` and `failures`; here they are obeyed. See
//! `engine` for what is promised.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use super::concurrency::{Answer, Concurrency};
use super::course::{Course, Permit, Sent};
use super::engine::{Admission, Clock, Desk, Ending, Engine};
use super::failures::Failures;
use super::gauge::Waiting;
use super::job::{Job, Retries, Seen};
use super::pace::Pacer;
use super::turn::Turns;
use super::verdict::{self, Verdict};
use super::{Reply, Transport, Trouble, backoff};
use crate::limits::InDoubt;
use crate::outcome::{Outcome, Status, Ticket};
use crate::shipment::Shipment;
use crate::text;

/// A delivery under way.
pub(super) struct Run<'a, T, D: Desk, C> {
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
    /// Chosen, but kept from going by a hold that began meanwhile; it goes first.
    returned: Option<Job>,
    turns: Turns,
    in_flight: usize,
    /// Shipments of the run that the desk does not settle itself, where that is known.
    shipments: Option<u64>,
    /// Whether the desk has nothing more.
    drained: bool,
    /// Whether the log has the beginning of a hold, and not yet its end.
    told_of_hold: bool,
    stopped: Option<String>,
    error: Option<E>,
    random: fastrand::Rng,
}

impl<E> State<E> {
    /// Keeps the first reason.
    fn stop(&mut self, reason: String) {
        self.stopped.get_or_insert(reason);
    }

    /// How many shipments there are that can show an outage: those left, or where more may come all
    /// of the run.
    fn telling(&self) -> Option<u64> {
        let left = self.in_flight
            + self.retries.len()
            + usize::from(self.returned.is_some())
            + self.turns.len();
        if self.drained { Some(left as u64) } else { self.shipments }
    }

    /// Logs the beginning of a time in which everybody waits, and its end with the first useful
    /// answer.
    fn tell_of_holds(&mut self, verdict: &Verdict) {
        match self.course.held_because() {
            Some(reason) if !self.told_of_hold => {
                tracing::warn!("waiting for the endpoint: {reason}");
                self.told_of_hold = true;
            }
            None if self.told_of_hold
                && matches!(verdict, Verdict::Accepted | Verdict::Rejected(_)) =>
            {
                tracing::warn!("the endpoint answers again");
                self.told_of_hold = false;
            }
            _ => {}
        }
    }

    /// Queues a job for its next attempt: after a backoff where the attempt counted, else as soon
    /// as the course lets it.
    fn put_off(&mut self, job: Job, now: Instant) {
        let counted = job.sent == Sent::Plainly && !self.course.is_held();
        let wait =
            if counted { backoff::wait(job.charged, self.random.f64()) } else { Duration::ZERO };
        self.retries.push(now + wait, job);
    }
}

impl<'a, T: Transport, D: Desk, C: Clock> Run<'a, T, D, C> {
    pub(super) fn new(engine: Engine<'a, T, D, C>) -> Self {
        Self {
            pacer: Pacer::new(engine.limits.rate),
            state: RefCell::new(State {
                course: Course::new(engine.limits.give_up_after),
                concurrency: Concurrency::new(engine.limits.concurrency.get(), Instant::now()),
                failures: Failures::new(engine.limits.max_failures),
                retries: Retries::default(),
                returned: None,
                turns: Turns::default(),
                in_flight: 0,
                shipments: engine.shipments,
                drained: false,
                told_of_hold: false,
                stopped: None,
                error: None,
                random: fastrand::Rng::with_seed(engine.seed),
            }),
            changed: Notify::new(),
            gate: Mutex::new(()),
            engine,
        }
    }

    /// How many loops [`work`](Self::work).
    pub(super) fn concurrency(&self) -> usize {
        self.engine.limits.concurrency.get()
    }

    /// Sends one shipment after the other until there is none left or the run is over.
    pub(super) async fn work(&self) {
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
            let Some(job) = self.choose().await else { continue };
            let Some(mut job) = self.admit(job).await else { continue };
            let paid = self.pay_the_pace().await;
            // While the pace was waited for the course may have changed: look once more.
            let mut state = self.state.borrow_mut();
            let in_flight = state.in_flight;
            if !paid
                || state.course.permit(Instant::now(), in_flight) != Permit::Go
                || !state.concurrency.permit(in_flight)
            {
                state.returned = Some(job);
                continue;
            }
            job.sent = if state.course.in_outage() {
                Sent::AsProbe {
                    charged: state.drained && job.attempts > 0 && state.returned.is_none(),
                }
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
        let exhausted = state.drained
            && state.in_flight == 0
            && state.retries.is_empty()
            && state.returned.is_none()
            && !state.turns.has_free();
        exhausted
            || state.stopped.is_some()
            || state.error.is_some()
            || self.engine.stop.is_wished()
    }

    /// Whether the course lets a request go, and the concurrency; if not, waits until that may have
    /// changed.
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

    /// A retry that is due, else one that waited for its turn, else the next shipment; in an outage
    /// untried shipments first, then whichever was tried longest ago. `None` after waiting for one.
    async fn choose(&self) -> Option<Job> {
        let (in_outage, next_due) = {
            let mut state = self.state.borrow_mut();
            let in_outage = state.course.in_outage();
            // What was chosen before and kept back goes first, or its turn would be lost.
            if let Some(job) = state.returned.take() {
                return Some(job);
            }
            if !in_outage && let Some(job) = state.retries.take_due(Instant::now()) {
                return Some(job);
            }
            if let Some(job) = state.turns.next_free() {
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
                next = self.engine.desk.next() => self.taken(next),
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

    /// What the desk gave, if it is its turn.
    fn taken(&self, next: Result<Option<(Ticket, Shipment)>, D::Error>) -> Option<Job> {
        let mut state = self.state.borrow_mut();
        match next {
            Ok(Some((ticket, shipment))) => state.turns.take(Job::new(ticket, shipment)),
            Ok(None) => {
                state.drained = true;
                None
            }
            Err(error) => {
                state.error.get_or_insert(error);
                None
            }
        }
    }

    /// The job if it is to be sent: one that is new is looked up first, now that its turn has come.
    async fn admit(&self, mut job: Job) -> Option<Job> {
        if job.admitted {
            return Some(job);
        }
        match self.engine.desk.admit(job.ticket, &job.shipment).await {
            Ok(Admission::Send { tainted }) => {
                job.admitted = true;
                job.tainted = tainted;
                Some(job)
            }
            Ok(Admission::Settled) => {
                let mut state = self.state.borrow_mut();
                state.turns.give_back(job.shipment.identity);
                state.shipments = state.shipments.map(|all| all.saturating_sub(1));
                None
            }
            Err(error) => {
                self.fail(error, job);
                None
            }
        }
    }

    /// Ends the run, since something could not be recorded; `job` was not sent by this attempt.
    fn fail(&self, error: D::Error, job: Job) {
        let mut state = self.state.borrow_mut();
        state.error.get_or_insert(error);
        // Nothing goes any more; there it waits for the end.
        state.retries.push(Instant::now(), job);
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
        if let Err(error) = engine.desk.intend(&job.shipment).await {
            engine.gauge.ended();
            self.state.borrow_mut().in_flight -= 1;
            self.fail(error, job);
            self.changed.notify_one();
            return;
        }
        let started = Instant::now();
        let exchange = engine.transport.send(job.shipment.body.clone()).await;
        let now = Instant::now();
        let finished_at = engine.clock.now();
        job.attempts += 1;
        job.seen =
            Some(Seen { http_status: status_of(&exchange), finished_at, duration: now - started });
        let verdict = verdict::judge(&exchange, &engine.limits.answers, dated(finished_at));
        tracing::debug!(order = %text::printable(&job.shipment.order_no), attempt = job.attempts, ?verdict, "answered");
        let conclusion = verdict.conclusion(job.tainted);
        let outcome = {
            let mut state = self.state.borrow_mut();
            let telling = state.telling();
            state.course.expect(telling);
            let stop = state.course.note(job.ticket, &verdict, job.sent, now);
            state.tell_of_holds(&verdict);
            state.concurrency.answered(Answer::of(&verdict, job.sent, job.attempts), started, now);
            engine.gauge.set_limit(state.concurrency.limit());
            let outcome = self.weigh(&mut job, verdict, stop.is_some());
            if let Some(reason) =
                stop.or_else(|| outcome.as_ref().and_then(|outcome| state.failures.note(outcome)))
            {
                state.stop(reason);
            }
            outcome
        };
        // What came back is told before the slot is free, and kept before another request goes out:
        // so never more is unknown than is in flight.
        let remembered = engine.desk.attempted(&job.shipment, conclusion).await;
        // Each of the two tells what it can, even where the other has failed.
        let settled = outcome
            .as_ref()
            .map_or(Ok(()), |outcome| engine.desk.settle(job.ticket, &job.shipment, outcome));
        engine.gauge.ended();
        let mut state = self.state.borrow_mut();
        state.in_flight -= 1;
        if let Err(error) = remembered.and(settled) {
            state.error.get_or_insert(error);
        }
        if outcome.is_some() {
            state.turns.give_back(job.shipment.identity);
        } else {
            state.put_off(job, now);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// The job's outcome, or `None` when it goes again; then its `reason` says why. `stops` says
    /// that the verdict ends the run.
    fn weigh(&self, job: &mut Job, verdict: Verdict, stops: bool) -> Option<Outcome> {
        let (reason, lost) =
            match verdict {
                Verdict::Accepted => return Some(job.end(Status::Sent, "")),
                Verdict::Rejected(reason) => return Some(job.end(Status::Rejected, reason)),
                Verdict::Undocumented(reason) => {
                    return Some(job.end(
                        Status::InDoubt,
                        format!("{reason}, so it is not known to be accepted"),
                    ));
                }
                Verdict::TurnedAway(reason) if !stops => {
                    return Some(job.end(Status::Rejected, reason));
                }
                Verdict::TurnedAway(reason) | Verdict::Stop(reason) => {
                    return Some(job.end(Status::NotAttempted, reason));
                }
                Verdict::Throttled { reason, .. } | Verdict::Unreachable { reason, .. } => {
                    job.reason = reason;
                    return None;
                }
                Verdict::Failed { reason, .. } => (reason, false),
                Verdict::Lost(reason) if self.engine.limits.in_doubt == InDoubt::Hold => {
                    return Some(job.end(
                        Status::InDoubt,
                        format!("{reason}, so it may have been accepted; held (--in-doubt hold)"),
                    ));
                }
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

    /// Settles what was taken from the desk and is still waiting, and says how it all ended.
    pub(super) fn close(self) -> Result<Ending, D::Error> {
        let mut state = self.state.into_inner();
        let mut left: Vec<Job> = state.returned.into_iter().collect();
        left.extend(std::iter::from_fn(|| state.retries.take_first()));
        left.extend(state.turns.drain());
        // A wish that came when all was done already changes nothing.
        let wish = self.engine.stop.wish().filter(|_| !state.drained || !left.is_empty());
        let ending = match (state.stopped, wish) {
            (Some(reason), _) => Ending::Stopped(reason),
            (None, Some(wish)) => Ending::Wished(wish),
            (None, None) => Ending::Complete,
        };
        let because = ending.left_because();
        for job in &left {
            if let Err(error) =
                self.engine.desk.settle(job.ticket, &job.shipment, &job.give_back(&because))
            {
                state.error.get_or_insert(error);
            }
        }
        state.error.map_or(Ok(ending), Err)
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
