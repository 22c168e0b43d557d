//! Conditions: what began to be wrong, since when, and whether somebody knows. One row for each, by its code and subject.
//!
//! Only remembers. When a condition opens, is told again or ends is decided in `ingest`.

use rusqlite::{OptionalExtension, params};

use super::{Group, Result, Store};
use crate::journal::{AlertCode, Severity};

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What is wrong.
    pub code: AlertCode,
    /// With what: a folder, a source, a file, a channel; empty for the installation.
    pub subject: String,
    /// Id of the alert that opened it.
    pub alert: String,
    /// How bad it has been at worst.
    pub severity: Severity,
    /// What was found last.
    pub detail: String,
    /// When it began.
    pub opened_ms: i64,
    /// When it was last seen, as far as was written down.
    pub last_ms: i64,
    /// Looks that found it, as far as was written down.
    pub times: u64,
    /// When a line about it was last written.
    pub told_ms: i64,
    /// When it ended.
    pub resolved_ms: Option<i64>,
    /// When somebody acknowledged it.
    pub acked_ms: Option<i64>,
}

impl Store {
    /// The conditions that are open, or ended so late that a new beginning would be the same matter.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn conditions(&self, ended_since_ms: i64) -> Result<Vec<Condition>> {
        if !self.has_table("conditions")? {
            return Ok(Vec::new()); // a store that a newer program reads before it has brought it forward
        }
        self.run(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT code, subject, alert, severity, detail, opened_ms, last_ms, times, told_ms, resolved_ms, acked_ms
                 FROM conditions WHERE resolved_ms IS NULL OR resolved_ms >= ?1 ORDER BY opened_ms, code, subject",
            )?;
            let rows = statement.query_map([ended_since_ms], |row| {
                let (code, severity): (String, String) = (row.get(0)?, row.get(3)?);
                // A code that a later version knew cannot be shown; its alert stands in the journal.
                let (Ok(code), Ok(severity)) = (serde_json::from_value(code.into()), serde_json::from_value(severity.into())) else {
                    return Ok(None);
                };
                Ok(Some(Condition {
                    code,
                    subject: row.get(1)?,
                    alert: row.get(2)?,
                    severity,
                    detail: row.get(4)?,
                    opened_ms: row.get(5)?,
                    last_ms: row.get(6)?,
                    times: row.get::<_, i64>(7)?.cast_unsigned(),
                    told_ms: row.get(8)?,
                    resolved_ms: row.get(9)?,
                    acked_ms: row.get(10)?,
                }))
            })?;
            rows.filter_map(rusqlite::Result::transpose).collect()
        })
    }

    /// When an alert was acknowledged, by its id.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn acknowledged(&self, alert: &str) -> Result<Option<i64>> {
        if !self.has_table("acknowledged")? {
            return Ok(None);
        }
        self.run(|connection| {
            connection.prepare_cached("SELECT at_ms FROM acknowledged WHERE alert = ?1")?.query_row([alert], |row| row.get(0)).optional()
        })
    }

    pub(super) fn has_table(&self, name: &str) -> Result<bool> {
        self.run(|connection| {
            connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)")?
                .query_row([name], |row| row.get(0))
        })
    }
}

impl Group<'_> {
    /// Writes a condition down as it is now.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn put_condition(&self, condition: &Condition) -> Result<()> {
        let severity = serde_json::to_value(condition.severity).expect("a word");
        self.store.run(|connection| {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO conditions
                     (code, subject, alert, severity, detail, opened_ms, last_ms, times, told_ms, resolved_ms, acked_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                )?
                .execute(params![
                    condition.code.as_str(),
                    condition.subject,
                    condition.alert,
                    severity.as_str(),
                    condition.detail,
                    condition.opened_ms,
                    condition.last_ms,
                    condition.times.cast_signed(),
                    condition.told_ms,
                    condition.resolved_ms,
                    condition.acked_ms
                ])
        })?;
        Ok(())
    }

    /// Forgets conditions that ended before this moment: the journal has them.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn forget_conditions(&self, ended_before_ms: i64) -> Result<()> {
        self.store
            .run(|connection| connection.prepare_cached("DELETE FROM conditions WHERE resolved_ms < ?1")?.execute([ended_before_ms]))?;
        Ok(())
    }

    /// Writes down that somebody has seen an alert; whether that is new.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn acknowledge(&self, alert: &str, at_ms: i64) -> Result<bool> {
        let rows = self.store.run(|connection| {
            connection.prepare_cached("INSERT OR IGNORE INTO acknowledged (alert, at_ms) VALUES (?1, ?2)")?.execute(params![alert, at_ms])
        })?;
        Ok(rows == 1)
    }
}
