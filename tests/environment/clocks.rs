//! The wall clock jumps, back and forth, for the daemon's process alone (libfaketime). Nothing is decided by it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Root, TEN};

/// The library that gives a process another clock.
fn libfaketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path().join("faketime/libfaketime.so.1"));
    folders.into_iter().chain([PathBuf::from("/usr/lib/faketime/libfaketime.so.1")]).find(|path| path.exists())
}

fn set_clock(file: &Path, offset: &str) {
    let staged = file.with_extension("new");
    fs::write(&staged, offset).expect("write");
    fs::rename(staged, file).expect("rename");
}

fn year(report: &Value) -> i32 {
    let at = report["started_at"].as_str().expect("a time");
    at[..at.find('-').expect("a date")].parse().expect("a year")
}

#[test]
fn a_clock_that_jumps_changes_nothing_but_times() {
    let Some(library) = libfaketime() else {
        return println!("skipped: no libfaketime here (apt-get install faketime)");
    };
    let root = Root::new();
    let clock = root.path("clock");
    set_clock(&clock, "+0d");
    let env = [
        ("LD_PRELOAD", library.to_str().expect("UTF-8")),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_str().expect("UTF-8")),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"), // a jump of the wall clock, as NTP or a person makes it
        ("NO_FAKE_STAT", "1"),
    ];
    let daemon = root.daemon_with(&[], &env);
    let mut years = Vec::new();
    for (number, offset) in ["+0d", "-400d", "+3650d", "-3650d", "+1d", "-1h"].into_iter().enumerate() {
        set_clock(&clock, offset);
        // One by rename and one by copy: the second must be seen unchanged twice.
        root.drop_renamed(format!("renamed-{number}.csv"), format!("name,email,value\nR,r{number}@clock.example,5\nbad,,x\n"));
        root.drop_copied(format!("copied-{number}.csv"), format!("name,email,value\nC,c{number}@clock.example,5\n"));
        for name in [format!("renamed-{number}.csv"), format!("copied-{number}.csv")] {
            let report = root.report_of(&name);
            assert_eq!(report["rows"]["accepted_new"], 1, "{report}");
            assert!(report["duration_ms"].as_u64() < Some(60_000), "measured by another clock: {report}");
            assert!(report["finished_at"].as_str() >= report["started_at"].as_str(), "{report}");
            years.push(year(&report));
        }
    }
    assert!(years[4] - years[2] >= 10 && years[4] - years[6] >= 19, "the clock did not jump: {years:?}");
    // The same content under a later date is the same content; so it is after a start in the past.
    root.drop_renamed("ten.csv", TEN);
    assert_eq!(root.report_of("ten.csv")["fate"], "processed");
    set_clock(&clock, "-5000d");
    assert_eq!(daemon.stop().0, Some(0));
    let _daemon = root.daemon_with(&[], &env);
    root.drop_renamed("again.csv", TEN);
    assert_eq!(root.report_of("again.csv")["fate"], "duplicate");
    root.drop_renamed("known.csv", TEN.replace("500000", "500001"));
    assert_eq!(root.report_of("known.csv")["rows"]["accepted_updated"], 10);
    assert_eq!((root.reports().len(), root.leads().len()), (15, 22), "each once");
    let john = root.leads().into_iter().find(|lead| lead["email"] == "john@example.com").expect("john");
    assert_eq!(john["value"].to_string(), "500001", "the later file counts, whatever its date");
    root.assert_sound();
}
