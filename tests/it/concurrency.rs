//! Adaptive concurrency: the real engine against modelled servers under a paused clock, compared by
//! ranges with loops of fixed concurrency against the same servers.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use lateship::delivery::{
    Admission, Ending, Engine, Metrics, Recorder, Response, Task, TaskQueue, Transport,
    TransportError, stop_channel,
};
use lateship::limits::Limits;
use lateship::outcome::{Conclusion, Outcome, Status, Ticket};
use lateship::shipment::Shipment;
use tokio::time::Instant;

const CAP: usize = 16;

/// One request as it reaches the server.
struct Arrival {
    /// Requests it is working on, this one included.
    parallel: u32,
    at: Duration,
    /// Drawn evenly from `0.0 .. 1.0`.
    random: f64,
}

#[derive(Clone, Copy, PartialEq)]
enum Answer {
    Accept,
    Status(u16),
    TimedOut,
}

type Model = Box<dyn FnMut(&Arrival) -> (Duration, Answer)>;

fn millis(millis: f64) -> Duration {
    Duration::from_secs_f64(millis / 1000.0)
}

/// A model that accepts everything, after so many milliseconds.
fn accepting(mut latency: impl FnMut(&Arrival) -> f64 + 'static) -> Model {
    Box::new(move |arrival| (millis(latency(arrival)), Answer::Accept))
}

/// A model that takes `most` at a time for 50 ms each, and answers the others so after `millis`.
fn taking(most: u32, after: f64, refusal: Answer) -> Model {
    Box::new(move |arrival| {
        if arrival.parallel <= most {
            (millis(50.0), Answer::Accept)
        } else {
            (millis(after), refusal)
        }
    })
}

/// What was seen at a request's start.
#[derive(Clone, Copy)]
struct Start {
    at: Duration,
    in_flight: usize,
    limit: usize,
}

/// A server in the wire's place.
struct Server<'a> {
    model: RefCell<Model>,
    metrics: &'a Metrics,
    begin: Instant,
    random: RefCell<fastrand::Rng>,
    in_flight: Cell<u32>,
    starts: RefCell<Vec<Start>>,
    failed: Cell<usize>,
}

impl<'a> Server<'a> {
    fn new(model: Model, metrics: &'a Metrics) -> Self {
        Self {
            model: RefCell::new(model),
            metrics,
            begin: Instant::now(),
            random: RefCell::new(fastrand::Rng::with_seed(7)),
            in_flight: Cell::new(0),
            starts: RefCell::default(),
            failed: Cell::new(0),
        }
    }
}

impl Transport for Server<'_> {
    async fn send(&self, _: Arc<[u8]>) -> Result<Response, TransportError> {
        self.in_flight.set(self.in_flight.get() + 1);
        let at = self.begin.elapsed();
        let in_flight = self.in_flight.get() as usize;
        self.starts.borrow_mut().push(Start { at, in_flight, limit: self.metrics.limit() });
        let arrival =
            Arrival { parallel: self.in_flight.get(), at, random: self.random.borrow_mut().f64() };
        let (latency, answer) = (self.model.borrow_mut())(&arrival);
        tokio::time::sleep(latency).await;
        self.in_flight.set(self.in_flight.get() - 1);
        if answer != Answer::Accept {
            self.failed.set(self.failed.get() + 1);
        }
        match answer {
            Answer::Accept => {
                let body =
                    r#"{"message":"Request Received Successfully","status":"Success"}"#.to_owned();
                Ok(Response { status: 200, body, ..Response::default() })
            }
            Answer::Status(status) => {
                let retry_after = (status == 429).then(|| "1".to_owned());
                Ok(Response { status, retry_after, ..Response::default() })
            }
            Answer::TimedOut => Err(TransportError::ResponseLost {
                status: None,
                timed_out: true,
                detail: "timed out".to_owned(),
            }),
        }
    }
}

/// So many shipments, and how many were accepted.
struct Shipments {
    left: Cell<u64>,
    sent: Cell<u64>,
}

impl TaskQueue for Shipments {
    type Error = Infallible;

    async fn next(&self) -> Result<Option<Task>, Infallible> {
        let Some(ticket) = self.left.get().checked_sub(1) else { return Ok(None) };
        self.left.set(ticket);
        let shipment = Shipment { identity: ticket.into(), ..Shipment::default() };
        Ok(Some(Task { shipment, lines: [Ticket(ticket)].into(), previous: None }))
    }

    fn settle(&self, _: Task, outcome: &Outcome) -> Result<(), Infallible> {
        self.sent.set(self.sent.get() + u64::from(outcome.status == Status::Sent));
        Ok(())
    }
}

impl Recorder for Shipments {
    type Error = Infallible;

    async fn admit(&self, _: &Shipment) -> Result<Admission, Infallible> {
        Ok(Admission::Send { tainted: false })
    }

    async fn begin(&self, _: &Shipment) -> Result<(), Infallible> {
        Ok(())
    }

    async fn end(&self, _: &Shipment, _: Conclusion) -> Result<(), Infallible> {
        Ok(())
    }
}

struct Ran {
    sent: u64,
    failed: usize,
    starts: Vec<Start>,
    took: Duration,
}

impl Ran {
    fn peak(&self) -> usize {
        self.starts.iter().map(|start| start.in_flight).max().unwrap_or(0)
    }

    /// The share of requests that failed.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn failing(&self) -> f64 {
        self.failed as f64 / self.starts.len() as f64
    }

    /// The share of requests started between `from` and `to` (shares of the run's time) for which
    /// `is` holds.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn share(&self, from: f64, to: f64, is: impl Fn(&Start) -> bool) -> f64 {
        let within = self.took.mul_f64(from)..=self.took.mul_f64(to);
        let among: Vec<_> = self.starts.iter().filter(|start| within.contains(&start.at)).collect();
        among.iter().filter(|start| is(start)).count() as f64 / among.len() as f64
    }

    /// The mean limit over all starts between two moments.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn mean_limit(&self, from: Duration, to: Duration) -> f64 {
        let limits: Vec<_> = self
            .starts
            .iter()
            .filter(|start| (from..to).contains(&start.at))
            .map(|start| start.limit)
            .collect();
        limits.iter().sum::<usize>() as f64 / limits.len() as f64
    }
}

async fn adaptive_at(rate: &str, model: Model, shipments: u64) -> Ran {
    let limits = Limits {
        concurrency: CAP.try_into().expect("not zero"),
        rate: rate.parse().expect("a rate"),
        ..Limits::default()
    };
    let metrics = Metrics::default();
    let server = Server::new(model, &metrics);
    let tasks = Shipments { left: Cell::new(shipments), sent: Cell::new(0) };
    let (_sender, stop) = stop_channel();
    let engine = Engine {
        limits: &limits,
        transport: &server,
        queue: &tasks,
        recorder: &tasks,
        stop,
        metrics: &metrics,
        seed: 1,
    };
    let Ok(ending) = engine.run().await;
    assert_eq!(ending, Ending::Complete);
    let took = server.begin.elapsed();
    let ran = Ran {
        sent: tasks.sent.get(),
        failed: server.failed.get(),
        starts: server.starts.take(),
        took,
    };
    for start in &ran.starts {
        assert!((1..=CAP).contains(&start.limit) && start.in_flight <= CAP);
    }
    ran
}

async fn adaptive(model: Model, shipments: u64) -> Ran {
    adaptive_at("unlimited", model, shipments).await
}

/// How long loops of fixed concurrency take for so many requests, failed ones not repeated, one
/// going ahead.
async fn fixed(model: Model, shipments: u64) -> Duration {
    let metrics = Metrics::default();
    let server = Server::new(model, &metrics);
    let left = Cell::new(shipments - 1);
    let _canary = server.send(Arc::new([])).await;
    let loops = (0..CAP).map(|_| async {
        while let Some(rest) = left.get().checked_sub(1) {
            left.set(rest);
            let _reply = server.send(Arc::new([])).await;
        }
    });
    futures::future::join_all(loops).await;
    server.begin.elapsed()
}

/// The throughput of adaptive concurrency, in terms of fixed concurrency's.
async fn relative(model: impl Fn() -> Model, shipments: u64) -> (f64, Ran) {
    let fixed = fixed(model(), shipments).await;
    let ran = adaptive(model(), shipments).await;
    assert_eq!(ran.sent, shipments);
    (fixed.as_secs_f64() / ran.took.as_secs_f64(), ran)
}

fn exponential(random: f64) -> f64 {
    -(1.0 - random).ln()
}

type Latency = fn(&Arrival) -> f64;

/// Healthy servers, whose round trips don't depend on what they are asked: milliseconds by arrival.
fn healthy() -> [(&'static str, Latency); 6] {
    [
        ("constant", |_| 100.0),
        ("constant and quick", |_| 5.0),
        ("jitter", |arrival| 60.0 + 80.0 * arrival.random),
        ("exponential", |arrival| 20.0 + 80.0 * exponential(arrival.random)),
        ("one in fifty takes twenty times as long", |arrival| {
            if arrival.random < 0.02 { 2000.0 } else { 100.0 }
        }),
        (
            "slow first connections",
            |arrival| if arrival.at < millis(400.0) { 350.0 } else { 100.0 },
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn concurrency_of_a_healthy_endpoint_is_as_fast_as_fixed() {
    for (name, latency) in healthy() {
        for shipments in [50, 300, 1500, 6000] {
            let (speed, ran) = relative(|| accepting(latency), shipments).await;
            assert!(speed >= 0.95, "{name}, {shipments} shipments: {speed:.3} of fixed");
            assert_eq!(ran.peak(), CAP, "{name}");
        }
    }
}

/// The same with round trips that swing whatever is asked.
fn swinging() -> [(&'static str, Latency); 3] {
    fn phase(at: Duration, period: f64) -> f64 {
        (at.as_secs_f64() / period).fract()
    }
    [
        ("square", |arrival| if phase(arrival.at, 2.0) < 0.5 { 200.0 } else { 100.0 }),
        ("falling", |arrival| 200.0 - 180.0 * phase(arrival.at, 10.0)),
        ("slow spells", |arrival| {
            if phase(arrival.at, 60.0) < 0.1 { 800.0 } else { 60.0 + 40.0 * arrival.random }
        }),
    ]
}

#[tokio::test(start_paused = true)]
async fn concurrency_of_a_swinging_latency_is_as_fast_as_fixed() {
    for (name, latency) in swinging() {
        let (speed, _) = relative(|| accepting(latency), 15_000).await;
        assert!(speed >= 0.95, "{name}: {speed:.3} of fixed");
    }
}

#[tokio::test(start_paused = true)]
async fn concurrency_is_reached_right_after_the_canary() {
    let ran = adaptive(accepting(|_| 100.0), 200).await;
    let soon = ran.starts.iter().filter(|start| start.at <= millis(101.0)).count();
    assert_eq!(soon, 1 + CAP);
}

#[tokio::test(start_paused = true)]
async fn concurrency_settles_near_what_the_endpoint_takes() {
    for (name, after, refusal) in [
        ("503 at once", 1.0, Answer::Status(503)),
        ("503 after a while", 50.0, Answer::Status(503)),
        ("timeouts", 200.0, Answer::TimedOut),
    ] {
        let ran = adaptive(taking(5, after, refusal), 5000).await;
        assert!(ran.sent >= 4995, "{name}: {} sent within five attempts each", ran.sent);
        let few = ran.share(0.05, 1.0, |start| start.in_flight <= 7);
        assert!(few >= 0.98, "{name}: {few:.3} of the run at seven or fewer");
        assert!(ran.failing() <= 0.03, "{name}: {:.3} failed", ran.failing());
        let ideal = Duration::from_millis(50) * 1000;
        assert!(ran.took <= ideal.mul_f64(1.4), "{name}: {:?} for what takes {ideal:?}", ran.took);
    }
}

#[tokio::test(start_paused = true)]
async fn concurrency_is_lowered_by_429_and_grows_back_slowly() {
    let ran = adaptive(taking(5, 1.0, Answer::Status(429)), 5000).await;
    assert_eq!(ran.sent, 5000);
    assert!(ran.failing() <= 0.03, "{:.4} failed", ran.failing());
    let ideal = Duration::from_millis(50) * 1000;
    assert!(
        ran.took <= ideal.mul_f64(2.5),
        "{:?} for what takes {ideal:?}, each 429 being a second",
        ran.took
    );
}

#[tokio::test(start_paused = true)]
async fn concurrency_grows_back_when_the_endpoint_takes_more() {
    let stronger = Duration::from_secs(30);
    let model: Model = Box::new(move |arrival| {
        let refused = arrival.at < stronger && arrival.parallel > 3;
        if refused { (millis(1.0), Answer::Status(503)) } else { (millis(50.0), Answer::Accept) }
    });
    let ran = adaptive(model, 20_000).await;
    assert_eq!(ran.sent, 20_000);
    let before = ran.mean_limit(Duration::from_secs(2), stronger);
    assert!(before <= 4.0, "{before:.1} while it takes three");
    let after = ran.mean_limit(stronger + Duration::from_secs(40), ran.took);
    assert!(after >= 15.0, "{after:.1} once it takes all");
}

#[tokio::test(start_paused = true)]
async fn concurrency_is_not_lowered_by_latency_alone() {
    // Ten times slower for a minute, however much it is asked.
    let slow = Duration::from_secs(20)..Duration::from_secs(80);
    let model = || {
        let slow = slow.clone();
        accepting(move |arrival| if slow.contains(&arrival.at) { 1000.0 } else { 100.0 })
    };
    let (speed, ran) = relative(model, 10_000).await;
    assert!(speed >= 0.95, "{speed:.3} of fixed");
    assert!(ran.starts.iter().all(|start| start.limit == CAP));
}

#[tokio::test(start_paused = true)]
async fn concurrency_is_not_lowered_by_a_few_hopeless_shipments() {
    let model: fn() -> Model = || {
        Box::new(|arrival| {
            let answer = if arrival.random < 0.005 { Answer::Status(500) } else { Answer::Accept };
            (millis(100.0), answer)
        })
    };
    let fixed = fixed(model(), 10_000).await;
    let ran = adaptive(model(), 10_000).await;
    assert_eq!(ran.sent, 10_000);
    assert!(ran.took <= fixed.mul_f64(1.08), "{:?}, fixed {fixed:?}", ran.took);
}

#[tokio::test(start_paused = true)]
async fn concurrency_is_restored_after_an_outage() {
    for status in [502, 503] {
        let down = Duration::from_secs(10)..Duration::from_secs(100);
        let shown = down.clone();
        let model: Model = Box::new(move |arrival| {
            let is_down = shown.contains(&arrival.at);
            let answer = if is_down { Answer::Status(status) } else { Answer::Accept };
            (millis(50.0), answer)
        });
        let ran = adaptive(model, 10_000).await;
        assert_eq!(ran.sent, 10_000);
        let mut starts = ran.starts.iter().map(|start| start.at);
        let back = starts.find(|at| *at >= down.end).expect("a probe");
        let soon = ran.mean_limit(back + millis(60.0), back + Duration::from_secs(1));
        assert!(soon >= 15.0, "{status}: {soon:.1} in the first second after");
    }
}

#[tokio::test(start_paused = true)]
async fn concurrency_that_breaks_the_endpoint_is_not_kept() {
    // More than eight at once and it breaks down for three seconds, for everybody.
    let mut broken_until = Duration::ZERO;
    let model: Model = Box::new(move |arrival| {
        if arrival.parallel > 8 {
            broken_until = arrival.at + Duration::from_secs(3);
        }
        let answer = if arrival.at < broken_until { Answer::Status(503) } else { Answer::Accept };
        (millis(50.0), answer)
    });
    let ran = adaptive(model, 10_000).await;
    assert_eq!(ran.sent, 10_000, "no shipment is used up");
    assert!(ran.failing() <= 0.1, "{:.3} failed", ran.failing());
}

#[tokio::test(start_paused = true)]
async fn concurrency_under_a_rate_limit_falls_as_well_and_costs_nothing_otherwise() {
    let ran = adaptive_at("40/s", accepting(|_| 200.0), 1000).await;
    assert!(1000.0 / ran.took.as_secs_f64() >= 38.8, "{:?}", ran.took);
    let slow: Model = Box::new(|arrival| {
        if arrival.parallel <= 3 {
            (millis(200.0), Answer::Accept)
        } else {
            (millis(10.0), Answer::Status(503))
        }
    });
    let ran = adaptive_at("40/s", slow, 1000).await;
    assert_eq!(ran.sent, 1000);
    assert!(ran.failing() <= 0.1, "{:.3} failed", ran.failing());
    let few = ran.share(0.1, 1.0, |start| start.in_flight <= 4);
    assert!(few >= 0.98, "{few:.3} of the run at four or fewer");
}
