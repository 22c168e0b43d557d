//! `valhalla undo`: after it everything is as if the file had never come, and the same file may be dropped again.
//!
//! The direct way is the judge: another root lives through the same story without the files that were taken out, and both
//! must hold the same leads, arms, outcomes and figures.

mod support;

use std::collections::BTreeMap;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use support::{Root, TEN};

/// Two experiments, one of which admits only some leads, so that arms are given at different rows.
const RULES: &str = r#"
[[experiments]]
id = "first-contact"
salt = "s1"
variants = [{ id = "call", weight = 0.5 }, { id = "mail", weight = 0.5 }]
[[experiments]]
id = "toronto"
salt = "s2"
variants = [{ id = "x", weight = 0.5 }, { id = "y", weight = 0.5 }]
filter = { column = "location", one_of = ["Toronto"] }
"#;

/// One thing that happens to a root.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A file of this name with this content.
    Take(&'static str, &'static str),
    /// Other rules from now on.
    Rules(&'static str),
    /// The file is taken out.
    Undo(&'static str),
    /// The archived file is taken in again.
    Replay(&'static str),
    /// Stored leads are brought up to the versions in force.
    Rescore,
}

use Step::{Replay, Rescore, Rules, Take, Undo};

fn live(root: &Root, steps: &[Step]) {
    for step in steps {
        match *step {
            Take(name, content) => {
                let path = root.write(format!("outside/{name}"), content);
                root.run(&["ingest", "--move", path.to_str().expect("a path")]).exits(0);
            }
            Rules(text) => root.configure(text),
            Undo(name) => {
                let told = root.run(&["undo", name, "--json"]).exits(0).json();
                assert_eq!(told["verdict"], "undone", "{told}");
            }
            Rescore => drop(root.run(&["rescore"]).exits(0)),
            Replay(name) => drop(root.run(&["replay", name, "--apply"]).exits(0)),
        }
    }
}

/// What a root holds, told without ids and times.
fn held(root: &Root) -> BTreeMap<&'static str, Vec<String>> {
    let store = Connection::open_with_flags(root.path("valhalla.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("store");
    let texts = |sql: &str| -> Vec<String> {
        let mut statement = store.prepare(sql).expect(sql);
        let columns = statement.column_count();
        let mut rows = statement.query([]).expect(sql);
        let mut texts = Vec::new();
        while let Some(row) = rows.next().expect("row") {
            let cells = (0..columns).map(|at| format!("{:?}", row.get_ref(at).expect("cell")));
            texts.push(cells.collect::<Vec<_>>().join(" | "));
        }
        texts.sort();
        texts
    };
    let mut leads: Vec<String> = root
        .leads()
        .into_iter()
        .map(|mut lead| {
            let lead = lead.as_object_mut().expect("an object");
            for key in ["job_id", "ingested_at"] {
                lead.remove(key);
            }
            Value::Object(lead.clone()).to_string()
        })
        .collect();
    leads.sort();
    let stored = "SELECT l.email, l.score, l.tier, l.row, l.accepted, j.file, (SELECT count(*) FROM history h WHERE h.lead = l.id),
        (SELECT count(*) FROM lead_keys k WHERE k.lead = l.id) FROM leads l JOIN jobs j ON j.seq = l.job";
    let history = "SELECT l.email, j.file, h.row, h.name, h.value, h.phone, h.extra FROM history h
        JOIN leads l ON l.id = h.lead JOIN jobs j ON j.seq = h.job";
    let outcomes = "SELECT hex(o.person), j.file, o.row, o.verdict, o.at_ms, o.waiting FROM outcomes o JOIN jobs j ON j.seq = o.job";
    let exposures = "SELECT e.name, e.version, x.variant, x.leads FROM exposures x JOIN experiments e ON e.id = x.experiment";
    BTreeMap::from([
        ("leads", leads),
        ("stored", texts(stored)),
        ("history", texts(history)),
        ("keys", texts("SELECT hash FROM lead_keys")),
        ("outcomes", texts(outcomes)),
        ("lessons", texts("SELECT j.file, l.turn, l.version FROM lessons l JOIN jobs j ON j.seq = l.job")),
        ("exposures", texts(exposures)),
        (
            "resolutions",
            texts("SELECT p.file, r.row, c.file FROM resolutions r JOIN jobs p ON p.seq = r.parent JOIN jobs c ON c.seq = r.child"),
        ),
        ("layouts", texts("SELECT source, columns, fields FROM source_layouts")),
    ])
}

/// Holds a story with undo against the same one without what was undone.
#[track_caller]
fn check(what: &str, story: &[Step], direct: &[Step]) {
    let (way, straight) = (Root::with_config(RULES), Root::with_config(RULES));
    let base = Take("base.csv", "name,email,value,location\nZed,zed@example.com,5,Toronto\n");
    live(&way, &[&[base], story].concat());
    live(&straight, &[&[base], direct].concat());
    let (found, expected) = (held(&way), held(&straight));
    for (table, rows) in &expected {
        assert_eq!(&found[table], rows, "{what}: {table}");
    }
    way.run(&["audit"]).exits(0);
    straight.run(&["audit"]).exits(0);
}

const FIRST: &str =
    "name,email,value,location,phone,Lot\nAda,ada@example.com,100000,Ottawa,,A1\nBo,bo@example.com,200000,Toronto,416-555-0199,A2\n";
const SECOND: &str = "name,email,value,location,Colour\nAda L.,ada@example.com,150000,Toronto,red\nCy,cy@example.com,300000,Ottawa,\nBo,bo@example.com,200001,,\n";
const THIRD: &str = "email,name,value,Lot\nada@example.com,Ada M.,,Z9\ndi@example.com,Di,400000,Z8\ncy@example.com,Cy,1,\n";
const OUTCOMES: &str = "email,outcome\nada@example.com,won\nnobody@example.com,lost\ndi@example.com,lost\n";

/// The same experiments with other weights: their next version.
fn other_weights() -> &'static str {
    Box::leak(RULES.replacen("weight = 0.5 }]", "weight = 2 }]", 2).into_boxed_str())
}

#[test]
fn as_if_it_had_never_come() {
    let (a, b, c, o) = (Take("a.csv", FIRST), Take("b.csv", SECOND), Take("c.csv", THIRD), Take("o.csv", OUTCOMES));
    check("the last of two", &[a, b, Undo("b.csv")], &[a]);
    check("the first of two", &[a, b, Undo("a.csv")], &[b]);
    check("the first of three", &[a, b, c, Undo("a.csv")], &[b, c]);
    check("the middle one", &[a, b, c, Undo("b.csv")], &[a, c]);
    check("two of three", &[a, b, c, Undo("b.csv"), Undo("a.csv")], &[c]);
    check("all", &[a, b, c, Undo("c.csv"), Undo("a.csv"), Undo("b.csv")], &[]);
    check("and again", &[a, b, Undo("a.csv"), a], &[b, a]);
    check("a replay stays", &[a, b, Replay("a.csv"), Undo("b.csv")], &[a, Replay("a.csv")]);
    check("an outcome waits again", &[a, o, Undo("a.csv")], &[o]);
    check("an outcome goes", &[a, o, b, Undo("o.csv")], &[a, b]);
    check("an outcome had waited", &[o, a, b, Undo("a.csv")], &[o, b]);
    check("what had waited is gone", &[o, a, c, Undo("o.csv")], &[a, c]);
    check(
        "others still waited",
        &[o, Take("o2.csv", "email,outcome\nada@example.com,lost\n"), a, Undo("o.csv")],
        &[Take("o2.csv", "email,outcome\nada@example.com,lost\n"), a],
    );
}

#[test]
fn arms_are_those_of_the_row_that_is_the_first_now() {
    let (a, b, c) = (Take("a.csv", FIRST), Take("b.csv", SECOND), Take("c.csv", THIRD));
    let (then, back) = (Rules(other_weights()), Rules(RULES));
    check("a newer version", &[a, then, b, Undo("a.csv")], &[then, b]);
    check("an older version", &[a, then, b, c, Undo("b.csv")], &[a, then, c]);
    check("the same weights for a second time", &[a, then, b, back, c, Undo("a.csv"), Undo("c.csv")], &[then, b, back]);
}

/// Leads enough for rates, and what became of most of them, at fixed dates.
fn crowd() -> (&'static str, &'static str) {
    let (mut leads, mut outcomes) = ("name,email,value,location\n".to_owned(), "email,outcome,date\n".to_owned());
    for n in 0..60u32 {
        leads += &format!("P{n},p{n}@crowd.example,{},{}\n", 50_000 + n * 7919 % 900_000, if n % 2 == 0 { "Toronto" } else { "Ottawa" });
        if n % 5 != 0 {
            outcomes += &format!("p{n}@crowd.example,{},2019-0{}-10\n", if n % 3 == 0 { "won" } else { "lost" }, 1 + n % 9);
        }
    }
    (Box::leak(leads.into_boxed_str()), Box::leak(outcomes.into_boxed_str()))
}

#[test]
fn what_was_learned_is_what_the_others_taught() {
    let (leads, outcomes) = crowd();
    let (crowd, known) = (Take("crowd.csv", leads), Take("known.csv", outcomes));
    let (a, b, o) = (Take("a.csv", FIRST), Take("b.csv", SECOND), Take("o.csv", OUTCOMES));
    let corrected = Take("corrected.csv", "email,outcome,date\np1@crowd.example,won,2019-11-01\nada@example.com,lost,2019-11-02\n");
    check("a correction", &[crowd, known, corrected, Undo("corrected.csv")], &[crowd, known]);
    check("outcomes in the middle", &[crowd, a, b, o, known, corrected, Undo("o.csv")], &[crowd, a, b, known, corrected]);
    check("rescored before", &[crowd, a, known, Rescore, b, Undo("b.csv")], &[crowd, a, known, Rescore]);
    check("rescored after", &[crowd, a, known, b, corrected, Undo("known.csv"), Rescore], &[crowd, a, b, corrected, Rescore]);
    check("leads in the middle", &[crowd, a, known, o, corrected, Undo("a.csv")], &[crowd, known, o, corrected]);
}

#[test]
fn it_is_told_once_and_audited_and_the_file_may_come_again() {
    let root = Root::with_config(RULES);
    let daemon = root.daemon();
    root.drop_renamed("a.csv", TEN);
    root.report_of("a.csv");
    root.drop_renamed("same.csv", TEN);
    assert_eq!(root.report_of("same.csv")["fate"], "duplicate");

    let would = root.run(&["undo", "a.csv", "--dry-run", "--json"]).exits(0).json();
    assert_eq!((&would["verdict"], &would["leads_removed"]), (&"would_undo".into(), &10.into()), "{would}");
    assert_eq!(root.leads().len(), 10, "nothing was changed");
    let nothing = root.run(&["undo", "same.csv"]).exits(0);
    assert!(nothing.stdout.contains("nothing to undo"), "{}", nothing.stdout);
    root.run(&["undo", "no-such.csv"]).exits(2);

    let page = root.run(&["undo", "a.csv"]).exits(0).stdout;
    for words in ["a.csv: undone", "10 leads are gone", "10 arms of an experiment", "dropped again", "same.csv"] {
        let found = page.contains(words) || (words.starts_with("10 arms") && page.contains("arms of experiments"));
        assert!(found, "{words}: {page}");
    }
    assert!(root.leads().is_empty());
    let again = root.run(&["undo", "a.csv"]).exits(0);
    assert!(again.stdout.contains("already undone"), "{}", again.stdout);
    let entries: Vec<Value> = root.journal("audit").into_iter().filter(|entry| entry["action"] == "undone").collect();
    assert_eq!((entries.len(), &entries[0]["detail"]["leads_removed"]), (1, &10.into()), "{entries:?}");
    let one = root.run(&["reports", "a.csv", "--json"]).exits(0).json();
    assert!(one["undone_at"].is_string(), "{one}");
    let status = root.run(&["status", "--json"]).exits(0).json();
    assert_eq!((&status["totals"]["files"]["undone"], &status["totals"]["rows"]["total"]), (&1.into(), &0.into()), "{status}");

    root.drop_renamed("a.csv", TEN);
    wait_for_second(&root);
    assert_eq!(root.leads().len(), 10);
    daemon.stop();
    root.assert_sound();
    // Also without a daemon, and after it the archived file can still be looked at under today's rules.
    let first = root.reports_of("a.csv")[0]["job_id"].as_str().expect("id").to_owned();
    root.run(&["replay", &first]).exits(0);
    root.run(&["undo", &first]).exits(0);
    root.run(&["undo", "a.csv"]).exits(0);
    assert!(root.leads().is_empty());
    root.assert_sound();
}

fn wait_for_second(root: &Root) {
    support::wait_for("the second report", || root.reports_of("a.csv").len() == 2);
    root.wait_idle();
}

#[test]
fn rows_that_came_back_are_undone_before_the_file_they_came_from() {
    let root = Root::with_config(RULES);
    let list = root.write("outside/list.csv", "name,email,value\nA,a@example.com,5\nB,b@example.com,x\nC,c@example.com,y\n");
    root.run(&["ingest", "--move", list.to_str().expect("a path")]).exits(0);
    let rejects = root.text("failed/list.rejects.csv");
    for (name, fixed) in [("back.csv", rejects.replacen(",x,", ",6,", 1)), ("again.csv", rejects.replacen(",x,", ",7,", 1))] {
        let path = root.write(format!("outside/{name}"), fixed);
        root.run(&["ingest", "--move", path.to_str().expect("a path")]).exits(0);
    }
    let refused = root.run(&["undo", "list.csv"]).exits(1);
    assert!(refused.stdout.contains("NOT UNDONE") && refused.stdout.contains("again.csv"), "{}", refused.stdout);
    let open = |root: &Root| root.run(&["reports", "list.csv", "--json"]).exits(0).json()["resolution"]["open"].clone();
    assert_eq!(open(&root), 1);
    root.run(&["undo", "back.csv"]).exits(0);
    assert_eq!(open(&root), 1, "the other return had it as well");
    root.run(&["undo", "again.csv"]).exits(0);
    assert_eq!(open(&root), 2);
    root.run(&["undo", "list.csv"]).exits(0);
    assert!(root.leads().is_empty());
    root.run(&["audit"]).exits(0);
}

#[test]
fn what_the_store_does_not_hold_is_not_undone() {
    let root = Root::with_config(RULES);
    live(&root, &[Take("a.csv", FIRST), Take("b.csv", SECOND)]);
    let store = Connection::open(root.path("valhalla.db")).expect("store");
    store.execute("DELETE FROM history WHERE job = 1 AND lead = 1", []).expect("damage");
    drop(store);
    let refused = root.run(&["undo", "a.csv"]).exits(1);
    assert!(refused.stdout.contains("NOT UNDONE") && refused.stdout.contains("rebuild"), "{}", refused.stdout);
    assert_eq!(root.leads().len(), 3, "nothing was changed");
}
