//! Rows that belong together, and what they make: what the mapping hands on.
//!
//! Without grouping a unit is one row. With it, rows of one key make their shipments together; a
//! row that lies among them and takes no part (a footer, one that `[rows]` leaves out) comes along,
//! so that units hold all rows in the order of the input, each exactly once.

use smallvec::{SmallVec, smallvec};

use crate::problem::Problem;
use crate::row::Row;
use crate::shipment::Shipment;

/// What a mapping makes of the rows of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// A shipment that can be sent.
    Shipment(Shipment),
    /// Nothing, on purpose; with the reason.
    Skipped(String),
    /// Nothing that could be sent; with every problem found, at least one.
    Invalid(Vec<Problem>),
}

/// What was made, with all that is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worked {
    /// What was made.
    pub made: Made,
    /// The order's number as far as it is known where no shipment was made, for people; else empty.
    pub order_no: String,
    /// The tracking number, likewise.
    pub trackingnumber: String,
    /// What is odd about it, though it was no reason not to send it.
    pub warnings: Vec<Problem>,
}

impl Worked {
    pub(super) fn of(made: Made) -> Self {
        Self { made, order_no: String::new(), trackingnumber: String::new(), warnings: Vec::new() }
    }
}

/// A row of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The row, with what it inherits by `fill_down`.
    pub row: Row,
    /// What is made of it alone, where it takes no part in what the unit makes.
    pub own: Option<Box<Worked>>,
}

/// Rows that belong together, and what they make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The rows, in the order of the input. At least one, and the first takes part.
    pub members: SmallVec<[Member; 1]>,
    /// What those make that take part: at least one, several where a join or a split makes several
    /// shipments of them.
    pub made: SmallVec<[Worked; 1]>,
}

/// A line that a unit has in the results.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Its row.
    pub row: &'a Row,
    /// The row's place among the members, from 0.
    pub member: usize,
    /// What it says.
    pub worked: &'a Worked,
    /// Which of [`Unit::made`] that is, from 0; `None` where it is the row's own.
    pub made: Option<usize>,
}

impl Unit {
    /// One row, and what it makes.
    pub fn single(row: Row, worked: Worked) -> Self {
        Self { members: smallvec![Member { row, own: None }], made: smallvec![worked] }
    }

    /// The lines that it has in the results, in their order: for each row one for each that it
    /// makes.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.members.iter().enumerate().flat_map(move |(member, Member { row, own })| {
            let own = own.iter().map(move |worked| Line {
                row,
                member,
                worked: worked.as_ref(),
                made: None,
            });
            let takes_part = own.len() == 0;
            let shared = self.made.iter().enumerate().filter(move |_| takes_part);
            own.chain(shared.map(move |(made, worked)| Line {
                row,
                member,
                worked,
                made: Some(made),
            }))
        })
    }

    /// The rows that take part in what it makes.
    pub fn participants(&self) -> impl DoubleEndedIterator<Item = &Row> {
        self.members.iter().filter(|member| member.own.is_none()).map(|member| &member.row)
    }

    /// The shipments that it makes.
    pub fn shipments(&self) -> impl Iterator<Item = &Shipment> {
        self.made.iter().filter_map(|worked| match &worked.made {
            Made::Shipment(shipment) => Some(shipment),
            Made::Skipped(_) | Made::Invalid(_) => None,
        })
    }

    /// What is wrong with `worked` of this unit, in one line: where it is made of several rows,
    /// each problem with its row.
    pub fn explain(&self, problems: &[Problem]) -> String {
        if self.participants().nth(1).is_none() {
            return crate::problem::join(problems);
        }
        let one = |problem: &Problem| match self.members.get(problem.member) {
            Some(member) => format!("row {}: {problem}", member.row.number),
            None => problem.to_string(),
        };
        problems.iter().map(one).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_line_for_each_that_it_makes_and_its_own_where_it_takes_no_part() {
        let skipped = |reason: &str| Worked::of(Made::Skipped(reason.to_owned()));
        let member = |number, own: Option<Worked>| Member {
            row: Row::at(0, number, number + 1),
            own: own.map(Box::new),
        };
        let unit = Unit {
            members: smallvec![
                member(1, None),
                member(2, Some(skipped("a footer"))),
                member(3, None)
            ],
            made: smallvec![skipped("a"), skipped("b")],
        };
        let lines: Vec<_> = unit
            .lines()
            .map(|line| match &line.worked.made {
                Made::Skipped(reason) => (line.row.number, line.made, reason.as_str()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            lines,
            [
                (1, Some(0), "a"),
                (1, Some(1), "b"),
                (2, None, "a footer"),
                (3, Some(0), "a"),
                (3, Some(1), "b")
            ]
        );
        assert_eq!(unit.participants().map(|row| row.number).collect::<Vec<_>>(), [1, 3]);
    }
}
