//! The final state of a root in comparable form: folders, store and journals, with ids and times taken out.
//!
//! Everything else is compared to the byte. What depends on an id (the digests of a rejects file, which names its job) is
//! compared by whether it is there; `valhalla audit`, which is part of the state, checks that it is right.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use regex::Regex;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::support::{Root, tree};

/// What a root has come to, in named parts.
#[derive(Debug, PartialEq, Eq)]
pub struct State {
    parts: BTreeMap<String, String>,
    /// Codes of the alerts that are about no job, in order.
    pub alerts: Vec<String>,
}

impl State {
    /// Reads it all.
    pub fn of(root: &Root) -> Result<Self, String> {
        let mut parts = BTreeMap::new();
        let ids = ids(root);
        folders(root, &ids, &mut parts);
        store(root, &ids, &mut parts).map_err(|error| format!("the store: {error}"))?;
        let alerts = journals(root, &ids, &mut parts)?;
        let audit = root.run(&["audit", "--json"]);
        if audit.code != Some(0) {
            return Err(format!("the audit does not hold: {}{}", audit.stdout, audit.stderr));
        }
        parts.insert("audit: jobs".to_owned(), audit.json()["jobs"].to_string());
        Ok(Self { parts, alerts })
    }

    /// What is not as in an undisturbed run, a line each.
    pub fn differences(&self, reference: &Self) -> Vec<String> {
        let mut names: Vec<&String> = self.parts.keys().chain(reference.parts.keys()).collect();
        names.sort();
        names.dedup();
        let shown = |text: Option<&String>| text.map_or_else(|| "(nothing)".to_owned(), |text| text.chars().take(1500).collect());
        names
            .into_iter()
            .filter(|name| self.parts.get(*name) != reference.parts.get(*name))
            .map(|name| format!("{name}:\n  is        {}\n  should be {}", shown(self.parts.get(name)), shown(reference.parts.get(name))))
            .collect()
    }
}

/// Of each job the file it is about.
type Ids = BTreeMap<String, String>;

fn ids(root: &Root) -> Ids {
    root.reports()
        .iter()
        .map(|report| (report["job_id"].as_str().unwrap_or_default().to_owned(), report["file"].as_str().unwrap_or_default().to_owned()))
        .collect()
}

/// Ids by the name of what they stand for, times and the root by a word.
fn plain(text: &str, ids: &Ids) -> String {
    static PATTERNS: OnceLock<[Regex; 4]> = OnceLock::new();
    let [id, time, short, root] = PATTERNS.get_or_init(|| {
        [
            r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
            r"\d{1,2} [A-Z][a-z]{2} \d\d:\d\d",
            r"valhalla-test-\w+",
        ]
        .map(|pattern| Regex::new(pattern).expect("a pattern"))
    });
    let named = id.replace_all(text, |found: &regex::Captures<'_>| {
        ids.get(&found[0]).map_or_else(|| "<an id>".to_owned(), |file| format!("<the job of {file}>"))
    });
    let timeless = short.replace_all(&time.replace_all(&named, "<a time>"), "<a time>").into_owned();
    root.replace_all(&timeless, "<root>").into_owned()
}

/// Names and bytes of everything that people and programs see.
fn folders(root: &Root, ids: &Ids, parts: &mut BTreeMap<String, String>) {
    for (path, bytes) in tree(&root.path("")) {
        let name = path.display().to_string();
        if path.starts_with("outside") || name == "stderr.txt" || name.starts_with("logs/valhalla.log") {
            continue;
        }
        let is_compared = path.starts_with("processed")
            || path.starts_with("failed")
            || path.starts_with("inbox")
            || name == ".lock"
            || name == "valhalla.toml";
        let content = if name == "processed/_STATUS.txt" {
            String::from_utf8_lossy(&bytes).split(' ').next().unwrap_or_default().to_owned()
        } else if is_compared {
            plain(&String::from_utf8_lossy(&bytes), ids)
        } else if path.extension().is_some_and(|extension| extension == "json") {
            serde_json::from_slice::<Value>(&bytes).map_or_else(|error| format!("no JSON: {error}"), |_| "JSON".to_owned())
        } else {
            String::new() // store and journals, which are read in their own way
        };
        parts.insert(format!("file {}", without_segment(&name)), content);
    }
    for folder in [".claimed", "inbox", "processed", "failed"] {
        parts.insert(format!("folders below {folder}"), format!("{:?}", folders_below(&root.path(folder), Path::new(""))));
    }
}

/// In which segment a line comes to stand depends on the lengths of earlier lines, which differ.
fn without_segment(name: &str) -> String {
    let is_segment = name.strip_prefix("logs/").is_some_and(|file| file.rsplit('.').next() == Some("jsonl"));
    if is_segment { format!("{}.jsonl", name.split('.').next().unwrap_or_default()) } else { name.to_owned() }
}

fn folders_below(dir: &Path, below: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok) {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let name = below.join(entry.file_name());
            found.push(name.display().to_string());
            found.extend(folders_below(&entry.path(), &name));
        }
    }
    found.sort();
    found
}

/// How each table is read, so that neither the order of rows nor a number given in passing counts.
const TABLES: &[(&str, &str)] = &[
    (
        "jobs",
        "SELECT file, state, fate, dry_run, undone, (SELECT p.file FROM jobs p WHERE p.job_id = j.parent), source, bytes, hex(sha256), rules, learned,
         total, accepted_new, accepted_updated, duplicates, rejected, leads_kept, hex(rejected_rows), rejects_digest IS NULL, rejects_sha256 IS NULL, moves, facts
         FROM jobs j ORDER BY file",
    ),
    (
        "leads",
        "SELECT email, name, value, scale, currency, location, phone, phone_e164, l.source, (SELECT names FROM layouts WHERE id = layout), hex(extra),
         (SELECT file FROM jobs WHERE seq = job), row, score, tier, hex(arms), accepted FROM leads l ORDER BY email",
    ),
    ("lead_keys", "SELECT hash, email FROM lead_keys k LEFT JOIN leads ON leads.id = k.lead ORDER BY hash"),
    (
        "history",
        "SELECT (SELECT l.email FROM leads l WHERE l.id = h.lead), (SELECT file FROM jobs WHERE seq = job), row, email, name, value, scale, currency, location,
         phone, phone_e164, source, (SELECT names FROM layouts WHERE id = layout), hex(extra) FROM history h ORDER BY 1, 2",
    ),
    ("rules", "SELECT version, settings FROM rules ORDER BY version"),
    ("layouts", "SELECT names FROM layouts ORDER BY names"),
    ("experiments", "SELECT name, version, variants FROM experiments ORDER BY name, version"),
    ("exposures", "SELECT e.name, variant, leads FROM exposures x JOIN experiments e ON e.id = x.experiment ORDER BY 1, 2"),
    (
        "resolutions",
        "SELECT (SELECT file FROM jobs WHERE seq = r.parent), row, (SELECT file FROM jobs WHERE seq = r.child) FROM resolutions r ORDER BY 1, 2",
    ),
    ("outbox", "SELECT * FROM outbox"),
    ("journals", "SELECT journal, CASE journal WHEN 'reports' THEN lines END FROM journals ORDER BY journal"),
    ("unfinished", "SELECT count(*) FROM unfinished"),
    ("dry_runs", "SELECT * FROM dry_runs"),
    (
        "source_layouts",
        "SELECT source, (SELECT j.source FROM jobs j WHERE j.job_id = s.job_id), columns, fields, delimiter, encoding, header_row FROM source_layouts s ORDER BY source",
    ),
    (
        "outcomes",
        "SELECT hex(person), (SELECT file FROM jobs WHERE seq = o.job), row, verdict, at_ms, revenue, cost, script, variant, channel, waiting FROM outcomes o ORDER BY 1, 2, 3",
    ),
    ("lessons", "SELECT (SELECT file FROM jobs WHERE seq = l.job), turn, pin, version FROM lessons l ORDER BY 1, 2"),
    ("learned", "SELECT version, content, model FROM learned ORDER BY version"),
    ("models", "SELECT id, content FROM models ORDER BY id"),
    ("conditions", "SELECT code, subject, resolved_ms IS NULL FROM conditions ORDER BY 1, 2"),
    ("forgotten_rows", "SELECT (SELECT file FROM jobs WHERE seq = job), first, later, outcomes FROM forgotten_rows ORDER BY 1"),
    ("archive_changes", "SELECT (SELECT file FROM jobs WHERE seq = job), place, change, hex(sha256), rows FROM archive_changes ORDER BY 1, 2"),
    ("acknowledged", "SELECT count(*) FROM acknowledged"),
    ("deliveries", "SELECT channel FROM deliveries ORDER BY 1"),
    ("channels", "SELECT count(*) FROM channels"),
    ("schedules", "SELECT source, schedule FROM schedules ORDER BY 1"),
    ("file_figures", "SELECT (SELECT file FROM jobs WHERE seq = f.job), source, figures FROM file_figures f ORDER BY 1"),
    ("forgotten", "SELECT hex(hash) FROM forgotten ORDER BY 1"),
    ("stagings", "SELECT rules, learned FROM stagings ORDER BY 1, 2"),
    ("faults", "PRAGMA quick_check"),
];

fn store(root: &Root, ids: &Ids, parts: &mut BTreeMap<String, String>) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(root.path("valhalla.db"), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mut known: Vec<&str> = TABLES.iter().map(|(table, _)| *table).collect();
    known.sort_unstable();
    let mut tables = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    for table in tables.query_map([], |row| row.get::<_, String>(0))? {
        let table = table?;
        assert!(known.binary_search(&table.as_str()).is_ok(), "the table {table} is not compared: add it to TABLES");
    }
    for (table, sql) in TABLES {
        let mut text = String::new();
        let mut statement = connection.prepare(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                match row.get_ref(column)? {
                    ValueRef::Null => text += "NULL",
                    ValueRef::Integer(number) => text += &number.to_string(),
                    ValueRef::Real(number) => text += &number.to_string(),
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => text += &String::from_utf8_lossy(bytes),
                }
                text.push('|');
            }
            text.push('\n');
        }
        parts.insert(format!("table {table}"), plain(&text, ids));
    }
    // The line in the journal is the very line in the store.
    let mut lines = connection.prepare("SELECT file, report FROM jobs")?;
    let stored: BTreeMap<String, String> = lines.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    for report in root.reports() {
        let file = report["file"].as_str().unwrap_or_default();
        let is_same = stored.get(file).and_then(|line| serde_json::from_str::<Value>(line).ok()).is_some_and(|line| line == report);
        parts.insert(format!("line of {file}"), if is_same { "as in the store" } else { "another than in the store" }.to_owned());
    }
    Ok(())
}

/// Reports and alerts and audit entries of jobs; returned are the codes of alerts that are about no job.
fn journals(root: &Root, ids: &Ids, parts: &mut BTreeMap<String, String>) -> Result<Vec<String>, String> {
    for mut report in root.reports() {
        report["duration_ms"] = Value::Null;
        let alerts = report["alerts"].as_array().map_or(0, Vec::len);
        report["alerts"] = alerts.into();
        let name = format!("report of {}", report["file"].as_str().unwrap_or_default());
        if parts.insert(name.clone(), plain(&report.to_string(), ids)).is_some() {
            return Err(format!("{name} is there twice"));
        }
    }
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for alert in root.journal("alerts") {
        if alert["job_id"].is_null() {
            others.push(alert["code"].as_str().unwrap_or_default().to_owned());
        } else {
            own.push(plain(&alert.to_string(), ids));
        }
    }
    own.sort();
    parts.insert("alerts of jobs".to_owned(), own.join("\n"));
    let mut audited = Vec::new();
    for mut entry in root.journal("audit") {
        if !entry["job_id"].is_null() {
            (entry["seq"], entry["prev"]) = (Value::Null, Value::Null);
            audited.push(plain(&entry.to_string(), ids));
        }
    }
    audited.sort();
    parts.insert("audited jobs".to_owned(), audited.join("\n"));
    let begun = root.journal("audit").iter().filter(|entry| entry["action"] == "initialised").count();
    parts.insert("audited beginnings".to_owned(), begun.to_string());
    Ok(others)
}
