//! What `check --emit csv` makes of a file, and how that is held against an expectation.
//!
//! Two freedoms, the same for every file: a record that holds only empty cells is no record, on either side; and a cell
//! expected as `~text` may keep the quotes and the white space at its ends, because what becomes of a quote that belongs
//! nowhere is a matter of taste while the text is not.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::support::{Root, names_in};

/// A file as header and records.
#[derive(Debug, PartialEq, Eq)]
pub struct AsRead {
    /// The cells of the header; `column_1` … where the file has none.
    pub header: Vec<String>,
    /// Records that are more than empty cells.
    pub records: Vec<Vec<String>>,
    /// What was told beside it.
    pub told: String,
}

/// A file that gave no header, or a program that ended as it should not.
#[derive(Debug)]
pub struct Refused {
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Why.
    pub said: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "refused with {:?}: {}", self.code, self.said.trim())
    }
}

/// Reads a file under a configuration.
///
/// # Errors
/// How the program refused it.
pub fn as_read(config: &str, file: &Path) -> Result<AsRead, Refused> {
    let root = Root::with_config(config);
    let said = root.run(&["check", "--emit", "csv", file.to_str().expect("a UTF-8 path")]);
    if said.stdout.is_empty() || !matches!(said.code, Some(0 | 1)) {
        return Err(Refused { code: said.code, said: said.stderr });
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(said.stdout.as_bytes());
    let mut rows = reader.records().map(|row| row.expect("RFC 4180").iter().map(str::to_owned).collect::<Vec<_>>());
    let header = rows.next().unwrap_or_default();
    let records = rows.filter(|record| !is_blank(record)).collect();
    Ok(AsRead { header, records, told: said.stderr })
}

/// Reads text as if it were a file.
///
/// # Errors
/// As [`as_read`].
pub fn text_as_read(config: &str, text: &str) -> Result<AsRead, Refused> {
    let root = Root::new();
    as_read(config, &root.write("outside/list.csv", text))
}

/// Whether a record holds nothing.
pub fn is_blank<T: AsRef<str>>(record: &[T]) -> bool {
    record.iter().all(|cell| cell.as_ref().trim().is_empty())
}

/// The first record that differs, in words.
pub fn difference<T: AsRef<str>>(found: &[Vec<String>], expected: &[Vec<T>]) -> Option<String> {
    let expected: Vec<Vec<&str>> = expected.iter().map(|record| record.iter().map(AsRef::as_ref).collect()).collect();
    let expected: Vec<&Vec<&str>> = expected.iter().filter(|record| !is_blank(record)).collect();
    for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
        if !same_record(found, expected) {
            return Some(format!("record {}: expected {expected:?}, read {found:?}", at + 1));
        }
    }
    (found.len() != expected.len()).then(|| format!("expected {} records, read {}: {found:?}", expected.len(), found.len()))
}

/// Whether a record is the expected one.
pub fn same_record(found: &[String], expected: &[&str]) -> bool {
    found.len() == expected.len() && found.iter().zip(expected).all(|(found, expected)| same_cell(found, expected))
}

fn same_cell(found: &str, expected: &str) -> bool {
    let bare = |cell: &str| cell.replace(['"', '\''], "").trim().to_owned();
    expected.strip_prefix('~').map_or_else(|| found == expected, |text| bare(found) == bare(text))
}

/// Whether the header says that the file has none.
pub fn is_unnamed(header: &[String]) -> bool {
    header.iter().enumerate().all(|(at, name)| *name == format!("column_{}", at + 1))
}

/// Records written by hand: cells by `|`.
pub fn records(lines: &[&str]) -> Vec<Vec<String>> {
    lines.iter().map(|line| line.split('|').map(str::to_owned).collect()).collect()
}

/// Files that we did not write, for tests only: `TEST_DATA`, else a folder beside the project. Says when they are missing.
pub fn data_folder() -> Option<PathBuf> {
    let beside = || [env!("CARGO_MANIFEST_DIR"), "..", "shared", "data"].iter().collect();
    let folder = env::var_os("TEST_DATA").map_or_else(beside, PathBuf::from);
    if !folder.is_dir() {
        println!("skipped: the data folder is not there (TEST_DATA names another)");
    }
    folder.is_dir().then_some(folder)
}

/// The names of a folder's files with one of these extensions, sorted.
pub fn files_in(folder: &Path, extensions: &[&str]) -> Vec<String> {
    let mut names = names_in(folder);
    names.retain(|name| Path::new(name).extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)));
    names
}

/// Fails with everything that went wrong, one line each.
#[track_caller]
pub fn assert_none(failures: &[String]) {
    assert!(failures.is_empty(), "{} did not come out as expected:\n{}\n", failures.len(), failures.join("\n"));
}
