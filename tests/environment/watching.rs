//! Events fail, are not to be had, or come by the ten thousand; the inbox becomes another folder. The listing is the truth.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::support::{self, Daemon, Root, TEN, names_in, tool, wait_for};

/// Whether the process has asked the system for events.
fn has_events(daemon: &Daemon) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{}/fd", daemon.pid())).expect("the daemon runs");
    descriptors.flatten().any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy().contains("inotify")))
}

/// Everything that a person can do with the inbox of a share, without one event.
#[test]
fn a_polled_inbox_relies_on_no_event() {
    let root = Root::new();
    let watching = root.daemon();
    wait_for("a watch, or the check of this test is blind", || has_events(&watching));
    drop(watching);
    let daemon = root.daemon_with(&[], &[("VALHALLA_WATCH__POLL", "always")]);
    assert!(!has_events(&daemon), "it asks for events though the configuration says that there are none");
    root.drop_copied("copied.csv", TEN);
    root.drop_renamed("renamed.csv", "name,email,value\nR,r@poll.example,5\n");
    fs::create_dir_all(root.path("inbox/new/deeper")).expect("folders");
    root.drop_copied("new/deeper/copied.csv", "name,email,value\nD,d@poll.example,5\n");
    for name in ["copied.csv", "renamed.csv", "new/deeper/copied.csv"] {
        assert_eq!(root.report_of(name)["fate"], "processed");
    }
    fs::rename(root.path("inbox"), root.path("moved")).expect("rename the inbox");
    wait_for("another inbox", || root.has("inbox"));
    root.drop_copied("after.csv", "name,email,value\nA,a@poll.example,5\n");
    assert_eq!(root.report_of("after.csv")["fate"], "processed");
    assert_eq!((root.reports().len(), root.leads().len()), (4, 13), "each once");
    root.assert_sound();
}

/// The system gives no watcher to this user: told once, and found by looking.
#[test]
fn no_watcher_to_be_had() {
    let root = Root::new();
    let daemon = root.command(&["run"]);
    let mut command = Command::new("unshare");
    let limit = "echo 0 >/proc/sys/user/max_inotify_instances && exec \"$0\" \"$@\"";
    command.args(["--user", "--map-root-user", "sh", "-c", limit]).arg(daemon.get_program()).args(daemon.get_args());
    command.current_dir(root.path("outside")).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(fs::File::create(root.path("stderr.txt")).expect("file for stderr")).process_group(0);
    let Ok(child) = command.spawn() else { return println!("skipped: no unshare here") };
    let mut daemon = Daemon::of(child);
    if !support::comes_true(support::DEADLINE, || daemon.ended().is_some() || root.has(".valhalla.sock")) || daemon.ended().is_some() {
        return println!("skipped: no user namespace can be had here: {}", root.text("stderr.txt"));
    }
    root.drop_copied("leads.csv", TEN);
    assert_eq!(root.report_of("leads.csv")["rows"]["accepted_new"], 10);
    assert!(!has_events(&daemon));
    let degraded: Vec<_> = root.journal("alerts").into_iter().filter(|alert| alert["code"] == "watcher_degraded").collect();
    assert_eq!(degraded.len(), 1, "{degraded:?}");
    assert!(degraded[0]["detail"].to_string().contains("max_user_instances"), "it says what to raise: {degraded:?}");
    root.assert_sound();
}

/// More events than the system keeps for a daemon that does not read them: each file causes three.
#[test]
fn twelve_thousand_files_against_a_stalled_watcher() {
    const FILES: usize = 12_000;
    let queue = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap_or_default();
    let root = Root::with_config("[output]\nreceipts = \"problems\"\n");
    let daemon = root.daemon();
    root.assert_alive("before.csv");
    daemon.signal(Signal::STOP);
    for number in 0..FILES {
        let path = root.path(format!("inbox/{number}.csv"));
        fs::write(path, format!("name,email,value\nN{number},n{number}@many.example,{}\n", number + 1)).expect("write");
    }
    if queue.trim().parse().is_ok_and(|events: usize| events > FILES * 3) {
        println!("the queue of events ({}) does not overflow here", queue.trim());
    }
    daemon.signal(Signal::CONT);
    let started = std::time::Instant::now();
    wait_for_many(&root, FILES + 1);
    println!("{FILES} files within {:.1} s of going on", started.elapsed().as_secs_f64());
    let reports = root.reports();
    let files: HashSet<&str> = reports.iter().map(|report| report["file"].as_str().expect("file")).collect();
    assert_eq!((reports.len(), files.len()), (FILES + 1, FILES + 1), "each exactly once");
    assert!(reports.iter().all(|report| report["fate"] == "processed" && report["rows"]["accepted_new"] == 1));
    assert!(names_in(&root.path("inbox")).is_empty());
    let archived = names_in(&root.path("processed")).into_iter().filter(|name| name.rsplit('.').next() == Some("csv")).count();
    assert_eq!(archived, FILES + 1);
    root.assert_alive("after.csv");
    root.run(&["status"]).exits(0);
}

/// As long as it gets on, it may take its time.
#[track_caller]
fn wait_for_many(root: &Root, count: usize) {
    let mut before = 0;
    while root.reports_whole() < count {
        assert!(support::comes_true(support::DEADLINE, || root.reports_whole() > before), "stuck at {before} of {count}: {}", root.log());
        before = root.reports_whole();
    }
    root.wait_idle();
}

/// Another file system over the inbox: nothing can be renamed out of it. Said clearly; taken when it is gone.
#[test]
fn something_is_mounted_over_the_inbox() {
    if !support::has_own_mounts("watching::something_is_mounted_over_the_inbox") {
        return;
    }
    let root = Root::new();
    let mut daemon = root.daemon_with(&[], &[("VALHALLA_WATCH__RESCAN_SECONDS", "1")]);
    root.assert_alive("one.csv");
    daemon.signal(Signal::STOP);
    root.drop_renamed("below.csv", TEN);
    let inbox = root.path("inbox");
    tool("mount", &["-t".as_ref(), "tmpfs".as_ref(), "none".as_ref(), inbox.as_os_str()]).expect("mount over the inbox");
    root.drop_copied("above.csv", "name,email,value\nAbove,above@mount.example,5\n");
    daemon.signal(Signal::CONT);
    wait_for("an alert that says why", || {
        root.journal("alerts").iter().any(|alert| alert["detail"].to_string().contains("not on one file system"))
    });
    assert!(root.has("inbox/above.csv") && root.claims().is_empty(), "{:?}", root.claims());
    assert!(daemon.ended().is_none() && root.alert_codes().iter().any(|code| code == "inbox_replaced"), "{:?}", root.alert_codes());
    fs::rename(root.path("inbox/above.csv"), root.path("inbox/.above")).expect("hidden");
    tool("umount", &[inbox.as_os_str()]).expect("unmount");
    assert_eq!(root.report_of("below.csv")["rows"]["accepted_new"], 10);
    assert_eq!((root.reports().len(), root.leads().len()), (2, 11), "each once");
    assert!(names_in(&root.path("failed")).is_empty());
    root.assert_sound();
}

/// Inbox and archive on a disk of their own: claims are hidden inside the inbox, and a crash leaves them there.
#[test]
fn inbox_and_archive_on_a_disk_of_their_own() {
    if !support::has_own_mounts("watching::inbox_and_archive_on_a_disk_of_their_own") {
        return;
    }
    let root = Root::new();
    let share = root.path("share");
    fs::create_dir(&share).expect("mount point");
    tool("mount", &["-t".as_ref(), OsStr::new("tmpfs"), "none".as_ref(), share.as_os_str()]).expect("mount");
    root.configure("[folders]\ninbox = \"share/inbox\"\nprocessed = \"share/processed\"\nfailed = \"share/failed\"\n");
    let daemon = root.daemon_with(&[], &[("VALHALLA_ENGINE__WORKERS", "1")]);
    let put = |name: &str, text: &str| {
        root.write(format!("share/{name}.part"), text);
        fs::rename(root.path(format!("share/{name}.part")), root.path(format!("share/inbox/{name}"))).expect("rename");
    };
    put("ten.csv", TEN);
    wait_for("the archived original", || root.has("share/processed/ten.csv"));
    let made = support::generate(40_000, "share", 9);
    put("large.csv", &made.text);
    wait_for("the file in hand", || root.run(&["status", "--json"]).json()["current"]["rows_done"].as_u64() > Some(0));
    daemon.kill();
    let claims = names_in(&root.path("share/inbox/.claimed"));
    assert_eq!(claims.len(), 1, "hidden in the inbox: {claims:?}");
    let daemon = root.daemon();
    wait_for("the archived original", || root.has("share/processed/large.csv"));
    assert_eq!(root.reports().len(), 2);
    assert_eq!(root.leads().len() as u64, made.new + 10);
    wait_for("an empty claims folder", || names_in(&root.path("share/inbox/.claimed")).is_empty());
    root.assert_sound();
    // The inbox alone elsewhere is refused, in words that help.
    drop(daemon);
    root.configure("[folders]\ninbox = \"share/inbox\"\n");
    let refused = root.run(&["run"]).exits(3);
    assert!(refused.stderr.contains("not on one file system"), "{}", refused.stderr);
}
