//! A value in capitals, in small letters, or with a capital at each word: `case` in the mapping's
//! `[fields]`.

use std::str::FromStr;

/// How the letters of a value are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// `ADA O'NEIL-SMITH`
    Upper,
    /// `ada o'neil-smith`
    Lower,
    /// `Ada O'Neil-Smith`
    Title,
}

/// A text that names no case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected \"upper\", \"lower\" or \"title\"")]
pub struct UnknownCase;

impl FromStr for Case {
    type Err = UnknownCase;

    fn from_str(text: &str) -> Result<Self, UnknownCase> {
        match text {
            "upper" => Ok(Self::Upper),
            "lower" => Ok(Self::Lower),
            "title" => Ok(Self::Title),
            _ => Err(UnknownCase),
        }
    }
}

impl Case {
    /// Writes `text` in this case in place of what `out` holds.
    pub fn apply(self, text: &str, out: &mut String) {
        out.clear();
        match self {
            Self::Upper if text.is_ascii() => {
                out.push_str(text);
                out.make_ascii_uppercase();
            }
            Self::Lower if text.is_ascii() => {
                out.push_str(text);
                out.make_ascii_lowercase();
            }
            Self::Upper => out.extend(text.chars().flat_map(char::to_uppercase)),
            Self::Lower => out.extend(text.chars().flat_map(char::to_lowercase)),
            Self::Title => title(text, out),
        }
    }
}

/// A capital at each word, small letters in it. Words end at everything that is neither letter nor
/// digit; an apostrophe ends one only before three letters or more: `O'Neil` and `Dell'Acqua`, but
/// `John's` and `They'll`.
fn title(text: &str, out: &mut String) {
    let mut inside = false;
    for (at, c) in text.char_indices() {
        if c.is_alphanumeric() {
            if inside {
                out.extend(c.to_lowercase());
            } else {
                out.extend(c.to_uppercase());
            }
            inside = true;
            continue;
        }
        out.push(c);
        if matches!(c, '\'' | '’') {
            let letters = text[at + c.len_utf8()..]
                .chars()
                .take(3)
                .filter(|next| next.is_alphabetic())
                .count();
            inside = inside && letters < 3;
        } else {
            // A combining accent belongs to the letter before it, though Unicode calls it no
            // letter.
            inside = inside && matches!(c, '\u{0300}'..='\u{036F}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_title_has_a_capital_at_each_word_as_names_are_written() {
        for (text, title) in [
            ("o'neil-smith", "O'Neil-Smith"),
            ("ADA EXAMPLE", "Ada Example"),
            ("john's mug", "John's Mug"),
            ("dell’acqua", "Dell’Acqua"),
            ("they'll", "They'll"),
            ("3rd floor", "3rd Floor"),
            ("j.r. example (ÉCOLE)", "J.R. Example (École)"),
            ("e\u{301}cole zu\u{308}rich", "E\u{301}cole Zu\u{308}rich"),
            ("ßa", "SSa"),
            ("'quoted' text", "'Quoted' Text"),
            ("", ""),
        ] {
            let mut out = "old".to_owned();
            "title".parse::<Case>().expect("a case").apply(text, &mut out);
            assert_eq!(out, title);
        }
    }

    #[test]
    fn a_case_is_named_by_one_of_three_words() {
        assert_eq!("upper".parse(), Ok(Case::Upper));
        assert_eq!("lower".parse(), Ok(Case::Lower));
        assert_eq!("Upper".parse::<Case>(), Err(UnknownCase));
    }

    proptest! {
        #[test]
        fn upper_and_lower_are_unicodes_own(text in "[a-zA-ZäöüßéÇ0-9 '-]{0,20}") {
            let mut out = String::new();
            Case::Upper.apply(&text, &mut out);
            prop_assert_eq!(&out, &text.to_uppercase());
            Case::Lower.apply(&text, &mut out);
            prop_assert_eq!(&out, &text.to_lowercase());
        }
    }
}
