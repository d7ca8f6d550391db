//! Dates as exports write them, made into the one form of the wire: `date`, `timezone` and `to` in
//! a mapping's `[fields]`.
//!
//! A [`DateRule`] is built once with the mapping. Its formats are tried in order, and the whole
//! value must match one; what could be read in two ways is refused rather than guessed. The result
//! is always `%Y-%m-%d %H:%M:%S`.

mod example;
mod format;
mod pattern;
mod scan;

pub use format::{DateFormat, DateFormatError};

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::guard;
use crate::text;
use format::Mismatch;

/// The years that a date may have; any other is a typing error or a format that does not fit.
pub const YEARS: std::ops::RangeInclusive<i16> = 1990..=2100;

/// How the dates of a column become those of the wire.
#[derive(Debug, Clone)]
pub struct DateRule {
    formats: Vec<DateFormat>,
    timezone: Option<Zone>,
    to: Option<Zone>,
    /// What a value should have looked like, for [`DateTrouble::NotADate`].
    expected: Arc<str>,
}

#[derive(Debug, Clone)]
struct Zone {
    name: Arc<str>,
    zone: TimeZone,
}

/// Why a rule's time zones are not fit for use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// No time zone has that name.
    #[error("there is no time zone {}{}", text::quoted(name), advice(nearest))]
    Unknown {
        /// The name as it was given.
        name: String,
        /// Names that look like it, best first.
        nearest: Vec<String>,
    },
    /// `to` is given, but neither a time zone nor a format that reads an offset, so no value could
    /// be converted.
    #[error(
        "dates can only be converted with \"to\" when it is known where they come from: \
         set timezone = \"Europe/Berlin\" (or where the export was made) beside it"
    )]
    TimezoneNeeded,
}

fn advice(nearest: &[String]) -> String {
    match nearest {
        [] => "; names are like Europe/Berlin, America/New_York or UTC".to_owned(),
        names => format!("; did you mean {}?", names.join(" or ")),
    }
}

/// Why a value is no date by its rule. Its text follows the value and does not repeat it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DateTrouble {
    /// It matches none of the formats.
    #[error("is not a date like {expected}")]
    NotADate {
        /// An example for each format.
        expected: Arc<str>,
    },
    /// Its day is not in the calendar: 31 February.
    #[error("is a day that the calendar does not have")]
    NoSuchDay,
    /// Its weekday is another than that of its day.
    #[error("names another weekday than that day has")]
    WrongWeekday,
    /// Its year is outside [`YEARS`].
    #[error("has the year {0}, which is not between {first} and {last}", first = YEARS.start(), last = YEARS.end())]
    Year(i16),
    /// Its wall clock was skipped where it comes from.
    #[error("does not exist in {zone} (clocks were put forward)")]
    Gap {
        /// The time zone it comes from.
        zone: Arc<str>,
    },
    /// It has no offset, and the rule no `timezone`, so that it cannot be converted.
    #[error(
        "has no offset like +02:00, so it cannot be converted: set timezone beside to in the mapping"
    )]
    NoOffset,
    /// It names a time zone by letters that do not tell one offset (IST is India's, Israel's and
    /// Ireland's).
    #[error(
        "names its time zone by letters that are not certain, so it cannot be converted: an offset like +02:00 is"
    )]
    UncertainZone,
}

/// Where a value says that it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// It does not say.
    Unsaid,
    /// An offset from UTC.
    Offset(Offset),
    /// Letters that do not tell one.
    Uncertain,
}

/// A value as read by a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    wall: DateTime,
    origin: Origin,
}

impl DateRule {
    /// A rule that tries `formats` (at least one) in order, takes values without an offset to come
    /// from `timezone`, and converts them to the time zone `to`. Without `to` nothing is converted
    /// and `timezone` has no effect.
    ///
    /// Time zones have their IANA names, `Europe/Berlin`, or `UTC`.
    ///
    /// # Errors
    /// A name that no time zone has; `to` without `timezone` where no format could read an offset.
    pub fn new(
        formats: Vec<DateFormat>,
        timezone: Option<&str>,
        to: Option<&str>,
    ) -> Result<Self, ZoneError> {
        let timezone = timezone.map(zone).transpose()?;
        let to = to.map(zone).transpose()?;
        if to.is_some() && timezone.is_none() && !formats.iter().any(DateFormat::reads_offset) {
            return Err(ZoneError::TimezoneNeeded);
        }
        let expected = example::of_all(&formats).into();
        Ok(Self { formats, timezone, to, expected })
    }

    /// Writes the date `text` in the wire's form in place of what `out` holds. A missing time is
    /// 00:00:00, fractions of a second are dropped. With `to`, a wall clock that came twice (clocks
    /// were put back) is the first of them.
    ///
    /// # Errors
    /// A text that is no date by any format; among several troubles the first that says more than
    /// "not like that".
    pub fn apply(&self, text: &str, out: &mut String) -> Result<(), DateTrouble> {
        out.clear();
        let text = guard::trim(text);
        let mut trouble = None;
        for format in &self.formats {
            match format.read(text) {
                Ok(moment) => {
                    write(self.convert(moment)?, out);
                    return Ok(());
                }
                Err(Mismatch::Shape) => {}
                Err(Mismatch::NoSuchDay) => trouble = trouble.or(Some(DateTrouble::NoSuchDay)),
                Err(Mismatch::WrongWeekday) => {
                    trouble = trouble.or(Some(DateTrouble::WrongWeekday));
                }
                Err(Mismatch::Year(year)) => trouble = trouble.or(Some(DateTrouble::Year(year))),
            }
        }
        Err(trouble
            .unwrap_or_else(|| DateTrouble::NotADate { expected: Arc::clone(&self.expected) }))
    }

    fn convert(&self, moment: Moment) -> Result<DateTime, DateTrouble> {
        let Some(to) = &self.to else { return Ok(moment.wall) };
        let offset = match (moment.origin, &self.timezone) {
            (Origin::Offset(offset), _) => offset,
            (Origin::Uncertain, _) => return Err(DateTrouble::UncertainZone),
            (Origin::Unsaid, None) => return Err(DateTrouble::NoOffset),
            (Origin::Unsaid, Some(from)) => {
                match from.zone.to_ambiguous_timestamp(moment.wall).offset() {
                    AmbiguousOffset::Unambiguous { offset }
                    | AmbiguousOffset::Fold { before: offset, .. } => offset,
                    AmbiguousOffset::Gap { .. } => {
                        return Err(DateTrouble::Gap { zone: Arc::clone(&from.name) });
                    }
                }
            }
        };
        // Years from 1990 to 2100 are far inside of what a timestamp holds.
        let at: Timestamp = offset.to_timestamp(moment.wall).map_err(|_| DateTrouble::NoSuchDay)?;
        Ok(to.zone.to_datetime(at))
    }
}

fn zone(name: &str) -> Result<Zone, ZoneError> {
    let name = name.trim();
    if let Ok(zone) = TimeZone::get(name) {
        return Ok(Zone { name: zone.iana_name().unwrap_or(name).into(), zone });
    }
    let known: Vec<String> = jiff::tz::db().available().map(|known| known.to_string()).collect();
    Err(ZoneError::Unknown { name: name.to_owned(), nearest: nearest_zones(name, &known) })
}

/// A city alone is what people write: `Berlin` is `Europe/Berlin`, which no likeness of letters
/// would find.
fn nearest_zones(name: &str, known: &[String]) -> Vec<String> {
    let city = text::fold(name.rsplit('/').next().unwrap_or(name));
    let same =
        |zone: &&String| zone.rsplit('/').next().is_some_and(|last| text::fold(last) == city);
    let by_city: Vec<String> = known.iter().filter(same).take(3).cloned().collect();
    if by_city.is_empty() {
        text::nearest(name, known.iter().map(String::as_str))
            .into_iter()
            .map(str::to_owned)
            .collect()
    } else {
        by_city
    }
}

/// `2026-12-31 18:30:00`, by hand since `format!` costs more than all the rest.
fn write(at: DateTime, out: &mut String) {
    let mut wire = *b"0000-00-00 00:00:00";
    let mut pair = |place: usize, number: i16| {
        let [number, ..] = number.to_le_bytes();
        wire[place] = b'0' + number / 10;
        wire[place + 1] = b'0' + number % 10;
    };
    pair(0, at.year() / 100);
    pair(2, at.year() % 100);
    for (place, number) in
        [(5, at.month()), (8, at.day()), (11, at.hour()), (14, at.minute()), (17, at.second())]
    {
        pair(place, number.into());
    }
    out.push_str(std::str::from_utf8(&wire).unwrap_or_default());
}

#[cfg(test)]
mod tests;
