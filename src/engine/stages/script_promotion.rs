//! Stage 2, script promotion: the script a lead gets, and where that script stands.
//!
//! Steps on the ladder are taken when outcomes arrive, never per row; this stage only reads where a script stands.

use super::Unknown;
use super::ab_test::AbTest;
use crate::engine::learned::Learned;
use crate::engine::rules::{Rules, Script, ScriptStatus};

/// The script of one lead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScriptPromotion<'r> {
    /// The script of the assigned variant, else the first channel's primary.
    pub script: Option<&'r Script>,
    /// Posterior probability that it converts better than the primary; `None` without outcomes, and for the primary.
    pub score: Option<f64>,
    /// Why there is no script, or no score.
    pub reason: Option<Unknown>,
}

/// Chooses the lead's script.
#[must_use]
pub fn choose<'r>(ab_test: &AbTest<'r>, rules: &'r Rules, learned: &Learned) -> ScriptPromotion<'r> {
    let named = ab_test.arms.iter().find_map(|given| given.variant?.script.as_deref());
    let script = match named {
        Some(id) => newest(rules.scripts.iter().filter(|script| script.id == id)),
        None => rules.scripts.iter().find(|script| script.status == ScriptStatus::Primary),
    };
    let reason = match script {
        None if rules.scripts.is_empty() => Unknown::Because("no scripts configured"),
        None => Unknown::Because("no variant names a script and no channel has a primary"),
        Some(script) if script.status == ScriptStatus::Primary => Unknown::Because("the primary is the baseline and has no score"),
        Some(_) => Unknown::Outcomes { have: learned.resolved, need: rules.outcome.min_trials },
    };
    ScriptPromotion { script, score: None, reason: Some(reason) }
}

fn newest<'r>(scripts: impl Iterator<Item = &'r Script>) -> Option<&'r Script> {
    scripts.max_by_key(|script| script.version)
}
