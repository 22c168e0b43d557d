//! The program under test: variations in, readings out, through `valhalla check FILE… --emit csv`.
//!
//! Many files go to one process, with a well-known file between them to tell their outputs apart; where that does not work
//! out, because the process died or the well-known file was misread, each file gets a process of its own.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::variation::{Reading, Row};

/// The well-known file, as it is and as it is written out.
const BETWEEN: &str = "end_of_one_file,place,amount\nhere ends one file of many,north,1\n";

/// Files that one process reads.
const FILES_MAX: usize = 48;

/// Where the program is: the environment variable `FAULTS_BIN`, else the one that cargo built for the tests.
pub fn program() -> PathBuf {
    let built = option_env!("CARGO_BIN_EXE_valhalla").map(PathBuf::from);
    env::var_os("FAULTS_BIN").map(PathBuf::from).or(built).expect("FAULTS_BIN names the program where cargo did not build it")
}

/// How each of these files is read.
pub fn read_all<'a>(files: impl Iterator<Item = &'a [u8]>) -> Vec<Reading> {
    let files: Vec<&[u8]> = files.collect();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let between = folder.path().join("between.csv");
    fs::write(&between, BETWEEN).expect("the temporary folder can be written");
    let mut readings = Vec::new();
    for part in files.chunks(FILES_MAX) {
        let paths: Vec<PathBuf> = (0..part.len()).map(|n| folder.path().join(format!("{n}.csv"))).collect();
        for (path, bytes) in paths.iter().zip(part) {
            fs::write(path, bytes).expect("the temporary folder can be written");
        }
        let output = emitted(paths.iter().flat_map(|path| [path.as_path(), &between]));
        match apart(&output).filter(|outputs| outputs.len() == part.len()) {
            Some(outputs) => readings.extend(outputs.into_iter().map(parsed)),
            None => readings.extend(paths.iter().map(|path| parsed(&emitted([path.as_path()].into_iter())))),
        }
    }
    readings
}

/// What the program writes to its standard output. Files that it refuses give nothing there.
fn emitted<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<u8> {
    let mut command = Command::new(program());
    command.args(["check", "--emit", "csv", "--quiet"]).args(paths).stdin(Stdio::null()).stderr(Stdio::null());
    command.output().expect("the program can be started").stdout
}

/// The outputs of several files, each of which the well-known file follows.
fn apart(output: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = output;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let at = memchr::memmem::find(rest, BETWEEN.as_bytes())?;
        parts.push(&rest[..at]);
        rest = &rest[at + BETWEEN.len()..];
    }
    Some(parts)
}

/// RFC 4180 with LF: header and records.
fn parsed(output: &[u8]) -> Reading {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(output);
    let mut rows = reader.byte_records().map(|record| {
        let record = record.expect("bytes in memory can be read");
        record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect::<Row>()
    });
    rows.next().map_or_else(Reading::empty, |header| Reading { header, records: rows.collect() })
}
