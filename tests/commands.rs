//! The commands: exit codes, what goes to stdout and what to stderr, and what they do beside a running daemon.

mod support;

use std::fs;

use serde_json::Value;
use support::{DEADLINE, Root, TEN, comes_true, generate, joined, names_in, said, tree, wait_for};

/// A file beside the root's folders, as an argument.
fn file(root: &Root, name: &str, text: &str) -> String {
    root.write(format!("outside/{name}"), text).to_str().expect("UTF-8").to_owned()
}

fn lead<'l>(leads: &'l [Value], email: &str) -> &'l Value {
    leads.iter().find(|lead| lead["email"] == email).unwrap_or_else(|| panic!("no lead {email} in {leads:?}"))
}

#[test]
fn exit_codes() {
    let root = Root::new();
    let good = file(&root, "good.csv", TEN);
    let mixed = file(&root, "mixed.csv", "name,email,value\nM,m@m.example,5\nBad,nope,5\n");
    let bad = file(&root, "bad.csv", "nothing,here\n1,2\n");
    // Before anything was taken in.
    for (args, code) in [
        (vec!["status"], 3),
        (vec!["leads"], 3),
        (vec!["reports"], 3),
        (vec!["audit"], 3),
        (vec!["packet", "a@a.example"], 3),
        (vec!["replay", "x.csv"], 3),
        (vec!["config", "check"], 0),
        (vec!["config", "show"], 0),
    ] {
        root.run(&args).exits(code);
    }
    for (args, code) in [
        (vec!["ingest", good.as_str()], 0),
        (vec!["ingest", good.as_str()], 0), // a duplicate is no failure
        (vec!["ingest", mixed.as_str()], 0),
        (vec!["ingest", "--strict", mixed.as_str()], 0), // a duplicate has no rows
        (vec!["ingest", bad.as_str()], 1),
        (vec!["ingest", good.as_str(), bad.as_str()], 1),
        (vec!["ingest", "missing.csv"], 2),
        (vec!["ingest"], 2),
        (vec!["ingest", "--no-such-flag"], 2),
        (vec!["no-such-command"], 2),
        (vec![], 2),
        (vec!["--help"], 0),
        (vec!["--version"], 0),
        (vec!["ingest", "--help"], 0),
        (vec!["check", good.as_str()], 0),
        (vec!["check", mixed.as_str()], 0),
        (vec!["check", "--strict", mixed.as_str()], 1),
        (vec!["check", bad.as_str()], 1),
        (vec!["check", "--strict", "--emit", "csv", good.as_str()], 0),
        (vec!["check", "--strict", "--emit", "leads", mixed.as_str()], 1),
        (vec!["check", "missing.csv"], 2),
        (vec!["reports"], 0),
        (vec!["reports", "good.csv"], 0),
        (vec!["reports", "never.csv"], 2),
        (vec!["leads"], 0),
        (vec!["leads", "--tier", "E"], 2),
        (vec!["leads", "--since", "yesterday-ish"], 2),
        (vec!["leads", "--job", "never.csv"], 2),
        (vec!["packet", "john@example.com"], 0),
        (vec!["packet", "nobody@example.com"], 2),
        (vec!["replay", "never.csv"], 2),
        (vec!["audit"], 0),
        (vec!["status"], 3),
    ] {
        let answer = root.run(&args);
        assert_eq!(answer.code, Some(code), "{args:?}: {answer:?}");
        assert!(!answer.stderr.contains("panicked"), "{args:?}: {answer:?}");
        let says_why = code == 0 || args.first() == Some(&"status") || args.contains(&"--strict") || !answer.stderr.is_empty();
        assert!(says_why, "{args:?} failed without a word");
    }
    let strict = file(&root, "strict.csv", "name,email,value\nS,s@s.example,5\nBad,nope,5\n");
    root.run(&["ingest", "--strict", &strict]).exits(1);
    let missing = root.run(&["ingest", "path/to/file.csv"]).exits(2);
    assert!(missing.stderr.contains("[ERROR] The file 'path/to/file.csv' was not found."), "{missing:?}");
    root.configure("[wach]\nsettle_ms = 5\n");
    for args in [vec!["run"], vec!["ingest", good.as_str()], vec!["leads"], vec!["config", "check"]] {
        assert_eq!(root.run(&args).code, Some(2), "{args:?}");
    }
}

#[test]
fn json_on_every_command_is_one_value_and_nothing_else() {
    let root = Root::new();
    let good = file(&root, "good.csv", TEN);
    let bad = file(&root, "bad.csv", "nothing,here\n1,2\n");
    let ingested = root.run(&["ingest", "--json", &good]).exits(0).json();
    assert_eq!(ingested.as_array().map(Vec::len), Some(1));
    assert_eq!(ingested[0]["rows"]["accepted_new"], 10);
    let failed = root.run(&["--json", "ingest", &bad]).exits(1).json();
    assert_eq!(failed[0]["fate"], "failed");
    let job = ingested[0]["job_id"].as_str().expect("id");
    for args in [
        vec!["status"],
        vec!["reports"],
        vec!["reports", job],
        vec!["reports", "good.csv"],
        vec!["leads"],
        vec!["leads", "--tier", "A"],
        vec!["packet", "john@example.com"],
        vec!["audit"],
        vec!["check", good.as_str()],
        vec!["check", bad.as_str()],
        vec!["check", good.as_str(), bad.as_str(), good.as_str()],
        vec!["config", "show"],
        vec!["config", "check"],
    ] {
        let mut args = args;
        args.push("--json");
        let answer = root.run(&args);
        let value = answer.json();
        assert!(value.is_object() || value.is_array(), "{args:?}: {answer:?}");
    }
    assert_eq!(root.run(&["reports", "--json"]).json().as_array().map(Vec::len), Some(2));
    assert_eq!(root.run(&["leads", "--json"]).json().as_array().map(Vec::len), Some(10));
    let three = root.run(&["check", "--json", &good, &bad, &good]).json();
    assert_eq!(three.as_array().map(Vec::len), Some(3), "one entry for each file, also for one that fails: {three}");
    let told = root.run(&["reports", job, "--json"]).json();
    assert_eq!(told["resolution"]["total"], 0, "{told}");
    assert_eq!(told["job_id"], job);
    let packet = root.run(&["packet", "john@example.com", "--json"]).json();
    assert_eq!(packet["email"], "john@example.com", "{packet}");
    let other = Root::new();
    let init = other.run(&["init", "--json"]).exits(0);
    assert!(init.stdout.is_empty() || init.json().is_object(), "{init:?}");
}

#[test]
fn the_console_of_ingest() {
    let root = Root::new();
    let good = file(&root, "leads.csv", TEN);
    let answer = root.run(&["ingest", &good]).exits(0);
    assert!(answer.stdout.is_empty(), "{answer:?}");
    for line in [
        format!("[STARTING] CSV Ingestion from: {good}"),
        "[HEADERS] name, email, value, location, phone".to_owned(),
        "[PROCESSING] John Doe - john@example.com - Value: $500,000.00".to_owned(),
        "[PROCESSING] Jane Roe - jane@example.com - Value: $500,000.50".to_owned(),
        "  [1/6] A/B Test Tracking: ".to_owned(),
        "  [6/6] Lead Scoring: ".to_owned(),
        "[INGESTION COMPLETE]\n  Total records: 10\n  Valid leads: 10\n  Invalid leads: 0\n  Success rate: 100.0%".to_owned(),
    ] {
        assert!(answer.stderr.contains(&line), "no '{line}' in:\n{}", answer.stderr);
    }
    assert_eq!(answer.stderr.matches("[PROCESSING]").count(), 10);
    assert_eq!(answer.stderr.matches("/6] ").count(), 60);
    assert!(root.has("outside/leads.csv"), "the original stays where it is");
    // More than twenty rows: only with -v.
    let made = generate(40, "console", 5);
    let many = file(&root, "many.csv", &made.text);
    let answer = root.run(&["ingest", &many]).exits(0);
    assert_eq!(answer.stderr.matches("[PROCESSING]").count(), 0);
    assert!(
        answer.stderr.contains(&format!(
            "  Total records: {}\n  Valid leads: {}\n  Invalid leads: {}",
            made.total(),
            made.new + made.duplicates,
            made.rejected
        )),
        "{}",
        answer.stderr
    );
    let verbose = file(&root, "verbose.csv", &generate(40, "verbose", 5).text);
    let answer = root.run(&["ingest", "-v", &verbose]).exits(0);
    assert_eq!(answer.stderr.matches("[PROCESSING]").count() as u64, made.new);
    let quiet = file(&root, "quiet.csv", "name,email,value\nQ,q@quiet.example,5\n");
    assert_eq!(root.run(&["ingest", "-q", &quiet]).exits(0).stderr, "");
}

#[test]
fn move_archives_the_originals() {
    let root = Root::new();
    let good = file(&root, "good.csv", TEN);
    let bad = file(&root, "bad.csv", "nothing,here\n1,2\n");
    let odd = file(&root, ".hidden.csv", "name,email,value\nH,h@hidden.example,5\n");
    root.run(&["ingest", "--move", &good, &bad, &odd]).exits(1);
    assert!(root.has("processed/good.csv") && root.has("failed/bad.csv"));
    assert_eq!(names_in(&root.path("outside")), Vec::<String>::new());
    assert_eq!(root.leads().len(), 11);
    let audit = root.run(&["audit", "--json"]).exits(0).json();
    assert_eq!(audit["jobs"]["proven"], 3, "{audit}");
}

#[test]
fn ingest_through_a_running_daemon() {
    let root = Root::new();
    let _daemon = root.daemon();
    let good = file(&root, "good.csv", TEN);
    let answer = root.run(&["ingest", &good]).exits(0);
    assert!(answer.stderr.contains("[INGESTION COMPLETE]\n  Total records: 10"), "{answer:?}");
    assert!(root.has("outside/good.csv") && root.has("processed/good.csv"));
    assert_eq!(root.leads().len(), 10);
    let json = root.run(&["ingest", "--json", &good]).exits(0).json();
    assert_eq!(json[0]["fate"], "duplicate", "{json}");
    let bad = file(&root, "bad.csv", "nothing,here\n1,2\n");
    let failed = root.run(&["ingest", &bad]).exits(1);
    assert!(failed.stderr.contains("[ERROR]") && failed.stderr.contains("no column for"), "{failed:?}");
    let moved = file(&root, "moved.csv", "name,email,value\nM,m@moved.example,5\nBad,nope,5\n");
    root.run(&["ingest", "--move", "--strict", &moved]).exits(1);
    assert!(!root.has("outside/moved.csv") && root.has("processed/moved.csv"));
    // Names that a drop could not have are taken all the same: whoever names a file wants it taken.
    for (number, name) in [".hidden.csv", "x.csv.part", "~$x.csv", "DEADBEEF", "data.tmp"].iter().enumerate() {
        let odd = file(&root, name, &format!("name,email,value\nOdd,odd{number}@odd.example,5\n"));
        root.run(&["ingest", &odd]).exits(0);
    }
    assert_eq!(root.leads().len(), 16);
    assert!(names_in(&root.path("inbox")).is_empty(), "{:?}", names_in(&root.path("inbox")));
    let empty = file(&root, "empty.csv", "");
    root.run(&["ingest", &empty]).exits(1);
    root.assert_sound();
}

#[test]
fn check_writes_nothing_anywhere_and_needs_no_root() {
    let home = tempfile::tempdir().expect("temporary folder");
    let text = "\u{feff}Full Name;E-Mail;Budget;Notes\r\n\"Doe, John\";John@Example.com;500000.50;\"a;\"\"b\"\"\nc\"\r\nBad;nope;-5;x\r\n";
    std::fs::write(home.path().join("list.csv"), text).expect("write");
    let before = tree(home.path());
    let check = |args: &[&str]| {
        let mut command = std::process::Command::new(support::VALHALLA);
        command
            .env_clear()
            .env("HOME", home.path())
            .env("XDG_DATA_HOME", home.path().join("data"))
            .arg("check")
            .arg("list.csv")
            .args(args)
            .current_dir(home.path());
        said(&mut command).exits(0)
    };
    let table = check(&[]);
    assert!(table.stdout.contains("E-Mail") && table.stdout.contains("Invalid email format: nope"), "{table:?}");
    let csv = check(&["--emit", "csv"]);
    assert_eq!(csv.stdout, "Full Name,E-Mail,Budget,Notes\n\"Doe, John\",John@Example.com,500000.50,\"a;\"\"b\"\"\nc\"\nBad,nope,-5,x\n");
    let leads = check(&["--emit", "leads"]).jsonl();
    assert_eq!(leads.len(), 1);
    assert_eq!((leads[0]["row"].as_u64(), leads[0]["email"].as_str()), (Some(1), Some("john@example.com")));
    assert_eq!(leads[0]["extra"]["Notes"], "a;\"b\"\nc");
    assert!(check(&["--emit", "leads"]).stdout.contains("\"value\":500000.50"), "exact digits");
    let issues = check(&["--emit", "issues"]).jsonl();
    assert_eq!(issues.len(), 2, "all issues of the row: {issues:?}");
    for issue in &issues {
        assert_eq!((issue["row"].as_u64(), issue["line"].as_u64()), (Some(2), Some(4)), "{issue}");
        assert!(issue["code"].is_string() && issue["message"].is_string() && issue["column"].is_string(), "{issue}");
    }
    let summary = check(&["--json"]).json();
    assert_eq!(summary[0]["rows"]["total"], 2, "{summary}");
    assert_eq!(tree(home.path()), before, "something was written");
    assert_eq!(names_in(home.path()), ["list.csv"], "a folder was made");
}

#[test]
fn emitted_csv_needs_no_columns_and_keeps_every_row() {
    let root = Root::new();
    let odd = file(&root, "odd.csv", "a,b\n1\n1,2,3\n\"x\"\"y\",\"new\nline\"\nstray\"quote,2\n");
    let answer = root.run(&["check", "--emit", "csv", &odd]).exits(0);
    assert_eq!(answer.stdout, "a,b\n1\n1,2,3\n\"x\"\"y\",\"new\nline\"\n\"stray\"\"quote\",2\n");
    let unclosed = file(&root, "unclosed.csv", "a,b\n\"open,1\nclosed,2\n");
    let answer = root.run(&["check", "--emit", "csv", &unclosed]).exits(0);
    assert!(answer.stdout.contains("closed,2\n") && answer.stdout.contains("open"), "{answer:?}");
}

#[test]
fn values_keep_their_digits() {
    let root = Root::new();
    let list = file(
        &root,
        "v.csv",
        "name,email,value\nA,a@v.example,500000.50\nB,b@v.example,\"1,234.000001\"\nC,c@v.example,999999999999999999\nD,d@v.example,$238224\n",
    );
    root.run(&["ingest", &list]).exits(0);
    let out = root.run(&["leads", "--format", "jsonl"]).exits(0).stdout;
    for digits in ["\"value\":500000.50,", "\"value\":1234.000001,", "\"value\":999999999999999999,", "\"value\":238224,"] {
        assert!(out.contains(digits), "no {digits} in {out}");
    }
    let csv = root.run(&["leads", "--format", "csv"]).exits(0).stdout;
    assert!(csv.contains("500000.50"), "{csv}");
    assert!(root.run(&["leads", "--json"]).exits(0).stdout.contains("\"value\":500000.50"));
    assert!(root.run(&["packet", "a@v.example", "--json"]).exits(0).stdout.contains("500000.50"));
    let report = root.text("logs/reports.jsonl");
    assert!(report.contains("\"max\":999999999999999999"), "{report}");
}

#[test]
fn known_leads_are_updated_and_folded() {
    let root = Root::new();
    let first = file(
        &root,
        "first.csv",
        "name,email,value,location,phone,Notes\nAnn,ann@fold.example,100,Toronto,416-555-0101,one\nBob,bob@fold.example,200,,,\n",
    );
    let second = file(
        &root,
        "second.csv",
        "name,email,value,location,phone,Notes,More\nAnn Lee,ANN@fold.example,150,,,two,extra\nCy,cy@fold.example,300,,,,\nAnn Third,ann@fold.example,999,,,,\n",
    );
    root.run(&["ingest", &first]).exits(0);
    let report = root.run(&["ingest", "--json", &second]).exits(0).json()[0].clone();
    let rows = &report["rows"];
    assert_eq!(
        [&rows["total"], &rows["accepted_new"], &rows["accepted_updated"], &rows["duplicates_in_file"], &rows["rejected"]]
            .map(|count| count.as_u64().expect("count")),
        [3, 1, 1, 1, 0],
        "{report}"
    );
    let leads = root.leads();
    assert_eq!(leads.len(), 3);
    let ann = lead(&leads, "ann@fold.example");
    assert_eq!(
        (ann["name"].as_str(), ann["value"].as_u64()),
        (Some("Ann Lee"), Some(150)),
        "new non-empty values win; the first row of a file counts: {ann}"
    );
    assert_eq!(
        (ann["location"].as_str(), ann["phone"].as_str()),
        (Some("Toronto"), Some("416-555-0101")),
        "an empty cell takes nothing away: {ann}"
    );
    assert_eq!((ann["extra"]["Notes"].as_str(), ann["extra"]["More"].as_str()), (Some("two"), Some("extra")), "{ann}");
    // A third file that changes nothing is known and unchanged, and counted.
    let third = file(&root, "third.csv", "name,email,value\nAnn Lee,ann@fold.example,150\n");
    let report = root.run(&["ingest", "--json", &third]).exits(0).json()[0].clone();
    assert_eq!(report["rows"]["accepted_updated"], 1, "{report}");
    let again = root.leads();
    let same = lead(&again, "ann@fold.example");
    for key in ["name", "value", "location", "phone", "extra", "lead_id", "score", "tier"] {
        assert_eq!(same[key], ann[key], "{key}");
    }
    root.assert_sound();
}

#[test]
fn each_source_has_its_own_rules() {
    let root = Root::with_config(
        "[columns.aliases]\nvalue = [\"Kaufpreis\"]\n\
         [source.novalue.columns]\nrequired = [\"name\", \"email\"]\n\
         [source.default.columns]\ndefaults = { value = \"1234.50\", location = \"Elsewhere\" }\n\
         [source.alias.columns.aliases]\nemail = [\"Kontakt\"]\n\
         [source.ruled.columns.rules]\nlocation = { one_of = [\"Toronto\", \"Ottawa\"] }\nvalue = { min = 1000, max = 2000 }\nLot = { matches = '[A-Z]{2}\\d+' }\nname = { max_length = 5 }\n",
    );
    let _daemon = root.daemon();
    for folder in ["novalue", "default", "alias", "ruled"] {
        fs::create_dir(root.path(format!("inbox/{folder}"))).expect("folder");
    }
    root.drop_renamed("novalue/n.csv", "name,email\nN,n@novalue.example\n");
    root.drop_renamed("default/d.csv", "name,email,location\nD,d@default.example,\n");
    root.drop_renamed("alias/a.csv", "name,Kontakt,Kaufpreis\nA,a@alias.example,5\n");
    root.drop_renamed(
        "ruled/r.csv",
        "name,email,value,location,Lot\nOk,ok@ruled.example,1500,Toronto,AB12\nToolong,l@ruled.example,1500,Toronto,AB12\nMin,min@ruled.example,999.99,Ottawa,AB12\nMax,max@ruled.example,2000.01,Ottawa,AB12\nOne,one@ruled.example,1500,Paris,AB12\nLot,lot@ruled.example,1500,Toronto,xAB12\nEve,eve@ruled.example,2000,,\n",
    );
    root.drop_renamed("novalue.csv", "name,email\nN,n2@novalue.example\n");
    root.wait_reports(5);
    assert_eq!(root.report_of("novalue/n.csv")["rows"]["accepted_new"], 1);
    assert_eq!(root.report_of("novalue.csv")["fate"], "failed", "outside its folder the column is required");
    assert_eq!(root.report_of("default/d.csv")["rows"]["accepted_new"], 1);
    assert_eq!(root.report_of("alias/a.csv")["rows"]["accepted_new"], 1, "{}", root.report_of("alias/a.csv"));
    let ruled = root.report_of("ruled/r.csv");
    assert_eq!((ruled["rows"]["accepted_new"].as_u64(), ruled["rows"]["rejected"].as_u64()), (Some(2), Some(5)), "{ruled}");
    for code in ["one_of", "matches", "min", "max", "max_length"] {
        assert_eq!(ruled["issues"]["by_code"][code], 1, "{code}: {}", ruled["issues"]);
    }
    let leads = root.leads();
    assert!(lead(&leads, "n@novalue.example")["value"].is_null());
    let default = lead(&leads, "d@default.example");
    assert_eq!(default["location"], "Elsewhere");
    assert!(root.run(&["leads", "--source", "default", "--format", "jsonl"]).exits(0).stdout.contains("\"value\":1234.50"), "{default}");
    assert_eq!(root.run(&["check", "--source", "novalue", root.path("processed/novalue/n.csv").to_str().expect("UTF-8")]).code, Some(0));
    root.assert_sound();
}

#[test]
fn experiments_assign_for_good() {
    const CONFIG: &str = "[[experiments]]\nid = \"first-contact\"\nvariants = [{ id = \"control\", weight = 50, script = \"hello\" }, { id = \"warm\", weight = 50, script = \"warm\" }]\n\
        [[scripts]]\nid = \"hello\"\nversion = 1\nchannel = \"email\"\nstatus = \"primary\"\n[[scripts]]\nid = \"warm\"\nversion = 1\nchannel = \"email\"\nstatus = \"testing\"\n";
    let root = Root::with_config(CONFIG);
    let rows = joined(0..200, |n| format!("N{n},n{n}@ab.example,{}\n", n + 1));
    let list = file(&root, "ab.csv", &format!("name,email,value\n{rows}"));
    root.run(&["ingest", &list]).exits(0);
    let arms = |root: &Root| -> Vec<(String, Value)> {
        let mut arms: Vec<_> = root
            .leads()
            .iter()
            .map(|lead| (lead["email"].as_str().expect("email").to_owned(), lead["stages"]["ab_test"].clone()))
            .collect();
        arms.sort_by(|a, b| a.0.cmp(&b.0));
        arms
    };
    let first = arms(&root);
    let control = first.iter().filter(|(_, arm)| arm.to_string().contains("control")).count();
    assert!((70..130).contains(&control), "about half: {control}");
    assert!(first.iter().any(|(_, arm)| arm.to_string().contains("warm")));
    // Other weights are another version; who has an arm keeps it, also when a later file changes the lead.
    root.configure(&CONFIG.replacen("weight = 50", "weight = 1", 1).replacen("weight = 50", "weight = 99", 1));
    let rows = joined(0..400, |n| format!("Changed{n},n{n}@ab.example,{}\n", n + 1000));
    let later = file(&root, "later.csv", &format!("name,email,value\n{rows}"));
    let report = root.run(&["ingest", "--json", &later]).exits(0).json()[0].clone();
    assert_eq!((report["rows"]["accepted_updated"].as_u64(), report["rows"]["accepted_new"].as_u64()), (Some(200), Some(200)), "{report}");
    let second = arms(&root);
    for (email, arm) in &first {
        let now = &second.iter().find(|(other, _)| other == email).expect("still there").1;
        assert_eq!(now, arm, "{email} changed its arm");
    }
    let new_control =
        second.iter().filter(|(email, arm)| !first.iter().any(|(old, _)| old == email) && arm.to_string().contains("control")).count();
    assert!(new_control < 20, "the new ones follow the new weights: {new_control} of 200");
    root.assert_sound();
}

#[test]
fn all_mistakes_of_a_configuration_at_once() {
    let root = Root::with_config(
        "mode = \"liv\"\n[wach]\nsettle_ms = 5\n[watch]\nsettle_mss = 5\npoll = \"sometimes\"\n[limits]\nrows = -1\n[columns]\nrequired = [\"name\"]\n",
    );
    for args in [vec!["config", "check"], vec!["run"], vec!["check", "x.csv"]] {
        let answer = root.run(&args).exits(2);
        if args[0] == "check" {
            continue; // the missing file is told first
        }
        for word in ["liv", "wach", "settle_mss", "settle_ms", "sometimes", "rows", "email", "valhalla.toml"] {
            assert!(answer.stderr.contains(word) || answer.stdout.contains(word), "{args:?}: no '{word}' in {answer:?}");
        }
    }
    let typo = root.run_with(&["config", "check"], &[("VALHALLA_WATCH__SETLE_MS", "5")]);
    assert_eq!(typo.code, Some(2));
    assert!(format!("{}{}", typo.stderr, typo.stdout).contains("VALHALLA_WATCH__SETLE_MS"), "{typo:?}");
    root.configure("not toml at all [[[");
    root.run(&["config", "check"]).exits(2);
    root.configure("");
    let shown = root.run_with(&["config", "show"], &[("VALHALLA_WATCH__SETTLE_MS", "77")]).exits(0);
    assert!(shown.stdout.contains("77"), "{}", shown.stdout);
}

#[test]
fn replay_shows_the_difference_and_applies_it() {
    let root = Root::new();
    let list = file(&root, "r.csv", "name,email,value\nA,a@replay.example,5\nB,b@replay.example,\nC,c@replay.example,abc\n");
    let first = root.run(&["ingest", "--move", "--json", &list]).exits(0).json()[0].clone();
    assert_eq!(first["rows"]["rejected"], 2);
    root.configure("[columns]\nrequired = [\"name\", \"email\"]\n");
    let look = root.run(&["replay", "r.csv", "--json"]).exits(0).json();
    assert_eq!((look["before"]["rejected"].as_u64(), look["after"]["rejected"].as_u64()), (Some(2), Some(1)), "{look}");
    assert_eq!(look["applied"], false);
    assert_eq!((root.leads().len(), root.reports().len()), (1, 1), "a look changes nothing");
    let table = root.run(&["replay", "r.csv"]).exits(0).stdout;
    assert!(table.contains("TODAY") && table.contains("missing_field"), "{table}");
    let applied = root.run(&["replay", "r.csv", "--apply", "--json"]).exits(0).json();
    assert_eq!(applied["applied"], true, "{applied}");
    assert_eq!(root.leads().len(), 2);
    assert_eq!(root.reports().len(), 2);
    let child = root.reports().pop().expect("a report");
    assert_eq!(child["parent_job"], first["job_id"]);
    assert_eq!(child["rows"]["accepted_updated"], 1, "{child}");
    assert!(root.has("processed/r.csv"), "the archived original stays");
    root.run(&["audit"]).exits(0);
    // Through a running daemon.
    let _daemon = root.daemon();
    let through = root.run(&["replay", first["job_id"].as_str().expect("id"), "--apply", "--json"]).exits(0).json();
    assert_eq!(through["applied"], true, "{through}");
    root.assert_sound();
    // An ingested file that stayed with its owner cannot be replayed.
    let stays = file(&root, "stays.csv", "name,email,value\nS,s@stays.example,5\n");
    let _ = stays;
    fs::remove_file(root.path("processed/r.csv")).expect("remove");
    let gone = root.run(&["replay", "r.csv"]);
    assert!(matches!(gone.code, Some(1 | 3)) && gone.stderr.contains("[ERROR]"), "{gone:?}");
}

#[test]
fn leads_filtered_and_exported() {
    let root = Root::new();
    let list = file(
        &root,
        "l.csv",
        "name,email,value,source,Extra One\nA,a@x.example,2000000,Zillow,1\nB,b@x.example,60000,redfin,\n\"=cmd|x\",c@x.example,70000,redfin,=1+1\n",
    );
    root.run(&["ingest", &list]).exits(0);
    assert_eq!(root.run(&["leads", "--source", "redfin", "--format", "jsonl"]).exits(0).jsonl().len(), 2);
    assert_eq!(root.run(&["leads", "--limit", "1", "--format", "jsonl"]).exits(0).jsonl().len(), 1);
    assert_eq!(root.run(&["leads", "--since", "2001-01-01", "--format", "jsonl"]).exits(0).jsonl().len(), 3);
    assert_eq!(root.run(&["leads", "--since", "2199-01-01", "--format", "jsonl"]).exits(0).jsonl().len(), 0);
    assert_eq!(root.run(&["leads", "--since", "2199-01-01", "--json"]).exits(0).json(), serde_json::json!([]));
    let tiers: usize =
        ["A", "B", "C", "D"].iter().map(|tier| root.run(&["leads", "--tier", tier, "--format", "jsonl"]).exits(0).jsonl().len()).sum();
    assert_eq!(tiers, 3);
    let csv = root.run(&["leads", "--format", "csv"]).exits(0).stdout;
    let mut reader = csv::Reader::from_reader(csv.trim_start_matches('\u{feff}').as_bytes());
    let headers = reader.headers().expect("headers").clone();
    assert!(headers.iter().any(|name| name == "Extra One"), "{headers:?}");
    let records: Vec<csv::StringRecord> = reader.records().map(|record| record.expect("record")).collect();
    assert_eq!(records.len(), 3);
    assert!(records.iter().flatten().all(|cell| !cell.starts_with('=')), "a spreadsheet would run a cell: {csv}");
    let keys = [
        "row",
        "job_id",
        "lead_id",
        "name",
        "email",
        "value",
        "currency",
        "location",
        "phone",
        "phone_e164",
        "source",
        "ingested_at",
        "extra",
        "stages",
        "score",
        "tier",
        "versions",
    ];
    for lead in root.leads() {
        for key in keys {
            assert!(lead.get(key).is_some(), "no {key} in {lead}");
        }
        assert!(lead["stages"]["deal_packet"]["packet_id"].is_string(), "{lead}");
    }
    let id = lead(&root.leads(), "a@x.example")["lead_id"].as_str().expect("id").to_owned();
    assert_eq!(root.run(&["packet", &id]).exits(0).stdout, root.run(&["packet", "A@X.example"]).exits(0).stdout);
}

#[test]
fn leads_files_beside_the_originals() {
    for format in ["jsonl", "csv"] {
        let root = Root::with_config(&format!("[output]\nleads = \"{format}\"\n"));
        let list = file(&root, "l.csv", &format!("{TEN}Bad,nope,5,,\nJohn Again,JOHN@example.com,7,,\n"));
        root.run(&["ingest", "--move", &list]).exits(0);
        let text = root.text(format!("processed/l.leads.{format}"));
        assert_eq!(text.lines().count(), if format == "csv" { 11 } else { 10 }, "{text}");
        if format == "jsonl" {
            let from_file: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
            let stored = root.leads();
            for lead_of_file in &from_file {
                assert_eq!(lead_of_file, lead(&stored, lead_of_file["email"].as_str().expect("email")), "the file and the store agree");
            }
        }
    }
}

#[test]
fn init_makes_a_root_and_never_overwrites() {
    let root = Root::new();
    let fresh = root.path("outside/fresh");
    fs::create_dir(&fresh).expect("folder");
    let init = || {
        let mut command = std::process::Command::new(support::VALHALLA);
        command.args(["init"]).current_dir(&fresh).env_remove("VALHALLA_ROOT");
        said(&mut command)
    };
    init().exits(0);
    assert!(fresh.join("inbox").is_dir() && fresh.join("valhalla.toml").is_file(), "{:?}", names_in(&fresh));
    fs::write(fresh.join("valhalla.toml"), "# mine\n").expect("write");
    let again = init();
    assert!(!again.stderr.contains("panicked"));
    assert_eq!(fs::read_to_string(fresh.join("valhalla.toml")).expect("read"), "# mine\n");
}

#[test]
fn a_closed_pipe_and_a_closed_stdout_are_no_fault() {
    let root = Root::new();
    let list = file(&root, "l.csv", &generate(5000, "pipe", 1).text);
    root.run(&["ingest", &list]).exits(0);
    let mut child = root
        .command(&["leads", "--format", "jsonl"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("start");
    drop(child.stdout.take()); // whoever reads has seen enough
    let output = child.wait_with_output().expect("end");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
}

/// The same bytes come out the same, whatever the number of workers.
#[test]
fn one_worker_and_four_give_the_same() {
    let made = generate(50_000, "same", 42);
    let results: Vec<(Vec<Value>, Value, String)> = ["1", "4"]
        .iter()
        .map(|workers| {
            let root = Root::new();
            let list = file(&root, "same.csv", &made.text);
            root.run_with(&["ingest", "--move", &list], &[("VALHALLA_ENGINE__WORKERS", workers)]).exits(0);
            let mut leads = root.leads();
            for lead in &mut leads {
                for key in ["job_id", "ingested_at"] {
                    lead[key] = Value::Null;
                }
            }
            let mut report = root.report_of("same.csv");
            let job = report["job_id"].as_str().expect("id").to_owned();
            for key in ["job_id", "started_at", "finished_at", "duration_ms", "alerts"] {
                report[key] = Value::Null;
            }
            (leads, report, root.text("failed/same.rejects.csv").replace(&job, "JOB"))
        })
        .collect();
    let (one, four) = (&results[0], &results[1]);
    assert_eq!(one.1, four.1, "the reports");
    assert_eq!(one.1["rows"]["accepted_new"], made.new);
    assert_eq!(one.1["rows"]["duplicates_in_file"], made.duplicates);
    assert_eq!(one.1["rows"]["rejected"], made.rejected);
    assert_eq!(one.0.len(), four.0.len());
    for (a, b) in one.0.iter().zip(&four.0) {
        assert_eq!(a, b);
    }
    assert!(one.2 == four.2, "the rejects files");
    assert_eq!(one.2.lines().filter(|line| line.contains("JOB")).count() as u64, made.rejected);
}

#[test]
fn status_and_reports_beside_a_busy_daemon() {
    let root = Root::new();
    let _daemon = root.daemon();
    root.drop_renamed("large.csv", generate(30_000, "busy", 2).text);
    // Asked again and again while it works, nothing waits for the file to be done, and no answer is half.
    let mut answers = 0;
    assert!(comes_true(DEADLINE, || {
        let status = root.run(&["status", "--json"]).exits(0).json();
        assert_eq!(status["running"], true);
        root.run(&["reports", "--json"]).exits(0).json();
        root.run(&["leads", "--limit", "1", "--json"]).exits(0).json();
        answers += 1;
        root.reports_whole() == 1
    }));
    wait_for("idle", || root.claims().is_empty());
    println!("{answers} answers meanwhile");
    root.assert_sound();
}
