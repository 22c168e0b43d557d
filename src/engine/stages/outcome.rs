//! Stage 4, outcome evaluation: how likely this lead converts, and on what that rests.
//!
//! Without outcomes the configured prior, and without that nothing: a probability is never invented. Segments and models
//! have their room here and are filled by `learning/`.

use super::Unknown;
use crate::engine::lead::Lead;
use crate::engine::learned::{Basis, Learned};
use crate::engine::rules::Rules;

/// The evaluation of one lead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Probability of a sale, 0 to 1.
    pub probability: Option<f64>,
    /// What it rests on.
    pub basis: Basis,
    /// Probability over the base rate; `None` while there is no base rate.
    pub lift: Option<f64>,
    /// Probability times value, in the value's own currency: not a commission.
    pub expected_value: Option<f64>,
    /// Why something of this is unknown.
    pub reason: Option<Unknown>,
}

impl Outcome {
    /// The probability in millionths, `u32::MAX` when unknown.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a probability
    pub fn probability_ppm(&self) -> u32 {
        self.probability.map_or(u32::MAX, |p| (p * 1e6).round_ties_even() as u32)
    }
}

/// Evaluates one lead.
#[must_use]
pub fn evaluate(lead: &Lead<'_>, rules: &Rules, learned: &Learned) -> Outcome {
    let probability = rules.outcome.prior;
    let base_rate = learned.base_rate();
    let (have, need) = (learned.resolved, rules.outcome.min_trials);
    Outcome {
        probability,
        basis: Basis::Prior,
        lift: probability.zip(base_rate).map(|(p, base)| p / base),
        expected_value: probability.zip(lead.value).map(|(p, value)| p * value.to_f64()),
        reason: Some(if probability.is_some() { Unknown::Outcomes { have, need } } else { Unknown::OutcomesAndPrior { have, need } }),
    }
}
