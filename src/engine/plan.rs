//! What is decided about a file once, from its first MiB: encoding, dialect, header, mapping, number format.
//!
//! A plan never changes while a file is read, so that every chunk of it is read alike.

use super::decimal::DecimalMark;
use super::decode::{self, Encoding};
use super::dialect::{self, Dialect};
use super::file_error::FileError;
use super::headers::{self, FieldFrom, Mapping};
use super::lead::Field;
use super::rules::Rules;
use super::{cells, split};

/// Bytes from the front of a file that a plan is decided on.
pub const HEAD_BYTES: usize = 1 << 20;

/// Records of the sample that number format and row width are decided on.
const SAMPLE_RECORDS: usize = 1000;

/// How the bytes of a file are laid out, whatever they mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// How its bytes become text.
    pub encoding: Encoding,
    /// How its text becomes cells.
    pub dialect: Dialect,
    /// Line of the header, from 1.
    pub header_row: u64,
    /// The header as written.
    pub header: Vec<String>,
    /// Bytes before the first data record.
    pub data_start: usize,
    /// Physical lines before the first data record.
    pub data_line: u64,
}

/// How one file is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// How its bytes are laid out.
    pub layout: Layout,
    /// The header as written, without the three columns of a rejects file.
    pub header: Vec<String>,
    /// Which column is which field.
    pub mapping: Mapping,
    /// The decimal mark of the value column.
    pub decimal_mark: DecimalMark,
    /// Fewer cells than the header that most rows have: this file's habit, not a fault.
    pub habitual_width: Option<usize>,
    /// What a lead's source is when its row names none.
    pub default_source: String,
    /// Whether this is one of our rejects files on its way back.
    pub reimport: bool,
    /// The configured constraints that have a column here: what they look at, and which rule of
    /// [`ColumnRules::constraints`](super::rules::ColumnRules::constraints) it is.
    pub constraints: Vec<(Target, usize)>,
}

/// What a constraint looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A mapped field, cleaned.
    Field(Field),
    /// An extra column, trimmed.
    Column(usize),
}

/// The three columns that we add to a rejects file.
pub const REJECT_COLUMNS: [&str; 3] = ["_row", "_errors", "_job"];

/// Decides how a file is read. `head` is its first [`HEAD_BYTES`], or all of it when `whole`.
///
/// # Errors
/// [`FileError`] when this is no list, has no header, or lacks a required column.
pub fn decide(head: &[u8], whole: bool, rules: &Rules, default_source: &str) -> Result<Plan, FileError> {
    let layout = layout(head, whole, rules)?;
    let (header, reimport) = without_reject_columns(layout.header.clone());
    let mapping = headers::map_columns(&header, &rules.columns);
    require_columns(&header, &mapping, rules, &layout.dialect)?;
    let sample = whole_records(&head[layout.data_start..], whole, rules).unwrap_or_default();
    let habits = Habits::of(sample, &layout.dialect, header.len(), mapping.from(Field::Value));
    Ok(Plan {
        decimal_mark: if rules.columns.decimal_mark == DecimalMark::Unknown { habits.decimal_mark } else { rules.columns.decimal_mark },
        habitual_width: habits.width.filter(|_| !reimport),
        default_source: default_source.to_owned(),
        constraints: resolve_constraints(&header, &mapping, rules),
        layout,
        header,
        mapping,
        reimport,
    })
}

/// Decides how the bytes of a file are laid out, before any mapping: required columns are not needed.
///
/// # Errors
/// [`FileError`] when this is no list or has no header.
pub fn layout(head: &[u8], whole: bool, rules: &Rules) -> Result<Layout, FileError> {
    let encoding = decode::detect(head)?;
    let text = &head[encoding.mark_len()..];
    let dialect = dialect::detect(whole_records(text, whole, rules)?);
    let (header, data_start) = read_header(text, whole, &dialect, rules)?;
    Ok(Layout {
        encoding,
        dialect,
        header_row: split::count_lines(&text[..start_of_record(text)]) + 1,
        header,
        data_start: encoding.mark_len() + data_start,
        data_line: split::count_lines(&text[..data_start]),
    })
}

/// The part of the head that is whole records.
fn whole_records<'a>(text: &'a [u8], whole: bool, rules: &Rules) -> Result<&'a [u8], FileError> {
    match split::cut(text, &Dialect::default(), rules.limits.record_bytes, whole) {
        split::Cut::Records(end) | split::Cut::Literal(end) => Ok(&text[..end]),
        split::Cut::More => Ok(text),
        split::Cut::Oversize => Err(endless_line(rules)),
    }
}

/// Reads the first record that is not empty.
fn read_header(text: &[u8], whole: bool, dialect: &Dialect, rules: &Rules) -> Result<(Vec<String>, usize), FileError> {
    let start = start_of_record(text);
    let end = match split::first_record(&text[start..], dialect, rules.limits.record_bytes, whole) {
        Some(length) => start + length,
        None if split::end_of_line(&text[start..]).is_none_or(|end| end > rules.limits.record_bytes) => return Err(endless_line(rules)),
        None => return Err(unclosed_header()),
    };
    let mut reader = dialect::reader(&text[start..end], dialect);
    let mut record = csv::ByteRecord::new();
    let found = reader.read_byte_record(&mut record).unwrap_or(false);
    if !found {
        return Err(FileError::new("zero_bytes", "the file holds nothing but empty lines", "Export it again and drop it once more"));
    }
    if record.len() > rules.limits.columns {
        return Err(FileError::new(
            "too_many_columns",
            format!("its header has {} columns, more than the {} allowed", record.len(), rules.limits.columns),
            "Remove the columns that are not needed, or raise columns under [limits]",
        ));
    }
    let names = record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
    Ok((names, end))
}

fn endless_line(rules: &Rules) -> FileError {
    FileError::new(
        "record_too_long",
        format!("its first line is longer than {} bytes", rules.limits.record_bytes),
        "This does not look like a list of leads; if it is, raise record_bytes under [limits]",
    )
}

fn unclosed_header() -> FileError {
    FileError::new("unclosed_quote", "a quote in its first line is never closed", "Close or remove the quote in the header line")
}

/// Skips empty lines.
fn start_of_record(text: &[u8]) -> usize {
    text.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(text.len())
}

/// How many columns of its own a rejects file on its way back has; `None` for any other file.
#[must_use]
pub fn returned_columns(header: &[String]) -> Option<usize> {
    let width = header.iter().rposition(|name| !name.trim().is_empty()).map_or(0, |at| at + 1);
    let is_ours = width >= 3 && header[width - 3..width].iter().map(|name| name.trim()).eq(REJECT_COLUMNS);
    is_ours.then(|| width - 3)
}

/// Takes our three columns off a header, wherever a spreadsheet has left them at its end.
fn without_reject_columns(mut header: Vec<String>) -> (Vec<String>, bool) {
    let columns = returned_columns(&header);
    header.truncate(columns.unwrap_or(usize::MAX));
    (header, columns.is_some())
}

fn require_columns(header: &[String], mapping: &Mapping, rules: &Rules, dialect: &Dialect) -> Result<(), FileError> {
    let missing: Vec<Field> = rules
        .columns
        .required
        .iter()
        .filter(|field| *mapping.from(*field) == FieldFrom::Nowhere && !rules.columns.defaults.contains_key(field))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if headers::looks_like_data(header) {
        return Err(FileError::new(
            "no_header",
            "its first line looks like a lead, not like column names",
            "Put a first line with the names of the columns above it, e.g. name,email,value",
        ));
    }
    let quoted: Vec<String> = missing.iter().map(|field| format!("'{field}'")).collect();
    let found: Vec<&str> = mapping.columns.iter().take(30).map(|column| column.safe_name.as_str()).collect();
    let more = if mapping.columns.len() > 30 { ", …" } else { "" };
    let meant: Vec<String> =
        missing.iter().filter_map(|field| headers::nearest(*field, &mapping.columns)).map(|name| format!("'{name}'")).collect();
    let meant = if meant.is_empty() { String::new() } else { format!("; did you mean {}?", meant.join(" and ")) };
    let split = if header.len() == 1 && dialect.delimiter == b',' { "; the line was not split into columns" } else { "" };
    Err(FileError::new(
        "missing_column",
        format!("no column for {} (found: {}{more}){split}{meant}", quoted.join(", "), found.join(", ")),
        "Rename it or add an alias under [columns]",
    ))
}

/// A constraint names a field, or a header as written; one without a column here asks nothing.
fn resolve_constraints(header: &[String], mapping: &Mapping, rules: &Rules) -> Vec<(Target, usize)> {
    let target = |column: &str| {
        if let Some(field) = Field::from_name(column) {
            return Some(Target::Field(field));
        }
        let wanted = headers::normalise(column);
        let at = header.iter().position(|name| headers::normalise(name) == wanted)?;
        Some(mapping.columns[at].maps_to.map_or(Target::Column(at), Target::Field))
    };
    let constraints = rules.columns.constraints.iter().enumerate();
    constraints.filter_map(|(at, constraint)| Some((target(&constraint.column)?, at))).collect()
}

/// What the sample shows about the rows.
struct Habits {
    width: Option<usize>,
    decimal_mark: DecimalMark,
}

impl Habits {
    fn of(sample: &[u8], dialect: &Dialect, header_width: usize, value: &FieldFrom) -> Self {
        let (mut rows, mut widths) = (0usize, std::collections::BTreeMap::<usize, usize>::new());
        let (mut points, mut commas) = (0usize, 0usize);
        for record in dialect::reader(sample, dialect).byte_records().take(SAMPLE_RECORDS).map_while(Result::ok) {
            if cells::is_blank(&record) {
                continue;
            }
            rows += 1;
            *widths.entry(record.len()).or_default() += 1;
            if let FieldFrom::Column(at) = value
                && let Some(cell) = record.get(*at).and_then(|cell| std::str::from_utf8(cell).ok())
            {
                match DecimalMark::evidence(cell) {
                    DecimalMark::Point => points += 1,
                    DecimalMark::Comma => commas += 1,
                    DecimalMark::Unknown => {}
                }
            }
        }
        let width =
            widths.into_iter().find(|(width, count)| *width < header_width && count * 2 > rows && rows >= 2).map(|(width, _)| width);
        let decimal_mark = match points.cmp(&commas) {
            std::cmp::Ordering::Greater => DecimalMark::Point,
            std::cmp::Ordering::Less => DecimalMark::Comma,
            std::cmp::Ordering::Equal => DecimalMark::Unknown,
        };
        Self { width, decimal_mark }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Result<Plan, FileError> {
        decide(text.as_bytes(), true, &Rules::default(), "csv")
    }

    #[test]
    fn where_the_data_starts() {
        for (text, header_row, data_line, rest) in [
            ("name,email,value\nx", 1, 1, "x"),
            ("\u{feff}name,email,value\r\nx", 1, 1, "x"),
            ("\n\r\nname,email,value\nx", 3, 3, "x"),
            ("name,\"e\nmail\",email,value\nx", 1, 2, "x"),
            ("name,email,value", 1, 0, ""),
        ] {
            let plan = plan(text).expect("a plan");
            let layout = plan.layout;
            assert_eq!((layout.header_row, layout.data_line, &text[layout.data_start..]), (header_row, data_line, rest), "{text:?}");
        }
    }

    #[test]
    fn what_makes_a_file_fail_is_said_with_its_remedy() {
        for (text, code, said) in [
            ("", "zero_bytes", "empty"),
            ("\n\n", "zero_bytes", "empty lines"),
            ("name,e_mial,value\n", "missing_column", "no column for 'email' (found: name, e_mial, value); did you mean 'e_mial'?"),
            ("John Doe,john@example.com,5\n", "no_header", "looks like a lead"),
            ("\"name,email,value\n", "unclosed_quote", "never closed"),
        ] {
            let error = plan(text).expect_err("no plan");
            assert_eq!(error.code, code, "{text:?}");
            assert!(error.sentence("x.csv").contains(said), "{}", error.sentence("x.csv"));
        }
    }

    #[test]
    fn a_rejects_file_is_known_by_its_last_three_headers() {
        let plan = plan("name,email,value,_row,_errors,_job\r\n").expect("a plan");
        assert!(plan.reimport);
        assert_eq!(plan.header, ["name", "email", "value"]);
    }

    #[test]
    fn the_files_habits() {
        let short = plan("name,email,value,notes\na,a@b.co,1\nb,b@b.co,2\nc,c@b.co,3,x\n").expect("a plan");
        assert_eq!(short.habitual_width, Some(3));
        let torn = plan("name,email,value\na,a@b.co,1\nb,b@b.co,2\nc\n").expect("a plan");
        assert_eq!(torn.habitual_width, None);
        assert_eq!(plan("name;email;value\na;a@b.co;12,5\n").expect("a plan").decimal_mark, DecimalMark::Comma);
    }
}
