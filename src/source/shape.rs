//! What a cell looks like: a column's name, or a kind of data. And what a record of such cells
//! looks like.
//!
//! Pure; `dialect` and `header` judge the first records of a file by it.

use super::record::{Cut, Cutter, blank_lines};
use crate::row::Dialect;

/// Records that are looked at.
pub(super) const RECORDS: usize = 500;
/// A cell of more bytes is prose, whatever stands in it.
const PROSE: usize = 120;
/// So many digits in a row of a number or a code are no column's name.
const MANY_DIGITS: usize = 5;

const MONTHS: [&str; 15] = [
    "jan", "feb", "mar", "mär", "apr", "may", "mai", "jun", "jul", "aug", "sep", "oct", "okt",
    "nov", "dec",
];

/// What a cell looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Class {
    /// Nothing in it.
    Empty,
    /// Words, as in a column's name; also any other text.
    Words,
    /// A short number, an amount, a truth value.
    Number,
    /// A number or a code with many digits.
    Long,
    /// A date.
    Date,
    /// An e-mail address.
    Mail,
    /// A web address.
    Link,
}

impl Class {
    pub(super) fn of(cell: &str) -> Self {
        let cell = cell.trim_matches(|c: char| {
            c.is_whitespace() || matches!(c, '"' | '\'' | '=' | '\u{FEFF}')
        });
        if cell.is_empty() {
            return Self::Empty;
        }
        if cell.len() > PROSE {
            return Self::Words;
        }
        if cell.starts_with("http://") || cell.starts_with("https://") {
            return Self::Link;
        }
        if !cell.contains(' ')
            && cell
                .split_once('@')
                .is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
        {
            return Self::Mail;
        }
        let digits = cell.chars().filter(char::is_ascii_digit).count();
        let letters = cell.chars().filter(|c| c.is_alphabetic()).count();
        if is_date(cell, digits, letters) {
            return Self::Date;
        }
        if letters == 0 {
            return match digits {
                0 => Self::Words,
                _ if digits < MANY_DIGITS || cell.contains(['.', ',']) => Self::Number,
                _ => Self::Long,
            };
        }
        if matches!(cell, "true" | "false" | "TRUE" | "FALSE" | "True" | "False") {
            return Self::Number;
        }
        if digits >= 4 && digits >= letters {
            return if digits < MANY_DIGITS { Self::Number } else { Self::Long };
        }
        // A price with its currency.
        if letters <= 3
            && digits > 0
            && cell.starts_with(|c: char| c.is_ascii_digit())
            && cell.contains(['.', ','])
        {
            return Self::Number;
        }
        Self::Words
    }

    pub(super) const fn is_data(self) -> bool {
        !matches!(self, Self::Empty | Self::Words)
    }

    /// Whether hardly a column is called so.
    pub(super) const fn is_plainly_data(self) -> bool {
        matches!(self, Self::Long | Self::Date | Self::Mail | Self::Link)
    }
}

fn is_date(cell: &str, digits: usize, letters: usize) -> bool {
    if digits < 3 || letters > 14 {
        return false;
    }
    let start = cell.split(|c: char| c.is_whitespace() || c == 'T').next().unwrap_or_default();
    for separator in ['-', '/', '.'] {
        let parts: Vec<&str> = start.trim_end_matches(',').split(separator).collect();
        let numeric = |part: &&str| {
            (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if parts.len() == 3 && parts.iter().all(numeric) && parts.iter().any(|part| part.len() <= 2)
        {
            return true;
        }
    }
    let named = cell
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| (3..=9).contains(&word.len()))
        .any(|word| {
            let lower = word.to_lowercase();
            MONTHS.iter().any(|month| lower.starts_with(month)) || lower == "dez"
        });
    named && digits <= 16 && letters <= 12
}

/// One of the first records of a file.
#[derive(Debug)]
pub(super) struct Record {
    /// Its cells, trimmed.
    pub(super) cells: Vec<String>,
    /// What each looks like.
    pub(super) classes: Vec<Class>,
    /// How many are not empty.
    pub(super) filled: usize,
    /// Where the last cell ends that is not empty, as a count of cells.
    pub(super) width: usize,
}

impl Record {
    pub(super) fn new(cells: Vec<String>) -> Self {
        let classes: Vec<Class> = cells.iter().map(|cell| Class::of(cell)).collect();
        let filled = cells.iter().filter(|cell| !cell.is_empty()).count();
        let width = cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
        Self { cells, classes, filled, width }
    }

    pub(super) fn count(&self, is: impl Fn(Class) -> bool) -> usize {
        self.classes.iter().filter(|class| is(**class)).count()
    }

    pub(super) fn class(&self, column: usize) -> Class {
        self.classes.get(column).copied().unwrap_or(Class::Empty)
    }

    /// Cells that are not empty, with their columns.
    pub(super) fn texts(&self) -> impl Iterator<Item = (usize, &str)> {
        self.cells.iter().map(String::as_str).enumerate().filter(|(_, cell)| !cell.is_empty())
    }

    /// Whether its cells are names that programs use: `order-id`, `orderId`, `order_id`.
    pub(super) fn is_for_machines(&self) -> bool {
        let is_name = |cell: &str| {
            cell.starts_with(|c: char| c.is_ascii_alphabetic())
                && cell
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_-./:#".contains(&byte))
        };
        let is_joined = |cell: &str| {
            let turns = |two: &[u8]| two[0].is_ascii_lowercase() && two[1].is_ascii_uppercase();
            cell.contains(['-', '_', '.']) || cell.as_bytes().windows(2).any(turns)
        };
        let names = self.texts().filter(|(_, cell)| is_name(cell)).count();
        let joined = self.texts().filter(|(_, cell)| is_name(cell) && is_joined(cell)).count();
        self.filled > 0 && 5 * names >= 4 * self.filled && 2 * joined >= self.filled
    }
}

/// The first records of the text that starts with `sample`; `last` says that nothing follows it.
/// Blank lines are none, bare delimiters are.
pub(super) fn records(sample: &[u8], last: bool, dialect: Dialect) -> Vec<Record> {
    let mut cutter = Cutter::new(dialect);
    let mut records = Vec::new();
    let mut rest = sample;
    while records.len() < RECORDS {
        rest = &rest[blank_lines(rest, last).0..];
        if rest.is_empty() {
            break;
        }
        let Cut::Record(extent) = cutter.cut(rest, last) else { break };
        if extent.plain {
            cutter.split(&rest[..extent.len]);
        }
        records.push(Record::new(
            cutter.cells().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect(),
        ));
        rest = &rest[extent.next..];
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_told_from_the_names_of_columns() {
        let cases = [
            (
                Class::Date,
                "2026-11-01 2026-11-01T10:00:00+00:00 12/26/21 28.10.2025 Jul-25-26 10-Dez-25",
            ),
            (Class::Mail, "ada@example.com"),
            (Class::Link, "https://example.com/7"),
            (
                Class::Long,
                "576912345678901001 24-14934-88735 S00003 1Z999AA10123456784 +49-89-123456 '01630",
            ),
            (Class::Number, "1 $24.97 0,5 -3.00 true"),
            (
                Class::Words,
                "Order order-id Name Address_1 PO# Código № 電話番号 # Tax1Name Mug mars-bar",
            ),
            (Class::Empty, "\"\" ="),
        ];
        for (class, cells) in cases {
            for cell in cells.split(' ') {
                assert_eq!(Class::of(cell), class, "{cell}");
            }
        }
        assert_eq!(Class::of("Dec 8, 2024"), Class::Date);
        assert_eq!(Class::of("116,99 €"), Class::Number);
        assert_eq!(Class::of("destino_email(obligatorio, debe ser un email valido)"), Class::Words);
        assert_eq!(Class::of("Market - Store Name"), Class::Words);
    }

    #[test]
    fn names_for_machines_are_joined_ascii_words() {
        let machines = |cells: &[&str]| {
            Record::new(cells.iter().map(|cell| (*cell).to_owned()).collect()).is_for_machines()
        };
        assert!(machines(&["order-id", "order-item-id", "quantity", "ship-date"]));
        assert!(machines(&["orderId", "shipTo.name", "qty"]));
        assert!(!machines(&["Order ID", "Order Status", "Quantity"]));
        assert!(!machines(&["order", "name", "city"]));
        assert!(!machines(&["注文番号", "出荷数"]));
    }
}
