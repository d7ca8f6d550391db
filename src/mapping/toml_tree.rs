//! Walking the spanned tree of a TOML file: take what is expected, or note what stood there
//! instead.
//!
//! Every trouble is noted in [`Faults`] and the walk goes on, so that a user sees all of them at
//! once.

use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::Faults;
use crate::text;

/// A name or text of the file with its place.
pub(super) type Name = Spanned<String>;

/// A value of the file with the path that leads to it, as `[rows] keep`.
pub(super) struct Node<'a> {
    path: String,
    value: &'a Spanned<DeValue<'a>>,
}

/// A table of the file.
pub(super) struct Table<'a> {
    path: String,
    span: Range<usize>,
    entries: &'a DeTable<'a>,
}

impl<'a> Node<'a> {
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.value.span()
    }

    pub(super) fn is_text(&self) -> bool {
        self.value.get_ref().is_str()
    }

    pub(super) fn is_list(&self) -> bool {
        self.value.get_ref().is_array()
    }

    /// The value where it is a text.
    pub(super) fn as_text(&self) -> Option<&'a str> {
        self.value.get_ref().as_str()
    }

    /// The value where it is a text or a whole number, which is given in decimal digits.
    pub(super) fn as_scalar(&self) -> Option<String> {
        match self.value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(number) => {
                let number = i128::from_str_radix(number.as_str(), number.radix()).ok()?;
                Some(number.to_string())
            }
            _ => None,
        }
    }

    /// Notes that something else was expected here.
    pub(super) fn expected(&self, what: &str, faults: &mut Faults) {
        let found = match self.value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a number without quotes",
            DeValue::Float(_) => "a number with a decimal point",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date without quotes",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        faults.at(
            self.span(),
            format!("{}: expected {what}", self.path),
            format!("this is {found}"),
        );
    }

    /// Notes that one of certain texts was expected here.
    pub(super) fn expected_one_of(&self, what: &str, faults: &mut Faults) {
        if self.is_text() {
            faults.at(self.span(), format!("{}: expected {what}", self.path), "");
        } else {
            self.expected(what, faults);
        }
    }

    /// The text; anything else is noted as a trouble.
    pub(super) fn text(&self, faults: &mut Faults) -> Option<&'a str> {
        let text = self.as_text();
        if text.is_none() {
            self.expected("a text in quotes", faults);
        }
        text
    }

    /// The text with its place; an empty one is a trouble too.
    pub(super) fn name(&self, what: &str, faults: &mut Faults) -> Option<Name> {
        match self.as_text() {
            Some(text) if !text.trim().is_empty() => {
                Some(Spanned::new(self.span(), text.to_owned()))
            }
            Some(_) => {
                faults.at(self.span(), format!("{}: expected {what}", self.path), "this is empty");
                None
            }
            None => {
                self.expected(what, faults);
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, faults: &mut Faults) -> Option<bool> {
        let flag = self.value.get_ref().as_bool();
        if flag.is_none() {
            self.expected("true or false", faults);
        }
        flag
    }

    /// A whole number in a range.
    pub(super) fn whole(&self, range: RangeInclusive<u64>, faults: &mut Faults) -> Option<u64> {
        let number = self
            .value
            .get_ref()
            .as_integer()
            .and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok())
            .filter(|number| range.contains(number));
        if number.is_none() {
            let end = if *range.end() == u64::MAX {
                "on".to_owned()
            } else {
                format!("to {}", range.end())
            };
            let what = format!("a whole number from {} {end}", range.start());
            if self.value.get_ref().is_integer() {
                faults.at(self.span(), format!("{}: expected {what}", self.path), "");
            } else {
                self.expected(&what, faults);
            }
        }
        number
    }

    /// The members where it is a list.
    pub(super) fn members(&self) -> Option<Vec<Node<'a>>> {
        let list = self.value.get_ref().as_array()?;
        Some(list.iter().map(|value| Node { path: self.path.clone(), value }).collect())
    }

    /// The members of a list; anything else is noted as a trouble.
    pub(super) fn list(&self, what: &str, faults: &mut Faults) -> Vec<Node<'a>> {
        self.members().unwrap_or_else(|| {
            self.expected(what, faults);
            Vec::new()
        })
    }

    /// The members of a list, or the value itself where it is none.
    pub(super) fn one_or_more(&self) -> Vec<Node<'a>> {
        self.members().unwrap_or_else(|| vec![Node { path: self.path.clone(), value: self.value }])
    }

    /// The table; anything else is noted as a trouble.
    pub(super) fn table(&self, what: &str, faults: &mut Faults) -> Option<Table<'a>> {
        let Some(entries) = self.value.get_ref().as_table() else {
            self.expected(what, faults);
            return None;
        };
        Some(Table { path: self.path.clone(), span: self.span(), entries })
    }
}

impl<'a> Table<'a> {
    /// The file's outermost table.
    pub(super) fn root(entries: &'a DeTable<'a>) -> Self {
        Self { path: String::new(), span: 0..0, entries }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The value under a key.
    pub(super) fn get(&self, key: &str) -> Option<Node<'a>> {
        self.entries.get(key).map(|value| self.node(key, value))
    }

    /// The table under a key; something else there is noted as a trouble.
    pub(super) fn section(&self, key: &str, faults: &mut Faults) -> Option<Table<'a>> {
        self.get(key)?.table(&format!("a table, [{key}]"), faults)
    }

    /// All keys with their places and values, in the order of the file.
    pub(super) fn entries(&self) -> Vec<(&'a str, Range<usize>, Node<'a>)> {
        let mut all: Vec<_> = self
            .entries
            .iter()
            .map(|(key, value)| {
                (key.get_ref().as_ref(), key.span(), self.node(key.get_ref(), value))
            })
            .collect();
        all.sort_by_key(|(_, span, _)| span.start);
        all
    }

    /// Notes every key that is not `known`; one of the language's that this version does not serve
    /// with its advice. Returns whether all are known, so that what an unknown one was meant for is
    /// not missed too.
    pub(super) fn check_keys(&self, known: &[&str], faults: &mut Faults) -> bool {
        self.check_keys_but(|_| false, known, faults)
    }

    /// The same but for keys of which the caller has something to say.
    pub(super) fn check_keys_but(
        &self,
        callers: impl Fn(&str) -> bool,
        known: &[&str],
        faults: &mut Faults,
    ) -> bool {
        let mut all_known = true;
        for (key, span, _) in self.entries() {
            if known.contains(&key) || callers(key) {
                continue;
            }
            all_known = false;
            let place =
                if self.path.is_empty() { "the file".to_owned() } else { self.path.clone() };
            faults
                .at(span, format!("{place} has no key {}", text::quoted(key)), "unknown key")
                .nearest(key, known, "its keys are");
        }
        all_known
    }

    fn node(&self, key: &str, value: &'a Spanned<DeValue<'a>>) -> Node<'a> {
        let key = text::printable(key);
        let path = match self.path.as_str() {
            "" => format!("[{key}]"),
            "[lookups]" => format!("[lookups.{key}]"),
            path if path.contains("] ") => format!("{path}.{key}"),
            path => format!("{path} {key}"),
        };
        Node { path, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(text: &str, walk: impl Fn(&Table<'_>, &mut Faults)) -> String {
        let tree = DeTable::parse(text).expect("TOML");
        let mut faults = Faults::default();
        walk(&Table::root(tree.get_ref()), &mut faults);
        faults
            .into_error(&crate::mapping::layers::Layers::single("m.toml", text))
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn what_stands_there_instead_is_named() {
        let shown = faults_of("a = 1\nb = [\"x\"]\nc = -3\n", |root, faults| {
            assert_eq!(root.get("a").and_then(|node| node.text(faults)), None);
            assert_eq!(root.get("b").and_then(|node| node.flag(faults)), None);
            assert_eq!(root.get("c").and_then(|node| node.whole(0..=9, faults)), None);
        });
        for part in ["[a]: expected a text", "this is a number", "this is a list", "from 0 to 9"] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }

    #[test]
    fn unknown_keys_are_refused_with_the_nearest_known_one() {
        let shown = faults_of("[rows]\nkep = 1\nlater = 2\n", |root, faults| {
            let rows = root.section("rows", faults).expect("a table");
            rows.check_keys(&["keep", "drop"], faults);
        });
        for part in
            ["[rows] has no key \"kep\"", "did you mean \"keep\"", "[rows] has no key \"later\""]
        {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
}
