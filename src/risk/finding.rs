//! What a probe found: the figure, the limit it is held against, and how bad it is.
//!
//! A probe gives a finding whether all is well or not, so that whoever keeps the conditions sees one end.

use crate::journal::AlertCode;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Fine,
    /// It cannot be known; the detail says why.
    Unknown,
    /// Somebody should look at it.
    Warning,
    /// Somebody must act.
    Critical,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What it is called when it is not as it should be; its action is the remedy.
    pub code: AlertCode,
    /// What it is about, where there are several of the kind: a folder, a source, a file, a channel. Never a lead's content.
    pub subject: Option<String>,
    /// How bad it is.
    pub level: Level,
    /// What was measured, in the unit that the detail names.
    pub metric: Option<f64>,
    /// What it is held against.
    pub limit: Option<f64>,
    /// A sentence: what was measured, against which limit; or why it cannot be known.
    pub detail: String,
}

impl Finding {
    /// About the installation as a whole; figures and subject can be added.
    #[must_use]
    pub fn new(code: AlertCode, level: Level, detail: impl Into<String>) -> Self {
        Self { code, subject: None, level, metric: None, limit: None, detail: detail.into() }
    }

    /// About one of several.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// With what was measured, and what it is held against.
    #[must_use]
    pub fn measured(mut self, metric: f64, limit: f64) -> Self {
        (self.metric, self.limit) = (Some(metric), Some(limit));
        self
    }

    /// Whether it is worth an alert.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        matches!(self.level, Level::Warning | Level::Critical)
    }
}
