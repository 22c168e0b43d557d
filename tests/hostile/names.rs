//! Names that try to forge a line, move a cursor, reorder a text, climb out of a folder or pass for another file's.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde_json::Value;

use crate::support::{Root, VALHALLA, said, tree, wait_for};

/// Names, and whether the file of that name is a good one.
fn names() -> Vec<Vec<u8>> {
    let long = |letter: &str, tail: &str| format!("{}{tail}", letter.repeat((255 - tail.len()) / letter.len())).into_bytes();
    let texts = [
        "new\nline.csv",
        "new\\nline.csv",
        "new%0Aline.csv",
        "carriage\rreturn.csv",
        "tab\there.csv",
        "bell\u{7}.csv",
        "escape\u{1b}[2J\u{1b}[31mred.csv",
        "title\u{1b}]0;owned\u{7}.csv",
        "c1\u{9b}31m.csv",
        "delete\u{7f}.csv",
        "turned\u{202e}vsc.exe",
        "isolated\u{2066}vsc\u{2069}.csv",
        "marks\u{200e}\u{200f}\u{61c}.csv",
        "lines\u{2028}\u{2029}.csv",
        "hidden\u{200b}\u{2060}\u{feff}.csv",
        "hidden.csv",
        "tags\u{e0041}\u{e007f}.csv",
        "-rf",
        "--help.csv",
        " leading.csv",
        "trailing.csv ",
        "ends-in-a-dot.",
        "...dots",
        "a..csv",
        "up\\..\\..\\up.csv",
        "%2e%2e%2fup.csv",
        "quo\"te's`$(touch pwned)`.csv",
        "[ERROR] leads.csv: nothing was taken",
        "emoji-\u{1f469}\u{200d}\u{1f4bb}.csv",
        "cafe\u{301}.csv",
        "caf\u{e9}.csv",
        "CAF\u{c9}.csv",
        "case.csv",
        "Case.csv",
        "CASE.CSV",
        "zalgo-a\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}.csv",
        "\u{5e2}\u{5d1}\u{5e8}\u{5d9}\u{5ea}.csv",
        "nul-like\\0.csv",
        "<script>alert(1)<script>.csv",
        "{\"fate\":\"processed\"}.csv",
    ];
    // Dots in front would be hidden files: those are left alone, and have their own test.
    let mut names: Vec<Vec<u8>> = texts.iter().filter(|name| !name.starts_with('.')).map(|name| name.as_bytes().to_vec()).collect();
    names.extend([
        b"byte-\xff.csv".to_vec(),
        b"byte-\xfe.csv".to_vec(),
        b"byte-\\xff.csv".to_vec(),
        b"byte-%FF.csv".to_vec(),
        b"half-\xe2\x80.csv".to_vec(),
    ]);
    names.extend([long("n", ".csv"), long("\u{fc}", ".csv"), long("\u{1f469}", ".csv"), vec![0xfd; 255]]);
    names
}

/// What plays tricks on a terminal, in the bytes of an output. Line ends are no trick.
fn tricks_in(text: &[u8]) -> Option<String> {
    let text = match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => return Some(format!("bytes that are not UTF-8 at {}", error.valid_up_to())),
    };
    let is_trick = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    text.char_indices().find(|(_, c)| is_trick(*c)).map(|(at, c)| {
        let before: String = text[..at].chars().rev().take(60).collect();
        format!("{c:?} behind {:?}", before.chars().rev().collect::<String>())
    })
}

#[test]
fn no_name_leaves_its_folder_forges_a_line_or_passes_for_another() {
    let root = Root::new();
    let names = names();
    let daemon = root.daemon();
    // A good one with a bad row, and one that fails as a whole, of each name.
    for (round, text) in [(0, "name,email,value\nN,n#@names.example,5\nbad,nope,5\n"), (1, "name,mailbox,value\nN,front desk #,5\n")] {
        for (number, name) in names.iter().enumerate() {
            root.drop_renamed(Path::new(OsStr::from_bytes(name)), text.replace('#', &number.to_string()));
        }
        wait_for(&format!("{} reports", names.len() * (round + 1)), || root.reports_whole() >= names.len() * (round + 1));
    }
    root.wait_idle();
    let reports = root.reports(); // each line is JSON, or this fails
    assert_eq!(reports.len(), 2 * names.len());
    let told: BTreeSet<&str> = reports.iter().map(|report| report["file"].as_str().expect("a file")).collect();
    assert_eq!(told.len(), names.len(), "two names are told by one text");
    for report in &reports {
        let expected = if report["columns"].as_array().is_some_and(Vec::is_empty) { "failed" } else { "processed" };
        assert_eq!(report["fate"], expected, "{report}");
        assert!(report["fate"] == "failed" || report["rejects_as"].is_string(), "{report}");
    }
    let sentences: BTreeSet<&str> = reports.iter().filter_map(|report| report["reason"].as_str()).collect();
    assert_eq!(sentences.len(), names.len(), "two names are shown alike in sentences");

    archived_under_their_own_names(&root, &names);
    nothing_plays_tricks(&root, &names);
    root.assert_alive("good.csv");
    daemon.stop();
    root.assert_sound();
}

fn archived_under_their_own_names(root: &Root, names: &[Vec<u8>]) {
    for folder in ["processed", "failed"] {
        let found: Vec<Vec<u8>> =
            fs::read_dir(root.path(folder)).expect("list").map(|entry| entry.expect("entry").file_name().as_bytes().to_vec()).collect();
        for name in names {
            // An over-long stem is shortened, so that the receipt and the rows to fix can carry it too.
            let is_there = if name.len() < 200 { found.contains(name) } else { found.iter().any(|found| found.starts_with(&name[..200])) };
            assert!(is_there, "{} is not in {folder} under its name", name.escape_ascii());
        }
    }
    let above = fs::read_dir(root.path("")).expect("list").map(|entry| entry.expect("entry").file_name());
    assert!(above.filter_map(|name| name.into_string().ok()).all(|name| !name.contains("up.csv") && !name.contains("pwned")));
    // A text of a report leads back to the file and to its job.
    for report in root.reports() {
        let file = report["file"].as_str().expect("a file");
        let found = root.run(&["reports", "--json", "--", file]).exits(0).json();
        assert_eq!(found["file"], file);
    }
    for name in names.iter().filter_map(|name| std::str::from_utf8(name).ok()) {
        root.run(&["reports", "--json", "--", name]).exits(0); // as it is called, too
    }
}

/// Whatever is for people's eyes holds nothing that a terminal obeys: texts, logs, and what every command says.
fn nothing_plays_tricks(root: &Root, names: &[Vec<u8>]) {
    let mut looked_at = 0;
    for (path, bytes) in tree(&root.path("")) {
        let name = path.file_name().unwrap_or_default().as_bytes();
        let is_for_people = name.ends_with(b".txt") || path.starts_with("logs");
        if is_for_people {
            looked_at += 1;
            assert_eq!(tricks_in(&bytes), None, "{}", path.to_string_lossy().escape_debug());
        }
        if path.starts_with("logs") && name.ends_with(b".jsonl") {
            let lines = std::str::from_utf8(&bytes).expect("UTF-8").lines();
            assert!(lines.map(serde_json::from_str::<Value>).all(|line| line.is_ok()));
        }
    }
    assert!(looked_at > 2 * names.len(), "{looked_at} texts");
    let mut sayings = vec![
        vec!["status"],
        vec!["status", "--json"],
        vec!["reports"],
        vec!["reports", "--json"],
        vec!["audit", "--all"],
        vec!["audit", "--json"],
        vec!["leads"],
    ];
    let files: Vec<String> = root.reports().iter().map(|report| report["file"].as_str().expect("a file").to_owned()).collect();
    for file in &files {
        sayings.extend([vec!["reports", "--", file], vec!["replay", "--", file]]);
    }
    for args in &sayings {
        let said = root.run(args);
        assert_eq!(tricks_in(said.stdout.as_bytes()).or(tricks_in(said.stderr.as_bytes())), None, "{args:?}");
        assert!(!said.stderr.contains("panicked"), "{args:?}: {said:?}");
    }
    // The files as arguments, there and gone.
    fs::create_dir_all(root.path("outside/by-hand")).expect("folder");
    for name in names {
        let path = root.path("outside/by-hand").join(OsStr::from_bytes(name));
        for is_there in [false, true] {
            if is_there {
                fs::write(&path, "name,email,value\nN,again@names.example,5\nbad,nope,5\n").expect("write");
            }
            for command in ["check", "ingest"] {
                let mut run = root.command(&[command]);
                run.arg("--").arg(&path);
                let said = said(&mut run);
                assert_eq!(said.code, Some(if is_there { 0 } else { 2 }), "{said:?}");
                assert_eq!(
                    tricks_in(said.stdout.as_bytes()).or(tricks_in(said.stderr.as_bytes())),
                    None,
                    "{command} {}",
                    name.escape_ascii()
                );
            }
        }
    }
}

/// Cells and column names are shown by the commands as well.
#[test]
fn no_cell_plays_tricks_on_a_terminal() {
    let root = Root::new();
    let trick = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}\u{9b}x\r";
    let header = format!("name,email,value,location,phone,Extra{trick}");
    let file = format!(
        "{header}\nA{trick},a@cells.example,5{trick},Here{trick},+1 416 555 0100{trick},note{trick}\nB,nope{trick},x{trick},,,\n\"C\nline\",c@cells.example,7,,,\n"
    );
    let path = root.write("outside/cells.csv", file);
    let path = path.to_str().expect("UTF-8");
    for args in [
        &["check", path][..],
        &["check", path, "--json"],
        &["ingest", path, "-v"],
        &["reports", "cells.csv"],
        &["leads"],
        &["packet", "a@cells.example"],
        &["replay", "cells.csv"],
        &["status"],
    ] {
        let said = root.run(args);
        assert!(said.code.is_some_and(|code| code != 70), "{args:?}: {said:?}");
        let told = if args.contains(&"--json") { None } else { tricks_in(said.stdout.as_bytes()) };
        assert_eq!(told.or(tricks_in(said.stderr.as_bytes())), None, "{args:?}");
    }
    assert!(Path::new(VALHALLA).exists());
}
