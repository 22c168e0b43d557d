//! Files that should have come, through the daemon: red when one is missing, green once it is there, and over when nobody
//! expects it any more.

mod support;

use rusqlite::Connection;
use serde_json::Value;
use support::{Root, wait_for};

const DAY_MS: i64 = 86_400_000;

/// The alerts of a code: subject, and whether it is the end of one.
fn told(root: &Root, code: &str) -> Vec<(String, bool)> {
    let alerts = root.journal("alerts").into_iter().filter(|alert| alert["code"] == code);
    alerts.map(|alert| (alert["file"].as_str().unwrap_or_default().to_owned(), !alert["resolves"].is_null())).collect()
}

fn drop_file(root: &Root, source: &str, number: i64) {
    let path = root.write(format!("inbox/{source}/{number}.csv"), format!("name,email,value\nPerson,p{number}@example.com,100\n"));
    root.run(&["ingest", path.to_str().expect("a path")]).exits(0);
}

/// Changes the store while nobody holds it.
fn change(root: &Root, sql: &str) {
    let store = Connection::open(root.path("valhalla.db")).expect("the store opens");
    assert!(store.execute(sql, []).expect("the statement runs") > 0, "{sql} changed nothing");
}

/// The schedules the store knows; nothing while it cannot be read.
fn schedules(root: &Root) -> Option<i64> {
    let store = Connection::open(root.path("valhalla.db")).ok()?;
    store.query_row("SELECT count(*) FROM schedules", [], |row| row.get(0)).ok()
}

fn config(root: &Root, source: &str) {
    root.write("valhalla.toml", format!("[risk]\nmonitor_seconds = 1\n[alerts]\ntime_zone = \"America/Toronto\"\n{source}"));
}

#[test]
fn a_due_file_is_missed_comes_and_is_expected_no_longer() {
    let root = Root::new();
    config(&root, "[source.Zillow]\nexpected = \"0 9 1 1,7 *\"\n");
    drop_file(&root, "other", 1);
    let daemon = root.daemon();
    wait_for("the schedule is known", || schedules(&root) == Some(1));
    daemon.stop();
    assert_eq!(told(&root, "expected_file_missing"), [], "nothing is missed that was due before");

    change(&root, &format!("UPDATE schedules SET since_ms = since_ms - {}", 800 * DAY_MS));
    let daemon = root.daemon();
    let missed = [("zillow".to_owned(), false)];
    wait_for("the missing file is told", || told(&root, "expected_file_missing") == missed);
    let alert: Vec<Value> = root.journal("alerts").into_iter().filter(|alert| alert["code"] == "expected_file_missing").collect();
    let detail = alert[0]["detail"].as_str().expect("a sentence");
    assert!(detail.contains(" 09:00 E") && detail.ends_with("(0 9 1 1,7 *); none ever came"), "{detail}");
    daemon.stop();

    config(&root, "");
    let daemon = root.daemon();
    wait_for("nobody expects it", || told(&root, "expected_file_missing").last() == Some(&("zillow".to_owned(), true)));
    wait_for("the schedule is forgotten", || schedules(&root) == Some(0));
    daemon.stop();
}

#[test]
fn a_missing_file_comes() {
    let root = Root::new();
    // Due at every minute, so that whatever comes now is nearest to the last due time.
    config(&root, "grace_minutes = 0\n[source.zillow]\nexpected = \"* * * * *\"\n");
    drop_file(&root, "zillow", 1);
    change(&root, &format!("UPDATE jobs SET started_at_ms = started_at_ms - {DAY_MS}"));
    let daemon = root.daemon();
    wait_for("the schedule is known", || schedules(&root) == Some(1));
    daemon.stop();
    change(&root, &format!("UPDATE schedules SET since_ms = since_ms - {DAY_MS}"));
    let daemon = root.daemon();
    wait_for("the missing file is told", || told(&root, "expected_file_missing") == [("zillow".to_owned(), false)]);
    root.write("inbox/zillow/2.csv", "name,email,value\nPerson,p2@example.com,100\n");
    wait_for("it came", || told(&root, "expected_file_missing").contains(&("zillow".to_owned(), true)));
    daemon.stop();
}

#[test]
fn a_source_that_came_regularly_is_missed_when_it_is_silent() {
    let root = Root::new();
    config(&root, "");
    (0..9).for_each(|number| drop_file(&root, "vendor", number));
    (9..18).for_each(|number| drop_file(&root, "steady", number));
    change(&root, &format!("UPDATE jobs SET started_at_ms = started_at_ms - {DAY_MS} * (19 - seq)"));
    // The last of `vendor` came eleven days ago, and it used to come every day; the last of `steady` yesterday.
    let daemon = root.daemon();
    wait_for("the silence is told", || told(&root, "source_quiet") == [("vendor".to_owned(), false)]);
    let found = root.journal("alerts").into_iter().find(|alert| alert["code"] == "source_quiet").expect("it was told");
    assert_eq!((found["threshold"].as_f64(), found["severity"].as_str()), (Some(72.0), Some("warning")));
    root.write("inbox/vendor/99.csv", "name,email,value\nPerson,p99@example.com,100\n");
    wait_for("it came", || told(&root, "source_quiet") == [("vendor".to_owned(), false), ("vendor".to_owned(), true)]);
    daemon.stop();
}
