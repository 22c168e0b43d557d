//! An amount of money, read the way people write it: `$238,224`, `1.234,56 €`, `1,2 Mio.`, `85 Lakh`, `(500)`, `200-300k`.
//!
//! The same text gives the same amount wherever it stands, except that one separator before exactly three digits follows its
//! column ([`MarkEvidence`]). Nothing is guessed beyond the rules below: words around one amount are ignored, around several
//! the one beside a currency counts, and else there is none. A cell that says that there is no value (`N/A`, `POA`) is no
//! amount; whether it is missing is decided elsewhere.

mod figures;
mod quantities;
mod tokens;
mod words;

use super::decimal::{self, Decimal, NotAnAmount};
use super::notes::NoteCode;
use super::rules::Ranges;
use figures::{Evidence, Figures};
use quantities::{Brackets, Found, Link, Make, Quantity};
use tokens::{Kind, Tokens};

/// Bytes of the longest cell that can be an amount with words around it; longer ones are prose.
const LONGEST: usize = 256;

/// Numbers of a cell that are told apart; with more, none is the amount.
const QUANTITIES_MAX: usize = 6;

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

/// What a column's cells show about its decimal mark. Counts cells; one with several numbers counts for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MarkEvidence {
    /// Numbers whose decimals begin with a point, or whose thousands are separated by commas.
    pub points: u64,
    /// Numbers whose decimals begin with a comma, or whose thousands are separated by points.
    pub commas: u64,
    /// Numbers that could be read both ways: one point or comma before exactly three digits.
    pub ambiguous: u64,
    /// Those of them with a comma.
    pub ambiguous_commas: u64,
}

/// So many numbers with the same sign before three digits, and none that speaks against it: nobody writes money with three
/// decimals all the way down a column, so the sign is for thousands.
const ALIKE: u64 = 3;

/// How amounts are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AmountRules {
    /// The decimal mark of the column.
    pub mark: DecimalMark,
    /// What a range is read as.
    pub ranges: Ranges,
}

/// An amount as read from a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount<'a> {
    /// The exact amount, with the decimals it was written with.
    pub value: Decimal,
    /// `$`, `EUR`, `CA$` … as written; `""` when none was.
    pub currency: &'a str,
    /// What people should know about how it was read: [`NoteCode::ValueRange`], [`NoteCode::ValueAmbiguous`] or
    /// [`NoteCode::ValueInWords`], the first of these that holds.
    pub note: Option<NoteCode>,
}

/// Reads an amount the way people write it.
///
/// # Errors
/// [`NotAnAmount::NotNumeric`] for anything else (also exponents, `inf`, `nan`, shares in percent, dates, times, phone numbers,
/// codes, measures, and several amounts of which none stands out), [`NotAnAmount::OutOfRange`] beyond the exact range.
pub fn read_amount(cell: &str, rules: AmountRules) -> Result<Amount<'_>, NotAnAmount> {
    if let Some(read) = read_plain(cell, rules.mark) {
        return read.map(|value| Amount { value, currency: "", note: None });
    }
    if let Some(read) = read_simple(cell, rules.mark) {
        return read;
    }
    read_tokens(cell, rules)
}

/// Everything that needs a look at each word: the cell cut into tokens, their numbers compared.
fn read_tokens(cell: &str, rules: AmountRules) -> Result<Amount<'_>, NotAnAmount> {
    let is_hopeless = cell.len() > LONGEST || (cell.is_ascii() && !cell.bytes().any(|byte| byte.is_ascii_digit()));
    let tokens = if is_hopeless { None } else { Tokens::of(cell) };
    let tokens = tokens.filter(|tokens| !is_command(tokens)).ok_or(NotAnAmount::NotNumeric)?;
    Numbers::of(&tokens, rules).amount(&tokens)
}

/// Whether a cell is nothing but one number with its sign and currency, as a spreadsheet reads it too: no words, no formula.
#[must_use]
pub fn is_plain_number(cell: &str) -> bool {
    let Some(tokens) = Some(cell).filter(|cell| cell.len() <= LONGEST).and_then(Tokens::of) else { return false };
    let figures = (0..tokens.len()).filter(|at| tokens.is(*at, Kind::Figures)).count();
    let is_plain = |at: usize| match tokens.get(at).map(|token| token.kind) {
        Some(Kind::Figures | Kind::Sign) => true,
        Some(Kind::Minus | Kind::Plus) => at == 0,
        Some(Kind::Word) => at + 1 == tokens.len() && at > 0 && words::is_money(tokens.word(at), words::Side::Behind),
        _ => false,
    };
    figures == 1 && (0..tokens.len()).all(is_plain) && read_amount(cell, AmountRules::default()).is_ok()
}

impl MarkEvidence {
    /// Takes in one cell of the column.
    pub fn add(&mut self, cell: &str) {
        let needs_no_mark = cell.len() > LONGEST || (cell.is_ascii() && !cell.bytes().any(|byte| matches!(byte, b'.' | b',')));
        let Some(tokens) = Some(cell).filter(|_| !needs_no_mark).and_then(Tokens::of) else { return };
        for at in (0..tokens.len()).filter(|at| tokens.is(*at, Kind::Figures)) {
            match Figures::of(tokens.text_of(at, at)).map_or(Evidence::None, |figures| figures.evidence()) {
                Evidence::Point => self.points += 1,
                Evidence::Comma => self.commas += 1,
                Evidence::Ambiguous => {
                    self.ambiguous += 1;
                    self.ambiguous_commas += u64::from(tokens.text_of(at, at).contains(','));
                }
                Evidence::None => {}
            }
        }
    }

    /// The column's mark: that of at least nine in ten numbers that show one. A column that mixes both has none, so that each
    /// of its cells is read on its own evidence.
    #[must_use]
    pub fn decide(&self) -> DecimalMark {
        let nine_in_ten = |mark: u64| mark > 0 && mark >= (self.points + self.commas).saturating_mul(9).div_ceil(10);
        if nine_in_ten(self.points) {
            DecimalMark::Point
        } else if nine_in_ten(self.commas) {
            DecimalMark::Comma
        } else if self.points + self.commas > 0 || self.ambiguous < ALIKE {
            DecimalMark::Unknown
        } else if self.ambiguous_commas == self.ambiguous {
            DecimalMark::Point
        } else if self.ambiguous_commas == 0 {
            DecimalMark::Comma
        } else {
            DecimalMark::Unknown
        }
    }
}

/// The common case without a copy: digits, at most one point that is not before exactly three digits.
fn read_plain(cell: &str, mark: DecimalMark) -> Option<Result<Decimal, NotAnAmount>> {
    let (negative, digits) = match cell.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    let decimals = memchr::memchr(b'.', digits).map_or(0, |at| digits.len() - at - 1);
    if decimals == 3 && mark != DecimalMark::Point {
        return None;
    }
    decimal::plain(digits, negative)
}

/// The next common case: one number with its separators, perhaps a minus before it, and either a currency on one side or
/// letters for zeros behind. What it takes, it reads as [`read_tokens`] does.
fn read_simple(cell: &str, mark: DecimalMark) -> Option<Result<Amount<'_>, NotAnAmount>> {
    let start = cell.bytes().position(|byte| byte.is_ascii_digit()).filter(|_| cell.len() <= LONGEST)?;
    let end = figures::end_of(cell, start);
    let (before, behind) = (cell[..start].trim(), cell[end..].trim());
    let (is_negative, before) = before.strip_prefix('-').map_or((false, before), |rest| (true, rest.trim_start()));
    let zeros = Some(behind).filter(|behind| *behind != "CR").and_then(words::zeros).unwrap_or(0);
    let currency = match (before, behind) {
        (before, _) if zeros > 0 && (before.is_empty() || is_sign(before)) => before,
        ("", behind) if behind.is_empty() || is_bare_sign(behind) || words::is_money(behind, words::Side::Behind) => behind,
        (before, "") if is_sign(before) || words::is_code(before) => before,
        _ => return None,
    };
    let figures = Figures::of(&cell[start..end]).filter(|figures| !figures.is_torn)?;
    let note = |is_ambiguous: bool| is_ambiguous.then_some(NoteCode::ValueAmbiguous);
    Some(figures.value(mark, zeros).map(|read| {
        let value = if is_negative { read.value.negated() } else { read.value };
        Amount { value, currency, note: note(read.is_ambiguous) }
    }))
}

/// Whether it is one currency sign, or one with the letters of a country before it (`CA$`).
fn is_sign(text: &str) -> bool {
    let letters = text.bytes().take_while(u8::is_ascii_uppercase).count();
    letters <= 3 && is_bare_sign(&text[letters..])
}

fn is_bare_sign(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(tokens::is_currency_sign) && chars.next().is_none()
}

/// A formula, an error value of a spreadsheet, or an address.
fn is_command(tokens: &Tokens<'_>) -> bool {
    let is_sign = |at: usize, sign: &str| tokens.is(at, Kind::Operator) && tokens.text_of(at, at) == sign;
    let is_error_value = tokens.is(0, Kind::Hash) && tokens.is_glued(1, Kind::Word);
    is_sign(0, "=") || is_error_value || (0..tokens.len()).any(|at| is_sign(at, "@"))
}

/// The numbers of one cell: those that may be amounts, and how many others.
struct Numbers<'a> {
    quantities: [Option<Quantity<'a>>; QUANTITIES_MAX],
    count: usize,
    others: usize,
}

impl<'a> Numbers<'a> {
    fn of(tokens: &Tokens<'a>, rules: AmountRules) -> Self {
        let mut numbers = Self { quantities: [None; QUANTITIES_MAX], count: 0, others: 0 };
        let (mut from, mut broken_chain_ends) = (0, None);
        for at in 0..tokens.len() {
            if at < from || !tokens.is(at, Kind::Figures) {
                continue;
            }
            let found = quantities::at(tokens, at, from, rules.mark);
            let (first, last) = match found {
                Found::Quantity(quantity) => (quantity.first, quantity.last),
                Found::Share | Found::Other => (at, at),
            };
            let follows_broken_chain = broken_chain_ends.is_some_and(|end| quantities::is_connected(tokens, end, end, first));
            match found {
                Found::Quantity(quantity) if !follows_broken_chain => {
                    let others = numbers.others;
                    numbers.add(quantity, tokens, rules);
                    broken_chain_ends = (numbers.others > others).then_some(last);
                }
                Found::Share => numbers.others += usize::from(numbers.count == 0), // `20 % of 500`
                _ => {
                    numbers.drop_connected(tokens, first);
                    numbers.others += 1;
                    broken_chain_ends = Some(last);
                }
            }
            from = last + 1;
        }
        numbers
    }

    /// Adds a number that may be an amount, joined to the one before it where both are one.
    fn add(&mut self, quantity: Quantity<'a>, tokens: &Tokens<'a>, rules: AmountRules) {
        let before = self.count.checked_sub(1).and_then(|at| self.quantities[at]);
        let joined = before.and_then(|before| match before.link(&quantity, tokens) {
            Link::None => None,
            Link::Torn => Some(None),
            Link::Sum => Some(before.plus(&quantity)),
            Link::Range => Some(before.up_to(&quantity, tokens, rules.mark, rules.ranges)),
        });
        match joined {
            Some(Some(both)) => self.quantities[self.count - 1] = Some(both),
            Some(None) => {
                self.count -= 1;
                self.others += 2;
            }
            None if self.count == QUANTITIES_MAX => self.others += 1,
            None => {
                self.quantities[self.count] = Some(quantity);
                self.count += 1;
            }
        }
    }

    /// A number that is no amount takes the one it hangs together with along: `2024-01-15`.
    fn drop_connected(&mut self, tokens: &Tokens<'a>, first: usize) {
        let before = self.count.checked_sub(1).and_then(|at| self.quantities[at]);
        let is_part = |before: Quantity<'_>| before.money.is_empty() && quantities::is_connected(tokens, before.first, before.last, first);
        if before.is_some_and(is_part) {
            self.count -= 1;
            self.others += 1;
        }
    }

    /// The one that is meant.
    fn amount(&self, tokens: &Tokens<'a>) -> Result<Amount<'a>, NotAnAmount> {
        let all = || self.quantities[..self.count].iter().flatten();
        let has_money = |quantity: &&Quantity<'_>| !quantity.money.is_empty();
        let (chosen, is_alone) = match (all().filter(has_money).count(), self.count, self.others) {
            (_, 1, 0) => (all().next(), true),
            (0, _, 1..) => (None, false),
            (0, ..) => (all().next().filter(|first| all().all(|other| other.value == first.value)), false),
            _ => {
                let first = all().find(has_money);
                (first.filter(|first| all().filter(has_money).all(|other| other.value == first.value)), false)
            }
        };
        let chosen = chosen.ok_or(NotAnAmount::NotNumeric)?;
        let has_words = (0..tokens.len()).any(|at| tokens.is(at, Kind::Word) && !(chosen.first..=chosen.last).contains(&at));
        let is_accounting = chosen.brackets == Brackets::Around && is_alone && !has_words && chosen.first == 0;
        if chosen.brackets != Brackets::None && !is_accounting && chosen.money.is_empty() {
            return Err(NotAnAmount::NotNumeric);
        }
        let value = chosen.value?;
        let value = if is_accounting && value.is_positive() { value.negated() } else { value };
        let note = if chosen.make == Make::Range {
            Some(NoteCode::ValueRange)
        } else if chosen.is_ambiguous {
            Some(NoteCode::ValueAmbiguous)
        } else {
            (has_words || !is_alone).then_some(NoteCode::ValueInWords)
        };
        Ok(Amount { value, currency: chosen.money, note })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reading(cell: &str, mark: DecimalMark, ranges: Ranges) -> String {
        match read_amount(cell, AmountRules { mark, ranges }) {
            Ok(amount) if amount.currency.is_empty() => amount.value.to_string(),
            Ok(amount) => format!("{} {}", amount.value, amount.currency),
            Err(NotAnAmount::NotNumeric) => "not numeric".into(),
            Err(NotAnAmount::OutOfRange) => "out of range".into(),
        }
    }

    /// Each cell alone in its column, and what it is read as.
    fn check(cases: &[(&str, &str)]) {
        let wrong: Vec<String> = cases
            .iter()
            .map(|(cell, expected)| (cell, expected, reading(cell, DecimalMark::Unknown, Ranges::Low)))
            .filter(|(_, expected, read)| read != *expected)
            .map(|(cell, expected, read)| format!("{cell:?}: {read}, not {expected}"))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn plain_numbers_and_their_limits() {
        check(&[
            ("500000", "500000"),
            ("500000.50", "500000.50"),
            ("-5", "-5"),
            ("+5", "5"),
            ("0", "0"),
            ("007", "7"),
            (".75", "0.75"),
            (",5", "0.5"),
            ("5.", "5"),
            ("0.005", "0.005"),
            ("0,500", "0.500"),
            ("1234.567", "1234.567"),
            ("1234.5678", "1234.5678"),
            ("0.123456", "0.123456"),
            ("0.1234567", "out of range"),
            ("123456789012345678", "123456789012345678"),
            ("1234567890123456789", "out of range"),
            ("1,234,567,890,123,456,789", "out of range"),
            ("900000000000 Mrd.", "out of range"),
            ("", "not numeric"),
            (".", "not numeric"),
            ("-", "not numeric"),
        ]);
    }

    #[test]
    fn separators_of_many_countries() {
        check(&[
            ("500,000.50", "500000.50"),
            ("1.234,56", "1234.56"),
            ("1.234", "1234"),
            ("1,234", "1234"),
            ("1,234.567", "1234.567"),
            ("12,5", "12.5"),
            ("12,34,567", "1234567"),
            ("1,23,45,678.90", "12345678.90"),
            ("1 250 000", "1250000"),
            ("1\u{a0}250\u{a0}000,00", "1250000.00"),
            ("1\u{202f}250\u{202f}000", "1250000"),
            ("1  250 000", "1250000"),
            ("1'250'000.50", "1250000.50"),
            ("1\u{2019}250\u{2019}000", "1250000"),
            ("1_250_000", "1250000"),
            ("\u{661}\u{662}\u{663}\u{66c}\u{664}\u{665}\u{666}\u{66b}\u{667}\u{668}", "123456.78"),
            ("\u{967}\u{968},\u{969}\u{96a},\u{96b}\u{96c}\u{96d}", "1234567"),
            ("\u{ff11}\u{ff12}\u{ff0c}\u{ff13}\u{ff14}\u{ff15}\u{ff0e}\u{ff16}", "12345.6"),
            ("119. 95", "119.95"),
            ("118, 99 TL", "118.99 TL"),
            ("10, 20", "not numeric"),
            ("1,2,3", "not numeric"),
            ("1.234.56", "not numeric"),
            ("1.234,567,890", "not numeric"),
            ("1,234 567", "not numeric"),
            ("12 34", "not numeric"),
            ("01,234", "not numeric"),
        ]);
    }

    #[test]
    fn currencies_on_either_side() {
        check(&[
            ("$238,224", "238224 $"),
            ("-$5.00", "-5.00 $"),
            ("$-5", "-5 $"),
            ("€ 1.049,95", "1049.95 €"),
            ("45,00 zł", "45.00 zł"),
            ("CA$ 12.5", "12.5 CA$"),
            ("AU $ 1,175", "1175 AU $"),
            ("US$ 2,000", "2000 US$"),
            ("R$ 1.500,00", "1500.00 R$"),
            ("R 1 250 000", "1250000 R"),
            ("1 250 000 EUR", "1250000 EUR"),
            ("usd 500", "500 usd"),
            ("500USD", "500 USD"),
            ("CHF 1'200.--", "1200 CHF"),
            ("199.90 Fr.", "199.90 Fr."),
            ("Rs.500", "500 Rs."),
            ("Rs. 12,50,000/-", "1250000 Rs."),
            ("Rs. .75", "0.75 Rs."),
            ("₹1,25,000.00", "125000.00 ₹"),
            ("7 990 kr", "7990 kr"),
            ("kr 1.250.000,-", "1250000 kr"),
            ("2 500:-", "2500"),
            ("50,- Kč", "50 Kč"),
            ("105. –", "105"),
            ("419 руб.", "419 руб."),
            ("2 285,81 грн", "2285.81 грн"),
            ("3430 лв.", "3430 лв."),
            ("AED 26.30", "26.30 AED"),
            ("3,439.00 درهم", "3439.00 درهم"),
            ("\u{200f}500 ₪", "500 ₪"),
            ("12,000원", "12000 원"),
            ("￥１２，０００", "12000 ￥"),
            ("450 000 ₫", "450000 ₫"),
            ("1.727 Ft", "1727 Ft"),
            ("S/ 350.00", "350.00 S/"),
            ("$1,190.00 AUD", "1190.00 AUD"),
            ("500 US dollars", "500 US dollars"),
            ("35€99", "35.99 €"),
            ("500 TRY", "500 TRY"),
            ("500 dollars", "500 dollars"),
        ]);
    }

    #[test]
    fn zeros_in_words_and_letters() {
        check(&[
            ("1.2k", "1200"),
            ("$1.5M", "1500000 $"),
            ("1,5 Mio. €", "1500000 €"),
            ("1.250 Mio", "1250000"),
            ("2.375M", "2375000"),
            ("1,250k", "1250000"),
            ("2.5 mn", "2500000"),
            ("2.5 million dollars", "2500000 dollars"),
            ("USD 3 bn", "3000000000 USD"),
            ("1.2 Cr", "12000000"),
            ("₹1.2 crore", "12000000 ₹"),
            ("85 L", "8500000"),
            ("85 Lakhs", "8500000"),
            ("2.5 lac", "250000"),
            ("1 Cr 25 Lakh", "12500000"),
            ("250 тыс. руб.", "250000 руб."),
            ("1,5 млн ₽", "1500000 ₽"),
            ("500 tys. zł", "500000 zł"),
            ("750 TEUR", "750000 EUR"),
            ("500 k€", "500000 €"),
            ("500 T€", "500000 €"),
            ("3 Mkr", "3000000"),
            ("1億2000万円", "120000000 円"),
            ("3억 5000만원", "350000000 원"),
            ("50万元", "500000 元"),
            ("2,5 millones", "2500000"),
            ("five hundred thousand", "not numeric"),
        ]);
    }

    #[test]
    fn negative_amounts() {
        check(&[
            ("(500)", "-500"),
            ("($1,234.50)", "-1234.50 $"),
            ("$(500)", "-500 $"),
            ("(500) USD", "-500 USD"),
            ("(1.2k)", "-1200"),
            ("500-", "-500"),
            ("500.00- EUR", "-500.00 EUR"),
            ("\u{2212}500", "-500"),
            ("\u{2013}500", "-500"),
            ("- 500", "-500"),
            ("EUR -500", "-500 EUR"),
            ("Price - 500", "500"),
            ("(500", "not numeric"),
        ]);
    }

    #[test]
    fn words_around_one_amount() {
        check(&[
            ("Price: 890 Kč", "890 Kč"),
            ("ab 199 €", "199 €"),
            ("was $500", "500 $"),
            ("approx. 5000", "5000"),
            ("ca.500", "500"),
            ("from 250k", "250000"),
            ("up to $1.5M", "1500000 $"),
            ("500k+", "500000"),
            ("$426.20/EA", "426.20 $"),
            ("$1,500 per month", "1500 $"),
            ("166,81 € iva inclusa", "166.81 €"),
            ("129,00 € (-15%)", "129.00 €"),
            ("3BHK $500,000", "500000 $"),
            ("3 beds, 2 baths, 450k USD", "450000 USD"),
            ("$500 or 450", "500 $"),
            ("34,50 € *", "34.50 €"),
            ("500 (was 600)", "not numeric"),
            ("From: $10.00 To: $20.00", "10.00 $"),
            ("US$: 12.99", "12.99 US$"),
            (">= 1.000.000", "1000000"),
            ("Price = 500", "500"),
            ("5 grand", "5000"),
            ("$ 1 . 5 M", "not numeric"),
            ("$ 1,234 .00", "not numeric"),
            ("$ 1, 234.00", "not numeric"),
            ("$500, 3 beds", "500 $"),
            ("1½", "not numeric"),
            ("5 ½", "not numeric"),
            ("$500*2", "not numeric"),
            ("20 % of 500", "not numeric"),
            ("1,234.00CR", "not numeric"),
            ("$500 now $400", "not numeric"),
            ("500 or 600", "not numeric"),
            ("559.99 EUR 559.99 EUR inkl. MwSt.", "559.99 EUR"),
        ]);
    }

    #[test]
    fn what_is_no_amount() {
        let cells = "N/A|n/a|NULL|None|#REF!|#DIV/0!|#N/A|call me|POA|free|TBD|inf|NaN|abc|1e5|4.15E+09|1E-5|15%|15 %|15 percent|0x1F|\
            15.08.2017|2024-01-15|01/15/2024|12/05/24|2024/01/15|5 Jan 2024|Jan 2024|5-Jan|März 2024|10:30|10:30:00|5pm|5 pm|2023-2024|\
            A-1204|3BHK|A1204|12C|2nd|No. 5|#5|Unit 12|Apt 5|lot 12|SKU 12345|1500 sqft|120 m2|120 m²|3 bedrooms|5 years|5'10\"|50 cents|50¢|\
            555-1234|555-123-4567|(555) 123-4567|1-800-555-1234|+46 70 123 45 67|+46 701 234 567|+46701234567|555.123.4567|tel 5551234|call 5551234|\
            =500|=2+3|500*2|500+300|@SUM(5)|a5@example.com|www.example.com/5|1/2|24/7|50 x 20 ft|2024年1月|3室";
        let read: Vec<String> = cells
            .split('|')
            .map(|cell| (cell, reading(cell, DecimalMark::Unknown, Ranges::Low)))
            .filter(|(_, read)| read != "not numeric")
            .map(|(cell, read)| format!("{cell:?}: {read}"))
            .collect();
        assert!(read.is_empty(), "{read:#?}");
        assert_eq!(reading(&format!("$5 {}", "word ".repeat(60)), DecimalMark::Unknown, Ranges::Low), "not numeric", "prose");
    }

    #[test]
    fn ranges_are_read_by_policy() {
        for (cell, low, mid, high) in [
            ("200k-300k", "200000", "250000", "300000"),
            ("$200,000 – $300,000", "200000 $", "250000 $", "300000 $"),
            ("200-300k", "200000", "250000", "300000"),
            ("200-300 k€", "200000 €", "250000 €", "300000 €"),
            ("$950k - 1.2M", "950000 $", "1075000 $", "1200000 $"),
            ("5000-10k", "5000", "7500", "10000"),
            ("between 200 and 300", "200", "250", "300"),
            ("zwischen 200 und 300 €", "200 €", "250 €", "300 €"),
            ("from 5 to 8", "5", "6.5", "8"),
            ("5 à 7", "5", "6", "7"),
            ("von 1.000 bis 2.000 EUR", "1000 EUR", "1500 EUR", "2000 EUR"),
            ("от 5 до 7 млн руб.", "5000000 руб.", "6000000 руб.", "7000000 руб."),
            ("50 L - 1.2 Cr", "5000000", "8500000", "12000000"),
            ("1 - 1.000001", "1", "out of range", "1.000001"),
            ("800-1200", "800", "1000", "1200"),
            ("10万~20万円", "100000 円", "150000 円", "200000 円"),
        ] {
            for (ranges, expected) in [(Ranges::Low, low), (Ranges::Mid, mid), (Ranges::High, high), (Ranges::Reject, "not numeric")] {
                assert_eq!(reading(cell, DecimalMark::Unknown, ranges), expected, "{cell:?} by {ranges:?}");
            }
        }
        for cell in ["300-200", "100-5k", "$200 - 300 €", "1-2-3", "5-7 days", "2-3 beds", "01-02", "200 and 300", "(5)-7"] {
            assert_eq!(reading(cell, DecimalMark::Unknown, Ranges::Low), "not numeric", "{cell:?}");
        }
    }

    #[test]
    fn an_ambiguous_separator_follows_its_column() {
        use DecimalMark::{Comma, Point, Unknown};
        for (cell, mark, expected) in [
            ("1.234", Unknown, "1234"),
            ("1.234", Point, "1.234"),
            ("1.234", Comma, "1234"),
            ("1,234", Comma, "1.234"),
            ("1,234", Point, "1234"),
            ("12.5", Comma, "12.5"),
            ("12,5", Point, "12.5"),
            ("1.234,5", Point, "1234.5"),
            ("423.923 KD", Point, "423.923 KD"),
            ("1.250 Mio", Comma, "1250000000"),
        ] {
            assert_eq!(reading(cell, mark, Ranges::Low), expected, "{cell:?} in a column with {mark:?}");
        }
    }

    #[test]
    fn what_people_should_know() {
        use NoteCode::{ValueAmbiguous, ValueInWords, ValueRange};
        for (cell, note) in [
            ("500000.50", None),
            ("$1,234.50", None),
            ("34,50 € *", None),
            ("1 250 000 EUR", None),
            ("1,234", Some(ValueAmbiguous)),
            ("Price: 1,234", Some(ValueAmbiguous)),
            ("500 mil", Some(ValueAmbiguous)),
            ("5-7", Some(ValueRange)),
            ("between 5 and 7", Some(ValueRange)),
            ("ab 199 €", Some(ValueInWords)),
            ("$500, not 400", Some(ValueInWords)),
        ] {
            assert_eq!(read_amount(cell, AmountRules::default()).expect("an amount").note, note, "{cell:?}");
        }
        let by_column = AmountRules { mark: DecimalMark::Point, ..AmountRules::default() };
        assert_eq!(read_amount("1,234", by_column).expect("an amount").note, None, "the column has told");
    }

    #[test]
    fn a_column_tells_its_decimal_mark() {
        for (cells, mark, figures) in [
            (&["1,234.56"][..], DecimalMark::Point, (1, 0, 0)),
            (&["1.234,56 €"], DecimalMark::Comma, (0, 1, 0)),
            (&["12.5", "1,234", "500", "N/A"], DecimalMark::Point, (1, 0, 1)),
            (&["12,5"], DecimalMark::Comma, (0, 1, 0)),
            (&["1,234,567"], DecimalMark::Point, (1, 0, 0)),
            (&["1.234.567"], DecimalMark::Comma, (0, 1, 0)),
            (&["1 234,567"], DecimalMark::Comma, (0, 1, 0)),
            (&["1,234", "15.08.2017", "12 500"], DecimalMark::Unknown, (0, 0, 1)),
            (&["12,5", "12.5", "1,234"], DecimalMark::Unknown, (1, 1, 1)),
            (&["200.000,50 - 300.000,50"], DecimalMark::Comma, (0, 2, 0)),
            (&["$230,000", "$410,500", "$99,900"], DecimalMark::Point, (0, 0, 3)),
            (&["230.000", "410.500", "99.900"], DecimalMark::Comma, (0, 0, 3)),
            (&["230.000", "410,500", "99.900"], DecimalMark::Unknown, (0, 0, 3)),
        ] {
            let mut evidence = MarkEvidence::default();
            for cell in cells {
                evidence.add(cell);
            }
            assert_eq!(evidence.decide(), mark, "{cells:?}");
            assert_eq!((evidence.points, evidence.commas, evidence.ambiguous), figures, "{cells:?}");
        }
        assert_eq!(MarkEvidence { points: 9, commas: 1, ..MarkEvidence::default() }.decide(), DecimalMark::Point, "a slip is no mixture");
        assert_eq!(MarkEvidence { points: 8, commas: 1, ambiguous: 9, ambiguous_commas: 9 }.decide(), DecimalMark::Unknown);
    }

    #[test]
    fn plain_numbers_are_told_from_what_a_spreadsheet_would_run() {
        for cell in ["-5", "-1,234.50", "-$5.00", "+500", "−5", "-5 EUR", "500"] {
            assert!(is_plain_number(cell), "{cell}");
        }
        for cell in ["=5", "@5", "-1+1", "+1+cmd|' /C calc'!A0", "-AED500", "-SUM(5)", "-5*2", "-", "", "-5%", "-5 cats", "-500k"] {
            assert!(!is_plain_number(cell), "{cell}");
        }
    }

    /// An amount as a country writes it.
    fn written(value: Decimal, group: &str, mark: &str, is_indian: bool) -> String {
        let plain = value.to_string();
        let (whole, decimals) = plain.split_once('.').unwrap_or((&plain, ""));
        let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
        let mut grouped = String::new();
        for (at, digit) in whole.char_indices() {
            let left = whole.len() - at;
            let is_start = if is_indian { left == 3 || (left > 3 && left % 2 == 1) } else { left.is_multiple_of(3) };
            if at > 0 && is_start {
                grouped.push_str(group);
            }
            grouped.push(digit);
        }
        let mark = if decimals.is_empty() { "" } else { mark };
        format!("{sign}{grouped}{mark}{decimals}")
    }

    proptest! {
        #[test]
        fn an_amount_reads_back_exactly_in_any_locale(
            units in -999_999_999_999_999_999i64..=999_999_999_999_999_999,
            shift in 0u32..18,
            scale in 0u8..=6,
            locale in 0usize..9,
            around in 0usize..6,
        ) {
            use DecimalMark::{Comma, Point};
            let value = Decimal::new(units / 10i64.pow(shift), scale).expect("within the limits");
            let (group, mark, is_indian, column) = [
                (",", ".", false, Point),
                (".", ",", false, Comma),
                (" ", ",", false, Comma),
                ("\u{a0}", ",", false, Comma),
                ("\u{202f}", ",", false, Comma),
                ("'", ".", false, Point),
                ("\u{2019}", ".", false, Point),
                (",", ".", true, Point),
                ("", ",", false, Comma),
            ][locale];
            let (before, behind) = [("", ""), ("$", ""), ("", " €"), ("EUR ", ""), ("", "\u{a0}zł"), ("Price: ", " USD")][around];
            let cell = format!("{before}{}{behind}", written(value, group, mark, is_indian));
            let read = read_amount(&cell, AmountRules { mark: column, ..AmountRules::default() });
            prop_assert_eq!(read.map(|amount| amount.value), Ok(value), "{}", cell);
        }

        #[test]
        fn the_short_way_reads_like_the_long_one(cell in "-?[ $€]{0,2}(CA|EUR)?[$]?[0-9 .,']{1,12}[ ]?([€$]|EUR|zł|kr\\.|k|m2|L|CR|Mio\\.|T€)?", column in 0usize..3) {
            let mark = [DecimalMark::Unknown, DecimalMark::Point, DecimalMark::Comma][column];
            if let Some(read) = read_simple(&cell, mark) {
                prop_assert_eq!(read, read_tokens(&cell, AmountRules { mark, ..AmountRules::default() }), "{}", cell);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(cell in any::<String>(), ranges in 0usize..4) {
            let ranges = [Ranges::Low, Ranges::Mid, Ranges::High, Ranges::Reject][ranges];
            let _ = read_amount(&cell, AmountRules { ranges, ..AmountRules::default() });
            let _ = is_plain_number(&cell);
            MarkEvidence::default().add(&cell);
        }

        #[test]
        fn any_mixture_of_what_amounts_are_made_of_is_read_or_refused(
            parts in prop::collection::vec(prop::sample::select(vec![
                "1", "23", "000", "456", "0", ".", ",", "'", " ", "\u{a0}", "-", "–", "+", "(", ")", "%", "#", "/", ":", "~", "=", "$", "€", "R$",
                "EUR", "k", "Mio.", "L", "Cr", "万", "円", "to", "and", "between", "m", "²", "A", "Jan", "mil", "٫", "٣", "\u{200f}", "T", "S/",
            ]), 0..24),
        ) {
            let cell = parts.concat();
            for ranges in [Ranges::Low, Ranges::Mid, Ranges::High] {
                if let Ok(amount) = read_amount(&cell, AmountRules { ranges, ..AmountRules::default() }) {
                    prop_assert!(cell.contains(amount.currency), "{:?}", cell);
                }
            }
            MarkEvidence::default().add(&cell);
        }
    }
}
