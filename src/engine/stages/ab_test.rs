//! Stage 1, A/B test tracking: which variant of each experiment a lead is given.
//!
//! The assignment is a hash of the lead's id, so that it is the same on every machine and at every attempt; a lead keeps
//! the variant and version it was first given. Counting exposures and conversions is the store's business.

use crate::engine::lead::Lead;
use crate::engine::rules::{Experiment, Rules, Variant};

/// A variant of a version of an experiment, as a lead is given it. Indices into the experiment's own lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arm {
    /// The experiment's id.
    pub experiment: String,
    /// Its version when the lead was first given a variant.
    pub version: u32,
    /// The variant's id.
    pub variant: String,
}

/// The arms of one lead, one for each experiment it takes part in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AbTest<'r> {
    /// What it was given, in the order of the configuration.
    pub arms: Vec<Given<'r>>,
    /// Why there is none.
    pub reason: Option<&'static str>,
}

/// One arm as given: today's, or one kept from before.
#[derive(Debug, Clone, PartialEq)]
pub struct Given<'r> {
    /// The experiment as configured today.
    pub experiment: &'r Experiment,
    /// The version the lead was first given.
    pub version: u32,
    /// The variant; `None` when the kept one is no longer configured.
    pub variant: Option<&'r Variant>,
    /// The variant's id.
    pub variant_id: String,
}

/// Assigns the lead to one variant of every experiment that admits it.
#[must_use]
pub fn assign<'r>(lead: &Lead<'_>, kept: &[Arm], rules: &'r Rules) -> AbTest<'r> {
    told(rules.experiments.iter().filter_map(|experiment| give(lead, kept, experiment)).collect(), rules)
}

/// Only the arms that the lead was given before.
#[must_use]
pub fn keep<'r>(kept: &[Arm], rules: &'r Rules) -> AbTest<'r> {
    told(rules.experiments.iter().filter_map(|experiment| kept_of(kept, experiment)).collect(), rules)
}

fn told<'r>(arms: Vec<Given<'r>>, rules: &'r Rules) -> AbTest<'r> {
    let reason = match (rules.experiments.is_empty(), arms.is_empty()) {
        (true, _) => Some("no experiments configured"),
        (false, true) => Some("no experiment admits this lead"),
        _ => None,
    };
    AbTest { arms, reason }
}

fn give<'r>(lead: &Lead<'_>, kept: &[Arm], experiment: &'r Experiment) -> Option<Given<'r>> {
    if let Some(given) = kept_of(kept, experiment) {
        return Some(given);
    }
    if experiment.filter.as_ref().is_some_and(|filter| !filter.admits(lead)) {
        return None;
    }
    let variant = experiment.variants.get(experiment.variant_of(lead.lead_id))?;
    Some(Given { experiment, version: experiment.version, variant: Some(variant), variant_id: variant.id.clone() })
}

fn kept_of<'r>(kept: &[Arm], experiment: &'r Experiment) -> Option<Given<'r>> {
    let arm = kept.iter().find(|arm| arm.experiment == experiment.id)?;
    let variant = experiment.variants.iter().find(|variant| variant.id == arm.variant);
    Some(Given { experiment, version: arm.version, variant, variant_id: arm.variant.clone() })
}
