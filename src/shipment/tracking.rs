//! Tracking numbers: which carrier's format a number has, and whether its check digit is right.
//!
//! Formats and check digits after the public collection `tracking_number_data` (MIT) and the carriers' own documents. Many
//! formats are so wide that a tenth of all numbers pass them, so a carrier is inferred from a few alone: [`infer`]. A
//! number is looked at without spaces and dashes, in capitals. Pure.

use smallvec::SmallVec;

use super::carrier;

/// A format of tracking numbers.
struct Format {
    carrier: &'static str,
    fits: fn(&[u8]) -> bool,
    /// Whether a number of this format is surely the carrier's.
    sure: bool,
}

const FORMATS: &[Format] = &[
    Format { carrier: "UPS", fits: |n| ups(n), sure: true },
    Format {
        carrier: "Amazon",
        fits: |n| shape(n, "TB") && n.len() == 15 && b"ACM".contains(&n[2]) && digits(&n[3..]),
        sure: true,
    },
    Format { carrier: "USPS", fits: |n| impb(n), sure: true },
    Format { carrier: "FedEx", fits: |n| fedex_96(n), sure: true },
    Format { carrier: "DHL", fits: |n| (shape(n, "JJD") || shape(n, "JVGL")) && is_piece(n), sure: true },
    Format { carrier: "YunExpress", fits: |n| shape(n, "YT") && n.len() == 18 && digits(&n[2..]), sure: true },
    Format { carrier: "GOFO", fits: |n| shape(n, "GFUS") && n.len() == 18 && digits(&n[4..]), sure: true },
    Format {
        carrier: "Landmark",
        fits: |n| shape(n, "LTN") && n.ends_with(b"N1") && n.len() == 13 && digits(&n[3..11]),
        sure: true,
    },
    Format { carrier: "OnTrac", fits: |n| ontrac(n) || lasership(n), sure: true },
    Format {
        carrier: "UPS",
        fits: |n| n.len() == 11 && b"AHJKTV".contains(&n[0]) && digits(&n[1..]) && mod_10(&n[1..10], 1, 2) == n[10],
        sure: false,
    },
    Format {
        carrier: "FedEx",
        fits: |n| n.len() == 12 && digits(n) && weighted(&n[..11], &[3, 1, 7]) == n[11],
        sure: false,
    },
    Format { carrier: "FedEx", fits: |n| n.len() == 15 && digits(n) && mod_10(&n[..14], 1, 3) == n[14], sure: false },
    Format { carrier: "FedEx", fits: |n| n.len() == 18 && digits(n) && mod_10(&n[..17], 3, 1) == n[17], sure: false },
    Format {
        carrier: "USPS",
        fits: |n| n.len() == 20 && digits(n) && (from_right(&n[..19]) == n[19] || legacy_91(n)),
        sure: false,
    },
    Format { carrier: "DHL", fits: |n| matches!(n.len(), 10 | 11) && digits(n) && modulo_7(n), sure: false },
    Format { carrier: "DHL eCommerce", fits: |n| dhl_ecommerce(n), sure: false },
    Format {
        carrier: "Canada Post",
        fits: |n| n.len() == 16 && digits(n) && mod_10(&n[..15], 3, 1) == n[15],
        sure: false,
    },
    Format {
        carrier: "Purolator",
        fits: |n| {
            n.len() == 12
                && (digits(n) && n[0] <= b'5' && luhn(n)
                    || n[..3].iter().all(u8::is_ascii_uppercase) && digits(&n[3..]))
        },
        sure: false,
    },
    Format { carrier: "DPD", fits: |n| n.len() == 15 && digits(&n[..14]) && iso_7064(n), sure: false },
    Format { carrier: "Old Dominion", fits: |n| old_dominion(n), sure: false },
];

/// The number without spaces and dashes, in capitals; `None` where it holds anything but letters and digits then.
fn bare(number: &str) -> Option<SmallVec<[u8; 48]>> {
    let bytes: SmallVec<[u8; 48]> =
        number.bytes().filter(|byte| !matches!(byte, b' ' | b'-')).map(|byte| byte.to_ascii_uppercase()).collect();
    (bytes.len() >= 9 && bytes.iter().all(u8::is_ascii_alphanumeric)).then_some(bytes)
}

/// The carrier whose number this surely is; `None` where the format leaves room for doubt.
pub fn infer(number: &str) -> Option<&'static str> {
    let number = bare(number)?;
    let sure = FORMATS.iter().filter(|format| format.sure).find(|format| (format.fits)(&number));
    sure.map(|format| format.carrier).or_else(|| post_of(&number).filter(|_| s10(&number)))
}

/// The carriers whose formats and check digits the number satisfies.
pub fn possible(number: &str) -> Vec<&'static str> {
    let Some(number) = bare(number) else { return Vec::new() };
    let mut carriers: Vec<&str> =
        FORMATS.iter().filter(|format| (format.fits)(&number)).map(|format| format.carrier).collect();
    carriers.extend(post_of(&number).filter(|_| s10(&number)));
    carriers.dedup();
    carriers
}

/// Whether the number has a format that `carrier` always gives a check digit, and the digit is wrong: a misprint as a rule.
/// Parcels that another carrier hands to the post have numbers of the post, which is no error.
pub fn is_misprint(stated: &str, number: &str) -> bool {
    let Some(number) = bare(number) else { return false };
    match carrier::fold(stated) {
        Some("UPS") => shape(&number, "1Z") && number.len() == 18 && !ups(&number),
        Some("USPS")
            if number.len() == 22 && digits(&number) && number[0] == b'9' && matches!(number[1], b'2'..=b'5') =>
        {
            !impb(&number)
        }
        Some("FedEx") if digits(&number) => match number.len() {
            12 => weighted(&number[..11], &[3, 1, 7]) != number[11],
            15 => mod_10(&number[..14], 1, 3) != number[14],
            _ => false,
        },
        Some(stated) => has_s10_shape(&number) && post_of(&number) == Some(stated) && !s10(&number),
        None => false,
    }
}

fn shape(number: &[u8], start: &str) -> bool {
    number.starts_with(start.as_bytes())
}

fn digits(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit)
}

fn value(byte: u8) -> u32 {
    u32::from(byte.wrapping_sub(b'0'))
}

fn digit(number: u32) -> u8 {
    b'0' + (number % 10) as u8
}

/// The check digit modulo 10, with these weights for even and odd places from the left (from 0).
fn mod_10(body: &[u8], even: u32, odd: u32) -> u8 {
    let sum: u32 = body.iter().zip([even, odd].into_iter().cycle()).map(|(byte, weight)| value(*byte) * weight).sum();
    digit((10 - sum % 10) % 10)
}

/// The same with the weights 3 and 1 from the right.
fn from_right(body: &[u8]) -> u8 {
    let sum: u32 = body.iter().rev().zip([3, 1].into_iter().cycle()).map(|(byte, weight)| value(*byte) * weight).sum();
    digit((10 - sum % 10) % 10)
}

/// A weighted sum modulo 11, then modulo 10.
fn weighted(body: &[u8], weights: &[u32]) -> u8 {
    let sum: u32 = body.iter().zip(weights.iter().cycle()).map(|(byte, weight)| value(*byte) * weight).sum();
    digit(sum % 11 % 10)
}

fn luhn(number: &[u8]) -> bool {
    let double = |byte: &u8| (value(*byte) * 2) / 10 + (value(*byte) * 2) % 10;
    let places = number.iter().rev().enumerate();
    let sum: u32 = places.map(|(place, byte)| if place % 2 == 1 { double(byte) } else { value(*byte) }).sum();
    sum.is_multiple_of(10)
}

fn modulo_7(number: &[u8]) -> bool {
    let (serial, check) = number.split_at(number.len() - 1);
    let rest = serial.iter().fold(0, |rest, byte| (rest * 10 + value(*byte)) % 7);
    digit(rest) == check[0]
}

fn ups(number: &[u8]) -> bool {
    if !shape(number, "1Z") || number.len() != 18 || !number[17].is_ascii_digit() {
        return false;
    }
    let letter = |byte: u8| if byte.is_ascii_digit() { value(byte) } else { (u32::from(byte) - 3) % 10 };
    let body = number[2..17].iter().zip([1, 2].into_iter().cycle());
    let sum: u32 = body.map(|(byte, weight)| letter(*byte) * weight).sum();
    digit((10 - sum % 10) % 10) == number[17]
}

/// An Intelligent Mail package barcode of the classes 92 to 95, with or without the routing code in front.
fn impb(number: &[u8]) -> bool {
    let parcel = match number.strip_prefix(b"420") {
        Some(routed) if number.len() == 30 => &routed[5..],
        Some(routed) if number.len() == 34 => &routed[9..],
        _ => number,
    };
    parcel.len() == 22
        && digits(number)
        && parcel[0] == b'9'
        && matches!(parcel[1], b'2'..=b'5')
        && from_right(&parcel[..21]) == parcel[21]
}

fn legacy_91(number: &[u8]) -> bool {
    let whole = [b"91", &number[..19]].concat();
    from_right(&whole) == number[19]
}

fn fedex_96(number: &[u8]) -> bool {
    number.len() == 22 && digits(number) && shape(number, "96") && mod_10(&number[7..21], 1, 3) == number[21]
}

fn is_piece(number: &[u8]) -> bool {
    let letters = number.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    digits(&number[letters..]) && matches!(number.len() - letters, 9 | 10)
}

fn ontrac(number: &[u8]) -> bool {
    if number.len() != 15 || !digits(&number[1..]) {
        return false;
    }
    let first = match number[0] {
        b'C' => b'4',
        b'D' => b'5',
        _ => return false,
    };
    let body = [&[first], &number[1..14]].concat();
    mod_10(&body, 1, 2) == number[14]
}

fn lasership(number: &[u8]) -> bool {
    (shape(number, "1LS71") || shape(number, "1LS72")) && number.len() >= 15 && digits(&number[5..])
        || shape(number, "1LSCX") && number.len() == 15
}

fn dhl_ecommerce(number: &[u8]) -> bool {
    const PREFIXES: [&str; 10] = ["GM", "LX", "RX", "UV", "CN", "SG", "TH", "IN", "HK", "MY"];
    (12..=41).contains(&number.len()) && PREFIXES.iter().any(|prefix| shape(number, prefix))
}

fn old_dominion(number: &[u8]) -> bool {
    let prefixed = ["777", "778", "072", "780"].iter().any(|prefix| shape(number, prefix));
    digits(number) && luhn(number) && (number.len() == 11 && (prefixed || shape(number, "80")))
}

/// ISO 7064, modulus 37,36, as parcels of DPD bear it.
fn iso_7064(number: &[u8]) -> bool {
    let rank = |byte: u8| if byte.is_ascii_digit() { value(byte) } else { u32::from(byte) - u32::from(b'A') + 10 };
    let mut carry = 36;
    for byte in &number[..14] {
        carry += rank(*byte);
        if carry > 36 {
            carry -= 36;
        }
        carry *= 2;
        if carry > 36 {
            carry -= 37;
        }
    }
    (37 - carry) % 36 == rank(number[14])
}

fn has_s10_shape(number: &[u8]) -> bool {
    number.len() == 13 && number[..2].iter().chain(&number[11..]).all(u8::is_ascii_uppercase) && digits(&number[2..11])
}

/// A number of the Universal Postal Union's standard S10.
fn s10(number: &[u8]) -> bool {
    if !has_s10_shape(number) {
        return false;
    }
    let weights = [8, 6, 4, 2, 3, 5, 9, 7];
    let sum: u32 = number[2..10].iter().zip(weights).map(|(byte, weight)| value(*byte) * weight).sum();
    let check = match 11 - sum % 11 {
        10 => 0,
        11 => 5,
        check => check,
    };
    digit(check) == number[10]
}

/// The post of the country in which an S10 number was given.
fn post_of(number: &[u8]) -> Option<&'static str> {
    Some(match number.get(11..13)? {
        b"US" => "USPS",
        b"GB" => "Royal Mail",
        b"AU" => "Australia Post",
        b"CA" => "Canada Post",
        b"DE" => "Deutsche Post",
        b"FR" => "La Poste",
        b"NL" => "PostNL",
        b"CN" => "China Post",
        b"IN" => "India Post",
        b"JP" => "Japan Post",
        b"ES" => "Correos",
        b"IT" => "Poste Italiane",
        b"HK" => "Hongkong Post",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_numbers_have_their_carriers_format_and_check_digit() {
        for (number, carrier) in [
            ("1Z999AA10123456784", "UPS"),
            ("1Z5R89390357567127", "UPS"),
            ("986578788855", "FedEx"),
            ("9611020987654312345672", "FedEx"),
            ("9400111206213642173009", "USPS"),
            ("RB123456785GB", "Royal Mail"),
            ("3318810025", "DHL"),
            ("JJD0099999999", "DHL"),
            ("0073938000549297", "Canada Post"),
            ("320595463938", "Purolator"),
            ("TBA123456789012", "Amazon"),
            ("YT1234567890123456", "YunExpress"),
            ("LTN12345678N1", "Landmark"),
            ("GFUS12345678901234", "GOFO"),
        ] {
            assert!(possible(number).contains(&carrier), "{number}: {:?}", possible(number));
        }
        assert!(possible("9102901001301798807420").is_empty() || infer("9102901001301798807420").is_none());
    }

    #[test]
    fn a_carrier_is_inferred_only_where_the_format_is_its_own() {
        for (number, carrier) in [
            ("1z999aa1 0123 4567 84", Some("UPS")),
            ("9400 1112 0621 3642 1730 09", Some("USPS")),
            ("RB 12345678 5 GB", Some("Royal Mail")),
            ("9611020987654312345672", Some("FedEx")),
            ("JJD0099999999", Some("DHL")),
            ("JJD0099999999123456", None),
            ("1Z999AA10123456785", None),
            ("986578788855", None),
            ("3318810025", None),
            ("648603546", None),
            ("443656408532", None),
            ("", None),
            ("TEST", None),
        ] {
            assert_eq!(infer(number), carrier, "{number}");
        }
        // Numbers of 9, 11, 12 and 14 digits are anybody's.
        for length in [9, 10, 11, 12, 14, 15, 16, 20] {
            for seed in 0..200_u64 {
                let number: String = (0..length)
                    .map(|place| char::from(b'0' + ((seed * 7919 + place * 104_729 + seed * place) % 10) as u8))
                    .collect();
                assert_eq!(infer(&number), None, "{number}");
            }
        }
    }

    #[test]
    fn a_misprint_is_told_of_the_stated_carrier_alone() {
        assert!(is_misprint("UPS Ground", "1Z999AA10123456785"));
        assert!(!is_misprint("UPS", "1Z999AA10123456784"));
        assert!(is_misprint("FedEx", "986578788856"));
        assert!(is_misprint("usps", "9400111206213642173008"));
        assert!(is_misprint("Royal Mail", "RB123456784GB"));
        assert!(!is_misprint("FedEx SmartPost", "9400111206213642173008"), "the post's number, whatever its digit");
        assert!(!is_misprint("DHL eCommerce", "RB123456784GB"), "a parcel that is handed to the post");
        assert!(!is_misprint("UPS", "T1") && !is_misprint("Steadfast", "1Z999AA10123456785"));
    }
}
