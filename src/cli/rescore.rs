//! `valhalla rescore`: stored leads brought up to the rules in force and to what is known now.

use std::sync::Arc;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::writing::as_writer;
use super::{Exit, Global, Outcome, Trouble, print_json};
use crate::clock;
use crate::config::Config;
use crate::ingest::rescore::{figures, preview};
use crate::render::words::{counted, thousands};

/// Stored leads brought up to the rules in force and to what is known now.
#[derive(Debug, Args)]
#[command(
    after_help = "A lead keeps the score that it was given when it came in, and says under which versions. This gives all of them, or those that
came in since, the score that they would get today. They keep the variants they were given. All of it happens, or nothing.

Examples:
  valhalla rescore --dry-run            how many would change
  valhalla rescore --since 2026-11-01"
)]
pub(super) struct Rescore {
    /// Only leads taken in at or after this date or time (2026-11-01, 2026-11-01T08:00:00Z)
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
}

impl Rescore {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let config = global.load()?;
        let since_ms = self.since.as_deref().map(|since| {
            clock::parse_ms(since)
                .ok_or_else(|| Trouble::usage(format!("--since {since}: not a date; write 2026-11-01 or 2026-11-01T08:00:00Z")))
        });
        let since_ms = since_ms.transpose()?;
        let store = global.open_store(&config)?;
        let is_dry = config.mode.is_dry_run();
        let found = if is_dry {
            let bar = bar(global);
            let found = preview(&config, &store, since_ms, |done, of| show(&bar, done, of));
            bar.finish_and_clear();
            figures(&found?)
        } else {
            drop(store);
            apply(global, &config, since_ms)?
        };
        tell(global, &found, is_dry)?;
        Ok(Exit::Done)
    }
}

fn apply(global: &Global, config: &Arc<Config>, since_ms: Option<i64>) -> Result<Value, Trouble> {
    let request = json!({ "command": "rescore", "since_ms": since_ms, "rules": config.rules_for(None).version });
    as_writer(global, config, &request, |writer| {
        let bar = bar(global);
        let rescored = writer.rescore(since_ms, |done, of| show(&bar, done, of));
        bar.finish_and_clear();
        Ok(figures(&rescored?.unwrap_or_default()))
    })
}

fn tell(global: &Global, found: &Value, is_dry: bool) -> Result<(), Trouble> {
    if global.json {
        let mut told = found.clone();
        told["dry_run"] = json!(is_dry);
        return print_json(&told);
    }
    let count = |key: &str| found[key].as_u64().unwrap_or(0);
    println!("leads      {}", thousands(count("leads")));
    println!("restaged   {} under other versions than before", thousands(count("restaged")));
    println!("scores     {} changed", thousands(count("scores_changed")));
    println!("tiers      {} changed", thousands(count("tiers_changed")));
    for (change, leads) in found["tiers"].as_object().into_iter().flatten() {
        println!("           {change}: {}", counted(leads.as_u64().unwrap_or(0), "lead", "leads"));
    }
    if is_dry {
        println!("Nothing was written: this is a dry run");
    }
    Ok(())
}

/// A progress bar on a terminal, else one that shows nothing.
fn bar(global: &Global) -> ProgressBar {
    if global.quiet || global.json || !std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} leads {eta}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, done: u64, of: u64) {
    bar.set_length(of);
    bar.set_position(done);
}
