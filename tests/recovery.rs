//! Recovery: killed at any moment and started again, every file is taken exactly once and nothing is lost.
//! Kills at each single system call are in `system_calls.rs`.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use support::{Daemon, Random, Root, TEN, comes_true, generate, names_in, wait_for};

/// What a set of files must come to, whatever happens on the way.
#[derive(Default)]
struct Expected {
    /// Fates by file; files with the same content share a group, of which one is processed.
    files: BTreeMap<String, &'static str>,
    emails: BTreeSet<String>,
    rows: u64,
    rejected: u64,
}

/// 200 files: good ones, some with rejects, some twice, some broken, and a large one.
fn drop_two_hundred(root: &Root, large_rows: u64) -> Expected {
    let mut expected = Expected::default();
    let mut put = |name: String, text: &str, fate: &'static str| {
        root.drop_copied(&name, text);
        expected.files.insert(name, fate);
    };
    for number in 0..199 {
        match number % 10 {
            3 => put(format!("broken-{number}.csv"), &format!("nothing,here\n{number},2\n"), "failed"),
            5 => put(format!("binary-{number}.csv"), &format!("\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}{number}"), "failed"),
            7 => {
                let text = format!(
                    "name,email,value\nGood,good{number}@kill.example,{number}\nBad,not-an-address,5\nAlso bad,also@kill.example,x\n"
                );
                put(format!("mixed-{number}.csv"), &text, "processed");
                expected.emails.insert(format!("good{number}@kill.example"));
                (expected.rows, expected.rejected) = (expected.rows + 3, expected.rejected + 2);
            }
            8 => {
                let text = format!("name,email,value\nTwin,twin{}@kill.example,7\n", number / 20);
                put(format!("twin-{number}.csv"), &text, "twin");
                if expected.emails.insert(format!("twin{}@kill.example", number / 20)) {
                    expected.rows += 1;
                }
            }
            _ => {
                let rows = support::joined(0..10, |row| format!("N{row},n{row}-{number}@kill.example,{}\n", row + 1));
                put(format!("good-{number}.csv"), &format!("name,email,value\n{rows}"), "processed");
                expected.emails.extend((0..10).map(|row| format!("n{row}-{number}@kill.example")));
                expected.rows += 10;
            }
        }
    }
    let large = generate(large_rows, "large", 11);
    root.drop_renamed("large.csv", &large.text);
    expected.files.insert("large.csv".to_owned(), "processed");
    expected.rows += large.total();
    expected.rejected += large.rejected;
    expected.emails.insert(format!("{} people of the large file", large.new));
    expected
}

fn verify(root: &Root, expected: &Expected, large_new: u64) {
    let mut reports: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for report in root.reports() {
        reports.entry(report["file"].as_str().expect("file").to_owned()).or_default().push(report);
    }
    assert_eq!(reports.len(), expected.files.len());
    for (file, fate) in &expected.files {
        let found = &reports[file];
        assert_eq!(found.len(), 1, "{file} has {} reports", found.len());
        if *fate != "twin" {
            assert_eq!(found[0]["fate"], *fate, "{}", found[0]);
        }
    }
    let rows = |key: &str| reports.values().flatten().map(|report| report["rows"][key].as_u64().expect("a figure")).sum::<u64>();
    assert_eq!(rows("total"), expected.rows);
    assert_eq!(rows("rejected"), expected.rejected);

    let leads = root.leads();
    let mut emails: BTreeSet<String> = leads.iter().map(|lead| lead["email"].as_str().expect("email").to_owned()).collect();
    assert_eq!(emails.len(), leads.len(), "each person once");
    let before = emails.len();
    emails.retain(|email| !email.ends_with("@large.example"));
    assert_eq!((before - emails.len()) as u64, large_new);
    emails.insert(format!("{large_new} people of the large file"));
    assert_eq!(emails, expected.emails);

    assert!(root.claims().is_empty(), "{:?}", root.claims());
    assert!(names_in(&root.path("inbox")).is_empty(), "{:?}", names_in(&root.path("inbox")));
    let twins = expected.files.values().filter(|fate| **fate == "twin").count();
    let originals = |folder: &str| names_in(&root.path(folder)).into_iter().filter(|name| expected.files.contains_key(name)).count();
    assert_eq!(originals("processed") + originals("failed"), expected.files.len(), "each original once in the archive");
    assert_eq!(originals("failed"), expected.files.values().filter(|fate| **fate == "failed").count());
    let duplicates = reports.values().flatten().filter(|report| report["fate"] == "duplicate").count();
    assert_eq!(duplicates, twins - expected.emails.iter().filter(|email| email.starts_with("twin")).count());
    for (file, found) in &reports {
        let report = &found[0];
        assert!(root.has(report["archived_as"].as_str().expect("archived")), "{file}");
        if report["rows"]["rejected"].as_u64() > Some(0) {
            let rejects = root.text(report["rejects_as"].as_str().expect("rejects"));
            assert!(rejects.contains(report["job_id"].as_str().expect("id")), "{file}: {rejects}");
        }
        if report["fate"] != "failed" {
            let receipt = file.replace(".csv", ".receipt.txt");
            assert!(root.has(Path::new("processed").join(&receipt)), "{receipt} is missing");
        }
    }
    let audit = root.run(&["audit", "--json"]).exits(0).json();
    assert_eq!(audit["jobs"]["proven"], expected.files.len(), "{audit}");
    assert!(!root.log().contains("panicked"), "{}", root.log());
}

#[test]
fn killed_at_random_moments_over_two_hundred_files() {
    const KILLS: u64 = 25;
    const LARGE: u64 = 100_000;
    let mut random = Random::seeded();
    let root = Root::new();
    let expected = drop_two_hundred(&root, LARGE);
    let mut finished_early = 0;
    for _ in 0..KILLS {
        let daemon = root.spawn(&[], &[]);
        let wait = Duration::from_millis(random.below(400));
        // Waiting for a moment, not for a condition: the moment is what is tested.
        if comes_true(wait, || root.reports_whole() == expected.files.len()) {
            finished_early += 1;
        }
        daemon.kill();
        assert_torn_only_at_the_end(&root);
    }
    println!("all was done before the kill in {finished_early} of {KILLS} runs");
    let _daemon = root.daemon();
    assert!(
        comes_true(support::DEADLINE, || root.reports_whole() >= expected.files.len()),
        "{} of {} reports, claims {:?}, inbox {:?}\n{}",
        root.reports_whole(),
        expected.files.len(),
        root.claims(),
        names_in(&root.path("inbox")),
        root.log()
    );
    root.wait_idle();
    verify(&root, &expected, generate(LARGE, "large", 11).new);
}

/// A kill may tear the last line of a journal, never another.
fn assert_torn_only_at_the_end(root: &Root) {
    for journal in ["reports", "alerts", "audit"] {
        let _ = root.journal(journal); // parses every whole line
    }
}

/// What was done to a journal, in words and in bytes.
type Damage = (&'static str, Box<dyn Fn(&[u8]) -> Vec<u8>>);

#[test]
fn torn_and_cut_journals_are_healed_at_start() {
    let ends = |whole: &[u8], lines: usize| whole.split_inclusive(|byte| *byte == b'\n').take(lines).map(<[u8]>::len).sum::<usize>();
    let damages: Vec<Damage> = vec![
        ("torn in the last line", Box::new(|whole| whole[..whole.len() - 40].to_vec())),
        ("its newline cut", Box::new(|whole| whole[..whole.len() - 1].to_vec())),
        ("the last line gone", Box::new(move |whole| whole[..ends(whole, 4)].to_vec())),
        ("the last two and a half lines gone", Box::new(move |whole| whole[..ends(whole, 2) + 100].to_vec())),
        ("empty", Box::new(|_| Vec::new())),
        ("half a line of somebody else's", Box::new(|whole| [whole, b"{\"torn\":"].concat())),
    ];
    for (what, damage) in damages {
        let root = Root::new();
        let daemon = root.daemon();
        for number in 0..5 {
            root.assert_alive(&format!("{number}.csv"));
        }
        daemon.stop();
        let path = root.path("logs/reports.jsonl");
        let whole = fs::read(&path).expect("journal");
        fs::write(&path, damage(&whole)).expect("damage");

        let daemon = root.daemon();
        root.drop_renamed("after.csv", "name,email,value\nAfter,after@heal.example,5\n");
        assert!(comes_true(support::DEADLINE, || root.has("processed/after.csv")), "{what}: not taken: {}", root.log());
        root.wait_idle();
        daemon.stop();
        let text = String::from_utf8_lossy(&fs::read(&path).expect("journal")).into_owned();
        let reports: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let mut files: Vec<&str> = reports.iter().map(|report| report["file"].as_str().expect("file")).collect();
        files.sort_unstable();
        assert_eq!(files, ["0.csv", "1.csv", "2.csv", "3.csv", "4.csv", "after.csv"], "{what}: each line once");
        let audit = root.run(&["audit", "--json"]);
        // What somebody else wrote stays where it is, and shows.
        assert_eq!(audit.code, Some(i32::from(what.contains("somebody"))), "{what}: {}", audit.stdout);
        assert_eq!(audit.json()["jobs"]["proven"], 6, "{what}");
        assert!(root.alert_codes().iter().any(|code| code == "journal_tampered"), "{what}: {:?}", root.alert_codes());
    }
}

/// The moves were made, and the power went before the texts were on disk; or somebody wrote to a file in the very last moment.
#[test]
fn what_a_power_cut_tore_or_a_late_writer_changed_is_put_right() {
    type Damage = fn(&Root);
    let good = "name,email,value\nGood,good@late.example,5\nBad,no-address,5\n";
    let table: [(&str, Damage); 5] = [
        ("an empty receipt", |root| drop(root.write("processed/good.receipt.txt", ""))),
        ("half a receipt", |root| {
            let text = root.text("processed/good.receipt.txt");
            root.write("processed/good.receipt.txt", &text[..text.len() / 2]);
        }),
        ("zeros for an error text", |root| {
            let length = root.text("failed/broken.csv.error.txt").len();
            root.write("failed/broken.csv.error.txt", vec![0; length]);
        }),
        ("a receipt that somebody wrote on", |root| drop(root.write("processed/good.receipt.txt", "mine\n"))),
        ("a late writer", |root| {
            let text = root.text("processed/good.csv") + "Late,late@late.example,7\n";
            root.write("processed/good.csv", text);
        }),
    ];
    for (what, damage) in table {
        let root = Root::new();
        root.drop_renamed("good.csv", good);
        root.drop_renamed("broken.csv", "nothing,here\n1,2\n");
        let daemon = root.daemon();
        root.wait_reports(2);
        daemon.stop();
        let texts = || (root.text("processed/good.receipt.txt"), root.text("failed/broken.csv.error.txt"));
        let before = texts();
        let store = rusqlite::Connection::open(root.path("valhalla.db")).expect("store");
        store.execute("UPDATE jobs SET state = 1", []).expect("as before the last step");
        drop(store);
        damage(&root);

        let daemon = root.daemon();
        let is_late = what == "a late writer";
        if is_late {
            root.wait_reports(3);
        }
        daemon.stop();
        let rows: Vec<u64> = root.reports().iter().map(|report| report["rows"]["total"].as_u64().expect("a figure")).collect();
        assert_eq!(rows.iter().sum::<u64>(), if is_late { 5 } else { 2 }, "{what}: {rows:?}");
        assert_eq!(root.leads().len(), if is_late { 2 } else { 1 }, "{what}");
        if what.contains("somebody") {
            assert_eq!(root.text("processed/good.receipt.txt"), "mine\n", "{what}");
        } else {
            assert_eq!(texts(), before, "{what}");
        }
        assert_eq!(root.alert_codes().iter().any(|code| code == "file_changed_after_commit"), is_late, "{what}");
    }
}

#[test]
fn an_interrupted_ingest_ends_in_order() {
    let root = Root::new();
    let large = root.write("outside/large.csv", generate(60_000, "large", 3).text);
    let child = root.command(&["ingest"]).arg(&large).stderr(Stdio::null()).stdout(Stdio::null()).spawn();
    let mut ingest = Daemon::of(child.expect("the binary starts"));
    wait_for("its claim", || !root.claims().is_empty());
    ingest.signal(Signal::INT);
    wait_for("its end", || ingest.ended().is_some());
    assert_eq!(ingest.ended().and_then(|status| status.code()), Some(1), "it says that nothing was taken");
    assert_eq!(root.text(".lock"), "", "no name is left as if it had died");
    assert!(root.claims().is_empty() && root.reports().is_empty());
    assert!(root.run(&["ingest", large.to_str().expect("UTF-8"), "-q"]).exits(0).stdout.is_empty());
    assert!(!root.alert_codes().contains(&"previous_run_died".to_owned()));
    assert_eq!(root.reports().len(), 1);
}

#[test]
fn an_edited_audit_trail_shows() {
    let root = Root::new();
    let daemon = root.daemon();
    root.assert_alive("one.csv");
    root.assert_alive("two.csv");
    daemon.stop();
    root.run(&["audit"]).exits(0);
    let path = root.path("logs/audit.jsonl");
    let whole = fs::read_to_string(&path).expect("audit trail");
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let without_middle: String = lines.iter().enumerate().filter(|(at, _)| *at != lines.len() / 2).map(|(_, line)| *line).collect();
    for (what, text) in [
        ("edited", whole.replacen("one.csv", "eno.csv", 1)),
        ("a line taken out", without_middle),
        ("the tail cut", lines[..lines.len() - 1].concat()),
        ("emptied", String::new()),
    ] {
        assert_ne!(text, whole, "{what}");
        fs::write(&path, text).expect("tamper");
        let audit = root.run(&["audit", "--json"]);
        assert_eq!(audit.code, Some(1), "{what}: {}", audit.stdout);
        assert_eq!(audit.json()["holds"], false, "{what}");
    }
    fs::write(&path, &whole).expect("restore");
    root.run(&["audit"]).exits(0);
    // A changed original and a changed report line show too.
    fs::write(root.path("processed/one.csv"), "name,email,value\nX,x@x.example,1\n").expect("tamper");
    root.run(&["audit"]).exits(1);
}

#[test]
fn a_frozen_daemon_holds_its_lock_and_goes_on() {
    let root = Root::new();
    let daemon: Daemon = root.daemon();
    daemon.signal(Signal::STOP);
    root.drop_renamed("leads.csv", TEN);
    root.run(&["run"]).exits(3);
    daemon.signal(Signal::CONT);
    assert_eq!(root.report_of("leads.csv")["rows"]["accepted_new"], 10);
}

#[test]
fn a_store_that_is_no_database_is_refused_with_a_sentence() {
    let root = Root::new();
    root.write("valhalla.db", "this is not a database, and somebody may still want it\n".repeat(100));
    let refused = root.run(&["run"]).exits(3);
    assert!(refused.stderr.contains("[ERROR]") && refused.stderr.contains("valhalla.db"), "{}", refused.stderr);
    assert!(root.text("valhalla.db").starts_with("this is not"), "it was touched");
}

#[test]
fn what_is_not_ours_in_the_claims_folder_is_left_alone() {
    let root = Root::new();
    root.write(".claimed/notes.txt", "mine");
    root.write(".claimed/01a208be-db1d-70d1-ab0d-24f4f3deddd1/one.csv", "name,email,value\nOne,one@claim.example,5\n");
    root.write(".claimed/01a208be-db1d-70d1-ab0d-24f4f3deddd2/a.csv", "x");
    root.write(".claimed/01a208be-db1d-70d1-ab0d-24f4f3deddd2/b.csv", "x");
    fs::create_dir_all(root.path(".claimed/01a208be-db1d-70d1-ab0d-24f4f3deddd3")).expect("folder");
    OpenOptions::new().create(true).append(true).open(root.path(".claimed/01a208be-db1d-70d1-ab0d-24f4f3deddd3/.rejects")).expect("torso");
    let _daemon = root.daemon();
    assert!(
        comes_true(support::DEADLINE, || root.reports_of("one.csv").len() == 1),
        "a claim without a commit is processed again: {}",
        root.log()
    );
    wait_for("its archive", || root.has("processed/one.csv"));
    assert_eq!(root.text(".claimed/notes.txt"), "mine");
    assert!(root.has(".claimed/01a208be-db1d-70d1-ab0d-24f4f3deddd2/a.csv"));
    assert!(!root.has(".claimed/01a208be-db1d-70d1-ab0d-24f4f3deddd3"), "a torso without its original is removed");
    assert_eq!(root.leads().len(), 1);
}

/// A claim as three deaths, or two, have left it: what was claimed, and a mark for each.
fn claim_with_deaths(root: &Root, job: &str, name: &str, deaths: u32) {
    root.write(format!(".claimed/{job}/{name}"), format!("name,email,value\nAnn,ann@{name}.example,5\n"));
    for count in 1..=deaths {
        root.write(format!(".claimed/{job}/.death-{count}"), "");
    }
}

#[test]
fn a_file_that_made_the_program_fail_three_times_is_set_aside_and_the_others_go_on() {
    let root = Root::new();
    claim_with_deaths(&root, "01890000-0000-7000-8000-000000000001", "poison.csv", 3);
    claim_with_deaths(&root, "01890000-0000-7000-8000-000000000002", "unlucky.csv", 2);
    let daemon = root.daemon();
    root.wait_reports(2);
    let (poison, unlucky) = (root.report_of("poison.csv"), root.report_of("unlucky.csv"));
    assert_eq!(poison["fate"], "failed", "{poison}");
    assert_eq!(unlucky["fate"], "processed", "{unlucky}");
    assert!(root.text("failed/poison.csv.error.txt").contains("it made the program fail 3 times"), "{:?}", names_in(&root.path("failed")));
    assert!(!root.text("failed/poison.csv.error.txt").contains("Put this right"), "{}", root.text("failed/poison.csv.error.txt"));
    assert!(root.text("failed/poison.csv").contains("Ann,"), "the original is kept as it was");
    assert!(root.alert_codes().contains(&"poisoned_file".to_owned()), "{:?}", root.alert_codes());
    root.assert_alive("next.csv");
    assert_eq!(daemon.stop().0, Some(0));
    assert_eq!(root.claims(), [""; 0]);
    root.assert_sound();
}
