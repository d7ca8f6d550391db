//! What an earlier run read, as its summary says it; paths are as they are reached from here.
//!
//! Read by `retry` and by `ledger adopt`, which make the shipments of that run anew.

use std::path::{Path, PathBuf};

use super::InputPath;
use crate::error::Error;
use crate::limits::Unfit;
use crate::mapping::Mapping;
use crate::results::Summary;
use crate::results::summary::Source;
use crate::row::Encoding;
use crate::shipment::Field;

/// An earlier run.
#[derive(Debug)]
pub struct EarlierRun {
    /// Its summary.
    pub summary: Summary,
    /// Its inputs, under the names that they had.
    pub inputs: Vec<InputPath>,
    /// The name of its mapping.
    pub mapping: String,
    /// Its constants.
    pub set: Vec<(Field, String)>,
    /// The export that was joined.
    pub join: Option<PathBuf>,
    /// The encoding of its input; of several each is detected anew.
    pub encoding: Option<Encoding>,
}

impl EarlierRun {
    /// Reads the summary at `path`.
    ///
    /// # Errors
    /// A summary that cannot be read, or that was edited.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let summary = Summary::read(path)?;
        let edited = |what: String| Error::Edited(path.to_owned(), what);
        let known = |source: &Source| {
            let path = path.with_file_name(source.path.as_ref()?);
            Some(InputPath::Known { path, name: source.name.clone() })
        };
        let inputs = summary.inputs.iter().map(known).collect::<Option<Vec<_>>>();
        let inputs = inputs
            .filter(|inputs| !inputs.is_empty())
            .ok_or_else(|| edited("it names no input, or one without its path".to_owned()))?;
        let mapping = match &summary.mapping {
            Source { name, path: Some(file), .. } if Mapping::is_path(name) => {
                let file = path.with_file_name(file).to_string_lossy().into_owned();
                if Mapping::is_path(&file) { file } else { format!("./{file}") }
            }
            source => source.name.clone(),
        };
        let constant = |(name, value): (&String, &String)| Ok((name.parse()?, value.clone()));
        let set = summary.set.iter().map(constant).collect::<Result<_, Unfit>>();
        let set = set.map_err(|unfit| edited(unfit.to_string()))?;
        let join = summary.join.as_ref().and_then(|join| join.path.as_ref());
        let join = join.map(|file| path.with_file_name(file));
        let form = summary.form.as_ref().filter(|_| inputs.len() == 1);
        let encoding = form.and_then(|form| form.encoding.as_ref()?.parse().ok());
        Ok(Self { summary, inputs, mapping, set, join, encoding })
    }
}
