//! Files that other people wrote, read through the real program: test suites of other CSV readers, and what lead vendors export.
//!
//! None of them is part of this project. Where they are not at hand, each test says that it is skipped. What is expected
//! of a file was written down by reading the file, not by asking the program.

#[path = "foreign/as_read.rs"]
mod as_read;
#[path = "foreign/csvlint.rs"]
mod csvlint;
#[path = "foreign/leads_exports.rs"]
mod leads_exports;
#[path = "foreign/papaparse.rs"]
mod papaparse;
#[path = "foreign/rust_csv.rs"]
mod rust_csv;
#[path = "foreign/spectrum.rs"]
mod spectrum;
mod support;
