//! One lesson: the state after it, from the state before it and the history as it stood then.
//!
//! What has been learned is the fold of [`teach`] over the jobs that brought outcomes, and of [`decide`] over what people
//! decided between them. The same history gives the same snapshot, whichever way the store came to it: a version is told
//! from the content alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::history::{Coverage, Seen, View};
use super::model::{self, Example, ModelState};
use super::scripts::{self, ScriptStep};
use super::segments::{self, Member};
use super::trend::{self, Trend};
use super::trials::{self, ArmCounts, ExperimentCounts, Trial, VersionCounts};
use crate::engine::decimal::Decimal;
use crate::engine::features::Model;
use crate::engine::learned::Learned;
use crate::engine::rules::{Experiment, Script};

/// Steps of scripts that a state keeps; the audit trail has all of them.
const STEPS_KEPT: usize = 100;
/// Values from which a spread is told.
const SPREAD_VALUES: usize = 20;

/// What a lesson is held against.
#[derive(Debug, Clone)]
pub struct Course<'c> {
    /// As configured.
    pub scripts: &'c [Script],
    /// As configured.
    pub experiments: &'c [Experiment],
    /// Mature leads that each side of a comparison needs.
    pub min_trials: u32,
    /// Share of the mature leads below which a rate is told with a warning.
    pub coverage_min: f64,
    /// Whether a column says when leads arrived: they are put into the order of time by it, else by jobs and rows.
    pub is_dated: bool,
    /// How models are made.
    pub model: model::Settings,
}

/// What the next lesson goes on from, and what people are shown.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// How much is known.
    pub coverage: Coverage,
    /// Every experiment.
    pub trials: Vec<Trial>,
    /// The latest steps of scripts, the oldest first.
    pub steps: Vec<ScriptStep>,
    /// The outcome model.
    pub model: ModelState,
    /// Whether conversion gets better.
    pub trend: Trend,
    /// What holds now and has been told: so that it is told once.
    pub holding: BTreeSet<String>,
    /// Lessons so far.
    pub looks: u64,
}

/// What a lesson led to.
#[derive(Debug, Clone, PartialEq)]
pub struct Taught {
    /// The state after it.
    pub state: State,
    /// What the stages know from now on.
    pub learned: Learned,
    /// The best candidate that was not activated.
    pub shadow: Option<Arc<Model>>,
    /// What people should hear of.
    pub told: Vec<Told>,
}

/// Something that a lesson found out.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// A script took a step.
    Script(ScriptStep),
    /// About the outcome model.
    Model(model::Told),
    /// An experiment's leads are not shared out as its weights say.
    Mismatch {
        /// The experiment.
        experiment: String,
        /// The larger of its two e-values.
        e_value: f64,
    },
    /// A variant is better than every other.
    Winner {
        /// The experiment.
        experiment: String,
        /// The variant.
        variant: String,
        /// The smallest of its e-values against the others.
        e_value: f64,
        /// What that had to reach.
        threshold: f64,
    },
    /// Outcomes name another variant or script than the one that was assigned.
    Delivered {
        /// The experiment.
        experiment: String,
        /// How many leads.
        leads: u64,
    },
    /// Too little of what should be known is known.
    Coverage(Coverage),
}

/// Works one lesson out.
#[must_use]
pub fn teach(before: &State, learned: &Learned, view: &View<'_>, course: &Course<'_>) -> Taught {
    let coverage = view.coverage();
    let trials: Vec<Trial> = counts(view, course.experiments).iter().map(|counts| trials::assess(counts, course.min_trials)).collect();
    let (scripts, steps) = scripts::step(&learned.scripts, course.scripts, &trials, course.experiments, course.min_trials);
    let resolved = in_time(view, course.is_dated);
    let examples = examples(view, &resolved, &course.model.columns, course.is_dated);
    let taught = model::learn(&before.model, learned.model.as_ref(), &examples, &course.model);
    drop(examples);
    let members: Vec<Member<'_>> = resolved.iter().map(|(seen, converted)| member(view, seen, *converted)).collect();
    let results: Vec<bool> = resolved.iter().map(|(_, converted)| *converted).collect();
    let values = Values::of(resolved.iter().filter_map(|(seen, _)| seen.arrival.value_log10));
    let next = Learned {
        version: 0,
        resolved: coverage.resolved,
        converted: coverage.converted,
        mature: coverage.mature,
        value_log10_range: values.range,
        value_log10_spread: values.spread,
        segments: segments::of(&members, view.now_ms),
        scripts,
        model: taught.active,
    };
    let mut state = State {
        coverage,
        trials,
        steps: before.steps.iter().chain(&steps).cloned().collect(),
        model: taught.state,
        trend: trend::of(&results),
        holding: BTreeSet::new(),
        looks: before.looks + 1,
    };
    state.steps.drain(..state.steps.len().saturating_sub(STEPS_KEPT));
    let mut told: Vec<Told> = steps.into_iter().map(Told::Script).chain(taught.told.into_iter().map(Told::Model)).collect();
    for (key, news) in holding(&state, course) {
        if !before.holding.contains(&key) {
            told.push(news);
        }
        state.holding.insert(key);
    }
    Taught { state, learned: sealed(next), shadow: taught.shadow, told }
}

/// The leads that models are made of, with their results, in the order of time.
#[must_use]
pub fn in_time<'v>(view: &View<'v>, is_dated: bool) -> Vec<(Seen<'v>, bool)> {
    let mut resolved: Vec<_> = view.resolved().collect();
    if is_dated {
        resolved.sort_by_key(|(seen, _)| (seen.arrival.at_ms, seen.arrival.job, seen.arrival.row));
    }
    resolved
}

/// The same as a model sees them, with the cells of these columns.
#[must_use]
pub fn examples<'v>(view: &View<'v>, resolved: &[(Seen<'v>, bool)], columns: &[String], is_dated: bool) -> Vec<Example<'v>> {
    let places = view.history().places_of(columns);
    let example = |(seen, converted): &(Seen<'v>, bool)| Example {
        traits: view.history().traits(seen.at, &places),
        converted: *converted,
        predicted: seen.predicted,
        explored: seen.arrival.is_explored,
        order: (if is_dated { seen.arrival.at_ms } else { 0 }, seen.arrival.job, seen.arrival.row),
    };
    resolved.iter().map(example).collect()
}

/// What follows when people pin a model, or none (`pin` empty). A pinned model that is gone pins nothing.
#[must_use]
pub fn decide(before: &State, learned: &Learned, pinned: Option<&Arc<Model>>) -> Taught {
    let taught = match pinned {
        Some(model) => model::pin(&before.model, model),
        None => model::release(&before.model, learned.model.as_ref()),
    };
    let state = State { looks: before.looks + 1, model: taught.state, ..before.clone() };
    let next = Learned { model: taught.active, ..learned.clone() };
    let told = taught.told.into_iter().map(Told::Model).collect();
    Taught { state, learned: sealed(next), shadow: taught.shadow, told }
}

/// A snapshot with its version: the first 48 bits of the SHA-256 of its content, 0 for one that knows nothing.
fn sealed(mut learned: Learned) -> Learned {
    let content = serde_json::to_vec(&learned).expect("a snapshot is JSON: its numbers are finite");
    let mut hasher = Sha256::new_with_prefix(content);
    hasher.update(learned.model.as_ref().map_or("", |model| model.id.as_str()));
    let digest = hasher.finalize();
    let version = digest[..6].iter().fold(0, |version, byte| version << 8 | u64::from(*byte));
    learned.version = if learned == Learned::none() { 0 } else { version.max(1) };
    learned
}

fn member<'v>(view: &View<'v>, seen: &Seen<'v>, converted: bool) -> Member<'v> {
    let arrival = seen.arrival;
    Member { source: view.text(arrival.source), band: arrival.band, at_ms: arrival.at_ms, converted, predicted: seen.predicted }
}

/// What is worth telling as long as it holds, each with the key that it is remembered by.
fn holding(state: &State, course: &Course<'_>) -> Vec<(String, Told)> {
    let mut holding = Vec::new();
    for trial in &state.trials {
        let experiment = || trial.id.clone();
        if trial.is_mismatched {
            let e_value = trial.mismatch_assigned.max(trial.mismatch_outcomes);
            holding.push((format!("mismatch {}", trial.id), Told::Mismatch { experiment: experiment(), e_value }));
        }
        if let Some(variant) = &trial.winner {
            let over = trial.evidence.iter().filter(|evidence| evidence.of == *variant).map(|evidence| evidence.e);
            let e_value = over.fold(f64::INFINITY, f64::min);
            let news = Told::Winner { experiment: experiment(), variant: variant.clone(), e_value, threshold: trial.threshold };
            holding.push((format!("winner {} {variant}", trial.id), news));
        }
        let leads: u64 = trial.arms.iter().map(|arm| arm.delivered_other).sum();
        if leads > 0 {
            holding.push((format!("delivered {}", trial.id), Told::Delivered { experiment: experiment(), leads }));
        }
    }
    #[allow(clippy::cast_precision_loss)] // counts
    if (state.coverage.resolved as f64) < course.coverage_min * state.coverage.mature as f64 {
        holding.push(("coverage".to_owned(), Told::Coverage(state.coverage)));
    }
    holding
}

/// The leads of every experiment, by version and variant; also of those that are configured no more.
fn counts(view: &View<'_>, configured: &[Experiment]) -> Vec<ExperimentCounts> {
    let versions = &view.history().experiments;
    let mut arms: Vec<Vec<ArmCounts>> =
        versions.iter().map(|version| version.arms.iter().map(|arm| empty(arm, &version.id, configured)).collect()).collect();
    for seen in view.leads() {
        for given in seen.arrival.arms.iter().filter(|given| given.job <= view.job) {
            let Some(arm) = arms.get_mut(given.experiment as usize).and_then(|arms| arms.get_mut(given.variant as usize)) else { continue };
            arm.exposed += 1;
            arm.wins += u64::from(seen.result == Some(true));
            arm.mature += u64::from(seen.is_mature);
            arm.resolved += u64::from(seen.is_mature && seen.result.is_some());
            arm.converted += u64::from(seen.is_mature && seen.result == Some(true));
            let Some(report) = view.report(seen.at) else { continue };
            arm.revenue = sum(arm.revenue, report.revenue);
            arm.cost = sum(arm.cost, report.cost);
            let is_other = |told: &Option<String>, own: Option<&str>| {
                told.as_deref().zip(own).is_some_and(|(told, own)| !told.eq_ignore_ascii_case(own))
            };
            let differs = is_other(&report.variant, Some(&arm.variant)) || is_other(&report.script, arm.script.as_deref());
            arm.delivered_other += u64::from(differs);
        }
    }
    for (silent, leads, is_mature) in view.silent() {
        let Some(given) = silent.arm.filter(|given| given.job <= view.job) else { continue };
        let Some(arm) = arms.get_mut(given.experiment as usize).and_then(|arms| arms.get_mut(given.variant as usize)) else { continue };
        arm.exposed += leads;
        arm.mature += if is_mature { leads } else { 0 };
    }
    let mut counts: Vec<ExperimentCounts> = Vec::new();
    // A version that no lead had been given by then may have come later: what was known then did not know it.
    for (version, arms) in versions.iter().zip(arms).filter(|(_, arms)| arms.iter().any(|arm| arm.exposed > 0)) {
        let at = counts.iter().position(|known| known.id == version.id).unwrap_or_else(|| {
            counts.push(ExperimentCounts { id: version.id.clone(), versions: Vec::new() });
            counts.len() - 1
        });
        counts[at].versions.push(VersionCounts { version: version.version, arms });
    }
    counts
}

fn empty((variant, share): &(String, f64), experiment: &str, configured: &[Experiment]) -> ArmCounts {
    let today = configured.iter().find(|own| own.id == experiment).and_then(|own| own.variants.iter().find(|own| own.id == *variant));
    ArmCounts { variant: variant.clone(), script: today.and_then(|own| own.script.clone()), share: *share, ..ArmCounts::default() }
}

fn sum(one: Option<Decimal>, other: Option<Decimal>) -> Option<Decimal> {
    match (one, other) {
        (Some(one), Some(other)) => one.minus(other.negated()).or(Some(one)), // beyond 18 digits the sum stands still
        (one, other) => one.or(other),
    }
}

/// What the values of the history are like.
struct Values {
    range: Option<(f64, f64)>,
    spread: Option<(f64, f64)>,
}

impl Values {
    /// Quantiles by the nearest rank; the spread is MAD / 0.6745 (Iglewicz & Hoaglin 1993).
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.collect();
        sorted.sort_by(f64::total_cmp);
        let (Some(low), Some(high)) = (quantile(&sorted, 0.05), quantile(&sorted, 0.95)) else { return Self { range: None, spread: None } };
        let range = (low < high).then_some((low, high));
        let median = quantile(&sorted, 0.5).filter(|_| sorted.len() >= SPREAD_VALUES);
        let spread = median.and_then(|median| {
            let mut distances: Vec<f64> = sorted.iter().map(|value| (value - median).abs()).collect();
            distances.sort_by(f64::total_cmp);
            quantile(&distances, 0.5).filter(|mad| *mad > 0.0).map(|mad| (median, mad / 0.6745))
        });
        Self { range, spread }
    }
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // ranks of a list in memory
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}
