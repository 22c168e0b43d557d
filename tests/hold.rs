//! Files whose figures are critical wait for a person: nothing of them is counted, whatever dies meanwhile, until somebody
//! releases or discards them; then they are counted once.

mod support;

use std::collections::BTreeMap;

use support::{Root, joined, wait_for};

const HOLD: &str = "[risk]\nhold_on_risk = \"critical\"\n";

/// Most rows lack a usable address: the quality is below 50.
fn bad() -> String {
    let rows =
        joined(0..10, |row| format!("Person {row},{},1000\n", if row < 3 { format!("p{row}@example.com") } else { "none".to_owned() }));
    format!("name,email,value\n{rows}")
}

const GOOD: &str = "name,email,value\nAda,ada@example.com,1000\n";

fn held(root: &Root) -> Vec<String> {
    let told = root.run(&["hold", "list", "--json"]).exits(0).json();
    let held = told["held"].as_array().expect("a list").iter();
    held.map(|held| held["file"].as_str().expect("a file").to_owned()).collect()
}

fn actions(root: &Root) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for entry in root.journal("audit") {
        *counts.entry(entry["action"].as_str().expect("an action").to_owned()).or_default() += 1;
    }
    counts
}

/// A root with one held file, and one that was taken beside it.
fn with_a_held_file() -> Root {
    let root = Root::with_config(HOLD);
    let daemon = root.daemon();
    root.drop_renamed("vendor/bad.csv", bad());
    wait_for("the file to be held", || held(&root) == ["vendor/bad.csv"]);
    root.drop_renamed("good.csv", GOOD);
    wait_for("the other file", || root.reports().len() == 1);
    wait_for("good.csv to leave the claims", || root.run(&["status", "--json"]).json()["in_hand"] == 0);
    wait_for("the alert", || root.alert_codes().contains(&"job_held".to_owned()));
    let status = root.run(&["status", "--json"]).exits(0).json();
    assert_eq!((&status["in_hand"], &status["held"][0]["file"]), (&0.into(), &"vendor/bad.csv".into()), "{status}");
    assert_eq!(status["held"][0]["causes"], serde_json::json!(["quality_below_minimum"]));
    daemon.stop();
    assert_eq!((root.leads().len(), root.claims().len()), (1, 1), "nothing of it is counted");
    root
}

fn audit(root: &Root, held: u64) {
    let told = root.run(&["audit", "--json"]).exits(0).json();
    assert_eq!(told["held"], held, "{told}");
}

#[test]
fn a_held_file_survives_restarts_and_is_counted_once_when_it_is_released() {
    let root = with_a_held_file();
    audit(&root, 1);
    let before = std::fs::read(root.path(".claimed").join(&root.claims()[0]).join("vendor/bad.csv")).expect("it lies in its claim");
    assert_eq!(before, bad().as_bytes());
    root.daemon().kill();
    let daemon = root.daemon();
    assert_eq!((held(&root).len(), root.reports().len()), (1, 1), "neither run again nor given back");
    let wrong = root.run(&["hold", "release", "nothing.csv"]);
    assert_eq!(wrong.code, Some(3), "{wrong:?}");
    let told = root.run(&["hold", "release", "bad.csv", "--json"]).exits(0).json();
    assert_eq!((&told["decided"], &told["fate"], &told["rows"]["accepted_new"]), (&"released".into(), &"processed".into(), &3.into()));
    root.wait_idle();
    daemon.stop();
    assert_eq!((held(&root).len(), root.leads().len(), root.reports_of("vendor/bad.csv").len()), (0, 4, 1));
    assert_eq!((actions(&root).get("held"), actions(&root).get("hold_released")), (Some(&1), Some(&1)));
    assert!(root.has("processed/vendor/bad.csv") && root.run(&["hold", "release", "bad.csv"]).code == Some(1));
    audit(&root, 0);
    root.assert_sound();
}

#[test]
fn a_discarded_file_goes_to_failed_as_it_is() {
    let root = with_a_held_file();
    let alerts = root.alert_codes().iter().filter(|code| *code != "job_held").count();
    let job = root.claims()[0].clone();
    let told = root.run(&["hold", "discard", &job, "--json"]).exits(0).json();
    assert_eq!((&told["decided"], &told["fate"]), (&"discarded".into(), &"failed".into()));
    assert_eq!(root.text("failed/vendor/bad.csv"), bad());
    let report = root.report_of("vendor/bad.csv");
    assert!(report["reason"].as_str().expect("a reason").contains("a person discarded it"), "{report}");
    assert_eq!((&report["rows"]["total"], report["job_id"].as_str()), (&0.into(), Some(job.as_str())));
    assert_eq!(root.alert_codes().iter().filter(|code| *code != "job_held").count(), alerts, "whoever decided it knows");
    assert_eq!((held(&root).len(), root.leads().len(), actions(&root).get("hold_discarded")), (0, 1, Some(&1)));
    audit(&root, 0);
    root.run(&["rebuild"]).exits(0);
    audit(&root, 0);
}

#[test]
fn a_decision_that_was_cut_short_is_carried_out_at_the_next_start() {
    for (mark, leads, fate) in [(".released", 4, "processed"), (".discarded", 1, "failed")] {
        let root = with_a_held_file();
        let claim = root.path(".claimed").join(&root.claims()[0]);
        std::fs::rename(claim.join(".hold"), claim.join(mark)).expect("as it is when we die behind the rename");
        let daemon = root.daemon();
        let report = root.report_of("vendor/bad.csv");
        daemon.stop();
        assert_eq!((report["fate"].as_str(), root.leads().len(), root.reports().len()), (Some(fate), leads, 2), "{mark}");
        assert_eq!(actions(&root).keys().filter(|action| action.starts_with("hold_")).count(), 1);
        audit(&root, 0);
    }
}

#[test]
fn a_file_whose_mark_was_lost_is_assessed_again_and_one_that_was_touched_is_found() {
    let root = with_a_held_file();
    let claim = root.path(".claimed").join(&root.claims()[0]);
    std::fs::remove_file(claim.join(".hold")).expect("as it is when we die before the mark");
    let daemon = root.daemon();
    wait_for("the file to be held again", || held(&root) == ["vendor/bad.csv"]);
    daemon.stop();
    assert_eq!((root.leads().len(), root.reports().len()), (1, 1));
    audit(&root, 1);
    std::fs::write(claim.join("vendor/bad.csv"), GOOD).expect("write");
    let told = root.run(&["audit", "--json"]).exits(1).json();
    assert_eq!((&told["held"], &told["findings"][0]["verdict"]), (&0.into(), &"broken".into()));
}

#[test]
fn without_the_setting_and_for_files_that_are_named_nothing_is_held() {
    let root = Root::new();
    root.write("inbox/vendor/bad.csv", bad());
    let daemon = root.daemon();
    assert_eq!(root.report_of("vendor/bad.csv")["fate"], "processed");
    daemon.stop();
    let root = Root::with_config(HOLD);
    let named = root.write("outside/bad.csv", bad());
    root.run(&["ingest", named.to_str().expect("a path")]).exits(0);
    assert_eq!((root.leads().len(), held(&root).len()), (3, 0), "whoever names a file asks for it");
    let moved = root.run(&["ingest", "--move", root.write("outside/other.csv", bad() + "A,a@example.com,1\n").to_str().expect("a path")]);
    assert_eq!((moved.code, held(&root).len()), (Some(1), 1), "dropped, and held: {moved:?}");
    let daemon = root.daemon();
    let through = root.run(&["ingest", root.write("outside/third.csv", bad() + "B,b@example.com,1\n").to_str().expect("a path")]);
    assert_eq!((through.code, held(&root).len()), (Some(1), 2), "dropped by a daemon, and told: {through:?}");
    daemon.stop();
}
