//! Numbers of the posts: the Universal Postal Union's standard S10, two letters, nine digits and a
//! country.
//!
//! The country is that of the post which gave the number, and its code is one of ISO 3166; the post
//! is named where one alone gives them there. Their names are `carrier`'s.

use super::digits::{all_digits, s10};
use crate::shipment::carrier::POSTS;

/// The other codes of ISO 3166: numbers of theirs are right or wrong like all, but tell no carrier.
const OTHER_COUNTRIES: &[u8] =
    b"ADAGAIAQASAWAXBABIBJBLBMBNBOBQBSBVBZCCCDCFCGCICKCUCWCXDJDMECEHERFKFMFOGAGDGFGIGLGMGNGPGQGSGT\
    GUGWGYHMHTIOKHKIKMKNKPKWKYLALCLRMCMFMGMHMKMLMMMPMQMRMSMZNCNENFNPNRNUPFPMPNPRPSPWRERWSBSCSDSHSJSLSNSOSSSTSXSZTCTD\
    TFTGTJTKTLTOTVTZUMUZVAVCVEVGVIVUWFWSYEYT";

/// The post that gives numbers with this country's code.
fn named(country: [u8; 2]) -> Option<&'static str> {
    let found = POSTS.binary_search_by_key(&country, |(code, _)| *code);
    found.ok().map(|at| POSTS[at].1)
}

fn country_of(number: &[u8]) -> Option<[u8; 2]> {
    number.get(11..13)?.try_into().ok()
}

/// Whether the number is one of S10 but for its check digit.
pub(super) fn has_s10_shape(number: &[u8]) -> bool {
    let shaped = number.len() == 13
        && number[..2].iter().all(u8::is_ascii_uppercase)
        && all_digits(&number[2..11]);
    shaped
        && country_of(number).is_some_and(|country| {
            named(country).is_some() || OTHER_COUNTRIES.as_chunks().0.contains(&country)
        })
}

/// Whether the number is one of S10, check digit and all.
pub(super) fn is_s10(number: &[u8]) -> bool {
    has_s10_shape(number) && s10(&number[2..10]) == number[10]
}

/// The post that gave the number, which is one of S10.
pub(super) fn post_of(number: &[u8]) -> Option<&'static str> {
    country_of(number).and_then(named)
}

/// Whether that carrier is a post.
pub(super) fn is_post(carrier: &str) -> bool {
    POSTS.iter().any(|(_, post)| *post == carrier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_stands_once_and_in_its_place() {
        assert!(POSTS.is_sorted_by(|(a, _), (b, _)| a < b));
        let (others, rest) = OTHER_COUNTRIES.as_chunks::<2>();
        assert!(rest.is_empty() && others.is_sorted_by(|a, b| a < b));
        assert!(others.iter().all(|code| named(*code).is_none()));
        assert_eq!(POSTS.len() + others.len(), 249, "as many as ISO 3166 has");
    }

    #[test]
    fn numbers_of_every_country_of_the_world_are_posts_numbers_and_others_are_none() {
        for number in ["RB123456785GB", "RB123456785US", "RB123456785CV", "RB123456785CF"] {
            assert!(is_s10(number.as_bytes()) && has_s10_shape(number.as_bytes()), "{number}");
        }
        for number in
            ["RB123456785XX", "RB123456785YP", "R1123456785GB", "RB12345678GB", "RB123456785G1"]
        {
            assert!(!has_s10_shape(number.as_bytes()), "{number}");
        }
        assert!(!is_s10(b"RB123456786US") && has_s10_shape(b"RB123456786US"));
        assert_eq!(post_of(b"RB123456785GB"), Some("Royal Mail"));
        assert_eq!(post_of(b"RB123456785CF"), None);
    }

    #[test]
    fn both_rare_rests_of_the_sum_have_their_own_digit() {
        assert!(is_s10(b"RB000000005GB"), "a sum without rest");
        assert!(is_s10(b"RB000000500GB"), "a rest of one");
    }
}
