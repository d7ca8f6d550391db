//! The sandbox itself: a listener on a loopback address, a thread, and a runtime of its own on it.
//!
//! The socket listens when `start` returns, so that a request can be sent at once. The thread ends
//! when the [`Sandbox`] is dropped or stopped; open connections end with it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;

use super::counts::Meter;
use super::dice::Dice;
use super::exchange::{Shared, exchange};
use super::line::{Cut, Line};
use super::log::Log;
use super::play::Play;
use super::{Counts, Error, Settings};

/// The webhook's path.
pub const PATH: &str = "/Genericwebhook/webhookapi.php";

/// A running sandbox. Dropping it stops it.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// The thread holds the other half, and ends when this one is gone.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts a sandbox; port 0 takes any free one.
    ///
    /// # Errors
    /// The address is no loopback address or is taken, the log can't be opened, the shares are no
    /// fractions or make more than 1 together, or the system has no thread to give.
    pub fn start(address: SocketAddr, settings: Settings) -> Result<Self, Error> {
        settings.check()?;
        if !address.ip().to_canonical().is_loopback() {
            return Err(Error::NotLoopback(address));
        }
        let listener =
            std::net::TcpListener::bind(address).map_err(|error| Error::listen(address, error))?;
        listener.set_nonblocking(true).map_err(|error| Error::listen(address, error))?;
        let address = listener.local_addr().map_err(|error| Error::listen(address, error))?;
        let log = match &settings.log {
            Some(path) => {
                Some(Log::open(path).map_err(|source| Error::Log { path: path.clone(), source })?)
            }
            None => None,
        };
        let shared = Arc::new(Shared {
            meter: Meter::new(settings.rate_limit),
            dice: Dice::new(&settings),
            play: settings.script.as_ref().map(|script| Play::new(script, settings.seed)),
            log,
            credentials: settings.credentials,
        });

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::Thread)?;
        let listener = {
            let _context = runtime.enter();
            TcpListener::from_std(listener).map_err(|error| Error::listen(address, error))?
        };
        let (stop, stopped) = oneshot::channel();
        let served = serve(listener, Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("sandbox".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        // The sandbox was stopped or dropped: connections end with the runtime.
                        _ = stopped => {}
                        () = served => {}
                    }
                });
            })
            .map_err(Error::Thread)?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens, with the port that it really has.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL to send to.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    /// What it has seen so far.
    pub fn counts(&self) -> Counts {
        self.shared.meter.counts()
    }

    /// Stops it, and tells what it has seen.
    pub fn stop(mut self) -> Counts {
        self.end();
        self.counts()
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended too, and its counts still hold.
            let _ = thread.join();
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.end();
    }
}

/// Takes connections, for ever; refuses them for as long as the script wants it.
async fn serve(mut listener: TcpListener, shared: Arc<Shared>) {
    let refusal = async || match &shared.play {
        Some(play) => play.refusal().await,
        None => std::future::pending().await,
    };
    loop {
        tokio::select! {
            // The script's outage has come: nobody listens until it has passed.
            until = refusal() => listener = refuse(listener, until).await,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    shared.meter.connected();
                    tokio::spawn(converse(stream, Arc::clone(&shared)));
                }
                // Out of file descriptors, as a rule: those in use have to end first.
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
        }
    }
}

/// The wait before something that the system refused is asked for again.
const PAUSE: Duration = Duration::from_millis(10);

/// Closes the listener, and gives another one on its port at the time `until`.
async fn refuse(listener: TcpListener, until: Instant) -> TcpListener {
    let address = listener.local_addr();
    let Ok(address) = address else { return listener };
    drop(listener);
    // A socket that is bound and does not listen keeps the port from other programs, and refuses
    // connections.
    let reserved = reserve(address);
    tokio::time::sleep_until(until.into()).await;
    let mut again = reserved.and_then(|socket| socket.listen(BACKLOG));
    loop {
        match again {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
        again = reserve(address).and_then(|socket| socket.listen(BACKLOG));
    }
}

/// Connections that may wait to be taken, as many as the standard library allows.
const BACKLOG: u32 = 4096;

fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Elsewhere it would let two programs take the port at once.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Answers the requests of one connection until one side ends it.
async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    // Without it answers wait for the client's acknowledgement; a system that refuses is only
    // slower.
    let _ = stream.set_nodelay(true);
    let cut = Arc::new(Cut::new());
    let line = TokioIo::new(Line::new(stream, Arc::clone(&cut)));
    let service =
        service_fn(move |request| exchange(Arc::clone(&shared), Arc::clone(&cut), request));
    // An error is the client's going away, its bad HTTP, or our own cut: in each case the
    // connection has ended.
    let _ = http1::Builder::new().serve_connection(line, service).await;
}
