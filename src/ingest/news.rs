//! What of a lesson is told: the alert, the audit entry, and the sentence with its figures.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::journal::{Action, AlertCode};
use crate::learning::lesson::Told;
use crate::learning::model;
use crate::learning::scripts::ScriptStep;
use crate::render::words::counted;

/// One finding of a lesson, ready to be written down.
pub(super) struct News {
    /// Audited as.
    pub action: Option<Action>,
    /// Alerted as.
    pub alert: Option<AlertCode>,
    /// A sentence for people.
    pub detail: String,
    /// For the audit trail.
    pub figures: BTreeMap<String, Value>,
    /// The figure that caused it, and its limit.
    pub metric: Option<f64>,
    /// See `metric`.
    pub threshold: Option<f64>,
}

impl News {
    pub fn of(told: &Told) -> Self {
        match told {
            Told::Script(step) => Self::script(step),
            Told::Model(told) => Self::model(told),
            Told::Mismatch { experiment, e_value } => Self::alert(
                AlertCode::ExperimentMismatch,
                format!("experiment {experiment}: evidence of {e_value:.0} to 1 that its leads are not shared out as its weights say"),
            )
            .with(*e_value, 2000.0),
            Told::Winner { experiment, variant, e_value, threshold } => Self::alert(
                AlertCode::ExperimentWinner,
                format!("experiment {experiment}: {variant} converts better than every other variant, evidence of {e_value:.0} to 1"),
            )
            .with(*e_value, *threshold),
            Told::Delivered { experiment, leads } => Self::alert(
                AlertCode::DeliveredDiffers,
                format!("experiment {experiment}: of {} the outcome names another variant or script", counted(*leads, "lead", "leads")),
            ),
            Told::Coverage(coverage) => Self::alert(
                AlertCode::CoverageLow,
                format!("the outcome of {} of {} mature leads is known", coverage.resolved, coverage.mature),
            ),
        }
    }

    fn script(step: &ScriptStep) -> Self {
        let (from, to) = (step.from.as_str(), step.to.as_str());
        let detail = format!("script {} version {}: {from} to {to}, {}", step.script, step.version, step.why);
        Self { action: Some(Action::ScriptStep), figures: figures(step), metric: step.score, ..Self::alert(AlertCode::ScriptMoved, detail) }
    }

    fn model(told: &model::Told) -> Self {
        use model::Told::{Activated, Drift, DriftOver, Refused, Trained, Withdrawn};
        let audited = |step: &str, more: Value| {
            let mut figures = BTreeMap::from([("step".to_owned(), json!(step))]);
            figures.extend(more.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
            Self { action: Some(Action::ModelStep), alert: None, detail: String::new(), figures, metric: None, threshold: None }
        };
        match told {
            Trained { leads, conversions, candidates } => {
                audited("trained", json!({ "leads": leads, "conversions": conversions, "candidates": candidates }))
            }
            Activated { from, to, recipe, comparison } => Self {
                alert: Some(AlertCode::ModelActivated),
                detail: format!(
                    "model {to} is active: on {} later leads its log loss is {:.4}, that of {} {:.4}",
                    comparison.leads,
                    comparison.log_loss,
                    from.as_deref().unwrap_or("the constant rate"),
                    comparison.rival
                ),
                metric: Some(comparison.gain),
                threshold: Some(comparison.standard_error),
                ..audited("activated", json!({ "from": from, "model": to, "recipe": recipe, "comparison": comparison }))
            },
            Withdrawn { id, column } => Self {
                alert: Some(AlertCode::ColumnRefused),
                detail: format!("model {id} is no longer active: it looks at the column '{column}'"),
                ..audited("withdrawn", json!({ "model": id, "column": column }))
            },
            Refused(refused) => Self {
                alert: Some(AlertCode::ColumnRefused),
                detail: format!("column '{}' is not looked at: {}", refused.column, why_refused(&refused.why)),
                ..audited("refused", json!(refused))
            },
            Drift(drift) => Self {
                alert: Some(AlertCode::ModelDrift),
                detail: format!(
                    "of the latest {} leads with a prediction {} converted, {:.0} were expected",
                    drift.leads, drift.observed, drift.expected
                ),
                metric: Some(drift.z),
                threshold: Some(model::DRIFT_Z),
                ..audited("drift", json!(drift))
            },
            DriftOver(drift) => audited("drift_over", json!(drift)),
        }
    }

    fn alert(alert: AlertCode, detail: String) -> Self {
        Self { action: None, alert: Some(alert), detail, figures: BTreeMap::new(), metric: None, threshold: None }
    }

    fn with(self, metric: f64, threshold: f64) -> Self {
        Self { metric: Some(metric), threshold: Some(threshold), ..self }
    }
}

/// The figures of a step, by name.
fn figures(step: &ScriptStep) -> BTreeMap<String, Value> {
    json!(step).as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn why_refused(why: &model::RefusedWhy) -> String {
    use model::RefusedWhy::{Auc, IsOutcome, MissingAuc, Name};
    match why {
        Name => "its name says that it is filled after contact".to_owned(),
        Auc(area) => format!("it tells won from lost by itself (area under the curve {area:.3})"),
        MissingAuc(area) => format!("whether it is filled tells won from lost (area under the curve {area:.3})"),
        IsOutcome => "it is the outcome".to_owned(),
    }
}
