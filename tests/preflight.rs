//! `valhalla preflight` through the real binary: a sound installation holds, and each check fails by the fault that it is
//! for, and holds again without it.

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use support::{Root, TEN};

/// A root as `init` makes it.
fn made() -> Root {
    let root = Root::new();
    root.run(&["init"]).exits(0);
    root
}

/// The preflight's object, whatever its exit code.
fn preflight(root: &Root) -> (Option<i32>, Value) {
    let said = root.run(&["preflight", "--json", "--quiet"]);
    assert!(matches!(said.code, Some(0 | 1)), "{said:?}");
    let whole = said.json();
    let leftovers: Vec<String> = [root.path(""), root.path("inbox"), root.path("processed"), root.path("failed"), root.path("logs")]
        .iter()
        .flat_map(|folder| support::names_in(folder))
        .filter(|name| name.starts_with(".preflight"))
        .collect();
    assert_eq!(leftovers, Vec::<String>::new(), "something was left behind");
    (said.code, whole)
}

fn check<'v>(whole: &'v Value, name: &str) -> &'v Value {
    let checks = whole["checks"].as_array().expect("checks");
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no check '{name}': {whole:#}"))
}

/// The check has this result, its item this verdict, and the exit code follows.
#[track_caller]
fn assert_turned(root: &Root, name: &str, result: &str) -> Value {
    let (code, whole) = preflight(root);
    let found = check(&whole, name);
    assert_eq!(found["result"], result, "{found:#}\nof {whole:#}");
    let item = found["item"].as_str().expect("an item");
    if result == "FAILED" {
        assert_eq!((&whole["validation_results"][item], code), (&Value::from("FAILED"), Some(1)), "{whole:#}");
        assert_eq!(whole["clearance"], "NOT_CLEARED", "{whole:#}");
    }
    if result != "PASSED" {
        assert_ne!(whole["validation_results"][item], "PASSED", "{whole:#}");
        assert_ne!(whole["clearance"], "CLEARED", "{whole:#}");
        assert_ne!(found["action"], "", "it says what to do: {found:#}");
    }
    whole
}

#[test]
fn a_sound_root_holds() {
    let root = made();
    root.write("outside/ten.csv", TEN);
    root.run(&["ingest", root.path("outside/ten.csv").to_str().expect("UTF-8")]).exits(0);
    let before = (root.journal("reports"), root.journal("alerts"), root.journal("audit"), root.leads());
    let said = root.run(&["preflight"]).exits(0);
    for text in ["PASSED", "sample file", "What to do:", "CLEARED_WITH_WARNINGS", "no daemon is running"] {
        assert!(said.stdout.contains(text), "{text} is missing:\n{}", said.stdout);
    }
    let (code, whole) = preflight(&root);
    assert_eq!(code, Some(0), "{whole:#}");
    let kept: Value = serde_json::from_str(&root.text("logs/production_validation_complete.json")).expect("JSON");
    let mut expected = whole.clone();
    expected.as_object_mut().expect("an object").remove("checks");
    assert_eq!(kept, expected);
    for (item, verdict) in whole["validation_results"].as_object().expect("the eight items") {
        let warned = ["system_performance", "alert_logging"].contains(&item.as_str()); // no daemon, no channel
        assert_eq!(verdict, if warned { "WARNING" } else { "PASSED" }, "{item}: {whole:#}");
    }
    let metrics = &whole["metrics"];
    assert_eq!((&metrics["leads_ingested"], &metrics["leads_processed"]), (&Value::from(8), &Value::from(8)), "{metrics}");
    assert!(metrics["data_quality_score"].as_f64().is_some_and(|score| score > 0.0 && score < 100.0), "{metrics}");
    assert_eq!((&metrics["risk_level"], &metrics["system_health"]), (&Value::from("LOW"), &Value::from("HEALTHY")), "{metrics}");
    assert!(check(&whole, "disk of processed")["measured"].as_str().is_some_and(|text| text.contains("a day")), "{whole:#}");
    let after = (root.journal("reports"), root.journal("alerts"), root.journal("audit"), root.leads());
    assert_eq!(before, after, "nothing of it is in the real journals or the store");
    root.assert_sound();
}

/// A fault: what it is put in by, and what takes it out.
type Deed = fn(&Root);

struct Fault {
    name: &'static str,
    check: &'static str,
    result: &'static str,
    put_in: Deed,
    take_out: Deed,
}

fn set_mode(root: &Root, path: &str, mode: u32) {
    fs::set_permissions(root.path(path), fs::Permissions::from_mode(mode)).expect("our own file");
}

fn set_aside(root: &Root, path: &str) {
    fs::rename(root.path(path), root.path("outside/aside")).expect("set aside");
}

fn put_back(root: &Root, path: &str) {
    let there = root.path(path);
    if there.is_dir() {
        fs::remove_dir_all(&there).expect("in the way");
    } else if there.exists() {
        fs::remove_file(&there).expect("in the way");
    }
    fs::rename(root.path("outside/aside"), there).expect("put back");
}

/// Without a fault; one source has rules of its own.
fn default_config(root: &Root) {
    root.configure("[source.vendor.columns]\nemail = \"minimal\"\n");
    set_mode(root, "valhalla.toml", 0o640);
}

/// Copies the store aside and changes the real one.
fn change_store(root: &Root, change: impl Fn(&mut Vec<u8>)) {
    let path = root.path("valhalla.db");
    fs::copy(&path, root.path("outside/aside")).expect("copied");
    let mut bytes = fs::read(&path).expect("read");
    change(&mut bytes);
    fs::write(&path, bytes).expect("changed");
}

fn store_back(root: &Root) {
    fs::copy(root.path("outside/aside"), root.path("valhalla.db")).expect("back");
}

const FAULTS: &[Fault] = &[
    Fault {
        name: "dry run",
        check: "mode",
        result: "FAILED",
        put_in: |root| root.configure("mode = \"dry-run\"\n"),
        take_out: default_config,
    },
    Fault {
        name: "a limit that no row keeps",
        check: "sample file",
        result: "FAILED",
        put_in: |root| root.configure("[limits]\nfield_bytes = 2\n"),
        take_out: default_config,
    },
    Fault {
        name: "a limit that no file keeps",
        check: "six stages",
        result: "FAILED",
        put_in: |root| root.configure("[limits]\nrows = 3\n"),
        take_out: default_config,
    },
    Fault {
        name: "a source whose rules refuse everything",
        check: "faults found (vendor)",
        result: "FAILED",
        put_in: |root| root.configure("[source.vendor.limits]\nrecord_bytes = 5\n"),
        take_out: default_config,
    },
    Fault {
        name: "a group that is not there",
        check: "sample file",
        result: "FAILED",
        put_in: |root| root.configure("[folders]\ngroup = \"nobody-has-this-group\"\n"),
        take_out: default_config,
    },
    Fault {
        name: "a pattern that no text can be made from",
        check: "sample file",
        result: "NOT_CHECKED",
        put_in: |root| root.configure("[columns.rules.Lot]\nmatches = 'a\\bb'\n"),
        take_out: default_config,
    },
    Fault {
        name: "processed is not writable",
        check: "processed/ takes files",
        result: "FAILED",
        put_in: |root| root.configure("[folders]\nprocessed = \"/proc/tty\"\n"),
        take_out: default_config,
    },
    Fault {
        name: "another file system for the archive",
        check: "one file system",
        result: "FAILED",
        put_in: |root| root.configure("[folders]\nprocessed = \"/proc/tty\"\n"),
        take_out: default_config,
    },
    Fault {
        name: "failed is missing",
        check: "failed/ takes files",
        result: "FAILED",
        put_in: |root| set_aside(root, "failed"),
        take_out: |root| put_back(root, "failed"),
    },
    Fault {
        name: "the inbox is a file",
        check: "inbox/ takes files",
        result: "FAILED",
        put_in: |root| {
            set_aside(root, "inbox");
            root.write("inbox", "");
        },
        take_out: |root| put_back(root, "inbox"),
    },
    Fault {
        name: "an inbox that tells nothing",
        check: "inbox events",
        result: "FAILED",
        put_in: |root| set_aside(root, "inbox"),
        take_out: |root| put_back(root, "inbox"),
    },
    Fault {
        name: "anyone may write to the inbox",
        check: "mode of inbox",
        result: "WARNING",
        put_in: |root| set_mode(root, "inbox", 0o777),
        take_out: |root| set_mode(root, "inbox", 0o755),
    },
    Fault {
        name: "the probe of the risk sees it too",
        check: "risk",
        result: "WARNING",
        put_in: |root| set_mode(root, "inbox", 0o777),
        take_out: |root| set_mode(root, "inbox", 0o755),
    },
    Fault {
        name: "anyone may write the configuration",
        check: "mode of configuration",
        result: "FAILED",
        put_in: |root| set_mode(root, "valhalla.toml", 0o666),
        take_out: default_config,
    },
    Fault {
        name: "anyone may read the leads",
        check: "mode of store",
        result: "WARNING",
        put_in: |root| set_mode(root, "valhalla.db", 0o644),
        take_out: |root| set_mode(root, "valhalla.db", 0o640),
    },
    Fault {
        name: "the store is damaged",
        check: "store",
        result: "FAILED",
        put_in: |root| change_store(root, |bytes| bytes[4096..].fill(0xa5)),
        take_out: store_back,
    },
    Fault {
        name: "the store is no database",
        check: "store",
        result: "FAILED",
        put_in: |root| change_store(root, |bytes| *bytes = b"name,email\n".repeat(600)),
        take_out: store_back,
    },
    Fault {
        name: "the store belongs to another program",
        check: "store",
        result: "FAILED",
        put_in: |root| change_store(root, |bytes| bytes[60..64].fill(0)), // user_version
        take_out: store_back,
    },
    Fault {
        name: "the store was written by a later version",
        check: "store",
        result: "FAILED",
        put_in: |root| change_store(root, |bytes| bytes[63] = 99), // user_version
        take_out: store_back,
    },
    Fault {
        name: "the store is gone",
        check: "store",
        result: "FAILED",
        put_in: |root| set_aside(root, "valhalla.db"),
        take_out: |root| put_back(root, "valhalla.db"),
    },
    Fault {
        name: "an entry of the audit was changed",
        check: "audit chain",
        result: "FAILED",
        put_in: |root| {
            let text = root.text("logs/audit.jsonl");
            set_aside(root, "logs/audit.jsonl");
            root.write("logs/audit.jsonl", text.replacen("\"actor\":\"cli\"", "\"actor\":\"cLi\"", 1));
        },
        take_out: |root| put_back(root, "logs/audit.jsonl"),
    },
    Fault {
        name: "a changed journal is a high risk",
        check: "risk",
        result: "FAILED",
        put_in: |root| {
            set_aside(root, "logs/audit.jsonl");
            root.write("logs/audit.jsonl", "{}\n");
        },
        take_out: |root| put_back(root, "logs/audit.jsonl"),
    },
    Fault {
        name: "the clock was set back",
        check: "clock",
        result: "FAILED",
        put_in: |root| {
            let file = fs::File::options().append(true).open(root.path("logs/reports.jsonl")).expect("there");
            file.set_modified(SystemTime::now() + Duration::from_secs(7_200)).expect("our own file");
        },
        take_out: |root| {
            let file = fs::File::options().append(true).open(root.path("logs/reports.jsonl")).expect("there");
            file.set_modified(SystemTime::now()).expect("our own file");
        },
    },
    Fault {
        name: "the last run was killed",
        check: "lock",
        result: "WARNING",
        put_in: |root| {
            root.write(".lock", "4194303999");
        },
        take_out: |root| {
            root.write(".lock", "");
        },
    },
];

#[test]
fn each_fault_turns_its_check_and_without_it_all_holds_again() {
    let root = made();
    default_config(&root);
    root.write("outside/ten.csv", TEN);
    root.run(&["ingest", root.path("outside/ten.csv").to_str().expect("UTF-8")]).exits(0);
    for fault in FAULTS {
        println!("{}", fault.name);
        (fault.put_in)(&root);
        assert_turned(&root, fault.check, fault.result);
        (fault.take_out)(&root);
        let whole = assert_turned(&root, fault.check, "PASSED");
        assert_eq!(preflight_fails(&whole), Vec::<String>::new(), "after {}", fault.name);
    }
}

fn preflight_fails(whole: &Value) -> Vec<String> {
    let checks = whole["checks"].as_array().expect("checks").iter();
    checks.filter(|check| check["result"] == "FAILED").map(|check| format!("{}: {}", check["name"], check["measured"])).collect()
}

#[test]
fn rules_of_ones_own_are_no_fault() {
    let root = made();
    for (name, config) in [
        ("names", "[columns]\nrequired = [\"email\", \"phone\"]\n[columns.aliases]\nemail = [\"Mail Privat\"]\nname = [\"Kunde\"]\n"),
        ("values", "[columns.rules.value]\nmin = 5\nmax = 90\n[columns.rules.location]\none_of = [\"Berlin\", \"Ulm\"]\n"),
        ("patterns", "[columns.rules.email]\nmatches = '.+@acme\\.com'\n[columns.rules.Lot]\nmatches = 'L-\\d{3,4}'\n"),
        ("marks", "[columns]\ndecimal = \"comma\"\n[reading]\ndelimiter = \";\"\n"),
        ("encoding", "[reading]\nencoding = \"utf-16le\"\n"),
        ("no leads in the store", "[store]\nleads = false\n"),
        ("minimal addresses", "[columns]\nemail = \"minimal\"\nrequired = [\"email\"]\n"),
        (
            "an experiment",
            "[[experiments]]\nid = \"first-contact\"\n[[experiments.variants]]\nid = \"a\"\nweight = 50\n[[experiments.variants]]\nid = \"b\"\nweight = 50\n",
        ),
    ] {
        root.configure(config);
        let (code, whole) = preflight(&root);
        assert_eq!((code, preflight_fails(&whole)), (Some(0), Vec::new()), "{name}");
        for item in ["csv_ingestion", "data_quality", "pipeline_processing"] {
            assert_eq!(whole["validation_results"][item], "PASSED", "{name}: {whole:#}");
        }
    }
}

#[test]
fn the_daemon_beside_it_is_looked_at_and_left_alone() {
    let root = made();
    let daemon = root.daemon();
    support::wait_for("the first look", || root.has("logs/risk_monitoring_results.json"));
    let whole = assert_turned(&root, "monitors", "PASSED");
    assert_eq!(check(&whole, "lock")["result"], "PASSED", "{whole:#}");
    let before = root.journal("audit");
    let look = root.text("logs/risk_monitoring_results.json");
    let mut old: Value = serde_json::from_str(&look).expect("JSON");
    old["timestamp"] = Value::from("2025-01-01T00:00:00.000Z");
    root.write("logs/risk_monitoring_results.json", old.to_string());
    assert_turned(&root, "monitors", "FAILED");
    root.write("logs/risk_monitoring_results.json", look);
    assert_turned(&root, "monitors", "PASSED");
    assert_eq!(root.journal("audit"), before);
    root.assert_alive("after.csv");
    daemon.stop();
    assert_turned(&root, "monitors", "WARNING");
    let dry = root.daemon_with(&["--dry-run"], &[]);
    assert_turned(&root, "mode", "FAILED");
    dry.stop();
    assert_turned(&root, "mode", "PASSED");
}

#[test]
fn a_small_disk_and_few_inodes() {
    if !support::has_own_mounts("a_small_disk_and_few_inodes") {
        return;
    }
    let dir = tempfile::tempdir().expect("temporary folder");
    let mount = |options: &str| {
        support::tool(
            "mount",
            &["-t".as_ref(), "tmpfs".as_ref(), "-o".as_ref(), options.as_ref(), "none".as_ref(), dir.path().as_os_str()],
        )
        .expect("mounted");
        let root = Root::at(dir.path().to_path_buf());
        root.run(&["init"]).exits(0);
        root
    };
    assert_turned(&mount("size=40m,mode=755"), "disk of processed", "FAILED");
    assert_turned(&mount("size=400m,mode=755"), "disk of processed", "PASSED");
    assert_turned(&mount("size=400m,nr_inodes=700,mode=755"), "inodes of processed", "FAILED");
    assert_turned(&mount("size=400m,nr_inodes=5000,mode=755"), "inodes of processed", "WARNING");
    let root = mount("size=400m,nr_inodes=50000,mode=755");
    assert_turned(&root, "inodes of processed", "PASSED");
    let archive = root.path("processed");
    let mounted = support::tool("mount", &["-t".as_ref(), "tmpfs".as_ref(), "none".as_ref(), archive.as_os_str()]);
    mounted.expect("mounted");
    assert_turned(&root, "one file system", "FAILED");
    support::tool("umount", &[archive.as_os_str()]).expect("unmounted");
    assert_turned(&root, "one file system", "PASSED");
}

#[test]
fn what_keeps_it_from_checking_is_told_by_the_exit_code() {
    let root = made();
    root.configure("[watch]\nsettle_ms = \"soon\"\n");
    root.run(&["preflight"]).exits(2);
    root.configure("");
    let nowhere = root.path("outside/nowhere");
    root.run(&["preflight", "--root", nowhere.to_str().expect("UTF-8")]).exits(3);
    root.run(&["preflight", "--root", "/proc/tty"]).exits(3);
    root.write(".preflight-left/.lock", "");
    root.write(".preflight-left/inbox/x.csv", "x");
    root.run(&["preflight", "--days", "3650"]).exits(0);
    assert!(!root.has(".preflight-left"), "what a killed one left is removed");
}

#[test]
fn a_store_of_another_user_is_told() {
    let root = made();
    root.write("outside/ten.csv", TEN);
    root.run(&["ingest", root.path("outside/ten.csv").to_str().expect("UTF-8")]).exits(0);
    assert_turned(&root, "owners", "PASSED");
    let own = fs::metadata(root.path("logs")).expect("there").uid();
    if std::os::unix::fs::chown(root.path("valhalla.db"), Some(own + 1), None).is_err() {
        println!("skipped: only root can give a file away");
        return;
    }
    assert_turned(&root, "owners", "WARNING");
    std::os::unix::fs::chown(root.path("valhalla.db"), Some(own), None).expect("back");
    assert_turned(&root, "owners", "PASSED");
}
