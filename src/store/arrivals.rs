//! When files of each source came, and since when a schedule is known. A few steps of an index for each source, however many
//! jobs there are.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Group, Result, Store};

/// When files of a source came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrivals {
    /// The source, as its folder is written.
    pub source: String,
    /// Starts of its latest deliveries, the latest first, milliseconds since 1970.
    pub came_ms: Vec<i64>,
}

impl Store {
    /// The latest deliveries of each source: jobs that are no dry run and no corrected rejects. Those within `apart_ms` before
    /// a delivery belong to it.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn arrivals(&self, deliveries: usize, apart_ms: i64) -> Result<Vec<Arrivals>> {
        self.run(|connection| {
            let mut found = Vec::new();
            let mut source = String::new();
            while let Some(next) = next_source(connection, &source)? {
                let mut came_ms = Vec::new();
                let mut before = i64::MAX;
                while came_ms.len() < deliveries {
                    let Some(at) = latest(connection, &next, before)? else { break };
                    came_ms.push(at);
                    before = at - apart_ms;
                }
                found.push(Arrivals { source: next.clone(), came_ms });
                source = next;
            }
            Ok(found)
        })
    }

    /// The last job in the order of commits, 0 before the first: as long as it is the same, no file came.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn last_job(&self) -> Result<i64> {
        self.run(|connection| connection.prepare_cached("SELECT coalesce(max(seq), 0) FROM jobs")?.query_row([], |row| row.get(0)))
    }
}

impl Group<'_> {
    /// Since when this schedule of a source is known: a changed one is new.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn schedule_since(&self, source: &str, schedule: &str, now_ms: i64) -> Result<i64> {
        self.store.run(|connection| {
            connection
                .prepare_cached(
                    "INSERT INTO schedules (source, schedule, since_ms) VALUES (?1, ?2, ?3)
                     ON CONFLICT (source) DO UPDATE SET schedule = excluded.schedule, since_ms = excluded.since_ms
                     WHERE schedule <> excluded.schedule",
                )?
                .execute(params![source, schedule, now_ms])?;
            connection.prepare_cached("SELECT since_ms FROM schedules WHERE source = ?1")?.query_row([source], |row| row.get(0))
        })
    }

    /// Forgets the schedules of sources that no longer have one.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn keep_schedules(&self, sources: &[String]) -> Result<()> {
        let kept = serde_json::to_string(sources).expect("texts");
        self.store.run(|connection| {
            connection.prepare_cached("DELETE FROM schedules WHERE source NOT IN (SELECT value FROM json_each(?1))")?.execute([kept])
        })?;
        Ok(())
    }
}

fn next_source(connection: &Connection, after: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT source FROM jobs WHERE dry_run = 0 AND parent IS NULL AND source > ?1 ORDER BY source LIMIT 1";
    connection.prepare_cached(sql)?.query_row([after], |row| row.get(0)).optional()
}

fn latest(connection: &Connection, source: &str, before: i64) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT max(started_at_ms) FROM jobs WHERE dry_run = 0 AND parent IS NULL AND source = ?1 AND started_at_ms < ?2";
    connection.prepare_cached(sql)?.query_row(params![source, before], |row| row.get(0))
}
