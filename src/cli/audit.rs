//! `valhalla audit`: proves that everything ever dropped is accounted for, from the store, the journals and the archive.
//!
//! Each job gets a verdict: *proven*; *by record only* (its original stayed with its owner, or is gone from the archive by
//! somebody's hand and only the record speaks); or *broken*. Reads only, and may run beside the daemon.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Exit, Global, Outcome, Trouble, print_json};
use crate::beneath::OpenFolder;
use crate::clock;
use crate::config::Config;
use crate::inbox;
use crate::ingest::archived_place;
use crate::journal::report::Kind;
use crate::journal::{self, Journal, Report, hex};
use crate::reading::sha256_of;
use crate::render::console::{self, thousands};
use crate::render::words::page_shown;
use crate::store::forget::{ArchiveChange, GoneRows};
use crate::store::read::PastJob;
use crate::store::{Store, StoreError, open_to_read};

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

/// What the store holds of one job.
#[derive(Debug, Clone, Copy)]
struct Held {
    /// First rows of people, and later ones.
    leads: (u64, u64),
    outcomes: u64,
    /// What of it was of people who were erased since: beside what the store holds.
    gone: GoneRows,
    /// Whether it was taken out.
    is_undone: bool,
    /// Whether an earlier job was, or rows of one were: then rows of people known from that are first rows now.
    has_moved_up: bool,
}

impl Held {
    /// As if nobody had been erased; a job that was taken out has nobody left to be counted.
    fn with_the_gone(self) -> Self {
        if self.is_undone {
            return self;
        }
        let GoneRows { first, later, outcomes } = self.gone;
        Self { leads: (self.leads.0 + first, self.leads.1 + later), outcomes: self.outcomes + outcomes, ..self }
    }
}

/// Findings listed; all are counted.
const LISTED: usize = 1000;

/// What was found about everything.
#[derive(Default)]
struct Proof {
    /// Jobs of each verdict.
    counts: [u64; 3],
    listed: Vec<Finding>,
    in_progress: u64,
    /// Jobs that stand in reports.jsonl and not in the store.
    unknown: Vec<String>,
    /// What is wrong with the database itself.
    faults: Vec<String>,
    is_all: bool,
}

impl Proof {
    fn add(&mut self, finding: Finding) {
        self.counts[finding.verdict as usize] += 1;
        if (self.is_all || finding.verdict != Verdict::Proven) && self.listed.len() < LISTED {
            self.listed.push(finding);
        }
    }

    fn holds(&self) -> bool {
        self.counts[Verdict::Broken as usize] == 0 && self.unknown.is_empty() && self.faults.is_empty()
    }
}

/// Faults of the database that are told; there are seldom fewer than many.
const FAULTS_TOLD: u32 = 20;

impl Audit {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let config = global.load()?;
        let mut proof = Proof { is_all: self.all, ..Proof::default() };
        let chain = match open(global, &config)? {
            Ok(store) => prove(&config, &store, &mut proof)?,
            Err(fault) => prove_nothing(&config, fault, &mut proof)?,
        };
        let waiting = prove_held(&config, &mut proof)?;
        let holds = proof.holds() && chain["holds"] == true;
        let told: Vec<Value> = proof
            .listed
            .iter()
            .map(|finding| json!({ "job_id": finding.job_id, "file": finding.file, "verdict": finding.verdict.as_str(), "why": finding.why }))
            .collect();
        let [proven, by_record, broken] = proof.counts;
        let result = json!({
            "holds": holds,
            "jobs": { "proven": proven, "by_record_only": by_record, "broken": broken, "in_progress": proof.in_progress },
            "held": waiting,
            "reports_without_job": proof.unknown,
            "audit_chain": chain,
            "store": if proof.faults.is_empty() { "ok" } else { "damaged" },
            "store_faults": proof.faults,
            "findings": told,
        });
        if global.json {
            print_json(&result)?;
        } else {
            print!("{}", page_shown(&page(&result, &proof.listed)));
        }
        Ok(if holds { Exit::Done } else { Exit::Failed })
    }
}

/// Files that wait for a person: each must lie in its claim folder with the content that was assessed. How many are whole.
fn prove_held(config: &Config, proof: &mut Proof) -> Result<u64, Trouble> {
    let mut whole = 0;
    for held in inbox::held(&config.folders.claimed)? {
        let rel = inbox::path_from_text(&held.file).unwrap_or_else(|| PathBuf::from(&held.file));
        let path = config.folders.claimed.join(&held.job_id).join(rel);
        let why = match std::fs::File::open(&path).and_then(|file| sha256_of(&file)) {
            Ok(hash) if held.sha256.as_deref() == Some(hex(&hash).as_str()) => {
                whole += 1;
                continue;
            }
            // Somebody decided about it while we looked: it is no longer held.
            _ if !inbox::held(&config.folders.claimed)?.contains(&held) => continue,
            Ok(_) => "it is held, and its content is not what was assessed".to_owned(),
            Err(error) => format!("it is held, and its file cannot be read: {error}"),
        };
        proof.add(Finding { job_id: held.job_id, file: held.file, verdict: Verdict::Broken, why: vec![why] });
    }
    Ok(whole)
}

/// The store; inside, what is wrong with one that cannot be opened although there are reports of jobs.
fn open(global: &Global, config: &Config) -> Result<Result<Store, String>, Trouble> {
    let broken = |error: journal::JournalError| Trouble::environment(error.to_string());
    let has_content = std::fs::metadata(&config.store.path).is_ok_and(|metadata| metadata.len() > 0);
    if !has_content && journal::read(&config.folders.logs, Journal::Reports).map_err(broken)?.next().is_some() {
        let path = config.store.path.display().to_string();
        return Ok(Err(StoreError::Lost { path }.to_string()));
    }
    if !has_content {
        return global.open_store(config).map(Ok);
    }
    global.tell(&format!("root: {}", config.root.display()));
    match open_to_read(&config.store.path) {
        Ok(store) => Ok(Ok(store)),
        Err(error @ (StoreError::Damaged { .. } | StoreError::Foreign { .. })) => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// Holds every job against what there is of it. A damaged store is read as far as it can be.
fn prove(config: &Config, store: &Store, proof: &mut Proof) -> Result<Value, Trouble> {
    proof.faults = store.faults(FAULTS_TOLD);
    let is_damaged = !proof.faults.is_empty();
    let moment = store.snapshot()?; // journals are read after it: they may have more, never less
    let head = match store.outbox().and_then(|waiting| waiting.lines.is_empty().then(|| store.head(Journal::Audit)).transpose()) {
        Ok(head) => head,
        Err(_) if is_damaged => None,
        Err(error) => return Err(error.into()),
    };
    let undone = match store.undone_jobs() {
        Ok(undone) => undone,
        Err(_) if is_damaged => BTreeMap::new(), // what is lost shows as missing
        Err(error) => return Err(error.into()),
    };
    let by_job = match store.rows_held() {
        Ok(rows) => rows,
        Err(_) if is_damaged => store.rows_held_readable(), // the faults are told already
        Err(error) => return Err(error.into()),
    };
    let outcomes = match store.outcomes_held() {
        Ok(outcomes) => outcomes,
        Err(_) if is_damaged => HashMap::new(), // what is lost shows as missing
        Err(error) => return Err(error.into()),
    };
    let gone = store.forgotten_by_job().or_else(|error| if is_damaged { Ok(HashMap::new()) } else { Err(error) })?;
    let first_gone = gone.keys().min().copied();
    let mut lines = report_lines(config)?;
    let mut examine_one = |job: PastJob| {
        if job.done {
            let leads = by_job.get(&job.seq).copied().unwrap_or_default();
            let in_store = Held {
                leads,
                outcomes: outcomes.get(&job.seq).copied().unwrap_or_default(),
                is_undone: undone.contains_key(&job.seq),
                gone: gone.get(&job.seq).copied().unwrap_or_default(),
                has_moved_up: undone.keys().next().copied().into_iter().chain(first_gone).any(|first| first < job.seq),
            };
            let changes = store.archive_changes(job.seq).or_else(|error| if is_damaged { Ok(HashMap::new()) } else { Err(error) })?;
            let finding = examine(config, &job, &mut lines, in_store, &changes);
            proof.add(finding);
        } else {
            proof.in_progress += 1;
            lines.remove(&job.job_id.to_string());
        }
        Ok::<(), Trouble>(())
    };
    if is_damaged {
        store.each_readable_job(&mut examine_one)?;
    } else {
        store.each_job(&mut examine_one)?;
    }
    drop(moment);
    let mut unreadable = Vec::new();
    for job in lines.into_keys() {
        match store.find_job(&job) {
            Ok(Some(_)) if !is_damaged => {} // committed meanwhile
            Ok(None) if !is_damaged => proof.unknown.push(job),
            Err(error) if !is_damaged => return Err(error.into()),
            _ => unreadable.push(job),
        }
    }
    tell_unreadable(config, &unreadable, "the store cannot be read where this job stands", proof)?;
    chain(config, store, head)
}
/// Without a store nothing can be proven: every job that the journals tell of is named.
fn prove_nothing(config: &Config, fault: String, proof: &mut Proof) -> Result<Value, Trouble> {
    let jobs: Vec<String> = report_lines(config)?.into_keys().collect();
    tell_unreadable(config, &jobs, "the store cannot be read", proof)?;
    proof.faults = vec![fault];
    let broken = |error: journal::JournalError| Trouble::environment(error.to_string());
    let records = journal::read(&config.folders.logs, Journal::Audit).map_err(broken)?;
    Ok(chain_told(&journal::verify_chain(records, None).map_err(broken)?, None))
}

/// Jobs of which only the journals tell, with their files, in the order of the journal.
fn tell_unreadable(config: &Config, jobs: &[String], why: &str, proof: &mut Proof) -> Result<(), Trouble> {
    if jobs.is_empty() {
        return Ok(());
    }
    let jobs: HashSet<&str> = jobs.iter().map(String::as_str).collect();
    let broken = |error: journal::JournalError| Trouble::environment(error.to_string());
    for record in journal::read(&config.folders.logs, Journal::Reports).map_err(broken)? {
        let Ok(line) = serde_json::from_slice::<Value>(&record.map_err(broken)?.bytes) else { continue };
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        if jobs.contains(text("job_id").as_str()) {
            proof.add(Finding { job_id: text("job_id"), file: text("file"), verdict: Verdict::Broken, why: vec![why.to_owned()] });
        }
    }
    Ok(())
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
fn examine(
    config: &Config,
    job: &PastJob,
    lines: &mut HashMap<String, (u32, [u8; 32])>,
    held: Held,
    changes: &HashMap<String, ArchiveChange>,
) -> Finding {
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
    let counts = !report.dry_run && !held.is_undone;
    let has_leads = counts && report.kind == Kind::Leads;
    let expected = if has_leads { (rows.accepted_new, rows.accepted_updated) } else { (0, 0) };
    let outcomes = if counts { report.outcomes.taken() } else { 0 };
    let held = held.with_the_gone();
    if held.outcomes != outcomes {
        why.push(format!("the store holds {} outcomes of it, its report says {outcomes}", held.outcomes));
    }
    let is_same = held.leads == expected
        // Someone who was known only from a job that was taken out is new with the next one.
        || (held.has_moved_up && held.leads.0 >= expected.0 && held.leads.0 + held.leads.1 == expected.0 + expected.1);
    if job.leads_kept && !is_same {
        let what = if held.is_undone { "it was undone and there should be" } else { "its report says" };
        why.push(format!("the store holds {:?} rows of it (new, known), {what} {expected:?}", held.leads));
    }
    let place = report.archived_as.as_deref().unwrap_or("-");
    let change = changes.get(place);
    match archived(config, job) {
        Ok(Original::NeverArchived) => by_record = Some("its original stayed with its owner".to_owned()),
        Ok(Original::Unhashed) => {}
        Ok(Original::Hashed(hash)) if Some(hash) == job.sha256 => {}
        Ok(Original::Hashed(hash)) if change.is_some_and(|change| change.sha256 == Some(hash)) => {
            by_record = Some(format!("{place} was rewritten, without the rows of people who were forgotten"));
        }
        Ok(Original::Hashed(_)) => why.push(format!("{place} is not the file that was taken")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            by_record = Some(match change {
                Some(change) => format!("{place} was {} on {}", change.change, clock::rfc3339(change.at_ms)),
                None => format!("{place} is missing from the archive"),
            });
        }
        Err(error) => why.push(format!("{place}: {error}")),
    }
    let verdict = match (why.is_empty(), &by_record) {
        (false, _) => Verdict::Broken,
        (true, Some(_)) => Verdict::ByRecord,
        (true, None) => Verdict::Proven,
    };
    why.extend(by_record);
    Finding { job_id, file: report.file, verdict, why }
}

/// What the archive holds of a job's original.
enum Original {
    NeverArchived,
    /// It is there, and the job kept no hash to hold it against.
    Unhashed,
    Hashed([u8; 32]),
}

fn archived(config: &Config, job: &PastJob) -> io::Result<Original> {
    let Some(place) = archived_place(&job.moves) else { return Ok(Original::NeverArchived) };
    let folder = OpenFolder::open(config.folders.path(place.folder.as_str()))?;
    if job.sha256.is_none() {
        return folder.look(&place.rel)?.map(|_| Original::Unhashed).ok_or_else(|| io::ErrorKind::NotFound.into());
    }
    Ok(Original::Hashed(sha256_of(&folder.open_file(&place.rel)?.0)?))
}

fn chain(config: &Config, store: &Store, head: Option<journal::Head>) -> Result<Value, Trouble> {
    let broken = |error: journal::JournalError| Trouble::environment(error.to_string());
    let records = journal::read(&config.folders.logs, Journal::Audit).map_err(broken)?;
    // An entry may have come in since the head was looked at: then only the chain itself is held against it.
    let head = head.filter(|head| store.head(Journal::Audit).is_ok_and(|now| now == *head));
    let verdict = journal::verify_chain(records, head.as_ref()).map_err(broken)?;
    Ok(chain_told(&verdict, head.as_ref()))
}

fn chain_told(verdict: &journal::ChainVerdict, head: Option<&journal::Head>) -> Value {
    let faults: Vec<String> = verdict.faults.iter().map(ToString::to_string).collect();
    json!({ "holds": verdict.holds(), "lines": verdict.lines, "faults": faults, "last": head.map(|head| hex(&head.last_hash)) })
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
    for fault in result["store_faults"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        page += &format!("store        {fault}\n");
    }
    for job in result["reports_without_job"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        page += &format!("unknown      reports.jsonl has a line of job {job}, which the store does not know\n");
    }
    if !listed.is_empty() {
        let rows: Vec<Vec<String>> =
            listed.iter().map(|f| vec![f.verdict.as_str().to_owned(), f.job_id.clone(), f.file.clone(), f.why.join("; ")]).collect();
        page += &format!("\n{}", console::table(&["VERDICT", "JOB", "FILE", "WHY"], &rows));
    }
    let is_job = |line: &Value| line.as_str().is_some_and(|job| uuid::Uuid::parse_str(job).is_ok());
    let is_rebuildable = result["store"] != "ok" || result["reports_without_job"].as_array().is_some_and(|jobs| jobs.iter().any(is_job));
    page + match (result["holds"] == true, is_rebuildable) {
        (true, _) => "\nEverything holds.\n",
        (false, false) => "\nSOMETHING IS BROKEN: see above.\n",
        (false, true) => {
            "\nSOMETHING IS BROKEN: see above. The journals and the archive know more than the store: stop the daemon and run `valhalla rebuild`.\n"
        }
    }
}
