//! Folders vanish, move or are worked on by another instance.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::support::{self, Daemon, Root, TEN, generate, names_in, said, wait_for};

/// Looks at the inbox every second, as where there are no events.
const QUICK: (&str, &str) = ("VALHALLA_WATCH__RESCAN_SECONDS", "1");

/// Waits for the daemon's end and returns its exit code and what it said.
#[track_caller]
fn end_of(mut daemon: Daemon, stderr: &Path) -> (Option<i32>, String) {
    wait_for("the daemon's end", || daemon.ended().is_some());
    (daemon.ended().expect("ended").code(), fs::read_to_string(stderr).unwrap_or_default())
}

/// Works on a file of some size, stopped in the middle of reading it.
fn stopped_in_the_middle(root: &Root, daemon: &Daemon, name: &str) -> support::Generated {
    let made = generate(60_000, "middle", 6);
    root.drop_renamed(name, &made.text);
    wait_for("the file in hand", || root.run(&["status", "--json"]).json()["current"]["rows_done"].as_u64() > Some(0));
    daemon.signal(Signal::STOP);
    made
}

#[test]
fn the_logs_folder_goes_and_comes_back_whole() {
    let root = Root::new();
    let daemon = root.daemon();
    root.assert_alive("one.csv");
    fs::remove_dir_all(root.path("logs")).expect("remove the logs");
    for name in ["two.csv", "three.csv"] {
        root.drop_renamed(name, format!("name,email,value\nN,{name}@logs.example,5\n"));
        wait_for(&format!("{name} in the archive: {}", root.log()), || root.has(format!("processed/{name}")));
    }
    wait_for("every report, the lost one too", || root.reports().len() == 3);
    wait_for("the log to go on", || root.text("logs/valhalla.log").contains("three.csv"));
    daemon.stop();
    let mut files: Vec<String> = root.reports().iter().map(|report| report["file"].as_str().expect("file").to_owned()).collect();
    files.sort();
    assert_eq!(files, ["one.csv", "three.csv", "two.csv"], "each once");
    let tampered: Vec<_> = root.journal("alerts").into_iter().filter(|alert| alert["code"] == "journal_tampered").collect();
    assert!(
        !tampered.is_empty() && tampered.iter().all(|alert| !alert["detail"].to_string().contains("not written by this program")),
        "{tampered:?}"
    );
    assert_eq!(root.leads().len(), 3);
    let audit = root.run(&["audit", "--json"]).exits(1).json();
    assert_eq!(audit["jobs"]["proven"], 3, "only the audit trail cannot be made again, and that shows: {audit}");
}

/// Whatever a daemon would make anew where its root had been would be another root, beside the one with the leads in it.
#[test]
fn the_whole_root_is_moved_away_and_put_back() {
    let parent = Root::new();
    let (here, away) = (parent.path("here"), parent.path("away"));
    let root = Root::at(here.clone());
    let daemon = root.daemon_with(&[], &[QUICK]);
    root.assert_alive("one.csv");
    fs::rename(&here, &away).expect("move the root away");
    let (code, stderr) = end_of(daemon, &away.join("stderr.txt"));
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains("moved or removed") && stderr.contains("--root"), "{stderr}");
    assert!(!here.exists(), "another root was made: {:?}", names_in(&here));

    fs::rename(&away, &here).expect("put it back");
    let daemon = root.daemon_with(&[], &[QUICK]);
    root.assert_alive("two.csv");
    // In the middle of a file, and with another root in its place, into which people drop at once.
    let made = stopped_in_the_middle(&root, &daemon, "large.csv");
    fs::rename(&here, &away).expect("move the root away");
    let other = Root::at(here.clone());
    other.drop_renamed("theirs.csv", TEN);
    daemon.signal(Signal::CONT);
    let (code, stderr) = end_of(daemon, &away.join("stderr.txt"));
    assert_eq!(code, Some(3), "{stderr}");
    assert_eq!(names_in(&here.join("inbox")), ["theirs.csv"], "the other root is none of its business");
    assert!(!here.join("valhalla.db").exists() && !here.join("logs").exists(), "{:?}", names_in(&here));

    let moved = Root::at(away);
    let _daemon = moved.daemon();
    let report = moved.report_of("large.csv");
    assert_eq!(report["rows"]["total"], made.total(), "{report}");
    assert_eq!((moved.reports().len(), moved.leads().len() as u64), (3, made.new + 2), "each once");
    moved.assert_sound();
}

#[test]
fn the_whole_root_is_removed() {
    let parent = Root::new();
    let root = Root::at(parent.path("root"));
    let stderr = parent.path("said.txt");
    let mut command = root.command(&["run"]);
    command.env(QUICK.0, QUICK.1).stdout(Stdio::null()).stderr(fs::File::create(&stderr).expect("file for stderr"));
    let daemon = Daemon::of(command.spawn().expect("the binary starts"));
    root.assert_alive("one.csv");
    wait_for("its removal", || fs::remove_dir_all(root.path("")).is_ok() || !root.has(""));
    let (code, said) = end_of(daemon, &stderr);
    assert_eq!(code, Some(3), "{said}");
    assert!(!root.has(""), "it was made anew: {:?}", names_in(&root.path("")));
}

/// The claims folder goes with the file that is being read: its rows were read all the same, and are not lost.
#[test]
fn the_claims_go_while_a_file_is_read() {
    let root = Root::new();
    let daemon = root.daemon_with(&[], &[("VALHALLA_ENGINE__WORKERS", "1")]);
    let made = stopped_in_the_middle(&root, &daemon, "large.csv");
    fs::remove_dir_all(root.path(".claimed")).expect("remove the claims");
    daemon.signal(Signal::CONT);
    wait_for(&format!("the daemon to go on: {}", root.log()), || {
        root.drop_renamed("after.csv", "name,email,value\nAfter,after@claims.example,5\n");
        support::comes_true(std::time::Duration::from_secs(5), || root.has("processed/after.csv"))
    });
    let reports = root.reports_of("large.csv");
    assert!(reports.len() <= 1, "{reports:?}");
    let taken = reports.first().map_or(0, |report| report["rows"]["accepted_new"].as_u64().expect("a figure"));
    assert_eq!(root.leads().len() as u64, taken + 1, "what the report says is what the store has: {reports:?}");
    assert!(taken == 0 || taken == made.new, "all of it or nothing: {reports:?}");
    assert!(names_in(&root.path("failed")).iter().all(|name| name == "large.rejects.csv"), "{:?}", names_in(&root.path("failed")));
}

#[test]
fn of_two_daemons_that_start_at_once_one_works() {
    let root = Root::new();
    let through_link = root.path("outside/link");
    symlink(root.path(""), &through_link).expect("symlink");
    let start = |at: &Path| {
        let mut command = Command::new(support::VALHALLA);
        command.arg("--root").arg(at).arg("run").current_dir("/").stdout(Stdio::null()).stderr(Stdio::piped());
        Daemon::of(command.spawn().expect("the binary starts"))
    };
    for round in 0..4 {
        let mut both = [start(&root.path("")), start(&through_link)];
        wait_for("one of them to end", || both.iter_mut().any(|daemon| daemon.ended().is_some()));
        root.assert_alive(&format!("round-{round}.csv"));
        let ended: Vec<_> = both.iter_mut().filter_map(Daemon::ended).collect();
        assert_eq!(ended.len(), 1, "one works, the other does not");
        assert_eq!(ended[0].code(), Some(3));
    }
    assert_eq!((root.reports().len(), root.leads().len()), (4, 4));
}

/// Somebody cleans up what begins with a dot: two instances would both believe that they are alone.
#[test]
fn the_lock_is_removed_under_a_daemon() {
    let root = Root::new();
    let daemon = root.daemon_with(&[], &[QUICK]);
    root.assert_alive("one.csv");
    daemon.signal(Signal::STOP); // it cannot see to it itself now
    fs::remove_file(root.path(".lock")).expect("remove the lock");
    root.drop_renamed("two.csv", TEN);
    let second = said(&mut root.command(&["run"])).exits(3);
    assert!(second.stderr.contains("another valhalla"), "{}", second.stderr);
    assert!(root.has("inbox/two.csv"));
    daemon.signal(Signal::CONT);
    let (code, stderr) = end_of(daemon, &root.path("stderr.txt"));
    assert_eq!(code, Some(3), "{stderr}");
    let _daemon = root.daemon();
    assert_eq!(root.report_of("two.csv")["rows"]["accepted_new"], 10);
    assert_eq!(root.reports().len(), 2);
    root.assert_sound();
}
