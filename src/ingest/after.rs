//! After the commit, and after a crash: journals, moves, and what a start finds undone.
//!
//! Every step here can be repeated and leaves the same; none decides what becomes of a drop, which the store has by now.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use uuid::Uuid;

use super::delivery::Moves;
use super::ledger::Notice;
use super::{Fatal, Ingest, Job, Recovered, Start, UNFINISHED_STARTS, fate_name, finding_code};
use crate::beneath::{is_no_file, is_no_folder};
use crate::clock;
use crate::inbox::{self, Claim, DropKind, Finished, Found, HoldMark, Names, Output, Place, Spool, SpoolError, display_name};
use crate::journal::{self, Action, AlertCode, Report};
use crate::reading::{Look, sha256_of};
use crate::render::receipt::Facts;
use crate::render::words::counted;
use crate::risk;
use crate::store::Group;

/// A recorded job, with what is left to do after the commit.
#[derive(Debug)]
pub(super) struct Delivery {
    pub claim: Claim,
    pub names: Names,
    pub moves: Moves,
    pub report: Report,
    pub facts: Facts,
    /// The file as it was when it was taken; unknown after a restart.
    pub look: Option<Look>,
    /// What its figures are like beside its source's past.
    pub findings: Vec<risk::Finding>,
}

impl Delivery {
    /// Whether somebody wrote to the original after it had been read, and before it was archived for good. Where it is gone
    /// there is nothing to drop anew.
    fn is_changed(&self, spool: &Spool) -> Result<bool, Fatal> {
        let Some(step) = self.moves.0.iter().find(|step| step.from == inbox::Source::Original) else { return Ok(false) };
        let asked = match self.look {
            Some(then) => spool.look_claimed(&self.claim).map(|now| now.is_some_and(|now| !then.same_content(&now))),
            None => match spool.open_claimed(&self.claim) {
                Err(error) if is_no_folder(&error) => spool.open_archived(&step.to),
                opened => opened,
            }
            .and_then(|(file, _)| self.is_other(&file)),
        };
        match asked {
            Err(error) if is_no_folder(&error) || is_no_file(&error) => Ok(false),
            asked => asked.map_err(|source| Fatal::Machine { what: format!("looking at {}", display_name(&self.claim.rel)), source }),
        }
    }

    /// Whether a file is another than the report speaks of: after a restart only its content can tell.
    fn is_other(&self, file: &File) -> io::Result<bool> {
        Ok(match &self.report.sha256 {
            Some(taken) => journal::hex(&sha256_of(file)?) != *taken,
            // Not even its length is known of a file that was never opened.
            None => self.report.bytes > 0 && file.metadata()?.len() != self.report.bytes,
        })
    }
}

impl Ingest {
    /// Brings every line of the outbox to its journal, durably.
    pub(super) fn publish(&mut self) -> Result<(), Fatal> {
        let notes = self.publish_waiting()?;
        if notes.is_empty() {
            return Ok(());
        }
        // Someone else wrote to a journal, or cut it: our lines are there; go on from where the file really ends.
        let group = self.store.begin()?;
        for head in self.journals.heads()? {
            group.correct_head(&head)?;
        }
        for note in &notes {
            tracing::error!(%note, "a journal is not as we left it");
            self.alert(&group, AlertCode::JournalTampered, &note.to_string())?;
        }
        group.commit()?;
        self.journals.realign();
        self.publish_waiting().map(drop) // what is odd about these few lines is found with the next ones
    }

    /// The outbox, a bounded number of lines at a time.
    fn publish_waiting(&mut self) -> Result<Vec<journal::Note>, Fatal> {
        let mut notes = Vec::new();
        loop {
            let waiting = self.store.outbox()?;
            notes.extend(self.journals.publish(&waiting.lines)?);
            self.store.note(|store| store.clear_outbox(waiting.last))?;
            if !waiting.is_cut {
                return Ok(notes);
            }
        }
    }

    /// Writes the derived texts and moves everything to its final name, the originals last.
    pub(super) fn deliver(&mut self, deliveries: &[Delivery]) -> Result<(), Fatal> {
        let mut finished: Vec<Finished> = Vec::with_capacity(deliveries.len());
        let mut changed = Vec::new();
        for delivery in deliveries {
            let is_changed = delivery.is_changed(&self.spool)?;
            let (done, moves) = self.move_out(delivery)?;
            finished.push(done);
            if is_changed {
                changed.push(Notice::about(AlertCode::FileChangedAfterCommit, &delivery.report.file, self.drop_anew(delivery, &moves)?));
            }
            self.retire_rejects(&delivery.facts)?;
            log_end(&delivery.report);
        }
        self.spool.sync_finished(&finished).map_err(|source| Fatal::Machine { what: "making moves durable".to_owned(), source })?;
        self.spool.remove_claims(&finished);
        self.store.note(|store| deliveries.iter().try_for_each(|delivery| store.mark_done(delivery.claim.job_id)))?;
        self.raise(&changed)
    }

    /// A writer went on after the file had been taken: what it is now is dropped once more, beside the archived one.
    pub(super) fn drop_anew(&self, delivery: &Delivery, moves: &Moves) -> Result<String, Fatal> {
        let original = moves.0.iter().find(|step| step.from == inbox::Source::Original);
        if let Some(step) = original {
            self.spool.drop_anew(&step.to, &delivery.claim.rel)?;
        }
        Ok(format!("{} was written to after it had been taken; what it is now was dropped anew", delivery.report.file))
    }

    /// Moves one job's files to their final names; the names that it took, which are others when somebody took those.
    pub(super) fn move_out(&self, delivery: &Delivery) -> Result<(Finished, Moves), Fatal> {
        let claim = &delivery.claim;
        for (output, text) in delivery.moves.texts(&delivery.report, &delivery.facts) {
            let Some(place) = delivery.moves.place_of(output) else { continue };
            // A text that was moved before a crash is not made again: beside the first it would look like somebody else's.
            if !self.spool.has_output(claim, output)? && self.spool.is_taken(place)? {
                self.spool.mend_text(place, &text)?;
            } else if self.spool.stands(claim)? {
                let written = self.spool.create_output(claim, output)?.write_all(text.as_bytes());
                written.map_err(|source| Fatal::Machine { what: format!("writing {}", claim.output(output).display()), source })?;
            }
        }
        match self.spool.finish(claim, &delivery.moves.0) {
            Err(SpoolError::NameTaken { to }) => {
                tracing::warn!(name = %to, "somebody took this name meanwhile, choosing another");
                self.spool.release_names(&delivery.names);
                let names = self.spool.choose_names(&claim.rel, delivery.moves.wants())?;
                let moves = Moves::to(&names);
                self.store.rename(claim.job_id, &moves.to_json())?;
                Ok((self.spool.finish(claim, &moves.0)?, moves))
            }
            finished => Ok((finished?, delivery.moves.clone())),
        }
    }

    /// When the last row of a rejects file has come back fixed, our unedited copies of it leave `failed/`.
    pub(super) fn retire_rejects(&self, facts: &Facts) -> Result<(), Fatal> {
        let Some(returned) = facts.returned.as_ref().filter(|returned| returned.open == 0) else { return Ok(()) };
        let Ok(parent) = Uuid::parse_str(&returned.parent_job) else { return Ok(()) };
        for (moves, sha256) in self.store.rejects_files(parent)? {
            let rejects = Moves::from_json(&moves).0.into_iter().find(|step| step.from == inbox::Source::Output(Output::Rejects));
            let Some(place) = rejects.map(|step| step.to) else { continue };
            // Once more after a failure that may have been a moment's. It is no reason to stop: the rows are in.
            if let Err(error) = self.retire(&place, &sha256).or_else(|_| self.retire(&place, &sha256)) {
                tracing::warn!(%error, "a resolved rejects file stays in failed/");
            }
        }
        Ok(())
    }

    fn retire(&self, place: &Place, sha256: &[u8; 32]) -> Result<(), Fatal> {
        match self.spool.open_archived(place).and_then(|(file, _)| sha256_of(&file)) {
            Ok(hash) if hash == *sha256 => Ok(self.spool.retire(place)?),
            Err(source) if !is_no_folder(&source) && !is_no_file(&source) => {
                Err(Fatal::Machine { what: format!("reading {place}"), source })
            }
            _ => Ok(()), // edited, or gone: it is somebody's
        }
    }

    // ---- recovery: what a crash left --------------------------------------------------------------------------------------

    /// Finishes committed jobs and gathers the claims that have to be processed again.
    pub(super) fn recover(&mut self, start: Start) -> Result<Recovered, Fatal> {
        self.mend_reports()?;
        self.publish()?;
        let mut deliveries = Vec::new();
        for job in self.store.unfinished()? {
            let Ok(report) = serde_json::from_str::<Report>(&job.report) else { continue };
            let rel = inbox::path_from_text(&report.file).unwrap_or_else(|| PathBuf::from(&report.file));
            let facts = serde_json::from_str(&job.facts).unwrap_or_default();
            let claim = self.spool.claim_at(job.job_id, &rel);
            deliveries.push(Delivery {
                claim,
                names: Names::default(),
                moves: Moves::from_json(&job.moves),
                report,
                facts,
                look: None,
                findings: Vec::new(),
            });
        }
        self.deliver(&deliveries)?;
        let mut recovered = Recovered { finished: deliveries.len(), ..Recovered::default() };
        if self.config.mode.is_dry_run() {
            return Ok(recovered); // a dry run moves nothing: what is claimed waits for the next start that is none
        }
        let mut held = inbox::held(&self.config.folders.claimed)
            .map_err(|source| Fatal::Machine { what: "listing the held files".to_owned(), source })?;
        for found in self.spool.claims()? {
            match found {
                Found::Claim(claim) if self.store.knows(claim.job_id)? => tell_stray(&claim.dir, "its job is done"),
                Found::Claim(claim) if inbox::mark_of(&claim) == Some(HoldMark::Held) => self.spool.clear_outputs(&claim)?,
                Found::Claim(claim) => {
                    let decided = inbox::mark_of(&claim);
                    self.spool.clear_outputs(&claim)?;
                    if start != Start::AfterDeath {
                        self.spool.rewrite_claim(&claim)?; // its sync may be what failed; a death would have taken the pages along
                    }
                    let looked = claim.original().symlink_metadata();
                    let looked = looked.map_err(|source| Fatal::Machine { what: format!("looking at {}", claim.dir.display()), source })?;
                    let kind = if looked.is_dir() { DropKind::Bundle } else { DropKind::File };
                    let times = if start == Start::AfterDeath { self.store.found_unfinished(claim.job_id)? } else { 0 };
                    let job = Job { decided, ..self.job_of_claim(claim, kind) };
                    if times < UNFINISHED_STARTS || inbox::deaths(&job.claim) > 0 {
                        recovered.again.push(job);
                    } else {
                        recovered.doubtful.push(job);
                    }
                }
                Found::OutputsOnly { job_id, .. } => {
                    // A job whose original stays with its owner: uncommitted, it never happened; committed, it is delivered.
                    let claim = self.spool.claim_at(job_id, Path::new("outputs"));
                    self.spool.clear_outputs(&claim)?;
                    self.spool.remove_claims(&[self.spool.finish(&claim, &[])?]);
                }
                Found::Stray { path, why } => tell_stray(&path, why),
            }
        }
        held.retain(|held| Uuid::parse_str(&held.job_id).is_ok_and(|job| !self.store.knows(job).unwrap_or(true)));
        self.tell_held(&held)?;
        Ok(recovered)
    }

    /// A store that knows less than the journals beside it goes on where they end.
    pub(super) fn adopt_journals(&self, group: &Group<'_>) -> Result<(), Fatal> {
        for head in self.journals.heads()? {
            group.adopt_head(&head, self.journals.count(head.journal)?)?;
        }
        Ok(())
    }

    /// The last job of an earlier run, for whoever asks what was done last.
    pub(super) fn recall(&self) -> Result<(), Fatal> {
        let last = self.store.last_report()?.and_then(|line| serde_json::from_str(&line).ok()); // of a later version: unknown
        if let Some(report) = last {
            self.progress.recall(report);
        }
        Ok(())
    }

    pub(super) fn audit_start(&mut self, start: Start, recovered: &Recovered) -> Result<(), Fatal> {
        let at = clock::rfc3339(clock::now_ms());
        let unfinished = recovered.finished + recovered.again.len() + recovered.doubtful.len();
        let group = self.store.begin()?;
        if start != Start::Again {
            self.audit(&group, &at, Action::Started, |entry| {
                entry.detail.insert("program".to_owned(), json!(env!("CARGO_PKG_VERSION")));
            })?;
        }
        if unfinished > 0 && start != Start::Again {
            self.audit(&group, &at, Action::Recovered, |entry| {
                entry.detail.insert("finished".to_owned(), json!(recovered.finished));
                entry.detail.insert("again".to_owned(), json!(recovered.again.len() + recovered.doubtful.len()));
            })?;
            let detail = format!(
                "{} files had been committed and were finished, {} are processed again",
                recovered.finished,
                recovered.again.len() + recovered.doubtful.len()
            );
            if start == Start::AfterDeath {
                self.alert(&group, AlertCode::PreviousRunDied, &detail)?;
            }
        }
        if let Some(first) = recovered.doubtful.first() {
            let count = counted(recovered.doubtful.len() as u64, "file was", "files were");
            let detail = format!("{count} found unfinished {UNFINISHED_STARTS} times or more, {} first among them", first.file);
            self.alert(&group, AlertCode::JobUnfinishedRepeatedly, &detail)?;
        }
        for finding in self.spool.take_findings() {
            self.alert(&group, finding_code(&finding), &finding.to_string())?;
        }
        group.commit()?;
        self.publish()
    }

    /// Writes down that we end by ourselves.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn close(mut self) -> Result<(), Fatal> {
        self.tell_folded(true)?;
        let group = self.store.begin()?;
        self.audit(&group, &clock::rfc3339(clock::now_ms()), Action::Stopped, |_| {})?;
        group.commit()?;
        self.publish()?;
        Ok(self.store.checkpoint(0)?)
    }
}

fn log_end(report: &Report) {
    let rows = report.rows;
    tracing::info!(
        file = %report.file,
        job_id = %report.job_id,
        fate = fate_name(report.fate),
        rows = rows.total,
        new = rows.accepted_new,
        updated = rows.accepted_updated,
        duplicates = rows.duplicates_in_file,
        rejected = rows.rejected,
        ms = report.duration_ms,
        dry_run = report.dry_run,
        "done"
    );
}

fn tell_stray(path: &Path, why: &str) {
    tracing::warn!(path = %display_name(path), why, "something in .claimed/ is not ours, it is left alone");
}
