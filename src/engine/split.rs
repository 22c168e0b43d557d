//! Bytes → chunks of whole records. The only place that knows where a record ends.
//!
//! Follows RFC 4180 as the `csv` crate reads it: a quote opens a quoted cell only at the start of a cell, a doubled
//! quote stays inside, any of LF, CRLF and CR ends a record. Two things the parser must never see are cut out here:
//! a record beyond the limit, and a quote that never closes (its line is read literally and the next line starts afresh,
//! so that one stray quote never swallows the rest of a file).

use memchr::{memchr, memchr2, memchr3};

use super::dialect::Dialect;

/// What the front of a buffer turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The first `n` bytes are whole records.
    Records(usize),
    /// The first `n` bytes are one line that opens a quote and never closes it: read it without quoting.
    Literal(usize),
    /// The record is beyond the limit: skip to the end of its line, see [`end_of_line`].
    Oversize,
    /// No record ends in this buffer yet: read more.
    More,
}

/// Where the buffer can be cut. `at_end` says that no more bytes follow.
///
/// The buffer must start at the start of a record. What is found does not depend on how much of the file the buffer
/// happens to hold: a record that does not end within `limit` bytes is `Oversize`, or, when it is only a quote that
/// keeps it open, its first line is `Literal`.
#[must_use]
pub fn cut(buffer: &[u8], dialect: &Dialect, limit: usize, at_end: bool) -> Cut {
    let scan = scan(buffer, dialect, limit, at_end);
    match scan.rest {
        Rest::Ended if at_end => Cut::Records(buffer.len()),
        _ if scan.last_end > 0 => Cut::Records(scan.last_end),
        Rest::Ended | Rest::Open => Cut::More,
        Rest::Endless => match end_of_line(buffer) {
            Some(end) if end <= limit => Cut::Literal(end),
            None if at_end && buffer.len() <= limit => Cut::Literal(buffer.len()),
            _ => Cut::Oversize,
        },
    }
}

/// The length of the first record with its line end; `None` when it does not end within the limit.
#[must_use]
pub fn first_record(buffer: &[u8], dialect: &Dialect, limit: usize, at_end: bool) -> Option<usize> {
    let end = match end_of_record(buffer, dialect, at_end) {
        End::At(end) => end,
        End::Open if at_end => buffer.len(),
        End::Open | End::InQuotes => return None,
    };
    (end <= limit).then_some(end)
}

/// The end of the current line, just behind its line end; `None` when the buffer holds none.
#[must_use]
pub fn end_of_line(buffer: &[u8]) -> Option<usize> {
    let at = memchr2(b'\n', b'\r', buffer)?;
    Some(if buffer[at] == b'\r' && buffer.get(at + 1) == Some(&b'\n') { at + 2 } else { at + 1 })
}

/// Physical lines that end in these bytes: LF, CRLF and a CR of its own count one each.
#[must_use]
pub fn count_lines(bytes: &[u8]) -> u64 {
    let feeds = memchr::memchr_iter(b'\n', bytes).count();
    let lone_returns = memchr::memchr_iter(b'\r', bytes).filter(|at| bytes.get(at + 1) != Some(&b'\n')).count();
    (feeds + lone_returns) as u64
}

struct Scan {
    /// Behind the last whole record within the limit.
    last_end: usize,
    /// What follows it.
    rest: Rest,
}

#[derive(PartialEq)]
enum Rest {
    /// Nothing, or a record that the end of the file ends.
    Ended,
    /// A record that may yet end.
    Open,
    /// A record beyond the limit, or a quote that never closes.
    Endless,
}

/// Where the record at the front of a buffer ends.
enum End {
    /// Behind its line end.
    At(usize),
    /// Not in this buffer, or with the buffer.
    Open,
    /// Not in this buffer: a quote is open.
    InQuotes,
}

/// Walks over records by their line ends and quotes only.
fn scan(buffer: &[u8], dialect: &Dialect, limit: usize, at_end: bool) -> Scan {
    let mut last_end = 0;
    let in_quotes = loop {
        match end_of_record(&buffer[last_end..], dialect, at_end) {
            End::At(length) if length > limit => return Scan { last_end, rest: Rest::Endless },
            End::At(length) => last_end += length,
            End::Open => break false,
            End::InQuotes => break true,
        }
    };
    let rest = match buffer.len() - last_end {
        open if open > limit || (in_quotes && at_end) => Rest::Endless,
        _ if at_end => Rest::Ended,
        _ => Rest::Open,
    };
    Scan { last_end, rest }
}

fn end_of_record(buffer: &[u8], dialect: &Dialect, at_end: bool) -> End {
    let quote = dialect.quote.unwrap_or(b'\n');
    let mut at = 0;
    while let Some(found) = memchr3(quote, b'\n', b'\r', &buffer[at..]) {
        let position = at + found;
        if dialect.quote == Some(buffer[position]) {
            at = position + 1;
            if position == 0 || buffer[position - 1] == dialect.delimiter {
                match closing_quote(buffer, at, quote) {
                    Some(closed) => at = closed + 1,
                    None => return End::InQuotes,
                }
            }
        } else if buffer[position] == b'\r' && position + 1 == buffer.len() && !at_end {
            return End::Open; // the LF that may follow belongs to this line end
        } else {
            return End::At(after_line_end(buffer, position));
        }
    }
    End::Open
}

/// The quote that closes a cell opened before `at`, doubled ones skipped.
fn closing_quote(buffer: &[u8], mut at: usize, quote: u8) -> Option<usize> {
    loop {
        let position = at + memchr(quote, &buffer[at..])?;
        if buffer.get(position + 1) != Some(&quote) {
            return Some(position);
        }
        at = position + 2;
    }
}

fn after_line_end(buffer: &[u8], at: usize) -> usize {
    if buffer[at] == b'\r' && buffer.get(at + 1) == Some(&b'\n') { at + 2 } else { at + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(buffer: &str, at_end: bool, expected: Cut) {
        assert_eq!(cut(buffer.as_bytes(), &Dialect::default(), 64, at_end), expected, "{buffer:?}, at_end: {at_end}");
    }

    #[test]
    fn cuts() {
        for (buffer, at_end, expected) in [
            ("a,b\nc,d\ne", false, Cut::Records(8)),
            ("a,b\r\nc", false, Cut::Records(5)),
            ("a,b\rc", false, Cut::Records(4)),
            ("a,b", false, Cut::More),
            ("a,b", true, Cut::Records(3)),
            ("a,b\nc,d", true, Cut::Records(7)),
            ("a,\"b\nc\"\nd", false, Cut::Records(8)),
            ("a,\"b\nc", false, Cut::More),
            ("a,\"b\"\"\nc\"\n", false, Cut::Records(10)),
            ("a,x\"b\nc", false, Cut::Records(6)),
            ("a,b\nc,\"d\ne", false, Cut::Records(4)),
            ("c,\"d\ne\n", true, Cut::Literal(5)),
            ("c,\"d", true, Cut::Literal(4)),
            ("a\nc,\"d\ne", true, Cut::Records(2)),
            ("a,\"b\"x\nc", false, Cut::Records(7)),
            ("\"\"\"\n", true, Cut::Literal(4)),
            ("", true, Cut::Records(0)),
        ] {
            check(buffer, at_end, expected);
        }
    }

    #[test]
    fn the_first_record_is_one_record() {
        for (buffer, at_end, expected) in [
            ("a,b\nc,d\n", false, Some(4)),
            ("a,b\rc,d\r", false, Some(4)), // a header that ends in CR must not take the first row with it
            ("a,b\r\nc", false, Some(5)),
            ("a,\"b\nc\"\nd", false, Some(8)),
            ("a,b", true, Some(3)),
            ("a,b", false, None),
            ("a,\"b\nc\nd\n", true, None),
        ] {
            assert_eq!(first_record(buffer.as_bytes(), &Dialect::default(), 64, at_end), expected, "{buffer:?}, at_end: {at_end}");
        }
        assert_eq!(first_record(&[b'x'; 65], &Dialect::default(), 64, true), None);
    }

    #[test]
    fn records_beyond_the_limit_never_reach_the_parser() {
        let long = "x".repeat(65);
        check(&long, false, Cut::Oversize);
        check(&long, true, Cut::Oversize);
        check(&format!("a\n{long}"), true, Cut::Records(2));
        check(&format!("\"{long}"), false, Cut::Oversize);
        check(&format!("\"a\n{long}"), false, Cut::Literal(3));
    }

    #[test]
    fn where_a_record_is_too_long_does_not_depend_on_the_buffer() {
        let closed = format!("\"a\n{}\"\nb\n", "x".repeat(65));
        check(&closed, false, Cut::Literal(3));
        check(&closed[..40], false, Cut::More);
        check(&format!("{}\nb\n", "x".repeat(65)), true, Cut::Oversize);
    }

    #[test]
    fn without_quoting_every_line_is_a_record() {
        let literal = Dialect { quote: None, ..Dialect::default() };
        assert_eq!(cut(b"a,\"b\nc", &literal, 64, false), Cut::Records(5));
        assert_eq!(cut(b"a,\"b\nc", &literal, 64, true), Cut::Records(6));
        assert_eq!(cut(&[b'x'; 65], &literal, 64, false), Cut::Oversize);
    }

    #[test]
    fn a_line_end_is_never_cut_in_two() {
        check("a\r", false, Cut::More);
        check("a\nb\r", false, Cut::Records(2));
        check("a\nb\r", true, Cut::Records(4));
    }

    #[test]
    fn lines_of_every_kind_count_once() {
        for (text, lines) in [("a\nb\n", 2), ("a\r\nb\r\n", 2), ("a\rb\r", 2), ("a\n\rb", 2), ("", 0)] {
            assert_eq!(count_lines(text.as_bytes()), lines, "{text:?}");
        }
    }
}
