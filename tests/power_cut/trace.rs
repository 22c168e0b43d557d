//! Reads what strace wrote: at which system calls a job's states begin, and how far a run had come.

use std::fmt;
use std::path::Path;

use rustix::process::Pid;

/// System calls behind which the power can go: all that change something on the disk.
pub const CALLS: [&str; 15] = [
    "renameat2",
    "renameat",
    "unlink",
    "fsync",
    "fdatasync",
    "syncfs",
    "pwrite64",
    "write",
    "mkdir",
    "rmdir",
    "ftruncate",
    "openat",
    "mkdirat",
    "unlinkat",
    "linkat",
];

/// How far the group of drops has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// In the inbox.
    Dropped,
    /// The first of them renamed into its claim folder.
    Claimed,
    /// The first output begun.
    OutputsBegun,
    /// Claims and outputs synced.
    Synced,
    /// The store's log synced.
    Committed,
    /// The first journal line written.
    Publishing,
    /// All journals synced.
    Published,
    /// The first output or original renamed to its final name.
    Moving,
    /// Moves synced.
    Moved,
    /// The first claim folder removed.
    Cleared,
    /// Noted as done in the store.
    Done,
}

impl State {
    /// In order.
    pub const ALL: [Self; 11] = [
        Self::Dropped,
        Self::Claimed,
        Self::OutputsBegun,
        Self::Synced,
        Self::Committed,
        Self::Publishing,
        Self::Published,
        Self::Moving,
        Self::Moved,
        Self::Cleared,
        Self::Done,
    ];

    /// The state after a system call, given as strace shows it.
    fn after(self, line: &str) -> Self {
        let call = call_of(line);
        let is_sync = matches!(call, "fsync" | "fdatasync" | "syncfs");
        let has = |part: &str| line.contains(part);
        match self {
            Self::Dropped if call == "renameat2" && has("/inbox") && has("/.claimed/") => Self::Claimed,
            Self::Claimed if call == "openat" && has("/.claimed/") && (has("/.leads>") || has("/.rejects>")) => Self::OutputsBegun,
            Self::OutputsBegun if is_sync && has("/.claimed>") => Self::Synced,
            Self::Synced if is_sync && has("valhalla.db-wal>") => Self::Committed,
            Self::Committed if call == "write" && has(".jsonl>") => Self::Publishing,
            Self::Publishing if is_sync && has("audit.jsonl>") => Self::Published,
            Self::Published if call == "renameat2" && has("/.claimed/") => Self::Moving,
            Self::Moving if call == "syncfs" || (call == "fsync" && (has("/processed>") || has("/processed/zillow>"))) => Self::Moved,
            Self::Moved if (call == "rmdir" || has("AT_REMOVEDIR")) && has("/.claimed") && line.ends_with("= 0") => Self::Cleared,
            Self::Cleared if call == "pwrite64" && has("valhalla.db-wal>") => Self::Done,
            _ => self,
        }
    }
}

/// A moment: right behind the `when`th call of this kind by the thread that does the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    pub call: String,
    pub when: usize,
    pub state: State,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({:?})", self.call, self.when, self.state)
    }
}

/// The calls of one run.
pub struct Trace {
    pid: Option<i32>,
    /// Calls of the working thread, which is the first.
    lines: Vec<String>,
}

impl Trace {
    /// As far as it is written.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let pid = text.split_whitespace().next().and_then(|pid| pid.parse().ok());
        let calls = text.lines().filter_map(|line| line.split_once(' ')).filter(|(thread, _)| thread.parse().ok() == pid);
        Self { pid, lines: calls.map(|(_, call)| call.trim_start().to_owned()).collect() }
    }

    /// The daemon's process.
    pub fn pid(&self) -> Option<Pid> {
        self.pid.and_then(Pid::from_raw)
    }

    /// Every moment at which something may have changed on the disk; of several equal calls in a row the first and the last,
    /// because between two syncs one more page of the same file makes no other case.
    pub fn points(&self) -> Vec<Point> {
        let mut counts = std::collections::HashMap::new();
        let mut state = State::Dropped;
        let mut points = Vec::new();
        for line in self.lines.iter().filter(|line| CALLS.contains(&call_of(line))) {
            state = state.after(line);
            let count: &mut usize = counts.entry(call_of(line)).or_default();
            *count += 1;
            if call_of(line) != "openat" || line.contains("O_CREAT") {
                points.push(Point { call: call_of(line).to_owned(), when: *count, state });
            }
        }
        let is_inner = |at: usize| {
            let same = |other: &Point| other.call == points[at].call && other.state == points[at].state;
            at > 0 && points.get(at + 1).is_some_and(same) && same(&points[at - 1]) && matches!(&*points[at].call, "pwrite64" | "write")
        };
        (0..points.len()).filter(|at| !is_inner(*at)).map(|at| points[at].clone()).collect()
    }

    /// How far it came.
    pub fn state(&self) -> State {
        self.lines.iter().fold(State::Dropped, |state, line| state.after(line))
    }
}

/// The name of the call in a line; of the rest of an interrupted one, nothing.
fn call_of(line: &str) -> &str {
    line.split_once('(').map_or("", |(call, _)| call)
}
