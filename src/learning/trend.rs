//! Whether conversion is getting better or worse over the latest leads.
//!
//! Ten consecutive blocks of thirty resolved leads, in order of arrival. A verdict other than "stable" needs both: most
//! blocks above (or below) those before them, and a Cochran–Armitage test that says it is more than chance. It describes;
//! nothing is decided by it.

use libm::sqrt;
use serde::{Deserialize, Serialize};

use super::special::normal_cdf;

/// Leads of one block.
pub const BLOCK: usize = 30;
/// Blocks that a verdict is made of.
pub const BLOCKS: usize = 10;

/// Share of improving blocks from which conversion may be improving.
const IMPROVING_FROM: f64 = 0.8;
/// Share of improving blocks below which it may be declining.
const DECLINING_BELOW: f64 = 0.5;
/// One-sided p below which it is more than chance.
const SIGNIFICANT: f64 = 0.05;

/// Where conversion is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// Better than before, and more than chance.
    Improving,
    /// Worse than before, and more than chance.
    Declining,
    /// Neither.
    Stable,
    /// Too few resolved leads to say.
    InsufficientData,
}

impl Verdict {
    /// The verdict as it stands in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        ["IMPROVING", "DECLINING", "STABLE", "INSUFFICIENT_DATA"][self as usize]
    }
}

/// The trend of conversion, with what it is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// What it comes to.
    pub verdict: Verdict,
    /// Conversion rates of the whole blocks there are, at most ten, the latest last.
    pub blocks: Vec<f64>,
    /// Share of the blocks after the first that are above all before them together (a tie is half a block).
    pub share: Option<f64>,
    /// One-sided p of the Cochran–Armitage test in the direction that the share points to: up from a half on.
    pub p_value: Option<f64>,
    /// Resolved mature leads there are.
    pub have: u64,
    /// Resolved mature leads that a verdict needs.
    pub need: u64,
}

impl Default for Trend {
    /// Before the first outcome.
    fn default() -> Self {
        of(&[])
    }
}

/// The trend over resolved mature leads in order of arrival: whether each converted.
#[must_use]
#[allow(clippy::cast_precision_loss)] // small counts
pub fn of(outcomes: &[bool]) -> Trend {
    let whole = (outcomes.len() / BLOCK).min(BLOCKS);
    let latest = &outcomes[outcomes.len() - whole * BLOCK..];
    let converted: Vec<u32> = latest.chunks_exact(BLOCK).map(|block| block.iter().map(|converted| u32::from(*converted)).sum()).collect();
    let mut trend = Trend {
        verdict: Verdict::InsufficientData,
        blocks: converted.iter().map(|converted| f64::from(*converted) / BLOCK as f64).collect(),
        share: None,
        p_value: None,
        have: outcomes.len() as u64,
        need: (BLOCK * BLOCKS) as u64,
    };
    if whole < BLOCKS {
        return trend;
    }
    let share = share_improving(&converted);
    let z = cochran_armitage(&converted);
    let p_value = if share >= DECLINING_BELOW { 1.0 - normal_cdf(z) } else { normal_cdf(z) };
    trend.verdict = match () {
        () if share >= IMPROVING_FROM && p_value < SIGNIFICANT => Verdict::Improving,
        () if share < DECLINING_BELOW && p_value < SIGNIFICANT => Verdict::Declining,
        () => Verdict::Stable,
    };
    (trend.share, trend.p_value) = (Some(share), Some(p_value));
    trend
}

/// Share of the blocks after the first whose rate is above that of all blocks before them; in whole numbers, so that a tie
/// is a tie.
#[allow(clippy::cast_precision_loss)] // ten blocks
fn share_improving(converted: &[u32]) -> f64 {
    let (mut before, mut halves) = (0, 0u32);
    for (index, now) in (0u32..).zip(converted) {
        if index > 0 {
            halves += match (now * index).cmp(&before) {
                std::cmp::Ordering::Greater => 2,
                std::cmp::Ordering::Equal => 1,
                std::cmp::Ordering::Less => 0,
            };
        }
        before += now;
    }
    f64::from(halves) / (2.0 * (converted.len() - 1) as f64)
}

/// The Cochran–Armitage statistic for a linear trend over blocks of equal size, scores 0, 1, 2 … (Cochran 1954; Armitage
/// 1955), approximately standard normal without a trend. 0 where all or none converted.
#[allow(clippy::cast_precision_loss)] // ten blocks of thirty
fn cochran_armitage(converted: &[u32]) -> f64 {
    let (count, size) = (converted.len() as f64, BLOCK as f64);
    let rate = f64::from(converted.iter().sum::<u32>()) / (count * size);
    let middle = (count - 1.0) / 2.0;
    let (mut lean, mut spread) = (0.0, 0.0);
    for (index, now) in (0u32..).zip(converted) {
        let score = f64::from(index) - middle;
        lean += score * f64::from(*now);
        spread += size * score * score;
    }
    let variance = rate * (1.0 - rate) * spread;
    if variance > 0.0 { lean / sqrt(variance) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of thirty with this many conversions each.
    fn leads(blocks: &[usize]) -> Vec<bool> {
        blocks.iter().flat_map(|converted| (0..BLOCK).map(move |lead| lead < *converted)).collect()
    }

    #[test]
    fn verdicts() {
        use Verdict::{Declining, Improving, InsufficientData, Stable};
        for (blocks, verdict, share) in [
            (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10][..], Improving, Some(1.0)),
            (&[10, 9, 8, 7, 6, 5, 4, 3, 2, 1], Declining, Some(0.0)),
            (&[3, 3, 3, 3, 3, 3, 3, 3, 3, 3], Stable, Some(0.5)),
            (&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Stable, Some(0.5)),
            (&[30; 10], Stable, Some(0.5)),
            // Nearly always above, but by so little that it may be chance.
            (&[3, 4, 4, 4, 4, 4, 4, 4, 4, 4], Stable, Some(1.0)),
            // Clearly rising as a line, but half of the blocks are below those before.
            (&[3, 2, 1, 1, 9, 2, 9, 3, 9, 9], Stable, Some(4.0 / 9.0)),
            (&[1, 2, 3, 4, 5, 6, 7, 8, 9], InsufficientData, None),
            (&[], InsufficientData, None),
            // Only the latest ten count.
            (&[30, 30, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], Improving, Some(1.0)),
        ] {
            let trend = of(&leads(blocks));
            assert_eq!((trend.verdict, trend.share), (verdict, share), "{blocks:?}: {trend:?}");
            assert_eq!((trend.have, trend.need), ((blocks.len() * 30) as u64, 300));
            assert_eq!(trend.blocks.len(), blocks.len().min(10));
        }
    }

    #[test]
    fn one_lead_too_few_is_too_few() {
        let mut outcomes = leads(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        outcomes.remove(0);
        let trend = of(&outcomes);
        assert_eq!((trend.verdict, trend.have, trend.blocks.len(), trend.share), (Verdict::InsufficientData, 299, 9, None));
    }

    /// By hand: p̄ = 55/300, Σ n(t − t̄)² = 30 · 82.5, Σ (t − t̄)s = 82.5, so z = 82.5 / √(p̄(1 − p̄) · 2475).
    #[test]
    fn the_p_value_is_that_of_the_test() {
        let trend = of(&leads(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
        let z = 82.5 / (55.0f64 / 300.0 * (245.0 / 300.0) * 2475.0).sqrt();
        assert!((trend.p_value.expect("ten blocks") - (1.0 - normal_cdf(z))).abs() < 1e-12, "{trend:?} {z}");
        let falling = of(&leads(&[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]));
        assert!((falling.p_value.expect("ten blocks") - trend.p_value.expect("ten blocks")).abs() < 1e-12, "{falling:?}");
    }

    #[test]
    fn verdicts_are_written_as_documented() {
        for verdict in [Verdict::Improving, Verdict::Declining, Verdict::Stable, Verdict::InsufficientData] {
            assert_eq!(serde_json::to_value(verdict).expect("a word"), verdict.as_str());
        }
    }
}
