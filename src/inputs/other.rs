//! Other files that a mapping reads, the export that it joins and its lookups: each once into a
//! [`Table`], which all inputs share.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Stamp;
use crate::error::Error;
use crate::mapping::{self, Mapping, Table, TableBuilder};
use crate::row::{Form, Row};
use crate::source::{Digest, Source};
use crate::text;

/// A joined export, or a lookup's file.
#[derive(Debug)]
pub struct OtherFile {
    path: PathBuf,
    stamp: Option<Stamp>,
    table: Arc<Table>,
    digest: Digest,
}

impl OtherFile {
    /// Reads the export that was `given`, else the one that the mapping names; `None` where the
    /// mapping joins none, or names none (which binding tells).
    ///
    /// # Errors
    /// A given one that the mapping does not join; one that cannot be read, or lacks the columns
    /// that are compared.
    pub(super) fn joined(mapping: &Mapping, given: Option<&Path>) -> Result<Option<Self>, Error> {
        if let (false, Some(given)) = (mapping.joins(), given) {
            return Err(Error::NothingToJoin(given.to_owned()));
        }
        let Some(path) = given.map(Path::to_owned).or_else(|| mapping.join_file()) else {
            return Ok(None);
        };
        Self::read(path, &mapping.join_form(), |file, header| mapping.table(file, header)).map(Some)
    }

    /// Reads the files of the mapping's lookups, with their names.
    ///
    /// # Errors
    /// One that cannot be read, or lacks its columns.
    pub(super) fn lookups(mapping: &Mapping) -> Result<Vec<(String, Self)>, Error> {
        mapping
            .lookup_files()
            .map(|(name, path)| {
                let form = mapping.lookup_form(name);
                let file = Self::read(path, &form, |file, header| {
                    mapping.lookup_table(name, file, header)
                })?;
                Ok((name.to_owned(), file))
            })
            .collect()
    }

    fn read(
        path: PathBuf,
        form: &Form,
        table: impl FnOnce(&str, &[String]) -> Result<TableBuilder, mapping::Error>,
    ) -> Result<Self, Error> {
        let stamp = Stamp::of(&path);
        let mut source = Source::open(0, &path, &path.to_string_lossy(), form)?;
        let mut builder = table(source.about().name(), source.about().header())?;
        let mut row = Row::default();
        while source.read(&mut row)? {
            builder.push(&row);
        }
        let digest = source.finish()?;
        let table = Arc::new(builder.finish());
        tracing::info!(
            "{}: {} to be found",
            table.file(),
            text::counted(table.len() as u64, "row")
        );
        Ok(Self { path, stamp, table, digest })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its rows.
    pub const fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// What all its bytes were.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Whether it was written to since it was read.
    pub(super) fn is_changed(&self) -> bool {
        Stamp::of(&self.path) != self.stamp
    }

    /// What to say of the rows that matched nothing, once all inputs were read; `None` where all
    /// did.
    pub fn unmatched(&self) -> Option<String> {
        let unmatched = self.table.unmatched()?;
        let (rows, file) = (text::counted(unmatched.count, "row"), self.table.file());
        Some(format!(
            "{rows} of {file} matched no order, the first: row {} ({})",
            unmatched.row, unmatched.key
        ))
    }

    /// Fails where keys were looked for and none was found.
    ///
    /// # Errors
    /// That nothing matches.
    pub(super) fn check(&self) -> Result<(), Error> {
        let Some(ours) = self.table.first_asked().filter(|_| !self.table.is_found()) else {
            return Ok(());
        };
        Err(Error::NothingJoined {
            file: self.table.file().to_owned(),
            column: self.table.key_names(),
            ours: ours.to_owned(),
            theirs: self.table.first_key(),
        })
    }
}
