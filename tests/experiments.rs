//! Experiments and scripts through the real binary: from a list of leads and the outcomes reported of them to the winner,
//! the promoted script, and what people are shown.

mod support;

use std::collections::BTreeMap;

use serde_json::Value;
use support::Root;

const CONFIG: &str = r#"
[[experiments]]
id = "first-contact"
variants = [{ id = "control", weight = 1, script = "hello" }, { id = "warm", weight = 1, script = "warm-hello" }]

[[scripts]]
id = "hello"
channel = "email"
status = "primary"

[[scripts]]
id = "warm-hello"
channel = "email"
status = "experimental"
"#;

fn leads(from: usize, to: usize) -> String {
    (from..to).fold(String::from("name,email,value\n"), |text, n| text + &format!("Pat Lee {n},pat{n}@example.com,{}\n", 1000 + n))
}

/// Every tenth lead of `control` and every fifth of `warm` buys.
fn outcomes(root: &Root, from: usize, to: usize) -> String {
    let known = root.run(&["leads", "--format", "jsonl"]).exits(0).jsonl();
    let mut given: BTreeMap<usize, String> = BTreeMap::new();
    for lead in &known {
        let email = lead["email"].as_str().expect("an address");
        let number: usize = email.trim_start_matches("pat").split('@').next().and_then(|n| n.parse().ok()).expect("a number");
        let arms = lead["stages"]["ab_test"].to_string();
        given.insert(number, if arms.contains("warm") { "warm".into() } else { "control".into() });
    }
    let (mut warm, mut control) = (0, 0);
    let mut text = String::from("email,outcome\n");
    for (number, variant) in given.range(from..to) {
        let count = if variant == "warm" { &mut warm } else { &mut control };
        *count += 1;
        let is_won = *count % (if variant == "warm" { 5 } else { 10 }) == 0;
        text += &format!("pat{number}@example.com,{}\n", if is_won { "won" } else { "lost" });
    }
    text
}

fn ingest(root: &Root, name: &str, text: &str) {
    let file = root.write(format!("in/{name}"), text);
    root.run(&["ingest", file.to_str().expect("a path")]).exits(0);
}

fn arm<'v>(experiments: &'v Value, variant: &str) -> &'v Value {
    let arms = experiments["experiments"][0]["arms"].as_array().expect("arms");
    arms.iter().find(|arm| arm["variant"] == variant).expect("the variant")
}

#[test]
fn a_better_script_wins_and_becomes_the_primary() {
    let root = Root::with_config(CONFIG);
    ingest(&root, "first.csv", &leads(0, 1500));

    // Before any outcome: who was given what, and no rate.
    let before = root.run(&["experiments", "--json"]).exits(0).json();
    let given =
        |value: &Value| arm(value, "control")["exposed"].as_u64().unwrap_or(0) + arm(value, "warm")["exposed"].as_u64().unwrap_or(0);
    assert_eq!((given(&before), &arm(&before, "warm")["rate"], &before["lessons"]), (1500, &Value::Null, &Value::from(0)), "{before}");
    let page = root.run(&["experiments"]).exits(0).stdout;
    assert!(page.contains("first-contact, version 1") && page.contains("insufficient outcomes: 0 of 30"), "{page}");
    let page = root.run(&["scripts"]).exits(0).stdout;
    assert!(
        page.contains("warm-hello") && page.contains("no experiment gives out both") || page.contains("insufficient outcomes"),
        "{page}"
    );

    // The first outcomes: a winner, and one step of the script.
    ingest(&root, "outcomes-1.csv", &outcomes(&root, 0, 1500));
    let after = root.run(&["experiments", "--json"]).exits(0).json();
    assert_eq!(after["experiments"][0]["winner"], "warm", "{after}");
    assert_eq!(arm(&after, "warm")["resolved"], arm(&after, "warm")["exposed"], "{after}");
    let rate = arm(&after, "warm")["rate"].as_f64().expect("a rate");
    assert!((rate - 0.2).abs() < 0.01, "{rate}");
    let status = |scripts: &Value, id: &str| {
        scripts["scripts"].as_array().and_then(|all| all.iter().find(|own| own["id"] == id)).map(|own| own["status"].clone())
    };
    let scripts = root.run(&["scripts", "--json"]).exits(0).json();
    assert_eq!(status(&scripts, "warm-hello"), Some("testing".into()), "{scripts}");

    // New leads and theirs: the next step, and the old primary makes room.
    ingest(&root, "second.csv", &leads(1500, 1600));
    ingest(&root, "outcomes-2.csv", &outcomes(&root, 1500, 1600));
    let scripts = root.run(&["scripts", "--json"]).exits(0).json();
    assert_eq!(
        (status(&scripts, "warm-hello"), status(&scripts, "hello")),
        (Some("primary".into()), Some("secondary".into())),
        "{scripts}"
    );
    assert_eq!(scripts["steps"].as_array().map(Vec::len), Some(3), "{scripts}");
    let page = root.run(&["scripts"]).exits(0).stdout;
    assert!(page.contains("warm-hello 1: testing -> primary: converts better than the primary: evidence "), "{page}");
    let page = root.run(&["experiments"]).exits(0).stdout;
    assert!(page.contains("Winner: warm") && !page.contains("|--"), "no picture where there is no terminal: {page}");
}

#[test]
fn without_experiments_and_scripts_the_page_says_so() {
    let root = Root::new();
    ingest(&root, "x.csv", &leads(0, 3));
    let page = root.run(&["experiments"]).exits(0).stdout;
    assert!(page.contains("No experiments are configured"), "{page}");
    let page = root.run(&["scripts"]).exits(0).stdout;
    assert!(page.contains("No scripts are configured"), "{page}");
}
