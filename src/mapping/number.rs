//! Amounts and counts as exports write them, made into plain decimal text: `number` and `decimals` in a mapping's
//! `[fields]`.
//!
//! All arithmetic is on the digits themselves, exact for any length; a value that could be read in two ways is
//! refused rather than guessed. Called by the mapping for each such cell; allocates nothing when all is well.

mod currency;

use super::guard;

/// The most digits after the decimal point that a rule may ask for.
pub const MAX_DECIMALS: u8 = 9;

/// How the numbers of a column are written, and how many decimals they get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberRule {
    decimal: char,
    thousands: Option<char>,
    decimals: Option<u8>,
}

/// Why a rule contradicts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberRuleError {
    /// The same sign for both.
    #[error("decimal and thousands are both {0:?}; they must differ")]
    Same(char),
    /// A digit, a letter, or what stands around numbers.
    #[error("{0:?} cannot separate digits; expected a sign like . or , (and for thousands also ' or a space)")]
    Separator(char),
    /// More than [`MAX_DECIMALS`].
    #[error("{0} decimals are too many; expected 0 to {MAX_DECIMALS}")]
    Decimals(u8),
}

/// Why a value is no number by its rule. Its text follows the value and does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberTrouble {
    /// It is written differently, or is no number.
    #[error("is not a number with {}", described(*decimal, *thousands))]
    NotANumber {
        /// The sign before the decimals.
        decimal: char,
        /// The sign between groups of digits.
        thousands: Option<char>,
    },
    /// Its separators of thousands do not stand at thousands, so that they may be something else.
    #[error("has {thousands:?} at odd places for a number with {}", described(*decimal, Some(*thousands)))]
    Groups {
        /// The sign before the decimals.
        decimal: char,
        /// The sign between groups of digits.
        thousands: char,
    },
    /// It is shortened to a power of ten.
    #[error("is a number that a spreadsheet has shortened: export it again as text")]
    Shortened,
}

/// `a decimal comma (like 1.234,56)`
fn described(decimal: char, thousands: Option<char>) -> String {
    let name = match decimal {
        '.' => "a decimal point".to_owned(),
        ',' => "a decimal comma".to_owned(),
        other => format!("the decimal sign {other:?}"),
    };
    let thousands = thousands.map(String::from).unwrap_or_default();
    format!("{name} (like 1{thousands}234{decimal}56)")
}

impl NumberRule {
    /// A rule for numbers with `decimal` before their decimals and, perhaps, `thousands` between groups of digits;
    /// the result has exactly `decimals` digits after the point, or as many as the value has.
    ///
    /// A space as `thousands` stands for hard and narrow spaces too, and `'` for the typographic apostrophe.
    ///
    /// # Errors
    /// Equal signs, signs that mean something else in numbers, and more than [`MAX_DECIMALS`] decimals.
    pub fn new(decimal: char, thousands: Option<char>, decimals: Option<u8>) -> Result<Self, NumberRuleError> {
        let thousands = thousands.map(plain);
        let decimal = plain(decimal);
        let unfit = |c: char| c.is_alphanumeric() || c.is_control() || matches!(c, '+' | '-' | '−' | '(' | ')' | '$');
        if unfit(decimal) || decimal == ' ' {
            return Err(NumberRuleError::Separator(decimal));
        }
        if let Some(thousands) = thousands {
            if unfit(thousands) {
                return Err(NumberRuleError::Separator(thousands));
            }
            if thousands == decimal {
                return Err(NumberRuleError::Same(decimal));
            }
        }
        match decimals {
            Some(decimals) if decimals > MAX_DECIMALS => Err(NumberRuleError::Decimals(decimals)),
            _ => Ok(Self { decimal, thousands, decimals }),
        }
    }

    /// Writes the number `text` plainly, `-1234.56`, in place of what `out` holds.
    ///
    /// Taken off: a currency's sign or code before or behind, a plus, separators of thousands where they stand at
    /// thousands (or, if they are commas, at lakhs: `1,23,456`). A minus may stand before or behind, or be brackets: `(3.00)`. With
    /// `decimals` the value is rounded, half away from zero, or padded; zero has no sign.
    ///
    /// # Errors
    /// Anything else, the empty text included.
    pub fn apply(&self, text: &str, out: &mut String) -> Result<(), NumberTrouble> {
        out.clear();
        let Some((negative, bare)) = undress(text) else { return Err(self.trouble(text)) };
        let (whole, fraction) = match bare.rsplit_once(|c| plain(c) == self.decimal) {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            None if !bare.is_empty() => (bare, ""),
            _ => return Err(self.trouble(text)),
        };
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || !self.push_whole(whole, out)? {
            out.clear();
            return Err(self.trouble(text));
        }
        self.push_fraction(fraction, out);
        if negative && out.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
            out.insert(0, '-');
        }
        Ok(())
    }

    /// Writes the digits before the decimal sign without leading zeros; whether they are digits and separators.
    fn push_whole(&self, whole: &str, out: &mut String) -> Result<bool, NumberTrouble> {
        // The digits of the first group and of the ones between, and of the one being read.
        let (mut first, mut middle, mut group) = (None, None, 0usize);
        let mut even = true;
        for c in whole.chars() {
            if c.is_ascii_digit() {
                if out == "0" {
                    out.clear();
                }
                out.push(c);
                group += 1;
            } else if self.thousands == Some(plain(c)) {
                match first {
                    None => first = Some(group),
                    Some(_) => even = even && *middle.get_or_insert(group) == group,
                }
                group = 0;
            } else {
                return Ok(false);
            }
        }
        if out.is_empty() {
            out.push('0');
        }
        let (Some(first), Some(thousands)) = (first, self.thousands) else { return Ok(true) };
        let most = middle.unwrap_or(3);
        let usual = most == 3 || (most == 2 && thousands == ',');
        if even && group == 3 && usual && (1..=most).contains(&first) {
            return Ok(true);
        }
        out.clear();
        Err(NumberTrouble::Groups { decimal: self.decimal, thousands })
    }

    /// Writes the point and the digits behind it, as many as the rule asks for.
    fn push_fraction(&self, fraction: &str, out: &mut String) {
        let Some(decimals) = self.decimals.map(usize::from) else {
            if !fraction.is_empty() {
                out.push('.');
                out.push_str(fraction);
            }
            return;
        };
        let kept = fraction.len().min(decimals);
        out.push_str(&fraction[..kept]);
        if fraction.as_bytes().get(decimals).is_some_and(|&digit| digit >= b'5') {
            increment(out);
        }
        out.extend(std::iter::repeat_n('0', decimals - kept));
        if decimals > 0 {
            out.insert(out.len() - decimals, '.');
        }
    }

    fn trouble(&self, text: &str) -> NumberTrouble {
        if guard::is_scientific(guard::trim(text)) {
            return NumberTrouble::Shortened;
        }
        NumberTrouble::NotANumber { decimal: self.decimal, thousands: self.thousands }
    }
}

/// One of the many spaces and apostrophes as the plain one.
fn plain(c: char) -> char {
    match c {
        c if c.is_whitespace() && !c.is_control() => ' ',
        '’' | '‘' => '\'',
        c => c,
    }
}

/// Whether the number is negative, and what is left without sign, brackets, currency and blanks; `None` where one of
/// them stands twice.
fn undress(text: &str) -> Option<(bool, &str)> {
    let mut bare = guard::trim(text);
    // `Some(true)` once a minus was seen, `Some(false)` a plus.
    let mut sign = None;
    let (mut before, mut behind) = (false, false);
    loop {
        if bare.starts_with(|c: char| c.is_ascii_digit()) && bare.ends_with(|c: char| c.is_ascii_digit()) {
            break;
        }
        let (rest, minus) = if let Some(rest) = bare.strip_prefix(['-', '−']) {
            (rest, Some(true))
        } else if let Some(rest) = bare.strip_prefix('+') {
            (rest, Some(false))
        } else if let Some(rest) = bare.strip_suffix(['-', '−']) {
            (rest, Some(true))
        } else if let Some(rest) = bare.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            (rest, Some(true))
        } else if let Some(rest) = currency::strip_before(bare).filter(|_| !before) {
            before = true;
            (rest, None)
        } else if let Some(rest) = currency::strip_behind(bare).filter(|_| !behind) {
            behind = true;
            (rest, None)
        } else {
            break;
        };
        if minus.is_some() && sign.replace(minus).is_some() {
            return None;
        }
        bare = guard::trim(rest);
    }
    Some((sign.flatten() == Some(true), bare))
}

/// Adds one to the last digit of `digits`, carrying as far as need be.
fn increment(digits: &mut String) {
    let mut zeros = 0;
    loop {
        match digits.pop() {
            Some('9') => zeros += 1,
            Some(digit) => {
                digits.push(char::from_digit(digit.to_digit(10).unwrap_or(0) + 1, 10).unwrap_or('0'));
                break;
            }
            None => {
                digits.push('1');
                break;
            }
        }
    }
    digits.extend(std::iter::repeat_n('0', zeros));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(decimal: char, thousands: Option<char>, decimals: Option<u8>, text: &str) -> Result<String, NumberTrouble> {
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
        for text in ["12.50", "1.23.456", "1234.567", "1.2345", ".123", "1.234.56", "1..234", "1.", "12.34.56,7"] {
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
        assert_eq!(reason("12.50"), "has '.' at odd places for a number with a decimal comma (like 1.234,56)");
        assert_eq!(reason("1,2E+05"), "is a number that a spreadsheet has shortened: export it again as text");
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
}
