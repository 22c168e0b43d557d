//! What a run came to, without what is different in every run: ids and times.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::drops::LOOSE;
use crate::support::{Root, tree};

/// The final state, each part in a form in which two runs can be compared.
#[derive(Debug)]
pub struct Outcome {
    /// Every file that is for people, with its content.
    files: BTreeMap<String, String>,
    /// The lines of `reports.jsonl`, in order.
    reports: Vec<String>,
    /// Everyone in the store, in order.
    leads: Vec<String>,
    /// Code and file of each alert about a file.
    alerts: Vec<String>,
}

impl Outcome {
    /// Of a root whose daemon has ended; fails when something is not sound.
    pub fn of(root: &Root) -> Self {
        let reports = root.reports();
        let named = |job: &Value| {
            let of_job = |report: &&Value| report["job_id"] == *job;
            reports.iter().find(of_job).map_or("<nobody's>".to_owned(), |report| report["file"].to_string())
        };
        let mut files = BTreeMap::new();
        for folder in ["inbox", "processed", "failed", ".claimed"] {
            for (path, bytes) in tree(&root.path(folder)) {
                files.insert(format!("{folder}/{}", path.display()), plain(&String::from_utf8_lossy(&bytes)));
            }
        }
        files.retain(|path, _| path != "processed/_STATUS.txt");
        let told = reports.iter().map(|report| {
            let mut report = report.clone();
            for key in ["parent_job", "duplicate_of"] {
                report[key] = Value::from(if report[key].is_null() { "none".to_owned() } else { named(&report[key]) });
            }
            report["duration_ms"] = Value::Null;
            report["alerts"] = Value::from(report["alerts"].as_array().map_or(0, Vec::len));
            plain(&report.to_string())
        });
        let mut leads: Vec<String> =
            root.leads().iter().map(|lead| format!("{} {}", named(&lead["job_id"]), plain(&lead.to_string()))).collect();
        leads.sort();
        let about_files = root.journal("alerts").into_iter().filter(|alert| !alert["file"].is_null());
        let mut alerts: Vec<String> = about_files.map(|alert| format!("{} {}", alert["file"], alert["code"])).collect();
        alerts.sort();
        for snapshot in ["risk_monitoring_results.json", "production_execution.json"] {
            let text = root.text(format!("logs/{snapshot}"));
            assert!(serde_json::from_str::<Value>(&text).is_ok(), "{snapshot} cannot be read: {text:?}");
        }
        root.assert_sound();
        Self { files, reports: told.collect(), leads, alerts }
    }

    /// Fails unless this is what the undisturbed run came to. A drop that nobody had made durable may be gone or torn, but
    /// no more than that: had it been taken whole, the audit would have told.
    #[track_caller]
    pub fn compare(&self, reference: &Self, what: &str, root: &Root) {
        let is_whole = self.reports.iter().any(|line| line.contains(LOOSE) && reference.reports.contains(line));
        let (ours, expected) = (self.lines(is_whole), reference.lines(is_whole));
        let only = |one: &[String], other: &[String]| one.iter().filter(|line| !other.contains(line)).cloned().collect::<Vec<_>>();
        let (extra, missing) = (only(&ours, &expected), only(&expected, &ours));
        assert!(ours == expected, "{what}\n  not in an undisturbed run: {extra:#?}\n  only there: {missing:#?}\n{}", root.log());
    }

    /// Everything, line by line; without the drop that may be lost, unless it was taken whole.
    fn lines(&self, with_loose: bool) -> Vec<String> {
        let files = self.files.iter().map(|(path, content)| format!("{path}: {content:?}"));
        let lines = files.chain([&self.reports, &self.leads, &self.alerts].into_iter().flatten().cloned());
        lines.filter(|line| with_loose || !line.contains("loose")).collect()
    }
}

/// A text without ids and times.
fn plain(text: &str) -> String {
    static CHANGING: LazyLock<Regex> = LazyLock::new(|| {
        let id = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
        let time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*Z|\d{1,2} [A-Z][a-z]+ (\d{4},? )?\d\d:\d\d";
        Regex::new(&format!("{id}|{time}")).expect("a pattern")
    });
    CHANGING.replace_all(text, "<…>").into_owned()
}
