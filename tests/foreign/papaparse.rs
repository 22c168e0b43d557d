//! The test suite of Papa Parse: every case that says how text is read.
//!
//! A case brings its own settings; those that have a counterpart become `[reading]` settings here. Its expectation holds
//! for us too, except where [`OURS`] says otherwise and why.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use crate::as_read::{assert_none, data_folder, difference, is_unnamed, records, text_as_read};

/// The group of cases whose reader does not look for the delimiter.
const CORE: &str = "CORE_PARSER_TESTS";

/// Groups of cases that read nothing, and why.
const GROUPS_LEFT_OUT: &[(&str, &str)] = &[
    ("UNPARSE_TESTS", "write CSV"),
    ("CUSTOM_TESTS", "drive the interface for programs (steps, chunks, workers, pausing); their input is not in the file"),
];

/// Settings whose cases are left out, and why.
const SETTINGS_LEFT_OUT: &[(&str, &str)] = &[
    ("dynamicTyping", "turns cells into numbers and dates: ours stay text until they are mapped"),
    ("transform", "runs a function over each cell"),
    ("transformHeader", "runs a function over each header"),
];

/// Single cases that are left out: number in the file from 0, description, and why.
const LEFT_OUT: &[(usize, &str, &str)] = &[
    (47, "Bad comments value specified", "a setting that makes no sense is refused, not ignored"),
    (48, "Multi-character comment string", "our comment sign is one character"),
    (56, "Fast mode with comments", "our comment sign is one character"),
    (87, "Bad delimiter (\\n)", "a setting that makes no sense is refused, not ignored"),
    (88, "Multi-character delimiter", "our delimiter is one character"),
    (89, "Multi-character delimiter (length 2) with quoted field", "our delimiter is one character"),
    (90, "Callback delimiter", "runs a function"),
    (147, "Using reserved regex character . as quote character", "about Papa's regular expressions: nobody quotes with a dot"),
    (148, "Using reserved regex character | as quote character", "about Papa's regular expressions: nobody quotes with a bar"),
];

/// Cases that we read differently on purpose: number, description, why, and our records (header first where it has one).
const OURS: &[(usize, &str, &str, &[&str])] = &[
    (
        17,
        "Quoted field with whitespace around quotes",
        "padding around quotes is padding; Papa itself drops it behind a quote, not before",
        &["A|B|C"],
    ),
    (19, "Quoted field has no closing quote", "never swallows the records that follow", &["a|~b|c", "d|e|f"]),
    (
        20,
        "Quoted field has invalid trailing quote after delimiter with a valid closer",
        "three cells, as in the other record",
        &["~a|~b|~c", "d|e|f"],
    ),
    (21, "Quoted field has invalid trailing quote after delimiter", "never swallows the records that follow", &["a|~b|~c", "d|e|f"]),
    (22, "Quoted field has invalid trailing quote before delimiter", "never swallows the records that follow", &["a|~bc|d", "e|f|g"]),
    (23, "Quoted field has invalid trailing quote after new line", "never swallows the records that follow", &["a|~b|c", "~de|f|g"]),
    (59, "Simple duplicated header names", "headers are emitted as written; names are made distinct later", &["A|A|A|A", "1|2|3|4"]),
    (61, "Duplicated header names existing column", "headers are emitted as written", &["c|c|c|c_1", "1|2|3|4"]),
    (62, "Duplicate header names with __proto__ field", "headers are emitted as written", &["__proto__|__proto__|__proto__", "1|2|3"]),
    (
        72,
        "Mixed slash n and slash r should choose first as precident",
        "each of LF, CRLF and CR ends a record",
        &["a|b|c", "d|e|f", "g|h|i"],
    ),
];

/// What is read of a case: the header where it has one, and the records.
struct Expected {
    header: Option<Vec<String>>,
    records: Vec<Vec<String>>,
}

/// Whether Papa's core is told that a comma stands between cells, as its callers do when they say nothing else.
#[derive(Clone, Copy, PartialEq)]
enum Core {
    Told,
    Guessing,
}

#[test]
fn the_parsing_cases_of_papa_parse() {
    let Some(cases) = cases() else { return };
    let meant: Vec<(usize, &Value)> = cases.iter().enumerate().filter(|(at, case)| why_left_out(*at, case).is_none()).collect();
    let failures = failures(&meant, Core::Told);
    println!(
        "Papa Parse: {} of {} cases that read text ({} in all, {} left out)",
        meant.len() - failures.len(),
        meant.len(),
        cases.len(),
        cases.len() - meant.len()
    );
    assert!(meant.len() >= 130, "{} cases are too few: what happened to the file?", meant.len());
    assert_none(&failures);
}

#[test]
fn the_core_cases_of_papa_parse_without_being_told_the_comma() {
    let Some(cases) = cases() else { return };
    let meant: Vec<(usize, &Value)> =
        cases.iter().enumerate().filter(|(at, case)| case["group"] == CORE && why_left_out(*at, case).is_none()).collect();
    let failures = failures(&meant, Core::Guessing);
    println!("Papa Parse's core, delimiter not told: {} of {}", meant.len() - failures.len(), meant.len());
    assert_none(&failures);
}

/// All cases; their order is part of [`LEFT_OUT`] and [`OURS`].
fn cases() -> Option<Vec<Value>> {
    let text = fs::read_to_string(data_folder()?.join("csv-cases/papaparse.jsonl")).expect("the cases");
    let cases: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a case")).collect();
    let named = LEFT_OUT.iter().map(|(at, name, _)| (at, name)).chain(OURS.iter().map(|(at, name, ..)| (at, name)));
    for (at, name) in named {
        assert_eq!(cases[*at]["description"], *name, "case {at}");
    }
    Some(cases)
}

fn failures(cases: &[(usize, &Value)], core: Core) -> Vec<String> {
    let told = |(at, case): &(usize, &Value)| {
        let failure = failure(*at, case, core)?;
        Some(format!("{at} {}: {}\n    input {}\n    {failure}", words(&case["group"]), words(&case["description"]), case["input"]))
    };
    cases.iter().filter_map(told).collect()
}

fn why_left_out(at: usize, case: &Value) -> Option<&'static str> {
    let group = GROUPS_LEFT_OUT.iter().find(|(group, _)| case["group"] == *group);
    let setting = SETTINGS_LEFT_OUT.iter().find(|(setting, _)| case["config"].get(setting).is_some());
    let single = LEFT_OUT.iter().find(|(number, ..)| *number == at).map(|(_, _, why)| *why);
    single.or_else(|| group.or(setting).map(|(_, why)| *why))
}

fn failure(at: usize, case: &Value, core: Core) -> Option<String> {
    let expected = expected(at, case);
    let config = reading(case, core);
    let read = match text_as_read(&config, words(&case["input"])) {
        Ok(read) => read,
        // Nothing to read: a file that is refused for being empty is read rightly.
        Err(refused) if refused.code == Some(1) && expected.records.iter().all(|record| crate::as_read::is_blank(record)) => return None,
        Err(refused) => return Some(format!("{config:?}: {refused}")),
    };
    let mut found = read.records;
    if let Some(rows) = case["config"]["preview"].as_u64().filter(|rows| *rows > 0) {
        found.truncate(usize::try_from(rows).expect("few"));
    }
    match &expected.header {
        None if !is_unnamed(&read.header) => Some(format!("expected no header, read {:?}", read.header)),
        // A record that is too short names only the columns that it has.
        Some(header) if !read.header.starts_with(header) => Some(format!("expected the header {header:?}, read {:?}", read.header)),
        _ => difference(&found, &expected.records),
    }
}

/// The settings of a case as ours. What only makes Papa faster, or says what is found anyway, has no counterpart.
fn reading(case: &Value, core: Core) -> String {
    let config = &case["config"];
    let mut reading = "[reading]\n".to_owned();
    let mut set = |key: &str, value: &str| writeln!(reading, "{key} = {}", Value::from(value)).expect("text");
    match config["delimiter"].as_str() {
        Some(delimiter) => set("delimiter", delimiter),
        None if case["group"] == CORE && core == Core::Told => set("delimiter", ","),
        None => {}
    }
    match &config["comments"] {
        Value::Bool(true) => set("comment", "#"),
        Value::String(sign) => set("comment", sign),
        _ => {}
    }
    for (theirs, ours) in [("quoteChar", "quote"), ("escapeChar", "escape")] {
        config[theirs].as_str().into_iter().for_each(|sign| set(ours, sign));
    }
    match header_line(case) {
        Some(line) => writeln!(reading, "header = {line}").expect("text"),
        None => set("header", "none"),
    }
    reading
}

/// The physical line of the header; none where every line is a record.
fn header_line(case: &Value) -> Option<usize> {
    let config = &case["config"];
    let skipped = config["skipFirstNLines"].as_u64().map_or(0, |lines| usize::try_from(lines).expect("few"));
    let comment = config["comments"].as_str();
    let comments = words(&case["input"]).lines().skip(skipped).take_while(|line| comment.is_some_and(|sign| line.starts_with(sign)));
    // Lines are skipped by naming the header behind them, also where Papa calls that line a record.
    (config["header"] == true || skipped > 0).then(|| skipped + comments.count() + 1)
}

fn expected(at: usize, case: &Value) -> Expected {
    if let Some((.., rows)) = OURS.iter().find(|(number, ..)| *number == at) {
        return with_header(case, records(rows));
    }
    let data = case["expected"]["data"].as_array().expect("rows");
    let cells = |row: &Value| match row {
        Value::Object(cells) => cells
            .iter()
            .flat_map(|(_, cell)| cell.as_array().map_or_else(|| vec![cell], |extra| extra.iter().collect()))
            .map(text)
            .collect(),
        row => row.as_array().expect("cells").iter().map(text).collect(),
    };
    let rows = data.iter().map(cells).collect();
    match data.first() {
        Some(Value::Object(first)) => {
            let header = first.keys().filter(|name| *name != "__parsed_extra").cloned().collect();
            Expected { header: Some(header), records: rows }
        }
        // No record to name the columns by: whatever the header is called.
        None => Expected { header: header_line(case).map(|_| Vec::new()), records: rows },
        _ => with_header(case, rows),
    }
}

/// Takes the header off the rows where they hold it.
fn with_header(case: &Value, mut rows: Vec<Vec<String>>) -> Expected {
    let header = header_line(case).map(|_| rows.remove(0));
    Expected { header, records: rows }
}

fn words(value: &Value) -> &str {
    value.as_str().expect("text")
}

fn text(cell: &Value) -> String {
    words(cell).to_owned()
}
