//! What one worker does with one chunk: parse, check, stage, tally. A pure function of bytes, plan, rules and snapshot.
//!
//! Rows and lines are counted from the chunk's own start; the committer, which takes the outcomes in the file's order,
//! adds what came before. Nothing here knows how the file was cut.

use std::collections::HashSet;

use uuid::Uuid;

use super::cells;
use super::check::{self, RawRow};
use super::lead::{IssueCode, Lead, LeadBatch, RowIssue};
use super::learned::Learned;
use super::notes::Notes;
use super::outcomes::{OutcomeRow, PlanKind};
use super::plan::Plan;
use super::quality::RowTally;
use super::record::Cells;
use super::records::{Found, Records};
use super::rejects::{self, Origin, RejectBatch, RowOf};
use super::rules::Rules;
use super::stages::{Course, Staged};
use super::table::Table;

/// Bytes of the file, cut so that records are whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    /// Whole records.
    Records(Vec<u8>),
    /// A record beyond the limit: only where it stood is kept.
    Oversize {
        /// Offset of its first byte in the file.
        offset: u64,
        /// Lines it had.
        lines: u64,
    },
    /// What stands behind the table: another one, or a remark. It is told, not read.
    Beyond {
        /// Lines it has.
        lines: u64,
    },
}

/// What every chunk of a job is read with.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// How the file is read.
    pub plan: &'a Plan,
    /// What its rows are held to.
    pub rules: &'a Rules,
    /// What history says.
    pub learned: &'a Learned,
    /// This job, as it is written beside rejected rows.
    pub job_id: &'a str,
    /// When this job began, RFC 3339 in UTC.
    pub ingested_at: &'a str,
    /// Earlier jobs whose rejected rows may come back.
    pub parents: &'a Parents,
    /// Issues kept with their texts, per chunk; all are counted.
    pub issues_kept: usize,
    /// Renders the accepted leads, but for their row numbers, for a file of leads.
    pub render: Option<Render>,
}

/// What renders the leads of one chunk.
pub type Render = for<'a> fn(&'a Context<'a>) -> Box<dyn Rendering<'a> + 'a>;

/// Renders leads one after the other. What it keeps from one to the next may save work, and never shows.
pub trait Rendering<'a> {
    /// Appends what follows the row number of a lead's line.
    fn lead(&mut self, lead: &Lead<'_>, staged: &Staged<'a>, out: &mut Vec<u8>);
}

/// Which jobs a returning row may come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Parents {
    /// Whatever it says: there is no store to ask (`check`).
    #[default]
    Any,
    /// Only these.
    Known(HashSet<Uuid>),
}

impl Parents {
    fn knows(&self, job: Uuid) -> bool {
        match self {
            Self::Any => true,
            Self::Known(jobs) => jobs.contains(&job),
        }
    }
}

/// What came of a chunk.
#[derive(Debug, Default)]
pub struct ChunkOutcome {
    /// Data records, rejected ones included, empty ones not.
    pub rows: u64,
    /// Physical lines.
    pub lines: u64,
    /// Rows that passed, staged.
    pub leads: LeadBatch,
    /// Outcomes: of a list of them every row that passed, of a list of leads those that rows told beside their lead.
    pub outcomes: Vec<OutcomeRow>,
    /// For a returning rejects file: where each lead, or outcome of a list of them, came from, in step with them.
    pub origins: Vec<Option<RowOf>>,
    /// Rows that did not pass, rendered for the rejects file.
    pub rejects: RejectBatch,
    /// The first issues with their texts.
    pub issues: Vec<RowIssue>,
    /// All issues, counted.
    pub issue_counts: IssueCounts,
    /// What people should know about rows that were taken, and about lines that were skipped.
    pub notes: Notes,
    /// Lines behind the table that were not read.
    pub lines_beyond: u64,
    /// Counts over the valid rows.
    pub tally: RowTally,
    /// For a file of leads: what follows the row number, with its end for each lead.
    pub rendered: Vec<u8>,
    /// Ends of the parts of `rendered`, in step with `leads`.
    pub rendered_ends: Vec<usize>,
}

/// Issues by column and code. Few distinct pairs, so a list serves better than a map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IssueCounts {
    /// Column as written, code, how many, and the first rows it was found in.
    pub pairs: Vec<IssueCount>,
    /// Rows with a missing required field.
    pub rows_missing_fields: u64,
}

/// How often one code was found in one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueCount {
    /// Column as written, empty for the row as a whole.
    pub column: String,
    /// The code.
    pub code: IssueCode,
    /// How often.
    pub count: u64,
    /// The first few rows.
    pub rows: Vec<u64>,
}

/// Example rows kept for each pair.
const EXAMPLE_ROWS: usize = 5;
/// Distinct pairs that are told apart; a file cannot make more columns than its header has.
const PAIRS: usize = 4096;

impl IssueCounts {
    /// Counts the issues of one row.
    pub fn add_row(&mut self, issues: &[RowIssue]) {
        self.rows_missing_fields += u64::from(issues.iter().any(|issue| issue.code == IssueCode::MissingField));
        for issue in issues {
            self.add(&issue.column, issue.code, 1, std::iter::once(issue.row));
        }
    }

    /// Adds a later chunk's counts, whose rows follow `rows_before` others.
    pub fn merge(&mut self, other: &Self, rows_before: u64) {
        self.rows_missing_fields += other.rows_missing_fields;
        for pair in &other.pairs {
            self.add(&pair.column, pair.code, pair.count, pair.rows.iter().map(|row| row + rows_before));
        }
    }

    fn add(&mut self, column: &str, code: IssueCode, count: u64, rows: impl Iterator<Item = u64>) {
        let column = if self.pairs.len() < PAIRS { column } else { "" }; // more pairs than any header makes: by code only
        let found = self.pairs.iter().position(|pair| pair.code == code && pair.column == column);
        let at = found.unwrap_or_else(|| {
            self.pairs.push(IssueCount { column: column.to_owned(), code, count: 0, rows: Vec::new() });
            self.pairs.len() - 1
        });
        let pair = &mut self.pairs[at];
        pair.count += count;
        let room = EXAMPLE_ROWS.saturating_sub(pair.rows.len());
        pair.rows.extend(rows.take(room));
    }
}

/// Does all the work on one chunk.
#[must_use]
pub fn run(chunk: &Chunk, context: &Context<'_>) -> ChunkOutcome {
    let outcome = ChunkOutcome { notes: Notes::keeping(context.issues_kept), ..ChunkOutcome::default() };
    let mapping = &context.plan.mapping;
    let course = Course::of(context.rules, context.learned).for_columns(&mapping.extra_names, &mapping.field_headers);
    let rendering = context.render.map(|of| of(context));
    let mut work = Work { context, course, rendering, outcome, issues: Vec::new(), restored: Cells::new(), lines: 0 };
    let table = &context.plan.layout.table;
    match chunk {
        Chunk::Records(bytes) => work.read(bytes, table),
        Chunk::Oversize { offset, lines } => work.reject_oversize(*offset, *lines),
        Chunk::Beyond { lines } => {
            work.outcome.lines = *lines;
            work.outcome.lines_beyond = *lines;
        }
    }
    work.outcome
}

struct Work<'a> {
    context: &'a Context<'a>,
    course: Course<'a, 'a>,
    rendering: Option<Box<dyn Rendering<'a> + 'a>>,
    outcome: ChunkOutcome,
    issues: Vec<RowIssue>,
    restored: Cells,
    /// Lines of the chunk, more or less.
    lines: usize,
}

impl Work<'_> {
    fn read(&mut self, bytes: &[u8], table: &Table) {
        let mut records = Records::new(bytes, table, self.context.rules.limits.record_bytes);
        let mut record = Cells::new();
        self.lines = memchr::memchr_iter(b'\n', bytes).count() + 1;
        self.outcome.leads = LeadBatch::with_room(bytes.len(), self.lines);
        while let Some(found) = records.next(&mut record) {
            match found {
                Found::Row { line, repaired } => {
                    let rows_before = self.outcome.rows;
                    self.take(&record, line);
                    if let Some(code) = repaired.filter(|_| self.outcome.rows > rows_before) {
                        self.outcome.tally.repaired += 1;
                        self.outcome.notes.add((self.outcome.rows, line), "", code, || code.sentence().to_owned());
                    }
                }
                Found::Skipped { line, why } => {
                    self.outcome.notes.add((self.outcome.rows, line), "", why, || why.sentence().to_owned());
                }
            }
        }
        self.outcome.lines = records.lines();
    }

    /// One record: skipped when empty, else a lead or a rejected row.
    fn take(&mut self, record: &Cells, line: u64) {
        let plan = self.context.plan;
        if !plan.reimport {
            return self.take_row(record, line, None);
        }
        let mut restored = std::mem::take(&mut self.restored);
        let parents = self.context.parents;
        let origin = rejects::restore(record, plan.mapping.columns.len(), |job| parents.knows(job), &mut restored);
        self.take_row(&restored, line, origin);
        self.restored = restored;
    }

    fn take_row(&mut self, record: &Cells, line: u64, origin: Option<RowOf>) {
        if cells::is_blank(record) {
            return;
        }
        self.outcome.rows += 1;
        self.outcome.tally.formula_cells += formula_cells(record);
        let raw = RawRow { row: self.outcome.rows, line, record };
        self.issues.clear();
        let is_taken = match self.context.plan.kind {
            PlanKind::Leads => self.take_lead(&raw),
            PlanKind::Outcomes => self.take_outcome(&raw),
        };
        if !is_taken {
            self.reject(record, origin);
        } else if self.context.plan.reimport {
            self.outcome.origins.push(origin);
        }
    }

    /// A row of a list of leads; whether it was accepted.
    fn take_lead(&mut self, raw: &RawRow<'_>) -> bool {
        let Context { plan, rules, .. } = *self.context;
        let outcome = &mut self.outcome;
        if !check::check(raw, plan, rules, &mut self.issues, &mut outcome.notes, &mut outcome.leads) {
            return false;
        }
        if plan.outcome.is_some() {
            let person = outcome.leads.lead_id(outcome.leads.len() - 1);
            outcome.outcomes.extend(check::outcome_beside(raw, plan, rules, person, &mut outcome.notes));
        }
        self.stage();
        true
    }

    /// A row of a list of outcomes; whether it was accepted.
    fn take_outcome(&mut self, raw: &RawRow<'_>) -> bool {
        let Context { plan, rules, .. } = *self.context;
        let Some(outcome) = check::check_outcome(raw, plan, rules, &mut self.issues) else { return false };
        self.outcome.outcomes.push(outcome);
        self.outcome.tally.valid += 1;
        true
    }

    /// Takes the lead just accepted through the six stages.
    fn stage(&mut self) {
        let index = self.outcome.leads.len() - 1;
        let context = self.context;
        let mut lead = self.outcome.leads.lead(index, &context.plan.mapping.extra_names);
        lead.headers = &context.plan.mapping.field_headers;
        let staged = self.course.run(&lead, &[]);
        self.outcome.tally.add(&lead, staged.deal_packet.risks);
        if let Some(rendering) = &mut self.rendering {
            let rendered = &mut self.outcome.rendered;
            rendering.lead(&lead, &staged, rendered);
            if index == 0 {
                rendered.reserve(rendered.len() * self.lines); // lines of leads have much the same length
                self.outcome.rendered_ends.reserve(self.lines);
            }
            self.outcome.rendered_ends.push(rendered.len());
        }
        let mark = staged.mark();
        self.outcome.leads.set_mark(index, mark);
    }

    fn reject(&mut self, record: &Cells, origin: Option<RowOf>) {
        let plan = self.context.plan;
        let errors: Vec<&str> = self.issues.iter().map(|issue| issue.message.as_str()).collect();
        let origin = origin.map_or(Origin::Here(self.outcome.rows), Origin::Earlier);
        let (columns, delimiter) = (plan.mapping.columns.len(), plan.layout.dialect().delimiter);
        self.outcome.rejects.push(record, columns, delimiter, origin, &errors.join(" | "), self.context.job_id);
        self.outcome.issue_counts.add_row(&self.issues);
        let room = self.context.issues_kept.saturating_sub(self.outcome.issues.len());
        self.outcome.issues.extend(self.issues.drain(..).take(room));
    }

    fn reject_oversize(&mut self, offset: u64, lines: u64) {
        self.outcome.rows = 1;
        self.outcome.lines = lines;
        let limit = self.context.rules.limits.record_bytes;
        let message = format!("Record too long: the record at byte {offset} has more than {limit} bytes and was not read");
        self.issues.push(RowIssue { row: 1, line: 1, column: String::new(), code: IssueCode::FieldTooLong, message });
        self.reject(&Cells::new(), None);
    }
}

/// Cells that a spreadsheet would run.
fn formula_cells(record: &Cells) -> u64 {
    let mut formulas = 0;
    for cell in record.iter() {
        if matches!(cell.first(), Some(b'=' | b'@' | b'\t' | b'\r' | b'+' | b'-')) && !rejects::is_phone_like(cell) {
            formulas += u64::from(std::str::from_utf8(cell).is_ok_and(rejects::is_formula));
        }
    }
    formulas
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan::{self, Head};

    struct Read {
        rows: u64,
        lines: u64,
        leads: Vec<(u64, u64, String)>,
        issues: Vec<(u64, u64, &'static str)>,
    }

    fn read(text: &str) -> Read {
        let (rules, learned) = (Rules::default(), Learned::none());
        let plan = plan::decide(Head::whole(text.as_bytes()), &rules, "csv", None).expect("a plan");
        let context = Context {
            plan: &plan,
            rules: &rules,
            learned: &learned,
            job_id: "job",
            ingested_at: "",
            parents: &Parents::Any,
            issues_kept: 100,
            render: None,
        };
        let outcome = run(&Chunk::Records(text.as_bytes()[plan.layout.data_start..].to_vec()), &context);
        let leads = (0..outcome.leads.len()).map(|at| outcome.leads.lead(at, &plan.mapping.extra_names));
        Read {
            rows: outcome.rows,
            lines: outcome.lines,
            leads: leads.map(|lead| (lead.row, lead.line, lead.name.to_owned())).collect(),
            issues: outcome.issues.iter().map(|issue| (issue.row, issue.line, issue.code.as_str())).collect(),
        }
    }

    #[test]
    fn rows_and_lines_are_counted_as_a_person_would() {
        let read = read("name,email,value\r\nA,a@b.co,1\r\n\r\n,,\r\n\"B\r\nb\",b@b.co,2\r\nC,c,3\r\nD,d@b.co,4");
        assert_eq!((read.rows, read.lines), (4, 6));
        let names: Vec<(u64, u64, &str)> = read.leads.iter().map(|(row, line, name)| (*row, *line, name.as_str())).collect();
        assert_eq!(names, [(1, 1, "A"), (2, 4, "B b"), (4, 7, "D")]);
        assert_eq!(read.issues, [(3, 6, "invalid_email")]);
    }

    #[test]
    fn a_record_beyond_the_limit_is_a_rejected_row() {
        let (rules, learned) = (Rules::default(), Learned::none());
        let plan = plan::decide(Head::whole(b"name,email,value\n"), &rules, "csv", None).expect("a plan");
        let context = Context {
            plan: &plan,
            rules: &rules,
            learned: &learned,
            job_id: "job",
            ingested_at: "",
            parents: &Parents::Any,
            issues_kept: 1,
            render: None,
        };
        let outcome = run(&Chunk::Oversize { offset: 17, lines: 1 }, &context);
        assert_eq!((outcome.rows, outcome.rejects.len(), outcome.lines), (1, 1, 1));
        assert!(outcome.issues[0].message.contains("byte 17"));
    }

    #[test]
    fn counts_merge_with_their_rows_moved() {
        let mut counts = IssueCounts::default();
        let issue = |row| RowIssue { row, line: row, column: "email".into(), code: IssueCode::InvalidEmail, message: String::new() };
        counts.add_row(&[issue(3)]);
        let mut all = IssueCounts::default();
        all.merge(&counts, 10);
        all.merge(&counts, 20);
        assert_eq!(all.pairs.len(), 1);
        assert_eq!((all.pairs[0].count, all.pairs[0].rows.clone()), (2, vec![13, 23]));
    }

    #[test]
    fn a_row_comes_back_only_to_a_job_that_is_known() {
        let (ours, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let known = Parents::Known(HashSet::from([ours]));
        assert_eq!([known.knows(ours), known.knows(other), Parents::Any.knows(other)], [true, false, true]);
    }

    #[test]
    fn what_is_tallied_and_marked_of_the_rows_that_passed() {
        let text = "name,email,value,phone\nA,a@b.co,100,+44 7700 900123\nB,b@b.co,200,\nC,c@gmial.com,300,call me\nD,d,4,\n";
        let (rules, learned) = (Rules::default(), Learned::none());
        let plan = plan::decide(Head::whole(text.as_bytes()), &rules, "csv", None).expect("a plan");
        let context = Context {
            plan: &plan,
            rules: &rules,
            learned: &learned,
            job_id: "job",
            ingested_at: "",
            parents: &Parents::Any,
            issues_kept: 1,
            render: None,
        };
        let outcome = run(&Chunk::Records(text.as_bytes()[plan.layout.data_start..].to_vec()), &context);
        let expected = RowTally { valid: 3, optional_filled: 2, phones: 2, phones_read: 1, email_slips: 1, ..RowTally::default() };
        assert_eq!(outcome.tally, expected);
        for at in 0..outcome.leads.len() {
            let staged = crate::engine::stages::run(&outcome.leads.lead(at, &plan.mapping.extra_names), &[], &rules, &learned);
            let mark = outcome.leads.mark(at);
            assert_eq!((mark.score, mark.tier), (staged.lead_score.hundredths, staged.lead_score.tier as u8));
            assert_eq!((mark.packet_ready, mark.promote), (staged.deal_packet.is_ready(), staged.clone_readiness.promote));
            assert!(mark.score > 0 && mark.packet_ready, "{mark:?}");
        }
    }

    #[test]
    fn issues_are_counted_by_column_and_code_and_rows_with_missing_fields_once() {
        let issue = |row, column: &str, code| RowIssue { row, line: row, column: column.into(), code, message: String::new() };
        let mut counts = IssueCounts::default();
        counts.add_row(&[issue(1, "email", IssueCode::InvalidEmail)]);
        counts.add_row(&[issue(2, "email", IssueCode::MissingField), issue(2, "value", IssueCode::MissingField)]);
        counts.add_row(&[issue(3, "email", IssueCode::InvalidEmail)]);
        let told: Vec<_> = counts.pairs.iter().map(|pair| (pair.column.as_str(), pair.code, pair.count, pair.rows.as_slice())).collect();
        let expected = [
            ("email", IssueCode::InvalidEmail, 2, &[1, 3][..]),
            ("email", IssueCode::MissingField, 1, &[2]),
            ("value", IssueCode::MissingField, 1, &[2]),
        ];
        assert_eq!((told, counts.rows_missing_fields), (expected.to_vec(), 1));
    }
}
