//! A disk fills up while a large file is taken in: intake pauses, says so, and goes on by itself when there is room again.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::support::{self, DEADLINE, Generated, Root, comes_true, generate, names_in, tool, wait_for};

/// A small file system in memory.
fn mount_small(at: &Path, options: &str) {
    fs::create_dir_all(at).expect("mount point");
    tool("mount", &["-t".as_ref(), "tmpfs".as_ref(), "-o".as_ref(), options.as_ref(), "none".as_ref(), at.as_os_str()])
        .expect("a small tmpfs");
}

/// Gives it more room.
fn enlarge(at: &Path) {
    let options = OsStr::new("remount,size=500m,nr_inodes=100000");
    tool("mount", &["-o".as_ref(), options, at.as_os_str()]).expect("a larger tmpfs");
}

/// Takes all room but some, of which nothing is given back.
fn fill(at: &Path, but_bytes: u64) {
    let mut filler = File::create(at.join("filler")).expect("filler");
    while filler.write_all(&[1; 4096]).is_ok() {}
    let length = filler.metadata().expect("metadata").len();
    filler.set_len(length.saturating_sub(but_bytes)).expect("a shorter filler");
}

/// The intake pauses for want of room, and says so where people look; nothing has happened to the drop.
#[track_caller]
fn assert_pauses(root: &Root, daemon: &mut support::Daemon) {
    let is_told = comes_true(DEADLINE, || root.text("processed/_STATUS.txt").starts_with("PAUSED: disk full"));
    assert!(is_told, "no pause: {:?} {}", root.text("processed/_STATUS.txt"), root.log());
    wait_for("status to tell it", || root.run(&["status"]).stdout.contains("PAUSED: disk full"));
    assert!(daemon.ended().is_none(), "it ended: {}", root.log());
    assert!(names_in(&root.path("failed")).is_empty(), "{:?}", names_in(&root.path("failed")));
    assert!(root.reports().is_empty(), "{:?}", root.reports());
}

/// It went on by itself, and the drop is taken once and whole.
#[track_caller]
fn assert_goes_on(root: &Root, made: &Generated) {
    let report = root.report_of("large.csv");
    assert_eq!(report["fate"], "processed", "{report}");
    assert_eq!(report["rows"]["total"], made.total(), "{report}");
    assert_eq!(root.reports().len(), 1);
    assert_eq!(root.leads().len() as u64, made.new);
    assert!(root.text("processed/large.csv") == made.text, "the archived original is another");
    wait_for("the pause to be over", || root.text("processed/_STATUS.txt").starts_with("Running"));
    assert_eq!(root.alert_codes().iter().filter(|code| *code == "disk_full").count(), 1, "{:?}", root.alert_codes());
    assert!(!root.alert_codes().iter().any(|code| code == "store_fault"), "{:?}", root.alert_codes());
    root.assert_sound();
}

#[test]
fn the_disk_of_the_store() {
    if !support::has_own_mounts("full_disk::the_disk_of_the_store") {
        return;
    }
    let root = Root::new();
    let small = root.path("small");
    mount_small(&small, "size=1m");
    root.configure(&format!("[store]\npath = {:?}\n", small.join("valhalla.db")));
    let made = generate(15_000, "store", 1);
    let mut daemon = root.daemon();
    root.drop_renamed("large.csv", &made.text);
    assert_pauses(&root, &mut daemon);
    enlarge(&small);
    assert_goes_on(&root, &made);
}

#[test]
fn the_disk_of_the_logs() {
    if !support::has_own_mounts("full_disk::the_disk_of_the_logs") {
        return;
    }
    let root = Root::new();
    let small = root.path("logs");
    mount_small(&small, "size=200k");
    let made = generate(3000, "logs", 2);
    let mut daemon = root.daemon();
    fill(&small, 0);
    root.drop_renamed("large.csv", &made.text);
    assert_pauses(&root, &mut daemon);
    // It is committed by now, which is told as soon as there is room for a line; a second file waits meanwhile.
    root.drop_renamed("second.csv", "name,email,value\nSecond,second@full.example,5\n");
    enlarge(&small);
    assert_eq!(root.report_of("second.csv")["fate"], "processed");
    assert_eq!(root.reports().len(), 2);
    assert_eq!(root.reports_of("large.csv").len(), 1);
    assert_eq!(root.leads().len() as u64, made.new + 1);
    assert!(root.alert_codes().iter().any(|code| code == "disk_full"), "{:?}", root.alert_codes());
    root.assert_sound();
}

/// Store, outputs, journals, log and stderr, all on the one disk that is full.
#[test]
fn the_disk_of_everything() {
    if !support::has_own_mounts("full_disk::the_disk_of_everything") {
        return;
    }
    let outer = Root::new();
    let small = outer.path("small");
    mount_small(&small, "size=12m");
    let root = Root::at(small.join("root"));
    root.configure("[output]\nleads = \"jsonl\"\n");
    let made = generate(4000, "everything", 3);
    let mut daemon = root.daemon();
    wait_for("the status file", || root.has("processed/_STATUS.txt"));
    root.write("outside/staged", &made.text);
    fill(&small, 500 << 10);
    fs::rename(root.path("outside/staged"), root.path("inbox/large.csv")).expect("rename");
    assert_pauses(&root, &mut daemon);
    enlarge(&small);
    assert_goes_on(&root, &made);
}

/// Not bytes are missing but names for files: not even a claim folder can be made.
#[test]
fn no_room_for_another_file() {
    if !support::has_own_mounts("full_disk::no_room_for_another_file") {
        return;
    }
    let outer = Root::new();
    let small = outer.path("small");
    mount_small(&small, "size=50m,nr_inodes=200");
    let root = Root::at(small.join("root"));
    let made = generate(100, "names", 4);
    let mut daemon = root.daemon();
    wait_for("the status file", || root.has("processed/_STATUS.txt"));
    root.write("outside/staged", &made.text);
    let taken = (0..10_000).take_while(|number| File::create(root.path(format!("outside/{number}"))).is_ok()).count();
    assert!((11..10_000).contains(&taken), "{taken}");
    fs::rename(root.path("outside/staged"), root.path("inbox/large.csv")).expect("rename");
    assert_pauses(&root, &mut daemon);
    enlarge(&small);
    assert_goes_on(&root, &made);
}

/// A full disk is no reason not to start: what is there waits, and is taken in when there is room.
#[test]
fn full_from_the_start() {
    if !support::has_own_mounts("full_disk::full_from_the_start") {
        return;
    }
    let outer = Root::new();
    let small = outer.path("small");
    mount_small(&small, "size=12m");
    let root = Root::at(small.join("root"));
    let made = generate(2000, "start", 5);
    root.daemon().stop();
    root.drop_renamed("large.csv", &made.text);
    fill(&small, 0);
    let mut daemon = root.daemon();
    wait_for("status to tell the pause", || root.run(&["status", "--json"]).stdout.contains("disk full"));
    assert!(root.run(&["status"]).exits(0).stdout.contains("PAUSED: disk full"));
    assert!(daemon.ended().is_none() && root.has("inbox/large.csv"), "{}", root.log());
    enlarge(&small);
    assert_goes_on(&root, &made);
}

/// What the daemon says on stderr may be lost; the daemon must not be.
#[test]
fn a_stderr_that_cannot_be_written() {
    let root = Root::new();
    let mut command = root.command(&["run"]);
    let full = File::options().write(true).open("/dev/full").expect("Linux has a device that is always full");
    let mut daemon = support::Daemon::of(command.stderr(full).spawn().expect("the binary starts"));
    root.assert_alive("one.csv");
    assert!(daemon.ended().is_none());
    assert!(root.text("logs/valhalla.log").contains("one.csv"));
}
