//! The delivery engine under a paused clock, with a scripted transport in the wire's place.

mod errors;
mod script;
mod trouble;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lateship::delivery::{
    Admission, Ending, Engine, Metrics, Recorder, Response, Signal, StopReason, StopSignal, Task,
    TaskQueue, Transport, TransportError, stop_channel,
};
use lateship::limits::{InDoubt, Limits};
use lateship::outcome::{Conclusion, Outcome, Status, Ticket};
use lateship::shipment::Shipment;
use tokio::time::Instant;

/// What the scripted endpoint does with one request.
#[derive(Debug, Clone)]
enum Answer {
    Accept,
    Status(u16),
    Html,
    Throttle(u64),
    Reset,
    Refuse,
    NoSuchHost,
}

type Script = Box<dyn Fn(u64, usize, Duration) -> Answer>;

/// Answers by ticket, number of the request (from 0) and time since the start.
struct TestServer {
    script: Script,
    latency: Duration,
    begin: Instant,
    starts: RefCell<Vec<(u64, Duration)>>,
    in_flight: Cell<usize>,
    peak: Cell<usize>,
}

impl Transport for TestServer {
    async fn send(&self, body: Arc<[u8]>) -> Result<Response, TransportError> {
        let ticket = ticket_of(&body);
        let number = self.starts.borrow().len();
        self.starts.borrow_mut().push((ticket, self.begin.elapsed()));
        self.in_flight.set(self.in_flight.get() + 1);
        self.peak.set(self.peak.get().max(self.in_flight.get()));
        let answer = (self.script)(ticket, number, self.begin.elapsed());
        tokio::time::sleep(self.latency).await;
        self.in_flight.set(self.in_flight.get() - 1);
        let reply =
            |status, body: &str| Response { status, body: body.to_owned(), ..Response::default() };
        match answer {
            Answer::Accept => {
                Ok(reply(200, r#"{"message":"Request Received Successfully","status":"Success"}"#))
            }
            Answer::Status(status) => Ok(reply(status, r#"{"message":"scripted"}"#)),
            Answer::Html => Ok(reply(200, "<html><title>Welcome</title></html>")),
            Answer::Throttle(seconds) => {
                Ok(Response { retry_after: Some(seconds.to_string()), ..reply(429, "") })
            }
            Answer::Reset => Err(TransportError::ResponseLost {
                status: None,
                timed_out: false,
                detail: "the connection was reset".to_owned(),
            }),
            Answer::Refuse => Err(TransportError::Unreachable {
                dns: false,
                detail: "connection refused".to_owned(),
            }),
            Answer::NoSuchHost => {
                Err(TransportError::Unreachable { dns: true, detail: "no such host".to_owned() })
            }
        }
    }
}

/// What the engine asks its queue and its recorder for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Operation {
    Next,
    Admit,
    Begin,
    End,
    Settle,
}

/// The error of an operation.
#[derive(Debug, PartialEq)]
struct Broken(Operation);

/// Shipments 0, 1, 2 … and what became of them.
#[derive(Default)]
struct Shipments {
    waiting: RefCell<VecDeque<u64>>,
    /// How many identities they share; each has its own where it is `None`.
    identities: Option<u64>,
    /// How long the next one takes to come.
    reading: Duration,
    /// Shipments that the recorder knows.
    known: Vec<u64>,
    settled: RefCell<BTreeMap<u64, Outcome>>,
    /// How long a look-up takes.
    look_up: Duration,
    /// Identities whose attempt has begun and not ended.
    begun: RefCell<BTreeSet<u128>>,
    /// The operation that fails, and for which shipment.
    broken: Option<(Operation, u64)>,
}

impl Shipments {
    fn check(&self, operation: Operation, ticket: u64) -> Result<(), Broken> {
        if self.broken == Some((operation, ticket)) { Err(Broken(operation)) } else { Ok(()) }
    }
}

fn ticket_of(body: &[u8]) -> u64 {
    std::str::from_utf8(body).expect("text").parse().expect("a ticket")
}

impl TaskQueue for Shipments {
    type Error = Broken;

    async fn next(&self) -> Result<Option<Task>, Broken> {
        if !self.reading.is_zero() {
            tokio::time::sleep(self.reading).await;
        }
        let Some(ticket) = self.waiting.borrow().front().copied() else { return Ok(None) };
        self.check(Operation::Next, ticket)?;
        self.waiting.borrow_mut().pop_front();
        let body = ticket.to_string().into_bytes();
        let identity = self.identities.map_or(ticket, |identities| ticket % identities).into();
        let shipment = Shipment { body: body.into(), identity, ..Shipment::default() };
        Ok(Some(Task { shipment, lines: [Ticket(ticket)].into(), previous: None }))
    }

    fn settle(&self, task: Task, outcome: &Outcome) -> Result<(), Broken> {
        assert!(!self.begun.borrow().contains(&task.shipment.identity), "settled in flight");
        let before = self.settled.borrow_mut().insert(task.ticket().0, outcome.clone());
        assert!(before.is_none(), "shipment {} was settled twice", task.ticket().0);
        self.check(Operation::Settle, task.ticket().0)
    }
}

impl Recorder for Shipments {
    type Error = Broken;

    async fn admit(&self, shipment: &Shipment) -> Result<Admission, Broken> {
        tokio::time::sleep(self.look_up).await;
        let ticket = ticket_of(&shipment.body);
        self.check(Operation::Admit, ticket)?;
        Ok(if self.known.contains(&ticket) {
            Admission::Settled(Outcome::unsent(Status::AlreadySent, ""))
        } else {
            Admission::Send { tainted: false }
        })
    }

    async fn begin(&self, shipment: &Shipment) -> Result<(), Broken> {
        self.check(Operation::Begin, ticket_of(&shipment.body))?;
        assert!(self.begun.borrow_mut().insert(shipment.identity), "two of one identity in flight");
        Ok(())
    }

    async fn end(&self, shipment: &Shipment, _: Conclusion) -> Result<(), Broken> {
        assert!(self.begun.borrow_mut().remove(&shipment.identity), "an end without a beginning");
        self.check(Operation::End, ticket_of(&shipment.body))
    }
}

struct Ran {
    ending: Ending,
    error: Option<Broken>,
    settled: BTreeMap<u64, Outcome>,
    left: usize,
    starts: Vec<(u64, Duration)>,
    peak: usize,
    took: Duration,
}

impl Ran {
    fn statuses(&self) -> Vec<Status> {
        self.settled.values().map(|outcome| outcome.status).collect()
    }

    fn count(&self, status: Status) -> usize {
        self.settled.values().filter(|outcome| outcome.status == status).count()
    }

    fn stopped(&self) -> &str {
        match &self.ending {
            Ending::Stopped(reason) => reason,
            other => panic!("not stopped but {other:?}"),
        }
    }
}

struct Case {
    limits: Limits,
    shipments: u64,
    latency: Duration,
    seed: u64,
    stop: StopSignal,
    identities: Option<u64>,
    reading: Duration,
    look_up: Duration,
    known: Vec<u64>,
    broken: Option<(Operation, u64)>,
}

fn case(shipments: u64) -> Case {
    let limits = Limits { rate: "unlimited".parse().expect("a rate"), ..Limits::default() };
    let (sender, stop) = stop_channel();
    std::mem::forget(sender);
    Case {
        limits,
        shipments,
        latency: Duration::from_millis(20),
        seed: 1,
        stop,
        identities: None,
        reading: Duration::ZERO,
        look_up: Duration::ZERO,
        known: Vec::new(),
        broken: None,
    }
}

impl Case {
    async fn run(self, script: impl Fn(u64, usize, Duration) -> Answer + 'static) -> Ran {
        let transport = TestServer {
            script: Box::new(script),
            latency: self.latency,
            begin: Instant::now(),
            starts: RefCell::default(),
            in_flight: Cell::new(0),
            peak: Cell::new(0),
        };
        let shipments = Shipments {
            waiting: RefCell::new((0..self.shipments).collect()),
            identities: self.identities,
            reading: self.reading,
            look_up: self.look_up,
            known: self.known,
            broken: self.broken,
            ..Shipments::default()
        };
        let metrics = Metrics::default();
        let engine = Engine {
            limits: &self.limits,
            transport: &transport,
            queue: &shipments,
            recorder: &shipments,
            stop: self.stop,
            metrics: &metrics,
            seed: self.seed,
        };
        let limit = Duration::from_secs(30 * 24 * 3600);
        let ending = tokio::time::timeout(limit, engine.run()).await.expect("the engine ends");
        let (ending, error) =
            ending.map_or_else(|error| (Ending::Complete, Some(error)), |ending| (ending, None));
        assert!(error.is_none() || self.broken.is_some(), "{error:?}");
        assert_eq!(transport.in_flight.get(), 0);
        assert_eq!(metrics.requests(), transport.starts.borrow().len() as u64);
        Ran {
            ending,
            error,
            settled: shipments.settled.take(),
            left: shipments.waiting.borrow().len(),
            peak: transport.peak.get(),
            took: transport.begin.elapsed(),
            starts: transport.starts.take(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_healthy_endpoint_gets_every_shipment_once_within_the_concurrency() {
    let mut case = case(500);
    case.limits.concurrency = 7.try_into().expect("not zero");
    let ran = case.run(|_, _, _| Answer::Accept).await;
    assert_eq!(ran.ending, Ending::Complete);
    assert_eq!(ran.count(Status::Sent), 500);
    assert_eq!(ran.starts.len(), 500);
    assert_eq!(ran.peak, 7);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_key_costs_exactly_one_request() {
    let ran = case(100).run(|_, _, _| Answer::Status(401)).await;
    assert!(ran.stopped().contains("credentials"), "{}", ran.stopped());
    assert_eq!(ran.starts.len(), 1);
    assert!(ran.statuses().iter().all(|status| *status == Status::NotAttempted));
    assert_eq!(ran.settled.len() + ran.left, 100);
    assert_eq!(ran.settled[&0].attempts, 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_goes_beside_the_canary_until_it_came_back_well() {
    // The first two canaries come back with 500 and 429: the next shipment is the canary then.
    let ran = case(50)
        .run(|_, number, _| match number {
            0 => Answer::Status(500),
            1 => Answer::Throttle(1),
            _ => Answer::Accept,
        })
        .await;
    assert_eq!(ran.count(Status::Sent), 50);
    let alone: Vec<_> = ran.starts.iter().take(3).map(|(_, at)| *at).collect();
    assert!(
        alone[1] >= Duration::from_millis(20) && alone[2] >= Duration::from_millis(1020),
        "{alone:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_never_exceeded_retries_included() {
    let mut case = case(300);
    case.limits.rate = "50/s".parse().expect("a rate");
    let ran = case
        .run(|_, number, _| if number % 10 == 9 { Answer::Status(500) } else { Answer::Accept })
        .await;
    assert_eq!(ran.count(Status::Sent), 300);
    let second = Duration::from_secs(1);
    for (index, (_, start)) in ran.starts.iter().enumerate() {
        let within =
            ran.starts[index..].iter().take_while(|(_, other)| *other < *start + second).count();
        assert!(within <= 50, "{within} requests in the second after {start:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn three_hundred_shipments_at_50_a_second_lose_next_to_nothing() {
    let mut case = case(300);
    case.limits.rate = "50/s".parse().expect("a rate");
    let ran = case.run(|_, _, _| Answer::Accept).await;
    assert!(300.0 / ran.took.as_secs_f64() >= 48.5, "{:?}", ran.took);
}

#[tokio::test(start_paused = true)]
async fn a_shipment_that_always_fails_ends_failed_after_its_attempts_and_the_run_goes_on() {
    let ran = case(200)
        .run(|ticket, _, _| if ticket == 50 { Answer::Status(500) } else { Answer::Accept })
        .await;
    assert_eq!(ran.ending, Ending::Complete);
    assert_eq!(ran.count(Status::Sent), 199);
    let failed = &ran.settled[&50];
    assert_eq!(
        (failed.status, failed.attempts, failed.http_status),
        (Status::Failed, 5, Some(500))
    );
    assert!(failed.message.contains("HTTP 500: scripted (5 attempts)"), "{}", failed.message);
}

#[tokio::test(start_paused = true)]
async fn one_lost_answer_leaves_a_shipment_in_doubt_unless_it_is_accepted_later() {
    let lost_once = Rc::new(Cell::new(false));
    let ran = case(100)
        .run(move |ticket, _, _| match ticket {
            30 if !lost_once.replace(true) => Answer::Reset,
            30 => Answer::Status(500),
            60 => Answer::Reset,
            _ => Answer::Accept,
        })
        .await;
    assert_eq!(ran.settled[&30].status, Status::InDoubt, "a 500 after a lost answer");
    assert_eq!(ran.settled[&60].status, Status::InDoubt);
    assert_eq!(ran.count(Status::Sent), 98);

    let lost_once = Cell::new(false);
    let ran =
        case(100)
            .run(move |ticket, _, _| {
                if ticket == 30 && !lost_once.replace(true) {
                    Answer::Reset
                } else {
                    Answer::Accept
                }
            })
            .await;
    assert_eq!(ran.settled[&30].status, Status::Sent);
    assert!(ran.settled[&30].message.contains("twice"), "its message says that it was sent again");
}

#[tokio::test(start_paused = true)]
async fn a_wish_to_stop_finishes_what_is_in_flight_and_leaves_the_rest() {
    let (sender, stop) = stop_channel();
    let mut case = case(1000);
    case.stop = stop;
    let wish = StopReason::Interrupt(Signal::Interrupt);
    let sent = wish.clone();
    let ran = case
        .run(move |ticket, number, _| {
            if number == 100 {
                sender.request(sent.clone());
            }
            if ticket == 10 { Answer::Status(500) } else { Answer::Accept }
        })
        .await;
    assert_eq!(ran.ending, Ending::Requested(wish));
    assert_eq!(ran.settled.len() + ran.left, 1000);
    assert!(ran.starts.len() < 130, "nothing new was started: {}", ran.starts.len());
    let tried = &ran.settled[&10];
    assert!(
        tried.status == Status::Failed && tried.message.contains("the run stopped"),
        "{tried:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn shipments_of_one_identity_go_one_after_the_other_in_order_and_do_not_slow_the_others() {
    let mut case = case(300);
    case.identities = Some(100);
    case.limits.concurrency = 50.try_into().expect("not zero");
    // The first of identity 7 has a hard time; the desk sees that its successors wait for it.
    let ran = case
        .run(
            |ticket, number, _| {
                if ticket == 7 && number < 200 { Answer::Status(500) } else { Answer::Accept }
            },
        )
        .await;
    assert_eq!(ran.ending, Ending::Complete);
    assert_eq!(ran.settled.len(), 300);
    let of_seven: Vec<u64> =
        ran.starts.iter().map(|(ticket, _)| *ticket).filter(|ticket| ticket % 100 == 7).collect();
    let last_seven = of_seven.iter().rposition(|ticket| *ticket == 7).expect("it was sent");
    assert!(of_seven[..=last_seven].iter().all(|ticket| *ticket == 7), "{of_seven:?}");
    assert_eq!(of_seven[last_seven + 1..], [107, 207]);
}

#[tokio::test(start_paused = true)]
async fn what_the_desk_knows_is_not_sent_and_its_successors_follow() {
    let mut case = case(30);
    case.identities = Some(10);
    case.known = (0..10).collect();
    let ran = case.run(|_, _, _| Answer::Accept).await;
    assert_eq!((ran.count(Status::AlreadySent), ran.count(Status::Sent)), (10, 20));
    assert!(ran.starts.iter().all(|(ticket, _)| *ticket >= 10));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_probed_while_the_next_row_is_still_being_read() {
    let mut case = case(40);
    case.reading = Duration::from_secs(60);
    let down = Duration::from_secs(30)..Duration::from_secs(200);
    let ran = case
        .run(move |_, _, at| if down.contains(&at) { Answer::Refuse } else { Answer::Accept })
        .await;
    assert_eq!((ran.ending, ran.settled.len()), (Ending::Complete, 40));
    assert!(ran.settled.values().all(|outcome| outcome.status == Status::Sent));
}

#[tokio::test(start_paused = true)]
async fn a_wish_to_stop_is_heard_in_every_kind_of_waiting() {
    for (rate, answer) in [
        ("1/h", Answer::Accept),
        ("unlimited", Answer::Refuse),
        ("unlimited", Answer::Throttle(3600)),
    ] {
        let (sender, stop) = stop_channel();
        let mut case = case(100);
        case.stop = stop;
        case.limits.rate = rate.parse().expect("a rate");
        let ran = tokio::join!(case.run(move |_, _, _| answer.clone()), async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            sender.request(StopReason::Interrupt(Signal::Terminate));
        });
        assert_eq!(ran.0.ending, Ending::Requested(StopReason::Interrupt(Signal::Terminate)));
        assert!(ran.0.took < Duration::from_secs(6), "{rate}: {:?}", ran.0.took);
        assert_eq!(ran.0.settled.len() + ran.0.left, 100);
    }
}

#[tokio::test(start_paused = true)]
async fn held_shipments_end_with_their_first_lost_answer() {
    let mut case = case(100);
    case.limits.in_doubt = InDoubt::Hold;
    let ran = case
        .run(|ticket, _, _| if ticket % 10 == 3 { Answer::Reset } else { Answer::Accept })
        .await;
    assert_eq!(
        (ran.count(Status::InDoubt), ran.count(Status::Sent), ran.starts.len()),
        (10, 90, 100)
    );
}
