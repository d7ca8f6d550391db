//! `lateship fields`: the payload's fields, for whoever writes a mapping.

use std::fmt::Write as _;

use clap::Args;

use super::print;
use crate::Error;
use crate::error::exit;
use crate::shipment::Field;

/// List the payload's fields: name, kind, required, example
///
/// Prints the fields that the webhook takes, in the order of the wire. The names are those of a
/// mapping's [fields] table and of --set; upper and lower case matter.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Values of any kind are sent as text. Only the required fields are insisted on; a value that does not look like its \
field's kind is warned of and sent.

Examples:
  lateship fields
  lateship fields | grep shipping_

Exit codes: 0, or 2 when standard output cannot be written.")]
pub(super) struct Flags {}

impl Flags {
    #[expect(clippy::unused_self, reason = "a command runs by its flags, also by none")]
    pub(super) fn run(self) -> Result<u8, Error> {
        print(&table())?;
        Ok(exit::OK)
    }
}

fn table() -> String {
    let mut table = String::new();
    let widths = [
        longest(Field::name),
        longest(|field| field.spec().kind.name()),
        "required".len(),
        longest(|field| field.spec().example),
    ];
    let mut line = |cells: [&str; 5]| {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            _ = write!(line, "{cell:width$}  ");
        }
        line.push_str(cells[4]);
        _ = writeln!(table, "{}", line.trim_end());
    };
    line(["field", "kind", "required", "example", "meaning"]);
    for field in Field::all() {
        let spec = field.spec();
        line([
            spec.name,
            spec.kind.name(),
            if spec.required { "yes" } else { "" },
            spec.example,
            spec.doc,
        ]);
    }
    table
}

fn longest(cell: impl Fn(Field) -> &'static str) -> usize {
    Field::all().map(|field| cell(field).chars().count()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_a_line_and_the_columns_stand_below_each_other() {
        let table = table();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), Field::COUNT + 1);
        let kind = lines[0].find("kind").expect("a column");
        for (line, field) in lines[1..].iter().zip(Field::all()) {
            assert!(line.starts_with(field.name()), "{line}");
            assert!(line[kind..].starts_with(field.spec().kind.name()), "{line}");
        }
        assert_eq!(lines.iter().filter(|line| line.contains("  yes  ")).count(), 3);
    }
}
