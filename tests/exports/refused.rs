//! Containers that give no list: `failed/`, with a sentence that names what it is and what to do.

use std::fs;

use crate::made::{encrypted_zip, gzip, locked_workbook, workbook, zipped};
use crate::support::Root;

#[test]
fn what_cannot_be_opened_says_what_it_is_and_what_to_do() {
    let root = Root::new();
    let daemon = root.daemon();
    let list = "name,email,value\nAda,ada@shut.example,100\n";
    let whole = gzip(list.repeat(50));
    let rows = format!("name,email,value\n{}", "Ada,ada@shut.example,100\n".repeat(1 << 20));
    // File, bytes, what it is, what to do.
    let cases: [(&str, Vec<u8>, &str, &str); 8] = [
        ("bomb.csv.gz", gzip(rows), "this gzip archive unpacks to more than 200 times its size", "raise expansion_ratio under [limits]"),
        ("cut.csv.gz", whole[..whole.len() - 30].to_vec(), "this gzip archive is damaged: it ends too soon", "fetch it again"),
        (
            "two.zip",
            zipped(&[("a.csv", list), ("b.csv", list)]),
            "this ZIP archive holds 2 files ('a.csv', 'b.csv')",
            "drop the lists one by one",
        ),
        ("none.zip", zipped::<&str>(&[]), "ZIP archive", "drop"),
        ("secret.zip", encrypted_zip(list), "this ZIP archive is protected by a password", "Remove the password"),
        ("secret.xlsx", locked_workbook(), "this workbook is protected by a password", "Remove the password"),
        ("empty.xlsx", workbook(&[("Leads", &[])]), "its sheet 'Leads' is empty", "name the one to read as sheet under [reading]"),
        (
            "letter.zip",
            zipped(&[("[Content_Types].xml", "<Types/>"), ("word/document.xml", "<a/>")]),
            "this is a Word document, not a list",
            "as CSV UTF-8",
        ),
    ];
    for (file, bytes, what, remedy) in &cases {
        root.drop_renamed(file, bytes);
        let report = root.report_of(file);
        assert_eq!((report["fate"].as_str(), report["rows"]["total"].as_u64()), (Some("failed"), Some(0)), "{report}");
        let reason = report["reason"].as_str().expect("a reason");
        assert!(reason.starts_with(file) && reason.contains(what) && reason.contains(remedy), "{file}: {reason}");
        assert_eq!(fs::read(root.path("failed").join(file)).expect("archived"), *bytes, "{file} is kept as it came");
        let told = root.text(format!("failed/{file}.error.txt"));
        assert!(told.contains("NOTHING WAS TAKEN"), "{file}: {told}");
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(what) && told.contains(remedy), "{file}: {told}");
        assert_eq!(report["alerts"].as_array().map(Vec::len), Some(1), "{report}");
    }
    assert_eq!(root.alert_codes(), vec!["file_failed"; cases.len()]);
    root.assert_alive("good.csv");
    assert_eq!(root.leads().len(), 1, "what came out of a bomb before it was known for one is put back");
    let audit = root.run(&["audit", "--json"]).exits(0).json();
    assert_eq!(audit["jobs"]["proven"], cases.len() + 1, "{audit}");
    assert_eq!(daemon.stop().0, Some(0));
    root.assert_sound();
}
