//! Simulated endpoints whose latency swings for reasons of its own: however hard, fewer requests at
//! a time would only be slower, so the throughput must be that of the cap. And some that are asked
//! too much indeed, for comparison.
//!
//! Only the limit is simulated here, minutes of virtual time in a moment; the integration tests run
//! the engine.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::f64::consts::TAU;

use super::*;

const SPAN: Duration = Duration::from_secs(150);

/// One request as it reaches the endpoint.
struct Arrival {
    /// In seconds from the beginning.
    at: f64,
    /// Requests in flight, this one included.
    parallel: usize,
    /// Drawn evenly from `0.0 .. 1.0`.
    random: f64,
}

/// Round trips in seconds.
type Model = Box<dyn FnMut(&Arrival) -> f64>;

/// How many answers come within the span, and the mean limit over those of its second half.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn answers(mut model: Model, cap: usize, adaptive: bool) -> (f64, f64) {
    let begin = Instant::now();
    let mut concurrency = Concurrency::new(cap, begin);
    let mut random = fastrand::Rng::with_seed(5);
    let mut in_flight = BinaryHeap::new();
    let mut now = Duration::ZERO;
    let (mut count, mut late, mut limits) = (0.0, 0.0, 0.0);
    while now < SPAN {
        while in_flight.len() < cap && (!adaptive || concurrency.permit(in_flight.len())) {
            let parallel = in_flight.len() + 1;
            concurrency.started(parallel);
            let trip = model(&Arrival { at: now.as_secs_f64(), parallel, random: random.f64() });
            in_flight.push(Reverse((now + Duration::from_secs_f64(trip), now)));
        }
        let Reverse((end, sent)) = in_flight.pop().expect("one at least may always go");
        now = end;
        count += 1.0;
        if now >= SPAN / 2 {
            late += 1.0;
            limits += concurrency.limit() as f64;
        }
        concurrency.answered(Answer::Good, begin + sent, begin + now);
    }
    (count, limits / late)
}

/// How far a wave is in its period, from 0 to 1.
fn phase(at: f64, period: f64) -> f64 {
    (at / period).fract()
}

/// Now the one, now the other, for half a period each.
fn square(period: f64, slow: f64, quick: f64) -> Model {
    Box::new(move |arrival| if phase(arrival.at, period) < 0.5 { slow } else { quick })
}

/// So many seconds of each minute so many times slower, with some jitter.
fn slow_spells(seconds: f64, factor: f64) -> Model {
    Box::new(move |arrival| {
        let slow = phase(arrival.at, 60.0) * 60.0 < seconds;
        (0.025 + 0.05 * arrival.random) * if slow { factor } else { 1.0 }
    })
}

/// A random walk between 20 and 200 ms, with a step each tenth of a second, and jitter of this part
/// about it.
fn walk(step: f64, jitter: f64) -> Model {
    let mut random = fastrand::Rng::with_seed(11);
    let mut at = 0.0;
    let mut trip: f64 = 0.06;
    Box::new(move |arrival| {
        while at < arrival.at {
            trip = (trip * (step * (2.0 * random.f64() - 1.0)).exp()).clamp(0.02, 0.2);
            at += 0.1;
        }
        trip * (1.0 + jitter * (2.0 * arrival.random - 1.0))
    })
}

/// Lognormal about 50 ms, nearly (its quantiles by those of the logistic distribution, whose tail
/// is heavier still).
fn lognormal(sigma: f64) -> Model {
    Box::new(move |arrival| {
        let random = arrival.random.clamp(1e-6, 1.0 - 1e-6);
        0.05 * (random / (1.0 - random)).powf(sigma / 1.7)
    })
}

fn healthy() -> Vec<(String, Model)> {
    let mut models: Vec<(String, Model)> = Vec::new();
    for period in [1.0, 2.0, 5.0, 10.0, 30.0] {
        models.push((format!("square, {period} s"), square(period, 0.2, 0.02)));
        models.push((format!("mild square, {period} s"), square(period, 0.2, 0.1)));
        models.push((
            format!("rising, {period} s"),
            Box::new(move |now| 0.02 + 0.18 * phase(now.at, period)),
        ));
        models.push((
            format!("falling, {period} s"),
            Box::new(move |now| 0.2 - 0.18 * phase(now.at, period)),
        ));
        models.push((
            format!("sine, {period} s"),
            Box::new(move |now| 0.11 + 0.09 * (TAU * now.at / period).sin()),
        ));
    }
    for (seconds, factor) in [(2.0, 10.0), (5.0, 10.0), (10.0, 2.0)] {
        models.push((
            format!("{seconds} s of a minute {factor} times slower"),
            slow_spells(seconds, factor),
        ));
    }
    for (step, jitter) in [(0.2, 0.0), (0.2, 0.5), (0.5, 0.0), (0.5, 0.5)] {
        models.push((format!("walk by {step}, jitter {jitter}"), walk(step, jitter)));
    }
    for sigma in [0.3, 0.6, 1.0, 1.5] {
        models.push((format!("lognormal {sigma}"), lognormal(sigma)));
    }
    models
}

fn no_slower_than_the_cap(cap: usize) {
    for (index, (name, model)) in healthy().into_iter().enumerate() {
        let (fixed, _) = answers(model, cap, false);
        let (adaptive, _) = answers(healthy().swap_remove(index).1, cap, true);
        assert!(
            adaptive >= 0.95 * fixed,
            "{name}, {cap} at a time: {:.3} of fixed",
            adaptive / fixed
        );
    }
}

#[test]
fn swings_of_latency_cost_next_to_nothing_at_4() {
    no_slower_than_the_cap(4);
}

#[test]
fn swings_of_latency_cost_next_to_nothing_at_16() {
    no_slower_than_the_cap(16);
}

#[test]
fn swings_of_latency_cost_next_to_nothing_at_64() {
    no_slower_than_the_cap(64);
}

#[test]
fn where_latency_follows_the_concurrency_it_is_found_out_all_the_same() {
    // A worker that takes 10 ms for each, with jitter, behind a line of 40 ms: five at a time keep
    // it busy.
    let queue = || -> Model {
        let mut free_at = 0.0_f64;
        Box::new(move |arrival| {
            free_at = free_at.max(arrival.at + 0.02) + 0.005 + 0.01 * arrival.random;
            free_at - arrival.at + 0.02
        })
    };
    // Above six all suffer. (From 64 it takes minutes to come down, its answers being slow.)
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let knee = || -> Model {
        Box::new(|arrival| {
            (0.8 + 0.4 * arrival.random) * 0.06 * (arrival.parallel as f64 / 6.0).max(1.0).powf(1.3)
        })
    };
    for (name, model, at_16, at_64) in
        [("queue", &queue as &dyn Fn() -> Model, 10.0, 20.0), ("knee", &knee, 9.0, 52.0)]
    {
        for (cap, at_most) in [(16, at_16), (64, at_64)] {
            let (fixed, _) = answers(model(), cap, false);
            let (adaptive, mean) = answers(model(), cap, true);
            assert!(mean <= at_most, "{name}, {cap} at a time: {mean:.1} on average in the end");
            assert!(
                adaptive >= 0.95 * fixed,
                "{name}, {cap} at a time: {:.3} of fixed",
                adaptive / fixed
            );
        }
    }
}
