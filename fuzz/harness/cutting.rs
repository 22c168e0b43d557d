//! A text cut as the reader of files cuts it, and the records that come out of it.

use std::ops::Range;

use valhalla_ingest::engine::chunk::Chunk;
use valhalla_ingest::engine::record::Cells;
use valhalla_ingest::engine::records::{Found, Records};
use valhalla_ingest::engine::split::{self, Cut};
use valhalla_ingest::engine::table::Table;

/// What the cutter takes off the front at a time, as ranges of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Whole records.
    Records(Range<usize>),
    /// A record beyond the limit, to the end of its line.
    Oversize(Range<usize>),
    /// What stands behind the table.
    Beyond(Range<usize>),
}

/// How a text is cut.
#[derive(Debug, Clone, Copy)]
pub struct Cutting<'t> {
    pub table: &'t Table,
    /// Bytes of a record at most.
    pub limit: usize,
    /// Bytes looked at in the beginning.
    pub chunk_bytes: usize,
}

impl Part {
    fn range(&self) -> &Range<usize> {
        let (Self::Records(range) | Self::Oversize(range) | Self::Beyond(range)) = self;
        range
    }

    /// The part as the workers get it.
    pub fn chunk(&self, text: &[u8]) -> Chunk {
        let is_ended = |range: &Range<usize>| matches!(text[range.clone()].last(), Some(b'\r' | b'\n'));
        match self {
            Self::Records(range) => Chunk::Records(text[range.clone()].to_vec()),
            Self::Oversize(range) => Chunk::Oversize { offset: range.start as u64, lines: u64::from(is_ended(range)) },
            Self::Beyond(range) => Chunk::Beyond { lines: split::count_lines(&text[range.clone()]) + u64::from(!is_ended(range)) },
        }
    }
}

impl Cutting<'_> {
    /// Cuts everything from `start` on. Every byte is in one part, and the parts stand in their order.
    pub fn parts(&self, text: &[u8], start: usize) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut at = start;
        while at < text.len() {
            let part = self.next(text, at);
            assert!(part.range().start == at && part.range().end > at && part.range().end <= text.len(), "{part:?} at {at}");
            at = part.range().end;
            parts.push(part);
        }
        parts
    }

    /// As the cutter does: with so many bytes, and with twice as many while they are too few.
    fn next(&self, text: &[u8], at: usize) -> Part {
        let rest = &text[at..];
        let mut window = self.chunk_bytes;
        loop {
            let is_end = rest.len() < window;
            match split::cut(&rest[..rest.len().min(window)], self.table, self.limit, is_end) {
                Cut::Records(length) => return Part::Records(at..at + length),
                Cut::Oversize => return Part::Oversize(at..at + split::end_of_line(rest).unwrap_or(rest.len())),
                Cut::TableEnd(length) => {
                    assert!(length < rest.len(), "the end of a table with nothing behind it");
                    return Part::Beyond(at..self.beyond(text, at));
                }
                Cut::More => assert!(!is_end, "more is wanted at the end of the text"),
            }
            window *= 2;
        }
    }

    /// Where the table goes on, or the text ends.
    fn beyond(&self, text: &[u8], mut at: usize) -> usize {
        let mut window = self.chunk_bytes;
        loop {
            let rest = &text[at..];
            let is_end = rest.len() < window;
            let (passed, goes_on) = split::pass_beyond(&rest[..rest.len().min(window)], self.table, self.limit, is_end);
            at += passed;
            if goes_on || (is_end && at == text.len()) {
                return at;
            }
            assert!(passed > 0 || !is_end, "nothing is passed at the end of the text");
            window = if passed == 0 { window * 2 } else { self.chunk_bytes };
        }
    }

    /// The records of a text from `start` on, in whatever parts: where each begins, its line, whether it is a row, its cells.
    pub fn rows(&self, text: &[u8], start: usize) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut lines = 0;
        for part in self.parts(text, start) {
            match &part {
                Part::Records(range) => lines += self.rows_of(text, range, lines, &mut rows),
                Part::Oversize(range) => {
                    rows.push(Row { range: range.clone(), line: lines + 1, kind: RowKind::Oversize, cells: Vec::new() });
                    lines += split::count_lines(&text[range.clone()]);
                }
                Part::Beyond(range) => {
                    rows.push(Row { range: range.clone(), line: lines + 1, kind: RowKind::Beyond, cells: Vec::new() });
                    lines += split::count_lines(&text[range.clone()]);
                }
            }
        }
        rows
    }

    /// The records of one part, and how many lines they have.
    fn rows_of(&self, text: &[u8], range: &Range<usize>, lines_before: u64, rows: &mut Vec<Row>) -> u64 {
        let bytes = &text[range.clone()];
        let mut records = Records::new(bytes, self.table, self.limit);
        let mut record = Cells::new();
        let mut behind = 0;
        while let Some(found) = records.next(&mut record) {
            let (start, end) = (records.start(), records.offset());
            assert!(start < end && end <= bytes.len(), "a record from {start} to {end} of {}", bytes.len());
            assert!(end - start <= self.limit, "a record of {} bytes, the limit is {}", end - start, self.limit);
            assert!(bytes[behind..start].iter().all(|byte| matches!(byte, b'\r' | b'\n')), "bytes {behind} to {start} are in no record");
            behind = end;
            let (line, kind) = match found {
                Found::Row { line, .. } => (line, RowKind::Row),
                Found::Skipped { line, .. } => (line, RowKind::Skipped),
            };
            assert_eq!(line, 1 + split::count_lines(&bytes[..start]), "the line of the record at {start}");
            let cells = record.iter().map(<[u8]>::to_vec).collect();
            rows.push(Row { range: range.start + start..range.start + end, line: lines_before + line, kind, cells });
        }
        assert!(bytes[behind..].iter().all(|byte| matches!(byte, b'\r' | b'\n')), "what follows byte {behind} is in no record");
        assert_eq!(records.lines(), split::count_lines(bytes), "lines of the part");
        records.lines()
    }
}

/// One record found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub range: Range<usize>,
    pub line: u64,
    pub kind: RowKind,
    pub cells: Vec<Vec<u8>>,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    Row,
    Skipped,
    Oversize,
    Beyond,
}

impl Row {
    /// Whether it counts as a data record.
    pub fn is_data(&self) -> bool {
        let record: Cells = self.cells.iter().collect();
        match self.kind {
            RowKind::Row => !valhalla_ingest::engine::cells::is_blank(&record),
            RowKind::Oversize => true,
            RowKind::Skipped | RowKind::Beyond => false,
        }
    }
}
