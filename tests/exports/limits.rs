//! Limits that hold before anything large is made of a file.

use std::fs;

use crate::made::gzip;
use crate::support::{Root, joined};
use crate::{leads_at, taken};

const CONFIG: &str = "
[source.record.limits]
record_bytes = 1000
[source.columns.limits]
columns = 4
[source.field.limits]
field_bytes = 100
[source.rows.limits]
rows = 2
[source.file.limits]
file_bytes = 2000
";

#[test]
fn each_limit_refuses_with_its_sentence() {
    let root = Root::with_config(CONFIG);
    let daemon = root.daemon();
    let rows = |count: u64| format!("name,email,value\n{}", joined(0..count, |n| format!("N{n},n{n}@many.example,5\n")));
    let long = "x".repeat(2000);
    // Long rows, so that few of them are many bytes.
    let notes = format!("name,email,value,notes\n{}", joined(0..2500, |n| format!("N{n},n{n}@dense.example,5,{}\n", "x".repeat(8000))));
    let refused: [(&str, Vec<u8>, &str, &str); 6] = [
        (
            "record",
            format!("name,email,value,{long}\nA,a@r.example,5,\n").into_bytes(),
            "its first line is longer than 1000 bytes",
            "record_bytes",
        ),
        ("columns", b"name,email,value,a,b\nA,a@c.example,5,,\n".to_vec(), "its header has 5 columns, more than the 4 allowed", "columns"),
        ("rows", rows(3).into_bytes(), "it has more than the 2 rows allowed", "rows"),
        ("file", rows(200).into_bytes(), "bytes, more than the 2000 allowed", "file_bytes"),
        ("file", gzip(rows(200)), "what is in this gzip archive is larger than the 2000 bytes allowed", "file_bytes"),
        ("ratio", gzip(notes), "this gzip archive unpacks to more than 200 times its size", "expansion_ratio"),
    ];
    for (at, (source, bytes, what, setting)) in refused.iter().enumerate() {
        let file = format!("{source}/{at}.csv");
        root.drop_renamed(&file, bytes);
        let report = root.report_of(&file);
        assert_eq!(report["fate"], "failed", "{file}: {report}");
        let reason = report["reason"].as_str().expect("a reason");
        assert!(reason.contains(what) && reason.contains(setting) && reason.contains("limits"), "{file}: {reason}");
    }
    assert_eq!(root.leads().len(), 0, "what was taken before a limit was met is put back");

    let cell = "y".repeat(101);
    for (source, bad, what) in [
        ("record", format!("B,b@row.example,5{long}"), "Record too long: the record at byte"),
        ("columns", "B,b@row.example,5,6,7,8".to_owned(), "Too many fields: 6 cells"),
        ("field", format!("{cell},b@row.example,5"), "Field too long: 101 bytes, at most 100 are allowed"),
    ] {
        let file = format!("{source}/row.csv");
        root.drop_renamed(&file, format!("name,email,value\nA,a@{source}-row.example,5\n{bad}\nC,c@{source}-row.example,5\n"));
        let report = root.report_of(&file);
        assert_eq!(taken(&report), (2, 1), "{file}: {report}");
        let rejects = root.text(report["rejects_as"].as_str().expect("rejects"));
        assert!(rejects.contains(what), "{file}: {rejects}");
        assert_eq!(leads_at(&root, &format!("@{source}-row.example")).len(), 2);
    }
    assert_eq!(daemon.stop().0, Some(0));
    root.assert_sound();
}

/// An ordinary reader keeps an end for each cell, and needs gigabytes for what is nothing.
#[test]
fn megabytes_of_commas_cost_no_memory() {
    const BYTES: usize = 20 << 20;
    const PEAK_KIB_MAX: u64 = 150 << 10;
    let root = Root::new();
    let daemon = root.daemon();
    let commas = |count: usize| ",".repeat(count);
    let many = format!("x{}\n", commas(100_000)).repeat(BYTES / 100_000);
    let row = "A,a@commas.example,5\n";
    // File, text, whether anything is taken of it, rejected rows.
    for (file, text, fate, rejected) in [
        ("header.csv", format!("{}\n{row}", commas(BYTES)), "failed", 0),
        ("one-row.csv", format!("name,email,value\n{row}{}\n", commas(BYTES)), "processed", 1),
        ("rows.csv", format!("name,email,value\n{row}{many}"), "processed", BYTES as u64 / 100_000),
    ] {
        root.drop_renamed(file, text);
        let report = root.report_of(file);
        assert_eq!((report["fate"].as_str(), report["rows"]["rejected"].as_u64()), (Some(fate), Some(rejected)), "{file}: {report}");
    }
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    match peak {
        Some(peak_kib) => assert!(peak_kib < PEAK_KIB_MAX, "peak memory {peak_kib} KiB"),
        None => println!("skipped: this system does not tell the peak memory of a process"),
    }
    root.assert_sound();
}
