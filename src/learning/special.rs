//! The functions that statistics are made of: incomplete beta, its inverse, the normal distribution, and comparisons of
//! Beta posteriors.
//!
//! Our own, on top of a pinned pure-Rust `libm`, because they go into decisions that must be the same to the bit on every
//! machine: no intrinsic logarithms, no fused multiply-add, loops in a fixed order. What is not here: any random number.

use libm::{erfc, exp, lgamma, log};

/// Smaller than this, a part of an integral over a density does not show.
const NEGLIGIBLE_LN: f64 = -45.0;
/// The most points that an integral is given.
const NODES_MAX: f64 = 65_536.0;

/// A Beta distribution by its two parameters, both above 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beta {
    /// What speaks for success.
    pub a: f64,
    /// What speaks against it.
    pub b: f64,
}

impl Beta {
    /// The posterior of a rate after trials, from a uniform prior: Beta(1 + successes, 1 + failures).
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // counts
    pub fn after(successes: u64, trials: u64) -> Self {
        Self { a: 1.0 + successes as f64, b: 1.0 + trials.saturating_sub(successes) as f64 }
    }

    /// The expected rate.
    #[must_use]
    pub fn mean(self) -> f64 {
        self.a / (self.a + self.b)
    }

    /// P(rate ≤ x).
    #[must_use]
    pub fn cdf(self, x: f64) -> f64 {
        incomplete_beta(self.a, self.b, x)
    }

    /// The rate below which the share `p` of the distribution lies.
    #[must_use]
    pub fn quantile(self, p: f64) -> f64 {
        beta_quantile(self.a, self.b, p)
    }

    /// The equal-tailed interval that holds this share of the distribution.
    #[must_use]
    pub fn interval(self, share: f64) -> (f64, f64) {
        let tail = (1.0 - share) / 2.0;
        (self.quantile(tail), self.quantile(1.0 - tail))
    }

    /// Density of the log odds at the rate x with 1 − x = y: x^a y^b / B(a, b).
    fn odds_density(self, x: f64, y: f64) -> f64 {
        exp(self.ln_odds_density(x, y))
    }

    fn ln_odds_density(self, x: f64, y: f64) -> f64 {
        let n = self.a + self.b;
        let scale = 0.5 * log(self.a * self.b / (2.0 * std::f64::consts::PI * n));
        scale + stirling_error(n) - stirling_error(self.a) - stirling_error(self.b) - deviance(self.a, n * x) - deviance(self.b, n * y)
    }

    /// Standard deviation of the log odds, near enough to choose a step by.
    fn odds_spread(self) -> f64 {
        (trigamma(self.a) + trigamma(self.b)).sqrt()
    }

    /// Log odds between which all of the distribution lies that shows.
    fn odds_range(self) -> (f64, f64) {
        let (centre, spread) = (log(self.a / self.b), self.odds_spread());
        let peak = self.ln_odds_density(logistic(centre), logistic(-centre));
        let edge = |direction: f64| {
            let mut reach = 4.0 * spread;
            while self.ln_odds_density(logistic(centre + direction * reach), logistic(-(centre + direction * reach))) - peak > NEGLIGIBLE_LN
                && reach < 1e5
            {
                reach *= 1.25;
            }
            centre + direction * reach
        };
        (edge(-1.0), edge(1.0))
    }
}

/// The logarithm of the gamma function, x > 0.
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    lgamma(x)
}

/// The logarithm of the beta function, both above 0.
#[must_use]
pub fn ln_beta(a: f64, b: f64) -> f64 {
    lgamma(a) + lgamma(b) - lgamma(a + b)
}

/// P(Z ≤ z) of a standard normal variable.
#[must_use]
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * erfc(-z / std::f64::consts::SQRT_2)
}

/// The regularised incomplete beta function `I_x(a, b)`: P(rate ≤ x) under Beta(a, b).
///
/// Continued fraction of Didonato & Morris (1992) as in NIST `DLMF` 8.17.22, by Lentz's method (Thompson & Barnett 1986); the
/// factor before it by Loader's (2000) saddle-point form, which keeps its digits for counts in the millions.
#[must_use]
pub fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    incomplete_beta_of(a, b, x, 1.0 - x)
}

/// The same with y = 1 − x given, because near 1 it has digits that x has not.
fn incomplete_beta_of(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let before = Beta { a, b }.odds_density(x, y);
    if before == 0.0 {
        return if x < a / (a + b) { 0.0 } else { 1.0 };
    }
    if x < (a + 1.0) / (a + b + 2.0) { before * beta_fraction(a, b, x) / a } else { 1.0 - before * beta_fraction(b, a, y) / b }
}

/// The continued fraction of `I_x(a, b)`, which converges fast for x < (a + 1)/(a + b + 2).
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut upper = 1.0;
    let mut lower = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut product = lower;
    let mut turn = 1.0;
    // It takes about the square root of the larger parameter; the bound is for counts that no store holds.
    while turn < 1e6 {
        let even = turn * (b - turn) * x / ((a + 2.0 * turn - 1.0) * (a + 2.0 * turn));
        lower = 1.0 / away(1.0 + even * lower);
        upper = away(1.0 + even / upper);
        product *= upper * lower;
        let odd = -(a + turn) * (a + b + turn) * x / ((a + 2.0 * turn) * (a + 2.0 * turn + 1.0));
        lower = 1.0 / away(1.0 + odd * lower);
        upper = away(1.0 + odd / upper);
        let step = upper * lower;
        product *= step;
        if (step - 1.0).abs() < 1e-15 {
            break;
        }
        turn += 1.0;
    }
    product
}

/// The x with `I_x(a, b)` = p: Newton's method, kept inside a bracket that bisection halves where Newton would leave it.
#[must_use]
pub fn beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    if p.is_nan() || p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return 1.0;
    }
    let beta = Beta { a, b };
    let (mut low, mut high) = (0.0, 1.0);
    let mut x = beta.mean();
    for _ in 0..200 {
        let off = beta.cdf(x) - p;
        if off > 0.0 {
            high = x;
        } else {
            low = x;
        }
        let density = beta.odds_density(x, 1.0 - x) / (x * (1.0 - x));
        let newton = x - off / density;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        let moved = (next - x).abs();
        x = next;
        // Near 0 an absolute step says little: quantiles of rare events are small.
        if moved <= 1e-15 || moved <= 1e-13 * x || high - low <= 1e-15 * x {
            break;
        }
    }
    x
}

/// P(X > Y) for independent rates X and Y.
///
/// The integral of the narrower density times the other distribution function, over the log odds, where both are smooth and
/// fall off exponentially: there the trapezoidal rule converges faster than any power of its step (Trefethen & Weideman 2014).
#[must_use]
pub fn probability_greater(x: Beta, y: Beta) -> f64 {
    let (density, other) = if x.odds_spread() <= y.odds_spread() { (x, y) } else { (y, x) };
    let (low, high) = density.odds_range();
    let step = step_for(density.odds_spread(), 2.0, high - low);
    let mut sum = 0.0;
    for t in nodes(low, high, step) {
        let (rate, rest) = (logistic(t), logistic(-t));
        sum += density.odds_density(rate, rest) * incomplete_beta_of(other.a, other.b, rate, rest);
    }
    let below = (sum * step).clamp(0.0, 1.0); // P(other < density)
    if density == x { below } else { 1.0 - below }
}

/// What there is to choose between several rates.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// P(this one is the highest), in the order given.
    pub p_best: Vec<f64>,
    /// Expected loss of choosing this one: E(highest − this one).
    pub expected_loss: Vec<f64>,
}

/// P(best) and expected loss of each of some independent rates, by the integral of each one's density times the
/// distribution functions of all others.
#[must_use]
#[allow(clippy::cast_precision_loss)] // a handful of arms
pub fn compare(arms: &[Beta]) -> Comparison {
    let range = arms.iter().map(|arm| arm.odds_range());
    let (low, high) = range.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (from, to)| (low.min(from), high.max(to)));
    let narrowest = arms.iter().map(|arm| arm.odds_spread()).fold(f64::INFINITY, f64::min);
    let mut p_best = vec![0.0; arms.len()];
    let mut highest = 0.0;
    if arms.is_empty() {
        return Comparison { p_best, expected_loss: Vec::new() };
    }
    let step = step_for(narrowest, arms.len() as f64, high - low);
    let mut below = vec![0.0; arms.len()];
    for t in nodes(low, high, step) {
        let (rate, rest) = (logistic(t), logistic(-t));
        for (below, arm) in below.iter_mut().zip(arms) {
            *below = incomplete_beta_of(arm.a, arm.b, rate, rest);
        }
        for (this, arm) in arms.iter().enumerate() {
            let others: f64 = below.iter().enumerate().filter(|(other, _)| *other != this).map(|(_, below)| below).product();
            let part = arm.odds_density(rate, rest) * others * step;
            p_best[this] += part;
            highest += part * rate;
        }
    }
    let expected_loss = arms.iter().map(|arm| (highest - arm.mean()).max(0.0)).collect();
    Comparison { p_best: p_best.into_iter().map(|p: f64| p.clamp(0.0, 1.0)).collect(), expected_loss }
}

/// A step that resolves the product of some functions, of which the sharpest has this spread.
fn step_for(spread: f64, factors: f64, width: f64) -> f64 {
    (spread / (1.0 + factors.sqrt())).min(0.4).max(width / NODES_MAX)
}

/// The points of the trapezoidal rule; its ends do not count, for nothing is there.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // at most NODES_MAX
fn nodes(low: f64, high: f64, step: f64) -> impl Iterator<Item = f64> {
    let count = ((high - low) / step).ceil() as u32;
    (0..=count).map(move |index| low + f64::from(index) * step)
}

fn logistic(t: f64) -> f64 {
    if t >= 0.0 {
        1.0 / (1.0 + exp(-t))
    } else {
        let odds = exp(t);
        odds / (1.0 + odds)
    }
}

/// What Stirling's formula leaves out: ln Γ(x) = (x − ½) ln x − x + ½ ln 2π + this.
fn stirling_error(x: f64) -> f64 {
    if x < 16.0 {
        return lgamma(x) - ((x - 0.5) * log(x) - x + 0.5 * log(2.0 * std::f64::consts::PI));
    }
    let s = 1.0 / (x * x);
    (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - s / 1188.0) * s) * s) * s) / x
}

/// x ln(x/m) + m − x without loss of digits where x and m are close (Loader 2000).
fn deviance(x: f64, m: f64) -> f64 {
    if m <= 0.0 {
        return f64::INFINITY;
    }
    let off = x - m;
    if off.abs() < 0.1 * (x + m) {
        let v = off / (x + m);
        let mut sum = off * v;
        let mut term = 2.0 * x * v;
        let mut odd = 3.0;
        loop {
            term *= v * v;
            let next = sum + term / odd;
            if next.to_bits() == sum.to_bits() {
                return sum;
            }
            sum = next;
            odd += 2.0;
        }
    }
    x * log(x / m) + m - x
}

/// The variance of ln of a gamma variable, to a few digits.
fn trigamma(x: f64) -> f64 {
    let beyond = |x: f64| 1.0 / x + 1.0 / (2.0 * x * x) + 1.0 / (6.0 * x * x * x);
    if x >= 1.0 { beyond(x) } else { 1.0 / (x * x) + beyond(x + 1.0) }
}

/// ln(e^a + e^b + …) of some logarithms; −∞ of none.
#[must_use]
pub fn ln_sum_exp(logs: &[f64]) -> f64 {
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest.is_infinite() {
        return largest;
    }
    largest + log(logs.iter().map(|ln| exp(ln - largest)).sum::<f64>())
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // where a result is exact
mod tests {
    use super::*;

    fn check(found: f64, expected: f64, relative: f64, what: &str) {
        assert!((found - expected).abs() <= relative * expected.abs().max(1e-300), "{what}: {found:e}, expected {expected:e}");
    }

    /// Reference: Cephes as in `SciPy` 1.17 (`betainc`).
    #[test]
    fn incomplete_beta_agrees_with_a_reference() {
        for (a, b, x, expected) in [
            (1.0, 1.0, 0.3, 0.3),
            (2.0, 3.0, 0.4, 0.5248),
            (0.5, 0.5, 0.1, 0.204_832_764_699_133_45),
            (0.4, 19.6, 0.001, 0.231_144_845_362_908_47),
            (101.0, 901.0, 0.1, 0.477_602_597_790_944_1),
            (101.0, 901.0, 0.13, 0.997_965_266_525_390_7),
            (31.0, 971.0, 0.02, 0.012_808_723_752_655_148),
            (1e5, 9e5, 0.1003, 0.841_345_032_177_467_3),
            (3e6, 7e7, 0.0411, 0.570_266_390_399_365_2),
            (5.0, 2000.0, 0.5, 1.0),
            (0.01, 3.0, 0.2, 0.995_087_118_231_316),
        ] {
            check(incomplete_beta(a, b, x), expected, 1e-11, &format!("I_{x}({a}, {b})"));
        }
        assert!(incomplete_beta(2.0, 2.0, 0.0) == 0.0 && incomplete_beta(2.0, 2.0, 1.0) == 1.0 && incomplete_beta(2.0, 2.0, -1.0) == 0.0);
    }

    #[test]
    fn quantiles_agree_with_a_reference_and_invert() {
        for (a, b, p, expected) in [
            (1.0, 1.0, 0.025, 0.025),
            (11.0, 91.0, 0.025, 0.055_637_223_835_302_965),
            (11.0, 91.0, 0.975, 0.174_552_826_077_119_03),
            (1.0, 301.0, 0.975, 0.012_180_621_735_492_35),
            (0.5, 100.5, 0.025, 4.898_073_104_397_486e-6),
            (0.5, 100.5, 0.975, 0.024_745_270_015_269_89),
            (3001.0, 97_001.0, 0.025, 0.028_960_897_124_333_362),
            (101.0, 1.0, 0.975, 0.999_749_360_049_260_7),
            (0.4, 19.6, 0.05, 2.148_239_935_853_022_6e-5),
        ] {
            check(beta_quantile(a, b, p), expected, 1e-12, &format!("Q({a}, {b}, {p})"));
            check(incomplete_beta(a, b, beta_quantile(a, b, p)), p, 1e-11, "I(Q(p)) = p");
        }
        assert!(beta_quantile(2.0, 3.0, 0.0) == 0.0 && beta_quantile(2.0, 3.0, 1.0) == 1.0);
    }

    #[test]
    fn the_normal_distribution() {
        for (z, expected) in [
            (-6.0, 9.865_876_450_376_946e-10),
            (-1.644_853_626_951_472_2, 0.05),
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_542_9),
            (3.0, 0.998_650_101_968_369_9),
        ] {
            check(normal_cdf(z), expected, 1e-13, &format!("Φ({z})"));
        }
    }

    /// References: the finite sum for whole parameters, in exact fractions.
    #[test]
    fn one_rate_above_another() {
        for ((a, b), (c, d), expected) in [
            ((2.0, 1.0), (1.0, 1.0), 2.0 / 3.0),
            ((1.0, 1.0), (1.0, 1.0), 0.5),
            ((14.0, 88.0), (11.0, 91.0), 0.742_544_846_579_774_8),
            ((31.0, 971.0), (41.0, 961.0), 0.113_333_454_476_955_02),
            ((131.0, 871.0), (101.0, 901.0), 0.982_165_066_116_350_6),
            ((5.0, 2.0), (300.0, 100.0), 0.465_327_763_910_868),
            ((2.0, 3.0), (2000.0, 3000.0), 0.475_234_544_649_210_06),
            ((501.0, 501.0), (2.0, 2.0), 0.5),
        ] {
            let (x, y) = (Beta { a, b }, Beta { a: c, b: d });
            let found = probability_greater(x, y);
            assert!((found - expected).abs() < 1e-12, "P({x:?} > {y:?}) = {found}, expected {expected}");
            assert!((probability_greater(y, x) + found - 1.0).abs() < 1e-12, "one of them is greater");
            let both = compare(&[x, y]);
            assert!((both.p_best[0] - expected).abs() < 1e-9 && (both.p_best[1] + expected - 1.0).abs() < 1e-9, "{both:?}");
        }
    }

    /// With counts like these both are all but normal: Φ of the difference in standard deviations, to the order of 1/√n.
    #[test]
    fn millions_of_leads_are_compared_as_well() {
        let (x, y) = (Beta { a: 300_600.0, b: 9_699_400.0 }, Beta { a: 300_000.0, b: 9_700_000.0 });
        let variance = |beta: Beta| beta.mean() * (1.0 - beta.mean()) / (beta.a + beta.b + 1.0);
        let normal = normal_cdf((x.mean() - y.mean()) / (variance(x) + variance(y)).sqrt());
        assert!((probability_greater(x, y) - normal).abs() < 1e-4);
        let lopsided = compare(&[x, Beta { a: 2.0, b: 30.0 }]);
        let sum: f64 = lopsided.p_best.iter().sum();
        assert!((sum - 1.0).abs() < 1e-9, "{lopsided:?}");
        assert!((lopsided.p_best[0] - probability_greater(x, Beta { a: 2.0, b: 30.0 })).abs() < 1e-6, "{lopsided:?}");
    }

    /// References: adaptive quadrature (`QUADPACK` as in `SciPy` 1.17).
    #[test]
    fn the_best_of_several() {
        let beta = |a: f64, b: f64| Beta { a, b };
        for (arms, p_best, loss) in [
            (
                [beta(11.0, 91.0), beta(15.0, 87.0), beta(13.0, 89.0)],
                [0.122_947_245_450_105_52, 0.584_550_956_848_890_5, 0.292_501_797_701_004],
                [0.052_781_776_665_155_21, 0.013_566_090_390_645_41, 0.033_173_933_527_90],
            ),
            (
                [beta(1.0, 1.0), beta(101.0, 901.0), beta(31.0, 971.0)],
                [0.899_201_596_806_310_2, 0.100_798_403_190_638, 3.051_512_963e-12],
                [0.005_125_342_535_273_5, 0.404_326_939_341_661, 0.474_187_218_782_778],
            ),
        ] {
            let found = compare(&arms);
            for arm in 0..3 {
                assert!((found.p_best[arm] - p_best[arm]).abs() < 1e-9, "{found:?}");
                assert!((found.expected_loss[arm] - loss[arm]).abs() < 2e-9, "{found:?}");
            }
        }
        assert_eq!(compare(&[]), Comparison { p_best: Vec::new(), expected_loss: Vec::new() });
        let alone = compare(&[beta(3.0, 9.0)]);
        assert!((alone.p_best[0] - 1.0).abs() < 1e-12 && alone.expected_loss[0] < 1e-12);
    }

    #[test]
    fn logarithms_are_summed_without_overflow() {
        check(ln_sum_exp(&[1000.0, 1000.0]), 1000.0 + std::f64::consts::LN_2, 1e-15, "two of a thousand");
        assert_eq!(ln_sum_exp(&[]), f64::NEG_INFINITY);
        assert_eq!(ln_sum_exp(&[f64::NEG_INFINITY, 3.0]), 3.0);
    }
}
