//! Amounts and counts as exports write them, made into plain decimal text: `number` and `decimals`
//! in a mapping's `[fields]`.
//!
//! All arithmetic is on the digits themselves, exact for any length; a value that could be read in
//! two ways is refused rather than guessed. Called by the mapping for each such cell; allocates
//! nothing when all is well.

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
    #[error("decimal and thousands are both \"{0}\"; they must differ")]
    Same(char),
    /// A digit, a letter, or what stands around numbers.
    #[error(
        "\"{0}\" cannot separate digits; expected a sign like . or , (and for thousands also ' or a space)"
    )]
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
    #[error("has \"{thousands}\" at odd places for a number with {}", described(*decimal, Some(*thousands)))]
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
        other => format!("the decimal sign \"{other}\""),
    };
    let thousands = thousands.map(String::from).unwrap_or_default();
    format!("{name} (like 1{thousands}234{decimal}56)")
}

impl NumberRule {
    /// A rule for numbers with `decimal` before their decimals and, perhaps, `thousands` between
    /// groups of digits; the result has exactly `decimals` digits after the point, or as many as
    /// the value has.
    ///
    /// A space as `thousands` stands for hard and narrow spaces too, and `'` for the typographic
    /// apostrophe.
    ///
    /// # Errors
    /// Equal signs, signs that mean something else in numbers, and more than [`MAX_DECIMALS`]
    /// decimals.
    pub fn new(
        decimal: char,
        thousands: Option<char>,
        decimals: Option<u8>,
    ) -> Result<Self, NumberRuleError> {
        let thousands = thousands.map(plain);
        let decimal = plain(decimal);
        let unfit = |c: char| {
            c.is_alphanumeric() || c.is_control() || matches!(c, '+' | '-' | '−' | '(' | ')' | '$')
        };
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
    /// Taken off: a currency's sign or code before or behind, a plus, separators of thousands where
    /// they stand at thousands (or, if they are commas, at lakhs: `1,23,456`). A minus may stand
    /// before or behind, or be brackets: `(3.00)`. With `decimals` the value is rounded, half away
    /// from zero, or padded; zero has no sign.
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

    /// Writes the digits before the decimal sign without leading zeros; whether they are digits and
    /// separators.
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

/// Whether the number is negative, and what is left without sign, brackets, currency and blanks;
/// `None` where one of them stands twice.
fn undress(text: &str) -> Option<(bool, &str)> {
    let mut bare = guard::trim(text);
    // `Some(true)` once a minus was seen, `Some(false)` a plus.
    let mut sign = None;
    let (mut before, mut behind) = (false, false);
    loop {
        if bare.starts_with(|c: char| c.is_ascii_digit())
            && bare.ends_with(|c: char| c.is_ascii_digit())
        {
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
                digits
                    .push(char::from_digit(digit.to_digit(10).unwrap_or(0) + 1, 10).unwrap_or('0'));
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
mod tests;
