//! A plain TCP server that does with each request what a test tells it, and remembers every
//! request.
//!
//! It reads requests whole (their length is known), one after another on each connection, each
//! connection on a thread of its own. Dropping it ends all of them; a closure of the test's that
//! panicked fails the test then.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use lateship::sandbox::PATH;
use socket2::{Domain, SockRef, Socket, Type};

use super::request::{Request, read_request};
use super::{Answer, End};

/// How long anything is waited for before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
pub(crate) struct Scripted {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Vec<JoinHandle<()>>>>,
}

type Choose = Box<dyn Fn(&Request) -> Answer + Send + Sync>;

struct Shared {
    choose: Choose,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stopped: bool,
    requests: Vec<Request>,
    connections: usize,
    in_flight: usize,
    peak_in_flight: usize,
    /// Those that are open, so that stopping can end them.
    open: HashMap<usize, Arc<TcpStream>>,
}

impl Scripted {
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
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            choose: Box::new(choose),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
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

    /// All requests so far, in the order in which they were read.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// Waits until so many requests have come.
    pub(crate) fn wait_for_requests(&self, count: usize) {
        let few = |state: &mut State| state.requests.len() < count;
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), PATIENCE, few);
        let seen = waited.expect("no panic under the lock").0.requests.len();
        assert!(seen >= count, "only {seen} of {count} requests came");
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

impl Drop for Scripted {
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
        let connections =
            self.thread.take().map(|thread| thread.join().expect("accepting can't panic"));
        let panicked =
            connections.into_iter().flatten().filter_map(|thread| thread.join().err()).count();
        assert!(
            panicked == 0 || std::thread::panicking(),
            "{panicked} connections of the scripted server panicked"
        );
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) -> Vec<JoinHandle<()>> {
    let mut threads = Vec::new();
    for stream in listener.incoming() {
        let Ok(stream) = stream.map(Arc::new) else { continue };
        let connection = {
            let mut state = shared.lock();
            if state.stopped {
                break;
            }
            let connection = state.connections;
            state.connections += 1;
            state.open.insert(connection, Arc::clone(&stream));
            connection
        };
        let shared = Arc::clone(shared);
        threads.push(std::thread::spawn(move || {
            // An error is the client's leaving: what a test thinks of it, it sees on the other
            // side.
            let _ = shared.converse(&stream, connection);
            // The last one to hold the stream closes it.
            shared.lock().open.remove(&connection);
        }));
    }
    threads
}

impl Shared {
    fn converse(&self, stream: &TcpStream, connection: usize) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut beyond = Vec::new();
        while let Some(request) = read_request(stream, &mut beyond, connection)? {
            {
                let mut state = self.lock();
                state.requests.push(request.clone());
                state.in_flight += 1;
                state.peak_in_flight = state.peak_in_flight.max(state.in_flight);
            }
            self.changed.notify_all();
            let answer = (self.choose)(&request);
            let written = self.write(stream, &answer);
            self.lock().in_flight -= 1;
            written?;
            match answer.end {
                End::KeepAlive => {}
                End::Reset => return SockRef::from(stream).set_linger(Some(Duration::ZERO)),
                End::Fin | End::Mute | End::Endless => break,
            }
        }
        Ok(())
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
        match answer.end {
            End::Mute => self.pause(Duration::MAX),
            End::Endless => while stream.write_all(&[b'x'; 8192]).is_ok() {},
            End::KeepAlive | End::Fin | End::Reset => {}
        }
        Ok(())
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

/// An endpoint that refuses every connection. The port stays reserved, so that no other test gets
/// it meanwhile.
pub(crate) struct Refusing(Socket);

/// Takes a port without listening on it.
pub(crate) fn refusing() -> Refusing {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    Refusing(socket)
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
    use std::io::{ErrorKind, Read};

    const REQUEST: &[u8] =
        b"POST /x HTTP/1.1\r\nX-Auth-Key: k\r\nContent-Length: 16\r\n\r\n{\"order_no\":\"1\"}";

    fn connect(server: &Scripted) -> TcpStream {
        let stream = TcpStream::connect(server.address).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        stream
    }

    /// Sends a request on a connection of its own and reads to the connection's end.
    fn ask(server: &Scripted) -> (String, Option<ErrorKind>) {
        let mut stream = connect(server);
        stream.write_all(REQUEST).expect("sent");
        let mut seen = Vec::new();
        let error = stream.read_to_end(&mut seen).err().map(|error| error.kind());
        (String::from_utf8_lossy(&seen).into_owned(), error)
    }

    #[test]
    fn a_script_is_answered_in_turn_and_requests_are_remembered() {
        let server = Scripted::with_last(
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
    fn connections_end_as_told() {
        let half = Answer::accepted();
        let server = Scripted::new([
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
    fn a_mute_or_slow_answer_ends_with_the_server_and_an_endless_one_with_the_client() {
        let server = Scripted::answering(|request| match request.connection {
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
    fn one_connection_carries_many_requests() {
        let server = Scripted::new([]);
        let mut stream = connect(&server);
        stream.write_all(&REQUEST.repeat(3)).expect("sent");
        server.wait_for_requests(3);
        assert_eq!((server.connections(), server.requests().len()), (1, 3));
        assert!(server.url().starts_with("http://127.0.0.1:"));
    }

    #[test]
    fn a_handshake_gets_plain_text() {
        let server = Scripted::new([]);
        assert!(server.https_url().starts_with("https://127.0.0.1:"));
        let mut stream = connect(&server);
        stream.write_all(b"\x16\x03\x01\x02\x00").expect("sent");
        let mut seen = String::new();
        stream.read_to_string(&mut seen).expect("closed");
        assert!(seen.starts_with("HTTP/1.1 400"), "{seen}");
        assert_eq!(server.requests().len(), 0);
    }

    #[test]
    fn a_refusing_endpoint_refuses() {
        let endpoint = refusing();
        let url = endpoint.url();
        let address =
            url.strip_prefix("http://").and_then(|rest| rest.strip_suffix(PATH)).expect("a URL");
        assert_eq!(
            TcpStream::connect(address).expect_err("refused").kind(),
            ErrorKind::ConnectionRefused
        );
    }
}
