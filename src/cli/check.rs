//! `lateship check`: map and validate every row, send nothing, and show what is wrong, grouped.
//!
//! The report goes to standard output, unless `--show` asks for payloads: then these stand there
//! alone, to be piped, and the report goes to standard error. With `--format json` both are one
//! object on standard output.

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;

use super::report::{self, Columns};
use super::{Surroundings, json, parser_of, pretty, print};
use crate::Error;
use crate::error::exit;
use crate::inputs::{InputPath, Inputs, OtherFile};
use crate::mapping::Bound;
use crate::options::delivery::load_mapping;
use crate::options::parse_set;
use crate::packed::Watch;
use crate::row::Encoding;
use crate::shipment::Field;
use crate::source::About;
use crate::survey::Survey;

const LONG_ABOUT: &str = "\
Map and validate every row of an export, and send nothing.

Shows how many shipments the rows make, what is wrong with the others (grouped by field and reason, the most frequent \
first, each with a row to look at), what is odd but would be sent, which columns nothing reads, and which fields have \
no source. Needs no credentials and no network, and writes no file.";

const AFTER_LONG_HELP: &str = "\
Examples:
  lateship check orders.csv -m shop.toml
  lateship check orders.csv -m shop.toml --show 3           the first three payloads as JSON
  lateship check orders.csv -m shop.toml --show 1 | jq .order_no
  lateship check orders.csv -m shop.toml --format json | jq .errors
  export-orders | lateship check - -m shop.toml

Rows are counted from 1 behind the header, lines from 1 at the top of the file; a column has the letter that a \
spreadsheet shows above it. Standard input is copied to a temporary file first, which is removed at the end.

With --format json one object comes on standard output; names are kept, new ones may come:
  rows, shipments, invalid, skipped   how many; shipping_rows are those that the shipments are made of
  errors, warnings, skips             groups, the most frequent first: field (null: the whole row), reason, count and
                                      examples, the first rows: file, row, line, column, letter, value (column and
                                      letter are null where the whole row is meant)
  errors_beyond, warnings_beyond, skips_beyond   how many more have reasons beyond the first 1,000
  unused_columns, unmapped_fields     columns that nothing reads, and fields without a source
  inputs                              for each what was found: file, bytes, packing (plain, gzip, zstd, zip), member (of
                                      a zip), sheet (of a workbook), encoding, delimiter, quote (null: never),
                                      header_line, columns, remarks
  payloads                            the first N, with --show N
An input or a mapping that cannot be used is told on standard error alone.

To have the outcome of every row in a file, use `lateship import … --dry-run`.

Exit codes: 0 all rows valid, 1 some rows invalid, 2 usage, mapping or input are in the way.";

/// Map and validate every row, and send nothing
#[derive(Debug, Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub(super) struct Flags {
    /// Exports, in this order: CSV, packed or not, or a workbook; - for standard input
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<OsString>,
    /// The mapping: a file (with a / in its name or ending in .toml), or the name of a built-in one
    #[arg(short, long, value_name = "MAPPING")]
    mapping: String,
    /// The encoding of the inputs, over the mapping: windows-1252, utf-16le or any other label of
    /// the web [default: found from the content]
    #[arg(long, value_name = "LABEL")]
    encoding: Option<Encoding>,
    /// The export that is joined, in place of the one that the mapping names [default: the file of
    /// [join]]
    #[arg(long, value_name = "PATH")]
    join: Option<PathBuf>,
    /// Print the first N payloads as JSON on standard output (the report then goes to standard
    /// error, but for --format json)
    #[arg(long, value_name = "N", default_value_t = 0)]
    show: u64,
    /// How the report is written: text or json
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        hide_possible_values = true,
        value_parser = parser_of::<Format>(&["text", "json"])
    )]
    format: Format,
    /// A constant for one field, over the mapping; may be given several times
    #[arg(long, value_name = "FIELD=VALUE", value_parser = parse_set)]
    set: Vec<(Field, String)>,
}

impl Flags {
    pub(super) fn run(self, around: &Surroundings<'_>) -> Result<u8, Error> {
        let inputs = InputPath::from_args(&self.inputs)?;
        let mapping = load_mapping(&self.mapping, self.encoding)?;
        let inputs = Inputs::prepare(
            &inputs,
            Arc::new(mapping),
            self.set,
            self.join.as_deref(),
            &std::env::temp_dir(),
        )?;
        inputs.joined().map_or(Ok(()), |_| inputs.look_ahead(None, 0).map(drop))?;
        let mut check = Check { show: self.show, format: self.format, ..Check::default() };
        for index in 0..inputs.len() {
            check.input(&inputs, index)?;
        }
        let names = inputs.names();
        if let Some(first) = check.columns.first_mut() {
            first
                .remarks
                .extend(inputs.others().flat_map(|other| other.table().remarks()).cloned());
            first.remarks.extend(inputs.joined().and_then(OtherFile::unmatched));
        }
        match self.format {
            Format::Json => {
                print(&json::whole(&check.survey, &check.columns, &names, &check.shown))?;
            }
            Format::Text if self.show == 0 => {
                print(&report::whole(&check.survey, &check.columns, &names))?;
            }
            Format::Text => {
                around.screen.say(&report::whole(&check.survey, &check.columns, &names));
            }
        }
        Ok(if check.survey.invalid == 0 { exit::OK } else { exit::SOME_ROWS })
    }
}

/// A check under way.
#[derive(Default)]
struct Check {
    /// Payloads still to be shown.
    show: u64,
    format: Format,
    survey: Survey,
    columns: Vec<Columns>,
    /// Payloads that are shown with the report.
    shown: Vec<Vec<u8>>,
}

impl Check {
    fn input(&mut self, inputs: &Inputs, index: usize) -> Result<(), Error> {
        let mut units = inputs.units(index)?.ahead()?;
        let mut columns = columns(units.about(), units.bound());
        let mut watch = Watch::new(units.about().header());
        while let Some(unit) = units.read()? {
            self.survey.add(&unit);
            unit.members.iter().for_each(|member| watch.look(&member.row));
            for shipment in unit.shipments() {
                if self.show == 0 {
                    break;
                }
                self.show -= 1;
                match self.format {
                    Format::Text => print(&pretty::payload(&shipment.body))?,
                    Format::Json => self.shown.push(shipment.body.to_vec()),
                }
            }
        }
        columns.remarks.extend(watch.remarks());
        self.columns.push(columns);
        Ok(())
    }
}

/// How the report is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

impl FromStr for Format {
    type Err = Infallible;

    /// The parser of the flag lets no other word through.
    fn from_str(word: &str) -> Result<Self, Infallible> {
        Ok(if word == "json" { Self::Json } else { Self::Text })
    }
}

fn columns(about: &About, bound: &Bound) -> Columns {
    Columns {
        input: about.name().to_owned(),
        bytes: about.size(),
        found: about.found(),
        width: about.header().len(),
        remarks: about.remarks().to_vec(),
        unused: bound.unused_columns().into_iter().map(str::to_owned).collect(),
        unmapped: bound.unmapped_fields(),
    }
}
