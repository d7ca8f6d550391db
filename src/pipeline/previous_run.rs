//! For `retry`: pairs each row with its lines of the earlier run, and decides which lines are
//! carried over and which rows are mapped and sent anew.
//!
//! Everything is verified before the first request ([`verify`]): no accepted row has changed, and no
//! line is without its row. The reader then meets the lines a second time, under the lock of the
//! results.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::work_item::WorkItem;
use crate::error::Error;
use crate::inputs::{Ahead, Inputs};
use crate::limits::{Changed, InDoubt};
use crate::mapping::{Line, Made, Member, Unit};
use crate::options::run::RunSettings;
use crate::outcome::Status;
use crate::results::{self, Entry, LinesByRow, Reader};
use crate::row::{Reading, Row};
use crate::text;

/// Why the cells of a line are unknown that is carried over behind a place where the input broke.
const UNREAD: &str = "the input could not be read so far";

/// Shipments to be sent that are remembered, to find accepted payloads of theirs further down.
const MAX_REMEMBERED: usize = 131_072;

/// The lines that were not met yet, and the rules for them.
#[derive(Debug)]
pub(super) struct PreviousRun {
    path: PathBuf,
    lines: LinesByRow,
    only: Vec<Status>,
    in_doubt: InDoubt,
    /// Whether what was accepted stays so, whatever its payload is now.
    keeps_accepted: bool,
    /// Payloads of rows that were skipped as repetitions, and the outcome of the row they repeat.
    repeated: HashMap<u128, OriginalRow>,
    /// Shipments that were accepted with another payload than they have now.
    remade: u64,
}

/// The row whose payload is repeated in a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OriginalRow {
    /// There was none yet: the later row was skipped for another reason.
    Unseen,
    /// It was not accepted.
    Left,
    /// It was accepted, or is in doubt and held: its payload is not sent by way of another row.
    Settled,
}

/// Reads everything once, checks that the lines of the earlier run fit the inputs, counts what is to
/// be done, and opens the lines for the run itself. Does nothing for an import.
///
/// # Errors
/// Results that cannot be read, are not about these inputs, or have an accepted row that has
/// changed.
pub(super) fn verify(
    settings: &RunSettings,
    inputs: &Inputs,
    ahead: Ahead,
) -> Result<(Ahead, Option<PreviousRun>), Error> {
    let Some(only) = &settings.retry_only else { return Ok((ahead, None)) };
    let repeated = repeated_payloads(&settings.paths.results)?;
    let mut previous = PreviousRun::open(settings, only, inputs, repeated.clone())?;
    let bytes = ahead.bytes_total;
    let mut ahead = Ahead { exact: true, bytes, bytes_total: bytes, ..Ahead::default() };
    let mut overtaken = Overtaken::default();
    for index in 0..inputs.len() {
        let mut units = inputs.units(index)?;
        while let Some(unit) = units.read()? {
            let Some(item) = previous.item(&unit)? else { continue };
            ahead.rows += unit.members.len() as u64;
            item.count(&mut ahead);
            overtaken.look_at(&unit, &item);
        }
    }
    previous.check_end()?;
    overtaken.warn(&previous);
    if previous.remade > 0 {
        tracing::warn!(
            "{}, accepted earlier with another payload than the mapping and --set make now: sent \
             again; --only says which rows are to be sent alone",
            text::counted(previous.remade, "shipment")
        );
    }
    Ok((ahead, Some(PreviousRun::open(settings, only, inputs, repeated)?)))
}

/// Shipments that are sent now though a later payload of theirs is accepted already.
#[derive(Default)]
struct Overtaken {
    sent: HashSet<u128>,
    count: u64,
    first: Option<Row>,
}

impl Overtaken {
    fn look_at(&mut self, unit: &Unit, item: &WorkItem) {
        for shipment in unit.shipments() {
            if let Some(row) = item.accepted_row(shipment.payload) {
                if self.sent.contains(&shipment.identity) {
                    self.count += 1;
                    self.first.get_or_insert_with(|| row.clone());
                }
            } else if self.sent.len() < MAX_REMEMBERED {
                self.sent.insert(shipment.identity);
            }
        }
    }

    fn warn(&self, previous: &PreviousRun) {
        if let Some(first) = &self.first {
            tracing::warn!(
                "{} below another payload of the same shipment that is sent now (the first: {}): \
                 the endpoint gets the older one last; run the import again afterwards to put that \
                 right",
                text::counted(self.count, "accepted payload"),
                previous.lines.name_of(first)
            );
        }
    }
}

/// The payloads of rows that were skipped though they make a shipment: repetitions, as a rule.
fn repeated_payloads(results: &Path) -> Result<HashMap<u128, OriginalRow>, Error> {
    let mut repeated = HashMap::new();
    for line in Reader::open(results)? {
        let line = line?;
        if line.outcome.status == Status::Skipped {
            repeated.extend(line.payload.map(|payload| (payload, OriginalRow::Unseen)));
        }
    }
    Ok(repeated)
}

fn is_accepted(line: &Entry) -> bool {
    line.outcome.status.is_accepted()
}

/// Takes the line of the shipment at `index` out of a row's lines: the one with its payload, else
/// the one with its number.
fn take_line(lines: &mut Vec<Entry>, payload: Option<u128>, index: usize) -> Option<Entry> {
    let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
    let has_payload = |line: &Entry| payload.is_some() && line.payload == payload;
    let has_number = |line: &Entry| line.shipment == number || line.shipment == 0 && index == 0;
    let found = lines.iter().position(has_payload).or_else(|| lines.iter().position(has_number));
    found.map(|index| lines.remove(index))
}

impl PreviousRun {
    fn open(
        settings: &RunSettings,
        only: &[Status],
        inputs: &Inputs,
        repeated: HashMap<u128, OriginalRow>,
    ) -> Result<Self, Error> {
        let (path, names) = (settings.paths.results.clone(), inputs.names());
        Ok(Self {
            lines: LinesByRow::open(&path, names, inputs.are_arranged())?,
            path,
            only: only.to_owned(),
            in_doubt: settings.limits.in_doubt,
            keeps_accepted: !only.is_empty() || settings.args.run.delivery.changed == Changed::Skip,
            repeated,
            remade: 0,
        })
    }

    /// What a unit needs: each of its lines is carried over, or mapped anew. `None` where it had no
    /// line and is to have none.
    ///
    /// # Errors
    /// A line that cannot be read or is about another row, or an accepted row that has changed.
    pub(super) fn item(&mut self, unit: &Unit) -> Result<Option<WorkItem>, Error> {
        let rows = unit.members.iter().map(|member| self.take_lines(&member.row));
        let mut earlier = rows.collect::<Result<Vec<_>, _>>()?;
        if earlier.iter().all(Vec::is_empty) && !self.is_wanted(Status::NotAttempted) {
            return Ok(None);
        }
        let mut item = WorkItem::default();
        for made in 0..unit.made.len() {
            self.add_made(unit, made, &mut earlier, &mut item);
        }
        for (member, mut lines) in earlier.into_iter().enumerate() {
            let Member { row, own } = &unit.members[member];
            let Some(worked) = own else {
                // What was accepted is not forgotten, though its rows make no such shipment now.
                lines.into_iter().filter(is_accepted).for_each(|line| item.add_carried(row, line));
                continue;
            };
            if lines.first().is_some_and(|line| self.stays(line, row, &worked.made)) {
                item.add_carried(row, lines.swap_remove(0));
            } else {
                item.add_mapped(unit, Line { row, member, worked, made: None }, None);
            }
        }
        item.sort();
        Ok(Some(item))
    }

    /// Adds the lines of one that a unit makes, in all rows that take part in it. Takes their
    /// earlier lines out of `earlier`.
    fn add_made(
        &mut self,
        unit: &Unit,
        made: usize,
        earlier: &mut [Vec<Entry>],
        item: &mut WorkItem,
    ) {
        let worked = &unit.made[made];
        let payload = match &worked.made {
            Made::Shipment(shipment) => Some(shipment.payload),
            Made::Skipped(_) | Made::Invalid(_) => None,
        };
        let members = unit.members.iter().zip(earlier).enumerate();
        let lines: Vec<(usize, &Row, Option<Entry>)> = members
            .filter(|(_, (member, _))| member.own.is_none())
            .map(|(index, (member, lines))| (index, &member.row, take_line(lines, payload, made)))
            .collect();
        let lead = lines.iter().find_map(|(_, row, line)| Some((*row, line.clone()?)));
        if let Some((row, lead)) = &lead
            && self.stays(lead, row, &worked.made)
        {
            for (_, row, line) in lines {
                let (number, fingerprint) = (row.number, row.fingerprint);
                let like_lead =
                    || Entry { row: number, line: row.line, fingerprint, ..lead.clone() };
                item.add_carried(row, line.unwrap_or_else(like_lead));
            }
            return;
        }
        let lead = lead.map(|(_, line)| line).filter(|_| payload.is_some());
        self.remade += u64::from(lead.as_ref().is_some_and(is_accepted));
        let previous = lead.filter(|line| line.payload == payload).map(|line| line.outcome);
        for (member, row, _) in lines {
            let line = Line { row, member, worked, made: Some(made) };
            item.add_mapped(unit, line, previous.as_ref());
        }
    }

    /// Takes the lines of `row`, and notes the outcomes of rows that later ones repeat.
    fn take_lines(&mut self, row: &Row) -> Result<Vec<Entry>, Error> {
        let lines = self.lines.take(row)?;
        if lines.iter().any(|line| is_accepted(line) && line.fingerprint != row.fingerprint) {
            let (path, at) = (self.path.clone(), self.lines.name_of(row));
            let changed = results::Error::AcceptedRowChanged { path, at, line: row.line };
            return Err(changed.into());
        }
        for line in lines.iter().filter(|line| line.outcome.status != Status::Skipped) {
            let is_settled = is_accepted(line) || self.is_held(line);
            let original = line.payload.and_then(|payload| self.repeated.get_mut(&payload));
            if let Some(original) = original.filter(|original| **original != OriginalRow::Settled) {
                *original = if is_settled { OriginalRow::Settled } else { OriginalRow::Left };
            }
        }
        Ok(lines)
    }

    /// Whether a line is carried over.
    fn stays(&self, line: &Entry, row: &Row, made: &Made) -> bool {
        match line.outcome.status {
            // Until its row changes, or the row that it repeats is left and sent anew.
            Status::Skipped => {
                let original = line.payload.and_then(|payload| self.repeated.get(&payload));
                let stays = original != Some(&OriginalRow::Left) || !self.only.is_empty();
                stays && line.fingerprint == row.fingerprint
            }
            // Accepted with this very payload, or nothing is to be sent any more.
            Status::Sent | Status::AlreadySent => match made {
                Made::Shipment(shipment) => {
                    line.payload == Some(shipment.payload) || self.keeps_accepted
                }
                Made::Skipped(_) | Made::Invalid(_) => true,
            },
            status => self.is_held(line) || !self.is_wanted(status),
        }
    }

    /// Whether a line is in doubt and stays so.
    fn is_held(&self, line: &Entry) -> bool {
        line.outcome.status == Status::InDoubt && self.in_doubt == InDoubt::Hold
    }

    fn is_wanted(&self, status: Status) -> bool {
        self.only.is_empty() || self.only.contains(&status)
    }

    /// Checks that all lines were met.
    ///
    /// # Errors
    /// There is another one.
    pub(super) fn check_end(&self) -> Result<(), Error> {
        Ok(self.lines.check_end()?)
    }

    /// The lines that were not met, with rows that have nothing but their places: where the input
    /// broke in the middle of the run, what was accepted behind that place is not forgotten.
    pub(super) fn rest(self) -> impl Iterator<Item = WorkItem> {
        self.lines.rest().map(|(input, line)| {
            let mut row = Row::at(input, line.row, line.line);
            row.reading = Reading::Flawed(UNREAD.to_owned());
            let mut item = WorkItem::default();
            item.add_carried(&row, line);
            item
        })
    }
}
