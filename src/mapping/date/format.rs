//! One format of a date rule: a strftime pattern, or one of the four that have a name.
//!
//! Called by `DateRule`; reading a value allocates nothing.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, date};
use jiff::tz::Offset;

use super::pattern::{self, Item};
use super::scan::{self, Letters};
use super::{Moment, Origin, YEARS};
use crate::text;

/// The formats that are no pattern.
const NAMES: [&str; 4] = ["iso8601", "unix", "unix_ms", "excel"];

/// A format as it stands in a mapping's `date`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateFormat {
    text: String,
    pub(super) way: Way,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// ISO 8601 with all its usual variants: a blank for the `T`, no seconds, no separators, with
    /// or without offset.
    Iso8601,
    /// Seconds since 1970.
    Unix,
    /// Milliseconds since 1970.
    UnixMs,
    /// Days since 1900, as spreadsheets count them.
    Excel,
    /// A strftime format.
    Pattern(Vec<Item>),
}

/// Why a text is no date format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DateFormatError {
    /// A letter after `%` that has no meaning here.
    #[error("{} is not known in a date format; known are {}", text::quoted(.0), pattern::KNOWN)]
    UnknownLetter(String),
    /// A `%` at the end.
    #[error(
        "the % at the end of the date format lacks its letter; a per cent sign itself is written %%"
    )]
    Dangling,
    /// It gives no whole date.
    #[error("the date format does not give {}; each needs year (%Y or %y), month (%m or %b) and day (%d)", .0.join(" and "))]
    Incomplete(Vec<&'static str>),
    /// Something is given twice.
    #[error("the date format gives {0} twice")]
    Twice(&'static str),
    /// `%I` or `%p` without the other, or with `%H`.
    #[error(
        "hours on the 12-hour clock need both %I and %p (AM or PM), hours on the 24-hour clock %H alone"
    )]
    HalfClock,
    /// Minutes without hours, or seconds without minutes.
    #[error("the date format gives {0} but not {1}")]
    Without(&'static str, &'static str),
    /// Nothing of it is a pattern.
    #[error(
        "{} is no date format: write what a date looks like as %d.%m.%Y or %Y-%m-%d %H:%M:%S, \
         or one of iso8601, unix, unix_ms, excel{}", text::quoted(name), meant(nearest.as_deref())
    )]
    NotAFormat {
        /// The text as it was given.
        name: String,
        /// The named format that was meant, perhaps.
        nearest: Option<String>,
    },
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (did you mean {name}?)")).unwrap_or_default()
}

/// Why a value does not match a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// It looks different.
    Shape,
    /// The calendar has no such day.
    NoSuchDay,
    /// The day has another weekday.
    WrongWeekday,
    /// The year is out of range.
    Year(i16),
}

impl DateFormat {
    /// Reads a format: `iso8601`, `unix`, `unix_ms`, `excel`, or a pattern of strftime's letters
    /// that gives year, month and day.
    ///
    /// # Errors
    /// Letters without a meaning, and patterns that do not give a whole date or contradict
    /// themselves.
    pub fn parse(text: &str) -> Result<Self, DateFormatError> {
        let way = match text.trim() {
            "iso8601" => Way::Iso8601,
            "unix" => Way::Unix,
            "unix_ms" => Way::UnixMs,
            "excel" => Way::Excel,
            name if !name.contains('%') => {
                let nearest = text::nearest(name, NAMES).first().map(|&name| name.to_owned());
                return Err(DateFormatError::NotAFormat { name: name.to_owned(), nearest });
            }
            pattern => Way::Pattern(pattern::parse(pattern)?),
        };
        Ok(Self { text: text.trim().to_owned(), way })
    }

    /// The format as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether values of this format may carry their offset from UTC.
    pub(super) fn reads_offset(&self) -> bool {
        match &self.way {
            Way::Iso8601 | Way::Unix | Way::UnixMs => true,
            Way::Excel => false,
            Way::Pattern(items) => {
                items.iter().any(|item| matches!(item, Item::Offset | Item::ZoneLetters))
            }
        }
    }

    /// Reads `text`, which is trimmed.
    pub(super) fn read(&self, text: &str) -> Result<Moment, Mismatch> {
        match &self.way {
            Way::Iso8601 => iso8601(text).ok_or(Mismatch::Shape)?.moment(),
            Way::Unix => unix(text, 1),
            Way::UnixMs => unix(text, 1000),
            Way::Excel => excel(text),
            Way::Pattern(items) => scan::read(items, text).ok_or(Mismatch::Shape)?.moment(),
        }
    }
}

fn iso8601(text: &str) -> Option<Letters> {
    let mut letters = Letters::default();
    let mut rest = text.as_bytes();
    letters.year = scan::digits(&mut rest, 4, 4)?;
    let separated = scan::byte(&mut rest, b'-');
    letters.month = scan::digits(&mut rest, 2, 2)?;
    if separated && !scan::byte(&mut rest, b'-') {
        return None;
    }
    letters.day = scan::digits(&mut rest, 2, 2)?;
    if rest.is_empty() {
        return Some(letters);
    }
    if !scan::byte(&mut rest, b'T') && !scan::byte(&mut rest, b't') && !scan::blanks(&mut rest) {
        return None;
    }
    letters.hour = scan::digits(&mut rest, 2, 2)?;
    let separated = scan::byte(&mut rest, b':');
    letters.minute = scan::digits(&mut rest, 2, 2)?;
    let seconds = if separated {
        scan::byte(&mut rest, b':')
    } else {
        rest.first().is_some_and(u8::is_ascii_digit)
    };
    if seconds {
        letters.second = scan::digits(&mut rest, 2, 2)?;
        if matches!(rest.first(), Some(b'.' | b',')) {
            rest = &rest[1..];
            scan::skip_digits(&mut rest)?;
        }
    }
    scan::blanks(&mut rest);
    if !rest.is_empty() {
        letters.origin = Origin::Offset(scan::offset(&mut rest)?);
    }
    rest.is_empty().then_some(letters)
}

/// Seconds since 1970, of which `units` make one; fractions are dropped.
fn unix(text: &str, units: i64) -> Result<Moment, Mismatch> {
    let (whole, _) = decimal(text).ok_or(Mismatch::Shape)?;
    let whole = i64::try_from(whole).map_err(|_| Mismatch::Shape)?;
    let at = Timestamp::from_second(whole / units).map_err(|_| Mismatch::Shape)?;
    let wall = Offset::UTC.to_datetime(at);
    in_years(wall.date())?;
    Ok(Moment { wall, origin: Origin::Offset(Offset::UTC) })
}

/// Days since 1899-12-30 with the time of day as a fraction, rounded to the second. (Spreadsheets
/// count from 1900-01-01 as day 1 and believe in a 1900-02-29; from March 1900 on that is the
/// same.)
fn excel(text: &str) -> Result<Moment, Mismatch> {
    const EPOCH: Date = date(1899, 12, 30);
    const SECONDS: u64 = 86_400;
    let (days, fraction) = decimal(text).ok_or(Mismatch::Shape)?;
    let mut seconds = days.checked_mul(SECONDS).ok_or(Mismatch::Shape)?;
    // Ten digits are exact to some microseconds, and the product fits.
    let (mut part, mut unit) = (0u64, 1u64);
    for digit in fraction.bytes().take(10) {
        part = part * 10 + u64::from(digit - b'0');
        unit *= 10;
    }
    seconds += (part * SECONDS + unit / 2) / unit;
    let days = i64::try_from(seconds / SECONDS).map_err(|_| Mismatch::Shape)?;
    let day = EPOCH
        .checked_add(jiff::SignedDuration::from_hours(days.min(1 << 30) * 24))
        .map_err(|_| Mismatch::Shape)?;
    in_years(day)?;
    let time = |unit: u64, most: u64| i8::try_from(seconds / unit % most).unwrap_or(0);
    let wall = day.at(time(3600, 24), time(60, 60), time(1, 60), 0);
    Ok(Moment { wall, origin: Origin::Unsaid })
}

/// Whole part and fraction of a plain number with a decimal point or comma: `45384.34`.
fn decimal(text: &str) -> Option<(u64, &str)> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(whole) && digits(fraction))
        .then(|| whole.parse().ok().map(|whole| (whole, fraction)))?
}

fn in_years(day: Date) -> Result<(), Mismatch> {
    if YEARS.contains(&day.year()) { Ok(()) } else { Err(Mismatch::Year(day.year())) }
}

impl Letters {
    /// The moment that was read, if the calendar has it.
    fn moment(&self) -> Result<Moment, Mismatch> {
        if self.hour > 23 || self.minute > 59 || self.second > 59 || !(1..=12).contains(&self.month)
        {
            return Err(Mismatch::Shape);
        }
        let small = |number: i16| i8::try_from(number).map_err(|_| Mismatch::Shape);
        let hour = match self.afternoon {
            None => self.hour,
            Some(_) if !(1..=12).contains(&self.hour) => return Err(Mismatch::Shape),
            Some(afternoon) => self.hour % 12 + if afternoon { 12 } else { 0 },
        };
        let (month, day) = (small(self.month)?, small(self.day)?);
        if !(1..=31).contains(&day) {
            return Err(Mismatch::Shape);
        }
        if !YEARS.contains(&self.year) {
            return Err(Mismatch::Year(self.year));
        }
        let day = Date::new(self.year, month, day).map_err(|_| Mismatch::NoSuchDay)?;
        if self.weekday.is_some_and(|weekday| weekday != day.weekday()) {
            return Err(Mismatch::WrongWeekday);
        }
        let wall: DateTime = day.at(small(hour)?, small(self.minute)?, small(self.second)?, 0);
        Ok(Moment { wall, origin: self.origin })
    }
}
