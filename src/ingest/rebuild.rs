//! `valhalla rebuild`: the store made anew from the archived originals and the journals.
//!
//! Every job that `reports.jsonl` tells of is taken in the order of then, under its own id, time and rules, through the
//! same steps as ingestion: `take` reads its file, the committer writes its leads. What comes of it is held against the
//! report; the report's very line is what the new store keeps. The journals are not written again: the new store goes on
//! behind them, with one entry in the audit trail.
//!
//! The new store grows beside the old one and takes its place by one rename at the very end; until then nothing has
//! happened. Nothing in the archive is touched. What cannot be rebuilt (an original that is gone, or never was here) is
//! listed, and its job stands in the new store without its leads, where `audit` finds it.

mod chronicle;
mod originals;

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::json;
use uuid::Uuid;

use self::chronicle::{Chronicle, Deed, Past, Told};
use self::originals::{Originals, is_of_length};
use super::arrivals::Deliveries;
use super::conditions::Conditions;
use super::delivery::{self, Moves};
use super::forget::Forgotten;
use super::undo::rules_then;
use super::{DEFAULT_SOURCE, Fatal, Ingest, Job, Outcome, Reread, Wait, fate_name};
use crate::beneath::OpenFolder;
use crate::clock;
use crate::config::{Config, LeadsFile, Mode};
use crate::inbox::{self, Folder, Layout, Names, Place, Spool, path_from_text};
use crate::journal::report::{Fate, Rows};
use crate::journal::{Action, Journals, hex};
use crate::progress::Progress;
use crate::reading::{look_of, sha256_of};
use crate::render::receipt::{self, Facts};
use crate::store::forget::ArchiveChange;
use crate::store::jobs::{JobRecord, RowList};
use crate::store::read::{LeadQuery, StoredLead};
use crate::store::{Group, Store, StoreError, open_to_read, swap};

/// Jobs that become durable together, and bytes of their files.
const BATCH_JOBS: usize = 256;
const BATCH_BYTES: u64 = 32 << 20;
/// Problems that are listed; all are counted.
const LISTED: usize = 1000;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Further folders in which originals may lie.
    pub originals: Vec<PathBuf>,
    /// Put the new store in place also where the old one is sound and holds more.
    pub accept_loss: bool,
    /// Build and compare only.
    pub dry_run: bool,
}

/// How far it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Course {
    /// Jobs done.
    pub jobs: u64,
    /// Jobs there are.
    pub jobs_total: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Bytes of all files.
    pub bytes_total: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// Jobs in the new store.
    pub jobs: u64,
    /// Of those, jobs whose file was read again and gave what it gave then.
    pub reread: u64,
    /// Jobs of which no row had been taken up: there was nothing to read.
    pub without_rows: u64,
    /// Jobs that were read under other rules than then.
    pub under_todays_rules: u64,
    /// Leads in the new store.
    pub leads: u64,
    /// After a dry run: leads of the store in place that are not what the files say; none where it cannot be read.
    pub unlike: Option<u64>,
    /// What is not as it was; at most a thousand.
    pub problems: Vec<Problem>,
    /// Problems beyond those listed.
    pub more: u64,
    /// Whether the new store is in charge.
    pub in_charge: bool,
    /// Where the old store is kept.
    pub kept: Option<PathBuf>,
    /// Why the new store is not in charge, where it was asked to be.
    pub refused: Option<String>,
}

/// One thing that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The job; none for a line of the journal that nobody can read.
    pub job_id: Option<Uuid>,
    /// Its file, as in the report.
    pub file: String,
    /// What kind.
    pub kind: ProblemKind,
    /// In a sentence.
    pub why: String,
}

/// What is not as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// Its rows could not be read: its leads are not in the new store.
    NotRebuilt,
    /// Its rows were read, and came to something else than its report says.
    Differs,
    /// Its report is lost: the audit trail knows that it was.
    ReportLost,
}

impl ProblemKind {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        ["not rebuilt", "differs", "report lost"][self as usize]
    }
}

impl Rebuilt {
    /// Whether the new store holds all that ever was.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether nothing was found wrong, neither with what could be rebuilt nor with the store in place.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.is_complete() && self.unlike.is_none_or(|leads| leads == 0)
    }

    fn tell(&mut self, past: Option<&Past>, kind: ProblemKind, why: String) {
        let file = past.map_or(String::new(), |past| past.report.file.clone());
        self.list(Problem { job_id: past.map(|past| past.job_id), file, kind, why });
    }

    fn list(&mut self, problem: Problem) {
        if self.problems.len() < LISTED { self.problems.push(problem) } else { self.more += 1 }
    }
}

/// Makes the store anew. The caller holds the root's lock.
///
/// # Errors
/// [`Fatal`]; the old store is in charge then.
pub fn rebuild(config: &Arc<Config>, wishes: &Wishes, tell: &mut dyn FnMut(Course)) -> Result<Rebuilt, Fatal> {
    let new = swap::beside(&config.store.path, ".rebuilding");
    let scratch = config.root.join(".rebuilding");
    swap::discard(&new)?; // what a killed rebuild left
    clear(&scratch)?;
    let built = build(config, wishes, &new, &scratch, tell);
    clear(&scratch)?;
    let mut rebuilt = built.inspect_err(|_| drop(swap::discard(&new)))?; // the first error is the one that matters
    if wishes.dry_run {
        rebuilt.unlike = leads_unlike(&config.store.path, &new, rebuilt.leads);
    } else {
        rebuilt.refused = reason_to_keep_the_old(config, wishes, &rebuilt);
    }
    if wishes.dry_run || rebuilt.refused.is_some() {
        swap::discard(&new)?;
        return Ok(rebuilt);
    }
    let kept = kept_name(&config.store.path);
    let had_one = swap::replace(&config.store.path, &new, &kept)?;
    rebuilt.kept = had_one.then_some(kept);
    rebuilt.in_charge = true;
    publish(config)?;
    Ok(rebuilt)
}

/// The whole new store, closed.
fn build(config: &Arc<Config>, wishes: &Wishes, new: &Path, scratch: &Path, tell: &mut dyn FnMut(Course)) -> Result<Rebuilt, Fatal> {
    let logs = &config.folders.logs;
    fs::create_dir_all(logs).map_err(machine(logs))?;
    let chronicle = Chronicle::read(logs)?;
    let mut builder = Builder::open(config, wishes, new, scratch, chronicle)?;
    let mut course = builder.survey(logs)?;
    let mut batch = Vec::new();
    for told in chronicle::reports(logs)? {
        match told? {
            Told::Unreadable { segment, offset } => {
                let why = format!("reports.jsonl, segment {segment}, byte {offset}: this line is no report");
                builder.rebuilt.tell(None, ProblemKind::ReportLost, why);
            }
            Told::Job(past) => {
                let deeds = builder.chronicle.deeds_before.get(&past.job_id).copied().unwrap_or(0);
                if deeds > builder.deeds {
                    builder.write(&mut batch, &mut course, tell)?;
                    builder.do_again(deeds)?;
                }
                if past.has_rows() && past.report.versions.learned != builder.ingest.learned.version {
                    builder.write(&mut batch, &mut course, tell)?;
                    builder.know(past.report.versions.learned)?;
                }
                let setting = builder.setting_of(&past);
                if builder.must_write_before(&batch, &past, setting) {
                    builder.write(&mut batch, &mut course, tell)?;
                }
                builder.put_in_force(setting)?;
                batch.push(*past);
            }
        }
    }
    builder.write(&mut batch, &mut course, tell)?;
    builder.do_again(builder.chronicle.deeds.len())?;
    builder.ingest.learn_again()?;
    builder.finish(logs)
}

/// Under which settings a job is read: those of an entry of the audit trail, or what is configured now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    Then(usize),
    Now,
}

/// Settings that can be put in force again.
struct Known {
    config: Arc<Config>,
    versions: Vec<String>,
}

impl Known {
    fn of(config: Config) -> Self {
        let sources = std::iter::once(None).chain(config.sources().map(Some));
        let versions = sources.map(|source| config.rules_for(source).version.clone()).collect();
        Self { config: Arc::new(config), versions }
    }

    fn has(&self, version: &str) -> bool {
        self.versions.iter().any(|own| own == version)
    }
}

/// The writer of the new store: an [`Ingest`] whose folders are scratch and whose past is given.
struct Builder<'b> {
    base: &'b Arc<Config>,
    ingest: Ingest,
    chronicle: Chronicle,
    /// What of the past this program can still read.
    then: Vec<Option<Known>>,
    now: Known,
    /// The setting in force, and how many of the past came into force so far.
    setting: Option<Setting>,
    entered: usize,
    /// How many deeds of people were done again so far.
    deeds: usize,
    originals: Originals,
    rebuilt: Rebuilt,
}

impl<'b> Builder<'b> {
    fn open(base: &'b Arc<Config>, wishes: &Wishes, new: &Path, scratch: &Path, chronicle: Chronicle) -> Result<Self, Fatal> {
        let mut config = (**base).clone();
        new.clone_into(&mut config.store.path);
        config.output.leads = LeadsFile::None;
        config.mode = Mode::Live;
        let then = chronicle.settings.iter().map(|settings| as_of_then(&config, settings)).collect();
        let folder = |name| scratch.join(name);
        let spool = Spool::open(Layout {
            root: scratch.to_owned(),
            inbox: folder("inbox"),
            processed: folder("processed"),
            failed: folder("failed"),
            claimed: folder("claimed"),
            group: None,
        })?;
        let ingest = Ingest {
            store: Store::open(new, u32::try_from(base.store.cache_mb).unwrap_or(u32::MAX))?,
            journals: Journals::open(&base.folders.logs, 0o640)?,
            config: Arc::new(config.clone()),
            spool,
            learned: Arc::default(),
            generation: Uuid::now_v7(),
            mismatched: BTreeSet::new(),
            conditions: Conditions::default(),
            deliveries: Deliveries::default(),
            rules: HashMap::new(),
            forgotten: Forgotten::watching(&base.root, chronicle.forgotten())?,
            progress: Arc::new(Progress::default()),
            stop: Arc::new(AtomicBool::new(false)),
            actor: "cli",
        };
        let archive = [base.folders.processed.clone(), base.folders.failed.clone()];
        let originals = Originals::in_folders(archive.into_iter().chain(wishes.originals.iter().cloned()).collect());
        let now = Known::of(config);
        Ok(Self { base, ingest, chronicle, then, now, setting: None, entered: 0, deeds: 0, originals, rebuilt: Rebuilt::default() })
    }

    /// Counts what there is to do, and which originals will have to be looked for.
    fn survey(&mut self, logs: &Path) -> Result<Course, Fatal> {
        let mut course = Course::default();
        for told in chronicle::reports(logs)? {
            let Told::Job(past) = told? else { continue };
            course.jobs_total += 1;
            course.bytes_total += if past.has_rows() { past.report.bytes } else { 0 };
            let is_archived = past.has_rows() || past.report.archived_as.is_some();
            if is_archived && !self.own_places(&past).iter().any(|path| is_of_length(path, past.report.bytes)) {
                self.originals.want(past.report.bytes);
            }
        }
        Ok(course)
    }

    // ---- the rules of then -------------------------------------------------------------------------------------------

    /// Under which settings a job is read: those that were in force, if its rules version is theirs; else any of the past
    /// whose version it is; else what is configured now.
    fn setting_of(&self, past: &Past) -> Setting {
        let version = &past.report.versions.rules;
        let entered = self.chronicle.in_force.get(&past.job_id).copied().unwrap_or(self.entered).max(self.entered);
        let is_theirs = |at: &usize| self.then[*at].as_ref().is_some_and(|known| known.has(version));
        let last = entered.checked_sub(1);
        let found = last.filter(|at| is_theirs(at) || !past.has_rows()).or_else(|| (0..self.then.len()).rev().find(is_theirs));
        found.filter(|at| self.then[*at].is_some()).map_or(Setting::Now, Setting::Then)
    }

    /// Makes these settings the ones that rows are held to. Those of the past come into force in their order, so that
    /// experiments get the versions that they had.
    fn put_in_force(&mut self, setting: Setting) -> Result<(), Fatal> {
        if self.setting == Some(setting) {
            return Ok(());
        }
        if let Setting::Then(at) = setting {
            for earlier in self.entered..at {
                self.prepare(Setting::Then(earlier))?;
            }
            self.entered = self.entered.max(at + 1);
        }
        self.prepare(setting)
    }

    fn prepare(&mut self, setting: Setting) -> Result<(), Fatal> {
        let known = match setting {
            Setting::Then(at) => self.then[at].as_ref(),
            Setting::Now => Some(&self.now),
        };
        let Some(known) = known else { return Ok(()) }; // this program can no longer read them
        let known = Arc::clone(&known.config);
        if !self.ingest.rules.is_empty() {
            self.ingest.learn_again()?; // what waits was learned under the rules of before
        }
        self.ingest.config = known;
        let group = self.ingest.store.begin()?;
        let rules = self.ingest.prepare_rules(&group)?;
        group.commit()?;
        self.ingest.rules = rules;
        self.setting = Some(setting);
        Ok(())
    }

    // ---- jobs, some at a time ----------------------------------------------------------------------------------------

    fn must_write_before(&self, batch: &[Past], past: &Past, setting: Setting) -> bool {
        let bytes: u64 = batch.iter().map(|past| past.report.bytes).sum();
        let keeps = batch_keeps_leads(batch).zip(keeps_leads(past));
        let is_other = self.setting != Some(setting) || keeps.is_some_and(|(batch, own)| batch != own);
        batch.len() >= BATCH_JOBS || bytes >= BATCH_BYTES || (is_other && !batch.is_empty())
    }

    fn write(&mut self, batch: &mut Vec<Past>, course: &mut Course, tell: &mut dyn FnMut(Course)) -> Result<(), Fatal> {
        if batch.is_empty() {
            return Ok(());
        }
        if let Some(keeps) = batch_keeps_leads(batch).filter(|keeps| *keeps != self.ingest.config.store.leads) {
            let mut config = (*self.ingest.config).clone();
            config.store.leads = keeps;
            self.ingest.config = Arc::new(config);
            self.setting = None;
        }
        let store = &self.ingest.store;
        let group = if batch.len() == 1 { store.begin_alone()? } else { store.begin()? };
        for past in batch.drain(..) {
            // A job stands once in the store, however often somebody copied its line.
            if !self.ingest.store.knows(past.job_id)? {
                let lasting = Lasting { change: self.chronicle.change_of(&past), are_others_changed: !self.chronicle.changes.is_empty() };
                take_again(&self.ingest, self.base, &mut self.originals, &mut self.rebuilt, &group, &past, lasting)?;
            }
            course.jobs += 1;
            course.bytes += if past.has_rows() { past.report.bytes } else { 0 };
            tell(*course);
        }
        group.commit()?;
        Ok(self.ingest.store.checkpoint(super::CHECKPOINT_BYTES)?)
    }

    /// Has the stages know what they knew then. A snapshot that nobody can make again leaves them with what there is.
    fn know(&mut self, version: u64) -> Result<(), Fatal> {
        self.ingest.learn_again()?;
        if self.ingest.learned.version != version
            && let Some(then) = self.ingest.store.learned(version)?
        {
            self.ingest.learned = Arc::new(then);
        }
        Ok(())
    }

    /// Does again what people had done, up to so many deeds, at their place among the jobs.
    fn do_again(&mut self, up_to: usize) -> Result<(), Fatal> {
        for at in self.deeds..up_to {
            self.ingest.learn_again()?;
            match self.chronicle.deeds[at].clone() {
                Deed::Undone { job_id, at_ms } => self.undo_again(job_id, at_ms)?,
                Deed::Pinned { model } => {
                    let group = self.ingest.store.begin()?;
                    group.add_decision(&model)?;
                    group.commit()?;
                }
                Deed::Forgotten { person, jobs, at_ms } => {
                    let group = self.ingest.store.begin()?;
                    group.erase_again(self.ingest.forgotten.seen(&person), &person, &jobs, at_ms)?;
                    group.commit()?;
                    self.ingest.forgotten.add(person);
                }
                Deed::Blanked { job_id, rows } => {
                    let group = self.ingest.store.begin()?;
                    group.blank_problems(job_id, &rows.into_iter().collect())?;
                    group.commit()?;
                }
                Deed::Allowed { person } => {
                    let group = self.ingest.store.begin()?;
                    group.allow(&person)?;
                    group.commit()?;
                    self.ingest.forgotten.remove(&person);
                }
                Deed::Rescored { since_ms, learned, settings } => {
                    let then = settings.checked_sub(1).filter(|at| self.then[*at].is_some());
                    self.put_in_force(then.map_or(Setting::Now, Setting::Then))?;
                    self.know(learned)?;
                    let group = self.ingest.store.begin_alone()?;
                    self.ingest.rescore_in(&group, since_ms, &self.ingest.learned, |_, _| true)?;
                    group.commit()?;
                }
            }
            self.ingest.go_back_to_what_is_known()?;
        }
        self.deeds = self.deeds.max(up_to);
        Ok(())
    }

    /// Takes a job out again that had been taken out.
    fn undo_again(&mut self, job_id: Uuid, at_ms: i64) -> Result<(), Fatal> {
        let store = &self.ingest.store;
        let group = store.begin()?;
        let Err(why) = group.undo(job_id, &rules_then(&self.base.root), at_ms)? else { return Ok(group.commit()?) };
        drop(group);
        // What was not rebuilt need not go: then only the mark is missing.
        let group = store.begin()?;
        let is_marked = group.mark_undone(job_id, at_ms)?;
        group.commit()?;
        if !is_marked {
            let file = store.job(job_id)?.map_or(String::new(), |job| job.file);
            let why = format!("it had been undone, and cannot be undone again: {why}");
            self.rebuilt.list(Problem { job_id: Some(job_id), file, kind: ProblemKind::Differs, why });
        }
        Ok(())
    }

    /// The journals' ends, the settings in force, and one entry that says what was done; then the store is closed.
    fn finish(mut self, logs: &Path) -> Result<Rebuilt, Fatal> {
        for at in self.entered..self.then.len() {
            self.prepare(Setting::Then(at))?;
        }
        let Self { ingest, chronicle, mut rebuilt, .. } = self;
        for (job, file, rows) in Chronicle::lost(logs, |job| Ok(ingest.store.knows(job)?))? {
            let why = format!("the audit trail knows it, with {rows} rows, but its line is not in reports.jsonl");
            rebuilt.list(Problem { job_id: Some(job), file, kind: ProblemKind::ReportLost, why });
        }
        let totals = ingest.store.totals()?;
        (rebuilt.leads, rebuilt.jobs) =
            (totals.leads, totals.processed + totals.failed + totals.duplicate + totals.dry_runs + totals.undone);
        let group = ingest.store.begin()?;
        for ((job, place), change) in &chronicle.changes {
            group.note_archive_change(*job, place, change)?;
        }
        if let Some(settings) = chronicle.settings.last() {
            group.set_rules_in_force(settings)?;
        }
        ingest.adopt_journals(&group)?;
        ingest.audit(&group, &clock::rfc3339(clock::now_ms()), Action::Rebuilt, |entry| {
            entry.detail = [
                ("jobs".to_owned(), json!(rebuilt.jobs)),
                ("leads".to_owned(), json!(rebuilt.leads)),
                ("problems".to_owned(), json!(rebuilt.problems.len() as u64 + rebuilt.more)),
            ]
            .into();
        })?;
        group.commit()?;
        ingest.store.checkpoint(0)?;
        Ok(rebuilt)
    }

    /// Where the original of a job should be.
    fn own_places(&self, past: &Past) -> Vec<PathBuf> {
        own_places(&self.ingest, self.base, past)
    }
}

/// What was done to the archive since.
#[derive(Clone, Copy)]
struct Lasting<'c> {
    /// To this job's original.
    change: Option<&'c ArchiveChange>,
    /// To any: whoever was known from one may be new with the next.
    are_others_changed: bool,
}

impl Lasting<'_> {
    /// The hash of a file from which rows of erased people were taken.
    fn rewritten(&self) -> Option<String> {
        self.change.and_then(|change| change.sha256).map(|hash| hex(&hash))
    }
}

/// Takes one job of the past in again, inside the group: its leads where its file is still to be had, its record in any case.
fn take_again(
    ingest: &Ingest,
    base: &Config,
    originals: &mut Originals,
    rebuilt: &mut Rebuilt,
    group: &Group<'_>,
    past: &Past,
    lasting: Lasting<'_>,
) -> Result<(), Fatal> {
    let seq = group.next_seq()?;
    if !past.has_rows() {
        rebuilt.without_rows += 1;
        if past.report.dry_run {
            remember_told(base, group, past)?;
        }
        let path = whereabouts(ingest, base, originals, past);
        return record(ingest, base, group, seq, past, None, path.as_deref());
    }
    match read_again(ingest, base, originals, group, past, lasting)? {
        Ok((reread, path)) => {
            let is_rewritten = reread.report.sha256 != past.report.sha256;
            let differences = if is_rewritten { Vec::new() } else { differences(past, &reread, lasting.are_others_changed) };
            let rules = &reread.report.versions.rules;
            if *rules != past.report.versions.rules {
                rebuilt.under_todays_rules += 1;
                let what = if differences.is_empty() { "comes to the same".to_owned() } else { differences.join("; ") };
                let why =
                    format!("its rules ({}) are lost, it was read under those of today ({rules}): {what}", past.report.versions.rules);
                rebuilt.tell(Some(past), ProblemKind::Differs, why);
            } else if differences.is_empty() {
                rebuilt.reread += 1;
            } else {
                rebuilt.tell(Some(past), ProblemKind::Differs, differences.join("; "));
            }
            record(ingest, base, group, seq, past, Some(*reread), Some(&path))?;
        }
        Err(why) => {
            let rows = past.report.rows;
            let why = format!("{why}; {} new and {} known rows of it are missing", rows.accepted_new, rows.accepted_updated);
            rebuilt.tell(Some(past), ProblemKind::NotRebuilt, why);
            record(ingest, base, group, seq, past, None, None)?;
        }
    }
    Ok(())
}

/// Reads the original again, wherever it is: the first file whose bytes are those of the report. Inside, why there is none.
#[allow(clippy::type_complexity)] // a result in a result: what the machine says, and what the file says
fn read_again(
    ingest: &Ingest,
    base: &Config,
    originals: &mut Originals,
    group: &Group<'_>,
    past: &Past,
    lasting: Lasting<'_>,
) -> Result<Result<(Box<Reread>, PathBuf), String>, Fatal> {
    let own = own_places(ingest, base, past);
    let rewritten = lasting.rewritten();
    let mut why = match own.first() {
        Some(place) if rewritten.is_none() && lasting.change.is_some() && place.symlink_metadata().is_err() => {
            let change = lasting.change.map_or("removed", |change| &change.change);
            format!("{} is missing because it was {change}", place.display())
        }
        Some(place) if place.symlink_metadata().is_ok() => format!("{} is not the file that was taken", place.display()),
        Some(place) => format!("{} is missing", place.display()),
        None => "its original stayed with its owner".to_owned(),
    };
    let is_candidate = |path: &PathBuf| is_of_length(path, past.report.bytes) || (rewritten.is_some() && path.is_file());
    let mut places: Vec<PathBuf> = own.into_iter().filter(is_candidate).collect();
    let mut is_searched = false;
    loop {
        for path in std::mem::take(&mut places) {
            group.savepoint()?;
            let mut job = job_of(ingest, past, &path)?;
            if !is_of_length(&path, past.report.bytes) {
                job.gone = lasting.change.map(|change| change.rows.clone()).unwrap_or_default(); // what was rewritten is shorter
            }
            let outcome = ingest.take(group, &job);
            clear(&job.claim.dir)?;
            match outcome? {
                Outcome::Reread(reread) if rewritten.is_some() && reread.report.sha256 == rewritten => {
                    group.release()?;
                    return Ok(Ok((reread, path)));
                }
                Outcome::Reread(reread) if reread.report.sha256 != past.report.sha256 => {} // as long, and another
                Outcome::Reread(reread) if reread.report.rows.total > 0 => {
                    group.release()?;
                    return Ok(Ok((reread, path)));
                }
                Outcome::Reread(reread) => why = reread.report.reason.unwrap_or_else(|| "it has no rows any more".to_owned()),
                Outcome::Waits(Wait::NoRoom(what)) => {
                    return Err(Fatal::Machine { what, source: io::ErrorKind::StorageFull.into() });
                }
                Outcome::Waits(reason) => why = format!("{}: {reason}", path.display()),
                Outcome::Recorded(_) | Outcome::Held(_) => "it was taken for a new file".clone_into(&mut why),
            }
            group.roll_back()?;
        }
        if std::mem::replace(&mut is_searched, true) {
            return Ok(Err(why));
        }
        places = originals.of_length(past.report.bytes);
    }
}

/// Where the original of a job without rows lies, which is not read: at its place, if the file there has its length; else
/// wherever its bytes are. None where it never was archived, or is gone.
fn whereabouts(ingest: &Ingest, base: &Config, originals: &mut Originals, past: &Past) -> Option<PathBuf> {
    past.report.archived_as.as_ref()?;
    let own = own_places(ingest, base, past).into_iter().find(|path| is_of_length(path, past.report.bytes));
    let has_its_bytes = |path: &PathBuf| fs::File::open(path).and_then(|file| sha256_of(&file)).ok() == past.sha256; // unreadable is none
    own.or_else(|| originals.of_length(past.report.bytes).into_iter().find(|path| past.sha256.is_some() && has_its_bytes(path)))
}

/// The job as it was, with its file at this path and its outputs in a scratch folder.
fn job_of(ingest: &Ingest, past: &Past, path: &Path) -> Result<Job, Fatal> {
    let report = &past.report;
    let rel = path_from_text(&report.file).unwrap_or_else(|| PathBuf::from(past.job_id.to_string()));
    let claim = ingest.spool.claim_outputs_only(past.job_id, &rel)?;
    let job = Job {
        path: path.to_owned(),
        stays: true,
        dry_run: false,
        then_ms: Some(past.started_at_ms),
        ..ingest.job_of_claim(claim, inbox::DropKind::File)
    };
    if !is_replay(ingest, past)? {
        return Ok(job);
    }
    let source = Some(report.source.clone()).filter(|source| source != DEFAULT_SOURCE);
    Ok(Job { file: report.file.clone(), source, replays: past.parent, ..job })
}

/// Whether it took the very bytes of its parent again: rows that came back are never the file they came from.
fn is_replay(ingest: &Ingest, past: &Past) -> Result<bool, Fatal> {
    let Some(parent) = past.parent else { return Ok(false) };
    Ok(past.sha256.is_some() && ingest.store.sha256_of(parent)? == past.sha256)
}

/// Where the original should be: its place in the archive, its claim folder, and for a replay that of its parent.
fn own_places(ingest: &Ingest, base: &Config, past: &Past) -> Vec<PathBuf> {
    let mut places = Vec::new();
    if let Some(place) = past.report.archived_as.as_deref().and_then(|place| place.parse::<Place>().ok()) {
        places.push(path_of(base, &place));
        let rel = path_from_text(&past.report.file).unwrap_or_else(|| PathBuf::from(&past.report.file));
        places.extend(claim_dir(base, past.job_id).map(|dir| dir.join(rel)));
    } else if let Some(Ok(Some(moves))) = past.parent.map(|parent| ingest.store.moves_of(parent)) {
        places.extend(super::archived_place(&moves).map(|place| path_of(base, &place)));
    }
    places
}

/// The claim folder of a job that was committed, and not moved before the store was lost.
fn claim_dir(base: &Config, job_id: Uuid) -> Option<PathBuf> {
    let folders = [base.folders.claimed.clone(), base.folders.inbox.join(".claimed")];
    folders.into_iter().map(|folder| folder.join(job_id.to_string())).find(|dir| dir.is_dir())
}

/// Writes the job down as its report tells it, with what reading it again has shown.
fn record(
    ingest: &Ingest,
    base: &Config,
    group: &Group<'_>,
    seq: i64,
    past: &Past,
    reread: Option<Reread>,
    path: Option<&Path>,
) -> Result<(), Fatal> {
    let report = &past.report;
    let is_open = claim_dir(base, past.job_id).is_some();
    let moves = moves_of(base, past, path, is_open);
    let rules = reread.as_ref().map_or(&report.versions.rules, |reread| &reread.report.versions.rules).clone();
    let gave_rejects = report.rejects_as.is_some() && !report.dry_run;
    let (facts, rejected_rows, rejects_digest, rejects_sha256) = match reread {
        Some(Reread { facts, rejected_rows, rejects_digest, rejects_sha256, .. }) => {
            (facts, rejected_rows, rejects_digest, rejects_sha256.filter(|_| gave_rejects))
        }
        None => (Facts { duplicate_of: earlier(ingest, past)?, ..Facts::default() }, RowList::default(), None, None),
    };
    let inode = path.and_then(|path| path.symlink_metadata().ok()).map_or(0, |metadata| look_of(&metadata).ino);
    group.record(
        seq,
        &JobRecord {
            job_id: past.job_id,
            fate: fate_name(report.fate),
            dry_run: report.dry_run,
            parent: past.parent,
            file: report.file.clone(),
            source: report.source.clone(),
            bytes: report.bytes,
            sha256: past.sha256,
            inode,
            rules,
            // With rows of erased people gone a snapshot of then may be one that nobody can make again.
            learned: if past.has_rows() { ingest.learned.version } else { report.versions.learned },
            started_at_ms: past.started_at_ms,
            finished_at_ms: past.finished_at_ms,
            rows: report.rows,
            leads_kept: keeps_leads(past).unwrap_or(ingest.config.store.leads),
            rejected_rows,
            rejects_digest,
            rejects_sha256,
            moves: moves.to_json(),
            facts: serde_json::to_string(&facts).expect("facts are JSON"),
            report: past.line.clone(),
        },
    )?;
    if !is_open {
        ingest.store.mark_done(past.job_id)?;
    }
    Ok(())
}

/// What was renamed where; of a job whose claim still stands also what its texts are to be called.
fn moves_of(base: &Config, past: &Past, path: Option<&Path>, is_open: bool) -> Moves {
    let report = &past.report;
    let place = |text: &Option<String>| text.as_deref().and_then(|place| place.parse::<Place>().ok());
    let archived = place(&report.archived_as);
    let mut names = Names::default();
    if is_open {
        let rel = archived.as_ref().map(|place| place.rel.clone()).or_else(|| path_from_text(&report.file));
        let wants = delivery::wants(report, archived.is_none(), report.rejects_as.is_some(), base.output);
        names = rel.map(|rel| Names::beside(&rel, wants)).unwrap_or_default();
    }
    // Somebody may have moved it within the archive: what counts is where it is.
    let found = path.and_then(|path| place_of(base, path)).filter(|_| archived.is_some());
    Moves::to(&Names { original: found.or(archived), rejects: place(&report.rejects_as), ..names })
}

/// The earlier file that a duplicate repeats, for its receipt.
fn earlier(ingest: &Ingest, past: &Past) -> Result<Option<receipt::Earlier>, Fatal> {
    let Some(of) = past.report.duplicate_of.as_deref().and_then(|job| Uuid::parse_str(job).ok()) else { return Ok(None) };
    let job = ingest.store.job(of)?;
    Ok(job.map(|job| receipt::Earlier { file: job.file, at_ms: job.started_at_ms }))
}

/// A file of a dry run that still lies in the inbox, untouched, need not be told again.
fn remember_told(base: &Config, group: &Group<'_>, past: &Past) -> Result<(), Fatal> {
    let Some(rel) = path_from_text(&past.report.file) else { return Ok(()) };
    let path = base.folders.inbox.join(&rel);
    if !is_of_length(&path, past.report.bytes) {
        return Ok(());
    }
    let opened = OpenFolder::open(&base.folders.inbox).and_then(|inbox| inbox.open_file(&rel));
    if opened.and_then(|(file, _)| sha256_of(&file)).ok() != past.sha256 {
        return Ok(()); // unreadable is none
    }
    let Ok(metadata) = path.symlink_metadata() else { return Ok(()) };
    let identity = format!("{}:{}", look_of(&metadata).identity(), past.report.versions.rules);
    Ok(group.remember_dry_run(path.as_os_str().as_encoded_bytes(), &identity)?)
}

/// In what the file came to something else than its report says.
fn differences(past: &Past, reread: &Reread, are_others_changed: bool) -> Vec<String> {
    let (then, now) = (&past.report, &reread.report);
    let mut found = Vec::new();
    let taken = |rows: Rows| (rows.total, rows.accepted_new + rows.accepted_updated, rows.rejected);
    if are_others_changed && taken(then.rows) == taken(now.rows) && then.issues.by_code == now.issues.by_code {
        return found;
    }
    if then.rows != now.rows {
        found.push(format!("rows then {}, now {}", rows_told(then.rows), rows_told(now.rows)));
    }
    if then.issues.by_code != now.issues.by_code {
        found.push(format!("issues then {:?}, now {:?}", then.issues.by_code, now.issues.by_code));
    }
    if then.tiers != now.tiers {
        found.push(format!("tiers then {:?}, now {:?}", then.tiers, now.tiers));
    }
    if then.value != now.value {
        found.push("the values are others".to_owned());
    }
    found
}

fn rows_told(rows: Rows) -> String {
    format!(
        "{} = {} new + {} known + {} repeated + {} rejected",
        rows.total, rows.accepted_new, rows.accepted_updated, rows.duplicates_in_file, rows.rejected
    )
}

/// Whether its leads were kept in the store; nobody knows of a job without valid rows, where it does not matter.
fn keeps_leads(past: &Past) -> Option<bool> {
    let report = &past.report;
    let is_read = past.has_rows() && report.fate == Fate::Processed;
    is_read.then(|| report.quality.uniqueness.is_some())
}

fn batch_keeps_leads(batch: &[Past]) -> Option<bool> {
    batch.iter().find_map(keeps_leads)
}

/// The settings of then in an installation whose folders are those of the rebuild; none where this program can no longer
/// read them.
fn as_of_then(base: &Config, settings: &str) -> Option<Known> {
    match Config::read_back(&base.root, settings) {
        Ok(then) => Some(Known::of(then.rules_within(base))),
        Err(error) => {
            tracing::warn!(%error, "settings of the past can no longer be read");
            None
        }
    }
}

/// How many leads of the store in place are others than those that were rebuilt, or are missing in one of the two: what
/// `SQLite` cannot find, a changed letter in a cell, shows here. None where there is no store that can be read.
fn leads_unlike(path: &Path, new: &Path, leads: u64) -> Option<u64> {
    let (old, new) = (open_to_read(path).ok()?, open_to_read(new).ok()?); // damaged: `audit` tells
    let told = |stored: &StoredLead| {
        let (lead, arms) = (stored.lead(), &stored.arms);
        format!("{lead:?} {} {} {} {} {arms:?} {}", stored.job_id, stored.ingested_at_ms, stored.score, stored.tier, stored.accepted)
    };
    let (mut same, mut other) = (0, 0);
    let compared = old.leads(&LeadQuery::default(), |stored| {
        let twin = new.lead(&stored.lead().lead_id.to_string())?;
        let is_same = twin.is_some_and(|twin| told(&twin) == told(&stored));
        (same, other) = (same + u64::from(is_same), other + u64::from(!is_same));
        Ok::<(), StoreError>(())
    });
    compared.ok().map(|()| other.max(leads.saturating_sub(same)))
}

/// Why the old store stays in charge: it is sound, and the new one holds less.
fn reason_to_keep_the_old(config: &Config, wishes: &Wishes, rebuilt: &Rebuilt) -> Option<String> {
    if rebuilt.is_complete() || wishes.accept_loss {
        return None;
    }
    let old = open_to_read(&config.store.path).ok()?; // one that cannot be opened holds nothing
    let jobs = old.totals().map_or(0, |totals| totals.processed + totals.failed + totals.duplicate + totals.dry_runs + totals.undone);
    let why =
        "the store in place is sound and holds what a rebuild would lose, so it stays in charge; --accept-loss replaces it all the same";
    (jobs >= rebuilt.jobs && old.verify().is_ok()).then(|| why.to_owned())
}

/// Publishes what the new store has to say. A crash before this is made good by the next start.
fn publish(config: &Config) -> Result<(), Fatal> {
    let store = Store::open(&config.store.path, 8)?;
    let mut journals = Journals::open(&config.folders.logs, 0o640)?;
    loop {
        let waiting = store.outbox()?;
        journals.publish(&waiting.lines)?;
        store.note(|store| store.clear_outbox(waiting.last))?;
        if !waiting.is_cut {
            return Ok(store.checkpoint(0)?);
        }
    }
}

/// `valhalla.db.before-rebuild-20261123T190608Z`
fn kept_name(path: &Path) -> PathBuf {
    let at: String = clock::rfc3339(clock::now_ms()).chars().filter(char::is_ascii_alphanumeric).collect();
    swap::beside(path, &format!(".before-rebuild-{at}"))
}

fn path_of(base: &Config, place: &Place) -> PathBuf {
    base.folders.path(place.folder.as_str()).join(&place.rel)
}

/// The place of a path in the archive; none for a path outside it.
fn place_of(base: &Config, path: &Path) -> Option<Place> {
    [Folder::Processed, Folder::Failed].into_iter().find_map(|folder| {
        let rel = path.strip_prefix(base.folders.path(folder.as_str())).ok()?;
        Some(Place { folder, rel: rel.to_owned() })
    })
}

fn clear(folder: &Path) -> Result<(), Fatal> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(machine(folder)(error)),
        _ => Ok(()),
    }
}

fn machine(path: &Path) -> impl Fn(io::Error) -> Fatal {
    move |source| Fatal::Machine { what: path.display().to_string(), source }
}
