//! Prices as shops write them, read by the published engine: how many give the exact amount.
//!
//! Cases that we did not write; our own, with what each stands for, are beside the code.

use std::path::PathBuf;
use std::{env, fs};

use serde_json::Value;
use valhalla_ingest::engine::amount::{AmountRules, DecimalMark, read_amount};
use valhalla_ingest::engine::decimal::Decimal;

/// The least share of prices that must be read to the digit.
const SHARE_MIN: f64 = 0.92;

#[test]
fn prices_are_read_exactly() {
    let Ok(text) = fs::read_to_string(data_folder().join("prices/price-parser.jsonl")) else {
        println!("skipped: the data folder is not there (TEST_DATA names another)");
        return;
    };
    let cases: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect();
    let wrong: Vec<String> = cases.iter().filter_map(misread).collect();
    #[allow(clippy::cast_precision_loss)] // a few hundred cases
    let share = 1.0 - wrong.len() as f64 / cases.len() as f64;
    println!("{} of {} exact ({share:.4})", cases.len() - wrong.len(), cases.len());
    assert!(!cases.is_empty() && share >= SHARE_MIN, "{share:.4} of {} exact; misread:\n{}", cases.len(), wrong.join("\n"));
}

/// What went wrong with one case. No amount expected means that none may be found.
fn misread(case: &Value) -> Option<String> {
    let cell = case["price_raw"].as_str()?;
    let mark = match case["decimal_separator"].as_str() {
        Some(".") => DecimalMark::Point,
        Some(",") => DecimalMark::Comma,
        _ => DecimalMark::Unknown,
    };
    let read = read_amount(cell.trim(), AmountRules { mark, ..AmountRules::default() });
    let expected = case["expected_amount"].as_str().map(|text| text.parse::<Decimal>().expect("a plain number"));
    let is_exact = read.ok().map(|amount| amount.value.micros()) == expected.map(Decimal::micros); // an error is no amount
    (!is_exact).then(|| format!("{cell:?}: {read:?}, expected {expected:?}"))
}

/// Files that we did not write, for tests only: `TEST_DATA`, else a folder beside the project.
fn data_folder() -> PathBuf {
    let beside = || [env!("CARGO_MANIFEST_DIR"), "..", "shared", "data"].iter().collect();
    env::var_os("TEST_DATA").map_or_else(beside, PathBuf::from)
}
