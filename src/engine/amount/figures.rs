//! The digits of one number with the signs between them: what value they spell, and what they show about their column.
//!
//! Knows nothing of currencies, words or signs of minus, and does not look beyond its number.

use super::super::decimal::{Decimal, MAX_DECIMALS, MAX_DIGITS, NotAnAmount};
use super::DecimalMark;

/// Groups of digits that a number of 18 digits can have at most, and one for its decimals.
const GROUPS_MAX: usize = 12;

/// A sign between two groups of digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    /// `.`, also full-width.
    Point,
    /// `,`, also full-width or Arabic.
    Comma,
    /// A blank of any width.
    Blank,
    /// `'`, `’` and what is typed for them.
    Apostrophe,
    /// Only ever for thousands: `٬`, `_`.
    Thousands,
    /// Only ever for decimals: `٫`, `·`.
    Decimals,
}

/// A number as it is written, taken apart.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    digits: u64,
    significant: u32,
    starts_with_zero: bool,
    lengths: [u8; GROUPS_MAX],
    separators: [Separator; GROUPS_MAX],
    /// Separators, one less than groups.
    count: usize,
    /// Whether a blank follows its last separator: `119. 95`.
    pub is_torn: bool,
}

/// The value of some figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value {
    /// The exact value.
    pub value: Decimal,
    /// Whether their only separator could be read both ways and the column did not help.
    pub is_ambiguous: bool,
}

/// How the last separator of some figures is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// There is none, or it is for thousands like those before it.
    Whole,
    /// It begins the decimals.
    Decimals,
    /// One point or comma before exactly three digits.
    Either(Separator),
}

impl Figures {
    /// Takes apart what [`end_of`] has found. `None` with more groups than an amount can have.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let mut figures = Self {
            digits: 0,
            significant: 0,
            starts_with_zero: false,
            lengths: [0; GROUPS_MAX],
            separators: [Separator::Point; GROUPS_MAX],
            count: 0,
            is_torn: false,
        };
        for (at, char) in text.char_indices() {
            if let Some(digit) = digit(char) {
                figures.starts_with_zero |= digit == 0 && at == 0;
                figures.significant += u32::from(figures.significant > 0 || digit > 0);
                figures.digits = figures.digits.wrapping_mul(10).wrapping_add(u64::from(digit));
                figures.lengths[figures.count] = figures.lengths[figures.count].saturating_add(1);
            } else if figures.count > 0 && figures.lengths[figures.count] == 0 {
                // The blank after the point of a torn number, or the second of two between groups.
                figures.is_torn |= figures.separators[figures.count - 1] != Separator::Blank;
            } else {
                figures.separators[figures.count] = separator(char)?;
                figures.count += 1;
                if figures.count == GROUPS_MAX {
                    return None;
                }
            }
        }
        Some(figures)
    }

    /// The exact value, `zeros` more zeros behind it.
    ///
    /// # Errors
    /// [`NotAnAmount::NotNumeric`] when the groups are none that a number has (`1,2,3`, `15.08.2017`), [`NotAnAmount::OutOfRange`]
    /// beyond 18 digits or 6 decimals.
    pub fn value(&self, mark: DecimalMark, zeros: u8) -> Result<Value, NotAnAmount> {
        let (decimals, is_ambiguous) = match self.reading().ok_or(NotAnAmount::NotNumeric)? {
            Reading::Whole => (0, false),
            Reading::Decimals => (self.lengths[self.count], false),
            Reading::Either(separator) => {
                let (is_decimal, is_ambiguous) = either(separator, mark, zeros);
                (if is_decimal { self.lengths[1] } else { 0 }, is_ambiguous)
            }
        };
        let value = self.scaled(decimals, zeros).ok_or(NotAnAmount::OutOfRange)?;
        Ok(Value { value, is_ambiguous })
    }

    /// What the figures show about the decimal mark of their column.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let last = self.count.checked_sub(1).map(|at| self.separators[at]);
        match (self.reading(), last) {
            (Some(Reading::Either(_)), _) => Evidence::Ambiguous,
            (Some(Reading::Decimals), Some(Separator::Point)) | (Some(Reading::Whole), Some(Separator::Comma)) => Evidence::Point,
            (Some(Reading::Decimals), Some(Separator::Comma)) | (Some(Reading::Whole), Some(Separator::Point)) => Evidence::Comma,
            _ => Evidence::None,
        }
    }

    /// The number of digits when there is nothing else.
    #[must_use]
    pub fn plain_digits(&self) -> Option<u8> {
        (self.count == 0).then_some(self.lengths[0])
    }

    /// Whether blanks separate its groups, as in a phone number.
    #[must_use]
    pub fn has_blanks(&self) -> bool {
        self.separators[..self.count].contains(&Separator::Blank)
    }

    /// Whether it is written with a zero in front, as codes, dates and phone numbers are (and `0.5` is not).
    #[must_use]
    pub fn has_leading_zero(&self) -> bool {
        self.starts_with_zero && self.lengths[0] > 1
    }

    /// All digits, whatever separates them.
    #[must_use]
    pub fn digits(&self) -> u32 {
        self.lengths.iter().map(|length| u32::from(*length)).sum()
    }

    fn reading(&self) -> Option<Reading> {
        let Some(last) = self.count.checked_sub(1) else { return Some(Reading::Whole) };
        let (separator, before) = (self.separators[last], &self.separators[..last]);
        let is_alike = |separators: &[Separator]| separators.iter().all(|other| *other == separators[0]);
        match separator {
            Separator::Blank | Separator::Apostrophe | Separator::Thousands => {
                (is_alike(&self.separators[..self.count]) && self.is_grouped(self.count)).then_some(Reading::Whole)
            }
            Separator::Point | Separator::Comma if before.is_empty() => {
                match (self.lengths[0], self.lengths[1]) {
                    (2..=3, 3) if self.starts_with_zero => None, // a code
                    (1..=3, 3) if !self.starts_with_zero && !self.is_torn => Some(Reading::Either(separator)),
                    _ => Some(Reading::Decimals),
                }
            }
            Separator::Point | Separator::Comma if before.contains(&separator) => {
                (is_alike(&self.separators[..self.count]) && self.is_grouped(self.count)).then_some(Reading::Whole)
            }
            Separator::Point | Separator::Comma | Separator::Decimals => {
                let is_number = before.is_empty() || (is_alike(before) && before[0] != Separator::Decimals && self.is_grouped(last));
                is_number.then_some(Reading::Decimals)
            }
        }
    }

    /// Whether the groups up to the separator number `count` are such as thousands are written in: one to three digits and
    /// then three each, or the Indian way two each and three at the end.
    fn is_grouped(&self, count: usize) -> bool {
        let (first, rest) = (self.lengths[0], &self.lengths[1..=count]);
        let Some((end, middle)) = rest.split_last() else { return first > 0 };
        let is_indian = first <= 2 && middle.iter().all(|length| *length == 2) && self.separators[0] != Separator::Point;
        !self.starts_with_zero && (1..=3).contains(&first) && *end == 3 && (is_indian || middle.iter().all(|length| *length == 3))
    }

    fn scaled(&self, decimals: u8, zeros: u8) -> Option<Decimal> {
        if self.significant > MAX_DIGITS {
            return None;
        }
        let (scale, power) = (decimals.saturating_sub(zeros), zeros.saturating_sub(decimals));
        if scale > MAX_DECIMALS {
            return None;
        }
        let units = i64::try_from(self.digits).ok()?.checked_mul(10i64.checked_pow(u32::from(power))?)?;
        Decimal::new(units, scale)
    }
}

/// What a number shows about the decimal mark of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Nothing.
    None,
    /// That it is the point.
    Point,
    /// That it is the comma.
    Comma,
    /// It needs the column's mark itself.
    Ambiguous,
}

/// Whether one separator before exactly three digits is a decimal mark, and whether that was a guess. Before a word for many
/// zeros nobody writes thousands (`1.250 Mio`).
fn either(separator: Separator, mark: DecimalMark, zeros: u8) -> (bool, bool) {
    match mark {
        DecimalMark::Point => (separator == Separator::Point, false),
        DecimalMark::Comma => (separator == Separator::Comma, false),
        DecimalMark::Unknown => (zeros >= 5 || (zeros > 0 && separator == Separator::Point), true),
    }
}

/// Where the number ends whose first digit (or decimal mark) is at `start`.
#[must_use]
pub fn end_of(text: &str, start: usize) -> usize {
    let mut at = start;
    if let Some(char) = text[at..].chars().next()
        && digit(char).is_none()
    {
        at += char.len_utf8(); // a decimal mark with nothing before it
    }
    let (first, mut only_blanks) = (at, at == start);
    loop {
        let group = at;
        at = end_of_digits(text, group);
        let in_group = text[group..at].chars().count();
        only_blanks &= if group == first { in_group <= 3 && !text[first..].starts_with('0') } else { in_group == 3 };
        let rest = &text[at..];
        let Some(next) = rest.chars().next() else { return at };
        if is_blank(next) {
            match start_of_next_group(rest).filter(|_| only_blanks) {
                Some(skipped) => at += skipped,
                None => return at,
            }
        } else if let Some(separator) = separator(next) {
            let after = at + next.len_utf8();
            let Some(following) = text[after..].chars().next() else { return at };
            only_blanks = false;
            if digit(following).is_some() {
                at = after;
            } else if matches!(separator, Separator::Point | Separator::Comma) && is_blank(following) {
                let cents = after + following.len_utf8();
                let end = end_of_digits(text, cents);
                return if text[cents..end].chars().count() == 2 && separator_ends(&text[end..]) { end } else { at };
            } else {
                return at;
            }
        } else {
            return at;
        }
    }
}

/// The value of a decimal digit of any script.
#[must_use]
pub fn digit(char: char) -> Option<u8> {
    if char.is_ascii() {
        return char.is_ascii_digit().then(|| char as u8 - b'0');
    }
    let char = u32::from(char);
    let zero = ZEROS[..ZEROS.partition_point(|zero| *zero <= char)].last()?;
    u8::try_from(char - zero).ok().filter(|digit| *digit < 10)
}

/// Whether it separates words or thousands and takes up room on the same line.
#[must_use]
pub fn is_blank(char: char) -> bool {
    matches!(char, ' ' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// The zeros of the scripts that have decimal digits of their own (Unicode general category Nd), and of the full-width forms.
#[rustfmt::skip]
const ZEROS: [u32; 41] = [
    0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66, 0x0de6, 0x0e50, 0x0ed0, 0x0f20, 0x1040,
    0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50,
    0xabf0, 0xff10, 0x1_d7ce, 0x1_d7d8, 0x1_d7e2, 0x1_d7ec, 0x1_d7f6,
];

fn separator(char: char) -> Option<Separator> {
    Some(match char {
        '.' | '\u{ff0e}' => Separator::Point,
        ',' | '\u{ff0c}' | '\u{60c}' => Separator::Comma,
        '\'' | '\u{2019}' | '\u{2018}' | '\u{2bc}' | '\u{b4}' | '`' => Separator::Apostrophe,
        '\u{66c}' | '_' => Separator::Thousands,
        '\u{66b}' | '\u{b7}' => Separator::Decimals,
        blank if is_blank(blank) => Separator::Blank,
        _ => return None,
    })
}

fn end_of_digits(text: &str, start: usize) -> usize {
    text[start..].char_indices().find(|(_, char)| digit(*char).is_none()).map_or(text.len(), |(at, _)| start + at)
}

/// The bytes of one or two blanks, when exactly three digits follow.
fn start_of_next_group(text: &str) -> Option<usize> {
    let blanks: usize = text.chars().take_while(|char| is_blank(*char)).take(3).map(char::len_utf8).sum();
    let is_short = text[..blanks].chars().count() <= 2;
    let digits = text[blanks..].chars().take(4).take_while(|char| digit(*char).is_some()).count();
    (is_short && digits == 3).then_some(blanks)
}

/// Whether the cents of a torn number end here, and not a date or a list.
fn separator_ends(rest: &str) -> bool {
    let mut rest = rest.chars();
    match rest.next() {
        Some('.' | ',' | '/' | ':' | '-') => rest.next().is_none_or(|char| digit(char).is_none()),
        _ => true,
    }
}
