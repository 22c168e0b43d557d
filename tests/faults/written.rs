//! Writing rows down under a dialect, cell by cell, so that a fault can be put in at any place.

use super::variation::{Reading, Row};

/// Which cells are quoted.
#[derive(Clone, Copy, PartialEq)]
pub enum Quoting {
    /// Those that need it.
    Minimal,
    /// All texts: everything that is neither empty nor a number.
    Texts,
    /// All cells.
    All,
}

/// How an inner quote is written.
#[derive(Clone, Copy, PartialEq)]
pub enum Escape {
    Doubled,
    Backslash,
    /// Not at all, which is a fault.
    Missing,
}

/// How a program writes a file.
#[derive(Clone, Copy)]
pub struct Dialect {
    pub delimiter: &'static str,
    pub quote: char,
    pub escape: Escape,
    pub quoting: Quoting,
    pub end: &'static str,
}

impl Dialect {
    /// RFC 4180 with quotes where they are needed.
    pub const RFC: Dialect = Dialect { delimiter: ",", quote: '"', escape: Escape::Doubled, quoting: Quoting::Minimal, end: "\r\n" };

    /// One cell as it is written.
    pub fn cell(&self, text: &str) -> String {
        let is_quoted = match self.quoting {
            Quoting::Minimal => self.must_quote(text),
            Quoting::Texts => self.must_quote(text) || (!text.is_empty() && text.parse::<f64>().is_err()),
            Quoting::All => true,
        };
        if is_quoted { self.quoted(text) } else { text.to_string() }
    }

    fn must_quote(&self, text: &str) -> bool {
        let sign = self.delimiter.chars().next().expect("a delimiter is a sign");
        text.contains([self.quote, sign, '\r', '\n'])
    }

    /// A cell in quotes.
    pub fn quoted(&self, text: &str) -> String {
        let quote = self.quote.to_string();
        let inner = match self.escape {
            Escape::Doubled => text.replace(self.quote, &quote.repeat(2)),
            Escape::Backslash => text.replace(self.quote, &format!("\\{quote}")),
            Escape::Missing => text.to_string(),
        };
        format!("{quote}{inner}{quote}")
    }

    /// A line without its end.
    pub fn line(&self, row: &Row) -> String {
        row.iter().map(|cell| self.cell(cell)).collect::<Vec<_>>().join(self.delimiter)
    }

    /// Header and records as lines without their ends.
    pub fn lines(&self, reading: &Reading) -> Vec<String> {
        std::iter::once(&reading.header).chain(&reading.records).map(|row| self.line(row)).collect()
    }

    /// A whole file.
    pub fn file(&self, reading: &Reading) -> String {
        joined(&self.lines(reading), self.end)
    }
}

/// Lines, each with this end.
pub fn joined(lines: &[String], end: &str) -> String {
    lines.iter().flat_map(|line| [line.as_str(), end]).collect()
}

/// A file in pieces, to change one line of.
pub struct Pieces {
    /// Per line, header first, its cells as they are written.
    pub lines: Vec<Vec<String>>,
    /// The file, and where each line starts in it; the last start is its end.
    text: String,
    starts: Vec<usize>,
    dialect: Dialect,
}

impl Pieces {
    pub fn new(reading: &Reading, dialect: Dialect) -> Self {
        let rows = std::iter::once(&reading.header).chain(&reading.records);
        let lines: Vec<Vec<String>> = rows.map(|row| row.iter().map(|cell| dialect.cell(cell)).collect()).collect();
        let (mut text, mut starts) = (String::new(), vec![0]);
        for cells in &lines {
            text.push_str(&cells.join(dialect.delimiter));
            text.push_str(dialect.end);
            starts.push(text.len());
        }
        Pieces { lines, text, starts, dialect }
    }

    /// The file with one line replaced, its end included.
    pub fn with_line(&self, line: usize, instead: &str) -> String {
        [&self.text[..self.starts[line]], instead, &self.text[self.starts[line + 1]..]].concat()
    }

    /// The file with one line's cells replaced.
    pub fn with_cells(&self, line: usize, cells: &[String]) -> String {
        self.with_line(line, &format!("{}{}", cells.join(self.dialect.delimiter), self.dialect.end))
    }

    /// The file with one cell written in another way.
    pub fn with_cell(&self, line: usize, column: usize, written: &str) -> String {
        let mut cells = self.lines[line].clone();
        cells[column] = written.to_string();
        self.with_cells(line, &cells)
    }

    /// The file with a text between one line and the next.
    pub fn with_after(&self, line: usize, text: &str) -> String {
        let end = self.dialect.end;
        self.with_line(line, &format!("{}{end}{text}{end}", self.lines[line].join(self.dialect.delimiter)))
    }
}
