//! Leads from a CSV file, for other Rust programs: the engine alone, without folders, store, journals or daemon.
//!
//! [`Ingestion::open`] decides how a file is read, [`Ingestion::leads`] walks over its rows. A file is read piece by piece
//! and each walk reads it anew, so that memory does not depend on its size. Nothing is written anywhere, and there is no
//! history to ask: duplicates within the file are kept apart, and no lead is new or known.
//!
//! ```
//! use valhalla_ingest::ingestion::{Ingestion, IngestionError};
//!
//! let ingestion = Ingestion::open("examples/leads.csv")?;
//! for row in ingestion.leads() {
//!     match row {
//!         Ok(lead) => println!("{} scores {}", lead.name, lead.score),
//!         Err(error) => println!("{error}"),
//!     }
//! }
//! assert_eq!(ingestion.summary()?.valid, 10);
//! # Ok::<(), IngestionError>(())
//! ```

use std::io;
use std::iter::{FusedIterator, Peekable};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, vec};

use uuid::Uuid;

pub use crate::engine::decimal::Decimal;
pub use crate::engine::file_error::FileError;
pub use crate::engine::headers::ColumnUse;
pub use crate::engine::lead::{Field, IssueCode, RowIssue};
pub use crate::engine::rules::Rules;
pub use crate::engine::stages::lead_score::Tier;

use crate::engine::chunk::{self, ChunkOutcome, Context, IssueCounts, Parents};
use crate::engine::lead::Lead;
use crate::engine::learned::Learned;
use crate::engine::outcomes::PlanKind;
use crate::engine::plan::{self, Plan};
use crate::reading::{self, Cutter, Cutting, Feed, Look, SourceFile, Unopened, look_of};

/// The source of a lead whose row names none.
const SOURCE: &str = "csv";
/// Bytes read at a time.
const PIECE_BYTES: usize = 256 << 10;

/// A file of leads, looked at. Cheap to clone. Each walk opens the file anew, and fails when it is not the same any more.
#[derive(Debug, Clone)]
pub struct Ingestion {
    opened: Arc<Opened>,
}

/// One accepted row, cleaned and scored. A text that the row does not have is empty.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedLead {
    /// Data records count from 1; empty ones are not counted.
    pub row: u64,
    /// The physical line where the row starts, from 1.
    pub line: u64,
    /// The person behind the e-mail address: the same on every machine.
    pub lead_id: Uuid,
    /// Trimmed.
    pub name: String,
    /// Trimmed and in lower case.
    pub email: String,
    /// Exact, with the decimals it was written with; `None` only where the rules do not require it.
    pub value: Option<Decimal>,
    /// As written beside the amount.
    pub currency: String,
    /// Trimmed.
    pub location: String,
    /// As typed, trimmed.
    pub phone: String,
    /// In E.164 where the number says its country.
    pub phone_e164: String,
    /// In lower case with `_` for white space; `csv` when the row names none.
    pub source: String,
    /// Every other column, name and cell as written, in the file's order.
    pub extra: Vec<(String, String)>,
    /// 0 to 100 points, to the hundredth. Without outcomes in a store, unknown parts count half.
    pub score: Decimal,
    /// The tier of the score.
    pub tier: Tier,
}

/// One row that was not taken, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Counted like the row of a lead.
    pub row: u64,
    /// Counted like the line of a lead.
    pub line: u64,
    /// At least one. Their messages may quote cells, so keep them out of logs.
    pub issues: Vec<RowIssue>,
}

/// Why a row gave no lead.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// The row breaks a rule; the next one follows.
    #[error("{0}")]
    Rejected(Rejected),
    /// The file could not be read on; nothing follows.
    #[error(transparent)]
    Unread(#[from] IngestionError),
}

/// Why a file gave nothing, or no more.
#[derive(Debug, thiserror::Error)]
pub enum IngestionError {
    /// There is no such file.
    #[error("The file '{}' was not found.", path.display())]
    NotFound {
        /// As given.
        path: PathBuf,
    },
    /// It is there and cannot be read.
    #[error("{}: cannot be read: {source}. Give a CSV file that this user may read", path.display())]
    Unreadable {
        /// As given.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It can be read and is no list of leads: what it is instead, and what to do.
    #[error("{}", error.sentence(&path.display().to_string()))]
    File {
        /// As given.
        path: PathBuf,
        /// With a code for programs.
        error: FileError,
    },
}

/// Counts over a whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Data records, empty ones not counted.
    pub total: u64,
    /// Rows that are leads.
    pub valid: u64,
    /// Rows that break a rule: `total = valid + rejected`.
    pub rejected: u64,
    /// How often each code was found, in the order of [`IssueCode::ALL`]; a row can have several.
    pub issues: Vec<(IssueCode, u64)>,
    /// What each column was read as, and why.
    pub columns: Vec<ColumnUse>,
}

impl Ingestion {
    /// Opens a file and decides how it is read, under the documented default rules.
    ///
    /// # Errors
    /// [`IngestionError`], also when a required column is missing.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, IngestionError> {
        Self::open_with(path, Rules::default())
    }

    /// Opens a file and decides how it is read, under these rules.
    ///
    /// # Errors
    /// As [`Ingestion::open`].
    pub fn open_with(path: impl AsRef<Path>, rules: Rules) -> Result<Self, IngestionError> {
        Ok(Self { opened: Arc::new(Opened::new(path.as_ref(), rules)?) })
    }

    /// What each column is read as, and why.
    #[must_use]
    pub fn columns(&self) -> &[ColumnUse] {
        &self.opened.plan.mapping.columns
    }

    /// Every row in the file's order: a lead, or why there is none. Two rows of one person are two leads.
    ///
    /// Each call reads the file from its start.
    #[must_use]
    pub fn leads(&self) -> Leads {
        Leads {
            cutter: None,
            opened: Arc::clone(&self.opened),
            outcome: ChunkOutcome::default(),
            next_lead: 0,
            issues: Vec::new().into_iter().peekable(),
            rows_before: 0,
            lines_before: self.opened.plan.layout.data_line,
            is_over: false,
        }
    }

    /// The leads alone. Holds all of them in memory.
    ///
    /// # Errors
    /// [`IngestionError`] when the file cannot be read to its end. Rejected rows are no error.
    pub fn collect_valid(&self) -> Result<Vec<OwnedLead>, IngestionError> {
        let unless_rejected = |row| match row {
            Ok(lead) => Some(Ok(lead)),
            Err(RowError::Rejected(_)) => None,
            Err(RowError::Unread(error)) => Some(Err(error)),
        };
        self.leads().filter_map(unless_rejected).collect()
    }

    /// Counts the whole file, reading it once.
    ///
    /// # Errors
    /// [`IngestionError`] when the file cannot be read to its end.
    pub fn summary(&self) -> Result<Summary, IngestionError> {
        let (mut leads, mut valid, mut counts) = (self.leads(), 0, IssueCounts::default());
        while leads.advance()? {
            valid += leads.outcome.leads.len() as u64;
            counts.merge(&leads.outcome.issue_counts, leads.rows_before);
        }
        let total = leads.rows_before + leads.outcome.rows;
        let count_of = |code| counts.pairs.iter().filter(|pair| pair.code == code).map(|pair| pair.count).sum();
        let issues = IssueCode::ALL.into_iter().map(|code| (code, count_of(code))).filter(|(_, count)| *count > 0).collect();
        Ok(Summary { total, valid, rejected: total - valid, issues, columns: self.columns().to_vec() })
    }
}

impl Summary {
    /// Valid rows in percent of all; `None` for a file without rows.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // counts stay far below 2^53
    pub fn success_rate(&self) -> Option<f64> {
        (self.total > 0).then(|| 100.0 * self.valid as f64 / self.total as f64)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Total records: {}", self.total)?;
        writeln!(f, "Valid leads: {}", self.valid)?;
        writeln!(f, "Invalid leads: {}", self.rejected)?;
        match self.success_rate() {
            Some(rate) => write!(f, "Success rate: {rate:.1}%"),
            None => write!(f, "Success rate: unknown (no rows)"),
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages: Vec<&str> = self.issues.iter().map(|issue| issue.message.as_str()).collect();
        write!(f, "row {} (line {}): {}", self.row, self.line, messages.join(" | "))
    }
}

/// A walk over the rows of a file.
#[derive(Debug)]
pub struct Leads {
    opened: Arc<Opened>,
    /// None before the first chunk.
    cutter: Option<Cutter<Feed<'static>>>,
    /// The chunk at hand, its next lead, and its issues that are yet to be told.
    outcome: ChunkOutcome,
    next_lead: usize,
    issues: Peekable<vec::IntoIter<RowIssue>>,
    /// What came before the chunk at hand.
    rows_before: u64,
    lines_before: u64,
    is_over: bool,
}

impl Iterator for Leads {
    type Item = Result<OwnedLead, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over {
            if let Some(row) = self.next_of_chunk() {
                return Some(row);
            }
            match self.advance() {
                Ok(more) => self.is_over = !more,
                Err(error) => {
                    self.is_over = true;
                    return Some(Err(error.into()));
                }
            }
        }
        None
    }
}

impl FusedIterator for Leads {}

impl Leads {
    /// Takes the next chunk in; false at the end of the file.
    fn advance(&mut self) -> Result<bool, IngestionError> {
        let opened = Arc::clone(&self.opened);
        let cutter = match self.cutter.take() {
            Some(cutter) => cutter,
            None => opened.cut()?,
        };
        let Some(chunk) = self.cutter.insert(cutter).next().map_err(|source| opened.unreadable(source))? else {
            opened.require_unchanged()?;
            return Ok(false);
        };
        self.rows_before += self.outcome.rows;
        self.lines_before += self.outcome.lines;
        self.outcome = chunk::run(&chunk, &opened.context(&Parents::Any));
        self.next_lead = 0;
        self.issues = std::mem::take(&mut self.outcome.issues).into_iter().peekable();
        let limit = opened.rules.limits.rows;
        if self.rows_before + self.outcome.rows > limit {
            let what = format!("it has more than the {limit} rows allowed");
            return Err(opened.failed(FileError::new("too_many_rows", what, "Split it, or raise limits.rows in the rules")));
        }
        Ok(true)
    }

    /// Leads and issues come in the order of their rows; whichever is first is next.
    fn next_of_chunk(&mut self) -> Option<Result<OwnedLead, RowError>> {
        let names = &self.opened.plan.mapping.extra_names;
        let lead = (self.next_lead < self.outcome.leads.len()).then(|| self.outcome.leads.lead(self.next_lead, names));
        let rejected_row = self.issues.peek().map(|issue| issue.row);
        match (lead, rejected_row) {
            (Some(lead), rejected) if rejected.is_none_or(|row| lead.row < row) => {
                let mark = self.outcome.leads.mark(self.next_lead);
                let owned = owned(&lead, (self.rows_before, self.lines_before), mark.score, mark.tier);
                self.next_lead += 1;
                Some(Ok(owned))
            }
            (_, Some(row)) => Some(Err(RowError::Rejected(self.rejected(row)))),
            (_, None) => None,
        }
    }

    fn rejected(&mut self, row_of_chunk: u64) -> Rejected {
        let (rows_before, lines_before) = (self.rows_before, self.lines_before);
        let issues: Vec<RowIssue> = std::iter::from_fn(|| self.issues.next_if(|issue| issue.row == row_of_chunk))
            .map(|issue| RowIssue { row: issue.row + rows_before, line: issue.line + lines_before, ..issue })
            .collect();
        let line = issues.first().map_or(lines_before, |issue| issue.line);
        Rejected { row: row_of_chunk + rows_before, line, issues }
    }
}

fn owned(lead: &Lead<'_>, (rows_before, lines_before): (u64, u64), score_hundredths: u16, tier: u8) -> OwnedLead {
    OwnedLead {
        row: lead.row + rows_before,
        line: lead.line + lines_before,
        lead_id: lead.lead_id,
        name: lead.name.to_owned(),
        email: lead.email.to_owned(),
        value: lead.value,
        currency: lead.currency.to_owned(),
        location: lead.location.to_owned(),
        phone: lead.phone.to_owned(),
        phone_e164: lead.phone_e164.to_owned(),
        source: lead.source.to_owned(),
        extra: lead.extra.iter().map(|(name, cell)| (name.to_owned(), cell.to_owned())).collect(),
        score: Decimal::new(score_hundredths.into(), 2).expect("a score has at most five digits"),
        tier: Tier::ALL[usize::from(tier)],
    }
}

/// A file with what was decided about it.
#[derive(Debug)]
struct Opened {
    path: PathBuf,
    look: Look,
    rules: Rules,
    learned: Learned,
    plan: Plan,
}

impl Opened {
    fn new(path: &Path, rules: Rules) -> Result<Self, IngestionError> {
        let file = open_file(path, &rules)?;
        let failed = |error| IngestionError::File { path: path.to_owned(), error };
        let look = file.look();
        if look.size > rules.limits.file_bytes {
            let what = format!("it has {} bytes, more than the {} allowed", look.size, rules.limits.file_bytes);
            return Err(failed(FileError::new("file_too_large", what, "Split it, or raise limits.file_bytes in the rules")));
        }
        let plan = plan::decide(file.head(), &rules, SOURCE, None).map_err(failed)?;
        if plan.kind == PlanKind::Outcomes {
            let what = "it is a list of outcomes, not of leads";
            return Err(failed(FileError::new(
                "outcomes_only",
                what,
                "Give it to the daemon or to `valhalla ingest`, which keep outcomes",
            )));
        }
        Ok(Self { path: path.to_owned(), look, rules, learned: Learned::none(), plan })
    }

    /// Opens the file once more, from behind its header.
    fn cut(&self) -> Result<Cutter<Feed<'static>>, IngestionError> {
        let file = open_file(&self.path, &self.rules)?;
        if file.look() != self.look {
            return Err(self.changed());
        }
        let layout = &self.plan.layout;
        let cutting = Cutting {
            start: layout.data_start as u64,
            table: layout.table.clone(),
            record_bytes: self.rules.limits.record_bytes,
            chunk_bytes: PIECE_BYTES,
        };
        Ok(Cutter::new(file.into_feed(layout.encoding), cutting))
    }

    fn context<'a>(&'a self, parents: &'a Parents) -> Context<'a> {
        Context {
            plan: &self.plan,
            rules: &self.rules,
            learned: &self.learned,
            job_id: "",
            ingested_at: "",
            parents,
            issues_kept: usize::MAX, // a chunk has a bounded number of rows
            render: None,
        }
    }

    /// A file that was written to meanwhile may have been read half old, half new.
    fn require_unchanged(&self) -> Result<(), IngestionError> {
        let metadata = self.path.metadata().map_err(|source| self.unreadable(source))?;
        if look_of(&metadata) == self.look { Ok(()) } else { Err(self.changed()) }
    }

    fn changed(&self) -> IngestionError {
        self.unreadable(io::Error::other("it was changed after it was opened"))
    }

    fn unreadable(&self, source: io::Error) -> IngestionError {
        match reading::file_error_in(&source) {
            Some(error) => self.failed(error.clone()),
            None => IngestionError::Unreadable { path: self.path.clone(), source },
        }
    }

    fn failed(&self, error: FileError) -> IngestionError {
        IngestionError::File { path: self.path.clone(), error }
    }
}

/// Opens a file wherever links may lead to it.
fn open_file(path: &Path, rules: &Rules) -> Result<SourceFile, IngestionError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => IngestionError::NotFound { path: path.to_owned() },
        _ => IngestionError::Unreadable { path: path.to_owned(), source },
    };
    // Looked at before it is opened: to open a pipe would wait for whoever writes to it.
    let real = path.canonicalize().map_err(unreadable)?;
    if !real.metadata().map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")));
    }
    SourceFile::open(&real, rules).map_err(|unopened| match unopened {
        Unopened::Gone | Unopened::Replaced => IngestionError::NotFound { path: path.to_owned() },
        Unopened::Unreadable(error) => IngestionError::File { path: path.to_owned(), error },
        Unopened::Machine(source) => unreadable(source),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(text: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("leads.csv");
        fs::write(&path, text).expect("written");
        (folder, path)
    }

    /// Each row in a few words: `row/line name` or `row/line code+code`.
    fn told(ingestion: &Ingestion) -> Vec<String> {
        let words = |row| match row {
            Ok(OwnedLead { row, line, name, .. }) => format!("{row}/{line} {name}"),
            Err(RowError::Rejected(Rejected { row, line, issues })) => {
                let codes: Vec<&str> = issues.iter().map(|issue| issue.code.as_str()).collect();
                assert!(issues.iter().all(|issue| (issue.row, issue.line) == (row, line)));
                format!("{row}/{line} {}", codes.join("+"))
            }
            Err(RowError::Unread(error)) => error.to_string(),
        };
        ingestion.leads().map(words).collect()
    }

    #[test]
    fn rows_come_in_the_files_order_with_their_numbers() {
        let (_folder, path) =
            write("\u{feff}name,email,value\r\nA,a,x\r\n\"B\r\nb\",b@b.co,1\r\n\r\n,c@b.co,2\r\nD,d@b.co,3\r\nD,d@b.co,3");
        let ingestion = Ingestion::open(path).expect("a list");
        assert_eq!(told(&ingestion), ["1/2 invalid_email+value_not_numeric", "2/3 B b", "3/6 missing_field", "4/7 D", "5/8 D"]);
        assert_eq!(told(&ingestion), told(&ingestion.clone()), "each walk begins anew");
        let summary = ingestion.summary().expect("readable");
        assert_eq!((summary.total, summary.valid, summary.rejected), (5, 3, 2));
        assert_eq!(summary.issues, [(IssueCode::MissingField, 1), (IssueCode::InvalidEmail, 1), (IssueCode::ValueNotNumeric, 1)]);
        assert_eq!(summary.to_string(), "Total records: 5\nValid leads: 3\nInvalid leads: 2\nSuccess rate: 60.0%");
        assert_eq!(ingestion.collect_valid().expect("readable").len(), 3);
    }

    #[test]
    fn a_lead_has_every_cell_of_its_row() {
        let (_folder, path) = write(
            "Name,E-Mail,Budget,City,Phone,Lead Source,Notes\nAnn,ANN@Example.com,\"$238,224.50\",Selkirk,+1 (204) 786-8901,Trade Show, as is \n",
        );
        let lead = Ingestion::open(path).expect("a list").collect_valid().expect("readable").remove(0);
        assert_eq!((lead.name.as_str(), lead.email.as_str()), ("Ann", "ann@example.com"));
        assert_eq!((lead.value.map(|value| value.to_string()).as_deref(), lead.currency.as_str()), (Some("238224.50"), "$"));
        assert_eq!(
            (lead.location.as_str(), lead.phone.as_str(), lead.phone_e164.as_str()),
            ("Selkirk", "+1 (204) 786-8901", "+12047868901")
        );
        assert_eq!((lead.source.as_str(), &lead.extra), ("trade_show", &vec![("Notes".to_owned(), " as is ".to_owned())]));
        assert_eq!(lead.lead_id, crate::engine::lead::lead_id_of("ann@example.com"));
        assert!(lead.score > Decimal::new(0, 0).expect("zero") && lead.score.scale() == 2);
    }

    #[test]
    fn numbers_go_on_over_the_pieces_of_a_large_file() {
        let rows = 3 * PIECE_BYTES / 20;
        let text: String = (1..=rows)
            .map(|n| if n % 1000 == 0 { "x,no address,1\n".to_owned() } else { format!("\"L\n{n}\",l{n}@example.com,{n}\n") })
            .collect();
        let (_folder, path) = write(format!("name,email,value\n{text}"));
        let ingestion = Ingestion::open(path).expect("a list");
        let (mut line, mut seen) = (2, 0);
        for (row, number) in ingestion.leads().zip(1u64..) {
            let is_bad = number % 1000 == 0;
            match row {
                Ok(lead) => assert_eq!((lead.row, lead.line, lead.name, is_bad), (number, line, format!("L {number}"), false)),
                Err(RowError::Rejected(rejected)) => assert_eq!((rejected.row, rejected.line, is_bad), (number, line, true)),
                Err(RowError::Unread(error)) => panic!("{error}"),
            }
            line += if is_bad { 1 } else { 2 };
            seen = number;
        }
        assert_eq!((seen, ingestion.summary().expect("readable").total), (rows as u64, rows as u64));
    }

    #[test]
    fn a_quote_that_never_closes_and_a_record_beyond_the_limit_cost_only_themselves() {
        let mut rules = Rules::default();
        rules.limits.record_bytes = 60;
        let (_folder, path) = write(format!("name,email,value\nA,a@b.co,1\n\"B,b@b.co,2\n{}\nC,c@b.co,3\n", "x".repeat(PIECE_BYTES + 10)));
        let ingestion = Ingestion::open_with(path, rules).expect("a list");
        assert_eq!(told(&ingestion), ["1/2 A", "2/3 \"B", "3/4 field_too_long", "4/5 C"]);
    }

    #[test]
    fn what_is_no_list_says_so() {
        let (folder, path) = write("name,mailbox,value\nA,none,1\n");
        let error = Ingestion::open(&path).expect_err("no e-mail column");
        assert!(matches!(&error, IngestionError::File { error, .. } if error.code == "missing_column"));
        assert!(
            error.to_string().contains("leads.csv: no column for 'email' (found: name, mailbox, value); did you mean 'mailbox'?"),
            "{error}"
        );
        let error = Ingestion::open("nowhere/leads.csv").expect_err("no file");
        assert_eq!(error.to_string(), "The file 'nowhere/leads.csv' was not found.");
        let error = Ingestion::open(folder.path()).expect_err("a folder");
        assert!(matches!(error, IngestionError::Unreadable { .. }) && error.to_string().contains("not a regular file"), "{error}");
    }

    #[test]
    fn limits_hold() {
        let (_folder, path) = write("name,email,value\nA,a@b.co,1\nB,b@b.co,1\nC,c@b.co,1\n");
        let mut rules = Rules::default();
        rules.limits.rows = 2;
        let ingestion = Ingestion::open_with(&path, rules).expect("a list");
        assert!(matches!(ingestion.collect_valid(), Err(IngestionError::File { error, .. }) if error.code == "too_many_rows"));
        assert_eq!(ingestion.leads().count(), 1, "nothing follows the error");
        let mut rules = Rules::default();
        rules.limits.file_bytes = 10;
        assert!(matches!(Ingestion::open_with(&path, rules), Err(IngestionError::File { error, .. }) if error.code == "file_too_large"));
    }

    #[test]
    fn a_file_written_to_after_it_was_opened_is_not_passed_off_as_read() {
        let (_folder, path) = write("name,email,value\nA,a@b.co,1\n");
        let ingestion = Ingestion::open(&path).expect("a list");
        fs::write(&path, "name,email,value\nA,a@b.co,1\nB,b@b.co,2\n").expect("written");
        let last = ingestion.leads().last().expect("rows");
        assert!(matches!(last, Err(RowError::Unread(IngestionError::Unreadable { .. }))));
    }

    #[test]
    fn a_header_alone_is_a_list_without_rows() {
        let (_folder, path) = write("name,email,value\n");
        let summary = Ingestion::open(path).expect("a list").summary().expect("readable");
        assert_eq!((summary.total, summary.success_rate()), (0, None));
    }
}
