//! What each file of a source was like, so that one that is unlike the others is noticed: a bounded number per source.
//!
//! Only keeps and gives back. What the figures are, and when one is unlike the others, is decided by `risk::data_quality`.

use rusqlite::params;

use super::{Group, Result, Store};

/// Files kept per source. More than are looked at, so that taking some out again leaves enough.
const KEPT: u32 = 50;

impl Group<'_> {
    /// Keeps a file's figures, and lets go of the source's oldest beyond fifty.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn keep_figures(&self, job: i64, source: &str, at_ms: i64, figures: &str) -> Result<()> {
        self.store.run(|connection| {
            connection
                .prepare_cached("INSERT OR REPLACE INTO file_figures (job, source, at_ms, figures) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![job, source, at_ms, figures])?;
            connection
                .prepare_cached(
                    "DELETE FROM file_figures WHERE source = ?1
                     AND job < (SELECT min(job) FROM (SELECT job FROM file_figures WHERE source = ?1 ORDER BY job DESC LIMIT ?2))",
                )?
                .execute(params![source, KEPT])
        })?;
        Ok(())
    }
}

impl Store {
    /// The figures of a source's latest files, the latest first.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn figures_of(&self, source: &str, latest: usize) -> Result<Vec<String>> {
        let latest = u32::try_from(latest).unwrap_or(u32::MAX);
        self.run(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT figures FROM file_figures WHERE source = ?1 ORDER BY job DESC LIMIT ?2")?;
            let rows = statement.query_map(params![source, latest], |row| row.get(0))?;
            rows.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::scratch;

    #[test]
    fn the_latest_fifty_of_each_source_are_kept() {
        let (_dir, store) = scratch();
        let group = store.begin().expect("begin");
        for job in 1..=60_i64 {
            group.keep_figures(job, if job == 2 { "redfin" } else { "zillow" }, 0, &job.to_string()).expect("keep");
        }
        group.commit().expect("commit");
        assert_eq!(store.figures_of("zillow", 2).expect("read"), ["60", "59"]);
        assert_eq!(store.figures_of("zillow", 100).expect("read").len(), 50);
        assert_eq!(store.figures_of("redfin", 100).expect("read"), ["2"], "a quiet source keeps what it has");
    }
}
