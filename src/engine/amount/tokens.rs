//! A cell cut into numbers, words and signs, in the order in which they stand. Decides nothing about what they mean.

use super::figures::{self, digit, is_blank};
use super::words;

/// Numbers, words and signs that are looked at; a cell with more is prose, not an amount.
const TOKENS_MAX: usize = 40;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number with its separators, without a sign.
    Figures,
    /// Letters, with the dot of an abbreviation.
    Word,
    /// `$`, `€` … alone.
    Sign,
    /// `-`, `−`.
    Minus,
    /// `–`, `—` and other lines that are longer than a minus.
    Dash,
    /// `~`, `..`, `…`.
    Wave,
    /// `+`
    Plus,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `%`
    Percent,
    /// `#`, `№`
    Hash,
    /// `/`
    Slash,
    /// `:`
    Colon,
    /// `=`, `*` and `×` between numbers, and `@`.
    Operator,
    /// Any other sign.
    Mark,
}

/// One number, word or sign of a cell.
#[derive(Debug, Clone, Copy)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Whether white space stands before it.
    pub is_spaced: bool,
    start: u16,
    end: u16,
}

/// A cell and its tokens.
#[derive(Debug)]
pub struct Tokens<'a> {
    text: &'a str,
    list: [Token; TOKENS_MAX],
    count: usize,
}

impl<'a> Tokens<'a> {
    /// Cuts a cell into tokens; `None` when it is too long for an amount.
    #[must_use]
    pub fn of(text: &'a str) -> Option<Self> {
        u16::try_from(text.len()).ok()?;
        let nothing = Token { kind: Kind::Mark, is_spaced: false, start: 0, end: 0 };
        let mut tokens = Self { text, list: [nothing; TOKENS_MAX], count: 0 };
        let (mut at, mut is_spaced) = (0, false);
        while let Some(char) = text[at..].chars().next() {
            let after = at + char.len_utf8();
            if char.is_whitespace() || is_invisible(char) {
                is_spaced |= char.is_whitespace();
                at = after;
                continue;
            }
            let (kind, start, end, next) = tokens.cut(char, at, is_spaced);
            let token = Token { kind, is_spaced, start: u16::try_from(start).ok()?, end: u16::try_from(end).ok()? };
            *tokens.list.get_mut(tokens.count)? = token;
            tokens.count += 1;
            (at, is_spaced) = (next, false);
        }
        Some(tokens)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// The token at a place, if the cell has as many.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<Token> {
        self.list[..self.count].get(at).copied()
    }

    /// Whether there is a token of that kind at a place.
    #[must_use]
    pub fn is(&self, at: usize, kind: Kind) -> bool {
        self.get(at).is_some_and(|token| token.kind == kind)
    }

    /// Whether there is a token of that kind at a place, with nothing between it and the one before.
    #[must_use]
    pub fn is_glued(&self, at: usize, kind: Kind) -> bool {
        self.get(at).is_some_and(|token| token.kind == kind && !token.is_spaced)
    }

    /// The word at a place; `""` when there is none.
    #[must_use]
    pub fn word(&self, at: usize) -> &'a str {
        if self.is(at, Kind::Word) { self.text_of(at, at) } else { "" }
    }

    /// The cell's own text from one token to another.
    #[must_use]
    pub fn text_of(&self, first: usize, last: usize) -> &'a str {
        &self.text[usize::from(self.list[first].start)..usize::from(self.list[last].end)]
    }

    /// Kind, start and end of the token that begins here, and where to go on.
    fn cut(&self, char: char, at: usize, is_spaced: bool) -> (Kind, usize, usize, usize) {
        let text = self.text;
        let after = at + char.len_utf8();
        if digit(char).is_some() {
            let end = figures::end_of(text, at);
            return (Kind::Figures, at, end, end + no_cents(&text[end..]));
        }
        if matches!(char, '.' | ',' | '\u{ff0e}' | '\u{ff0c}' | '\u{66b}') {
            return self.cut_point(at, is_spaced);
        }
        if is_word(char) {
            let end = end_of_word(text, at, char);
            return (Kind::Word, at, end, end);
        }
        (kind_of(char), at, after, after)
    }

    /// A point or comma that no number has taken: the decimal mark of `.75`, dots that lead to a number or stand between two.
    fn cut_point(&self, at: usize, is_spaced: bool) -> (Kind, usize, usize, usize) {
        let dots = self.text[at..].chars().take_while(|char| *char == '.').count();
        let last = at + dots.saturating_sub(1);
        let width = self.text[last..].chars().next().map_or(1, char::len_utf8);
        let is_followed = self.text[last + width..].chars().next().is_some_and(|char| digit(char).is_some());
        let follows_figures = !is_spaced && self.count > 0 && self.list[self.count - 1].kind == Kind::Figures;
        if is_followed && dots <= 2 && !follows_figures {
            let end = figures::end_of(self.text, last);
            return (Kind::Figures, last, end, end + no_cents(&self.text[end..]));
        }
        (if dots >= 2 { Kind::Wave } else { Kind::Mark }, at, last + width, last + width)
    }
}

/// The bytes of what says "no cents" behind a number: `,-`, `.–`, `:-`.
fn no_cents(rest: &str) -> usize {
    let Some(open) = rest.chars().next().filter(|char| matches!(char, '.' | ',' | ':')) else { return 0 };
    let gap = rest[open.len_utf8()..].chars().next().filter(|char| is_blank(*char)).map_or(0, char::len_utf8);
    let lines = &rest[open.len_utf8() + gap..];
    let length: usize = lines.chars().take_while(|char| matches!(kind_of(*char), Kind::Minus | Kind::Dash)).map(char::len_utf8).sum();
    let is_followed = lines[length..].chars().next().is_some_and(|char| digit(char).is_some());
    if length == 0 || is_followed { 0 } else { open.len_utf8() + gap + length }
}

/// Where a word ends: its letters, what joins them (`so'm`, `د.إ`) and the dot of an abbreviation. Scripts that write no
/// blanks are cut by the longest word that is known.
fn end_of_word(text: &str, start: usize, first: char) -> usize {
    if is_unspaced(first) {
        let ends =
            text[start..].char_indices().take_while(|(_, char)| is_unspaced(*char)).take(6).map(|(at, char)| start + at + char.len_utf8());
        let known = ends.filter(|end| words::is_known_unspaced(&text[start..*end])).last();
        return known.unwrap_or(start + first.len_utf8());
    }
    let mut end = start;
    while let Some(char) = text[end..].chars().next() {
        let after = end + char.len_utf8();
        let is_joined = || text[after..].chars().next().is_some_and(|next| is_word(next) && !is_unspaced(next));
        let is_joint =
            matches!(char, '.' | '\'' | '\u{2019}' | '\u{5f4}' | '\u{5f3}') || (char == '"' && matches!(first, '\u{5d0}'..='\u{5ea}'));
        if (is_word(char) && !is_unspaced(char)) || (is_joint && is_joined()) {
            end = after;
        } else {
            break;
        }
    }
    if matches!(&text[start..end], "S" | "B") && text[end..].starts_with('/') {
        end += 1; // `S/ 50`, `B/. 50`: the money of Peru and Panama
    }
    let is_abbreviated = text[end..].starts_with('.') && !text[end + 1..].starts_with('.') && !words::is_code(&text[start..end]);
    if is_abbreviated { end + 1 } else { end }
}

fn kind_of(char: char) -> Kind {
    match char {
        '-' | '\u{2212}' | '\u{ff0d}' | '\u{2010}' | '\u{2011}' | '\u{fe63}' => Kind::Minus,
        '\u{2012}'..='\u{2015}' => Kind::Dash,
        '~' | '\u{301c}' | '\u{ff5e}' | '\u{223c}' | '\u{2026}' => Kind::Wave,
        '+' | '\u{ff0b}' => Kind::Plus,
        '(' | '\u{ff08}' => Kind::Open,
        ')' | '\u{ff09}' => Kind::Close,
        '%' | '\u{ff05}' | '\u{66a}' | '\u{2030}' => Kind::Percent,
        '#' | '\u{ff03}' | '\u{2116}' => Kind::Hash,
        '/' | '\u{ff0f}' => Kind::Slash,
        ':' | '\u{ff1a}' => Kind::Colon,
        '=' | '*' | '@' | '\u{d7}' | '^' | '\\' => Kind::Operator,
        sign if is_currency_sign(sign) => Kind::Sign,
        _ => Kind::Mark,
    }
}

/// Unicode general category Sc, without the sign for cents.
#[must_use]
pub fn is_currency_sign(char: char) -> bool {
    matches!(
        char,
        '$' | '\u{a3}'..='\u{a5}' | '\u{58f}' | '\u{60b}' | '\u{7fe}'..='\u{7ff}' | '\u{9f2}'..='\u{9f3}' | '\u{9fb}' | '\u{af1}' | '\u{bf9}'
            | '\u{e3f}' | '\u{17db}' | '\u{20a0}'..='\u{20cf}' | '\u{a838}' | '\u{fdfc}' | '\u{fe69}' | '\u{ff04}' | '\u{ffe1}'
            | '\u{ffe5}'..='\u{ffe6}' | '\u{243}'
    )
}

/// Letters of any script, the marks on them that are no letters themselves, and numerals that are no digits (`m²`, `½`).
fn is_word(char: char) -> bool {
    if char.is_ascii() {
        return char.is_ascii_alphabetic();
    }
    if is_currency_sign(char) || char == '\u{2bc}' {
        return false;
    }
    (char.is_alphanumeric() && digit(char).is_none())
        || matches!(
            char,
            '\u{b0}' | '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{64b}'..='\u{65f}'
                | '\u{900}'..='\u{dff}' | '\u{e31}'..='\u{e4e}' | '\u{338e}'..='\u{33df}'
        )
}

/// Scripts that put no blanks between words: Thai, Lao, kana, Han, Hangul.
fn is_unspaced(char: char) -> bool {
    matches!(char, '\u{e01}'..='\u{eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{338e}'..='\u{33df}')
        && digit(char).is_none()
        && !is_currency_sign(char)
}

/// Marks of direction and characters without width, which exports leave behind.
fn is_invisible(char: char) -> bool {
    matches!(char, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
