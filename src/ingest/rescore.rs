//! Stored leads brought up to the rules in force and to what is known now, all in one transaction with one entry in the audit
//! trail. The entry holds what it takes to do the same again in the same place.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::{DEFAULT_SOURCE, Fatal, Ingest};
use crate::clock;
use crate::config::Config;
use crate::engine::learned::Learned;
use crate::engine::rules::Rules;
use crate::engine::stages::lead_score::Tier;
use crate::journal::Action;
use crate::store::rescore::{Rescored, Target};
use crate::store::{Group, Store, StoreError};

impl Ingest {
    /// Rescores every lead ingested at or after `since_ms`; none when we were asked to stop, and then nothing has happened.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn rescore(&mut self, since_ms: Option<i64>, mut tick: impl FnMut(u64, u64)) -> Result<Option<Rescored>, Fatal> {
        let group = self.store.begin_alone()?;
        let stop = Arc::clone(&self.stop);
        let rescored = self.rescore_in(&group, since_ms, &self.learned, |done, of| {
            tick(done, of);
            !stop.load(Ordering::Relaxed)
        })?;
        let Some(rescored) = rescored else { return Ok(None) };
        if rescored.restaged > 0 {
            let rules: BTreeMap<String, String> =
                self.rules.iter().map(|(source, rules)| (source.clone(), rules.version.clone())).collect();
            self.audit(&group, &clock::rfc3339(clock::now_ms()), Action::Rescored, |entry| {
                entry.detail = [
                    ("since".to_owned(), json!(since_ms.map(clock::rfc3339))),
                    ("learned".to_owned(), json!(self.learned.version)),
                    ("rules".to_owned(), json!(rules)),
                    ("figures".to_owned(), figures(&rescored)),
                ]
                .into();
            })?;
        }
        group.commit()?;
        self.publish()?;
        self.store.checkpoint(super::CHECKPOINT_BYTES)?;
        Ok(Some(rescored))
    }

    /// The same inside a group, with any snapshot: also for a rebuild.
    pub(super) fn rescore_in(
        &self,
        group: &Group<'_>,
        since_ms: Option<i64>,
        learned: &Learned,
        tick: impl FnMut(u64, u64) -> bool,
    ) -> Result<Option<Rescored>, Fatal> {
        let rules = |source: &str| self.rules_for(Some(source).filter(|source| *source != DEFAULT_SOURCE));
        Ok(group.rescore(&Target { since_ms, learned, rules: &rules }, tick)?)
    }
}

/// What rescoring would come to, beside a running writer. Nothing is written.
///
/// # Errors
/// [`StoreError`].
pub fn preview(config: &Config, store: &Store, since_ms: Option<i64>, mut tick: impl FnMut(u64, u64)) -> Result<Rescored, StoreError> {
    let version = store.last_lesson()?.and_then(|lesson| lesson.version).unwrap_or(0);
    let learned = store.learned(version)?.unwrap_or_default();
    let rules = |source: &str| -> Arc<Rules> { config.rules_for(Some(source).filter(|source| *source != DEFAULT_SOURCE)) };
    let target = Target { since_ms, learned: &learned, rules: &rules };
    let rescored = store.rescore_dry(&target, |done, of| {
        tick(done, of);
        true
    })?;
    Ok(rescored.unwrap_or_default())
}

/// The figures for programs: counts, and how many leads went from which tier to which.
#[must_use]
pub fn figures(rescored: &Rescored) -> Value {
    let name = |tier: usize| Tier::ALL[tier].as_str();
    let pairs = (0..4).flat_map(|then| (0..4).map(move |now| (then, now))).filter(|(then, now)| then != now);
    let moved: BTreeMap<String, u64> = pairs
        .filter(|(then, now)| rescored.tiers[*then][*now] > 0)
        .map(|(then, now)| (format!("{} to {}", name(then), name(now)), rescored.tiers[then][now]))
        .collect();
    json!({
        "leads": rescored.leads,
        "restaged": rescored.restaged,
        "scores_changed": rescored.scores_changed,
        "tiers_changed": rescored.tiers_changed(),
        "tiers": moved,
    })
}
