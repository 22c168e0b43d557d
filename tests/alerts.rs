//! Conditions through the real program: told when they begin, acknowledged, told once across a restart, and told when they end.

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use support::{Root, wait_for};

const CODE: &str = "permissions_too_wide";

fn about_it(root: &Root) -> Vec<Value> {
    root.journal("alerts").into_iter().filter(|alert| alert["code"] == CODE).collect()
}

fn set_mode(root: &Root, mode: u32) {
    fs::set_permissions(root.path("failed"), Permissions::from_mode(mode)).expect("permissions");
}

fn looks(root: &Root) -> String {
    let text = fs::read_to_string(root.path("logs/risk_monitoring_results.json")).unwrap_or_default();
    let results: Value = serde_json::from_str(&text).unwrap_or_default();
    results["timestamp"].as_str().unwrap_or_default().to_owned()
}

fn wait_looks(root: &Root, times: usize) {
    for _ in 0..times {
        let before = looks(root);
        wait_for("another look", || looks(root) > before);
    }
}

#[test]
fn a_condition_begins_is_acknowledged_and_ends_across_restarts() {
    let root = Root::with_config("[risk]\nmonitor_seconds = 1\n");
    let daemon = root.daemon();
    wait_looks(&root, 1);
    assert_eq!(about_it(&root), Vec::<Value>::new());
    set_mode(&root, 0o777);
    wait_for("it is told", || !about_it(&root).is_empty());
    wait_looks(&root, 3);
    let begun = about_it(&root);
    assert_eq!(begun.len(), 1, "found at every look, told once: {begun:#?}");
    let id = begun[0]["id"].as_str().expect("an id");
    let page = root.run(&["alerts"]).exits(0).stdout;
    assert!(page.contains(id) && page.contains("Others may change or read what is ours alone"), "{page}");

    root.run(&["alerts", "--ack", "no-such-id"]).exits(1);
    assert!(root.run(&["alerts", "--ack", id]).exits(0).stdout.contains("acknowledged"));
    assert!(root.run(&["alerts", "--ack", id]).exits(0).stdout.contains("had been acknowledged before"));
    assert_eq!(root.journal("audit").iter().filter(|entry| entry["action"] == "alert_acknowledged").count(), 1);

    daemon.kill();
    let _daemon = root.daemon();
    wait_looks(&root, 3);
    assert_eq!(about_it(&root).len(), 1, "known across a kill");
    let listed = root.run(&["alerts", "--json", "--open"]).exits(0).json();
    let listed: Vec<&Value> = listed.as_array().expect("an array").iter().filter(|alert| alert["id"] == id).collect();
    assert_eq!(listed.len(), 1);
    assert!(listed[0]["open"] == true && listed[0]["acknowledged_at"].is_string(), "{listed:?}");

    set_mode(&root, 0o755);
    wait_for("its end is told", || about_it(&root).len() == 2);
    let over = &about_it(&root)[1];
    assert_eq!((over["severity"].as_str(), over["resolves"].as_str()), (Some("info"), Some(id)), "{over:#}");
    assert!(!root.run(&["alerts", "--open"]).exits(0).stdout.contains(id));
    root.run(&["audit"]).exits(0);
}
