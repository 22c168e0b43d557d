//! Stage 5, clone readiness: can what works for this lead's segment be replicated?
//!
//! Needs the history of the segment. Until there is enough, every gate says so and the answer is `BLOCK`; only the
//! robustness of the lead itself is known from the row.

use crate::engine::lead::Lead;
use crate::engine::learned::Learned;
use crate::engine::rules::Rules;

/// Readiness of one lead's segment. Shares of 0 to 1; `None` is unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CloneReadiness {
    /// Observed against predicted conversions.
    pub accuracy: Option<f64>,
    /// How narrow the interval of the segment's rate is.
    pub confidence: Option<f64>,
    /// How steady the rate is from week to week.
    pub consistency: Option<f64>,
    /// Completeness of the lead: the share of its optional fields that are filled.
    pub robustness: f64,
    /// 0.4·accuracy + 0.3·confidence + 0.2·consistency + 0.1·robustness; `None` while any is unknown.
    pub overall: Option<f64>,
    /// Whether every gate passes.
    pub promote: bool,
    /// What the gates say: `readiness`, `performance`, `safety`, each with its reason.
    pub gates: [Gate; 3],
}

/// One gate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gate {
    /// `readiness`, `performance` or `safety`.
    pub name: &'static str,
    /// Whether it is open.
    pub passed: bool,
    /// Why it is not.
    pub reason: Missing,
}

/// The count there is and the count that is needed; a sentence is made of it only when someone reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// Mature outcomes there are.
    pub have: u64,
    /// Mature outcomes needed.
    pub need: u32,
}

/// Assesses the segment of one lead.
#[must_use]
pub fn assess(lead: &Lead<'_>, rules: &Rules, learned: &Learned) -> CloneReadiness {
    let reason = Missing { have: learned.resolved, need: rules.clone.min_outcomes };
    let gate = |name| Gate { name, passed: false, reason };
    CloneReadiness {
        accuracy: None,
        confidence: None,
        consistency: None,
        robustness: completeness(lead),
        overall: None,
        promote: false,
        gates: [gate("readiness"), gate("performance"), gate("safety")],
    }
}

/// The share of a lead's optional fields (location, phone, source) that its row filled.
fn completeness(lead: &Lead<'_>) -> f64 {
    let filled = u8::from(!lead.location.is_empty()) + u8::from(!lead.phone.is_empty()) + u8::from(lead.source_given);
    f64::from(filled) / 3.0
}
