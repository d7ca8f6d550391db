//! Finds the signs of carriers in a text: by an index of their first letters, so that the rows of an export wait for nothing.

use std::sync::LazyLock;

use super::names::{CARRIERS, OTHERS, Sign};
use super::posts::POSTS;
use crate::text;

/// As many letters and digits of a text as are looked at.
const LONGEST: usize = 64;

/// A post's name of so many letters is known among other words (`Russian Post EMS`); a shorter one only alone.
const LONG: usize = 7;

/// The carrier that `text` means; `None` where it is none that is known.
pub fn fold(text: &str) -> Option<&'static str> {
    let folded = Folded::of(text);
    let found = folded.starts().filter_map(|start| {
        let signs = &INDEX[place(folded.bytes[start])];
        signs.iter().find(|sign| sign.fits(&folded, start))
    });
    // Of two that are equally long, the one that stands first.
    found.reduce(|best, sign| if sign.text.len() > best.text.len() { sign } else { best }).map(|sign| sign.carrier)
}

/// The known carrier that is written nearly like `text`, for "did you mean"; it starts with the same letter.
pub fn nearest(text: &str) -> Option<&'static str> {
    let first = *Folded::of(text).text().first()?;
    let names = INDEX[place(first)].iter().filter(|sign| sign.reach == Reach::Whole).map(|sign| sign.carrier);
    // Of three letters at most one is written otherwise: a common first word alone (`City`) is no misspelling.
    let is_near = |name: &str| {
        let (text, name) = (text::fold(text), text::fold(name));
        strsim::osa_distance(&text, &name) * 3 <= name.chars().count()
    };
    text::nearest(text, names).into_iter().find(|name| is_near(name))
}

/// Every name that a text is folded to.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let carriers = CARRIERS.iter().map(|(name, _)| *name);
    carriers.chain(POSTS.iter().map(|(_, name)| *name)).chain(OTHERS.iter().copied())
}

/// A text's letters and digits in lower case without accents, and where its words start.
struct Folded {
    bytes: [u8; LONGEST],
    length: usize,
    /// A bit for each byte at which a word starts.
    starts: u64,
}

/// What a character is, for where words start.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Other,
    Digit,
    Upper,
    Lower,
}

impl Folded {
    /// A word starts after anything that is no letter or digit, between letters and digits, and at a capital after a small
    /// letter or before one (`UPSGround`, `YamatoTransport`).
    fn of(text: &str) -> Self {
        let mut folded = Self { bytes: [0; LONGEST], length: 0, starts: 0 };
        let mut before = [Class::Other; 2];
        for c in text.chars() {
            let (letters, class) = plain(c);
            if class == Class::Lower && before == [Class::Upper; 2] {
                folded.starts |= 1 << (folded.length - 1);
            }
            let joins = matches!(
                (before[1], class),
                (Class::Digit, Class::Digit)
                    | (Class::Upper, Class::Upper)
                    | (Class::Upper | Class::Lower, Class::Lower)
            );
            for (place, letter) in letters.bytes().enumerate() {
                if folded.length == LONGEST {
                    return folded;
                }
                if place == 0 && !joins {
                    folded.starts |= 1 << folded.length;
                }
                folded.bytes[folded.length] = letter;
                folded.length += 1;
            }
            before = [before[1], class];
        }
        folded
    }

    fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn starts_at(&self, place: usize) -> bool {
        place == self.length || self.starts & (1 << place) != 0
    }

    fn starts(&self) -> impl Iterator<Item = usize> {
        (0..self.length).filter(|place| self.starts & (1 << place) != 0)
    }
}

/// A sign as the index has it.
struct Known {
    text: Box<str>,
    reach: Reach,
    carrier: &'static str,
}

/// Where a sign must start and end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Whole,
    Word,
    Begins,
}

impl Known {
    fn of(sign: Sign, carrier: &'static str) -> Self {
        let (text, reach) = match sign {
            Sign::Whole(text) => (text, Reach::Whole),
            Sign::Word(text) => (text, Reach::Word),
            Sign::Begins(text) => (text, Reach::Begins),
        };
        Self { text: text.into(), reach, carrier }
    }

    fn name(carrier: &'static str, reach: Reach) -> Self {
        let folded = Folded::of(carrier);
        Self { text: String::from_utf8_lossy(folded.text()).into(), reach, carrier }
    }

    /// Whether the text has the sign in the word that starts there.
    fn fits(&self, folded: &Folded, start: usize) -> bool {
        folded.text()[start..].starts_with(self.text.as_bytes())
            && match self.reach {
                Reach::Whole => self.text.len() == folded.length,
                Reach::Word => folded.starts_at(start + self.text.len()),
                Reach::Begins => true,
            }
    }
}

/// All signs by the letter or digit they start with, the longest first.
static INDEX: LazyLock<[Vec<Known>; 36]> = LazyLock::new(|| {
    let mut index = [const { Vec::new() }; 36];
    let signs = CARRIERS.iter().flat_map(|(name, signs)| signs.iter().map(|sign| Known::of(*sign, name)));
    let alone = names().map(|name| Known::name(name, Reach::Whole));
    let long = POSTS.iter().map(|(_, name)| Known::name(name, Reach::Word)).filter(|known| known.text.len() >= LONG);
    for known in signs.chain(alone).chain(long) {
        index[place(known.text.as_bytes()[0])].push(known);
    }
    for signs in &mut index {
        signs.sort_by_key(|known| std::cmp::Reverse(known.text.len()));
    }
    index
});

/// The place in the index of what starts with that letter or digit.
fn place(byte: u8) -> usize {
    usize::from(if byte.is_ascii_digit() { byte - b'0' } else { byte - b'a' + 10 })
}

/// A character's letters without accents, in lower case, and its class; no letters for what is neither letter nor digit, and
/// for letters that are not Latin.
fn plain(c: char) -> (&'static str, Class) {
    const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
    const DIGITS: &str = "0123456789";
    let one = |letters: &'static str, first: char| {
        let place = c as usize - first as usize;
        &letters[place..=place]
    };
    match c {
        'a'..='z' => (one(LOWER, 'a'), Class::Lower),
        'A'..='Z' => (one(LOWER, 'A'), Class::Upper),
        '0'..='9' => (one(DIGITS, '0'), Class::Digit),
        _ if c.is_ascii() => ("", Class::Other),
        _ => {
            let letters = unaccented(c);
            let class = match (letters.is_empty(), c.is_uppercase()) {
                (true, _) => Class::Other,
                (false, true) => Class::Upper,
                (false, false) => Class::Lower,
            };
            (letters, class)
        }
    }
}

/// The plain letters of an accented one.
fn unaccented(c: char) -> &'static str {
    match c {
        'à'..='å' | 'À'..='Å' | 'ă' | 'Ă' | 'ą' | 'Ą' | 'ā' | 'Ā' => "a",
        'æ' | 'Æ' => "ae",
        'ç' | 'Ç' | 'ć' | 'Ć' | 'č' | 'Č' => "c",
        'ď' | 'Ď' | 'đ' | 'Đ' | 'ð' | 'Ð' => "d",
        'è'..='ë' | 'È'..='Ë' | 'ę' | 'Ę' | 'ě' | 'Ě' | 'ē' | 'Ē' | 'ė' | 'Ė' => "e",
        'ğ' | 'Ğ' => "g",
        'ì'..='ï' | 'Ì'..='Ï' | 'ı' | 'İ' | 'ī' | 'Ī' => "i",
        'ł' | 'Ł' => "l",
        'ñ' | 'Ñ' | 'ń' | 'Ń' | 'ň' | 'Ň' => "n",
        'ò'..='ö' | 'Ò'..='Ö' | 'ø' | 'Ø' | 'ő' | 'Ő' => "o",
        'ř' | 'Ř' => "r",
        'ś' | 'Ś' | 'š' | 'Š' | 'ş' | 'Ş' | 'ș' | 'Ș' => "s",
        'ß' => "ss",
        'ť' | 'Ť' | 'ţ' | 'Ţ' | 'ț' | 'Ț' => "t",
        'þ' | 'Þ' => "th",
        'ù'..='ü' | 'Ù'..='Ü' | 'ů' | 'Ů' | 'ű' | 'Ű' | 'ū' | 'Ū' => "u",
        'ý' | 'Ý' | 'ÿ' => "y",
        'ź' | 'Ź' | 'ż' | 'Ż' | 'ž' | 'Ž' => "z",
        _ => "",
    }
}
