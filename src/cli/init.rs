//! `lateship init`: proposes a mapping for an export, writes it, and shows what comes of it.
//!
//! The mapping goes to a file, or to standard output with `-o -`, alone then, to be piped; what is
//! told beside it goes to standard error.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Surroundings, pretty, print};
use crate::Error;
use crate::error::exit;
use crate::init::{self, Confidence, Preview, Proposal, SAMPLE_ROWS, Sample};
use crate::inputs::InputPath;
use crate::row::{Encoding, Form, Reading, Row};
use crate::source::Source;
use crate::text;

const LONG_ABOUT: &str = "\
Propose a mapping for an export, from its header and its first 1,000 rows.

The columns of a known platform are recognised, also when some are missing or more have come: then the mapping extends \
the built-in one. For any other export the names of the columns (English, German, French, Spanish, Italian, Portuguese, \
Dutch, Polish) and the shape of their values say together which column is which field; each line of the mapping says how \
sure that is. The three fields that the webhook insists on are always to be confirmed, and what cannot be told is left \
out and named. Sends nothing, and needs no credentials and no network.";

const AFTER_LONG_HELP: &str = "\
Examples:
  lateship init orders.csv                       writes orders.toml beside orders.csv
  lateship init orders.csv -o shop.toml
  lateship init orders.csv -o -                  prints the mapping, writes no file
  export-orders | lateship init - -o shop.toml

Then:
  lateship check orders.csv -m orders.toml       what every row would be
  lateship import orders.csv -m orders.toml --sandbox

A file that is there is never replaced without --force. Standard output gets the first payload that results, or why there \
is none; with -o - the mapping alone.

Exit codes: 0 a mapping was proposed, 2 usage or input are in the way.";

/// Propose a mapping from the header and the first rows
#[derive(Debug, Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub(super) struct Flags {
    /// The export; - for standard input
    #[arg(value_name = "INPUT")]
    input: OsString,
    /// Where the mapping goes; - for standard output [default: the input's path with the ending
    /// .toml; standard output for standard input]
    #[arg(short, long, value_name = "MAPPING")]
    output: Option<PathBuf>,
    /// Replace the mapping if it is there
    #[arg(long)]
    force: bool,
    /// The encoding of the input: windows-1252, utf-16le or any other label of the web [default:
    /// found from the content]
    #[arg(long, value_name = "LABEL")]
    encoding: Option<Encoding>,
}

/// Where the mapping goes.
enum Place {
    File(PathBuf),
    StandardOutput,
}

impl Flags {
    pub(super) fn run(self, around: &Surroundings<'_>) -> Result<u8, Error> {
        let input = InputPath::from_typed(&self.input);
        let place = self.place(&input);
        if let Place::File(path) = &place
            && path.exists()
            && !self.force
        {
            return Err(Error::MappingExists(path.clone()));
        }
        let readable = input.open(&std::env::temp_dir())?;
        let form = Form { encoding: self.encoding, ..Form::default() };
        let source = Source::open(0, readable.path(), readable.shown(), &form)?;
        let found = source.about().found().to_string();
        let (name, header) = (source.about().name().to_owned(), source.about().header().to_vec());
        let mut remarks = source.about().remarks().to_vec();
        let rows = sample(source)?;
        let sample = Sample { input: &name, found: &found, header: &header, rows: &rows };
        let mut proposal = init::propose(&sample)?;
        if let Some(encoding) = self.encoding {
            proposal.pin_encoding(&encoding.to_string());
        }
        let preview = init::preview(&name, &proposal.text, &header, &rows);
        remarks.append(&mut proposal.remarks.clone());
        let told = told(&name, &proposal, &remarks, rows.len());
        match place {
            Place::StandardOutput => {
                print(&proposal.text)?;
                around.screen.say(&told);
            }
            Place::File(path) => {
                write(&path, &proposal.text, self.force)?;
                let shown = text::printable(&path.to_string_lossy());
                around.screen.say(&told);
                print(&outcome(&preview))?;
                around.screen.say(&format!(
                    "The mapping is in {shown}.\n{}",
                    next(&self.input, &shown, &proposal)
                ));
            }
        }
        Ok(exit::OK)
    }

    fn place(&self, input: &InputPath) -> Place {
        match (&self.output, input.path()) {
            (Some(path), _) if path.as_os_str() == "-" => Place::StandardOutput,
            (Some(path), _) => Place::File(path.clone()),
            (None, Some(path)) => Place::File(beside(path)),
            (None, None) => Place::StandardOutput,
        }
    }
}

/// `orders.csv.gz` gives `orders.toml`.
fn beside(path: &Path) -> PathBuf {
    let packed = path.extension().is_some_and(|ending| {
        ["gz", "zst", "zip"].iter().any(|packed| ending.eq_ignore_ascii_case(packed))
    });
    let inner = if packed { path.with_extension("") } else { path.to_owned() };
    inner.with_extension("toml")
}

fn sample(mut source: Source) -> Result<Vec<Vec<String>>, Error> {
    let mut rows = Vec::new();
    let mut row = Row::default();
    while rows.len() < SAMPLE_ROWS && source.read(&mut row)? {
        if row.reading == Reading::Data {
            rows.push(row.cells().map(str::to_owned).collect());
        }
    }
    Ok(rows)
}

fn write(path: &Path, mapping: &str, force: bool) -> Result<(), Error> {
    let unwritable = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::MappingExists(path.to_owned()),
        _ => Error::MappingUnwritable { path: path.to_owned(), source },
    };
    let mut options = OpenOptions::new();
    options.write(true);
    // Between the look at the start and now somebody may have made it.
    let options =
        if force { options.create(true).truncate(true) } else { options.create_new(true) };
    options.open(path).and_then(|mut file| file.write_all(mapping.as_bytes())).map_err(unwritable)
}

fn told(name: &str, proposal: &Proposal, remarks: &[String], rows: usize) -> String {
    let mut told = String::new();
    if let Some(layout) = &proposal.layout {
        _ = writeln!(
            told,
            "{name}: {} of {} columns are those of the built-in mapping {}.",
            layout.found, layout.columns, layout.name
        );
        if let Some(join) = layout.join {
            _ = writeln!(told, "It joins another file: {join}");
        }
    } else {
        let count =
            |confidence| proposal.fields.iter().filter(|(_, found)| *found == confidence).count();
        _ = writeln!(
            told,
            "{name}: no built-in mapping fits; {} proposed from {}: {} sure, {} likely, {} guessed.",
            text::counted(proposal.fields.len() as u64, "field"),
            text::counted(rows as u64, "row"),
            count(Confidence::Sure),
            count(Confidence::Likely),
            count(Confidence::Guess)
        );
    }
    for remark in remarks {
        _ = writeln!(told, "Mind: {}", text::printable(remark));
    }
    told
}

fn outcome(preview: &Preview) -> String {
    match preview {
        Preview::Payload(body) => pretty::payload(body),
        Preview::Nothing(reason) => format!("No payload comes of it yet: {}\n", reason.trim_end()),
    }
}

fn next(input: &std::ffi::OsStr, mapping: &str, proposal: &Proposal) -> String {
    let input = text::printable(&input.to_string_lossy());
    let join = if proposal.layout.as_ref().is_some_and(|layout| layout.join.is_some()) {
        " --join shipments.csv"
    } else {
        ""
    };
    let mapping = if needs_path(mapping) { format!("./{mapping}") } else { mapping.to_owned() };
    format!(
        "Next: lateship check {} -m {}{join}\n",
        text::shell_word(input.as_ref()),
        text::shell_word(mapping.as_ref())
    )
}

/// A name without a slash and another ending would be taken for a built-in mapping's.
fn needs_path(mapping: &str) -> bool {
    !crate::mapping::Mapping::is_path(mapping)
}
