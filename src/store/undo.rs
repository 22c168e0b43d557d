//! A job taken out again, exactly: as if it had never come, and every other job had.
//!
//! A lead of which the job brought the only row goes, with its key; any other is folded anew from its remaining rows, in
//! their order, under the rules and the snapshot that each of them had. What the job gave goes with it: arms, exposures,
//! outcomes, resolutions, its layout, its lesson. All inside one group; whoever drops the group has undone nothing.
//!
//! Exact is proven, not assumed: before a lead is made anew without the job it is made anew with it, and must come to what
//! is stored. Where it does not, or where something that is needed is gone, the answer is a reason and nothing is changed.
//! Deliberately kept: the job's row with its report, the archived original, and how later files were read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

use super::leads::{Fold, LeadRow, RowValues, new_arms};
use super::{Group, Result, Store, experiments};
use crate::engine::email;
use crate::engine::lead::{StageMark, lead_id_of};
use crate::engine::learned::Learned;
use crate::engine::phone;
use crate::engine::rules::Rules;
use crate::engine::stages::{self, ab_test::Arm};

/// Reads settings that were kept: the rules of a source under them, as far as this program still knows how.
pub type RulesOf<'r> = dyn Fn(&str, &str) -> Option<Arc<Rules>> + 'r;

/// What a job's going comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Undone {
    /// People who had no other row: they are no leads any more.
    pub leads_removed: u64,
    /// People who had other rows too: they are what those make of them.
    pub leads_folded: u64,
    /// Outcomes that the job brought.
    pub outcomes: u64,
    /// Outcomes of other jobs that wait for their lead again.
    pub outcomes_waiting: u64,
    /// Arms of experiments that nobody has any more.
    pub exposures: u64,
    /// Rejected rows of earlier jobs that are open again.
    pub reopened: u64,
}

/// Why a job cannot be taken out exactly, for people.
pub type Inexact = String;

/// Leads that are looked at between two statements that change them.
const PART: i64 = 4096;

impl Store {
    /// Every job that was taken out, by its place in the order of commits, with when.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn undone_jobs(&self) -> Result<BTreeMap<i64, i64>> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached("SELECT seq, undone FROM jobs WHERE undone <> 0")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
    }

    /// Files that brought rejected rows of this job back and still count.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn returns_of(&self, job: Uuid) -> Result<Vec<(Uuid, String)>> {
        // A replay takes the very bytes of its parent and stands by itself.
        let sql = "SELECT c.job_id, c.file FROM jobs c JOIN jobs p ON p.job_id = c.parent
            WHERE p.job_id = ?1 AND c.undone = 0 AND c.dry_run = 0 AND c.fate = 'processed' AND c.sha256 IS NOT p.sha256 ORDER BY c.seq DESC";
        self.run(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([job.as_bytes()], |row| Ok((Uuid::from_bytes(row.get(0)?), row.get(1)?)))?;
            rows.collect()
        })
    }

    /// Drops that were set aside because this job had taken the same content.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn set_aside_for(&self, job: Uuid) -> Result<Vec<String>> {
        let sql = "SELECT d.file FROM jobs d JOIN jobs j ON j.bytes = d.bytes AND j.sha256 = d.sha256 AND j.source = d.source
            WHERE j.job_id = ?1 AND d.fate = 'duplicate' AND d.dry_run = 0 AND d.seq > j.seq ORDER BY d.seq";
        self.run(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([job.as_bytes()], |row| row.get(0))?;
            rows.collect()
        })
    }
}

impl Group<'_> {
    /// Takes a job out. Inside, why it cannot be done exactly: then drop the group.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn undo(&self, job: Uuid, rules_of: &RulesOf<'_>, at_ms: i64) -> Result<std::result::Result<Undone, Inexact>> {
        let about = self.store.about(job)?;
        let Some(about) = about else { return Ok(Err("it is not known".to_owned())) };
        let mut taking = Taking::of(self, about.seq, rules_of);
        if let Some(why) = taking.reason_not_to(&about)? {
            return Ok(Err(why));
        }
        taking.take_out_outcomes()?;
        taking.remove_leads()?;
        if let Err(why) = taking.fold_leads()? {
            return Ok(Err(why));
        }
        taking.settle_exposures()?;
        taking.settle_lessons()?;
        taking.settle_the_rest(job, at_ms)?;
        Ok(Ok(taking.undone))
    }

    /// Notes that a job was taken out of which the store holds nothing; false for one of which it holds something.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn mark_undone(&self, job: Uuid, at_ms: i64) -> Result<bool> {
        let sql = "UPDATE jobs SET undone = ?2 WHERE job_id = ?1 AND NOT EXISTS (SELECT 1 FROM leads WHERE job = seq)
             AND NOT EXISTS (SELECT 1 FROM history WHERE job = seq) AND NOT EXISTS (SELECT 1 FROM outcomes WHERE job = seq)";
        self.store.run(|c| c.execute(sql, params![job.as_bytes(), at_ms])).map(|rows| rows > 0)
    }
}

/// What of the job's row is needed.
struct About {
    seq: i64,
    leads_kept: bool,
    is_leads: bool,
    new: u64,
    known: u64,
}

impl Store {
    fn about(&self, job: Uuid) -> Result<Option<About>> {
        let sql = "SELECT seq, leads_kept, accepted_new, accepted_updated, coalesce(json_extract(report, '$.kind'), 'leads') = 'leads' FROM jobs WHERE job_id = ?1";
        self.run(|connection| {
            let read = |row: &rusqlite::Row<'_>| {
                let count = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
                Ok(About { seq: row.get(0)?, leads_kept: row.get(1)?, new: count(2)?, known: count(3)?, is_leads: row.get(4)? })
            };
            connection.prepare_cached(sql)?.query_row([job.as_bytes()], read).optional()
        })
    }
}

/// One accepted row of a lead, with what it was staged under.
#[allow(clippy::struct_field_names)] // it is called so everywhere
struct Row {
    job: i64,
    row: u64,
    values: RowValues,
    staged: Option<i64>,
}

/// What a job's leads were staged under.
#[derive(Clone)]
struct Then {
    source: String,
    rules: Arc<Rules>,
    experiment_rows: Arc<[i64]>,
    learned: Arc<Learned>,
}

/// A lead as its rows make it.
struct Folded {
    values: RowValues,
    arms: Vec<u8>,
}

/// A job on its way out.
struct Taking<'g> {
    group: &'g Group<'g>,
    store: &'g Store,
    seq: i64,
    rules_of: &'g RulesOf<'g>,
    undone: Undone,
    /// Arms that leads have more or less than before.
    exposures: HashMap<(u32, u32), i64>,
    /// Jobs that are the first of a lead now, which has outcomes from before them: they have something to teach.
    lessons_due: BTreeSet<i64>,
    /// Jobs that may have had something to teach only because of an outcome that this job had brought.
    lessons_doubtful: BTreeSet<i64>,
    then: HashMap<i64, Then>,
    learned: HashMap<u64, Arc<Learned>>,
    rules: HashMap<(String, String), Arc<Rules>>,
    has_outcomes: bool,
}

impl<'g> Taking<'g> {
    fn of(group: &'g Group<'g>, seq: i64, rules_of: &'g RulesOf<'g>) -> Self {
        Self {
            group,
            store: group.store,
            seq,
            rules_of,
            undone: Undone::default(),
            exposures: HashMap::new(),
            lessons_due: BTreeSet::new(),
            lessons_doubtful: BTreeSet::new(),
            then: HashMap::new(),
            learned: HashMap::new(),
            rules: HashMap::new(),
            has_outcomes: false,
        }
    }

    /// The store must hold of the job what its report says: a job that was rebuilt without its file does not.
    fn reason_not_to(&mut self, about: &About) -> Result<Option<Inexact>> {
        let count = |sql: &str| self.store.run(|c| c.prepare_cached(sql)?.query_row([self.seq], |row| row.get::<_, i64>(0)));
        let rows =
            count("SELECT count(*) FROM leads WHERE job = ?1 AND accepted = 1")? + count("SELECT count(*) FROM history WHERE job = ?1")?;
        let outcomes = count("SELECT count(*) FROM outcomes WHERE job = ?1")?;
        self.has_outcomes = self.store.run(|c| c.query_row("SELECT EXISTS (SELECT 1 FROM outcomes)", [], |row| row.get(0)))?;
        let gone = self.store.forgotten_of(self.seq)?; // of people who were erased: they are out already
        let rows = rows.unsigned_abs() + gone.first + gone.later;
        let outcomes = outcomes.unsigned_abs() + gone.outcomes;
        let (held, what) = if about.is_leads { (rows, "rows") } else { (outcomes, "outcomes") };
        let told = about.new + about.known;
        let is_kept = about.leads_kept || !about.is_leads;
        Ok((is_kept && held != told).then(|| {
            format!("the store holds {held} {what} of it, and its report says {told}: run `valhalla audit`, then `valhalla rebuild`")
        }))
    }

    // ---- outcomes ------------------------------------------------------------------------------------------------------

    /// Its outcomes go. A later job that brought a lead for which one of them had waited may have had nothing else to teach.
    fn take_out_outcomes(&mut self) -> Result<()> {
        let mut after = Vec::new();
        loop {
            let sql = "SELECT DISTINCT person FROM outcomes WHERE job = ?1 AND person > ?2 ORDER BY person LIMIT ?3";
            let people: Vec<[u8; 16]> = self.store.run(|connection| {
                let mut statement = connection.prepare_cached(sql)?;
                let rows = statement.query_map(params![self.seq, after, PART], |row| row.get(0))?;
                rows.collect()
            })?;
            let Some(last) = people.last() else { break };
            after = last.to_vec();
            for person in people {
                if let Some(first) = self.first_job_of(Uuid::from_bytes(person))?.filter(|first| *first > self.seq) {
                    self.lessons_doubtful.insert(first);
                }
            }
        }
        let gone = self.store.run(|c| c.execute("DELETE FROM outcomes WHERE job = ?1", [self.seq]))?;
        self.undone.outcomes = gone as u64;
        Ok(())
    }

    fn first_job_of(&self, person: Uuid) -> Result<Option<i64>> {
        let Some(lead) = self.store.lead_of(person)? else { return Ok(None) };
        let sql = "SELECT coalesce((SELECT min(job) FROM history WHERE lead = ?1), (SELECT job FROM leads WHERE id = ?1))";
        self.store.run(|c| c.prepare_cached(sql)?.query_row([lead], |row| row.get(0)))
    }

    // ---- leads ---------------------------------------------------------------------------------------------------------

    /// People of whom this is the only row.
    fn remove_leads(&mut self) -> Result<()> {
        let mut after = 0;
        loop {
            let sql = "SELECT id, email, arms FROM leads WHERE job = ?1 AND accepted = 1 AND id > ?2 ORDER BY id LIMIT ?3";
            let part: Vec<(i64, String, Option<Vec<u8>>)> = self.store.run(|connection| {
                let mut statement = connection.prepare_cached(sql)?;
                let rows = statement.query_map(params![self.seq, after, PART], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
                rows.collect()
            })?;
            let Some((last, ..)) = part.last() else { return Ok(()) };
            after = *last;
            for (id, address, arms) in part {
                let person = lead_id_of(&email::identity(&address));
                self.count_arms(arms.as_deref().unwrap_or_default(), -1);
                self.store.free_key(person, id)?;
                self.store.run(|c| c.prepare_cached("DELETE FROM leads WHERE id = ?1")?.execute([id]))?;
                if self.has_outcomes {
                    let wait = "UPDATE outcomes SET waiting = 1 WHERE person = ?1 AND waiting = 0";
                    self.undone.outcomes_waiting += self.store.run(|c| c.prepare_cached(wait)?.execute([person.as_bytes()]))? as u64;
                }
                self.undone.leads_removed += 1;
            }
        }
    }

    /// People with other rows too.
    fn fold_leads(&mut self) -> Result<std::result::Result<(), Inexact>> {
        let mut after = 0;
        loop {
            let sql = "SELECT lead FROM history WHERE job = ?1 AND lead > ?2 ORDER BY lead LIMIT ?3";
            let part: Vec<i64> = self.store.run(|connection| {
                let mut statement = connection.prepare_cached(sql)?;
                let rows = statement.query_map(params![self.seq, after, PART], |row| row.get(0))?;
                rows.collect()
            })?;
            let Some(last) = part.last() else { return Ok(Ok(())) };
            after = *last;
            for lead in part {
                if let Err(why) = self.fold_anew(lead)? {
                    return Ok(Err(why));
                }
            }
        }
    }

    fn fold_anew(&mut self, id: i64) -> Result<std::result::Result<(), Inexact>> {
        let stored = self.store.lead_row(id)?;
        let mut rows = self.rows_of(id)?;
        let with_it = match self.fold(&rows)? {
            Ok(folded) => folded,
            Err(why) => return Ok(Err(why)),
        };
        if with_it.values != stored.values || with_it.arms != stored.arms.clone().unwrap_or_default() {
            return Ok(Err("a lead of it is not what its rows make of it today: an older version of this program took it in".to_owned()));
        }
        let was_first = rows[0].job == self.seq;
        rows.retain(|row| row.job != self.seq);
        let Some(last) = rows.last() else { return Ok(Err("a lead has no other row, although its history says so".to_owned())) };
        let staged = stored.staged.or(if stored.job == self.seq { last.staged } else { None });
        let without_it = match self.fold(&rows)? {
            Ok(folded) => folded,
            Err(why) => return Ok(Err(why)),
        };
        let then = match self.staging_of(last.job, staged)? {
            Ok(then) => then,
            Err(why) => return Ok(Err(why)),
        };
        let mark = self.stage(&without_it, last, &then, rows.len() == 1)?;
        self.write_back(id, &stored, &without_it, &rows, staged, mark)?;
        if was_first {
            self.teach_from(rows[0].job, lead_id_of(&email::identity(&without_it.values.email)))?;
        }
        self.undone.leads_folded += 1;
        Ok(Ok(()))
    }

    /// Another job is the first of this lead now: outcomes from before it had waited for it, then.
    fn teach_from(&mut self, first: i64, person: Uuid) -> Result<()> {
        if !self.has_outcomes || self.lessons_due.contains(&first) {
            return Ok(());
        }
        let sql = "SELECT EXISTS (SELECT 1 FROM outcomes WHERE person = ?1 AND job < ?2)";
        if self.store.run(|c| c.prepare_cached(sql)?.query_row(params![person.as_bytes(), first], |row| row.get(0)))? {
            self.lessons_due.insert(first);
        }
        Ok(())
    }

    /// The accepted rows of a lead, in the order of jobs.
    fn rows_of(&self, lead: i64) -> Result<Vec<Row>> {
        let sql = "SELECT email, name, value, scale, currency, location, phone, phone_e164, source, layout, extra, job, row, staged
             FROM history WHERE lead = ?1 ORDER BY job";
        self.store.run(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([lead], |row| {
                let values = RowValues::read(row, 0)?;
                Ok(Row { values, job: row.get(11)?, row: row.get::<_, i64>(12)?.unsigned_abs(), staged: row.get(13)? })
            })?;
            rows.collect()
        })
    }

    /// The lead that these rows make, and the arms that it was given on the way: as the committer did it, row by row.
    fn fold(&mut self, rows: &[Row]) -> Result<std::result::Result<Folded, Inexact>> {
        let mut folded = Folded { values: RowValues::default(), arms: Vec::new() };
        let mut kept: Vec<Arm> = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let then = match self.then(row.job)? {
                Ok(then) => then,
                Err(why) => return Ok(Err(why)),
            };
            let mut values = row.values.clone();
            if at > 0 {
                let names = self.store.layout_names(values.layout)?;
                self.store.fold(&mut values, &folded.values, &names)?;
            }
            let names = self.store.layout_names(values.layout)?;
            let lead = values.as_lead(&names, &then.source, row.row);
            let later = (at > 0).then_some(row.job);
            let given = new_arms(&then.rules, &then.experiment_rows, &lead, &kept);
            for (experiment, variant) in &given {
                experiments::pack_arm(&mut folded.arms, *experiment, *variant, later);
            }
            if !given.is_empty() {
                kept = self.store.unpack_arms(&folded.arms)?;
            }
            folded.values = values;
        }
        Ok(Ok(folded))
    }

    /// Takes the lead through the stages again, under what its last row, or a later staging, had.
    fn stage(&self, folded: &Folded, last: &Row, then: &Then, is_single: bool) -> Result<StageMark> {
        let names = self.store.layout_names(folded.values.layout)?;
        let mut lead = folded.values.as_lead(&names, &then.source, last.row);
        // A row by itself was staged as it was read, with what its rules say of phones; a fold is staged as it is stored.
        if is_single && lead.phone_e164.is_empty() {
            lead.phone_reads = phone::read_phone(lead.phone, then.rules.columns.phone_country.as_deref()).reads();
        }
        let kept = if is_single { Vec::new() } else { self.store.unpack_arms(&folded.arms)? };
        Ok(stages::run(&lead, &kept, &then.rules, &then.learned).mark())
    }

    fn write_back(&mut self, id: i64, stored: &LeadRow, folded: &Folded, rows: &[Row], staged: Option<i64>, mark: StageMark) -> Result<()> {
        self.count_arms(stored.arms.as_deref().unwrap_or_default(), -1);
        self.count_arms(&folded.arms, 1);
        let last = rows.last().expect("the caller has looked");
        let accepted = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        self.store
            .write_fold(id, &Fold { values: &folded.values, job: last.job, row: last.row, mark, arms: &folded.arms, staged, accepted })?;
        self.store.run(|connection| {
            // Of a lead with one row there is no history; what its staging was stands in the lead again.
            let forget = "DELETE FROM history WHERE lead = ?1 AND (job = ?2 OR ?3)";
            connection.prepare_cached(forget)?.execute(params![id, self.seq, rows.len() == 1])?;
            let restored = "UPDATE history SET staged = NULL WHERE lead = ?1 AND job = ?2";
            connection.prepare_cached(restored)?.execute(params![id, last.job])
        })?;
        Ok(())
    }

    // ---- the versions of then ------------------------------------------------------------------------------------------

    /// What the leads of a job were staged under.
    fn then(&mut self, job: i64) -> Result<std::result::Result<Then, Inexact>> {
        if let Some(then) = self.then.get(&job) {
            return Ok(Ok(then.clone()));
        }
        let sql = "SELECT source, rules, learned FROM jobs WHERE seq = ?1";
        let (source, version, learned): (String, String, i64) =
            self.store.run(|c| c.prepare_cached(sql)?.query_row([job], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))))?;
        let found = self.versions(&version, &source, learned.unsigned_abs())?;
        let (rules, learned) = match found {
            Ok(found) => found,
            Err(why) => return Ok(Err(why)),
        };
        let mut rules = (*rules).clone();
        self.store.number_experiments_then(&mut rules, job)?;
        let rows = rules.experiments.iter().map(|experiment| {
            let row = self.store.experiment_row(&experiment.id, experiment.version)?;
            Ok(row.unwrap_or_default())
        });
        let experiment_rows = rows.collect::<Result<Vec<i64>>>()?.into();
        let then = Then { source, rules: Arc::new(rules), experiment_rows, learned };
        self.then.insert(job, then.clone());
        Ok(Ok(then))
    }

    /// What a lead is staged under: a later staging, or what its last job had.
    fn staging_of(&mut self, job: i64, staged: Option<i64>) -> Result<std::result::Result<Then, Inexact>> {
        let then = match self.then(job)? {
            Ok(then) => then,
            Err(why) => return Ok(Err(why)),
        };
        let Some(staged) = staged else { return Ok(Ok(then)) };
        let sql = "SELECT rules, learned FROM stagings WHERE id = ?1";
        let (version, learned): (String, i64) =
            self.store.run(|c| c.prepare_cached(sql)?.query_row([staged], |row| Ok((row.get(0)?, row.get(1)?))))?;
        let found = self.versions(&version, &then.source, learned.unsigned_abs())?;
        Ok(found.map(|(rules, learned)| Then { rules, learned, ..then }))
    }

    #[allow(clippy::type_complexity)] // a result in a result: what the machine says, and what is missing
    fn versions(&mut self, rules: &str, source: &str, learned: u64) -> Result<std::result::Result<(Arc<Rules>, Arc<Learned>), Inexact>> {
        if !self.learned.contains_key(&learned) {
            let Some(found) = self.store.learned(learned)? else {
                return Ok(Err("what had been learned when its leads were taken in is no longer in the store".to_owned()));
            };
            self.learned.insert(learned, Arc::new(found));
        }
        let key = (rules.to_owned(), source.to_owned());
        if !self.rules.contains_key(&key) {
            let kept = self.store.rules_settings(rules)?.and_then(|settings| (self.rules_of)(&settings, source));
            let Some(found) = kept.filter(|found| found.version == rules) else {
                return Ok(Err(format!("the rules {rules} under which leads of it were taken in can no longer be read")));
            };
            self.rules.insert(key.clone(), found);
        }
        Ok(Ok((Arc::clone(&self.rules[&key]), Arc::clone(&self.learned[&learned]))))
    }

    // ---- what else it left ---------------------------------------------------------------------------------------------

    fn count_arms(&mut self, packed: &[u8], change: i64) {
        for (experiment, variant, _) in experiments::given(packed, 0) {
            *self.exposures.entry((experiment, variant)).or_default() += change;
        }
    }

    fn settle_exposures(&mut self) -> Result<()> {
        let mut changes: Vec<_> = self.exposures.iter().filter(|(_, change)| **change != 0).collect();
        changes.sort_unstable();
        self.store.run(|connection| {
            let mut add = connection.prepare_cached(
                "INSERT INTO exposures (experiment, variant, leads) VALUES (?1, ?2, ?3)
                 ON CONFLICT (experiment, variant) DO UPDATE SET leads = leads + excluded.leads",
            )?;
            for ((experiment, variant), change) in &changes {
                add.execute(params![experiment, variant, change])?;
            }
            connection.execute("DELETE FROM exposures WHERE leads = 0", [])
        })?;
        self.undone.exposures = changes.iter().filter(|(_, change)| **change < 0).map(|(_, change)| change.unsigned_abs()).sum();
        Ok(())
    }

    /// Later lessons are worked out anew; those that had only this job to teach of are none, and others come to be.
    fn settle_lessons(&mut self) -> Result<()> {
        self.lessons_doubtful.retain(|job| !self.lessons_due.contains(job));
        for job in self.unfounded_lessons()? {
            self.store.run(|c| c.prepare_cached("DELETE FROM lessons WHERE job = ?1 AND turn = 0")?.execute([job]))?;
        }
        for job in &self.lessons_due {
            self.group.note_lesson(*job)?;
        }
        self.group.forget_lessons_from(self.seq)
    }

    /// Of the doubtful jobs those that neither have outcomes of their own nor brought a lead for which one had waited.
    fn unfounded_lessons(&self) -> Result<BTreeSet<i64>> {
        let mut unfounded = self.lessons_doubtful.clone();
        let own = "SELECT EXISTS (SELECT 1 FROM outcomes WHERE job = ?1)";
        for job in &self.lessons_doubtful {
            if self.store.run(|c| c.prepare_cached(own)?.query_row([job], |row| row.get(0)))? {
                unfounded.remove(job);
            }
        }
        let Some(last) = unfounded.last().copied() else { return Ok(unfounded) };
        let mut after: (Vec<u8>, i64) = (Vec::new(), 0);
        loop {
            // Of each person the first outcome is enough: it waited the longest.
            let sql = "SELECT person, min(job) FROM outcomes WHERE person > ?1 AND job < ?2 GROUP BY person ORDER BY person LIMIT ?3";
            let part: Vec<([u8; 16], i64)> = self.store.run(|connection| {
                let mut statement = connection.prepare_cached(sql)?;
                let rows = statement.query_map(params![after.0, last, PART], |row| Ok((row.get(0)?, row.get(1)?)))?;
                rows.collect()
            })?;
            let Some((person, job)) = part.last() else { return Ok(unfounded) };
            after = (person.to_vec(), *job);
            for (person, outcome) in part {
                if let Some(first) = self.first_job_of(Uuid::from_bytes(person))?.filter(|first| outcome < *first) {
                    unfounded.remove(&first);
                }
            }
        }
    }

    fn settle_the_rest(&mut self, job: Uuid, at_ms: i64) -> Result<()> {
        let reopened = "SELECT count(*) FROM resolutions r WHERE child = ?1
            AND NOT EXISTS (SELECT 1 FROM resolutions o WHERE o.parent = r.parent AND o.row = r.row AND o.child <> r.child)";
        self.undone.reopened = self.store.run(|connection| {
            let reopened: i64 = connection.query_row(reopened, [self.seq], |row| row.get(0))?;
            connection.execute("DELETE FROM resolutions WHERE child = ?1", [self.seq])?;
            connection.execute("DELETE FROM source_layouts WHERE job_id = ?1", [job.as_bytes()])?;
            connection.execute("DELETE FROM file_figures WHERE job = ?1", [self.seq])?;
            connection.execute("DELETE FROM forgotten_rows WHERE job = ?1", [self.seq])?;
            connection.execute("UPDATE jobs SET undone = ?2 WHERE seq = ?1", [self.seq, at_ms])?;
            Ok(reopened.unsigned_abs())
        })?;
        Ok(())
    }
}

impl Store {
    /// Frees a person's key. Whoever stands behind it in the same chain moves up, so that nobody is looked for in vain.
    pub(super) fn free_key(&self, person: Uuid, lead: i64) -> Result<()> {
        let mut hole = person.as_u64_pair().0;
        while let Some(holder) = self.holder(hole)? {
            if holder == lead {
                break;
            }
            hole = hole.wrapping_add(1);
        }
        let delete = |key: u64| self.run(|c| c.prepare_cached("DELETE FROM lead_keys WHERE hash = ?1")?.execute([key.cast_signed()]));
        delete(hole)?;
        let mut next = hole.wrapping_add(1);
        while let Some(holder) = self.holder(next)? {
            let Some(other) = self.lead_id_at(holder)? else { break };
            // It may stand in the hole unless its own place lies behind that.
            let own = other.as_u64_pair().0;
            if next.wrapping_sub(own) >= next.wrapping_sub(hole) {
                delete(next)?;
                let insert = "INSERT INTO lead_keys (hash, lead) VALUES (?1, ?2)";
                self.run(|c| c.prepare_cached(insert)?.execute(params![hole.cast_signed(), holder]))?;
                hole = next;
            }
            next = next.wrapping_add(1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::scratch;

    #[test]
    fn whoever_stands_behind_a_freed_key_moves_up() {
        // Four people in one chain: places 10, 10, 11 and 10 lead to keys 10, 11, 12 and 13.
        let (_dir, store) = scratch();
        let chain = |store: &Store| -> Vec<(i64, i64)> {
            store
                .run(|connection| {
                    let mut statement = connection.prepare("SELECT hash, lead FROM lead_keys ORDER BY hash")?;
                    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                    rows.collect()
                })
                .expect("keys")
        };
        // Real people have other places: the keys stand where two of them would have met.
        let people: Vec<(Uuid, String)> = (0..3).map(|n| format!("p{n}@example.com")).map(|mail| (lead_id_of(&mail), mail)).collect();
        let home = people[0].0.as_u64_pair().0;
        for ((id, key), (_, address)) in (1..).zip(home..).zip(&people) {
            let (id, key): (i64, i64) = (id, key.cast_signed());
            let insert = "INSERT INTO leads (id, email, layout, job, row, score, tier) VALUES (?1, ?2, 1, 1, 1, 0, 0)";
            store.run(|c| c.execute(insert, params![id, address])).expect("lead");
            store.run(|c| c.execute("INSERT INTO lead_keys VALUES (?1, ?2)", params![key, id])).expect("key");
        }
        store.free_key(people[0].0, 1).expect("freed");
        // Neither of the others has its own place in this chain's first key or behind it, so both may move up.
        let first = home.cast_signed();
        assert_eq!(chain(&store).iter().map(|(key, lead)| (key.wrapping_sub(first), *lead)).collect::<Vec<_>>(), [(0, 2), (1, 3)]);
    }
}
