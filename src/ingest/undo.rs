//! `valhalla undo`: a job taken out again, exactly, in one transaction with its audit entry; then its file may be dropped again.
//!
//! What a job left in the store goes. What was told stays told: its report, its receipt, its archived original, its
//! journal lines. Undone once is undone; a job that left nothing has nothing to undo. Whoever wants to know first what
//! would go has the same done, and dropped before the commit.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Fatal, Ingest, archived_place};
use crate::clock;
use crate::config::Config;
use crate::engine::rules::Rules;
use crate::journal::report::Fate;
use crate::journal::{Action, Report};
use crate::render::words::counted;
use crate::store::read::PastJob;
use crate::store::undo::Undone;
use crate::store::{Group, Result, Store};

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoTold {
    /// The job.
    pub job_id: Uuid,
    /// Its file, as in the report.
    pub file: String,
    /// In one word.
    pub verdict: UndoVerdict,
    /// Why there is nothing to undo, or why it is refused.
    pub reason: Option<String>,
    /// When it was taken out, milliseconds since 1970.
    pub undone_at_ms: Option<i64>,
    /// What went, or would go.
    pub figures: Undone,
    /// Later drops of the same content, which were set aside because of it.
    pub set_aside: Vec<String>,
    /// Where its original lies.
    pub archived_as: Option<String>,
}

/// The answer in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndoVerdict {
    /// It is out.
    Undone,
    /// It would be; nothing was changed.
    WouldUndo,
    /// It was out before.
    AlreadyUndone,
    /// It left nothing that counts.
    NothingToUndo,
    /// It cannot be taken out exactly; nothing was changed.
    Refused,
}

impl UndoVerdict {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        ["undone", "would_undo", "already_undone", "nothing_to_undo", "refused"][self as usize]
    }
}

impl UndoTold {
    /// For programs, and for whoever asked a daemon.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let figures = &self.figures;
        json!({
            "job_id": self.job_id.to_string(),
            "file": self.file,
            "verdict": self.verdict.as_str(),
            "reason": self.reason,
            "undone_at": self.undone_at_ms.map(clock::rfc3339),
            "leads_removed": figures.leads_removed,
            "leads_folded": figures.leads_folded,
            "outcomes": figures.outcomes,
            "outcomes_waiting": figures.outcomes_waiting,
            "exposures": figures.exposures,
            "reopened": figures.reopened,
            "set_aside": self.set_aside,
            "archived_as": self.archived_as,
        })
    }
}

impl Ingest {
    /// Takes a job out. With `is_dry` nothing is changed.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn undo(&mut self, job: &PastJob, is_dry: bool) -> std::result::Result<UndoTold, Fatal> {
        let group = self.store.begin()?;
        let told = undo_in(&group, &self.config.root, job, is_dry)?;
        if told.verdict != UndoVerdict::Undone {
            return Ok(told); // the group is dropped
        }
        let at_ms = told.undone_at_ms.unwrap_or_else(clock::now_ms);
        self.audit(&group, &clock::rfc3339(at_ms), Action::Undone, |entry| {
            entry.job_id = Some(told.job_id.to_string());
            entry.file = Some(told.file.clone());
            let figures = told.figures;
            entry.detail = [
                ("leads_removed".to_owned(), json!(figures.leads_removed)),
                ("leads_folded".to_owned(), json!(figures.leads_folded)),
                ("outcomes".to_owned(), json!(figures.outcomes)),
                ("outcomes_waiting".to_owned(), json!(figures.outcomes_waiting)),
                ("exposures".to_owned(), json!(figures.exposures)),
                ("reopened".to_owned(), json!(figures.reopened)),
            ]
            .into();
        })?;
        group.commit()?;
        self.publish()?;
        self.go_back_to_what_is_known()?;
        self.store.checkpoint(super::CHECKPOINT_BYTES)?;
        tracing::info!(file = %told.file, job_id = %told.job_id, leads = told.figures.leads_removed, "undone");
        Ok(told)
    }
}

/// What would go if a job were taken out: all of it is done, and none of it kept. The caller holds the root's lock.
///
/// # Errors
/// [`StoreError`](crate::store::StoreError).
pub fn look(store: &Store, root: &Path, job: &PastJob) -> Result<UndoTold> {
    undo_in(&store.begin()?, root, job, true)
}

fn undo_in(group: &Group<'_>, root: &Path, job: &PastJob, is_dry: bool) -> Result<UndoTold> {
    let store = group.store();
    let report: Option<Report> = serde_json::from_str(&job.report).ok(); // one that is damaged is for `audit` to tell
    let mut told = UndoTold {
        job_id: job.job_id,
        file: report.as_ref().map_or_else(String::new, |report| report.file.clone()),
        verdict: UndoVerdict::NothingToUndo,
        reason: None,
        undone_at_ms: job.undone_at_ms,
        figures: Undone::default(),
        set_aside: store.set_aside_for(job.job_id)?,
        archived_as: archived_place(&job.moves).map(|place| place.to_string()),
    };
    if told.undone_at_ms.is_some() {
        told.verdict = UndoVerdict::AlreadyUndone;
        return Ok(told);
    }
    if let Some(why) = report.as_ref().and_then(nothing_of) {
        told.reason = Some(why);
        return Ok(told);
    }
    told.verdict = UndoVerdict::Refused;
    let returns = store.returns_of(job.job_id)?;
    if let Some((child, file)) = returns.first() {
        let count = counted(returns.len() as u64, "file brought", "files brought");
        told.reason = Some(format!("{count} rejected rows of it back, and they count: undo {file} (job {child}) first"));
        return Ok(told);
    }
    let at_ms = clock::now_ms();
    match group.undo(job.job_id, &rules_then(root), at_ms)? {
        Err(why) => told.reason = Some(why),
        Ok(figures) => {
            told.figures = figures;
            told.verdict = if is_dry { UndoVerdict::WouldUndo } else { UndoVerdict::Undone };
            told.undone_at_ms = (!is_dry).then_some(at_ms);
        }
    }
    Ok(told)
}

/// Reads the rules of a source from settings that were kept.
pub(super) fn rules_then(root: &Path) -> impl Fn(&str, &str) -> Option<Arc<Rules>> {
    |settings, source| Some(Config::read_back(root, settings).ok()?.rules_for(Some(source)))
}

/// Why a job left nothing that counts.
fn nothing_of(report: &Report) -> Option<String> {
    match report.fate {
        _ if report.dry_run => Some("it was a dry run: nothing of it was stored".to_owned()),
        Fate::Failed => Some("no row of it was taken".to_owned()),
        Fate::Duplicate => Some(match &report.duplicate_of {
            Some(earlier) => format!("it was set aside because job {earlier} had taken the same content: that is the job to undo"),
            None => "it was set aside: its content had been taken before".to_owned(),
        }),
        Fate::Processed => None,
    }
}
