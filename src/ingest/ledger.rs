//! What is told and what is audited: alerts, with repeats folded, and the audit chain. All of it through the outbox.

use uuid::Uuid;

use super::tally::Tally;
use super::{Fatal, Ingest};
use crate::clock;
use crate::engine::rules::Rules;
use crate::inbox::Finding;
use crate::journal::report::{Fate, Kind};
use crate::journal::{self, Action, Alert, AlertCode, AuditEntry, Journal, Report, Severity};
use crate::render::words::counted;
use crate::store::Group;

/// An alert that a file is worth, before it has an id.
pub(super) struct Raised {
    pub code: AlertCode,
    pub detail: String,
    pub severity: Severity,
    pub metric: Option<f64>,
    pub threshold: Option<f64>,
}

impl Raised {
    pub(super) fn new(code: AlertCode, detail: String) -> Self {
        Self { code, detail, severity: code.severity(), metric: None, threshold: None }
    }

    /// With the figure that caused it and its limit; a warning when it is more than a trifle.
    #[allow(clippy::cast_precision_loss)] // counts
    pub(super) fn counted(code: AlertCode, detail: String, count: u64, limit: u64, is_many: bool) -> Self {
        let severity = if is_many { Severity::Warning } else { code.severity() };
        Self { code, detail, severity, metric: Some(count as f64), threshold: Some(limit as f64) }
    }
}

/// What a file's figures are worth an alert for. Crossing a threshold never changes what is taken.
#[allow(clippy::cast_precision_loss)] // counts
pub(super) fn file_alerts(report: &Report, tally: &Tally, rules: &Rules, is_return: bool) -> Vec<Raised> {
    let quality = &rules.quality;
    let is_many = |count: u64| count as f64 > quality.warning_share * report.rows.total as f64;
    let mut alerts = Vec::new();
    if let (Fate::Failed, Some(reason)) = (report.fate, &report.reason) {
        alerts.push(Raised::new(AlertCode::FileFailed, reason.clone()));
    }
    // Rows that come back are bad rows to begin with: their quality says nothing about a source.
    if let Some(score) = report.quality.score.filter(|score| *score < quality.score_min && !is_return) {
        let detail = format!("quality {score:.1}, the minimum is {:.1}", quality.score_min);
        let (metric, threshold) = (Some(score), Some(quality.score_min));
        alerts.push(Raised { metric, threshold, ..Raised::new(AlertCode::QualityBelowMinimum, detail) });
    }
    let duplicates = report.rows.duplicates_in_file;
    if duplicates > quality.duplicate_tolerance {
        let what =
            if report.kind == Kind::Leads { "a person who came earlier in the file" } else { "an outcome from further up in the file" };
        let detail = format!("{} {what}", counted(duplicates, "row repeats", "rows repeat"));
        alerts.push(Raised::counted(
            AlertCode::DuplicatesOverTolerance,
            detail,
            duplicates,
            quality.duplicate_tolerance,
            is_many(duplicates),
        ));
    }
    let missing = tally.issues.rows_missing_fields;
    if missing > quality.missing_fields_max {
        let detail = format!("{} a required field", counted(missing, "row lacks", "rows lack"));
        alerts.push(Raised::counted(AlertCode::MissingFieldsOverLimit, detail, missing, quality.missing_fields_max, is_many(missing)));
    }
    if tally.lines_beyond > 0 {
        let detail = format!("{} behind the table not read: another table, or remarks", counted(tally.lines_beyond, "line", "lines"));
        alerts.push(Raised::counted(AlertCode::LinesNotRead, detail, tally.lines_beyond, 0, true));
    }
    let formulas = tally.checked.formula_cells;
    if formulas > 0 {
        let detail = format!("{} like a formula", counted(formulas, "cell begins", "cells begin"));
        alerts.push(Raised::counted(AlertCode::FormulaCells, detail, formulas, 0, true));
    }
    alerts
}

/// The alert that a finding about the folders is worth.
pub(crate) fn finding_code(finding: &Finding) -> AlertCode {
    match finding {
        Finding::WorldWritableInbox(_) => AlertCode::WorldWritableInbox,
        Finding::FolderRemade(_) | Finding::LeftBehind(_) => AlertCode::FolderRecreated,
    }
}

/// Something to alert that belongs to no job. Repeats about the same file are folded, those about another are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub code: AlertCode,
    /// The file it is about, as in a report.
    pub file: Option<String>,
    /// What exactly, in a sentence.
    pub detail: String,
}

impl Notice {
    /// About no file in particular.
    #[must_use]
    pub fn new(code: AlertCode, detail: impl Into<String>) -> Self {
        Self { code, file: None, detail: detail.into() }
    }

    /// About a file.
    #[must_use]
    pub fn about(code: AlertCode, file: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code, file: Some(file.into()), detail: detail.into() }
    }
}

impl Ingest {
    /// Raises alerts that belong to no job; repeats are folded.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn raise(&mut self, notices: &[Notice]) -> Result<(), Fatal> {
        let now_ms = clock::now_ms();
        let new = |notice: &Notice| Alert {
            file: notice.file.clone(),
            ..Alert::new(notice.code, &Uuid::now_v7().to_string(), &clock::rfc3339(now_ms), &notice.detail)
        };
        let told: Vec<Alert> = notices.iter().filter_map(|notice| self.progress.folding().offer(new(notice), now_ms)).collect();
        self.tell(&told)
    }

    /// Tells the folded alerts whose time has come; all of them at the end.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn tell_folded(&mut self, is_end: bool) -> Result<(), Fatal> {
        let due = self.progress.folding().due(if is_end { i64::MAX } else { clock::now_ms() });
        self.tell(&due)
    }

    pub(super) fn tell(&mut self, alerts: &[Alert]) -> Result<(), Fatal> {
        if alerts.is_empty() {
            return Ok(());
        }
        let group = self.store.begin()?;
        alerts.iter().try_for_each(|alert| self.post_alert(&group, alert))?;
        group.commit()?;
        self.publish()
    }

    pub(super) fn alert(&self, group: &Group<'_>, code: AlertCode, detail: &str) -> Result<(), Fatal> {
        let alert = Alert::new(code, &Uuid::now_v7().to_string(), &clock::rfc3339(clock::now_ms()), detail);
        self.post_alert(group, &alert)
    }

    /// Counts an alert, and has its line written once the group is durable.
    pub(super) fn post_alert(&self, group: &Group<'_>, alert: &Alert) -> Result<(), Fatal> {
        self.progress.count_alert(alert.severity);
        self.enqueue(group, alert)?;
        if alert.code == AlertCode::FormulaCells {
            self.progress.meet_formulas();
        }
        Ok(group.post(Journal::Alerts, self.rotate_bytes(), |_, _| alert.to_line())?)
    }

    pub(super) fn audit(&self, group: &Group<'_>, at: &str, action: Action, fill: impl FnOnce(&mut AuditEntry)) -> Result<(), Fatal> {
        Ok(group.post(Journal::Audit, self.rotate_bytes(), |head, seq| {
            let mut entry = AuditEntry::new(at, seq, self.actor, action);
            fill(&mut entry);
            journal::seal(entry, head)
        })?)
    }

    #[allow(clippy::misnamed_getters)] // the journals' own limit, not the log's
    pub(super) fn rotate_bytes(&self) -> u64 {
        self.config.log.journal_rotate_bytes
    }
}
