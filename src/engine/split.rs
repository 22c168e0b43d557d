//! Bytes → chunks of whole records. The only place that knows where a record ends.
//!
//! RFC 4180 with any of LF, CRLF and CR as line end: a quote opens a quoted cell at the start of a cell, spaces before it
//! allowed, and closes it in front of a delimiter or a line end. What does not fit that is a slip of whoever wrote the
//! file, and must never swallow the records behind it: a record whose quotes do not add up ends at the first line where
//! the cells of the file can be found in it ([`repair`]), else with its first line. Two more things are seen here because
//! nobody else sees the file in order: a record beyond the limit, and the end of the table, where another one or a remark
//! follows behind an empty line.
//!
//! What is found at a record never depends on how much of the file the buffer happens to hold.

use memchr::{memchr, memchr2, memchr3};

use super::dialect::Dialect;
use super::kinds::Kind;
use super::repair;
use super::table::Table;

/// What the front of a buffer turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The first `n` bytes are whole records.
    Records(usize),
    /// The record is beyond the limit: skip to the end of its line, see [`end_of_line`].
    Oversize,
    /// The first `n` bytes are empty records, and what follows them does not belong to the table.
    TableEnd(usize),
    /// No record ends in this buffer yet: read more.
    More,
}

/// One record at the front of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Bytes, with the line end.
    pub length: usize,
    /// Whether its quotes stand where RFC 4180 wants them.
    pub is_clean: bool,
    /// Whether it has a line end within its cells.
    pub is_long: bool,
}

/// Where the record at the front of a buffer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Here.
    At(Record),
    /// Not in this buffer.
    Open,
}

/// Lines, and of these lines with a quote, that one record may have when its quotes do not add up.
const LINES_MAX: usize = 64;
const QUOTED_LINES_MAX: usize = 8;
/// Cells with line ends in them that a record may have whose quotes do not stand where they should.
const LONG_CELLS_MAX: usize = 4;
/// The price of one slip, see [`repair::price`].
const ONE_SLIP: u32 = 4;
/// Records looked at to tell whether a table goes on behind an empty line.
const LOOK_AHEAD: usize = 6;
/// A longer run of empty records is not held in memory to see what follows.
const EMPTY_RUN_MAX: usize = 16 << 10;

/// Where the buffer can be cut. `at_end` says that no more bytes follow.
///
/// The buffer must start at the start of a record.
#[must_use]
pub fn cut(buffer: &[u8], table: &Table, limit: usize, at_end: bool) -> Cut {
    let mut last_end = 0;
    let mut empty_from = None;
    while last_end < buffer.len() {
        let rest = &buffer[last_end..];
        let record = match end_of_record(rest, table, limit, at_end) {
            End::At(record) if record.length <= limit => record,
            End::Open if rest.len() <= limit => break,
            _ => return if last_end == 0 { Cut::Oversize } else { Cut::Records(last_end) },
        };
        if is_empty(&rest[..record.length], table) {
            empty_from.get_or_insert(last_end);
        } else if let Some(from) = empty_from.take() {
            match is_beyond(rest, table, limit, at_end) {
                Some(false) => {}
                Some(true) if from == 0 => return Cut::TableEnd(last_end),
                None if from == 0 => return if last_end > EMPTY_RUN_MAX { Cut::Records(last_end) } else { Cut::More },
                _ => return Cut::Records(from),
            }
        }
        last_end += record.length;
    }
    match empty_from {
        _ if at_end && last_end == buffer.len() => Cut::Records(last_end),
        Some(from) if last_end - from <= EMPTY_RUN_MAX && from > 0 => Cut::Records(from),
        Some(0) if last_end <= EMPTY_RUN_MAX => Cut::More,
        _ if last_end > 0 => Cut::Records(last_end),
        _ => Cut::More,
    }
}

/// Passes over what does not belong to the table: how many bytes, and whether the table goes on behind them.
///
/// Called again with what follows, it finds the same place however the buffer was filled.
#[must_use]
pub fn pass_beyond(buffer: &[u8], table: &Table, limit: usize, at_end: bool) -> (usize, bool) {
    let mut at = 0;
    while at < buffer.len() {
        let rest = &buffer[at..];
        match end_of_record(rest, table, limit, at_end) {
            End::At(record) if record.length <= limit => {
                let text = without_line_end(&rest[..record.length]);
                if !is_empty(&rest[..record.length], table) && table.goes_on_with(text, record.is_clean) {
                    return (at, true);
                }
                at += record.length;
            }
            End::Open if rest.len() <= limit => break,
            _ => match end_of_line(rest) {
                Some(end) if end < rest.len() || at_end => at += end,
                // A line beyond the limit is passed over piece by piece.
                _ => return (if at == 0 { buffer.len() } else { at }, false),
            },
        }
    }
    (at, false)
}

/// The end of the current line, just behind its line end; `None` when the buffer holds none.
#[must_use]
pub fn end_of_line(buffer: &[u8]) -> Option<usize> {
    memchr2(b'\n', b'\r', buffer).map(|at| after_line_end(buffer, at))
}

/// A record or line without its line end.
#[must_use]
pub fn without_line_end(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

/// Physical lines that end in these bytes: LF, CRLF and a CR of its own count one each.
#[must_use]
pub fn count_lines(bytes: &[u8]) -> u64 {
    let feeds = memchr::memchr_iter(b'\n', bytes).count();
    let lone_returns = memchr::memchr_iter(b'\r', bytes).filter(|at| bytes.get(at + 1) != Some(&b'\n')).count();
    (feeds + lone_returns) as u64
}

/// Where the record at the front of `buffer` ends.
#[must_use]
pub fn end_of_record(buffer: &[u8], table: &Table, limit: usize, at_end: bool) -> End {
    let dialect = &table.dialect;
    let quote = dialect.quote.unwrap_or(b'\n');
    let mut record = Record { length: 0, is_clean: true, is_long: false };
    let (mut at, mut long_cells) = (0, 0);
    while let Some(found) = memchr3(quote, b'\n', b'\r', &buffer[at..]) {
        let position = at + found;
        if dialect.quote != Some(buffer[position]) {
            if buffer[position] == b'\r' && position + 1 == buffer.len() && !at_end {
                return End::Open; // the LF that may follow belongs to this line end
            }
            record.length = after_line_end(buffer, position);
            if record.length > limit {
                return End::At(record);
            }
            return mended(buffer, record, true, table, limit, at_end);
        }
        if position >= limit {
            return End::At(Record { length: position + 1, ..record }); // whatever this quote means: the record is too long
        }
        at = position + 1;
        let Some(padding) = padding_before(buffer, position, dialect) else {
            record.is_clean = false; // a quote inside a cell
            continue;
        };
        record.is_clean &= padding == 0;
        let close = match dialect.closing_quote(buffer, at) {
            Some(close) if close <= limit => close,
            None if !at_end && buffer.len() <= limit => return End::Open,
            // As far as may be looked, no other quote follows: this one opens nothing.
            _ => return mended(buffer, Record { is_clean: false, ..record }, false, table, limit, at_end),
        };
        let behind = close + 1 + dialect.padding(&buffer[close + 1..]);
        match buffer.get(behind) {
            _ if behind > limit => return End::At(Record { length: behind, ..record }),
            None if !at_end => return End::Open,
            None | Some(b'\n' | b'\r') => {}
            Some(byte) if *byte == dialect.delimiter => {}
            Some(_) => {
                record.is_clean = false;
                return mended(buffer, record, false, table, limit, at_end);
            }
        }
        record.is_clean &= behind == close + 1;
        let is_long = memchr2(b'\n', b'\r', &buffer[position..close]).is_some();
        record.is_long |= is_long;
        long_cells += usize::from(is_long);
        if !record.is_clean && long_cells > LONG_CELLS_MAX {
            // Line after line ends within a cell: it is the quotes that have slipped.
            return mended(buffer, record, false, table, limit, at_end);
        }
        at = behind;
    }
    if !at_end {
        return End::Open;
    }
    record.length = buffer.len();
    if record.length > limit {
        return End::At(record);
    }
    mended(buffer, record, true, table, limit, at_end)
}

/// How much padding stands between the start of a cell and a quote; `None` when something else does.
fn padding_before(buffer: &[u8], quote: usize, dialect: &Dialect) -> Option<usize> {
    let padding = buffer[..quote].iter().rev().take_while(|byte| dialect.is_padding(**byte)).count();
    let start = quote - padding;
    (start == 0 || buffer[start - 1] == dialect.delimiter).then_some(padding)
}

/// Where a record ends whose quotes or whose width are in doubt. `is_whole` says that `record` is an end by the book.
fn mended(buffer: &[u8], record: Record, is_whole: bool, table: &Table, limit: usize, at_end: bool) -> End {
    let is_sure = is_whole && record.is_clean && !record.is_long;
    if is_sure || (is_whole && table.width == 0 && (record.is_clean || !record.is_long)) {
        return End::At(record);
    }
    let mut best = is_whole.then(|| price(&buffer[..record.length], &record, table)).flatten().map(|price| (price, record));
    if best.is_some_and(|(price, _)| price <= ONE_SLIP) || (is_whole && record.is_clean && !is_torn(buffer, table, at_end)) {
        return End::At(record);
    }
    let (mut end, mut quoted_lines) = (0, 0);
    for number in 1..=LINES_MAX {
        let line = &buffer[end..];
        let Some(length) = line_length(line, at_end) else {
            if at_end || buffer.len() > limit {
                break;
            }
            return End::Open;
        };
        let line = &line[..length];
        if end + length > limit {
            break;
        }
        let has_quote = table.dialect.quote.is_some_and(|quote| memchr(quote, line).is_some());
        let is_rest_of_cell = number == 2 && table.cells(without_line_end(line)) < table.width;
        end += length;
        quoted_lines += usize::from(has_quote && number > 1);
        let candidate = Record { length: end, is_clean: false, is_long: number > 1 };
        if (number == 1 || has_quote || is_rest_of_cell) && table.width > 0 {
            let found = price(&buffer[..end], &candidate, table).filter(|price| best.is_none_or(|(least, _)| *price < least));
            best = found.map_or(best, |price| Some((price, candidate)));
            if best.is_some_and(|(price, _)| price <= ONE_SLIP) {
                break;
            }
        }
        // The next line is a record by itself, so this one is, too.
        let is_settled = number == 1 && row_price(&buffer[end..], table, at_end).is_some_and(|next| next == 0 || best.is_some());
        let is_over = quoted_lines >= QUOTED_LINES_MAX || (at_end && end >= buffer.len());
        if is_settled || is_over || repair::is_hopeless(&buffer[..end], &table.dialect) {
            break;
        }
    }
    // Several lines are one record only where that explains much: else the first line is read as it stands.
    let is_worth = |(price, best): &(u32, Record)| *price <= ONE_SLIP || !best.is_long || !is_whole || record.is_long;
    if let Some(record) = best.filter(is_worth).map(|(_, record)| record).or(is_whole.then_some(record)) {
        return End::At(record);
    }
    match line_length(buffer, at_end) {
        Some(length) => End::At(Record { length, is_clean: false, is_long: false }),
        None => End::At(Record { length: buffer.len(), is_clean: false, is_long: false }),
    }
}

/// Whether a record of several lines, well-formed but with a width of its own, is more likely several records that a lost
/// quote has joined: its second line is a record by itself.
fn is_torn(buffer: &[u8], table: &Table, at_end: bool) -> bool {
    line_length(buffer, at_end).is_some_and(|first| row_price(&buffer[first..], table, at_end).is_some())
}

/// The price of reading the first line as a record by itself.
fn row_price(buffer: &[u8], table: &Table, at_end: bool) -> Option<u32> {
    let length = line_length(buffer, at_end)?;
    let text = &buffer[..length];
    let is_clean = table.dialect.quote.is_none_or(|quote| memchr(quote, text).is_none());
    price(text, &Record { length, is_clean, is_long: false }, table).filter(|_| table.width > 1)
}

/// The length of the first line, to the end of the buffer where that is the end of the file.
fn line_length(buffer: &[u8], at_end: bool) -> Option<usize> {
    match end_of_line(buffer) {
        Some(end) if end == buffer.len() && buffer[end - 1] == b'\r' && !at_end => None,
        Some(end) => Some(end),
        None => (at_end && !buffer.is_empty()).then_some(buffer.len()),
    }
}

/// The price of reading a record with as many cells as the file's records have; `None` when it cannot be.
fn price(record: &[u8], found: &Record, table: &Table) -> Option<u32> {
    let record = without_line_end(record);
    let width = table.width;
    if found.is_clean && table.cells(record) == width {
        return Some(0);
    }
    let by_other = || repair::other_delimiter(record, &table.dialect, width, &table.kinds).map(|_| ONE_SLIP);
    repair::price(record, &table.dialect, width).or_else(by_other)
}

/// Whether a record has nothing in its cells: a line end, or delimiters only.
fn is_empty(record: &[u8], table: &Table) -> bool {
    let delimiter = table.dialect.delimiter;
    record.len() <= table.width + 2
        && record.first().is_some_and(|b| matches!(b, b'\r' | b'\n' | b' ') || *b == delimiter)
        && record.iter().all(|b| matches!(b, b'\r' | b'\n' | b' ') || *b == delimiter)
}

/// Whether what follows an empty line does not belong to the table any more: another table, or a remark.
/// `None` when more bytes are needed to tell.
///
/// It belongs to the table as long as one of the next records looks like the table's own. A single row is never given up
/// for its looks alone.
fn is_beyond(rest: &[u8], table: &Table, limit: usize, at_end: bool) -> Option<bool> {
    if table.width < 2 {
        return Some(false);
    }
    let mut seen = Vec::with_capacity(LOOK_AHEAD);
    let mut at = 0;
    while seen.len() < LOOK_AHEAD && at < rest.len() {
        match end_of_record(&rest[at..], table, limit, at_end) {
            End::At(record) if record.length <= limit => {
                let bytes = &rest[at..at + record.length];
                if !is_empty(bytes, table) {
                    let look = table.look(without_line_end(bytes), record.is_clean);
                    if look.is_own || (seen.is_empty() && look.kinds.contains(&Kind::Email)) {
                        return Some(false);
                    }
                    seen.push(look);
                }
                at += record.length;
            }
            End::Open if rest.len() - at <= limit => return None,
            _ => return Some(false), // a record beyond the limit shows nothing
        }
    }
    if seen.len() < LOOK_AHEAD && !at_end {
        return None;
    }
    let (first, others) = seen.split_first()?;
    if others.is_empty() {
        // The last line of a file may be a lead's, torn: only a lone remark is passed over.
        let filled = first.kinds.iter().filter(|kind| **kind != Kind::Blank).count();
        return Some(filled < 2 && first.kinds.len() != table.width);
    }
    Some(first.kinds.len() != table.width || first.is_foreign)
}

fn after_line_end(buffer: &[u8], at: usize) -> usize {
    if buffer[at] == b'\r' && buffer.get(at + 1) == Some(&b'\n') { at + 2 } else { at + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of three columns: words, an address, a number.
    fn table() -> Table {
        let header = ["name", "email", "value"].map(str::to_owned).to_vec();
        Table { width: 3, kinds: vec![Kind::Text, Kind::Email, Kind::Number], header, ..Table::default() }
    }

    fn check(text: &str, at_end: bool, expected: Cut) {
        assert_eq!(cut(text.as_bytes(), &table(), 64, at_end), expected, "{text:?}, at_end: {at_end}");
    }

    #[test]
    fn whole_records_are_cut_at_any_line_end() {
        check("a,b,c\nd,e,f\ng", false, Cut::Records(12));
        check("a,b,c\r\nd", false, Cut::Records(7));
        check("a,b,c\rd", false, Cut::Records(6));
        check("a,b,c\nd\r", false, Cut::Records(6));
        check("a,b,c", false, Cut::More);
        check("a,b,c", true, Cut::Records(5));
        check("a,b,\"c\nd\"\ne", false, Cut::Records(10));
        check("", true, Cut::Records(0));
    }

    #[test]
    fn a_quote_out_of_place_never_swallows_the_next_record() {
        for first in ["a,b,\"c\n", "\"a,b,c\n", "a,\"b\"x,c\n", "a,b\",c\n"] {
            let text = format!("{first}\"d\",e,f\n");
            let End::At(record) = end_of_record(text.as_bytes(), &table(), 64, true) else { panic!("{text}") };
            assert_eq!(record.length, first.len(), "{text}");
            assert!(!record.is_clean);
        }
    }

    #[test]
    fn a_cell_with_line_ends_stays_whole_though_a_quote_in_it_is_stray() {
        let first = "a,\"b \"x\" y\nz\",c\n";
        let text = format!("{first}d,e,f\n");
        let End::At(record) = end_of_record(text.as_bytes(), &table(), 64, true) else { panic!("{text}") };
        assert_eq!((record.length, record.is_long), (first.len(), true));
    }

    #[test]
    fn a_record_beyond_the_limit_is_left_out() {
        let long = "x".repeat(65);
        check(&long, false, Cut::Oversize);
        check(&long, true, Cut::Oversize);
        check(&format!("a,b,c\n{long}"), true, Cut::Records(6));
        check(&format!("\"{long}"), false, Cut::Oversize);
    }

    #[test]
    fn behind_an_empty_line_the_table_goes_on_or_ends() {
        let rows = "Ann,a@b.co,1\n";
        check(&format!("{rows}\nBo,b@b.co,2\n"), true, Cut::Records(rows.len() * 2));
        check(&format!("\nagent,deals\nX,4\nY,5\n{}", ""), true, Cut::TableEnd(1));
        check("\nagent,region,deals\nX,North,4\nY,South,5\n", true, Cut::TableEnd(1));
        check("\nBo,not an address,2\n", true, Cut::Records(21));
        check("\nCy Fox,400000\n", true, Cut::Records(15)); // a torn row: told as rejected, never passed over
        check("\nend of list\n", true, Cut::TableEnd(1));
        check("\nagent", false, Cut::More);
    }

    #[test]
    fn what_interrupts_a_table_is_passed_over_up_to_its_next_row() {
        for (text, passed) in [
            ("Page 2\n\nAnn,a@b.co,1\n", Some(8)),
            ("Page 2\nname,email,value\nAnn,none,1\n", Some(7)),
            ("agent,region,deals\nX,North,4\n", None),
        ] {
            let found = pass_beyond(text.as_bytes(), &table(), 64, true);
            assert_eq!(found, passed.map_or((text.len(), false), |at| (at, true)), "{text:?}");
        }
    }

    #[test]
    fn lines_of_every_kind_count_once() {
        for (text, lines) in [("a\nb\n", 2), ("a\r\nb\r\n", 2), ("a\rb\r", 2), ("a\n\rb", 2), ("", 0)] {
            assert_eq!(count_lines(text.as_bytes()), lines, "{text:?}");
        }
    }

    /// The record at the front of a text that is whole.
    fn first_record(text: &str) -> Record {
        let End::At(record) = end_of_record(text.as_bytes(), &table(), 2000, true) else { panic!("{text:?}") };
        record
    }

    #[test]
    fn empty_records_are_held_back_until_it_is_known_what_follows() {
        let row = "Ann,a@b.co,1\n";
        check(&format!("{row}\n\n"), false, Cut::Records(row.len()));
        check(&format!("{row}\nagent"), false, Cut::Records(row.len()));
        check(&format!("{row}\nagent,deals\nX,4\nY,5\n"), true, Cut::Records(row.len()));
        check(&format!("{row}\nagent,deals\nX,4\n"), false, Cut::Records(row.len()));
        check("\nagent,deals\nX,4\n", false, Cut::More);
        check(",,\nagent,deals\nX,4\nY,5\n", true, Cut::TableEnd(3));
    }

    #[test]
    fn what_interrupts_a_table_is_passed_over_however_long_its_lines_are() {
        let (row, long) = ("Ann,a@b.co,1\n", "x".repeat(80));
        for (text, at_end, passed) in [
            ("Ann,a@b".to_owned(), false, (0, false)),
            ("Page 2\nAnn,a@b".to_owned(), false, (7, false)),
            (format!("{long}\n{row}"), true, (81, true)),
            (format!("{long}\n{row}"), false, (81, true)),
            (format!("{long}\n"), true, (81, false)),
            (long.clone(), false, (80, false)),
        ] {
            assert_eq!(pass_beyond(text.as_bytes(), &table(), 64, at_end), passed, "{text:?}");
        }
    }

    #[test]
    fn the_last_record_needs_no_line_end_behind_its_quote() {
        check("a,b,\"c\"", true, Cut::Records(7));
        check("a,b,\"c\" ", true, Cut::Records(8));
        check("a,b,\"c\"", false, Cut::More);
    }

    #[test]
    fn a_record_of_many_lines_stays_whole_with_spaces_around_its_quotes() {
        let lines = "line\n".repeat(100);
        for first in [format!("\"{lines}\" ,a@b.co,1\n"), format!(" \"{lines}\",a@b.co,1\n")] {
            assert_eq!(first_record(&format!("{first}Bo,b@b.co,2\n")).length, first.len());
        }
    }

    #[test]
    fn one_stray_quote_makes_a_record_unclean_whatever_follows() {
        assert!(!first_record("a\"b,\"c\",d\n").is_clean);
        assert!(!first_record("a\"b,\"c\",\"d\"\n").is_clean);
        assert!(first_record("\"b\",\"c\",\"d\"\n").is_clean);
    }

    #[test]
    fn rows_swallowed_by_a_lost_quote_come_apart_again() {
        for (first, others) in [
            ("\"Bo,b@b.co,2\n", "Ann,a@b.co,1\nCy,c@b.co,3\"\n"), // one cell by the book
            ("\"x\n", "Ann,a@b.co,1\nBo \"B\",b@b.co,2\n"),
        ] {
            assert_eq!(first_record(&format!("{first}{others}")).length, first.len(), "{first}{others}");
        }
        // A cell of two lines without the delimiter before it is one record.
        let first = "x \"b\nc\",d\n";
        assert_eq!(first_record(&format!("{first}Ann,a@b.co,1\n")).length, first.len());
    }

    #[test]
    fn a_record_of_several_lines_beyond_the_limit_is_left_out_as_one() {
        check(&format!("\"A\nAnn,a@b.co,1\n\",{}\n", "x".repeat(60)), true, Cut::Oversize);
    }
}
