//! Whether a file is like the others of its source, and what a job's figures together are worth.
//!
//! Pure: figures in, findings out. A file is held against the latest files of its own source, never against a limit that
//! somebody guessed. What is said here is said once: a reject rate that went up is not told again as missing fields, and
//! values that moved as a whole are not told again as outliers. New and vanished columns are `engine::drift`'s.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Finding, Level};
use crate::journal::AlertCode;

/// Files of the past that a new one is held against: so many of the latest.
pub const WINDOW: usize = 20;
/// Shares and volume need so many files of the past.
const PAST_MIN: usize = 8;
/// How many scales from the median is unlike the others (Iglewicz & Hoaglin 1993, as for outliers).
const REACH: f64 = 3.5;
/// What makes a median absolute deviation comparable to a standard deviation.
const MAD_SCALE: f64 = 0.6745;
/// Shares that differ by less than a point hardly differ.
const POINT: f64 = 0.01;
/// The same for volume, as a difference of log10(rows): with [`REACH`], anything within a factor of 2.24 is usual.
const VOLUME_SCALE_MIN: f64 = 0.1;
/// Distributions that differ by less than this do not matter, however sure it is that they differ.
const KS_D_MIN: f64 = 0.1;
/// After Bonferroni: a window's worth of files is tested before this chance of a false word is spent.
const KS_P_MAX: f64 = 0.001;
/// Values on each side below which distributions are not compared.
const KS_VALUES_MIN: u64 = 100;
/// A reject rate that went up to this is critical.
const REJECTED_CRITICAL: f64 = 0.5;
/// A quality score below this is critical.
const SCORE_CRITICAL: f64 = 50.0;
/// So many cells that a spreadsheet would run are critical: the original's limit for suspicious activities.
const HOSTILE_CRITICAL: u64 = 5;

/// What a file was like. Counts only, no cell's content; bounded in size.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FileFigures {
    /// Data records.
    pub rows: u64,
    /// Rejected ones.
    pub rejected: u64,
    /// Leads, repeats within the file not counted.
    pub taken: u64,
    /// Leads without it, by field, for fields that have a column and may be empty.
    pub missing: BTreeMap<String, u64>,
    /// Leads with a value.
    pub values: u64,
    /// Those that stand out.
    pub outliers: u64,
    /// Width of the bins, in thousandths of a decade.
    pub width: usize,
    /// Number and count of each bin of log10(value) that is not empty, in rising order.
    pub bins: Vec<(usize, u64)>,
}

impl FileFigures {
    /// The finest bins: 3.7 % of a value. Widths double, so that files with other widths can be compared.
    pub const BIN_FINEST: usize = 16;
    /// Bins kept at most.
    pub const BINS_MAX: usize = 256;

    /// Bins as wide as these, which are a multiple of its own.
    fn widened(&self, width: usize) -> impl Iterator<Item = (usize, u64)> {
        let factor = (width / self.width.max(1)).max(1);
        self.bins.iter().map(move |(bin, count)| (bin / factor, *count))
    }
}

/// What of a job is worth a person's look before its rows count.
#[derive(Debug, Clone, Copy, Default)]
pub struct JobLook {
    /// The quality score, 0 to 100.
    pub score: Option<f64>,
    /// Its minimum.
    pub score_min: f64,
    /// Cells that a spreadsheet would run.
    pub hostile_cells: u64,
    /// Whether columns are others than before.
    pub has_other_columns: bool,
    /// Whether a required field is taken from another column than before.
    pub has_moved: bool,
}

/// A file held against the past of its source, the latest first: a finding for each thing looked at, good or bad.
#[must_use]
pub fn drift(source: &str, now: &FileFigures, past: &[FileFigures]) -> Vec<Finding> {
    let values = values(now, past);
    let found = [reject_rate(now, past), missing(now, past), volume(now, past), outliers(now, past, values.is_bad()), values];
    found.into_iter().map(|finding| finding.about(source)).collect()
}

/// Everything about a job that an assessment rests on: what its source's past says, and what the file says alone.
#[must_use]
pub fn job(look: &JobLook, drift: &[Finding]) -> Vec<Finding> {
    let mut found = drift.to_vec();
    if let Some(score) = look.score {
        let level = match score {
            _ if score < SCORE_CRITICAL.min(look.score_min) => Level::Critical,
            _ if score < look.score_min => Level::Warning,
            _ => Level::Fine,
        };
        let detail = format!("quality {score:.1}, the minimum is {:.1}, below {SCORE_CRITICAL:.0} is critical", look.score_min);
        found.push(Finding::new(AlertCode::QualityBelowMinimum, level, detail).measured(score, look.score_min));
    }
    let cells = look.hostile_cells;
    let level = match cells {
        0 => Level::Fine,
        1..HOSTILE_CRITICAL => Level::Warning,
        _ => Level::Critical,
    };
    let detail = format!("{cells} cells begin like a formula, {HOSTILE_CRITICAL} are critical");
    #[allow(clippy::cast_precision_loss)] // counts
    found.push(Finding::new(AlertCode::FormulaCells, level, detail).measured(cells as f64, HOSTILE_CRITICAL as f64));
    let has_other_values = drift.iter().any(|finding| finding.code == AlertCode::ValuesDrifted && finding.is_bad());
    let (level, detail) = match (look.has_moved && has_other_values, look.has_other_columns) {
        (true, _) => (Level::Critical, "a required field comes from another column than before, and the values are others too"),
        (false, true) => (Level::Warning, "other columns than in the last file of this source"),
        (false, false) => (Level::Fine, "the columns are those of the last file of this source, or it is the first"),
    };
    found.push(Finding::new(AlertCode::LayoutDrift, level, detail));
    found
}

fn reject_rate(now: &FileFigures, past: &[FileFigures]) -> Finding {
    let code = AlertCode::RejectRateUp;
    let Some(rate) = share(now.rejected, now.rows) else { return Finding::new(code, Level::Unknown, "the file has no rows") };
    let before: Vec<f64> = past.iter().filter_map(|file| share(file.rejected, file.rows)).collect();
    let Some((median, limit)) = share_limit(&before, now.rows) else { return too_few(code) };
    let level = match rate {
        _ if rate <= limit => Level::Fine,
        _ if rate >= REJECTED_CRITICAL => Level::Critical,
        _ => Level::Warning,
    };
    let detail = format!("{} of the rows were rejected, {} is usual and {} the limit", percent(rate), percent(median), percent(limit));
    Finding::new(code, level, detail).measured(rate, limit)
}

/// The field that went furthest beyond its limit; or, where none did, the one that is nearest.
fn missing(now: &FileFigures, past: &[FileFigures]) -> Finding {
    let code = AlertCode::MissingUp;
    let looked = now.missing.iter().filter_map(|(field, count)| {
        let rate = share(*count, now.taken)?;
        let before: Vec<f64> = past.iter().filter_map(|file| share(*file.missing.get(field)?, file.taken)).collect();
        let (median, limit) = share_limit(&before, now.taken)?;
        Some((rate - limit, field, rate, median, limit))
    });
    let mut looked: Vec<_> = looked.collect();
    looked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let Some((beyond, field, rate, median, limit)) = looked.first().copied() else { return too_few(code) };
    let others: Vec<&str> = looked.iter().skip(1).filter(|entry| entry.0 > 0.0).map(|entry| entry.1.as_str()).collect();
    let also = if others.is_empty() { String::new() } else { format!("; likewise {}", others.join(", ")) };
    let detail =
        format!("{} of the leads have no {field}, {} is usual and {} the limit{also}", percent(rate), percent(median), percent(limit));
    Finding::new(code, if beyond > 0.0 { Level::Warning } else { Level::Fine }, detail).measured(rate, limit)
}

/// Rows on a log scale: twice as many and half as many are equally far. Counts scatter by their square root (Poisson).
#[allow(clippy::cast_precision_loss)] // counts
fn volume(now: &FileFigures, past: &[FileFigures]) -> Finding {
    let code = AlertCode::VolumeUnusual;
    let mut before: Vec<f64> = past.iter().filter(|file| file.rows > 0).map(|file| (file.rows as f64).log10()).collect();
    if before.len() < PAST_MIN || now.rows == 0 {
        return too_few(code);
    }
    let (median, mad) = spread(&mut before);
    let usual = 10f64.powf(median);
    let scatter = std::f64::consts::LOG10_E / usual.sqrt();
    let reach = REACH * (mad / MAD_SCALE).max(scatter).max(VOLUME_SCALE_MIN);
    let (least, most) = (10f64.powf(median - reach), 10f64.powf(median + reach));
    let rows = now.rows as f64;
    let is_usual = (least..=most).contains(&rows);
    let detail = format!("the file has {} rows, {usual:.0} is usual, from {least:.0} to {most:.0}", now.rows);
    Finding::new(code, if is_usual { Level::Fine } else { Level::Warning }, detail).measured(rows, if rows < usual { least } else { most })
}

fn outliers(now: &FileFigures, past: &[FileFigures], has_other_values: bool) -> Finding {
    let code = AlertCode::OutliersUp;
    if has_other_values {
        return Finding::new(code, Level::Unknown, "the values as a whole are others than before");
    }
    let Some(rate) = share(now.outliers, now.values) else { return Finding::new(code, Level::Unknown, "no lead has a value") };
    let before: Vec<f64> = past.iter().filter_map(|file| share(file.outliers, file.values)).collect();
    let Some((median, limit)) = share_limit(&before, now.values) else { return too_few(code) };
    let detail = format!("{} of the values stand out, {} is usual and {} the limit", percent(rate), percent(median), percent(limit));
    Finding::new(code, if rate > limit { Level::Warning } else { Level::Fine }, detail).measured(rate, limit)
}

/// The two-sample test of Kolmogorov and Smirnov against all values of the window together.
fn values(now: &FileFigures, past: &[FileFigures]) -> Finding {
    let code = AlertCode::ValuesDrifted;
    let before: u64 = past.iter().map(|file| file.values).sum();
    if now.values < KS_VALUES_MIN || before < KS_VALUES_MIN {
        let detail = format!("{} values now and {before} before, {KS_VALUES_MIN} each are needed to compare them", now.values);
        return Finding::new(code, Level::Unknown, detail);
    }
    let d = greatest_distance(now, past, before);
    #[allow(clippy::cast_precision_loss)] // a window of files
    let p = (kolmogorov_p(d, now.values, before) * WINDOW as f64).min(1.0);
    let has_drifted = d >= KS_D_MIN && p < KS_P_MAX;
    let detail = format!(
        "the values lie elsewhere than before by D = {d:.3} (limit {KS_D_MIN}), p = {p:.1e} (limit {KS_P_MAX}), {} values against {before}",
        now.values
    );
    Finding::new(code, if has_drifted { Level::Warning } else { Level::Fine }, detail).measured(d, KS_D_MIN)
}

/// D, the greatest distance of the two distribution functions, looked at where bins end: never more than the true one, so
/// that binning makes the test conservative.
#[allow(clippy::cast_precision_loss)] // counts
fn greatest_distance(now: &FileFigures, past: &[FileFigures], before: u64) -> f64 {
    let width = past.iter().map(|file| file.width).chain([now.width]).max().unwrap_or(1).max(1);
    let mut bins: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
    now.widened(width).for_each(|(bin, count)| bins.entry(bin).or_default().0 += count);
    past.iter().flat_map(|file| file.widened(width)).for_each(|(bin, count)| bins.entry(bin).or_default().1 += count);
    let (mut below_now, mut below_before, mut greatest) = (0, 0, 0.0_f64);
    for (in_now, in_before) in bins.into_values() {
        below_now += in_now;
        below_before += in_before;
        greatest = greatest.max((below_now as f64 / now.values as f64 - below_before as f64 / before as f64).abs());
    }
    greatest
}

/// How likely a distance of D or more is by chance: the asymptotic distribution of Kolmogorov (1933) and Smirnov (1948),
/// with the correction of Stephens (1970) for samples of finite size.
#[allow(clippy::cast_precision_loss)] // counts
fn kolmogorov_p(d: f64, one: u64, other: u64) -> f64 {
    let (one, other) = (one as f64, other as f64);
    let root = (one * other / (one + other)).sqrt();
    let lambda = (root + 0.12 + 0.11 / root) * d;
    if lambda < 0.2 {
        return 1.0; // the series converges slowly there, and is 1 to twelve digits
    }
    let terms = (1..=100).map(|k| {
        let k = f64::from(k);
        let term = 2.0 * (-2.0 * k * k * lambda * lambda).exp();
        if k % 2.0 == 0.0 { -term } else { term }
    });
    terms.sum::<f64>().clamp(0.0, 1.0)
}

/// The usual share and the greatest that is like the others: 3.5 · max(MAD/0.6745, binomial standard error, 1 point) above
/// the median. None with fewer than eight files.
#[allow(clippy::cast_precision_loss)] // counts
fn share_limit(before: &[f64], count: u64) -> Option<(f64, f64)> {
    if before.len() < PAST_MIN || count == 0 {
        return None;
    }
    let (median, mad) = spread(&mut before.to_vec());
    let by_chance = (median * (1.0 - median) / count as f64).sqrt();
    Some((median, median + REACH * (mad / MAD_SCALE).max(by_chance).max(POINT)))
}

/// The median and the median absolute deviation from it.
fn spread(figures: &mut [f64]) -> (f64, f64) {
    let centre = median(figures);
    let mut deviations: Vec<f64> = figures.iter().map(|figure| (figure - centre).abs()).collect();
    (centre, median(&mut deviations))
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures {
        [] => 0.0,
        _ if figures.len() % 2 == 1 => figures[middle],
        _ => f64::midpoint(figures[middle - 1], figures[middle]),
    }
}

#[allow(clippy::cast_precision_loss)] // counts
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn too_few(code: AlertCode) -> Finding {
    Finding::new(code, Level::Unknown, format!("fewer than {PAST_MIN} earlier files of this source to hold it against"))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of so many rows with values around a bin.
    fn file(rows: u64, rejected: u64, without_phone: u64, centre: usize) -> FileFigures {
        let taken = rows - rejected;
        let bins: Vec<(usize, u64)> = (0..10).map(|at| (centre + at, taken / 10 + u64::from((at as u64) < taken % 10))).collect();
        FileFigures {
            rows,
            rejected,
            taken,
            missing: [("phone".to_owned(), without_phone)].into(),
            values: taken,
            outliers: 0,
            width: FileFigures::BIN_FINEST,
            bins,
        }
    }

    fn past() -> Vec<FileFigures> {
        (0..8).map(|n| file(500 + n, 5, 50, 700)).collect()
    }

    fn bad(now: &FileFigures, past: &[FileFigures]) -> Vec<(&'static str, Level)> {
        drift("zillow", now, past).into_iter().filter(Finding::is_bad).map(|finding| (finding.code.as_str(), finding.level)).collect()
    }

    #[test]
    fn each_thing_turns_red_alone_and_green_again() {
        use Level::{Critical, Warning};
        let outlying = FileFigures { outliers: 40, ..file(500, 5, 50, 700) };
        let cases: &[(FileFigures, &[(&str, Level)])] = &[
            (file(500, 5, 50, 700), &[]),
            (file(500, 22, 50, 700), &[]), // 4.4 %: within 3.5 points of 1 %
            (file(500, 23, 50, 700), &[("reject_rate_up", Warning)]),
            (file(500, 250, 25, 700), &[("reject_rate_up", Critical)]),
            (file(500, 0, 50, 700), &[]), // fewer is no trouble
            (file(500, 5, 120, 700), &[("missing_up", Warning)]),
            (file(500, 5, 0, 700), &[]),
            (file(1500, 15, 150, 700), &[("volume_unusual", Warning)]),
            (file(200, 2, 20, 700), &[("volume_unusual", Warning)]),
            (file(1000, 10, 100, 700), &[]), // within a factor of 2.24
            (outlying, &[("outliers_up", Warning)]),
            (file(500, 5, 50, 702), &[("values_drifted", Warning)]),
            (FileFigures { outliers: 40, ..file(500, 5, 50, 702) }, &[("values_drifted", Warning)]),
        ];
        for (now, expected) in cases {
            assert_eq!(bad(now, &past()), *expected, "{now:?}");
        }
        assert_eq!(drift("zillow", &file(500, 5, 50, 700), &past()).len(), 5, "a finding for each, good or bad");
    }

    #[test]
    fn too_little_past_is_unknown_and_never_bad() {
        let strange = file(5000, 4000, 900, 900);
        let few = &past()[1..];
        let found = drift("zillow", &strange, few);
        let known: Vec<_> = found.iter().filter(|finding| finding.level != Level::Unknown).map(|finding| finding.code.as_str()).collect();
        assert_eq!(known, ["values_drifted"], "values need a hundred on each side, and no number of files");
        assert!(drift("zillow", &strange, &[]).iter().all(|finding| finding.level == Level::Unknown && finding.subject.is_some()));
        let empty = FileFigures::default();
        assert!(drift("zillow", &empty, &past()).iter().all(|finding| !finding.is_bad()));
    }

    #[test]
    fn kolmogorov_is_as_tabulated() {
        // Critical values of the limit distribution: Q(1.3581) = 0.05, Q(1.6276) = 0.01 (Smirnov 1948).
        for (lambda, p) in [(1.3581, 0.05), (1.6276, 0.01), (1.9495, 0.001)] {
            let n = 2_000_000_000; // where the correction is nothing
            let found = kolmogorov_p(lambda / 1e9_f64.sqrt(), n, n);
            assert!((found / p - 1.0).abs() < 0.01, "{lambda}: {found}");
        }
        assert!(kolmogorov_p(0.0, 100, 100).total_cmp(&1.0).is_eq());
    }

    #[test]
    fn files_with_other_widths_are_compared_by_the_wider() {
        let fine = file(500, 0, 0, 700);
        let wide = FileFigures { width: 64, bins: vec![(175, 200), (176, 200), (177, 100)], ..fine.clone() };
        assert!(greatest_distance(&fine, std::slice::from_ref(&wide), 500).total_cmp(&0.0).is_eq());
    }

    #[test]
    fn a_job_is_critical_by_rules_that_can_be_checked_by_hand() {
        let drifted = [Finding::new(AlertCode::ValuesDrifted, Level::Warning, "")];
        let fine = JobLook { score: Some(95.0), score_min: 80.0, ..JobLook::default() };
        let cases: &[(JobLook, &[Finding], Level)] = &[
            (fine, &[], Level::Fine),
            (JobLook { score: Some(79.9), ..fine }, &[], Level::Warning),
            (JobLook { score: Some(49.9), ..fine }, &[], Level::Critical),
            (JobLook { score: Some(10.0), score_min: 0.0, ..fine }, &[], Level::Fine), // somebody expects no better
            (JobLook { hostile_cells: 4, ..fine }, &[], Level::Warning),
            (JobLook { hostile_cells: 5, ..fine }, &[], Level::Critical),
            (JobLook { has_other_columns: true, has_moved: true, ..fine }, &[], Level::Warning),
            (JobLook { has_other_columns: true, has_moved: true, ..fine }, &drifted, Level::Critical),
        ];
        for (look, drift, worst) in cases {
            assert_eq!(job(look, drift).iter().map(|finding| finding.level).max(), Some(*worst), "{look:?}");
        }
    }
}
