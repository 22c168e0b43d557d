//! Delimiter and quote of a file, decided once from its first records.
//!
//! A comma unless another delimiter splits the header into more columns. Escapes, preambles, comments and quotes other
//! than `"` have their room here and are not read yet.

/// How cells and records are told apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dialect {
    /// Between cells.
    pub delimiter: u8,
    /// Around cells; `None` when quotes mean nothing.
    pub quote: Option<u8>,
    /// How sure the choice is, 0 to 1: the share of sampled records with as many cells as the header.
    pub confidence: f64,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { delimiter: b',', quote: Some(b'"'), confidence: 1.0 }
    }
}

/// The delimiters that are tried, in order of preference.
pub const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Records looked at to tell the delimiter.
const SAMPLE_RECORDS: usize = 100;

/// Decides the dialect from the first records.
#[must_use]
pub fn detect(sample: &[u8]) -> Dialect {
    let mut best = (0, Dialect::default());
    for delimiter in DELIMITERS {
        let dialect = Dialect { delimiter, ..Dialect::default() };
        let widths = widths(sample, &dialect);
        let Some((&header, rows)) = widths.split_first() else { break };
        let alike = rows.iter().filter(|width| **width == header).count();
        if header > best.0 {
            let confidence = share(alike, rows.len());
            best = (header, Dialect { confidence, ..dialect });
        }
    }
    best.1
}

/// A `csv` reader over `bytes` in this dialect: no header, ragged rows allowed, nothing trimmed.
#[must_use]
pub fn reader<'a>(bytes: &'a [u8], dialect: &Dialect) -> csv::Reader<&'a [u8]> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(dialect.delimiter)
        .quote(dialect.quote.unwrap_or(b'"'))
        .quoting(dialect.quote.is_some())
        .from_reader(bytes)
}

fn widths(sample: &[u8], dialect: &Dialect) -> Vec<usize> {
    reader(sample, dialect).byte_records().take(SAMPLE_RECORDS).map_while(Result::ok).map(|record| record.len()).collect()
}

#[allow(clippy::cast_precision_loss)] // counts of a small sample
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_that_splits_the_header() {
        for (sample, expected) in [
            ("name,email,value\na,b,c\n", b','),
            ("name;email;value\na;b;1,5\n", b';'),
            ("name\temail\na\tb\n", b'\t'),
            ("name|email|value\n", b'|'),
            ("name\nx\n", b','),
            ("\"a;b\",c,d\n", b','),
            ("", b','),
        ] {
            assert_eq!(detect(sample.as_bytes()).delimiter, expected, "{sample:?}");
        }
    }
}
