//! A source whose files change.

use crate::support::Root;
use crate::{leads_at, taken, told_once};

#[test]
fn a_vendor_who_changes_the_layout_is_noticed_and_files_without_a_header_are_read_as_the_last_one() {
    let root = Root::new();
    let daemon = root.daemon();
    root.drop_renamed("vendor/1.csv", "Name,Email,Price,Fax\nAda,ada@vendor.example,100,1\n");
    let first = root.report_of("vendor/1.csv");
    assert_eq!((taken(&first), told_once(&first)), ((1, 0), vec![]), "{first}");

    root.drop_renamed("vendor/2.csv", "Budget,Name,Email,Lot\n200,Bo,bo@vendor.example,Z9\n");
    let second = root.report_of("vendor/2.csv");
    assert_eq!((taken(&second), told_once(&second)), ((1, 0), vec!["layout_drift"; 3]), "taken all the same: {second}");
    let said = second["systematic"].to_string();
    for drift in ["'value' is now read from 'Budget', before from 'Price'", "the column 'Fax' is gone", "the column 'Lot' is new"] {
        assert!(said.contains(drift), "no '{drift}' in {said}");
    }
    let alerts: Vec<_> = root.journal("alerts").into_iter().filter(|alert| alert["code"] == "layout_drift").collect();
    assert_eq!(alerts.len(), 1, "one for the file: {alerts:?}");
    assert_eq!((&alerts[0]["file"], &alerts[0]["job_id"]), (&"vendor/2.csv".into(), &second["job_id"]));
    assert!(root.text("processed/vendor/2.receipt.txt").contains("Fax"), "{}", root.text("processed/vendor/2.receipt.txt"));

    // Nothing in it tells which number is the budget, and which letters are a name.
    root.drop_renamed("vendor/3.csv", "300,C-7,cy@vendor.example,12\n400,D-8,di@vendor.example,13\n");
    let third = root.report_of("vendor/3.csv");
    assert_eq!((taken(&third), &third["dialect"]["header_row"]), ((2, 0), &serde_json::Value::Null), "{third}");
    assert_eq!(told_once(&third), ["no_header"]);
    assert!(third["systematic"][0]["advice"].to_string().contains("those of the last file of this source"), "{third}");
    let columns: Vec<&str> = third["columns"].as_array().expect("columns").iter().filter_map(|column| column["name"].as_str()).collect();
    assert_eq!(columns, ["Budget", "Name", "Email", "Lot"]);
    assert_eq!(leads_at(&root, "@vendor.example")[2..], ["C-7|cy@vendor.example|300|", "D-8|di@vendor.example|400|"]);

    // Remembered for good, and for this source only.
    assert_eq!(daemon.stop().0, Some(0));
    let _daemon = root.daemon();
    root.drop_renamed("vendor/4.csv", "500,E-9,ed@vendor.example,14\n");
    assert_eq!(taken(&root.report_of("vendor/4.csv")), (1, 0), "{}", root.report_of("vendor/4.csv"));
    root.drop_renamed("other/1.csv", "Mail,Who,Worth\nflo@other.example,Flo,600\n");
    assert_eq!(told_once(&root.report_of("other/1.csv")), [""; 0]);
    root.drop_renamed("vendor/5.csv", "x,600,flo@vendor.example,Flo,15\n");
    let wider = root.report_of("vendor/5.csv");
    assert!(!wider["columns"].to_string().contains("Budget"), "another width is another layout: {wider}");
    root.assert_sound();
}
