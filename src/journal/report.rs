//! The wire type of `reports.jsonl`: one line per job, every key in every fate, in the documented order.
//!
//! Nothing here computes a figure, and nothing can hold a lead: a fault is told by row, line, column and code.
//! Timestamps are RFC 3339 in UTC with milliseconds and `Z`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The version of the records of all three journals; raised when a key changes its meaning.
pub const SCHEMA: u32 = 1;

/// What became of one drop, as it was true at commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)] // the keys are documented, as what users read, in formats.md; only what needs a word has one here
pub struct Report {
    pub schema: u32,
    pub job_id: String,
    /// The job whose rejects file this drop is.
    pub parent_job: Option<String>,
    /// Relative to the inbox; the base name for `ingest`.
    pub file: String,
    pub source: String,
    pub kind: Kind,
    pub fate: Fate,
    /// Why it failed, or nothing.
    pub reason: Option<String>,
    /// The earlier job with the same content.
    pub duplicate_of: Option<String>,
    pub dry_run: bool,
    pub started_at: String,
    pub finished_at: String,
    pub duration_ms: u64,
    pub bytes: u64,
    /// Lower-case hexadecimal; none when the file could not be read to its end.
    pub sha256: Option<String>,
    pub dialect: Dialect,
    pub columns: Vec<Column>,
    pub rows: Rows,
    pub issues: Issues,
    /// Faults of a whole column, told once.
    pub systematic: Vec<Systematic>,
    pub quality: Quality,
    pub stages: Stages,
    pub tiers: Tiers,
    pub value: ValueSummary,
    #[serde(default)] // absent in reports of versions that knew none
    pub outcomes: Outcomes,
    pub versions: Versions,
    /// Relative to the root; none when the original stays where it is.
    pub archived_as: Option<String>,
    pub rejects_as: Option<String>,
    /// Ids of the alerts that this job raised.
    pub alerts: Vec<String>,
}

impl Report {
    /// The report of a drop of which no row was read: all figures zero or absent. The caller fills in what it knows.
    #[must_use]
    pub fn unread(job_id: &str, file: &str, source: &str, kind: Kind, fate: Fate) -> Self {
        Self {
            schema: SCHEMA,
            job_id: job_id.to_owned(),
            parent_job: None,
            file: file.to_owned(),
            source: source.to_owned(),
            kind,
            fate,
            reason: None,
            duplicate_of: None,
            dry_run: false,
            started_at: String::new(),
            finished_at: String::new(),
            duration_ms: 0,
            bytes: 0,
            sha256: None,
            dialect: Dialect::default(),
            columns: Vec::new(),
            rows: Rows::default(),
            issues: Issues::default(),
            systematic: Vec::new(),
            quality: Quality::unread(),
            stages: Stages::default(),
            tiers: Tiers::default(),
            value: ValueSummary::default(),
            outcomes: Outcomes::default(),
            versions: Versions { rules: String::new(), learned: 0, program: env!("CARGO_PKG_VERSION").to_owned() },
            archived_as: None,
            rejects_as: None,
            alerts: Vec::new(),
        }
    }

    /// Rows that were not rejected.
    #[must_use]
    pub const fn valid(&self) -> u64 {
        self.rows.total.saturating_sub(self.rows.rejected)
    }

    /// The line, without its newline.
    #[must_use]
    pub fn to_line(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a report holds only strings, numbers and maps with text keys")
    }
}

/// What kind of rows a drop has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Leads.
    Leads,
    /// Outcomes of leads.
    Outcomes,
}

/// How a drop ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It gave at least one lead (new, known or duplicate).
    Processed,
    /// It gave nothing.
    Failed,
    /// The same content was processed before.
    Duplicate,
}

/// How the file was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Dialect {
    pub encoding: Option<String>,
    pub delimiter: Option<String>,
    pub quote: Option<String>,
    /// Physical line of the header, from 1; none where there is no header.
    pub header_row: Option<u64>,
    /// 0 to 1.
    pub confidence: Option<f64>,
}

/// One column and where it went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// As written, unless it looks like data: see [`safe_column_name`].
    pub name: String,
    /// The lead's field; none for a column kept under `extra`.
    pub maps_to: Option<String>,
    /// Why it was mapped so.
    pub why: String,
}

impl Column {
    /// A column by its header as written; `index` counts from 0.
    #[must_use]
    pub fn new(header: &str, index: usize, maps_to: Option<&str>, why: &str) -> Self {
        Self { name: safe_column_name(header, index), maps_to: maps_to.map(str::to_owned), why: why.to_owned() }
    }
}

/// Every row of the file, once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Rows {
    pub total: u64,
    pub accepted_new: u64,
    pub accepted_updated: u64,
    pub duplicates_in_file: u64,
    pub rejected: u64,
}

impl Rows {
    /// Whether no row is lost or counted twice.
    #[must_use]
    pub fn conserved(&self) -> bool {
        let parts = [self.accepted_new, self.accepted_updated, self.duplicates_in_file, self.rejected];
        parts.into_iter().try_fold(0_u64, u64::checked_add) == Some(self.total)
    }
}

/// What was wrong with rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issues {
    /// Issues by code.
    pub by_code: BTreeMap<String, u64>,
    /// Issues by column name, made safe.
    pub by_column: BTreeMap<String, u64>,
    /// The first ones.
    pub first: Vec<IssueRef>,
    /// Whether there were more than `first` lists.
    pub truncated: bool,
}

/// Where an issue is; never the cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueRef {
    /// Data record, from 1.
    pub row: u64,
    /// Physical line where it starts, from 1.
    pub line: u64,
    /// Column name, made safe; none for an issue of the whole row.
    pub column: Option<String>,
    /// The issue's code.
    pub code: String,
}

/// One cause behind many issues of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Systematic {
    /// Column name, made safe.
    pub column: Option<String>,
    /// The cause's code.
    pub code: String,
    /// Share of the rows, 0 to 1.
    pub share: f64,
    /// A few rows as examples.
    pub rows: Vec<u64>,
    /// What to do about it.
    pub advice: String,
}

/// The quality of the file: 0 to 100, its shares 0 to 1; null where there is nothing to measure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Quality {
    pub score: Option<f64>,
    pub validity: Option<f64>,
    pub completeness: Option<f64>,
    pub uniqueness: Option<f64>,
    pub format: Option<f64>,
    pub plausibility: Option<f64>,
    pub outliers: u64,
    /// Why a figure is null, by its key.
    pub reasons: BTreeMap<String, String>,
}

impl Quality {
    /// No row, hence no figure.
    #[must_use]
    pub fn unread() -> Self {
        let keys = ["score", "validity", "completeness", "uniqueness", "format", "plausibility"];
        Self { reasons: keys.into_iter().map(|key| (key.to_owned(), "no row was read".to_owned())).collect(), ..Self::default() }
    }
}

/// The six stages, summed up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Stages {
    pub ab_test: StageSummary,
    pub script_promotion: StageSummary,
    pub deal_packet: StageSummary,
    pub outcome: StageSummary,
    pub clone_readiness: StageSummary,
    pub lead_score: StageSummary,
}

/// One stage over all leads of the job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageSummary {
    /// Leads by result.
    pub counts: BTreeMap<String, u64>,
    /// Mean of the stage's figure.
    pub mean: Option<f64>,
    /// `rule`, `prior` or `learned`; `none` where the stage saw no lead.
    pub basis: String,
    /// Why the mean is null.
    pub reason: Option<String>,
}

impl Default for StageSummary {
    fn default() -> Self {
        Self { counts: BTreeMap::new(), mean: None, basis: "none".to_owned(), reason: Some("no lead was taken".to_owned()) }
    }
}

/// Leads by tier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, non_snake_case)] // the keys are the tiers' names
pub struct Tiers {
    pub A: u64,
    pub B: u64,
    pub C: u64,
    pub D: u64,
}

/// The accepted leads' values, with their exact digits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ValueSummary {
    pub sum: Option<Digits>,
    pub min: Option<Digits>,
    pub p50: Option<Digits>,
    pub p95: Option<Digits>,
    pub max: Option<Digits>,
}

/// The outcomes that were taken, zero where there were none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Outcomes {
    pub won: u64,
    pub lost: u64,
    pub open: u64,
    /// Of those, outcomes of people who are no leads (yet).
    pub waiting: u64,
    /// Cells whose word is not known: of a list of outcomes the row was rejected, beside a lead it was left out.
    pub not_understood: u64,
}

impl Outcomes {
    /// All that were taken.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.won + self.lost + self.open
    }
}

/// A JSON number that keeps its decimal digits: no float in between.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digits(Box<RawValue>);

impl Digits {
    /// From decimal text such as `500000.50`; none where that is not a JSON number.
    #[must_use]
    pub fn new(decimal: &str) -> Option<Self> {
        let number = decimal.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        let raw = RawValue::from_string(decimal.to_owned()).ok(); // the error says no more than "not JSON"
        raw.filter(|raw| number && raw.get().len() == decimal.len()).map(Self)
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Digits {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

/// What a result depends on besides the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// Hash of the configuration that affects rows.
    pub rules: String,
    /// Version of the `Learned` snapshot.
    pub learned: u64,
    /// Version of this program.
    pub program: String,
}

/// A header that may stand in logs and journals: as written, or `column_2` (from an `index` of 1) where it looks like data.
///
/// Data means: an `@`, mostly digits (five or more), a UUID, over 64 characters, or control characters.
#[must_use]
pub fn safe_column_name(name: &str, index: usize) -> String {
    let digits = name.chars().filter(char::is_ascii_digit).count();
    let written = name.chars().filter(|c| !c.is_whitespace()).count();
    let like_data = name.contains('@')
        || (digits >= 5 && digits * 2 >= written)
        || uuid::Uuid::try_parse(name.trim()).is_ok()
        || name.chars().count() > 64
        || name.chars().any(char::is_control);
    if like_data { format!("column_{}", index + 1) } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of an object and of the objects in it, in order, as `path.key`.
    fn keys(value: &serde_json::Value, path: &str, into: &mut Vec<String>) {
        let serde_json::Value::Object(object) = value else { return };
        for (key, value) in object {
            into.push(format!("{path}{key}"));
            keys(value.as_array().and_then(|list| list.first()).unwrap_or(value), &format!("{path}{key}."), into);
        }
    }

    fn full() -> Report {
        let mut report = Report::unread("0198", "zillow/x.csv", "zillow", Kind::Leads, Fate::Processed);
        report.columns = vec![Column::new("E-mail", 0, Some("email"), "alias")];
        report.rows = Rows { total: 10, accepted_new: 6, accepted_updated: 1, duplicates_in_file: 1, rejected: 2 };
        report.issues.first = vec![IssueRef { row: 3, line: 4, column: Some("phone".into()), code: "missing_field".into() }];
        report.systematic =
            vec![Systematic { column: Some("phone".into()), code: "scientific".into(), share: 0.98, rows: vec![1], advice: "text".into() }];
        report.value.sum = Digits::new("900719925474099312.10");
        report.quality.reasons.clear();
        report
    }

    #[test]
    fn every_documented_key_is_there_in_order_and_none_besides() {
        let mut found = Vec::new();
        keys(&serde_json::from_slice(&full().to_line()).expect("JSON"), "", &mut found);
        let stage = |name: &str| ["", ".counts", ".mean", ".basis", ".reason"].map(|key| format!("stages.{name}{key}"));
        let mut expected: Vec<String> =
            "schema job_id parent_job file source kind fate reason duplicate_of dry_run started_at finished_at \
            duration_ms bytes sha256 dialect dialect.encoding dialect.delimiter dialect.quote dialect.header_row dialect.confidence \
            columns columns.name columns.maps_to columns.why rows rows.total rows.accepted_new rows.accepted_updated \
            rows.duplicates_in_file rows.rejected issues issues.by_code issues.by_column issues.first issues.first.row issues.first.line \
            issues.first.column issues.first.code issues.truncated systematic systematic.column systematic.code systematic.share \
            systematic.rows systematic.advice quality quality.score quality.validity quality.completeness quality.uniqueness \
            quality.format quality.plausibility quality.outliers quality.reasons stages"
                .split_whitespace()
                .map(str::to_owned)
                .collect();
        for name in ["ab_test", "script_promotion", "deal_packet", "outcome", "clone_readiness", "lead_score"] {
            expected.extend(stage(name));
        }
        let rest = "tiers tiers.A tiers.B tiers.C tiers.D value value.sum value.min value.p50 value.p95 value.max outcomes outcomes.won \
            outcomes.lost outcomes.open outcomes.waiting outcomes.not_understood versions \
            versions.rules versions.learned versions.program archived_as rejects_as alerts";
        expected.extend(rest.split_whitespace().map(str::to_owned));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_failed_drop_has_the_same_top_level_keys() {
        let top = |report: &Report| {
            let value: serde_json::Value = serde_json::from_slice(&report.to_line()).expect("JSON");
            value.as_object().expect("object").keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(top(&full()), top(&Report::unread("0198", "x.png", "csv", Kind::Outcomes, Fate::Failed)));
    }

    #[test]
    fn a_report_comes_back_with_its_exact_digits() {
        let report = full();
        let line = report.to_line();
        assert!(String::from_utf8_lossy(&line).contains(r#""sum":900719925474099312.10,"#));
        assert_eq!(serde_json::from_slice::<Report>(&line).expect("own line"), report);
        assert_eq!(report.valid(), 8);
    }

    #[test]
    fn digits_are_numbers_only() {
        for (text, is_number) in [("1", true), ("-0.50", true), ("", false), ("01", false), (".5", false), ("true", false), ("1 ", false)] {
            assert_eq!(Digits::new(text).is_some(), is_number, "{text:?}");
        }
    }

    #[test]
    fn conservation_is_exact() {
        let rows = full().rows;
        assert!(rows.conserved());
        assert!(!Rows { rejected: 3, ..rows }.conserved());
        assert!(!Rows { rejected: u64::MAX, ..rows }.conserved());
    }

    #[test]
    fn headers_that_look_like_data_are_not_told() {
        let long = "x".repeat(65);
        for (name, safe) in [
            ("E-mail", "E-mail"),
            ("address 2", "address 2"),
            ("zip_code_list_12345", "zip_code_list_12345"),
            ("jan@example.com", "column_2"),
            ("(416) 555-0199", "column_2"),
            ("00112233-4455-6677-8899-aabbccddeeff", "column_2"),
            ("a\tb", "column_2"),
            (long.as_str(), "column_2"),
        ] {
            assert_eq!(safe_column_name(name, 1), safe);
        }
    }
}
