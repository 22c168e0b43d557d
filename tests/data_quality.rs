//! A file held against its source's own past, through the program: each thing turns red with one bad file, is told once, and
//! turns green again with the next good one.

mod support;

use serde_json::Value;
use support::Root;

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// Rows without a usable address.
    Rejects,
    /// Most leads without a phone.
    NoPhones,
    /// Values in another currency.
    OtherValues,
    /// A quarter of the rows.
    Short,
    /// Some values with five zeros too many.
    Outliers,
}

const ROWS: u64 = 200;

/// A file of a source; `day` makes people and figures others every time.
fn file(day: u64, fault: Fault) -> String {
    let rows = if fault == Fault::Short { ROWS / 4 } else { ROWS };
    let mut text = String::from("name,email,value,phone\n");
    for row in 0..rows {
        let mut value = 200_000 + (row * 7919 + day * 104_729) % 300_000;
        let mut phone = if row % 10 == 0 { "" } else { "416-555-0199" };
        let mut email = format!("p{day}x{row}@example.com");
        match fault {
            Fault::Rejects if row % 4 == 0 => "none".clone_into(&mut email),
            Fault::NoPhones if row % 2 == 0 => phone = "",
            Fault::OtherValues => value = value * 7 / 4,
            Fault::Outliers if row % 20 == 3 => value *= 100_000,
            _ => {}
        }
        text += &format!("Person {row},{email},{value},{phone}\n");
    }
    text
}

fn take(root: &Root, day: u64, fault: Fault) -> Value {
    let name = format!("vendor/day-{day:02}.csv");
    let path = root.write(format!("inbox/{name}"), file(day, fault));
    root.run(&["ingest", path.to_str().expect("a path")]).exits(0);
    root.report_of(&name)
}

/// The codes of alerts about the vendor since `from`, those that end something left out.
fn told(root: &Root, from: usize) -> Vec<String> {
    let alerts = root.journal("alerts").into_iter().skip(from).filter(|alert| alert["resolves"].is_null());
    alerts.map(|alert| alert["code"].as_str().expect("a code").to_owned()).collect()
}

#[test]
fn one_bad_file_is_told_once_for_each_cause_and_a_good_one_is_silent() {
    let root = Root::new();
    (1..=9).for_each(|day| drop(take(&root, day, Fault::None)));
    assert_eq!(told(&root, 0), Vec::<String>::new(), "files like the others are no news");
    let cases = [
        (Fault::Rejects, "reject_rate_up"),
        (Fault::NoPhones, "missing_up"),
        (Fault::OtherValues, "values_drifted"),
        (Fault::Short, "volume_unusual"),
        (Fault::Outliers, "outliers_up"),
    ];
    let mut day = 10;
    for (fault, code) in cases {
        let before = root.journal("alerts").len();
        let report = take(&root, day, fault);
        assert_eq!(report["fate"], "processed", "{fault:?}");
        assert_eq!(told(&root, before), [code], "{fault:?}");
        if fault == Fault::Outliers {
            let systematic = report["systematic"].as_array().expect("a list");
            let outliers = systematic.iter().find(|entry| entry["code"] == "outliers").expect("outliers are told");
            let rows: Vec<u64> = (0..ROWS).filter(|row| row % 20 == 3).map(|row| row + 1).collect();
            assert_eq!((&outliers["rows"], &outliers["column"]), (&serde_json::json!(rows), &serde_json::json!("value")));
        }
        let before = root.journal("alerts").len();
        take(&root, day + 1, Fault::None);
        assert_eq!(told(&root, before), Vec::<String>::new(), "green again after {fault:?}");
        day += 2;
    }
    root.run(&["audit"]).exits(0);
}

#[test]
fn figures_go_with_their_job_and_are_made_again_with_the_store() {
    let root = Root::new();
    let daemon = root.daemon();
    for day in 1..=8 {
        root.drop_renamed(format!("vendor/day-{day:02}.csv"), file(day, Fault::None));
        root.wait_reports(usize::try_from(day).expect("few"));
    }
    daemon.stop();
    let kept = |root: &Root| {
        let store = rusqlite::Connection::open(root.path("valhalla.db")).expect("store");
        let mut statement = store.prepare("SELECT job, source, figures FROM file_figures ORDER BY job").expect("a table");
        let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)));
        rows.expect("rows").collect::<Result<Vec<_>, _>>().expect("figures")
    };
    let all = kept(&root);
    assert_eq!(all.len(), 8);
    root.run(&["undo", "vendor/day-03.csv"]).exits(0);
    let rest: Vec<_> = all.iter().filter(|(job, ..)| *job != all[2].0).cloned().collect();
    assert_eq!(kept(&root), rest);
    root.run(&["rebuild"]).exits(0);
    assert_eq!(kept(&root), rest, "after a rebuild");
    let before = root.journal("alerts").len();
    take(&root, 20, Fault::Rejects);
    assert_eq!(told(&root, before), ["quality_below_minimum", "missing_fields_over_limit"], "seven files are too few a past");
}
