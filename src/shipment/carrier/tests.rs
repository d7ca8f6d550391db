//! The spellings that real exports have, each with the carrier it means, and texts that mean none.

use super::fold::names;
use super::*;

/// The names of Amazon's list of carriers, in its spelling; FBA's reports have the codes at the
/// end.
const AMAZON: &str = "Blue Package|Canada Post|City Link|Chronopost=La Poste|Deutsche Post|DHL|DHL Global Mail=DHL eCommerce|DPD|\
    Fastway|FedEx|FedEx SmartPost|FEDEX_JP=FedEx|GLS|GO!|Hermes Logistik Gruppe=Evri|JP_EXPRESS|La Poste|Newgistics|\
    NipponExpress|NITTSU|OnTrac|OSM|Parcelforce|Parcelnet|Poste Italiane|Royal Mail|SagawaExpress=Sagawa|SDA|Smartmail|\
    Streamlite=StreamLite|Target|TNT|UPS|UPS Mail Innovations|USPS|YamatoTransport=Yamato|Other|SMARTPOST=FedEx SmartPost|\
    YAMATO=Yamato|AMZN_US=Amazon";

const WALMART: &str = "4PX|A-1|AAA Cooper|ABF|Asendia|Best Buy|Blue Package|Canada Post|CEVA|China Post|Conway|DHL|\
    DHL eCommerce|Estes|FedEx|Fedex Freight=FedEx|FedEx SmartPost|First Mile|Hongkong Post|Hunter Logistics|India Post|JCEX|\
    Lasership=OnTrac|Newgistics|Old Dominion|OnTrac|OSM|Pilot Freight|R+L|Roadrunner|Royal Mail|Saia|SF Express|SFC|\
    South Eastern Freight Lines|StreamLite|UPS|UPS Freight|UPS Mail Innovations|Urban Express|USPS|Watkins and Shepard|\
    XPO Freight|Yanwen|Yellow Freight|Yun Express=YunExpress|YF Logistics|YHT|Landmark|ShipEntegra|Cainiao|Letian|PTT Kargo";

/// The slugs of shop systems and of their shipping systems.
const SLUGS: &str = "usps=USPS|ups=UPS|fedex=FedEx|other=Other|auspost=Australia Post|canadapost=Canada Post|\
    royalmail=Royal Mail|endicia=USPS|upsready=UPS|upsonline=UPS|shipperhq=ShipperHQ|pbowes=USPS|stamps=USPS|fba=Amazon|\
    amazon=Amazon|sync|stamps_com=USPS|stamps_com (USPS)=USPS|ups_walleted=UPS";

const SEEN: &str = "Fedex=FedEx|UPS|DPD|GLS|DHL Kargo=DHL|DHL/MNG Kargo=DHL|Yurtiçi Kargo|YURTICI KARGO=Yurtiçi Kargo|Delhivery|\
    BlueDart=Blue Dart|Federal Express (P1)=FedEx|USPS Priority mail=USPS|USPS Express mail=USPS|DHL Basic mail=DHL|\
    DHL Expedited Max=DHL|DHL GlobalMail Parcel Priority=DHL eCommerce|UPS Ground=UPS|\
    Andreani Estandar \"Envío a domicilio\"=Andreani";

/// Every sign of the carriers that exports name most, and services in one word.
const SIGNS: &str = "United States Postal Service=USPS|U.S. Postal Service=USPS|Postal Service=USPS|USPSPriority=USPS|\
    uspsgroundadvantage=USPS|Stamps.com=USPS|Mail Innovations=UPS Mail Innovations|ups-mi=UPS Mail Innovations|\
    WorldShip=UPS|United Parcel Service=UPS|U.P.S.=UPS|UPS® Ground=UPS|UPSGround=UPS|UPS2ndDay=UPS|UPS SurePost=UPS|\
    SurePost (USPS)=UPS|UPS Freight LTL=UPS Freight|ups_freight=UPS Freight|Ground Economy=FedEx SmartPost|\
    FedEx Ground Economy=FedEx SmartPost|fedexsmartpost=FedEx SmartPost|FDX=FedEx|FDX Ground=FedEx|FEDEX-GND=FedEx|\
    fedexground=FedEx|dhlecommerce=DHL eCommerce|DHL e-Commerce=DHL eCommerce|DHL01=DHL|DHL Paket=DHL|DHLExpress=DHL|\
    Royal Mail Tracked 24=Royal Mail|Royal Mail Parcelforce=Parcelforce|parcelforce48=Parcelforce|eParcel=Australia Post|\
    StarTrack=Australia Post|Postes Canada=Canada Post|Purolator Ground=Purolator|Geopost=DPD|dpduk=DPD|\
    General Logistics Systems=GLS|GLS Parcel=GLS|Evri=Evri|myHermes=Evri|Yodel=Yodel|On Trac=OnTrac|Amazon Logistics=Amazon|\
    amazonshipping=Amazon|Swiship=Amazon|PostNL|Deutsche Post AG=Deutsche Post|Colissimo=La Poste|Correos=Correos|\
    Correos Express=Correos|Kuroneko Yamato=Yamato|Japan Post EMS=Japan Post|SF-Express=SF Express|4px-express=4PX|\
    AliExpress Cainiao=Cainiao|Spee-Dee Delivery=SpeeDee|Canpar Express=Canpar|Hong Kong Post=Hongkong Post";

const POSTS: &str = "Österreichische Post=Austrian Post|Česká pošta=Czech Post|Post Danmark=PostNord|Correos de México=Correos de Mexico|\
    CORREOS DE CHILE=Correos Chile|Correios=Correios|Correios de Angola|SingPost=Singapore Post|La Poste Tunisienne|\
    Correo Argentino|Swiss Post Priority=Swiss Post|Russian Post EMS=Russian Post|An Post|Poczta Polska|Hrvatska pošta=Croatian Post";

/// Checks `spelling=name`, or a name that is its own.
fn assert_known(spellings: &str) {
    for spelling in spellings.split('|') {
        let (spelling, name) = spelling.split_once('=').unwrap_or((spelling, spelling));
        assert_eq!(fold(spelling), Some(name), "{spelling}");
    }
}

#[test]
fn the_marketplaces_carriers_are_known_by_every_name_of_their_lists() {
    assert_known(AMAZON);
    assert_known(WALMART);
}

#[test]
fn slugs_services_and_other_spellings_fold_to_their_carrier() {
    assert_known(SLUGS);
    assert_known(SEEN);
    assert_known(SIGNS);
    assert_known(POSTS);
}

#[test]
fn services_that_another_delivers_keep_their_own_names() {
    for name in ["UPS Freight", "UPS Mail Innovations", "FedEx SmartPost", "DHL eCommerce"] {
        assert_eq!(fold(name), Some(name));
        assert_eq!(fold(&name.to_uppercase()), Some(name));
        assert_eq!(fold(&name.replace(' ', "_").to_lowercase()), Some(name));
        assert_eq!(fold(&name.replace(' ', "")), Some(name));
    }
}

#[test]
fn what_is_no_carrier_stays_unknown() {
    for text in [
        "",
        "  ",
        "!",
        "Standard",
        "Free shipping",
        "Groups of parcels",
        "Upset Logistics",
        "UPSet Logistics",
        "Upstream Couriers",
        "Pickups",
        "Contract Couriers",
        "Amazonas Cargo",
        "Stampsville Riders",
        "Targeted Deliveries",
        "Another Carrier",
        "Go Couriers",
        "Glsoft",
        "Sevriens",
        "Everi",
        "Antnt",
        "Sync Riders",
        "An Post Box",
        "順豐速運",
    ] {
        assert_eq!(fold(text), None, "{text}");
    }
}

#[test]
fn every_name_folds_to_itself_however_it_is_written() {
    for name in names() {
        assert_eq!(fold(name), Some(name));
        assert_eq!(fold(&name.to_uppercase()), Some(name));
        assert_eq!(fold(&name.replace(' ', "-")), Some(name));
    }
}

#[test]
fn texts_of_any_length_and_alphabet_are_looked_at() {
    let long = "x".repeat(1_000);
    assert_eq!(fold(&long), None);
    assert_eq!(fold(&format!("UPS {long}")), Some("UPS"));
    assert_eq!(fold(&format!("{long} UPS")), None, "only so many letters are looked at");
    assert_eq!(fold(&"ß".repeat(40)), None);
    assert_eq!(fold("順豐 SF Express"), Some("SF Express"));
    for length in 0..70 {
        assert_eq!(
            fold(&format!("{} fedex", "é".repeat(length))).is_some(),
            length < 64 - 4,
            "{length}"
        );
    }
}

#[test]
fn a_misspelt_carrier_is_near_to_the_one_that_is_meant() {
    for (text, name) in [
        ("Fedx", Some("FedEx")),
        ("Purolater", Some("Purolator")),
        ("Royl Mail", Some("Royal Mail")),
        ("Yurtici Kargoo", Some("Yurtiçi Kargo")),
        ("Steadfast", None),
        ("Pigeon", None),
        ("City Riders", None),
        ("", None),
    ] {
        assert_eq!(nearest(text), name, "{text}");
    }
}
