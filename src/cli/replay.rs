//! `valhalla replay JOB`: an archived file under today's rules, with the difference; `--apply` commits it.

use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use super::writing::as_writer;
use super::{Exit, Global, Outcome, Trouble, print_json};
use crate::config::Config;
use crate::daemon;
use crate::engine::chunk::{Context, Parents};
use crate::engine::file_error::FileError;
use crate::engine::learned::Learned;
use crate::engine::plan;
use crate::inbox::Place;
use crate::ingest::{archived_place, preview};
use crate::journal::Report;
use crate::render::console;
use crate::render::words::shown;

/// An archived file under today's rules, with the difference.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --apply nothing is written. With it, the file is taken in again as a new job: known leads are updated, nobody is
counted twice, and the archived original stays where it is.

Examples:
  valhalla replay leads.csv
  valhalla replay 0199a1b2-… --apply"
)]
pub(super) struct Replay {
    /// A job id or a file name
    #[arg(value_name = "JOB|FILE")]
    job: String,
    /// Commit it
    #[arg(long)]
    apply: bool,
}

impl Replay {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let config = global.load()?;
        let store = global.open_store(&config)?;
        let job = super::find_job(&store, &self.job)?
            .ok_or_else(|| Trouble::usage(format!("no job and no file '{}' is known; `valhalla reports` lists them", self.job)))?;
        let before: Report = serde_json::from_str(&job.report).map_err(|error| Trouble::environment(error.to_string()))?;
        drop(store);
        let apply_it = self.apply && !config.mode.is_dry_run();
        let after = if apply_it { apply(global, &config, &before)? } else { look(&config, &before, archived_place(&job.moves))? };
        tell(global, &before, &after, apply_it)?;
        Ok(Exit::Done)
    }
}

/// What the file would come to today: total and rejected rows, and issues by code.
fn look(config: &Arc<Config>, before: &Report, archived: Option<Place>) -> Result<Value, Trouble> {
    let gone = |what: &str| Trouble { exit: Exit::Failed, text: format!("{}: {what}", before.file) };
    let place = archived.ok_or_else(|| gone("it was never archived, its original stayed with its owner"))?;
    let rules = config.rules_for(Some(&before.source));
    let nothing =
        |error: &FileError| json!({ "total": 0, "valid": 0, "rejected": 0, "by_code": {}, "reason": error.sentence(&before.file) });
    let opened = match preview::open_beneath(config.folders.path(place.folder.as_str()), &place.rel, &rules)
        .map_err(|error| gone(&format!("{place}: {error}")))?
    {
        Ok(opened) => opened,
        Err(error) => return Ok(nothing(&error)),
    };
    let plan = match plan::decide(opened.head(), &rules, &before.source, None) {
        Ok(plan) => plan,
        Err(error) => return Ok(nothing(&error)),
    };
    let learned = Learned::none();
    let context = Context {
        plan: &plan,
        rules: &rules,
        learned: &learned,
        job_id: "",
        ingested_at: "",
        parents: &Parents::Any,
        issues_kept: 0,
        render: None,
    };
    let found = match preview::preview(opened, &context, config.workers, |_| Ok(()))? {
        Ok(found) => found,
        Err(error) => return Ok(nothing(&error)),
    };
    let mut by_code = serde_json::Map::new();
    for pair in &found.counts.pairs {
        let sum = by_code.get(pair.code.as_str()).and_then(Value::as_u64).unwrap_or(0) + pair.count;
        by_code.insert(pair.code.as_str().to_owned(), json!(sum));
    }
    Ok(
        json!({ "total": found.rows, "valid": found.rows - found.rejected, "rejected": found.rejected, "by_code": by_code, "rules": rules.version }),
    )
}

/// Takes it in again: by ourselves, or through the daemon that holds the lock.
fn apply(global: &Global, config: &Arc<Config>, before: &Report) -> Result<Value, Trouble> {
    let request = json!({ "command": "replay", "job": before.job_id, "rules": config.rules_for(Some(&before.source)).version });
    let report = as_writer(global, config, &request, |writer| {
        let report = daemon::replay(writer, &before.job_id, None)?.map_err(Trouble::environment)?;
        Ok(serde_json::to_value(report).map_err(std::io::Error::from)?)
    })?;
    let rejected = report["rows"]["rejected"].as_u64().unwrap_or(0);
    let total = report["rows"]["total"].as_u64().unwrap_or(0);
    Ok(
        json!({ "total": total, "valid": total - rejected, "rejected": rejected, "by_code": report["issues"]["by_code"], "job_id": report["job_id"],
               "rules": report["versions"]["rules"], "rows": report["rows"] }),
    )
}

fn tell(global: &Global, before: &Report, after: &Value, applied: bool) -> Result<(), Trouble> {
    let then = json!({ "total": before.rows.total, "valid": before.valid(), "rejected": before.rows.rejected, "by_code": before.issues.by_code,
                       "rules": before.versions.rules });
    if global.json {
        return print_json(&json!({ "job_id": before.job_id, "file": before.file, "applied": applied, "before": then, "after": after }));
    }
    let row = |name: &str, key: &str| vec![name.to_owned(), then[key].to_string(), after[key].to_string()];
    let mut rows = vec![row("rows", "total"), row("acceptable", "valid"), row("rejected", "rejected")];
    let codes: std::collections::BTreeSet<String> =
        [&then["by_code"], &after["by_code"]].into_iter().filter_map(Value::as_object).flat_map(|codes| codes.keys().cloned()).collect();
    for code in codes {
        let count = |side: &Value| side["by_code"][&code].as_u64().unwrap_or(0).to_string();
        rows.push(vec![format!("  {code}"), count(&then), count(after)]);
    }
    println!("{}", shown(&before.file));
    print!("{}", console::table(&["", "THEN", "TODAY"], &rows));
    if let Some(reason) = after["reason"].as_str() {
        println!("{}", shown(reason));
    }
    println!(
        "{}",
        if applied {
            format!("Taken in again as job {}", after["job_id"].as_str().unwrap_or("-"))
        } else {
            "Nothing was written; --apply takes it in again".to_owned()
        }
    );
    Ok(())
}
