//! Phone numbers: the E.164 form where the number, or the configuration, says its country.
//!
//! An exact path of our own: separators out, `+` or `00` read as international, the country calling code held against
//! the ITU list (E.164 annex, 2024). A national number is completed only with a configured country: guessing one would
//! be inventing data. A full numbering-plan library has its room here.

use std::fmt::Write;

/// What a phone cell turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phone {
    /// International, or completed with the configured country: `+` and 8 to 15 digits.
    E164(String),
    /// A plausible number of 7 to 15 digits whose country is not known.
    National,
    /// Not a phone number.
    Unreadable,
}

/// Reads a phone as typed. `country` is the calling code for numbers that do not name theirs.
#[must_use]
pub fn read_phone(cell: &str, country: Option<&str>) -> Phone {
    let mut digits = [0u8; 24];
    let Some((international, count)) = digits_of(cell, &mut digits) else { return Phone::Unreadable };
    let digits = std::str::from_utf8(&digits[..count]).unwrap_or_default();
    match (international, country) {
        (true, _) => international_number(digits),
        (false, Some(country)) => national_number(digits, country),
        (false, None) if (7..=15).contains(&count) => Phone::National,
        (false, None) => Phone::Unreadable,
    }
}

/// The digits without separators and extension, and whether they start with a country code. `None` for other text.
fn digits_of(cell: &str, out: &mut [u8; 24]) -> Option<(bool, usize)> {
    let body = without_extension(cell.trim());
    let (mut international, body) = match body.strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, body),
    };
    let mut count = 0;
    for c in body.chars() {
        match c {
            '0'..='9' if count < out.len() => {
                out[count] = c as u8;
                count += 1;
            }
            ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' | '\u{2010}'..='\u{2013}' => {}
            _ => return None,
        }
    }
    if !international && count > 9 && out.starts_with(b"00") {
        international = true;
        out.copy_within(2..count, 0);
        count -= 2;
    }
    (count > 0).then_some((international, count))
}

/// `555-0100 ext. 12` and `555-0100 x12` without the extension.
fn without_extension(text: &str) -> &str {
    let Some(at) = text.bytes().position(|b| matches!(b, b'x' | b'X' | b'e' | b'E' | b'#')) else { return text };
    let digits = text[at..].trim_start_matches(|c: char| c.is_ascii_alphabetic() || matches!(c, '.' | ' ' | '#' | ':'));
    let extension = !digits.is_empty() && digits.len() <= 6 && digits.bytes().all(|b| b.is_ascii_digit());
    if extension { text[..at].trim_end() } else { text }
}

fn international_number(digits: &str) -> Phone {
    let code = country_code_len(digits);
    if !(8..=15).contains(&digits.len()) || code == 0 {
        return Phone::Unreadable;
    }
    // "+44 (0)20 …": the trunk zero is dialled only inside the country; Italy keeps its zero.
    let (country, rest) = digits.split_at(code);
    let national = if country == "39" { rest } else { rest.strip_prefix('0').unwrap_or(rest) };
    if country == "1" && !is_north_american(national) {
        return Phone::Unreadable;
    }
    e164(country, national)
}

fn national_number(digits: &str, country: &str) -> Phone {
    if country == "1" {
        let ten = if digits.len() == 11 { digits.strip_prefix('1').unwrap_or(digits) } else { digits };
        return match (is_north_american(ten), digits.len()) {
            (true, _) => e164(country, ten),
            (false, 7) => Phone::National,
            (false, _) => Phone::Unreadable,
        };
    }
    let national = if country == "39" { digits } else { digits.strip_prefix('0').unwrap_or(digits) };
    if (6..=13).contains(&national.len()) { e164(country, national) } else { Phone::Unreadable }
}

fn e164(country: &str, national: &str) -> Phone {
    let mut number = String::with_capacity(16);
    write!(number, "+{country}{national}").expect("writing to a string cannot fail");
    if (9..=16).contains(&number.len()) { Phone::E164(number) } else { Phone::Unreadable }
}

/// Ten digits, area code and exchange starting with 2 to 9 (NANPA).
fn is_north_american(digits: &str) -> bool {
    let d = digits.as_bytes();
    d.len() == 10 && d[0] >= b'2' && d[3] >= b'2'
}

/// Length of the country calling code at the front: 1 to 3 digits, 0 when none is assigned.
fn country_code_len(digits: &str) -> usize {
    const TWO: &[&str] = &[
        "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49", "51", "52", "53", "54",
        "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
    ];
    const UNASSIGNED: &[&str] = &[
        "210", "214", "215", "217", "219", "259", "384", "671", "684", "693", "694", "695", "696", "697", "698", "699", "851", "854",
        "857", "858", "859", "871", "872", "873", "874", "875", "876", "877", "879", "884", "885", "887", "889", "969", "978", "990",
        "997", "999",
    ];
    let b = digits.as_bytes();
    let (Some(two), Some(three)) = (digits.get(..2), digits.get(..3)) else { return 0 };
    let three_digit_block = match b[0] {
        b'2' => !matches!(b[1], b'0' | b'7' | b'8'),
        b'3' => matches!(b[1], b'5' | b'7' | b'8'),
        b'4' => b[1] == b'2',
        b'5' => matches!(b[1], b'0' | b'9'),
        b'6' => matches!(b[1], b'7' | b'8' | b'9'),
        b'8' => matches!(b[1], b'0' | b'5' | b'7' | b'8'),
        b'9' => matches!(b[1], b'6' | b'7' | b'9'),
        _ => false,
    };
    match b[0] {
        b'1' | b'7' => 1,
        _ if three_digit_block && !UNASSIGNED.contains(&three) => 3,
        _ if TWO.contains(&two) => 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones() {
        let e164 = |n: &str| Phone::E164(n.into());
        for (cell, country, expected) in [
            ("+1 (555) 234-5678", None, e164("+15552345678")),
            ("+1-555-0199", None, Phone::Unreadable),
            ("+44 7700 900123", None, e164("+447700900123")),
            ("+44 (0)20 7946 0018", None, e164("+442079460018")),
            ("0044 20 7946 0018", None, e164("+442079460018")),
            ("+39 06 1234 5678", None, e164("+390612345678")),
            ("+358 40 1234567", None, e164("+358401234567")),
            ("+28 123 456 7890", None, Phone::Unreadable),
            ("+999 12345678", None, Phone::Unreadable),
            ("713-555-0123", None, Phone::National),
            ("713-555-0123", Some("1"), e164("+17135550123")),
            ("1 713 555 0123", Some("1"), e164("+17135550123")),
            ("2045550101 ext. 12", Some("1"), e164("+12045550101")),
            ("555-0101", Some("1"), Phone::National),
            ("06 12 34 56 78", Some("33"), e164("+33612345678")),
            ("call me", None, Phone::Unreadable),
            ("4.15E+09", None, Phone::Unreadable),
            ("123", None, Phone::Unreadable),
            ("", None, Phone::Unreadable),
            ("12345678901234567890123456789", None, Phone::Unreadable),
        ] {
            assert_eq!(read_phone(cell, country), expected, "{cell} with {country:?}");
        }
    }
}
