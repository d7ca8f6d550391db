//! Carriers: the many ways in which shops and shipping systems write them, folded to one name each.
//!
//! A name is folded by its letters and digits alone, in lower case; the first rule that fits decides, so the order of
//! the rules matters: a service of a carrier (`FedEx Ground`) is that carrier, but those that are delivered by another one
//! (`SmartPost`) stand first. Pure; `mapping` looks names up here, `check` warns of those that are not known.

/// How a folded text is recognised.
enum Sign {
    /// It stands anywhere in it.
    Has(&'static str),
    /// It is one of its words, with or without digits behind it.
    Word(&'static str),
}

use Sign::{Has, Word};

/// A carrier's name and its signs, in the order in which they are looked for.
const RULES: &[(&str, &[Sign])] = &[
    (
        "USPS",
        &[
            Has("endicia"),
            Has("stampscom"),
            Word("stamps"),
            Has("pbowes"),
            Has("usps"),
            Has("unitedstatespostal"),
            Has("uspostal"),
            Has("usmail"),
        ],
    ),
    ("UPS Mail Innovations", &[Has("mailinnovations")]),
    ("UPS", &[Has("worldship"), Has("unitedparcel"), Word("ups"), Has("upsready"), Has("upsonline"), Has("upsground")]),
    ("FedEx SmartPost", &[Has("smartpost"), Has("groundeconomy")]),
    ("FedEx", &[Has("fedex"), Has("federalexpress"), Word("fdx")]),
    ("DHL eCommerce", &[Has("dhlecommerce"), Has("globalmail")]),
    ("DHL", &[Has("dhl")]),
    ("Parcelforce", &[Has("parcelforce")]),
    ("Royal Mail", &[Has("royalmail")]),
    ("Australia Post", &[Has("auspost"), Has("australiapost"), Has("eparcel"), Has("startrack")]),
    ("Canada Post", &[Has("canadapost"), Has("postescanada")]),
    ("Purolator", &[Has("purolator")]),
    ("DPD", &[Has("dpd"), Has("geopost")]),
    ("GLS", &[Word("gls"), Has("generallogistics")]),
    ("Evri", &[Word("evri"), Has("hermes")]),
    ("Yodel", &[Has("yodel")]),
    ("OnTrac", &[Has("ontrac"), Has("lasership")]),
    ("Amazon", &[Has("amzn"), Has("amazon"), Word("swiship")]),
    ("PostNL", &[Has("postnl")]),
    ("Deutsche Post", &[Has("deutschepost")]),
    ("La Poste", &[Has("laposte"), Has("colissimo"), Has("chronopost")]),
    ("Correos", &[Has("correos")]),
    ("Yamato", &[Has("yamato"), Has("kuroneko")]),
    ("Sagawa", &[Has("sagawa")]),
    ("Japan Post", &[Has("japanpost")]),
    ("SF Express", &[Has("sfexpress")]),
    ("Yanwen", &[Has("yanwen")]),
    ("YunExpress", &[Has("yunexpress")]),
    ("4PX", &[Has("4px")]),
    ("Cainiao", &[Has("cainiao")]),
    ("China Post", &[Has("chinapost")]),
    ("India Post", &[Has("indiapost")]),
    ("Poste Italiane", &[Has("posteitaliane")]),
    ("TNT", &[Word("tnt")]),
    ("Landmark", &[Word("landmark")]),
    ("GOFO", &[Word("gofo")]),
    ("Asendia", &[Has("asendia")]),
    ("Newgistics", &[Has("newgistics")]),
    ("Delhivery", &[Has("delhivery")]),
    ("Blue Dart", &[Has("bluedart")]),
    ("Hongkong Post", &[Has("hongkongpost")]),
    ("Andreani", &[Has("andreani")]),
    ("Old Dominion", &[Has("olddominion")]),
];

/// Other carriers that marketplaces list; each has this one name.
const OTHERS: &[&str] = &[
    "A-1",
    "AAA Cooper",
    "ABF",
    "Best Buy",
    "Blue Package",
    "CEVA",
    "City Link",
    "Conway",
    "Estes",
    "Fastway",
    "First Mile",
    "GO!",
    "Hunter Logistics",
    "JCEX",
    "JP_EXPRESS",
    "Letian",
    "NipponExpress",
    "NITTSU",
    "OSM",
    "Parcelnet",
    "Pilot Freight",
    "PTT Kargo",
    "R+L",
    "Roadrunner",
    "Saia",
    "SDA",
    "SFC",
    "ShipEntegra",
    "Smartmail",
    "South Eastern Freight Lines",
    "StreamLite",
    "Target",
    "Urban Express",
    "Watkins and Shepard",
    "XPO Freight",
    "Yellow Freight",
    "YF Logistics",
    "YHT",
];

/// The carrier that `text` means; `None` where it is none that is known.
pub fn fold(text: &str) -> Option<&'static str> {
    let itself = RULES.iter().map(|(name, _)| *name).find(|name| *name == text);
    itself.or_else(|| by_signs(text))
}

fn by_signs(text: &str) -> Option<&'static str> {
    let mut buffer = [0_u8; 64];
    let folded = folded(text, &mut buffer);
    let is_word = |sign: &str| {
        let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
        words.any(|word| {
            let start = word.get(..sign.len()).filter(|start| start.eq_ignore_ascii_case(sign));
            start.is_some() && word[sign.len()..].bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let fits = |sign: &Sign| match sign {
        Has(part) => folded.contains(part),
        Word(word) => is_word(word),
    };
    let ruled = RULES.iter().find(|(_, signs)| signs.iter().any(fits)).map(|(name, _)| *name);
    ruled.or_else(|| {
        let mut other = [0_u8; 64];
        OTHERS.iter().copied().find(|name| !folded.is_empty() && self::folded(name, &mut other) == folded)
    })
}

/// The letters and digits of `text` in lower case, as many as there is room for.
fn folded<'a>(text: &str, buffer: &'a mut [u8; 64]) -> &'a str {
    let mut length = 0;
    for byte in text.bytes().filter(u8::is_ascii_alphanumeric).take(buffer.len()) {
        buffer[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    std::str::from_utf8(&buffer[..length]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_services_and_slugs_fold_to_their_carrier() {
        for (carrier, spellings) in [
            (
                "USPS",
                "usps|endicia|stamps_com|Stamps.com|pbowes|United States Postal Service|USPS Priority mail|USPS Express mail",
            ),
            (
                "UPS",
                "UPS|ups|upsready|upsonline|ups_walleted|United Parcel Service|UPS Ground|UPS Freight|UPS WorldShip",
            ),
            ("UPS Mail Innovations", "UPS Mail Innovations|Mail Innovations"),
            ("FedEx", "fedex|Fedex|FEDEX_JP|FEDEX-GND|Federal Express (P1)|FedEx Ground|Fedex Freight"),
            ("FedEx SmartPost", "SMARTPOST|FedEx SmartPost|FedEx Ground Economy"),
            ("DHL", "DHL|DHL01|DHL Kargo|DHL/MNG Kargo|DHL Paket|DHL Basic mail|DHL Expedited Max|dhl_express"),
            ("DHL eCommerce", "DHL eCommerce|DHL Global Mail|DHL GlobalMail Parcel Priority"),
            ("Royal Mail", "Royal Mail|royalmail"),
            ("Parcelforce", "Parcelforce|Royal Mail Parcelforce"),
            ("Australia Post", "auspost|Australia Post|eParcel|StarTrack"),
            ("Canada Post", "canadapost|Canada Post|Postes Canada"),
            ("OnTrac", "OnTrac|Lasership"),
            ("Amazon", "AMZN_US|Amazon Shipping|Swiship"),
            ("La Poste", "La Poste|Colissimo|Chronopost"),
            ("Evri", "Evri|Hermes Logistik Gruppe"),
            ("GLS", "GLS|General Logistics Systems"),
            ("DPD", "DPD|DPD UK|Geopost"),
            ("Yamato", "YAMATO|YamatoTransport|Kuroneko"),
            ("Sagawa", "SagawaExpress"),
            ("YunExpress", "Yun Express"),
            ("Delhivery", "Delhivery"),
            ("Blue Dart", "BlueDart"),
            ("Andreani", "Andreani Estandar \"Envío a domicilio\""),
        ] {
            for spelling in spellings.split('|') {
                assert_eq!(fold(spelling), Some(carrier), "{spelling}");
            }
        }
    }

    #[test]
    fn what_is_no_carrier_stays_unknown_and_names_fold_to_themselves() {
        for text in [
            "",
            "Standard",
            "Free shipping",
            "Groups of parcels",
            "Correo Argentino",
            "Yurtiçi Kargo",
            "Upstream Couriers",
            "Stampsville Riders",
            "Sevriens",
            "Everi",
        ] {
            assert_eq!(fold(text), None, "{text}");
        }
        for (name, _) in RULES {
            assert_eq!(fold(name), Some(*name));
            assert_eq!(by_signs(name), Some(*name), "by its own signs too");
        }
        for name in OTHERS {
            assert_eq!(fold(&name.to_uppercase()), Some(*name));
        }
    }
}
