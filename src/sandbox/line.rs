//! A connection's bytes, with an end and a pace that can be ordered: the place of every fault that
//! HTTP itself can't express.
//!
//! An exchange holds the [`Cut`] of its connection's [`Line`]. It may order the cut at any time:
//! before a request's body was read, before the answer (after 0 bytes), or within it. Writing
//! beyond it fails, hyper then gives up the connection, and dropping the line sends RST, or FIN
//! where that was ordered.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::End;

/// How many bytes may still go out before the connection ends, how it ends then, and how slowly
/// they go.
#[derive(Debug)]
pub(super) struct Cut {
    left: AtomicU64,
    is_fin: AtomicBool,
    /// The wait before each byte in microseconds; 0 for none.
    drip_us: AtomicU64,
}

impl Cut {
    /// No cut was ordered.
    const NEVER: u64 = u64::MAX;

    pub(super) fn new() -> Self {
        Self {
            left: AtomicU64::new(Self::NEVER),
            is_fin: AtomicBool::new(false),
            drip_us: AtomicU64::new(0),
        }
    }

    /// Orders an end once `bytes` more bytes have gone out.
    pub(super) fn after(&self, bytes: u64, end: End) {
        self.is_fin.store(end == End::Fin, Ordering::Relaxed);
        self.left.store(bytes, Ordering::Relaxed);
    }

    /// Orders a wait before each byte from now on, or none.
    pub(super) fn drip(&self, pause: Option<Duration>) {
        let micros = pause.map_or(0, |pause| u64::try_from(pause.as_micros()).unwrap_or(u64::MAX));
        self.drip_us.store(micros, Ordering::Relaxed);
    }

    fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    fn spend(&self, bytes: usize) {
        let left = self.left();
        if left != Self::NEVER {
            self.left.store(left.saturating_sub(bytes as u64), Ordering::Relaxed);
        }
    }
}

/// A connection that obeys its cut.
#[derive(Debug)]
pub(super) struct Line {
    stream: TcpStream,
    cut: Arc<Cut>,
    /// The wait before the next byte, where one is under way.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Line {
    pub(super) fn new(stream: TcpStream, cut: Arc<Cut>) -> Self {
        Self { stream, cut, pause: None }
    }

    fn is_cut(&self) -> bool {
        self.cut.left() == 0
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.is_cut() && !self.cut.is_fin.load(Ordering::Relaxed) {
            // A system that refuses closes with FIN; nobody is left to be told.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let left = self.cut.left();
        if left == 0 {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        let mut end = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let drip = self.cut.drip_us.load(Ordering::Relaxed);
        if drip > 0 {
            let pause =
                self.pause.get_or_insert_with(|| Box::pin(sleep(Duration::from_micros(drip))));
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
            end = end.min(1);
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[..end]))?;
        self.cut.spend(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.cut.left() == Cut::NEVER && self.cut.drip_us.load(Ordering::Relaxed) == 0 {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        }
        // With an end in sight piece by piece, so that it is kept to the byte.
        let first = pieces.iter().find(|piece| !piece.is_empty());
        self.poll_write(cx, first.map_or(&[], |piece| piece))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_cut() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use tokio::io::AsyncWriteExt;

    #[tokio::test]
    async fn so_many_bytes_arrive_and_then_a_reset() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut client = std::net::TcpStream::connect(listener.local_addr().expect("an address"))
            .expect("connected");
        let (stream, _) = listener.accept().await.expect("accepted");
        let cut = Arc::new(Cut::new());
        let mut line = Line::new(stream, Arc::clone(&cut));

        line.write_all(b"whole ").await.expect("no cut yet");
        cut.after(4, End::Reset);
        let error = line.write_all(b"half answer").await.expect_err("cut");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        drop(line);

        let mut seen = Vec::new();
        let error = client.read_to_end(&mut seen).expect_err("reset");
        assert_eq!(
            (String::from_utf8_lossy(&seen).as_ref(), error.kind()),
            ("whole half", ErrorKind::ConnectionReset)
        );
    }

    #[tokio::test]
    async fn a_cut_may_end_in_good_order_and_bytes_may_come_one_by_one() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut client = std::net::TcpStream::connect(listener.local_addr().expect("an address"))
            .expect("connected");
        let (stream, _) = listener.accept().await.expect("accepted");
        let cut = Arc::new(Cut::new());
        let mut line = Line::new(stream, Arc::clone(&cut));

        cut.drip(Some(Duration::from_millis(1)));
        assert_eq!(line.write(b"half").await.expect("no cut yet"), 1);
        cut.after(3, End::Fin);
        line.write_all(b"alf answer").await.expect_err("cut");
        drop(line);

        let mut seen = String::new();
        client.read_to_string(&mut seen).expect("closed in good order");
        assert_eq!(seen, "half");
    }
}
