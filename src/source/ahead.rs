//! Rows read by a thread of their own, ahead of whoever works them: where both are in no hurry for
//! anything else, two processors share the work of a file.
//!
//! Rows cross in batches, since a wake-up for each would cost more than the row.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::vec;

use super::{Digest, Error, Source};
use crate::row::Row;

/// Rows that cross at once.
const BATCH: usize = 256;
/// Batches that may wait on the way.
const AHEAD: usize = 4;

/// A source whose rows are read ahead.
#[derive(Debug)]
pub struct Ahead {
    batches: Receiver<Batch>,
    rows: vec::IntoIter<Row>,
    /// What was known when the rows at hand were read.
    state: State,
    /// Why no row comes after those at hand.
    broken: Option<Error>,
    thread: JoinHandle<Source>,
}

/// How far a source is.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// Bytes consumed.
    position: u64,
    /// Whether the last row had no line end.
    unended: bool,
}

/// Rows on their way.
#[derive(Debug, Default)]
struct Batch {
    rows: Vec<Row>,
    state: State,
    /// Why there are no more.
    broken: Option<Error>,
}

impl State {
    fn of(source: &Source) -> Self {
        Self { position: source.position(), unended: source.ends_without_line_end() }
    }
}

impl Source {
    /// Reads the rows from here on by a thread of its own.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn ahead(self) -> Result<Ahead, Error> {
        let (name, state) = (self.about.name.clone(), State::of(&self));
        let (send, batches) = sync_channel(AHEAD);
        let thread =
            thread::Builder::new().name("reader".to_owned()).spawn(move || read(self, &send));
        let thread = thread.map_err(|cause| Error::of_system(&name, 0, cause))?;
        Ok(Ahead { batches, rows: Vec::new().into_iter(), state, broken: None, thread })
    }
}

/// Sends all rows of `source`, and gives it back once they are sent or nobody wants any more.
fn read(mut source: Source, send: &SyncSender<Batch>) -> Source {
    loop {
        let mut batch = Batch { rows: Vec::with_capacity(BATCH), ..Batch::default() };
        let mut ended = false;
        while batch.rows.len() < BATCH && !ended {
            match source.read_new() {
                Ok(Some(row)) => batch.rows.push(row),
                Ok(None) => ended = true,
                Err(error) => {
                    batch.broken = Some(error);
                    ended = true;
                }
            }
        }
        batch.state = State::of(&source);
        if send.send(batch).is_err() || ended {
            return source;
        }
    }
}

impl Ahead {
    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read any further.
    pub fn read(&mut self) -> Result<Option<Row>, Error> {
        loop {
            if let Some(row) = self.rows.next() {
                return Ok(Some(row));
            }
            if let Some(broken) = self.broken.take() {
                return Err(broken);
            }
            // Nobody sends any more once all was read.
            let Ok(batch) = self.batches.recv() else { return Ok(None) };
            (self.rows, self.state, self.broken) =
                (batch.rows.into_iter(), batch.state, batch.broken);
        }
    }

    /// Bytes of the file consumed so far, in steps of some rows; for progress.
    pub const fn position(&self) -> u64 {
        self.state.position
    }

    /// Whether the last row had no line end, once all was read.
    pub const fn ends_without_line_end(&self) -> bool {
        self.state.unended
    }

    /// Reads what is left, and tells what all bytes of the file were.
    ///
    /// # Errors
    /// The file cannot be read any further.
    pub fn finish(self) -> Result<Digest, Error> {
        drop(self.batches);
        self.thread.join().unwrap_or_else(|panic| resume_unwind(panic)).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor, Read};
    use std::iter;

    use super::super::window::Window;
    use super::*;
    use crate::row::Form;

    /// A table of so many rows, each with its number.
    fn table(rows: usize) -> String {
        let rows = (1..=rows).map(|number| format!("{number},x\n"));
        iter::once("Order no,Name\n".to_owned()).chain(rows).collect()
    }

    fn start(text: impl Read + Send + 'static) -> Source {
        let form = Form::default();
        Source::start(0, Window::with_capacity(Box::new(text), 64), 0, "orders.csv", &form)
            .expect("a table")
    }

    fn numbers(ahead: &mut Ahead) -> Vec<String> {
        let mut numbers = Vec::new();
        while let Ok(Some(row)) = ahead.read() {
            numbers.push(row.get(0).to_owned());
        }
        numbers
    }

    #[test]
    fn all_rows_come_in_their_order_and_the_digest_is_that_of_all_bytes() {
        for rows in [0, 1, BATCH - 1, BATCH, BATCH + 1, 10 * BATCH + 7] {
            let text = table(rows);
            let mut ahead = start(Cursor::new(text.clone())).ahead().expect("a thread");
            let expected: Vec<String> = (1..=rows).map(|number| number.to_string()).collect();
            assert_eq!(numbers(&mut ahead), expected);
            assert_eq!(
                (ahead.position(), ahead.ends_without_line_end()),
                (text.len() as u64, false)
            );
            assert_eq!(
                ahead.finish().expect("a digest"),
                start(Cursor::new(text)).finish().expect("a digest")
            );
        }
    }

    #[test]
    fn whoever_stops_early_gets_the_digest_of_the_whole_file_too() {
        let text = format!("{}9,unended", table(100 * BATCH));
        let mut ahead = start(Cursor::new(text.clone())).ahead().expect("a thread");
        assert!(ahead.read().expect("a row").is_some());
        let digest = ahead.finish().expect("a digest");
        assert_eq!(digest, start(Cursor::new(text)).finish().expect("a digest"));
    }

    #[test]
    fn a_failure_is_told_after_the_rows_that_came_before_it() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is gone"))
            }
        }
        let rows = 200 * BATCH + 3;
        let mut ahead = start(Cursor::new(table(rows)).chain(Broken)).ahead().expect("a thread");
        for number in 1..=rows {
            assert_eq!(ahead.read().expect("a row").map(|row| row.number), Some(number as u64));
        }
        let error = ahead.read().expect_err("the disk is gone").to_string();
        assert!(error.contains("the disk is gone"), "{error}");
    }
}
