//! What the one writer is doing right now, for everyone who only looks: the progress bar, `status`, the risk snapshot.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::journal::{Folding, Report, Severity};

/// Repeats of an alert within so many milliseconds are told in one later line.
const FOLDING_MS: i64 = 10 * 60 * 1000;

/// Figures that move while work goes on; they outlive the opening anew after trouble.
#[derive(Debug)]
pub struct Progress {
    folding: Mutex<Folding>,
    bytes_done: AtomicU64,
    bytes_total: AtomicU64,
    rows_done: AtomicU64,
    alerts: [AtomicU64; 3],
    formula_files: AtomicU64,
    state: Mutex<State>,
}

/// Words and totals, changed once a file.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// The file being worked on.
    pub file: Option<String>,
    /// Why nothing is taken in.
    pub paused: Option<String>,
    /// Files waiting at the last scan.
    pub waiting: u64,
    /// Files that ended since the start.
    pub files: u64,
    /// Rows of those files.
    pub rows: u64,
    /// How well the installation is; `None` before the first look.
    pub health: Option<Verdict>,
    /// The last report, also of an earlier run.
    pub last: Option<Box<Report>>,
}

/// How well the installation is, in the words of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// `HEALTHY`, `DEGRADED` or `CRITICAL`.
    pub health: &'static str,
    /// `LOW`, `MEDIUM` or `HIGH`.
    pub risk: &'static str,
    /// The codes behind it, the worst first.
    pub causes: Vec<&'static str>,
    /// How many things cannot be known.
    pub unknown: usize,
}

/// A look at it all.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// Bytes read of the current file.
    pub bytes_done: u64,
    /// Its length.
    pub bytes_total: u64,
    /// Its rows so far.
    pub rows_done: u64,
    /// Alerts since the start: info, warning, critical.
    pub alerts: [u64; 3],
    /// The rest.
    pub state: State,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            folding: Mutex::new(Folding::new(FOLDING_MS)),
            bytes_done: AtomicU64::default(),
            bytes_total: AtomicU64::default(),
            rows_done: AtomicU64::default(),
            alerts: Default::default(),
            formula_files: AtomicU64::default(),
            state: Mutex::default(),
        }
    }
}

impl Progress {
    /// The alerts whose repeats are being gathered.
    pub(crate) fn folding(&self) -> MutexGuard<'_, Folding> {
        self.folding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file begins.
    pub fn begin(&self, file: &str) {
        self.lock().file = Some(file.to_owned());
        self.bytes_done.store(0, Ordering::Relaxed);
        self.rows_done.store(0, Ordering::Relaxed);
    }

    /// How long the current file is.
    pub fn expect(&self, bytes: u64) {
        self.bytes_total.store(bytes, Ordering::Relaxed);
    }

    /// How far the current file is.
    pub fn advance(&self, bytes: u64, rows: u64) {
        self.bytes_done.store(bytes, Ordering::Relaxed);
        self.rows_done.store(rows, Ordering::Relaxed);
    }

    /// A file has ended.
    pub fn end(&self, report: &Report) {
        let mut state = self.lock();
        state.file = None;
        state.files += 1;
        state.rows += report.rows.total;
        state.last = Some(Box::new(report.clone()));
    }

    /// What an earlier run did last, unless this one has done something since.
    pub fn recall(&self, report: Report) {
        self.lock().last.get_or_insert_with(|| Box::new(report));
    }

    /// Why nothing is taken in; `None` when it goes on.
    pub fn pause(&self, why: Option<String>) {
        self.lock().paused = why;
    }

    /// What the last look makes of everything.
    pub fn judge(&self, verdict: Verdict) {
        self.lock().health = Some(verdict);
    }

    /// Files seen waiting.
    pub fn wait(&self, files: u64) {
        self.lock().waiting = files;
    }

    /// An alert was raised.
    pub fn count_alert(&self, severity: Severity) {
        self.alerts[severity as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A file had cells that a spreadsheet would run.
    pub fn meet_formulas(&self) {
        self.formula_files.fetch_add(1, Ordering::Relaxed);
    }

    /// How many such files there were since this was asked last.
    pub fn take_formula_files(&self) -> u64 {
        self.formula_files.swap(0, Ordering::Relaxed)
    }

    /// Everything at once.
    #[must_use]
    pub fn look(&self) -> Look {
        let count = |at: usize| self.alerts[at].load(Ordering::Relaxed);
        Look {
            bytes_done: self.bytes_done.load(Ordering::Relaxed),
            bytes_total: self.bytes_total.load(Ordering::Relaxed),
            rows_done: self.rows_done.load(Ordering::Relaxed),
            alerts: [count(0), count(1), count(2)],
            state: self.lock().clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
