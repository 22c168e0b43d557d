//! Which files of the archive are old, as far as the store knows: walked a few jobs at a time.

use rusqlite::params;
use uuid::Uuid;

use super::{Result, Store};

/// A job that ended long ago, and what it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldJob {
    /// Its place in the order of commits.
    pub seq: i64,
    /// The job.
    pub job_id: Uuid,
    /// When it ended, milliseconds since 1970.
    pub finished_at_ms: i64,
    /// JSON, as recorded.
    pub moves: String,
    /// Hash of its original.
    pub sha256: Option<[u8; 32]>,
    /// Hash of its rejects file as it was written.
    pub rejects_sha256: Option<[u8; 32]>,
}

impl Store {
    /// Some jobs that are all done, ended before a moment and come after `after`, in the order of commits.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn old_jobs(&self, after: i64, before_ms: i64, limit: u32) -> Result<Vec<OldJob>> {
        let sql = "SELECT seq, job_id, finished_at_ms, moves, sha256, rejects_sha256 FROM jobs
            WHERE seq > ?1 AND state = 2 AND finished_at_ms < ?2 ORDER BY seq LIMIT ?3";
        self.run(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(params![after, before_ms, limit], |row| {
                Ok(OldJob {
                    seq: row.get(0)?,
                    job_id: Uuid::from_bytes(row.get(1)?),
                    finished_at_ms: row.get(2)?,
                    moves: row.get(3)?,
                    sha256: row.get(4)?,
                    rejects_sha256: row.get(5)?,
                })
            })?;
            rows.collect()
        })
    }
}
