//! The page of `check`: how a file is read, what maps to what, what is wrong, in which rows, and what to do. For somebody
//! who has never heard of a delimiter.

use std::fmt::Write as _;

use crate::engine::file_error::FileError;
use crate::engine::findings::{self, Finding};
use crate::engine::lead::FieldSet;
use crate::engine::outcomes::PlanKind;
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

/// Characters shown of a column's name, of a sentence that quotes a cell, and of one that says what to do.
const NAME_CHARS: usize = 40;
const SENTENCE_CHARS: usize = 200;
const ADVICE_CHARS: usize = 400;

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
    if plan.kind == PlanKind::Outcomes {
        page += "  This is a list of outcomes: they are joined to leads by their e-mail or lead_id, now or when those arrive.\n";
    }
    let repeats = match found.duplicates {
        0 => String::new(),
        duplicates => {
            let what = if plan.kind == PlanKind::Outcomes { "an outcome" } else { "a person" };
            format!(" ({} {what} from above)", counted(duplicates, "repeats", "repeat"))
        }
    };
    let _ = writeln!(
        page,
        "  {}: {} acceptable{repeats}, {} rejected",
        counted(found.rows, "row", "rows"),
        console::thousands(found.rows - found.rejected),
        console::thousands(found.rejected)
    );
    if plan.outcome.is_some() {
        let [lost, won, open] = found.verdicts.map(console::thousands);
        let _ = writeln!(page, "  outcomes: {won} won, {lost} lost, {open} open");
    }
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
            .map(|issue| {
                vec![issue.row.to_string(), issue.line.to_string(), name_of(&issue.column), clipped(&issue.message, SENTENCE_CHARS)]
            })
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

/// What can be said of a file that would go to `failed/` as a whole: how it was read and what its columns are, where it
/// got that far.
pub(super) fn refused(name: &str, opened: Option<(&Opened, &Rules)>, error: &FileError) -> String {
    let mut page = format!("{name}\n\n");
    if let Some((opened, rules)) = opened
        && let Ok(layout) = plan::layout(opened.head(), rules)
    {
        let _ = writeln!(page, "How it is read\n{}", reading(&layout, packed(opened).as_deref()));
        let mut lenient = rules.clone();
        lenient.columns.required = FieldSet::default();
        if let Ok(plan) = plan::decide(opened.head(), &lenient, "", None) {
            let _ = writeln!(page, "What maps to what\n{}", indented(&columns(&plan)));
        }
    }
    let FileError { what, remedy, .. } = error;
    let stop = if what.ends_with('?') { "" } else { "." };
    let _ = writeln!(page, "What comes of it\n  Nothing would be taken: the file would go to failed/ as a whole.\n");
    let _ = writeln!(page, "What is wrong\n  {}{stop}\n\nWhat to do\n  {remedy}.", capitalised(what));
    page
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
    indented(&lines.join("\n"))
}

fn unsure(confidence: f64) -> &'static str {
    if confidence < 0.6 { " (a guess: please look whether it is right)" } else { "" }
}

fn sign(byte: u8) -> String {
    match byte {
        b'\'' => "single quotes".to_owned(),
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
        .map(|column| {
            vec![name_of(&column.name), column.read_as(plan.kind).unwrap_or("-").to_owned(), clipped(&column.why, SENTENCE_CHARS)]
        })
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
            let column = finding.column.as_deref().map_or_else(String::new, name_of);
            vec![column, count, format!("{}{more}", listed.join(", ")), clipped(&finding.advice, ADVICE_CHARS)]
        })
        .collect();
    console::table(&["COLUMN", "HOW OFTEN", "ROWS", "WHAT AND WHAT TO DO"], &rows)
}

/// A column's name, as much of it as a table bears.
fn name_of(column: &str) -> String {
    clipped(column, NAME_CHARS)
}

fn clipped(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn capitalised(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |page, line| page + "  " + line + "\n")
}
