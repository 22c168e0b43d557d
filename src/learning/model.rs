//! The outcome model: when one is fitted, which of the candidates is active, how good it is, and whether it still holds.
//!
//! At a lesson up to three candidates are fitted on everything but the latest leads, and all are judged on those, which none of
//! them nor the active model has seen. One becomes active when its paired log loss is lower by more than one standard
//! error; the first of all has to beat the constant rate. Otherwise the best of them stays a shadow. A person can pin a
//! model; then nothing is activated, and shadows go on.
//!
//! Pure: the state after a lesson depends on the state before, on the examples and on the settings.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::encoding::{Encoding, Table};
pub use super::leakage::{Refused, RefusedWhy};
use super::leakage::{all_by_content, by_name};
pub use super::metrics::{Bin, Metrics};
use super::metrics::{count, loss};
use super::regression::{fit, fit_shift, in_order};
use crate::engine::features::{Input, Model, Recipe, Traits, probability_of};

/// Examples of each outcome that a model needs.
pub const EACH_MIN: u64 = 50;

/// Latest leads that candidates are compared on, and those of each outcome among them, at least.
pub const JUDGES_MIN: usize = 200;
const JUDGES_EACH_MIN: usize = 20;

/// Latest out-of-sample predictions that the intercept is fitted on again, at most and at least.
const SHIFT_MAX: usize = 500;
const SHIFT_MIN: usize = 100;
const SHIFT_EACH_MIN: usize = 10;

/// Latest predictions that drift is looked for in, at most and at least.
const DRIFT_MAX: usize = 500;
const DRIFT_MIN: usize = 200;

/// How many standard deviations the conversions must be off for an alert. It is looked at again with every lesson, so the
/// usual two would cry wolf each month: beyond four lies 0.006 % of a look, 2 % of a year of daily looks even if they were
/// independent, and consecutive windows overlap.
pub const DRIFT_Z: f64 = 4.0;

/// Where a told drift counts as over: well below, so that it is not told again and again around the threshold.
const DRIFT_OVER_Z: f64 = 2.0;

/// λ of the regression.
const PENALTY: f64 = 1.0;

/// One mature lead whose outcome is known, in the order of time.
#[derive(Debug, Clone)]
pub struct Example<'a> {
    /// What was known of it on arrival; the columns as in [`Settings::columns`].
    pub traits: Traits<'a>,
    /// Whether it converted.
    pub converted: bool,
    /// The probability that it was given at arrival, by whatever was active then.
    pub predicted: Option<f64>,
    /// Whether it was to be worked whatever its tier.
    pub explored: bool,
    /// Its place in time, never falling along the examples: date, job, row. It tells what a model has seen.
    pub order: Order,
}

/// A place in time: (date in ms, or 0 where only the order of arrival counts; place of the arrival job; row).
pub type Order = (i64, i64, u64);

/// What a lesson is held to.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The configured columns.
    pub columns: Vec<String>,
    /// Those that a person vouches for.
    pub known_on_arrival: Vec<String>,
    /// Headers that hold outcomes: never looked at.
    pub outcome_columns: Vec<String>,
    /// So many of the latest leads one of the candidates is fitted on.
    pub latest: usize,
    /// Area under the curve from which a column is a leak.
    pub leak_auc: f64,
    /// A probability that the model is held against.
    pub baseline: Option<f64>,
}

/// What is known of models after a lesson.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelState {
    /// The active model's id.
    pub active: Option<String>,
    /// The model that a person pinned.
    pub pinned: Option<String>,
    /// The best candidate that was not activated.
    pub shadow: Option<Candidate>,
    /// Columns that are not looked at.
    pub refused: Vec<Refused>,
    /// Every model that was ever active, in the order of its first activation.
    pub versions: Vec<Version>,
    /// The active model on all leads later than those it was fitted on.
    pub metrics: Option<Metrics>,
    /// The same on those that are worked whatever their tier.
    pub explored: Option<Metrics>,
    /// The probabilities that leads were given at arrival, by whatever was active then.
    pub given: Option<Metrics>,
    /// The active model against the configured baseline, on the leads of `metrics`.
    pub baseline: Option<Comparison>,
    /// Whether the latest predictions still hold.
    pub drift: Option<Drift>,
    /// Why there is no active model.
    pub reason: Option<Reason>,
    /// Examples.
    pub leads: u64,
    /// Those that converted.
    pub conversions: u64,
    /// Examples at the last fit.
    pub trained_at: u64,
    /// Conversions among them.
    pub conversions_at: u64,
    /// The settings of the last fit, as a hash.
    pub trained_with: String,
}

/// Why there is no active model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Too few outcomes of one kind.
    Outcomes {
        /// Conversions so far.
        converted: u64,
        /// The others.
        not_converted: u64,
        /// Of each.
        need: u64,
    },
    /// No candidate has beaten the constant rate yet.
    NoneBetter,
    /// What is left beside the latest leads, which judge, has too few outcomes of one kind.
    TooFewToFit,
}

/// A fitted model that is not active.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The model.
    pub id: String,
    /// What it was fitted on.
    pub recipe: Recipe,
    /// Leads it was fitted on.
    pub leads: u64,
    /// Those that converted.
    pub conversions: u64,
    /// How it did against what is active; none where there were too few leads that neither had seen.
    pub comparison: Option<Comparison>,
    /// Why it is not active.
    pub why: Why,
}

/// Why a candidate is not active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Its log loss is not lower by more than one standard error.
    NotBetter,
    /// Too few leads came in since the active model was fitted.
    TooFewUnseen {
        /// Leads that neither has seen.
        have: u64,
        /// Conversions among them.
        converted: u64,
    },
    /// A person pinned another one.
    Pinned,
}

/// Two ways to predict, paired on the same leads.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Leads.
    pub leads: u64,
    /// Those that converted.
    pub conversions: u64,
    /// Mean log loss.
    pub log_loss: f64,
    /// That of what it is held against.
    pub rival: f64,
    /// Mean of rival − own: above 0 it is better.
    pub gain: f64,
    /// Standard error of that mean.
    pub standard_error: f64,
}

/// A model that is or was active.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// The model.
    pub id: String,
    /// What it was fitted on.
    pub recipe: Recipe,
    /// Leads it was fitted on.
    pub leads: u64,
    /// Those that converted.
    pub conversions: u64,
    /// What it was activated for.
    pub comparison: Comparison,
    /// On the leads that it was compared on.
    pub metrics: Option<Metrics>,
    /// The last lead it may have seen.
    pub seen: Order,
}

/// The latest predictions against what happened.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Predictions that were looked at.
    pub leads: u64,
    /// Conversions.
    pub observed: u64,
    /// Sum of the probabilities.
    pub expected: f64,
    /// (observed − expected) / √Σp(1 − p)
    pub z: f64,
    /// Whether it is told, and not over yet.
    pub is_told: bool,
}

impl Default for Drift {
    fn default() -> Self {
        Self { leads: 0, observed: 0, expected: 0.0, z: 0.0, is_told: false }
    }
}

/// What a lesson ends with.
#[derive(Debug, Clone)]
pub struct Lesson {
    /// The next lesson goes on from it.
    pub state: ModelState,
    /// The active model.
    pub active: Option<Arc<Model>>,
    /// The best candidate that was not activated; none where no fit was due.
    pub shadow: Option<Arc<Model>>,
    /// What is worth an entry in the audit trail, or an alert.
    pub told: Vec<Told>,
}

/// What a lesson did.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// Candidates were fitted.
    Trained {
        /// Examples.
        leads: u64,
        /// Those that converted.
        conversions: u64,
        /// How many candidates.
        candidates: usize,
    },
    /// One became active.
    Activated {
        /// What was active before.
        from: Option<String>,
        /// What is now.
        to: String,
        /// What it was fitted on.
        recipe: Recipe,
        /// By these figures.
        comparison: Comparison,
    },
    /// The active model looks at a column that is refused or no longer configured.
    Withdrawn {
        /// The model.
        id: String,
        /// The column.
        column: String,
    },
    /// A column is refused from now on.
    Refused(Refused),
    /// The latest predictions do not hold any more.
    Drift(Drift),
    /// They do again.
    DriftOver(Drift),
}

/// One lesson: from the state before, the active model and all examples in the order of time.
#[must_use]
pub fn learn(previous: &ModelState, active: Option<&Arc<Model>>, examples: &[Example<'_>], settings: &Settings) -> Lesson {
    let conversions = examples.iter().filter(|example| example.converted).count();
    let mut state = ModelState { leads: examples.len() as u64, conversions: conversions as u64, ..previous.clone() };
    let with = fingerprint(settings);
    let mut lesson = Lesson { state: ModelState::default(), active: active.cloned(), shadow: None, told: Vec::new() };
    let (won, lost) = (state.conversions, state.leads - state.conversions);
    let leads: Vec<(&Traits<'_>, bool)> = examples.iter().map(|example| (&example.traits, example.converted)).collect();
    if won < EACH_MIN || lost < EACH_MIN {
        let few = Reason::Outcomes { converted: won, not_converted: lost, need: EACH_MIN };
        state.reason = active.is_none().then_some(few);
    } else if is_due(&state, &with) {
        let table = Table::of(&leads, &settings.columns, |at| !matches!(name_refusal(settings, at), Some(RefusedWhy::IsOutcome)));
        refuse(&mut state, &table, settings, &mut lesson.told);
        withdraw(&mut state, &mut lesson, settings);
        train(&mut state, &mut lesson, &table, examples, settings);
        (state.trained_at, state.conversions_at, state.trained_with) = (state.leads, state.conversions, with);
    }
    // Carried on or new: how it does on what it has not seen.
    measure(&mut state, lesson.active.as_deref(), &leads, examples, settings);
    state.drift = drift(examples, state.drift.is_some_and(|drift| drift.is_told), &mut lesson.told);
    lesson.state = state;
    lesson
}

/// The lesson by which a person pins a model that was active before.
#[must_use]
pub fn pin(previous: &ModelState, model: &Arc<Model>) -> Lesson {
    let state = ModelState { active: Some(model.id.clone()), pinned: Some(model.id.clone()), reason: None, ..previous.clone() };
    Lesson { state: unmeasured(state, previous), active: Some(model.clone()), shadow: None, told: Vec::new() }
}

/// The lesson by which a person lets the gate decide again; what is active stays until it is beaten.
#[must_use]
pub fn release(previous: &ModelState, active: Option<&Arc<Model>>) -> Lesson {
    // The next outcomes bring a fit, however few they are.
    let state = ModelState { pinned: None, trained_with: String::new(), ..previous.clone() };
    Lesson { state, active: active.cloned(), shadow: None, told: Vec::new() }
}

/// The names of a model's features in the order of [`row`], the intercept not among them.
#[must_use]
pub fn feature_names(model: &Model) -> Vec<String> {
    use crate::engine::features::Effect;
    let names = model.terms.iter().flat_map(|term| {
        let input = input_name(model, term.input);
        match &term.effect {
            Effect::Number { missing, .. } => {
                let missing = (*missing != 0.0).then(|| format!("{input} (missing)"));
                std::iter::once(input).chain(missing).collect::<Vec<_>>()
            }
            Effect::Level { levels, other } => {
                let other = (*other != 0.0).then(|| format!("{input} (other)"));
                levels.iter().map(|(level, _)| format!("{input}={level}")).chain(other).collect()
            }
            Effect::Flag { .. } => vec![input],
        }
    });
    names.collect()
}

/// The weights, in the order of [`feature_names`].
#[must_use]
pub fn weights(model: &Model) -> Vec<f64> {
    use crate::engine::features::Effect;
    let each = model.terms.iter().flat_map(|term| match &term.effect {
        Effect::Number { weight, missing, .. } => std::iter::once(*weight).chain((*missing != 0.0).then_some(*missing)).collect::<Vec<_>>(),
        Effect::Level { levels, other } => levels.iter().map(|level| level.1).chain((*other != 0.0).then_some(*other)).collect(),
        Effect::Flag { weight } => vec![*weight],
    });
    each.collect()
}

/// A lead as a row of the model's design matrix; `traits.columns` as in [`Model::columns`].
#[must_use]
pub fn row(model: &Model, traits: &Traits<'_>) -> Vec<f64> {
    use crate::engine::features::Effect;
    let flag = |holds: bool| if holds { 1.0 } else { 0.0 };
    let mut row = Vec::new();
    for term in &model.terms {
        let text = match term.input {
            Input::Source => traits.source,
            Input::Location => traits.location,
            Input::Column(at) => traits.columns.get(at).copied().unwrap_or(""),
            Input::Value | Input::Phone | Input::FreeMail => "",
        };
        match &term.effect {
            Effect::Number { mean, deviation, missing, .. } => {
                let number = if term.input == Input::Value { traits.value_log10 } else { crate::engine::features::number_of(text) };
                row.push(number.map_or(0.0, |x| (x - mean) / deviation));
                if *missing != 0.0 {
                    row.push(flag(number.is_none()));
                }
            }
            Effect::Level { levels, other } => {
                let own = levels.binary_search_by(|(name, _)| name.as_str().cmp(text)).ok(); // none: one of the others
                row.extend((0..levels.len()).map(|at| flag(own == Some(at))));
                if *other != 0.0 {
                    row.push(flag(own.is_none()));
                }
            }
            Effect::Flag { .. } => row.push(flag(if term.input == Input::Phone { traits.has_phone } else { traits.is_free_mail })),
        }
    }
    row
}

/// What an input is called.
#[must_use]
pub fn input_name(model: &Model, input: Input) -> String {
    match input {
        Input::Value => "log10(value)".into(),
        Input::Source => "source".into(),
        Input::Location => "location".into(),
        Input::Phone => "has a phone".into(),
        Input::FreeMail => "free e-mail".into(),
        Input::Column(at) => model.columns.get(at).cloned().unwrap_or_default(),
    }
}

/// The examples that a model of this state was fitted on, as far as they are the same now: for the design matrix.
#[must_use]
pub fn fitted_on(state: &ModelState, model: &Model, examples: &[Example<'_>]) -> Option<Range<usize>> {
    let version = state.versions.iter().find(|version| version.id == model.id)?;
    let end = examples.partition_point(|example| example.order <= version.seen);
    Some(end.saturating_sub(usize::try_from(model.leads).unwrap_or(usize::MAX))..end)
}

/// Whether enough is new for another fit: a hundredth, so that a thousand files of one outcome each do not cost a thousand fits.
fn is_due(state: &ModelState, with: &str) -> bool {
    let change = state.leads.abs_diff(state.trained_at).max(state.conversions.abs_diff(state.conversions_at));
    state.trained_with != with || change >= (state.trained_at / 100).max(1)
}

/// The settings that a fit depends on.
fn fingerprint(settings: &Settings) -> String {
    let Settings { columns, known_on_arrival, outcome_columns, latest, leak_auc, baseline: _ } = settings;
    let text = format!("{columns:?} {known_on_arrival:?} {outcome_columns:?} {latest} {leak_auc:?}");
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(digest: &[u8]) -> String {
    use std::fmt::Write;
    digest.iter().take(4).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a string has room
        text
    })
}

fn name_refusal(settings: &Settings, column: usize) -> Option<RefusedWhy> {
    by_name(&settings.columns[column], &settings.known_on_arrival, &settings.outcome_columns)
}

/// What is not looked at from now on.
fn refuse(state: &mut ModelState, table: &Table<'_>, settings: &Settings, told: &mut Vec<Told>) {
    let mut refused: Vec<Refused> = (0..settings.columns.len())
        .filter_map(|at| name_refusal(settings, at).map(|why| Refused { column: settings.columns[at].clone(), why }))
        .collect();
    for found in all_by_content(table, settings.leak_auc) {
        if !refused.iter().any(|other| other.column == found.column) {
            refused.push(found);
        }
    }
    let is_new = |refused: &&Refused| !state.refused.iter().any(|old| old.column == refused.column);
    told.extend(refused.iter().filter(is_new).cloned().map(Told::Refused));
    state.refused = refused;
}

/// Takes away an active model that looks at what it may not, or at what is not there any more. Being right about the past
/// by a leak, it would never be beaten.
fn withdraw(state: &mut ModelState, lesson: &mut Lesson, settings: &Settings) {
    let Some(model) = lesson.active.as_ref().filter(|_| state.pinned.is_none()) else { return };
    let used = model.terms.iter().map(|term| (term.input, table_name(model, term.input)));
    let unfit = |(input, name): &(Input, String)| {
        let is_gone = matches!(input, Input::Column(_)) && !settings.columns.contains(name);
        is_gone || state.refused.iter().any(|refused| refused.column == *name)
    };
    if let Some((_, column)) = used.into_iter().find(unfit) {
        lesson.told.push(Told::Withdrawn { id: model.id.clone(), column });
        (lesson.active, state.active) = (None, None);
    }
}

/// The name of an input as [`Table`] and [`Refused`] have it.
fn table_name(model: &Model, input: Input) -> String {
    match input {
        Input::Value => "value".into(),
        Input::Phone => "phone".into(),
        other => input_name(model, other),
    }
}

/// A model that was fitted, with the log odds that it gives to the leads that judge.
struct Fitted {
    model: Model,
    judged: Vec<f64>,
    comparison: Option<Comparison>,
}

/// Fits the candidates, lets them be judged, and activates the best or keeps it as a shadow.
fn train(state: &mut ModelState, lesson: &mut Lesson, table: &Table<'_>, examples: &[Example<'_>], settings: &Settings) {
    let active = lesson.active.clone();
    let seen = active.as_ref().and_then(|model| state.versions.iter().find(|version| version.id == model.id)).map(|version| version.seen);
    let first_unseen = seen.map_or(0, |seen| examples.partition_point(|example| example.order <= seen));
    let judges = judges(table);
    let before = 0..judges.start;
    let mut fitted = candidates(state, active.as_deref(), first_unseen, table, &before, settings);
    if fitted.is_empty() {
        state.reason = active.is_none().then_some(Reason::TooFewToFit);
        return;
    }
    lesson.told.push(Told::Trained { leads: state.leads, conversions: state.conversions, candidates: fitted.len() });

    // Of the leads that judge only those count that the active model has not seen either.
    let fair = judges.start.max(first_unseen.min(judges.end))..judges.end;
    let converted = table.conversions(fair.clone());
    let is_enough = fair.len() >= JUDGES_MIN && converted >= JUDGES_EACH_MIN && fair.len() - converted >= JUDGES_EACH_MIN;
    let rate = count(table.conversions(before.clone())) / count(before.len());
    let rival: Vec<f64> = match &active {
        Some(model) => table.log_odds(model, fair.clone()).into_iter().map(probability_of).collect(),
        None => vec![rate; fair.len()],
    };
    let outcomes = &table.outcomes[fair.clone()];
    for candidate in &mut fitted {
        candidate.judged = table.log_odds(&candidate.model, fair.clone()).into_iter().map(probability_of).collect();
        candidate.comparison = is_enough.then(|| compare(&candidate.judged, &rival, outcomes));
    }
    let order = |candidate: &Fitted| candidate.comparison.map_or(0.0, |comparison| comparison.log_loss);
    let Some(best) = fitted.into_iter().min_by(|a, b| order(a).total_cmp(&order(b))) else { return };

    let passes = best.comparison.filter(|comparison| comparison.gain > comparison.standard_error);
    let id = best.model.id.clone();
    let (recipe, leads, conversions) = (best.model.recipe, best.model.leads, best.model.conversions);
    match passes {
        Some(comparison) if state.pinned.is_none() => {
            let pairs: Vec<(f64, bool)> = best.judged.iter().copied().zip(outcomes.iter().copied()).collect();
            let seen = examples[judges.start - 1].order;
            let version = Version { id: id.clone(), recipe, leads, conversions, comparison, metrics: Metrics::of(&pairs), seen };
            state.versions.retain(|old| old.id != id);
            state.versions.push(version);
            lesson.told.push(Told::Activated { from: active.map(|model| model.id.clone()), to: id.clone(), recipe, comparison });
            (state.active, state.shadow, state.reason) = (Some(id), None, None);
            lesson.active = Some(Arc::new(best.model));
        }
        _ => {
            let why = match (&state.pinned, best.comparison) {
                (Some(_), _) => Why::Pinned,
                (None, Some(_)) => Why::NotBetter,
                (None, None) => Why::TooFewUnseen { have: fair.len() as u64, converted: converted as u64 },
            };
            state.shadow = Some(Candidate { id, recipe, leads, conversions, comparison: best.comparison, why });
            state.reason = active.is_none().then_some(Reason::NoneBetter);
            lesson.shadow = Some(Arc::new(best.model));
        }
    }
}

/// The latest leads, enough of them and of each outcome.
fn judges(table: &Table<'_>) -> Range<usize> {
    let (mut won, mut lost) = (0, 0);
    for at in (0..table.len()).rev() {
        if table.outcomes[at] {
            won += 1;
        } else {
            lost += 1;
        }
        if won + lost >= JUDGES_MIN && won >= JUDGES_EACH_MIN && lost >= JUDGES_EACH_MIN {
            return at..table.len();
        }
    }
    0..table.len()
}

/// Up to three, each fitted on leads of `before` only.
fn candidates(
    state: &ModelState,
    active: Option<&Model>,
    first_unseen: usize,
    table: &Table<'_>,
    before: &Range<usize>,
    settings: &Settings,
) -> Vec<Fitted> {
    let mut fitted = Vec::new();
    let mut add = |model: Option<Model>| {
        let fitted_model = model.map(|model| Fitted { model: named(model), judged: Vec::new(), comparison: None });
        fitted.extend(fitted_model);
    };
    add(regress(state, table, before.clone(), Recipe::AllHistory));
    if settings.latest < before.len() {
        add(regress(state, table, before.end - settings.latest..before.end, Recipe::Latest));
    }
    if let Some(model) = active {
        let unseen = first_unseen.max(before.end.saturating_sub(SHIFT_MAX)).min(before.end)..before.end;
        add(shifted(model, table, unseen));
    }
    fitted
}

fn regress(state: &ModelState, table: &Table<'_>, rows: Range<usize>, recipe: Recipe) -> Option<Model> {
    let won = table.conversions(rows.clone()) as u64;
    if won.min(rows.len() as u64 - won) < EACH_MIN {
        return None;
    }
    let encoding = Encoding::of(table, &rows, |source| state.refused.iter().any(|refused| refused.column == source.name));
    let fitted = fit(&encoding.design(table, rows.clone()), PENALTY);
    Some(encoding.model(table, &fitted, recipe, rows))
}

/// The active model with its intercept fitted on leads that it has not seen.
fn shifted(model: &Model, table: &Table<'_>, unseen: Range<usize>) -> Option<Model> {
    let won = table.conversions(unseen.clone());
    if unseen.len() < SHIFT_MIN || won.min(unseen.len() - won) < SHIFT_EACH_MIN {
        return None;
    }
    let shift = fit_shift(&table.log_odds(model, unseen.clone()), &table.outcomes[unseen]);
    Some(Model { recipe: Recipe::Intercept, intercept: model.intercept + shift, ..model.clone() })
}

/// With its id, told from the rest of it.
fn named(model: Model) -> Model {
    let unnamed = Model { id: String::new(), ..model };
    let text = serde_json::to_string(&unnamed).expect("numbers and texts have a JSON form");
    Model { id: hex(&Sha256::digest(text.as_bytes())), ..unnamed }
}

/// Paired on the same leads: the mean gain in log loss and its standard error.
fn compare(own: &[f64], rival: &[f64], outcomes: &[bool]) -> Comparison {
    let n = count(outcomes.len());
    let losses = |given: &[f64]| given.iter().zip(outcomes).map(|(p, won)| loss(*p, *won)).collect::<Vec<f64>>();
    let (own, rival) = (losses(own), losses(rival));
    let gains: Vec<f64> = own.iter().zip(&rival).map(|(own, rival)| rival - own).collect();
    let gain = in_order(gains.iter().copied()) / n;
    let variance = in_order(gains.iter().map(|each| (each - gain) * (each - gain))) / (n - 1.0).max(1.0);
    Comparison {
        leads: outcomes.len() as u64,
        conversions: outcomes.iter().filter(|won| **won).count() as u64,
        log_loss: in_order(own) / n,
        rival: in_order(rival) / n,
        gain,
        standard_error: (variance / n).sqrt(),
    }
}

/// What the active model and the given probabilities were worth.
fn measure(state: &mut ModelState, active: Option<&Model>, leads: &[(&Traits<'_>, bool)], examples: &[Example<'_>], settings: &Settings) {
    state.given = Metrics::of(&examples.iter().filter_map(|example| example.predicted.map(|p| (p, example.converted))).collect::<Vec<_>>());
    (state.metrics, state.explored, state.baseline) = (None, None, None);
    let Some(model) = active else { return };
    let Some(seen) = state.versions.iter().find(|version| version.id == model.id).map(|version| version.seen) else { return };
    let from = examples.partition_point(|example| example.order <= seen);
    let used = |at: usize| model.columns.contains(&settings.columns[at]);
    if model.columns.iter().any(|column| !settings.columns.contains(column)) {
        // A pinned model may look at a column that is configured no more: its cells are not at hand.
        return;
    }
    let table = Table::of(&leads[from..], &settings.columns, used);
    let given: Vec<f64> = table.log_odds(model, 0..table.len()).into_iter().map(probability_of).collect();
    let pairs: Vec<(f64, bool)> = given.iter().copied().zip(table.outcomes.iter().copied()).collect();
    let explored: Vec<(f64, bool)> =
        pairs.iter().zip(&examples[from..]).filter(|(_, example)| example.explored).map(|(pair, _)| *pair).collect();
    state.metrics = Metrics::of(&pairs);
    state.explored = Metrics::of(&explored);
    state.baseline = settings.baseline.filter(|_| !given.is_empty()).map(|p| compare(&given, &vec![p; given.len()], &table.outcomes));
}

/// The latest probabilities given at arrival against what happened.
fn drift(examples: &[Example<'_>], was_told: bool, told: &mut Vec<Told>) -> Option<Drift> {
    let mut latest: Vec<(f64, bool)> =
        examples.iter().rev().filter_map(|example| example.predicted.map(|p| (p, example.converted))).take(DRIFT_MAX).collect();
    latest.reverse();
    if latest.len() < DRIFT_MIN {
        return None;
    }
    let observed = latest.iter().filter(|pair| pair.1).count();
    let expected = in_order(latest.iter().map(|pair| pair.0));
    let variance = in_order(latest.iter().map(|pair| pair.0 * (1.0 - pair.0)));
    let z = (count(observed) - expected) / variance.sqrt().max(1e-9);
    let is_told = z.abs() >= if was_told { DRIFT_OVER_Z } else { DRIFT_Z };
    let drift = Drift { leads: latest.len() as u64, observed: observed as u64, expected, z, is_told };
    match (was_told, is_told) {
        (false, true) => told.push(Told::Drift(drift)),
        (true, false) => told.push(Told::DriftOver(drift)),
        _ => {}
    }
    Some(drift)
}

/// After a decision the figures are those of the version, until outcomes measure it again.
fn unmeasured(state: ModelState, previous: &ModelState) -> ModelState {
    if state.active == previous.active {
        return state;
    }
    let metrics =
        state.versions.iter().find(|version| Some(&version.id) == state.active.as_ref()).and_then(|version| version.metrics.clone());
    ModelState { metrics, explored: None, baseline: None, ..state }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::encoding::FEATURES_MAX;

    /// Cells of three columns and whether the lead converted: `hot` ones mostly do, numbers help a little, towns say nothing.
    fn leads(count: u64) -> Vec<([String; 3], bool)> {
        let mut state = 11_u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut lead = || {
            let (is_hot, number, town) = (next(3) == 0, next(100), next(70));
            let chance = if is_hot { 50 } else { 10 } + number / 5;
            let number = if next(20) == 0 { String::new() } else { number.to_string() };
            ([if is_hot { "hot" } else { "Select" }.to_owned(), number, format!("town {town}")], next(100) < chance)
        };
        (0..count).map(|_| lead()).collect()
    }

    fn examples(leads: &[([String; 3], bool)]) -> Vec<Example<'_>> {
        (0_u64..)
            .zip(leads)
            .map(|(at, (cells, converted))| Example {
                traits: Traits {
                    value_log10: Some(5.0),
                    source: "csv",
                    location: "",
                    has_phone: at % 3 == 0,
                    is_free_mail: at % 2 == 0,
                    columns: cells.iter().map(String::as_str).collect(),
                },
                converted: *converted,
                predicted: None,
                explored: at % 20 == 0,
                order: (0, 1, at),
            })
            .collect()
    }

    fn settings(columns: [&str; 3]) -> Settings {
        Settings {
            columns: columns.map(str::to_owned).to_vec(),
            known_on_arrival: Vec::new(),
            outcome_columns: Vec::new(),
            latest: 3000,
            leak_auc: 0.95,
            baseline: Some(0.3),
        }
    }

    fn usual() -> Settings {
        settings(["warmth", "visits", "town"])
    }

    fn first(examples: &[Example<'_>]) -> Lesson {
        learn(&ModelState::default(), None, examples, &usual())
    }

    #[test]
    fn too_few_outcomes_are_counted() {
        let leads = leads(100);
        let lesson = first(&examples(&leads));
        let converted = leads.iter().filter(|lead| lead.1).count() as u64;
        assert!(converted < 50 && lesson.active.is_none() && lesson.told.is_empty());
        assert_eq!(lesson.state.reason, Some(Reason::Outcomes { converted, not_converted: 100 - converted, need: 50 }));
    }

    #[test]
    fn the_first_model_beats_the_constant_rate_on_leads_it_has_not_seen() {
        let leads = leads(2000);
        let examples = examples(&leads);
        let lesson = first(&examples);
        let model = lesson.active.expect("the signal is strong");
        let version = &lesson.state.versions[0];
        assert_eq!(lesson.state.active.as_ref(), Some(&model.id));
        assert!(version.comparison.gain > version.comparison.standard_error && version.comparison.leads >= 200);
        // What judged had no part in the fit.
        assert_eq!(model.leads + version.comparison.leads, 2000);
        assert_eq!(version.seen, examples[usize::try_from(model.leads).expect("small") - 1].order);
        assert_eq!(lesson.state.metrics.as_ref().map(|metrics| metrics.leads), Some(version.comparison.leads));
        assert_eq!(fitted_on(&lesson.state, &model, &examples), Some(0..2000 - usize::try_from(version.comparison.leads).expect("small")));
        assert!(lesson.state.baseline.is_some() && lesson.state.drift.is_none());
    }

    #[test]
    fn noise_does_not_become_a_model() {
        let mut leads = leads(2000);
        for (at, lead) in leads.iter_mut().enumerate() {
            lead.1 = at % 5 == 0;
        }
        let lesson = first(&examples(&leads));
        assert!(lesson.active.is_none() && lesson.shadow.is_some(), "{:?}", lesson.state.versions);
        assert_eq!((lesson.state.reason, lesson.state.shadow.map(|shadow| shadow.why)), (Some(Reason::NoneBetter), Some(Why::NotBetter)));
    }

    #[test]
    fn many_at_once_and_one_by_one_say_the_same_to_the_bit() {
        let leads = leads(2000);
        let examples = examples(&leads);
        let model = first(&examples).active.expect("the signal is strong");
        let pairs: Vec<(&Traits<'_>, bool)> = examples.iter().map(|example| (&example.traits, example.converted)).collect();
        let own = usual();
        let table = Table::of(&pairs, &own.columns, |_| true);
        let at_once = table.log_odds(&model, 0..examples.len());
        let weights = weights(&model);
        assert_eq!((weights.len(), model.columns.len()), (feature_names(&model).len(), 3));
        for (example, at_once) in examples.iter().zip(at_once) {
            assert_eq!(model.log_odds(&example.traits).to_bits(), at_once.to_bits());
            let by_matrix: f64 = row(&model, &example.traits).iter().zip(&weights).map(|(x, weight)| x * weight).sum();
            assert!((by_matrix + model.intercept - at_once).abs() < 1e-9);
        }
    }

    #[test]
    fn a_fit_is_due_after_a_hundredth_or_other_settings() {
        let leads = leads(2030);
        let examples = examples(&leads);
        let one = first(&examples[..2000]);
        let trained = |lesson: &Lesson| lesson.told.iter().any(|told| matches!(told, Told::Trained { .. }));
        let then = |count: usize, settings: &Settings| learn(&one.state, one.active.as_ref(), &examples[..count], settings);
        assert!(trained(&one) && !trained(&then(2019, &usual())) && trained(&then(2020, &usual())));
        assert!(trained(&then(2000, &Settings { leak_auc: 0.9, ..usual() })));
        let carried = then(2019, &usual());
        assert_eq!((carried.state.leads, carried.state.trained_at, &carried.active), (2019, 2000, &one.active));
    }

    #[test]
    fn with_few_new_leads_nobody_judges_and_pinned_nothing_is_activated() {
        let leads = leads(4000);
        let examples = examples(&leads);
        let one = first(&examples[..2000]);
        let version = one.state.versions[0].comparison.leads;
        let soon = learn(&one.state, one.active.as_ref(), &examples[..2100], &usual());
        // The latest leads of the first lesson were seen by nobody, so they go on judging.
        assert!(soon.state.shadow.as_ref().and_then(|shadow| shadow.comparison).is_none_or(|held| held.leads <= 100 + version));
        let pinned = pin(&one.state, one.active.as_ref().expect("active"));
        let later = learn(&pinned.state, pinned.active.as_ref(), &examples, &usual());
        assert_eq!((&later.active, later.state.versions.len()), (&one.active, 1));
        assert_eq!(later.state.shadow.as_ref().map(|shadow| shadow.why), Some(Why::Pinned));
        let released = release(&later.state, one.active.as_ref());
        assert_eq!((released.state.pinned, released.active), (None, one.active));
    }

    #[test]
    fn a_model_that_looks_at_a_leak_or_at_nothing_is_withdrawn() {
        let leads = leads(2500);
        let examples = examples(&leads);
        let one = first(&examples[..2000]);
        for (columns, gone) in [(["warmth", "visits", "place"], "town"), (["warmth", "Status", "town"], "visits")] {
            let lesson = learn(&one.state, one.active.as_ref(), &examples, &settings(columns));
            let withdrawn = lesson.told.iter().find_map(|told| match told {
                Told::Withdrawn { column, .. } => Some(column.as_str()),
                _ => None,
            });
            assert_eq!(withdrawn, Some(gone));
        }
        let by_name = learn(&ModelState::default(), None, &examples, &settings(["warmth", "Status", "town"]));
        assert_eq!(by_name.state.refused, [Refused { column: "Status".into(), why: RefusedWhy::Name }]);
        assert!(by_name.active.is_none_or(|model| !model.columns.contains(&"Status".to_owned())));
    }

    #[test]
    fn drift_is_told_once_until_it_is_over() {
        let leads = leads(1000);
        let mut examples = examples(&leads);
        let mut told = Vec::new();
        for example in &mut examples[..500] {
            example.predicted = Some(0.02);
        }
        let one = drift(&examples[..500], false, &mut told).expect("enough of them");
        let two = drift(&examples[..500], true, &mut told).expect("enough of them");
        assert!(one.is_told && two.is_told && one.z > DRIFT_Z);
        let rate = count(leads[500..].iter().filter(|lead| lead.1).count()) / 500.0;
        for example in &mut examples[500..] {
            example.predicted = Some(rate);
        }
        let over = drift(&examples, true, &mut told).expect("enough of them");
        assert!(!over.is_told && over.z.abs() < 0.1);
        assert!(matches!(told[..], [Told::Drift(_), Told::DriftOver(_)]), "{told:?}");
    }

    #[test]
    fn no_more_features_than_allowed_the_rarest_levels_go() {
        let columns: Vec<String> = (0..20).map(|column| format!("c{column}")).collect();
        let texts: Vec<String> = (0..60).map(|level| format!("level {level}")).collect();
        let traits: Vec<Traits<'_>> = (0..4000_usize)
            .map(|at| Traits {
                value_log10: None,
                source: "csv",
                location: "",
                has_phone: true,
                is_free_mail: false,
                columns: (0..20).map(|column| texts[(at * (column + 1) + at / 60) % (40 + column)].as_str()).collect(),
            })
            .collect();
        let pairs: Vec<(&Traits<'_>, bool)> = traits.iter().zip([true, false].into_iter().cycle()).collect();
        let table = Table::of(&pairs, &columns, |_| true);
        let encoding = Encoding::of(&table, &(0..4000), |_| false);
        assert!(encoding.width() <= FEATURES_MAX && encoding.width() > FEATURES_MAX - 20, "{}", encoding.width());
        assert_eq!(encoding.design(&table, 0..4000).len(), 4000);
    }
}
