//! `valhalla hold`: files whose figures are too bad to count them unseen, and what a person decides about each.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::writing::as_writer;
use super::{Exit, Global, Outcome, Trouble, print_json};
use crate::inbox::{self, Held};
use crate::render::words::{counted, page_shown, shown};

/// Files that wait for a person, and what to do with them.
#[derive(Debug, Args)]
#[command(
    after_help = "With hold_on_risk under [risk], a file whose figures are critical is not taken until somebody has looked at it. It lies
in .claimed/, whole; nothing of it is counted.

Examples:
  valhalla hold
  valhalla hold release 0199a1b2
  valhalla hold discard zillow/leads.csv"
)]
pub(super) struct Hold {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The files that wait, and why
    List,
    /// Take the file in like any other
    Release {
        /// A job id, the beginning of one, or a file name
        #[arg(value_name = "JOB|FILE")]
        job: String,
    },
    /// Move the file to failed/ as it is
    Discard {
        /// A job id, the beginning of one, or a file name
        #[arg(value_name = "JOB|FILE")]
        job: String,
    },
}

impl Hold {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match &self.what {
            None | Some(What::List) => list(global),
            Some(What::Release { job }) => decide(global, job, true),
            Some(What::Discard { job }) => decide(global, job, false),
        }
    }
}

fn list(global: &Global) -> Outcome {
    let config = global.load()?;
    let held = inbox::held(&config.folders.claimed)?;
    if global.json {
        print_json(&json!({ "held": held }))?;
    } else {
        print!("{}", page_shown(&page(&held)));
    }
    Ok(Exit::Done)
}

fn decide(global: &Global, job: &str, is_release: bool) -> Outcome {
    let config = global.load()?;
    if config.mode.is_dry_run() {
        return Err(Trouble::usage("a dry run stores and moves nothing: decide about a held file without --dry-run"));
    }
    let request = json!({ "command": if is_release { "hold_release" } else { "hold_discard" }, "job": job });
    let told = as_writer(global, &config, &request, |writer| {
        writer.decide(job, is_release)?.map_err(|text| Trouble { exit: Exit::Failed, text })
    })?;
    if global.json {
        print_json(&told)?;
    } else {
        print!("{}", done(&told));
    }
    Ok(Exit::Done)
}

fn page(held: &[Held]) -> String {
    if held.is_empty() {
        return "No file is held.\n".to_owned();
    }
    let mut page = String::new();
    for held in held {
        page += &format!("{}\n  job    {}\n  since  {}\n  rows   {}\n", shown(&held.file), held.job_id, held.at, held.rows);
        held.why.iter().for_each(|why| page += &format!("  why    {why}\n"));
    }
    page + "`valhalla hold release JOB` takes a file in, `valhalla hold discard JOB` moves it to failed/.\n"
}

fn done(told: &Value) -> String {
    let file = shown(told["file"].as_str().unwrap_or("-")).to_string();
    let place = told["archived_as"].as_str().map_or_else(String::new, |place| format!(" It lies at {}.", shown(place)));
    let rows = counted(told["rows"]["total"].as_u64().unwrap_or(0), "row", "rows");
    match told["decided"].as_str() {
        Some("released") => format!("{file}: released, and {} with {rows}.{place}\n", told["fate"].as_str().unwrap_or("done")),
        _ => format!("{file}: discarded; none of its rows is counted.{place}\n"),
    }
}
