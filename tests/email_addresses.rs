//! What we call an address, held against what a strict validator says about other people's examples.
//!
//! Left out, because they ask something else: white space around an address (a cell is trimmed before it is read), a name
//! beside it (`Name <a@b.c>`, which that validator knows and refuses, and we accept), and mail systems without Unicode.

use std::path::PathBuf;
use std::{env, fs};

use serde_json::Value;
use valhalla_ingest::engine::email;
use valhalla_ingest::engine::rules::EmailRule;

#[test]
fn we_agree_with_a_strict_validator() {
    let beside = || [env!("CARGO_MANIFEST_DIR"), "..", "shared", "data"].iter().collect();
    let folder = env::var_os("TEST_DATA").map_or_else(beside, PathBuf::from);
    let Ok(cases) = fs::read_to_string(folder.join("emails").join("email-validator.jsonl")) else {
        println!("skipped: the data folder is not there (TEST_DATA names another)");
        return;
    };
    // A lone half of a surrogate pair is no text, and no cell can hold one.
    let cases = cases.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let (mut agreed, mut wrong) = (0, Vec::new());
    for (cell, expected) in cases.filter(|case| !is_left_out(case)).flat_map(|case| examples(&case)) {
        let found = email::read_address(&cell, EmailRule::Standard).map(|found| found.address.into_owned());
        let is_same = match (&found, &expected) {
            (Some(found), Expected::Address(address)) => address.as_ref().is_none_or(|address| address.to_lowercase() == *found),
            (None, Expected::None) => true,
            _ => false,
        };
        if is_same {
            agreed += 1;
        } else {
            wrong.push(format!("{cell:?}: {found:?} instead of {expected:?}"));
        }
    }
    println!("{agreed} of {} agree", agreed + wrong.len());
    assert!(agreed > 100 && agreed * 100 >= (agreed + wrong.len()) * 97, "{agreed} agree, but not\n{}", wrong.join("\n"));
}

/// What the validator says.
#[derive(Debug, Clone)]
enum Expected {
    /// Valid, and its normal form where that is told.
    Address(Option<String>),
    /// No address.
    None,
}

fn is_left_out(case: &Value) -> bool {
    let text = |key: &str| case[key].as_str().unwrap_or_default();
    let cell = text("email_input");
    cell.trim() != cell
        || text("test").ends_with("smtputf8_off")
        || text("error_msg").contains("display name")
        || (text("test").ends_with("display_name") && !cell.ends_with(">>"))
}

/// A case as cells: single characters are tried at the front of either part.
fn examples(case: &Value) -> Vec<(String, Expected)> {
    if let Some(part) = case["s"].as_str() {
        return [format!("{part}@example.com"), format!("john@{part}.com")].map(|cell| (cell, Expected::None)).to_vec();
    }
    let cell = case["email_input"].as_str().unwrap_or_default().to_owned();
    let local = || case["normalized_local_part"].as_str().map(|local| format!("{local}@example.com"));
    let is_valid = case["test"].as_str().is_some_and(|test| test.starts_with("test_email_valid"));
    let expected = if is_valid { Expected::Address(case["output"].as_str().map(str::to_owned).or_else(local)) } else { Expected::None };
    vec![(cell, expected)]
}
