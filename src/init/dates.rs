//! In which form a column's dates stand, settled over all its values: `03/04/2026` alone may be
//! April or March, but not beside `25/04/2026`.

use std::sync::LazyLock;

use crate::mapping::date::{DateFormat, DateRule};

/// Forms of a day, the unambiguous first; those of one set of digits in both orders stand side by
/// side.
const DAYS: [&str; 22] = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d.%m.%Y",
    "%m.%d.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d.%m.%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d-%m-%y",
    "%m-%d-%y",
    "%b %d, %Y",
    "%d %b %Y",
    "%d %b, %Y",
    "%d-%b-%y",
    "%d-%b-%Y",
    "%b-%d-%y",
    "%b-%d-%Y",
    "%a, %d %b %Y",
];

/// Forms of what may follow a day.
const TIMES: [&str; 10] = [
    "",
    " %H:%M:%S",
    " %H:%M",
    " %I:%M:%S %p",
    " %I:%M %p",
    " %H:%M:%S %z",
    " %H:%M %z",
    ", %H:%M:%S",
    ", %H:%M",
    ", %I:%M %p",
];

/// The form of a column's dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dates {
    /// Formats as a mapping's `date` takes them, the most frequent first; at least one.
    pub(super) formats: Vec<String>,
    /// Whether no value tells day and month apart, so that the order is a guess.
    pub(super) ambiguous: bool,
    /// Values that no format reads.
    pub(super) unread: usize,
}

impl Dates {
    /// The form of `values`, where at least nine in ten of them are dates. `day_first` settles what
    /// they leave open.
    pub(super) fn of(values: &[String], day_first: bool) -> Option<Self> {
        let dated = |value: &&String| {
            value.len() >= 6
                && value.len() <= 40
                && value.bytes().filter(u8::is_ascii_digit).count() >= 4
        };
        let values: Vec<&String> = values.iter().filter(|value| !value.is_empty()).collect();
        if values.is_empty()
            || values.iter().filter(|value| dated(value)).count() * 10 < values.len() * 9
        {
            return None;
        }
        let mut forms: Vec<(String, Vec<bool>)> = Vec::new();
        let named = values.iter().all(|value| value.contains(['-', 'T']) || value.len() == 8);
        for (form, rule) in RULES.iter().skip(usize::from(!named)) {
            let mut out = String::new();
            // A form that reads none of the first values reads none, or too few.
            let first = values.iter().take(20).any(|value| rule.apply(value, &mut out).is_ok());
            if first {
                let read = values.iter().map(|value| rule.apply(value, &mut out).is_ok()).collect();
                forms.push((form.clone(), read));
            }
        }
        Self::cover(&values, &forms, day_first)
    }

    /// Formats that read the values together, of one order of day and month.
    fn cover(values: &[&String], forms: &[(String, Vec<bool>)], day_first: bool) -> Option<Self> {
        let take = |order: Order| {
            let fit = |form: &str| Order::of(form).is_none_or(|its| its == order);
            let mut left = vec![true; values.len()];
            let mut formats = Vec::new();
            while formats.len() < 4 {
                let news = |read: &[bool]| {
                    read.iter().zip(&left).filter(|(read, left)| **read && **left).count()
                };
                // The first of the best: simpler forms come first.
                let best = forms
                    .iter()
                    .filter(|(form, _)| fit(form))
                    .rev()
                    .max_by_key(|(_, read)| news(read));
                let Some((form, read)) = best.filter(|(_, read)| news(read) > 0) else { break };
                formats.push(form.clone());
                left.iter_mut().zip(read).for_each(|(left, read)| *left &= !read);
            }
            (formats, left.into_iter().filter(|left| *left).count())
        };
        let (day, month) = (take(Order::DayFirst), take(Order::MonthFirst));
        let ordered = |formats: &[String]| formats.iter().any(|form| Order::of(form).is_some());
        let ambiguous = day.1 == month.1 && (ordered(&day.0) || ordered(&month.0));
        let (formats, unread) =
            if day.1 < month.1 || day.1 == month.1 && (day_first || !ordered(&month.0)) {
                day
            } else {
                month
            };
        (!formats.is_empty() && unread * 10 <= values.len()).then_some(Self {
            formats,
            ambiguous,
            unread,
        })
    }

    /// Whether day and month can be told by their places, and the day is first; `None` where that
    /// is no question.
    pub(super) fn is_day_first(&self) -> Option<bool> {
        let order = self.formats.iter().find_map(|form| Order::of(form))?;
        (!self.ambiguous).then_some(order == Order::DayFirst)
    }

    /// Whether it gives no time of day.
    pub(super) fn lacks_time(&self) -> bool {
        self.formats
            .iter()
            .all(|form| !form.contains("%H") && !form.contains("%I") && form != "iso8601")
    }
}

/// Which comes first where both are numbers and the year does not lead.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    DayFirst,
    MonthFirst,
}

impl Order {
    fn of(form: &str) -> Option<Self> {
        if form.starts_with("%d") && form.contains("%m") {
            Some(Self::DayFirst)
        } else if form.starts_with("%m") {
            Some(Self::MonthFirst)
        } else {
            None
        }
    }
}

/// All forms with their rules: ISO 8601, then the simpler ones first.
static RULES: LazyLock<Vec<(String, DateRule)>> = LazyLock::new(|| {
    let forms = TIMES.iter().flat_map(|time| DAYS.iter().map(move |day| format!("{day}{time}")));
    let rule = |form: String| {
        let rule = DateRule::new(vec![DateFormat::parse(&form).ok()?], None, None).ok()?;
        Some((form, rule))
    };
    std::iter::once("iso8601".to_owned()).chain(forms).filter_map(rule).collect()
});

/// Whether `value` is a time of day alone: `14:05`, `2:10:40 PM`.
pub(super) fn is_time(value: &str) -> bool {
    let value = value.to_ascii_uppercase();
    let clock = value.trim_end_matches(['A', 'P', 'M', ' ', '\u{202F}', '\u{A0}', '.']);
    let parts: Vec<&str> = clock.split(':').collect();
    (2..=3).contains(&parts.len())
        && parts.iter().all(|part| {
            (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Dates {
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        Dates::of(&values, false).unwrap_or_else(|| panic!("{values:?}"))
    }

    #[test]
    fn one_day_beyond_the_twelfth_settles_the_order_of_the_whole_column() {
        assert_eq!(of(&["03/04/2026", "25/04/2026"]).formats, ["%d/%m/%Y"]);
        assert_eq!(of(&["03/04/2026", "04/25/2026"]).formats, ["%m/%d/%Y"]);
        assert!(!of(&["03/04/2026", "04/25/2026"]).ambiguous);
        assert!(of(&["03/04/2026", "05/04/2026"]).ambiguous);
        assert!(Dates::of(&["25/04/2026".to_owned(), "04/25/2026".to_owned()], true).is_none());
    }

    #[test]
    fn the_forms_of_real_exports_are_found() {
        for (value, form) in [
            ("2021-04-08 17:24:41 +0200", "iso8601"),
            ("2026-09-22", "iso8601"),
            ("12/26/21", "%m/%d/%y"),
            ("4/22/2021 4:00:00 AM", "%m/%d/%Y %I:%M:%S %p"),
            ("7/25/2018 21:06", "%m/%d/%Y %H:%M"),
            ("28/10/2025 22:57:28", "%d/%m/%Y %H:%M:%S"),
            ("31-05-2026", "%d-%m-%Y"),
            ("Dec 11, 2024", "%b %d, %Y"),
            ("Jul-25-26", "%b-%d-%y"),
            ("20121005", "iso8601"),
            ("Mon, 23 Sep 2024 14:21:24 +0000", "%a, %d %b %Y %H:%M:%S %z"),
            ("28.10.2025", "%d.%m.%Y"),
        ] {
            assert_eq!(of(&[value]).formats, [form], "{value}");
        }
        assert_eq!(of(&["12/26/21", "12/26/2021"]).formats.len(), 2, "two forms in one column");
    }

    #[test]
    fn what_is_no_date_has_no_form() {
        for value in ["1001", "Ada Example", "12.50", "1Z999AA10123456784", "+49 30 5550101"] {
            assert_eq!(Dates::of(&[value.to_owned()], false), None, "{value}");
        }
        assert!(is_time("2:10:40 PM") && is_time("14:05") && !is_time("1001"));
    }
}
