//! `valhalla experiments`: what the variants of every experiment have come to.
//!
//! Who was given what is as of now; what became of it as of the last outcomes that were worked out.

use std::io::{self, IsTerminal};

use clap::Args;
use serde_json::json;

use super::{Exit, Global, Outcome, print_json};
use crate::engine::rules::Experiment;
use crate::learning::trials::{ArmCounts, ExperimentCounts, Trial, VersionCounts, assess};
use crate::render::experiments::experiments_page;
use crate::render::words::page_shown;

/// What the variants of every experiment have come to.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  valhalla experiments              a table of each, and the intervals as a picture
  valhalla experiments --json       everything, for programs")]
pub(super) struct Experiments {}

impl Experiments {
    #[allow(clippy::unused_self)] // every command has the same shape
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let config = global.load()?;
        let store = global.open_store(&config)?;
        let _moment = store.snapshot()?;
        let rules = config.rules_for(None);
        let state = store.learning_state()?.unwrap_or_default();
        let counts = merged(store.exposures()?, &state.trials, &rules.experiments);
        let trials: Vec<Trial> = counts.iter().map(|counts| assess(counts, rules.outcome.min_trials)).collect();
        let is_waiting = store.next_lesson()?.is_some();
        if global.json {
            print_json(&json!({ "lessons": state.looks, "is_waiting": is_waiting, "experiments": trials }))?;
            return Ok(Exit::Done);
        }
        if is_waiting {
            global.tell("Outcomes are waiting to be worked out: the figures are those before them.");
        }
        print!("{}", page_shown(&experiments_page(&trials, config.model.coverage_min, terminal_width())));
        Ok(Exit::Done)
    }
}

/// Columns of the terminal that stdout is; none where it is a file or a pipe.
fn terminal_width() -> Option<usize> {
    let out = io::stdout();
    let size = out.is_terminal().then(|| rustix::termios::tcgetwinsize(&out));
    // A terminal that does not tell its width has the usual one.
    size.map(|size| size.ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(80))
}

/// Today's exposures with what the last lesson counted of outcomes, and the experiments that are configured but have no lead.
fn merged(mut exposures: Vec<ExperimentCounts>, trials: &[Trial], configured: &[Experiment]) -> Vec<ExperimentCounts> {
    for experiment in configured {
        if exposures.iter().all(|known| known.id != experiment.id) {
            exposures.push(ExperimentCounts {
                id: experiment.id.clone(),
                versions: vec![VersionCounts { version: 1, arms: without_leads(experiment) }],
            });
        }
    }
    for experiment in &mut exposures {
        let own = configured.iter().find(|own| own.id == experiment.id);
        let counted = trials.iter().find(|trial| trial.id == experiment.id).map_or(&[][..], |trial| &trial.versions);
        for version in &mut experiment.versions {
            let counted = counted.iter().find(|counted| counted.version == version.version);
            for arm in &mut version.arms {
                if let Some(counted) = counted.and_then(|counted| counted.arms.iter().find(|counted| counted.variant == arm.variant)) {
                    *arm = ArmCounts { exposed: arm.exposed, ..counted.clone() };
                }
                let script =
                    own.and_then(|own| own.variants.iter().find(|variant| variant.id == arm.variant)).and_then(|own| own.script.clone());
                arm.script = script.or(arm.script.take());
            }
        }
    }
    exposures.sort_by(|left, right| left.id.cmp(&right.id));
    exposures
}

fn without_leads(experiment: &Experiment) -> Vec<ArmCounts> {
    let sum: f64 = experiment.variants.iter().map(|variant| variant.weight.to_f64()).sum();
    let arm = |variant: &crate::engine::rules::Variant| ArmCounts {
        variant: variant.id.clone(),
        script: variant.script.clone(),
        share: if sum > 0.0 { variant.weight.to_f64() / sum } else { 0.0 },
        ..ArmCounts::default()
    };
    experiment.variants.iter().map(arm).collect()
}
