//! An exact decimal amount, and how one is read from the way people write it.
//!
//! Money never passes through a float on its way to the store: `500000.50` is kept, and printed, with its own digits.
//! Floats appear only inside indexes and models (`to_f64`, `log10`).

use std::cmp::Ordering;
use std::fmt;

/// The most significant digits an amount may have.
pub const MAX_DIGITS: u32 = 18;
/// The most digits after the decimal point.
pub const MAX_DECIMALS: u8 = 6;

/// `units / 10^scale`, exactly as many decimals as were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    units: i64,
    scale: u8,
}

impl Decimal {
    /// An amount from its integer units and the number of decimals; `None` beyond 18 digits or 6 decimals.
    #[must_use]
    pub fn new(units: i64, scale: u8) -> Option<Self> {
        (scale <= MAX_DECIMALS && units.unsigned_abs() < 10u64.pow(MAX_DIGITS)).then_some(Self { units, scale })
    }

    /// The integer units, i.e. the amount times 10 to the power of [`scale`](Self::scale).
    #[must_use]
    pub fn units(self) -> i64 {
        self.units
    }

    /// The number of decimals as written.
    #[must_use]
    pub fn scale(self) -> u8 {
        self.scale
    }

    /// Whether the amount is greater than zero.
    #[must_use]
    pub fn is_positive(self) -> bool {
        self.units > 0
    }

    /// The amount in millionths, in which amounts of any scale add up exactly.
    #[must_use]
    pub fn micros(self) -> i128 {
        i128::from(self.units) * 10i128.pow(u32::from(MAX_DECIMALS - self.scale))
    }

    /// The nearest float, for indexes and models only.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // the documented meaning: nearest float
    pub fn to_f64(self) -> f64 {
        self.units as f64 / POW10[usize::from(self.scale)]
    }

    /// The common logarithm, by a pinned pure-Rust implementation so that every machine agrees to the bit.
    #[must_use]
    pub fn log10(self) -> f64 {
        libm::log10(self.to_f64())
    }

    /// `self * factor`, rounded half to even to two decimals; `None` when it does not fit.
    #[must_use]
    pub fn times(self, factor: Decimal) -> Option<Decimal> {
        let product = i128::from(self.units) * i128::from(factor.units);
        round_to_cents(product, self.scale + factor.scale)
    }

    /// `self - other` at the larger of both scales; `None` when it does not fit.
    #[must_use]
    pub fn minus(self, other: Decimal) -> Option<Decimal> {
        let scale = self.scale.max(other.scale);
        let unit = 10i128.pow(u32::from(MAX_DECIMALS - scale));
        Self::new(i64::try_from((self.micros() - other.micros()) / unit).ok()?, scale)
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        self.micros().cmp(&other.micros()).then(self.scale.cmp(&other.scale))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let (digits, unit) = (self.units.unsigned_abs(), 10u64.pow(u32::from(self.scale)));
        match self.scale {
            0 => write!(f, "{sign}{digits}"),
            scale => write!(f, "{sign}{}.{:0width$}", digits / unit, digits % unit, width = usize::from(scale)),
        }
    }
}

impl std::str::FromStr for Decimal {
    type Err = NotAnAmount;

    /// Reads a plain number such as `0.70`; for what people write in a sheet, see [`read_amount`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        plain(digits.as_bytes(), negative).unwrap_or(Err(NotAnAmount::NotNumeric))
    }
}

/// Why a text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAmount {
    /// No single number can be read from it.
    #[error("not a number")]
    NotNumeric,
    /// A number, but beyond 18 digits or 6 decimals.
    #[error("more than 18 digits or 6 decimals")]
    OutOfRange,
}

/// Which sign separates the decimals in a column, as far as its cells show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DecimalMark {
    /// Nothing in the column tells: one separator before exactly three digits is a thousands separator.
    #[default]
    Unknown,
    /// `1,234.56`
    Point,
    /// `1.234,56`
    Comma,
}

impl DecimalMark {
    /// What one cell tells about its column: a separator that cannot be for thousands, or both in their order.
    #[must_use]
    pub fn evidence(cell: &str) -> Self {
        let body = cell.trim_matches(|c: char| !c.is_ascii_digit());
        let (point, comma) = (body.rfind('.'), body.rfind(','));
        let decimals_after = |at: usize| body.len() - at - 1;
        match (point, comma) {
            (Some(p), Some(c)) if p > c => Self::Point,
            (Some(_), Some(_)) => Self::Comma,
            (Some(p), None) if decimals_after(p) != 3 && body.matches('.').count() == 1 => Self::Point,
            (None, Some(c)) if decimals_after(c) != 3 && body.matches(',').count() == 1 => Self::Comma,
            _ => Self::Unknown,
        }
    }
}

/// An amount as read from a cell, with the currency as it was written (`""` when none was).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount<'a> {
    /// The exact amount.
    pub value: Decimal,
    /// `$`, `EUR`, `CA$` … as written.
    pub currency: &'a str,
}

/// Reads an amount the way people write it: `500000`, `500,000.50`, `$238,224`, `1 250 000 EUR`, `-5`.
///
/// # Errors
/// [`NotAnAmount::NotNumeric`] for anything else (also exponents, `inf`, `nan`), [`NotAnAmount::OutOfRange`] beyond the exact range.
pub fn read_amount(cell: &str, mark: DecimalMark) -> Result<Amount<'_>, NotAnAmount> {
    if let Some(read) = plain_unless_grouped(cell, mark) {
        return read.map(|value| Amount { value, currency: "" });
    }
    let (negative, currency, digits) = dissect(cell).ok_or(NotAnAmount::NotNumeric)?;
    let cleaned = ungroup(digits, mark).ok_or(NotAnAmount::NotNumeric)?;
    let value = plain(cleaned.as_bytes(), negative).unwrap_or(Err(NotAnAmount::NotNumeric))?;
    Ok(Amount { value, currency })
}

const POW10: [f64; 7] = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];

/// The common case without a copy: digits, at most one point that is not before exactly three digits.
fn plain_unless_grouped(cell: &str, mark: DecimalMark) -> Option<Result<Decimal, NotAnAmount>> {
    let (negative, digits) = match cell.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    let decimals = memchr::memchr(b'.', digits).map_or(0, |at| digits.len() - at - 1);
    if decimals > 0 && (mark == DecimalMark::Comma || (decimals == 3 && mark == DecimalMark::Unknown)) {
        return None;
    }
    plain(digits, negative)
}

/// Digits with at most one point. `None` when anything else is in it.
fn plain(digits: &[u8], negative: bool) -> Option<Result<Decimal, NotAnAmount>> {
    let (mut units, mut scale, mut point, mut seen, mut significant) = (0u64, 0u8, false, 0usize, 0u32);
    for &byte in digits {
        match byte {
            b'0'..=b'9' => {
                seen += 1;
                significant += u32::from(significant > 0 || byte != b'0');
                units = units.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
                scale = scale.saturating_add(u8::from(point));
            }
            b'.' if !point => point = true,
            _ => return None,
        }
    }
    if seen == 0 || digits.last() == Some(&b'.') {
        return None;
    }
    if significant > MAX_DIGITS || scale > MAX_DECIMALS {
        return Some(Err(NotAnAmount::OutOfRange));
    }
    let units = i64::try_from(units).expect("at most 18 digits fit");
    Some(Ok(Decimal { units: if negative { -units } else { units }, scale }))
}

/// Sign, currency and the digits with their separators; the currency may stand on either side, the sign before or after it.
fn dissect(cell: &str) -> Option<(bool, &str, &str)> {
    let first = cell.find(|c: char| c.is_ascii_digit())?;
    let last = cell.rfind(|c: char| c.is_ascii_digit())? + 1;
    let (before, digits, after) = (cell[..first].trim(), &cell[first..last], cell[last..].trim());
    let (negative, before) = strip_sign(before);
    let leading_point = before.ends_with('.') && before.len() == 1;
    let currency = match (before, after) {
        (before, "") if is_currency(before) => before,
        ("", after) if is_currency(after) => after,
        _ => return None,
    };
    (!leading_point).then_some((negative, currency, digits))
}

fn strip_sign(text: &str) -> (bool, &str) {
    for minus in ['-', '\u{2212}'] {
        if let Some(rest) = text.strip_prefix(minus) {
            return (true, rest.trim_start());
        }
        if let Some(rest) = text.strip_suffix(minus) {
            return (true, rest.trim_end());
        }
    }
    (false, text)
}

/// Nothing, a currency sign (with up to three letters, as in `CA$`), or a code of three letters.
fn is_currency(text: &str) -> bool {
    const SIGNS: &str = "$€£¥₹₽₩₺₴₪฿₫₱₦₡₲₵₸₼₾";
    let letters = text.trim_matches(|c| SIGNS.contains(c));
    let has_sign = letters.len() < text.len();
    text.is_empty()
        || (has_sign && letters.len() <= 3 && letters.bytes().all(|b| b.is_ascii_alphabetic()))
        || (letters.len() == 3 && letters.bytes().all(|b| b.is_ascii_uppercase()))
}

/// Takes the thousands separators out and makes the decimal mark a point.
fn ungroup(digits: &str, mark: DecimalMark) -> Option<String> {
    let spaceless: String = digits.chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\'' | '\u{2019}')).collect();
    let spaced = spaceless.len() != digits.len();
    if spaced && !groups_of_three(digits.split(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')) {
        return None;
    }
    let decimal = decimal_mark_of(&spaceless, mark);
    let group = match decimal {
        Some('.') => ',',
        Some(_) => '.',
        None => {
            if spaceless.contains(',') {
                ','
            } else {
                '.'
            }
        }
    };
    let (whole, fraction) = match decimal.and_then(|d| spaceless.rsplit_once(d)) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (spaceless.as_str(), None),
    };
    if whole.contains(group) && !groups_of_three(whole.split(group)) {
        return None;
    }
    let mut cleaned = whole.replace(group, "");
    if let Some(fraction) = fraction {
        cleaned.push('.');
        cleaned.push_str(fraction);
    }
    Some(cleaned)
}

/// The decimal mark in use in this very number, if it has one.
fn decimal_mark_of(number: &str, column: DecimalMark) -> Option<char> {
    let (points, commas) = (number.matches('.').count(), number.matches(',').count());
    let last = |c| number.rfind(c).map_or(0, |at| number.len() - at - 1);
    match (points, commas) {
        (1.., 1..) => Some(if last('.') < last(',') { '.' } else { ',' }),
        (1, 0) => (last('.') != 3 || column == DecimalMark::Point).then_some('.'),
        (0, 1) => (last(',') != 3 || column == DecimalMark::Comma).then_some(','),
        _ => None,
    }
}

/// One to three digits, then groups of exactly three (or Indian groups of two before the last three).
fn groups_of_three<'a>(groups: impl Iterator<Item = &'a str>) -> bool {
    let groups: Vec<&str> = groups.map(|g| g.split(['.', ',']).next().unwrap_or(g)).collect();
    let Some((first, rest)) = groups.split_first() else { return false };
    let inner_ok = |size: usize| rest.iter().rev().skip(1).all(|g| g.len() == size);
    (1..=3).contains(&first.len()) && rest.last().is_none_or(|g| g.len() == 3) && (inner_ok(3) || (first.len() <= 2 && inner_ok(2)))
}

fn round_to_cents(product: i128, scale: u8) -> Option<Decimal> {
    let units = if scale <= 2 {
        product.checked_mul(10i128.pow(u32::from(2 - scale)))?
    } else {
        let divisor = 10i128.pow(u32::from(scale - 2));
        let (quotient, rest) = (product.div_euclid(divisor), product.rem_euclid(divisor));
        match (rest * 2).cmp(&divisor) {
            Ordering::Less => quotient,
            Ordering::Greater => quotient + 1,
            Ordering::Equal => quotient + (quotient & 1),
        }
    };
    Decimal::new(i64::try_from(units).ok()?, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cell: &str, mark: DecimalMark, expected: &str) {
        let read = match read_amount(cell, mark) {
            Ok(amount) if amount.currency.is_empty() => amount.value.to_string(),
            Ok(amount) => format!("{} {}", amount.value, amount.currency),
            Err(NotAnAmount::NotNumeric) => "not numeric".into(),
            Err(NotAnAmount::OutOfRange) => "out of range".into(),
        };
        assert_eq!(read, expected, "{cell:?} with {mark:?}");
    }

    #[test]
    fn amounts_as_people_write_them() {
        use DecimalMark::{Comma, Point, Unknown};
        for (cell, mark, expected) in [
            ("500000", Unknown, "500000"),
            ("500000.50", Unknown, "500000.50"),
            ("500,000.50", Unknown, "500000.50"),
            ("$238,224", Unknown, "238224 $"),
            ("-5", Unknown, "-5"),
            ("-$5.00", Unknown, "-5.00 $"),
            ("$-5", Unknown, "-5 $"),
            ("0", Unknown, "0"),
            ("007", Unknown, "7"),
            ("1.234", Unknown, "1234"),
            ("1.234", Point, "1.234"),
            ("1,234", Comma, "1.234"),
            ("1.234,56", Unknown, "1234.56"),
            ("1 250 000 EUR", Unknown, "1250000 EUR"),
            ("1\u{a0}250\u{a0}000", Unknown, "1250000"),
            ("CA$ 12.5", Unknown, "12.5 CA$"),
            ("12,34,567", Unknown, "1234567"),
            ("1,2,3", Unknown, "not numeric"),
            ("12 34", Unknown, "not numeric"),
            ("", Unknown, "not numeric"),
            (".", Unknown, "not numeric"),
            ("5.", Unknown, "not numeric"),
            ("1e5", Unknown, "not numeric"),
            ("inf", Unknown, "not numeric"),
            ("NaN", Unknown, "not numeric"),
            ("abc", Unknown, "not numeric"),
            ("123456789012345678", Unknown, "123456789012345678"),
            ("1234567890123456789", Unknown, "out of range"),
            ("99999999999999999999999999999999", Unknown, "out of range"),
            ("0.1234567", Unknown, "out of range"),
            ("0.123456", Unknown, "0.123456"),
            ("0.005", Point, "0.005"),
        ] {
            check(cell, mark, expected);
        }
    }

    #[test]
    fn a_column_tells_its_decimal_mark() {
        for (cell, expected) in [
            ("1,234.56", DecimalMark::Point),
            ("1.234,56", DecimalMark::Comma),
            ("12.5", DecimalMark::Point),
            ("12,5", DecimalMark::Comma),
            ("1,234", DecimalMark::Unknown),
            ("1.234.567", DecimalMark::Unknown),
            ("500", DecimalMark::Unknown),
        ] {
            assert_eq!(DecimalMark::evidence(cell), expected, "{cell}");
        }
    }

    #[test]
    fn arithmetic_is_exact() {
        let d = |text: &str| text.parse::<Decimal>().expect("a number");
        assert_eq!(d("500000").times(d("0.70")).expect("fits").to_string(), "350000.00");
        assert_eq!(d("0.15").times(d("0.5")).expect("fits").to_string(), "0.08", "half to even");
        assert_eq!(d("350000.00").minus(d("25000.5")).expect("fits").to_string(), "324999.50");
        assert!(d("1.50") > d("1.5") && d("1.49") < d("1.5"), "equal amounts order by their scale, so the order is total");
    }
}
