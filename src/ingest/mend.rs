//! `reports.jsonl` torn or cut while nothing ran: the store has every line, so those that are gone are written again. And
//! the other way round: a store that knows fewer jobs than `reports.jsonl`, because an older one was put back, says so.
//!
//! Deliberately absent: the audit trail, which is there to show that somebody cut it, and lines in the middle, of which
//! `audit` tells. Nothing is read at a start that finds the journal as long as it was left.

use std::collections::HashSet;
use std::fs;

use serde::Deserialize;
use uuid::Uuid;

use super::{Fatal, Ingest};
use crate::journal::{self, AlertCode, Journal, State};
use crate::render::words::counted;

#[derive(Deserialize)]
struct JobOf {
    job_id: String,
}

/// The job of a report's line; none for a line of somebody else.
fn job_of(line: &[u8]) -> Option<Uuid> {
    let line: JobOf = serde_json::from_slice(line).ok()?;
    Uuid::parse_str(&line.job_id).ok()
}

impl Ingest {
    /// The report lines behind the last whole one on disk, without those that still wait in the outbox.
    pub(super) fn lost_reports(&self) -> Result<Vec<String>, Fatal> {
        let head = self.store.head(Journal::Reports)?;
        let waiting = self.store.outbox()?;
        let waiting: Vec<_> = waiting.iter().filter(|line| line.journal == Journal::Reports).collect();
        let due = waiting.first().map_or(head.length, |line| line.offset);
        let logs = &self.config.folders.logs;
        if fs::metadata(Journal::Reports.active_path(logs)).map_or(0, |metadata| metadata.len()) >= due {
            return Ok(Vec::new());
        }
        let mut last = 0;
        for record in journal::read(logs, Journal::Reports)? {
            let record = record?;
            let job = if record.state == State::Whole { job_of(&record.bytes) } else { None };
            if let Some(known) = job.map(|job| self.store.job(job)).transpose()?.flatten() {
                last = known.seq;
            }
        }
        let waiting: HashSet<Uuid> = waiting.iter().filter_map(|line| job_of(&line.bytes)).collect();
        let mut gone = Vec::new();
        self.store.each_job(|job| {
            if job.seq > last && !waiting.contains(&job.job_id) {
                gone.push(job.report);
            }
            Ok::<(), Fatal>(())
        })?;
        Ok(gone)
    }

    /// Tells of jobs that stand in `reports.jsonl` and not in the store, and goes on behind them. What still waits in the outbox
    /// stands behind the end of the file, or in it as a job that the store knows.
    pub(super) fn tell_if_behind(&mut self) -> Result<(), Fatal> {
        let unknown = self.unknown_jobs()?;
        if unknown == 0 {
            return Ok(());
        }
        tracing::error!(jobs = unknown, "the store is older than the journals");
        let detail = format!(
            "{} in reports.jsonl that the store does not know: their leads are not in it, and the same files could be taken again",
            counted(unknown, "job stands", "jobs stand")
        );
        let group = self.store.begin()?;
        self.adopt_journals(&group)?;
        self.alert(&group, AlertCode::StoreBehind, &detail)?;
        group.commit()?;
        self.publish()
    }

    /// Jobs in `reports.jsonl` behind the place where the store believes it to end. Nothing is read when it ends there.
    fn unknown_jobs(&self) -> Result<u64, Fatal> {
        let head = self.store.head(Journal::Reports)?;
        let logs = &self.config.folders.logs;
        let active = fs::metadata(Journal::Reports.active_path(logs)).map_or(0, |metadata| metadata.len());
        let is_closed = fs::metadata(Journal::Reports.closed_path(logs, head.segment)).is_ok();
        if !is_closed && active <= head.length {
            return Ok(0);
        }
        let mut unknown = 0;
        for record in journal::read(logs, Journal::Reports)? {
            let record = record?;
            if record.state == State::Whole
                && (record.segment, record.offset) >= (head.segment, head.length)
                && let Some(job) = job_of(&record.bytes)
            {
                unknown += u64::from(!self.store.knows(job)?);
            }
        }
        Ok(unknown)
    }

    /// Writes lost lines again, where the journal really ends, and says so.
    pub(super) fn write_again(&mut self, lost: &[String]) -> Result<(), Fatal> {
        if lost.is_empty() {
            return Ok(());
        }
        tracing::error!(lines = lost.len(), "reports.jsonl was cut, its last lines are written again");
        let group = self.store.begin()?;
        for head in self.journals.heads()?.iter().filter(|head| head.journal == Journal::Reports) {
            group.correct_head(head)?;
        }
        for line in lost {
            group.post(Journal::Reports, self.rotate_bytes(), |_, _| line.clone().into_bytes())?;
        }
        self.alert(
            &group,
            AlertCode::JournalTampered,
            &format!("reports.jsonl was cut while nothing ran; its last {} lines were written again", lost.len()),
        )?;
        group.commit()?;
        self.publish()
    }
}
