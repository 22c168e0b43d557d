//! The six stages a lead is taken through, in order, on one screen.
//!
//! Each is a pure function of the lead, the rules and the learned snapshot, and what an earlier stage found. None is a
//! constant dressed as a result: every figure says its basis, or why it cannot be known. Because they are pure, a
//! stored lead's results need not be stored: they are computed again when someone asks.

pub mod ab_test;
pub mod clone_readiness;
pub mod deal_packet;
pub mod lead_score;
pub mod outcome;
pub mod script_promotion;

use std::fmt;

use super::features::Places;
use super::lead::{FieldHeader, Lead, StageMark};
use super::learned::{Basis, Kind, Learned};
use super::rules::Rules;

/// What the six stages found about one lead.
#[derive(Debug, Clone, PartialEq)]
pub struct Staged<'r> {
    /// 1
    pub ab_test: ab_test::AbTest<'r>,
    /// 2
    pub script_promotion: script_promotion::ScriptPromotion<'r>,
    /// 3
    pub deal_packet: deal_packet::DealPacket,
    /// 4
    pub outcome: outcome::Outcome,
    /// 5
    pub clone_readiness: clone_readiness::CloneReadiness,
    /// 6
    pub lead_score: lead_score::LeadScore,
}

/// The six stages, ready for many leads.
#[derive(Debug, Clone)]
pub struct Course<'r, 'l> {
    rules: &'r Rules,
    learned: &'l Learned,
    ladder: script_promotion::Ladder,
    scale: lead_score::Scale,
    /// Where the model's columns stand, for leads of one file.
    places: Option<Places>,
}

impl<'r, 'l> Course<'r, 'l> {
    /// Works out once what all leads have in common.
    #[must_use]
    pub fn of(rules: &'r Rules, learned: &'l Learned) -> Self {
        let ladder = script_promotion::Ladder::of(rules, learned);
        Self { rules, learned, ladder, scale: lead_score::Scale::of(rules, learned), places: None }
    }

    /// For leads that all have these columns: the model's are looked up once.
    #[must_use]
    pub fn for_columns(self, extra_names: &[String], headers: &[FieldHeader]) -> Self {
        let places = self.learned.model.as_ref().map(|model| Places::of(&model.columns, extra_names, headers));
        Self { places, ..self }
    }

    /// Only the score, which does not depend on arms and scripts: for stored leads that are brought up to date.
    #[must_use]
    pub fn rate(&self, lead: &Lead<'_>) -> lead_score::LeadScore {
        let Self { rules, learned, scale, ref places, .. } = *self;
        let deal_packet = deal_packet::prepare(lead, rules, learned);
        let outcome = outcome::evaluate(lead, deal_packet.band, rules, learned, places.as_ref());
        let clone_readiness = clone_readiness::assess(lead, deal_packet.band, rules, learned);
        lead_score::score(lead, deal_packet.risks, &outcome, &clone_readiness, rules, scale)
    }

    /// Takes a stored lead through the six stages. It has the arms that it was given and no other: a later experiment gives
    /// it one when a row of it comes in again, and counts it then.
    #[must_use]
    pub fn run_stored(&self, lead: &Lead<'_>, kept: &[ab_test::Arm]) -> Staged<'r> {
        self.run_with(lead, ab_test::keep(kept, self.rules))
    }

    /// Takes a lead through the six stages. `kept` are the arms it was given before, which it keeps.
    #[must_use]
    pub fn run(&self, lead: &Lead<'_>, kept: &[ab_test::Arm]) -> Staged<'r> {
        self.run_with(lead, ab_test::assign(lead, kept, self.rules))
    }

    fn run_with(&self, lead: &Lead<'_>, ab_test: ab_test::AbTest<'r>) -> Staged<'r> {
        let Self { rules, learned, ref ladder, scale, ref places } = *self;
        let script_promotion = script_promotion::choose(&ab_test, rules, ladder);
        let deal_packet = deal_packet::prepare(lead, rules, learned);
        let outcome = outcome::evaluate(lead, deal_packet.band, rules, learned, places.as_ref());
        let clone_readiness = clone_readiness::assess(lead, deal_packet.band, rules, learned);
        let lead_score = lead_score::score(lead, deal_packet.risks, &outcome, &clone_readiness, rules, scale);
        Staged { ab_test, script_promotion, deal_packet, outcome, clone_readiness, lead_score }
    }
}

/// Takes one lead through the six stages, see [`Course::run`].
#[must_use]
pub fn run<'r>(lead: &Lead<'_>, kept: &[ab_test::Arm], rules: &'r Rules, learned: &Learned) -> Staged<'r> {
    Course::of(rules, learned).run(lead, kept)
}

/// Why something is not known. A sentence is made of it only when someone reads it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unknown {
    /// A sentence that is the same for every lead.
    Because(&'static str),
    /// Too few outcomes are known.
    Outcomes {
        /// The count there is.
        have: u64,
        /// The count that is needed.
        need: u32,
    },
    /// The same, and nothing is configured to take their place.
    OutcomesAndPrior {
        /// The count there is.
        have: u64,
        /// The count that is needed.
        need: u32,
    },
    /// Only outcomes of this kind are known, which says nothing of a rate.
    Only(Kind),
    /// The same, and nothing is configured to take their place.
    OnlyAndPrior(Kind),
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Because(why) => f.write_str(why),
            Self::Outcomes { have, need } => write!(f, "insufficient outcomes: {have} of {need}"),
            Self::OutcomesAndPrior { have, need } => {
                write!(f, "{}, and no prior is configured ([model] prior)", Self::Outcomes { have, need })
            }
            Self::Only(kind) => write!(f, "insufficient outcomes: only {}", kind.as_str()),
            Self::OnlyAndPrior(kind) => write!(f, "{}, and no prior is configured ([model] prior)", Self::Only(kind)),
        }
    }
}

impl Staged<'_> {
    /// What the committer tallies and stores of it.
    #[must_use]
    pub fn mark(&self) -> StageMark {
        StageMark {
            score: self.lead_score.hundredths,
            tier: self.lead_score.tier as u8,
            packet_ready: self.deal_packet.is_ready(),
            in_experiment: !self.ab_test.arms.is_empty(),
            has_script: self.script_promotion.script.is_some(),
            promote: self.clone_readiness.promote,
            probability_ppm: self.outcome.probability_ppm(),
            is_learned: self.outcome.basis == Basis::Learned,
            script_score_ppm: ppm(self.script_promotion.score),
            readiness_ppm: ppm(self.clone_readiness.overall),
        }
    }
}

/// A share in millionths, `u32::MAX` when unknown.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a share
fn ppm(share: Option<f64>) -> u32 {
    share.map_or(u32::MAX, |share| (share.clamp(0.0, 1.0) * 1e6).round_ties_even() as u32)
}

/// `insufficient outcomes: 0 of 30`: the count there is and the count that is needed.
#[must_use]
pub fn insufficient(have: u64, need: u32) -> String {
    Unknown::Outcomes { have, need }.to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::decimal::Decimal;
    use crate::engine::features::{Effect, Input, Model, Recipe, Term};
    use crate::engine::lead::{Extra, lead_id_of};
    use crate::engine::learned::{Segment, Segments};
    use crate::engine::rules::ScoreWeights;

    /// Figures of a segment, each of which may be unknown.
    fn any_segment() -> impl Strategy<Value = Segment> {
        let share = || proptest::option::of(0.0f64..=1.0);
        let shares = (share(), share(), share(), share(), share());
        (0u64..2000, 0.0f64..=1.0, 0.0f64..500.0, shares).prop_map(|(resolved, rate, predicted, shares)| Segment {
            resolved,
            converted: part(resolved, rate),
            predicted,
            accuracy: shares.0,
            confidence: shares.1,
            consistency: shares.2,
            performance: shares.3,
            decline: shares.4,
            ..Segment::default()
        })
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // a part of a small count
    fn part(of: u64, share: f64) -> u64 {
        (of as f64 * share) as u64
    }

    fn any_model() -> impl Strategy<Value = Model> {
        let value = (-4.0f64..4.0).prop_map(|weight| Effect::Number { mean: 5.0, deviation: 0.5, weight, missing: -weight });
        (-6.0f64..6.0, value).prop_map(|(intercept, effect)| Model {
            id: "0badcafe".into(),
            recipe: Recipe::AllHistory,
            columns: vec![],
            intercept,
            terms: vec![Term { input: Input::Value, effect }],
            leads: 900,
            conversions: 90,
        })
    }

    fn any_learned() -> impl Strategy<Value = Learned> {
        let range = proptest::option::of((0.0f64..8.0, 0.0f64..8.0));
        let segments = (any_segment(), any_segment(), any_segment());
        (segments, range.clone(), range, proptest::option::of(any_model())).prop_map(|((all, source, band), range, spread, model)| {
            Learned {
                version: 7,
                resolved: all.resolved,
                converted: all.converted,
                mature: all.resolved,
                value_log10_range: range,
                value_log10_spread: spread,
                segments: Segments { all, sources: vec![("zillow".into(), source)], bands: vec![("zillow".into(), 1, band)] },
                scripts: vec![],
                model: model.map(Arc::new),
            }
        })
    }

    proptest! {
        #[test]
        fn contributions_add_up_whatever_was_learned(
            learned in any_learned(),
            units in proptest::option::of(1i64..1_000_000_000_000),
            prior in proptest::option::of(0.0f64..=1.0),
            cuts in (0u16..=10_000, 0u16..=10_000, 0u16..=10_000),
            is_known in any::<bool>(),
        ) {
            let mut cuts = [cuts.0, cuts.1, cuts.2];
            cuts.sort_unstable();
            let mut rules = Rules::default();
            rules.outcome.prior = prior;
            rules.score.weights = ScoreWeights { outcome: cuts[0], value: cuts[1] - cuts[0], quality: cuts[2] - cuts[1], clone: 10_000 - cuts[2] };
            let lead = Lead {
                row: 1,
                line: 1,
                lead_id: lead_id_of("a@b.co"),
                name: "A",
                email: "a@b.co",
                value: units.and_then(|units| Decimal::new(units, 2)),
                currency: "",
                location: "Toronto",
                phone: "",
                phone_e164: "",
                phone_reads: false,
                source: if is_known { "zillow" } else { "mls" },
                source_given: true,
                extra: Extra { names: &[], packed: &[] },
                headers: &[],
            };
            let staged = run(&lead, &[], &rules, &learned);
            let score = staged.lead_score;
            prop_assert_eq!(score.contributions.iter().map(|part| u32::from(part.hundredths)).sum::<u32>(), u32::from(score.hundredths));
            prop_assert!(score.contributions.iter().all(|part| part.hundredths <= part.weight));
            prop_assert!(score.contributions.iter().all(|part| part.input.is_none_or(|input| (0.0..=1.0).contains(&input))));
            prop_assert!(staged.outcome.probability.is_none_or(|p| (0.0..=1.0).contains(&p)));
            prop_assert_eq!(staged.outcome.method.is_some(), staged.outcome.probability.is_some());
            prop_assert_eq!(staged.clone_readiness.promote, staged.clone_readiness.gates.iter().all(|gate| gate.passed));
            prop_assert_eq!(staged, Course::of(&rules, &learned).for_columns(&[], &[]).run(&lead, &[]));
        }
    }
}
