//! `reports.jsonl` torn or cut while nothing ran: the store has every line, so those that are gone are written again. And
//! the other way round: a store that knows fewer jobs than `reports.jsonl`, because an older one was put back, says so.
//!
//! Deliberately absent: the audit trail, which is there to show that somebody cut it, and lines in the middle, of which
//! `audit` tells. Nothing is read at a start that finds the journal as long as it was left.

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
    /// Writes lost lines again, where the journal really ends, and says so.
    ///
    /// One transaction places them all: a crash before it finds the journal as short as now, one behind it finds them in the
    /// outbox. Lines that were waiting there are placed anew with the lost ones, so that all stand in the order of commits.
    pub(super) fn mend_reports(&mut self) -> Result<(), Fatal> {
        let Some(last) = self.last_report_left()? else { return Ok(()) };
        let group = self.store.begin()?;
        group.withdraw(Journal::Reports)?;
        for head in self.journals.heads()?.iter().filter(|head| head.journal == Journal::Reports) {
            group.correct_head(head)?;
        }
        let mut lines = 0;
        self.store.each_job_after(last, |job| {
            lines += 1;
            Ok::<(), Fatal>(group.post(Journal::Reports, self.rotate_bytes(), |_, _| job.report.into_bytes())?)
        })?;
        tracing::error!(lines, "reports.jsonl was cut, its last lines are written again");
        let detail = format!("reports.jsonl was cut while nothing ran; its last {lines} lines were written again");
        self.alert(&group, AlertCode::JournalTampered, &detail)?;
        group.commit()?;
        Ok(())
    }

    /// When the journal on disk is shorter than it was left: the place, in the order of commits, of the last job that it has.
    fn last_report_left(&self) -> Result<Option<i64>, Fatal> {
        let due =
            self.store.first_waiting(Journal::Reports)?.map_or_else(|| self.store.head(Journal::Reports).map(|head| head.length), Ok)?;
        let logs = &self.config.folders.logs;
        if fs::metadata(Journal::Reports.active_path(logs)).map_or(0, |metadata| metadata.len()) >= due {
            return Ok(None);
        }
        let mut last = 0;
        for record in journal::read(logs, Journal::Reports)? {
            let record = record?;
            let job = if record.state == State::Whole { job_of(&record.bytes) } else { None };
            if let Some(known) = job.map(|job| self.store.job(job)).transpose()?.flatten() {
                last = known.seq;
            }
        }
        Ok(Some(last))
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
}
