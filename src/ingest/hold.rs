//! Files whose figures are too bad to count them unseen: held in their claim folder until a person releases or discards them.
//!
//! A held file is not taken: no row, no report, no record, no name. What was decided is on disk before it is done, so that
//! whatever dies, the file is held, or goes the way that was chosen, and is counted at most once.

use serde_json::{Value, json};

use super::{Begun, Ended, Fatal, Ingest, Job, Wait};
use crate::clock;
use crate::config::Hold;
use crate::inbox::{self, DropKind, Found, Held, HoldMark};
use crate::journal::report::Fate;
use crate::journal::{self, Action, AlertCode, Report};
use crate::render::words::counted;
use crate::risk::{self, Finding, Health, Level, RiskLevel};
use crate::store::Group;

impl Ingest {
    /// Whether a job waits for a person, and why. Never one that a person asked for by name, or decided about before, nor one
    /// of the past; and none that gives nothing, which counts nothing.
    pub(super) fn holds(&self, begun: &Begun<'_>, report: &Report, findings: &[Finding]) -> Option<Held> {
        let job = begun.job;
        let is_asked_for = job.stays || job.dry_run || job.replays.is_some() || job.then_ms.is_some() || job.decided.is_some();
        if is_asked_for || begun.parent.is_some() || report.fate != Fate::Processed {
            return None;
        }
        let verdict = risk::assess(findings);
        let is_held = match self.config.risk.hold {
            Hold::Off => false,
            Hold::Critical => verdict.health == Health::Critical,
            Hold::High => verdict.risk == RiskLevel::High,
        };
        let mut bad: Vec<&Finding> = findings.iter().filter(|finding| finding.is_bad()).collect();
        bad.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        is_held.then(|| Held {
            job_id: job.job_id.to_string(),
            file: job.file.clone(),
            at: clock::rfc3339(clock::now_ms()),
            sha256: begun.sha256.map(|hash| journal::hex(&hash)),
            rows: report.rows.total,
            why: bad.iter().map(|finding| finding.detail.clone()).collect(),
            causes: verdict.causes.iter().map(|code| code.as_str().to_owned()).collect(),
        })
    }

    /// That a file is held, in the group whose other jobs are committed.
    pub(super) fn audit_held(&self, group: &Group<'_>, held: &Held) -> Result<(), Fatal> {
        self.audit(group, &held.at, Action::Held, |entry| {
            entry.job_id = Some(held.job_id.clone());
            entry.file = Some(held.file.clone());
            entry.detail = [("rows".to_owned(), json!(held.rows)), ("causes".to_owned(), json!(held.causes))].into();
        })
    }

    /// Marks claims as held, and tells it. Dying before the mark leaves ordinary claims, which are assessed again.
    pub(super) fn keep_held(&mut self, jobs: &[(Job, Held)]) -> Result<(), Fatal> {
        for (job, held) in jobs {
            self.spool.hold(&job.claim, held)?;
            tracing::warn!(file = %held.file, job_id = %held.job_id, causes = ?held.causes, "held until a person decides");
        }
        let held: Vec<Held> = jobs.iter().map(|(_, held)| held.clone()).collect();
        self.tell_held(&held)
    }

    /// That files are held: at once, and at every start, should the first word have been lost.
    pub(super) fn tell_held(&mut self, held: &[Held]) -> Result<(), Fatal> {
        let told = held.iter().map(|held| {
            let rows = counted(held.rows, "row waits", "rows wait");
            let detail = format!("{} ({rows}): {}; nothing of it is counted. Job {}", held.file, held.why.join("; "), held.job_id);
            Finding::new(AlertCode::JobHeld, Level::Critical, detail).about(held.job_id.clone())
        });
        let told: Vec<Finding> = told.collect();
        if told.is_empty() { Ok(()) } else { self.note_findings(&told) }
    }

    /// Releases or discards a held file, named by its job id, the beginning of one, or as a file. Inside, a sentence for
    /// whoever asked.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn decide(&mut self, typed: &str, is_release: bool) -> Result<Result<Value, String>, Fatal> {
        let listed = inbox::held(&self.config.folders.claimed);
        let listed = listed.map_err(|source| Fatal::Machine { what: "listing the held files".to_owned(), source })?;
        let named = match only_one(&listed, typed) {
            Ok(held) => held.job_id.clone(),
            Err(why) => return Ok(Err(why)),
        };
        let claim = self.spool.claims()?.into_iter().find_map(|found| match found {
            Found::Claim(claim) if claim.job_id.to_string() == named => Some(claim),
            _ => None,
        });
        let Some(claim) = claim else { return Ok(Err(format!("the file of job {named} is not in its claim folder any more"))) };
        let mark = if is_release { HoldMark::Released } else { HoldMark::Discarded };
        if !self.spool.decide(&claim, HoldMark::Held, mark)? {
            return Ok(Err(format!("job {named} is not held any more")));
        }
        let kind = if claim.original().is_dir() { DropKind::Bundle } else { DropKind::File };
        let job = Job { decided: Some(mark), ..self.job_of_claim(claim.clone(), kind) };
        Ok(match self.run(&[job])?.pop() {
            Some(Ended::Done(report)) => Ok(json!({
                "job_id": report.job_id, "file": report.file, "decided": if is_release { "released" } else { "discarded" },
                "fate": report.fate, "rows": report.rows, "archived_as": report.archived_as,
            })),
            Some(Ended::Waits { file, why, again }) => {
                if again.is_some() && why != Wait::Stopped {
                    self.spool.decide(&claim, mark, HoldMark::Held)?; // as if nobody had asked
                }
                Err(format!("{file}: {why}"))
            }
            None => Err("nothing was done".to_owned()),
        })
    }

    /// What a job's record says of a person's decision: in its own transaction, so exactly once.
    pub(super) fn audit_decision(&self, group: &Group<'_>, job: &Job, at: &str) -> Result<Vec<Finding>, Fatal> {
        let action = match job.decided {
            Some(HoldMark::Released) => Action::HoldReleased,
            Some(HoldMark::Discarded) => Action::HoldDiscarded,
            Some(HoldMark::Held) | None => return Ok(Vec::new()),
        };
        self.audit(group, at, action, |entry| {
            entry.job_id = Some(job.job_id.to_string());
            entry.file = Some(job.file.clone());
        })?;
        Ok(vec![Finding::new(AlertCode::JobHeld, Level::Fine, "a person has decided").about(job.job_id.to_string())])
    }
}

/// The one held file that is meant.
fn only_one<'h>(listed: &'h [Held], typed: &str) -> Result<&'h Held, String> {
    let is_meant = |held: &&Held| {
        let name = held.file.rsplit('/').next().unwrap_or_default();
        !typed.is_empty() && (held.job_id.starts_with(typed) || held.file == typed || name == typed)
    };
    let meant: Vec<&Held> = listed.iter().filter(is_meant).collect();
    match meant.as_slice() {
        [held] => Ok(held),
        [] => Err(format!("no file '{typed}' is held; `valhalla hold list` shows those that are")),
        several => {
            Err(format!("{} held files are called '{typed}': name one by its job id, `valhalla hold list` shows them", several.len()))
        }
    }
}
