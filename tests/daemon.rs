//! The daemon through the real binary: what is dropped is taken, once, however it comes and whatever happens to the inbox.

mod support;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{DEADLINE, Root, TEN, comes_true, generate, names_in, wait_for};

const STAGES: [&str; 6] = ["ab_test", "script_promotion", "deal_packet", "outcome", "clone_readiness", "lead_score"];

/// Every key of a line in `reports.jsonl`, in every fate.
const REPORT_KEYS: [&str; 31] = [
    "schema",
    "job_id",
    "parent_job",
    "file",
    "source",
    "kind",
    "fate",
    "reason",
    "duplicate_of",
    "dry_run",
    "started_at",
    "finished_at",
    "duration_ms",
    "bytes",
    "sha256",
    "dialect",
    "columns",
    "rows",
    "issues",
    "systematic",
    "quality",
    "stages",
    "tiers",
    "value",
    "versions",
    "archived_as",
    "rejects_as",
    "alerts",
    "rows",
    "issues",
    "file",
];

fn assert_report_keys(report: &Value) {
    for key in REPORT_KEYS {
        assert!(report.get(key).is_some(), "no '{key}' in {report}");
    }
    for key in ["total", "accepted_new", "accepted_updated", "duplicates_in_file", "rejected"] {
        assert!(report["rows"][key].is_u64(), "no rows.{key} in {report}");
    }
    for key in STAGES {
        assert!(report["stages"].get(key).is_some(), "no stages.{key} in {report}");
    }
}

#[test]
fn ten_rows_come_in_by_rename_and_by_copy() {
    for copied in [false, true] {
        let root = Root::new();
        let _daemon = root.daemon();
        let started = Instant::now();
        if copied {
            root.drop_copied("leads.csv", TEN);
        } else {
            root.drop_renamed("leads.csv", TEN);
        }
        wait_for("the archived original", || root.has("processed/leads.csv"));
        let took = started.elapsed();
        assert!(took < Duration::from_secs(3), "copied: {copied}, took {took:?}");

        let report = root.report_of("leads.csv");
        assert_eq!(root.reports().len(), 1);
        assert_report_keys(&report);
        assert_eq!(report["fate"], "processed");
        assert_eq!(report["source"], "csv");
        assert_eq!(report["rows"]["accepted_new"], 10, "{report}");
        assert_eq!(report["rows"]["rejected"], 0);
        assert_eq!(report["archived_as"], "processed/leads.csv");
        assert_eq!(root.text("processed/leads.csv"), TEN);
        assert!(root.text("processed/leads.receipt.txt").contains("10"), "{}", root.text("processed/leads.receipt.txt"));
        assert!(!root.has("inbox/leads.csv"));

        let leads = root.leads();
        assert_eq!(leads.len(), 10);
        for lead in &leads {
            for stage in STAGES {
                assert!(lead["stages"][stage].is_object(), "no {stage} in {lead}");
            }
            assert!(["A", "B", "C", "D"].contains(&lead["tier"].as_str().expect("a tier")), "{lead}");
        }
        let jane = leads.iter().find(|lead| lead["email"] == "jane@example.com").expect("jane");
        assert_eq!(jane["name"], "Jane Roe");
        root.assert_sound();
    }
}

#[test]
fn a_writer_that_pauses_is_waited_for() {
    let root = Root::new();
    let _daemon = root.daemon();
    let path = root.path("inbox/slow.csv");
    let (head, tail) = TEN.split_at(200);
    let mut file = File::create(&path).expect("create");
    file.write_all(head.as_bytes()).expect("write");
    // Other files go through meanwhile, and more than the settle time passes.
    for number in 0..3 {
        root.assert_alive(&format!("meanwhile-{number}.csv"));
    }
    let opened = Instant::now();
    wait_for("more than the settle time", || opened.elapsed() > Duration::from_millis(700));
    assert!(root.has("inbox/slow.csv") && root.reports_of("slow.csv").is_empty(), "taken while its writer had it open");
    file.write_all(tail.as_bytes()).expect("write");
    drop(file);
    let report = root.report_of("slow.csv");
    assert_eq!(report["rows"]["accepted_new"], 10, "{report}");
    assert_eq!(root.reports_of("slow.csv").len(), 1);
}

#[test]
fn a_subfolder_is_a_source_and_keeps_its_place() {
    let root = Root::new();
    let _daemon = root.daemon();
    fs::create_dir(root.path("inbox/zillow")).expect("folder");
    root.drop_copied("zillow/x.csv", TEN);
    let report = root.report_of("zillow/x.csv");
    assert_eq!(report["source"], "zillow");
    assert_eq!(report["archived_as"], "processed/zillow/x.csv");
    assert!(root.has("processed/zillow/x.csv") && root.has("processed/zillow/x.receipt.txt"));
    assert!(root.leads().iter().all(|lead| lead["source"] == "zillow"));

    // A folder moved in with files inside is found too, and a bad file keeps its place as well.
    root.write("outside/redfin/deep/y.csv", "name,email,value,source\nY,y@y.example,5,Open House\n");
    root.write("outside/redfin/bad.csv", "nothing,here\n1,2\n");
    fs::rename(root.path("outside/redfin"), root.path("inbox/redfin")).expect("rename");
    assert_eq!(root.report_of("redfin/deep/y.csv")["archived_as"], "processed/redfin/deep/y.csv");
    assert_eq!(root.report_of("redfin/bad.csv")["archived_as"], "failed/redfin/bad.csv");
    assert!(root.has("failed/redfin/bad.csv.error.txt"));
    let y = root.leads().into_iter().find(|lead| lead["email"] == "y@y.example").expect("y");
    assert_eq!(y["source"], "open_house", "a column says otherwise than the folder");
    root.assert_sound();
}

#[test]
fn the_same_name_twice_and_the_same_content_twice() {
    let root = Root::new();
    let _daemon = root.daemon();
    root.drop_renamed("list.csv", TEN);
    let first = root.report_of("list.csv");
    let other = "name,email,value\nZed,zed@example.com,10\n";
    root.drop_renamed("list.csv", other);
    root.wait_reports(2);
    assert!(root.has("processed/list-2.csv") && root.has("processed/list-2.receipt.txt"));
    assert_eq!(root.text("processed/list.csv"), TEN, "the archive never overwrites");
    assert_eq!(root.text("processed/list-2.csv"), other);

    root.drop_renamed("again.csv", TEN);
    let again = root.report_of("again.csv");
    assert_report_keys(&again);
    assert_eq!(again["fate"], "duplicate");
    assert_eq!(again["duplicate_of"], first["job_id"]);
    assert_eq!(again["rows"]["total"], 0);
    assert!(again["reason"].as_str().expect("a reason").contains("list.csv"), "{again}");
    assert!(root.text("processed/again.receipt.txt").contains("list.csv"), "{}", root.text("processed/again.receipt.txt"));
    assert_eq!(root.leads().len(), 11);
    let totals = root.run(&["status", "--json"]).exits(0).json()["totals"].clone();
    assert_eq!(totals["leads"], 11, "{totals}");
    assert_eq!(totals["rows"]["total"], 11, "{totals}");
    assert_eq!(totals["files"]["duplicate"], 1, "{totals}");

    // From another source the same bytes are another matter.
    fs::create_dir(root.path("inbox/zillow")).expect("folder");
    root.drop_renamed("zillow/list.csv", TEN);
    let other_source = root.report_of("zillow/list.csv");
    assert_eq!(other_source["fate"], "processed");
    assert_eq!(other_source["rows"]["accepted_updated"], 10);
    // The same content twice at once: in one group, decided inside the transaction.
    for name in ["p.csv", "q.csv", "r.csv"] {
        root.write(Path::new("outside").join("set").join(name), "name,email,value\nTwin,twin@example.com,77\n");
    }
    fs::rename(root.path("outside/set"), root.path("inbox/set")).expect("rename");
    root.wait_reports(7);
    let mut fates: Vec<String> =
        ["set/p.csv", "set/q.csv", "set/r.csv"].map(|file| root.report_of(file)["fate"].as_str().expect("fate").to_owned()).into();
    fates.sort();
    assert_eq!(fates, ["duplicate", "duplicate", "processed"]);
    root.assert_sound();
}

#[test]
fn the_inbox_removed_renamed_and_made_anew_while_running() {
    let root = Root::new();
    let _daemon = root.daemon();
    root.assert_alive("before.csv");
    fs::remove_dir_all(root.path("inbox")).expect("remove the inbox");
    wait_for("the inbox made anew", || root.has("inbox"));
    root.assert_alive("after-removal.csv");

    fs::rename(root.path("inbox"), root.path("moved-away")).expect("rename the inbox");
    wait_for("the inbox made anew", || root.has("inbox"));
    root.assert_alive("after-rename.csv");

    // Swapped for another folder that already holds a file.
    root.write("other/waiting.csv", "name,email,value\nW,w@w.example,5\n");
    fs::rename(root.path("inbox"), root.path("moved-again")).expect("rename the inbox");
    if fs::rename(root.path("other"), root.path("inbox")).is_err() {
        // The daemon was quicker; its new inbox is empty, so a rename can replace it.
        fs::remove_dir(root.path("inbox")).expect("the daemon's empty inbox");
        fs::rename(root.path("other"), root.path("inbox")).expect("rename the other folder into place");
    }
    assert_eq!(root.report_of("waiting.csv")["fate"], "processed");
    root.assert_alive("after-swap.csv");
    assert!(root.alert_codes().iter().any(|code| code == "inbox_replaced"), "{:?}", root.alert_codes());
    root.assert_sound();
}

#[test]
fn polling_needs_no_events() {
    let root = Root::new();
    let _daemon = root.daemon_with(&[], &[("VALHALLA_WATCH__POLL", "always")]);
    root.drop_copied("leads.csv", TEN);
    assert_eq!(root.report_of("leads.csv")["rows"]["accepted_new"], 10);
    fs::create_dir(root.path("inbox/later")).expect("folder");
    root.drop_renamed("later/leads.csv", "name,email,value\nL,l@l.example,5\n");
    assert_eq!(root.report_of("later/leads.csv")["fate"], "processed");
}

#[test]
fn a_second_instance_is_refused() {
    let root = Root::new();
    let _daemon = root.daemon();
    let second = root.run(&["run"]).exits(3);
    assert!(
        second.stderr.contains("[ERROR]") && second.stderr.contains("another") || second.stderr.contains("already"),
        "{}",
        second.stderr
    );
    assert!(!second.stderr.contains("panicked"));
    root.assert_alive("still.csv");
}

#[test]
fn sigterm_stops_within_five_seconds_even_during_a_large_file() {
    let root = Root::new();
    let made = generate(120_000, "large", 7);
    let daemon = root.daemon_with(&[], &[("VALHALLA_ENGINE__WORKERS", "1")]);
    root.drop_renamed("large.csv", &made.text);
    wait_for("the large file in hand", || root.run(&["status", "--json"]).json()["current"]["rows_done"].as_u64().unwrap_or(0) > 0);
    let (code, took) = daemon.stop();
    assert_eq!(code, Some(0), "{}", root.log());
    assert!(took < Duration::from_secs(5), "took {took:?}");
    assert!(root.reports().is_empty() && root.claims().len() == 1, "it was interrupted and stays claimed: {:?}", root.claims());

    let _again = root.daemon();
    let report = root.report_of("large.csv");
    assert_eq!(report["rows"]["accepted_new"], made.new);
    assert_eq!(report["rows"]["rejected"], made.rejected);
    assert_eq!(report["rows"]["duplicates_in_file"], made.duplicates);
    assert_eq!(root.reports().len(), 1, "exactly once");
    assert_eq!(root.leads().len() as u64, made.new);
    root.assert_sound();
}

#[test]
fn names_that_say_hands_off_are_left_alone() {
    let root = Root::new();
    let ignored = [
        ".hidden.csv",
        "x.csv.part",
        "x.tmp",
        "~$x.xlsx",
        "x.crdownload",
        "Thumbs.db",
        "desktop.ini",
        "x.filepart",
        "x.csv.swp",
        "5F2A1C00",
    ];
    for name in ignored {
        root.drop_copied(name, TEN);
    }
    let _daemon = root.daemon();
    root.assert_alive("good.csv");
    for name in ignored {
        assert!(root.has(Path::new("inbox").join(name)), "{name} was taken");
    }
    assert_eq!(root.reports().len(), 1);
    wait_for("a line for each in the log", || ignored.iter().all(|name| root.log().contains(name)));
    // Renamed to what it is, it is taken.
    fs::rename(root.path("inbox/x.csv.part"), root.path("inbox/x.csv")).expect("rename");
    assert_eq!(root.report_of("x.csv")["rows"]["accepted_new"], 10);
    let log = root.text("logs/valhalla.log");
    let told = if log.is_empty() { root.text("stderr.txt") } else { log };
    assert_eq!(told.matches("x.filepart").count(), 1, "listed once:\n{told}");
}

#[test]
fn two_thousand_small_files_at_once_each_exactly_once() {
    const FILES: usize = 2000;
    let root = Root::new();
    let _daemon = root.daemon();
    fs::create_dir(root.path("outside/many")).expect("folder");
    for number in 0..FILES {
        root.write(format!("outside/many/{number}.csv"), format!("name,email,value\nN{number},n{number}@many.example,{}\n", number + 1));
    }
    fs::rename(root.path("outside/many"), root.path("inbox/many")).expect("rename");
    let reports = root.wait_reports(FILES);
    assert_eq!(reports.len(), FILES);
    let files: std::collections::HashSet<&str> = reports.iter().map(|report| report["file"].as_str().expect("file")).collect();
    assert_eq!(files.len(), FILES, "each exactly once");
    assert!(reports.iter().all(|report| report["fate"] == "processed" && report["rows"]["accepted_new"] == 1));
    assert_eq!(root.leads().len(), FILES);
    assert_eq!(names_in(&root.path("processed/many")).len(), FILES * 2, "originals and receipts");
    root.assert_sound();
}

#[test]
fn snapshots_and_the_status_file() {
    let root = Root::new();
    let daemon = root.daemon();
    root.drop_renamed("leads.csv", TEN);
    root.report_of("leads.csv");
    wait_for("the snapshot of the file", || root.text("logs/production_execution.json").contains("leads.csv"));
    let execution: Value = serde_json::from_str(&root.text("logs/production_execution.json")).expect("JSON");
    assert_keys(&execution, &["timestamp", "mode", "dry_run_enabled", "data_source", "ingestion", "processing", "risk_assessment"]);
    assert_eq!(execution["ingestion"]["total_records"], 10);
    assert_eq!(execution["ingestion"]["valid_leads"], 10);
    assert_eq!(execution["ingestion"]["invalid_leads"], 0);
    assert_eq!(execution["ingestion"]["success_rate"], "100.0%");
    assert_keys(&execution["processing"], &["leads_processed", "success_rate"]);
    assert_keys(
        &execution["risk_assessment"],
        &["overall_status", "data_quality_score", "system_performance", "security_status", "alerts"],
    );

    let risk: Value = serde_json::from_str(&root.text("logs/risk_monitoring_results.json")).expect("JSON");
    assert_keys(&risk, &["timestamp", "monitoring_active", "data_quality", "system_performance", "security", "alerts"]);
    assert_keys(&risk["data_quality"], &["status", "score", "checks_passed", "checks_failed", "details"]);
    assert_keys(
        &risk["data_quality"]["details"],
        &["records_validated", "duplicates_found", "missing_fields", "invalid_formats", "outliers_detected"],
    );
    assert_keys(&risk["system_performance"], &["status", "checks_passed", "checks_failed", "metrics"]);
    let metrics = ["cpu_usage_percent", "memory_usage_mb", "active_connections", "request_latency_ms", "thread_pool_utilization"];
    assert_keys(&risk["system_performance"]["metrics"], &metrics);
    assert_keys(&risk["security"], &["status", "checks_passed", "checks_failed", "details"]);
    let details = ["data_encryption", "access_control", "audit_logging", "authentication", "suspicious_activities"];
    assert_keys(&risk["security"]["details"], &details);
    assert_keys(&risk["alerts"], &["critical", "warnings", "info", "total"]);
    assert_eq!(risk["monitoring_active"], true);

    assert!(root.text("processed/_STATUS.txt").starts_with("Running "), "{}", root.text("processed/_STATUS.txt"));
    assert_eq!(daemon.stop().0, Some(0));
    let stopped: Value = serde_json::from_str(&root.text("logs/risk_monitoring_results.json")).expect("JSON");
    assert_eq!(stopped["monitoring_active"], false);
    assert!(!root.text("processed/_STATUS.txt").starts_with("Running"), "{}", root.text("processed/_STATUS.txt"));
    let status = root.run(&["status", "--json"]).exits(3).json();
    assert_eq!(status["running"], false);
}

#[track_caller]
fn assert_keys(value: &Value, keys: &[&str]) {
    for key in keys {
        assert!(value.get(key).is_some(), "no '{key}' in {value}");
    }
}

/// A drop that has the name of a file of ours must not be lost to it.
#[test]
fn a_drop_named_like_our_own_files_is_kept() {
    let root = Root::new();
    let drops = ["_STATUS.txt", "a.receipt.txt", "a.csv", "a.csv.error.txt", "a.rejects.csv", "a.leads.jsonl"];
    let moved = root.write("outside/_STATUS.txt", "name,email,value\nMoved,moved@own.example,5\n");
    root.run(&["ingest", "--move", moved.to_str().expect("UTF-8")]).exits(0);
    let first = root.reports().pop().expect("a report");
    for (number, name) in drops.iter().enumerate() {
        root.drop_copied(name, format!("name,email,value\nO{number},o{number}@own.example,5\nbad,,x\n"));
    }
    let daemon = root.daemon();
    let reports = root.wait_reports(drops.len() + 1);
    wait_for("the status file", || root.text("processed/_STATUS.txt").starts_with("Running"));
    let (code, _) = daemon.stop();
    assert_eq!(code, Some(0));
    assert!(root.text(first["archived_as"].as_str().expect("archived")).contains("moved@own.example"), "{first}");
    for (number, name) in drops.iter().enumerate() {
        let report = reports.iter().rfind(|report| report["file"] == *name).expect("a report");
        let archived = root.text(report["archived_as"].as_str().expect("archived"));
        assert!(archived.contains(&format!("o{number}@own.example")) && archived.starts_with("name,"), "{name} → {report}: {archived}");
    }
    assert_eq!(root.leads().len(), drops.len() + 1);
    let audit = root.run(&["audit", "--json"]).exits(0).json();
    assert_eq!(audit["jobs"]["proven"], drops.len() + 1, "{audit}");
}

#[test]
fn the_archive_folders_removed_while_running() {
    let root = Root::new();
    let _daemon = root.daemon();
    root.assert_alive("one.csv");
    for folder in ["processed", "failed", ".claimed"] {
        fs::remove_dir_all(root.path(folder)).expect("remove");
        root.assert_alive(&format!("without-{}.csv", folder.trim_start_matches('.')));
        root.drop_renamed(format!("bad-{folder}.csv"), "nothing\nhere\n");
        assert_eq!(root.report_of(&format!("bad-{folder}.csv"))["fate"], "failed");
    }
    assert!(root.has("failed/bad-.claimed.csv"));
    assert!(root.alert_codes().iter().any(|code| code == "folder_recreated"), "{:?}", root.alert_codes());
    let audit = root.run(&["audit", "--json"]).exits(0).json();
    assert!(audit["jobs"]["by_record_only"].as_u64().expect("count") >= 1, "the missing originals are listed: {audit}");
}

#[test]
fn the_logs_folder_or_a_journal_removed_while_running() {
    let root = Root::new();
    let _daemon = root.daemon();
    root.assert_alive("one.csv");
    fs::remove_file(root.path("logs/reports.jsonl")).expect("remove");
    root.drop_renamed("two.csv", "name,email,value\nT,t@t.example,5\n");
    assert!(comes_true(DEADLINE, || root.has("processed/two.csv")), "{}", root.log());
    root.assert_alive("three.csv");
    assert_eq!(root.leads().len(), 3);
    assert!(!root.log().contains("panicked"));
}
