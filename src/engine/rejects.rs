//! The rows given back to people, and their way in again: rendering and its exact inverse.
//!
//! A cell that a spreadsheet would run gets a leading `'`; where one was, it is doubled, so that taking one off is
//! always right. Only files that we write for people are treated so; stored data never is.

use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

use super::record::Cells;
use super::{amount, phone};

/// Where a rejected row came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This file; the row within its chunk.
    Here(u64),
    /// A row of an earlier job, on its way back.
    Earlier(RowOf),
}

/// A row of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowOf {
    /// The job that rejected it.
    pub job: Uuid,
    /// Its row there.
    pub row: u64,
}

/// The rejected rows of one chunk, rendered but for their row numbers, which only the committer knows.
#[derive(Debug, Default)]
pub struct RejectBatch {
    bytes: Vec<u8>,
    rows: Vec<Reject>,
}

/// One rejected row.
#[derive(Debug, Clone, Copy)]
pub struct Reject {
    /// Where it came from.
    pub origin: Origin,
    /// Hash of its cells, so that a file in which nothing was changed can be told.
    pub cells_hash: u64,
    head_end: usize,
    tail_end: usize,
}

impl RejectBatch {
    /// How many rows it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Each row with the bytes before and after its number.
    pub fn iter(&self) -> impl Iterator<Item = (Reject, &[u8], &[u8])> {
        let mut start = 0;
        self.rows.iter().map(move |row| {
            let parts = (*row, &self.bytes[start..row.head_end], &self.bytes[row.head_end..row.tail_end]);
            start = row.tail_end;
            parts
        })
    }

    /// Appends a row: its first `columns` cells, `_row`, `_errors`, `_job`, then the cells beyond the header.
    pub(super) fn push(&mut self, record: &Cells, columns: usize, delimiter: u8, origin: Origin, errors: &str, this_job: &str) {
        for at in 0..columns {
            write_cell(&mut self.bytes, &text(record.get(at).unwrap_or_default()), delimiter);
            self.bytes.push(delimiter);
        }
        let head_end = self.bytes.len();
        self.bytes.push(delimiter);
        write_cell(&mut self.bytes, errors, delimiter);
        self.bytes.push(delimiter);
        match origin {
            Origin::Here(_) => self.bytes.extend_from_slice(this_job.as_bytes()),
            Origin::Earlier(earlier) => self.bytes.extend_from_slice(earlier.job.to_string().as_bytes()),
        }
        for cell in record.iter().skip(columns) {
            self.bytes.push(delimiter);
            write_cell(&mut self.bytes, &text(cell), delimiter);
        }
        self.bytes.extend_from_slice(b"\r\n");
        self.rows.push(Reject { origin, cells_hash: cells_hash(record), head_end, tail_end: self.bytes.len() });
    }
}

/// The first line of a rejects file, with the byte order mark that makes spreadsheets read it right.
#[must_use]
pub fn header_line(header: &[String], delimiter: u8) -> Vec<u8> {
    let mut line = "\u{feff}".as_bytes().to_vec();
    for name in header {
        write_cell(&mut line, name, delimiter);
        line.push(delimiter);
    }
    let ours = super::plan::REJECT_COLUMNS.join(std::str::from_utf8(&[delimiter]).unwrap_or(","));
    line.extend_from_slice(ours.as_bytes());
    line.extend_from_slice(b"\r\n");
    line
}

/// One figure for a set of rejected rows, whatever their order: add the digests of the rows, wrapping.
#[must_use]
pub fn row_digest(row: RowOf, cells_hash: u64) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(row.job.as_bytes());
    hasher.update(&row.row.to_le_bytes());
    hasher.update(&cells_hash.to_le_bytes());
    hasher.digest()
}

/// Takes a returning row apart: its own cells restored, and the row it comes from.
///
/// `columns` is the width of the header without our three; `known` says which jobs are ours, because only their cells
/// were made safe for spreadsheets.
pub(super) fn restore(record: &Cells, columns: usize, known: impl Fn(Uuid) -> bool, out: &mut Cells) -> Option<RowOf> {
    let cell = |at: usize| record.get(at).and_then(|cell| std::str::from_utf8(cell).ok()).map(str::trim);
    let job = cell(columns + 2).and_then(|id| Uuid::parse_str(id).ok()).filter(|id| known(*id));
    let row = cell(columns).and_then(|row| row.parse().ok());
    let origin = job.zip(row).map(|(job, row)| RowOf { job, row });
    out.clear();
    let beyond: Vec<&[u8]> = record.iter().skip(columns + 3).collect();
    let beyond = &beyond[..beyond.iter().rposition(|cell| !cell.is_empty()).map_or(0, |at| at + 1)];
    for cell in record.iter().take(columns).chain(beyond.iter().copied()) {
        out.push_field(if origin.is_some() { unprotect(cell) } else { cell });
    }
    origin
}

/// Whether a spreadsheet would run this cell.
#[must_use]
pub fn is_formula(cell: &str) -> bool {
    match cell.as_bytes().first() {
        Some(b'=' | b'@' | b'\t' | b'\r') => true,
        Some(b'+' | b'-') => cell.len() > 1 && !is_number_or_phone(cell),
        _ => false,
    }
}

/// Appends a cell made safe for spreadsheets and quoted where RFC 4180 asks for it.
pub fn write_cell(out: &mut Vec<u8>, cell: &str, delimiter: u8) {
    let protect = cell.starts_with('\'') || is_formula(cell);
    let quote = cell.bytes().any(|b| matches!(b, b'"' | b'\r' | b'\n') || b == delimiter);
    if quote {
        out.push(b'"');
    }
    if protect {
        out.push(b'\'');
    }
    if quote {
        for (at, part) in cell.split('"').enumerate() {
            if at > 0 {
                out.extend_from_slice(b"\"\"");
            }
            out.extend_from_slice(part.as_bytes());
        }
        out.push(b'"');
    } else {
        out.extend_from_slice(cell.as_bytes());
    }
}

fn unprotect(cell: &[u8]) -> &[u8] {
    cell.strip_prefix(b"'").unwrap_or(cell)
}

/// The cheapest look first: a list has more phones than anything else that begins like a formula.
fn is_number_or_phone(cell: &str) -> bool {
    is_phone_like(cell.as_bytes()) || amount::is_plain_number(cell) || phone::is_plain_number(cell)
}

/// A plus and enough digits with nothing but the signs that people put between them: a phone, be it a wrong one.
pub(super) fn is_phone_like(cell: &[u8]) -> bool {
    let Some(rest) = cell.strip_prefix(b"+") else { return false };
    let mut digits = 0;
    for byte in rest {
        match byte {
            b'0'..=b'9' => digits += 1,
            b' ' | b'-' | b'.' | b'(' | b')' | b'/' => {}
            _ => return false,
        }
    }
    (7..=20).contains(&digits)
}

fn text(cell: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(cell)
}

/// A missing cell and an empty one at the end of a row are the same to a spreadsheet, and so to this hash.
fn cells_hash(record: &Cells) -> u64 {
    let filled = record.iter().collect::<Vec<_>>();
    let width = filled.iter().rposition(|cell| !cell.is_empty()).map_or(0, |at| at + 1);
    let mut hasher = Xxh3::new();
    for cell in &filled[..width] {
        hasher.update(&(cell.len() as u64).to_le_bytes());
        hasher.update(cell);
    }
    hasher.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run() {
        for (cell, formula) in [
            ("=SUM(A1)", true),
            ("@SUM(A1)", true),
            ("+1+cmd|' /C calc'!A0", true),
            ("-1+1", true),
            ("\tx", true),
            ("-5", false),
            ("-1,234.50", false),
            ("+46 70 123 45 67", false),
            ("+1 (204) 786-8901", false),
            ("+28-055-123-4567", false),
            ("+1+2345678", true),
            ("-", false),
            ("plain", false),
            ("", false),
        ] {
            assert_eq!(is_formula(cell), formula, "{cell:?}");
        }
    }

    #[test]
    fn every_cell_comes_back_as_it_was() {
        let job = Uuid::from_u128(7);
        let cells = ["=1+1", "'quoted", "''twice", "-5", "a;b\"c\r\nd", "", "+46 70", "\u{feff}x", "=\"x\""];
        let record = Cells::from(cells.to_vec());
        let mut batch = RejectBatch::default();
        batch.push(&record, 7, b';', Origin::Here(3), "wrong | =really", &job.to_string());
        let (reject, head, tail) = batch.iter().next().expect("one row");
        let line = [head, b"3", tail].concat();
        let read = csv::ReaderBuilder::new().has_headers(false).delimiter(b';').from_reader(&line[..]).byte_records().next();
        let mut restored = Cells::new();
        let read: Cells = read.expect("a row").expect("readable").iter().collect();
        let origin = restore(&read, 7, |id| id == job, &mut restored);
        assert_eq!(origin, Some(RowOf { job, row: 3 }));
        assert_eq!(restored.iter().collect::<Vec<_>>(), record.iter().collect::<Vec<_>>());
        assert_eq!(cells_hash(&restored), reject.cells_hash);
    }

    #[test]
    fn a_row_we_do_not_know_is_left_as_it_is() {
        let record = Cells::from(vec!["'x", "1", "", "not-a-job"]);
        let mut restored = Cells::new();
        assert_eq!(restore(&record, 1, |_| true, &mut restored), None);
        assert_eq!(restored.iter().collect::<Vec<_>>(), [b"'x"]);
    }

    #[test]
    fn a_changed_row_has_another_hash_and_an_empty_cell_at_its_end_changes_nothing() {
        let hash = |cells: &[&str]| cells_hash(&Cells::from(cells.to_vec()));
        assert_eq!(hash(&["Ann", "a@b.co"]), hash(&["Ann", "a@b.co", "", ""]));
        for other in [&["Ann", "a@b.com"][..], &["", "Ann", "a@b.co"], &["Anna", "@b.co"], &["Ann"], &[]] {
            assert_ne!(hash(&["Ann", "a@b.co"]), hash(other), "{other:?}");
        }
        let digest = |job: u128, row, hash| row_digest(RowOf { job: Uuid::from_u128(job), row }, hash);
        assert_eq!(digest(7, 3, 5), digest(7, 3, 5));
        assert!([digest(8, 3, 5), digest(7, 4, 5), digest(7, 3, 6)].iter().all(|other| *other != digest(7, 3, 5)));
    }
}
