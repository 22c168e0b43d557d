//! Misread variations for people: the place of the fault, what was expected, what was got. And all of them as files, on request.

use std::collections::HashMap;
use std::env;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use super::measure::Score;
use super::variation::{Reading, Row, Variation};
use super::written::Dialect;

/// Lines shown of each kind, and characters of each line.
const LINES_MAX: usize = 4;
const LINE_MAX: usize = 240;

/// What was asked for in the environment, and what there is to show.
pub struct Shown {
    per_class: usize,
    folder: Option<PathBuf>,
    counts: HashMap<&'static str, usize>,
    text: String,
}

impl Shown {
    pub fn from_env() -> Self {
        let per_class = env::var("FAULTS_SHOW").map_or(0, |count| count.parse().expect("FAULTS_SHOW is a number"));
        Shown { per_class, folder: env::var_os("FAULTS_DUMP").map(PathBuf::from), counts: HashMap::new(), text: String::new() }
    }

    /// What is to be printed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Takes note of one variation.
    pub fn see(&mut self, clean: &str, variation: &Variation, got: &Reading, score: Score, reading: usize) {
        if let Some(folder) = &self.folder {
            let class: String = variation.class.chars().map(|sign| if sign.is_alphanumeric() { sign } else { '_' }).collect();
            let place = folder.join(class);
            fs::create_dir_all(&place).expect("the folder of FAULTS_DUMP can be written");
            let write = |ending: &str, bytes: &[u8]| {
                fs::write(place.join(format!("{clean}_{}.{ending}", variation.name)), bytes)
                    .expect("the folder of FAULTS_DUMP can be written");
            };
            let as_csv = Dialect { end: "\n", ..Dialect::RFC };
            write("csv", &variation.bytes);
            write("expected", as_csv.file(&variation.expected[reading]).as_bytes());
            if !score.is_exact {
                write("got", as_csv.file(got).as_bytes());
            }
        }
        let count = self.counts.entry(variation.class).or_default();
        if score.is_exact || *count >= self.per_class {
            return;
        }
        *count += 1;
        let expected = &variation.expected[reading];
        writeln!(self.text, "--- {} | {clean} {} | F1 {:.4}", variation.class, variation.name, score.f1()).expect("memory takes it");
        self.input(&variation.bytes, expected, got);
        if expected.header != got.header {
            self.line("header expected", &format!("{:?}", expected.header));
            self.line("header got     ", &format!("{:?}", got.header));
        }
        let (lost, gained) = (missing(&expected.records, &got.records), missing(&got.records, &expected.records));
        writeln!(
            self.text,
            "  records: {} expected, {} got; {} of them missing, {} new",
            expected.records.len(),
            got.records.len(),
            lost.len(),
            gained.len()
        )
        .expect("memory takes it");
        for (label, rows) in [("expected", &lost), ("got     ", &gained)] {
            for row in rows.iter().take(LINES_MAX) {
                self.line(label, &format!("{row:?}"));
            }
        }
    }

    /// Lines of the file where its readings part: its first ones, and those that hold a text of the first differing record.
    fn input(&mut self, bytes: &[u8], expected: &Reading, got: &Reading) {
        let text = String::from_utf8_lossy(bytes);
        let end = if text.contains('\n') { '\n' } else { '\r' };
        let lines: Vec<&str> = text.split_inclusive(end).collect();
        let pairs = expected.records.iter().zip(&got.records);
        let first = pairs.take_while(|(left, right)| left == right).count();
        // A piece of the record's own text finds its line better than a count of lines does.
        let longest =
            |row: &Row| row.iter().flat_map(|cell| cell.split(['"', '\r', '\n', ','])).max_by_key(|part| part.len()).map(str::to_string);
        let key = expected.records.get(first).and_then(longest);
        let at = key.and_then(|key| lines.iter().position(|line| line.contains(&key))).unwrap_or(lines.len());
        let is_at_the_top = expected.header != got.header;
        let from = if is_at_the_top { 0 } else { at.saturating_sub(1).min(lines.len().saturating_sub(LINES_MAX)) };
        for (n, line) in lines.iter().enumerate().skip(from).take(LINES_MAX) {
            self.line(&format!("line {:<4}", n + 1), &format!("{line:?}"));
        }
    }

    fn line(&mut self, label: &str, text: &str) {
        let cut: String = text.chars().take(LINE_MAX).collect();
        writeln!(self.text, "  {label} {cut}").expect("memory takes it");
    }
}

/// Records of one reading that the other does not have as often.
fn missing<'a>(of: &'a [Row], from: &[Row]) -> Vec<&'a Row> {
    let mut left: HashMap<&Row, usize> = HashMap::new();
    for row in from {
        *left.entry(row).or_default() += 1;
    }
    let mut is_missing = |row: &&Row| match left.get_mut(*row) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    };
    of.iter().filter(|row| is_missing(row)).collect()
}
