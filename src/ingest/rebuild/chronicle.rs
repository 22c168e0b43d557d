//! What the journals tell of the past: every job in the order of commits, the settings that were in force for each, and what
//! people did to what was there.
//!
//! `reports.jsonl` holds what became of each job, `audit.jsonl` when the rules changed, and a second witness for every job.
//! Reports are streamed; of the audit trail only the settings and which of them held for which job are kept.

use std::collections::HashMap;
use std::path::Path;

use uuid::Uuid;

use super::super::Fatal;
use super::super::forget::archive::change_in;
use super::super::forget::{hash_in, told_in};
use super::super::retention::changes_in;
use crate::clock;
use crate::journal::{self, Action, AuditEntry, Journal, Report, State};
use crate::store::forget::{ArchiveChange, GoneRows, PersonHash};

/// One job as its report tells it.
#[derive(Debug)]
pub(super) struct Past {
    pub job_id: Uuid,
    pub report: Report,
    /// The very line.
    pub line: String,
    /// Milliseconds since 1970.
    pub started_at_ms: i64,
    /// Milliseconds since 1970.
    pub finished_at_ms: i64,
    /// The job whose rows or whose file it took up again.
    pub parent: Option<Uuid>,
    /// Hash of the bytes, where the file was read to its end.
    pub sha256: Option<[u8; 32]>,
}

impl Past {
    fn of(line: &[u8]) -> Option<Self> {
        let report: Report = serde_json::from_slice(line).ok()?;
        Some(Self {
            job_id: Uuid::parse_str(&report.job_id).ok()?,
            started_at_ms: clock::parse_ms(&report.started_at)?,
            finished_at_ms: clock::parse_ms(&report.finished_at)?,
            parent: report.parent_job.as_deref().and_then(|parent| Uuid::parse_str(parent).ok()),
            sha256: report.sha256.as_deref().and_then(bytes_of),
            line: String::from_utf8(line.to_vec()).ok()?,
            report,
        })
    }

    /// Whether rows of it were looked at, so that its file has to be read again.
    pub fn has_rows(&self) -> bool {
        !self.report.dry_run && self.report.rows.total > 0
    }
}

/// A line of `reports.jsonl`.
pub(super) enum Told {
    Job(Box<Past>),
    /// Whole, and no report: somebody wrote to the journal.
    Unreadable {
        segment: u32,
        offset: u64,
    },
}

/// The lines of `reports.jsonl`, one at a time. A last line without an end is none: its job was never told.
pub(super) fn reports(logs: &Path) -> Result<impl Iterator<Item = Result<Told, Fatal>>, Fatal> {
    Ok(journal::read(logs, Journal::Reports)?.filter_map(|record| match record {
        Err(error) => Some(Err(error.into())),
        Ok(record) if record.state == State::Torn => None,
        Ok(record) => Some(Ok(match Past::of(&record.bytes) {
            Some(past) => Told::Job(Box::new(past)),
            None => Told::Unreadable { segment: record.segment, offset: record.offset },
        })),
    }))
}

/// What the audit trail tells.
#[derive(Debug, Default)]
pub(super) struct Chronicle {
    /// The settings that decided about rows, in the order in which they came into force.
    pub settings: Vec<String>,
    /// How many of them had come into force when a job was committed.
    pub in_force: HashMap<Uuid, usize>,
    /// What people did to what was there, in that order.
    pub deeds: Vec<Deed>,
    /// How many of them had been done when a job was committed.
    pub deeds_before: HashMap<Uuid, usize>,
    /// What was done to files of the archive, the last for each.
    pub changes: HashMap<(Uuid, String), ArchiveChange>,
}

/// Something that people did to what was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    /// A job was taken out, so many milliseconds after the beginning of 1970.
    Undone { job_id: Uuid, at_ms: i64 },
    /// A person was erased, of whom the store held so many rows of each job.
    Forgotten { person: PersonHash, jobs: Vec<(Uuid, GoneRows)>, at_ms: i64 },
    /// What the store quoted of these rows was blanked, because they were an erased person's.
    Blanked { job_id: Uuid, rows: Vec<u64> },
    /// A person who was erased may come in again.
    Allowed { person: PersonHash },
    /// A model was pinned; none, where the name is empty.
    Pinned { model: String },
    /// Stored leads were brought up to the versions in force: those from a moment on, with this snapshot, and under the last of
    /// so many settings.
    Rescored { since_ms: Option<i64>, learned: u64, settings: usize },
}

impl Deed {
    fn of(entry: &AuditEntry, settings: usize) -> Option<Self> {
        let told = |key: &str| entry.detail.get(key).and_then(|value| value.as_str());
        match entry.action {
            Action::Undone => {
                let job_id = Uuid::parse_str(entry.job_id.as_deref()?).ok()?;
                Some(Self::Undone { job_id, at_ms: clock::parse_ms(&entry.at)? })
            }
            Action::Forgotten if entry.job_id.is_some() => {
                let rows = entry.detail.get("rows").and_then(|rows| rows.as_array()).into_iter().flatten();
                let rows = rows.filter_map(serde_json::Value::as_u64).collect();
                Some(Self::Blanked { job_id: Uuid::parse_str(entry.job_id.as_deref()?).ok()?, rows })
            }
            Action::Forgotten => {
                let (person, jobs) = told_in(&entry.detail)?;
                Some(Self::Forgotten { person, jobs, at_ms: clock::parse_ms(&entry.at)? })
            }
            Action::ForgottenAllowed => Some(Self::Allowed { person: hash_in(&entry.detail)? }),
            Action::ModelStep if matches!(told("step"), Some("pinned" | "released")) => {
                Some(Self::Pinned { model: told("model").unwrap_or_default().to_owned() })
            }
            Action::Rescored => {
                let learned = entry.detail.get("learned").and_then(serde_json::Value::as_u64)?;
                Some(Self::Rescored { since_ms: told("since").and_then(clock::parse_ms), learned, settings })
            }
            _ => None,
        }
    }
}

impl Chronicle {
    pub fn read(logs: &Path) -> Result<Self, Fatal> {
        let mut chronicle = Self::default();
        each_entry(logs, |entry| {
            if let Some(settings) = entry.detail.get("settings").and_then(|settings| settings.as_str()) {
                chronicle.settings.push(settings.to_owned());
            }
            if let Some(job) = job_of(&entry) {
                chronicle.in_force.insert(job, chronicle.settings.len());
                if !chronicle.deeds.is_empty() {
                    chronicle.deeds_before.insert(job, chronicle.deeds.len());
                }
            }
            if let Some((job, place, change)) = change_in(&entry) {
                chronicle.changes.insert((job, place), change);
            }
            chronicle.changes.extend(changes_in(&entry).into_iter().map(|(job, place, change)| ((job, place), change)));
            let settings = chronicle.settings.len();
            chronicle.deeds.extend(Deed::of(&entry, settings));
        })?;
        Ok(chronicle)
    }

    /// Everybody who was erased at some time.
    pub fn forgotten(&self) -> impl Iterator<Item = PersonHash> {
        self.deeds.iter().filter_map(|deed| match deed {
            Deed::Forgotten { person, .. } => Some(*person),
            _ => None,
        })
    }

    /// What was done to a job's original; none where it lies in the archive as it came.
    pub fn change_of(&self, past: &Past) -> Option<&ArchiveChange> {
        self.changes.get(&(past.job_id, past.report.archived_as.clone()?))
    }

    /// Jobs of the audit trail of which `is_known` has never heard: their reports are lost. Each with its file and rows.
    pub fn lost(logs: &Path, is_known: impl Fn(Uuid) -> Result<bool, Fatal>) -> Result<Vec<(Uuid, String, u64)>, Fatal> {
        let (mut lost, mut trouble) = (Vec::new(), None);
        each_entry(logs, |entry| {
            let Some(job) = job_of(&entry).filter(|_| trouble.is_none()) else { return };
            match is_known(job) {
                Ok(true) => {}
                Ok(false) => {
                    let rows = entry.detail.get("rows").and_then(|rows| rows["total"].as_u64()).unwrap_or(0);
                    lost.push((job, entry.file.unwrap_or_default(), rows));
                }
                Err(fatal) => trouble = Some(fatal),
            }
        })?;
        trouble.map_or(Ok(lost), Err)
    }
}

fn job_of(entry: &AuditEntry) -> Option<Uuid> {
    let is_job = matches!(entry.action, Action::Job | Action::Replayed);
    entry.job_id.as_deref().filter(|_| is_job).and_then(|job| Uuid::parse_str(job).ok())
}

/// Every entry of the audit trail that can be read; whether the chain holds is for `audit` to say.
fn each_entry(logs: &Path, mut each: impl FnMut(AuditEntry)) -> Result<(), Fatal> {
    for record in journal::read(logs, Journal::Audit)? {
        let record = record?;
        if let Ok(entry) = serde_json::from_slice(&record.bytes) {
            each(entry);
        }
    }
    Ok(())
}

/// Reads lower-case hexadecimal, as [`journal::hex`] writes it.
fn bytes_of(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_read_back() {
        let hash: [u8; 32] = std::array::from_fn(|at| u8::try_from(at * 7).unwrap_or(0));
        assert_eq!(bytes_of(&journal::hex(&hash)), Some(hash));
        for wrong in ["", "00", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(bytes_of(wrong), None, "{wrong}");
        }
    }
}
