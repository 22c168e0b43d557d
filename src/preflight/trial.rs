//! A sample through the real pipeline, under the configuration in force, in a root of its own that is removed afterwards.
//!
//! The root lies inside the real one, hence on the same file system, and never in the inbox. What a killed preflight left
//! there is removed by the next one. Only where things lie is changed in the configuration, and that everything is written
//! down; no rule about rows is.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::sample::{self, Sample};
use super::{Check, Held, Item, PreflightError};
use crate::config::{Config, Folders, Hold, LeadsFile, Mode, Output, Receipts};
use crate::ingest::{Ended, Fatal, Ingest, Start};
use crate::journal::report::Fate;
use crate::journal::snapshot::{Reasons, ValidationMetrics};
use crate::journal::{self, AlertCode, Journal, JournalError, Report};
use crate::lock::RootLock;
use crate::progress::Progress;

/// Begins the name of a root made for a sample.
const PREFIX: &str = ".preflight-";
/// The name of the sample.
const FILE: &str = "preflight.csv";
/// Nothing can be taken from it under any rules: it has no byte.
const BROKEN: &str = "preflight-empty.csv";

const STAGES: [&str; 6] = ["ab_test", "script_promotion", "deal_packet", "outcome", "clone_readiness", "lead_score"];

/// What came of it.
pub(super) struct Trial {
    pub checks: Vec<Check>,
    pub metrics: ValidationMetrics,
}

/// A root for one sample, removed with this value.
struct OwnRoot {
    path: PathBuf,
    lock: Option<RootLock>,
}

impl OwnRoot {
    fn make(root: &Path) -> Result<Self, PreflightError> {
        remove_left_behind(root);
        let path = root.join(format!("{PREFIX}{}", uuid::Uuid::now_v7()));
        let no_room = |path: &Path, source| PreflightError::NoRoom { path: path.display().to_string(), source };
        fs::create_dir(&path).map_err(|source| no_room(&path, source))?;
        let mut own = Self { path, lock: None }; // from here on removed on every path
        own.lock = Some(RootLock::take(&own.path).map_err(|error| no_room(&own.path, io::Error::other(error.to_string())))?);
        Ok(own)
    }
}

impl Drop for OwnRoot {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path); // what stays is removed by the next preflight
    }
}

/// Roots of preflights that were killed: nobody holds their lock.
fn remove_left_behind(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().filter_map(Result::ok) {
        let is_one = entry.file_name().to_string_lossy().starts_with(PREFIX) && entry.path().join(".lock").exists();
        if is_one && RootLock::take(&entry.path()).is_ok() {
            let _ = fs::remove_dir_all(entry.path()); // not ours to remove, perhaps: it is only in nobody's way
        }
    }
}

/// Takes a sample for the usual files and one for each source with rules of its own.
pub(super) fn run(config: &Config, stop: &Arc<AtomicBool>) -> Result<Trial, PreflightError> {
    let own = OwnRoot::make(&config.root)?;
    let mut samples = Vec::new();
    // Each in a store of its own: the same people may be in all of them.
    for (at, source) in std::iter::once(None).chain(config.sources().map(Some)).enumerate() {
        let within = Arc::new(moved(config, &own.path.join(at.to_string())));
        let mut sample = sample::build(&config.rules_for(source));
        if !config.store.leads {
            (sample.new, sample.repeated) = (sample.new + sample.repeated, 0); // without leads nobody is known again
        }
        let mut taken = Taken::new(source, sample);
        match drive(&within, stop, &mut taken) {
            Ok(()) => samples.push(taken),
            Err(_) if stop.load(Ordering::Relaxed) => return Err(PreflightError::Stopped),
            Err(why) => return Ok(nothing_went(&why.to_string())),
        }
    }
    Ok(told(&samples))
}

/// The configuration, in another place, with everything written down.
fn moved(config: &Config, root: &Path) -> Config {
    let folders = Folders {
        inbox: root.join("inbox"),
        processed: root.join("processed"),
        failed: root.join("failed"),
        logs: root.join("logs"),
        claimed: root.join(".claimed"),
        group: config.folders.group.clone(),
    };
    let store = crate::config::Store { path: root.join("valhalla.db"), ..config.store.clone() };
    let output = Output { leads: LeadsFile::Jsonl, receipts: Receipts::Always };
    let mut moved = config.clone();
    (moved.root, moved.mode, moved.folders, moved.store, moved.output) = (root.to_owned(), Mode::Live, folders, store, output);
    moved.alerts.channels.clear(); // nobody is to be told of a planted fault
    moved.risk.hold = Hold::Off; // nor is the sample to wait for a person because of it
    moved
}

/// One sample and what became of it.
struct Taken {
    source: Option<String>,
    sample: Sample,
    first: Option<Report>,
    again: Option<Report>,
    corrected: Option<Report>,
    /// Why the rejects file could not be corrected.
    uncorrected: String,
    /// The leads file beside the original.
    leads: Vec<Value>,
    /// Whether the archived original is what was dropped.
    is_kept: bool,
    recorded: Recorded,
}

impl Taken {
    fn new(source: Option<&str>, sample: Sample) -> Self {
        Self {
            source: source.map(str::to_owned),
            sample,
            first: None,
            again: None,
            corrected: None,
            uncorrected: "it was not written".to_owned(),
            leads: Vec::new(),
            is_kept: false,
            recorded: Recorded::default(),
        }
    }

    fn name(&self, what: &str) -> String {
        self.source.as_ref().map_or_else(|| what.to_owned(), |source| format!("{what} ({source})"))
    }

    fn below(&self, name: &str) -> PathBuf {
        self.source.as_ref().map_or_else(|| PathBuf::from(name), |source| Path::new(source).join(name))
    }
}

/// What the journals of the sample's root say.
#[derive(Default)]
struct Recorded {
    jobs: u64,
    /// Jobs whose report was read back as it was made.
    read_back: u64,
    are_conserved: bool,
    /// Entries of the audit chain, and how many do not hold.
    entries: u64,
    faults: u64,
    /// Codes of the alerts.
    raised: BTreeSet<String>,
}

#[derive(Debug, thiserror::Error)]
enum NoTrial {
    #[error(transparent)]
    Fatal(#[from] Fatal),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{0}: {1}")]
    Machine(String, io::Error),
    #[error("the sample was not taken: {0}")]
    Waits(String),
}

fn drive(within: &Arc<Config>, stop: &Arc<AtomicBool>, taken: &mut Taken) -> Result<(), NoTrial> {
    let (mut ingest, _) = Ingest::open(Arc::clone(within), Arc::new(Progress::default()), Arc::clone(stop), "preflight", Start::Clean)?;
    let rel = taken.below(FILE);
    let first = one(within, &mut ingest, &rel, &taken.sample.bytes)?;
    taken.is_kept = is_kept(within, &first, &taken.sample.bytes);
    taken.leads = leads_beside(within, &first);
    taken.again = Some(one(within, &mut ingest, &rel, &taken.sample.bytes)?);
    match corrected(within, &first, &taken.sample) {
        Ok((name, bytes)) => taken.corrected = Some(one(within, &mut ingest, &taken.below(&name), &bytes)?),
        Err(why) => taken.uncorrected = why,
    }
    let broken = one(within, &mut ingest, &taken.below(BROKEN), b"")?;
    drop(ingest);
    taken.recorded = recorded(within, &[taken.again.as_ref(), taken.corrected.as_ref(), Some(&first), Some(&broken)])?;
    taken.first = Some(first);
    Ok(())
}

/// What the journals say, read back, of the jobs that were done.
fn recorded(within: &Config, jobs: &[Option<&Report>]) -> Result<Recorded, NoTrial> {
    let logs = &within.folders.logs;
    let lines = |journal| -> Result<Vec<Value>, JournalError> {
        journal::read(logs, journal)?.map(|record| Ok(serde_json::from_slice(&record?.bytes).unwrap_or_default())).collect()
    };
    let reports: Vec<Report> = lines(Journal::Reports)?.into_iter().filter_map(|line| serde_json::from_value(line).ok()).collect();
    let jobs: Vec<&Report> = jobs.iter().copied().flatten().collect();
    let chain = journal::verify_chain(journal::read(logs, Journal::Audit)?, None)?;
    let raised = lines(Journal::Alerts)?.iter().filter_map(|alert| alert["code"].as_str().map(str::to_owned)).collect();
    Ok(Recorded {
        jobs: jobs.len() as u64,
        read_back: jobs.iter().filter(|job| reports.contains(job)).count() as u64,
        are_conserved: reports.iter().all(|report| report.rows.conserved()),
        entries: chain.lines,
        faults: chain.faults.len() as u64 + chain.more,
        raised,
    })
}

/// Drops a file into the inbox of the sample's root and takes it to its end.
fn one(within: &Config, ingest: &mut Ingest, rel: &Path, bytes: &[u8]) -> Result<Report, NoTrial> {
    let path = within.folders.inbox.join(rel);
    let machine = |error| NoTrial::Machine(path.display().to_string(), error);
    fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(machine)?;
    fs::write(&path, bytes).map_err(machine)?;
    let job = ingest.claim_path(rel)?.ok_or_else(|| NoTrial::Waits("it went away".to_owned()))?;
    match ingest.run(&[job])?.pop() {
        Some(Ended::Done(report)) => Ok(*report),
        Some(Ended::Waits { why, .. }) => Err(NoTrial::Waits(why.to_string())),
        None => Err(NoTrial::Waits("nothing was done".to_owned())),
    }
}

/// Whether the archived original is what was dropped, byte for byte, by its hash.
fn is_kept(within: &Config, report: &Report, dropped: &[u8]) -> bool {
    let Some(archived) = &report.archived_as else { return false };
    let hash = |bytes: &[u8]| journal::hex(&Sha256::digest(bytes));
    let expected = hash(dropped);
    fs::read(within.root.join(archived)).is_ok_and(|bytes| hash(&bytes) == expected) && report.sha256.as_deref() == Some(&expected)
}

fn leads_beside(within: &Config, report: &Report) -> Vec<Value> {
    let Some(archived) = &report.archived_as else { return Vec::new() };
    let folder = within.root.join(archived).parent().map(Path::to_path_buf).unwrap_or_default();
    let files = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let leads = files.filter(|path| path.to_string_lossy().ends_with(".leads.jsonl"));
    let text: String = leads.filter_map(|path| fs::read_to_string(path).ok()).collect();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The rejects file with its cells corrected, and its name.
fn corrected(within: &Config, report: &Report, sample: &Sample) -> Result<(String, Vec<u8>), String> {
    let rejects = report.rejects_as.as_ref().ok_or("no rejects file was written")?;
    let path = within.root.join(rejects);
    let mut text = fs::read_to_string(&path).map_err(|error| format!("{rejects}: {error}"))?;
    for (planted, right) in &sample.corrections {
        if text.matches(planted).count() == 0 {
            return Err(format!("{rejects}: a planted cell is not in it"));
        }
        // The first time it stands is the cell; its message may quote it further on.
        text = text.replacen(planted, right, 1);
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok((name, text.into_bytes()))
}

/// The checks, one of each kind per sample.
fn told(samples: &[Taken]) -> Trial {
    let checks = samples.iter().flat_map(|taken| of_sample(taken).into_iter().chain(of_journals(taken))).collect();
    let firsts = || samples.iter().filter_map(|taken| taken.first.as_ref());
    let staged = samples.iter().flat_map(|taken| &taken.leads).filter(|lead| has_six_stages(lead)).count();
    let score = firsts().next().and_then(|report| report.quality.score);
    let reasons = if score.is_none() { reason("data_quality_score", "no row of the sample was read") } else { Reasons::new() };
    let metrics = ValidationMetrics {
        leads_ingested: Some(firsts().map(|report| report.rows.accepted_new + report.rows.accepted_updated).sum()),
        leads_processed: Some(staged as u64),
        data_quality_score: score,
        reasons,
        ..ValidationMetrics::default()
    };
    Trial { checks, metrics }
}

fn of_sample(taken: &Taken) -> Vec<Check> {
    let sample = &taken.sample;
    let Some(first) = &taken.first else { return Vec::new() };
    let expected = format!("{} rows: {} new, {} repeated, {} rejected", sample.total(), sample.new, sample.repeated, sample.faults.len());
    let rows = first.rows;
    let measured = match &first.reason {
        Some(reason) => format!("the sample failed: {reason}"),
        None => format!("{} rows: {} new, {} repeated, {} rejected", rows.total, rows.accepted_new, rows.duplicates_in_file, rows.rejected),
    };
    let people: BTreeSet<String> = taken.leads.iter().filter_map(|lead| lead["email"].as_str().map(str::to_lowercase)).collect();
    let missed: Vec<&str> = sample.faults.iter().copied().filter(|code| !first.issues.by_code.contains_key(*code)).collect();
    let found: Vec<String> = first.issues.by_code.iter().map(|(code, count)| format!("{code} {count}")).collect();
    let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
    let staged = taken.leads.iter().filter(|lead| has_six_stages(lead)).count() as u64;
    let rejected = sample.faults.len() as u64;
    let (fixed, is_fixed) = match &taken.corrected {
        Some(report) => (
            format!("{} of {rejected} rows taken when it came back corrected", report.rows.accepted_new),
            report.rows.accepted_new == rejected && report.rows.rejected == 0 && report.parent_job.as_deref() == Some(&first.job_id),
        ),
        None => (taken.uncorrected.clone(), false),
    };
    let fate = taken.again.as_ref().map(|report| report.fate);
    let parts = [
        (Item::CsvIngestion, "sample file", measured == expected, measured, expected.clone()),
        (
            Item::CsvIngestion,
            "leads kept",
            people == sample.people,
            format!("{} of {} people", people.len(), sample.people.len()),
            "exactly those of the sample".to_owned(),
        ),
        (
            Item::CsvIngestion,
            "original kept",
            taken.is_kept,
            if taken.is_kept { "archived, same SHA-256" } else { "not the bytes that were dropped" }.to_owned(),
            "SHA-256 of what was dropped".to_owned(),
        ),
        (Item::DataQuality, "faults found", missed.is_empty() && rows.rejected == rejected, found, sample.faults.join(", ")),
        (Item::DataQuality, "rejects come back", is_fixed, fixed, format!("{rejected} of {rejected}")),
        (
            Item::PipelineProcessing,
            "six stages",
            staged == sample.new,
            format!("{staged} leads with six stages, each with its basis"),
            format!("{} leads", sample.new),
        ),
        (
            Item::PipelineProcessing,
            "same file again",
            fate == Some(Fate::Duplicate),
            fate.map_or("-", fate_text).to_owned(),
            "duplicate".to_owned(),
        ),
    ];
    parts
        .into_iter()
        .map(|(item, name, holds, measured, limit)| {
            let check = Check::passed(item, &taken.name(name), measured, limit);
            match (holds, sample.doubts.is_empty()) {
                (true, true) => check,
                (true, false) if name != "sample file" => check,
                (_, false) => {
                    let measured = format!("no sample could be made from the configuration: {}", sample.doubts.join("; "));
                    Check { measured, ..check }
                        .turned(Held::NotChecked, "Try a file of your own: `valhalla check FILE` shows how each row would be read.")
                }
                (false, true) => check.turned(
                    Held::Failed,
                    "The rules refuse what they should take: look at [columns], [reading], [limits] and [source] with `valhalla config show`.",
                ),
            }
        })
        .collect()
}

fn of_journals(taken: &Taken) -> Vec<Check> {
    let broken = "Look at the disk: what was written is not what is read. If it is sound, please report this.";
    let Recorded { jobs, read_back, are_conserved, entries, faults, raised } = &taken.recorded;
    let codes = raised.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let check = |item, name: &str, measured: String, limit: &str, holds: bool| {
        Check::passed(item, &taken.name(name), measured, limit).unless(holds, Held::Failed, broken)
    };
    vec![
        check(Item::PipelineProcessing, "no row lost", format!("{jobs} jobs"), "every row of every job is in one figure", *are_conserved),
        check(
            Item::AlertLogging,
            "reports readable",
            format!("{read_back} of {jobs} read back"),
            "one line for each job",
            read_back == jobs,
        ),
        check(
            Item::AlertLogging,
            "audit readable",
            format!("{entries} entries, {faults} faults"),
            "an unbroken chain",
            *entries > 0 && *faults == 0,
        ),
        check(
            Item::AlertLogging,
            "alert raised",
            if codes.is_empty() { "none".to_owned() } else { codes },
            "file_failed, for a file with nothing in it",
            raised.contains(AlertCode::FileFailed.as_str()),
        ),
    ]
}

/// Not even the sample's own root could be worked in.
fn nothing_went(why: &str) -> Trial {
    let action = "Do what it says; the daemon would meet the same.";
    let items = [Item::CsvIngestion, Item::DataQuality, Item::PipelineProcessing, Item::AlertLogging];
    let checks = items.map(|item| {
        let held = if item == Item::CsvIngestion { Held::Failed } else { Held::NotChecked };
        Check::passed(item, "sample file", why, "goes through the pipeline").turned(held, action)
    });
    let reasons = ["leads_ingested", "leads_processed", "data_quality_score"].map(|key| (key.to_owned(), why.to_owned())).into();
    Trial { checks: checks.into(), metrics: ValidationMetrics { reasons, ..ValidationMetrics::default() } }
}

fn has_six_stages(lead: &Value) -> bool {
    let stages = &lead["stages"];
    stages.as_object().is_some_and(|stages| stages.len() == STAGES.len())
        && STAGES.iter().all(|stage| stages[*stage]["basis"].as_str().is_some_and(|basis| !basis.is_empty()))
}

fn reason(key: &str, why: &str) -> Reasons {
    [(key.to_owned(), why.to_owned())].into()
}

const fn fate_text(fate: Fate) -> &'static str {
    match fate {
        Fate::Processed => "processed",
        Fate::Failed => "failed",
        Fate::Duplicate => "duplicate",
    }
}
