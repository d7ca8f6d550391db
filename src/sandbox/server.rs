//! The server: a listener on a loopback address, and a thread with its own runtime.
//!
//! The socket listens when `start` returns, so a request can be sent at once. Dropping the
//! [`Sandbox`] ends the thread and all connections.
//! A request is read, checked, counted and logged, and only then waits for its latency: a client
//! that gives up waiting doesn't undo an acceptance.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use xxhash_rust::xxh3::xxh3_128;

use super::answers::{self, PATH, ResponseKind};
use super::counts::{Meter, SandboxCounts};
use super::error::Error;
use super::faults::{Faults, RandomFault, SandboxSettings};
use super::log::{LogEntry, RequestLog};
use crate::secret::Credentials;

/// The largest body that is checked, in bytes; a payload has some hundreds.
const MAX_BODY: usize = 1 << 20;

/// The wait before the system is asked again for something it refused.
const PAUSE: Duration = Duration::from_millis(10);

/// Connections that may wait to be accepted, as many as the standard library allows.
const BACKLOG: u32 = 4096;

/// A running sandbox. Dropping it stops it.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    server: Arc<Server>,
    /// The thread ends when this is dropped.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts a sandbox; port 0 takes any free one.
    ///
    /// # Errors
    /// The address is not a loopback address or is taken, the log can't be opened, the shares are
    /// not fractions or more than 1 together, or there are no more threads.
    pub fn start(address: SocketAddr, settings: SandboxSettings) -> Result<Self, Error> {
        settings.check()?;
        if !address.ip().to_canonical().is_loopback() {
            return Err(Error::NotLoopback(address));
        }
        let listen_error = |error| Error::listen(address, error);
        let listener = std::net::TcpListener::bind(address).map_err(listen_error)?;
        listener.set_nonblocking(true).map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let log = settings.log.as_ref().map(|path| {
            RequestLog::open(path).map_err(|source| Error::Log { path: path.clone(), source })
        });
        let server = Arc::new(Server {
            meter: Meter::new(settings.rate_limit),
            log: log.transpose()?,
            latency: settings.latency,
            credentials: settings.credentials.clone(),
            faults: Faults::new(settings),
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::Thread)?;
        let listener = {
            let _context = runtime.enter();
            TcpListener::from_std(listener).map_err(listen_error)?
        };
        let (stop, stopped) = oneshot::channel();
        let serve = Arc::clone(&server).serve(listener, address);
        let thread = std::thread::Builder::new()
            .name("sandbox".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        // Stopped or dropped: connections end with the runtime.
                        _ = stopped => {}
                        () = serve => {}
                    }
                });
            })
            .map_err(Error::Thread)?;
        Ok(Self { address, server, stop: Some(stop), thread: Some(thread) })
    }

    /// The URL to send to.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    /// What it has seen so far.
    pub fn counts(&self) -> SandboxCounts {
        self.server.meter.counts()
    }

    /// Stops it, and returns what it has seen.
    pub fn stop(mut self) -> SandboxCounts {
        self.end();
        self.counts()
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended too, and its counts are still valid.
            let _ = thread.join();
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.end();
    }
}

/// What all connections share.
#[derive(Debug)]
struct Server {
    meter: Meter,
    faults: Faults,
    log: Option<RequestLog>,
    latency: Duration,
    credentials: Option<Credentials>,
}

impl Server {
    /// Accepts connections until the runtime ends, but for the outage.
    async fn serve(self: Arc<Self>, listener: TcpListener, address: SocketAddr) {
        let outage_end = tokio::select! {
            end = self.faults.wait_for_outage() => end,
            () = self.accept_all(&listener) => return,
        };
        drop(listener);
        // A bound socket that doesn't listen keeps the port and refuses connections.
        let reserved = reserve(address);
        tokio::time::sleep_until(outage_end.into()).await;
        let mut listener = reserved.and_then(|socket| socket.listen(BACKLOG));
        while listener.is_err() {
            tokio::time::sleep(PAUSE).await;
            listener = reserve(address).and_then(|socket| socket.listen(BACKLOG));
        }
        if let Ok(listener) = listener {
            self.accept_all(&listener).await;
        }
    }

    async fn accept_all(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    self.meter.count_connection();
                    tokio::spawn(Arc::clone(self).serve_connection(stream));
                }
                // Most likely there are no more file descriptors: wait for connections to end.
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Answers the requests of a connection until one side ends it.
    async fn serve_connection(self: Arc<Self>, stream: TcpStream) {
        // Without it responses wait for the client's acknowledgement; a failure only costs time.
        let _ = stream.set_nodelay(true);
        let service = service_fn(|request| self.respond(request));
        let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // Other errors are the client's: it left, or sent bad HTTP.
        if (&mut connection).await.is_err_and(|error| error.is_user()) {
            let stream = connection.into_parts().io.into_inner();
            // Closing it now sends RST instead of FIN.
            let _ = stream.set_zero_linger();
        }
    }

    /// Answers a request; after an error the connection is reset.
    async fn respond(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let now = Instant::now();
        let _in_flight = self.meter.begin_request(now);
        let (head, body) = request.into_parts();
        let path_error = answers::check_path(&head);
        let number = if path_error.is_none() { self.faults.count_request(now) } else { 0 };
        if path_error.is_none() && self.faults.is_outage(now) {
            self.record(&[], None, None, false);
            return Err(io::ErrorKind::ConnectionReset.into());
        }

        let body = read_body(body).await?;
        let bytes = body.as_deref().unwrap_or_default();
        let fields = answers::parse_fields(bytes);
        let check = || {
            let is_revoked = self.faults.is_revoked(number);
            let credentials = self.credentials.as_ref();
            answers::check_request(&head.headers, fields.as_ref(), credentials, is_revoked)
        };
        let (mut latency, mut is_answered) = (self.latency, true);
        let kind = if path_error.is_some() {
            path_error
        } else if body.is_none() {
            Some(ResponseKind::TooLarge)
        } else if !self.meter.allows(now) {
            Some(ResponseKind::Throttled)
        } else {
            match self.faults.draw(number) {
                None => Some(check()),
                Some(RandomFault::Error) => Some(ResponseKind::Failed),
                Some(RandomFault::Throttle) => Some(ResponseKind::Throttled),
                Some(RandomFault::Slow(time)) => {
                    latency += time;
                    Some(check())
                }
                Some(RandomFault::Reset { checked }) => {
                    is_answered = false;
                    checked.then(check)
                }
            }
        };
        self.record(bytes, fields.as_ref(), kind, is_answered);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match kind {
            Some(kind) if is_answered => Ok(kind.response()),
            _ => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }

    /// Counts a request and writes it to the log.
    fn record(
        &self,
        body: &[u8],
        fields: Option<&answers::PayloadFields>,
        kind: Option<ResponseKind>,
        is_answered: bool,
    ) {
        let status = kind.map(ResponseKind::status);
        let accepted = kind == Some(ResponseKind::Accepted);
        self.meter.count_response(status.filter(|_| is_answered), accepted);
        let Some(log) = &self.log else { return };
        let field = |name| fields.and_then(|fields| fields.get(name)).cloned().unwrap_or_default();
        let entry = LogEntry {
            time_us: LogEntry::now_us(),
            order_no: field("order_no"),
            trackingnumber: field("trackingnumber"),
            status,
            accepted,
            answered: is_answered,
            payload: format!("{:032x}", xxh3_128(body)),
        };
        if log.write(&entry).is_err() {
            self.meter.count_lost_log_line();
        }
    }
}

/// A socket with this address that doesn't listen yet.
fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // On Windows it would let two programs take the port at once.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Reads a body to its end; `None` when it is larger than [`MAX_BODY`]. (Closing a connection with
/// unread bytes could take the response away from the client.)
async fn read_body(mut body: Incoming) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Some(Vec::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(io::Error::other)?.into_data() else { continue };
        bytes = bytes.filter(|so_far| so_far.len() + data.len() <= MAX_BODY);
        if let Some(so_far) = &mut bytes {
            so_far.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}
