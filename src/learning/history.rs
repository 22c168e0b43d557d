//! What happened to leads: when each arrived, what was reported of it, and which of that counts.
//!
//! A [`History`] is read from the store once and looked at as of any job of it: the [`View`] knows nothing that came later.
//! Leads of which nothing was reported and which cannot count as lost by silence are only counted, not kept, so that
//! memory follows the outcomes and not the leads.
//!
//! What counts: a sale within the horizon of the arrival, or dated before it, is a conversion. Reported lost is none; nor is
//! a lead of a source that reports every outcome, once the horizon has passed in silence. Anything else is open, and never
//! counted as lost. Rates are made of mature leads: older than the horizon, of a source that reports every outcome, or of an
//! arrival job of which nearly all are resolved (an import of the past).

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::engine::decimal::Decimal;
use crate::engine::features::Traits;
use crate::engine::learned::Learned;
use crate::engine::outcomes::Verdict;

/// A text of a history, by its place.
pub type Text = u32;

/// One lead as it arrived, with its first accepted row.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::struct_excessive_bools)] // four independent facts
pub struct Arrival {
    /// Job of the first accepted row: its place in the order of commits.
    pub job: i64,
    /// That row.
    pub row: u64,
    /// When it arrived, milliseconds since 1970: the configured column, else the job's start.
    pub at_ms: i64,
    /// In standard form.
    pub source: Text,
    /// How long a sale counts as one of this lead, milliseconds.
    pub horizon_ms: i64,
    /// Whether its source reports every outcome.
    pub is_complete: bool,
    /// Value band, 0 the lowest; none without a value.
    pub band: Option<u8>,
    /// log10 of the value.
    pub value_log10: Option<f64>,
    /// As in the lead.
    pub location: Text,
    /// Whether there is a phone that reads as a number.
    pub has_phone: bool,
    /// Whether the e-mail is at a provider where anyone can get one.
    pub is_free_mail: bool,
    /// Whether it is one of those that are worked whatever their tier.
    pub is_explored: bool,
    /// The arms it was given, with the job that gave each.
    pub arms: Vec<GivenArm>,
}

/// An arm as given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GivenArm {
    /// Place in [`History::experiments`].
    pub experiment: u32,
    /// Place in its arms.
    pub variant: u32,
    /// The job that gave it.
    pub job: i64,
}

/// One reported outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Reported {
    /// The job that brought it.
    pub job: i64,
    /// Its row there.
    pub row: u64,
    /// What it says.
    pub verdict: Verdict,
    /// As dated, milliseconds since 1970.
    pub at_ms: Option<i64>,
    /// Exact.
    pub revenue: Option<Decimal>,
    /// Exact.
    pub cost: Option<Decimal>,
    /// The script that was really used, where the row says it.
    pub script: Option<String>,
    /// The variant that was really delivered, where the row says it.
    pub variant: Option<String>,
}

/// One version of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct ExperimentVersion {
    /// Its name.
    pub id: String,
    /// From 1.
    pub version: u32,
    /// Variants in the order of their ids, each with its share of the weights.
    pub arms: Vec<(String, f64)>,
}

/// Leads of which nothing was reported, alike in all that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Silent {
    /// Job in which they arrived.
    pub job: i64,
    /// Their source.
    pub source: Text,
    /// How long a sale would count, milliseconds.
    pub horizon_ms: i64,
    /// An arm they were given; the same leads are counted once without one and once for each arm.
    pub arm: Option<GivenArm>,
}

/// Everything the store knows about leads and what became of them.
#[derive(Debug, Default)]
pub struct History {
    /// When each job began, milliseconds since 1970.
    pub jobs: BTreeMap<i64, i64>,
    /// Every version of every experiment.
    pub experiments: Vec<ExperimentVersion>,
    /// The configured columns that a model may look at.
    columns: Vec<String>,
    texts: Vec<Box<str>>,
    places: HashMap<Box<str>, Text>,
    leads: Vec<Arrival>,
    /// The cells of the columns, lead after lead.
    cells: Vec<Text>,
    /// What was reported of each lead, in the order of jobs and rows.
    reports: Vec<Vec<Reported>>,
    silent: BTreeMap<Silent, u64>,
    /// The probability that each lead was given at arrival, as far as that is known yet.
    predicted: Vec<Option<f64>>,
}

impl History {
    /// An empty one, for these columns.
    #[must_use]
    pub fn of_columns(columns: Vec<String>) -> Self {
        Self { columns, ..Self::default() }
    }

    /// The place of a text, which is kept once.
    pub fn text(&mut self, text: &str) -> Text {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = Text::try_from(self.texts.len()).expect("fewer distinct texts than leads times columns, which fit into memory");
        self.texts.push(text.into());
        self.places.insert(text.into(), place);
        place
    }

    /// Adds a lead with the cells of the columns and what was reported of it, in the order of jobs and rows. Leads come in
    /// the order of arrival jobs and rows once [`sort`](Self::sort) has run.
    pub fn add(&mut self, arrival: Arrival, cells: &[&str], reports: Vec<Reported>) {
        let places: Vec<Text> = (0..self.columns.len()).map(|at| self.text(cells.get(at).copied().unwrap_or(""))).collect();
        self.cells.extend(places);
        self.leads.push(arrival);
        self.reports.push(reports);
        self.predicted.push(None);
    }

    /// Counts leads of which nothing was reported.
    pub fn count(&mut self, silent: Silent, leads: u64) {
        *self.silent.entry(silent).or_default() += leads;
    }

    /// Puts the leads into the order of their arrival: by job, then by row.
    pub fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.leads.len()).collect();
        order.sort_by_key(|at| (self.leads[*at].job, self.leads[*at].row));
        let width = self.columns.len();
        self.cells = order.iter().flat_map(|at| self.cells[at * width..(at + 1) * width].iter().copied()).collect();
        self.leads = order.iter().map(|at| self.leads[*at].clone()).collect();
        self.reports = order.iter().map(|at| std::mem::take(&mut self.reports[*at])).collect();
    }

    /// How many leads are kept one by one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.leads.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.leads.is_empty()
    }

    /// Gives the leads that arrived behind one job, up to another, the probability that they were given then.
    pub fn predict(&mut self, behind: i64, up_to: i64, learned: &Learned) {
        let from = self.leads.partition_point(|lead| lead.job <= behind);
        let end = self.leads.partition_point(|lead| lead.job <= up_to);
        let columns = self.places_of(learned.model.as_ref().map_or(&[], |model| &model.columns));
        for at in from..end {
            self.predicted[at] = learned.probability(self.leads[at].band, &self.traits(at, &columns));
        }
    }

    /// Where these columns stand in the history, for [`traits`](Self::traits).
    #[must_use]
    pub fn places_of(&self, columns: &[String]) -> Vec<Option<usize>> {
        columns.iter().map(|column| self.columns.iter().position(|own| own == column)).collect()
    }

    /// What a model may look at of a lead, with the cells of these columns.
    #[must_use]
    pub fn traits(&self, at: usize, columns: &[Option<usize>]) -> Traits<'_> {
        let (lead, first) = (&self.leads[at], at * self.columns.len());
        Traits {
            value_log10: lead.value_log10,
            source: self.texts[lead.source as usize].as_ref(),
            location: self.texts[lead.location as usize].as_ref(),
            has_phone: lead.has_phone,
            is_free_mail: lead.is_free_mail,
            columns: columns.iter().map(|column| column.map_or("", |column| &*self.texts[self.cells[first + column] as usize])).collect(),
        }
    }

    /// The history as it stood after a job, looked at from the time `now_ms`.
    #[must_use]
    pub fn as_of(&self, job: i64, now_ms: i64, mature_share: f64) -> View<'_> {
        let known = self.leads.partition_point(|lead| lead.job <= job);
        let fates: Vec<Fate> = (0..known).map(|at| self.fate(at, job, now_ms)).collect();
        let mut by_job: HashMap<i64, (u64, u64)> = HashMap::new();
        for (lead, fate) in self.leads.iter().zip(&fates) {
            let (leads, resolved) = by_job.entry(lead.job).or_default();
            *leads += 1;
            *resolved += u64::from(fate.is_reported);
        }
        for (silent, leads) in self.silent.iter().filter(|(silent, _)| silent.arm.is_none() && silent.job <= job) {
            by_job.entry(silent.job).or_default().0 += leads;
        }
        #[allow(clippy::cast_precision_loss)] // counts
        let imported = by_job.into_iter().filter(|(_, (leads, resolved))| *resolved as f64 >= mature_share * *leads as f64);
        let imported = imported.map(|(job, _)| job).collect();
        View { history: self, job, now_ms, fates, imported }
    }

    /// What had become of a lead by then.
    fn fate(&self, at: usize, job: i64, now_ms: i64) -> Fate {
        let lead = &self.leads[at];
        let is_aged = now_ms - lead.at_ms >= lead.horizon_ms;
        let (latest, date_ms) = self.latest(at, job).unzip();
        let verdict = latest.map(|report| report.verdict);
        let is_in_time = date_ms.is_some_and(|date_ms| date_ms - lead.at_ms <= lead.horizon_ms);
        let result = match verdict {
            Some(Verdict::Won) if is_in_time => Some(true),
            Some(Verdict::Lost) => Some(false),
            _ if lead.is_complete && is_aged => Some(false),
            _ => None,
        };
        Fate { result, is_reported: matches!(verdict, Some(Verdict::Won | Verdict::Lost)), is_aged }
    }

    /// The outcome that counts, with its date: the latest by date, else the job's start; then by job, then by row.
    fn latest(&self, at: usize, job: i64) -> Option<(&Reported, i64)> {
        let date = |report: &Reported| report.at_ms.or_else(|| self.jobs.get(&report.job).copied()).unwrap_or(i64::MIN);
        let mut known: Vec<&Reported> = self.reports[at].iter().filter(|report| report.job <= job).collect();
        known.sort_by_key(|report| (date(report), report.job, report.row));
        let latest = *known.last()?;
        if latest.at_ms.is_some() {
            return Some((latest, date(latest)));
        }
        // The same said again does not move a date that nobody has given.
        let first = known.iter().rev().take_while(|report| report.verdict == latest.verdict).last()?;
        Some((latest, date(first)))
    }
}

/// What has become of one lead.
#[derive(Debug, Clone, Copy)]
struct Fate {
    /// Whether it converted; none while that is open.
    result: Option<bool>,
    /// Whether somebody has reported it won or lost.
    is_reported: bool,
    /// Whether it is older than the horizon.
    is_aged: bool,
}

/// A history as it stood after a job.
#[derive(Debug)]
pub struct View<'h> {
    history: &'h History,
    /// The last job that counts.
    pub job: i64,
    /// The time it is looked at from, milliseconds since 1970.
    pub now_ms: i64,
    fates: Vec<Fate>,
    /// Arrival jobs of which nearly all leads are resolved.
    imported: std::collections::HashSet<i64>,
}

/// One lead of a view.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'h> {
    /// Its place in the history.
    pub at: usize,
    /// As it arrived.
    pub arrival: &'h Arrival,
    /// Whether it converted; none while that is open.
    pub result: Option<bool>,
    /// Whether rates may be made of it.
    pub is_mature: bool,
    /// The probability it was given at arrival.
    pub predicted: Option<f64>,
}

/// How many leads count, and of how many the outcome is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Coverage {
    /// Mature leads.
    pub mature: u64,
    /// Those of them whose outcome is known.
    pub resolved: u64,
    /// Those that converted.
    pub converted: u64,
}

impl<'h> View<'h> {
    /// Every lead that is kept one by one, in the order of arrival.
    pub fn leads(&self) -> impl Iterator<Item = Seen<'h>> + '_ {
        let history = self.history;
        self.fates.iter().enumerate().map(move |(at, fate)| {
            let arrival = &history.leads[at];
            let is_mature = fate.is_aged || arrival.is_complete || self.imported.contains(&arrival.job);
            Seen { at, arrival, result: fate.result, is_mature, predicted: history.predicted[at] }
        })
    }

    /// The leads that rates are made of: mature, with a known outcome.
    pub fn resolved(&self) -> impl Iterator<Item = (Seen<'h>, bool)> + '_ {
        self.leads().filter(|seen| seen.is_mature).filter_map(|seen| Some((seen, seen.result?)))
    }

    /// Leads of which nothing was reported, with their number and whether they are mature.
    pub fn silent(&self) -> impl Iterator<Item = (&'h Silent, u64, bool)> + '_ {
        let history = self.history;
        let known = history.silent.iter().filter(|(silent, _)| silent.job <= self.job);
        known.map(move |(silent, leads)| {
            let arrived_ms = history.jobs.get(&silent.job).copied().unwrap_or(i64::MAX);
            let is_mature = self.now_ms.saturating_sub(arrived_ms) >= silent.horizon_ms || self.imported.contains(&silent.job);
            (silent, *leads, is_mature)
        })
    }

    /// How much is known in all.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        let mut coverage = Coverage::default();
        for seen in self.leads().filter(|seen| seen.is_mature) {
            coverage.mature += 1;
            coverage.resolved += u64::from(seen.result.is_some());
            coverage.converted += u64::from(seen.result == Some(true));
        }
        let silent = self.silent().filter(|(silent, _, is_mature)| *is_mature && silent.arm.is_none());
        coverage.mature += silent.map(|(_, leads, _)| leads).sum::<u64>();
        coverage
    }

    /// What was last reported of a lead.
    #[must_use]
    pub fn report(&self, at: usize) -> Option<&'h Reported> {
        self.history.latest(at, self.job).map(|(report, _)| report)
    }

    /// The history it is a view of.
    #[must_use]
    pub fn history(&self) -> &'h History {
        self.history
    }

    /// A text of it.
    #[must_use]
    pub fn text(&self, place: Text) -> &'h str {
        &self.history.texts[place as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn arrival(history: &mut History, job: i64, row: u64) -> Arrival {
        let (source, location) = (history.text("csv"), history.text(""));
        Arrival {
            job,
            row,
            at_ms: history.jobs[&job],
            source,
            horizon_ms: 90 * DAY,
            is_complete: false,
            band: None,
            value_log10: None,
            location,
            has_phone: false,
            is_free_mail: false,
            is_explored: false,
            arms: Vec::new(),
        }
    }

    fn reported(job: i64, verdict: Verdict, at_ms: Option<i64>) -> Reported {
        Reported { job, row: 1, verdict, at_ms, revenue: None, cost: None, script: None, variant: None }
    }

    /// One lead of job 1 on day 0, with these reports, seen after `job` on `day`.
    fn result(reports: &[Reported], is_complete: bool, job: i64, day: i64) -> (Option<bool>, bool) {
        let mut history = History::of_columns(Vec::new());
        history.jobs = [(1, 0), (2, 10 * DAY), (3, 200 * DAY)].into();
        let arrival = Arrival { is_complete, ..arrival(&mut history, 1, 1) };
        history.add(arrival, &[], reports.to_vec());
        let silent = Silent { job: 1, source: 0, horizon_ms: 90 * DAY, arm: None };
        history.count(silent, 9); // so that one report makes no import of the past
        history.sort();
        let view = history.as_of(job, day * DAY, 0.95);
        let seen = view.leads().next().expect("the lead");
        (seen.result, seen.is_mature)
    }

    #[test]
    #[allow(clippy::type_complexity)] // a table of cases
    fn what_counts_as_converted_lost_and_open() {
        use Verdict::{Lost, Open, Won};
        let cases: [(&str, Vec<Reported>, bool, i64, i64, (Option<bool>, bool)); 11] = [
            ("nothing known", vec![], false, 1, 1, (None, false)),
            ("silent for long, of a source that need not tell", vec![], false, 3, 200, (None, true)),
            ("silent for long, of a source that tells all", vec![], true, 3, 200, (Some(false), true)),
            ("silent, not for long, of a source that tells all", vec![], true, 2, 10, (None, true)),
            ("won in time", vec![reported(2, Won, Some(80 * DAY))], false, 2, 85, (Some(true), false)),
            ("won before it came", vec![reported(2, Won, Some(-400 * DAY))], false, 2, 10, (Some(true), false)),
            ("won too late", vec![reported(3, Won, Some(150 * DAY))], false, 3, 200, (None, true)),
            ("lost", vec![reported(2, Lost, None)], false, 2, 10, (Some(false), false)),
            (
                "won, then put right",
                vec![reported(2, Won, Some(DAY)), reported(3, Lost, Some(2 * DAY))],
                false,
                3,
                200,
                (Some(false), true),
            ),
            (
                "an older date said later",
                vec![reported(2, Won, Some(5 * DAY)), reported(3, Lost, Some(4 * DAY))],
                false,
                3,
                200,
                (Some(true), true),
            ),
            ("open again", vec![reported(2, Lost, None), reported(3, Open, None)], false, 3, 200, (None, true)),
        ];
        for (what, reports, is_complete, job, day, expected) in cases {
            assert_eq!(result(&reports, is_complete, job, day), expected, "{what}");
        }
    }

    #[test]
    fn the_same_said_again_does_not_move_the_date() {
        let weekly = [reported(2, Verdict::Won, None), reported(3, Verdict::Won, None)];
        assert_eq!(result(&weekly, false, 3, 200), (Some(true), true), "won on day 10, said again on day 200");
        assert_eq!(result(&weekly[1..], false, 3, 200), (None, true), "said on day 200 only: beyond the horizon");
    }

    #[test]
    fn a_view_knows_nothing_that_came_later() {
        let later = [reported(2, Verdict::Won, None)];
        assert_eq!(result(&later, false, 1, 10), (None, false));
        assert_eq!(result(&later, false, 2, 10), (Some(true), false));
    }

    #[test]
    fn an_import_of_the_past_is_mature_at_once() {
        let mut history = History::of_columns(Vec::new());
        history.jobs = [(1, 0)].into();
        for row in 1..=20 {
            let (arrival, verdict) = (arrival(&mut history, 1, row), if row % 4 == 0 { Verdict::Won } else { Verdict::Lost });
            history.add(arrival, &[], if row == 20 { vec![] } else { vec![reported(1, verdict, None)] });
        }
        history.sort();
        let coverage = history.as_of(1, 0, 0.95).coverage();
        assert_eq!(coverage, Coverage { mature: 20, resolved: 19, converted: 4 });
        assert_eq!(history.as_of(1, 0, 0.96).coverage(), Coverage::default());
    }

    #[test]
    fn leads_arrive_in_the_order_of_jobs_and_rows_and_keep_their_cells() {
        let mut history = History::of_columns(vec!["Lot".into()]);
        history.jobs = [(1, 0), (2, 0)].into();
        for (job, row, cell) in [(2, 1, "c"), (1, 2, "b"), (1, 1, "a")] {
            let arrival = arrival(&mut history, job, row);
            history.add(arrival, &[cell], vec![]);
        }
        history.sort();
        let places = history.places_of(&["Garage".into(), "Lot".into()]);
        let cells: Vec<&str> = (0..3).flat_map(|at| history.traits(at, &places).columns).collect();
        assert_eq!(cells, ["", "a", "", "b", "", "c"]);
        history.predict(1, 2, &Learned { resolved: 8, converted: 2, ..Learned::none() });
        let predicted: Vec<Option<f64>> = history.as_of(2, 0, 0.95).leads().map(|seen| seen.predicted).collect();
        assert_eq!(predicted, [None, None, Some(0.25)]);
    }
}
