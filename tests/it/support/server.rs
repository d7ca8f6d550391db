//! The one plain TCP server of the tests: it gives each request the answer that a test chooses, and
//! remembers every request.
//!
//! It reads requests whole (their length is known), one after another on each connection, each
//! connection on its own thread. Dropping it ends all of them, and fails the test if one of
//! its threads panicked. `examples/torture.rs` uses it too.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lateship::sandbox::PATH;
use socket2::{Domain, SockRef, Socket, Type};

use super::answer::{Answer, End};
use super::faults::Faults;
use super::request::{LoggedRequest, Request, now_us, read_body, read_head};

/// How long anything is waited for before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
pub(crate) struct TestServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Returns how many threads panicked.
    thread: Option<JoinHandle<usize>>,
}

type Choose = Box<dyn Fn(&Request) -> Answer + Send + Sync>;
type ChooseEarly = Box<dyn Fn(u64) -> Option<Answer> + Send + Sync>;

struct Shared {
    address: SocketAddr,
    /// Chooses by the request's number, before its body is read.
    choose_early: ChooseEarly,
    choose: Choose,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stopped: bool,
    /// Requests whose head arrived.
    heads: u64,
    requests: Vec<Request>,
    log: Vec<LoggedRequest>,
    connections: usize,
    in_flight: usize,
    peak_in_flight: usize,
    /// Those that are open, so that stopping can end them.
    open: HashMap<usize, Arc<TcpStream>>,
    /// Until when nothing listens.
    outage_end: Option<Instant>,
}

impl TestServer {
    /// Gives these answers in turn, over all connections, and then acceptances.
    pub(crate) fn new(script: impl Into<Vec<Answer>>) -> Self {
        Self::with_last(script, Answer::accepted())
    }

    /// Gives these answers in turn, over all connections, and then always the last one.
    pub(crate) fn with_last(script: impl Into<Vec<Answer>>, last: Answer) -> Self {
        let script = Mutex::new(VecDeque::from(script.into()));
        Self::answering(move |_| {
            script.lock().expect("no panic here").pop_front().unwrap_or_else(|| last.clone())
        })
    }

    /// Gives the answer that `choose` chooses; requests of other connections may come at the same
    /// time.
    pub(crate) fn answering(choose: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(Box::new(|_| None), Box::new(choose))
    }

    /// Accepts payloads as the webhook does, but for these faults.
    pub(crate) fn with_faults(faults: Faults) -> Self {
        let faults = Arc::new(faults);
        let early = Arc::clone(&faults);
        Self::start(
            Box::new(move |number| early.before_body(number)),
            Box::new(move |request| faults.answer(request)),
        )
    }

    fn start(choose_early: ChooseEarly, choose: Choose) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            address,
            choose_early,
            choose,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(listener, &shared)
        });
        Self { address, shared, thread: Some(thread) }
    }

    /// The endpoint to send to.
    pub(crate) fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    /// The endpoint as if it spoke TLS, which it does not: a handshake gets a plain 400.
    pub(crate) fn https_url(&self) -> String {
        format!("https://{}{PATH}", self.address)
    }

    /// All requests that were read, in their order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// The log of all requests, also of those that were not read.
    pub(crate) fn log(&self) -> Vec<LoggedRequest> {
        self.shared.lock().log.clone()
    }

    /// Waits until so many requests have come.
    pub(crate) fn wait_for_requests(&self, count: usize) {
        let few = |state: &mut State| state.requests.len() < count;
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), PATIENCE, few);
        let seen = waited.expect("no panic under the lock").0.requests.len();
        assert!(seen >= count, "only {seen} of {count} requests came");
    }

    /// Waits until all connections have ended, also those that are not accepted yet; returns
    /// whether they have.
    pub(crate) fn wait_for_silence(&self) -> bool {
        // Connections are accepted in their order: when this one has its answer, those before it
        // are accepted. In an outage it is refused, and none of them waits.
        if let Ok(mut probe) = TcpStream::connect(self.address) {
            let _ = probe.set_read_timeout(Some(PATIENCE));
            let _ = probe.write_all(b"?").and_then(|()| probe.read_to_end(&mut Vec::new()));
        }
        let busy = |state: &mut State| !state.open.is_empty();
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), PATIENCE, busy);
        waited.is_ok_and(|(_, timeout)| !timeout.timed_out())
    }

    /// How many connections were taken.
    pub(crate) fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// The most requests that waited for their answer, or the rest of it, at once.
    pub(crate) fn peak_in_flight(&self) -> usize {
        self.shared.lock().peak_in_flight
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        {
            let mut state = self.shared.lock();
            state.stopped = true;
            for stream in state.open.values() {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        self.shared.changed.notify_all();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        let panicked =
            self.thread.take().map_or(0, |thread| thread.join().expect("accepting can't panic"));
        assert!(
            panicked == 0 || std::thread::panicking(),
            "{panicked} connections of the test server panicked"
        );
    }
}

/// Accepts connections until the server stops; returns how many of their threads panicked.
fn accept(mut listener: TcpListener, shared: &Arc<Shared>) -> usize {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    let mut panicked = 0;
    loop {
        let accepted = listener.accept();
        // A thread keeps its stack until it is joined.
        let finished = threads.extract_if(.., |thread| thread.is_finished());
        panicked += finished.filter_map(|thread| thread.join().err()).count();
        let mut state = shared.lock();
        if state.stopped {
            break;
        }
        if let Some(end) = state.outage_end.filter(|end| *end > Instant::now()) {
            drop((state, accepted, listener));
            // A bound socket that doesn't listen keeps the port and refuses connections.
            let socket = reserve(shared.address);
            shared.pause(end.saturating_duration_since(Instant::now()));
            socket.listen(1024).expect("the port is ours");
            listener = socket.into();
        } else if let Ok(stream) = accepted.map(|(stream, _)| Arc::new(stream)) {
            let connection = state.connections;
            state.connections += 1;
            state.open.insert(connection, Arc::clone(&stream));
            let shared = Arc::clone(shared);
            threads.push(std::thread::spawn(move || {
                // An error is the client's leaving: what a test thinks of it, it sees on the other
                // side.
                let _ = shared.converse(&stream, connection);
                // The last one to hold the stream closes it.
                shared.lock().open.remove(&connection);
                drop(stream);
                shared.changed.notify_all();
            }));
        }
    }
    panicked + threads.into_iter().filter_map(|thread| thread.join().err()).count()
}

impl Shared {
    fn converse(&self, stream: &TcpStream, connection: usize) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut received = Vec::new();
        while let Some(head) = read_head(stream, &mut received)? {
            let number = {
                let mut state = self.lock();
                state.heads += 1;
                state.heads
            };
            if let Some(answer) = (self.choose_early)(number) {
                self.record(String::new(), &answer);
                return self.end(stream, answer.end);
            }
            let body = read_body(stream, &mut received, &head)?;
            let (line, headers) = (head.line, head.headers);
            let request = Request { number, connection, at: Instant::now(), line, headers, body };
            {
                let mut state = self.lock();
                state.requests.push(request.clone());
                state.in_flight += 1;
                state.peak_in_flight = state.peak_in_flight.max(state.in_flight);
            }
            self.changed.notify_all();
            let answer = (self.choose)(&request);
            self.record(request.field("order_no"), &answer);
            let written = self.write(stream, &answer);
            let ended = written.and_then(|()| self.end(stream, answer.end));
            self.lock().in_flight -= 1;
            ended?;
            if answer.end != End::KeepAlive {
                break;
            }
        }
        Ok(())
    }

    fn record(&self, order_no: String, answer: &Answer) {
        let Answer { accepted, answered, .. } = *answer;
        let mut state = self.lock();
        // Under the lock, so that the log is in order.
        let time_us = now_us();
        state.log.push(LoggedRequest { time_us, order_no, accepted, answered });
    }

    fn write(&self, mut stream: &TcpStream, answer: &Answer) -> io::Result<()> {
        self.pause(answer.delay);
        match answer.drip {
            None => stream.write_all(&answer.bytes)?,
            Some(pause) => {
                for byte in &answer.bytes {
                    self.pause(pause);
                    stream.write_all(&[*byte])?;
                }
            }
        }
        Ok(())
    }

    /// Does what comes after the bytes.
    fn end(&self, mut stream: &TcpStream, end: End) -> io::Result<()> {
        match end {
            End::KeepAlive | End::Fin => Ok(()),
            End::Reset => reset(stream),
            // Until the client leaves, or the server stops.
            End::Mute => io::copy(&mut stream, &mut io::sink()).map(drop),
            End::Endless => loop {
                stream.write_all(&[b'x'; 8192])?;
            },
            End::Refuse(duration) => {
                let now = Instant::now();
                let mut state = self.lock();
                if state.outage_end.is_none_or(|end| end <= now) {
                    state.outage_end = Some(now + duration);
                    // Wakes the thread that accepts.
                    let _ = TcpStream::connect(self.address);
                }
                reset(stream)
            }
        }
    }

    /// Waits, but not longer than the server lives.
    fn pause(&self, length: Duration) {
        if !length.is_zero() {
            let waited =
                self.changed.wait_timeout_while(self.lock(), length, |state| !state.stopped);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closing the connection then sends RST.
fn reset(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_linger(Some(Duration::ZERO))
}

/// A socket with this address that doesn't listen.
fn reserve(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("an option");
    socket.bind(&address.into()).expect("a free port");
    socket
}

/// An endpoint that refuses every connection. The port stays reserved, so that no other test gets
/// it meanwhile.
pub(crate) struct Refusing(Socket);

/// Takes a port without listening on it.
pub(crate) fn refusing() -> Refusing {
    Refusing(reserve(([127, 0, 0, 1], 0).into()))
}

impl Refusing {
    /// The endpoint to send to.
    pub(crate) fn url(&self) -> String {
        let address =
            self.0.local_addr().ok().and_then(|address| address.as_socket()).expect("an address");
        format!("http://{address}{PATH}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    const REQUEST: &[u8] =
        b"POST /x HTTP/1.1\r\nX-Auth-Key: k\r\nContent-Length: 16\r\n\r\n{\"order_no\":\"1\"}";

    fn connect(server: &TestServer) -> TcpStream {
        let stream = TcpStream::connect(server.address).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        stream
    }

    /// Sends a request on a new connection and reads to the connection's end.
    fn ask(server: &TestServer) -> (String, Option<ErrorKind>) {
        let mut stream = connect(server);
        stream.write_all(REQUEST).expect("sent");
        let mut seen = Vec::new();
        let error = stream.read_to_end(&mut seen).err().map(|error| error.kind());
        (String::from_utf8_lossy(&seen).into_owned(), error)
    }

    #[test]
    fn server_answers_in_turn_and_remembers_requests() {
        let server = TestServer::with_last(
            [
                Answer::json(429, "{}").header("retry-after", "7").end(End::Fin),
                Answer::html(502, "<p>").end(End::Fin),
            ],
            Answer::accepted().end(End::Fin),
        );
        let first = ask(&server).0;
        assert!(
            first.starts_with("HTTP/1.1 429 As Told\r\nretry-after: 7\r\n")
                && first.ends_with("\r\n\r\n{}"),
            "{first}"
        );
        assert!(ask(&server).0.ends_with("<p>"));
        assert!(ask(&server).0.contains("Request Received Successfully"));
        assert!(ask(&server).0.contains("Request Received Successfully"));

        let requests = server.requests();
        assert_eq!(
            requests.iter().map(|request| request.connection).collect::<Vec<_>>(),
            [0, 1, 2, 3]
        );
        assert!(requests.is_sorted_by_key(|request| request.at));
        assert_eq!(
            (requests[0].line.as_str(), requests[0].header("x-auth-key")),
            ("POST /x HTTP/1.1", Some("k"))
        );
        assert_eq!(
            (requests[0].field("order_no"), requests[0].field("product")),
            ("1".to_owned(), String::new())
        );
        assert_eq!((server.connections(), server.peak_in_flight()), (4, 1));
    }

    #[test]
    fn server_ends_connections_as_the_answer_says() {
        let half = Answer::accepted();
        let server = TestServer::new([
            half.clone().cut(20, End::Fin),
            half.cut(20, End::Reset),
            Answer::none(End::Fin),
            Answer::none(End::Reset),
            Answer::raw("nonsense").dripping(Duration::from_micros(10)).end(End::Fin),
        ]);
        assert_eq!(ask(&server), ("HTTP/1.1 200 As Told".to_owned(), None));
        assert_eq!(
            ask(&server),
            ("HTTP/1.1 200 As Told".to_owned(), Some(ErrorKind::ConnectionReset))
        );
        assert_eq!(ask(&server), (String::new(), None));
        assert_eq!(ask(&server), (String::new(), Some(ErrorKind::ConnectionReset)));
        assert_eq!(ask(&server), ("nonsense".to_owned(), None));
    }

    #[test]
    fn server_stop_ends_mute_and_slow_answers() {
        let server = TestServer::answering(|request| match request.connection {
            0 => Answer::none(End::Mute),
            1 => Answer::accepted().delayed(Duration::from_secs(3600)),
            _ => Answer::endless(),
        });
        let mut waiting = [connect(&server), connect(&server)];
        for (count, stream) in (1..).zip(&mut waiting) {
            stream.write_all(REQUEST).expect("sent");
            server.wait_for_requests(count);
        }
        let mut endless = connect(&server);
        endless.write_all(REQUEST).expect("sent");
        endless.read_exact(&mut vec![0; 1 << 20]).expect("a megabyte");
        assert_eq!(server.peak_in_flight(), 3);
        drop((endless, server));
        for mut stream in waiting {
            assert_eq!(stream.read_to_end(&mut Vec::new()).expect("closed"), 0);
        }
    }

    #[test]
    fn server_connection_carries_many_requests() {
        let server = TestServer::new([]);
        let mut stream = connect(&server);
        stream.write_all(&REQUEST.repeat(3)).expect("sent");
        server.wait_for_requests(3);
        assert_eq!((server.connections(), server.requests().len()), (1, 3));
        assert!(server.url().starts_with("http://127.0.0.1:"));
    }

    #[test]
    fn server_answers_a_handshake_with_plain_text() {
        let server = TestServer::new([]);
        assert!(server.https_url().starts_with("https://127.0.0.1:"));
        let mut stream = connect(&server);
        stream.write_all(b"\x16\x03\x01\x02\x00").expect("sent");
        let mut seen = String::new();
        stream.read_to_string(&mut seen).expect("closed");
        assert!(seen.starts_with("HTTP/1.1 400"), "{seen}");
        assert_eq!(server.requests().len(), 0);
    }

    #[test]
    fn refusing_endpoint_refuses() {
        let endpoint = refusing();
        let url = endpoint.url();
        let address =
            url.strip_prefix("http://").and_then(|rest| rest.strip_suffix(PATH)).expect("a URL");
        assert_eq!(
            TcpStream::connect(address).expect_err("refused").kind(),
            ErrorKind::ConnectionRefused
        );
    }

    #[test]
    fn server_log_says_what_was_accepted_and_what_the_client_can_know() {
        let server = TestServer::new([
            Answer::accepted().end(End::Fin),
            Answer::json(504, "{}").accepting(true).end(End::Fin),
            Answer::accepted().cut(20, End::Fin).accepting(false),
            Answer::accepted().cut(20, End::Reset),
            Answer::json(500, "{}").end(End::Fin),
        ]);
        for _ in 0..5 {
            ask(&server);
        }
        let log = server.log();
        assert!(log.is_sorted_by_key(|entry| entry.time_us));
        assert!(log.iter().all(|entry| entry.order_no == "1"));
        let seen: Vec<_> = log.iter().map(|entry| (entry.accepted, entry.answered)).collect();
        let wanted = [(true, true), (true, false), (false, false), (true, false), (false, true)];
        assert_eq!(seen, wanted);
    }

    #[test]
    fn server_is_silent_once_its_clients_have_left() {
        let server = TestServer::with_last([], Answer::none(End::Mute));
        let mut streams = [connect(&server), connect(&server), connect(&server)];
        streams[0].write_all(REQUEST).expect("sent");
        streams[1].write_all(&REQUEST[..50]).expect("sent");
        server.wait_for_requests(1);
        drop(streams);
        assert!(server.wait_for_silence());
        assert_eq!((server.connections(), server.requests().len()), (4, 1));
    }
}
