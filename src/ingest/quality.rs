//! What a file is like beside the others of its source: its figures kept with the job, and what they are worth saying.
//!
//! Only for sources that are folders of the inbox, as with layouts: people drop all kinds of lists into the inbox itself.
//! What the figures mean is for `risk::data_quality` to say.

use super::Begun;
use super::ledger::Raised;
use super::tally::Tally;
use crate::engine::drift::Drift;
use crate::engine::lead::Field;
use crate::engine::plan::Plan;
use crate::engine::rules::Rules;
use crate::journal::report::Systematic;
use crate::journal::{AlertCode, Report};
use crate::render::words::counted;
use crate::risk::Finding;
use crate::risk::data_quality::{self, FileFigures, JobLook, WINDOW};
use crate::store::{Group, Result};

/// Holds a file against its source's past, and makes it part of that, in the job's own transaction.
///
/// # Errors
/// [`StoreError`](crate::store::StoreError).
pub(super) fn judge(group: &Group<'_>, begun: &Begun<'_>, seq: i64, plan: &Plan, tally: &Tally) -> Result<Vec<Finding>> {
    let job = begun.job;
    let Some(source) = job.source.as_deref().filter(|_| !job.dry_run && job.replays.is_none() && !plan.reimport) else {
        return Ok(Vec::new());
    };
    let now = tally.figures(plan);
    let past = group.store().figures_of(source, WINDOW)?;
    let past: Vec<FileFigures> = past.iter().filter_map(|text| serde_json::from_str(text).ok()).collect(); // of a later version: unknown
    let text = serde_json::to_string(&now).expect("counts and texts are JSON");
    group.keep_figures(seq, source, begun.started_at_ms, &text)?;
    Ok(data_quality::drift(source, &now, &past))
}

/// One cause, one message: where more rows are rejected than this source's past allows, the score says nothing new.
pub(super) fn say_once(alerts: &mut Vec<Raised>, report: &Report, findings: &[Finding]) {
    let is_rejecting = findings.iter().any(|finding| finding.code == AlertCode::RejectRateUp && finding.is_bad());
    let is_by_validity = match (report.quality.score, report.quality.validity) {
        (Some(score), Some(validity)) => score >= 100.0 * validity - 0.01,
        _ => false,
    };
    let is_said = |code| match code {
        AlertCode::QualityBelowMinimum => is_by_validity,
        AlertCode::MissingFieldsOverLimit => true, // rows that lack a required field are rejected
        _ => false,
    };
    alerts.retain(|alert| !(is_rejecting && is_said(alert.code)));
}

/// The rows whose values stand out, for the report.
#[allow(clippy::cast_precision_loss)] // counts
pub(super) fn outliers_told(tally: &Tally, plan: &Plan) -> Option<Systematic> {
    let figures = tally.figures(plan);
    let rows = tally.outlier_rows();
    if rows.is_empty() {
        return None;
    }
    let advice = format!(
        "{} far from what the others of this file are: look whether the amounts are meant. The most extreme are listed",
        counted(figures.outliers, "value is", "values are")
    );
    let column = plan.mapping.columns.iter().find(|column| column.read_as(plan.kind) == Some("value"));
    Some(Systematic {
        column: column.map(|column| column.safe_name.clone()),
        code: "outliers".to_owned(),
        share: figures.outliers as f64 / figures.values.max(1) as f64,
        rows,
        advice,
    })
}

/// What the assessment of a job rests on.
pub(super) fn assessed(report: &Report, tally: &Tally, rules: &Rules, drifts: &[Drift], findings: &[Finding]) -> Vec<Finding> {
    let is_required = |field: Field| rules.columns.required.contains(field);
    let look = JobLook {
        score: report.quality.score,
        score_min: rules.quality.score_min,
        hostile_cells: tally.checked.formula_cells,
        has_other_columns: drifts.iter().any(Drift::concerns_columns),
        has_moved: drifts.iter().any(|drift| matches!(drift, Drift::Moved { field, .. } if is_required(*field))),
    };
    data_quality::job(&look, findings)
}
