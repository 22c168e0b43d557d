//! What became of a drop, in plain words: the receipt beside the original, the error text beside a failed file, and the
//! note of a dry run.
//!
//! Written for someone who has never seen a terminal: whose file and when, what came in, what did not and where it can be
//! put right, what to do next, where to find more. A receipt lies beside the original, so its problems may quote cells;
//! the [`Report`], which goes into a journal, may not, and what only people need stands in [`Facts`].

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::words::{counted, shown, thousands};
use crate::clock;
use crate::engine::lead::IssueCode;
use crate::journal::report::{Fate, Kind, Outcomes, Report, Systematic};

/// What is kept with a job beyond its report: for its receipt, so that it can be made again, and for its rejected rows, so
/// that they are read as before when they come back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// People who were not known.
    pub new: u64,
    /// People who were known and of whom nothing changed.
    pub known_unchanged: u64,
    /// People who were known and of whom something changed.
    pub known_changed: u64,
    /// Cells that changed in all of them.
    pub changed_cells: u64,
    /// The first rows of people who came earlier in the file.
    pub duplicate_rows: Vec<u64>,
    /// The first problems.
    pub problems: Vec<Problem>,
    /// The earlier file with the same content.
    pub duplicate_of: Option<Earlier>,
    /// For rows that we gave back: what became of them.
    pub returned: Option<Returned>,
    /// Whether the decimals of the value column begin with a comma; none where it did not show.
    pub decimal_comma: Option<bool>,
    /// Outcomes that had waited for leads of this file.
    pub joined: u64,
    /// Columns that told outcomes: their places, and what of an outcome they told.
    pub outcome_columns: Vec<(usize, String)>,
    /// Whether the month comes first in the dates of outcomes; none where there are no such dates.
    pub month_first: Option<bool>,
    /// Whether it is the program that failed, and nothing in the file can be put right.
    pub is_our_fault: bool,
}

/// One problem of one row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Data record, from 1.
    pub row: u64,
    /// Physical line where it starts, from 1.
    pub line: u64,
    /// A sentence for people; may quote the cell.
    pub message: String,
}

/// An earlier drop.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// Its file.
    pub file: String,
    /// When it was taken, milliseconds since 1970.
    pub at_ms: i64,
}

/// What became of rows that were given back, fixed and dropped again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    /// The file they first came in.
    pub parent_file: String,
    /// Its job.
    pub parent_job: String,
    /// Rows that are right since this drop.
    pub resolved_now: u64,
    /// Rows that are right since they were given back, this drop included.
    pub resolved_total: u64,
    /// Rows that are still not right.
    pub open: u64,
    /// Whether nothing in it was changed.
    pub unchanged: bool,
}

/// How many rows and problems [`Facts`] keeps of each kind.
pub const FACTS_KEPT: usize = 20;

/// The receipt of a drop: about ten lines. Of a dry run, [`dry_run_note`]; of a failed drop, its short [`error_text`].
#[must_use]
pub fn receipt(report: &Report, facts: &Facts) -> String {
    if report.dry_run {
        return dry_run_note(report, facts);
    }
    match report.fate {
        Fate::Processed => processed(report, facts),
        Fate::Failed => failed(report, facts, PROBLEMS_SHORT),
        Fate::Duplicate => duplicate(report, facts),
    }
}

/// The text beside a failed drop: what, where, remedy, and the first problems.
#[must_use]
pub fn error_text(report: &Report, facts: &Facts) -> String {
    failed(report, facts, FACTS_KEPT)
}

/// The note of a dry run: the same figures, and that nothing was stored or moved.
#[must_use]
pub fn dry_run_note(report: &Report, facts: &Facts) -> String {
    let mut note = Note::default();
    note.line(0, &format!("DRY RUN of {}: nothing was stored, and no file was moved.", heading(report)));
    match report.fate {
        Fate::Failed => {
            note.gap();
            note.line(0, &cause(report, facts));
            note.problems(report, facts, FACTS_KEPT);
        }
        Fate::Duplicate => {
            note.gap();
            note.whole_line(&same_content(facts));
        }
        Fate::Processed => {
            let taken = counted(report.valid(), "row", "rows");
            note.line(0, &format!("{taken} of {} would be taken.", thousands(report.rows.total)));
            note.came_in(report, facts);
            note.did_not(report, facts, FACTS_KEPT);
            note.worth_knowing(report);
        }
    }
    note.gap();
    note.line(0, "Without dry-run mode, the same file is taken in.");
    note.line(0, &format!("All about it: valhalla reports {}", report.job_id));
    note.0
}

const WIDTH: usize = 90;
const PROBLEMS_SHORT: usize = 5;
/// Findings about the file that are listed.
const FINDINGS: usize = 8;
const MESSAGE_CHARS: usize = 200;

fn processed(report: &Report, facts: &Facts) -> String {
    let mut note = Note::default();
    let (taken, total) = (thousands(report.valid()), counted(report.rows.total, "row", "rows"));
    note.line(0, &format!("TAKEN: {taken} of {total} of {}.", heading(report)));
    note.returned(facts);
    note.came_in(report, facts);
    note.did_not(report, facts, PROBLEMS_SHORT);
    note.worth_knowing(report);
    note.next(report);
    note.kept(report);
    note.0
}

fn duplicate(report: &Report, facts: &Facts) -> String {
    let mut note = Note::default();
    note.line(0, &format!("NOTHING WAS TAKEN from {}.", heading(report)));
    note.gap();
    note.whole_line(&same_content(facts));
    note.line(0, "Its rows were counted then, and none was counted twice.");
    note.line(0, "Did you mean to send a newer list? Export it again and drop the new file into the inbox.");
    note.kept(report);
    note.0
}

fn failed(report: &Report, facts: &Facts, problems: usize) -> String {
    let mut note = Note::default();
    note.line(0, &format!("NOTHING WAS TAKEN from {}.", heading(report)));
    note.gap();
    note.line(0, &cause(report, facts));
    note.returned(facts);
    note.problems(report, facts, problems);
    note.section("What to do next");
    match (&report.rejects_as, &facts.returned) {
        (Some(rejects), _) => note.line(2, &fix(rejects)),
        (None, Some(returned)) if returned.unchanged => note.line(2, FIX_OURS),
        (None, _) if facts.is_our_fault => {
            note.line(2, "Nothing with the file: tell whoever looks after the program, who finds more in its log.");
        }
        (None, _) => note.line(2, "Put this right in the file and drop it into the inbox again."),
    }
    note.kept(report);
    note.0
}

/// What the whole drop failed for: the report's own sentence, else that no row could be taken.
fn cause(report: &Report, facts: &Facts) -> String {
    if facts.returned.as_ref().is_some_and(|returned| returned.unchanged) {
        return "Nothing in it was changed since we gave it back, so none of its rows is right yet.".to_owned();
    }
    match &report.reason {
        Some(reason) => shown(reason).into_owned(),
        None => format!("None of its {} could be taken.", counted(report.rows.total, "row", "rows")),
    }
}

fn same_content(facts: &Facts) -> String {
    match &facts.duplicate_of {
        Some(earlier) => format!("Nothing to do: same content as {}, taken {}", shown(&earlier.file), clock::local_short(earlier.at_ms)),
        None => "Nothing to do: the same content was taken before".to_owned(),
    }
}

fn fix(rejects: &str) -> String {
    let file = shown(rejects);
    format!(
        "Open {file}: it holds only these rows, and its column _errors says what is wrong with each. Put the cells right, save it as \
         CSV and drop it into the inbox. Rows that are in already are not counted again."
    )
}

const FIX_OURS: &str = "Our copy of these rows is still in failed/. Put the cells right that its column _errors names, save it as CSV and \
                        drop it into the inbox again.";

/// `zillow/x.csv (source zillow), received 3 May 14:02`
fn heading(report: &Report) -> String {
    let (file, source) = (shown(&report.file), shown(&report.source));
    let when = clock::parse_ms(&report.started_at).map_or_else(String::new, |ms| format!(", received {}", clock::local_short(ms)));
    format!("{file} (source {source}){when}")
}

/// `12 outcomes taken: 3 won, 7 lost, 2 open; 4 belong to people we do not know yet and wait`
fn outcomes_taken(report: &Report) -> String {
    let Outcomes { won, lost, open, waiting, .. } = report.outcomes;
    let (won, lost, open) = (thousands(won), thousands(lost), thousands(open));
    let taken = counted(report.outcomes.taken(), "outcome", "outcomes");
    let waits = match waiting {
        0 => String::new(),
        1 => "; 1 belongs to somebody we do not know yet and waits".to_owned(),
        _ => format!("; {} belong to people we do not know yet and wait", thousands(waiting)),
    };
    format!("{taken} taken: {won} won, {lost} lost, {open} open{waits}")
}

/// What had waited for leads of this file.
fn joined(facts: &Facts) -> Option<String> {
    let outcomes = counted(facts.joined, "outcome that had waited is", "outcomes that had waited are");
    (facts.joined > 0).then(|| format!("{outcomes} joined to these leads now"))
}

/// `rows 3, 5 and 8`, with `and 12 more` where not all are listed.
fn row_list(rows: &[u64], total: u64) -> String {
    let mut items: Vec<String> = rows.iter().map(|row| thousands(*row)).collect();
    let more = total.saturating_sub(rows.len() as u64);
    if more > 0 {
        items.push(format!("{} more", thousands(more)));
    }
    let last = items.pop().unwrap_or_default();
    let noun = if total == 1 { "row" } else { "rows" };
    if items.is_empty() { format!("{noun} {last}") } else { format!("{noun} {} and {last}", items.join(", ")) }
}

/// A text being written, wrapped at [`WIDTH`].
#[derive(Default)]
struct Note(String);

impl Note {
    fn came_in(&mut self, report: &Report, facts: &Facts) {
        self.section("What came in");
        if report.kind == Kind::Outcomes {
            return self.outcomes_came_in(report, facts);
        }
        let mut items = Vec::new();
        if facts.new > 0 {
            items.push(counted(facts.new, "new lead", "new leads"));
        }
        if facts.known_unchanged > 0 {
            items.push(format!("{} already known and unchanged", counted(facts.known_unchanged, "lead", "leads")));
        }
        if facts.known_changed > 0 {
            let cells = counted(facts.changed_cells, "cell", "cells");
            items.push(format!("{} already known, in which {cells} changed", counted(facts.known_changed, "lead", "leads")));
        }
        if report.rows.duplicates_in_file > 0 {
            let (count, rows) = (report.rows.duplicates_in_file, row_list(&facts.duplicate_rows, report.rows.duplicates_in_file));
            let who = if count == 1 { "row about a person who stands" } else { "rows about people who stand" };
            let who = format!("{} {who} further up in the same file (only the first row counts)", thousands(count));
            items.push(if facts.duplicate_rows.is_empty() { who } else { format!("{who}: {rows}") });
        }
        if report.outcomes.taken() > 0 {
            items.push(format!("beside them {}", outcomes_taken(report)));
        }
        items.extend(joined(facts));
        for item in items {
            self.item(2, &item);
        }
    }

    fn outcomes_came_in(&mut self, report: &Report, facts: &Facts) {
        self.item(2, &outcomes_taken(report));
        if facts.known_changed > 0 {
            let people = counted(facts.known_changed, "person", "people");
            self.item(2, &format!("{people} had an outcome already: the one with the latest date counts, and all are kept"));
        }
        if report.rows.duplicates_in_file > 0 {
            let count = report.rows.duplicates_in_file;
            let rows = row_list(&facts.duplicate_rows, count);
            let verb = if count == 1 { "row repeats" } else { "rows repeat" };
            self.item(2, &format!("{} {verb} what a row further up says already: {rows}", thousands(count)));
        }
    }

    fn did_not(&mut self, report: &Report, facts: &Facts, problems: usize) {
        self.section("What did not");
        if report.rows.rejected == 0 {
            self.line(2, "Nothing: every row was good.");
            return;
        }
        let rows = counted(report.rows.rejected, "row", "rows");
        match &report.rejects_as {
            Some(rejects) => self.line(2, &format!("{rows} with mistakes, given back in {}:", shown(rejects))),
            None => self.line(2, &format!("{rows} with mistakes:")),
        }
        self.problem_lines(report, facts, problems);
        report.systematic.iter().filter(|finding| is_fault(finding)).take(PROBLEMS_SHORT).for_each(|fault| self.finding(fault));
    }

    /// How the file was read where that is not obvious, and what was noticed in rows that were taken.
    fn worth_knowing(&mut self, report: &Report) {
        let mut findings = report.systematic.iter().filter(|finding| !is_fault(finding)).peekable();
        if findings.peek().is_none() {
            return;
        }
        self.section("Worth knowing");
        let more = findings.by_ref().take(FINDINGS).map(|finding| self.finding(finding)).count();
        if more == FINDINGS && findings.next().is_some() {
            self.line(2, "and more: the report has it all, see below");
        }
    }

    fn finding(&mut self, finding: &Systematic) {
        let column = finding.column.as_deref().map_or_else(String::new, |column| format!("Column {}: ", shown(column)));
        let listed: Vec<String> = finding.rows.iter().map(u64::to_string).collect();
        let rows = match listed.len() {
            0 => String::new(),
            1 => format!(" (e.g. row {})", listed[0]),
            _ => format!(" (e.g. rows {})", listed.join(", ")),
        };
        self.item(2, &format!("{column}{}{rows}", shown(&finding.advice)));
    }

    fn problems(&mut self, report: &Report, facts: &Facts, problems: usize) {
        if !facts.problems.is_empty() {
            self.section("The first problems");
            self.problem_lines(report, facts, problems);
        }
    }

    fn problem_lines(&mut self, report: &Report, facts: &Facts, problems: usize) {
        for problem in facts.problems.iter().take(problems) {
            let message = shown(&problem.message);
            let mut told: String = message.chars().take(MESSAGE_CHARS).collect();
            if told.len() < message.len() {
                told.push('…');
            }
            self.item(4, &format!("row {} (line {}): {told}", thousands(problem.row), thousands(problem.line)));
        }
        let found = report.issues.by_code.values().sum::<u64>().max(facts.problems.len() as u64);
        let more = found.saturating_sub(facts.problems.len().min(problems) as u64);
        if more > 0 {
            self.line(4, &format!("and {}", counted(more, "more problem", "more problems")));
        }
    }

    fn returned(&mut self, facts: &Facts) {
        let Some(returned) = &facts.returned else { return };
        let total = thousands(returned.resolved_total + returned.open);
        self.gap();
        self.line(0, &format!("These are rows that we gave back of {}.", shown(&returned.parent_file)));
        let now = counted(returned.resolved_now, "row is", "rows are");
        let open = if returned.open == 0 {
            "Nothing is open any more, and our copy of these rows has left failed/.".to_owned()
        } else {
            format!("{} still open.", counted(returned.open, "row is", "rows are"))
        };
        self.line(0, &format!("{now} right since this drop, {} of {total} in all. {open}", thousands(returned.resolved_total)));
        self.line(0, &format!("The whole story: valhalla reports {}", shown(&returned.parent_job)));
    }

    fn next(&mut self, report: &Report) {
        self.section("What to do next");
        match &report.rejects_as {
            Some(rejects) => self.line(2, &fix(rejects)),
            None if report.rows.rejected > 0 => self.line(2, FIX_OURS),
            None => self.line(2, "Nothing: this file is done."),
        }
    }

    fn kept(&mut self, report: &Report) {
        self.gap();
        match &report.archived_as {
            Some(place) => self.line(0, &format!("Your file is kept as {}.", shown(place))),
            None => self.line(0, "Your file stays where it is."),
        }
        self.line(0, &format!("All about it: valhalla reports {}", shown(&report.job_id)));
    }

    fn section(&mut self, title: &str) {
        self.gap();
        self.line(0, title);
    }

    fn gap(&mut self) {
        self.0.push('\n');
    }

    /// A line that is never broken, because people search for it.
    fn whole_line(&mut self, text: &str) {
        writeln!(self.0, "{text}").expect("writing to memory cannot fail");
    }

    /// A paragraph, every line indented alike.
    fn line(&mut self, indent: usize, text: &str) {
        self.wrapped(indent, indent, text);
    }

    /// An item of a list: its later lines stand further in.
    fn item(&mut self, indent: usize, text: &str) {
        self.wrapped(indent, indent + 2, text);
    }

    /// Text broken between words at [`WIDTH`].
    fn wrapped(&mut self, first: usize, later: usize, text: &str) {
        let mut width = first;
        self.0.push_str(&" ".repeat(first));
        for (at, word) in text.split(' ').enumerate() {
            let length = word.chars().count();
            if at > 0 && width + 1 + length > WIDTH {
                self.0.push('\n');
                self.0.push_str(&" ".repeat(later));
                width = later;
            } else if at > 0 {
                self.0.push(' ');
                width += 1;
            }
            self.0.push_str(word);
            width += length;
        }
        self.0.push('\n');
    }
}

/// Whether a finding is about rejected rows.
fn is_fault(finding: &Systematic) -> bool {
    IssueCode::ALL.iter().any(|code| code.as_str() == finding.code)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::journal::report::Rows;

    const STARTED: &str = "2025-05-03T14:02:00.000Z";

    fn report(file: &str, fate: Fate) -> Report {
        let mut report = Report::unread("0198-job", file, "csv", Kind::Leads, fate);
        report.started_at = STARTED.into();
        let folder = if fate == Fate::Failed { "failed" } else { "processed" };
        report.archived_as = Some(format!("{folder}/{file}"));
        report
    }

    fn problem(row: u64, message: &str) -> Problem {
        Problem { row, line: row + 1, message: message.into() }
    }

    /// Compares a text, in which `{time}` stands for the time of the drop on this machine's clock.
    fn check(text: &str, expected: &str) {
        let time = clock::local_short(clock::parse_ms(STARTED).expect("a time"));
        assert_eq!(text, expected.replace("{time}", &time), "\n{text}");
    }

    #[test]
    fn all_taken() {
        let mut report = report("leads.csv", Fate::Processed);
        report.rows = Rows { total: 1200, accepted_new: 1200, ..Rows::default() };
        check(
            &receipt(&report, &Facts { new: 1200, ..Facts::default() }),
            "TAKEN: 1,200 of 1,200 rows of leads.csv (source csv), received {time}.

What came in
  1,200 new leads

What did not
  Nothing: every row was good.

What to do next
  Nothing: this file is done.

Your file is kept as processed/leads.csv.
All about it: valhalla reports 0198-job
",
        );
    }

    #[test]
    fn some_rejected() {
        let mut report = report("zillow/leads.csv", Fate::Processed);
        report.rows = Rows { total: 12, accepted_new: 6, accepted_updated: 2, duplicates_in_file: 2, rejected: 2 };
        report.rejects_as = Some("failed/zillow/leads.rejects.csv".into());
        report.issues.by_code = BTreeMap::from([("missing_field".into(), 1), ("invalid_email".into(), 1), ("min".into(), 1)]);
        report.systematic = vec![Systematic {
            column: Some("phone".into()),
            code: "scientific".into(),
            share: 0.98,
            rows: vec![1],
            advice: "98 % of rows in scientific notation: re-export the column as text".into(),
        }];
        let facts = Facts {
            new: 6,
            known_unchanged: 1,
            known_changed: 1,
            changed_cells: 3,
            duplicate_rows: vec![7, 9],
            problems: vec![problem(3, "Missing fields in lead data: ['email']"), problem(5, "Invalid email format: a\nb")],
            ..Facts::default()
        };
        check(
            &receipt(&report, &facts),
            "TAKEN: 10 of 12 rows of zillow/leads.csv (source csv), received {time}.

What came in
  6 new leads
  1 lead already known and unchanged
  1 lead already known, in which 3 cells changed
  2 rows about people who stand further up in the same file (only the first row counts):
    rows 7 and 9

What did not
  2 rows with mistakes, given back in failed/zillow/leads.rejects.csv:
    row 3 (line 4): Missing fields in lead data: ['email']
    row 5 (line 6): Invalid email format: a\\nb
    and 1 more problem

Worth knowing
  Column phone: 98 % of rows in scientific notation: re-export the column as text (e.g.
    row 1)

What to do next
  Open failed/zillow/leads.rejects.csv: it holds only these rows, and its column _errors
  says what is wrong with each. Put the cells right, save it as CSV and drop it into the
  inbox. Rows that are in already are not counted again.

Your file is kept as processed/zillow/leads.csv.
All about it: valhalla reports 0198-job
",
        );
    }

    #[test]
    fn all_rejected() {
        let mut report = report("leads.csv", Fate::Failed);
        report.rows = Rows { total: 25, rejected: 25, ..Rows::default() };
        report.rejects_as = Some("failed/leads.rejects.csv".into());
        report.issues.by_code = BTreeMap::from([("value_not_numeric".into(), 25)]);
        let facts = Facts { problems: (1..=20).map(|row| problem(row, "Value must be numeric: abc")).collect(), ..Facts::default() };
        let short = receipt(&report, &facts);
        check(
            &short,
            "NOTHING WAS TAKEN from leads.csv (source csv), received {time}.

None of its 25 rows could be taken.

The first problems
    row 1 (line 2): Value must be numeric: abc
    row 2 (line 3): Value must be numeric: abc
    row 3 (line 4): Value must be numeric: abc
    row 4 (line 5): Value must be numeric: abc
    row 5 (line 6): Value must be numeric: abc
    and 20 more problems

What to do next
  Open failed/leads.rejects.csv: it holds only these rows, and its column _errors says
  what is wrong with each. Put the cells right, save it as CSV and drop it into the inbox.
  Rows that are in already are not counted again.

Your file is kept as failed/leads.csv.
All about it: valhalla reports 0198-job
",
        );
        let long = error_text(&report, &facts);
        assert!(long.contains("row 20 (line 21)") && long.contains("and 5 more problems"), "{long}");
    }

    #[test]
    fn a_file_that_could_not_be_read_says_what_and_the_remedy() {
        let mut report = report("leads.csv", Fate::Failed);
        report.reason = Some(
            "leads.csv: no column for 'email' (found: name, e_mial, value); did you mean 'e_mial'? Rename it or add an alias under [columns]."
                .into(),
        );
        check(
            &error_text(&report, &Facts::default()),
            "NOTHING WAS TAKEN from leads.csv (source csv), received {time}.

leads.csv: no column for 'email' (found: name, e_mial, value); did you mean 'e_mial'?
Rename it or add an alias under [columns].

What to do next
  Put this right in the file and drop it into the inbox again.

Your file is kept as failed/leads.csv.
All about it: valhalla reports 0198-job
",
        );
    }

    #[test]
    fn the_same_content_again() {
        let report = report("april.csv", Fate::Duplicate);
        let at_ms = clock::parse_ms(STARTED).expect("a time");
        let facts = Facts { duplicate_of: Some(Earlier { file: "march.csv".into(), at_ms }), ..Facts::default() };
        check(
            &receipt(&report, &facts),
            "NOTHING WAS TAKEN from april.csv (source csv), received {time}.

Nothing to do: same content as march.csv, taken {time}
Its rows were counted then, and none was counted twice.
Did you mean to send a newer list? Export it again and drop the new file into the inbox.

Your file is kept as processed/april.csv.
All about it: valhalla reports 0198-job
",
        );
    }

    #[test]
    fn rows_that_came_back() {
        let returned = |now, open, unchanged| Returned {
            parent_file: "march.csv".into(),
            parent_job: "0197-job".into(),
            resolved_now: now,
            resolved_total: 12 - open,
            open,
            unchanged,
        };
        let mut partly = report("march.rejects.csv", Fate::Processed);
        partly.rows = Rows { total: 8, accepted_new: 7, rejected: 1, ..Rows::default() };
        partly.rejects_as = Some("failed/march.rejects-2.csv".into());
        let facts = Facts {
            new: 7,
            returned: Some(returned(7, 1, false)),
            problems: vec![problem(2, "Invalid email format: x")],
            ..Facts::default()
        };
        let text = receipt(&partly, &facts);
        for said in [
            "TAKEN: 7 of 8 rows of march.rejects.csv (source csv)",
            "These are rows that we gave back of march.csv.\n7 rows are right since this drop, 11 of 12 in all. 1 row is still open.\n",
            "The whole story: valhalla reports 0197-job\n",
            "Open failed/march.rejects-2.csv:",
        ] {
            assert!(text.contains(said), "{said:?} in:\n{text}");
        }

        let mut all = report("march.rejects.csv", Fate::Processed);
        all.rows = Rows { total: 1, accepted_new: 1, ..Rows::default() };
        let text = receipt(&all, &Facts { new: 1, returned: Some(returned(1, 0, false)), ..Facts::default() });
        assert!(text.contains("1 row is right since this drop, 12 of 12 in all. Nothing is open any more"), "{text}");
        assert!(text.contains("Nothing: this file is done."), "{text}");

        let mut unchanged = report("march.rejects.csv", Fate::Failed);
        unchanged.rows = Rows { total: 2, rejected: 2, ..Rows::default() };
        let facts =
            Facts { returned: Some(returned(0, 2, true)), problems: vec![problem(1, "Invalid email format: x")], ..Facts::default() };
        check(
            &receipt(&unchanged, &facts),
            "NOTHING WAS TAKEN from march.rejects.csv (source csv), received {time}.

Nothing in it was changed since we gave it back, so none of its rows is right yet.

These are rows that we gave back of march.csv.
0 rows are right since this drop, 10 of 12 in all. 2 rows are still open.
The whole story: valhalla reports 0197-job

The first problems
    row 1 (line 2): Invalid email format: x

What to do next
  Our copy of these rows is still in failed/. Put the cells right that its column _errors
  names, save it as CSV and drop it into the inbox again.

Your file is kept as failed/march.rejects.csv.
All about it: valhalla reports 0198-job
",
        );
    }

    #[test]
    fn a_dry_run() {
        let mut report = report("leads.csv", Fate::Processed);
        report.dry_run = true;
        report.archived_as = None;
        report.rows = Rows { total: 3, accepted_new: 2, rejected: 1, ..Rows::default() };
        let facts = Facts { new: 2, problems: vec![problem(3, "Value must be numeric: abc")], ..Facts::default() };
        let expected = "DRY RUN of leads.csv (source csv), received {time}: nothing was stored, and no file
was moved.
2 rows of 3 would be taken.

What came in
  2 new leads

What did not
  1 row with mistakes:
    row 3 (line 4): Value must be numeric: abc

Without dry-run mode, the same file is taken in.
All about it: valhalla reports 0198-job
";
        check(&dry_run_note(&report, &facts), expected);
        check(&receipt(&report, &facts), expected);
    }

    #[test]
    fn hostile_names_and_cells_stay_in_their_line() {
        let evil = "x\u{1b}[2J\nTAKEN\r\u{202e}.csv";
        let mut report = report(evil, Fate::Failed);
        report.source = evil.into();
        report.rejects_as = Some(evil.into());
        report.reason = Some(evil.into());
        let facts = Facts {
            problems: vec![problem(1, &(evil.to_owned() + &"y".repeat(5000)))],
            returned: Some(Returned { parent_file: evil.into(), parent_job: evil.into(), ..Returned::default() }),
            duplicate_of: Some(Earlier { file: evil.into(), at_ms: 0 }),
            ..Facts::default()
        };
        for fate in [Fate::Failed, Fate::Processed, Fate::Duplicate] {
            for dry_run in [false, true] {
                let text = receipt(&Report { fate, dry_run, ..report.clone() }, &facts);
                assert!(text.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')), "{text}");
                assert!(!text.lines().any(|line| line.trim() == "TAKEN"), "{text}");
                assert!(text.len() < 4000, "a long cell is cut");
            }
        }
    }

    #[test]
    fn lists_of_rows() {
        for (rows, total, text) in [
            (&[7][..], 1, "row 7"),
            (&[3, 5], 2, "rows 3 and 5"),
            (&[3, 5, 1008], 3, "rows 3, 5 and 1,008"),
            (&[3, 5], 14, "rows 3, 5 and 12 more"),
        ] {
            assert_eq!(row_list(rows, total), text);
        }
    }

    #[test]
    fn facts_are_stored_and_read_back_also_when_they_are_older() {
        let facts = Facts { new: 1, problems: vec![problem(1, "x")], returned: Some(Returned::default()), ..Facts::default() };
        let text = serde_json::to_string(&facts).expect("JSON");
        assert_eq!(serde_json::from_str::<Facts>(&text).expect("own text"), facts);
        assert_eq!(serde_json::from_str::<Facts>("{}").expect("an older record"), Facts::default());
    }
}
