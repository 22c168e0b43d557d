//! The daemon: waits for events, looks at the inbox, and hands what is ready to `ingest`.
//!
//! One thread does the work, in rounds: scan, settle, claim, run, until a pass finds nothing. Events are hints that start
//! a round early; the listing is the truth. A second thread only talks: signals and the socket. It never touches a file.

mod talk;

use std::collections::{HashMap, HashSet};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use serde_json::{Value, json};

use crate::clock::{self, Stopwatch};
use crate::config::{Config, Poll};
use crate::delivery::{Attempt, Courier};
use crate::durable::{self, Sync};
use crate::inbox::{Arrival, Drop, Hint, PollMode, STATUS_FILE, Settle, SettleRules, Verdict, Watch, display_name, path_text};
use crate::ingest::forget::archive::Wish;
use crate::ingest::rescore::figures;
use crate::ingest::{Ended, Fatal, Ingest, Job, Notice, Recovered, Start, Wait, Worked, archived_place, finding_code, forget};
use crate::journal::{AlertCode, Report, snapshot};
use crate::lock::{LockError, RootLock};
use crate::progress::{Progress, Verdict as Standing};
use crate::reading::Look;
use crate::risk::{self, Finding, Looked, Monitor, Pulse, Suspicion};

pub use talk::{Reply, ask, socket_path};

/// Between two scans where nobody tells us about new files.
const POLL_MS: u64 = 1000;
/// Between two tries while the disk is full.
const PAUSE_MS: u64 = 2000;
/// The longest of these pauses, each being twice the one before.
const PAUSE_MS_MAX: u64 = 16_000;
/// Between two tries of a drop that keeps failing for no fault of its own: so many of the times between two rescans.
const DOUBTFUL_RESCANS: u64 = 2;
/// Failures in a row of the store, the journals or the folders after which the daemon ends.
const FAILURES_MAX: u32 = 3;
/// Between two looks for old files in the archive.
const DAY_MS: u64 = 86_400_000;
/// Between two writings of `_STATUS.txt` when nothing changes.
const STATUS_MS: u64 = 60_000;
/// Niceness of the thread that works lessons out.
const TEACHER_NICENESS: i32 = 10;
/// Least time between two snapshots.
const SNAPSHOT_MS: u64 = 1000;

/// Everything that can happen to the daemon.
#[derive(Debug)]
pub enum Event {
    /// Something may be new: look.
    Rescan,
    /// A file came in by a rename.
    Arrived(PathBuf),
    /// A file was closed by its writer.
    Closed(PathBuf),
    /// End soon.
    Stop,
    /// A command asks for something that only the writer may do.
    Request(Value, Sender<Value>),
    /// A lesson has been worked out.
    Worked(Box<Worked>),
    /// No lesson is being worked out any more; why not to its end.
    Taught(Option<String>),
    /// What came of an attempt to deliver an alert.
    Delivered(Box<Attempt>),
    /// The monitor has looked.
    Looked(Box<Looked>),
}

/// Why the daemon ended other than by being asked to.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Another instance works on this root.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The machine failed several times in a row.
    #[error(transparent)]
    Fatal(#[from] Fatal),
    /// The socket could not be made.
    #[error("{path}: {source}. Remove what stands there, or choose another --root")]
    Socket {
        /// Where.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
}

/// How the daemon is told to end, from a signal or from whoever embeds it.
#[derive(Debug, Clone)]
pub struct Shutdown {
    stop: Arc<AtomicBool>,
    events: Sender<Event>,
    inbox: Receiver<Event>,
}

impl Default for Shutdown {
    fn default() -> Self {
        let (events, inbox) = bounded(1024);
        Self { stop: Arc::new(AtomicBool::new(false)), events, inbox }
    }
}

impl Shutdown {
    /// Asks the daemon to end: it finishes or abandons what it has in hand, and abandoning is safe.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.events.try_send(Event::Stop); // full: the flag is seen all the same
    }

    fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Runs until `shutdown`. Takes the root's lock, recovers, and then takes in whatever is dropped.
///
/// # Errors
/// [`DaemonError`].
pub fn run(config: &Arc<Config>, shutdown: &Shutdown) -> Result<(), DaemonError> {
    let lock = take_lock(&config.root)?;
    let progress = Arc::new(Progress::default());
    let pulse = Arc::new(Pulse::default());
    let talker = talk::start(config, &progress, &pulse, shutdown)
        .map_err(|source| DaemonError::Socket { path: socket_path(&config.root).display().to_string(), source })?;
    let events = shutdown.events.clone();
    // Full: the next look is handed over.
    let hand = move |looked| drop(events.try_send(Event::Looked(Box::new(looked))));
    let monitor = Monitor::start(config, &pulse, hand);
    if let Err(error) = &monitor {
        tracing::error!(%error, "the machine is not looked at: there is no thread for it");
    }
    let ended = work(config, &progress, &pulse, shutdown, &lock);
    drop(monitor);
    talker.end();
    ended
}

/// Takes a root's lock. A daemon that answers is alive even where somebody removed the file that it had locked.
///
/// # Errors
/// [`LockError`].
pub fn take_lock(root: &Path) -> Result<RootLock, LockError> {
    let lock = RootLock::take(root)?;
    if talk::is_alive(root) {
        return Err(LockError::Held { root: root.display().to_string(), pid: "unknown".to_owned() });
    }
    Ok(lock)
}

/// Opens, works, and opens anew after trouble, until asked to end or until trouble does not end.
fn work(
    config: &Arc<Config>,
    progress: &Arc<Progress>,
    pulse: &Arc<Pulse>,
    shutdown: &Shutdown,
    lock: &RootLock,
) -> Result<(), DaemonError> {
    let mut start = Start::of(lock);
    let mut trouble = Trouble { failures: 0, pause_ms: PAUSE_MS };
    let mut told = Vec::new();
    loop {
        let result = Ingest::open(Arc::clone(config), Arc::clone(progress), Arc::clone(&shutdown.stop), "daemon", start).and_then(
            |(ingest, recovered)| {
                progress.pause(None);
                let mut daemon = Daemon::new(config, progress, pulse, shutdown, lock, ingest, recovered);
                daemon.ingest.raise(&std::mem::take(&mut told))?;
                daemon.rounds(&mut trouble)?;
                daemon.end()
            },
        );
        let Err(fatal) = result else { return Ok(()) };
        lock.require_in_place()?; // opening anew would make another root where this one was
        if shutdown.is_stopping() {
            tracing::warn!(%fatal, "ended with trouble; the next start goes on where it was");
            return Ok(());
        }
        if let Some((code, why)) = fatal.pause() {
            tracing::error!(%fatal, "paused");
            progress.pause(Some(why.to_owned()));
            if !told.iter().any(|notice: &Notice| notice.code == code) {
                told.push(Notice::new(code, fatal.to_string()));
            }
        } else {
            trouble.failures += 1;
            tracing::error!(%fatal, failures = trouble.failures, "trouble; opening everything anew");
            told.push(Notice::new(AlertCode::StoreFault, fatal.to_string()));
            if trouble.failures >= FAILURES_MAX {
                return Err(fatal.into());
            }
        }
        write_status(config, progress, 0);
        wait_for_stop(shutdown, trouble.pause_ms);
        trouble.pause_ms = (trouble.pause_ms * 2).min(PAUSE_MS_MAX);
        start = Start::Again;
    }
}

/// Trouble with the machine, until a round goes well.
struct Trouble {
    failures: u32,
    pause_ms: u64,
}

struct Daemon<'d> {
    config: &'d Arc<Config>,
    progress: &'d Arc<Progress>,
    pulse: &'d Arc<Pulse>,
    shutdown: &'d Shutdown,
    lock: &'d RootLock,
    ingest: Ingest,
    settle: Settle,
    watch: Option<Watch>,
    courier: Courier,
    /// What the monitor found last.
    looked: Option<Box<Looked>>,
    /// Whether that was noted.
    is_noted: bool,
    clock: Stopwatch,
    arrivals: HashMap<PathBuf, Arrival>,
    /// Claimed drops of an earlier run, or that the program failed at: taken before anything new.
    again: Vec<Job>,
    /// Drops found unfinished several times: taken last, alone.
    doubtful: Vec<Job>,
    /// Files that a dry run has told, as they were then, so that they are not opened at every scan.
    dry_told: HashMap<PathBuf, Look>,
    /// Drops that could not be taken, and when to try again.
    refused: HashMap<PathBuf, u64>,
    /// Trouble met while a command was answered or a lesson was recorded.
    fatal: Option<Fatal>,
    /// Whether lessons are being worked out.
    is_teaching: bool,
    /// When to try that again, after it went wrong.
    teach_at: u64,
    doubtful_at: u64,
    look_again_at: Option<u64>,
    status_at: u64,
    snapshot_at: u64,
    snapshot_due: bool,
    monitor_at: u64,
    /// When to look for old files in the archive, and behind which job.
    expire_at: u64,
    expire_after: i64,
    channels_at: u64,
}

impl<'d> Daemon<'d> {
    fn new(
        config: &'d Arc<Config>,
        progress: &'d Arc<Progress>,
        pulse: &'d Arc<Pulse>,
        shutdown: &'d Shutdown,
        lock: &'d RootLock,
        ingest: Ingest,
        recovered: Recovered,
    ) -> Self {
        let rules = SettleRules { settle_ms: config.watch.settle_ms, settle_unknown_ms: config.watch.settle_unknown_ms };
        Self {
            config,
            progress,
            pulse,
            shutdown,
            lock,
            ingest,
            settle: Settle::new(rules),
            watch: None,
            courier: Courier::default(),
            looked: None,
            is_noted: true,
            clock: Stopwatch::start(),
            arrivals: HashMap::new(),
            again: recovered.again,
            doubtful: recovered.doubtful,
            dry_told: HashMap::new(),
            refused: HashMap::new(),
            fatal: None,
            is_teaching: false,
            teach_at: 0,
            doubtful_at: 0,
            look_again_at: None,
            status_at: 0,
            snapshot_at: 0,
            snapshot_due: false,
            monitor_at: 0,
            expire_at: 0,
            expire_after: 0,
            channels_at: 0,
        }
    }

    /// Rounds until asked to end.
    fn rounds(&mut self, trouble: &mut Trouble) -> Result<(), Fatal> {
        self.watch_inbox()?;
        self.start_courier()?;
        tracing::info!(root = %self.config.root.display(), mode = self.config.mode.as_str(), "running");
        self.write_snapshots(true);
        while !self.shutdown.is_stopping() {
            self.round()?;
            self.ingest.tell_folded(false)?;
            self.teach()?;
            self.look_at_channels()?;
            self.expire()?;
            *trouble = Trouble { failures: 0, pause_ms: PAUSE_MS };
            self.note_look()?;
            self.keep_time();
            self.wait();
            if let Some(fatal) = self.fatal.take() {
                return Err(fatal);
            }
        }
        Ok(())
    }

    /// Takes in everything that is ready, until a pass finds nothing.
    fn round(&mut self) -> Result<(), Fatal> {
        while !self.again.is_empty() && !self.shutdown.is_stopping() {
            let jobs = vec![self.again.remove(0)]; // alone: if it kills us, it takes nothing with it
            self.run(&jobs)?;
        }
        loop {
            let ready = self.look()?;
            if ready.is_empty() || self.shutdown.is_stopping() {
                break;
            }
            if self.config.mode.is_dry_run() {
                self.dry_run(&ready)?;
                break;
            }
            self.take(&ready)?;
        }
        let is_due = self.clock.elapsed_ms() >= self.doubtful_at;
        if is_due && !self.doubtful.is_empty() && !self.shutdown.is_stopping() {
            let job = self.doubtful.remove(0);
            self.run(&[job])?;
            self.look_again_at = Some(self.clock.elapsed_ms()); // whatever was dropped meanwhile goes before the next of them
        }
        Ok(())
    }

    /// Scans the inbox; the drops that are complete, oldest first.
    fn look(&mut self) -> Result<Vec<Drop>, Fatal> {
        self.drain_events();
        self.lock.require_in_place().map_err(|error| Fatal::Machine { what: error.to_string(), source: io::ErrorKind::NotFound.into() })?;
        self.ingest.store().require_in_place().map_err(Fatal::from)?; // also where nothing is written for hours
        let listed_at = self.pulse.now();
        let scan = self.ingest.spool().scan()?;
        if scan.inbox_changed {
            tracing::warn!(inbox = %self.config.folders.inbox.display(), "the inbox is another folder than before, watching it anew");
            self.watch_inbox()?;
        }
        let now = self.clock.elapsed_ms();
        if scan.new_folders || scan.more {
            self.look_again_at = Some(now + self.config.watch.settle_ms);
        }
        let mut alerts = Vec::new();
        for ignored in scan.ignored.iter().filter(|ignored| ignored.first_time) {
            tracing::info!(file = %display_name(&ignored.path), why = %ignored.why, "ignored");
            if ignored.why.is_alert() {
                self.pulse.suspect(Suspicion::NotRegular);
                let detail = format!("{}: {}", display_name(&ignored.path), ignored.why);
                alerts.push(Notice::about(AlertCode::NotARegularFile, path_text(&ignored.path), detail));
            }
        }
        for finding in self.ingest.spool().take_findings() {
            tracing::warn!(%finding);
            alerts.push(Notice::new(finding_code(&finding), finding.to_string()));
        }
        if scan.inbox_changed {
            alerts.push(Notice::new(AlertCode::InboxReplaced, "the inbox was removed, renamed or mounted over; it is watched anew"));
        }
        self.ingest.raise(&alerts)?;
        self.settle.forget_missing(scan.drops.iter().map(|drop| drop.rel.as_path()));
        self.progress.wait(scan.drops.len() as u64);
        self.follow(&scan.drops, listed_at);
        self.refused.retain(|_, until| *until > now);
        let waiting: HashSet<PathBuf> =
            if self.dry_told.is_empty() { HashSet::new() } else { scan.drops.iter().map(|drop| drop.rel.clone()).collect() };
        let mut ready = Vec::new();
        for drop in scan.drops.into_iter().filter(|drop| !self.refused.contains_key(&drop.rel)) {
            let arrival = self.arrivals.get(&drop.rel).copied().unwrap_or(Arrival::Listed);
            let proof = self.ingest.spool().writer_proof(&drop);
            if self.settle.observe(&drop.rel, drop.look, proof, arrival, now) == Verdict::Ready {
                ready.push(drop);
            }
        }
        self.arrivals.clear();
        if self.config.mode.is_dry_run() {
            self.dry_told.retain(|rel, _| waiting.contains(rel)); // what is dropped anew is told anew, and memory stays bounded
            ready.retain(|drop| self.dry_told.get(&drop.rel).is_none_or(|told| !told.same_content(&drop.look)));
        }
        Ok(ready)
    }

    /// Tells the monitor what waits, and which names are new and hide something.
    fn follow(&mut self, drops: &[Drop], listed_at: u64) {
        let waiting: HashSet<&Path> = drops.iter().map(|drop| drop.rel.as_path()).collect();
        for drop in drops {
            if self.pulse.saw(&drop.rel)
                && let Some(why) = drop.rel.file_name().and_then(risk::hidden_in_name)
            {
                tracing::warn!(file = %display_name(&drop.rel), why, "a suspicious name");
                self.pulse.suspect(Suspicion::Name);
            }
        }
        self.pulse.keep_waiting(listed_at, |rel| waiting.contains(rel));
    }

    /// What the monitor found is noted, and what comes of it is judged.
    fn note_look(&mut self) -> Result<(), Fatal> {
        let stalled = risk::stalled(self.pulse);
        if self.is_noted && !stalled.is_bad() {
            return Ok(());
        }
        self.is_noted = true;
        let mut findings: Vec<Finding> = self.looked.iter().flat_map(|looked| looked.findings.iter().cloned()).collect();
        findings.push(stalled);
        let risk::Assessment { health, risk, causes, unknown } = risk::assess(&findings);
        let causes = causes.into_iter().map(AlertCode::as_str).collect();
        self.progress.judge(Standing { health: health.as_str(), risk: risk.as_str(), causes, unknown });
        self.ingest.note_findings(&findings)?;
        if !self.config.mode.is_dry_run() {
            self.ingest.note_arrivals()?; // not part of the standing: that nobody sends a file is no fault of the installation
        }
        self.write_snapshots(true);
        Ok(())
    }

    /// Claims and runs group after group.
    fn take(&mut self, ready: &[Drop]) -> Result<(), Fatal> {
        let mut rest = ready;
        while !rest.is_empty() && !self.shutdown.is_stopping() {
            let claimed = self.ingest.claim(rest)?;
            for drop in rest.iter().take(claimed.looked_at) {
                self.settle.forget(&drop.rel);
            }
            rest = &rest[claimed.looked_at..];
            self.progress.wait(rest.len() as u64);
            for (rel, why) in claimed.refused {
                tracing::warn!(file = %display_name(&rel), why, "cannot take this file, trying again later");
                self.ingest.raise(&[Notice::about(AlertCode::StoreFault, path_text(&rel), why)])?;
                self.refused.insert(rel, self.clock.elapsed_ms() + self.rescan_ms());
            }
            if !claimed.jobs.is_empty() {
                self.run(&claimed.jobs)?;
            }
            self.keep_time();
        }
        Ok(())
    }

    fn run(&mut self, jobs: &[Job]) -> Result<(), Fatal> {
        for ended in self.ingest.run(jobs)? {
            match ended {
                Ended::Done(report) => {
                    self.pulse.reported(&report.file);
                    self.pulse.rejected(&report.source, report.rows.rejected);
                    for _ in 0..self.progress.take_formula_files() {
                        self.pulse.suspect(Suspicion::Formulas);
                    }
                    self.progress.end(&report);
                    self.snapshot_due = true;
                }
                Ended::Waits { file, why, again: Some(job) } if why.is_lasting() => {
                    let code = if matches!(why, Wait::NoRoom(_)) { AlertCode::DiskFull } else { AlertCode::StoreFault };
                    self.ingest.raise(&[Notice::about(code, file, why.to_string())])?;
                    self.doubtful.push(*job);
                    self.doubtful_at = self.clock.elapsed_ms() + DOUBTFUL_RESCANS * self.rescan_ms();
                }
                Ended::Waits { again: Some(job), .. } => self.again.push(*job),
                Ended::Waits { .. } => {}
            }
        }
        Ok(())
    }

    /// Checks and reports files where they lie, each once.
    fn dry_run(&mut self, ready: &[Drop]) -> Result<(), Fatal> {
        for drop in ready {
            let path = self.config.folders.inbox.join(&drop.rel);
            if !self.ingest.is_told(&path)? {
                let job = self.ingest.job_in_place(&path, true)?;
                self.run(&[job])?;
            }
            self.dry_told.insert(drop.rel.clone(), drop.look);
        }
        Ok(())
    }

    /// Lessons are worked out beside, at a lower priority, so that no drop waits for them.
    fn teach(&mut self) -> Result<(), Fatal> {
        if self.is_teaching || self.clock.elapsed_ms() < self.teach_at {
            return Ok(());
        }
        let Some(teacher) = self.ingest.teacher()? else { return Ok(()) };
        let (stop, events) = (Arc::clone(&self.shutdown.stop), self.shutdown.events.clone());
        let work = move || {
            let _ = rustix::process::setpriority_process(None, TEACHER_NICENESS); // without it lessons are only less polite
            let hand = |worked| events.send(Event::Worked(Box::new(worked))).is_ok();
            let ended = catch_unwind(AssertUnwindSafe(|| teacher.work_beside(&stop, hand)));
            let trouble = match ended {
                Ok(ended) => ended.err().map(|fatal| fatal.to_string()),
                Err(_) => Some("a fault of the program".to_owned()),
            };
            let _ = events.send(Event::Taught(trouble)); // nobody listens any more at the end
        };
        let spawned = std::thread::Builder::new().name("teacher".to_owned()).spawn(work);
        spawned.map_err(|source| Fatal::Machine { what: "starting a thread".to_owned(), source })?;
        self.is_teaching = true;
        Ok(())
    }

    /// Alerts are delivered beside, so that no drop waits for a channel.
    fn start_courier(&mut self) -> Result<(), Fatal> {
        let events = self.shutdown.events.clone();
        let tell = move |attempt| events.send(Event::Delivered(Box::new(attempt))).is_ok();
        self.courier = Courier::start(&self.config.alerts.channels, &self.config.store.path, tell)
            .map_err(|source| Fatal::Machine { what: "starting a thread".to_owned(), source })?;
        Ok(())
    }

    /// A channel that hangs makes no attempts that could be told of: it is looked at from time to time.
    fn look_at_channels(&mut self) -> Result<(), Fatal> {
        let now = self.clock.elapsed_ms();
        if now < self.channels_at {
            return Ok(());
        }
        self.channels_at = now + self.config.risk.monitor_seconds * 1000;
        self.ingest.note_channels()
    }

    /// Old files go from the archive once a day, a few jobs at a time, so that no drop waits for them.
    fn expire(&mut self) -> Result<(), Fatal> {
        let now = self.clock.elapsed_ms();
        if now < self.expire_at || !self.config.retention.is_on() || self.config.mode.is_dry_run() {
            return Ok(());
        }
        let next = self.ingest.expire(self.expire_after, false)?.next;
        self.expire_after = next.unwrap_or(0);
        self.expire_at = if next.is_some() { now } else { now + DAY_MS };
        Ok(())
    }

    fn watch_inbox(&mut self) -> Result<(), Fatal> {
        self.watch = None;
        let mode = match self.config.watch.poll {
            Poll::Auto => PollMode::Auto,
            Poll::Always => PollMode::Always,
        };
        let (events, pulse) = (self.shutdown.events.clone(), Arc::clone(self.pulse));
        let on_hint = move |hint| {
            let event = match hint {
                Hint::Canary => return pulse.hear_canary(),
                Hint::Rescan => Event::Rescan,
                Hint::Arrived(path) => Event::Arrived(path),
                Hint::Closed(path) => Event::Closed(path),
            };
            // Full: a round is due anyway, and it lists everything.
            if let Err(TrySendError::Disconnected(_)) = events.try_send(event) {}
        };
        match Watch::start(&self.config.folders.inbox, mode, on_hint) {
            Ok(watch) => {
                if let Some(warning) = watch.warning() {
                    tracing::warn!(warning, "polling instead");
                    let detail = warning.to_owned();
                    self.ingest.raise(&[Notice::new(AlertCode::WatcherDegraded, detail)])?;
                }
                self.watch = Some(watch);
            }
            Err(error) => tracing::warn!(%error, "cannot watch the inbox now, looking at it every second"),
        }
        self.pulse.set_polling(self.watch.as_ref().is_none_or(Watch::polling));
        self.dry_told.clear();
        Ok(())
    }

    /// Waits for the next event, or until something is due.
    fn wait(&mut self) {
        let now = self.clock.elapsed_ms();
        let is_polling = self.watch.as_ref().is_none_or(Watch::polling);
        let scan_ms = if is_polling { POLL_MS } else { self.rescan_ms() };
        let snapshot_at = self.snapshot_due.then_some(self.snapshot_at + SNAPSHOT_MS);
        let due = [
            self.refused.values().min().copied(),
            (!self.doubtful.is_empty()).then_some(self.doubtful_at),
            self.settle.next_deadline(),
            self.look_again_at.take(),
            Some(now + scan_ms),
            Some(self.monitor_at),
            Some(self.status_at),
            Some(self.teach_at).filter(|at| *at > now),
            Some(self.expire_at).filter(|_| self.config.retention.is_on()),
            snapshot_at,
        ];
        let until = due.into_iter().flatten().min().unwrap_or(now).max(now);
        if !self.again.is_empty() {
            return wait_for_stop(self.shutdown, 100);
        }
        if let Ok(event) = self.shutdown.inbox.recv_timeout(Duration::from_millis((until - now).max(1))) {
            self.hear(event);
        }
    }

    /// Between two scans without a hint; also how long a drop that could not be taken is left alone.
    fn rescan_ms(&self) -> u64 {
        self.config.watch.rescan_seconds * 1000
    }

    fn drain_events(&mut self) {
        while let Ok(event) = self.shutdown.inbox.try_recv() {
            self.hear(event);
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Rescan | Event::Stop => {}
            Event::Looked(looked) => (self.looked, self.is_noted) = (Some(looked), false),
            Event::Arrived(path) => drop(self.arrivals.insert(path, Arrival::Renamed)),
            Event::Closed(path) => drop(self.arrivals.entry(path).or_insert(Arrival::Closed)),
            Event::Request(request, reply) => {
                let answer = self.answer(&request);
                let _ = reply.send(answer); // whoever asked may have gone
            }
            Event::Worked(worked) => match self.ingest.take_lesson(*worked) {
                Ok(_) => {}
                Err(fatal) => self.fatal = Some(fatal),
            },
            Event::Delivered(attempt) => match self.ingest.record_attempt(&attempt) {
                Ok(()) => {}
                Err(fatal) => self.fatal = Some(fatal),
            },
            Event::Taught(trouble) => {
                self.is_teaching = false;
                if let Some(trouble) = trouble {
                    tracing::error!(trouble, "lessons could not be worked out; trying again later");
                    self.teach_at = self.clock.elapsed_ms() + self.rescan_ms();
                }
            }
        }
    }

    /// Does for a command what only the writer may do.
    fn answer(&mut self, request: &Value) -> Value {
        match self.write_for(request) {
            Ok(Ok(done)) => json!({ "ok": true, "done": done }),
            Ok(Err(why)) => json!({ "ok": false, "error": why }),
            Err(fatal) => {
                let why = fatal.to_string();
                self.fatal = Some(fatal);
                json!({ "ok": false, "error": why })
            }
        }
    }

    /// What came of a request; inside, a sentence for whoever asked.
    fn write_for(&mut self, request: &Value) -> Result<Result<Value, String>, Fatal> {
        let text = |key: &str| request[key].as_str().unwrap_or_default();
        let only_looks = request["dry_run"] == true;
        if self.config.mode.is_dry_run() && !only_looks {
            return Ok(Err("the daemon makes a dry run and stores nothing: restart it without".to_owned()));
        }
        match text("command") {
            "replay" => Ok(replay(&mut self.ingest, text("job"), Some(text("rules")))?.map(|report| {
                self.progress.end(&report);
                json!(report)
            })),
            "undo" => match self.ingest.store().find_job(text("job"))? {
                Some(job) => Ok(Ok(self.ingest.undo(&job, only_looks)?.to_json())),
                None => Ok(Err(format!("no job or file '{}' is known", text("job")))),
            },
            "forget" => match forget::Person::of(text("address")) {
                Some(person) if only_looks => Ok(Ok(forget::look(self.ingest.store(), &self.config.root, &person)?.to_json())),
                Some(person) => Ok(Ok(self.ingest.forget(&person, request["also_unknown"] == true)?.to_json())),
                None => Ok(Err("this is no e-mail address".to_owned())),
            },
            "retention" => Ok(Ok(self.ingest.expire(request["after"].as_i64().unwrap_or(0), only_looks)?.to_json())),
            "forget_in_archive" => self.forget_in_archive(text("job"), text("address"), text("wish")),
            "forget_allow" => match forget::Person::of(text("address")) {
                Some(person) => Ok(Ok(json!({ "allowed": self.ingest.allow(&person)? }))),
                None => Ok(Err("this is no e-mail address".to_owned())),
            },
            "rescore" if text("rules") != self.ingest.rules_for(None).version => {
                Ok(Err("the daemon works with other rules than valhalla.toml has now: restart it, then rescore".to_owned()))
            }
            "rescore" => {
                let rescored = self.ingest.rescore(request["since_ms"].as_i64(), |_, _| ())?;
                Ok(rescored.map(|rescored| figures(&rescored)).ok_or_else(|| "the daemon is stopping, and nothing was changed".to_owned()))
            }
            "hold_release" | "hold_discard" => {
                let decided = self.ingest.decide(text("job"), text("command") == "hold_release")?;
                self.snapshot_due |= decided.is_ok();
                Ok(decided)
            }
            "acknowledge" => Ok(Ok(json!({ "is_new": self.ingest.acknowledge(text("alert"), text("code"), text("subject"))? }))),
            "pin_model" => Ok(self.ingest.pin_model(text("model"))?.map(|()| Value::Null)),
            other => Ok(Err(format!("unknown command '{other}'"))),
        }
    }

    /// Does with the files that a job left what is wished; inside, a sentence for whoever asked.
    fn forget_in_archive(&mut self, job: &str, address: &str, wish: &str) -> Result<Result<Value, String>, Fatal> {
        let (Some(person), Some(wish)) = (forget::Person::of(address), Wish::from_text(wish)) else {
            return Ok(Err("this is no e-mail address, or nothing that can be wished".to_owned()));
        };
        let Some(job) = self.ingest.store().find_job(job)? else { return Ok(Err(format!("no job '{job}' is known"))) };
        let holdings = self.ingest.forget_in_archive(&job, &person, wish)?;
        Ok(Ok(holdings.iter().map(forget::archive::Holding::to_json).collect()))
    }

    /// Derived files that are due.
    fn keep_time(&mut self) {
        let now = self.clock.elapsed_ms();
        if now >= self.status_at {
            self.status_at = now + STATUS_MS;
            write_status(self.config, self.progress, self.progress.look().state.waiting);
        }
        if now >= self.monitor_at || (self.snapshot_due && now >= self.snapshot_at + SNAPSHOT_MS) {
            self.monitor_at = now + self.config.risk.monitor_seconds * 1000;
            self.snapshot_at = now;
            self.snapshot_due = false;
            self.write_snapshots(true);
        }
    }

    fn write_snapshots(&mut self, is_active: bool) {
        let look = self.progress.look();
        let logs = &self.config.folders.logs;
        let looked = self.looked.as_deref();
        let results = risk::results(self.config, &look, looked, is_active);
        let execution = look.state.last.as_deref().map(|report| risk::execution(self.config, report, looked));
        let written =
            snapshot::write(logs, &results).and_then(|()| execution.map_or(Ok(()), |execution| snapshot::write(logs, &execution)));
        if let Err(error) = written {
            tracing::warn!(%error, "a snapshot could not be written; it is derived and will be written again");
        }
    }

    fn end(mut self) -> Result<(), Fatal> {
        self.write_snapshots(false);
        let text = format!("Stopped {}\n", clock::local_short(clock::now_ms()));
        let _ = durable::replace_file(&status_path(self.config), text.as_bytes(), 0o644, Sync::No); // derived
        tracing::info!("stopped");
        self.ingest.close()
    }
}

/// Takes the archived file of a job in again, under today's rules; `rules` is the version that the caller expects. Inside,
/// a sentence for whoever asked.
///
/// # Errors
/// [`Fatal`].
pub fn replay(ingest: &mut Ingest, job: &str, rules: Option<&str>) -> Result<Result<Report, String>, Fatal> {
    let Some(past) = ingest.store().find_job(job)? else { return Ok(Err(format!("no job or file '{job}' is known"))) };
    let report: Report = match serde_json::from_str(&past.report) {
        Ok(report) => report,
        Err(error) => return Ok(Err(format!("its report cannot be read: {error}"))),
    };
    if rules.is_some_and(|asked| asked != ingest.rules_for(Some(&report.source)).version) {
        return Ok(Err("the daemon works with other rules than valhalla.toml has now: restart it, then apply".to_owned()));
    }
    let Some(place) = archived_place(&past.moves) else {
        return Ok(Err(format!("{} was never archived: its original stayed with its owner", report.file)));
    };
    let archived = ingest.spool().path(&place);
    if !archived.exists() {
        return Ok(Err(format!("{} is no longer in the archive", display_name(&archived))));
    }
    let job = ingest.job_of_replay(&report, &archived)?;
    Ok(match ingest.run(&[job])?.pop() {
        Some(Ended::Done(report)) => Ok(*report),
        Some(Ended::Waits { file, why, .. }) => Err(format!("{file}: {why}")),
        None => Err("nothing was done".to_owned()),
    })
}

/// `processed/_STATUS.txt`: whether anything is taken in, for people who only see the shared folders.
fn write_status(config: &Config, progress: &Progress, waiting: u64) {
    let text = match progress.look().state.paused {
        Some(why) => format!("PAUSED: {why}\n"),
        None => format!("Running {}, waiting {waiting}\n", clock::local_short(clock::now_ms())),
    };
    // Derived, and written again within a minute. On a full disk there is no room for a new file: the old one is overwritten.
    let path = status_path(config);
    if durable::replace_file(&path, text.as_bytes(), 0o644, Sync::No).is_err() {
        let _ = overwrite(&path, &text); // what is wrong is told elsewhere
    }
}

/// Writes a text over an older one without asking for more room than that has; what is longer goes, what is shorter is filled up.
fn overwrite(path: &Path, text: &str) -> io::Result<()> {
    // Neither a link is followed nor a pipe waited for, should somebody have put one there.
    let mut file = OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    let room = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    let line: String = text.trim_end().chars().take(room.saturating_sub(1)).collect();
    write!(file, "{line:width$}", width = room.saturating_sub(1))
}

fn status_path(config: &Config) -> PathBuf {
    config.folders.processed.join(STATUS_FILE)
}

fn wait_for_stop(shutdown: &Shutdown, ms: u64) {
    let waited = Stopwatch::start();
    while !shutdown.is_stopping() && waited.elapsed_ms() < ms {
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
