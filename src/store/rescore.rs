//! Stored leads brought up to the rules in force and to what is known now: score, tier, and the versions they were made with.
//!
//! A walk over the leads in the order of their rows, a part at a time, inside the caller's transaction. A lead that has these
//! versions already is left alone, so that doing it again changes nothing. Arms are kept: the score does not look at them.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{OptionalExtension, params};

use super::leads::{Names, RowValues};
use super::{Group, Result, Store};
use crate::engine::learned::Learned;
use crate::engine::phone;
use crate::engine::rules::Rules;
use crate::engine::stages::Course;
use crate::engine::stages::lead_score::LeadScore;

/// Leads that are read before any of them is written.
const PART: i64 = 4096;
/// Layouts whose columns are kept looked up.
const LAYOUTS_KEPT: usize = 4096;

/// What leads are brought up to.
#[allow(missing_debug_implementations)] // a function has nothing to show
pub struct Target<'t> {
    /// Only leads of jobs that began at or after, milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// What is known now.
    pub learned: &'t Learned,
    /// The rules of a job's source.
    pub rules: &'t dyn Fn(&str) -> Arc<Rules>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rescored {
    /// Leads that were asked for.
    pub leads: u64,
    /// Those that had other versions.
    pub restaged: u64,
    /// Those whose score is another now.
    pub scores_changed: u64,
    /// How many went from which tier to which, 0 for A to 3 for D; the diagonal holds those that stayed.
    pub tiers: [[u64; 4]; 4],
}

impl Rescored {
    /// Leads whose tier is another now.
    #[must_use]
    pub fn tiers_changed(&self) -> u64 {
        let all: u64 = self.tiers.iter().flatten().sum();
        all - (0..4).map(|tier| self.tiers[tier][tier]).sum::<u64>()
    }
}

/// One lead as it is read.
struct Stored {
    id: i64,
    values: RowValues,
    source: String,
    row: u64,
    accepted: i64,
    score: u16,
    tier: u8,
    job_rules: String,
    job_learned: u64,
    staged: Option<i64>,
}

/// One lead as it is to be written.
struct Restaged {
    id: i64,
    score: u16,
    tier: u8,
    staged: Option<i64>,
}

/// The stages, ready for each source and layout.
struct Courses<'c> {
    store: &'c Store,
    rules: &'c HashMap<String, Arc<Rules>>,
    learned: &'c Learned,
    names: HashMap<i64, Arc<Names>>,
    ready: HashMap<(String, i64), Course<'c, 'c>>,
}

impl Courses<'_> {
    /// The score of a lead under today's rules for its source.
    fn rate(&mut self, stored: &Stored) -> Result<LeadScore> {
        let (layout, rules) = (stored.values.layout, &self.rules[&stored.source]);
        if self.ready.len() >= LAYOUTS_KEPT {
            self.ready.clear();
            self.names.clear();
        }
        let names = match self.names.get(&layout) {
            Some(known) => Arc::clone(known),
            None => Arc::clone(self.names.entry(layout).or_insert(Arc::new(self.store.layout_names(layout)?))),
        };
        let make = || Course::of(rules, self.learned).for_columns(&names.extra, &names.headers);
        let course = self.ready.entry((stored.source.clone(), layout)).or_insert_with(make);
        let mut lead = stored.values.as_lead(&names, &stored.source, stored.row);
        // As when its row was read; a lead of several rows is staged as it is stored.
        if stored.accepted == 1 && lead.phone_e164.is_empty() && !lead.phone.is_empty() {
            lead.phone_reads = phone::read_phone(lead.phone, rules.columns.phone_country.as_deref()).reads();
        }
        Ok(course.rate(&lead))
    }
}

impl Group<'_> {
    /// Brings leads up to the target. `tick` is told how many were looked at, of how many rows, and says whether to go on; none
    /// when it said no, and then the group must not be committed.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn rescore(&self, target: &Target<'_>, tick: impl FnMut(u64, u64) -> bool) -> Result<Option<Rescored>> {
        let store = self.store;
        let staging = |rules: &str| store.staging(rules, target.learned.version);
        store.walk_stale(target, staging, |part| store.write_restaged(part), tick)
    }
}

impl Store {
    /// What [`Group::rescore`] would come to. Nothing is written.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn rescore_dry(&self, target: &Target<'_>, tick: impl FnMut(u64, u64) -> bool) -> Result<Option<Rescored>> {
        let _moment = self.snapshot()?;
        self.walk_stale(target, |_| Ok(0), |_| Ok(()), tick)
    }

    fn walk_stale(
        &self,
        target: &Target<'_>,
        staging: impl Fn(&str) -> Result<i64>,
        write: impl Fn(&[Restaged]) -> Result<()>,
        mut tick: impl FnMut(u64, u64) -> bool,
    ) -> Result<Option<Rescored>> {
        let rules = self.rules_by_source(target)?;
        let stagings = self.stagings()?;
        let last: i64 = self.run(|c| c.query_row("SELECT coalesce(max(id), 0) FROM leads", [], |row| row.get(0)))?;
        let mut courses = Courses { store: self, rules: &rules, learned: target.learned, names: HashMap::new(), ready: HashMap::new() };
        let (mut after, mut rescored, mut made) = (0, Rescored::default(), HashMap::new());
        while after < last {
            let mut part = Vec::new();
            for lead in self.leads_between(after, after + PART, target.since_ms)? {
                let theirs = lead.staged.and_then(|staged| stagings.get(&staged)).map(|(rules, learned)| (rules.as_str(), *learned));
                let of_job = (lead.job_rules.as_str(), lead.job_learned);
                let wanted = (rules[&lead.source].version.as_str(), target.learned.version);
                let (then, now) = if theirs.unwrap_or(of_job) == wanted {
                    (lead.tier, lead.tier)
                } else {
                    let score = courses.rate(&lead)?;
                    let staged = match made.get(wanted.0) {
                        _ if of_job == wanted => None,
                        Some(known) => Some(*known),
                        None => Some(*made.entry(wanted.0.to_owned()).or_insert(staging(wanted.0)?)),
                    };
                    rescored.restaged += 1;
                    rescored.scores_changed += u64::from(score.hundredths != lead.score);
                    part.push(Restaged { id: lead.id, score: score.hundredths, tier: score.tier as u8, staged });
                    (lead.tier, score.tier as u8)
                };
                rescored.leads += 1;
                rescored.tiers[usize::from(then).min(3)][usize::from(now).min(3)] += 1;
            }
            write(&part)?;
            after = (after + PART).min(last);
            if !tick(after.unsigned_abs(), last.unsigned_abs()) {
                return Ok(None);
            }
        }
        Ok(Some(rescored))
    }

    /// Today's rules of every source that a job has.
    fn rules_by_source(&self, target: &Target<'_>) -> Result<HashMap<String, Arc<Rules>>> {
        let sources: Vec<String> = self.run(|connection| {
            let mut statement = connection.prepare("SELECT DISTINCT source FROM jobs")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect()
        })?;
        Ok(sources.into_iter().map(|source| (source.clone(), (target.rules)(&source))).collect())
    }

    /// Versions of leads that were staged again.
    fn stagings(&self) -> Result<HashMap<i64, (String, u64)>> {
        self.run(|connection| {
            let mut statement = connection.prepare("SELECT id, rules, learned FROM stagings")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get::<_, i64>(2)?.unsigned_abs()))))?;
            rows.collect()
        })
    }

    /// The row of these versions, made where there is none.
    fn staging(&self, rules: &str, learned: u64) -> Result<i64> {
        let learned = learned.cast_signed();
        self.run(|connection| {
            let known = connection.prepare_cached("SELECT id FROM stagings WHERE rules = ?1 AND learned = ?2")?;
            let known = { known }.query_row(params![rules, learned], |row| row.get(0)).optional()?;
            if let Some(id) = known {
                return Ok(id);
            }
            connection.execute("INSERT INTO stagings (rules, learned) VALUES (?1, ?2)", params![rules, learned])?;
            Ok(connection.last_insert_rowid())
        })
    }

    fn leads_between(&self, after: i64, upto: i64, since_ms: Option<i64>) -> Result<Vec<Stored>> {
        let sql = "SELECT l.email, l.name, l.value, l.scale, l.currency, l.location, l.phone, l.phone_e164, l.source, l.layout, l.extra,
             l.id, j.source, l.row, l.accepted, l.score, l.tier, j.rules, j.learned, l.staged
             FROM leads l JOIN jobs j ON j.seq = l.job WHERE l.id > ?1 AND l.id <= ?2 AND j.started_at_ms >= ?3 ORDER BY l.id";
        self.run(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(params![after, upto, since_ms.unwrap_or(i64::MIN)], |row| {
                Ok(Stored {
                    values: RowValues::read(row, 0)?,
                    id: row.get(11)?,
                    source: row.get(12)?,
                    row: row.get::<_, i64>(13)?.unsigned_abs(),
                    accepted: row.get(14)?,
                    score: row.get(15)?,
                    tier: row.get(16)?,
                    job_rules: row.get(17)?,
                    job_learned: row.get::<_, i64>(18)?.unsigned_abs(),
                    staged: row.get(19)?,
                })
            })?;
            rows.collect()
        })
    }

    fn write_restaged(&self, part: &[Restaged]) -> Result<()> {
        self.run(|connection| {
            let mut update = connection.prepare_cached("UPDATE leads SET score = ?2, tier = ?3, staged = ?4 WHERE id = ?1")?;
            for lead in part {
                update.execute(params![lead.id, lead.score, lead.tier, lead.staged])?;
            }
            Ok(())
        })
    }
}
