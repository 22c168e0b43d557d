//! `valhalla forget EMAIL`: a person erased, by ourselves or through the daemon that holds the lock, and what of them is left
//! in the archive.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::writing::as_writer;
use super::{Exit, Global, Outcome, Trouble, print_json};
use crate::config::Config;
use crate::daemon;
use crate::ingest::forget::{self, Person};
use crate::render::words::counted;
use crate::store::Store;

/// Erase a person, and say which archived files still hold them.
#[derive(Debug, Args)]
#[command(
    after_help = "The lead, its history and its outcomes go from the store, down to the bytes of its files; counts in reports stay as they
were. The person is remembered by a keyed hash only, so that no old file, replay or rebuild brings them back; rows of a new
file about them are rejected with the code `forgotten` until --allow.

Examples:
  valhalla forget ada@example.com --dry-run
  valhalla forget ada@example.com --archives rewrite
  valhalla forget ada@example.com --allow"
)]
pub(super) struct Forget {
    /// Their address, however it is written
    #[arg(value_name = "EMAIL")]
    email: String,
    /// What to do with archived files that hold them
    #[arg(long, value_enum, default_value_t = Archives::Report, value_name = "WHAT")]
    archives: Archives,
    /// They agreed anew: let them in again
    #[arg(long, conflicts_with = "archives")]
    allow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Archives {
    /// Say which they are
    Report,
    /// Take their rows out; what cannot be rewritten is said
    Rewrite,
    /// Remove these files
    Remove,
}

impl Forget {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let config = global.load()?;
        let person = Person::of(&self.email).ok_or_else(|| Trouble::usage("this is no e-mail address, or several"))?;
        if self.allow {
            return allow(global, &config, &person);
        }
        let is_dry = config.mode.is_dry_run();
        let mut told = forget(global, &config, &person, false, is_dry)?;
        let is_known = told["verdict"] != "unknown";
        told["address"] = json!(person.address);
        if global.json {
            print_json(&told)?;
        } else {
            print!("{}", page(&told));
        }
        Ok(if is_known { Exit::Done } else { Exit::Failed })
    }
}

fn forget(global: &Global, config: &Arc<Config>, person: &Person, also_unknown: bool, is_dry: bool) -> Result<Value, Trouble> {
    let request = json!({ "command": "forget", "address": person.address, "also_unknown": also_unknown, "dry_run": is_dry });
    if is_dry && let Ok(_lock) = daemon::take_lock(&config.root) {
        let store = Store::open(&config.store.path, u32::try_from(config.store.cache_mb).unwrap_or(u32::MAX))?;
        return Ok(forget::look(&store, &config.root, person)?.to_json());
    }
    as_writer(global, config, &request, |writer| Ok(writer.forget(person, also_unknown)?.to_json()))
}

fn allow(global: &Global, config: &Arc<Config>, person: &Person) -> Outcome {
    if config.mode.is_dry_run() {
        return Err(Trouble::usage("a dry run changes nothing: allow somebody without --dry-run"));
    }
    let request = json!({ "command": "forget_allow", "address": person.address });
    let told = as_writer(global, config, &request, |writer| Ok(json!({ "allowed": writer.allow(person)? })))?;
    let is_done = told["allowed"] == true;
    if global.json {
        print_json(&told)?;
    } else if is_done {
        println!("They may come in again. Drop the file with them once more.");
    } else {
        println!("They are not among the forgotten; nothing was changed.");
    }
    Ok(if is_done { Exit::Done } else { Exit::Failed })
}

fn page(told: &Value) -> String {
    let count = |key: &str| told[key].as_u64().unwrap_or(0);
    let mut page = match told["verdict"].as_str() {
        Some("unknown") => return "Nothing is known of them; nothing was changed.\n".to_owned(),
        Some("would_forget") => "They would be forgotten; nothing was changed.\n".to_owned(),
        Some("already_forgotten") => "They had been forgotten before.\n".to_owned(),
        _ => "They are forgotten.\n".to_owned(),
    };
    if count("rows") + count("outcomes") > 0 {
        page += &format!(
            "  {} and {} gone from the store; counts in reports stay as they were\n",
            counted(count("rows"), "row", "rows"),
            counted(count("outcomes"), "outcome", "outcomes")
        );
    }
    if count("texts") > 0 {
        page += &format!("  {} quoted the address, and no longer does\n", counted(count("texts"), "kept text", "kept texts"));
    }
    match (told["bytes_gone"].as_bool(), told["bytes_gone_reason"].as_str()) {
        (Some(true), _) => page += "  nothing of the address is left in the database's files\n",
        (_, Some(why)) => page += &format!("  NOT ALL BYTES ARE GONE: {why}\n"),
        _ => {}
    }
    page
}
