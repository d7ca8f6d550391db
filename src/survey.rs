//! What a mapping makes of the rows of an input, counted, with troubles grouped by field and
//! reason.
//!
//! Pure, and bounded in memory: at most [`MAX_GROUPS`] reasons are kept apart. `check` shows a
//! whole one; `import` says by one what it is about to do.

use std::collections::HashMap;

use crate::mapping::{Made, Unit};
use crate::problem::Problem;
use crate::row::Row;
use crate::text;

/// Different reasons that are kept apart; what comes after them is only counted.
pub const MAX_GROUPS: usize = 1_000;

/// The rows of a group that are kept to be looked at: its first ones.
pub const MAX_EXAMPLES: usize = 3;

/// Rows seen, and what became of them.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// All rows.
    pub rows: u64,
    /// Shipments that could be sent.
    pub shipments: u64,
    /// Rows that these are made of, each counted once.
    pub shipping: u64,
    /// Rows of which no valid payload can be made.
    pub invalid: u64,
    /// Rows left out on purpose.
    pub skipped: u64,
    /// Why rows are invalid.
    pub problems: Groups,
    /// What is odd about rows that could be sent.
    pub warnings: Groups,
    /// Why rows are left out.
    pub skips: Groups,
}

impl Survey {
    /// Counts a unit: its rows, what was made of them, and what is odd about it. Rows that belong
    /// together count each; what is wrong with them counts once.
    pub fn add(&mut self, unit: &Unit) {
        self.rows += unit.members.len() as u64;
        if unit.shipments().next().is_some() {
            self.shipping += unit.participants().count() as u64;
        }
        for line in unit.lines() {
            match &line.worked.made {
                Made::Shipment(_) => {}
                Made::Skipped(reason) => {
                    self.skipped += 1;
                    self.skips.add_reason(line.row, reason);
                }
                Made::Invalid(_) => self.invalid += 1,
            }
        }
        for worked in
            unit.members.iter().filter_map(|member| member.own.as_deref()).chain(&unit.made)
        {
            match &worked.made {
                Made::Shipment(_) => {
                    self.shipments += 1;
                    for warning in &worked.warnings {
                        self.warnings.add(row_of(unit, warning), warning);
                    }
                }
                Made::Skipped(_) => {}
                Made::Invalid(problems) => {
                    for problem in problems {
                        self.problems.add(row_of(unit, problem), problem);
                    }
                }
            }
        }
    }
}

/// The row that a problem of a unit is in.
fn row_of<'a>(unit: &'a Unit, problem: &Problem) -> &'a Row {
    &unit.members[problem.member.min(unit.members.len() - 1)].row
}

/// Troubles, grouped by field and reason.
#[derive(Debug, Clone, Default)]
pub struct Groups {
    kept: Vec<Group>,
    places: HashMap<Option<&'static str>, HashMap<String, usize>>,
    beyond: u64,
}

/// Troubles of one field for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The payload field; `None` where the whole row is meant.
    pub field: Option<&'static str>,
    /// Why, without row, column or value.
    pub reason: String,
    /// How often.
    pub count: u64,
    /// The first of them, at least one and at most [`MAX_EXAMPLES`].
    pub examples: Vec<Example>,
}

/// A place to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Which input, from 0.
    pub input: usize,
    /// The row's number in it, from 1.
    pub row: u64,
    /// The physical line at which the row starts, from 1.
    pub line: u64,
    /// The column's name and its place (from 0); `None` where the whole row is meant.
    pub column: Option<(String, usize)>,
    /// The value, printable and cut; empty where it is the absence that is wrong.
    pub value: String,
}

impl Groups {
    /// The groups, the most frequent first, and equal ones in the order of their first rows.
    pub fn by_count(&self) -> Vec<&Group> {
        let mut groups: Vec<&Group> = self.kept.iter().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups
    }

    /// How many troubles have reasons beyond [`MAX_GROUPS`].
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    fn add(&mut self, row: &Row, problem: &Problem) {
        self.enter(row, problem.field, &problem.reason, || {
            (problem.column.clone(), text::printable(&problem.value))
        });
    }

    fn add_reason(&mut self, row: &Row, reason: &str) {
        self.enter(row, None, reason, || (None, String::new()));
    }

    /// Looks first without a copy of the reason: most troubles are not the first of their group.
    fn enter(
        &mut self,
        row: &Row,
        field: Option<&'static str>,
        reason: &str,
        example: impl FnOnce() -> (Option<(String, usize)>, String),
    ) {
        let example = || {
            let (column, value) = example();
            Example { input: row.input, row: row.number, line: row.line, column, value }
        };
        let places = self.places.entry(field).or_default();
        if let Some(place) = places.get(reason) {
            let group = &mut self.kept[*place];
            group.count += 1;
            if group.examples.len() < MAX_EXAMPLES {
                group.examples.push(example());
            }
            return;
        }
        if self.kept.len() >= MAX_GROUPS {
            self.beyond += 1;
            return;
        }
        places.insert(reason.to_owned(), self.kept.len());
        self.kept.push(Group {
            field,
            reason: reason.to_owned(),
            count: 1,
            examples: vec![example()],
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Worked;

    fn row(number: u64) -> Row {
        Row::at(0, number, number + 1)
    }

    fn problem(field: &'static str, value: &str, reason: &str) -> Problem {
        let column = Some(("Datum".to_owned(), 2));
        Problem {
            member: 0,
            field: Some(field),
            column,
            value: value.to_owned(),
            reason: reason.to_owned(),
        }
    }

    fn unit(number: u64, made: Made) -> Unit {
        let worked = Worked {
            made,
            order_no: String::new(),
            trackingnumber: String::new(),
            warnings: Vec::new(),
        };
        Unit::single(row(number), worked)
    }

    #[test]
    fn equal_troubles_are_one_group_with_its_first_row_and_the_most_frequent_comes_first() {
        let mut survey = Survey::default();
        let missing = problem("order_no", "", "is empty");
        survey.add(&unit(1, Made::Invalid(vec![missing.clone()])));
        survey.add(&unit(
            2,
            Made::Invalid(vec![problem("order_date", "31.02.\u{1b}", "is not a date")]),
        ));
        survey.add(&unit(
            3,
            Made::Invalid(vec![problem("order_date", "soon", "is not a date"), missing]),
        ));
        survey.add(&unit(4, Made::Invalid(vec![problem("order_date", "never", "is not a date")])));
        survey.add(&unit(5, Made::Skipped("an empty row".to_owned())));
        assert_eq!((survey.rows, survey.shipments, survey.invalid, survey.skipped), (5, 0, 4, 1));
        let groups = survey.problems.by_count();
        let shown: Vec<_> =
            groups.iter().map(|group| (group.field, group.count, group.examples[0].row)).collect();
        assert_eq!(shown, [(Some("order_date"), 3, 2), (Some("order_no"), 2, 1)]);
        assert_eq!(groups[0].examples[0].value, "31.02.\u{FFFD}");
        assert_eq!(
            groups[0].examples.iter().map(|example| example.row).collect::<Vec<_>>(),
            [2, 3, 4]
        );
        assert_eq!(survey.skips.by_count()[0].reason, "an empty row");
        assert!(survey.warnings.is_empty());
    }

    #[test]
    fn a_file_in_which_each_row_fails_in_its_own_way_costs_no_endless_memory() {
        let mut groups = Groups::default();
        for number in 0..3_000 {
            groups.add(&row(number), &problem("order_no", "", &format!("reason {number}")));
        }
        groups.add(&row(9_999), &problem("order_no", "", "reason 7"));
        assert_eq!((groups.by_count().len(), groups.beyond()), (MAX_GROUPS, 2_000));
        assert_eq!(groups.by_count()[0].reason, "reason 7");
        for number in 0..100 {
            groups.add(&row(number), &problem("order_no", "", "reason 8"));
        }
        assert_eq!(groups.by_count()[0].examples.len(), MAX_EXAMPLES);
        assert!(groups.places.values().map(HashMap::len).sum::<usize>() <= MAX_GROUPS);
    }
}
