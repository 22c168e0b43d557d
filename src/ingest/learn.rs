//! Lessons: what outcomes teach, worked off after the jobs that brought them.
//!
//! A job that brings or joins outcomes leaves a lesson behind in its own commit. [`Teacher`] works lessons out from the store
//! alone, in their order, on whatever thread; only the writer records what came of them, each in a transaction of its own
//! with its audit entries and alerts. A crash in between loses nothing: the lesson still waits. Ingestion goes on
//! meanwhile under the snapshot there is.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use uuid::Uuid;

use super::news::News;
use super::{EVERY_OTHER, Fatal, Ingest, rules_of};
use crate::clock;
use crate::config::Config;
use crate::engine::cells;
use crate::engine::features::{Model, Traits};
use crate::engine::lead::Lead;
use crate::engine::learned::Learned;
use crate::engine::outcomes::Part;
use crate::engine::outcomes::dates::read_date;
use crate::engine::rules::{Rules, cell_of};
use crate::journal::{Action, Alert};
use crate::learning::lesson::{self, Course, State, Taught, Told};
use crate::learning::model::{self, ModelState};
use crate::learning::trials;
use crate::store::history::Wishes;
use crate::store::lessons::Lesson;
use crate::store::{Group, Store, StoreError, open_to_read};

/// Everything that lessons are worked out with, on any thread.
#[derive(Debug, Clone)]
pub struct Teacher {
    config: Arc<Config>,
    rules: HashMap<String, Arc<Rules>>,
    /// What it works out is void once the writer has another.
    generation: Uuid,
}

/// A lesson with what it led to.
#[derive(Debug)]
pub struct Worked {
    lesson: Lesson,
    taught: Taught,
    generation: Uuid,
}

impl Teacher {
    /// Works lessons out beside the writer, handing over each; ends when none waits, when asked to stop, or when
    /// `hand` says so.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn work_beside(&self, stop: &AtomicBool, mut hand: impl FnMut(Worked) -> bool) -> Result<(), Fatal> {
        let store = open_to_read(&self.config.store.path)?;
        self.work_out(&store, stop, &mut |worked| Ok(hand(worked)))
    }

    /// Works out every lesson that waits at the beginning, in order. `hand` says whether to go on.
    fn work_out(&self, store: &Store, stop: &AtomicBool, hand: &mut dyn FnMut(Worked) -> Result<bool, Fatal>) -> Result<(), Fatal> {
        let lessons = store.lessons()?;
        let Some(first) = lessons.iter().position(|lesson| lesson.version.is_none()) else { return Ok(()) };
        let up_to = lessons.last().map_or(0, |lesson| lesson.job);
        let (known, waiting) = lessons.split_at(first);
        let snapshots: Vec<Learned> = known.iter().map(|lesson| snapshot(store, lesson)).collect::<Result<_, _>>()?;
        let columns = self.columns(&snapshots);
        let mut history = store.history(&Wishes {
            up_to,
            columns: &columns,
            arrived_ms: &|lead| self.arrived_ms(lead),
            rules: &|source| self.rules_for(source),
        })?;
        let mut models: Vec<Arc<Model>> = snapshots.iter().filter_map(|learned| learned.model.clone()).collect();
        let (mut behind, mut learned) = (0, Learned::none());
        for (lesson, snapshot) in known.iter().zip(snapshots) {
            history.predict(behind, lesson.job, &learned);
            (behind, learned) = (lesson.job, snapshot);
        }
        let mut state = match known.last() {
            Some(lesson) => store.lesson_state::<State>(lesson)?.unwrap_or_default(),
            None => State::default(),
        };
        let rules = self.rules_for("");
        let course = self.course(&rules);
        for waiting in waiting {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            history.predict(behind, waiting.job, &learned);
            behind = waiting.job;
            let taught = match &waiting.pin {
                Some(pin) => lesson::decide(&state, &learned, models.iter().find(|model| model.id == *pin)),
                None => {
                    lesson::teach(&state, &learned, &history.as_of(waiting.job, waiting.at_ms, self.config.model.mature_share), &course)
                }
            };
            (state, learned) = (taught.state.clone(), taught.learned.clone());
            models.extend(learned.model.clone().filter(|new| models.iter().all(|model| model.id != new.id)));
            if !hand(Worked { lesson: waiting.clone(), taught, generation: self.generation })? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Reads the leads that the active model was fitted on, as they are known now, in the order of the fit: what it looks at
    /// of each, and whether it converted. Writes nothing and needs no lock.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn fitted_on(
        config: &Arc<Config>,
        store: &Store,
        state: &ModelState,
        model: &Model,
        mut row: impl FnMut(&Traits<'_>, bool),
    ) -> Result<(), Fatal> {
        let Some(last) = store.last_lesson()? else { return Ok(()) };
        let sources = std::iter::once(EVERY_OTHER).chain(config.sources());
        let rules = sources.map(|source| (cells::standard_source(source).into_owned(), config.rules_for(Some(source)))).collect();
        let teacher = Self { config: Arc::clone(config), rules, generation: Uuid::nil() };
        let history = store.history(&Wishes {
            up_to: last.job,
            columns: &model.columns,
            arrived_ms: &|lead| teacher.arrived_ms(lead),
            rules: &|source| teacher.rules_for(source),
        })?;
        let (view, is_dated) = (history.as_of(last.job, last.at_ms, config.model.mature_share), config.model.date.is_some());
        let examples = lesson::examples(&view, &lesson::in_time(&view, is_dated), &model.columns, is_dated);
        let rows = model::fitted_on(state, model, &examples).unwrap_or_default();
        for example in &examples[rows] {
            row(&example.traits, example.converted);
        }
        Ok(())
    }

    /// The columns to read: those that are configured, and those of models that predicted.
    fn columns(&self, snapshots: &[Learned]) -> Vec<String> {
        let mut columns = self.config.model.features.clone();
        for column in snapshots.iter().filter_map(|learned| learned.model.as_ref()).flat_map(|model| &model.columns) {
            if !columns.contains(column) {
                columns.push(column.clone());
            }
        }
        columns
    }

    /// When a lead arrived, where a configured column says it.
    fn arrived_ms(&self, lead: &Lead<'_>) -> Option<i64> {
        let order = self.rules_for(lead.source).outcomes.dates.unwrap_or_default();
        read_date(cell_of(lead, self.config.model.date.as_deref()?), order)
    }

    fn course<'c>(&self, rules: &'c Rules) -> Course<'c> {
        let made = &self.config.model;
        Course {
            scripts: &rules.scripts,
            experiments: &rules.experiments,
            min_trials: rules.outcome.min_trials,
            coverage_min: made.coverage_min,
            is_dated: made.date.is_some(),
            model: model::Settings {
                columns: made.features.clone(),
                known_on_arrival: made.known_on_arrival.clone(),
                outcome_columns: rules.outcomes.aliases.get(&Part::Outcome).cloned().unwrap_or_default(),
                latest: made.latest as usize,
                leak_auc: made.leak_auc,
                baseline: made.baseline,
            },
        }
    }

    fn rules_for(&self, source: &str) -> Arc<Rules> {
        rules_of(&self.rules, Some(source))
    }
}

impl Ingest {
    /// What lessons are worked out with now; none when none waits.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn teacher(&self) -> Result<Option<Teacher>, Fatal> {
        let teacher = || Teacher { config: Arc::clone(&self.config), rules: self.rules.clone(), generation: self.generation };
        Ok(self.store.next_lesson()?.map(|_| teacher()))
    }

    /// Works off every lesson that waits, here and now; how many there were.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn learn(&mut self) -> Result<u64, Fatal> {
        let mut lessons = 0;
        while let Some(teacher) = self.teacher()? {
            let stop = Arc::clone(&self.stop);
            let store = open_to_read(self.store.path())?;
            teacher.work_out(&store, &stop, &mut |worked| {
                lessons += 1;
                self.take_lesson(worked)
            })?;
            if stop.load(Ordering::Relaxed) {
                break; // what is left waits for the next start
            }
        }
        Ok(lessons)
    }

    /// Works off every lesson that waits, of a past that was told when it happened: nothing of it is told again.
    pub(super) fn learn_again(&mut self) -> Result<(), Fatal> {
        while let Some(teacher) = self.teacher()? {
            let store = open_to_read(self.store.path())?;
            teacher.work_out(&store, &AtomicBool::new(false), &mut |worked| {
                let group = self.store.begin()?;
                finish(&group, &worked)?;
                group.commit()?;
                self.learned = Arc::new(worked.taught.learned);
                Ok(true)
            })?;
        }
        Ok(())
    }

    /// Records what a lesson led to, and goes on with it; false for one that was worked out in vain, because the history
    /// has changed under it.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn take_lesson(&mut self, worked: Worked) -> Result<bool, Fatal> {
        if worked.generation != self.generation || self.store.next_lesson()?.as_ref() != Some(&worked.lesson) {
            return Ok(false);
        }
        let at = clock::rfc3339(clock::now_ms());
        let group = self.store.begin()?;
        finish(&group, &worked)?;
        let Worked { lesson, taught, .. } = worked;
        for told in taught.told.iter().filter(|told| !self.is_told_already(told)) {
            self.tell_lesson(&group, &at, told, taught.learned.version)?;
        }
        group.commit()?;
        self.publish()?;
        tracing::info!(lesson = lesson.job, version = taught.learned.version, news = taught.told.len(), "learned");
        self.learned = Arc::new(taught.learned);
        Ok(true)
    }

    /// Experiments whose leads do not fall to the variants as the weights say, with the evidence for it.
    pub(super) fn mismatches(&self) -> Result<Vec<(String, f64)>, Fatal> {
        if self.rules.values().all(|rules| rules.experiments.is_empty()) {
            return Ok(Vec::new());
        }
        let judged = self.store.exposures()?.into_iter().map(|counts| trials::judge(&counts, 1));
        let found = judged.filter(|trial| trial.mismatch_assigned >= trials::MISMATCH_FROM);
        Ok(found.map(|trial| (trial.id, trial.mismatch_assigned)).collect())
    }

    /// Tells, in the commit that made it so, of experiments whose leads do not fall as the weights say any more: that shows
    /// before any outcome does. Which they are.
    pub(super) fn tell_mismatches(&self, group: &Group<'_>) -> Result<Vec<String>, Fatal> {
        let at = clock::rfc3339(clock::now_ms());
        let mut new = self.mismatches()?;
        new.retain(|(experiment, _)| !self.mismatched.contains(experiment));
        for (experiment, e_value) in &new {
            let told = Told::Mismatch { experiment: experiment.clone(), e_value: *e_value };
            self.tell_lesson(group, &at, &told, self.learned.version)?;
        }
        Ok(new.into_iter().map(|(experiment, _)| experiment).collect())
    }

    /// Pins a model that was active before, or none (`id` empty): from then on it is what the stages use, whatever later
    /// lessons find. Inside, a sentence for whoever asked.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn pin_model(&mut self, id: &str) -> Result<Result<(), String>, Fatal> {
        if !id.is_empty() && !self.store.was_active(id)? {
            return Ok(Err(format!("no model '{id}' was ever active; `valhalla model` lists those that were active")));
        }
        let group = self.store.begin()?;
        if !group.add_decision(id)? {
            return Ok(Err("nothing has been learned yet: there is no model to go back to".to_owned()));
        }
        self.audit(&group, &clock::rfc3339(clock::now_ms()), Action::ModelStep, |entry| {
            let step = if id.is_empty() { "released" } else { "pinned" };
            entry.detail = [("step".to_owned(), json!(step)), ("model".to_owned(), json!(id))].into();
        })?;
        group.commit()?;
        self.publish()?;
        self.go_back_to_what_is_known()?;
        Ok(Ok(()))
    }

    /// After history has changed: what is being worked out is void, and the stages know what the last lesson before the
    /// change taught, until the later ones are worked out anew.
    pub(super) fn go_back_to_what_is_known(&mut self) -> Result<(), Fatal> {
        self.generation = Uuid::now_v7();
        self.recall_learned()
    }

    /// The snapshot in force, as the store has it.
    pub(super) fn recall_learned(&mut self) -> Result<(), Fatal> {
        let last = self.store.last_lesson()?;
        self.learned = Arc::new(last.map_or(Ok(Learned::none()), |lesson| snapshot(&self.store, &lesson))?);
        Ok(())
    }

    /// A mismatch that showed in the assignments is told already.
    fn is_told_already(&self, told: &Told) -> bool {
        matches!(told, Told::Mismatch { experiment, .. } if self.mismatched.contains(experiment))
    }

    /// Something that a lesson found out: an alert with its figures, and for every step also an audit entry.
    fn tell_lesson(&self, group: &Group<'_>, at: &str, told: &Told, version: u64) -> Result<(), Fatal> {
        let news = News::of(told);
        if let Some(action) = news.action {
            self.audit(group, at, action, |entry| {
                entry.detail = news.figures.clone();
                entry.detail.insert("learned".to_owned(), json!(version));
            })?;
        }
        if let Some(code) = news.alert {
            let mut alert = Alert::new(code, &Uuid::now_v7().to_string(), at, &news.detail);
            (alert.metric, alert.threshold) = (news.metric, news.threshold);
            self.post_alert(group, &alert)?;
        }
        Ok(())
    }
}

/// Writes down what a lesson led to.
fn finish(group: &Group<'_>, Worked { lesson, taught, .. }: &Worked) -> Result<(), Fatal> {
    let state = serde_json::to_string(&taught.state).expect("a state is JSON: its numbers are finite");
    Ok(group.finish_lesson(lesson, &state, &taught.learned, taught.shadow.as_deref())?)
}

fn snapshot(store: &Store, lesson: &Lesson) -> Result<Learned, Fatal> {
    let lost = || StoreError::Damaged { path: store.path().display().to_string(), what: "a learned snapshot is missing".to_owned() };
    Ok(store.learned(lesson.version.unwrap_or_default())?.ok_or_else(lost)?)
}
