//! What a cell looks like at first sight: a number, a date, an address, words … Enough to tell a header from data and one
//! dialect from another; what a cell is worth is decided elsewhere.
//!
//! The idea of judging a dialect by the types of the cells it gives is from van den Burg, Nazábal & Sutton, "Wrangling
//! messy CSV files by detecting row and type patterns" (2019).

/// The look of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Nothing, or a sign for nothing.
    Blank,
    /// A number, with a currency or percent sign perhaps.
    Number,
    /// A date, a time, or both.
    Moment,
    /// Digits as in a phone number.
    Phone,
    /// An e-mail address.
    Email,
    /// A web address.
    Url,
    /// Words.
    Text,
    /// Letters and digits without a space, as in `LD-1001`.
    Code,
    /// What nobody writes into a cell on purpose: it speaks for having been cut in the wrong place.
    Odd,
}

impl Kind {
    /// Whether a column of it can be told from a column's name.
    #[must_use]
    pub fn is_data(self) -> bool {
        matches!(self, Self::Number | Self::Moment | Self::Phone | Self::Email | Self::Url)
    }

    /// The look of a cell without its quotes.
    #[must_use]
    pub fn of(cell: &[u8]) -> Self {
        let cell = cell.trim_ascii();
        let Some((&first, &last)) = cell.first().zip(cell.last()) else { return Self::Blank };
        if is_placeholder(cell) {
            return Self::Blank;
        }
        let count = Count::of(cell);
        if count.controls > 0 {
            return Self::Odd;
        }
        if count.ats == 1 && count.spaces == 0 && is_address(cell) {
            return Self::Email;
        }
        if is_url(cell) {
            return Self::Url;
        }
        if count.digits > 0
            && let Some(kind) = numeric(cell, &count)
        {
            return kind;
        }
        if matches!(first, b';' | b'|' | b'\t') || matches!(last, b';' | b'|' | b'\t') || count.breaks > 0 {
            return Self::Odd;
        }
        if count.letters == 0 && !count.has_wide {
            return Self::Odd;
        }
        if count.spaces == 0 && count.digits > 0 { Self::Code } else { Self::Text }
    }
}

/// In how many of the columns that hold data a record has the same, and in how many something else; empty cells say nothing.
#[must_use]
pub fn compare(columns: &[Kind], record: &[Kind]) -> (usize, usize) {
    let is_alike = |own: Kind, kind: Kind| own == kind || matches!((own, kind), (Kind::Number | Kind::Phone, Kind::Number | Kind::Phone));
    let pairs = columns.iter().zip(record).filter(|(own, kind)| own.is_data() && **kind != Kind::Blank);
    pairs.fold((0, 0), |(alike, unlike), (own, kind)| if is_alike(*own, *kind) { (alike + 1, unlike) } else { (alike, unlike + 1) })
}

/// Signs for "nothing" that people and programs write.
fn is_placeholder(cell: &[u8]) -> bool {
    const SIGNS: &[&[u8]] = &[b"-", b"--", b"?", b"n/a", b"na", b"n.a.", b"null", b"none", b"nil", b"nan", b"#n/a"];
    cell.len() <= 4 && SIGNS.iter().any(|sign| cell.eq_ignore_ascii_case(sign))
}

#[derive(Default)]
struct Count {
    digits: usize,
    letters: usize,
    spaces: usize,
    ats: usize,
    /// `;`, `|` and tabs between letters: delimiters that did not delimit.
    breaks: usize,
    controls: usize,
    /// `:` `-` `/` `.` between digits.
    separators: usize,
    others: usize,
    has_wide: bool,
}

impl Count {
    fn of(cell: &[u8]) -> Self {
        let mut count = Self::default();
        for &byte in cell {
            match byte {
                b'0'..=b'9' => count.digits += 1,
                b'a'..=b'z' | b'A'..=b'Z' => count.letters += 1,
                b' ' | b'\n' | b'\r' => count.spaces += 1,
                b'@' => count.ats += 1,
                b';' | b'|' | b'\t' => count.breaks += 1,
                b':' | b'-' | b'/' | b'.' => count.separators += 1,
                0..=31 | 127 => count.controls += 1,
                128.. => count.has_wide = true,
                _ => count.others += 1,
            }
        }
        count
    }
}

fn is_address(cell: &[u8]) -> bool {
    let Some(at) = memchr::memchr(b'@', cell) else { return false };
    let (local, domain) = (&cell[..at], &cell[at + 1..]);
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(b) || *b >= 128;
    !local.is_empty() && local.iter().all(is_plain) && domain.contains(&b'.') && domain.iter().all(|b| is_plain(b) && *b != b'/')
}

fn is_url(cell: &[u8]) -> bool {
    let starts = |prefix: &[u8]| cell.len() > prefix.len() && cell[..prefix.len()].eq_ignore_ascii_case(prefix);
    starts(b"http://") || starts(b"https://") || starts(b"www.") || starts(b"ftp://")
}

/// Numbers, dates, times and phones: mostly digits, with the signs that belong between them.
fn numeric(cell: &[u8], count: &Count) -> Option<Kind> {
    const MONTHS: [&[u8]; 12] = [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
    let inner = cell.strip_prefix(b"-").or_else(|| cell.strip_prefix(b"+")).unwrap_or(cell);
    if is_moment(inner) {
        return Some(Kind::Moment);
    }
    let is_amount = |b: &u8| b.is_ascii_digit() || matches!(b, b'.' | b',' | b'\'' | b' ' | b'%' | b'$' | b'(' | b')' | 128..);
    if count.letters <= 3 && inner.iter().all(|b| is_amount(b) || b.is_ascii_uppercase()) {
        let is_phone_like = inner.contains(&b'(') && !inner.starts_with(b"(");
        let plain = inner.iter().filter(|b| matches!(b, b' ' | b'(')).count() <= 3 && !is_phone_like;
        if plain && count.separators <= 3 && (count.letters == 0 || count.letters == 3) && is_worded_by_currency(inner) {
            return Some(Kind::Number);
        }
    }
    let is_phone = |b: &u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'(' | b')' | b' ' | b'.' | b'/');
    if count.digits >= 6 && cell.iter().all(is_phone) {
        return Some(Kind::Phone);
    }
    let lower = cell.to_ascii_lowercase();
    let names_month = cell.len() <= 32 && MONTHS.iter().any(|month| memchr::memmem::find(&lower, month).is_some());
    (names_month && count.digits >= 3 && count.letters <= 12).then_some(Kind::Moment)
}

/// A date or a time in digits.
fn is_moment(cell: &[u8]) -> bool {
    let belongs = |b: &u8| b.is_ascii_digit() || b"-/.: TZ+APMapm".contains(b);
    if !cell.first().is_some_and(u8::is_ascii_digit) || !cell.iter().all(belongs) {
        return false;
    }
    let mut sizes = [0usize; 3];
    let parts = cell.split(|b| !b.is_ascii_digit()).map(<[u8]>::len).filter(|len| *len > 0);
    let count = parts.zip(sizes.iter_mut()).map(|(len, size)| *size = len).count();
    let [first, second, third] = sizes;
    let sign = cell.iter().find(|b| !b.is_ascii_digit());
    let is_date = count == 3 && (first == 4 || third == 2 || third == 4) && first <= 4 && second <= 2 && third <= 4;
    let is_time = count >= 2 && first <= 2 && second == 2 && third <= 2;
    (is_date && matches!(sign, Some(b'-' | b'/' | b'.'))) || (is_time && sign == Some(&b':'))
}

/// Letters beside a number are a currency code: three together, at an end.
fn is_worded_by_currency(cell: &[u8]) -> bool {
    let letters = cell.iter().filter(|b| b.is_ascii_alphabetic()).count();
    letters == 0
        || cell.iter().take_while(|b| b.is_ascii_alphabetic()).count() == letters
        || cell.iter().rev().take_while(|b| b.is_ascii_alphabetic()).count() == letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks() {
        for (cell, kind) in [
            ("", Kind::Blank),
            ("  ", Kind::Blank),
            ("N/A", Kind::Blank),
            ("500000", Kind::Number),
            ("-5", Kind::Number),
            ("1,234.56", Kind::Number),
            ("$238,224", Kind::Number),
            ("12 %", Kind::Number),
            ("1 250 000 EUR", Kind::Number),
            ("€ 5,00", Kind::Number),
            ("2024-05-01", Kind::Moment),
            ("01/15/2024", Kind::Moment),
            ("20.03.2024", Kind::Moment),
            ("2024-01-20T14:30:00Z", Kind::Moment),
            ("03/15/2024 9:12 AM", Kind::Moment),
            ("09:12:00", Kind::Moment),
            ("9:12", Kind::Moment),
            ("12:345", Kind::Odd),
            ("Mar 20 2024", Kind::Moment),
            ("15-Jan-2024", Kind::Moment),
            ("713-555-0123", Kind::Phone),
            ("+1 (204) 786-8901", Kind::Phone),
            ("06 12 34 56 78", Kind::Phone),
            ("john@example.com", Kind::Email),
            ("https://example.com/x?y=1,2", Kind::Url),
            ("John Doe", Kind::Text),
            ("Smith, Ann", Kind::Text),
            ("Müller", Kind::Text),
            ("日本", Kind::Text),
            ("LD-1001", Kind::Code),
            ("A;B", Kind::Odd),
            ("a|", Kind::Odd),
            ("***", Kind::Odd),
        ] {
            assert_eq!(Kind::of(cell.as_bytes()), kind, "{cell:?}");
        }
    }
}
