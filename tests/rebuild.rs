//! `valhalla rebuild`: from the archive and the journals alone the store comes back as it was, and whatever cannot come back is named.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use support::{Root, Said, TEN, generate, names_in, tree, wait_for};

/// Rules that every part of the past depends on: an experiment, a source of its own, leads beside the originals.
const RULES: &str = r#"
[output]
leads = "jsonl"
[columns]
aliases = { value = ["Worth"] }
[source.zillow.columns]
required = ["email"]
[[experiments]]
id = "first-contact"
salt = "s1"
variants = [{ id = "call", weight = 0.5 }, { id = "mail", weight = 0.5 }]
"#;

/// A past with everything in it: every fate, returns, updates, sources, changed rules, replays, and a file that somebody moved.
fn lived(root: &Root) {
    let daemon = root.daemon();
    let bad = "Bad One,not-an-address,5,X,1\nBad Two,two@example.com,abc,X,2\n";
    root.drop_renamed("a.csv", format!("{TEN}{bad}John Again,JOHN@example.com,1,Y,3\n"));
    let first = root.report_of("a.csv");
    root.drop_renamed("zillow/z.csv", "Name;Email;Worth;Lot\nZed;zed@example.com;1.200,50;A 1\nJane;jane@example.com;7;B 2\n");
    root.report_of("zillow/z.csv");
    root.drop_renamed("zillow/headless.csv", "Yan;yan@example.com;900;C 3\nXen;xen@example.com;901;D 4\n");
    root.report_of("zillow/headless.csv");
    root.drop_renamed("b.csv", "email,name,Worth,Colour\njohn@example.com,John B. Doe,600000,red\nnew@example.com,New,1,\n");
    root.report_of("b.csv");
    root.drop_renamed("a-again.csv", root.text("processed/a.csv"));
    assert_eq!(root.report_of("a-again.csv")["fate"], "duplicate");
    root.drop_renamed("broken.csv", "nothing,here\n1,2\n");
    root.drop_renamed("all-bad.csv", "name,email,value\nA,nope,1\nB,neither,2\n");
    root.drop_renamed("empty.csv", "");
    root.report_of("broken.csv");
    root.report_of("all-bad.csv");
    root.report_of("empty.csv");

    // One row comes back right, the other wrong; then that one too. A third file comes back as it was.
    let rejects = root.text(first["rejects_as"].as_str().expect("rejects"));
    root.drop_renamed("a.rejects.csv", rejects.replacen("not-an-address", "one@example.com", 1));
    let second = root.report_of("a.rejects.csv");
    assert_eq!(second["rows"]["rejected"], 1, "{second}");
    let rejects = root.text(second["rejects_as"].as_str().expect("rejects"));
    root.drop_renamed("a.rejects-2.csv", rejects.replacen("abc", "77", 1));
    root.report_of("a.rejects-2.csv");
    root.drop_renamed("all-bad.rejects.csv", root.text("failed/all-bad.rejects.csv"));
    root.report_of("all-bad.rejects.csv");
    root.drop_renamed("large.csv", generate(3000, "large", 5).text);
    root.report_of("large.csv");
    daemon.stop();

    // Other rules for a while, then the first ones again: experiments have three versions then.
    root.configure(&RULES.replace("weight = 0.5 }]", "weight = 1.5 }]").replace("Worth", "Colour"));
    root.run(&["replay", "a.csv", "--apply"]).exits(0);
    root.write("outside/moved.csv", "name,email,Colour\nMo,mo@example.com,5\nJohn,john@example.com,9\n");
    root.run(&["ingest", "--move", root.path("outside/moved.csv").to_str().expect("a path")]).exits(0);
    root.configure(RULES);
    root.write("outside/tried.csv", "name,email,value\nTry,try@example.com,5\n");
    root.run(&["ingest", "--dry-run", root.path("outside/tried.csv").to_str().expect("a path")]).exits(0);
    let daemon = root.daemon();
    root.drop_renamed("list.csv", "name,email,value\nLast,last@example.com,5\n");
    root.report_of("list.csv");
    root.drop_renamed("list.csv", "name,email,value\nLast,last@example.com,6\nVery,very@example.com,5\n");
    wait_for("the second list", || root.has("processed/list-2.csv"));
    root.wait_idle();
    daemon.stop();
    fs::rename(root.path("processed/b.csv"), root.path("processed/put away by somebody.csv")).expect("moved");

    // Two files are taken out, one of them comes again, and goes on from there.
    root.run(&["undo", "large.csv"]).exits(0);
    root.run(&["undo", "b.csv"]).exits(0);
    root.write("outside/b.csv", root.text("processed/put away by somebody.csv"));
    root.run(&["ingest", "--move", root.path("outside/b.csv").to_str().expect("a path")]).exits(0);
    root.run(&["undo", "list.csv"]).exits(0);

    // What became of some of them: leads that come later are staged with what was learned, also after an outcome is taken out.
    let take = |name: &str, content: &str| {
        let path = root.write(format!("outside/{name}"), content);
        root.run(&["ingest", "--move", path.to_str().expect("a path")]).exits(0);
    };
    take(
        "o1.csv",
        "email,outcome,date\njohn@example.com,won,2020-01-01\njane@example.com,lost,2020-01-02\nlate@example.com,won,2020-01-03\n",
    );
    take("o2.csv", "email,outcome,date\nann@example.com,won,2020-01-04\nbob@example.com,lost,2020-01-05\n");
    take("late.csv", "name,email,value\nLate,late@example.com,300000\nLater,later@example.com,70000\n");
    root.run(&["rescore"]).exits(0);
    root.run(&["undo", "o1.csv"]).exits(0);
    take("last.csv", "name,email,value\nLatest,latest@example.com,300000\n");
}

fn remove_store(root: &Root) {
    for name in names_in(&root.path("")).iter().filter(|name| name.starts_with("valhalla.db")) {
        fs::remove_file(root.path(name)).expect("removed");
    }
}

/// Every row of every table as text, but for what is not a matter of the past.
fn contents(path: &Path) -> BTreeMap<String, Vec<String>> {
    let store = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("store");
    let names = |sql: &str| -> Vec<String> {
        let mut statement = store.prepare(sql).expect(sql);
        statement.query_map([], |row| row.get(0)).expect(sql).map(|name| name.expect("name")).collect()
    };
    let mut contents = BTreeMap::new();
    for table in names("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'") {
        if ["journals", "outbox", "unfinished", "dry_runs"].contains(&table.as_str()) {
            continue;
        }
        let left_out = |column: &String| match table.as_str() {
            "jobs" => column == "inode" || column == "moves", // the file's own, and where its texts went
            "rules" => column == "settings",                  // with other comments
            _ => false,
        };
        let columns: Vec<String> = names(&format!("SELECT name FROM pragma_table_info('{table}')"));
        let columns: Vec<String> = columns.into_iter().filter(|column| !left_out(column)).collect();
        let mut statement = store.prepare(&format!("SELECT {} FROM {table}", columns.join(", "))).expect("select");
        let mut rows = statement.query([]).expect("rows");
        let mut texts = Vec::new();
        while let Some(row) = rows.next().expect("row") {
            let is_dry = table == "jobs" && row.get::<_, bool>("dry_run").expect("a flag");
            // Of a dry run nothing is read again: what its note said beyond the report is not needed.
            let cell = |at: usize| match row.get_ref(at).expect("cell") {
                _ if is_dry && ["facts", "rejects_digest"].contains(&columns[at].as_str()) => String::new(),
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                other => format!("{other:?}"),
            };
            texts.push((0..columns.len()).map(|at| format!("{}={}", columns[at], cell(at))).collect::<Vec<_>>().join(" | "));
        }
        texts.sort();
        contents.insert(table, texts);
    }
    contents
}

/// What people and programs see of the past.
fn seen(root: &Root) -> Vec<(String, String)> {
    let mut seen = vec![
        ("leads".to_owned(), root.run(&["leads", "--format", "jsonl"]).exits(0).stdout),
        ("reports".to_owned(), root.run(&["reports", "--all", "--json"]).exits(0).stdout),
    ];
    for report in root.reports() {
        let job = report["job_id"].as_str().expect("id").to_owned();
        let one = root.run(&["reports", &job, "--json"]).exits(0).stdout;
        seen.push((job, one));
    }
    seen
}

fn archive(root: &Root) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = tree(&root.path("processed"));
    files.extend(tree(&root.path("failed")));
    files.retain(|(path, _)| !path.ends_with("_STATUS.txt"));
    files
}

fn problems(said: &Said) -> Vec<(String, String)> {
    let text = |problem: &Value, key: &str| problem[key].as_str().expect("text").to_owned();
    let value: Value = serde_json::from_str(&said.stdout).expect("JSON");
    value["problems"].as_array().expect("a list").iter().map(|problem| (text(problem, "kind"), text(problem, "file"))).collect()
}

#[test]
fn a_lost_store_comes_back_as_it_was() {
    let root = Root::with_config(RULES);
    lived(&root);
    let (before, contents_before, archived) = (seen(&root), contents(&root.path("valhalla.db")), archive(&root));
    let (reports, trail) = (root.text("logs/reports.jsonl"), root.text("logs/audit.jsonl"));
    root.run(&["audit"]).exits(0);

    remove_store(&root);
    let refused = root.run(&["run"]).exits(3);
    assert!(refused.stderr.contains("valhalla rebuild"), "{}", refused.stderr);
    assert!(!root.has("valhalla.db"), "no empty store takes the place of a lost one");

    let rebuilt = root.run(&["rebuild", "--json"]);
    assert_eq!(problems(&rebuilt), [], "{rebuilt:?}");
    let rebuilt = rebuilt.exits(0).json();
    assert_eq!((&rebuilt["complete"], &rebuilt["in_charge"]), (&true.into(), &true.into()), "{rebuilt}");
    let contents_after = contents(&root.path("valhalla.db"));
    for (table, rows) in &contents_before {
        let after = &contents_after[table];
        let differs = rows.iter().zip(after).find(|(before, after)| before != after);
        assert!(rows.len() == after.len() && differs.is_none(), "{table}: {} rows then, {} now, {differs:#?}", rows.len(), after.len());
    }
    assert_eq!(seen(&root), before);
    assert_eq!(archive(&root), archived, "nothing in the archive was touched");
    assert_eq!(root.text("logs/reports.jsonl"), reports, "nothing is told twice");
    let after = root.text("logs/audit.jsonl");
    let added = after.strip_prefix(&trail).expect("the trail goes on");
    assert!(added.lines().count() == 1 && added.contains("\"rebuilt\""), "{added}");
    assert!(!root.has(".rebuilding") && !root.has("valhalla.db.rebuilding"));
    let audit = root.run(&["audit", "--json"]).exits(0).json();
    assert_eq!((&audit["holds"], &audit["jobs"]["broken"]), (&true.into(), &0.into()), "{audit}");

    // And it goes on as if nothing had been.
    let daemon = root.daemon();
    root.drop_renamed("a-third.csv", root.text("processed/a.csv"));
    assert_eq!(root.report_of("a-third.csv")["fate"], "duplicate");
    root.drop_renamed("known.csv", "name,email,value\nJane Roe,jane@example.com,1\n");
    assert_eq!(root.report_of("known.csv")["rows"]["accepted_updated"], 1);
    let bad = root.reports_of("all-bad.csv").remove(0);
    root.drop_renamed(
        "all-bad.rejects.csv",
        root.text("failed/all-bad.rejects.csv").replace("nope", "a@example.com").replace("neither", "b@example.com"),
    );
    wait_for("the returned rows", || root.reports_of("all-bad.rejects.csv").len() == 2);
    root.wait_idle();
    let resolution = root.run(&["reports", bad["job_id"].as_str().expect("id"), "--json"]).exits(0).json();
    assert_eq!(resolution["resolution"]["open"], 0, "{resolution}");
    assert!(!root.journal("audit").iter().rev().take(4).any(|entry| entry["action"] == "config_changed"), "the rules are the same");
    daemon.stop();
    root.assert_sound();
}

#[test]
fn rebuilding_over_a_sound_store_gives_the_same_and_keeps_the_old_one() {
    let root = Root::with_config(RULES);
    let daemon = root.daemon();
    root.drop_renamed("a.csv", TEN);
    root.report_of("a.csv");
    let refused = root.run(&["rebuild"]).exits(3);
    assert!(refused.stderr.contains("another valhalla"), "{}", refused.stderr);
    daemon.kill(); // what the store holds is in its write-ahead log
    let leads = root.leads();
    let dry = root.run(&["rebuild", "--dry-run"]).exits(0);
    assert!(dry.stdout.contains("Nothing was changed"), "{}", dry.stdout);
    assert!(!names_in(&root.path("")).iter().any(|name| name.contains("before-rebuild")));
    root.run(&["rebuild"]).exits(0);
    assert_eq!(root.leads(), leads);
    let kept: Vec<String> = names_in(&root.path("")).into_iter().filter(|name| name.contains("before-rebuild")).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(contents(&root.path(&kept[0]))["leads"], contents(&root.path("valhalla.db"))["leads"]);
    root.run(&["audit"]).exits(0);
}

#[test]
fn what_cannot_be_rebuilt_is_named_and_stays_visible() {
    let root = Root::new();
    let daemon = root.daemon();
    for name in ["gone", "edited", "good"] {
        root.drop_renamed(format!("{name}.csv"), format!("name,email,value\nA,{name}@example.com,5\n"));
        root.report_of(&format!("{name}.csv"));
    }
    daemon.stop();
    let stayed = root.write("outside/stayed.csv", "name,email,value\nS,stayed@example.com,5\n");
    root.run(&["ingest", stayed.to_str().expect("a path")]).exits(0);
    fs::rename(root.path("processed/gone.csv"), root.path("outside/kept elsewhere")).expect("moved");
    let edited = root.text("processed/edited.csv");
    root.write("processed/edited.csv", edited.replace("edited@", "EDITED@"));
    let names = |files: &[&str]| files.iter().map(|file| ("not rebuilt".to_owned(), format!("{file}.csv"))).collect::<Vec<_>>();

    // A sound store that holds more stays in charge.
    let kept = root.run(&["rebuild", "--json"]).exits(1);
    assert_eq!(problems(&kept), names(&["gone", "edited", "stayed"]));
    assert!(kept.json()["in_charge"] == false && kept.json()["refused"].as_str().is_some(), "{kept:?}");
    assert_eq!(root.leads().len(), 4);

    // With the files at hand nothing is missing.
    root.write("processed/edited.csv", &edited);
    let outside = root.path("outside");
    let complete = root.run(&["rebuild", "--originals", outside.to_str().expect("a path"), "--json"]);
    assert_eq!(problems(&complete), []);
    complete.exits(0);
    assert_eq!(root.leads().len(), 4);

    // Without, what can be had is, and the rest is named here and by the audit.
    remove_store(&root);
    root.write("processed/edited.csv", edited.replace("edited@", "EDITED@"));
    let some = root.run(&["rebuild", "--json"]).exits(1);
    assert_eq!(problems(&some), names(&["gone", "edited", "stayed"]));
    assert_eq!(some.json()["in_charge"], true);
    assert_eq!(root.leads().len(), 1);
    let audit = root.run(&["audit", "--json"]).exits(1).json();
    let broken: Vec<&str> = audit["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|f| f["verdict"] == "broken")
        .filter_map(|f| f["file"].as_str())
        .collect();
    assert_eq!(broken, ["gone.csv", "edited.csv", "stayed.csv"], "{audit}");
    let text = root.run(&["rebuild"]).exits(1).stdout;
    assert!(
        text.contains("is missing") && text.contains("is not the file that was taken") && text.contains("stayed with its owner"),
        "{text}"
    );
}

#[test]
fn a_report_that_is_lost_with_the_store_is_missed() {
    let root = Root::new();
    let daemon = root.daemon();
    for name in ["a", "b", "c"] {
        root.drop_renamed(format!("{name}.csv"), format!("name,email,value\nA,{name}@example.com,5\n"));
        root.report_of(&format!("{name}.csv"));
    }
    daemon.stop();
    remove_store(&root);
    let reports = root.text("logs/reports.jsonl");
    let lines: Vec<&str> = reports.split_inclusive('\n').collect();
    root.write("logs/reports.jsonl", [lines[0], "not a report\n", &lines[2][..50]].concat());
    let said = root.run(&["rebuild", "--json"]).exits(1);
    let lost = |file: &str| ("report lost".to_owned(), file.to_owned());
    assert_eq!(problems(&said), [lost(""), lost("b.csv"), lost("c.csv")], "{said:?}");
    assert_eq!(root.leads().len(), 1);
}

#[test]
fn jobs_whose_rules_are_lost_are_read_under_todays_and_told() {
    let root = Root::with_config("[columns]\naliases = { value = [\"Worth\"] }\n");
    root.write("outside/a.csv", "name,email,Worth\nA,a@example.com,5\nB,b@example.com,x\n");
    root.run(&["ingest", "--move", root.path("outside/a.csv").to_str().expect("a path")]).exits(0);
    remove_store(&root);
    fs::remove_file(root.path("logs/audit.jsonl")).expect("the trail is lost as well");
    root.run(&["rebuild"]).exits(0);
    remove_store(&root);
    fs::remove_file(root.path("logs/audit.jsonl")).expect("once more");
    root.configure("[columns]\naliases = { value = [\"Worth\"], name = [\"Who\"] }\n");
    let said = root.run(&["rebuild", "--json"]).exits(1).json();
    assert_eq!(said["jobs"]["under_todays_rules"], 1, "{said}");
    assert!(said["problems"][0]["why"].as_str().is_some_and(|why| why.contains("those of today")), "{said}");
    assert_eq!(root.leads().len(), 1);
}

#[test]
fn a_job_that_was_told_and_not_moved_is_finished_afterwards() {
    let root = Root::new();
    let daemon = root.daemon();
    root.drop_renamed("sub/a.csv", "name,email,value\nA,a@example.com,5\nB,nope,6\n");
    let report = root.report_of("sub/a.csv");
    daemon.stop();
    let done = archive(&root);
    // As a power cut between the journals and the moves leaves it, and then the store is gone.
    let claim = root.path(".claimed").join(report["job_id"].as_str().expect("id"));
    fs::create_dir_all(claim.join("sub")).expect("claim");
    fs::rename(root.path("processed/sub/a.csv"), claim.join("sub/a.csv")).expect("not moved yet");
    fs::rename(root.path("failed/sub/a.rejects.csv"), claim.join(".rejects")).expect("not moved yet");
    fs::remove_file(root.path("processed/sub/a.receipt.txt")).expect("not made yet");
    remove_store(&root);
    root.run(&["rebuild"]).exits(0);
    root.daemon().stop();
    assert_eq!(root.claims(), Vec::<String>::new());
    assert_eq!(archive(&root), done);
    root.assert_sound();
}

#[test]
fn a_rebuild_that_is_killed_leaves_the_old_store_in_charge() {
    let root = Root::new();
    let daemon = root.daemon();
    for number in 0..30 {
        root.drop_copied(format!("l{number}.csv"), generate(200, &format!("t{number}"), number).text);
    }
    root.wait_reports(30);
    daemon.kill();
    let leads = root.run(&["leads", "--format", "jsonl"]).exits(0).stdout;
    let mut completed = 0;
    for round in 0..25u64 {
        let mut child =
            root.command(&["rebuild"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
        std::thread::park_timeout(Duration::from_millis(round * 15));
        let ended = child.try_wait().expect("our child").is_some();
        let _ = child.kill(); // it may have ended
        let _ = child.wait();
        completed += u32::from(ended);
        assert_eq!(root.run(&["leads", "--format", "jsonl"]).exits(0).stdout, leads, "round {round}");
    }
    println!("25 rebuilds, {completed} of them ended before they were killed");
    root.run(&["rebuild"]).exits(0);
    assert_eq!(root.run(&["leads", "--format", "jsonl"]).exits(0).stdout, leads);
    assert!(!root.has(".rebuilding") && !root.has("valhalla.db.rebuilding"));
    root.daemon().stop();
    root.assert_sound();
}
