//! `valhalla undo JOB`: a job's effect taken out exactly; by ourselves, or through the daemon that holds the lock.

use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use super::writing::as_writer;
use super::{Exit, Global, Outcome, Trouble, print_json};
use crate::config::Config;
use crate::daemon;
use crate::ingest::undo;
use crate::render::words::{counted, shown};
use crate::store::Store;
use crate::store::read::PastJob;

/// Take out what a file brought, as if it had never come.
#[derive(Debug, Args)]
#[command(
    after_help = "Leads that only this file brought go; others are what their other files make of them. Outcomes and arms of experiments that it
brought go too, and what was learned is learned anew without them. Its report and its archived original stay. Afterwards the
same file may be dropped again. --dry-run shows what would go.

Examples:
  valhalla undo leads.csv
  valhalla undo 0199a1b2-… --dry-run"
)]
pub(super) struct Undo {
    /// A job id or a file name
    #[arg(value_name = "JOB|FILE")]
    job: String,
}

impl Undo {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let config = global.load()?;
        let store = global.open_store(&config)?;
        let job = super::find_job(&store, &self.job)?
            .ok_or_else(|| Trouble::usage(format!("no job and no file '{}' is known; `valhalla reports` lists them", self.job)))?;
        drop(store);
        let told = undo_it(global, &config, &job)?;
        if global.json {
            print_json(&told)?;
        } else {
            print!("{}", page(&told));
        }
        Ok(if told["verdict"] == "refused" { Exit::Failed } else { Exit::Done })
    }
}

fn undo_it(global: &Global, config: &Arc<Config>, job: &PastJob) -> Result<Value, Trouble> {
    let is_dry = config.mode.is_dry_run();
    let request = json!({ "command": "undo", "job": job.job_id.to_string(), "dry_run": is_dry });
    if is_dry && let Ok(_lock) = daemon::take_lock(&config.root) {
        let store = Store::open(&config.store.path, u32::try_from(config.store.cache_mb).unwrap_or(u32::MAX))?;
        return Ok(undo::look(&store, &config.root, job)?.to_json());
    }
    as_writer(global, config, &request, |writer| Ok(writer.undo(job, is_dry)?.to_json()))
}

fn page(told: &Value) -> String {
    let file = shown(told["file"].as_str().unwrap_or("-")).to_string();
    let reason = told["reason"].as_str().map(|reason| shown(reason).to_string()).unwrap_or_default();
    let text = |key: &str| told[key].as_str().unwrap_or("-").to_owned();
    match told["verdict"].as_str() {
        Some("already_undone") => return format!("{file}: already undone ({})\n{}", text("undone_at"), next_step(told)),
        Some("nothing_to_undo") => return format!("{file}: nothing to undo: {reason}\n"),
        Some("refused") => return format!("{file}: NOT UNDONE: {reason}\nNothing was changed.\n"),
        _ => {}
    }
    let is_done = told["verdict"] == "undone";
    let mut page = format!("{file}: {}\n", if is_done { "undone" } else { "would be undone; nothing was changed" });
    let lines = [
        ("leads_removed", "lead is gone, because no other file has it", "leads are gone, because no other file has them"),
        ("leads_folded", "lead is what its other files make of it", "leads are what their other files make of them"),
        ("outcomes", "outcome is gone", "outcomes are gone"),
        ("outcomes_waiting", "outcome of another file waits for its lead again", "outcomes of other files wait for their leads again"),
        ("exposures", "arm of an experiment is no longer counted", "arms of experiments are no longer counted"),
        ("reopened", "rejected row of an earlier file is open again", "rejected rows of earlier files are open again"),
    ];
    for (key, one, many) in lines {
        let count = told[key].as_u64().unwrap_or(0);
        if count > 0 {
            page += &format!("  {}\n", counted(count, one, many));
        }
    }
    if is_done { page + &next_step(told) } else { page }
}

/// What people may do now.
fn next_step(told: &Value) -> String {
    let mut text = match told["archived_as"].as_str() {
        Some(place) => format!("The original is still at {}. Corrected or not, it may be dropped again.\n", shown(place)),
        None => "The same file may be dropped again.\n".to_owned(),
    };
    let set_aside: Vec<&str> = told["set_aside"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if let Some(first) = set_aside.first() {
        let count = counted(set_aside.len() as u64, "later drop", "later drops");
        text += &format!(
            "{count} of the same content had been set aside because of it ({}): drop it again if it should count.\n",
            shown(first)
        );
    }
    text + "Leads that other files brought keep the scores they were given; `valhalla rescore` brings them up to what is known now.\n"
}
