//! An exact decimal amount, and how a plain one is read; how people write amounts is [`amount`](super::amount)'s business.
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

    /// The same amount with the other sign.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { units: -self.units, ..self }
    }

    /// Whether the amount is greater than zero.
    #[must_use]
    pub fn is_positive(self) -> bool {
        self.units > 0
    }

    /// The amount in millionths, in which amounts of any scale add up exactly.
    #[must_use]
    pub fn micros(self) -> i128 {
        i128::from(self.units) * i128::from(UNITS[usize::from(MAX_DECIMALS - self.scale)])
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

    /// Reads a plain number such as `0.70`; for what people write in a sheet, see [`read_amount`](super::amount::read_amount).
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

/// The powers of ten up to that of the most decimals.
const UNITS: [i64; 7] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];

const POW10: [f64; 7] = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];

/// ASCII digits with at most one point, made negative if asked. `None` when anything else is in it.
#[must_use]
pub fn plain(digits: &[u8], negative: bool) -> Option<Result<Decimal, NotAnAmount>> {
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

    #[test]
    fn plain_numbers() {
        for (text, expected) in [
            ("500000.50", Ok("500000.50")),
            ("-0.70", Ok("-0.70")),
            (".5", Ok("0.5")),
            ("007", Ok("7")),
            ("123456789012345678", Ok("123456789012345678")),
            ("0.123456", Ok("0.123456")),
            ("1234567890123456789", Err(NotAnAmount::OutOfRange)),
            ("99999999999999999999999999999999", Err(NotAnAmount::OutOfRange)),
            ("0.1234567", Err(NotAnAmount::OutOfRange)),
            ("", Err(NotAnAmount::NotNumeric)),
            (".", Err(NotAnAmount::NotNumeric)),
            ("1.2.3", Err(NotAnAmount::NotNumeric)),
            ("1,000", Err(NotAnAmount::NotNumeric)),
            ("1e5", Err(NotAnAmount::NotNumeric)),
        ] {
            let read = text.parse::<Decimal>().map(|value| value.to_string());
            assert_eq!(read, expected.map(str::to_owned), "{text:?}");
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
