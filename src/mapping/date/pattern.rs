//! A strftime format, parsed once into items; `scan` reads values by them.
//!
//! What would let a date be read wrongly is refused here: a part that is missing or given twice, a
//! 12-hour clock without its half of the day.

use super::format::DateFormatError;

/// The letters that have a meaning, for messages.
pub(super) const KNOWN: &str = "%Y %y (year), %m %b %B (month), %d %e (day), %a %A (weekday), %H %k (hour), \
     %I %l with %p (12-hour clock), %M (minute), %S (second), %f %.f (fraction), %z (offset), %Z (zone's letters), \
     %F %T %R %D, %%; seconds since 1970 are \"unix\"";

/// What stands in a value at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// Exactly this text.
    Text(String),
    /// One blank or more.
    Blank,
    /// Blanks, or none: a padded number follows.
    Padding,
    /// A number.
    Number(Unit, Width),
    /// A month's English name, long or short.
    Month,
    /// A weekday's English name, long or short.
    Weekday,
    /// `AM` or `p.m.`
    HalfDay,
    /// Digits behind the decimal point of the seconds; with `true` the point too, and all of it
    /// optional.
    Fraction(bool),
    /// `+02:00`, `+0200`, `+02`, `Z`, `UTC`.
    Offset,
    /// `UTC`, `EST`, `CEST`: letters that name a time zone.
    ZoneLetters,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Year,
    YearOfCentury,
    Month,
    Day,
    Hour,
    HalfDayHour,
    Minute,
    Second,
}

/// How many digits a number has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// As many as are there, up to the most.
    Free,
    /// The most, since digits follow or go before.
    Full,
}

/// Reads a format that has at least one `%`.
pub(super) fn parse(text: &str) -> Result<Vec<Item>, DateFormatError> {
    let mut items = Vec::new();
    push_all(text, &mut items)?;
    for at in 1..items.len() {
        let reads_digits = |item: &Item| matches!(item, Item::Number(..) | Item::Fraction(false));
        if reads_digits(&items[at - 1]) && reads_digits(&items[at]) {
            for item in &mut items[at - 1..=at] {
                if let Item::Number(_, width) = item {
                    *width = Width::Full;
                }
            }
        }
    }
    check(&items)?;
    Ok(items)
}

fn push_all(text: &str, items: &mut Vec<Item>) -> Result<(), DateFormatError> {
    let number = |unit| Item::Number(unit, Width::Free);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            push_text(c, items);
            continue;
        }
        let start = chars.as_str();
        let mut letter = chars.next().ok_or(DateFormatError::Dangling)?;
        // Flags that say how to pad when writing: `%-d` is read like `%d`, `%_d` may have blanks.
        if matches!(letter, '-' | '0' | '_') {
            if letter == '_' {
                items.push(Item::Padding);
            }
            letter = chars.next().ok_or(DateFormatError::Dangling)?;
        }
        let dot = letter == '.';
        while letter == '.'
            || letter == ':'
            || (letter.is_ascii_digit() && chars.as_str().starts_with('f'))
        {
            letter = chars.next().ok_or(DateFormatError::Dangling)?;
        }
        let written = &start[..start.len() - chars.as_str().len()];
        match (letter, written.len()) {
            ('f', _) => items.push(Item::Fraction(dot)),
            ('z', _) if !dot => items.push(Item::Offset),
            _ if written.starts_with(['.', ':']) => {
                return Err(DateFormatError::UnknownLetter(format!("%{written}")));
            }
            ('Y', _) => items.push(number(Unit::Year)),
            ('y', _) => items.push(number(Unit::YearOfCentury)),
            ('m', _) => items.push(number(Unit::Month)),
            ('b' | 'B' | 'h', _) => items.push(Item::Month),
            ('d', _) => items.push(number(Unit::Day)),
            ('e', _) => items.extend([Item::Padding, number(Unit::Day)]),
            ('H', _) => items.push(number(Unit::Hour)),
            ('k', _) => items.extend([Item::Padding, number(Unit::Hour)]),
            ('I', _) => items.push(number(Unit::HalfDayHour)),
            ('l', _) => items.extend([Item::Padding, number(Unit::HalfDayHour)]),
            ('p' | 'P', _) => items.push(Item::HalfDay),
            ('M', _) => items.push(number(Unit::Minute)),
            ('S', _) => items.push(number(Unit::Second)),
            ('a' | 'A', _) => items.push(Item::Weekday),
            ('Z', _) => items.push(Item::ZoneLetters),
            ('F', _) => push_all("%Y-%m-%d", items)?,
            ('T', _) => push_all("%H:%M:%S", items)?,
            ('R', _) => push_all("%H:%M", items)?,
            ('D', _) => push_all("%m/%d/%y", items)?,
            ('n' | 't', _) => push_text(' ', items),
            ('%', _) => push_text('%', items),
            _ => return Err(DateFormatError::UnknownLetter(format!("%{written}"))),
        }
    }
    Ok(())
}

fn push_text(c: char, items: &mut Vec<Item>) {
    match items.last_mut() {
        _ if c.is_whitespace() => {
            if items.last() != Some(&Item::Blank) {
                items.push(Item::Blank);
            }
        }
        Some(Item::Text(text)) => text.push(c),
        _ => items.push(Item::Text(c.to_string())),
    }
}

/// Whether a format gives a whole date, each part once, and hours that are certain.
fn check(items: &[Item]) -> Result<(), DateFormatError> {
    let count = |wanted: &dyn Fn(&Item) -> bool| items.iter().filter(|item| wanted(item)).count();
    let number =
        |unit: Unit| count(&|item| matches!(item, Item::Number(found, _) if *found == unit));
    let parts = [
        ("the year", number(Unit::Year) + number(Unit::YearOfCentury)),
        ("the month", number(Unit::Month) + count(&|item| *item == Item::Month)),
        ("the day", number(Unit::Day)),
        ("the hour", number(Unit::Hour) + number(Unit::HalfDayHour)),
        ("the minute", number(Unit::Minute)),
        ("the second", number(Unit::Second)),
        ("AM or PM", count(&|item| *item == Item::HalfDay)),
        ("the weekday", count(&|item| *item == Item::Weekday)),
        ("the offset", count(&|item| matches!(item, Item::Offset))),
    ];
    let missing: Vec<_> =
        parts[..3].iter().filter(|(_, times)| *times == 0).map(|(name, _)| *name).collect();
    if !missing.is_empty() {
        return Err(DateFormatError::Incomplete(missing));
    }
    if number(Unit::HalfDayHour) != count(&|item| *item == Item::HalfDay) {
        return Err(DateFormatError::HalfClock);
    }
    if let Some((name, _)) = parts.iter().find(|(_, times)| *times > 1) {
        return Err(DateFormatError::Twice(name));
    }
    for pair in parts[3..6].windows(2) {
        if pair[0].1 == 0 && pair[1].1 > 0 {
            return Err(DateFormatError::Without(pair[1].0, pair[0].0));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::mapping::date::{DateFormat, DateFormatError};

    #[test]
    fn formats_that_could_not_give_a_certain_date_are_refused() {
        for (text, error) in [
            ("%d.%m", DateFormatError::Incomplete(vec!["the year"])),
            ("%H:%M", DateFormatError::Incomplete(vec!["the year", "the month", "the day"])),
            ("%q %Y", DateFormatError::UnknownLetter("%q".to_owned())),
            ("%.S", DateFormatError::UnknownLetter("%.S".to_owned())),
            ("%5Y", DateFormatError::UnknownLetter("%5".to_owned())),
            ("%F %", DateFormatError::Dangling),
            ("%F %-", DateFormatError::Dangling),
            ("%F %I:%M", DateFormatError::HalfClock),
            ("%F %H:%M %p", DateFormatError::HalfClock),
            ("%F %d", DateFormatError::Twice("the day")),
            ("%F %H %I %p", DateFormatError::Twice("the hour")),
            ("%F %M", DateFormatError::Without("the minute", "the hour")),
            ("%F %H:%S", DateFormatError::Without("the second", "the minute")),
        ] {
            assert_eq!(DateFormat::parse(text), Err(error), "{text}");
        }
        let message = DateFormat::parse("%Q").expect_err("unknown").to_string();
        assert!(
            message.starts_with("\"%Q\" is not known in a date format; known are %Y %y (year)"),
            "{message}"
        );
    }

    #[test]
    fn what_has_no_letters_is_answered_with_how_to_write_a_format() {
        let message = |text| DateFormat::parse(text).expect_err("no format").to_string();
        assert!(
            message("ISO-8601").ends_with("(did you mean iso8601?)"),
            "{}",
            message("ISO-8601")
        );
        assert!(message("DD.MM.YYYY").contains("as %d.%m.%Y or"), "{}", message("DD.MM.YYYY"));
    }
}
