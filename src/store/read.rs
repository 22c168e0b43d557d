//! Questions to the store: past jobs, leads, totals. Read only, beside a running writer.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

use super::leads::{Names, RowValues};
use super::outcomes::OutcomeTotals;
use super::{Result, Store};
use crate::engine::email;
use crate::engine::lead::{Lead, lead_id_of};
use crate::engine::stages::ab_test::Arm;

/// One lead as stored, with everything needed to stage it again.
#[derive(Debug, Clone)]
pub struct StoredLead {
    values: RowValues,
    names: Arc<Names>,
    default_source: String,
    /// Row of the last accepted row within its file.
    pub row: u64,
    /// Job of the last accepted row.
    pub job_id: Uuid,
    /// When that job began, milliseconds since 1970.
    pub ingested_at_ms: i64,
    /// Rules it was staged under.
    pub rules: String,
    /// Snapshot it was staged with.
    pub learned: u64,
    /// Hundredths of a point.
    pub score: u16,
    /// 0 for A to 3 for D.
    pub tier: u8,
    /// The arms it keeps.
    pub arms: Vec<Arm>,
    /// Accepted rows of this person.
    pub accepted: u64,
}

impl StoredLead {
    /// The lead, for the stages and for showing.
    #[must_use]
    pub fn lead(&self) -> Lead<'_> {
        self.values.as_lead(&self.names, &self.default_source, self.row)
    }

    /// The source of the job of its last accepted row, whose rules it was staged under.
    #[must_use]
    pub fn job_source(&self) -> &str {
        &self.default_source
    }
}

/// Which leads are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeadQuery {
    /// 0 for A to 3 for D.
    pub tier: Option<u8>,
    /// Leads of jobs that began at or after, milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Leads of this source.
    pub source: Option<String>,
    /// Leads whose last accepted row came from this job.
    pub job_id: Option<Uuid>,
    /// At most so many; all when absent.
    pub limit: Option<u64>,
    /// Best score first instead of the order of arrival.
    pub best_first: bool,
}

/// One past job in the list of reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastJob {
    /// Its place in the order of commits.
    pub seq: i64,
    /// The job.
    pub job_id: Uuid,
    /// The job it takes up again.
    pub parent: Option<Uuid>,
    /// Whether journals and moves are complete.
    pub done: bool,
    /// Hash of its bytes.
    pub sha256: Option<[u8; 32]>,
    /// Whether its leads are kept in the store.
    pub leads_kept: bool,
    /// When it was taken out, milliseconds since 1970; none for one that counts.
    pub undone_at_ms: Option<i64>,
    /// JSON, as recorded.
    pub moves: String,
    /// The report line.
    pub report: String,
}

/// Sums over every job that counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Jobs of each fate, dry runs apart.
    pub processed: u64,
    /// See `processed`.
    pub failed: u64,
    /// See `processed`.
    pub duplicate: u64,
    /// Dry runs.
    pub dry_runs: u64,
    /// Jobs that were taken out: they are in none of the other figures.
    pub undone: u64,
    /// Rows, as in the reports of that time: where an earlier job was taken out, some known people are new ones since.
    pub rows: u64,
    /// Rows of new people.
    pub accepted_new: u64,
    /// Rows of known people.
    pub accepted_updated: u64,
    /// Rows of people who came earlier in their file.
    pub duplicates: u64,
    /// Rows rejected.
    pub rejected: u64,
    /// Leads in the store.
    pub leads: u64,
    /// Outcomes in the store.
    pub outcomes: u64,
    /// Of those, outcomes of people who are no leads.
    pub outcomes_waiting: u64,
}

/// The schema that first knew of leads staged again.
const STAGINGS_SINCE: u32 = 4;

const LEAD_COLUMNS: &str = "l.email, l.name, l.value, l.scale, l.currency, l.location, l.phone, l.phone_e164, l.source, l.layout, l.extra,
    l.row, l.score, l.tier, l.arms, l.accepted, j.job_id, j.started_at_ms, coalesce(g.rules, j.rules), coalesce(g.learned, j.learned), j.source";

impl Store {
    /// Calls `each` with every lead asked for, one at a time: memory does not depend on how many there are.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError), or what `each` returned.
    pub fn leads<E: From<super::StoreError>>(
        &self,
        query: &LeadQuery,
        mut each: impl FnMut(StoredLead) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut conditions = vec!["1".to_owned()];
        let mut values: Vec<Value> = Vec::new();
        let mut ask = |condition: &str, value: Value| {
            values.push(value);
            conditions.push(format!("{condition} ?{}", values.len()));
        };
        if let Some(tier) = query.tier {
            ask("l.tier =", i64::from(tier).into());
        }
        if let Some(since) = query.since_ms {
            ask("j.started_at_ms >=", since.into());
        }
        if let Some(source) = &query.source {
            ask("coalesce(l.source, j.source) =", source.clone().into());
        }
        if let Some(job) = query.job_id {
            ask("j.job_id =", job.as_bytes().to_vec().into());
        }
        let order = if query.best_first { "l.tier, l.score DESC, l.id" } else { "l.id" };
        let limit = query.limit.map_or(-1, u64::cast_signed);
        let sql = format!(
            "SELECT {LEAD_COLUMNS} FROM {} WHERE {} ORDER BY {order} LIMIT {limit}",
            self.leads_with_versions()?,
            conditions.join(" AND ")
        );
        let mut layouts = HashMap::new();
        let broken = |error| E::from(super::classify(&self.path, error));
        let mut statement = self.connection.prepare(&sql).map_err(broken)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values)).map_err(broken)?;
        while let Some(row) = rows.next().map_err(broken)? {
            let lead = self.read_lead(row, &mut layouts)?;
            each(lead)?;
        }
        Ok(())
    }

    /// The lead of an address or a `lead_id`.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn lead(&self, who: &str) -> Result<Option<StoredLead>> {
        let who = who.trim();
        let lead_id = Uuid::parse_str(who).unwrap_or_else(|_| lead_id_of(&email::identity(&who.to_lowercase())));
        self.lead_of(lead_id)?.map(|id| self.lead_by_row(id)).transpose()
    }

    /// Leads with their jobs, and with the versions of those that were staged again; in a store that a newer program reads before
    /// it has brought it forward nobody was.
    fn leads_with_versions(&self) -> Result<&'static str> {
        let schema: u32 = self.run(|connection| connection.query_row("PRAGMA user_version", [], |row| row.get(0)))?;
        Ok(if schema < STAGINGS_SINCE {
            "leads l JOIN jobs j ON j.seq = l.job LEFT JOIN (SELECT NULL AS rules, NULL AS learned) g"
        } else {
            "leads l JOIN jobs j ON j.seq = l.job LEFT JOIN stagings g ON g.id = l.staged"
        })
    }

    fn lead_by_row(&self, id: i64) -> Result<StoredLead> {
        let sql = format!("SELECT {LEAD_COLUMNS} FROM {} WHERE l.id = ?1", self.leads_with_versions()?);
        let broken = |error| super::classify(&self.path, error);
        let mut statement = self.connection.prepare_cached(&sql).map_err(broken)?;
        let mut rows = statement.query([id]).map_err(broken)?;
        match rows.next().map_err(broken)? {
            Some(row) => self.read_lead(row, &mut HashMap::new()),
            None => Err(broken(rusqlite::Error::QueryReturnedNoRows)),
        }
    }

    fn read_lead(&self, row: &rusqlite::Row<'_>, layouts: &mut HashMap<i64, Arc<Names>>) -> Result<StoredLead> {
        let read = || -> rusqlite::Result<(RowValues, Option<Vec<u8>>, StoredLead)> {
            let values = RowValues::read(row, 0)?;
            let stored = StoredLead {
                values: RowValues::default(),
                names: Arc::default(),
                row: row.get::<_, i64>(11)?.unsigned_abs(),
                score: row.get(12)?,
                tier: row.get(13)?,
                arms: Vec::new(),
                accepted: row.get::<_, i64>(15)?.unsigned_abs(),
                job_id: Uuid::from_bytes(row.get(16)?),
                ingested_at_ms: row.get(17)?,
                rules: row.get(18)?,
                learned: row.get::<_, i64>(19)?.unsigned_abs(),
                default_source: row.get(20)?,
            };
            Ok((values, row.get(14)?, stored))
        };
        let (values, arms, stored) = read().map_err(|error| super::classify(&self.path, error))?;
        let names = if let Some(names) = layouts.get(&values.layout) {
            Arc::clone(names)
        } else {
            let names = Arc::new(self.layout_names(values.layout)?);
            layouts.insert(values.layout, Arc::clone(&names));
            names
        };
        let arms = self.unpack_arms(arms.as_deref().unwrap_or_default())?;
        Ok(StoredLead { values, names, arms, ..stored })
    }

    /// Past jobs, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn jobs(&self, limit: Option<u64>) -> Result<Vec<PastJob>> {
        self.past_jobs("1 ORDER BY seq DESC LIMIT ?1", params![limit.map_or(-1, u64::cast_signed)])
    }

    /// Calls `each` with every job in the order of commits, a bounded number in memory at a time.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError), or what `each` returned.
    pub fn each_job<E: From<super::StoreError>>(
        &self,
        each: impl FnMut(PastJob) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        self.each_job_after(0, each)
    }

    /// [`each_job`](Self::each_job), from behind a place in the order of commits.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError), or what `each` returned.
    pub fn each_job_after<E: From<super::StoreError>>(
        &self,
        mut after: i64,
        mut each: impl FnMut(PastJob) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        loop {
            let page = self.past_jobs("seq > ?1 ORDER BY seq LIMIT 1000", params![after])?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.seq;
            page.into_iter().try_for_each(&mut each)?;
        }
    }

    /// The job of this id (or the start of one), else the newest job of a file of this name.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn find_job(&self, job_or_file: &str) -> Result<Option<PastJob>> {
        if let Ok(id) = Uuid::parse_str(job_or_file) {
            return Ok(self.past_jobs("job_id = ?1", params![id.as_bytes()])?.pop());
        }
        let by_file = self.past_jobs("file = ?1 ORDER BY seq DESC LIMIT 1", params![job_or_file])?.pop();
        if by_file.is_some() || job_or_file.len() < 8 || !job_or_file.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
            return Ok(by_file);
        }
        let start = job_or_file.replace('-', "").to_uppercase();
        let mut found = self.past_jobs("hex(job_id) LIKE ?1 || '%' LIMIT 2", params![start])?;
        Ok(if found.len() == 1 { found.pop() } else { None })
    }

    /// Jobs that took up this one again: fixed rejects, replays.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn children(&self, job_id: Uuid) -> Result<Vec<PastJob>> {
        self.past_jobs("parent = ?1 ORDER BY seq", params![job_id.as_bytes()])
    }

    /// The job that took in the file of this inode, of those recorded after `seq`.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn job_of_inode(&self, inode: u64, seq: i64) -> Result<Option<PastJob>> {
        let found = self.past_jobs("inode = ?1 AND seq > ?2 ORDER BY seq LIMIT 1", params![inode.cast_signed(), seq])?;
        Ok(found.into_iter().next())
    }

    /// Calls `each` with every job that can be read, one by one; how many cannot. For a damaged store.
    ///
    /// # Errors
    /// What `each` returned.
    pub fn each_readable_job<E>(&self, mut each: impl FnMut(PastJob) -> std::result::Result<(), E>) -> std::result::Result<u64, E> {
        let (mut after, mut unreadable) = (0, 0);
        let last = self.last_seq().unwrap_or(0); // not even that: then there is nothing to go by
        while after < last {
            after += 1;
            match self.past_jobs("seq = ?1", params![after]) {
                Ok(jobs) => jobs.into_iter().try_for_each(&mut each)?,
                Err(_) => unreadable += 1,
            }
        }
        Ok(unreadable)
    }

    fn past_jobs(&self, condition: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<PastJob>> {
        let sql = format!("SELECT seq, job_id, parent, state, sha256, moves, report, leads_kept, undone FROM jobs WHERE {condition}");
        self.run(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(values, |row| {
                Ok(PastJob {
                    seq: row.get(0)?,
                    job_id: Uuid::from_bytes(row.get(1)?),
                    parent: row.get::<_, Option<[u8; 16]>>(2)?.map(Uuid::from_bytes),
                    done: row.get::<_, i64>(3)? == 2,
                    sha256: row.get(4)?,
                    moves: row.get(5)?,
                    report: row.get(6)?,
                    leads_kept: row.get(7)?,
                    undone_at_ms: Some(row.get(8)?).filter(|at| *at != 0),
                })
            })?;
            rows.collect()
        })
    }

    /// The settings behind a rules version.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn rules_settings(&self, version: &str) -> Result<Option<String>> {
        self.run(|c| c.prepare_cached("SELECT settings FROM rules WHERE version = ?1")?.query_row([version], |row| row.get(0)).optional())
    }

    /// Sums over all jobs.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn totals(&self) -> Result<Totals> {
        let OutcomeTotals { outcomes, waiting: outcomes_waiting } = self.outcome_totals()?;
        self.run(|connection| {
            let leads: i64 = connection.query_row("SELECT count(*) FROM lead_keys", [], |row| row.get(0))?;
            let sql = "SELECT count(*) FILTER (WHERE counts AND fate = 'processed'), count(*) FILTER (WHERE counts AND fate = 'failed'),
                count(*) FILTER (WHERE counts AND fate = 'duplicate'), count(*) FILTER (WHERE dry_run),
                coalesce(sum(total) FILTER (WHERE counts), 0), coalesce(sum(accepted_new) FILTER (WHERE counts), 0),
                coalesce(sum(accepted_updated) FILTER (WHERE counts), 0), coalesce(sum(duplicates) FILTER (WHERE counts), 0),
                coalesce(sum(rejected) FILTER (WHERE counts), 0), count(*) FILTER (WHERE undone <> 0)
                FROM (SELECT *, NOT dry_run AND undone = 0 counts FROM jobs)";
            connection.query_row(sql, [], |row| {
                let count = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
                Ok(Totals {
                    processed: count(0)?,
                    failed: count(1)?,
                    duplicate: count(2)?,
                    dry_runs: count(3)?,
                    undone: count(9)?,
                    rows: count(4)?,
                    accepted_new: count(5)?,
                    accepted_updated: count(6)?,
                    duplicates: count(7)?,
                    rejected: count(8)?,
                    leads: leads.unsigned_abs(),
                    outcomes,
                    outcomes_waiting,
                })
            })
        })
    }

    /// What the store holds of each job, counted from the leads themselves: first rows of people, and later rows.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn rows_held(&self) -> Result<HashMap<i64, (u64, u64)>> {
        let mut held = self.rows_held_in_history()?;
        self.run(|connection| {
            let mut statement = connection.prepare("SELECT job, count(*) FROM leads WHERE accepted = 1 GROUP BY job")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                held.entry(row.get(0)?).or_default().0 += row.get::<_, i64>(1)?.unsigned_abs();
            }
            Ok(())
        })?;
        Ok(held)
    }

    /// The same of people with several rows only, all of which are in the history.
    fn rows_held_in_history(&self) -> Result<HashMap<i64, (u64, u64)>> {
        self.run(|connection| {
            let mut held: HashMap<i64, (u64, u64)> = HashMap::new();
            let sql = "SELECT job, sum(first), sum(NOT first) FROM (
                SELECT h.job job, h.job = (SELECT min(g.job) FROM history g WHERE g.lead = h.lead) first FROM history h) GROUP BY job";
            let mut statement = connection.prepare(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                held.insert(row.get(0)?, (row.get::<_, i64>(1)?.unsigned_abs(), row.get::<_, i64>(2)?.unsigned_abs()));
            }
            Ok(held)
        })
    }

    /// The same as far as it can be read, for a damaged store: what lies on damaged pages is not counted.
    pub fn rows_held_readable(&self) -> HashMap<i64, (u64, u64)> {
        let mut held = self.rows_held_in_history().unwrap_or_default(); // what is lost shows as missing
        let last = |sql: &str| self.run(|c| c.query_row(sql, [], |row| row.get::<_, i64>(0)));
        let last = last("SELECT coalesce(max(id), 0) FROM leads").or_else(|_| last("SELECT coalesce(max(lead), 0) FROM lead_keys"));
        let mut ranges = vec![(1, last.unwrap_or(0))];
        while let Some((first, last)) = ranges.pop() {
            match self.leads_in(first, last) {
                Ok(found) => found.into_iter().for_each(|(job, leads)| held.entry(job).or_default().0 += leads),
                Err(_) if first < last => {
                    let middle = first + (last - first) / 2;
                    ranges.extend([(first, middle), (middle + 1, last)]);
                }
                Err(_) => {} // this very lead
            }
        }
        held
    }

    /// People with one row in a range of ids, by job.
    fn leads_in(&self, first: i64, last: i64) -> Result<Vec<(i64, u64)>> {
        let sql = "SELECT job, count(*) FROM leads WHERE id BETWEEN ?1 AND ?2 AND accepted = 1 GROUP BY job";
        self.run(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([first, last], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
            rows.collect()
        })
    }

    /// What is wrong with the database itself, with the tables it concerns: at most `limit` faults of each, none in a sound
    /// one. Reads all of it.
    pub fn faults(&self, limit: u32) -> Vec<String> {
        let check = |what: &str| {
            self.run(|connection| {
                let mut statement = connection.prepare(&format!("PRAGMA integrity_check({what})"))?;
                let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
                rows.collect::<rusqlite::Result<Vec<String>>>()
            })
        };
        if let Ok(lines) = check(&limit.to_string()) {
            return lines.into_iter().filter(|line| line != "ok").flat_map(|line| self.fault_told(&line)).collect();
        }
        // It gives up at some damage: then table by table.
        let tables = self.run(|connection| {
            let mut statement = connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rootpage")?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            rows.collect::<rusqlite::Result<Vec<String>>>()
        });
        let tables = match tables {
            Ok(tables) => tables,
            Err(error) => return vec![error.to_string()],
        };
        let of_table = |table: String| match check(&table) {
            Ok(lines) => lines.into_iter().filter(|line| line != "ok").take(limit as usize).collect(),
            Err(_) => vec![format!("table {table}: it cannot be read to its end")],
        };
        tables.into_iter().flat_map(of_table).collect()
    }

    /// The lines of a fault, each with the name of its tree: `Tree 9 page 12: …` is of little use to anybody.
    fn fault_told(&self, fault: &str) -> Vec<String> {
        let told = |line: &str| {
            let number = line.strip_prefix("Tree ").and_then(|rest| rest.split(' ').next()).and_then(|number| number.parse::<i64>().ok());
            let name = number.and_then(|root| {
                let sql = "SELECT type || ' ' || name FROM sqlite_master WHERE rootpage = ?1";
                self.run(|c| c.prepare_cached(sql)?.query_row([root], |row| row.get::<_, String>(0)).optional()).ok().flatten() // the names may be what is damaged
            });
            name.map_or_else(|| line.to_owned(), |name| format!("{name}: {line}"))
        };
        fault.lines().filter(|line| !line.starts_with("***")).map(told).collect()
    }
}
