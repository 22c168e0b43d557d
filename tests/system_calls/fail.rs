//! Each call failing once: no row lost or taken twice, no file in `failed/` for our own trouble, and the same process goes on.
//!
//! The daemon has to bring everything through by itself after the failure, without a new start. What costs a commit must be an
//! alert. Only where it fails before it works at all it may refuse to start, with exit code 3 and a sentence. Short writes are
//! honest ones: the tracer lets fewer bytes be written. Afterwards one undisturbed start, and the state must be the reference's.

use rustix::io::Errno;

use crate::points::{Reference, Tried, Verdict, counts, is_full, references, sample, try_all};
use crate::scenario::{Act, Run, Stage};
use crate::trace::{Action, Call, Fault, tracer};

const EIO: i32 = Errno::IO.raw_os_error();
const ENOSPC: i32 = Errno::NOSPC.raw_os_error();
const EACCES: i32 = Errno::ACCESS.raw_os_error();
const EMFILE: i32 = Errno::MFILE.raw_os_error();
const EINTR: i32 = Errno::INTR.raw_os_error();
const EXDEV: i32 = Errno::XDEV.raw_os_error();
const ENOLCK: i32 = Errno::NOLCK.raw_os_error();

/// What each call can really fail with. A `close` is made and fails all the same, as on a network share.
const FAILURES: &[(&[&str], &[Action])] = &[
    (&["write", "pwrite64"], &[Action::Error(EIO), Action::Error(ENOSPC), Action::Error(EINTR), Action::Short(1), Action::Short(0)]),
    (&["fsync", "fdatasync", "syncfs"], &[Action::Error(EIO), Action::Late(EIO), Action::Error(ENOSPC), Action::Error(EINTR)]),
    (
        &["openat", "openat2", "open"],
        &[Action::Error(EACCES), Action::Error(EMFILE), Action::Error(EIO), Action::Error(ENOSPC), Action::Error(EINTR)],
    ),
    (
        &["rename", "renameat", "renameat2"],
        &[Action::Error(EIO), Action::Late(EIO), Action::Error(ENOSPC), Action::Error(EACCES), Action::Error(EXDEV)],
    ),
    (&["unlink", "unlinkat", "rmdir"], &[Action::Error(EIO), Action::Error(EACCES)]),
    (&["mkdir", "mkdirat"], &[Action::Error(EIO), Action::Error(ENOSPC), Action::Error(EACCES)]),
    (&["ftruncate", "fallocate"], &[Action::Error(EIO), Action::Error(ENOSPC), Action::Error(EINTR)]),
    (&["close"], &[Action::Late(EIO), Action::Late(EINTR)]),
    (&["chmod", "fchmod", "fchown", "chown", "bind"], &[Action::Error(EACCES), Action::Error(EIO)]),
    (&["flock"], &[Action::Error(EINTR), Action::Error(ENOLCK)]),
    (&["fcntl"], &[Action::Error(ENOLCK), Action::Error(EINTR)]),
    (&["read", "pread64"], &[Action::Error(EIO), Action::Error(EINTR)]),
    (&["getdents64"], &[Action::Error(EIO), Action::Error(EACCES)]),
    (&["statx", "newfstatat", "lstat", "stat"], &[Action::Error(EIO), Action::Error(EACCES)]),
    (&["fstat"], &[Action::Error(EIO)]),
];

/// Thousands of writes and reads of pages are alike: of these each point gets one of the failures in turn, not all.
const PAGES: [&str; 3] = ["pwrite64", "pread64", "fcntl"];

/// One failure.
#[derive(Debug, Clone)]
struct Point {
    act: Act,
    call: String,
    number: usize,
    action: Action,
}

fn points() -> Vec<Vec<Point>> {
    let mut groups = Vec::new();
    for Reference { act, calls, .. } in references() {
        for (call, count) in counts(calls) {
            let actions = FAILURES.iter().find(|(calls, _)| calls.contains(&call.as_str())).map(|(_, actions)| *actions);
            let actions = actions.unwrap_or_else(|| panic!("the scenario makes the call {call}: say in FAILURES how it can fail"));
            let is_page = PAGES.contains(&call.as_str());
            groups.push(
                (1..=count)
                    .flat_map(|number| {
                        actions
                            .iter()
                            .enumerate()
                            .filter(move |(at, _)| !is_page || number % actions.len() == *at)
                            .map(move |(_, action)| (number, *action))
                    })
                    .filter(|(number, action)| can_happen(calls, &call, *number, *action))
                    .map(|(number, action)| Point { act: *act, call: call.clone(), number, action })
                    .collect(),
            );
        }
    }
    groups
}

/// No room is needed to open what exists. An original that we may not read is the file's trouble, which `failed/` is for. And
/// closing a folder that was listed has nothing to write, so that nothing can fail (the standard library panics if it does).
fn can_happen(calls: &[Call], name: &str, number: usize, action: Action) -> bool {
    const O_CREAT: u64 = 0o100;
    let Some(call) = calls.iter().find(|call| call.name == name && call.number == number) else { return false };
    let is_original = call.path.starts_with(".claimed/") && call.path.contains(".csv");
    match action {
        Action::Error(ENOSPC) if name.starts_with("open") => call.flags & O_CREAT != 0,
        Action::Error(EACCES) if name.starts_with("open") => !is_original,
        Action::Late(_) if name == "close" => !calls.iter().any(|other| other.name == "getdents64" && other.path == call.path),
        _ => true,
    }
}

#[test]
fn every_call_failing_once() {
    if tracer().is_none() {
        return;
    }
    let points = sample(&points(), 45);
    let tried = try_all(&points, if is_full() { 6 } else { 3 }, |point| format!("{} {}", point.call, said(point.action)), fails);
    tried.conclude("each call failing once");
}

fn said(action: Action) -> String {
    match action {
        Action::Error(error) => format!("{:?}", Errno::from_raw_os_error(error)),
        Action::Late(error) => format!("made, yet {:?}", Errno::from_raw_os_error(error)),
        other => format!("{other:?}"),
    }
}

fn fails(point: &Point) -> Verdict {
    let reference = references().iter().find(|reference| reference.act == point.act).expect("all acts are played");
    let stage = reference.set();
    let run = stage.play(&Fault::at(&point.call, point.number, point.action));
    let Some(at) = run.calls.iter().find(|call| call.injected).cloned() else { return Verdict::NotMet };
    let mut faults = faults_of(&stage, &run);
    match stage.recover() {
        Ok(()) => faults.extend(reference.judge(&stage)),
        Err(fault) => faults.push(fault),
    }
    if faults.is_empty() {
        return Verdict::Held;
    }
    Verdict::Violated(format!("{} at {at:?} of the {:?} act:\n{}\n{}", said(point.action), point.act, faults.join("\n"), stage.seen()))
}

/// What a run with a failure did wrong.
fn faults_of(stage: &Stage, run: &Run) -> Vec<String> {
    let mut faults = Vec::new();
    let told = stage.told();
    let was_running = told.contains("running root=");
    match run.code {
        Some(0) if run.is_through => {}
        Some(3 | 2) if !was_running && told.contains("[ERROR]") => {} // refused to start, and said why
        code => faults.push(format!("it did not go on by itself: exit code {code:?}, all through: {}", run.is_through)),
    }
    let codes = stage.root.alert_codes();
    let is_alerted = codes.iter().any(|code| ["store_fault", "disk_full"].contains(&code.as_str()));
    if told.contains("opening everything anew") && !is_alerted && run.is_through {
        faults.push(format!("a commit was lost and nobody was alerted: {codes:?}"));
    }
    if told.contains("panicked") {
        faults.push("it panicked".to_owned());
    }
    faults.extend(synced_again(&run.calls));
    faults
}

/// A failed fsync must not simply be tried again on the same open file: the second one says "fine" about lost pages.
/// One that was interrupted has not failed; and into the database itself everything is written anew first, from its log or its
/// journal.
pub fn synced_again(calls: &[Call]) -> Option<String> {
    let is_sync = |call: &Call| ["fsync", "fdatasync", "syncfs"].contains(&call.name.as_str());
    let failed = calls
        .iter()
        .position(|call| call.injected && is_sync(call) && call.result.is_some_and(|result| result < 0 && result != -i64::from(EINTR)))?;
    for call in &calls[failed + 1..] {
        let is_anew =
            call.name.starts_with("open") || (call.path == "valhalla.db" && ["pwrite64", "ftruncate"].contains(&call.name.as_str()));
        if call.path == calls[failed].path && is_anew {
            return None;
        }
        if call.path == calls[failed].path && is_sync(call) {
            return Some(format!("{} of {} was tried again on the same open file", call.name, call.path));
        }
    }
    None
}

/// Trouble that lasts: the daemon tries three times, ends with 3, and the next start finds everything.
#[test]
fn three_failures_in_a_row_end_it_and_lose_nothing() {
    if tracer().is_none() {
        return;
    }
    let lasting = [
        (Act::First, "fsync", "valhalla.db-wal", 3, Action::Error(EIO)),
        (Act::First, "fdatasync", "reports.jsonl", 1, Action::Error(EIO)),
        (Act::Second, "fdatasync", "audit.jsonl", 2, Action::Late(EIO)),
        (Act::First, "renameat2", "processed/", 1, Action::Error(EACCES)),
        (Act::Lone, "fsync", ".claimed", 1, Action::Error(EIO)),
        (Act::First, "pwrite64", "valhalla.db-wal", 20, Action::Error(EIO)),
    ];
    let tried: Tried = try_all(
        &lasting,
        6,
        |(_, call, part, ..)| format!("{call} of {part}, from then on"),
        |(act, call, part, first, action)| {
            let reference = references().iter().find(|reference| reference.act == *act).expect("all acts are played");
            let stage = reference.set();
            let run = stage.play(&Fault::lasting(call, part, *first, usize::MAX, *action));
            let mut faults = Vec::new();
            faults.extend(if run.is_met() { None } else { Some("it never happened".to_owned()) });
            if run.code != Some(3) {
                faults.push(format!("exit code {:?}, not 3", run.code));
            }
            recovered(&stage, reference, faults, &format!("{call} of {part}"))
        },
    );
    tried.conclude("trouble that lasts");
}

/// What a stage comes to once it has recovered, with the faults that were found before.
fn recovered(stage: &Stage, reference: &Reference, mut faults: Vec<String>, what: &str) -> Verdict {
    match stage.recover() {
        Ok(()) => faults.extend(reference.judge(stage)),
        Err(fault) => faults.push(fault),
    }
    if faults.is_empty() { Verdict::Held } else { Verdict::Violated(format!("{what}: {}\n{}", faults.join("\n"), stage.seen())) }
}

/// A disk that is full for a while: it waits, and goes on without a new start.
#[test]
fn a_full_disk_only_pauses_it() {
    if tracer().is_none() {
        return;
    }
    let full = [
        ("pwrite64", "valhalla.db-wal", 30, 34),
        ("write", "logs/reports", 1, 4),
        ("write", ".claimed", 1, 3),
        ("mkdirat", ".claimed/", 1, 2),
    ];
    let tried = try_all(
        &full,
        4,
        |(call, part, ..)| format!("{call} of {part}, some times"),
        |(call, part, first, last)| {
            let reference = references().iter().find(|reference| reference.act == Act::First).expect("all acts are played");
            let stage = reference.set();
            let run = stage.play(&Fault::lasting(call, part, *first, *last, Action::Error(ENOSPC)));
            let mut faults = faults_of(&stage, &run);
            faults.extend(if run.is_met() { None } else { Some("it never happened".to_owned()) });
            let codes = stage.root.alert_codes();
            if !codes.iter().any(|code| code == "disk_full") {
                faults.push(format!("nobody was alerted: {codes:?}"));
            }
            recovered(&stage, reference, faults, &format!("{call} of {part}"))
        },
    );
    tried.conclude("a full disk");
}

#[test]
fn trying_a_sync_again_on_the_same_file_shows() {
    let line = |name: &str, result: &str, is_injected: bool| {
        format!("{name}\t1\t7\t{result}\t0\t/root/valhalla.db-wal\t\t{}", if is_injected { "injected" } else { "-" })
    };
    let parsed = |lines: &[String]| lines.iter().filter_map(|line| crate::trace::parse(line, "/root")).collect::<Vec<_>>();
    let failed = line("fdatasync", "-5", true);
    assert!(synced_again(&parsed(&[failed.clone(), line("fdatasync", "0", false)])).is_some());
    assert!(synced_again(&parsed(&[failed, line("openat", "7", false), line("fdatasync", "0", false)])).is_none());
}
