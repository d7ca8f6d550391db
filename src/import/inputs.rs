//! The inputs of a run, proved once before anything is sent: each is there, has its header, and fits the mapping.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;
use crate::mapping::{Bound, Made, Mapping};
use crate::results::summary;
use crate::results::{self, Paths};
use crate::row::{Dialect, Row};
use crate::settings::{Import, Input};
use crate::shipment::Field;
use crate::source::{self, Source};

/// Rows that are looked at before the start, unless more are needed.
const LOOK_AHEAD: u64 = 5_000;

/// What a user calls standard input in messages and results.
pub(super) const STANDARD_INPUT: &str = "standard input";

/// Inputs that share one header, and the mapping that fits it.
#[derive(Debug)]
pub(super) struct Inputs {
    files: Vec<File>,
    mapping: Arc<Mapping>,
    set: Vec<(Field, String)>,
    header: Vec<String>,
    dialect: Dialect,
    bytes: u64,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    shown: String,
    /// Whether it is a copy of what can be read only once.
    copy: bool,
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
    /// Opens every input and binds the mapping to it. What can be read only once (standard input, a pipe) is copied
    /// first, to `RESULTS.input`.
    ///
    /// # Errors
    /// Whatever is wrong with an input or its header, the first of them; nothing was sent then.
    pub(super) fn prepare(settings: &Import) -> Result<Self, Error> {
        let mut files: Vec<File> = Vec::new();
        for input in &settings.inputs {
            let file = match input {
                Input::Stdin => {
                    let copy = copy(&mut std::io::stdin().lock(), &settings.paths, files.len())?;
                    File { path: copy, shown: STANDARD_INPUT.to_owned(), copy: true }
                }
                Input::Path(path) if source::needs_spooling(path)? => {
                    let mut pipe = std::fs::File::open(path).map_err(|cause| source::Error::unopened(path, cause))?;
                    let copy = copy(&mut pipe, &settings.paths, files.len())?;
                    File { path: copy, shown: path.display().to_string(), copy: true }
                }
                Input::Path(path) => File { path: path.clone(), shown: path.display().to_string(), copy: false },
            };
            files.push(file);
        }
        let mut prepared = Self {
            files,
            mapping: Arc::clone(&settings.mapping),
            set: settings.set.clone(),
            header: Vec::new(),
            dialect: Dialect::default(),
            bytes: 0,
        };
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

    /// The names that stand in the results.
    pub(super) fn names(&self) -> Vec<String> {
        self.files.iter().map(|file| file.shown.clone()).collect()
    }

    /// The inputs as the summary names them, without what is known only at their ends.
    pub(super) fn sources(&self, summary: &Path) -> Vec<summary::Source> {
        let path = |file: &File| Some(summary::relative(&file.path, summary));
        let one =
            |file: &File| summary::Source { name: file.shown.clone(), path: path(file), ..summary::Source::default() };
        self.files.iter().map(one).collect()
    }

    /// Removes the copies of what could be read only once, since nothing is left to do with them.
    pub(super) fn remove_copies(&self) {
        for file in self.files.iter().filter(|file| file.copy) {
            if let Err(error) = std::fs::remove_file(&file.path) {
                tracing::warn!("{}: the copy of the input cannot be removed: {error}", file.path.display());
            }
        }
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

/// Copies what can be read only once beside the results, in place of what an earlier run kept there.
fn copy(from: &mut dyn std::io::Read, paths: &Paths, index: usize) -> Result<PathBuf, Error> {
    results::refuse_leftover(paths)?;
    let mut name = paths.results.file_name().unwrap_or_default().to_owned();
    name.push(".input");
    if index > 0 {
        name.push(format!(".{}", index + 1));
    }
    let to = paths.results.with_file_name(name);
    match std::fs::remove_file(&to) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            return Err(source::Error::unopened(&to, cause).into());
        }
        _ => {}
    }
    source::spool(from, &to)?;
    Ok(to)
}
