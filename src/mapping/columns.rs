//! Column names looked up in a header, once per input.
//!
//! A name matches exactly, else without case, punctuation and spaces around it; a letter that
//! reading destroyed (U+FFFD in the header) stands for any. `Name#2` means the second column of
//! that name. Called by `bind` alone.

use std::ops::Range;

use super::error::{Faults, proposal};
use crate::text;

/// A header with what is needed to look names up in it.
pub(super) struct Columns<'a> {
    file: &'a str,
    header: &'a [String],
    folded: Vec<String>,
}

/// Why a name leads to no column.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoColumn {
    /// The header has nothing like it.
    Missing,
    /// Several columns have this very name; so many.
    Repeated(usize),
    /// Several columns are alike without case and punctuation; their places.
    Ambiguous(Vec<usize>),
    /// `Name#3` where the header has the name less often; so many times.
    TooFew(usize),
}

impl<'a> Columns<'a> {
    pub(super) fn new(file: &'a str, header: &'a [String]) -> Self {
        Self { file, header, folded: header.iter().map(|name| text::fold(name)).collect() }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.header.len()
    }

    /// The place of the column that `name` means, from 0.
    pub(super) fn find(&self, name: &str) -> Result<usize, NoColumn> {
        match self.exact(name)[..] {
            [place] => return Ok(place),
            [] => {}
            ref several => return Err(NoColumn::Repeated(several.len())),
        }
        let numbered = numbered(name);
        if let Some((base, occurrence)) = numbered {
            let places = self.exact(base);
            if !places.is_empty() {
                return places.get(occurrence - 1).copied().ok_or(NoColumn::TooFew(places.len()));
            }
        }
        let alike = self.alike(name);
        match alike[..] {
            [place] => return Ok(place),
            [] => {}
            [first, ..] if alike.iter().all(|place| self.header[*place] == self.header[first]) => {
                return Err(NoColumn::Repeated(alike.len()));
            }
            _ => return Err(NoColumn::Ambiguous(alike)),
        }
        let Some((base, occurrence)) = numbered else { return Err(NoColumn::Missing) };
        let places = self.alike(base);
        if places.is_empty() {
            return Err(NoColumn::Missing);
        }
        places.get(occurrence - 1).copied().ok_or(NoColumn::TooFew(places.len()))
    }

    /// Notes why a name leads to no column.
    pub(super) fn complain(
        &self,
        name: &str,
        trouble: &NoColumn,
        span: Range<usize>,
        faults: &mut Faults,
    ) {
        let (file, shown) = (text::printable(self.file), text::quoted(name));
        match trouble {
            NoColumn::Missing => {
                let added =
                    faults.at(span, format!("{file} has no column {shown}"), "no such column");
                let names: Vec<&str> = self.header.iter().map(String::as_str).collect();
                let added = match proposal(name, &names, "its columns are") {
                    Some(advice) => added.advise(advice),
                    None => added,
                };
                if self.header.len() == 1 {
                    added.advise(
                        "the header was read as a single column: if it has several, set delimiter in [source] to the \
                         character between them",
                    );
                }
            }
            NoColumn::Repeated(count) => {
                let title = format!("{file} has {count} columns that are called {shown}");
                faults.at(span, title, "which of them?").advise(format!(
                    "write {} for the first, {} for the second",
                    text::quoted(&format!("{name}#1")),
                    text::quoted(&format!("{name}#2"))
                ));
            }
            NoColumn::Ambiguous(places) => {
                let names: Vec<String> =
                    places.iter().map(|place| self.described(*place)).collect();
                let title = format!("{file} has several columns like {shown}");
                faults
                    .at(span, title, "which of them?")
                    .advise(format!("write exactly one of {}", names.join(", ")));
            }
            NoColumn::TooFew(count) => {
                let base = numbered(name).map_or(name, |(base, _)| base);
                let title = format!(
                    "{file} has {} called {}",
                    text::counted(*count as u64, "column"),
                    text::quoted(base)
                );
                faults
                    .at(span, title, "no column with this number")
                    .advise("the number behind # counts from 1");
            }
        }
    }

    fn described(&self, place: usize) -> String {
        format!("{} ({})", text::quoted(&self.header[place]), text::column_letter(place))
    }

    fn exact(&self, name: &str) -> Vec<usize> {
        self.places(|place| self.header[place] == name)
    }

    /// Columns of the same folded name, else those that match it with destroyed letters.
    fn alike(&self, name: &str) -> Vec<usize> {
        let folded = text::fold(name);
        if folded.is_empty() {
            return Vec::new();
        }
        let same = self.places(|place| self.folded[place] == folded);
        if same.is_empty() {
            self.places(|place| matches_damaged(&self.folded[place], &folded))
        } else {
            same
        }
    }

    fn places(&self, fits: impl Fn(usize) -> bool) -> Vec<usize> {
        (0..self.header.len()).filter(|place| fits(*place)).collect()
    }
}

/// `Name#2` taken apart.
fn numbered(name: &str) -> Option<(&str, usize)> {
    let (base, number) = name.rsplit_once('#')?;
    let number: usize = number.parse().ok().filter(|number| *number > 0)?;
    (!base.trim().is_empty()).then_some((base, number))
}

/// Whether two folded names are the same but for letters that are destroyed in the header's.
fn matches_damaged(header: &str, name: &str) -> bool {
    let (mut ours, mut theirs) = (name.chars(), header.chars());
    loop {
        match (theirs.next(), ours.next()) {
            (None, None) => return true,
            (Some('\u{FFFD}'), Some(_)) => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(header: &[&str], name: &str) -> Result<usize, NoColumn> {
        let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        Columns::new("orders.csv", &header).find(name)
    }

    #[test]
    fn an_exact_name_wins_over_one_that_is_alike() {
        assert_eq!(find(&["order id", "Order ID"], "Order ID"), Ok(1));
        assert_eq!(find(&["ORDER-ID "], "Order ID"), Ok(0));
        assert_eq!(
            find(&["order id", "ORDER ID"], "Order ID"),
            Err(NoColumn::Ambiguous(vec![0, 1]))
        );
        assert_eq!(find(&["Order"], "Order ID"), Err(NoColumn::Missing));
    }

    #[test]
    fn a_name_that_stands_twice_needs_its_number() {
        let header = ["Name", "City", "Name"];
        assert_eq!(find(&header, "Name"), Err(NoColumn::Repeated(2)));
        assert_eq!(find(&header, "name"), Err(NoColumn::Repeated(2)));
        assert_eq!(find(&header, "Name#1"), Ok(0));
        assert_eq!(find(&header, "Name#2"), Ok(2));
        assert_eq!(find(&header, "name#2"), Ok(2));
        assert_eq!(find(&header, "Name#3"), Err(NoColumn::TooFew(2)));
        assert_eq!(find(&["Name", "Name", "Name 2"], "Name#2"), Ok(1));
        assert_eq!(find(&["Tracking #1"], "Tracking #1"), Ok(0));
        assert_eq!(find(&["Tracking #"], "tracking"), Ok(0));
    }

    #[test]
    fn a_destroyed_letter_stands_for_any_letter() {
        assert_eq!(find(&["Stra\u{FFFD}e", "PLZ"], "Straße"), Ok(0));
        assert_eq!(find(&["Stra\u{FFFD}e", "PLZ"], "Strae"), Err(NoColumn::Missing));
        assert_eq!(find(&["Stra\u{FFFD}e", "Straße"], "STRASSE"), Err(NoColumn::Missing));
        assert_eq!(find(&["Stra\u{FFFD}e", "straße"], "Straße"), Ok(1));
    }

    #[test]
    fn a_name_of_punctuation_alone_matches_only_itself() {
        assert_eq!(find(&["#", "%"], "#"), Ok(0));
        assert_eq!(find(&["%"], "#"), Err(NoColumn::Missing));
    }
}
