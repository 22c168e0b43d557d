//! The records of a chunk, one after the other: cells, line, and what had to be done to read them.
//!
//! Where a record ends is [`split`]'s business, what one means whose quotes do not add up is [`repair`]'s. Here clean
//! records, nearly all there are, are cut into cells without a detour.

use memchr::memchr;

use super::dialect::Dialect;
use super::notes::NoteCode;
use super::record::Cells;
use super::repair;
use super::split::Record;
use super::split::{self, End};
use super::table::Table;

/// A record found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A data record.
    Row {
        /// The line it starts in, from 1 at the start of the bytes.
        line: u64,
        /// What had to be repaired.
        repaired: Option<NoteCode>,
    },
    /// A line that is no record of the table.
    Skipped {
        /// Its line.
        line: u64,
        /// What it is.
        why: NoteCode,
    },
}

/// Walks over the records of bytes that hold whole ones.
#[derive(Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
    start: usize,
    at: usize,
    line: u64,
    table: &'a Table,
    limit: usize,
    is_part: bool,
}

impl<'a> Records<'a> {
    /// From the first record on; `limit` is the limit of bytes that the bytes were cut with.
    #[must_use]
    pub fn new(bytes: &'a [u8], table: &'a Table, limit: usize) -> Self {
        Self { bytes, start: 0, at: 0, line: 1, table, limit, is_part: false }
    }

    /// The same over the first part of a text: a record that its end cuts is none.
    #[must_use]
    pub fn of_part(bytes: &'a [u8], table: &'a Table, limit: usize) -> Self {
        Self { is_part: true, ..Self::new(bytes, table, limit) }
    }

    /// Offset of the record that was read last.
    #[must_use]
    pub fn start(&self) -> usize {
        self.start
    }

    /// Offset behind it.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.at
    }

    /// Lines passed so far.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.line - 1
    }

    /// Reads the next record into `out`; empty lines are none.
    pub fn next(&mut self, out: &mut Cells) -> Option<Found> {
        loop {
            let rest = &self.bytes[self.at..];
            if rest.is_empty() {
                return None;
            }
            let record = match split::end_of_record(rest, self.table, self.limit, !self.is_part) {
                End::At(record) => record,
                End::Open if self.is_part => return None,
                End::Open => Record { length: rest.len(), is_clean: false, is_long: false },
            };
            let text = split::without_line_end(&rest[..record.length]);
            let line = self.line;
            self.start = self.at;
            self.at += record.length;
            self.line += if record.is_long { split::count_lines(&rest[..record.length]) } else { u64::from(text.len() < record.length) };
            if text.is_empty() {
                continue;
            }
            let repaired = self.read(text, &record, out);
            if let Some(why) = self.table.not_a_row(text, out) {
                return Some(Found::Skipped { line, why });
            }
            return Some(Found::Row { line, repaired });
        }
    }

    /// Cuts a record into cells.
    fn read(&self, text: &[u8], record: &Record, out: &mut Cells) -> Option<NoteCode> {
        let table = self.table;
        let mut repaired = None;
        if record.is_clean {
            read_clean(text, &table.dialect, out);
        } else if repair::read(text, &table.dialect, table.width, &table.quoted, out) != repair::Reading::Clean {
            repaired = Some(NoteCode::QuoteRepaired);
        }
        if table.width > 1
            && out.len() != table.width
            && let Some(other) = repair::other_delimiter(text, &table.dialect, table.width, &table.kinds)
        {
            let dialect = Dialect { delimiter: other.delimiter, ..table.dialect };
            if other.is_spaced {
                repair::read(text, &dialect, table.width, &[], out);
            } else {
                read_clean(text, &dialect, out);
            }
            repaired = Some(NoteCode::DelimiterRepaired);
        }
        if table.is_spaced {
            out.strip_prefixes(b' ');
        } else if table.width > 2 && out.len() == table.width && is_spaced(text, table) {
            // One row of a file that is written without: somebody added it by hand.
            out.strip_prefixes(b' ');
            repaired = Some(NoteCode::DelimiterRepaired);
        }
        if table.columns > 0 && out.len() > table.columns && out.iter().skip(table.columns).all(<[u8]>::is_empty) {
            out.truncate(table.columns);
        }
        repaired
    }
}

/// Whether a space follows every delimiter of a record.
pub(super) fn is_spaced(text: &[u8], table: &Table) -> bool {
    let dialect = &table.dialect;
    let (mut at, mut delimiters) = (0, 0);
    loop {
        let start = at + dialect.padding(&text[at..]);
        let behind = match dialect.quote {
            Some(quote) if text.get(start) == Some(&quote) => start + table.after_quoted(&text[start..]),
            _ => at,
        };
        let Some(found) = memchr(dialect.delimiter, &text[behind.min(text.len())..]) else { return delimiters > 1 };
        at = behind + found + 1;
        delimiters += 1;
        if text.get(at) != Some(&b' ') || text.get(at + 1) == Some(&b' ') {
            return false;
        }
    }
}

/// Cuts a well-formed record, without its line end, into cells.
pub(super) fn read_clean(text: &[u8], dialect: &Dialect, out: &mut Cells) {
    out.begin(text);
    if dialect.quote.is_none_or(|quote| memchr(quote, text).is_none()) {
        return split_cells(text, dialect.delimiter, out);
    }
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let end = match dialect.quote {
            Some(quote) if rest.first() == Some(&quote) => {
                let close = dialect.closing_quote(rest, 1).unwrap_or(rest.len());
                if memchr(dialect.escape.unwrap_or(quote), &rest[1..close]).is_none() {
                    out.push_piece(at + 1..at + close);
                } else {
                    repair::push_unquoted(&rest[1..close], quote, dialect.escape, out);
                }
                (close + 1).min(rest.len())
            }
            _ => {
                let end = memchr(dialect.delimiter, rest).unwrap_or(rest.len());
                out.push_piece(at..at + end);
                end
            }
        };
        at += end;
        if at >= text.len() {
            return;
        }
        at += 1;
    }
}

/// A record without quotes: its cells are what stands between its delimiters, which are looked for in eight bytes at a time,
/// because most cells are too short for any wider look.
fn split_cells(text: &[u8], delimiter: u8, out: &mut Cells) {
    const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let (words, rest) = text.as_chunks::<8>();
    let delimiters = u64::from_le_bytes([delimiter; 8]);
    let mut start = 0;
    let mut end_at = |at: usize| {
        out.push_piece(start..at);
        start = at + 1;
    };
    for (number, word) in words.iter().enumerate() {
        let differs = u64::from_le_bytes(*word) ^ delimiters;
        // The high bit of each byte that is the delimiter, and no other bit.
        let mut found = !(((differs & LOW_BITS) + LOW_BITS) | differs | LOW_BITS);
        while found != 0 {
            end_at(number * 8 + (found.trailing_zeros() / 8) as usize);
            found &= found - 1;
        }
    }
    let done = words.len() * 8;
    rest.iter().enumerate().filter(|(_, byte)| **byte == delimiter).for_each(|(at, _)| end_at(done + at));
    end_at(text.len());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rows of a text, cells joined with `|`.
    fn rows(mut records: Records<'_>) -> Vec<String> {
        let (mut cells, mut rows) = (Cells::new(), Vec::new());
        while records.next(&mut cells).is_some() {
            rows.push(cells.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join("|"));
        }
        rows
    }

    #[test]
    fn the_record_that_the_end_of_a_part_cuts_is_none() {
        let table = Table::default();
        assert_eq!(rows(Records::of_part(b"a,b\nc,d\ne,", &table, 64)), ["a|b", "c|d"]);
        assert_eq!(rows(Records::new(b"a,b\nc,d\ne,", &table, 64)), ["a|b", "c|d", "e|"]);
    }

    #[test]
    fn cells_behind_the_header_go_only_where_the_table_says_that_they_are_none() {
        let table = Table { width: 3, ..Table::default() };
        assert_eq!(rows(Records::new(b"a,,\n,,\n", &table, 64)), ["a||", "||"]);
        let table = Table { width: 3, columns: 2, ..Table::default() };
        assert_eq!(rows(Records::new(b"a,b,\na,b,c\n", &table, 64)), ["a|b", "a|b|c"]);
    }

    #[test]
    fn a_space_after_each_delimiter_is_taken_off() {
        let table = Table { width: 3, ..Table::default() };
        for (text, expected) in [("a, b, c\n", "a|b|c"), ("\"a,b\", c, d\n", "a,b|c|d"), ("a,  b, c\n", "a|  b| c"), ("a, b,c\n", "a| b|c")]
        {
            assert_eq!(rows(Records::new(text.as_bytes(), &table, 64)), [expected], "{text}");
        }
        let pair = Table { width: 2, ..Table::default() };
        assert_eq!(rows(Records::new(b"a, b\n", &pair, 64)), ["a| b"], "one delimiter shows no habit");
    }

    proptest! {
        #[test]
        fn cells_are_what_stands_between_delimiters(text in prop::collection::vec(prop_oneof![Just(b','), Just(b'-'), Just(0xac), any::<u8>()], 0..60), delimiter in prop_oneof![Just(b','), Just(0u8), any::<u8>()]) {
            let dialect = Dialect { delimiter, quote: None, ..Dialect::default() };
            let mut cells = Cells::new();
            read_clean(&text, &dialect, &mut cells);
            prop_assert!(cells.iter().eq(text.split(|byte| *byte == delimiter)));
        }

        #[test]
        fn quotes_change_nothing_where_there_are_none(text in "[a-c,;é ]{0,40}") {
            let (mut with, mut without) = (Cells::new(), Cells::new());
            read_clean(text.as_bytes(), &Dialect::default(), &mut with);
            read_clean(text.as_bytes(), &Dialect { quote: None, ..Dialect::default() }, &mut without);
            prop_assert!(with == without);
        }
    }
}
