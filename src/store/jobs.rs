//! What became of each drop: the job's row, and the small tables around it.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

use super::{Group, Result, Store};
use crate::journal::report::Rows;

/// In the table of rules the name of those that are in force; no version is called so.
const IN_FORCE: &str = "";

/// One job as the committer writes it down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// The job.
    pub job_id: Uuid,
    /// `processed`, `failed` or `duplicate`.
    pub fate: &'static str,
    /// Whether nothing was stored and nothing moves.
    pub dry_run: bool,
    /// The job whose rejected rows, or whose archived file, this one takes up again.
    pub parent: Option<Uuid>,
    /// As in the report.
    pub file: String,
    /// As in the report.
    pub source: String,
    /// Length of the file.
    pub bytes: u64,
    /// Hash of its bytes, where it was read to its end.
    pub sha256: Option<[u8; 32]>,
    /// The file's inode, so that whoever dropped it can follow it.
    pub inode: u64,
    /// Rules version.
    pub rules: String,
    /// Learned version.
    pub learned: u64,
    /// Milliseconds since 1970.
    pub started_at_ms: i64,
    /// Milliseconds since 1970.
    pub finished_at_ms: i64,
    /// As in the report.
    pub rows: Rows,
    /// Whether its leads are kept in the store.
    pub leads_kept: bool,
    /// Rows it rejected, in their order.
    pub rejected_rows: RowList,
    /// Order-independent digest of the rejected rows.
    pub rejects_digest: Option<u64>,
    /// Hash of the rejects file as written.
    pub rejects_sha256: Option<[u8; 32]>,
    /// JSON.
    pub moves: String,
    /// JSON.
    pub facts: String,
    /// The line for `reports.jsonl`.
    pub report: String,
}

/// Row numbers in ascending order, packed as the steps from one to the next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowList {
    steps: Vec<u8>,
    last: u64,
}

impl RowList {
    /// Appends a row, which must come after the last one.
    pub fn push(&mut self, row: u64) {
        let mut step = row.saturating_sub(self.last);
        self.last = row;
        while step >= 0x80 {
            self.steps.push(u8::try_from(step & 0x7f).unwrap_or(0) | 0x80);
            step >>= 7;
        }
        self.steps.push(u8::try_from(step).unwrap_or(0));
    }

    /// The rows.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        let mut bytes = self.steps.iter();
        let mut row = 0;
        std::iter::from_fn(move || {
            let (mut step, mut shift) = (0u64, 0);
            loop {
                let byte = *bytes.next()?;
                step |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 || shift > 56 {
                    break;
                }
            }
            row += step;
            Some(row)
        })
    }
}

/// A committed job whose journals or moves may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The job.
    pub job_id: Uuid,
    /// JSON, as recorded.
    pub moves: String,
    /// JSON, as recorded.
    pub facts: String,
    /// The report line.
    pub report: String,
}

/// An earlier job in a few words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Its place in the order of commits.
    pub seq: i64,
    /// The job.
    pub job_id: Uuid,
    /// The file it was.
    pub file: String,
    /// Where its leads came from.
    pub source: String,
    /// When it began, milliseconds since 1970.
    pub started_at_ms: i64,
    /// Rows it rejected.
    pub rejected: u64,
}

impl Group<'_> {
    /// The number that the next recorded job will have.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn next_seq(&self) -> Result<i64> {
        self.store.run(|c| c.prepare_cached("SELECT coalesce(max(seq), 0) + 1 FROM jobs")?.query_row([], |row| row.get(0)))
    }

    /// Writes a job down.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn record(&self, seq: i64, job: &JobRecord) -> Result<()> {
        let count = |n: u64| n.cast_signed();
        self.store.run(|connection| {
            connection
                .prepare_cached(
                    "INSERT INTO jobs (seq, job_id, state, fate, dry_run, parent, file, source, bytes, sha256, inode, rules, learned, started_at_ms,
                     finished_at_ms, total, accepted_new, accepted_updated, duplicates, rejected, rejects_digest, rejects_sha256, moves, facts, report, leads_kept,
                     rejected_rows)
                     VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)",
                )?
                .execute(params![
                    seq,
                    job.job_id.as_bytes(),
                    job.fate,
                    job.dry_run,
                    job.parent.as_ref().map(Uuid::as_bytes),
                    job.file,
                    job.source,
                    count(job.bytes),
                    job.sha256,
                    count(job.inode),
                    job.rules,
                    count(job.learned),
                    job.started_at_ms,
                    job.finished_at_ms,
                    count(job.rows.total),
                    count(job.rows.accepted_new),
                    count(job.rows.accepted_updated),
                    count(job.rows.duplicates_in_file),
                    count(job.rows.rejected),
                    job.rejects_digest.map(u64::cast_signed),
                    job.rejects_sha256,
                    job.moves,
                    job.facts,
                    job.report,
                    job.leads_kept,
                    (!job.rejected_rows.steps.is_empty()).then_some(&job.rejected_rows.steps),
                ])
        })?;
        self.store.run(|c| c.prepare_cached("DELETE FROM unfinished WHERE job_id = ?1")?.execute([job.job_id.as_bytes()])).map(drop)
    }

    /// Notes that a rejected row came back and was taken. However often it does, it is resolved once; each time is kept.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn resolve(&self, parent_seq: i64, row: u64, child_seq: i64) -> Result<()> {
        self.store.run(|connection| {
            connection.prepare_cached("INSERT OR IGNORE INTO resolutions (parent, row, child) VALUES (?1, ?2, ?3)")?.execute(params![
                parent_seq,
                row.cast_signed(),
                child_seq
            ])
        })?;
        Ok(())
    }

    /// Keeps the settings behind a rules version.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn keep_rules(&self, version: &str, settings: &str) -> Result<()> {
        self.store
            .run(|c| c.prepare_cached("INSERT OR IGNORE INTO rules (version, settings) VALUES (?1, ?2)")?.execute([version, settings]))
            .map(drop)
    }

    /// Keeps the settings that decide about rows from now on.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn set_rules_in_force(&self, settings: &str) -> Result<()> {
        self.store
            .run(|c| c.prepare_cached("INSERT OR REPLACE INTO rules (version, settings) VALUES (?1, ?2)")?.execute([IN_FORCE, settings]))
            .map(drop)
    }

    /// Remembers an untouched file of a dry run.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn remember_dry_run(&self, path: &[u8], identity: &str) -> Result<()> {
        self.store
            .run(|c| c.prepare_cached("INSERT OR REPLACE INTO dry_runs (path, identity) VALUES (?1, ?2)")?.execute(params![path, identity]))
            .map(drop)
    }
}

impl Store {
    /// The job, if any, that took the same bytes from the same source under the same rules, for good.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn same_content(&self, bytes: u64, sha256: &[u8; 32], source: &str, rules: &str) -> Result<Option<Earlier>> {
        self.earlier(
            "bytes = ?1 AND sha256 = ?2 AND source = ?3 AND rules = ?4 AND fate = 'processed' AND dry_run = 0 AND undone = 0 ORDER BY seq LIMIT 1",
            params![bytes.cast_signed(), sha256, source, rules],
        )
    }

    /// Whether an earlier job that was taken had this length, so that hashing before reading may pay.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn has_length(&self, bytes: u64) -> Result<bool> {
        self.run(|c| {
            c.prepare_cached("SELECT EXISTS (SELECT 1 FROM jobs WHERE bytes = ?1 AND fate = 'processed' AND dry_run = 0)")?
                .query_row([bytes.cast_signed()], |row| row.get(0))
        })
    }

    /// One job in a few words.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn job(&self, job_id: Uuid) -> Result<Option<Earlier>> {
        self.earlier("job_id = ?1", params![job_id.as_bytes()])
    }

    fn earlier(&self, condition: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Option<Earlier>> {
        let sql = format!("SELECT seq, job_id, file, source, started_at_ms, rejected FROM jobs WHERE {condition}");
        self.run(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let read = |row: &rusqlite::Row<'_>| {
                Ok(Earlier {
                    seq: row.get(0)?,
                    job_id: Uuid::from_bytes(row.get(1)?),
                    file: row.get(2)?,
                    source: row.get(3)?,
                    started_at_ms: row.get(4)?,
                    rejected: row.get::<_, i64>(5)?.unsigned_abs(),
                })
            };
            statement.query_row(values, read).optional()
        })
    }

    /// What was kept of a job beyond its figures: its facts and its report line, both JSON.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn told_of(&self, job_id: Uuid) -> Result<Option<(String, String)>> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached("SELECT facts, report FROM jobs WHERE job_id = ?1")?;
            statement.query_row([job_id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
    }

    /// Hash of a job's bytes; none for a job we do not know, or one whose file was not read to its end.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn sha256_of(&self, job_id: Uuid) -> Result<Option<[u8; 32]>> {
        let found: Option<Option<[u8; 32]>> = self.run(|c| {
            c.prepare_cached("SELECT sha256 FROM jobs WHERE job_id = ?1")?.query_row([job_id.as_bytes()], |row| row.get(0)).optional()
        })?;
        Ok(found.flatten())
    }

    /// What was renamed where for a job, JSON; none for a job we do not know.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn moves_of(&self, job_id: Uuid) -> Result<Option<String>> {
        self.run(|c| {
            c.prepare_cached("SELECT moves FROM jobs WHERE job_id = ?1")?.query_row([job_id.as_bytes()], |row| row.get(0)).optional()
        })
    }

    /// Whether the job is in the store at all.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn knows(&self, job_id: Uuid) -> Result<bool> {
        Ok(self.job(job_id)?.is_some())
    }

    /// Jobs that have rejected rows: those whose rows may come back.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn jobs_with_rejects(&self) -> Result<HashSet<Uuid>> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached("SELECT job_id FROM jobs WHERE rejected > 0 AND dry_run = 0")?;
            let rows = statement.query_map([], |row| Ok(Uuid::from_bytes(row.get(0)?)))?;
            rows.collect()
        })
    }

    /// Digests of the rejected rows that a job and its returns have given back.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn rejects_given(&self, job_id: Uuid) -> Result<Vec<u64>> {
        self.run(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT rejects_digest FROM jobs WHERE (job_id = ?1 OR parent = ?1) AND rejects_sha256 IS NOT NULL")?;
            let rows = statement.query_map([job_id.as_bytes()], |row| Ok(row.get::<_, Option<i64>>(0)?.unwrap_or(0).cast_unsigned()))?;
            rows.collect()
        })
    }

    /// The rejects files that a job and its returns have given back: their moves (JSON) and the hash of each as written.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn rejects_files(&self, job_id: Uuid) -> Result<Vec<(String, [u8; 32])>> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT moves, rejects_sha256 FROM jobs WHERE (job_id = ?1 OR parent = ?1) AND rejects_sha256 IS NOT NULL",
            )?;
            let rows = statement.query_map([job_id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
    }

    /// How many of a job's rejected rows have been taken since.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn resolved(&self, seq: i64) -> Result<u64> {
        self.run(|c| {
            c.prepare_cached("SELECT count(DISTINCT row) FROM resolutions WHERE parent = ?1")?.query_row([seq], |row| row.get::<_, i64>(0))
        })
        .map(i64::unsigned_abs)
    }

    /// The rows that a job rejected, with its place in the order of commits; `None` for a job we do not know.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn rejected_rows(&self, job_id: Uuid) -> Result<Option<(i64, RowList)>> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached("SELECT seq, rejected_rows FROM jobs WHERE job_id = ?1")?;
            let rows = |row: &rusqlite::Row<'_>| {
                Ok((row.get(0)?, RowList { steps: row.get::<_, Option<Vec<u8>>>(1)?.unwrap_or_default(), last: 0 }))
            };
            statement.query_row([job_id.as_bytes()], rows).optional()
        })
    }

    /// The place of the last job in the order of commits; 0 before the first.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn last_seq(&self) -> Result<i64> {
        self.run(|c| c.prepare_cached("SELECT coalesce(max(seq), 0) FROM jobs")?.query_row([], |row| row.get(0)))
    }

    /// The report line of the last job.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn last_report(&self) -> Result<Option<String>> {
        self.run(|c| c.prepare_cached("SELECT report FROM jobs ORDER BY seq DESC LIMIT 1")?.query_row([], |row| row.get(0)).optional())
    }

    /// Committed jobs that are not done, in order.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn unfinished(&self) -> Result<Vec<Unfinished>> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached("SELECT job_id, moves, facts, report FROM jobs WHERE state = 1 ORDER BY seq")?;
            let rows = statement.query_map([], |row| {
                Ok(Unfinished { job_id: Uuid::from_bytes(row.get(0)?), moves: row.get(1)?, facts: row.get(2)?, report: row.get(3)? })
            })?;
            rows.collect()
        })
    }

    /// The job is done: journals written, everything moved.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn mark_done(&self, job_id: Uuid) -> Result<()> {
        self.run(|c| c.prepare_cached("UPDATE jobs SET state = 2 WHERE job_id = ?1")?.execute([job_id.as_bytes()])).map(drop)
    }

    /// Records other names than those decided before the commit, because someone took them.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn rename(&self, job_id: Uuid, moves: &str) -> Result<()> {
        self.run(|c| c.prepare_cached("UPDATE jobs SET moves = ?2 WHERE job_id = ?1")?.execute(params![job_id.as_bytes(), moves])).map(drop)
    }

    /// Counts one more start that found this job unfinished; how many there were.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn found_unfinished(&self, job_id: Uuid) -> Result<u32> {
        self.run(|c| {
            c.prepare_cached(
                "INSERT INTO unfinished (job_id, times) VALUES (?1, 1) ON CONFLICT (job_id) DO UPDATE SET times = times + 1 RETURNING times",
            )?
            .query_row([job_id.as_bytes()], |row| row.get(0))
        })
    }

    /// The settings that decided about rows at the last start; none in a new store.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn rules_in_force(&self) -> Result<Option<String>> {
        self.rules_settings(IN_FORCE)
    }

    /// Whether a dry run has told this very file already.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn dry_run_known(&self, path: &[u8], identity: &str) -> Result<bool> {
        self.run(|c| {
            c.prepare_cached("SELECT EXISTS (SELECT 1 FROM dry_runs WHERE path = ?1 AND identity = ?2)")?
                .query_row(params![path, identity], |row| row.get(0))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_survive_packing() {
        let rows = [1, 2, 130, 131, 70_000, 5_000_000_000];
        let mut list = RowList::default();
        for row in rows {
            list.push(row);
        }
        assert_eq!(list.iter().collect::<Vec<_>>(), rows);
        assert!(list.steps.len() < 16, "small steps take one byte");
    }
}
