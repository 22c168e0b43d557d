//! The `Learned` snapshot: what history says, read-only and versioned.
//!
//! The engine only reads it. It is filled by `learning/` from outcomes, undo and rollback, never by a lead drop, so
//! that the same bytes, rules and snapshot give the same results on any machine. Every figure that a stage draws
//! from it is marked `learned`; with too little history the stage says so, with the count it has and the count it needs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::features::{Model, Traits};
use super::rules::ScriptStatus;

/// Leads that everyone's rate is worth in that of a segment.
const PRIOR_LEADS: f64 = 20.0;

/// One version of what has been learned.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Learned {
    /// Told from its content, so that the same history has the same version on every way to it; 0 before the first outcome.
    /// Named by each job. Below 2^48.
    #[serde(skip)]
    pub version: u64,
    /// Mature leads whose outcome is known for good: those that every rate is made of.
    pub resolved: u64,
    /// Those of them that converted.
    pub converted: u64,
    /// Mature leads, resolved or not: `resolved / mature` is the coverage.
    pub mature: u64,
    /// The 5 % and 95 % quantiles of log10(value) over the history.
    pub value_log10_range: Option<(f64, f64)>,
    /// Median and robust spread (MAD / 0.6745) of log10(value) over the history, for outliers; none under 20 values.
    pub value_log10_spread: Option<(f64, f64)>,
    /// What is known of segments.
    pub segments: Segments,
    /// Where each script stands, by id and version.
    pub scripts: Vec<ScriptStanding>,
    /// The active outcome model; none before the first was activated. Kept apart from the rest, by its id.
    #[serde(skip)]
    pub model: Option<Arc<Model>>,
}

impl Learned {
    /// The state before any outcome.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Share of resolved leads that converted; `None` without any.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // counts stay far below 2^53
    pub fn base_rate(&self) -> Option<f64> {
        (self.resolved > 0).then(|| self.converted as f64 / self.resolved as f64)
    }

    /// Whether outcomes of both kinds are known: before that a rate would be no more than a guess.
    #[must_use]
    pub fn has_both(&self) -> bool {
        self.converted > 0 && self.converted < self.resolved
    }

    /// The only kind of outcomes there is: whether those are wins. `None` without any, and with both.
    #[must_use]
    pub fn only_kind(&self) -> Option<Kind> {
        let kind = if self.converted > 0 { Kind::Wins } else { Kind::Losses };
        (self.resolved > 0 && !self.has_both()).then_some(kind)
    }

    /// Probability that a lead of this source and value band converts, as far as its segment tells: (20p̄ + conversions) / (20 + n),
    /// the mean of a beta distribution with the weight of twenty leads of the base rate (Gelman et al. 2013, 2.4). A lead without
    /// a value has the rate of its source. None before outcomes of both kinds are known.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // counts
    pub fn segment_rate(&self, source: &str, band: Option<u8>) -> Option<f64> {
        let base = self.base_rate().filter(|_| self.has_both())?;
        let segment =
            band.map_or_else(|| self.segments.source(source), |band| self.segments.band(source, band)).copied().unwrap_or_default();
        Some((PRIOR_LEADS * base + segment.converted as f64) / (PRIOR_LEADS + segment.resolved as f64))
    }

    /// Probability that a lead converts: by the active model, else by its segment. None where nothing has been learned.
    /// `traits` have the columns of the model.
    #[must_use]
    pub fn probability(&self, band: Option<u8>, traits: &Traits<'_>) -> Option<f64> {
        match &self.model {
            Some(model) => Some(model.probability(traits)),
            None => self.segment_rate(traits.source, band),
        }
    }

    /// Where a script stands, once history has moved or measured it.
    #[must_use]
    pub fn standing(&self, id: &str, version: u32) -> Option<&ScriptStanding> {
        self.scripts.iter().find(|standing| standing.id == id && standing.version == version)
    }
}

/// What is known of the segments that leads fall into: source × value band, a source as a whole, and everyone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Segments {
    /// Everyone.
    pub all: Segment,
    /// By source, sorted.
    pub sources: Vec<(String, Segment)>,
    /// By source and value band (0 the lowest), sorted.
    pub bands: Vec<(String, u8, Segment)>,
}

impl Segments {
    /// The segment of a source as a whole.
    #[must_use]
    pub fn source(&self, source: &str) -> Option<&Segment> {
        self.sources.binary_search_by(|(name, _)| name.as_str().cmp(source)).ok().map(|at| &self.sources[at].1)
    }

    /// The segment of a source and a value band.
    #[must_use]
    pub fn band(&self, source: &str, band: u8) -> Option<&Segment> {
        let found = self.bands.binary_search_by(|(name, own, _)| (name.as_str(), *own).cmp(&(source, band)));
        found.ok().map(|at| &self.bands[at].2)
    }
}

/// One segment: counts over its mature leads, and the parts of clone readiness that are the same for all of its leads.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Segment {
    /// Mature leads with a known outcome.
    pub resolved: u64,
    /// Those that converted.
    pub converted: u64,
    /// Sum of the probabilities that were predicted for those of them that had one at arrival.
    pub predicted: f64,
    /// Conversions among those that had a prediction at arrival.
    pub predicted_converted: u64,
    /// min(O, E) / max(O, E); none where fewer than ten conversions were predicted.
    pub accuracy: Option<f64>,
    /// 1 − half-width of the 95 % Jeffreys interval over the posterior mean, at least 0.
    pub confidence: Option<f64>,
    /// 1 − τ/p̄, at least 0; none under six weeks.
    pub consistency: Option<f64>,
    /// Weeks with resolved leads.
    pub weeks: u32,
    /// P(the segment's rate > the rest's).
    pub performance: Option<f64>,
    /// P(the last 90 days are below the 90 before); none with fewer than 30 leads on a side.
    pub decline: Option<f64>,
    /// Resolved leads of the last 90 days, and of the 90 before.
    pub recent: (u64, u64),
    /// Where those 90 days end: the arrival of the segment's last mature lead.
    #[serde(default)]
    pub recent_until_ms: Option<i64>,
}

/// Where one version of a script stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScriptStanding {
    /// The script.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// Its channel.
    pub channel: String,
    /// The status that the configuration gave it; a changed one begins anew.
    pub configured: ScriptStatus,
    /// The status now.
    pub status: ScriptStatus,
    /// Posterior probability that it converts better than the primary; none for the primary, and without outcomes.
    pub score: Option<f64>,
    /// Resolved mature leads that were assigned to it.
    pub trials: u64,
    /// Those that converted.
    pub conversions: u64,
    /// Its trials and those of the primary together when it last took a step.
    pub trials_at_step: u64,
}

/// A kind of outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Leads that converted.
    Wins,
    /// Leads that did not.
    Losses,
}

impl Kind {
    /// The word as it stands in reasons.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        ["wins", "losses"][self as usize]
    }
}

/// Where a figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// From the row and the configuration alone.
    Rule,
    /// From a configured assumption.
    Prior,
    /// From outcomes in the store.
    Learned,
}

impl Basis {
    /// The word as it stands in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        ["rule", "prior", "learned"][self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_needs_resolved_leads() {
        assert_eq!(Learned::none().base_rate(), None);
        assert_eq!(Learned { resolved: 12, converted: 3, ..Learned::none() }.base_rate(), Some(0.25));
    }

    #[test]
    fn segments_are_found_by_their_names() {
        let of = |resolved| Segment { resolved, ..Segment::default() };
        let segments = Segments {
            all: of(6),
            sources: vec![("csv".into(), of(1)), ("zillow".into(), of(5))],
            bands: vec![("csv".into(), 0, of(1)), ("zillow".into(), 0, of(2)), ("zillow".into(), 2, of(3))],
        };
        assert_eq!(segments.source("zillow").map(|segment| segment.resolved), Some(5));
        assert_eq!(segments.band("zillow", 2).map(|segment| segment.resolved), Some(3));
        assert!(segments.band("zillow", 1).is_none() && segments.source("mls").is_none());
    }
}
