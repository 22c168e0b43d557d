//! What a lesson of the outcome model costs: 100,000 leads with 30 columns, the most a model may have of features.
//!
//! `cargo bench --bench learning`; `BENCH_LEADS` and `BENCH_COLUMNS` for other sizes. Says the time of each of three lessons (the
//! first; one with an active model; one that is not due) and the memory the process came to at most, examples included.

use std::time::Instant;

use valhalla_ingest::engine::features::Traits;
use valhalla_ingest::learning::model::{Example, Lesson, ModelState, Settings, learn};

fn main() {
    let number = |name: &str, usual: usize| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (leads, columns) = (number("BENCH_LEADS", 100_000), number("BENCH_COLUMNS", 30));
    // Each distinct text once, as the history keeps them.
    let texts: Vec<String> =
        (0..10_000).map(|at| format!("{:.2}", f64::from(at) / 100.0)).chain((0..200).map(|at| format!("level {at}"))).collect();
    let places: Vec<String> = (0..200).map(|at| format!("Town {at}")).collect();
    let examples: Vec<Example<'_>> = (0..leads).map(|at| example(at, columns, &texts, &places)).collect();
    let settings = Settings {
        columns: (0..columns).map(|column| format!("column {column}")).collect(),
        known_on_arrival: Vec::new(),
        outcome_columns: Vec::new(),
        latest: 3000,
        leak_auc: 0.95,
        baseline: Some(0.1),
    };
    println!("{leads} leads, {columns} columns; before: {} MiB at most", peak_mib());
    let first = timed("first lesson", || learn(&ModelState::default(), None, &examples[..leads * 98 / 100], &settings));
    let second = timed("second, with an active model", || learn(&first.state, first.active.as_ref(), &examples, &settings));
    let third = timed("third, nothing new", || learn(&second.state, second.active.as_ref(), &examples, &settings));
    let model = third.active.as_ref().expect("signals as strong as these make a model");
    let features = valhalla_ingest::learning::model::weights(model).len();
    println!("{features} features; AUC {:?}; at most {} MiB", third.state.metrics.as_ref().and_then(|metrics| metrics.auc), peak_mib());
}

fn timed(name: &str, lesson: impl FnOnce() -> Lesson) -> Lesson {
    let begun = Instant::now();
    let lesson = lesson();
    println!("{name}: {:.2} s", begun.elapsed().as_secs_f64());
    lesson
}

/// A third of the columns numbers, two thirds levels, of which some are rare: the place of the text.
fn cell(at: usize, column: usize) -> usize {
    let random = hash(at, column);
    let place = match column % 3 {
        0 => random % 10_000,
        1 => 10_000 + random % (10 + column as u64),
        _ => 10_000 + (random % 64) * (random >> 32 & 0xffff) % 97,
    };
    usize::try_from(place).expect("a small number")
}

#[allow(clippy::cast_precision_loss)] // small numbers
fn example<'a>(at: usize, columns: usize, texts: &'a [String], places: &'a [String]) -> Example<'a> {
    let signal = hash(at, 0) % 10_000 / 100 + hash(at, 1) % 11 * 6 + hash(at, 999) % 50;
    Example {
        traits: Traits {
            value_log10: Some(4.0 + (hash(at, 500) % 1000) as f64 / 500.0),
            source: ["zillow", "mls", "fair"][at % 3],
            location: &places[(hash(at, 501) % 200) as usize],
            has_phone: !hash(at, 502).is_multiple_of(4),
            is_free_mail: !hash(at, 503).is_multiple_of(2),
            columns: (0..columns).map(|column| texts[cell(at, column)].as_str()).collect(),
        },
        converted: signal > 150,
        predicted: Some(0.1),
        explored: at.is_multiple_of(20),
        order: (0, 0, at as u64),
    }
}

/// Well-mixed bits of a row and a column (`SplitMix64`).
fn hash(at: usize, column: usize) -> u64 {
    let mut z = (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add((column as u64).wrapping_mul(0xD1B5_4A32_D192_ED03));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) >> 10
}
