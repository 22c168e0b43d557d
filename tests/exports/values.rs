//! Cells that say more, or less, than a lead needs.

use crate::made::gzip;
use crate::support::Root;
use crate::{lead, leads_at, taken, told_once};

#[test]
fn the_other_addresses_of_a_cell_stay_with_the_lead() {
    let root = Root::new();
    let daemon = root.daemon();
    root.drop_renamed(
        "several.csv",
        "Name,Email,Value,Notes\nAda,\"mailto:ada@several.example; Second <second@several.example>, third@several.example\",100,x\nBo,bo@several.example,200,y\n",
    );
    let report = root.report_of("several.csv");
    assert_eq!((taken(&report), told_once(&report)), ((2, 0), vec!["emails_several"]), "{report}");
    let extra = |email: &str| lead(&root, email)["extra"].to_string();
    let ada = r#"{"Notes":"x","Email (others)":"second@several.example, third@several.example"}"#;
    assert_eq!((extra("ada@several.example").as_str(), extra("bo@several.example").as_str()), (ada, r#"{"Notes":"y"}"#));
    assert_eq!(daemon.stop().0, Some(0));
    let _daemon = root.daemon();
    assert_eq!(extra("ada@several.example"), ada, "from the store, after a restart");
    let all = root.run(&["leads", "--json"]).exits(0).json();
    assert!(all.as_array().is_some_and(|all| all.len() == 2) && all.to_string().contains(ada), "{all}");
    root.assert_sound();
}

#[test]
fn a_mistyped_domain_is_told_and_not_changed() {
    let root = Root::new();
    let _daemon = root.daemon();
    root.drop_renamed("typos.csv", "name,email,value\nAda,ada@gmial.com,100\nBo,bo@typos.example,200\nCy,cy@hotmial.com,300\n");
    let report = root.report_of("typos.csv");
    assert_eq!((taken(&report), told_once(&report)), ((3, 0), vec!["email_slip"]), "{report}");
    let slip = &report["systematic"][0];
    assert_eq!((slip["column"].as_str(), slip["rows"].to_string()), (Some("email"), "[1,3]".to_owned()), "{slip}");
    assert!(slip["advice"].as_str().is_some_and(|advice| advice.contains("mistyped")), "{slip}");
    assert_eq!(leads_at(&root, "mial.com"), ["Ada|ada@gmial.com|100|", "Cy|cy@hotmial.com|300|"]);
    root.assert_sound();
}

/// Also out of a container: only what we write for people to open is made harmless.
#[test]
fn formulas_are_told_and_harmless_in_what_we_write_only() {
    let root = Root::new();
    let _daemon = root.daemon();
    let list = "name,email,value,notes,more\n\
        Ada,ada@cells.example,100,=SUM(A1),\n\
        Bo,bo.cells.example,200,\"=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\",+1 416 555 0100\n\
        Cy,cy.cells.example,300,@cmd,-12.50\n\
        Di,di.cells.example,400,-cmd,'quoted\n\
        Ed,ed.cells.example,500,\"\ttab\",+46 8 123 456\n";
    root.drop_renamed("cells.csv.gz", gzip(list));
    let report = root.report_of("cells.csv.gz");
    assert_eq!(taken(&report), (1, 4), "{report}");
    assert!(root.alert_codes().iter().any(|code| code == "formula_cells"), "{:?}", root.alert_codes());
    assert_eq!(lead(&root, "ada@cells.example")["extra"]["notes"], "=SUM(A1)", "stored as it is");
    let text = root.text(report["rejects_as"].as_str().expect("rejects"));
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let cells: Vec<String> = reader.records().map(|row| row.expect("RFC 4180")).map(|row| format!("{}|{}", &row[3], &row[4])).collect();
    assert_eq!(cells, ["'=HYPERLINK(\"http://x\",\"y\")|+1 416 555 0100", "'@cmd|-12.50", "'-cmd|''quoted", "'\ttab|+46 8 123 456"]);
    root.drop_renamed("fixed.csv", text.replace(".cells.example", "@cells.example"));
    assert_eq!(taken(&root.report_of("fixed.csv")), (4, 0));
    let extra = |name: &str| lead(&root, &format!("{name}@cells.example"))["extra"].to_string();
    assert_eq!(extra("bo"), r#"{"notes":"=HYPERLINK(\"http://x\",\"y\")","more":"+1 416 555 0100"}"#);
    assert_eq!(extra("cy"), r#"{"notes":"@cmd","more":"-12.50"}"#);
    assert_eq!(extra("di"), r#"{"notes":"-cmd","more":"'quoted"}"#);
    assert_eq!(extra("ed"), r#"{"notes":"\ttab","more":"+46 8 123 456"}"#);
    root.assert_sound();
}
