//! What a unit asks of the results and of the delivery: its lines in their order, and the shipments
//! to be sent.
//!
//! Pure; the reading thread makes items, the desk works them off.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::inputs::Ahead;
use crate::mapping::{Line, Made, Unit, Worked};
use crate::outcome::{Outcome, Status, Ticket};
use crate::problem::Problem;
use crate::results::{self, Entry, Labels, Results};
use crate::row::Row;
use crate::shipment::Shipment;

/// A unit as it crosses over to the delivery.
#[derive(Debug, Default)]
pub(super) struct Item {
    /// Its lines in the results.
    pub(super) lines: SmallVec<[Planned; 1]>,
    /// What is to be sent.
    pub(super) wanted: SmallVec<[Wanted; 1]>,
}

/// A line of the results.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) row: Arc<Row>,
    /// Which shipment of its row it is of, from 1; 0 where the row makes none.
    pub(super) shipment: u32,
    pub(super) end: End,
}

/// How a line ends.
#[derive(Debug)]
pub(super) enum End {
    /// As the shipment does that stands at this place of [`Item::wanted`].
    With(usize),
    /// So, since nothing is sent for it.
    Now(Box<Now>),
    /// As an earlier run left it.
    Carried(Box<Entry>),
}

/// How a line ends for which nothing is sent.
#[derive(Debug)]
pub(super) struct Now {
    pub(super) outcome: Outcome,
    /// Why, without what belongs to this row alone.
    reason: Option<String>,
    order_no: String,
    trackingnumber: String,
}

/// A shipment to be sent.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) shipment: Shipment,
    /// What an earlier run left of it.
    pub(super) earlier: Option<Box<Entry>>,
}

impl Item {
    /// The item of a unit of which no earlier run knows.
    pub(super) fn of(unit: Unit) -> Self {
        let mut plan = Plan::new(&unit);
        for line in unit.lines() {
            plan.anew(&unit, line, |_| None);
        }
        plan.into_item(unit)
    }

    /// The item of a line that an earlier run has left, without its row's cells.
    pub(super) fn carried(mut row: Row, line: Entry) -> Self {
        row.fingerprint = line.fingerprint;
        let planned = Planned {
            row: Arc::new(row),
            shipment: line.shipment,
            end: End::Carried(Box::new(line)),
        };
        Self { lines: [planned].into_iter().collect(), wanted: SmallVec::new() }
    }
}

/// An item in the making, over the unit it is of.
#[derive(Debug)]
pub(super) struct Plan {
    lines: SmallVec<[(usize, u32, End); 1]>,
    /// For each that the unit makes: its place among those that are sent, with what an earlier run
    /// left of it.
    places: SmallVec<[Option<usize>; 1]>,
    sent: SmallVec<[(usize, Option<Box<Entry>>); 1]>,
}

impl Plan {
    pub(super) fn new(unit: &Unit) -> Self {
        let places = std::iter::repeat_n(None, unit.made.len()).collect();
        Self { lines: SmallVec::new(), places, sent: SmallVec::new() }
    }

    /// Adds a line that is worked anew. `earlier` gives what an earlier run left of its shipment.
    pub(super) fn anew(
        &mut self,
        unit: &Unit,
        line: Line<'_>,
        earlier: impl FnOnce(usize) -> Option<Entry>,
    ) {
        let several = unit.made.len() > 1;
        let number = line.made.map_or(0, |made| u32::try_from(made + 1).unwrap_or(u32::MAX));
        let end = match (&line.worked.made, line.made) {
            (Made::Shipment(_), Some(made)) => {
                let place = self.places[made].unwrap_or(self.sent.len());
                if place == self.sent.len() {
                    self.places[made] = Some(place);
                    self.sent.push((made, earlier(made).map(Box::new)));
                }
                return self.lines.push((line.member, number, End::With(place)));
            }
            // A row that takes no part makes no shipment.
            (Made::Shipment(_), None) => return,
            (Made::Skipped(reason), _) => {
                now(line.worked, Outcome::unsent(Status::Skipped, reason), Some(reason.clone()))
            }
            (Made::Invalid(problems), _) => {
                let reason = problems.first().map(Problem::kind);
                now(line.worked, Outcome::unsent(Status::Invalid, unit.explain(problems)), reason)
            }
        };
        self.lines.push((line.member, if several { number } else { 0 }, end));
    }

    /// Adds a line that an earlier run has left.
    pub(super) fn carried(&mut self, member: usize, entry: Entry) {
        self.lines.push((member, entry.shipment, End::Carried(Box::new(entry))));
    }

    /// Brings the lines into the order of their rows, and of the shipments within them.
    pub(super) fn sort(&mut self) {
        self.lines.sort_by_key(|(member, shipment, _)| (*member, *shipment));
    }

    /// Counts what is to be done.
    pub(super) fn count(&self, ahead: &mut Ahead) {
        ahead.shipments += self.sent.len() as u64;
        for (_, _, end) in &self.lines {
            match end {
                End::With(_) => {}
                End::Carried(_) => ahead.carried += 1,
                End::Now(now) if now.outcome.status == Status::Skipped => ahead.skipped += 1,
                End::Now(_) => ahead.invalid += 1,
            }
        }
    }

    /// The lines that an earlier run has left.
    pub(super) fn carried_lines(&self) -> impl Iterator<Item = &Entry> {
        self.lines.iter().filter_map(|(_, _, end)| match end {
            End::Carried(entry) => Some(entry.as_ref()),
            End::With(_) | End::Now(_) => None,
        })
    }

    /// Whether something of it is worked anew.
    pub(super) fn is_anew(&self) -> bool {
        self.lines.iter().any(|(_, _, end)| !matches!(end, End::Carried(_)))
    }

    pub(super) fn into_item(self, unit: Unit) -> Item {
        let rows: SmallVec<[Arc<Row>; 1]> =
            unit.members.into_iter().map(|member| Arc::new(member.row)).collect();
        let mut made: SmallVec<[Option<Worked>; 1]> = unit.made.into_iter().map(Some).collect();
        let wanted =
            self.sent.into_iter().filter_map(|(place, earlier)| match made[place].take()?.made {
                Made::Shipment(shipment) => Some(Wanted { shipment, earlier }),
                Made::Skipped(_) | Made::Invalid(_) => None,
            });
        let wanted = wanted.collect();
        let line = |(member, shipment, end)| Planned {
            row: carried_row(&rows[member], &end),
            shipment,
            end,
        };
        Item { lines: self.lines.into_iter().map(line).collect(), wanted }
    }
}

fn now(worked: &Worked, outcome: Outcome, reason: Option<String>) -> End {
    let (order_no, trackingnumber) = (worked.order_no.clone(), worked.trackingnumber.clone());
    End::Now(Box::new(Now { outcome, reason, order_no, trackingnumber }))
}

/// The row of a line: one that is carried over keeps the hash of the cells that it is of.
fn carried_row(row: &Arc<Row>, end: &End) -> Arc<Row> {
    match end {
        End::Carried(entry) if entry.fingerprint != row.fingerprint => {
            let mut row = Row::clone(row);
            row.fingerprint = entry.fingerprint;
            Arc::new(row)
        }
        _ => Arc::clone(row),
    }
}

/// A line that ends at once, or which shipment of its item it waits for.
pub(super) fn expect(
    results: &mut Results,
    planned: Planned,
    wanted: &[Wanted],
) -> Result<Option<(usize, Ticket)>, results::Error> {
    let Planned { row, shipment, end } = planned;
    match end {
        End::With(place) => {
            let sent = &wanted[place].shipment;
            let labels = Labels {
                order_no: &sent.order_no,
                trackingnumber: &sent.trackingnumber,
                payload: Some(sent.payload),
            };
            Ok(Some((place, results.expect(row, labels, shipment))))
        }
        End::Now(now) => {
            let Now { outcome, reason, order_no, trackingnumber } = *now;
            let labels =
                Labels { order_no: &order_no, trackingnumber: &trackingnumber, payload: None };
            let ticket = results.expect(row, labels, shipment);
            results.settle(ticket, &outcome, reason.as_deref())?;
            Ok(None)
        }
        End::Carried(line) => {
            let ticket = results.expect(row, line.labels(), line.shipment);
            let Outcome { status, message, .. } = &line.outcome;
            results.settle(
                ticket,
                &line.outcome,
                (*status == Status::Skipped).then_some(message),
            )?;
            Ok(None)
        }
    }
}
