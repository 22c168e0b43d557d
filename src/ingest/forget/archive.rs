//! What the archive still holds of a person who was erased: found, and on request taken out or removed.
//!
//! Files are read as they were when they were taken, row by row. A row is the person's where its column of addresses, or of
//! ids, says so; where an address stands in another cell it is only a mention, and the row is somebody else's. A file is
//! rewritten by its lines, so that every other byte stays; before it takes the old one's place it is read again and must have
//! all other rows. What is packed, or is no list, can only be removed.
//!
//! What is done to a file is in the store and the audit trail before it is done, so that a repetition completes it.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};
use std::sync::Arc;

use rustix::fs::Stat;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::delivery::Moves;
use super::super::{DEFAULT_SOURCE, Fatal, Ingest, stream};
use super::{Person, bytes_of};
use crate::beneath::{OpenFolder, is_no_file, is_no_folder};
use crate::clock;
use crate::config::Config;
use crate::engine::cells;
use crate::engine::chunk::Chunk;
use crate::engine::email;
use crate::engine::headers::FieldFrom;
use crate::engine::lead::Field;
use crate::engine::outcomes::Part;
use crate::engine::plan::{self, Layout};
use crate::engine::record::Cells;
use crate::engine::records::{Found, Records};
use crate::engine::rules::{EmailRule, Rules};
use crate::inbox::{Output, Place, Source};
use crate::journal::{Action, AuditEntry, Report, hex};
use crate::reading::{SourceFile, Unopened, sha256_of};
use crate::render::receipt::Facts;
use crate::store::Store;
use crate::store::forget::{ArchiveChange, IN_PLACE_OF_ADDRESS, names_address, without_address};
use crate::store::read::PastJob;

/// What is to be done with files that hold a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Only say which.
    Report,
    /// Take their rows out.
    Rewrite,
    /// Remove the files.
    Remove,
}

impl Wish {
    /// As it is written in a request.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        ["report", "rewrite", "remove"][self as usize]
    }

    /// Reads [`as_str`](Self::as_str) back.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Report, Self::Rewrite, Self::Remove].into_iter().find(|wish| wish.as_str() == text)
    }
}

/// A file of the archive that holds a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Where it lies.
    pub place: Place,
    /// The rows that are theirs, from 1.
    pub rows: Vec<u64>,
    /// Other rows or texts that name the address.
    pub mentions: u64,
    /// Why it cannot be rewritten.
    pub fixed: Option<&'static str>,
    /// What became of it: `rewritten`, `removed`; nothing where nothing was asked, or where it could not be done.
    pub done: Option<&'static str>,
    /// Why what was asked could not be done.
    pub why: Option<String>,
}

impl Holding {
    /// For programs, and for whoever asked a daemon.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "place": self.place.to_string(),
            "rows": self.rows.len(),
            "mentions": self.mentions,
            "fixed": self.fixed,
            "done": self.done,
            "why": self.why,
        })
    }
}

/// How a file holds what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Rows and cells.
    Table,
    /// A lead as JSON in each line.
    Lines,
    /// A text of ours.
    Text,
}

/// What was found in one file.
#[derive(Debug, Default)]
struct Looked {
    rows: Vec<u64>,
    /// The physical lines of those rows, first and last, from 1.
    lines: Vec<(u64, u64)>,
    mentions: u64,
    total: u64,
    fixed: Option<&'static str>,
    /// Pairs of bytes, and whether the greater one comes first.
    utf16: Option<bool>,
}

impl Looked {
    fn holds(&self) -> bool {
        !self.rows.is_empty() || self.mentions > 0
    }
}

/// What a job left in the archive that holds a person. Reads only.
///
/// # Errors
/// What the system or the store said, but for files that are gone.
pub fn find(config: &Config, store: &Store, job: &PastJob, person: &Person) -> Result<Vec<Holding>, Fatal> {
    let Some(past) = Past::of(config, store, job)? else { return Ok(Vec::new()) };
    let (found, _) = past.find(config, person).map_err(reading(job))?;
    Ok(found.iter().map(Held::told).collect())
}

/// Every file that the archive has of a job, by its place's text.
#[must_use]
pub fn places_of(job: &PastJob) -> Vec<String> {
    Moves::from_json(&job.moves).0.into_iter().map(|step| step.to.to_string()).collect()
}

/// Whether a file of the archive that no job knows names the address: somebody has put it there, so it is only told.
///
/// # Errors
/// What the system said, but for a file that is gone.
pub fn find_strange(config: &Config, place: &Place, person: &Person) -> io::Result<Option<Holding>> {
    let Some(opened) = open(config, place)? else { return Ok(None) };
    let looked = look_into_table(opened, &config.rules_for(None), DEFAULT_SOURCE, person)?;
    let held = Held { place: place.clone(), form: Form::Table, output: None, looked };
    Ok(held.looked.holds().then(|| Holding { fixed: Some("somebody put it there"), ..held.told() }))
}

/// A file that holds the person.
struct Held {
    place: Place,
    form: Form,
    output: Option<Output>,
    looked: Looked,
}

impl Held {
    fn told(&self) -> Holding {
        let Looked { rows, mentions, fixed, .. } = &self.looked;
        Holding { place: self.place.clone(), rows: rows.clone(), mentions: *mentions, fixed: *fixed, done: None, why: None }
    }
}

/// A job whose files are looked through.
struct Past {
    report: Report,
    moves: Moves,
    facts: Facts,
    rules: Arc<Rules>,
    /// Rows that are no longer in its original.
    gone: Vec<u64>,
}

impl Past {
    fn of(config: &Config, store: &Store, job: &PastJob) -> Result<Option<Self>, Fatal> {
        let Ok(report) = serde_json::from_str::<Report>(&job.report) else { return Ok(None) }; // damaged: `audit` tells
        let facts = store.told_of(job.job_id)?.map(|(facts, _)| facts).unwrap_or_default();
        let mut changes = store.archive_changes(job.seq)?;
        let original = super::super::archived_place(&job.moves).and_then(|place| changes.remove(&place.to_string()));
        Ok(Some(Self {
            moves: Moves::from_json(&job.moves),
            facts: serde_json::from_str(&facts).unwrap_or_default(),
            rules: config.rules_for(Some(&report.source)),
            gone: original.map(|change| change.rows).unwrap_or_default(),
            report,
        }))
    }

    /// Every file of the job that holds the person, and the rows that are theirs by the numbers that the job gave them.
    fn find(&self, config: &Config, person: &Person) -> io::Result<(Vec<Held>, HashSet<u64>)> {
        let mut steps: Vec<_> = self.moves.0.iter().collect();
        steps.sort_by_key(|step| step.from != Source::Original); // what texts quote is known from it
        let blanked = self.facts.problems.iter().filter(|problem| problem.message == IN_PLACE_OF_ADDRESS);
        let mut theirs: HashSet<u64> = blanked.map(|problem| problem.row).collect();
        let mut found = Vec::new();
        for step in steps {
            let Some(opened) = open(config, &step.to)? else { continue };
            let output = match step.from {
                Source::Original => None,
                Source::Output(output) => Some(output),
            };
            let form = match output {
                Some(output) if output.is_text() => Form::Text,
                Some(Output::Leads) if step.to.rel.extension().is_some_and(|format| format == "jsonl") => Form::Lines,
                _ => Form::Table,
            };
            let looked = match form {
                Form::Table => look_into_table(opened, &self.rules, &self.report.source, person)?,
                Form::Lines => look_into_lines(opened.0, person)?,
                Form::Text => self.look_into_text(opened.0, output, &theirs, person)?,
            };
            if step.from == Source::Original {
                theirs.extend(looked.rows.iter().map(|row| row_then(*row, &self.gone)));
            }
            if looked.holds() {
                found.push(Held { place: step.to.clone(), form, output, looked });
            }
        }
        Ok((found, theirs))
    }

    fn look_into_text(&self, file: File, output: Option<Output>, theirs: &HashSet<u64>, person: &Person) -> io::Result<Looked> {
        let text = read_text(file)?;
        let is_quoted = self.facts.problems.iter().any(|problem| theirs.contains(&problem.row));
        let is_other = is_quoted && self.clean_text(output, theirs, person).is_some_and(|clean| clean != text);
        Ok(Looked { mentions: u64::from(is_other || names(&text, person)), ..Looked::default() })
    }

    /// A text of the job as it would be had it never quoted the person.
    fn clean_text(&self, output: Option<Output>, theirs: &HashSet<u64>, person: &Person) -> Option<String> {
        let mut facts = self.facts.clone();
        for problem in facts.problems.iter_mut().filter(|problem| theirs.contains(&problem.row)) {
            IN_PLACE_OF_ADDRESS.clone_into(&mut problem.message);
        }
        let texts = self.moves.texts(&self.report, &facts);
        let (_, text) = texts.into_iter().find(|(known, _)| Some(*known) == output)?;
        Some(cleaned(&text, person))
    }
}

/// Opens a file of the archive; none where there is no plain file.
fn open(config: &Config, place: &Place) -> io::Result<Option<(File, Stat)>> {
    match OpenFolder::open(config.folders.path(place.folder.as_str())).and_then(|folder| folder.open_file(&place.rel)) {
        Err(error) if is_no_folder(&error) || is_no_file(&error) => Ok(None),
        opened => opened.map(Some),
    }
}

fn reading(job: &PastJob) -> impl Fn(io::Error) -> Fatal {
    move |source| Fatal::Machine { what: format!("reading what job {} left in the archive", job.job_id), source }
}

// ---- finding -----------------------------------------------------------------------------------------------------------

/// A text of ours is never longer.
const TEXT_BYTES: u64 = 16 << 20;

/// A text as far as it is one.
fn read_text(file: File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.take(TEXT_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn cleaned(text: &str, person: &Person) -> String {
    without_address(&without_address(text, &person.identity), &person.address)
}

fn look_into_table(opened: (File, Stat), rules: &Rules, source: &str, person: &Person) -> io::Result<Looked> {
    let again = opened.0.try_clone()?;
    let mut file = match SourceFile::opened(Ok(opened), None, rules) {
        Ok(file) => file,
        Err(Unopened::Machine(error)) => return Err(error),
        Err(_) => return look_into_bytes(again, person),
    };
    let plan = plan::decide(file.head(), rules, source, None).ok();
    let layout = match &plan {
        Some(plan) => plan.layout.clone(),
        None => match plan::layout(file.head(), rules) {
            Ok(layout) => layout,
            Err(_) => return look_into_bytes(again, person),
        },
    };
    let (emails, ids) = plan.as_ref().map(columns_of).unwrap_or_default();
    let fixed = file.container().is_some().then_some("it is packed");
    let mut looked = Looked { fixed, utf16: layout.encoding.utf16_is_big_endian(), ..Looked::default() };
    let read = walk(&mut file, &layout, rules, |record, lines| {
        looked.total += 1;
        match record.map_or(Match::No, |record| of_whom(record, &emails, &ids, person)) {
            Match::Theirs => {
                looked.rows.push(looked.total);
                looked.lines.push(lines);
            }
            Match::Mentioned => looked.mentions += 1,
            Match::No => {}
        }
    });
    match read {
        Err(error) if crate::reading::file_error_in(&error).is_some() => look_into_bytes(again, person),
        read => read.map(|()| looked),
    }
}

/// Whose a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    Theirs,
    Mentioned,
    No,
}

/// The columns of addresses, and of ids.
fn columns_of(plan: &plan::Plan) -> (Vec<usize>, Vec<usize>) {
    let emails = match plan.mapping.from(Field::Email) {
        FieldFrom::Nowhere => Vec::new(),
        FieldFrom::Column(at) => vec![*at],
        FieldFrom::Joined(columns, _) => columns.clone(),
    };
    let outcome = plan.outcome.as_ref();
    let ids = outcome.and_then(|columns| columns.column(Part::LeadId)).into_iter().collect();
    (emails, ids)
}

fn of_whom(record: &Cells, emails: &[usize], ids: &[usize], person: &Person) -> Match {
    if ids.iter().filter_map(|at| record.get(*at)).any(|cell| is_id(cell, person)) {
        return Match::Theirs;
    }
    let mut holds_any = false;
    let mut own = None;
    for (at, cell) in record.iter().enumerate().filter(|(_, cell)| cell.contains(&b'@')) {
        let text = String::from_utf8_lossy(cell);
        let read = email::read_address(cells::trim(text.trim_start_matches('\'')), EmailRule::Minimal);
        let is_theirs = read.as_ref().is_some_and(|read| email::identity(&read.address) == person.identity);
        holds_any |= is_theirs || names(&text, person);
        if read.is_some() && (emails.contains(&at) || (emails.is_empty() && own.is_none())) {
            own = Some(is_theirs);
        }
        // In a torn row the address may stand in any column.
        if is_theirs && own.is_none() && record.get(*emails.first().unwrap_or(&at)).is_none_or(|cell| !cell.contains(&b'@')) {
            own = Some(true);
        }
    }
    match (own, holds_any) {
        (Some(true), _) => Match::Theirs,
        (_, true) => Match::Mentioned,
        (_, false) => Match::No,
    }
}

fn is_id(cell: &[u8], person: &Person) -> bool {
    Uuid::try_parse_ascii(cell.trim_ascii()).is_ok_and(|id| id == person.lead_id)
}

fn names(text: &str, person: &Person) -> bool {
    names_address(text, &person.identity) || names_address(text, &person.address)
}

/// Walks over the rows of a table, with the physical lines that each takes; of one beyond the limits there are no cells.
fn walk(file: &mut SourceFile, layout: &Layout, rules: &Rules, mut each: impl FnMut(Option<&Cells>, (u64, u64))) -> io::Result<()> {
    let mut lines = layout.data_line;
    let mut record = Cells::new();
    stream::each_chunk(file.feed(layout.encoding), layout, rules, |chunk| {
        let bytes = match &chunk {
            Chunk::Records(bytes) => bytes,
            Chunk::Oversize { lines: its_lines, .. } => {
                each(None, (lines + 1, lines + its_lines.max(&1)));
                lines += its_lines;
                return Ok(());
            }
            Chunk::Beyond { lines: its_lines } => {
                lines += its_lines;
                return Ok(());
            }
        };
        let mut records = Records::new(bytes, &layout.table, rules.limits.record_bytes);
        while let Some(found) = records.next(&mut record) {
            let Found::Row { line, .. } = found else { continue };
            if !cells::is_blank(&record) {
                let is_ended = matches!(bytes[records.offset() - 1], b'\n' | b'\r');
                each(Some(&record), (lines + line, lines + records.lines() + u64::from(!is_ended)));
            }
        }
        lines += records.lines();
        Ok(())
    })
}

fn look_into_lines(file: File, person: &Person) -> io::Result<Looked> {
    let mut looked = Looked::default();
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        looked.total += 1;
        let lead: Value = serde_json::from_slice(&line).unwrap_or_default(); // a line that somebody broke may still name them
        if lead["lead_id"] == person.lead_id.to_string() {
            looked.rows.push(looked.total);
            looked.lines.push((looked.total, looked.total));
        } else if names(&String::from_utf8_lossy(&line), person) {
            looked.mentions += 1;
        }
        line.clear();
    }
    Ok(looked)
}

/// What is no list: whether the letters of the address stand in it.
fn look_into_bytes(mut file: File, person: &Person) -> io::Result<Looked> {
    file.rewind()?;
    let needle = person.identity.to_ascii_lowercase().into_bytes();
    let (mut buffer, mut kept) = (vec![0; needle.len() + (1 << 18)], 0);
    let mut looked = Looked { fixed: Some("it cannot be read as a list"), ..Looked::default() };
    loop {
        let read = file.read(&mut buffer[kept..])?;
        if read == 0 {
            return Ok(looked);
        }
        let seen = &mut buffer[..kept + read];
        seen.make_ascii_lowercase();
        if memchr::memmem::find(seen, &needle).is_some() {
            looked.mentions = 1;
            return Ok(looked);
        }
        let length = seen.len();
        kept = (needle.len() - 1).min(length);
        buffer.copy_within(length - kept..length, 0);
    }
}

// ---- changing ----------------------------------------------------------------------------------------------------------

impl Ingest {
    /// Does what is wished with the files of a job that hold a person, and blanks what the store quotes of their rows.
    ///
    /// # Errors
    /// [`Fatal`]. Repeating it completes what was begun.
    pub fn forget_in_archive(&mut self, job: &PastJob, person: &Person, wish: Wish) -> Result<Vec<Holding>, Fatal> {
        let Some(past) = Past::of(&self.config, &self.store, job)? else { return Ok(Vec::new()) };
        let (mut found, theirs) = past.find(&self.config, person).map_err(reading(job))?;
        // The texts first: whose rows they quote is known from the original.
        found.sort_by_key(|held| held.form != Form::Text);
        self.blank(job, &theirs)?;
        let original = super::super::archived_place(&job.moves);
        let mut told = Vec::new();
        for held in &found {
            let mut holding = held.told();
            let file = ArchivedFile { job, past: &past, held, theirs: &theirs, is_original: original.as_ref() == Some(&held.place) };
            match wish {
                Wish::Report => {}
                Wish::Remove if held.looked.rows.is_empty() && held.looked.fixed.is_none() && held.form != Form::Text => {
                    holding.why = Some(OTHERS_ONLY.to_owned());
                }
                Wish::Remove => {
                    self.remove(&file)?;
                    holding.done = Some("removed");
                }
                Wish::Rewrite => match self.rewrite(&file, person)? {
                    Ok(()) => holding.done = Some("rewritten"),
                    Err(why) => holding.why = Some(why),
                },
            }
            told.push(holding);
        }
        Ok(told)
    }

    /// What the store quotes of a person's rows goes, with an entry by which a rebuild does the same.
    fn blank(&mut self, job: &PastJob, theirs: &HashSet<u64>) -> Result<(), Fatal> {
        let group = self.store.begin()?;
        if !group.blank_problems(job.job_id, theirs)? {
            return Ok(());
        }
        self.audit(&group, &clock::rfc3339(clock::now_ms()), Action::Forgotten, |entry| {
            let mut rows: Vec<u64> = theirs.iter().copied().collect();
            rows.sort_unstable();
            entry.job_id = Some(job.job_id.to_string());
            entry.detail = [("rows".to_owned(), json!(rows))].into();
        })?;
        group.commit()?;
        self.publish()
    }

    fn remove(&mut self, file: &ArchivedFile<'_>) -> Result<(), Fatal> {
        let change = ArchiveChange { change: "removed".to_owned(), at_ms: clock::now_ms(), sha256: None, rows: Vec::new() };
        self.note_change(file, Action::ArchiveRemoved, &change)?;
        self.spool.remove_archived(&file.held.place)?;
        Ok(())
    }

    /// Inside, why it could not be done.
    fn rewrite(&mut self, file: &ArchivedFile<'_>, person: &Person) -> Result<Result<(), String>, Fatal> {
        let Held { place, form, looked, output } = file.held;
        if let Some(why) = looked.fixed {
            return Ok(Err(format!("{why}, and can only be removed: --archives remove")));
        }
        if looked.rows.is_empty() && *form != Form::Text {
            return Ok(Err(OTHERS_ONLY.to_owned()));
        }
        let broken = |source| Fatal::Machine { what: format!("{place}: writing it anew"), source };
        let (old, _) = self.spool.open_archived(place).map_err(broken)?;
        let mut new = self.spool.begin_rewrite()?;
        let written = if *form == Form::Text {
            let clean = file.past.clean_text(*output, file.theirs, person).map_or_else(|| Ok(cleaned(&read_text(old)?, person)), Ok);
            clean.and_then(|text: String| new.write_all(text.as_bytes()))
        } else {
            copy_without(old, new, looked)
        };
        written.map_err(broken)?;
        if *form == Form::Table
            && let Some(why) = self.is_other(file, person).map_err(broken)?
        {
            self.spool.drop_rewrite();
            return Ok(Err(why));
        }
        let sha256 = sha256_of(&self.spool.open_rewrite().map_err(broken)?.0).map_err(broken)?;
        let mut rows = Vec::new();
        if file.is_original {
            let gone = &file.past.gone;
            rows = looked.rows.iter().map(|row| row_then(*row, gone)).chain(gone.iter().copied()).collect();
            rows.sort_unstable();
        }
        let change = ArchiveChange { change: "rewritten".to_owned(), at_ms: clock::now_ms(), sha256: Some(sha256), rows };
        self.note_change(file, Action::ArchiveRewritten, &change)?;
        self.spool.finish_rewrite(place)?;
        Ok(Ok(()))
    }

    /// Why what was written is not the file without the person's rows: then it does not take the file's place.
    fn is_other(&self, file: &ArchivedFile<'_>, person: &Person) -> io::Result<Option<String>> {
        let left = file.held.looked.total - file.held.looked.rows.len() as u64;
        let again = look_into_table(self.spool.open_rewrite()?, &file.past.rules, &file.past.report.source, person)?;
        let is_same = again.rows.is_empty() && (again.total == left || left == 0);
        Ok((!is_same).then(|| "without these rows the file would be read otherwise; it can only be removed: --archives remove".to_owned()))
    }

    /// In the store and the audit trail before it is done.
    fn note_change(&mut self, file: &ArchivedFile<'_>, action: Action, change: &ArchiveChange) -> Result<(), Fatal> {
        let group = self.store.begin()?;
        let place = file.held.place.to_string();
        group.note_archive_change(file.job.job_id, &place, change)?;
        self.audit(&group, &clock::rfc3339(change.at_ms), action, |entry| {
            entry.job_id = Some(file.job.job_id.to_string());
            entry.file = Some(file.past.report.file.clone());
            entry.detail = [
                ("place".to_owned(), json!(place)),
                ("rows".to_owned(), json!(change.rows)),
                ("sha256".to_owned(), json!(change.sha256.map(|hash| hex(&hash)))),
            ]
            .into();
        })?;
        group.commit()?;
        self.publish()
    }
}

/// A file of the archive that is to be changed.
struct ArchivedFile<'f> {
    job: &'f PastJob,
    past: &'f Past,
    held: &'f Held,
    theirs: &'f HashSet<u64>,
    is_original: bool,
}

/// Why a file stays as it is.
const OTHERS_ONLY: &str = "only rows of other people name them there: it stays as it is";

/// What an audit entry tells of a change to the archive: the job, the place, and what was done.
pub(in super::super) fn change_in(entry: &AuditEntry) -> Option<(Uuid, String, ArchiveChange)> {
    let change = match entry.action {
        Action::ArchiveRewritten => "rewritten",
        Action::ArchiveRemoved => "removed",
        _ => return None,
    };
    let rows = entry.detail.get("rows").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64).collect();
    let sha256 = entry.detail.get("sha256").and_then(Value::as_str).and_then(bytes_of);
    let place = entry.detail.get("place")?.as_str()?.to_owned();
    let at_ms = clock::parse_ms(&entry.at)?;
    Some((Uuid::parse_str(entry.job_id.as_deref()?).ok()?, place, ArchiveChange { change: change.to_owned(), at_ms, sha256, rows }))
}

/// The number that a row had before rows were taken out of its file; `gone` are their numbers of then, in their order.
pub(in super::super) fn row_then(row: u64, gone: &[u64]) -> u64 {
    gone.iter().fold(row, |row, gone| row + u64::from(*gone <= row))
}

/// Copies a file but for some of its physical lines. CR LF, LF and a CR of its own end one each.
fn copy_without(old: File, new: File, looked: &Looked) -> io::Result<()> {
    let (mut reader, mut writer) = (BufReader::with_capacity(1 << 18, old), BufWriter::with_capacity(1 << 18, new));
    let width = if looked.utf16.is_some() { 2 } else { 1 };
    let mut gone = looked.lines.iter().copied().peekable();
    let (mut line, mut after_return) = (1_u64, false);
    loop {
        let mut unit = [0; 2];
        let read = read_unit(&mut reader, &mut unit[..width])?;
        if read == 0 {
            return writer.flush();
        }
        let sign = match looked.utf16 {
            None => u16::from(unit[0]),
            Some(true) => u16::from_be_bytes(unit),
            Some(false) => u16::from_le_bytes(unit),
        };
        if std::mem::take(&mut after_return) && sign != u16::from(b'\n') {
            line += 1;
        }
        while gone.next_if(|(_, last)| *last < line).is_some() {}
        if gone.peek().is_none_or(|(first, _)| line < *first) {
            writer.write_all(&unit[..read])?;
        }
        after_return = sign == u16::from(b'\r');
        line += u64::from(sign == u16::from(b'\n'));
    }
}

/// Reads one sign, or what is left at the end.
fn read_unit(reader: &mut impl BufRead, unit: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < unit.len() {
        match reader.read(&mut unit[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
