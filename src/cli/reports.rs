//! `valhalla reports [JOB|FILE]`: past jobs, or one in full.

use clap::Args;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Exit, Global, Outcome, Trouble, print_json};
use crate::clock;
use crate::journal::Report;
use crate::render::console;
use crate::render::words::page_shown;
use crate::store::Store;
use crate::store::read::PastJob;

/// Past jobs, or one in full.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  valhalla reports                  the last twenty jobs
  valhalla reports leads.csv        the newest job of that file, in full
  valhalla reports 0199a1b2-…       one job; the first characters of its id will do
  valhalla reports --all --json     every report, as one JSON array")]
pub(super) struct Reports {
    /// A job id or a file name
    #[arg(value_name = "JOB|FILE")]
    which: Option<String>,
    /// All jobs instead of the last twenty
    #[arg(long)]
    all: bool,
}

/// Jobs in the list.
const LISTED: u64 = 20;

impl Reports {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let config = global.load()?;
        let store = global.open_store(&config)?;
        match &self.which {
            Some(which) => one(global, &store, which),
            None => self.list(global, &store),
        }
    }

    fn list(&self, global: &Global, store: &Store) -> Outcome {
        let jobs = store.jobs((!self.all && !global.json).then_some(LISTED))?;
        let reports = jobs.iter().map(read_report).collect::<Result<Vec<Report>, Trouble>>()?;
        if global.json {
            print_json(&reports)?;
            return Ok(Exit::Done);
        }
        let rows: Vec<Vec<String>> = jobs
            .iter()
            .zip(&reports)
            .map(|(job, report)| {
                let rows = report.rows;
                let fate = format!(
                    "{}{}",
                    serde_json::to_value(report.fate).ok().and_then(|fate| fate.as_str().map(str::to_owned)).unwrap_or_default(),
                    match (report.dry_run, job.undone_at_ms) {
                        (true, _) => " (dry run)",
                        (_, Some(_)) => " (undone)",
                        _ => "",
                    }
                );
                let figures = [rows.total, rows.accepted_new, rows.accepted_updated, rows.duplicates_in_file, rows.rejected];
                let mut line = vec![report.finished_at.clone(), report.job_id.clone(), fate];
                line.extend(figures.map(console::thousands));
                line.push(report.file.clone());
                line
            })
            .collect();
        print!("{}", console::table(&["FINISHED", "JOB", "FATE", "ROWS", "NEW", "KNOWN", "REPEATED", "REJECTED", "FILE"], &rows));
        Ok(Exit::Done)
    }
}

/// One job: its report, and how far its rejected rows have come back.
fn one(global: &Global, store: &Store, which: &str) -> Outcome {
    let job = super::find_job(store, which)?
        .ok_or_else(|| Trouble::usage(format!("no job and no file '{which}' is known; `valhalla reports` lists them")))?;
    let report = read_report(&job)?;
    let resolved = store.resolved(job.seq)?;
    // Rows of an earlier job that came back and were rejected again stay open there, not here.
    let own = store.rejected_rows(job.job_id)?.map_or(0, |(_, rows)| rows.iter().count() as u64);
    let children: Vec<String> = store.children(job.job_id)?.iter().map(|child| child.job_id.to_string()).collect();
    let resolution = json!({
        "total": own,
        "resolved": resolved,
        "open": own.saturating_sub(resolved),
        "children": children,
    });
    if global.json {
        let mut value = serde_json::from_str::<Value>(&job.report).map_err(|error| Trouble::environment(error.to_string()))?;
        value["resolution"] = resolution;
        // The exact digits of the values are in the recorded line; what came later is added to it.
        let line = job.report.trim_end().trim_end_matches('}').to_owned();
        println!("{line},\"resolution\":{},\"undone_at\":{}}}", value["resolution"], json!(job.undone_at_ms.map(clock::rfc3339)));
        return Ok(Exit::Done);
    }
    let undone = job.undone_at_ms.map(|at| format!("undone     {}: nothing of it counts any more\n", clock::rfc3339(at)));
    print!("{}{}", undone.unwrap_or_default(), page_shown(&page(&report, &resolution)));
    Ok(Exit::Done)
}

fn read_report(job: &PastJob) -> Result<Report, Trouble> {
    serde_json::from_str(&job.report)
        .map_err(|error| Trouble::environment(format!("the report of job {} cannot be read: {error}", job.job_id)))
}

fn page(report: &Report, resolution: &Value) -> String {
    let rows = report.rows;
    let share = |share: Option<f64>| share.map_or("unknown".to_owned(), |share| format!("{:.1} %", share * 100.0));
    let mut page = format!("file       {}\njob        {}\n", report.file, report.job_id);
    page += &format!(
        "fate       {}\n",
        serde_json::to_value(report.fate).ok().and_then(|fate| fate.as_str().map(str::to_owned)).unwrap_or_default()
    );
    if let Some(reason) = &report.reason {
        page += &format!("reason     {reason}\n");
    }
    if let Some(parent) = report.parent_job.as_deref().and_then(|parent| Uuid::parse_str(parent).ok()) {
        page += &format!("parent     {parent}\n");
    }
    page += &format!("finished   {} ({} ms, {} bytes)\n", report.finished_at, report.duration_ms, report.bytes);
    page += &format!("archived   {}\n", report.archived_as.as_deref().unwrap_or("no: the original stays where it is"));
    if let Some(rejects) = &report.rejects_as {
        page += &format!("rejects    {rejects}\n");
    }
    page += &format!(
        "rows       {} = {} new + {} known + {} repeated + {} rejected\n",
        rows.total, rows.accepted_new, rows.accepted_updated, rows.duplicates_in_file, rows.rejected
    );
    if resolution["total"] != 0 {
        page += &format!("resolved   {} of {}\n", resolution["resolved"], resolution["total"]);
    }
    let quality = &report.quality;
    page += &format!(
        "quality    {} (validity {}, completeness {}, uniqueness {}, format {}, plausibility {})\n",
        quality.score.map_or("unknown".to_owned(), |score| format!("{score:.1}")),
        share(quality.validity),
        share(quality.completeness),
        share(quality.uniqueness),
        share(quality.format),
        share(quality.plausibility)
    );
    let tiers = report.tiers;
    page += &format!("tiers      A {}, B {}, C {}, D {}\n", tiers.A, tiers.B, tiers.C, tiers.D);
    if !report.columns.is_empty() {
        let columns: Vec<Vec<String>> = report
            .columns
            .iter()
            .map(|column| vec![column.name.clone(), column.maps_to.clone().unwrap_or("-".to_owned()), column.why.clone()])
            .collect();
        page += &format!("\n{}", console::table(&["COLUMN", "READ AS", "WHY"], &columns));
    }
    if !report.systematic.is_empty() {
        let found: Vec<Vec<String>> = report
            .systematic
            .iter()
            .map(|finding| {
                let rows: Vec<String> = finding.rows.iter().map(u64::to_string).collect();
                vec![finding.column.clone().unwrap_or_default(), rows.join(", "), finding.advice.clone()]
            })
            .collect();
        page += &format!("\n{}", console::table(&["COLUMN", "E.G. ROWS", "WORTH KNOWING"], &found));
    }
    if !report.issues.first.is_empty() {
        let issues: Vec<Vec<String>> = report
            .issues
            .first
            .iter()
            .map(|issue| vec![issue.row.to_string(), issue.line.to_string(), issue.column.clone().unwrap_or_default(), issue.code.clone()])
            .collect();
        page += &format!("\n{}", console::table(&["ROW", "LINE", "COLUMN", "ISSUE"], &issues));
        if report.issues.truncated {
            page += "… and more: the rejects file has them all\n";
        }
    }
    page
}
