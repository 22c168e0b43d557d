//! The `Learned` snapshot: what history says, read-only and versioned.
//!
//! The engine only reads it. It is filled by `learning/` from outcomes, undo and rollback, never by a lead drop, so
//! that the same bytes, rules and snapshot give the same results on any machine. Every figure that a stage draws
//! from it is marked `learned`; with too little history the stage says so, with the count it has and the count it needs.

/// One version of what has been learned.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Learned {
    /// Rises with every change; 0 before the first outcome. Named by each job.
    pub version: u64,
    /// Leads whose outcome is known for good.
    pub mature: u64,
    /// Those of them that converted.
    pub converted: u64,
    /// The 5 % and 95 % quantiles of log10(value) over the history.
    pub value_log10_range: Option<(f64, f64)>,
}

impl Learned {
    /// The state before any outcome.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Share of mature leads that converted; `None` without any.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // counts stay far below 2^53
    pub fn base_rate(&self) -> Option<f64> {
        (self.mature > 0).then(|| self.converted as f64 / self.mature as f64)
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
    fn a_rate_needs_mature_leads() {
        assert_eq!(Learned::none().base_rate(), None);
        assert_eq!(Learned { mature: 12, converted: 3, ..Learned::none() }.base_rate(), Some(0.25));
    }
}
