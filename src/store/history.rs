//! The history that lessons are made of, read for [`learning`](crate::learning): leads as they first arrived, and every
//! outcome that was reported of them. Reads beside a running writer, from one moment of the store.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use rusqlite::params;
use uuid::Uuid;

use super::leads::RowValues;
use super::{Result, Store, experiments};
use crate::engine::decimal::Decimal;
use crate::engine::features::Traits;
use crate::engine::lead::Lead;
use crate::engine::outcomes::Verdict;
use crate::engine::rules::Rules;
use crate::engine::stages::lead_score::is_explored;
use crate::learning::history::{Arrival, GivenArm, History, Reported, Silent};

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// What is wanted of the history.
#[allow(missing_debug_implementations)] // a function has nothing to show
pub struct Wishes<'w> {
    /// Nothing that came after this job.
    pub up_to: i64,
    /// The configured columns that a model may look at.
    pub columns: &'w [String],
    /// When a lead arrived, where a column says it: milliseconds since 1970.
    pub arrived_ms: &'w dyn Fn(&Lead<'_>) -> Option<i64>,
    /// The rules of a source.
    pub rules: &'w dyn Fn(&str) -> Arc<Rules>,
}

/// A lead in the walk over all of them.
struct Walked {
    id: i64,
    job: i64,
    accepted: i64,
    source: Option<String>,
    arms: Option<Vec<u8>>,
}

impl Store {
    /// Reads the history. Leads of which nothing was reported are only counted, unless silence may mean something.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn history(&self, wishes: &Wishes<'_>) -> Result<History> {
        let moment = self.snapshot()?;
        let mut history = History::of_columns(wishes.columns.to_vec());
        let sources = self.job_sources(wishes.up_to, &mut history)?;
        let experiments = self.experiment_versions(&mut history)?;
        let mut reports = self.reports_by_lead(wishes.up_to)?;
        let mut rules: HashMap<String, Arc<Rules>> = HashMap::new();
        let mut first_jobs = FirstJobs::of(self);
        self.walk_leads(|walked| {
            let first_job = if walked.accepted > 1 { first_jobs.of_lead(walked.id)?.unwrap_or(walked.job) } else { walked.job };
            let Some(job_source) = sources.get(&first_job) else { return Ok(()) }; // it came after the job that is asked for
            let arms = given_arms(walked.arms.as_deref(), first_job, wishes.up_to, &experiments);
            let reported = reports.remove(&walked.id);
            let source = walked.source.as_deref().unwrap_or(job_source);
            if !rules.contains_key(source) {
                rules.insert(source.to_owned(), (wishes.rules)(source));
            }
            let own = Arc::clone(&rules[source]);
            let horizon_ms = i64::from(own.outcome.horizon_days) * DAY_MS;
            if reported.is_some() || own.outcome.outcomes_complete {
                let (values, row) = self.first_row(&walked, first_job)?;
                let names = self.layout_names(values.layout)?;
                let lead = values.as_lead(&names, job_source, row);
                add(&mut history, wishes, &own, &lead, first_job, arms, reported.unwrap_or_default());
                return Ok(());
            }
            let silent = Silent { job: first_job, source: history.text(source), horizon_ms, arm: None };
            history.count(silent, 1);
            for arm in arms {
                history.count(Silent { arm: Some(arm), ..silent }, 1);
            }
            Ok(())
        })?;
        drop(moment);
        history.sort();
        Ok(history)
    }

    /// The source of each job that counts; their times go into the history.
    fn job_sources(&self, up_to: i64, history: &mut History) -> Result<HashMap<i64, String>> {
        self.run(|connection| {
            let mut statement = connection.prepare("SELECT seq, started_at_ms, source FROM jobs WHERE seq <= ?1 AND fate = 'processed'")?;
            let mut rows = statement.query([up_to])?;
            let mut sources = HashMap::new();
            while let Some(row) = rows.next()? {
                history.jobs.insert(row.get(0)?, row.get(1)?);
                sources.insert(row.get(0)?, row.get(2)?);
            }
            Ok(sources)
        })
    }

    /// Every version of every experiment into the history; the place of each by its row.
    fn experiment_versions(&self, history: &mut History) -> Result<HashMap<u32, u32>> {
        let mut places = HashMap::new();
        for (row, version) in self.all_experiments()? {
            places.insert(row, u32::try_from(history.experiments.len()).unwrap_or(u32::MAX));
            history.experiments.push(version);
        }
        Ok(places)
    }

    /// What was reported of each lead that is known, in the order of jobs and rows.
    fn reports_by_lead(&self, up_to: i64) -> Result<HashMap<i64, Vec<Reported>>> {
        let mut reports: HashMap<i64, Vec<Reported>> = HashMap::new();
        let mut last: Option<(Uuid, Option<i64>)> = None;
        let broken = |error| super::classify(&self.path, error);
        let sql = "SELECT person, job, row, verdict, at_ms, revenue, revenue_scale, cost, cost_scale, script, variant FROM outcomes
             WHERE waiting = 0 AND job <= ?1 ORDER BY person, job, row";
        let mut statement = self.connection.prepare(sql).map_err(broken)?;
        let mut rows = statement.query([up_to]).map_err(broken)?;
        while let Some(row) = rows.next().map_err(broken)? {
            let person = Uuid::from_bytes(row.get(0).map_err(broken)?);
            let holder = match last {
                Some((known, holder)) if known == person => holder,
                _ => self.lead_of(person)?,
            };
            last = Some((person, holder));
            if let Some(holder) = holder {
                reports.entry(holder).or_default().push(reported(row).map_err(broken)?);
            }
        }
        Ok(reports)
    }

    fn walk_leads(&self, mut each: impl FnMut(Walked) -> Result<()>) -> Result<()> {
        let broken = |error| super::classify(&self.path, error);
        let mut statement = self.connection.prepare("SELECT id, job, accepted, source, arms FROM leads ORDER BY id").map_err(broken)?;
        let mut rows = statement.query([]).map_err(broken)?;
        while let Some(row) = rows.next().map_err(broken)? {
            let read = || -> rusqlite::Result<Walked> {
                Ok(Walked { id: row.get(0)?, job: row.get(1)?, accepted: row.get(2)?, source: row.get(3)?, arms: row.get(4)? })
            };
            each(read().map_err(broken)?)?;
        }
        Ok(())
    }

    /// The first accepted row of a lead, with its number.
    fn first_row(&self, walked: &Walked, first_job: i64) -> Result<(RowValues, u64)> {
        let columns = "email, name, value, scale, currency, location, phone, phone_e164, source, layout, extra, row";
        let read = |row: &rusqlite::Row<'_>| Ok((RowValues::read(row, 0)?, row.get::<_, i64>(11)?.unsigned_abs()));
        self.run(|connection| {
            if walked.accepted > 1 {
                let sql = format!("SELECT {columns} FROM history WHERE lead = ?1 AND job = ?2");
                return connection.prepare_cached(&sql)?.query_row(params![walked.id, first_job], read);
            }
            connection.prepare_cached(&format!("SELECT {columns} FROM leads WHERE id = ?1"))?.query_row([walked.id], read)
        })
    }
}

/// Adds one lead with what was reported of it.
fn add(history: &mut History, wishes: &Wishes<'_>, rules: &Rules, lead: &Lead<'_>, job: i64, arms: Vec<GivenArm>, reports: Vec<Reported>) {
    let traits = Traits::of(lead, wishes.columns);
    let band = lead.value.map(|value| rules.packet.bands.partition_point(|bound| bound.micros() <= value.micros()));
    let arrival = Arrival {
        job,
        row: lead.row,
        at_ms: (wishes.arrived_ms)(lead).unwrap_or(history.jobs[&job]),
        source: history.text(traits.source),
        horizon_ms: i64::from(rules.outcome.horizon_days) * DAY_MS,
        is_complete: rules.outcome.outcomes_complete,
        band: band.and_then(|band| u8::try_from(band).ok()),
        value_log10: traits.value_log10,
        location: history.text(traits.location),
        has_phone: traits.has_phone,
        is_free_mail: traits.is_free_mail,
        is_explored: is_explored(lead, &rules.score),
        arms,
    };
    history.add(arrival, &traits.columns, reports);
}

fn given_arms(packed: Option<&[u8]>, first_job: i64, up_to: i64, places: &HashMap<u32, u32>) -> Vec<GivenArm> {
    let given = experiments::given(packed.unwrap_or_default(), first_job).filter(|(.., job)| *job <= up_to);
    given.filter_map(|(row, variant, job)| Some(GivenArm { experiment: *places.get(&row)?, variant, job })).collect()
}

fn reported(row: &rusqlite::Row<'_>) -> rusqlite::Result<Reported> {
    let amount = |units: Option<i64>, scale: Option<u8>| units.and_then(|units| Decimal::new(units, scale.unwrap_or(0)));
    Ok(Reported {
        job: row.get(1)?,
        row: row.get::<_, i64>(2)?.unsigned_abs(),
        verdict: Verdict::from_code(row.get(3)?).unwrap_or(Verdict::Open),
        at_ms: row.get(4)?,
        revenue: amount(row.get(5)?, row.get(6)?),
        cost: amount(row.get(7)?, row.get(8)?),
        script: row.get(9)?,
        variant: row.get(10)?,
    })
}

/// The first job of each lead with several rows, in the order of leads: both walks go the same way.
struct FirstJobs<'s> {
    store: &'s Store,
    page: VecDeque<(i64, i64)>,
    after: i64,
    is_over: bool,
}

impl<'s> FirstJobs<'s> {
    fn of(store: &'s Store) -> Self {
        Self { store, page: VecDeque::new(), after: 0, is_over: false }
    }

    /// Asked for rising leads.
    fn of_lead(&mut self, lead: i64) -> Result<Option<i64>> {
        loop {
            while let Some((first, job)) = self.page.front().copied() {
                if first == lead {
                    return Ok(Some(job));
                }
                if first > lead {
                    return Ok(None);
                }
                self.page.pop_front();
            }
            if self.is_over {
                return Ok(None);
            }
            self.turn(lead)?;
        }
    }

    /// The next leads with a history, from this one on.
    fn turn(&mut self, lead: i64) -> Result<()> {
        let from = self.after.max(lead);
        let found: Vec<(i64, i64)> = self.store.run(|connection| {
            let sql = "SELECT lead, min(job) FROM history WHERE lead >= ?1 GROUP BY lead ORDER BY lead LIMIT 1000";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([from], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })?;
        self.is_over = found.is_empty();
        self.after = found.last().map_or(from, |(lead, _)| lead + 1);
        self.page = found.into();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::lead::lead_id_of;
    use crate::store::tests::scratch;

    /// Three jobs of ten days each: Ann and Ben came with the first, Cem with the second, Ann again with the third.
    fn filled(store: &Store) {
        let sql = |sql: &str| store.run(|c| c.execute_batch(sql)).expect(sql);
        for seq in 1..=3 {
            sql(&format!(
                "INSERT INTO jobs (seq, job_id, state, fate, dry_run, file, source, bytes, inode, rules, learned, started_at_ms, finished_at_ms, total,
                 accepted_new, accepted_updated, duplicates, rejected, leads_kept, moves, facts, report)
                 VALUES ({seq}, randomblob(16), 2, 'processed', 0, 'x.csv', 'mls', 9, 7, 'r', 0, {}, 0, 1, 1, 0, 0, 0, 1, '[]', '{{}}', '{{}}')",
                i64::from(seq) * 10 * DAY_MS
            ));
        }
        sql("INSERT INTO layouts VALUES (1, '[\"Lot\"]');
             INSERT INTO experiments (id, name, version, variants) VALUES (7, 'greeting', 1, '{\"salt\":\"s\",\"variants\":[[\"a\",\"1\"],[\"b\",\"3\"]]}');
             INSERT INTO history (lead, job, row, email, layout, value, scale) VALUES (1, 1, 4, 'ann@b.co', 1, 100, 0), (1, 3, 1, 'ann@b.co', 1, 999, 0)");
        let leads = [(1, "ann@b.co", 3, 1, 2, "NULL"), (2, "ben@b.co", 1, 2, 1, "'zillow'"), (3, "cem@b.co", 2, 1, 1, "NULL")];
        for (id, email, job, row, accepted, source) in leads {
            sql(&format!(
                "INSERT INTO leads (id, email, value, scale, source, layout, job, row, score, tier, arms, accepted)
                 VALUES ({id}, '{email}', 999, 0, {source}, 1, {job}, {row}, 0, 3, x'0700000001000000', {accepted})"
            ));
            let key = lead_id_of(email).as_u64_pair().0.cast_signed();
            sql(&format!("INSERT INTO lead_keys VALUES ({key}, {id})"));
        }
        let outcome = |email: &str, job: i64, verdict: u8, waiting: bool| {
            let person = lead_id_of(email);
            let values = params![person.as_bytes(), job, verdict, waiting];
            let insert = "INSERT INTO outcomes (person, job, row, verdict, waiting) VALUES (?1, ?2, 1, ?3, ?4)";
            store.run(|c| c.execute(insert, values)).expect("outcome");
        };
        outcome("ann@b.co", 2, 1, false);
        outcome("ann@b.co", 3, 0, false);
        outcome("dora@b.co", 2, 1, true);
    }

    fn history(store: &Store, up_to: i64, complete: &str) -> History {
        let rules = |source: &str| {
            let mut rules = Rules::default();
            rules.outcome.outcomes_complete = source == complete;
            Arc::new(rules)
        };
        store.history(&Wishes { up_to, columns: &[], arrived_ms: &|_| None, rules: &rules }).expect("history")
    }

    #[test]
    fn a_lead_is_as_it_first_arrived_and_only_what_came_until_then_is_known() {
        let (_dir, store) = scratch();
        filled(&store);
        let history = history(&store, 2, "");
        assert_eq!(history.experiments[0].arms, [("a".to_owned(), 0.25), ("b".to_owned(), 0.75)]);
        let view = history.as_of(2, 20 * DAY_MS, 1.0);
        let ann = view.leads().next().expect("the one of whom something was reported");
        assert_eq!((ann.arrival.job, ann.arrival.row, ann.arrival.value_log10, ann.result), (1, 4, Some(2.0), Some(true)));
        assert_eq!(ann.arrival.arms, [GivenArm { experiment: 0, variant: 1, job: 1 }]);
        assert_eq!(view.leads().count(), 1);
        let silent: Vec<(i64, &str, bool, u64)> =
            view.silent().map(|(silent, leads, _)| (silent.job, view.text(silent.source), silent.arm.is_some(), leads)).collect();
        assert_eq!(silent, [(1, "zillow", false, 1), (1, "zillow", true, 1), (2, "mls", false, 1), (2, "mls", true, 1)]);
        let all = self::history(&store, 3, "");
        assert_eq!(all.as_of(3, 30 * DAY_MS, 1.0).leads().next().expect("Ann").result, Some(false), "put right by the third job");
        assert_eq!(all.as_of(2, 20 * DAY_MS, 1.0).leads().next().expect("Ann").result, Some(true), "not yet known then");
    }

    #[test]
    fn whoever_may_be_lost_by_silence_is_kept() {
        let (_dir, store) = scratch();
        filled(&store);
        let history = history(&store, 3, "zillow");
        let results = |day: i64| history.as_of(3, day * DAY_MS, 1.0).leads().map(|seen| seen.result).collect::<Vec<_>>();
        assert_eq!((results(30), results(101)), (vec![None, Some(false)], vec![Some(false), Some(false)]));
    }
}
