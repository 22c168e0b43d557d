//! From findings to one verdict, by rules short enough to be checked by hand. The same rules hold for a job and for the
//! installation; only the findings differ. `docs/RISK.md` has them in words.
//!
//! | | health | risk |
//! |---|---|---|
//! | a critical finding | `CRITICAL` | `HIGH` |
//! | warnings of three codes or more | `DEGRADED` | `HIGH` |
//! | warnings of one or two codes | `DEGRADED` | `MEDIUM` |
//! | neither | `HEALTHY` | `LOW` |
//!
//! The same cause in several places is one cause: a full disk under five folders is a full disk. What cannot be known makes nothing better or worse, and is listed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Finding, Level};
use crate::journal::AlertCode;

/// So many warnings at once are a high risk although none is critical alone.
const WARNINGS_HIGH: usize = 3;

/// How well things are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Health {
    /// Nothing is wrong.
    Healthy,
    /// Something should be looked at.
    Degraded,
    /// Somebody must act.
    Critical,
}

impl Health {
    /// The word in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "HEALTHY",
            Self::Degraded => "DEGRADED",
            Self::Critical => "CRITICAL",
        }
    }
}

/// How likely it is that going on does harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RiskLevel {
    /// Go on.
    Low,
    /// Go on, and look at it.
    Medium,
    /// Do not rely on it before somebody has looked.
    High,
}

impl RiskLevel {
    /// The word in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
        }
    }

    /// What follows from it.
    #[must_use]
    pub const fn clearance(self) -> &'static str {
        match self {
            Self::Low => "CLEARED",
            Self::Medium => "CLEARED_WITH_WARNINGS",
            Self::High => "NOT_CLEARED",
        }
    }
}

/// The verdict, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// How well things are.
    pub health: Health,
    /// What may come of it.
    pub risk: RiskLevel,
    /// The codes behind it, the worst first.
    pub causes: Vec<AlertCode>,
    /// How many things cannot be known.
    pub unknown: usize,
}

/// The verdict on all findings.
#[must_use]
pub fn assess(findings: &[Finding]) -> Assessment {
    let of = |level: Level| findings.iter().filter(move |finding| finding.level == level);
    let warnings: BTreeSet<AlertCode> = of(Level::Warning).map(|finding| finding.code).collect();
    let (health, risk) = match (of(Level::Critical).count(), warnings.len()) {
        (1.., _) => (Health::Critical, RiskLevel::High),
        (0, WARNINGS_HIGH..) => (Health::Degraded, RiskLevel::High),
        (0, 1..) => (Health::Degraded, RiskLevel::Medium),
        (0, 0) => (Health::Healthy, RiskLevel::Low),
    };
    let mut causes: Vec<AlertCode> = Vec::new();
    for finding in of(Level::Critical).chain(of(Level::Warning)) {
        if !causes.contains(&finding.code) {
            causes.push(finding.code);
        }
    }
    Assessment { health, risk, causes, unknown: of(Level::Unknown).count() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_the_documented_ones() {
        use Level::{Critical, Fine, Unknown, Warning};
        let cases: &[(&[Level], Health, RiskLevel)] = &[
            (&[], Health::Healthy, RiskLevel::Low),
            (&[Fine, Unknown], Health::Healthy, RiskLevel::Low),
            (&[Fine, Warning], Health::Degraded, RiskLevel::Medium),
            (&[Warning, Warning], Health::Degraded, RiskLevel::Medium),
            (&[Warning, Warning, Warning], Health::Degraded, RiskLevel::High),
            (&[Fine, Critical], Health::Critical, RiskLevel::High),
        ];
        for (levels, health, risk) in cases {
            let findings: Vec<Finding> = levels.iter().zip(AlertCode::ALL).map(|(level, code)| Finding::new(*code, *level, "")).collect();
            let verdict = assess(&findings);
            assert_eq!((verdict.health, verdict.risk), (*health, *risk), "{levels:?}");
        }
    }

    #[test]
    fn one_cause_in_many_places_is_one_cause() {
        let findings = [(); 5].map(|()| Finding::new(AlertCode::DiskLow, Level::Warning, ""));
        assert_eq!(assess(&findings).risk, RiskLevel::Medium);
    }

    #[test]
    fn the_worst_comes_first_and_each_code_once() {
        let findings = [
            Finding::new(AlertCode::LayoutDrift, Level::Warning, ""),
            Finding::new(AlertCode::DiskFull, Level::Critical, "").about("a"),
            Finding::new(AlertCode::DiskFull, Level::Critical, "").about("b"),
            Finding::new(AlertCode::StoreBusy, Level::Unknown, ""),
        ];
        let verdict = assess(&findings);
        assert_eq!((verdict.causes, verdict.unknown), (vec![AlertCode::DiskFull, AlertCode::LayoutDrift], 1));
    }
}
