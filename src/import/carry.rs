//! The lines of an earlier run, met by the rows they are of: for each row, whether its line is
//! carried over as it is or the row is worked anew.
//!
//! Lines and rows come in the same order, so both are read side by side and nothing is kept. All of
//! it is proved before the first request ([`prove`]): no accepted row has changed, and no line is
//! without its row. Lines end before rows where the earlier run did not look at all of them.
//! `reader` meets them a second time, under the lock of the results.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::lines::Lines;
use super::plan::Plan;
use crate::error::{Error, Place};
use crate::inputs::{Ahead, Inputs};
use crate::limits::{Changed, InDoubt};
use crate::mapping::{Line, Made, Member, Unit};
use crate::options::run::{PreviousRunOptions, RunSettings};
use crate::outcome::Status;
use crate::results::{Entry, Reader};
use crate::row::{Reading, Row};
use crate::text;

/// Why the cells of a line are not known that is carried over behind a place where the input broke.
const UNREAD: &str = "the input could not be read so far";

/// Shipments to be sent that are remembered, to find accepted payloads of theirs further down.
const MOST_OVERTAKING: usize = 131_072;

/// The lines that are not met yet.
#[derive(Debug)]
pub(super) struct Carry {
    path: PathBuf,
    lines: Lines,
    only: Vec<Status>,
    in_doubt: InDoubt,
    /// Whether what was accepted stays so, whatever its payload is now.
    keeps_accepted: bool,
    /// What became of the rows whose payload another row repeats, which was left out therefore.
    repeated: HashMap<u128, Original>,
    /// Shipments so far that were accepted with another payload than they have now, and are sent
    /// again.
    remade: u64,
}

/// What became of a row whose payload stands in a later one again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Original {
    /// There was none yet: the later one was left out for another reason.
    None,
    /// It was not accepted.
    Left,
    /// It was accepted, or is in doubt and held so: its payload is not sent again by way of another
    /// row.
    Settled,
}

/// Reads everything once: proves that the lines of the earlier run are those of the inputs and that
/// no accepted row has changed, counts what is to be done, and gives the lines for the run itself.
/// An import has none, and its `ahead` stays as it is.
///
/// # Errors
/// Results that cannot be read, are not of these inputs, or have an accepted row that has changed.
pub(super) fn prove(
    settings: &RunSettings,
    inputs: &Inputs,
    ahead: Ahead,
) -> Result<(Ahead, Option<Carry>), Error> {
    let Some(carried) = &settings.previous_run else { return Ok((ahead, None)) };
    let repeated = repeated(carried)?;
    let mut carry = Carry::open(settings, carried, inputs, repeated.clone())?;
    let whole = ahead.bytes_total;
    let mut ahead = Ahead { exact: true, bytes: whole, bytes_total: whole, ..Ahead::default() };
    let mut overtaken = Overtaken::default();
    for index in 0..inputs.len() {
        let mut units = inputs.units(index)?;
        while let Some(unit) = units.read()? {
            let Some(plan) = carry.meet(&unit)? else { continue };
            ahead.rows += unit.members.len() as u64;
            plan.count(&mut ahead);
            overtaken.look_at(&unit, &plan);
        }
    }
    let remade = carry.remade;
    carry.end()?;
    overtaken.tell();
    if remade > 0 {
        tracing::warn!(
            "{}, accepted earlier with another payload than the mapping and --set make now: sent again; --only says \
             which rows are to be sent alone",
            text::counted(remade, "shipment")
        );
    }
    Ok((ahead, Some(Carry::open(settings, carried, inputs, repeated)?)))
}

/// Shipments that are sent now though a later payload of theirs is accepted already.
#[derive(Default)]
struct Overtaken {
    sent: HashSet<u128>,
    count: u64,
    first: Option<Place>,
}

impl Overtaken {
    fn look_at(&mut self, unit: &Unit, plan: &Plan) {
        for shipment in unit.shipments() {
            let accepted =
                |line: &&Entry| is_accepted(line) && line.payload == Some(shipment.payload);
            if let Some(line) = plan.carried_lines().find(accepted) {
                if self.sent.contains(&shipment.identity) {
                    self.count += 1;
                    self.first
                        .get_or_insert_with(|| Place { file: line.file.clone(), row: line.row });
                }
            } else if self.sent.len() < MOST_OVERTAKING {
                self.sent.insert(shipment.identity);
            }
        }
    }

    fn tell(self) {
        if let Some(first) = self.first {
            tracing::warn!(
                "{} below another payload of the same shipment that is sent now (the first: {first}): the endpoint gets the \
                 older one last; run the import again afterwards to put that right",
                text::counted(self.count, "accepted payload")
            );
        }
    }
}

/// The payloads of rows that were left out though they make a shipment: as repetitions, as a rule.
fn repeated(carried: &PreviousRunOptions) -> Result<HashMap<u128, Original>, Error> {
    let mut repeated = HashMap::new();
    for line in Reader::open(&carried.results)? {
        let line = line?;
        if line.outcome.status == Status::Skipped {
            repeated.extend(line.payload.map(|payload| (payload, Original::None)));
        }
    }
    Ok(repeated)
}

fn is_accepted(line: &Entry) -> bool {
    matches!(line.outcome.status, Status::Sent | Status::AlreadySent)
}

/// Takes the line of the shipment at `place` out of a row's lines: the one with its payload, else
/// the one with its number.
fn take_line(lines: &mut Vec<Entry>, payload: Option<u128>, place: usize) -> Option<Entry> {
    let by_payload = lines.iter().position(|line| payload.is_some() && line.payload == payload);
    let number = u32::try_from(place + 1).unwrap_or(u32::MAX);
    let by_number = || {
        lines.iter().position(|line| line.shipment == number || line.shipment == 0 && place == 0)
    };
    by_payload.or_else(by_number).map(|index| lines.remove(index))
}

impl Carry {
    fn open(
        settings: &RunSettings,
        carried: &PreviousRunOptions,
        inputs: &Inputs,
        repeated: HashMap<u128, Original>,
    ) -> Result<Self, Error> {
        Ok(Self {
            path: carried.results.clone(),
            lines: Lines::open(&carried.results, inputs.names(), inputs.are_arranged())?,
            only: carried.only.clone(),
            in_doubt: settings.limits.in_doubt,
            keeps_accepted: !carried.only.is_empty() || settings.ledger.changed == Changed::Skip,
            repeated,
            remade: 0,
        })
    }

    /// What becomes of a unit: each of its lines is carried over as the earlier run left it, or
    /// worked anew. `None` where it had no line and is to have none. After an error the lines are
    /// still there.
    ///
    /// # Errors
    /// A line that cannot be read or is of another row, or an accepted row that has changed.
    pub(super) fn meet(&mut self, unit: &Unit) -> Result<Option<Plan>, Error> {
        let mut earlier = Vec::with_capacity(unit.members.len());
        for member in &unit.members {
            earlier.push(self.lines_of(&member.row)?);
        }
        if earlier.iter().all(Vec::is_empty) && !self.is_wanted(Status::NotAttempted) {
            return Ok(None);
        }
        let mut plan = Plan::new(unit);
        for place in 0..unit.made.len() {
            self.settle_fate(unit, place, &mut earlier, &mut plan);
        }
        for (member, lines) in earlier.iter_mut().enumerate() {
            let Member { row, own } = &unit.members[member];
            let kept = lines
                .first()
                .filter(|line| own.as_ref().is_some_and(|own| self.stays(line, row, &own.made)));
            match (own, kept.cloned()) {
                (Some(_), Some(line)) => plan.carried(member, line),
                (Some(worked), None) => {
                    plan.anew(unit, Line { row, member, worked, made: None }, |_| None)
                }
                // What was accepted of a shipment that its rows make no more is not forgotten.
                (None, _) => {
                    lines.drain(..).filter(is_accepted).for_each(|line| plan.carried(member, line))
                }
            }
        }
        plan.sort();
        Ok(Some(plan))
    }

    /// Decides for one of those that a unit makes, over all rows that take part; takes their lines
    /// out of `earlier`.
    fn settle_fate(
        &mut self,
        unit: &Unit,
        place: usize,
        earlier: &mut [Vec<Entry>],
        plan: &mut Plan,
    ) {
        let worked = &unit.made[place];
        let payload = match &worked.made {
            Made::Shipment(shipment) => Some(shipment.payload),
            Made::Skipped(_) | Made::Invalid(_) => None,
        };
        let taking_part = |member: &usize| unit.members[*member].own.is_none();
        let members: Vec<usize> = (0..unit.members.len()).filter(taking_part).collect();
        let lines: Vec<Option<Entry>> =
            members.iter().map(|member| take_line(&mut earlier[*member], payload, place)).collect();
        let lead =
            members.iter().zip(&lines).find_map(|(member, line)| Some((*member, line.clone()?)));
        let stays = lead.as_ref().is_some_and(|(member, line)| {
            self.stays(line, &unit.members[*member].row, &worked.made)
        });
        if let (true, Some((_, lead))) = (stays, &lead) {
            for (member, line) in members.into_iter().zip(lines) {
                let row = &unit.members[member].row;
                let same = || Entry {
                    row: row.number,
                    line: row.line,
                    fingerprint: row.fingerprint,
                    ..lead.clone()
                };
                plan.carried(member, line.unwrap_or_else(same));
            }
            return;
        }
        let lead = lead.map(|(_, line)| line);
        self.remade += u64::from(payload.is_some() && lead.as_ref().is_some_and(is_accepted));
        let again = lead.filter(|line| payload.is_some() && line.payload == payload);
        for member in members {
            let line = Line { row: &unit.members[member].row, member, worked, made: Some(place) };
            plan.anew(unit, line, |_| again.clone());
        }
    }

    /// The lines of `row`, as far as there are some.
    fn lines_of(&mut self, row: &Row) -> Result<Vec<Entry>, Error> {
        let lines = self.lines.of(row)?;
        if lines.iter().any(|line| is_accepted(line) && line.fingerprint != row.fingerprint) {
            let (at, results) = (self.lines.place(row), self.path.clone());
            return Err(Error::AcceptedRowChanged { at, line: row.line, results });
        }
        for line in &lines {
            self.note(line);
        }
        Ok(lines)
    }

    /// Notes what became of a row that a later one repeats.
    fn note(&mut self, line: &Entry) {
        let settled = is_accepted(line) || self.is_held(line);
        if line.outcome.status != Status::Skipped
            && let Some(original) = line.payload.and_then(|payload| self.repeated.get_mut(&payload))
            && *original != Original::Settled
        {
            *original = if settled { Original::Settled } else { Original::Left };
        }
    }

    /// Whether a line is carried over.
    fn stays(&self, line: &Entry, row: &Row, made: &Made) -> bool {
        match line.outcome.status {
            // What was left out stays so until its row is another one; a repetition does not, of
            // what is left.
            Status::Skipped => {
                let original = line.payload.and_then(|payload| self.repeated.get(&payload));
                let stays = original != Some(&Original::Left) || !self.only.is_empty();
                stays && line.fingerprint == row.fingerprint
            }
            // Accepted with this very payload, or nothing to be sent any more.
            Status::Sent | Status::AlreadySent => match made {
                Made::Shipment(shipment) => {
                    line.payload == Some(shipment.payload) || self.keeps_accepted
                }
                Made::Skipped(_) | Made::Invalid(_) => true,
            },
            status => self.is_held(line) || !self.is_wanted(status),
        }
    }

    /// Whether a line is in doubt, and to stay so.
    fn is_held(&self, line: &Entry) -> bool {
        line.outcome.status == Status::InDoubt && self.in_doubt == InDoubt::Hold
    }

    fn is_wanted(&self, status: Status) -> bool {
        self.only.is_empty() || self.only.contains(&status)
    }

    /// Looks whether all lines were met.
    ///
    /// # Errors
    /// There is another one.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        self.lines.end()
    }

    /// The lines that were not met, with rows that have nothing but their places: where the input
    /// broke in the middle of the run, what was accepted behind that place must not be forgotten.
    pub(super) fn rest(self) -> impl Iterator<Item = (Row, Entry)> {
        self.lines.rest().map(|(input, line)| {
            let mut row = Row::at(input, line.row, line.line);
            row.reading = Reading::Flawed(UNREAD.to_owned());
            (row, line)
        })
    }
}
