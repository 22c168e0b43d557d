//! The outcome model on a page for people and as JSON: what is active, how good it is, what it goes by, and what is not
//! looked at. Figures come as they are; where there is none, the reason stands in its place.

use serde_json::{Map, Value, json};

use super::console::table;
use super::words::{counted, thousands};
use crate::engine::features::{Effect, Input, Model, Recipe, Term};
use crate::learning::history::Coverage;
use crate::learning::leakage::{Refused, RefusedWhy};
use crate::learning::metrics::Metrics;
use crate::learning::model::{self, Candidate, Comparison, DRIFT_Z, Drift, EACH_MIN, JUDGES_MIN, ModelState, Reason, Version, Why};

/// Weights that the page shows.
const WEIGHTS_SHOWN: usize = 15;

/// The page.
#[must_use]
pub fn model_page(state: &ModelState, active: Option<&Model>, coverage: &Coverage) -> String {
    let mut page = head(state, active, coverage);
    if let Some(metrics) = &state.metrics {
        page += &format!("\nHow good it is, on {} that came later than those it was fitted on\n", counted(metrics.leads, "lead", "leads"));
        page += &figures(metrics);
        page += &baseline(state);
    } else if active.is_some() {
        page += "\nHow good it is: not known. Its figures come with the next outcomes.\n";
    }
    page += &explored(state);
    if let Some(given) = &state.given {
        page += &format!(
            "\nWhat leads were given on arrival, by whatever was active then ({}): {}\n",
            counted(given.leads, "lead", "leads"),
            in_short(given)
        );
    }
    page += &drift(state.drift.as_ref());
    if let Some(model) = active {
        page += "\nWhat it goes by (log odds; each counts beside all others)\n";
        page += &weights(model);
    }
    if let Some(metrics) = state.metrics.as_ref().filter(|metrics| !metrics.reliability.is_empty()) {
        page += "\nDoes it happen as often as it says? Ten groups of equal size, by probability\n";
        page += &reliability(metrics);
    }
    page += &shadow(state.shadow.as_ref(), active.is_some());
    page += &refusals(&state.refused);
    page + &versions(state)
}

/// Everything in one object.
#[must_use]
pub fn model_json(state: &ModelState, active: Option<&Model>, coverage: &Coverage) -> Value {
    let refused: Vec<Value> = state
        .refused
        .iter()
        .map(|refused| json!({ "column": refused.column, "code": code(refused.why), "auc": area(refused.why), "reason": why_refused(refused) }))
        .collect();
    let versions: Vec<Value> = state
        .versions
        .iter()
        .map(|version| {
            json!({ "id": version.id, "recipe": recipe_code(version.recipe), "leads": version.leads, "conversions": version.conversions,
                    "is_active": state.active.as_ref() == Some(&version.id), "comparison": version.comparison, "metrics": version.metrics })
        })
        .collect();
    json!({
        "active": active.map(described),
        "reason": state.reason.as_ref().map(|reason| json!({ "code": reason, "text": why_none(*reason) })),
        "pinned": state.pinned,
        "outcomes": { "resolved": coverage.resolved, "converted": coverage.converted, "mature": coverage.mature,
                      "base_rate": share(coverage.converted, coverage.resolved), "coverage": share(coverage.resolved, coverage.mature) },
        "metrics": state.metrics,
        "explored": state.explored,
        "given": state.given,
        "baseline": state.baseline,
        "is_improvement": state.baseline.map(|held| is_better(&held)),
        "drift": state.drift,
        "shadow": state.shadow.as_ref().map(|shadow| candidate_json(shadow, active.is_some())),
        "refused": refused,
        "versions": versions,
    })
}

/// A model's features by name with their weights.
#[must_use]
pub fn described(model: &Model) -> Value {
    let weights: Map<String, Value> =
        model::feature_names(model).into_iter().zip(model::weights(model)).map(|(name, weight)| (name, json!(weight))).collect();
    json!({ "id": model.id, "recipe": recipe_code(model.recipe), "leads": model.leads, "conversions": model.conversions,
            "columns": model.columns, "intercept": model.intercept, "weights": weights })
}

fn candidate_json(shadow: &Candidate, has_active: bool) -> Value {
    json!({ "id": shadow.id, "recipe": recipe_code(shadow.recipe), "leads": shadow.leads, "conversions": shadow.conversions,
            "comparison": shadow.comparison, "why": shadow.why, "text": why_shadow(shadow, has_active) })
}

fn head(state: &ModelState, active: Option<&Model>, coverage: &Coverage) -> String {
    let mut page = match active {
        Some(model) => format!("active    {}, {}{}\n", model.id, fitted(model.recipe, model.leads, model.conversions), pinned(state)),
        None => format!("active    none: {}\n", state.reason.map_or_else(|| "nothing has been learned yet".to_owned(), why_none)),
    };
    page += &format!(
        "outcomes  known of {} of {} mature leads{}; {} converted{}\n",
        thousands(coverage.resolved),
        thousands(coverage.mature),
        percent_of(coverage.resolved, coverage.mature),
        thousands(coverage.converted),
        percent_of(coverage.converted, coverage.resolved),
    );
    page
}

fn pinned(state: &ModelState) -> &'static str {
    if state.pinned.is_some() && state.pinned == state.active { "; pinned: nothing replaces it until `valhalla model release`" } else { "" }
}

fn figures(metrics: &Metrics) -> String {
    let row = |name: &str, figure: String, words: String| format!("  {name:<18} {figure:>7}  {words}\n");
    let constant = entropy(metrics.base_rate);
    let mut page = row("converted", percent(metrics.base_rate), format!("{} was predicted", percent(metrics.predicted)));
    page += &match metrics.auc {
        Some(auc) => row(
            "ranking (AUC)",
            format!("{auc:.3}"),
            format!("of a lead that converted and one that did not, the right one is first {:.0} times in 100", auc * 100.0),
        ),
        None => row("ranking (AUC)", "-".into(), "needs leads that converted and leads that did not".into()),
    };
    page += &row("log loss", format!("{:.4}", metrics.log_loss), format!("always saying the rate itself: {constant:.4}"));
    page += &row(
        "Brier score",
        format!("{:.4}", metrics.brier),
        format!("always saying the rate itself: {:.4}", metrics.base_rate * (1.0 - metrics.base_rate)),
    );
    page + &match metrics.calibration_error {
        Some(error) => {
            row("calibration error", format!("{error:.3}"), format!("what it says is off by {:.1} points on average", error * 100.0))
        }
        None => row("calibration error", "-".into(), "needs ten leads".into()),
    }
}

fn in_short(metrics: &Metrics) -> String {
    let figure = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.3}"));
    format!(
        "{} predicted, {} converted, AUC {}, calibration error {}",
        percent(metrics.predicted),
        percent(metrics.base_rate),
        figure(metrics.auc),
        figure(metrics.calibration_error)
    )
}

fn baseline(state: &ModelState) -> String {
    state.baseline.map_or_else(String::new, |held| {
        format!(
            "  against the baseline: {} ({})\n",
            if is_better(&held) { "an improvement" } else { "no improvement that can be told from chance" },
            gain(&held)
        )
    })
}

fn explored(state: &ModelState) -> String {
    state.explored.as_ref().map_or_else(String::new, |metrics| {
        format!(
            "\nOn those of them that are worked whatever their tier ({}): {}\n",
            counted(metrics.leads, "lead", "leads"),
            in_short(metrics)
        )
    })
}

fn drift(drift: Option<&Drift>) -> String {
    let Some(drift) = drift else { return String::new() };
    let holds = if drift.is_told {
        "They do not hold any more"
    } else if drift.z.abs() >= DRIFT_Z {
        "They do not hold"
    } else {
        "They hold"
    };
    format!(
        "\nThe latest {} predictions: {:.1} conversions expected, {} seen (z = {:+.1}). {holds}.\n",
        thousands(drift.leads),
        drift.expected,
        thousands(drift.observed),
        drift.z
    )
}

/// A weight in words.
struct Worded {
    weight: f64,
    words: String,
}

fn weights(model: &Model) -> String {
    let mut all: Vec<Worded> = model.terms.iter().flat_map(|term| worded(model, term)).collect();
    // Stable, so that equal weights stay in the model's order.
    all.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()));
    let rest = all.len().saturating_sub(WEIGHTS_SHOWN);
    let mut page = String::new();
    for each in all.iter().take(WEIGHTS_SHOWN) {
        page += &format!("  {:+.2}  {}\n", each.weight, each.words);
    }
    if rest > 0 {
        page += &format!("         and {} that say less (all of them: --json)\n", counted(rest as u64, "feature", "features"));
    }
    page
}

fn worded(model: &Model, term: &Term) -> Vec<Worded> {
    let name = model::input_name(model, term.input);
    let odds = |weight: f64| format!("{} times the odds", significant(libm::exp(weight)));
    match &term.effect {
        Effect::Number { mean, deviation, weight, missing } => {
            let step = match term.input {
                Input::Value => format!(
                    "the value: {} for each {} times the usual {}",
                    odds(*weight),
                    significant(libm::pow(10.0, *deviation)),
                    significant(libm::pow(10.0, *mean))
                ),
                _ => format!("{name}: {} for each {} above {}", odds(*weight), significant(*deviation), significant(*mean)),
            };
            let none = (*missing != 0.0).then(|| Worded { weight: *missing, words: format!("{name} is no number: {}", odds(*missing)) });
            std::iter::once(Worded { weight: *weight, words: step }).chain(none).collect()
        }
        Effect::Level { levels, other } => {
            let level = |(level, weight): &(String, f64)| Worded {
                weight: *weight,
                words: format!("{name} is {}: {}", if level.is_empty() { "empty" } else { level }, odds(*weight)),
            };
            let rest = (*other != 0.0).then(|| Worded { weight: *other, words: format!("{name} is anything else: {}", odds(*other)) });
            levels.iter().map(level).chain(rest).collect()
        }
        Effect::Flag { weight } => vec![Worded { weight: *weight, words: format!("{name}: {}", odds(*weight)) }],
    }
}

fn reliability(metrics: &Metrics) -> String {
    let rows: Vec<Vec<String>> =
        metrics.reliability.iter().map(|bin| vec![thousands(bin.leads), percent(bin.predicted), percent(bin.observed)]).collect();
    table(&["LEADS", "PREDICTED", "CONVERTED"], &rows)
}

fn shadow(shadow: Option<&Candidate>, has_active: bool) -> String {
    let Some(shadow) = shadow else { return String::new() };
    format!(
        "\nShadow    {}, {}\n          {}\n",
        shadow.id,
        fitted(shadow.recipe, shadow.leads, shadow.conversions),
        why_shadow(shadow, has_active)
    )
}

fn why_shadow(shadow: &Candidate, has_active: bool) -> String {
    let rival = if has_active { "the active model" } else { "the constant rate" };
    let figures = shadow.comparison.map(|held| format!(" against {rival}: {}", gain(&held))).unwrap_or_default();
    match shadow.why {
        Why::NotBetter => format!("not active: not better by more than one standard error,{figures}"),
        Why::TooFewUnseen { have, converted } => format!(
            "not active: only {} came in that neither it nor the active model has seen ({} converted); {JUDGES_MIN} with 20 of each kind judge",
            counted(have, "lead", "leads"),
            thousands(converted)
        ),
        Why::Pinned => format!("not active: another one is pinned;{figures}").trim_end_matches(';').to_owned(),
    }
}

fn gain(held: &Comparison) -> String {
    format!(
        "log loss {:.4} against {:.4} on {}, a gain of {:+.4} with a standard error of {:.4}",
        held.log_loss,
        held.rival,
        counted(held.leads, "lead", "leads"),
        held.gain,
        held.standard_error
    )
}

fn refusals(refused: &[Refused]) -> String {
    if refused.is_empty() {
        return String::new();
    }
    let mut page = "\nRefused columns\n".to_owned();
    for refused in refused {
        page += &format!("  {}: {}\n", refused.column, why_refused(refused));
    }
    page
}

/// Why a column is refused, and what to do where that is wrong.
#[must_use]
pub fn why_refused(refused: &Refused) -> String {
    match refused.why {
        RefusedWhy::Name => {
            "its name says that it is filled in after contact; where it is known on arrival, name it in [model] known_on_arrival".into()
        }
        RefusedWhy::Auc(auc) => format!("it tells by itself who converts (AUC {auc:.3}): too good to have been known before"),
        RefusedWhy::MissingAuc(auc) => {
            format!("whether it is filled in tells by itself who converts (AUC {auc:.3}): too good to have been known before")
        }
        RefusedWhy::IsOutcome => "it is the outcome".into(),
    }
}

fn versions(state: &ModelState) -> String {
    if state.versions.is_empty() {
        return String::new();
    }
    let figure = |figure: Option<f64>, digits: usize| figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"));
    let row = |version: &Version| {
        let metrics = version.metrics.as_ref();
        vec![
            version.id.clone(),
            recipe_words(version.recipe).to_owned(),
            thousands(version.leads),
            thousands(version.conversions),
            figure(metrics.and_then(|metrics| metrics.auc), 3),
            figure(Some(version.comparison.log_loss), 4),
            figure(Some(version.comparison.rival), 4),
            if state.active.as_ref() == Some(&version.id) { "active".to_owned() } else { String::new() },
        ]
    };
    let rows: Vec<Vec<String>> = state.versions.iter().map(row).collect();
    format!(
        "\nModels that were ever active, and what they were activated for\n{}",
        table(&["MODEL", "FITTED ON", "LEADS", "CONVERTED", "AUC", "LOG LOSS", "AGAINST", ""], &rows)
    )
}

/// Why there is no active model.
#[must_use]
pub fn why_none(reason: Reason) -> String {
    match reason {
        Reason::Outcomes { converted, not_converted, need } => format!(
            "insufficient outcomes: {} of {need} converted, {} of {need} not converted",
            thousands(converted),
            thousands(not_converted)
        ),
        Reason::NoneBetter => "no candidate is better than always saying the rate".into(),
        Reason::TooFewToFit => {
            format!("beside the latest {JUDGES_MIN} leads, which judge, fewer than {EACH_MIN} of one kind are left to fit on")
        }
    }
}

fn fitted(recipe: Recipe, leads: u64, conversions: u64) -> String {
    let leads = format!("{} of which {} converted", counted(leads, "lead", "leads"), thousands(conversions));
    match recipe {
        Recipe::AllHistory => format!("fitted on all history before it: {leads}"),
        Recipe::Latest => format!("fitted on the latest history before it: {leads}"),
        Recipe::Intercept => format!("the weights of the model before ({leads}) with an intercept fitted on the latest predictions"),
    }
}

fn recipe_words(recipe: Recipe) -> &'static str {
    ["all history", "the latest", "intercept"][recipe as usize]
}

fn recipe_code(recipe: Recipe) -> &'static str {
    ["all_history", "latest", "intercept"][recipe as usize]
}

fn code(why: RefusedWhy) -> &'static str {
    match why {
        RefusedWhy::Name => "name",
        RefusedWhy::Auc(_) => "auc",
        RefusedWhy::MissingAuc(_) => "missing_auc",
        RefusedWhy::IsOutcome => "is_outcome",
    }
}

fn area(why: RefusedWhy) -> Option<f64> {
    match why {
        RefusedWhy::Auc(auc) | RefusedWhy::MissingAuc(auc) => Some(auc),
        RefusedWhy::Name | RefusedWhy::IsOutcome => None,
    }
}

fn is_better(held: &Comparison) -> bool {
    held.gain > held.standard_error
}

/// Log loss of always saying a rate that is true.
fn entropy(rate: f64) -> f64 {
    let part = |p: f64| if p > 0.0 { -p * libm::log(p) } else { 0.0 };
    part(rate) + part(1.0 - rate)
}

#[allow(clippy::cast_precision_loss)] // counts
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn percent_of(part: u64, whole: u64) -> String {
    share(part, whole).map_or_else(String::new, |share| format!(" ({})", percent(share)))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Three digits that say something: `1.51`, `0.0231`, `45,200`.
fn significant(x: f64) -> String {
    let digits = if x == 0.0 || !x.is_finite() { 0.0 } else { libm::floor(libm::log10(x.abs())) };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a number of digits
    let decimals = (2.0 - digits).clamp(0.0, 9.0) as usize;
    format!("{x:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let term = |input, effect| Term { input, effect };
        Model {
            id: "0123abcd".into(),
            recipe: Recipe::Latest,
            columns: vec!["age".into()],
            intercept: -2.0,
            terms: vec![
                term(Input::Source, Effect::Level { levels: vec![("mls".into(), -0.1), ("zillow".into(), 0.41)], other: 0.0 }),
                term(Input::Column(0), Effect::Number { mean: 40.0, deviation: 10.4, weight: -0.3, missing: 0.2 }),
                term(Input::FreeMail, Effect::Flag { weight: 0.05 }),
            ],
            leads: 3000,
            conversions: 400,
        }
    }

    #[test]
    fn weights_are_told_in_words_the_heaviest_first() {
        let lines = weights(&model());
        let lines: Vec<&str> = lines.lines().map(str::trim).collect();
        assert_eq!(
            lines,
            [
                "+0.41  source is zillow: 1.51 times the odds",
                "-0.30  age: 0.741 times the odds for each 10.4 above 40.0",
                "+0.20  age is no number: 1.22 times the odds",
                "-0.10  source is mls: 0.905 times the odds",
                "+0.05  free e-mail: 1.05 times the odds",
            ]
        );
    }

    #[test]
    fn without_a_model_the_page_says_what_is_lacking() {
        let state = ModelState { reason: Some(Reason::Outcomes { converted: 12, not_converted: 300, need: 50 }), ..ModelState::default() };
        let page = model_page(&state, None, &Coverage { mature: 400, resolved: 312, converted: 12 });
        assert!(page.contains("insufficient outcomes: 12 of 50 converted, 300 of 50 not converted"), "{page}");
        assert!(page.contains("known of 312 of 400 mature leads (78.0 %); 12 converted (3.8 %)"), "{page}");
    }

    #[test]
    fn the_page_and_the_json_say_the_same() {
        let pairs: Vec<(f64, bool)> = (0..200).map(|at| (f64::from(at) / 250.0, at % 3 == 0)).collect();
        let refused = vec![
            Refused { column: "duration".into(), why: RefusedWhy::Name },
            Refused { column: "x".into(), why: RefusedWhy::MissingAuc(0.98) },
        ];
        let state = ModelState { active: Some("0123abcd".into()), metrics: Metrics::of(&pairs), refused, ..ModelState::default() };
        let coverage = Coverage { mature: 3200, resolved: 3200, converted: 467 };
        let page = model_page(&state, Some(&model()), &coverage);
        for words in
            ["active    0123abcd, fitted on the latest history", "PREDICTED", "duration: its name says", "AUC 0.980", "ranking (AUC)"]
        {
            assert!(page.contains(words), "{words}: {page}");
        }
        let json = model_json(&state, Some(&model()), &coverage);
        assert_eq!(json["active"]["weights"]["source=zillow"], 0.41);
        assert_eq!(json["refused"][0]["code"], "name");
        assert_eq!(json["metrics"]["leads"], 200);
        assert_eq!(json["metrics"]["reliability"].as_array().map(Vec::len), Some(10));
    }
}
