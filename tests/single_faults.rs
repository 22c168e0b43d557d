//! Thousands of files with one fault each, read by the real binary and compared with what the file says to its owner.
//!
//! Three clean files are made up, each fault is put in wherever it makes sense, and header, records and cells of the reading
//! are measured against the expected ones. A second set has no fault at all, and must come back as it is.
//!
//! Environment, for work on the reader: `FAULTS_BIN` another binary, `FAULTS_CLASS` only classes whose name holds this,
//! `FAULTS_SHOW` how many misread variations of each class are shown in full, `FAULTS_DUMP` a folder to write all of them to,
//! `FAULTS_FIRST` only the natural one of several expected readings counts.

#[path = "faults/clean.rs"]
mod clean;
#[path = "faults/measure.rs"]
mod measure;
#[path = "faults/one_row.rs"]
mod one_row;
#[path = "faults/random.rs"]
mod random;
#[path = "faults/reader.rs"]
mod reader;
#[path = "faults/shown.rs"]
mod shown;
#[path = "faults/variation.rs"]
mod variation;
#[path = "faults/well_formed.rs"]
mod well_formed;
#[path = "faults/whole_file.rs"]
mod whole_file;
#[path = "faults/written.rs"]
mod written;

use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clean::Clean;
use measure::{Score, Tally};
use shown::Shown;
use variation::Variation;

/// What precision and recall of header, records and cells must come to, on average.
const MEAN_MIN: f64 = 0.98;

/// What the mean F1 of each class of faults must come to, unless it is listed below.
const CLASS_MIN: f64 = 0.95;

/// Classes that may do worse, how bad, and why.
const HARD: &[(&str, f64, &str)] = &[];

/// One kind of fault: all its variations of a clean file.
type Fault = fn(&Clean) -> Vec<Variation>;

/// Programs that run at a time.
const WORKERS: usize = 2;

#[test]
fn a_file_with_one_fault_is_read_as_its_owner_would() {
    let clean = clean::files();
    let groups: Vec<(&Clean, &Fault)> =
        clean.iter().flat_map(|clean| whole_file::FAULTS.iter().chain(one_row::FAULTS).map(move |fault| (clean, fault))).collect();
    let next = AtomicUsize::new(0);
    let (tally, shown) = (Mutex::new(Tally::default()), Mutex::new(Shown::from_env()));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((clean, fault)) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = measured(clean.name, fault(clean), &shown);
                    tally.lock().expect("no worker panics with it").merge(found);
                }
            });
        }
    });
    let (tally, shown) = (tally.into_inner().expect("all workers are done"), shown.into_inner().expect("all workers are done"));
    print!("{}{}", shown.text(), tally.table());
    println!("{} variations, {:.3} of them read without any difference", tally.len(), tally.over_variations().exact);
    if env::var_os("FAULTS_CLASS").is_some() {
        println!("skipped: the bounds, since FAULTS_CLASS leaves faults out");
        return;
    }
    let mut low = Vec::new();
    for (what, means) in [("variations", tally.over_variations()), ("classes", tally.over_classes())] {
        for (name, share) in ["header", "records", "cells"].iter().zip(means.shares) {
            for (measure, value) in [("precision", share.precision), ("recall", share.recall)] {
                if value < MEAN_MIN {
                    low.push(format!("mean {measure} of {name} over {what}: {value:.4} < {MEAN_MIN}"));
                }
            }
        }
    }
    for (class, means) in tally.classes() {
        let min = HARD.iter().find(|hard| hard.0 == class).map_or(CLASS_MIN, |hard| hard.1);
        if means.f1 < min {
            low.push(format!("mean F1 of '{class}': {:.4} < {min}", means.f1));
        }
    }
    assert!(tally.len() > 5_000, "only {} variations were made", tally.len());
    assert!(low.is_empty(), "\n{}", low.join("\n"));
}

#[test]
fn a_well_formed_file_comes_back_as_it_is() {
    let shown = Mutex::new(Shown::from_env());
    let files = well_formed::files();
    let tally = measured("any", files, &shown);
    let shown = shown.into_inner().expect("nobody else has it");
    print!("{}{}", shown.text(), tally.table());
    if tally.len() == 0 {
        println!("skipped: FAULTS_CLASS leaves the well-formed files out");
        return;
    }
    assert!(tally.over_variations().exact >= 1.0, "some well-formed files were read as something else (FAULTS_SHOW=3 shows them)");
}

/// Reads all variations and compares.
fn measured(clean: &str, mut variations: Vec<Variation>, shown: &Mutex<Shown>) -> Tally {
    if let Ok(wanted) = env::var("FAULTS_CLASS") {
        variations.retain(|variation| variation.class.contains(&wanted));
    }
    if env::var_os("FAULTS_FIRST").is_some() {
        for variation in &mut variations {
            variation.expected.truncate(1);
        }
    }
    let readings = reader::read_all(variations.iter().map(|variation| variation.bytes.as_slice()));
    let mut tally = Tally::default();
    for (variation, got) in variations.iter().zip(readings) {
        // Records of only empty cells are no records, written out or not.
        let got = got.without_empty();
        let (score, reading) = Score::nearest(&variation.expected, &got);
        tally.add(variation.class, &format!("{clean} {}", variation.name), score, reading);
        shown.lock().expect("no worker panics with it").see(clean, variation, &got, score, reading);
    }
    tally
}
