//! Stage 5, clone readiness: can what works for this lead's segment be replicated?
//!
//! The figures of a segment are worked out when outcomes arrive; here the lead's segment is chosen (source and value band, else
//! the source, else everyone), its figures are put together with the completeness of the lead, and three gates are asked.
//! What is not known keeps a gate closed and says so.

use std::fmt;

use crate::engine::lead::Lead;
use crate::engine::learned::{Kind, Learned, Segment};
use crate::engine::rules::{CloneRules, Rules};

/// Readiness of one lead's segment. Shares of 0 to 1; `None` is unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CloneReadiness {
    /// The segment that was used; `None` where even everyone's has too few outcomes.
    pub segment: Option<Scope>,
    /// Resolved leads of that segment.
    pub outcomes: u64,
    /// Observed against predicted conversions.
    pub accuracy: Option<f64>,
    /// How narrow the interval of the segment's rate is.
    pub confidence: Option<f64>,
    /// How steady the rate is from week to week.
    pub consistency: Option<f64>,
    /// Completeness of the lead: the share of its optional fields that are filled.
    pub robustness: f64,
    /// 0.4·accuracy + 0.3·confidence + 0.2·consistency + 0.1·robustness; `None` while any is unknown.
    pub overall: Option<f64>,
    /// Whether every gate passes.
    pub promote: bool,
    /// What the gates say: `readiness`, `performance`, `safety`, each with its reason.
    pub gates: [Gate; 3],
}

/// Which segment of a lead has enough outcomes, from the narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Its source and value band.
    Band,
    /// Its source.
    Source,
    /// Everyone.
    All,
}

impl Scope {
    /// In words, as it stands in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        ["source and value band", "source", "all"][self as usize]
    }
}

/// One gate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gate {
    /// `readiness`, `performance` or `safety`.
    pub name: &'static str,
    /// Whether it is open.
    pub passed: bool,
    /// The figure that it looks at; `None` is unknown.
    pub figure: Option<f64>,
    /// What the figure is held against.
    pub limit: f64,
    /// Why it is open or closed.
    pub reason: Why,
}

/// Why a gate is open or closed. A sentence is made of it only when someone reads it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Why {
    /// The figure is held against the least that it must be.
    AtLeast(f64, f64),
    /// The figure is held against what it must stay below.
    Below(f64, f64),
    /// Too few outcomes: those there are, those that are needed.
    Outcomes(u64, u32),
    /// Only outcomes of one kind.
    Only(Kind),
    /// Too few conversions were predicted to hold those that came against: how many were.
    Predicted(f64),
    /// Outcomes of too few weeks: of how many.
    Weeks(u32),
    /// Nothing in the segment converted, so that there is no rate to be steady.
    NothingConverted,
    /// There are no other leads to compare the segment with.
    NoRest,
    /// Too few leads in the last 90 days, or in the 90 before: how many in each.
    Recent(u64, u64),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::AtLeast(figure, limit) => write!(f, "{figure:.4}, at least {limit:.2} is needed"),
            Self::Below(figure, limit) => write!(f, "{figure:.4}, less than {limit:.2} is needed"),
            Self::Outcomes(have, need) => write!(f, "insufficient outcomes: {have} of {need}"),
            Self::Only(kind) => write!(f, "insufficient outcomes: only {}", kind.as_str()),
            Self::Predicted(predicted) => write!(f, "accuracy unknown: {predicted:.1} of 10 predicted conversions"),
            Self::Weeks(weeks) => write!(f, "consistency unknown: outcomes of {weeks} of 6 weeks"),
            Self::NothingConverted => f.write_str("consistency unknown: nothing in the segment converted"),
            Self::NoRest => f.write_str("unknown: there are no other leads to compare the segment with"),
            Self::Recent(recent, before) => {
                write!(f, "unknown: {recent} of 30 leads in its last 90 days, {before} of 30 in the 90 days before")
            }
        }
    }
}

/// Assesses the segment of one lead.
#[must_use]
pub fn assess(lead: &Lead<'_>, band: Option<usize>, rules: &Rules, learned: &Learned) -> CloneReadiness {
    let robustness = completeness(lead);
    let too_few = match learned.only_kind() {
        Some(kind) if learned.resolved >= u64::from(rules.clone.min_outcomes) => Why::Only(kind),
        _ => Why::Outcomes(learned.resolved, rules.clone.min_outcomes),
    };
    match segment_of(lead, band, rules, learned) {
        Some((scope, segment)) => of_segment(scope, segment, robustness, &rules.clone),
        None => unknown(too_few, robustness, &rules.clone),
    }
}

/// The narrowest segment with enough outcomes.
fn segment_of<'l>(lead: &Lead<'_>, band: Option<usize>, rules: &Rules, learned: &'l Learned) -> Option<(Scope, &'l Segment)> {
    if !learned.has_both() || learned.resolved < u64::from(rules.clone.min_outcomes) {
        return None; // nothing narrower has more
    }
    let enough = |segment: &&Segment| segment.resolved >= u64::from(rules.clone.min_outcomes);
    let segments = &learned.segments;
    let narrow = || segments.band(lead.source, u8::try_from(band?).ok()?).filter(enough).map(|found| (Scope::Band, found));
    let wider = || segments.source(lead.source).filter(enough).map(|found| (Scope::Source, found));
    narrow().or_else(wider).or_else(|| Some(&segments.all).filter(enough).map(|found| (Scope::All, found)))
}

fn of_segment(scope: Scope, segment: &Segment, robustness: f64, rules: &CloneRules) -> CloneReadiness {
    let Segment { accuracy, confidence, consistency, performance, decline, .. } = *segment;
    let parts = accuracy.zip(confidence).zip(consistency);
    let overall =
        parts.map(|((accuracy, confidence), consistency)| 0.4 * accuracy + 0.3 * confidence + 0.2 * consistency + 0.1 * robustness);
    let least = |figure: f64, limit: f64| (figure >= limit, Why::AtLeast(figure, limit));
    let below = |figure: f64, limit: f64| (figure < limit, Why::Below(figure, limit));
    let not_ready = match (accuracy, segment.converted) {
        (None, _) => Why::Predicted(segment.predicted),
        (Some(_), 0) => Why::NothingConverted,
        (Some(_), _) => Why::Weeks(segment.weeks),
    };
    let gate = |name, figure: Option<f64>, limit: f64, held: fn(f64, f64) -> (bool, Why), unknown: Why| {
        let (passed, reason) = figure.map_or((false, unknown), |figure| held(figure, limit));
        Gate { name, passed, figure, limit, reason }
    };
    let gates = [
        gate("readiness", overall, rules.readiness_min, least, not_ready),
        gate("performance", performance, rules.performance_min, least, Why::NoRest),
        gate("safety", decline, rules.decline_max, below, Why::Recent(segment.recent.0, segment.recent.1)),
    ];
    let promote = gates.iter().all(|gate| gate.passed);
    CloneReadiness {
        segment: Some(scope),
        outcomes: segment.resolved,
        accuracy,
        confidence,
        consistency,
        robustness,
        overall,
        promote,
        gates,
    }
}

fn unknown(why: Why, robustness: f64, rules: &CloneRules) -> CloneReadiness {
    let gate = |name, limit| Gate { name, passed: false, figure: None, limit, reason: why };
    CloneReadiness {
        segment: None,
        outcomes: 0,
        accuracy: None,
        confidence: None,
        consistency: None,
        robustness,
        overall: None,
        promote: false,
        gates: [gate("readiness", rules.readiness_min), gate("performance", rules.performance_min), gate("safety", rules.decline_max)],
    }
}

/// The share of a lead's optional fields (location, phone, source) that its row filled.
fn completeness(lead: &Lead<'_>) -> f64 {
    let filled = u8::from(!lead.location.is_empty()) + u8::from(!lead.phone.is_empty()) + u8::from(lead.source_given);
    f64::from(filled) / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::lead::{Extra, lead_id_of};
    use crate::engine::learned::Segments;

    const GOOD: Segment = Segment {
        resolved: 100,
        converted: 30,
        predicted: 28.0,
        predicted_converted: 30,
        accuracy: Some(0.93),
        confidence: Some(0.7),
        consistency: Some(0.95),
        weeks: 12,
        performance: Some(0.9),
        decline: Some(0.4),
        recent: (40, 40),
        recent_until_ms: Some(0),
    };

    fn lead(source: &str) -> Lead<'_> {
        Lead {
            row: 1,
            line: 1,
            lead_id: lead_id_of("a@b.co"),
            name: "A",
            email: "a@b.co",
            value: None,
            currency: "",
            location: "Toronto",
            phone: "1",
            phone_e164: "",
            phone_reads: true,
            source,
            source_given: true,
            extra: Extra { names: &[], packed: &[] },
            headers: &[],
        }
    }

    fn learned(all: Segment, source: Segment, band: Segment) -> Learned {
        let segments = Segments { all, sources: vec![("zillow".into(), source)], bands: vec![("zillow".into(), 2, band)] };
        Learned { resolved: all.resolved, converted: all.converted, segments, ..Learned::none() }
    }

    fn assessed(band: Segment) -> CloneReadiness {
        assess(&lead("zillow"), Some(2), &Rules::default(), &learned(GOOD, GOOD, band))
    }

    #[test]
    fn the_narrowest_segment_with_enough_outcomes_is_used() {
        let small = Segment { resolved: 29, ..GOOD };
        for (all, source, band, expected) in [
            (GOOD, GOOD, GOOD, Some(Scope::Band)),
            (GOOD, GOOD, small, Some(Scope::Source)),
            (GOOD, small, small, Some(Scope::All)),
            (small, small, small, None),
        ] {
            let found = assess(&lead("zillow"), Some(2), &Rules::default(), &learned(all, source, band));
            assert_eq!((found.segment, found.promote), (expected, expected.is_some()), "{expected:?}");
        }
        let elsewhere = assess(&lead("mls"), Some(2), &Rules::default(), &learned(GOOD, GOOD, GOOD));
        assert_eq!(elsewhere.segment, Some(Scope::All));
    }

    #[test]
    fn all_gates_pass_or_it_is_blocked_with_the_figures() {
        let ready = assessed(GOOD);
        assert!(ready.promote && ready.overall.is_some_and(|overall| (overall - (0.372 + 0.21 + 0.19 + 0.1)).abs() < 1e-12));
        assert_eq!(
            ready.gates.map(|gate| gate.reason.to_string()),
            ["0.8720, at least 0.80 is needed", "0.9000, at least 0.85 is needed", "0.4000, less than 0.95 is needed"]
        );
        for (segment, gate, reason) in [
            (Segment { confidence: Some(0.1), ..GOOD }, 0, "0.6920, at least 0.80 is needed"),
            (Segment { accuracy: None, predicted: 3.21, ..GOOD }, 0, "accuracy unknown: 3.2 of 10 predicted conversions"),
            (Segment { consistency: None, weeks: 2, ..GOOD }, 0, "consistency unknown: outcomes of 2 of 6 weeks"),
            (Segment { consistency: None, converted: 0, ..GOOD }, 0, "consistency unknown: nothing in the segment converted"),
            (Segment { performance: Some(0.5), ..GOOD }, 1, "0.5000, at least 0.85 is needed"),
            (Segment { performance: None, ..GOOD }, 1, "unknown: there are no other leads to compare the segment with"),
            (Segment { decline: Some(0.95), ..GOOD }, 2, "0.9500, less than 0.95 is needed"),
            (
                Segment { decline: None, recent: (12, 40), ..GOOD },
                2,
                "unknown: 12 of 30 leads in its last 90 days, 40 of 30 in the 90 days before",
            ),
        ] {
            let found = assessed(segment);
            assert!(!found.promote && !found.gates[gate].passed && found.gates.iter().filter(|gate| !gate.passed).count() == 1, "{reason}");
            assert_eq!(found.gates[gate].reason.to_string(), reason);
        }
    }

    #[test]
    fn too_little_is_told_with_what_there_is() {
        let of = |resolved, converted| {
            let all = Segment { resolved, converted, ..GOOD };
            assess(&lead("zillow"), None, &Rules::default(), &learned(all, all, all)).gates.map(|gate| gate.reason.to_string())[2].clone()
        };
        assert_eq!(of(0, 0), "insufficient outcomes: 0 of 30");
        assert_eq!(of(12, 5), "insufficient outcomes: 12 of 30");
        assert_eq!(of(80, 80), "insufficient outcomes: only wins");
    }
}
