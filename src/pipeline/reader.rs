//! Reads and maps rows ahead of the delivery, on a thread; they cross over in batches, since a
//! wake-up per row would cost more than the row.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;

use super::previous_run::PreviousRun;
use super::work_item::WorkItem;
use crate::error::Error;
use crate::inputs::{Inputs, Units};
use crate::source::Digest;
use crate::survey::Survey;

/// Lines of a batch, but for the last unit.
const BATCH_LINES: usize = 128;
/// Batches that may wait.
const BATCHES: usize = 4;

/// What the reading found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// One for each input that was read to its end.
    pub(super) digests: Vec<Digest>,
    /// Problems and warnings by their reason.
    pub(super) survey: Survey,
    /// Why reading ended before the end; all rows before that came over.
    pub(super) broken: Option<Error>,
}

/// The reading thread, seen from the delivery.
pub(super) struct Reader {
    batches: mpsc::Receiver<Vec<WorkItem>>,
    thread: JoinHandle<Findings>,
}

impl Reader {
    /// Starts to read `inputs`, at most `limit` rows of them. `position` shows the bytes read so
    /// far; `previous` has the lines of an earlier run.
    pub(super) fn start(
        inputs: Arc<Inputs>,
        limit: Option<u64>,
        position: Arc<AtomicU64>,
        previous: Option<PreviousRun>,
    ) -> Self {
        let (batches, receiver) = mpsc::channel(BATCHES);
        let worker = ReaderThread {
            batches,
            position,
            previous,
            batch: Vec::new(),
            lines: 0,
            findings: Findings::default(),
        };
        let thread = thread::spawn(move || worker.run(&inputs, limit.unwrap_or(u64::MAX)));
        Self { batches: receiver, thread }
    }

    /// The next batch, in order; `None` at the end. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Vec<WorkItem>> {
        self.batches.recv().await
    }

    /// What the reading found; ends it if it is not at its end.
    pub(super) fn finish(self) -> Findings {
        drop(self.batches);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// The delivery takes no more rows.
struct ReceiverGone;

struct ReaderThread {
    batches: mpsc::Sender<Vec<WorkItem>>,
    position: Arc<AtomicU64>,
    previous: Option<PreviousRun>,
    batch: Vec<WorkItem>,
    /// Lines of the batch.
    lines: usize,
    findings: Findings,
}

impl ReaderThread {
    fn run(mut self, inputs: &Inputs, mut rows_left: u64) -> Findings {
        let mut bytes_before = 0;
        for index in 0..inputs.len() {
            let read = inputs.units(index).and_then(|units| {
                let size = units.about().size();
                self.read(units.limited(rows_left), bytes_before).map(|left| (size, left))
            });
            match read {
                Ok((size, left)) => (bytes_before, rows_left) = (bytes_before + size, left),
                Err(error) => {
                    self.findings.broken = Some(error);
                    break;
                }
            }
        }
        self.carry_rest();
        // Rows before a broken place come over all the same.
        let _ = self.send_batch();
        self.findings
    }

    /// Reads one input. Returns how many rows may still be read of the others.
    fn read(&mut self, mut units: Units, bytes_before: u64) -> Result<u64, Error> {
        while let Some(unit) = units.read()? {
            let item = match &mut self.previous {
                None => WorkItem::mapped(&unit),
                Some(previous) => match previous.item(&unit)? {
                    Some(item) => item,
                    None => continue,
                },
            };
            if !item.is_carried() {
                self.findings.survey.add(&unit);
            }
            self.position.store(bytes_before + units.position(), Ordering::Relaxed);
            if let Err(ReceiverGone) = self.add(item) {
                return Ok(0);
            }
        }
        if units.is_at_end() {
            if units.ends_without_line_end() {
                tracing::warn!(
                    "{}: the last row has no line end; if the file was cut off while it was \
                     written, its last cell is not whole",
                    units.about().name()
                );
            }
            let left = units.left();
            self.findings.digests.push(units.finish()?);
            return Ok(left);
        }
        Ok(units.left())
    }

    /// Carries over the lines of rows that were not read, if the input broke or is shorter than it
    /// was.
    fn carry_rest(&mut self) {
        let Some(previous) = self.previous.take() else { return };
        let broken = &mut self.findings.broken;
        *broken = broken.take().or_else(|| previous.check_end().err());
        if broken.is_some() {
            // The first that is not taken is the last.
            let _ = previous.rest().try_for_each(|item| self.add(item));
        }
    }

    /// Adds an item to the batch, and sends the batch when it is full.
    fn add(&mut self, item: WorkItem) -> Result<(), ReceiverGone> {
        self.lines += item.lines.len().max(1);
        self.batch.push(item);
        if self.lines < BATCH_LINES { Ok(()) } else { self.send_batch() }
    }

    fn send_batch(&mut self) -> Result<(), ReceiverGone> {
        self.lines = 0;
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH_LINES));
        self.batches.blocking_send(batch).map_err(|_| ReceiverGone)
    }
}
