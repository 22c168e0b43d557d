//! Alerts on their way to channels, and how each channel did lately.

use rusqlite::{OptionalExtension, params};

use super::{Group, Result, Store};
use crate::journal::Severity;

/// An alert that waits for a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Of the row.
    pub id: i64,
    /// Id of the alert.
    pub alert: String,
    /// The alert as JSON.
    pub line: Vec<u8>,
    /// How often it was tried.
    pub attempts: u32,
}

/// How a channel did lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelState {
    /// Alerts that wait.
    pub waiting: u64,
    /// Since when the oldest of them does, in milliseconds of Unix time.
    pub oldest_ms: Option<i64>,
    /// Failures in a row.
    pub failures: u64,
    /// The last error ever.
    pub error: Option<String>,
    /// When that was.
    pub error_ms: Option<i64>,
    /// When one last went through.
    pub success_ms: Option<i64>,
    /// Dropped from the full queue and not told yet.
    pub dropped: u64,
    /// Refused for good, ever.
    pub given_up: u64,
}

impl Store {
    /// The alerts that have waited longest for a channel.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn deliveries(&self, channel: &str, limit: u32) -> Result<Vec<Waiting>> {
        self.run(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT id, alert, line, attempts FROM deliveries WHERE channel = ?1 ORDER BY id LIMIT ?2")?;
            let waiting =
                |row: &rusqlite::Row<'_>| Ok(Waiting { id: row.get(0)?, alert: row.get(1)?, line: row.get(2)?, attempts: row.get(3)? });
            statement.query_map(params![channel, limit], waiting)?.collect()
        })
    }

    /// How a channel did lately.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn channel_state(&self, channel: &str) -> Result<ChannelState> {
        if !self.has_table("channels")? {
            return Ok(ChannelState::default()); // a store that is just being made, or that was not brought forward yet
        }
        self.run(|connection| {
            let mut known = connection
                .prepare_cached("SELECT failures, error, error_ms, success_ms, dropped, given_up FROM channels WHERE name = ?1")?;
            let read = |row: &rusqlite::Row<'_>| {
                Ok(ChannelState {
                    failures: row.get::<_, i64>(0)?.unsigned_abs(),
                    error: row.get(1)?,
                    error_ms: row.get(2)?,
                    success_ms: row.get(3)?,
                    dropped: row.get::<_, i64>(4)?.unsigned_abs(),
                    given_up: row.get::<_, i64>(5)?.unsigned_abs(),
                    ..ChannelState::default()
                })
            };
            let state = known.query_row([channel], read).optional()?.unwrap_or_default();
            let mut queue = connection.prepare_cached("SELECT count(*), min(at_ms) FROM deliveries WHERE channel = ?1")?;
            queue.query_row([channel], |row| {
                Ok(ChannelState { waiting: row.get::<_, i64>(0)?.unsigned_abs(), oldest_ms: row.get(1)?, ..state })
            })
        })
    }
}

impl Group<'_> {
    /// Has an alert wait for a channel. Where `max` wait already, the oldest of the least severe gives way.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn enqueue(&self, channel: &str, alert: &str, severity: Severity, line: &[u8], now_ms: i64, max: u32) -> Result<()> {
        self.store.run(|c| {
            c.prepare_cached(
                "INSERT OR IGNORE INTO deliveries (channel, alert, severity, line, at_ms, next_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
            )?
            .execute(params![channel, alert, severity as u8, line, now_ms])?;
            let waiting: u32 =
                c.prepare_cached("SELECT count(*) FROM deliveries WHERE channel = ?1")?.query_row([channel], |row| row.get(0))?;
            if waiting > max {
                c.prepare_cached(
                    "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE channel = ?1 ORDER BY severity, id LIMIT ?2)",
                )?
                .execute(params![channel, waiting - max])?;
                c.prepare_cached(
                    "INSERT INTO channels (name, dropped) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET dropped = dropped + ?2",
                )?
                .execute(params![channel, waiting - max])?;
            }
            Ok(())
        })
    }

    /// A delivery went through: it waits no longer.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn delivered(&self, channel: &str, id: i64, now_ms: i64) -> Result<()> {
        self.store.run(|c| {
            c.prepare_cached("DELETE FROM deliveries WHERE id = ?1 AND channel = ?2")?.execute(params![id, channel])?;
            c.prepare_cached(
                "INSERT INTO channels (name, success_ms) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET failures = 0, success_ms = ?2",
            )?
            .execute(params![channel, now_ms])
        })?;
        Ok(())
    }

    /// A delivery did not go through; it is tried again at `next_ms`, or never again when there is none.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn not_delivered(&self, channel: &str, id: i64, attempts: u32, error: &str, now_ms: i64, next_ms: Option<i64>) -> Result<()> {
        self.store.run(|c| {
            match next_ms {
                Some(next_ms) => c
                    .prepare_cached("UPDATE deliveries SET attempts = ?2, next_ms = ?3, last_error = ?4 WHERE id = ?1")?
                    .execute(params![id, attempts, next_ms, error])?,
                None => c.prepare_cached("DELETE FROM deliveries WHERE id = ?1 AND channel = ?2")?.execute(params![id, channel])?,
            };
            c.prepare_cached(
                "INSERT INTO channels (name, failures, error, error_ms, given_up) VALUES (?1, 1, ?2, ?3, ?4)
                 ON CONFLICT (name) DO UPDATE SET failures = failures + 1, error = ?2, error_ms = ?3, given_up = given_up + ?4",
            )?
            .execute(params![channel, error, now_ms, u8::from(next_ms.is_none())])
        })?;
        Ok(())
    }

    /// What was dropped from a full queue has been told.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn told_dropped(&self, channel: &str) -> Result<()> {
        self.store.run(|c| c.prepare_cached("UPDATE channels SET dropped = 0 WHERE name = ?1")?.execute([channel])).map(drop)
    }
}
