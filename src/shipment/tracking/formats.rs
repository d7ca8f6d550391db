//! The formats of tracking numbers, carrier by carrier; each is a function that tells whether a
//! number fits.
//!
//! A number arrives bare: capitals and digits alone. Where a format has a check digit, only a
//! number with the right one fits.

use super::digits::{all_digits, iso_7064, luhn, mod_7, mod_10, mod_10_with_letters, mod_11};

/// A format of tracking numbers.
pub(super) struct Format {
    pub(super) carrier: &'static str,
    pub(super) fits: fn(&[u8]) -> bool,
    /// Whether a number that fits is surely the carrier's.
    pub(super) sure: bool,
}

const fn sure(carrier: &'static str, fits: fn(&[u8]) -> bool) -> Format {
    Format { carrier, fits, sure: true }
}

const fn weak(carrier: &'static str, fits: fn(&[u8]) -> bool) -> Format {
    Format { carrier, fits, sure: false }
}

/// Every format but S10, which `posts` knows. One that is not sure fits other carriers' numbers
/// too: a tenth of all numbers of 10, 11, 12, 15, 16, 18, 20 and 34 digits have somebody's check
/// digit, and all of 14.
pub(super) static FORMATS: &[Format] = &[
    sure("UPS", ups_1z),
    sure("Amazon", amazon),
    sure("USPS", impb),
    sure("FedEx", fedex_96),
    sure("DHL", dhl_piece_of_its_own),
    sure("YunExpress", yunexpress),
    sure("GOFO", gofo),
    sure("Landmark", landmark),
    sure("OnTrac", ontrac),
    sure("OnTrac", lasership_1ls),
    weak("UPS", ups_waybill),
    weak("Amazon", amazon_international),
    weak("USPS", impb_of_rare_length),
    weak("USPS", usps_91),
    weak("USPS", usps_20),
    weak("FedEx", fedex_12),
    weak("FedEx", fedex_15),
    weak("FedEx", fedex_sscc_18),
    weak("FedEx", fedex_34),
    weak("FedEx", fedex_gsn),
    weak("FedEx", fedex_astra),
    weak("FedEx SmartPost", smartpost_20),
    weak("DHL", dhl_waybill),
    weak("DHL", dhl_piece),
    weak("DHL eCommerce", dhl_ecommerce),
    weak("DHL eCommerce", dhl_ecommerce_14),
    weak("Canada Post", canada_post),
    weak("Purolator", purolator),
    weak("Purolator", purolator_with_letters),
    weak("DPD", dpd_15),
    weak("DPD", dpd_28),
    weak("OnTrac", lasership_l),
    weak("Yodel", yodel),
    weak("SpeeDee", speedee),
    weak("Canpar", canpar),
    weak("Old Dominion", old_dominion),
];

/// Whether `number` is that start and so many digits.
fn is(number: &[u8], start: &str, digits: usize) -> bool {
    number.len() == start.len() + digits
        && number.starts_with(start.as_bytes())
        && all_digits(&number[start.len()..])
}

/// Whether `number` is so many digits.
fn is_digits(number: &[u8], digits: usize) -> bool {
    number.len() == digits && all_digits(number)
}

/// Whether `number` is one of the letters and so many digits.
fn is_letter_and_digits(number: &[u8], letters: &[u8], digits: usize) -> bool {
    number.len() == digits + 1 && letters.contains(&number[0]) && all_digits(&number[1..])
}

/// The number before its last character, and that.
fn split(number: &[u8]) -> (&[u8], u8) {
    let last = number.len() - 1;
    (&number[..last], number[last])
}

/// `1Z`, shipper, service and parcel, with letters or without.
pub(super) fn ups_1z(number: &[u8]) -> bool {
    has_1z_shape(number) && mod_10_with_letters(&number[2..17], 1, 2) == number[17]
}

/// Whether the number is a UPS number but for its check digit.
pub(super) fn has_1z_shape(number: &[u8]) -> bool {
    number.len() == 18 && number.starts_with(b"1Z")
}

pub(super) fn ups_waybill(number: &[u8]) -> bool {
    is_letter_and_digits(number, b"AHJKTV", 10) && mod_10(&number[1..10], 1, 2) == number[10]
}

/// Amazon's own vans: `TBA` in the United States and Europe, `TBC` in Canada, `TBM` in Mexico.
pub(super) fn amazon(number: &[u8]) -> bool {
    ["TBA", "TBC", "TBM"].iter().any(|start| is(number, start, 12))
}

pub(super) fn amazon_international(number: &[u8]) -> bool {
    is_letter_and_digits(number, b"AFC", 10)
}

/// The parts of a barcode that can be the parcel's number: without `420` and a postal code of 5 or
/// 9 digits in front.
fn unrouted(number: &[u8]) -> impl Iterator<Item = &[u8]> {
    let cuts: &[usize] = if number.starts_with(b"420") { &[8, 12] } else { &[0] };
    cuts.iter().filter_map(|cut| number.get(*cut..))
}

/// Whether the number is one of an Intelligent Mail package barcode but for its check digit, so
/// many digits long. The classes 92, 93 and 95 are the commercial and retail ones (C), 94 those
/// with the mailer anywhere (N).
fn is_impb_of(number: &[u8], lengths: &[usize]) -> bool {
    lengths.contains(&number.len())
        && matches!(number, [b'9', b'2'..=b'5', ..])
        && all_digits(number)
}

fn has_impb_check(number: &[u8]) -> bool {
    let (body, check) = split(number);
    mod_10(body, 3, 1) == check
}

pub(super) fn impb(number: &[u8]) -> bool {
    let parcel = |part: &[u8]| {
        let known =
            is_impb_of(part, &[22, 26]) || part.starts_with(b"94") && is_impb_of(part, &[30]);
        known && has_impb_check(part)
    };
    all_digits(number) && unrouted(number).any(parcel)
}

/// Whether the number is an Intelligent Mail package barcode of the usual 22 digits but for its
/// check digit.
pub(super) fn has_impb_22_shape(number: &[u8]) -> bool {
    all_digits(number) && unrouted(number).any(|part| is_impb_of(part, &[22]))
}

/// The lengths that the standard leaves room for and next to nobody prints.
pub(super) fn impb_of_rare_length(number: &[u8]) -> bool {
    let parcel = |part: &[u8]| is_impb_of(part, &[24, 28, 30]) && has_impb_check(part);
    all_digits(number) && unrouted(number).any(parcel)
}

/// The older barcode of the class 91, which is counted where it is not printed.
pub(super) fn usps_91(number: &[u8]) -> bool {
    let parcel = |part: &[u8]| {
        is_digits(part, 22) && part.starts_with(b"91") && has_impb_check(part)
            || is_digits(part, 20) && mod_10(b"91".iter().chain(&part[..19]), 3, 1) == part[19]
    };
    all_digits(number) && unrouted(number).any(parcel)
}

/// Certified, insured and registered mail.
pub(super) fn usps_20(number: &[u8]) -> bool {
    is_digits(number, 20) && has_impb_check(number)
}

pub(super) fn fedex_12(number: &[u8]) -> bool {
    is_digits(number, 12) && mod_11(&number[..11], [3, 1, 7]) == number[11]
}

pub(super) fn fedex_15(number: &[u8]) -> bool {
    is_digits(number, 15) && mod_10(&number[..14], 1, 3) == number[14]
}

/// The barcode of `FedEx` Ground, of which the last 15 digits are the number.
pub(super) fn fedex_96(number: &[u8]) -> bool {
    is(number, "96", 20) && mod_10(&number[7..21], 1, 3) == number[21]
}

/// A shipping container's code; its type, the first two digits, is not counted.
pub(super) fn fedex_sscc_18(number: &[u8]) -> bool {
    is_digits(number, 18) && mod_10(&number[2..17], 3, 1) == number[17]
}

/// The barcode of `FedEx` Express, as scanners give it; so are the two that follow.
pub(super) fn fedex_34(number: &[u8]) -> bool {
    is_digits(number, 34) && number[0] != b'9' && mod_11(&number[20..33], [1, 7, 3]) == number[33]
}

pub(super) fn fedex_gsn(number: &[u8]) -> bool {
    is(number, "96", 32) && mod_11(&number[20..33], [1, 7, 3]) == number[33]
}

pub(super) fn fedex_astra(number: &[u8]) -> bool {
    is(number, "3", 31) && mod_11(&number[16..27], [3, 1, 7]) == number[27]
}

/// A number of the post without the class 92, which is counted though it is not printed.
pub(super) fn smartpost_20(number: &[u8]) -> bool {
    is_digits(number, 20)
        && number[3] == b'9'
        && mod_10(b"92".iter().chain(&number[..19]), 3, 1) == number[19]
}

pub(super) fn dhl_waybill(number: &[u8]) -> bool {
    let (serial, check) = split(number);
    (is_digits(number, 10) || is_digits(number, 11)) && mod_7(serial) == check
}

/// A piece of DHL Express whose letters nobody else's numbers have.
pub(super) fn dhl_piece_of_its_own(number: &[u8]) -> bool {
    ["JJD", "JVGL"].iter().any(|start| is(number, start, 9) || is(number, start, 10))
}

pub(super) fn dhl_piece(number: &[u8]) -> bool {
    let letters = number.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let serial = &number[letters..];
    number[0] == b'J'
        && matches!(letters, 3 | 4)
        && matches!(serial.len(), 9 | 10)
        && all_digits(serial)
}

pub(super) fn dhl_ecommerce(number: &[u8]) -> bool {
    const STARTS: [&[u8; 2]; 10] =
        [b"GM", b"LX", b"RX", b"UV", b"CN", b"SG", b"TH", b"IN", b"HK", b"MY"];
    (12..=41).contains(&number.len()) && STARTS.iter().any(|start| number.starts_with(*start))
}

pub(super) fn dhl_ecommerce_14(number: &[u8]) -> bool {
    is_digits(number, 14)
}

pub(super) fn canada_post(number: &[u8]) -> bool {
    is_digits(number, 16) && mod_10(&number[..15], 3, 1) == number[15]
}

pub(super) fn purolator(number: &[u8]) -> bool {
    is_digits(number, 12) && number[0] <= b'5' && luhn(&number[..11]) == number[11]
}

pub(super) fn purolator_with_letters(number: &[u8]) -> bool {
    number.len() == 12 && number[..3].iter().all(u8::is_ascii_uppercase) && all_digits(&number[3..])
}

/// Depot, parcel and check character, as people type it.
pub(super) fn dpd_15(number: &[u8]) -> bool {
    number.len() == 15 && all_digits(&number[..14]) && iso_7064(&number[..14]) == number[14]
}

/// The barcode of DPD: the postal code in front, the service and the country behind.
pub(super) fn dpd_28(number: &[u8]) -> bool {
    number.len() == 28 && all_digits(&number[..27]) && iso_7064(&number[..27]) == number[27]
}

/// The digit that stands for the letter is counted, unless it is printed too.
pub(super) fn ontrac(number: &[u8]) -> bool {
    if !is_letter_and_digits(number, b"CD", 14) {
        return false;
    }
    let lead = if number[0] == b'C' { b'4' } else { b'5' };
    let unprinted = if number[1] == lead { &[][..] } else { &[lead][..] };
    mod_10(unprinted.iter().chain(&number[1..14]), 1, 2) == number[14]
}

/// A number of `LaserShip`, which is `OnTrac` now; the longer one is printed with `-1` at its end.
pub(super) fn lasership_1ls(number: &[u8]) -> bool {
    let regional = |rest: &[u8]| {
        is_digits(rest, 10)
            || is_digits(rest, 12)
                && matches!(rest, [_, _, b'0', b'1', b'1'..=b'4', ..])
                && rest[11] == b'1'
    };
    match number.strip_prefix(b"1LS") {
        Some([b'7', b'1' | b'2', rest @ ..]) => regional(rest),
        Some([b'C', b'X', rest @ ..]) => rest.len() == 10,
        _ => false,
    }
}

pub(super) fn lasership_l(number: &[u8]) -> bool {
    number.len() == 10
        && matches!(number, [b'L', b'A' | b'I' | b'E' | b'H' | b'N' | b'X', b'1'..=b'3', ..])
        && all_digits(&number[3..])
}

/// DHL's parcels in Germany have such numbers too.
pub(super) fn yodel(number: &[u8]) -> bool {
    is(number, "JD", 16) || is(number, "JJD", 16)
}

pub(super) fn speedee(number: &[u8]) -> bool {
    is(number, "SP", 18)
}

pub(super) fn canpar(number: &[u8]) -> bool {
    is_letter_and_digits(number, b"CDKLSUXZ", 21)
}

pub(super) fn yunexpress(number: &[u8]) -> bool {
    is(number, "YT", 16)
}

pub(super) fn gofo(number: &[u8]) -> bool {
    is(number, "GFUS", 14)
}

pub(super) fn landmark(number: &[u8]) -> bool {
    number.strip_suffix(b"N1").is_some_and(|number| is(number, "LTN", 8))
}

/// Freight; the numbers that start with `80` are guaranteed shipments.
pub(super) fn old_dominion(number: &[u8]) -> bool {
    let started =
        ["777", "778", "072", "780", "80"].iter().any(|start| number.starts_with(start.as_bytes()));
    is_digits(number, 11) && started && luhn(&number[..10]) == number[10]
}
