//! `valhalla audit`: proves that everything ever dropped is accounted for, from the store, the journals and the archive.
//!
//! Each job gets a verdict: *proven*; *by record only* (its original stayed with its owner, or is gone from the archive by
//! somebody's hand and only the record speaks); or *broken*. Reads only, and may run beside the daemon.

use std::collections::HashMap;
use std::io;

use clap::Args;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Exit, Global, Outcome, Trouble, print_json};
use crate::config::Config;
use crate::ingest::archived_place;
use crate::journal::{self, Journal, Report, hex};
use crate::reading::sha256_of;
use crate::render::console::{self, thousands};
use crate::store::Store;
use crate::store::read::PastJob;

/// Prove that every row ever dropped is accounted for.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 0 when everything holds, 1 when something is broken.\n\nExample:\n  valhalla audit")]
pub(super) struct Audit {
    /// List every job, not only those that are not proven
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Proven,
    ByRecord,
    Broken,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        ["proven", "by record only", "broken"][self as usize]
    }
}

#[derive(Debug)]
struct Finding {
    job_id: String,
    file: String,
    verdict: Verdict,
    why: Vec<String>,
}

/// Findings listed; all are counted.
const LISTED: usize = 1000;

impl Audit {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let config = global.load()?;
        let store = global.open_store(&config)?;
        let moment = store.snapshot()?; // journals are read after it: they may have more, never less
        let head = store.outbox()?.is_empty().then(|| store.head(Journal::Audit)).transpose()?;
        let rows_held = store.rows_held()?;
        let mut lines = report_lines(&config)?;
        let mut counts = [0u64; 3];
        let mut listed = Vec::new();
        let mut in_progress = 0u64;
        store.each_job(|job| {
            if !job.done {
                in_progress += 1;
                lines.remove(&job.job_id.to_string());
                return Ok(());
            }
            let finding = examine(&config, &job, &mut lines, rows_held.get(&job.seq).copied());
            counts[finding.verdict as usize] += 1;
            if (self.all || finding.verdict != Verdict::Proven) && listed.len() < LISTED {
                listed.push(finding);
            }
            Ok::<(), Trouble>(())
        })?;
        drop(moment);
        let mut unknown = Vec::new();
        for job in lines.into_keys() {
            if store.find_job(&job)?.is_none() {
                unknown.push(job); // not even one that was committed meanwhile
            }
        }
        let chain = chain(&config, &store, head)?;
        store.verify()?;
        let holds = counts[Verdict::Broken as usize] == 0 && unknown.is_empty() && chain["holds"] == true;
        let told: Vec<Value> = listed
            .iter()
            .map(|finding| json!({ "job_id": finding.job_id, "file": finding.file, "verdict": finding.verdict.as_str(), "why": finding.why }))
            .collect();
        let result = json!({
            "holds": holds,
            "jobs": { "proven": counts[0], "by_record_only": counts[1], "broken": counts[2], "in_progress": in_progress },
            "reports_without_job": unknown,
            "audit_chain": chain,
            "store": "ok",
            "findings": told,
        });
        if global.json {
            print_json(&result)?;
        } else {
            print!("{}", page(&result, &listed));
        }
        Ok(if holds { Exit::Done } else { Exit::Failed })
    }
}

/// How often each job's line stands in `reports.jsonl`, and the hash of it.
fn report_lines(config: &Config) -> Result<HashMap<String, (u32, [u8; 32])>, Trouble> {
    let broken = |error: journal::JournalError| Trouble::environment(error.to_string());
    let mut lines: HashMap<String, (u32, [u8; 32])> = HashMap::new();
    for record in journal::read(&config.folders.logs, Journal::Reports).map_err(broken)? {
        let record = record.map_err(broken)?;
        if record.state != journal::State::Whole {
            continue;
        }
        let job = serde_json::from_slice::<Value>(&record.bytes).ok().and_then(|value| value["job_id"].as_str().map(str::to_owned));
        let entry = lines.entry(job.unwrap_or_else(|| format!("(unreadable line at byte {})", record.offset))).or_insert((0, [0; 32]));
        entry.0 += 1;
        entry.1 = Sha256::digest(&record.bytes).into();
    }
    Ok(lines)
}

/// Holds one job's record against its journal line, the leads in the store and the archived original.
fn examine(config: &Config, job: &PastJob, lines: &mut HashMap<String, (u32, [u8; 32])>, held: Option<(u64, u64)>) -> Finding {
    let job_id = job.job_id.to_string();
    let (mut why, mut by_record) = (Vec::new(), None);
    let report: Option<Report> = serde_json::from_str(&job.report).ok();
    match lines.remove(&job_id) {
        None => why.push("its line is missing in reports.jsonl".to_owned()),
        Some((1, hash)) if hash == <[u8; 32]>::from(Sha256::digest(job.report.as_bytes())) => {}
        Some((1, _)) => why.push("its line in reports.jsonl is not the one that was written".to_owned()),
        Some((times, _)) => why.push(format!("its line stands {times} times in reports.jsonl")),
    }
    let Some(report) = report else {
        why.push("its report in the store cannot be read".to_owned());
        return Finding { job_id, file: String::new(), verdict: Verdict::Broken, why };
    };
    let rows = report.rows;
    if !rows.conserved() {
        why.push(format!("its rows do not add up: {rows:?}"));
    }
    let expected = if report.dry_run { (0, 0) } else { (rows.accepted_new, rows.accepted_updated) };
    if job.leads_kept && held.unwrap_or((0, 0)) != expected {
        why.push(format!("the store holds {:?} rows of it (new, known), its report says {expected:?}", held.unwrap_or((0, 0))));
    }
    match archived(config, job) {
        Ok(None) => by_record = Some("its original stayed with its owner".to_owned()),
        Ok(Some(true)) => {}
        Ok(Some(false)) => why.push(format!("{} is not the file that was taken", report.archived_as.as_deref().unwrap_or("-"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            by_record = Some(format!("{} is missing from the archive", report.archived_as.as_deref().unwrap_or("-")));
        }
        Err(error) => why.push(format!("{}: {error}", report.archived_as.as_deref().unwrap_or("-"))),
    }
    let verdict = match (why.is_empty(), &by_record) {
        (false, _) => Verdict::Broken,
        (true, Some(_)) => Verdict::ByRecord,
        (true, None) => Verdict::Proven,
    };
    why.extend(by_record);
    Finding { job_id, file: report.file, verdict, why }
}

/// Whether the archived original is the file that was taken; `None` when it was never archived.
fn archived(config: &Config, job: &PastJob) -> io::Result<Option<bool>> {
    let Some(place) = archived_place(&job.moves) else { return Ok(None) };
    let path = config.folders.path(place.folder.as_str()).join(&place.rel);
    let Some(expected) = job.sha256 else { return path.symlink_metadata().map(|_| Some(true)) };
    Ok(Some(sha256_of(&path)? == expected))
}

fn chain(config: &Config, store: &Store, head: Option<journal::Head>) -> Result<Value, Trouble> {
    let broken = |error: journal::JournalError| Trouble::environment(error.to_string());
    let records = journal::read(&config.folders.logs, Journal::Audit).map_err(broken)?;
    // An entry may have come in since the head was looked at: then only the chain itself is held against it.
    let head = head.filter(|head| store.head(Journal::Audit).is_ok_and(|now| now == *head));
    let verdict = journal::verify_chain(records, head.as_ref()).map_err(broken)?;
    let faults: Vec<String> = verdict.faults.iter().map(ToString::to_string).collect();
    Ok(json!({ "holds": verdict.holds(), "lines": verdict.lines, "faults": faults, "last": head.map(|head| hex(&head.last_hash)) }))
}

fn page(result: &Value, listed: &[Finding]) -> String {
    let count = |value: &Value| thousands(value.as_u64().unwrap_or(0));
    let jobs = &result["jobs"];
    let mut page = format!(
        "jobs         {} proven, {} by record only, {} broken{}\n",
        count(&jobs["proven"]),
        count(&jobs["by_record_only"]),
        count(&jobs["broken"]),
        if jobs["in_progress"] == 0 { String::new() } else { format!(", {} in progress", count(&jobs["in_progress"])) }
    );
    let chain = &result["audit_chain"];
    page += &format!("audit chain  {} entries, {}\n", count(&chain["lines"]), if chain["holds"] == true { "unbroken" } else { "BROKEN" });
    for fault in chain["faults"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        page += &format!("             {fault}\n");
    }
    for job in result["reports_without_job"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        page += &format!("unknown      reports.jsonl has a line of job {job}, which the store does not know\n");
    }
    if !listed.is_empty() {
        let rows: Vec<Vec<String>> =
            listed.iter().map(|f| vec![f.verdict.as_str().to_owned(), f.job_id.clone(), f.file.clone(), f.why.join("; ")]).collect();
        page += &format!("\n{}", console::table(&["VERDICT", "JOB", "FILE", "WHY"], &rows));
    }
    page + if result["holds"] == true { "\nEverything holds.\n" } else { "\nSOMETHING IS BROKEN: see above.\n" }
}
