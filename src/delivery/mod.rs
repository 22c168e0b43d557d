//! Telling people of alerts: webhook, Slack, mail, a command. One thread for each channel, so that a slow one holds no other.
//!
//! The queue is in the store. A channel's thread reads it there and says through a callback what came of each attempt; only the
//! writer writes that down. What was delivered and not yet written down when the program dies is delivered again, with the same id.
//!
//! Deliberately absent: deciding what is worth an alert, and writing to the store.

mod command;
mod email;
mod sign;
mod webhook;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use uuid::Uuid;

use crate::clock;
use crate::config::{Channel, ChannelKind};
use crate::journal::Alert;
use crate::store::deliveries::Waiting;
use crate::store::open_to_read;

pub use sign::signature;

/// Between two looks into the queue.
const LOOK: Duration = Duration::from_millis(500);
/// Deliveries that are looked at together.
const PAGE: u32 = 64;
/// The longest wait between two attempts, in milliseconds.
const RETRY_MS_MAX: u64 = 15 * 60 * 1000;
/// Attempts after which an alert that is refused for good is given up.
pub const REFUSALS_MAX: u32 = 5;

/// Why an alert did not get through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It may get through later.
    Temporary(String),
    /// It will be refused again.
    Refused(String),
}

impl Failure {
    /// The sentence for people.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Temporary(text) | Self::Refused(text) => text,
        }
    }
}

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The channel's name.
    pub channel: String,
    /// Of the row in the queue.
    pub id: i64,
    /// Of the alert.
    pub alert: String,
    /// Attempts so far, with this one.
    pub attempts: u32,
    /// How it ended.
    pub failure: Option<Failure>,
    /// When it is tried again, in milliseconds of Unix time; none when it went through or is given up.
    pub next_ms: Option<i64>,
}

/// The threads of all channels; they end when this is dropped, at once or after the attempt that they are at.
#[derive(Debug, Default)]
pub struct Courier {
    _running: Option<Sender<()>>,
}

impl Courier {
    /// Starts a thread for each channel. `tell` hands over what came of an attempt; false when nobody listens any more.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start<F>(channels: &[Channel], store: &std::path::Path, tell: F) -> std::io::Result<Self>
    where
        F: Fn(Attempt) -> bool + Clone + Send + 'static,
    {
        let (running, ended) = bounded(0);
        for channel in channels {
            let route =
                Route { channel: channel.clone(), store: store.to_owned(), ended: ended.clone(), tried: BTreeMap::new(), rests_until: 0 };
            let tell = tell.clone();
            std::thread::Builder::new().name("courier".to_owned()).spawn(move || route.work(&tell))?;
        }
        Ok(Self { _running: Some(running) })
    }
}

/// Sends one alert through a channel now, and waits for what comes of it, within the channel's time limit.
///
/// # Errors
/// [`Failure`].
pub fn send(channel: &Channel, alert: &str, line: &[u8]) -> Result<(), Failure> {
    let limit = Duration::from_secs(channel.timeout_seconds);
    match &channel.kind {
        ChannelKind::Webhook { url, secret } => webhook::post(url, secret.as_ref(), alert, line, limit),
        ChannelKind::Slack { url } => webhook::post(url, None, alert, webhook::slack(&parse(line)?).as_bytes(), limit),
        ChannelKind::Email(email) => email::send(email, &parse(line)?, limit),
        ChannelKind::Command(words) => command::run(words, alert, line, limit),
    }
}

fn parse(line: &[u8]) -> Result<Alert, Failure> {
    serde_json::from_slice(line).map_err(|error| Failure::Refused(format!("the queued alert cannot be read: {error}")))
}

/// One channel's way from the queue to its end.
struct Route {
    channel: Channel,
    store: PathBuf,
    ended: Receiver<()>,
    /// What was tried and may not be written down yet: attempts, and whether it still has to be delivered.
    tried: BTreeMap<i64, (u32, bool)>,
    /// After a failure nothing is tried before this, in milliseconds of Unix time.
    rests_until: i64,
}

impl Route {
    fn work(mut self, tell: &impl Fn(Attempt) -> bool) {
        while self.ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            let now = clock::now_ms();
            // A clock that was put back must not keep alerts for longer than the longest rest.
            if self.rests_until > now && self.rests_until - now <= RETRY_MS_MAX.cast_signed() {
                continue;
            }
            // The store may be away for a moment, while it is opened anew: the next look will find it.
            let Ok(waiting) = open_to_read(&self.store).and_then(|store| store.deliveries(&self.channel.name, PAGE)) else { continue };
            self.tried.retain(|id, _| waiting.iter().any(|one| one.id == *id));
            for one in waiting {
                if !self.attempt(&one, tell) {
                    break;
                }
            }
        }
    }

    /// Tries one delivery; false when the others have to wait.
    fn attempt(&mut self, one: &Waiting, tell: &impl Fn(Attempt) -> bool) -> bool {
        if self.ended.try_recv() == Err(crossbeam_channel::TryRecvError::Disconnected) {
            return false;
        }
        let (before, is_due) = self.tried.get(&one.id).copied().unwrap_or((one.attempts, true));
        if !is_due {
            return true;
        }
        let attempts = before.saturating_add(1);
        let failure = send(&self.channel, &one.alert, &one.line).err();
        let is_over = match &failure {
            None => true,
            Some(Failure::Refused(_)) => attempts >= REFUSALS_MAX,
            Some(Failure::Temporary(_)) => false,
        };
        let next_ms = (!is_over).then(|| clock::now_ms() + rest_ms(self.channel.retry_seconds * 1000, attempts).cast_signed());
        self.tried.insert(one.id, (attempts, !is_over));
        self.rests_until = next_ms.unwrap_or(0);
        let (channel, alert) = (self.channel.name.clone(), one.alert.clone());
        tell(Attempt { channel, id: one.id, alert, attempts, failure, next_ms }) && next_ms.is_none()
    }
}

/// How long to rest after so many attempts: doubled each time, between half and all of that, so that many do not come back at once.
fn rest_ms(first_ms: u64, attempts: u32) -> u64 {
    let full = first_ms.saturating_mul(1 << attempts.saturating_sub(1).min(20)).min(RETRY_MS_MAX);
    let random = u64::from_le_bytes(*Uuid::now_v7().as_bytes().last_chunk().expect("sixteen bytes"));
    full / 2 + random % (full / 2 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_up_to_a_quarter_of_an_hour() {
        for (attempts, full) in [(1, 1000), (2, 2000), (3, 4000), (10, 512_000), (11, RETRY_MS_MAX), (u32::MAX, RETRY_MS_MAX)] {
            let rest = rest_ms(1000, attempts);
            assert!((full / 2..=full).contains(&rest), "{attempts}: {rest}");
        }
    }
}
