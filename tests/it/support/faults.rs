//! Faults of the test server as values: which requests get which answer, by number, time and
//! chance. The same seed gives the same faults to the same requests by number.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::answer::{Answer, End};
use super::request::Request;

/// An answer instead of the webhook's, and the requests that get it: all unless narrowed.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    answer: Answer,
    /// Before the body is read.
    is_early: bool,
    /// The first request that can meet it, from 1.
    first: u64,
    /// How long it goes on from there.
    lasts: Duration,
    /// The share of those requests that meet it.
    share: f64,
    /// The share of those that meet it whose payload is accepted all the same.
    accepted: f64,
}

impl Fault {
    /// This answer, once the request was read.
    pub(crate) fn new(answer: Answer) -> Self {
        let accepted = if answer.accepted { 1.0 } else { 0.0 };
        let (is_early, first, lasts, share) = (false, 1, Duration::MAX, 1.0);
        Self { answer, is_early, first, lasts, share, accepted }
    }

    /// A status with a fitting message.
    pub(crate) fn status(status: u16) -> Self {
        Self::new(Answer::json(status, r#"{"message":"A fault","status":"Error"}"#))
    }

    /// The connection is reset after the request was read.
    pub(crate) fn reset() -> Self {
        Self::new(Answer::none(End::Reset))
    }

    /// The connection is reset before the body is read.
    pub(crate) fn reset_unread() -> Self {
        Self { is_early: true, ..Self::reset() }
    }

    /// The server doesn't listen for so long, beginning with the request `first`; requests on open
    /// connections are reset unread.
    pub(crate) fn refuse(first: u64, lasts: Duration) -> Self {
        let answer = Answer::none(End::Refuse(lasts));
        Self { is_early: true, ..Self::new(answer) }.window(first, lasts)
    }

    /// Only from the request `first` on, for so long.
    pub(crate) fn window(self, first: u64, lasts: Duration) -> Self {
        Self { first, lasts, ..self }
    }

    /// Only a share of the requests, from 0 to 1, by chance.
    pub(crate) fn share(self, share: f64) -> Self {
        Self { share, ..self }
    }

    /// The share of them, from 0 to 1, whose payload is accepted all the same.
    pub(crate) fn accepted(self, accepted: f64) -> Self {
        Self { accepted, ..self }
    }
}

/// The faults of a server; the first one that fits counts.
pub(crate) struct Faults {
    seed: u64,
    /// The wait before every answer, and the most that chance adds to it.
    latency: Duration,
    jitter: Duration,
    list: Vec<Fault>,
    /// When each was first met.
    begun: Mutex<Vec<Option<Instant>>>,
}

impl Faults {
    pub(crate) fn new(seed: u64, list: impl Into<Vec<Fault>>) -> Self {
        let list = list.into();
        let begun = Mutex::new(vec![None; list.len()]);
        Self { seed, latency: Duration::ZERO, jitter: Duration::ZERO, list, begun }
    }

    /// With a wait before every answer; what `jitter` adds is drawn evenly.
    pub(crate) fn with_latency(self, latency: Duration, jitter: Duration) -> Self {
        Self { latency, jitter, ..self }
    }

    /// The answer to a request whose body is not read yet, where a fault wants one.
    pub(super) fn before_body(&self, number: u64) -> Option<Answer> {
        self.find(number, true, &mut self.rng(number, 0))
    }

    /// The answer to a request that was read: a fault's, or an acceptance. A payload that the
    /// webhook would refuse is refused whatever the faults.
    pub(super) fn answer(&self, request: &Request) -> Answer {
        let is_empty = |name| request.field(name).is_empty();
        if ["order_no", "trackingnumber", "carrier_type"].into_iter().any(is_empty)
            || request.header("content-type") != Some("application/json")
            || ["x-auth-email", "x-auth-key"].iter().any(|name| request.header(name).is_none())
        {
            return Answer::json(409, r#"{"message":"Invalid JSON format","status":"Error"}"#);
        }
        let mut rng = self.rng(request.number, 1);
        let latency = self.latency + self.jitter.mul_f64(rng.f64());
        let answer = self.find(request.number, false, &mut rng).unwrap_or_else(Answer::accepted);
        let delay = answer.delay + latency;
        answer.delayed(delay)
    }

    fn rng(&self, number: u64, stage: u64) -> fastrand::Rng {
        let seed = self.seed.wrapping_add(stage);
        fastrand::Rng::with_seed(xxh3_64_with_seed(&number.to_le_bytes(), seed))
    }

    fn find(&self, number: u64, is_early: bool, rng: &mut fastrand::Rng) -> Option<Answer> {
        let now = Instant::now();
        let mut begun = self.lock();
        for (fault, begun) in self.list.iter().zip(begun.iter_mut()) {
            // Always both, so that a fault doesn't depend on the ones before it.
            let (met, accepted) = (rng.f64() < fault.share, rng.f64() < fault.accepted);
            if !met || fault.is_early != is_early || number < fault.first {
                continue;
            }
            let start = *begun.get_or_insert(now);
            if now.saturating_duration_since(start) < fault.lasts {
                return Some(fault.answer.clone().accepting(accepted));
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<Instant>>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::TcpStream;

    use super::*;
    use crate::support::server::TestServer;

    /// Sends an order on a new connection; the first bytes of the answer, or the error.
    fn post(server: &TestServer, order: u32) -> Result<String, ErrorKind> {
        let send = || {
            let url = server.url();
            let address = url.split('/').nth(2).expect("an address");
            let mut stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            let body =
                format!(r#"{{"order_no":"{order}","trackingnumber":"T","carrier_type":"UPS"}}"#);
            let head = "content-type: application/json\r\nx-auth-email: a\r\nx-auth-key: k";
            let length = body.len();
            write!(stream, "POST / HTTP/1.1\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}")?;
            let mut status = [0; 12];
            stream.read_exact(&mut status)?;
            Ok(String::from_utf8_lossy(&status[9..]).into_owned())
        };
        send().map_err(|error: std::io::Error| error.kind())
    }

    #[test]
    fn refused_port_comes_back_after_its_window() {
        let outage = Fault::refuse(2, Duration::from_secs(1));
        let server = TestServer::with_faults(Faults::new(1, [outage]));
        assert_eq!(post(&server, 1).as_deref(), Ok("200"));
        assert_eq!(post(&server, 2), Err(ErrorKind::ConnectionReset));
        let mut refusals = 0;
        let answer = loop {
            match post(&server, 3) {
                Err(ErrorKind::ConnectionRefused) => refusals += 1,
                // It waited to be accepted when the listener closed.
                Err(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {}
                other => break other,
            }
            std::thread::yield_now();
        };
        assert!(refusals > 0);
        assert_eq!(answer.as_deref(), Ok("200"));
        let log = server.log();
        assert_eq!(
            (log[1].order_no.as_str(), log[1].accepted, log[1].answered),
            ("", false, false)
        );
        assert!(log.last().is_some_and(|entry| entry.order_no == "3" && entry.accepted));
    }

    #[test]
    fn fault_before_the_body_leaves_the_request_unread() {
        let server = TestServer::with_faults(Faults::new(1, [Fault::reset_unread()]));
        assert!(post(&server, 1).is_err());
        assert_eq!((server.requests().len(), server.log().len()), (0, 1));
    }

    #[test]
    fn payload_that_the_webhook_refuses_is_refused_whatever_the_faults() {
        let fault = Fault::new(Answer::accepted().delayed(Duration::ZERO));
        let server = TestServer::with_faults(Faults::new(1, [fault]));
        let mut stream = TcpStream::connect(server.url().split('/').nth(2).expect("an address"))
            .expect("connected");
        stream.write_all(b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}").expect("sent");
        let mut status = [0; 12];
        stream.read_exact(&mut status).expect("an answer");
        assert_eq!(&status[9..], b"409");
        assert!(!server.log()[0].accepted);
    }

    #[test]
    fn window_begins_with_its_first_request_and_comes_once() {
        let faults = Faults::new(1, [Fault::reset_unread().window(3, Duration::from_secs(3600))]);
        let met = |number| faults.before_body(number).is_some();
        assert_eq!([1, 2, 3, 4, 5000].map(met), [false, false, true, true, true]);
        let faults = Faults::new(1, [Fault::reset_unread().window(3, Duration::ZERO)]);
        assert!((1..10).all(|number| faults.before_body(number).is_none()));
    }

    #[test]
    fn shares_are_drawn_by_seed_and_number() {
        let draw = |seed| {
            let faults = Faults::new(seed, [Fault::reset_unread().share(0.5).accepted(0.5)]);
            let accepted = |number| faults.before_body(number).map(|answer| answer.accepted);
            (1..=1000).map(accepted).collect::<Vec<_>>()
        };
        let drawn = draw(1);
        let count = |wanted| drawn.iter().filter(|one| **one == wanted).count();
        assert!((420..580).contains(&count(None)), "{}", count(None));
        assert!((190..310).contains(&count(Some(true))), "{}", count(Some(true)));
        assert_eq!(drawn, draw(1));
        assert_ne!(drawn, draw(2));
    }
}
