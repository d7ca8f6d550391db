//! What a date of a format looks like, for the people who have to mend one:
//! `31.12.2026 (%d.%m.%Y)`.

use super::format::{DateFormat, Way};
use super::pattern::{Item, Unit};

/// An example for each format with the format behind it, joined by "or".
pub(super) fn of_all(formats: &[DateFormat]) -> String {
    let mut all = String::new();
    for format in formats {
        if !all.is_empty() {
            all.push_str(" or ");
        }
        push_example(&format.way, &mut all);
        all.push_str(" (");
        all.push_str(format.as_str());
        all.push(')');
    }
    let names = |format: &DateFormat| match &format.way {
        Way::Pattern(items) => items.iter().any(|item| matches!(item, Item::Month | Item::Weekday)),
        _ => false,
    };
    if formats.iter().any(names) {
        all.push_str("; names of months and weekdays are read in English");
    }
    all
}

/// The last evening of 2026, a Thursday: day, month and year cannot be taken for each other.
fn push_example(way: &Way, out: &mut String) {
    let items = match way {
        Way::Iso8601 => return out.push_str("2026-12-31T18:30:00+01:00"),
        Way::Unix => return out.push_str("1798738200"),
        Way::UnixMs => return out.push_str("1798738200000"),
        Way::Excel => return out.push_str("46387.770833"),
        Way::Pattern(items) => items,
    };
    for item in items {
        out.push_str(match item {
            Item::Text(text) => text,
            Item::Blank => " ",
            Item::Padding => "",
            Item::Number(Unit::Year, _) => "2026",
            Item::Number(Unit::YearOfCentury, _) => "26",
            Item::Number(Unit::Month, _) => "12",
            Item::Number(Unit::Day, _) => "31",
            Item::Number(Unit::Hour, _) => "18",
            Item::Number(Unit::HalfDayHour, _) => "06",
            Item::Number(Unit::Minute, _) => "30",
            Item::Number(Unit::Second, _) => "00",
            Item::Month => "Dec",
            Item::Weekday => "Thu",
            Item::HalfDay => "PM",
            Item::Fraction(true) => ".000",
            Item::Fraction(false) => "000",
            Item::Offset => "+0100",
            Item::ZoneLetters => "CET",
        });
    }
}
