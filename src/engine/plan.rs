//! What is decided about a file once, from its first MiB: encoding, dialect, table, mapping, number format.
//!
//! A plan never changes while a file is read, so that every chunk of it is read alike.

use std::borrow::Cow;

use super::amount::{DecimalMark, MarkEvidence};
use super::decode::{self, Decoder, Encoding};
use super::dialect::{self, Dialect};
use super::drift::{AS_BEFORE, KnownLayout};
use super::file_error::FileError;
use super::headers::{self, ColumnProfile, FieldFrom, Mapping};
use super::lead::Field;
use super::outcomes::{self, OutcomeColumns, PlanKind, Recognised};
use super::record::Cells;
use super::records::{Found, Records};
use super::rules::{HeaderRule, QuoteRule, ReadingRules, Rules};
use super::table::{self, Table};
use super::{cells, split};

/// Bytes from the front of a file that a plan is decided on.
pub const HEAD_BYTES: usize = 1 << 20;

/// Records of the sample that number format and row width are decided on.
const SAMPLE_RECORDS: usize = 1000;

/// The first bytes of what is to be read.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The first [`HEAD_BYTES`] of the list, out of its container, or all of it.
    pub bytes: &'a [u8],
    /// Whether that is all.
    pub is_whole: bool,
    /// Whether it is a sheet of a workbook: comma-separated UTF-8 of our own making, about which nothing is to be guessed.
    pub is_sheet: bool,
}

impl<'a> Head<'a> {
    /// A whole file.
    #[must_use]
    pub fn whole(bytes: &'a [u8]) -> Self {
        Self { bytes, is_whole: true, is_sheet: false }
    }
}

/// How the bytes of a file are laid out, whatever they mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// How its bytes become text.
    pub encoding: Encoding,
    /// How sure the encoding is, 0 to 1.
    pub encoding_confidence: f64,
    /// How its text becomes rows and cells.
    pub table: Table,
    /// Line of the header, from 1; of the first record where there is none.
    pub header_row: u64,
    /// Lines that the header takes; 0 when there is none.
    pub header_lines: u64,
    /// Lines of words above the header.
    pub preamble_lines: u64,
    /// The header as written; `column_1` … when there is none.
    pub header: Vec<String>,
    /// The last line of a header of several.
    pub last_names: Option<Vec<String>>,
    /// Bytes of text before the first data record, not counting a byte order mark.
    pub data_start: usize,
    /// Physical lines before the first data record.
    pub data_line: u64,
}

impl Layout {
    /// How text becomes cells.
    #[must_use]
    pub fn dialect(&self) -> &Dialect {
        &self.table.dialect
    }

    /// Whether the file has a header.
    #[must_use]
    pub fn has_header(&self) -> bool {
        self.header_lines > 0
    }

    /// How sure the reading is as a whole, 0 to 1: as sure as its least sure part.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        self.table.dialect.confidence.min(self.encoding_confidence)
    }
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
    /// What kind of rows it has.
    pub kind: PlanKind,
    /// Where it tells outcomes, if it does; always in a list of them.
    pub outcome: Option<OutcomeColumns>,
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

/// Decides how a file is read. `known` is the layout of the source's last file: a file without a header takes its names.
///
/// # Errors
/// [`FileError`] when this is no list, has no header, or lacks a required column.
pub fn decide(head: Head<'_>, rules: &Rules, default_source: &str, known: Option<&KnownLayout>) -> Result<Plan, FileError> {
    let (mut layout, text) = read_layout(head, rules)?;
    let (header, reimport) = without_reject_columns(layout.header.clone());
    if reimport {
        layout.table = Table { dialect: layout.table.dialect, is_spaced: layout.table.is_spaced, ..Table::default() };
    }
    let sample = Sample::of(&text[layout.data_start..], !head.is_whole, &layout.table, rules);
    let profiles = ColumnProfile::of(&sample.records, header.len());
    let as_before = known.filter(|_| !layout.has_header()).and_then(|known| known.header_for(header.len()));
    let (header, mapping) = match as_before {
        Some(before) => {
            let mut mapping = headers::map_columns(&before, &profiles, &rules.columns);
            mapping.columns.iter_mut().for_each(|column| AS_BEFORE.clone_into(&mut column.why));
            (before, mapping)
        }
        None if layout.has_header() => map_header(header, &layout, &profiles, rules),
        None => {
            let mapping = headers::map_by_content(&header, &profiles, &rules.columns);
            (header, mapping)
        }
    };
    let mut mapping = mapping;
    let recognised = layout.has_header().then(|| outcomes::recognise(&header, &mapping, &sample.records, rules)).flatten();
    let (kind, outcome) = recognised.map_or((PlanKind::Leads, None), |found| apply(found, &mut mapping));
    if kind == PlanKind::Leads {
        require_columns(&header, &mapping, &profiles, rules, &layout)?;
    }
    let value = sample.evidence(mapping.from(Field::Value));
    let decided = value.decide();
    Ok(Plan {
        decimal_mark: if rules.columns.decimal_mark == DecimalMark::Unknown { decided } else { rules.columns.decimal_mark },
        habitual_width: sample.habitual_width(header.len()).filter(|_| !reimport),
        default_source: default_source.to_owned(),
        constraints: if kind == PlanKind::Leads { resolve_constraints(&header, &mapping, rules) } else { Vec::new() },
        layout,
        header,
        mapping,
        kind,
        outcome,
        reimport,
    })
}

/// Puts into the mapping what is read as outcomes. In a list of them only the e-mail is a field, and nothing is kept as extra.
fn apply(found: Recognised, mapping: &mut Mapping) -> (PlanKind, Option<OutcomeColumns>) {
    let Recognised { kind, columns, uses, warnings } = found;
    if kind == PlanKind::Outcomes {
        for field in Field::ALL.into_iter().filter(|field| *field != Field::Email) {
            mapping.fields[field as usize] = FieldFrom::Nowhere;
        }
        for column in mapping.columns.iter_mut().filter(|column| column.maps_to != Some(Field::Email)) {
            (column.maps_to, column.why) = (None, "not part of an outcome: left in the file".to_owned());
        }
        mapping.warnings.retain(|warning| warning.field.is_none_or(|field| field == Field::Email));
        (mapping.extra, mapping.extra_names, mapping.other_emails) = (Vec::new(), Vec::new(), None);
    }
    for (at, part, why) in uses {
        let column = &mut mapping.columns[at];
        column.part = Some(part);
        if column.maps_to.is_none() {
            column.why = why;
        }
    }
    mapping.warnings.extend(warnings);
    (kind, Some(columns))
}

/// Maps a header. One of several lines is also tried without the names of groups above (`Contact` over `First name`), and the
/// reading that finds more fields is taken.
fn map_header(header: Vec<String>, layout: &Layout, profiles: &[ColumnProfile], rules: &Rules) -> (Vec<String>, Mapping) {
    let found = |mapping: &Mapping| mapping.columns.iter().filter(|column| column.maps_to.is_some()).count();
    let mapping = headers::map_columns(&header, profiles, &rules.columns);
    if let Some(names) = layout.last_names.as_ref().filter(|names| names.len() == header.len()) {
        let without_groups = headers::map_columns(names, profiles, &rules.columns);
        if found(&without_groups) > found(&mapping) {
            return (names.clone(), without_groups);
        }
    }
    (header, mapping)
}

/// Decides how the bytes of a file are laid out, before any mapping: required columns are not needed.
///
/// # Errors
/// [`FileError`] when this is no list.
pub fn layout(head: Head<'_>, rules: &Rules) -> Result<Layout, FileError> {
    read_layout(head, rules).map(|(layout, _)| layout)
}

/// The layout, and the text of the head without its byte order mark.
///
/// # Errors
/// As [`layout`].
pub fn read_layout<'a>(head: Head<'a>, rules: &Rules) -> Result<(Layout, Cow<'a, [u8]>), FileError> {
    let reading = match delimiter_of_ours(head.bytes) {
        _ if head.is_sheet => of_sheet(&rules.reading),
        Some(delimiter) => of_ours(&rules.reading, head.bytes, delimiter),
        None => rules.reading.clone(),
    };
    let detected = decode::detect(head.bytes, head.is_whole, reading.encoding.as_deref().and_then(decode::named))?;
    let text = decoded(head, detected.encoding);
    let limit = rules.limits.record_bytes;
    // Of a longer file the head is only the first part: where it has no line end, the line may go on for ever.
    let is_long = text.len() > limit || (!head.is_whole && text.len() >= limit);
    if is_long && split::end_of_line(&text[first_line(&text)..]).is_none_or(|end| end > limit) {
        return Err(endless_line(rules));
    }
    let whole = if head.is_whole { &text[..] } else { whole_lines(&text) };
    let separator = separator_line(whole);
    let (given, skipped) = match separator {
        Some((delimiter, length)) if reading.delimiter.is_none() => (ReadingRules { delimiter: Some(delimiter), ..reading }, length),
        Some((_, length)) => (reading, length),
        None => (reading, 0),
    };
    let body = &whole[skipped..];
    let start =
        table::find(body, !head.is_whole, dialect::detect(body, &given), &given, limit, headers::names_a_lead).ok_or_else(nothing_in_it)?;
    if start.header.len() > rules.limits.columns {
        return Err(too_many_columns(start.header.len(), rules));
    }
    let lines_before = split::count_lines(&whole[..skipped]);
    let layout = Layout {
        encoding: detected.encoding,
        encoding_confidence: detected.confidence,
        header_row: lines_before + start.header_line,
        header_lines: start.header_lines,
        preamble_lines: start.preamble_lines,
        data_start: skipped + start.data_start,
        data_line: lines_before + split::count_lines(&body[..start.data_start]),
        header: start.header,
        last_names: start.last_names,
        table: start.table,
    };
    Ok((layout, text))
}

/// What is known about a sheet that we have written as text ourselves.
fn of_sheet(given: &ReadingRules) -> ReadingRules {
    ReadingRules {
        encoding: Some("utf-8".to_owned()),
        delimiter: Some(b','),
        quote: Some(QuoteRule::Quote(b'"')),
        escape: Some(QuoteRule::Nothing),
        comment: Some(QuoteRule::Nothing),
        ..given.clone()
    }
}

/// The delimiter of one of our rejects files, told by the end of its first line; whatever its source's files are like, these
/// are written in our way, and spreadsheets keep it but for the delimiter.
fn delimiter_of_ours(head: &[u8]) -> Option<u8> {
    let line = split::without_line_end(&head[..split::end_of_line(head).unwrap_or(head.len())]);
    let [row, errors, job] = REJECT_COLUMNS.map(str::as_bytes);
    let rest = line.strip_suffix(job)?;
    let (delimiter, rest) = rest.split_last()?;
    let rest = rest.strip_suffix(errors)?.strip_suffix(&[*delimiter])?.strip_suffix(row)?;
    (rest.is_empty() || rest.ends_with(&[*delimiter])).then_some(*delimiter)
}

/// How a rejects file of ours is read. Only one that has lost its byte order mark may be in the encoding of its source.
fn of_ours(given: &ReadingRules, head: &[u8], delimiter: u8) -> ReadingRules {
    ReadingRules {
        encoding: given.encoding.clone().filter(|_| !head.starts_with(b"\xef\xbb\xbf")),
        delimiter: Some(delimiter),
        quote: Some(QuoteRule::Quote(b'"')),
        escape: Some(QuoteRule::Nothing),
        comment: Some(QuoteRule::Nothing),
        header: HeaderRule::Line(1),
        ..given.clone()
    }
}

/// The text of a head, without its byte order mark.
fn decoded(head: Head<'_>, encoding: Encoding) -> Cow<'_, [u8]> {
    if encoding.is_utf8() {
        return Cow::Borrowed(&head.bytes[encoding.mark_len().min(head.bytes.len())..]);
    }
    let mut text = Vec::with_capacity(head.bytes.len() * 2);
    Decoder::new(encoding).decode(head.bytes, head.is_whole, &mut text);
    Cow::Owned(text)
}

/// `sep=;` in the first line, as Excel understands it: the delimiter, and the length of the line.
fn separator_line(text: &[u8]) -> Option<(u8, usize)> {
    let length = split::end_of_line(text)?;
    let line = split::without_line_end(&text[..length]);
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match line {
        [s, e, p, b'=', delimiter] if [s, e, p].into_iter().zip(b"sep").all(|(a, b)| a.eq_ignore_ascii_case(b)) => {
            Some((*delimiter, length))
        }
        _ => None,
    }
}

/// Everything up to the last line end, unless that is nothing.
fn whole_lines(text: &[u8]) -> &[u8] {
    memchr::memrchr2(b'\n', b'\r', text).map_or(text, |at| &text[..=at])
}

/// Where the first line that is not empty starts.
fn first_line(text: &[u8]) -> usize {
    text.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(text.len())
}

fn nothing_in_it() -> FileError {
    FileError::new("zero_bytes", "the file holds nothing but empty lines", "Export it again and drop it once more")
}

fn endless_line(rules: &Rules) -> FileError {
    FileError::new(
        "record_too_long",
        format!("its first line is longer than {} bytes", rules.limits.record_bytes),
        "This does not look like a list of leads; if it is, raise record_bytes under [limits]",
    )
}

fn too_many_columns(columns: usize, rules: &Rules) -> FileError {
    FileError::new(
        "too_many_columns",
        format!("its header has {columns} columns, more than the {} allowed", rules.limits.columns),
        "Remove the columns that are not needed, or raise columns under [limits]",
    )
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
    if columns.is_some() {
        // Names were made safe for spreadsheets, as cells are.
        header.iter_mut().filter(|name| name.starts_with('\'')).for_each(|name| _ = name.remove(0));
    }
    (header, columns.is_some())
}

fn require_columns(
    header: &[String],
    mapping: &Mapping,
    profiles: &[ColumnProfile],
    rules: &Rules,
    layout: &Layout,
) -> Result<(), FileError> {
    let missing: Vec<Field> = rules
        .columns
        .required
        .iter()
        .filter(|field| *mapping.from(*field) == FieldFrom::Nowhere && !rules.columns.defaults.contains_key(field))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !layout.has_header() || headers::looks_like_data(header) {
        let listed: Vec<String> = missing.iter().map(|field| format!("'{field}'")).collect();
        return Err(FileError::new(
            "no_header",
            format!(
                "its first line looks like data, not like column names, and which column is {} cannot be told from what they hold",
                listed.join(", ")
            ),
            "Put a first line with the names of the columns above it, e.g. name,email,value",
        ));
    }
    let split = if header.len() == 1 && layout.dialect().delimiter == b',' { "; the line was not split into columns" } else { "" };
    let said = headers::describe_missing(&missing, mapping, profiles);
    Err(FileError::new("missing_column", format!("{}{split}{}", said.what, said.near), said.remedy))
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

/// The first records, on which number format and row width are decided.
struct Sample {
    records: Vec<Cells>,
}

impl Sample {
    fn of(text: &[u8], is_part: bool, table: &Table, rules: &Rules) -> Self {
        let limit = rules.limits.record_bytes;
        let mut walk = if is_part { Records::of_part(text, table, limit) } else { Records::new(text, table, limit) };
        let (mut records, mut record) = (Vec::new(), Cells::new());
        while records.len() < SAMPLE_RECORDS {
            match walk.next(&mut record) {
                Some(Found::Row { .. }) if !cells::is_blank(&record) => records.push(record.clone()),
                Some(_) => {}
                None => break,
            }
        }
        Self { records }
    }

    /// A width below the header's that most rows have.
    fn habitual_width(&self, header_width: usize) -> Option<usize> {
        let mut widths = std::collections::BTreeMap::<usize, usize>::new();
        self.records.iter().for_each(|record| *widths.entry(record.len()).or_default() += 1);
        let rows = self.records.len();
        widths.into_iter().find(|(width, count)| *width < header_width && count * 2 > rows && rows >= 2).map(|(width, _)| width)
    }

    /// What the cells of the value column tell about their decimal mark.
    fn evidence(&self, value: &FieldFrom) -> MarkEvidence {
        let mut evidence = MarkEvidence::default();
        if let FieldFrom::Column(at) = value {
            let texts = self.records.iter().filter_map(|record| std::str::from_utf8(record.get(*at)?).ok());
            texts.for_each(|cell| evidence.add(cell));
        }
        evidence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Result<Plan, FileError> {
        decide(Head::whole(text.as_bytes()), &Rules::default(), "csv", None)
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
            let start = layout.encoding.mark_len() + layout.data_start;
            assert_eq!((layout.header_row, layout.data_line, &text[start..]), (header_row, data_line, rest), "{text:?}");
        }
    }

    #[test]
    fn what_makes_a_file_fail_is_said_with_its_remedy() {
        for (text, code, said) in [
            ("", "zero_bytes", "empty"),
            ("\n\n", "zero_bytes", "empty lines"),
            ("name,mailbox,value\n", "missing_column", "no column for 'email' (found: name, mailbox, value); did you mean 'mailbox'?"),
            ("12,2024-05-01,5\n", "no_header", "looks like data"),
        ] {
            let error = plan(text).expect_err("no plan");
            assert_eq!(error.code, code, "{text:?}");
            assert!(error.sentence("x.csv").contains(said), "{}", error.sentence("x.csv"));
        }
    }

    #[test]
    fn a_file_without_a_header_is_mapped_by_what_its_columns_hold() {
        let plan = plan("John Doe,john@example.com,500000\nJane Roe,jane@example.com,250000\n").expect("a plan");
        assert!(!plan.layout.has_header());
        assert_eq!(plan.header, ["column_1", "column_2", "column_3"]);
        let fields = [Field::Name, Field::Email, Field::Value].map(|field| plan.mapping.column_of(field));
        assert_eq!(fields, ["column_1", "column_2", "column_3"]);
        assert_eq!(plan.layout.data_start, 0, "the first line is a lead");
    }

    #[test]
    fn what_stands_above_the_header_is_passed_over() {
        for (text, header_row, preamble) in [
            ("sep=;\nname;email;value\na;a@b.co;1\n", 2, 0),
            ("Leads of May\n\nname,email,value\na,a@b.co,1\n", 3, 1),
            ("# made by hand\nname,email,value\na,a@b.co,1\nb,b@b.co,1\n", 2, 1),
            ("Leads of May,,\nname,email,value\na,a@b.co,1\n", 2, 1),
        ] {
            let plan = plan(text).expect("a plan");
            assert_eq!((plan.layout.header_row, plan.layout.preamble_lines), (header_row, preamble), "{text:?}");
            assert_eq!(plan.header, ["name", "email", "value"]);
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

    #[test]
    fn a_line_that_names_the_separator_is_followed() {
        for text in ["sep=^\nname^email^value\nAnn^a@b.co^1\n", "sep=;\r\nname;email;value\r\nAnn;a@b.co;1\r\n"] {
            let plan = plan(text).expect("a plan");
            assert_eq!((plan.layout.dialect().delimiter, plan.layout.header_row), (text.as_bytes()[4], 2), "{text:?}");
            assert!(plan.layout.confidence() > 0.5 && plan.layout.confidence() <= 1.0);
        }
        let rules = Rules { reading: ReadingRules { delimiter: Some(b','), ..ReadingRules::default() }, ..Rules::default() };
        let given = decide(Head::whole(b"sep=;\nname,email,value\nAnn,a@b.co,1\n"), &rules, "csv", None).expect("a plan");
        assert_eq!((given.layout.dialect().delimiter, given.layout.header_row), (b',', 2), "what is configured is the last word");
    }
}
