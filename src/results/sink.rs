//! A buffered writer that is dead after its first failure; under [`Draft`](super::draft::Draft).
//!
//! A `BufWriter` tries again when it is flushed or dropped after an error, and may then write the
//! same bytes twice or lose others without a word. After a failed write nobody knows what is on the
//! disk, so nothing is tried again.

use std::fs::File;
use std::io::{self, ErrorKind, Write};

/// Bytes gathered before they go to the operating system.
const CAPACITY: usize = 64 * 1024;

/// Gathers bytes for `target`, which is never written to again once it failed.
#[derive(Debug)]
pub(super) struct Sink<W> {
    target: W,
    buffer: Vec<u8>,
    failed: Option<ErrorKind>,
}

impl<W: Write> Sink<W> {
    pub(super) fn new(target: W) -> Self {
        Self { target, buffer: Vec::with_capacity(CAPACITY), failed: None }
    }

    /// Takes `bytes`, and hands all that is gathered on when it is enough.
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.alive()?;
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CAPACITY { self.flush() } else { Ok(()) }
    }

    /// Hands all that is gathered to the operating system.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.alive()?;
        let written = self.target.write_all(&self.buffer).and_then(|()| self.target.flush());
        self.buffer.clear();
        self.noted(written)
    }

    fn alive(&self) -> io::Result<()> {
        self.failed.map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn noted(&mut self, result: io::Result<()>) -> io::Result<()> {
        if let Err(error) = &result {
            self.failed = Some(error.kind());
        }
        result
    }
}

impl Sink<File> {
    /// Hands all that is gathered to the disk itself.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        let synced = self.target.sync_data();
        self.noted(synced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// Takes `room` bytes, then fails once, and would take everything after that.
    struct Full<'a> {
        room: usize,
        taken: &'a RefCell<Vec<u8>>,
    }

    impl Write for Full<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.room == 0 {
                self.room = usize::MAX;
                return Err(ErrorKind::StorageFull.into());
            }
            let taken = bytes.len().min(self.room);
            self.room -= taken;
            self.taken.borrow_mut().extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nothing_is_written_after_a_failure_even_where_there_is_room_again() {
        let taken = RefCell::new(Vec::new());
        let mut sink = Sink::new(Full { room: 3, taken: &taken });
        sink.push(b"abcdef").expect("gathered only");
        assert_eq!(sink.flush().map_err(|error| error.kind()), Err(ErrorKind::StorageFull));
        assert_eq!(sink.push(b"g").map_err(|error| error.kind()), Err(ErrorKind::StorageFull));
        assert_eq!(sink.flush().map_err(|error| error.kind()), Err(ErrorKind::StorageFull));
        drop(sink);
        assert_eq!(taken.borrow().as_slice(), b"abc");
    }

    #[test]
    fn what_is_gathered_goes_out_when_it_is_enough() {
        let mut sink = Sink::new(Vec::new());
        sink.push(&vec![b'x'; CAPACITY - 1]).expect("gathered only");
        assert_eq!(sink.target.len(), 0);
        sink.push(b"yz").expect("a vector takes everything");
        assert_eq!(sink.target.len(), CAPACITY + 1);
    }
}
