//! Records: where they end, and what is in them.

use valhalla_ingest::engine::dialect::{DELIMITERS, Dialect};
use valhalla_ingest::engine::headers::names_a_lead;
use valhalla_ingest::engine::rules::ReadingRules;
use valhalla_ingest::engine::table::{self, Table};

use super::cutting::{Cutting, Row, RowKind};
use super::{pick, settings};

/// Settings: delimiter, quote and escape, width (0: as found), limit of a record, bytes of a chunk.
pub fn split(data: &[u8]) {
    let ([delimiter, quote, width, limit, chunk_bytes], text) = settings(data);
    let (delimiter, _) = pick(&DELIMITERS, delimiter);
    let (quote, escape) = pick(&[(Some(b'"'), None), (Some(b'"'), Some(b'\\')), (Some(b'\''), None), (None, None)], quote);
    let dialect = Dialect { delimiter, quote, escape, confidence: 1.0 };
    let limit = pick(&[1 << 20, 90, 20, 300], limit);
    let bare = Table { dialect, width: usize::from(width % 9), ..Table::default() };
    let table = match table::find(text, false, dialect, &ReadingRules::default(), limit, names_a_lead) {
        Some(start) if bare.width == 0 => start.table,
        _ => bare,
    };
    let chunk_bytes = 1 + usize::from(chunk_bytes);
    let rows = however_cut(text, &table, limit, chunk_bytes);
    for row in &rows {
        nothing_is_lost(text, row, &dialect);
    }
    if quote == Some(b'"') && escape.is_none() {
        what_the_csv_crate_writes_is_read(text, &Table { dialect, ..Table::default() }, chunk_bytes);
    }
}

/// In one chunk or in many, the same records come out.
fn however_cut(text: &[u8], table: &Table, limit: usize, chunk_bytes: usize) -> Vec<Row> {
    let whole = Cutting { table, limit, chunk_bytes: text.len() + 1 }.rows(text, 0);
    for chunk_bytes in [1, chunk_bytes, text.len().max(1)] {
        let cut = Cutting { table, limit, chunk_bytes }.rows(text, 0);
        let differs = whole.iter().zip(&cut).find(|(whole, cut)| whole != cut);
        assert!(whole == cut, "in chunks of {chunk_bytes} bytes: {differs:?}, {} and {} in all", whole.len(), cut.len());
    }
    whole
}

/// What is in a record and is no sign between cells is in its cells, in the same order.
fn nothing_is_lost(text: &[u8], row: &Row, dialect: &Dialect) {
    if !matches!(row.kind, RowKind::Row | RowKind::Skipped) {
        return;
    }
    let is_content = |byte: &&u8| {
        let is_sign = [Some(dialect.delimiter), dialect.quote, dialect.escape].contains(&Some(**byte));
        !is_sign && !b",;\t|: ".contains(byte)
    };
    let record = valhalla_ingest::engine::split::without_line_end(&text[row.range.clone()]);
    let (before, after): (Vec<u8>, Vec<u8>) =
        (record.iter().filter(is_content).copied().collect(), row.cells.iter().flatten().filter(is_content).copied().collect());
    assert_eq!(before, after, "{row:?}");
}

/// Cells glued together from the text, written by the csv crate, come back as they were.
fn what_the_csv_crate_writes_is_read(text: &[u8], table: &Table, chunk_bytes: usize) {
    let width = 1 + chunk_bytes % 6;
    let cells: Vec<&[u8]> = text.split(|byte| *byte == b'\\').collect();
    let records: Vec<&[&[u8]]> = cells.chunks_exact(width).collect();
    let always = chunk_bytes.is_multiple_of(2);
    let terminator = if chunk_bytes.is_multiple_of(3) { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
    let mut writer = csv::WriterBuilder::new()
        .delimiter(table.dialect.delimiter)
        .quote_style(if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary })
        .terminator(terminator)
        .from_writer(Vec::new());
    for record in &records {
        writer.write_record(*record).expect("cells in memory");
    }
    let written = writer.into_inner().expect("a file in memory");
    for table in [Table { width, ..table.clone() }, table.clone()] {
        let rows = Cutting { table: &table, limit: 1 << 20, chunk_bytes }.rows(&written, 0);
        assert_eq!(rows.len(), records.len(), "width {}, {:?}", table.width, String::from_utf8_lossy(&written));
        for (row, record) in rows.iter().zip(&records) {
            // Where a space follows every delimiter, it is taken for a habit of the writer.
            let is_spaced = width > 2 && record[1..].iter().all(|cell| cell.first() == Some(&b' '));
            assert!(row.cells == **record || is_spaced, "{row:?} instead of {record:?}");
        }
    }
}
