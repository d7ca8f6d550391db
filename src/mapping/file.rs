//! A mapping as a user gives it: a file or a built-in name; parsed here, and bound to one header
//! after the other.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::bind;
use super::bound::Bound;
use super::builtin;
use super::error::{Error, Faults};
use super::layers::{Layer, Layers};
use super::parse;
use super::spec::{Delivery, DeliveryKeys, Spec};
use super::table::{TableBuilder, Tables};
use super::toml_tree::Name;
use crate::row::{Encoding, Form};
use crate::shipment::Field;
use crate::text;

/// The most bytes that a mapping file may have; one that is larger was surely not meant.
const MOST_BYTES: usize = 4 << 20;

/// A parsed mapping.
#[derive(Debug)]
pub struct Mapping {
    layers: Layers,
    sha256: String,
    spec: Spec,
}

impl Mapping {
    /// Reads a mapping: a file where `name` holds a slash or a backslash or ends in `.toml`, else a
    /// built-in one. The options in its `[delivery]` are not checked.
    ///
    /// # Errors
    /// A file that cannot be read or is no mapping; a name that is not built in.
    pub fn load(name: &str) -> Result<Self, Error> {
        Self::parse(name, &text_of(name)?)
    }

    /// Reads a mapping as [`Mapping::load`] does, and checks the options in its `[delivery]`.
    ///
    /// # Errors
    /// As [`Mapping::load`]; and an option that `keys` does not have or whose value does not fit.
    pub fn load_with(name: &str, keys: &DeliveryKeys) -> Result<Self, Error> {
        Self::parse_with(name, &text_of(name)?, Some(keys))
    }

    /// Whether `name` is taken for a file's path, not for a built-in mapping.
    pub fn is_path(name: &str) -> bool {
        name.contains(['/', '\\']) || name.to_ascii_lowercase().ends_with(".toml")
    }

    /// Takes `encoding` for that of the input where it says none itself.
    pub fn assume_encoding(&mut self, encoding: Option<Encoding>) {
        let own = &mut self.spec.form.encoding;
        *own = own.or(encoding);
    }

    /// Takes `encoding`, if there is one, for that of the input, whatever the mapping says.
    pub fn pin_encoding(&mut self, encoding: Option<Encoding>) {
        let own = &mut self.spec.form.encoding;
        *own = encoding.or(*own);
    }

    /// Parses the text of a mapping; `name` is what errors call it, and the path from which a path
    /// in `extends` goes out. What it extends is read. The options in its `[delivery]` are not
    /// checked.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        Self::parse_with(name, text, None)
    }

    pub(crate) fn parse_with(
        name: &str,
        text: &str,
        keys: Option<&DeliveryKeys>,
    ) -> Result<Self, Error> {
        let mut faults = Faults::default();
        let layers = Layers::gather(name, text, &mut faults);
        let mut spec = parse::parse(&layers, keys, &mut faults);
        spec.form.wanted = spec.names().iter().map(|name| text::fold(name)).collect();
        if let Some(error) = faults.into_error(&layers) {
            return Err(error);
        }
        let mut digest = Sha256::new();
        for (index, layer) in layers.iter().enumerate() {
            if index > 0 {
                digest.update([0]);
            }
            digest.update(layer.text().as_bytes());
        }
        let mut sha256 = String::with_capacity(64);
        for byte in digest.finalize() {
            let _ = write!(sha256, "{byte:02x}");
        }
        Ok(Self { layers, sha256, spec })
    }

    /// The name it was given by.
    pub fn name(&self) -> &str {
        self.layers.name()
    }

    /// The SHA-256 of its text, in hex; of a mapping that extends others over all their texts.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// What it says of the input's form: `[source]`.
    pub fn form(&self) -> &Form {
        &self.spec.form
    }

    /// Whether rows that belong together may stand anywhere in the file.
    pub fn groups_anywhere(&self) -> bool {
        self.spec.rows.anywhere
    }

    /// What it says of delivery: `[delivery]`.
    pub fn delivery(&self) -> &Delivery {
        &self.spec.delivery
    }

    /// Whether it joins another export.
    pub fn joins(&self) -> bool {
        self.spec.join.is_some()
    }

    /// What is known of the form of the export that it joins: the columns that it must have; the
    /// rest is detected.
    pub fn join_form(&self) -> Form {
        wanting(self.spec.joined_names().iter().map(String::as_str))
    }

    /// The same of the file of the lookup of that name.
    pub fn lookup_form(&self, name: &str) -> Form {
        let of_it = self.spec.filed.iter().find(|(lookup, _)| lookup == name);
        wanting(
            of_it
                .iter()
                .flat_map(|(_, from)| [from.key.get_ref().as_str(), from.value.get_ref().as_str()]),
        )
    }

    /// The export that it joins by itself; a path relative to the mapping's.
    pub fn join_file(&self) -> Option<PathBuf> {
        self.spec.join.as_ref()?.file.as_ref().map(|file| self.path_of(file))
    }

    /// The lookups that are files: their names, and paths relative to the mapping's.
    pub fn lookup_files(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        self.spec.filed.iter().map(|(name, from)| (name.as_str(), self.path_of(&from.file)))
    }

    /// A path as it stands in a mapping: from the folder of the very file that says it, which may
    /// be an extended one.
    fn path_of(&self, file: &Name) -> PathBuf {
        let layer = self.layers.at(file.span().start).map_or(self.name(), Layer::name);
        Path::new(layer).parent().unwrap_or(Path::new("")).join(file.get_ref())
    }

    /// The table that it joins, to be filled with the rows of `file` (which errors name), whose
    /// header is this.
    ///
    /// # Errors
    /// Columns of `[join] on` that the header lacks or that are not clear.
    pub fn table(&self, file: &str, header: &[String]) -> Result<TableBuilder, Error> {
        let mut faults = Faults::default();
        let table = bind::table(&self.spec, (file, header), &mut faults);
        faults.into_error(&self.layers).map_or(Ok(table), Err)
    }

    /// The table of the lookup of that name, to be filled with the rows of `file` (which errors
    /// name), whose header is this.
    ///
    /// # Errors
    /// Columns of `key` and `value` that the header lacks or that are not clear.
    pub fn lookup_table(
        &self,
        name: &str,
        file: &str,
        header: &[String],
    ) -> Result<TableBuilder, Error> {
        let mut faults = Faults::default();
        let table = bind::lookup_table(&self.spec, name, (file, header), &mut faults);
        faults.into_error(&self.layers).map_or(Ok(table), Err)
    }

    /// Binds it to the header of `file` (which errors name). `set` gives constants over the
    /// mapping's own sources; where a field stands in it twice the last one counts.
    ///
    /// # Errors
    /// Columns that the header lacks or that are not clear, and required fields without a source;
    /// all of them.
    pub fn bind(
        &self,
        file: &str,
        header: &[String],
        set: &[(Field, String)],
    ) -> Result<Bound, Error> {
        self.bind_with(file, header, set, &Tables::default())
    }

    /// The same with the tables that `[join]` and `[lookups]` want.
    ///
    /// # Errors
    /// As [`Mapping::bind`]; and a join or a lookup in a file without its table.
    pub fn bind_with(
        &self,
        file: &str,
        header: &[String],
        set: &[(Field, String)],
        tables: &Tables,
    ) -> Result<Bound, Error> {
        let mut faults = Faults::default();
        let bound = bind::bind(&self.spec, self.name(), (file, header), tables, set, &mut faults);
        faults.into_error(&self.layers).map_or(Ok(bound), Err)
    }
}

/// A form of which only columns are known.
fn wanting<'a>(names: impl Iterator<Item = &'a str>) -> Form {
    Form { wanted: names.map(text::fold).collect(), ..Form::default() }
}

/// What is wrong with a mapping as a whole, and what to do.
pub(super) type Trouble = (String, String);

fn text_of(name: &str) -> Result<String, Error> {
    let text = if Mapping::is_path(name) { read(name) } else { builtin(name) };
    text.map_err(|(title, advice)| Error::whole(title, advice))
}

/// The text of a mapping file.
pub(super) fn read(path: &str) -> Result<String, Trouble> {
    let shown = text::quoted(path);
    let bytes = std::fs::read(path).map_err(|error| {
        let stem = path.strip_suffix(".toml").unwrap_or(path);
        let advice =
            if error.kind() == std::io::ErrorKind::NotFound && builtin::text(stem).is_some() {
                format!("the built-in mapping is called {stem}, without .toml")
            } else if error.kind() == std::io::ErrorKind::NotFound {
                "a path is taken from the folder in which lateship is started".to_owned()
            } else {
                "see whether the path is right, and whether you may read the file".to_owned()
            };
        (format!("cannot read the mapping {shown}: {error}"), advice)
    })?;
    if bytes.len() > MOST_BYTES {
        let title = format!("{shown} is too large for a mapping");
        return Err((
            title,
            "see whether it is the export, and -m was given the wrong file".to_owned(),
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        (
            format!("the mapping {shown} is not UTF-8: see line {line}"),
            "save it as UTF-8 in the editor".to_owned(),
        )
    })
}

/// The text of a built-in mapping.
pub(super) fn builtin(name: &str) -> Result<String, Trouble> {
    builtin::text(name).map(str::to_owned).ok_or_else(|| unknown(name))
}

/// There is no such built-in mapping.
pub(super) fn unknown(name: &str) -> Trouble {
    let near = text::nearest(name, builtin::all().map(|(name, _)| name));
    let advice = match near.first() {
        Some(near) => format!("did you mean {near}? lateship mappings lists the built-in ones"),
        None => format!(
            "lateship mappings lists the built-in ones; a file is given by its path, as {}",
            text::printable(&format!("./{name}"))
        ),
    };
    (format!("there is no built-in mapping {}", text::quoted(name)), advice)
}
