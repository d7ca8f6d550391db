//! `combine`: the values that the rows of a group give for one field, brought to one.
//!
//! Sums and extremes of amounts are exact: decimal numbers are kept as whole numbers of their
//! smallest part.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::str::FromStr;

/// How the rows' values become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Combine {
    /// The first that is not empty.
    #[default]
    First,
    /// The last that is not empty.
    Last,
    /// All added up.
    Sum,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// How many are not empty.
    Count,
    /// All, one after the other.
    Join,
    /// The different ones, one after the other.
    Unique,
}

impl Combine {
    /// The words of the language.
    pub(super) const WORDS: &'static str =
        r#"one of "first", "last", "sum", "min", "max", "count", "join", "unique""#;
}

impl FromStr for Combine {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Ok(match word {
            "first" => Self::First,
            "last" => Self::Last,
            "sum" => Self::Sum,
            "min" => Self::Min,
            "max" => Self::Max,
            "count" => Self::Count,
            "join" => Self::Join,
            "unique" => Self::Unique,
            _ => return Err(()),
        })
    }
}

/// Values of rows on their way to one; empty ones are not handed in.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    values: Vec<String>,
}

impl Gathered {
    /// Takes the value of one more row.
    pub(super) fn add(&mut self, value: &str) {
        self.values.push(value.to_owned());
    }

    /// Whether more than one came, and all of them are equal.
    pub(super) fn all_equal(&self) -> bool {
        self.values.len() > 1 && self.values.iter().all(|value| *value == self.values[0])
    }

    /// Writes what `combine` makes of them into `out`; nothing where none came. An error is the
    /// place (from 0, in order of coming) of a value that is no number.
    pub(super) fn write(
        &self,
        combine: Combine,
        separator: &str,
        out: &mut String,
    ) -> Result<(), usize> {
        out.clear();
        let Some(first) = self.values.first() else { return Ok(()) };
        match combine {
            Combine::First => out.push_str(first),
            Combine::Last => out.push_str(self.values.last().unwrap_or(first)),
            Combine::Count => _ = write!(out, "{}", self.values.len()),
            Combine::Join => out.push_str(&self.values.join(separator)),
            Combine::Unique => {
                let mut seen: Vec<&str> = Vec::new();
                for value in &self.values {
                    if !seen.contains(&value.as_str()) {
                        seen.push(value);
                    }
                }
                out.push_str(&seen.join(separator));
            }
            Combine::Sum => {
                let mut sum = Decimal::ZERO;
                for (place, value) in self.values.iter().enumerate() {
                    sum = Decimal::parse(value).and_then(|value| sum.plus(value)).ok_or(place)?;
                }
                sum.write(out);
            }
            Combine::Min => out.push_str(self.extreme(Ordering::Less)),
            Combine::Max => out.push_str(self.extreme(Ordering::Greater)),
        }
        Ok(())
    }

    /// The least or the greatest: as numbers where all are, else as text, which is right for dates
    /// in the webhook's form.
    fn extreme(&self, wanted: Ordering) -> &str {
        let numbers: Option<Vec<Decimal>> =
            self.values.iter().map(|value| Decimal::parse(value)).collect();
        let mut best = 0;
        for place in 1..self.values.len() {
            let order = match &numbers {
                Some(numbers) => numbers[place].compare(numbers[best]),
                None => self.values[place].cmp(&self.values[best]),
            };
            if order == wanted {
                best = place;
            }
        }
        self.values.get(best).map_or("", String::as_str)
    }
}

/// A decimal number: `units` of a `10^-scale`th.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Decimal {
    units: i128,
    scale: u32,
}

impl Decimal {
    const ZERO: Self = Self { units: 0, scale: 0 };

    /// Reads digits with an optional sign and a decimal point; `None` for anything else, or too
    /// many digits.
    fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit());
        if whole.len() + part.len() == 0 || whole.len() + part.len() > 30 || !all_digits {
            return None;
        }
        let units: i128 = format!("{whole}{part}").parse().ok()?;
        Some(Self {
            units: if negative { -units } else { units },
            scale: u32::try_from(part.len()).ok()?,
        })
    }

    fn at_scale(self, scale: u32) -> Option<i128> {
        self.units.checked_mul(10_i128.checked_pow(scale.checked_sub(self.scale)?)?)
    }

    fn plus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let units = self.at_scale(scale)?.checked_add(other.at_scale(scale)?)?;
        Some(Self { units, scale })
    }

    fn compare(self, other: Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        match (self.at_scale(scale), other.at_scale(scale)) {
            (Some(one), Some(another)) => one.cmp(&another),
            _ => (self.units.signum(), self.scale).cmp(&(other.units.signum(), other.scale)),
        }
    }

    fn write(self, out: &mut String) {
        let digits = format!("{:0>1$}", self.units.unsigned_abs(), self.scale as usize + 1);
        let (whole, part) = digits.split_at(digits.len() - self.scale as usize);
        if self.units < 0 {
            out.push('-');
        }
        out.push_str(whole);
        if !part.is_empty() {
            out.push('.');
            out.push_str(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn combined(combine: Combine, values: &[&str]) -> Result<String, usize> {
        let mut gathered = Gathered::default();
        for value in values {
            gathered.add(value);
        }
        let mut out = String::from("old");
        gathered.write(combine, ", ", &mut out).map(|()| out)
    }

    #[test]
    fn each_way_has_its_value() {
        let values = ["2.50", "10", "2.50"];
        for (combine, expected) in [
            (Combine::First, "2.50"),
            (Combine::Last, "2.50"),
            (Combine::Sum, "15.00"),
            (Combine::Min, "2.50"),
            (Combine::Max, "10"),
            (Combine::Count, "3"),
            (Combine::Join, "2.50, 10, 2.50"),
            (Combine::Unique, "2.50, 10"),
        ] {
            assert_eq!(combined(combine, &values), Ok(expected.to_owned()), "{combine:?}");
            assert_eq!(combined(combine, &[]), Ok(String::new()), "{combine:?} of nothing");
        }
        assert_eq!(
            combined(Combine::Max, &["2026-09-01", "2026-11-24"]),
            Ok("2026-11-24".to_owned())
        );
    }

    #[test]
    fn what_is_no_number_cannot_be_added_up() {
        for bad in ["", "1,5", "1.2.3", "abc", "-", ".", "1e3"] {
            assert_eq!(combined(Combine::Sum, &["1", bad]), Err(1), "{bad:?}");
        }
        assert_eq!(combined(Combine::Sum, &["-0.05", "0.01"]), Ok("-0.04".to_owned()));
        assert_eq!(combined(Combine::Sum, &[".5", "+1"]), Ok("1.5".to_owned()));
    }

    proptest! {
        #[test]
        fn cents_add_up_exactly(cents in prop::collection::vec(-1_000_000_i64..1_000_000, 1..20)) {
            let shown = |cents: i64| {
                let sign = if cents < 0 { "-" } else { "" };
                format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100)
            };
            let texts: Vec<String> = cents.iter().map(|cents| shown(*cents)).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            prop_assert_eq!(combined(Combine::Sum, &texts), Ok(shown(cents.iter().sum())));
        }
    }
}
