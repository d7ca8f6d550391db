//! Foreign text (cells, answers, paths) made fit for a terminal, a message column or a page, and
//! the few words of English that several rooms need.
//!
//! Everything that came from outside passes [`printable`] or [`quoted`] before a person sees it: a
//! cell can hold terminal escapes, and an answer can be endless.

use std::ffi::OsStr;
use std::fmt::Write;

/// The most characters of one foreign text that are shown.
pub const MAX_SHOWN: usize = 200;

/// `text` on one line without control characters, escapes, or characters that reverse or hide what
/// is read, and cut to [`MAX_SHOWN`] characters.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(MAX_SHOWN));
    let mut spaced = true;
    let mut count = 0;
    for c in text.chars() {
        if count == MAX_SHOWN {
            shown.truncate(shown.trim_end().len());
            shown.push('…');
            return shown;
        }
        if matches!(c, ' ' | '\t' | '\n' | '\r') {
            if !spaced {
                shown.push(' ');
                count += 1;
            }
            spaced = true;
            continue;
        }
        shown.push(if is_unprintable(c) { '\u{FFFD}' } else { c });
        spaced = false;
        count += 1;
    }
    shown.truncate(shown.trim_end().len());
    shown
}

/// Control characters, and those that reverse or hide text: bidirectional marks, zero-width
/// characters, BOMs.
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{061C}' | '\u{00AD}')
}

/// `text` made printable, between double quotes.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", printable(text))
}

/// The letters over the column at `index` (from 0) in a spreadsheet: `A`, `Z`, `AA`.
pub fn column_letter(index: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = index + 1;
    while rest > 0 {
        rest -= 1;
        #[expect(clippy::cast_possible_truncation, reason = "the remainder of 26 fits a byte")]
        letters.push(char::from(b'A' + (rest % 26) as u8));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

/// `number` with a comma at each thousand: `12,400`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `1 row`, `12,400 rows`: a number with its noun, of which the plural is formed by an `s`.
pub fn counted(number: u64, noun: &str) -> String {
    let mut shown = thousands(number);
    let _ = write!(shown, " {noun}{}", if number == 1 { "" } else { "s" });
    shown
}

/// A length of time as an operator says it: `12 s`, `41 min`, `2 h 05 min`.
pub fn spoken(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs() + u64::from(duration.subsec_millis() >= 500);
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Those of `names` that look most like `wanted`, best first, at most three; for "did you mean".
pub fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let folded = fold(wanted);
    let mut near: Vec<(f64, &str)> = names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&folded, &fold(name)), name))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// A name without case, punctuation and spaces, for comparison.
pub fn fold(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric() || *c == '\u{FFFD}')
        .flat_map(char::to_lowercase)
        .collect()
}

/// A word as a shell takes it: bare where possible, else in quotes, with control characters as bash
/// and zsh spell them.
pub fn shell_word(word: &OsStr) -> String {
    let bare = |c: char| c.is_alphanumeric() || "-_./,:=@%+".contains(c);
    match word.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(bare) => text.to_owned(),
        Some(text) if !text.chars().any(is_unprintable) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => {
            let bytes = word.as_encoded_bytes().iter();
            let escaped = bytes.map(|&byte| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(byte)),
                b' '..=b'~' => char::from(byte).to_string(),
                _ => format!("\\x{byte:02x}"),
            });
            format!("$'{}'", escaped.collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn escapes_and_hidden_characters_never_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mred\u{202E}x\u{7}"), "a\u{FFFD}[31mred\u{FFFD}x\u{FFFD}");
        assert_eq!(printable("  two\r\n  lines\t"), "two lines");
        assert_eq!(printable(&"x".repeat(500)).chars().count(), MAX_SHOWN + 1);
        assert_eq!(printable("Zürich 日本 😀"), "Zürich 日本 😀");
    }

    #[test]
    fn columns_have_the_letters_of_a_spreadsheet() {
        let letters: Vec<_> = [0, 25, 26, 51, 52, 701, 702].map(column_letter).into();
        assert_eq!(letters, ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]);
    }

    #[test]
    fn numbers_and_times_are_written_for_people() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(1200, "row"), "1,200 rows");
        let shown = [0.02, 12.0, 119.6, 2460.0, 7500.0].map(|s| spoken(Duration::from_secs_f64(s)));
        assert_eq!(shown, ["20 ms", "12 s", "2 min", "41 min", "2 h 05 min"]);
    }

    #[test]
    fn the_nearest_name_is_found_in_spite_of_case_and_typing() {
        assert_eq!(
            nearest("Tracking No", ["Order", "Tracking Number", "tracking_no"]),
            ["tracking_no", "Tracking Number"]
        );
        assert_eq!(nearest("zzz", ["Order"]), Vec::<&str>::new());
    }
}
