//! What is decided about the layout of a text: delimiter, quotes, where the table begins, what its columns are.

use valhalla_ingest::engine::dialect::{self, DELIMITERS};
use valhalla_ingest::engine::headers::names_a_lead;
use valhalla_ingest::engine::plan::{self, Head};
use valhalla_ingest::engine::rules::{HeaderRule, QuoteRule, ReadingRules, Rules};
use valhalla_ingest::engine::split;
use valhalla_ingest::engine::table::{self, Start};

use super::cutting::{Cutting, RowKind};
use super::list::List;
use super::{pick, settings};

/// Settings: delimiter, quote, escape, comment and header as configured.
pub fn dialect(data: &[u8]) {
    let ([delimiter, quote, escape, comment, header], text) = settings(data);
    let given = ReadingRules {
        delimiter: pick(&[None, None, None, Some(b','), Some(b';'), Some(b' '), Some(b'"')], delimiter),
        quote: pick(&[None, None, Some(QuoteRule::Quote(b'"')), Some(QuoteRule::Quote(b'\'')), Some(QuoteRule::Nothing)], quote),
        escape: pick(&[None, None, Some(QuoteRule::Quote(b'\\')), Some(QuoteRule::Nothing)], escape),
        comment: pick(&[None, None, Some(QuoteRule::Quote(b'#')), Some(QuoteRule::Nothing)], comment),
        header: pick(&[HeaderRule::Detected, HeaderRule::Detected, HeaderRule::Absent, HeaderRule::Line(2)], header),
        ..ReadingRules::default()
    };
    let found = dialect::detect(text, &given);
    assert_eq!(found, dialect::detect(text, &given));
    assert!((0.0..=1.0).contains(&found.confidence), "{found:?}");
    let is_known = found.delimiter == b',' || DELIMITERS.iter().any(|(delimiter, _)| *delimiter == found.delimiter);
    assert!(given.delimiter.map_or(is_known, |given| given == found.delimiter), "{found:?}");
    if let Some(start) = table::find(text, false, found, &given, 1 << 20, names_a_lead) {
        starts_within(&start, text, &given);
    }
    a_clean_list_is_read_as_written(&List::of(data));
}

/// What is said about the beginning of a table agrees with itself and with the text.
fn starts_within(start: &Start, text: &[u8], given: &ReadingRules) {
    let Start { table, header, data_start, .. } = start;
    assert!(*data_start <= text.len(), "{start:?}");
    assert!(*data_start == 0 || *data_start == text.len() || matches!(text[data_start - 1], b'\r' | b'\n'), "{start:?}");
    assert!(!header.is_empty() && table.width > 0, "{start:?}");
    assert_eq!((table.kinds.len(), table.quoted.len()), (table.width, table.width), "{start:?}");
    assert_eq!(start.has_header, start.header_lines > 0, "{start:?}");
    assert!(given.header != HeaderRule::Absent || !start.has_header, "{start:?}");
    let lines = split::count_lines(&text[..*data_start]);
    let end = start.header_line + start.header_lines;
    // The last line may have no end; nothing but empty lines may stand between header and data.
    assert!(start.header_line >= 1 && end <= lines + 2, "{start:?} with {lines} lines before the data");
}

/// Detection does no harm where nothing is wrong.
fn a_clean_list_is_read_as_written(list: &List) {
    let rules = Rules::default();
    let (layout, text) = plan::read_layout(Head::whole(&list.bytes), &rules).expect("a list");
    assert_eq!(layout.dialect().delimiter, list.delimiter, "{}", String::from_utf8_lossy(&list.bytes));
    assert_eq!(layout.header, list.header, "{}", String::from_utf8_lossy(&list.bytes));
    let cutting = Cutting { table: &layout.table, limit: rules.limits.record_bytes, chunk_bytes: 64 };
    let rows = cutting.rows(&text, layout.data_start);
    let cells = |row: &[Vec<u8>]| row.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect::<Vec<_>>();
    let read: Vec<Vec<String>> = rows.iter().filter(|row| row.kind == RowKind::Row).map(|row| cells(&row.cells)).collect();
    assert_eq!(read, list.rows, "{}", String::from_utf8_lossy(&list.bytes));
}
