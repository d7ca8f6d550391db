//! The sums behind check digits: each takes the characters before the check and gives the character
//! that must follow.
//!
//! The characters are capitals and digits; the callers in `formats` have looked. Pure.

/// Whether there are bytes, and all are digits.
pub(super) fn all_digits(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit)
}

fn value(byte: u8) -> u32 {
    u32::from(byte.wrapping_sub(b'0'))
}

fn digit(number: u32) -> u8 {
    b'0' + (number % 10) as u8
}

/// What is missing to the next ten of the weighted sum; the weights are those of the even and odd
/// places from the left, counted from 0.
pub(super) fn mod_10<'a>(body: impl IntoIterator<Item = &'a u8>, even: u32, odd: u32) -> u8 {
    let weights = [even, odd].into_iter().cycle();
    let sum: u32 = body.into_iter().zip(weights).map(|(byte, weight)| value(*byte) * weight).sum();
    digit(10 - sum % 10)
}

/// The same for a body that may hold letters, as UPS counts them: each is worth its place in ASCII
/// less 3.
pub(super) fn mod_10_with_letters(body: &[u8], even: u32, odd: u32) -> u8 {
    let worth =
        |byte: u8| if byte.is_ascii_digit() { value(byte) } else { (u32::from(byte) - 3) % 10 };
    let weights = [even, odd].into_iter().cycle();
    let sum: u32 = body.iter().zip(weights).map(|(byte, weight)| worth(*byte) * weight).sum();
    digit(10 - sum % 10)
}

/// A weighted sum modulo 11, then modulo 10; the weights repeat.
pub(super) fn mod_11(body: &[u8], weights: [u32; 3]) -> u8 {
    let sum: u32 = body
        .iter()
        .zip(weights.into_iter().cycle())
        .map(|(byte, weight)| value(*byte) * weight)
        .sum();
    digit(sum % 11 % 10)
}

/// The rest of the whole number divided by 7.
pub(super) fn mod_7(body: &[u8]) -> u8 {
    digit(body.iter().fold(0, |rest, byte| (rest * 10 + value(*byte)) % 7))
}

/// Luhn's sum, as payment cards have it.
pub(super) fn luhn(body: &[u8]) -> u8 {
    let doubled = |byte: u8| (value(byte) * 2) / 10 + (value(byte) * 2) % 10;
    let places = body.iter().rev().enumerate();
    let sum: u32 = places
        .map(|(place, byte)| if place % 2 == 0 { doubled(*byte) } else { value(*byte) })
        .sum();
    digit(10 - sum % 10)
}

/// ISO 7064, modulus 37,36: a digit or a capital.
pub(super) fn iso_7064(body: &[u8]) -> u8 {
    const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let rank =
        |byte: u8| if byte.is_ascii_digit() { value(byte) } else { u32::from(byte - b'A') + 10 };
    let carry = body.iter().fold(36, |carry, byte| {
        let sum = (carry + rank(*byte)) % 36;
        (if sum == 0 { 36 } else { sum }) * 2 % 37
    });
    ALPHABET[((37 - carry) % 36) as usize]
}

/// The Universal Postal Union's sum over eight digits, of its standard S10.
pub(super) fn s10(body: &[u8]) -> u8 {
    let weights = [8, 6, 4, 2, 3, 5, 9, 7];
    let sum: u32 = body.iter().zip(weights).map(|(byte, weight)| value(*byte) * weight).sum();
    match sum % 11 {
        0 => b'5',
        1 => b'0',
        rest => digit(11 - rest),
    }
}
