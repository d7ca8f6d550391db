//! Reads and maps rows ahead of the delivery, on a thread; they cross over in batches, since a
//! wake-up per row would cost more than the row.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;

use super::previous_run::PreviousRun;
use super::work_item::WorkItem;
use crate::error::Error;
use crate::inputs::{AllUnits, Inputs, OtherFile};
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
    /// What is odd about rows that are sent.
    pub(super) survey: Survey,
    /// Why reading ended before the end; all rows before that came over.
    pub(super) broken: Option<Error>,
}

/// The reading thread, seen from the delivery.
pub(super) struct Reader {
    inputs: Arc<Inputs>,
    /// Bytes of the inputs read so far.
    pub(super) position: Arc<AtomicU64>,
    batches: mpsc::Receiver<Vec<WorkItem>>,
    thread: JoinHandle<Findings>,
}

impl Reader {
    /// Starts to read `inputs`, at most `limit` rows of them; `previous` has the lines of an earlier
    /// run.
    pub(super) fn start(inputs: Inputs, limit: Option<u64>, previous: Option<PreviousRun>) -> Self {
        let (sender, batches) = mpsc::channel(BATCHES);
        let (inputs, position) = (Arc::new(inputs), Arc::default());
        let worker = ReaderThread {
            batches: sender,
            position: Arc::clone(&position),
            previous,
            batch: Vec::new(),
            batch_lines: 0,
            findings: Findings::default(),
        };
        let read = Arc::clone(&inputs);
        let thread = thread::spawn(move || worker.run(&read, limit));
        Self { inputs, position, batches, thread }
    }

    /// The next batch, in order; `None` at the end. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Vec<WorkItem>> {
        self.batches.recv().await
    }

    /// What the reading found; ends it if it is not at its end.
    pub(super) fn finish(self) -> Findings {
        drop(self.batches);
        let findings = self.thread.join();
        let mut findings = findings.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        if let Some(input) = self.inputs.changed() {
            findings.broken.get_or_insert_with(|| Error::Changed(input.to_owned()));
        }
        findings
    }
}

struct ReaderThread {
    batches: mpsc::Sender<Vec<WorkItem>>,
    position: Arc<AtomicU64>,
    previous: Option<PreviousRun>,
    batch: Vec<WorkItem>,
    batch_lines: usize,
    findings: Findings,
}

impl ReaderThread {
    fn run(mut self, inputs: &Inputs, limit: Option<u64>) -> Findings {
        let mut units = inputs.all_units(limit);
        self.findings.broken = self.read(&mut units).err();
        self.carry_rest();
        // Rows before a broken place come over all the same.
        self.send_batch();
        let is_whole = limit.is_none() && self.findings.broken.is_none();
        let joined = inputs.joined().filter(|_| is_whole && !self.batches.is_closed());
        for remark in units.remarks.into_iter().chain(joined.and_then(OtherFile::unmatched)) {
            tracing::warn!("{remark}");
        }
        Findings { digests: units.digests, ..self.findings }
    }

    fn read(&mut self, units: &mut AllUnits<'_>) -> Result<(), Error> {
        while let Some(unit) = units.read()?
            && !self.batches.is_closed()
        {
            let item = match &mut self.previous {
                None => Some(WorkItem::mapped(&unit)),
                Some(previous) => previous.item(&unit)?,
            };
            self.position.store(units.position(), Ordering::Relaxed);
            if let Some(item) = item {
                if !item.tasks.is_empty() {
                    self.findings.survey.add(&unit);
                }
                self.add(item);
            }
        }
        Ok(())
    }

    /// Carries over the lines of rows that were not read, if the input broke or is shorter than it
    /// was.
    fn carry_rest(&mut self) {
        let Some(previous) = self.previous.take() else { return };
        let broken = &mut self.findings.broken;
        *broken = broken.take().or_else(|| previous.check_end().err());
        if broken.is_some() {
            previous.rest().for_each(|item| self.add(item));
        }
    }

    /// Adds an item to the batch, and sends the batch when it is full.
    fn add(&mut self, item: WorkItem) {
        self.batch_lines += item.lines.len();
        self.batch.push(item);
        if self.batch_lines >= BATCH_LINES {
            self.send_batch();
        }
    }

    /// Sends the batch, unless the delivery takes no more rows.
    fn send_batch(&mut self) {
        self.batch_lines = 0;
        let next = Vec::with_capacity(self.batch.len());
        let _ = self.batches.blocking_send(std::mem::replace(&mut self.batch, next));
    }
}
