//! The looks: each `monitor_seconds` on a thread of its own, so that a probe on a hanging disk never stalls the intake.
//!
//! What was found is handed to the working thread, the only one that writes. The monitor writes two small files of its own:
//! one beside the store, whose time is measured, and a canary in the inbox; both are removed at once.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use super::security::{self, Chain};
use super::system::{self, Before, SystemFigures};
use super::{Finding, Level, Pulse};
use crate::clock::{self, Stopwatch};
use crate::config::{CANARY, Config};
use crate::journal::AlertCode;

/// How long the canary's announcement may take.
const CANARY_MS: u64 = 2_000;
/// A look that takes longer is told.
const LOOK_MS_MAX: u64 = 10_000;

/// What one look found.
#[derive(Debug, Clone)]
pub struct Looked {
    /// The findings, fine ones too.
    pub findings: Vec<Finding>,
    /// The machine's figures.
    pub system: SystemFigures,
    /// Suspicious activities within the last hour.
    pub suspicious: u64,
    /// What encrypts the data; or why that cannot be known.
    pub encryption: Result<String, String>,
}

/// The thread that looks; it ends with this value, or when it comes back from a disk that hangs.
#[derive(Debug)]
pub struct Monitor {
    quit: Arc<AtomicBool>,
    thread: Thread,
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.quit.store(true, Ordering::Relaxed);
        self.thread.unpark(); // not joined: a look may hang on a disk for as long as it likes
    }
}

impl Monitor {
    /// Starts to look. `hand` takes what was found, and must not wait.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(config: &Arc<Config>, pulse: &Arc<Pulse>, hand: impl Fn(Looked) + Send + 'static) -> io::Result<Self> {
        let quit = Arc::new(AtomicBool::new(false));
        let (config, pulse, quitting) = (Arc::clone(config), Arc::clone(pulse), Arc::clone(&quit));
        let thread = thread::Builder::new().name("monitor".to_owned()).spawn(move || {
            let mut eyes = Eyes::new(Arc::clone(&pulse));
            let mut is_first = true;
            while !quitting.load(Ordering::Relaxed) {
                pulse.set_looking(true);
                // At the start the disk has better things to do than to be measured.
                let looked = eyes.look(&config, !is_first, &quitting);
                pulse.set_looking(false);
                if !quitting.load(Ordering::Relaxed) {
                    hand(looked);
                }
                is_first = false;
                let (waited, pause_ms) = (Stopwatch::start(), config.risk.monitor_seconds * 1000);
                while !quitting.load(Ordering::Relaxed) && waited.elapsed_ms() < pause_ms {
                    thread::park_timeout(Duration::from_millis(pause_ms.saturating_sub(waited.elapsed_ms()).max(1)));
                }
            }
        })?;
        Ok(Self { quit, thread: thread.thread().clone() })
    }
}

/// Whether the present look takes too long; asked by the working thread, which does not hang with it.
#[must_use]
pub fn stalled(pulse: &Pulse) -> Finding {
    let ms = pulse.looking_ms();
    #[allow(clippy::cast_precision_loss)] // milliseconds
    let (metric, limit) = (ms as f64 / 1000.0, LOOK_MS_MAX as f64 / 1000.0);
    let level = if ms > LOOK_MS_MAX { Level::Warning } else { Level::Fine };
    Finding::new(AlertCode::MonitorStalled, level, format!("the present look has taken {metric:.0} s, the limit is {limit:.0} s"))
        .measured(metric, limit)
}

/// Every probe that needs no running daemon, once.
#[must_use]
pub fn probe(config: &Config) -> Vec<Finding> {
    let mut found = Before::default().judge(&system::read(config, true), &config.risk);
    found.extend(security::installation(config));
    found.push(Chain::default().follow(&config.folders.logs));
    found
}

/// What is remembered from look to look.
struct Eyes {
    pulse: Arc<Pulse>,
    clock: Stopwatch,
    before: Before,
    chain: Chain,
}

impl Eyes {
    fn new(pulse: Arc<Pulse>) -> Self {
        let mut before = Before::default();
        before.processors(0.0);
        Self { pulse, clock: Stopwatch::start(), before, chain: Chain::default() }
    }

    fn look(&mut self, config: &Config, with_writes: bool, quit: &AtomicBool) -> Looked {
        let mut figures = system::read(config, with_writes);
        (figures.cpu_own, figures.cpu_machine) = self.before.processors(self.clock.elapsed_seconds());
        #[allow(clippy::cast_precision_loss)] // threads
        let workers = config.workers as f64;
        figures.workers_busy = figures.cpu_own.map(|cpu| (cpu / workers * 10.0).round().min(1000.0) / 10.0);
        figures.clock_moved_ms = self.before.clocks(clock::now_ms(), self.clock.elapsed_ms());
        // In a dry run drops stay in the inbox for good.
        figures.queue = (!config.mode.is_dry_run()).then(|| self.pulse.queue());
        figures.latency = self.pulse.latency();
        figures.connections = Some(self.pulse.connections());
        figures.canary =
            (with_writes && !self.pulse.is_polling()).then(|| self.canary(&config.folders.inbox, quit).map_err(|error| error.to_string()));
        let mut findings = self.before.judge(&figures, &config.risk);
        findings.extend(security::installation(config));
        findings.extend(security::drops(&self.pulse, &config.risk));
        let channels = config.alerts.channels.iter();
        findings.extend(security::remote(&channels.map(|channel| (channel.name.clone(), channel.is_protected())).collect::<Vec<_>>()));
        findings.push(self.chain.follow(&config.folders.logs));
        let data = config.store.path.parent().unwrap_or(&config.root);
        let encryption = security::encryption(data).map(ToOwned::to_owned);
        Looked { findings, system: figures, suspicious: self.pulse.suspicions().iter().sum(), encryption }
    }

    /// Touches a file in the inbox and waits for its announcement.
    fn canary(&self, inbox: &Path, quit: &AtomicBool) -> io::Result<bool> {
        let path = inbox.join(CANARY);
        let before = self.pulse.canaries();
        let _ = fs::remove_file(&path); // left by a look that was cut off
        drop(OpenOptions::new().write(true).create_new(true).open(&path)?);
        let waited = Stopwatch::start();
        while self.pulse.canaries() == before && waited.elapsed_ms() < CANARY_MS && !quit.load(Ordering::Relaxed) {
            thread::park_timeout(Duration::from_millis(10));
        }
        fs::remove_file(&path)?;
        Ok(self.pulse.canaries() != before)
    }
}
