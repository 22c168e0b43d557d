//! The quality of a file: mergeable integer tallies, and the score they give.
//!
//! The five checks are the original monitor's; their definitions and weights stand in `docs/GUIDE.md`. Tallies are
//! integers and merge in any order, so that the figures do not depend on how a file was cut. A share whose denominator
//! is zero is unknown, and the weights of the others are renormalised. Crossing a threshold never changes what is taken.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::decimal::Decimal;
use super::lead::Lead;
use super::stages::deal_packet::{Risk, Risks};

/// What one worker counts over the valid rows of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowTally {
    /// Rows that passed every rule.
    pub valid: u64,
    /// Optional fields that were filled in those rows.
    pub optional_filled: u64,
    /// Phones given.
    pub phones: u64,
    /// Phones that can be read as a number.
    pub phones_read: u64,
    /// E-mails whose domain is a known slip.
    pub email_slips: u64,
    /// Cells that a spreadsheet would run as a formula.
    pub formula_cells: u64,
    /// Rows read although a quote in them is never closed.
    pub repaired: u64,
}

impl RowTally {
    /// Counts one valid row with what its stages found risky.
    pub fn add(&mut self, lead: &Lead<'_>, risks: Risks) {
        self.valid += 1;
        self.optional_filled += u64::from(!lead.location.is_empty()) + u64::from(!lead.phone.is_empty()) + u64::from(lead.source_given);
        self.phones += u64::from(!lead.phone.is_empty());
        self.phones_read += u64::from(lead.phone_reads);
        self.email_slips += u64::from(risks.contains(Risk::MailSlip));
    }

    /// Adds another chunk's counts.
    pub fn merge(&mut self, other: &Self) {
        self.valid += other.valid;
        self.optional_filled += other.optional_filled;
        self.phones += other.phones;
        self.phones_read += other.phones_read;
        self.email_slips += other.email_slips;
        self.formula_cells += other.formula_cells;
        self.repaired += other.repaired;
    }
}

/// What the five checks are computed from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Data records.
    pub total: u64,
    /// Rows rejected.
    pub rejected: u64,
    /// Rows of a person who came earlier in the file; `None` when duplicates cannot be known.
    pub duplicates_in_file: Option<u64>,
    /// Optional fields that have a column in this file.
    pub optional_columns: u64,
    /// What the workers counted.
    pub rows: RowTally,
    /// Values looked at, and those that stand out.
    pub values: u64,
    /// See [`LogHistogram::outliers`].
    pub outliers: u64,
}

/// The five shares, each 0 to 1, and the score of 0 to 100. `None` is unknown, never a pleasant word.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Quality {
    /// `None` for a file without rows.
    pub score: Option<f64>,
    /// 1 − rejected share.
    pub validity: Option<f64>,
    /// Filled share of the optional columns that the file has.
    pub completeness: Option<f64>,
    /// 1 − share of duplicates within the file.
    pub uniqueness: Option<f64>,
    /// Phones that can be read and e-mails without a known slip, of all phones and e-mails.
    pub format: Option<f64>,
    /// 1 − outlier share of the values.
    pub plausibility: Option<f64>,
    /// Values that stand out.
    pub outliers: u64,
}

/// Weights of validity, completeness, uniqueness, format and plausibility.
const WEIGHTS: [f64; 5] = [0.35, 0.25, 0.20, 0.10, 0.10];

/// The quality of a file: `100 · min(validity, Σ weight · share)`.
#[must_use]
pub fn assess(counts: &Counts) -> Quality {
    let rows = &counts.rows;
    let validity = share(counts.total - counts.rejected, counts.total);
    let completeness = share(rows.optional_filled, rows.valid * counts.optional_columns);
    let uniqueness = counts.duplicates_in_file.and_then(|duplicates| share(rows.valid.saturating_sub(duplicates), rows.valid));
    let format = share(rows.phones_read + rows.valid - rows.email_slips, rows.phones + rows.valid);
    let plausibility = share(counts.values - counts.outliers, counts.values);
    let shares = [validity, completeness, uniqueness, format, plausibility];
    let known = shares.iter().zip(WEIGHTS).filter_map(|(share, weight)| share.map(|share| (share * weight, weight)));
    let (sum, weight) = known.fold((0.0, 0.0), |(sum, total), (part, weight)| (sum + part, total + weight));
    let score = validity.map(|validity| 100.0 * validity.min(sum / weight));
    Quality { score, validity, completeness, uniqueness, format, plausibility, outliers: counts.outliers }
}

/// A histogram of log10(value) in bins of 0.001, over the whole exact range.
#[derive(Debug, Clone, Default)]
pub struct LogHistogram {
    bins: Vec<u32>,
    count: u64,
}

/// log10 of the smallest amount, a millionth, times the bins per decade.
const LOWEST_BIN: i64 = -6 * BINS_PER_DECADE;
const BINS_PER_DECADE: i64 = 1000;
const BINS: usize = 24 * 1000 + 1;
/// Below this many values none is called an outlier.
const OUTLIER_MIN_COUNT: u64 = 20;

impl LogHistogram {
    /// Counts a positive value.
    pub fn add(&mut self, value: Decimal) {
        if self.bins.is_empty() {
            self.bins = vec![0; BINS];
        }
        self.bins[Self::bin_of(value)] += 1;
        self.count += 1;
    }

    /// Values counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The bin of a value: ⌊1000 · log10(value)⌋, from the smallest possible one.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // the exponent of an exact amount lies between -6 and 18
    pub fn bin_of(value: Decimal) -> usize {
        let bin = (value.log10() * BINS_PER_DECADE as f64).floor() as i64 - LOWEST_BIN;
        usize::try_from(bin).unwrap_or(0).min(BINS - 1)
    }

    /// The value at a rank of 0 to 1 (nearest rank), to within the width of a bin (0.12 % either way).
    #[must_use]
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_possible_wrap)]
    pub fn quantile(&self, rank: f64) -> Option<f64> {
        let target = ((rank * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0u64;
        let bin = self.bins.iter().position(|count| {
            seen += u64::from(*count);
            seen >= target
        })?;
        let middle = (bin as i64 + LOWEST_BIN) as f64 + 0.5;
        Some(libm::pow(10.0, middle / BINS_PER_DECADE as f64))
    }

    /// Values with a modified z-score |0.6745·(x − median)/MAD| above 3.5, x = log10(value)
    /// (Iglewicz & Hoaglin 1993). With a MAD of zero the mean deviation takes its place; with that zero, or fewer than
    /// 20 values, there is none.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // bin numbers and counts
    pub fn outliers(&self) -> u64 {
        let Some((median, reach)) = self.usual() else { return 0 };
        let filled = self.bins.iter().enumerate().filter(|(bin, count)| **count > 0 && (*bin as f64 - median).abs() > reach);
        filled.map(|(_, count)| u64::from(*count)).sum()
    }

    /// Whether a value is one of the [`outliers`](Self::outliers).
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // bin numbers
    pub fn stands_out(&self, value: Decimal) -> bool {
        self.usual().is_some_and(|(median, reach)| (Self::bin_of(value) as f64 - median).abs() > reach)
    }

    /// Counts by coarser bins, each `width` of the original ones: the finest that fill at most `most` of them.
    #[must_use]
    pub fn coarse(&self, finest: usize, most: usize) -> (usize, Vec<(usize, u64)>) {
        let mut width = finest;
        loop {
            let mut bins: Vec<(usize, u64)> = Vec::new();
            for (bin, count) in self.bins.iter().enumerate().filter(|(_, count)| **count > 0) {
                match bins.last_mut() {
                    Some((last, sum)) if *last == bin / width => *sum += u64::from(*count),
                    _ => bins.push((bin / width, u64::from(*count))),
                }
            }
            if bins.len() <= most {
                return (width, bins);
            }
            width *= 2;
        }
    }

    /// The median, and how far from it values are still usual, in bins; none where nothing can stand out.
    #[allow(clippy::cast_precision_loss)] // bin numbers and counts
    fn usual(&self) -> Option<(f64, f64)> {
        if self.count < OUTLIER_MIN_COUNT {
            return None;
        }
        let filled: Vec<(f64, u64)> =
            self.bins.iter().enumerate().filter(|(_, count)| **count > 0).map(|(bin, count)| (bin as f64, u64::from(*count))).collect();
        let median = weighted_median(&filled);
        let mut deviations: Vec<(f64, u64)> = filled.iter().map(|(bin, count)| ((bin - median).abs(), *count)).collect();
        deviations.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mad = weighted_median(&deviations);
        let mean: f64 = deviations.iter().map(|(deviation, count)| deviation * *count as f64).sum::<f64>() / self.count as f64;
        let scale = if mad > 0.0 { mad / 0.6745 } else { 1.2533 * mean };
        (scale > 0.0).then_some((median, 3.5 * scale))
    }
}

/// The median of sorted (value, count) pairs; the mean of the two middle ones for an even count.
fn weighted_median(sorted: &[(f64, u64)]) -> f64 {
    let total: u64 = sorted.iter().map(|(_, count)| count).sum();
    let at = |rank: u64| {
        let mut seen = 0;
        sorted
            .iter()
            .find(|(_, count)| {
                seen += count;
                seen > rank
            })
            .map_or(0.0, |(value, _)| *value)
    };
    f64::midpoint(at((total - 1) / 2), at(total / 2))
}

/// The sum, extremes and percentiles of the accepted values.
#[derive(Debug, Clone, Default)]
pub struct ValueSummary {
    /// Sum in millionths, exact.
    pub sum_micros: i128,
    /// Smallest.
    pub min: Option<Decimal>,
    /// Largest.
    pub max: Option<Decimal>,
    /// Where they lie.
    pub histogram: LogHistogram,
    exact: Vec<Decimal>,
    /// Rows of the largest and of the smallest values, the first among equals.
    largest: BTreeSet<(Decimal, Reverse<u64>)>,
    smallest: BTreeSet<(Decimal, u64)>,
}

/// Rows with outliers that can be named: so many of the most extreme at either end.
const EXTREMES: usize = 20;

/// Up to this many values percentiles are exact; beyond, they come from the histogram.
const EXACT_VALUES: usize = 10_000;

impl ValueSummary {
    /// Counts one value, of this row.
    pub fn add(&mut self, value: Decimal, row: u64) {
        if self.largest.len() < EXTREMES || self.largest.first().is_some_and(|least| *least < (value, Reverse(row))) {
            self.largest.insert((value, Reverse(row)));
            if self.largest.len() > EXTREMES {
                self.largest.pop_first();
            }
        }
        if self.smallest.len() < EXTREMES || self.smallest.last().is_some_and(|most| *most > (value, row)) {
            self.smallest.insert((value, row));
            if self.smallest.len() > EXTREMES {
                self.smallest.pop_last();
            }
        }
        self.sum_micros += value.micros();
        self.min = Some(self.min.map_or(value, |min| min.min(value)));
        self.max = Some(self.max.map_or(value, |max| max.max(value)));
        self.histogram.add(value);
        if self.exact.len() < EXACT_VALUES {
            self.exact.push(value);
        }
    }

    /// The rows of the most extreme outliers, at most twenty from either end, in the order of the file. Which values stand out
    /// is known only at the end of a file; that is why its extremes are kept on the way.
    #[must_use]
    pub fn outlier_rows(&self) -> Vec<u64> {
        let large = self.largest.iter().map(|(value, row)| (*value, row.0));
        let found = large.chain(self.smallest.iter().copied()).filter(|(value, _)| self.histogram.stands_out(*value));
        found.map(|(_, row)| row).collect::<BTreeSet<u64>>().into_iter().collect()
    }

    /// The value at a rank of 0 to 1 (nearest rank): exact up to 10 000 values, else to within 0.12 %, in cents.
    #[must_use]
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn quantile(&self, rank: f64) -> Option<Decimal> {
        if self.histogram.count() > EXACT_VALUES as u64 {
            return Decimal::new((self.histogram.quantile(rank)? * 100.0).round() as i64, 2);
        }
        let mut sorted = self.exact.clone();
        sorted.sort_unstable();
        let at = (rank * sorted.len() as f64).ceil() as usize;
        sorted.get(at.max(1) - 1).copied()
    }
}

#[allow(clippy::cast_precision_loss)] // counts stay far below 2^53
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: impl IntoIterator<Item = i64>) -> LogHistogram {
        let mut histogram = LogHistogram::default();
        values.into_iter().for_each(|v| histogram.add(Decimal::new(v, 0).expect("a value")));
        histogram
    }

    #[test]
    fn outliers_need_twenty_values_and_a_spread() {
        assert_eq!(histogram((0..19).map(|_| 100).chain([1_000_000])).outliers(), 1, "no spread: the mean deviation decides");
        assert_eq!(histogram((0..18).map(|_| 100).chain([1_000_000])).outliers(), 0, "19 values are too few");
        assert_eq!(histogram((0..100).map(|_| 100)).outliers(), 0);
        assert_eq!(histogram((0..100).map(|n| 100_000 + n * 1000).chain([1])).outliers(), 1);
    }

    #[test]
    fn the_score_is_the_lesser_of_validity_and_the_weighted_shares() {
        let rows = RowTally { valid: 10, optional_filled: 20, phones: 10, phones_read: 10, ..RowTally::default() };
        let counts = Counts { total: 10, rejected: 0, duplicates_in_file: Some(0), optional_columns: 2, rows, values: 10, outliers: 0 };
        assert_eq!(assess(&counts).score, Some(100.0));
        let half = Counts { total: 20, rejected: 10, ..counts };
        assert_eq!(assess(&half).score, Some(50.0));
        let unknown = Counts { duplicates_in_file: None, optional_columns: 0, ..counts };
        assert_eq!((assess(&unknown).uniqueness, assess(&unknown).completeness, assess(&unknown).score), (None, None, Some(100.0)));
        assert_eq!(assess(&Counts::default()).score, None, "an empty file has no score");
    }

    #[test]
    fn percentiles_are_exact_for_files_that_people_check_by_hand() {
        let mut summary = ValueSummary::default();
        for value in ["500000", "750000.50", "600000"] {
            summary.add(value.parse().expect("a value"), 1);
        }
        assert_eq!(summary.quantile(0.5).expect("three").to_string(), "600000");
        assert_eq!(summary.quantile(0.95).expect("three").to_string(), "750000.50");
        assert_eq!(ValueSummary::default().quantile(0.5), None);
        let many = histogram(1..=20_000);
        let median = many.quantile(0.5).expect("many");
        assert!((median / 10_000.0 - 1.0).abs() < 0.0012, "{median}");
    }

    #[test]
    fn counts_of_chunks_add_up() {
        let one = RowTally { valid: 1, optional_filled: 2, phones: 3, phones_read: 4, email_slips: 5, formula_cells: 6, repaired: 7 };
        let two = RowTally { valid: 2, optional_filled: 4, phones: 6, phones_read: 8, email_slips: 10, formula_cells: 12, repaired: 14 };
        let mut all = one;
        all.merge(&one);
        assert_eq!(all, two);
    }

    #[test]
    fn outliers_are_found_by_their_rows() {
        let mut summary = ValueSummary::default();
        for row in 1..=1000_i64 {
            let value = match row {
                17 => 1,
                500 => 900_000_000,
                _ => 100_000 + row * 100,
            };
            summary.add(Decimal::new(value, 0).expect("a value"), row.unsigned_abs());
        }
        assert_eq!((summary.histogram.outliers(), summary.outlier_rows()), (2, vec![17, 500]));
        let mut same = ValueSummary::default();
        (1..=100).for_each(|row| same.add(Decimal::new(5, 0).expect("a value"), row));
        assert_eq!(same.outlier_rows(), Vec::<u64>::new());
    }

    #[test]
    fn coarse_bins_are_bounded_and_count_the_same() {
        let wide = histogram((0..5000).map(|n| 1 + n * n * 31));
        let (width, bins) = wide.coarse(16, 64);
        assert!(bins.len() <= 64 && width > 16, "{width}");
        assert_eq!(bins.iter().map(|(_, count)| count).sum::<u64>(), 5000);
        assert_eq!(histogram([]).coarse(16, 64), (16, vec![]));
    }

    #[test]
    fn without_a_spread_a_small_distance_is_an_outlier_too() {
        assert_eq!(histogram((0..19).map(|_| 100).chain([110])).outliers(), 1);
        assert_eq!(histogram((0..10).map(|_| 100).chain((0..10).map(|_| 110))).outliers(), 0);
    }
}
