//! Finds the signs of carriers in a text: by an index of their first letters, so that the rows of
//! an export wait for nothing.

use std::sync::LazyLock;

use super::names::{CARRIERS, OTHERS, Sign};
use super::posts::POSTS;
use crate::text;

/// As many letters and digits of a text as are looked at.
const LONGEST: usize = 64;

/// As many bytes as fit a number.
const HEAD: usize = 8;

/// A post's name of so many letters is known among other words (`Russian Post EMS`); a shorter one
/// only alone.
const LONG: usize = 7;

/// The carrier that `text` means; `None` where it is none that is known.
pub fn fold(text: &str) -> Option<&'static str> {
    itself(text).or_else(|| by_signs(&Folded::of(text)))
}

/// The name that `text` is already, as in most rows: found without a look at its letters.
fn itself(text: &str) -> Option<&'static str> {
    let first = text.bytes().next().filter(u8::is_ascii_alphanumeric)?;
    let signs = &INDEX[place(first.to_ascii_lowercase())];
    signs
        .iter()
        .find(|sign| sign.reach == Reach::Whole && sign.carrier == text)
        .map(|sign| sign.carrier)
}

fn by_signs(folded: &Folded) -> Option<&'static str> {
    let found = folded.starts().filter_map(|start| {
        let (signs, head) = (&INDEX[place(folded.bytes[start])], folded.head(start));
        signs.iter().find(|sign| sign.has_head(head) && sign.fits(folded, start))
    });
    // Of two that are equally long, the one that stands first.
    found
        .reduce(|best, sign| if sign.text.len() > best.text.len() { sign } else { best })
        .map(|sign| sign.carrier)
}

/// The known carrier that is written nearly like `text`, for "did you mean"; it starts with the
/// same letter.
pub fn nearest(text: &str) -> Option<&'static str> {
    let folded = Folded::of(text);
    let first = *folded.text().first()?;
    let letters = letters(folded.text());
    let written = std::str::from_utf8(folded.text()).ok()?;
    let near =
        INDEX[place(first)].iter().filter(|sign| sign.reach == Reach::Whole).filter(|sign| {
            // A letter that is written otherwise is one less and one more. Most names are told by
            // that to be far away.
            let allowed = sign.text.len() / MISSPELT;
            sign.text.len().abs_diff(folded.length) <= allowed
                && (sign.letters ^ letters).count_ones() as usize <= 2 * allowed
                && strsim::osa_distance(&sign.text, written) <= allowed
        });
    text::nearest(text, near.map(|sign| sign.carrier)).first().copied()
}

/// One letter in so many can be written otherwise in a misspelt name.
const MISSPELT: usize = 3;

/// A bit for each letter and digit that is there.
fn letters(text: &[u8]) -> u64 {
    text.iter().fold(0, |letters, byte| letters | 1 << place(*byte))
}

/// Every name that a text is folded to.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let carriers = CARRIERS.iter().map(|(name, _)| *name);
    carriers.chain(POSTS.iter().map(|(_, name)| *name)).chain(OTHERS.iter().copied())
}

/// A text's letters and digits in lower case without accents, and where its words start.
struct Folded {
    /// With zeros behind the text, for its last [`head`](Self::head).
    bytes: [u8; LONGEST + HEAD],
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
    /// A word starts after anything that is no letter or digit, between letters and digits, and at
    /// a capital after a small letter or before one (`UPSGround`, `YamatoTransport`).
    fn of(text: &str) -> Self {
        let mut folded = Self { bytes: [0; LONGEST + HEAD], length: 0, starts: 0 };
        let mut before = [Class::Other; 2];
        for c in text.chars() {
            let class = match c {
                'a'..='z' => Class::Lower,
                'A'..='Z' => Class::Upper,
                '0'..='9' => Class::Digit,
                _ if c.is_ascii() || unaccented(c).is_empty() => Class::Other,
                _ if c.is_uppercase() => Class::Upper,
                _ => Class::Lower,
            };
            if folded.length == LONGEST {
                break;
            }
            if class != Class::Other {
                let joins =
                    before[1] == class || before[1] == Class::Upper && class == Class::Lower;
                folded.starts |= u64::from(!joins) << folded.length;
                if class == Class::Lower && before == [Class::Upper; 2] {
                    folded.starts |= 1 << (folded.length - 1);
                }
                if c.is_ascii() {
                    folded.push(c as u8);
                } else {
                    unaccented(c).bytes().for_each(|letter| folded.push(letter));
                }
            }
            before = [before[1], class];
        }
        folded
    }

    fn push(&mut self, letter: u8) {
        if self.length < LONGEST {
            self.bytes[self.length] = letter.to_ascii_lowercase();
            self.length += 1;
        }
    }

    fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The bytes from there on that are compared at once.
    fn head(&self, start: usize) -> u64 {
        self.bytes[start..].first_chunk().map_or(0, |head| u64::from_le_bytes(*head))
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
    /// The letters that it has.
    letters: u64,
    /// Its first bytes, and which of them there are: nearly all signs are told apart by these,
    /// without a look elsewhere.
    head: u64,
    mask: u64,
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
        Self::new(text.as_bytes(), reach, carrier)
    }

    fn name(carrier: &'static str, reach: Reach) -> Self {
        let folded = Folded::of(carrier);
        Self::new(folded.text(), reach, carrier)
    }

    fn new(text: &[u8], reach: Reach, carrier: &'static str) -> Self {
        let (mut head, mut mask) = ([0; HEAD], [0; HEAD]);
        for (place, byte) in text.iter().take(HEAD).enumerate() {
            (head[place], mask[place]) = (*byte, u8::MAX);
        }
        let (head, mask) = (u64::from_le_bytes(head), u64::from_le_bytes(mask));
        Self {
            text: String::from_utf8_lossy(text).into(),
            reach,
            carrier,
            letters: letters(text),
            head,
            mask,
        }
    }

    fn has_head(&self, head: u64) -> bool {
        head & self.mask == self.head
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
    let signs =
        CARRIERS.iter().flat_map(|(name, signs)| signs.iter().map(|sign| Known::of(*sign, name)));
    let alone = names().map(|name| Known::name(name, Reach::Whole));
    let long = POSTS
        .iter()
        .map(|(_, name)| Known::name(name, Reach::Word))
        .filter(|known| known.text.len() >= LONG);
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

/// The plain letters of an accented one, in lower case; none for one that is not Latin.
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
