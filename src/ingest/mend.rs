//! `reports.jsonl` torn or cut while nothing ran: the store has every line, so those that are gone are written again.
//!
//! Deliberately absent: the audit trail, which is there to show that somebody cut it, and lines in the middle, of which
//! `audit` tells. Nothing is read at a start that finds the journal as long as it was left.

use std::collections::HashSet;
use std::fs;

use serde::Deserialize;
use uuid::Uuid;

use super::{Fatal, Ingest};
use crate::journal::{self, AlertCode, Journal, State};

#[derive(Deserialize)]
struct JobOf {
    job_id: String,
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
        let job_of = |line: &[u8]| serde_json::from_slice::<JobOf>(line).ok().and_then(|line| Uuid::parse_str(&line.job_id).ok());
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
