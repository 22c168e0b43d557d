//! `valhalla model`: the outcome model, its figures and weights; its design matrix for other software; rollback and release.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::writing::as_writer;
use super::{Exit, Global, Outcome, Trouble, print_json};
use crate::config::Config;
use crate::engine::features::Recipe;
use crate::inbox::display_name;
use crate::ingest::Teacher;
use crate::learning::lesson::State;
use crate::learning::model::{feature_names, row};
use crate::render::model::{model_json, model_page};
use crate::render::words::{counted, page_shown};
use crate::store::Store;

/// The outcome model: its figures, its weights, what it is not allowed to see.
#[derive(Debug, Args)]
#[command(
    after_help = "A candidate becomes active when it predicts leads that neither it nor the active model has seen better by more than
one standard error. `rollback` overrules that until `release`.

Examples:
  valhalla model
  valhalla model --json
  valhalla model --matrix matrix.csv     what it was fitted on, as numbers, for other software
  valhalla model rollback                back to the model before, and stay there
  valhalla model release                 let new ones take over again"
)]
pub(super) struct Model {
    /// Write the design matrix of the active model as CSV: its outcome `y`, then one column for each feature
    #[arg(long, value_name = "FILE")]
    matrix: Option<PathBuf>,
    #[command(subcommand)]
    step: Option<Step>,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Use a model that was active before, whatever later outcomes say
    Rollback {
        /// Its id [default: the one before the active one]
        id: Option<String>,
    },
    /// Let better models take over again
    Release,
}

impl Model {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let config = global.load()?;
        let store = global.open_store(&config)?;
        let state = store.learning_state()?.unwrap_or_default();
        match &self.step {
            None => self.show(global, &config, &store, &state),
            Some(Step::Rollback { id }) => {
                let id = rollback_to(&state, id.as_deref())?;
                drop(store);
                pin(global, &config, &id)?;
                told(global, "pinned", Some(&id))
            }
            Some(Step::Release) => {
                let Some(pinned) = state.model.pinned else {
                    return Err(Trouble::usage("no model is pinned; `valhalla model` shows which one is active"));
                };
                drop(store);
                pin(global, &config, "")?;
                told(global, "released", Some(&pinned))
            }
        }
    }

    fn show(&self, global: &Global, config: &Arc<Config>, store: &Store, state: &State) -> Outcome {
        let active = state.model.active.as_deref().map(|id| store.model(id)).transpose()?.flatten();
        if let Some(file) = &self.matrix {
            let model =
                active.ok_or_else(|| Trouble { exit: Exit::Failed, text: "no model is active: `valhalla model` says why".to_owned() })?;
            return matrix(global, config, store, state, &model, file);
        }
        if store.next_lesson()?.is_some() {
            global.tell("Some outcomes have not been learned from yet; these are the figures before them.");
        }
        if global.json {
            print_json(&model_json(&state.model, active.as_ref(), &state.coverage))?;
        } else {
            print!("{}", page_shown(&model_page(&state.model, active.as_ref(), &state.coverage)));
        }
        Ok(Exit::Done)
    }
}

/// Writes what the active model was fitted on.
fn matrix(
    global: &Global,
    config: &Arc<Config>,
    store: &Store,
    state: &State,
    model: &crate::engine::features::Model,
    file: &Path,
) -> Outcome {
    let failed = |error: io::Error| Trouble::environment(format!("{}: {error}", display_name(file)));
    let mut out = csv::Writer::from_writer(BufWriter::new(File::create(file).map_err(failed)?));
    let names = feature_names(model);
    let mut wrong = out.write_record(std::iter::once("y").chain(names.iter().map(String::as_str))).err();
    let (mut leads, mut conversions) = (0_u64, 0_u64);
    Teacher::fitted_on(config, store, &state.model, model, |traits, converted| {
        (leads, conversions) = (leads + 1, conversions + u64::from(converted));
        let cells = row(model, traits).into_iter().map(|x| if x == 0.0 { "0".to_owned() } else { format!("{x:?}") });
        let record = std::iter::once(u8::from(converted).to_string()).chain(cells);
        wrong = wrong.take().or_else(|| out.write_record(record).err());
    })?;
    if let Some(error) = wrong {
        return Err(failed(error.into()));
    }
    out.into_inner().map_err(|error| failed(io::Error::other(error.to_string())))?.flush().map_err(failed)?;
    global.tell(&format!("{}: {} and {} features", display_name(file), counted(leads, "lead", "leads"), names.len()));
    if model.recipe == Recipe::Intercept {
        global.tell("Only the intercept of this model was fitted of late; its weights are those of an earlier model, on other leads.");
    } else if (leads, conversions) != (model.leads, model.conversions) {
        global.tell(&format!(
            "It was fitted on {} of which {} converted: outcomes have come in for the same time since, or were taken out.",
            counted(model.leads, "lead", "leads"),
            model.conversions
        ));
    }
    if global.json {
        print_json(&json!({ "matrix": file, "leads": leads, "conversions": conversions, "features": names }))?;
    }
    Ok(Exit::Done)
}

/// The model that is meant: one that was active, by the beginning of its id; without one, the one before the active one.
fn rollback_to(state: &State, typed: Option<&str>) -> Result<String, Trouble> {
    let versions = &state.model.versions;
    let active = state.model.active.as_deref();
    if let Some(typed) = typed {
        let mut found = versions.iter().filter(|version| !typed.is_empty() && version.id.starts_with(typed));
        return match (found.next(), found.next()) {
            (Some(version), None) => Ok(version.id.clone()),
            (Some(_), Some(_)) => Err(Trouble::usage(format!("more than one model begins with '{typed}': type more of its id"))),
            (None, _) => Err(Trouble::usage(format!("no model '{typed}' was ever active; `valhalla model` lists those that were"))),
        };
    }
    let at = versions.iter().position(|version| Some(version.id.as_str()) == active).unwrap_or(versions.len());
    match at.checked_sub(1).and_then(|before| versions.get(before)) {
        Some(version) => Ok(version.id.clone()),
        None => Err(Trouble::usage("no other model was active before; `valhalla model` lists those that were")),
    }
}

/// Pins a model, or none.
fn pin(global: &Global, config: &Arc<Config>, id: &str) -> Result<(), Trouble> {
    if config.mode.is_dry_run() {
        return Err(Trouble::usage("a dry run stores nothing: leave --dry-run out"));
    }
    let done = as_writer(global, config, &json!({ "command": "pin_model", "model": id }), |writer| {
        writer.pin_model(id)?.map_err(|why| Trouble { exit: Exit::Failed, text: why })?;
        Ok(Value::Null)
    });
    done.map(drop)
}

fn told(global: &Global, step: &str, id: Option<&str>) -> Outcome {
    if global.json {
        print_json(&json!({ "step": step, "model": id }))?;
    } else {
        match step {
            "pinned" => println!("{} is pinned: it stays until `valhalla model release`", id.unwrap_or("-")),
            _ => println!("Released: a better model may take over with the next outcomes"),
        }
    }
    Ok(Exit::Done)
}
