//! `valhalla check FILE…`: how would it be read? Writes nothing, needs no root.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Exit, Global, Outcome, Trouble, print_json};
use crate::config::Config;
use crate::engine::chunk::{Context, Parents};
use crate::engine::file_error::FileError;
use crate::engine::learned::Learned;
use crate::engine::plan::{self, Plan};
use crate::engine::rules::Rules;
use crate::inbox::display_name;
use crate::ingest::preview::{Preview, Seen, preview};
use crate::render::words::counted;
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
        let bytes = crate::ingest::preview::open(file).map_err(|error| Trouble::environment(format!("{}: {error}", file.display())))?;
        if self.emit == Some(Emit::Csv) {
            let mut out = BufWriter::new(io::stdout().lock());
            let emitted = crate::ingest::preview::emit_csv(bytes, rules, &mut out)?;
            out.flush()?;
            let told = |too_long: u64| {
                if too_long > 0 {
                    eprintln!(
                        "{name}: {} left out",
                        counted(too_long, "record beyond record_bytes was", "records beyond record_bytes were")
                    );
                }
                json!({})
            };
            return Ok(emitted.map_or_else(|error| refused(&name, &error), told));
        }
        let source = self.source.as_deref().unwrap_or("csv");
        let plan = match plan::decide(&bytes.head, bytes.is_whole, rules, source) {
            Ok(plan) => plan,
            Err(error) => return Ok(refused(&name, &error)),
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
            render: (self.emit == Some(Emit::Leads)).then_some(lead_json::after_row),
        };
        let mut out = BufWriter::new(io::stdout().lock());
        let found = preview(bytes, &context, config.workers, |seen| match seen {
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
        if self.emit.is_none() && !global.json {
            print!("{}", page(&name, &plan, &found));
        }
        Ok(summary(&name, &plan, &found))
    }
}

/// Says why a file would go to `failed/`.
fn refused(name: &str, error: &FileError) -> serde_json::Value {
    let sentence = error.sentence(name);
    eprintln!("[ERROR] {sentence}");
    json!({ "file": name, "error": sentence, "code": error.code })
}

fn summary(name: &str, plan: &Plan, found: &Preview) -> serde_json::Value {
    let columns: Vec<_> =
        plan.mapping.columns.iter().map(|column| json!({ "name": column.name, "maps_to": column.maps_to.map(super::super::engine::lead::Field::name), "why": column.why })).collect();
    let issues: Vec<_> = found
        .issues
        .iter()
        .map(|issue| json!({ "row": issue.row, "line": issue.line, "column": issue.column, "code": issue.code.as_str(), "message": issue.message }))
        .collect();
    json!({
        "file": name,
        "dialect": { "encoding": plan.layout.encoding.as_str(), "delimiter": char::from(plan.layout.dialect.delimiter).to_string(),
                     "quote": plan.layout.dialect.quote.map(|quote| char::from(quote).to_string()), "header_row": plan.layout.header_row, "confidence": plan.layout.dialect.confidence },
        "columns": columns,
        "rows": { "total": found.rows, "valid": found.rows - found.rejected, "duplicates_in_file": found.duplicates, "rejected": found.rejected },
        "issues": issues,
    })
}

/// The table a sales assistant understands: how we read it, what maps to what, what is wrong, where, and what to do.
fn page(name: &str, plan: &Plan, found: &Preview) -> String {
    let delimiter = match plan.layout.dialect.delimiter {
        b'\t' => "tab".to_owned(),
        other => format!("'{}'", char::from(other)),
    };
    let mut page =
        format!("{name}: {}, cells separated by {delimiter}, header in line {}\n\n", plan.layout.encoding.as_str(), plan.layout.header_row);
    let columns: Vec<Vec<String>> = plan
        .mapping
        .columns
        .iter()
        .map(|column| vec![column.name.clone(), column.maps_to.map_or("-", |field| field.name()).to_owned(), column.why.clone()])
        .collect();
    page += &console::table(&["COLUMN", "READ AS", "WHY"], &columns);
    page += &format!(
        "\n{} rows: {} acceptable (of which {} repeat a person from above), {} rejected\n",
        console::thousands(found.rows),
        console::thousands(found.rows - found.rejected),
        console::thousands(found.duplicates),
        console::thousands(found.rejected)
    );
    if !found.issues.is_empty() {
        let issues: Vec<Vec<String>> = found
            .issues
            .iter()
            .map(|issue| vec![issue.row.to_string(), issue.line.to_string(), issue.column.clone(), issue.message.clone()])
            .collect();
        page += "\n";
        page += &console::table(&["ROW", "LINE", "COLUMN", "WHAT IS WRONG"], &issues);
        if found.issue_count > found.issues.len() as u64 {
            page += &format!(
                "… and {} more: --emit issues lists them all\n",
                console::thousands(found.issue_count - found.issues.len() as u64)
            );
        }
        page += "\nRejected rows would come back as a CSV that can be corrected and dropped again.\n";
    }
    page
}
