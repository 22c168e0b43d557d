//! Decides when a drop is complete: when its writer is done.
//!
//! Pure: looks, proofs and a monotonic time go in, a verdict comes out. It opens nothing, reads no clock and does not
//! know where a look came from. The file system's own clock never counts: a modification time is only compared for
//! equality, so a clock that jumps, or a file dated 1970 or 2099, changes nothing.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::reading::Look;

/// What is known about others who may be writing the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriterProof {
    /// Proved: nobody has it open for writing.
    NoWriter,
    /// Somebody has it open for writing now.
    MayHaveWriter,
    /// It cannot be known: another owner's file, a network share, a platform without leases.
    Unknown,
}

/// How we came to know of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It stood in the listing; no event spoke of it.
    Listed,
    /// A writer was seen closing it.
    Closed,
    /// It came in by a rename, so whoever wrote it did so elsewhere.
    Renamed,
}

/// How long a drop must stay unchanged, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettleRules {
    /// With the proof that no writer holds it, or after a writer was seen closing it.
    pub settle_ms: u64,
    /// Without either.
    pub settle_unknown_ms: u64,
}

/// Whether a drop can be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Claim it now.
    Ready,
    /// Look again at this time, in milliseconds on the clock that was passed in.
    WaitUntil(u64),
}

/// The memory of past looks, one for each path that waits.
#[derive(Debug)]
pub struct Settle {
    rules: SettleRules,
    waiting: HashMap<PathBuf, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    look: Look,
    /// When this look was first seen.
    unchanged_since_ms: u64,
    /// Whether a writer was seen closing it while it looked like this.
    closed: bool,
    /// When to look again; none once it is ready, so that a paused intake does not spin.
    due_ms: Option<u64>,
}

impl Settle {
    /// Starts with no memory.
    #[must_use]
    pub fn new(rules: SettleRules) -> Self {
        Self { rules, waiting: HashMap::new() }
    }

    /// Takes one look at the drop at `path` (relative to the inbox) and says whether it is complete.
    ///
    /// `now_ms` comes from a monotonic clock of the caller.
    pub fn observe(&mut self, path: &Path, look: Look, proof: WriterProof, arrival: Arrival, now_ms: u64) -> Verdict {
        let unchanged = self.waiting.get(path).filter(|before| before.look.same_content(&look));
        let (since_ms, closed) = match (proof, unchanged) {
            // A writer may pause for longer than any wait: with one in sight the waiting starts over at each look.
            (WriterProof::MayHaveWriter, _) => (now_ms, false),
            (_, Some(before)) => (before.unchanged_since_ms, before.closed || arrival == Arrival::Closed),
            (_, None) => (now_ms, arrival == Arrival::Closed),
        };
        let wait_ms = match proof {
            WriterProof::Unknown if !closed => self.rules.settle_unknown_ms,
            _ => self.rules.settle_ms,
        };
        let due_ms = since_ms.saturating_add(wait_ms);
        let ready = match proof {
            WriterProof::MayHaveWriter => false,
            WriterProof::NoWriter if arrival == Arrival::Renamed => true,
            _ => unchanged.is_some() && now_ms >= due_ms,
        };
        self.remember(path, Waiting { look, unchanged_since_ms: since_ms, closed, due_ms: (!ready).then_some(due_ms) });
        if ready { Verdict::Ready } else { Verdict::WaitUntil(due_ms) }
    }

    /// Forgets one path: it was claimed.
    pub fn forget(&mut self, path: &Path) {
        self.waiting.remove(path);
    }

    /// Forgets every path that the listing no longer shows, so that the memory is never larger than the listing.
    pub fn forget_missing<'a>(&mut self, seen: impl IntoIterator<Item = &'a Path>) {
        let seen: HashSet<&Path> = seen.into_iter().collect();
        self.waiting.retain(|path, _| seen.contains(path.as_path()));
    }

    /// The earliest time at which a waiting drop wants another look, in milliseconds.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.waiting.values().filter_map(|waiting| waiting.due_ms).min()
    }

    fn remember(&mut self, path: &Path, now: Waiting) {
        match self.waiting.get_mut(path) {
            Some(before) => *before = now,
            None => {
                self.waiting.insert(path.to_path_buf(), now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Arrival::{Closed, Listed, Renamed};
    use Verdict::{Ready, WaitUntil};
    use WriterProof::{MayHaveWriter, NoWriter, Unknown};

    const RULES: SettleRules = SettleRules { settle_ms: 200, settle_unknown_ms: 3000 };

    fn look(size: u64, mtime_ns: i128, ino: u64) -> Look {
        Look { size, mtime_ns, ctime_ns: 0, dev: 1, ino }
    }

    /// Feeds the looks at one path and compares every verdict.
    fn check(name: &str, steps: &[(u64, Look, WriterProof, Arrival, Verdict)]) {
        let mut settle = Settle::new(RULES);
        for (step, (now_ms, look, proof, arrival, expected)) in steps.iter().enumerate() {
            let verdict = settle.observe(Path::new("x.csv"), *look, *proof, *arrival, *now_ms);
            assert_eq!(verdict, *expected, "{name}, step {step}");
        }
    }

    #[test]
    fn a_drop_is_ready_when_its_writer_is_done() {
        let a = look(10, 5, 7);
        check("renamed in, nobody writes", &[(0, a, NoWriter, Renamed, Ready)]);
        check("still ready when asked again", &[(0, a, NoWriter, Renamed, Ready), (1, a, NoWriter, Renamed, Ready)]);
        check("two looks far enough apart", &[(0, a, NoWriter, Listed, WaitUntil(200)), (200, a, NoWriter, Listed, Ready)]);
        check(
            "a look too early does not start over",
            &[(0, a, NoWriter, Listed, WaitUntil(200)), (150, a, NoWriter, Listed, WaitUntil(200)), (200, a, NoWriter, Listed, Ready)],
        );
        check(
            "growth starts over",
            &[
                (0, a, NoWriter, Listed, WaitUntil(200)),
                (200, look(11, 5, 7), NoWriter, Listed, WaitUntil(400)),
                (400, look(11, 5, 7), NoWriter, Listed, Ready),
            ],
        );
        check(
            "a clock that jumps back is a change like any other",
            &[
                (0, look(10, 900, 7), NoWriter, Listed, WaitUntil(200)),
                (200, look(10, 1, 7), NoWriter, Listed, WaitUntil(400)),
                (400, look(10, 1, 7), NoWriter, Listed, Ready),
            ],
        );
        check(
            "a modification time in the far future",
            &[(0, look(10, i128::MAX, 7), NoWriter, Listed, WaitUntil(200)), (200, look(10, i128::MAX, 7), NoWriter, Listed, Ready)],
        );
        check(
            "another file under the same name, same size and time",
            &[(0, a, NoWriter, Listed, WaitUntil(200)), (200, look(10, 5, 8), NoWriter, Listed, WaitUntil(400))],
        );
    }

    #[test]
    fn without_proof_the_wait_is_longer() {
        let a = look(10, 5, 7);
        check(
            "unknown",
            &[(0, a, Unknown, Listed, WaitUntil(3000)), (200, a, Unknown, Listed, WaitUntil(3000)), (3000, a, Unknown, Listed, Ready)],
        );
        check("renamed in, but who knows", &[(0, a, Unknown, Renamed, WaitUntil(3000)), (3000, a, Unknown, Listed, Ready)]);
        check("seen closing", &[(0, a, Unknown, Closed, WaitUntil(200)), (200, a, Unknown, Listed, Ready)]);
        check(
            "seen closing on the second look",
            &[(0, a, Unknown, Listed, WaitUntil(3000)), (50, a, Unknown, Closed, WaitUntil(200)), (200, a, Unknown, Listed, Ready)],
        );
        check(
            "written again after it was closed",
            &[(0, a, Unknown, Closed, WaitUntil(200)), (200, look(11, 6, 7), Unknown, Listed, WaitUntil(3200))],
        );
    }

    #[test]
    fn a_writer_in_sight_starts_the_wait_over() {
        let a = look(10, 5, 7);
        check(
            "held though unchanged",
            &[
                (0, a, MayHaveWriter, Renamed, WaitUntil(200)),
                (200, a, MayHaveWriter, Listed, WaitUntil(400)),
                (9000, a, MayHaveWriter, Listed, WaitUntil(9200)),
                (9100, a, NoWriter, Listed, WaitUntil(9200)),
                (9200, a, NoWriter, Listed, Ready),
            ],
        );
    }

    #[test]
    fn memory_is_bounded_by_the_listing_and_the_next_look_is_known() {
        let mut settle = Settle::new(RULES);
        assert_eq!(settle.next_deadline(), None);
        settle.observe(Path::new("a"), look(1, 1, 1), NoWriter, Listed, 100);
        settle.observe(Path::new("b"), look(1, 1, 2), NoWriter, Listed, 50);
        assert_eq!(settle.next_deadline(), Some(250));
        settle.forget_missing([Path::new("a")]);
        assert_eq!((settle.waiting.len(), settle.next_deadline()), (1, Some(300)));
        assert_eq!(settle.observe(Path::new("a"), look(1, 1, 1), NoWriter, Listed, 300), Ready);
        assert_eq!(settle.next_deadline(), None, "what is ready must not wake a paused intake");
        settle.forget(Path::new("a"));
        assert!(settle.waiting.is_empty());
    }
}
