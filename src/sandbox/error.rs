//! Why a sandbox could not start. Once it runs, its own trouble is only counted.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::text;

/// Why a sandbox could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address can be reached from other machines, which could send to it or read requests.
    #[error(
        "the sandbox listens on this machine only, and {0} is not a loopback address: use 127.0.0.1 or [::1]"
    )]
    NotLoopback(SocketAddr),
    /// Another program listens there.
    #[error(
        "cannot start the sandbox on {0}: another program (perhaps another sandbox) uses that port; \
         stop that program, or choose another port (port 0 takes any free one)"
    )]
    PortInUse(SocketAddr),
    /// The system reserves the port.
    #[error(
        "cannot start the sandbox on {0}: this user may not use that port; choose one from 1024 to 65535 \
         (port 0 takes any free one)"
    )]
    PortForbidden(SocketAddr),
    /// The system gave no socket for another reason.
    #[error(
        "cannot start the sandbox on {address}: {source}; try another port (port 0 takes any free one)"
    )]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The log can't be opened.
    #[error("cannot write the sandbox's log {}: {source}; choose another place for it", text::quoted(&path.to_string_lossy()))]
    Log {
        /// Its place.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system gave no thread.
    #[error("cannot start the sandbox's thread: {0}; the system may be out of memory or processes")]
    Thread(#[source] io::Error),
    /// A share is no fraction.
    #[error(
        "the sandbox's share of {name} is {share}: expected a fraction from 0 (none) to 1 (all requests)"
    )]
    Share {
        /// The setting's name.
        name: &'static str,
        /// Its value.
        share: f64,
    },
    /// The shares don't fit together.
    #[error(
        "the sandbox's shares of errors, throttled, resets and slow are {sum} together: a request meets one fault at \
         most, so lower them to 1 together or less"
    )]
    Shares {
        /// Their sum.
        sum: f64,
    },
}

impl Error {
    /// What the system's refusal to listen at `address` means.
    pub(super) fn listen(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::PortInUse(address),
            io::ErrorKind::PermissionDenied => Self::PortForbidden(address),
            _ => Self::Listen { address, source },
        }
    }
}
