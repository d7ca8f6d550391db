//! The report of `lateship check`: a survey in words.

use std::fmt::Write as _;

use crate::shipment::Field;
use crate::source::Found;
use crate::survey::{Example, Group, Groups, Survey};
use crate::text;

/// Groups of one kind that are shown; a mapping is mended from the top.
const MAX_SHOWN: usize = 20;

/// What was found in one input, and how the mapping fits its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    /// The input's name.
    pub(super) input: String,
    /// Its size on the disk.
    pub(super) bytes: u64,
    /// Its form.
    pub(super) found: Found,
    /// How many columns the header has.
    pub(super) width: usize,
    /// What reading it found odd.
    pub(super) remarks: Vec<String>,
    /// Columns that nothing reads.
    pub(super) unused: Vec<String>,
    /// Fields without a source.
    pub(super) unmapped: Vec<Field>,
}

/// The whole report; `inputs` are their names.
pub(super) fn whole(survey: &Survey, columns: &[Columns], inputs: &[String]) -> String {
    let mut report = format!(
        "{}: {}, {} invalid, {} skipped\n",
        text::counted(survey.rows, "row"),
        text::counted(survey.shipments, "shipment"),
        text::thousands(survey.invalid),
        text::thousands(survey.skipped)
    );
    if survey.shipping != survey.shipments {
        let (rows, shipments) =
            (text::counted(survey.shipping, "row"), text::counted(survey.shipments, "shipment"));
        let makes = if survey.shipping == 1 { "makes" } else { "make" };
        _ = writeln!(report, "{rows} {makes} {shipments}");
    }
    groups(&mut report, "Errors (these rows would not be sent):", &survey.problems, inputs);
    groups(&mut report, "Warnings (these rows would be sent):", &survey.warnings, inputs);
    groups(&mut report, "Skipped:", &survey.skips, inputs);
    for input in columns {
        let name = if inputs.len() > 1 { format!("{}: ", input.input) } else { String::new() };
        for remark in &input.remarks {
            _ = write!(report, "\n{name}{remark}\n");
        }
        if !input.unused.is_empty() {
            let unused: Vec<String> =
                input.unused.iter().map(|column| text::quoted(column)).collect();
            _ = write!(report, "\n{name}Columns that nothing reads: {}\n", unused.join(", "));
        }
        if !input.unmapped.is_empty() {
            let unmapped: Vec<&str> = input.unmapped.iter().map(|field| field.name()).collect();
            _ = write!(report, "\n{name}Fields without a source: {}\n", unmapped.join(", "));
        }
    }
    report.push_str(match (survey.rows, survey.shipments) {
        (0, _) => "\nThere is a header and no row: was the export made?\n",
        (_, 0) => "\nNothing would be sent.\n",
        _ => {
            "\nNothing was sent. Whether the webhook takes these shipments, the credentials are right, and a carrier's name is \
             one that it knows, only sending can tell: try a few with --limit 5.\n"
        }
    });
    report
}

fn groups(report: &mut String, heading: &str, groups: &Groups, inputs: &[String]) {
    if groups.is_empty() {
        return;
    }
    _ = write!(report, "\n{heading}\n");
    let all = groups.by_count();
    let width = all.first().map_or(0, |most| text::thousands(most.count).len());
    for group in all.iter().take(MAX_SHOWN) {
        _ = writeln!(report, "  {:>width$} × {}", text::thousands(group.count), trouble(group));
        _ = writeln!(report, "  {:width$}   {}", "", place(group, inputs));
    }
    let rest: u64 =
        all.iter().skip(MAX_SHOWN).map(|group| group.count).sum::<u64>() + groups.beyond();
    if rest > 0 {
        _ = writeln!(report, "  and {} more for other reasons", text::thousands(rest));
    }
}

fn trouble(group: &Group) -> String {
    let reason = text::printable(&group.reason);
    group.field.map_or_else(|| reason.clone(), |field| format!("{field}: {reason}"))
}

/// `first in row 17 (line 18), column "Datum" (C): "31.02.2026"`
fn place(group: &Group, inputs: &[String]) -> String {
    let mut place = "first in ".to_owned();
    let mut before: Option<&Example> = None;
    for (place_number, example) in group.examples.iter().enumerate() {
        place.push_str(match before {
            None => "",
            Some(_) if place_number == 1 => "; then in ",
            Some(_) => ", ",
        });
        if inputs.len() > 1
            && before.is_none_or(|before| before.input != example.input)
            && let Some(input) = inputs.get(example.input)
        {
            _ = write!(place, "{input}, ");
        }
        _ = write!(place, "row {} (line {})", example.row, example.line);
        if let Some((name, index)) = &example.column
            && before.is_none_or(|before| before.column != example.column)
        {
            _ = write!(place, ", column {} ({})", text::quoted(name), text::column_letter(*index));
        }
        if !example.value.is_empty() {
            _ = write!(place, ": {}", text::quoted(&example.value));
        }
        before = Some(example);
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{Made, Unit, Worked};
    use crate::problem::Problem;
    use crate::row::{Dialect, Encoding, Row};
    use crate::source::Packing;

    fn unit(row: Row, made: Made) -> Unit {
        let worked = Worked {
            made,
            order_no: String::new(),
            trackingnumber: String::new(),
            warnings: Vec::new(),
        };
        Unit::single(row, worked)
    }

    fn survey() -> Survey {
        let mut survey = Survey::default();
        for number in 1..=12 {
            let row = Row::at(0, number, number + 1);
            let problem = Problem {
                member: 0,
                field: Some("order_date"),
                column: Some(("Datum".to_owned(), 2)),
                value: format!("3{number}.02.2026"),
                reason: "is not a date like 31.12.2026".to_owned(),
            };
            survey.add(&unit(row, Made::Invalid(vec![problem])));
        }
        survey.add(&unit(Row::at(0, 13, 14), Made::Skipped("an empty row".to_owned())));
        survey
    }

    #[test]
    fn troubles_are_counted_and_the_first_can_be_found_in_a_spreadsheet() {
        let columns = Columns {
            input: "orders.csv".to_owned(),
            bytes: 400,
            found: Found {
                packing: Packing::Plain,
                sheet: None,
                encoding: Encoding::UTF8,
                lost_characters: false,
                dialect: Dialect::default(),
                header_line: 1,
            },
            width: 3,
            remarks: Vec::new(),
            unused: vec!["Notes".to_owned()],
            unmapped: vec![Field::ORDER_NO],
        };
        let report = whole(&survey(), &[columns], &["orders.csv".to_owned()]);
        for part in [
            "13 rows: 0 shipments, 12 invalid, 1 skipped\n",
            "  12 × order_date: is not a date like 31.12.2026\n",
            "first in row 1 (line 2), column \"Datum\" (C): \"31.02.2026\"; \
             then in row 2 (line 3): \"32.02.2026\", row 3 (line 4): \"33.02.2026\"\n",
            "  1 × an empty row\n",
            "Columns that nothing reads: \"Notes\"\n",
            "Fields without a source: order_no\n",
            "Nothing would be sent.\n",
        ] {
            assert!(report.contains(part), "{part} is missing in:\n{report}");
        }
    }

    #[test]
    fn of_several_inputs_the_one_is_named() {
        let inputs = ["may.csv", "june.csv"].map(str::to_owned);
        let mut survey = Survey::default();
        let row = Row::at(1, 3, 4);
        survey.add(&unit(row, Made::Invalid(vec![Problem::of_row("is cut short")])));
        let report = whole(&survey, &[], &inputs);
        assert!(
            report.contains("  1 × is cut short\n      first in june.csv, row 3 (line 4)\n"),
            "{report}"
        );
    }

    #[test]
    fn a_valid_file_ends_with_what_only_sending_can_tell() {
        let survey = Survey { rows: 2, shipments: 2, shipping: 2, ..Survey::default() };
        assert!(
            whole(&survey, &[], &["a.csv".to_owned()]).ends_with("try a few with --limit 5.\n")
        );
        assert!(
            whole(&Survey::default(), &[], &["a.csv".to_owned()]).contains("a header and no row")
        );
    }
}
