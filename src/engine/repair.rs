//! A record whose quotes do not add up, read the way its writer most probably meant it.
//!
//! RFC 4180 leaves nothing open for `"5" pipe"`, a quote that was forgotten, or one too many. All ways of cutting such a
//! record into cells are compared: a cell may be plain, quoted, quoted without its first or last quote, or stand against
//! its neighbour without a delimiter; each such slip has a price. Of the ways that give as many cells as the file's
//! records have, the cheapest is taken. Where none does, a quote counts only where it opens and closes a cell, and any
//! other stays in its cell as it stands.

use super::dialect::{self, Dialect};
use super::kinds::Kind;
use super::record::Cells;

/// Whether and how a record could be explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// It was well-formed after all.
    Clean,
    /// One explanation gives the file's number of cells.
    Explained,
    /// None does: it is read as it stands.
    AsItStands,
}

/// Delimiters and cells beyond which a record is not searched for explanations: the work stays bounded.
const NODES_MAX: usize = 160;
/// Cells that one cell's quotes may have swallowed or lost.
const REACH: usize = 24;
/// Beyond this price an explanation explains too much.
const PRICE_MAX: u32 = 8;
/// The price of a delimiter that is missing beside a quote.
const ABUTTING: u32 = 4;

/// Where a cell starts and ends, and how it is understood.
type Span = (usize, usize, Cell);

/// How one cell is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Plain,
    Quoted,
    /// Opened and never closed.
    Unclosed,
    /// Closed and never opened.
    Unopened,
    /// Ends at a quote that opens the next cell: the delimiter between them is missing.
    Abutting(usize),
}

/// Reads a record without its line end into `out`. `width` is how many cells the file's records have, 0 when unknown;
/// `quoted` says of each column whether its cells stand in quotes as a habit, so that a lone quote there is half a pair.
pub fn read(record: &[u8], dialect: &Dialect, width: usize, quoted: &[bool], out: &mut Cells) -> Reading {
    out.clear();
    let Some(quote) = dialect.quote else {
        record.split(|b| *b == dialect.delimiter).for_each(|cell| out.push_field(cell));
        return Reading::Clean;
    };
    let search = Search { record, quote, dialect };
    if let Some((_, cells)) = search.cheapest(width) {
        let mut is_clean = true;
        for (at, (start, end, cell)) in cells.into_iter().enumerate() {
            is_clean &= search.push(start, end, cell, quoted.get(at).copied().unwrap_or(false), out);
        }
        return if is_clean { Reading::Clean } else { Reading::Explained };
    }
    search.as_it_stands(out);
    Reading::AsItStands
}

/// The price of the cheapest explanation that gives exactly `width` cells: 0 when nothing is wrong, about 3 for one slip.
#[must_use]
pub fn price(record: &[u8], dialect: &Dialect, width: usize) -> Option<u32> {
    let quote = dialect.quote?;
    Search { record, quote, dialect }.cheapest(width).map(|(price, _)| price)
}

/// Whether no explanation can be found: there are too many cells, or so many quotes between two letters that none is cheap
/// enough, since each costs at least 2 however it is understood. What follows the record does not change that.
pub(super) fn is_hopeless(record: &[u8], dialect: &Dialect) -> bool {
    let Some(quote) = dialect.quote else { return false };
    let is_letter = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b >= 128);
    let is_inner = |at: &usize| is_letter(at.checked_sub(1).map(|before| &record[before])) && is_letter(record.get(at + 1));
    memchr::memchr_iter(dialect.delimiter, record).nth(NODES_MAX).is_some()
        || memchr::memchr_iter(quote, record).filter(is_inner).nth(PRICE_MAX as usize / 2).is_some()
}

/// Another delimiter than the file's, by which a record has the file's number of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherDelimiter {
    /// Between the cells.
    pub delimiter: u8,
    /// Whether a space follows each.
    pub is_spaced: bool,
}

/// Finds the delimiter of a record that does not use the file's: all its cells must be well-formed by it, and where it is
/// a sign that stands in texts anyway, look like those of the columns (`kinds`), or stand in quotes.
#[must_use]
pub fn other_delimiter(record: &[u8], dialect: &Dialect, width: usize, kinds: &[Kind]) -> Option<OtherDelimiter> {
    if width < 2 {
        return None;
    }
    let others = [b',', b';', b'\t', b'|', b':', b' '].into_iter().filter(|delimiter| *delimiter != dialect.delimiter);
    for delimiter in others.filter(|delimiter| memchr::memchr_iter(*delimiter, record).count() >= width - 1) {
        let other = Dialect { delimiter, ..*dialect };
        // A sign that stands between words anyway counts only where the file's own delimiter is not in use at all.
        let is_weak = dialect::is_weak(delimiter);
        let plain = |cell: &[u8]| !is_weak || memchr::memchr(dialect.delimiter, cell).is_none();
        for is_spaced in [false, true] {
            let Some(cells) = (!(is_spaced && delimiter == b' ')).then(|| well_formed_cells(record, &other, is_spaced, plain)).flatten()
            else {
                continue;
            };
            if cells.len() == width && is_likely(&cells, dialect.quote, kinds, is_weak) {
                return Some(OtherDelimiter { delimiter, is_spaced });
            }
        }
    }
    None
}

/// Whether cells are those of the columns: data where these hold data; or all quoted but numbers.
fn is_likely(cells: &[&[u8]], quote: Option<u8>, kinds: &[Kind], is_weak: bool) -> bool {
    let unquoted = |cell: &&[u8]| quote.and_then(|quote| cell.strip_prefix(&[quote])?.strip_suffix(&[quote])).map(<[u8]>::to_vec);
    let looks: Vec<Kind> = cells.iter().map(|cell| unquoted(cell).map_or_else(|| Kind::of(cell), |inner| Kind::of(&inner))).collect();
    let (alike, unlike) = super::kinds::compare(kinds, &looks);
    let quoted = cells.iter().filter(|cell| unquoted(cell).is_some()).count();
    if is_weak {
        return (alike > 0 && unlike == 0) || (alike == 0 && quoted * 2 > cells.len());
    }
    alike > 0 || unlike == 0 || kinds.is_empty()
}

/// The cells of a record with their quotes, when every one of them is well-formed; `plain` judges those without quotes.
fn well_formed_cells<'r>(record: &'r [u8], dialect: &Dialect, is_spaced: bool, plain: impl Fn(&[u8]) -> bool) -> Option<Vec<&'r [u8]>> {
    let (mut at, mut cells) = (0, Vec::new());
    loop {
        if is_spaced && !cells.is_empty() {
            at = record.get(at).filter(|b| **b == b' ').map(|_| at + 1)?;
        }
        let rest = &record[at..];
        let end = match dialect.quote {
            Some(quote) if rest.first() == Some(&quote) => {
                let end = dialect.closing_quote(record, at + 1)? + 1;
                record.get(end).is_none_or(|byte| *byte == dialect.delimiter).then_some(end)?
            }
            quote => {
                let end = memchr::memchr(dialect.delimiter, rest).map_or(record.len(), |found| at + found);
                let cell = &record[at..end];
                let has_quote = quote.is_some_and(|quote| memchr::memchr(quote, cell).is_some());
                (!has_quote && !has_line_end(cell) && plain(cell)).then_some(end)?
            }
        };
        cells.push(&record[at..end]);
        if end >= record.len() {
            return Some(cells);
        }
        at = end + 1;
    }
}

struct Search<'a> {
    record: &'a [u8],
    quote: u8,
    dialect: &'a Dialect,
}

/// The best way known to reach a node with a number of cells.
#[derive(Clone, Copy)]
struct Step {
    price: u32,
    /// Cells so far.
    total: usize,
    from: usize,
    /// Cells of this step.
    cells: usize,
    cell: Cell,
}

impl Search<'_> {
    /// The cheapest explanation with exactly `width` cells: its price, and the cells as (start, end, how).
    fn cheapest(&self, width: usize) -> Option<(u32, Vec<Span>)> {
        let ends: Vec<usize> = memchr::memchr_iter(self.dialect.delimiter, self.record).chain([self.record.len()]).collect();
        let nodes = ends.len();
        if width == 0 || width > NODES_MAX || nodes > NODES_MAX || width > nodes * 2 || is_hopeless(self.record, self.dialect) {
            return None;
        }
        let start = |node: usize| if node == 0 { 0 } else { ends[node - 1] + 1 };
        if nodes == width
            && let Some(found) = self.one_by_one(&ends)
        {
            return Some(found);
        }
        let has_edges = |node: usize| {
            let cell = self.dialect.unpadded(&self.record[start(node)..ends[node]]);
            (cell.first() == Some(&self.quote), cell.last() == Some(&self.quote))
        };
        let edges: Vec<(bool, bool)> = (0..nodes).map(has_edges).collect();
        // The ways to reach a node, one for each number of cells.
        let mut best: Vec<Vec<Step>> = vec![Vec::new(); nodes + 1];
        best[0].push(Step { price: 0, total: 0, from: 0, cells: 0, cell: Cell::Plain });
        for node in 0..nodes {
            let reached = std::mem::take(&mut best[node]);
            let last = if reached.is_empty() { node } else { nodes.min(node + REACH) };
            for next in node + 1..=last {
                if next > node + 1 && !edges[node].0 && !edges[next - 1].1 {
                    continue; // only a quote at one of its edges makes several cells one
                }
                for (price, cells, cell) in self.ways(start(node), ends[next - 1], next - node) {
                    for before in &reached {
                        let step = Step { price: before.price + price, total: before.total + cells, from: node, cells, cell };
                        if step.price > PRICE_MAX || step.total > width {
                            continue;
                        }
                        match best[next].iter_mut().find(|known| known.total == step.total) {
                            Some(known) if step.price < known.price => *known = step,
                            Some(_) => {}
                            None => best[next].push(step),
                        }
                    }
                }
            }
            best[node] = reached;
        }
        let to = |node: usize, cells: usize| best[node].iter().find(|step| step.total == cells).copied();
        let price = to(nodes, width)?.price;
        let (mut node, mut cells) = (nodes, width);
        let mut found = Vec::with_capacity(width);
        while node > 0 {
            let Step { from, cells: own, cell, .. } = to(node, cells)?;
            found.push((start(from), ends[node - 1], cell));
            (node, cells) = (from, cells - own);
        }
        found.reverse();
        Some((price, found))
    }

    /// Each cell by itself, between its own two delimiters: where that is cheap, nothing else can be cheaper.
    fn one_by_one(&self, ends: &[usize]) -> Option<(u32, Vec<Span>)> {
        let (mut at, mut price, mut found) = (0, 0, Vec::with_capacity(ends.len()));
        for end in ends {
            let cheapest = self.ways(at, *end, 1).filter(|(_, cells, _)| *cells == 1).min_by_key(|(price, ..)| *price);
            let (own, _, cell) = cheapest?;
            price += own;
            if price >= ABUTTING {
                return None; // to join cells another one must be cut in two, at this price
            }
            found.push((at, *end, cell));
            at = end + 1;
        }
        Some((price, found))
    }

    /// The ways of reading the bytes between two delimiters, `spans` delimiters apart, with price and number of cells.
    fn ways(&self, start: usize, end: usize, spans: usize) -> impl Iterator<Item = (u32, usize, Cell)> {
        let cell = &self.record[start..end];
        let trimmed = self.dialect.unpadded(cell);
        let opens = trimmed.first() == Some(&self.quote);
        let closes = trimmed.len() > 1 && trimmed.last() == Some(&self.quote);
        let is_edged = opens || closes; // without a quote at either edge only a plain cell is left
        let lines = (spans == 1 || is_edged) && has_line_end(cell);
        let further = u32::try_from(spans - 1).unwrap_or(PRICE_MAX);
        let is_near = 3 + further <= PRICE_MAX;

        let has_pair = || memchr::memmem::find(cell, &[self.quote; 2]).is_some();
        let plain = (spans == 1 && !lines).then(|| (u32::from(opens) + 2 * count(cell, self.quote), 1, Cell::Plain));
        let in_quotes = (opens && closes).then(|| (self.strays(&trimmed[1..trimmed.len() - 1]), 1, Cell::Quoted));
        let unclosed = (opens && !closes && is_near && (spans > 1 || lines || has_pair()))
            .then(|| (3 + further + 2 * self.strays(&trimmed[1..]), 1, Cell::Unclosed));
        let unopened = (!opens && closes && !lines && is_near && (spans > 1 || has_pair()))
            .then(|| (3 + further + 2 * self.strays(&trimmed[..trimmed.len() - 1]), 1, Cell::Unopened));
        let abutting = if is_edged { self.abutting(cell) } else { None };
        let abutting = abutting.map(|(price, at)| (price, 2, Cell::Abutting(start + at)));
        [plain, in_quotes, unclosed, unopened, abutting].into_iter().flatten()
    }

    /// The price of what stands between two quotes: a doubled quote is free, a lone one is a slip, and a greater one
    /// where it looks like the end of a cell.
    fn strays(&self, inner: &[u8]) -> u32 {
        let (mut at, mut price) = (0, 0);
        while let Some(position) = self.dialect.closing_quote(inner, at) {
            let behind = position + 1 + self.dialect.padding(&inner[position + 1..]);
            price += if inner.get(behind) == Some(&self.dialect.delimiter) { 3 } else { 2 };
            if price > PRICE_MAX {
                return price; // no explanation can use it
            }
            at = position + 1;
        }
        price
    }

    /// Two cells without a delimiter between them, one of them in quotes: `a"b, c"` or `"b, c"a`.
    fn abutting(&self, cell: &[u8]) -> Option<(u32, usize)> {
        let first = memchr::memchr(self.quote, cell)?;
        let last = memchr::memrchr(self.quote, cell)?;
        if first == last || last - first < 2 {
            return None;
        }
        let (before, inner, after) = (&cell[..first], &cell[first + 1..last], &cell[last + 1..]);
        // A quote behind a delimiter opens a cell, and one before a delimiter closes it: nothing abuts there.
        if inner.first() == Some(&self.dialect.delimiter) || inner.last() == Some(&self.dialect.delimiter) {
            return None;
        }
        let price = ABUTTING + self.strays(inner);
        let is_one_cell = |plain: &[u8]| !has_line_end(plain) && memchr::memchr(self.dialect.delimiter, plain).is_none();
        match (self.dialect.unpadded(before).is_empty(), self.dialect.unpadded(after).is_empty()) {
            (false, true) if is_one_cell(before) => Some((price, first)),
            (true, false) if is_one_cell(after) => Some((price, last + 1)),
            _ => None,
        }
    }

    /// Appends a cell; whether it was well-formed.
    fn push(&self, start: usize, end: usize, cell: Cell, by_habit: bool, out: &mut Cells) -> bool {
        let text = &self.record[start..end];
        match cell {
            Cell::Plain if by_habit && count(text, self.quote) == 1 => {
                let trimmed = self.dialect.unpadded(text);
                let half = trimmed.strip_prefix(&[self.quote]).or_else(|| trimmed.strip_suffix(&[self.quote]));
                out.push_field(half.unwrap_or(text));
            }
            Cell::Plain => {
                out.push_field(text);
                // Quotes in pairs within a cell are part of what it says: `Max "Maxi" Muster`.
                return count(text, self.quote).is_multiple_of(2) && text.first() != Some(&self.quote);
            }
            Cell::Quoted => {
                let trimmed = self.dialect.unpadded(text);
                let inner = &trimmed[1..trimmed.len() - 1];
                self.push_unquoted(inner, out);
                return self.strays(inner) == 0;
            }
            Cell::Unclosed => self.push_unquoted(&self.dialect.unpadded(text)[1..], out),
            Cell::Unopened => {
                let trimmed = self.dialect.unpadded(text);
                self.push_unquoted(&trimmed[..trimmed.len() - 1], out);
            }
            Cell::Abutting(at) => {
                for part in [&self.record[start..at], &self.record[at..end]] {
                    let trimmed = self.dialect.unpadded(part);
                    let is_quoted = trimmed.len() > 1 && trimmed.first() == Some(&self.quote) && trimmed.last() == Some(&self.quote);
                    if is_quoted { self.push_unquoted(&trimmed[1..trimmed.len() - 1], out) } else { out.push_field(part) }
                }
            }
        }
        false
    }

    /// Appends what stood between quotes: doubled or escaped quotes become one.
    fn push_unquoted(&self, inner: &[u8], out: &mut Cells) {
        push_unquoted(inner, self.quote, self.dialect.escape, out);
    }

    /// A quote counts where it opens a cell and another closes it; everything else is taken literally.
    fn as_it_stands(&self, out: &mut Cells) {
        let (record, delimiter) = (self.record, self.dialect.delimiter);
        let (mut at, mut may_close) = (0, true);
        loop {
            let rest = &record[at..];
            let spaces = self.dialect.padding(rest);
            let opens = may_close && rest.get(spaces) == Some(&self.quote);
            let closed = opens.then(|| self.closing(at + spaces + 1)).flatten();
            may_close &= !opens || closed.is_some(); // where one is never closed, none behind it is looked for
            let end = if let Some((close, end)) = closed {
                self.push_unquoted(&record[at + spaces + 1..close], out);
                end
            } else {
                let end = memchr::memchr(delimiter, rest).map_or(record.len(), |found| at + found);
                out.push_field(&record[at..end]);
                end
            };
            if end >= record.len() {
                return;
            }
            at = end + 1;
        }
    }

    /// The quote that closes a cell opened before `at`, one that a delimiter or the end follows, and where the cell ends.
    fn closing(&self, mut at: usize) -> Option<(usize, usize)> {
        while let Some(position) = self.dialect.closing_quote(self.record, at) {
            let rest = &self.record[position + 1 + self.dialect.padding(&self.record[position + 1..])..];
            if rest.first().is_none_or(|b| *b == self.dialect.delimiter) {
                return Some((position, self.record.len() - rest.len()));
            }
            at = position + 1;
        }
        None
    }
}

/// Appends what stood between two quotes: doubled or escaped quotes become one, and an escaped escape, too.
pub(super) fn push_unquoted(inner: &[u8], quote: u8, escape: Option<u8>, out: &mut Cells) {
    let special = escape.unwrap_or(quote);
    if memchr::memchr(special, inner).is_none() {
        return out.push_field(inner);
    }
    let mut cell = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let takes_next = match bytes.peek() {
            Some(next) if escape == Some(byte) => *next == quote || *next == byte,
            Some(next) => escape.is_none() && byte == quote && *next == quote,
            None => false,
        };
        cell.push(if takes_next { bytes.next().unwrap_or(byte) } else { byte });
    }
    out.push_field(&cell);
}

fn count(text: &[u8], quote: u8) -> u32 {
    u32::try_from(memchr::memchr_iter(quote, text).count()).unwrap_or(PRICE_MAX)
}

fn has_line_end(text: &[u8]) -> bool {
    memchr::memchr2(b'\n', b'\r', text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(record: &str, width: usize, quoted: &[bool], expected: &[&str]) {
        let mut out = Cells::new();
        read(record.as_bytes(), &Dialect::default(), width, quoted, &mut out);
        let cells: Vec<&str> = out.iter().map(|cell| std::str::from_utf8(cell).expect("text")).collect();
        assert_eq!(cells, expected, "{record}");
    }

    #[test]
    fn a_stray_quote_stays_in_its_cell() {
        for (record, expected) in [
            (r#"a,5" pipe,c"#, [r"a", r#"5" pipe"#, "c"]),
            (r#"a,"5" pipe",c"#, ["a", r#"5" pipe"#, "c"]),
            (r#"a,"b,c"#, ["a", r#""b"#, "c"]),
            (r#"a,b",c"#, ["a", r#"b""#, "c"]),
            (r#"a,""foo, bar",c"#, ["a", r#""foo, bar"#, "c"]),
            (r#"a,"foo, bar"",c"#, ["a", r#"foo, bar""#, "c"]),
            (r#"a,"foo", bar",c"#, ["a", r#"foo", bar"#, "c"]),
            (r#"a,"say ""hi"" now",c"#, ["a", r#"say "hi" now"#, "c"]),
        ] {
            check(record, 3, &[], &expected);
        }
    }

    #[test]
    fn a_quote_that_is_missing_is_put_back() {
        for (record, expected) in [
            (r#"a,"foo, bar,c"#, ["a", "foo, bar", "c"]),
            (r#"a,foo, bar",c"#, ["a", "foo, bar", "c"]),
            (r#"a"foo, bar",c"#, ["a", "foo, bar", "c"]),
            (r#"a,"foo, bar"c"#, ["a", "foo, bar", "c"]),
        ] {
            check(record, 3, &[], &expected);
        }
        check(r#""a,"b","c""#, 3, &[true; 3], &["a", "b", "c"]);
        check(r#""a","b,"c""#, 3, &[true; 3], &["a", "b", "c"]);
        check(r#""a","b","c"#, 3, &[true; 3], &["a", "b", "c"]);
        check(r#"a","b","c""#, 3, &[true; 3], &["a", "b", "c"]);
        check(r#""a",b","c""#, 3, &[true; 3], &["a", "b", "c"]);
    }

    #[test]
    fn spaces_around_quotes_are_padding() {
        check(r#"a, "b, c" , d"#, 3, &[], &["a", "b, c", " d"]);
    }

    #[test]
    fn without_an_explanation_it_is_read_as_it_stands() {
        check(r#"a,"b"c,d,e,f"#, 3, &[], &["a", r#""b"c"#, "d", "e", "f"]);
        check(r#""a","b"#, 0, &[], &["a", r#""b"#]);
    }

    #[test]
    fn work_is_bounded() {
        let hostile = "\"a\",b\"c,".repeat(5000);
        let mut out = Cells::new();
        assert_eq!(read(hostile.as_bytes(), &Dialect::default(), 7, &[], &mut out), Reading::AsItStands);
    }

    #[test]
    fn an_escaped_quote_is_part_of_its_cell() {
        let dialect = Dialect { escape: Some(b'\\'), ..Dialect::default() };
        for (record, expected, reading) in [
            (r#"a,"say \"hi\" now",c"#, ["a", r#"say "hi" now"#, "c"], Reading::Clean),
            (r#"a,"C:\\",c"#, ["a", r"C:\", "c"], Reading::Clean),
            (r#"a,"x\y",c"#, ["a", r"x\y", "c"], Reading::Clean),
        ] {
            let mut out = Cells::new();
            assert_eq!(read(record.as_bytes(), &dialect, 3, &[], &mut out), reading, "{record}");
            assert_eq!(out, Cells::from(expected.to_vec()), "{record}");
        }
    }

    #[test]
    fn doubled_quotes_close_nothing_in_a_record_read_as_it_stands() {
        check(r#""say ""hi""",b"#, 0, &[], &[r#"say "hi""#, "b"]);
        check(r#""say ""hi"", you",b"#, 0, &[], &[r#"say "hi", you"#, "b"]);
    }

    #[test]
    fn a_row_by_another_delimiter_than_the_file_is_known_by_its_cells() {
        let lead = [Kind::Text, Kind::Email, Kind::Number];
        for (record, kinds, expected) in [
            ("Ann;a@b.co;1", &lead[..], Some(b';')),
            ("Ann\ta@b.co\t1", &lead, Some(b'\t')),
            ("\"Lee; Ann\";a@b.co;1", &lead, Some(b';')),
            ("\"Lee\" Ann;a@b.co;1", &lead, None),
            ("Ann;a@b.co", &lead, None),
            ("Ann\nLee;a@b.co;1", &lead, None),
            // A sign that stands in texts anyway needs more: data where data belongs, or cells in quotes.
            ("Ann:a@b.co:1", &lead, Some(b':')),
            ("Ann:none:many", &lead, None),
            ("\"Ann\":\"none\":\"many\"", &lead, Some(b':')),
            ("Ann:a@b.co:1,5", &lead, None),
            ("\"Ann\":none", &lead[..2], None),
        ] {
            let found = other_delimiter(record.as_bytes(), &Dialect::default(), kinds.len(), kinds);
            assert_eq!(found.map(|other| other.delimiter), expected, "{record:?}");
        }
    }
}
