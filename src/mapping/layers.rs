//! A mapping and the mappings that it extends, one above the other.
//!
//! Each layer has its own stretch of places, so that one number (a span's start) says which file it
//! is in and where. Built by `file`, read by `parse`, kept for errors.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::DeTable;

use super::error::Faults;
use super::file::{self, Mapping};
use crate::text;

/// The most layers, the mapping itself among them.
const MOST: usize = 8;

/// The mapping first, then what it extends, then what that extends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Layers(Vec<Layer>);

/// The text of one mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layer {
    name: String,
    text: Arc<str>,
    /// Where its places begin.
    start: usize,
}

impl Layer {
    /// The name it was given by.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The text as it stands in the file.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The text behind as many line ends as bring its places where they belong.
    pub(super) fn placed(&self) -> String {
        let mut placed = "\n".repeat(self.start);
        placed.push_str(&self.text);
        placed
    }

    /// A span in bytes of this text.
    pub(super) fn local(&self, span: &Range<usize>) -> Range<usize> {
        span.start.saturating_sub(self.start)..span.end.saturating_sub(self.start)
    }

    /// What it extends and where it says so.
    fn base(&self) -> Option<(String, Range<usize>)> {
        let (tree, _) = DeTable::parse_recoverable(&self.text);
        let extends = tree.get_ref().get("extends")?;
        let span = extends.span();
        Some((
            extends.get_ref().as_str()?.to_owned(),
            span.start + self.start..span.end + self.start,
        ))
    }
}

impl Layers {
    /// A mapping that extends none.
    #[cfg(test)]
    pub(super) fn single(name: &str, text: &str) -> Self {
        Self(vec![Layer { name: name.to_owned(), text: text.into(), start: 0 }])
    }

    /// The mapping of that name and text with all that it extends; what cannot be read is noted.
    pub(super) fn gather(name: &str, text: &str, faults: &mut Faults) -> Self {
        let mut layers = Self::default();
        layers.push(name.to_owned(), text);
        while let Some((wanted, span)) = layers.0.last().and_then(Layer::base) {
            let (name, text) = match layers.next(&wanted) {
                Ok(next) => next,
                Err((title, advice)) => {
                    faults.at(span, format!("[extends]: {title}"), "").advise(advice);
                    break;
                }
            };
            layers.push(name, &text);
        }
        layers
    }

    fn push(&mut self, name: String, text: &str) {
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let start = self.0.last().map_or(0, |last| last.start + last.text.len() + 1);
        self.0.push(Layer { name, text: text.into(), start });
    }

    /// Name and text of what the last layer extends.
    fn next(&self, wanted: &str) -> Result<(String, String), file::Trouble> {
        let name = self.name_of(wanted);
        let place = place(&name);
        if let Some(first) = self.0.iter().position(|layer| self::place(&layer.name) == place) {
            let mut circle: Vec<String> =
                self.0[first..].iter().map(|layer| text::printable(&layer.name)).collect();
            circle.push(text::printable(&name));
            let title =
                format!("these mappings extend each other in a circle: {}", circle.join(" -> "));
            return Err((title, "take extends out of one of them".to_owned()));
        }
        if self.0.len() == MOST {
            let title = format!("a mapping has at most {MOST} layers, and this would be one more");
            return Err((title, "put some of them together".to_owned()));
        }
        let text = if Mapping::is_path(&name) { file::read(&name)? } else { file::builtin(&name)? };
        Ok((name, text))
    }

    /// A built-in name as it is; a path from the folder of the mapping that names it.
    fn name_of(&self, wanted: &str) -> String {
        let folder = self.0.last().and_then(|layer| Path::new(&layer.name).parent());
        match folder {
            Some(folder) if Mapping::is_path(wanted) => {
                folder.join(wanted).to_string_lossy().into_owned()
            }
            _ => wanted.to_owned(),
        }
    }

    /// All of them, the mapping itself first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Layer> {
        self.0.iter()
    }

    /// The name of the mapping itself.
    pub(super) fn name(&self) -> &str {
        self.0.first().map_or("", |layer| &layer.name)
    }

    /// The layer in which a place is.
    pub(super) fn at(&self, place: usize) -> Option<&Layer> {
        self.0.iter().rev().find(|layer| layer.start <= place)
    }
}

/// What tells one mapping from another, however its path is written.
fn place(name: &str) -> PathBuf {
    if !Mapping::is_path(name) {
        return PathBuf::from(name);
    }
    std::fs::canonicalize(name).unwrap_or_else(|_| PathBuf::from(name))
}
