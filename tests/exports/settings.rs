//! What is set for a source is believed, also against what the file looks like.

use crate::made::workbook;
use crate::support::Root;
use crate::{leads_at, taken, told_once};

const CONFIG: &str = r##"
[source.polish.reading]
encoding = "iso-8859-2"
[source.caret.reading]
delimiter = "^"
[source.tabs.reading]
delimiter = "tab"
[source.headless.reading]
header = "none"
[source.third.reading]
header = 3
[source.unquoted.reading]
quote = "none"
[source.single.reading]
quote = "'"
[source.escaped.reading]
escape = "\\"
[source.commented.reading]
comment = "#"
[source.uncommented.reading]
comment = "none"
[source.second.reading]
sheet = "Leads"
[source.nosheet.reading]
sheet = "Lead"
[source.mended.reading]
repair_mojibake = true
[source.middle.columns]
ranges = "mid"
[source.upper.columns]
ranges = "high"
[source.strict.columns]
ranges = "reject"
[source.points.columns]
decimal = "point"
[source.commas.columns]
decimal = "comma"
"##;

/// Source, bytes, the leads of `source.example`, the rejected rows, what is told once.
type Case = (&'static str, Vec<u8>, &'static [&'static str], u64, &'static [&'static str]);

#[test]
fn what_is_set_for_a_source_is_believed() {
    let root = Root::with_config(CONFIG);
    let daemon = root.daemon();
    let help: [&[&str]; 1] = [&["Read me first"]];
    let leads: [&[&str]; 2] = [&["name", "email", "value"], &["Ada", "ada@second.example", "100"]];
    let book = workbook(&[("Help", &help), ("Leads", &leads)]);
    let cases: [Case; 15] = [
        ("polish", b"name,email,value\n\xa3ukasz,l@polish.example,100\n".to_vec(), &["Łukasz|l@polish.example|100|"], 0, &[]),
        (
            "caret",
            b"name^email^value\nStone, Ada; Jr.^ada@caret.example^100\nField, Bo; Sr.^bo@caret.example^200\n".to_vec(),
            &["Stone, Ada; Jr.|ada@caret.example|100|", "Field, Bo; Sr.|bo@caret.example|200|"],
            0,
            &[],
        ),
        (
            "headless",
            b"Ada Name,ada@headless.example,100000\nBo Field,bo@headless.example,250000\n".to_vec(),
            &["Ada Name|ada@headless.example|100000|", "Bo Field|bo@headless.example|250000|"],
            0,
            &["by_content", "by_content", "by_content", "no_header"],
        ),
        (
            "third",
            b"id,mail,amount\n1,2,3\nname,email,value\nAda,ada@third.example,100\n".to_vec(),
            &["Ada|ada@third.example|100|"],
            0,
            &["preamble_skipped"],
        ),
        (
            "unquoted",
            b"name,email,value\n\"Ada\" Stone,ada@unquoted.example,100\n".to_vec(),
            &["\"Ada\" Stone|ada@unquoted.example|100|"],
            0,
            &[],
        ),
        ("single", b"name,email,value\n'Stone, Ada',ada@single.example,100\n".to_vec(), &["Stone, Ada|ada@single.example|100|"], 0, &[]),
        (
            "escaped",
            b"name,email,value\n\"Ada \\\"A\\\" Stone\",ada@escaped.example,100\n".to_vec(),
            &["Ada \"A\" Stone|ada@escaped.example|100|"],
            0,
            &[],
        ),
        (
            "commented",
            b"name,email,value\n#Ada,ada@commented.example,100\nBo,bo@commented.example,200\n".to_vec(),
            &["Bo|bo@commented.example|200|"],
            0,
            &["comment_skipped"],
        ),
        (
            "uncommented",
            b"name,email,value\n#Ada,ada@uncommented.example,100\nBo,bo@uncommented.example,200\n".to_vec(),
            &["#Ada|ada@uncommented.example|100|", "Bo|bo@uncommented.example|200|"],
            0,
            &[],
        ),
        ("second", book.clone(), &["Ada|ada@second.example|100|"], 0, &["sheets_left_aside"]),
        ("middle", ranges_at("middle"), &["Ada|ada@middle.example|250000|", "Bo|bo@middle.example|100|"], 0, &["value_range"]),
        ("upper", ranges_at("upper"), &["Ada|ada@upper.example|300000|", "Bo|bo@upper.example|100|"], 0, &["value_range"]),
        ("strict", ranges_at("strict"), &["Bo|bo@strict.example|100|"], 1, &[]),
        ("points", b"name;email;value\nAda;ada@points.example;1.234\n".to_vec(), &["Ada|ada@points.example|1.234|"], 0, &[]),
        ("commas", b"name;email;value\nAda;ada@commas.example;1.234\n".to_vec(), &["Ada|ada@commas.example|1234|"], 0, &[]),
    ];
    for (source, bytes, leads, rejected, told) in &cases {
        let file = format!("{source}/list.csv");
        root.drop_renamed(&file, bytes);
        let report = root.report_of(&file);
        assert_eq!((report["fate"].as_str(), taken(&report)), (Some("processed"), (leads.len() as u64, *rejected)), "{report}");
        assert_eq!(leads_at(&root, &format!("@{source}.example")), *leads, "{source}");
        assert_eq!(told_once(&report), *told, "{source}: {}", report["systematic"]);
    }
    let damaged = |source: &str| format!("name,email,value\nJosÃ© Ruiz,jose@{source}.example,100\nAnn,ann@{source}.example,200\n");
    for (source, name, advice) in [("damaged", "JosÃ© Ruiz", "repair_mojibake"), ("mended", "José Ruiz", "damaged")] {
        root.drop_renamed(format!("{source}/list.csv"), damaged(source));
        let report = root.report_of(&format!("{source}/list.csv"));
        assert_eq!(leads_at(&root, &format!("@{source}.example"))[1], format!("{name}|jose@{source}.example|100|"));
        assert_eq!(told_once(&report), ["mojibake"], "{report}");
        assert!(report["systematic"].to_string().contains(advice), "{report}");
    }
    // What does not fit is told, not guessed around.
    for (source, bytes, what) in [
        ("tabs", b"name,email,value\nAda,ada@tabs.example,100\n".to_vec(), "no column for 'name', 'value' (found: name,email,value)"),
        ("nosheet", book.clone(), "no sheet 'Lead' (found: 'Help', 'Leads')"),
        ("first", book, "no column for 'name', 'email', 'value'"),
    ] {
        root.drop_renamed(format!("{source}/list.csv"), bytes);
        let report = root.report_of(&format!("{source}/list.csv"));
        assert_eq!(report["fate"], "failed", "{source}: {report}");
        assert!(report["reason"].as_str().is_some_and(|reason| reason.contains(what)), "{source}: {}", report["reason"]);
    }
    assert_eq!(daemon.stop().0, Some(0));
    root.assert_sound();
}

fn ranges_at(source: &str) -> Vec<u8> {
    format!("name,email,value\nAda,ada@{source}.example,200k-300k\nBo,bo@{source}.example,100\n").into_bytes()
}
