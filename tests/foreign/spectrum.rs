//! csv-spectrum: a dozen small files, each with its content as JSON.

use std::fs;

use serde_json::Value;

use crate::as_read::{as_read, assert_none, data_folder, difference, files_in};

/// The one file whose JSON is not its content: the telephone number is 2095257564 in the CSV and 1234567890 in the JSON.
/// Its other cells are held against the JSON, the number against the CSV itself.
const CONTRADICTS_ITSELF: &str = "location_coordinates";

/// The column that the JSON has changed, and what the CSV holds in it.
const CHANGED: (&str, &str) = ("Contact Phone Number", "2095257564");

#[test]
fn csv_spectrum() {
    let Some(folder) = data_folder() else { return };
    let names = files_in(&folder.join("csv-spectrum/csvs"), &["csv"]);
    let mut failures = Vec::new();
    for name in &names {
        let stem = name.trim_end_matches(".csv");
        let json = fs::read_to_string(folder.join(format!("csv-spectrum/json/{stem}.json"))).expect("its content");
        let (header, records) = content(stem, &serde_json::from_str(&json).expect("JSON"));
        let failure = match as_read("", &folder.join("csv-spectrum/csvs").join(name)) {
            Ok(read) if read.header != header => Some(format!("expected the header {header:?}, read {:?}", read.header)),
            Ok(read) => difference(&read.records, &records),
            Err(refused) => Some(refused.to_string()),
        };
        failures.extend(failure.map(|failure| format!("{stem}: {failure}")));
    }
    println!("csv-spectrum: {} of {}", names.len() - failures.len(), names.len());
    assert_eq!(names.len(), 12);
    assert_none(&failures);
}

/// Header and records of a list of objects, or of one object.
fn content(stem: &str, json: &Value) -> (Vec<String>, Vec<Vec<String>>) {
    let objects: Vec<&Value> = json.as_array().map_or_else(|| vec![json], |list| list.iter().collect());
    let objects = || objects.iter().map(|object| object.as_object().expect("an object"));
    let header: Vec<String> = objects().next().expect("one record").keys().cloned().collect();
    let cell = |name: &String, cell: &Value| match (stem, name.as_str()) {
        (CONTRADICTS_ITSELF, name) if name == CHANGED.0 => {
            assert_ne!(cell, CHANGED.1, "{stem} no longer contradicts itself");
            CHANGED.1.to_owned()
        }
        _ => cell.as_str().expect("text").to_owned(),
    };
    let records = objects().map(|object| object.iter().map(|(name, text)| cell(name, text)).collect()).collect();
    (header, records)
}
