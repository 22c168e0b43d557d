//! L2-regularised logistic regression: the weights that minimise `Σ log loss + ½‖β‖²`, the intercept free.
//!
//! Newton's method (iteratively reweighted least squares: Hastie, Tibshirani & Friedman 2009, section 4.4.1) with a Cholesky
//! factor and halved steps. The objective is strictly convex, so there is one minimum, and the gradient says how near it
//! is: with λ = 1 no weight is further from it than the norm of the gradient.
//!
//! Our own, because `linfa-logistic`, `smartcore` and `argmin` take logarithms and exponentials from the platform's
//! mathematical library and leave the order of their sums to the memory layout: the same outcomes would give different bits
//! on different machines. Here they come from a pinned `libm`, nothing is fused, and sums run over fixed blocks in order.
//!
//! It knows nothing of leads: a row is a list of features with their values, and an outcome.

use super::metrics::count;
use crate::engine::features::logistic;

/// Rows that are summed by themselves before they are added to the rest.
pub const BLOCK: usize = 4096;

/// Largest absolute entry of the gradient at which a fit is done.
const GRADIENT_MAX: f64 = 1e-9;

/// Newton steps; eight are usual.
const STEPS_MAX: u32 = 60;

/// Halvings of one step, after which the objective counts as flat.
const HALVINGS_MAX: u32 = 40;

/// A sparse matrix with an outcome for each row.
#[derive(Debug, Clone, Default)]
pub struct Design {
    width: usize,
    /// Where each row begins in `features` and `values`, and where the last one ends.
    starts: Vec<usize>,
    features: Vec<u16>,
    values: Vec<f64>,
    outcomes: Vec<bool>,
}

/// The minimum.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// Log odds where every feature is zero.
    pub intercept: f64,
    /// Log odds of each feature.
    pub weights: Vec<f64>,
    /// Largest absolute entry of the gradient there.
    pub gradient: f64,
    /// Newton steps taken.
    pub steps: u32,
}

impl Design {
    /// Without rows, for so many features.
    #[must_use]
    pub fn of_width(width: usize) -> Self {
        Self { width, starts: vec![0], ..Self::default() }
    }

    /// Adds a row: its features that are not zero, in ascending order.
    pub fn push(&mut self, cells: &[(u16, f64)], outcome: bool) {
        debug_assert!(cells.windows(2).all(|pair| pair[0].0 < pair[1].0) && cells.iter().all(|cell| usize::from(cell.0) < self.width));
        self.features.extend(cells.iter().map(|cell| cell.0));
        self.values.extend(cells.iter().map(|cell| cell.1));
        self.starts.push(self.features.len());
        self.outcomes.push(outcome);
    }

    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
    }

    /// Features.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    fn row(&self, at: usize) -> (&[u16], &[f64]) {
        let cells = self.starts[at]..self.starts[at + 1];
        (&self.features[cells.clone()], &self.values[cells])
    }

    fn log_odds(&self, at: usize, point: &[f64]) -> f64 {
        let (features, values) = self.row(at);
        let sum = features.iter().zip(values).fold(point[self.width], |sum, (feature, x)| sum + point[usize::from(*feature)] * x);
        sum.clamp(-700.0, 700.0)
    }

    /// Adds up what each block of rows sums to, in order.
    fn in_blocks(&self, total: &mut [f64], add: impl Fn(&mut [f64], usize)) {
        let mut block = vec![0.0; total.len()];
        for from in (0..self.len()).step_by(BLOCK) {
            block.fill(0.0);
            (from..self.len().min(from + BLOCK)).for_each(|at| add(&mut block, at));
            total.iter_mut().zip(&block).for_each(|(total, block)| *total += block);
        }
    }
}

/// Fits the design with `½ · penalty · ‖β‖²`. Both outcomes must occur, or the free intercept has no minimum; then what is
/// given back is only where the steps ended.
#[must_use]
pub fn fit(design: &Design, penalty: f64) -> Fit {
    let width = design.width;
    let mut point = vec![0.0; width + 1];
    point[width] = log_odds_of_rate(design);
    let mut objective = objective_at(design, penalty, &point);
    let mut steps = 0;
    loop {
        let Curvature { gradient, hessian } = curvature_at(design, penalty, &point);
        let largest = gradient.iter().fold(0.0, |largest: f64, entry| largest.max(entry.abs()));
        let done = |point: Vec<f64>| Fit { intercept: point[width], weights: point[..width].to_vec(), gradient: largest, steps };
        if largest <= GRADIENT_MAX || steps == STEPS_MAX {
            return done(point);
        }
        let direction = solve(hessian, gradient);
        let Some((next, lower)) = downhill(design, penalty, &point, &direction, objective) else { return done(point) };
        (point, objective, steps) = (next, lower, steps + 1);
    }
}

/// The shift of all log odds that makes the mean probability the observed rate: the one free parameter of a model whose weights
/// stay. Both outcomes must occur.
#[must_use]
pub fn fit_shift(log_odds: &[f64], outcomes: &[bool]) -> f64 {
    // The expected number falls short or goes beyond monotonically: a bisection cannot fail, and 200 halvings are to the bit.
    let observed = count(outcomes.iter().filter(|outcome| **outcome).count());
    let expected = |shift: f64| in_order(log_odds.iter().map(|z| logistic(z + shift)));
    let (mut low, mut high) = (-100.0, 100.0);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if expected(middle) < observed { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// A sum over blocks of [`BLOCK`] terms, in order.
#[must_use]
pub fn in_order(terms: impl IntoIterator<Item = f64>) -> f64 {
    let (mut total, mut block) = (0.0, 0.0);
    for (at, term) in terms.into_iter().enumerate() {
        if at % BLOCK == 0 {
            total += block;
            block = 0.0;
        }
        block += term;
    }
    total + block
}

/// −log of the probability that was given to what happened, from log odds.
#[must_use]
pub fn log_loss(log_odds: f64, outcome: bool) -> f64 {
    let against = if outcome { -log_odds } else { log_odds };
    against.max(0.0) + libm::log1p(libm::exp(-against.abs()))
}

struct Curvature {
    gradient: Vec<f64>,
    /// Lower triangle, row after row; the intercept is the last.
    hessian: Vec<f64>,
}

fn log_odds_of_rate(design: &Design) -> f64 {
    let won = count(design.outcomes.iter().filter(|outcome| **outcome).count());
    libm::log((won + 0.5) / (count(design.len()) - won + 0.5))
}

fn objective_at(design: &Design, penalty: f64, point: &[f64]) -> f64 {
    let mut loss = [0.0];
    design.in_blocks(&mut loss, |sum, at| sum[0] += log_loss(design.log_odds(at, point), design.outcomes[at]));
    let squares = point[..design.width].iter().fold(0.0, |sum, weight| sum + weight * weight);
    loss[0] + 0.5 * penalty * squares
}

fn curvature_at(design: &Design, penalty: f64, point: &[f64]) -> Curvature {
    let size = design.width + 1;
    let last = triangle(size - 1);
    // One vector for both, because a block's sums belong together.
    let mut sums = vec![0.0; size + triangle(size)];
    design.in_blocks(&mut sums, |sums, at| {
        let (features, values) = design.row(at);
        let p = logistic(design.log_odds(at, point));
        let residual = p - if design.outcomes[at] { 1.0 } else { 0.0 };
        let weight = p * (1.0 - p);
        let (gradient, hessian) = sums.split_at_mut(size);
        for (place, (feature, x)) in features.iter().zip(values).enumerate() {
            let feature = usize::from(*feature);
            let weighted = weight * x;
            gradient[feature] += residual * x;
            let row = &mut hessian[triangle(feature)..=triangle(feature) + feature];
            for (other, y) in features[..=place].iter().zip(values) {
                row[usize::from(*other)] += weighted * y;
            }
            hessian[last + feature] += weighted;
        }
        gradient[size - 1] += residual;
        hessian[last + size - 1] += weight;
    });
    let mut hessian = sums.split_off(size);
    for feature in 0..design.width {
        sums[feature] += penalty * point[feature];
        hessian[triangle(feature) + feature] += penalty;
    }
    Curvature { gradient: sums, hessian }
}

/// The first of the halved steps that does not go uphill; none where even the smallest does: flat to the last bit.
fn downhill(design: &Design, penalty: f64, point: &[f64], direction: &[f64], objective: f64) -> Option<(Vec<f64>, f64)> {
    let mut length = 1.0;
    for _ in 0..HALVINGS_MAX {
        let next: Vec<f64> = point.iter().zip(direction).map(|(at, step)| at - length * step).collect();
        let lower = objective_at(design, penalty, &next);
        // Close to the minimum the objective is flat within its rounding, while the gradient still falls.
        if lower <= objective + 1e-13 * objective.abs() {
            return Some((next, lower));
        }
        length *= 0.5;
    }
    None
}

/// Solves `A x = b` for a symmetric positive definite matrix, given as its lower triangle: Cholesky's `A = L Lᵀ`.
fn solve(mut a: Vec<f64>, mut b: Vec<f64>) -> Vec<f64> {
    let size = b.len();
    for i in 0..size {
        let (above, row) = a.split_at_mut(triangle(i));
        for j in 0..i {
            let pivot_row = &above[triangle(j)..=triangle(j) + j];
            let sum = pivot_row[..j].iter().zip(&row[..j]).fold(row[j], |sum, (x, y)| sum - x * y);
            row[j] = sum / pivot_row[j];
        }
        let square = row[..i].iter().fold(row[i], |sum, x| sum - x * x);
        // Only an intercept whose rows are all certain to the last bit comes near zero.
        row[i] = square.max(1e-12).sqrt();
    }
    for i in 0..size {
        let row = &a[triangle(i)..=triangle(i) + i];
        let sum = row[..i].iter().zip(&b).fold(b[i], |sum, (x, y)| sum - x * y);
        b[i] = sum / row[i];
    }
    for i in (0..size).rev() {
        let sum = (i + 1..size).fold(b[i], |sum, j| sum - a[triangle(j) + i] * b[j]);
        b[i] = sum / a[triangle(i) + i];
    }
    b
}

/// Where a row begins in a lower triangle.
fn triangle(row: usize) -> usize {
    row * (row + 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn design(width: usize, rows: &[(&[(u16, f64)], bool)]) -> Design {
        let mut design = Design::of_width(width);
        for (cells, outcome) in rows {
            design.push(cells, *outcome);
        }
        design
    }

    #[test]
    fn without_features_it_is_the_rate() {
        let fit = fit(&design(0, &[(&[], true), (&[], false), (&[], false), (&[], false)]), 1.0);
        assert!((logistic(fit.intercept) - 0.25).abs() < 1e-9, "{fit:?}");
    }

    #[test]
    fn one_flag_has_its_solution_by_hand() {
        // Four rows without the flag of which one wins, four with it of which three do. By symmetry the intercept is −β/2,
        // and where the derivative by β is nought: 4·(σ(β/2) − 3/4) + β = 0.
        let rows: Vec<(&[(u16, f64)], bool)> = vec![
            (&[], true),
            (&[], false),
            (&[], false),
            (&[], false),
            (&[(0, 1.0)], true),
            (&[(0, 1.0)], true),
            (&[(0, 1.0)], true),
            (&[(0, 1.0)], false),
        ];
        let fit = fit(&design(1, &rows), 1.0);
        let beta = fit.weights[0];
        assert!((fit.intercept + beta / 2.0).abs() < 1e-9, "{fit:?}");
        assert!((4.0 * (logistic(beta / 2.0) - 0.75) + beta).abs() < 1e-9, "{fit:?}");
        assert!(fit.gradient <= GRADIENT_MAX);
    }

    /// Rows that look like leads: two levels, a number, one column that is the sum of others.
    fn sample(rows: u64) -> Design {
        let mut design = Design::of_width(5);
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        for _ in 0..rows {
            let (level, number) = (
                u16::try_from(next() % 3).expect("a small number"),
                f64::from(u32::try_from(next() % 1000).expect("a small number")) / 250.0 - 2.0,
            );
            let chance = logistic(0.8 * number - 1.5 + f64::from(level));
            let outcome = f64::from(u32::try_from(next() % 10_000).expect("a small number")) / 10_000.0 < chance;
            design.push(&[(level, 1.0), (3, number), (4, 2.0 * number)], outcome);
        }
        design
    }

    #[test]
    fn the_gradient_at_the_minimum_is_nought() {
        for rows in [40, 5_000, 20_000] {
            let design = sample(rows);
            let fit = fit(&design, 1.0);
            assert!(fit.gradient <= GRADIENT_MAX && fit.steps < 20, "{rows}: {fit:?}");
            // And it is a minimum: each single weight moved makes it worse.
            let mut point = fit.weights.clone();
            point.push(fit.intercept);
            let least = objective_at(&design, 1.0, &point);
            for at in 0..point.len() {
                for by in [-1e-3, 1e-3] {
                    let mut moved = point.clone();
                    moved[at] += by;
                    assert!(objective_at(&design, 1.0, &moved) > least, "{rows} rows, weight {at} by {by}");
                }
            }
            // Copies of a column share its weight in proportion, as the penalty wants it.
            assert!((fit.weights[4] - 2.0 * fit.weights[3]).abs() < 1e-8, "{fit:?}");
        }
    }

    #[test]
    fn separated_classes_end_in_finite_weights() {
        let rows: Vec<(&[(u16, f64)], bool)> =
            (0..200).map(|at| if at % 2 == 0 { (&[(0_u16, 50.0)][..], true) } else { (&[(0, -300.0)][..], false) }).collect();
        let fit = fit(&design(1, &rows), 1.0);
        assert!(fit.weights[0].is_finite() && fit.weights[0] > 0.0 && fit.gradient < 1e-6, "{fit:?}");
    }

    #[test]
    fn a_shift_meets_the_observed_rate() {
        let log_odds: Vec<f64> = (0..100).map(|at| f64::from(at) / 20.0 - 4.0).collect();
        let outcomes: Vec<bool> = (0..100).map(|at| at % 4 == 0).collect();
        let shift = fit_shift(&log_odds, &outcomes);
        let mean: f64 = log_odds.iter().map(|z| logistic(z + shift)).sum::<f64>() / 100.0;
        assert!((mean - 0.25).abs() < 1e-12, "{shift}");
    }

    #[test]
    fn the_same_rows_give_the_same_bits() {
        let (one, two) = (fit(&sample(9_000), 1.0), fit(&sample(9_000), 1.0));
        assert_eq!(one.intercept.to_bits(), two.intercept.to_bits());
        assert!(one.weights.iter().zip(&two.weights).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    #[test]
    fn a_loss_does_not_overflow() {
        assert!((log_loss(0.0, true) - core::f64::consts::LN_2).abs() < 1e-15);
        assert!((log_loss(-800.0, true) - 800.0).abs() < 1e-9 && log_loss(800.0, true) >= 0.0);
    }
}
