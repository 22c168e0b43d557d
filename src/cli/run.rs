//! `valhalla run`: the daemon, in the foreground.

use clap::Args;

use super::{Exit, Global, Outcome, Trouble};
use crate::config::LogLevel;
use crate::daemon::{self, Shutdown};
use crate::inbox::display_name;
use crate::logging;

/// Take in whatever is dropped into the inbox, until stopped.
#[derive(Debug, Args)]
#[command(
    after_help = "Stop it with Ctrl-C or SIGTERM: the file in hand is finished or safely abandoned.\n\nExample:\n  valhalla run --root /srv/leads"
)]
pub(super) struct Run {}

impl Run {
    #[allow(clippy::unused_self)] // all commands have one shape
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let config = global.load()?;
        let level = global.console_level(LogLevel::Info);
        let _log = logging::start(level, Some((&config.folders.logs, &config.log))).map_err(|error| {
            Trouble::environment(format!("{}: {error}. The log cannot be written there", display_name(&config.folders.logs)))
        })?;
        global.tell(&format!(
            "root: {} ({} mode); drop files into {}",
            display_name(&config.root),
            config.mode.as_str(),
            display_name(&config.folders.inbox)
        ));
        daemon::run(&config, &Shutdown::default())?;
        Ok(Exit::Done)
    }
}
