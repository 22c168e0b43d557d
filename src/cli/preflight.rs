//! `valhalla preflight`: is this installation ready for production?

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use serde_json::json;

use super::ingest::Signals;
use super::{Exit, Global, Outcome, Trouble, print_json};
use crate::inbox::display_name;
use crate::journal::snapshot;
use crate::preflight::{self, Asked, Held, Preflight};
use crate::render::console;
use crate::render::words::page_shown;

/// Is this installation ready for production?
#[derive(Debug, Args)]
#[command(
    after_help = "A sample goes through the real pipeline in a root of its own; folders, disk, store, journals, permissions and the daemon are \
                  looked at. Nothing of yours is changed. The verdicts also stand in logs/production_validation_complete.json.\n\n\
                  Exit code 0 when nothing failed (warnings included), 1 when a check failed, 2 for a mistake in the configuration, 3 when \
                  nothing could be checked.\n\nExample:\n  valhalla preflight --days 90"
)]
pub(super) struct Preflights {
    /// The disk must last for so many days at the present rate
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// Send nothing over the network
    #[arg(long)]
    offline: bool,
}

impl Preflights {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let config = global.load()?;
        if !config.root.is_dir() {
            return Err(Trouble::environment(format!(
                "{}: there is no such folder. Make it with `valhalla init`, or name the root with --root",
                display_name(&config.root)
            )));
        }
        global.tell(&format!("root: {}", display_name(&config.root)));
        let stop = Arc::new(AtomicBool::new(false));
        let _signals = Signals::listen(&stop).map_err(|error| Trouble::environment(format!("cannot listen for signals: {error}")))?;
        let asked = Asked { days: self.days, offline: self.offline };
        let found = preflight::run(&config, asked, &stop, &|what| global.tell(&format!("[CHECKING] {what}")))
            .map_err(|error| Trouble::environment(error.to_string()))?;
        let kept = snapshot::write(&config.folders.logs, &found.validation);
        if global.json {
            let mut whole = json!(found.validation);
            whole["checks"] = json!(found.checks);
            print_json(&whole)?;
        } else {
            print!("{}", page_shown(&page(&found)));
        }
        if let Err(error) = &kept {
            global.tell(&format!("[WARNING] the verdicts could not be kept: {error}"));
        }
        Ok(if found.is_failed() || kept.is_err() { Exit::Failed } else { Exit::Done })
    }
}

fn page(found: &Preflight) -> String {
    let rows: Vec<Vec<String>> = found
        .checks
        .iter()
        .map(|check| vec![check.result.to_string(), check.name.clone(), check.measured.clone(), check.limit.clone()])
        .collect();
    let mut page = console::table(&["RESULT", "CHECK", "MEASURED", "LIMIT"], &rows);
    let to_do = || found.checks.iter().filter(|check| !check.action.is_empty());
    if to_do().next().is_some() {
        page += "\nWhat to do:\n";
    }
    for check in to_do() {
        page += &format!("  {} {}: {}\n", check.result, check.name, check.action);
    }
    let count = |held| found.checks.iter().filter(|check| check.result == held).count();
    page + &format!(
        "\n{} passed, {} warnings, {} failed, {} not checked, {} unknown: {}\n",
        count(Held::Passed),
        count(Held::Warning),
        count(Held::Failed),
        count(Held::NotChecked),
        count(Held::Unknown),
        found.validation.clearance.as_deref().unwrap_or("-"),
    )
}
