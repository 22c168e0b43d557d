//! `valhalla config show|check`: the effective configuration, or its mistakes.

use clap::Subcommand;
use serde_json::json;

use super::{Exit, Global, Outcome, print_json};
use crate::config::{Config, DEFAULT_FILE, Overrides};
use crate::inbox::display_name;

/// The effective configuration, or its mistakes.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// The effective configuration as TOML, with where each setting comes from
    Show {
        /// The commented defaults instead
        #[arg(long)]
        default: bool,
    },
    /// Whether the configuration is right; every mistake at once
    Check,
}

impl ConfigCommand {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match self {
            Self::Show { default: true } => {
                print!("{DEFAULT_FILE}");
                Ok(Exit::Done)
            }
            Self::Show { default: false } => show(global),
            Self::Check => check(global),
        }
    }
}

fn show(global: &Global) -> Outcome {
    let config = global.load()?;
    global.tell(&format!("root: {}", display_name(&config.root)));
    if global.json {
        let settings: Vec<_> = config
            .settings()
            .iter()
            .map(|setting| json!({ "section": setting.section, "key": setting.key, "value": setting.value, "origin": setting.origin.to_string() }))
            .collect();
        print_json(&settings)?;
    } else {
        print!("{}", config.show());
    }
    Ok(Exit::Done)
}

fn check(global: &Global) -> Outcome {
    let root = global.root()?;
    global.tell(&format!("root: {} ({})", display_name(&root.path), root.why));
    let file = root.config_file.as_ref().map_or("no valhalla.toml: defaults".to_owned(), |file| display_name(file));
    match Config::load(&root, std::env::vars_os(), &Overrides { dry_run: global.dry_run }) {
        Ok(_) => {
            if global.json {
                print_json(&json!({ "ok": true, "file": root.config_file, "errors": [] }))?;
            } else {
                println!("{file}: no mistake found");
            }
            Ok(Exit::Done)
        }
        Err(errors) => {
            if global.json {
                let lines: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
                print_json(&json!({ "ok": false, "file": root.config_file, "errors": lines }))?;
            } else {
                eprintln!("{errors}");
            }
            Ok(Exit::Usage)
        }
    }
}
