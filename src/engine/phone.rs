//! Phone numbers: the E.164 form where the number, or the configuration, says its country.
//!
//! An exact path of our own over the numbering plans in `plans`; the library `phonenumber` is asked only in the few
//! countries whose numbers are written with figures that do not belong to them. A national number is completed only with
//! a configured country: guessing one would be inventing data. Whether a number is in use is not asked: E.164 is given to
//! every number that its plan can have.

mod plans;

use self::plans::{Plan, Writing};
use super::cells::trim;

/// What a phone cell turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phone {
    /// International, or completed with the configured country: `+` and at most 15 digits.
    E164(String),
    /// A plausible number of 7 to 15 digits whose country, or area, is not known.
    National,
    /// A spreadsheet took it for a number: `4.15E+09`, `5551234.0`, `4,155,550,123`, or the leading zero is gone.
    Damaged {
        /// What it still says, in E.164; empty when that is not certain.
        e164: String,
        /// Whether all of its digits are there.
        reads: bool,
    },
    /// Not a phone number.
    Unreadable,
}

impl Phone {
    /// Whether it can be read as a number at all.
    #[must_use]
    pub fn reads(&self) -> bool {
        matches!(self, Self::E164(_) | Self::National | Self::Damaged { reads: true, .. })
    }

    /// The number in E.164; empty when it is not known.
    #[must_use]
    pub fn e164(&self) -> &str {
        match self {
            Self::E164(number) | Self::Damaged { e164: number, .. } => number,
            Self::National | Self::Unreadable => "",
        }
    }

    fn damaged(self) -> Self {
        match self {
            Self::E164(e164) => Self::Damaged { e164, reads: true },
            Self::National => Self::Damaged { e164: String::new(), reads: true },
            other => other,
        }
    }
}

/// Digits that a cell with two numbers has at least.
const TWO_NUMBERS: usize = 14;

/// Longer cells are no phone numbers, however many of them.
const CELL_BYTES_MAX: usize = 200;

/// Reads a phone as typed. `country` is the calling code for numbers that do not name theirs.
///
/// Of several numbers in a cell the first one that can be read counts. Extensions, labels and letters are seen through.
#[must_use]
pub fn read_phone(cell: &str, country: Option<&str>) -> Phone {
    let cell = trim(cell);
    if cell.is_empty() || cell.len() > CELL_BYTES_MAX {
        return Phone::Unreadable;
    }
    if let Some(phone) = read_international(cell) {
        return phone;
    }
    let country = country.and_then(plans::plan_of_code);
    if let Some(whole) = without_decimals(cell) {
        return read_number(whole, country).unwrap_or(Phone::Unreadable).damaged();
    }
    match read_number(cell, country) {
        Some(Phone::Unreadable) if count_digits(cell) < TWO_NUMBERS => Phone::Unreadable,
        Some(phone) if phone != Phone::Unreadable => phone,
        _ => read_untidy(cell, country),
    }
}

/// The overwhelming case: a plus, digits and signs between them. What it takes, [`read_number`] reads the same; numbers that
/// must be seen through it leaves to that, and to [`read_untidy`] what may hold two of them.
fn read_international(cell: &str) -> Option<Phone> {
    let signs = cell.strip_prefix('+')?.bytes();
    let (mut digits, mut count) = ([0u8; 15], 0);
    for sign in signs {
        match sign {
            b'0'..=b'9' => {
                *digits.get_mut(count)? = sign;
                count += 1;
            }
            b' ' | b'-' | b'.' | b'(' | b')' => {}
            _ => return None,
        }
    }
    let digits = std::str::from_utf8(&digits[..count]).ok().filter(|digits| !digits.starts_with('0'))?;
    let plan = plans::plan_of_number(digits);
    if let Some((plan, national)) = plan.and_then(|(plan, length)| Some((plan, plan.national(&digits[length..])?))) {
        return Some(e164(plan, national));
    }
    let is_settled = count < TWO_NUMBERS && plan.is_none_or(|(plan, _)| plan.writing != Writing::Tangled);
    (is_settled && count > 0).then_some(Phone::Unreadable)
}

/// Whether a cell holds a phone number and nothing else: digits, a plus, and the signs that people put between them.
#[must_use]
pub fn is_plain_number(cell: &str) -> bool {
    read_number(cell, None).is_some_and(|phone| phone.reads())
}

/// A cell that is one number with separators; `None` for any other text.
fn read_number(text: &str, country: Option<&Plan>) -> Option<Phone> {
    let mut digits = [0u8; DIGITS_MAX];
    let written = Written::of(text, &mut digits)?;
    let digits = std::str::from_utf8(&digits[..written.count]).ok()?;
    let international = match (written.plus, country) {
        (true, _) => Some(digits.strip_prefix("00").unwrap_or(digits)),
        (false, Some(Plan { code: 1, .. })) if digits.len() > 11 && digits.starts_with("011") => Some(&digits[3..]),
        (false, _) if digits.len() > 9 => digits.strip_prefix("00"),
        (false, _) => None,
    };
    Some(match (international, country) {
        (Some(digits), _) => international_number(digits),
        (None, Some(plan)) => national_number(digits, plan, written.bare),
        (None, None) if (7..=15).contains(&digits.len()) => Phone::National,
        (None, None) => Phone::Unreadable,
    })
}

/// More digits than any number has, so that a longer run is known to be none.
const DIGITS_MAX: usize = 24;

/// How a number was written.
struct Written {
    /// Digits found.
    count: usize,
    /// It begins with a plus.
    plus: bool,
    /// There is nothing but digits.
    bare: bool,
}

impl Written {
    /// Puts the digits into `out`; `None` when there are none, too many, or other signs than separators.
    fn of(text: &str, out: &mut [u8; DIGITS_MAX]) -> Option<Self> {
        let mut written = Self { count: 0, plus: false, bare: true };
        for c in text.chars() {
            match c {
                '0'..='9' => {
                    *out.get_mut(written.count)? = c as u8;
                    written.count += 1;
                }
                '+' if written.count == 0 && !written.plus => (written.plus, written.bare) = (true, false),
                // "030/1234567", but not "5550100/5550101".
                '/' if written.count > 6 => return None,
                ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' | '\u{2010}'..='\u{2015}' => written.bare = false,
                _ => return None,
            }
        }
        (written.count > 0).then_some(written)
    }
}

fn international_number(digits: &str) -> Phone {
    let Some((plan, length)) = plans::plan_of_number(digits) else { return Phone::Unreadable };
    let dialled = &digits[length..];
    match plan.national(dialled) {
        Some(national) => e164(plan, national),
        None => ask_library(plan, dialled).map_or(Phone::Unreadable, Phone::E164),
    }
}

fn national_number(digits: &str, plan: &Plan, bare: bool) -> Phone {
    if let Some(national) = plan.national(digits) {
        let zero_is_gone = bare && plan.writing == Writing::Always && national.len() == digits.len();
        return if zero_is_gone { e164(plan, national).damaged() } else { e164(plan, national) };
    }
    let code = plan.code.to_string();
    if let Some(national) = digits.strip_prefix(code.as_str()).and_then(|rest| plan.national(rest)) {
        return e164(plan, national); // the plus is not there
    }
    match (ask_library(plan, digits), digits.len()) {
        (Some(number), _) => Phone::E164(number),
        (None, 7) => Phone::National,
        (None, 8) if plan.code != 1 => Phone::National,
        _ => Phone::Unreadable,
    }
}

/// The number, when it has the length of one: 7 to 15 digits, the shortest being those of a few islands.
fn e164(plan: &Plan, national: &str) -> Phone {
    let mut number = String::with_capacity(16);
    number.push('+');
    let figures = [100, 10, 1].into_iter().filter(|unit| plan.code >= *unit).map(|unit| u32::from(plan.code / unit % 10));
    number.extend(figures.filter_map(|figure| char::from_digit(figure, 10)));
    number.push_str(national);
    if (8..=16).contains(&number.len()) { Phone::E164(number) } else { Phone::Unreadable }
}

/// What the library makes of a number with carrier codes and the like (Argentina, Brazil, Colombia …).
fn ask_library(plan: &Plan, dialled: &str) -> Option<String> {
    if plan.writing != Writing::Tangled || dialled.len() < 8 {
        return None;
    }
    let number = phonenumber::parse(None, format!("+{}{dialled}", plan.code)).ok()?;
    number.is_valid().then(|| number.format().mode(phonenumber::Mode::E164).to_string())
}

/// `5551234.0` without what a spreadsheet has put behind it.
fn without_decimals(cell: &str) -> Option<&str> {
    let whole = [".0", ",0", ".00", ",00"].into_iter().find_map(|decimals| cell.strip_suffix(decimals))?;
    (whole.len() >= 7 && whole.bytes().all(|b| b.is_ascii_digit())).then_some(whole)
}

/// Everything else that people and programs put into such a cell.
fn read_untidy(cell: &str, country: Option<&Plan>) -> Phone {
    let text = plain_signs(cell);
    let text = without_wrapping(&text);
    if text.contains('@') || text.contains("//") || !text.bytes().any(|b| b.is_ascii_digit()) {
        return Phone::Unreadable;
    }
    if let Some(phone) = from_spreadsheet(text, country) {
        return phone;
    }
    let pieces = text.split(is_no_part_of_a_number).filter(|piece| stands_alone(text, piece));
    let numbers = pieces.flat_map(numbers_of);
    let mut phones = numbers.filter_map(|number| read_number(number, country));
    phones.find(Phone::reads).or_else(|| from_letters(text, country)).unwrap_or(Phone::Unreadable)
}

/// Digits of all scripts, dashes and spaces of all kinds as the plain ones; marks of writing direction and the like out.
fn plain_signs(cell: &str) -> String {
    let plain = |c: char| match c {
        c if c.is_ascii() => Some(c),
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}' => None,
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' | '\u{30fc}' => Some('-'),
        // The printable signs of ASCII have their full-width twins in the same order.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
        '\u{660}'..='\u{669}' => digit(c, 0x660),
        '\u{6f0}'..='\u{6f9}' => digit(c, 0x6f0),
        '\u{966}'..='\u{96f}' => digit(c, 0x966),
        c if c.is_whitespace() && c != '\u{2028}' && c != '\u{2029}' => Some(' '),
        c => Some(c),
    };
    cell.chars().filter_map(plain).collect()
}

fn digit(c: char, zero: u32) -> Option<char> {
    char::from_digit(u32::from(c) - zero, 10)
}

/// Without `tel:`, the parameters after it, `="…"` and the apostrophe that keeps a spreadsheet from reading it.
fn without_wrapping(text: &str) -> &str {
    let text = text.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let text = text.strip_prefix('\'').unwrap_or(text).trim();
    let is_link = text.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("tel:"));
    if is_link { text[4..].split([';', '?']).next().unwrap_or_default() } else { text }
}

/// `4.15E+09` and `4,155,550,123`.
fn from_spreadsheet(text: &str, country: Option<&Plan>) -> Option<Phone> {
    if let Some((digits, exponent)) = scientific(text) {
        let is_whole = digits.len() == exponent + 1;
        let read = if is_whole { read_number(&digits, country)?.damaged() } else { Phone::Unreadable };
        return Some(if read == Phone::Unreadable { Phone::Damaged { e164: String::new(), reads: false } } else { read });
    }
    let groups: Vec<&str> = text.split(',').collect();
    let is_grouped = groups.len() >= 3
        && (1..=3).contains(&groups[0].len())
        && groups[1..].iter().all(|group| group.len() == 3)
        && groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_digit()));
    is_grouped.then(|| read_number(&groups.concat(), country).map(Phone::damaged))?
}

/// The digits and the exponent of a number of phone size: 10^6 to 10^15.
fn scientific(text: &str) -> Option<(String, usize)> {
    let (mantissa, exponent) = text.split_once(['E', 'e'])?;
    let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
    let (whole, decimals) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, ""));
    let are_digits = [whole, decimals, exponent].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    let exponent = exponent.parse().ok().filter(|exponent| are_digits && whole.len() == 1 && (6..=15).contains(exponent))?;
    Some((format!("{whole}{decimals}"), exponent))
}

fn is_no_part_of_a_number(c: char) -> bool {
    !(c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '.' | '(' | ')' | '/'))
}

/// Digits that are no part of a word: not `AB1234567`, but `5550100x12`.
fn stands_alone(text: &str, piece: &str) -> bool {
    let start = piece.as_ptr().addr() - text.as_ptr().addr();
    let (before, after) = (&text[..start], &text[start + piece.len()..]);
    let is_glued = |inner: Option<char>, outer: Option<char>| {
        inner.is_some_and(|c| c.is_ascii_digit()) && outer.is_some_and(|c| c.is_alphanumeric() || c == '_')
    };
    let has_extension = after.starts_with(['x', 'X']) || after.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("ext"));
    !is_glued(piece.chars().next(), before.chars().next_back())
        && (has_extension || !is_glued(piece.chars().next_back(), after.chars().next()))
}

/// The numbers in a run of digits and separators: a plus starts one, a slash or a space may stand between two.
fn numbers_of(piece: &str) -> impl Iterator<Item = &str> {
    let starts = piece.match_indices('+').map(|(at, _)| at);
    let mut cuts: Vec<usize> = std::iter::once(0).chain(starts).chain([piece.len()]).collect();
    cuts.dedup();
    let parts: Vec<&str> = cuts.windows(2).map(|cut| &piece[cut[0]..cut[1]]).collect();
    parts.into_iter().flat_map(halves).filter(|number| count_digits(number) >= 7)
}

fn halves(part: &str) -> [&str; 2] {
    let between = |(at, sign): (usize, &str)| {
        let (left, right) = (&part[..at], &part[at + sign.len()..]);
        let (before, after) = (count_digits(left), count_digits(right));
        // "5550100/01" names the end of a second number.
        let is_slash = sign == "/" && before >= 7;
        (is_slash || (before == after && before >= 7)).then_some([left, right])
    };
    part.match_indices(['/', ' ']).find_map(between).unwrap_or([part, ""])
}

fn count_digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// `1-800-FLOWERS`: letters of the keypad, where the country is North America or the number is toll-free there.
fn from_letters(text: &str, country: Option<&Plan>) -> Option<Phone> {
    let has_letters = text.bytes().filter(u8::is_ascii_alphabetic).count() >= 3;
    let begins = text.bytes().find(|b| !matches!(b, b'+' | b'(' | b' ')).is_some_and(|b| b.is_ascii_digit());
    if !has_letters || !begins || !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-. ()".contains(&b)) {
        return None;
    }
    let number = |key: fn(char) -> Option<char>| {
        let keys: String = text.chars().filter_map(key).collect();
        keys.strip_prefix('1').map(str::to_owned).unwrap_or(keys)
    };
    let dialled = number(|c| if c.is_ascii_digit() { Some(c) } else { key_of(c) });
    let plan = plans::plan_of_code("1")?;
    let national = plan.national(&dialled)?;
    let area = national.get(..3).filter(|area| number(|c| Some(c).filter(char::is_ascii_digit)).starts_with(area))?;
    let is_toll_free = ["800", "833", "844", "855", "866", "877", "888"].contains(&area);
    match country {
        Some(Plan { code: 1, .. }) => Some(e164(plan, national)),
        None if text.starts_with('+') => Some(e164(plan, national)),
        None if is_toll_free => Some(Phone::National),
        _ => None,
    }
}

/// The key of a letter (ITU-T E.161).
fn key_of(letter: char) -> Option<char> {
    Some(match letter.to_ascii_uppercase() {
        'A'..='C' => '2',
        'D'..='F' => '3',
        'G'..='I' => '4',
        'J'..='L' => '5',
        'M'..='O' => '6',
        'P'..='S' => '7',
        'T'..='V' => '8',
        'W'..='Z' => '9',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(cell: &str, country: Option<&str>, expected: &str) {
        let told = match read_phone(cell, country) {
            Phone::E164(number) => number,
            Phone::National => "national".into(),
            Phone::Damaged { e164, reads } => format!("damaged {}", if reads { e164.as_str() } else { "beyond repair" }).trim_end().into(),
            Phone::Unreadable => "unreadable".into(),
        };
        assert_eq!(told, expected, "{cell} with {country:?}");
    }

    #[test]
    fn phones() {
        for (cell, country, expected) in [
            ("+1 (555) 234-5678", None, "+15552345678"),
            ("+1-555-0199", None, "unreadable"),
            ("+1 055 234 5678", None, "unreadable"),
            ("+44 7700 900123", None, "+447700900123"),
            ("+44 (0)20 7946 0018", None, "+442079460018"),
            ("(+44) 20 7946 0018", None, "+442079460018"),
            ("0044 20 7946 0018", None, "+442079460018"),
            ("+0044 20 7946 0018", None, "+442079460018"),
            ("+39 06 1234 5678", None, "+390612345678"),
            ("+34 (0)91 123 45 67", None, "+34911234567"),
            ("+358 40 1234567", None, "+358401234567"),
            ("+7 8 912 345-67-89", None, "+79123456789"),
            ("+7 800 123-45-67", None, "+78001234567"),
            ("+36 06 20 123 4567", None, "+36201234567"),
            ("+52 1 222 123 4567", None, "+522221234567"),
            ("+28 123 456 7890", None, "unreadable"),
            ("+999 12345678", None, "unreadable"),
            ("+33 6 12 34 56", None, "unreadable"),
            ("713-555-0123", None, "national"),
            ("713-555-0123", Some("1"), "+17135550123"),
            ("1 713 555 0123", Some("1"), "+17135550123"),
            ("011 44 20 7946 0018", Some("1"), "+442079460018"),
            ("555-0101", Some("1"), "national"),
            ("06 12 34 56 78", Some("33"), "+33612345678"),
            ("33 6 12 34 56 78", Some("33"), "+33612345678"),
            ("030/1234567", Some("49"), "+49301234567"),
            ("8 912 345-67-89", Some("7"), "+79123456789"),
            ("44+7700 900123", None, "unreadable"),
            ("call me", None, "unreadable"),
            ("123", None, "unreadable"),
            ("", None, "unreadable"),
            ("12345678901234567890123456789", None, "unreadable"),
        ] {
            check(cell, country, expected);
        }
    }

    #[test]
    fn numbers_with_figures_that_are_not_theirs() {
        check("011 15-2345-6789", Some("54"), "+5491123456789");
        check("+54 11 15 2345 6789", None, "+5491123456789");
        check("0 31 85 92222 2222", Some("55"), "+5585922222222");
        check("(11) 96123-4567", Some("55"), "+5511961234567");
    }

    #[test]
    fn what_a_spreadsheet_has_done() {
        for (cell, country, expected) in [
            ("4.15E+09", None, "damaged beyond repair"),
            ("9.87654E+11", Some("1"), "damaged beyond repair"),
            ("4,15E+09", None, "damaged beyond repair"),
            ("4.155550123E+09", Some("1"), "damaged +14155550123"),
            ("4.155550123e9", None, "damaged"),
            ("5551234.0", None, "damaged"),
            ("7135550123.0", Some("1"), "damaged +17135550123"),
            ("4,155,550,123", Some("1"), "damaged +14155550123"),
            ("612345678", Some("33"), "damaged +33612345678"),
            ("6 12 34 56 78", Some("33"), "+33612345678"),
            ("612345678", Some("34"), "+34612345678"),
            ("=\"0612345678\"", Some("33"), "+33612345678"),
            ("'0612345678", Some("33"), "+33612345678"),
            ("1E5", None, "unreadable"),
        ] {
            check(cell, country, expected);
        }
    }

    #[test]
    fn as_people_write_them() {
        for (cell, country, expected) in [
            ("204-555-0101 ext. 12", Some("1"), "+12045550101"),
            ("2045550101x12", Some("1"), "+12045550101"),
            ("204-555-0101 #12", Some("1"), "+12045550101"),
            ("tel:+1-204-555-0101;ext=12", None, "+12045550101"),
            ("p:+12045550101", None, "+12045550101"),
            ("Mobile: 204 555 0101", Some("1"), "+12045550101"),
            ("204 555 0101 (work)", Some("1"), "+12045550101"),
            ("204-555-0101 / 204-555-0102", Some("1"), "+12045550101"),
            ("204-555-0101; 204-555-0102", Some("1"), "+12045550101"),
            ("204-555-0101 or 204-555-0102", Some("1"), "+12045550101"),
            ("2045550101 2045550102", Some("1"), "+12045550101"),
            ("+1 204 555 0101 +1 204 555 0102", None, "+12045550101"),
            ("n/a, 204-555-0101", Some("1"), "+12045550101"),
            ("030 1234567/68", Some("49"), "+49301234567"),
            ("1-800-FLOWERS", Some("1"), "+18003569377"),
            ("+1 800 FLOWERS", None, "+18003569377"),
            ("1-800-FLOWERS", None, "national"),
            ("call 5 times", Some("1"), "unreadable"),
            ("＋４４ ２０ ７９４６ ００１８", None, "+442079460018"),
            ("\u{202a}+44 20 7946 0018\u{202c}", None, "+442079460018"),
            ("٠٥٠ ١٢٣ ٤٥٦٧", Some("971"), "+971501234567"),
            ("+44\u{2011}20\u{2009}7946 0018", None, "+442079460018"),
            ("AB1234567", None, "unreadable"),
            ("ann5550123@example.com", None, "unreadable"),
            ("https://example.com/5550123", None, "unreadable"),
        ] {
            check(cell, country, expected);
        }
    }

    #[test]
    fn a_plain_number_is_nothing_but_a_number() {
        assert!(is_plain_number("+44 20 7946 0018") && is_plain_number("713-555-0123"));
        for cell in ["=\"0612345678\"", "+cmd|' /C calc'!A0", "+44 20 7946 0018 or so", "@5550123", "=5550123"] {
            assert!(!is_plain_number(cell), "{cell}");
        }
    }

    proptest! {
        #[test]
        fn the_short_way_reads_like_the_long_one(cell in "\\+[0-9]{0,3}[-. ()0-9/+]{0,18}|\\+(1|7|44|49|54|55|375|39)[ -]?[0-9]{4,13}") {
            if let Some(phone) = read_international(&cell) {
                prop_assert_eq!(Some(phone.clone()), read_number(&cell, None));
                prop_assert_eq!(Some(phone.clone()), read_number(&cell, plans::plan_of_code("44")));
                prop_assert!(phone != Phone::Unreadable || count_digits(&cell) < TWO_NUMBERS || cell.len() < 17, "{} may hold two", cell);
                prop_assert!(without_decimals(&cell).is_none());
            }
        }

        #[test]
        fn any_cell_is_read_without_harm(cell in "\\PC{0,40}|[-+0-9eE.,/x ()=\"';:#]{0,40}", country in "[0-9]{0,4}") {
            for phone in [read_phone(&cell, None), read_phone(&cell, Some(&country))] {
                let number = phone.e164();
                prop_assert!(number.is_empty() || (number.len() <= 16 && number[1..].bytes().all(|b| b.is_ascii_digit())), "{number}");
            }
        }

        #[test]
        fn a_number_in_e164_reads_as_itself(code in prop::sample::select(vec!["1", "33", "44", "351", "971"]), rest in "[2-9][0-9]{8,9}") {
            let number = format!("+{code}{rest}");
            if let Phone::E164(read) = read_phone(&number, None) {
                prop_assert_eq!(&read, &number);
                prop_assert_eq!(read_phone(&read, Some("49")), Phone::E164(number));
            }
        }
    }
}
