//! What the working thread, the watcher and the socket leave behind for the monitor to read: counts and times, no content.
//!
//! Everybody writes without waiting for the monitor, which may hang on a disk; everything kept is bounded.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;

use crate::clock::Stopwatch;

/// More drops than this are not followed; a listing holds no more either.
const SEEN_MAX: usize = 50_000;
/// More occurrences than this are not remembered; any limit is far below.
const MARKS_MAX: usize = 100_000;
/// Sources whose rejects are followed.
const SOURCES_MAX: usize = 1_000;
/// How long something suspicious counts, in milliseconds.
pub const WINDOW_MS: u64 = 3_600_000;
/// Bursts are counted over so many milliseconds.
pub const MINUTE_MS: u64 = 60_000;
/// The longest latency that is told apart: a day.
const LATENCY_MS_MAX: u64 = 86_400_000;

/// Something that honest sources do not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspicion {
    /// A link, a pipe or a device in the inbox.
    NotRegular,
    /// A name that hides what the file is.
    Name,
    /// A file with cells that a spreadsheet would run.
    Formulas,
}

/// Percentiles of the time from first seeing a drop to its report, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// Half of the drops took no longer.
    pub p50: u64,
    /// 95 of 100 took no longer.
    pub p95: u64,
    /// 99 of 100 took no longer.
    pub p99: u64,
    /// Drops measured since the start.
    pub drops: u64,
}

/// Shared by the daemon's threads.
#[derive(Debug)]
pub struct Pulse {
    clock: Stopwatch,
    connections: AtomicU64,
    canary_seen: AtomicU64,
    is_polling: AtomicBool,
    /// When the look under way began, in milliseconds and never 0; 0 between two looks.
    looking_since: AtomicU64,
    marks: Mutex<Marks>,
}

#[derive(Debug)]
struct Marks {
    seen: HashMap<PathBuf, u64>,
    latency: Option<Histogram<u64>>,
    suspicions: VecDeque<(u64, Suspicion)>,
    drops: VecDeque<u64>,
    rejects: HashMap<String, VecDeque<(u64, u64)>>,
}

impl Default for Pulse {
    fn default() -> Self {
        let marks = Marks {
            seen: HashMap::new(),
            latency: Histogram::new_with_bounds(1, LATENCY_MS_MAX, 3).ok(),
            suspicions: VecDeque::new(),
            drops: VecDeque::new(),
            rejects: HashMap::new(),
        };
        Self {
            clock: Stopwatch::start(),
            connections: AtomicU64::new(0),
            canary_seen: AtomicU64::new(0),
            is_polling: AtomicBool::new(false),
            looking_since: AtomicU64::new(0),
            marks: Mutex::new(marks),
        }
    }
}

impl Pulse {
    /// Milliseconds since the start.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.clock.elapsed_ms()
    }

    /// A drop was seen in a listing; whether for the first time, which is the one that counts.
    pub fn saw(&self, rel: &Path) -> bool {
        let now = self.now();
        let mut marks = self.lock();
        if marks.seen.contains_key(rel) || marks.seen.len() >= SEEN_MAX {
            return false;
        }
        marks.seen.insert(rel.to_path_buf(), now);
        if marks.drops.len() < MARKS_MAX {
            marks.drops.push_back(now);
        }
        true
    }

    /// After a listing that began at `since`: drops that are gone, and were not announced meanwhile, wait no more.
    pub fn keep_waiting(&self, since: u64, waits: impl Fn(&Path) -> bool) {
        self.lock().seen.retain(|rel, at| *at >= since || waits(rel));
    }

    /// The report of a drop, by its name as in reports, was published.
    pub fn reported(&self, file: &str) {
        let now = self.now();
        let mut marks = self.lock();
        if let Some(at) = marks.seen.remove(Path::new(file))
            && let Some(latency) = &mut marks.latency
        {
            latency.saturating_record((now - at.min(now)).max(1));
        }
    }

    /// Rows of a source were rejected.
    pub fn rejected(&self, source: &str, rows: u64) {
        let now = self.now();
        let mut marks = self.lock();
        if rows > 0 && (marks.rejects.contains_key(source) || marks.rejects.len() < SOURCES_MAX) {
            let of_source = marks.rejects.entry(source.to_owned()).or_default();
            if of_source.len() < SOURCES_MAX {
                of_source.push_back((now, rows));
            }
        }
    }

    /// Something suspicious was met.
    pub fn suspect(&self, what: Suspicion) {
        let now = self.now();
        let mut marks = self.lock();
        if marks.suspicions.len() < MARKS_MAX {
            marks.suspicions.push_back((now, what));
        }
    }

    /// The canary was announced.
    pub fn hear_canary(&self) {
        self.canary_seen.fetch_add(1, Ordering::Relaxed);
    }

    /// How often the canary was announced.
    #[must_use]
    pub fn canaries(&self) -> u64 {
        self.canary_seen.load(Ordering::Relaxed)
    }

    /// Whether nothing announces files, so that no canary can be heard either.
    pub fn set_polling(&self, is_polling: bool) {
        self.is_polling.store(is_polling, Ordering::Relaxed);
    }

    /// See [`set_polling`](Self::set_polling).
    #[must_use]
    pub fn is_polling(&self) -> bool {
        self.is_polling.load(Ordering::Relaxed)
    }

    /// A client of the socket came.
    pub fn connect(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// A client of the socket went.
    pub fn disconnect(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Clients of the socket at this moment.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// A look begins or ends.
    pub fn set_looking(&self, is_looking: bool) {
        self.looking_since.store(if is_looking { self.now().max(1) } else { 0 }, Ordering::Relaxed);
    }

    /// For how many milliseconds the present look has been going on.
    #[must_use]
    pub fn looking_ms(&self) -> u64 {
        match self.looking_since.load(Ordering::Relaxed) {
            0 => 0,
            since => self.now().saturating_sub(since),
        }
    }

    /// Drops without a report, and for how many milliseconds the oldest has waited.
    #[must_use]
    pub fn queue(&self) -> (u64, u64) {
        let now = self.now();
        let marks = self.lock();
        (marks.seen.len() as u64, marks.seen.values().min().map_or(0, |oldest| now.saturating_sub(*oldest)))
    }

    /// The latency so far; `None` before the first report.
    #[must_use]
    pub fn latency(&self) -> Option<Latency> {
        let marks = self.lock();
        let of = marks.latency.as_ref().filter(|latency| !latency.is_empty())?;
        let at = |quantile| of.value_at_quantile(quantile);
        Some(Latency { p50: at(0.5), p95: at(0.95), p99: at(0.99), drops: of.len() })
    }

    /// What was suspicious within the window: of each kind.
    #[must_use]
    pub fn suspicions(&self) -> [u64; 3] {
        let now = self.now();
        let mut marks = self.lock();
        marks.suspicions.retain(|(at, _)| now.saturating_sub(*at) < WINDOW_MS);
        let of = |kind| marks.suspicions.iter().filter(|(_, what)| *what == kind).count() as u64;
        [of(Suspicion::NotRegular), of(Suspicion::Name), of(Suspicion::Formulas)]
    }

    /// Drops within the last minute.
    #[must_use]
    pub fn drops_per_minute(&self) -> u64 {
        let now = self.now();
        let mut marks = self.lock();
        marks.drops.retain(|at| now.saturating_sub(*at) < MINUTE_MS);
        marks.drops.len() as u64
    }

    /// The source with most rejected rows within the last minute, and how many.
    #[must_use]
    pub fn rejects_per_minute(&self) -> Option<(String, u64)> {
        let now = self.now();
        let mut marks = self.lock();
        for of_source in marks.rejects.values_mut() {
            of_source.retain(|(at, _)| now.saturating_sub(*at) < MINUTE_MS);
        }
        marks.rejects.retain(|_, of_source| !of_source.is_empty());
        let sums = marks.rejects.iter().map(|(source, rows)| (source.clone(), rows.iter().map(|(_, rows)| rows).sum::<u64>()));
        sums.max_by_key(|(_, rows)| *rows)
    }

    fn lock(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_waits_until_its_report_and_its_latency_counts() {
        let pulse = Pulse::default();
        assert_eq!((pulse.queue().0, pulse.latency()), (0, None));
        let (a, gone) = (Path::new("a.csv"), Path::new("gone.csv"));
        pulse.saw(a);
        pulse.saw(a);
        pulse.saw(gone);
        assert_eq!((pulse.queue().0, pulse.drops_per_minute()), (2, 2));
        pulse.keep_waiting(u64::MAX, |rel| rel == a);
        assert_eq!(pulse.queue().0, 1);
        pulse.reported("a.csv");
        assert_eq!((pulse.queue().0, pulse.latency().map(|latency| latency.drops)), (0, Some(1)));
    }

    #[test]
    fn what_is_suspicious_is_counted_by_kind_and_rejects_by_source() {
        let pulse = Pulse::default();
        for what in [Suspicion::Name, Suspicion::Name, Suspicion::Formulas] {
            pulse.suspect(what);
        }
        assert_eq!(pulse.suspicions(), [0, 2, 1]);
        pulse.rejected("a", 3);
        pulse.rejected("b", 2);
        pulse.rejected("b", 2);
        assert_eq!(pulse.rejects_per_minute(), Some(("b".to_owned(), 4)));
    }
}
