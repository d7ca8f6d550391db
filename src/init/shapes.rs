//! What a column's values look like, over the whole sample: shares of the filled cells, from 0 to
//! 1.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::dates::{self, Dates};
use super::words;
use crate::mapping::number::NumberRule;
use crate::shipment::{carrier, tracking};

/// Words that are written down as one text.
macro_rules! words {
    ($text:expr) => {
        Words(LazyLock::new(|| $text.split_whitespace().map(words::folded).collect()))
    };
}

/// How a column writes its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    /// The sign before the decimals.
    pub(super) decimal: char,
    /// The sign between thousands.
    pub(super) thousands: Option<char>,
    /// Whether another style reads all values just as well, and differently.
    pub(super) ambiguous: bool,
}

/// The shape of a column.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    /// Filled cells of the sample.
    pub(super) filled: usize,
    /// Different values, as a share.
    pub(super) distinct: f64,
    /// E-mail addresses.
    pub(super) email: f64,
    /// What can be dialled.
    pub(super) phone: f64,
    /// Whole numbers.
    pub(super) integer: f64,
    /// Whole numbers below a thousand.
    pub(super) small: f64,
    /// Numbers with decimals, or a currency sign.
    pub(super) money: f64,
    /// One word with a digit in it, of at most 24 characters.
    pub(super) code: f64,
    /// Eight letters and digits or more, no word.
    pub(super) tracking: f64,
    /// Numbers that surely are some carrier's.
    pub(super) tracked: f64,
    /// Known carriers.
    pub(super) carrier: f64,
    /// Web addresses.
    pub(super) url: f64,
    /// Postal codes.
    pub(super) zip: f64,
    /// Countries, by name or code.
    pub(super) country: f64,
    /// Two to four words of letters, each with a capital.
    pub(super) person: f64,
    /// Texts with letters.
    pub(super) text: f64,
    /// Texts with a digit.
    pub(super) digit: f64,
    /// Times of day alone.
    pub(super) time: f64,
    /// Words for the state of a payment.
    pub(super) paid: f64,
    /// Words for the state of a parcel or an order.
    pub(super) shipped: f64,
    /// How its dates stand, where it holds dates.
    pub(super) dates: Option<Dates>,
    /// How its numbers stand, where it holds numbers.
    pub(super) style: Option<Style>,
}

impl Shape {
    /// The shape of `values`, which are trimmed and unguarded.
    pub(super) fn of(values: &[String], day_first: bool) -> Self {
        let filled: Vec<&str> =
            values.iter().map(String::as_str).filter(|value| !value.is_empty()).collect();
        let count = filled.len();
        #[expect(clippy::cast_precision_loss, reason = "a sample is small")]
        let portion = |number: usize| if count == 0 { 0.0 } else { number as f64 / count as f64 };
        let share = |fits: &dyn Fn(&str) -> bool| {
            portion(filled.iter().filter(|value| fits(value)).count())
        };
        let mut different = filled.clone();
        different.sort_unstable();
        different.dedup();
        Self {
            filled: count,
            distinct: portion(different.len()),
            email: share(&is_email),
            phone: share(&is_phone),
            integer: share(&|value| is_digits(value)),
            small: share(&|value| {
                is_digits(value.trim_end_matches(".0").trim_end_matches(".00")) && value.len() <= 4
            }),
            money: share(&is_money),
            code: share(&is_code),
            tracking: share(&is_tracking),
            tracked: share(&|value| tracking::infer(value).is_some()),
            carrier: share(&|value| !has_digit(value) && carrier::fold(value).is_some()),
            url: share(&|value| value.starts_with("https://") || value.starts_with("http://")),
            zip: share(&is_zip),
            country: share(&is_country),
            person: share(&is_person),
            text: share(&|value| value.chars().any(char::is_alphabetic)),
            digit: share(&has_digit),
            time: share(&dates::is_time),
            paid: share(&|value| PAYMENT.have(value)),
            shipped: share(&|value| SHIPPED.have(value)),
            dates: Dates::of(values, day_first),
            style: style(&filled),
        }
    }
}

/// Words for the state of a payment.
static PAYMENT: Words = words!(
    "paid unpaid pending authorized authorised voided refunded partiallyrefunded partiallypaid due bezahlt offen \
     unbezahlt erstattet paye impaye enattente rembourse pagado pendiente reembolsado pagato insospeso rimborsato pago pendente betaald \
     openstaand oplacone nieoplacone completed"
);

/// Words for the state of a parcel or an order.
static SHIPPED: Words = words!(
    "shipped unshipped fulfilled unfulfilled partial delivered intransit outfordelivery returned dispatched sent \
     completed complete processing cancelled canceled versendet versandt geliefert zugestellt storniert inbearbeitung unterwegs retoure \
     expedie livre annule envoye enviado entregado cancelado spedito consegnato annullato entregue verzonden geleverd geannuleerd \
     wyslane wyslano dostarczone anulowane new open neu lieferbereit shippedcomplete"
);

/// Words for what will never be shipped.
pub(super) static DEAD: Words = words!(
    "cancelled canceled refunded voided void storniert abgebrochen erstattet retoure annule annulee rembourse cancelado \
     cancelada anulado reembolsado annullato rimborsato geannuleerd terugbetaald anulowane anulowano zwrot"
);

/// Words, compared without case, accents and spaces.
pub(super) struct Words(LazyLock<HashSet<String>>);

impl Words {
    /// Whether `value` is one of them.
    pub(super) fn have(&self, value: &str) -> bool {
        let value: String = words::folded(value).chars().filter(|c| c.is_alphanumeric()).collect();
        !value.is_empty() && self.0.contains(&value)
    }
}

fn is_digits(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())
}

fn has_digit(value: &str) -> bool {
    value.bytes().any(|byte| byte.is_ascii_digit())
}

fn is_email(value: &str) -> bool {
    value.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
        && !value.contains(' ')
}

fn is_phone(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    (6..=15).contains(&digits)
        && value.chars().all(|c| {
            c.is_ascii_digit() || matches!(c, ' ' | '+' | '-' | '(' | ')' | '.' | '/' | '\u{A0}')
        })
        && !is_date_like(value)
}

fn is_date_like(value: &str) -> bool {
    let lengths: Vec<usize> = value
        .split(['-', '/', '.'])
        .map(|part| if is_digits(part) { part.len() } else { 0 })
        .collect();
    matches!(lengths[..], [4, 1..=2, 1..=2] | [1..=2, 1..=2, 2 | 4])
}

fn is_money(value: &str) -> bool {
    let bare: String =
        value.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | ',')).collect();
    let letters = value.chars().filter(|c| c.is_alphabetic()).count();
    let cents = bare.len() > 3 && matches!(bare.as_bytes()[bare.len() - 3], b'.' | b',');
    let signed = value.chars().any(|c| matches!(c, '$' | '€' | '£' | '¥'));
    has_digit(value) && letters <= 3 && (cents || signed) && !is_date_like(value)
}

fn is_code(value: &str) -> bool {
    value.len() <= 24
        && has_digit(value)
        && !value.contains([' ', '@', ':', ','])
        && !is_money(value)
        && !is_date_like(value)
}

fn is_tracking(value: &str) -> bool {
    let bare: String = value.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let digits = bare.bytes().filter(u8::is_ascii_digit).count();
    (8..=40).contains(&bare.len())
        && digits * 2 >= bare.len()
        && bare.chars().all(|c| c.is_ascii_alphanumeric())
        && !is_date_like(value)
}

fn is_zip(value: &str) -> bool {
    (3..=10).contains(&value.len())
        && has_digit(value)
        && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-'))
        && !is_date_like(value)
}

fn is_person(value: &str) -> bool {
    let words: Vec<&str> = value.split_whitespace().collect();
    (2..=4).contains(&words.len())
        && words.iter().all(|word| {
            word.chars().all(|c| c.is_alphabetic() || matches!(c, '\'' | '-' | '.' | '’'))
                && word.chars().any(char::is_uppercase)
        })
}

fn is_country(value: &str) -> bool {
    static NAMES: Words = words!(
        "unitedstates unitedstatesofamerica unitedkingdom greatbritain germany deutschland france frankreich spain espana \
        spanien italy italia italien portugal netherlands nederland niederlande belgium belgie belgique belgien austria osterreich \
        switzerland schweiz suisse poland polska polen canada mexico argentina brazil brasil australia newzealand ireland sweden \
        denmark norway finland japan china india chile colombia peru luxembourg czechia"
    );
    static CODES: Words = words!(
        "us usa uk gb gbr de deu fr fra es esp it ita pt prt nl nld be bel at aut ch che pl pol ca can mx mex ar arg \
        br bra au aus nz nzl ie irl se swe dk dnk no nor fi fin jp jpn cn chn in ind cl co pe lu cz cze"
    );
    NAMES.have(value) || value.len() <= 3 && CODES.have(value)
}

/// How numbers are written that are all read in one style; the usual one where nothing tells.
fn style(values: &[&str]) -> Option<Style> {
    const STYLES: [(char, Option<char>); 5] =
        [('.', Some(',')), (',', Some('.')), (',', Some(' ')), ('.', Some(' ')), ('.', Some('\''))];
    if values.is_empty() {
        return None;
    }
    let read = |(decimal, thousands): &(char, Option<char>)| {
        let rule = NumberRule::new(*decimal, *thousands, Some(2)).ok()?;
        let number = |value: &&str| {
            let mut out = String::new();
            rule.apply(value, &mut out).ok().map(|()| out)
        };
        let numbers: Vec<String> = values.iter().filter_map(number).collect();
        (numbers.len() * 20 >= values.len() * 19).then_some(numbers)
    };
    let fitting: Vec<_> = STYLES.iter().filter_map(|style| Some((style, read(style)?))).collect();
    let ((decimal, thousands), first) = fitting.first()?;
    let ambiguous = fitting.iter().any(|(_, other)| other != first);
    Some(Style { decimal: *decimal, thousands: *thousands, ambiguous })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Shape {
        Shape::of(&values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>(), false)
    }

    #[test]
    fn the_decimal_sign_is_settled_over_the_column() {
        let comma = of(&["1.234,50 €", "4,90", "7"]).style.expect("numbers");
        assert_eq!((comma.decimal, comma.thousands, comma.ambiguous), (',', Some('.'), false));
        let point = of(&["$1,234.50", "4.90"]).style.expect("numbers");
        assert_eq!((point.decimal, point.ambiguous), ('.', false));
        assert!(of(&["1.234"]).style.is_some_and(|style| style.ambiguous));
        assert!(of(&["Mug"]).style.is_none());
    }

    #[test]
    fn values_are_told_by_their_shape() {
        assert!(of(&["ada@example.com"]).email > 0.9);
        assert!(of(&["+49 30 5550101"]).phone > 0.9 && of(&["2026-11-02"]).phone < 0.1);
        assert!(of(&["1Z999AA10123456784"]).tracked > 0.9);
        assert!(of(&["DHL Paket", "UPS Ground"]).carrier > 0.9);
        assert!(of(&["#1001", "#1002"]).code > 0.9 && of(&["Blue mug"]).code < 0.1);
        assert!(
            of(&["Ada Merriweather"]).person > 0.9 && of(&["Stoneware mug, blue"]).person < 0.1
        );
        assert!(of(&["Österreich", "DE"]).country > 0.9);
        assert!(of(&["bezahlt"]).paid > 0.9 && of(&["versendet"]).shipped > 0.9);
    }
}
