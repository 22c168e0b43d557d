//! Which points of the scenario are tried: all of them, or a sample that rotates with the commit.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use crate::scenario::{Act, Run, Stage};
use crate::state::State;
use crate::support::Random;
use crate::trace::{Call, Fault};

/// Calls that change nothing: killed at one of them, the program leaves what it left at the change before.
pub const READING: [&str; 9] = ["read", "pread64", "getdents64", "stat", "lstat", "fstat", "statx", "newfstatat", "fcntl"];

/// An act as it is when nothing goes wrong.
#[derive(Debug)]
pub struct Reference {
    /// The act.
    pub act: Act,
    /// Its root afterwards.
    pub stage: Stage,
    /// What it did.
    pub calls: Vec<Call>,
    /// What it came to.
    pub state: State,
}

impl Reference {
    /// A root on which the act is to be played.
    pub fn set(&self) -> Stage {
        let before = references().iter().find(|reference| reference.act == Act::First);
        Stage::set(self.act, before.map(|reference| &reference.stage))
    }

    /// What is wrong with a root on which the act was played.
    pub fn judge(&self, stage: &Stage) -> Vec<String> {
        match State::of(&stage.root) {
            Ok(found) => found.differences(&self.state),
            Err(fault) => vec![fault],
        }
    }
}

/// All acts undisturbed, played once.
pub fn references() -> &'static [Reference] {
    static FIRST: OnceLock<Vec<Reference>> = OnceLock::new();
    FIRST.get_or_init(|| {
        let mut played: Vec<Reference> = Vec::new();
        for act in Act::ALL {
            let stage = Stage::set(act, played.last().map(|reference| &reference.stage));
            let Run { code, is_through, calls } = stage.play(&Fault::none());
            assert!(is_through && code == Some(0), "undisturbed: {code:?} {}", stage.seen());
            let end = State::of(&stage.root).unwrap_or_else(|fault| panic!("undisturbed: {fault}"));
            played.push(Reference { act, stage, calls, state: end });
        }
        played
    })
}

/// How many calls of each kind an undisturbed act makes.
pub fn counts(calls: &[Call]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        let count = counts.entry(call.name.clone()).or_insert(0);
        *count = call.number.max(*count);
    }
    counts
}

/// Whether all points are asked for.
pub fn is_full() -> bool {
    std::env::var("FAULTS").is_ok_and(|what| what == "full")
}

/// The number that decides which points a sample has: `FAULTS_SEED`, else one that changes with the commit.
pub fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let given = std::env::var("FAULTS_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let head = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
            let head = head.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
            u64::from_str_radix(&head, 16).unwrap_or(1)
        });
        println!("seed: FAULTS_SEED={seed}");
        seed
    })
}

/// About `size` of the points, spread over each group of them, with at least one of each group; all for a full sweep.
pub fn sample<P: Clone>(groups: &[Vec<P>], size: usize) -> Vec<P> {
    let mut random = Random::from(seed());
    if is_full() {
        // In no order, so that what is tried so far says something about all of them.
        let mut all = groups.concat();
        for at in (1..all.len()).rev() {
            all.swap(at, random.index(at + 1));
        }
        return all;
    }
    let total: usize = groups.iter().map(Vec::len).sum();
    let mut chosen = Vec::new();
    for group in groups.iter().filter(|group| !group.is_empty()) {
        let share = (size.saturating_sub(groups.len()) * group.len() / total.max(1) + 1).min(group.len());
        let step = group.len() / share;
        let from = random.index(step);
        chosen.extend((0..share).map(|at| group[from + at * step].clone()));
    }
    chosen
}

/// What trying the points came to.
#[derive(Debug, Default)]
pub struct Tried {
    /// By name of the group: points tried, points that were not met, violations.
    pub groups: BTreeMap<String, [usize; 3]>,
    /// Each violation in words.
    pub violations: Vec<String>,
}

/// What became of one point.
pub enum Verdict {
    /// As it should be.
    Held,
    /// The run took another way and never came there.
    NotMet,
    /// Not as it should be.
    Violated(String),
}

/// Tries all points, some at a time, and collects what they came to. `name` gives the group of a point.
pub fn try_all<P: Sync>(points: &[P], at_once: usize, name: impl Fn(&P) -> String + Sync, attempt: impl Fn(&P) -> Verdict + Sync) -> Tried {
    let (next, tried) = (AtomicUsize::new(0), Mutex::new(Tried::default()));
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = attempt(point);
                    let mut tried = tried.lock().expect("no panic while it is held");
                    tried.groups.entry(name(point)).or_default()[0] += 1;
                    let done = tried.groups.values().map(|counts| counts[0]).sum::<usize>();
                    if done.is_multiple_of(100) {
                        println!("{done} of {} points tried, {} violations", points.len(), tried.violations.len());
                    }
                    let counts = tried.groups.entry(name(point)).or_default();
                    match verdict {
                        Verdict::Held => {}
                        Verdict::NotMet => counts[1] += 1,
                        Verdict::Violated(what) => {
                            counts[2] += 1;
                            eprintln!("VIOLATION {what}");
                            tried.violations.push(what);
                        }
                    }
                }
            });
        }
    });
    tried.into_inner().expect("no panic while it is held")
}

impl Tried {
    /// Prints the table and fails when something was violated or next to nothing was tried.
    #[track_caller]
    pub fn conclude(self, what: &str) {
        let sum = |at: usize| self.groups.values().map(|counts| counts[at]).sum::<usize>();
        println!("\n{what}: {} points tried, {} not met, {} violations", sum(0), sum(1), sum(2));
        println!("| call | points | not met | violations |\n|---|--:|--:|--:|");
        for (group, [tried, missed, violated]) in &self.groups {
            println!("| {group} | {tried} | {missed} | {violated} |");
        }
        assert!(sum(0) > sum(1) * 4, "{what}: hardly a point was met, the scenario is not stable");
        assert!(self.violations.is_empty(), "{what}: {} violations:\n{}", self.violations.len(), self.violations.join("\n\n"));
    }
}
