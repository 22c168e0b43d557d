//! `[retention]`: old files go from the archive, ours only, and the record stays.

mod support;

use std::fs;
use std::os::unix::fs::symlink;

use rusqlite::Connection;
use support::{Root, names_in, wait_for};

const CONFIG: &str = "[retention]\nprocessed_days = 30\nfailed_days = 10\nrejects_days = 20\n";

fn take(root: &Root, name: &str, content: &str) {
    let path = root.write(format!("outside/{name}"), content);
    root.run(&["ingest", "--move", path.to_str().expect("a path")]);
}

/// Makes a file's job so many days old.
fn age(root: &Root, name: &str, days: i64) {
    let store = Connection::open(root.path("valhalla.db")).expect("store");
    let sql = "UPDATE jobs SET finished_at_ms = finished_at_ms - ?2 * 86400000 WHERE file = ?1";
    assert_eq!(store.execute(sql, (name, days)).expect("aged"), 1);
}

fn filled() -> Root {
    let root = Root::with_config(CONFIG);
    take(&root, "old.csv", "name,email,value\nAda,ada@example.com,1\nBo,bad,2\n");
    take(&root, "new.csv", "name,email,value\nCy,cy@example.com,1\n");
    take(&root, "bad.csv", "name,email,value\nDi,bad,1\n");
    root
}

fn archive(root: &Root) -> Vec<String> {
    let of = |folder: &str| names_in(&root.path(folder)).into_iter().map(move |name| format!("{folder}/{name}")).collect::<Vec<_>>();
    [of("processed"), of("failed")].concat()
}

#[test]
fn each_kind_of_file_goes_at_its_age() {
    let root = filled();
    let all = archive(&root);
    for (days, gone) in [
        (5, &[][..]),
        (10, &["failed/bad.csv", "failed/bad.csv.error.txt"]),
        (10, &["failed/bad.rejects.csv", "failed/old.rejects.csv"]),
        (10, &["processed/old.csv", "processed/old.receipt.txt"]),
    ] {
        age(&root, "old.csv", days);
        age(&root, "bad.csv", days);
        let before = archive(&root);
        let would = root.run(&["retention", "--dry-run", "--json"]).exits(0).json();
        assert_eq!(archive(&root), before, "a dry run removes nothing");
        let told = root.run(&["retention", "--json"]).exits(0).json();
        assert_eq!((&told["files"], &told["bytes"]), (&would["files"], &would["bytes"]));
        let left = archive(&root);
        let went: Vec<&String> = before.iter().filter(|name| !left.contains(name)).collect();
        assert_eq!(went, gone, "{told}");
        root.run(&["audit"]).exits(0);
    }
    assert!(all.len() > archive(&root).len() && root.has("processed/new.csv"));
    assert_eq!(root.leads().len(), 2, "leads stay");
    assert_eq!(root.run(&["retention", "--json"]).exits(0).json()["files"], 0, "once is enough");
    let audit = root.run(&["audit", "--json"]).exits(0).json();
    assert!(audit["findings"][0]["why"][0].as_str().is_some_and(|why| why.contains("was expired on")), "{audit}");
    let entries: Vec<_> = root.journal("audit").into_iter().filter(|entry| entry["action"] == "expired").collect();
    assert_eq!(entries.len(), 3);
    // What is gone cannot be read again, and a rebuild says why.
    let told = root.run(&["rebuild", "--dry-run", "--json"]).exits(1).json();
    assert!(told["problems"].to_string().contains("because it was expired"), "{told}");
}

#[test]
fn what_is_not_ours_stays() {
    let root = filled();
    for file in ["old.csv", "bad.csv"] {
        age(&root, file, 100);
    }
    root.write("processed/mine.csv", "somebody's");
    root.write("failed/old.rejects.csv", "half mended");
    fs::rename(root.path("failed/bad.csv"), root.path("kept.csv")).expect("moved");
    symlink(root.path("kept.csv"), root.path("failed/bad.csv")).expect("linked");
    let told = root.run(&["retention", "--json"]).exits(0).json();
    assert_eq!(told["changed"], 1, "{told}");
    for file in ["processed/mine.csv", "failed/old.rejects.csv", "failed/bad.csv", "kept.csv"] {
        assert!(root.path(file).symlink_metadata().is_ok(), "{file}");
    }
    assert!(!root.has("processed/old.csv"));
}

#[test]
fn the_daemon_does_it_at_its_start_and_for_the_command() {
    let root = filled();
    age(&root, "old.csv", 100);
    let daemon = root.daemon();
    wait_for("the old file to go", || !root.has("processed/old.csv"));
    assert!(root.has("processed/new.csv"));
    assert_eq!(root.run(&["retention", "--json"]).exits(0).json()["files"], 0);
    daemon.stop();
    root.run(&["audit"]).exits(0);
}

#[test]
fn a_death_before_the_removal_is_made_good() {
    let root = filled();
    age(&root, "old.csv", 100);
    let before = fs::read(root.path("processed/old.csv")).expect("file");
    root.run(&["retention"]).exits(0);
    fs::write(root.path("processed/old.csv"), before).expect("written"); // noted, and still there
    root.run(&["audit"]).exits(0);
    assert_eq!(root.run(&["retention", "--json"]).exits(0).json()["files"], 1);
    assert!(!root.has("processed/old.csv"));
    root.run(&["audit"]).exits(0);
}

#[test]
fn without_a_setting_every_file_is_kept() {
    let root = Root::new();
    take(&root, "old.csv", "name,email,value\nAda,ada@example.com,1\n");
    age(&root, "old.csv", 10_000);
    assert!(root.run(&["retention"]).exits(2).stderr.contains("kept for ever"));
    root.daemon().stop();
    assert!(root.has("processed/old.csv"));
}
