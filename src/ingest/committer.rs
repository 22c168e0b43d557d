//! The committer: the one place where outcomes become rows in the store and lines in the rejects file, in the file's order.

use std::collections::{HashMap, HashSet};
use std::io::{BufWriter, Write};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::forget::archive::row_then;
use super::tally::Tally;
use super::{Begun, Fatal, Ingest, Job};
use crate::config::LeadsFile;
use crate::engine::chunk::{ChunkOutcome, Context};
use crate::engine::file_error::FileError;
use crate::engine::lead::{IssueCode, RowIssue};
use crate::engine::notes::{NoteCode, Notes};
use crate::engine::outcomes::{OutcomeRow, Part, PlanKind};
use crate::engine::rejects::{self, Origin, RowOf, row_digest};
use crate::inbox::Output;
use crate::render::lead_json;
use crate::store::Group;
use crate::store::jobs::RowList;
use crate::store::leads::{LeadWriter, Taken};
use crate::store::outcomes::{Noted, OutcomeWriter};

/// The one place where outcomes become rows in the store and lines in the rejects file, in the order of the file.
pub(super) struct Committer<'c> {
    ingest: &'c Ingest,
    group: &'c Group<'c>,
    job: &'c Job,
    seq: i64,
    context: &'c Context<'c>,
    writer: Option<LeadWriter<'c>>,
    outcomes: Option<OutcomeWriter<'c>>,
    rejects: Option<(BufWriter<std::fs::File>, Sha256)>,
    leads_file: Option<BufWriter<std::fs::File>>,
    pub tally: Tally,
    rejected_rows: RowList,
    parents: HashMap<Uuid, Option<Parent>>,
}

/// An earlier job whose rejected rows come back.
struct Parent {
    seq: i64,
    rejected: Vec<u64>,
}

/// What a whole file came to.
pub(super) struct TakenIn {
    pub tally: Tally,
    pub rejects: Option<[u8; 32]>,
    pub rejected_rows: RowList,
}

/// Why the committer cannot go on.
pub(super) enum TakeError {
    Fatal(Fatal),
    File(FileError),
}

impl<E: Into<Fatal>> From<E> for TakeError {
    fn from(error: E) -> Self {
        Self::Fatal(error.into())
    }
}

/// Bytes of a row, at least: what the number of rows is guessed from before a file is read.
const ROW_BYTES: u64 = 100;

impl<'c> Committer<'c> {
    pub(super) fn begin(
        ingest: &'c Ingest,
        group: &'c Group<'c>,
        begun: &Begun<'c>,
        seq: i64,
        context: &'c Context<'c>,
    ) -> Result<Self, Fatal> {
        let names = &context.plan.mapping.extra_names;
        let writer = if ingest.config.store.leads && context.plan.kind == PlanKind::Leads {
            Some(group.lead_writer(seq, begun.bytes / ROW_BYTES, &context.plan.mapping, context.rules, context.learned)?)
        } else {
            None
        };
        let outcomes = context.plan.outcome.as_ref().map(|_| group.outcome_writer(seq, begun.started_at_ms)).transpose()?;
        let leads_file = match context.render {
            Some(_) => Some(ingest.create_leads_file(begun.job, names)?),
            None => None,
        };
        Ok(Self {
            ingest,
            group,
            job: begun.job,
            seq,
            context,
            writer,
            outcomes,
            rejects: None,
            leads_file,
            tally: Tally::new(context.plan),
            rejected_rows: RowList::default(),
            parents: HashMap::new(),
        })
    }

    /// Takes one chunk's outcome in.
    pub(super) fn take(&mut self, mut outcome: ChunkOutcome) -> Result<(), TakeError> {
        let limit = self.context.rules.limits.rows;
        if self.tally.rows + outcome.rows > limit {
            return Err(TakeError::File(FileError::new(
                "too_many_rows",
                format!("it has more than the {limit} rows allowed"),
                "Split it, or raise rows under [limits]",
            )));
        }
        self.write_rejects(&outcome.rejects)?;
        let away = self.turn_away(&mut outcome);
        match self.context.plan.kind {
            PlanKind::Leads => self.take_leads(&mut outcome, &away)?,
            PlanKind::Outcomes => self.take_outcomes(&mut outcome, &away)?,
        }
        self.tally.notes.merge(outcome.notes, self.tally.rows, self.tally.lines);
        self.tally.lines_beyond += outcome.lines_beyond;
        self.tally.checked.merge(&outcome.tally);
        self.tally.issues.merge(&outcome.issue_counts, self.tally.rows);
        self.tally.list_issues(outcome.issues);
        self.tally.rows += outcome.rows;
        self.tally.lines += outcome.lines;
        Ok(())
    }

    /// A row's number in the file, by its number in the chunk; where rows were taken out of the file since, its number of then.
    fn number_of(&self, row: u64) -> u64 {
        row_then(row + self.tally.rows, &self.job.gone)
    }

    /// The rows of people who were erased, by their numbers in the chunk: rejected, and given back to nobody.
    fn turn_away(&mut self, outcome: &mut ChunkOutcome) -> HashSet<u64> {
        let forgotten = &self.ingest.forgotten;
        if forgotten.is_idle() {
            return HashSet::new();
        }
        let found: Vec<(u64, u64)> = match self.context.plan.kind {
            PlanKind::Leads => {
                let theirs = (0..outcome.leads.len()).filter(|index| forgotten.has(outcome.leads.lead_id(*index)));
                theirs.map(|index| outcome.leads.lead(index, &[])).map(|lead| (lead.row, lead.line)).collect()
            }
            PlanKind::Outcomes => {
                outcome.outcomes.iter().filter(|told| forgotten.has(told.person)).map(|told| (told.row, told.line)).collect()
            }
        };
        for (row, line) in &found {
            let message = "This person was forgotten on request, and is not taken in again".to_owned();
            let issue = RowIssue { row: *row, line: *line, column: String::new(), code: IssueCode::Forgotten, message };
            outcome.issue_counts.add_row(std::slice::from_ref(&issue));
            outcome.issues.push(issue);
        }
        outcome.issues.sort_by_key(|issue| issue.row);
        self.tally.rejected += found.len() as u64;
        found.into_iter().map(|(row, _)| row).collect()
    }

    /// Each accepted row into the store, and, unless it repeats a person, into the leads file.
    fn take_leads(&mut self, outcome: &mut ChunkOutcome, away: &HashSet<u64>) -> Result<(), TakeError> {
        let mut beside = std::mem::take(&mut outcome.outcomes).into_iter().peekable();
        if let Some(writer) = &mut self.writer {
            let coming = (0..outcome.leads.len()).filter(|index| away.is_empty() || !away.contains(&outcome.leads.lead(*index, &[]).row));
            writer.foresee(coming.map(|index| outcome.leads.lead_id(index)));
        }
        let (mut rendered, is_csv) = (0, self.ingest.config.output.leads == LeadsFile::Csv);
        for index in 0..outcome.leads.len() {
            let mut lead = outcome.leads.lead(index, &self.context.plan.mapping.extra_names);
            if away.contains(&lead.row) {
                beside.next_if(|told| told.row == lead.row);
                rendered = outcome.rendered_ends.get(index).copied().unwrap_or(rendered);
                continue;
            }
            let row = lead.row;
            lead.row = self.number_of(row);
            lead.headers = &self.context.plan.mapping.field_headers;
            let mark = outcome.leads.mark(index);
            let (taken, mark) = match &mut self.writer {
                Some(writer) => writer.take(&lead, mark)?,
                None => (Taken::New, mark), // without a store for leads, duplicates are not known
            };
            self.tally.add(&lead, taken, mark);
            let told = beside.next_if(|told| told.row == row);
            if let Some(told) = told.filter(|_| taken != Taken::Duplicate) {
                let is_waiting = self.writer.is_none(); // a lead that is not kept is none
                let told = self.dated(told, &mut outcome.notes);
                self.add_outcome(&told, lead.row, is_waiting)?;
            }
            if let Some(Some(origin)) = outcome.origins.get(index) {
                self.resolve(*origin)?;
            }
            if let Some(file) = &mut self.leads_file {
                let end = outcome.rendered_ends[index];
                if taken != Taken::Duplicate {
                    let line =
                        lead_json::write_row_number(file, is_csv, lead.row).and_then(|()| file.write_all(&outcome.rendered[rendered..end]));
                    line.map_err(|source| Fatal::Machine { what: "writing the leads file".to_owned(), source })?;
                }
                rendered = end;
            }
        }
        Ok(())
    }

    /// Each accepted row of a list of outcomes into the store, unless it repeats one from above.
    fn take_outcomes(&mut self, outcome: &mut ChunkOutcome, away: &HashSet<u64>) -> Result<(), TakeError> {
        for (index, told) in std::mem::take(&mut outcome.outcomes).into_iter().enumerate() {
            if away.contains(&told.row) {
                continue;
            }
            let told = self.dated(told, &mut outcome.notes);
            let row = self.number_of(told.row);
            let writer = self.outcomes.as_mut().expect("a list of outcomes has columns of them");
            let (noted, is_waiting) = writer.take(&told, row)?;
            self.tally.add_row_of_outcomes(row, noted);
            if noted != Noted::Repeated {
                self.tally.add_outcome(told.verdict, is_waiting);
            }
            if let Some(Some(origin)) = outcome.origins.get(index) {
                self.resolve(*origin)?;
            }
        }
        Ok(())
    }

    fn add_outcome(&mut self, told: &OutcomeRow, row: u64, is_waiting: bool) -> Result<(), TakeError> {
        if let Some(writer) = &mut self.outcomes {
            writer.add(told, row, is_waiting)?;
            self.tally.add_outcome(told.verdict, is_waiting);
        }
        Ok(())
    }

    /// An outcome without its date where that lies ahead: a planned one, or a slip, must not outlast what really comes.
    fn dated(&self, told: OutcomeRow, notes: &mut Notes) -> OutcomeRow {
        let is_ahead = |at_ms| self.outcomes.as_ref().is_some_and(|writer| writer.is_ahead(at_ms));
        if !told.at_ms.is_some_and(is_ahead) {
            return told;
        }
        let plan = self.context.plan;
        let column = plan.outcome.as_ref().and_then(|columns| columns.column(Part::Date)).map_or("", |at| &plan.mapping.columns[at].name);
        notes.add((told.row, told.line), column, NoteCode::OutcomeDateUnknown, || "The date of this outcome lies ahead".to_owned());
        OutcomeRow { at_ms: None, ..told }
    }

    /// A row that had been rejected came back and was taken. A row that its job never rejected resolves nothing.
    fn resolve(&mut self, origin: RowOf) -> Result<(), TakeError> {
        if !self.parents.contains_key(&origin.job) {
            let known = self.group.store().rejected_rows(origin.job)?;
            let parent = known.map(|(seq, rows)| Parent { seq, rejected: rows.iter().collect() });
            self.parents.insert(origin.job, parent);
        }
        if let Some(Some(parent)) = self.parents.get(&origin.job)
            && parent.rejected.binary_search(&origin.row).is_ok()
        {
            self.group.resolve(parent.seq, origin.row, self.seq)?;
        }
        Ok(())
    }

    /// Appends rejected rows to the rejects file, which begins with the first of them.
    pub(super) fn write_rejects(&mut self, rejects: &rejects::RejectBatch) -> Result<(), TakeError> {
        let machine = |source| TakeError::Fatal(Fatal::Machine { what: "writing the rejects file".to_owned(), source });
        for (reject, before, after) in rejects.iter() {
            let row = match reject.origin {
                Origin::Here(row) => {
                    let row = self.number_of(row);
                    self.rejected_rows.push(row);
                    RowOf { job: self.job.job_id, row }
                }
                Origin::Earlier(row) => row,
            };
            self.tally.rejected += 1;
            self.tally.rejects_digest = self.tally.rejects_digest.wrapping_add(row_digest(row, reject.cells_hash));
            if self.rejects.is_none() {
                let header = rejects::header_line(&self.context.plan.header, self.context.plan.layout.dialect().delimiter);
                let mut file = BufWriter::new(self.ingest.spool.create_output(&self.job.claim, Output::Rejects)?);
                file.write_all(&header).map_err(machine)?;
                self.rejects = Some((file, Sha256::new_with_prefix(&header)));
            }
            let (file, hasher) = self.rejects.as_mut().expect("made just above");
            let number = row.row.to_string();
            for part in [before, number.as_bytes(), after] {
                file.write_all(part).map_err(machine)?;
                hasher.update(part);
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<TakenIn, Fatal> {
        if let Some(writer) = self.writer.take() {
            self.tally.facts.joined = writer.finish()?;
            if self.tally.facts.joined > 0 {
                self.group.note_lesson(self.seq)?;
            }
        }
        if let Some(writer) = self.outcomes.take() {
            writer.finish()?;
        }
        let machine = |source| Fatal::Machine { what: "writing a job's outputs".to_owned(), source };
        if let Some(mut file) = self.leads_file {
            file.flush().map_err(machine)?;
        }
        let rejects = match self.rejects {
            Some((mut file, hasher)) => {
                file.flush().map_err(machine)?;
                Some(hasher.finalize().into())
            }
            None => None,
        };
        Ok(TakenIn { tally: self.tally, rejects, rejected_rows: self.rejected_rows })
    }
}
