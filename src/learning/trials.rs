//! A/B tests: what the arms of an experiment have come to, and whether one of them has won.
//!
//! Two questions decide, and both may be asked after every outcome without being wrong more often than promised, because
//! their answers are e-values (Ville's inequality: under the null hypothesis an e-value ever reaches 1/α with probability at
//! most α): are leads shared out as they should be, and does one arm convert better than another. Posteriors, intervals and
//! P(best) are shown beside them and decide nothing. There is no fixed-n p-value here.
//!
//! Everything is computed from counts by version of the experiment. Both e-values are products of one factor for each lead
//! or conversion, and a factor depends only on the arm and on the weights that were in force; a product does not depend on
//! the order of its factors, so the counts hold all that the order of arrival held.

use libm::{exp, log};
use serde::{Deserialize, Serialize};

use super::special::{Beta, Comparison, compare, ln_gamma, ln_sum_exp};
use crate::engine::decimal::Decimal;

/// From this e-value on, leads are not shared out as configured.
pub const MISMATCH_FROM: f64 = 2000.0;
/// The largest e-value told: a sure thing, and JSON has no infinity.
pub const E_VALUE_MAX: f64 = 1e300;

/// How sure the prior of the mismatch check is of the weights, in leads.
const PRIOR_LEADS: f64 = 200.0;
/// How often a winner may be declared where there is none.
const ALPHA: f64 = 0.05;
/// Ratios of conversion rates that the winner rule bets on, in equal parts.
const RATIOS: [f64; 7] = [1.05, 1.1, 1.2, 1.3, 1.5, 2.0, 3.0];
/// Share of the posterior that an interval holds.
const INTERVAL: f64 = 0.95;
/// An estimate of leads still needed beyond this is none.
const LEADS_MAX: f64 = 1e8;

/// What one arm has come to in one version of its experiment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ArmCounts {
    /// The variant.
    pub variant: String,
    /// The script that its leads get.
    pub script: Option<String>,
    /// Its weight over the sum of all weights, in this version.
    pub share: f64,
    /// Distinct leads that were given it.
    pub exposed: u64,
    /// Those of them that are mature.
    pub mature: u64,
    /// Those of the mature whose outcome is known for good.
    pub resolved: u64,
    /// Those of the resolved that converted.
    pub converted: u64,
    /// Every conversion so far, mature or not.
    pub wins: u64,
    /// What its leads brought in, where it is known.
    #[serde(with = "digits")]
    pub revenue: Option<Decimal>,
    /// What its leads cost, where it is known.
    #[serde(with = "digits")]
    pub cost: Option<Decimal>,
    /// Outcomes that name another variant or script than the assigned one.
    pub delivered_other: u64,
}

/// One version of an experiment: the weights did not change in it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct VersionCounts {
    /// From 1.
    pub version: u32,
    /// By variant.
    pub arms: Vec<ArmCounts>,
}

/// All versions of one experiment, the newest last.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ExperimentCounts {
    /// Name of the experiment.
    pub id: String,
    /// Its versions, in order.
    pub versions: Vec<VersionCounts>,
}

/// One experiment, assessed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Name of the experiment.
    pub id: String,
    /// What it was assessed from.
    pub versions: Vec<VersionCounts>,
    /// Each variant over all versions, by name; also those that are no longer given out.
    pub arms: Vec<ArmFindings>,
    /// E-value that leads are not assigned by the weights; at most 1e300.
    pub mismatch_assigned: f64,
    /// E-value that known outcomes are not spread by the weights: that they come in from one arm more than from another.
    pub mismatch_outcomes: f64,
    /// Whether one of them reached 2000.
    pub is_mismatched: bool,
    /// For every pair of variants, how much speaks for one converting better than the other.
    pub evidence: Vec<Evidence>,
    /// What evidence must reach: number of variants / 0.05.
    pub threshold: f64,
    /// The variant that converts better than every other one.
    pub winner: Option<String>,
    /// Why there is none.
    pub why_no_winner: Option<String>,
    /// About how many further leads it takes, if rates stay what they are; see [`assess`].
    pub leads_needed: Option<u64>,
}

/// One variant over all versions of its experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmFindings {
    /// The variant.
    pub variant: String,
    /// The script that its leads get, as of its newest version.
    pub script: Option<String>,
    /// Its share in the newest version; 0 where it is no longer given out.
    pub share: f64,
    /// Distinct leads that were given it.
    pub exposed: u64,
    /// Those of them that are mature.
    pub mature: u64,
    /// Those of the mature whose outcome is known for good.
    pub resolved: u64,
    /// Those of the resolved that converted.
    pub converted: u64,
    /// Every conversion so far, mature or not: what the winner rule counts.
    pub wins: u64,
    /// converted / resolved; none without resolved leads, and where only wins were ever reported.
    pub rate: Option<f64>,
    /// resolved / mature.
    pub coverage: Option<f64>,
    /// The 95 % equal-tailed interval of the rate's posterior from a uniform prior.
    pub interval: Option<(f64, f64)>,
    /// P(this is the best variant of those given out now); none while one of them has no resolved lead.
    pub p_best: Option<f64>,
    /// Conversion rate given away on average by choosing this one.
    pub expected_loss: Option<f64>,
    /// What its leads brought in, where it is known.
    #[serde(with = "digits")]
    pub revenue: Option<Decimal>,
    /// What its leads cost, where it is known.
    #[serde(with = "digits")]
    pub cost: Option<Decimal>,
    /// Cost over conversions, rounded half to even to two decimals.
    #[serde(with = "digits")]
    pub cost_per_action: Option<Decimal>,
    /// Outcomes that name another variant or script than the assigned one.
    pub delivered_other: u64,
}

/// How much speaks for one variant converting better than another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// This one …
    pub of: String,
    /// … over this one.
    pub over: String,
    /// The e-value; at most 1e300.
    pub e: f64,
}

/// Assesses an experiment.
///
/// A variant that the newest version does not give out is shown, and counts in the number of variants that the threshold is
/// made of, but is neither winner nor in the way of one.
///
/// `leads_needed` is the number of further leads at which the evidence of the variant with the highest rate, with leads shared
/// out as now and every variant converting at the rate seen so far, reaches the threshold over all others, and every variant
/// has its `min_trials`. It is a forecast for people, too short about as often as too long, and nothing is decided by it.
/// There is none where no rate is above all others, or where it would take more than a hundred million leads.
#[must_use]
pub fn assess(counts: &ExperimentCounts, min_trials: u32) -> Trial {
    let mut trial = judge(counts, min_trials);
    describe(&mut trial.arms);
    if trial.winner.is_none() {
        trial.leads_needed = leads_needed(&trial, min_trials);
    }
    trial
}

/// The same without what decides nothing: no intervals, posteriors and forecast. For simulations, which look often.
#[must_use]
pub fn judge(counts: &ExperimentCounts, min_trials: u32) -> Trial {
    let arms = totals(&counts.versions);
    let evidence = evidence(&counts.versions, &arms);
    #[allow(clippy::cast_precision_loss)] // a handful of arms
    let threshold = arms.len() as f64 / ALPHA;
    let mismatch_assigned = mismatch(&counts.versions, |arm| arm.exposed);
    let mismatch_outcomes = mismatch(&counts.versions, |arm| arm.resolved);
    let mut trial = Trial {
        id: counts.id.clone(),
        versions: counts.versions.clone(),
        arms,
        mismatch_assigned,
        mismatch_outcomes,
        is_mismatched: mismatch_assigned.max(mismatch_outcomes) >= MISMATCH_FROM,
        evidence,
        threshold,
        winner: None,
        why_no_winner: None,
        leads_needed: None,
    };
    match decide(&trial, min_trials) {
        Ok(winner) => trial.winner = Some(winner),
        Err(why) => trial.why_no_winner = Some(why),
    }
    trial
}

impl Trial {
    /// The evidence of one variant over another; 1, which says nothing, where they are not compared.
    #[must_use]
    pub fn e_value(&self, of: &str, over: &str) -> f64 {
        self.evidence.iter().find(|evidence| evidence.of == of && evidence.over == over).map_or(1.0, |evidence| evidence.e)
    }

    /// The variants that the newest version gives out.
    pub fn compared(&self) -> impl Iterator<Item = &ArmFindings> {
        self.arms.iter().filter(|arm| arm.share > 0.0)
    }
}

impl ArmFindings {
    fn of(variant: &str) -> Self {
        Self {
            variant: variant.to_owned(),
            script: None,
            share: 0.0,
            exposed: 0,
            mature: 0,
            resolved: 0,
            converted: 0,
            wins: 0,
            rate: None,
            coverage: None,
            interval: None,
            p_best: None,
            expected_loss: None,
            revenue: None,
            cost: None,
            cost_per_action: None,
            delivered_other: 0,
        }
    }

    fn add(&mut self, arm: &ArmCounts) {
        self.script.clone_from(&arm.script);
        self.exposed += arm.exposed;
        self.mature += arm.mature;
        self.resolved += arm.resolved;
        self.converted += arm.converted;
        self.wins += arm.wins;
        self.delivered_other += arm.delivered_other;
        self.revenue = sum(self.revenue, arm.revenue);
        self.cost = sum(self.cost, arm.cost);
    }
}

/// The e-value for one set of arms (a variant, or all variants with one script) converting better than another, over all
/// versions (Robbins 1970; Ramdas et al. 2023).
///
/// Where both convert alike, each conversion of either is one of the first set with the probability q(1) = w/(w + w′) that the
/// weights give it, whatever the rate itself is or does over time. The e-value is the mean, over ratios ρ of the rates, of the
/// likelihood ratio of all conversions with q(ρ) = ρw/(ρw + w′) against q(1). A conversion of the first set contributes
/// ρ(w + w′)/(ρw + w′), one of the second (w + w′)/(ρw + w′). A version in which one of them has no weight says nothing.
#[must_use]
pub fn e_value(versions: &[VersionCounts], of: impl Fn(&ArmCounts) -> bool, over: impl Fn(&ArmCounts) -> bool) -> f64 {
    let bets = RATIOS.map(|ratio| {
        let parts = versions.iter().map(|version| {
            let (share, wins) = both(version, &of);
            let (other_share, other_wins) = both(version, &over);
            ln_bet(ratio, (share, wins), (other_share, other_wins))
        });
        parts.sum::<f64>()
    });
    mean_of_bets(&bets)
}

/// The logarithm of what one ratio has won on the conversions of two arms, each with its weight.
fn ln_bet(ratio: f64, (weight, wins): (f64, f64), (other_weight, other_wins): (f64, f64)) -> f64 {
    if weight <= 0.0 || other_weight <= 0.0 {
        return 0.0;
    }
    let against = log((weight + other_weight) / (ratio * weight + other_weight));
    wins * log(ratio) + (wins + other_wins) * against
}

/// The mean over all ratios, from logarithms.
#[allow(clippy::cast_precision_loss)] // seven
fn mean_of_bets(bets: &[f64; RATIOS.len()]) -> f64 {
    told(ln_sum_exp(bets) - log(RATIOS.len() as f64))
}

#[allow(clippy::cast_precision_loss)] // counts
fn both(version: &VersionCounts, belongs: &impl Fn(&ArmCounts) -> bool) -> (f64, f64) {
    let arms = version.arms.iter().filter(|arm| belongs(arm));
    arms.fold((0.0, 0.0), |(share, wins), arm| (share + arm.share, wins + arm.wins as f64))
}

/// e^ln, as far as a file can hold it.
fn told(ln: f64) -> f64 {
    exp(ln).min(E_VALUE_MAX)
}

/// The e-value for leads not falling to the arms by their weights, over all versions (Lindon & Malek 2022): the likelihood of
/// the counts under shares drawn from a Dirichlet distribution with parameters 200·w, over that under the weights themselves.
fn mismatch(versions: &[VersionCounts], count: impl Fn(&ArmCounts) -> u64) -> f64 {
    told(versions.iter().map(|version| ln_mismatch(version, &count)).sum())
}

#[allow(clippy::cast_precision_loss)] // counts
fn ln_mismatch(version: &VersionCounts, count: &impl Fn(&ArmCounts) -> u64) -> f64 {
    let (mut leads, mut prior, mut ln) = (0.0, 0.0, 0.0);
    for arm in &version.arms {
        let arm_leads = count(arm) as f64;
        if arm_leads == 0.0 && arm.share <= 0.0 {
            continue;
        }
        if arm.share <= 0.0 {
            // A lead where none can be: no chance explains it.
            return f64::INFINITY;
        }
        let alpha = PRIOR_LEADS * arm.share;
        ln += ln_gamma(alpha + arm_leads) - ln_gamma(alpha) - arm_leads * log(arm.share);
        leads += arm_leads;
        prior += alpha;
    }
    if leads == 0.0 { 0.0 } else { ln + ln_gamma(prior) - ln_gamma(prior + leads) }
}

/// Each variant over all versions, by name.
fn totals(versions: &[VersionCounts]) -> Vec<ArmFindings> {
    let mut names: Vec<&str> = versions.iter().flat_map(|version| version.arms.iter().map(|arm| arm.variant.as_str())).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| total(versions, name)).collect()
}

fn total(versions: &[VersionCounts], variant: &str) -> ArmFindings {
    let mut arm = ArmFindings::of(variant);
    for version in versions {
        let own = version.arms.iter().find(|counts| counts.variant == variant);
        // Of the newest version, because it comes last.
        arm.share = own.map_or(0.0, |counts| counts.share);
        if let Some(counts) = own {
            arm.add(counts);
        }
    }
    arm
}

/// Rates, intervals and posteriors of the counts.
#[allow(clippy::cast_precision_loss)] // counts
fn describe(arms: &mut [ArmFindings]) {
    let only_wins = only_wins(arms);
    for arm in arms.iter_mut() {
        arm.coverage = (arm.mature > 0).then(|| arm.resolved as f64 / arm.mature as f64);
        arm.cost_per_action = arm.cost.and_then(|cost| per(cost, arm.wins));
        if arm.resolved > 0 && !only_wins {
            arm.rate = Some(arm.converted as f64 / arm.resolved as f64);
            arm.interval = Some(Beta::after(arm.converted, arm.resolved).interval(INTERVAL));
        }
    }
    let compared: Vec<&mut ArmFindings> = arms.iter_mut().filter(|arm| arm.share > 0.0).collect();
    if compared.iter().all(|arm| arm.rate.is_some()) {
        let posteriors: Vec<Beta> = compared.iter().map(|arm| Beta::after(arm.converted, arm.resolved)).collect();
        let Comparison { p_best, expected_loss } = compare(&posteriors);
        for (arm, (p_best, loss)) in compared.into_iter().zip(p_best.into_iter().zip(expected_loss)) {
            (arm.p_best, arm.expected_loss) = (Some(p_best), Some(loss));
        }
    }
}

/// Whether outcomes are known, but no lead that did not convert: a rate of them would be 100 % whatever is true.
fn only_wins(arms: &[ArmFindings]) -> bool {
    let sum = |of: fn(&ArmFindings) -> u64| arms.iter().map(of).sum::<u64>();
    sum(|arm| arm.wins) > 0 && sum(|arm| arm.resolved) == sum(|arm| arm.converted)
}

fn evidence(versions: &[VersionCounts], arms: &[ArmFindings]) -> Vec<Evidence> {
    let pairs = arms.iter().flat_map(|of| arms.iter().filter(move |over| over.variant != of.variant).map(move |over| (of, over)));
    pairs
        .map(|(of, over)| Evidence {
            of: of.variant.clone(),
            over: over.variant.clone(),
            e: e_value(versions, |arm| arm.variant == of.variant, |arm| arm.variant == over.variant),
        })
        .collect()
}

/// The winner, or why there is none.
fn decide(trial: &Trial, min_trials: u32) -> Result<String, String> {
    if trial.is_mismatched {
        return Err("leads are not shared out as configured: the numbers cannot be trusted until that is explained".into());
    }
    if trial.compared().count() < 2 {
        return Err("only one variant is given out".into());
    }
    if only_wins(&trial.arms) {
        return Err("insufficient outcomes: only wins".into());
    }
    if let Some(short) = trial.compared().filter(|arm| arm.mature < u64::from(min_trials)).min_by_key(|arm| arm.mature) {
        return Err(format!("insufficient outcomes: {} of {min_trials} mature leads in `{}`", short.mature, short.variant));
    }
    let (leader, weakest) = trial
        .compared()
        .map(|arm| (arm, weakest_evidence(trial, arm)))
        .max_by(|(_, left), (_, right)| left.total_cmp(right))
        .expect("two variants at least");
    if weakest >= trial.threshold {
        return Ok(leader.variant.clone());
    }
    Err(if weakest > 1.0 {
        format!("the evidence for `{}` is {weakest:.1} of the {:.0} that it takes", leader.variant, trial.threshold)
    } else {
        "no variant stands out".into()
    })
}

/// The least evidence of a variant over any other one that is given out.
fn weakest_evidence(trial: &Trial, arm: &ArmFindings) -> f64 {
    let others = trial.compared().filter(|other| other.variant != arm.variant);
    others.map(|other| trial.e_value(&arm.variant, &other.variant)).fold(E_VALUE_MAX, f64::min)
}

/// See [`assess`].
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // counts up to LEADS_MAX
fn leads_needed(trial: &Trial, min_trials: u32) -> Option<u64> {
    if trial.is_mismatched {
        return None;
    }
    let arms: Vec<&ArmFindings> = trial.compared().collect();
    let rates: Vec<f64> = arms.iter().map(|arm| arm.rate).collect::<Option<_>>()?;
    let leader = (0..arms.len()).max_by(|left, right| rates[*left].total_cmp(&rates[*right]))?;
    let rivals: Vec<usize> = (0..arms.len()).filter(|rival| *rival != leader).collect();
    if rivals.is_empty() || rivals.iter().any(|rival| rates[*rival] >= rates[leader]) {
        return None;
    }
    let is_enough = |leads: f64| {
        arms.iter().all(|arm| arm.mature as f64 + leads * arm.share >= f64::from(min_trials))
            && rivals.iter().all(|rival| {
                let further = |arm: usize| (arms[arm].share, leads * arms[arm].share * rates[arm]);
                e_value_after(&trial.versions, (&arms[leader].variant, further(leader)), (&arms[*rival].variant, further(*rival)))
                    >= trial.threshold
            })
    };
    let mut high = 1.0;
    while !is_enough(high) {
        high *= 2.0;
        if high > LEADS_MAX {
            return None;
        }
    }
    let mut low = high / 2.0;
    while high - low > 1.0 {
        let middle = (0.5 * (low + high)).floor();
        if is_enough(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high.ceil() as u64)
}

/// The evidence of one variant over another if these conversions came in addition, each with its arm's weight.
fn e_value_after(versions: &[VersionCounts], (of, further): (&str, (f64, f64)), (over, other_further): (&str, (f64, f64))) -> f64 {
    let bets = RATIOS.map(|ratio| {
        let seen = versions.iter().map(|version| {
            ln_bet(ratio, both(version, &|arm: &ArmCounts| arm.variant == of), both(version, &|arm: &ArmCounts| arm.variant == over))
        });
        seen.sum::<f64>() + ln_bet(ratio, further, other_further)
    });
    mean_of_bets(&bets)
}

/// The sum of what is known, exactly; none where nothing is, or where it does not fit.
fn sum(left: Option<Decimal>, right: Option<Decimal>) -> Option<Decimal> {
    match (left, right) {
        (Some(left), Some(right)) => left.minus(right.negated()),
        (known, None) | (None, known) => known,
    }
}

/// An amount for each of some actions, rounded half to even to two decimals.
fn per(amount: Decimal, actions: u64) -> Option<Decimal> {
    let divisor = i128::from(actions) * 10_000; // micros → cents
    if divisor == 0 {
        return None;
    }
    let (quotient, rest) = (amount.micros().div_euclid(divisor), amount.micros().rem_euclid(divisor));
    let up = match (rest * 2).cmp(&divisor) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Greater => 1,
        std::cmp::Ordering::Equal => quotient & 1,
    };
    Decimal::new(i64::try_from(quotient + up).ok()?, 2)
}

/// Amounts of money in JSON: a text with their exact digits.
mod digits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::engine::decimal::Decimal;

    #[allow(clippy::ref_option)] // the signature that serde asks for
    pub(super) fn serialize<S: Serializer>(amount: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
        amount.map(|amount| amount.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss)] // small counts
mod tests {
    use super::*;

    /// An arm all of whose leads are mature and resolved.
    fn arm(variant: &str, share: f64, leads: u64, converted: u64) -> ArmCounts {
        ArmCounts {
            variant: variant.into(),
            share,
            exposed: leads,
            mature: leads,
            resolved: leads,
            converted,
            wins: converted,
            ..ArmCounts::default()
        }
    }

    fn experiment(versions: &[&[ArmCounts]]) -> ExperimentCounts {
        let versions = (1..).zip(versions).map(|(version, arms)| VersionCounts { version, arms: arms.to_vec() }).collect();
        ExperimentCounts { id: "first-contact".into(), versions }
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{found:e}, expected {expected:e}");
    }

    /// The definition itself: factor after factor in the order of conversions, with the weights of each.
    #[test]
    fn counts_say_all_that_the_order_of_conversions_said() {
        let weights = [(0.5, 0.5), (0.2, 0.6), (0.7, 0.0)];
        // Which version, and whether the conversion is of `a`.
        let order: Vec<(usize, bool)> =
            (0..200usize).map(|n| (n * 7 % 3, n * n % 5 < 3)).filter(|(version, is_a)| *version < 2 || *is_a).collect();
        let bets = RATIOS.map(|ratio| {
            order.iter().fold(1.0, |product: f64, (version, is_a)| {
                let (a, b) = weights[*version];
                let (q, q1) = (ratio * a / (ratio * a + b), a / (a + b));
                product * if *is_a { q / q1 } else { (1.0 - q) / (1.0 - q1) }
            })
        });
        let expected = bets.iter().sum::<f64>() / 7.0;
        let wins = |of: usize, is: bool| order.iter().filter(|(version, is_a)| *version == of && *is_a == is).count() as u64;
        let versions: Vec<VersionCounts> = (0..3)
            .map(|of| VersionCounts {
                version: 1,
                arms: vec![arm("a", weights[of].0, 1000, wins(of, true)), arm("b", weights[of].1, 1000, wins(of, false))],
            })
            .collect();
        near(e_value(&versions, |arm| arm.variant == "a", |arm| arm.variant == "b"), expected);
    }

    /// The Dirichlet-multinomial as it is drawn: each lead's predictive probability over its weight.
    #[test]
    fn mismatch_is_the_product_of_predictions() {
        let shares = [0.5, 0.3, 0.2];
        let (mut seen, mut product) = ([0u64; 3], 1.0f64);
        for lead in 0..300usize {
            let at = [0, 1, 0, 2, 0][lead * lead % 5];
            let so_far: u64 = seen.iter().sum();
            product *= (200.0 * shares[at] + seen[at] as f64) / (200.0 + so_far as f64) / shares[at];
            seen[at] += 1;
        }
        let arms: Vec<ArmCounts> = (0..3).map(|at| arm(["a", "b", "c"][at], shares[at], seen[at], 0)).collect();
        near(judge(&experiment(&[&arms]), 30).mismatch_assigned, product);
        // Versions multiply, whatever their weights.
        let twice = judge(&experiment(&[&arms, &[arm("a", 0.5, 0, 0), arm("b", 0.5, 0, 0)], &arms]), 30);
        near(twice.mismatch_assigned, product * product);
    }

    #[test]
    fn a_winner_and_why_there_is_none() {
        for (arms, winner, why) in [
            (&[arm("a", 0.5, 1000, 100), arm("b", 0.5, 1000, 160)][..], Some("b"), ""),
            (&[arm("a", 0.5, 1000, 160), arm("b", 0.5, 1000, 100)], Some("a"), ""),
            (&[arm("a", 0.5, 1000, 100), arm("b", 0.5, 1000, 120)], None, "the evidence for `b` is"),
            (&[arm("a", 0.5, 1000, 100), arm("b", 0.5, 1000, 100)], None, "no variant stands out"),
            (&[arm("a", 0.5, 29, 0), arm("b", 0.5, 31, 20)], None, "insufficient outcomes: 29 of 30 mature leads in `a`"),
            (&[arm("a", 0.5, 60, 60), arm("b", 0.5, 100, 100)], None, "insufficient outcomes: only wins"),
            (&[arm("a", 0.5, 1000, 100), arm("b", 0.5, 1400, 250)], None, "leads are not shared out as configured"),
            (&[arm("a", 1.0, 1000, 100), arm("b", 0.0, 0, 0)], None, "only one variant is given out"),
            // Better than one of two others only.
            (
                &[arm("a", 1.0 / 3.0, 1000, 100), arm("b", 1.0 / 3.0, 1000, 160), arm("c", 1.0 / 3.0, 1000, 158)],
                None,
                "no variant stands out",
            ),
            // Unequal weights are allowed for: the same rates.
            (&[arm("a", 0.9, 9000, 900), arm("b", 0.1, 1000, 100)], None, "no variant stands out"),
        ] {
            let trial = assess(&experiment(&[arms]), 30);
            assert_eq!(trial.winner.as_deref(), winner, "{trial:?}");
            assert!(trial.why_no_winner.as_deref().unwrap_or_default().starts_with(why), "{:?}, expected {why}", trial.why_no_winner);
            assert_eq!(trial.why_no_winner.is_none(), winner.is_some());
            near(trial.threshold, 20.0 * arms.len() as f64);
        }
    }

    #[test]
    fn a_lead_in_an_arm_without_weight_is_a_mismatch_that_a_file_can_hold() {
        let trial = assess(&experiment(&[&[arm("a", 1.0, 100, 10), arm("b", 0.0, 1, 0)]]), 30);
        assert!(trial.is_mismatched && trial.mismatch_assigned >= E_VALUE_MAX, "{trial:?}");
        let text = serde_json::to_string(&trial).expect("JSON");
        assert_eq!(serde_json::from_str::<Trial>(&text).expect("the same"), trial);
    }

    #[test]
    fn a_retired_variant_is_shown_and_is_not_in_the_way() {
        let first = [arm("a", 0.5, 1000, 100), arm("old", 0.5, 1000, 120)];
        let second = [arm("a", 0.5, 1000, 90), arm("new", 0.5, 1000, 170)];
        let trial = assess(&experiment(&[&first, &second]), 30);
        assert_eq!(trial.winner.as_deref(), Some("new"));
        near(trial.threshold, 60.0);
        let old = trial.arms.iter().find(|arm| arm.variant == "old").expect("shown");
        assert!((old.share, old.exposed, old.p_best) == (0.0, 1000, None) && old.rate == Some(0.12), "{old:?}");
        near(trial.e_value("new", "old"), 1.0);
    }

    #[test]
    fn leads_still_needed_are_where_the_forecast_crosses() {
        let counts = |leads: u64| experiment(&[&[arm("a", 0.5, leads, leads / 10), arm("b", 0.5, leads, leads * 13 / 100)]]);
        let needed = assess(&counts(500), 30).leads_needed.expect("there is a difference");
        // At the same rates there is a winner a little behind the forecast, and none a little before it.
        assert!(assess(&counts(500 + needed / 2 + 100), 30).winner.is_some(), "{needed}");
        assert!(assess(&counts(500 + needed / 2 - 100), 30).winner.is_none(), "{needed}");
        let same = assess(&experiment(&[&[arm("a", 0.5, 500, 50), arm("b", 0.5, 500, 50)]]), 30);
        assert_eq!(same.leads_needed, None);
        let few = assess(&experiment(&[&[arm("a", 0.9, 90, 10), arm("b", 0.1, 10, 9)]]), 30);
        assert_eq!(few.leads_needed, Some(200), "the small arm needs its thirty");
    }

    #[test]
    fn rates_and_money_are_shown_with_what_they_rest_on() {
        let money = |text: &str| Some(text.parse::<Decimal>().expect("an amount"));
        let mut a = ArmCounts { mature: 20, resolved: 10, cost: money("10.00"), revenue: money("1000.5"), ..arm("a", 0.5, 40, 3) };
        let trial = assess(&experiment(&[&[a.clone(), arm("b", 0.5, 40, 0)]]), 30);
        let found = &trial.arms[0];
        assert_eq!((found.rate, found.coverage, found.cost_per_action), (Some(0.3), Some(0.5), money("3.33")));
        let (low, high) = found.interval.expect("there are outcomes");
        assert!((low - 0.109_263_443_9).abs() < 1e-9 && (high - 0.609_742_559_6).abs() < 1e-9, "{low} {high}");
        assert!((trial.arms.iter().filter_map(|arm| arm.p_best).sum::<f64>() - 1.0).abs() < 1e-9);
        a.resolved = 0;
        a.converted = 0;
        let trial = assess(&experiment(&[&[a, arm("b", 0.5, 40, 0)]]), 30);
        let found = &trial.arms[0];
        assert!(found.rate.is_none() && found.interval.is_none() && trial.arms.iter().all(|arm| arm.p_best.is_none()), "{found:?}");
        let only = assess(&experiment(&[&[arm("a", 0.5, 3, 3), arm("b", 0.5, 2, 2)]]), 30);
        assert!(only.arms.iter().all(|arm| arm.rate.is_none()), "a rate of wins alone is no rate");
    }

    #[test]
    fn an_experiment_without_leads() {
        let trial = assess(&experiment(&[&[arm("a", 0.5, 0, 0), arm("b", 0.5, 0, 0)]]), 30);
        assert_eq!(trial.why_no_winner.as_deref(), Some("insufficient outcomes: 0 of 30 mature leads in `a`"));
        assert!(trial.leads_needed.is_none() && !trial.is_mismatched);
        assert!(assess(&ExperimentCounts::default(), 30).winner.is_none());
    }
}
