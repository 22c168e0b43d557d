//! What alerts wait for which channel, and what came of the attempts to deliver them. The attempts themselves are made elsewhere.

use super::{Fatal, Ingest, Notice};
use crate::clock;
use crate::delivery::Attempt;
use crate::journal::{Alert, AlertCode};
use crate::risk::{Finding, Level};
use crate::store::Group;

/// Alerts that may wait for one channel.
const WAITING_MAX: u32 = 10_000;
/// Failures in a row after which a channel counts as failing.
const FAILURES_MAX: u64 = 3;
/// How long an alert may wait before its channel counts as failing, in milliseconds.
const WAIT_MS_MAX: i64 = 15 * 60 * 1000;

impl Ingest {
    /// Has an alert wait for every channel that takes it, in the transaction that writes it down.
    pub(super) fn enqueue(&self, group: &Group<'_>, alert: &Alert) -> Result<(), Fatal> {
        let about_delivery = matches!(alert.code, AlertCode::ChannelFailing | AlertCode::DeliveryGivenUp | AlertCode::DeliveriesDropped);
        for channel in &self.config.alerts.channels {
            // That a channel fails is not told through it: it would make its own queue longer.
            let is_about_itself = about_delivery && alert.file.as_deref() == Some(channel.name.as_str());
            if alert.severity >= channel.min_severity && !is_about_itself {
                group.enqueue(&channel.name, &alert.id, alert.severity, &alert.to_line(), clock::now_ms(), WAITING_MAX)?;
            }
        }
        Ok(())
    }

    /// Writes down what came of an attempt, and tells when a channel begins or ceases to fail.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn record_attempt(&mut self, attempt: &Attempt) -> Result<(), Fatal> {
        let now_ms = clock::now_ms();
        let group = self.store.begin()?;
        match &attempt.failure {
            None => group.delivered(&attempt.channel, attempt.id, now_ms)?,
            Some(why) => group.not_delivered(&attempt.channel, attempt.id, attempt.attempts, why.text(), now_ms, attempt.next_ms)?,
        }
        group.commit()?;
        if let (Some(why), None) = (&attempt.failure, attempt.next_ms) {
            let detail = format!("{}: alert {} was refused {} times: {}", attempt.channel, attempt.alert, attempt.attempts, why.text());
            self.raise(&[Notice::about(AlertCode::DeliveryGivenUp, attempt.channel.clone(), detail)])?;
        }
        let found = self.look_at_channel(&attempt.channel)?;
        self.note_findings(&[found])
    }

    /// Looks at every channel: whether it fails, and what its full queue lost.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn note_channels(&mut self) -> Result<(), Fatal> {
        let names: Vec<String> = self.config.alerts.channels.iter().map(|channel| channel.name.clone()).collect();
        let found = names.iter().map(|name| self.look_at_channel(name)).collect::<Result<Vec<_>, _>>()?;
        self.note_all(&[AlertCode::ChannelFailing], found)
    }

    #[allow(clippy::cast_precision_loss)] // counts
    fn look_at_channel(&mut self, name: &str) -> Result<Finding, Fatal> {
        let state = self.store.channel_state(name)?;
        let waits_ms = state.oldest_ms.map_or(0, |since| clock::now_ms() - since);
        let is_failing = state.failures >= FAILURES_MAX || waits_ms > WAIT_MS_MAX;
        let (level, detail) = if is_failing {
            let why = state.error.as_deref().unwrap_or("no attempt has ended yet");
            let detail = format!(
                "{name}: {} failures in a row, {} alerts wait, the oldest for {} s: {why}",
                state.failures,
                state.waiting,
                waits_ms / 1000
            );
            (Level::Warning, detail)
        } else {
            (Level::Fine, format!("{name}: {} failures in a row, {} alerts wait", state.failures, state.waiting))
        };
        if state.dropped > 0 {
            let detail = format!("{name}: {} alerts were dropped, the least severe and oldest first", state.dropped);
            self.raise(&[Notice::about(AlertCode::DeliveriesDropped, name, detail)])?;
            let group = self.store.begin()?;
            group.told_dropped(name)?;
            group.commit()?;
        }
        let finding = Finding::new(AlertCode::ChannelFailing, level, detail);
        Ok(finding.about(name).measured(state.failures as f64, FAILURES_MAX as f64))
    }
}
