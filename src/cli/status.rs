//! `valhalla status`: the daemon, its queue, totals and health.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::{Exit, Global, Outcome, Trouble, print_json};
use crate::clock;
use crate::config::Config;
use crate::daemon;
use crate::inbox::{display_name, held, waiting_count};
use crate::render::console::thousands;
use crate::render::words::{counted, page_shown};
use crate::store::open_to_read;
use crate::store::read::Totals;

/// What the daemon is doing, and totals.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 0 when the daemon is running, 3 when it is not.\n\nExample:\n  valhalla status --watch")]
pub(super) struct Status {
    /// Show it again every second until Ctrl-C
    #[arg(long)]
    watch: bool,
}

impl Status {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let config = global.load()?;
        if !config.root.is_dir() {
            return Err(Trouble::environment(format!(
                "{}: there is no such folder. Name the root with --root",
                display_name(&config.root)
            )));
        }
        loop {
            let status = look(&config)?;
            let is_running = status["running"] == true;
            if global.json {
                print_json(&status)?;
            } else {
                print!("{}{}", if self.watch { "\x1b[H\x1b[2J" } else { "" }, page_shown(&page(&status)));
            }
            if !self.watch {
                return Ok(if is_running { Exit::Done } else { Exit::Environment });
            }
            std::thread::park_timeout(Duration::from_secs(1));
        }
    }
}

/// Everything in one object.
fn look(config: &Config) -> Result<Value, Trouble> {
    let mut status = match daemon::ask(&config.root, &json!({ "command": "status" })) {
        Ok(reply) if reply["ok"] == true => reply["status"].clone(),
        _ => json!({ "running": false, "root": config.root, "mode": config.mode.as_str() }),
    };
    status["waiting"] = json!(waiting_count(&config.folders.inbox).unwrap_or(0));
    let held = held(&config.folders.claimed).unwrap_or_default();
    status["in_hand"] = json!(claimed_count(&config.folders.claimed).saturating_sub(held.len()));
    status["held"] = json!(held);
    let totals =
        if config.store.path.exists() { open_to_read(&config.store.path).and_then(|store| store.totals()) } else { Ok(Totals::default()) };
    let totals = match totals {
        Ok(totals) => totals,
        // The store may be what a daemon waits for: what it says of itself is worth more then.
        Err(error) if status["running"] == true => {
            (status["totals"], status["totals_unknown"]) = (Value::Null, json!(error.to_string()));
            return Ok(status);
        }
        Err(error) => return Err(error.into()),
    };
    status["channels"] = channels(config)?;
    status["totals"] = json!({
        "files": { "processed": totals.processed, "failed": totals.failed, "duplicate": totals.duplicate, "dry_run": totals.dry_runs,
                   "undone": totals.undone },
        "rows": { "total": totals.rows, "accepted_new": totals.accepted_new, "accepted_updated": totals.accepted_updated,
                  "duplicates_in_file": totals.duplicates, "rejected": totals.rejected },
        "leads": totals.leads,
        "outcomes": { "total": totals.outcomes, "waiting": totals.outcomes_waiting },
    });
    Ok(status)
}

/// How each channel did lately.
fn channels(config: &Config) -> Result<Value, Trouble> {
    if config.alerts.channels.is_empty() || !config.store.path.exists() {
        return Ok(json!([]));
    }
    let store = open_to_read(&config.store.path)?;
    let at = |ms: Option<i64>| ms.map(clock::rfc3339);
    let mut channels = Vec::new();
    for channel in &config.alerts.channels {
        let state = store.channel_state(&channel.name)?;
        channels.push(json!({
            "name": channel.name, "waiting": state.waiting, "failures": state.failures, "last_error": state.error,
            "last_error_at": at(state.error_ms), "last_success_at": at(state.success_ms), "given_up": state.given_up,
        }));
    }
    Ok(Value::Array(channels))
}

/// Files that were taken out of the inbox and are not archived yet: being worked on, or left by a crash.
fn claimed_count(claimed: &Path) -> usize {
    std::fs::read_dir(claimed).map_or(0, |entries| entries.filter_map(Result::ok).filter(|entry| entry.path().is_dir()).count())
}

fn page(status: &Value) -> String {
    let count = |value: &Value| thousands(value.as_u64().unwrap_or(0));
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let state = match (status["running"] == true, status["paused"].as_str()) {
        (false, _) => "NOT RUNNING (start it with: valhalla run)".to_owned(),
        (true, Some(why)) => format!("PAUSED: {why}"),
        (true, None) => format!("running since {} (process {})", text(&status["started_at"]), status["pid"]),
    };
    let mut page = format!(
        "root      {}\nstate     {state}\nmode      {}\nwaiting   {} files, {} in hand\n",
        text(&status["root"]),
        text(&status["mode"]),
        count(&status["waiting"]),
        count(&status["in_hand"])
    );
    if let Some(held) = status["held"].as_array().filter(|held| !held.is_empty()) {
        page += &format!("held      {} for a person: valhalla hold\n", counted(held.len() as u64, "file waits", "files wait"));
    }
    if let Some(health) = status["health"]["status"].as_str() {
        let causes: Vec<&str> = status["health"]["causes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        page += &if causes.is_empty() { format!("health    {health}\n") } else { format!("health    {health}: {}\n", causes.join(", ")) };
    }
    let current = &status["current"];
    if let Some(file) = current["file"].as_str() {
        page += &format!(
            "now       {file}: {} rows, {} of {} KiB\n",
            count(&current["rows_done"]),
            thousands(current["bytes_done"].as_u64().unwrap_or(0) >> 10),
            thousands(current["bytes_total"].as_u64().unwrap_or(0) >> 10)
        );
    }
    if let Some(file) = status["last"]["file"].as_str() {
        page += &format!(
            "last      {file}: {} ({} in {} ms)\n",
            text(&status["last"]["fate"]),
            counted(status["last"]["rows"]["total"].as_u64().unwrap_or(0), "row", "rows"),
            status["last"]["duration_ms"]
        );
    }
    for channel in status["channels"].as_array().into_iter().flatten() {
        let error = channel["last_error"].as_str().map_or(String::new(), |error| format!(", last error {error}"));
        let success = text(&channel["last_success_at"]);
        page += &format!("channel   {}: {} waiting, last success {success}{error}\n", text(&channel["name"]), count(&channel["waiting"]));
    }
    if let Some(why) = status["totals_unknown"].as_str() {
        return page + &format!("totals    unknown: {why}\n");
    }
    let (files, rows) = (&status["totals"]["files"], &status["totals"]["rows"]);
    page += &format!(
        "files     {} processed, {} failed, {} duplicate{}\n",
        count(&files["processed"]),
        count(&files["failed"]),
        count(&files["duplicate"]),
        if files["undone"] == 0 { String::new() } else { format!(", {} undone", count(&files["undone"])) }
    );
    page += &format!(
        "rows      {} in all: {} new, {} known, {} repeated within their file, {} rejected\n",
        count(&rows["total"]),
        count(&rows["accepted_new"]),
        count(&rows["accepted_updated"]),
        count(&rows["duplicates_in_file"]),
        count(&rows["rejected"])
    );
    let outcomes = &status["totals"]["outcomes"];
    let waiting = if outcomes["waiting"] == 0 { String::new() } else { format!(", {} wait for their leads", count(&outcomes["waiting"])) };
    page + &format!("leads     {}\noutcomes  {}{waiting}\n", count(&status["totals"]["leads"]), count(&outcomes["total"]))
}
