//! One drop on its way, told once from top to bottom: claim → plan → chunks → workers → committer → journals → move.
//!
//! The order is the guarantee. Inputs and outputs are durable before the store commits; the commit holds the job, its
//! leads, its final names and the journal lines to publish; journals follow, then the moves. Every step after the commit
//! can be repeated, every step before it never happened. [`Ingest::open`] does what a crash left undone.
//!
//! Drops that queue up meanwhile form a group that shares one commit, each with a savepoint of its own. A panic costs
//! the drop that caused it, not the others. Whatever is wrong with *us* is [`Fatal`]: nothing goes to `failed/` for it.

mod delivery;
pub mod preview;
mod reimport;
mod source_file;
mod stream;
mod tally;

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use self::delivery::Moves;
use self::reimport::Returned;
use self::source_file::{SourceFile, Unopened};
use self::stream::{Cutoff, Streamed, Width};
use self::tally::Tally;
use crate::clock::{self, Stopwatch};
use crate::config::{Config, LeadsFile};
use crate::engine::chunk::{ChunkOutcome, Context, Render};
use crate::engine::learned::Learned;
use crate::engine::plan::{self, FileError, Plan};
use crate::engine::rejects::{self, Origin, RowOf, row_digest};
use crate::engine::rules::Rules;
use crate::inbox::{
    self, Claim, Drop, DropKind, Finding, Finished, Found, Layout, Names, Output, Spool, SpoolError, display_name, look_of, path_text,
};
use crate::journal::report::{Fate, Kind};
use crate::journal::{self, Action, Alert, AlertCode, AuditEntry, Journal, JournalError, Journals, Report};
use crate::progress::Progress;
use crate::render::lead_json;
use crate::render::receipt::{self, Facts};
use crate::store::jobs::{Earlier, JobRecord};
use crate::store::leads::{LeadWriter, Settled, Taken};
use crate::store::{Group, Store, StoreError};

/// A file that is larger than its head is a group of its own.
const GROUP_FILES: usize = 256;
/// Bytes of the files of one group.
const GROUP_BYTES: u64 = 32 << 20;
/// Size of the write-ahead log at which it is moved into the database after publishing.
const CHECKPOINT_BYTES: u64 = 16 << 20;
/// Deaths that we caused after which a drop goes to `failed/`.
const POISON_DEATHS: u32 = 3;
/// Starts that found a job unfinished after which it is taken last and alone, with an alert.
const UNFINISHED_STARTS: u32 = 3;
/// Room that a large job needs on the store's disk, in multiples of the file.
const ROOM_FACTOR: u64 = 4;

/// What stops the work as such. Nothing is lost: claims stay, and the next start, or the end of the trouble, goes on.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// The store could not do its part.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A journal could not be written.
    #[error("{0}")]
    Journal(#[from] JournalError),
    /// A folder could not be used.
    #[error("{0}")]
    Spool(#[from] SpoolError),
    /// There is not enough room for the file at hand.
    #[error("{path}: {free_mib} MiB free, {need_mib} MiB needed for the next file. Free some space; intake goes on by itself")]
    Room {
        /// Where.
        path: String,
        /// What there is.
        free_mib: u64,
        /// What it takes.
        need_mib: u64,
    },
    /// The machine failed at something else.
    #[error("{what}: {source}. Check the disk and the permissions of the root")]
    Machine {
        /// At what.
        what: String,
        /// The cause.
        source: io::Error,
    },
}

impl Fatal {
    /// Whether it is only room that is missing: intake pauses and goes on by itself.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Room { .. } | Self::Store(StoreError::Full { .. }) => true,
            Self::Journal(JournalError::Full { .. }) | Self::Spool(SpoolError::OutOfSpace { .. }) => true,
            Self::Machine { source, .. } => matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded),
            _ => false,
        }
    }
}

/// One drop to be worked on.
#[derive(Debug, Clone)]
pub struct Job {
    /// UUIDv7: jobs sort by the time they were claimed.
    pub job_id: Uuid,
    claim: Claim,
    path: PathBuf,
    file: String,
    source: Option<String>,
    kind: DropKind,
    stays: bool,
    dry_run: bool,
    replays: Option<Uuid>,
}

/// What became of a drop in this round.
#[derive(Debug, Clone)]
pub enum Ended {
    /// It came to its end; here is the line in `reports.jsonl`.
    Done(Box<Report>),
    /// It waits: changed or gone while it was read, or we were asked to stop. Nothing of it has happened.
    Waits {
        /// As in the report.
        file: String,
        /// In a few words.
        why: &'static str,
        /// The claimed drop, when it is to be tried again from where it lies.
        again: Option<Box<Job>>,
    },
}

/// The one writer of a root: owns the folders, the store and the journals.
#[derive(Debug)]
pub struct Ingest {
    config: Arc<Config>,
    spool: Spool,
    store: Store,
    journals: Journals,
    learned: Learned,
    rules: HashMap<String, Arc<Rules>>,
    progress: Arc<Progress>,
    stop: Arc<AtomicBool>,
    actor: &'static str,
}

/// What a start found.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Committed jobs whose journals or moves were completed.
    pub finished: usize,
    /// Claimed drops to be processed again from the start.
    pub again: Vec<Job>,
    /// Of those, drops found unfinished several times: to be taken last and alone.
    pub doubtful: Vec<Job>,
}

impl Ingest {
    /// Opens everything that a root has, and finishes what an earlier run left undone.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn open(config: Arc<Config>, progress: Arc<Progress>, stop: Arc<AtomicBool>, actor: &'static str) -> Result<(Self, Recovered), Fatal> {
        let machine = |what: String| move |source| Fatal::Machine { what, source };
        let folders = &config.folders;
        std::fs::create_dir_all(&folders.logs).map_err(machine(format!("{}: making the logs folder", folders.logs.display())))?;
        if let Some(parent) = config.store.path.parent() {
            std::fs::create_dir_all(parent).map_err(machine(format!("{}: making the store's folder", parent.display())))?;
        }
        let spool = Spool::open(Layout {
            root: config.root.clone(),
            inbox: folders.inbox.clone(),
            processed: folders.processed.clone(),
            failed: folders.failed.clone(),
            claimed: folders.claimed.clone(),
            group: folders.group.clone(),
        })?;
        let is_new = !config.store.path.exists();
        let store = Store::open(&config.store.path, u32::try_from(config.store.cache_mb).unwrap_or(u32::MAX))?;
        store.checkpoint(0)?; // must succeed before anything is published: it proves that the disk takes our writes
        let journals = Journals::open(&folders.logs, 0o640)?;
        let mut ingest =
            Self { config, spool, store, journals, learned: Learned::none(), rules: HashMap::new(), progress, stop, actor };
        if is_new {
            ingest.adopt_journals()?;
        }
        let is_changed = ingest.store.rules_settings(&ingest.config.rules_for(None).version)?.is_none();
        ingest.prepare_rules()?;
        let recovered = ingest.recover()?;
        ingest.audit_start(is_new, is_changed, &recovered)?;
        Ok((ingest, recovered))
    }

    /// The folders, for whoever looks for drops.
    #[must_use]
    pub fn spool(&self) -> &Spool {
        &self.spool
    }

    /// The store, to ask it something.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What history says, as of now.
    #[must_use]
    pub fn learned(&self) -> &Learned {
        &self.learned
    }

    // ---- one group, from claim to done -------------------------------------------------------------------------------

    /// Takes drops out of everyone else's reach, as many as make one group; how many of them were looked at.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn claim(&self, drops: &[Drop]) -> Result<(Vec<Job>, usize), Fatal> {
        let (mut jobs, mut bytes, mut looked_at) = (Vec::new(), 0, 0);
        for drop in drops {
            let is_full = jobs.len() >= GROUP_FILES || bytes + drop.look.size > GROUP_BYTES;
            if is_full && !jobs.is_empty() {
                break;
            }
            looked_at += 1;
            let job_id = Uuid::now_v7();
            match self.spool.claim(job_id, drop) {
                Ok(Some(claim)) => {
                    bytes += drop.look.size;
                    jobs.push(self.job_of_claim(claim, drop.kind));
                }
                Ok(None) => {}
                Err(error @ SpoolError::OutOfSpace { .. }) if jobs.is_empty() => return Err(error.into()),
                Err(error) => tracing::warn!(file = %display_name(&drop.rel), %error, "cannot take this file, trying again later"),
            }
        }
        Ok((jobs, looked_at))
    }

    /// Takes one file of the inbox, by its path in there; `None` when it went away.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn claim_path(&self, rel: &Path) -> Result<Option<Job>, Fatal> {
        let Ok(metadata) = std::fs::symlink_metadata(self.spool.layout().inbox.join(rel)) else { return Ok(None) };
        let drop = Drop { rel: rel.to_owned(), kind: DropKind::File, look: look_of(&metadata) };
        Ok(self.spool.claim(Uuid::now_v7(), &drop)?.map(|claim| self.job_of_claim(claim, DropKind::File)))
    }

    /// A file that stays where it is: `ingest FILE`, a dry run, a replay.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn job_in_place(&self, path: &Path, dry_run: bool) -> Result<Job, Fatal> {
        let name = PathBuf::from(path.file_name().unwrap_or(path.as_os_str()));
        let job_id = Uuid::now_v7();
        let in_inbox = path.strip_prefix(&self.spool.layout().inbox).ok();
        let rel = in_inbox.map_or(name, Path::to_path_buf);
        let claim = self.spool.claim_outputs_only(job_id, &rel)?;
        Ok(Job { path: path.to_owned(), stays: true, dry_run, ..self.job_of_claim(claim, DropKind::File) })
    }

    /// The archived file of an earlier job, to be taken in again under today's rules.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn job_of_replay(&self, report: &Report, archived: &Path) -> Result<Job, Fatal> {
        let parent = Uuid::parse_str(&report.job_id).ok();
        let job = self.job_in_place(archived, false)?;
        let source = Some(report.source.clone()).filter(|source| source != DEFAULT_SOURCE);
        Ok(Job { file: report.file.clone(), source, replays: parent, ..job })
    }

    fn job_of_claim(&self, claim: Claim, kind: DropKind) -> Job {
        let source = claim.rel.parent().and_then(|folder| folder.components().next()).map(|first| first.as_os_str().to_string_lossy().into_owned());
        Job {
            job_id: claim.job_id,
            path: claim.original(),
            file: path_text(&claim.rel),
            source,
            kind,
            stays: false,
            dry_run: self.config.mode.is_dry_run(),
            replays: None,
            claim,
        }
    }

    /// Takes claimed drops to their end, all in one commit.
    ///
    /// # Errors
    /// [`Fatal`]: then open anew, which finishes what was committed and takes up the rest again.
    pub fn run(&mut self, jobs: &[Job]) -> Result<Vec<Ended>, Fatal> {
        let group = self.store.begin()?;
        let mut ended = Vec::with_capacity(jobs.len());
        let mut committed = Vec::new();
        for job in jobs {
            group.savepoint()?;
            match self.take(&group, job)? {
                Outcome::Recorded(delivery) => {
                    group.release()?;
                    committed.push(delivery);
                }
                Outcome::Waits(why) => {
                    group.roll_back()?;
                    let again = self.give_back(job, why)?;
                    ended.push(Ended::Waits { file: job.file.clone(), why, again });
                }
            }
        }
        let claims: Vec<&Claim> = committed.iter().map(|delivery| &delivery.claim).collect();
        self.spool.sync_claims(&claims).map_err(|source| Fatal::Machine { what: "making claimed files durable".to_owned(), source })?;
        group.commit()?;
        self.publish()?;
        self.deliver(&committed)?;
        self.store.checkpoint(CHECKPOINT_BYTES)?;
        ended.extend(committed.into_iter().map(|delivery| Ended::Done(Box::new(delivery.report))));
        Ok(ended)
    }

    /// One drop inside the group's transaction; a panic on the way costs only this drop.
    fn take(&self, group: &Group<'_>, job: &Job) -> Result<Outcome, Fatal> {
        if inbox::deaths(&job.claim) >= POISON_DEATHS {
            let poison = FileError::new(
                "poisoned_file",
                format!("it made the program fail {POISON_DEATHS} times"),
                "Please report this with the log: it is a fault of the program, not of the file",
            );
            return self.fail(group, &Begun::of(job), poison, Some(AlertCode::PoisonedFile));
        }
        std::panic::catch_unwind(AssertUnwindSafe(|| self.take_file(group, job))).unwrap_or_else(|_| {
            let deaths = inbox::mark_death(&job.claim.dir);
            tracing::error!(job_id = %job.job_id, ?deaths, "a fault of the program: the file is set aside and tried again");
            Ok(Outcome::Waits("the program failed at it"))
        })
    }

    /// claim → plan → chunks → committer, for one file.
    fn take_file(&self, group: &Group<'_>, job: &Job) -> Result<Outcome, Fatal> {
        let begun = Begun::of(job);
        self.progress.begin(&job.file);
        if job.kind == DropKind::Bundle {
            let what = "this is a folder that a program shows as one document (such as Numbers), not a CSV file";
            return self.fail(group, &begun, FileError::new("not_a_csv", what, "In that program choose File > Export To > CSV and drop that"), None);
        }
        let mut file = match SourceFile::open(&job.path) {
            Ok(file) => file,
            Err(Unopened::Gone) => return Ok(Outcome::Waits("it is gone")),
            Err(Unopened::Unreadable(error)) => return self.fail(group, &begun, error, None),
            Err(Unopened::Machine(source)) => return Err(Fatal::Machine { what: format!("reading {}", job.file), source }),
        };
        let mut begun = Begun { bytes: file.len(), inode: file.inode(), ..begun };
        self.progress.expect(file.len());

        let mut rules = self.rules_for(job.source.as_deref());
        if begun.bytes > rules.limits.file_bytes {
            let what = format!("it has {} bytes, more than the {} allowed", begun.bytes, rules.limits.file_bytes);
            return self.fail(group, &begun, FileError::new("file_too_large", what, "Split it, or raise file_bytes under [limits]"), None);
        }
        let mut plan = match plan::decide(&file.head, file.is_whole(), &rules, &begun.source) {
            Ok(plan) => plan,
            Err(error) => {
                begun.sha256 = Some(self.hash(&mut file, job)?);
                return self.fail(group, &begun, error, None);
            }
        };
        let returned = if plan.reimport { Returned::find(&self.store, &file.head, &plan)? } else { Returned::default() };
        if let Some(parent) = &returned.parent {
            begun.source.clone_from(&parent.source);
            rules = self.rules_for(Some(&parent.source));
            plan = plan::decide(&file.head, file.is_whole(), &rules, &parent.source).unwrap_or(plan);
        }
        begun.rules.clone_from(&rules.version);
        begun.parent = job.replays.or(returned.parent.as_ref().map(|parent| parent.job_id));

        // A file can only be a duplicate of one that has its length: most are never read twice.
        if !job.dry_run && job.replays.is_none() && self.store.has_length(begun.bytes)? {
            let sha256 = self.hash(&mut file, job)?;
            if let Some(earlier) = self.store.same_content(begun.bytes, &sha256, &begun.source, &rules.version)? {
                begun.sha256 = Some(sha256);
                return self.duplicate(group, &begun, &earlier);
            }
        }
        self.check_room(begun.bytes)?;
        self.commit_rows(group, begun, file, &plan, &rules, returned)
    }

    /// chunks → workers → committer, and the job's record.
    fn commit_rows(&self, group: &Group<'_>, begun: Begun<'_>, mut file: SourceFile, plan: &Plan, rules: &Rules, returned: Returned) -> Result<Outcome, Fatal> {
        let job = begun.job;
        let seq = group.next_seq()?;
        let (job_id, ingested_at) = (job.job_id.to_string(), clock::rfc3339(begun.started_at_ms));
        let parents = returned.parents.clone();
        let context = Context {
            plan,
            rules,
            learned: &self.learned,
            job_id: &job_id,
            ingested_at: &ingested_at,
            parents: &parents,
            issues_kept: tally::LISTED,
            render: self.renderer(job),
        };
        let mut committer = Committer::begin(self, group, job, seq, &context)?;
        let whole = file.is_whole();
        let head = std::mem::take(&mut file.head);
        let width = Width { workers: self.config.workers, chunk_bytes: stream::CHUNK_BYTES };
        let rest = (!whole).then(|| file.rest());
        let streamed = stream::stream(head, rest, &context, width, &self.stop, |outcome, bytes| {
            self.progress.advance(bytes, committer.tally.rows);
            committer.take(outcome)
        });
        let streamed: Streamed = match streamed {
            Ok(streamed) => streamed,
            Err(Cutoff::Stopped) => return Ok(Outcome::Waits("we were asked to stop")),
            Err(Cutoff::Read(source)) => return Err(Fatal::Machine { what: format!("reading {}", job.file), source }),
            Err(Cutoff::Sink(TakeError::Fatal(fatal))) => return Err(fatal),
            Err(Cutoff::Sink(TakeError::File(error))) => {
                std::mem::drop(committer);
                group.roll_back()?;
                group.savepoint()?;
                self.spool.clear_outputs(&job.claim)?;
                return self.fail(group, &begun, error, None);
            }
        };
        let is_same = file.is_unchanged().map_err(|source| Fatal::Machine { what: format!("looking at {}", job.file), source })?;
        if !is_same || streamed.bytes != begun.bytes {
            return Ok(Outcome::Waits("it changed while it was read"));
        }
        let begun = Begun { sha256: Some(streamed.sha256), ..begun };
        let taken = committer.finish()?;
        if job.dry_run {
            group.roll_back()?; // the rows were counted against the store, and leave no trace in it
            group.savepoint()?;
            self.spool.clear_outputs(&job.claim)?;
        }
        self.conclude(group, seq, begun, plan, rules, taken, returned, &file)
    }

    /// The fate of a file whose rows were read: its report, alerts, names and record.
    #[allow(clippy::too_many_arguments)] // each is one thing that the story has gathered so far
    fn conclude(&self, group: &Group<'_>, seq: i64, begun: Begun<'_>, plan: &Plan, rules: &Rules, taken: TakenIn, returned: Returned, file: &SourceFile) -> Result<Outcome, Fatal> {
        let TakenIn { mut tally, rejects } = taken;
        let job = begun.job;
        let rows = tally.rows();
        assert!(rows.conserved(), "every row has exactly one end: {rows:?}");
        let nothing = (rows.total == rows.rejected).then(|| delivery::nothing_acceptable(rows.total));
        let mut report = begun.report(if nothing.is_some() { Fate::Failed } else { Fate::Processed });
        report.reason = nothing.map(|error| error.sentence(&display_name(&job.claim.rel)));
        report.dialect = tally::dialect_told(plan);
        report.columns = tally::columns_told(plan);
        report.rows = rows;
        report.issues = tally.issues_told(plan);
        report.systematic = tally.systematic(plan);
        report.quality = tally.quality(plan, self.config.store.leads);
        report.stages = tally.stages(rules, &self.learned);
        report.tiers = tally.tiers();
        report.value = tally.value();
        tally.facts.repaired_rows = tally.checked.repaired;
        let is_unchanged = returned.is_unchanged(rows, tally.rejects_digest);
        if is_unchanged {
            report.reason = Some("nothing was changed in this rejects file: no row of it can be taken yet".to_owned());
        }
        tally.facts.returned = returned.told(&self.store, is_unchanged)?;
        let rejects = rejects.filter(|_| !is_unchanged && !job.dry_run);
        if rejects.is_none() {
            self.spool.clear_output(&job.claim, Output::Rejects)?;
        }
        if job.dry_run {
            let identity = format!("{}:{}", file.identity(), rules.version);
            group.remember_dry_run(job.path.as_os_str().as_encoded_bytes(), &identity)?;
        }
        let alerts = file_alerts(&report, &tally, rules);
        let record = Record { begun: &begun, seq: Some(seq), rejects_digest: Some(tally.rejects_digest), rejects_sha256: rejects, alerts };
        self.record(group, record, report, tally.facts)
    }

    // ---- the other fates ---------------------------------------------------------------------------------------------

    /// The drop gives nothing: `failed/`, with a sentence a person can act on.
    fn fail(&self, group: &Group<'_>, begun: &Begun<'_>, error: FileError, alert: Option<AlertCode>) -> Result<Outcome, Fatal> {
        let mut report = begun.report(Fate::Failed);
        let sentence = error.sentence(&display_name(&begun.job.claim.rel));
        report.reason = Some(sentence.clone());
        let alerts = vec![(alert.unwrap_or(AlertCode::FileFailed), sentence, None, None)];
        if begun.job.dry_run
            && let Ok(file) = SourceFile::open(&begun.job.path)
        {
            let identity = format!("{}:{}", file.identity(), begun.rules);
            group.remember_dry_run(begun.job.path.as_os_str().as_encoded_bytes(), &identity)?;
        }
        self.record(group, Record { begun, seq: None, rejects_digest: None, rejects_sha256: None, alerts }, report, Facts::default())
    }

    /// The same bytes, from the same source, under the same rules: nothing to do.
    fn duplicate(&self, group: &Group<'_>, begun: &Begun<'_>, earlier: &Earlier) -> Result<Outcome, Fatal> {
        let mut report = begun.report(Fate::Duplicate);
        report.reason = Some(format!("same content as {}, taken {}", earlier.file, clock::local_short(earlier.started_at_ms)));
        report.duplicate_of = Some(earlier.job_id.to_string());
        let facts =
            Facts { duplicate_of: Some(receipt::Earlier { file: earlier.file.clone(), at_ms: earlier.started_at_ms }), ..Facts::default() };
        self.record(group, Record { begun, seq: None, rejects_digest: None, rejects_sha256: None, alerts: Vec::new() }, report, facts)
    }

    /// Writes down the job, its names and the journal lines it will have; nothing of it is visible before the commit.
    fn record(&self, group: &Group<'_>, record: Record<'_>, mut report: Report, facts: Facts) -> Result<Outcome, Fatal> {
        let Record { begun, .. } = record;
        let job = begun.job;
        let names = self.spool.choose_names(&job.claim.rel, delivery::wants(&report, job.stays, record.rejects_sha256.is_some(), self.config.output))?;
        let moves = Moves::to(&names);
        let finished_at_ms = clock::now_ms().max(begun.started_at_ms);
        report.finished_at = clock::rfc3339(finished_at_ms);
        report.duration_ms = begun.stopwatch.elapsed_ms();
        report.archived_as = names.original.as_ref().map(ToString::to_string);
        report.rejects_as = names.rejects.as_ref().map(ToString::to_string);
        for (code, detail, metric, threshold) in &record.alerts {
            let mut alert = Alert::new(*code, &Uuid::now_v7().to_string(), &report.finished_at, detail);
            alert.job_id = Some(report.job_id.clone());
            alert.file = Some(report.file.clone());
            (alert.metric, alert.threshold) = (*metric, *threshold);
            self.progress.count_alert(alert.severity);
            report.alerts.push(alert.id.clone());
            group.post(Journal::Alerts, self.rotate_bytes(), |_, _| alert.to_line())?;
        }
        let line = report.to_line();
        group.post(Journal::Reports, self.rotate_bytes(), |_, _| line.clone())?;
        self.audit(group, &report.finished_at, if job.replays.is_some() { Action::Replayed } else { Action::Job }, |entry| {
            entry.job_id = Some(report.job_id.clone());
            entry.file = Some(report.file.clone());
            entry.detail = [
                ("fate".to_owned(), json!(report.fate)),
                ("rows".to_owned(), json!(report.rows)),
                ("sha256".to_owned(), json!(report.sha256)),
                ("archived_as".to_owned(), json!(report.archived_as)),
                ("dry_run".to_owned(), json!(report.dry_run)),
            ]
            .into();
        })?;
        let seq = record.seq.map_or_else(|| group.next_seq(), Ok)?;
        group.record(
            seq,
            &JobRecord {
                job_id: job.job_id,
                fate: fate_name(report.fate),
                dry_run: job.dry_run,
                parent: begun.parent,
                file: report.file.clone(),
                source: report.source.clone(),
                bytes: begun.bytes,
                sha256: begun.sha256,
                inode: begun.inode,
                rules: begun.rules.clone(),
                learned: self.learned.version,
                started_at_ms: begun.started_at_ms,
                finished_at_ms,
                rows: report.rows,
                rejects_digest: record.rejects_digest,
                rejects_sha256: record.rejects_sha256,
                moves: moves.to_json(),
                facts: serde_json::to_string(&facts).expect("facts are JSON"),
                report: String::from_utf8(line).expect("JSON is UTF-8"),
            },
        )?;
        Ok(Outcome::Recorded(Delivery { claim: job.claim.clone(), names, moves, report, facts }))
    }

    /// Nothing of the job has happened: the drop goes back to the inbox, or stays claimed when we stop.
    fn give_back(&self, job: &Job, why: &'static str) -> Result<Option<Box<Job>>, Fatal> {
        tracing::info!(file = %display_name(&job.claim.rel), why, "not taken now");
        self.spool.clear_outputs(&job.claim)?;
        if job.stays {
            self.spool.remove_claims(&[self.spool.finish(&job.claim, &[])?]);
            return Ok(None);
        }
        let stays_claimed = self.stop.load(Ordering::Relaxed) || inbox::deaths(&job.claim) > 0;
        if stays_claimed {
            return Ok(Some(Box::new(job.clone())));
        }
        self.spool.unclaim(&job.claim)?;
        Ok(None)
    }

    // ---- after the commit: every step can be repeated ------------------------------------------------------------------

    /// Brings every line of the outbox to its journal, durably.
    fn publish(&mut self) -> Result<(), Fatal> {
        let lines = self.store.outbox()?;
        let notes = self.journals.publish(&lines)?;
        self.store.note(Store::clear_outbox)?;
        if notes.is_empty() {
            return Ok(());
        }
        // Someone else wrote to a journal, or cut it: our lines are there; go on from where the file really ends.
        let group = self.store.begin()?;
        for head in self.journals.heads()? {
            group.correct_head(&head)?;
        }
        for note in &notes {
            tracing::error!(%note, "a journal is not as we left it");
            self.alert(&group, AlertCode::JournalTampered, &note.to_string())?;
        }
        group.commit()?;
        let lines = self.store.outbox()?;
        self.journals.publish(&lines)?;
        Ok(self.store.note(Store::clear_outbox)?)
    }

    /// Writes the derived texts and moves everything to its final name, the originals last.
    fn deliver(&self, deliveries: &[Delivery]) -> Result<(), Fatal> {
        let mut finished: Vec<Finished> = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            finished.push(self.move_out(delivery)?);
            self.retire_rejects(&delivery.facts)?;
            log_end(&delivery.report);
        }
        self.spool.sync_finished(&finished).map_err(|source| Fatal::Machine { what: "making moves durable".to_owned(), source })?;
        self.spool.remove_claims(&finished);
        self.store.note(|store| deliveries.iter().try_for_each(|delivery| store.mark_done(delivery.claim.job_id)))?;
        Ok(())
    }

    fn move_out(&self, delivery: &Delivery) -> Result<Finished, Fatal> {
        let claim = &delivery.claim;
        for (output, text) in delivery.moves.texts(&delivery.report, &delivery.facts) {
            if claim.dir.exists() {
                let written = self.spool.create_output(claim, output)?.write_all(text.as_bytes());
                written.map_err(|source| Fatal::Machine { what: format!("writing {}", claim.output(output).display()), source })?;
            }
        }
        match self.spool.finish(claim, &delivery.moves.0) {
            Err(SpoolError::NameTaken { to }) => {
                tracing::warn!(name = %to, "somebody took this name meanwhile, choosing another");
                self.spool.release_names(&delivery.names);
                let names = self.spool.choose_names(&claim.rel, delivery.moves.wants())?;
                let moves = Moves::to(&names);
                self.store.rename(claim.job_id, &moves.to_json())?;
                Ok(self.spool.finish(claim, &moves.0)?)
            }
            finished => Ok(finished?),
        }
    }

    /// When the last row of a rejects file has come back fixed, our unedited copy of it leaves `failed/`.
    fn retire_rejects(&self, facts: &Facts) -> Result<(), Fatal> {
        let Some(returned) = facts.returned.as_ref().filter(|returned| returned.open == 0) else { return Ok(()) };
        let Some(parent) = Uuid::parse_str(&returned.parent_job).ok() else { return Ok(()) };
        let (Some(job), Some(past)) = (self.store.job(parent)?, self.store.find_job(&returned.parent_job)?) else { return Ok(()) };
        let rejects = Moves::from_json(&past.moves).0.into_iter().find(|step| step.from == inbox::Source::Output(Output::Rejects));
        let Some(place) = rejects.map(|step| step.to) else { return Ok(()) };
        let is_ours = std::fs::read(self.spool.path(&place)).is_ok_and(|bytes| Some(Sha256::digest(bytes).into()) == job.rejects_sha256);
        if is_ours {
            let archived = inbox::Place { folder: inbox::Folder::Processed, rel: place.rel.clone() };
            if let Err(error) = self.spool.relocate(&place, &archived) {
                tracing::warn!(%error, "the resolved rejects file stays in failed/");
            }
        }
        Ok(())
    }

    // ---- recovery: what a crash left --------------------------------------------------------------------------------------

    /// Finishes committed jobs and gathers the claims that have to be processed again.
    fn recover(&mut self) -> Result<Recovered, Fatal> {
        self.publish()?;
        let mut deliveries = Vec::new();
        for job in self.store.unfinished()? {
            let Ok(report) = serde_json::from_str::<Report>(&job.report) else { continue };
            let rel = inbox::path_from_text(&report.file).unwrap_or_else(|| PathBuf::from(&report.file));
            let facts = serde_json::from_str(&job.facts).unwrap_or_default();
            let claim = self.spool.claim_at(job.job_id, &rel);
            deliveries.push(Delivery { claim, names: Names::default(), moves: Moves::from_json(&job.moves), report, facts });
        }
        self.deliver(&deliveries)?;
        let mut recovered = Recovered { finished: deliveries.len(), ..Recovered::default() };
        for found in self.spool.claims()? {
            match found {
                Found::Claim(claim) if self.store.knows(claim.job_id)? => tell_stray(&claim.dir, "its job is done"),
                Found::Claim(claim) => {
                    self.spool.clear_outputs(&claim)?;
                    let kind = if claim.original().is_dir() { DropKind::Bundle } else { DropKind::File };
                    let times = self.store.found_unfinished(claim.job_id)?;
                    let job = self.job_of_claim(claim, kind);
                    if times < UNFINISHED_STARTS || inbox::deaths(&job.claim) > 0 {
                        recovered.again.push(job);
                    } else {
                        recovered.doubtful.push(job);
                    }
                }
                Found::OutputsOnly { job_id, .. } => {
                    // A job whose original stays with its owner: uncommitted, it never happened; committed, it is delivered.
                    let claim = self.spool.claim_at(job_id, Path::new("outputs"));
                    self.spool.clear_outputs(&claim)?;
                    self.spool.remove_claims(&[self.spool.finish(&claim, &[])?]);
                }
                Found::Stray { path, why } => tell_stray(&path, why),
            }
        }
        Ok(recovered)
    }


    /// A store made anew beside journals that exist goes on where they end.
    fn adopt_journals(&self) -> Result<(), Fatal> {
        let group = self.store.begin()?;
        for head in self.journals.heads()? {
            group.correct_head(&head)?;
        }
        Ok(group.commit()?)
    }

    fn audit_start(&mut self, is_new: bool, is_changed: bool, recovered: &Recovered) -> Result<(), Fatal> {
        let at = clock::rfc3339(clock::now_ms());
        let unfinished = recovered.finished + recovered.again.len() + recovered.doubtful.len();
        let rules = self.config.rules_for(None);
        let group = self.store.begin()?;
        if is_new {
            self.audit(&group, &at, Action::Initialised, |_| {})?;
        } else if is_changed {
            self.audit(&group, &at, Action::ConfigChanged, |entry| {
                entry.detail.insert("rules".to_owned(), json!(rules.version));
            })?;
        }
        self.audit(&group, &at, Action::Started, |entry| {
            entry.detail.insert("program".to_owned(), json!(env!("CARGO_PKG_VERSION")));
        })?;
        if unfinished > 0 {
            self.audit(&group, &at, Action::Recovered, |entry| {
                entry.detail.insert("finished".to_owned(), json!(recovered.finished));
                entry.detail.insert("again".to_owned(), json!(recovered.again.len() + recovered.doubtful.len()));
            })?;
            let detail = format!("{} files had been committed and were finished, {} are processed again", recovered.finished, recovered.again.len() + recovered.doubtful.len());
            self.alert(&group, AlertCode::PreviousRunDied, &detail)?;
        }
        for job in &recovered.doubtful {
            self.alert(&group, AlertCode::JobUnfinishedRepeatedly, &format!("{} was found unfinished {UNFINISHED_STARTS} times or more", job.file))?;
        }
        for finding in self.spool.take_findings() {
            self.alert(&group, finding_code(&finding), &finding.to_string())?;
        }
        group.commit()?;
        self.publish()
    }

    /// Writes down that we end by ourselves.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn close(mut self) -> Result<(), Fatal> {
        let group = self.store.begin()?;
        self.audit(&group, &clock::rfc3339(clock::now_ms()), Action::Stopped, |_| {})?;
        group.commit()?;
        self.publish()?;
        Ok(self.store.checkpoint(0)?)
    }

    // ---- alerts and audit ---------------------------------------------------------------------------------------------------

    /// Raises alerts that belong to no job.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn raise(&mut self, alerts: &[(AlertCode, String)]) -> Result<(), Fatal> {
        if alerts.is_empty() {
            return Ok(());
        }
        let group = self.store.begin()?;
        for (code, detail) in alerts {
            self.alert(&group, *code, detail)?;
        }
        group.commit()?;
        self.publish()
    }

    fn alert(&self, group: &Group<'_>, code: AlertCode, detail: &str) -> Result<(), Fatal> {
        let alert = Alert::new(code, &Uuid::now_v7().to_string(), &clock::rfc3339(clock::now_ms()), detail);
        self.progress.count_alert(alert.severity);
        Ok(group.post(Journal::Alerts, self.rotate_bytes(), |_, _| alert.to_line())?)
    }

    fn audit(&self, group: &Group<'_>, at: &str, action: Action, fill: impl FnOnce(&mut AuditEntry)) -> Result<(), Fatal> {
        Ok(group.post(Journal::Audit, self.rotate_bytes(), |head, seq| {
            let mut entry = AuditEntry::new(at, seq, self.actor, action);
            fill(&mut entry);
            journal::seal(entry, head)
        })?)
    }

    fn rotate_bytes(&self) -> u64 {
        self.config.log.journal_rotate_bytes
    }

    // ---- rules, rooms, small things --------------------------------------------------------------------------------------------

    /// Gives every source's rules the versions of their experiments from the store.
    fn prepare_rules(&mut self) -> Result<(), Fatal> {
        let group = self.store.begin()?;
        let mut prepared = HashMap::new();
        for source in std::iter::once(EVERY_OTHER).chain(self.config.sources()) {
            let mut rules = (*self.config.rules_for(Some(source))).clone();
            group.register_experiments(&mut rules)?;
            group.keep_rules(&rules.version, &self.config.show())?;
            prepared.insert(source.to_owned(), Arc::new(rules));
        }
        group.commit()?;
        self.rules = prepared;
        Ok(())
    }

    /// The rules of a source, by its folder's name.
    #[must_use]
    pub fn rules_for(&self, source: Option<&str>) -> Arc<Rules> {
        let own = source.and_then(|name| self.rules.get(&name.to_lowercase()));
        Arc::clone(own.unwrap_or_else(|| &self.rules[EVERY_OTHER]))
    }

    fn renderer(&self, job: &Job) -> Option<Render> {
        match self.config.output.leads {
            _ if job.dry_run => None,
            LeadsFile::None => None,
            LeadsFile::Jsonl => Some(lead_json::after_row),
            LeadsFile::Csv => Some(lead_json::csv_after_row),
        }
    }

    fn hash(&self, file: &mut SourceFile, job: &Job) -> Result<[u8; 32], Fatal> {
        file.sha256().map_err(|source| Fatal::Machine { what: format!("reading {}", job.file), source })
    }

    /// A large job is one transaction: it must fit on the store's disk before it begins.
    fn check_room(&self, bytes: u64) -> Result<(), Fatal> {
        if bytes < GROUP_BYTES / 2 {
            return Ok(());
        }
        let dir = self.store.path().parent().unwrap_or(self.store.path());
        let stat = rustix::fs::statvfs(dir).map_err(|error| Fatal::Machine { what: format!("{}: asking for free space", dir.display()), source: error.into() })?;
        let (free, need) = (stat.f_bavail * stat.f_frsize, bytes.saturating_mul(ROOM_FACTOR));
        if free < need {
            return Err(Fatal::Room { path: dir.display().to_string(), free_mib: free >> 20, need_mib: need >> 20 });
        }
        Ok(())
    }

    /// Whether a dry run has told this very file, under these rules, already.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn is_told(&self, path: &Path) -> Result<bool, Fatal> {
        let Ok(file) = SourceFile::open(path) else { return Ok(false) };
        let source = path.strip_prefix(&self.spool.layout().inbox).ok().and_then(Path::parent).and_then(|folder| folder.components().next());
        let rules = self.rules_for(source.map(|first| first.as_os_str().to_string_lossy().into_owned()).as_deref());
        Ok(self.store.dry_run_known(path.as_os_str().as_encoded_bytes(), &format!("{}:{}", file.identity(), rules.version))?)
    }
}

/// What a lead's source is when neither its row nor a folder names one.
const DEFAULT_SOURCE: &str = "csv";

/// Key of the rules for sources without rules of their own; no folder can have this name.
const EVERY_OTHER: &str = "";

/// A job from its first moment on: what its report and its record say whatever becomes of it.
#[derive(Debug, Clone)]
struct Begun<'j> {
    job: &'j Job,
    source: String,
    parent: Option<Uuid>,
    rules: String,
    bytes: u64,
    inode: u64,
    sha256: Option<[u8; 32]>,
    started_at_ms: i64,
    stopwatch: Stopwatch,
}

impl<'j> Begun<'j> {
    fn of(job: &'j Job) -> Self {
        Self {
            job,
            source: job.source.clone().unwrap_or_else(|| DEFAULT_SOURCE.to_owned()),
            parent: job.replays,
            rules: String::new(),
            bytes: 0,
            inode: 0,
            sha256: None,
            started_at_ms: clock::now_ms(),
            stopwatch: Stopwatch::start(),
        }
    }

    fn report(&self, fate: Fate) -> Report {
        let mut report = Report::unread(&self.job.job_id.to_string(), &self.job.file, &self.source, Kind::Leads, fate);
        report.parent_job = self.parent.map(|parent| parent.to_string());
        report.dry_run = self.job.dry_run;
        report.started_at = clock::rfc3339(self.started_at_ms);
        report.bytes = self.bytes;
        report.sha256 = self.sha256.map(|hash| journal::hex(&hash));
        report.versions.rules.clone_from(&self.rules);
        report
    }
}

/// What one drop comes to inside the transaction.
enum Outcome {
    Recorded(Delivery),
    Waits(&'static str),
}

/// A recorded job, with what is left to do after the commit.
#[derive(Debug)]
struct Delivery {
    claim: Claim,
    names: Names,
    moves: Moves,
    report: Report,
    facts: Facts,
}

/// What the record of a job needs beside its report.
struct Record<'b> {
    begun: &'b Begun<'b>,
    seq: Option<i64>,
    rejects_digest: Option<u64>,
    rejects_sha256: Option<[u8; 32]>,
    alerts: Vec<(AlertCode, String, Option<f64>, Option<f64>)>,
}

/// The one place where outcomes become rows in the store and lines in the rejects file, in the order of the file.
struct Committer<'c> {
    ingest: &'c Ingest,
    group: &'c Group<'c>,
    job: &'c Job,
    seq: i64,
    context: &'c Context<'c>,
    writer: Option<LeadWriter<'c>>,
    rejects: Option<(BufWriter<std::fs::File>, Sha256)>,
    leads_file: Option<BufWriter<std::fs::File>>,
    rendered: HashMap<usize, Rendered>,
    chunks: usize,
    tally: Tally,
}

/// What a chunk left for the leads file and for the rejects it resolves.
#[derive(Default)]
struct Rendered {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    origins: Vec<Option<RowOf>>,
}

/// What a whole file came to.
struct TakenIn {
    tally: Tally,
    rejects: Option<[u8; 32]>,
}

/// Why the committer cannot go on.
enum TakeError {
    Fatal(Fatal),
    File(FileError),
}

impl<E: Into<Fatal>> From<E> for TakeError {
    fn from(error: E) -> Self {
        Self::Fatal(error.into())
    }
}

impl<'c> Committer<'c> {
    fn begin(ingest: &'c Ingest, group: &'c Group<'c>, job: &'c Job, seq: i64, context: &'c Context<'c>) -> Result<Self, Fatal> {
        let names = &context.plan.mapping.extra_names;
        let writer = if ingest.config.store.leads { Some(group.lead_writer(seq, names, context.rules, context.learned)?) } else { None };
        let mut committer = Self {
            ingest,
            group,
            job,
            seq,
            context,
            writer,
            rejects: None,
            leads_file: None,
            rendered: HashMap::new(),
            chunks: 0,
            tally: Tally::new(context.plan),
        };
        if context.render.is_some() {
            let mut file = BufWriter::new(ingest.spool.create_output(&job.claim, Output::Leads)?);
            if ingest.config.output.leads == LeadsFile::Csv {
                let written = file.write_all(&lead_json::csv_header(names));
                written.map_err(|source| Fatal::Machine { what: "writing the leads file".to_owned(), source })?;
            }
            committer.leads_file = Some(file);
        }
        Ok(committer)
    }

    /// Takes one chunk's outcome in.
    fn take(&mut self, outcome: ChunkOutcome) -> Result<(), TakeError> {
        let ChunkOutcome { rows, lines, leads, origins, rejects, issues, issue_counts, tally, rendered, rendered_ends } = outcome;
        let limit = self.context.rules.limits.rows;
        if self.tally.rows + rows > limit {
            return Err(TakeError::File(FileError::new(
                "too_many_rows",
                format!("it has more than the {limit} rows allowed"),
                "Split it, or raise rows under [limits]",
            )));
        }
        self.write_rejects(&rejects)?;
        self.tally.checked.merge(&tally);
        self.tally.issues.merge(&issue_counts, self.tally.rows);
        self.tally.list_issues(issues);
        let (rows_before, tag) = (self.tally.rows, self.chunks);
        if !origins.is_empty() || self.leads_file.is_some() {
            self.rendered.insert(tag, Rendered { bytes: rendered, ends: rendered_ends, origins });
        }
        self.chunks += 1;
        self.tally.rows += rows;
        self.tally.lines += lines;
        let Some(mut writer) = self.writer.take() else {
            return self.take_unstored(&leads, rows_before, tag);
        };
        let added = self.settling(|each| writer.add(leads, rows_before, tag, each));
        self.writer = Some(writer);
        added
    }

    /// Without a store for leads every valid row is new: duplicates are not known.
    fn take_unstored(&mut self, leads: &crate::engine::lead::LeadBatch, rows_before: u64, tag: usize) -> Result<(), TakeError> {
        let names = &self.context.plan.mapping.extra_names;
        self.settling(|each| {
            for index in 0..leads.len() {
                let mut lead = leads.lead(index, names);
                lead.row += rows_before;
                each(Settled { lead, tag, index, taken: Taken::New, mark: leads.mark(index) });
            }
            Ok(())
        })
    }

    /// Runs something that settles rows, and does for each settled row what is left to do.
    fn settling(&mut self, settle: impl FnOnce(&mut dyn FnMut(Settled<'_>)) -> Result<(), StoreError>) -> Result<(), TakeError> {
        let (tally, rendered, group, seq) = (&mut self.tally, &mut self.rendered, self.group, self.seq);
        let leads_file = &mut self.leads_file;
        let is_csv = self.ingest.config.output.leads == LeadsFile::Csv;
        let mut trouble: Option<TakeError> = None;
        let mut last_tag = 0;
        settle(&mut |settled| {
            tally.add(&settled);
            last_tag = settled.tag;
            let Some(chunk) = rendered.get(&settled.tag) else { return };
            if let Some(Some(origin)) = chunk.origins.get(settled.index) {
                let resolved = match group.store().job(origin.job) {
                    Ok(Some(parent)) => group.resolve(parent.seq, origin.row, seq),
                    Ok(None) => Ok(()),
                    Err(error) => Err(error),
                };
                if let Err(error) = resolved {
                    trouble.get_or_insert(error.into());
                }
            }
            if let Some(file) = leads_file.as_mut().filter(|_| settled.taken != Taken::Duplicate) {
                let start = settled.index.checked_sub(1).map_or(0, |before| chunk.ends[before]);
                let rest = &chunk.bytes[start..chunk.ends[settled.index]];
                let prefix = if is_csv { "" } else { "{\"row\":" };
                let written = write!(file, "{prefix}{}", settled.lead.row).and_then(|()| file.write_all(rest));
                if let Err(source) = written {
                    trouble.get_or_insert(TakeError::Fatal(Fatal::Machine { what: "writing the leads file".to_owned(), source }));
                }
            }
        })?;
        // Chunks before the last settled one are through; the last may have rows that still wait.
        self.rendered.retain(|tag, _| *tag >= last_tag);
        trouble.map_or(Ok(()), Err)
    }

    /// Appends rejected rows to the rejects file, which begins with the first of them.
    fn write_rejects(&mut self, rejects: &rejects::RejectBatch) -> Result<(), TakeError> {
        let machine = |source| TakeError::Fatal(Fatal::Machine { what: "writing the rejects file".to_owned(), source });
        for (reject, before, after) in rejects.iter() {
            let row = match reject.origin {
                Origin::Here(row) => RowOf { job: self.job.job_id, row: row + self.tally.rows },
                Origin::Earlier(row) => row,
            };
            self.tally.rejected += 1;
            self.tally.rejects_digest = self.tally.rejects_digest.wrapping_add(row_digest(row, reject.cells_hash));
            if self.rejects.is_none() {
                let header = rejects::header_line(&self.context.plan.header, self.context.plan.layout.dialect.delimiter);
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

    fn finish(mut self) -> Result<TakenIn, Fatal> {
        if let Some(writer) = self.writer.take() {
            self.settling(|each| writer.finish(each)).map_err(|error| match error {
                TakeError::Fatal(fatal) => fatal,
                TakeError::File(error) => Fatal::Machine { what: error.what, source: io::Error::other(error.code) },
            })?;
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
        Ok(TakenIn { tally: self.tally, rejects })
    }
}

/// What a file's figures are worth an alert for. Crossing a threshold never changes what is taken.
#[allow(clippy::cast_precision_loss)] // counts
fn file_alerts(report: &Report, tally: &Tally, rules: &Rules) -> Vec<(AlertCode, String, Option<f64>, Option<f64>)> {
    let quality = &rules.quality;
    let mut alerts = Vec::new();
    if let (Fate::Failed, Some(reason)) = (report.fate, &report.reason) {
        alerts.push((AlertCode::FileFailed, reason.clone(), None, None));
    }
    if let Some(score) = report.quality.score.filter(|score| *score < quality.score_min) {
        alerts.push((AlertCode::QualityBelowMinimum, format!("quality {score:.1}, the minimum is {:.1}", quality.score_min), Some(score), Some(quality.score_min)));
    }
    let duplicates = report.rows.duplicates_in_file;
    if duplicates > quality.duplicate_tolerance {
        let detail = format!("{duplicates} rows repeat a person who came earlier in the file");
        alerts.push((AlertCode::DuplicatesOverTolerance, detail, Some(duplicates as f64), Some(quality.duplicate_tolerance as f64)));
    }
    let missing = tally.issues.rows_missing_fields;
    if missing > quality.missing_fields_max {
        let detail = format!("{missing} rows lack a required field");
        alerts.push((AlertCode::MissingFieldsOverLimit, detail, Some(missing as f64), Some(quality.missing_fields_max as f64)));
    }
    let formulas = tally.checked.formula_cells;
    if formulas > 0 {
        alerts.push((AlertCode::FormulaCells, format!("{formulas} cells begin like a formula"), Some(formulas as f64), Some(0.0)));
    }
    alerts
}

fn tell_stray(path: &Path, why: &str) {
    tracing::warn!(path = %display_name(path), why, "something in .claimed/ is not ours, it is left alone");
}

/// The alert that a finding about the folders is worth.
pub(crate) fn finding_code(finding: &Finding) -> AlertCode {
    match finding {
        Finding::WorldWritableInbox(_) => AlertCode::WorldWritableInbox,
        Finding::FolderRemade(_) | Finding::LeftBehind(_) => AlertCode::FolderRecreated,
    }
}

fn fate_name(fate: Fate) -> &'static str {
    match fate {
        Fate::Processed => "processed",
        Fate::Failed => "failed",
        Fate::Duplicate => "duplicate",
    }
}

fn log_end(report: &Report) {
    let rows = report.rows;
    tracing::info!(
        file = %report.file,
        job_id = %report.job_id,
        fate = fate_name(report.fate),
        rows = rows.total,
        new = rows.accepted_new,
        updated = rows.accepted_updated,
        duplicates = rows.duplicates_in_file,
        rejected = rows.rejected,
        ms = report.duration_ms,
        dry_run = report.dry_run,
        "done"
    );
}
