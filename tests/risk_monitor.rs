//! The monitor through the real program: each probe turns red when something is wrong, and green when it is right again.

mod support;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::Value;
use support::{Root, comes_true, wait_for};

const EACH_SECOND: &str = "[risk]\nmonitor_seconds = 1\n";

/// The codes that the health of the running daemon rests on.
fn causes(root: &Root) -> Option<Vec<String>> {
    let status = root.run(&["status", "--json"]).json();
    let causes = status["health"]["causes"].as_array()?;
    Some(causes.iter().map(|code| code.as_str().expect("a code").to_owned()).collect())
}

#[track_caller]
fn wait_red(root: &Root, code: &str) {
    let is_red = comes_true(support::DEADLINE, || causes(root).is_some_and(|causes| causes.iter().any(|cause| cause == code)));
    assert!(is_red, "{code} never turned red: {:?} {}", causes(root), root.log());
    wait_for("the alert", || root.alert_codes().iter().any(|alert| alert == code));
}

#[track_caller]
fn wait_green(root: &Root, code: &str) {
    let is_green = comes_true(support::DEADLINE, || causes(root).is_some_and(|causes| causes.iter().all(|cause| cause != code)));
    assert!(is_green, "{code} never turned green: {:?} {}", causes(root), root.log());
}

fn results(root: &Root) -> Value {
    serde_json::from_str(&root.text("logs/risk_monitoring_results.json")).expect("JSON")
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("permissions");
}

#[test]
fn rights_that_are_too_wide() {
    let root = Root::with_config(EACH_SECOND);
    let _daemon = root.daemon();
    wait_for("a look", || causes(&root).is_some());
    for (path, wrong, right, code) in [
        ("logs", 0o777, 0o755, "permissions_too_wide"),
        ("valhalla.toml", 0o666, 0o640, "permissions_too_wide"),
        ("inbox", 0o777, 0o755, "world_writable_inbox"),
    ] {
        wait_green(&root, code);
        set_mode(&root.path(path), wrong);
        wait_red(&root, code);
        set_mode(&root.path(path), right);
        wait_green(&root, code);
    }
    let security = &results(&root)["security"];
    assert_eq!(security["details"]["access_control"], "as it should be", "{security}");
}

#[test]
fn a_secret_in_the_configuration_that_others_may_read() {
    let root = Root::with_config(EACH_SECOND);
    let file = root.path("valhalla.toml");
    set_mode(&file, 0o644);
    let _daemon = root.daemon();
    wait_for("a look", || causes(&root).is_some());
    wait_green(&root, "secret_exposed");
    let text = root.text("valhalla.toml");
    root.write("valhalla.toml", format!("{text}\n[later]\nsecret = \"abcdef\"\n"));
    // No command can read that file, so what the daemon writes is looked at.
    let access = || results(&root)["security"]["details"]["access_control"].to_string();
    wait_for("the secret to be found", || access().contains("it holds a secret"));
    wait_for("the alert", || root.alert_codes().iter().any(|alert| alert == "secret_exposed"));
    assert!(!root.text("logs/alerts.jsonl").contains("abcdef"), "the secret is told");
    set_mode(&file, 0o600);
    wait_for("nothing to be wrong", || access() == "\"as it should be\"");
}

#[test]
fn links_hiding_names_and_formulas_are_counted_together() {
    let root = Root::with_config("[risk]\nmonitor_seconds = 1\nsuspicious_max = 4\n");
    let _daemon = root.daemon();
    wait_for("a look", || causes(&root).is_some());
    assert_eq!(results(&root)["security"]["details"]["suspicious_activities"], 0);
    symlink("/etc/passwd", root.path("inbox/link.csv")).expect("a link");
    support::tool("mkfifo", &[root.path("inbox/pipe.csv").as_os_str()]).expect("a pipe");
    root.drop_renamed("formulas.csv", "name,email,value\n=cmd|' /C calc'!A0,a@example.com,5\n");
    root.report_of("formulas.csv");
    wait_for("three to be counted", || results(&root)["security"]["details"]["suspicious_activities"] == 3);
    wait_green(&root, "suspicious_activity");
    root.drop_renamed("leads\u{202e}vsc.csv", "name,email,value\nB,b@example.com,5\n");
    wait_red(&root, "suspicious_activity");
    wait_red(&root, "suspicious_name");
    assert_eq!(results(&root)["security"]["status"], "CRITICAL");
}

#[test]
fn an_audit_journal_that_was_edited() {
    let root = Root::with_config(EACH_SECOND);
    let _daemon = root.daemon();
    root.drop_renamed("a.csv", "name,email,value\nA,a@example.com,5\n");
    root.drop_renamed("b.csv", "name,email,value\nB,b@example.com,5\n");
    root.wait_reports(2);
    wait_for("a look", || causes(&root).is_some());
    wait_green(&root, "journal_tampered");
    let text = root.text("logs/audit.jsonl");
    let edited = text.replacen("\"at\":\"2", "\"at\":\"1", 1);
    assert_ne!(edited, text);
    fs::write(root.path("logs/audit.jsonl"), &edited).expect("edited");
    wait_red(&root, "journal_tampered");
    fs::write(root.path("logs/audit.jsonl"), &text).expect("put back");
    wait_green(&root, "journal_tampered");
}

#[test]
fn a_burst_of_drops_and_a_drop_that_waits() {
    let root = Root::with_config("[risk]\nmonitor_seconds = 1\ndrops_per_minute_max = 3\nqueue_seconds_max = 1\n");
    let _daemon = root.daemon();
    wait_for("a look", || causes(&root).is_some());
    wait_green(&root, "drop_burst");
    for name in ["a", "b", "c", "d"] {
        root.drop_renamed(format!("{name}.csv"), format!("name,email,value\nA,{name}@example.com,5\n"));
    }
    wait_red(&root, "drop_burst");
    root.wait_reports(4);
    wait_green(&root, "queue_old");
    // Somebody has it open and goes on writing, so it is not taken.
    let writer = File::create(root.path("inbox/slow.csv")).expect("created");
    std::io::Write::write_all(&mut &writer, b"name,email,value\nE,e@example.com,5\n").expect("written");
    wait_red(&root, "queue_old");
    drop(writer);
    root.wait_reports(5);
    wait_green(&root, "queue_old");
    let metrics = &results(&root)["system_performance"]["metrics"];
    for key in ["cpu_usage_percent", "memory_usage_mb", "active_connections", "request_latency_ms", "thread_pool_utilization"] {
        assert!(metrics[key].is_number(), "{key}: {metrics}");
    }
}

#[test]
fn a_disk_that_fills_up() {
    if !support::has_own_mounts("a_disk_that_fills_up") {
        return;
    }
    // All of it on a file system of its own, so that the machine's own disk does not matter.
    let small = tempfile::tempdir().expect("mount point");
    let options = ["-t", "tmpfs", "-o", "size=60m,mode=755", "none"].map(std::ffi::OsStr::new);
    support::tool("mount", &[&options[..], &[small.path().as_os_str()]].concat()).expect("a small tmpfs");
    let root = Root::at(small.path().join("root"));
    root.configure(EACH_SECOND);
    let _daemon = root.daemon();
    wait_for("a look", || causes(&root).is_some());
    wait_green(&root, "disk_low");
    assert!(!root.alert_codes().iter().any(|code| code == "disk_low"), "{:?}", root.journal("alerts"));
    let filler = small.path().join("filler");
    fs::write(&filler, vec![1; 57 << 20]).expect("filler");
    wait_red(&root, "disk_low");
    fs::remove_file(&filler).expect("removed");
    wait_green(&root, "disk_low");
}

#[test]
fn a_service_that_runs_as_root() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: root is needed");
        return;
    }
    let root = Root::with_config(EACH_SECOND);
    let daemon = root.daemon_with(&[], &[("INVOCATION_ID", "0123456789abcdef")]);
    wait_red(&root, "runs_as_root");
    daemon.stop();
    let _daemon = root.daemon();
    wait_for("a look", || causes(&root).is_some());
    wait_green(&root, "runs_as_root");
}

#[test]
fn the_watcher_is_heard_and_its_file_is_gone() {
    let root = Root::with_config(EACH_SECOND);
    let _daemon = root.daemon();
    // The second look is the first that writes: its canary is heard, or the code would be red.
    wait_for("two looks", || root.run(&["status", "--json"]).json()["uptime_ms"].as_u64() > Some(3_500));
    wait_green(&root, "watcher_silent");
    wait_green(&root, "store_slow");
    wait_for("the canary to be gone", || support::names_in(&root.path("inbox")).is_empty());
    assert!(root.run(&["status"]).stdout.contains("\nhealth    "));
}
