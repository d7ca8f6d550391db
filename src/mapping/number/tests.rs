//! Numbers in the dress of real exports, rounding, and what is refused.

use super::*;
use proptest::prelude::*;

fn read(
    decimal: char,
    thousands: Option<char>,
    decimals: Option<u8>,
    text: &str,
) -> Result<String, NumberTrouble> {
    let rule = NumberRule::new(decimal, thousands, decimals).expect("a rule");
    let mut out = "old".to_owned();
    let result = rule.apply(text, &mut out);
    assert!(result.is_ok() || out.is_empty(), "{text}: nothing is left behind by an error");
    result.map(|()| out)
}

#[test]
fn numbers_are_read_in_the_dress_that_exports_give_them() {
    for (decimal, thousands, text, plain) in [
        ('.', Some(','), "24.97", "24.97"),
        ('.', Some(','), "$24.97", "24.97"),
        ('.', Some(','), "$1,433.66", "1433.66"),
        ('.', Some(','), "-$1,433.66 USD", "-1433.66"),
        ('.', Some(','), "$-3", "-3"),
        ('.', Some(','), "(3.00)", "-3.00"),
        ('.', Some(','), "($3.00)", "-3.00"),
        ('.', Some(','), "$(3.00)", "-3.00"),
        ('.', Some(','), "155.22-", "-155.22"),
        ('.', Some(','), "US$ 5", "5"),
        ('.', Some(','), "5 NZ$", "5"),
        ('.', Some(','), "+1", "1"),
        ('.', Some(','), "₹12,34,567.00", "1234567.00"),
        ('.', Some(','), "Rs.500", "500"),
        ('.', Some(','), "Rs. 500.5", "500.5"),
        ('.', Some('\''), "CHF 1'234.50", "1234.50"),
        ('.', Some('\''), "1’234.50 Fr.", "1234.50"),
        ('.', None, ".5", "0.5"),
        ('.', None, "$.50", "0.50"),
        ('.', None, "007", "7"),
        ('.', None, "000", "0"),
        ('.', None, "-0.00", "0.00"),
        ('.', None, "40", "40"),
        ('.', None, "\u{A0}40\t", "40"),
        ('.', None, "¥1200", "1200"),
        (',', Some('.'), "1.234.567,89", "1234567.89"),
        (',', Some('.'), "1.234", "1234"),
        (',', Some('.'), "116,99 €", "116.99"),
        (',', Some('.'), "116,99\u{A0}€", "116.99"),
        (',', Some('.'), "155,22-", "-155.22"),
        (',', Some('.'), "155,22- EUR", "-155.22"),
        (',', Some('.'), "−12,50 eur", "-12.50"),
        (',', Some('.'), "R$ 1.234,56", "1234.56"),
        (',', Some('.'), "50 kr.", "50"),
        (',', Some('.'), "kr. 50", "50"),
        (',', Some(' '), "12 500,00 zł", "12500.00"),
        (',', Some(' '), "1\u{202F}234\u{A0}567,5 Kč", "1234567.5"),
    ] {
        assert_eq!(read(decimal, thousands, None, text), Ok(plain.to_owned()), "{text}");
    }
}

#[test]
fn what_is_no_number_by_the_rule_is_refused_and_never_guessed() {
    for text in [
        "",
        " ",
        "-",
        "$",
        ".",
        "1.",
        "free",
        "NaN",
        "inf",
        "1e400",
        "12 PCS",
        "3 lbs",
        "--1",
        "-1-",
        "(-1)",
        "-(1)",
        "+-1",
        "(1",
        "1)",
        "1.2.3",
        "0x10",
        "١٢",
        "$$5",
        "USD 5 EUR 3",
        "5%",
        "1 234",
        "EUR",
        "1_000",
        "12,-",
    ] {
        assert!(read('.', Some(','), None, text).is_err(), "{text}");
    }
    for text in [
        "12.50",
        "1.23.456",
        "1234.567",
        "1.2345",
        ".123",
        "1.234.56",
        "1..234",
        "1.",
        "12.34.56,7",
    ] {
        assert!(read(',', Some('.'), None, text).is_err(), "{text}");
    }
    for text in ["1.234,56", "1,234.56", "1,2,3"] {
        assert!(read(',', None, None, text).is_err(), "{text}");
    }
}

#[test]
fn a_trouble_says_what_a_number_should_look_like() {
    let reason = |text| read(',', Some('.'), None, text).expect_err("no number").to_string();
    assert_eq!(reason("free"), "is not a number with a decimal comma (like 1.234,56)");
    assert_eq!(
        reason("12.50"),
        "has \".\" at odd places for a number with a decimal comma (like 1.234,56)"
    );
    assert_eq!(
        reason("1,2E+05"),
        "is a number that a spreadsheet has shortened: export it again as text"
    );
    let plain = read('.', None, None, "1,5").expect_err("no number").to_string();
    assert_eq!(plain, "is not a number with a decimal point (like 1234.56)");
}

#[test]
fn decimals_are_rounded_half_away_from_zero_on_the_digits_and_padded() {
    for (text, decimals, rounded) in [
        ("1.005", 2, "1.01"),
        ("-1.005", 2, "-1.01"),
        ("1.0049999", 2, "1.00"),
        ("2.5", 0, "3"),
        ("0.5", 0, "1"),
        ("-0.4", 0, "0"),
        ("-0.004", 2, "0.00"),
        ("9.995", 2, "10.00"),
        ("999.9", 0, "1000"),
        (".999", 2, "1.00"),
        ("0.095", 2, "0.10"),
        ("40", 2, "40.00"),
        ("1234567890123456789012345678.125", 2, "1234567890123456789012345678.13"),
        ("1.1", 9, "1.100000000"),
    ] {
        assert_eq!(read('.', None, Some(decimals), text), Ok(rounded.to_owned()), "{text}");
    }
}

#[test]
fn a_rule_that_contradicts_itself_is_refused() {
    let new = |decimal, thousands, decimals| NumberRule::new(decimal, thousands, decimals).err();
    assert_eq!(new(',', Some(','), None), Some(NumberRuleError::Same(',')));
    assert_eq!(new('1', None, None), Some(NumberRuleError::Separator('1')));
    assert_eq!(new(' ', None, None), Some(NumberRuleError::Separator(' ')));
    assert_eq!(new('.', Some('-'), None), Some(NumberRuleError::Separator('-')));
    assert_eq!(new('.', Some('x'), None), Some(NumberRuleError::Separator('x')));
    assert_eq!(new('.', None, Some(10)), Some(NumberRuleError::Decimals(10)));
    assert_eq!(new('.', Some(' '), Some(9)), None);
}

/// `whole` with `separator` between groups of three digits.
fn grouped(whole: &str, separator: &str) -> String {
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push_str(separator);
        }
        text.push(digit);
    }
    text
}

proptest! {
    #[test]
    fn any_number_written_in_any_style_reads_back(
        whole in "0|[1-9][0-9]{0,11}",
        fraction in "|[0-9]{1,6}",
        style in 0usize..5,
        dress in 0usize..7,
        negative in any::<bool>(),
    ) {
        let (decimal, thousands, separator) = [
            ('.', Some(','), ","), (',', Some('.'), "."), (',', Some(' '), "\u{202F}"), ('.', Some('\''), "’"), (',', None, ""),
        ][style];
        let dot = if fraction.is_empty() { String::new() } else { decimal.to_string() };
        let bare = format!("{}{dot}{fraction}", grouped(&whole, separator));
        let sign = if negative { "-" } else { "" };
        let dressed = match dress {
            0 => format!("{sign}{bare}"),
            1 => format!("{bare}{sign}"),
            2 if negative => format!("({bare})"),
            2 => format!("+{bare}"),
            3 => format!("{sign}€{bare}"),
            4 => format!("{sign}{bare}\u{A0}zł"),
            5 => format!("CHF {sign}{bare}"),
            _ => format!(" {bare}{sign} R$ "),
        };
        let zero = !whole.bytes().chain(fraction.bytes()).any(|digit| digit != b'0');
        let plain = format!(
            "{}{whole}{}{fraction}", if zero { "" } else { sign }, if fraction.is_empty() { "" } else { "." }
        );
        prop_assert_eq!(read(decimal, thousands, None, &dressed), Ok(plain));
    }

    #[test]
    fn rounding_agrees_with_whole_numbers(thousandths in -10_000_000_i64..10_000_000) {
        let text = format!("{}{}.{:03}", if thousandths < 0 { "-" } else { "" }, thousandths.abs() / 1000, thousandths.abs() % 1000);
        let cents = (thousandths.abs() + 5) / 10;
        let sign = if thousandths < 0 && cents > 0 { "-" } else { "" };
        let rounded = format!("{sign}{}.{:02}", cents / 100, cents % 100);
        prop_assert_eq!(read('.', None, Some(2), &text), Ok(rounded));
    }

    #[test]
    fn what_is_read_is_plain_and_reads_back_as_itself(text in "[0-9.,' ()€$-]{0,10}") {
        if let Ok(plain) = read('.', Some(','), None, &text) {
            prop_assert_eq!(read('.', Some(','), None, &plain), Ok(plain.clone()));
            prop_assert!(plain.trim_start_matches('-').bytes().all(|byte| byte == b'.' || byte.is_ascii_digit()));
        }
    }
}
