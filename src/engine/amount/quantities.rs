//! One number of a cell with what belongs to it: its sign, its zeros (`k`, `Mio.`) and its currency; and two as a range.
//!
//! Says which numbers are no amounts (shares, measures, dates, identifiers). Which of several is meant is decided elsewhere.

use super::super::decimal::{Decimal, NotAnAmount};
use super::super::rules::Ranges;
use super::DecimalMark;
use super::figures::Figures;
use super::tokens::{Kind, Token, Tokens};
use super::words::{self, Side};

/// A number that may be an amount, with all that belongs to it.
#[derive(Debug, Clone, Copy)]
pub struct Quantity<'a> {
    /// What it amounts to, or why that cannot be said.
    pub value: Result<Decimal, NotAnAmount>,
    /// The currency as written, `""` when there is none.
    pub money: &'a str,
    /// The first token that belongs to it.
    pub first: usize,
    /// The last token that belongs to it.
    pub last: usize,
    /// Whether its digits could be read in two ways.
    pub is_ambiguous: bool,
    /// How it stands to brackets.
    pub brackets: Brackets,
    /// How many numbers it is made of.
    pub make: Make,
    figures: Figures,
    zeros: u8,
    is_negative: bool,
}

/// Brackets around a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brackets {
    /// None.
    None,
    /// Right around it, as accountants write what is negative.
    Around,
    /// Somewhere around it, as around remarks.
    Remark,
}

/// What a quantity is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    /// One number.
    One,
    /// The ends of a range.
    Range,
    /// Two numbers that add up.
    Sum,
}

/// What a number turns out to be.
#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    /// Perhaps an amount.
    Quantity(Quantity<'a>),
    /// A share in percent.
    Share,
    /// A measure, a date, a label, a code: a number, but no amount.
    Other,
}

/// How the numbers of a cell hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Not at all.
    None,
    /// As the ends of a range.
    Range,
    /// As one amount in two units: `1 Cr 25 L`.
    Sum,
    /// As pieces of one number, of which nobody knows how they belong together.
    Torn,
}

/// Countries before a sign or a word for money: `AU $ 5`, `US dollars`.
const COUNTRIES: [&str; 14] = ["A", "AU", "AUS", "C", "CA", "CAN", "HK", "NT", "NZ", "SG", "TT", "U", "U.S.", "US"];

/// Currencies with which `mil` is a thousand (Spanish, Portuguese); elsewhere it is a million. Both are told as a guess.
const MIL_IS_THOUSAND: [&str; 12] = ["R$", "BRL", "reais", "EUR", "€", "euros", "pesos", "MXN", "COP", "ARS", "CLP", "MX$"];

/// What the number at token `at` is. No token before `from` belongs to it.
#[must_use]
pub fn at<'a>(tokens: &Tokens<'a>, at: usize, from: usize, mark: DecimalMark) -> Found<'a> {
    let Some(figures) = Figures::of(tokens.text_of(at, at)) else { return Found::Other };
    let ahead = ahead(tokens, at, from);
    let behind = behind(tokens, at, &ahead, figures);
    if behind.verdict == Verdict::Share {
        return Found::Share;
    }
    let money = match behind.money {
        "" => ahead.money,
        money => money,
    };
    let is_phone = ahead.sign == Some(Kind::Plus) && money.is_empty() && (figures.has_blanks() || figures.digits() >= 8);
    let is_comma_list = figures.is_torn && money.is_empty() && tokens.text_of(at, at).contains(',');
    let is_credit = tokens.word(at + 1) == "CR" && figures.digits() > 5; // a bookkeeper's, hardly a crore
    let is_measure = behind.verdict == Verdict::Measure && money.is_empty();
    if is_phone || is_comma_list || is_credit || is_measure || ahead.is_code || behind.verdict == Verdict::Code {
        return Found::Other;
    }
    let mut zeros = behind.zeros;
    if behind.is_mil {
        zeros = if MIL_IS_THOUSAND.contains(&money) { 3 } else { 6 };
    }
    let read = match behind.cents {
        Some(cents) => figures_with_cents(figures, cents),
        None => figures.value(mark, zeros).map(|read| (read.value, read.is_ambiguous)),
    };
    let is_negative = ahead.sign == Some(Kind::Minus) || behind.is_negative;
    match read {
        Err(NotAnAmount::NotNumeric) => Found::Other,
        read => Found::Quantity(Quantity {
            value: read.map(|(value, _)| if is_negative { value.negated() } else { value }),
            money,
            first: ahead.first,
            last: behind.last,
            is_ambiguous: behind.is_mil || read.is_ok_and(|(_, is_ambiguous)| is_ambiguous),
            brackets: match is_within_brackets(tokens, at) {
                _ if behind.is_closed => Brackets::Around,
                true => Brackets::Remark,
                false => Brackets::None,
            },
            make: Make::One,
            figures,
            zeros,
            is_negative,
        }),
    }
}

impl Quantity<'_> {
    /// How this and the next one hang together, by what stands between them.
    #[must_use]
    pub fn link(&self, next: &Self, tokens: &Tokens<'_>) -> Link {
        if is_torn(tokens, self.last, next.first) {
            return Link::Torn;
        }
        if next.first == self.last + 1 {
            let is_sum = self.zeros > next.zeros && next.zeros > 0 && tokens.is(next.first, Kind::Figures) && self.make != Make::Range;
            return if is_sum { Link::Sum } else { Link::None };
        }
        if is_connected(tokens, self.first, self.last, next.first) { Link::Range } else { Link::None }
    }

    /// Both as one amount, when the second completes the first.
    #[must_use]
    pub fn plus(&self, next: &Self) -> Option<Self> {
        let (large, small) = (self.value.ok()?, next.value.ok()?);
        let fits = small.micros() < 10i128.pow(u32::from(self.zeros) + 6) && !self.is_negative && !next.is_negative;
        let scale = large.scale().max(small.scale());
        let units = (large.micros() + small.micros()) / 10i128.pow(6 - u32::from(scale));
        let value = i64::try_from(units).ok().and_then(|units| Decimal::new(units, scale)).ok_or(NotAnAmount::OutOfRange);
        let money = if next.money.is_empty() { self.money } else { next.money };
        let is_ambiguous = self.is_ambiguous || next.is_ambiguous;
        fits.then_some(Self { value, money, last: next.last, zeros: next.zeros, is_ambiguous, make: Make::Sum, ..*self })
    }

    /// Both as the ends of one range, read by `ranges`. `None` when they are none: falling, of two currencies, or written
    /// like a date or a phone number.
    #[must_use]
    pub fn up_to(&self, next: &Self, tokens: &Tokens<'_>, mark: DecimalMark, ranges: Ranges) -> Option<Self> {
        let money = match (self.money, next.money) {
            ("", money) | (money, "") => money,
            (money, other) if money.eq_ignore_ascii_case(other) => money,
            _ => return None,
        };
        if self.make == Make::Range || self.is_negative || next.is_negative || self.brackets != next.brackets {
            return None;
        }
        let is_bare = money.is_empty() && self.zeros == 0 && next.zeros == 0 && !tokens.get(self.last + 1)?.is_spaced;
        if self.figures.has_leading_zero() || next.figures.has_leading_zero() || (is_bare && looks_like_a_code(self, next)) {
            return None;
        }
        let (low, high) = self.ends_with_units(next, mark)?;
        let value = match ranges {
            _ if low.micros() > high.micros() => return None,
            Ranges::Low => Ok(low),
            Ranges::High => Ok(high),
            Ranges::Mid => middle(low, high).ok_or(NotAnAmount::OutOfRange),
            Ranges::Reject => Err(NotAnAmount::NotNumeric),
        };
        Some(Self { value, money, last: next.last, make: Make::Range, ..*self })
    }

    /// Both ends, the unit of one carried over to the other where only that makes a range: `200-300k`.
    fn ends_with_units(&self, next: &Self, mark: DecimalMark) -> Option<(Decimal, Decimal)> {
        let (low, high) = (self.value.ok()?, next.value.ok()?);
        if self.make == Make::Sum || self.zeros == next.zeros || (self.zeros > 0 && next.zeros > 0) {
            return Some((low, high));
        }
        let unit = self.zeros.max(next.zeros);
        let plain = |quantity: &Self| quantity.figures.value(mark, 0).ok().map(|read| read.value.micros());
        let carried = |quantity: &Self| quantity.figures.value(mark, unit).ok().map(|read| read.value);
        if plain(self)? < plain(next)? {
            return Some((carried(self)?, carried(next)?));
        }
        // `5000-10k`: the lower end is written out; `100-5k` is neither.
        (self.zeros == 0 && self.figures.digits() >= 4).then_some((low, high))
    }
}

/// Whether two numbers are the pieces of one that was torn: `1 . 5`, `1,234 .00`, `1, 234.00`.
fn is_torn(tokens: &Tokens<'_>, last: usize, next: usize) -> bool {
    let figures = tokens.text_of(next, next);
    if !tokens.is(last, Kind::Figures) || !tokens.is(next, Kind::Figures) {
        return false;
    }
    match next - last {
        1 => figures.starts_with(['.', ',']),
        2 if matches!(tokens.text_of(last + 1, last + 1), "." | ",") => {
            let is_group = figures.bytes().take_while(u8::is_ascii_digit).count() == 3;
            is_group || tokens.get(last + 1).is_some_and(|mark| mark.is_spaced)
        }
        _ => false,
    }
}

/// Whether what stands between two numbers makes them the ends of a range.
#[must_use]
pub fn is_connected(tokens: &Tokens<'_>, first: usize, last: usize, next: usize) -> bool {
    let is_one = next == last + 2 || (next == last + 3 && tokens.is(last + 1, Kind::Word) && tokens.is(last + 2, Kind::Colon));
    let Some(between) = tokens.get(last + 1).filter(|_| is_one) else { return false };
    match between.kind {
        Kind::Minus | Kind::Dash | Kind::Wave => true,
        Kind::Word => {
            let word = tokens.word(last + 1);
            words::is_to(word) || (words::is_and(word) && first > 0 && words::is_between(tokens.word(first - 1)))
        }
        _ => false,
    }
}

/// What belongs to a number and stands before it.
struct Ahead<'a> {
    first: usize,
    money: &'a str,
    /// A plus or a minus.
    sign: Option<Kind>,
    is_open: bool,
    /// Whether something there makes the number a code, a label's or a date's.
    is_code: bool,
}

fn ahead<'a>(tokens: &Tokens<'a>, at: usize, from: usize) -> Ahead<'a> {
    let mut ahead = Ahead { first: at, money: "", sign: None, is_open: false, is_code: false };
    while let Some(before) = ahead.first.checked_sub(1).filter(|before| *before >= from) {
        let token = tokens.get(before).expect("a place before one that exists");
        match token.kind {
            Kind::Minus | Kind::Dash if ahead.sign.is_none() && is_minus(tokens, before, from, token) => ahead.sign = Some(Kind::Minus),
            Kind::Plus if ahead.sign.is_none() && is_minus(tokens, before, from, token) => ahead.sign = Some(Kind::Plus),
            Kind::Open if !ahead.is_open => ahead.is_open = true,
            Kind::Colon if ahead.money.is_empty() && before > from && money_before(tokens, before - 1, from).is_some() => {}
            Kind::Sign | Kind::Word if ahead.money.is_empty() => match money_before(tokens, before, from) {
                Some(first) => {
                    ahead.money = tokens.text_of(first, before);
                    ahead.first = first;
                    continue;
                }
                None => break,
            },
            _ => break,
        }
        ahead.first = before;
    }
    ahead.is_code = ahead.money.is_empty() && is_code_before(tokens, at, ahead.first, from);
    ahead
}

/// Whether a line (or plus) at `at` is a sign and no hyphen, bullet or range: nothing but a currency stands right before it,
/// and the number right behind it unless the cell begins with it.
fn is_minus(tokens: &Tokens<'_>, at: usize, from: usize, token: Token) -> bool {
    let is_first = at == 0 || tokens.is(at - 1, Kind::Open) || tokens.is(at - 1, Kind::Sign) || tokens.is(at - 1, Kind::Colon);
    let is_glued_behind = tokens.get(at + 1).is_some_and(|next| !next.is_spaced);
    let follows_number = at == from && from > 0;
    let follows_money = at > 0 && words::is_money(tokens.word(at - 1), Side::Before);
    (is_first || follows_money || (token.is_spaced && is_glued_behind && token.kind != Kind::Dash)) && !follows_number
}

/// The first token of the currency that ends with the sign or word at `last`, if one does.
fn money_before(tokens: &Tokens<'_>, last: usize, from: usize) -> Option<usize> {
    let before = last.checked_sub(1).filter(|before| *before >= from);
    if tokens.is(last, Kind::Sign) {
        let Some(before) = before else { return Some(last) };
        let word = tokens.word(before);
        let is_part = if tokens.is_glued(last, Kind::Sign) { is_prefix(word) } else { COUNTRIES.contains(&word) || words::is_code(word) };
        return Some(if is_part { before } else { last });
    }
    let word = tokens.word(last);
    let after_sign = before.filter(|before| tokens.is(*before, Kind::Sign));
    let is_money =
        words::is_money(word, Side::Before) || (after_sign.is_some() && tokens.is_glued(last, Kind::Word) && COUNTRIES.contains(&word));
    is_money.then_some(after_sign.unwrap_or(last))
}

/// Letters before a sign that make it the sign of one country: `A$`, `MOP$`, `GH₵`.
fn is_prefix(word: &str) -> bool {
    (1..=4).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphabetic()) && word.as_bytes()[0].is_ascii_uppercase()
}

/// Whether the number at `at`, whose quantity begins at `first`, hangs on something that makes it a code, a label's or a date's.
fn is_code_before(tokens: &Tokens<'_>, at: usize, first: usize, from: usize) -> bool {
    let Some(before) = first.checked_sub(1) else { return false };
    let token = tokens.get(before).expect("a place before one that exists");
    let is_glued = !tokens.get(first).is_some_and(|token| token.is_spaced);
    let word_before = |at: usize| at.checked_sub(1).map_or("", |before| tokens.word(before));
    let is_labelled = |word: &str| words::is_label(word) || words::is_date(word);
    match token.kind {
        Kind::Hash => true,
        Kind::Word => is_labelled(tokens.word(before)) || (is_glued && first == at && is_solid(tokens.word(before))),
        Kind::Minus | Kind::Plus if is_glued => !token.is_spaced && before > 0 && before != from,
        Kind::Slash if is_glued => true,
        Kind::Colon if is_glued && before > 0 && tokens.is_glued(before, Kind::Colon) && tokens.is(before - 1, Kind::Figures) => true,
        Kind::Colon | Kind::Mark => is_labelled(word_before(before)),
        Kind::Operator => before > 0 && tokens.is(before - 1, Kind::Figures),
        _ => false,
    }
}

/// What belongs to a number and stands behind it.
struct Behind<'a> {
    last: usize,
    money: &'a str,
    zeros: u8,
    cents: Option<Figures>,
    is_mil: bool,
    is_negative: bool,
    is_closed: bool,
    verdict: Verdict,
}

/// What the text behind a number says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Nothing against its being an amount.
    Free,
    /// It is a share.
    Share,
    /// It is a measure, unless a currency stands with it.
    Measure,
    /// It is part of a code, a date, a time or a sum.
    Code,
}

fn behind<'a>(tokens: &Tokens<'a>, at: usize, ahead: &Ahead<'a>, figures: Figures) -> Behind<'a> {
    let mut behind =
        Behind { last: at, money: "", zeros: 0, cents: None, is_mil: false, is_negative: false, is_closed: false, verdict: Verdict::Free };
    behind.take_zeros(tokens);
    if tokens.is(behind.last + 1, Kind::Percent) || words::is_percent(tokens.word(behind.last + 1)) {
        behind.verdict = Verdict::Share;
        return behind;
    }
    behind.take_minus(tokens);
    behind.take_money(tokens, ahead.money, figures);
    if behind.zeros == 0 && !behind.money.is_empty() && behind.cents.is_none() {
        behind.take_zeros(tokens); // `5 $ million`
    }
    behind.take_minus(tokens);
    if ahead.is_open && tokens.is(behind.last + 1, Kind::Close) {
        behind.is_closed = true;
        behind.last += 1;
        behind.take_money(tokens, ahead.money, figures);
    }
    behind.verdict = behind.judge(tokens, at);
    behind
}

impl<'a> Behind<'a> {
    fn take_zeros(&mut self, tokens: &Tokens<'a>) {
        while self.zeros < 12 {
            let word = tokens.word(self.last + 1);
            let is_other_word = is_solid(word) && tokens.is_glued(self.last + 2, Kind::Figures); // `m2`
            if word.is_empty() || is_other_word {
                return;
            }
            let is_mil = self.zeros == 0 && matches!(word.trim_end_matches('.'), "mil" | "Mil" | "MIL");
            let is_thousand =
                word == "T" && tokens.is_glued(self.last + 2, Kind::Sign) && tokens.text_of(self.last + 2, self.last + 2) == "€";
            if let Some(zeros) = words::zeros(word) {
                self.zeros += zeros;
            } else if is_mil {
                self.is_mil = true;
            } else if is_thousand {
                self.zeros += 3;
            } else {
                return;
            }
            self.last += 1;
        }
    }

    /// A minus behind the number, as bookkeepers put it: right behind it, with nothing but a currency to follow.
    fn take_minus(&mut self, tokens: &Tokens<'a>) {
        let at = self.last + 1;
        let ends = tokens.get(at + 1).is_none_or(|next| {
            next.kind == Kind::Close || (next.is_spaced && (next.kind == Kind::Sign || words::is_money(tokens.word(at + 1), Side::Behind)))
        });
        if tokens.is_glued(at, Kind::Minus) && ends {
            self.is_negative = true;
            self.last = at;
        }
    }

    /// The currency behind the number. Where one stands before it too, only a code adds to it (`$5 AUD`).
    fn take_money(&mut self, tokens: &Tokens<'a>, before: &str, figures: Figures) {
        let first = self.last + 1;
        if !self.money.is_empty() {
            return;
        }
        if let Some((zeros, code)) = words::zeros_and_code(tokens.word(first)).filter(|_| self.zeros == 0 && before.is_empty()) {
            (self.zeros, self.money, self.last) = (zeros, code, first);
            return;
        }
        let Some(last) = money_behind(tokens, first) else { return };
        let is_next_ones = tokens.is(last + 1, Kind::Figures) && tokens.get(first).is_some_and(|token| token.is_spaced);
        if before.is_empty() {
            let leads_next = is_next_ones && tokens.is_glued(last + 1, Kind::Figures);
            if !leads_next {
                (self.money, self.last) = (tokens.text_of(first, last), last);
                self.take_cents(tokens, first, figures);
            }
        } else if words::is_code(tokens.word(first)) && !is_next_ones {
            (self.money, self.last) = (tokens.word(first), last);
        }
    }

    /// The currency as the decimal mark: `35€99`.
    fn take_cents(&mut self, tokens: &Tokens<'a>, sign: usize, figures: Figures) {
        let at = self.last + 1;
        let is_mark = self.zeros == 0 && tokens.is_glued(sign, Kind::Sign) && sign == self.last && figures.plain_digits().is_some();
        let is_end = tokens.is_glued(at, Kind::Figures) || tokens.len() == at + 1;
        if is_mark && is_end && tokens.is(at, Kind::Figures) {
            self.cents = Figures::of(tokens.text_of(at, at)).filter(|cents| cents.plain_digits() == Some(2));
            self.last += usize::from(self.cents.is_some());
        }
    }

    /// What follows the quantity may show that it is none.
    fn judge(&self, tokens: &Tokens<'_>, at: usize) -> Verdict {
        let next = self.last + 1;
        let Some(token) = tokens.get(next) else { return Verdict::Free };
        let (word, after) = (tokens.word(next), tokens.word(next + 1));
        let code_if = |is_code: bool| if is_code { Verdict::Code } else { Verdict::Free };
        match token.kind {
            Kind::Word if words::is_measure(word) => Verdict::Measure,
            Kind::Word => {
                let is_suffix = self.last == at && !token.is_spaced && is_solid(word);
                code_if(is_suffix || words::is_date(word) || word.starts_with(char::is_numeric)) // `5 ½`
            }
            Kind::Mark if tokens.text_of(next, next) == "¢" => Verdict::Measure,
            Kind::Slash | Kind::Colon => code_if(!token.is_spaced && tokens.is_glued(next + 1, Kind::Figures)),
            Kind::Operator | Kind::Plus => code_if(tokens.is(next + 1, Kind::Figures)),
            Kind::Minus if self.money.is_empty() && !token.is_spaced && tokens.is_glued(next + 1, Kind::Word) => {
                code_if(is_solid(after) && !words::is_money(after, Side::Before))
            }
            _ => Verdict::Free,
        }
    }
}

/// The last token of the currency that begins at `first`.
fn money_behind(tokens: &Tokens<'_>, first: usize) -> Option<usize> {
    let token = tokens.get(first)?;
    let next = tokens.word(first + 1);
    let is_glued = tokens.is_glued(first + 1, Kind::Word);
    match token.kind {
        Kind::Sign => {
            let is_part = (is_glued && COUNTRIES.contains(&next)) || (words::is_code(next) && !tokens.is(first + 2, Kind::Figures));
            Some(first + usize::from(is_part))
        }
        Kind::Word => {
            let word = tokens.word(first);
            if is_prefix(word) && tokens.is_glued(first + 1, Kind::Sign) {
                return Some(first + 1);
            }
            if words::is_money(word, Side::Behind) {
                return Some(first);
            }
            (COUNTRIES.contains(&word) && words::is_money(next, Side::Behind)).then_some(first + 1)
        }
        _ => None,
    }
}

/// Letters that belong to a number when they touch it, as in `3BHK`: those of scripts that put blanks between words and
/// numbers. The dot of an abbreviation parts them (`ca.500`).
fn is_solid(word: &str) -> bool {
    let is_abbreviated = word.ends_with('.') && word.len() > 2;
    !is_abbreviated && word.chars().next_back().is_some_and(|char| u32::from(char) < 0x590)
}

fn is_within_brackets(tokens: &Tokens<'_>, at: usize) -> bool {
    let count = |kind: Kind| (0..at).filter(|at| tokens.is(*at, kind)).count();
    count(Kind::Open) > count(Kind::Close)
}

/// Years (`2023-2024`) and local phone numbers (`555-1234`) are written like a range.
fn looks_like_a_code(low: &Quantity<'_>, high: &Quantity<'_>) -> bool {
    let units = |quantity: &Quantity<'_>| quantity.value.map_or(0, Decimal::units);
    let is_year = |quantity: &Quantity<'_>| (1900..=2100).contains(&units(quantity));
    match (low.figures.plain_digits(), high.figures.plain_digits()) {
        (Some(4), Some(4)) => is_year(low) && is_year(high),
        (Some(3), Some(4)) => units(low) % 50 != 0 || units(high) % 50 != 0,
        _ => false,
    }
}

/// `(low + high) / 2`, exactly; `None` beyond the decimals of an amount.
fn middle(low: Decimal, high: Decimal) -> Option<Decimal> {
    let scale = low.scale().max(high.scale());
    let sum = (low.micros() + high.micros()) / 10i128.pow(6 - u32::from(scale));
    let (units, scale) = if sum % 2 == 0 { (sum / 2, scale) } else { (sum * 5, scale + 1) };
    Decimal::new(i64::try_from(units).ok()?, scale)
}

fn figures_with_cents(whole: Figures, cents: Figures) -> Result<(Decimal, bool), NotAnAmount> {
    let (whole, cents) = (whole.value(DecimalMark::Unknown, 2)?.value, cents.value(DecimalMark::Unknown, 0)?.value);
    let value = Decimal::new(whole.units() + cents.units(), 2).ok_or(NotAnAmount::OutOfRange)?;
    Ok((value, false))
}
