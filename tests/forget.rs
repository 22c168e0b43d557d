//! `valhalla forget`: a person is gone from the store down to its bytes, the figures stay true, and nothing brings them back.

mod support;

use std::fs;

use serde_json::Value;
use support::{Root, names_in};

/// Files in which Ada stands: as somebody new, as somebody known and changed, twice in one file, and with an outcome.
const FILES: [(&str, &str); 4] = [
    ("a.csv", "name,email,value,Notes\nAda Lovelace,Ada@Example.com,100000,secretcell\nBo,bo@example.com,200000,x\n"),
    ("b.csv", "name,email,value\nAda Byron,ada@example.com,150000\nCy,cy@example.com,1\nAda again,ADA@example.com,2\n"),
    ("o.csv", "email,outcome\nada@example.com,won\nbo@example.com,lost\n"),
    ("c.csv", "name,email,value\nAda King,ada@example.com,-3\nDi,di@example.com,5\n"),
];
const ADA: [&str; 5] = ["ada@example.com", "lovelace", "ada byron", "secretcell", "ada king"];

fn with_ada(config: &str) -> Root {
    let root = Root::with_config(config);
    for (name, content) in FILES {
        let path = root.write(format!("outside/{name}"), content);
        root.run(&["ingest", "--move", path.to_str().expect("a path")]).exits(0);
    }
    root
}

fn forget(root: &Root, more: &[&str]) -> Value {
    root.run(&[&["forget", " ADA@example.com", "--json"], more].concat()).exits(0).json()
}

/// Words of Ada's that stand in a file of the root, whatever their case.
fn found_in(root: &Root, file: &str) -> Vec<&'static str> {
    let bytes = fs::read(root.path(file)).unwrap_or_default().to_ascii_lowercase();
    ADA.into_iter().filter(|word| bytes.windows(word.len()).any(|at| at == word.as_bytes())).collect()
}

fn emails(root: &Root) -> Vec<String> {
    let mut found: Vec<String> = root.leads().iter().map(|lead| lead["email"].as_str().expect("an address").to_owned()).collect();
    found.sort();
    found
}

#[test]
fn a_person_is_gone_from_the_store_and_the_figures_stay() {
    let root = with_ada("");
    let before = root.text("logs/reports.jsonl");
    assert!(found_in(&root, "valhalla.db").contains(&"ada@example.com"));
    let would = root.run(&["forget", "ada@example.com", "--dry-run", "--json"]).exits(0).json();
    assert_eq!((&would["verdict"], &would["rows"], &would["outcomes"]), (&"would_forget".into(), &2.into(), &1.into()));
    assert!(emails(&root).contains(&"ada@example.com".to_owned()), "a dry run changes nothing");
    assert!(!root.has(".forget.key"));

    let told = forget(&root, &[]);
    assert_eq!((&told["verdict"], &told["rows"], &told["outcomes"]), (&"forgotten".into(), &2.into(), &1.into()), "{told}");
    assert_eq!(told["bytes_gone"], true, "{told}");
    assert_eq!(emails(&root), ["bo@example.com", "cy@example.com", "di@example.com"]);
    for file in ["valhalla.db", "valhalla.db-wal"] {
        assert_eq!(found_in(&root, file), [""; 0], "{file}");
    }
    assert_eq!(root.text("logs/reports.jsonl"), before, "what was counted stays counted");
    root.run(&["audit"]).exits(0);
    let log: String = names_in(&root.path("logs")).iter().map(|name| root.text(format!("logs/{name}")).to_lowercase()).collect();
    assert!(!log.contains("ada@example.com"));
    assert_eq!(forget(&root, &[])["verdict"], "already_forgotten");
    root.assert_sound();
}

#[test]
fn somebody_nobody_knows() {
    let root = with_ada("");
    let said = root.run(&["forget", "nobody@example.com", "--json"]).exits(1);
    assert_eq!(said.json()["verdict"], "unknown");
    root.run(&["forget", "no address"]).exits(2);
    root.run(&["forget", "nobody@example.com", "--allow"]).exits(1);
}

#[test]
fn nothing_brings_them_back_until_they_are_allowed() {
    let root = with_ada("");
    forget(&root, &[]);
    let expected = ["bo@example.com", "cy@example.com", "di@example.com"];
    root.run(&["replay", "a.csv", "--apply"]).exits(0);
    assert_eq!(emails(&root), expected, "a replay");
    root.run(&["undo", "b.csv"]).exits(0);
    assert_eq!(emails(&root), ["bo@example.com", "di@example.com"], "an undo leaves nothing of Cy, and nothing of Ada comes");
    root.run(&["audit"]).exits(0);
    let path = root.write("outside/b.csv", FILES[1].1);
    root.run(&["ingest", "--move", path.to_str().expect("a path")]).exits(0);
    assert_eq!(emails(&root), expected, "the old file dropped again");
    let report = root.reports().pop().expect("a report");
    assert_eq!((&report["rows"]["rejected"], &report["rows"]["accepted_new"]), (&2.into(), &1.into()), "{report}");
    assert_eq!(report["issues"]["by_code"]["forgotten"], 2);
    assert!(report["rejects_as"].is_null(), "their rows are given back to nobody");
    let path = root.write("outside/o2.csv", "email,outcome\nada@example.com,lost\ncy@example.com,won\n");
    root.run(&["ingest", "--move", path.to_str().expect("a path")]).exits(0);
    assert_eq!(root.reports().pop().expect("a report")["issues"]["by_code"]["forgotten"], 1, "outcomes neither");
    root.run(&["rebuild", "--accept-loss"]);
    assert_eq!(emails(&root), expected, "a rebuild");
    root.run(&["audit"]).exits(0);
    assert_eq!(forget(&root, &[])["verdict"], "already_forgotten", "the list is rebuilt, too");

    root.run(&["forget", "ada@example.com", "--allow"]).exits(0);
    let path = root.write("outside/new.csv", "name,email,value\nAda,ada@example.com,7\n");
    root.run(&["ingest", "--move", path.to_str().expect("a path")]).exits(0);
    assert!(emails(&root).contains(&"ada@example.com".to_owned()), "they agreed anew");
    root.run(&["audit"]).exits(0);
}

#[test]
fn a_rebuild_makes_the_very_store_again() {
    let root = with_ada("");
    forget(&root, &[]);
    let told = root.run(&["rebuild", "--dry-run", "--json"]).exits(0).json();
    assert_eq!(told["problems"], Value::Array(Vec::new()), "{told}");
    root.run(&["rebuild"]).exits(0);
    assert_eq!(emails(&root), ["bo@example.com", "cy@example.com", "di@example.com"]);
    root.run(&["audit"]).exits(0);
    assert_eq!(found_in(&root, "valhalla.db"), [""; 0], "nor do the new store's files hold her");
}

#[test]
fn without_the_key_nothing_is_taken_in() {
    let root = with_ada("");
    forget(&root, &[]);
    fs::rename(root.path(".forget.key"), root.path("kept")).expect("moved");
    let path = root.write("outside/new.csv", "name,email,value\nAda,ada@example.com,7\n");
    let said = root.run(&["ingest", "--move", path.to_str().expect("a path")]).exits(3);
    assert!(said.stderr.contains(".forget.key"), "{}", said.stderr);
    fs::rename(root.path("kept"), root.path(".forget.key")).expect("moved");
    root.run(&["ingest", "--move", path.to_str().expect("a path")]).exits(1);
    root.run(&["audit"]).exits(0);
}

#[test]
fn the_daemon_does_it_for_the_command() {
    let root = with_ada("");
    let daemon = root.daemon();
    let told = forget(&root, &[]);
    assert_eq!((&told["verdict"], &told["bytes_gone"]), (&"forgotten".into(), &true.into()), "{told}");
    assert_eq!(found_in(&root, "valhalla.db"), [""; 0]);
    root.drop_renamed("again.csv", "name,email,value\nAda,ada@example.com,7\nEd,ed@example.com,8\n");
    let report = root.report_of("again.csv");
    assert_eq!((&report["rows"]["rejected"], &report["rows"]["accepted_new"]), (&1.into(), &1.into()));
    daemon.stop();
    root.run(&["audit"]).exits(0);
}
