//! One drop on its way, told once from top to bottom: claim → plan → chunks → workers → committer → journals → move.
//!
//! The order is the guarantee. Inputs and outputs are durable before the store commits; the commit holds the job, its
//! leads, its final names and the journal lines to publish; journals follow, then the moves. Every step after the commit
//! can be repeated, every step before it never happened. [`Ingest::open`] does what a crash left undone.
//!
//! Drops that queue up meanwhile form a group that shares one commit, each with a savepoint of its own. A panic costs
//! the drop that caused it, not the others. Whatever is wrong with *us* is [`Fatal`]: nothing goes to `failed/` for it.

mod after;
mod arrivals;
mod committer;
mod conditions;
mod courier;
mod delivery;
mod drifting;
pub mod forget;
mod hold;
mod learn;
mod ledger;
mod mend;
mod news;
pub mod preview;
mod quality;
pub mod rebuild;
mod reimport;
pub mod rescore;
pub mod retention;
mod stream;
mod tally;
pub mod undo;

use std::collections::{BTreeSet, HashMap};
use std::io::{self, BufWriter, Write};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use uuid::Uuid;

use self::after::Delivery;
use self::arrivals::Deliveries;
use self::committer::{Committer, TakeError, TakenIn};
use self::conditions::Conditions;
use self::delivery::Moves;
pub use self::delivery::archived_place;
use self::forget::Forgotten;
pub use self::learn::{Teacher, Worked};
pub use self::ledger::Notice;
pub(crate) use self::ledger::finding_code;
use self::ledger::{Raised, file_alerts};
use self::reimport::Returned;
use self::stream::{Cutoff, Width};
use crate::clock::{self, Stopwatch};
use crate::config::{Config, LeadsFile};
use crate::engine::cells;
use crate::engine::chunk::{Context, Render};
use crate::engine::drift::{self, KnownLayout};
use crate::engine::file_error::FileError;
use crate::engine::learned::Learned;
use crate::engine::outcomes::PlanKind;
use crate::engine::plan::{self, Plan};
use crate::engine::rules::Rules;
use crate::inbox::{self, Claim, Drop, DropKind, Held, HoldMark, Layout, Output, Spool, SpoolError, display_name, path_text};
use crate::journal::report::{Fate, Kind};
use crate::journal::{self, Action, Alert, AlertCode, Journal, JournalError, Journals, Report};
use crate::lock::RootLock;
use crate::progress::Progress;
use crate::reading::{self, Look, SourceFile, Streamed, Unopened, look_of};
use crate::render::lead_json;
use crate::render::receipt::{self, Facts};
use crate::risk::Finding;
use crate::store::jobs::{Earlier, JobRecord, RowList};
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
/// What a packed list is taken to unpack to, in multiples of the file: how much it really is shows only when it is read.
const PACKED_FACTOR: u64 = 10;
/// Room that a large job needs on the store's disk, in multiples of the file.
const ROOM_FACTOR: u64 = 4;

/// Bytes of leads written at a time: a line has two or three thousand, and a call to the system for every few of them costs more
/// than making them.
const LEADS_BUFFER: usize = 1 << 20;

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
    /// Why intake only pauses and goes on by itself, where it does: the alert, and a few words for people.
    #[must_use]
    pub fn pause(&self) -> Option<(AlertCode, &'static str)> {
        match self {
            Self::Store(StoreError::Busy { .. }) => Some((AlertCode::StoreBusy, "another program holds the database")),
            _ if self.is_full() => Some((AlertCode::DiskFull, "disk full")),
            _ => None,
        }
    }

    /// Whether it is only room that is missing.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Store(StoreError::Full { .. })
            | Self::Journal(JournalError::Full { .. })
            | Self::Spool(SpoolError::OutOfSpace { .. }) => true,
            Self::Machine { source, .. } => matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded),
            _ => false,
        }
    }
}

/// One drop to be worked on.
#[derive(Debug, Clone)]
pub struct Job {
    /// `UUIDv7`: jobs sort by the time they were claimed.
    pub job_id: Uuid,
    claim: Claim,
    path: PathBuf,
    file: String,
    source: Option<String>,
    kind: DropKind,
    stays: bool,
    dry_run: bool,
    replays: Option<Uuid>,
    /// When it began, for a job of the past that a rebuild reads again; none for every other.
    then_ms: Option<i64>,
    /// What a person decided about it, after it had been held.
    decided: Option<HoldMark>,
    /// Rows that were taken out of the file since, by their numbers of then: only a rebuild reads such a file.
    gone: Vec<u64>,
    /// What was claimed: another file in its place is not read. Unknown after a restart.
    seen: Option<Look>,
}

/// What became of a drop in this round.
#[derive(Debug, Clone)]
pub enum Ended {
    /// It came to its end; here is the line in `reports.jsonl`.
    Done(Box<Report>),
    /// It waits, and nothing of it has happened.
    Waits {
        /// As in the report.
        file: String,
        /// In a few words.
        why: Wait,
        /// The claimed drop, when it is to be tried again from where it lies.
        again: Option<Box<Job>>,
    },
}

/// Why a drop waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// Somebody removed it.
    Gone,
    /// Somebody wrote to it while it was read.
    Changed,
    /// We were asked to stop.
    Stopped,
    /// The program failed at it.
    Failed,
    /// It cannot be read to its end: its disk or share is in trouble, not our own.
    Unreadable(String),
    /// It does not fit on the store's disk; others may.
    NoRoom(String),
    /// Its figures are too bad to count it unseen.
    Held(String),
}

impl Wait {
    /// Whether trying again at once is pointless, and would keep others waiting.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Unreadable(_) | Self::NoRoom(_))
    }
}

impl std::fmt::Display for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gone => f.write_str("it is gone"),
            Self::Changed => f.write_str("it changed while it was read"),
            Self::Stopped => f.write_str("we were asked to stop"),
            Self::Failed => f.write_str("the program failed at it"),
            Self::Unreadable(why) | Self::NoRoom(why) => f.write_str(why),
            Self::Held(why) => write!(f, "it is held until a person decides ({why})"),
        }
    }
}

/// The one writer of a root: owns the folders, the store and the journals.
#[derive(Debug)]
pub struct Ingest {
    config: Arc<Config>,
    spool: Spool,
    store: Store,
    journals: Journals,
    learned: Arc<Learned>,
    /// Another one after everything that makes lessons void that are being worked out.
    generation: Uuid,
    /// Experiments whose leads were found not to be shared out as their weights say: told once.
    mismatched: BTreeSet<String>,
    /// What is wrong, and since when.
    conditions: Conditions,
    /// When files of each source came.
    deliveries: Deliveries,
    rules: HashMap<String, Arc<Rules>>,
    /// People who were erased and do not come back.
    forgotten: Forgotten,
    progress: Arc<Progress>,
    stop: Arc<AtomicBool>,
    actor: &'static str,
}

/// How a root comes to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Whoever held it last ended by itself.
    Clean,
    /// Whoever held it last was killed, or the power went.
    AfterDeath,
    /// By ourselves, after trouble with the disk.
    Again,
}

impl Start {
    /// From what the lock says.
    #[must_use]
    pub fn of(lock: &RootLock) -> Self {
        if lock.found_dead() { Self::AfterDeath } else { Self::Clean }
    }
}

/// What came of trying to take drops.
#[derive(Debug, Default)]
pub struct Claimed {
    /// The drops that are ours now.
    pub jobs: Vec<Job>,
    /// How many drops were looked at.
    pub looked_at: usize,
    /// Drops that could not be taken, and why.
    pub refused: Vec<(PathBuf, String)>,
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
    pub fn open(
        config: Arc<Config>,
        progress: Arc<Progress>,
        stop: Arc<AtomicBool>,
        actor: &'static str,
        start: Start,
    ) -> Result<(Self, Recovered), Fatal> {
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
        let is_empty = std::fs::metadata(&config.store.path).map_or(0, |metadata| metadata.len()) == 0;
        if is_empty && journal::read(&folders.logs, Journal::Reports)?.next().transpose()?.is_some() {
            return Err(StoreError::Lost { path: config.store.path.display().to_string() }.into());
        }
        let store = Store::open(&config.store.path, u32::try_from(config.store.cache_mb).unwrap_or(u32::MAX))?;
        // Must succeed before anything is published: it proves that the disk takes our writes. After trouble of our own it also
        // settles what became of a commit whose sync failed, so that no reader may keep it from doing all of it.
        if start == Start::Again {
            store.checkpoint_fully()?;
        } else {
            store.checkpoint(0)?;
        }
        let journals = Journals::open(&folders.logs, 0o640)?;
        let forgotten = Forgotten::open(&config.root, &store)?;
        let mut ingest = Self {
            config,
            spool,
            store,
            journals,
            learned: Arc::default(),
            generation: Uuid::now_v7(),
            mismatched: BTreeSet::new(),
            conditions: Conditions::default(),
            deliveries: Deliveries::default(),
            rules: HashMap::new(),
            forgotten,
            progress,
            stop,
            actor,
        };
        ingest.tell_if_behind()?;
        ingest.prepare()?;
        ingest.recall_learned()?;
        ingest.recall_conditions()?;
        ingest.mismatched = ingest.mismatches()?.into_iter().map(|(experiment, _)| experiment).collect();
        let recovered = ingest.recover(start)?;
        ingest.audit_start(start, &recovered)?;
        ingest.recall()?;
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

    /// Takes drops out of everyone else's reach, as many as make one group.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn claim(&self, drops: &[Drop]) -> Result<Claimed, Fatal> {
        let (mut claimed, mut bytes) = (Claimed::default(), 0);
        for drop in drops {
            let is_full = claimed.jobs.len() >= GROUP_FILES || bytes + drop.look.size > GROUP_BYTES;
            if is_full && !claimed.jobs.is_empty() {
                break;
            }
            claimed.looked_at += 1;
            match self.spool.claim(Uuid::now_v7(), drop) {
                Ok(Some(claim)) => {
                    bytes += drop.look.size;
                    claimed.jobs.push(Job { seen: Some(drop.look), ..self.job_of_claim(claim, drop.kind) });
                }
                Ok(None) => {}
                Err(error @ SpoolError::OutOfSpace { .. }) if claimed.jobs.is_empty() => return Err(error.into()),
                Err(error) => claimed.refused.push((drop.rel.clone(), error.to_string())),
            }
        }
        Ok(claimed)
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
        let source = claim
            .rel
            .parent()
            .and_then(|folder| folder.components().next())
            .map(|first| cells::standard_source(&first.as_os_str().to_string_lossy()).into_owned());
        Job {
            job_id: claim.job_id,
            path: claim.original(),
            file: path_text(&claim.rel),
            source,
            kind,
            stays: false,
            dry_run: self.config.mode.is_dry_run(),
            replays: None,
            then_ms: None,
            decided: None,
            gone: Vec::new(),
            seen: None,
            claim,
        }
    }

    /// Takes claimed drops to their end, all in one commit.
    ///
    /// # Errors
    /// [`Fatal`]: then open anew, which finishes what was committed and takes up the rest again.
    pub fn run(&mut self, jobs: &[Job]) -> Result<Vec<Ended>, Fatal> {
        let group = if jobs.len() == 1 { self.store.begin_alone()? } else { self.store.begin()? };
        let mut ended = Vec::with_capacity(jobs.len());
        let (mut committed, mut held) = (Vec::new(), Vec::new());
        for job in jobs {
            group.savepoint()?;
            match self.take(&group, job)? {
                Outcome::Recorded(delivery) => {
                    group.release()?;
                    committed.push(*delivery);
                }
                Outcome::Held(why) => {
                    group.roll_back()?;
                    self.spool.clear_outputs(&job.claim)?;
                    self.audit_held(&group, &why)?;
                    ended.push(Ended::Waits { file: job.file.clone(), why: Wait::Held(why.why.join("; ")), again: None });
                    held.push((job.clone(), *why));
                }
                Outcome::Reread(_) => group.roll_back()?, // only a rebuild reads the past again, and it does not come here
                Outcome::Waits(why) => {
                    group.roll_back()?;
                    let again = self.give_back(job, &why)?;
                    ended.push(Ended::Waits { file: job.file.clone(), why, again });
                }
            }
        }
        let claims: Vec<&Claim> = committed.iter().map(|delivery| &delivery.claim).chain(held.iter().map(|(job, _)| &job.claim)).collect();
        self.spool.sync_claims(&claims).map_err(|source| Fatal::Machine { what: "making claimed files durable".to_owned(), source })?;
        let mismatched = self.tell_mismatches(&group)?;
        group.commit()?;
        self.mismatched.extend(mismatched);
        self.keep_held(&held)?;
        self.publish()?;
        self.deliver(&committed)?;
        for delivery in &committed {
            self.note_findings(&delivery.findings)?; // after a crash here, the source's next file tells it
        }
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
            return self.fail(group, &Begun::of(job), &poison, Some(AlertCode::PoisonedFile));
        }
        let taken = std::panic::catch_unwind(AssertUnwindSafe(|| self.take_file(group, job))).unwrap_or_else(|_| {
            let deaths = inbox::mark_death(&job.claim.dir);
            tracing::error!(job_id = %job.job_id, ?deaths, "a fault of the program: the file is set aside and tried again");
            Err(Hitch::Waits(Wait::Failed))
        });
        match taken {
            Ok(outcome) => Ok(outcome),
            Err(Hitch::Waits(why)) => Ok(Outcome::Waits(why)),
            Err(Hitch::Fatal(fatal)) => Err(fatal),
        }
    }

    /// claim → plan → chunks → committer, for one file.
    fn take_file(&self, group: &Group<'_>, job: &Job) -> Result<Outcome, Hitch> {
        let mut rules = self.rules_for(job.source.as_deref());
        let begun = Begun { rules: rules.version.clone(), ..Begun::of(job) };
        self.progress.begin(&job.file);
        if job.kind == DropKind::Bundle {
            let what = "this is a folder that a program shows as one document (such as Numbers), not a CSV file";
            let error = FileError::new("not_a_csv", what, "In that program choose File > Export To > CSV and drop that");
            return Ok(self.fail(group, &begun, &error, None)?);
        }
        let mut file = match self.open_drop(job, &rules) {
            Ok(file) => file,
            Err(Unopened::Replaced) => return Err(Hitch::Waits(Wait::Changed)),
            Err(Unopened::Gone) => return Err(Hitch::Waits(Wait::Gone)),
            Err(Unopened::Unreadable(error)) => return Ok(self.fail(group, &begun, &error, None)?),
            Err(Unopened::Machine(source)) => return Err(unreadable(source)),
        };
        let mut begun = Begun { bytes: file.len(), look: Some(file.look()), ..begun };
        self.progress.expect(file.len());
        if job.decided == Some(HoldMark::Discarded) {
            begun.sha256 = Some(file.sha256().map_err(unreadable)?);
            require_unchanged(&file)?;
            let error =
                FileError::new("discarded", "a person discarded it after it had been held", "Drop it again to have it assessed anew");
            return Ok(self.fail(group, &begun, &error, None)?);
        }
        if begun.bytes > rules.limits.file_bytes {
            let what = format!("it has {} bytes, more than the {} allowed", begun.bytes, rules.limits.file_bytes);
            let error = FileError::new("file_too_large", what, "Split it, or raise file_bytes under [limits]");
            return Ok(self.fail(group, &begun, &error, None)?);
        }
        let known = drifting::known(&self.store, job)?;
        let mut decided = plan::decide(file.head(), &rules, &begun.source, known.as_ref());
        let returned = match &decided {
            Ok(plan) if !plan.reimport => Returned::default(),
            _ => Returned::find(&self.store, file.head(), &rules)?, // only its first source may know its columns
        };
        if let Some(parent) = &returned.parent {
            begun.source.clone_from(&parent.source);
            rules = Arc::new(returned.as_before.rules(&self.rules_for(Some(&parent.source))));
            begun.rules.clone_from(&rules.version);
            decided = plan::decide(file.head(), &rules, &parent.source, None).or(decided);
            if let Ok(plan) = &mut decided {
                returned.as_before.settle(plan);
            }
        }
        begun.parent = job.replays.or(returned.parent.as_ref().map(|parent| parent.job_id));
        let plan = match decided {
            Ok(plan) => plan,
            Err(error) => {
                begun.sha256 = Some(file.sha256().map_err(unreadable)?);
                require_unchanged(&file)?;
                return Ok(self.fail(group, &begun, &error, None)?);
            }
        };

        begun.kind = match plan.kind {
            PlanKind::Leads => Kind::Leads,
            PlanKind::Outcomes => Kind::Outcomes,
        };

        // A file can only be a duplicate of one that has its length: most are never read twice.
        if !job.dry_run && job.replays.is_none() && job.then_ms.is_none() && self.store.has_length(begun.bytes)? {
            let sha256 = file.sha256().map_err(unreadable)?;
            if let Some(earlier) = self.store.same_content(begun.bytes, &sha256, &begun.source, &rules.version)? {
                begun.sha256 = Some(sha256);
                require_unchanged(&file)?;
                return Ok(self.duplicate(group, &begun, &earlier)?);
            }
        }
        self.require_room(begun.bytes * if file.container().is_some() { PACKED_FACTOR } else { 1 })?;
        self.commit_rows(group, begun, file, &Decided { plan: &plan, rules: &rules, known: known.as_ref() }, &returned)
    }

    /// chunks → workers → committer, and the job's record.
    fn commit_rows(
        &self,
        group: &Group<'_>,
        mut begun: Begun<'_>,
        mut file: SourceFile,
        decided: &Decided<'_>,
        returned: &Returned,
    ) -> Result<Outcome, Hitch> {
        let (job, Decided { plan, rules, .. }) = (begun.job, *decided);
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
            render: self.renderer(job).filter(|_| plan.kind == PlanKind::Leads),
        };
        let mut committer = Committer::begin(self, group, &begun, seq, &context)?;
        let chunk_bytes = if context.render.is_some() { stream::RENDERED_CHUNK_BYTES } else { stream::CHUNK_BYTES };
        let width = Width { workers: self.config.workers, chunk_bytes };
        let streamed = stream::stream(file.feed(plan.layout.encoding), &context, width, &self.stop, |outcome, bytes| {
            self.progress.advance(bytes, committer.tally.rows);
            committer.take(outcome)
        });
        let streamed: Streamed = match streamed {
            Ok(streamed) => streamed,
            Err(Cutoff::Stopped) => return Err(Hitch::Waits(Wait::Stopped)),
            Err(Cutoff::Sink(TakeError::Fatal(fatal))) => return Err(Hitch::Fatal(fatal)),
            Err(Cutoff::Sink(TakeError::File(error))) => {
                std::mem::drop(committer);
                return Ok(self.give_up(group, &begun, &error)?);
            }
            Err(Cutoff::Read(source)) => {
                std::mem::drop(committer);
                let Some(error) = reading::file_error_in(&source).cloned() else { return Err(unreadable(source)) };
                begun.sha256 = Some(file.sha256().map_err(unreadable)?);
                return Ok(self.give_up(group, &begun, &error)?);
            }
        };
        if streamed.bytes != begun.bytes {
            return Err(Hitch::Waits(Wait::Changed));
        }
        require_unchanged(&file)?;
        let begun = Begun { sha256: Some(streamed.sha256), ..begun };
        let taken = committer.finish()?;
        if job.dry_run {
            group.roll_back()?; // the rows were counted against the store, and leave no trace in it
            group.savepoint()?;
            self.spool.clear_outputs(&job.claim)?;
        }
        Ok(self.conclude(group, seq, &begun, decided, taken, returned, &file)?)
    }

    /// The fate of a file whose rows were read: its report, alerts, names and record.
    #[allow(clippy::too_many_arguments)] // each is one thing that the story has gathered so far
    fn conclude(
        &self,
        group: &Group<'_>,
        seq: i64,
        begun: &Begun<'_>,
        decided: &Decided<'_>,
        taken: TakenIn,
        returned: &Returned,
        file: &SourceFile,
    ) -> Result<Outcome, Fatal> {
        let TakenIn { mut tally, rejects, rejected_rows } = taken;
        let Decided { plan, rules, known } = *decided;
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
        report.systematic = file.left_aside().iter().map(|note| tally::left_aside(note)).collect();
        report.systematic.extend(tally.systematic(plan));
        let is_of_leads = plan.kind == PlanKind::Leads; // lists of leads and of their outcomes may come into one folder
        let drifts = known.filter(|_| is_of_leads).map(|known| drift::drift(known, plan)).unwrap_or_default();
        report.systematic.extend(drifting::told(&drifts));
        report.systematic.extend(quality::outliers_told(&tally, plan));
        report.quality = tally.quality(plan, self.config.store.leads);
        report.stages = tally.stages(plan.kind, rules, &self.learned);
        report.tiers = tally.tiers();
        report.value = tally.value();
        report.outcomes = tally.outcomes();
        let is_unchanged = returned.is_unchanged(rows, tally.rejects_digest);
        if is_unchanged {
            report.reason = Some("nothing was changed in this rejects file: no row of it can be taken yet".to_owned());
        }
        tally.facts.returned = returned.told(&self.store, is_unchanged)?;
        reimport::keep_habits(plan, &mut tally.facts);
        let rejects = rejects.filter(|_| !is_unchanged && !job.dry_run);
        if rejects.is_none() {
            self.spool.clear_output(&job.claim, Output::Rejects)?;
        }
        if job.dry_run {
            let identity = format!("{}:{}", file.look().identity(), rules.version);
            group.remember_dry_run(job.path.as_os_str().as_encoded_bytes(), &identity)?;
        }
        let mut alerts = file_alerts(&report, &tally, rules, plan.reimport);
        alerts.extend(drifting::raised(&drifts));
        let mut findings = Vec::new();
        if report.fate == Fate::Processed && is_of_leads {
            findings = quality::judge(group, begun, seq, plan, &tally)?;
            drifting::remember(group, job, plan)?;
        }
        let assessed = quality::assessed(&report, &tally, rules, &drifts, &findings);
        if let Some(held) = self.holds(begun, &report, &assessed) {
            return Ok(Outcome::Held(Box::new(held)));
        }
        quality::say_once(&mut alerts, &report, &findings);
        let record = Record {
            begun,
            seq: Some(seq),
            rejects_digest: Some(tally.rejects_digest),
            rejects_sha256: rejects,
            alerts,
            rejected_rows,
            findings,
        };
        self.record(group, &record, report, tally.facts)
    }

    // ---- the other fates ---------------------------------------------------------------------------------------------

    /// The drop turned out to give nothing while its rows were being taken: they are put back.
    fn give_up(&self, group: &Group<'_>, begun: &Begun<'_>, error: &FileError) -> Result<Outcome, Fatal> {
        group.roll_back()?;
        group.savepoint()?;
        self.spool.clear_outputs(&begun.job.claim)?;
        self.fail(group, begun, error, None)
    }

    /// The drop gives nothing: `failed/`, with a sentence a person can act on.
    fn fail(&self, group: &Group<'_>, begun: &Begun<'_>, error: &FileError, alert: Option<AlertCode>) -> Result<Outcome, Fatal> {
        let mut report = begun.report(Fate::Failed);
        let sentence = error.sentence(&display_name(&begun.job.claim.rel));
        report.reason = Some(sentence.clone());
        let alerts = match begun.job.decided {
            Some(HoldMark::Discarded) => Vec::new(), // whoever decided it knows
            _ => vec![Raised::new(alert.unwrap_or(AlertCode::FileFailed), sentence)],
        };
        if begun.job.dry_run
            && let Ok(metadata) = begun.job.path.symlink_metadata()
        {
            let identity = format!("{}:{}", look_of(&metadata).identity(), begun.rules);
            group.remember_dry_run(begun.job.path.as_os_str().as_encoded_bytes(), &identity)?;
        }
        self.record(
            group,
            &Record {
                begun,
                seq: None,
                rejects_digest: None,
                rejects_sha256: None,
                alerts,
                rejected_rows: RowList::default(),
                findings: Vec::new(),
            },
            report,
            Facts { is_our_fault: alert == Some(AlertCode::PoisonedFile), ..Facts::default() },
        )
    }

    /// The same bytes, from the same source, under the same rules: nothing to do.
    fn duplicate(&self, group: &Group<'_>, begun: &Begun<'_>, earlier: &Earlier) -> Result<Outcome, Fatal> {
        let mut report = begun.report(Fate::Duplicate);
        report.reason = Some(format!("same content as {}, taken {}", earlier.file, clock::local_short(earlier.started_at_ms)));
        report.duplicate_of = Some(earlier.job_id.to_string());
        let facts =
            Facts { duplicate_of: Some(receipt::Earlier { file: earlier.file.clone(), at_ms: earlier.started_at_ms }), ..Facts::default() };
        self.record(
            group,
            &Record {
                begun,
                seq: None,
                rejects_digest: None,
                rejects_sha256: None,
                alerts: Vec::new(),
                rejected_rows: RowList::default(),
                findings: Vec::new(),
            },
            report,
            facts,
        )
    }

    /// Writes down the job, its names and the journal lines it will have; nothing of it is visible before the commit.
    fn record(&self, group: &Group<'_>, record: &Record<'_>, mut report: Report, facts: Facts) -> Result<Outcome, Fatal> {
        let begun = record.begun;
        let job = begun.job;
        if job.then_ms.is_some() {
            return Ok(Outcome::Reread(Box::new(Reread {
                report,
                facts,
                rejects_digest: record.rejects_digest,
                rejects_sha256: record.rejects_sha256,
                rejected_rows: record.rejected_rows.clone(),
            })));
        }
        let names = self
            .spool
            .choose_names(&job.claim.rel, delivery::wants(&report, job.stays, record.rejects_sha256.is_some(), self.config.output))?;
        let moves = Moves::to(&names);
        let finished_at_ms = clock::now_ms().max(begun.started_at_ms);
        report.finished_at = clock::rfc3339(finished_at_ms);
        report.duration_ms = begun.stopwatch.elapsed_ms();
        report.versions.learned = self.learned.version;
        report.archived_as = names.original.as_ref().map(ToString::to_string);
        report.rejects_as = names.rejects.as_ref().map(ToString::to_string);
        for raised in &record.alerts {
            let mut alert = Alert::new(raised.code, &Uuid::now_v7().to_string(), &report.finished_at, &raised.detail);
            alert.job_id = Some(report.job_id.clone());
            alert.file = Some(report.file.clone());
            (alert.severity, alert.metric, alert.threshold) = (raised.severity, raised.metric, raised.threshold);
            report.alerts.push(alert.id.clone());
            self.post_alert(group, &alert)?;
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
        let mut findings = self.audit_decision(group, job, &report.finished_at)?;
        findings.extend(record.findings.iter().cloned());
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
                inode: begun.look.map_or(0, |look| look.ino),
                leads_kept: self.config.store.leads,
                rejected_rows: record.rejected_rows.clone(),
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
        Ok(Outcome::Recorded(Box::new(Delivery {
            claim: job.claim.clone(),
            names,
            moves,
            report,
            facts,
            look: begun.look,
            findings: record.findings.clone(),
        })))
    }

    /// Nothing of the job has happened: the drop goes back to the inbox, or stays claimed when we stop.
    fn give_back(&self, job: &Job, why: &Wait) -> Result<Option<Box<Job>>, Fatal> {
        tracing::info!(file = %display_name(&job.claim.rel), %why, "not taken now");
        self.spool.clear_outputs(&job.claim)?;
        if job.stays {
            self.spool.remove_claims(&[self.spool.finish(&job.claim, &[])?]);
            return Ok(None);
        }
        let stays_claimed = self.stop.load(Ordering::Relaxed) || inbox::deaths(&job.claim) > 0 || why.is_lasting();
        if stays_claimed {
            return Ok(Some(Box::new(job.clone())));
        }
        self.spool.unclaim(&job.claim)?;
        Ok(None)
    }

    // ---- rules, rooms, small things --------------------------------------------------------------------------------------------

    /// What a start needs of the store, in one transaction: where the journals go on, the rules, and that they are others.
    /// The entry about that holds the settings, so that every job can be read again as it was, also when the store is lost.
    fn prepare(&mut self) -> Result<(), Fatal> {
        let (version, settings) = (self.config.rules_for(None).version.clone(), self.config.row_settings());
        let is_new = !self.store.has_posted(Journal::Audit)?; // not whether it was there: its maker may have died at once
        let is_changed = self.store.rules_in_force()?.as_ref() != Some(&settings);
        let group = self.store.begin()?;
        if is_new {
            self.adopt_journals(&group)?;
        }
        let rules = self.prepare_rules(&group)?;
        if is_new || is_changed {
            let action = if is_new { Action::Initialised } else { Action::ConfigChanged };
            self.audit(&group, &clock::rfc3339(clock::now_ms()), action, |entry| {
                entry.detail = [("rules".to_owned(), json!(version)), ("settings".to_owned(), json!(settings))].into();
            })?;
        }
        group.commit()?;
        self.rules = rules;
        Ok(())
    }

    /// Gives every source's rules the versions of their experiments from the store, and keeps the settings behind them.
    fn prepare_rules(&self, group: &Group<'_>) -> Result<HashMap<String, Arc<Rules>>, Fatal> {
        let mut prepared = HashMap::new();
        for source in std::iter::once(EVERY_OTHER).chain(self.config.sources()) {
            // A source is known by its standard form, as it stands in leads and reports.
            let mut rules = (*self.config.rules_for(Some(source))).clone();
            group.register_experiments(&mut rules)?;
            group.keep_rules(&rules.version, &self.config.show())?;
            prepared.insert(cells::standard_source(source).into_owned(), Arc::new(rules));
        }
        group.set_rules_in_force(&self.config.row_settings())?;
        Ok(prepared)
    }

    /// The rules of a source, by its folder's name.
    #[must_use]
    pub fn rules_for(&self, source: Option<&str>) -> Arc<Rules> {
        rules_of(&self.rules, source)
    }

    /// Opens a drop through the folder in which it lies, because others may write there; a path that somebody named is
    /// opened as any program opens it.
    fn open_drop(&self, job: &Job, rules: &Rules) -> Result<SourceFile, Unopened> {
        if !job.stays {
            return SourceFile::opened(self.spool.open_claimed(&job.claim), job.seen.as_ref(), rules);
        }
        match self.spool.open_inside(&job.path) {
            Some(opened) => SourceFile::opened(opened, None, rules),
            None => SourceFile::open(&job.path, rules),
        }
    }

    fn create_leads_file(&self, job: &Job, names: &[String]) -> Result<BufWriter<std::fs::File>, Fatal> {
        let mut file = BufWriter::with_capacity(LEADS_BUFFER, self.spool.create_output(&job.claim, Output::Leads)?);
        if self.config.output.leads == LeadsFile::Csv {
            let written = file.write_all(&lead_json::csv_header(names));
            written.map_err(|source| Fatal::Machine { what: "writing the leads file".to_owned(), source })?;
        }
        Ok(file)
    }

    fn renderer(&self, job: &Job) -> Option<Render> {
        match self.config.output.leads {
            _ if job.dry_run => None,
            LeadsFile::None => None,
            LeadsFile::Jsonl => Some(lead_json::json_lines),
            LeadsFile::Csv => Some(lead_json::csv_lines),
        }
    }

    /// A large job is one transaction: it must fit on the store's disk before it begins.
    fn require_room(&self, bytes: u64) -> Result<(), Hitch> {
        if bytes < GROUP_BYTES / 2 {
            return Ok(());
        }
        let dir = self.store.path().parent().unwrap_or(self.store.path());
        let asked = rustix::fs::statvfs(dir);
        let stat =
            asked.map_err(|error| Fatal::Machine { what: format!("{}: asking for free space", dir.display()), source: error.into() })?;
        let (free, need) = (stat.f_bavail * stat.f_frsize, bytes.saturating_mul(ROOM_FACTOR));
        if free < need {
            let why = format!("{} MiB are free in {}, {} MiB are needed for it", free >> 20, dir.display(), need >> 20);
            return Err(Hitch::Waits(Wait::NoRoom(why)));
        }
        Ok(())
    }

    /// Whether a dry run has told this very file, under these rules, already.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn is_told(&self, path: &Path) -> Result<bool, Fatal> {
        let Ok(metadata) = path.symlink_metadata() else { return Ok(false) };
        let source =
            path.strip_prefix(&self.spool.layout().inbox).ok().and_then(Path::parent).and_then(|folder| folder.components().next());
        let rules = self.rules_for(source.map(|first| first.as_os_str().to_string_lossy().into_owned()).as_deref());
        Ok(self
            .store
            .dry_run_known(path.as_os_str().as_encoded_bytes(), &format!("{}:{}", look_of(&metadata).identity(), rules.version))?)
    }
}

/// What a lead's source is when neither its row nor a folder names one.
const DEFAULT_SOURCE: &str = "csv";

/// Key of the rules for sources without rules of their own; no folder can have this name.
const EVERY_OTHER: &str = "";

/// The rules of a source, by its folder's name; those of every other source where it has none of its own.
fn rules_of(rules: &HashMap<String, Arc<Rules>>, source: Option<&str>) -> Arc<Rules> {
    let own = source.and_then(|name| rules.get(&*cells::standard_source(name)));
    Arc::clone(own.unwrap_or_else(|| &rules[EVERY_OTHER]))
}

/// A job from its first moment on: what its report and its record say whatever becomes of it.
#[derive(Debug, Clone)]
struct Begun<'j> {
    job: &'j Job,
    source: String,
    parent: Option<Uuid>,
    rules: String,
    bytes: u64,
    /// The file as it is at opening.
    look: Option<Look>,
    kind: Kind,
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
            look: job.path.symlink_metadata().ok().map(|metadata| look_of(&metadata)),
            kind: Kind::Leads,
            sha256: None,
            started_at_ms: job.then_ms.unwrap_or_else(clock::now_ms),
            stopwatch: Stopwatch::start(),
        }
    }

    fn report(&self, fate: Fate) -> Report {
        let mut report = Report::unread(&self.job.job_id.to_string(), &self.job.file, &self.source, self.kind, fate);
        report.parent_job = self.parent.map(|parent| parent.to_string());
        report.dry_run = self.job.dry_run;
        report.started_at = clock::rfc3339(self.started_at_ms);
        report.bytes = self.bytes;
        report.sha256 = self.sha256.map(|hash| journal::hex(&hash));
        report.versions.rules.clone_from(&self.rules);
        report
    }
}

/// Why a drop does not come to its end now.
enum Hitch {
    Fatal(Fatal),
    Waits(Wait),
}

impl<E: Into<Fatal>> From<E> for Hitch {
    fn from(error: E) -> Self {
        Self::Fatal(error.into())
    }
}

/// Reading the drop failed: that is its own trouble, and keeps no other drop waiting.
#[allow(clippy::needless_pass_by_value)] // as map_err hands it over
fn unreadable(error: io::Error) -> Hitch {
    Hitch::Waits(Wait::Unreadable(format!("it cannot be read ({error})")))
}

/// What one drop comes to inside the transaction.
enum Outcome {
    Recorded(Box<Delivery>),
    Waits(Wait),
    Held(Box<Held>),
    Reread(Box<Reread>),
}

/// What a job of the past comes to when its file is read again: its leads are in, its record is for the rebuild to write.
struct Reread {
    report: Report,
    facts: Facts,
    rejects_digest: Option<u64>,
    rejects_sha256: Option<[u8; 32]>,
    rejected_rows: RowList,
}

/// What was decided about a file before its rows are read.
#[derive(Clone, Copy)]
struct Decided<'d> {
    /// How it is read.
    plan: &'d Plan,
    /// What its rows are held to.
    rules: &'d Rules,
    /// How its source's last file was laid out.
    known: Option<&'d KnownLayout>,
}

/// What the record of a job needs beside its report.
struct Record<'b> {
    begun: &'b Begun<'b>,
    seq: Option<i64>,
    rejects_digest: Option<u64>,
    rejects_sha256: Option<[u8; 32]>,
    alerts: Vec<Raised>,
    rejected_rows: RowList,
    /// What a probe of its figures found, to be noted once it is committed.
    findings: Vec<Finding>,
}

/// What was read must be what is there: a writer may have gone on meanwhile.
fn require_unchanged(file: &SourceFile) -> Result<(), Hitch> {
    if file.is_unchanged().map_err(unreadable)? { Ok(()) } else { Err(Hitch::Waits(Wait::Changed)) }
}

fn fate_name(fate: Fate) -> &'static str {
    match fate {
        Fate::Processed => "processed",
        Fate::Failed => "failed",
        Fate::Duplicate => "duplicate",
    }
}
