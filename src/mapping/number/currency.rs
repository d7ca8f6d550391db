//! The signs, words and codes of currencies that stand before or behind a number.
//!
//! Only what is known is taken off: `12 EUR` is a number with a currency, `12 PCS` is none.

use std::cmp::Ordering;

/// Codes of ISO 4217, sorted, one every four bytes.
const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD \
     CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD \
     HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL \
     LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN \
     PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD \
     TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

/// Names as shops write them, in small letters.
const WORDS: [&str; 18] = [
    "kr", "kr.", "zł", "kč", "ft", "lei", "лв", "лв.", "руб", "руб.", "rs", "rs.", "rm", "rp",
    "fr", "fr.", "sfr.", "tl",
];

/// The dollars and pounds that have letters before their sign: `R$`, `US$`, `NZ$`, `E£`.
const LETTERED: [char; 2] = ['$', '£'];

/// `text` without the currency that it starts with, if it does.
pub(super) fn strip_before(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix(is_sign) {
        return Some(rest);
    }
    let end = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if (1..=3).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_uppercase())
        && let Some(rest) = rest.strip_prefix(LETTERED)
    {
        return Some(rest);
    }
    // `Rs.500`: the point belongs to the word, and not to `.500`.
    if let Some(after) = rest.strip_prefix('.')
        && is_word(&text[..=end])
    {
        return Some(after);
    }
    (is_code(word) || is_word(word)).then_some(rest)
}

/// `text` without the currency that it ends with, if it does.
pub(super) fn strip_behind(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_suffix(is_sign) {
        let letters = rest.len() - rest.trim_end_matches(|c: char| c.is_ascii_uppercase()).len();
        return Some(if text.ends_with(LETTERED) && letters <= 3 {
            &rest[..rest.len() - letters]
        } else {
            rest
        });
    }
    let dotted = text.strip_suffix('.').unwrap_or(text);
    let start = dotted.trim_end_matches(char::is_alphabetic).len();
    let word = &text[start..];
    (is_code(word) || is_word(word)).then(|| &text[..start])
}

/// The signs of Unicode's block of currencies and those that are older than it.
fn is_sign(c: char) -> bool {
    matches!(
        c,
        '$' | '£' | '¥' | '¤' | '฿' | '\u{20A0}'..='\u{20C1}' | '＄' | '￡' | '￥' | '￦' | '﷼'
    )
}

fn is_code(word: &str) -> bool {
    let Ok(word) = <[u8; 3]>::try_from(word.as_bytes()) else { return false };
    let word = word.map(|byte| byte.to_ascii_uppercase());
    let (codes, mut from, mut to) = (CODES.as_bytes(), 0, CODES.len().div_ceil(4));
    while from < to {
        let middle = usize::midpoint(from, to);
        match codes[middle * 4..middle * 4 + 3].cmp(&word[..]) {
            Ordering::Equal => return true,
            Ordering::Less => from = middle + 1,
            Ordering::Greater => to = middle,
        }
    }
    false
}

fn is_word(word: &str) -> bool {
    !word.is_empty()
        && WORDS.iter().any(|known| known.chars().eq(word.chars().flat_map(char::to_lowercase)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_table_is_found_and_no_other() {
        let codes: Vec<&str> = CODES.split(' ').collect();
        assert!(
            codes.is_sorted() && codes.iter().all(|code| code.len() == 3),
            "the search needs that"
        );
        assert!(codes.iter().all(|code| is_code(code) && is_code(&code.to_lowercase())));
        for word in ["", "EU", "PCS", "AAA", "ZZZ", "D A", "EURO", "€"] {
            assert!(!is_code(word), "{word}");
        }
    }
}
