//! Dry run: everything is checked and told, nothing is stored, nothing moves, and going live takes the same files.

mod support;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use support::{Root, TEN, comes_true, names_in, tree, wait_for};

/// The files of a dry-run root: good, with a rejected row, broken, and a folder that looks like a document.
fn fill(root: &Root) {
    root.drop_copied("good.csv", TEN);
    root.drop_copied("mixed.csv", "name,email,value\nM,m@dry.example,5\nBad,nope,5\n");
    root.drop_copied("broken.csv", "nothing,here\n1,2\n");
    root.drop_copied("empty.csv", "");
    root.write("inbox/Sheet.numbers/Index.zip", "PK");
}

fn inbox(root: &Root) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    tree(&root.path("inbox"))
}

#[test]
fn a_dry_daemon_tells_each_file_once_and_touches_nothing() {
    let root = Root::with_config("mode = \"dry-run\"\n");
    fill(&root);
    let before = inbox(&root);
    let inode = fs::metadata(root.path("inbox/good.csv")).expect("metadata").ino();
    let daemon = root.daemon();
    let reports = root.wait_reports(5);
    assert!(
        reports.iter().all(|report| report["dry_run"] == true && report["archived_as"].is_null() && report["rejects_as"].is_null()),
        "{reports:?}"
    );
    let good = root.report_of("good.csv");
    assert_eq!((good["fate"].as_str(), good["rows"]["accepted_new"].as_u64()), (Some("processed"), Some(10)), "{good}");
    assert_eq!(root.report_of("mixed.csv")["rows"]["rejected"], 1);
    assert_eq!(root.report_of("broken.csv")["fate"], "failed");
    assert!(root.has("processed/good.dry-run.txt"), "{:?}", names_in(&root.path("processed")));
    assert!(root.text("processed/good.dry-run.txt").contains("DRY RUN"));
    assert_eq!(inbox(&root), before, "nothing in the inbox moved or changed");
    assert_eq!(names_in(&root.path("failed")), Vec::<String>::new());
    let in_processed = names_in(&root.path("processed"));
    assert!(in_processed.iter().all(|name| name.ends_with(".dry-run.txt") || name == "_STATUS.txt"), "{in_processed:?}");
    assert_eq!(root.leads().len(), 0);
    let totals = root.run(&["status", "--json"]).json()["totals"].clone();
    assert_eq!((totals["leads"].as_u64(), totals["rows"]["total"].as_u64()), (Some(0), Some(0)), "outside totals: {totals}");

    // A restart, another file as a marker: the untouched ones are not told again.
    daemon.stop();
    let daemon = root.daemon();
    root.drop_copied("marker.csv", "name,email,value\nK,k@dry.example,5\n");
    root.wait_reports(6);
    wait_for("the marker", || root.reports_of("marker.csv").len() == 1);
    assert_eq!(root.reports().len(), 6, "{:?}", root.reports().iter().map(|r| r["file"].clone()).collect::<Vec<_>>());

    // A changed file is another file, with and without a restart between; so is one that is dropped anew.
    root.drop_copied("mixed.csv", "name,email,value\nM,m@dry.example,5\nGood now,good@dry.example,5\n");
    assert!(comes_true(support::DEADLINE, || root.reports_of("mixed.csv").len() == 2), "a changed file is told again");
    assert_eq!(root.report_of("mixed.csv")["rows"]["accepted_new"], 2);
    fs::remove_file(root.path("inbox/marker.csv")).expect("remove");
    root.assert_dry("between.csv");
    root.drop_copied("marker.csv", "name,email,value\nOther,other@dry.example,5\nTwo,two@dry.example,5\n");
    assert!(comes_true(support::DEADLINE, || root.reports_of("marker.csv").len() == 2), "a file dropped anew is told");
    daemon.stop();
    root.run(&["audit"]).exits(0);

    // Other rules: told again. Then live: taken.
    assert_eq!(fs::metadata(root.path("inbox/good.csv")).expect("metadata").ino(), inode);
    root.configure("mode = \"production\"\n");
    let daemon = root.daemon();
    wait_for("the files", || names_in(&root.path("inbox")).is_empty());
    root.wait_idle();
    let good = root.report_of("good.csv");
    assert_eq!((good["fate"].as_str(), good["dry_run"].as_bool()), (Some("processed"), Some(false)), "a dry run never blocks: {good}");
    assert_eq!(good["rows"]["accepted_new"], 10, "{good}");
    assert_eq!(root.leads().len(), 10 + 2 + 2 + 1);
    daemon.stop();
    root.assert_sound();
}

impl Root {
    /// Drops a file and waits until the dry run has told it.
    fn assert_dry(&self, name: &str) {
        self.drop_copied(name, format!("name,email,value\nD,{}@dry.example,5\n", name.replace('.', "-")));
        wait_for("its report", || self.reports_of(name).len() == 1);
    }
}

#[test]
fn the_argument_makes_a_dry_daemon_too() {
    let root = Root::new();
    root.drop_copied("good.csv", TEN);
    let _daemon = root.daemon_with(&["--dry-run"], &[]);
    let report = root.report_of("good.csv");
    assert_eq!(report["dry_run"], true);
    assert!(root.has("inbox/good.csv"));
    assert_eq!(root.leads().len(), 0);
    assert_eq!(root.run(&["status", "--json"]).json()["mode"], "dry-run");
}

#[test]
fn a_dry_ingest_stores_and_moves_nothing() {
    let root = Root::new();
    let file = root.write("outside/good.csv", TEN);
    let path = file.to_str().expect("UTF-8");
    for args in [vec!["ingest", "--dry-run", path], vec!["--dry-run", "ingest", "--move", path]] {
        let said = root.run(&args).exits(0);
        assert!(said.stderr.contains("Total records: 10"), "{said:?}");
        assert!(file.exists());
    }
    assert_eq!(root.leads().len(), 0);
    assert!(root.reports().iter().all(|report| report["dry_run"] == true));
    root.run(&["ingest", path]).exits(0);
    assert_eq!(root.leads().len(), 10);
    assert_eq!(root.report_of("good.csv")["rows"]["accepted_new"], 10);
    // A dry run of a known file changes nothing of what is stored, and says what would be.
    let stored = root.leads();
    let dry = root.run(&["--dry-run", "ingest", "--json", path]).exits(0).json();
    assert_eq!(dry[0]["dry_run"], true, "{dry}");
    assert_eq!(root.leads(), stored);
    root.assert_sound();
}

/// `--dry-run` must not be forgotten on the way to a daemon that is live.
#[test]
fn a_dry_ingest_beside_a_live_daemon_stores_nothing() {
    let root = Root::new();
    let _daemon = root.daemon();
    let file = root.write("outside/good.csv", TEN);
    let said = root.run(&["--dry-run", "ingest", "--move", file.to_str().expect("UTF-8")]);
    assert!(file.exists(), "{said:?}");
    assert_eq!(root.leads_if_any(), 0, "{said:?}");
    assert!(root.reports().iter().all(|report| report["dry_run"] == true), "{said:?}");
    assert!(names_in(&root.path("inbox")).is_empty(), "{said:?}");
    assert!(!root.has(Path::new("processed/good.csv")));
    if said.code != Some(0) {
        assert!(said.stderr.contains("[ERROR]"), "{said:?}");
    }
}

impl Root {
    fn leads_if_any(&self) -> usize {
        if self.has("valhalla.db") { self.leads().len() } else { 0 }
    }
}

/// What a killed run left claimed must not be lost to a dry run in between.
#[test]
fn a_dry_run_leaves_claims_for_the_next_start() {
    let root = Root::new();
    let claimed = ".claimed/01a208be-db1d-70d1-ab0d-24f4f3deddd1/one.csv";
    root.write(claimed, "name,email,value\nOne,one@claim.example,5\n");
    let file = root.write("outside/good.csv", TEN);
    root.run(&["--dry-run", "ingest", file.to_str().expect("UTF-8")]).exits(0);
    assert!(root.has(claimed), "{:?}", tree(&root.path("")).iter().map(|found| &found.0).collect::<Vec<_>>());
    let daemon = root.daemon_with(&["--dry-run"], &[]);
    root.assert_dry("marker.csv");
    assert!(root.has(claimed));
    daemon.stop();
    fs::remove_file(root.path("inbox/marker.csv")).expect("remove");
    let _daemon = root.daemon();
    wait_for("the claimed file", || root.has("processed/one.csv"));
    root.wait_idle();
    assert_eq!(root.leads().len(), 1);
    root.assert_sound();
}

#[test]
fn a_dry_replay_applies_nothing() {
    let root = Root::new();
    let file = root.write("outside/mixed.csv", "name,email,value\nA,a@replay.example,5\nB,b@replay.example,\n");
    root.run(&["ingest", "--move", file.to_str().expect("UTF-8")]).exits(0);
    root.configure("[columns]\nrequired = [\"email\"]\n");
    root.run(&["--dry-run", "replay", "mixed.csv", "--apply"]).exits(0);
    assert_eq!((root.leads().len(), root.reports().len()), (1, 1));
}
