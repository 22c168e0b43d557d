//! `valhalla forget EMAIL`: a person erased, by ourselves or through the daemon that holds the lock, and what of them is left
//! in the archive.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use rustix::fs::FileType;
use serde_json::{Value, json};

use super::writing::as_writer;
use super::{Exit, Global, Outcome, Trouble, print_json};
use crate::beneath::OpenFolder;
use crate::config::Config;
use crate::daemon;
use crate::inbox::{Folder, Place};
use crate::ingest::forget::archive::{self, Holding, Wish};
use crate::ingest::forget::{self, Person};
use crate::render::words::{counted, page_shown, shown};
use crate::store::Store;
use crate::store::read::PastJob;

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
        let (found, strange) = look_through(global, &config, &person)?;
        if told["verdict"] == "unknown" && !found.is_empty() {
            told = forget(global, &config, &person, true, is_dry)?;
            if is_dry {
                told["verdict"] = json!("would_forget");
            }
        }
        let mut files = Vec::new();
        for (job, holdings) in &found {
            files.extend(if is_dry { holdings.clone() } else { self.change(global, &config, &person, job)? });
        }
        if !is_dry && !found.is_empty() {
            let again = forget(global, &config, &person, true, is_dry)?; // what the store quoted of their rows has gone since
            (told["bytes_gone"], told["bytes_gone_reason"]) = (again["bytes_gone"].clone(), again["bytes_gone_reason"].clone());
        }
        let is_left = files.iter().any(|file| !file["why"].is_null());
        files.extend(strange);
        told["files"] = json!(files);
        told["copies_of_store"] = json!(copies_of_store(&config));
        if global.json {
            print_json(&told)?;
        } else {
            print!("{}", page_shown(&page(&told)));
        }
        let is_done = told["verdict"] != "unknown" && (self.archives == Archives::Report || !is_left);
        Ok(if is_done { Exit::Done } else { Exit::Failed })
    }

    /// What came of the files of one job.
    fn change(&self, global: &Global, config: &Arc<Config>, person: &Person, job: &PastJob) -> Result<Vec<Value>, Trouble> {
        let wish = match self.archives {
            Archives::Report => Wish::Report,
            Archives::Rewrite => Wish::Rewrite,
            Archives::Remove => Wish::Remove,
        };
        let request =
            json!({ "command": "forget_in_archive", "job": job.job_id.to_string(), "address": person.address, "wish": wish.as_str() });
        let done = as_writer(global, config, &request, |writer| {
            Ok(writer.forget_in_archive(job, person, wish)?.iter().map(Holding::to_json).collect())
        })?;
        Ok(done.as_array().cloned().unwrap_or_default())
    }
}

/// What is left in the archive: of each job, and in files that no job knows. Beside a daemon, which goes on meanwhile.
#[allow(clippy::type_complexity)] // two lists
fn look_through(global: &Global, config: &Config, person: &Person) -> Result<(Vec<(PastJob, Vec<Value>)>, Vec<Value>), Trouble> {
    let store = global.open_store(config)?;
    let mut known = HashSet::new();
    let mut found = Vec::new();
    store.each_job(|job| {
        known.extend(archive::places_of(&job).iter().map(|place| hash_of(place)));
        let holdings = archive::find(config, &store, &job, person)?;
        if !holdings.is_empty() {
            found.push((job, holdings.iter().map(Holding::to_json).collect()));
        }
        Ok::<(), Trouble>(())
    })?;
    let mut strange = Vec::new();
    for folder in [Folder::Processed, Folder::Failed] {
        let mut waiting = vec![PathBuf::new()];
        while let Some(below) = waiting.pop() {
            let Ok(listed) = OpenFolder::open(config.folders.path(folder.as_str())).and_then(|top| top.enter(&below)) else { continue };
            for entry in listed.looks()? {
                let (name, stat) = entry?;
                let place = Place { folder, rel: below.join(name) };
                let kind = FileType::from_raw_mode(stat.st_mode);
                if kind == FileType::Directory {
                    waiting.push(place.rel);
                } else if kind == FileType::RegularFile && !known.contains(&hash_of(&place.to_string())) {
                    strange.extend(archive::find_strange(config, &place, person)?.as_ref().map(Holding::to_json));
                }
            }
        }
    }
    Ok((found, strange))
}

/// Places are many, and eight bytes tell them apart.
fn hash_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Older stores beside the one in charge, which hold whoever was in them.
fn copies_of_store(config: &Config) -> Vec<String> {
    let name = config.store.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let entries = config.store.path.parent().and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let ours = [name.clone(), format!("{name}-wal"), format!("{name}-shm")];
    let mut copies: Vec<String> = names.filter(|other| other.starts_with(&name) && !ours.contains(other)).collect();
    copies.sort();
    copies
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
        Some("unknown") => "Nothing is known of them; nothing was changed.\n".to_owned(),
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
    let files: Vec<&Value> = told["files"].as_array().into_iter().flatten().collect();
    if files.is_empty() {
        page += "No file of the archive holds them.\n";
    }
    for file in files {
        let place = shown(file["place"].as_str().unwrap_or("-")).to_string();
        let rows = counted(file["rows"].as_u64().unwrap_or(0), "row of theirs", "rows of theirs");
        let what = match (file["done"].as_str(), file["why"].as_str(), file["fixed"].as_str()) {
            (Some(done), ..) => done.to_owned(),
            (None, Some(why), _) => format!("NOT DONE: {why}"),
            (None, None, Some(fixed)) => format!("holds them ({rows}; {fixed})"),
            (None, None, None) if file["rows"] == 0 => "names them".to_owned(),
            (None, None, None) => format!("holds them ({rows})"),
        };
        page += &format!("  {place}  {what}\n");
    }
    for copy in told["copies_of_store"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        page += &format!("  {}  is an older copy of the store, and may hold them: remove it yourself\n", shown(copy));
    }
    page
}
