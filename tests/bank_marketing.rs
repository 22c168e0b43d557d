//! The outcome model on leads whose outcome is known: 41,188 contacts of a bank (Moro, Cortez & Rita 2014), with a share of
//! buyers that drifts from 6 % to 25 % and a column, `duration`, that is known only after the call.
//!
//! The data are not part of the project: `TEST_DATA` names the folder that holds `leads-bank-marketing`, else it is looked for
//! beside the project. The replay takes a
//! part of them; `TEST_REPLAY=all cargo test --release --test bank_marketing -- --nocapture` takes all.

#![allow(clippy::unwrap_used)]

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use valhalla_ingest::engine::features::{Model, Traits};
use valhalla_ingest::learning::leakage::RefusedWhy;
use valhalla_ingest::learning::metrics::Metrics;
use valhalla_ingest::learning::model::{self, Example, Lesson, ModelState, Settings, Told};

/// A drop of the replay.
const DROP: usize = 250;

/// The file: header and rows.
struct Contacts {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    bought: Vec<bool>,
}

/// The file, or none and a word about it.
fn contacts(every: usize) -> Option<Contacts> {
    let beside = || [env!("CARGO_MANIFEST_DIR"), "..", "shared", "data"].iter().collect();
    let data = std::env::var_os("TEST_DATA").map_or_else(beside, PathBuf::from);
    let path = data.join("leads-bank-marketing/bank-additional-full.csv.gz");
    if !path.exists() {
        println!("skipped: the data folder is not there (TEST_DATA names another)");
        return None;
    }
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(&path).unwrap()).read_to_string(&mut text).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let mut columns = lines.next().unwrap();
    assert_eq!(columns.pop().as_deref(), Some("output"));
    let (mut rows, mut bought) = (Vec::new(), Vec::new());
    for mut row in lines.step_by(every) {
        bought.push(row.pop().unwrap() == "yes");
        rows.push(row);
    }
    Some(Contacts { columns, rows, bought })
}

impl Contacts {
    fn examples(&self) -> Vec<Example<'_>> {
        self.rows
            .iter()
            .enumerate()
            .map(|(at, row)| Example {
                traits: Traits {
                    value_log10: Some(4.0 + f64::from(u32::try_from(at * 7919 % 1000).unwrap()) / 500.0),
                    source: "bank",
                    location: "",
                    has_phone: false,
                    is_free_mail: false,
                    columns: row.iter().map(String::as_str).collect(),
                },
                converted: self.bought[at],
                predicted: None,
                explored: at % 20 == 0,
                order: (0, i64::try_from(at / DROP).unwrap(), u64::try_from(at % DROP).unwrap()),
            })
            .collect()
    }

    fn settings(&self, known_on_arrival: &[&str]) -> Settings {
        Settings {
            columns: self.columns.clone(),
            known_on_arrival: known_on_arrival.iter().map(|column| (*column).to_owned()).collect(),
            outcome_columns: vec!["output".into()],
            latest: 3000,
            leak_auc: 0.95,
            baseline: None,
        }
    }
}

/// A history in its order, drop by drop: each lead gets the probability of what is active, then comes the lesson.
struct Replay {
    lesson: Lesson,
    given: Vec<(f64, bool)>,
    activations: usize,
    drifts: usize,
}

fn replay(contacts: &Contacts, drops: usize, settings: &Settings, is_frozen: bool) -> Replay {
    let mut examples = contacts.examples();
    examples.truncate(drops * DROP);
    let mut lesson = Lesson { state: ModelState::default(), active: None, shadow: None, told: Vec::new() };
    let (mut given, mut activations, mut drifts) = (Vec::new(), 0, 0);
    for from in (0..examples.len()).step_by(DROP) {
        let end = examples.len().min(from + DROP);
        if let Some(model) = lesson.active.clone() {
            for example in &mut examples[from..end] {
                let p = model.probability(&of_model(&model, &example.traits, settings));
                example.predicted = Some(p);
                given.push((p, example.converted));
            }
        }
        let (state, active) = (lesson.state, lesson.active.clone());
        lesson = model::learn(&state, active.as_ref(), &examples[..end], settings);
        activations += lesson.told.iter().filter(|told| matches!(told, Told::Activated { .. })).count();
        drifts += lesson.told.iter().filter(|told| matches!(told, Told::Drift(_))).count();
        if let Some(model) = lesson.active.clone().filter(|_| is_frozen && lesson.state.pinned.is_none()) {
            lesson = model::pin(&lesson.state, &model);
        }
    }
    Replay { lesson, given, activations, drifts }
}

/// The traits as a model asks for them: its own columns in its own order.
fn of_model<'a>(model: &Model, traits: &Traits<'a>, settings: &Settings) -> Traits<'a> {
    let place = |column: &String| settings.columns.iter().position(|own| own == column).unwrap();
    Traits { columns: model.columns.iter().map(|column| traits.columns[place(column)]).collect(), ..traits.clone() }
}

fn told(name: &str, metrics: &Metrics) {
    println!(
        "{name}: {} leads, base rate {:.4}, AUC {:.3}, log loss {:.4}, Brier {:.4}, calibration error {:.4}",
        metrics.leads,
        metrics.base_rate,
        metrics.auc.unwrap_or(f64::NAN),
        metrics.log_loss,
        metrics.brier,
        metrics.calibration_error.unwrap_or(f64::NAN)
    );
}

#[test]
fn retrained_after_each_drop_it_stays_calibrated_and_frozen_it_cannot() {
    let is_all = std::env::var_os("TEST_REPLAY").is_some();
    // Every eighth contact has the whole drift in an eighth of the time.
    let Some(contacts) = contacts(if is_all { 1 } else { 8 }) else { return };
    let drops = contacts.rows.len().div_ceil(DROP);
    let settings = contacts.settings(&[]);
    let live = replay(&contacts, drops, &settings, false);
    let metrics = Metrics::of(&live.given).unwrap();
    told("retrained", &metrics);
    println!("{} activations, {} drift alerts", live.activations, live.drifts);
    for bin in &metrics.reliability {
        println!("  {:6} leads: predicted {:.4}, observed {:.4}", bin.leads, bin.predicted, bin.observed);
    }
    let frozen = replay(&contacts, drops, &settings, true);
    let of_frozen = Metrics::of(&frozen.given).unwrap();
    told("frozen", &of_frozen);
    println!("{} drift alerts", frozen.drifts);

    let refused: Vec<&str> = live.lesson.state.refused.iter().map(|refused| refused.column.as_str()).collect();
    assert_eq!(refused, ["duration"]);
    assert_eq!(live.lesson.state.refused[0].why, RefusedWhy::Name);
    assert!(metrics.log_loss < of_frozen.log_loss && metrics.calibration_error < of_frozen.calibration_error);
    assert!(live.activations > 1 && frozen.drifts > 0, "the share of buyers rises, and a frozen model is told to be off");
    if is_all {
        assert!(metrics.calibration_error.unwrap() < 0.05);
        assert!(of_frozen.calibration_error.unwrap() > 0.05);
    }
}

#[test]
fn the_same_history_gives_the_same_model_to_the_bit() {
    let Some(contacts) = contacts(16) else { return };
    let settings = contacts.settings(&["duration"]);
    let examples = contacts.examples();
    let lesson = || model::learn(&ModelState::default(), None, &examples, &settings);
    let (one, two) = (lesson(), lesson());
    let (a, b): (Arc<Model>, Arc<Model>) = (one.active.unwrap(), two.active.unwrap());
    assert_eq!(a, b);
    assert_eq!(serde_json::to_string(&one.state).unwrap(), serde_json::to_string(&two.state).unwrap());
    assert_eq!(serde_json::from_str::<Model>(&serde_json::to_string(&*a).unwrap()).unwrap(), *a);
    assert!(a.columns.contains(&"duration".to_owned()) && one.state.refused.is_empty(), "a person vouched for it");
}
