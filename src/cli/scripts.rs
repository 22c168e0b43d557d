//! `valhalla scripts`: where every script stands on its ladder, and how it got there.

use clap::Args;
use serde_json::{Value, json};

use super::{Exit, Global, Outcome, print_json};
use crate::engine::learned::ScriptStanding;
use crate::learning::scripts::{begin, why_no_score};
use crate::render::experiments::scripts_page;
use crate::render::words::page_shown;

/// Where every script stands, and how it got there.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  valhalla scripts                  where each stands, and the latest steps with their figures
  valhalla scripts --json           everything, for programs")]
pub(super) struct Scripts {}

impl Scripts {
    #[allow(clippy::unused_self)] // every command has the same shape
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let config = global.load()?;
        let store = global.open_store(&config)?;
        let rules = config.rules_for(None);
        let state = store.learning_state()?.unwrap_or_default();
        let version = store.last_lesson()?.and_then(|lesson| lesson.version).unwrap_or_default();
        let learned = store.learned(version)?.unwrap_or_default();
        // One that is set anew begins with the next outcomes; until then it stands where it is put.
        let standings: Vec<ScriptStanding> = rules.scripts.iter().map(|script| begin(&learned.scripts, script)).collect();
        let reasons: Vec<Option<String>> = standings.iter().map(|standing| why_no_score(standing, &standings, &state.trials)).collect();
        if global.json {
            let scripts: Vec<Value> = standings
                .iter()
                .zip(&reasons)
                .map(|(standing, reason)| {
                    let mut value = json!(standing);
                    value["reason"] = json!(reason);
                    value
                })
                .collect();
            print_json(&json!({ "lessons": state.looks, "scripts": scripts, "steps": state.steps }))?;
            return Ok(Exit::Done);
        }
        if store.next_lesson()?.is_some() {
            global.tell("Outcomes are waiting to be worked out: the figures are those before them.");
        }
        print!("{}", page_shown(&scripts_page(&standings, &reasons, &state.steps)));
        Ok(Exit::Done)
    }
}
