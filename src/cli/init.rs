//! `valhalla init`: sets up a root in a folder, touching nothing that is there.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{Exit, Global, Outcome, Trouble, print_json};
use crate::config::{DEFAULT_FILE, FILE_NAME};
use crate::inbox::display_name;

/// Set up a root in this folder.
#[derive(Debug, Args)]
#[command(
    after_help = "Makes inbox/, processed/, failed/, logs/ and a commented valhalla.toml; what exists is left as it is.\n\nExample:\n  valhalla init --root /srv/leads"
)]
pub(super) struct Init {}

impl Init {
    #[allow(clippy::unused_self)] // all commands have one shape
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let root = match &global.root {
            Some(root) => root.clone(),
            None => std::env::current_dir().map_err(|error| Trouble::environment(format!("the current folder: {error}")))?,
        };
        let root = std::path::absolute(&root).map_err(|error| Trouble::environment(format!("{}: {error}", display_name(&root))))?;
        let broken = |path: PathBuf| move |error: std::io::Error| Trouble::environment(format!("{}: {error}", display_name(&path)));
        let mut made = Vec::new();
        for folder in ["inbox", "processed", "failed", "logs"].map(|name| root.join(name)) {
            if !folder.is_dir() {
                std::fs::create_dir_all(&folder).map_err(broken(folder.clone()))?;
                made.push(folder);
            }
        }
        let file = root.join(FILE_NAME);
        match OpenOptions::new().write(true).create_new(true).open(&file) {
            Ok(mut opened) => {
                opened.write_all(DEFAULT_FILE.as_bytes()).map_err(broken(file.clone()))?;
                made.push(file);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(broken(file)(error)),
        }
        if global.json {
            print_json(&json!({ "root": root, "made": made }))?;
            return Ok(Exit::Done);
        }
        global.tell(&format!("root: {}", display_name(&root)));
        for path in &made {
            println!("made {}", display_name(path));
        }
        if made.is_empty() {
            println!("everything is there already");
        }
        println!("Start it with: valhalla run --root {}", display_name(&root));
        Ok(Exit::Done)
    }
}
