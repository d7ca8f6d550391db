//! A script being played: requests numbered and timed, chance drawn, and the fault found that each
//! of them meets.
//!
//! `exchange` asks twice, when a request's head came and once it was read; `server` asks when to
//! close its listener.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::Script;
use super::dice::drawn_for;
use super::script::{ALL, Does, Fault, Seen};

/// A script and where it stands.
#[derive(Debug)]
pub(super) struct Play {
    faults: Vec<Fault>,
    seed: u64,
    /// Whether tries have to be counted.
    counts_tries: bool,
    state: Mutex<State>,
    /// Told when a refusal may have begun; the listener waits for it.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    requests: u64,
    started: Option<Instant>,
    /// When each fault was first met, from the start.
    begun: Vec<Option<Duration>>,
    /// How often each order was tried.
    tries: HashMap<String, u64>,
}

/// A request whose head came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    number: u64,
    /// The time since the first.
    at: Duration,
}

/// A fault that a request meets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Met<'a> {
    /// Its number in the script, from 1.
    pub(super) number: usize,
    pub(super) fault: &'a Fault,
    /// Whether the webhook judges the request all the same.
    pub(super) judged: bool,
}

impl Play {
    pub(super) fn new(script: &Script, seed: u64) -> Self {
        let faults = script.faults().to_vec();
        let counts_tries = faults.iter().any(|fault| fault.when.tries != ALL);
        let state = State {
            requests: 0,
            started: None,
            begun: vec![None; faults.len()],
            tries: HashMap::new(),
        };
        Self { faults, seed, counts_tries, state: Mutex::new(state), changed: Notify::new() }
    }

    /// Numbers a request whose head came at `now`, and finds the fault that it meets before it is
    /// read.
    pub(super) fn arrived(&self, now: Instant) -> (Turn, Option<Met<'_>>) {
        let mut state = self.lock();
        state.requests += 1;
        let is_first = state.started.is_none();
        let started = *state.started.get_or_insert(now);
        let turn = Turn { number: state.requests, at: now.saturating_duration_since(started) };
        let met = self.meet(&mut state, turn, None);
        drop(state);
        if is_first || met.is_some_and(|met| met.fault.does == Does::Refuse) {
            self.changed.notify_one();
        }
        (turn, met)
    }

    /// Finds the fault that a request meets which was read.
    pub(super) fn was_read(&self, turn: Turn, order_no: &str) -> Option<Met<'_>> {
        let mut state = self.lock();
        let mut tried = 1;
        if self.counts_tries {
            let count = state.tries.entry(order_no.to_owned()).or_default();
            *count += 1;
            tried = *count;
        }
        self.meet(&mut state, turn, Some((order_no, tried)))
    }

    /// The first fault of its kind (read or unread) that fits.
    fn meet(&self, state: &mut State, turn: Turn, order: Option<(&str, u64)>) -> Option<Met<'_>> {
        for (index, fault) in self
            .faults
            .iter()
            .enumerate()
            .filter(|(_, fault)| fault.does.is_unread() == order.is_none())
        {
            let draw = |what: u64| drawn_for(self.seed, [index as u64, turn.number, what]);
            let seen = Seen {
                number: turn.number,
                at: turn.at,
                drawn: draw(0),
                begun: state.begun[index],
                order,
            };
            if fault.when.holds(&seen) {
                state.begun[index].get_or_insert(turn.at);
                return Some(Met { number: index + 1, fault, judged: draw(1) < fault.judged });
            }
        }
        None
    }

    /// Ends when connections are to be refused, with the time until when.
    pub(super) async fn refusal(&self) -> Instant {
        loop {
            let (open, wait) = self.next_refusal(Instant::now());
            match (open, wait) {
                (Some(until), _) => return until,
                (None, Some(wait)) => tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = self.changed.notified() => {}
                },
                (None, None) => self.changed.notified().await,
            }
        }
    }

    /// Until when connections are refused now; else how long it is to the next refusal that the
    /// clock begins.
    fn next_refusal(&self, now: Instant) -> (Option<Instant>, Option<Duration>) {
        let state = self.lock();
        let Some(started) = state.started else { return (None, None) };
        let at = now.saturating_duration_since(started);
        let (mut until, mut wait) = (None, None);
        for (fault, begun) in
            self.faults.iter().zip(&state.begun).filter(|(fault, _)| fault.does == Does::Refuse)
        {
            let seconds = &fault.when.seconds;
            let window = match (begun, fault.when.lasts) {
                (Some(begun), Some(lasts)) => Some(*begun..begun.saturating_add(lasts)),
                (Some(begun), None) => Some(*begun..seconds.end),
                (None, _) if fault.when.is_by_clock_alone() => Some(seconds.clone()),
                (None, _) => None,
            };
            match window {
                Some(window) if window.contains(&at) => {
                    until = until.max(started.checked_add(window.end));
                }
                Some(window) if at < window.start => {
                    let more = window.start.saturating_sub(at);
                    wait = Some(wait.map_or(more, |wait: Duration| wait.min(more)));
                }
                _ => {}
            }
        }
        (until, wait)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Plain numbers are whole at any time, also after a panic elsewhere.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(faults: impl Into<Vec<Fault>>) -> Play {
        Play::new(&Script::new(faults), 1)
    }

    /// The numbers of the faults that requests of these orders meet, a second apart.
    fn met(play: &Play, orders: &[&str]) -> Vec<usize> {
        let start = Instant::now();
        let number = |(second, order): (u64, &&str)| {
            let (turn, unread) = play.arrived(start + Duration::from_secs(second));
            unread.or_else(|| play.was_read(turn, order)).map_or(0, |met| met.number)
        };
        (0..).zip(orders).map(number).collect()
    }

    #[test]
    fn the_first_fault_that_fits_counts_and_unread_ones_come_first() {
        let play = play([
            Fault::status(500).requests(1..=2),
            Fault::status(503).requests(2..=4),
            Fault::new(Does::ResetUnread).requests(4..=5),
        ]);
        assert_eq!(met(&play, &[""; 6]), [1, 1, 2, 3, 3, 0]);
    }

    #[test]
    fn tries_are_counted_by_order() {
        let play = play([Fault::status(500).tries(1..=2)]);
        assert_eq!(met(&play, &["a", "b", "a", "a", "b", "b"]), [1, 1, 1, 0, 1, 0]);
    }

    #[test]
    fn what_lasts_begins_with_the_request_that_meets_it() {
        let play = play([Fault::status(503).requests(2..=2).lasts(Duration::from_secs(3))]);
        assert_eq!(met(&play, &[""; 6]), [0, 1, 1, 1, 0, 0]);
    }

    #[test]
    fn shares_are_drawn_anew_for_each_request_and_alike_for_each_seed() {
        let fault = || [Fault::new(Does::Reset).share(0.5).judged(0.5)];
        let draw = |seed| {
            let play = Play::new(&Script::new(fault()), seed);
            let judged = |_| {
                let (turn, _) = play.arrived(Instant::now());
                play.was_read(turn, "").map(|met| met.judged)
            };
            (0..1000).map(judged).collect::<Vec<_>>()
        };
        let drawn = draw(1);
        let count = |wanted| drawn.iter().filter(|one| **one == wanted).count();
        assert!((420..580).contains(&count(None)), "{}", count(None));
        assert!((190..310).contains(&count(Some(true))), "{}", count(Some(true)));
        assert_eq!(drawn, draw(1));
        assert_ne!(drawn, draw(2));
    }

    #[test]
    fn refusals_come_by_the_clock_or_with_the_request_that_begins_them() {
        let refuse = || Fault::new(Does::Refuse);
        let play = play([
            refuse().seconds(5.0..8.0),
            refuse().requests(2..=2).lasts(Duration::from_secs(2)),
        ]);
        let start = Instant::now();
        let second = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(play.next_refusal(second(0)), (None, None));
        play.arrived(second(0));
        assert_eq!(play.next_refusal(second(1)), (None, Some(Duration::from_secs(4))));
        assert_eq!(play.arrived(second(2)).1.map(|met| met.number), Some(2));
        assert_eq!(play.next_refusal(second(3)).0, Some(second(4)));
        assert_eq!(play.next_refusal(second(4)), (None, Some(Duration::from_secs(1))));
        assert_eq!(play.next_refusal(second(5)).0, Some(second(8)));
        assert_eq!(play.next_refusal(second(8)), (None, None));
    }
}
