//! The store locked, damaged, read-only, removed, replaced or put back from an older copy: noticed, told with what to do,
//! nothing lost in silence and nothing in `failed/` for it; and `rebuild` gives back what was.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use serde_json::Value;
use support::{Daemon, Root, Said, TEN, names_in, wait_for};

/// A root with three files taken in, and what its leads are.
fn with_three_files() -> (Root, Vec<Value>) {
    let root = Root::new();
    let daemon = root.daemon();
    take_three(&root);
    daemon.stop();
    let leads = root.leads();
    (root, leads)
}

fn take_three(root: &Root) {
    root.drop_renamed("a.csv", format!("{TEN}Bad,not-an-address,5\n"));
    root.report_of("a.csv");
    root.drop_renamed("b.csv", "name,email,value\nJohn,john@example.com,1\nNew,new@example.com,2\n");
    root.report_of("b.csv");
    root.drop_renamed("c.csv", support::generate(400, "c", 3).text);
    root.report_of("c.csv");
}

/// The files that the audit cannot prove, and what it says of the store.
fn broken_in_audit(root: &Root) -> (Vec<String>, Value) {
    let audit = root.run(&["audit", "--json"]).exits(1).json();
    let words = root.run(&["audit"]).exits(1).stdout;
    assert!(words.contains("valhalla rebuild"), "{words}");
    let findings = audit["findings"].as_array().expect("findings");
    let broken = findings
        .iter()
        .filter(|finding| finding["verdict"] == "broken")
        .map(|finding| finding["file"].as_str().expect("a file").to_owned());
    (broken.collect(), audit)
}

/// After a rebuild everything is as it was, and work goes on.
fn rebuilds_to(root: &Root, leads: &[Value]) {
    let said = root.run(&["rebuild", "--json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(root.leads(), leads);
    let daemon = root.daemon();
    root.assert_alive("afterwards.csv");
    daemon.stop();
    root.assert_sound();
}

fn refused(root: &Root, words: &[&str]) -> Said {
    let said = root.run(&["ingest", root.write("outside/later.csv", TEN).to_str().expect("a path")]).exits(3);
    for word in words {
        assert!(said.stderr.contains(word), "{word}: {}", said.stderr);
    }
    assert_eq!(names_in(&root.path("failed")), ["a.rejects.csv", "c.rejects.csv"], "nothing fails for our own trouble");
    said
}

#[track_caller]
fn ends_with_3(mut daemon: Daemon) {
    wait_for("the daemon's end", || daemon.ended().is_some());
    assert_eq!(daemon.ended().and_then(|status| status.code()), Some(3));
}

#[test]
fn a_locked_store_is_waited_for() {
    let root = Root::new();
    let daemon = root.daemon();
    root.assert_alive("before.csv");
    let other = Connection::open(root.path("valhalla.db")).expect("another program");
    other.execute_batch("BEGIN IMMEDIATE").expect("its lock");
    root.drop_renamed("a.csv", TEN);
    wait_for("the pause", || root.text("processed/_STATUS.txt").contains("PAUSED: another program holds the database"));
    assert_eq!(root.run(&["status", "--json"]).exits(0).json()["paused"], "another program holds the database");
    assert!(root.reports_of("a.csv").is_empty());
    other.execute_batch("ROLLBACK").expect("released");
    assert_eq!(root.report_of("a.csv")["rows"]["accepted_new"], 10);
    wait_for("the alert", || root.alert_codes().contains(&"store_busy".to_owned()));
    assert_eq!(names_in(&root.path("failed")), Vec::<String>::new());
    daemon.stop();
    root.assert_sound();
}

/// The page that a byte of the database lies on: where it begins, and how long it is.
fn page_of(path: &Path, needle: &[u8]) -> (usize, usize) {
    let bytes = fs::read(path).expect("database");
    let page = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    let at = memchr::memmem::find(&bytes, needle).expect("it is in there");
    (at / page * page, page)
}

fn overwrite(path: &Path, at: usize, with: &[u8]) {
    let mut bytes = fs::read(path).expect("database");
    bytes[at..at + with.len()].copy_from_slice(with);
    fs::write(path, bytes).expect("damage");
}

#[test]
fn a_damaged_header_is_told_and_everything_is_named() {
    let (root, leads) = with_three_files();
    overwrite(&root.path("valhalla.db"), 0, &[0x5a; 100]);
    refused(&root, &["the store is damaged", "valhalla rebuild"]);
    let (broken, audit) = broken_in_audit(&root);
    assert_eq!(broken, ["a.csv", "b.csv", "c.csv"]);
    assert_eq!(audit["store"], "damaged");
    rebuilds_to(&root, &leads);
}

#[test]
fn a_damaged_page_of_leads_names_the_files_whose_leads_it_holds() {
    let (root, leads) = with_three_files();
    let path = root.path("valhalla.db");
    let last = leads.last().and_then(|lead| lead["email"].as_str()).expect("a lead");
    let (at, _) = page_of(&path, last.as_bytes());
    overwrite(&path, at, &[0xff; 16]);
    let (broken, audit) = broken_in_audit(&root);
    assert_eq!(broken, ["c.csv"], "{audit}");
    assert!(audit["store_faults"][0].as_str().is_some_and(|fault| fault.contains("leads")), "{audit}");
    // The daemon meets the page when it looks somebody up.
    let daemon = root.daemon();
    root.drop_renamed("d.csv", format!("name,email,value\nAgain,{last},5\n"));
    ends_with_3(daemon);
    assert!(root.log().contains("the store is damaged"), "{}", root.log());
    assert_eq!(names_in(&root.path("failed")), ["a.rejects.csv", "c.rejects.csv"]);
    root.run(&["rebuild"]).exits(0);
    assert_eq!(root.leads(), leads);
    let _daemon = root.daemon();
    assert_eq!(root.report_of("d.csv")["rows"]["accepted_updated"], 1, "what was dropped is taken after all");
}

#[test]
fn a_changed_letter_shows_when_the_files_are_read_again() {
    let (root, leads) = with_three_files();
    let path = root.path("valhalla.db");
    root.run(&["rebuild", "--dry-run"]).exits(0);
    let bytes = fs::read(&path).expect("database");
    let letters: Vec<usize> = memchr::memmem::find_iter(&bytes, b"Hal Ude").collect();
    for at in letters {
        overwrite(&path, at, b"Hel");
    }
    assert_ne!(root.leads(), leads);
    let compared = root.run(&["rebuild", "--dry-run", "--json"]).exits(1).json();
    assert_eq!((&compared["leads_unlike_store"], &compared["complete"]), (&1.into(), &true.into()), "{compared}");
    rebuilds_to(&root, &leads);
}

#[test]
fn a_damaged_index_is_found_by_the_audit() {
    let (root, leads) = with_three_files();
    let path = root.path("valhalla.db");
    let (roots, page): (i64, i64) = {
        let store = Connection::open(&path).expect("store");
        let first =
            store.query_row("SELECT rootpage FROM sqlite_master WHERE name = 'jobs_content'", [], |row| row.get(0)).expect("an index");
        (first, store.query_row("PRAGMA page_size", [], |row| row.get(0)).expect("a size"))
    };
    let at = usize::try_from((roots - 1) * page).expect("small");
    overwrite(&path, at, &[0xff; 12]);
    let (_, audit) = broken_in_audit(&root);
    assert_eq!((&audit["holds"], &audit["store"]), (&false.into(), &"damaged".into()));
    rebuilds_to(&root, &leads);
}

#[test]
fn a_damaged_or_missing_log_of_the_database_shows() {
    for what in ["flipped", "cut", "removed"] {
        let root = Root::new();
        let daemon = root.daemon();
        take_three(&root);
        let leads = root.leads();
        daemon.kill(); // everything is in the write-ahead log
        let wal = root.path("valhalla.db-wal");
        match what {
            "flipped" => overwrite(&wal, 24 + 32 + 24 + 4096 * 3, &[0x5a; 64]),
            "cut" => fs::write(&wal, &fs::read(&wal).expect("log")[..24 + 4120 * 5 + 100]).expect("cut"),
            _ => {
                fs::remove_file(&wal).expect("removed");
                fs::remove_file(root.path("valhalla.db-shm")).expect("removed");
            }
        }
        let daemon = root.daemon();
        wait_for("the alert", || root.alert_codes().contains(&"store_behind".to_owned()));
        daemon.stop();
        let audit = root.run(&["audit", "--json"]).exits(1).json();
        let unknown = audit["reports_without_job"].as_array().expect("a list").len();
        assert!(unknown > 0 && audit["audit_chain"]["holds"] == true, "{what}: {audit}");
        assert!(root.run(&["audit"]).exits(1).stdout.contains("valhalla rebuild"));
        rebuilds_to(&root, &leads);
    }
}

#[test]
fn the_shared_index_of_the_log_is_made_again() {
    let root = Root::new();
    let daemon = root.daemon();
    take_three(&root);
    daemon.kill();
    fs::remove_file(root.path("valhalla.db-shm")).expect("removed");
    let daemon = root.daemon();
    assert_eq!(root.run(&["status", "--json"]).exits(0).json()["totals"]["files"]["processed"], 3);
    daemon.stop();
    root.assert_sound();
}

#[test]
fn an_empty_or_missing_store_beside_journals_is_refused() {
    let (root, leads) = with_three_files();
    for is_empty in [true, false] {
        let path = root.path("valhalla.db");
        if is_empty {
            fs::write(&path, "").expect("emptied");
        } else {
            fs::remove_file(&path).expect("removed");
        }
        refused(&root, &["missing or empty", "valhalla rebuild"]);
        root.run(&["run"]).exits(3);
        let (broken, audit) = broken_in_audit(&root);
        assert_eq!(broken, ["a.csv", "b.csv", "c.csv"], "{audit}");
    }
    rebuilds_to(&root, &leads);
}

#[test]
fn the_database_of_another_program_is_left_alone() {
    let root = Root::new();
    let other = Connection::open(root.path("valhalla.db")).expect("a database");
    other.execute_batch("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)").expect("filled");
    drop(other);
    let before = fs::read(root.path("valhalla.db")).expect("file");
    let said = root.run(&["run"]).exits(3);
    assert!(said.stderr.contains("database of another program"), "{}", said.stderr);
    assert_eq!(fs::read(root.path("valhalla.db")).expect("file"), before, "it was touched");
}

#[test]
fn an_older_store_put_back_shows() {
    let root = Root::new();
    let daemon = root.daemon();
    root.drop_renamed("a.csv", TEN);
    root.report_of("a.csv");
    daemon.stop();
    fs::copy(root.path("valhalla.db"), root.path("outside/backup.db")).expect("a backup");
    let daemon = root.daemon();
    root.drop_renamed("b.csv", "name,email,value\nNew,new@example.com,2\n");
    root.report_of("b.csv");
    daemon.stop();
    let leads = root.leads();
    fs::copy(root.path("outside/backup.db"), root.path("valhalla.db")).expect("put back");

    let daemon = root.daemon();
    wait_for("the alert", || root.alert_codes().contains(&"store_behind".to_owned()));
    daemon.stop();
    let alerts = root.journal("alerts");
    let alert = alerts.iter().find(|alert| alert["code"] == "store_behind").expect("told");
    assert!(alert["detail"].as_str().is_some_and(|text| text.starts_with("1 job stands in reports.jsonl")), "{alert}");
    assert!(alert["action"].as_str().is_some_and(|text| text.contains("valhalla rebuild")), "{alert}");
    let unknown = root.reports_of("b.csv")[0]["job_id"].clone();
    assert_eq!(root.run(&["audit", "--json"]).exits(1).json()["reports_without_job"], Value::from(vec![unknown]));
    root.daemon().stop();
    assert_eq!(root.alert_codes().iter().filter(|code| *code == "store_behind").count(), 1, "told once");
    rebuilds_to(&root, &leads);
}

#[test]
fn a_store_removed_under_the_daemon_is_noticed_before_anything_is_written_to_it() {
    for is_renamed in [false, true] {
        let root = Root::new();
        let daemon = root.daemon();
        root.drop_renamed("a.csv", TEN);
        root.report_of("a.csv");
        let leads = root.leads();
        let path = root.path("valhalla.db");
        if is_renamed {
            fs::rename(&path, root.path("outside/away.db")).expect("renamed");
        } else {
            fs::remove_file(&path).expect("removed");
        }
        root.drop_renamed("b.csv", "name,email,value\nNew,new@example.com,2\n");
        ends_with_3(daemon);
        let log = root.log();
        assert!(log.contains("removed, renamed or replaced") && log.contains("valhalla rebuild"), "{log}");
        assert!(root.reports_of("b.csv").is_empty(), "it was not said to be taken");
        assert_eq!(names_in(&root.path("failed")), Vec::<String>::new());
        root.run(&["rebuild"]).exits(0);
        assert_eq!(root.leads(), leads);
        let daemon = root.daemon();
        assert_eq!(root.report_of("b.csv")["rows"]["accepted_new"], 1);
        daemon.stop();
        root.assert_sound();
    }
}

#[test]
fn a_store_replaced_under_the_daemon_is_opened_anew_and_told() {
    let root = Root::new();
    let daemon = root.daemon();
    root.drop_renamed("a.csv", TEN);
    root.report_of("a.csv");
    daemon.stop();
    fs::copy(root.path("valhalla.db"), root.path("outside/backup.db")).expect("a backup");
    let daemon = root.daemon();
    root.drop_renamed("b.csv", "name,email,value\nNew,new@example.com,2\n");
    root.report_of("b.csv");
    fs::rename(root.path("outside/backup.db"), root.path("valhalla.db")).expect("replaced");
    root.drop_renamed("c.csv", "name,email,value\nCy,cy@c.example,2\n");
    root.report_of("c.csv");
    wait_for("the alerts", || ["store_behind", "store_fault"].iter().all(|code| root.alert_codes().iter().any(|told| told == code)));
    daemon.stop();
    root.run(&["audit"]).exits(1);
    let mut reports: Vec<String> = root.reports().iter().map(|report| report["file"].as_str().expect("file").to_owned()).collect();
    reports.sort();
    assert_eq!(reports, ["a.csv", "b.csv", "c.csv"], "each told once");
    root.run(&["rebuild"]).exits(0);
    assert_eq!(root.leads().len(), 12);
    root.assert_sound();
}

#[test]
fn a_store_that_may_not_be_written_is_told() {
    let (root, leads) = with_three_files();
    let path = root.path("valhalla.db");
    let chattr = |how: &str| Command::new("chattr").arg(how).arg(&path).status().is_ok_and(|status| status.success());
    let is_immutable = chattr("+i");
    if !is_immutable {
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o440)).expect("mode");
        if fs::OpenOptions::new().write(true).open(&path).is_ok() {
            println!("skipped: this user may write everywhere, and this file system knows no chattr +i");
            return;
        }
    }
    refused(&root, &["cannot be written", "permissions"]);
    assert_eq!(root.leads(), leads, "it can still be asked");
    if is_immutable {
        assert!(chattr("-i"));
    } else {
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).expect("mode");
    }
    let daemon = root.daemon();
    root.assert_alive("afterwards.csv");
    daemon.stop();
    root.assert_sound();
}
