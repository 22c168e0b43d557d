//! Cells as text: what counts as empty, what is trimmed, what a source is called. Used wherever a cell is looked at.

use std::borrow::Cow;

use csv::ByteRecord;

/// Whether every cell is empty: such a record is skipped and counts nowhere.
#[must_use]
pub fn is_blank(record: &ByteRecord) -> bool {
    record.iter().all(|cell| cell.is_empty() || std::str::from_utf8(cell).is_ok_and(|text| trim(text).is_empty()))
}

/// A cell without white space, byte order mark and zero-width characters around it.
#[must_use]
pub fn trim(cell: &str) -> &str {
    let bytes = cell.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(b'!'..=b'~'), Some(b'!'..=b'~')) => cell,
        _ => cell.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'..='\u{200d}' | '\u{2060}')),
    }
}

/// A source in its standard form: trimmed, lower case, inner white space as `_`.
#[must_use]
pub fn standard_source(cell: &str) -> Cow<'_, str> {
    let cell = trim(cell);
    if cell.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase()) {
        return Cow::Borrowed(cell);
    }
    Cow::Owned(cell.split_whitespace().collect::<Vec<_>>().join("_").to_lowercase())
}
