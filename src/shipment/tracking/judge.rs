//! What can be said of a number: its carrier, the carriers it could be of, and whether it is
//! misprinted.

use std::ops::Deref;

use super::formats::{self, FORMATS};
use super::posts;
use crate::shipment::carrier;

/// The longest number that any format has, and some room.
const LONGEST: usize = 48;

/// A number that formats can be held against.
struct Bare {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Deref for Bare {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The number without spaces and dashes, in capitals; `None` where it holds anything but letters
/// and digits then, or is too short or long for a number.
fn bare(number: &str) -> Option<Bare> {
    let mut bare = Bare { bytes: [0; LONGEST], length: 0 };
    for c in number.chars() {
        match c {
            '0'..='9' | 'A'..='Z' | 'a'..='z' if bare.length < LONGEST => {
                bare.bytes[bare.length] = c.to_ascii_uppercase() as u8;
                bare.length += 1;
            }
            ' ' | '-' | '\u{2010}'..='\u{2015}' => {}
            space if space.is_whitespace() => {}
            _ => return None,
        }
    }
    (bare.length >= 9).then_some(bare)
}

/// The carrier whose number this surely is; `None` where the format leaves room for doubt.
pub fn infer(number: &str) -> Option<&'static str> {
    let number = bare(number)?;
    let sure = FORMATS.iter().filter(|format| format.sure).find(|format| (format.fits)(&number));
    sure.map(|format| format.carrier)
        .or_else(|| posts::post_of(&number).filter(|_| posts::is_s10(&number)))
}

/// The carriers whose formats and check digits the number satisfies, each once.
pub fn possible(number: &str) -> Vec<&'static str> {
    let Some(number) = bare(number) else { return Vec::new() };
    let fitting =
        FORMATS.iter().filter(|format| (format.fits)(&number)).map(|format| format.carrier);
    let mut carriers = Vec::new();
    for carrier in fitting.chain(posts::post_of(&number).filter(|_| posts::is_s10(&number))) {
        if !carriers.contains(&carrier) {
            carriers.push(carrier);
        }
    }
    carriers
}

/// Whether the number has a format that the carrier always gives a check digit, and the digit is
/// wrong: a misprint as a rule.
///
/// Those are the `1Z` numbers of UPS, the barcodes of 22 digits of USPS, `FedEx`'s numbers of 12
/// and 15 digits, and the posts' S10 numbers where the stated carrier is a post. Other carriers
/// hand parcels to the post, and shops write down whichever number they like: what does not look
/// like the stated carrier's number is no error.
pub fn is_misprint(stated: &str, number: &str) -> bool {
    // The number is looked at first: nearly all are right, and then the carrier need not be known.
    let Some(number) = bare(number) else { return false };
    let stated_is = |carrier: &str| carrier::fold(stated) == Some(carrier);
    match number.len() {
        12 if number.iter().all(u8::is_ascii_digit) => {
            !formats::fedex_12(&number) && stated_is("FedEx")
        }
        15 if number.iter().all(u8::is_ascii_digit) => {
            !formats::fedex_15(&number) && stated_is("FedEx")
        }
        13 if posts::has_s10_shape(&number) => {
            !posts::is_s10(&number) && carrier::fold(stated).is_some_and(posts::is_post)
        }
        18 if formats::has_1z_shape(&number) => !formats::ups_1z(&number) && stated_is("UPS"),
        22.. if formats::has_impb_22_shape(&number) => !formats::impb(&number) && stated_is("USPS"),
        _ => false,
    }
}
