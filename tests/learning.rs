//! Outcomes in, better decisions out: lessons through the real binary, in commands and beside the daemon.

mod support;

use std::fmt::Write;

use rustix::process::Signal;
use serde_json::Value;
use support::{Root, wait_for};

const CONFIG: &str = "
[[scripts]]
id = 'plain'
channel = 'email'
status = 'primary'
[[scripts]]
id = 'warm'
channel = 'email'
[[experiments]]
id = 'greeting'
variants = [{ id = 'a', weight = 1, script = 'plain' }, { id = 'b', weight = 1, script = 'warm' }]
";

/// A list of leads, `from` to `to`.
fn leads(from: u32, to: u32) -> String {
    (from..to).fold("name,email,value\n".to_owned(), |mut text, n| {
        let _ = writeln!(text, "Person {n},p{n}@example.com,{}", 1000 + n);
        text
    })
}

/// What became of leads `from` to `to`: of ten, `warm` are won with variant b and one with variant a.
fn outcomes(root: &Root, from: u32, to: u32, warm: u32) -> String {
    let mut text = "email,outcome\n".to_owned();
    for lead in root.leads() {
        let email = lead["email"].as_str().expect("an address");
        let n: u32 = email[1..email.find('@').expect("an @")].parse().expect("its number");
        if (from..to).contains(&n) {
            let is_warm = lead["stages"]["ab_test"].to_string().contains("\"b\"");
            let is_won = n % 10 < if is_warm { warm } else { 1 };
            let _ = writeln!(text, "{email},{}", if is_won { "won" } else { "lost" });
        }
    }
    text
}

fn take(root: &Root, name: &str, text: &str) -> Value {
    let path = root.write(name, text);
    let said = root.run(&["ingest", "--json", path.to_str().expect("UTF-8")]).exits(0);
    said.json()[0].clone()
}

#[test]
fn a_better_script_becomes_the_primary_step_by_step() {
    let root = Root::with_config(CONFIG);
    for (round, from) in (1..=3).zip([0, 600, 1200]) {
        take(&root, &format!("leads-{round}.csv"), &leads(from, from + 600));
        let report = take(&root, &format!("outcomes-{round}.csv"), &outcomes(&root, from, from + 600, 3));
        assert_eq!((&report["kind"], &report["rows"]["accepted_new"]), (&"outcomes".into(), &600.into()), "{report}");
    }
    let steps: Vec<(String, String, String)> = root
        .journal("audit")
        .into_iter()
        .filter(|entry| entry["action"] == "script_step")
        .map(|entry| {
            let text = |key: &str| entry["detail"][key].as_str().unwrap_or_default().to_owned();
            (text("script"), text("from"), text("to"))
        })
        .collect();
    let step = |script: &str, from: &str, to: &str| (script.to_owned(), from.to_owned(), to.to_owned());
    assert_eq!(steps[0], step("warm", "experimental", "testing"));
    assert!(steps.contains(&step("warm", "testing", "primary")) && steps.contains(&step("plain", "primary", "secondary")), "{steps:?}");
    let codes = root.alert_codes();
    assert!(
        codes.iter().filter(|code| *code == "script_moved").count() >= 3 && codes.contains(&"experiment_winner".to_owned()),
        "{codes:?}"
    );
    assert_eq!(codes.iter().filter(|code| *code == "experiment_winner").count(), 1, "told once, not at every look");

    let later = take(&root, "later.csv", &leads(5000, 5001));
    assert_ne!(later["versions"]["learned"], 0);
    let lead = root.leads().into_iter().find(|lead| lead["email"] == "p5000@example.com").expect("the lead");
    let outcome = &lead["stages"]["outcome"];
    assert_eq!((&outcome["basis"], &lead["versions"]["learned"]), (&"learned".into(), &later["versions"]["learned"]), "{outcome}");
    root.assert_sound();
}

#[test]
fn the_daemon_learns_beside_and_takes_up_a_lesson_that_a_kill_left() {
    let root = Root::new();
    let daemon = root.daemon();
    root.drop_renamed("leads.csv", leads(0, 300));
    root.wait_reports(1);
    let text = outcomes(&root, 0, 300, 1);
    root.drop_renamed("outcomes.csv", &text);
    root.wait_reports(2);
    daemon.kill(); // perhaps before it has learned, perhaps after: it comes to the same
    let daemon = root.daemon();
    let mut number = 0;
    wait_for("a file whose leads are staged with what was learned", || {
        number += 1;
        root.drop_renamed(format!("later-{number}.csv"), leads(1000 + number, 1001 + number));
        root.wait_reports(2 + number as usize);
        root.reports().last().is_some_and(|report| report["versions"]["learned"] != 0)
    });
    let direct = Root::new();
    take(&direct, "leads.csv", &leads(0, 300));
    take(&direct, "outcomes.csv", &text);
    let version = take(&direct, "later.csv", &leads(1000, 1001))["versions"]["learned"].clone();
    assert_eq!(root.reports().last().expect("a report")["versions"]["learned"], version, "the same history, the same version");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.stop().0, Some(0));
    root.assert_sound();
}

#[test]
fn leads_that_do_not_fall_as_the_weights_say_are_told_before_any_outcome() {
    let all = Root::with_config(CONFIG);
    take(&all, "all.csv", &leads(0, 400));
    let rows: Vec<String> = all
        .leads()
        .iter()
        .filter(|lead| lead["stages"]["ab_test"].to_string().contains("\"a\""))
        .map(|lead| format!("Person,{},5\n", lead["email"].as_str().expect("an address")))
        .collect();
    let root = Root::with_config(CONFIG);
    for (file, half) in rows.chunks(rows.len() / 2).enumerate() {
        take(&root, &format!("one-sided-{file}.csv"), &format!("name,email,value\n{}", half.concat()));
    }
    let mismatches = root.alert_codes().into_iter().filter(|code| code == "experiment_mismatch").count();
    assert_eq!(mismatches, 1, "told once");
    assert!(!all.alert_codes().contains(&"experiment_mismatch".to_owned()));
}

#[test]
fn what_cannot_be_told_yet_is_said_so() {
    let root = Root::new();
    take(&root, "winners.csv", "name,email,value,converted\nAnn,ann@example.com,5,yes\nBen,ben@example.com,6,yes\n");
    take(&root, "later.csv", &leads(0, 1));
    let lead = root.leads().into_iter().find(|lead| lead["email"] == "p0@example.com").expect("the lead");
    let outcome = &lead["stages"]["outcome"];
    assert!(outcome["probability"].is_null(), "{outcome}");
    assert!(outcome["reason"].as_str().expect("a reason").contains("insufficient outcomes: only wins"), "{outcome}");
}
