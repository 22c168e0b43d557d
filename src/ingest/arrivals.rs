//! Whether files came that should have: what the store knows of each source, held against its schedule or its past.

use std::collections::BTreeMap;

use super::{Fatal, Ingest};
use crate::clock;
use crate::journal::AlertCode;
use crate::risk::Finding;
use crate::risk::arrivals::{DELIVERIES, DELIVERY_MS, Expected, expected, quiet};
use crate::store::arrivals::Arrivals;

/// Codes of conditions that end with the schedule or the source that they are about.
const CODES: [AlertCode; 2] = [AlertCode::ExpectedFileMissing, AlertCode::SourceQuiet];

/// What is known of sources, read anew only when a file came.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    last_job: Option<i64>,
    sources: Vec<Arrivals>,
    /// Since when each schedule is known.
    since: BTreeMap<String, i64>,
}

impl Ingest {
    /// Notes which sources lack a file that was due, and which have become silent.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn note_arrivals(&mut self) -> Result<(), Fatal> {
        let now_ms = clock::now_ms();
        self.read_arrivals(now_ms)?;
        let (zone, grace_ms) = (self.config.alerts.time_zone, i64::from(self.config.alerts.grace_minutes) * 60_000);
        let mut found = Vec::new();
        for (source, schedule) in &self.config.expected {
            let came = self.deliveries.sources.iter().filter(|known| known.source.to_lowercase() == *source);
            let latest_ms = came.filter_map(|known| known.came_ms.first()).max().copied();
            let since_ms = self.deliveries.since.get(source).copied().unwrap_or(now_ms);
            found.push(expected(&Expected { source, schedule, since_ms, latest_ms }, zone, grace_ms, now_ms));
        }
        let unscheduled = self.deliveries.sources.iter().filter(|known| !self.config.expected.contains_key(&known.source.to_lowercase()));
        found.extend(unscheduled.filter_map(|known| quiet(&known.source, &known.came_ms, now_ms)));
        self.note_all(&CODES, found)
    }

    /// Notes findings that are all there is to say of these codes: what was open about anything else is over.
    pub(super) fn note_all(&mut self, codes: &[AlertCode], mut findings: Vec<Finding>) -> Result<(), Fatal> {
        findings.extend(self.conditions.left(codes, &findings));
        self.note_findings(&findings)
    }

    fn read_arrivals(&mut self, now_ms: i64) -> Result<(), Fatal> {
        let last_job = self.store.last_job()?;
        if self.deliveries.last_job == Some(last_job) {
            return Ok(());
        }
        if self.deliveries.last_job.is_none() {
            let group = self.store.begin()?;
            group.keep_schedules(&self.config.expected.keys().cloned().collect::<Vec<_>>())?;
            for (source, schedule) in &self.config.expected {
                let known = format!("{schedule} {}", self.config.alerts.time_zone);
                self.deliveries.since.insert(source.clone(), group.schedule_since(source, &known, now_ms)?);
            }
            group.commit()?;
        }
        self.deliveries.sources = self.store.arrivals(DELIVERIES, DELIVERY_MS)?;
        self.deliveries.last_job = Some(last_job);
        Ok(())
    }
}
