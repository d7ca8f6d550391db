//! A value read by the items of a format, and the small steps that `iso8601` takes too.
//!
//! Stricter than most readers of such formats, since a date that is read wrongly looks right:
//! numbers have one or two digits (exactly two, and years four, where digits follow digits), a
//! blank needs a blank, nothing may be left over. Each step takes what it reads from the front of
//! `rest`; after a `None` the value does not match.

use jiff::civil::Weekday;
use jiff::tz::Offset;

use super::Origin;
use super::pattern::{Item, Unit, Width};

/// What was read of a value; what is missing is at the day's start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Letters {
    pub(super) year: i16,
    pub(super) month: i16,
    pub(super) day: i16,
    pub(super) hour: i16,
    pub(super) minute: i16,
    pub(super) second: i16,
    pub(super) afternoon: Option<bool>,
    pub(super) weekday: Option<Weekday>,
    pub(super) origin: Origin,
}

impl Default for Letters {
    fn default() -> Self {
        let (afternoon, weekday, origin) = (None, None, Origin::Unsaid);
        Self {
            year: 0,
            month: 0,
            day: 0,
            hour: 0,
            minute: 0,
            second: 0,
            afternoon,
            weekday,
            origin,
        }
    }
}

/// Reads a value by its items; `None` where it looks different.
pub(super) fn read(items: &[Item], text: &str) -> Option<Letters> {
    let mut letters = Letters::default();
    let mut rest = text.as_bytes();
    for item in items {
        match item {
            Item::Text(text) => rest = rest.strip_prefix(text.as_bytes())?,
            Item::Blank => blanks(&mut rest).then_some(())?,
            Item::Padding => _ = blanks(&mut rest),
            Item::Number(unit, width) => {
                let most = if *unit == Unit::Year { 4 } else { 2 };
                let least =
                    if *width == Width::Full || *unit == Unit::YearOfCentury { most } else { 1 };
                let number = digits(&mut rest, least, most)?;
                match unit {
                    Unit::Year => letters.year = number,
                    // POSIX: 69 to 99 are of the last century.
                    Unit::YearOfCentury => {
                        letters.year = number + if number < 69 { 2000 } else { 1900 }
                    }
                    Unit::Month => letters.month = number,
                    Unit::Day => letters.day = number,
                    Unit::Hour | Unit::HalfDayHour => letters.hour = number,
                    Unit::Minute => letters.minute = number,
                    Unit::Second => letters.second = number,
                }
            }
            Item::Month => {
                let index = name(&mut rest, &MONTHS)?;
                letters.month = i16::try_from(index + 1).ok()?;
            }
            Item::Weekday => {
                let index = name(&mut rest, &WEEKDAYS)?;
                letters.weekday = Weekday::from_monday_zero_offset(i8::try_from(index).ok()?).ok();
            }
            Item::HalfDay => letters.afternoon = Some(half_day(&mut rest)?),
            Item::Fraction(false) => skip_digits(&mut rest)?,
            Item::Fraction(true) => {
                if byte(&mut rest, b'.') || byte(&mut rest, b',') {
                    skip_digits(&mut rest)?;
                }
            }
            Item::Offset => letters.origin = Origin::Offset(offset(&mut rest)?),
            Item::ZoneLetters => {
                let origin = zone_letters(&mut rest)?;
                // An offset beside the letters is certain.
                if !matches!(letters.origin, Origin::Offset(_)) {
                    letters.origin = origin;
                }
            }
        }
    }
    rest.is_empty().then_some(letters)
}

/// Takes a number of `least` to `most` (at most 4) digits.
pub(super) fn digits(rest: &mut &[u8], least: usize, most: usize) -> Option<i16> {
    let mut number = 0;
    let mut taken = 0;
    while taken < most
        && let Some(digit) = rest.get(taken).filter(|byte| byte.is_ascii_digit())
    {
        number = number * 10 + i16::from(digit - b'0');
        taken += 1;
    }
    *rest = &rest[taken..];
    (taken >= least).then_some(number)
}

/// Takes one to nine digits that are not needed.
pub(super) fn skip_digits(rest: &mut &[u8]) -> Option<()> {
    let taken = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    *rest = &rest[taken..];
    (1..=9).contains(&taken).then_some(())
}

/// Takes `wanted` if it comes next.
pub(super) fn byte(rest: &mut &[u8], wanted: u8) -> bool {
    let found = rest.first() == Some(&wanted);
    if found {
        *rest = &rest[1..];
    }
    found
}

/// Takes blanks, also the hard and narrow ones that some exports put before AM and PM; whether
/// there were any.
pub(super) fn blanks(rest: &mut &[u8]) -> bool {
    let before = rest.len();
    loop {
        *rest = match *rest {
            // U+00A0; U+2009 and U+202F
            [b' ' | b'\t', after @ ..]
            | [0xC2, 0xA0, after @ ..]
            | [0xE2, 0x80, 0x89 | 0xAF, after @ ..] => after,
            _ => return rest.len() < before,
        };
    }
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Takes one of `names` in any case, whole or cut to three letters (four: `Sept`, `Tues`, `Thur`);
/// its index.
fn name(rest: &mut &[u8], names: &[&str]) -> Option<usize> {
    let word = letters(rest);
    let index = names.iter().position(|name| {
        let whole = name.as_bytes();
        (matches!(word.len(), 3 | 4) || word.len() == whole.len())
            && whole.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
    })?;
    *rest = &rest[word.len()..];
    Some(index)
}

fn letters<'a>(rest: &&'a [u8]) -> &'a [u8] {
    // A letter beyond ASCII belongs to the word too, so that it does not match: `Déc`, `März`.
    let end = rest
        .iter()
        .position(|byte| !byte.is_ascii_alphabetic() && byte.is_ascii())
        .unwrap_or(rest.len());
    &rest[..end]
}

/// Takes `AM`, `pm`, `a.m.`; whether it is the afternoon.
fn half_day(rest: &mut &[u8]) -> Option<bool> {
    let afternoon = match rest.first()? {
        b'A' | b'a' => false,
        b'P' | b'p' => true,
        _ => return None,
    };
    *rest = &rest[1..];
    let dotted = byte(rest, b'.');
    if !byte(rest, b'M') && !byte(rest, b'm') || dotted && !byte(rest, b'.') {
        return None;
    }
    Some(afternoon)
}

/// Takes `Z`, `UTC`, `GMT`, or a sign with hours and perhaps minutes: `+02:00`, `-0530`, `+02`.
pub(super) fn offset(rest: &mut &[u8]) -> Option<Offset> {
    let sign = match rest.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => {
            let word = letters(rest);
            *rest = &rest[word.len()..];
            let utc =
                [&b"Z"[..], b"UTC", b"GMT"].iter().any(|known| known.eq_ignore_ascii_case(word));
            return utc.then_some(Offset::UTC);
        }
    };
    *rest = &rest[1..];
    let hours = digits(rest, 2, 2)?;
    let minutes = match *rest {
        [b':', ..] => {
            *rest = &rest[1..];
            digits(rest, 2, 2)?
        }
        [b'0'..=b'9', ..] => digits(rest, 2, 2)?,
        _ => 0,
    };
    if hours > 15 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60)).ok()
}

/// Letters that tell one offset, with its hours: those of RFC 2822 and central Europe's.
const HOURS: [(&[u8], i8); 13] = [
    (b"UTC", 0),
    (b"GMT", 0),
    (b"Z", 0),
    (b"EDT", -4),
    (b"EST", -5),
    (b"CDT", -5),
    (b"CST", -6),
    (b"MDT", -6),
    (b"MST", -7),
    (b"PDT", -7),
    (b"PST", -8),
    (b"CET", 1),
    (b"CEST", 2),
];

/// Takes the letters of a time zone. Most stand for several offsets.
fn zone_letters(rest: &mut &[u8]) -> Option<Origin> {
    let word = letters(rest);
    if !(1..=5).contains(&word.len()) || !word.is_ascii() {
        return None;
    }
    *rest = &rest[word.len()..];
    let known = HOURS.iter().find(|(letters, _)| letters.eq_ignore_ascii_case(word));
    Some(known.map_or(Origin::Uncertain, |(_, hours)| Origin::Offset(Offset::constant(*hours))))
}
