//! How good probabilities were: figures over leads whose outcome is known by now.
//!
//! Area under the curve (the chance that a converted lead was ranked above another one: Hanley & `McNeil` 1982), log loss, the
//! score of Brier (1950), and the calibration error over ten bins of equal count with the table it is made of (Murphy 1973;
//! Naeini, Cooper & Hauskrecht 2015). It says nothing of where the probabilities come from.

use serde::{Deserialize, Serialize};

use super::regression::in_order;

/// Bins of the reliability table.
const BINS: usize = 10;

/// What so many probabilities were worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Leads.
    pub leads: u64,
    /// Those that converted.
    pub conversions: u64,
    /// Share of them.
    pub base_rate: f64,
    /// Mean probability.
    pub predicted: f64,
    /// Chance that a converted lead has a higher probability than another; none where only one kind occurs.
    pub auc: Option<f64>,
    /// Mean of −log of the probability given to what happened.
    pub log_loss: f64,
    /// Mean square of the difference between probability and outcome.
    pub brier: f64,
    /// Mean over the bins of |predicted − observed|, by their leads; none under ten leads.
    pub calibration_error: Option<f64>,
    /// The bins, from the lowest probabilities to the highest.
    pub reliability: Vec<Bin>,
}

/// Leads with probabilities next to one another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// How many.
    pub leads: u64,
    /// Mean probability.
    pub predicted: f64,
    /// Share that converted.
    pub observed: f64,
}

impl Metrics {
    /// Of pairs (probability, converted); none without any.
    #[must_use]
    pub fn of(pairs: &[(f64, bool)]) -> Option<Self> {
        let leads = pairs.len();
        if leads == 0 {
            return None;
        }
        let n = count(leads);
        let conversions = pairs.iter().filter(|pair| pair.1).count();
        let mean = |term: &dyn Fn(&(f64, bool)) -> f64| in_order(pairs.iter().map(term)) / n;
        // Sorted stably, so that equal probabilities stay in the order of time.
        let mut ranked = pairs.to_vec();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        let reliability: Vec<Bin> = if leads < BINS { Vec::new() } else { bins(&ranked) };
        let error = in_order(reliability.iter().map(|bin| count_of(bin.leads) * (bin.predicted - bin.observed).abs())) / n;
        Some(Self {
            leads: leads as u64,
            conversions: conversions as u64,
            base_rate: count(conversions) / n,
            predicted: mean(&|pair| pair.0),
            auc: area(&ranked),
            log_loss: mean(&|pair| loss(pair.0, pair.1)),
            brier: mean(&|pair| (pair.0 - outcome(pair.1)) * (pair.0 - outcome(pair.1))),
            calibration_error: (!reliability.is_empty()).then_some(error),
            reliability,
        })
    }
}

/// −log of the probability that was given to what happened; a certainty that was wrong costs as much as one in 10^15.
#[must_use]
pub fn loss(probability: f64, converted: bool) -> f64 {
    -libm::log((if converted { probability } else { 1.0 - probability }).max(1e-15))
}

/// Area under the curve of scores with outcomes, ties counted half; none where only one outcome occurs.
#[must_use]
pub fn auc(pairs: &[(f64, bool)]) -> Option<f64> {
    let mut ranked = pairs.to_vec();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    area(&ranked)
}

/// A count as a number for arithmetic.
#[must_use]
#[allow(clippy::cast_precision_loss)] // counts stay far below 2^53
pub fn count(n: usize) -> f64 {
    n as f64
}

#[allow(clippy::cast_precision_loss)] // counts stay far below 2^53
fn count_of(n: u64) -> f64 {
    n as f64
}

fn outcome(converted: bool) -> f64 {
    if converted { 1.0 } else { 0.0 }
}

/// From pairs in the order of their scores: the statistic of Mann & Whitney (1947), in whole halves.
#[allow(clippy::cast_precision_loss)] // fewer pairs than 2^53
fn area(ranked: &[(f64, bool)]) -> Option<f64> {
    let (mut halves, mut lost_below) = (0_u64, 0_u64);
    for ties in ranked.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let won = ties.iter().filter(|pair| pair.1).count() as u64;
        let lost = ties.len() as u64 - won;
        halves += won * (2 * lost_below + lost);
        lost_below += lost;
    }
    let won = ranked.len() as u64 - lost_below;
    (won > 0 && lost_below > 0).then(|| halves as f64 / (2 * won * lost_below) as f64)
}

fn bins(ranked: &[(f64, bool)]) -> Vec<Bin> {
    let place = |bin: usize| bin * ranked.len() / BINS;
    let bin_of = |bin: &[(f64, bool)]| Bin {
        leads: bin.len() as u64,
        predicted: in_order(bin.iter().map(|pair| pair.0)) / count(bin.len()),
        observed: count(bin.iter().filter(|pair| pair.1).count()) / count(bin.len()),
    };
    (0..BINS).map(|bin| bin_of(&ranked[place(bin)..place(bin + 1)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_counts_pairs_and_half_of_ties() {
        for (pairs, expected) in [
            (&[(0.1, false), (0.9, true)][..], Some(1.0)),
            (&[(0.9, false), (0.1, true)], Some(0.0)),
            (&[(0.5, false), (0.5, true)], Some(0.5)),
            (&[(0.1, false), (0.4, true), (0.35, false), (0.8, true)], Some(1.0)),
            (&[(0.1, false), (0.4, false), (0.35, true), (0.8, true)], Some(0.75)),
            (&[(0.1, true)], None),
            (&[], None),
        ] {
            assert_eq!(auc(pairs), expected, "{pairs:?}");
        }
    }

    #[test]
    fn figures_by_hand() {
        // Twenty leads: ten at 0.2 of which three convert, ten at 0.6 of which five do.
        let pairs: Vec<(f64, bool)> = (0..20).map(|at| if at < 10 { (0.2, at < 3) } else { (0.6, at < 15) }).collect();
        let metrics = Metrics::of(&pairs).expect("some leads");
        assert_eq!((metrics.leads, metrics.conversions), (20, 8));
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        close(metrics.base_rate, 0.4);
        close(metrics.predicted, 0.4);
        close(metrics.brier, (3.0 * 0.64 + 7.0 * 0.04 + 5.0 * 0.16 + 5.0 * 0.36) / 20.0);
        close(metrics.log_loss, -(3.0 * 0.2_f64.ln() + 7.0 * 0.8_f64.ln() + 5.0 * 0.6_f64.ln() + 5.0 * 0.4_f64.ln()) / 20.0);
        assert_eq!(metrics.reliability.len(), 10);
        assert!(metrics.reliability.iter().all(|bin| bin.leads == 2));
    }

    #[test]
    fn the_calibration_error_is_the_mean_gap_of_the_bins() {
        // 100 leads, all at 0.3, of which exactly three of each ten convert.
        let pairs: Vec<(f64, bool)> = (0..100).map(|at| (0.3, at % 10 < 3)).collect();
        assert!(Metrics::of(&pairs).expect("some leads").calibration_error.expect("enough leads") < 1e-12);
        let off: Vec<(f64, bool)> = pairs.iter().map(|pair| (0.5, pair.1)).collect();
        assert!((Metrics::of(&off).expect("some leads").calibration_error.expect("enough leads") - 0.2).abs() < 1e-12);
        assert_eq!(Metrics::of(&pairs[..9]).expect("some leads").calibration_error, None);
        assert_eq!(Metrics::of(&[]), None);
    }
}
