//! `valhalla alerts`: what is wrong now, what was told lately, and that somebody has seen it.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::alerts_test::AlertsTest;
use super::writing::as_writer;
use super::{Exit, Global, Outcome, Trouble, print_json};
use crate::clock;
use crate::config::Config;
use crate::journal::{self, Alert, Journal, Severity};
use crate::render::words::{counted, page_shown, shown};
use crate::store::conditions::Condition;
use crate::store::open_to_read;

/// What is wrong now, what was told lately, and that somebody has seen it.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "An acknowledged alert stays in the list; its condition is not told again until it has ended and begins anew.

Examples:
  valhalla alerts
  valhalla alerts --ack 01a208b8
  valhalla alerts --json --limit 1000
  valhalla alerts test"
)]
pub(super) struct Alerts {
    /// Somebody has seen this alert: its id, or the beginning of one
    #[arg(long, value_name = "ID")]
    ack: Option<String>,
    /// Only what is wrong now
    #[arg(long, conflicts_with = "ack")]
    open: bool,
    /// How many of the latest alerts are shown
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
    #[command(subcommand)]
    command: Option<AlertsCommand>,
}

#[derive(Debug, Subcommand)]
enum AlertsCommand {
    /// Send a test alert through the channels now
    Test(AlertsTest),
}

impl Alerts {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        if let Some(AlertsCommand::Test(command)) = &self.command {
            return command.run(global);
        }
        let config = global.load()?;
        match &self.ack {
            Some(id) => acknowledge(global, id),
            None => self.list(global, &config),
        }
    }

    fn list(&self, global: &Global, config: &Config) -> Outcome {
        let mut told = latest(config, self.limit)?;
        let (mut open, mut seen) = (Vec::new(), vec![None; told.len()]);
        if config.store.path.exists() {
            let store = open_to_read(&config.store.path)?;
            open = store.conditions(i64::MAX)?;
            for (at, alert) in told.iter().enumerate() {
                seen[at] = store.acknowledged(&alert.id)?;
            }
        }
        let is_open = |alert: &Alert| open.iter().any(|condition| is_of(condition, alert));
        if self.open {
            told.retain(|alert| is_open(alert) && alert.resolves.is_none());
        }
        if global.json {
            let lines = told.iter().zip(&seen).map(|(alert, seen)| {
                let mut line = json!(alert);
                line["open"] = json!(is_open(alert));
                line["acknowledged_at"] = json!(seen.map(clock::rfc3339));
                line
            });
            print_json(&Value::Array(lines.collect()))?;
            return Ok(Exit::Done);
        }
        let page = if self.open { conditions_page(&open) } else { conditions_page(&open) + &alerts_page(&told, &seen) };
        print!("{}", page_shown(&page));
        Ok(Exit::Done)
    }
}

/// Whether an alert began, or goes on about, this condition.
fn is_of(condition: &Condition, alert: &Alert) -> bool {
    alert.code == condition.code
        && alert.file.as_deref().unwrap_or_default() == condition.subject
        && alert.at >= clock::rfc3339(condition.opened_ms)
}

fn acknowledge(global: &Global, id: &str) -> Outcome {
    let config = global.load()?;
    let mut found: Vec<Alert> = Vec::new();
    for record in journal::read(&config.folders.logs, Journal::Alerts).map_err(|error| Trouble::environment(error.to_string()))? {
        let record = record.map_err(|error| Trouble::environment(error.to_string()))?;
        if let Ok(alert) = serde_json::from_slice::<Alert>(&record.bytes)
            && !id.is_empty()
            && alert.id.starts_with(id)
        {
            found.push(alert);
        }
    }
    let alert = match found.as_slice() {
        [alert] => alert,
        [] => return Err(Trouble { exit: Exit::Failed, text: format!("no alert begins with '{id}'; `valhalla alerts` shows the latest") }),
        several => {
            let text = format!("{} alerts begin with '{id}': write more of it", several.len());
            return Err(Trouble { exit: Exit::Failed, text });
        }
    };
    let subject = alert.file.clone().unwrap_or_default();
    let request = json!({ "command": "acknowledge", "alert": alert.id, "code": alert.code, "subject": subject });
    let told = as_writer(global, &config, &request, |writer| {
        Ok(json!({ "is_new": writer.acknowledge(&alert.id, alert.code.as_str(), &subject)? }))
    })?;
    if global.json {
        print_json(&json!({ "alert": alert.id, "is_new": told["is_new"] }))?;
    } else {
        let word = if told["is_new"] == true { "acknowledged" } else { "had been acknowledged before" };
        println!("{}: {word}", shown(&alert.title));
    }
    Ok(Exit::Done)
}

/// The latest alerts, the newest last.
fn latest(config: &Config, limit: usize) -> Result<Vec<Alert>, Trouble> {
    let trouble = |error: journal::JournalError| Trouble::environment(error.to_string());
    let mut told = std::collections::VecDeque::new();
    for record in journal::read(&config.folders.logs, Journal::Alerts).map_err(trouble)? {
        let record = record.map_err(trouble)?;
        if let Ok(alert) = serde_json::from_slice::<Alert>(&record.bytes) {
            told.push_back(alert);
            if told.len() > limit {
                told.pop_front();
            }
        }
    }
    Ok(told.into())
}

fn conditions_page(open: &[Condition]) -> String {
    if open.is_empty() {
        return "Nothing is wrong that lasts.\n".to_owned();
    }
    let mut page = format!("{} now:\n", counted(open.len() as u64, "thing is wrong", "things are wrong"));
    for condition in open {
        let about = if condition.subject.is_empty() { String::new() } else { format!(" ({})", shown(&condition.subject)) };
        let seen = if condition.acked_ms.is_some() { ", acknowledged" } else { "" };
        page += &format!(
            "  {} {}{about}\n    {}\n    since {}{seen}, id {}\n    {}\n",
            word(condition.severity),
            condition.code.title(),
            shown(&condition.detail),
            clock::local_short(condition.opened_ms),
            condition.alert,
            condition.code.action()
        );
    }
    page
}

fn alerts_page(told: &[Alert], seen: &[Option<i64>]) -> String {
    if told.is_empty() {
        return "No alert was ever told.\n".to_owned();
    }
    let mut page = "The latest alerts:\n".to_owned();
    for (alert, seen) in told.iter().zip(seen) {
        let about = alert.file.as_ref().map_or_else(String::new, |file| format!(" {}:", shown(file)));
        let times = alert.count.map_or_else(String::new, |count| format!(" ({count} times)"));
        let seen = if seen.is_some() { ", acknowledged" } else { "" };
        page += &format!(
            "  {} {} {}{about} {}{times}\n    {}{seen}\n",
            alert.at,
            word(alert.severity),
            alert.title,
            shown(&alert.detail),
            alert.id
        );
    }
    page
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info    ",
        Severity::Warning => "warning ",
        Severity::Critical => "CRITICAL",
    }
}
