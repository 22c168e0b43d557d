//! `valhalla alerts test`: one alert through each channel now, past the queue, and what came of it.

use clap::Args;
use serde_json::json;
use uuid::Uuid;

use super::{Exit, Global, Outcome, Trouble, print_json};
use crate::clock;
use crate::config::Channel;
use crate::delivery;
use crate::journal::{Alert, AlertCode};
use crate::render::words::page_shown;

/// Send a test alert through the channels now.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 0 when every channel took it, 1 when one did not.\n\nExample:\n  valhalla alerts test on-call")]
pub(super) struct AlertsTest {
    /// Only through this one
    channel: Option<String>,
}

impl AlertsTest {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let config = global.load()?;
        let all = &config.alerts.channels;
        let asked = |channel: &&Channel| self.channel.as_ref().is_none_or(|name| *name == channel.name);
        let channels: Vec<&Channel> = all.iter().filter(asked).collect();
        if channels.is_empty() {
            let names: Vec<&str> = all.iter().map(|channel| channel.name.as_str()).collect();
            return Err(Trouble::usage(match &self.channel {
                Some(name) if !names.is_empty() => format!("no channel '{name}': there are {}", names.join(", ")),
                _ => "no channel is set up: add one as [[alerts.channel]] in valhalla.toml".to_owned(),
            }));
        }
        let mut alert = Alert::new(
            AlertCode::ChannelTest,
            &Uuid::now_v7().to_string(),
            &clock::rfc3339(clock::now_ms()),
            "a test alert, sent by valhalla alerts test",
        );
        let mut is_all_well = true;
        for channel in channels {
            alert.file = Some(channel.name.clone());
            let failure = delivery::send(channel, &alert.id, &alert.to_line()).err();
            is_all_well &= failure.is_none();
            let error = failure.as_ref().map(delivery::Failure::text);
            if global.json {
                print_json(&json!({ "channel": channel.name, "ok": error.is_none(), "error": error, "alert": alert.id }))?;
            } else {
                println!("{}", page_shown(&format!("{}: {}", channel.name, error.unwrap_or("delivered"))));
            }
        }
        Ok(if is_all_well { Exit::Done } else { Exit::Failed })
    }
}
