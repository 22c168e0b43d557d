//! Stage 6, lead scoring: 0 to 100 points from four parts that add up exactly, and a tier.
//!
//! Each part is rounded half to even to integer hundredths and the score is their integer sum. An unknown part gives half
//! its weight and is listed, so that what is not known neither lifts nor sinks a lead unseen.

use super::clone_readiness::CloneReadiness;
use super::deal_packet::{Risk, Risks};
use super::outcome::Outcome;
use crate::engine::lead::Lead;
use crate::engine::learned::Learned;
use crate::engine::rules::{Rules, ScoreRules};

/// The score of one lead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeadScore {
    /// Hundredths of a point, 0 to 10 000: the sum of the contributions.
    pub hundredths: u16,
    /// A to D.
    pub tier: Tier,
    /// Outcome, value, quality of the row, clone readiness.
    pub contributions: [Contribution; 4],
    /// Whether the lead is to be worked whatever its tier.
    pub explore: bool,
}

/// One part of a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contribution {
    /// `outcome`, `value`, `quality` or `clone_readiness`.
    pub part: &'static str,
    /// Hundredths of a point.
    pub hundredths: u16,
    /// Its weight in hundredths of a point.
    pub weight: u16,
    /// What it was computed from, 0 to 1; `None` is unknown, and half the weight was given.
    pub input: Option<f64>,
}

/// A to D.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Work first.
    A,
    /// Work next.
    B,
    /// Work when there is time.
    C,
    /// Work last.
    D,
}

impl Tier {
    /// All four, best first.
    pub const ALL: [Tier; 4] = [Tier::A, Tier::B, Tier::C, Tier::D];

    /// The letter.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        ["A", "B", "C", "D"][self as usize]
    }
}

/// What all leads are measured on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// log10 of the value that earns nothing.
    low: f64,
    /// log10 of the value that earns everything.
    high: f64,
    /// Odds that earn half of the points for the outcome.
    base_odds: Option<f64>,
}

impl Scale {
    /// The snapshot's 5 % and 95 % quantiles, or the configured bounds; the base rate, or the configured prior.
    #[must_use]
    pub fn of(rules: &Rules, learned: &Learned) -> Self {
        let configured = || (rules.score.value_low.log10(), rules.score.value_high.log10());
        let (low, high) = learned.value_log10_range.filter(|(low, high)| low < high).unwrap_or_else(configured);
        let base = learned.base_rate().filter(|_| learned.has_both()).or(rules.outcome.prior);
        Self { low, high, base_odds: base.map(odds) }
    }
}

/// Scores one lead.
#[must_use]
pub fn score(lead: &Lead<'_>, risks: Risks, outcome: &Outcome, clone: &CloneReadiness, rules: &Rules, scale: Scale) -> LeadScore {
    let weights = rules.score.weights;
    let contributions = [
        contribution("outcome", weights.outcome, outcome.probability.zip(scale.base_odds).map(|(p, base)| against(odds(p), base))),
        contribution("value", weights.value, value_position(lead, scale)),
        contribution("quality", weights.quality, Some(row_quality(lead, risks))),
        contribution("clone_readiness", weights.clone, clone.overall),
    ];
    let hundredths = contributions.iter().map(|part| part.hundredths).sum();
    LeadScore { hundredths, tier: tier_of(hundredths, &rules.score), contributions, explore: is_explored(lead, &rules.score) }
}

/// The tier of a score.
#[must_use]
pub fn tier_of(hundredths: u16, rules: &ScoreRules) -> Tier {
    Tier::ALL[rules.tiers.iter().filter(|least| hundredths < **least).count()]
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to the weight
fn contribution(part: &'static str, weight: u16, input: Option<f64>) -> Contribution {
    let input = input.filter(|input| !input.is_nan()).map(|input| input.clamp(0.0, 1.0));
    let hundredths = (f64::from(weight) * input.unwrap_or(0.5)).round_ties_even() as u16;
    Contribution { part, hundredths, weight, input }
}

fn odds(p: f64) -> f64 {
    p / (1.0 - p)
}

/// o/(o + `o_b)`: a half where the lead is as good as the base, one for a certain sale.
fn against(odds: f64, base: f64) -> f64 {
    if odds.is_infinite() {
        return 1.0;
    }
    if odds + base > 0.0 { odds / (odds + base) } else { 0.5 }
}

/// Where the value lies on the scale, 0 to 1 within it.
fn value_position(lead: &Lead<'_>, Scale { low, high, .. }: Scale) -> Option<f64> {
    Some((lead.value?.log10() - low) / (high - low))
}

/// Five things a good row has: a location, a phone, one that can be read, a source of its own, no misspelt mail domain.
fn row_quality(lead: &Lead<'_>, risks: Risks) -> f64 {
    let found = u8::from(!lead.location.is_empty())
        + u8::from(!lead.phone.is_empty())
        + u8::from(lead.phone_reads)
        + u8::from(lead.source_given)
        + u8::from(!risks.contains(Risk::MailSlip));
    f64::from(found) / 5.0
}

/// Whether the lead's hash falls into the share that is worked whatever its tier.
#[must_use]
#[allow(clippy::cast_precision_loss)] // 53 bits
pub fn is_explored(lead: &Lead<'_>, rules: &ScoreRules) -> bool {
    if rules.explore <= 0.0 {
        return false;
    }
    let point = crate::engine::rules::assignment_hash("explore", lead.lead_id) >> 11;
    (point as f64 / (1u64 << 53) as f64) < rules.explore
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_begins_at_its_least_score() {
        let rules = Rules::default().score;
        assert_eq!((tier_of(u16::MAX, &rules), tier_of(0, &rules)), (Tier::ALL[0], Tier::ALL[3]));
        for (at, least) in rules.tiers.into_iter().enumerate() {
            assert_eq!((tier_of(least, &rules), tier_of(least - 1, &rules)), (Tier::ALL[at], Tier::ALL[at + 1]));
        }
    }

    #[test]
    fn a_lead_as_good_as_the_base_counts_half() {
        for (p, base, expected) in [(0.2, 0.2, 0.5), (0.5, 0.2, 0.8), (0.0, 0.2, 0.0), (1.0, 0.2, 1.0), (0.0, 0.0, 0.5)] {
            let found = against(odds(p), odds(base));
            assert!((found - expected).abs() < 1e-9, "{p} against {base}: {found}");
        }
    }
}
