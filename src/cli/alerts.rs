//! `valhalla alerts`: what was told, and whether telling works.

use clap::{Args, Subcommand};

use super::alerts_test::AlertsTest;
use super::{Global, Outcome};

/// What was told, and whether telling works.
#[derive(Debug, Args)]
pub(super) struct Alerts {
    #[command(subcommand)]
    command: AlertsCommand,
}

#[derive(Debug, Subcommand)]
enum AlertsCommand {
    /// Send a test alert through the channels now
    Test(AlertsTest),
}

impl Alerts {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match &self.command {
            AlertsCommand::Test(command) => command.run(global),
        }
    }
}
