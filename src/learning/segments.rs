//! What is known of the segments that leads fall into: everyone, each source, each source's value bands.
//!
//! Of each segment the counts, and the parts of clone readiness that are the same for all of its leads. What a single
//! lead's stage makes of them (which segment is large enough, which gate passes) is the stage's own; here are only figures,
//! and none where there is too little to make one of.

use std::collections::BTreeMap;

use super::special::{Beta, probability_greater};
use crate::engine::learned::{Segment, Segments};

/// A mature lead whose outcome is known for good.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Member<'a> {
    /// In standard form.
    pub source: &'a str,
    /// Value band, 0 the lowest; none without a value.
    pub band: Option<u8>,
    /// When it arrived, milliseconds since 1970.
    pub at_ms: i64,
    /// Whether it converted.
    pub converted: bool,
    /// The probability that it was given at arrival, 0 to 1; none where it had none.
    pub predicted: Option<f64>,
}

/// Leads that the prior of a comparison is worth: Beta(20p̄, 20(1 − p̄)).
const PRIOR_LEADS: f64 = 20.0;
/// Conversions that must have been predicted before they are held against those that came.
const PREDICTED_MIN: f64 = 10.0;
/// Weeks before their rates say something of steadiness.
const WEEKS_MIN: usize = 6;
/// Leads on each side before a decline can be told.
const RECENT_MIN: u64 = 30;
/// Milliseconds of a week.
const WEEK_MS: i64 = 7 * DAY_MS;
/// Milliseconds of the span that is compared with the one before it.
const RECENT_MS: i64 = 90 * DAY_MS;
const DAY_MS: i64 = 86_400_000;
/// The first Monday before 1970, from which weeks are counted.
const MONDAY_MS: i64 = -3 * DAY_MS;
/// Rows of one block of a sum.
const BLOCK: u32 = 4096;
/// Sources, and bands of sources, that are told apart: those with the most leads. A column of free text in the place of the
/// source would otherwise make a snapshot as large as the history.
const KEPT: usize = 1000;

/// What is known of every segment at a moment. Members stand in the order of the history.
#[must_use]
pub fn of(members: &[Member<'_>], now_ms: i64) -> Segments {
    let mut all = Gathered::default();
    let mut sources: BTreeMap<&str, Gathered> = BTreeMap::new();
    let mut bands: BTreeMap<(&str, u8), Gathered> = BTreeMap::new();
    for member in members {
        all.add(member, now_ms);
        sources.entry(member.source).or_default().add(member, now_ms);
        if let Some(band) = member.band {
            bands.entry((member.source, band)).or_default().add(member, now_ms);
        }
    }
    for member in members {
        all.add_recent(member);
        sources.entry(member.source).or_default().add_recent(member);
        if let Some(band) = member.band {
            bands.entry((member.source, band)).or_default().add_recent(member);
        }
    }
    let everyone = Counts { resolved: all.resolved, converted: all.converted };
    let segment = |gathered: Gathered| gathered.segment(everyone);
    Segments {
        sources: largest(sources).into_iter().map(|(source, own)| (source.to_owned(), segment(own))).collect(),
        bands: largest(bands).into_iter().map(|((source, band), own)| (source.to_owned(), band, segment(own))).collect(),
        all: segment(all),
    }
}

/// Leads and conversions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    resolved: u64,
    converted: u64,
}

#[allow(clippy::cast_precision_loss)] // counts
impl Counts {
    fn add(&mut self, converted: bool) {
        self.resolved += 1;
        self.converted += u64::from(converted);
    }

    fn less(self, part: Self) -> Self {
        Self { resolved: self.resolved - part.resolved, converted: self.converted - part.converted }
    }

    fn rate(self) -> Option<f64> {
        (self.resolved > 0).then(|| self.converted as f64 / self.resolved as f64)
    }

    /// The posterior of the rate, from a prior of these successes and failures.
    fn posterior(self, (a, b): (f64, f64)) -> Beta {
        Beta { a: a + self.converted as f64, b: b + (self.resolved - self.converted) as f64 }
    }
}

/// What is gathered of one segment.
#[derive(Debug, Default)]
struct Gathered {
    resolved: u64,
    converted: u64,
    predicted: BlockSum,
    predicted_converted: u64,
    weeks: BTreeMap<i64, Counts>,
    /// Where the recent span ends: the latest arrival, none of the future.
    until_ms: Option<i64>,
    recent: Counts,
    before: Counts,
}

impl Gathered {
    fn add(&mut self, member: &Member<'_>, now_ms: i64) {
        self.resolved += 1;
        self.converted += u64::from(member.converted);
        if let Some(probability) = member.predicted {
            self.predicted.add(probability);
            self.predicted_converted += u64::from(member.converted);
        }
        self.weeks.entry((member.at_ms - MONDAY_MS).div_euclid(WEEK_MS)).or_default().add(member.converted);
        self.until_ms = self.until_ms.max(Some(member.at_ms).filter(|at| *at <= now_ms));
    }

    /// Counts the latest leads. Those are the latest of which the outcome is known: with a horizon of 90 days nothing younger
    /// can be, so that the span ends with the segment's last mature lead and not today.
    fn add_recent(&mut self, member: &Member<'_>) {
        let Some(age) = self.until_ms.map(|until| until - member.at_ms) else { return };
        match age {
            0..RECENT_MS => self.recent.add(member.converted),
            RECENT_MS.. if age < 2 * RECENT_MS => self.before.add(member.converted),
            _ => {}
        }
    }

    fn segment(self, everyone: Counts) -> Segment {
        let own = Counts { resolved: self.resolved, converted: self.converted };
        let predicted = self.predicted.total();
        Segment {
            resolved: self.resolved,
            converted: self.converted,
            predicted,
            predicted_converted: self.predicted_converted,
            accuracy: accuracy(self.predicted_converted, predicted),
            confidence: confidence(own),
            consistency: consistency(own, &self.weeks),
            weeks: u32::try_from(self.weeks.len()).unwrap_or(u32::MAX),
            performance: performance(own, everyone),
            decline: decline(self.recent, self.before, everyone),
            recent: (self.recent.resolved, self.before.resolved),
            // The day is enough for people, and the same history has the same version however many seconds apart it came.
            recent_until_ms: self.until_ms.map(|until| until.div_euclid(DAY_MS) * DAY_MS),
        }
    }
}

/// min(O, E) / max(O, E) of the conversions that came and those that were predicted.
#[allow(clippy::cast_precision_loss)] // counts
fn accuracy(observed: u64, predicted: f64) -> Option<f64> {
    let observed = observed as f64;
    (predicted >= PREDICTED_MIN).then(|| observed.min(predicted) / observed.max(predicted))
}

/// 1 − half-width of the equal-tailed 95 % Jeffreys interval (Brown, Cai & `DasGupta` 2001) over the posterior mean.
fn confidence(own: Counts) -> Option<f64> {
    own.rate()?;
    let posterior = own.posterior((0.5, 0.5));
    let (low, high) = posterior.interval(0.95);
    Some((1.0 - (high - low) / 2.0 / posterior.mean()).max(0.0))
}

/// 1 − τ/p̄. τ² is the variance between weeks beyond binomial noise, by the moments of `DerSimonian` & Laird (1986): a week of n
/// leads has the noise p̄(1 − p̄)/n of the segment's own rate, because the rate of a small week says little of its noise.
#[allow(clippy::cast_precision_loss)] // counts
fn consistency(own: Counts, weeks: &BTreeMap<i64, Counts>) -> Option<f64> {
    let rate = own.rate().filter(|rate| *rate > 0.0 && weeks.len() >= WEEKS_MIN)?;
    let noise = rate * (1.0 - rate);
    if noise <= 0.0 {
        return Some(1.0); // every lead converted, in every week
    }
    let (mut deviations, mut squares) = (BlockSum::default(), BlockSum::default());
    for week in weeks.values() {
        let leads = week.resolved as f64;
        let off = week.rate().unwrap_or(rate) - rate;
        deviations.add(leads * off * off / noise);
        squares.add(leads * leads);
    }
    let leads = own.resolved as f64;
    let spread = (leads - squares.total() / leads) / noise;
    let variance = (deviations.total() - (weeks.len() as f64 - 1.0)) / spread;
    Some((1.0 - variance.max(0.0).sqrt() / rate).max(0.0))
}

/// P(the segment's rate > the rest's); none where there is no rest, or where everyone or no one converted.
fn performance(own: Counts, everyone: Counts) -> Option<f64> {
    let rest = everyone.less(own);
    let prior = prior(everyone).filter(|_| own.resolved > 0 && rest.resolved > 0)?;
    Some(probability_greater(own.posterior(prior), rest.posterior(prior)))
}

/// P(the rate of the last 90 days < that of the 90 before).
fn decline(recent: Counts, before: Counts, everyone: Counts) -> Option<f64> {
    let prior = prior(everyone).filter(|_| recent.resolved.min(before.resolved) >= RECENT_MIN)?;
    Some(probability_greater(before.posterior(prior), recent.posterior(prior)))
}

/// Successes and failures of Beta(20p̄, 20(1 − p̄)), p̄ the rate of everyone; none where that is no distribution.
fn prior(everyone: Counts) -> Option<(f64, f64)> {
    let rate = everyone.rate().filter(|rate| *rate > 0.0 && *rate < 1.0)?;
    Some((PRIOR_LEADS * rate, PRIOR_LEADS * (1.0 - rate)))
}

/// A sum in blocks of 4,096: the same bits in any arrangement that keeps the order, and less rounding than one long sum.
#[derive(Debug, Clone, Copy, Default)]
struct BlockSum {
    done: f64,
    block: f64,
    count: u32,
}

impl BlockSum {
    fn add(&mut self, x: f64) {
        self.block += x;
        self.count += 1;
        if self.count == BLOCK {
            *self = Self { done: self.done + self.block, ..Self::default() };
        }
    }

    fn total(self) -> f64 {
        self.done + self.block
    }
}

/// The segments with the most leads, in the order of their names.
fn largest<K: Ord + Copy>(segments: BTreeMap<K, Gathered>) -> Vec<(K, Gathered)> {
    let mut kept: Vec<(K, Gathered)> = segments.into_iter().collect();
    if kept.len() > KEPT {
        kept.sort_by_key(|(name, segment)| (std::cmp::Reverse(segment.resolved), *name));
        kept.truncate(KEPT);
        kept.sort_by_key(|(name, _)| *name);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000_000;

    fn member(source: &str, band: u8, age_days: i64, converted: bool) -> Member<'_> {
        Member { source, band: Some(band), at_ms: NOW - age_days * DAY_MS, converted, predicted: None }
    }

    /// `count` members of which `converted` converted, spread evenly over some days.
    fn some(source: &str, band: u8, days: std::ops::Range<i64>, count: i64, converted: i64) -> Vec<Member<'_>> {
        let span = days.end - days.start;
        (0..count).map(|at| member(source, band, days.start + at * span / count, at * converted % count < converted)).collect()
    }

    fn close(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 1e-6)
    }

    #[test]
    fn counts_fall_into_all_source_and_band() {
        let members =
            [member("b", 0, 1, true), member("a", 2, 1, false), member("b", 1, 1, false), Member { band: None, ..member("b", 0, 1, true) }];
        let found = of(&members, NOW);
        let counts = |segment: Option<&Segment>| segment.map(|segment| (segment.resolved, segment.converted));
        assert_eq!((found.all.resolved, found.all.converted), (4, 2));
        assert_eq!((counts(found.source("a")), counts(found.source("b"))), (Some((1, 0)), Some((3, 2))));
        assert_eq!((counts(found.band("b", 0)), counts(found.band("b", 1))), (Some((1, 1)), Some((1, 0))));
        assert_eq!(of(&[], NOW), Segments::default());
    }

    #[test]
    fn accuracy_needs_ten_predicted_conversions() {
        for (observed, predicted, expected) in [(12, 9.99, None), (12, 10.0, Some(10.0 / 12.0)), (8, 16.0, Some(0.5)), (0, 10.0, Some(0.0))]
        {
            assert_eq!(accuracy(observed, predicted), expected, "{observed} {predicted}");
        }
    }

    /// Reference figures: scipy.stats.beta.ppf(…, x + .5, n − x + .5).
    #[test]
    fn confidence_is_what_the_jeffreys_interval_leaves() {
        for (resolved, converted, expected) in REFERENCE_CONFIDENCE {
            let found = confidence(Counts { resolved, converted });
            assert!(close(found, expected), "{converted} of {resolved}: {found:?}");
        }
        assert_eq!(confidence(Counts::default()), None);
    }

    const REFERENCE_CONFIDENCE: [(u64, u64, f64); 4] =
        [(100, 20, 0.616_965_734), (1000, 200, 0.876_330_952), (30, 0, 0.0), (40, 40, 0.969_383_743)];

    #[test]
    fn steady_weeks_are_consistent_and_others_are_not() {
        let steady: BTreeMap<i64, Counts> = (0..8).map(|week| (week, Counts { resolved: 50, converted: 10 })).collect();
        let own = Counts { resolved: 400, converted: 80 };
        assert_eq!(consistency(own, &steady), Some(1.0), "less than binomial noise is none");
        let wild: BTreeMap<i64, Counts> =
            (0..8).map(|week| (week, Counts { resolved: 50, converted: if week % 2 == 0 { 20 } else { 0 } })).collect();
        // By hand: Q = 8·50·0.04/0.16 = 100, C = (400 − 8·2500/400)/0.16 = 2187.5, τ² = 93/2187.5, 1 − τ/0.2.
        let expected = 1.0 - (93.0f64 / 2187.5).sqrt() / 0.2;
        assert!(expected < 0.0 && consistency(own, &wild) == Some(0.0));
        let uneven: BTreeMap<i64, Counts> =
            (0..8).map(|week| (week, Counts { resolved: 50, converted: if week % 2 == 0 { 15 } else { 5 } })).collect();
        // Q = 8·50·0.01/0.16 = 25.
        assert!(close(consistency(own, &uneven), 1.0 - (18.0f64 / 2187.5).sqrt() / 0.2));
        let five: BTreeMap<i64, Counts> = steady.into_iter().take(5).collect();
        assert_eq!(consistency(Counts { resolved: 250, converted: 50 }, &five), None, "five weeks say nothing");
    }

    #[test]
    fn a_segment_is_held_against_the_rest() {
        let mut members = some("good", 0, 0..60, 200, 60);
        members.extend(some("poor", 0, 0..60, 200, 20));
        let found = of(&members, NOW);
        let performance = |source| found.source(source).and_then(|segment| segment.performance).expect("known");
        assert!(performance("good") > 0.999 && (performance("good") + performance("poor") - 1.0).abs() < 1e-9);
        assert_eq!(found.all.performance, None, "everyone has no rest");
        assert_eq!(of(&some("only", 0, 0..9, 50, 50), NOW).all.performance, None);
    }

    #[test]
    fn a_decline_needs_thirty_leads_on_each_side() {
        let both = |recent: (i64, i64), before: (i64, i64)| {
            let mut members = some("s", 0, 90..180, before.0, before.1);
            members.extend(some("s", 0, 0..90, recent.0, recent.1));
            of(&members, NOW).all
        };
        assert!(both((60, 3), (60, 24)).decline.is_some_and(|decline| decline > 0.99));
        assert!(both((60, 24), (60, 3)).decline.is_some_and(|decline| decline < 0.01));
        let same = both((60, 12), (60, 12));
        assert!(close(same.decline, 0.5) && same.recent == (60, 60), "{same:?}");
        assert_eq!((both((29, 12), (60, 12)).decline, both((60, 12), (29, 12)).decline), (None, None));
    }

    #[test]
    fn the_recent_span_ends_with_the_last_mature_lead_and_never_in_the_future() {
        let mut members = some("s", 0, 290..380, 40, 20);
        members.extend(some("s", 0, 200..290, 40, 4));
        assert_eq!(of(&members, NOW).all.recent, (40, 40), "nothing younger can be known yet");
        members.push(member("s", 0, -10, true));
        let found = of(&members, NOW).all;
        assert_eq!((found.recent, found.recent_until_ms), ((40, 40), Some((NOW - 200 * DAY_MS) / DAY_MS * DAY_MS)));
    }

    #[test]
    fn a_source_of_free_text_does_not_make_the_snapshot_large() {
        let names: Vec<String> = (0..3000).map(|n| format!("source {n:05}")).collect();
        let members: Vec<Member<'_>> = names.iter().chain(&names[2000..]).map(|name| member(name, 0, 1, false)).collect();
        let found = of(&members, NOW);
        assert_eq!((found.sources.len(), found.bands.len(), found.all.resolved), (KEPT, KEPT, 4000));
        assert!(found.sources.is_sorted_by_key(|(name, _)| name.clone()) && found.source("source 02500").is_some());
    }

    #[test]
    fn sums_are_made_in_blocks() {
        let mut sum = BlockSum::default();
        (0..10_000).for_each(|n| sum.add(f64::from(n)));
        assert!((sum.total() - 49_995_000.0).abs() < 1e-6 && sum.count == 10_000 % BLOCK);
    }
}
