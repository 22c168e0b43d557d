//! Conditions: a matter that begins, may go on for days, and ends. Told when it begins, now and then while it goes on, and
//! when it is over, however often probes look at it.
//!
//! The folding in `progress` is for what happens: each occurrence counts, and repeats are gathered. A condition is a state:
//! looks that find it again are only counted. Row and line are of one transaction, so that a beginning is told once
//! whatever dies when; looks that change nothing are kept in memory, so that an idle daemon writes nothing.

use std::collections::BTreeMap;

use serde_json::json;
use uuid::Uuid;

use super::{Fatal, Ingest};
use crate::clock;
use crate::journal::{Action, Alert, AlertCode, Severity};
use crate::risk::{Finding, Level};
use crate::store::conditions::Condition;

/// A condition that begins anew within this time of its end is flapping: it must then be gone for as long before it ends.
const FLAP_MS: i64 = 10 * 60 * 1000;
/// How long ended conditions are kept.
const ENDED_KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// More are not followed; what comes then is told as something that happened.
const OPEN_MAX: usize = 4096;

/// The conditions that are followed.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    /// While nobody has acknowledged a condition it is told again after so long.
    cool_down_ms: i64,
    open: BTreeMap<(AlertCode, String), Condition>,
    /// When those that ended lately did so.
    ended: BTreeMap<(AlertCode, String), i64>,
    /// Those that came back so soon that they must stay away for a while.
    flapping: std::collections::BTreeSet<(AlertCode, String)>,
}

impl Conditions {
    pub(super) fn of(known: Vec<Condition>, cool_down_ms: i64) -> Self {
        let mut conditions = Self { cool_down_ms, ..Self::default() };
        for condition in known {
            let key = (condition.code, condition.subject.clone());
            match condition.resolved_ms {
                Some(ended_ms) => drop(conditions.ended.insert(key, ended_ms)),
                None => drop(conditions.open.insert(key, condition)),
            }
        }
        conditions
    }

    /// What a finding changes: the condition as it is to be written down, and the line that tells it.
    fn take(&mut self, finding: &Finding, now_ms: i64) -> Option<(Condition, Alert)> {
        let key = (finding.code, finding.subject.clone().unwrap_or_default());
        let severity = match finding.level {
            Level::Unknown => return None,
            Level::Fine => return self.end(&key, now_ms),
            Level::Warning => Severity::Warning,
            Level::Critical => Severity::Critical,
        };
        let id = Uuid::now_v7().to_string();
        let alert = Alert {
            severity,
            file: finding.subject.clone(),
            metric: finding.metric,
            threshold: finding.limit,
            ..Alert::new(finding.code, &id, &clock::rfc3339(now_ms), &finding.detail)
        };
        let Some(condition) = self.open.get_mut(&key) else {
            if self.ended.remove(&key).is_some_and(|ended_ms| now_ms >= ended_ms && now_ms - ended_ms < FLAP_MS) {
                self.flapping.insert(key.clone());
            }
            let condition = Condition {
                code: finding.code,
                subject: key.1.clone(),
                alert: id,
                severity,
                detail: finding.detail.clone(),
                opened_ms: now_ms,
                last_ms: now_ms,
                times: 1,
                told_ms: now_ms,
                resolved_ms: None,
                acked_ms: None,
            };
            if self.open.len() < OPEN_MAX {
                self.open.insert(key, condition.clone());
            }
            return Some((condition, alert));
        };
        let is_worse = severity > condition.severity;
        (condition.last_ms, condition.times) = (now_ms, condition.times + 1);
        condition.told_ms = condition.told_ms.min(now_ms); // a clock that went back must not silence it for years
        let is_due = condition.acked_ms.is_none() && now_ms - condition.told_ms >= self.cool_down_ms;
        if !is_worse && !is_due {
            return None;
        }
        (condition.severity, condition.told_ms) = (severity.max(condition.severity), now_ms);
        condition.detail.clone_from(&finding.detail);
        let first_at = Some(clock::rfc3339(condition.opened_ms));
        Some((condition.clone(), Alert { count: Some(condition.times), first_at, ..alert }))
    }

    /// What is open under these codes and nobody looks at any more: its channel, schedule or source is gone.
    pub(super) fn left(&self, codes: &[AlertCode], findings: &[Finding]) -> Vec<Finding> {
        let is_looked_at = |code: AlertCode, subject: &str| {
            findings.iter().any(|finding| finding.code == code && finding.subject.as_deref().unwrap_or_default() == subject)
        };
        let left = self.open.keys().filter(|(code, subject)| codes.contains(code) && !is_looked_at(*code, subject));
        left.map(|(code, subject)| Finding::new(*code, Level::Fine, "nobody looks at it any more").about(subject.clone())).collect()
    }

    fn end(&mut self, key: &(AlertCode, String), now_ms: i64) -> Option<(Condition, Alert)> {
        let condition = self.open.get(key)?;
        let away_ms = now_ms - condition.last_ms;
        if self.flapping.contains(key) && (0..FLAP_MS).contains(&away_ms) {
            return None;
        }
        let mut condition = self.open.remove(key).expect("it was just found");
        self.flapping.remove(key);
        self.ended.retain(|_, ended_ms| (0..FLAP_MS).contains(&(now_ms - *ended_ms)));
        self.ended.insert(key.clone(), now_ms);
        condition.resolved_ms = Some(now_ms);
        let seconds = (now_ms - condition.opened_ms).max(0) / 1000;
        let lasted = match seconds {
            0..120 => format!("{seconds} s"),
            120..7200 => format!("{} min", seconds / 60),
            _ => format!("{} h", seconds / 3600),
        };
        let detail = format!("over after {lasted}; it was: {}", condition.detail);
        let alert = Alert {
            severity: Severity::Info,
            file: Some(condition.subject.clone()).filter(|subject| !subject.is_empty()),
            action: "Nothing to do.".to_owned(),
            resolves: Some(condition.alert.clone()),
            ..Alert::new(condition.code, &Uuid::now_v7().to_string(), &clock::rfc3339(now_ms), &detail)
        };
        Some((condition, alert))
    }
}

impl Ingest {
    /// Takes what probes found: a condition that begins, gets worse, goes on for long or ends is told.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn note_findings(&mut self, findings: &[Finding]) -> Result<(), Fatal> {
        let now_ms = clock::now_ms();
        let changed: Vec<(Condition, Alert)> = findings.iter().filter_map(|finding| self.conditions.take(finding, now_ms)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let group = self.store.begin()?;
        for (condition, alert) in &changed {
            group.put_condition(condition)?;
            self.post_alert(&group, alert)?;
        }
        group.forget_conditions(now_ms - ENDED_KEPT_MS)?;
        group.commit()?;
        self.publish()
    }

    /// Remembers the conditions of earlier runs.
    pub(super) fn recall_conditions(&mut self) -> Result<(), Fatal> {
        self.conditions =
            Conditions::of(self.store.conditions(clock::now_ms() - FLAP_MS)?, i64::from(self.config.alerts.cool_down_minutes) * 60_000);
        Ok(())
    }

    /// Somebody has seen an alert: its condition is not told again until it ends. Whether that is new.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn acknowledge(&mut self, alert: &str, code: &str, subject: &str) -> Result<bool, Fatal> {
        let now_ms = clock::now_ms();
        let key = AlertCode::ALL.iter().find(|known| known.as_str() == code).map(|known| (*known, subject.to_owned()));
        let condition = key.as_ref().and_then(|key| self.conditions.open.get(key)).cloned();
        let group = self.store.begin()?;
        let is_new = group.acknowledge(alert, now_ms)?;
        let acked = condition.filter(|_| is_new).map(|condition| Condition { acked_ms: Some(now_ms), ..condition });
        if let Some(acked) = &acked {
            group.put_condition(acked)?;
        }
        if is_new {
            self.audit(&group, &clock::rfc3339(now_ms), Action::AlertAcknowledged, |entry| {
                entry.detail = [("alert".to_owned(), json!(alert)), ("code".to_owned(), json!(code))].into();
            })?;
        }
        group.commit()?;
        if let (Some(key), Some(acked)) = (key, acked) {
            self.conditions.open.insert(key, acked);
        }
        self.publish()?;
        Ok(is_new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn none() -> Conditions {
        Conditions::of(Vec::new(), 6 * HOUR)
    }

    fn look(conditions: &mut Conditions, level: Level, now_ms: i64) -> Option<Alert> {
        let finding = Finding::new(AlertCode::DiskLow, level, "3 % are free").about("/data").measured(3.0, 10.0);
        conditions.take(&finding, now_ms).map(|(_, alert)| alert)
    }

    #[test]
    fn it_is_told_when_it_begins_gets_worse_goes_on_for_long_and_ends() {
        let conditions = &mut none();
        assert_eq!(look(conditions, Level::Fine, 0), None);
        let begun = look(conditions, Level::Warning, HOUR).expect("told");
        assert_eq!((begun.severity, begun.metric, begun.threshold, begun.count), (Severity::Warning, Some(3.0), Some(10.0), None));
        assert_eq!(look(conditions, Level::Warning, 2 * HOUR), None);
        assert_eq!(look(conditions, Level::Unknown, 2 * HOUR), None);
        assert_eq!(
            look(conditions, Level::Critical, 3 * HOUR).map(|alert| (alert.severity, alert.count)),
            Some((Severity::Critical, Some(3)))
        );
        assert_eq!(look(conditions, Level::Warning, 8 * HOUR), None);
        assert_eq!(look(conditions, Level::Warning, 9 * HOUR).and_then(|alert| alert.count), Some(5));
        let over = look(conditions, Level::Fine, 10 * HOUR).expect("told");
        assert_eq!((over.severity, over.resolves), (Severity::Info, Some(begun.id)));
        assert_eq!(over.detail, "over after 9 h; it was: 3 % are free");
        assert_eq!(look(conditions, Level::Fine, 11 * HOUR), None);
    }

    #[test]
    fn what_comes_back_at_once_must_stay_away_for_a_while() {
        let conditions = &mut none();
        let told = [(Level::Warning, 0), (Level::Fine, 1), (Level::Warning, 2)].map(|(level, at)| look(conditions, level, at).is_some());
        assert_eq!(told, [true; 3]);
        for at in 3..100 {
            let level = if at % 2 == 0 { Level::Warning } else { Level::Fine };
            assert_eq!(look(conditions, level, at), None, "{at}");
        }
        assert!(look(conditions, Level::Fine, 100 + FLAP_MS).is_some());
    }

    #[test]
    fn what_nobody_looks_at_any_more_is_over() {
        let conditions = &mut none();
        look(conditions, Level::Warning, 0);
        let fine = Finding::new(AlertCode::DiskLow, Level::Fine, "room enough");
        assert_eq!(conditions.left(&[AlertCode::DiskLow], &[fine.clone().about("/data")]), []);
        assert_eq!(conditions.left(&[AlertCode::CpuHigh], &[]), []);
        let [left] = &conditions.left(&[AlertCode::DiskLow], &[fine.about("/other")])[..] else { panic!("one is left") };
        assert!(conditions.take(left, HOUR).is_some_and(|(_, alert)| alert.resolves.is_some()));
    }

    #[test]
    fn a_clock_that_goes_back_does_not_silence_it() {
        let conditions = &mut none();
        assert!(look(conditions, Level::Warning, 1000 * HOUR).is_some());
        assert_eq!(look(conditions, Level::Warning, 10 * HOUR), None);
        assert!(look(conditions, Level::Warning, 16 * HOUR).is_some());
    }
}
