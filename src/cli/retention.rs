//! `valhalla retention`: old files removed from the archive now, by ourselves or through the daemon that holds the lock.

use clap::Args;
use serde_json::{Value, json};

use super::writing::as_writer;
use super::{Exit, Global, Outcome, Trouble, print_json};
use crate::render::words::counted;

/// Remove files from the archive that are older than [retention] says.
#[derive(Debug, Args)]
#[command(
    after_help = "The daemon does this once a day. Only files go that jobs have put there and that nobody has changed since; leads stay in
the store. A job whose original is gone can be neither replayed nor rebuilt, and `audit` has only its record.

Examples:
  valhalla retention --dry-run
  valhalla retention"
)]
pub(super) struct Retain {}

impl Retain {
    #[allow(clippy::unused_self)] // like every command
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let config = global.load()?;
        if !config.retention.is_on() {
            return Err(Trouble::usage("every file is kept for ever: set processed_days, failed_days or rejects_days under [retention]"));
        }
        let is_dry = config.mode.is_dry_run();
        let mut total = json!({ "dry_run": is_dry, "files": 0, "bytes": 0, "jobs": 0, "changed": 0 });
        let mut after = 0;
        loop {
            let request = json!({ "command": "retention", "after": after, "dry_run": is_dry });
            let pass = as_writer(global, &config, &request, |writer| Ok(writer.expire(after, is_dry)?.to_json()))?;
            for key in ["files", "bytes", "jobs", "changed"] {
                total[key] = json!(total[key].as_u64().unwrap_or(0) + pass[key].as_u64().unwrap_or(0));
            }
            let Some(next) = pass["next"].as_i64() else { break };
            after = next;
        }
        if global.json {
            print_json(&total)?;
        } else {
            print!("{}", page(&total));
        }
        Ok(Exit::Done)
    }
}

fn page(told: &Value) -> String {
    let count = |key: &str| told[key].as_u64().unwrap_or(0);
    let files = counted(count("files"), "file", "files");
    let what = if told["dry_run"] == true { "would be removed; nothing was changed" } else { "removed from the archive" };
    let mut page = format!("{files} of {} {what} ({} bytes)\n", counted(count("jobs"), "job", "jobs"), count("bytes"));
    if count("changed") > 0 {
        page += &format!("{} old enough and not as we left them: they stay\n", counted(count("changed"), "file is", "files are"));
    }
    page
}
