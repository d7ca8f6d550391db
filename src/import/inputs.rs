//! The inputs of a run, proved once before anything is sent: each is there, has its header, and fits the mapping.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::mapping::{Bound, Made, Mapping};
use crate::row::{Dialect, Row};
use crate::settings::Input;
use crate::shipment::Field;
use crate::source::{self, Source};

/// Rows that are looked at before the start, unless more are needed.
const LOOK_AHEAD: u64 = 5_000;

/// What a user calls standard input in messages and results.
pub(super) const STANDARD_INPUT: &str = "standard input";

/// Inputs that share one header, and the mapping bound to it.
#[derive(Debug)]
pub(super) struct Inputs {
    files: Vec<File>,
    mapping: Mapping,
    set: Vec<(Field, String)>,
    header: Vec<String>,
    dialect: Dialect,
    bytes: u64,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    shown: String,
}

/// What the first rows are, for the forecast.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ahead {
    /// Rows looked at.
    pub(super) rows: u64,
    /// Shipments among them.
    pub(super) shipments: u64,
    /// Invalid ones among them.
    pub(super) invalid: u64,
    /// Skipped ones among them.
    pub(super) skipped: u64,
    /// Whether these were all.
    pub(super) exact: bool,
    /// Bytes they took.
    pub(super) bytes: u64,
}

impl Inputs {
    /// Opens every input and binds the mapping to it. What cannot be read twice (standard input, a pipe) is copied to
    /// `spool` first.
    ///
    /// # Errors
    /// Whatever is wrong with an input or its header, the first of them; nothing was sent then.
    pub(super) fn prepare(
        inputs: &[Input],
        mapping: Mapping,
        set: Vec<(Field, String)>,
        spool: &Path,
    ) -> Result<Self, Error> {
        let mut files = Vec::new();
        for input in inputs {
            files.push(match input {
                Input::Stdin => {
                    replace_spool(&mut std::io::stdin().lock(), spool)?;
                    File { path: spool.to_owned(), shown: STANDARD_INPUT.to_owned() }
                }
                Input::Path(path) if source::needs_spooling(path)? => {
                    let mut pipe = std::fs::File::open(path).map_err(|error| source::Error::unreadable(path, error))?;
                    replace_spool(&mut pipe, spool)?;
                    File { path: spool.to_owned(), shown: path.display().to_string() }
                }
                Input::Path(path) => File { path: path.clone(), shown: path.display().to_string() },
            });
        }
        let mut prepared = Self { files, mapping, set, header: Vec::new(), dialect: Dialect::default(), bytes: 0 };
        for index in 0..prepared.len() {
            let (source, _) = prepared.open(index)?;
            for remark in source.remarks() {
                tracing::warn!("{}: {remark}", source.name());
            }
            if index == 0 {
                prepared.header = source.header().to_vec();
                prepared.dialect = source.dialect();
            } else if source.header() != prepared.header {
                return Err(Error::HeadersDiffer {
                    first: prepared.files[0].shown.clone(),
                    other: source.name().to_owned(),
                });
            }
            prepared.bytes += source.size();
        }
        Ok(prepared)
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// Opens the input at `index` from its start, with the mapping bound to its header.
    pub(super) fn open(&self, index: usize) -> Result<(Source, Bound), Error> {
        let file = &self.files[index];
        let source = Source::open(index, &file.path, &file.shown, self.mapping.form())?;
        let bound = self.mapping.bind(source.name(), source.header(), &self.set)?;
        Ok((source, bound))
    }

    pub(super) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// All bytes of all inputs.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    /// The names that stand in the results.
    pub(super) fn names(&self) -> Vec<String> {
        self.files.iter().map(|file| file.shown.clone()).collect()
    }

    /// Reads and maps the first rows (at most `limit`) and at least so many that `shipments` of them are found, if
    /// there are that many.
    pub(super) fn look_ahead(&self, limit: Option<u64>, shipments: u64) -> Result<Ahead, Error> {
        let mut ahead = Ahead::default();
        let mut row = Row::default();
        for index in 0..self.len() {
            let (mut source, mut bound) = self.open(index)?;
            loop {
                if limit == Some(ahead.rows) {
                    ahead.exact = true;
                    ahead.bytes += source.position();
                    return Ok(ahead);
                }
                if ahead.rows >= LOOK_AHEAD && ahead.shipments >= shipments {
                    ahead.bytes += source.position();
                    return Ok(ahead);
                }
                if !source.read(&mut row)? {
                    break;
                }
                ahead.rows += 1;
                match bound.map(&mut row) {
                    Made::Shipment(_) => ahead.shipments += 1,
                    Made::Skipped(_) => ahead.skipped += 1,
                    Made::Invalid(_) => ahead.invalid += 1,
                }
            }
            ahead.bytes += source.size();
        }
        ahead.exact = true;
        Ok(ahead)
    }
}

impl Ahead {
    /// `count` of the rows looked at, carried on to `bytes` of input.
    pub(super) fn scaled(&self, count: u64, bytes: u64) -> u64 {
        if self.exact || self.bytes == 0 {
            return count;
        }
        u64::try_from(u128::from(count) * u128::from(bytes) / u128::from(self.bytes)).unwrap_or(u64::MAX)
    }
}

/// Copies what can be read only once to `to`, in place of what an earlier run kept there.
fn replace_spool(from: &mut dyn std::io::Read, to: &Path) -> Result<(), Error> {
    match std::fs::remove_file(to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(source::Error::unreadable(to, error).into());
        }
        _ => {}
    }
    source::spool(from, to)?;
    Ok(())
}
