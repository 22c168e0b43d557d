//! The page of `check`: how a file is read, what maps to what, what is wrong, in which rows, and what to do. For somebody
//! who has never heard of a delimiter.

use std::fmt::Write as _;

use crate::engine::findings::{self, Finding};
use crate::engine::plan::{self, Layout, Plan};
use crate::engine::rules::Rules;
use crate::ingest::preview::{Opened, Preview};
use crate::render::console;
use crate::render::words::counted;

/// A file as it would be taken.
pub(super) struct Checked<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it came in, in words.
    pub container: Option<&'a str>,
    /// What was left aside in there.
    pub left_aside: &'a [String],
    /// How it is read.
    pub plan: &'a Plan,
    /// What came of it.
    pub found: &'a Preview,
}

impl Checked<'_> {
    /// What is worth saying once.
    pub(super) fn findings(&self) -> Vec<Finding> {
        findings::of(self.plan, &self.found.counts, &self.found.notes, self.found.rows, self.found.lines_beyond)
    }
}

/// The whole page.
pub(super) fn page(checked: &Checked<'_>) -> String {
    let (plan, found) = (checked.plan, checked.found);
    let mut page = format!("{}\n\n", checked.name);
    page += "How it is read\n";
    page += &reading(&plan.layout, checked.container);
    for note in checked.left_aside {
        let _ = writeln!(page, "  {note}");
    }
    page += "\nWhat maps to what\n";
    page += &indented(&columns(plan));
    page += "\nWhat comes of it\n";
    let repeats = match found.duplicates {
        0 => String::new(),
        duplicates => format!(" ({} a person from above)", counted(duplicates, "repeats", "repeat")),
    };
    let _ = writeln!(
        page,
        "  {} rows: {} acceptable{repeats}, {} rejected",
        console::thousands(found.rows),
        console::thousands(found.rows - found.rejected),
        console::thousands(found.rejected)
    );
    if found.formula_cells > 0 {
        let _ = writeln!(
            page,
            "  {} like a formula: kept as it is, and made harmless in files we write for spreadsheets",
            counted(found.formula_cells, "cell begins", "cells begin")
        );
    }
    let findings = checked.findings();
    if !findings.is_empty() {
        page += "\nWorth knowing\n";
        page += &indented(&told(&findings));
    }
    if !found.issues.is_empty() {
        page += "\nWhat is wrong, row by row\n";
        let issues: Vec<Vec<String>> = found
            .issues
            .iter()
            .map(|issue| vec![issue.row.to_string(), issue.line.to_string(), issue.column.clone(), issue.message.clone()])
            .collect();
        page += &indented(&console::table(&["ROW", "LINE", "COLUMN", "WHAT IS WRONG"], &issues));
        let more = found.issue_count - found.issues.len() as u64;
        if more > 0 {
            let _ = writeln!(page, "  … and {} more: --emit issues lists them all", console::thousands(more));
        }
    }
    page += "\nWhat to do\n  ";
    page += next_step(found);
    page + "\n"
}

/// What can be said of a file that would go to `failed/` as a whole: how it was read, where it got that far.
pub(super) fn refused(name: &str, opened: &Opened, rules: &Rules) -> String {
    let Ok(layout) = plan::layout(opened.head(), rules) else { return String::new() };
    format!("{name}\n\nHow it is read\n{}\n", reading(&layout, packed(opened).as_deref()))
}

/// What a list came in, in words.
pub(super) fn packed(opened: &Opened) -> Option<String> {
    let (container, inner) = opened.container()?;
    Some(match (container, inner) {
        ("workbook", Some(sheet)) => format!("a workbook, of which the sheet '{sheet}' is read"),
        ("workbook", None) => "a workbook".to_owned(),
        (container, Some(inner)) => format!("packed as {container}, with '{inner}' inside"),
        (container, None) => format!("packed as {container}"),
    })
}

fn next_step(found: &Preview) -> &'static str {
    match (found.rows, found.rejected) {
        (0, _) => "There are no rows in it: nothing would be taken.",
        (_, 0) => "Nothing: drop it.",
        (rows, rejected) if rows == rejected => "No row can be taken as it is: correct what is said above and check it again.",
        _ => "Drop it: the good rows are taken, and the rejected ones come back as a CSV that can be corrected and dropped again.",
    }
}

fn reading(layout: &Layout, container: Option<&str>) -> String {
    let dialect = layout.dialect();
    let mut lines = Vec::new();
    if let Some(container) = container {
        lines.push(container.to_owned());
    }
    lines.push(format!("text in {}{}", layout.encoding.as_str(), unsure(layout.encoding_confidence)));
    let quotes = match (dialect.quote, dialect.escape) {
        (None, _) => ", quotes mean nothing".to_owned(),
        (Some(b'"'), None) => String::new(),
        (Some(quote), None) => format!(", cells may stand in {}", sign(quote)),
        (Some(quote), Some(escape)) => format!(", cells may stand in {}, with {} before a quote inside", sign(quote), sign(escape)),
    };
    lines.push(format!("cells separated by {}{}{quotes}", sign(dialect.delimiter), unsure(dialect.confidence)));
    lines.push(match (layout.has_header(), layout.header_lines) {
        (false, _) => "no line with column names: columns are told apart by what they hold".to_owned(),
        (true, 1) => format!("column names in line {}", layout.header_row),
        (true, lines) => format!("column names in lines {} to {}", layout.header_row, layout.header_row + lines - 1),
    });
    lines.iter().map(|line| format!("  {line}\n")).collect()
}

fn unsure(confidence: f64) -> &'static str {
    if confidence < 0.6 { " (a guess: please look whether it is right)" } else { "" }
}

fn sign(byte: u8) -> String {
    match byte {
        b'\t' => "tabs".to_owned(),
        b' ' => "spaces".to_owned(),
        other if other.is_ascii_graphic() => format!("'{}'", char::from(other)),
        other => format!("the character U+{other:04X}"),
    }
}

fn columns(plan: &Plan) -> String {
    let rows: Vec<Vec<String>> = plan
        .mapping
        .columns
        .iter()
        .map(|column| vec![column.name.clone(), column.maps_to.map_or("-", |field| field.name()).to_owned(), column.why.clone()])
        .collect();
    console::table(&["COLUMN", "READ AS", "WHY"], &rows)
}

fn told(findings: &[Finding]) -> String {
    let rows: Vec<Vec<String>> = findings
        .iter()
        .map(|finding| {
            let count = if finding.count == 0 { String::new() } else { console::thousands(finding.count) };
            let listed: Vec<String> = finding.rows.iter().map(u64::to_string).collect();
            let more = if finding.count > finding.rows.len() as u64 { ", …" } else { "" };
            vec![finding.column.clone().unwrap_or_default(), count, format!("{}{more}", listed.join(", ")), finding.advice.clone()]
        })
        .collect();
    console::table(&["COLUMN", "HOW OFTEN", "ROWS", "WHAT AND WHAT TO DO"], &rows)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
