//! Writers that take their time, and files that change while they are read.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{self, Daemon, Root, TEN, generate, names_in, wait_for};

/// Waits that are over soon, so that a pause can be longer than all of them.
const SHORT: &str = "[watch]\nsettle_ms = 20\nsettle_unknown_ms = 60\nrescan_seconds = 1\n";

/// A pause in which each of the waits has passed many times, and the daemon has proved that it is looking.
fn pause(root: &Root, name: &str) {
    let begun = Instant::now();
    root.assert_alive(name);
    wait_for("ten times the longest wait", || begun.elapsed() > Duration::from_millis(1200));
}

#[test]
fn a_writer_that_pauses_longer_than_every_threshold() {
    let root = Root::with_config(SHORT);
    let _daemon = root.daemon();
    let (head, rest) = TEN.split_at(200);
    let (middle, tail) = rest.split_at(100);
    let mut file = File::create(root.path("inbox/slow.csv")).expect("create");
    for (number, part) in [head, middle].into_iter().enumerate() {
        file.write_all(part.as_bytes()).expect("write");
        pause(&root, &format!("meanwhile-{number}.csv"));
        assert!(root.has("inbox/slow.csv") && root.reports_of("slow.csv").is_empty(), "taken while its writer had it open");
    }
    // Renamed by its writer while still open: it is the file that counts, not the name.
    fs::rename(root.path("inbox/slow.csv"), root.path("inbox/renamed.csv")).expect("rename");
    pause(&root, "meanwhile-2.csv");
    assert!(root.has("inbox/renamed.csv"), "taken while its writer had it open");
    file.write_all(tail.as_bytes()).expect("write");
    drop(file);
    assert_eq!(root.report_of("renamed.csv")["rows"]["accepted_new"], 10);
    assert_eq!((root.reports().len(), root.leads().len()), (4, 13));
    root.assert_sound();
}

/// Nobody can know that a closed file is to be continued. What is there is taken; what comes later under the same name is
/// a file of its own, read as its source's files are, and no row is lost.
#[test]
fn a_writer_that_closes_and_comes_back_too_late() {
    let root = Root::with_config(SHORT);
    let _daemon = root.daemon();
    let half = TEN.match_indices('\n').nth(5).expect("ten rows").0 + 1;
    root.drop_copied("slow.csv", &TEN[..half]);
    assert_eq!(root.report_of("slow.csv")["rows"]["accepted_new"], 5);
    let mut again = File::options().create(true).append(true).open(root.path("inbox/slow.csv")).expect("open");
    again.write_all(&TEN.as_bytes()[half..]).expect("write");
    drop(again);
    wait_for("its second report", || root.reports_of("slow.csv").len() == 2);
    root.wait_idle();
    let second = root.reports_of("slow.csv").pop().expect("waited for");
    assert_eq!((second["rows"]["total"].as_u64(), second["rows"]["accepted_new"].as_u64()), (Some(5), Some(5)), "{second}");
    assert_eq!(root.leads().len(), 10);
    assert_eq!(root.text("processed/slow.csv") + &root.text("processed/slow-2.csv"), TEN);
    root.assert_sound();
}

/// Back in time, it is one file.
#[test]
fn a_writer_that_closes_and_comes_back_in_time() {
    let root = Root::with_config("[watch]\nsettle_ms = 1500\nsettle_unknown_ms = 1500\n");
    let _daemon = root.daemon();
    let mut rest = TEN;
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.find('\n').expect("whole lines") + 1);
        let mut file = File::options().create(true).append(true).open(root.path("inbox/slow.csv")).expect("open");
        file.write_all(line.as_bytes()).expect("write");
        rest = after;
    }
    assert_eq!(root.report_of("slow.csv")["rows"]["accepted_new"], 10);
    assert_eq!(root.reports().len(), 1);
}

/// What is done to the claimed file, in words and in deed; what it holds then is what is to be taken.
type Change = (&'static str, fn(&Path, &str) -> String);

const CHANGES: [Change; 5] = [
    ("appended to", |path, _| {
        let mut file = File::options().append(true).open(path).expect("open");
        file.write_all(b"Late,late@change.example,5,Toronto,,\n").expect("write");
        fs::read_to_string(path).expect("read")
    }),
    ("truncated", |path, text| {
        let end = text[..text.len() / 2].rfind('\n').expect("lines") + 1;
        File::options().write(true).open(path).and_then(|file| file.set_len(end as u64)).expect("truncate");
        text[..end].to_owned()
    }),
    ("overwritten in place, as long as it was", |path, text| {
        let mut file = File::options().write(true).open(path).expect("open");
        file.rewind().and_then(|()| file.write_all(text.replace("change.example", "CHANGE.example").as_bytes())).expect("write");
        text.replace("change.example", "CHANGE.example")
    }),
    ("replaced by a rename", |path, _| {
        let staged = path.with_file_name(".staged");
        fs::write(&staged, TEN).and_then(|()| fs::rename(staged, path)).expect("rename over");
        TEN.to_owned()
    }),
    ("emptied and written anew", |path, _| {
        fs::write(path, TEN).expect("write");
        TEN.to_owned()
    }),
];

/// A file changes under the daemon while it is being read: nothing of that reading counts, and what is there in the end is
/// taken once.
#[test]
fn a_file_that_changes_while_it_is_read() {
    for (what, change) in CHANGES {
        let root = Root::new();
        let daemon = root.daemon_with(&[], &[("VALHALLA_ENGINE__WORKERS", "1")]);
        let text = generate(15_000, "change", 12).text;
        root.drop_renamed("large.csv", &text);
        wait_for("the file in hand", || root.run(&["status", "--json"]).json()["current"]["rows_done"].as_u64() > Some(0));
        daemon.signal(Signal::STOP);
        assert!(root.reports().is_empty(), "{what}: the file was too small for this machine");
        let now = change(&claimed(&root), &text);
        daemon.signal(Signal::CONT);
        let report = root.report_of("large.csv");

        let alone = Root::new();
        alone.drop_renamed("large.csv", &now);
        let _other = alone.daemon();
        let expected = alone.report_of("large.csv");
        assert_eq!(report["rows"], expected["rows"], "{what}");
        assert_eq!(report["sha256"], expected["sha256"], "{what}");
        assert_eq!(root.reports().len(), 1, "{what}");
        assert_eq!(root.leads().len(), alone.leads().len(), "{what}");
        assert_eq!(root.text("processed/large.csv"), now, "{what}");
        assert!(root.log().contains("it changed while it was read"), "{what}: {}", root.log());
        root.assert_sound();
    }
}

fn claimed(root: &Root) -> PathBuf {
    root.path(".claimed").join(&root.claims()[0]).join("large.csv")
}

/// Written to between the commit and the move: what was read is counted, what it is now is archived and dropped once more.
#[test]
fn a_file_that_changes_after_its_commit() {
    let root = Root::new();
    let mut daemon = root.daemon();
    root.assert_alive("before.csv"); // nothing of the start is left to be synced
    let trace = root.path("outside/trace.txt");
    let mut command = Command::new("strace");
    // From now on, the first sync of a journal is that of the job's report, right behind its commit.
    command.args([
        "-f",
        "-q",
        "-e",
        "trace=fdatasync",
        "-e",
        "inject=fdatasync:signal=SIGSTOP:when=1",
        "-p",
        &daemon.pid().to_string(),
        "-o",
    ]);
    command.arg(&trace).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(strace) = command.spawn() else { return println!("skipped: no strace here") };
    let mut strace = Daemon::of(strace);
    let is_traced = || fs::read_to_string(format!("/proc/{}/status", daemon.pid())).is_ok_and(|status| !status.contains("TracerPid:\t0\n"));
    if !support::comes_true(support::DEADLINE, || is_traced() || strace.ended().is_some()) || strace.ended().is_some() {
        return println!("skipped: strace may not trace here");
    }
    root.drop_renamed("large.csv", TEN);
    wait_for("the stop behind the commit", || fs::read_to_string(&trace).is_ok_and(|trace| trace.contains("stopped by SIGSTOP")));
    let mut file = File::options().append(true).open(claimed(&root)).expect("open");
    file.write_all(b"Late,late@change.example,5,Toronto,\n").expect("write");
    drop(file);
    daemon.signal(Signal::CONT);
    wait_for("both reports", || root.reports_of("large.csv").len() == 2);
    root.wait_idle();
    wait_for("the alert", || root.alert_codes().iter().any(|code| code == "file_changed_after_commit"));
    let reports = root.reports_of("large.csv");
    assert_eq!(
        (reports[0]["rows"]["accepted_new"].as_u64(), reports[1]["rows"]["accepted_new"].as_u64()),
        (Some(10), Some(1)),
        "{reports:?}"
    );
    assert_eq!(reports[1]["rows"]["accepted_updated"], 10, "known by then");
    assert_eq!(root.leads().len(), 12);
    assert!(names_in(&root.path("failed")).is_empty());
    assert!(daemon.ended().is_none() && !root.log().contains("panicked"));
    // The bytes that were counted are nowhere any more, and the audit says so.
    let audit = root.run(&["audit", "--json"]).exits(1).json();
    assert_eq!((&audit["jobs"]["proven"], &audit["jobs"]["broken"]), (&Value::from(2), &Value::from(1)), "{audit}");
}
