//! What is wrong with a mapping file, each trouble with its place, and all of them shown together.
//!
//! Parsing and binding gather [`Faults`]; the public functions turn them into one [`Error`]. Titles
//! name things as they stand in the file, so what they quote from it is made printable here and
//! nowhere else.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::layers::Layers;
use crate::text;

/// Everything that is wrong with a mapping, or with a mapping and the header it is to be used on.
///
/// `Display` renders each trouble with file, line and a caret, without colours and over several
/// lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    layers: Layers,
    faults: Vec<Fault>,
}

impl Error {
    /// A single trouble that has no place in a file, with a line of advice.
    pub(super) fn whole(title: String, advice: impl Into<String>) -> Self {
        let fault = Fault { title, span: None, label: String::new(), advice: vec![advice.into()] };
        Self { layers: Layers::default(), faults: vec![fault] }
    }

    /// How many troubles were found; at least one.
    pub fn count(&self) -> usize {
        self.faults.len()
    }

    /// Each trouble in one line, in the order of the file.
    pub fn titles(&self) -> impl Iterator<Item = &str> {
        self.faults.iter().map(|fault| fault.title.as_str())
    }

    fn render(&self, fault: &Fault) -> String {
        let title = Level::ERROR.primary_title(fault.title.as_str());
        let advice = fault.advice.iter().map(|line| Level::HELP.message(line.as_str()));
        let place = fault.span.as_ref().and_then(|span| Some((self.layers.at(span.start)?, span)));
        let name = place.map(|(layer, _)| text::printable(layer.name())).unwrap_or_default();
        let group = match place {
            Some((layer, span)) => {
                let text = shown(layer.text());
                let span = within(&text, &layer.local(span));
                title.element(
                    Snippet::source(without_secrets(&text))
                        .path(name.as_str())
                        .annotation(AnnotationKind::Primary.span(span).label(fault.label.as_str())),
                )
            }
            None => annotate_snippets::Group::with_title(title),
        };
        Renderer::plain().render(&[group.elements(advice)])
    }
}

/// The text with what stands behind names of secrets covered, byte for byte: no secret belongs into
/// a mapping, but a file with some may be taken for one.
fn without_secrets(text: &str) -> String {
    let names = ["key", "secret", "password", "token", "email", "auth", "credential"];
    let cover = |line: &str| {
        let Some((name, value)) = line.split_once('=') else { return line.to_owned() };
        let name_is_secret = names
            .iter()
            .any(|secret| name.trim().trim_matches('"').to_ascii_lowercase().ends_with(secret));
        // A field of the payload (customer_email) holds no secret but a source.
        if !name_is_secret || name.trim().starts_with("customer_") {
            return line.to_owned();
        }
        let covered = value
            .bytes()
            .map(|byte| if byte == b'\n' || byte == b'\r' { char::from(byte) } else { '*' });
        format!("{name}={}", covered.collect::<String>())
    };
    text.split_inclusive('\n').map(cover).collect()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            f.write_str(&self.render(fault))?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// One trouble.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    /// What is wrong, in one line.
    title: String,
    /// Where, in bytes over all layers; `None` where no place of them is to blame.
    span: Option<Range<usize>>,
    /// What stands beside the caret.
    label: String,
    /// What to do, a line each.
    advice: Vec<String>,
}

/// The troubles found so far.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    /// Notes a trouble at a place of the file; `label` stands beside the caret and may be empty.
    pub(super) fn at(
        &mut self,
        span: Range<usize>,
        title: impl Into<String>,
        label: impl Into<String>,
    ) -> Added<'_> {
        self.add(Some(span), title.into(), label.into())
    }

    /// Notes a trouble that has no place in the file.
    pub(super) fn whole(&mut self, title: impl Into<String>) -> Added<'_> {
        self.add(None, title.into(), String::new())
    }

    fn add(&mut self, span: Option<Range<usize>>, title: String, label: String) -> Added<'_> {
        self.0.push(Fault { title, span, label, advice: Vec::new() });
        let last = self.0.len() - 1;
        Added(&mut self.0[last])
    }

    /// Whether nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The error that shows them all in the order of the files; `None` where nothing is wrong.
    pub(super) fn into_error(mut self, layers: &Layers) -> Option<Error> {
        if self.is_empty() {
            return None;
        }
        self.0.sort_by_key(|fault| fault.span.as_ref().map_or(usize::MAX, |span| span.start));
        Some(Error { layers: layers.clone(), faults: self.0 })
    }
}

/// A trouble just noted, to which advice can be added.
pub(super) struct Added<'a>(&'a mut Fault);

impl Added<'_> {
    /// Adds a line that says what to do.
    pub(super) fn advise(self, advice: impl Into<String>) -> Self {
        self.0.advice.push(advice.into());
        self
    }

    /// Adds the nearest of `names`, or all of them where they are few and none is near.
    pub(super) fn nearest(self, wanted: &str, names: &[&str], noun: &str) -> Self {
        match proposal(wanted, names, noun) {
            Some(advice) => self.advise(advice),
            None => self,
        }
    }
}

/// `did you mean "column"?`, or the list of what there is.
pub(super) fn proposal(wanted: &str, names: &[&str], noun: &str) -> Option<String> {
    let near: Vec<String> =
        text::nearest(wanted, names.iter().copied()).into_iter().map(text::quoted).collect();
    if !near.is_empty() {
        return Some(format!("did you mean {}?", near.join(" or ")));
    }
    if names.is_empty() {
        return None;
    }
    let shown: Vec<String> = names.iter().take(MOST_NAMES).map(|name| text::quoted(name)).collect();
    let rest = if names.len() > MOST_NAMES {
        format!(" and {} more", names.len() - MOST_NAMES)
    } else {
        String::new()
    };
    Some(format!("{noun}: {}{rest}", shown.join(", ")))
}

/// The most names that a line of advice lists.
const MOST_NAMES: usize = 40;

/// The span, kept inside the text and on the boundaries of its characters.
fn within(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
    start..end
}

/// The text with each character that a terminal could obey replaced by a harmless one of the same
/// number of bytes, so that places stay where they are.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| match (c, c.len_utf8()) {
            ('\n' | '\r' | '\t', _) => c,
            _ if !text::is_unprintable(c) => c,
            (_, 1) => '?',
            (_, 2) => '¿',
            _ => '\u{FFFD}',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_is_shown_with_file_line_and_caret() {
        let text = "first = 1\nsecond = \"\u{1b}[31m\"\n";
        let mut faults = Faults::default();
        faults.at(19..26, "the second is wrong", "here").advise("write another one");
        faults.at(0..5, "the first is wrong", "");
        faults.whole("something is missing");
        let error = faults.into_error(&Layers::single("m.toml", text)).expect("three faults");
        let shown = error.to_string();
        assert_eq!(error.titles().next(), Some("the first is wrong"));
        assert!(shown.contains("m.toml:2:10"), "{shown}");
        assert!(shown.contains("^^^^^^^ here"), "{shown}");
        assert!(shown.contains("help: write another one"), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
        assert_eq!(error.count(), 3);
    }

    #[test]
    fn a_replaced_character_keeps_its_length() {
        for c in ['\u{1b}', '\u{85}', '\u{AD}', '\u{61C}', '\u{202E}', '\u{FEFF}'] {
            let text = c.to_string();
            assert_eq!(shown(&text).len(), text.len());
            assert_ne!(shown(&text), text);
        }
    }
}
