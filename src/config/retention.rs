//! `[retention]`: how long files stay in the archive.

use super::section::Section;

/// The keys of `[retention]`.
pub(super) const KEYS: [&str; 3] = ["processed_days", "failed_days", "rejects_days"];

/// A hundred years: longer is for ever, which is written 0.
const DAYS_MAX: u32 = 36_500;

/// After how many days files of the archive are removed; none for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// In `processed/`: originals and what lies beside them.
    pub processed_days: Option<u32>,
    /// In `failed/`: originals and their errors.
    pub failed_days: Option<u32>,
    /// Rejects files, wherever they lie.
    pub rejects_days: Option<u32>,
}

impl Retention {
    /// Whether anything is ever removed.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.processed_days.or(self.failed_days).or(self.rejects_days).is_some()
    }
}

pub(super) fn read(section: &Section<'_>) -> Retention {
    let days = |key| Some(section.count(key, 0..=DAYS_MAX, 0)).filter(|days| *days > 0);
    Retention { processed_days: days("processed_days"), failed_days: days("failed_days"), rejects_days: days("rejects_days") }
}
