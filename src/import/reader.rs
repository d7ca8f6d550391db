//! The left half of the corridor, on a thread of its own: rows are read and mapped ahead of the
//! delivery, and cross over to it in batches, since a wake-up per row would cost more than the row.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;

use super::carry::Carry;
use super::plan::Item;
use crate::error::Error;
use crate::inputs::{Inputs, Units};
use crate::source::Digest;
use crate::survey::Survey;

/// Lines that cross at once, but for the last unit.
const BATCH: usize = 128;
/// Batches that may wait on the way.
const AHEAD: usize = 4;

/// What reading found out.
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
    batches: mpsc::Receiver<Vec<Item>>,
    thread: JoinHandle<Findings>,
}

impl Reader {
    /// Starts to read `inputs`, at most `limit` rows of them; `position` shows the bytes read so
    /// far. `carry` has the lines of an earlier run.
    pub(super) fn start(
        inputs: Arc<Inputs>,
        limit: Option<u64>,
        position: Arc<AtomicU64>,
        carry: Option<Carry>,
    ) -> Self {
        let (send, batches) = mpsc::channel(AHEAD);
        let batch = Vec::with_capacity(BATCH);
        let crossing =
            Crossing { send, position, carry, batch, rows: 0, survey: Survey::default() };
        Self { batches, thread: thread::spawn(move || crossing.read(&inputs, limit)) }
    }

    /// The next batch, in order; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Vec<Item>> {
        self.batches.recv().await
    }

    /// What reading found out; ends it if it is not at its end.
    pub(super) fn finish(self) -> Findings {
        drop(self.batches);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Nobody takes rows any more.
struct Unwanted;

/// The reading thread, seen from within.
struct Crossing {
    send: mpsc::Sender<Vec<Item>>,
    position: Arc<AtomicU64>,
    carry: Option<Carry>,
    batch: Vec<Item>,
    /// Lines in the batch.
    rows: usize,
    survey: Survey,
}

impl Crossing {
    fn read(mut self, inputs: &Inputs, limit: Option<u64>) -> Findings {
        let mut findings = Findings::default();
        let (mut left, mut done) = (limit.unwrap_or(u64::MAX), 0);
        for index in 0..inputs.len() {
            let size = match inputs.units(index).map(|units| {
                (units.about().size(), self.input(units.limited(left), &mut left, done))
            }) {
                Ok((size, Ok(digest))) => {
                    findings.digests.extend(digest);
                    size
                }
                Ok((_, Err(broken))) | Err(broken) => {
                    findings.broken = Some(broken);
                    break;
                }
            };
            done += size;
        }
        self.carry_rest(&mut findings.broken);
        // What was read before a broken place comes over all the same.
        let _ = self.hand_over();
        findings.survey = self.survey;
        findings
    }

    /// Reads one input; its digest if it was read to its end.
    fn input(
        &mut self,
        mut units: Units,
        left: &mut u64,
        done: u64,
    ) -> Result<Option<Digest>, Error> {
        while let Some(unit) = units.read()? {
            let item = match &mut self.carry {
                None => {
                    self.survey.add(&unit);
                    Item::of(unit)
                }
                Some(carry) => {
                    let Some(plan) = carry.meet(&unit)? else { continue };
                    if plan.is_anew() {
                        self.survey.add(&unit);
                    }
                    plan.into_item(unit)
                }
            };
            if self.add(item) {
                self.position.store(done + units.position(), Ordering::Relaxed);
                if let Err(Unwanted) = self.hand_over() {
                    *left = 0;
                    return Ok(None);
                }
            }
        }
        *left = units.left();
        if !units.is_at_end() {
            return Ok(None);
        }
        if units.ends_without_line_end() {
            tracing::warn!("{}", unended(units.about().name()));
        }
        Ok(Some(units.finish()?))
    }

    /// Adds an item to the batch; whether that is full.
    fn add(&mut self, item: Item) -> bool {
        self.rows += item.lines.len().max(1);
        self.batch.push(item);
        self.rows >= BATCH
    }

    /// Carries over what the earlier run left of rows that were not read, if something `broke` or
    /// the inputs are shorter than they were.
    fn carry_rest(&mut self, broken: &mut Option<Error>) {
        let Some(mut carry) = self.carry.take() else { return };
        if broken.is_none() {
            *broken = carry.end().err();
        }
        if broken.is_none() {
            return;
        }
        for (row, line) in carry.rest() {
            if self.add(Item::carried(row, line)) && self.hand_over().is_err() {
                return;
            }
        }
    }

    fn hand_over(&mut self) -> Result<(), Unwanted> {
        self.rows = 0;
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        self.send.blocking_send(batch).map_err(|_| Unwanted)
    }
}

/// What to say of an input whose last row has no line end.
fn unended(name: &str) -> String {
    format!(
        "{name}: the last row has no line end; if the file was cut off while it was written, its last cell is not whole"
    )
}
