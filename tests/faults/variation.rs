//! A variation: the bytes of a file with one fault, and how its owner would read it.

use std::sync::Arc;

/// The cells of one row, shared between the many readings that hold it.
pub type Row = Arc<[String]>;

/// A row of these cells.
pub fn row<S: Into<String>>(cells: impl IntoIterator<Item = S>) -> Row {
    cells.into_iter().map(Into::into).collect()
}

/// What a file says: the names of its columns, and its records.
#[derive(Clone, PartialEq, Debug)]
pub struct Reading {
    pub header: Row,
    pub records: Vec<Row>,
}

impl Reading {
    /// A reading of nothing.
    pub fn empty() -> Self {
        Reading { header: Arc::new([]), records: Vec::new() }
    }

    /// The same without records of only empty cells, which are no records.
    pub fn without_empty(mut self) -> Self {
        self.records.retain(|row| row.iter().any(|cell| !cell.is_empty()));
        self
    }

    /// Header (line 0) or record (from line 1).
    pub fn line(&self, line: usize) -> &Row {
        if line == 0 { &self.header } else { &self.records[line - 1] }
    }

    /// The same with other records instead of one line; line 0 is the header and takes the first of them.
    pub fn with_line(&self, line: usize, instead: &[Row]) -> Reading {
        let mut reading = self.clone();
        if line == 0 {
            reading.header = instead[0].clone();
            reading.records.splice(0..0, instead[1..].iter().cloned());
        } else {
            reading.records.splice(line - 1..line, instead.iter().cloned());
        }
        reading
    }

    /// The same with one cell of one line replaced by these cells.
    pub fn with_cell(&self, line: usize, column: usize, cells: &[&str]) -> Reading {
        self.with_line(line, &[replaced(self.line(line), column, 1, cells)])
    }
}

/// A row with `count` cells from `column` on replaced by others.
pub fn replaced(of: &Row, column: usize, count: usize, cells: &[&str]) -> Row {
    let mut all = of.to_vec();
    all.splice(column..column + count, cells.iter().map(ToString::to_string));
    all.into()
}

/// A file with one fault.
pub struct Variation {
    pub class: &'static str,
    pub name: String,
    pub bytes: Vec<u8>,
    /// Readings that its owner would take, the natural one first.
    pub expected: Vec<Reading>,
}

impl Variation {
    pub fn new(class: &'static str, name: impl Into<String>, bytes: impl Into<Vec<u8>>, expected: Reading) -> Self {
        Variation { class, name: name.into(), bytes: bytes.into(), expected: vec![expected] }
    }

    /// Where the fault can honestly be read in another way as well.
    pub fn or(mut self, readings: impl IntoIterator<Item = Reading>) -> Self {
        for reading in readings {
            if !self.expected.contains(&reading) {
                self.expected.push(reading);
            }
        }
        self
    }
}
