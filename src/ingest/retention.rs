//! Retention: files of the archive that are older than they are to be kept are removed, some jobs at a time.
//!
//! Only what a job of ours has put there goes, and only while it is still that: an original or a rejects file with other
//! content is somebody's work, and stays. What goes is noted in the store and the audit trail first, so that a death in between
//! leaves a file that the next pass removes. The store keeps what it holds of the leads; without its original a job can be
//! neither replayed nor rebuilt.

use std::collections::HashMap;
use std::io;

use serde_json::{Value, json};
use uuid::Uuid;

use super::delivery::Moves;
use super::{Fatal, Ingest};
use crate::beneath::{is_no_file, is_no_folder};
use crate::clock;
use crate::config::Retention;
use crate::inbox::{Folder, Move, Output, Place, Source};
use crate::journal::{Action, AuditEntry};
use crate::reading::sha256_of;
use crate::store::forget::ArchiveChange;
use crate::store::retention::OldJob;

/// Jobs that are looked at in one pass: drops wait for no more than their files.
const BATCH_JOBS: u32 = 64;
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// What one pass came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expired {
    /// Files that went, or would go.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Jobs that they were of.
    pub jobs: u64,
    /// Files that are old enough, and are not what we put there.
    pub changed: u64,
    /// The job behind which the next pass begins; none when this was the last one.
    pub next: Option<i64>,
}

impl Expired {
    /// For whoever asked a daemon.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "files": self.files, "bytes": self.bytes, "jobs": self.jobs, "changed": self.changed, "next": self.next })
    }
}

impl Ingest {
    /// One pass over jobs behind `after` whose files are older than they are to be kept. With `is_dry` they are counted only.
    ///
    /// # Errors
    /// [`Fatal`]. Repeating it completes what was begun.
    pub fn expire(&mut self, after: i64, is_dry: bool) -> Result<Expired, Fatal> {
        let (retention, now_ms) = (self.config.retention, clock::now_ms());
        let days = [retention.processed_days, retention.failed_days, retention.rejects_days];
        let Some(least) = days.into_iter().flatten().min() else { return Ok(Expired::default()) };
        let jobs = self.store.old_jobs(after, before(now_ms, least), BATCH_JOBS)?;
        let mut expired =
            Expired { next: jobs.last().filter(|_| jobs.len() == BATCH_JOBS as usize).map(|job| job.seq), ..Expired::default() };
        let mut going: Vec<(Uuid, Vec<Place>)> = Vec::new();
        for job in &jobs {
            let places = self.old_places(job, retention, now_ms, &mut expired)?;
            if !places.is_empty() {
                expired.jobs += 1;
                going.push((job.job_id, places));
            }
        }
        if is_dry || going.is_empty() {
            return Ok(expired);
        }
        self.note_expired(&going, &expired, now_ms)?;
        for place in going.iter().flat_map(|(_, places)| places) {
            self.spool.remove_archived(place)?;
        }
        tracing::info!(files = expired.files, bytes = expired.bytes, "old files were removed from the archive");
        Ok(expired)
    }

    /// The files of a job that are to go.
    fn old_places(&self, job: &OldJob, retention: Retention, now_ms: i64, expired: &mut Expired) -> Result<Vec<Place>, Fatal> {
        let mut going = Vec::new();
        let mut changes: Option<HashMap<String, ArchiveChange>> = None;
        for step in Moves::from_json(&job.moves).0 {
            if days_of(retention, &step).is_none_or(|days| job.finished_at_ms >= before(now_ms, days)) {
                continue;
            }
            let failed = |source| Fatal::Machine { what: format!("{}: looking whether it is to be kept", step.to), source };
            let (file, stat) = match self.spool.open_archived(&step.to) {
                Err(error) if is_no_file(&error) || is_no_folder(&error) => continue,
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    expired.changed += 1; // what we may not read is not what we put there
                    continue;
                }
                opened => opened.map_err(failed)?,
            };
            let written = match step.from {
                Source::Original => job.sha256,
                Source::Output(Output::Rejects) => job.rejects_sha256,
                Source::Output(_) => None, // texts and leads can be made again
            };
            if let Some(written) = written {
                let found = sha256_of(&file).map_err(failed)?;
                if found != written {
                    let changes = match &mut changes {
                        Some(changes) => changes,
                        none => none.insert(self.store.archive_changes(job.seq)?),
                    };
                    if changes.get(&step.to.to_string()).and_then(|change| change.sha256) != Some(found) {
                        expired.changed += 1;
                        continue;
                    }
                }
            }
            expired.files += 1;
            expired.bytes += stat.st_size.unsigned_abs();
            going.push(step.to);
        }
        Ok(going)
    }

    fn note_expired(&mut self, going: &[(Uuid, Vec<Place>)], expired: &Expired, at_ms: i64) -> Result<(), Fatal> {
        let group = self.store.begin()?;
        let mut told = serde_json::Map::new();
        for (job, places) in going {
            for place in places {
                group.note_archive_change(*job, &place.to_string(), &change(at_ms))?;
            }
            told.insert(job.to_string(), places.iter().map(ToString::to_string).collect());
        }
        self.audit(&group, &clock::rfc3339(at_ms), Action::Expired, |entry| {
            entry.detail = [
                ("files".to_owned(), json!(expired.files)),
                ("bytes".to_owned(), json!(expired.bytes)),
                ("places".to_owned(), Value::Object(told)),
            ]
            .into();
        })?;
        group.commit()?;
        self.publish()
    }
}

/// What an audit entry tells of files that were removed for their age.
pub(super) fn changes_in(entry: &AuditEntry) -> Vec<(Uuid, String, ArchiveChange)> {
    let (Action::Expired, Some(at_ms)) = (entry.action, clock::parse_ms(&entry.at)) else { return Vec::new() };
    let told = entry.detail.get("places").and_then(Value::as_object).into_iter().flatten();
    let of_jobs = told.filter_map(|(job, places)| Some((Uuid::parse_str(job).ok()?, places.as_array()?)));
    let places = of_jobs.flat_map(|(job, places)| places.iter().filter_map(Value::as_str).map(move |place| (job, place.to_owned())));
    places.map(|(job, place)| (job, place, change(at_ms))).collect()
}

fn change(at_ms: i64) -> ArchiveChange {
    ArchiveChange { change: "expired".to_owned(), at_ms, sha256: None, rows: Vec::new() }
}

/// How long a file is kept.
fn days_of(retention: Retention, step: &Move) -> Option<u32> {
    match (step.from, step.to.folder) {
        (Source::Output(Output::Rejects), _) => retention.rejects_days,
        (_, Folder::Processed) => retention.processed_days,
        (_, Folder::Failed) => retention.failed_days,
    }
}

/// The moment before which everything is older than so many days.
fn before(now_ms: i64, days: u32) -> i64 {
    now_ms - i64::from(days) * DAY_MS
}
