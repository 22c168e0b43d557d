//! The fixtures of csvlint, and the lists that stand in its feature files.
//!
//! csvlint says whether a file is valid; we say how it is read all the same. So each has an expectation of ours here, and
//! a file of theirs without one fails the test. Features about schemas, addresses on the web and its own settings are
//! none of ours.

use std::fs;
use std::path::Path;

use crate::as_read::{AsRead, Refused, as_read, assert_none, data_folder, difference, files_in, records, text_as_read};

/// How a list comes out: header and records, cells by `|`.
struct Read {
    /// The fixture, or the scenario of a feature.
    name: &'static str,
    /// What is known beforehand, as `[reading]` settings.
    reading: &'static str,
    header: &'static str,
    records: &'static [&'static str],
    /// Whether somebody is told of a repair, and in which physical line.
    repaired: Option<&'static str>,
}

const FOO: Read = Read { name: "", reading: "", header: "Foo|Bar|Baz", records: &["1|2|3", "3|2|1"], repaired: None };
const BIFF: Read = Read { header: "Foo|Bsr|Baz", records: &["Biff|Baff|Boff", "Qux|Teaspoon|Doge"], ..FOO };
const COLS: Read = Read { header: "col1|col2|col3", ..FOO };

/// Fixtures that are lists; `invalid-byte-sequence.csv` has a test of its own.
const FIXTURES: &[Read] = &[
    Read { name: "cr-line-endings.csv", header: "Foo|Bar|Baz", ..BIFF },
    Read { name: "crlf-line-endings.csv", ..BIFF },
    Read { name: "lf-line-endings.csv", ..BIFF },
    Read { name: "inconsistent-line-endings.csv", ..BIFF },
    Read { name: "inconsistent-line-endings-unquoted.csv", ..BIFF },
    // A quote and a blank behind the third record's last cell; an empty line and a row of empty cells further down.
    Read {
        name: "invalid_many_rows.csv",
        records: &["1|2|3", "3|2|1", "1|2|~3", "3|two|1", "1|2|3", "3|2|1", "3|2|1", "3|2|1", "3|2|1"],
        repaired: Some("4"),
        ..FOO
    },
    Read { name: "title-row.csv", ..BIFF },
    Read { name: "valid.csv", ..FOO },
    Read { name: "valid_many_rows.csv", records: &["1|2|3", "3|2|1", "1|2|3", "3|2|1", "1|2|3", "3|2|1"], ..FOO },
    Read { name: "white space in filename.csv", ..FOO },
    Read { name: "windows-line-endings.csv", header: "a|b|c", records: &["d|e|f"], ..FOO },
    Read { name: "spreadsheet.xls", header: "a|b|c", records: &[], ..FOO },
    Read { name: "spreadsheet.xlsx", header: "a|b|c", records: &[], ..FOO },
];

/// Features with lists in them.
const FEATURES: [&str; 3] = ["parse_csv", "validation_errors", "csv_options"];

/// A scenario about what a web server says of a list, with one row that may as well be a header.
const ABOUT_THE_WEB: &str = "Incorrect extension";

/// The other lists in [`FEATURES`], in their order.
const SCENARIOS: &[Read] = &[
    Read { name: "Successfully parse a valid CSV", ..FOO },
    Read {
        name: "Successfully parse a CSV with newlines in quoted fields",
        header: "a|b|c",
        records: &["d|e|this is\nvalid", "a|b|c"],
        ..FOO
    },
    Read {
        name: "Successfully parse a CSV with multiple newlines in quoted fields",
        header: "a|b|c",
        records: &["d|this is\nvalid|as is this\ntoo"],
        ..FOO
    },
    Read { name: "Successfully report an invalid CSV", header: "~Foo|~Bar|~Baz", records: &[], ..FOO },
    Read { name: "Successfully report a CSV with incorrect quoting", header: "Foo|Bar|~Baz", records: &[], ..FOO },
    Read { name: "Successfully report a CSV with incorrect whitespace", records: &[], ..FOO },
    Read { name: "Successfully report a CSV with ragged rows", header: "col1|col2|col2", records: &["1|2|3", "4|5"], ..FOO },
    Read {
        name: "Don't class blank values as inconsistencies",
        records: &["1|2|3", "4|5|6", "|7|8", "9|10|11", "|12|13", "|14|15", "16|17|18"],
        ..COLS
    },
    Read { name: "CSV with ragged rows", records: &["1|2|3", "4|5"], ..COLS },
    Read { name: "CSV with incorrect quoting", records: &["Foo|Bar|~Baz"], repaired: Some("2"), ..COLS },
    Read { name: "Successfully report a CSV with incorrect whitespace", records: &["Foo|Bar|Baz"], ..COLS },
    Read { name: "Successfully report a CSV with blank rows", records: &["Foo|Bar|Baz", "Baz|Bar|Foo"], ..COLS },
    Read { name: "Successfully report a CSV with multiple trailing empty rows", records: &["Foo|Bar|Baz", "Foo|Bar|Baz"], ..COLS },
    Read { name: "Successfully report a CSV with an empty row", records: &["Foo|Bar|Baz", "Foo|Bar|Baz"], ..COLS },
    Read { name: "Sucessfully parse a valid CSV", reading: "delimiter = \";\"\nquote = \"'\"", ..FOO },
    // Theirs are told the wrong delimiter and quote here; we are told nothing and find the right ones.
    Read { name: "Warn if options seem to return invalid data", ..FOO },
];

#[test]
fn the_fixtures_of_csvlint() {
    let Some(folder) = data_folder() else { return };
    let folder = folder.join("csv-cases/csvlint/features/fixtures");
    let mut failures = Vec::new();
    for fixture in FIXTURES {
        failures.extend(fixture.failure(as_read(&fixture.config(), &folder.join(fixture.name))));
    }
    let lists = files_in(&folder, &["csv", "xls", "xlsx"]);
    let is_known = |name: &String| name == BYTES || FIXTURES.iter().any(|fixture| fixture.name == name);
    failures.extend(lists.iter().filter(|name| !is_known(name)).map(|name| format!("{name}: no expectation")));
    assert_none(&failures);
}

#[test]
fn the_lists_in_the_features_of_csvlint() {
    let Some(folder) = data_folder() else { return };
    let lists: Vec<(String, String)> =
        FEATURES.iter().flat_map(|name| lists_of(&folder, name)).filter(|(scenario, _)| scenario != ABOUT_THE_WEB).collect();
    let names: Vec<&str> = lists.iter().map(|(scenario, _)| scenario.as_str()).collect();
    assert_eq!(names, SCENARIOS.iter().map(|scenario| scenario.name).collect::<Vec<_>>());
    let mut failures = Vec::new();
    for ((_, text), scenario) in lists.iter().zip(SCENARIOS) {
        failures.extend(scenario.failure(text_as_read(&scenario.config(), text)));
    }
    assert_none(&failures);
}

/// A bank's export in Portuguese, in ISO-8859-1.
const BYTES: &str = "invalid-byte-sequence.csv";

#[test]
fn bytes_of_another_encoding_are_letters_of_it() {
    let Some(folder) = data_folder() else { return };
    let file = folder.join("csv-cases/csvlint/features/fixtures").join(BYTES);
    let read = as_read("", &file).expect("a list");
    assert_eq!(read.header, ["Data", "Dependencia Origem", "Histórico", "Data do Balancete", "Número do documento", "Valor", ""]);
    assert_eq!(read.records.len(), 23);
    assert!(read.records.iter().all(|record| record.len() == 7), "{:?}", read.records);
    let third: Vec<&str> = read.records.iter().map(|record| record[2].split(" -").next().unwrap_or_default()).collect();
    assert_eq!(third[1..5], ["Transferência on line", "Depósito COMPE", "Proventos", "Benefício"]);
    assert_eq!(read.records[11][2], "Cobrança de I.O.F.");
}

#[test]
fn bytes_that_are_no_letters_cost_their_rows_only() {
    let Some(folder) = data_folder() else { return };
    let file = folder.join("csv-cases/csvlint/features/fixtures").join(BYTES);
    let read = as_read("[reading]\nencoding = \"utf-8\"\n", &file).expect("a list, told to be UTF-8");
    assert_eq!(read.records.len(), 23);
    let damaged = read.records.iter().filter(|record| record.concat().contains('\u{fffd}')).count();
    assert_eq!(damaged, 20, "every row with such a byte, and no other");
}

impl Read {
    fn config(&self) -> String {
        format!("[reading]\n{}\n", self.reading)
    }

    fn failure(&self, read: Result<AsRead, Refused>) -> Option<String> {
        let failure = match read {
            Err(refused) => Some(refused.to_string()),
            Ok(read) => difference(&[read.header], &records(&[self.header]))
                .map(|failure| format!("header: {failure}"))
                .or_else(|| difference(&read.records, &records(self.records)))
                .or_else(|| {
                    self.repaired.filter(|line| !tells_of(&read.told, line)).map(|line| format!("line {line} is not told: {:?}", read.told))
                }),
        };
        failure.map(|failure| format!("{}: {failure}", self.name))
    }
}

/// Whether a number stands in what was told.
fn tells_of(told: &str, line: &str) -> bool {
    told.split(|sign: char| !sign.is_ascii_digit()).any(|number| number == line)
}

/// The texts of a feature's scenarios, each under the scenario's name.
fn lists_of(folder: &Path, feature: &str) -> Vec<(String, String)> {
    let path = folder.join(format!("csv-cases/csvlint/features/{feature}.feature"));
    let text = fs::read_to_string(path).expect("a feature");
    let (mut lists, mut scenario, mut list) = (Vec::new(), String::new(), None::<String>);
    for line in text.lines() {
        if let Some(name) = line.trim().strip_prefix("Scenario: ") {
            name.trim().clone_into(&mut scenario);
        } else if line.trim() == "\"\"\"" {
            match list.take() {
                Some(list) => lists.push((scenario.clone(), list)),
                None => list = Some(String::new()),
            }
        } else if let Some(list) = &mut list {
            *list += &format!("{line}\n");
        }
    }
    lists
}
