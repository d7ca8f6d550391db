//! The left half of the corridor, on a thread of its own: rows are read and mapped ahead of the delivery, and cross
//! over to it in batches, since a wake-up per row would cost more than the row.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;

use super::inputs::Inputs;
use crate::error::Error;
use crate::mapping::Made;
use crate::row::Row;
use crate::source::Digest;
use crate::survey::Survey;

/// Rows that cross at once.
const BATCH: usize = 128;
/// Batches that may wait on the way.
const AHEAD: usize = 4;

/// A row and what the mapping made of it.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) row: Row,
    pub(super) made: Made,
    pub(super) order_no: String,
    pub(super) trackingnumber: String,
}

/// What reading found out, once it is at the end.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// One for each input that was read to its end.
    pub(super) digests: Vec<Digest>,
    /// Problems and warnings by their reason.
    pub(super) survey: Survey,
}

/// The reading thread, seen from the delivery.
pub(super) struct Reader {
    batches: mpsc::Receiver<Vec<Item>>,
    thread: JoinHandle<Result<Findings, Error>>,
    bytes: Arc<AtomicU64>,
}

impl Reader {
    /// Starts to read `inputs`, at most `limit` rows of them.
    pub(super) fn start(inputs: Arc<Inputs>, limit: Option<u64>) -> Self {
        let (send, batches) = mpsc::channel(AHEAD);
        let bytes = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&bytes);
        let thread = thread::spawn(move || read(&inputs, limit, &send, &counter));
        Self { batches, thread, bytes }
    }

    /// The next batch, in order; `None` at the end or after an error, which [`Reader::finish`] tells.
    pub(super) async fn next(&mut self) -> Option<Vec<Item>> {
        self.batches.recv().await
    }

    /// Bytes of the inputs read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// What reading found out; ends it if it is not at its end.
    ///
    /// # Errors
    /// When an input could not be read to its end.
    pub(super) fn finish(self) -> Result<Findings, Error> {
        drop(self.batches);
        match self.thread.join() {
            Ok(findings) => findings,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn read(
    inputs: &Inputs,
    limit: Option<u64>,
    send: &mpsc::Sender<Vec<Item>>,
    bytes: &AtomicU64,
) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let mut left = limit.unwrap_or(u64::MAX);
    let mut done = 0;
    for index in 0..inputs.len() {
        let (mut source, mut bound) = inputs.open(index)?;
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let mut row = Row::default();
            if left == 0 || !source.read(&mut row)? {
                break;
            }
            left -= 1;
            let made = bound.map(&mut row);
            findings.survey.add(&row, &made, bound.warnings());
            let labels = bound.labels();
            let (order_no, trackingnumber) = (labels.order_no.to_owned(), labels.trackingnumber.to_owned());
            batch.push(Item { row, made, order_no, trackingnumber });
            if batch.len() == BATCH {
                bytes.store(done + source.position(), Ordering::Relaxed);
                if send.blocking_send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH))).is_err() {
                    return Ok(findings);
                }
            }
        }
        done += source.size();
        bytes.store(done, Ordering::Relaxed);
        if !batch.is_empty() && send.blocking_send(batch).is_err() {
            return Ok(findings);
        }
        if left > 0 {
            findings.digests.push(source.finish()?);
        }
    }
    Ok(findings)
}
