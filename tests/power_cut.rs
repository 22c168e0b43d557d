//! Power cuts: the root lies on a file system of its own, which is shut down hard at each state of a job, mounted again and
//! recovered. What comes of it is what comes of an undisturbed run, on ext4 and on XFS.
//!
//! The daemon is stopped right behind one of its system calls, so that it neither ends nor closes anything before the cut;
//! then the file system refuses every further write, and what had not reached the disk is gone. Needs root, loop devices,
//! strace and `xfs_io`; without them it says that it is skipped.
//!
//! By itself it cuts at some points of each state, others with each commit. `FAULTS=full` cuts at every point (about half an
//! hour), `FAULTS_SEED=n` repeats a choice.

#[path = "power_cut/disk.rs"]
mod disk;
#[path = "power_cut/drops.rs"]
mod drops;
#[path = "power_cut/outcome.rs"]
mod outcome;
mod support;
#[path = "power_cut/trace.rs"]
mod trace;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Stdio};
use std::{fmt, fs};

use disk::{Cut, Disk, FileSystem};
use drops::Drops;
use outcome::Outcome;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use support::{DEADLINE, Random, Root, comes_true};
use trace::{Point, State, Trace};

/// Points of each state that are tried when not all are.
const POINTS_PER_STATE: usize = 2;

#[test]
fn ext4_loses_nothing() {
    if support::has_own_mounts("ext4_loses_nothing") {
        sweep(FileSystem::Ext4);
    }
}

#[test]
fn xfs_loses_nothing() {
    if support::has_own_mounts("xfs_loses_nothing") {
        sweep(FileSystem::Xfs);
    }
}

/// The cuts would show it: where the flush before the commit does nothing, outputs that the commit names are gone.
#[test]
fn a_missing_sync_shows() {
    if !support::has_own_mounts("a_missing_sync_shows") {
        return;
    }
    let disk = match Disk::make(FileSystem::Ext4) {
        Ok(disk) => disk,
        Err(why) => return println!("skipped: {why}"),
    };
    let root = Root::at(disk.at().join("root"));
    Drops::Many.prepare(&root);
    let before = disk.save();
    let (reference, _) = undisturbed(&disk, Drops::Many);
    disk.restore(&before);
    let cut = || cut_at(&disk, Drops::Many, &When::AtRest { but: Some("syncfs:retval=0") }, Cut::JournalOnly, &reference);
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(cut)).expect_err("a daemon that does not sync passes");
    let told = found.downcast_ref::<String>().expect("words");
    let is_it = told.contains("processed/large.leads.jsonl: \"\"") || told.contains("SOMETHING IS BROKEN");
    assert!(is_it, "something else failed: {told}");
}

/// When the power goes.
#[derive(Debug)]
enum When {
    /// Behind one system call.
    Behind(Point),
    /// When all is done.
    AtRest {
        /// What strace does to the daemon meanwhile.
        but: Option<&'static str>,
    },
}

impl When {
    /// As strace takes it.
    fn injection(&self) -> Option<String> {
        match self {
            Self::Behind(point) => Some(format!("inject={}:signal=SIGSTOP:when={}", point.call, point.when)),
            Self::AtRest { but } => but.map(|what| format!("inject={what}")),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Behind(point) => write!(f, "behind {point}"),
            Self::AtRest { .. } => f.write_str("at rest"),
        }
    }
}

/// All drops at once, which share a commit and a flush; then a single one, whose files are synced one by one.
fn sweep(kind: FileSystem) {
    let mut random = Random::from(seed());
    for drops in [Drops::Many, Drops::One] {
        let disk = match Disk::make(kind) {
            Ok(disk) => disk,
            Err(why) => return println!("skipped: {why}"),
        };
        let root = Root::at(disk.at().join("root"));
        drops.prepare(&root);
        let before = disk.save();
        let (reference, points) = undisturbed(&disk, drops);
        println!("{kind:?}, {drops:?}: {} points", points.len());
        assert!(points.len() > 30, "the trace shows too little: {points:?}");

        let mut tried: BTreeMap<State, usize> = BTreeMap::new();
        for (point, cut) in chosen(&points, &mut random) {
            disk.restore(&before);
            let state = cut_at(&disk, drops, &When::Behind(point), cut, &reference);
            *tried.entry(state).or_default() += 1;
        }
        for cut in Cut::ALL {
            disk.restore(&before);
            cut_at(&disk, drops, &When::AtRest { but: None }, cut, &reference);
        }
        println!("{kind:?}, {drops:?}: cut in state {tried:?} and twice at rest, violations 0");
        // A log or status line more or less moves a stop by a call, and so may miss a state of one call.
        assert!(tried.len() + 1 >= State::ALL.len(), "cut in too few states: {tried:?}");
    }
}

/// The outcome without a cut, and every point at which there could be one.
fn undisturbed(disk: &Disk, drops: Drops) -> (Outcome, Vec<Point>) {
    let root = Root::at(disk.at().join("root"));
    drops.drop_loose(&root);
    let trace = disk.beside("trace.txt");
    let mut traced = start_traced(&root, &trace, None);
    let is_done = comes_true(DEADLINE, || drops.are_done(&root) && Trace::read(&trace).state() == State::Done);
    assert!(is_done, "undisturbed, but not done: {:?} {}", root.claims(), root.log());
    let points = Trace::read(&trace).points();
    stop_traced(&mut traced, &trace, Signal::TERM);
    (Outcome::of(&root), points)
}

/// All points with each kind of cut, or some of each state.
fn chosen(points: &[Point], random: &mut Random) -> Vec<(Point, Cut)> {
    if is_full() {
        return points.iter().flat_map(|point| Cut::ALL.map(|cut| (point.clone(), cut))).collect();
    }
    let mut chosen = Vec::new();
    for state in State::ALL {
        let of_state: Vec<&Point> = points.iter().filter(|point| point.state == state).collect();
        assert!(!of_state.is_empty(), "no point in state {state:?}");
        let skipped = (0..random.below(of_state.len() as u64)).count();
        let spread = of_state.iter().cycle().skip(skipped).step_by(of_state.len().div_ceil(POINTS_PER_STATE));
        for point in spread.take(POINTS_PER_STATE.min(of_state.len())) {
            chosen.push(((*point).clone(), if random.below(2) == 0 { Cut::JournalOnly } else { Cut::Nothing }));
        }
    }
    chosen
}

/// Cuts the power, recovers and compares. The state that was cut.
fn cut_at(disk: &Disk, drops: Drops, when: &When, cut: Cut, reference: &Outcome) -> State {
    let what = format!("{:?}, {drops:?}, cut {cut:?} {when}", disk.kind());
    let path = disk.beside("trace.txt");
    let root = Root::at(disk.at().join("root"));
    drops.drop_loose(&root);
    let mut traced = start_traced(&root, &path, when.injection());
    let is_stopped = || fs::read_to_string(&path).is_ok_and(|trace| trace.contains("stopped by SIGSTOP"));
    assert!(comes_true(DEADLINE, || is_stopped() || drops.are_done(&root)), "{what}: neither stopped nor done: {}", root.log());
    let state = Trace::read(&path).state();
    disk.cut(cut);
    stop_traced(&mut traced, &path, Signal::KILL);
    disk.mount_again();

    let daemon = root.daemon();
    let is_done = comes_true(DEADLINE, || drops.are_done(&root));
    let seen = || support::tree(&root.path("")).into_iter().map(|file| file.0).collect::<Vec<_>>();
    assert!(is_done, "{what}, in state {state:?}: not recovered: {:?} {}", seen(), root.log());
    assert_eq!(daemon.stop().0, Some(0), "{what}, in state {state:?}: {}", root.log());
    let outcome = Outcome::of(&root);
    outcome.compare(reference, &format!("{what}, in state {state:?}"), &root);
    state
}

fn start_traced(root: &Root, trace: &Path, injection: Option<String>) -> Child {
    let _ = fs::remove_file(trace); // of the run before
    let daemon = root.command(&["run"]);
    let mut command = std::process::Command::new("strace");
    command.args(["-f", "-q", "-y", "-s", "0", "-e", &format!("trace={}", trace::CALLS.join(",")), "-o"]).arg(trace);
    if let Some(injection) = injection {
        command.args(["-e", &injection]);
    }
    command.arg(daemon.get_program()).args(daemon.get_args()).current_dir("/");
    for (name, value) in daemon.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("strace starts: it was tried before")
}

/// Ends the daemon by a signal, and strace with it.
fn stop_traced(traced: &mut Child, trace: &Path, signal: Signal) {
    if signal == Signal::KILL {
        let _ = kill_process_group(Pid::from_child(traced), signal); // it may have ended by itself
    } else if let Some(pid) = Trace::read(trace).pid() {
        kill_process(pid, signal).expect("the daemon runs");
    }
    support::wait_for("the end of the traced daemon", || traced.try_wait().expect("our child").is_some());
}

fn is_full() -> bool {
    std::env::var("FAULTS").is_ok_and(|how_much| how_much == "full")
}

/// From `FAULTS_SEED`, else from the commit, so that every commit tries other points; said aloud.
fn seed() -> u64 {
    let commit = || {
        let output = std::process::Command::new("git").args(["rev-parse", "--short=8", "HEAD"]).output().ok()?;
        u64::from_str_radix(String::from_utf8_lossy(&output.stdout).trim(), 16).ok()
    };
    let seed = std::env::var("FAULTS_SEED").ok().and_then(|seed| seed.parse().ok()).or_else(commit).unwrap_or(1);
    println!("seed: FAULTS_SEED={seed}");
    seed
}
