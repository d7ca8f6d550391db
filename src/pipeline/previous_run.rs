//! For `retry`: pairs each row with its lines of the earlier run, and decides which lines are
//! carried over and which rows are mapped and sent anew.
//!
//! Everything is verified before the first request ([`verify`]): no accepted row has changed, and no
//! line is without its row. The reader then meets the lines a second time, under the lock of the
//! results.

use std::collections::{HashMap, HashSet};
use std::iter::zip;

use super::work_item::WorkItem;
use crate::closing;
use crate::error::Error;
use crate::inputs::{Ahead, Inputs};
use crate::limits::{Changed, InDoubt};
use crate::mapping::{Line, Made, Member, Unit};
use crate::options::run::RunSettings;
use crate::outcome::Status;
use crate::results::{Entry, LinesByRow, Reader, RowName};
use crate::row::{Reading, Row};

/// Why the cells of a line are unknown that is carried over behind a place where the input broke.
const UNREAD: &str = "the input could not be read so far";

/// Shipments to be sent that are remembered, to find accepted payloads of theirs further down.
const MAX_REMEMBERED: usize = 131_072;

/// The lines that were not met yet, and the rules for them.
#[derive(Debug)]
pub(super) struct PreviousRun {
    lines: LinesByRow,
    /// Lines of the rows of a unit; they stay here when one of its rows does not fit its lines.
    taken: Vec<Vec<Entry>>,
    only: Vec<Status>,
    in_doubt: InDoubt,
    /// Whether what was accepted stays so, whatever its payload is now.
    keeps_accepted: bool,
    /// Payloads of rows that were skipped though they make a shipment (repetitions, as a rule), and
    /// whether the row that they repeat is sent anew: then it may get another payload, and the
    /// repetition is one no more.
    repeated: HashMap<u128, bool>,
    /// Identities of shipments that are sent now.
    sent: HashSet<u128>,
    /// Accepted payloads below another one of the same shipment that is sent now, and the first.
    overtaken: (u64, Option<RowName>),
    /// Shipments that were accepted with another payload than they have now.
    remade: u64,
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
    let Some(mut previous) = PreviousRun::open(settings, inputs)? else { return Ok((ahead, None)) };
    let bytes = ahead.bytes_total;
    let mut ahead = Ahead { exact: true, bytes, bytes_total: bytes, ..Ahead::default() };
    let mut units = inputs.all_units(None);
    while let Some(unit) = units.read()? {
        if let Some(item) = previous.item(&unit)? {
            ahead.rows += unit.members.len() as u64;
            item.count(&mut ahead);
        }
    }
    previous.check_end()?;
    let (count, first) = &previous.overtaken;
    for warning in closing::retry_warnings(*count, first.as_ref(), previous.remade) {
        tracing::warn!("{warning}");
    }
    Ok((ahead, PreviousRun::open(settings, inputs)?))
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
    /// Opens the lines of the earlier run; `None` for an import.
    fn open(settings: &RunSettings, inputs: &Inputs) -> Result<Option<Self>, Error> {
        let Some(only) = &settings.retry_only else { return Ok(None) };
        let results = &settings.paths.results;
        let mut repeated = HashMap::new();
        for line in Reader::open(results)? {
            let line = line?;
            if line.outcome.status == Status::Skipped {
                repeated.extend(line.payload.map(|payload| (payload, false)));
            }
        }
        Ok(Some(Self {
            lines: LinesByRow::open(results, inputs.names(), inputs.are_arranged())?,
            taken: Vec::new(),
            only: only.clone(),
            in_doubt: settings.limits.in_doubt,
            keeps_accepted: !only.is_empty() || settings.args.run.delivery.changed == Changed::Skip,
            repeated,
            sent: HashSet::new(),
            overtaken: (0, None),
            remade: 0,
        }))
    }

    /// What a unit needs: each of its lines is carried over, or mapped anew. `None` where it had no
    /// line and is to have none.
    ///
    /// # Errors
    /// A line that cannot be read or is about another row, or an accepted row that has changed.
    pub(super) fn item(&mut self, unit: &Unit) -> Result<Option<WorkItem>, Error> {
        for Member { row, .. } in &unit.members {
            self.taken.push(self.lines.take(row)?);
        }
        let mut earlier = std::mem::take(&mut self.taken);
        for line in earlier.iter().flatten() {
            self.note(line, true);
        }
        if earlier.iter().all(Vec::is_empty) && !self.is_wanted(Status::NotAttempted) {
            return Ok(None);
        }
        let mut item = WorkItem::default();
        let members = || unit.members.iter().enumerate();
        for (made, worked) in unit.made.iter().enumerate() {
            let lines = members().filter(|(_, member)| member.own.is_none());
            let lines: Vec<_> = lines
                .map(|(member, Member { row, .. })| Line { row, member, worked, made: Some(made) })
                .collect();
            self.add(unit, &lines, &mut earlier, &mut item);
        }
        for (member, Member { row, own }) in members() {
            if let Some(worked) = own {
                let line = Line { row, member, worked, made: None };
                self.add(unit, &[line], &mut earlier, &mut item);
            }
            // What was accepted is not forgotten, though its row makes no such shipment now.
            for line in std::mem::take(&mut earlier[member]) {
                if line.outcome.status.is_accepted() || self.is_held(&line) {
                    self.carry(row, line, &mut item);
                }
            }
        }
        item.lines.sort_by_key(|line| (line.row.number, line.shipment));
        Ok(Some(item))
    }

    /// Notes for the rows that repeat the one of `line` whether that is sent anew.
    fn note(&mut self, line: &Entry, is_sent_anew: bool) {
        let repeated = line.payload.and_then(|payload| self.repeated.get_mut(&payload));
        if let Some(repeated) = repeated.filter(|_| line.outcome.status != Status::Skipped) {
            *repeated = is_sent_anew;
        }
    }

    fn carry(&mut self, row: &Row, line: Entry, item: &mut WorkItem) {
        self.note(&line, false);
        item.add_carried(row, line);
    }

    /// Adds lines that end alike: those of one shipment, or the one that a row has for itself. Takes
    /// their earlier lines out of `earlier`.
    fn add(
        &mut self,
        unit: &Unit,
        lines: &[Line<'_>],
        earlier: &mut [Vec<Entry>],
        item: &mut WorkItem,
    ) {
        let shipment = lines.first().and_then(|line| match &line.worked.made {
            Made::Shipment(shipment) => Some(shipment),
            Made::Skipped(_) | Made::Invalid(_) => None,
        });
        let payload = shipment.map(|shipment| shipment.payload);
        let take =
            |line: &Line<'_>| take_line(&mut earlier[line.member], payload, line.made.unwrap_or(0));
        let taken: Vec<Option<Entry>> = lines.iter().map(take).collect();
        let is_same = |(line, taken): (&Line<'_>, &Option<Entry>)| {
            taken.as_ref().is_some_and(|taken| taken.fingerprint == line.row.fingerprint)
        };
        let is_unchanged = zip(lines, &taken).all(is_same);
        let lead = taken.iter().flatten().next().cloned();
        let is_overtaken = shipment.is_some_and(|shipment| self.sent.contains(&shipment.identity));
        if let Some(lead) = lead.as_ref().filter(|lead| self.stays(lead, payload, is_unchanged)) {
            if is_overtaken && lead.outcome.status.is_accepted() && lead.payload == payload {
                self.overtaken.0 += 1;
                self.overtaken.1.get_or_insert_with(|| self.lines.name_of(lines[0].row));
            }
            for (Line { row, .. }, line) in zip(lines, taken) {
                let like_lead = || Entry { fingerprint: row.fingerprint, ..lead.clone() };
                self.carry(row, line.unwrap_or_else(like_lead), item);
            }
            return;
        }
        let was_accepted = lead.as_ref().is_some_and(|lead| lead.outcome.status.is_accepted());
        self.remade += u64::from(was_accepted);
        let identity = shipment.map(|shipment| shipment.identity);
        self.sent.extend(identity.filter(|_| self.sent.len() < MAX_REMEMBERED));
        let previous = lead.filter(|line| line.payload == payload).map(|line| line.outcome);
        for line in lines {
            item.add_mapped(unit, *line, previous.as_ref());
        }
    }

    /// Whether a line is carried over, whose shipment has `payload` now.
    fn stays(&self, line: &Entry, payload: Option<u128>, is_unchanged: bool) -> bool {
        match line.outcome.status {
            // Until its row changes, or the row that it repeats is sent anew.
            Status::Skipped => {
                let original = line.payload.and_then(|payload| self.repeated.get(&payload));
                original != Some(&true) && (is_unchanged || !self.only.is_empty())
            }
            // Accepted with this very payload, or nothing is to be sent any more.
            Status::Sent | Status::AlreadySent => {
                payload.is_none() || line.payload == payload || self.keeps_accepted
            }
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
        self.lines.rest(self.taken.concat()).map(|(input, line)| {
            let mut row = Row::at(input, line.row, line.line);
            row.reading = Reading::Flawed(UNREAD.to_owned());
            let mut item = WorkItem::default();
            item.add_carried(&row, line);
            item
        })
    }
}
