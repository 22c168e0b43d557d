//! `valhalla ingest FILE…`: once, through the same pipeline and ledger, returning when all is done.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use super::leads::Restaging;
use super::{Exit, Global, Outcome, Trouble, follow, print_json};
use crate::config::{Config, LogLevel};
use crate::daemon;
use crate::inbox::display_name;
use crate::ingest::{Ended, Ingest as Writer, Start, Wait};
use crate::journal::Report;
use crate::journal::report::{Fate, Kind};
use crate::lock::{LockError, RootLock};
use crate::logging;
use crate::progress::Progress;
use crate::render::console;
use crate::render::words::{page_shown, shown};
use crate::store::read::LeadQuery;
use crate::store::{Store, open_to_read};

/// Take files in now, through the same pipeline, and wait until all is done.
#[derive(Debug, Args)]
#[command(after_help = "The originals stay where they are; --move archives them. A running daemon is used if there is one.

Examples:
  valhalla ingest leads.csv
  valhalla ingest exports/*.csv --strict --json")]
pub(super) struct Ingest {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Archive the originals in processed/ or failed/
    #[arg(long = "move")]
    moves: bool,
    /// Exit with 1 also when rows were rejected
    #[arg(long)]
    strict: bool,
}

/// Files of up to so many rows are told lead by lead.
const TOLD_ROWS: u64 = 20;

impl Ingest {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        if let Some(refusal) = super::unusable(&self.files) {
            return Err(refusal);
        }
        let config = global.load()?;
        let (reports, trouble) = match daemon::take_lock(&config.root) {
            Ok(lock) => self.alone(global, &config, &lock)?,
            Err(LockError::Held { .. }) if config.mode.is_dry_run() || daemon_is_dry(&config) => {
                return Err(Trouble::environment(format!(
                    "{}: a daemon works on this root, and a dry run cannot go through it. `valhalla check FILE` shows how a file would be read; or stop the daemon first",
                    display_name(&config.root)
                )));
            }
            Err(LockError::Held { .. }) if daemon_answers(&config) => self.through_daemon(global, &config),
            Err(error) => return Err(error.into()),
        };
        if global.json {
            print_json(&reports)?;
        }
        if let Some(trouble) = trouble {
            return Err(trouble);
        }
        let is_failed = reports.iter().any(|report| report.fate == Fate::Failed);
        let is_rejected = reports.iter().any(|report| report.rows.rejected > 0);
        Ok(if is_failed || (self.strict && is_rejected) { Exit::Failed } else { Exit::Done })
    }

    /// We are the writer.
    fn alone(&self, global: &Global, config: &Arc<Config>, lock: &RootLock) -> Result<(Vec<Report>, Option<Trouble>), Trouble> {
        let _log = logging::start(global.console_level(LogLevel::Warn), Some((&config.folders.logs, &config.log)))
            .map_err(|error| Trouble::environment(format!("{}: {error}", display_name(&config.folders.logs))))?;
        global.tell(&format!("root: {}", display_name(&config.root)));
        let progress = Arc::new(Progress::default());
        let stop = Arc::new(AtomicBool::new(false));
        let _signals = Signals::listen(&stop).map_err(|error| Trouble::environment(format!("cannot listen for signals: {error}")))?;
        let is_stopped = Arc::clone(&stop);
        let (mut writer, recovered) = Writer::open(Arc::clone(config), Arc::clone(&progress), stop, "cli", Start::of(lock))?;
        for job in recovered.again.into_iter().chain(recovered.doubtful) {
            global.tell("finishing a file of an interrupted run first");
            writer.run(&[job])?;
        }
        writer.learn()?; // what an interrupted run left waiting
        let told = self.each(|file| {
            if is_stopped.load(Ordering::Relaxed) {
                return Err(Trouble { exit: Exit::Failed, text: format!("{}: {}; it was not begun", display_name(file), Wait::Stopped) });
            }
            let report = self.take_one(global, config, &mut writer, &progress, file)?;
            writer.learn()?;
            tell_report(global, config, writer.store(), &report)?;
            Ok(report)
        });
        writer.close()?;
        Ok(told)
    }

    /// Every file in turn. One that waits does not keep the others; trouble with the machine ends it, and is told after
    /// what was done.
    fn each(&self, mut take: impl FnMut(&Path) -> Result<Report, Trouble>) -> (Vec<Report>, Option<Trouble>) {
        let (mut reports, mut worst) = (Vec::with_capacity(self.files.len()), None::<Trouble>);
        for file in &self.files {
            match take(file) {
                Ok(report) => reports.push(report),
                Err(trouble) if trouble.exit == Exit::Environment => return (reports, Some(trouble)),
                Err(trouble) => {
                    if let Some(before) = worst.replace(trouble) {
                        eprintln!("[ERROR] {}", page_shown(&before.text));
                    }
                }
            }
        }
        (reports, worst)
    }

    fn take_one(
        &self,
        global: &Global,
        config: &Config,
        writer: &mut Writer,
        progress: &Arc<Progress>,
        file: &Path,
    ) -> Result<Report, Trouble> {
        global.tell(&console::starting(&display_name(file)));
        let path = std::path::absolute(file).map_err(|error| Trouble::environment(format!("{}: {error}", display_name(file))))?;
        let job = if self.moves && !config.mode.is_dry_run() {
            let rel = follow::drop_itself(config, &path)?;
            let taken = writer.claim_path(&rel)?;
            taken.ok_or_else(|| Trouble::environment(format!("{}: it went away while it was being moved", display_name(file))))?
        } else {
            writer.job_in_place(&path, config.mode.is_dry_run())?
        };
        let bar = Bar::start(global, progress);
        let ended = writer.run(&[job]);
        bar.end();
        match ended?.pop() {
            Some(Ended::Done(report)) => Ok(*report),
            Some(Ended::Waits { why, .. }) => {
                let exit = if why == Wait::Failed { Exit::Bug } else { Exit::Failed };
                if let Wait::Held(_) = why {
                    let text = format!("{}: {why}; nothing of it is counted. `valhalla hold` shows it", display_name(file));
                    return Err(Trouble { exit, text });
                }
                let next = if self.moves && why == Wait::Stopped { "It is kept, and taken at the next start" } else { "Try again" };
                Err(Trouble { exit, text: format!("{}: {why}; nothing of it was taken. {next}", display_name(file)) })
            }
            None => Err(Trouble::environment(format!("{}: nothing was done", display_name(file)))),
        }
    }

    /// The daemon is the writer: the files are dropped into its inbox and followed.
    fn through_daemon(&self, global: &Global, config: &Arc<Config>) -> (Vec<Report>, Option<Trouble>) {
        global.tell(&format!("root: {} (through the running daemon)", display_name(&config.root)));
        self.each(|file| {
            global.tell(&console::starting(&display_name(file)));
            let dropped = follow::drop_copy(config, file)?;
            let report = follow::report_of(config, &dropped, || daemon_answers(config))?;
            if self.moves && !dropped.is_still(file) {
                global.tell(&format!("{}: it was written to meanwhile and stays here; what was copied has been taken", display_name(file)));
            } else if self.moves {
                std::fs::remove_file(file)
                    .map_err(|error| Trouble::environment(format!("{}: {error}; it was taken, but stays here", display_name(file))))?;
            }
            tell_report(global, config, &open_to_read(&config.store.path)?, &report)?;
            Ok(report)
        })
    }
}

fn daemon_answers(config: &Config) -> bool {
    daemon::ask(&config.root, &json!({ "command": "status" })).is_ok_and(|reply| reply["ok"] == true)
}

/// Whether the daemon only tries: what is dropped then stays in the inbox.
fn daemon_is_dry(config: &Config) -> bool {
    daemon::ask(&config.root, &json!({ "command": "status" })).is_ok_and(|reply| reply["status"]["mode"] == "dry-run")
}

/// What was read and taken, in the original system's words.
fn tell_report(global: &Global, config: &Arc<Config>, store: &Store, report: &Report) -> Result<(), Trouble> {
    if !report.columns.is_empty() {
        let names: Vec<String> = report.columns.iter().map(|column| column.name.clone()).collect();
        global.tell(&console::headers(&names));
    }
    let tells_leads = report.fate == Fate::Processed && !report.dry_run && (global.verbose > 0 || report.rows.total <= TOLD_ROWS);
    if tells_leads && !global.quiet {
        let mut restaging = Restaging::new(config, store);
        let job_id = uuid::Uuid::parse_str(&report.job_id).ok();
        store.leads(&LeadQuery { job_id, ..LeadQuery::default() }, |stored| {
            let lead = stored.lead();
            restaging
                .with(&stored, |staged, from| eprintln!("{}\n{}", console::processing(&lead), console::stages(&lead, staged, from.packet)))
        })?;
    }
    if let Some(reason) = &report.reason {
        eprintln!("[{}] {}", if report.fate == Fate::Failed { "ERROR" } else { "NOTHING TO DO" }, shown(reason));
    }
    if report.fate != Fate::Duplicate {
        let (total, valid) = (report.rows.total, report.valid());
        match report.kind {
            Kind::Outcomes => global.tell(&console::outcomes_complete(total, valid, &report.outcomes)),
            Kind::Leads => global.tell(&console::complete(total, valid)),
        }
        if report.kind == Kind::Leads && report.outcomes.taken() > 0 {
            global.tell(&console::outcomes(&report.outcomes));
        }
    }
    if let Some(rejects) = &report.rejects_as {
        global.tell(&format!("  The rows to fix: {rejects}"));
    }
    Ok(())
}

/// Ctrl-C and SIGTERM end the work in order: what is in hand is given up, the store and the lock are left as at any end.
pub(super) struct Signals {
    thread: Option<std::thread::JoinHandle<()>>,
    quit: Arc<Notify>,
}

impl Signals {
    pub(super) fn listen(stop: &Arc<AtomicBool>) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (mut interrupt, mut terminate) = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let (stop, quit) = (Arc::clone(stop), Arc::new(Notify::new()));
        let quitting = Arc::clone(&quit);
        let listen = async move {
            tokio::select! {
                () = quitting.notified() => {}
                _ = interrupt.recv() => stop.store(true, Ordering::Relaxed),
                _ = terminate.recv() => stop.store(true, Ordering::Relaxed),
            }
        };
        let thread = std::thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(listen))?;
        Ok(Self { thread: Some(thread), quit })
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.quit.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it only waits, and cannot have panicked
        }
    }
}

/// A progress bar on a terminal, fed from the figures that everyone can look at.
struct Bar {
    thread: Option<(std::thread::JoinHandle<()>, Arc<AtomicBool>)>,
}

impl Bar {
    fn start(global: &Global, progress: &Arc<Progress>) -> Self {
        if global.quiet || global.json || !std::io::IsTerminal::is_terminal(&std::io::stderr()) {
            return Self { thread: None };
        }
        let (progress, done) = (Arc::clone(progress), Arc::new(AtomicBool::new(false)));
        let is_done = Arc::clone(&done);
        let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {msg} {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let thread = std::thread::spawn(move || {
            let bar = ProgressBar::new(0).with_style(style);
            while !is_done.load(Ordering::Relaxed) {
                let look = progress.look();
                bar.set_length(look.bytes_total);
                bar.set_position(look.bytes_done);
                bar.set_message(format!("{} rows", console::thousands(look.rows_done)));
                std::thread::park_timeout(Duration::from_millis(100));
            }
            bar.finish_and_clear();
        });
        Self { thread: Some((thread, done)) }
    }

    fn end(self) {
        if let Some((thread, done)) = self.thread {
            done.store(true, Ordering::Relaxed);
            thread.thread().unpark();
            let _ = thread.join(); // a panic there cost only the bar
        }
    }
}
