//! A file read as it would be, without taking anything: for `check`, and for replays before they are applied.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use uuid::Uuid;

use super::stream::{self, Cutoff, Width};
use crate::beneath::OpenFolder;
use crate::engine::cells;
use crate::engine::chunk::{Chunk, Context, IssueCounts};
use crate::engine::file_error::FileError;
use crate::engine::lead::RowIssue;
use crate::engine::notes::Notes;
use crate::engine::outcomes::{OutcomeRow, PlanKind};
use crate::engine::plan::{self, Head};
use crate::engine::record::Cells;
use crate::engine::records::{Found, Records};
use crate::engine::rules::Rules;
use crate::reading::{self, SourceFile, Unopened};

/// An opened file.
#[derive(Debug)]
pub struct Opened {
    file: SourceFile,
}

impl Opened {
    /// The first bytes of the list.
    #[must_use]
    pub fn head(&self) -> Head<'_> {
        self.file.head()
    }

    /// What the list came in, and its name in there; nothing for a plain file.
    #[must_use]
    pub fn container(&self) -> Option<(&'static str, Option<&str>)> {
        self.file.container()
    }

    /// Sentences about what was left aside in the container.
    #[must_use]
    pub fn left_aside(&self) -> &[String] {
        self.file.left_aside()
    }
}

/// Opens a file to look at it.
///
/// # Errors
/// What the system said; inside, why the file is no list at all.
pub fn open(path: &Path, rules: &Rules) -> io::Result<Result<Opened, FileError>> {
    told(SourceFile::open(path, rules))
}

/// Opens a file of a folder that others may write to: no link in there is followed.
///
/// # Errors
/// As [`open`].
pub fn open_beneath(folder: &Path, below: &Path, rules: &Rules) -> io::Result<Result<Opened, FileError>> {
    told(SourceFile::opened(OpenFolder::open(folder).and_then(|folder| folder.open_file(below)), None, rules))
}

fn told(opened: Result<SourceFile, Unopened>) -> io::Result<Result<Opened, FileError>> {
    match opened {
        Ok(file) => Ok(Ok(Opened { file })),
        Err(Unopened::Gone | Unopened::Replaced) => Err(io::Error::from(io::ErrorKind::NotFound)),
        Err(Unopened::Unreadable(error)) if error.code == "unreadable" => {
            Err(io::Error::other(format!("{}. {}", error.what, error.remedy)))
        }
        Err(Unopened::Unreadable(error)) => Ok(Err(error)),
        Err(Unopened::Machine(error)) => Err(error),
    }
}

/// Something seen while reading.
#[derive(Debug)]
pub enum Seen<'a> {
    /// An acceptable row, rendered behind its row number.
    Lead {
        /// Its row in the file.
        row: u64,
        /// What the context's renderer wrote.
        rest: &'a [u8],
    },
    /// Something wrong with a row.
    Issue(RowIssue),
}

/// What a file would come to.
#[derive(Debug, Default)]
pub struct Preview {
    /// Data records.
    pub rows: u64,
    /// Rows that would be rejected.
    pub rejected: u64,
    /// Rows of people who came earlier in the file.
    pub duplicates: u64,
    /// The first issues.
    pub issues: Vec<RowIssue>,
    /// How many there are.
    pub issue_count: u64,
    /// All of them, counted.
    pub counts: IssueCounts,
    /// What is worth knowing about rows that would be taken, and lines that are skipped.
    pub notes: Notes,
    /// Lines behind the table that are not read.
    pub lines_beyond: u64,
    /// Outcomes that would be taken: lost, won, open.
    pub verdicts: [u64; 3],
    /// Cells that a spreadsheet would run as a formula.
    pub formula_cells: u64,
}

/// Issues kept in a [`Preview`].
const ISSUES_KEPT: usize = 20;

/// Reads a whole file; `see` is told of each lead and issue in the order of the file.
///
/// # Errors
/// When the file cannot be read on, or `see` fails; inside, why the file is no list after all.
pub fn preview(
    mut opened: Opened,
    context: &Context<'_>,
    workers: usize,
    mut see: impl FnMut(Seen<'_>) -> io::Result<()>,
) -> io::Result<Result<Preview, FileError>> {
    let mut found = Preview { notes: Notes::keeping(ISSUES_KEPT), ..Preview::default() };
    let mut people: HashSet<Uuid> = HashSet::new();
    let mut told: HashSet<u64> = HashSet::new();
    let is_of_leads = context.plan.kind == PlanKind::Leads;
    let mut lines = context.plan.layout.data_line;
    let width = Width { workers, chunk_bytes: stream::CHUNK_BYTES };
    let feed = opened.file.feed(context.plan.layout.encoding);
    let streamed = stream::stream(feed, context, width, &AtomicBool::new(false), |outcome, _| {
        let mut start = 0;
        let mut beside = outcome.outcomes.iter().peekable();
        while let Some(row) = beside.next_if(|_| !is_of_leads) {
            if told.insert(facts_hash(row)) {
                found.verdicts[row.verdict as usize] += 1;
            } else {
                found.duplicates += 1;
            }
        }
        for index in 0..outcome.leads.len() {
            let is_new = people.insert(outcome.leads.lead_id(index));
            found.duplicates += u64::from(!is_new);
            let end = outcome.rendered_ends.get(index).copied().unwrap_or(start);
            let lead = outcome.leads.lead(index, &context.plan.mapping.extra_names);
            if let Some(row) = beside.next_if(|row| row.row == lead.row).filter(|_| is_new) {
                found.verdicts[row.verdict as usize] += 1;
            }
            see(Seen::Lead { row: found.rows + lead.row, rest: &outcome.rendered[start..end] })?;
            start = end;
        }
        for issue in outcome.issues {
            let issue = RowIssue { row: issue.row + found.rows, line: issue.line + lines, ..issue };
            if found.issues.len() < ISSUES_KEPT {
                found.issues.push(issue.clone());
            }
            see(Seen::Issue(issue))?;
        }
        found.notes.merge(outcome.notes, found.rows, lines);
        found.lines_beyond += outcome.lines_beyond;
        found.counts.merge(&outcome.issue_counts, found.rows);
        found.formula_cells += outcome.tally.formula_cells;
        found.rejected += outcome.rejects.len() as u64;
        found.rows += outcome.rows;
        lines += outcome.lines;
        Ok::<(), io::Error>(())
    });
    match streamed {
        Ok(_) => {
            found.issue_count = found.counts.pairs.iter().map(|pair| pair.count).sum();
            Ok(Ok(found))
        }
        Err(Cutoff::Read(error) | Cutoff::Sink(error)) => {
            reading::file_error_in(&error).cloned().map_or(Err(error), |error| Ok(Err(error)))
        }
        Err(Cutoff::Stopped) => Err(io::ErrorKind::Interrupted.into()),
    }
}

/// One figure for what an outcome says of whom.
fn facts_hash(row: &OutcomeRow) -> u64 {
    let OutcomeRow { row: _, line: _, person, verdict, at_ms, revenue, cost, script, variant, channel } = row;
    let mut hasher = DefaultHasher::new();
    (person, verdict, at_ms, revenue, cost, script, variant, channel).hash(&mut hasher);
    hasher.finish()
}

/// What was worth a word while header and records were written out.
#[derive(Debug, Default)]
pub struct Emitted {
    /// Records beyond the limit, which were left out.
    pub too_long: u64,
    /// Rows that had to be repaired, and lines that were skipped.
    pub notes: Notes,
    /// Lines behind the table that were not read.
    pub lines_beyond: u64,
}

/// Writes header and records as read, before any mapping, as RFC 4180 UTF-8 with LF line ends.
///
/// # Errors
/// What could not be read or written; inside, why the file is no list at all.
pub fn emit_csv(mut opened: Opened, rules: &Rules, out: &mut impl Write) -> io::Result<Result<Emitted, FileError>> {
    let layout = match plan::layout(opened.head(), rules) {
        Ok(layout) => layout,
        Err(error) => return Ok(Err(error)),
    };
    let mut emitted = Emitted { notes: Notes::keeping(ISSUES_KEPT), ..Emitted::default() };
    let (mut rows, mut lines) = (0, layout.data_line);
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(out);
    writer.write_record(&layout.header)?;
    let mut record = Cells::new();
    let read = stream::each_chunk(opened.file.feed(layout.encoding), &layout, rules, |chunk| {
        let bytes = match &chunk {
            Chunk::Records(bytes) => bytes,
            Chunk::Oversize { lines: its_lines, .. } => {
                emitted.too_long += 1;
                lines += its_lines;
                return Ok(());
            }
            Chunk::Beyond { lines: its_lines } => {
                emitted.lines_beyond += its_lines;
                return Ok(());
            }
        };
        let mut records = Records::new(bytes, &layout.table, rules.limits.record_bytes);
        while let Some(found) = records.next(&mut record) {
            let noted = match found {
                Found::Row { .. } if cells::is_blank(&record) => None,
                Found::Row { line, repaired } => {
                    rows += 1;
                    writer.write_record(record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()))?;
                    repaired.map(|code| (line, code))
                }
                Found::Skipped { line, why } => Some((line, why)),
            };
            if let Some((line, code)) = noted {
                emitted.notes.add((rows, lines + line), "", code, || code.sentence().to_owned());
            }
        }
        lines += records.lines();
        Ok(())
    });
    if let Err(error) = read {
        return reading::file_error_in(&error).cloned().map_or(Err(error), |error| Ok(Err(error)));
    }
    writer.flush()?;
    Ok(Ok(emitted))
}
