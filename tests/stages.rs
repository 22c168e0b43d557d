//! The six stages on what was learned, and leads brought up to it: through the real binary.

mod support;

use std::fmt::Write;

use serde_json::{Value, json};
use support::Root;

const EXPERIMENT: &str = "
[[experiments]]
id = 'local'
variants = [{ id = 'a', weight = 1 }, { id = 'b', weight = 1 }]
filter = { column = 'Region', one_of = ['Toronto'] }
";

fn take(root: &Root, name: &str, text: &str) -> Value {
    let path = root.write(name, text);
    root.run(&["ingest", "--json", path.to_str().expect("UTF-8")]).exits(0).json()[0].clone()
}

/// Leads `from` to `to`, of two sources and two value bands.
fn leads(from: u32, to: u32) -> String {
    (from..to).fold("name,email,value,source\n".to_owned(), |mut text, n| {
        let (value, source) = (if n % 4 < 2 { 100_000 } else { 700_000 }, if n.is_multiple_of(2) { "zillow" } else { "mls" });
        let _ = writeln!(text, "Person {n},p{n}@example.com,{value},{source}");
        text
    })
}

/// What became of them: of `zillow` every second was won, of `mls` one in ten.
fn outcomes(from: u32, to: u32) -> String {
    (from..to).fold("email,outcome\n".to_owned(), |mut text, n| {
        let is_won = if n.is_multiple_of(2) { n % 4 == 0 } else { n % 10 == 1 };
        let _ = writeln!(text, "p{n}@example.com,{}", if is_won { "won" } else { "lost" });
        text
    })
}

fn of<'l>(leads: &'l [Value], email: &str) -> &'l Value {
    leads.iter().find(|lead| lead["email"] == email).unwrap_or_else(|| panic!("no lead {email}"))
}

#[test]
fn a_filter_finds_a_column_that_is_a_field_by_its_header() {
    let root = Root::with_config(EXPERIMENT);
    take(&root, "first.csv", "name,email,value,Region\nAda,ada@example.com,5,Toronto\nBo,bo@example.com,6,Houston\n");
    let assigned = |email: &str| of(&root.leads(), email)["stages"]["ab_test"]["assignments"].as_array().map(Vec::len);
    assert_eq!((assigned("ada@example.com"), assigned("bo@example.com")), (Some(1), Some(0)));
    assert_eq!(of(&root.leads(), "ada@example.com")["location"], "Toronto", "the column is a field");
    // A later file that calls it otherwise: the lead is still found by the header of the earlier one.
    take(&root, "second.csv", "name,email,value,location\nBo,bo@example.com,6,Toronto\n");
    assert_eq!(assigned("bo@example.com"), Some(1));
    root.assert_sound();
}

#[test]
fn leads_keep_their_versions_until_they_are_rescored() {
    let root = Root::with_config("[model]\nprior = 0.05\n");
    take(&root, "leads.csv", &leads(0, 60));
    let before = root.leads();
    take(&root, "outcomes.csv", &outcomes(0, 60));
    let told = |lead: &Value| (lead["versions"].clone(), lead["score"].clone(), lead["stages"]["outcome"]["basis"].clone());
    assert_eq!(root.leads().iter().map(told).collect::<Vec<_>>(), before.iter().map(told).collect::<Vec<_>>(), "shown as they were made");

    take(&root, "later.csv", "name,email,value,source\nNew,new@example.com,100000,zillow\n");
    let new = of(&root.leads(), "new@example.com").clone();
    let outcome = &new["stages"]["outcome"];
    assert_eq!((&outcome["basis"], &outcome["method"], &outcome["reason"]), (&json!("learned"), &json!("segment"), &Value::Null));
    // 15 leads of this source and band, all won, drawn towards everyone's 21 of 60.
    assert_eq!(outcome["probability"], json!(0.628_571), "{outcome}");
    assert_eq!(outcome["base_rate"], json!(0.35), "{outcome}");
    assert_ne!(new["versions"]["learned"], 0);
}

#[test]
fn rescoring_gives_every_lead_what_it_would_get_today_and_nothing_twice() {
    let root = Root::with_config("[model]\nprior = 0.05\n");
    take(&root, "leads.csv", &leads(0, 400));
    take(&root, "outcomes.csv", &outcomes(0, 400));
    let before = root.leads();
    let rescore = |args: &[&str]| root.run(&[&["rescore", "--json"], args].concat()).exits(0).json();
    let dry = rescore(&["--dry-run"]);
    assert_eq!((&dry["leads"], &dry["restaged"], &dry["dry_run"]), (&json!(400), &json!(400), &json!(true)), "{dry}");
    assert_eq!(root.leads(), before, "a dry run writes nothing");
    assert_eq!(rescore(&["--since", "2999-01-01"])["leads"], 0);

    let done = rescore(&[]);
    assert_eq!((&done["restaged"], &done["tiers"]), (&json!(400), &dry["tiers"]), "as the dry run said");
    let after = root.leads();
    take(&root, "later.csv", "name,email,value,source\nNew,new@example.com,100000,zillow\n");
    let (new, old) = (of(&root.leads(), "new@example.com").clone(), of(&after, "p0@example.com"));
    assert_eq!(old["versions"], new["versions"]);
    for key in ["outcome", "clone_readiness"] {
        assert_eq!(old["stages"][key], new["stages"][key], "like a lead of its kind that comes in now");
    }
    let listed = root.run(&["leads", "--tier", old["tier"].as_str().expect("a tier"), "--format", "jsonl"]).exits(0).jsonl();
    assert!(listed.iter().any(|lead| lead["email"] == "p0@example.com"), "the stored tier is the one shown");
    let parts = |lead: &Value| lead["stages"]["lead_score"]["contributions"].as_object().expect("parts").clone();
    for lead in &after {
        let sum: f64 = parts(lead).values().map(|part| part["points"].as_f64().expect("points")).sum();
        assert!((sum - lead["score"].as_f64().expect("a score")).abs() < 1e-9, "{lead}");
    }

    assert_eq!(rescore(&[])["restaged"], 0, "nothing is left to do");
    let entries: Vec<Value> = root.journal("audit").into_iter().filter(|entry| entry["action"] == "rescored").collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(entries[0]["detail"]["learned"], old["versions"]["learned"]);
    root.assert_sound();
}

#[test]
fn changed_rules_reach_stored_leads_through_the_daemon_too() {
    let root = Root::with_config("[model]\nprior = 0.05\n");
    take(&root, "leads.csv", &leads(0, 40));
    let rules = of(&root.leads(), "p0@example.com")["versions"]["rules"].clone();
    root.configure("[model]\nprior = 0.05\n[score]\nweights = { outcome = 10, value = 70, quality = 10, clone = 10 }\n");
    let daemon = root.daemon();
    root.wait_idle();
    let done = root.run(&["rescore", "--json"]).exits(0).json();
    assert_eq!(done["restaged"], 40, "{done}");
    assert_eq!(daemon.stop().0, Some(0));
    for lead in root.leads() {
        assert_ne!(lead["versions"]["rules"], rules);
        assert_eq!(lead["stages"]["lead_score"]["contributions"]["value"]["weight"], json!(70.0), "{lead}");
        let stored = root.run(&["packet", lead["email"].as_str().expect("an address"), "--json"]).exits(0).json();
        assert_eq!(stored["score"], lead["score"]);
    }
    root.assert_sound();
}
