//! A server that speaks TLS with a certificate that nobody has signed.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use lateship::sandbox::PATH;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, Stream, crypto::aws_lc_rs};

use super::Answer;

/// A running server for `https://localhost:…`. It accepts the one request of each connection whose
/// client trusts it.
pub(crate) struct SelfSigned {
    address: SocketAddr,
    pem: String,
    requests: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Starts it, with a fresh certificate for `localhost`.
pub(crate) fn self_signed() -> SelfSigned {
    let own =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider's own versions")
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .expect("a key that fits the certificate");
    let config = Arc::new(config);

    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (requests, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let thread = std::thread::spawn({
        let (requests, stopped) = (Arc::clone(&requests), Arc::clone(&stopped));
        move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                // An error is the client's refusal, which the test sees on the other side.
                if stream.and_then(|stream| converse(stream, &config)).is_ok() {
                    requests.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    });
    SelfSigned { address, pem: own.cert.pem(), requests, stopped, thread: Some(thread) }
}

/// Reads the head of a request and accepts it; the body may still be on its way.
fn converse(mut stream: TcpStream, config: &Arc<ServerConfig>) -> io::Result<()> {
    // So that a client that says nothing can't hold the end of the test for long.
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut tls = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let mut stream = Stream::new(&mut tls, &mut stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend_from_slice(&byte);
    }
    stream.write_all(&Answer::accepted().header("connection", "close").bytes)?;
    stream.conn.send_close_notify();
    stream.flush()
}

impl SelfSigned {
    /// The endpoint to send to.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}{PATH}", self.address.port())
    }

    /// The certificate, for those who want to trust it.
    pub(crate) fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// How many requests came through the handshake.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for SelfSigned {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(
            std::thread::panicking() || matches!(ended, None | Some(Ok(()))),
            "the TLS server panicked"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
    use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore};

    fn ask(server: &SelfSigned, trusted: RootCertStore) -> io::Result<String> {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider's own versions")
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let mut tls = ClientConnection::new(Arc::new(config), name).expect("a client");
        let mut stream = TcpStream::connect(server.address)?;
        let mut stream = Stream::new(&mut tls, &mut stream);
        stream.write_all(b"POST / HTTP/1.1\r\n\r\n")?;
        let mut seen = String::new();
        stream.read_to_string(&mut seen)?;
        Ok(seen)
    }

    #[test]
    fn only_those_who_trust_the_certificate_get_an_answer() {
        let server = self_signed();
        assert!(ask(&server, RootCertStore::empty()).is_err());
        assert_eq!(server.requests(), 0);

        let mut trusted = RootCertStore::empty();
        trusted
            .add(
                CertificateDer::from_pem_slice(server.certificate_pem().as_bytes())
                    .expect("a certificate"),
            )
            .expect("a root");
        assert!(
            ask(&server, trusted).expect("an answer").contains("Request Received Successfully")
        );
        assert!(server.url().starts_with("https://localhost:"));
    }
}
