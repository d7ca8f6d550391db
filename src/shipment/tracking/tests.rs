//! Published numbers of every format, right ones and spoilt ones; what is inferred, and what is
//! called a misprint.

use super::formats::{self as f, FORMATS};
use super::*;
use crate::shipment::carrier;

/// A format, its carrier, published numbers that have it, and others that are no more than alike.
type Published = (fn(&[u8]) -> bool, &'static str, &'static str, &'static str);

/// The numbers are those of `tracking_number_data` and of the carriers' own documents; a spoilt one
/// is a published one with another digit where the collection holds none.
const PUBLISHED: &[Published] = &[
    (
        f::ups_1z,
        "UPS",
        "1Z999AA10123456784 1Z5R89390357567127 1Z879E930346834440 1Z410E7W0392751591 1Z8V92A70367203024 1ZXX3150YW44070023",
        "1Z9E35W60310239123 2Z5R89390357567127 1A5R89390357567127 1Z1111111111111111",
    ),
    (
        f::ups_waybill,
        "UPS",
        "K1506235620 K2479825491 J4603636537 V0490119172 V0431105627",
        "K2479825492 B2479825491",
    ),
    (
        f::amazon,
        "Amazon",
        "TBA502887274000 TBC000000000000 TBA010000000000",
        "TBB000000000000 TBA50288727400A",
    ),
    (f::amazon_international, "Amazon", "C1004444443 C1004444444", "B1004444443 C100444444"),
    (
        f::impb,
        "USPS",
        "9400111206213642173009 9400111201080805483016 9361289878700317633795 9405803699300124287899 \
         9505511069605048600624 9261292700768711948021 9205590164917312751089 9374889692090270407075 \
         92748931507708513018050063 92001903060085300042901077 940011291234567812345678901233 \
         4201002334249200190132607600833457 4201028200009261290113185417468510 420787459400111206206406260787 \
         420902459261290336128704042634",
        "9400111206213642173008 9499907123456123456781 9200000000000000000000 4201028200009261290113185417468511 \
         420000009200000000000000000000 940011291234567812345678901234 9102901001301798807420",
    ),
    (
        f::usps_91,
        "USPS",
        "420221539101026837331000039521 71969010756003077385 9101123456789000000013",
        "9101123456789000000014",
    ),
    (f::usps_20, "USPS", "03071790000523483741 71123456789123456787", "03071790000523483742"),
    (
        f::fedex_12,
        "FedEx",
        "986578788855 477179081230 799531274483 790535312317 974367662710",
        "996578788855 781299388123",
    ),
    (f::fedex_15, "FedEx", "041441760228964 568283610012000 568283610012734", "568283610012732"),
    (f::fedex_96, "FedEx", "9611020987654312345672", "9600000000000000000001"),
    (f::fedex_sscc_18, "FedEx", "000123450000000027", "000000000000000001"),
    (
        f::fedex_34,
        "FedEx",
        "1001921334250001000300779017972697 1001921380360001000300639585804382 1001901781990001000300617767839437 \
         1002297871540001000300790695517286 1027590111820004833500785458233610",
        "1001901781990001000300617767839438",
    ),
    (
        f::fedex_gsn,
        "FedEx",
        "9622001900000000000000776632517510 9622001560000000000000794808390594 9622001560001234567100794808390594 \
         9632001560123456789900794808390594",
        "9622001560001234567100794808390595 9622001560001234567100794808390597",
    ),
    (
        f::fedex_astra,
        "FedEx",
        "32971514560102447849175802862014",
        "32971514560102447849175802852014",
    ),
    (
        f::smartpost_20,
        "FedEx SmartPost",
        "61299998820821171811 61290983497923666238",
        "61299998820821171813",
    ),
    (
        f::dhl_waybill,
        "DHL",
        "3318810025 73891051146 8487135506 1099255990 3821724944 3318810036 3318810014",
        "3318810010 3318810034 3318810011 73891051149 73891051147",
    ),
    (
        f::dhl_piece_of_its_own,
        "DHL",
        "JJD0099999999 JVGL0999999990",
        "XJD0099999998 JAB0099999999 JJD0099999999123456",
    ),
    (f::dhl_piece, "DHL", "JJD0099999999 JVGL0999999990", "XJD0099999998"),
    (
        f::dhl_ecommerce,
        "DHL eCommerce",
        "GM2951173225174494 GM295117494011169042 GM9E44608A27984866BA2D",
        "GS295117494011169041",
    ),
    (
        f::dhl_ecommerce_14,
        "DHL eCommerce",
        "60120172242323 51087693037816 60120174971147",
        "6012017224232",
    ),
    (
        f::canada_post,
        "Canada Post",
        "0073938000549297 7035114477138472 4002847016405018",
        "0073938000549292",
    ),
    (
        f::purolator,
        "Purolator",
        "320595463938 320606146993 287809468872 320610804900 331426749957 331434972567",
        "320595463939 287809468875",
    ),
    (
        f::purolator_with_letters,
        "Purolator",
        "KYV009956937 CGK002986959 JFV247545960 TLR000083964",
        "KY009956937",
    ),
    (f::dpd_15, "DPD", "09980000020033F 09980000020034D", "09980000020033G 09980000020034F"),
    (
        f::dpd_28,
        "DPD",
        "008182709980000020033350276C 008182709980000020045327276N",
        "008182709980000020033350276A 008182709980000020045000000N",
    ),
    (
        f::ontrac,
        "OnTrac",
        "C11031500001879 C10999911320231 C11121552953069 C11121553156000 C11121552829468 D10011354453707 \
         D10011345983010 D10011342332145",
        "C10000000000000 C11031500001889 D10011345983012 D10011342332144",
    ),
    (
        f::lasership_1ls,
        "OnTrac",
        "1LS717793482164 1LS724505321754 1LS720000000000 1LS7119013618127-1 1LSCXVE0058631Y",
        "1LS734505321754 1LX734505321754 1LS7119013618127-2",
    ),
    (
        f::lasership_l,
        "OnTrac",
        "LX17635036 LX17635034 LI12979072 LA28376237 LH13830790 LE10917377 LN30083672",
        "LX1763503N LC17635036 LX07635036",
    ),
    (
        f::yodel,
        "Yodel",
        "JJD0002257639032011 JJD0002255380054291 JD0002242617644732 JD0002254405060992",
        "JD000225440506099 JC0002254405060992",
    ),
    (
        f::speedee,
        "SpeeDee",
        "SP029692510000920746 SP029692510000901479 SP029692450001607639",
        "SX029692510000920746",
    ),
    (
        f::canpar,
        "Canpar",
        "D576002440000001718010 L576002440000000001004 S576002440000000004001",
        "1576002440000002510003 M576002440000002510003 D57600244000000251000",
    ),
    (f::yunexpress, "YunExpress", "YT2229521272164446 YT2229521272164447", "YT123456789012345"),
    (f::gofo, "GOFO", "GFUS01011884214464 GFUS01011884214272", "GFUS0101188421446"),
    (
        f::landmark,
        "Landmark",
        "LTN74207623N1 LTN74209518N1 LTN74224021N1",
        "LSN74209518N2 LSN74209518N1",
    ),
    (
        f::old_dominion,
        "Old Dominion",
        "07209562763 77767553207 77806528897 80003280379 80993847369",
        "07209562773 79927398713 10000000000 80003280389",
    ),
];

/// A published number as the formats see it.
fn without_dash(number: &str) -> Vec<u8> {
    number.bytes().filter(|byte| *byte != b'-').collect()
}

#[test]
fn published_numbers_have_their_carriers_format_and_spoilt_ones_have_not() {
    for (fits, carrier, right, spoilt) in PUBLISHED {
        for number in right.split_whitespace() {
            assert!(fits(&without_dash(number)), "{carrier}: {number}");
            assert!(possible(number).contains(carrier), "{number}: {:?}", possible(number));
        }
        for number in spoilt.split_whitespace() {
            assert!(!fits(&without_dash(number)), "{carrier}: {number}");
        }
    }
}

#[test]
fn every_format_is_held_to_published_numbers_of_its_carrier() {
    for (at, format) in FORMATS.iter().enumerate() {
        let mut own = PUBLISHED.iter().filter(|(_, carrier, ..)| *carrier == format.carrier);
        let right = own.any(|(_, _, right, _)| {
            right.split_whitespace().all(|number| (format.fits)(&without_dash(number)))
        });
        // Two lengths that the standard allows and nobody has published.
        assert!(
            right || std::ptr::fn_addr_eq(format.fits, f::impb_of_rare_length as fn(&[u8]) -> bool),
            "{at}"
        );
        assert_eq!(
            carrier::fold(format.carrier),
            Some(format.carrier),
            "a name that the carriers' table has"
        );
    }
}

#[test]
fn barcodes_of_rare_lengths_have_the_same_check_digit() {
    for (number, fits) in [("940011120621364217300016", true), ("940011120621364217300018", false)]
    {
        assert_eq!(f::impb_of_rare_length(number.as_bytes()), fits, "{number}");
        assert_eq!(infer(number), None);
    }
}

#[test]
fn a_carrier_is_inferred_only_where_the_format_is_its_own() {
    for (number, carrier) in [
        ("1z999aa1 0123 4567 84", Some("UPS")),
        ("9400 1112 0621 3642 1730 09", Some("USPS")),
        ("9400\u{a0}1112\u{2011}0621 3642 1730 09", Some("USPS")),
        ("420787459400111206206406260787", Some("USPS")),
        ("4201028200009261290113185417468510", Some("USPS")),
        ("RB 12345678 5 GB", Some("Royal Mail")),
        ("RB123456785CH", Some("Swiss Post")),
        ("RB123456785BR", Some("Correios")),
        ("9611020987654312345672", Some("FedEx")),
        ("JJD0099999999", Some("DHL")),
        ("JVGL0999999990", Some("DHL")),
        ("TBA502887274000", Some("Amazon")),
        ("YT2229521272164446", Some("YunExpress")),
        ("GFUS01011884214464", Some("GOFO")),
        ("LTN74207623N1", Some("Landmark")),
        ("1LS717793482164", Some("OnTrac")),
        ("C11031500001879", Some("OnTrac")),
        ("RB123456785CF", None),
        ("RB123456785XX", None),
        ("RB123456784GB", None),
        ("9102901001301798807420", None),
        ("JJD0002257639032011", None),
        ("JAB0099999999", None),
        ("LX17635036", None),
        ("GM2951173225174494", None),
        ("1001921334250001000300779017972697", None),
        ("9622001900000000000000776632517510", None),
        ("32971514560102447849175802862014", None),
        ("008182709980000020033350276C", None),
        ("1Z999AA10123456785", None),
        ("986578788855", None),
        ("3318810025", None),
        ("60120172242323", None),
        ("648603546", None),
        ("443656408532", None),
        ("", None),
        ("TEST", None),
        ("1Z999AA1/0123456784", None),
        ("11111111111111111111111111111111111111111111111111111111111111111111", None),
    ] {
        assert_eq!(infer(number), carrier, "{number}");
    }
    assert!(
        possible("443656408532").is_empty(),
        "a number of Yamato, which nobody else's check digit fits"
    );
}

#[test]
fn nothing_is_inferred_from_digits_alone_but_a_barcode() {
    for length in [9, 10, 11, 12, 14, 15, 16, 18, 20, 34] {
        for seed in 0..200_u64 {
            let number: String = (0..length)
                .map(|place| {
                    char::from(b'0' + ((seed * 7919 + place * 104_729 + seed * place) % 10) as u8)
                })
                .collect();
            assert_eq!(infer(&number), None, "{number}");
        }
    }
}

#[test]
fn a_misprint_is_told_of_carriers_whose_numbers_always_have_a_check_digit() {
    for (stated, number) in [
        ("UPS Ground", "1Z999AA10123456785"),
        ("ups", "1Z9E35W60310239123"),
        ("FedEx", "986578788856"),
        ("FedEx Ground", "568283610012732"),
        ("usps", "9400111206213642173008"),
        ("Stamps.com", "420787459400111206206406260788"),
        ("Royal Mail", "RB123456784GB"),
        ("Swiss Post", "RB123456784CH"),
        ("USPS", "RB123456784CN"),
    ] {
        assert!(is_misprint(stated, number), "{stated}: {number}");
    }
}

#[test]
fn the_posts_numbers_of_carriers_that_hand_parcels_to_it_are_no_misprints() {
    let handing = "DHL|DHL eCommerce|DHL Global Mail|Asendia|Yanwen|SF Express|Landmark|YunExpress|4PX|Cainiao|FedEx SmartPost|\
        SMARTPOST|UPS Mail Innovations|UPS SurePost|UPS|FedEx|OSM|Newgistics|Pigeon Post|Other|";
    for stated in handing.split('|') {
        for number in
            ["RB123456784GB", "LX123456784CN", "9400111206213642173008", "9102901001301798807420"]
        {
            assert!(!is_misprint(stated, number), "{stated}: {number}");
        }
    }
    for (stated, number) in [
        ("UPS", "1Z999AA10123456784"),
        ("UPS", "T1"),
        ("UPS", "986578788856"),
        ("UPS Mail Innovations", "1Z999AA10123456785"),
        ("DHL", "3318810026"),
        ("USPS", "94001102008823121544"),
        ("USPS", "4201002334249200190132607600833457"),
        ("USPS", "9102901001301798807421"),
        ("FedEx SmartPost", "986578788856"),
        ("FedEx", "12345678901"),
        ("Canada Post", "0073938000549292"),
        ("Royal Mail", "RB123456784XX"),
        ("Steadfast", "1Z999AA10123456785"),
    ] {
        assert!(!is_misprint(stated, number), "{stated}: {number}");
    }
}
