//! The way back: rejected rows come out as a file that people can fix and drop in again, until every row is resolved.

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{Root, names_in, wait_for};

/// Three good rows and three bad ones, with quotes, formulas, an unknown column and cells beyond the header.
const LIST: &str = "Name,E-Mail,Asking Price,Notes\r\n\
Ann,ann@loop.example,100,fine\r\n\
\"Bad, Mail\",bad.example,200,=SUM(A1)\r\n\
Cy,cy@loop.example,300,fine\r\n\
'Quoted,quoted@loop.example,abc,+1 416 555 0100\r\n\
Di,di@loop.example,-5,\"two\nlines \"\"x\"\"\"\r\n\
Ed,ed@loop.example,400,-12.50\r\n";

fn first_drop(root: &Root) -> Value {
    root.drop_renamed("list.csv", LIST);
    let report = root.report_of("list.csv");
    assert_eq!(report["rows"]["rejected"], 3, "{report}");
    assert_eq!(report["rejects_as"], "failed/list.rejects.csv");
    report
}

fn resolution(root: &Root, job: &Value) -> (u64, u64, u64, usize) {
    let told = root.run(&["reports", job["job_id"].as_str().expect("id"), "--json"]).exits(0).json();
    let resolution = &told["resolution"];
    let count = |key: &str| resolution[key].as_u64().unwrap_or_else(|| panic!("no {key} in {resolution}"));
    (count("total"), count("resolved"), count("open"), resolution["children"].as_array().expect("children").len())
}

/// Records of a rejects file, without the byte order mark.
fn records(text: &str, delimiter: u8) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    reader.records().map(|record| record.expect("RFC 4180").iter().map(str::to_owned).collect()).collect()
}

/// The same records as a spreadsheet would save them.
fn saved(records: &[Vec<String>], delimiter: u8) -> String {
    let mut writer = csv::WriterBuilder::new().flexible(true).delimiter(delimiter).from_writer(Vec::new());
    for record in records {
        writer.write_record(record).expect("write");
    }
    String::from_utf8(writer.into_inner().expect("flush")).expect("UTF-8")
}

#[test]
fn what_the_rejects_file_holds() {
    let root = Root::new();
    let _daemon = root.daemon();
    let report = first_drop(&root);
    let bytes = fs::read(root.path("failed/list.rejects.csv")).expect("rejects");
    assert!(bytes.starts_with(b"\xef\xbb\xbf"), "a byte order mark, so that spreadsheets read it right");
    let text = String::from_utf8(bytes).expect("UTF-8");
    assert!(text.lines().next().expect("header").ends_with("Name,E-Mail,Asking Price,Notes,_row,_errors,_job"), "{text}");
    assert!(text.ends_with("\r\n") && text.matches("\r\n").count() == 4, "CRLF after each record: {text:?}");
    let records = records(&text, b',');
    assert_eq!(records.len(), 4);
    let job = report["job_id"].as_str().expect("id");
    assert_eq!(records[1][..5], ["Bad, Mail", "bad.example", "200", "'=SUM(A1)", "2"]);
    assert_eq!(records[1][5], "Invalid email format: bad.example");
    assert_eq!(records[1][6], job);
    // A leading apostrophe is doubled; a phone and a number are no formulas.
    assert_eq!(records[2][..5], ["''Quoted", "quoted@loop.example", "abc", "+1 416 555 0100", "4"]);
    assert!(records[2][5].contains("Value must be numeric: abc"), "{}", records[2][5]);
    assert_eq!(records[3][..5], ["Di", "di@loop.example", "-5", "two\nlines \"x\"", "5"]);
    assert!(records[3][5].contains("Invalid lead value: -5 for lead: Di"), "{}", records[3][5]);
    root.assert_sound();
}

#[test]
fn fixed_row_by_row_until_all_are_resolved() {
    let root = Root::new();
    let _daemon = root.daemon();
    let parent = first_drop(&root);
    assert_eq!(resolution(&root, &parent), (3, 0, 3, 0));

    // One row fixed; the file is copied, so our own copy stays in failed/.
    let ours = root.text("failed/list.rejects.csv");
    root.drop_renamed("list.rejects.csv", ours.replace("bad.example", "bad@loop.example"));
    let child = root.report_of("list.rejects.csv");
    assert_eq!(child["parent_job"], parent["job_id"], "{child}");
    assert_eq!((child["rows"]["accepted_new"].as_u64(), child["rows"]["rejected"].as_u64()), (Some(1), Some(2)), "{child}");
    assert_eq!(child["rejects_as"], "failed/list.rejects-2.csv", "{child}");
    assert_eq!(resolution(&root, &parent), (3, 1, 2, 1));
    let bad = root.leads().into_iter().find(|lead| lead["email"] == "bad@loop.example").expect("the fixed row");
    assert_eq!(bad["name"], "Bad, Mail");
    assert_eq!(bad["extra"]["Notes"], "=SUM(A1)", "the protection is undone on the way back: {bad}");

    // The rest from the second round's file: rows are still linked to the first job.
    let second = root.text("failed/list.rejects-2.csv");
    let rows = records(&second, b',');
    assert_eq!(rows.len(), 3);
    assert!(rows[1..].iter().all(|row| row[6] == parent["job_id"].as_str().expect("id")), "{second}");
    assert_eq!((rows[1][4].as_str(), rows[2][4].as_str()), ("4", "5"));
    root.drop_renamed("list.rejects-2.csv", second.replace(",abc,", ",250,").replace(",-5,", ",5,"));
    let last = root.report_of("list.rejects-2.csv");
    assert_eq!((last["rows"]["accepted_new"].as_u64(), last["rows"]["rejected"].as_u64()), (Some(2), Some(0)), "{last}");
    assert_eq!(resolution(&root, &parent), (3, 3, 0, 2));
    let quoted = root.leads().into_iter().find(|lead| lead["email"] == "quoted@loop.example").expect("the fixed row");
    assert_eq!(quoted["name"], "'Quoted");
    assert_eq!(quoted["extra"]["Notes"], "+1 416 555 0100");
    let di = root.leads().into_iter().find(|lead| lead["email"] == "di@loop.example").expect("the fixed row");
    assert_eq!(di["extra"]["Notes"], "two\nlines \"x\"");

    wait_for("our unedited copies leave failed/", || !root.has("failed/list.rejects.csv") && !root.has("failed/list.rejects-2.csv"));
    assert_eq!(names_in(&root.path("failed")), Vec::<String>::new());
    let kept: Vec<String> =
        names_in(&root.path("processed")).into_iter().filter(|name| name.contains("rejects") && !name.contains(".txt")).collect();
    assert_eq!(kept.len(), 4, "both drops and both of our copies: {kept:?}");
    assert!(kept.iter().any(|name| root.text(Path::new("processed").join(name)) == ours), "our copy as it was: {kept:?}");
    assert_eq!(root.leads().len(), 6);
    root.assert_sound();
}

#[test]
fn nothing_changed_is_said_and_gives_no_new_file() {
    let root = Root::new();
    let _daemon = root.daemon();
    let parent = first_drop(&root);
    let ours = root.text("failed/list.rejects.csv");
    root.drop_renamed("back.csv", &ours);
    let report = root.report_of("back.csv");
    assert!(report["rejects_as"].is_null(), "{report}");
    assert!(report["reason"].as_str().expect("reason").contains("nothing was changed"), "{report}");
    assert_eq!(resolution(&root, &parent), (3, 0, 3, 1));
    // The same, moved out of failed/ by its own name, saved anew with other quotes and sorted otherwise.
    let mut rows = records(&ours, b',');
    rows[1..].reverse();
    fs::remove_file(root.path("failed/list.rejects.csv")).expect("moved");
    root.drop_renamed("list.rejects.csv", saved(&rows, b','));
    let report = root.report_of("list.rejects.csv");
    assert!(report["reason"].as_str().expect("reason").contains("nothing was changed"), "{report}");
    assert!(report["rejects_as"].is_null(), "{report}");
    let texts: String = ["failed", "processed"]
        .iter()
        .flat_map(|folder| names_in(&root.path(folder)).into_iter().map(move |name| (folder, name)))
        .filter(|(_, name)| name.starts_with("list.rejects") && name.contains(".txt"))
        .map(|(folder, name)| root.text(Path::new(folder).join(name)))
        .collect();
    assert!(texts.contains("Nothing in it was changed"), "{texts}");
    root.assert_sound();
}

#[test]
fn sorted_deleted_and_added_rows_and_semicolons() {
    let root = Root::new();
    let _daemon = root.daemon();
    let parent = first_drop(&root);
    let mut rows = records(&root.text("failed/list.rejects.csv"), b',');
    // Sorted the other way, the second bad row deleted, a row of their own added, one fixed; saved with semicolons.
    rows[1..].reverse();
    rows.retain(|row| row[4] != "4");
    rows.iter_mut().find(|row| row[4] == "5").expect("row 5")[2] = "55".to_owned();
    rows.push(["Added", "added@loop.example", "70", "", "", "", ""].map(str::to_owned).to_vec());
    root.drop_renamed("list.rejects.csv", saved(&rows, b';'));
    let report = root.report_of("list.rejects.csv");
    assert_eq!(report["parent_job"], parent["job_id"], "{report}");
    assert_eq!((report["rows"]["accepted_new"].as_u64(), report["rows"]["rejected"].as_u64()), (Some(2), Some(1)), "{report}");
    assert_eq!(resolution(&root, &parent), (3, 1, 2, 1), "an added row resolves nothing");
    assert_eq!(report["dialect"]["delimiter"], ";", "{report}");

    // A row that is resolved already comes again: counted once.
    root.drop_renamed("again.csv", saved(&rows, b',').replace("Added", "Added again"));
    root.report_of("again.csv");
    assert_eq!(resolution(&root, &parent).1, 1);
    root.assert_sound();
}

#[test]
fn a_rejects_file_that_is_not_ours_is_only_a_file() {
    let root = Root::new();
    let _daemon = root.daemon();
    root.drop_renamed(
        "foreign.csv",
        "name,email,value,_row,_errors,_job\r\n''Foreign,f@foreign.example,5,1,x,00000000-0000-7000-8000-000000000000\r\n'=cmd,g@foreign.example,6,nonsense,,\r\n",
    );
    let report = root.report_of("foreign.csv");
    assert_eq!(report["rows"]["accepted_new"], 2, "{report}");
    assert!(report["parent_job"].is_null());
    let leads = root.leads();
    let names: Vec<&str> = leads.iter().map(|lead| lead["name"].as_str().expect("name")).collect();
    assert!(names.contains(&"''Foreign") && names.contains(&"'=cmd"), "undone only in rows whose job we know: {names:?}");
    root.assert_sound();
}

#[test]
fn the_parents_source_and_mapping_are_used() {
    let root =
        Root::with_config("[source.zillow.columns]\nrequired = [\"email\"]\n[source.zillow.columns.aliases]\nemail = [\"Kontakt\"]\n");
    let _daemon = root.daemon();
    fs::create_dir(root.path("inbox/zillow")).expect("folder");
    root.drop_renamed("zillow/z.csv", "Kontakt,Extra\nok@zillow.example,1\nnot-ok,2\n");
    let parent = root.report_of("zillow/z.csv");
    assert_eq!(parent["rejects_as"], "failed/zillow/z.rejects.csv", "{parent}");
    let ours = root.text("failed/zillow/z.rejects.csv");
    // Dropped into the inbox itself, not into the source's folder.
    root.drop_renamed("z.rejects.csv", ours.replace("not-ok", "now-ok@zillow.example"));
    let report = root.report_of("z.rejects.csv");
    assert_eq!(report["fate"], "processed", "{report}");
    assert_eq!(report["source"], "zillow");
    assert_eq!(resolution(&root, &parent), (1, 1, 0, 1));
    assert!(root.leads().iter().all(|lead| lead["source"] == "zillow"), "{:?}", root.leads());
    wait_for("our copy leaves failed/", || !root.has("failed/zillow/z.rejects.csv"));
    root.assert_sound();
}

#[test]
fn cells_beyond_the_header_come_back_where_they_were() {
    let root = Root::new();
    let _daemon = root.daemon();
    root.drop_renamed("wide.csv", "name,email,value\nA,a@wide.example,1\nB,b@wide.example,2,extra,=more\n");
    let parent = root.report_of("wide.csv");
    let rows = records(&root.text("failed/wide.rejects.csv"), b',');
    assert_eq!(rows[1].len(), 8, "{rows:?}");
    assert_eq!(rows[1][5..], [parent["job_id"].as_str().expect("id"), "extra", "'=more"]);
    // Still too many cells; then they are deleted.
    root.drop_renamed("wide.rejects.csv", saved(&rows, b',').replace("B,b@", "Bob,b@"));
    let again = root.report_of("wide.rejects.csv");
    assert_eq!(again["rows"]["rejected"], 1, "{again}");
    let name = again["rejects_as"].as_str().expect("a further file").to_owned();
    let mut rows = records(&root.text(&name), b',');
    assert_eq!(rows[1][7], "'=more", "protected once: {rows:?}");
    rows[1].truncate(6);
    root.drop_renamed("wide-fixed.csv", saved(&rows, b','));
    assert_eq!(root.report_of("wide-fixed.csv")["rows"]["accepted_new"], 1);
    assert_eq!(resolution(&root, &parent), (1, 1, 0, 2));
    assert!(names_in(&root.path("failed")).iter().all(|name| !name.ends_with(".rejects.csv")), "{:?}", names_in(&root.path("failed")));
    root.assert_sound();
}

/// The few rows that come back cannot show again what all of them had shown: which column is which, what `2,500` means.
#[test]
fn rows_come_back_as_their_file_was_read() {
    let root = Root::new();
    let _daemon = root.daemon();
    // File, text, what is corrected, the corrected lead as name, value and phone.
    for (file, text, fixed, expected) in [
        (
            "bare.csv",
            "Ada Stone,ada@bare.example,416-555-0101,100000\nBo Field,bo.bare.example,416-555-0102,250000\nCy Brook,cy@bare.example,416-555-0103,300000\n",
            ("bo.bare", "bo@bare"),
            ["Bo Field", "250000", "416-555-0102"],
        ),
        (
            "split.csv",
            "Anna,Stone,anna.stone@split.example,100000\nBoris,Field,boris.field.split.example,250000\nCyril,Brook,cyril.brook@split.example,300000\n",
            ("field.split", "field@split"),
            ["Boris Field", "250000", ""],
        ),
        (
            "turned.csv",
            "Last Name,First Name,Email,Value\nStone,Anna,anna@turned.example,100\nField,Boris,boris.turned.example,200\n",
            ("boris.turned", "boris@turned"),
            ["Boris Field", "200", ""],
        ),
        (
            "content.csv",
            "Name,Contact 2,Value\nAda,ada@content.example,100\nBo,bo.content.example,200\nCy,cy@content.example,300\n",
            ("bo.content", "bo@content"),
            ["Bo", "200", ""],
        ),
        (
            "comma.csv",
            "name;email;value\nAda;ada@comma.example;1.234,50\nBo;bo.comma.example;2,500\nCy;cy@comma.example;99,90\nDi;di@comma.example;12,75\n",
            ("bo.comma", "bo@comma"),
            ["Bo", "2.5", ""],
        ),
        (
            "point.csv",
            "name;email;value\nAda;ada@point.example;1,234.50\nBo;bo.point.example;2.500\nCy;cy@point.example;99.90\nDi;di@point.example;12.75\n",
            ("bo.point", "bo@point"),
            ["Bo", "2.5", ""],
        ),
    ] {
        root.drop_renamed(file, text);
        let parent = root.report_of(file);
        assert_eq!(parent["rows"]["rejected"], 1, "{parent}");
        let place = parent["rejects_as"].as_str().expect("rejects");
        let ours = root.text(place);
        let unchanged = format!("unchanged-{file}");
        root.drop_renamed(&unchanged, &ours);
        let report = root.report_of(&unchanged);
        assert!(report["reason"].as_str().expect("reason").contains("nothing was changed"), "read, and still wrong: {report}");
        let name = place.trim_start_matches("failed/");
        root.drop_renamed(name, ours.replace(fixed.0, fixed.1));
        let child = root.report_of(name);
        assert_eq!((child["fate"].as_str(), child["rows"]["accepted_new"].as_u64()), (Some("processed"), Some(1)), "{child}");
        assert_eq!(resolution(&root, &parent), (1, 1, 0, 2));
        let end = format!("{}.example", fixed.1);
        let lead = root
            .leads()
            .into_iter()
            .find(|lead| lead["email"].as_str().is_some_and(|email| email.ends_with(&end)))
            .expect("the corrected row");
        let told = [&lead["name"], &lead["value"], &lead["phone"]].map(|value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        assert_eq!(told, expected, "{file}: {lead}");
    }
    root.assert_sound();
}
