//! What became of leads, row by row: the table `outcomes`, and the lessons that are due because of it.
//!
//! Every outcome that was ever reported is kept; which of a person's counts is decided by whoever reads them. One about a
//! person who is no lead waits, and is joined by the job that brings the lead. Either way the job has something to teach:
//! its lesson is noted here, in the job's own transaction, and worked out elsewhere.

use rusqlite::params;
use uuid::Uuid;

use super::{Group, Result, Store};
use crate::engine::decimal::Decimal;
use crate::engine::outcomes::{OutcomeRow, Verdict};

/// What a row of a list of outcomes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// The first outcome of this person.
    New,
    /// One more of a person who had some.
    Further,
    /// What a row further up in the file says already: nothing was written.
    Repeated,
}

/// Outcomes in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutcomeTotals {
    /// All of them.
    pub outcomes: u64,
    /// Those of people who are no leads.
    pub waiting: u64,
}

/// Takes the outcomes of one job in, inside a group.
#[allow(missing_debug_implementations)] // prepared statements have nothing to show
pub struct OutcomeWriter<'g> {
    group: &'g Group<'g>,
    find: rusqlite::CachedStatement<'g>,
    insert: rusqlite::CachedStatement<'g>,
    job: i64,
    /// Dates behind this moment are of no outcome that can have been.
    latest_ms: i64,
    has_written: bool,
}

/// Rows of one person in one file that a further one is compared with: more are kept as they come.
const COMPARED: i64 = 64;
/// How far a date may lie ahead of the clock: a day, for dates without a zone.
const AHEAD_MS: i64 = 86_400_000;

const FIND: &str = "SELECT job, verdict, at_ms, revenue, revenue_scale, cost, cost_scale, script, variant, channel FROM outcomes
     WHERE person = ?1 ORDER BY job DESC, row DESC LIMIT ?2";

const INSERT: &str = "INSERT INTO outcomes
     (person, job, row, verdict, at_ms, revenue, revenue_scale, cost, cost_scale, script, variant, channel, waiting)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";

impl<'g> Group<'g> {
    /// Begins to take in outcomes of the job that will be `seq` and began at `started_at_ms`.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn outcome_writer(&'g self, seq: i64, started_at_ms: i64) -> Result<OutcomeWriter<'g>> {
        let prepared = |sql| self.store.connection.prepare_cached(sql).map_err(|error| super::classify(&self.store.path, error));
        let (find, insert) = (prepared(FIND)?, prepared(INSERT)?);
        Ok(OutcomeWriter { group: self, find, insert, job: seq, latest_ms: started_at_ms + AHEAD_MS, has_written: false })
    }

    /// Notes that a job has something to teach.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn note_lesson(&self, seq: i64) -> Result<()> {
        self.store.run(|c| c.prepare_cached("INSERT OR IGNORE INTO lessons (job, turn) VALUES (?1, 0)")?.execute([seq])).map(drop)
    }
}

impl OutcomeWriter<'_> {
    /// Takes one row of a list of outcomes in: what it is, and whether it waits for its lead.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn take(&mut self, outcome: &OutcomeRow, row: u64) -> Result<(Noted, bool)> {
        let noted = self.compare(outcome)?;
        if noted == Noted::Repeated {
            return Ok((noted, false));
        }
        let is_waiting = self.group.store.lead_of(outcome.person)?.is_none();
        self.add(outcome, row, is_waiting)?;
        Ok((noted, is_waiting))
    }

    /// Adds an outcome that came beside its lead.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn add(&mut self, outcome: &OutcomeRow, row: u64, is_waiting: bool) -> Result<()> {
        self.has_written = true;
        let OutcomeRow { person, verdict, at_ms, revenue, cost, script, variant, channel, .. } = outcome;
        let inserted = self.insert.execute(params![
            person.as_bytes(),
            self.job,
            row.cast_signed(),
            verdict.code(),
            at_ms,
            revenue.map(Decimal::units),
            revenue.map(Decimal::scale),
            cost.map(Decimal::units),
            cost.map(Decimal::scale),
            script.as_deref(),
            variant.as_deref(),
            channel.as_deref(),
            is_waiting,
        ]);
        inserted.map(drop).map_err(|error| super::classify(&self.group.store.path, error))
    }

    /// Whether a date lies ahead, so that it is no date of anything that has happened.
    #[must_use]
    pub fn is_ahead(&self, at_ms: i64) -> bool {
        at_ms > self.latest_ms
    }

    /// Ends the job's part: with outcomes it has something to teach.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn finish(self) -> Result<()> {
        if self.has_written { self.group.note_lesson(self.job) } else { Ok(()) }
    }

    /// Holds a row against what is known of its person, the latest first.
    fn compare(&mut self, outcome: &OutcomeRow) -> Result<Noted> {
        let compare = |statement: &mut rusqlite::CachedStatement<'_>, job: i64| -> rusqlite::Result<Noted> {
            let mut rows = statement.query(params![outcome.person.as_bytes(), COMPARED])?;
            let mut noted = Noted::New;
            while let Some(row) = rows.next()? {
                if row.get::<_, i64>(0)? != job {
                    return Ok(Noted::Further);
                }
                noted = Noted::Further;
                if read(row, outcome)?.repeats(outcome) {
                    return Ok(Noted::Repeated);
                }
            }
            Ok(noted)
        };
        compare(&mut self.find, self.job).map_err(|error| super::classify(&self.group.store.path, error))
    }
}

/// A stored outcome of the same person, as a row of [`FIND`].
fn read(row: &rusqlite::Row<'_>, of: &OutcomeRow) -> rusqlite::Result<OutcomeRow> {
    let amount = |at: usize| -> rusqlite::Result<Option<Decimal>> {
        let (units, scale): (Option<i64>, Option<u8>) = (row.get(at)?, row.get(at + 1)?);
        Ok(units.and_then(|units| Decimal::new(units, scale.unwrap_or(0))))
    };
    let text = |at: usize| -> rusqlite::Result<Option<Box<str>>> { Ok(row.get::<_, Option<String>>(at)?.map(String::into_boxed_str)) };
    Ok(OutcomeRow {
        row: of.row,
        line: of.line,
        person: of.person,
        verdict: Verdict::from_code(row.get(1)?).unwrap_or(Verdict::Open),
        at_ms: row.get(2)?,
        revenue: amount(3)?,
        cost: amount(5)?,
        script: text(7)?,
        variant: text(8)?,
        channel: text(9)?,
    })
}

impl Store {
    /// Whether any outcome waits for its lead.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub(super) fn has_waiting_outcomes(&self) -> Result<bool> {
        self.run(|c| c.prepare_cached("SELECT EXISTS (SELECT 1 FROM outcomes WHERE waiting = 1)")?.query_row([], |row| row.get(0)))
    }

    /// Joins a new lead with the outcomes that waited for it; how many there were.
    pub(super) fn join_outcomes(&self, person: Uuid) -> Result<u64> {
        let joined = self
            .run(|c| c.prepare_cached("UPDATE outcomes SET waiting = 0 WHERE person = ?1 AND waiting = 1")?.execute([person.as_bytes()]))?;
        Ok(joined as u64)
    }

    /// How many outcomes there are.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn outcome_totals(&self) -> Result<OutcomeTotals> {
        let count = |sql: &str| self.run(|c| c.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0))).map(i64::unsigned_abs);
        Ok(OutcomeTotals {
            outcomes: count("SELECT count(*) FROM outcomes")?,
            waiting: count("SELECT count(*) FROM outcomes WHERE waiting = 1")?,
        })
    }

    /// How many outcomes the store holds of each job, by its place in the order of commits.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn outcomes_held(&self) -> Result<std::collections::HashMap<i64, u64>> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached("SELECT job, count(*) FROM outcomes GROUP BY job")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
            rows.collect()
        })
    }
}
