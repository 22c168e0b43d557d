//! `check`: the page that says how a file would be read, for somebody who has never heard of a delimiter.

use crate::made::zipped;
use crate::support::{Root, Said};

fn check(root: &Root, file: &str, bytes: impl AsRef<[u8]>) -> Said {
    let path = root.write(format!("outside/{file}"), bytes);
    root.run(&["check", path.to_str().expect("UTF-8")])
}

/// The page's sections by their headings, in order.
fn sections(page: &str) -> Vec<(&str, String)> {
    let mut sections: Vec<(&str, String)> = Vec::new();
    for line in page.lines().filter(|line| !line.is_empty()) {
        match (line.starts_with(' '), sections.last_mut()) {
            (true, Some((_, text))) => *text += &format!("{}\n", line.trim()),
            _ => sections.push((line, String::new())),
        }
    }
    sections
}

#[test]
fn the_page_on_a_messy_file() {
    let root = Root::new();
    let list = "Export of 1 May\n\
        Full Name;Emial;Asking Price;Notes\n\
        Ada Stone;ada@gmial.com;1.234,50;=SUM(A1)\n\
        Bo Field;bo.page.example;200,00;\n\
        Cy Brook;cy@page.example;call me;x\n\
        Di Moor;di@page.example;99,90\n\
        Ed Vale;ed@page.example;300,00;\"he said\n\
        Flo Dene;flo@page.example;400,00;y\n\
        Total;;2.234,40;\n";
    let said = check(&root, "messy.csv", list).exits(0);
    let sections = sections(&said.stdout);
    let headings: Vec<&str> = sections.iter().map(|(heading, _)| *heading).collect();
    assert_eq!(
        headings,
        [
            "messy.csv",
            "How it is read",
            "What maps to what",
            "What comes of it",
            "Worth knowing",
            "What is wrong, row by row",
            "What to do"
        ]
    );
    let holds = |at: usize, parts: &[&str]| {
        for part in parts {
            assert!(sections[at].1.contains(part), "no '{part}' under '{}':\n{}", headings[at], said.stdout);
        }
    };
    holds(1, &["text in UTF-8", "cells separated by ';'", "column names in line 2"]);
    holds(
        2,
        &[
            "Full Name     name",
            "Emial         email    spelled like 'email'",
            "Asking Price  value",
            "Notes         -        kept as extra",
        ],
    );
    holds(3, &["6 rows: 3 acceptable, 3 rejected", "1 cell begins like a formula"]);
    holds(
        4,
        &[
            "1 line above the header was skipped",
            "'Emial' is read as 'email'",
            "looks mistyped",
            "A quote is missing",
            "Totals and closing remarks",
        ],
    );
    holds(5, &["Invalid email format: bo.page.example", "Value must be numeric: call me", "Too few fields: 3 cells for 4 columns"]);
    holds(6, &["Drop it: the good rows are taken"]);
    assert!(said.stderr.is_empty(), "{}", said.stderr);
    assert!(!root.has("logs") && !root.has("valhalla.db"), "nothing is written");
}

#[test]
fn the_page_on_a_clean_file_and_on_one_that_gives_nothing() {
    let root = Root::new();
    let clean = check(&root, "clean.zip", zipped(&[("leads.csv", "name,email,value\nAda,ada@page.example,5\n")])).exits(0);
    let headings: Vec<&str> = sections(&clean.stdout).iter().map(|(heading, _)| *heading).collect();
    assert_eq!(headings, ["clean.zip", "How it is read", "What maps to what", "What comes of it", "What to do"]);
    for part in ["packed as zip, with 'leads.csv' inside", "1 row: 1 acceptable, 0 rejected", "Nothing: drop it."] {
        assert!(clean.stdout.contains(part), "no '{part}' in:\n{}", clean.stdout);
    }

    let long = "x".repeat(5000);
    let none = check(&root, "none.csv", format!("name,mailbox,value,{long}\nAda,front desk,5,\n")).exits(1);
    let headings: Vec<&str> = sections(&none.stdout).iter().map(|(heading, _)| *heading).collect();
    assert_eq!(headings, ["none.csv", "How it is read", "What maps to what", "What comes of it", "What is wrong", "What to do"]);
    for part in [
        "mailbox",
        "Nothing would be taken",
        "No column for 'email' (found: name, mailbox, value",
        "did you mean 'mailbox'?",
        "add an alias",
    ] {
        assert!(none.stdout.contains(part), "no '{part}' in:\n{}", none.stdout);
    }
    assert!(!none.stdout.contains(&long), "a table bears no column name of {} bytes", long.len());
    assert!(none.stderr.contains("[ERROR] none.csv: no column for 'email'"), "{}", none.stderr);

    let two = check(&root, "two.zip", zipped(&[("a.csv", "name"), ("b.csv", "name")])).exits(1);
    let headings: Vec<&str> = sections(&two.stdout).iter().map(|(heading, _)| *heading).collect();
    assert_eq!(headings, ["two.zip", "What comes of it", "What is wrong", "What to do"]);
}
