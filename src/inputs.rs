//! The inputs of a run or a check, proved once before anything is done with them: each is there,
//! has its header, and fits the mapping; all have the same columns.
//!
//! The left half of the corridor as `import` and `check` share it: `source` and `mapping` side by
//! side.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use self::arranged::Arranged;
use crate::error::Error;
use crate::mapping::{Bound, Mapping, Tables};
use crate::row::{Dialect, Encoding};
use crate::shipment::Field;
use crate::source::{self, Found, Readable, Source};
use crate::survey::Survey;

mod all_units;
mod arranged;
mod earlier_run;
mod input_path;
mod other;
mod units;

pub use all_units::AllUnits;
pub use earlier_run::EarlierRun;
pub use input_path::InputPath;
pub use other::OtherFile;
pub use units::Units;

/// Rows that are looked at before the start, unless more are needed.
const LOOK_AHEAD: u64 = 5_000;

/// Inputs that share one header, and the mapping that fits it.
#[derive(Debug)]
pub struct Inputs {
    files: Vec<Readable>,
    mapping: Arc<Mapping>,
    set: Vec<(Field, String)>,
    /// Size and time of each file when it was proved.
    stamps: Vec<Stamp>,
    header: Vec<String>,
    dialect: Dialect,
    /// What each file turned out to be.
    found: Vec<Found>,
    remarks: Vec<String>,
    bytes: u64,
    /// The rows of each input, where those that belong together may stand anywhere.
    arranged: Vec<Arc<Arranged>>,
    /// The export that is joined.
    joined: Option<OtherFile>,
    /// The files of lookups, with the lookups' names.
    lookups: Vec<(String, OtherFile)>,
    /// Both as the mapping wants them.
    tables: Tables,
}

/// By what it shows that a file was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let meta = std::fs::metadata(path).ok()?;
        Some(Self { bytes: meta.len(), modified: meta.modified().ok() })
    }
}

/// What the first rows are, for the forecast.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ahead {
    /// Rows looked at.
    pub rows: u64,
    /// Shipments among them.
    pub shipments: u64,
    /// Invalid ones among them.
    pub invalid: u64,
    /// Skipped ones among them.
    pub skipped: u64,
    /// Lines among them that a retry carries over as they are.
    pub carried: u64,
    /// Whether these were all.
    pub exact: bool,
    /// Bytes they took.
    pub bytes: u64,
    /// Bytes of all inputs.
    pub bytes_total: u64,
}

impl Inputs {
    /// Opens every input and binds the mapping to it. What can be read only once (standard input, a
    /// pipe) is copied to `folder` first, and goes with the value unless it is
    /// [kept](Self::keep_copies). `join` is joined in place of what the mapping names.
    ///
    /// # Errors
    /// Whatever is wrong with an input or its header, the first of them; nothing was sent then.
    pub fn prepare(
        inputs: &[InputPath],
        mapping: Arc<Mapping>,
        set: Vec<(Field, String)>,
        join: Option<&Path>,
        folder: &Path,
    ) -> Result<Self, Error> {
        for (index, (field, _)) in set.iter().enumerate() {
            if set[..index].iter().any(|(other, _)| other == field) {
                return Err(Error::SetTwice(*field));
            }
        }
        let files = inputs.iter().map(|input| input.open(folder));
        let files = files.collect::<Result<Vec<_>, _>>()?;
        let joined = OtherFile::joined(&mapping, join)?;
        let lookups = OtherFile::lookups(&mapping)?;
        let tables = Tables {
            join: joined.as_ref().map(|joined| Arc::clone(joined.table())),
            lookups: lookups
                .iter()
                .map(|(name, file)| (name.clone(), Arc::clone(file.table())))
                .collect(),
        };
        let unstamped = Stamp { bytes: 0, modified: None };
        let stamps = files.iter().map(|file| Stamp::of(file.path()).unwrap_or(unstamped)).collect();
        let mut prepared = Self {
            files,
            mapping,
            set,
            stamps,
            header: Vec::new(),
            dialect: Dialect::default(),
            found: Vec::new(),
            remarks: Vec::new(),
            bytes: 0,
            arranged: Vec::new(),
            joined,
            lookups,
            tables,
        };
        let others = prepared.joined.iter().chain(prepared.lookups.iter().map(|(_, file)| file));
        prepared.remarks = others.flat_map(|other| other.table().remarks()).cloned().collect();
        for index in 0..prepared.len() {
            let (source, _) = prepared.open(index)?;
            tracing::info!(
                "{}: {} bytes, {} columns, {}",
                source.about().name(),
                source.about().size(),
                source.about().header().len(),
                source.about().found()
            );
            prepared.remarks.extend(
                source
                    .about()
                    .remarks()
                    .iter()
                    .map(|remark| format!("{}: {remark}", source.about().name())),
            );
            if index == 0 {
                prepared.header = source.about().header().to_vec();
                prepared.dialect = source.about().dialect();
            } else if source.about().header() != prepared.header {
                let first = prepared.files[0].shown().to_owned();
                return Err(Error::HeadersDiffer {
                    first,
                    other: source.about().name().to_owned(),
                });
            }
            prepared.bytes += source.about().size();
            prepared.found.push(source.about().found());
        }
        if prepared.mapping.groups_anywhere() {
            for index in 0..prepared.len() {
                let (source, bound) = prepared.open(index)?;
                prepared.arranged.push(Arc::new(Arranged::new(source, bound, folder)?));
            }
        }
        Ok(prepared)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Opens the input at `index` (from 0) at its start, with the mapping bound to its header.
    ///
    /// # Errors
    /// When it cannot be read (any more), or does not fit the mapping.
    pub fn open(&self, index: usize) -> Result<(Source, Bound), Error> {
        let file = &self.files[index];
        let found = self.found.get(index);
        let source =
            Source::open_again(index, file.path(), file.shown(), self.mapping.form(), found)?;
        let bound = self.mapping.bind_with(
            source.about().name(),
            source.about().header(),
            &self.set,
            &self.tables,
        )?;
        Ok((source, bound))
    }

    /// The units of the input at `index` (from 0), from its start.
    ///
    /// # Errors
    /// As [`Inputs::open`].
    pub fn units(&self, index: usize) -> Result<Units, Error> {
        let (source, bound) = self.open(index)?;
        let Some(arranged) = self.arranged.get(index) else { return Ok(Units::new(source, bound)) };
        let file = source.about().name().to_owned();
        let units = Units::arranged(source, bound, Arc::clone(arranged));
        units.map_err(|cause| source::Error::SpoolWrite { file, cause }.into())
    }

    /// The units of all of them, of at most `limit` rows.
    pub fn all_units(&self, limit: Option<u64>) -> AllUnits<'_> {
        AllUnits::new((0..self.len()).map(|index| self.units(index)), limit)
    }

    /// Whether units come in another order than their rows have in the input.
    pub fn are_arranged(&self) -> bool {
        !self.arranged.is_empty()
    }

    /// The mapping.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// The header they share.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The dialect of the first of them.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The encoding of the first of them.
    pub fn encoding(&self) -> Encoding {
        self.found.first().map_or(Encoding::UTF8, |found| found.encoding)
    }

    /// What an operator should know of them, with their names.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// The export that is joined to them.
    pub const fn joined(&self) -> Option<&OtherFile> {
        self.joined.as_ref()
    }

    /// The files that are read besides the inputs.
    pub fn others(&self) -> impl Iterator<Item = &OtherFile> {
        self.joined.iter().chain(self.lookups.iter().map(|(_, file)| file))
    }

    /// Their names, as they stand in the results.
    pub fn names(&self) -> Vec<String> {
        self.files.iter().map(|file| file.shown().to_owned()).collect()
    }

    /// Where each can be read.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(Readable::path)
    }

    /// The name of an input that was written to since it was proved.
    pub fn changed(&self) -> Option<&str> {
        let mut pairs = self.files.iter().zip(&self.stamps);
        let own = pairs.find(|(file, stamp)| Stamp::of(file.path()).as_ref() != Some(*stamp));
        own.map(|(file, _)| file.shown()).or_else(|| {
            self.others().find(|other| other.is_changed()).map(|other| other.table().file())
        })
    }

    /// Whether some of them are copies of what can be read only once.
    pub fn has_copies(&self) -> bool {
        self.files.iter().any(Readable::is_copy)
    }

    /// Keeps the copies of what can be read only once: at `place`, and with numbers behind it from
    /// the second on. Gives the places, also of those that an earlier run kept.
    ///
    /// # Errors
    /// A copy that cannot be moved there.
    pub fn keep_copies(&mut self, place: &Path) -> Result<Vec<PathBuf>, Error> {
        let copies = self.files.iter_mut().filter(|file| file.is_copy());
        for (file, number) in copies.zip(1..) {
            let mut to = place.as_os_str().to_owned();
            if number > 1 {
                to.push(format!(".{number}"));
            }
            file.keep(Path::new(&to))?;
        }
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let place = real(place);
        // A user's own file goes by its own name.
        let is_kept = |file: &&Readable| {
            let path = real(file.path());
            path.to_string_lossy().starts_with(&*place.to_string_lossy())
                && path.file_name() != Path::new(file.shown()).file_name()
        };
        Ok(self.files.iter().filter(is_kept).map(|file| file.path().to_owned()).collect())
    }

    /// Whether some row was joined, or none is to be.
    fn joins_something(&self) -> bool {
        self.joined.as_ref().is_none_or(|joined| joined.table().is_found())
    }

    /// Reads and maps the first rows (at most `limit`) and at least so many that `shipments` of
    /// them are found, if there are that many.
    ///
    /// # Errors
    /// When an input cannot be read; when nothing can be joined to any row of theirs.
    pub fn look_ahead(&self, limit: Option<u64>, shipments: u64) -> Result<Ahead, Error> {
        let mut survey = Survey::default();
        let mut units = self.all_units(limit);
        while let Some(unit) = units.read()? {
            survey.add(&unit);
            if survey.rows >= LOOK_AHEAD && survey.shipments >= shipments && self.joins_something()
            {
                return Ok(Ahead::of(&survey, units.position(), self.bytes));
            }
        }
        if let Some(joined) = self.joined.as_ref().filter(|_| limit.is_none()) {
            joined.check()?;
        }
        Ok(Ahead { exact: true, ..Ahead::of(&survey, units.position(), self.bytes) })
    }
}

impl Ahead {
    fn of(survey: &Survey, bytes: u64, bytes_total: u64) -> Self {
        let Survey { rows, shipments, invalid, skipped, .. } = *survey;
        Self { rows, shipments, invalid, skipped, carried: 0, exact: false, bytes, bytes_total }
    }

    /// `count` of the rows looked at, carried on to all bytes of the inputs.
    pub fn scaled(&self, count: u64) -> u64 {
        if self.exact || self.bytes == 0 {
            return count;
        }
        u64::try_from(u128::from(count) * u128::from(self.bytes_total) / u128::from(self.bytes))
            .unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_takes_a_field_once() {
        let mapping = Arc::new(Mapping::load("orders").expect("a built-in mapping"));
        let set = ["1", "2"].map(|value| (Field::ORDER_NO, value.to_owned()));
        let refused = Inputs::prepare(&[], mapping, set.to_vec(), None, Path::new(""))
            .expect_err("two values")
            .to_string();
        assert_eq!(refused, "--set gives order_no two values: leave one of them out");
    }
}
