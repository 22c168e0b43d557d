//! `valhalla check FILE…`: how would it be read? Writes nothing, needs no root.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::check_page::{self, Checked};
use super::{Exit, Global, Outcome, Trouble, print_json};
use crate::config::Config;
use crate::engine::chunk::{Context, Parents};
use crate::engine::file_error::FileError;
use crate::engine::learned::Learned;
use crate::engine::outcomes::PlanKind;
use crate::engine::plan;
use crate::engine::rules::Rules;
use crate::inbox::display_name;
use crate::ingest::preview::{self, Opened, Seen};
use crate::render::words::{counted, page_shown, shown};
use crate::render::{console, lead_json};

/// How would these files be read? Needs no root and writes nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  valhalla check leads.csv                    how it is read, and the first problems
  valhalla check leads.csv --emit issues      every problem, one JSON object a line
  valhalla check leads.csv --emit leads       every acceptable lead, one JSON object a line
  valhalla check leads.csv --emit csv         the file as it was read, as RFC 4180 UTF-8")]
pub(super) struct Check {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What goes to stdout, instead of a table
    #[arg(long, value_enum)]
    emit: Option<Emit>,
    /// Read them as files of this source (a folder of the inbox)
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Exit with 1 also when rows would be rejected
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Emit {
    /// Header and records as read, before any mapping
    Csv,
    /// The acceptable leads
    Leads,
    /// The issues
    Issues,
}

/// Problems shown in the table.
const SHOWN: usize = 20;

impl Check {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        if let Some(refusal) = super::unusable(&self.files) {
            return Err(refusal);
        }
        let config = global.load()?;
        let rules = config.rules_for(self.source.as_deref());
        let mut exit = Exit::Done;
        let mut told = Vec::new();
        for file in &self.files {
            let summary = self.one(global, &config, &rules, file)?;
            let is_rejected = summary["rows"]["rejected"].as_u64() > Some(0);
            if summary.get("error").is_some() || (self.strict && is_rejected) {
                exit = Exit::Failed;
            }
            told.push(summary);
        }
        if global.json && self.emit.is_none() {
            print_json(&told)?;
        }
        Ok(exit)
    }

    /// One file, with an `error` when it would go to `failed/`.
    fn one(&self, global: &Global, config: &Arc<Config>, rules: &Rules, file: &std::path::Path) -> Result<serde_json::Value, Trouble> {
        let name = display_name(std::path::Path::new(file.file_name().unwrap_or(file.as_os_str())));
        let is_page = self.emit.is_none() && !global.json;
        let opened = preview::open(file, rules).map_err(|error| Trouble::environment(format!("{}: {error}", display_name(file))))?;
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => {
                if is_page {
                    print!("{}", page_shown(&check_page::refused(&name, None, &error)));
                }
                return Ok(refused(&name, &error));
            }
        };
        if self.emit == Some(Emit::Csv) {
            return emit_csv(&name, opened, rules);
        }
        let source = self.source.as_deref().unwrap_or("csv");
        let plan = match plan::decide(opened.head(), rules, source, None) {
            Ok(plan) => plan,
            Err(error) => {
                if is_page {
                    print!("{}", page_shown(&check_page::refused(&name, Some((&opened, rules)), &error)));
                }
                return Ok(refused(&name, &error));
            }
        };
        let learned = Learned::none();
        let now = crate::clock::rfc3339(crate::clock::now_ms());
        let context = Context {
            plan: &plan,
            rules,
            learned: &learned,
            job_id: "",
            ingested_at: &now,
            parents: &Parents::Any,
            issues_kept: if self.emit == Some(Emit::Issues) { usize::MAX } else { SHOWN },
            render: (self.emit == Some(Emit::Leads)).then_some(lead_json::json_lines), // a list of outcomes has none
        };
        let (container, left_aside) = (check_page::packed(&opened), opened.left_aside().to_vec());
        let mut out = BufWriter::new(io::stdout().lock());
        let found = preview::preview(opened, &context, config.workers, |seen| match seen {
            Seen::Lead { row, rest } if self.emit == Some(Emit::Leads) => {
                write!(out, "{{\"row\":{row}")?;
                out.write_all(rest)
            }
            Seen::Issue(issue) if self.emit == Some(Emit::Issues) => {
                let line = json!({ "row": issue.row, "line": issue.line, "column": issue.column, "code": issue.code.as_str(), "message": issue.message });
                writeln!(out, "{line}")
            }
            _ => Ok(()),
        })?;
        out.flush()?;
        drop(out);
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                if is_page {
                    print!("{}", page_shown(&check_page::refused(&name, None, &error)));
                }
                return Ok(refused(&name, &error));
            }
        };
        let checked = Checked { name: &name, container: container.as_deref(), left_aside: &left_aside, plan: &plan, found: &found };
        if is_page {
            print!("{}", page_shown(&check_page::page(&checked)));
        }
        Ok(summary(&checked))
    }
}

/// Says why a file would go to `failed/`.
fn refused(name: &str, error: &FileError) -> serde_json::Value {
    let sentence = error.sentence(name);
    eprintln!("[ERROR] {}", shown(&sentence));
    json!({ "file": name, "error": sentence, "code": error.code })
}

/// Header and records as read to stdout, and what is worth knowing about them to stderr.
fn emit_csv(name: &str, opened: Opened, rules: &Rules) -> Result<serde_json::Value, Trouble> {
    let mut out = BufWriter::new(io::stdout().lock());
    let emitted = preview::emit_csv(opened, rules, &mut out)?;
    out.flush()?;
    let emitted = match emitted {
        Ok(emitted) => emitted,
        Err(error) => return Ok(refused(name, &error)),
    };
    if emitted.too_long > 0 {
        eprintln!("{name}: {} left out", counted(emitted.too_long, "record beyond record_bytes was", "records beyond record_bytes were"));
    }
    for note in &emitted.notes.first {
        eprintln!("{name}: line {}: {}", note.line, shown(&note.message));
    }
    let told = emitted.notes.counts.iter().map(|pair| pair.count).sum::<u64>();
    if told > emitted.notes.first.len() as u64 {
        eprintln!("{name}: … and {} more such lines", console::thousands(told - emitted.notes.first.len() as u64));
    }
    if emitted.lines_beyond > 0 {
        eprintln!("{name}: {} behind the table not read (another table, or remarks)", counted(emitted.lines_beyond, "line", "lines"));
    }
    Ok(json!({}))
}

fn summary(checked: &Checked<'_>) -> serde_json::Value {
    let Checked { name, container, left_aside, plan, found } = checked;
    let layout = &plan.layout;
    let [lost, won, open] = found.verdicts;
    let columns: Vec<_> = plan
        .mapping
        .columns
        .iter()
        .map(|column| json!({ "name": column.name, "maps_to": column.read_as(plan.kind), "why": column.why }))
        .collect();
    let issues: Vec<_> = found
        .issues
        .iter()
        .map(|issue| json!({ "row": issue.row, "line": issue.line, "column": issue.column, "code": issue.code.as_str(), "message": issue.message }))
        .collect();
    let systematic: Vec<_> = checked
        .findings()
        .into_iter()
        .map(|finding| json!({ "column": finding.column, "code": finding.code, "count": finding.count, "share": finding.share, "rows": finding.rows, "advice": finding.advice }))
        .collect();
    json!({
        "file": name,
        "container": container,
        "left_aside": left_aside,
        "dialect": { "encoding": layout.encoding.as_str(), "delimiter": char::from(layout.dialect().delimiter).to_string(),
                     "quote": layout.dialect().quote.map(|quote| char::from(quote).to_string()),
                     "escape": layout.dialect().escape.map(|escape| char::from(escape).to_string()),
                     "header_row": layout.has_header().then_some(layout.header_row), "confidence": layout.confidence() },
        "kind": if plan.kind == PlanKind::Outcomes { "outcomes" } else { "leads" },
        "columns": columns,
        "rows": { "total": found.rows, "valid": found.rows - found.rejected, "duplicates_in_file": found.duplicates, "rejected": found.rejected },
        "outcomes": { "won": won, "lost": lost, "open": open },
        "issues": issues,
        "systematic": systematic,
    })
}
