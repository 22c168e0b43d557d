//! `valhalla forget`: a person is gone from the store down to its bytes, the figures stay true, and nothing brings them back.

mod support;

use std::fs;

use serde_json::Value;
use support::{Root, names_in, tree};

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

fn files_told(told: &Value) -> Vec<(String, u64, String)> {
    let mut files: Vec<_> = told["files"]
        .as_array()
        .expect("files")
        .iter()
        .map(|file| {
            let done = file["done"].as_str().or(file["why"].as_str().map(|_| "not done")).unwrap_or("-");
            (file["place"].as_str().expect("a place").to_owned(), file["rows"].as_u64().expect("rows"), done.to_owned())
        })
        .collect();
    files.sort();
    files
}

/// All that lies in the archive, as one text in lower case.
fn archive(root: &Root) -> String {
    let mut files = tree(&root.path("processed"));
    files.extend(tree(&root.path("failed")));
    files.into_iter().map(|(_, bytes)| String::from_utf8_lossy(&bytes).to_lowercase()).collect()
}

#[test]
fn archived_files_are_found_and_rewritten() {
    let root = with_ada("[output]\nleads = \"jsonl\"\n");
    let told = forget(&root, &[]);
    let expected = [
        ("failed/c.rejects.csv", 1),
        ("processed/a.csv", 1),
        ("processed/a.leads.jsonl", 1),
        ("processed/b.csv", 2),
        ("processed/b.leads.jsonl", 1),
        ("processed/c.csv", 1),
        ("processed/c.receipt.txt", 0),
        ("processed/o.csv", 1),
    ];
    let found: Vec<_> = files_told(&told).into_iter().map(|(place, rows, _)| (place, rows)).collect();
    assert_eq!(found, expected.map(|(place, rows)| (place.to_owned(), rows)));
    assert_eq!(found_in(&root, "valhalla.db"), [""; 0], "what the store quoted of a rejected row is gone, too");

    let told = forget(&root, &["--archives", "rewrite"]);
    assert!(files_told(&told).iter().all(|(_, _, done)| done == "rewritten"), "{told}");
    assert_eq!(root.text("processed/a.csv"), "name,email,value,Notes\nBo,bo@example.com,200000,x\n");
    assert_eq!(root.text("processed/b.csv"), "name,email,value\nCy,cy@example.com,1\n");
    for word in ADA {
        assert!(!archive(&root).contains(word), "{word}");
    }
    assert_eq!(files_told(&forget(&root, &["--archives", "rewrite"])), [], "there is nothing left to do");
    let audit = root.run(&["audit", "--json"]).exits(0).json();
    assert_eq!((&audit["jobs"]["by_record_only"], &audit["jobs"]["broken"]), (&4.into(), &0.into()), "{audit}");

    root.run(&["rebuild"]).exits(0);
    assert_eq!(emails(&root), ["bo@example.com", "cy@example.com", "di@example.com"]);
    let rows: Vec<u64> = root.leads().iter().map(|lead| lead["row"].as_u64().expect("a row")).collect();
    assert_eq!(rows, [2, 2, 2], "rows keep their numbers");
    root.run(&["audit"]).exits(0);
}

#[test]
fn every_other_byte_stays() {
    let utf16 = |text: &str| -> Vec<u8> { [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect() };
    let with = "Name;E-Mail;Notiz\r\nJürgen;juergen@example.com;\"zwei\r\nZeilen\"\r\nAda;ADA@example.com;\"auch\r\n\r\nhier\"\r\nBo;bo@example.com;\"sagt \"\"x\"\"\"";
    let without = "Name;E-Mail;Notiz\r\nJürgen;juergen@example.com;\"zwei\r\nZeilen\"\r\nBo;bo@example.com;\"sagt \"\"x\"\"\"";
    let latin = |text: &str| -> Vec<u8> { text.chars().map(|sign| u8::try_from(u32::from(sign)).expect("Latin-1")).collect() };
    let cases: [(&str, Vec<u8>, Vec<u8>); 5] = [
        ("utf8", with.into(), without.into()),
        ("mark", format!("\u{feff}{with}").into(), format!("\u{feff}{without}").into()),
        ("utf16", utf16(with), utf16(without)),
        ("latin", latin(with), latin(without)),
        ("returns", with.replace("\r\n", "\r").into(), without.replace("\r\n", "\r").into()),
    ];
    let root = Root::with_config("[columns]\nrequired = [\"email\"]\n");
    for (name, bytes, _) in &cases {
        let path = root.write(format!("outside/{name}.csv"), bytes);
        root.run(&["ingest", "--move", path.to_str().expect("a path")]).exits(0);
    }
    forget(&root, &["--archives", "rewrite"]);
    for (name, _, expected) in &cases {
        assert_eq!(&fs::read(root.path(format!("processed/{name}.csv"))).expect("file"), expected, "{name}");
    }
    root.run(&["audit"]).exits(0);
}

#[test]
fn what_cannot_be_rewritten_is_said_and_can_be_removed() {
    let root = with_ada("");
    let packed = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, b"name,email,value\nAda,ada@example.com,9\nEd,ed@example.com,8\n").expect("packed");
        encoder.finish().expect("packed")
    };
    let path = root.write("outside/packed.csv.gz", packed);
    root.run(&["ingest", "--move", path.to_str().expect("a path")]).exits(0);
    root.write("processed/mine.csv", "name,email\nAda,ada@example.com\n");
    let path = root.write("outside/friend.csv", "name,email,value,Notes\nEve,eve@example.com,3,knows ada@example.com\n");
    root.run(&["ingest", "--move", path.to_str().expect("a path")]).exits(0);

    let said = root.run(&["forget", "ada@example.com", "--archives", "rewrite", "--json"]).exits(1).json();
    let done: Vec<_> = files_told(&said).into_iter().filter(|(_, _, done)| done != "rewritten").map(|(place, ..)| place).collect();
    assert_eq!(done, ["processed/friend.csv", "processed/mine.csv", "processed/packed.csv.gz"], "{said}");
    assert_eq!(said["bytes_gone"], false, "Eve's row names her: {said}");

    let said = root.run(&["forget", "ada@example.com", "--archives", "remove", "--json"]).exits(1).json();
    assert!(!root.has("processed/packed.csv.gz"), "{said}");
    assert!(root.has("processed/friend.csv") && root.has("processed/mine.csv"), "another's row, and another's file, stay");
    root.run(&["audit"]).exits(0);
}

#[test]
fn a_death_in_the_middle_is_made_good_by_a_repetition() {
    let root = with_ada("");
    // As a death between the commit and the rename leaves it: noted, and the old file still there.
    let before = fs::read(root.path("processed/b.csv")).expect("file");
    forget(&root, &["--archives", "rewrite"]);
    fs::write(root.path("processed/b.csv"), &before).expect("written");
    root.write(".claimed/.valhalla-rewritten", "half of a fi");
    root.run(&["audit"]).exits(0);
    let told = forget(&root, &["--archives", "rewrite"]);
    assert_eq!(files_told(&told), [("processed/b.csv".to_owned(), 2, "rewritten".to_owned())]);
    assert_eq!(root.text("processed/b.csv"), "name,email,value\nCy,cy@example.com,1\n");
    assert!(!root.has(".claimed/.valhalla-rewritten"));
    root.run(&["audit"]).exits(0);
    root.run(&["rebuild"]).exits(0);
    root.run(&["audit"]).exits(0);
}

#[test]
fn somebody_whom_only_the_archive_knows() {
    let root = Root::new();
    let path = root.write("outside/bad.csv", "name,email,value\nAda King,ada@example.com,-3\nBo,bo@example.com,5\n");
    root.run(&["ingest", "--move", path.to_str().expect("a path")]).exits(0);
    let told = forget(&root, &["--archives", "rewrite"]);
    assert_eq!(told["verdict"], "forgotten", "{told}");
    assert!(!archive(&root).contains("ada"));
    assert_eq!(found_in(&root, "valhalla.db"), [""; 0]);
    assert_eq!(forget(&root, &[])["verdict"], "already_forgotten");
}
