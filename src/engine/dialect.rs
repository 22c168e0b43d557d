//! Delimiter, quote and escape of a file, decided once from its first records.
//!
//! Every combination that occurs is tried, and judged as in van den Burg, Nazábal & Sutton, "Wrangling messy CSV files by
//! detecting row and type patterns" (2019): by how regular its records are, times the share of its cells that look like
//! something a person would write; records whose quotes do not add up count against it.

use super::kinds::Kind;
use super::record::Cells;
use super::records::{Found, Records};
use super::rules::{QuoteRule, ReadingRules};
use super::table::Table;

/// How cells and records are told apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dialect {
    /// Between cells.
    pub delimiter: u8,
    /// Around cells; `None` when quotes mean nothing.
    pub quote: Option<u8>,
    /// Before a quote that belongs to the cell; `None` where such quotes are doubled.
    pub escape: Option<u8>,
    /// How sure the choice is, 0 to 1: its score against that of the next best delimiter.
    pub confidence: f64,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { delimiter: b',', quote: Some(b'"'), escape: None, confidence: 1.0 }
    }
}

impl Dialect {
    /// Whether a byte beside a quote is padding and belongs to no cell.
    #[must_use]
    pub fn is_padding(&self, byte: u8) -> bool {
        matches!(byte, b' ' | b'\t') && byte != self.delimiter
    }

    /// The quote that closes a cell opened before `from`: doubled and escaped ones are part of the cell.
    #[must_use]
    pub fn closing_quote(&self, text: &[u8], mut from: usize) -> Option<usize> {
        let quote = self.quote?;
        loop {
            let position = match self.escape {
                Some(escape) => from + memchr::memchr2(quote, escape, text.get(from..)?)?,
                None => from + memchr::memchr(quote, text.get(from..)?)?,
            };
            let is_pair = text[position] != quote || (self.escape.is_none() && text.get(position + 1) == Some(&quote));
            if !is_pair {
                return Some(position);
            }
            from = position + 2;
        }
    }

    /// How many bytes of padding stand at the front.
    #[must_use]
    pub fn padding(&self, text: &[u8]) -> usize {
        text.iter().take_while(|byte| self.is_padding(**byte)).count()
    }

    /// A text without the padding around it.
    #[must_use]
    pub fn unpadded<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let text = &text[self.padding(text)..];
        let behind = text.iter().rev().take_while(|byte| self.is_padding(**byte)).count();
        &text[..text.len() - behind]
    }
}

/// The delimiters that are tried, and how much each is worth: signs that stand in texts anyway need better evidence.
pub const DELIMITERS: [(u8, f64); 11] = [
    (b',', 1.0),
    (b';', 1.0),
    (b'\t', 1.0),
    (b'|', 1.0),
    (0x1f, 1.0),
    (0x01, 1.0),
    (b'~', 0.9),
    (b'^', 0.9),
    (b':', 0.7),
    (0x1e, 1.0),
    (b' ', 0.5),
];

/// Records alike that a sign needs to be a delimiter when it stands in texts anyway.
const WEAK_ROWS: usize = 3;
/// Records and bytes looked at for each combination.
const SAMPLE_RECORDS: usize = 120;
const SAMPLE_BYTES: usize = 64 << 10;

/// Decides the dialect from the first lines of a file, where it is not given.
#[must_use]
pub fn detect(text: &[u8], given: &ReadingRules) -> Dialect {
    let sample = &text[..text.len().min(SAMPLE_BYTES)];
    // Where one cell is as long as the sample, nothing is to be seen in it: then all of the text is looked at.
    if sample.len() == text.len() || shows_records(sample) {
        detect_in(sample, sample.len() < text.len(), given)
    } else {
        detect_in(text, true, given)
    }
}

/// Decides on the first bytes of a text, or, where `is_part` is false, on all of it.
fn detect_in(sample: &[u8], is_part: bool, given: &ReadingRules) -> Dialect {
    let quotes: Vec<Option<u8>> = match given.quote {
        Some(QuoteRule::Quote(quote)) => vec![Some(quote)],
        Some(QuoteRule::Nothing) => vec![None],
        None if has_cells_in(sample, b'\'') => vec![Some(b'"'), Some(b'\'')],
        None => vec![Some(b'"')],
    };
    let escapes: Vec<Option<u8>> = match given.escape {
        Some(QuoteRule::Quote(escape)) => vec![Some(escape)],
        None if [&b"\\\""[..], b"\\'"].iter().any(|pair| memchr::memmem::find(sample, pair).is_some()) => vec![None, Some(b'\\')],
        Some(QuoteRule::Nothing) | None => vec![None],
    };
    // Comments have commas, too, and tell nothing about the records.
    let comment = if let Some(QuoteRule::Quote(sign)) = given.comment { sign } else { b'#' };
    let mut best = (0.0, Dialect::default());
    let mut runner_up = 0.0f64;
    for (delimiter, worth) in candidates(sample, given) {
        let mut of_delimiter = 0.0f64;
        for quote in &quotes {
            for escape in &escapes {
                let dialect = Dialect { delimiter, quote: *quote, escape: *escape, confidence: 1.0 };
                let score = worth * score(sample, is_part, dialect, comment);
                of_delimiter = of_delimiter.max(score);
                if score > best.0 {
                    if best.1.delimiter != delimiter {
                        runner_up = runner_up.max(best.0);
                    }
                    best = (score, dialect);
                }
            }
        }
        if best.1.delimiter != delimiter {
            runner_up = runner_up.max(of_delimiter);
        }
    }
    let (score, mut dialect) = best;
    if score <= 0.0 {
        dialect = Dialect {
            delimiter: given.delimiter.unwrap_or(b','),
            quote: quotes[0],
            escape: escapes[0],
            confidence: if given.delimiter.is_none() && memchr::memchr(b',', sample).is_some() { 0.5 } else { 1.0 },
        };
    } else {
        dialect.confidence = if given.delimiter.is_some() { 1.0 } else { score / (score + runner_up) };
    }
    dialect
}

fn candidates(sample: &[u8], given: &ReadingRules) -> Vec<(u8, f64)> {
    match given.delimiter {
        Some(delimiter) => vec![(delimiter, 1.0)],
        None => DELIMITERS.into_iter().filter(|(delimiter, _)| memchr::memchr(*delimiter, sample).is_some()).collect(),
    }
}

/// Whether a part of a text holds at least three records, quotes taken as most files have them.
fn shows_records(part: &[u8]) -> bool {
    let table = Table::default();
    let mut records = Records::of_part(part, &table, part.len());
    let mut record = Cells::new();
    (0..3).all(|_| records.next(&mut record).is_some())
}

/// Whether some cells seem to stand between two of these signs.
fn has_cells_in(sample: &[u8], quote: u8) -> bool {
    let opens = |at: usize| at == 0 || sample[at - 1].is_ascii_punctuation() || sample[at - 1].is_ascii_whitespace();
    let closes = |at: usize| sample.get(at + 1).is_none_or(|b| b.is_ascii_punctuation() || b.is_ascii_whitespace());
    let (mut opening, mut closing) = (0, 0);
    for at in memchr::memchr_iter(quote, sample) {
        opening += usize::from(opens(at));
        closing += usize::from(closes(at));
    }
    opening >= 2 && closing >= 2
}

/// Regularity of the records times plausibility of the cells.
#[allow(clippy::cast_precision_loss)] // counts of a small sample
fn score(sample: &[u8], is_part: bool, dialect: Dialect, comment: u8) -> f64 {
    let table = Table { dialect, ..Table::default() };
    let mut records =
        if is_part { Records::of_part(sample, &table, sample.len()) } else { Records::new(sample, &table, sample.len().max(1)) };
    let mut record = Cells::new();
    let mut widths = std::collections::BTreeMap::<usize, usize>::new();
    let (mut rows, mut cells, mut plausible, mut broken) = (0usize, 0usize, 0.0, 0usize);
    let mut first_width = 0;
    while let Some(found) = records.next(&mut record) {
        let is_comment = record.get(0).is_some_and(|cell| cell.first() == Some(&comment));
        if super::cells::is_blank(&record) || is_comment {
            continue;
        }
        if rows == 0 {
            first_width = record.len();
        }
        rows += 1;
        broken += usize::from(matches!(found, Found::Row { repaired: Some(_), .. }));
        *widths.entry(record.len()).or_default() += 1;
        cells += record.len();
        plausible += record.iter().map(|cell| plausibility(cell, &dialect)).sum::<f64>();
        if rows >= SAMPLE_RECORDS {
            break;
        }
    }
    if rows == 0 || cells == 0 {
        return 0.0;
    }
    // Most records must be cut by it at all, and by a sign that stands in texts anyway nearly all of them alike.
    let (width, alike) = widths.iter().max_by_key(|(_, count)| **count).map_or((1, 0), |(width, count)| (*width, *count));
    let is_doubtful = alike < WEAK_ROWS || alike * 10 < rows * 7 || first_width != width;
    if width < 2 || (is_weak(dialect.delimiter) && is_doubtful) {
        return 0.0;
    }
    let regular: f64 = widths.iter().map(|(width, count)| *count as f64 * (*width as f64 - 1.0) / *width as f64).sum();
    let pattern = regular / widths.len() as f64 / rows as f64;
    let sound = 1.0 - broken as f64 / rows as f64;
    pattern * (plausible / cells as f64) * sound.max(0.05)
}

/// Whether a sign stands in texts, dates and lists of words anyway.
#[must_use]
pub fn is_weak(delimiter: u8) -> bool {
    matches!(delimiter, b' ' | b':' | b'^' | b'~')
}

/// How much a cell looks like something that somebody wrote into a cell, 0 to 1.
fn plausibility(cell: &[u8], dialect: &Dialect) -> f64 {
    let trimmed = cell.trim_ascii();
    let is_wrapped = trimmed.len() > 1 && trimmed.first() == trimmed.last() && matches!(trimmed[0], b'"' | b'\'' | b'`');
    let is_half = !is_wrapped && matches!(trimmed.first(), Some(b'"' | b'\'')) != matches!(trimmed.last(), Some(b'"' | b'\''));
    match Kind::of(cell) {
        _ if is_wrapped => 0.1,
        Kind::Odd => 0.0,
        _ if is_half => 0.3,
        Kind::Text if dialect.delimiter != b',' && memchr::memchr(b',', cell).is_some() && memchr::memmem::find(cell, b", ").is_none() => {
            0.4
        }
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> (char, Option<char>, Option<char>) {
        let dialect = detect(text.as_bytes(), &ReadingRules::default());
        (char::from(dialect.delimiter), dialect.quote.map(char::from), dialect.escape.map(char::from))
    }

    #[test]
    fn delimiters_are_told_by_regular_records_of_plausible_cells() {
        for (text, delimiter) in [
            ("name,email,value\nA,a@b.co,1\nB,b@b.co,2\n", ','),
            ("name;email;value\nA;a@b.co;1,5\nB;b@b.co;2,5\n", ';'),
            ("name\temail\nA, B\ta@b.co\nC, D\tb@b.co\n", '\t'),
            ("name|email|value\nA|a@b.co|1\n", '|'),
            ("name:email:value\nA:a@b.co:1\nB:b@b.co:2\nC:c@b.co:3\n", ':'),
            ("at,name\n09:30:00,A\n10:30:00,B\n11:30:00,C\n", ','),
            ("name\nAnn Lee\nBo Day\nCy Fox\n", ','),
            ("\"a;b\",c,d\n\"e;f\",g,h\n", ','),
            ("", ','),
        ] {
            assert_eq!(found(text).0, delimiter, "{text:?}");
            let confidence = detect(text.as_bytes(), &ReadingRules::default()).confidence;
            assert!((0.0..=1.0).contains(&confidence), "{confidence} for {text:?}");
        }
    }

    #[test]
    fn quotes_and_escapes_are_told_by_where_they_stand() {
        assert_eq!(found("'a','b, c'\n'd','e, f'\n'g','h, i'\n"), (',', Some('\''), None));
        assert_eq!(found("a,\"b \\\"x\\\", c\"\nd,\"e \\\"y\\\", f\"\n"), (',', Some('"'), Some('\\')));
        assert_eq!(found("a,O'Hara\nb,O'Neil\n"), (',', Some('"'), None));
        assert_eq!(found("a,\"C:\\\"\nb,\"D:\\\"\n").2, None);
    }

    #[test]
    fn what_is_given_is_not_looked_for() {
        let given = ReadingRules { delimiter: Some(b'|'), quote: Some(QuoteRule::Nothing), ..ReadingRules::default() };
        let dialect = detect(b"a,b\nc,d\n", &given);
        assert_eq!((dialect.delimiter, dialect.quote, dialect.confidence.total_cmp(&1.0)), (b'|', None, std::cmp::Ordering::Equal));
    }

    #[test]
    fn what_is_given_holds_where_the_head_shows_too_few_records_to_judge_by() {
        let given = ReadingRules { delimiter: Some(b'|'), quote: Some(QuoteRule::Quote(b'\'')), ..ReadingRules::default() };
        let text = format!("name|email|notes\nA|a@b.co|'{}", "one, endless; cell ".repeat(9000));
        let dialect = detect(text.as_bytes(), &given);
        assert_eq!((dialect.delimiter, dialect.quote), (b'|', Some(b'\'')));
    }

    #[test]
    fn a_cell_longer_than_the_sample_is_no_reason_for_another_delimiter() {
        let text = format!("name,email,notes\nA,a@b.co,\"{}\"\nB,b@b.co,x\nC,c@b.co,y\n", "line; of; note\n".repeat(6000));
        assert_eq!(found(&text).0, ',');
    }
}
