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

use super::lead::{Lead, StageMark};
use super::learned::Learned;
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
#[derive(Debug, Clone, Copy)]
pub struct Course<'r, 'l> {
    rules: &'r Rules,
    learned: &'l Learned,
    scale: lead_score::ValueScale,
}

impl<'r, 'l> Course<'r, 'l> {
    /// Works out once what all leads have in common.
    #[must_use]
    pub fn of(rules: &'r Rules, learned: &'l Learned) -> Self {
        Self { rules, learned, scale: lead_score::ValueScale::of(&rules.score, learned) }
    }

    /// Takes a lead through the six stages. `kept` are the arms it was given before, which it keeps.
    #[must_use]
    pub fn run(&self, lead: &Lead<'_>, kept: &[ab_test::Arm]) -> Staged<'r> {
        let Self { rules, learned, scale } = *self;
        let ab_test = ab_test::assign(lead, kept, rules);
        let script_promotion = script_promotion::choose(&ab_test, rules, learned);
        let deal_packet = deal_packet::prepare(lead, rules);
        let outcome = outcome::evaluate(lead, rules, learned);
        let clone_readiness = clone_readiness::assess(lead, rules, learned);
        let lead_score = lead_score::score(lead, deal_packet.risks, &outcome, &clone_readiness, rules, learned, scale);
        Staged { ab_test, script_promotion, deal_packet, outcome, clone_readiness, lead_score }
    }
}

/// Takes one lead through the six stages, see [`Course::run`].
#[must_use]
pub fn run<'r>(lead: &Lead<'_>, kept: &[ab_test::Arm], rules: &'r Rules, learned: &Learned) -> Staged<'r> {
    Course::of(rules, learned).run(lead, kept)
}

/// Why something is not known. A sentence is made of it only when someone reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Because(why) => f.write_str(why),
            Self::Outcomes { have, need } => write!(f, "insufficient outcomes: {have} of {need}"),
            Self::OutcomesAndPrior { have, need } => {
                write!(f, "{}, and no prior is configured ([model] prior)", Self::Outcomes { have, need })
            }
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
        }
    }
}

/// `insufficient outcomes: 0 of 30`: the count there is and the count that is needed.
#[must_use]
pub fn insufficient(have: u64, need: u32) -> String {
    Unknown::Outcomes { have, need }.to_string()
}
