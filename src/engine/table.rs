//! The table in a file: where it begins, what its rows look like, and what stands around it without being a row.
//!
//! Above the header there may be titles, remarks and comments; the header may take several lines or be missing; below,
//! there may be totals and closing words. All of it is told from the shape of the first records: how many cells they
//! fill, and whether those look like data where the columns below hold data. Nothing here knows what a lead is.

use memchr::memchr;

use super::dialect::Dialect;
use super::kinds::{Kind, compare};
use super::notes::NoteCode;
use super::record::Cells;
use super::records::{Found, Records, is_spaced};
use super::rules::{HeaderRule, QuoteRule, ReadingRules};
use super::{cells, split};

/// What the rows of a file's table look like. With the default, nothing is expected of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// How text becomes cells.
    pub dialect: Dialect,
    /// Cells of most records; 0 when unknown.
    pub width: usize,
    /// Where all records have more cells than the header and these are empty, how many names the header has; else 0.
    pub columns: usize,
    /// What the cells of each column look like, [`Kind::Text`] where they are mixed.
    pub kinds: Vec<Kind>,
    /// Whether the cells of a column stand in quotes as a habit.
    pub quoted: Vec<bool>,
    /// The header's cells, so that it is known when it comes again.
    pub header: Vec<String>,
    /// Whether a space follows every delimiter.
    pub is_spaced: bool,
    /// What a line that is no record starts with.
    pub comment: Option<u8>,
    /// Whether the configuration says so: then every such line is a comment.
    pub is_comment_given: bool,
}

/// How a record looks beside the table's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Of its cells.
    pub kinds: Vec<Kind>,
    /// It has the table's width, and data where the table has data.
    pub is_own: bool,
    /// It has the table's width, and words wherever the table has data: another header.
    pub is_foreign: bool,
}

impl Table {
    /// How many cells a clean record has.
    #[must_use]
    pub fn cells(&self, text: &[u8]) -> usize {
        let Some(quote) = self.dialect.quote.filter(|quote| memchr(*quote, text).is_some()) else {
            return memchr::memchr_iter(self.dialect.delimiter, text).count() + 1;
        };
        let (mut at, mut count) = (0, 0);
        loop {
            let rest = &text[at..];
            let open = rest.first() == Some(&quote);
            let end = if open { self.after_quoted(rest) } else { 0 };
            count += 1;
            match memchr(self.dialect.delimiter, &rest[end..]) {
                Some(found) => at += end + found + 1,
                None => return count,
            }
        }
    }

    /// Whether the table goes on with a record behind something else: its header again, or a row of its own with an address
    /// where addresses stand.
    #[must_use]
    pub fn goes_on_with(&self, text: &[u8], is_clean: bool) -> bool {
        let look = self.look(text, is_clean);
        let has_address = self.kinds.iter().zip(&look.kinds).any(|pair| pair == (&Kind::Email, &Kind::Email));
        if look.is_own && has_address {
            return true;
        }
        let mut record = Cells::new();
        super::records::read_clean(text, &self.dialect, &mut record);
        self.not_a_row(text, &record) == Some(NoteCode::HeaderRepeated)
    }

    /// The length of the quoted cell at the front, with its quotes.
    pub(super) fn after_quoted(&self, cell: &[u8]) -> usize {
        self.dialect.closing_quote(cell, 1).map_or(cell.len(), |close| close + 1)
    }

    /// How a record without its line end looks.
    #[must_use]
    pub fn look(&self, text: &[u8], is_clean: bool) -> Look {
        let mut record = Cells::new();
        if is_clean {
            super::records::read_clean(text, &self.dialect, &mut record);
        } else {
            super::repair::read(text, &self.dialect, self.width, &self.quoted, &mut record);
        }
        let kinds: Vec<Kind> = record.iter().map(Kind::of).collect();
        let (alike, unlike) = compare(&self.kinds, &kinds);
        let has_width = kinds.len() == self.width;
        let is_typed = self.kinds.iter().any(|kind| kind.is_data());
        Look {
            is_own: has_width && (!is_typed || alike > unlike),
            is_foreign: has_width && is_typed && alike == 0 && unlike > 0 && !kinds.iter().any(|kind| kind.is_data()),
            kinds,
        }
    }

    /// Whether a record has words wherever the table has data.
    fn is_unlike(&self, record: &Cells) -> bool {
        let kinds: Vec<Kind> = record.iter().map(Kind::of).collect();
        let (alike, unlike) = compare(&self.kinds, &kinds);
        alike == 0 && unlike > 0
    }

    /// What a line is that stands among the records and is none: a comment, the header again, a total.
    #[must_use]
    pub fn not_a_row(&self, text: &[u8], record: &Cells) -> Option<NoteCode> {
        if self.comment.is_some_and(|comment| text.first() == Some(&comment)) {
            let is_remark = matches!(text.get(1), Some(b' ' | b'#' | b'!')) && self.is_unlike(record);
            if self.is_comment_given || record.len() != self.width || is_remark {
                return Some(NoteCode::CommentSkipped);
            }
        }
        let is_header = self.header.len() > 1
            && self.header.len() == record.len()
            && self
                .header
                .iter()
                .zip(record.iter())
                .all(|(name, cell)| name.as_bytes() == cell.strip_prefix(b"\xef\xbb\xbf").unwrap_or(cell));
        if is_header {
            return Some(NoteCode::HeaderRepeated);
        }
        (self.width > 1 && is_footer(record, self.width, &self.kinds)).then_some(NoteCode::FooterSkipped)
    }
}

/// A total or a closing remark: few cells, the first of which says so, and no address.
fn is_footer(record: &Cells, width: usize, kinds: &[Kind]) -> bool {
    const TOTALS: &[&str] = &[
        "total",
        "totals",
        "grand total",
        "subtotal",
        "sub-total",
        "sub total",
        "sum",
        "count",
        "total rows",
        "total records",
        "total leads",
        "total count",
        "row count",
        "record count",
        "summe",
        "gesamt",
        "gesamtsumme",
        "total general",
        "total général",
        "totale",
        "totaal",
        "somme",
        "suma",
        "soma",
        "итого",
    ];
    const REMARKS: &[&str] = &[
        "end of report",
        "end of file",
        "end of list",
        "end of data",
        "end of export",
        "generated ",
        "exported ",
        "report generated",
        "confidential",
        "copyright",
        "©",
        "page ",
        "source:",
        "note:",
        "notes:",
        "disclaimer",
        "prepared by",
        "printed ",
        "downloaded ",
        "created by",
    ];
    const COUNTED: &[&str] = &["rows", "records", "leads", "results", "entries", "lines", "contacts"];
    let filled = record.iter().filter(|cell| !cell.is_empty()).count();
    if filled * 3 > width * 2 {
        return false; // nearly every row: no total fills its row
    }
    let Some(first) = record.iter().find(|cell| !cell.trim_ascii().is_empty()).filter(|cell| cell.len() <= 160) else { return false };
    let Ok(text) = std::str::from_utf8(first) else { return false };
    let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '=' | '*' | '#' | '_')).to_lowercase();
    let word_end = text.find(|c: char| !c.is_alphabetic() && !matches!(c, ' ' | '-')).unwrap_or(text.len());
    let (words, behind) = (text[..word_end].trim_end(), text[word_end..].trim_start_matches([':', '=', ' ', '(', '#', '-']));
    let is_count = behind.chars().all(|c| c.is_ascii_digit() || ".,') %€$£".contains(c));
    let has_address = || record.iter().any(|cell| Kind::of(cell) == Kind::Email);
    // A sum of phones or dates there is not.
    let may_be_summed = |at: usize| kinds.get(at).is_none_or(|kind| matches!(kind, Kind::Number | Kind::Blank | Kind::Text));
    let is_figure = |(at, cell): (usize, &[u8])| cell.first() != Some(&b'+') && Kind::of(cell) == Kind::Number && may_be_summed(at);
    let others = || record.iter().enumerate().filter(|(_, cell)| !cell.trim_ascii().is_empty()).skip(1);
    let has_figure = others().next().is_some() || behind.bytes().any(|b| b.is_ascii_digit());
    let is_total = TOTALS.contains(&words) && is_count && has_figure && others().all(is_figure) && filled < width;
    let counted = text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, ',' | '.' | ' '));
    let is_tally = counted.len() < text.len() && COUNTED.iter().any(|word| counted.starts_with(word));
    let is_remark = filled == 1 && width > 2 && (is_tally || REMARKS.iter().any(|remark| text.starts_with(remark)));
    (is_total || is_remark) && !has_address()
}

/// Where the table begins.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Start {
    /// What its rows look like.
    pub table: Table,
    /// The header; `column_1` … when there is none.
    pub header: Vec<String>,
    /// Of a header of several lines, the names in the last one.
    pub last_names: Option<Vec<String>>,
    /// Whether the file has one.
    pub has_header: bool,
    /// Lines that the header takes.
    pub header_lines: u64,
    /// Its line, from 1; for a file without one, the line of the first record.
    pub header_line: u64,
    /// Lines with words above it.
    pub preamble_lines: u64,
    /// Bytes before the first data record.
    pub data_start: usize,
}

/// Records looked at.
const SAMPLE_RECORDS: usize = 300;
/// Records among which a header is looked for.
const HEADER_RECORDS: usize = 40;
/// Lines that one header may take.
const HEADER_LINES: usize = 3;
/// Lines of several cells that may stand above it as titles.
const TITLES: usize = 10;

/// A record of the sample.
struct Seen {
    start: usize,
    end: usize,
    line: u64,
    lines: u64,
    cells: Cells,
    kinds: Vec<Kind>,
    filled: usize,
}

/// Finds the table in the first bytes of a file. `None` when they hold no record.
///
/// `is_part` says that the file goes on behind them; `is_complete`, of a line of names, that no other line of names belongs to it.
pub fn find(
    text: &[u8],
    is_part: bool,
    dialect: Dialect,
    given: &ReadingRules,
    limit: usize,
    is_complete: impl Fn(&[String]) -> bool,
) -> Option<Start> {
    let given_comment = if let Some(QuoteRule::Quote(sign)) = given.comment { Some(sign) } else { None };
    let loose = Table { dialect, comment: given_comment, is_comment_given: given_comment.is_some(), ..Table::default() };
    let width = usual_width(&sample(text, is_part, &loose, limit));
    let table = Table { width, ..loose };
    let seen = sample(text, is_part, &table, limit);
    let (first, has_header) = match given.header {
        HeaderRule::Line(line) => (seen.iter().position(|record| record.line >= line)?, true),
        HeaderRule::Absent => (first_row(&seen, width)?, false),
        HeaderRule::Detected => {
            let first = first_row(&seen, width)?;
            (first, !is_data(&seen[first], &kinds_of(&seen[first + 1..], width)))
        }
    };
    let (mut first, mut last) = (first, first);
    if has_header && given.header == HeaderRule::Detected {
        last = last_header_row(&seen, first, width, is_complete(&joined(&seen[first..=first])));
        first = first_header_row(&seen, first, last, width);
    }
    let rows = own_rows(if has_header { &seen[last + 1..] } else { &seen[first..] }, seen[first].cells.len());
    let header =
        if has_header { joined(&seen[first..=last]) } else { (1..=seen[first].cells.len()).map(|at| format!("column_{at}")).collect() };
    let body = usual_width(rows);
    let width = if rows.iter().filter(|row| row.cells.len() == body).count() * 2 > rows.len() { body } else { header.len() };
    let spaced = |record: &&Seen| is_spaced(split::without_line_end(&text[record.start..record.end]), &table);
    let is_spaced = dialect.delimiter != b' ' && seen[first..].iter().filter(spaced).count() * 10 >= (seen.len() - first) * 9;
    let strip = |name: String| if is_spaced { name.strip_prefix(' ').map_or(name.clone(), str::to_owned) } else { name };
    let header: Vec<String> = header.into_iter().map(strip).collect();
    let kinds = kinds_of(rows, width);
    let table = Table {
        quoted: quoted_columns(text, rows, &dialect, width),
        // Where the columns hold words only, a line like the header may well be a row.
        header: if has_header && (kinds.iter().any(|kind| kind.is_data()) || is_complete(&header)) { header.clone() } else { Vec::new() },
        comment: match given.comment {
            Some(QuoteRule::Quote(sign)) => Some(sign),
            Some(QuoteRule::Nothing) => None,
            None => comment_sign(&seen[first..], width),
        },
        is_comment_given: given_comment.is_some(),
        columns: if has_empty_tail(rows, header.len()) { header.len() } else { 0 },
        dialect,
        kinds,
        width,
        is_spaced,
    };
    Some(Start {
        table,
        last_names: (has_header && last > first).then(|| joined(&seen[last..=last])),
        has_header,
        header_lines: if has_header { split::count_lines(&text[seen[first].start..seen[last].end]).max(1) } else { 0 },
        header_line: seen[first].line,
        preamble_lines: lines_with_words(&text[..seen[first].start]),
        data_start: if has_header { seen[last].end } else { seen[first].start },
        header,
    })
}

/// How many lines are not empty.
fn lines_with_words(text: &[u8]) -> u64 {
    text.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.trim_ascii().is_empty()).count() as u64
}

/// The records of the first bytes that are not empty.
fn sample(text: &[u8], is_part: bool, table: &Table, limit: usize) -> Vec<Seen> {
    let mut records = if is_part { Records::of_part(text, table, limit) } else { Records::new(text, table, limit) };
    let mut seen = Vec::new();
    let mut cells = Cells::new();
    while seen.len() < SAMPLE_RECORDS {
        let line = match records.next(&mut cells) {
            Some(Found::Row { line, .. }) => line,
            Some(Found::Skipped { .. }) => continue,
            None => break,
        };
        let filled = cells.iter().filter(|cell| !cell.trim_ascii().is_empty()).count();
        if filled == 0 || cells::is_blank(&cells) {
            continue;
        }
        let kinds = cells.iter().map(Kind::of).collect();
        let (start, lines) = (records.start(), records.lines() + 1 - line);
        seen.push(Seen { start, end: records.offset(), line, lines, cells: cells.clone(), kinds, filled });
    }
    seen
}

/// The rows up to the first empty line, where these are enough to learn from: behind it another table may stand.
fn own_rows(rows: &[Seen], columns: usize) -> &[Seen] {
    let block = rows.chunk_by(|a, b| a.next_line() == b.line).next().unwrap_or_default();
    let is_table = !block.is_empty() && block.iter().all(|row| row.cells.len() == columns);
    if block.len() >= 3 || is_table { block } else { rows }
}

/// The width that most records of the first table have: the first run of lines without an empty one between them that has
/// three records of one width, or else of all.
fn usual_width(seen: &[Seen]) -> usize {
    let mut blocks: Vec<&[Seen]> = seen.chunk_by(|a, b| a.next_line() == b.line).collect();
    blocks.retain(|block| most_common(block).is_some_and(|(width, count)| width > 1 && count >= 3));
    let best = blocks.iter().enumerate().find(|(at, block)| {
        let (width, count) = most_common(block).unwrap_or_default();
        // A few lines of two cells above a larger table are its description: `Owner;Bob`.
        let is_description = width == 2
            && block.len() < 8
            && blocks[at + 1..].iter().filter_map(|later| most_common(later)).any(|(w, n)| w > 2 && n > count);
        !is_description
    });
    let (_, block) = best.unwrap_or((0, &seen));
    most_common(block).map_or(1, |(width, _)| width)
}

/// The most common width above 1, the greater one of two; else 1.
fn most_common(seen: &[Seen]) -> Option<(usize, usize)> {
    let mut widths = std::collections::BTreeMap::<usize, usize>::new();
    for record in seen {
        *widths.entry(record.cells.len()).or_default() += 1;
    }
    let wide = widths.iter().filter(|(width, _)| **width > 1).max_by_key(|(width, count)| (**count, **width));
    wide.or_else(|| widths.iter().next()).map(|(width, count)| (*width, *count))
}

impl Seen {
    /// The line behind this record.
    fn next_line(&self) -> u64 {
        self.line + self.lines
    }
}

/// The first record that is more than a title: it fills at least half of the columns.
fn first_row(seen: &[Seen], width: usize) -> Option<usize> {
    let enough = if width <= 2 { width } else { width.div_ceil(2).max(2) };
    let is_row = |record: &Seen| record.filled >= enough;
    let mut first = seen.iter().take(HEADER_RECORDS).position(is_row).unwrap_or(0);
    let body = kinds_of(&seen[first.min(seen.len())..], width);
    // Lines that are narrower than the table are titles, when one that names all its columns follows them.
    let is_short = |record: &&Seen| record.cells.len() < width;
    let titles = seen[first..].iter().take(TITLES).take_while(is_short).count();
    let names_all = |record: &Seen| record.filled >= width && !record.kinds.iter().any(|kind| kind.is_data());
    if titles > 0 && body.iter().any(|kind| kind.is_data()) && seen.get(first + titles).is_some_and(names_all) {
        first += titles;
    }
    // A title of several cells, or a comment with delimiters in it, stands above a line that fills all columns with words.
    while let (Some(record), Some(next)) = (seen.get(first), seen.get(first + 1)) {
        let body = kinds_of(&seen[first + 2..], width); // neither the comment nor the names are data
        let is_title = record.cells.len() < width && record.filled < next.filled;
        let is_comment = record.cells.get(0).is_some_and(|cell| cell.first() == Some(&b'#'));
        let names = next.filled >= enough && !next.kinds.iter().any(|kind| kind.is_data()) && body.iter().any(|kind| kind.is_data());
        if !((is_title && next.cells.len() == width || is_comment) && names) {
            break;
        }
        first += 1;
    }
    (first < seen.len()).then_some(first)
}

/// Whether a record is data already: it has data in more columns that hold data than it has words there.
fn is_data(record: &Seen, body: &[Kind]) -> bool {
    if !body.iter().any(|kind| *kind != Kind::Blank) {
        let data: std::collections::BTreeSet<Kind> = record.kinds.iter().copied().filter(|kind| kind.is_data()).collect();
        let is_all_data = record.kinds.iter().all(|kind| kind.is_data() || *kind == Kind::Blank);
        return data.contains(&Kind::Email) || data.len() > 1 || (record.filled > 1 && is_all_data);
    }
    let (alike, unlike) = compare(body, &record.kinds);
    alike > unlike
}

/// The first line of a header that has group names above the names: a line as wide, directly above, with at least two words.
fn first_header_row(seen: &[Seen], first: usize, last: usize, width: usize) -> usize {
    let mut top = first;
    while top > 0 && last - top + 1 < HEADER_LINES {
        let above = &seen[top - 1];
        let is_group = above.cells.len() == width && above.filled >= 2 && !above.kinds.iter().any(|kind| kind.is_data());
        let is_comment = above.cells.get(0).is_some_and(|cell| cell.first() == Some(&b'#'));
        if !is_group || is_comment || above.line + above.lines != seen[top].line {
            break;
        }
        top -= 1;
    }
    top
}

/// The last line of a header that takes several: lines with words in all columns that hold data further down.
///
/// A line of names that is complete takes only one that says more about them: units in brackets, or a few words.
fn last_header_row(seen: &[Seen], first: usize, width: usize, is_complete: bool) -> usize {
    let mut last = first;
    for next in first + 1..(first + HEADER_LINES).min(seen.len()) {
        let record = &seen[next];
        let body = kinds_of(&seen[next + 1..], width);
        let data_columns = body.iter().filter(|kind| kind.is_data()).count();
        let (alike, unlike) = compare(&body, &record.kinds);
        let is_words = !record.kinds.iter().any(|kind| kind.is_data());
        let is_again = record.cells == seen[first].cells;
        let completes = seen[first].filled < width && record.filled > seen[first].filled;
        let is_repeated =
            |at: usize, cell: &[u8]| !cell.is_empty() && seen[next + 1..].iter().any(|later| later.cells.get(at) == Some(cell));
        let is_value = record.cells.iter().enumerate().any(|(at, cell)| is_repeated(at, cell));
        let is_comment = record.cells.get(0).is_some_and(|cell| cell.first() == Some(&b'#'));
        let is_header = record.cells.len() == seen[first].cells.len() && is_words && alike == 0 && !is_again && !is_comment;
        let is_bracketed = |cell: &[u8]| matches!((cell.first(), cell.last()), (Some(b'('), Some(b')')) | (Some(b'['), Some(b']')));
        let says_more = record.cells.iter().all(|cell| cell.is_empty() || is_bracketed(cell));
        if !(is_header
            && !is_value
            && (!is_complete || says_more)
            && seen.len() - next > 3
            && unlike >= data_columns.div_ceil(2).max(if completes { 1 } else { 2 }))
        {
            break;
        }
        last = next;
    }
    last
}

/// Whether the cells behind the header are always there and always empty: delimiters that delimit nothing.
fn has_empty_tail(rows: &[Seen], columns: usize) -> bool {
    let is_tail = |row: &Seen| row.cells.len() > columns && row.cells.iter().skip(columns).all(<[u8]>::is_empty);
    !rows.is_empty() && rows.iter().all(is_tail)
}

/// The names of a header, those of several lines joined.
fn joined(rows: &[Seen]) -> Vec<String> {
    let width = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    let text = |row: &Seen, at: usize| String::from_utf8_lossy(row.cells.get(at).unwrap_or_default()).into_owned();
    let [row] = rows else {
        let parts = |at| rows.iter().map(move |row| text(row, at)).map(|part| part.trim().to_owned()).filter(|part| !part.is_empty());
        return (0..width).map(|at| parts(at).collect::<Vec<_>>().join(" ")).collect();
    };
    (0..width).map(|at| text(row, at)).collect()
}

/// What the cells of each column look like: one kind where four in five agree.
fn kinds_of(rows: &[Seen], width: usize) -> Vec<Kind> {
    let column = |at: usize| {
        let mut counts = std::collections::BTreeMap::<Kind, usize>::new();
        for kind in rows.iter().filter(|row| row.cells.len() == width).filter_map(|row| row.kinds.get(at)) {
            *counts.entry(*kind).or_default() += 1;
        }
        counts.remove(&Kind::Blank);
        let all: usize = counts.values().sum();
        let Some((kind, count)) = counts.iter().max_by_key(|(_, count)| **count) else { return Kind::Blank };
        let data: usize = counts.iter().filter(|(kind, _)| kind.is_data()).map(|(_, count)| count).sum();
        match () {
            () if count * 5 >= all * 4 => *kind,
            () if data * 5 >= all * 4 => {
                *counts.iter().filter(|(kind, _)| kind.is_data()).max_by_key(|(_, count)| **count).map_or(kind, |(kind, _)| kind)
            }
            () => Kind::Text,
        }
    };
    (0..width).map(column).collect()
}

/// The columns whose filled cells stand in quotes in four records of five.
fn quoted_columns(text: &[u8], rows: &[Seen], dialect: &Dialect, width: usize) -> Vec<bool> {
    let Some(quote) = dialect.quote else { return vec![false; width] };
    let mut counts = vec![(0usize, 0usize); width];
    for row in rows.iter().filter(|row| row.cells.len() == width) {
        let mut rest = split::without_line_end(&text[row.start..row.end]);
        for (count, cell) in counts.iter_mut().zip(row.cells.iter()) {
            let is_quoted = rest.first() == Some(&quote);
            let end = if is_quoted { dialect.closing_quote(rest, 1).map_or(rest.len(), |close| close + 1) } else { 0 };
            rest = memchr(dialect.delimiter, &rest[end..]).map_or(&[], |found| &rest[end + found + 1..]);
            count.0 += usize::from(is_quoted);
            count.1 += usize::from(is_quoted || !cell.is_empty());
        }
    }
    counts.into_iter().map(|(quoted, filled)| filled >= 3 && quoted * 5 >= filled * 4).collect()
}

/// `#`, when lines that begin with it are never records.
fn comment_sign(seen: &[Seen], width: usize) -> Option<u8> {
    let marked: Vec<&Seen> = seen.iter().filter(|record| record.cells.get(0).is_some_and(|cell| cell.first() == Some(&b'#'))).collect();
    let body = kinds_of(seen, width);
    let is_remark = |record: &Seen| record.cells.get(0).is_some_and(|cell| matches!(cell.get(1), Some(b' ' | b'#' | b'!')));
    let is_none = |record: &&Seen| record.cells.len() != width || (is_remark(record) && matches!(compare(&body, &record.kinds), (0, 1..)));
    let is_comment = !marked.is_empty() && width > 1 && marked.len() * 2 < seen.len() && marked.iter().all(is_none);
    is_comment.then_some(b'#')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header, its line and what is first below it.
    fn found(text: &str) -> (String, u64, String) {
        let given = ReadingRules::default();
        let dialect = super::super::dialect::detect(text.as_bytes(), &given);
        let start = find(text.as_bytes(), false, dialect, &given, 1 << 20, |_| false).expect("a table");
        let below = text[start.data_start..].lines().next().unwrap_or_default();
        (start.header.join("|"), start.header_line, below.to_owned())
    }

    #[test]
    fn the_header_is_found_below_titles_and_comments() {
        let rows = "Ann,a@b.co,1\nBo,b@b.co,2\nCy,c@b.co,3\nDi,d@b.co,4\n";
        for (above, line) in
            [("", 1), ("Leads of May\n\n", 3), ("Leads of May,,\n", 2), ("Owner,Bob\nPeriod,May\n", 3), ("# made by tool, v2\n", 2)]
        {
            let text = format!("{above}name,email,value\n{rows}");
            assert_eq!(found(&text), ("name|email|value".to_owned(), line, "Ann,a@b.co,1".to_owned()), "{text:?}");
        }
        assert_eq!(found(&format!("Contact,,Deal\nname,email,value\n{rows}")).0, "Contact name|email|Deal value");
        assert_eq!(found(rows), ("column_1|column_2|column_3".to_owned(), 1, "Ann,a@b.co,1".to_owned()));
    }

    #[test]
    fn a_line_among_the_rows_that_is_none() {
        let kinds = vec![Kind::Text, Kind::Email, Kind::Number];
        let header = ["name", "email", "value"].map(str::to_owned).to_vec();
        let table = Table { width: 3, kinds, header, comment: Some(b'#'), ..Table::default() };
        for (cells, why) in [
            (&["name", "email", "value"][..], Some(NoteCode::HeaderRepeated)),
            (&["Total", "", "7"], Some(NoteCode::FooterSkipped)),
            (&["Total: 7"], Some(NoteCode::FooterSkipped)),
            (&["-- end of list --"], Some(NoteCode::FooterSkipped)),
            (&["# checked"], Some(NoteCode::CommentSkipped)),
            (&["12 leads", "", ""], Some(NoteCode::FooterSkipped)),
            (&["Leads Ltd", "", ""], None),
            (&["Total Wine", "", ""], None),
            (&["Sum", "s@b.co", "7"], None),
            (&["#12", "n@b.co", "7"], None),
            (&["Ann", "", ""], None),
        ] {
            let text = cells.join(",");
            assert_eq!(table.not_a_row(text.as_bytes(), &Cells::from(cells.to_vec())), why, "{text}");
        }
    }

    fn start(text: &str) -> Start {
        let given = ReadingRules::default();
        let dialect = super::super::dialect::detect(text.as_bytes(), &given);
        find(text.as_bytes(), false, dialect, &given, 1 << 20, |_| false).expect("a table")
    }

    #[test]
    fn the_first_table_counts_though_a_larger_one_follows() {
        let rows = "name,email,value\nAnn,a@b.co,1\nBo,b@b.co,2\nCy,c@b.co,3\nDi,d@b.co,4\n";
        let other = "agent,region,deals,share\n".to_owned() + &"X,North,4,5\n".repeat(12);
        assert_eq!(found(&format!("{rows}\n{other}")), ("name|email|value".to_owned(), 1, "Ann,a@b.co,1".to_owned()));
        let described = format!("Owner,Bob\nPeriod,May\nTeam,North\n\n{rows}");
        assert_eq!(found(&described), ("name|email|value".to_owned(), 5, "Ann,a@b.co,1".to_owned()));
    }

    #[test]
    fn a_header_need_not_name_every_column() {
        let rows = "Ann,a@b.co,x,1\nBo,b@b.co,y,2\nCy,c@b.co,z,3\nDi,d@b.co,w,4\n";
        assert_eq!(found(&format!("Leads, May\nname,email,,value\n{rows}")).0, "name|email||value");
        let rows = "Ann,a@b.co,7,1,Ulm,web\nBo,b@b.co,8,2,Bonn,web\nCy,c@b.co,9,3,Kiel,ad\nDi,d@b.co,6,4,Trier,ad\n";
        let header = "Contact,,,Deal,,\nname,email,rank,value,city,source\n";
        assert_eq!(found(&format!("{header}{rows}")).0, "Contact name|email|rank|Deal value|city|source");
    }

    #[test]
    fn a_single_line_is_a_row_where_it_holds_data() {
        for (text, header, below) in [
            ("12,15\n", "column_1|column_2", "12,15"),
            ("12,,15\n", "column_1|column_2|column_3", "12,,15"),
            ("Ann,a@b.co\n", "column_1|column_2", "Ann,a@b.co"),
            ("name,email\n", "name|email", ""),
            ("2024\n", "2024", ""),
        ] {
            let (names, _, first) = found(text);
            assert_eq!((names.as_str(), first.as_str()), (header, below), "{text:?}");
        }
    }

    #[test]
    fn what_is_learned_from_the_rows() {
        let rows = "\"Lee, Ann\",a@b.co,1\n\"Fox, Bo\",b@b.co,n/a\n\"Day, Cy\",c@b.co,3\n\"Ray, Di\",d@b.co,4\n\"Poe, Ed\",e@b.co,5\n";
        let table = start(&format!("name,email,value\n{rows}")).table;
        assert_eq!((table.width, table.columns), (3, 0));
        assert_eq!(table.kinds, [Kind::Text, Kind::Email, Kind::Number]);
        assert_eq!(table.quoted, [true, false, false]);
        assert_eq!(table.cells(b"\"Lee, Ann\",a@b.co,1"), 3);
        let mixed = start("name,email,note\nAnn,a@b.co,1\nBo,b@b.co,2\nCy,c@b.co,3\nDi,d@b.co,call him\nEd,e@b.co,call her\n").table;
        assert_eq!(mixed.kinds, [Kind::Text, Kind::Email, Kind::Text], "where four in five do not agree, anything may stand");
        // Delimiters that delimit nothing.
        assert_eq!(start("name,email\nAnn,a@b.co,\nBo,b@b.co,\nCy,c@b.co,\n").table.columns, 2);
        assert_eq!(start("name,email\nAnn,a@b.co,\nBo,b@b.co,x\nCy,c@b.co,\n").table.columns, 0);
    }

    #[test]
    fn a_number_sign_begins_a_comment_only_where_no_row_begins_with_it() {
        let rows = "Ann,a@b.co,1\nBo,b@b.co,2\nCy,c@b.co,3\n".repeat(5);
        for (more, comment) in [
            ("# checked\n", Some(b'#')),
            ("# of, these, some\n", Some(b'#')),
            ("#12,n@b.co,7\n", None),
            ("#12,none given,unknown\n", None),
            ("# checked\n#12,n@b.co,7\n", None),
            ("", None),
        ] {
            assert_eq!(start(&format!("name,email,value\n{rows}{more}")).table.comment, comment, "{more:?}");
        }
    }

    #[test]
    fn a_table_goes_on_with_its_header_or_with_an_address() {
        let table = start("name,email,value\nAnn,a@b.co,1\nBo,b@b.co,2\nCy,c@b.co,3\n").table;
        for (line, goes_on) in [("Di,d@b.co,4", true), ("name,email,value", true), ("Di,none,4", false), ("agent,region,deals", false)] {
            assert_eq!(table.goes_on_with(line.as_bytes(), true), goes_on, "{line}");
        }
        let table = start("agent,region,deals\nX,North,4\nY,South,5\nZ,West,6\n").table;
        assert!(!table.goes_on_with(b"V,East,7", true), "any figures look like that");
    }
}
