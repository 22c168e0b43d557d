//! Is this installation ready for production? Every item of the original system's checklist as something that is done and
//! looked at, with a verdict that a fault turns.
//!
//! In reading order: `sample.rs` makes a list from the configuration; `trial.rs` takes it through the real pipeline in a root
//! of its own; `places.rs` looks at the folders, the disk and who may touch them; `kept.rs` at the store, the journals, the
//! daemon and the clock. Beside a running daemon: the root's lock is not taken, the store is only read, no line is added to a
//! journal. Nothing is repaired here: a check says what to do.

mod kept;
mod places;
pub mod sample;
mod trial;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::clock;
use crate::config::{Channel, Config};
use crate::delivery;
use crate::journal::snapshot::{ProductionValidation, Reasons, ValidationMetrics, ValidationResults, Verdict};
use crate::journal::{Alert, AlertCode};
use crate::risk::{self, Assessment, Finding, Level, RiskLevel, assess};

/// The original's checklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the keys are the original's
pub enum Item {
    DryRunDisable,
    CsvIngestion,
    DataQuality,
    SystemPerformance,
    Security,
    RiskAssessment,
    PipelineProcessing,
    AlertLogging,
}

impl Item {
    /// The key in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DryRunDisable => "dry_run_disable",
            Self::CsvIngestion => "csv_ingestion",
            Self::DataQuality => "data_quality",
            Self::SystemPerformance => "system_performance",
            Self::Security => "security",
            Self::RiskAssessment => "risk_assessment",
            Self::PipelineProcessing => "pipeline_processing",
            Self::AlertLogging => "alert_logging",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Held {
    /// It holds.
    Passed,
    /// It holds, with something to look at.
    Warning,
    /// It does not hold.
    Failed,
    /// It cannot be known here; nothing speaks against it.
    Unknown,
    /// The check itself could not be made, so its item has no verdict.
    #[serde(rename = "NOT_CHECKED")]
    NotChecked,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passed => "PASSED",
            Self::Warning => "WARNING",
            Self::Failed => "FAILED",
            Self::Unknown => "UNKNOWN",
            Self::NotChecked => "NOT CHECKED",
        })
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The item of the checklist that it belongs to.
    pub item: Item,
    /// What is checked: one name for each, the same every time.
    pub name: String,
    /// What came of it.
    pub result: Held,
    /// What was measured; or why it was not.
    pub measured: String,
    /// What it is held against.
    pub limit: String,
    /// What to do; empty where there is nothing to do.
    pub action: String,
}

impl Check {
    /// Something that holds.
    fn passed(item: Item, name: &str, measured: impl Into<String>, limit: impl Into<String>) -> Self {
        let (measured, limit) = (measured.into(), limit.into());
        Self { item, name: name.to_owned(), result: Held::Passed, measured, limit, action: String::new() }
    }

    /// Turns it, with what to do about it.
    fn turned(self, result: Held, action: impl Into<String>) -> Self {
        Self { result, action: action.into(), ..self }
    }

    /// Turns it unless the condition holds.
    fn unless(self, holds: bool, result: Held, action: &str) -> Self {
        if holds { self } else { self.turned(result, action) }
    }
}

/// Everything that was found.
#[derive(Debug, Clone)]
pub struct Preflight {
    /// In the order in which they were made.
    pub checks: Vec<Check>,
    /// Of the probes, and of the checks that an alert would be raised for.
    pub assessment: Assessment,
    /// What is written to `production_validation_complete.json`.
    pub validation: ProductionValidation,
}

impl Preflight {
    /// Whether a check does not hold.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.checks.iter().any(|check| check.result == Held::Failed)
    }
}

/// How it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// The disk must last for so many days.
    pub days: u32,
    /// Whether nothing may leave this machine.
    pub offline: bool,
}

/// Why nothing could be checked.
#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    /// No root of its own could be made for the sample.
    #[error(
        "{path}: {source}. The sample needs a folder of its own on the file system of the root: make the root (`valhalla init`), or let this user write there"
    )]
    NoRoom {
        /// Where.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
    /// Somebody stopped it.
    #[error("stopped before all was checked; nothing was left behind")]
    Stopped,
}

/// Makes every check. `tell` hears what takes a moment.
///
/// # Errors
/// [`PreflightError`]: then nothing is known, and nothing was left behind.
pub fn run(config: &Arc<Config>, asked: Asked, stop: &Arc<AtomicBool>, tell: &dyn Fn(&str)) -> Result<Preflight, PreflightError> {
    let go_on = || if stop.load(Ordering::Relaxed) { Err(PreflightError::Stopped) } else { Ok(()) };
    let mut checks = vec![mode(config), configuration(config)];
    tell("a sample goes through the pipeline in a root of its own");
    let trial = trial::run(config, stop)?;
    checks.extend(trial.checks);
    go_on()?;
    tell("folders, disk and permissions");
    checks.extend(places::checks(config));
    go_on()?;
    tell("the store and the journals");
    checks.extend(kept::checks(config, asked.days));
    go_on()?;
    checks.extend(channels_reachable(config, asked.offline));
    let findings = findings(config, &checks);
    checks.extend(findings.iter().map(finding_check));
    let assessment = assess(&findings);
    checks.push(risk_check(&assessment));
    let validation = validation(config, &checks, &assessment, trial.metrics);
    Ok(Preflight { checks, assessment, validation })
}

fn mode(config: &Config) -> Check {
    let (told, is_dry) = match kept::daemon_mode(config) {
        Some(daemon) => (format!("{}; the running daemon: {daemon}", config.mode.as_str()), daemon == "dry-run"),
        None => (config.mode.as_str().to_owned(), false),
    };
    Check::passed(Item::DryRunDisable, "mode", told, "production").unless(
        !config.mode.is_dry_run() && !is_dry,
        Held::Failed,
        "Set mode = \"production\" and leave out --dry-run, for the daemon too: in a dry run nothing is stored.",
    )
}

fn configuration(config: &Config) -> Check {
    let file = config.config_file.as_ref().map_or_else(|| "no file, all defaults".to_owned(), |file| file.display().to_string());
    let own = config.sources().count();
    let measured = format!("{file}; {} settings, {own} sources with rules of their own", config.settings().len());
    Check::passed(Item::CsvIngestion, "configuration", measured, "no mistake in it")
}

/// Whether somebody would hear of an alert beside `logs/alerts.jsonl`.
fn channels_reachable(config: &Config, is_offline: bool) -> Vec<Check> {
    let channels = &config.alerts.channels;
    if channels.is_empty() {
        let measured = "none configured: alerts stand in logs/alerts.jsonl only";
        let check = Check::passed(Item::AlertLogging, "alert channels", measured, "at least one");
        let remedy = "Configure one under [[alerts.channel]], or have somebody look at `valhalla status` every day.";
        return vec![check.turned(Held::Warning, remedy)];
    }
    channels.iter().map(|channel| channel_check(channel, is_offline)).collect()
}

/// A test alert through one channel: nothing less shows that somebody would hear of a real one.
fn channel_check(channel: &Channel, is_offline: bool) -> Check {
    let name = format!("alert channel {}", channel.name);
    let check = |measured: String| Check::passed(Item::AlertLogging, &name, measured, "a test alert gets through");
    if is_offline {
        let remedy = format!("Run `valhalla alerts test {}`.", channel.name);
        return check("not tried (--offline)".to_owned()).turned(Held::Warning, remedy);
    }
    let id = uuid::Uuid::now_v7().to_string();
    let mut alert = Alert::new(AlertCode::ChannelTest, &id, &clock::rfc3339(clock::now_ms()), "a test alert, sent by valhalla preflight");
    alert.file = Some(channel.name.clone());
    match delivery::send(channel, &id, &alert.to_line()) {
        Ok(()) => check("a test alert got through".to_owned()),
        Err(failure) => check(failure.text().to_owned()).turned(Held::Failed, AlertCode::ChannelFailing.action()),
    }
}

/// The probes' findings, and a finding for each check that an alert would be raised for.
fn findings(config: &Config, checks: &[Check]) -> Vec<Finding> {
    let mut findings = risk::probe(config);
    for check in checks.iter().filter(|check| check.result == Held::Failed) {
        let code = match check.name.as_str() {
            "store" => AlertCode::StoreFault,
            "audit chain" => AlertCode::JournalTampered,
            name if name.starts_with("disk") || name.starts_with("inodes") => AlertCode::DiskFull,
            _ => continue,
        };
        findings.push(Finding::new(code, Level::Critical, check.measured.clone()).about(check.name.clone()));
    }
    findings
}

/// A probe's finding as a check. A warning of a probe is a warning here; what it comes to together is the assessment's.
fn finding_check(finding: &Finding) -> Check {
    let code = finding.code.as_str();
    let name = finding.subject.as_ref().map_or_else(|| code.to_owned(), |subject| format!("{code} {subject}"));
    let item = if risk::is_security(finding.code) { Item::Security } else { Item::SystemPerformance };
    let limit = finding.limit.map_or_else(|| "nothing found".to_owned(), |limit| limit.to_string());
    let check = Check::passed(item, &name, finding.detail.clone(), limit);
    match finding.level {
        Level::Fine => check,
        Level::Warning => check.turned(Held::Warning, finding.code.action()),
        Level::Critical => check.turned(Held::Failed, finding.code.action()),
        Level::Unknown => check.turned(Held::Unknown, ""),
    }
}

fn risk_check(assessment: &Assessment) -> Check {
    let causes: Vec<&str> = assessment.causes.iter().map(|code| code.as_str()).collect();
    let why = if causes.is_empty() { String::new() } else { format!(" ({})", causes.join(", ")) };
    let unknown = if assessment.unknown == 0 { String::new() } else { format!("; {} cannot be known", assessment.unknown) };
    let measured = format!("risk {}, health {}{why}{unknown}", assessment.risk.as_str(), assessment.health.as_str());
    let result = match assessment.risk {
        RiskLevel::Low => Held::Passed,
        RiskLevel::Medium => Held::Warning,
        RiskLevel::High => Held::Failed,
    };
    let check = Check::passed(Item::RiskAssessment, "risk", measured, "LOW");
    if result == Held::Passed { check } else { check.turned(result, "Do what stands at the checks that it names.") }
}

/// The object of the file.
fn validation(config: &Config, checks: &[Check], assessment: &Assessment, metrics: ValidationMetrics) -> ProductionValidation {
    let mut results = ValidationResults::default();
    let mut reasons = Reasons::new();
    let places: [(Item, &mut Option<Verdict>); 8] = [
        (Item::DryRunDisable, &mut results.dry_run_disable),
        (Item::CsvIngestion, &mut results.csv_ingestion),
        (Item::DataQuality, &mut results.data_quality),
        (Item::SystemPerformance, &mut results.system_performance),
        (Item::Security, &mut results.security),
        (Item::RiskAssessment, &mut results.risk_assessment),
        (Item::PipelineProcessing, &mut results.pipeline_processing),
        (Item::AlertLogging, &mut results.alert_logging),
    ];
    for (item, place) in places {
        match verdict(checks, item) {
            Ok(verdict) => *place = Some(verdict),
            Err(why) => drop(reasons.insert(item.as_str().to_owned(), why)),
        }
    }
    results.reasons = reasons;
    let has = |held| checks.iter().any(|check| check.result == held);
    let clearance = match (has(Held::Failed), has(Held::Warning) || has(Held::NotChecked)) {
        (true, _) => RiskLevel::High.clearance(),
        (false, true) => RiskLevel::Medium.clearance(),
        (false, false) => assessment.risk.clearance(),
    };
    let metrics = ValidationMetrics {
        risk_level: Some(assessment.risk.as_str().to_owned()),
        system_health: Some(assessment.health.as_str().to_owned()),
        ..metrics
    };
    ProductionValidation {
        timestamp: clock::rfc3339(clock::now_ms()),
        mode: config.mode.as_str().to_owned(),
        dry_run_enabled: config.mode.is_dry_run(),
        validation_results: results,
        metrics,
        clearance: Some(clearance.to_owned()),
        reasons: Reasons::new(),
    }
}

/// The worst of an item's checks; why there is no verdict where one of them could not be made.
fn verdict(checks: &[Check], item: Item) -> Result<Verdict, String> {
    let of_item = || checks.iter().filter(|check| check.item == item);
    let has = |held| of_item().any(|check| check.result == held);
    if has(Held::Failed) {
        return Ok(Verdict::Failed);
    }
    if let Some(check) = of_item().find(|check| check.result == Held::NotChecked) {
        return Err(format!("{}: {}", check.name, check.measured));
    }
    if has(Held::Warning) {
        return Ok(Verdict::Warning);
    }
    if has(Held::Passed) { Ok(Verdict::Passed) } else { Err("no check of it could be made".to_owned()) }
}
